"""Intermediate state of a sheet between gathered cells and catalog columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from routing_engine.hours import BusinessHours
from routing_engine.model.destinations import DialPolicy
from routing_engine.model.rules import RuleText
from routing_engine.reports import shown
from routing_engine.sheets.cells import split_list, text_of
from routing_engine.sheets.gathering import Gathered
from routing_engine.sheets.headers import Header
from routing_engine.sheets.issues import IssueLog
from routing_engine.sheets.phones import ParsedNumbers
from routing_engine.sheets.texts import Finding, Template

__all__ = ["Draft", "Int32", "Int64", "Mask", "RowsOf", "Rules", "Sites", "UInt64", "first_values"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]


class RowsOf:
    """Look up the rows that hold a code."""

    def __init__(self, codes: Int32, rows: Int32) -> None:
        order = np.argsort(codes, kind="stable")
        self._codes = codes[order]
        self._rows = rows[order]

    def of(self, code: int) -> Int64:
        """Return the rows of one code, in order."""
        start, stop = np.searchsorted(self._codes, [code, code + 1])
        return self._rows[start:stop].astype(np.int64)


@dataclass(slots=True)
class Sites:
    """Location cells of each row, as codes; ``location`` is -1 where the id is wrong."""

    row: Int32
    location: Int32
    name: Int32
    timezone: Int32
    hours: Int32
    threshold: Int32
    default: UInt64
    after_hours: UInt64
    lines: Int32


@dataclass(slots=True)
class Rules:
    """The rules, as codes."""

    row: Int32
    location: Int32
    text: Int32
    destination: UInt64
    chain: Int32

    def take(self, which: npt.NDArray[Any]) -> Rules:
        """Select records by position or mask."""
        return Rules(
            self.row[which], self.location[which], self.text[which], self.destination[which],
            self.chain[which],
        )  # fmt: skip


@dataclass(slots=True)
class Draft:
    """A sheet being checked: its records, and the distinct values read so far.

    Attributes:
        gathered, log, template, file, region, policy: what the sheet is read from and with.
        chain_cells: cell codes of each distinct fallback cell.
        numbers: every distinct number cell, parsed.
        ids, names, timezones, hours, thresholds, lines, texts, chains: distinct values read so far; the
            records hold their numbers.
        column_of_text: wide layout: the header of each rule text's column.
        bad_location: whether a location is left out, bool ``(n_locations,)``.
    """

    gathered: Gathered
    log: IssueLog
    template: Template
    file: str
    region: str | None
    policy: DialPolicy
    chain_cells: list[UInt64]
    numbers: ParsedNumbers
    ids: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=lambda: [""])
    timezones: list[str] = field(default_factory=lambda: [""])
    hours: list[BusinessHours | None] = field(default_factory=lambda: [None])
    thresholds: list[float | None] = field(default_factory=lambda: [None])
    lines: list[tuple[str, ...] | None] = field(default_factory=lambda: [None])
    texts: list[RuleText] = field(default_factory=list)
    chains: list[tuple[int, ...]] = field(default_factory=lambda: [()])
    column_of_text: dict[int, str] = field(default_factory=dict)
    bad_location: Mask = field(default_factory=lambda: np.zeros(0, bool))

    @classmethod
    def of(
        cls, gathered: Gathered, log: IssueLog, template: Template, file: str,
        region: str | None, policy: DialPolicy, number_cells: list[UInt64],
        pbx: str | None = None,
    ) -> Draft:  # fmt: skip
        """Begin a draft: parse every distinct number of the sheet."""
        chain_cells = [
            gathered.numbers.encode(split_list(text_of(value)))  # type: ignore[arg-type]
            for value in gathered.fallbacks.values
        ]
        distinct = np.unique(np.concatenate([*number_cells, *chain_cells]))
        numbers = ParsedNumbers.parse(
            gathered.numbers, distinct[distinct > 0], region=region, policy=policy, pbx=pbx
        )
        return cls(gathered, log, template, file, region, policy, chain_cells, numbers)

    @property
    def header(self) -> Header:
        """The header of the sheet."""
        return self.gathered.header

    def when_column(self, text: int) -> str:
        """Return the header that holds a rule's ``when``: its own column in the wide layout."""
        return self.column_of_text.get(text) or self.header.name("when")

    def place(self, rules: Rules, slot: int) -> str:
        """Name the row of a rule, and in the wide layout its column."""
        column = self.column_of_text.get(int(rules.text[slot]))
        row = self.log.row_name(int(rules.row[slot]))
        return row if column is None else f"column {shown(column)}, {row}"

    def add_rows(
        self, severity: Any, code: str, rows: Int64, column: Any, finding: Finding
    ) -> None:
        """Report one finding for each of many rows."""
        self.log.add_rows(severity, code, rows, column, lambda _: (finding.value, finding.message))

    def mark_bad(self, locations: Int32) -> None:
        """Mark locations to be left out."""
        self.bad_location[locations[locations >= 0]] = True

    def skip_rules(self, rows: Int32, locations: Int32) -> None:
        """Report rules that are left out, unless their whole location is."""
        rows = rows[~self.bad_location[locations]]
        self.log.add_rows(
            "skipped", "rule", rows.astype(np.int64), None,
            lambda _: (None, "rule left out: it has an error"),
        )  # fmt: skip


def first_values(sites: Sites, values: npt.NDArray[Any], n: int) -> Int64:
    """Return the first row of each location that has a value, -1 for none."""
    at = np.flatnonzero((values > 0) & (sites.location >= 0))
    first = np.full(n, -1, np.int64)
    # The last assignment wins, so the rows are taken backwards.
    first[sites.location[at[::-1]]] = at[::-1]
    return first
