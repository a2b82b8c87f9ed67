"""Transfers on LiveKit: by SIP REFER through the trunk, or warm, with a person called first.

https://docs.livekit.io/telephony/features/transfers/cold, its page on warm transfers, and
https://docs.livekit.io/reference/telephony/sip-api#transfersipparticipant.
"""

from __future__ import annotations

from typing import Any

from routing_engine.integrations.extensions import number_uri, tones
from routing_engine.integrations.headers import context_headers, target
from routing_engine.integrations.ringing import checked_ring_s
from routing_engine.model.caller import Caller, Context
from routing_engine.model.destinations import Destination

__all__ = ["transfer_sip_participant", "warm_transfer"]


def transfer_sip_participant(
    caller: Caller,
    destination: Destination,
    *,
    room_name: str,
    participant_identity: str,
    context: Context | None = None,
    play_dialtone: bool = False,
    ring_timeout_s: int | None = None,
) -> dict[str, Any]:
    """Build the fields of a ``TransferSIPParticipantRequest``.

    ``transfer_to`` is a tel or SIP URI; ``headers`` are added to the REFER itself, which a trunk
    may or may not copy into the call it makes. Caller ID cannot be set per transfer: the trunk's
    setting decides (Twilio: ``transfer-caller-id=from-transferee`` shows the caller's).

    Args:
        caller: on the line.
        destination: from the published table. An extension is sent as ``;ext=`` (RFC 3966), which
            not every trunk dials.
        room_name: of the call.
        participant_identity: of the caller in it.
        context: for the person who picks up.
        play_dialtone: whether the caller hears a dial tone meanwhile.
        ring_timeout_s: how long it rings, as the decision says: ``ringing_timeout``, a Duration
            as the message's constructor takes it.

    Raises:
        InvalidValueError: a SIP URI, or an extension with pauses or keys, cannot be sent, or it is to ring for less than 5 or more than
            300 seconds.
    """
    number = destination.number
    request: dict[str, Any] = {
        "room_name": room_name,
        "participant_identity": participant_identity,
        "transfer_to": target(destination, "")
        if number is None
        else number_uri(destination, "LiveKit"),
        "play_dialtone": play_dialtone,
    }
    if ring_timeout_s is not None:
        request["ringing_timeout"] = {"seconds": checked_ring_s(ring_timeout_s)}
    headers = dict(context_headers(caller, context))
    return request | {"headers": headers} if headers else request


def warm_transfer(
    caller: Caller,
    destination: Destination,
    *,
    context: Context | None = None,
    ring_timeout_s: int | None = None,
) -> dict[str, Any]:
    """Build keyword arguments of ``WarmTransferTask`` of LiveKit Agents.

    The person is called into a room of their own, through an outbound trunk, and told why; the
    caller's own number is asked for as the caller ID, which the trunk may refuse.

    Args:
        caller: on the line.
        destination: from the published table. An extension is sent in tones once it answers.
        context: for the person who picks up: headers of the call, and what the agent is told.
        ring_timeout_s: how long it rings, as the decision says.

    Raises:
        InvalidValueError: a SIP URI that cannot be sent, or it is to ring for less than 5 or more
            than 300 seconds.
    """
    number = destination.number
    made: dict[str, Any] = {"sip_call_to": target(destination, "") if number is None else number}
    if caller.shown is not None:
        made["sip_number"] = caller.shown
    if destination.extension is not None:
        made["dtmf"] = tones(destination.extension)
    if ring_timeout_s is not None:
        made["ringing_timeout"] = float(checked_ring_s(ring_timeout_s))
    headers = dict(context_headers(caller, context))
    if headers:
        made["sip_headers"] = headers
    told = (context or Context()).for_others(caller)
    if told.spoken:
        made["extra_instructions"] = f"Why the caller is connected: {told.spoken}"
    return made
