"""Rate limits of API keys: a token bucket for each in this process, or one count in Redis for all."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import Any

from routing_engine.errors import InvalidValueError, MissingExtraError

__all__ = ["Limiter", "RateLimits"]

_logger = logging.getLogger(__name__)

SHARED_S = 0.05
"""For Redis to answer; then this process counts alone."""

ALONE_S = 1.0
"""Before Redis is asked again."""

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


class RateLimits:
    """Rate limits of API keys, over all nodes where a Redis counts for them.

    While Redis does not answer, each process counts alone: nobody is turned away for that.

    Args:
        per_s, burst: as for :class:`Limiter`.
        url: of Redis; None for limits of this process alone.

    Attributes:
        is_shared: whether Redis counted the last request.

    Raises:
        InvalidValueError: the URL is not one of Redis.
        MissingExtraError: without the extra ``redis``.
    """

    def __init__(self, per_s: float, burst: int, url: str | None = None) -> None:
        self._alone = Limiter(per_s, burst, time.monotonic)
        self._shared: Any = None
        self.is_shared = False
        self._asked_again = 0.0
        if url is not None:
            self._shared, self._item, self._connections = _shared(per_s, burst, url)

    async def wait_s(self, key: str) -> int:
        """Count one request and return 0, or return the whole seconds until one is allowed."""
        if self._shared is None or time.monotonic() < self._asked_again:
            return self._alone.wait_s(key)
        try:
            async with asyncio.timeout(SHARED_S):
                is_free = await self._shared.hit(self._item, key)
                wait_s = 0
                if not is_free:
                    window = await self._shared.get_window_stats(self._item, key)
                    wait_s = max(1, math.ceil(window.reset_time - time.time()))
        except Exception as error:  # noqa: BLE001  of a client that knows many
            if self.is_shared or not self._asked_again:
                _logger.warning(
                    "Redis does not count requests, each process does: %s", type(error).__name__
                )
            self.is_shared = False
            self._asked_again = time.monotonic() + ALONE_S
            return self._alone.wait_s(key)
        self.is_shared = True
        return wait_s

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._shared is not None:
            await self._connections.aclose()


def _shared(per_s: float, burst: int, url: str) -> tuple[Any, Any, Any]:
    """Return strategy, limit and connections: a burst in the seconds that it takes to come back."""
    if not url.startswith(("redis://", "rediss://")):
        raise InvalidValueError("RATE_LIMIT_URL must begin with redis:// or rediss://")
    try:
        from limits import RateLimitItemPerSecond
        from limits.aio.storage import RedisStorage
        from limits.aio.strategies import SlidingWindowCounterRateLimiter
        from redis.asyncio import ConnectionPool
    except ImportError as error:
        raise MissingExtraError("Rate limits over all nodes", "redis") from error
    pool = ConnectionPool.from_url(
        url, socket_timeout=SHARED_S, socket_connect_timeout=SHARED_S, max_connections=64
    )
    storage = RedisStorage(
        f"async+{url}",
        implementation="redispy",
        key_prefix="routing-engine",
        connection_pool=pool,  # type: ignore[arg-type]
    )
    window_s = max(1, math.ceil(burst / per_s))
    item = RateLimitItemPerSecond(max(1, int(per_s * window_s)), window_s)
    return SlidingWindowCounterRateLimiter(storage), item, pool
