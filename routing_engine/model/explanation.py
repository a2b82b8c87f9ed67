"""Explain a decision in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from typing import Literal, NamedTuple

from routing_engine.model.destinations import Destination
from routing_engine.model.outcomes import Outcome, Reason

__all__ = ["Explained", "Grounds", "Heard", "Match", "Reads", "explain", "times"]

MAX_QUOTED = 100
MAX_DIGITS = 6

_NOT_SCORED = {
    "empty_utterance": "Nothing was said that holds a letter or a digit.",
    "no_rules": "The location has no rules.",
    "engine_degraded": "The encoder or the index failed, so that no rule could be scored.",
    "overloaded": "Too many callers were waiting for the encoder.",
    "deadline_exceeded": "The deadline passed before the utterance was encoded.",
    "transferred": "The transfer was answered: the call is over.",
    "report_ignored": "The report is of an attempt that is over already, or not over yet.",
    "call_over": "The call is over: nothing of what happens now changes it.",
}
_BUT = {
    "nothing_asked": "The caller asked for nothing more, which leaves the bar where it was.",
    "person_requested": "The caller asks for a person.",
    "frustrated": "The caller has lost patience.",
    "ambiguous": "Two rules that lead elsewhere are too near to tell apart.",
    "routine": "This is routine business, which stays with the agent.",
    "rule_disabled": "That rule is disabled.",
    "outside_hours": "That rule does not apply at this hour.",
    "destination_refused": "The dial policy refuses its destination.",
    "loop_avoided": "The caller's own number and the line that was called are not dialled.",
    "verification_required": "The rule wants the caller verified first.",
    "confirmation_required": "The rule wants the caller to confirm first.",
}
_TO_NOBODY = ("closed", "default", "clarify")
"""Outcomes whose cause is that nobody takes the call now."""


class Reads(Enum):
    """The part of a live call that a decision was made from."""

    ALL_THERE_IS = "the last turn, to which nothing before it adds"
    LAST_TURN = "the last turn alone, which is surer than the whole conversation"
    CONVERSATION = "the whole conversation, which is surer than the last turn alone"
    ANSWER = "the whole conversation, for the last turn is a short answer, which says nothing alone"


class Heard(NamedTuple):
    """The part of a live call that a decision was made from, and the call's patience.

    Attributes:
        reads: what was read.
        told: turns of the caller that said something, the last one included.
        odds_factor: multiplies the odds of the engine's threshold.
        odds_urgent: multiplies those of the threshold of urgent rules.
    """

    reads: Reads
    told: int
    odds_factor: float
    odds_urgent: float


class Match(NamedTuple):
    """One rule with its scores for the utterance.

    Attributes:
        label: the rule's.
        confidence: as :class:`~routing_engine.model.decisions.Candidate`'s.
        similarity: cosine with ``text``, in [-1, 1].
        text: the nearest example that is compared; the ``when`` of a rule without examples.
        is_example: which of the two it is.
        n_folded: examples of the rule that others stand for.
        same_place: whether it leads where the best rule leads.
        is_urgent: whether the rule is urgent.
    """

    label: str
    confidence: float
    similarity: float
    text: str
    is_example: bool
    same_place: bool
    n_folded: int = 0
    is_urgent: bool = False


class Grounds(NamedTuple):
    """The scores and thresholds behind a decision.

    Attributes:
        matches: every rule of the location, the one that the decision is about first, then the
            most confident.
        asked_by: whose threshold the first of them had to reach.
        threshold: of the location, or else of the engine.
        of_location: whether it is the location's, which no call raises.
        urgent_threshold: of the engine, for urgent rules.
    """

    matches: tuple[Match, ...]
    asked_by: Literal["rule", "location", "engine"]
    threshold: float = 0.0
    of_location: bool = False
    urgent_threshold: float = 0.0


class Explained(NamedTuple):
    """The fields of a decision that its explanation reads.

    Attributes:
        names_rule: whether the decision is about one of the rules.
        is_closed: whether the location is closed at this hour.
        heard: of a live call, what was read; None otherwise.
        outcome, reason, destination, location_id, catalog_version, confidence, threshold,
            question, next_opening: as those of :class:`~routing_engine.model.decisions.Decision`.
    """

    outcome: Outcome
    reason: Reason
    destination: Destination | None
    location_id: str
    catalog_version: int
    confidence: float
    threshold: float | None
    question: str | None
    next_opening: datetime | None
    names_rule: bool
    is_closed: bool
    heard: Heard | None = None


def explain(decision: Explained, grounds: Grounds | None) -> str:
    """Explain a decision in a short paragraph.

    Names the rule, the text that was nearest, the threshold, the runner-up and what became of
    the call. Never says what the caller said, and shows no more than two digits of a number, so
    that it may be logged. The same decision gives the same words, whatever order the rules stand
    in.

    Args:
        decision: any.
        grounds: what it was made from; None where no rule was scored, or that was not kept.
    """
    reason = decision.reason.value
    said = []
    if reason == "unknown_location":
        said.append(
            f"Catalog version {decision.catalog_version} has no location {decision.location_id!r}."
        )
    if reason in _NOT_SCORED:
        said.append(_NOT_SCORED[reason])
    if grounds is not None and grounds.matches:
        said += _ranking(decision, grounds)
    elif decision.threshold is not None:
        best = "No rule is sure enough: the best" if _is_below(decision) else "The best rule"
        said.append(f"{best} has {_against(decision, 'it is asked for')}.")
    if decision.heard is not None:
        said += _of_the_call(decision, decision.heard, grounds)
    if reason in _BUT and not (reason == "outside_hours" and _is_below(decision)):
        said.append(_BUT[reason])
    if decision.is_closed and decision.outcome.value in _TO_NOBODY:
        said.append(_closed_until(decision))
    said.append(_ending(decision))
    return " ".join(said)


def _is_below(decision: Explained) -> bool:
    """Whether no rule reached its threshold, and the location was not closed either."""
    if decision.reason.value == "outside_hours" and decision.threshold is not None:
        return decision.confidence < decision.threshold
    return decision.reason.value in ("below_threshold", "outside_hours") and not decision.names_rule


def _closed_until(decision: Explained) -> str:
    opening = decision.next_opening
    if opening is None:
        return "The location is closed, and does not open in the next 400 days."
    return f"The location is closed until {opening:%A %Y-%m-%d %H:%M} ({opening.tzinfo})."


def _against(decision: Explained, asked_by: str) -> str:
    """Write confidence and threshold with enough digits to tell them apart."""
    digits, threshold = 2, decision.threshold
    if threshold is None:
        return f"{decision.confidence:.{digits}f}"
    while (
        decision.confidence != threshold
        and digits < MAX_DIGITS
        and round(decision.confidence, digits) == round(threshold, digits)
    ):
        digits += 1
    return f"{decision.confidence:.{digits}f} where {asked_by} {threshold:.{digits}f}"


def _ranking(decision: Explained, grounds: Grounds) -> list[str]:
    best, *others = grounds.matches
    lead = "No rule is sure enough: the best is " if _is_below(decision) else ""
    is_urgent = best.is_urgent and grounds.asked_by != "rule"
    asked_by = "an urgent rule needs" if is_urgent else f"the {grounds.asked_by} asks for"
    said = [f"{lead}{best.label}, {_against(decision, asked_by)}: {_nearest(best)}."]
    if not others:
        return [*said, "There is no other rule."]
    runner_up = others[0]
    place = ", which leads to the same place" if runner_up.same_place else ""
    if runner_up.confidence > best.confidence and best.is_urgent:
        said.append(
            f"{runner_up.label} has {runner_up.confidence:.2f}{place}: {_nearest(runner_up)}; but "
            "an urgent rule goes before one that it is nearly tied with."
        )
        return said
    said.append(
        f"Next is {runner_up.label}, {runner_up.confidence:.2f}{place}: {_nearest(runner_up)}."
    )
    return said


def _of_the_call(decision: Explained, heard: Heard, grounds: Grounds | None) -> Iterator[str]:
    """Explain what was read of a live call, what moved the bar, and what would have been enough."""
    yield f"The decision reads {heard.reads.value}."
    if grounds is None or not grounds.matches:
        return
    usual, asked_by = grounds.threshold, grounds.asked_by
    bar = usual if grounds.of_location else times(heard.odds_factor, usual)
    urgent = times(heard.odds_urgent, grounds.urgent_threshold)
    has_urgent = urgent < bar and any(match.is_urgent for match in grounds.matches)
    if has_urgent and grounds.matches[0].is_urgent and asked_by != "rule":
        yield f"It is urgent; a rule that is not needs {bar:.2f}."
    elif asked_by == "engine" and bar != usual:
        verb = "raises" if bar > usual else "lowers"
        yield (
            f"The call {verb} the engine's {usual:.2f} to {bar:.2f}: the caller has told something "
            f"in {heard.told} turn{'' if heard.told == 1 else 's'}."
        )
    elif asked_by == "engine":
        yield f"The call leaves the engine's {usual:.2f} as it is."
    least = decision.threshold
    if least is not None and decision.confidence < least and decision.outcome != "clarify":
        also = f", or an urgent one from {urgent:.2f} on," if has_urgent else ""
        yield f"A rule from {bar:.2f} on{also} would have taken the call."


def times(factor: float, probability: float) -> float:
    """Return the probability of odds that are multiplied by a factor."""
    if factor == 1.0:
        return probability
    return factor * probability / (1.0 + (factor - 1.0) * probability)


def _nearest(match: Match) -> str:
    text = match.text if len(match.text) <= MAX_QUOTED else match.text[: MAX_QUOTED - 1] + "…"
    kind = "example" if match.is_example else "description"
    folded = f"; {match.n_folded:,} more examples are folded into others" if match.n_folded else ""
    return f'nearest is its {kind} "{text}" (similarity {match.similarity:.2f}{folded})'


def _ending(decision: Explained) -> str:
    asked = ""
    if decision.outcome == "clarify" and decision.question is not None:
        asked = f"To be asked: {decision.question} "
    if decision.destination is None:
        if decision.reason == "destination_refused":
            return f"{asked}Nothing is dialled: the dial policy refuses the default, too."
        if decision.reason == "loop_avoided":
            return f"{asked}Nothing is dialled: nobody else is left."
        is_final = decision.outcome in ("contain", "closed")
        return f"{asked}Nothing is dialled{'' if is_final else ' yet'}."
    masked = decision.destination.masked
    if decision.outcome == "transfer":
        return f"Sent to {masked}."
    place = "after-hours number" if decision.is_closed else "default"
    if asked:
        return f"{asked}Until answered, the {place}, {masked}."
    return f"Sent to the {place}, {masked}."
