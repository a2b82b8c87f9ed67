"""Files to rows of cells: encodings, delimiters, workbooks, and what makes a file unreadable."""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from routing_engine.reports import shown
from routing_engine.sheets.cells import Value, text_of
from routing_engine.sheets.headers import field_of
from routing_engine.sheets.issues import IssueLog, listed

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

__all__ = ["RawTable", "Rows", "open_tables"]

ROWS_PER_CHUNK = 16_384
MAX_CELL_LENGTH = 1 << 20
MAX_UNZIPPED_BYTES = 1 << 30
MAX_ZIP_RATIO = 500
MAX_WORKBOOK_CELLS = 50_000_000
BLOCK_BYTES = 1 << 20

CSV_SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
WORKBOOK_SUFFIXES = frozenset({".xlsx", ".xlsm"})

Rows = tuple[int, list[Sequence[Value]]]
"""Row number of the first row, and the rows."""


@dataclass(frozen=True, slots=True)
class RawTable:
    """One table of a file, not yet understood.

    Attributes:
        name: as issues name it: the file, with the sheet where it is a workbook of several.
        title: the sheet's own name; empty for CSV.
        header: the cells of the first row that is not blank, as text; empty for a blank table.
        header_row: its row number.
        n_rows: rows in all where that is known.
        rows: the rows below the header, in chunks.
        lost: (row, column position, what) of cells whose value a spreadsheet did not store.
    """

    name: str
    title: str
    header: tuple[str, ...]
    header_row: int
    n_rows: int | None
    rows: Callable[[], Iterator[Rows]]
    lost: tuple[tuple[int, int, str], ...] = ()


def open_tables(path: Path, log: IssueLog) -> list[RawTable]:
    """The tables of a file: one of a CSV file, one a sheet of a workbook.

    Raises:
        SheetError: the file cannot be read, for whatever reason.
    """
    suffix = path.suffix.lower()
    try:
        if suffix in CSV_SUFFIXES:
            return [_open_csv(path, log)]
        if suffix in WORKBOOK_SUFFIXES:
            return _open_workbook(path, log)
    except OSError as error:
        raise log.fatal("unreadable", f"cannot be read: {error.strerror or error}") from error
    raise log.fatal(
        "unknown_format", f"{shown(path.suffix)} is not a sheet; use .csv, .tsv, .txt or .xlsx"
    )


def _open_csv(path: Path, log: IssueLog) -> RawTable:
    encoding, has_nul = _encoding(path, log)
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
    header_row = 0
    header: tuple[str, ...] = ()
    for first_row, rows in source.rows(delimiter, log, chunk=64):
        found = next((i for i, row in enumerate(rows) if any(map(str.strip, map(str, row)))), None)
        if found is not None:
            header_row = first_row + found
            header = tuple(text_of(cell) for cell in rows[found])
            break

    def below() -> Iterator[Rows]:
        return source.rows(delimiter, log, after=header_row)

    return RawTable(path.name, "", header, header_row, None, below)


@dataclass(frozen=True, slots=True)
class _CsvSource:
    path: Path
    encoding: str
    has_nul: bool
    skip_first: bool

    def rows(
        self, delimiter: str, log: IssueLog, *, after: int = 0, chunk: int = ROWS_PER_CHUNK
    ) -> Iterator[Rows]:
        """Rows in chunks; quoting is strict, so that an unclosed quote is an error."""
        with self.path.open(encoding=self.encoding, newline="") as file:
            if self.skip_first:
                file.readline()
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            row = 1
            while True:
                rows: list[Sequence[Value]] = []
                try:
                    # What was read before an error stays in the list.
                    rows.extend(islice(reader, chunk if row > after else after + 1 - row))
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
    """The delimiter under which the header has most known columns, then most columns."""

    def score(delimiter: str) -> tuple[int, int]:
        try:
            with source.path.open(encoding=source.encoding, newline="") as file:
                reader = csv.reader(file, delimiter=delimiter, strict=True)
                header = next((row for row in reader if "".join(row).strip(" ,;\t")), [])
        except csv.Error:
            return -1, 0
        return sum(field_of(text_of(cell)) is not None for cell in header), len(header)

    return max(",;\t", key=score)


