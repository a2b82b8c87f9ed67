"""What an organisation has chosen: which words of calls it keeps, what headers mean to it."""

from __future__ import annotations

from typing import Any, Final, Literal

from sqlalchemy import select

from routing_engine.errors import InvalidValueError
from routing_engine.store.auditing import Audits
from routing_engine.store.tables import PreferenceRow, present
from routing_engine.store.transaction import Transaction

__all__ = ["NAMES", "PreferenceName", "Preferences"]

PreferenceName = Literal["callWords", "headers"]

NAMES: Final = ("callWords", "headers")


class Preferences:
    """The preferences of an organisation, each a document; every change is audited."""

    def __init__(self, transaction: Transaction, audits: Audits) -> None:
        self._transaction = transaction
        self._session = transaction.session
        self._audits = audits

    def get(self, name: PreferenceName) -> dict[str, Any] | None:
        """One preference; None where nothing was chosen."""
        row = self._row(name)
        return None if row is None else row.document

    def put(self, name: PreferenceName, document: dict[str, Any]) -> None:
        """Replace a preference.

        Raises:
            InvalidValueError: there is no preference of this name.
        """
        if name not in NAMES:
            raise InvalidValueError(f"unknown preference {name!r}; expected {', '.join(NAMES)}")
        row = self._row(name)
        before = None if row is None else row.document
        if before == document:
            return
        if row is None:
            row = PreferenceRow(organisation_id=self._transaction.organisation_id, name=name)
            self._session.add(row)
        row.document, row.updated_at = document, present()
        self._session.flush()
        self._audits.record(
            f"{name}.update",
            self._transaction.organisation_id,
            {"before": before, "after": document},
        )

    def _row(self, name: PreferenceName) -> PreferenceRow | None:
        query = select(PreferenceRow).where(PreferenceRow.name == name)
        if self._session.writing:
            query = query.with_for_update()
        return self._session.scalar(query)
