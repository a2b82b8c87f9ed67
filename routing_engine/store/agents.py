"""Agents and the greater part of their drafts. One agent answers one location."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import sqlalchemy.exc
from sqlalchemy import select

from routing_engine.errors import (
    ConflictError,
    InvalidValueError,
    NotFoundError,
    PreconditionFailedError,
)
from routing_engine.store.auditing import Audited
from routing_engine.store.pages import Page, page_of
from routing_engine.store.tables import AgentRow, new_id, present

__all__ = ["DOCUMENTS", "Agent", "Agents", "DocumentKind", "agent_of"]

DocumentKind = Literal["guardrails", "callerVerification", "tests"]

DOCUMENTS: Final[dict[str, str]] = {
    "guardrails": "guardrails",
    "callerVerification": "caller_verification",
    "tests": "tests",
}
"""A draft's other documents -> their columns."""


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent and the greater part of its draft.

    Attributes:
        location_id: what calls name it by; unique in its organisation.
        config: the draft document.
        etag: of the whole draft: configuration, skills, guardrails, verification, tests and name.
        version: the version that is published, or None.
    """

    id: str
    location_id: str
    name: str
    config: dict[str, Any]
    etag: str
    version: int | None
    created_at: datetime
    updated_at: datetime


class Agents(Audited):
    """The agents of an organisation.

    In a work that writes, an agent that was read is locked until the end: what was read and is
    written back, changed, undoes nobody else's change.
    """

    def create_agent(self, name: str, location_id: str | None, config: dict[str, Any]) -> Agent:
        """A new agent with a draft.

        Args:
            location_id: None takes the agent's id.

        Raises:
            ConflictError: another agent answers this location.
        """
        agent_id, now = new_id("agt"), present()
        row = AgentRow(
            organisation_id=self.organisation_id,
            id=agent_id,
            location_id=agent_id if location_id is None else location_id,
            name=name,
            config=config,
            guardrails={},
            caller_verification={},
            tests={},
            revision=1,
            version=None,
            n_versions=0,
            created_at=now,
            updated_at=now,
        )
        self._rows.add(row)
        try:
            self._rows.flush()
        except sqlalchemy.exc.IntegrityError:
            raise ConflictError(f"another agent answers location {location_id!r}") from None
        self.audit("agent.create", agent_id, {"locationId": row.location_id})
        return agent_of(row)

    def agent(self, agent_id: str) -> Agent:
        """One agent.

        Raises:
            NotFoundError: agent not found.
        """
        return agent_of(self._agent(agent_id))

    def agents(
        self, limit: int = 50, cursor: str | None = None, *, location_id: str | None = None
    ) -> Page[Agent]:
        """Agents, oldest first."""
        query = select(AgentRow)
        if location_id is not None:
            query = query.where(AgentRow.location_id == location_id)
        order = (AgentRow.created_at, AgentRow.id)
        return page_of(self._rows, query, order, agent_of, limit=limit, cursor=cursor)

    def update_agent(
        self,
        agent_id: str,
        *,
        config: dict[str, Any] | None = None,
        name: str | None = None,
        if_match: str | None = None,
    ) -> Agent:
        """Change the draft; what is None stays.

        Raises:
            NotFoundError: agent not found.
            PreconditionFailedError: ``if_match`` is given and is not the draft's etag.
        """
        row = self._agent(agent_id, if_match)
        if config is not None:
            row.config = config
        if name is not None:
            row.name = name
        self._touch(row)
        self.audit("agent.update", agent_id)
        return agent_of(row)

    def document(self, agent_id: str, kind: DocumentKind) -> dict[str, Any]:
        """One of the draft's other documents; empty where there is none.

        Raises:
            NotFoundError: agent not found.
        """
        document: dict[str, Any] = getattr(self._agent(agent_id), _column(kind))
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
            NotFoundError, PreconditionFailedError: as :meth:`update_agent`.
        """
        column = _column(kind)
        row = self._agent(agent_id, if_match)
        setattr(row, column, document)
        self._touch(row)
        self.audit(f"agent.{kind}", agent_id)
        return agent_of(row)

    def _agent(self, agent_id: str, if_match: str | None = None) -> AgentRow:
        query = select(AgentRow).where(AgentRow.id == agent_id)
        if self._rows.writing:
            # Its key does not change: whoever only refers to it need not wait.
            query = query.with_for_update(key_share=True)
        row = self._rows.scalar(query.execution_options(populate_existing=True))
        if row is None:
            raise NotFoundError("agent", agent_id)
        if if_match is not None and if_match != _etag(row):
            raise PreconditionFailedError(agent_id, _etag(row))
        return row

    def _touch(self, row: AgentRow) -> None:
        """Record a change of the draft: a new etag and time."""
        row.revision += 1
        row.updated_at = present()
        self._rows.flush()


def agent_of(row: AgentRow) -> Agent:
    """Convert a row to the value that the store returns."""
    return Agent(
        row.id,
        row.location_id,
        row.name,
        row.config,
        _etag(row),
        row.version,
        row.created_at,
        row.updated_at,
    )


def _etag(row: AgentRow) -> str:
    return f"r{row.revision}"


def _column(kind: str) -> str:
    if kind not in DOCUMENTS:
        raise InvalidValueError(f"unknown draft document {kind!r}; expected {', '.join(DOCUMENTS)}")
    return DOCUMENTS[kind]
