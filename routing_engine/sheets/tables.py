"""Tables of rows: a file before its columns are matched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from routing_engine.sheets.cells import Value
from routing_engine.sheets.headers import n_known

__all__ = ["ROWS_PER_CHUNK", "RawTable", "Rows", "find_header"]

ROWS_PER_CHUNK = 16_384
MAX_TITLE_ROWS = 30
LEAST_KNOWN = 2

Rows = tuple[int, list[Sequence[Value]]]
"""The number of the first row, and the rows."""


@dataclass(frozen=True, slots=True)
class RawTable:
    """One table of a file, before its columns are matched.

    Attributes:
        name: as issues name it: the file, with the sheet where it is a workbook of several.
        title: the sheet's own name; empty for CSV.
        header: the cells of the header row as text; empty for a blank table.
        header_row: its row number.
        n_rows: rows in all where that is known.
        rows: the rows below the header, in chunks.
        lost: (row, column position, what) of cells whose value a spreadsheet did not store.
        title_rows: numbers of the rows above the header that are not blank.
        is_hidden: whether the workbook hides the sheet.
        hidden_rows: numbers of the rows that the workbook hides.
    """

    name: str
    title: str
    header: tuple[str, ...]
    header_row: int
    n_rows: int | None
    rows: Callable[[], Iterator[Rows]]
    lost: tuple[tuple[int, int, str], ...] = ()
    title_rows: tuple[int, ...] = ()
    is_hidden: bool = False
    hidden_rows: tuple[int, ...] = ()


def find_header(
    rows: Sequence[Sequence[str]], mapping: Mapping[str, str]
) -> tuple[int, tuple[int, ...]]:
    """Find the header among the first rows of a table.

    It is the first row that is not blank, unless a later one names more columns of a routing
    sheet: then what is above it are titles, or groups of columns.

    Returns:
        Index of the header, -1 where all rows are blank, and of the rows above it that are not.
    """
    filled = [i for i, row in enumerate(rows) if any(cell.strip() for cell in row)]
    if not filled:
        return -1, ()
    best, most = filled[0], n_known(rows[filled[0]], mapping)
    for i in filled[:MAX_TITLE_ROWS]:
        known = n_known(rows[i], mapping)
        if known >= LEAST_KNOWN and known > most:
            best, most = i, known
    return best, tuple(i for i in filled if i < best)
