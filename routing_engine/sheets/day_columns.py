"""Read business hours from columns for each day, or for each day's opening and closing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from routing_engine.errors import InvalidValueError
from routing_engine.hours import days_named, parse_weekly, says_closed
from routing_engine.sheets.cells import Value, text_of

__all__ = ["hours_beside_day_off", "hours_of_days"]

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


_DAILY: Final = (
    "täglich", "tous les jours", "todos los días", "todos os dias", "tutti i giorni", "dagelijks",
    "dagligen", "daglig", "codziennie", "denně", "zilnic", "her gün", "ежедневно", "毎日", "每天", "매일",
)  # fmt: skip
"""Words for every day in languages that have words for the clock, too."""
_NEVER_OFF: Final = frozenset((
    *("年中無休", "無休", "なし", "無し", "無", "无", "全年无休", "全年無休", "없음", "연중무휴", "무휴", "-", "–", "—"),
    *("none", "no", "never", "n/a", "keine", "keiner", "kein", "aucun", "aucune", "ninguno", "nenhum"),
    *("nessuno", "nessuna", "geen", "ingen", "inga", "brak", "žádný", "nincs", "yok", "нет", "немає", "tidak ada"),
))  # fmt: skip


@lru_cache(maxsize=4096)
def hours_beside_day_off(hours: str, day_off: str) -> str:
    """Write hours that name no day, and the day off of another column, as one text.

    ``10:00~20:00`` beside ``水曜日`` is ``daily 10:00~20:00; Wed closed``. Hours that name their
    days stay as they are, and so do those beside an empty cell: whether Sunday is meant is not said.
    """
    if not hours or not day_off:
        return hours
    ranges = _every_day(hours)
    if ranges is None:
        return hours
    if day_off.casefold().strip(" .") in _NEVER_OFF:
        return f"daily {ranges}"
    try:
        days = " ".join(days_named(day_off))
    except InvalidValueError:
        days = day_off  # the message on the hours shows it
    return f"daily {ranges}; {days} closed"


def _every_day(hours: str) -> str | None:
    """Write hours that name no day as plain ranges, or None if they name one, or are none."""
    for word in ("daily", *_DAILY):
        try:
            week = parse_weekly(f"{word} {hours}")
        except InvalidValueError:
            continue
        is_same = week[0] and all(day == week[0] for day in week)
        return " ".join(map(str, week[0])) if is_same else None
    return None


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
