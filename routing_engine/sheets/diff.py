"""Compare two sets of locations."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from routing_engine.catalog.columns import (
    SPECIAL,
    DestinationCodes,
    Interner,
    LocationColumns,
    SharedSettings,
)
from routing_engine.hours import BusinessHours
from routing_engine.model.destinations import Destination
from routing_engine.model.rules import ContextRule, RuleText

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["FieldChange", "LocationChange", "RuleChange", "SheetDiff", "diff"]

MAX_SHOWN = 10
"""Most locations of each kind that a summary prints."""
MAX_WORDED = 60
"""Most characters of one value that a summary prints."""

_LOCATION_VALUES = (
    *(
        "name",
        "timezone",
        "threshold",
        "default_destination",
        "business_hours",
        "after_hours",
        "lines",
    ),
)

Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def _plain(value: object) -> Any:
    """Return a value for JSON and for people; a business's own destinations are not masked."""
    if isinstance(value, Destination):
        return str(value)
    if isinstance(value, BusinessHours):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A changed field with its old and new value."""

    field: str
    old: object
    new: object

    def __str__(self) -> str:
        old, new = _plain(self.old), _plain(self.new)
        if isinstance(self.old, BusinessHours) and isinstance(self.new, BusinessHours):
            part, old, new = _part(old, new)
            return f"{self.field}{part} {_worded(old)} -> {_worded(new)}"
        return f"{self.field} {_worded(old)} -> {_worded(new)}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; destinations whole."""
        return {"field": self.field, "old": _plain(self.old), "new": _plain(self.new)}


def _part(old: str, new: str) -> tuple[str, str | None, str | None]:
    """Shorten hours that are too long to show to the parts that differ."""
    if max(len(old), len(new)) <= MAX_WORDED:
        return "", old, new
    before, after = old.split("; "), new.split("; ")
    gone = "; ".join(piece for piece in before if piece not in after)
    added = "; ".join(piece for piece in after if piece not in before)
    return " in part:", gone or None, added or None


def _worded(value: object) -> str:
    if value is None or value == []:
        return "none"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= MAX_WORDED else f"{text[: MAX_WORDED - 1]}…"


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule with the same label and ``when``, and other values than before."""

    label: str
    when: str
    fields: tuple[FieldChange, ...]

    def __str__(self) -> str:
        return f"{self.label}: {'; '.join(map(str, self.fields))}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; destinations whole."""
        fields = [change.to_dict() for change in self.fields]
        return {"label": self.label, "when": self.when, "fields": fields}


