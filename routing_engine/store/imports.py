"""Imports of sheets: all drafts of one, or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from routing_engine.errors import ConflictError, NotFoundError
from routing_engine.store.agents import DOCUMENTS, Agent, agent_of
from routing_engine.store.announcing import Announcements
from routing_engine.store.auditing import Audits
from routing_engine.store.pages import Page, page_of
from routing_engine.store.skills import Skills
from routing_engine.store.slices import chunks
from routing_engine.store.staging import ImportedDraft, Staged
from routing_engine.store.tables import (
    AgentRow,
    ImportRow,
    ImportStepRow,
    VersionRow,
    new_id,
    present,
)
from routing_engine.store.transaction import Transaction

__all__ = ["Import", "Imports"]

MAX_NAMED = 5
"""Most locations that an error names."""


@dataclass(frozen=True, slots=True)
class Import:
    """An import of a sheet.

    Attributes:
        status: as the server calls it.
        n_done: of ``n_total``.
        report: a document.
        n_steps: agents that it changed; None where it has nothing to undo.
    """

    id: str
    status: str
    n_done: int
    n_total: int
    report: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    n_steps: int | None = None


class Imports:
    """The imports of an organisation."""

    def __init__(
        self,
        transaction: Transaction,
        audits: Audits,
        announcements: Announcements,
        skills: Skills,
        staged: Staged,
    ) -> None:
        self._transaction = transaction
        self._session = transaction.session
        self._audits = audits
        self._announcements = announcements
        self._skills = skills
        self._staged = staged

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
        import_id: str | None = None,
    ) -> list[Agent]:
        """Create or update drafts from a sheet and publish those marked for it, all or none.

        All of it in this transaction. For thousands, stage them in transactions of their own, by
        ``work.staged``, so that nobody waits.

        Args:
            drafts: what the sheet makes of each agent.
            remove: location -> etag of agents to delete; their versions stay.
            note: of the versions that are published.
            actor: who does it; by default the actor of the unit of work.
            import_id: which import this is, so that :meth:`undo` can take it back.

        Returns:
            The agents, in the order given.

        Raises:
            PreconditionFailedError: a draft was changed since it was read.
            ConflictError: an agent is there already that was to be made, or the other way round.
        """
        given = list(drafts)
        mark = new_id("imp") if import_id is None else import_id
        self._staged.add(mark, given, remove=remove)
        self._staged.publish(mark, note=note, actor=actor, has_steps=import_id is not None)
        self._staged.clear(mark)
        agents: dict[str, Agent] = {}
        for some in chunks([draft.location_id for draft in given]):
            query = select(AgentRow).where(AgentRow.location_id.in_(some))
            agents.update((row.location_id, agent_of(row)) for row in self._session.scalars(query))
        return [agents[draft.location_id] for draft in given]

    def undo(self, import_id: str, *, actor: str = "") -> Import:
        """Take an import back in one step.

        Agents that it made are deleted; those that it changed or deleted get their former draft
        and, as a new version, their former published version.

        Raises:
            NotFoundError: there is no such import.
            ConflictError: it changed nothing, or something was changed or published since.
        """
        row = self._row(import_id)
        if row.status != "done" or row.n_steps is None:
            raise ConflictError(
                f"import {import_id!r} cannot be undone: it has changed nothing, was undone "
                "already, or was applied before imports could be"
            )
        steps = {
            step.agent_id: step
            for step in self._session.scalars(
                select(ImportStepRow).where(ImportStepRow.import_id == import_id)
            )
        }
        agents = {
            agent.id: agent
            for agent in self._locked_agents([step.location_id for step in steps.values()]).values()
        }
        self._refuse_changed(import_id, row.n_steps - len(steps), steps, agents)
        now = present()
        self._delete_agents(
            [agents[name] for name, step in steps.items() if not step.former], actor
        )
        again = [
            self._restored(agents.get(name), step, now)
            for name, step in steps.items()
            if step.former
        ]
        self._session.flush()
        for agent, step in again:
            if step.revision is None:
                self._skills.restore(agent.id, step.former["skills"])
        self._publish_former(import_id, again, now, actor)
        self._session.execute(
            delete(ImportStepRow)
            .where(ImportStepRow.import_id == import_id)
            .execution_options(synchronize_session=False)
        )
        self._audits.record_all("agent.undo", ((agent.id, {}) for agent, _ in again), actor)
        self._audits.record("import.undo", import_id, {}, actor)
        return self.update(import_id, status="undone")

    def _refuse_changed(
        self,
        import_id: str,
        n_lost: int,
        steps: Mapping[str, ImportStepRow],
        agents: Mapping[str, AgentRow],
    ) -> None:
        """Refuse to undo an import where somebody changed what it did.

        Raises:
            ConflictError: names the locations.
        """
        if n_lost:
            raise ConflictError(
                f"import {import_id!r} cannot be undone: a later import changed {n_lost:,} of its "
                "locations; undo that one first, or roll them back one by one"
            )
        taken = {agent.location_id for agent in agents.values()}
        changed = []
        for name, step in steps.items():
            agent = agents.get(name)
            if step.revision is None:
                is_same = step.location_id not in taken
            else:
                is_same = agent is not None and (agent.revision, agent.version) == (
                    step.revision,
                    step.version,
                )
            if not is_same:
                changed.append(step.location_id)
        if changed:
            shown = ", ".join(map(repr, sorted(changed)[:MAX_NAMED]))
            more = f" and {len(changed) - MAX_NAMED:,} more" if len(changed) > MAX_NAMED else ""
            raise ConflictError(
                f"import {import_id!r} cannot be undone: changed or published since: {shown}{more}; "
                "roll them back one by one"
            )

    def _restored(
        self, agent: AgentRow | None, step: ImportStepRow, now: datetime
    ) -> tuple[AgentRow, ImportStepRow]:
        """An agent with its former draft; made anew where the import deleted it."""
        former = step.former
        if agent is None:
            agent = AgentRow(
                organisation_id=self._transaction.organisation_id,
                id=step.agent_id,
                location_id=step.location_id,
                revision=former["revision"],
                version=None,
                published_revision=None,
                n_versions=former["nVersions"],
                created_at=datetime.fromisoformat(former["createdAt"]),
            )
            self._session.add(agent)
        agent.name, agent.config = former["name"], former["config"]
        for kind, column in DOCUMENTS.items():
            if kind in former:
                setattr(agent, column, former[kind])
        agent.revision += 1
        agent.updated_at = now
        return agent, step

    def _publish_former(
        self,
        import_id: str,
        again: list[tuple[AgentRow, ImportStepRow]],
        now: datetime,
        actor: str,
    ) -> None:
        """Publish what was published before an import, where that is something else now."""
        moved = [(agent, step) for agent, step in again if agent.version != step.former_version]
        self._announcements.withdraw([a for a, step in moved if step.former_version is None])
        former = {
            version.agent_id: version
            for version in self._session.scalars(
                select(VersionRow)
                .join(
                    ImportStepRow,
                    (ImportStepRow.organisation_id == VersionRow.organisation_id)
                    & (ImportStepRow.agent_id == VersionRow.agent_id)
                    & (ImportStepRow.former_version == VersionRow.number),
                )
                .where(ImportStepRow.import_id == import_id)
            )
        }
        published = []
        for agent, step in moved:
            if step.former_version is None:
                continue
            version = former[agent.id]
            agent.n_versions += 1
            agent.version = agent.n_versions
            published.append((agent, version.snapshot, version.location))
        for agent, step in again:
            # A draft that was what is published is so again; one that was changed is not.
            agent.published_revision = agent.revision if step.former["isPublished"] else None
        self._session.flush()
        if published:
            self._announcements.announce(
                [agent for agent, *_ in published], [location for *_, location in published]
            )
            note = f"import {import_id} undone"
            self._session.execute(
                insert(VersionRow),
                [
                    self._version(agent, snapshot, location, note, now, actor)
                    for agent, snapshot, location in published
                ],
            )

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

    def _version(
        self,
        agent: AgentRow,
        snapshot: dict[str, Any],
        location: str,
        note: str,
        now: datetime,
        actor: str,
    ) -> dict[str, Any]:
        return {
            "organisation_id": self._transaction.organisation_id,
            "agent_id": agent.id,
            "number": agent.n_versions,
            "snapshot": snapshot,
            "location": location,
            "note": note,
            "forced": None,
            "created_at": now,
            "created_by": actor or self._transaction.actor,
        }

    def _row(self, import_id: str) -> ImportRow:
        row = self._session.scalar(select(ImportRow).where(ImportRow.id == import_id))
        if row is None:
            raise NotFoundError("import", import_id)
        return row


def _import(row: ImportRow) -> Import:
    return Import(
        row.id, row.status, row.n_done, row.n_total, row.report, row.created_at, row.updated_at,
        row.n_steps,
    )  # fmt: skip
