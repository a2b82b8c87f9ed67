"""Options for reading a sheet, and the profile file that stores them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from routing_engine.errors import InvalidValueError
from routing_engine.model.destinations import DEFAULT_DIAL_POLICY, NUMBER_TYPES, DialPolicy

__all__ = ["SheetSettings", "settings_of"]

DEFAULT_REGION = "US"
_LISTS = ("allow", "countries", "refuse", "sip_hosts")
_NAMES = frozenset(("region", "map", "pbx", "timezone", *_LISTS))

_SIP = "sip"


@dataclass(frozen=True, slots=True)
class SheetSettings:
    """Arguments of :func:`read_sheet`; ``region`` is ``none`` or the code of a country."""

    region: str = DEFAULT_REGION
    template: Path | None = None
    columns: dict[str, str] = field(default_factory=dict)
    pbx: str | None = None
    timezone: str | None = None
    dial_policy: DialPolicy = DEFAULT_DIAL_POLICY


def settings_of(
    profile: Path | None = None,
    *,
    region: str | None = None,
    template: Path | None = None,
    mapped: Sequence[str] = (),
    pbx: str | None = None,
    timezone: str | None = None,
    allow: Sequence[str] = (),
    refuse: Sequence[str] = (),
    countries: str | None = None,
    sip_hosts: Sequence[str] = (),
) -> SheetSettings:
    """Merge options into a profile; an option wins, and is stored in the profile.

    Args:
        profile: a JSON file whose keys are the names of the other arguments but ``template``; it
            calls ``mapped`` ``map``. It is written where options are given that it does not hold.
        region: see :class:`SheetSettings`.
        template: likewise; not stored.
        mapped: ``"Their header=location_id"`` each.
        pbx: SIP host of a PBX.
        timezone: for locations that name none.
        allow: types of numbers, or single numbers or SIP URIs, that may be dialled.
        refuse: types of numbers that may not be dialled, beside premium-rate and the like;
            ``sip`` for SIP URIs.
        countries: codes with commas between them; none for all.
        sip_hosts: hosts that SIP URIs may name; none for all.

    Raises:
        InvalidValueError: an option or the profile is wrong.
    """
    kept = {} if profile is None or not profile.exists() else _read(profile)
    given: dict[str, Any] = {
        "region": region or kept.get("region"),
        "map": {**kept.get("map", {}), **dict(map(_pair, mapped))},
        "pbx": pbx or kept.get("pbx"),
        "timezone": timezone or kept.get("timezone"),
        "allow": sorted({*kept.get("allow", ()), *allow}),
        "refuse": sorted({*kept.get("refuse", ()), *refuse}),
        "countries": _codes(countries) or kept.get("countries"),
        "sip_hosts": sorted({*kept.get("sip_hosts", ()), *sip_hosts}),
    }
    given = {name: value for name, value in given.items() if value}
    policy = _policy(**{name: given.get(name, ()) for name in _LISTS})
    if profile is not None and given != kept:
        text = json.dumps(given, ensure_ascii=False, indent=2, sort_keys=True)
        profile.write_text(text + "\n", encoding="utf-8")
    return SheetSettings(
        given.get("region", DEFAULT_REGION),
        template,
        given.get("map", {}),
        given.get("pbx"),
        given.get("timezone"),
        policy,
    )


def _read(profile: Path) -> dict[str, Any]:
    try:
        kept = json.loads(profile.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise InvalidValueError(f"{profile} is not JSON: {error}") from error
    if not isinstance(kept, dict) or not kept.keys() <= _NAMES:
        raise InvalidValueError(
            f"{profile} is no profile: its keys are {', '.join(sorted(_NAMES))}"
        )
    mapping, lists = kept.get("map", {}), [kept.get(name) or [] for name in _LISTS]
    texts = [
        kept.get("region") or "",
        kept.get("pbx") or "",
        kept.get("timezone") or "",
        *map(str, mapping),
    ]
    is_right = isinstance(mapping, dict) and all(isinstance(items, list) for items in lists)
    if not is_right or not all(
        isinstance(item, str)
        for item in (*texts, *mapping.values(), *(item for items in lists for item in items))
    ):
        raise InvalidValueError(
            f"{profile} is no profile: map is an object of texts, {', '.join(_LISTS)} are lists"
        )
    return kept


def _pair(text: str) -> tuple[str, str]:
    header, equals, column = text.rpartition("=")
    if not equals or not header.strip():
        raise InvalidValueError(f"--map {text!r}: write HEADER=COLUMN, such as Filiale=location_id")
    return header.strip(), column.strip()


def _codes(countries: str | None) -> list[str]:
    if countries is None:
        return []
    return [code.strip().upper() for code in countries.split(",") if code.strip()]


def _policy(
    allow: Sequence[str], refuse: Sequence[str], countries: Sequence[str], sip_hosts: Sequence[str]
) -> DialPolicy:
    types = {item for item in allow if item in NUMBER_TYPES}
    others = frozenset(item for item in allow if item not in types)
    wrong = sorted(item for item in others if not item.startswith(("+", "sip:", "sips:")))
    if wrong:
        raise InvalidValueError(
            f"--allow {wrong[0]!r}: give a type ({', '.join(sorted(NUMBER_TYPES))}), a number with "
            "+ or a SIP URI"
        )
    unknown = sorted(set(refuse) - NUMBER_TYPES - {_SIP})
    if unknown:
        raise InvalidValueError(
            f"--refuse {unknown[0]!r}: give a type ({', '.join(sorted(NUMBER_TYPES))}), or {_SIP}"
        )
    both = sorted(types & set(refuse))
    if both:
        raise InvalidValueError(f"{both[0]} is both allowed and refused: leave one of them out")
    return DialPolicy(
        countries=frozenset(countries) if countries else None,
        refused_types=DEFAULT_DIAL_POLICY.refused_types - types | set(refuse) - {_SIP},
        allow_sip=_SIP not in refuse,
        allow=others or None,
        sip_hosts=frozenset(sip_hosts) if sip_hosts else None,
    )
