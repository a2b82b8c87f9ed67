"""A fake encoder for tests, which needs no model."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from routing_engine.encoders.background import Background, neutral_background
from routing_engine.encoders.protocol import Vectors

__all__ = ["HashingEncoder"]

N_DESCRIPTION_KINDS = 5
_WORD = re.compile(r"\w+")


class HashingEncoder:
    """A deterministic encoder without a model, for tests.

    Each word adds a pseudo-random direction of its own, so texts that share words are similar
    and texts that share none are nearly orthogonal (feature hashing, Weinberger et al., ICML
    2009). The same text gives the same vector in every process and on every machine.

    Args:
        dimension: length of a vector, at least 8.
    """

    def __init__(self, dimension: int = 64) -> None:
        if dimension < 8:
            raise ValueError(f"dimension must be at least 8, not {dimension}")
        self._dimension = dimension
        self.n_encoded = 0
        self.background: Background = neutral_background(dimension, N_DESCRIPTION_KINDS)

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def fingerprint(self) -> str:
        return f"hashing-1-{self._dimension}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.n_encoded += len(texts)
        if not texts:
            return np.empty((0, self._dimension), np.float32)
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> Vectors:
        total = np.zeros(self._dimension)
        for word in _WORD.findall(text.casefold()) or [text]:
            seed = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest()
            total += np.random.default_rng(int.from_bytes(seed, "little")).standard_normal(
                self._dimension
            )
        return (total / np.linalg.norm(total)).astype(np.float32)
