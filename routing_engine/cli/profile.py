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

_NAMES = frozenset(("map", "pbx", "timezone", "allow", "countries"))


@dataclass(frozen=True, slots=True)
class SheetSettings:
    """Arguments of :func:`read_sheet`, other than region and template."""

    columns: dict[str, str] = field(default_factory=dict)
    pbx: str | None = None
    timezone: str | None = None
    dial_policy: DialPolicy = DEFAULT_DIAL_POLICY


def settings_of(
    profile: Path | None = None,
    *,
    mapped: Sequence[str] = (),
    pbx: str | None = None,
    timezone: str | None = None,
    allow: Sequence[str] = (),
    countries: str | None = None,
) -> SheetSettings:
    """Merge options into a profile; an option wins, and is stored in the profile.

    Args:
        profile: a JSON file with the keys map, pbx, timezone, allow and countries. It is written
            where options are given that it does not hold.
        mapped: ``"Their header=location_id"`` each.
        pbx: SIP host of a PBX.
        timezone: for locations that name none.
        allow: types of numbers, or single numbers or SIP URIs, that may be dialled.
        countries: codes with commas between them; none for all.

    Raises:
        InvalidValueError: an option or the profile is wrong.
    """
    kept = {} if profile is None or not profile.exists() else _read(profile)
    given: dict[str, Any] = {
        "map": {**kept.get("map", {}), **dict(map(_pair, mapped))},
        "pbx": pbx or kept.get("pbx"),
        "timezone": timezone or kept.get("timezone"),
        "allow": sorted({*kept.get("allow", ()), *allow}),
        "countries": _codes(countries) or kept.get("countries"),
    }
    given = {name: value for name, value in given.items() if value}
    policy = _policy(given.get("allow", ()), given.get("countries"))
    if profile is not None and given != kept:
        text = json.dumps(given, ensure_ascii=False, indent=2, sort_keys=True)
        profile.write_text(text + "\n", encoding="utf-8")
    return SheetSettings(given.get("map", {}), given.get("pbx"), given.get("timezone"), policy)


def _read(profile: Path) -> dict[str, Any]:
    try:
        kept = json.loads(profile.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise InvalidValueError(f"{profile} is not JSON: {error}") from error
    if not isinstance(kept, dict) or not kept.keys() <= _NAMES:
        raise InvalidValueError(
            f"{profile} is no profile: its keys are {', '.join(sorted(_NAMES))}"
        )
    mapping, lists = kept.get("map", {}), [kept.get("allow", []), kept.get("countries") or []]
    texts = [kept.get("pbx") or "", kept.get("timezone") or "", *map(str, mapping)]
    is_right = isinstance(mapping, dict) and all(isinstance(items, list) for items in lists)
    if not is_right or not all(
        isinstance(item, str)
        for item in (*texts, *mapping.values(), *(item for items in lists for item in items))
    ):
        raise InvalidValueError(
            f"{profile} is no profile: map is an object of texts, allow and countries are lists"
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


def _policy(allow: Sequence[str], countries: Sequence[str] | None) -> DialPolicy:
    types = {item for item in allow if item in NUMBER_TYPES}
    others = frozenset(item for item in allow if item not in types)
    wrong = sorted(item for item in others if not item.startswith(("+", "sip:", "sips:")))
    if wrong:
        raise InvalidValueError(
            f"--allow {wrong[0]!r}: give a type ({', '.join(sorted(NUMBER_TYPES))}), a number with "
            "+ or a SIP URI"
        )
    return DialPolicy(
        countries=frozenset(countries) if countries else None,
        refused_types=DEFAULT_DIAL_POLICY.refused_types - types,
        allow=others or None,
    )
