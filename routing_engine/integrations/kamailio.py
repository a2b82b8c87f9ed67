"""Transfers by Kamailio: what its module ``rtjson`` is given.

Kamailio relays the caller's own INVITE, so ``From``, ``P-Asserted-Identity`` and ``Privacy`` stay what
they were: nothing is asserted here. An extension never stands in a URI; whoever can send digits after
the answer finds it beside the route.

https://www.kamailio.org/docs/modules/stable/modules/rtjson.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from routing_engine.errors import InvalidValueError
from routing_engine.integrations.headers import context_headers, target
from routing_engine.integrations.ringing import checked_ring_s
from routing_engine.integrations.sip import Peer
from routing_engine.model.caller import Caller, Context
from routing_engine.model.destinations import Destination

__all__ = ["rtjson"]


def rtjson(
    caller: Caller,
    destinations: Iterable[tuple[Destination, int | None]],
    *,
    domain: str,
    context: Context | None = None,
) -> dict[str, Any]:
    """Build the document that ``rtjson_init_routes`` reads: whom to try, one after the other.

    Args:
        caller: on the line; nothing of one who withholds the number is in it.
        destinations: whom to try and for how many seconds (None: as Kamailio is set up), as
            ``decision.destinations`` has them. One that no URI can be made of is left out.
        domain: host, and port if any, of phone numbers: the gateway they go out by.
        context: for the person who picks up, as ``User-to-User``.

    Returns:
        ``routing`` is ``serial``; each of ``routes`` has ``uri`` and, where there is something to
        say, ``fr_inv_timer`` (milliseconds), ``headers`` and ``extension``, which Kamailio passes
        over. Without routes ``success`` is False.

    Raises:
        InvalidValueError: the domain is none, or a time to ring is not 5 to 300 s.
    """
    domain = Peer(domain).domain
    extra = "".join(f"{name}: {value}\r\n" for name, value in context_headers(caller, context))
    routes = []
    for destination, ring_s in destinations:
        number = destination.number
        plain = destination if number is None else Destination._trusted(number)
        try:
            route: dict[str, Any] = {"uri": target(plain, domain)}
        except InvalidValueError:
            continue
        if ring_s is not None:
            route["fr_inv_timer"] = 1000 * checked_ring_s(ring_s)
        if extra:
            route["headers"] = {"extra": extra}
        if destination.extension is not None:
            route["extension"] = destination.extension
        routes.append(route)
    return {"success": bool(routes), "version": "1.0", "routing": "serial", "routes": routes}
