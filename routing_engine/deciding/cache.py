"""A cache of scores for exact repeats, keyed by hashes, so that no words are kept."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from hashlib import blake2b
from typing import Generic, TypeVar

from routing_engine.errors import InvalidValueError

__all__ = ["ScoreCache"]

# Of this process alone: a key cannot be looked up in a table of hashed sentences.
_KEYED = blake2b(digest_size=16, key=os.urandom(16))


Kept = TypeVar("Kept")


class ScoreCache(Generic[Kept]):
    """Cache of the last used scores of one catalog version. Thread-safe.

    Scores depend on the location and the words alone. Hours, verification, confirmation and a
    call's terms are asked for at the gates, which run anew for every decision.

    Args:
        size: scored utterances that are kept; 0 keeps none.

    Raises:
        InvalidValueError: the size is no int of at least 0.
    """

    def __init__(self, size: int) -> None:
        if type(size) is not int or size < 0:
            raise InvalidValueError(f"cache_size must be at least 0, not {size!r}")
        self.size = size
        self._scores: OrderedDict[bytes, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._scores)

    @staticmethod
    def key(location: int, *, is_changed: bool, embedded: str, said: str) -> bytes:
        """Hash what scores depend on to 16 bytes, from which no word can be recovered.

        Every field but the last is written with its length, so that no two questions share the
        bytes that are hashed, whatever characters they hold.

        Args:
            location: number of the location.
            is_changed: whether it is one of those changed since the last full build, which are
                numbered anew.
            embedded: the text that is embedded.
            said: the utterance as it is read.
        """
        text = embedded.encode()
        digest = _KEYED.copy()
        digest.update(b"%d,%d,%d,%s" % (location, is_changed, len(text), text))
        if said != embedded:
            digest.update(b",")
            digest.update(said.encode())
        return digest.digest()

    def get(self, key: bytes) -> Kept | None:
        """Return the cached scores of a key, or None."""
        with self._lock:
            scored = self._scores.get(key)
            if scored is not None:
                self._scores.move_to_end(key)
            return scored

    def put(self, key: bytes, scored: Kept) -> None:
        """Cache scores under a key; the least recently used ones are dropped."""
        with self._lock:
            self._scores[key] = scored
            if len(self._scores) > self.size:
                self._scores.popitem(last=False)
