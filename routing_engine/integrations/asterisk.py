"""Transfers by Asterisk: arguments of ``Dial``, and the meaning of its outcome.

Asterisk owns the dialog: it writes ``To``, ``From``, ``P-Asserted-Identity`` and ``Privacy`` itself,
from the caller ID of the channel. So these are values for the dialplan or for ARI, not headers:

- ``CALLERID(num)``, ``CALLERID(name)`` and ``CALLERID(pres)``, of a number that the caller lets others
  see. Whether the endpoint asserts it (``send_pai``) or trusts it (``trust_id_outbound``) is set on the
  endpoint; leave both off towards peers that must not get what nobody vouches for.
- An extension is dialled in tones after the destination has answered (``Dial``'s ``D()``): it never
  stands in the request URI.

Of Asterisk 18 and later; dialplan functions:
https://docs.asterisk.org/Latest_API/API_Documentation/Dialplan_Functions/CALLERID/,
applications: https://docs.asterisk.org/Latest_API/API_Documentation/Dialplan_Applications/Dial/.
"""

from __future__ import annotations

import re
from typing import Any

from routing_engine.errors import InvalidValueError
from routing_engine.integrations.headers import context_headers
from routing_engine.integrations.ringing import checked_ring_s
from routing_engine.model.caller import Caller, Context
from routing_engine.model.destinations import Destination
from routing_engine.text.lines import ascii_line

__all__ = ["caller_of", "dial", "ending"]

_ENDPOINT = re.compile(r"[A-Za-z0-9_.\-]{1,79}", re.ASCII)
_NOT_IN_DIAL = frozenset("&,(){}$\\\"' ")
_MAX_NAME = 64
_PAUSE = "ww"
"""Pause of one second before digits: half a second for each ``w``."""

_NOT_SHOWN = 0x60
"""Mask of the presentation bits that restrict showing the number; 0 allows it."""

_VAGUE = frozenset(("BUSY", "CONGESTION", "CHANUNAVAIL"))
"""Dial statuses about which the cause says more."""

_NO_CAUSE = frozenset((0, 16, 31))
"""Q.850 causes that say less than any status: unknown, normal clearing, unspecified."""


def dial(
    caller: Caller,
    destination: Destination,
    *,
    trunk: str,
    line: Destination | None = None,
    context: Context | None = None,
    ring_timeout_s: int | None = None,
) -> dict[str, Any]:
    """Build the arguments of ``Dial`` or of ARI's ``POST /channels``.

    Args:
        caller: on the channel.
        destination: from the published table.
        trunk: the PJSIP endpoint that phone numbers, and SIP URIs, go out by.
        line: the business's own number, which is shown of a caller who withholds theirs.
        context: for the person who picks up, as ``User-to-User``.
        ring_timeout_s: how long it may ring.

    Returns:
        ``endpoint`` and, where it is given, ``timeout``: the first arguments of ``Dial``.
        ``digits``, where there is an extension: what its option ``D()`` sends after the answer.
        ``variables``: to be set on the channel first; one that is ``PJSIP_HEADER(add,…)``, in a
        pre-dial handler.

    Raises:
        InvalidValueError: no such endpoint name, or a SIP URI that cannot be dialled.
    """
    if not isinstance(trunk, str) or not _ENDPOINT.fullmatch(trunk):
        raise InvalidValueError(f"trunk {trunk!r} is not the name of a PJSIP endpoint")
    if destination.number is not None:
        endpoint = f"PJSIP/{destination.number}@{trunk}"
    else:
        uri = destination.sip_uri or ""
        # In Dial an ampersand separates channels, and a comma or bracket the arguments.
        if set(uri) & _NOT_IN_DIAL:
            raise InvalidValueError(
                f"{destination.masked} cannot stand in Dial; publish another destination"
            )
        endpoint = f"PJSIP/{trunk}/{uri}"
    made: dict[str, Any] = {"endpoint": endpoint}
    if ring_timeout_s is not None:
        made["timeout"] = checked_ring_s(ring_timeout_s)
    if destination.extension is not None:
        made["digits"] = f"{_PAUSE}{destination.extension}"
    made["variables"] = _caller_id(caller, line)
    for name, value in context_headers(caller, context):
        made["variables"][f"PJSIP_HEADER(add,{name})"] = value
    return made


def _caller_id(caller: Caller, line: Destination | None) -> dict[str, str]:
    if caller.anonymous:
        own = "" if line is None else line.number or ""
        return {"CALLERID(num)": own, "CALLERID(name)": "", "CALLERID(pres)": "prohib"}
    if caller.number is None:
        return {
            "CALLERID(num)": "",
            "CALLERID(name)": _name(caller),
            "CALLERID(pres)": "unavailable",
        }
    screened = "allowed_passed_screen" if caller.verified else "allowed_not_screened"
    return {
        "CALLERID(num)": caller.number,
        "CALLERID(name)": _name(caller),
        "CALLERID(pres)": screened,
    }


def _name(caller: Caller) -> str:
    """Return a name without anything that the dialplan would evaluate or quote."""
    return ascii_line(caller.name, _MAX_NAME).translate({ord(c): None for c in '"\\${}<>,;'})


def caller_of(
    number: str, name: str = "", presentation: str = "", *, region: str | None = None
) -> Caller:
    """Read the caller on a channel.

    Args:
        number: ``CALLERID(num)``, or ``agi_callerid``.
        name: ``CALLERID(name)``, or ``agi_calleridname``.
        presentation: ``CALLERID(pres)`` in words, or ``agi_callingpres``, a number; empty for
            allowed. Prohibited is withheld.
        region: whose national numbers are read.
    """
    name = "" if name == "unknown" else name
    number = "" if number == "unknown" else number
    withheld = presentation.startswith("prohib")
    if presentation.isascii() and presentation.isdigit() and len(presentation) < 4:
        withheld = int(presentation) & _NOT_SHOWN == 0x20
    return Caller.reported(number, name=name, privacy="id" if withheld else "", region=region)


def ending(status: str, cause: str = "") -> str:
    """Return how a ``Dial`` ended, for ``call.transfer_failed``.

    Args:
        status: ``DIALSTATUS``.
        cause: ``HANGUPCAUSE`` of the dialled channel (ITU-T Q.850); empty where it is not known.
            Where the status is vague, it says more: a call that was rejected is no busy line.
    """
    if status in _VAGUE and cause.isascii() and cause.isdigit() and len(cause) < 4:
        number = int(cause)
        if number not in _NO_CAUSE and number < 128:
            return f"Q.850;cause={number}"
    return status
