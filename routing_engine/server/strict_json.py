"""Parse JSON strictly: refuse what two parsers could read differently."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NamedTuple, NoReturn

from routing_engine.server.problems import ProblemError, wrong_field

__all__ = ["is_text", "read_json"]

MAX_DEPTH = 32
MAX_NAME_SHOWN = 200
MAX_DIGITS = 300
"""Most digits of a whole number: what every JSON parser can hold as a double."""


def _refused_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("number out of range")
    return value


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("number out of range")
    return int(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("duplicate name in an object")
    return made


def read_json(body: bytes) -> Any:
    """Parse the body of a request.

    Raises:
        ProblemError: 400 where it is not JSON in UTF-8, or has NaN, a repeated name, or a number
            that does not fit; 422 where it is too deep or a text holds what no database keeps.
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_constant=_refused_constant,
            parse_float=_float,
            parse_int=_int,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        message = f"the body is not JSON (line {error.lineno}, column {error.colno})"
        raise ProblemError(400, message, code="bad_json") from error
    except UnicodeDecodeError as error:
        raise ProblemError(400, "the body is not UTF-8", code="bad_json") from error
    except RecursionError as error:
        raise ProblemError(400, "the body is nested too deep", code="bad_json") from error
    except ValueError as error:
        raise ProblemError(400, f"the body is not JSON: {error}", code="bad_json") from error
    _check(value)
    return value


def _check(value: Any) -> None:
    # A path is put together where something is wrong, and not for each of a hundred thousand
    # items below a name that is half a megabyte long.
    waiting: list[tuple[_Place | None, Any, int]] = [(None, value, 0)]
    while waiting:
        place, item, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise wrong_field(_path(place), f"is nested deeper than {MAX_DEPTH}")
        if isinstance(item, str):
            if not is_text(item):
                raise wrong_field(_path(place), "must not contain NUL or an unpaired surrogate")
        elif isinstance(item, dict):
            for name, inner in item.items():
                if not is_text(name):
                    raise wrong_field(
                        _path(place), "has a name that contains NUL or an unpaired surrogate"
                    )
                if isinstance(inner, (str, dict, list)):
                    waiting.append((_Place(place, name), inner, depth + 1))
        elif isinstance(item, list):
            waiting += [
                (_Place(place, i), inner, depth + 1)
                for i, inner in enumerate(item)
                if isinstance(inner, (str, dict, list))
            ]


class _Place(NamedTuple):
    """The position of a value: its container, and its name or number there."""

    inside: _Place | None
    name: str | int


def _path(place: _Place | None) -> str:
    """The dotted path of a place; of names that nobody reads to the end, the beginning."""
    names: list[str] = []
    while place is not None:
        names.append(str(place.name)[:MAX_NAME_SHOWN])
        place = place.inside
    return ".".join(reversed(names))


_NO_TEXT = re.compile("[\0\ud800-\udfff]")


def is_text(text: str) -> bool:
    """Whether a text can be stored in a database and encoded in UTF-8."""
    return _NO_TEXT.search(text) is None
