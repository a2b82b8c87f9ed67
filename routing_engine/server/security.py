"""Who asks, and what they may: Bearer keys, scopes, and how often."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from routing_engine.server.problems import ProblemError

if TYPE_CHECKING:
    from routing_engine.store import Principal

__all__ = ["SCOPES", "KeyRing", "bearer"]

SCOPES = (
    *("agents:read", "agents:write", "skills:read", "skills:write"),
    *("guardrails:read", "guardrails:write", "calls:read", "calls:write", "keys:write"),
)

MAX_TOKEN_LENGTH = 200
MAX_KNOWN = 10_000


def bearer(header: str | None) -> str:
    """The token of an ``Authorization`` header.

    Raises:
        ProblemError: 401.
    """
    kind, _, token = (header or "").partition(" ")
    token = token.strip()
    if kind.casefold() != "bearer" or not token:
        raise _unknown("send Authorization: Bearer <key>")
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii() or not token.isprintable():
        raise _unknown("there is no such key, or it has expired")
    return token


def _unknown(detail: str) -> ProblemError:
    return ProblemError(401, detail, headers={"WWW-Authenticate": "Bearer"})


class KeyRing:
    """Keys that were seen a moment ago, so that a request need not ask the database.

    Args:
        authenticate: token -> principal, or None.
        seconds: for how long an answer is believed; a key deleted in another process goes on
            working as long.
    """

    def __init__(self, authenticate: Callable[[str], Principal | None], seconds: float) -> None:
        self._authenticate = authenticate
        self._seconds = seconds
        self._known: dict[bytes, tuple[Principal, float]] = {}

    def recent(self, token: str) -> Principal | None:
        """The principal, if it was asked for a moment ago."""
        found = self._known.get(_digest(token))
        return found[0] if found is not None and time.monotonic() < found[1] else None

    def principal(self, token: str) -> Principal:
        """Whose key it is.

        Raises:
            ProblemError: 401.
        """
        principal = self.recent(token)
        if principal is None:
            principal = self._authenticate(token)
            if principal is None:
                self._known.pop(_digest(token), None)
                raise _unknown("there is no such key, or it has expired")
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            seconds = self._seconds
            if principal.expires_at is not None:
                left = principal.expires_at - datetime.now(UTC)
                seconds = min(seconds, left.total_seconds())
            self._known[_digest(token)] = principal, time.monotonic() + seconds
        return principal

    def forget(self, key_id: str) -> None:
        """A key was deleted: it works no more, here."""
        for digest, (principal, _) in list(self._known.items()):
            if principal.key_id == key_id:
                self._known.pop(digest, None)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
