"""Compare two documents field by field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["differences"]

_NAMES = ("id", "label", "date", "utterance")
"""Fields that identify an object within a list."""

Change = tuple[str, Any, Any]
_MISSING = object()


def differences(before: Any, after: Any, path: str = "") -> Iterator[Change]:
    """Yield every changed field: its path and its values before and after; None where absent.

    Items of a list are told apart by their id, label, date or utterance where that is one of a
    kind: ``handoffConfig.transferRules[Billing].destination``. Such items in another order are one
    change, of the list's order. Any other list is one value.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*before, *after]):
            inner = f"{path}.{name}" if path else name
            yield from _compared(before.get(name, _MISSING), after.get(name, _MISSING), inner)
        return
    named = _named(before, after)
    if named is not None:
        old, new = named
        for name in dict.fromkeys([*old, *new]):
            yield from _compared(
                old.get(name, _MISSING), new.get(name, _MISSING), f"{path}[{name}]"
            )
        kept = [name for name in old if name in new]
        moved = [name for name in new if name in old]
        if kept != moved:
            yield f"{path}[order]", kept, moved
        return
    # 1 == True and 1 == 1.0 in Python, and not in JSON.
    if before != after or type(before) is not type(after):
        yield path, before, after


def _compared(before: Any, after: Any, path: str) -> Iterator[Change]:
    if before is _MISSING:
        yield path, None, after
    elif after is _MISSING:
        yield path, before, None
    else:
        yield from differences(before, after, path)


def _named(before: Any, after: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    if not (isinstance(before, list) and isinstance(after, list)):
        return None
    for name in _NAMES:
        sides = [_by(items, name) for items in (before, after)]
        old, new = sides
        if old is not None and new is not None:
            return old, new
    return None


def _by(items: list[Any], name: str) -> dict[str, Any] | None:
    made = {
        item[name]: item
        for item in items
        if isinstance(item, dict) and isinstance(item.get(name), str)
    }
    return made if len(made) == len(items) else None
