"""Summarise a conversation as the one text that is embedded.

A caller's last words often mean nothing without what came before: "yeah since this morning", "the
second one". And much of what comes before is small talk. So the turns become one text, which is
embedded like an utterance:

- what the caller said before stays; turns of fillers alone ("uh hi yeah") go;
- a short answer is put after the agent's words that it answers, unless it begins with a no, or
  only takes note ("oh okay" after what is no question); of "this or that?", after the half that "the second" means;
- of all that, the last pieces count, and what was said last counts twice.

What a caller says that it is *not* about goes, see :mod:`routing_engine.text.denials`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from routing_engine.errors import InvalidValueError
from routing_engine.text.choices import Choice, either_or, parse_choice
from routing_engine.text.denials import drop_denials
from routing_engine.text.signals import signals

__all__ = [
    "SPEAKERS",
    "has_content",
    "in_their_words",
    "is_answer",
    "summarise_history",
]

SPEAKERS = ("agent", "caller")

SHORT_ANSWER = 3
"""Most content words of an answer that cannot be understood without its question."""
SHORTEST_QUESTION = 2
"""Fewest content words of a question that is put before its answer."""

WORDS_BESIDE_A_PERSON = 8
"""Most content words of a turn that only asks for a person or vents anger."""

MOST_TELLING = 3
"""Score of a turn that tells why the caller calls, whatever was said before."""

MAX_PIECES = 6
MAX_TURN = 2000
"""Characters that are read of a turn, as of what the caller says now."""

MAX_LENGTH = 800
"""Most characters of a summary; the default encoder reads about a thousand."""

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+")
_QUESTION = re.compile(
    r"\?|(?:^|[,.;!:]|\b(?:and|so|or|but|ok|okay|sure|alright|great|sorry|thanks|hi|hello)\b)\s{0,3}"
    r"(?:and |so |just ){0,3}(?:am|is|are|was|were|do|does|did|has|have|had|can|could|will|would|shall|"
    r"should|may|what|what's|which|when|where|who|whose|why|how|how's|any|isn't|aren't|don't|"
    r"doesn't|didn't|tell me|is this|would you like)\b",
    re.IGNORECASE,
)
"""A question of the agent, with or without a question mark."""

_YES = frozenset(("correct", "mhm", "right", "sure", "yeah", "yep", "yes", "yup"))
_NO = frozenset(("no", "nope", "nah", "not", "don't"))
_FILLERS = frozenset((
    "a", "afternoon", "ah", "alright", "bye", "er", "erm", "evening", "goodbye", "good", "got",
    "hello", "hey", "hi", "hm", "hmm", "huh", "i", "it", "just", "like", "ma'am", "mean", "mhm",
    "mm", "morning", "no", "nope", "oh", "ok", "okay", "okey", "doke", "please", "right", "sir",
    "so", "sure", "thank", "thanks", "that's", "then", "uh", "uhm", "um", "well", "yeah", "yep", "yes",
    "you", "yup",
))  # fmt: skip


def summarise_history(history: Iterable[tuple[str, str]], utterance: str) -> str:
    """Summarise what the caller has said so far, as one text.

    Args:
        history: the turns before, oldest first: pairs of speaker (``"agent"`` or ``"caller"``)
            and words.
        utterance: what the caller says now.

    Returns:
        The utterance itself, where the history adds nothing.

    Raises:
        InvalidValueError: a turn is not such a pair.
    """
    turns = [(speaker, text[:MAX_TURN]) for speaker, text in map(_checked, history)]
    turns.append(("caller", utterance))
    kept: list[str] = []
    last: list[str] = []
    room = MAX_LENGTH
    for i in range(len(turns) - 1, -1, -1):
        speaker, text = turns[i]
        if speaker == "agent":
            continue
        pieces = _pieces(turns[i - 1] if i else None, text)
        if pieces and not last and i:
            last = [piece for piece in pieces if len(piece) <= MAX_LENGTH // 4]
            room -= sum(len(piece) + 1 for piece in last)
        for piece in reversed(pieces):
            room -= len(piece) + 1
            if len(kept) == MAX_PIECES or (room < 0 and kept):
                break
            kept.append(piece)
        else:
            continue
        break
    if len(kept) > len(last):
        kept[:0] = reversed(last)
    return " ".join(reversed(kept)) or drop_denials(utterance)


def in_their_words(turns: Iterable[tuple[str, str]]) -> str:
    """Return the caller's last turn that tells why they call.

    The turn that decided, that is, unless another one says more than it: before a short answer
    ("the second one"), and that before no more than wanting a person, or having had enough. Empty
    where the caller said nothing.

    Raises:
        InvalidValueError: a turn is not such a pair as :func:`summarise_history` takes.
    """
    best, most = "", -1
    for speaker, text in reversed([*map(_checked, turns)]):
        if speaker == "caller":
            telling = _how_telling(text)
            if telling == MOST_TELLING:
                return text
            if telling > most:
                best, most = text, telling
    return best


def _how_telling(text: str) -> int:
    """Score how well a turn tells why the caller calls, 0 to ``MOST_TELLING``."""
    n_words = len(_telling(_words(text)))
    if n_words == 0:
        return 0
    if n_words > WORDS_BESIDE_A_PERSON:
        return MOST_TELLING
    heard = signals(text)
    if heard.wants_person or heard.frustration:
        return 1
    return MOST_TELLING if n_words > SHORT_ANSWER else 2


def _pieces(before: tuple[str, str] | None, text: str) -> list[str]:
    """Return what a turn adds: its words, after the agent's question if it is a short answer."""
    words = _words(text)
    said = _telling(words)
    pieces = []
    if before is not None and len(said) <= SHORT_ANSWER and words and words[0] not in _NO:
        asker, asked = before
        answers = said or not _YES.isdisjoint(words) or _QUESTION.search(asked) is not None
        if asker == "agent" and answers and len(_telling(_words(asked))) >= SHORTEST_QUESTION:
            if signals(text).wants_person:
                return [text.strip()]  # and is about nothing that was asked
            pieces.append(_chosen(asked, text) or asked.strip())
    if said:
        pieces.append(drop_denials(text).strip())
    return pieces


