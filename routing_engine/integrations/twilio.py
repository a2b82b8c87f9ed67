"""Calls on Twilio: TwiML to answer a webhook with or to update a live call, and a call to create.

https://www.twilio.com/docs/voice/twiml/dial, ``/number``, ``/sip``, ``/refer`` and ``/gather``;
https://www.twilio.com/docs/voice/api/call-resource.
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
from routing_engine.text.lines import one_line

__all__ = ["ask", "create_call", "dial", "hang_up", "refer", "whisper"]

MAX_SAID = 4000
"""Most characters that are said at once; ``<Say>`` takes 4,096."""

ANSWER_S = 8
"""Seconds in which a key is to be pressed, or a caller is to begin to speak."""


def dial(
    caller: Caller,
    destination: Destination,
    *,
    line: Destination,
    context: Context | None = None,
    whisper_url: str | None = None,
    action_url: str | None = None,
    ring_timeout_s: int | None = None,
    say: str = "",
    language: str | None = None,
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
        say: what the caller hears first.
        language: BCP 47 tag of what is said; None for Twilio's default.

    Raises:
        InvalidValueError: line is not a number, a URL or URI cannot be sent, or it is to ring for
            less than 5 or more than 300 seconds.
    """
    if line.number is None:
        raise InvalidValueError("line is the phone number that was called, not a SIP URI")
    response = ET.Element("Response")
    _say(response, say, language)
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


def whisper(
    caller: Caller,
    context: Context,
    *,
    accept_url: str | None = None,
    prompt: str = "Press 1 to accept the call, or 2 to decline it.",
    language: str | None = None,
) -> str:
    """Build ``<Say>`` with the reason, for the person who picks up, before they are connected.

    Args:
        caller: on the line.
        context: why they call.
        accept_url: where Twilio reports the key that was pressed. Without a key it hangs up, so
            that no caller is connected with a machine. None to connect both without asking.
        prompt: what is said about the keys.
        language: BCP 47 tag of what is said; None for Twilio's default.
    """
    response = ET.Element("Response")
    told = context.for_others(caller).spoken
    if accept_url is None:
        _say(response, told, language, is_needed=True)
        return ET.tostring(response, encoding="unicode")
    gather = ET.SubElement(
        response, "Gather", input="dtmf", numDigits="1", timeout=str(ANSWER_S),
        action=_url(accept_url),
    )  # fmt: skip
    _say(gather, told, language)
    _say(gather, prompt, language)
    ET.SubElement(response, "Hangup")
    return ET.tostring(response, encoding="unicode")


def ask(
    text: str,
    *,
    action_url: str,
    speech: bool = True,
    keys: bool = False,
    language: str | None = None,
) -> str:
    """Build ``<Gather>``: say something, and hear what the caller answers.

    Twilio reports ``SpeechResult``, ``Digits``, or neither after a silence.

    Args:
        text: what is said; empty to listen alone.
        action_url: where Twilio reports the answer.
        speech: whether words are heard.
        keys: whether keys count, up to ``#``.
        language: BCP 47 tag of what is said and heard; None for Twilio's default.

    Raises:
        InvalidValueError: the URL cannot be sent, or neither speech nor keys count.
    """
    kinds = [kind for kind, counts in (("dtmf", keys), ("speech", speech)) if counts]
    if not kinds:
        raise InvalidValueError("speech, keys or both must count as an answer")
    response = ET.Element("Response")
    gather = ET.SubElement(
        response, "Gather", input=" ".join(kinds), action=_url(action_url),
        actionOnEmptyResult="true", timeout=str(ANSWER_S if keys else 5),
    )  # fmt: skip
    if speech:
        gather.set("speechTimeout", "auto")
        if language is not None:
            gather.set("language", language)
    _say(gather, text, language)
    return ET.tostring(response, encoding="unicode")


def hang_up(say: str = "", *, language: str | None = None) -> str:
    """Build ``<Hangup>``, after something that is said."""
    response = ET.Element("Response")
    _say(response, say, language)
    ET.SubElement(response, "Hangup")
    return ET.tostring(response, encoding="unicode")


def create_call(
    caller: Caller,
    destination: Destination,
    *,
    line: Destination,
    url: str,
    call_token: str | None = None,
    ring_timeout_s: int | None = None,
) -> dict[str, str]:
    """Build the fields of a ``POST /Calls``: a second call, to be joined with the first by you.

    With ``<Dial>`` no token is needed. A call that is created may show the caller's number only
    with the ``CallToken`` of their call; without it, and for a caller who withholds theirs, it
    shows the line.

    Args:
        caller: on the line.
        destination: from the published table.
        line: the number of the business that was called.
        url: where Twilio asks what to do once somebody picks up.
        call_token: ``CallToken`` of the webhook of the caller's call.
        ring_timeout_s: how long it rings, as the decision says.

    Raises:
        InvalidValueError: line is not a number, a URL, URI or token cannot be sent, or it is to
            ring for less than 5 or more than 300 seconds.
    """
    if line.number is None:
        raise InvalidValueError("line is the phone number that was called, not a SIP URI")
    shows_caller = call_token is not None and caller.shown is not None
    made = {
        "To": destination.number or target(destination, ""),
        "From": caller.shown if shows_caller and caller.shown is not None else line.number,
        "Url": _url(url),
    }
    if shows_caller and call_token is not None:
        made["CallToken"] = _url(call_token)
    if ring_timeout_s is not None:
        made["Timeout"] = str(checked_ring_s(ring_timeout_s))
    if destination.number is not None and destination.extension is not None:
        made["SendDigits"] = tones(destination.extension)
    return made


def _say(parent: ET.Element, text: str, language: str | None, *, is_needed: bool = False) -> None:
    said = one_line(text, MAX_SAID)
    if not said and not is_needed:
        return
    element = ET.SubElement(parent, "Say")
    if language is not None:
        element.set("language", language)
    element.text = said


def _url(url: str) -> str:
    if not isinstance(url, str) or not url or not all("!" <= c <= "~" for c in url):
        raise InvalidValueError("a URL is printable ASCII without spaces; escape what is not")
    return url
