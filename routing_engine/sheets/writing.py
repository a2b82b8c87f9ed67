"""Write locations to a sheet that opens safely in a spreadsheet and reads back the same."""

from __future__ import annotations

import csv
import io
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import IO, Literal

from routing_engine.catalog.columns import LocationColumns
from routing_engine.errors import InvalidValueError
from routing_engine.model.destinations import Destination
from routing_engine.model.rules import RuleText
from routing_engine.sheets.cells import guard, guard_kept, join_list
from routing_engine.sheets.headers import (
    ALIASES,
    LOCATION_FIELDS,
    NUMBER_FIELDS,
    TEXT_FIELDS,
    field_of,
    header_key,
)
from routing_engine.workbooks.extents import MAX_CELL_LENGTH

__all__ = ["long_rows", "write_sheet"]

MAX_WORKBOOK_ROWS = 1_048_576
MAX_WORKBOOK_CELL = 32_767
MAX_WORKBOOK_COLUMNS = 16_384

_FIRST_OF_A_RULE = ("label", "when", "examples", *NUMBER_FIELDS)
LONG_FIELDS = (
    *LOCATION_FIELDS,
    *_FIRST_OF_A_RULE,
    *(name for name in TEXT_FIELDS if name not in _FIRST_OF_A_RULE),
)
ALWAYS = frozenset(
    {"location_id", "location_name", "timezone", "default_destination", "label", "when",
     "examples", "destination"}
)  # fmt: skip
_DIALLED = frozenset({"default_destination", "after_hours", *NUMBER_FIELDS})

_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_ESCAPE_OF_WORKBOOKS = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")

Row = Sequence[str]


def write_sheet(
    columns: LocationColumns,
    path: str | PathLike[str],
    *,
    layout: Literal["long", "wide"] = "long",
) -> None:
    """Write locations as .csv, .tsv (both UTF-8 with a byte order mark) or .xlsx.

    The file is written beside, synced and renamed, so that a reader sees the old one or the new
    one. ``read_sheet`` gives back equal locations, but for rules that a location repeats exactly.
    Text that a spreadsheet would take for a formula is written with one ``'`` before it, which
    ``read_sheet`` removes; a workbook's numbers are cells of text and need none.

    Args:
        columns: the locations.
        path: where to; the suffix decides the format.
        layout: ``"long"``, a row a rule; or ``"wide"``, a row a location and a column a rule, with
            the rule texts on a sheet named Template. Only a workbook has room for the latter, and
            only locations whose rules have one order and one text a label fit into it.

    Raises:
        InvalidValueError: unknown suffix or layout, or locations that do not fit into them.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix not in (".csv", ".tsv", ".xlsx"):
        raise InvalidValueError(f"cannot write {target.suffix!r}; use .csv, .tsv or .xlsx")
    if layout == "long":
        tables = [("Locations", long_rows(columns))]
    elif layout == "wide":
        texts = _wide_texts(columns)
        tables = [("Locations", _wide_rows(columns, texts))]
        if any(text != RuleText(label=text.label, when=text.label) for text in texts):
            if suffix != ".xlsx":
                raise InvalidValueError(
                    "the wide layout keeps 'when' and examples on a second sheet; write .xlsx, "
                    "or use layout='long'"
                )
            tables.append(("Template", _template_rows(texts)))
    else:
        raise InvalidValueError(f"layout is 'long' or 'wide', not {layout!r}")

    def write(file: IO[bytes]) -> None:
        if suffix == ".xlsx":
            _write_workbook(tables, file)
        else:
            _write_csv(tables[0][1], file, "\t" if suffix == ".tsv" else ",")

    _replace(target, write)


def _replace(target: Path, write: Callable[[IO[bytes]], None]) -> None:
    beside = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        with beside.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _used_fields(columns: LocationColumns) -> list[str]:
    """Return the columns to write: the usual ones, and others with a non-default value."""
    texts = {text for table in columns.tables for text in table}
    used = set(ALWAYS)
    for name in TEXT_FIELDS:
        default = RuleText.model_fields[name].default
        if name not in used and any(getattr(text, name) != default for text in texts):
            used.add(name)
    used |= _used_site_fields(columns)
    if any(special.extension is not None for special in columns.specials):
        used.add("extension")
    if len(columns.fallback_slots):
        used.add("fallback")
    return [field for field in LONG_FIELDS if field in used]


def _used_site_fields(columns: LocationColumns) -> set[str]:
    """Return the optional location columns in which some location has a value."""
    used = set()
    if any(site.threshold is not None for site in columns.sites):
        used.add("location_threshold")
    if any(site.hours is not None for site in columns.sites):
        used.add("business_hours")
    if columns.after_hours.any():
        used.add("after_hours")
    if len(columns.lines):
        used.add("lines")
    return used


def _text_cells(text: RuleText) -> dict[str, str]:
    return {
        name: _text_cell(getattr(text, name), field.default)
        for name, field in RuleText.model_fields.items()
    }


def _text_cell(value: object, default: object) -> str:
    """Return a value of a rule's text as a cell; a flag at its default is left empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "" if value is default else "yes" if value else "no"
    return join_list(map(str, value)) if isinstance(value, tuple) else str(value)


