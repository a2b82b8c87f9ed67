"""Transfers on Retell AI: destination and options of a ``transfer_call`` tool or node.

https://docs.retellai.com/build/single-multi-prompt/transfer-call and
https://docs.retellai.com/build/telephony/sip-headers.
"""

from __future__ import annotations

from typing import Any

from routing_engine.integrations.extensions import plain_extension
from routing_engine.integrations.headers import context_headers, target
from routing_engine.integrations.ringing import checked_ring_s
from routing_engine.model.caller import Caller, Context
from routing_engine.model.destinations import Destination

__all__ = ["transfer_call"]

LONGEST_RING_S = 90


def transfer_call(
    caller: Caller,
    destination: Destination,
    *,
    context: Context | None = None,
    ring_timeout_s: int | None = None,
) -> dict[str, Any]:
    """Build ``transfer_destination``, ``transfer_option`` and ``custom_sip_headers``.

    ``show_transferee_as_caller`` shows the caller's own number instead of the agent's; it is
    false where that is withheld or not known. The telephony side must allow it; Retell's Twilio
    numbers do. With a reason the transfer is warm: Retell dials, says it to whoever picks up
    alone, then connects both. The destination is ``predefined``, never inferred by a model.
    Custom headers must begin with ``X-``; a phone number's carrier does not deliver them.

    Args:
        caller: on the line.
        destination: from the published table.
        context: for the person who picks up.
        ring_timeout_s: how long it rings, as the decision says: ``transfer_ring_duration_ms``, of
            which Retell takes 90 seconds at most, so that a longer one is cut to them.

    Raises:
        InvalidValueError: an extension with pauses, a SIP URI that cannot be sent, or it is to ring for less than 5 or more than
            300 seconds.
    """
    told = (context or Context()).for_others(caller)
    where: dict[str, Any] = {"type": "predefined"}
    if destination.number is None:
        where["number"] = target(destination, "")
    else:
        where["number"] = destination.number
        extension = plain_extension(destination, "Retell", keys="*#")
        if extension is not None:
            where["extension"] = extension
    option: dict[str, Any] = {"type": "cold_transfer"}
    if told.spoken:
        said = {"type": "static_message", "message": told.spoken}
        option = {"type": "warm_transfer", "private_handoff_option": said}
    option["show_transferee_as_caller"] = caller.shown is not None
    if ring_timeout_s is not None:
        rings_s = min(checked_ring_s(ring_timeout_s), LONGEST_RING_S)
        option["transfer_ring_duration_ms"] = 1000 * rings_s
    made: dict[str, Any] = {"transfer_destination": where, "transfer_option": option}
    headers = {f"X-{name}": value for name, value in context_headers(caller, context)}
    return made | {"custom_sip_headers": headers} if headers else made
