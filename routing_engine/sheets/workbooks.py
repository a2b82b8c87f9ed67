"""Read workbooks as rows of cells, and refuse those that cannot be read safely."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.parsers import expat

from routing_engine.reports import shown
from routing_engine.sheets.archives import ArchiveLimits, ArchiveTooLargeError, check_archive
from routing_engine.sheets.cells import Value, text_of
from routing_engine.sheets.issues import IssueLog
from routing_engine.sheets.tables import ROWS_PER_CHUNK, RawTable, Rows, find_header

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

__all__ = ["open_workbook"]

MAX_WORKBOOK_CELLS = 50_000_000
BLOCK_BYTES = 1 << 20
ARCHIVE_LIMITS = ArchiveLimits(
    max_bytes=1 << 30, max_ratio=500, free_bytes=1 << 24, max_members=10_000
)
FIRST_ROWS = 64


class _Inspected(NamedTuple):
    """Facts about a sheet from its XML that the reader does not report."""

    lost: tuple[tuple[int, int, str], ...] = ()
    hidden_rows: tuple[int, ...] = ()


def open_workbook(path: Path, log: IssueLog, mapping: Mapping[str, str]) -> list[RawTable]:
    """Open a workbook and read the header of each sheet; rows are read on demand."""
    from python_calamine import CalamineError, CalamineWorkbook

    suffix = path.suffix.lower()
    with path.open("rb") as file:
        head = file.read(8)
    is_old = head.startswith(b"\xd0\xcf\x11\xe0")
    if is_old and suffix != ".xls":
        raise log.fatal(
            "encrypted",
            "is protected by a password or of the old .xls format; save it as .xlsx without one",
        )
    inspected: dict[str, _Inspected] = {}
    if not is_old and suffix in (".xlsx", ".xlsm"):
        inspected = _inspect_zip(path, log)
    elif not is_old:
        _check_zip(path, log)
    try:
        book = CalamineWorkbook.from_path(str(path))
        known = [sheet for sheet in book.sheets_metadata if "WorkSheet" in str(sheet.typ)]
        sheets = [(sheet, book.get_sheet_by_name(sheet.name)) for sheet in known]
    except CalamineError as error:
        raise log.fatal("corrupt", f"is not a readable workbook: {error}") from error
    except BaseException as error:
        # The parser's own panic is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise log.fatal("corrupt", "is not a readable workbook") from error
    return [
        _sheet_table(
            path.name if len(sheets) == 1 else f"{path.name}[{known.name}]",
            known.name, sheet, inspected.get(known.name, _Inspected()), mapping,
            is_hidden=not str(known.visible).endswith(".Visible"),
        )
        for known, sheet in sheets
    ]  # fmt: skip


def _check_zip(path: Path, log: IssueLog) -> None:
    """Refuse a workbook whose parts would not fit into memory."""
    try:
        with zipfile.ZipFile(path):
            _check_size(path, log)
    except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
        raise log.fatal("corrupt", f"is not a readable workbook: {error}") from error


def _check_size(path: Path, log: IssueLog) -> None:
    try:
        check_archive(path, ARCHIVE_LIMITS)
    except ArchiveTooLargeError as error:
        raise log.fatal("too_large", f"{error}; split it, or write it as CSV") from error


def _sheet_table(
    name: str, title: str, sheet: CalamineSheet, inspected: _Inspected,
    mapping: Mapping[str, str], *, is_hidden: bool,
) -> RawTable:  # fmt: skip
    first_rows: list[list[str]] = []
    for row in sheet.iter_rows():
        first_rows.append([text_of(_workbook_value(cell)) for cell in row])
        if len(first_rows) >= FIRST_ROWS and any(map(any, first_rows)):
            break
    at, titles = find_header(first_rows, mapping)
    header = tuple(first_rows[at]) if at >= 0 else ()
    header_row = at + 1
    # The rows of a sheet start in its first column that is not empty.
    first_column = 0 if sheet.start is None else sheet.start[1]
    merged = _merged_below(sheet, header_row, first_column)

    def rows() -> Iterator[Rows]:
        iterator = islice(sheet.iter_rows(), header_row, None)
        row = header_row + 1
        above: dict[int, Value] = {}
        while chunk := list(islice(iterator, ROWS_PER_CHUNK)):
            read: list[Sequence[Value]] = [
                [cell if type(cell) is str else _workbook_value(cell) for cell in cells]
                for cells in chunk
            ]
            if merged:
                _fill_down(read, row, merged, above)
            yield row, read
            row += len(chunk)

    n_rows = 0 if sheet.end is None else sheet.end[0] + 1 - header_row
    shifted = tuple((row, column - first_column, what) for row, column, what in inspected.lost)
    return RawTable(
        name, title, header, header_row, n_rows, rows, shifted, tuple(i + 1 for i in titles),
        is_hidden, tuple(row for row in inspected.hidden_rows if row > header_row),
    )  # fmt: skip


def _merged_below(
    sheet: CalamineSheet, header_row: int, first_column: int
) -> dict[int, list[tuple[int, bool]]]:
    """Map rows to the positions of vertically merged cells, and whether each is the top one."""
    merged: dict[int, list[tuple[int, bool]]] = {}
    for (top, left), (bottom, _) in sheet.merged_cell_ranges or ():
        if bottom > top >= header_row:
            for row in range(top, bottom + 1):
                merged.setdefault(row + 1, []).append((left - first_column, row == top))
    return merged


def _fill_down(
    rows: list[Sequence[Value]], first_row: int, merged: Mapping[int, list[tuple[int, bool]]],
    above: dict[int, Value],
) -> None:  # fmt: skip
    """Fill each cell of a merged range with the range's value."""
    for i in range(len(rows)):
        for position, is_first in merged.get(first_row + i, ()):
            if position >= len(rows[i]):
                continue
            if is_first:
                above[position] = rows[i][position]
            else:
                rows[i] = [*rows[i]]
                rows[i][position] = above.get(position, "")  # type: ignore[index]


