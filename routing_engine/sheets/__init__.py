"""Routing sheets: CSV and XLSX to locations and back, and what changed between two of them.

Two layouts are told apart by their headers: long (a row a rule) and wide (a row a location, a
column a rule). ``headers.ALIASES`` lists the headers that are understood.
"""

from __future__ import annotations

from routing_engine.reports import ImportReport, SheetIssue
from routing_engine.sheets.diff import FieldChange, LocationChange, RuleChange, SheetDiff, diff
from routing_engine.sheets.importing import Sheet, read_sheet
from routing_engine.sheets.writing import write_sheet

__all__ = [
    "FieldChange",
    "ImportReport",
    "LocationChange",
    "RuleChange",
    "Sheet",
    "SheetDiff",
    "SheetIssue",
    "diff",
    "read_sheet",
    "write_sheet",
]
