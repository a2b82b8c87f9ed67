"""Handle a workbook in a separate process: inspect it, open it, and hand out its rows.

A workbook is small and what it unpacks to is not: 22 KB can name one text of 2 MB eight thousand
times, and a cell far away makes a sheet of millions. What it comes to is counted before the parser
sees it; what was overlooked meets the limits of the process (:mod:`~routing_engine.sheets.workbooks`).
Imports little, so that the process starts in a moment.
"""

from __future__ import annotations

import datetime as dt
import re
import zipfile
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.parsers import expat

from routing_engine.errors import RoutingError
from routing_engine.reports import shown
from routing_engine.workbooks.archives import ArchiveLimits, ArchiveTooLargeError, check_archive
from routing_engine.workbooks.extents import (
    MAX_CELL_LENGTH,
    MAX_COLUMNS,
    MAX_ODD_CELLS,
    MAX_SHEET_CHARACTERS,
    MAX_WORKBOOK_CELLS,
    SPARSE_CELLS,
    SPARSE_RATIO,
)

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

__all__ = ["OpenBook", "OpenSheet", "UnreadableError", "open_book", "plain_value"]

BLOCK_BYTES = 1 << 20
ARCHIVE_LIMITS = ArchiveLimits(
    max_bytes=1 << 30, max_ratio=500, free_bytes=1 << 24, max_members=10_000
)
MAX_MARKED_UP = 4 * MAX_CELL_LENGTH
"""Most characters of a text with its markup and character references."""

CHUNK_CHARACTERS = 1 << 23
"""Most characters of the rows that are handed out at a time."""


class UnreadableError(RoutingError):
    """A workbook that is not read.

    Attributes:
        code: of the issue in the report.
        message: completes the name of the file to a sentence.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class _Inspected(NamedTuple):
    """Facts about a sheet from its XML that the reader does not report."""

    lost: tuple[tuple[int, int, str], ...] = ()
    hidden_rows: tuple[int, ...] = ()
    n_cells: int = 0
    n_characters: int = 0


class OpenSheet:
    """One sheet of a workbook.

    Attributes:
        facts: title, whether it is hidden, its first column, its last row (0 of an empty one), its
            lost cells, its hidden rows, and its ranges of merged cells, as :mod:`marshal` takes them.
    """

    def __init__(
        self, title: str, sheet: CalamineSheet, inspected: _Inspected, *, is_hidden: bool
    ) -> None:
        last_row = 0 if sheet.end is None else sheet.end[0] + 1
        self._sheet = sheet
        self._rows: Iterator[list[Any]] = iter(())
        self._at = -1
        self.facts = (
            title,
            is_hidden,
            0 if sheet.start is None else sheet.start[1],
            last_row,
            inspected.lost,
            inspected.hidden_rows,
            _merged(sheet, last_row),
        )

    def rows(self, first: int, n: int) -> list[list[Any]]:
        """At most n rows from the first on, counted from 0; fewer where they hold much text.

        Raises:
            UnreadableError: a cell is too long.
        """
        if first != self._at:
            self._rows = islice(iter(self._sheet.iter_rows()), first, None)
        found: list[list[Any]] = []
        n_characters = 0
        for row in islice(self._rows, n):
            found.append([cell if type(cell) is str else plain_value(cell) for cell in row])
            lengths = [len(cell) for cell in row if type(cell) is str]
            if lengths and max(lengths) > MAX_CELL_LENGTH:
                raise _too_long()
            n_characters += sum(lengths)
            if n_characters > CHUNK_CHARACTERS:
                break
        self._at = first + len(found)
        return found


class OpenBook(NamedTuple):
    """A workbook that was inspected and opened."""

    sheets: list[OpenSheet]


def open_book(path: Path) -> OpenBook:
    """Inspect and open a workbook.

    Raises:
        UnreadableError: it is damaged, encrypted, or comes to more than is read.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    suffix = path.suffix.lower()
    with path.open("rb") as file:
        head = file.read(8)
    is_old = head.startswith(b"\xd0\xcf\x11\xe0")
    if is_old and suffix != ".xls":
        raise UnreadableError(
            "encrypted",
            "is protected by a password or of the old .xls format; save it as .xlsx without one",
        )
    inspected: dict[str, _Inspected] = {}
    if not is_old and suffix in (".xlsx", ".xlsm"):
        inspected = _inspect_zip(path)
    elif not is_old:
        _check_zip(path)
    try:
        book = CalamineWorkbook.from_path(str(path))
        known = [sheet for sheet in book.sheets_metadata if "WorkSheet" in str(sheet.typ)]
        return OpenBook(
            [
                OpenSheet(
                    sheet.name,
                    book.get_sheet_by_name(sheet.name),
                    inspected.get(sheet.name, _Inspected()),
                    is_hidden=not str(sheet.visible).endswith(".Visible"),
                )
                for sheet in known
            ]
        )
    except CalamineError as error:
        raise UnreadableError("corrupt", f"is not a readable workbook: {error}") from error
    except BaseException as error:
        # The parser's own panic is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise UnreadableError("corrupt", "is not a readable workbook") from error


