"""The report on reading a sheet: issues, repairs, and what was left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

__all__ = ["MAX_KEPT", "ImportReport", "Severity", "SheetIssue", "shown"]

MAX_KEPT = 10_000
"""Most issues of one kind (severity and code) that a report keeps; all are counted."""

MAX_SHOWN = 5
"""Most issues of one kind that a summary prints."""

MAX_VALUE_LENGTH = 60

Severity = Literal["error", "warning", "repair", "skipped"]

_PLURALS = {
    "error": "errors",
    "warning": "warnings",
    "repair": "repairs made",
    "skipped": "left out",
}


_STEPS = {
    "bad_destination": "correct the numbers that are named; or name their country with --region, or "
    "the PBX of extensions with --pbx",
    "refused_destination": "allow the numbers that are meant with --allow or --countries",
    "no_location_column": "say which column names the location: --map 'THEIR HEADER=location_id'",
    "missing_column": "say which column is meant: --map 'THEIR HEADER=default_destination'",
    "duplicate_column": "leave one of the columns out: --map 'THEIR HEADER=ignore'",
    "no_timezone": "give the zone of these locations with --timezone, or a column timezone",
    "bad_business_hours": "write the hours as Mon-Fri 09:00-17:00; Sat 10:00-14:00",
    "bad_timezone": "name the place, such as America/New_York or Europe/Berlin",
}
"""Advice for the most frequent kind of error."""


def shown(value: str) -> str:
    """Quote a value for a message, at most 60 characters."""
    kept = value if len(value) <= MAX_VALUE_LENGTH else value[: MAX_VALUE_LENGTH - 1] + "…"
    return repr(kept)


@dataclass(frozen=True, slots=True)
class SheetIssue:
    """One finding in a sheet.

    Attributes:
        file: name of the file; ``book.xlsx[Sheet]`` for a sheet of a workbook.
        row: row as a spreadsheet shows it (the first is 1, blank ones count); None for the file.
        column: the header as written; None for the whole row.
        value: what stands there, at most 60 characters.
        message: what is wrong and what would be right.
        severity: ``"error"``, ``"warning"``, ``"repair"`` or ``"skipped"``.
        code: the kind of finding, such as ``"bad_destination"``.
    """

    file: str
    row: int | None
    column: str | None
    value: str | None
    message: str
    severity: Severity
    code: str

    def __str__(self) -> str:
        place = self.file if self.row is None else f"{self.file}:{self.row}"
        if self.column is not None:
            place += f" {self.column}"
        return f"{place}: {self.message}"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The report on reading one sheet. Prints as a readable summary.

    Counts are of what is right, which is what is loaded. Of each kind of issue at most 10,000
    are kept; ``totals`` has the true numbers.

    Attributes:
        file: name of the file.
        n_rows: rows read, without header and blank ones.
        n_locations, n_rules: locations and rules that are right.
        n_profiles: distinct tables of rule texts among the locations.
        n_destinations: distinct destinations.
        n_folded: examples that others of their rule stand for, where it has more than 64.
        errors, warnings, repairs: the issues, in row order.
        skipped: rows (and columns) left out because of an error; empty where all was refused.
        totals: true number of issues by ``"severity:code"``.
    """

    file: str
    n_rows: int = 0
    n_locations: int = 0
    n_rules: int = 0
    n_profiles: int = 0
    n_destinations: int = 0
    n_folded: int = 0
    errors: tuple[SheetIssue, ...] = ()
    warnings: tuple[SheetIssue, ...] = ()
    repairs: tuple[SheetIssue, ...] = ()
    skipped: tuple[SheetIssue, ...] = ()
    totals: dict[str, int] = field(default_factory=dict)

    def _total(self, severity: Severity) -> int:
        return sum(n for kind, n in self.totals.items() if kind.startswith(f"{severity}:"))

    @property
    def n_errors(self) -> int:
        """True number of errors."""
        return self._total("error")

    @property
    def n_warnings(self) -> int:
        """True number of warnings."""
        return self._total("warning")

    @property
    def n_repairs(self) -> int:
        """True number of repairs."""
        return self._total("repair")

    @property
    def n_skipped(self) -> int:
        """True number of rows and columns left out."""
        return self._total("skipped")

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return self.n_errors == 0

    def _counts(self) -> str:
        folded = f", {_count(self.n_folded, 'example')} folded into others" if self.n_folded else ""
        return (
            f"{self.file}: {_count(self.n_rows, 'row')}, {_count(self.n_locations, 'location')}, "
            f"{_count(self.n_rules, 'rule')} in {_count(self.n_profiles, 'profile')}, "
            f"{_count(self.n_destinations, 'distinct destination')}{folded}"
        )

    @property
    def next_step(self) -> str | None:
        """The next step to repair the errors; None if there are none."""
        kinds = [kind.partition(":")[2] for kind in self.totals if kind.startswith("error:")]
        if not kinds:
            return None
        worst = max(kinds, key=lambda code: self.totals[f"error:{code}"])
        return _STEPS.get(worst, "correct the rows that are named, and check the sheet again")

    def _sections(
        self, n_each: int | None = MAX_SHOWN
    ) -> Iterable[tuple[Severity, str, list[str]]]:
        """Yield heading and lines of each severity, at most ``n_each`` of a kind."""
        groups: tuple[tuple[Severity, tuple[SheetIssue, ...]], ...] = (
            ("error", self.errors),
            ("warning", self.warnings),
            ("repair", self.repairs),
            ("skipped", self.skipped),
        )
        for severity, issues in groups:
            total = self._total(severity)
            if not total:
                continue
            one = severity in ("error", "warning") and total == 1
            heading = f"{total:,} {severity if one else _PLURALS[severity]}"
            lines: list[str] = []
            by_code: dict[str, list[SheetIssue]] = {}
            for issue in issues:
                by_code.setdefault(issue.code, []).append(issue)
            for code, found in by_code.items():
                lines.extend(str(issue) for issue in found[:n_each])
                more = self.totals[f"{severity}:{code}"] - len(found[:n_each])
                if more:
                    lines.append(f"... and {more:,} more ({code.replace('_', ' ')})")
            yield severity, heading, lines

    def summary(self, n_each: int | None = MAX_SHOWN) -> str:
        """Return plain text: counts, then the first issues of each kind and how many more.

        Args:
            n_each: issues of one kind that are written; None for all that are kept.
        """
        out = [self._counts()]
        for _, heading, lines in self._sections(n_each):
            out.append(heading)
            out.extend(f"  {line}" for line in lines)
        return "\n".join(out)

    def __str__(self) -> str:
        return self.summary()

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-able values."""
        return asdict(self)

    def to_frame(self) -> pd.DataFrame:
        """Return all issues as a DataFrame: errors, warnings, repairs, rows left out.

        The columns are the attributes of :class:`SheetIssue`; ``row`` is a nullable integer.
        """
        import pandas as pd

        issues = (*self.errors, *self.warnings, *self.repairs, *self.skipped)
        names = [one.name for one in fields(SheetIssue)]
        frame = pd.DataFrame(map(astuple, issues), columns=names, dtype=pd.StringDtype())
        return frame.assign(row=pd.array([issue.row for issue in issues], dtype="Int64"))

    def __rich__(self) -> RenderableType:
        from rich.text import Text

        styles = {"error": "bold red", "warning": "yellow", "repair": "cyan", "skipped": "magenta"}
        text = Text(self._counts(), style="bold")
        for severity, heading, lines in self._sections():
            text.append(f"\n{heading}", style=styles[severity])
            for line in lines:
                text.append(f"\n  {line}", style="not bold")
        return text


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
