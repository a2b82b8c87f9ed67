"""The decisions given last, for exact repeats: keyed by hashes, so that no words are kept."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING

from routing_engine.errors import InvalidValueError

if TYPE_CHECKING:
    from routing_engine.model.decisions import Decision

__all__ = ["RecentDecisions"]

# Of this process alone: a key cannot be looked up in a table of hashed sentences.
_KEYED = blake2b(digest_size=16, key=os.urandom(16))


class RecentDecisions:
    """The decisions of one catalog version that were asked for last. Thread-safe.

    Args:
        size: decisions kept; 0 keeps none.
    """

    def __init__(self, size: int) -> None:
        if type(size) is not int or size < 0:
            raise InvalidValueError(f"cache_size must be at least 0, not {size!r}")
        self.size = size
        self._decisions: OrderedDict[bytes, Decision] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._decisions)

    @staticmethod
    def key(location: int, heard: str, flags: int, until: int = 0) -> bytes:
        """What a decision is kept by: 16 bytes, from which no word can be had back.

        Args:
            location: its number.
            heard: what the caller said.
            flags: what else the answer depends on.
            until: which of the location's open and closed hours it is, one number each.
        """
        digest = _KEYED.copy()
        digest.update(b"%d,%d,%d,%s" % (location, flags, until, heard.encode()))
        return digest.digest()

    def get(self, key: bytes) -> Decision | None:
        with self._lock:
            decision = self._decisions.get(key)
            if decision is not None:
                self._decisions.move_to_end(key)
            return decision

    def put(self, key: bytes, decision: Decision) -> None:
        with self._lock:
            self._decisions[key] = decision
            if len(self._decisions) > self.size:
                self._decisions.popitem(last=False)
