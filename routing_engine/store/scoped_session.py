"""Sessions scoped to one organisation: the only access to rows.

Every statement passes :func:`_only_its_own`, whoever wrote it. It adds the organisation to all
that reads, changes or deletes, in joins and subqueries too, and refuses what it cannot add it to:
SQL text, bare tables, statements inside statements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, NoReturn

from sqlalchemy import (
    Column,
    ColumnElement,
    Engine,
    Join,
    Select,
    TableClause,
    TextClause,
    event,
    func,
    inspect,
    literal,
    select,
)
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, with_loader_criteria
from sqlalchemy.sql import visitors
from sqlalchemy.sql.dml import Insert, UpdateBase
from sqlalchemy.sql.selectable import SelectBase, TextualSelect

from routing_engine.errors import StoreError
from routing_engine.store.tables import Owned

__all__ = ["ALL", "ScopedSession", "UnownedError"]


class All(Enum):
    """Marks access to all organisations, for the store's own maintenance."""

    ALL = "all organisations"


ALL: Final = All.ALL


class UnownedError(StoreError):
    """A statement that cannot be scoped to one organisation: a bug in this library."""


class ScopedSession(Session):
    """The rows of one organisation, within one transaction.

    Args:
        engine: the database.
        organisation: whose rows there are.
        writing: whether anything may be changed.
    """

    def __init__(self, engine: Engine, organisation: str | All, *, writing: bool) -> None:
        if not isinstance(organisation, All) and not organisation:
            raise UnownedError("a session needs an organisation")
        super().__init__(engine, expire_on_commit=False)
        self.organisation: Final = organisation
        self.writing: Final = writing

    def owns(self, organisation_id: object) -> bool:
        """Whether a row of an organisation may be written in this session."""
        return self.organisation is ALL or organisation_id == self.organisation

    def call(self, function: str, *values: str | int) -> None:
        """Call a database function that touches no rows."""
        super().connection().execute(select(getattr(func, function)(*values)))

    def copy(
        self,
        into: Insert,
        values: Mapping[str, Any],
        sources: Sequence[type[Owned]],
        *where: ColumnElement[bool],
    ) -> None:
        """Insert rows that are made of other rows of the same organisation.

        Args:
            into: ``insert(Row)``, without values.
            values: column -> what it is made of, beside the organisation.
            sources: all classes whose rows are read.
            where: which of their rows.
        """
        if isinstance(self.organisation, All) or not self.writing:
            raise UnownedError("rows are copied in the transaction of one organisation")
        query = select(literal(self.organisation), *values.values()).where(
            *(source.organisation_id == self.organisation for source in sources), *where
        )
        named = {source.__tablename__ for source in sources}  # type: ignore[attr-defined]
        if {getattr(table, "name", None) for table in query.get_final_froms()} - named:
            raise UnownedError("only rows of the classes that are named are copied")
        for node in visitors.iterate(query):
            if isinstance(node, (TextClause, SelectBase)) and node is not query:
                raise UnownedError("SQL text and subqueries bypass organisation scoping")
        super().connection().execute(into.from_select(["organisation_id", *values], query))

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise UnownedError("bypasses organisation scoping; use execute()")

    connection = bulk_save_objects = bulk_insert_mappings = bulk_update_mappings = _refuse


@event.listens_for(ScopedSession, "do_orm_execute")
def _only_its_own(state: ORMExecuteState) -> None:
    rows = state.session
    assert isinstance(rows, ScopedSession)
    if not state.is_select and not rows.writing:
        raise UnownedError("read-only transaction; write in Store.work()")
    if not state.is_orm_statement:
        raise UnownedError("only statements on mapped classes are allowed")
    if state.is_insert:
        _refuse_inserts_for_others(rows, state)
        return
    if state.parameters and not state.is_select:
        raise UnownedError(
            "a bulk change by primary key bypasses organisation scoping; use a WHERE clause"
        )
    statement: Any = state.statement
    for node in visitors.iterate(statement):
        _refuse_bare(node, statement)
    if not state.is_select:
        _refuse_others_beside(state.bind_mapper, statement)
    if rows.organisation is not ALL:
        organisation_id = rows.organisation
        state.statement = state.statement.options(
            with_loader_criteria(
                Owned,
                lambda row: row.organisation_id == organisation_id,
                include_aliases=True,
            )
        )


def _refuse_bare(node: Any, statement: Any) -> None:
    """Refuse tables not named by their mapped class, which scoping relies on."""
    is_literal = getattr(node, "is_literal", False) and node.name != "*"  # that of count(*)
    if is_literal or isinstance(node, (TextClause, TextualSelect)):
        raise UnownedError("SQL text bypasses organisation scoping; use mapped classes")
    if isinstance(node, UpdateBase) and node is not statement:
        raise UnownedError("a change nested in another statement bypasses organisation scoping")
    named: list[Any] = [node] if isinstance(node, (Column, Join)) else []
    if isinstance(node, Select):
        named = [*node._raw_columns, *node._from_obj, *(join[0] for join in node._setup_joins)]
    for part in named:
        for side in (part.left, part.right) if isinstance(part, Join) else (part,):
            if isinstance(side, (Column, TableClause)) and "parententity" not in side._annotations:
                raise UnownedError(f"{side} is not mapped; use its mapped class")


def _refuse_others_beside(mapper: Any, statement: Any) -> None:
    """Refuse ``UPDATE … FROM``: only the updated table is scoped."""
    parts = [statement]
    while parts:
        part = parts.pop()
        if isinstance(part, Column) and part._annotations["parententity"] is not mapper:
            raise UnownedError(f"{part} in a change of another table: use a subquery")
        parts += [child for child in part.get_children() if not isinstance(child, SelectBase)]


def _refuse_inserts_for_others(rows: ScopedSession, state: ORMExecuteState) -> None:
    """Refuse inserts for other organisations; rows must be parameters, to be checked."""
    statement = state.statement
    assert isinstance(statement, Insert)
    if statement.select is not None or statement._multi_values or statement._values:
        raise UnownedError("give the rows of an insert as parameters")
    if any(isinstance(node, (Select, TextClause)) for node in visitors.iterate(statement)):
        raise UnownedError("an insert must not contain a SELECT or SQL text")
    assert state.bind_mapper is not None
    if issubclass(state.bind_mapper.class_, Owned):
        given: Any = state.parameters or ()
        for row in [given] if isinstance(given, dict) else given:
            if not rows.owns(row.get("organisation_id")):
                raise UnownedError("the row belongs to another organisation")


@event.listens_for(ScopedSession, "before_flush")
def _writes_only_its_own(session: Session, _context: UOWTransaction, _instances: object) -> None:
    rows = session
    assert isinstance(rows, ScopedSession)
    for row in (*rows.new, *rows.dirty, *rows.deleted):
        if not rows.writing:
            raise UnownedError("read-only transaction; write in Store.work()")
        if isinstance(row, Owned):
            was = inspect(row).identity
            if not rows.owns(row.organisation_id) or (was and not rows.owns(was[0])):
                raise UnownedError("the row belongs to another organisation")