def _hours_texts(columns: LocationColumns) -> list[str]:
    """Return the text of each distinct set of business hours."""
    return ["" if site.hours is None else str(site.hours) for site in columns.sites]


def _site_cells(columns: LocationColumns, i: int, hours: Sequence[str]) -> dict[str, str]:
    site = columns.sites[columns.site[i]]
    after_hours = columns.decode(int(columns.after_hours[i]))
    return {
        "location_id": columns.ids[i],
        "location_name": columns.names[i],
        "timezone": site.timezone or "",
        "default_destination": str(columns.decode(int(columns.defaults[i]))),
        "business_hours": hours[columns.site[i]],
        "after_hours": "" if after_hours is None else str(after_hours),
        "location_threshold": "" if site.threshold is None else repr(site.threshold),
        "lines": join_list(columns.lines_of(i)),
    }


def _destination_cells(destination: Destination | None) -> dict[str, str]:
    if destination is None:
        return {}
    return {
        "destination": destination.sip_uri or destination.number or "",
        "extension": destination.extension or "",
    }


def long_rows(columns: LocationColumns) -> Iterator[Row]:
    """Yield the long layout: the header, then a row per rule, or one for a location without."""
    fields = _used_fields(columns)
    yield fields
    tables = [[_text_cells(text) for text in table] for table in columns.tables]
    has_fallback = len(columns.fallback_slots) > 0
    hours = _hours_texts(columns)
    for i in range(len(columns)):
        site = _site_cells(columns, i, hours)
        first = int(columns.first_slot[i])
        codes = columns.destinations[first : int(columns.first_slot[i + 1])].tolist()
        for j, (text, code) in enumerate(zip(tables[columns.table[i]], codes, strict=True)):
            cells = {**site, **text, **_destination_cells(columns.decode(code))}
            if has_fallback:
                cells["fallback"] = " | ".join(map(str, columns.fallback(first + j)))
            yield [cells.get(field, "") for field in fields]
        if not codes:
            yield [site.get(field, "") for field in fields]


