"""Rate limits: a token bucket for each API key, in this process."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["Limiter"]

MAX_BUCKETS = 10_000
"""Most buckets kept; a key whose bucket was dropped begins with a full one."""


class Limiter:
    """Rate limiter: a token bucket for each key.

    Args:
        per_s: requests a second that come back to a key.
        burst: requests that a key may ask at once.
        clock: seconds, as ``time.monotonic``.
    """

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float]) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait_s(self, key: str) -> int:
        """Take one request and return 0, or return the whole seconds until one is allowed."""
        now = self._clock()
        tokens, since = self._buckets.pop(key, (float(self._burst), now))
        tokens = min(float(self._burst), tokens + (now - since) * self._per_s)
        is_free = tokens >= 1.0
        # The last of the dict is who asked last: the first is dropped.
        self._buckets[key] = (tokens - 1.0 if is_free else tokens), now
        if len(self._buckets) > MAX_BUCKETS:
            del self._buckets[next(iter(self._buckets))]
        return 0 if is_free else math.ceil((1.0 - tokens) / self._per_s)
