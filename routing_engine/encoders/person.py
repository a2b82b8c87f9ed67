"""Who asks for a person, by meaning and by words: a plane that fits the shipped encoder.

People ask for a human being in more ways than patterns hold ("is there anybody there with a
pulse"). A logistic regression on the vector of a caller's words, and on the words and pairs of
words themselves, tells them from callers who only mention people. It fits one encoder; with any
other the patterns of :mod:`routing_engine.text.persons` stand alone.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

from routing_engine.encoders.packaged import arrays_for

__all__ = ["N_FEATURES", "PersonDirection", "features", "shipped_person"]

N_FEATURES = 16384
"""Words and pairs of words fall into so many slots, by a hash."""

_WORD = re.compile(r"[a-z']+")


def features(text: str) -> list[int]:
    """Return the slots of the words of a text and of its pairs of neighbours, each once.

    Args:
        text: what was embedded.
    """
    words = _WORD.findall(text.lower().replace("’", "'"))
    pairs = (f"{word} {following}" for word, following in pairwise(words))
    # In order, so that the sum has the same bits each time.
    return [crc32(feature.encode()) % N_FEATURES for feature in dict.fromkeys((*words, *pairs))]


class PersonDirection(NamedTuple):
    """The plane that parts who asks for a person from who does not.

    Attributes:
        weights: of the vector, float32 ``(d,)``.
        words: of the slots of :func:`features`, float32 ``(N_FEATURES,)``.
        bias: added to the sum; above 0 a person is asked for.
        hopeless: where the vector alone, with the bias, comes to less, no words make up for it.
    """

    weights: npt.NDArray[np.float32]
    words: npt.NDArray[np.float32]
    bias: float
    hopeless: float

    def is_asked_for(self, vector: npt.NDArray[np.float32], text: str) -> bool:
        """Return whether a text, and its vector, float32 ``(d,)``, ask for a person."""
        margin = float(self.weights @ vector) + self.bias
        if margin < self.hopeless:
            return False
        return margin + float(self.words[features(text)].sum()) > 0.0


def shipped_person(fingerprint: str) -> PersonDirection | None:
    """Return the direction that ships, or None where it is of another encoder.

    Args:
        fingerprint: of the encoder.
    """
    arrays = arrays_for(fingerprint, "person.npz")
    if arrays is None:
        return None
    bias, hopeless = arrays["bounds"].tolist()
    return PersonDirection(arrays["weights"], arrays["words"], bias, hopeless)
