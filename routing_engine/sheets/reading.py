"""Open files as tables, and choose which of them is the routing sheet."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from routing_engine.reports import shown
from routing_engine.sheets.cells import Value
from routing_engine.sheets.headers import has_location, header_key, is_template
from routing_engine.sheets.issues import ROWS_PER_TABLE, IssueLog, listed
from routing_engine.sheets.tables import RawTable, Rows
from routing_engine.sheets.text_files import open_text
from routing_engine.sheets.workbooks import open_workbook

__all__ = ["RawTable", "choose_tables", "open_tables"]

TEXT_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".tab", ".psv"})
WORKBOOK_SUFFIXES = frozenset({".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"})

_OTHER_KINDS = (
    (b"%PDF", "a PDF document"), (b"{\\rtf", "a text document (RTF)"), (b"\x1f\x8b", "a gzip archive"),
    (b"SQLite format 3", "a database (SQLite)"), (b"\x89PNG", "a picture"), (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"), (b"PAR1", "a Parquet file"), (b"Rar!", "an archive"),
    (b"7z\xbc\xaf", "an archive"),
)  # fmt: skip
_MARKUP = (b"<!doctype html", b"<html", b"<table", b"<head", b"<body")


def open_tables(
    path: Path, log: IssueLog, mapping: Mapping[str, str] | None = None, region: str | None = None
) -> list[RawTable]:
    """Open the tables of a file: one of a text file, one for each sheet of a workbook.

    Args:
        path: the file.
        log: for what is odd about it.
        mapping: header key -> column; see :func:`check_mapping`.
        region: whose old code page a text that is not UTF-8 may be in.

    Raises:
        SheetError: the file cannot be read, for whatever reason.
    """
    suffix = path.suffix.lower()
    try:
        if suffix not in TEXT_SUFFIXES | WORKBOOK_SUFFIXES:
            raise log.fatal(
                "unknown_format",
                f"{shown(path.suffix)} is not a sheet; use .csv, .tsv, .txt, .xlsx, .xls or .ods",
            )
        _refuse_other_kinds(path, log)
        if suffix in TEXT_SUFFIXES:
            return [open_text(path, log, mapping or {}, region)]
        if not _is_packed(path):
            log.add("warning", "text_file", f"is text and not a workbook ({suffix}); read as text")
            return [open_text(path, log, mapping or {}, region)]
        return open_workbook(path, log, mapping or {})
    except OSError as error:
        raise log.fatal("unreadable", f"cannot be read: {error.strerror or error}") from error


def _refuse_other_kinds(path: Path, log: IssueLog) -> None:
    """Refuse files that are known to be no sheet, whatever their name."""
    with path.open("rb") as file:
        head = file.read(1024)
    for signature, what in _OTHER_KINDS:
        if head.startswith(signature):
            raise log.fatal("unknown_format", f"is {what}; save the sheet as .csv or .xlsx")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(_MARKUP) or (text.startswith(b"<?xml") and b"<html" in text):
        raise log.fatal(
            "unknown_format", "is a web page (HTML); open it in a spreadsheet and save it as .xlsx"
        )
    if text.startswith(b"<?xml"):
        raise log.fatal("unknown_format", "is XML; open it in a spreadsheet and save it as .xlsx")
    if text.startswith((b"{", b"[")) and b'":' in text:
        raise log.fatal("unknown_format", "is JSON; write the locations as .csv or .xlsx")


def _is_packed(path: Path) -> bool:
    """Whether a file is a workbook: a zip archive, or the old binary format."""
    with path.open("rb") as file:
        head = file.read(1024)
    return head.startswith((b"PK", b"\xd0\xcf\x11\xe0")) or b"\0" in head or not head.strip()


def choose_tables(
    tables: Sequence[RawTable], log: IssueLog, mapping: Mapping[str, str] | None = None
) -> tuple[RawTable, RawTable | None]:
    """Choose the routing sheet of a file, and its template, or None.

    Several sheets of one set of columns are one routing sheet.

    Raises:
        SheetError: no sheet names its columns; or sheets with locations have different columns,
            or are hidden.
    """
    named = [table for table in tables if table.header]
    if not named:
        raise log.fatal("empty", "is empty; the first row must name the columns")
    templates = [
        table
        for table in named
        if is_template(table.header) or table.title.strip().casefold() == "template"
    ]
    mains = [
        table for table in named if has_location(table.header, mapping) and table not in templates
    ]
    template = next((table for table in templates if mains or table is not named[0]), None)
    hidden = [table.title for table in mains if table.is_hidden]
    if hidden:
        raise log.fatal(
            "hidden_sheet",
            f"hidden sheets hold locations: {listed(hidden)}; unhide them, or delete them",
        )
    main = mains[0] if mains else named[0]
    if len(mains) > 1:
        main = _joined(mains, log)
    for table in mains or [main]:
        if table.title_rows:
            log.add(
                "warning", "title_rows",
                f"is taken for the header; rows above it, not read: {_numbered(table.title_rows)}",
                row=table.header_row, file=table.name,
            )  # fmt: skip
        if table.hidden_rows:
            log.add(
                "warning", "hidden_rows",
                f"rows that are hidden are read too: {_numbered(table.hidden_rows)}",
                file=table.name,
            )  # fmt: skip
    return main, template


def _numbered(rows: Sequence[int]) -> str:
    shown_rows = ", ".join(map(str, rows[:8]))
    return shown_rows if len(rows) <= 8 else f"{shown_rows} and {len(rows) - 8} more"


def _joined(tables: Sequence[RawTable], log: IssueLog) -> RawTable:
    """Join several sheets with the same columns into one table.

    The rows of the n-th are numbered from n times ``ROWS_PER_TABLE``, which the log undoes.
    """
    first = tables[0]
    keys = [header_key(header) for header in first.header]
    orders: list[list[int]] = []
    for table in tables:
        own = [header_key(header) for header in table.header]
        if sorted(filter(None, own)) != sorted(filter(None, keys)) or len(set(own)) != len(own):
            raise log.fatal(
                "different_sheets",
                f"sheets {shown(first.title)} and {shown(table.title)} both hold locations, with "
                "different columns; give them the same ones, or put each into a file of its own",
            )
        orders.append([own.index(key) for key in keys])
    log.tables = tuple(table.name for table in tables)

    def rows() -> Iterator[Rows]:
        for n, (table, order) in enumerate(zip(tables, orders, strict=True)):
            for row, chunk in table.rows():
                yield row + n * ROWS_PER_TABLE, list(map(_reordered(order), chunk))

    lost = tuple(
        (row + n * ROWS_PER_TABLE, order.index(position), what)
        for n, (table, order) in enumerate(zip(tables, orders, strict=True))
        for row, position, what in table.lost
        if position in order and row > table.header_row
    )
    counts = [table.n_rows for table in tables]
    n_rows = None if None in counts else sum(n for n in counts if n is not None)
    return dataclasses.replace(first, rows=rows, lost=lost, n_rows=n_rows)


def _reordered(order: Sequence[int]) -> Callable[[Sequence[Value]], Sequence[Value]]:
    if list(order) == list(range(len(order))):
        return lambda row: row

    def reordered(row: Sequence[Value]) -> Sequence[Value]:
        return [row[at] if at < len(row) else "" for at in order] + list(row[len(order) :])

    return reordered
