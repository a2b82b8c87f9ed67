"""Transfers on LiveKit, by SIP REFER through the trunk.

https://docs.livekit.io/telephony/features/transfers/cold and
https://docs.livekit.io/reference/telephony/sip-api#transfersipparticipant.
"""

from __future__ import annotations

from typing import Any

from routing_engine.integrations.extensions import number_uri
from routing_engine.integrations.headers import context_headers, target
from routing_engine.integrations.ringing import checked_ring_s
from routing_engine.model.caller import Caller, Context
from routing_engine.model.destinations import Destination

__all__ = ["transfer_sip_participant"]


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
