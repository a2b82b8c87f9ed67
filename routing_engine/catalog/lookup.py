"""Compiled locations of one version: location id -> table, profile, destinations."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from routing_engine.catalog.columns import Interner, LocationColumns, StringColumn
from routing_engine.errors import InvalidValueError, Problem, mask
from routing_engine.hours import BusinessHours
from routing_engine.matching.identification import Identifier, identifier_for
from routing_engine.matching.scoring import rule_texts
from routing_engine.model.rules import RuleText

__all__ = ["Catalog", "HashIndex", "Table", "line_problem"]

Profile = tuple[tuple[str, ...], ...]


def _hash(raw: bytes) -> int:
    return int.from_bytes(blake2b(raw, digest_size=8).digest(), "little")


def _view(array: npt.NDArray[Any]) -> memoryview[int]:
    return memoryview(array)  # type: ignore[arg-type]  # numpy does not say so before 3.12


class HashIndex:
    """Find a string of a column by its hash; the string, compared whole, decides.

    Args:
        strings: the column.
        hashes: of all strings, ascending; None to make them.
        order: the string that each hash belongs to.
    """

    def __init__(
        self,
        strings: StringColumn,
        hashes: npt.NDArray[np.uint64] | None = None,
        order: npt.NDArray[np.int64] | None = None,
    ) -> None:
        if hashes is None or order is None:
            blob = strings.blob.tobytes()
            made = np.fromiter(
                (_hash(blob[start:stop]) for start, stop in pairwise(strings.offsets.tolist())),
                np.uint64,
                len(strings),
            )
            by_hash = np.argsort(made, kind="stable")
            hashes, order = made[by_hash], by_hash.astype(np.int64)
        self.hashes = hashes
        self.order = order
        # An element of a memoryview is a Python int at once; of an array it takes four times as long.
        self._hashes, self._order = _view(hashes), _view(order)
        self._blob, self._offsets = _view(strings.blob), _view(strings.offsets)

    def find(self, text: str) -> int:
        """Return the number of a string, or -1."""
        raw = text.encode("utf-8", "surrogatepass")
        hashed = _hash(raw)
        hashes, blob, offsets = self._hashes, self._blob, self._offsets
        at = bisect_left(hashes, hashed)
        while at < len(hashes) and hashes[at] == hashed:
            i = self._order[at]
            if blob[offsets[i] : offsets[i + 1]] == raw:
                return i
            at += 1
        return -1

    def repeats(self) -> list[tuple[int, int]]:
        """Return pairs of strings that may be the same: their hashes are."""
        at = np.flatnonzero(self.hashes[1:] == self.hashes[:-1])
        return [(self._order[i], self._order[i + 1]) for i in at.tolist()]


def line_problem(line: str, one: str, other: str) -> Problem:
    """Say what is wrong where two locations have one line."""
    return Problem(
        "lines",
        f"line {mask(line)!r} belongs to both {one!r} and {other!r}; callers who dial it can "
        "reach only one location: take it from the other",
    )


@dataclass(frozen=True, slots=True)
class Table:
    """One distinct rule table, with what a decision needs.

    Attributes:
        rules: the rules without their numbers.
        profile: which block of the index holds their rows; -1 where there are no rules.
        identifier: tells what callers speak; None where no rule asks for a language.
    """

    rules: tuple[RuleText, ...]
    profile: int
    identifier: Identifier | None = None


class Catalog:
    """An immutable set of locations that an engine answers from.

    Args:
        columns: the compiled locations.
        version: catalog version, ascending.
        ids: finds a location by its id, where that is stored already.
        lines: likewise, a line.

    Raises:
        InvalidValueError: two locations have one line.
        MissingExtraError: a rule asks for a language, and the extra is not installed.
    """

    def __init__(
        self,
        columns: LocationColumns,
        version: int,
        *,
        ids: HashIndex | None = None,
        lines: HashIndex | None = None,
    ) -> None:
        self.columns = columns
        self.version = version
        self.ids = HashIndex(columns.ids) if ids is None else ids
        self.lines = HashIndex(columns.lines) if lines is None else lines
        self._line_of = _view(columns.line_of)
        self._refuse_shared_lines()
        self._table, self._site = _view(columns.table), _view(columns.site)
        self._first_slot = _view(columns.first_slot)
        self._destinations = _view(columns.destinations)
        self._defaults, self._after_hours = _view(columns.defaults), _view(columns.after_hours)
        profiles: Interner[Profile] = Interner()
        tables: list[Table] = []
        for rules in columns.tables:
            texts = tuple(rule_texts(rule) for rule in rules)
            profile = profiles.add(texts) if texts else -1
            tables.append(Table(rules, profile, identifier_for(rules)))
        self.tables: Sequence[Table] = tables
        self.profiles: tuple[Profile, ...] = profiles.values

    def __len__(self) -> int:
        return len(self.columns)

    def find(self, location_id: str) -> int:
        """Return the number of a location, or -1."""
        if not isinstance(location_id, str):
            raise InvalidValueError(f"a location id is a str, not {type(location_id).__name__}")
        return self.ids.find(location_id)

    def find_line(self, line: str) -> int:
        """Return the number of the location that has a line, or -1."""
        found = self.lines.find(line)
        return -1 if found < 0 else self._line_of[found]

    def _refuse_shared_lines(self) -> None:
        columns, line_of = self.columns, self._line_of
        problems = [
            line_problem(columns.lines[one], columns.ids[line_of[one]], columns.ids[line_of[other]])
            for one, other in self.lines.repeats()
            if columns.lines[one] == columns.lines[other] and line_of[one] != line_of[other]
        ]
        if problems:
            raise InvalidValueError(what="list of locations", problems=problems)

    def table(self, i: int) -> Table:
        """Return the rule table of a location."""
        return self.tables[self._table[i]]

    def threshold(self, i: int) -> float | None:
        """Return a location's own threshold, or None."""
        return self.columns.sites[self._site[i]].threshold

    def hours(self, i: int) -> BusinessHours | None:
        """Return the business hours of a location; None for always open."""
        return self.columns.sites[self._site[i]].hours

    def default(self, i: int) -> int:
        """Return the code of a location's default destination."""
        return self._defaults[i]

    def after_hours(self, i: int) -> int:
        """Return the code of a location's after-hours destination."""
        return self._after_hours[i]

    def destinations(self, i: int) -> list[int]:
        """Return the destination code of each rule of a location."""
        slots = self._first_slot
        return self._destinations[slots[i] : slots[i + 1]].tolist()

    def texts(self) -> tuple[str, ...]:
        """Return every distinct text to embed, in order of first appearance."""
        return tuple(
            dict.fromkeys(text for profile in self.profiles for rule in profile for text in rule)
        )
