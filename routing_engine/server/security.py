"""Authentication: Bearer keys, their scopes, and a cache of them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from routing_engine.errors import StoreUnavailableError
from routing_engine.server.problems import ProblemError
from routing_engine.server.waiting import Threads, is_done

if TYPE_CHECKING:
    from routing_engine.store import Principal

__all__ = ["SCOPES", "KeyRing", "bearer", "unauthenticated"]

SCOPES = (
    *("agents:read", "agents:write", "skills:read", "skills:write"),
    *("guardrails:read", "guardrails:write", "calls:read", "calls:write", "keys:write"),
)

MAX_TOKEN_LENGTH = 200
MAX_KNOWN = 10_000
KEPT_WITHOUT_DATABASE_S = 3600.0
ASKED_AGAIN_S = 10.0
ANSWER_S = 0.5
"""For the database to say whose a key is, before what it said last is believed."""

FIRST_ANSWER_S = 3.0
"""For a key of which it has said nothing yet."""

N_THREADS = 4


def bearer(header: str | None) -> str:
    """Read the token of an ``Authorization`` header.

    Raises:
        ProblemError: 401.
    """
    kind, _, token = (header or "").partition(" ")
    token = token.strip()
    if kind.casefold() != "bearer" or not token:
        raise unauthenticated(
            "missing or malformed Authorization header; send Authorization: Bearer <key>"
        )
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii() or not token.isprintable():
        raise unauthenticated("unknown or expired API key")
    return token


def unauthenticated(detail: str) -> ProblemError:
    """Return the problem of a request without a valid key or token (401)."""
    return ProblemError(401, detail, headers={"WWW-Authenticate": "Bearer"})


class KeyRing:
    """Cache of authenticated keys, so that a request need not ask the database.

    While the database does not answer within :data:`ANSWER_S`, keys that it knew go on working, for
    an hour at most: a caller in the middle of a call is not turned away because a disk is full, or
    a table locked.

    Args:
        authenticate: token -> principal, or None.
        seconds: for how long an answer is believed; a key deleted in another process goes on
            working as long.
    """

    def __init__(self, authenticate: Callable[[str], Principal | None], seconds: float) -> None:
        self._authenticate = authenticate
        self._seconds = seconds
        self._known: dict[bytes, _Known] = {}
        self._threads = Threads(N_THREADS, "keys")
        # Of many requests with one key, one asks the database; others wait for what it says.
        self._asked: dict[bytes, Future[Principal | None]] = {}

    def recent(self, token: str) -> Principal | None:
        """Return the cached principal of a token; None where it is not cached or has expired."""
        return self._recent(_digest(token))

    def _recent(self, digest: bytes) -> Principal | None:
        found = self._known.get(digest)
        if found is None or time.monotonic() >= found.until or _has_expired(found.principal):
            return None
        return found.principal

    async def principal(self, token: str) -> Principal:
        """Authenticate a token.

        Raises:
            ProblemError: 401.
            StoreUnavailableError: the database does not answer, and did not know the key lately.
        """
        digest = _digest(token)
        principal = self._recent(digest)
        if principal is not None:
            self._ask_early(token, digest)
            return principal
        try:
            principal = await self._ask(token, digest)
        except StoreUnavailableError:
            return self._remembered(digest)
        if principal is None:
            raise unauthenticated("unknown or expired API key")
        return principal

    def _ask_early(self, token: str, digest: bytes) -> None:
        """Ask about a key in use before its answer expires, so that no request waits for it."""
        found = self._known.get(digest)
        if found is None or time.monotonic() < found.until - self._seconds / 2:
            return
        if digest not in self._asked:
            with suppress(StoreUnavailableError):  # too many wait: it is asked once it expires
                self._start(token, digest)

    def _start(self, token: str, digest: bytes) -> Future[Principal | None]:
        asked = self._asked[digest] = self._threads.start(lambda: self._look(token, digest))
        asked.add_done_callback(lambda _: self._asked.pop(digest, None))
        return asked

    async def _ask(self, token: str, digest: bytes) -> Principal | None:
        """Ask the database for the principal of a token.

        Raises:
            StoreUnavailableError: nothing, in time.
        """
        asked = self._asked.get(digest)
        if asked is None:
            asked = self._start(token, digest)
        within_s = ANSWER_S if digest in self._known else FIRST_ANSWER_S
        if not await is_done(asked, within_s):
            raise StoreUnavailableError(f"the database does not answer within {within_s:g} s")
        return asked.result()

    def _look(self, token: str, digest: bytes) -> Principal | None:
        principal = self._authenticate(token)
        now = time.monotonic()
        if principal is None:
            self._known.pop(digest, None)
        else:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[digest] = _Known(principal, now + self._seconds, now)
        return principal

    def _remembered(self, digest: bytes) -> Principal:
        """Return the cached principal of a key while the database does not answer."""
        found, now = self._known.get(digest), time.monotonic()
        if found is None or now - found.asked > KEPT_WITHOUT_DATABASE_S:
            raise StoreUnavailableError("the database does not answer")
        if _has_expired(found.principal):
            raise unauthenticated("unknown or expired API key")
        self._known[digest] = found._replace(until=now + ASKED_AGAIN_S)
        return found.principal

    def forget(self, key_id: str) -> None:
        """Drop a deleted key from the cache of this process."""
        for digest, known in list(self._known.items()):
            if known.principal.key_id == key_id:
                self._known.pop(digest, None)

    def close(self) -> None:
        """Ask no more."""
        self._threads.close()


class _Known(NamedTuple):
    """A cached key: its principal, when it expires, and when the database was last asked."""

    principal: Principal
    until: float
    asked: float


def _has_expired(principal: Principal) -> bool:
    return principal.expires_at is not None and principal.expires_at <= datetime.now(UTC)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