@dataclass(frozen=True, slots=True)
class LocationChange:
    """The differences of one location.

    Attributes:
        location_id: which.
        fields: its own values: name, timezone, threshold, default_destination, business_hours,
            after_hours, lines.
        rules_added, rules_removed: rules by label and ``when``.
        rules_changed: rules of the same label and ``when`` with other values.
        reordered: whether rules that stayed stand in another order.
    """

    location_id: str
    fields: tuple[FieldChange, ...]
    rules_added: tuple[ContextRule, ...]
    rules_removed: tuple[ContextRule, ...]
    rules_changed: tuple[RuleChange, ...]
    reordered: bool

    def lines(self) -> Iterator[str]:
        """Describe what changed, a line for each field."""
        yield from map(str, self.fields)
        for rule in self.rules_added:
            yield f"+ {rule.label} -> {_worded(_plain(rule.destination))}"
        for rule in self.rules_removed:
            yield f"- {rule.label}"
        for change in self.rules_changed:
            yield f"~ {change}"
        if self.reordered:
            yield "rules in another order"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; destinations whole."""
        return {
            "location_id": self.location_id,
            "fields": [change.to_dict() for change in self.fields],
            "rules_added": [_named(rule) for rule in self.rules_added],
            "rules_removed": [_named(rule) for rule in self.rules_removed],
            "rules_changed": [change.to_dict() for change in self.rules_changed],
            "reordered": self.reordered,
        }


def _named(rule: ContextRule) -> dict[str, Any]:
    return {"label": rule.label, "when": rule.when, "destination": _plain(rule.destination)}


class LocationChanges(Sequence[LocationChange]):
    """Changes of each location, computed on access: a million may have changed."""

    def __init__(self, old: LocationColumns, new: LocationColumns, pairs: Int64) -> None:
        self._old = old
        self._new = new
        self._pairs = pairs

    def __len__(self) -> int:
        return len(self._pairs)

    @overload
    def __getitem__(self, i: int) -> LocationChange: ...
    @overload
    def __getitem__(self, i: slice) -> LocationChanges: ...
    def __getitem__(self, i: int | slice) -> LocationChange | LocationChanges:
        if isinstance(i, slice):
            return LocationChanges(self._old, self._new, self._pairs[i])
        old, new = self._pairs[i].tolist()
        return _location_change(self._old, old, self._new, new)


@dataclass(frozen=True, slots=True)
class SheetDiff:
    """The differences between two sets of locations. True if there are any.

    Attributes:
        added, removed: location ids, in their own order.
        changed: one :class:`LocationChange` a location, worked out when asked for.
        n_unchanged: locations that are the same.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: Sequence[LocationChange] = field(repr=False)
    n_unchanged: int

    @property
    def is_empty(self) -> bool:
        """Whether the two sets are equal."""
        return not (self.added or self.removed or self.changed)

    def __bool__(self) -> bool:
        return not self.is_empty

    def __str__(self) -> str:
        return self.summary()

    def summary(self) -> str:
        """Return plain text: the counts, then the first locations of each kind."""
        return "\n".join(line for _, line in self._lines())

    def _lines(self) -> Iterator[tuple[str, str]]:
        """Yield each line of the summary with its style."""
        yield (
            "bold",
            (
                f"{len(self.added):,} added, {len(self.changed):,} changed, "
                f"{len(self.removed):,} removed, {self.n_unchanged:,} unchanged"
            ),
        )
        for sign, style, ids in (("+", "green", self.added), ("-", "red", self.removed)):
            yield from ((style, f"{sign} {location_id}") for location_id in ids[:MAX_SHOWN])
            if len(ids) > MAX_SHOWN:
                yield style, f"{sign} ... and {len(ids) - MAX_SHOWN:,} more"
        for change in self.changed[:MAX_SHOWN]:
            yield "yellow", f"~ {change.location_id}"
            lines = list(change.lines())
            yield from (("", f"    {line}") for line in lines[:MAX_SHOWN])
            if len(lines) > MAX_SHOWN:
                yield "", f"    ... and {len(lines) - MAX_SHOWN:,} more"
        if len(self.changed) > MAX_SHOWN:
            yield "yellow", f"~ ... and {len(self.changed) - MAX_SHOWN:,} more"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able data with every changed location, destinations unmasked."""
        return {
            "added": list(self.added),
            "removed": list(self.removed),
            "changed": [change.to_dict() for change in self.changed],
            "n_unchanged": self.n_unchanged,
        }

    def __rich__(self) -> RenderableType:
        from rich.text import Text

        return Text("\n").join(Text(line, style=style) for style, line in self._lines())


def diff(old: LocationColumns, new: LocationColumns) -> SheetDiff:
    """Compare two sets of locations by id.

    Columns are compared as arrays; only the locations that differ are looked at one by one.
    """
    pairs, added, removed = _aligned(old, new)
    differs = _differing(old, new, pairs)
    return SheetDiff(
        added=tuple(new.ids[i] for i in added.tolist()),
        removed=tuple(old.ids[i] for i in removed.tolist()),
        changed=LocationChanges(old, new, pairs[differs]),
        n_unchanged=int((~differs).sum()),
    )


def _aligned(old: LocationColumns, new: LocationColumns) -> tuple[Int64, Int64, Int64]:
    """Match locations by id: (old, new) positions of those in both; only in new; only in old."""
    if np.array_equal(old.ids.offsets, new.ids.offsets) and np.array_equal(
        old.ids.blob, new.ids.blob
    ):
        same = np.arange(len(new), dtype=np.int64)
        return np.stack([same, same], axis=1), same[:0], same[:0]
    position = {location_id: i for i, location_id in enumerate(old.ids)}
    of_new = np.fromiter((position.get(i, -1) for i in new.ids), np.int64, len(new))
    common = np.flatnonzero(of_new >= 0)
    gone = np.ones(len(old), bool)
    gone[of_new[common]] = False
    pairs = np.stack([of_new[common], common], axis=1)
    return pairs, np.flatnonzero(of_new < 0), np.flatnonzero(gone)


def _differing(old: LocationColumns, new: LocationColumns, pairs: Int64) -> Mask:
    left, right = pairs[:, 0], pairs[:, 1]
    codes = DestinationCodes()
    sites: Interner[SharedSettings] = Interner()
    tables: Interner[tuple[RuleText, ...]] = Interner()

    def shared(columns: LocationColumns) -> tuple[Any, ...]:
        """Recode destinations so that equal ones have equal codes on both sides."""
        special = np.array([codes.encode(item) for item in columns.specials], np.uint64)

        def recoded(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
            is_special = values >= np.uint64(SPECIAL)
            if not is_special.any():
                return values
            out = values.copy()
            out[is_special] = special[(values[is_special] - np.uint64(SPECIAL)).astype(np.int64)]
            return out

        site = np.array([sites.add(item) for item in columns.sites], np.int64)
        table = np.array([tables.add(item) for item in columns.tables], np.int64)
        return (
            site[columns.site] if len(columns) else site,
            table[columns.table] if len(columns) else table,
            recoded(columns.defaults),
            recoded(columns.after_hours),
            recoded(columns.destinations),
            recoded(columns.fallback_codes),
        )

    old_site, old_table, old_defaults, old_after, old_slots, old_chain = shared(old)
    new_site, new_table, new_defaults, new_after, new_slots, new_chain = shared(new)
    differs: Mask = old_site[left] != new_site[right]
    differs |= old_table[left] != new_table[right]
    differs |= old_defaults[left] != new_defaults[right]
    differs |= old_after[left] != new_after[right]
    differs |= _names_differ(old, new, left, right)
    differs |= _lines_differ(old, new, left, right)
    # Where the tables are equal the rules are as many, and are compared slot by slot.
    at = np.flatnonzero(~differs)
    counts = (old.first_slot[1:] - old.first_slot[:-1])[left[at]]
    of = np.repeat(at, counts)
    within = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    old_at = old.first_slot[left[of]] + within
    new_at = new.first_slot[right[of]] + within
    differs[of[old_slots[old_at] != new_slots[new_at]]] = True
    if len(old.fallback_slots) or len(new.fallback_slots):
        chains: Interner[bytes] = Interner()
        old_chains = _chain_of_slot(old, old_chain, chains)
        new_chains = _chain_of_slot(new, new_chain, chains)
        differs[of[old_chains[old_at] != new_chains[new_at]]] = True
    return differs


def _chain_of_slot(
    columns: LocationColumns, codes: npt.NDArray[np.uint64], chains: Interner[bytes]
) -> Int64:
    """Return a number for the fallback chain of each slot, 0 for none."""
    chains.add(b"")
    out = np.zeros(len(columns.destinations), np.int64)
    offsets = columns.fallback_offsets.tolist()
    numbers = [
        chains.add(codes[start:stop].tobytes()) for start, stop in itertools.pairwise(offsets)
    ]
    out[columns.fallback_slots] = numbers
    return out


def _names_differ(old: LocationColumns, new: LocationColumns, left: Int64, right: Int64) -> Mask:
    same_order = len(left) == len(old) == len(new) and np.array_equal(left, right)
    if (
        same_order
        and np.array_equal(old.names.offsets, new.names.offsets)
        and np.array_equal(old.names.blob, new.names.blob)
    ):
        return np.zeros(len(left), bool)
    old_names, new_names = list(old.names), list(new.names)
    return np.fromiter(
        (old_names[i] != new_names[j] for i, j in zip(left.tolist(), right.tolist(), strict=True)),
        bool,
        len(left),
    )


def _lines_differ(old: LocationColumns, new: LocationColumns, left: Int64, right: Int64) -> Mask:
    if not len(old.lines) and not len(new.lines):
        return np.zeros(len(left), bool)
    old_lines, new_lines = _lines_by_location(old), _lines_by_location(new)
    return np.fromiter(
        (
            old_lines.get(i) != new_lines.get(j)
            for i, j in zip(left.tolist(), right.tolist(), strict=True)
        ),
        bool,
        len(left),
    )


def _lines_by_location(columns: LocationColumns) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for location, line in zip(columns.line_of.tolist(), columns.lines, strict=True):
        found.setdefault(location, []).append(line)
    return found


def _location_change(old: LocationColumns, i: int, new: LocationColumns, j: int) -> LocationChange:
    before, after = old.location(i), new.location(j)
    fields = tuple(
        FieldChange(name, getattr(before, name), getattr(after, name))
        for name in _LOCATION_VALUES
        if getattr(before, name) != getattr(after, name)
    )
    old_rules, new_rules = _by_key(before.rules), _by_key(after.rules)
    both = [key for key in new_rules if key in old_rules]
    changed = tuple(
        RuleChange(new_rules[key].label, new_rules[key].when, changes)
        for key in both
        if (changes := _rule_fields(old_rules[key], new_rules[key]))
    )
    return LocationChange(
        location_id=after.location_id,
        fields=fields,
        rules_added=tuple(rule for key, rule in new_rules.items() if key not in old_rules),
        rules_removed=tuple(rule for key, rule in old_rules.items() if key not in new_rules),
        rules_changed=changed,
        reordered=both != [key for key in old_rules if key in new_rules],
    )


def _by_key(rules: Sequence[ContextRule]) -> dict[tuple[str, str, int], ContextRule]:
    """Index rules by label and ``when``, and by a count if these repeat."""
    keyed: dict[tuple[str, str, int], ContextRule] = {}
    for rule in rules:
        n = 0
        while (rule.label, rule.when, n) in keyed:
            n += 1
        keyed[rule.label, rule.when, n] = rule
    return keyed


def _rule_fields(old: ContextRule, new: ContextRule) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(name, getattr(old, name), getattr(new, name))
        for name in ContextRule.model_fields
        if getattr(old, name) != getattr(new, name)
    )