def _merged(sheet: CalamineSheet, last_row: int) -> list[tuple[int, int, int]]:
    """First row, last row and column of each range that merges cells of several rows, in order."""
    found = [
        (top, min(bottom, last_row - 1), left)
        for (top, left), (bottom, _) in sheet.merged_cell_ranges or ()
        if bottom > top and top < last_row
    ]
    width = 0 if sheet.start is None or sheet.end is None else sheet.end[1] - sheet.start[1] + 1
    # Ranges do not overlap: together they cover at most the cells there are.
    if sum(bottom - top for top, bottom, _ in found) > last_row * width:
        raise UnreadableError("corrupt", "is not a readable workbook: its merged cells overlap")
    return sorted(found)


def plain_value(cell: Any) -> Any:
    """A cell as :mod:`marshal` takes it: str, float, or (kind, parts) of a date or time.

    A truth value becomes text, as True == 1.0.
    """
    if isinstance(cell, str):
        return cell if cell.strip() else ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, (int, float)):
        return float(cell)
    if isinstance(cell, dt.datetime):
        return "datetime", (*cell.timetuple()[:6], cell.microsecond)
    if isinstance(cell, dt.date):
        return "date", cell.timetuple()[:3]
    if isinstance(cell, dt.time):
        return "time", (cell.hour, cell.minute, cell.second, cell.microsecond)
    if isinstance(cell, dt.timedelta):
        return "timedelta", (cell.days, cell.seconds, cell.microseconds)
    return str(cell)


def _check_zip(path: Path) -> None:
    """Refuse a workbook whose parts would not fit into memory."""
    try:
        with zipfile.ZipFile(path):
            _check_size(path)
    except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
        raise UnreadableError("corrupt", f"is not a readable workbook: {error}") from error


def _check_size(path: Path) -> None:
    try:
        check_archive(path, ARCHIVE_LIMITS)
    except ArchiveTooLargeError as error:
        raise UnreadableError("too_large", f"{error}; split it, or write it as CSV") from error


