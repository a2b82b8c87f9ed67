"""What callers say when they have had enough of a machine: pure functions of one utterance.

Patterns, not an encoder: "can I talk to somebody" is said in few ways, is wanted at once, and must
be told from "can somebody come and look at my furnace". English.
"""

from __future__ import annotations

import re

__all__ = ["frustration", "wants_person"]

_SOMEONE = (
    r"(?:somebody|someone|anybody|anyone|whoever(?:'s| is)?(?: there| in charge)?|one of (?:the|your)\b|"
    r"(?:an?|the|your|my|some|another|any)?\s*(?:(?:real|live|living|actual|human|account|sales|"
    r"service|customer|customer service|front|other|different|nice)\s+)*"
    r"(?:person|people|human(?: being)?|agent|rep|reps|representative|operator|manager|supervisor|"
    r"receptionist|secretary|dispatcher|employee|associate|attendant|boss|owner|team|staff|"
    r"salesperson|salesman|lady|guy|man|woman|front desk|desk|office))\b"
)
_ASK = re.compile(
    r"\b(?:talk|speak|chat|get through|put through|speaking|talking)(?:ing)?\s+(?:to|with)\s+"
    + _SOMEONE
    + r"|\b(?:give|get|pass|hand|transfer|connect|put|patch|send|forward|switch|ring)\s+(?:me|us)\s+"
    r"(?:(?:on|over|back|through|up)\s+)*(?:(?:to|with|on to|onto)\s+)?"
    + _SOMEONE
    + r"|\b(?:need|want|wanna|like|prefer|rather have|have|wanted)\s+(?:to\s+have\s+)?"
    r"(?:an?|the|some)?\s*(?:(?:real|live|living|actual|human)\s+)+"
    r"(?:person|human(?: being)?|agent|rep|representative|operator|one|employee|voice|being)\b"
    r"|\b(?:need|want|wanna|get|prefer)\s+(?:an?\s+)?(?:human(?: being)?|representative|operator|"
    r"agent|supervisor|manager)\b"
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
    r"^\W*(?:(?:uh|um|no|yes|yeah|please|just|ok|okay|hi|hello|a|an|the|real|live|now|i said)\W+)*"
    r"(?:agent|representative|operator|human(?: being)?|person|real person|live person|manager|"
    r"supervisor|receptionist|customer service|front desk|zero)"
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


def wants_person(text: str) -> bool:
    """Whether a caller asks for a human being, and not for anything that one would do.

    Args:
        text: one utterance.
    """
    said = text.replace("’", "'")
    if _ALONE.match(said):
        return True
    return bool(_ASK.search(said)) and not _DENIED.search(said)


def frustration(text: str) -> int:
    """How many kinds of impatience an utterance shows: with the machine, in words, by repeating.

    Returns:
        0 to 3.
    """
    said = text.replace("’", "'")
    return sum(bool(pattern.search(said)) for pattern in _FED_UP)
