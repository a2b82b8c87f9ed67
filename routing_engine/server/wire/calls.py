"""Decisions and live calls on the wire."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from routing_engine.calls.endings import read_report
from routing_engine.errors import InvalidValueError
from routing_engine.model.outcomes import Outcome, Reason
from routing_engine.server.wire.common import Flag, Moment, Name, Page, ShortText, Wire

__all__ = [
    "Call",
    "CallDetail",
    "CallEnd",
    "CallOpen",
    "CallPage",
    "Candidate",
    "Decision",
    "Opened",
    "RouteRequest",
    "Totals",
    "Transfer",
    "Turn",
    "Turned",
    "Via",
]

Words = Annotated[str, StringConstraints(max_length=20_000)]
"""What somebody said; the engine reads the first 2,000 characters."""


class Said(Wire):
    """One earlier turn of the conversation."""

    speaker: Literal["agent", "caller"]
    text: Words


CALLER = "+12025550188"
LINE = "+14155550100"
CallerId = Annotated[str, Field(max_length=300, examples=[CALLER])]
"""As the platform reports it; what is no number, or withheld, is nobody's."""
Called = Annotated[str, Field(max_length=300, examples=[LINE])]
"""The line that was called, as the platform reports it; never dialled, as the caller is not."""


class RouteRequest(Wire):
    """What a caller who needs a person said."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"utterance": "hi, there's a charge here I don't recognise"},
                {
                    "utterance": "yes, twice",
                    "history": [{"speaker": "agent", "text": "were you charged twice?"}],
                    "verified": True,
                },
            ]
        }
    )

    utterance: Words
    history: Annotated[list[Said], Field(max_length=200)] = Field(default_factory=list)
    verified: Flag = False
    confirmed: Flag = False
    now: Moment | None = None
    caller_id: CallerId | None = None
    called: Called | None = None


class Candidate(Wire):
    """A rule with its scores for what was said."""

    label: str
    confidence: float
    similarity: float


class Decision(Wire):
    """Where a caller should go, and why.

    Attributes:
        version: the published version that answered; null for a draft.
        destination: what to dial; null where nothing is to be dialled.
        rule: label of the rule that the decision is about.
        question: what the agent may ask, where the outcome is ``clarify`` or ``confirm``.
        stable: false of a provisional decision that more words may still change.
        missing: details that the rule asks for and the agent has still to ask for.
        verification_methods: where the outcome is ``verify``, those that count; empty for any.
        ring_timeout_s: how long the destination may ring.
        next_opening: where the location is closed, when it opens.
        reported: after ``transferFailed``, what the platform said, in its own words.
        explanation: why, in words; nothing of what the caller said is in it.
    """

    decision_id: str
    agent_id: str
    location_id: str
    version: int | None
    outcome: Outcome
    reason: Reason
    destination: str | None
    rule: str | None
    confidence: float
    threshold: float | None
    question: str | None
    stable: bool
    missing: list[str]
    verification_methods: list[str]
    ring_timeout_s: int | None
    reported: str | None
    next_opening: str | None
    candidates: list[Candidate]
    explanation: str


class CallOpen(Wire):
    """An incoming call.

    Attributes:
        caller_id: as the platform reports it; what is no number, or withheld, is nobody's.
        caller_name: as the network or a customer record has it.
        caller_verified: somebody trusted vouches for the number.
        called: the line that was called. Neither it nor the caller is dialled, and its country is
            that of a national number in ``callerId``.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"callerId": CALLER}]})

    caller_id: CallerId | None = None
    caller_name: ShortText | None = None
    caller_verified: Flag = False
    called: Called | None = None


class Note(Wire):
    """What the agent found out, for the person who picks up."""

    name: ShortText | None = None
    reason: Annotated[str, StringConstraints(max_length=2000)] | None = None
    details: Annotated[dict[str, ShortText], Field(max_length=16)] = Field(default_factory=dict)


