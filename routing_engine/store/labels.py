"""Labelled calls: what callers said, and the rule that is right for it. Words are encrypted."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import delete, func, select

from routing_engine.errors import WrongSecretError
from routing_engine.store.agents import Agents
from routing_engine.store.auditing import Audits
from routing_engine.store.tables import LabelRow, present
from routing_engine.store.transaction import Transaction

__all__ = ["LabelledCall", "Labels"]


@dataclass(frozen=True, slots=True)
class LabelledCall:
    """What a caller of an agent said.

    Attributes:
        label: of the rule that is right; None where none is.
    """

    agent_id: str
    said: str
    label: str | None


class Labels:
    """The labelled calls of an organisation. They stay until somebody deletes them."""

    def __init__(self, transaction: Transaction, audits: Audits, agents: Agents) -> None:
        self._transaction = transaction
        self._session = transaction.session
        self._audits = audits
        self._agents = agents

    def put(self, agent_id: str, said: str, label: str | None) -> None:
        """Label what a caller said; in place of an earlier label of the same words.

        Raises:
            NotFoundError: agent not found.
        """
        agent = self._agents.row(agent_id)
        folded = " ".join(said.casefold().split())
        organisation_id = self._transaction.organisation_id
        mark = self._transaction.sealer.mark(folded, "labels", organisation_id, agent.id)
        row = self._session.scalar(select(LabelRow).where(LabelRow.id == mark))
        if row is None:
            row = LabelRow(
                organisation_id=organisation_id,
                id=mark,
                agent_id=agent.id,
                said=self._transaction.sealer.seal(said, *self._place(mark)),
                created_at=present(),
            )
            self._session.add(row)
        row.label = label
        self._session.flush()
        self._audits.record("label.put", agent_id)

    def all(self, limit: int) -> list[LabelledCall]:
        """The last labelled calls, newest first.

        One that was sealed with another secret cannot be read, and is left out.
        """
        rows = self._session.scalars(
            select(LabelRow).order_by(LabelRow.created_at.desc(), LabelRow.id).limit(limit)
        )
        found = []
        for row in rows:
            with suppress(WrongSecretError):
                said = self._transaction.sealer.open(row.said, *self._place(row.id))
                found.append(LabelledCall(row.agent_id, said, row.label))
        return found

    def count(self) -> int:
        """How many there are."""
        return int(self._session.scalar(select(func.count(LabelRow.id))) or 0)

    def clear(self) -> None:
        """Delete them all."""
        self._session.execute(delete(LabelRow).execution_options(synchronize_session=False))
        self._audits.record("label.clear", self._transaction.organisation_id)

    def _place(self, mark: str) -> tuple[str, ...]:
        return "labels", self._transaction.organisation_id, "said", mark
