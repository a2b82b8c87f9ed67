"""Read business hours from columns for each day, or for each day's opening and closing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from routing_engine.hours import says_closed
from routing_engine.sheets.cells import Value, text_of

__all__ = ["hours_of_days"]

_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def hours_of_days(days: Sequence[tuple[int, int, str]], cells: Sequence[Value]) -> str:
    """Write the hours of one row as one text, empty if no day has any.

    Args:
        days: day of the week, position of its column, and what it holds: open, close or both.
        cells: the cells of these columns.
    """
    said: dict[int, dict[str, str]] = {}
    for (day, _, what), cell in zip(days, cells, strict=True):
        text = _time_text(cell)
        if text:
            said.setdefault(day, {})[what] = text
    if not said:
        return ""
    pieces = []
    for day, texts in sorted(said.items()):
        hours = texts.get("both") or "-".join(texts.get(side, "") for side in ("open", "close"))
        is_closed = all(map(says_closed, texts.values()))
        if not is_closed:
            pieces.append(f"{_NAMES[day]} {hours}")
    return "; ".join(pieces) or "closed"


def _time_text(cell: Value) -> str:
    """Return a cell as text, a workbook's time as ``HH:MM``."""
    if isinstance(cell, dt.datetime):
        cell = cell.time()
    if isinstance(cell, dt.time):
        return cell.strftime("%H:%M")
    if isinstance(cell, dt.timedelta):
        minutes = round(cell.total_seconds() / 60)
        return f"{minutes // 60:02}:{minutes % 60:02}"
    if isinstance(cell, float) and 0 <= cell <= 1:
        minutes = round(cell * 24 * 60)  # a time of day without the format of one
        return f"{minutes // 60:02}:{minutes % 60:02}"
    return text_of(cell)
