"""Read the cells of a location: id, name, time zone, hours, threshold and lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from routing_engine.catalog.columns import Interner
from routing_engine.errors import InvalidValueError
from routing_engine.hours import BusinessHours
from routing_engine.model.destinations import Destination
from routing_engine.model.rules import MAX_LABEL_LENGTH, MAX_LOCATION_ID_LENGTH, Location
from routing_engine.reports import shown
from routing_engine.sheets.cells import read_fraction, split_codes, text_of
from routing_engine.sheets.drafts import Draft, Int32, RowsOf
from routing_engine.sheets.phones import read_line
from routing_engine.sheets.texts import Finding, plain_message

__all__ = [
    "hours_reader",
    "lines_reader",
    "read_ids",
    "read_name",
    "read_threshold",
    "read_timezone",
    "read_values",
]

_SAMPLE = Destination._trusted("+12015550123")


def read_ids(draft: Draft, codes: Int32, rows: Int32) -> Int32:
    """Read the location id of each row; -1 where it is wrong."""
    ids: Interner[str] = Interner()
    values = draft.gathered.ids.values
    numbers = np.empty(len(values), np.int32)
    column = draft.header.name("location_id")
    found: list[tuple[int, Finding]] = []
    for i, value in enumerate(values):
        text = text_of(value)  # type: ignore[arg-type]
        finding = _id_finding(value, text)
        if finding is not None:
            found.append((i, finding))
            if not finding.repaired and finding.field == "error":
                numbers[i] = -1
                continue
        numbers[i] = ids.add(text)
    draft.ids = list(ids.values)
    rows_of = RowsOf(codes, rows) if found else None
    for i, finding in found:
        assert rows_of is not None
        at = rows_of.of(i)
        if finding.field == "error":
            draft.add_rows("error", "bad_location_id", at, column, finding)
        else:
            severity = "repair" if finding.repaired else "warning"
            draft.add_rows(severity, "numeric_location_id", at[:1], column, finding)
    _warn_of_similar_ids(draft)
    return numbers[codes]


def _warn_of_similar_ids(draft: Draft) -> None:
    first: dict[str, str] = {}
    column = draft.header.name("location_id")
    for text in draft.ids:
        other = first.setdefault(text.casefold(), text)
        if other is not text:
            draft.log.add(
                "warning", "similar_location_id",
                f"{shown(text)} and {shown(other)} differ only in case; they are two locations",
                column=column, value=text, file=draft.file,
            )  # fmt: skip


def read_values(
    draft: Draft,
    field: str,
    values: Sequence[object],
    codes: Int32,
    rows: Int32,
    read: Callable[[str], tuple[Any, str | None]],
) -> tuple[list[Any], Int32]:
    """Read a column: distinct values, and a value number per row (0 empty, -1 wrong)."""
    known: Interner[Any] = Interner()
    known.add(None)
    numbers = np.empty(len(values), np.int32)
    rows_of: RowsOf | None = None
    for i, value in enumerate(values):
        text = text_of(value)  # type: ignore[arg-type]
        if not text:
            numbers[i] = 0
            continue
        repair = None
        try:
            made, repair = read(text)
            numbers[i] = known.add(made)
        except InvalidValueError as error:
            message = "; ".join(plain_message(p.message) for p in error.problems)
            finding = Finding(field, text, message)
            numbers[i] = -1
        else:
            if repair is None:
                continue
            finding = Finding(field, text, f"{shown(text)} is {repair}; read as {made:g}", True)
        rows_of = rows_of or RowsOf(codes, rows)
        severity = "repair" if finding.repaired else "error"
        draft.add_rows(
            severity, f"bad_{field}" if severity == "error" else field, rows_of.of(i),
            draft.header.name(field), finding,
        )  # fmt: skip
    return list(known.values), numbers[codes]


def _id_finding(value: object, text: str) -> Finding | None:
    """Return what is wrong with a location id or was repaired in it, or None."""
    if isinstance(value, float):
        if abs(value) >= 1e15:
            message = f"{shown(text)} has more digits than a spreadsheet keeps; format it as text"
            return Finding("error", text, message)
        message = f"the number {shown(text)} is read as text; leading zeros would be lost"
        return Finding("number", text, message, repaired=True)
    if not isinstance(value, str):
        return Finding("error", text, f"a spreadsheet made a date of this id ({shown(text)})")
    if len(text) > MAX_LOCATION_ID_LENGTH or not text.isascii() or not text.isprintable():
        try:
            Location(location_id=text, default_destination=_SAMPLE)
        except InvalidValueError as error:
            return Finding("error", text, plain_message(error.problems[0].message))
    if text[:1].isdigit() and "E+" in text and _looks_shortened(text):
        message = f"{shown(text)} looks like a number that a spreadsheet shortened"
        return Finding("shortened", text, message)
    return None


def _looks_shortened(text: str) -> bool:
    try:
        return float(text) >= 1e5
    except ValueError:
        return False


def read_name(text: str) -> tuple[str, None]:
    """Read the name of a location, spaces folded."""
    folded = " ".join(text.split())
    if folded.isprintable() and 0 < len(folded) <= MAX_LABEL_LENGTH:
        return folded, None  # nothing that the model refuses; most names
    return Location(location_id="x", default_destination=_SAMPLE, name=folded).name or "", None


def read_timezone(text: str) -> tuple[str, None]:
    """Read the IANA name of a time zone."""
    made = Location(location_id="x", default_destination=_SAMPLE, timezone=text)
    return made.timezone or "", None


def hours_reader(country: str | None) -> Callable[[str], tuple[BusinessHours, None]]:
    """Return a reader of business hours, in UTC until the location's zone is known.

    Args:
        country: whose public holidays ``PH off`` means.
    """

    def read(text: str) -> tuple[BusinessHours, None]:
        return BusinessHours.parse(text, timezone="UTC", country=country), None

    return read


def lines_reader(region: str | None) -> Callable[[str], tuple[tuple[str, ...], None]]:
    """Return a reader of lines, separated by ``|``, commas or semicolons.

    Args:
        region: whose national numbers are read.
    """

    def read(text: str) -> tuple[tuple[str, ...], None]:
        lines = tuple(dict.fromkeys(read_line(item, region) for item in split_codes(text)))
        return Location(location_id="x", default_destination=_SAMPLE, lines=lines).lines, None

    return read


def read_threshold(text: str) -> tuple[float, str | None]:
    """Read a threshold from 0 to 1, and what was repaired."""
    number, repair = read_fraction(text)
    Location(location_id="x", default_destination=_SAMPLE, threshold=number)
    return number, repair
