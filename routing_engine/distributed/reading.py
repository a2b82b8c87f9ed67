"""Divide files of calls into blocks of rows, and read one block.

A block is a range of bytes of a text file, or of rows of a Parquet file. Dividing reads each text
file once, and finds the columns of all of them on the way, so that every block has the same ones.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from routing_engine.distributed.files import SourceFile
from routing_engine.errors import InvalidValueError
from routing_engine.workbooks.extents import MAX_CELL_LENGTH

__all__ = ["BadRow", "Block", "Column", "Division", "Rows", "divide", "read_block"]

DELIMITERS = ",;\t|"
JSON_TYPES = {"bool": "bool", "int": "int64", "float": "double", "text": "string", "json": "string"}


class Block(NamedTuple):
    """Rows that are routed and written together.

    Attributes:
        number: counted from 0 over all files.
        file: index of the file.
        start, stop: bytes of a text file, or rows of a Parquet file.
        first_row: number of its first row in the file, as a spreadsheet or an editor counts.
        n_rows: rows that are calls.
    """

    number: int
    file: int
    start: int
    stop: int
    first_row: int
    n_rows: int


class Column(NamedTuple):
    """A column of the input.

    Attributes:
        name: its header or key.
        kind: what all its values are in a text file: ``text``, ``bool``, ``int``, ``float``, or
            ``json`` for values of several kinds, which become text: JSON, where they are none.
    """

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Division:
    """Files, divided into blocks.

    Attributes:
        columns: of all files; those of Parquet files without their kinds.
        delimiters: of each CSV file; empty for others.
        blocks: in the order of files and rows.
    """

    columns: tuple[Column, ...]
    delimiters: tuple[str, ...]
    blocks: tuple[Block, ...]


class BadRow(NamedTuple):
    """A row that cannot be routed.

    Attributes:
        row: its number in the file.
        reason: what is wrong with it.
        content: what stands there.
    """

    row: int
    reason: str
    content: Any


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a block that can be read.

    Attributes:
        numbers: the number of each in its file.
        table: all columns, a :class:`pyarrow.Table`.
        bad: rows that cannot be read.
    """

    numbers: list[int]
    table: Any
    bad: list[BadRow]


def divide(
    files: Sequence[SourceFile], location: str, utterance: str, *, block_rows: int
) -> Division:
    """Divide files into blocks, and check that they have the columns that are needed.

    Args:
        files: all of one kind.
        location, utterance: names of the columns.
        block_rows: most rows of a block.

    Raises:
        InvalidValueError: a file cannot be read, a column is missing or there twice, files have
            different columns, or there is no row.
    """
    divided = {"csv": _divide_csv, "json": _divide_json, "parquet": _divide_parquet}[files[0].kind](
        files, location, utterance, block_rows
    )
    if not divided.blocks:
        raise InvalidValueError(f"{files[0].name}: there is no row")
    return divided


def read_block(files: Sequence[SourceFile], division: Division, block: Block) -> Rows:
    """Read the rows of a block."""
    file = files[block.file]
    if file.kind == "parquet":
        return _read_parquet(file, block)
    with file.open() as stream:
        stream.seek(block.start)
        text = stream.read(block.stop - block.start).decode("utf-8", "surrogateescape")
    if file.kind == "csv":
        return _read_csv(text, division.columns, division.delimiters[block.file], block)
    return _read_json(text, division.columns, block)


def check_columns(names: Sequence[str], location: str, utterance: str, where: str) -> None:
    """Check that a file has the columns that are needed, and none twice.

    Raises:
        InvalidValueError: it has not.
    """
    for name, option in ((location, "location"), (utterance, "utterance")):
        if name not in names:
            there = ", ".join(repr(one) for one in names[:8])
            raise InvalidValueError(
                f"{where}: there is no column {name!r}; name the right one with --{option} "
                f"({option}=), of: {there or 'no columns at all'}"
            )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidValueError(f"{where}: two columns are called {twice!r}; rename one")


def _lines(file: SourceFile) -> Iterator[bytes]:
    with file.open() as opened:
        yield from io.BufferedReader(opened, 1 << 20)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape")


