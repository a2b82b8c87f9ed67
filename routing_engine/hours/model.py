"""Business hours: the ordinary week, holidays and one-off dates of a location.

What the hours of a date are, the first that applies:

1. `BusinessHours.exceptions`, the one-off dates;
2. `BusinessHours.holidays`, by date;
3. `BusinessHours.public_holidays`, on those of `BusinessHours.country`: closed, or their hours;
4. `BusinessHours.weekly`.

How hours become instants:

- A range holds its start and not its end: at 17:00 sharp, 09:00-17:00 is closed.
- A range belongs to the local date it begins on and runs through. Friday's 22:00-02:00 lasts
  until 02:00 on Saturday even if Saturday is a holiday, and does not begin on a Friday that is
  one.
- Hours are wall-clock times in the location's zone. Where the clock is put back, a start that
  occurs twice is its first occurrence and an end that occurs twice is its second; the location
  does not close in between. Where the clock is put forward, a start or end that never occurs is
  the instant of the jump; a range that lies wholly in the gap does not happen that day.
- Ranges that touch or overlap, also across midnight, are one opening: hours of 24/7 never close.

How hours are written in one cell of a sheet, pieces apart by ``;`` or a line break
(`BusinessHours.parse`, and back with ``str()``):

    Mon-Fri 08:00-12:00 13:00-17:00; Sat 09:00-12:00     the ordinary week; also 24/7, closed
    holidays US                                          public holidays, or of a state: US-CA
    2026-12-24 08:00-12:00 "Christmas Eve"               a date with hours, and what it is called
    2026-12-25 to 2026-12-26 closed                      dates
    2026-11-27 as usual                                  hours of the week, holiday or not
    except 2026-03-02 closed                             a one-off, which overrides holidays too

The grammar of OpenStreetMap's opening_hours is read as far as it says a week:

    Mo-Fr 08:00-18:00; Sa 09:00-12:00; PH off            closed on the country's public holidays
    Mo-Sa 08:00-18:00; PH 10:00-14:00                    other hours on them
    Mo-Su 09:00-18:00; We 09:00-13:00                    a later rule is for its days alone
"""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any, Final, Self

from pydantic import Field, field_validator, model_validator

from routing_engine.errors import InvalidValueError
from routing_engine.hours.languages import says_closed
from routing_engine.hours.ranges import (
    ALL_DAY,
    MAX_TEXT_LENGTH,
    Ranges,
    plain_text,
    read_range,
    shows_24_hour,
)
from routing_engine.hours.weekly import (
    WeeklyText,
    format_weekly,
    is_as_every_day,
    read_week,
    tokens_of,
)
from routing_engine.hours.zones import is_zone, meant_zone
from routing_engine.validation import Value, are_kept, shown

__all__ = ["BusinessHours", "Holiday"]

_MAX_HOURS_LENGTH: Final = 32_767  # what a workbook's cell can hold


