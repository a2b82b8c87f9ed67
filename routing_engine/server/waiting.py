"""Waiting for the database beside the event loop, and for no longer than is worth it."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from routing_engine.errors import StoreUnavailableError

__all__ = ["MAX_ASKED", "Threads"]

T = TypeVar("T")

MAX_ASKED = 256
"""Questions that wait or are being asked; one more is not asked."""


class Threads:
    """Threads of their own for questions that somebody waits for.

    A database that hangs holds the threads that ask it. Those who ask the same thing for another
    reason have others, and nobody waits longer than he says.

    Args:
        n: threads.
        name: of the threads.
    """

    def __init__(self, n: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(n, name)
        self._n_asked = 0
        self._counting = threading.Lock()

    def start(self, ask: Callable[[], T]) -> Future[T]:
        """Ask in a thread.

        Raises:
            StoreUnavailableError: too many wait already.
        """
        with self._counting:
            if self._n_asked >= MAX_ASKED:
                raise StoreUnavailableError("the database does not answer: too many wait for it")
            self._n_asked += 1
        asked = self._threads.submit(contextvars.copy_context().run, ask)
        asked.add_done_callback(self._done)
        return asked

    def _done(self, _: object) -> None:
        with self._counting:
            self._n_asked -= 1

    async def answer(self, ask: Callable[[], T], within_s: float) -> T:
        """Wait for the answer and return it, or raise its error.

        Raises:
            StoreUnavailableError: nothing was, in time. What was asked may be done all the same.
        """
        asked = self.start(ask)
        if not await is_done(asked, within_s):
            asked.cancel()  # where it has not begun
            raise StoreUnavailableError(f"the database does not answer within {within_s:g} s")
        return asked.result()

    def close(self) -> None:
        """Take no more questions; those that are being asked are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


async def is_done(asked: Future[T], within_s: float) -> bool:
    """Whether a question is answered, once it is or the time is over."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def wake(_: object) -> None:
        with suppress(RuntimeError):  # nobody waits any more: the loop is closed
            loop.call_soon_threadsafe(done.set)

    asked.add_done_callback(wake)
    try:
        await asyncio.wait_for(done.wait(), within_s)
    except TimeoutError:
        return False
    return not asked.cancelled()
