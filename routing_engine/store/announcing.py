"""Writing to the feed that engines follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, literal, update

from routing_engine.store.lines import Lines, lines_of
from routing_engine.store.tables import AgentRow, FeedCounter, Owned, PublishedRow
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
        self._lines.take(
            {row.id: lines_of(text) for row, text in zip(agents, locations, strict=True)}
        )
        self._announce(agents)

    def announce_all(
        self,
        agent_ids: Select[Any],
        lines: Mapping[str, Sequence[str]],
        sources: Sequence[type[Owned]],
        *where: ColumnElement[bool],
    ) -> None:
        """Announce what is published of many agents, and give them their lines and no others.

        Args:
            agent_ids: which agents.
            lines: of those that have any.
            sources: classes beside the agents that the conditions name.
            where: which agents, as conditions.

        Raises:
            ConflictError: another agent has a line of one of them.
        """
        self._lines.release_all(agent_ids)
        self._lines.take(lines)
        self._session.copy(
            self._put(),
            {
                "agent_id": AgentRow.id,
                "location_id": AgentRow.location_id,
                "version": AgentRow.version,
                "position": literal(self.position()),
            },
            (AgentRow, *sources),
            *where,
        )

    def remove(self, agent_ids: Select[Any]) -> None:
        """Announce that agents, which are about to be deleted, are no longer published."""
        self._lines.release_all(agent_ids)
        self._session.execute(
            update(PublishedRow)
            .where(PublishedRow.agent_id.in_(agent_ids), PublishedRow.version.is_not(None))
            .values(version=None, position=self.position())
            .execution_options(synchronize_session=False)
        )

    def _announce(self, agents: Sequence[AgentRow]) -> None:
        """Announce the published versions of agents, at the transaction's position."""
        position = self.position()
        self._session.execute(
            self._put(),
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

    def _put(self) -> Any:
        put = self._transaction.database.insert(PublishedRow)
        return put.on_conflict_do_update(
            index_elements=["organisation_id", "agent_id"],
            set_={"version": put.excluded.version, "position": put.excluded.position},
        )
