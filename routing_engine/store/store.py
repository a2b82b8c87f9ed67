"""The store: opened once, shared by threads."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Self

import sqlalchemy.exc
from sqlalchemy import Select, delete, select, tuple_, update
from sqlalchemy.sql.dml import UpdateBase

from routing_engine.errors import ConflictError
from routing_engine.store.answers import KEPT
from routing_engine.store.calls import DecisionRow, insert_decisions
from routing_engine.store.database import Database
from routing_engine.store.feed import Feed
from routing_engine.store.keys import Principal, find_principal
from routing_engine.store.patience import LONG, LOOKING, SHORT, Patience
from routing_engine.store.scoped_session import ALL
from routing_engine.store.sealing import Sealer
from routing_engine.store.sessions import ConsoleSession, find_session
from routing_engine.store.slices import Slices
from routing_engine.store.tables import (
    AnswerRow,
    CallRecord,
    FeedCounter,
    ImportRow,
    KeyRow,
    OrganisationRow,
    SessionRow,
    StagedRow,
    new_id,
    present,
)
from routing_engine.store.transaction import Transaction
from routing_engine.store.unit_of_work import UnitOfWork

__all__ = ["Store"]


class Store:
    """Organisations and their data, in SQLite or PostgreSQL. Thread-safe.

    Opened by :meth:`open`; a context manager that closes it.
    """

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    @classmethod
    def open(
        cls,
        url: str,
        *,
        secret: bytes | None = None,
        previous: Iterable[bytes] = (),
        migrate: bool = True,
        listen_url: str | None = None,
    ) -> Self:
        """Open a store; create or migrate its tables.

        Args:
            url: ``sqlite:///routing.db`` or ``postgresql://user:password@host/name``.
            secret: 32 bytes that seal what callers said and who they are. None for a random one,
                with which nothing that is sealed now can be opened by another process, or later.
            previous: earlier secrets, whose seals can still be opened; nothing is sealed by them.
            migrate: False to leave the tables as they are.
            listen_url: of the same PostgreSQL without the pooler that is in ``url``, which passes on
                no notifications; None where there is no pooler.

        Raises:
            InvalidValueError: an address or the secret is none.
            StoreUnavailableError: the database does not answer.
            MissingExtraError: PostgreSQL, without its driver.
        """
        sealer = Sealer(secrets.token_bytes(32) if secret is None else secret, previous)
        database = Database(url, listen_url)
        if migrate:
            try:
                database.migrate()
            except BaseException:
                database.close()
                raise
        return cls(database, sealer)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ping(self) -> None:
        """Check that the database answers, has its tables, and takes what is written.

        Raises:
            StoreUnavailableError: it does not; the message says what is wrong with it.
        """
        with self._database.transaction(
            ALL, writing=False, patience=LOOKING, watching=True
        ) as rows:
            rows.execute(select(FeedCounter.position))
        self._database.check()

    def is_empty(self) -> bool:
        """Whether the store has no organisation yet."""
        return not self.organisations()

    def create_organisation(self, name: str) -> str:
        """Create an organisation and return its id."""
        with self.founding(name) as work:
            return work.organisation_id

    @contextmanager
    def founding_first(self, name: str, *, actor: str = "") -> Iterator[UnitOfWork | None]:
        """Create the first organisation and its first rows in one transaction.

        Of several processes that do so at once, one creates it.

        Yields:
            A unit of work; None where there is an organisation already.
        """
        with self._founding(name, actor, is_first=True) as work:
            yield work

    @contextmanager
    def founding(self, name: str, *, actor: str = "") -> Iterator[UnitOfWork]:
        """Create an organisation and its first rows in one transaction."""
        with self._founding(name, actor, is_first=False) as work:
            assert work is not None
            yield work

    @contextmanager
    def _founding(self, name: str, actor: str, *, is_first: bool) -> Iterator[UnitOfWork | None]:
        organisation_id = new_id("org")
        with self._transaction(organisation_id, actor) as transaction:
            session = transaction.session
            if is_first:
                # SQLite has one writer; elsewhere who comes second looks once the first is through.
                self._database.lock(session, "the first organisation")
                if session.scalar(select(OrganisationRow).limit(1)) is not None:
                    yield None
                    return
            session.add(OrganisationRow(id=organisation_id, name=name, created_at=present()))
            session.flush()  # what is added next refers to it
            with _finished(transaction) as work:
                yield work

    def organisations(self) -> list[tuple[str, str]]:
        """Return id and name of each organisation, oldest first."""
        with self._database.transaction(ALL, writing=False) as rows:
            found = rows.scalars(
                select(OrganisationRow).order_by(OrganisationRow.created_at, OrganisationRow.id)
            )
            return [(row.id, row.name) for row in found]

    @contextmanager
    def work(
        self, organisation_id: str, *, actor: str = "", patient: bool = False
    ) -> Iterator[UnitOfWork]:
        """Open a write transaction: committed at the end, rolled back on any exception.

        Args:
            actor: who does it, for the audit: the id of a key.
            patient: whether it may take minutes, as the import of a large sheet.

        Raises:
            StoreUnavailableError: the database does not answer, or is too busy.
            InvalidValueError: a value that the database cannot hold.
        """
        with (
            self._transaction(organisation_id, actor, LONG if patient else SHORT) as transaction,
            _finished(transaction) as work,
        ):
            yield work

    @contextmanager
    def _transaction(
        self, organisation_id: str, actor: str, patience: Patience = SHORT
    ) -> Iterator[Transaction]:
        with self._database.transaction(organisation_id, writing=True, patience=patience) as rows:
            yield Transaction(self._database, rows, self._sealer, actor)

    @contextmanager
    def read(self, organisation_id: str) -> Iterator[UnitOfWork]:
        """Open a read transaction: a consistent snapshot that waits for no writer.

        Raises:
            StoreUnavailableError: the database does not answer.
        """
        with self._database.transaction(organisation_id, writing=False) as rows:
            yield UnitOfWork(Transaction(self._database, rows, self._sealer, ""))

    def authenticate(self, token: str) -> Principal | None:
        """Authenticate a token; None if it is unknown, deleted or expired.

        Raises:
            StoreUnavailableError: the database does not answer.
        """
        now = present()
        with self._database.transaction(ALL, writing=False, watching=True) as rows:
            found = find_principal(rows, token, now)
        if found is None:
            return None
        principal, is_to_note = found
        if is_to_note:
            self._note_use(principal, now)
        return principal

    def _note_use(self, principal: Principal, now: datetime) -> None:
        """Note when a key was used, unless that means waiting."""
        with self._database.spare_transaction(principal.organisation_id) as rows:
            if rows is not None:
                rows.execute(
                    update(KeyRow).where(KeyRow.id == principal.key_id).values(last_used_at=now)
                )

    def session(self, token: str, idle: timedelta) -> ConsoleSession | None:
        """Who is signed in to the console by a token; None for nobody, or nobody any more.

        Args:
            token: what ``sessions.create`` gave.
            idle: how long a session lasts without being used.

        Raises:
            StoreUnavailableError: the database does not answer.
        """
        now = present()
        with self._database.transaction(ALL, writing=False) as rows:
            found = find_session(rows, token, idle, now)
        if found is None:
            return None
        session, is_to_note = found
        if is_to_note:
            with self._database.spare_transaction(session.principal.organisation_id) as rows:
                if rows is not None:
                    rows.execute(
                        update(SessionRow).where(SessionRow.id == session.id).values(seen_at=now)
                    )
        return session

    def add_decisions(self, decisions: Iterable[DecisionRow]) -> None:
        """Store many decisions of any organisations in one transaction.

        Raises:
            StoreUnavailableError: the database does not answer, or not as it should.
            ConflictError: one of them is stored already; none is stored now.
        """
        with self._database.transaction(ALL, writing=True) as rows:
            try:
                insert_decisions(self._database, rows, decisions)
            except sqlalchemy.exc.IntegrityError:
                raise ConflictError("a decision is stored already") from None

    def expire(self, now: datetime) -> int:
        """Delete expired caller data and old idempotency answers, in slices.

        Returns:
            How many calls and answers that were.
        """
        calls = (
            select(CallRecord.organisation_id, CallRecord.id).where(CallRecord.expires_at <= now),
            lambda some: (
                update(CallRecord)
                .where(tuple_(CallRecord.organisation_id, CallRecord.id).in_(some))
                .values(record=None, handoff=None, expires_at=None)
            ),
        )
        answers = (
            select(AnswerRow.organisation_id, AnswerRow.key).where(
                AnswerRow.created_at <= now - KEPT
            ),
            lambda some: delete(AnswerRow).where(
                tuple_(AnswerRow.organisation_id, AnswerRow.key).in_(some)
            ),
        )
        n = sum(self._in_slices(*each) for each in (calls, answers))
        with self._database.transaction(ALL, writing=True) as rows:
            rows.execute(delete(SessionRow).where(SessionRow.ends_at <= now))
        return n

    def _in_slices(
        self,
        found: Select[Any],
        change: Callable[[list[tuple[str, str]]], UpdateBase],
    ) -> int:
        """Change all that a query finds, a slice at a time; what is changed is found no more."""
        slices, n = Slices(), 0
        while True:
            with self._database.transaction(ALL, writing=False) as rows:
                some = [(owner, name) for owner, name in rows.execute(found.limit(slices.size))]
            if not some:
                return n
            with slices.timed(), self._database.transaction(ALL, writing=True) as rows:
                rows.execute(change(some).execution_options(synchronize_session=False))
            n += len(some)

    def clear_staged(self, organisation_id: str, import_id: str) -> None:
        """Delete what is staged for an import, in slices."""
        slices, n = Slices(), 1
        while n:
            with slices.timed(), self.work(organisation_id) as work:
                n = work.staged.clear(import_id, slices.size)

    def sweep_staged(self) -> int:
        """Delete what is staged for imports that do not run, and return how many those were."""
        query = (
            select(StagedRow.organisation_id, StagedRow.import_id)
            .outerjoin(
                ImportRow,
                (ImportRow.organisation_id == StagedRow.organisation_id)
                & (ImportRow.id == StagedRow.import_id),
            )
            .where(ImportRow.id.is_(None) | (ImportRow.status != "running"))
            .distinct()
        )
        with self._database.transaction(ALL, writing=False) as rows:
            found = rows.execute(query).all()
        for row in found:
            self.clear_staged(row.organisation_id, row.import_id)
        return len(found)

    def imports_without_life(self, since: datetime) -> list[tuple[str, str]]:
        """Organisation and id of imports that run, and gave no sign of life since a moment."""
        query = select(ImportRow).where(ImportRow.status == "running", ImportRow.updated_at < since)
        with self._database.transaction(ALL, writing=False) as rows:
            return [(row.organisation_id, row.id) for row in rows.scalars(query)]

    def feed(self, organisation_id: str | None = None) -> Feed:
        """Open a feed of what is published, by one organisation or all, for one reader."""
        return Feed(self._database, ALL if organisation_id is None else organisation_id)


@contextmanager
def _finished(transaction: Transaction) -> Iterator[UnitOfWork]:
    """A unit of work that writes totals at its end."""
    work = UnitOfWork(transaction)
    yield work
    work.calls.write_totals()