def _encoding(path: Path, log: IssueLog) -> tuple[str, bool]:
    """The encoding of a text file, and whether it holds NUL characters."""
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
    try:
        has_nul = _has_nul(path, "cp1252")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise log.fatal(
            "bad_encoding",
            f"is neither UTF-8 nor Windows-1252 (byte 0x{byte:02x}); save it as CSV UTF-8",
        ) from error
    log.add(
        "warning", "assumed_encoding", "is not UTF-8; read as Windows-1252. Check accented letters"
    )
    return "cp1252", has_nul


def _has_nul(path: Path, encoding: str) -> bool:
    """Decode the whole file strictly; whether there is a NUL character in it."""
    decoder = codecs.getincrementaldecoder(encoding)()
    has_nul = False
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            has_nul |= "\0" in decoder.decode(block)
    decoder.decode(b"", final=True)
    return has_nul


def _open_workbook(path: Path, log: IssueLog) -> list[RawTable]:
    from python_calamine import CalamineError, CalamineWorkbook

    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise log.fatal(
            "encrypted",
            "is protected by a password or of the old .xls format; save it as .xlsx without one",
        )
    lost = _inspect_zip(path, log)
    try:
        book = CalamineWorkbook.from_path(str(path))
        titles = [sheet.name for sheet in book.sheets_metadata if "WorkSheet" in str(sheet.typ)]
        sheets = [(title, book.get_sheet_by_name(title)) for title in titles]
    except CalamineError as error:
        raise log.fatal("corrupt", f"is not a readable workbook: {error}") from error
    except BaseException as error:
        # The parser's own panic is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise log.fatal("corrupt", "is not a readable workbook") from error
    return [
        _sheet_table(
            path.name if len(sheets) == 1 else f"{path.name}[{title}]",
            title, sheet, lost.get(title, ()),
        )
        for title, sheet in sheets
    ]  # fmt: skip


def _sheet_table(
    name: str, title: str, sheet: CalamineSheet, lost: tuple[tuple[int, int, str], ...]
) -> RawTable:
    header: tuple[str, ...] = ()
    header_row = 0
    for number, row in enumerate(sheet.iter_rows(), start=1):
        if any(_workbook_value(cell) != "" for cell in row):
            header = tuple(text_of(_workbook_value(cell)) for cell in row)
            header_row = number
            break
    # The rows of a sheet start in its first column that is not empty.
    first_column = 0 if sheet.start is None else sheet.start[1]

    def rows() -> Iterator[Rows]:
        iterator = islice(sheet.iter_rows(), header_row, None)
        row = header_row + 1
        while chunk := list(islice(iterator, ROWS_PER_CHUNK)):
            yield (
                row,
                [
                    [cell if type(cell) is str else _workbook_value(cell) for cell in cells]
                    for cells in chunk
                ],
            )
            row += len(chunk)

    n_rows = 0 if sheet.end is None else sheet.end[0] + 1 - header_row
    shifted = tuple((row, column - first_column, what) for row, column, what in lost)
    return RawTable(name, title, header, header_row, n_rows, rows, shifted)


def _workbook_value(cell: Any) -> Value:
    """A cell of a workbook: str, float or date; a truth value as text, as True == 1.0."""
    if isinstance(cell, str):
        return cell if cell.strip() else ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, (int, float)):
        return float(cell)
    if isinstance(cell, (dt.date, dt.time, dt.timedelta)):
        return cell
    return str(cell)


