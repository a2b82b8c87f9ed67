"""Encoders as benchmarks need them: by name, timed, or answering from memory."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from routing_engine import (
    CompiledEncoder,
    Encoder,
    HashingEncoder,
    RoutingEngine,
    SentenceTransformerEncoder,
)
from routing_engine.encoders import encode_distinct
from routing_engine.encoders.background import Background
from routing_engine.encoders.source import BASE_MODEL

__all__ = ["RememberingEncoder", "TimedEncoder", "make_encoder"]

Vectors = npt.NDArray[np.float32]


def make_encoder(name: str) -> Encoder:
    """The encoder of a name.

    Args:
        name: ``"default"`` for what an engine takes when it is given none; ``"hashing"`` for the
            deterministic fake; ``"frozen"`` for all-MiniLM-L6-v2 as it was published, compiled;
            ``"reference"`` for the same run by sentence-transformers; otherwise a
            sentence-transformers model name or folder, run by that.

    Raises:
        EncoderError: it cannot be loaded.
    """
    if name == "default":
        return RoutingEngine().encoder
    if name == "hashing":
        return HashingEncoder()
    if name == "frozen":
        return CompiledEncoder(BASE_MODEL)
    return SentenceTransformerEncoder(None if name == "reference" else name)


class RememberingEncoder:
    """Answers from memory what it has encoded before, at the cost of one dictionary look-up.

    Args:
        encoder: what encodes texts heard for the first time.
        background: what the engine is to take generic text for; None to have it choose.

    Attributes:
        remembers: False passes every text through to the encoder, so that its cost is seen.
    """

    def __init__(self, encoder: Encoder, *, background: Background | None = None) -> None:
        self.remembers = True
        self.background = background
        self._encoder = encoder
        self._known: dict[str, Vectors] = {}

    @property
    def fingerprint(self) -> str:
        return self._encoder.fingerprint

    @property
    def dimension(self) -> int:
        return self._encoder.dimension

    def learn(self, texts: Sequence[str]) -> None:
        """Encode what is not known yet, in batches."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        for text, vector in zip(new, encode_distinct(self._encoder, new), strict=True):
            self._known[text] = vector[None, :]

    def encode(self, texts: Sequence[str]) -> Vectors:
        if not self.remembers:
            return self._encoder.encode(texts)
        if len(texts) == 1:
            known = self._known.get(texts[0])
            if known is not None:
                return known
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        self.learn(texts)
        return np.concatenate([self._known[text] for text in texts])


class TimedEncoder:
    """Adds up what encoding costs.

    Attributes:
        spent_s: seconds spent in ``encode``.
        n_texts: texts encoded.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.spent_s = 0.0
        self.n_texts = 0
        self._encoder = encoder

    @property
    def fingerprint(self) -> str:
        return self._encoder.fingerprint

    @property
    def dimension(self) -> int:
        return self._encoder.dimension

    def encode(self, texts: Sequence[str]) -> Vectors:
        started_s = time.perf_counter()
        try:
            return self._encoder.encode(texts)
        finally:
            self.spent_s += time.perf_counter() - started_s
            self.n_texts += len(texts)
