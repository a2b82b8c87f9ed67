"""API keys: shown once, stored as a hash."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from routing_engine.errors import ConflictError, InvalidValueError, NotFoundError
from routing_engine.store.auditing import Audits
from routing_engine.store.pages import Page, page_of
from routing_engine.store.scoped_session import ScopedSession
from routing_engine.store.tables import KeyRow, new_id, present
from routing_engine.store.transaction import Transaction

__all__ = ["Key", "Keys", "Principal", "find_principal"]

PREFIX_LENGTH: Final = 12
MIN_TOKEN_LENGTH: Final = 32
USE_NOTED_EVERY: Final = timedelta(minutes=1)
MAKES_KEYS: Final = "keys:write"
"""Scope of a key that makes others."""


@dataclass(frozen=True, slots=True)
class Key:
    """An API key without its secret.

    Attributes:
        prefix: the part of the token that may be shown.
    """

    id: str
    name: str
    prefix: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request comes from.

    Attributes:
        expires_at: when the key stops; None for never.
    """

    organisation_id: str
    key_id: str
    scopes: frozenset[str]
    expires_at: datetime | None = None


class Keys:
    """The keys of an organisation."""

    def __init__(self, transaction: Transaction, audits: Audits) -> None:
        self._transaction = transaction
        self._session = transaction.session
        self._audits = audits

    def create(
        self,
        name: str,
        scopes: Iterable[str],
        expires_at: datetime | None = None,
        token: str | None = None,
    ) -> tuple[Key, str]:
        """Create a key; its token is returned only here.

        Args:
            token: one that was made elsewhere, of at least 32 characters; None for a new one.

        Raises:
            InvalidValueError: the token is too short.
            ConflictError: there is a key with this token, of this organisation or another.
        """
        if token is None:
            token = f"rk_{secrets.token_urlsafe(33)}"
        elif len(token) < MIN_TOKEN_LENGTH or not token.isascii():
            raise InvalidValueError(
                f"a token must have at least {MIN_TOKEN_LENGTH} ASCII characters; leave it out to "
                "have one made"
            )
        row = KeyRow(
            organisation_id=self._transaction.organisation_id,
            id=new_id("key"),
            name=name,
            prefix=token[:PREFIX_LENGTH],
            sha256=_hash(token),
            scopes=sorted(set(scopes)),
            created_at=present(),
            expires_at=expires_at,
            last_used_at=None,
        )
        self._session.add(row)
        try:
            self._session.flush()
        except IntegrityError:
            raise ConflictError("there is a key with this token already; use another") from None
        self._audits.record("key.create", row.id, {"name": name, "scopes": row.scopes})
        return _key(row), token

    def lock(self) -> None:
        """Let nobody else change the organisation's keys until this unit of work ends."""
        owner = self._transaction.organisation_id
        self._transaction.database.lock(self._session, f"{owner} keys")

    def get(self, key_id: str) -> Key:
        """Return one key.

        Raises:
            NotFoundError: there is no such key.
        """
        row = self._session.scalar(select(KeyRow).where(KeyRow.id == key_id))
        if row is None:
            raise NotFoundError("key", key_id)
        return _key(row)

    def page(self, limit: int = 50, cursor: str | None = None) -> Page[Key]:
        """List keys, oldest first."""
        order = (KeyRow.created_at, KeyRow.id)
        return page_of(self._session, select(KeyRow), order, _key, limit=limit, cursor=cursor)

    def delete(self, key_id: str) -> None:
        """Revoke a key at once.

        Raises:
            NotFoundError: there is no such key.
            ConflictError: it is the last that can make keys and does not expire.
        """
        self.lock()
        key = self.get(key_id)
        if _lasts(key) and not any(
            _lasts(_key(row)) for row in self._session.scalars(select(KeyRow)) if row.id != key_id
        ):
            raise ConflictError(
                "this is the last key that can make keys and does not expire; make another first"
            )
        self._session.execute(delete(KeyRow).where(KeyRow.id == key_id))
        self._audits.record("key.delete", key_id)


def find_principal(rows: ScopedSession, token: str, now: datetime) -> tuple[Principal, bool] | None:
    """Find the principal of a token, and whether its use should be noted; None if unknown.

    Tokens are found by their hash, of which timing tells nothing.
    """
    if len(token) < MIN_TOKEN_LENGTH or not token.isascii() or "\0" in token:
        return None
    found = rows.scalar(select(KeyRow).where(KeyRow.sha256 == _hash(token)))
    if found is None or (found.expires_at is not None and found.expires_at <= now):
        return None
    used = found.last_used_at
    return (
        Principal(found.organisation_id, found.id, frozenset(found.scopes), found.expires_at),
        used is None or used <= now - USE_NOTED_EVERY,
    )


def _lasts(key: Key) -> bool:
    """Whether a key can make keys for good."""
    return MAKES_KEYS in key.scopes and key.expires_at is None


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _key(row: KeyRow) -> Key:
    return Key(
        row.id,
        row.name,
        row.prefix,
        frozenset(row.scopes),
        row.created_at,
        row.expires_at,
        row.last_used_at,
    )
