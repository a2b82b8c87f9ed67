"""The report on the wording of rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

__all__ = ["KINDS", "Finding", "Kind", "LintReport", "rank"]

Kind = Literal["loop", "overlap", "vague", "example", "unreachable", "urgent"]
KINDS: tuple[Kind, ...] = ("loop", "unreachable", "overlap", "example", "vague", "urgent")
"""Kinds of findings, in the order of a report."""

PROPOSED: frozenset[Kind] = frozenset(("urgent",))
"""Kinds that propose something where nothing is wrong."""

MAX_SHOWN = 10
"""Most findings of one kind that a summary prints."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem with the wording of a rule, or a proposal for it.

    Attributes:
        kind: ``"overlap"``, ``"vague"``, ``"example"`` or ``"unreachable"``; ``"loop"``, of a
            number that points at its location's own line; or ``"urgent"``, for a rule whose words
            say emergency, danger or a business that stands still, and that is not marked as urgent.
        rule: label of the rule; empty for the default destination and the after-hours number.
        other: label of the rule that it is at odds with, or None.
        sentence: the sentence that shows it, or None where none is needed.
        measured: overlap: the share of the rule's sentences; vague: the confidence that the
            ``when`` says nothing; example: the other rule's confidence; unreachable: the most
            that the rule's own sentences reach; loop and urgent: 1. In [0, 1].
        message: what was found, with the numbers.
        suggestion: what to do about it.
        n_locations: locations that have it.
        locations: ids of the first of them.
    """

    kind: Kind
    rule: str
    other: str | None
    sentence: str | None
    measured: float
    message: str
    suggestion: str
    n_locations: int
    locations: tuple[str, ...]

    @property
    def place(self) -> str:
        """Describe the locations in a few words."""
        if self.n_locations == 1:
            return self.locations[0]
        return f"{self.n_locations:,} locations, such as {self.locations[0]}"

    def __str__(self) -> str:
        return f"{self.message} ({self.place}); {self.suggestion}"


@dataclass(frozen=True, slots=True)
class LintReport:
    """The findings on the wording of all rules. Prints as a readable summary.

    Attributes:
        findings: loops, unreachable rules, overlaps, examples, vague descriptions, then rules that
            should perhaps be urgent; of one kind, those of the most locations first.
        n_locations: locations with rules.
        n_unmeasured: of these, ones whose rules share phones in so rare a way that they were
            left out.
        n_rules: distinct rule texts.
        n_sentences: distinct sentences that were asked.
        n_folded: examples that others of their rule stand for, and that were not asked.
    """

    findings: tuple[Finding, ...]
    n_locations: int
    n_unmeasured: int
    n_rules: int
    n_sentences: int
    n_folded: int = 0

    @property
    def ok(self) -> bool:
        """Whether there are no problems; proposals do not count."""
        return all(finding.kind in PROPOSED for finding in self.findings)

    def _heading(self) -> str:
        found = _count(len(self.findings), "finding") if self.findings else "nothing found"
        text = (
            f"wording: {found} ({_count(self.n_sentences, 'sentence')} of "
            f"{_count(self.n_rules, 'distinct rule')} asked, "
            f"{_count(self.n_locations, 'location')})"
        )
        if self.n_unmeasured:
            text += (
                f"; {_count(self.n_unmeasured, 'location')} left out, whose rules share phones "
                "in ways of their own"
            )
        if self.n_folded:
            text += f"; {_count(self.n_folded, 'example')} folded into others, and not asked"
        return text

    def _sections(self) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        for kind in KINDS:
            found = [item for item in self.findings if item.kind == kind]
            if not found:
                continue
            lines = [(f"{item.message} ({item.place})", item.suggestion) for item in found]
            if len(found) > MAX_SHOWN:
                lines[MAX_SHOWN:] = [(f"... and {len(found) - MAX_SHOWN:,} more", "")]
            yield f"{len(found):,} {kind}", lines

    def summary(self) -> str:
        """Return plain text: counts, then the first findings of each kind and how many more."""
        out = [self._heading()]
        for heading, lines in self._sections():
            out.append(heading)
            for message, suggestion in lines:
                out.append(f"  {message}")
                if suggestion:
                    out.append(f"    -> {suggestion}")
        return "\n".join(out)

    def __str__(self) -> str:
        return self.summary()

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-able values."""
        return asdict(self)

    def to_frame(self) -> pd.DataFrame:
        """Return the findings as a pandas DataFrame, one row for each.

        The columns are the attributes of :class:`Finding`; ``locations`` holds tuples.
        """
        import pandas as pd

        names = [one.name for one in fields(Finding)]
        frame = pd.DataFrame([asdict(found) for found in self.findings], columns=names)
        text = dict.fromkeys(
            ("kind", "rule", "other", "sentence", "message", "suggestion"), pd.StringDtype()
        )
        return frame.astype({**text, "measured": "float64", "n_locations": "int64"})

    def __rich__(self) -> RenderableType:
        from rich.text import Text

        text = Text(self._heading(), style="bold")
        for heading, lines in self._sections():
            text.append(f"\n{heading}", style="yellow")
            for message, suggestion in lines:
                text.append(f"\n  {message}", style="not bold")
                if suggestion:
                    text.append(f"\n    -> {suggestion}", style="not bold dim")
        return text


def rank(finding: Finding) -> tuple[object, ...]:
    """Sort key of findings: kind, then locations, then strength."""
    return (
        KINDS.index(finding.kind),
        -finding.n_locations,
        -finding.measured,
        finding.rule,
        finding.other or "",
        finding.sentence or "",
    )


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
