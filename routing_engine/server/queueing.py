"""Imports that wait: one is done at a time, each organisation in its turn."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["BEAT_S", "MAX_QUEUED", "ImportQueue"]

T = TypeVar("T")

_logger = logging.getLogger(__name__)

MAX_QUEUED = 20
"""Imports of one organisation that wait or are done at a time."""

BEAT_S = 20.0


class ImportQueue(Generic[T]):
    """Jobs of many organisations, done one after the other in a thread of its own.

    Who sends a hundred sheets waits behind himself: organisations take turns. While a job waits or
    is done, it gives a sign of life, so that nobody takes it for dead.

    Args:
        beat: gives the sign of life of a job.
    """

    def __init__(self, beat: Callable[[T], None]) -> None:
        self._beat = beat
        self._waiting: dict[str, deque[tuple[Callable[[T], None], T]]] = {}
        self._running: tuple[str, T] | None = None
        self._changed = threading.Condition()
        self._is_over = threading.Event()
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("import", self._run), ("import-beat", self._live))
        ]
        for thread in self._threads:
            thread.start()

    def is_full(self, organisation_id: str) -> bool:
        """Whether an organisation has as many jobs as it may."""
        with self._changed:
            n = len(self._waiting.get(organisation_id, ()))
            n += self._running is not None and self._running[0] == organisation_id
            return n >= MAX_QUEUED

    def put(self, organisation_id: str, do: Callable[[T], None], job: T) -> None:
        """Do a job when its turn comes."""
        with self._changed:
            self._waiting.setdefault(organisation_id, deque()).append((do, job))
            self._changed.notify_all()

    @property
    def is_over(self) -> bool:
        """Whether the queue is closed: what is being done is to be left."""
        return self._is_over.is_set()

    def close(self, within_s: float) -> list[T]:
        """Begin no more; the jobs that were not done to their end.

        Args:
            within_s: for the one that is being done to notice.
        """
        self._is_over.set()
        with self._changed:
            self._changed.notify_all()
        self._threads[0].join(within_s)
        with self._changed:
            left = [job for waiting in self._waiting.values() for _, job in waiting]
            self._waiting.clear()
            return left if self._running is None else [self._running[1], *left]

    def _run(self) -> None:
        while (taken := self._next()) is not None:
            do, job = taken
            try:
                do(job)
            except Exception as error:  # noqa: BLE001  the next one is another's
                _logger.warning("an import ended with %s", type(error).__name__)
            with self._changed:
                self._running = None

    def _next(self) -> tuple[Callable[[T], None], T] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_over.is_set())
            if self._is_over.is_set():
                return None
            # The first of the dict waits longest for its turn; it goes behind the others.
            organisation_id, waiting = next(iter(self._waiting.items()))
            del self._waiting[organisation_id]
            do, job = waiting.popleft()
            if waiting:
                self._waiting[organisation_id] = waiting
            self._running = organisation_id, job
            return do, job

    def _live(self) -> None:
        while not self._is_over.wait(BEAT_S):
            with self._changed:
                jobs = [job for waiting in self._waiting.values() for _, job in waiting]
                if self._running is not None:
                    jobs.append(self._running[1])
            for job in jobs:
                try:
                    self._beat(job)
                except Exception as error:  # noqa: BLE001  the next beat may come through
                    _logger.warning("no sign of life of an import: %s", type(error).__name__)
                    break
