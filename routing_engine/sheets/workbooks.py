"""Workbooks to rows of cells, parsed by a process of its own.

A workbook comes from somebody else, and its parser is a library that may crash, or take all memory
there is. It runs in a process with limits on memory and time; what becomes of that one is an error
of the sheet, and of nothing else.
"""

from __future__ import annotations

import datetime as dt
import marshal
import os
import signal
import subprocess
import sys
import threading
import weakref
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from routing_engine.errors import SheetError
from routing_engine.sheets.cells import Value, text_of
from routing_engine.sheets.issues import IssueLog
from routing_engine.sheets.tables import ROWS_PER_CHUNK, RawTable, Rows, find_header
from routing_engine.workbooks.extents import PARSER_BYTES, PARSER_CPU_S
from routing_engine.workbooks.worker import LENGTH_BYTES

__all__ = ["open_workbook"]

FIRST_ROWS = 64
_KINDS = {
    "datetime": dt.datetime,
    "date": dt.date,
    "time": dt.time,
    "timedelta": dt.timedelta,
}


def open_workbook(path: Path, log: IssueLog, mapping: Mapping[str, str]) -> list[RawTable]:
    """Read the headers of all sheets of a workbook; rows are read when they are asked for."""
    parser = _Parser(path, log)
    found = parser.answer()
    return [_table(path, parser, i, facts, mapping, len(found)) for i, facts in enumerate(found)]


class _Parser:
    """The process that has a workbook open.

    Ended when the last table that reads from it is gone.
    """

    def __init__(self, path: Path, log: IssueLog) -> None:
        self._log = log
        self._asking = threading.Lock()
        environment = dict(os.environ)
        environment["PYTHONPATH"] = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        command = [sys.executable, "-P", "-m", "routing_engine.workbooks.worker"]
        try:
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter and module
                [*command, str(path.resolve())],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=environment,
            )  # fmt: skip
        except OSError as error:
            raise log.fatal(
                "unreadable", f"cannot be read: no process to parse it in ({error.strerror})"
            ) from error
        self._ended = weakref.finalize(self, _end, self._process)

    def answer(self) -> Any:
        """The next answer.

        Raises:
            SheetError: it is that the workbook is not read; or the process ended.
        """
        assert self._process.stdout is not None
        packed = self._process.stdout.read(LENGTH_BYTES)
        packed = self._process.stdout.read(int.from_bytes(packed, "little"))
        if not packed:
            raise self._over()
        try:
            found = marshal.loads(packed)  # noqa: S302  written by our own module
        except (EOFError, ValueError, TypeError) as error:  # cut off in the middle
            raise self._over() from error
        if isinstance(found, tuple):
            code, message = found
            raise self._log.fatal(code, message)
        return found

    def rows(self, sheet: int, first: int, n: int) -> list[list[Any]]:
        """At most n rows of a sheet from the first on, counted from 0; none after its end.

        Raises:
            SheetError: the process ended.
        """
        assert self._process.stdin is not None
        with self._asking:
            try:
                self._process.stdin.write(f"{sheet} {first} {n}\n".encode())
                self._process.stdin.flush()
            except OSError as error:
                raise self._over() from error
            rows: list[list[Any]] = self.answer()
        for row in rows:
            for i, cell in enumerate(row):
                if type(cell) is tuple:
                    row[i] = _KINDS[cell[0]](*cell[1])
        return rows

    def _over(self) -> SheetError:
        code = self._process.wait()
        took = (
            f"takes more than {PARSER_CPU_S} s"
            if code == -getattr(signal, "SIGXCPU", 0)
            else f"takes more than {PARSER_BYTES >> 20:,} MB of memory"
        )
        return self._log.fatal("too_large", f"{took} to read; split it, or write it as CSV")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        with suppress(OSError):  # what was not sent yet
            pipe.close()
    process.wait()


def _table(
    path: Path, parser: _Parser, number: int, facts: Sequence[Any], mapping: Mapping[str, str],
    n_sheets: int,
) -> RawTable:  # fmt: skip
    title, is_hidden, first_column, last_row, lost, hidden_rows, merged = facts
    first_rows: list[list[str]] = []
    while not any(map(any, first_rows)):
        found = parser.rows(number, len(first_rows), FIRST_ROWS)
        if not found:
            break
        first_rows += [[text_of(cell) for cell in row] for row in found]
    at, titles = find_header(first_rows, mapping)
    header = tuple(first_rows[at]) if at >= 0 else ()
    header_row = at + 1
    # The rows of a sheet start in its first column that is not empty.
    below = [
        (top, bottom, left - first_column) for top, bottom, left in merged if top >= header_row
    ]

    def rows() -> Iterator[Rows]:
        row = header_row
        filling = _Filling(below)
        while chunk := parser.rows(number, row, ROWS_PER_CHUNK):
            filling.fill(chunk, row)
            yield row + 1, list[Sequence[Value]](chunk)
            row += len(chunk)

    return RawTable(
        path.name if n_sheets == 1 else f"{path.name}[{title}]",
        title,
        header,
        header_row,
        max(last_row - header_row, 0),
        rows,
        tuple((row, column - first_column, what) for row, column, what in lost),
        tuple(i + 1 for i in titles),
        is_hidden,
        tuple(row for row in hidden_rows if row > header_row),
    )


class _Filling:
    """Gives each cell of a merged range the value of the range, chunk by chunk.

    Args:
        merged: first row and last row, counted from 0, and position of each range, in order.
    """

    def __init__(self, merged: Sequence[tuple[int, int, int]]) -> None:
        self._coming = merged
        self._open: list[tuple[int, int, Value]] = []
        """Last row, position and value of those that go on below."""

    def fill(self, rows: list[list[Value]], first: int) -> None:
        """Fill the rows of a chunk, the first of which has this number."""
        after = first + len(rows)
        n = bisect_left(self._coming, (after,))
        begin = [
            (max(top + 1, first), bottom, at, rows[top - first][at])
            for top, bottom, at in self._coming[:n]
            if top - first >= 0 and at < len(rows[top - first])
        ]
        self._coming = self._coming[n:]
        begin += [(first, bottom, at, value) for bottom, at, value in self._open]
        self._open = [(bottom, at, value) for _, bottom, at, value in begin if bottom >= after]
        for top, bottom, at, value in begin:
            for row in rows[top - first : bottom + 1 - first]:
                if at < len(row):
                    row[at] = value
