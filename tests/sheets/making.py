"""Sheets for tests."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from routing_engine.errors import SheetError
from routing_engine.model.rules import Location
from routing_engine.sheets import ImportReport, Sheet, read_sheet

LONG = ("location_id", "default_destination", "label", "when", "destination")
A, B, C, D = "+14155550100", "+14155550111", "+14155550122", "+14155550133"


def write_csv(path: Path, rows: Iterable[Sequence[Any]], delimiter: str = ",", **kw: Any) -> Path:
    with path.open("w", newline="", encoding=kw.pop("encoding", "utf-8")) as file:
        csv.writer(file, delimiter=delimiter, **kw).writerows(rows)
    return path


def write_xlsx(path: Path, **sheets: Iterable[Sequence[Any]]) -> Path:
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


def rows_with(field: str, value: Any, **others: Any) -> list[list[Any]]:
    """A long sheet of one rule, with a value in one more or in a usual column."""
    cells = dict(zip(LONG, ("s1", A, "Billing", "caller asks about a bill", B), strict=True))
    cells.update(others)
    cells[field] = value
    return [list(cells), list(cells.values())]


def locations(sheet: Sheet) -> list[Location]:
    return list(sheet.columns.locations())


def refused(path: Path, **options: Any) -> ImportReport:
    with pytest.raises(SheetError) as caught:
        read_sheet(path, **options)
    report = caught.value.report
    assert report.n_errors >= 1
    assert str(caught.value) == report.summary()
    return report


def texts(issues: Iterable[Any]) -> list[str]:
    return [str(issue) for issue in issues]
