"""Measure how well a business of the corpus is written, and report what is poor."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

import numpy as np

from routing_engine.encoders import Encoder, encode_distinct
from routing_engine.training.corpus import Business

__all__ = ["Measures", "check"]

FEWEST_SITUATIONS, MOST_SITUATIONS = 8, 14
FEWEST_UTTERANCES: Final = 20
"""Fewest utterances of a situation: 24 are written, and reviewers drop doubtful ones."""
FEWEST_OTHERS: Final = 34
FEWEST_DENIALS: Final = 10
FEWEST_CONVERSATIONS: Final = 10
NEAR: Final = 0.97
"""Cosine above which two utterances count as the same."""
MOST_NEAR: Final = 0
LEAST_FREE: Final = 0.5
"""Least share of a rule's utterances without a content word of its label or descriptions."""
MOST_SAME_OPENING: Final = 4
"""Most utterances of a rule that may begin with the same two words."""
LEAST_DISTINCT: Final = 0.75
"""Least share of distinct word pairs among all neighbouring words of a business."""
LENGTHS: Final = (8, 20)
"""Least and greatest median number of words of a business's utterances."""

_COMMON: Final = frozenset(
    [
        "a",
        "an",
        "the",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "am",
        "i",
        "you",
        "he",
        "she",
        "it",
        "we",
        "they",
        "me",
        "my",
        "your",
        "his",
        "her",
        "our",
        "their",
        "its",
        "him",
        "them",
        "us",
        "this",
        "that",
        "these",
        "those",
        "of",
        "to",
        "in",
        "on",
        "at",
        "for",
        "with",
        "from",
        "by",
        "about",
        "as",
        "and",
        "or",
        "but",
        "if",
        "so",
        "not",
        "no",
        "do",
        "does",
        "did",
        "has",
        "have",
        "had",
        "can",
        "could",
        "will",
        "would",
        "should",
        "may",
        "might",
        "must",
        "shall",
        "there",
        "here",
        "what",
        "when",
        "where",
        "who",
        "how",
        "why",
        "which",
        "up",
        "out",
        "off",
        "over",
        "down",
        "into",
        "just",
        "get",
        "got",
        "getting",
        "wants",
        "want",
        "wanted",
        "needs",
        "need",
        "needed",
        "asks",
        "ask",
        "asking",
        "caller",
        "customer",
        "patient",
        "client",
        "someone",
        "person",
        "people",
        "anything",
        "something",
        "questions",
        "question",
        "any",
        "all",
        "some",
        "more",
        "one",
        "new",
        "call",
        "calling",
        "says",
        "say",
        "wanting",
    ]
)
_ENDINGS: Final = (
    *("ations", "ation", "ings", "ing", "edly", "ies", "ied", "ers", "ed", "es", "er", "s", "ly"),
)
_WORD: Final = re.compile(r"[a-z']+")


@dataclass(frozen=True, slots=True)
class Measures:
    """The measurements of one business.

    Attributes:
        name: of the business.
        n_utterances: of all kinds.
        free: share of situations' utterances without a content word of label and descriptions.
        distinct: distinct pairs of neighbouring words, as a share of all.
        median_words: of an utterance.
        near: pairs of utterances whose cosine is above :data:`NEAR`.
        faults: what is poor, in words; empty where the file passes.
    """

    name: str
    n_utterances: int
    free: float
    distinct: float
    median_words: float
    near: tuple[tuple[str, str], ...]
    faults: tuple[str, ...]


