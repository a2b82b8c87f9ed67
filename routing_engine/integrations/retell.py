"""Retell AI: destination and options of a ``transfer_call`` tool or node, and a custom function.

https://docs.retellai.com/build/single-multi-prompt/transfer-call,
https://docs.retellai.com/build/single-multi-prompt/custom-function and
https://docs.retellai.com/build/telephony/sip-headers.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import Any

from routing_engine.integrations.extensions import plain_extension
from routing_engine.integrations.headers import context_headers, target
from routing_engine.integrations.ringing import checked_ring_s
from routing_engine.integrations.server_tools import SkillOf, answer, part
from routing_engine.model.caller import Caller, Context
from routing_engine.model.destinations import Destination

__all__ = ["function_result", "is_signed", "transfer_call"]

LONGEST_RING_S = 90

SIGNED_MS = 300_000
"""Milliseconds for which a signature holds."""

_SIGNATURE = re.compile(r"v=([0-9]{1,15}),d=([0-9a-f]{64})", re.ASCII)


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


def function_result(body: Mapping[str, Any], skill_of: SkillOf) -> dict[str, Any]:
    """Answer a request of a custom function, of a model that asks the tool.

    Args:
        body: of the request, which :func:`is_signed`.
        skill_of: finds the skill by the id of Retell's call.

    Raises:
        InvalidValueError: another request, or one of the arguments alone: leave "Payload: args
            only" off.
    """
    call_id = str(part(part(body, "call", "Retell"), "call_id", "Retell"))
    name, arguments = part(body, "name", "Retell"), part(body, "args", "Retell")
    return answer(skill_of(call_id), name, arguments)


def is_signed(body: bytes, signature: str, key: str, *, now_ms: int) -> bool:
    """Say whether a request is Retell's, and of the last five minutes.

    Args:
        body: of the request, as it came.
        signature: its header ``X-Retell-Signature``.
        key: the API key that signs webhooks.
        now_ms: milliseconds since 1970.
    """
    found = _SIGNATURE.fullmatch(signature)
    if found is None or abs(now_ms - int(found[1])) > SIGNED_MS:
        return False
    expected = hmac.digest(key.encode(), body + found[1].encode(), "sha256").hex()
    return hmac.compare_digest(expected, found[2])
