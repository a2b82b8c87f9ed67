"""Collect the issues of a sheet while it is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from routing_engine.errors import SheetError
from routing_engine.reports import (
    MAX_KEPT,
    MAX_VALUE_LENGTH,
    ImportReport,
    Severity,
    SheetIssue,
)

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["ROWS_PER_TABLE", "IssueLog", "listed"]


ROWS_PER_TABLE = 1 << 21
"""Offset between the row numbers of several sheets; a workbook has half as many rows."""


class IssueLog:
    """Collects issues while a sheet is read; keeps the first of each kind and counts all."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.table = file
        """The table being read, which an issue is of unless it says otherwise."""
        self.tables: tuple[str, ...] = ()
        """The sheets that are read as one, where there are several."""
        self._kept: dict[tuple[Severity, str], list[SheetIssue]] = {}
        self._totals: dict[tuple[Severity, str], int] = {}

    def add(
        self,
        severity: Severity,
        code: str,
        message: str,
        *,
        row: int | None = None,
        column: str | None = None,
        value: str | None = None,
        file: str | None = None,
    ) -> None:
        """Add one issue."""
        kind = severity, code
        self._totals[kind] = self._totals.get(kind, 0) + 1
        kept = self._kept.setdefault(kind, [])
        if row is not None and row >= ROWS_PER_TABLE and self.tables:
            file, row = self.tables[row // ROWS_PER_TABLE], row % ROWS_PER_TABLE
        if len(kept) < MAX_KEPT:
            short = None if value is None else value[:MAX_VALUE_LENGTH]
            kept.append(SheetIssue(file or self.table, row, column, short, message, severity, code))

    def add_rows(
        self,
        severity: Severity,
        code: str,
        rows: npt.NDArray[np.int64],
        column: str | Callable[[int], str] | None,
        describe: Callable[[int], tuple[str | None, str]],
    ) -> None:
        """Add an issue for each of many rows.

        Args:
            severity: of all of them.
            code: of all of them.
            rows: row numbers.
            column: the column, or its name for the i-th of the rows.
            describe: value and message for the i-th of the rows; called only for those kept.
        """
        kind = severity, code
        room = MAX_KEPT - len(self._kept.get(kind, ()))
        for i, row in enumerate(rows[:room].tolist()):
            value, message = describe(i)
            name = column(i) if callable(column) else column
            self.add(severity, code, message, row=row, column=name, value=value)
        if len(rows) > room:
            self._totals[kind] = self._totals.get(kind, 0) + len(rows) - max(room, 0)

    def row_name(self, row: int) -> str:
        """Name a row in a message, with its sheet unless that is the first."""
        table, row = divmod(row, ROWS_PER_TABLE) if self.tables else (0, row)
        return f"row {row} of {self.tables[table]}" if table else f"row {row}"

    @property
    def has_errors(self) -> bool:
        """Whether an error was added."""
        return any(severity == "error" for severity, _ in self._totals)

    def report(self, **counts: int) -> ImportReport:
        """Return the report of all issues."""

        def of(severity: Severity) -> tuple[SheetIssue, ...]:
            found = [
                issue
                for (kind, _), kept in self._kept.items()
                if kind == severity
                for issue in kept
            ]
            return tuple(sorted(found, key=lambda issue: -1 if issue.row is None else issue.row))

        return ImportReport(
            file=self.file,
            errors=of("error"),
            warnings=of("warning"),
            repairs=of("repair"),
            skipped=of("skipped"),
            totals={f"{severity}:{code}": n for (severity, code), n in self._totals.items()},
            **counts,
        )

    def absorb(self, other: ImportReport) -> None:
        """Add the issues of another file's report."""
        for issues in (other.errors, other.warnings, other.repairs):
            for issue in issues:
                kind = issue.severity, issue.code
                self._kept.setdefault(kind, []).append(issue)
        for name, n in other.totals.items():
            severity, _, code = name.partition(":")
            key: tuple[Any, str] = severity, code
            self._totals[key] = self._totals.get(key, 0) + n

    def fatal(
        self,
        code: str,
        message: str,
        *,
        row: int | None = None,
        column: str | None = None,
        value: str | None = None,
        file: str | None = None,
    ) -> SheetError:
        """Return the error to raise when reading cannot go on; it holds all issues so far."""
        self.add("error", code, message, row=row, column=column, value=value, file=file)
        return SheetError(self.report())


def listed(names: Sequence[str], limit: int = 8) -> str:
    """List names for a message, at most ``limit`` of them."""
    text = ", ".join(repr(name) for name in names[:limit])
    return text if len(names) <= limit else f"{text} and {len(names) - limit} more"
