"""Keep an engine up to date with what a store publishes.

Where from, is a :class:`Feed`: a store, or anything else with these three methods.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol, Self, runtime_checkable

from routing_engine.catalog.columns import LocationColumns
from routing_engine.catalog.lookup import Catalog
from routing_engine.errors import InvalidValueError, MissingExtraError
from routing_engine.model.rules import Location

__all__ = ["Changes", "Feed", "Following", "Publisher"]

WAIT_S: Final = 0.5
RETRY_S: Final = 1.0
LATE_S: Final = 5.0
"""Seconds without an answer of the feed after which an engine may be out of date."""

_logger = logging.getLogger(__name__)


class Changes(Protocol):
    """Locations published since a position of the feed."""

    @property
    def position(self) -> int:
        """Position to ask from next time."""
        ...

    @property
    def locations(self) -> Sequence[Location] | LocationColumns:
        """New and changed locations."""
        ...

    @property
    def removed(self) -> tuple[str, ...]:
        """Ids of locations that are no longer published."""
        ...

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Ids of locations that cannot be read; their earlier version stays."""
        ...


@runtime_checkable
class Feed(Protocol):
    """The published locations, for one reader; any method may raise if they are unavailable."""

    def changes(self, since: int = 0) -> Changes:
        """Return what was published after a position; 0 for everything."""
        ...

    def wait(self, since: int, timeout_s: float) -> bool:
        """Wait until the position changes from this; False after the timeout."""
        ...

    def close(self) -> None:
        """Release the feed's resources."""
        ...


@runtime_checkable
class Publisher(Protocol):
    """A source of feeds, such as a store."""

    def feed(self) -> Feed:
        """Open a feed of everything published."""
        ...


class Follower(Protocol):
    """What following needs of an engine."""

    def replace(self, locations: Iterable[Location] | LocationColumns) -> int:
        """As :meth:`routing_engine.RoutingEngine.replace`."""
        ...

    def apply(
        self, changes: Iterable[Location] | LocationColumns, *, remove: Iterable[str] = ()
    ) -> int:
        """As :meth:`routing_engine.RoutingEngine.apply`."""
        ...

    def location_for(self, called: str, *, region: str | None = "US") -> Location | None:
        """As :meth:`routing_engine.RoutingEngine.location_for`."""
        ...

    def __contains__(self, location_id: object) -> bool:
        """Whether the engine has a location."""
        ...


class Following:
    """Keep an engine up to date with a feed. Made by ``engine.follow``.

    A thread waits for publications and applies them. While the feed cannot be read the engine
    answers from what it has, and the thread tries again every second. A context manager that
    closes it.
    """

    def __init__(self, engine: Follower, feed: Feed, *, since: int | None) -> None:
        self._engine = engine
        self._feed = feed
        self._position = 0 if since is None else since
        self._skipped: set[str] = set()
        self._error: Exception | None = None
        self._heard_at = time.monotonic()
        self._closing = threading.Event()
        if since is None:
            try:
                self._load()
            except BaseException:
                feed.close()
                raise
        else:
            self._try(self._catch_up)
        self._thread = threading.Thread(target=self._run, name="routing-engine-follow", daemon=True)
        self._thread.start()

    @property
    def position(self) -> int:
        """Position of the feed that the engine has reached."""
        return self._position

    @property
    def error(self) -> Exception | None:
        """Why the feed cannot be read at present, or None."""
        return self._error

    @property
    def lag_s(self) -> float:
        """Seconds since the engine was last known to be up to date."""
        return time.monotonic() - self._heard_at

    @property
    def is_current(self) -> bool:
        """Whether the engine was up to date some seconds ago."""
        return self._error is None and self.lag_s < LATE_S

    @property
    def skipped(self) -> frozenset[str]:
        """Ids of locations whose newest version cannot be loaded."""
        return frozenset(self._skipped)

    def close(self, timeout_s: float | None = None) -> None:
        """Stop following; the engine keeps what it has.

        Args:
            timeout_s: for a feed that hangs; it is left behind then. None to wait for it.
        """
        self._closing.set()
        self._thread.join(timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "current" if self.is_current else f"{self.lag_s:.1f} s behind"
        return f"<Following: position {self.position}, {state}>"

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._try(self._next)
                if self._error is not None:
                    self._closing.wait(RETRY_S)
        finally:
            self._feed.close()

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001  whatever it was, the next try may succeed
            if self._error is None:
                _logger.warning("cannot follow: %s; the catalog stays", type(error).__name__)
            self._error = error
        else:
            if self._error is not None:
                _logger.info("following again, at position %d", self._position)
            self._error = None
            self._heard_at = time.monotonic()

    def _next(self) -> None:
        if self._feed.wait(self._position, WAIT_S):
            self._catch_up()

    def _load(self) -> None:
        self._take(self._feed.changes(), whole=True)

    def _catch_up(self) -> None:
        changes = self._feed.changes(self._position)
        if changes.position < self._position:  # a store that was put back to an older state
            self._load()
        else:
            self._take(changes, whole=False)

    def _take(self, changes: Changes, *, whole: bool) -> None:
        gone = [location_id for location_id in changes.removed if location_id in self._engine]

        def publish(locations: Sequence[Location] | LocationColumns) -> None:
            if whole:
                self._engine.replace(locations)
            elif len(locations) or gone:
                self._engine.apply(locations, remove=gone)

        unsound: set[str] = set()
        try:
            publish(changes.locations)
        except (InvalidValueError, MissingExtraError):
            # One that cannot be loaded holds up no other.
            unsound = self._unsound(list(changes.locations), gone, whole=whole)
            if not unsound:
                raise
            publish([item for item in changes.locations if item.location_id not in unsound])
        for location_id in sorted(unsound | set(changes.unreadable)):
            _logger.error("location %s cannot be loaded; it stays as it was", location_id)
        self._skipped.difference_update(_ids(changes.locations), changes.removed)
        self._skipped |= unsound | set(changes.unreadable)
        self._position = changes.position

    def _unsound(
        self, locations: Sequence[Location], gone: Sequence[str], *, whole: bool
    ) -> set[str]:
        """Return ids of locations that cannot be loaded, alone or with a line of another.

        A store gives each line to one location. One whose newest publication cannot be read keeps
        the lines that it had, and may hold one that has another location by now.
        """
        unsound = {item.location_id for item in locations if not _is_sound(item)}
        leaving = {item.location_id for item in locations} - unsound | set(gone)
        owner: dict[str, str] = {}
        for item in locations:
            for line in () if item.location_id in unsound else item.lines:
                held = None if whole else self._engine.location_for(line, region=None)
                is_held = held is not None and held.location_id not in leaving
                if is_held or owner.setdefault(line, item.location_id) != item.location_id:
                    unsound.add(item.location_id)
        return unsound


def _ids(locations: Sequence[Location] | LocationColumns) -> Iterator[str]:
    if isinstance(locations, LocationColumns):
        return iter(locations.ids)
    return (location.location_id for location in locations)


def _is_sound(location: Location) -> bool:
    try:
        Catalog(LocationColumns.from_locations([location]), 1)
    except (InvalidValueError, MissingExtraError):
        return False
    return True