def check(business: Business, encoder: Encoder) -> Measures:
    """Measure one business.

    Args:
        business: of the corpus.
        encoder: finds utterances that say the same in nearly the same words.

    Raises:
        EncoderError: the encoder failed.
    """
    faults: list[str] = []
    labels = [situation.label for situation in business.situations]
    n_free = n_said = 0
    if not FEWEST_SITUATIONS <= len(labels) <= MOST_SITUATIONS:
        faults.append(f"{len(labels)} situations, not {FEWEST_SITUATIONS} to {MOST_SITUATIONS}")
    faults += [f"label {label!r} stands twice" for label in _repeated(labels)]
    for situation in business.situations:
        said = situation.utterances
        if len(situation.whens) != 4:
            faults.append(f"{situation.label}: {len(situation.whens)} descriptions, not 4")
        if len(said) < FEWEST_UTTERANCES:
            faults.append(f"{situation.label}: {len(said)} utterances, not {FEWEST_UTTERANCES}")
        named = _content(" ".join((situation.label, *situation.whens)))
        free = sum(not _content(text) & named for text in said)
        n_free, n_said = n_free + free, n_said + len(said)
        if free < LEAST_FREE * len(said):
            faults.append(
                f"{situation.label}: {free} of {len(said)} utterances are free of its own words"
            )
        openings = Counter(" ".join(text.lower().split()[:2]) for text in said)
        faults += [
            f"{situation.label}: {count} utterances begin with {opening!r}"
            for opening, count in openings.items()
            if count > MOST_SAME_OPENING
        ]
    for what, given, fewest in (
        ("routine questions", business.routine, FEWEST_OTHERS),
        ("uncovered utterances", business.uncovered, FEWEST_OTHERS),
        ("denials", business.denials, FEWEST_DENIALS),
        ("conversations", business.conversations, FEWEST_CONVERSATIONS),
    ):
        if len(given) < fewest:
            faults.append(f"{len(given)} {what}, not {fewest}")
    faults += _mislabelled(business, set(labels))
    texts = [
        *(text for situation in business.situations for text in situation.utterances),
        *business.routine,
        *business.uncovered,
        *(denial.text for denial in business.denials),
    ]
    faults += [f"said twice: {text!r}" for text in _repeated(map(_plain, texts))]
    near = _near(texts, encoder)
    if len(near) > MOST_NEAR:
        faults += [f"nearly the same: {one!r} and {other!r}" for one, other in near]
    pairs = [pair for text in texts for pair in _pairs(text)]
    distinct = len(set(pairs)) / max(1, len(pairs))
    if distinct < LEAST_DISTINCT:
        faults.append(f"only {distinct:.2f} of the pairs of words are distinct")
    words = median(len(text.split()) for text in texts)
    if not LENGTHS[0] <= words <= LENGTHS[1]:
        faults.append(f"the median utterance has {words:g} words")
    return Measures(
        business.name, len(texts), n_free / max(1, n_said), distinct, words, near, tuple(faults)
    )


def _mislabelled(business: Business, labels: set[str]) -> Iterable[str]:
    for denial in business.denials:
        for label in (denial.denies, denial.wants):
            if label is not None and label not in labels:
                yield f"a denial names {label!r}, which is no label"
    for i, conversation in enumerate(business.conversations):
        if conversation.rule is not None and conversation.rule not in labels:
            yield f"conversation {i} names {conversation.rule!r}, which is no label"
        n_turns = sum(speaker == "caller" for speaker, _ in conversation.turns)
        stays = conversation.rule is None and not conversation.person
        if stays != (conversation.known_at is None):
            yield f"conversation {i} is known at {conversation.known_at}"
        elif conversation.known_at is not None and not 1 <= conversation.known_at <= n_turns:
            yield f"conversation {i} is known at {conversation.known_at} of {n_turns} turns"


def _near(texts: Sequence[str], encoder: Encoder) -> tuple[tuple[str, str], ...]:
    vectors = encode_distinct(encoder, list(texts))
    rows, columns = np.nonzero(np.triu(vectors @ vectors.T, 1) > NEAR)
    return tuple((texts[i], texts[j]) for i, j in zip(rows.tolist(), columns.tolist(), strict=True))


def _repeated(items: Iterable[str]) -> list[str]:
    return [item for item, count in Counter(items).items() if count > 1]


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))


def _pairs(text: str) -> list[tuple[str, str]]:
    words = _WORD.findall(text.lower())
    return list(pairwise(words))


def _content(text: str) -> set[str]:
    """Return the stems of content words."""
    words = _WORD.findall(text.lower())
    return {_stem(word) for word in words if word not in _COMMON and len(word) > 2}


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
