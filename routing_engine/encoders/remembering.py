"""An encoder with a cache of texts that were embedded before."""

from __future__ import annotations

import threading
from collections.abc import MutableMapping, Sequence

import numpy as np
from cachetools import LRUCache

from routing_engine.encoders.background import Background
from routing_engine.encoders.batching import encode_distinct
from routing_engine.encoders.protocol import Encoder, Vectors

__all__ = ["RememberingEncoder"]


class RememberingEncoder:
    """Caches the vectors of another encoder, text by text. Thread-safe.

    Args:
        encoder: embeds the texts that are not in the cache.
        max_texts: texts kept, those used last; None for all.
        background: what the engine takes for generic text; None for the encoder's own, where it
            has one.

    Attributes:
        remembers: False passes every text through to the encoder, so that its cost is seen.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        max_texts: int | None = None,
        background: Background | None = None,
    ) -> None:
        self.remembers = True
        self.background: Background | None = (
            getattr(encoder, "background", None) if background is None else background
        )
        self._encoder = encoder
        self._vectors: MutableMapping[str, Vectors] = (
            {} if max_texts is None else LRUCache(max_texts)
        )
        self._lock = threading.Lock()

    @property
    def fingerprint(self) -> str:
        """That of the encoder."""
        return self._encoder.fingerprint

    @property
    def dimension(self) -> int:
        """That of the encoder."""
        return self._encoder.dimension

    def learn(self, texts: Sequence[str]) -> None:
        """Embed in batches the texts that are not in the cache."""
        self._found(texts)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, float32 ``(len(texts), dimension)``."""
        if not self.remembers:
            return self._encoder.encode(texts)
        if len(texts) == 1:
            with self._lock:
                known = self._vectors.get(texts[0])
            if known is not None:
                return known
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        found = self._found(texts)
        return np.concatenate([found[text] for text in texts])

    def _found(self, texts: Sequence[str]) -> dict[str, Vectors]:
        """Return cached and new vectors by text, float32 ``(1, dimension)`` each."""
        distinct = dict.fromkeys(texts)
        with self._lock:
            found = {text: self._vectors[text] for text in distinct if text in self._vectors}
        # Embedded outside the lock: others need not wait for it.
        new = [text for text in distinct if text not in found]
        if new:
            vectors = encode_distinct(self._encoder, new)
            embedded = {text: vectors[i : i + 1] for i, text in enumerate(new)}
            found |= embedded
            with self._lock:
                self._vectors.update(embedded)
        return found
