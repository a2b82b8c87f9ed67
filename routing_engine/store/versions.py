"""Published versions, which never change, and which one takes calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from routing_engine.errors import NotFoundError
from routing_engine.store.agents import DOCUMENTS, Agent, Agents, agent_of
from routing_engine.store.announcing import Announcements
from routing_engine.store.auditing import Audits
from routing_engine.store.pages import Page, page_of
from routing_engine.store.skills import Skills
from routing_engine.store.tables import VersionRow, present
from routing_engine.store.transaction import Transaction

__all__ = ["Version", "Versions"]


@dataclass(frozen=True, slots=True)
class Version:
    """A published version.

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


class Versions:
    """The published versions of an organisation's agents.

    Each of these raises :class:`~routing_engine.errors.NotFoundError` where there is no such
    agent or version, and :class:`~routing_engine.errors.PreconditionFailedError` where
    ``if_match`` is given and is not the draft's etag.
    """

    def __init__(
        self,
        transaction: Transaction,
        audits: Audits,
        announcements: Announcements,
        agents: Agents,
        skills: Skills,
    ) -> None:
        self._transaction = transaction
        self._session = transaction.session
        self._audits = audits
        self._announcements = announcements
        self._agents = agents
        self._skills = skills

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
            snapshot: what ``drafts.get`` gave in the same unit of work.
            location: the location compiled from it, as JSON.
        """
        agent = self._agents.row(agent_id, if_match)
        row = VersionRow(
            organisation_id=self._transaction.organisation_id,
            agent_id=agent_id,
            number=agent.n_versions + 1,
            snapshot=snapshot,
            location=location,
            note=note,
            forced=forced,
            created_at=present(),
            created_by=actor or self._transaction.actor,
        )
        self._session.add(row)
        agent.n_versions = agent.version = row.number
        agent.published_revision = agent.revision
        self._session.flush()
        self._announcements.announce([agent], [location])
        detail = {"version": row.number} | ({} if forced is None else {"forced": forced})
        self._audits.record("agent.publish", agent_id, detail, actor)
        return _version(row)

    def unpublish(self, agent_id: str, if_match: str | None = None) -> Agent:
        """Unpublish an agent; its draft and its versions stay."""
        agent = self._agents.row(agent_id, if_match)
        self._announcements.withdraw([agent])
        self._audits.record("agent.unpublish", agent_id)
        return agent_of(agent)

    def get(self, agent_id: str, number: int) -> Version:
        """Return one version, also of a deleted agent."""
        row = self._session.scalar(
            select(VersionRow).where(VersionRow.agent_id == agent_id, VersionRow.number == number)
        )
        if row is None:
            raise NotFoundError("version", number)
        return _version(row)

    def page(self, agent_id: str, limit: int = 50, cursor: str | None = None) -> Page[Version]:
        """List the versions of an agent, newest first, also of a deleted one."""
        return page_of(
            self._session,
            select(VersionRow).where(VersionRow.agent_id == agent_id),
            (VersionRow.number,),
            _version,
            limit=limit,
            cursor=cursor,
            newest_first=True,
        )

    def restored(self, agent_id: str, number: int) -> dict[str, Any]:
        """Return the draft that :meth:`restore` would make, as ``drafts.get`` would then."""
        agent = self._agents.row(agent_id)
        snapshot = self.get(agent_id, number).snapshot
        return {
            "name": snapshot.get("name", agent.name),
            "locationId": agent.location_id,
            "config": snapshot.get("config", {}),
            "skills": snapshot.get("skills", []),
            **{kind: snapshot.get(kind, {}) for kind in DOCUMENTS},
        }

    def restore(self, agent_id: str, number: int, if_match: str | None = None) -> Agent:
        """Restore the draft from a version. The location id stays."""
        agent = self._agents.row(agent_id, if_match)
        draft = self.restored(agent_id, number)
        agent.name, agent.config = draft["name"], draft["config"]
        for kind, column in DOCUMENTS.items():
            setattr(agent, column, draft[kind])
        self._skills.restore(agent_id, draft["skills"])
        self._agents.touch(agent)
        self._audits.record("agent.restore", agent_id, {"version": number})
        return agent_of(agent)


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
