"""Detect what callers say beside their business: pure functions of one utterance.

Patterns, not an encoder: what asks for a person, is content, takes something back ("never mind,
thanks") or loses patience. English.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = [
    "Signals",
    "asks_nothing",
    "frustration",
    "signals",
    "wants_person",
]

NEITHER = -1
"""Answer of a caller who wants neither of two rules."""

_MACHINE = re.compile(
    r"\b(?:not|don't|hate|stop|no|than|done|sick of|tired of)\b[^.?!]{0,40}\b"
    r"(?:robots?|machines?|computers?|bots?|recordings?|automated|these things|ai)\b"
    r"|\bare you (?:a |an )?(?:real|robot|machine|human|computer|bot|person|recording|ai)\b",
    re.IGNORECASE,
)
_FED_UP = (
    _MACHINE,
    re.compile(
        r"\b(?:ridiculous|unacceptable|unbelievable|useless|worthless|stupid|fed up|sick of|tired of|"
        r"waste of (?:my )?time|wasting my time|frustrat\w+|annoy\w+|come on|for god's sake|"
        r"for crying out loud|what the (?:hell|heck)|damn|goddamn|hell no)\b",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:you're not (?:listening|getting|understanding|hearing)|you (?:don't|do not) "
        r"(?:understand|get it|listen)|that's not what i (?:said|asked)|i(?:'ve| have)? (?:already )?"
        r"(?:told|said|explained)[^.?!]{0,30}(?:already|times|twice|before|again)|"
        r"i already (?:said|told|explained)|how many times|stop asking|listen to me|i said)\b",
        re.IGNORECASE,
    ),
)


_KIND = (
    r"(?:(?:uh|um|oh|okay|ok|yeah|yep|yes|no|nope|nah|alright|all right|right|well|so|and|then|"
    r"really|very|good|great|perfect|awesome|cool|nice|neat|wonderful|lovely|excellent|fantastic|"
    r"sure|fine|got it|gotcha|i see|sounds good|that works|thanks?|you|so much|a lot|"
    r"very much|a bunch|again|bye|goodbye|see you|there|later|tomorrow|soon|to know|"
    r"have a (?:good|great|nice) (?:one|day|night|evening|weekend)|you too|take care|will do|"
    r"i'll be there|that's (?:all|it|great|good|perfect|fine|okay|ok|awesome|handy|everything)|"
    r"i needed|i wanted|for (?:now|today|your help|the help)|i appreciate (?:it|that)|"
    r"appreciate it|wow|huh|hm+)(?:\W+|$))"
)
_CLOSING = re.compile(rf"\W*{_KIND}+", re.IGNORECASE)
_CONTENT = re.compile(
    r"\b(?:thank|great|perfect|awesome|cool|nice|neat|wonderful|lovely|excellent|fantastic|got it|"
    r"gotcha|good|bye|see you|take care|will do|i'll be there|that's|i see|appreciate)",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(
    r"(?:\bnever ?mind\b|\bforget (?:it|about it)\b|\bi'll call (?:you )?back\b|"
    r"\b(?:have|got|dialed|dialled|called|reached) (?:the|a) wrong number\b|"
    r"^\W*(?:(?:oh|sorry|uh|um|i think)\W+)*wrong number\b|\bit's fine(?: now)?\b|"
    r"\bno that's (?:fine|okay|ok|all|it)\b|\b(?:i|we) figured it out\b|"
    rf"\bhave a good (?:one|day|night)\b)(?:\W+|$){_KIND}*$",
    re.IGNORECASE,
)

# A pattern takes tens of microseconds to find nothing; each needs one of these to find something.
_FED_UP_NEEDS = (
    frozenset((
        "robot", "robots", "machine", "machines", "computer", "computers", "bot", "bots",
        "recording", "recordings", "automated", "things", "ai", "real", "human", "person",
    )),
    frozenset((
        "ridiculous", "unacceptable", "unbelievable", "useless", "worthless", "stupid", "fed",
        "sick", "tired", "waste", "wasting", "come", "sake", "crying", "hell", "heck", "damn",
        "goddamn",
    )),
    frozenset((
        "listening", "getting", "understanding", "hearing", "understand", "get", "listen", "said",
        "asked", "told", "explained", "times", "asking",
    )),
)  # fmt: skip
"""Words that each pattern of impatience needs; the second also matches by word stem."""
_TAKEN_BACK_NEEDS = frozenset(("mind", "nevermind", "forget", "wrong", "fine", "figured"))
_TAKEN_BACK_PAIRS = (
    frozenset(("no", "that")),
    frozenset(("call", "back")),
    frozenset(("have", "good")),
)
_PART = re.compile(r"[^\W_]+")


class Signals(NamedTuple):
    """What an utterance says beside business; see the functions of the same names."""

    wants_person: bool
    asks_nothing: bool
    frustration: int


def signals(text: str) -> Signals:
    """Detect all signals of one utterance.

    Args:
        text: one utterance.
    """
    # Its patterns take 60 ms to compile, which who routes one sentence need not wait for.
    from routing_engine.text.persons import asks_for_person

    said = text.replace("’", "'")
    lower = said.casefold()
    words = frozenset(_PART.findall(lower))
    wants = asks_for_person(said)
    if _CLOSING.fullmatch(said):
        nothing = _CONTENT.search(said) is not None
    else:
        may_be = not _TAKEN_BACK_NEEDS.isdisjoint(words) or any(
            pair <= words for pair in _TAKEN_BACK_PAIRS
        )
        nothing = may_be and _TAKEN_BACK.search(said) is not None
    signs = 0
    machine, fed_up, repeated = _FED_UP_NEEDS
    if not machine.isdisjoint(words) and _FED_UP[0].search(said):
        signs = 1
    has_stem = "frustrat" in lower or "annoy" in lower
    if (has_stem or not fed_up.isdisjoint(words)) and _FED_UP[1].search(said):
        signs += 1
    if not repeated.isdisjoint(words) and _FED_UP[2].search(said):
        signs += 1
    return Signals(wants, nothing, signs)


def asks_nothing(text: str) -> bool:
    """Whether a caller is content ("great, thanks") or takes back what was said ("never mind").

    Args:
        text: one utterance.
    """
    return signals(text).asks_nothing


def wants_person(text: str) -> bool:
    """Whether a caller asks for a human being, and not for anything that one would do.

    Args:
        text: one utterance.
    """
    return signals(text).wants_person


def frustration(text: str) -> int:
    """Count kinds of impatience in an utterance: at the machine, swearing, repeating.

    Returns:
        0 to 3.
    """
    return signals(text).frustration
