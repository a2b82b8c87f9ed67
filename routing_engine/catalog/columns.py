"""Locations as arrays: the form in sheets, catalogs and snapshots.

A million locations of ten rules are ten million numbers and a few thousand texts. Numbers stand
in ``uint64`` arrays; everything that locations share (rule texts, time zones, business hours) is
interned once.

A destination is one ``uint64`` code: 0 for none; the digits of an E.164 number as an integer; or
``SPECIAL`` plus an index into ``specials`` for a SIP URI or a number with an extension.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from routing_engine.errors import InvalidValueError, Problem
from routing_engine.hours import BusinessHours
from routing_engine.model.destinations import Destination, DialPolicy
from routing_engine.model.rules import ContextRule, Location, RuleText

__all__ = [
    "NO_DESTINATION",
    "SPECIAL",
    "ColumnsBuilder",
    "CompiledLocation",
    "DestinationCodes",
    "Interner",
    "LocationColumns",
    "SharedSettings",
    "StringColumn",
]

T = TypeVar("T")

NO_DESTINATION = 0
SPECIAL = 1 << 63

Codes = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]


def _offsets(lengths: npt.NDArray[np.int64]) -> Offsets:
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _recoded(column: Codes, special: Codes) -> Codes:
    """Return a copy with new codes of the special destinations."""
    changed = np.array(column, np.uint64)
    at = changed >= np.uint64(SPECIAL)
    changed[at] = special[(changed[at] - np.uint64(SPECIAL)).astype(np.intp)]
    return changed


def _within(indices: npt.NDArray[Any], end: int) -> bool:
    return not len(indices) or (int(indices.min()) >= 0 and int(indices.max()) < end)


def _are_offsets(offsets: Offsets, n: int, end: int) -> bool:
    return (
        len(offsets) == n + 1
        and int(offsets[0]) == 0
        and int(offsets[-1]) == end
        and bool((np.diff(offsets) >= 0).all())
    )


@dataclass(frozen=True, slots=True)
class StringColumn:
    """Strings as one UTF-8 blob: string ``i`` is ``blob[offsets[i]:offsets[i + 1]]``.

    Attributes:
        blob: uint8 ``(n_bytes,)``.
        offsets: int64 ``(n + 1,)``, ascending from 0.
    """

    blob: npt.NDArray[np.uint8]
    offsets: Offsets

    @classmethod
    def from_strings(cls, strings: Sequence[str]) -> StringColumn:
        encoded = [string.encode() for string in strings]
        lengths = np.array([len(item) for item in encoded], np.int64)
        return cls(np.frombuffer(b"".join(encoded), np.uint8), _offsets(lengths))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def is_sound(self) -> bool:
        """Whether the offsets are consistent with the blob."""
        return _are_offsets(self.offsets, len(self), len(self.blob))

    def raw(self, i: int) -> bytes:
        """Return string ``i`` as UTF-8."""
        return self.blob[self.offsets[i] : self.offsets[i + 1]].tobytes()

    def where(self, keep: npt.NDArray[np.bool_]) -> StringColumn:
        """Return the strings that a mask selects."""
        lengths = np.diff(self.offsets)
        return StringColumn(self.blob[np.repeat(keep, lengths)], _offsets(lengths[keep]))

    def joined(self, other: StringColumn) -> StringColumn:
        """Return these strings followed by others."""
        return StringColumn(
            np.concatenate([self.blob, other.blob]),
            np.concatenate([self.offsets, other.offsets[1:] + self.offsets[-1]]),
        )

    def __getitem__(self, i: int) -> str:
        return self.raw(i).decode()

    def __iter__(self) -> Iterator[str]:
        blob = self.blob.tobytes()
        offsets = self.offsets.tolist()
        for start, stop in pairwise(offsets):
            yield blob[start:stop].decode()


NO_STRINGS = StringColumn(np.empty(0, np.uint8), np.zeros(1, np.int64))
NO_INDICES = np.empty(0, np.int32)


@dataclass(frozen=True, slots=True)
class SharedSettings:
    """Settings, other than rules, that many locations share.

    Attributes:
        timezone: IANA name, or None.
        threshold: the location's own least confidence, or None.
        hours: when it is open, in the same time zone; None for always.
    """

    timezone: str | None = None
    threshold: float | None = None
    hours: BusinessHours | None = None


@dataclass(slots=True)
class DestinationCodes:
    """Encode destinations as integers; those other than plain numbers are interned."""

    specials: list[Destination] = field(default_factory=list)
    _known: dict[Destination, int] = field(default_factory=dict)

    @classmethod
    def of(cls, specials: Iterable[Destination]) -> DestinationCodes:
        """Build an encoder that continues after these special destinations."""
        codes = cls()
        for special in specials:
            codes.encode(special)
        return codes

    def encode(self, destination: Destination | None) -> int:
        """Return the code of a destination."""
        if destination is None:
            return NO_DESTINATION
        if destination.number is not None and destination.extension is None:
            return int(destination.number[1:])
        code = self._known.get(destination)
        if code is None:
            code = self._known[destination] = SPECIAL + len(self.specials)
            self.specials.append(destination)
        return code


class Interner(Generic[T]):
    """Distinct hashable values, numbered in order of first appearance."""

    def __init__(self, values: Iterable[T] = ()) -> None:
        self._numbers: dict[T, int] = {}
        for value in values:
            self.add(value)

    def add(self, value: T) -> int:
        """Return the number of a value, adding it if it is new."""
        return self._numbers.setdefault(value, len(self._numbers))

    @property
    def values(self) -> tuple[T, ...]:
        return tuple(self._numbers)


class CompiledLocation(NamedTuple):
    """A compiled location without its id.

    Attributes:
        name: empty for None.
        site, table: numbers of what it shares with others.
        default, after_hours: destination codes.
        destinations: the code of each rule's.
        fallbacks: number of a rule -> codes of its fallback chain; of those that have one.
        lines: what callers dial.
    """

    name: str
    site: int
    table: int
    default: int
    after_hours: int
    destinations: Sequence[int]
    fallbacks: Mapping[int, Sequence[int]]
    lines: tuple[str, ...]


class ColumnsBuilder:
    """Compile locations one by one. Does not check for duplicate ids."""

    def __init__(self) -> None:
        self._codes = DestinationCodes()
        self._sites: Interner[SharedSettings] = Interner()
        self._tables: Interner[tuple[RuleText, ...]] = Interner()
        self._ids: list[str] = []
        self._names: list[str] = []
        self._site: list[int] = []
        self._table: list[int] = []
        self._first_slot = [0]
        self._destinations: list[int] = []
        self._defaults: list[int] = []
        self._after_hours: list[int] = []
        self._fallback_slots: list[int] = []
        self._fallback_offsets = [0]
        self._fallback_codes: list[int] = []
        self._lines: list[str] = []
        self._line_of: list[int] = []

    def compiled(self, location: Location) -> CompiledLocation:
        """Compile a location for :meth:`add`."""
        encode, rules = self._codes.encode, location.rules
        site = SharedSettings(location.timezone, location.threshold, location.business_hours)
        return CompiledLocation(
            location.name or "",
            self._sites.add(site),
            self._tables.add(tuple(rule.text for rule in rules)),
            encode(location.default_destination),
            encode(location.after_hours),
            [encode(rule.destination) for rule in rules],
            {
                i: [encode(to) for to in rule.fallback]
                for i, rule in enumerate(rules)
                if rule.fallback
            },
            location.lines,
        )

    def add(self, location_id: str, location: CompiledLocation) -> None:
        """Add a location."""
        name, site, table, default, after_hours, destinations, fallbacks, lines = location
        self._lines += lines
        self._line_of += [len(self._ids)] * len(lines)
        self._ids.append(location_id)
        self._names.append(name)
        self._site.append(site)
        self._table.append(table)
        self._defaults.append(default)
        self._after_hours.append(after_hours)
        for i, chain in fallbacks.items():
            self._fallback_slots.append(len(self._destinations) + i)
            self._fallback_codes += chain
            self._fallback_offsets.append(len(self._fallback_codes))
        self._destinations += destinations
        self._first_slot.append(len(self._destinations))

    def columns(self) -> LocationColumns:
        """Return the added locations as columns."""
        return LocationColumns(
            ids=StringColumn.from_strings(self._ids),
            names=StringColumn.from_strings(self._names),
            site=np.array(self._site, np.int32),
            table=np.array(self._table, np.int32),
            first_slot=np.array(self._first_slot, np.int64),
            destinations=np.array(self._destinations, np.uint64),
            defaults=np.array(self._defaults, np.uint64),
            after_hours=np.array(self._after_hours, np.uint64),
            fallback_slots=np.array(self._fallback_slots, np.int64),
            fallback_offsets=np.array(self._fallback_offsets, np.int64),
            fallback_codes=np.array(self._fallback_codes, np.uint64),
            lines=StringColumn.from_strings(self._lines),
            line_of=np.array(self._line_of, np.int32),
            sites=self._sites.values,
            tables=self._tables.values,
            specials=tuple(self._codes.specials),
        )


@dataclass(frozen=True, slots=True)
class LocationColumns:
    """Compiled locations. Immutable; arrays may be memory-mapped files.

    The rules of location ``i`` are ``tables[table[i]]``, in order; their destinations are
    ``destinations[first_slot[i]:first_slot[i + 1]]``.

    Attributes:
        ids, names: one string a location; an empty name is None.
        site: int32 ``(n,)``, index into ``sites``.
        table: int32 ``(n,)``, index into ``tables``.
        first_slot: int64 ``(n + 1,)``.
        destinations: uint64 ``(n_slots,)``, destination codes.
        defaults: uint64 ``(n,)``, destination codes, never 0.
        after_hours: uint64 ``(n,)``, destination codes.
        fallback_slots: int64 ``(m,)``, ascending: the slots that have a fallback chain.
        fallback_offsets: int64 ``(m + 1,)``, into ``fallback_codes``.
        fallback_codes: uint64, destination codes.
        sites, tables, specials: the interned values.
        dial_policy: what every destination was checked by; None where that is not known.
        lines: what callers dial, location by location.
        line_of: int32 ``(n_lines,)``, ascending: the location of each line.
    """

    ids: StringColumn
    names: StringColumn
    site: Indices
    table: Indices
    first_slot: Offsets
    destinations: Codes
    defaults: Codes
    after_hours: Codes
    fallback_slots: Offsets
    fallback_offsets: Offsets
    fallback_codes: Codes
    sites: tuple[SharedSettings, ...]
    tables: tuple[tuple[RuleText, ...], ...]
    specials: tuple[Destination, ...]
    dial_policy: DialPolicy | None = None
    lines: StringColumn = NO_STRINGS
    line_of: Indices = field(default_factory=lambda: NO_INDICES)

    def __len__(self) -> int:
        return len(self.table)

    def check(self) -> None:
        """Check that arrays from outside are consistent.

        Raises:
            InvalidValueError: names the first that does not.
        """
        n, n_slots, m = len(self.table), len(self.destinations), len(self.fallback_slots)
        sizes = np.array([len(rules) for rules in self.tables], np.int64)
        within = {
            "site": _within(self.site, len(self.sites)),
            "table": _within(self.table, len(self.tables)),
            "ids": len(self.ids) == n and self.ids.is_sound(),
            "names": len(self.names) == n and self.names.is_sound(),
            "first_slot": _are_offsets(self.first_slot, n, n_slots),
            "defaults": len(self.defaults) == n and bool((self.defaults != NO_DESTINATION).all()),
            "after_hours": len(self.after_hours) == n,
            "fallback_slots": _within(self.fallback_slots, n_slots)
            and bool((np.diff(self.fallback_slots) > 0).all()),
            "fallback_offsets": _are_offsets(self.fallback_offsets, m, len(self.fallback_codes)),
            "lines": self.lines.is_sound(),
            "line_of": len(self.line_of) == len(self.lines)
            and _within(self.line_of, n)
            and bool((np.diff(self.line_of) >= 0).all()),
        }
        within["site"] = within["site"] and len(self.site) == n
        for name in ("destinations", "defaults", "after_hours", "fallback_codes"):
            codes = getattr(self, name)
            highest = int(codes.max()) if len(codes) else 0
            known = within.get(name, True)
            within[name] = known and highest < SPECIAL + len(self.specials)
        for name, right in within.items():
            if not right:
                raise InvalidValueError(f"column {name} does not fit the others")
        if bool((np.diff(self.first_slot) != sizes[self.table]).any()):
            raise InvalidValueError("column first_slot does not fit the rule tables")

    @property
    def n_rules(self) -> int:
        """Number of rules of all locations."""
        return len(self.destinations)

    @classmethod
    def from_locations(cls, locations: Iterable[Location]) -> LocationColumns:
        """Compile locations.

        Raises:
            InvalidValueError: two locations have the same id.
        """
        builder = ColumnsBuilder()
        position: dict[str, int] = {}
        problems: list[Problem] = []
        for number, location in enumerate(locations):
            if not isinstance(location, Location):
                raise InvalidValueError(
                    f"locations[{number}] is a {type(location).__name__}, not a Location"
                )
            first = position.setdefault(location.location_id, number)
            if first != number:
                problems.append(
                    Problem(
                        f"locations.{number}",
                        f"same location_id as locations.{first}: {location.location_id!r}",
                    )
                )
            builder.add(location.location_id, builder.compiled(location))
        if problems:
            raise InvalidValueError(what="list of locations", problems=problems)
        return builder.columns()

    def decode(self, code: int) -> Destination | None:
        """Return the destination of a code."""
        if code == NO_DESTINATION:
            return None
        if code >= SPECIAL:
            return self.specials[code - SPECIAL]
        return Destination._trusted(f"+{code}")

    def fallback(self, slot: int) -> tuple[Destination, ...]:
        """Return the fallback chain of a rule slot."""
        m = len(self.fallback_slots)
        at = int(np.searchsorted(self.fallback_slots, slot)) if m else 0
        if at == m or self.fallback_slots[at] != slot:
            return ()
        chain = self.fallback_codes[self.fallback_offsets[at] : self.fallback_offsets[at + 1]]
        return tuple(filter(None, map(self.decode, chain.tolist())))

    def lines_of(self, i: int) -> tuple[str, ...]:
        """Return what callers dial to reach location ``i``."""
        if not len(self.line_of):
            return ()
        # Keys of another type would have all of the column converted first.
        start, stop = np.searchsorted(self.line_of, np.array([i, i + 1], np.int32)).tolist()
        return tuple(self.lines[line] for line in range(start, stop))

    def rule(self, i: int, rule: int) -> ContextRule:
        """Return rule ``rule`` of location ``i``."""
        slot = int(self.first_slot[i]) + rule
        text = self.tables[self.table[i]][rule]
        return ContextRule._trusted(
            {
                **text.__dict__,
                "destination": self.decode(int(self.destinations[slot])),
                "fallback": self.fallback(slot),
            }
        )

    def location(self, i: int) -> Location:
        """Return location ``i`` as a model, equal to the one that was compiled."""
        site = self.sites[self.site[i]]
        default = self.decode(int(self.defaults[i]))
        assert default is not None
        return Location._trusted(
            {
                "location_id": self.ids[i],
                "default_destination": default,
                "rules": tuple(self.rule(i, j) for j in range(len(self.tables[self.table[i]]))),
                "name": self.names[i] or None,
                "timezone": site.timezone,
                "threshold": site.threshold,
                "business_hours": site.hours,
                "after_hours": self.decode(int(self.after_hours[i])),
                "lines": self.lines_of(i),
            }
        )

    def without(self, gone: frozenset[int]) -> LocationColumns:
        """Return the columns without some locations."""
        if not gone:
            return self
        keep = np.ones(len(self), np.bool_)
        keep[list(gone)] = False
        sizes = np.diff(self.first_slot)
        slots = np.repeat(keep, sizes)
        new_slot = np.cumsum(slots) - 1
        chains = slots[self.fallback_slots]
        lengths = np.diff(self.fallback_offsets)
        kept_lines = keep[self.line_of]
        new_number = np.cumsum(keep) - 1
        return LocationColumns(
            ids=self.ids.where(keep),
            names=self.names.where(keep),
            site=self.site[keep],
            table=self.table[keep],
            first_slot=_offsets(sizes[keep]),
            destinations=self.destinations[slots],
            defaults=self.defaults[keep],
            after_hours=self.after_hours[keep],
            fallback_slots=new_slot[self.fallback_slots[chains]],
            fallback_offsets=_offsets(lengths[chains]),
            fallback_codes=self.fallback_codes[np.repeat(chains, lengths)],
            sites=self.sites,
            tables=self.tables,
            specials=self.specials,
            dial_policy=self.dial_policy,
            lines=self.lines.where(kept_lines),
            line_of=new_number[self.line_of[kept_lines]].astype(np.int32),
        )

    def joined(self, other: LocationColumns) -> LocationColumns:
        """Return these locations followed by others, with different ids."""
        sites: Interner[SharedSettings] = Interner(self.sites)
        tables: Interner[tuple[RuleText, ...]] = Interner(self.tables)
        codes = DestinationCodes.of(self.specials)
        site = np.array([sites.add(item) for item in other.sites], np.int32)
        table = np.array([tables.add(item) for item in other.tables], np.int32)
        special = np.array([codes.encode(item) for item in other.specials], np.uint64)
        n_slots = len(self.destinations)
        return LocationColumns(
            ids=self.ids.joined(other.ids),
            names=self.names.joined(other.names),
            site=np.concatenate([self.site, site[other.site]]),
            table=np.concatenate([self.table, table[other.table]]),
            first_slot=np.concatenate([self.first_slot, other.first_slot[1:] + n_slots]),
            destinations=np.concatenate([self.destinations, _recoded(other.destinations, special)]),
            defaults=np.concatenate([self.defaults, _recoded(other.defaults, special)]),
            after_hours=np.concatenate([self.after_hours, _recoded(other.after_hours, special)]),
            fallback_slots=np.concatenate([self.fallback_slots, other.fallback_slots + n_slots]),
            fallback_offsets=np.concatenate(
                [self.fallback_offsets, other.fallback_offsets[1:] + self.fallback_offsets[-1]]
            ),
            fallback_codes=np.concatenate(
                [self.fallback_codes, _recoded(other.fallback_codes, special)]
            ),
            sites=sites.values,
            tables=tables.values,
            specials=tuple(codes.specials),
            dial_policy=self.dial_policy if self.dial_policy == other.dial_policy else None,
            lines=self.lines.joined(other.lines),
            line_of=np.concatenate([self.line_of, other.line_of + np.int32(len(self))]),
        )

    def pruned(self) -> LocationColumns:
        """Return the same locations without unused settings, rule tables and specials."""
        sites, site = np.unique(self.site, return_inverse=True)
        tables, table = np.unique(self.table, return_inverse=True)
        made = self
        if len(sites) < len(self.sites):
            kept = tuple(self.sites[i] for i in sites.tolist())
            made = replace(made, site=site.astype(np.int32), sites=kept)
        if len(tables) < len(self.tables):
            texts = tuple(self.tables[i] for i in tables.tolist())
            made = replace(made, table=table.astype(np.int32), tables=texts)
        return made._without_unused_specials()

    def _without_unused_specials(self) -> LocationColumns:
        if not self.specials:
            return self
        columns = (self.destinations, self.defaults, self.after_hours, self.fallback_codes)
        codes = np.unique(np.concatenate(columns))
        used = (codes[codes >= np.uint64(SPECIAL)] - np.uint64(SPECIAL)).astype(np.intp)
        if len(used) == len(self.specials):
            return self
        new = np.zeros(len(self.specials), np.uint64)
        new[used] = np.uint64(SPECIAL) + np.arange(len(used), dtype=np.uint64)
        destinations, defaults, after_hours, fallback_codes = (
            _recoded(column, new) for column in columns
        )
        return replace(
            self,
            destinations=destinations,
            defaults=defaults,
            after_hours=after_hours,
            fallback_codes=fallback_codes,
            specials=tuple(self.specials[i] for i in used.tolist()),
        )

    def __iter__(self) -> Iterator[Location]:
        return self.locations()

    def locations(self) -> Iterator[Location]:
        """Yield every location as a model, in order."""
        return map(self.location, range(len(self)))
