"""Read a pandas DataFrame as a routing sheet, and write locations to one.

pandas is imported only where a frame is made.
"""

from __future__ import annotations

import datetime as dt
import numbers
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from routing_engine.catalog.columns import LocationColumns
from routing_engine.sheets.cells import Value, guard_kept, join_list, text_of
from routing_engine.sheets.headers import field_of
from routing_engine.sheets.issues import IssueLog
from routing_engine.sheets.tables import ROWS_PER_CHUNK, RawTable, Rows
from routing_engine.sheets.writing import long_rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cell_of", "cell_text", "frame_of", "is_frame", "table_of"]

FILE = "DataFrame"
"""File name in issues about a frame."""

HEADER_ROW = 1
MAX_EXACT = 1 << 53
"""Largest whole number that is exact as a float, as numbers in workbooks are."""


def is_frame(value: object) -> TypeGuard[pd.DataFrame]:
    """Whether a value is a DataFrame. Does not import pandas: a caller with one has."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def table_of(frame: pd.DataFrame, log: IssueLog) -> RawTable:
    """Convert a frame to a table: its header is row 1, its first row is row 2.

    Raises:
        SheetError: the columns have more than one level.
    """
    if frame.columns.nlevels > 1:
        raise log.fatal(
            "column_levels",
            f"has columns of {frame.columns.nlevels} levels; give each column one name",
        )
    header = tuple(text_of(cell_of(name)) for name in frame.columns.tolist())
    for name in frame.index.names:
        if name is not None and field_of(str(name)) is not None:
            log.add(
                "warning",
                "unread_index",
                f"the index {str(name)!r} is not read; make it a column with reset_index()",
            )

    def rows() -> Iterator[Rows]:
        for start in range(0, len(frame), ROWS_PER_CHUNK):
            chunk = frame.iloc[start : start + ROWS_PER_CHUNK]
            # Column by column, by position: two columns may have one name.
            columns = [list(map(cell_of, chunk.iloc[:, i].tolist())) for i in range(chunk.shape[1])]
            yield start + HEADER_ROW + 1, list(zip(*columns, strict=True))

    return RawTable(
        name=log.file,
        title="",
        header=header,
        header_row=HEADER_ROW,
        n_rows=len(frame),
        rows=rows,
    )


def cell_of(value: Any) -> Value:
    """Convert a value of a frame to what the same cell of a workbook gives.

    What is missing (None, NaN, NaT, ``pandas.NA``) is an empty cell; a list is its items, joined.
    """
    if isinstance(value, str):
        return value if value.strip() else ""
    if isinstance(value, (bool, np.bool_)):
        return "TRUE" if value else "FALSE"
    if isinstance(value, numbers.Integral):
        return float(value) if abs(int(value)) <= MAX_EXACT else str(int(value))
    if isinstance(value, numbers.Real):
        number = float(value)
        return "" if number != number else number  # noqa: PLR0124  only NaN differs from itself
    if value is None or _is_missing(value):
        return ""
    if isinstance(value, (dt.date, dt.time, dt.timedelta)):
        return value
    if isinstance(value, (list, tuple)):
        return join_list(text for item in value if (text := text_of(cell_of(item))))
    return str(value)


def cell_text(value: Any) -> str:
    """Return a value of a frame as text: a str unchanged, others as a sheet's cell is read."""
    return value if isinstance(value, str) else text_of(cell_of(value))


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return value is pd.NA or value is pd.NaT


def frame_of(columns: LocationColumns) -> pd.DataFrame:
    """Write locations to a frame in the long layout; all columns hold strings, or NA.

    ``read_sheet`` gives back equal locations, but for rules that a location repeats exactly.
    Texts that look guarded (``'=x``) get one more ``'``, which ``read_sheet`` removes; nothing
    else is guarded, so to make a file for a spreadsheet use ``write_sheet``.
    """
    import pandas as pd

    rows = long_rows(columns)
    header = list(next(rows))
    cells = [[guard_kept(cell) or None for cell in row] for row in rows]
    return pd.DataFrame(cells, columns=header, dtype=pd.StringDtype())
