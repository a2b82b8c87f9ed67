"""Totals of call outcomes, counted as calls are stored.

A million calls are too many to count while somebody waits. ScopedSession of the table ``totals`` hold how
many calls of an agent came out alike on one UTC day, and change in the transaction that changes a
call. Only where a question begins or ends within a day are the calls of that day themselves
counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Executable, Integer, cast, func, literal, select

from routing_engine.model.outcomes import Outcome
from routing_engine.store.database import Database
from routing_engine.store.scoped_session import ScopedSession
from routing_engine.store.tables import CallRecord, TotalRow

__all__ = [
    "Alike",
    "Counted",
    "Day",
    "Totals",
    "add_up",
    "add_up_all",
    "add_up_each",
    "came_out",
    "day_of",
    "write_totals",
]

_DAY: Final = timedelta(days=1)


class Alike(NamedTuple):
    """Key of calls that are counted together."""

    organisation_id: str
    agent_id: str
    day: str
    outcome: str
    rule: str


class Counted(NamedTuple):
    """Counts of calls by outcome."""

    calls: int = 0
    transferred: int = 0
    failed_transfers: int = 0

    def plus(self, other: Counted, times: int = 1) -> Counted:
        """Return the sum of both; ``times=-1`` subtracts."""
        return Counted(*(mine + times * its for mine, its in zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True)
class Day:
    """One UTC day.

    Attributes:
        day: ``"2026-03-31"``.
    """

    day: str
    calls: int
    contained: int
    transferred: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Totals of calls.

    Attributes:
        calls: all of them, those that are still on too.
        contained: those that stayed with the agent.
        transferred: those that reached somebody, or were sent to them.
        defaulted: those that went to the location's default destination.
        failed_transfers: attempts that nobody answered; a call may have several.
        by_rule: calls by the label of the rule that took them, most first.
        by_day: days that have any, in order.
    """

    calls: int
    contained: int
    transferred: int
    defaulted: int
    failed_transfers: int
    by_rule: dict[str, int]
    by_day: tuple[Day, ...]

    @property
    def transfer_rate(self) -> float:
        """Share of calls that were transferred, [0, 1]; 0.0 if there are none."""
        return self.transferred / self.calls if self.calls else 0.0

    @property
    def default_rate(self) -> float:
        """Share of calls that went to the default destination, [0, 1]; 0.0 if there are none."""
        return self.defaulted / self.calls if self.calls else 0.0


def write_totals(database: Database, rows: ScopedSession, changes: Mapping[Alike, Counted]) -> None:
    """Add to the totals, always in the same order, so that writers cannot deadlock."""
    given = [
        {**alike._asdict(), **counted._asdict()}
        for alike, counted in sorted(changes.items())
        if any(counted)
    ]
    if given:
        put = database.insert(TotalRow)
        more = {name: getattr(TotalRow, name) + put.excluded[name] for name in Counted._fields}
        rows.execute(
            put.on_conflict_do_update(index_elements=list(Alike._fields), set_=more), given
        )


def add_up(
    rows: ScopedSession,
    agent_id: str,
    *,
    since: datetime | None,
    until: datetime | None,
    outcome: str | None,
    rule: str | None,
) -> Totals:
    """Add up the calls opened in [since, until) that match the filters."""
    asked = agent_id, since, until, outcome, rule
    total = Counted()
    by_outcome: Counter[str] = Counter()
    by_rule: Counter[str] = Counter()
    by_day: dict[str, Counted] = {}
    contained: Counter[str] = Counter()
    for query in _queries("outcome", *asked):
        for day, came_out, *numbers in rows.execute(query):
            counted = Counted(*map(int, numbers))
            total = total.plus(counted)
            by_outcome[came_out] += counted.calls
            by_day[day] = by_day.get(day, Counted()).plus(counted)
            if came_out == Outcome.CONTAIN:
                contained[day] += counted.calls
    for query in _queries("rule", *asked):
        for _, label, n_calls, *_ in rows.execute(query):
            by_rule[label or ""] += int(n_calls)
    return Totals(
        calls=total.calls,
        contained=by_outcome[Outcome.CONTAIN],
        transferred=total.transferred,
        defaulted=by_outcome[Outcome.DEFAULT],
        failed_transfers=total.failed_transfers,
        by_rule={
            label: n
            for label, n in sorted(by_rule.items(), key=lambda item: (-item[1], item[0]))
            if label and n
        },
        by_day=tuple(
            Day(day, counted.calls, contained[day], counted.transferred)
            for day, counted in sorted(by_day.items())
            if counted.calls
        ),
    )


def add_up_each(
    rows: ScopedSession, agent_ids: Sequence[str], since: datetime
) -> dict[str, Totals]:
    """Totals of several agents' calls since the UTC day of a moment; without rules and days.

    One question to the database, whatever the number of agents.
    """
    found: dict[str, dict[str, Counted]] = {}
    query = (
        select(
            TotalRow.agent_id,
            TotalRow.outcome,
            func.sum(TotalRow.calls),
            func.sum(TotalRow.transferred),
            func.sum(TotalRow.failed_transfers),
        )
        .where(TotalRow.agent_id.in_(agent_ids), TotalRow.day >= day_of(since))
        .group_by(TotalRow.agent_id, TotalRow.outcome)
    )
    for agent_id, outcome, *numbers in rows.execute(query):
        found.setdefault(agent_id, {})[outcome] = Counted(*map(int, numbers))
    return {agent_id: _totals_of(found.get(agent_id, {})) for agent_id in agent_ids}


