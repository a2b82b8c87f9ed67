"""What every value that is checked at the edge has in common: frozen, and with our own error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar, Final, Self

import pydantic
from pydantic import BaseModel, ConfigDict

from routing_engine.errors import InvalidValueError, Problem, mask

__all__ = ["Value", "invalid", "shown"]

_NUMBER: Final = re.compile(
    r"\+\d[\d ().-]*|\d{5,}|(?:\(?\d[\d ().-]*)?\d{3}[ .-]?\d{4}|(?:\d\d[ .]){3,}\d\d"
)


def shown(value: object, length: int = 80) -> str:
    """A wrong value as a message may show it: short, and no phone number (a shifted column)."""
    text = repr(value)
    text = text if len(text) <= length else text[: length - 1] + "…"
    return _NUMBER.sub(lambda match: mask(match[0]), text)


def _problems(error: pydantic.ValidationError, *, is_private: bool) -> Iterator[Problem]:
    for detail in error.errors(include_url=False):
        path = ".".join(str(part) for part in detail["loc"])
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, InvalidValueError):
            for problem in cause.problems:
                yield Problem(".".join(filter(None, (path, problem.path))), problem.message)
            continue
        message = detail["msg"].removeprefix("Value error, ")
        value = None if is_private else detail.get("input")
        if detail["type"] not in ("missing", "extra_forbidden") and isinstance(
            value, (str, int, float)
        ):
            message += f", not {value if isinstance(value, float) else shown(value, 60)}"
        yield Problem(path, message)


def invalid(what: str, error: pydantic.ValidationError, *, is_private: bool) -> InvalidValueError:
    """Pydantic's error as ours; of what is private it does not show the values."""
    return InvalidValueError(what=what, problems=_problems(error, is_private=is_private))


class Value(BaseModel):
    """A frozen value whose constructor raises this library's own error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)

    is_private: ClassVar[bool] = False
    """Holds what callers said, so that an error does not show what was wrong."""

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
        """Make one of all its fields, which a constructor has accepted before.

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
