"""Imports in two steps: rows that nobody sees, written in slices; then one commit for all of them.

SQLite has one writer at a time. What takes long is to write the documents of ten thousand agents:
that is done beside what answers calls, a slice at a time. The last step copies them within the
database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy.exc
from sqlalchemy import (
    JSON,
    ColumnElement,
    Select,
    and_,
    delete,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)

from routing_engine.errors import ConflictError, PreconditionFailedError
from routing_engine.store.agents import DOCUMENTS, etag_of, revision_of
from routing_engine.store.announcing import Announcements
from routing_engine.store.lines import lines_of
from routing_engine.store.skills import Skills
from routing_engine.store.slices import chunks
from routing_engine.store.tables import (
    AgentRow,
    AuditRow,
    ImportRow,
    ImportStepRow,
    StagedRow,
    VersionRow,
    new_id,
    present,
)
from routing_engine.store.transaction import Transaction

__all__ = ["ImportedDraft", "Staged"]

MAKE: Final = "make"
CHANGE: Final = "change"
REMOVE: Final = "remove"


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


class Staged:
    """What imports of an organisation are about to change."""

    def __init__(
        self, transaction: Transaction, announcements: Announcements, skills: Skills
    ) -> None:
        self._transaction = transaction
        self._session = transaction.session
        self._announcements = announcements
        self._skills = skills

    def add(
        self,
        import_id: str,
        drafts: Iterable[ImportedDraft] = (),
        *,
        remove: Mapping[str, str] | None = None,
    ) -> None:
        """Stage drafts; nobody sees them.

        Args:
            import_id: of which import.
            drafts: what the sheet makes of each agent.
            remove: location -> etag of agents to delete; their versions stay.

        Raises:
            ConflictError: an agent is there already that was to be made, or the other way round.
        """
        given = {draft.location_id: draft for draft in drafts}
        removed = dict(remove or {})
        known = self._known([*given, *removed])
        rows = []
        for name, draft in given.items():
            agent = known.get(name)
            if draft.etag is None and agent is not None:
                raise ConflictError(f"another agent answers location {name!r}")
            if draft.etag is not None and agent is None:
                raise _gone(name)
            version = None
            if draft.location is not None:
                version = 1 if agent is None else agent.n_versions + 1
            lines = [] if draft.location is None else lines_of(draft.location)
            rows.append(
                {
                    "agent_id": new_id("agt") if agent is None else agent.id,
                    "location_id": name,
                    "change": MAKE if agent is None else CHANGE,
                    "revision": None if draft.etag is None else revision_of(draft.etag),
                    "n_versions": None if agent is None else agent.n_versions,
                    "former_version": None if agent is None else agent.version,
                    "former": {} if agent is None else _former(agent),
                    "version": version,
                    "action": "agent.import",
                    "detail": {} if version is None else {"version": version},
                    "name": draft.name,
                    "n_lines": len(lines),
                    "lines": lines,
                    "config": draft.config,
                    "snapshot": draft.snapshot or {},
                    "location": draft.location,
                }
            )
        nothing: dict[str, Any] = {
            "version": None, "name": "", "n_lines": 0, "lines": [], "config": {}, "snapshot": {},
            "location": None,
        }  # fmt: skip
        rows += [
            {
                "agent_id": known[name].id,
                "location_id": name,
                "change": REMOVE,
                "revision": revision_of(etag),
                "n_versions": known[name].n_versions,
                "former_version": known[name].version,
                "former": _former(known[name]) | self._rest(known[name]),
                "action": "agent.delete",
                "detail": {"locationId": name},
                **nothing,
            }
            for name, etag in removed.items()
            if name in known
        ]
        own = {"organisation_id": self._transaction.organisation_id, "import_id": import_id}
        if rows:
            self._session.execute(
                insert(StagedRow), [own | row | {"audit_id": new_id("aud")} for row in rows]
            )

    def publish(
        self, import_id: str, *, note: str = "", actor: str = "", has_steps: bool = True
    ) -> None:
        """Make, change and remove all agents that are staged, and publish those marked for it.

        Args:
            import_id: of which import.
            note: of the versions that are published.
            actor: who does it; by default the actor of the unit of work.
            has_steps: whether to note what the import changed, so that it can be undone.

        Raises:
            PreconditionFailedError: a draft was changed since it was read.
            ConflictError: an agent is there already that was to be made, or the other way round.
        """
        self._check(import_id)
        now, actor = present(), actor or self._transaction.actor
        removed = self._ids_of(import_id, StagedRow.change == REMOVE)
        if self._session.scalar(removed.limit(1)) is not None:
            # Of one that is gone already there is nothing to say.
            self._run(
                delete(StagedRow).where(
                    StagedRow.import_id == import_id,
                    StagedRow.change == REMOVE,
                    StagedRow.agent_id.not_in(select(AgentRow.id)),
                )
            )
            self._announcements.remove(removed)
            self._run(delete(AgentRow).where(AgentRow.id.in_(removed)))
        self._update_agents(import_id, now)
        self._insert_agents(import_id, now)
        is_published = StagedRow.version.is_not(None)
        published = self._ids_of(import_id, is_published)
        if self._session.scalar(published.limit(1)) is not None:
            self._insert_versions(import_id, note, now, actor)
            lined = select(StagedRow.agent_id, StagedRow.lines).where(
                StagedRow.import_id == import_id, is_published, StagedRow.n_lines > 0
            )
            lines = {row.agent_id: row.lines for row in self._session.execute(lined)}
            self._announcements.announce_all(
                published,
                lines,
                (StagedRow,),
                StagedRow.import_id == import_id,
                StagedRow.agent_id == AgentRow.id,
                is_published,
            )
        self._session.copy(
            insert(AuditRow),
            {
                "id": StagedRow.audit_id,
                "at": literal(now, AuditRow.at.type),
                "actor": literal(actor),
                "action": StagedRow.action,
                "object_id": StagedRow.agent_id,
                "detail": StagedRow.detail,
            },
            (StagedRow,),
            StagedRow.import_id == import_id,
        )
        if has_steps:
            self._note_steps(import_id)
        self._session.expire_all()  # what was read before is not what is there now

    def clear(self, import_id: str, limit: int | None = None) -> int:
        """Delete what is staged for an import, and return how many rows that were.

        Args:
            import_id: of which import.
            limit: most rows that are deleted; None for all.
        """
        these = select(StagedRow.agent_id).where(StagedRow.import_id == import_id).limit(limit)
        ids = self._session.scalars(these).all()
        for some in chunks(ids):
            self._run(
                delete(StagedRow).where(
                    StagedRow.import_id == import_id, StagedRow.agent_id.in_(some)
                )
            )
        return len(ids)

    def _known(self, location_ids: Sequence[str]) -> dict[str, AgentRow]:
        """Return agents by location."""
        found: dict[str, AgentRow] = {}
        for some in chunks(location_ids):
            query = select(AgentRow).where(AgentRow.location_id.in_(some))
            found.update((row.location_id, row) for row in self._session.scalars(query))
        return found

    def _rest(self, agent: AgentRow) -> dict[str, Any]:
        """Return what brings an agent back that is deleted, beside what an import changes."""
        return {
            **{kind: getattr(agent, column) for kind, column in DOCUMENTS.items()},
            "skills": self._skills.documents([agent.id]).get(agent.id, []),
            "revision": agent.revision,
            "nVersions": agent.n_versions,
            "createdAt": agent.created_at.isoformat(),
        }

    def _check(self, import_id: str) -> None:
        """Lock the agents that are there, in order of id, and check that they are as expected."""
        self._session.execute(
            select(AgentRow.id)
            .where(AgentRow.id.in_(self._ids_of(import_id)))
            .order_by(AgentRow.id)
            .with_for_update(key_share=True)
        ).all()
        changed = self._session.execute(
            select(StagedRow.agent_id, StagedRow.location_id, AgentRow.revision)
            .outerjoin(AgentRow, AgentRow.id == StagedRow.agent_id)
            .where(
                StagedRow.import_id == import_id,
                or_(
                    and_(StagedRow.change == CHANGE, AgentRow.id.is_(None)),
                    AgentRow.revision != StagedRow.revision,
                    AgentRow.n_versions != StagedRow.n_versions,
                    and_(
                        AgentRow.id.is_not(None),
                        AgentRow.version.is_distinct_from(StagedRow.former_version),
                    ),
                ),
            )
            .limit(1)
        ).first()
        if changed is not None:
            if changed.revision is None:
                raise _gone(changed.location_id)
            raise PreconditionFailedError(changed.agent_id, etag_of(changed.revision))

    def _update_agents(self, import_id: str, now: datetime) -> None:
        def new(column: ColumnElement[Any]) -> Any:
            return (
                select(column)
                .where(StagedRow.import_id == import_id, StagedRow.agent_id == AgentRow.id)
                .correlate(AgentRow)
                .scalar_subquery()
            )

        drafted: dict[Any, Any] = {
            AgentRow.name: new(StagedRow.name),  # type: ignore[arg-type]
            AgentRow.config: new(StagedRow.config),  # type: ignore[arg-type]
            AgentRow.revision: AgentRow.revision + 1,
            AgentRow.updated_at: now,
        }
        number: dict[Any, Any] = {
            AgentRow.n_versions: AgentRow.n_versions + 1,
            AgentRow.version: AgentRow.n_versions + 1,
            AgentRow.published_revision: AgentRow.revision + 1,
        }
        changed = StagedRow.change == CHANGE
        for is_published, values in (
            (StagedRow.version.is_(None), drafted),
            (StagedRow.version.is_not(None), drafted | number),
        ):
            these = self._ids_of(import_id, changed, is_published)
            self._run(update(AgentRow).where(AgentRow.id.in_(these)).values(values))

    def _insert_agents(self, import_id: str, now: datetime) -> None:
        nothing = literal({}, JSON)
        for is_published, number in (
            (StagedRow.version.is_(None), 0),
            (StagedRow.version.is_not(None), 1),
        ):
            version = literal(number) if number else null()
            try:
                self._session.copy(
                    insert(AgentRow),
                    {
                        "id": StagedRow.agent_id,
                        "location_id": StagedRow.location_id,
                        "name": StagedRow.name,
                        "config": StagedRow.config,
                        "guardrails": nothing,
                        "caller_verification": nothing,
                        "tests": nothing,
                        "revision": literal(1),
                        "published_revision": version,
                        "version": version,
                        "n_versions": literal(number),
                        "created_at": literal(now, AgentRow.created_at.type),
                        "updated_at": literal(now, AgentRow.created_at.type),
                    },
                    (StagedRow,),
                    StagedRow.import_id == import_id,
                    StagedRow.change == MAKE,
                    is_published,
                )
            except sqlalchemy.exc.IntegrityError:
                raise ConflictError(
                    "another agent was made meanwhile for one of the locations"
                ) from None

    def _insert_versions(self, import_id: str, note: str, now: datetime, actor: str) -> None:
        self._session.copy(
            insert(VersionRow),
            {
                "agent_id": AgentRow.id,
                "number": AgentRow.n_versions,
                "snapshot": StagedRow.snapshot,
                "location": StagedRow.location,
                "note": literal(note),
                "forced": null(),
                "created_at": literal(now, VersionRow.created_at.type),
                "created_by": literal(actor),
            },
            (StagedRow, AgentRow),
            StagedRow.import_id == import_id,
            StagedRow.agent_id == AgentRow.id,
            StagedRow.version.is_not(None),
        )

    def _note_steps(self, import_id: str) -> None:
        """Note what an import changed. What imports before it did to these agents is past."""
        these = self._ids_of(import_id)
        self._run(delete(ImportStepRow).where(ImportStepRow.agent_id.in_(these)))
        step = {
            "agent_id": StagedRow.agent_id,
            "import_id": literal(import_id),
            "location_id": StagedRow.location_id,
            "former": StagedRow.former,
            "former_version": StagedRow.former_version,
        }
        self._session.copy(
            insert(ImportStepRow),
            step | {"revision": AgentRow.revision, "version": AgentRow.version},
            (StagedRow, AgentRow),
            StagedRow.import_id == import_id,
            StagedRow.agent_id == AgentRow.id,
        )
        self._session.copy(
            insert(ImportStepRow),
            step | {"revision": null(), "version": null()},
            (StagedRow,),
            StagedRow.import_id == import_id,
            StagedRow.change == REMOVE,
        )
        n = self._session.scalar(
            select(func.count(StagedRow.agent_id)).where(StagedRow.import_id == import_id)
        )
        self._run(update(ImportRow).where(ImportRow.id == import_id).values(n_steps=n))

    def _ids_of(self, import_id: str, *where: ColumnElement[bool]) -> Select[Any]:
        return select(StagedRow.agent_id).where(StagedRow.import_id == import_id, *where)

    def _run(self, change: Any) -> None:
        self._session.execute(change.execution_options(synchronize_session=False))


def _former(agent: AgentRow) -> dict[str, Any]:
    """Return what an import changes of an agent, as it is before."""
    return {
        "name": agent.name,
        "config": agent.config,
        "isPublished": agent.version is not None and agent.published_revision == agent.revision,
    }


def _gone(location_id: str) -> ConflictError:
    return ConflictError(f"no agent answers location {location_id!r} any more")
