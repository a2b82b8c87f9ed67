"""Show how the headers of a sheet are understood, before anything is read of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from routing_engine.errors import SheetError
from routing_engine.sheets.cells import text_of
from routing_engine.sheets.headers import (
    IGNORE,
    RULE,
    Header,
    check_mapping,
    field_of,
    header_key,
    read_header,
)
from routing_engine.sheets.issues import IssueLog
from routing_engine.sheets.reading import choose_tables, open_tables
from routing_engine.sheets.tables import RawTable

__all__ = ["Preview", "SeenColumn", "preview_sheet"]

# A number, an extension or a SIP address: what a column of a rule holds.
_DIALLED = re.compile(r"\d.*\d.*\d|sips?:", re.IGNORECASE)

N_SAMPLES = 3
MAX_SAMPLE = 60
N_LOOKED_AT = 50
"""Rows in which samples are looked for."""


@dataclass(frozen=True, slots=True)
class SeenColumn:
    """One column of a sheet.

    Attributes:
        header: as written.
        samples: the first different values, cut.
        means: the column that it is taken for, ``"rule"``, ``"business_hours"`` for a day of the
            week, or ``"ignore"`` where it is not read.
        mapped: what a mapping says that it means, or None.
    """

    header: str
    samples: tuple[str, ...]
    means: str
    mapped: str | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """The columns of a sheet.

    Attributes:
        columns: in order, those that have a header.
        problems: why it cannot be imported like this; empty where the headers suffice.
    """

    columns: tuple[SeenColumn, ...]
    problems: tuple[str, ...]


def preview_sheet(
    path: Path, *, columns: Mapping[str, str] | None = None, region: str | None = None
) -> Preview:
    """Read the header of a sheet and a few of its values.

    Args:
        path: of the sheet.
        columns: header -> column, as of ``read_sheet``; headers that the sheet lacks do not count.
        region: whose old code page a text that is not UTF-8 may be in.

    Raises:
        SheetError: the file is no sheet.
        InvalidValueError: a mapping names a column that there is not.
    """
    mapping = check_mapping(columns or {})
    log = IssueLog(path.name)
    main, _ = choose_tables(open_tables(path, log, mapping, region), log, mapping)
    keys = [header_key(header) or header for header in main.header]
    mapping = {key: field for key, field in mapping.items() if key in keys}
    problems: tuple[str, ...] = ()
    try:
        header = read_header(main.header, main.header_row, main.name, log, mapping=mapping)
        samples = _samples(main)
        meanings = _meanings(header, samples)
    except SheetError as error:
        samples = _samples(main)
        problems = tuple(issue.message for issue in error.report.errors)
        meanings = [
            mapping.get(key) or field_of(name) or IGNORE
            for key, name in zip(keys, main.header, strict=True)
        ]
    return Preview(
        tuple(
            SeenColumn(name, samples[at], means, mapping.get(key))
            for at, (name, key, means) in enumerate(zip(main.header, keys, meanings, strict=True))
            if name.strip()
        ),
        problems,
    )


def _meanings(header: Header, samples: list[tuple[str, ...]]) -> list[str]:
    """What each column is taken for; one without numbers is no rule, unless that is asked for."""
    found = dict.fromkeys(range(len(header.names)), IGNORE)
    found |= {
        position: RULE
        for position in header.rules
        if position in header.asked_for or any(map(_DIALLED.search, samples[position]))
    }
    found |= {position: "business_hours" for _, position, _ in header.days}
    found |= {position: field for field, position in header.fields.items()}
    if header.area_code is not None:
        found[header.area_code] = "default_destination"
    return list(found.values())


def _samples(table: RawTable) -> list[tuple[str, ...]]:
    """The first different values of each column."""
    found: list[dict[str, None]] = [{} for _ in table.header]
    for _, rows in table.rows():
        for row in rows[:N_LOOKED_AT]:
            for values, cell in zip(found, row, strict=False):
                text = text_of(cell).strip()
                if text and len(values) < N_SAMPLES:
                    values[text if len(text) <= MAX_SAMPLE else f"{text[:MAX_SAMPLE]}…"] = None
        break
    return [tuple(values) for values in found]
