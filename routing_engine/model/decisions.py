"""Decisions on a caller, and the evidence for them."""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from routing_engine.model.caller import MAX_DETAIL_NAME
from routing_engine.model.destinations import Destination
from routing_engine.model.explanation import Explained, Grounds, Heard, explain
from routing_engine.model.outcomes import Outcome, Reason
from routing_engine.model.parties import NOBODY, Parties
from routing_engine.model.rules import ContextRule
from routing_engine.text.lines import one_line, same_name

__all__ = [
    "CallFacts",
    "Candidate",
    "Decision",
    "Evidence",
    "detail_key",
    "missing_details",
    "next_serial",
]

Attempt = tuple[Destination, int | None]
"""A destination, and how many seconds it may ring; None if unspecified."""

_prefix = secrets.token_hex(6)
next_serial = itertools.count(1).__next__
"""Draw the serial number that a decision's id is made of, when asked for. Thread-safe."""


def _draw_prefix() -> None:
    """Draw a new prefix, so that ids of a forked child differ from its parent's."""
    global _prefix  # noqa: PLW0603
    _prefix = secrets.token_hex(6)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_draw_prefix)


@lru_cache(maxsize=1024)
def detail_key(detail: str) -> str:
    """Fold the name of a detail: without case, white space and punctuation."""
    return same_name(one_line(detail, MAX_DETAIL_NAME))


@dataclass(frozen=True, slots=True)
class Candidate:
    """One rule of the location with its scores for the utterance.

    Attributes:
        label: the rule's label.
        confidence: calibrated probability in [0, 1] that this rule is right.
        similarity: cosine with the rule's nearest text, in [-1, 1].
    """

    label: str
    confidence: float
    similarity: float


def missing_details(rule: ContextRule | None, known: Collection[str]) -> tuple[str, ...]:
    """Return the details that a rule requires and that are not known.

    Args:
        rule: that a decision is about, or None.
        known: folded names of those that are, see :func:`detail_key`.
    """
    if rule is None or not rule.required_details:
        return ()
    return tuple(detail for detail in rule.required_details if detail_key(detail) not in known)


class CallFacts(NamedTuple):
    """Facts of a call that complete its decisions.

    Attributes:
        known: folded names of the details that were collected so far, see :func:`detail_key`.
        ring_timeout_s: how long a destination rings where its rule does not say, seconds; None
            where nobody says.
        tried: what was dialled before, ``str(destination)``.
        parties: who is on the line, and is never dialled.
        reported: what the platform said of the transfer that has just ended; None where it said
            nothing in words of its own.
    """

    known: Collection[str] = ()
    ring_timeout_s: int | None = None
    tried: Collection[str] = ()
    parties: Parties = NOBODY
    reported: str | None = None


