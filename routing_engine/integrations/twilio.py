"""Transfers on Twilio: TwiML to answer a webhook with, or to update a live call.

https://www.twilio.com/docs/voice/twiml/dial, ``/number``, ``/sip`` and ``/refer``.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from routing_engine.errors import InvalidValueError
from routing_engine.integrations.extensions import tones
from routing_engine.integrations.headers import context_headers, target, with_headers
from routing_engine.integrations.ringing import checked_ring_s
from routing_engine.integrations.sip import Peer
from routing_engine.model.caller import Caller, Context
from routing_engine.model.destinations import Destination

__all__ = ["dial", "refer", "whisper"]


def dial(
    caller: Caller,
    destination: Destination,
    *,
    line: Destination,
    context: Context | None = None,
    whisper_url: str | None = None,
    action_url: str | None = None,
    ring_timeout_s: int | None = None,
) -> str:
    """Build ``<Dial>`` with ``<Number>`` or ``<Sip>``: Twilio calls and connects both.

    ``callerId`` may be the number that calls, the number that was called, or one that is
    verified for the account. The first is sent; for an anonymous or unknown caller the second.
    Never none: Twilio would pass on whatever it got. An extension is dialled as tones, after two
    seconds unless it says itself how long to wait. Only a ``<Sip>`` gets the context, as ``User-to-User``; a phone gets it spoken, from
    ``whisper_url``.

    Args:
        caller: on the line.
        destination: from the published table.
        line: the number of the business that was called.
        context: for the person who picks up.
        whisper_url: where Twilio fetches :func:`whisper`, to be heard before both are connected.
        action_url: where Twilio reports how it went, and asks what to do next.
        ring_timeout_s: how long it rings, as the decision says: ``timeout``, to which Twilio adds
            up to 5 seconds; None for Twilio's 30.

    Raises:
        InvalidValueError: line is not a number, a URL or URI cannot be sent, or it is to ring for
            less than 5 or more than 300 seconds.
    """
    if line.number is None:
        raise InvalidValueError("line is the phone number that was called, not a SIP URI")
    response = ET.Element("Response")
    verb = ET.SubElement(response, "Dial", callerId=caller.shown or line.number)
    if action_url is not None:
        verb.set("action", _url(action_url))
    if ring_timeout_s is not None:
        verb.set("timeout", str(checked_ring_s(ring_timeout_s)))
    if destination.number is not None:
        noun = ET.SubElement(verb, "Number")
        noun.text = destination.number
        if destination.extension is not None:
            noun.set("sendDigits", tones(destination.extension))
    else:
        noun = ET.SubElement(verb, "Sip")
        noun.text = with_headers(target(destination, ""), context_headers(caller, context))
    if whisper_url is not None:
        noun.set("url", _url(whisper_url))
    return ET.tostring(response, encoding="unicode")


def refer(
    caller: Caller,
    destination: Destination,
    *,
    domain: str,
    context: Context | None = None,
    action_url: str | None = None,
) -> str:
    """Build ``<Refer>``: Twilio sends a SIP REFER to the caller's side. SIP legs only.

    Twilio puts the URI into ``Refer-To``; with the context as ``User-to-User`` in it. Which
    caller ID is shown is for the SIP infrastructure that gets the REFER to say.

    Args:
        caller: on the line.
        destination: from the published table.
        domain: host of the SIP infrastructure, for a phone number.
        context: for the person who picks up.
        action_url: where Twilio reports how it went.

    Raises:
        InvalidValueError: a URL, URI or the domain cannot be sent.
    """
    response = ET.Element("Response")
    verb = ET.SubElement(response, "Refer")
    if action_url is not None:
        verb.set("action", _url(action_url))
    uri = target(destination, Peer(domain).domain)
    ET.SubElement(verb, "Sip").text = with_headers(uri, context_headers(caller, context))
    return ET.tostring(response, encoding="unicode")


def whisper(caller: Caller, context: Context) -> str:
    """Build ``<Say>`` with the reason, for the person who picks up, before they are connected."""
    response = ET.Element("Response")
    ET.SubElement(response, "Say").text = context.for_others(caller).spoken
    return ET.tostring(response, encoding="unicode")


def _url(url: str) -> str:
    if not isinstance(url, str) or not url or not all("!" <= c <= "~" for c in url):
        raise InvalidValueError("a URL is printable ASCII without spaces; escape what is not")
    return url
