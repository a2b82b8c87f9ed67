"""Agents and their drafts, skills aside. One agent answers for one location."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import sqlalchemy.exc
from sqlalchemy import ColumnElement, delete, func, select

from routing_engine.errors import (
    ConflictError,
    InvalidValueError,
    NotFoundError,
    PreconditionFailedError,
)
from routing_engine.store.announcing import Announcements
from routing_engine.store.auditing import Audits
from routing_engine.store.pages import Page, page_of
from routing_engine.store.slices import chunks
from routing_engine.store.tables import AgentRow, new_id, present
from routing_engine.store.transaction import Transaction

__all__ = ["DOCUMENTS", "Agent", "Agents", "DocumentKind", "agent_of", "etag_of", "revision_of"]

DocumentKind = Literal["guardrails", "callerVerification", "tests"]

DOCUMENTS: Final[dict[str, str]] = {
    "guardrails": "guardrails",
    "callerVerification": "caller_verification",
    "tests": "tests",
}
"""Documents of a draft beside its configuration -> their columns."""


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent and its draft, skills aside.

    Attributes:
        location_id: what calls name it by; unique in its organisation.
        config: the draft document.
        etag: of the whole draft: configuration, skills, guardrails, verification, tests and name.
        version: the version that is published, or None.
        is_changed: the draft may say something else than the version that is published.
    """

    id: str
    location_id: str
    name: str
    config: dict[str, Any]
    etag: str
    version: int | None
    created_at: datetime
    updated_at: datetime
    is_changed: bool = True


