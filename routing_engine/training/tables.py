"""Training tables: some rules of a business, and callers that match one or none."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from routing_engine.matching.scoring import description_texts
from routing_engine.text.history import summarise_history
from routing_engine.training.corpus import Business, Situation

__all__ = ["NONE", "Table", "draw_table", "with_calls"]

NONE = -1
"""The answer if no rule of the table matches."""

FEWEST_RULES, MOST_RULES = 4, 10
UTTERANCES_A_RULE = 4
UNSUITED = 10
DENIALS = 3
WORDING_WEIGHTS = (4, 3, 1, 2, 2)
"""How often each wording of a description is drawn, in the order of ``scoring.KINDS``."""

_MARKS = re.compile(r"[^\w\s']")
_OPENINGS = (
    *("hi", "hello", "yeah hi", "um", "uh hi", "hi there", "good morning", "so", "okay so"),
    *("yes hello", "hi um", "hey", "uh", "oh hi", "yeah", "sorry", "right", "well"),
)


@dataclass(frozen=True, slots=True)
class Table:
    """One training example.

    Attributes:
        descriptions: a wording of each rule's description, ``(n_rules,)``.
        utterances: what callers say, ``(n_utterances,)``.
        answers: number of the rule that suits each, or :data:`NONE`.
        denied: number of the rule that each utterance names and denies, or :data:`NONE`.
    """

    descriptions: tuple[str, ...]
    utterances: tuple[str, ...]
    answers: tuple[int, ...]
    denied: tuple[int, ...]


def draw_table(business: Business, rng: random.Random, *, heard: bool = False) -> Table:
    """Draw a table from a business: some of its rules, and some callers of each kind.

    Callers of the rules that are left out suit none; they and the near misses of the business
    are what a table has to turn away.

    Args:
        business: of the corpus.
        rng: what is drawn with.
        heard: write utterances as a recogniser would: half of them without marks, some with an
            opening ("hi um").
    """
    every = list(business.situations)
    most = min(MOST_RULES, len(every))
    chosen = rng.sample(every, rng.randint(min(FEWEST_RULES, most), most))
    place = {situation.label: i for i, situation in enumerate(chosen)}
    said: list[tuple[str, int, int]] = []
    for i, situation in enumerate(chosen):
        n = min(UTTERANCES_A_RULE, len(situation.utterances))
        said += [(text, i, NONE) for text in rng.sample(situation.utterances, n)]
    left = [s for s in every if s.label not in place]
    unsuited = [text for s in left for text in rng.sample(s.utterances, min(2, len(s.utterances)))]
    unsuited += rng.sample(business.uncovered, min(UNSUITED, len(business.uncovered)))
    unsuited += rng.sample(business.routine, min(UNSUITED // 2, len(business.routine)))
    said += [(text, NONE, NONE) for text in rng.sample(unsuited, min(UNSUITED, len(unsuited)))]
    for denial in rng.sample(business.denials, min(DENIALS, len(business.denials))):
        wanted = NONE if denial.wants is None else place.get(denial.wants, NONE)
        said.append((denial.text, wanted, place.get(denial.denies, NONE)))
    return Table(
        descriptions=tuple(_worded(situation, rng) for situation in chosen),
        utterances=tuple(_as_recognised(text, rng) if heard else text for text, _, _ in said),
        answers=tuple(answer for _, answer, _ in said),
        denied=tuple(denied for _, _, denied in said),
    )


def with_calls(business: Business) -> Business:
    """Add conversations to a business's utterances, each as the one text that is embedded of it.

    A call that must reach a rule is read up to the turn at which a careful human knows; one that
    stays with the agent is read whole, and is routine.
    """
    told: dict[str | None, list[str]] = {}
    for conversation in business.conversations:
        if conversation.person:
            continue
        callers = [i for i, (speaker, _) in enumerate(conversation.turns) if speaker == "caller"]
        if conversation.known_at is not None:
            callers = callers[: conversation.known_at]
        if callers:
            last = callers[-1]
            text = summarise_history(conversation.turns[:last], conversation.turns[last][1])
            told.setdefault(conversation.rule, []).append(text)
    return replace(
        business,
        situations=tuple(
            replace(situation, utterances=(*situation.utterances, *told.get(situation.label, ())))
            for situation in business.situations
        ),
        routine=(*business.routine, *told.get(None, ())),
    )


def _as_recognised(text: str, rng: random.Random) -> str:
    """Write an utterance as a recogniser would: half of them without marks, some with an opening."""
    if rng.random() < 0.5:
        text = _MARKS.sub("", text).lower()
    return f"{rng.choice(_OPENINGS)} {text}" if rng.random() < 0.15 else text


def _worded(situation: Situation, rng: random.Random) -> str:
    wordings: Sequence[str] = description_texts(situation.label, rng.choice(situation.whens))
    return rng.choices(wordings, WORDING_WEIGHTS)[0]
