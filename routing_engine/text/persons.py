"""Tell who asks for a person from who only speaks of people: patterns of one utterance.

A request has a verb of reaching somebody ("talk to", "put on", "get me"), a word for a person or the
place where people sit ("a human", "the desk", "whoever is in charge"), and no business after it: "get
me a person" asks, "get me a person who does braids" does not. Or it turns the machine down, or asks
whether anybody is there. English.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["PERSON_WORDS", "asks_for_person", "declines_person"]

_ADJECTIVES = (
    r"(?:(?:real|live|living|actual|human|normal|proper|nice|single|warm|young|breathing|genuine|different|other|"
    r"responsible|available|customer|general|main|front|duty|site|shop|store|branch|flesh and blood)\s+)*"
)
_PLACE = (
    r"(?:reception(?: desk| lady)?|(?:front |main |reception |help )?desk|(?:front |main |head )office|"
    r"customer (?:service|support|care))"
)
_BEING = (
    r"(?:persons?|humans?(?: beings?| person| voice)?|individual|agents?|reps?|representatives?|"
    r"operators?|managers?|management|supervisors?|receptionists?|secretary|dispatchers?|employees?|"
    r"people|associates?|attendants?|boss|owner|proprietor|(?:team|staff)(?: members?)?|members? of (?:your |the )?"
    r"(?:staff|team)|workers?|clerks?|colleagues?|lad(?:y|ies)|gentlem[ae]n|guys?|girls?|gals?|lass|"
    r"wom[ae]n|fella|dude|homie|bloke|chap|lads?|responsible(?: person)?|chief|gaffer|(?:warm )?body|voice|soul|being|head (?:guy|honcho)|big boss|"
    r"person in charge|real one|live one)"
)
_ANY = (
    r"(?:(?:some|any) ?(?:one|body)|whoever(?:'s| is| runs| answers| handles| works| manages)\b"
    r"[^,.?!]{0,30}|people)"
)
_KNOWN = (
    rf"(?:(?:an?|the|your|some|another|any|one|that)\s+)?(?:of (?:the|your|you) )?{_ADJECTIVES}"
    rf"(?:{_BEING}|{_PLACE}|flesh and blood)\b"
)
_WHO = rf"(?:{_ANY}|{_KNOWN})"
_END = (
    r"(?=\W*(?:$|[,.!?;]|please\b|now\b|instead\b|here\b|there\b|today\b|then\b|thank|to (?:the|this) "
    r"(?:line|phone)|on (?:the|this|my)? ?(?:line|phone|call)|on$|for (?:me|a minute|speak)\b|dear\b|love\b|"
    r"who (?:can|could|works|knows|thinks|runs)|(?:that|who)? ?i can\b|to (?:talk|speak|help|take|pick|"
    r"come)|at (?:the|your) (?:desk|counter|office|place|end)|in (?:the|your|that) (?:office|building|back)|"
    r"from (?:the|your|behind the) (?:office|desk|counter|back|shop)|behind the counter|and not\b|not an?\b|real quick|mate\b|man\b|sir\b|or (?:what|something|woman|a)\b|with a (?:brain|"
    r"pulse|heartbeat|face)|instead|directly|for this|ok(?:ay)?\b|innit|will ya|right\b|yes\b|if\b))"
)
_REACH = re.compile(
    rf"\b(?:talk|speak|chat|word|talking|speaking|holler)\s+(?:\w+ ){{0,2}}?(?:to|with|at)\s+{_WHO}"
    rf"|\b(?:speak|talk) {_KNOWN}{_END}"
    r"|\b(?:connect(?:ed)?|transfer(?:red)?|escalate[d]?|hand(?:ed)?|switch(?:ed)?|route[d]?|patch(?:ed)?|"
    r"pass(?:ed)?|chuck|forward|redirect|refer|put|deal|discuss(?:ed)?|explain|tell(?:ing)? (?:it|that|this)|"
    r"say (?:it|that|this)|happier|easier|faster|quicker|better|go|skip)\s+(?:\w+ ){0,4}?"
    rf"(?:to|with|onto|through|straight to)\s+{_WHO}{_END}"
    r"|\b(?:give|get|gimme|fetch|find|grab|bring|gets|pass|hook (?:me|us) up with|lemme have|let me have|"
    r"put|getting|giving|ask for|asking for|asked for|press for)\s+(?:(?:me|us|the phone|please|on|over|up|through|"
    rf"back|hold of|to|off this thing and onto)\s+)*{_WHO}{_END}"
    r"|\b(?:put|let|have|ask|could|can|would|will|may)\s+(?:(?:an?|the|your|one of (?:the|your)|some)\s+)?"
    rf"{_ADJECTIVES}(?:{_BEING}|{_ANY})\s+(?:please )?(?:on\b(?! (?:the )?(?:list|account|policy))|take this|"
    r"join|pick up|call me|talk to me|come to the|help me instead|answer)"
    r"|\b(?:need|want|wanna|prefer|require|like|have|rather have)\s+(?:(?:with|to (?:have|hear|see))\s+)?"
    rf"{_KNOWN}{_END}"
    rf"|\b(?:rather|sooner|prefer(?: to)?)\s+(?:\w+ ){{0,4}}?(?:with|to)\s+{_WHO}"
    rf"|\b(?:need|want) {_ANY} on the\b"
    r"|\b(?:need|want|prefer|rather have|so) an? (?:(?:real|live|actual) )*human\b(?! resources)"
    r"|\b(?:transfer|connect) me\b(?=\W*(?:$|[,.!?]|please\b|now\b|then\b))|\bpress(?:ing)? (?:zero|0)\b"
    r"|\bhandled by a human\b|\b(?:get|give|find) me any ?(?:one|body) at all\b"
    r"|\b(?:can|could) (?:some|any) ?(?:one|body)(?: else)? (?:just |please )?(?:pick up|take (?:it|this|over))\W*$"
    r"|\bthere(?:'s| is) any ?(?:one|body) (?:there )?i (?:could|can) (?:talk|speak)"
    rf"|\b(?:{_BEING}|some ?one|some ?body)\s+(?:to (?:come to the|take (?:this|the) call|pick up|talk (?:to|with)|"
    r"speak (?:to|with))|(?:could|can|would|will) (?:take (?:this|the) call|pick up|come to the (?:phone|tele)))"
    r"|[,.!?]\s*(?:just |only |please |get |and )*(?:an?|the|your) "
    rf"{_ADJECTIVES}(?:person|human(?: being)?|agent|representative|operator|living soul|human voice)\W*$",
    re.IGNORECASE,
)
"""A verb of reaching somebody, and a word for somebody."""
_IS_THERE = re.compile(
    r"\b(?:is|are|isn't|aren't|was|any chance|have|suppose|if|when)\s*(?:there(?:'s)?|you got)?\s*(?:really |just |"
    r"always |even |not )*"
    r"(?:any ?one|any ?body|some ?one|some ?body|no ?one|nobody|any won|"
    rf"(?:(?:an?|the|any|no|not a|your)\s+)?{_ADJECTIVES}(?:{_BEING}|people))\s*"
    rf"(?:(?:there|here|around|about)\b{_END}|in\b(?:\W*$| the (?:"
    r"office|building|back|house))|available|working|alive|home\b|awake|i (?:can|could|might) (?:talk|speak|"
    r"have|tell|ask)|(?:who|that) (?:can|could) (?:talk|help me|speak to|take)|to (?:talk|speak)|on the "
    r"(?:phone|desk)|at the (?:desk|counter|office)|with a (?:pulse|heartbeat)|any ?more|or what|free\b)"
    r"|\bis (?:the|your) (?:boss|manager|owner|supervisor|lady|gentleman|receptionist)\b[^,.?!]{0,20}\b"
    r"(?:in|there|about|around|available|free)\b\W*(?:$|please|today|now)"
    r"|\b(?:does|do|doesn't|don't|did) (?:any ?body|any ?one|some ?body|nobody|any people|you have (?:any )?"
    r"(?:people|humans|staff))\b[^,.?!]{0,12}\b(?:work there|work here|pick up|answer the|actually work)\b"
    r"|\b(?:person|human|somebody|someone|anybody|nobody|people|no one)\b[^,.?!]{0,14}\b(?:(?:could|can|would|to) (?:pick up|answer)(?! for)|"
    r"(?:picks up|answers|answer) the|used to answer)\b"
    rf"|\bhow (?:do|can|could|does|would|to|i can)\b[^,.?!]{{0,25}}\b(?:reach|get|get hold of|talk to|speak to|hold of)\s+{_WHO}{_END}"
    rf"|\bwhat (?:does it take|do i (?:have to )?(?:do|say|press))\b[^,.?!]{{0,12}}\b(?:to (?:get|reach|talk to)|"
    rf"for)\s+{_WHO}"
    r"|\bwho (?:do|would|can|could|else can) i (?:talk|speak) to\b\W*(?:if i didn't|instead|besides|other)"
    r"|\bwho(?:'s| is) (?:in charge|the (?:boss|manager|big boss|gaffer|top dog))\b(?: over| out| down)? ?"
    r"(?:there|here|around)\b"
    r"|\bwhere(?:'s| is) (?:the|your) (?:girl|lady|man|guy|receptionist|person)\b[^,.?!]{0,20}\b(?:answer|talk)"
    r"|\bhuman voice\b|\bsome ?body's face\b|\breal (?:man|woman) or\b",
    re.IGNORECASE,
)
"""Whether anybody is there, and how to get to them."""
_NO_MACHINE = re.compile(
    r"\b(?:don't|do not|won't|will not|not going to|can't|cannot|ain't|not|never|rather not|hate|sick of|"
    r"done|tired of)\b[^.?!]{0,30}\b(?:talk\w*|speak\w*|tell\w*|deal\w*|say\w*|explain\w*|discuss\w*|give|"
    r"work|understand|do|doing)\b[^.?!]{0,20}\b(?:machines?|robots?|bots?|computers?|recordings?|gadgets?|"
    r"contraptions?|automated|these things|boxes|speakers?)\b"
    r"|\b(?:complicated|personal|private|difficult|hard) for an? (?:robot|machine|bot|computer)\b"
    r"|^\W*(?:please )?no (?:more )?(?:robots?|bots?|machines?|recordings?|computers?)\b",
    re.IGNORECASE,
)
"""Words that turn the machine down."""
_ALONE = re.compile(
    r"\W*(?:(?:uh|um|oh|no|nope|nah|yes|yeah|yo|please|just|ok|okay|hi|hello|hey|sigh|look|i said|said|not you|"
    r"forget it|never ?mind|get|want|the|your|an?|any|some|my|kindly|give|to|honestly|only|sorry)\W+)*"
    r"(?:some ?body(?: else| real)?|some ?one(?: else| real)?|zero|transfer|"
    rf"{_ADJECTIVES}(?:{_BEING}|{_PLACE}))"
    rf"(?:\W+(?:please|now|pls|thanks|thank you|assistance|dear|any|a|real|live|{_BEING}|{_PLACE}))*\W*",
    re.IGNORECASE,
)
"""No more than a word for a person."""
_DECLINED = re.compile(
    r"\b(?:don't|do not|didn't|no need to|not trying to|rather not|without|not asking to|never asked to|"
    r"don't need to|no need for)\s+(?:\w+\s+){0,3}?"
    r"(?:talk|talking|speak|speaking|transfer|be transferred|connect|bother|put me through|person)\b(?!\s+to\s+an?\s+"
    r"(?:robot|machine|computer|bot|recording|answering machine|gadget))(?!\s+to\s+(?:you|these|machines|"
    r"robots|computers|bots|recordings|gadgets|boxes|speakers))",
    re.IGNORECASE,
)
_REPORTED = re.compile(
    r"\b(?:told|asked|wanted|wants|said|promised|seemed|thinks?)\b[^,.?!]{0,20}$"
    r"|\b(?:when|since|after|before|last time) i\s*$",
    re.IGNORECASE,
)

_LETTERS = re.compile(r"[a-z']+")
PERSON_WORDS = frozenset((
    "person", "persons", "people", "human", "humans", "individual", "agent", "agents", "rep", "reps",
    "representative", "representatives", "operator", "operators", "manager", "managers", "management",
    "supervisor", "supervisors", "receptionist", "reception", "secretary", "dispatcher", "employee",
    "employees", "associate", "attendant", "boss", "owner", "proprietor", "team", "staff", "member",
    "members", "worker", "workers", "clerk", "colleague", "colleagues", "lady", "ladies", "gentleman",
    "guy", "guys", "girl", "girls", "gals", "gal", "lass", "woman", "women", "fella", "dude", "chief",
    "gaffer", "body", "voice", "soul", "being", "someone", "somebody", "anyone", "anybody",
     "whoever", "desk", "office", "customer", "head", "one", "nobody", "who", "man",
    "robot", "robots", "machine", "machines", "bot", "bots", "computer", "computers", "recording",
    "recordings", "gadget", "gadgets", "contraption", "automated", "things", "boxes", "speaker",
    "speakers", "zero", "transfer", "connect", "responsible",  "dispatchers", "associates", "attendants", "receptionists",
    "supervisors", "clerks", "contraptions",
))  # fmt: skip
"""Whoever asks for a person says one of these."""


_SOUNDS = {
    **dict.fromkeys("bfpv", "1"),
    **dict.fromkeys("cgjkqsxz", "2"),
    **dict.fromkeys("dt", "3"),
    **dict.fromkeys("l", "4"),
    **dict.fromkeys("mn", "5"),
    **dict.fromkeys("r", "6"),
}
"""Letters that sound alike, as in the Soundex code; the others are not heard."""
_MISHEARD = (
    *(
        "representative",
        "supervisor",
        "operator",
        "receptionist",
        "reception",
        "somebody",
        "anybody",
    ),
    *("front desk", "customer service", "human being", "real person", "live person", "live agent"),
    *("real human", "secretary", "manager", "put me through"),
)
SHORTEST_SOUND = 4
LONGEST_MISHEARD = 8
MOST_JOINED = 4
"""Sounds of a word that may be misheard; words of an utterance; words that one may be taken for."""


def _sound(word: str) -> str:
    code = ""
    for letter in word:
        sound = _SOUNDS.get(letter, "")
        if sound and not code.endswith(sound):
            code += sound
    return code


_BY_SOUND = {_sound(word): word for word in _MISHEARD}


def _as_meant(words: Sequence[str]) -> str | None:
    """A short utterance with misheard words for people put right; None where there are none."""
    if len(words) > LONGEST_MISHEARD:
        return None
    for n_joined in range(min(MOST_JOINED, len(words)), 0, -1):
        for i in range(len(words) - n_joined + 1):
            heard = " ".join(words[i : i + n_joined])
            meant = _BY_SOUND.get(_sound(heard))
            if meant is not None and meant != heard:
                return " ".join((*words[:i], meant, *words[i + n_joined :]))
    return None


def asks_for_person(said: str) -> bool:
    """Return whether an utterance asks for a human being, by its words.

    Args:
        said: one utterance, with straight apostrophes.
    """
    if _DECLINED.search(said) is not None:
        return False
    words = _LETTERS.findall(said.casefold())
    if not PERSON_WORDS.isdisjoint(words) and _asks(said):
        return True
    meant = _as_meant(words)
    return meant is not None and _asks(meant)


def _asks(said: str) -> bool:
    """Whether a pattern holds; each takes tens of microseconds to find nothing."""
    if _ALONE.fullmatch(said) is not None:
        return True
    found = _REACH.search(said) or _IS_THERE.search(said)
    if found is not None:
        return _REPORTED.search(said[: found.start()]) is None
    return _NO_MACHINE.search(said) is not None


def declines_person(said: str) -> bool:
    """Return whether an utterance says that the caller does not want to talk to somebody.

    Args:
        said: one utterance, with straight apostrophes.
    """
    return _DECLINED.search(said) is not None
