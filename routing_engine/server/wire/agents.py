"""Agents on the wire: the draft of a location, its rules and its routing tests."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, Strict, model_validator

from routing_engine.model.rules import MAX_LINES, MAX_LISTED, MAX_RULES
from routing_engine.server.wire.common import (
    WHOLE,
    DestinationText,
    Flag,
    LanguageCode,
    LineText,
    LocationKey,
    Moment,
    Name,
    Sentence,
    Share,
    Token,
    Url,
    Wire,
)
from routing_engine.server.wire.hours import Hours

__all__ = [
    "Agent",
    "AgentCreate",
    "AgentPatch",
    "CallControl",
    "Config",
    "HandoffConfig",
    "RoutingTest",
    "TransferRule",
]

MAX_FALLBACK = 16
MAX_EXAMPLES = 10_000
"""Most examples of a rule in one request; a library or a sheet takes any number."""
MAX_TESTS = 1000

Details = Annotated[list[Name], Field(max_length=MAX_LISTED)]
RingSeconds = Annotated[int, Strict(), Field(ge=5, le=300), WHOLE]


class TransferRule(Wire):
    """A context rule: a described situation and where the call goes then."""

    label: Name
    when: Sentence
    destination: DestinationText | None = None
    examples: Annotated[list[Sentence], Field(max_length=MAX_EXAMPLES)] = Field(
        default_factory=list
    )
    threshold: Share | None = None
    hours: Literal["always", "open", "closed"] | None = None
    requires_verification: Flag = False
    requires_confirmation: Flag = False
    fallback: Annotated[list[DestinationText], Field(max_length=MAX_FALLBACK)] = Field(
        default_factory=list
    )
    enabled: Flag = True
    languages: Annotated[list[LanguageCode], Field(max_length=32)] = Field(default_factory=list)
    action: Literal["transfer", "contain"] = "transfer"
    required_details: Details = Field(default_factory=list)
    verification_methods: Details = Field(default_factory=list)
    ring_timeouts_s: Annotated[list[RingSeconds], Field(max_length=MAX_LISTED)] = Field(
        default_factory=list
    )
    urgent: Flag = False

    @model_validator(mode="after")
    def _goes_somewhere(self) -> TransferRule:
        if self.action == "transfer" and self.destination is None:
            raise ValueError("a rule that transfers needs a destination")
        return self


class HandoffConfig(Wire):
    """Where calls are transferred: rules, and the default destination.

    Attributes:
        transfer_destination: where callers go whom no rule fits.
        escalation_threshold: least confidence for a transfer by a rule that does not say its own.
        warm, context_summary_url: for the agent, which gets them back as they are.
    """

    warm: Flag | None = None
    transfer_destination: DestinationText | None = None
    escalation_threshold: Share | None = None
    context_summary_url: Url | None = None
    transfer_rules: Annotated[list[TransferRule], Field(max_length=MAX_RULES)] | None = None


class CallControl(Wire):
    """What happens without a request, such as after silence.

    Attributes:
        on_no_response_action: ``transfer``, which is the default: after two silences in a row a
            person takes over. Anything else is the agent's own to do; silence then never
            transfers.
    """

    on_no_response_action: Token | None = None


class RoutingTest(Wire):
    """A sentence and the label of the rule that should match it; null for none.

    It is asked as if the location were open, or as of ``now`` where that is given.
    """

    utterance: Sentence
    expect: Name | None
    now: Moment | None = None


class Config(Wire):
    """A draft's configuration: all but its name, skills and guardrails.

    Attributes:
        lines: what callers dial to reach it; of one organisation, a line belongs to one published
            agent.
    """

    handoff_config: HandoffConfig | None = None
    business_hours: Hours | None = None
    call_control: CallControl | None = None
    routing_tests: Annotated[list[RoutingTest], Field(max_length=MAX_TESTS)] | None = None
    lines: Annotated[list[LineText], Field(max_length=MAX_LINES)] | None = None


EXAMPLE: dict[str, Any] = {
    "name": "Fernwick Oakland",
    "handoffConfig": {
        "warm": True,
        "transferDestination": "+14155550100",
        "escalationThreshold": 0.4,
        "contextSummaryUrl": "https://crm.example/calls",
        "transferRules": [
            {
                "label": "Billing",
                "when": "caller asks about an invoice, charge, or refund",
                "examples": ["I was charged twice"],
                "destination": "(415) 555-0111",
            }
        ],
    },
    "businessHours": {
        "timezone": "America/Los_Angeles",
        "weekly": {"monday": ["09:00-17:00"], "tuesday": ["09:00-12:00", "13:00-17:00"]},
        "holidays": [{"date": "2026-12-25", "name": "Christmas Day", "closed": True}],
        "afterHours": {
            "mode": "message",
            "message": "We open at nine.",
            "allowHumanTransfer": False,
            "emergencyNumber": "+14155550190",
        },
    },
    "callControl": {"onNoResponseAction": "transfer"},
    "routingTests": [{"utterance": "I was charged twice", "expect": "Billing"}],
}


class AgentPatch(Config):
    """A merge patch for a draft (RFC 7396): null removes, absent fields stay, lists replace."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    name: Name | None = None


class AgentCreate(Config):
    """A new agent; all but its name may come later."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [EXAMPLE | {"locationId": "store-0042"}]}
    )

    name: Name
    location_id: LocationKey | None = None


class Agent(Config):
    """An agent: its draft, and the number of its published version.

    Attributes:
        version: number of the published version; null where none is.
        etag: as in the ``ETag`` header; changes with every change of the draft.
    """

    id: str
    name: str
    location_id: str
    version: int | None
    etag: str
    created_at: Moment
    updated_at: Moment
