"""Base of validated values: frozen, and raising this library's errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, Final, Self

import pydantic
from pydantic import BaseModel, ConfigDict

from routing_engine.errors import InvalidValueError, Problem, mask

__all__ = ["Value", "are_kept", "as_kept", "dotted", "flag", "invalid", "problems_of", "shown"]

_NUMBER: Final = re.compile(
    r"\+\d[\d ().-]*|\d{5,}|(?:\(?\d[\d ().-]*)?\d{3}[ .-]?\d{4}|(?:\d\d[ .]){3,}\d\d"
)

MAX_NAME: Final = 100
"""Characters of a name that a message repeats."""

_are_kept: ContextVar[bool] = ContextVar("_are_kept", default=False)


@contextmanager
def as_kept() -> Iterator[None]:
    """Within this context, trust stored values: they were checked, and numbers are in E.164.

    Whether a number is assigned takes a tenth of a millisecond to look up; ten thousand locations
    have a hundred thousand of them. What is not written as ``str()`` writes it is parsed as ever.
    A time zone may be one that is refused today.
    """
    token = _are_kept.set(True)
    try:
        yield
    finally:
        _are_kept.reset(token)


def are_kept() -> bool:
    """Return whether stored values are trusted now, within :func:`as_kept`."""
    return _are_kept.get()


def shown(value: object, length: int = 80) -> str:
    """Quote a wrong value for a message: short, phone numbers masked."""
    text = repr(value)
    text = text if len(text) <= length else text[: length - 1] + "…"
    return _NUMBER.sub(lambda match: mask(match[0]), text)


def dotted(parts: Iterable[int | str]) -> str:
    """Join the parts of a path: ``"rules.3.destination"``; of long names, the beginning."""
    names = map(str, parts)
    return ".".join(name if len(name) <= MAX_NAME else name[:MAX_NAME] + "…" for name in names)


def flag(name: str, value: object) -> bool:
    """Return an argument that is true or false; numpy's are, too.

    Raises:
        InvalidValueError: it is neither: "no" would count as true.
    """
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    raise InvalidValueError(f"{name} is True or False, not {type(value).__name__}")


def problems_of(
    details: Iterable[Mapping[str, Any]],
    *,
    path_of: Callable[[Sequence[int | str]], str] = dotted,
    nests_paths: bool = False,
    shows_values: bool = False,
) -> Iterator[Problem]:
    """Convert pydantic's error details to problems.

    Args:
        details: as ``ValidationError.errors()`` returns them.
        path_of: names a field by pydantic's location of it.
        nests_paths: append the paths inside a value that has fields of its own; False where its
            fields have no name outside.
        shows_values: append the wrong value to the message, phone numbers masked.
    """
    for detail in details:
        path = path_of(detail["loc"])
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, InvalidValueError):
            for problem in cause.problems:
                inner = problem.path if nests_paths else ""
                yield Problem(".".join(filter(None, (path, inner))), problem.message)
            continue
        message = detail["msg"].removeprefix("Value error, ")
        value = detail.get("input") if shows_values else None
        if detail["type"] not in ("missing", "extra_forbidden") and isinstance(
            value, (str, int, float)
        ):
            message += f", not {value if isinstance(value, float) else shown(value, 60)}"
        yield Problem(path, message)


def invalid(what: str, error: pydantic.ValidationError, *, is_private: bool) -> InvalidValueError:
    """Convert pydantic's error to ours; values of private models are not shown."""
    details = error.errors(include_url=False)
    problems = problems_of(details, nests_paths=True, shows_values=not is_private)
    return InvalidValueError(what=what, problems=problems)


class Value(BaseModel):
    """A frozen value whose constructor raises this library's own error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)

    is_private: ClassVar[bool] = False
    """Whether the model holds what callers said, so that errors must not quote values."""

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except pydantic.ValidationError as error:
            raise self._error(error) from None

    # A value within a value is then validated in one go, in the context of the whole.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        try:
            return super().model_validate(obj, **options)
        except pydantic.ValidationError as error:
            raise cls._error(error) from None

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        try:
            return super().model_validate_json(json_data, **options)
        except pydantic.ValidationError as error:
            raise cls._error(error) from None

    @classmethod
    def _trusted(cls, fields: dict[str, Any]) -> Self:
        """Build an instance from fields that were validated before.

        As ``model_construct``, which looks for defaults and aliases and takes ten times as long.
        """
        made = cls.__new__(cls)
        for name, value in (
            ("__dict__", fields),
            ("__pydantic_fields_set__", set(fields)),
            ("__pydantic_extra__", None),
            ("__pydantic_private__", None),
        ):
            object.__setattr__(made, name, value)
        return made

    @classmethod
    def _error(cls, error: pydantic.ValidationError) -> InvalidValueError:
        return invalid(cls.__name__, error, is_private=cls.is_private)
