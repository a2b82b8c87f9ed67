"""Find rules of one location that say nearly the same."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

__all__ = ["similar_pairs"]

LEAST_JACCARD = 0.8
_WORD = re.compile(r"\w+")


def similar_pairs(
    sentences: Sequence[str], tables: Iterable[Sequence[int]]
) -> Iterator[tuple[int, int, int]]:
    """Find pairs of sentences whose words have a Jaccard similarity of at least 0.8.

    Sentences that are equal but for case are left to others. Two sets can only be so alike if
    they share one of the rarest words of each (prefix filtering, Chaudhuri et al., 2006), so
    few pairs are compared.

    Yields:
        Number of the table, position of the first sentence, position of the second.
    """
    folded = [sentence.casefold() for sentence in sentences]
    words = [frozenset(_WORD.findall(sentence)) for sentence in folded]
    frequency = Counter(word for distinct in words for word in distinct)
    rarest: list[list[str]] = []
    for distinct in words:
        ordered = sorted(distinct, key=lambda word: (frequency[word], word))
        n = len(ordered)
        rarest.append(ordered[: n - math.ceil(LEAST_JACCARD * n) + 1] if n else [])
    for number, table in enumerate(tables):
        with_word: dict[str, list[int]] = {}
        for second, sentence in enumerate(table):
            candidates: set[int] = set()
            for word in rarest[sentence]:
                candidates.update(with_word.get(word, ()))
                with_word.setdefault(word, []).append(second)
            for first in sorted(candidates):
                one, other = words[table[first]], words[sentence]
                if folded[table[first]] == folded[sentence]:
                    continue
                if len(one & other) >= LEAST_JACCARD * len(one | other):
                    yield number, first, second
