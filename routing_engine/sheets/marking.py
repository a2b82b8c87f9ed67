"""Write a sheet to send back: its rows, with an error column beside them."""

from __future__ import annotations

import csv
from os import PathLike
from pathlib import Path

from routing_engine.reports import ImportReport
from routing_engine.sheets.cells import guard, text_of
from routing_engine.sheets.headers import has_location
from routing_engine.sheets.issues import IssueLog
from routing_engine.sheets.reading import open_tables

__all__ = ["write_marked"]


def write_marked(path: str | PathLike[str], report: ImportReport, out: str | PathLike[str]) -> int:
    """Write a sheet as CSV with one more column, ``error``.

    Args:
        path: the sheet that was read.
        report: what was found in it.
        out: the CSV file to write; replaced if it is there.

    Returns:
        How many rows have an error.

    Raises:
        SheetError: the sheet cannot be read at all.
        OSError: the file cannot be written.
    """
    source = Path(path)
    errors: dict[tuple[str, int], list[str]] = {}
    for issue in report.errors:
        column = "" if issue.column is None else f"{issue.column}: "
        errors.setdefault((issue.file, issue.row or 0), []).append(f"{column}{issue.message}")
    tables = [table for table in open_tables(source, IssueLog(source.name)) if table.header]
    tables = [table for table in tables if has_location(table.header)] or tables
    n_marked = 0
    with Path(out).open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        for table in tables:
            marks = errors.get((table.name, table.header_row), [])
            marks = [*marks, *errors.get((source.name, 0), [])]
            writer.writerow([*map(guard, table.header), "error", *marks])
            width = len(table.header)
            for first_row, rows in table.rows():
                for number, row in enumerate(rows, start=first_row):
                    found = errors.get((table.name, number), [])
                    n_marked += bool(found)
                    cells = [guard(text_of(cell)) for cell in row]
                    cells += [""] * (width - len(cells))
                    writer.writerow([*cells, "; ".join(found)])
    return n_marked
