"""Words of a caller that still go on, and whether the decision on them will stand."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from routing_engine.calls.policy import CallPolicy
from routing_engine.deciding.scored import Scored
from routing_engine.model.decisions import Decision
from routing_engine.model.outcomes import Outcome
from routing_engine.text.unfinished import is_unfinished

__all__ = ["Growing", "Place"]

Place = tuple[int, datetime | None]
"""Where in a call something was said: the number of its events, and when the last one was."""


class Growing(NamedTuple):
    """The first words of a turn, and the decision on them.

    Attributes:
        place: of the turn in the call.
        words: as they were heard last.
        scored: their scores; None where none were needed.
        does: what the decision on them does with the caller.
        since: number of words from which on the decision has done the same.
    """

    place: Place
    words: str
    scored: Scored | None
    does: tuple[str, str, str]
    since: int

    @classmethod
    def of(
        cls,
        before: Growing | None,
        place: Place,
        words: str,
        scored: Scored | None,
        decision: Decision,
    ) -> Growing:
        """Return the words as they are now.

        Args:
            before: as they were before, at the same place; None for none.
            place: of the turn in the call.
            words: as they are heard now.
            scored: their scores.
            decision: on these words.
        """
        rule = decision.rule
        does = (
            decision.outcome.value,
            "" if rule is None else rule.label,
            "" if decision.destination is None else str(decision.destination),
        )
        since = len(words.split())
        if before is not None and before.does == does and _goes_on(before.words, words):
            since = before.since
        return cls(place, words, scored, does, since)

    def is_stable(self, decision: Decision, policy: CallPolicy) -> bool:
        """Return whether the decision will stand, as far as can be told, whatever comes yet.

        Only one for a rule may: what no rule takes yet, one more word may bring to one. The rule
        must be sure, some words must have come that changed nothing, and the last one must be one
        that a sentence can end with.

        Args:
            decision: on these words.
            policy: of the call.
        """
        return (
            decision.outcome is not Outcome.CLARIFY
            and decision.rule is not None
            and decision.confidence >= policy.stable_at
            and len(self.words.split()) - self.since >= policy.stable_words
            and not is_unfinished(self.words)
        )


def _goes_on(before: str, now: str) -> bool:
    """Whether words are the same with more after them; a recogniser may set other marks."""
    return now.casefold().startswith(before.casefold().rstrip(" .,;:!?…"))