def _divide_csv(
    files: Sequence[SourceFile], location: str, utterance: str, block_rows: int
) -> Division:
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_LENGTH))
    header: list[str] | None = None
    delimiters: list[str] = []
    blocks: list[Block] = []
    for number, file in enumerate(files):
        reader = _CsvRecords(file)
        delimiters.append(reader.delimiter)
        if header is None:
            header = reader.header
            check_columns(header, location, utterance, file.name)
        elif header != reader.header:
            raise _differs(file, files[0])
        blocks += _blocks(reader.records(), number, block_rows, len(blocks), reader.first)
    return Division(
        tuple(Column(name, "text") for name in header or ()), tuple(delimiters), tuple(blocks)
    )


def _differs(file: SourceFile, first: SourceFile) -> InvalidValueError:
    return InvalidValueError(
        f"{file.name}: its columns are not those of {first.name}; route them one by one"
    )


class _CsvRecords:
    """The records of a CSV file, and where each ends.

    Attributes:
        delimiter: of its cells.
        header: its first record.
        first: position and row number of the first record after it.
    """

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        with file.open() as stream:
            start = stream.read(1 << 16)
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise InvalidValueError(f"{file.name} is UTF-16; save it as UTF-8")
        self._skipped = 3 if start.startswith(b"\xef\xbb\xbf") else 0
        first_line = _text(start[self._skipped :].partition(b"\n")[0])
        self.delimiter = max(DELIMITERS, key=first_line.count)
        self.header: list[str] = []
        self.first = (0, 2)
        for position, row, record in self._read():
            self.header = [cell.strip() for cell in record]
            self.first = (position, row + 1)
            break

    def records(self) -> Iterator[tuple[int, int, bool]]:
        """Yield for each record after the header where it ends, its row, and whether it is blank."""
        for position, row, record in self._read():
            if position > self.first[0]:
                yield position, row, not record

    def _read(self) -> Iterator[tuple[int, int, list[str]]]:
        position = 0

        def lines() -> Iterator[str]:
            nonlocal position
            for line in _lines(self._file):
                text = _text(line[self._skipped :] if not position else line)
                position += len(line)
                yield text

        row = 0
        try:
            for row, record in enumerate(csv.reader(lines(), delimiter=self.delimiter), start=1):
                yield position, row, record
        except csv.Error as error:
            raise InvalidValueError(
                f"{self._file.name}:{row + 1}: cannot be read as CSV: {error}; is a quote opened "
                "and not closed?"
            ) from error


def _blocks(
    records: Iterable[tuple[int, int, bool]],
    file: int,
    block_rows: int,
    number: int,
    first: tuple[int, int],
) -> Iterator[Block]:
    """Gather records into blocks.

    Args:
        records: where each ends, its row number, and whether it is blank.
        file: index of the file.
        block_rows: most rows of a block.
        number: of the first block.
        first: position and row number of the first record.
    """
    start, first_row = first
    position, n_rows = start, 0
    for position, row, is_blank in records:
        n_rows += not is_blank
        if n_rows == block_rows:
            yield Block(number, file, start, position, first_row, n_rows)
            number, start, first_row, n_rows = number + 1, position, row + 1, 0
    if n_rows:
        yield Block(number, file, start, position, first_row, n_rows)


def _read_csv(text: str, columns: Sequence[Column], delimiter: str, block: Block) -> Rows:
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_LENGTH))
    names = [column.name for column in columns]
    numbers, cells, bad = [], [], []
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    for row, record in enumerate(records, start=block.first_row):
        if not record:
            continue
        if len(record) != len(names):
            reason = f"has {len(record)} cells, and the header has {len(names)}"
            bad.append(BadRow(row, reason, record))
        elif _is_damaged("".join(record)):
            bad.append(BadRow(row, NOT_UTF8, dict(zip(names, record, strict=True))))
        else:
            numbers.append(row)
            cells.append(record)
    return Rows(numbers, _table(columns, list(zip(*cells, strict=True))), bad)


NOT_UTF8 = "is not valid UTF-8"