def _wide_texts(columns: LocationColumns) -> tuple[RuleText, ...]:
    """Return the rule columns of the wide layout, in order.

    Raises:
        InvalidValueError: the wide layout cannot hold these locations.
    """
    texts: dict[str, RuleText] = {}
    problems: list[str] = []
    for table in columns.tables:
        for text in table:
            key = header_key(text.label)
            meaning = field_of(text.label)
            if not key:
                problems.append(f"a column cannot be called {text.label!r}")
            elif meaning is not None:
                problems.append(f"a column called {text.label!r} would be read as {meaning}")
            elif texts.setdefault(key, text) != text:
                problems.append(f"two rules are called {text.label!r}")
    position = {key: i for i, key in enumerate(texts)}
    for table in columns.tables:
        order = [position.get(header_key(text.label), -1) for text in table]
        if sorted(set(order)) != order:
            problems.append("the locations have their rules in different orders")
            break
    if len(columns.fallback_slots):
        problems.append("there are fallback chains")
    if len(columns.destinations) and not columns.destinations.all():
        problems.append("there are rules without a destination")
    if problems:
        raise InvalidValueError(f"{problems[0]}; use layout='long'")
    return tuple(texts.values())


def _wide_rows(columns: LocationColumns, texts: Sequence[RuleText]) -> Iterator[Row]:
    used = ALWAYS | _used_site_fields(columns)
    fields = [field for field in LOCATION_FIELDS if field in used]
    yield [*fields, *(text.label for text in texts)]
    position = {text: i for i, text in enumerate(texts)}
    positions = [[position[text] for text in table] for table in columns.tables]
    hours = _hours_texts(columns)
    for i in range(len(columns)):
        site = _site_cells(columns, i, hours)
        cells = [""] * len(texts)
        codes = columns.destinations[columns.first_slot[i] : columns.first_slot[i + 1]].tolist()
        for at, code in zip(positions[columns.table[i]], codes, strict=True):
            cells[at] = str(columns.decode(code))
        yield [*(site[field] for field in fields), *cells]


def _template_rows(texts: Iterable[RuleText]) -> Iterator[Row]:
    yield TEXT_FIELDS
    for text in texts:
        cells = _text_cells(text)
        yield [cells[field] for field in TEXT_FIELDS]


def _checked(cell: str) -> str:
    if _UNWRITABLE.search(cell):
        raise InvalidValueError(f"{cell[:60]!r} holds control characters and cannot be written")
    if len(cell) >= MAX_CELL_LENGTH:
        raise InvalidValueError(
            f"a cell of {len(cell):,} characters could not be read back from a sheet; "
            "keep the rules in a snapshot, or write fewer examples"
        )
    return cell


def _write_csv(rows: Iterable[Row], file: IO[bytes], delimiter: str) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([guard(_checked(cell)) for cell in row] for row in rows)
    text.flush()
    text.detach()


def _write_workbook(tables: Iterable[tuple[str, Iterator[Row]]], file: IO[bytes]) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    # All is checked before the writer starts: it cannot be stopped half way.
    prepared = [(title, list(_workbook_rows(rows))) for title, rows in tables]
    book = Workbook(write_only=True)
    for title, rows in prepared:
        sheet = book.create_sheet(title)
        for row in rows:
            cells = []
            for text in row:
                cell = WriteOnlyCell(sheet, text or None)
                if text:
                    # Text, whatever it looks like: never a formula and never a number.
                    cell.data_type = "s"
                    cell.number_format = "@"
                cells.append(cell)
            sheet.append(cells)
    book.save(file)


def _workbook_rows(rows: Iterator[Row]) -> Iterator[Row]:
    header: Row = ()
    for number, row in enumerate(rows):
        header = header or row
        if number >= MAX_WORKBOOK_ROWS or len(row) > MAX_WORKBOOK_COLUMNS:
            raise InvalidValueError("too many rows or columns for a workbook; write .csv")
        cells = []
        for name, value in zip(header, row, strict=True):
            # Numbers are E.164 or SIP, and harmless as cells of text.
            is_number = number > 0 and (name in _DIALLED or name not in ALIASES)
            kept = guard_kept(value) if is_number else guard(value)
            kept = _ESCAPE_OF_WORKBOOKS.sub("_x005F_", _checked(kept))
            if len(kept) > MAX_WORKBOOK_CELL:
                raise InvalidValueError(
                    f"a cell of {len(kept):,} characters is too long for a workbook; write .csv"
                )
            cells.append(kept)
        yield cells
