"""Business hours on the wire: a list of ranges for each day, Monday to Sunday."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from routing_engine.errors import InvalidValueError
from routing_engine.hours import Holiday as ScheduleHoliday
from routing_engine.hours import TimeRange, parse_weekly
from routing_engine.server.wire.common import (
    Day,
    DestinationText,
    Flag,
    ShortText,
    Token,
    Wire,
    Zone,
)

__all__ = ["DAYS", "AfterHours", "Holiday", "Hours", "Week"]

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _range(value: Any) -> str:
    """Return a range as ``"09:00-17:00"``, also from ``{"start": "09:00", "end": "17:00"}``."""
    if isinstance(value, dict) and set(value) == {"start", "end"}:
        start, end = value["start"], value["end"]
        if isinstance(start, str) and isinstance(end, str):
            value = f"{start}-{end}"
    if not isinstance(value, str):
        raise InvalidValueError('must be "09:00-17:00" or {"start": "09:00", "end": "17:00"}')
    return str(TimeRange.parse(value))


def _ranges(values: list[str]) -> list[str]:
    """Sort the ranges of a day; refuse ranges that overlap."""
    # A holiday has the rule for ranges of one day.
    made = ScheduleHoliday(date="2000-01-01", closed=False, ranges=values).ranges
    return [str(item) for item in made]


Range = Annotated[
    str,
    BeforeValidator(_range),
    WithJsonSchema(
        {
            "examples": ["09:00-17:00", {"start": "09:00", "end": "17:00"}],
            "anyOf": [
                {"type": "string", "maxLength": 40},
                {
                    "type": "object",
                    "properties": {"start": {"type": "string"}, "end": {"type": "string"}},
                    "required": ["start", "end"],
                    "additionalProperties": False,
                },
            ],
        }
    ),
]
Ranges = Annotated[list[Range], Field(max_length=24), AfterValidator(_ranges)]


class Week(Wire):
    """The ordinary week. A day that is left out is closed."""

    monday: Ranges | None = None
    tuesday: Ranges | None = None
    wednesday: Ranges | None = None
    thursday: Ranges | None = None
    friday: Ranges | None = None
    saturday: Ranges | None = None
    sunday: Ranges | None = None

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        shown = handler(core_schema)
        made = handler.resolve_ref_schema(shown)
        by_day = {name: made.pop(name) for name in list(made) if name not in ("title", "$defs")}
        text = {"type": "string", "maxLength": 1000, "examples": ["Mon-Fri 09:00-17:00"]}
        made["anyOf"] = [by_day, text]
        return shown

    @model_validator(mode="before")
    @classmethod
    def _written(cls, value: Any) -> Any:
        if isinstance(value, str):
            week = parse_weekly(value)
            return {day: [str(r) for r in ranges] for day, ranges in zip(DAYS, week, strict=True)}
        return value


class Holiday(Wire):
    """One or more dates with special hours: closed, open in the ranges, or as usual."""

    date: Day
    end_date: Day | None = None
    name: ShortText = ""
    closed: Flag | None = None
    ranges: Ranges = Field(default_factory=list)

    @model_validator(mode="after")
    def _agrees(self) -> Holiday:
        self.as_schedule()
        return self

    def as_schedule(self) -> ScheduleHoliday:
        """Convert to the holiday of the engine's business hours."""
        closed = not self.ranges if self.closed is None else self.closed
        return ScheduleHoliday(
            date=self.date,
            end_date=self.end_date,
            name=self.name,
            closed=closed,
            ranges=self.ranges,
        )


Holidays = Annotated[list[Holiday], Field(max_length=400)]


class AfterHours(Wire):
    """Where callers go while the location is closed.

    Attributes:
        mode, message: for the agent, which gets them back as they are.
        allow_human_transfer: true: whoever no rule takes goes to ``number``, or where there is
            none to ``transferDestination``; false: to nobody; not given: to ``number`` if there
            is one.
        emergency_number: while it is closed, callers with an emergency go here, whatever
            ``allowHumanTransfer`` says.
    """

    mode: Token | None = None
    message: ShortText | None = None
    allow_human_transfer: Flag | None = None
    number: DestinationText | None = None
    emergency_number: DestinationText | None = None


class Hours(Wire):
    """When the location is open: always, unless ``weekly`` is given.

    Attributes:
        public_holidays: hours of the public holidays of ``country``; none is closed.
    """

    timezone: Zone | None = None
    weekly: Week | None = None
    holidays: Holidays | None = None
    exceptions: Holidays | None = None
    country: Annotated[str, Field(pattern="^[A-Za-z]{2}$", examples=["US"])] | None = None
    subdivision: Annotated[str, Field(pattern="^[A-Za-z0-9-]{1,10}$", examples=["CA"])] | None = (
        None
    )
    public_holidays: Ranges | None = None
    after_hours: AfterHours | None = None