# Attributes one by one: the value of another may hold what looks like a reference.
_CELL = re.compile(rb"<(?:\w+:)?c(?: \w+=\"[^\"<>]*\")*? r=\"([A-Z]{1,3})([1-9][0-9]{0,6})\"[^>]*>")
_ANY_CELL = tuple(
    head + end for head in (b"<c", b":c") for end in (b" ", b"\t", b"\n", b"\r", b">", b"/")
)
_LOST = re.compile(
    rb"<(?:\w+:)?c\s(?P<attributes>[^>]*?)>"
    rb"(?P<formula><(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>))?"
    rb"(?:<(?:\w+:)?v>(?P<value>[^<]*)</(?:\w+:)?v>)?"
)
_REFERENCE = re.compile(rb"\br=[\"']([A-Z]{1,3})([0-9]{1,7})[\"']")


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _inspect_zip(path: Path, log: IssueLog) -> dict[str, tuple[tuple[int, int, str], ...]]:
    """Refuse a workbook that would not fit into memory; find the cells whose value is lost.

    A cell holding an error (``#N/A``) or a formula that was never calculated reads as empty,
    which in a routing sheet means "no such rule": that must not pass in silence.

    Returns:
        Sheet title -> (row, column position, what) of each such cell.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            packed = max(1, sum(member.compress_size for member in members))
            if size > MAX_UNZIPPED_BYTES or (size > 1 << 24 and size > MAX_ZIP_RATIO * packed):
                raise log.fatal(
                    "too_large", f"unpacks to {size:,} bytes; split it, or write it as CSV"
                )
            if any(member.flag_bits & 1 for member in members):
                raise log.fatal("encrypted", "is protected by a password; save it without one")
            names = Counter(_plain(member.filename) for member in members)
            if names.most_common(1)[0][1] > 1:
                raise ValueError("two of its parts have one name")
            titles = _sheet_titles(archive)
            lost: dict[str, tuple[tuple[int, int, str], ...]] = {}
            for member in members:
                name = _plain(member.filename)
                if name in titles or re.fullmatch(r"xl/worksheets/[^/]+\.xml", name):
                    lost[titles.pop(name, "")] = _inspect_sheet(archive, member, log)
            if titles:
                # What was not looked at is not given to the parser either.
                raise ValueError("a sheet is not where the workbook says")
            return lost
    except (
        zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, ValueError,
        KeyError,
    ) as error:  # fmt: skip
        raise log.fatal("corrupt", f"is not a readable workbook: {error}") from error


def _plain(name: str) -> str:
    """The name of a part as the parser compares it."""
    return name.replace("\\", "/").lstrip("/").lower()


def _sheet_titles(archive: zipfile.ZipFile) -> dict[str, str]:
    """Path of a sheet in the archive, in lower case -> title."""
    from xml.etree import ElementTree as ET

    def parse(name: str) -> Any:
        data = archive.read(name)
        if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            raise ValueError(f"{name} declares entities")
        try:
            return ET.fromstring(data)  # noqa: S314  entities are refused above
        except ET.ParseError as error:
            raise ValueError(f"{name}: {error}") from error

    targets: dict[str, str] = {}
    for relation in parse("xl/_rels/workbook.xml.rels"):
        target = str(relation.get("Target", ""))
        full = target if target.startswith(("/", "xl/")) else f"xl/{target}"
        targets[str(relation.get("Id"))] = _plain(full)
    titles: dict[str, str] = {}
    for element in parse("xl/workbook.xml").iter():
        if element.tag.rpartition("}")[2] != "sheet":
            continue
        for name, value in element.attrib.items():
            if name.rpartition("}")[2] == "id" and value in targets:
                titles[targets[value]] = str(element.get("name"))
    return titles


def _inspect_sheet(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, log: IssueLog
) -> tuple[tuple[int, int, str], ...]:
    """The cells of one sheet whose value is lost: (row, column position, what)."""
    widest = highest = n_cells = n_placed = 0
    lost: list[tuple[int, int, str]] = []
    rest = b""
    with archive.open(member) as file:
        while True:
            block = file.read(BLOCK_BYTES)
            text = rest + block
            # Cut where a cell begins, so that none is seen in halves.
            cut = len(text) if not block else max(text.rfind(b"<c "), text.rfind(b":c "), 0)
            text, rest = text[:cut], text[cut:]
            if len(rest) > 16 * BLOCK_BYTES:
                raise log.fatal("corrupt", "is not a readable workbook: a cell of 16 MB")
            placed = _CELL.findall(text)
            n_placed += len(placed)
            n_cells += sum(map(text.count, _ANY_CELL))
            for letters, digits in placed:
                # Only what can be an extreme is converted: most cells are A to Z, row by row.
                if len(letters) > 1 or widest < 26:
                    widest = max(widest, _column_number(letters))
                highest = max(highest, int(digits))
            if b'"e"' in text or b"'e'" in text or b"<f" in text or b":f" in text:
                lost.extend(_lost_cells(text))
            if not block:
                break
    if n_placed != n_cells:
        # Some cells do not say where they are, or not as spreadsheets write it.
        widest, highest = _extent(archive, member)
    if widest * highest > MAX_WORKBOOK_CELLS:
        raise log.fatal(
            "too_large",
            f"spans {widest * highest:,} cells, most of them empty; delete the stray cells far "
            "below or to the right, or write it as CSV",
        )
    return tuple(lost)


def _extent(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[int, int]:
    """The last column and row of a sheet, read as XML: exact, and slower.

    Raises:
        ValueError: it is no XML, or a reference is none.
    """
    widest = highest = column = row = 0

    def begin(tag: str, attributes: dict[str, str]) -> None:
        nonlocal widest, highest, column, row
        name = tag.rpartition(":")[2]
        if name not in ("c", "row"):
            return
        given = re.fullmatch(r"([A-Z]{0,3})([0-9]{1,10})", attributes.get("r", "").upper())
        if "r" in attributes and (given is None or bool(given[1]) != (name == "c")):
            raise ValueError(f"a cell at {shown(attributes['r'])}")
        if name == "row":
            column = 0
            row = row + 1 if given is None else int(given[2])
        else:
            column = column + 1 if given is None else _column_number(given[1].encode())
            row = row if given is None else int(given[2])
        widest, highest = max(widest, column), max(highest, row)

    def declares(*_: object) -> None:
        raise ValueError("a sheet declares entities")

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.EntityDeclHandler = declares
    try:
        with archive.open(member) as file:
            while block := file.read(BLOCK_BYTES):
                parser.Parse(block)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise ValueError(str(error)) from error
    return widest, highest


def _lost_cells(text: bytes) -> Iterator[tuple[int, int, str]]:
    for match in _LOST.finditer(text):
        reference = _REFERENCE.search(match["attributes"])
        if reference is None or match["attributes"].endswith(b"/"):
            continue
        value = match["value"]
        is_error = re.search(rb"\bt=[\"']e[\"']", match["attributes"]) is not None
        if not is_error and (match["formula"] is None or value is not None):
            continue
        what = (value or b"").decode(errors="replace") if is_error else "a formula without a value"
        yield int(reference[2]), _column_number(reference[1]) - 1, what


def choose_tables(tables: Sequence[RawTable], log: IssueLog) -> tuple[RawTable, RawTable | None]:
    """The routing sheet of a file, and the template that comes with it, or None."""
    from routing_engine.sheets.headers import has_location, is_template

    main = next((table for table in tables if has_location(table.header)), None)
    if main is None:
        headers = next((table.header for table in tables if table.header), ())
        if not headers:
            raise log.fatal("empty", "is empty; the first row must name the columns")
        main = next(table for table in tables if table.header)
    template: RawTable | None = None
    unread: list[str] = []
    for table in tables:
        if table is main or not table.header:
            continue
        named = table.title.strip().casefold() == "template"
        if template is None and (is_template(table.header) or named):
            template = table
        elif has_location(table.header):
            unread.append(table.title)
    if unread:
        log.add(
            "warning",
            "unread_sheet",
            f"sheets with locations that were not read: {listed(unread)}; put all into {main.title!r}",
        )
    return main, template
