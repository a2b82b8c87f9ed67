"""An encoder that remembers texts, so that trying out a draft embeds only what is new in it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from routing_engine.encoders import Encoder
from routing_engine.encoders.background import Background
from routing_engine.matching.profiles import background_for

__all__ = ["RememberingEncoder"]

MAX_TEXTS = 20_000


class RememberingEncoder:
    """As another encoder; the vectors of the texts asked for last are kept. Thread-safe.

    Args:
        encoder: what embeds.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._vectors: OrderedDict[str, npt.NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()
        self.background: Background = background_for(encoder)

    @property
    def fingerprint(self) -> str:
        return self._encoder.fingerprint

    @property
    def dimension(self) -> int:
        return self._encoder.dimension

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors, float32 ``(len(texts), dimension)``."""
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        with self._lock:
            found = {text: self._vectors[text] for text in texts if text in self._vectors}
        new = [text for text in dict.fromkeys(texts) if text not in found]
        if new:
            found.update(zip(new, self._encoder.encode(new), strict=True))
            with self._lock:
                for text in new:
                    self._vectors[text] = found[text]
                while len(self._vectors) > MAX_TEXTS:
                    self._vectors.popitem(last=False)
        return np.stack([found[text] for text in texts])
