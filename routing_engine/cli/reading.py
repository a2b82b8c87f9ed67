"""The options that say how a sheet is read, for every command that reads one."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from routing_engine.cli.options import (
    AllowOption,
    CountriesOption,
    MapOption,
    PbxOption,
    ProfileOption,
    RefuseOption,
    SheetRegionOption,
    SipHostOption,
    TemplateOption,
    TimezoneOption,
)
from routing_engine.cli.profile import SheetSettings, settings_of

__all__ = ["reads_sheets"]


def _settings(
    region: SheetRegionOption = None,
    template: TemplateOption = None,
    mapped: MapOption = None,
    profile: ProfileOption = None,
    pbx: PbxOption = None,
    timezone: TimezoneOption = None,
    allow: AllowOption = None,
    refuse: RefuseOption = None,
    countries: CountriesOption = None,
    sip_host: SipHostOption = None,
) -> SheetSettings:
    return settings_of(
        profile, region=region, template=template, mapped=mapped or (), pbx=pbx, timezone=timezone,
        allow=allow or (), refuse=refuse or (), countries=countries, sip_hosts=sip_host or (),
    )  # fmt: skip


_OPTIONS = inspect.signature(_settings, eval_str=True).parameters


def reads_sheets(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options in the place of its parameter ``reading: SheetSettings``.

    All its parameters are given by name.
    """

    @functools.wraps(command)
    def run(**given: Any) -> None:
        reading = _settings(**{name: given.pop(name) for name in _OPTIONS})
        command(**given, reading=reading)

    own = inspect.signature(command, eval_str=True).parameters.values()
    shown = [
        option
        for parameter in own
        for option in (_OPTIONS.values() if parameter.name == "reading" else (parameter,))
    ]
    by_name = [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in shown]
    run.__signature__ = inspect.Signature(by_name)  # type: ignore[attr-defined]
    run.__annotations__ = {option.name: option.annotation for option in shown}
    return run
