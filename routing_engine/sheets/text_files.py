"""Read text files as rows of cells: encodings, delimiters and quoting."""

from __future__ import annotations

import codecs
import contextlib
import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Self, TextIO

from routing_engine.errors import RoutingError
from routing_engine.sheets.cells import Value, text_of
from routing_engine.sheets.encodings import detected_encoding
from routing_engine.sheets.headers import field_of
from routing_engine.sheets.issues import IssueLog
from routing_engine.sheets.tables import ROWS_PER_CHUNK, RawTable, Rows, find_header
from routing_engine.workbooks.extents import MAX_CELL_LENGTH, MAX_COLUMNS

__all__ = ["open_text"]

BLOCK_BYTES = 1 << 20
DELIMITERS = ",;\t|"
MAX_ROW_LENGTH = 1 << 22
CHUNK_CHARACTERS = 1 << 23
CHUNK_CELLS = 1 << 22
"""Most cells of the rows handed out at a time: each is padded to the header's width."""


def open_text(
    path: Path, log: IssueLog, mapping: Mapping[str, str], region: str | None
) -> RawTable:
    """Open a text file and read its header; rows are read on demand."""
    encoding, has_nul = _encoding(path, log, region)
    # The limit is the interpreter's; it is only ever raised, so readers in threads do not clash.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_LENGTH))
    with path.open(encoding=encoding, newline="") as file:
        first = file.readline(64)
    declared = re.fullmatch(r"\"?sep=(.)\"?\r?\n?", first, re.IGNORECASE)
    source = _CsvSource(path, encoding, has_nul, skip_first=declared is not None)
    if declared is not None:
        delimiter = declared[1]
        if delimiter in '"\r\n ':
            raise log.fatal("bad_delimiter", f"sep={delimiter!r} cannot separate columns", row=1)
    else:
        delimiter = _delimiter(source)
    first_rows: list[list[str]] = []
    for _, rows in source.rows(delimiter, log, chunk=64):
        first_rows.extend([text_of(cell) for cell in row] for row in rows)
        if any(any(row) for row in first_rows):
            break
    at, titles = find_header(first_rows, mapping)
    header = tuple(first_rows[at]) if at >= 0 else ()
    header_row = at + 1
    if len(header) > MAX_COLUMNS:
        raise log.fatal(
            "too_large",
            f"has {len(header):,} columns, and at most {MAX_COLUMNS:,} are read",
            row=header_row,
        )
    portion = min(ROWS_PER_CHUNK, CHUNK_CELLS // max(len(header), 1))

    def below() -> Iterator[Rows]:
        return source.rows(delimiter, log, after=header_row, chunk=portion)

    return RawTable(
        path.name, "", header, header_row, None, below, title_rows=tuple(i + 1 for i in titles)
    )


class _RowTooLongError(RoutingError):
    """A row does not end."""


class _Lines:
    """The lines of a file, of which no row takes too many.

    Attributes:
        length: characters that were read since it was last set to 0.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.length = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._file.readline(MAX_ROW_LENGTH)
        if not line:
            raise StopIteration
        self.length += len(line)
        if self.length >= MAX_ROW_LENGTH:
            raise _RowTooLongError
        return line


@dataclass(frozen=True, slots=True)
class _CsvSource:
    path: Path
    encoding: str
    has_nul: bool
    skip_first: bool

    def rows(
        self, delimiter: str, log: IssueLog, *, after: int = 0, chunk: int = ROWS_PER_CHUNK
    ) -> Iterator[Rows]:
        """Yield rows in chunks; an unclosed quote is an error."""
        with self.path.open(encoding=self.encoding, newline="") as file:
            if self.skip_first:
                file.readline()
            lines = _Lines(file)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            row = 1
            while True:
                rows: list[Sequence[Value]] = []
                n_characters = 0
                try:
                    for cells in islice(reader, chunk if row > after else after + 1 - row):
                        rows.append(cells)
                        n_characters += lines.length
                        lines.length = 0
                        if n_characters > CHUNK_CHARACTERS and row > after:
                            break
                except _RowTooLongError as error:
                    raise log.fatal(
                        "too_large",
                        f"a row of more than {MAX_ROW_LENGTH:,} characters; is a line break, or "
                        'a quote ("), missing?',
                        row=row + len(rows),
                    ) from error
                except csv.Error as error:
                    raise log.fatal(
                        "bad_quoting", _quoting_message(str(error)), row=row + len(rows)
                    ) from error
                if not rows:
                    return
                if self.has_nul:
                    _refuse_nul(rows, row, log)
                if row > after:
                    yield row, rows
                row += len(rows)


def _quoting_message(error: str) -> str:
    if "unexpected end" in error:
        return 'a quote (") is opened in this row and never closed'
    if "field larger" in error:
        return f'a cell of more than {MAX_CELL_LENGTH:,} characters; is a quote (") not closed?'
    return 'text after a closing quote ("); write a quote inside a quoted cell twice ("")'


def _refuse_nul(rows: list[Sequence[Value]], first_row: int, log: IssueLog) -> None:
    for i, row in enumerate(rows):
        for cell in row:
            if "\0" in str(cell):
                raise log.fatal("nul", "holds a NUL byte; is this a text file?", row=first_row + i)


def _delimiter(source: _CsvSource) -> str:
    """Choose the delimiter that gives the header most known columns, then most rows of one width."""

    def score(delimiter: str) -> tuple[int, int, int]:
        rows: list[list[str]] = []
        with source.path.open(encoding=source.encoding, newline="") as file:
            lines = _Lines(file)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            with contextlib.suppress(csv.Error, _RowTooLongError):
                for row in islice(reader, 40):
                    rows.append(row)  # what was read before an error stays
                    lines.length = 0
        rows = [row for row in rows if "".join(row).strip(" ,;|\t")]
        known = [
            sum(field_of(text_of(cell)) is not None for cell in row[:MAX_COLUMNS]) for row in rows
        ]
        width, n_rows = Counter(map(len, rows)).most_common(1)[0] if rows else (0, 0)
        return max(known, default=0), n_rows if width > 1 else 0, max(map(len, rows), default=0)

    return max(DELIMITERS, key=score)


def _encoding(path: Path, log: IssueLog, region: str | None) -> tuple[str, bool]:
    """Detect the encoding of a text file, and whether it holds NUL characters."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"PK\x03\x04"):
        raise log.fatal("unknown_format", "is a workbook, not text; name it .xlsx")
    if head.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    elif head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif head[1::2].count(0) > len(head) // 4:
        encoding = "utf-16-le"
    elif head[::2].count(0) > len(head) // 4:
        encoding = "utf-16-be"
    else:
        encoding = "utf-8"
    try:
        return encoding, _has_nul(path, encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise log.fatal(
                "bad_encoding", f"is not valid {encoding.upper()}: {error.reason}"
            ) from error
    found = detected_encoding(path, region)
    if found is None:
        byte = _first_bad_byte(path)
        raise log.fatal(
            "bad_encoding",
            f"is neither UTF-8 nor Windows-1252 (byte 0x{byte:02x}); save it as CSV UTF-8",
        )
    sure = "" if found.confidence is None else f" (confidence {found.confidence:.2f})"
    log.add(
        "warning", "assumed_encoding",
        f"is not UTF-8; read as {found.name}{sure}. Check accented letters",
    )  # fmt: skip
    return found.codec, _has_nul(path, found.codec)


def _first_bad_byte(path: Path) -> int:
    try:
        _has_nul(path, "cp1252")
    except UnicodeDecodeError as error:
        return error.object[error.start]
    return 0


def _has_nul(path: Path, encoding: str) -> bool:
    """Decode the whole file strictly; return whether it holds a NUL character."""
    decoder = codecs.getincrementaldecoder(encoding)()
    has_nul = False
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            has_nul |= "\0" in decoder.decode(block)
    decoder.decode(b"", final=True)
    return has_nul
