"""Policy of a live call, and the ways in which a transfer may fail."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from routing_engine.calls.redaction import HandoffPolicy
from routing_engine.model.rules import Probability, RingSeconds
from routing_engine.validation import Value

__all__ = ["CallPolicy", "TransferOutcome"]


class TransferOutcome(StrEnum):
    """Why a transfer failed."""

    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    UNREACHABLE = "unreachable"
    VOICEMAIL = "voicemail"
    CALLER_HUNG_UP = "caller_hung_up"


Odds = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class CallPolicy(Value):
    """When an unmatched call goes to a person, and how long a verification holds.

    Attributes:
        max_silences: silences of the caller in a row, after which a person is to take over.
        max_agent_failures: failures of the agent, after which a person is to take over.
        max_frustration: signs of impatience over the call, after which a person is to take over.
        max_verifications: attempts at a verification; after as many that failed none counts any
            more in this call.
        verified_for_s: seconds for which a verification holds.
        patience: odds multiplier over the engine's threshold after 1, 2 and 3 or more turns in
            which the caller told something, each > 0; thanks and goodbyes tell nothing. The
            conversation and its last turn alone are both scored and the surer decides; a later
            turn alone has to reach the second bar. The second is the highest: what is said then
            is mostly the middle of a story. A location's or a rule's own threshold stays as it
            is.
        patience_urgent: the same for rules that are urgent, over the engine's
            ``urgent_threshold``. They never need more than a rule that is not.
        stable_at, stable_words: a provisional decision for a rule is taken not to change with what
            the caller still says (``decision.stable``) from this confidence on, in [0, 1], once
            so many words have come that did not change it.
        ring_timeout_s: how long a destination rings before the next is tried, 5 to 300, where
            its rule does not say.
        catalog: ``"kept"``, the version that the call began with, while the process lives; or
            ``"newest"``.
        handoff: what of the call the person who picks up does not get.
    """

    max_silences: Annotated[int, Field(ge=1)] = 2
    max_agent_failures: Annotated[int, Field(ge=1)] = 2
    max_frustration: Annotated[int, Field(ge=1)] = 4
    max_verifications: Annotated[int, Field(ge=1)] = 3
    verified_for_s: Annotated[float, Field(gt=0.0)] = 900.0
    patience: tuple[Odds, Odds, Odds] = (4.0, 7.5, 4.0)
    patience_urgent: tuple[Odds, Odds, Odds] = (1.5, 7.5, 4.0)
    stable_at: Probability = 0.9
    stable_words: Annotated[int, Field(ge=0)] = 4
    ring_timeout_s: RingSeconds = 25
    catalog: Literal["kept", "newest"] = "kept"
    handoff: HandoffPolicy = HandoffPolicy()
