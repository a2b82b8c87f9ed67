"""Calls and their decisions. What callers said, and who they are, is encrypted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import defer

from routing_engine.errors import NotFoundError, WrongSecretError
from routing_engine.store.database import Database
from routing_engine.store.pages import Page, page_of
from routing_engine.store.scoped_session import ScopedSession
from routing_engine.store.tables import CallRecord, DecisionRecord
from routing_engine.store.totals import (
    Alike,
    Counted,
    Totals,
    add_up,
    add_up_all,
    add_up_each,
    came_out,
    day_of,
    write_totals,
)
from routing_engine.store.transaction import Transaction

__all__ = ["CallRow", "Calls", "DecisionRow", "insert_decisions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """A stored call.

    Attributes:
        version: the agent's version that answered.
        outcome, reason, rule: the last decision's; None before there is one.
        transferred: somebody was, or is to be, dialled for the caller.
        failed_transfers: attempts that nobody answered.
        record: the call as :meth:`~routing_engine.calls.call.Call.to_json` gives it; None where
            nothing is kept. Stored sealed.
        handoff: what the person who picks up gets, as JSON. Stored sealed.
        expires_at: when record and handoff are deleted; None for never.
    """

    id: str
    agent_id: str
    version: int | None
    opened_at: datetime
    ended_at: datetime | None = None
    outcome: str | None = None
    reason: str | None = None
    rule: str | None = None
    transferred: bool = False
    failed_transfers: int = 0
    record: str | None = None
    handoff: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """A stored decision, without what was said.

    Attributes:
        call_id: the call it was made in. One that was asked for by itself has the id of a call
            that is stored with it, opened and ended at once.
        is_alone: it was asked for by itself.
    """

    organisation_id: str
    id: str
    call_id: str
    agent_id: str
    version: int | None
    decided_at: datetime
    outcome: str
    reason: str
    rule: str | None = None
    confidence: float = 0.0
    transferred: bool = False
    is_alone: bool = False


class Calls:
    """The calls of an organisation."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._session = transaction.session
        self._counted: dict[Alike, Counted] = {}

    def put(self, call: CallRow, *, sealed: bool = True) -> None:
        """Insert or update a call.

        Args:
            sealed: False to leave its record and handoff as they are stored.
        """
        row = self._session.scalar(
            select(CallRecord).where(CallRecord.id == call.id).with_for_update()
        )
        if row is None:
            row = CallRecord(organisation_id=self._transaction.organisation_id, id=call.id)
            self._session.add(row)
        else:
            self._count(row, -1)
        for name in _CLEAR:
            setattr(row, name, getattr(call, name))
        for name in _SEALED if sealed else ():
            text = getattr(call, name)
            place = self._call_place(call.id, name)
            setattr(
                row, name, None if text is None else self._transaction.sealer.seal(text, *place)
            )
        self._count(row, +1)

    def get(self, call_id: str, *, sealed: bool = True) -> CallRow:
        """Return one call, decrypted.

        Args:
            sealed: False to leave out its record and handoff, for which the secret is needed.

        Raises:
            NotFoundError: there is no such call.
            WrongSecretError: it was sealed with another secret.
        """
        query = select(CallRecord).where(CallRecord.id == call_id)
        if self._session.writing:
            query = query.with_for_update()
        row = self._session.scalar(query)
        if row is None:
            raise NotFoundError("call", call_id)
        opened = {
            name: self._transaction.sealer.open(text, *self._call_place(call_id, name))
            for name in _SEALED
            if sealed and (text := getattr(row, name)) is not None
        }
        return _call(row, **opened)

    def page(
        self,
        agent_id: str,
        limit: int = 50,
        cursor: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        outcome: str | None = None,
        rule: str | None = None,
    ) -> Page[CallRow]:
        """List calls opened in [since, until), newest first, without encrypted parts."""
        query = select(CallRecord).where(CallRecord.agent_id == agent_id)
        if since is not None:
            query = query.where(CallRecord.opened_at >= since)
        if until is not None:
            query = query.where(CallRecord.opened_at < until)
        query = came_out(query, CallRecord, outcome, rule)
        return page_of(
            self._session,
            query.options(defer(CallRecord.record), defer(CallRecord.handoff)),
            (CallRecord.opened_at, CallRecord.id),
            _call,
            limit=limit,
            cursor=cursor,
            newest_first=True,
        )

    def totals_each(self, agent_ids: Sequence[str], since: datetime) -> dict[str, Totals]:
        """Totals of several agents since the UTC day of a moment; without rules and days.

        Args:
            agent_ids: of at most a page.
            since: the day that is counted first.
        """
        return add_up_each(self._session, agent_ids, since)

    def totals_all(
        self, first: date, last: date, *, most_agents: int
    ) -> tuple[Totals, dict[str, Totals]]:
        """Totals of all agents on whole UTC days, and of the agents with most calls.

        Args:
            first, last: days, both counted.
            most_agents: so many, with most calls first; without rules and days.
        """
        return add_up_all(
            self._session, first.isoformat(), last.isoformat(), most_agents=most_agents
        )

    def kept(self, agent_id: str | None, limit: int) -> list[CallRow]:
        """The last calls that have ended and whose words are kept, newest first.

        Args:
            agent_id: of one agent; None for all of the organisation.
            limit: at most so many.

        One that was sealed with another secret than this store's cannot be read, and is left out.
        """
        query = select(CallRecord).where(CallRecord.record.is_not(None))
        if agent_id is not None:
            query = query.where(CallRecord.agent_id == agent_id)
        found = self._session.scalars(
            query.where(CallRecord.ended_at.is_not(None))
            .order_by(CallRecord.opened_at.desc(), CallRecord.id.desc())
            .limit(limit)
        )
        calls = []
        for row in found:
            assert row.record is not None
            place = self._call_place(row.id, "record")
            with suppress(WrongSecretError):
                calls.append(_call(row, record=self._transaction.sealer.open(row.record, *place)))
        return calls

    def decisions(
        self, call_id: str, limit: int = 50, cursor: str | None = None
    ) -> Page[DecisionRow]:
        """Return the decisions of a call, in order."""
        return page_of(
            self._session,
            select(DecisionRecord).where(DecisionRecord.call_id == call_id),
            (DecisionRecord.decided_at, DecisionRecord.id),
            _decision,
            limit=limit,
            cursor=cursor,
        )

    def totals(
        self,
        agent_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        outcome: str | None = None,
        rule: str | None = None,
    ) -> Totals:
        """Count the outcomes of all calls that :meth:`page` lists."""
        self.write_totals()
        return add_up(self._session, agent_id, since=since, until=until, outcome=outcome, rule=rule)

    def _call_place(self, call_id: str, column: str) -> tuple[str, ...]:
        return "calls", self._transaction.organisation_id, column, call_id

    def _count(self, row: CallRecord, times: int) -> None:
        alike = Alike(
            row.organisation_id,
            row.agent_id,
            day_of(row.opened_at),
            row.outcome or "",
            row.rule or "",
        )
        counted = Counted(1, int(row.transferred), row.failed_transfers)
        self._counted[alike] = self._counted.get(alike, Counted()).plus(counted, times)

    def write_totals(self) -> None:
        """Add this transaction's calls to the totals.

        Last in a transaction: rows that many calls share are locked no longer than need be.
        """
        write_totals(self._transaction.database, self._session, self._counted)
        self._counted.clear()


