"""How much of a sheet is read.

Far more than the largest chain has, and less than what stops a process. What is beyond is an error
of the sheet that names the limit, in a workbook and in a text file alike.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "MAX_CELL_LENGTH",
    "MAX_COLUMNS",
    "MAX_ODD_CELLS",
    "MAX_SHEET_CHARACTERS",
    "MAX_WORKBOOK_CELLS",
    "PARSER_BYTES",
    "PARSER_CPU_S",
    "SPARSE_CELLS",
    "SPARSE_RATIO",
]

MAX_CELL_LENGTH: Final = 1 << 20
"""Characters: room for thousands of examples of one rule."""

MAX_COLUMNS: Final = 4096
MAX_WORKBOOK_CELLS: Final = 25_000_000
"""Most cells of all sheets, empty ones in between included: the parser holds each."""

SPARSE_CELLS: Final = 4_000_000
SPARSE_RATIO: Final = 50
"""A sheet of more than so many cells has at least one that holds something in so many."""

MAX_SHEET_CHARACTERS: Final = 1 << 28
"""Most characters of all cells, a shared text counted each time it is used."""

MAX_ODD_CELLS: Final = 1 << 18
"""Cells without their value, hidden rows and merged ranges, which are kept one by one."""

PARSER_BYTES: Final = 2 << 30
PARSER_CPU_S: Final = 120
"""Memory and processor time of the process that parses a workbook."""
