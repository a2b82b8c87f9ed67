"""Outcomes of a decision, and reasons for them."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Outcome", "Reason"]


class Outcome(StrEnum):
    """What to do with the call now."""

    TRANSFER = "transfer"
    DEFAULT = "default"
    CONTAIN = "contain"
    CLARIFY = "clarify"
    VERIFY = "verify"
    CONFIRM = "confirm"
    CLOSED = "closed"

    @property
    def dials(self) -> bool:
        """Whether a destination is to be dialled now."""
        return self in (Outcome.TRANSFER, Outcome.DEFAULT)


class Reason(StrEnum):
    """Why the outcome is what it is."""

    RULE_MATCHED = "rule_matched"
    LANGUAGE_MATCHED = "language_matched"
    BELOW_THRESHOLD = "below_threshold"
    EMPTY_UTTERANCE = "empty_utterance"
    NO_RULES = "no_rules"
    AMBIGUOUS = "ambiguous"
    NOTHING_ASKED = "nothing_asked"
    ROUTINE = "routine"
    RULE_DISABLED = "rule_disabled"
    OUTSIDE_HOURS = "outside_hours"
    VERIFICATION_REQUIRED = "verification_required"
    CONFIRMATION_REQUIRED = "confirmation_required"
    DESTINATION_REFUSED = "destination_refused"
    LOOP_AVOIDED = "loop_avoided"
    UNKNOWN_LOCATION = "unknown_location"
    ENGINE_DEGRADED = "engine_degraded"
    OVERLOADED = "overloaded"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    PERSON_REQUESTED = "person_requested"
    FRUSTRATED = "frustrated"
    NO_RESPONSE = "no_response"
    AGENT_FAILED = "agent_failed"
    VERIFICATION_FAILED = "verification_failed"
    DECLINED = "declined"
    FALLBACK = "fallback"
    NOBODY_ANSWERED = "nobody_answered"
    CALLER_LEFT = "caller_left"
    TRANSFERRED = "transferred"
    REPORT_IGNORED = "report_ignored"
    CALL_OVER = "call_over"
