"""Route a DataFrame of calls, and return the decisions as a DataFrame.

Internal: use :meth:`routing_engine.RoutingEngine.route_frame`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from routing_engine.encoders.batching import LateBar
from routing_engine.errors import InvalidValueError
from routing_engine.model.decisions import Decision
from routing_engine.model.outcomes import Outcome, Reason
from routing_engine.sheets.frames import cell_text, is_frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["route_frame"]

ROWS_PER_CHUNK = 4096
"""Rows routed at once: their decisions are in memory until written as columns."""

Query = tuple[str, str]


@dataclass(slots=True)
class _Answers:
    """Columns of the answer."""

    outcome: list[str] = field(default_factory=list)
    reason: list[str] = field(default_factory=list)
    rule: list[str | None] = field(default_factory=list)
    destination: list[str | None] = field(default_factory=list)
    confidence: list[float] = field(default_factory=list)
    catalog_version: list[int] = field(default_factory=list)

    def add(self, decision: Decision) -> None:
        rule, destination = decision.rule, decision.destination
        self.outcome.append(decision.outcome.value)
        self.reason.append(decision.reason.value)
        self.rule.append(None if rule is None else rule.label)
        self.destination.append(None if destination is None else str(destination))
        self.confidence.append(decision.confidence)
        self.catalog_version.append(decision.catalog_version)

    def frame(self, index: pd.Index) -> pd.DataFrame:
        import pandas as pd

        text = pd.StringDtype()
        return pd.DataFrame(
            {
                "outcome": pd.Categorical(self.outcome, [one.value for one in Outcome]),
                "reason": pd.Categorical(self.reason, [one.value for one in Reason]),
                "rule": pd.array(self.rule, dtype=text),
                "destination": pd.array(self.destination, dtype=text),
                "confidence": pd.array(self.confidence, dtype="float64"),
                "catalog_version": pd.array(self.catalog_version, dtype="int64"),
            },
            index=index,
        )


def route_frame(
    frame: pd.DataFrame,
    *,
    location: str,
    utterance: str,
    check: Callable[[str], object],
    route: Callable[[Sequence[Query]], list[Decision]],
    progress: bool = False,
) -> pd.DataFrame:
    """Route each row of a frame, in chunks of 4,096 rows.

    Args:
        frame: a row a call.
        location, utterance: names of the columns.
        check: called once with each distinct location id, before anything is routed; raises
            where it is unknown.
        route: decides on some queries, in order.
        progress: show a progress bar on stderr once it has taken longer than a second.

    Returns:
        The frame's index and the columns outcome, reason, rule, destination, confidence and
        catalog_version.

    Raises:
        InvalidValueError: it is no DataFrame, or a column is missing or there twice.
    """
    if not is_frame(frame):
        raise InvalidValueError(
            f"route_frame takes a pandas DataFrame, not a {type(frame).__name__}"
        )
    ids, said = _column(frame, location, "location"), _column(frame, utterance, "utterance")
    for location_id in dict.fromkeys(map(cell_text, ids.tolist())):
        check(location_id)
    answers = _Answers()
    bar = LateBar(len(frame), "routing calls") if progress else None
    try:
        for queries in _chunks(ids, said):
            for decision in route(queries):
                answers.add(decision)
            if bar is not None:
                bar.advance(len(queries))
    finally:
        if bar is not None:
            bar.close()
    return answers.frame(frame.index)


def _chunks(ids: pd.Series, said: pd.Series) -> Iterator[list[Query]]:
    for start in range(0, len(ids), ROWS_PER_CHUNK):
        rows = slice(start, start + ROWS_PER_CHUNK)
        yield [
            (cell_text(location_id), cell_text(text))
            for location_id, text in zip(
                ids.iloc[rows].tolist(), said.iloc[rows].tolist(), strict=True
            )
        ]


def _column(frame: pd.DataFrame, name: str, option: str) -> pd.Series:
    n = frame.columns.tolist().count(name)
    if n != 1:
        there = ", ".join(repr(column) for column in frame.columns[:8].tolist())
        raise InvalidValueError(
            f"the frame has {'no' if n == 0 else n} column{'s' if n > 1 else ''} {name!r}; "
            f"name the right one with {option}=, of: {there or 'no columns at all'}"
        )
    return frame[name]
