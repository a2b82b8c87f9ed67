"""Many callers, few cores: one queue in front of an encoder.

While a core is free a caller's text is encoded at once, in the caller's own thread: alone, there
is no queue. When all cores are busy texts wait, and whichever worker is free next takes all that
wait, up to a batch. Nothing ever waits for company, so batches grow with load and with nothing
else.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field

import numpy as np

from routing_engine.encoders.protocol import Encoder, Vectors, check_vector, check_vectors
from routing_engine.errors import InvalidValueError, RoutingError

__all__ = ["DeadlineExceededError", "MicroBatcher", "OverloadedError"]


class OverloadedError(RoutingError):
    """More texts are waiting than the queue holds."""


class DeadlineExceededError(RoutingError):
    """A text was not encoded before its caller's deadline."""


@dataclass(slots=True)
class _Waiting:
    text: str
    expires: float | None
    vector: Future[Vectors] = field(default_factory=Future)


class MicroBatcher:
    """Feeds one encoder from any number of threads and event loops. Thread-safe.

    Args:
        encoder: what embeds; thread-safe.
        max_waiting: texts that may wait; one more is refused.
        max_batch: texts that a worker takes at once.
        n_slots: encodings that run at a time; None for the number of usable cores.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        max_waiting: int = 1024,
        max_batch: int = 32,
        n_slots: int | None = None,
    ) -> None:
        if max_waiting < 1 or max_batch < 1 or (n_slots is not None and n_slots < 1):
            raise InvalidValueError("max_waiting, max_batch and n_slots must be at least 1")
        self.encoder = encoder
        self._dimension = encoder.dimension
        self.max_waiting = max_waiting
        self.max_batch = max_batch
        self.n_slots = usable_cores() if n_slots is None else n_slots
        self._waiting: deque[_Waiting] = deque()
        self._running = 0
        self._changed = threading.Condition()
        self._workers: list[threading.Thread] = []
        self._owner = os.getpid()

    @property
    def n_waiting(self) -> int:
        """Texts that wait now."""
        return len(self._waiting)

    def encode(self, text: str, *, deadline_s: float | None = None) -> Vectors:
        """The unit vector of one text, float32 ``(dimension,)``.

        Args:
            text: what to embed.
            deadline_s: seconds from now after which the answer is not wanted any more.

        Raises:
            OverloadedError: too many texts wait already.
            DeadlineExceededError: the deadline passed first.
        """
        if deadline_s is None and self._take_slot():
            try:
                return check_vector(self.encoder.encode([text]), self._dimension)
            finally:
                self._give_slot()
        waiting = self._enqueue(text, deadline_s)
        try:
            return waiting.vector.result(deadline_s)
        except FutureTimeoutError:
            if waiting.vector.done() and not waiting.vector.cancelled():
                return waiting.vector.result()
            waiting.vector.cancel()
            raise DeadlineExceededError(f"not encoded within {deadline_s} s") from None

    async def aencode(self, text: str, *, deadline_s: float | None = None) -> Vectors:
        """As :meth:`encode`, without blocking the event loop; a cancelled caller is forgotten."""
        waiting = self._enqueue(text, deadline_s)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(waiting.vector), deadline_s)
        except TimeoutError:
            raise DeadlineExceededError(f"not encoded within {deadline_s} s") from None

    def _encode(self, texts: list[str]) -> Vectors:
        return check_vectors(self.encoder.encode(texts), len(texts), self._dimension)

    def _take_slot(self) -> bool:
        with self._changed:
            if self._waiting or self._running >= self.n_slots:
                return False
            self._running += 1
            return True

    def _give_slot(self) -> None:
        with self._changed:
            self._running -= 1
            if self._waiting:
                self._changed.notify()

    def _enqueue(self, text: str, deadline_s: float | None) -> _Waiting:
        expires = None if deadline_s is None else time.monotonic() + deadline_s
        waiting = _Waiting(text, expires)
        with self._changed:
            if len(self._waiting) >= self.max_waiting:
                raise OverloadedError(f"{self.max_waiting} texts are waiting to be encoded")
            self._start_workers()
            self._waiting.append(waiting)
            self._changed.notify()
        return waiting

    def _start_workers(self) -> None:
        if self._owner != os.getpid():  # threads do not survive a fork
            self._owner = os.getpid()
            self._workers = []
            self._running = 0
            self._waiting.clear()
        while len(self._workers) < self.n_slots:
            worker = threading.Thread(
                target=self._work, name=f"encoder-{len(self._workers)}", daemon=True
            )
            self._workers.append(worker)
            worker.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting or self._running >= self.n_slots:
                    self._changed.wait()
                batch = self._next_batch()
                if not batch:
                    continue
                self._running += 1
            try:
                self._answer(batch)
            finally:
                self._give_slot()

    def _next_batch(self) -> list[_Waiting]:
        """Those that wait and are still wanted, up to a batch, oldest first."""
        batch: list[_Waiting] = []
        now = time.monotonic()
        while self._waiting and len(batch) < self.max_batch:
            waiting = self._waiting.popleft()
            if waiting.expires is not None and waiting.expires <= now:
                if waiting.vector.set_running_or_notify_cancel():
                    waiting.vector.set_exception(
                        DeadlineExceededError("the deadline passed while the text waited")
                    )
            elif waiting.vector.set_running_or_notify_cancel():
                batch.append(waiting)
        return batch

    def _answer(self, batch: list[_Waiting]) -> None:
        texts = list(dict.fromkeys(waiting.text for waiting in batch))
        try:
            vectors = dict(zip(texts, self._encode(texts), strict=True))
        except BaseException as error:  # noqa: BLE001  it belongs to those who wait for it
            if len(texts) == 1:
                for waiting in batch:
                    waiting.vector.set_exception(error)
                return
            # One text that cannot be encoded must not fail those it happens to wait with.
            for text in texts:
                self._answer([waiting for waiting in batch if waiting.text == text])
            return
        for waiting in batch:
            waiting.vector.set_result(np.ascontiguousarray(vectors[waiting.text]))


def usable_cores() -> int:
    """Cores that this process may run on."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # not on this platform
        return max(1, os.cpu_count() or 1)
