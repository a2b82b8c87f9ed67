"""Skills: the parts of a draft that are edited one by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select

from routing_engine.errors import NotFoundError
from routing_engine.store.agents import Agents
from routing_engine.store.auditing import Audits
from routing_engine.store.pages import Page, page_of
from routing_engine.store.tables import SkillRow, new_id, present
from routing_engine.store.transaction import Transaction

__all__ = ["Skill", "Skills"]


@dataclass(frozen=True, slots=True)
class Skill:
    """A stored skill.

    Attributes:
        etag: of the draft that it is a part of.
    """

    id: str
    agent_id: str
    document: dict[str, Any]
    etag: str
    created_at: datetime
    updated_at: datetime


class Skills:
    """The skills of an organisation's agents.

    Each of these raises :class:`~routing_engine.errors.NotFoundError` where there is no such
    agent or skill, and :class:`~routing_engine.errors.PreconditionFailedError` where ``if_match``
    is given and is not the draft's etag.
    """

    def __init__(self, transaction: Transaction, audits: Audits, agents: Agents) -> None:
        self._transaction = transaction
        self._session = transaction.session
        self._audits = audits
        self._agents = agents

    def page(self, agent_id: str, limit: int = 50, cursor: str | None = None) -> Page[Skill]:
        """List the skills of an agent, oldest first."""
        etag = self._agents.get(agent_id).etag
        return page_of(
            self._session,
            select(SkillRow).where(SkillRow.agent_id == agent_id),
            (SkillRow.place, SkillRow.id),
            lambda row: _skill(row, etag),
            limit=limit,
            cursor=cursor,
        )

    def get(self, agent_id: str, skill_id: str) -> Skill:
        """Return one skill."""
        etag = self._agents.get(agent_id).etag
        return _skill(self._skill(agent_id, skill_id), etag)

    def create(self, agent_id: str, document: dict[str, Any], if_match: str | None = None) -> Skill:
        """Create a skill, after the others."""
        agent = self._agents.row(agent_id, if_match)
        last = self._session.scalar(
            select(func.max(SkillRow.place)).where(SkillRow.agent_id == agent_id)
        )
        now = present()
        row = SkillRow(
            organisation_id=self._transaction.organisation_id,
            id=new_id("skl"),
            agent_id=agent_id,
            place=0 if last is None else last + 1,
            document=document,
            created_at=now,
            updated_at=now,
        )
        self._session.add(row)
        self._agents.touch(agent)
        self._audits.record("skill.create", row.id, {"agentId": agent_id})
        return _skill(row, self._agents.get(agent_id).etag)

    def update(
        self,
        agent_id: str,
        skill_id: str,
        document: dict[str, Any],
        if_match: str | None = None,
    ) -> Skill:
        """Replace a skill's document."""
        agent = self._agents.row(agent_id, if_match)
        row = self._skill(agent_id, skill_id)
        row.document = document
        row.updated_at = present()
        self._agents.touch(agent)
        self._audits.record("skill.update", skill_id, {"agentId": agent_id})
        return _skill(row, self._agents.get(agent_id).etag)

    def delete(self, agent_id: str, skill_id: str, if_match: str | None = None) -> None:
        """Remove a skill from the draft."""
        agent = self._agents.row(agent_id, if_match)
        self._session.delete(self._skill(agent_id, skill_id))
        self._agents.touch(agent)
        self._audits.record("skill.delete", skill_id, {"agentId": agent_id})

    def _skill(self, agent_id: str, skill_id: str) -> SkillRow:
        row = self._session.scalar(
            select(SkillRow).where(SkillRow.agent_id == agent_id, SkillRow.id == skill_id)
        )
        if row is None:
            raise NotFoundError("skill", skill_id)
        return row

    def documents(self, agent_ids: list[str]) -> dict[str, list[dict[str, Any]]]:
        """Return the skills of many agents as a version stores them, with their ids."""
        found: dict[str, list[dict[str, Any]]] = {}
        query = select(SkillRow).where(SkillRow.agent_id.in_(agent_ids))
        for row in self._session.scalars(query.order_by(SkillRow.place, SkillRow.id)):
            found.setdefault(row.agent_id, []).append({**row.document, "id": row.id})
        return found

    def restore(self, agent_id: str, documents: list[dict[str, Any]]) -> None:
        """Restore an agent's skills from a version."""
        self._session.execute(
            delete(SkillRow)
            .where(SkillRow.agent_id == agent_id)
            .execution_options(synchronize_session=False)
        )
        now = present()
        rows = [
            {
                "organisation_id": self._transaction.organisation_id,
                "id": document["id"],
                "agent_id": agent_id,
                "place": place,
                "document": {key: value for key, value in document.items() if key != "id"},
                "created_at": now,
                "updated_at": now,
            }
            for place, document in enumerate(documents)
        ]
        if rows:
            self._session.execute(insert(SkillRow), rows)


def _skill(row: SkillRow, etag: str) -> Skill:
    return Skill(row.id, row.agent_id, row.document, etag, row.created_at, row.updated_at)