class Turn(Wire):
    """The next turn: what the caller said (``text``), or an event.

    ``agentSaid`` comes with ``text``, ``noted`` with ``note``, ``verified`` and ``notVerified``
    with ``method``, ``transferFailed`` with ``outcome``: how it ended, or what a platform says of
    that. It and ``transferred`` may name the ``attempt`` that they are about, a ``decisionId`` or
    what was dialled: a report that is repeated or late then changes nothing. With ``final`` false
    the transcript may still change: the decision is provisional, and nothing is kept.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": "there's a charge on my card I don't recognise"},
                {"event": "verified", "method": "pin"},
                {"event": "noted", "note": {"name": "Ada", "details": {"account": "AB-12"}}},
                {"event": "transferFailed", "outcome": "no_answer"},
                {"event": "transferFailed", "outcome": "486 Busy Here", "attempt": LINE},
                {"event": "transferred"},
            ]
        }
    )

    text: Words | None = None
    final: Flag = True
    event: (
        Literal[
            "noResponse", "agentFailed", "agentSaid", "noted", "verified", "notVerified",
            "confirmed", "declined", "transferFailed", "transferred",
        ]
        | None
    ) = None  # fmt: skip
    method: Name | None = None
    outcome: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    attempt: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = None
    note: Note | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Turn:
        needs = {
            None: "text",
            "agentSaid": "text",
            "noted": "note",
            "verified": "method",
            "notVerified": "method",
            "transferFailed": "outcome",
        }.get(self.event)
        for name in ("text", "method", "outcome", "note"):
            given = getattr(self, name) is not None
            if given != (name == needs):
                what = "a turn of the caller" if self.event is None else self.event
                raise ValueError(f"{what} {'has no' if given else 'needs'} {name}")
        if self.outcome is not None:
            try:
                read_report(self.outcome)
            except InvalidValueError as error:
                raise ValueError(str(error)) from None
        if self.attempt is not None and self.event not in ("transferFailed", "transferred"):
            raise ValueError(f"{self.event or 'a turn of the caller'} has no attempt")
        if self.event is not None and not self.final:
            raise ValueError("final: false is only allowed with text")
        return self


class Opened(Wire):
    """The response to an opened call."""

    call_id: str
    agent_id: str
    version: int
    opened_at: Moment


class Turned(Wire):
    """The response to a turn: what to do now.

    Attributes:
        decision: null after ``agentSaid`` and ``noted``, which ask for nothing.
        handoff: where the call is transferred, what the person who picks up gets, of the schema
            ``handoff-v1``.
        is_over: whether the caller has hung up, or has been transferred.
    """

    call_id: str
    decision: Decision | None
    handoff: dict[str, Any] | None
    is_over: bool


class Via(StrEnum):
    """A platform that moves calls, as ``routing_engine.integrations`` names it."""

    LIVEKIT = "livekit"
    RETELL = "retell"
    SIP = "sip"
    TWILIO = "twilio"
    VAPI = "vapi"


class Transfer(Wire):
    """What moves the call by its last decision.

    Attributes:
        decision_id: of the decision; with a failed transfer, the ``attempt``.
        destination: whom to dial; null where nobody is to be dialled now, and the rest too.
        ring_timeout_s: how long it may ring.
        caller_id: the number that may be shown; null where the caller withholds it.
        body: with ``via``, what its platform takes: TwiML, fields, or the headers of an INVITE.
    """

    decision_id: str | None
    location_id: str
    destination: str | None
    ring_timeout_s: int | None
    caller_id: str | None
    via: Via | None
    body: str | dict[str, Any] | list[tuple[str, str]] | None


class CallEnd(Wire):
    """How a call ended."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"outcome": "transferred"}]})

    outcome: Literal["transferred", "contained", "failed", "abandoned"]


class Call(Wire):
    """A stored call, without words or numbers.

    Attributes:
        outcome, reason, rule: of the last decision.
    """

    id: str
    agent_id: str
    version: int | None
    opened_at: Moment
    ended_at: Moment | None
    outcome: str | None
    reason: str | None
    rule: str | None
    transferred: bool
    failed_transfers: int


class CallDetail(Call):
    """A stored call with its handoff and timeline, if they are kept.

    Attributes:
        timeline: null once the call has ended, unless transcripts are kept.
    """

    handoff: dict[str, Any] | None
    timeline: list[dict[str, Any]] | None


class DayTotal(Wire):
    """Calls of one UTC day."""

    day: str
    calls: int
    contained: int
    transferred: int


class Totals(Wire):
    """Outcomes of all calls that match the filters.

    Attributes:
        transfer_rate: transferred calls by all calls; 0 where there are none.
        default_rate: calls that went to the default by all calls.
    """

    calls: int
    contained: int
    transferred: int
    transfer_rate: float
    default_rate: float
    failed_transfers: int
    by_rule: dict[str, int]
    by_day: list[DayTotal]


class CallPage(Page[Call]):
    """A page of calls, newest first, and totals of all that match the filters."""

    totals: Totals
