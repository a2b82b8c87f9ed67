"""Detect what callers say beside their business: pure functions of one utterance.

Patterns, not an encoder: "can I talk to somebody" is said in few ways, is wanted at once, and must
be told from "can somebody come and look at my furnace"; so are "never mind, thanks" and "the
second one". English.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = [
    "NEITHER",
    "Signals",
    "asks_nothing",
    "declines_person",
    "frustration",
    "parse_choice",
    "signals",
    "wants_person",
]

NEITHER = -1
"""Answer of a caller who wants neither of two rules."""

_SOMEONE = (
    r"(?:somebody|someone|anybody|anyone|whoever(?:'s| is)?(?: there| in charge)?|one of (?:the|your)\b|"
    r"(?:an?|the|your|my|some|another|any)?\s*(?:(?:real|live|living|actual|human|account|sales|"
    r"service|customer|customer service|front|office|branch|store|shop|other|different|nice)\s+)*"
    r"(?:person|people|human(?: being)?|agent|rep|reps|representative|operator|manager|supervisor|"
    r"receptionist|secretary|dispatcher|employee|associate|attendant|boss|owner|team|staff|"
    r"salesperson|salesman|lady|guy|girl|man|woman|nurse|counter|front desk|desk|office))\b"
)
_ASK = re.compile(
    r"\b(?:talk|speak|chat|get through|put through|speaking|talking)(?:ing)?\s+"
    r"(?:(?:right now|directly|again|please)\s+)?(?:to|with)\s+"
    + _SOMEONE
    + r"|\b(?:give|get|pass|hand|transfer|connect|put|patch|send|forward|switch|ring)\s+(?:me|us)\s+"
    r"(?:(?:on|over|back|through|up)\s+)*(?:(?:to|with|on to|onto)\s+)?"
    + _SOMEONE
    + r"|\b(?:need|want|wanna|like|prefer|rather have|have|wanted)\s+(?:to\s+have\s+)?"
    r"(?:an?|the|some)?\s*(?:(?:real|live|living|actual|human)\s+)+"
    r"(?:person|human(?: being)?|agent|rep|representative|operator|one|employee|voice|being)\b"
    r"|\b(?:need|want|wanna|get|prefer)\s+(?:(?:an?|the|your)\s+)?(?:human(?: being)?|operator|"
    r"representative|agent|supervisor|manager)\b(?!\s+\w+(?:'s\b|\s+manual))"
    r"|\bput\s+(?:\w+\s+){1,3}on(?:\s+the\s+(?:line|phone))?(?:\s+please)?\W*$"
    r"|\b(?:need|want)\s+(?:somebody|someone|anybody)\s+on\s+the\s+(?:phone|line)\b"
    r"|\b(?:rather|prefer)\s+(?:if\s+)?(?:somebody|someone|a person)\b"
    r"|\bput\s+(?:me|us)\s+(?:on|through|over)\s+(?:to|with)\b"
    r"|\b(?:with|by|from|to|is there|so)\s+an?\s+(?:(?:real|live|actual)\s+)*"
    r"(?:person|human(?: being)?|representative)\b"
    r"|\b(?:real|live|living|actual)\s+(?:person|human(?: being)?|agent|employee|representative|"
    r"operator)\b|\bsomebody real\b|\bhuman being\b|\ba live one\b"
    r"|\b(?:just\s+)?(?:transfer|connect)\s+me\b(?!\s+(?:money|funds|my))"
    r"|\bput me (?:through|back)\b|\bpress(?:ing)? (?:zero|0)\b"
    r"|\b(?:get|give)\s+(?:me\s+)?(?:somebody|someone|anybody)(?:\s+on the (?:line|phone))?\s*"
    r"(?:$|[,.!?]|please|now|else|on the)"
    r"|\banybody (?:there|alive|home)\b|\bsomeone with a pulse\b",
    re.IGNORECASE,
)
_ALONE = re.compile(
    r"^\W*(?:(?:uh|um|no|nope|nah|yes|yeah|please|just|ok|okay|hi|hello|a|an|the|real|live|now|"
    r"forget it|never ?mind|zero|i said)\W+)*"
    r"(?:agent|representative|operator|human(?: being)?|person|real person|live person|manager|"
    r"supervisor|receptionist|customer service|front desk|zero|"
    r"(?:somebody|someone) who (?:works|is) there)"
    r"(?:\W+(?:please|now|agent|representative|operator|human|person|pls|thanks|thank you))*\W*$",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:don't|do not|didn't|no need to|not trying to|rather not|without)\s+(?:\w+\s+){0,3}?"
    r"(?:talk|talking|speak|speaking|transfer|be transferred|connect)\b(?!\s+to\s+an?\s+"
    r"(?:robot|machine|computer|bot|recording|answering machine))",
    re.IGNORECASE,
)
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

_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_JOINTS = frozenset(("a", "an", "and", "for", "in", "my", "of", "on", "or", "our", "the", "to"))
_AROUND = frozenset((
    "about", "actually", "be", "guess", "hi", "i", "i'd", "i'm", "is", "it", "it's", "its", "just",
    "kind", "like", "maybe", "mean", "my", "need", "oh", "ok", "okay", "one", "option", "please",
    "probably", "question", "sort", "that", "that'd", "that's", "the", "then", "thing", "think",
    "this", "uh", "um", "want", "well", "with", "would", "yeah", "yes", "you", "number", "sorry",
    "no", "nope", "er", "erm", "hm", "hmm", "more", "department", "definitely", "wait",
))  # fmt: skip
_ORDINALS = (
    frozenset(("first", "former", "1st")),
    frozenset(("second", "latter", "2nd", "last", "other")),
)
_NUMERALS = (frozenset(("one", "1", "a")), frozenset(("two", "2", "b")))
_CORRECTED = re.compile(r"\b(?:no wait|wait|no|nope|nah|i mean|sorry|actually|rather)\b")
_ASKING = re.compile(r"\b(?:what|what's|which|who|why|how|when|where)\b")
_NONE = re.compile(r"\b(?:neither|none|nothing|something else|not either)\b")
MAX_BESIDE = 2
"""Most other words in an answer to "this or that?"; with more, it is a new topic."""


def parse_choice(text: str, first: str, second: str) -> int | None:
    """Parse which of two rules an answer to "is this about the first or the second?" names.

    By a word of one label, by its place, or by neither ("the other one" is the second, unless one
    was named before it). Of an answer that corrects itself, what comes last counts. A bare "yes"
    names none of them.

    Args:
        text: the caller's answer.
        first, second: the labels, in the order of the question.

    Returns:
        0, 1 or :data:`NEITHER`; None where it is no such answer and has to be read anew.
    """
    said = text.casefold().replace("’", "'")
    words = _TOKEN.findall(said)
    labels = [frozenset(_TOKEN.findall(label.casefold())) - _JOINTS for label in (first, second)]
    own = (labels[0] - labels[1], labels[1] - labels[0])
    beside = [
        word
        for word in words
        if word not in _AROUND and word not in _JOINTS and _named(word, own, labels) is None
    ]
    if _ASKING.search(said):
        return None
    if len(beside) > MAX_BESIDE or "not" in words or any("n't" in word for word in words):
        beside = [word for word in beside if word not in ("neither", "none", "nothing", "either")]
        return NEITHER if _NONE.search(said) and len(beside) <= MAX_BESIDE else None
    if _NONE.search(said):
        return NEITHER
    before: int | None = None
    found: set[int] = set()
    for part in _CORRECTED.split(said):
        tokens = _TOKEN.findall(part)
        named = {
            n for word in tokens if (n := _named(word, own, labels)) is not None and n != NEITHER
        }
        if "other" in tokens and before is not None:
            named = {1 - before}
        if named:
            found = named
            before = next(iter(named)) if len(named) == 1 else None
    if len(found) == 1:
        return found.pop()
    telling = [word for word in words if word not in ("uh", "um", "option", "number", "please")]
    if not found and len(telling) == 1:
        for n, numerals in enumerate(_NUMERALS):
            if telling[0] in numerals:
                return n
    refused = words and all(word in ("no", "nope", "nah", "uh", "um", "thanks") for word in words)
    return NEITHER if refused and words[-1] not in ("uh", "um") else None


def _named(
    word: str, own: tuple[frozenset[str], frozenset[str]], labels: list[frozenset[str]]
) -> int | None:
    """Return which label or ordinal a word belongs to; ``NEITHER`` for a word of both."""
    for n in (0, 1):
        if any(_alike(word, other) for other in own[n]):
            return n
    for n in (0, 1):
        if word in _ORDINALS[n]:
            return n
    return NEITHER if any(word in label for label in labels) else None


def _alike(word: str, other: str) -> bool:
    """Whether two words differ at most in their ending: "bill", "bills", "billing"."""
    if word == other:
        return True
    common = 0
    for one, another in zip(word, other, strict=False):
        if one != another:
            break
        common += 1
    return common >= max(4, min(len(word), len(other)) - 2)


# A pattern takes tens of microseconds to find nothing; each needs one of these to find something.
_ASK_NEEDS = frozenset((
    "person", "people", "human", "agent", "rep", "reps", "representative", "operator", "manager",
    "somebody", "someone", "anybody", "anyone", "whoever", "one", "supervisor", "receptionist",
    "secretary", "press", "pressing", "dispatcher", "employee", "associate", "attendant", "boss",
    "owner", "team", "staff", "salesperson", "salesman", "lady", "guy", "girl", "man", "woman",
    "nurse", "counter", "desk", "office", "live", "living", "real", "actual", "being", "put",
    "transfer", "connect", "customer", "zero",
))  # fmt: skip
_ASK_VERBS = frozenset((
    "talk", "talking", "talkinging", "speak", "speaking", "speakinging", "chat", "chating",
    "through", "throughing", "me", "us", "real", "live", "living", "actual", "human", "operator",
    "representative", "agent", "supervisor", "manager", "put", "phone", "line", "rather", "prefer",
    "person", "press", "pressing", "get", "give", "anybody", "pulse",
))  # fmt: skip
"""Each way of asking for a person has one of these words, besides what it asks for."""
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
    said = text.replace("’", "'")
    lower = said.casefold()
    words = frozenset(_PART.findall(lower))
    wants = not _ASK_NEEDS.isdisjoint(words) and (
        _ALONE.match(said) is not None
        or (
            not _ASK_VERBS.isdisjoint(words)
            and _ASK.search(said) is not None
            and _DENIED.search(said) is None
        )
    )
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


def declines_person(text: str) -> bool:
    """Whether a caller says that they do not want to talk to somebody.

    Args:
        text: one utterance.
    """
    return _DENIED.search(text.replace("’", "'")) is not None


def frustration(text: str) -> int:
    """Count kinds of impatience in an utterance: at the machine, swearing, repeating.

    Returns:
        0 to 3.
    """
    return signals(text).frustration
