"""Whole drafts: configuration, skills and other documents of an agent together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from routing_engine.store.agents import DOCUMENTS, Agent, Agents, agent_of
from routing_engine.store.skills import Skills
from routing_engine.store.slices import chunks
from routing_engine.store.tables import AgentRow
from routing_engine.store.transaction import Transaction

__all__ = ["Drafts"]


class Drafts:
    """The whole drafts of an organisation's agents."""

    def __init__(self, transaction: Transaction, agents: Agents, skills: Skills) -> None:
        self._session = transaction.session
        self._agents = agents
        self._skills = skills

    def get(self, agent_id: str) -> dict[str, Any]:
        """Return the whole draft as one document, as it would be published."""
        row = self._agents.row(agent_id)
        return _draft(row, self._skills.documents([agent_id]).get(agent_id, []))

    def at_locations(self, location_ids: Iterable[str]) -> dict[str, tuple[Agent, dict[str, Any]]]:
        """Return agents and whole drafts by location id."""
        found: dict[str, tuple[Agent, dict[str, Any]]] = {}
        for some in chunks(list(dict.fromkeys(location_ids))):
            rows = self._session.scalars(
                select(AgentRow).where(AgentRow.location_id.in_(some))
            ).all()
            skills = self._skills.documents([row.id for row in rows])
            for row in rows:
                found[row.location_id] = agent_of(row), _draft(row, skills.get(row.id, []))
        return found


def _draft(row: AgentRow, skills: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": row.name,
        "locationId": row.location_id,
        "config": row.config,
        "skills": skills,
        **{kind: getattr(row, column) for kind, column in DOCUMENTS.items()},
    }
