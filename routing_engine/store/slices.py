"""Large writes in short slices, between which others write, and many values in several statements."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

__all__ = ["Slices", "chunks"]

T = TypeVar("T")

SLICE_S: Final = 0.1
"""Time that a slice is meant to take; SQLite lets nobody else write meanwhile."""

PAUSES_S: Final = 0.05, 0.3
"""Shortest and longest pause after a slice. Another process that waits for SQLite looks again after
25 ms, later after 50 or 100."""

FEWEST, MOST = 50, 2_000

CHUNK: Final = 500
"""Most ids in one statement; older builds of SQLite take 999 parameters."""


class Slices:
    """Divides a write into slices of about a tenth of a second, with pauses as long as they took.

    Attributes:
        size: rows of the next slice; adapted to how long the last one took.
    """

    def __init__(self, size: int = 100) -> None:
        self.size = size

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Time one slice, which is one transaction, and pause after it."""
        began_s = time.monotonic()
        yield
        took_s = max(time.monotonic() - began_s, 0.001)
        grown = self.size * min(2.0, SLICE_S / took_s)
        self.size = int(min(MOST, max(FEWEST, grown)))
        time.sleep(min(max(PAUSES_S[0], took_s), PAUSES_S[1]))

    def of(self, rows: Sequence[T]) -> Iterator[Sequence[T]]:
        """Divide rows; each slice is timed until the next one is asked for."""
        begin = 0
        while begin < len(rows):
            some = rows[begin : begin + self.size]
            with self.timed():
                yield some
            begin += len(some)


def chunks(values: Sequence[str]) -> Iterable[Sequence[str]]:
    """Split values into chunks that fit into a statement."""
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))
