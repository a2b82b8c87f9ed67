"""Transfers on Vapi: a destination to answer ``transfer-destination-request`` with.

https://docs.vapi.ai/call-forwarding and, for the fields, ``TransferDestinationNumber``,
``TransferDestinationSip`` and ``TransferPlan`` of https://docs.vapi.ai/api-reference.
"""

from __future__ import annotations

from typing import Any

from routing_engine.errors import InvalidValueError
from routing_engine.integrations.extensions import plain_extension
from routing_engine.integrations.headers import context_headers, target
from routing_engine.integrations.ringing import checked_ring_s
from routing_engine.model.caller import Caller, Context
from routing_engine.model.destinations import Destination

__all__ = ["transfer_destination"]

MAX_EXTENSION = 10
CALLERS_OWN = "{{customer.number}}"
LINES_OWN = "{{phoneNumber.number}}"


def transfer_destination(
    caller: Caller,
    destination: Destination,
    *,
    context: Context | None = None,
    ring_timeout_s: int | None = None,
) -> dict[str, Any]:
    """Build a ``destination`` of type ``number`` or ``sip``.

    ``callerId`` is always sent, for Vapi's default would show an anonymous caller's number: it
    is a template for the caller's own number, or for the assistant's where the caller withholds
    it or it is not known. A SIP destination is called with ``sipVerb: dial``, without which
    ``callerId`` does not apply. With a reason the transfer is warm: it is said to whoever picks
    up before both are connected. ``sipHeaders`` is documented for REFER; that a dialled call
    carries them too is not promised.

    Args:
        caller: on the line.
        destination: from the published table.
        context: for the person who picks up.
        ring_timeout_s: how long a SIP destination rings, as the decision says: ``dialTimeout`` of
            the plan. Vapi applies it to ``sipVerb: dial`` alone, so that it is not sent with a
            number.

    Raises:
        InvalidValueError: an extension of more than 10 digits, or with pauses or keys, a SIP URI that cannot be sent, or
            it is to ring for less than 5 or more than 300 seconds.
    """
    rings_s = None if ring_timeout_s is None else checked_ring_s(ring_timeout_s)
    told = (context or Context()).for_others(caller)
    plan: dict[str, Any] = {"mode": "blind-transfer"}
    if told.spoken:
        plan = {"mode": "warm-transfer-say-message", "message": told.spoken}
    caller_id = LINES_OWN if caller.shown is None else CALLERS_OWN
    if destination.number is None:
        plan["sipVerb"] = "dial"
        if rings_s is not None:
            plan["dialTimeout"] = rings_s
        made: dict[str, Any] = {
            "type": "sip",
            "sipUri": target(destination, ""),
            "callerId": caller_id,
            "transferPlan": plan,
        }
        headers = dict(context_headers(caller, context))
        return made | {"sipHeaders": headers} if headers else made
    made = {"type": "number", "number": destination.number, "callerId": caller_id}
    extension = plain_extension(destination, "Vapi")
    if extension is not None:
        if len(extension) > MAX_EXTENSION:
            raise InvalidValueError(
                f"an extension of {len(extension)} digits; Vapi dials {MAX_EXTENSION} at most"
            )
        made["extension"] = extension
    return made | {"transferPlan": plan}