def _workbook_value(cell: Any) -> Value:
    """Return a workbook's cell as str, float or date; booleans as text, as True == 1.0."""
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
_HIDDEN_ROW = re.compile(
    rb"<(?:\w+:)?row\b(?=[^>]*\bhidden=[\"'](?:1|true)[\"'])[^>]*?\br=[\"'](\d+)[\"'][^>]*>"
)
_REFERENCE = re.compile(rb"\br=[\"']([A-Z]{1,3})([0-9]{1,7})[\"']")


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _inspect_zip(path: Path, log: IssueLog) -> dict[str, _Inspected]:
    """Refuse a workbook that would not fit into memory; find cells without a stored value.

    A cell holding an error (``#N/A``) or a formula that was never calculated reads as empty,
    which in a routing sheet means "no such rule": that must not pass in silence.

    Returns:
        Sheet title -> what was found in it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if any(member.flag_bits & 1 for member in members):
                raise log.fatal("encrypted", "is protected by a password; save it without one")
            _check_size(path, log)
            names = Counter(_plain(member.filename) for member in members)
            if names.most_common(1)[0][1] > 1:
                raise ValueError("two of its parts have one name")
            titles = _sheet_titles(archive)
            found: dict[str, _Inspected] = {}
            for member in members:
                name = _plain(member.filename)
                if name in titles or re.fullmatch(r"xl/worksheets/[^/]+\.xml", name):
                    found[titles.pop(name, "")] = _inspect_sheet(archive, member, log)
            if titles:
                # What was not looked at is not given to the parser either.
                raise ValueError("a sheet is not where the workbook says")
            return found
    except (
        zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, ValueError,
        KeyError,
    ) as error:  # fmt: skip
        raise log.fatal("corrupt", f"is not a readable workbook: {error}") from error


def _plain(name: str) -> str:
    """Normalise the name of a zip member as the parser does."""
    return name.replace("\\", "/").lstrip("/").lower()


def _sheet_titles(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the title of each sheet, by its lower-case path in the archive."""
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


def _inspect_sheet(archive: zipfile.ZipFile, member: zipfile.ZipInfo, log: IssueLog) -> _Inspected:
    """Find the cells of a sheet without a stored value, and its hidden rows."""
    widest = highest = n_cells = n_placed = 0
    lost: list[tuple[int, int, str]] = []
    hidden: set[int] = set()
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
            if b"hidden=" in text:
                hidden.update(int(match[1]) for match in _HIDDEN_ROW.finditer(text))
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
    return _Inspected(tuple(lost), tuple(sorted(hidden)))


def _extent(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[int, int]:
    """Return the last column and row of a sheet by parsing its XML: exact, but slower.

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