def _is_damaged(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _table(columns: Sequence[Column], values: Sequence[Sequence[Any]]) -> Any:
    import pyarrow as pa

    given = values or [()] * len(columns)
    return pa.table(
        {
            column.name: pa.array(cells, pa.type_for_alias(JSON_TYPES[column.kind]))
            for column, cells in zip(columns, given, strict=True)
        }
    )


def _divide_json(
    files: Sequence[SourceFile], location: str, utterance: str, block_rows: int
) -> Division:
    kinds: dict[str, str | None] = {}
    blocks: list[Block] = []

    def records(file: SourceFile) -> Iterator[tuple[int, int, bool]]:
        position = 0
        for row, line in enumerate(_lines(file), start=1):
            position += len(line)
            is_blank = not line.strip()
            if not is_blank:
                body = _object(_text(line))
                if isinstance(body, dict):
                    for name, value in body.items():
                        kinds[name] = _merged(kinds.get(name), value)
            yield position, row, is_blank

    for number, file in enumerate(files):
        blocks += _blocks(records(file), number, block_rows, len(blocks), (0, 1))
    # A key that is no text would make every part unreadable.
    names = [name for name in kinds if not _is_damaged(name)]
    if blocks:
        check_columns(names, location, utterance, files[0].name)
    return Division(tuple(Column(name, kinds[name] or "text") for name in names), (), tuple(blocks))


def _object(line: str) -> dict[str, Any] | str:
    """Parse a line as a JSON object; return what is wrong with it where it is none."""
    try:
        body = json.loads(line.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return "is not JSON"
    return body if isinstance(body, dict) else "is no JSON object"


def _kind(value: Any) -> str | None:
    if value is None:
        return None
    kind = {str: "text", bool: "bool", int: "int", float: "float"}.get(type(value), "json")
    return "json" if kind == "int" and not -(1 << 53) <= value <= 1 << 53 else kind


def _merged(known: str | None, value: Any) -> str | None:
    kind = _kind(value)
    if kind is None or known == kind:
        return known
    if known is None:
        return kind
    return "float" if {known, kind} == {"int", "float"} else "json"


def _read_json(text: str, columns: Sequence[Column], block: Block) -> Rows:
    numbers, bodies, bad = [], [], []
    # Not splitlines: a JSON string may hold what else separates lines.
    for row, line in enumerate(text.split("\n"), start=block.first_row):
        if not line.strip():
            continue
        body = _object(line)
        if isinstance(body, str):
            bad.append(BadRow(row, NOT_UTF8 if _is_damaged(line) else body, line.rstrip("\r")))
        elif _is_damaged(line) or _is_damaged(json.dumps(body, ensure_ascii=False)):
            bad.append(BadRow(row, NOT_UTF8, body))
        else:
            numbers.append(row)
            bodies.append(body)
    values = [[_as(column.kind, body.get(column.name)) for body in bodies] for column in columns]
    return Rows(numbers, _table(columns, values), bad)


def _as(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "json":
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return float(value) if kind == "float" else value


def _divide_parquet(
    files: Sequence[SourceFile], location: str, utterance: str, block_rows: int
) -> Division:
    import pyarrow as pa
    from pyarrow import parquet

    schema = None
    blocks: list[Block] = []
    for number, file in enumerate(files):
        try:
            with file.open() as stream:
                opened = parquet.ParquetFile(stream)
                own, n_rows = opened.schema_arrow, opened.metadata.num_rows
        except pa.ArrowException as error:
            raise InvalidValueError(
                f"{file.name} is not a Parquet file that can be read: {error}"
            ) from error
        if schema is None:
            schema = own
            check_columns(own.names, location, utterance, file.name)
        elif not schema.equals(own):
            raise _differs(file, files[0])
        for start in range(0, n_rows, block_rows):
            stop = min(start + block_rows, n_rows)
            blocks.append(Block(len(blocks), number, start, stop, start + 1, stop - start))
    names = [] if schema is None else schema.names
    return Division(tuple(Column(name, "") for name in names), (), tuple(blocks))


def _read_parquet(file: SourceFile, block: Block) -> Rows:
    import pyarrow as pa
    from pyarrow import parquet

    with file.open() as stream:
        opened = parquet.ParquetFile(stream)
        pieces, at = [opened.schema_arrow.empty_table()], 0
        for group in range(opened.num_row_groups):
            n_rows = opened.metadata.row_group(group).num_rows
            if at < block.stop and at + n_rows > block.start:
                start = max(block.start - at, 0)
                piece = opened.read_row_group(group)
                pieces.append(piece.slice(start, min(block.stop - at, n_rows) - start))
            at += n_rows
    table = pa.concat_tables(pieces).replace_schema_metadata(None)
    numbers = range(block.first_row, block.first_row + block.n_rows)
    return Rows(list(numbers), table, [])