class Evidence(Protocol):
    """Evidence for a decision, computed only when asked for."""

    def rule(self, number: int) -> ContextRule:
        """Return rule ``number`` of the location."""
        ...

    def candidates(self) -> tuple[Candidate, ...]:
        """Every rule of the location, most confident first."""
        ...

    def grounds(self, number: int | None) -> Grounds | None:
        """Return every rule with its nearest text, rule ``number`` (None: the best) first."""
        ...

    def unmatched(self, *, is_open_now: bool) -> Destination | None:
        """Return where an unmatched caller goes; None for nowhere."""
        ...

    def may_dial(self, destination: Destination) -> bool:
        """Whether the dial policy allows a destination."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """Where a caller should go, and why.

    Attributes:
        outcome: what is to happen now.
        reason: why.
        destination: what to dial, ``str(destination)``; None where nothing is to be dialled.
        confidence: calibrated probability in [0, 1] that the best rule is right; 0.0 where no
            rule was scored.
        threshold: the least confidence that was asked of the best rule; None where no rule was
            scored.
        question: for ``CLARIFY`` and ``CONFIRM``, what the agent may ask; otherwise None.
        location_id: the location that was asked for.
        catalog_version: the version of the catalog that answered.
        next_opening: where the location is closed, when it opens, in its own time zone; None
            where it is open, or does not open within 400 days.
        decision_id: a name of its own; empty only of a call's provisional decision, which is not
            kept. Drawn when it is first asked for where ``engine.route`` decided.
        stable: whether no more words will change it, as far as can be told: False of most
            provisional decisions of a call (``hear(…, final=False)``), True of all others.
    """

    outcome: Outcome
    reason: Reason
    destination: Destination | None
    location_id: str
    catalog_version: int
    confidence: float = 0.0
    threshold: float | None = None
    question: str | None = None
    next_opening: datetime | None = None
    stable: bool = field(default=True, kw_only=True)
    _rule: int | None = field(default=None, repr=False)
    _evidence: Evidence | None = field(default=None, repr=False)
    _closed: bool = field(default=False, repr=False)
    _rival: int | None = field(default=None, repr=False)
    _call: CallFacts | None = field(default=None, repr=False)
    _concerns: ContextRule | None = field(default=None, repr=False)
    _attempts: tuple[Attempt, ...] | None = field(default=None, repr=False)
    _is_first: bool = field(default=False, repr=False)
    _id: str | int = field(default="", repr=False)
    _heard: Heard | None = field(default=None, repr=False)

    @property
    def rule(self) -> ContextRule | None:
        """The rule that the decision is about, or None."""
        if self._rule is None or self._evidence is None:
            return None
        return self._evidence.rule(self._rule)

    @property
    def concerned(self) -> ContextRule | None:
        """The rule whose details the person who picks up needs.

        That of the decision; of one that goes on along a rule's fallbacks, or gives up on
        verifying a caller, the rule that it was about before.
        """
        return self.rule if self._concerns is None else self._concerns

    @property
    def is_next_in_line(self) -> bool:
        """Whether it goes on along a chain of which somebody was dialled before."""
        return bool(self._attempts) and not self._is_first

    @property
    def is_end_of_chain(self) -> bool:
        """Whether all destinations of a rule were dialled and nobody answered."""
        return self._attempts == ()

    @property
    def is_closed(self) -> bool:
        """Whether the location was closed when this was decided."""
        return self._closed

    @property
    def choices(self) -> tuple[ContextRule, ...]:
        """For ``CLARIFY``, the two rules in question, the better one first."""
        if self._rule is None or self._rival is None or self._evidence is None:
            return ()
        return self._evidence.rule(self._rule), self._evidence.rule(self._rival)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every rule of the location, most confident first; empty where none was scored."""
        return () if self._evidence is None else self._evidence.candidates()

    @property
    def decision_id(self) -> str:
        """The decision's id, under which it can be looked up."""
        return self._id if isinstance(self._id, str) else f"{_prefix}-{self._id:x}"

    @property
    def reported(self) -> str | None:
        """The platform's own words, if this decision answers its report; else None."""
        return None if self._call is None else self._call.reported

    @property
    def is_ignored(self) -> bool:
        """Whether what happened changed nothing: it came after the end, or is known already."""
        return self.reason in (Reason.CALL_OVER, Reason.REPORT_IGNORED)

    @property
    def missing(self) -> tuple[str, ...]:
        """The rule's ``required_details`` that the agent still has to ask for.

        All of them, but for a call, which knows what it was told.
        """
        if self.reason is Reason.NOBODY_ANSWERED:
            return ()
        return missing_details(self.concerned, () if self._call is None else self._call.known)

    @property
    def ring_timeout_s(self) -> int | None:
        """Seconds that the destination may ring, if a rule or a call says so; else None."""
        if self.destination is None:
            return None
        if self._attempts is not None:
            return self._attempts[0][1]
        rule = self.rule if self.outcome is Outcome.TRANSFER else None
        # The first of the chain, or the first that is not one end of the call itself.
        chain = () if rule is None else rule.chain
        position = chain.index(self.destination) if self.destination in chain else 0
        own = None if rule is None else rule.ring_timeout_s(position)
        return self._usual_ring_s if own is None else own

    @property
    def _usual_ring_s(self) -> int | None:
        return None if self._call is None else self._call.ring_timeout_s

    @property
    def destinations(self) -> tuple[Attempt, ...]:
        """Destinations to try in order, each with the seconds it may ring (None: unspecified).

        The destination; where a rule transfers, then its fallbacks, then where a caller goes at
        this hour whom no rule takes. What the dial policy refuses is left out, and so is what a
        call has dialled before, the caller's own number and the line that was called; no number
        comes twice. Empty where nothing is to be dialled.
        """
        if self.destination is None:
            return ()
        if self._attempts is not None:
            return self._attempts
        chain = {str(self.destination): (self.destination, self.ring_timeout_s)}
        evidence = self._evidence
        if self.outcome is Outcome.TRANSFER and evidence is not None:
            usual, rule = self._usual_ring_s, self.rule
            others = [] if rule is None else [
                (destination, usual if own is None else own)
                for position, destination in enumerate(rule.chain)
                for own in (rule.ring_timeout_s(position),)
            ]  # fmt: skip
            last = evidence.unmatched(is_open_now=not self._closed)
            if last is not None:
                others.append((last, usual))
            facts = CallFacts() if self._call is None else self._call
            for attempt in others:
                number = str(attempt[0])
                if number in facts.tried or facts.parties.has(attempt[0]):
                    continue
                if evidence.may_dial(attempt[0]):
                    chain.setdefault(number, attempt)
        return tuple(chain.values())

    @property
    def verification_methods(self) -> tuple[str, ...]:
        """For ``VERIFY``, the verification methods that the rule allows; empty for any."""
        rule = self.rule if self.outcome is Outcome.VERIFY else None
        return () if rule is None else rule.verification_methods

    def explain(self) -> str:
        """Explain the decision in a short paragraph.

        Which rule, by which of its texts, how near the runner-up was, whose threshold was asked
        and what became of the call. Of a live call also what of it was read, and what raised or
        lowered the bar. Holds nothing of what the caller said and of a number only
        the last two digits, so that it may be logged.
        """
        evidence = self._evidence
        grounds = None if evidence is None else evidence.grounds(self._rule)
        return explain(self._explained(), grounds)

    def _explained(self) -> Explained:
        return Explained(
            outcome=self.outcome,
            reason=self.reason,
            destination=self.destination,
            location_id=self.location_id,
            catalog_version=self.catalog_version,
            confidence=self.confidence,
            threshold=self.threshold,
            question=self.question,
            next_opening=self.next_opening,
            names_rule=self._rule is not None,
            is_closed=self._closed,
            heard=self._heard,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the decision as JSON-able values."""
        rule = self.rule
        return {
            "outcome": self.outcome.value,
            "reason": self.reason.value,
            "destination": None if self.destination is None else str(self.destination),
            "destinations": [
                {"destination": str(destination), "ring_timeout_s": timeout_s}
                for destination, timeout_s in self.destinations
            ],
            "rule": None if rule is None else rule.label,
            "confidence": self.confidence,
            "threshold": self.threshold,
            "question": self.question,
            "stable": self.stable,
            "missing": list(self.missing),
            "verification_methods": list(self.verification_methods),
            "ring_timeout_s": self.ring_timeout_s,
            "reported": self.reported,
            "next_opening": None if self.next_opening is None else self.next_opening.isoformat(),
            "location_id": self.location_id,
            "catalog_version": self.catalog_version,
            "decision_id": self.decision_id,
            "candidates": [
                {
                    "label": candidate.label,
                    "confidence": candidate.confidence,
                    "similarity": candidate.similarity,
                }
                for candidate in self.candidates
            ],
        }

    def __eq__(self, other: object) -> bool:
        """Whether two decisions are equal, apart from their ids and ``stable``."""
        if not isinstance(other, Decision):
            return NotImplemented
        one, another = self.to_dict(), other.to_dict()
        for said in (one, another):
            del said["decision_id"], said["stable"]
        return one == another and self.rule == other.rule

    def __hash__(self) -> int:
        return hash((self.outcome, self.reason, self.destination, self.location_id))