# Attributes one by one: the value of another may hold what looks like a reference.
_CELL = re.compile(rb"<(?:\w+:)?c(?: \w+=\"[^\"<>]*\")*? r=\"([A-Z]{1,3})([1-9][0-9]{0,6})\"[^>]*>")
_ANY_CELL = tuple(
    head + end for head in (b"<c", b":c") for end in (b" ", b"\t", b"\n", b"\r", b">", b"/")
)
_LOST = re.compile(
    rb"<(?:\w+:)?c\s(?P<attributes>[^<>]*)>"
    rb"(?P<formula><(?:\w+:)?f\b(?:[^<>]*/>|[^<>]*>[^<]*</(?:\w+:)?f>))?"
    rb"(?:<(?:\w+:)?v>(?P<value>[^<]*)</(?:\w+:)?v>)?"
)
_HIDDEN_ROW = re.compile(
    rb"<(?:\w+:)?row\b(?=[^<>]*\bhidden=[\"'](?:1|true)[\"'])[^<>]*\br=[\"'](\d{1,9})[\"']"
)
_SHARED = re.compile(rb"v>\s*([0-9]{1,9})\b")
_REFERENCE = re.compile(rb"\br=[\"']([A-Z]{1,3})([0-9]{1,7})[\"']")


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _inspect_zip(path: Path) -> dict[str, _Inspected]:
    """Refuse a workbook that would not fit into memory; find the cells whose value is lost.

    A cell holding an error (``#N/A``) or a formula that was never calculated reads as empty,
    which in a routing sheet means "no such rule": that must not pass in silence.

    Returns:
        Sheet title -> what was found in it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if any(member.flag_bits & 1 for member in members):
                raise UnreadableError(
                    "encrypted", "is protected by a password; save it without one"
                )
            _check_size(path)
            names = Counter(_plain(member.filename) for member in members)
            if names.most_common(1)[0][1] > 1:
                raise ValueError("two of its parts have one name")
            titles = _sheet_titles(archive)
            texts = _shared_texts(archive, members)
            found: dict[str, _Inspected] = {}
            for member in members:
                name = _plain(member.filename)
                if name in titles or re.fullmatch(r"xl/worksheets/[^/]+\.xml", name):
                    found[titles.pop(name, "")] = _inspect_sheet(archive, member, texts)
            if titles:
                # What was not looked at is not given to the parser either.
                raise ValueError("a sheet is not where the workbook says")
            _refuse_too_much(found.values())
            return found
    except (
        zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, ValueError,
        KeyError,
    ) as error:  # fmt: skip
        raise UnreadableError("corrupt", f"is not a readable workbook: {error}") from error


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


class _Texts(NamedTuple):
    """The texts that cells share.

    Attributes:
        lengths: bytes of each, with what marks up its parts.
        is_plain: they can be told apart by the beginnings of their tags alone.
    """

    lengths: array[int]
    is_plain: bool


def _shared_texts(archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo]) -> _Texts:
    """Find how long the texts are that cells share."""
    lengths = array("q")
    is_plain = True
    named = [m for m in members if re.fullmatch(r"(.*/)?sharedstrings[^/]*", _plain(m.filename))]
    for member in named:
        rest = b""
        with archive.open(member) as file:
            while block := file.read(BLOCK_BYTES):
                text = rest + block
                is_plain &= b"<!" not in text
                *texts, rest = re.split(rb"<(?:\w+:)?si\b", text)
                lengths.extend(map(len, texts))
                if max(map(len, texts), default=0) > MAX_MARKED_UP or len(rest) > MAX_MARKED_UP:
                    raise _too_long()
        lengths.append(len(rest))
    # Before the first text stands what is none.
    return _Texts(lengths[1:], is_plain and len(named) <= 1)


def _inspect_sheet(archive: zipfile.ZipFile, member: zipfile.ZipInfo, texts: _Texts) -> _Inspected:
    """The cells of one sheet whose value is lost, its hidden rows, and what it comes to.

    Args:
        texts: lengths of those that cells share.
    """
    widest = highest = n_cells = n_placed = n_shared = n_bytes = 0
    lost: list[tuple[int, int, str]] = []
    hidden: set[int] = set()
    rest = b""
    with archive.open(member) as file:
        while True:
            block = file.read(BLOCK_BYTES)
            n_bytes += len(block)
            text = rest + block
            # Cut where a cell begins, so that none is seen in halves.
            cut = len(text) if not block else max(text.rfind(b"<c "), text.rfind(b":c "), 0)
            text, rest = text[:cut], text[cut:]
            if len(rest) > 16 * BLOCK_BYTES:
                raise UnreadableError("corrupt", "is not a readable workbook: a cell of 16 MB")
            placed = _CELL.findall(text)
            n_placed += len(placed)
            n_cells += sum(map(text.count, _ANY_CELL))
            n_shared += text.count(b'"s"') + text.count(b"'s'")
            for letters, digits in placed:
                # Only what can be an extreme is converted: most cells are A to Z, row by row.
                if len(letters) > 1 or widest < 26:
                    widest = max(widest, _column_number(letters))
                highest = max(highest, int(digits))
            if b'"e"' in text or b"'e'" in text or b"<f" in text or b":f" in text:
                lost.extend(_lost_cells(text))
            if b"hidden=" in text:
                hidden.update(int(match[1]) for match in _HIDDEN_ROW.finditer(text))
            if len(lost) > MAX_ODD_CELLS or len(hidden) > MAX_ODD_CELLS:
                raise UnreadableError(
                    "too_large",
                    f"has more than {MAX_ODD_CELLS:,} cells without a value, or hidden rows; "
                    "save it as CSV, with values alone",
                )
            if not block:
                break
    if n_placed != n_cells:
        # Some cells do not say where they are, or not as spreadsheets write it.
        widest, highest = _extent(archive, member)
    n_spanned = widest * highest
    if n_spanned > MAX_WORKBOOK_CELLS or (
        n_spanned > SPARSE_CELLS and n_spanned > SPARSE_RATIO * n_cells
    ):
        raise UnreadableError(
            "too_large",
            f"spans {n_spanned:,} cells, most of them empty; delete the stray cells far "
            "below or to the right, or write it as CSV"
            if n_spanned > SPARSE_RATIO * n_cells
            else f"spans {n_spanned:,} cells; split it, or write it as CSV",
        )
    if widest > MAX_COLUMNS:
        raise UnreadableError(
            "too_large",
            f"has {widest:,} columns, and at most {MAX_COLUMNS:,} are read; delete the stray cells "
            "to the right",
        )
    # A text that cells share is copied into each of them; others are counted where they stand.
    n_characters = n_bytes
    if n_shared and len(texts.lengths):
        n_characters += n_shared * max(texts.lengths)
        if n_characters > MAX_SHEET_CHARACTERS and texts.is_plain:
            n_characters = n_bytes + _shared_characters(archive, member, texts)
    return _Inspected(tuple(lost), tuple(sorted(hidden)), n_spanned, n_characters)


def _shared_characters(archive: zipfile.ZipFile, member: zipfile.ZipInfo, texts: _Texts) -> int:
    """Characters of all cells whose text is shared; any whole number may name a text."""
    found = 0
    lengths = texts.lengths
    rest = b""
    with archive.open(member) as file:
        while True:
            block = file.read(BLOCK_BYTES)
            text = rest + block
            cut = len(text) if not block else max(text.rfind(b"<"), 0)
            text, rest = text[:cut], text[cut:]
            for digits in _SHARED.findall(text):
                number = int(digits)
                found += lengths[number] if number < len(lengths) else 0
            if not block or found > MAX_SHEET_CHARACTERS:
                return found


def _refuse_too_much(sheets: Iterable[_Inspected]) -> None:
    """Refuse a workbook whose sheets come to more than memory holds, each of which may not."""
    n_cells = n_characters = 0
    for sheet in sheets:
        n_cells += sheet.n_cells
        n_characters += sheet.n_characters
    if n_cells > MAX_WORKBOOK_CELLS or n_characters > MAX_SHEET_CHARACTERS:
        raise UnreadableError(
            "too_large",
            f"comes to {n_cells:,} cells and {n_characters:,} characters, of which "
            f"{MAX_WORKBOOK_CELLS:,} and {MAX_SHEET_CHARACTERS:,} are read; split it",
        )


def _too_long() -> UnreadableError:
    return UnreadableError(
        "too_large", f"has a cell of more than {MAX_CELL_LENGTH:,} characters; shorten it"
    )


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
