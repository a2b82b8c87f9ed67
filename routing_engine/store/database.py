"""What differs between SQLite and PostgreSQL: opening, transactions, locks, notifications."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy.exc
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite

from routing_engine.errors import InvalidValueError, MissingExtraError, StoreUnavailableError
from routing_engine.store.patience import (
    CHECK_S,
    LONG,
    LOOKING,
    SHORT,
    SPARE,
    Patience,
    bounded_connection,
    is_damage,
    trouble,
)
from routing_engine.store.scoped_session import All, ScopedSession

if TYPE_CHECKING:
    import psycopg

__all__ = ["CHANNEL", "Database"]

_logger = logging.getLogger(__name__)

CHANNEL: Final = "routing_engine"
"""Channel that PostgreSQL notifies when something was published."""

POOL_S: Final = 2.0
"""For a connection to be free."""

_WRITES: Final = "routing_engine_writes"
_PATIENCE: Final = "routing_engine_patience"
_ANSWERS_OR_IS_LOST: Final[dict[str, Any]] = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    # A prepared statement belongs to a connection, and a pooler gives another one each time.
    "prepare_threshold": None,
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
        listen_url: of the same database, for notifications: without the pooler that is in ``url``.
    """

    def __init__(self, url: str | URL, listen_url: str | URL | None = None) -> None:
        self.url = _normalised(url)
        self._listen_url = self.url if listen_url is None else _normalised(listen_url)
        if self._listen_url.get_backend_name() != self.url.get_backend_name():
            raise InvalidValueError(
                "the URL for notifications is of another kind of database; it must be PostgreSQL, "
                "the same that the pooler leads to"
            )
        self.is_sqlite: Final = self.url.get_backend_name() == "sqlite"
        # A document with NaN in it would be no JSON to the next reader.
        dumps = partial(json.dumps, allow_nan=False)
        self._identity: tuple[int, int] | None = None
        self._optioned: dict[tuple[bool, bool, Patience], Engine] = {}
        if self.is_sqlite:
            self._engine = self._watch = create_engine(
                self.url,
                json_serializer=dumps,
                hide_parameters=True,  # a message would show what callers said
                pool_size=16,
                max_overflow=48,
                pool_timeout=POOL_S,
                # The driver begins nothing of its own accord: see _begin.
                connect_args={"isolation_level": None, "timeout": SHORT.lock_s},
            )
            event.listen(self._engine, "connect", self._configure)
            event.listen(self._engine, "begin", _begin)
        else:
            # Those who look whether it is there, and who asks, do not queue behind who waits for it.
            self._engine = _postgres(self.url, dumps, pool_size=16, max_overflow=16)
            self._watch = _postgres(self.url, dumps, pool_size=2, max_overflow=6)
        self._writer = threading.Lock()
        self.insert: Final[Any] = sqlite.insert if self.is_sqlite else postgresql.insert

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
        self._watch.dispose()

    @contextmanager
    def transaction(
        self,
        organisation: str | All,
        *,
        writing: bool,
        patience: Patience = SHORT,
        watching: bool = False,
    ) -> Iterator[ScopedSession]:
        """Open a transaction: committed at the end, rolled back on any exception.

        Args:
            organisation: whose rows there are.
            writing: whether anything may be changed.
            patience: how long it waits.
            watching: it takes a connection of those that are kept for a look at what is there.

        Raises:
            StoreUnavailableError: the database does not answer, or not as it should.
            InvalidValueError: a value that the database cannot hold.
        """
        engine = self.engine(writing=writing, patience=patience, watching=watching)
        try:
            with (
                self._turn(writing=writing, patience=patience),
                _translated(),
                ScopedSession(engine, organisation, writing=writing) as rows,
                rows.begin(),
            ):
                yield rows
        except StoreUnavailableError as error:
            if is_damage(error.__cause__):
                # Connections keep what they have read, and would go on after the file is mended.
                self._engine.dispose()
            raise

    def engine(
        self, *, writing: bool, patience: Patience = SHORT, watching: bool = False
    ) -> Engine:
        """Return the source of connections for a kind of transaction."""
        self._check_file()
        key = watching, writing, patience
        found = self._optioned.get(key)
        if found is None:
            options: dict[str, Any] = {_WRITES: writing, _PATIENCE: patience}
            if not self.is_sqlite and not writing:
                # All that one reader sees is of one moment.
                options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            engine = self._watch if watching else self._engine
            found = self._optioned[key] = engine.execution_options(**options)
        return found

    def _check_file(self) -> None:
        """Notice a file of SQLite that was moved or replaced: what is written to it is lost.

        Raises:
            StoreUnavailableError: it is gone.
        """
        if self._identity is not None:
            found = _identity(self.url)
            if found != self._identity:
                raise StoreUnavailableError(
                    "the file of the database was moved, deleted or replaced; put it back, or "
                    "start again"
                )

    @contextmanager
    def spare_transaction(self, organisation: str) -> Iterator[ScopedSession | None]:
        """Open a short write transaction; None instead of waiting for another writer."""
        if not self._writer.acquire(blocking=False):
            yield None
            return
        try:
            engine = self.engine(writing=True, patience=SPARE, watching=True)
            with ScopedSession(engine, organisation, writing=True) as rows, rows.begin():
                yield rows
        except (sqlalchemy.exc.SQLAlchemyError, StoreUnavailableError) as error:
            _logger.info("skipped a write: %s", type(error).__name__)
        finally:
            self._writer.release()

    @contextmanager
    def _turn(self, *, writing: bool, patience: Patience) -> Iterator[None]:
        if not (writing and self.is_sqlite):
            yield
            return
        if not self._writer.acquire(timeout=patience.lock_s):
            raise StoreUnavailableError(
                f"no write lock on the database within {patience.lock_s:g} s; retry"
            )
        try:
            yield
        finally:
            self._writer.release()

    def check(self) -> None:
        """Check that the database answers, and takes what is written.

        Raises:
            StoreUnavailableError: it does not.
        """
        if self.is_sqlite and not self._writer.acquire(blocking=False):
            return  # somebody writes
        try:
            engine = self.engine(writing=True, patience=LOOKING, watching=True)
            with _translated(), engine.begin() as connection:
                asked = text("SHOW transaction_read_only")
                if not self.is_sqlite and connection.execute(asked).scalar() == "on":
                    raise StoreUnavailableError(
                        "the database does not answer as it should: it is read-only, such as a "
                        "standby"
                    )
        finally:
            if self.is_sqlite:
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
        url = self._listen_url.set(drivername="postgresql")
        return bounded_connection().connect(
            url.render_as_string(hide_password=False), autocommit=True, **_ANSWERS_OR_IS_LOST
        )

    def migrate(self) -> None:
        """Migrate the tables; safe for several processes at once."""
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        engine = self.engine(writing=True, patience=LONG)
        with (
            _translated(),
            self._turn(writing=True, patience=LONG),
            engine.begin() as connection,
        ):
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(7210114)"))
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError:
                raise StoreUnavailableError(
                    "the database was made by a newer version of routing-engine; start that one, "
                    "or restore a backup"
                ) from None

    def _configure(self, connection: Any, _record: object) -> None:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()
        if self._identity is None:
            self._identity = _identity(self.url)