def add_up_all(
    rows: ScopedSession, first: str, last: str, *, most_agents: int
) -> tuple[Totals, dict[str, Totals]]:
    """Totals of all agents of an organisation on whole UTC days, and of those with most calls.

    Args:
        rows: of the organisation.
        first, last: days, both counted, ``"2026-03-31"``.
        most_agents: so many agents, with most calls first; without rules and days.
    """
    days = (TotalRow.day >= first) & (TotalRow.day <= last)
    counted = (func.sum(TotalRow.calls), func.sum(TotalRow.transferred))
    by_outcome: dict[str, Counted] = {}
    by_day: dict[str, list[int]] = {}
    query: Any = (
        select(TotalRow.day, TotalRow.outcome, *counted, func.sum(TotalRow.failed_transfers))
        .where(days)
        .group_by(TotalRow.day, TotalRow.outcome)
    )
    for day, outcome, *numbers in rows.execute(query):
        one = Counted(*map(int, numbers))
        by_outcome[outcome] = by_outcome.get(outcome, Counted()).plus(one)
        of_day = by_day.setdefault(day, [0, 0, 0])
        of_day[0] += one.calls
        of_day[1] += one.calls if outcome == Outcome.CONTAIN else 0
        of_day[2] += one.transferred
    query = select(TotalRow.rule, counted[0]).where(days).group_by(TotalRow.rule)
    by_rule = {label: int(n) for label, n in rows.execute(query) if label and n}
    query = (
        select(TotalRow.agent_id)
        .where(days)
        .group_by(TotalRow.agent_id)
        .order_by(counted[0].desc(), TotalRow.agent_id)
        .limit(most_agents)
    )
    busiest = [agent_id for (agent_id,) in rows.execute(query)]
    found: dict[str, dict[str, Counted]] = {}
    query = (
        select(TotalRow.agent_id, TotalRow.outcome, *counted, func.sum(TotalRow.failed_transfers))
        .where(days, TotalRow.agent_id.in_(busiest))
        .group_by(TotalRow.agent_id, TotalRow.outcome)
    )
    for agent_id, outcome, *numbers in rows.execute(query):
        found.setdefault(agent_id, {})[outcome] = Counted(*map(int, numbers))
    totals = replace(
        _totals_of(by_outcome),
        by_rule=dict(sorted(by_rule.items(), key=lambda item: (-item[1], item[0]))),
        by_day=tuple(Day(day, *by_day[day]) for day in sorted(by_day) if by_day[day][0]),
    )
    return totals, {agent_id: _totals_of(found[agent_id]) for agent_id in busiest}


def _totals_of(by_outcome: Mapping[str, Counted]) -> Totals:
    total = Counted()
    for counted in by_outcome.values():
        total = total.plus(counted)
    return Totals(
        calls=total.calls,
        contained=by_outcome.get(Outcome.CONTAIN, Counted()).calls,
        transferred=total.transferred,
        defaulted=by_outcome.get(Outcome.DEFAULT, Counted()).calls,
        failed_transfers=total.failed_transfers,
        by_rule={},
        by_day=(),
    )


def _queries(
    by: Literal["outcome", "rule"],
    agent_id: str,
    since: datetime | None,
    until: datetime | None,
    outcome: str | None,
    rule: str | None,
) -> Iterator[Executable]:
    """Yield queries to add up: totals of whole days, and calls of partial days."""
    first, last = None, None  # the whole days: first <= day < last
    if since is not None:
        since = since.astimezone(UTC)
        first = _midnight(since)
        if first < since:
            first += _DAY
    if until is not None:
        until = until.astimezone(UTC)
        last = _midnight(until)
    if first is not None and last is not None and last < first:  # within one day
        yield _calls(by, agent_id, since, until, outcome, rule)
        return
    if since is not None and first is not None and since < first:
        yield _calls(by, agent_id, since, first, outcome, rule)
    if until is not None and last is not None and last < until:
        yield _calls(by, agent_id, last, until, outcome, rule)
    query: Any = (
        select(
            TotalRow.day if by == "outcome" else literal(""),
            getattr(TotalRow, by),
            func.sum(TotalRow.calls),
            func.sum(TotalRow.transferred),
            func.sum(TotalRow.failed_transfers),
        )
        .where(TotalRow.agent_id == agent_id)
        .group_by(*((TotalRow.day, TotalRow.outcome) if by == "outcome" else (TotalRow.rule,)))
    )
    if first is not None:
        query = query.where(TotalRow.day >= day_of(first))
    if last is not None:
        query = query.where(TotalRow.day < day_of(last))
    yield came_out(query, TotalRow, outcome, rule)


def _calls(
    by: Literal["outcome", "rule"],
    agent_id: str,
    since: datetime | None,
    until: datetime | None,
    outcome: str | None,
    rule: str | None,
) -> Any:
    """Build a query that adds up the calls of part of a day."""
    assert since is not None
    query: Any = (
        select(
            literal(day_of(since)),
            getattr(CallRecord, by),
            func.count(CallRecord.id),
            func.sum(cast(CallRecord.transferred, Integer)),
            func.sum(CallRecord.failed_transfers),
        )
        .where(CallRecord.agent_id == agent_id, CallRecord.opened_at >= since)
        .where(CallRecord.opened_at < until)
        .group_by(getattr(CallRecord, by))
    )
    return came_out(query, CallRecord, outcome, rule)


def came_out(
    query: Any, table: type[CallRecord | TotalRow], outcome: str | None, rule: str | None
) -> Any:
    """Build a query of a table, filtered by outcome and rule if given."""
    if outcome is not None:
        query = query.where(table.outcome == outcome)
    if rule is not None:
        query = query.where(table.rule == rule)
    return query


def day_of(moment: datetime) -> str:
    """Return the UTC day in which a call is counted."""
    return moment.astimezone(UTC).date().isoformat()


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), time(), UTC)
