"""The dial policy of an organisation: which destinations its agents may send calls to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from routing_engine.store.announcing import Announcements
from routing_engine.store.auditing import Audits
from routing_engine.store.tables import DialPolicyRow, present
from routing_engine.store.transaction import Transaction

__all__ = ["DialPolicies"]


class DialPolicies:
    """The dial policy of an organisation; every change of it is audited and put into the feed."""

    def __init__(
        self, transaction: Transaction, audits: Audits, announcements: Announcements
    ) -> None:
        self._transaction = transaction
        self._session = transaction.session
        self._audits = audits
        self._announcements = announcements

    def get(self) -> dict[str, Any] | None:
        """The policy as a document; None where the organisation has set none."""
        row = self._row()
        return None if row is None else row.document

    def put(self, document: dict[str, Any]) -> None:
        """Replace the policy. What is published stays; it is asked at each decision."""
        row = self._row()
        before = None if row is None else row.document
        position = self._announcements.position()
        if row is None:
            row = DialPolicyRow(organisation_id=self._transaction.organisation_id)
            self._session.add(row)
        row.document, row.position, row.updated_at = document, position, present()
        self._session.flush()
        self._audits.record(
            "dialPolicy.update",
            self._transaction.organisation_id,
            {"before": before, "after": document},
        )

    def _row(self) -> DialPolicyRow | None:
        query = select(DialPolicyRow)
        if self._session.writing:
            query = query.with_for_update()
        return self._session.scalar(query)
