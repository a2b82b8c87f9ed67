"""Parse JSON strictly: refuse what two parsers could read differently."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from routing_engine.server.problems import ProblemError, wrong_field

__all__ = ["is_text", "read_json"]

MAX_DEPTH = 32
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
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    while waiting:
        path, item, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise wrong_field(path, f"is nested deeper than {MAX_DEPTH}")
        if isinstance(item, str):
            if not is_text(item):
                raise wrong_field(path, "must not contain NUL or an unpaired surrogate")
        elif isinstance(item, dict):
            for name, inner in item.items():
                if not is_text(name):
                    raise wrong_field(path, "has a name that contains NUL or an unpaired surrogate")
                waiting.append((f"{path}.{name}" if path else name, inner, depth + 1))
        elif isinstance(item, list):
            waiting += [
                (f"{path}.{i}" if path else str(i), inner, depth + 1)
                for i, inner in enumerate(item)
            ]


def is_text(text: str) -> bool:
    """Whether a text can be stored in a database and encoded in UTF-8."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
