"""Transfers on the OpenAI Realtime API, by SIP REFER.

https://developers.openai.com/api/reference/resources/realtime/subresources/calls/methods/refer.
"""

from __future__ import annotations

from routing_engine.integrations.extensions import number_uri
from routing_engine.integrations.headers import target
from routing_engine.model.destinations import Destination

__all__ = ["refer"]


def refer(destination: Destination) -> dict[str, str]:
    """Build the body of ``POST /v1/realtime/calls/{call_id}/refer``.

    ``target_uri`` is what appears in ``Refer-To``: a tel or SIP URI. The request has room for
    nothing else, so neither caller nor context is sent: the trunk decides which caller ID is
    shown, and whoever picks up must look the decision up.

    Args:
        destination: from the published table. An extension is sent as ``;ext=`` (RFC 3966), which
            not every trunk dials.

    Raises:
        InvalidValueError: a SIP URI, or an extension with pauses or keys, cannot be sent.
    """
    number = destination.number
    return {
        "target_uri": target(destination, "")
        if number is None
        else number_uri(destination, "OpenAI Realtime")
    }