def insert_decisions(
    database: Database, rows: ScopedSession, decisions: Iterable[DecisionRow]
) -> None:
    """Store decisions, and a call for each that does not belong to one."""
    made: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    counted: dict[Alike, Counted] = {}
    for decision in decisions:
        row = {name: getattr(decision, name) for name in _DECISION}
        made.append(row)
        if not decision.is_alone:
            continue
        calls.append(
            {name: row[name] for name in _SHARED}
            | {
                "id": decision.call_id,
                "opened_at": decision.decided_at,
                "ended_at": decision.decided_at,
                "transferred": decision.transferred,
                "failed_transfers": 0,
                "record": None,
                "handoff": None,
                "expires_at": None,
            }
        )
        alike = Alike(
            decision.organisation_id,
            decision.agent_id,
            day_of(decision.decided_at),
            decision.outcome,
            decision.rule or "",
        )
        one = Counted(1, int(decision.transferred))
        counted[alike] = counted.get(alike, Counted()).plus(one)
    if made:
        rows.execute(insert(DecisionRecord), made)
    if calls:
        rows.execute(insert(CallRecord), calls)
    write_totals(database, rows, counted)


_SEALED = ("record", "handoff")
_CLEAR = (
    *("agent_id", "version", "opened_at", "ended_at", "outcome", "reason", "rule"),
    *("transferred", "failed_transfers", "expires_at"),
)
_SHARED = ("organisation_id", "agent_id", "version", "outcome", "reason", "rule")
_DECISION = (*_SHARED, "id", "call_id", "decided_at", "confidence")


def _call(row: CallRecord, **opened: Any) -> CallRow:
    return CallRow(id=row.id, **{name: getattr(row, name) for name in _CLEAR}, **opened)


def _decision(row: DecisionRecord) -> DecisionRow:
    return DecisionRow(**{name: getattr(row, name) for name in _DECISION})
