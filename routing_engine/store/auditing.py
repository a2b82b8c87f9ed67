"""Who changed what, and what all parts of a transaction have in common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from routing_engine.store.database import Database
from routing_engine.store.pages import Page, page_of
from routing_engine.store.rows import Rows
from routing_engine.store.sealing import Sealer
from routing_engine.store.tables import AuditRow, new_id, present
from routing_engine.store.totals import Alike, Counted

__all__ = ["Audit", "Audited"]


@dataclass(frozen=True, slots=True)
class Audit:
    """One change.

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


class Audited:
    """The transaction of one organisation that each part of a work reads and writes in."""

    def __init__(self, database: Database, rows: Rows, sealer: Sealer, actor: str) -> None:
        self._database = database
        self._rows = rows
        self._sealer = sealer
        self._actor = actor
        self._counted: dict[Alike, Counted] = {}
        self._position: int | None = None

    @property
    def organisation_id(self) -> str:
        """Whose rows these are."""
        owner = self._rows.organisation
        assert isinstance(owner, str)
        return owner

    def audit(
        self, action: str, object_id: str, detail: dict[str, Any] | None = None, actor: str = ""
    ) -> None:
        """Write down a change. What the work changes itself is written down already."""
        self._audit_all(action, [(object_id, detail or {})], actor)

    def _audit_all(
        self, action: str, changes: Iterable[tuple[str, dict[str, Any]]], actor: str = ""
    ) -> None:
        at = present()
        rows = [
            {
                "organisation_id": self.organisation_id,
                "id": new_id("aud"),
                "at": at,
                "actor": actor or self._actor,
                "action": action,
                "object_id": object_id,
                "detail": detail,
            }
            for object_id, detail in changes
        ]
        if rows:
            self._rows.execute(insert(AuditRow), rows)

    def audits(self, limit: int = 50, cursor: str | None = None) -> Page[Audit]:
        """Changes, newest first."""
        return page_of(
            self._rows,
            select(AuditRow),
            (AuditRow.at, AuditRow.id),
            lambda row: Audit(row.id, row.at, row.actor, row.action, row.object_id, row.detail),
            limit=limit,
            cursor=cursor,
            newest_first=True,
        )
