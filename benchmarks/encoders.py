"""Encoders for benchmarks: by name, timed, or cached."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from routing_engine import CompiledEncoder, Encoder, SentenceTransformerEncoder
from routing_engine.encoders import RememberingEncoder, encoder_named
from routing_engine.encoders.source import BASE_MODEL

__all__ = ["RememberingEncoder", "TimedEncoder", "make_encoder"]

Vectors = npt.NDArray[np.float32]


def make_encoder(name: str) -> Encoder:
    """Return an encoder by its name.

    Args:
        name: ``"default"`` for what an engine takes when it is given none; ``"hashing"`` for the
            deterministic fake; ``"frozen"`` for all-MiniLM-L6-v2 as it was published, compiled;
            ``"reference"`` for the same run by sentence-transformers; otherwise a
            sentence-transformers model name or folder, run by that.

    Raises:
        EncoderError: it cannot be loaded.
    """
    if name in ("default", "hashing"):
        return encoder_named(name)
    if name == "frozen":
        return CompiledEncoder(BASE_MODEL)
    return SentenceTransformerEncoder(None if name == "reference" else name)


class TimedEncoder:
    """An encoder that adds up the time of encoding.

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
