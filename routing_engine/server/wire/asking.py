"""What phone systems and agents ask, on the wire: a route for Kamailio, and the skill."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from routing_engine.model.outcomes import Outcome, Reason
from routing_engine.server.wire.calls import CALLER, Called, CallerId, Words
from routing_engine.server.wire.common import LocationKey, Moment, ShortText, Wire

__all__ = [
    "Resolve",
    "Resolved",
    "Rtjson",
    "RtjsonRequest",
    "SkillAnswer",
    "SkillAsked",
    "ToolToken",
    "Tools",
]

Domain = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.\-:\[\]]{1,253}$")]


class RtjsonRequest(Wire):
    """A call that a proxy asks about, once.

    Attributes:
        called: the line that was called; finds the agent where ``locationId`` is not given.
        words: what the caller said.
        domain: host of phone numbers in the answer's URIs: the gateway they go out by.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "called": "sip:+14155550199@pbx.example",
                    "words": "hi, there's a charge here I don't recognise",
                    "callerId": CALLER,
                    "domain": "gateway.example",
                }
            ]
        }
    )

    location_id: LocationKey | None = None
    called: Called | None = None
    words: Words = ""
    caller_id: CallerId | None = None
    caller_name: ShortText | None = None
    privacy: ShortText = ""
    domain: Domain

    @model_validator(mode="after")
    def _names_a_location(self) -> RtjsonRequest:
        if self.location_id is None and self.called is None:
            raise ValueError("needs called or locationId")
        return self


class RtjsonHeaders(Wire):
    """Headers to add, each ended by a line break."""

    extra: str


class RtjsonRoute(Wire):
    """One to try.

    Attributes:
        fr_inv_timer: milliseconds that it may ring.
        extension: digits to send once it answers; Kamailio passes it over.
    """

    uri: str
    fr_inv_timer: Annotated[int | None, Field(alias="fr_inv_timer")] = None
    headers: RtjsonHeaders | None = None
    extension: str | None = None


class Rtjson(Wire):
    """Whom to try, as the module rtjson reads it, and why.

    Attributes:
        success: whether there is anybody to try.
        version: of the module's format.
        published_version: of the agent.
    """

    success: bool
    version: str
    routing: str
    routes: list[RtjsonRoute]
    outcome: Outcome
    reason: Reason
    rule: str | None
    decision_id: str
    agent_id: str
    location_id: str
    published_version: int | None


class Tools(Wire):
    """The tool, in the form of each platform."""

    openai: dict[str, Any]
    anthropic: dict[str, Any]
    mcp: dict[str, Any]


class SkillAsked(Wire):
    """What a model wrote for the tool: its arguments, as they are."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"arguments": {"words": "I was charged twice", "reason": "a refund"}},
                {"arguments": {"words": "can I talk to somebody", "reason": "a person"}},
            ]
        }
    )

    arguments: Annotated[str, Field(max_length=20_000)] | dict[str, Any]


class SkillAnswer(Wire):
    """What to tell the model: what to do, and whom to dial as an opaque id; or what was wrong."""

    answer: dict[str, Any]


class Resolve(Wire):
    """An id that the tool gave. Ask from where the model does not see the answer.

    Attributes:
        call_id: the call in which the tool gave it; null where it was asked without one.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"destinationId": "a" * 44}]})

    destination_id: Annotated[str, Field(max_length=100)]
    call_id: Annotated[str, Field(max_length=64)] | None = None


class Resolved(Wire):
    """What to dial: a number, with an extension or not, or a SIP URI."""

    destination: str
    number: str | None
    extension: str | None
    sip_uri: str | None


class ToolToken(Wire):
    """What an agent needs to use the tool in one call over MCP.

    Attributes:
        token: sent as ``Authorization: Bearer``; a secret.
        path: of the MCP server, on this host.
        expires_at: when the token ends; it ends with the call in any case.
    """

    token: str
    path: str
    expires_at: Moment
