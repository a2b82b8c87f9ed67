"""Read and write single cells: text, lists, flags, fractions, and the guard of an export.

A spreadsheet takes a cell that starts with ``=``, ``+``, ``-``, ``@``, TAB or CR for a formula. An
export puts one ``'`` before such a text, and before one that looks like a guarded text already
(``'=x``), so that removing one ``'`` where a text looks guarded always gives back the original.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable

from routing_engine.errors import InvalidValueError

__all__ = [
    "Value",
    "guard",
    "join_list",
    "read_flag",
    "read_fraction",
    "split_codes",
    "split_list",
    "split_seconds",
    "text_of",
]

Value = str | float | dt.date | dt.time | dt.timedelta
"""What a cell can hold: a CSV cell is a str; a workbook's may be a number or a date."""

_DANGEROUS = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
_GUARDED = re.compile("'+[=+\\-@\t\r\n＝＋－＠]")
_BETWEEN_CODES = re.compile(r"[|,;]")
_PIPE = re.compile(r"(?<!\\)(\\*)\|")  # looks at each run of backslashes once


def guard(text: str) -> str:
    """Prefix a text that a spreadsheet would take for a formula; ``unguard`` is the inverse."""
    return f"'{text}" if _DANGEROUS.match(text) else text


def guard_kept(text: str) -> str:
    """Guard a text for a cell typed as text, where only its own apostrophes need it."""
    return f"'{text}" if _GUARDED.match(text) else text


def unguard(text: str) -> str:
    """Undo ``guard`` or ``guard_kept``."""
    return text[1:] if _GUARDED.match(text) else text


def text_of(value: Value) -> str:
    """Return a cell as text: stripped, unguarded, a whole number without its ``.0``."""
    if isinstance(value, str):
        return unguard(value.strip())
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def split_list(text: str) -> tuple[str, ...]:
    r"""Split at ``|``; trim items and drop empty ones; ``\|`` is a ``|`` in an item.

    Backslashes directly before a ``|`` count in pairs, as in ``join_list``; others are themselves.
    """
    items: list[str] = []
    item = ""
    end = 0
    for match in _PIPE.finditer(text):
        slashes = len(match[1])
        item += text[end : match.start()] + "\\" * (slashes // 2)
        end = match.end()
        if slashes % 2:
            item += "|"
        else:
            items.append(item)
            item = ""
    items.append(item + text[end:])
    return tuple(filter(None, (item.strip() for item in items)))


def join_list(items: Iterable[str]) -> str:
    """Join items into one cell; ``split_list`` is the inverse."""
    return " | ".join(
        _PIPE.sub(lambda match: "\\" * (2 * len(match[1]) + 1) + "|", item) for item in items
    )


def split_codes(text: str) -> tuple[str, ...]:
    """Split at ``|``, ``,`` or ``;``; trim items and drop empty ones."""
    return tuple(filter(None, (item.strip() for item in _BETWEEN_CODES.split(text))))


def split_seconds(text: str) -> tuple[int, ...]:
    """Read whole seconds separated by ``|``."""
    items = split_list(text)
    if not all(item.isascii() and item.isdigit() and len(item) < 10 for item in items):
        raise InvalidValueError("must be whole seconds, separated by |")
    return tuple(map(int, items))


_FLAGS = {
    **dict.fromkeys(("yes", "y", "true", "t", "1", "x", "on"), True),
    **dict.fromkeys(("no", "n", "false", "f", "0", "off", "-"), False),
}


def read_flag(text: str) -> bool:
    """Read yes or no."""
    flag = _FLAGS.get(text.casefold())
    if flag is None:
        raise InvalidValueError("must be yes, no or empty")
    return flag


_FRACTION = re.compile(
    r"(?:[0-9]+(?:[.,][0-9]+)?|[.,][0-9]+)(?:[eE]-?[0-9]{1,3}|\s*%)?|[0-9]+[.,]", re.ASCII
)


def read_fraction(text: str) -> tuple[float, str | None]:
    """Read a number written as ``0.8``, ``0,8`` or ``80%``; also return the repair, or None."""
    if not _FRACTION.fullmatch(text):
        raise InvalidValueError("must be a number from 0 to 1")
    number = float(text.rstrip("% \t").replace(",", "."))
    if text.endswith("%"):
        # Divided in decimal: 0.57 * 100 / 100 would not come back as 0.57.
        return float(f"{text.rstrip('% ').replace(',', '.')}e-2"), "a percentage"
    return number, "a decimal comma" if "," in text else None