class Holiday(Value):
    """One date or a span of dates with special hours.

    Three kinds: closed (the default); open in `ranges`; or, with ``closed=False`` and no ranges,
    open as on an ordinary weekday, which lifts a public holiday.

    Attributes:
        date: The (first) local date.
        end_date: The last date, inclusive; `None` for one date.
        name: What the date is called.
        closed: Closed all day. Where it is not given, it is true if there are no `ranges`.
        ranges: The openings that begin on each of the dates, in order.

    Raises:
        InvalidValueError: `end_date` is before `date`, or a closed date has ranges, or ranges
            overlap.
    """

    date: dt.date
    end_date: dt.date | None = None
    name: str = ""
    closed: bool = True
    ranges: Ranges = ()

    @model_validator(mode="before")
    @classmethod
    def _open_in_its_ranges(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and fields.get("ranges") and "closed" not in fields:
            return {**fields, "closed": False}
        return fields

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.end_date is not None and self.end_date < self.date:
            raise InvalidValueError(f"end_date {self.end_date} is before date {self.date}")
        if self.closed and self.ranges:
            raise InvalidValueError(
                f"{self.date} is closed and has ranges: leave out closed, or the ranges"
            )
        return self

    @property
    def last_date(self) -> dt.date:
        """Last date of the span."""
        return self.date if self.end_date is None else self.end_date

    def __str__(self) -> str:
        dates = f"{self.date}" if self.end_date is None else f"{self.date} to {self.end_date}"
        hours = " ".join(map(str, self.ranges)) or ("closed" if self.closed else "as usual")
        if not self.name:
            return f"{dates} {hours}"
        # JSON, so that any name comes back; a letter that cannot be seen is written by number.
        return f"{dates} {hours} {json.dumps(self.name, ensure_ascii=not self.name.isprintable())}"


class BusinessHours(Value):
    """When a location is open; hashable, and equal after ``model_dump(mode="json")`` and back.

    The module's docstring says which hours hold on a date and what happens at midnight and where
    clocks change.

    Attributes:
        timezone: IANA name of a place, such as ``America/New_York``; ``UTC`` or ``Etc/GMT+5``
            where it is without summer time on purpose.
        weekly: The ordinary week; see `parse_weekly`. Also accepted, and dumped, as its text.
        holidays: Dates with hours of their own.
        exceptions: One-off dates that override everything, holidays too.
        country: ISO 3166 code, such as ``US``: its public holidays are closed, on the observed
            dates too. `None` for no calendar.
        subdivision: State or province of `country`, such as ``CA``, for its own public holidays.
        public_holidays: Hours of the public holidays of `country`; none is closed.

    Raises:
        InvalidValueError: a field is wrong; or two `holidays`, or two `exceptions`, give one date
            different hours.
    """

    timezone: str
    weekly: WeeklyText
    holidays: tuple[Holiday, ...] = ()
    exceptions: tuple[Holiday, ...] = ()
    country: str | None = Field(default=None, examples=["US"])
    subdivision: str | None = Field(default=None, examples=["CA"])
    public_holidays: Ranges = ()

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        advice = None if are_kept() and is_zone(name) else meant_zone(name)
        if advice is not None:
            raise InvalidValueError(f"{shown(name)} is not the time zone of a place: {advice}")
        return name

    @field_validator("holidays", "exceptions")
    @classmethod
    def _agree(cls, dates: tuple[Holiday, ...]) -> tuple[Holiday, ...]:
        # What agrees so far may be judged by its longest-lasting entry alone.
        longest: Holiday | None = None
        for item in sorted(dates, key=lambda item: item.date):
            if longest is None or item.date > longest.last_date:
                longest = item
                continue
            if (item.closed, item.ranges) != (longest.closed, longest.ranges):
                raise InvalidValueError(f"{item.date} is given twice, with different hours")
            if item.last_date > longest.last_date:
                longest = item
        return dates

    @field_validator("country")
    @classmethod
    def _upper(cls, code: str | None) -> str | None:
        return None if code is None else code.strip().upper()

    @model_validator(mode="after")
    def _has_calendar(self) -> Self:
        if self.country is None:
            if self.subdivision is not None:
                raise InvalidValueError(
                    f"subdivision {shown(self.subdivision)} needs a country, such as US"
                )
            if self.public_holidays:
                raise InvalidValueError("hours of public holidays need a country, such as US")
            return self
        import holidays as calendars  # 60 ms, and needless without a country

        try:
            calendars.country_holidays(self.country, subdiv=self.subdivision)
        except NotImplementedError as error:
            place = "-".join(filter(None, (self.country, self.subdivision)))
            raise InvalidValueError(
                f"there is no public holiday calendar for {shown(place)}: give an ISO 3166 "
                "country such as US and, if any, its subdivision such as CA"
            ) from error
        return self

    @classmethod
    def parse(cls, text: str, *, timezone: str, country: str | None = None) -> BusinessHours:
        """Read all hours of a location from one text, as the module's docstring describes it.

        Args:
            text: such as ``Mo-Fr 08:00-18:00; Sa 09:00-12:00; PH off``.
            timezone: IANA name.
            country: whose public holidays ``PH`` means, where the text does not say it.

        ``str()`` of the hours gives such a text back.

        Raises:
            InvalidValueError: a piece cannot be read, or there is no ordinary week; the message
                shows the piece.
        """
        return cls(timezone=timezone, **read_pieces(text, country))

    def __str__(self) -> str:
        pieces = [format_weekly(self.weekly)]
        if self.public_holidays:
            pieces = [pieces[0] if any(self.weekly) else "daily closed"]
            pieces.append(" ".join(("PH", *map(str, self.public_holidays))))
        if self.country is not None:
            pieces.append(f"holidays {'-'.join(filter(None, (self.country, self.subdivision)))}")
        pieces += map(str, self.holidays)
        pieces += (f"except {item}" for item in self.exceptions)
        return "; ".join(pieces)


_PIECE: Final = re.compile(r'(?:[^;\n"]|"(?:[^"\\]|\\.)*"|")+')
_NAME: Final = re.compile(r'"(?:[^"\\]|\\.)*"\s*$')
_CALENDAR: Final = re.compile(
    r"(?:public\s+)?holidays?\s*:?\s+([a-z]{2,})(?:\s*[-/]\s*(\S.*))?", re.ASCII | re.IGNORECASE
)
_DATES: Final = re.compile(
    r"(?P<once>except(?:ion)?:?\s+)?(?P<first>\d{4}-\d\d-\d\d)(?:-(?P<last>\d{4}-\d\d-\d\d))?"
    r"(?![\d-])[:\s]*(?P<hours>.*)",
    re.ASCII | re.DOTALL,
)


def read_pieces(text: str, country: str | None) -> dict[str, Any]:
    """Return the fields of `BusinessHours`, except the time zone."""
    if len(text) > _MAX_HOURS_LENGTH:
        raise InvalidValueError(
            f"business hours {shown(text)}: longer than {_MAX_HOURS_LENGTH} characters"
        )
    weekly: list[str] = []
    fields: dict[str, Any] = {"holidays": [], "exceptions": []}
    for piece in filter(None, map(str.strip, _PIECE.findall(text))):
        if len(piece) > MAX_TEXT_LENGTH:
            raise InvalidValueError(
                f"business hours {shown(piece)}: longer than {MAX_TEXT_LENGTH} characters"
            )
        calendar = _CALENDAR.fullmatch(piece)
        if calendar is not None and not says_closed(calendar[1]):
            if "country" in fields:
                raise InvalidValueError(f"{shown(piece)} is the second country: give one")
            fields["country"], fields["subdivision"] = calendar.groups()
            continue
        name = _NAME.search(piece)
        dates = _DATES.fullmatch(
            plain_text(piece if name is None else piece[: name.start()]).strip()
        )
        if dates is None:
            weekly.append(piece)
            continue
        which = "holidays" if dates["once"] is None else "exceptions"
        try:
            fields[which].append(_read_dates(dates, "" if name is None else name[0]))
        except ValueError as error:
            raise InvalidValueError(f"{shown(piece)}: {_plainly(error)}") from error
    if not weekly:
        raise InvalidValueError(
            f"{shown(text)} does not say the ordinary week: write it as in "
            "'Mon-Fri 09:00-17:00', or 24/7, or closed"
        )
    fields["weekly"], public = read_week("; ".join(weekly))
    if public is None or ("country" not in fields and is_as_every_day(fields["weekly"], public)):
        return fields
    fields["public_holidays"] = public
    if "country" not in fields:
        if country is None:
            raise InvalidValueError(
                f"{shown(text)}: whose public holidays are meant by PH is not said: write "
                "'holidays DE' for those of Germany, or US-CA for those of a state"
            )
        fields["country"], fields["subdivision"] = country, None
    return fields


def _read_dates(dates: re.Match[str], name: str) -> Holiday:
    """Read one or more dates with special hours."""
    said = dates["hours"]
    fields: dict[str, Any] = {
        "date": dates["first"],
        "end_date": dates["last"],
        "name": json.loads(name) if name else "",
    }
    if said in ("as usual", "usual", "open", "open as usual"):
        return Holiday(**fields, closed=False)
    if said in ("closed", "off"):
        return Holiday(**fields)
    is_24_hour = shows_24_hour(said)
    ranges = []
    for token in tokens_of(said):
        if token.lastgroup not in ("range", "all_day"):
            raise InvalidValueError(f"cannot read {shown(token[0])}: write hours, or closed")
        is_range = token.lastgroup == "range"
        ranges.append(read_range(token, is_24_hour=is_24_hour) if is_range else ALL_DAY)
    if not ranges:
        raise InvalidValueError("has no hours: write hours after it, or closed, or as usual")
    return Holiday(**fields, ranges=ranges)


def _plainly(error: ValueError) -> str:
    """Return an error's message without the name of the invalid value."""
    if isinstance(error, InvalidValueError):
        return "; ".join(str(problem) for problem in error.problems)
    return 'its name is not written as "name"'
