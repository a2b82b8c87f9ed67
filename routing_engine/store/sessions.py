"""Sessions of the console: who signed in, with which key, and until when."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select

from routing_engine.store.auditing import Audits
from routing_engine.store.keys import Principal
from routing_engine.store.scoped_session import ScopedSession
from routing_engine.store.tables import KeyRow, SessionRow, present
from routing_engine.store.transaction import Transaction

__all__ = ["ConsoleSession", "Sessions", "find_session"]

SEEN_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """Somebody who is signed in.

    Attributes:
        id: the hash of its token.
        principal: what its key may do now.
        key_name: of the key.
        created_at: when they signed in.
        seen_at: when they were last seen, to the minute.
    """

    id: str
    principal: Principal
    key_name: str
    created_at: datetime
    seen_at: datetime


class Sessions:
    """The console's sessions of an organisation. A session ends with its key."""

    def __init__(self, transaction: Transaction, audits: Audits) -> None:
        self._transaction = transaction
        self._session = transaction.session
        self._audits = audits

    def create(self, key_id: str, lifetime: timedelta) -> str:
        """Begin a session of a key; returns its token, which nothing tells again."""
        token, now = secrets.token_urlsafe(32), present()
        self._session.add(
            SessionRow(
                organisation_id=self._transaction.organisation_id,
                id=_id_of(token),
                key_id=key_id,
                created_at=now,
                seen_at=now,
                ends_at=now + lifetime,
            )
        )
        self._audits.record("session.create", key_id, actor=key_id)
        return token

    def end(self, session_id: str) -> None:
        """End one session."""
        self._session.execute(delete(SessionRow).where(SessionRow.id == session_id))

    def end_all(self, key_id: str) -> int:
        """End all sessions of a key; returns how many there were."""
        ended = self._session.execute(
            delete(SessionRow).where(SessionRow.key_id == key_id).returning(SessionRow.id)
        ).all()
        self._audits.record("session.end_all", key_id)
        return len(ended)


def find_session(
    rows: ScopedSession, token: str, idle: timedelta, now: datetime
) -> tuple[ConsoleSession, bool] | None:
    """The session of a token, and whether it is to be noted that it was seen; None for nobody."""
    if not token.isascii() or len(token) > 100:
        return None
    found = rows.execute(
        select(SessionRow, KeyRow)
        .join(
            KeyRow,
            (KeyRow.organisation_id == SessionRow.organisation_id)
            & (KeyRow.id == SessionRow.key_id),
        )
        .where(SessionRow.id == _id_of(token))
    ).first()
    if found is None:
        return None
    row, key = found
    if now >= row.ends_at or now >= row.seen_at + idle:
        return None
    if key.expires_at is not None and now >= key.expires_at:
        return None
    principal = Principal(key.organisation_id, key.id, frozenset(key.scopes), key.expires_at)
    session = ConsoleSession(row.id, principal, key.name, row.created_at, row.seen_at)
    return session, now >= row.seen_at + SEEN_EVERY


def _id_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
