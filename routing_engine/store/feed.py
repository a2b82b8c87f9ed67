"""The feed of published locations, for engines that follow it."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from routing_engine.catalog.columns import LocationColumns
from routing_engine.store.database import CHANNEL, Database
from routing_engine.store.patience import LONG, SHORT, Patience
from routing_engine.store.reading import read_locations
from routing_engine.store.scoped_session import ALL, All, ScopedSession
from routing_engine.store.tables import DialPolicyRow, FeedCounter, PublishedRow, VersionRow

if TYPE_CHECKING:
    import psycopg

__all__ = ["Changes", "Feed", "Published"]

POLL_S: Final = 0.2
"""Poll interval of an SQLite store's counter; a poll takes under 0.1 ms."""

POLL_BEHIND_S: Final = 1.0
"""Poll interval of a PostgreSQL store, which also notifies."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """A published location: its organisation, agent and version.

    Attributes:
        location_id: what the organisation calls it by.
    """

    organisation_id: str
    location_id: str
    version: int


@dataclass(frozen=True, slots=True)
class Changes:
    """Locations published since a position.

    Attributes:
        position: where the next question goes on.
        locations: those that are new or changed.
        removed: ids of those that are published no more.
        unreadable: ids of those whose stored row is no location; whatever was known of them
            before is still the best there is.
        published: of each of the locations, by its id, whose it is and its version.
        dial_policies: those that organisations have set since, by the organisation.
    """

    position: int
    locations: LocationColumns
    removed: tuple[str, ...]
    unreadable: tuple[str, ...] = ()
    published: Mapping[str, Published] = field(default_factory=dict)
    dial_policies: Mapping[str, dict[str, Any]] = field(default_factory=dict)


class Feed:
    """The published locations in order of publication, for one reader.

    In the feed of one organisation a location has its own id, in the feed of all its agent's, and
    its lines are told apart by the organisation.

    Args:
        organisation: whose; :data:`~routing_engine.store.scoped_session.ALL` for everybody's.
    """

    def __init__(self, database: Database, organisation: str | All) -> None:
        self._database = database
        self._organisation = organisation
        self._listening: psycopg.Connection[Any] | None = None

    def position(self) -> int:
        """Return the position: it grows with every publication, in order of visibility.

        Raises:
            StoreUnavailableError: the database does not answer.
        """
        with self._read(SHORT) as rows:
            return _position(rows)

    def changes(self, since: int = 0) -> Changes:
        """Return what was published after a position; 0 for everything.

        Raises:
            StoreUnavailableError: the database does not answer.
        """
        with self._read(LONG) as rows:
            position = _position(rows)
            found = rows.execute(
                select(
                    PublishedRow.organisation_id,
                    PublishedRow.agent_id,
                    PublishedRow.location_id,
                    PublishedRow.version,
                    PublishedRow.position,
                    VersionRow.location,
                )
                .outerjoin(
                    VersionRow,
                    (VersionRow.organisation_id == PublishedRow.organisation_id)
                    & (VersionRow.agent_id == PublishedRow.agent_id)
                    & (VersionRow.number == PublishedRow.version),
                )
                .where(PublishedRow.position > since)
            ).all()
            policies = rows.scalars(select(DialPolicyRow).where(DialPolicyRow.position > since))
            dial_policies = {row.organisation_id: row.document for row in policies}
        # An agent that was deleted may have been followed by another at the same location. Sorted
        # here: SQLite would move all that is stored of each.
        newest = {
            row.agent_id if self._organisation is ALL else row.location_id: row
            for row in sorted(found, key=lambda row: (row.position, row.version is not None))
        }
        locations, unreadable = read_locations(
            {name: row.location or "" for name, row in newest.items() if row.version is not None},
            {name: row.organisation_id for name, row in newest.items()}
            if self._organisation is ALL
            else None,
        )
        for name, error in unreadable.items():
            _logger.error(
                "agent %s, version %s: what is stored is no location (%d problems)",
                newest[name].agent_id,
                newest[name].version,
                len(error.problems),
            )
        return Changes(
            position,
            locations,
            tuple(name for name, row in newest.items() if since and row.version is None),
            tuple(unreadable),
            {
                name: Published(row.organisation_id, row.location_id, row.version)
                for name, row in newest.items()
                if row.version is not None and name not in unreadable
            },
            dial_policies,
        )

    def wait(self, since: int, timeout_s: float) -> bool:
        """Wait until the position changes from this; False after the timeout.

        Raises:
            StoreUnavailableError: the database does not answer.
        """
        until = time.monotonic() + timeout_s
        if not self._database.is_sqlite:
            self._listen()  # before looking, so that nothing comes in between
        while self.position() == since:
            left = until - time.monotonic()
            if left <= 0:
                return False
            if self._listening is None:
                time.sleep(min(POLL_S, left))
            else:
                self._hear(min(POLL_BEHIND_S, left))
        return True

    def close(self) -> None:
        """Stop listening."""
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.close()

    def _read(self, patience: Patience) -> Any:
        return self._database.transaction(
            self._organisation, writing=False, patience=patience, watching=True
        )

    def _listen(self) -> None:
        """Listen to PostgreSQL; without notifications, polling finds changes later."""
        if self._listening is not None:
            return
        import psycopg

        try:
            self._listening = self._database.listener()
            self._listening.execute(f"LISTEN {CHANNEL}")
        except psycopg.Error as error:
            _logger.warning("not notified of publications: %s", type(error).__name__)
            self.close()

    def _hear(self, timeout_s: float) -> None:
        import psycopg

        assert self._listening is not None
        try:
            for _ in self._listening.notifies(timeout=timeout_s, stop_after=1):
                pass
        except psycopg.Error:  # the next wait connects again
            self.close()


def _position(rows: ScopedSession) -> int:
    return rows.scalars(select(FeedCounter.position).where(FeedCounter.id == 1)).one()
