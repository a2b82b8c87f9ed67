"""Which published agent answers a line: within an organisation, one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy.exc
from pydantic_core import from_json
from sqlalchemy import Select, delete, insert, select

from routing_engine.errors import ConflictError, mask
from routing_engine.store.slices import chunks
from routing_engine.store.tables import AgentRow, LineRow
from routing_engine.store.transaction import Transaction

__all__ = ["Lines", "lines_of"]


class Lines:
    """The lines of an organisation's published agents, in one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._session = transaction.session

    def release(self, agent_ids: Iterable[str]) -> None:
        """Give up the lines of agents."""
        for some in chunks(list(agent_ids)):
            self._session.execute(delete(LineRow).where(LineRow.agent_id.in_(some)))

    def release_all(self, agent_ids: Select[Any]) -> None:
        """Give up the lines of the agents that a query finds."""
        self._session.execute(
            delete(LineRow)
            .where(LineRow.agent_id.in_(agent_ids))
            .execution_options(synchronize_session=False)
        )

    def take(self, lines: Mapping[str, Sequence[str]]) -> None:
        """Give agents these lines, and no others.

        Args:
            lines: agent id -> of the location that is published of it.

        Raises:
            ConflictError: another agent has one of the lines.
        """
        self.release(lines)
        owner: dict[str, str] = {}
        for agent_id, theirs in lines.items():
            for line in theirs:
                other = owner.setdefault(line, agent_id)
                if other != agent_id:
                    raise _conflict(line, self._location_id(other), self._location_id(agent_id))
        if not owner:
            return
        for some in chunks(list(owner)):
            taken = self._session.execute(
                select(LineRow.line, LineRow.agent_id).where(LineRow.line.in_(some))
            ).first()
            if taken is not None:
                line, other = taken
                raise _conflict(line, self._location_id(other), self._location_id(owner[line]))
        try:
            self._session.execute(
                insert(LineRow),
                [
                    {
                        "organisation_id": self._transaction.organisation_id,
                        "line": line,
                        "agent_id": agent_id,
                    }
                    for line, agent_id in owner.items()
                ],
            )
        except sqlalchemy.exc.IntegrityError:
            raise ConflictError(
                "another location was published meanwhile with one of the lines"
            ) from None

    def _location_id(self, agent_id: str) -> str:
        found = self._session.scalar(select(AgentRow.location_id).where(AgentRow.id == agent_id))
        return agent_id if found is None else found


def lines_of(location: str) -> list[str]:
    """Return the lines of a location; none of a text that is no location."""
    try:
        fields = from_json(location)
    except ValueError:
        return []
    lines = fields.get("lines") if isinstance(fields, dict) else None
    return [line for line in lines if isinstance(line, str)] if isinstance(lines, list) else []


def _conflict(line: str, one: str, other: str) -> ConflictError:
    return ConflictError(
        f"line {mask(line)!r} belongs to location {one!r}, and cannot be {other!r}'s too; take it "
        "from one of them and publish that first"
    )
