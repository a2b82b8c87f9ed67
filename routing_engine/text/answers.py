"""Whether a caller answers a question with yes or no.

English. An answer is short and says nothing else: "yes, but first tell me" is a new turn of the
conversation, and so is whatever says both.
"""

from __future__ import annotations

import re

__all__ = ["read_answer"]

MAX_LENGTH = 120
"""Characters; whoever says more tells something."""

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")

_YES = frozenset((
    "yes", "yeah", "yep", "yup", "yea", "ya", "aye", "sure", "absolutely", "definitely",
    "certainly", "affirmative", "correct", "exactly", "ok", "okay", "k", "alright", "fine", "mhm",
    "mm-hm", "uh-huh", "please", "perfect", "great", "sounds", "go", "ahead", "do", "right",
))  # fmt: skip
_NO = frozenset((
    "no", "nope", "nah", "naw", "don't", "dont", "not", "never", "negative", "stop", "cancel",
    "wait", "can't", "won't", "wouldn't", "neither", "rather", "hold",
))  # fmt: skip
_NO_ALONE = frozenset(("no", "nope", "nah", "naw", "don't", "dont", "negative", "stop"))
_YES_ALONE = frozenset((
    "yes", "yeah", "yep", "yup", "yea", "ya", "aye", "sure", "absolutely", "definitely",
    "certainly", "affirmative", "correct", "exactly", "ok", "okay", "alright", "mhm", "please",
    "fine", "perfect", "right",
))  # fmt: skip
_FILLERS = frozenset((
    "uh", "um", "er", "erm", "ah", "oh", "well", "hmm", "hm", "so", "then", "and", "just", "that",
    "that's", "thats", "it", "it's", "is", "would", "be", "i", "i'd", "i'm", "i'll", "me", "you",
    "like", "love", "want", "to", "the", "a", "of", "course", "good", "nice", "thanks", "thank",
    "very", "much", "sir", "ma'am", "now", "yet", "can", "could", "will", "let's", "lets", "us",
    "that'll", "that'd", "works", "for", "lovely", "will", "do", "in", "fact", "actually", "really",
))  # fmt: skip
_CONNECT = frozenset((
    "transfer", "connect", "put", "through", "call", "dial", "them", "him", "her", "pass", "over",
    "switch", "forward", "my",
))  # fmt: skip
"""What the question was about, as callers repeat it."""

# Idioms that hold a word of the other side.
_YES_IDIOMS = re.compile(
    r"\b(?:no (?:problem|worries|objections?)|(?:why|i don't see why|don't see why) not"
    r"|i don't mind|wouldn't mind|not at all|can't hurt|of course)\b"
)
_NO_IDIOMS = re.compile(
    r"\b(?:i'm (?:good|fine|okay|ok|all right)(?: thanks| thank you)?|please (?:don't|do not|no)"
    r"|do not|not now|not yet|no (?:thanks|thank you|need|way)|never ?mind|forget (?:it|about it)"
    r"|i'd rather not|rather not|not (?:really|necessary|needed)|that won't be necessary"
    r"|absolutely not|definitely not|certainly not|of course not|sure not)\b"
)


def read_answer(text: str) -> bool | None:
    """Return whether a text says yes; None where it says neither, or more than that.

    Args:
        text: what the caller said after a question of yes or no.
    """
    if len(text) > MAX_LENGTH:
        return None
    said = " ".join(_WORD.findall(text.replace("\u2019", "'").casefold().replace("-", " ")))
    said = said.replace("uh huh", "yes").replace("mm hm", "yes").replace("uh uh", "no")
    said, n_no = _NO_IDIOMS.subn(" ", said)
    said, n_yes = _YES_IDIOMS.subn(" ", said)
    words = said.split()
    if not all(word in _KNOWN for word in words):
        return None
    n_no += sum(word in _NO_ALONE for word in words)
    n_yes += sum(word in _YES_ALONE for word in words)
    n_yes += "go ahead" in said or said.strip() in ("do", "do it", "do that")
    is_negated = not _NEGATIONS.isdisjoint(words)
    if n_no or is_negated:
        # "No, sure, don't" is a no; "no, yes please" is anybody's guess, unless yes is politeness.
        firm = [word for word in words if word in _FIRM_YES]
        return None if firm or not n_no else False
    return True if n_yes else None


_FIRM_YES = frozenset(("yes", "yeah", "yep", "yup", "yea", "absolutely", "definitely"))
_NEGATIONS = frozenset(("not", "never", "can't", "won't", "wouldn't", "neither", "cancel"))
"""With a no, a no. Alone they say neither: "please cancel it" may be what the caller rang about."""
_KNOWN = _YES | _NO | _FILLERS | _CONNECT
