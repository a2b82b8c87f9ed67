"""Idempotency: a repeated request gets the same answer and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import delete, select

from routing_engine.errors import IdempotencyConflictError
from routing_engine.store.tables import AnswerRow, present
from routing_engine.store.transaction import Transaction

__all__ = ["KEPT", "Answer", "Answers"]

KEPT: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored answer."""

    status: int
    body: Any
    headers: dict[str, str]


class Answers:
    """Stored answers by idempotency key; encrypted, and without secrets or what callers said.

    An answer is remembered in the transaction of the write that it tells of: both are there, or
    neither is.
    """

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._session = transaction.session

    def recall(self, key: str, fingerprint: str) -> Answer | None:
        """Return the answer stored under a key; None if there is none.

        A second request with this key waits here until the first is through.

        Args:
            fingerprint: tells one request from another.

        Raises:
            IdempotencyConflictError: the key came with another request before.
            WrongSecretError: the answer was sealed with another secret.
        """
        self._transaction.database.lock(self._session, f"{self._transaction.organisation_id} {key}")
        row = self._session.scalar(select(AnswerRow).where(AnswerRow.key == key))
        if row is None:
            return None
        if row.created_at <= present() - KEPT:
            self._session.execute(delete(AnswerRow).where(AnswerRow.key == key))
            return None
        answer = Answer(**json.loads(self._transaction.sealer.open(row.sealed, *self._place(key))))
        if not self._transaction.sealer.has_marked(row.fingerprint, fingerprint, *self._place(key)):
            raise IdempotencyConflictError(
                "this idempotency key was used with a different request; use a new key"
            )
        return answer

    def remember(
        self, key: str, fingerprint: str, status: int, body: Any, headers: Mapping[str, str]
    ) -> None:
        """Store an answer for 24 hours. :meth:`recall` in the same unit of work comes first."""
        answer = json.dumps({"status": status, "body": body, "headers": dict(headers)})
        self._session.add(
            AnswerRow(
                organisation_id=self._transaction.organisation_id,
                key=key,
                # A plain hash would tell a caller's number to whoever tries them all.
                fingerprint=self._transaction.sealer.mark(fingerprint, *self._place(key)),
                sealed=self._transaction.sealer.seal(answer, *self._place(key)),
                created_at=present(),
            )
        )

    def forget(self, key: str) -> None:
        """Forget what was answered to a key: the same request is tried again."""
        self._session.execute(delete(AnswerRow).where(AnswerRow.key == key))

    def _place(self, key: str) -> tuple[str, ...]:
        return "answers", self._transaction.organisation_id, key
