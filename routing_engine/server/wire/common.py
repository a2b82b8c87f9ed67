"""Base of all wire models: camelCase names, strict JSON types, checked texts and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

from routing_engine.errors import InvalidValueError
from routing_engine.model.called import parse_line
from routing_engine.model.destinations import (
    DEFAULT_DIAL_POLICY,
    Destination,
    DialPolicy,
    are_kept,
    kept_destination,
)
from routing_engine.model.rules import Label, Language, Probability, RuleSentence, TimeZone

__all__ = [
    "WHOLE",
    "AllowedNumber",
    "Day",
    "DestinationText",
    "Envelope",
    "Flag",
    "LanguageCode",
    "LineText",
    "LocationKey",
    "Moment",
    "Name",
    "Page",
    "Sentence",
    "Share",
    "ShortText",
    "Token",
    "Url",
    "Wire",
    "Zone",
    "numbers_of",
]

T = TypeVar("T")

_numbers: ContextVar[tuple[str | None, DialPolicy]] = ContextVar(
    "_numbers", default=("US", DEFAULT_DIAL_POLICY)
)


@contextmanager
def numbers_of(region: str | None, policy: DialPolicy) -> Iterator[None]:
    """Read national numbers as of this region, and refuse what the policy does, for a while.

    Args:
        region: None for E.164 only.
        policy: of the organisation that asks.
    """
    token = _numbers.set((region, policy))
    try:
        yield
    finally:
        _numbers.reset(token)


def _normalised(written: str) -> str:
    kept = kept_destination(written)
    if kept is not None:
        return str(kept)
    region, policy = _numbers.get()
    destination = Destination.parse(written, region=region)
    # What was kept was allowed once; who decides and who publishes ask again.
    refusal = None if are_kept() else policy.refusal(destination)
    if refusal is not None:
        raise InvalidValueError(f"{refusal} by the organisation's dial policy")
    return str(destination)


def _allowed_number(written: str) -> str:
    """A number as a dial policy's list of exceptions has it, whatever the policy is now."""
    destination = Destination.parse(written, region=_numbers.get()[0])
    if destination.extension is not None:
        raise InvalidValueError("has an extension; a number is allowed with all of its extensions")
    return str(destination)


def _line(written: str) -> str:
    return parse_line(written, region=_numbers.get()[0])


def _text_only(value: Any) -> Any:
    """Accept only text for a date: pydantic would read the number 0 as 1970."""
    if not isinstance(value, str):
        raise ValueError("must be a string")  # noqa: TRY004  pydantic turns it into a problem
    return value


def _whole(value: Any) -> Any:
    """Convert a float without fraction to int: JSON does not tell 2.0 from 2."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _day(value: Any) -> Any:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", _text_only(value), re.ASCII):
        raise ValueError("must be a date such as 2026-12-25")
    return value


def _aware(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError("must have an offset such as Z or -08:00")
    if not 1970 <= moment.year <= 9000:
        raise ValueError("must lie between the years 1970 and 9000")
    return moment.astimezone(UTC)


def _identifier(text: str) -> str:
    stripped = text.strip()
    if not stripped or re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", stripped):
        raise ValueError("must hold letters, and no control characters")
    return stripped


# As a schema says it: something to be seen, and no control characters. The model itself also folds
# white space.
_INNER = r"[ -~\u00a1-\u2027\u202a-\ud7ff]"
_SEEN: JsonDict = {"pattern": f"^{_INNER}*[!-~\\u00a1-\\u167f]{_INNER}*$"}

Flag = Annotated[bool, Strict()]
# Stands last: bounds that come after it would not be in the schema.
WHOLE = BeforeValidator(_whole)
Share = Annotated[Probability, Strict()]
Name = Annotated[Label, Field(min_length=1, examples=["Fernwick Oakland"], json_schema_extra=_SEEN)]
Sentence = Annotated[
    RuleSentence,
    Field(
        min_length=1,
        examples=["caller asks about an invoice, charge, or refund"],
        json_schema_extra=_SEEN,
    ),
]
LanguageCode = Annotated[Language, Field(max_length=64, examples=["es"])]
Zone = Annotated[TimeZone, Field(max_length=64, examples=["America/Los_Angeles"])]
LocationKey = Annotated[
    str,
    Field(min_length=1, max_length=256, examples=["store-0042"], json_schema_extra=_SEEN),
    AfterValidator(_identifier),
]
ShortText = Annotated[str, StringConstraints(max_length=500)]
Token = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"), Field(examples=["transfer"])
]
Url = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[^\s/?#\x00-\x1f]+[^\s\x00-\x1f]*$", max_length=2000),
    Field(examples=["https://crm.example/calls"]),
]
DestinationText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=300,
        examples=["+14155550111", "(415) 555-0111", "sip:desk@store-0042.example"],
        description="An E.164 number, a national one of the server's region, either with an "
        "extension (`;ext=12`), or a SIP URI. Kept as E.164.",
    ),
    AfterValidator(_normalised),
]
LineText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=300,
        examples=["+14155550199", "sip:oakland@pbx.example"],
        description="A number that callers dial, or a SIP user. Kept as E.164, or as the user.",
    ),
    AfterValidator(_line),
]
AllowedNumber = Annotated[
    str,
    Field(
        min_length=1,
        max_length=300,
        examples=["+14155550111", "sip:desk@store-0042.example"],
        description="An E.164 number, a national one of the server's region, or a SIP URI.",
    ),
    AfterValidator(_allowed_number),
]
Day = Annotated[
    date,
    BeforeValidator(_day),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-12-25"]}),
]
Moment = Annotated[
    datetime,
    BeforeValidator(_text_only),
    AfterValidator(_aware),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-20T17:30:00Z"]}),
]


class Wire(BaseModel):
    """A JSON object with camelCase names; unknown fields are refused."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        validate_by_name=False,
        validate_by_alias=True,
        serialize_by_alias=True,
        allow_inf_nan=False,
    )


class Page(Wire, Generic[T]):
    """One page of a list.

    Attributes:
        items: in the order of the list.
        next_cursor: what to give as ``cursor`` for those that follow; null at the end.
    """

    items: list[T]
    next_cursor: str | None


class Envelope(Wire, Generic[T]):
    """Body of every success response."""

    success: Literal[True] = True
    data: T
    message: str
