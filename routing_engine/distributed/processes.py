"""Workers in processes of this machine. One that dies is replaced, and its block routed again."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from routing_engine.distributed.blocks import Job
from routing_engine.errors import (
    BatchError,
    EncoderError,
    InvalidValueError,
    ModelIntegrityError,
    SnapshotError,
)

__all__ = ["route_blocks"]

_TOLD = (InvalidValueError, SnapshotError, EncoderError, ModelIntegrityError)
"""Errors of a worker that are raised as they are."""

MAX_DEATHS = 5
"""Deaths of workers at one block after which it is given up."""


class _Worker:
    """A process that routes one block at a time."""

    def __init__(self, job: Job) -> None:
        environment = dict(os.environ)
        environment["PYTHONPATH"] = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        self.block = -1
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "routing_engine.distributed.worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
        )  # fmt: skip
        self._send(json.dumps(job.to_dict()))

    def route(self, block: int) -> None:
        self.block = block
        self._send(str(block))

    def _send(self, line: str) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its death is seen where its answer is read
            self.process.stdin.write(f"{line}\n".encode())
            self.process.stdin.flush()

    def answer(self) -> int | None:
        """Return how many rows were routed; None where the process died.

        Raises:
            RoutingError: the block cannot be routed.
        """
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.endswith(b"\n"):
            return None
        answer = json.loads(line)
        if "error" in answer:
            for kind in _TOLD:
                if kind.__name__ == answer["error"]:
                    raise kind(answer["message"])
            raise BatchError(f"block {self.block}: {answer['error']}: {answer['message']}")
        n_rows: int = answer["rows"]
        return n_rows

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def route_blocks(job: Job, numbers: Sequence[int], *, workers: int) -> Iterator[int]:
    """Route blocks by processes of this machine.

    Args:
        job: the batch.
        numbers: of the blocks.
        workers: processes at a time.

    Yields:
        How many rows each block had, as they are done.

    Raises:
        RoutingError: a block cannot be routed.
        BatchError: processes died again and again at one block.
    """
    waiting = deque(numbers)
    deaths: Counter[int] = Counter()
    busy: dict[int, _Worker] = {}
    with selectors.DefaultSelector() as ready:

        def start() -> None:
            worker = _Worker(job)
            assert worker.process.stdout is not None
            busy[worker.process.pid] = worker
            ready.register(worker.process.stdout, selectors.EVENT_READ, worker)
            worker.route(waiting.popleft())

        def end(worker: _Worker) -> None:
            ready.unregister(worker.process.stdout)  # type: ignore[arg-type]
            del busy[worker.process.pid]
            worker.end()

        try:
            while waiting or busy:
                while waiting and len(busy) < workers:
                    start()
                for key, _ in ready.select():
                    worker: _Worker = key.data
                    n_rows = worker.answer()
                    if n_rows is None:
                        end(worker)
                        deaths[worker.block] += 1
                        if deaths[worker.block] == MAX_DEATHS:
                            raise BatchError(
                                f"{MAX_DEATHS} processes died while they routed block "
                                f"{worker.block}, the last with exit code "
                                f"{worker.process.returncode}; is there enough memory for "
                                f"{workers} workers?"
                            )
                        waiting.appendleft(worker.block)
                        continue
                    if waiting:
                        worker.route(waiting.popleft())
                    else:
                        end(worker)
                    yield n_rows
        finally:
            for worker in list(busy.values()):
                worker.end()
