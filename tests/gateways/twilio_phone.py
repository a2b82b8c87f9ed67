"""Twilio as its webhooks behave: it signs by the official package, and plays the TwiML it gets."""

from __future__ import annotations

import inspect
import itertools
import re
import xml.etree.ElementTree as ET
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import VoiceResponse

TOKEN = "0123456789abcdef0123456789abcdef"
PUBLIC = "https://voice.example.com/twilio"

_serial = itertools.count(1).__next__


def rebuilt(document):
    """The same document by the official builders; fails where they know no such verb or attribute."""
    root = ET.fromstring(document)
    assert root.tag == "Response"
    made = VoiceResponse()

    def add(parent, element):
        append = getattr(parent, element.tag.lower())
        named = {re.sub("([A-Z])", r"_\1", name).lower(): v for name, v in element.items()}
        known = set(inspect.signature(append).parameters)
        assert set(named) <= known, (element.tag, set(named) - known)
        child = append(*([element.text] if element.text else []), **named)
        for inner in element:
            add(child, inner)

    for element in root:
        add(made, element)
    return made.to_xml(xml_declaration=False)


class Phone:
    """One caller on the line, and Twilio between them and the server.

    Args:
        post: sends a request: ``post(path_and_query, content, headers)`` gives (status, text).
        caller, line: ``From`` and ``To``.
        more: what else Twilio says of the call.
    """

    def __init__(self, post, caller="+12025550188", line="+14155550199", token=TOKEN, **more):
        self.post = post
        self.validator = RequestValidator(token)
        self.call_sid = f"CA{_serial():032x}"
        self.fields = {
            "CallSid": self.call_sid, "AccountSid": "AC" + "0" * 32, "From": caller, "To": line,
            "CallStatus": "in-progress", "Direction": "inbound", "ApiVersion": "2010-04-01",
        } | more  # fmt: skip
        self.said = []
        self.told = []
        self.next = None
        self.sent = []

    # what the caller does

    def dial(self):
        return self.play(self.request(f"{PUBLIC}/voice"))

    def say(self, words):
        return self.answer(SpeechResult=words, Confidence="0.9")

    def key(self, digits):
        return self.answer(Digits=digits)

    def stay_silent(self):
        return self.answer()

    def answer(self, **fields):
        assert self.next is not None
        assert self.next.tag == "Gather", "nobody listens"
        return self.play(self.request(self.next.get("action"), **fields))

    def hang_up(self):
        self.fields["CallStatus"] = "completed"
        if self.next is not None and self.next.tag == "Dial":
            self.request(self.next.get("action"), DialCallStatus="canceled", DialBridged="false")
        return self.request(f"{PUBLIC}/status")

    # what the other end does

    @property
    def dialled(self):
        return self.noun.text.partition("?")[0]

    @property
    def noun(self):
        assert self.next is not None
        assert self.next.tag == "Dial", "nobody is dialled"
        return self.next[0]

    def end(self, status, **fields):
        return self.play(self.request(self.next.get("action"), DialCallStatus=status, **fields))

    def pick_up(self):
        """The person picks up: returns what they hear; ``pressing`` then is where keys go."""
        return self.hear(self.request(self.noun.get("url"), leg="callee"))

    def press(self, digits):
        return self.hear(self.request(self.pressing, leg="callee", Digits=digits))

    def hear(self, document):
        root = ET.fromstring(document)
        gather = root.find("Gather")
        self.pressing = None if gather is None else gather.get("action")
        self.told += [say.text for say in root.iter("Say")]
        return [verb.tag for verb in root]

    # requests

    def request(self, url, *, leg="caller", **fields):
        status, text = self.raw(url, **self.of(leg), **fields)
        assert status == 200, text
        assert ET.canonicalize(rebuilt(text)) == ET.canonicalize(text)
        return text

    def of(self, leg):
        if leg == "caller":
            return self.fields
        return self.fields | {"CallSid": f"CA{_serial():032x}", "ParentCallSid": self.call_sid}

    def raw(self, url, signature=None, **fields):
        made = self.validator.compute_signature(url, fields) if signature is None else signature
        path = url.removeprefix(PUBLIC)
        sent = path, urlencode(fields), {
            "X-Twilio-Signature": made, "Content-Type": "application/x-www-form-urlencoded",
        }  # fmt: skip
        self.sent.append(sent)
        return self.post(*sent)

    def replay(self, n=-1):
        """Send a request once more, as it was."""
        return self.post(*self.sent[n])

    def play(self, document):
        """Play a document up to the verb that waits; returns what was said meanwhile."""
        root = ET.fromstring(document)
        said = [say.text for say in root.iter("Say")]
        self.said += said
        waiting = [verb for verb in root if verb.tag in ("Gather", "Dial", "Hangup")]
        self.next = waiting[0] if waiting else None
        return " ".join(said)

    @property
    def is_over(self):
        return self.next is None or self.next.tag == "Hangup"
