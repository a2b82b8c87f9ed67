"""Batch the texts of concurrent callers: one queue in front of an encoder.

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
import weakref
from collections import deque
from concurrent.futures import Future, wait
from dataclasses import dataclass, field

import numpy as np

from routing_engine.encoders.protocol import Encoder, Vectors, check_vector, check_vectors
from routing_engine.errors import EncoderError, InvalidValueError, RoutingError

__all__ = ["DeadlineExceededError", "MicroBatcher", "OverloadedError"]


class OverloadedError(RoutingError):
    """The queue of texts is full."""


class DeadlineExceededError(RoutingError):
    """A text was not encoded before its caller's deadline."""


@dataclass(slots=True)
class _Waiting:
    text: str
    expires: float | None
    vector: Future[Vectors] = field(default_factory=Future)


_cores: weakref.WeakSet[_Core] = weakref.WeakSet()


class _Core:
    """State that a batcher shares with its workers, which do not keep it alive."""

    def __init__(self, encoder: Encoder, max_batch: int, n_slots: int) -> None:
        self.encoder = encoder
        self.dimension = encoder.dimension
        self.max_batch = max_batch
        self.n_slots = n_slots
        self.reset()
        _cores.add(self)

    def reset(self) -> None:
        """Empty the queue and forget the workers."""
        # Entering a lock costs half of what entering a condition does.
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.waiting: deque[_Waiting] = deque()
        self.workers: list[threading.Thread] = []
        self.running = 0
        self.closed = False

    def close(self) -> None:
        """Stop the workers once the queue is empty."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def take_slot(self) -> bool:
        with self.lock:
            if self.waiting or self.running >= self.n_slots:
                return False
            self.running += 1
            return True

    def give_slot(self) -> None:
        with self.lock:
            self.running -= 1
            if self.waiting:
                self.changed.notify()

    def enqueue(self, waiting: _Waiting, max_waiting: int) -> None:
        with self.changed:
            if len(self.waiting) >= max_waiting:
                raise OverloadedError(f"{max_waiting} texts are waiting to be encoded")
            while len(self.workers) < self.n_slots:
                worker = threading.Thread(
                    target=self.work, name=f"encoder-{len(self.workers)}", daemon=True
                )
                self.workers.append(worker)
                worker.start()
            self.waiting.append(waiting)
            self.changed.notify()

    def work(self) -> None:
        while True:
            with self.changed:
                while not self.waiting or self.running >= self.n_slots:
                    if self.closed and not self.waiting:
                        return
                    self.changed.wait()
                batch = self.next_batch()
                if not batch:
                    continue
                self.running += 1
            try:
                self.answer(batch)
            finally:
                self.give_slot()
            del batch  # nothing of a caller is held while waiting for the next

    def next_batch(self) -> list[_Waiting]:
        """Take a batch of queued texts that are still wanted, oldest first."""
        batch: list[_Waiting] = []
        now = time.monotonic()
        while self.waiting and len(batch) < self.max_batch:
            waiting = self.waiting.popleft()
            if not waiting.vector.set_running_or_notify_cancel():
                continue
            if waiting.expires is not None and waiting.expires <= now:
                waiting.vector.set_exception(
                    DeadlineExceededError("the deadline passed while the text waited")
                )
            else:
                batch.append(waiting)
        return batch

    def answer(self, batch: list[_Waiting]) -> None:
        texts = list(dict.fromkeys(waiting.text for waiting in batch))
        try:
            encoded = check_vectors(self.encoder.encode(texts), len(texts), self.dimension)
        except BaseException as error:  # noqa: BLE001  it belongs to those who wait for it
            if len(texts) > 1:
                # One text that cannot be encoded must not fail those it happens to wait with.
                for text in texts:
                    self.answer([waiting for waiting in batch if waiting.text == text])
                return
            for waiting in batch:
                waiting.vector.set_exception(_holdable(error))
            return
        vectors = dict(zip(texts, encoded, strict=True))
        for waiting in batch:
            waiting.vector.set_result(np.ascontiguousarray(vectors[waiting.text]))


def _reset_all() -> None:
    """Reset all batchers in a forked child: threads and locks do not survive a fork."""
    for core in list(_cores):
        core.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)


def _holdable(error: BaseException) -> BaseException:
    """Wrap a StopIteration, which a future of asyncio cannot hold."""
    if isinstance(error, StopIteration):
        wrapped = EncoderError("the encoder raised StopIteration")
        wrapped.__cause__ = error
        return wrapped
    return error


class MicroBatcher:
    """Feed one encoder from any number of threads and event loops. Thread-safe.

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
        slots = usable_cores() if n_slots is None else n_slots
        for name, value in (
            ("max_waiting", max_waiting),
            ("max_batch", max_batch),
            ("n_slots", slots),
        ):
            if type(value) is not int or value < 1:
                raise InvalidValueError(f"{name} must be at least 1, not {value!r}")
        self.encoder = encoder
        self.max_waiting = max_waiting
        self.max_batch = max_batch
        self.n_slots = slots
        self._core = _Core(encoder, max_batch, slots)
        weakref.finalize(self, self._core.close)

    @property
    def n_waiting(self) -> int:
        """Number of queued texts."""
        return len(self._core.waiting)

    def encode(self, text: str, *, deadline_s: float | None = None) -> Vectors:
        """Return the unit vector of one text, float32 ``(dimension,)``.

        Args:
            text: what to embed.
            deadline_s: seconds from now after which the answer is not wanted any more.

        Raises:
            OverloadedError: too many texts wait already.
            DeadlineExceededError: the deadline passed first.
        """
        core = self._core
        if deadline_s is None and core.take_slot():
            try:
                return check_vector(core.encoder.encode([text]), core.dimension)
            finally:
                core.give_slot()
        return self._awaited(text, deadline_s)

    def encode_pair(self, first: str, second: str) -> tuple[Vectors, Vectors]:
        """Return the unit vectors of two different texts, each float32 ``(dimension,)``, in one batch.

        Raises:
            OverloadedError: too many texts wait already.
        """
        core = self._core
        if core.take_slot():
            try:
                both = check_vectors(core.encoder.encode([first, second]), 2, core.dimension)
            finally:
                core.give_slot()
            return np.ascontiguousarray(both[0]), np.ascontiguousarray(both[1])
        # A worker that is free takes all that wait: as a rule both at once.
        waiting = [self._enqueue(text, None) for text in (first, second)]
        return waiting[0].vector.result(), waiting[1].vector.result()

    def _awaited(self, text: str, deadline_s: float | None) -> Vectors:
        waiting = self._enqueue(text, deadline_s)
        if not wait([waiting.vector], deadline_s).done:
            waiting.vector.cancel()
            raise DeadlineExceededError(f"not encoded within {deadline_s} s")
        return waiting.vector.result()

    async def aencode(self, text: str, *, deadline_s: float | None = None) -> Vectors:
        """As :meth:`encode`, without blocking the event loop; a cancelled caller is forgotten."""
        waiting = self._enqueue(text, deadline_s)
        future = asyncio.wrap_future(waiting.vector)
        try:
            done, _ = await asyncio.wait([future], timeout=deadline_s)
        except asyncio.CancelledError:
            future.cancel()
            raise
        if not done:
            future.cancel()
            raise DeadlineExceededError(f"not encoded within {deadline_s} s")
        return future.result()

    def _enqueue(self, text: str, deadline_s: float | None) -> _Waiting:
        expires = None if deadline_s is None else time.monotonic() + deadline_s
        waiting = _Waiting(text, expires)
        self._core.enqueue(waiting, self.max_waiting)
        return waiting


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # not on this platform
        return max(1, os.cpu_count() or 1)
