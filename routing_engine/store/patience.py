"""How long the store waits for the database, and what its errors are called.

Nothing waits for ever. A database that is locked, or a network that swallows what is sent, is
noticed within seconds: by the database itself, and where that does not answer by the connection.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy.exc

if TYPE_CHECKING:
    import psycopg
    from psycopg.abc import RV, PQGen

__all__ = [
    "CHECK_S",
    "LONG",
    "LOOKING",
    "SHORT",
    "SPARE",
    "Patience",
    "bounded_connection",
    "is_damage",
    "trouble",
]


class Patience(NamedTuple):
    """How long one transaction waits.

    Attributes:
        statement_s: for one statement.
        lock_s: for a lock that another holds; of SQLite, for the one that writes.
        answer_s: for anything to come back at all.
    """

    statement_s: float
    lock_s: float
    answer_s: float


SHORT: Final = Patience(statement_s=5.0, lock_s=3.0, answer_s=7.0)
"""For requests, and for everything that others wait for."""

LONG: Final = Patience(statement_s=300.0, lock_s=30.0, answer_s=310.0)
"""For imports, migrations and the whole feed, which read or write everything."""

SPARE: Final = Patience(statement_s=1.0, lock_s=0.05, answer_s=2.0)
"""For work that is skipped if it cannot be done at once."""

LOOKING: Final = Patience(statement_s=0.8, lock_s=0.6, answer_s=1.0)
"""For checks whether the database answers."""

CHECK_S: Final = 2.0
"""For the answer of a connection that is taken from the pool."""


@cache
def bounded_connection() -> type[psycopg.Connection[Any]]:
    """A connection that is closed where no answer comes in time.

    A timeout of the server does not come through a network that swallows it, and that of TCP does
    not pass a proxy that goes on acknowledging.
    """
    import psycopg

    class BoundedConnection(psycopg.Connection[Any]):
        answer_s = CHECK_S

        def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
            if timeout is not None:
                return super().wait(gen, interval, timeout)
            try:
                return super().wait(gen, interval, self.answer_s)
            except psycopg.errors._WaitTimeout:
                # What comes later would be taken for the answer to something else.
                self.pgconn.finish()
                raise psycopg.OperationalError(f"no answer within {self.answer_s:g} s") from None

    return BoundedConnection


_BY_STATE: Final = {
    "25006": "it is read-only, such as a standby",
    "28": "it refuses the user or the password",
    "3D": "there is no such database",
    "42501": "the user lacks a right",
    "42P01": "a table is missing; is it of another version?",
    "42703": "a column is missing; is it of another version?",
    "53100": "its disk is full",
    "53": "it is out of memory, connections or disk",
    "55P03": "a lock was not free in time",
    "40P01": "two changes waited for each other",
    "57014": "it did not answer in time",
    "57": "it is starting or shutting down",
    "58": "it cannot read its files",
    "XX": "its data is damaged",
}
"""SQLSTATE, or its first two letters, of PostgreSQL."""

_BY_NAME: Final = {
    "SQLITE_READONLY": "it is read-only",
    "SQLITE_FULL": "its disk is full",
    "SQLITE_CORRUPT": "its file is damaged",
    "SQLITE_NOTADB": "its file is damaged, or no database",
    "SQLITE_IOERR": "its file cannot be read or written",
    "SQLITE_CANTOPEN": "its file cannot be opened",
    "SQLITE_PERM": "its file must not be opened",
    "SQLITE_AUTH": "its file must not be opened",
    "SQLITE_BUSY": "another process holds it",
    "SQLITE_LOCKED": "another connection holds it",
    "SQLITE_ERROR": "a table or column is missing; is it of another version?",
}
"""Error of SQLite."""


def trouble(error: sqlalchemy.exc.SQLAlchemyError) -> str:
    """Describe what is wrong with the database, without stored values."""
    cause: Any = getattr(error, "orig", None)
    state = getattr(cause, "sqlstate", None)
    name = getattr(cause, "sqlite_errorname", None)
    if state is not None:
        return _BY_STATE.get(state) or _BY_STATE.get(state[:2]) or f"error {state}"
    if name is not None:
        # SQLITE_IOERR_WRITE is a kind of SQLITE_IOERR.
        kind = "_".join(name.split("_")[:2])
        return _BY_NAME.get(kind, f"error {kind}")
    return "it does not answer"


def is_damage(error: BaseException | None) -> bool:
    """Whether an error says that a file of SQLite is damaged."""
    name = getattr(getattr(error, "orig", None), "sqlite_errorname", None) or ""
    return name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR"))
