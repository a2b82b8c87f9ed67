"""Backtest: where recorded calls would go by another engine.

A call goes elsewhere if another number would be dialled for it, or something else would happen in
place of dialling. Two rules that ring the same phone are the same place. Every location counts as
open, as in an evaluation, and no caller as verified.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from routing_engine.deciding.router import Router
from routing_engine.deciding.state import State
from routing_engine.encoders import Encoder, encode_distinct
from routing_engine.encoders.batching import LateBar
from routing_engine.encoders.protocol import Vectors
from routing_engine.errors import EncoderError, InvalidValueError, Problem
from routing_engine.model.decisions import Decision
from routing_engine.model.outcomes import Outcome, Reason
from routing_engine.quality.cases import label_problem, refuse
from routing_engine.quality.evaluation import MAX_PAIRS, MAX_SENTENCES, picked, short
from routing_engine.quality.recorded import RecordedCall

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison", "Move", "MovedCall", "RoutedTo", "Side", "compare"]

CHUNK = 8192
"""Most distinct sentences whose vectors are held at once."""

MAX_UNKNOWN = 20
"""Most ids of unknown locations that a comparison names."""


@dataclass(frozen=True, slots=True)
class RoutedTo:
    """The destination to which an engine sends a call.

    Attributes:
        outcome: what happens; None where the engine has no such location.
        rule: label of the rule that is followed; for ``CLARIFY`` both, ``"A or B"``; None where
            none is.
        destination: what is dialled, or would be once the caller is verified or has confirmed;
            None for nothing.
    """

    outcome: Outcome | None
    rule: str | None
    destination: str | None

    @classmethod
    def by(cls, decision: Decision) -> RoutedTo:
        """Return where a decision sends a call."""
        if decision.outcome is Outcome.CLARIFY:
            choices = decision.choices
            return cls(
                decision.outcome,
                " or ".join(rule.label for rule in choices),
                " or ".join(str(rule.destination or "the agent") for rule in choices),
            )
        rule, destination = decision.rule, decision.destination
        if rule is not None and not decision.outcome.dials:
            destination = rule.destination
        return cls(
            decision.outcome, picked(decision), None if destination is None else str(destination)
        )

    @property
    def place(self) -> tuple[str | None, ...]:
        """Key of where a caller ends up, equal for calls that reach the same phone."""
        if self.outcome is not None and self.outcome.dials:
            return "dials", self.destination
        return self.outcome, self.destination

    def __str__(self) -> str:
        if self.outcome is None:
            return "no such location"
        named = _IN_WORDS[self.outcome]
        return named if self.rule is None else named.replace("a rule", self.rule)


_IN_WORDS = {
    Outcome.TRANSFER: "a rule",
    Outcome.DEFAULT: "default",
    Outcome.CONTAIN: "a rule, with the agent",
    Outcome.CLARIFY: "asks: a rule",
    Outcome.VERIFY: "a rule, once verified",
    Outcome.CONFIRM: "a rule, once confirmed",
    Outcome.CLOSED: "closed",
}

NOWHERE = RoutedTo(None, None, None)


@dataclass(frozen=True, slots=True)
class MovedCall:
    """Calls of one location with the same words that would go elsewhere.

    Attributes:
        location_id: which location was called.
        text: what the callers said.
        n: how many calls these are.
        before: where they go by the first engine.
        after: where they would go by the other.
        label: of the right rule; None where no rule is right, or nobody said.
        change: ``"gained"`` where the first engine is wrong and the other right, ``"lost"`` where
            it is the other way round, None where neither is so or nobody said what is right.
    """

    location_id: str
    text: str
    n: int
    before: RoutedTo
    after: RoutedTo
    label: str | None = None
    change: Literal["gained", "lost"] | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """Calls that change from one destination to another.

    Attributes:
        before, after: the two ways, in words: the label of a rule, or what else happens.
        is_renumbered: whether the same rule leads to another number.
        n: how many calls.
        gained, lost: how many of them become right, and wrong.
        calls: the calls, the most frequent first.
    """

    before: str
    after: str
    is_renumbered: bool
    n: int
    gained: int
    lost: int
    calls: tuple[MovedCall, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The comparison of two engines on calls. Prints as a report; holds what callers said.

    Attributes:
        n: calls that were compared.
        n_distinct: different sentences among them.
        n_moved: calls that would go elsewhere.
        n_labelled: calls of which somebody said which rule is right.
        right_before, right_after: how many of those each engine has right.
        gained, lost: calls that become right, and wrong.
        moves: from where to where, the most frequent first.
        n_unknown: calls of locations that neither engine has; they are not compared.
        unknown: ids of such locations, at most 20.
    """

    n: int
    n_distinct: int
    n_moved: int
    n_labelled: int
    right_before: int
    gained: int
    lost: int
    moves: tuple[Move, ...]
    n_unknown: int = 0
    unknown: tuple[str, ...] = ()

    @property
    def right_after(self) -> int:
        """Labelled calls that the other engine has right."""
        return self.right_before + self.gained - self.lost

    @property
    def moved_share(self) -> float:
        """Share of the calls that would go elsewhere, [0, 1]."""
        return self.n_moved / self.n if self.n else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON-able values; they hold what callers said."""
        return {
            "n": self.n,
            "n_distinct": self.n_distinct,
            "n_moved": self.n_moved,
            "n_labelled": self.n_labelled,
            "right_before": self.right_before,
            "right_after": self.right_after,
            "gained": self.gained,
            "lost": self.lost,
            "n_unknown": self.n_unknown,
            "unknown": list(self.unknown),
            "moves": [
                {
                    "before": move.before,
                    "after": move.after,
                    "is_renumbered": move.is_renumbered,
                    "n": move.n,
                    "gained": move.gained,
                    "lost": move.lost,
                    "calls": [_plain(call) for call in move.calls],
                }
                for move in self.moves
            ],
        }

    def to_frame(self, table: Literal["moves", "calls"] = "moves") -> pd.DataFrame:
        """Return one of the comparison's tables as a pandas DataFrame.

        Args:
            table: ``"moves"``, a row a move; ``"calls"``, a row for the calls of one location with
                the same words, with outcome, rule and destination before and after.

        Raises:
            InvalidValueError: no such table.
        """
        import pandas as pd

        if table == "moves":
            columns = ["before", "after", "is_renumbered", "n", "gained", "lost"]
            moves = [tuple(getattr(move, name) for name in columns) for move in self.moves]
            frame = pd.DataFrame(moves, columns=columns)
            return frame.astype({"before": pd.StringDtype(), "after": pd.StringDtype()})
        if table == "calls":
            sides = [f"{name}_{side}" for side in ("before", "after") for name in _ROUTED]
            columns = ["location_id", "text", "n", *sides, "label", "change"]
            calls = [_row(call) for move in self.moves for call in move.calls]
            frame = pd.DataFrame(calls, columns=columns)
            texts = {name: pd.StringDtype() for name in columns if name != "n"}
            return frame.astype({**texts, "n": "int64"})
        raise InvalidValueError(f"table is 'moves' or 'calls', not {table!r}")

    def __str__(self) -> str:
        return "\n\n".join(filter(None, (self._summary(), self._moved())))

    def _summary(self) -> str:
        said = f"{self.n:,} calls, {self.n_distinct:,} different sentences"
        lines = [f"{said}: {self.n_moved:,} would go elsewhere ({self.moved_share:.1%})"]
        if self.n_labelled:
            lines.append(
                f"{self.n_labelled:,} of them labelled: {self.right_before:,} right before, "
                f"{self.right_after:,} after; {self.gained:,} gained, {self.lost:,} lost"
            )
        if self.n_unknown:
            lines.append(
                f"{self.n_unknown:,} more are of locations that neither has: "
                f"{', '.join(self.unknown)}"
            )
        return "\n".join(lines)

    def _moved(self) -> str:
        lines = []
        for move in self.moves[:MAX_PAIRS]:
            count = f"{move.n:>6,}  {move.before} -> {move.after}"
            if move.is_renumbered:
                count += ", another number"
            for what, n in (("gained", move.gained), ("lost", move.lost)):
                count += f"   {n:,} {what}" if n else ""
            lines.append(count)
            for call in move.calls[:MAX_SENTENCES]:
                times = f" ({call.n:,} times)" if call.n > 1 else ""
                lines.append(f"          “{short(call.text)}”{times}")
        n_more = sum(move.n for move in self.moves[MAX_PAIRS:])
        if n_more:
            lines.append(f"{n_more:>6,}  in {len(self.moves) - MAX_PAIRS:,} further ways")
        return "\n".join(lines)


_ROUTED = ("outcome", "rule", "destination")


def _row(call: MovedCall) -> list[Any]:
    sides = [getattr(side, name) for side in (call.before, call.after) for name in _ROUTED]
    return [call.location_id, call.text, call.n, *map(_value, sides), call.label, call.change]


def _value(field: Any) -> Any:
    return field.value if isinstance(field, Outcome) else field


def _plain(call: MovedCall) -> dict[str, Any]:
    return {
        "location_id": call.location_id,
        "text": call.text,
        "n": call.n,
        "before": {name: _value(getattr(call.before, name)) for name in _ROUTED},
        "after": {name: _value(getattr(call.after, name)) for name in _ROUTED},
        "label": call.label,
        "change": call.change,
    }


class Side(NamedTuple):
    """One engine of a comparison.

    Attributes:
        router: scores and gates.
        state: the catalog version that answers.
        encoder: embeds what was said.
    """

    router: Router
    state: State
    encoder: Encoder

    def knows(self, location_id: str) -> bool:
        """Whether the engine answers for a location, if only by its default destination."""
        part, number = self.state.find(location_id)
        return number >= 0 or part.settings.default_destination is not None


class _Alike(NamedTuple):
    """Calls with one answer: of one location, with the same words and label."""

    location_id: str
    label: str | None
    is_labelled: bool


class _Vectors:
    """Vectors of some sentences, shared by both engines.

    Args:
        encoder: embeds what it was not asked for before.
        threads: that embed at a time.
    """

    def __init__(self, encoder: Encoder, threads: int) -> None:
        self._encoder = encoder
        self._threads = threads
        self._known: dict[str, Vectors] = {}

    def __call__(self, texts: Sequence[str]) -> Mapping[str, Vectors]:
        new = [text for text in texts if text not in self._known]
        if new:
            vectors = encode_distinct(self._encoder, new, threads=self._threads)
            self._known.update(zip(new, vectors, strict=True))
        return self._known

    def forget(self) -> None:
        """Drop the vectors, as other sentences come next."""
        self._known.clear()


def compare(
    calls: Sequence[RecordedCall],
    first: Side,
    other: Side,
    *,
    threads: int | None = None,
    progress: bool = False,
) -> Comparison:
    """Answer calls by two engines, and report which would go elsewhere. Nothing is stored.

    A sentence is embedded once, however often it was said, and for both engines at once where
    they have the same encoder.

    Args:
        calls: what was said; at least one call.
        first: the engine whose answers count as they are.
        other: the engine that may take its place.
        threads: that embed at a time; None for one a core.
        progress: show a progress bar on stderr where it takes longer than a second.

    Raises:
        InvalidValueError: a label is of neither engine, or no location is known to any.
        EncoderError: an encoder failed.
    """
    known = {
        name: (first.knows(name), other.knows(name)) for name in {c.location_id for c in calls}
    }
    _check_labels(calls, first, other)
    compared = [call for call in calls if any(known[call.location_id])]
    unknown = sorted(name for name, sides in known.items() if not any(sides))
    if not compared:
        raise InvalidValueError(
            f"neither engine has a location that was called, such as {', '.join(unknown[:3])}"
        )
    said: dict[str, Counter[_Alike]] = defaultdict(Counter)
    for call in compared:
        said[call.text][_Alike(call.location_id, call.label, call.is_labelled)] += 1
    n_threads = (os.cpu_count() or 1) if threads is None else threads
    vectors = _Vectors(first.encoder, n_threads)
    sides = [(first, vectors)]
    is_shared = other.encoder.fingerprint == first.encoder.fingerprint
    sides.append((other, vectors if is_shared else _Vectors(other.encoder, n_threads)))
    tally = _Tally()
    bar = LateBar(len(said), "comparing calls") if progress else None
    try:
        for texts in _chunks(list(said)):
            queries = [(alike.location_id, text) for text in texts for alike in said[text]]
            before, after = (
                _answers(side, embed, queries, [known[name][i] for name, _ in queries])
                for i, (side, embed) in enumerate(sides)
            )
            counted = ((text, alike, n) for text in texts for alike, n in said[text].items())
            for (text, alike, n), old, new in zip(counted, before, after, strict=True):
                tally.add(text, alike, n, old, new)
            for _, embed in sides:
                embed.forget()
            if bar is not None:
                bar.advance(len(texts))
    finally:
        if bar is not None:
            bar.close()
    return tally.comparison(len(said), len(calls) - len(compared), unknown)


def _chunks(texts: list[str]) -> Iterator[list[str]]:
    return (texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK))


def _check_labels(calls: Sequence[RecordedCall], first: Side, other: Side) -> None:
    """Refuse labels that no rule of the location has in either engine."""
    problems: list[Problem] = []
    offered: dict[str, frozenset[str]] = {}
    for call in calls:
        if call.label is None:
            continue
        labels = offered.get(call.location_id)
        if labels is None:
            found = (side.state.labels(call.location_id) for side in (first, other))
            labels = frozenset().union(*(some or () for some in found))
            offered[call.location_id] = labels
        if call.label not in labels:
            problems.append(label_problem(call.location_id, call.label, labels, call.origin))
    refuse("calls", problems)


class _Routed(NamedTuple):
    """The destination of a call, and the rule that chose it."""

    to: RoutedTo
    picked: str | None

    def is_right(self, label: str | None) -> bool:
        """Whether the call follows the rule with a label; for None, no rule."""
        return self.to.outcome is not None and self.picked == label


def _answers(
    side: Side, embed: _Vectors, queries: Sequence[tuple[str, str]], known: Sequence[bool]
) -> list[_Routed]:
    """Return where one engine sends each query; nowhere for an unknown location."""
    asked = [query for query, is_known in zip(queries, known, strict=True) if is_known]
    router = side.router
    decisions = [
        router.gate(one, any_hour=True) for one in router.score_many(side.state, asked, embed=embed)
    ]
    n_failed = sum(decision.reason is Reason.ENGINE_DEGRADED for decision in decisions)
    if n_failed:
        raise EncoderError(f"{n_failed:,} of {len(asked):,} calls could not be answered")
    routed = (_Routed(RoutedTo.by(decision), picked(decision)) for decision in decisions)
    return [next(routed) if is_known else _Routed(NOWHERE, None) for is_known in known]


class _Tally:
    """Count calls as they are answered."""

    def __init__(self) -> None:
        self._n = self._n_labelled = self._right_before = 0
        self._moved: dict[tuple[str, str, bool], list[MovedCall]] = defaultdict(list)

    def add(self, text: str, alike: _Alike, n: int, before: _Routed, after: _Routed) -> None:
        self._n += n
        was_right = alike.is_labelled and before.is_right(alike.label)
        if alike.is_labelled:
            self._n_labelled += n
            self._right_before += n * was_right
        # Whoever reaches the same phone is as right as before, by whatever name.
        if before.to.place == after.to.place:
            return
        change: Literal["gained", "lost"] | None = None
        if alike.is_labelled:
            is_right = after.is_right(alike.label)
            change = None if is_right == was_right else "gained" if is_right else "lost"
        way = str(before.to), str(after.to)
        call = MovedCall(alike.location_id, text, n, before.to, after.to, alike.label, change)
        self._moved[(*way, way[0] == way[1])].append(call)

    def comparison(self, n_distinct: int, n_unknown: int, unknown: Sequence[str]) -> Comparison:
        """Return the comparison of the counted calls."""
        moves = [
            Move(
                *way,
                n=sum(call.n for call in calls),
                gained=sum(call.n for call in calls if call.change == "gained"),
                lost=sum(call.n for call in calls if call.change == "lost"),
                calls=tuple(sorted(calls, key=lambda c: (-c.n, c.text, c.location_id))),
            )
            for way, calls in self._moved.items()
        ]
        return Comparison(
            n=self._n,
            n_distinct=n_distinct,
            n_moved=sum(move.n for move in moves),
            n_labelled=self._n_labelled,
            right_before=self._right_before,
            gained=sum(move.gained for move in moves),
            lost=sum(move.lost for move in moves),
            moves=tuple(sorted(moves, key=lambda m: (-m.n, m.before, m.after))),
            n_unknown=n_unknown,
            unknown=tuple(unknown[:MAX_UNKNOWN]),
        )
