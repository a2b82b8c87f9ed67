"""The last decision of a call, as stored in its record for another process."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from pydantic import ConfigDict

from routing_engine.model.decisions import CallFacts, Candidate, Decision
from routing_engine.model.destinations import Destination
from routing_engine.model.explanation import Grounds
from routing_engine.model.outcomes import Outcome, Reason
from routing_engine.model.rules import ContextRule

__all__ = ["KeptDecision"]


@dataclass(slots=True)
class KeptDecision:
    """A decision in plain values.

    Attributes:
        rule, rival, concerned: labels of the rules that it is about.
        chain: what to dial, ``str(destination)``, and the seconds that each may ring.
        is_first: nobody was dialled before.
        is_end: a rule's destinations were all dialled in vain.
        candidates: label, confidence and similarity of every rule.
        reported: what the platform said of the transfer before it.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    decision_id: str
    outcome: Outcome
    reason: Reason
    catalog_version: int
    confidence: float
    threshold: float | None
    question: str | None
    next_opening: datetime | None
    rule: str | None
    rival: str | None
    concerned: str | None
    chain: list[tuple[str, int | None]] = field(default_factory=list)
    is_end: bool = False
    is_first: bool = False
    is_closed: bool = False
    candidates: list[tuple[str, float, float]] = field(default_factory=list)
    reported: str | None = None

    @classmethod
    def of(cls, decision: Decision) -> KeptDecision:
        """Return a decision as values."""
        rule, concerned, choices = decision.rule, decision.concerned, decision.choices
        return cls(
            decision.decision_id,
            decision.outcome,
            decision.reason,
            decision.catalog_version,
            decision.confidence,
            decision.threshold,
            decision.question,
            decision.next_opening,
            None if rule is None else rule.label,
            choices[1].label if choices else None,
            None if concerned is None else concerned.label,
            [(str(destination), seconds) for destination, seconds in decision.destinations],
            decision.is_end_of_chain,
            not decision.is_next_in_line,
            decision.is_closed,
            [(item.label, item.confidence, item.similarity) for item in decision.candidates],
            decision.reported,
        )

    def decision(
        self,
        location_id: str,
        facts: CallFacts,
        rule: ContextRule | None,
        rival: ContextRule | None,
        concerned: ContextRule | None,
    ) -> Decision:
        """Return the decision again.

        Args:
            location_id: of the call.
            facts: what the call knows now.
            rule, rival, concerned: the rules of these labels, as the catalog has them now; None
                for one that it has no more.
        """
        chain = tuple((_destination(written), seconds) for written, seconds in self.chain)
        evidence = _Kept(
            [item for item in (rule, rival) if item is not None],
            tuple(Candidate(*values) for values in self.candidates),
        )
        return Decision(
            outcome=self.outcome,
            reason=self.reason,
            destination=chain[0][0] if chain else None,
            location_id=location_id,
            catalog_version=self.catalog_version,
            confidence=self.confidence,
            threshold=self.threshold,
            question=self.question,
            next_opening=self.next_opening,
            _rule=None if rule is None else 0,
            _evidence=evidence,
            _closed=self.is_closed,
            _rival=None if rule is None or rival is None else 1,
            _call=facts._replace(reported=self.reported),
            _concerns=concerned,
            _attempts=chain or (() if self.is_end else None),
            _is_first=self.is_first,
            _id=self.decision_id,
        )


def _destination(written: str) -> Destination:
    """Read a destination as ``str()`` wrote it, checked when it was published."""
    number, _, extension = written.partition(";ext=")
    if written.startswith("+"):
        return Destination(number, extension or None)
    return Destination(sip_uri=written)


class _Kept:
    """Evidence of a stored decision: its rules and candidates."""

    def __init__(self, rules: list[ContextRule], candidates: tuple[Candidate, ...]) -> None:
        self._rules = rules
        self._candidates = candidates

    def rule(self, number: int) -> ContextRule:
        """Return the rule that the decision is about (0), or the one that was too near (1)."""
        return self._rules[number]

    def candidates(self) -> tuple[Candidate, ...]:
        """Return every rule of the location with its scores."""
        return self._candidates

    def grounds(self, number: int | None) -> Grounds | None:  # noqa: ARG002  as Evidence has it
        """Return None: which text was nearest is not kept."""
        return None

    def unmatched(self, *, is_open_now: bool) -> Destination | None:  # noqa: ARG002
        """Return None: the chain of a kept decision is kept whole."""
        return None

    def may_dial(self, destination: Destination) -> bool:  # noqa: ARG002
        """Return False, likewise."""
        return False