def _identity(url: URL) -> tuple[int, int] | None:
    """Identify a SQLite file, to notice that another replaced it; None if there is none."""
    assert url.database is not None
    try:
        found = Path(url.database).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _postgres(
    url: URL, dumps: Callable[[Any], str], *, pool_size: int, max_overflow: int
) -> Engine:
    """A pool whose connections are checked when they are taken, and given up when they hang."""
    engine = create_engine(
        url,
        json_serializer=dumps,
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=POOL_S,
        pool_pre_ping=True,
        connect_args=_ANSWERS_OR_IS_LOST,
    )

    def connect(_dialect: object, _record: object, args: Any, options: Any) -> Any:
        return bounded_connection().connect(*args, **options)

    def checked_in(connection: Any, _record: object) -> None:
        if connection is not None:
            connection.answer_s = CHECK_S

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "checkin", checked_in)
    event.listen(engine, "begin", _begin_postgres)
    return engine


def _begin_postgres(connection: Connection) -> None:
    patience: Patience = connection.get_execution_options().get(_PATIENCE, SHORT)
    driver: Any = connection.connection.dbapi_connection
    driver.answer_s = patience.answer_s
    # Of this transaction alone: a pooler gives the connection to somebody else after it.
    connection.exec_driver_sql(
        f"SELECT set_config('statement_timeout', '{patience.statement_s * 1000:.0f}', true), "
        f"set_config('lock_timeout', '{patience.lock_s * 1000:.0f}', true)"
    )


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


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    patience: Patience = options.get(_PATIENCE, SHORT)
    connection.exec_driver_sql(f"PRAGMA busy_timeout={patience.lock_s * 1000:.0f}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(_WRITES) else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    """Convert database errors to ours; messages omit values, which may be a caller's."""
    try:
        yield
    except (sqlalchemy.exc.DataError, UnicodeEncodeError):
        raise InvalidValueError(
            "a value contains what the database cannot store, such as \\0"
        ) from None
    except sqlalchemy.exc.IntegrityError:
        raise
    except sqlalchemy.exc.TimeoutError as error:
        raise StoreUnavailableError(
            "the database does not answer: its connection pool is exhausted; retry"
        ) from error
    except (sqlalchemy.exc.DBAPIError, json.JSONDecodeError) as error:
        # Whatever it is, it is the database's: that of a standby, of a missing right, of a page
        # that is damaged, of a table that another version made. Requests are right, and are
        # answered as soon as it is.
        if isinstance(error, json.JSONDecodeError):
            raise StoreUnavailableError(
                "the database does not answer as it should: a document in it is damaged"
            ) from error
        raise StoreUnavailableError(
            f"the database does not answer as it should: {trouble(error)}"
        ) from error
