"""Published versions, which never change, and which of them callers get."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, select, update

from routing_engine.errors import NotFoundError
from routing_engine.store.agents import DOCUMENTS, Agent, agent_of
from routing_engine.store.pages import Page, page_of
from routing_engine.store.skills import Skills
from routing_engine.store.tables import AgentRow, FeedCounter, PublishedRow, VersionRow, present

__all__ = ["CHUNK", "Version", "Versions", "chunks"]

CHUNK: Final = 500
"""Ids in one statement; SQLite takes 999 parameters in its older builds."""


@dataclass(frozen=True, slots=True)
class Version:
    """What was published once.

    Attributes:
        number: 1 for the first of an agent, then 2, without gaps.
        snapshot: the draft that it was published from.
        location: the compiled :class:`~routing_engine.model.rules.Location`, as JSON.
        forced: why it was published in spite of what the report said, or None.
        created_by: the actor.
    """

    agent_id: str
    number: int
    snapshot: dict[str, Any]
    location: str
    note: str
    forced: str | None
    created_at: datetime
    created_by: str


class Versions(Skills):
    """Drafts as a whole, and versions of them.

    Each of these raises :class:`~routing_engine.errors.NotFoundError` where there is no such
    agent or version, and :class:`~routing_engine.errors.PreconditionFailedError` where
    ``if_match`` is given and is not the draft's etag.
    """

    def draft(self, agent_id: str) -> dict[str, Any]:
        """The whole draft as one document: what is published next."""
        row = self._agent(agent_id)
        return _draft(row, self._skill_documents([agent_id]).get(agent_id, []))

    def drafts(self, location_ids: Iterable[str]) -> dict[str, tuple[Agent, dict[str, Any]]]:
        """Agents and whole drafts by location id, of those locations that have one."""
        found: dict[str, tuple[Agent, dict[str, Any]]] = {}
        for some in chunks(list(dict.fromkeys(location_ids))):
            rows = self._rows.scalars(select(AgentRow).where(AgentRow.location_id.in_(some))).all()
            skills = self._skill_documents([row.id for row in rows])
            for row in rows:
                found[row.location_id] = agent_of(row), _draft(row, skills.get(row.id, []))
        return found

    def publish(
        self,
        agent_id: str,
        *,
        snapshot: dict[str, Any],
        location: str,
        note: str = "",
        forced: str | None = None,
        actor: str = "",
        if_match: str | None = None,
    ) -> Version:
        """Freeze a draft as the next version and publish it.

        Args:
            snapshot: what :meth:`draft` gave in the same work.
            location: the location compiled from it, as JSON.
        """
        agent = self._agent(agent_id, if_match)
        row = VersionRow(
            organisation_id=self.organisation_id,
            agent_id=agent_id,
            number=agent.n_versions + 1,
            snapshot=snapshot,
            location=location,
            note=note,
            forced=forced,
            created_at=present(),
            created_by=actor or self._actor,
        )
        self._rows.add(row)
        agent.n_versions = agent.version = row.number
        self._rows.flush()
        self._announce([agent])
        detail = {"version": row.number} | ({} if forced is None else {"forced": forced})
        self.audit("agent.publish", agent_id, detail, actor)
        return _version(row)

    def unpublish(self, agent_id: str, if_match: str | None = None) -> Agent:
        """Withdraw an agent from callers; its draft and its versions stay."""
        agent = self._agent(agent_id, if_match)
        self._withdraw(agent)
        self.audit("agent.unpublish", agent_id)
        return agent_of(agent)

    def delete_agent(self, agent_id: str, if_match: str | None = None) -> None:
        """Delete an agent and its draft, and publish it no more. Its versions stay."""
        agent = self._agent(agent_id, if_match)
        self._withdraw(agent)
        self._rows.execute(delete(AgentRow).where(AgentRow.id == agent_id))
        self.audit("agent.delete", agent_id, {"locationId": agent.location_id})

    def version(self, agent_id: str, number: int) -> Version:
        """One version; of a deleted agent too."""
        row = self._rows.scalar(
            select(VersionRow).where(VersionRow.agent_id == agent_id, VersionRow.number == number)
        )
        if row is None:
            raise NotFoundError("version", number)
        return _version(row)

    def versions(self, agent_id: str, limit: int = 50, cursor: str | None = None) -> Page[Version]:
        """Versions of an agent, newest first; of a deleted one too."""
        return page_of(
            self._rows,
            select(VersionRow).where(VersionRow.agent_id == agent_id),
            (VersionRow.number,),
            _version,
            limit=limit,
            cursor=cursor,
            newest_first=True,
        )

    def restore(self, agent_id: str, number: int, if_match: str | None = None) -> Agent:
        """Make the draft what a version was published from. The location id stays."""
        agent = self._agent(agent_id, if_match)
        snapshot = self.version(agent_id, number).snapshot
        agent.name = snapshot.get("name", agent.name)
        agent.config = snapshot.get("config", {})
        for kind, column in DOCUMENTS.items():
            setattr(agent, column, snapshot.get(kind, {}))
        self._restore_skills(agent_id, snapshot.get("skills", []))
        self._touch(agent)
        self.audit("agent.restore", agent_id, {"version": number})
        return agent_of(agent)

    def _withdraw(self, agent: AgentRow) -> None:
        if agent.version is not None:
            agent.version = None
            self._rows.flush()
            self._announce([agent])

    def _announce(self, agents: Sequence[AgentRow]) -> None:
        """Put what callers get of these agents into the feed, at this work's one position."""
        if self._position is None:
            self._position = self._rows.execute(
                update(FeedCounter)
                .where(FeedCounter.id == 1)
                .values(position=FeedCounter.position + 1)
                .returning(FeedCounter.position)
                .execution_options(synchronize_session=False)
            ).scalar_one()
            self._database.notify(self._rows)
        put = self._database.insert(PublishedRow)
        self._rows.execute(
            put.on_conflict_do_update(
                index_elements=["organisation_id", "agent_id"],
                set_={"version": put.excluded.version, "position": put.excluded.position},
            ),
            [
                {
                    "organisation_id": self.organisation_id,
                    "agent_id": agent.id,
                    "location_id": agent.location_id,
                    "version": agent.version,
                    "position": self._position,
                }
                for agent in agents
            ],
        )


def chunks(values: Sequence[str]) -> Iterable[Sequence[str]]:
    """Values in parts that fit in a statement."""
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))


def _draft(row: AgentRow, skills: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": row.name,
        "locationId": row.location_id,
        "config": row.config,
        "skills": skills,
        **{kind: getattr(row, column) for kind, column in DOCUMENTS.items()},
    }


def _version(row: VersionRow) -> Version:
    return Version(
        row.agent_id,
        row.number,
        row.snapshot,
        row.location,
        row.note,
        row.forced,
        row.created_at,
        row.created_by,
    )
