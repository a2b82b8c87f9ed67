"""Rephrase what a manager wrote about callers as what callers say.

A ``when`` is a description: "caller wants to speak to billing about their invoice". Its embedding
holds the carrier phrase ("caller wants to") that all rules share and a point of view that no
caller has ("their"). These string rules make other wordings of it, to be embedded beside it.
"""

from __future__ import annotations

import re

__all__ = ["first_person", "gist", "spoken", "stripped"]

_SUBJECT = (
    r"(?:the |a )?(?:caller|customer|client|patient|guest|member|user|someone|somebody|person|"
    r"people|anyone|they)"
)
_LEAD = re.compile(
    r"^(?:if |when |whenever |any time |for )?"
    rf"(?:{_SUBJECT}(?: who)?(?:\s+(?:is|are|has been|'s))?\s+"
    r"|questions? (?:about|on|regarding) |anything (?:about|to do with) "
    r"|calls? (?:about|regarding) |inquir(?:y|ies) (?:about|into) )?",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"^(?:asks?|asking|wants?|wanting|needs?|needing|says?|saying|reports?|reporting|complains?|"
    r"complaining|questions?|questioning|calling|calls|checking|looking|wonders?|wondering|curious|"
    r"would like|'d like|wishes|requests?|requesting|inquires?|mentions?|letting us know|letting|"
    r"hoping|trying|tries|has (?:a )?questions?|expects?|seeks?|seeking|disputes?)\b\s*",
    re.IGNORECASE,
)
_LINK = re.compile(
    r"^(?:us |for help |help |to know |to ask |to find out |to hear |to speak |to talk |to learn |"
    r"about |for |whether |if |that |to |with |on |in |regarding |of |into )\s*",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"^(?:[\w' -]*?\b(?:asks?|asking|calls?|calling|questions?|inquir\w+|enquir\w+|anything) "
    r"(?:about|regarding|concerning) |[\w' -]*?\b(?:wants|needs|would like|reports) (?=an? |the |their ))",
    re.IGNORECASE,
)
_PERIOD = re.compile(r"[.;:(]| - ")
_ITEMS = re.compile(r",? (?:or|and) |, ", re.IGNORECASE)
_THING = re.compile(
    r"(?!(?:how|what|when|where|whether|why|which|who|if|asks?|wants?|needs?|is|are|has|to|not|whose)\b)",
    re.IGNORECASE,
)
"""How a description begins that says what a call is about, and what its items may begin with."""
_OF_CALLER = [
    (re.compile(pattern, re.IGNORECASE), said)
    for pattern, said in (
        (r"\b(?:the |a )?(?:caller|customer|client|patient|guest|member|user)'s\b", "your"),
        (r"\btheir\b", "your"),
        (r"\bthey are\b", "you are"),
        (r"\b(?:they|them)\b", "you"),
    )
]
LONGEST_GIST = 40
"""Characters of what a question says of one rule."""
MOST_ITEMS = 2
_MAX_LINKS = 3
_MIN_LENGTH = 3

_PERSON = [
    (re.compile(pattern, re.IGNORECASE), said)
    for pattern, said in (
        (r"\b(?:the )?(?:caller|customer|client|patient|guest|member|user)'s\b", "my"),
        (r"\btheir own\b", "my own"),
        (r"\btheirs\b", "mine"),
        (r"\btheir\b", "my"),
        (r"\bthemsel(?:f|ves)\b", "myself"),
        (r"\bthey are\b|\bthey're\b", "i am"),
        (r"\bthey've\b", "i've"),
        (r"\bthey\b", "i"),
        (r"\bthem\b", "me"),
        (r"\b(?:the )?(?:caller|customer|client|patient|guest)\b", "i"),
        (r"\bour\b", "your"),
        (r"\bwe\b", "you"),
        (r"\bus\b", "you"),
    )
]
_SAID = {
    "wants": "i want", "want": "i want", "needs": "i need", "need": "i need", "is": "i am",
    "has": "i have", "tried": "i tried", "sees": "i see", "made": "i made",
    "noticed": "i noticed", "was": "i was", "would": "i would", "doesn't": "i don't",
    "didn't": "i didn't", "disputes": "i dispute",
}  # fmt: skip


def stripped(when: str) -> str:
    """Drop the carrier phrase of a description: "caller wants to pay a bill" -> "pay a bill"."""
    whole = when.strip().rstrip(".").rstrip() or when
    rest = whole[_end(_LEAD, whole) :]
    verb = _end(_VERB, rest)
    if verb:
        rest = rest[verb:]
        for _ in range(_MAX_LINKS):
            rest = rest[_end(_LINK, rest) :]
    rest = rest.strip()
    return rest if len(rest) >= _MIN_LENGTH else whole


def first_person(text: str) -> str:
    """Put a description into the first person: "their card" -> "my card"."""
    for pattern, said in _PERSON:
        text = pattern.sub(said, text)
    return text


def spoken(when: str) -> str:
    """Put a description into a sentence of the caller: "caller wants a quote" -> "i want a quote"."""
    whole = when.strip().rstrip(".").rstrip() or when
    subject = re.match(rf"^{_SUBJECT}\s+", whole, re.IGNORECASE)
    verb, _, rest = (whole[subject.end() :] if subject else whole).partition(" ")
    verb = verb.lower()
    if verb == "questions" and rest.startswith(("about ", "on ", "regarding ")):
        return first_person(f"i have a question {rest}")
    if verb in _SAID and rest:
        return first_person(f"{_SAID[verb]} {rest}")
    return first_person(stripped(whole))


def gist(when: str) -> str:
    """What a description is about, as a caller would recognise it: "an invoice or charge".

    Only of descriptions like "caller asks about …", where what follows is a thing and not a deed;
    of these as many items as can be said in one breath. Empty for all others.
    """
    found = _ABOUT.match(when.strip())
    if found is None:
        return ""
    items = [item for item in _ITEMS.split(_PERIOD.split(when.strip()[found.end() :])[0]) if item]
    kept: list[str] = []
    for item in items:
        if sum(map(len, kept)) + len(item) > LONGEST_GIST or not _THING.match(item):
            break
        kept.append(_as_agent(item.strip()))
    return " or ".join(kept[:MOST_ITEMS])


def _as_agent(text: str) -> str:
    """A description as the agent would put it to the caller: "their card" -> "your card"."""
    for pattern, said in _OF_CALLER:
        text = pattern.sub(said, text)
    return text


def _end(pattern: re.Pattern[str], text: str) -> int:
    match = pattern.match(text)
    return match.end() if match else 0
