"""Structured logs: a JSON object a line on stderr. No words, names or numbers of callers."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import TextIO

import structlog

__all__ = ["LimitedHandler", "start_logging"]

BYTES_PER_S = 12_000.0
BURST_BYTES = 200_000.0
"""Less than a megabyte a minute."""

MAX_LINE = 2_000


def start_logging(level: str) -> None:
    """Write the logs of this process, uvicorn's included, as JSON."""
    processors: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = LimitedHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # The message of an exception may quote a caller: its type is enough.
                _only_the_type,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # Of every request a line would be too much, and its path holds ids.
    logging.getLogger("uvicorn.access").disabled = True
    for name in ("alembic", "faiss", "httpx", "mcp", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.WARNING)


class LimitedHandler(logging.StreamHandler[TextIO]):
    """Writes at most so much in the long run, and says how many lines it left out.

    What goes wrong once for each request of an attack would fill a disk.

    Args:
        stream: where to.
        bytes_per_s: what is written in the long run.
        burst: bytes that may be written at once.
        clock: seconds, as ``time.monotonic``.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        bytes_per_s: float = BYTES_PER_S,
        burst: float = BURST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(stream)
        self._bytes_per_s = bytes_per_s
        self._burst = burst
        self._clock = clock
        self._left = burst
        self._since = clock()
        self._n_left_out = 0

    def format(self, record: logging.LogRecord) -> str:
        """A line, of a length that somebody reads."""
        line = super().format(record)
        return line if len(line) <= MAX_LINE else line[:MAX_LINE] + "…"

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, if there is room for it."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._since) * self._bytes_per_s)
        self._since = now
        if self._left <= 0:
            self._n_left_out += 1
            return
        if self._n_left_out:
            n, self._n_left_out = self._n_left_out, 0
            said = "%d lines of the log were left out: there were too many"
            note = logging.LogRecord(__name__, logging.WARNING, "", 0, said, (n,), None)
            self._write(note)
        self._write(record)

    def _write(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record) + self.terminator
            self._left -= len(line.encode("utf-8", "replace"))
            self.stream.write(line)
            self.flush()
        except Exception:  # noqa: BLE001  as every handler of logging does
            self.handleError(record)


def _only_the_type(
    _: object, __: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    error = event.pop("exc_info", None)
    if isinstance(error, tuple) and error[0] is not None:
        event["error"] = error[0].__name__
    event.pop("stack_info", None)
    return event
