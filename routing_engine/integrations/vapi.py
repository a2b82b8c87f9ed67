"""Vapi: a destination to answer ``transfer-destination-request`` with, and the tool.

https://docs.vapi.ai/call-forwarding, https://docs.vapi.ai/tools/custom-tools and, for the fields, ``TransferDestinationNumber``,
``TransferDestinationSip`` and ``TransferPlan`` of https://docs.vapi.ai/api-reference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from routing_engine.errors import InvalidValueError
from routing_engine.integrations.extensions import plain_extension
from routing_engine.integrations.headers import context_headers, target
from routing_engine.integrations.ringing import checked_ring_s
from routing_engine.integrations.server_tools import SkillOf, answer, part
from routing_engine.model.caller import Caller, Context
from routing_engine.model.destinations import Destination

__all__ = ["tool_results", "transfer_destination"]

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


def tool_results(body: Mapping[str, Any], skill_of: SkillOf) -> dict[str, Any]:
    """Answer a request of type ``tool-calls``, of a model that asks the tool.

    Args:
        body: of the request, from whom Vapi's ``X-Vapi-Secret`` was checked.
        skill_of: finds the skill by the id of Vapi's call.

    Returns:
        ``results``, one for each call of a tool, in order.

    Raises:
        InvalidValueError: another request.
    """
    message = part(body, "message", "Vapi")
    calls = part(message, "toolCallList", "Vapi")
    skill = skill_of(str(part(part(message, "call", "Vapi"), "id", "Vapi")))
    if not isinstance(calls, list):
        raise InvalidValueError("no request of Vapi for a tool: its toolCallList is no list")
    results = []
    for call in calls:
        asked = call.get("function", call) if isinstance(call, Mapping) else None
        name = part(asked, "name", "Vapi")
        told = answer(skill, name, part(asked, "arguments", "Vapi"))
        said = {"error": told["error"]} if "error" in told else {"result": json.dumps(told)}
        results.append({"toolCallId": part(call, "id", "Vapi"), **said})
    return {"results": results}
