"""The transaction of one organisation that all repositories of a unit of work share."""

from __future__ import annotations

from routing_engine.store.database import Database
from routing_engine.store.scoped_session import ScopedSession
from routing_engine.store.sealing import Sealer

__all__ = ["Transaction"]


class Transaction:
    """One transaction of one organisation.

    Attributes:
        database: where it takes place.
        session: the organisation's rows.
        sealer: seals and opens what callers said.
        actor: who does it, for the audit.
    """

    def __init__(
        self, database: Database, session: ScopedSession, sealer: Sealer, actor: str
    ) -> None:
        self.database = database
        self.session = session
        self.sealer = sealer
        self.actor = actor

    @property
    def organisation_id(self) -> str:
        """The organisation that owns the rows."""
        owner = self.session.organisation
        assert isinstance(owner, str)
        return owner
