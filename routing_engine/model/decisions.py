"""What was decided about a caller, and what it rests on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol

from routing_engine.model.destinations import Destination
from routing_engine.model.explanation import Explained, Grounds, explain
from routing_engine.model.outcomes import Outcome, Reason
from routing_engine.model.rules import ContextRule

__all__ = ["Candidate", "Decision", "Evidence"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One rule of the location, as it did against the utterance.

    Attributes:
        label: the rule's label.
        confidence: calibrated probability in [0, 1] that this rule is right.
        similarity: cosine with the rule's nearest text, in [-1, 1].
    """

    label: str
    confidence: float
    similarity: float


class Evidence(Protocol):
    """What a decision was made from, materialised only when asked for."""

    def rule(self, number: int) -> ContextRule:
        """Rule ``number`` of the location."""
        ...

    def candidates(self) -> tuple[Candidate, ...]:
        """Every rule of the location, most confident first."""
        ...

    def grounds(self, number: int | None) -> Grounds:
        """Every rule with its nearest text, rule ``number`` (or None, the best) first."""
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
        decision_id: a name of its own, of a decision of a call; otherwise empty.
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
    _rule: int | None = field(default=None, repr=False)
    _evidence: Evidence | None = field(default=None, repr=False)
    _closed: bool = field(default=False, repr=False)
    _rival: int | None = field(default=None, repr=False)
    _missing: tuple[str, ...] | None = field(default=None, repr=False)
    _ring_timeout_s: int | None = field(default=None, repr=False)
    decision_id: str = ""

    @property
    def rule(self) -> ContextRule | None:
        """The rule that the decision is about, or None."""
        if self._rule is None or self._evidence is None:
            return None
        return self._evidence.rule(self._rule)

    @property
    def choices(self) -> tuple[ContextRule, ...]:
        """For ``CLARIFY``, the two rules that the question is between, the better one first."""
        if self._rule is None or self._rival is None or self._evidence is None:
            return ()
        return self._evidence.rule(self._rule), self._evidence.rule(self._rival)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every rule of the location, most confident first; empty where none was scored."""
        return () if self._evidence is None else self._evidence.candidates()

    @property
    def missing(self) -> tuple[str, ...]:
        """Of the rule's ``required_details``, those that are still to be asked for.

        All of them, but for a call, which knows what it was told.
        """
        if self._missing is not None:
            return self._missing
        rule = self.rule
        return () if rule is None else rule.required_details

    @property
    def ring_timeout_s(self) -> int | None:
        """How long the destination may ring, seconds, where a rule or a call says so."""
        if self._ring_timeout_s is not None or self.outcome is not Outcome.TRANSFER:
            return self._ring_timeout_s
        rule = self.rule
        return None if rule is None else rule.ring_timeout_s(0)

    @property
    def verification_methods(self) -> tuple[str, ...]:
        """For ``VERIFY``, the ways that the rule allows; empty for any, and otherwise."""
        rule = self.rule if self.outcome is Outcome.VERIFY else None
        return () if rule is None else rule.verification_methods

    def explain(self) -> str:
        """Why the decision is what it is, in a short paragraph of plain words.

        Which rule, by which of its texts, how near the runner-up was, whose threshold was asked
        and what became of the call. Holds nothing of what the caller said and of a number only
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
        )

    def to_dict(self) -> dict[str, Any]:
        """The decision as JSON-able values."""
        rule = self.rule
        return {
            "outcome": self.outcome.value,
            "reason": self.reason.value,
            "destination": None if self.destination is None else str(self.destination),
            "rule": None if rule is None else rule.label,
            "confidence": self.confidence,
            "threshold": self.threshold,
            "question": self.question,
            "missing": list(self.missing),
            "verification_methods": list(self.verification_methods),
            "ring_timeout_s": self.ring_timeout_s,
            "next_opening": None if self.next_opening is None else self.next_opening.isoformat(),
            "location_id": self.location_id,
            "catalog_version": self.catalog_version,
            "decision_id": self.decision_id,
            "candidates": [asdict(candidate) for candidate in self.candidates],
        }

    def _but(self, **changes: Any) -> Decision:
        """The decision with these fields: ``dataclasses.replace`` in a third of its time."""
        made = object.__new__(Decision)
        put = object.__setattr__
        for name in Decision.__slots__:
            put(made, name, changes[name] if name in changes else getattr(self, name))
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Decision):
            return NotImplemented
        return self.to_dict() == other.to_dict() and self.rule == other.rule

    def __hash__(self) -> int:
        return hash((self.outcome, self.reason, self.destination, self.location_id))
