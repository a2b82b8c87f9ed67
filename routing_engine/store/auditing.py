"""The audit log: who changed what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from routing_engine.store.pages import Page, page_of
from routing_engine.store.tables import AuditRow, new_id, present
from routing_engine.store.transaction import Transaction

__all__ = ["Audit", "Audits"]


@dataclass(frozen=True, slots=True)
class Audit:
    """One entry of the audit log.

    Attributes:
        actor: the id of the key that did it, or what the server calls itself.
        action: ``"agent.publish"``.
        object_id: what was changed.
    """

    id: str
    at: datetime
    actor: str
    action: str
    object_id: str
    detail: dict[str, Any]


class Audits:
    """The audit log of an organisation."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def record(
        self, action: str, object_id: str, detail: dict[str, Any] | None = None, actor: str = ""
    ) -> None:
        """Record a change. Changes made by this unit of work are recorded already."""
        self.record_all(action, [(object_id, detail or {})], actor)

    def record_all(
        self, action: str, changes: Iterable[tuple[str, dict[str, Any]]], actor: str = ""
    ) -> None:
        """Record many changes of one kind: (object id, detail) of each."""
        at = present()
        rows = [
            {
                "organisation_id": self._transaction.organisation_id,
                "id": new_id("aud"),
                "at": at,
                "actor": actor or self._transaction.actor,
                "action": action,
                "object_id": object_id,
                "detail": detail,
            }
            for object_id, detail in changes
        ]
        if rows:
            self._transaction.session.execute(insert(AuditRow), rows)

    def page(self, limit: int = 50, cursor: str | None = None) -> Page[Audit]:
        """List changes, newest first."""
        return page_of(
            self._transaction.session,
            select(AuditRow),
            (AuditRow.at, AuditRow.id),
            lambda row: Audit(row.id, row.at, row.actor, row.action, row.object_id, row.detail),
            limit=limit,
            cursor=cursor,
            newest_first=True,
        )
