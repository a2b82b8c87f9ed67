"""The last decision of a call as the request that moves it, for a platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from routing_engine.calls.handoff import Handoff
from routing_engine.errors import InvalidValueError, Problem
from routing_engine.integrations import livekit, retell, sip, twilio, vapi
from routing_engine.model.destinations import Destination
from routing_engine.server.problems import ProblemError
from routing_engine.server.wire.calls import Via

__all__ = ["Asked", "platform_body"]


class Asked(NamedTuple):
    """What a platform's body needs beside the handoff; None where it was not given.

    Attributes:
        line: the line that was called, if it is a number.
        domain: host of phone numbers, for SIP.
        room_name, participant_identity: of the caller, on LiveKit.
        action_url, whisper_url: of Twilio's webhooks.
    """

    line: Destination | None = None
    domain: str | None = None
    room_name: str | None = None
    participant_identity: str | None = None
    action_url: str | None = None
    whisper_url: str | None = None


def platform_body(via: Via, handoff: Handoff, asked: Asked) -> Any:
    """Build the body, headers or TwiML of a transfer.

    Args:
        via: the platform.
        handoff: of a decision with a destination.
        asked: what else the platform needs.

    Raises:
        ProblemError: 422 where something is missing that it needs, 409 where the destination cannot
            be reached by it.
    """
    assert handoff.destination is not None
    try:
        return _BUILDERS[via](handoff, handoff.destination, asked)
    except InvalidValueError as error:
        raise ProblemError(409, str(error), code="not_by_this_way") from error


def _needed(asked: Asked, **named: str) -> Mapping[str, Any]:
    """Return parts of what was asked.

    Raises:
        ProblemError: 422 with every parameter that is missing.
    """
    missing = [
        Problem(wire, "is needed for this platform")
        for name, wire in named.items()
        if getattr(asked, name) is None
    ]
    if missing:
        names = ", ".join(str(problem.path) for problem in missing)
        raise ProblemError(422, f"{names} is missing", errors=missing)
    return {name: getattr(asked, name) for name in named}


def _livekit(handoff: Handoff, destination: Destination, asked: Asked) -> Any:
    place = _needed(asked, room_name="roomName", participant_identity="participantIdentity")
    return livekit.transfer_sip_participant(
        handoff.caller, destination, context=handoff.context,
        ring_timeout_s=handoff.ring_timeout_s, **place,
    )  # fmt: skip


def _sip(handoff: Handoff, destination: Destination, asked: Asked) -> Any:
    peer = sip.Peer(_needed(asked, domain="domain")["domain"])
    headers = sip.invite(
        handoff.caller, destination, peer=peer, line=asked.line, context=handoff.context
    )
    return [list(header) for header in headers]


def _twilio(handoff: Handoff, destination: Destination, asked: Asked) -> Any:
    if asked.line is None:
        raise InvalidValueError(
            "Twilio is to show a number: open the call with called, the line that was called"
        )
    return twilio.dial(
        handoff.caller, destination, line=asked.line, context=handoff.context,
        whisper_url=asked.whisper_url, action_url=asked.action_url,
        ring_timeout_s=handoff.ring_timeout_s,
    )  # fmt: skip


def _retell(handoff: Handoff, destination: Destination, _: Asked) -> Any:
    return retell.transfer_call(
        handoff.caller, destination, context=handoff.context, ring_timeout_s=handoff.ring_timeout_s
    )


def _vapi(handoff: Handoff, destination: Destination, _: Asked) -> Any:
    return vapi.transfer_destination(
        handoff.caller, destination, context=handoff.context, ring_timeout_s=handoff.ring_timeout_s
    )


_BUILDERS: Mapping[Via, Callable[[Handoff, Destination, Asked], Any]] = {
    Via.LIVEKIT: _livekit,
    Via.RETELL: _retell,
    Via.SIP: _sip,
    Via.TWILIO: _twilio,
    Via.VAPI: _vapi,
}
