"""Keyset pagination: a cursor holds the last row's key; no row is skipped or repeated."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from routing_engine.errors import InvalidValueError
from routing_engine.store.scoped_session import ScopedSession

__all__ = ["MAX_LIMIT", "Page", "page_of"]

T = TypeVar("T")

MAX_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list.

    Attributes:
        items: in order.
        cursor: where the next page begins; None at the end.
    """

    items: tuple[T, ...]
    cursor: str | None


def page_of(
    rows: ScopedSession,
    query: Select[Any],
    order: Sequence[InstrumentedAttribute[Any]],
    make: Callable[[Any], T],
    *,
    limit: int,
    cursor: str | None,
    newest_first: bool = False,
) -> Page[T]:
    """Return one page of a query.

    Args:
        order: columns that together tell every row from the others.
        make: a row -> what the page holds.

    Raises:
        InvalidValueError: the limit is out of range, or the cursor is not one of this list.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidValueError(f"limit must be 1 to {MAX_LIMIT}, got {limit}")
    if cursor is not None:
        place = tuple_(*order)
        after = tuple_(*_read(cursor, order))
        query = query.where(place < after if newest_first else place > after)
    query = query.order_by(*(column.desc() if newest_first else column for column in order))
    found = rows.scalars(query.limit(limit + 1)).all()
    more = len(found) > limit
    last = [getattr(found[limit - 1], column.key) for column in order] if more else None
    return Page(
        tuple(make(row) for row in found[:limit]),
        None if last is None else _write(last),
    )


def _write(values: Sequence[Any]) -> str:
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def _read(cursor: str, order: Sequence[InstrumentedAttribute[Any]]) -> list[Any]:
    try:
        plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(plain, list) or len(plain) != len(order):
            raise ValueError
        values = [
            datetime.fromisoformat(value) if column.type.python_type is datetime else value
            for value, column in zip(plain, order, strict=True)
        ]
        for value, column in zip(values, order, strict=True):
            if type(value) is not column.type.python_type:
                raise ValueError
            if isinstance(value, datetime) and value.utcoffset() is None:
                raise ValueError
            if isinstance(value, str) and "\0" in value:
                raise ValueError
            if isinstance(value, int) and abs(value) >= 1 << 62:
                raise ValueError
    except (ValueError, TypeError, RecursionError):
        raise InvalidValueError(
            "invalid cursor; pass the nextCursor of an earlier page of the same list"
        ) from None
    return values
