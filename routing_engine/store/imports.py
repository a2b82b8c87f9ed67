"""Imports of sheets: all drafts of one, or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy.exc
from sqlalchemy import delete, insert, select

from routing_engine.errors import ConflictError, NotFoundError, PreconditionFailedError
from routing_engine.store.agents import Agent, agent_of
from routing_engine.store.announcing import Announcements
from routing_engine.store.auditing import Audits
from routing_engine.store.drafts import chunks
from routing_engine.store.pages import Page, page_of
from routing_engine.store.tables import AgentRow, ImportRow, VersionRow, new_id, present
from routing_engine.store.transaction import Transaction

__all__ = ["Import", "ImportedDraft", "Imports"]


@dataclass(frozen=True, slots=True)
class Import:
    """An import of a sheet.

    Attributes:
        status: as the server calls it.
        n_done: of ``n_total``.
        report: a document.
    """

    id: str
    status: str
    n_done: int
    n_total: int
    report: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedDraft:
    """A draft that an import creates or updates.

    Attributes:
        location_id: which agent; one that is not there is made.
        etag: of the draft that ``config`` was made from; None where there is no agent yet.
        snapshot, location: to publish the draft as the next version; None to leave it a draft.
    """

    location_id: str
    name: str
    config: dict[str, Any]
    etag: str | None = None
    snapshot: dict[str, Any] | None = None
    location: str | None = None


class Imports:
    """The imports of an organisation."""

    def __init__(
        self, transaction: Transaction, audits: Audits, announcements: Announcements
    ) -> None:
        self._transaction = transaction
        self._session = transaction.session
        self._audits = audits
        self._announcements = announcements

    def create(
        self, *, status: str, n_total: int = 0, report: dict[str, Any] | None = None
    ) -> Import:
        """Create an import."""
        now = present()
        row = ImportRow(
            organisation_id=self._transaction.organisation_id,
            id=new_id("imp"),
            status=status,
            n_done=0,
            n_total=n_total,
            report=report or {},
            created_at=now,
            updated_at=now,
        )
        self._session.add(row)
        self._audits.record("import.create", row.id)
        return _import(row)

    def get(self, import_id: str) -> Import:
        """Return one import.

        Raises:
            NotFoundError: there is no such import.
        """
        return _import(self._row(import_id))

    def page(self, limit: int = 50, cursor: str | None = None) -> Page[Import]:
        """List imports, newest first."""
        return page_of(
            self._session,
            select(ImportRow),
            (ImportRow.created_at, ImportRow.id),
            _import,
            limit=limit,
            cursor=cursor,
            newest_first=True,
        )

    def update(
        self,
        import_id: str,
        *,
        status: str | None = None,
        n_done: int | None = None,
        n_total: int | None = None,
        report: dict[str, Any] | None = None,
    ) -> Import:
        """Update the progress of an import; fields that are None stay.

        Raises:
            NotFoundError: there is no such import.
        """
        row = self._row(import_id)
        given = {"status": status, "n_done": n_done, "n_total": n_total, "report": report}
        for name, value in given.items():
            if value is not None:
                setattr(row, name, value)
        row.updated_at = present()
        return _import(row)

    def apply(
        self,
        drafts: Iterable[ImportedDraft],
        *,
        remove: Mapping[str, str] | None = None,
        note: str = "",
        actor: str = "",
    ) -> list[Agent]:
        """Create or update drafts from a sheet and publish those marked for it, all or none.

        Args:
            drafts: what the sheet makes of each agent.
            remove: location -> etag of agents to delete; their versions stay.
            note: of the versions that are published.
            actor: who does it; by default the actor of the unit of work.

        Returns:
            The agents, in the order given.

        Raises:
            PreconditionFailedError: a draft was changed since it was read.
            ConflictError: an agent is there already that was to be made, or the other way round.
        """
        given = {draft.location_id: draft for draft in drafts}
        removed = dict(remove or {})
        agents = self._locked_agents([*given, *removed])
        now = present()
        for location_id, draft in given.items():
            agent = agents.get(location_id)
            if draft.etag is not None:
                if agent is None:
                    raise ConflictError(f"no agent answers location {location_id!r} any more")
                found = agent_of(agent)
                if found.etag != draft.etag:
                    raise PreconditionFailedError(agent.id, found.etag)
            elif agent is not None:
                raise ConflictError(f"another agent answers location {location_id!r}")
        for location_id, etag in removed.items():
            agent = agents.get(location_id)
            if agent is not None and agent_of(agent).etag != etag:
                raise PreconditionFailedError(agent.id, agent_of(agent).etag)
        self._delete_agents([agents.pop(name) for name in removed if name in agents], actor)
        self._update_agents(agents, given, now)
        agents |= self._insert_agents(
            [draft for name, draft in given.items() if name not in agents], now
        )
        published = [
            (agents[name], draft) for name, draft in given.items() if draft.location is not None
        ]
        if published:
            self._insert_versions(published, note, now, actor)
            self._announcements.announce(
                [agent for agent, _ in published],
                [draft.location or "" for _, draft in published],
            )
        self._audits.record_all(
            "agent.import",
            (
                (
                    agents[name].id,
                    {} if draft.location is None else {"version": agents[name].version},
                )
                for name, draft in given.items()
            ),
            actor,
        )
        return [agent_of(agents[name]) for name in given]

    def _delete_agents(self, agents: list[AgentRow], actor: str) -> None:
        """Delete agents and their drafts, and publish them no more."""
        if not agents:
            return
        self._announcements.withdraw(agents)
        for some in chunks([agent.id for agent in agents]):
            self._session.execute(delete(AgentRow).where(AgentRow.id.in_(some)))
        self._audits.record_all(
            "agent.delete",
            ((agent.id, {"locationId": agent.location_id}) for agent in agents),
            actor,
        )

    def _locked_agents(self, location_ids: list[str]) -> dict[str, AgentRow]:
        """Lock and return agents by location, in order of id, so that imports cannot deadlock."""
        found: dict[str, AgentRow] = {}
        ids: list[str] = []
        for some in chunks(location_ids):
            ids += self._session.scalars(select(AgentRow.id).where(AgentRow.location_id.in_(some)))
        for some in chunks(sorted(ids)):
            query = select(AgentRow).where(AgentRow.id.in_(some)).order_by(AgentRow.id)
            for row in self._session.scalars(query.with_for_update(key_share=True)):
                found[row.location_id] = row
        return found

    def _update_agents(
        self, agents: dict[str, AgentRow], given: dict[str, ImportedDraft], now: datetime
    ) -> None:
        for name, agent in agents.items():
            draft = given[name]
            agent.name, agent.config = draft.name, draft.config
            agent.revision += 1
            agent.updated_at = now
            if draft.location is not None:
                agent.n_versions += 1
                agent.version = agent.n_versions
                agent.published_revision = agent.revision
        self._session.flush()  # in batches: every row has the same columns

    def _insert_agents(self, drafts: list[ImportedDraft], now: datetime) -> dict[str, AgentRow]:
        made: dict[str, AgentRow] = {}
        for draft in drafts:
            n_versions = int(draft.location is not None)
            made[draft.location_id] = AgentRow(
                organisation_id=self._transaction.organisation_id,
                id=new_id("agt"),
                location_id=draft.location_id,
                name=draft.name,
                config=draft.config,
                guardrails={},
                caller_verification={},
                tests={},
                revision=1,
                published_revision=n_versions or None,
                version=n_versions or None,
                n_versions=n_versions,
                created_at=now,
                updated_at=now,
            )
        self._session.add_all(made.values())
        try:
            self._session.flush()
        except sqlalchemy.exc.IntegrityError:
            raise ConflictError(
                "another agent was made meanwhile for one of the locations"
            ) from None
        return made

    def _insert_versions(
        self, published: list[tuple[AgentRow, ImportedDraft]], note: str, now: datetime, actor: str
    ) -> None:
        self._session.execute(
            insert(VersionRow),
            [
                {
                    "organisation_id": self._transaction.organisation_id,
                    "agent_id": agent.id,
                    "number": agent.n_versions,
                    "snapshot": draft.snapshot or {},
                    "location": draft.location,
                    "note": note,
                    "forced": None,
                    "created_at": now,
                    "created_by": actor or self._transaction.actor,
                }
                for agent, draft in published
            ],
        )

    def _row(self, import_id: str) -> ImportRow:
        row = self._session.scalar(select(ImportRow).where(ImportRow.id == import_id))
        if row is None:
            raise NotFoundError("import", import_id)
        return row


def _import(row: ImportRow) -> Import:
    return Import(
        row.id, row.status, row.n_done, row.n_total, row.report, row.created_at, row.updated_at
    )
