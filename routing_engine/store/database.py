"""What differs between SQLite and PostgreSQL: opening, transactions, locks, notifications."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy.exc
from sqlalchemy import URL, Connection, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite

from routing_engine.errors import InvalidValueError, MissingExtraError, StoreUnavailableError
from routing_engine.store.scoped_session import All, ScopedSession

if TYPE_CHECKING:
    import psycopg

__all__ = ["CHANNEL", "Database"]

_logger = logging.getLogger(__name__)

CHANNEL: Final = "routing_engine"
"""Channel that PostgreSQL notifies when something was published."""

BUSY_TIMEOUT_S: Final = 30.0
_WRITES: Final = "routing_engine_writes"
_SPARE: Final = "routing_engine_spare"
_ANSWERS_OR_IS_LOST: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""TCP options that detect a dead network in seconds, not in TCP's default two hours."""

_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "cache_size=-65536",  # KiB: the indexes of a million calls do not fit in the default 2 MB
)
_MIGRATIONS: Final = Path(__file__).parent / "migrations"


class Database:
    """A pool of connections, and transactions on it.

    SQLite knows one writer at a time. A transaction that writes begins as one (``BEGIN
    IMMEDIATE``): one that turns into a writer half-way fails where another wrote meanwhile.
    Threads of one process queue at a lock, which is fair and wakes at once, and not at SQLite's,
    which sleeps and tries again; that one is for other processes. Readers wait for nobody.

    Args:
        url: as SQLAlchemy takes it.
    """

    def __init__(self, url: str | URL) -> None:
        self.url = _normalised(url)
        self.is_sqlite: Final = self.url.get_backend_name() == "sqlite"
        # A document with NaN in it would be no JSON to the next reader.
        dumps = partial(json.dumps, allow_nan=False)
        if self.is_sqlite:
            self._engine = create_engine(
                self.url,
                json_serializer=dumps,
                hide_parameters=True,  # a message would show what callers said
                pool_size=16,
                max_overflow=48,
                # The driver begins nothing of its own accord: see _begin.
                connect_args={"isolation_level": None, "timeout": BUSY_TIMEOUT_S},
            )
            event.listen(self._engine, "connect", _configure)
            event.listen(self._engine, "begin", _begin)
            self._reading = self._engine
        else:
            self._engine = create_engine(
                self.url,
                json_serializer=dumps,
                hide_parameters=True,
                pool_size=16,
                max_overflow=16,
                pool_pre_ping=True,
                connect_args=_ANSWERS_OR_IS_LOST,
            )
            # All that one reader sees is of one moment.
            self._reading = self._engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        self._writing = self._engine.execution_options(**{_WRITES: True})
        self._spare = self._writing.execution_options(**{_SPARE: True})
        self._writer = threading.Lock()
        self.insert: Final[Any] = sqlite.insert if self.is_sqlite else postgresql.insert

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def transaction(self, organisation: str | All, *, writing: bool) -> Iterator[ScopedSession]:
        """Open a transaction: committed at the end, rolled back on any exception.

        Raises:
            StoreUnavailableError: the database does not answer, or is too busy.
            InvalidValueError: a value that the database cannot hold.
        """
        engine = self._writing if writing else self._reading
        with (
            self._turn(writing=writing),
            _translated(),
            ScopedSession(engine, organisation, writing=writing) as rows,
            rows.begin(),
        ):
            yield rows

    @contextmanager
    def spare_transaction(self, organisation: str) -> Iterator[ScopedSession | None]:
        """Open a short write transaction; None instead of waiting for another writer."""
        if not self._writer.acquire(blocking=False):
            yield None
            return
        try:
            with ScopedSession(self._spare, organisation, writing=True) as rows, rows.begin():
                yield rows
        except sqlalchemy.exc.OperationalError as error:
            _logger.info("skipped a write: %s", type(error.orig).__name__)
        finally:
            self._writer.release()

    @contextmanager
    def _turn(self, *, writing: bool) -> Iterator[None]:
        if not (writing and self.is_sqlite):
            yield
            return
        if not self._writer.acquire(timeout=BUSY_TIMEOUT_S):
            raise StoreUnavailableError(
                f"no write lock on the database within {BUSY_TIMEOUT_S:g} s; retry"
            )
        try:
            yield
        finally:
            self._writer.release()

    def lock(self, rows: ScopedSession, name: str) -> None:
        """Take an advisory lock by name until the end of the transaction."""
        if not self.is_sqlite:
            number = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8]
            rows.call("pg_advisory_xact_lock", int.from_bytes(number, signed=True))

    def notify(self, rows: ScopedSession) -> None:
        """Notify listeners once this transaction is committed."""
        if not self.is_sqlite:
            rows.call("pg_notify", CHANNEL, "")

    def listener(self) -> psycopg.Connection[Any]:
        """Open a separate connection to PostgreSQL for notifications."""
        import psycopg

        url = self.url.set(drivername="postgresql")
        return psycopg.connect(
            url.render_as_string(hide_password=False), autocommit=True, **_ANSWERS_OR_IS_LOST
        )

    def migrate(self) -> None:
        """Migrate the tables; safe for several processes at once."""
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        with _translated(), self._turn(writing=True), self._writing.begin() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(7210114)"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _normalised(url: str | URL) -> URL:
    try:
        url = make_url(url)
    except sqlalchemy.exc.ArgumentError:
        raise InvalidValueError(
            "invalid database URL; expected sqlite:///routing.db or postgresql://user:password@host/name"
        ) from None
    backend = url.get_backend_name()
    if backend == "sqlite":
        if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
            raise InvalidValueError(
                "an in-memory database is not supported; use a file: sqlite:///routing.db"
            )
        return url
    if backend != "postgresql":
        raise InvalidValueError(f"unsupported database {backend!r}; use SQLite or PostgreSQL")
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("PostgreSQL", "postgres") from error
    return url.set(drivername="postgresql+psycopg")


def _configure(connection: Any, _record: object) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get(_SPARE):
        connection.exec_driver_sql("PRAGMA busy_timeout=0")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(_WRITES) else "BEGIN")
    finally:
        if options.get(_SPARE):
            connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000:.0f}")


@contextmanager
def _translated() -> Iterator[None]:
    """Convert database errors to ours; messages omit values, which may be a caller's."""
    try:
        yield
    except (sqlalchemy.exc.DataError, UnicodeEncodeError):
        raise InvalidValueError(
            "a value contains what the database cannot store, such as \\0"
        ) from None
    except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError) as error:
        raise StoreUnavailableError(f"the database does not answer: {error.orig}") from error
    except sqlalchemy.exc.TimeoutError as error:
        raise StoreUnavailableError(
            "the connection pool of the database is exhausted; retry"
        ) from error
