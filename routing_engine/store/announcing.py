"""Writing to the feed that engines follow."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import update

from routing_engine.store.lines import Lines
from routing_engine.store.tables import AgentRow, FeedCounter, PublishedRow
from routing_engine.store.transaction import Transaction

__all__ = ["Announcements"]


class Announcements:
    """Publications and withdrawals of one transaction, at one position of the feed."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._session = transaction.session
        self._lines = Lines(transaction)
        self._position: int | None = None

    def withdraw(self, agents: Sequence[AgentRow]) -> None:
        """Announce that agents are no longer published, those that were."""
        published = [agent for agent in agents if agent.version is not None]
        if not published:
            return
        for agent in published:
            agent.version = None
        self._session.flush()
        self._lines.release([agent.id for agent in published])
        self._announce(published)

    def position(self) -> int:
        """Return the position in the feed of all that this transaction announces."""
        if self._position is None:
            self._position = self._session.execute(
                update(FeedCounter)
                .where(FeedCounter.id == 1)
                .values(position=FeedCounter.position + 1)
                .returning(FeedCounter.position)
                .execution_options(synchronize_session=False)
            ).scalar_one()
            self._transaction.database.notify(self._session)
        return self._position

    def announce(self, agents: Sequence[AgentRow], locations: Sequence[str]) -> None:
        """Announce what is published of agents, and give them their lines.

        Args:
            agents: with their new versions.
            locations: of each, as JSON.

        Raises:
            ConflictError: another agent has a line of one of them.
        """
        self._lines.take({row.id: text for row, text in zip(agents, locations, strict=True)})
        self._announce(agents)

    def _announce(self, agents: Sequence[AgentRow]) -> None:
        """Announce the published versions of agents, at the transaction's position."""
        position = self.position()
        put = self._transaction.database.insert(PublishedRow)
        self._session.execute(
            put.on_conflict_do_update(
                index_elements=["organisation_id", "agent_id"],
                set_={"version": put.excluded.version, "position": put.excluded.position},
            ),
            [
                {
                    "organisation_id": self._transaction.organisation_id,
                    "agent_id": agent.id,
                    "location_id": agent.location_id,
                    "version": agent.version,
                    "position": position,
                }
                for agent in agents
            ],
        )
