"""Parses a workbook for another process: ``python -m routing_engine.workbooks.worker PATH``.

Answers on standard output, by :mod:`marshal`, each answer after its length: first what the workbook
has, then rows, as asked for on standard input. Ends when nobody is there to ask.
"""

from __future__ import annotations

import marshal
import sys
from pathlib import Path
from typing import Any, BinaryIO

from routing_engine.workbooks.extents import PARSER_BYTES, PARSER_CPU_S
from routing_engine.workbooks.parsing import UnreadableError, open_book

__all__ = ["LENGTH_BYTES", "answer_requests", "limit_this_process"]

LENGTH_BYTES = 8


def limit_this_process() -> None:
    """Let the system end this process where it asks for too much; not on Windows."""
    try:
        import resource
    except ImportError:
        return
    for kind, limit in (
        (resource.RLIMIT_AS, PARSER_BYTES),
        (resource.RLIMIT_CPU, PARSER_CPU_S),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (soft, hard))


def answer_requests(path: Path, asked: BinaryIO, answers: BinaryIO) -> None:
    """Open a workbook and hand out its rows until nobody asks."""

    def answer(value: Any) -> None:
        packed = marshal.dumps(value)
        answers.write(len(packed).to_bytes(LENGTH_BYTES, "little") + packed)
        answers.flush()

    try:
        book = open_book(path)
    except UnreadableError as error:
        answer((error.code, error.message))
        return
    except OSError as error:
        answer(("unreadable", f"cannot be read: {error.strerror or error}"))
        return
    answer([sheet.facts for sheet in book.sheets])
    while request := asked.readline():
        sheet, first, n = map(int, request.split())
        try:
            answer(book.sheets[sheet].rows(first, n))
        except UnreadableError as error:
            answer((error.code, error.message))


def main() -> None:
    """Parse one workbook."""
    limit_this_process()
    answer_requests(Path(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