class Agents:
    """The agents of an organisation.

    In a unit of work that writes, an agent that was read is locked until the end: what was read and is
    written back, changed, undoes nobody else's change.
    """

    def __init__(
        self, transaction: Transaction, audits: Audits, announcements: Announcements
    ) -> None:
        self._transaction = transaction
        self._session = transaction.session
        self._audits = audits
        self._announcements = announcements

    def create(self, name: str, location_id: str | None, config: dict[str, Any]) -> Agent:
        """Create an agent with a draft.

        Args:
            location_id: None takes the agent's id.

        Raises:
            ConflictError: another agent answers this location.
        """
        agent_id, now = new_id("agt"), present()
        row = AgentRow(
            organisation_id=self._transaction.organisation_id,
            id=agent_id,
            location_id=agent_id if location_id is None else location_id,
            name=name,
            config=config,
            guardrails={},
            caller_verification={},
            tests={},
            revision=1,
            published_revision=None,
            version=None,
            n_versions=0,
            created_at=now,
            updated_at=now,
        )
        self._session.add(row)
        try:
            self._session.flush()
        except sqlalchemy.exc.IntegrityError:
            raise ConflictError(f"another agent answers location {location_id!r}") from None
        self._audits.record("agent.create", agent_id, {"locationId": row.location_id})
        return agent_of(row)

    def get(self, agent_id: str) -> Agent:
        """Return one agent.

        Raises:
            NotFoundError: agent not found.
        """
        return agent_of(self.row(agent_id))

    def named(self, agent_ids: Iterable[str]) -> dict[str, Agent]:
        """Those of some agents that are there, by id."""
        found = {}
        for some in chunks(sorted(agent_ids)):
            for row in self._session.scalars(select(AgentRow).where(AgentRow.id.in_(some))):
                found[row.id] = agent_of(row)
        return found

    def ids(self) -> set[str]:
        """The ids of all agents."""
        return set(self._session.scalars(select(AgentRow.id)))

    def page(
        self, limit: int = 50, cursor: str | None = None, *, location_id: str | None = None
    ) -> Page[Agent]:
        """List agents, oldest first."""
        query = select(AgentRow)
        if location_id is not None:
            query = query.where(AgentRow.location_id == location_id)
        order = (AgentRow.created_at, AgentRow.id)
        return page_of(self._session, query, order, agent_of, limit=limit, cursor=cursor)

    def search(
        self,
        text: str = "",
        limit: int = 50,
        cursor: str | None = None,
        *,
        is_published: bool | None = None,
        is_changed: bool | None = None,
    ) -> Page[Agent]:
        """Agents whose name or location id holds a text, whatever its case, by name.

        Args:
            text: white space around it does not count.
            limit, cursor: of the page.
            is_published: only those with a published version, or only those without.
            is_changed: only those whose draft may differ from what is published, or only others.
        """
        query = self._found(text, is_published=is_published, is_changed=is_changed)
        order = (AgentRow.name, AgentRow.id)
        return page_of(
            self._session,
            select(AgentRow).where(*query),
            order,
            agent_of,
            limit=limit,
            cursor=cursor,
        )

    def count(
        self,
        text: str = "",
        *,
        is_published: bool | None = None,
        is_changed: bool | None = None,
    ) -> int:
        """How many agents :meth:`search` finds."""
        query = self._found(text, is_published=is_published, is_changed=is_changed)
        found = self._session.scalar(select(func.count(AgentRow.id)).where(*query))
        return int(found or 0)

    def _found(
        self, text: str, *, is_published: bool | None, is_changed: bool | None
    ) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        if text.strip():
            needle = text.strip().lower()
            conditions.append(
                func.lower(AgentRow.name).contains(needle, autoescape=True)
                | func.lower(AgentRow.location_id).contains(needle, autoescape=True)
            )
        if is_published is not None:
            published = AgentRow.version.is_not(None)
            conditions.append(published if is_published else ~published)
        if is_changed is not None:
            same = AgentRow.version.is_not(None) & (
                AgentRow.published_revision == AgentRow.revision
            )
            # NULL is no revision, and no condition is true of it.
            conditions.append(~func.coalesce(same, False) if is_changed else same)
        return conditions

    def etags(self) -> dict[str, str]:
        """The etag of every agent's draft, by location."""
        found = self._session.execute(select(AgentRow.location_id, AgentRow.revision))
        return {location_id: etag_of(revision) for location_id, revision in found}

    def update(
        self,
        agent_id: str,
        *,
        config: dict[str, Any] | None = None,
        name: str | None = None,
        if_match: str | None = None,
    ) -> Agent:
        """Update the draft; fields that are None stay.

        Raises:
            NotFoundError: agent not found.
            PreconditionFailedError: ``if_match`` is given and is not the draft's etag.
        """
        row = self.row(agent_id, if_match)
        if config is not None:
            row.config = config
        if name is not None:
            row.name = name
        self.touch(row)
        self._audits.record("agent.update", agent_id)
        return agent_of(row)

    def delete(self, agent_id: str, if_match: str | None = None) -> None:
        """Delete an agent with its draft, and unpublish it. Its versions stay."""
        agent = self.row(agent_id, if_match)
        self._announcements.withdraw([agent])
        self._session.execute(delete(AgentRow).where(AgentRow.id == agent_id))
        self._audits.record("agent.delete", agent_id, {"locationId": agent.location_id})

    def document(self, agent_id: str, kind: DocumentKind) -> dict[str, Any]:
        """Return one of the draft's other documents; empty if there is none.

        Raises:
            NotFoundError: agent not found.
        """
        document: dict[str, Any] = getattr(self.row(agent_id), _column(kind))
        return document

    def put_document(
        self,
        agent_id: str,
        kind: DocumentKind,
        document: dict[str, Any],
        if_match: str | None = None,
    ) -> Agent:
        """Replace one of the draft's other documents.

        Raises:
            NotFoundError, PreconditionFailedError: as :meth:`update`.
        """
        column = _column(kind)
        row = self.row(agent_id, if_match)
        setattr(row, column, document)
        self.touch(row)
        self._audits.record(f"agent.{kind}", agent_id)
        return agent_of(row)

    def row(self, agent_id: str, if_match: str | None = None) -> AgentRow:
        """Return the row of an agent, for the other repositories.

        Raises:
            NotFoundError, PreconditionFailedError: as :meth:`update`.
        """
        query = select(AgentRow).where(AgentRow.id == agent_id)
        if self._session.writing:
            # Its key does not change: whoever only refers to it need not wait.
            query = query.with_for_update(key_share=True)
        row = self._session.scalar(query.execution_options(populate_existing=True))
        if row is None:
            raise NotFoundError("agent", agent_id)
        if if_match is not None and if_match != etag_of(row.revision):
            raise PreconditionFailedError(agent_id, etag_of(row.revision))
        return row

    def touch(self, row: AgentRow) -> None:
        """Record a change of the draft: a new etag and time."""
        row.revision += 1
        row.updated_at = present()
        self._session.flush()


def agent_of(row: AgentRow) -> Agent:
    """Convert a row to the value that the store returns."""
    return Agent(
        row.id,
        row.location_id,
        row.name,
        row.config,
        etag_of(row.revision),
        row.version,
        row.created_at,
        row.updated_at,
        row.version is None or row.published_revision != row.revision,
    )


def etag_of(revision: int) -> str:
    """Return the etag of a revision."""
    return f"r{revision}"


def revision_of(etag: str) -> int:
    """Return the revision that an etag stands for; -1 for what is no etag."""
    number = etag.removeprefix("r")
    return int(number) if number.isascii() and number.isdigit() else -1


def _column(kind: str) -> str:
    if kind not in DOCUMENTS:
        raise InvalidValueError(f"unknown draft document {kind!r}; expected {', '.join(DOCUMENTS)}")
    return DOCUMENTS[kind]
