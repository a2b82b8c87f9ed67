"""Connections: how many there are, and how long each may take to say what it wants.

A client that opens a thousand connections and finishes no request would hold as many descriptors,
until nobody else gets one. So a request has to arrive in time, and where connections run out, the
one that has been silent longest makes room.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any, Final, TypeVar

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["BODY_S", "BYTES_PER_S", "HEADERS_S", "bounded_protocol", "max_connections"]

HEADERS_S: Final = 10.0
"""From the connection, or the first byte of another request on it, to the end of the headers."""

BODY_S: Final = 20.0
BYTES_PER_S: Final = 32 << 10
"""From the headers to the end of the body: longer where that comes at this pace."""

SPARE_DESCRIPTORS: Final = 128
"""Kept for the database, files and processes."""

MOST_CONNECTIONS: Final = 10_000

Protocol = TypeVar("Protocol", bound=type[H11Protocol])


def max_connections() -> int:
    """How many connections a process takes: fewer than it has descriptors, of which it asks for all."""
    try:
        import resource
    except ImportError:
        return 400  # as select takes on Windows
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + SPARE_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return max(16, min(MOST_CONNECTIONS, soft - SPARE_DESCRIPTORS))


def bounded_protocol(
    limit: int, *, headers_s: float = HEADERS_S, body_s: float = BODY_S
) -> type[H11Protocol]:
    """HTTP on at most so many connections, each of which has to come to an end with its request.

    Args:
        limit: connections at a time; one more takes the place of the one that is silent longest.
        headers_s: for the headers of a request.
        body_s: for its body, beyond what comes at :data:`BYTES_PER_S`.
    """
    # Those that owe a request, the one that owes it longest first.
    owing: OrderedDict[BoundedProtocol, None] = OrderedDict()

    class BoundedProtocol(H11Protocol):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._due: asyncio.TimerHandle | None = None
            self._n_bytes = 0
            self._body_since = 0.0

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > limit and owing:
                next(iter(owing)).give_up()
            if len(self.connections) > limit:
                transport.abort()
            else:
                self._owe(headers_s)

        def connection_lost(self, exc: Exception | None) -> None:
            self._settle()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            was = self.cycle
            owed_body = was is not None and was.more_body
            if not owed_body and self._due is None:  # the first byte of another request
                self._owe(headers_s)
            super().data_received(data)
            self._n_bytes += len(data)
            if self.cycle is not was:
                self._n_bytes, self._body_since = 0, self.loop.time()
                if self.cycle.more_body:
                    self._owe(body_s)
                else:
                    self._settle()
            elif owed_body and not self.cycle.more_body:
                self._settle()

        def _owe(self, seconds: float) -> None:
            self._settle()
            owing[self] = None
            self._due = self.loop.call_later(seconds, self._overdue)

        def _settle(self) -> None:
            owing.pop(self, None)
            if self._due is not None:
                self._due.cancel()
                self._due = None

        def _overdue(self) -> None:
            left = body_s + self._n_bytes / BYTES_PER_S - (self.loop.time() - self._body_since)
            if self.cycle is not None and self.cycle.more_body and left > 0:
                self._due = self.loop.call_later(left + 0.1, self._overdue)
                return
            self.give_up()

        def give_up(self) -> None:
            """Close without an answer: there is no request to answer."""
            self._settle()
            self.transport.abort()

    return BoundedProtocol