def _chosen(asked: str, answer: str) -> str | None:
    """The half of an agent's "this or that?" that an answer names by its place, or None."""
    halves = either_or(asked)
    if halves is None:
        return None
    choice = parse_choice(answer, ("", "")).choice
    return {Choice.FIRST: halves[0], Choice.SECOND: halves[1]}.get(choice) if choice else None


def has_content(history: Sequence[tuple[str, str]], utterance: str) -> bool:
    """Return whether an utterance has content: words of its own, or an answer to the agent."""
    return _says(utterance) or bool(_pieces(history[-1] if history else None, utterance))


def is_answer(history: Sequence[tuple[str, str]], utterance: str) -> bool:
    """Return whether an utterance is a short answer to the agent's question: "the second one"."""
    if not history or history[-1][0] != "agent":
        return False
    return len(_telling(_words(utterance))) <= SHORT_ANSWER and bool(
        _QUESTION.search(history[-1][1])
    )


def _says(text: str) -> bool:
    words = _WORD.finditer(text.casefold().replace("’", "'"))
    return any(word[0] not in _FILLERS for word in words)


def _checked(turn: object) -> tuple[str, str]:
    if isinstance(turn, (tuple, list)) and len(turn) == 2:
        speaker, text = turn
        if speaker in SPEAKERS and isinstance(text, str):
            return speaker, text
    raise InvalidValueError("a turn of the history is a pair ('agent' or 'caller', words)")


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold().replace("’", "'"))


def _telling(words: Iterable[str]) -> list[str]:
    """Drop filler words."""
    return [word for word in words if word not in _FILLERS]
