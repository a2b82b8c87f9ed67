"""Rules that a caller denies: which are meant by words like "not billing", and confidences without them.

An embedding hardly hears a "not", so a denied rule stays close to what is said. But a caller who
denies a rule names it, by words of its label or description. Such a rule is none to choose from,
unless the same words are also in what the caller asks for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache

from routing_engine.matching.scoring import MAX_REMEMBERED, without
from routing_engine.model.rules import RuleText

__all__ = ["named_by", "without_denied"]

LABEL_WEIGHT = 2.0
"""How much more a word of the label tells than one of the description."""

SHORTEST_STEM = 3

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_ENDINGS = (
    *("ations", "ation", "ments", "ment", "ings", "ing", "ions", "ion", "ies", "ied"),
    *("ers", "er", "ed", "es", "s", "e", "y"),
)
_COMMON = frozenset((
    "a", "about", "after", "an", "and", "any", "anything", "are", "as", "ask", "asks", "at", "be",
    "been", "before", "but", "by", "call", "called", "caller", "calling", "calls", "can", "could",
    "customer", "did", "didn't", "do", "does", "doesn't", "don't", "down", "for", "forget", "from",
    "get", "go", "going", "got", "had", "has", "have", "he", "her", "here", "him", "his", "how",
    "i", "i'd", "i'm", "i've", "if", "in", "instead", "is", "isn't", "it", "it's", "its", "just",
    "like", "me", "my", "need", "needs", "new", "no", "not", "of", "off", "on", "one", "only", "or",
    "other", "our", "ours", "over", "people", "person", "rather", "said", "say", "says", "she", "so",
    "somebody", "someone", "something", "than", "that", "the", "their", "them", "there", "these",
    "they", "thing", "things", "this", "those", "to", "up", "us", "want", "wanted", "wants", "was",
    "wasn't", "we", "were", "what", "when", "where", "which", "who", "will", "with", "would", "you",
    "your", "aren't", "please", "wish", "wishes",
))  # fmt: skip


def _stem(word: str) -> str:
    """A word without its ending, so that "bill", "bills" and "billing" are one."""
    word = word.removesuffix("'s")
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= SHORTEST_STEM:
            word = word[: -len(ending)]
            break
    return word[:-1] if word[-2:-1] == word[-1:] else word  # "cancelling", "cancel"


def _stems(text: str) -> frozenset[str]:
    words = _WORD.findall(text.lower().replace("’", "'"))
    return frozenset(
        _stem(word) for word in words if word not in _COMMON and len(word) >= SHORTEST_STEM
    )


@lru_cache(MAX_REMEMBERED)
def _stems_of(label: str, when: str) -> tuple[frozenset[str], frozenset[str]]:
    """The stems of a rule's label, and those of its label and description."""
    of_label = _stems(label)
    return of_label, of_label | _stems(when)


def named_by(denied: str, asked: str, rules: Sequence[RuleText]) -> list[int]:
    """Return the rules that the denied words name best, by number; none where they name none.

    Each word counts for the more, the fewer rules of the table have it.

    Args:
        denied: what the caller says it is not.
        asked: what the caller says besides; its words deny nothing.
        rules: of the location.
    """
    said = _stems(denied) - _stems(asked)
    if not said:
        return []
    stems = [_stems_of(rule.label, rule.when) for rule in rules]
    weights = {
        stem: math.log((1 + len(rules)) / n)
        for stem in said
        if (n := sum(stem in of_rule for _, of_rule in stems))
    }
    if not weights:
        return []
    scores = [
        math.fsum(
            weight * (LABEL_WEIGHT if stem in of_label else 1.0)
            for stem, weight in sorted(weights.items())
            if stem in of_rule
        )
        for of_label, of_rule in stems
    ]
    best = max(scores)
    return [i for i, score in enumerate(scores) if score == best]


def without_denied(
    confidences: Sequence[float],
    rules: Sequence[RuleText],
    destinations: Sequence[int],
    denied: str,
    asked: str,
) -> list[float]:
    """Confidences of rules once it is known what the caller denies.

    A rule that is denied has confidence 0, and the others what they would have without it.

    Args:
        confidences: by the words, ``(n_rules,)``.
        rules: ``(n_rules,)``.
        destinations: one hashable a rule; rules with equal ones do not compete.
        denied, asked: as for :func:`named_by`.
    """
    return without(confidences, destinations, named_by(denied, asked, rules))
