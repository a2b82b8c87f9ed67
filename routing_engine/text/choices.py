"""What an answer to "is this about one or the other?" means: pure functions of words.

Told by place ("the second"), by the words of a label or of the question as it was put ("the bill",
"it never arrived"), by both, by neither, or as no answer at all ("sorry, what?"). What these leave
open is for the encoder: see :func:`routing_engine.calls.turn.with_meaning`. English.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from routing_engine.text.denials import split_denials

__all__ = ["Answer", "Choice", "either_or", "is_unclear", "parse_choice"]


class Choice(StrEnum):
    """What a caller chooses of two."""

    FIRST = "first"
    SECOND = "second"
    BOTH = "both"
    NEITHER = "neither"
    UNCLEAR = "unclear"


class Answer(NamedTuple):
    """An answer to a question between two.

    Attributes:
        choice: of the two; None where the words alone do not tell.
        rest: what is said besides "neither", to be read as a new sentence; otherwise empty.
    """

    choice: Choice | None
    rest: str = ""


_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_JOINTS = frozenset((
    "a", "an", "and", "for", "in", "my", "of", "on", "or", "our", "the", "to", "with", "is", "are",
    "was", "be", "been", "it", "it's", "that", "this", "do", "does", "did", "you", "your", "we", "us",
    "i", "i'm", "me", "they", "their", "them", "he", "she", "her", "his", "has", "have", "had", "not",
    "no", "at", "as", "by", "from", "about", "who", "what", "how", "when", "where", "there", "caller",
    "customer", "someone", "somebody", "wants", "want", "wanted", "needs", "need", "asks", "like",
    "would", "could", "can", "will", "get", "got", "one", "two", "some", "any", "something", "thing",
    "anything", "up", "out", "so", "just", "if", "than", "more", "but", "please", "calling", "call",
    "question", "yes", "yeah", "uh", "um", "first", "second", "other", "both", "neither", "last",
    "then", "too", "also", "right", "now", "well", "ok", "okay", "think", "guess", "kind", "sort",
    "mean", "really", "option", "number", "know", "sorry", "oh", "didn't", "don't", "doesn't", "isn't",
    "someone's", "i'd", "i've", "go", "going", "looking", "let", "tell", "say", "said",
))  # fmt: skip
_AROUND = re.compile(
    r"\b(?:uh|um|er|erm|oh|hm+|well|so|yes|yeah|yep|please|just|i (?:guess|think|suppose|mean)|maybe|"
    r"probably|definitely|actually|sorry|that(?:'s|'d be| would be| one)?|it(?:'s| is)?|the|a|an|with|"
    r"option|number|choice|thing|question|one|for|go|i'd|i'll|i|want|would|like|take|pick|kind of|"
    r"sort of|is|be|of (?:those|them|these|the two|your (?:two|options))|you (?:said|mentioned|named)|"
    r"on|to|about|and|no|nope|nah|wait|thanks|thank you|there|then|okay|ok|my|this|"
    r"department|matter|issue|case)\b",
    re.IGNORECASE,
)
_PLACES = (
    re.compile(r"\b(?:first|former|1st|one before that)\b", re.IGNORECASE),
    re.compile(r"\b(?:second|latter|2nd|last|other)\b", re.IGNORECASE),
)
_ADDED = re.compile(r"\b(?:and|plus|also|as well|then|too)\b", re.IGNORECASE)
_NOT = re.compile(r"\bnot (?:the |an? |about )?\w+", re.IGNORECASE)
_NEGATIONS = re.compile(r"\bnot\b", re.IGNORECASE)
_OTHER = re.compile(r"\bother\b", re.IGNORECASE)
_NUMERALS = (
    re.compile(r"\W*(?:(?:option|number|choice|uh|um|letter|that'd be|it's)\W+)*(?:one|1|a)"
               r"(?:\W+(?:please|then|i (?:guess|think)))*\W*", re.IGNORECASE),
    re.compile(r"\W*(?:(?:option|number|choice|uh|um|letter|that'd be|it's)\W+)*(?:two|2|b)"
               r"(?:\W+(?:please|then|i (?:guess|think)))*\W*", re.IGNORECASE),
)  # fmt: skip
_CORRECTED = re.compile(
    r"\b(?:no wait|wait|no|nope|nah|i mean|sorry|actually|rather)\b", re.IGNORECASE
)
_BOTH = re.compile(
    r"\b(?:both|the (?:two|pair) of (?:them|those)|(?:a )?(?:bit|little|lot|some) of (?:each|both)|one of "
    r"each|half and half|(?:one and|first and|one then) (?:then )?(?:the )?(?:other|second|two)|"
    r"(?:first|one) (?:and|then|and then) (?:the )?(?:second|other|two)|all of (?:it|that|those|the above|them)"
    r"|the (?:whole )?lot|each of them|every(?:thing| one of them)|either(?: one| way| is fine| will do)?|"
    r"they(?:'re| are) (?:all )?(?:the same|connected|related)|the two(?: (?:things|together))?)\b"
    r"(?! of (?:my|our|us|the)\b)",
    re.IGNORECASE,
)
_NEITHER = re.compile(
    r"\W*(?:(?:uh|um|no|nope|nah|oh|well|sorry|actually|it's|it is|that's|i'm afraid|really)\W+)*"
    r"(?:neither(?: (?:one|of (?:those|them|the two|these)|actually|really))*|none(?: of (?:that|those|"
    r"them|these|the above|it))?|nothing like that|something (?:else|different)(?: entirely)?|"
    r"not (?:either|any)(?: (?:one|of (?:those|them|these)))?|no(?:pe)?|nah|no thanks?(?: you)?|not really)"
    r"(?=\W|$)",
    re.IGNORECASE,
)
_BARE_NO = re.compile(
    r"\W*(?:(?:no|nope|nah|thanks|thank you|uh|um|oh|sorry|really|not)\W*)+", re.IGNORECASE
)
_UNCLEAR = re.compile(
    r"\W*(?:(?:uh|um|er|oh|hm+|sorry|wait|well|hang on|hold on|so|okay|ok|i'm|i am|excuse me|but|now|again|"
    r"please|love|dear|sir|ma'am|miss)\W+)*"
    r"(?:uh+|um+|er+|hm+|huh|eh|what|pardon(?: me)?|sorry|come again|say (?:that |it )?again|excuse me|"
    r"what(?:'s| is| was| were| did| do) (?:that|it|you|the (?:question|options?|choices?|difference))"
    r"\b.*|what (?:again|now)|(?:can|could|would|will) you (?:please )?(?:repeat|say|explain|rephrase)\b.*|"
    r"repeat (?:that|please)|"
    r"(?:i )?(?:don't|do not|dunno|didn't|did not|couldn't|can't|cannot|not) (?:really |quite )?(?:know|"
    r"understand|follow|get|hear|catch|sure|tell|make out)\b.*|"
    r"dunno|no idea|not sure|(?:i'm |i am )?(?:confused|lost|unsure)\b.*|which (?:is|one|was) (?:which|what|"
    r"the)\b.*|you('re| are) (?:breaking up|cutting out)\b.*|(?:yes|yeah|yep|sure|right|okay|ok|hello|mm|mhm))"
    r"(?:\W+(?:what|sorry|again|please|huh|sir|ma'am|dear|love|hello|yes|sure|now|is it|was that))*\W*",
    re.IGNORECASE,
)
_OR = re.compile(r",? or (?:(?:is|are|do|does|did|was|would|has|have) )?", re.IGNORECASE)
_SENTENCE = re.compile(r"[.?!]")
LONGEST_ANSWER = 200
LONGEST_QUESTION = 300
"""Characters; a longer answer is news, and of a longer question the end counts."""
LABEL_WEIGHT = 3.0
"""How much more a word of a label tells than one of its description."""
LEAST_TOLD = 2.0
"""What words have to tell: a word of the question or a label, or two of a description."""
_SHORTEST = 4
"""Letters that two words share to be one but for their endings."""


def either_or(question: str) -> tuple[str, str] | None:
    """Return the two halves of an agent's "this or that?"; None where it asks nothing such.

    Args:
        question: what the agent said.
    """
    said = [part for part in _SENTENCE.split(question[-LONGEST_QUESTION:]) if part.strip()]
    if not said or " or " not in said[-1]:
        return None
    halves = [half.strip(" ,") for half in _OR.split(said[-1])]
    if len(halves) < 2 or not all(halves[-2:]):
        return None
    return ", ".join(halves[:-1]), halves[-1]


def is_unclear(text: str) -> bool:
    """Return whether words answer nothing: "sorry, what?", "i don't know", "um", a bare yes."""
    if len(text) > LONGEST_ANSWER:
        return False
    return _UNCLEAR.fullmatch(text.replace("’", "'").strip()) is not None


def parse_choice(
    text: str,
    labels: tuple[str, str],
    whens: tuple[str, str] = ("", ""),
    question: str = "",
    *,
    by_label_alone: bool = False,
) -> Answer:
    """Parse which of two rules an answer to "is this about the first or the second?" means.

    Of an answer that corrects itself, what comes last counts, and what is denied does not. A word
    of a label tells most, then one of the question as it was put, then one of a description; a
    word that both sides have tells nothing.

    Args:
        text: the caller's answer.
        labels: of the rules, in the order of the question.
        whens: their descriptions.
        question: as the agent put it.
        by_label_alone: the caller asks for a person, which words of a description do not gainsay.
    """
    said = text.replace("’", "'").strip()
    if len(said) > LONGEST_ANSWER:
        return Answer(None)
    if is_unclear(said):
        return Answer(Choice.UNCLEAR)
    if _BARE_NO.fullmatch(said) and re.search(r"[a-z]", said, re.IGNORECASE):
        words = _TOKEN.findall(said.casefold())
        return Answer(Choice.UNCLEAR if words[-1] in ("uh", "um") else Choice.NEITHER)
    sides = _sides(labels, *((("", ""), "") if by_label_alone else (whens, question)))
    none = _NEITHER.match(said)
    rest = said[none.end() :].strip(" ,.;:-") if none is not None else ""
    if none is None and _BOTH.search(said):
        return Answer(Choice.BOTH)
    place = _by_place(said, sides)
    if place is not None:
        return Answer(place)
    named = _by_words(rest if none is not None else said, sides)
    if none is not None:
        is_firm = not re.fullmatch(r"\W*(?:no|nope|nah)\W*", none[0], re.IGNORECASE)
        if is_firm or not rest or not said[none.end() :]:
            return Answer(Choice.NEITHER, rest)
        return Answer(named, "" if named is not None else rest)
    return Answer(named)


def _sides(
    labels: tuple[str, str], whens: tuple[str, str], question: str
) -> tuple[dict[str, float], dict[str, float]]:
    """Telling words of each side and their weights; none that both sides have as strongly."""
    halves = either_or(question) or ("", "")
    sides: list[dict[str, float]] = []
    for label, when, half in zip(labels, whens, halves, strict=True):
        weights: dict[str, float] = {}
        for source, weight in ((when, 1.0), (half, 2.0), (label, LABEL_WEIGHT)):
            for word in _TOKEN.findall(source.casefold().replace("’", "'")):
                if word not in _JOINTS:
                    weights[word] = weight
        sides.append(weights)
    return sides[0], sides[1]


def _by_words(text: str, sides: Sequence[dict[str, float]]) -> Choice | None:
    """The side whose words are said, where they tell enough; both, where the caller adds them up."""
    first, second = (_score(_NOT.sub(" ", text), side) for side in sides)
    if min(first, second) >= LEAST_TOLD and _ADDED.search(text):
        return Choice.BOTH
    if first == second or max(first, second) < LEAST_TOLD:
        return None
    if min(first, second) > 0.0 and max(first, second) < LABEL_WEIGHT:
        return None
    return Choice.FIRST if first > second else Choice.SECOND


def _score(text: str, side: dict[str, float]) -> float:
    total = 0.0
    for word in dict.fromkeys(_TOKEN.findall(text.casefold().replace("’", "'"))):
        if word not in _JOINTS:
            total += max(
                (weight for other, weight in side.items() if _alike(word, other)), default=0.0
            )
    return total


def _by_place(said: str, sides: Sequence[dict[str, float]]) -> Choice | None:
    """The side that is named by its place, where little else is said."""
    for numerals, choice in zip(_NUMERALS, (Choice.FIRST, Choice.SECOND), strict=True):
        if numerals.fullmatch(said):
            return choice
    found: Choice | None = None
    before: Choice | None = None
    split = split_denials(said)
    if split.denied:
        before = _by_words(_NEGATIONS.sub(" ", split.denied), sides)
    for part in _CORRECTED.split(split.asked or said):
        is_first, is_second = (place.search(part) is not None for place in _PLACES)
        if is_first is is_second:
            before = _by_words(part, sides) or before
            continue
        beside = _AROUND.sub(" ", _PLACES[0].sub(" ", _PLACES[1].sub(" ", part)))
        if len(_TOKEN.findall(beside)) > MAX_BESIDE:
            continue
        found = Choice.FIRST if is_first else Choice.SECOND
        if before is Choice.SECOND and _OTHER.search(part):
            found = Choice.FIRST  # "not billing, the other one"
        before = found
    return found


MAX_BESIDE = 2
"""Words that say something else, of an answer by place; with more it is news."""


def _alike(word: str, other: str) -> bool:
    """Whether two words are one, but for an ending: "bill", "bills", "billing"."""
    if word == other:
        return True
    common = 0
    for one, another in zip(word, other, strict=False):
        if one != another:
            break
        common += 1
    return common >= max(_SHORTEST, min(len(word), len(other)) - 2)
