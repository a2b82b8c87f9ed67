"""Business hours: is a location open at this instant, and when does that change?

Everything here is pure. No function reads a clock: the instant comes in as an aware
`datetime`, and equal arguments give equal answers.

What the hours of a date are, the first that applies:

1. `BusinessHours.exceptions`, the one-off dates;
2. `BusinessHours.holidays`, by date;
3. the public holidays of `BusinessHours.country`, all closed;
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
"""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
import weakref
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, Final, NamedTuple, Self, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import (
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from routing_engine.errors import InvalidValueError
from routing_engine.validation import Value, shown

__all__ = [
    "HORIZON_DAYS",
    "BusinessHours",
    "Holiday",
    "TimeRange",
    "Weekly",
    "format_weekly",
    "is_open",
    "is_zone",
    "moment_of",
    "next_closing",
    "next_opening",
    "parse_weekly",
]

HORIZON_DAYS: Final = 400
"""How far `next_opening` and `next_closing` look, in days of 24 hours."""

_DAY_MINUTES: Final = 24 * 60
_DAY_S: Final = 24 * 60 * 60
_DAY_NAMES: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MAX_TEXT_LENGTH: Final = 1000
_MAX_HOURS_LENGTH: Final = 32_767  # what a workbook's cell can hold
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_ORDINAL: Final = _EPOCH.toordinal()
_NOW: Final = dt.datetime.min.replace(tzinfo=dt.UTC)
"""Stands for the instant that was asked about."""


@dataclass(frozen=True, slots=True, order=True)
class TimeRange:
    """One opening of one day, in minutes of the wall clock; the end is not part of it.

    `str()` gives ``09:00-17:00``, and `TimeRange.parse` reads it back.

    Attributes:
        start_minute: Minutes after midnight, 0 to 1439.
        end_minute: Minutes after the same midnight, greater than `start_minute`; 1440 is the end
            of the day, and more than that is the next day: 22:00-02:00 is 1320 to 1560. A range
            is shorter than 24 hours, except 00:00-24:00.

    Raises:
        InvalidValueError: the minutes do not make such a range.
    """

    start_minute: int
    end_minute: int

    def __post_init__(self) -> None:
        start, end = self.start_minute, self.end_minute
        if not 0 <= start < _DAY_MINUTES:
            raise InvalidValueError(f"start_minute is {start}: give 0 to {_DAY_MINUTES - 1}")
        if not start < end or (end - start >= _DAY_MINUTES and (start, end) != (0, _DAY_MINUTES)):
            raise InvalidValueError(
                f"end_minute is {end}: give more than start_minute ({start}) and less than a day "
                "later (the whole day is 0 to 1440)"
            )

    @classmethod
    def parse(cls, text: str) -> TimeRange:
        """Read one range, as `parse_weekly` does: ``09:00-17:00``, ``9am-5pm``, ``22:00-02:00``.

        Raises:
            InvalidValueError: the text is not one range.
        """
        if len(text) > _MAX_TEXT_LENGTH:
            raise InvalidValueError(f"{shown(text)} is too long to be a time range")
        plain = _plain(text).strip()
        match = _RANGE.fullmatch(plain)
        if match is None:
            raise InvalidValueError(
                f"{shown(text)} is not a time range: write 09:00-17:00 or 9am-5pm"
            )
        return _read_range(match, is_24_hour=_shows_24_hour(plain))

    def __str__(self) -> str:
        is_next_day = self.end_minute > _DAY_MINUTES
        return f"{_clock(self.start_minute)}-{_clock(self.end_minute - _DAY_MINUTES * is_next_day)}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


Weekly: TypeAlias = tuple[tuple[TimeRange, ...], ...]
"""Seven days, Monday first (so that `date.weekday()` is the index), each its ranges in order."""


def _as_range(value: object) -> TimeRange:
    if isinstance(value, TimeRange):
        return value
    if isinstance(value, str):
        return TimeRange.parse(value)
    raise InvalidValueError(f"{shown(value)} is not a time range: write '09:00-17:00'")


def _as_ranges(value: object) -> tuple[TimeRange, ...]:
    """One day's ranges, in order of start; refuses an overlap."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidValueError(
            f"{shown(value)} is not a list of time ranges: write ['09:00-17:00']"
        )
    ranges = tuple(sorted(_as_range(item) for item in value))
    for earlier, later in pairwise(ranges):
        if later.start_minute < earlier.end_minute:
            raise InvalidValueError(f"{earlier} and {later} overlap")
    return ranges


def _as_weekly(value: object) -> Weekly:
    if isinstance(value, str):
        return parse_weekly(value)
    if not isinstance(value, Sequence) or len(value) != len(_DAY_NAMES):
        raise InvalidValueError(
            f"{shown(value)} is not a week: write 'Mon-Fri 09:00-17:00', or give seven lists of "
            "ranges, Monday first"
        )
    days = []
    for name, ranges in zip(_DAY_NAMES, value, strict=True):
        try:
            days.append(_as_ranges(ranges))
        except InvalidValueError as error:
            raise InvalidValueError(f"{name}: {error}") from error
    return tuple(days)


def _range_texts(ranges: tuple[TimeRange, ...]) -> list[str]:
    return [str(item) for item in ranges]


def _weekly_text(weekly: Weekly) -> str:
    return format_weekly(weekly)


_Ranges: TypeAlias = Annotated[
    tuple[TimeRange, ...],
    PlainValidator(_as_ranges),
    PlainSerializer(_range_texts, return_type=list[str]),
    WithJsonSchema(
        {"type": "array", "items": {"type": "string"}, "examples": [["08:00-12:00", "22:00-02:00"]]}
    ),
]
_WeeklyText: TypeAlias = Annotated[
    Weekly,
    PlainValidator(_as_weekly),
    PlainSerializer(_weekly_text, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["Mon-Fri 09:00-17:00; Sat 10:00-14:00"]}),
]


class Holiday(Value):
    """A date, or several in a row, with hours of its own.

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
    ranges: _Ranges = ()

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
        """The last date it covers."""
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
        timezone: IANA name, such as ``America/New_York``.
        weekly: The ordinary week; see `parse_weekly`. Also accepted, and dumped, as its text.
        holidays: Dates with hours of their own.
        exceptions: One-off dates that override everything, holidays too.
        country: ISO 3166 code, such as ``US``: its public holidays are closed, on the observed
            dates too. `None` for no calendar.
        subdivision: State or province of `country`, such as ``CA``, for its own public holidays.

    Raises:
        InvalidValueError: a field is wrong; or two `holidays`, or two `exceptions`, give one date
            different hours.
    """

    timezone: str
    weekly: _WeeklyText
    holidays: tuple[Holiday, ...] = ()
    exceptions: tuple[Holiday, ...] = ()
    country: str | None = Field(default=None, examples=["US"])
    subdivision: str | None = Field(default=None, examples=["CA"])

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        if not is_zone(name):
            raise InvalidValueError(
                f"{shown(name)} is not a time zone: give an IANA name such as America/New_York"
            )
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
    def parse(cls, text: str, *, timezone: str) -> BusinessHours:
        """Read all hours of a location from one text, as the module's docstring describes it.

        ``str()`` of the hours gives such a text back.

        Raises:
            InvalidValueError: a piece cannot be read, or there is no ordinary week; the message
                shows the piece.
        """
        return cls(timezone=timezone, **_read_hours(text))

    def __str__(self) -> str:
        pieces = [format_weekly(self.weekly)]
        if self.country is not None:
            pieces.append(f"holidays {'-'.join(filter(None, (self.country, self.subdivision)))}")
        pieces += map(str, self.holidays)
        pieces += (f"except {item}" for item in self.exceptions)
        return "; ".join(pieces)


def is_zone(name: str) -> bool:
    """Whether this is the name of a time zone, the same on every machine."""
    # These lie beside the zones, but are this machine's own zone, or count leap seconds.
    if name in ("localtime", "posixrules", "Factory") or name.startswith(("posix/", "right/")):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def is_open(hours: BusinessHours, at: dt.datetime) -> bool:
    """Whether the location is open at this instant.

    Args:
        hours: The location's hours.
        at: Any aware datetime, in any zone.

    Raises:
        InvalidValueError: `at` is naive, or outside the years 2 to 9997.
    """
    return _timetable(hours).is_open(_timestamp(at))


def next_opening(hours: BusinessHours, at: dt.datetime) -> dt.datetime | None:
    """The first instant, at or after `at`, at which the location is open.

    Returns:
        In the location's zone; `at` itself if it is open then; `None` if it does not open within
        `HORIZON_DAYS`.

    Raises:
        InvalidValueError: `at` is naive, or outside the years 2 to 9997.
    """
    timetable, now_s = _timetable(hours), _timestamp(at)
    opening = timetable.next_opening(now_s)
    return at.astimezone(timetable.zone) if opening is _NOW else opening


def next_closing(hours: BusinessHours, at: dt.datetime) -> dt.datetime | None:
    """The first instant, at or after `at`, at which the location is closed.

    Returns:
        In the location's zone; `at` itself if it is closed then; `None` if it does not close
        within `HORIZON_DAYS`.

    Raises:
        InvalidValueError: `at` is naive, or outside the years 2 to 9997.
    """
    timetable, now_s = _timetable(hours), _timestamp(at)
    for start_s, end_s in timetable.openings(now_s):
        if start_s > now_s:
            break
        if end_s > now_s:
            is_near = end_s <= now_s + HORIZON_DAYS * _DAY_S
            return timetable.local(end_s) if is_near else None
    return at.astimezone(timetable.zone)


def moment_of(now: dt.datetime | None) -> dt.datetime:
    """A moment that was given, or the present one.

    Raises:
        InvalidValueError: it is not an aware datetime.
    """
    if now is None:
        return dt.datetime.now(dt.UTC)
    if not isinstance(now, dt.datetime) or now.utcoffset() is None:
        raise InvalidValueError("a moment is a datetime with a time zone")
    return now


def _timestamp(at: dt.datetime) -> float:
    """POSIX seconds; a double holds them exactly to the microsecond until the year 2242."""
    if at.utcoffset() is None:
        raise InvalidValueError(f"{at} has no time zone: give an aware datetime")
    if not 2 <= at.year <= 9997:
        raise InvalidValueError(f"{at} is out of range: give a year from 2 to 9997")
    return at.timestamp()


class _Timetable:
    """Business hours compiled to instants, in POSIX seconds; safe to share between threads.

    `is_open` asks one dictionary and one bisection: an answer costs no time zone arithmetic once
    its UTC day is known.
    """

    _MAX_CACHED_DAYS = 64
    # A range reaches two dates on, and a zone lies up to a day from UTC: with one more for good
    # measure, what is open on a UTC day began on one of these dates.
    _DAYS_BACK, _DAYS_AHEAD = 4, 2

    def __init__(self, hours: BusinessHours) -> None:
        self.zone = ZoneInfo(hours.timezone)
        self._weekly = hours.weekly
        self._calendar = None if hours.country is None else (hours.country, hours.subdivision)
        # Exceptions first: the first that holds a date decides.
        self._dated = tuple(
            (
                item.date.toordinal(),
                item.last_date.toordinal(),
                item.ranges if item.closed or item.ranges else None,
            )
            for item in (*hours.exceptions, *hours.holidays)
        )
        self._changes_by_day: dict[int, tuple[int, ...]] = {}
        # Closed from the first instant until the second, which is the opening.
        self._closed: tuple[float, float, dt.datetime] = (0.0, 0.0, _EPOCH)

    def is_open(self, now_s: float) -> bool:
        day = int(now_s // _DAY_S)
        changes = self._changes_by_day.get(day)
        if changes is None:
            changes = self._changes(day)
            if len(self._changes_by_day) >= self._MAX_CACHED_DAYS:
                self._changes_by_day.clear()
            self._changes_by_day[day] = changes
        return bisect_right(changes, now_s) % 2 == 1

    def next_opening(self, now_s: float) -> dt.datetime | None:
        """The next opening, `_NOW` where it is open now; remembered until it comes."""
        since_s, until_s, opening = self._closed
        if since_s <= now_s < until_s:
            return opening
        for start_s, end_s in self.openings(now_s):
            if end_s > now_s:
                if start_s <= now_s:
                    return _NOW
                opening = self.local(start_s)
                self._closed = now_s, start_s, opening
                return opening
        return None

    def openings(self, now_s: float) -> Iterator[tuple[int, int]]:
        """Openings in order, none touching the next, from before `now_s` to `HORIZON_DAYS` on."""
        today = int(now_s // _DAY_S)
        horizon_s = now_s + HORIZON_DAYS * _DAY_S
        for start_s, end_s in self._merged(today, today + HORIZON_DAYS + 1):
            if start_s > horizon_s:
                return
            yield start_s, end_s

    def local(self, instant_s: int) -> dt.datetime:
        # Not fromtimestamp, which Windows refuses before 1970.
        return (_EPOCH + dt.timedelta(seconds=instant_s)).astimezone(self.zone)

    def _changes(self, day: int) -> tuple[int, ...]:
        """Alternating starts and ends, right for any instant of one UTC day since the epoch."""
        return tuple(instant for opening in self._merged(day, day) for instant in opening)

    def _merged(self, first_day: int, last_day: int) -> Iterator[tuple[int, int]]:
        current: tuple[int, int] | None = None
        for day in range(first_day - self._DAYS_BACK, last_day + self._DAYS_AHEAD + 1):
            # Starts never run backwards from one range to the next, since the first occurrence
            # of a wall-clock time never does; ends may, where the clock is put back.
            for start_s, end_s in self._day(_EPOCH_ORDINAL + day):
                if current is None:
                    current = start_s, end_s
                elif start_s <= current[1]:
                    current = current[0], max(current[1], end_s)
                else:
                    yield current
                    current = start_s, end_s
        if current is not None:
            yield current

    def _day(self, ordinal: int) -> Iterator[tuple[int, int]]:
        ranges = self._ranges(ordinal)
        if ranges:
            midnight = dt.datetime.fromordinal(ordinal)
            for item in ranges:
                start_s = self._instant(midnight, item.start_minute, is_end=False)
                end_s = self._instant(midnight, item.end_minute, is_end=True)
                if start_s < end_s:
                    yield start_s, end_s

    def _ranges(self, ordinal: int) -> tuple[TimeRange, ...]:
        for first, last, ranges in self._dated:
            if first <= ordinal <= last:
                return self._ordinary(ordinal) if ranges is None else ranges
        if self._calendar is not None:
            date = dt.date.fromordinal(ordinal)
            if date in _public_holidays(*self._calendar, date.year):
                return ()
        return self._ordinary(ordinal)

    def _ordinary(self, ordinal: int) -> tuple[TimeRange, ...]:
        return self._weekly[(ordinal - 1) % 7]  # ordinal 1 is a Monday

    def _instant(self, midnight: dt.datetime, minute: int, *, is_end: bool) -> int:
        wall = (midnight + dt.timedelta(minutes=minute)).replace(tzinfo=self.zone)
        first_s = int(wall.timestamp())
        second_s = int(wall.replace(fold=1).timestamp())
        if first_s <= second_s:  # equal, unless the clock shows this time twice
            return second_s if is_end else first_s
        # The clock skips this time (PEP 495: then fold=1 is before the jump and fold=0 is not).
        before_s, after_s = second_s, first_s
        offset = self.local(before_s).utcoffset()
        while after_s - before_s > 1:
            middle_s = (before_s + after_s) // 2
            if self.local(middle_s).utcoffset() == offset:
                before_s = middle_s
            else:
                after_s = middle_s
        return after_s


# By identity, since hashing many holidays costs more than the answer. Equal hours share one
# timetable: a franchise of ten thousand locations has a few hundred distinct ones.
_timetables: dict[int, tuple[weakref.ref[BusinessHours], _Timetable]] = {}


def _timetable(hours: BusinessHours) -> _Timetable:
    key = id(hours)
    entry = _timetables.get(key)
    if entry is not None and entry[0]() is hours:
        return entry[1]
    timetable = _compiled(hours)

    def forget(_: object, timetables: dict[int, Any] = _timetables) -> None:
        timetables.pop(key, None)

    _timetables[key] = weakref.ref(hours, forget), timetable
    return timetable


@lru_cache(maxsize=4096)
def _compiled(hours: BusinessHours) -> _Timetable:
    return _Timetable(hours)


@lru_cache(maxsize=4096)
def _public_holidays(country: str, subdivision: str | None, year: int) -> frozenset[dt.date]:
    import holidays as calendars

    return frozenset(
        calendars.country_holidays(country, subdiv=subdivision, years=year, expand=False)
    )


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


def _read_hours(text: str) -> dict[str, Any]:
    """The fields of `BusinessHours` but the time zone."""
    if len(text) > _MAX_HOURS_LENGTH:
        raise InvalidValueError(
            f"business hours {shown(text)}: longer than {_MAX_HOURS_LENGTH} characters"
        )
    weekly: list[str] = []
    fields: dict[str, Any] = {"holidays": [], "exceptions": []}
    for piece in filter(None, map(str.strip, _PIECE.findall(text))):
        calendar = _CALENDAR.fullmatch(piece)
        if calendar is not None:
            if "country" in fields:
                raise InvalidValueError(f"{shown(piece)} is the second country: give one")
            fields["country"], fields["subdivision"] = calendar.groups()
            continue
        name = _NAME.search(piece)
        dates = _DATES.fullmatch(_plain(piece if name is None else piece[: name.start()]).strip())
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
    fields["weekly"] = parse_weekly("; ".join(weekly))
    return fields


def _read_dates(dates: re.Match[str], name: str) -> Holiday:
    """One or several dates with hours of their own."""
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
    is_24_hour = _shows_24_hour(said)
    ranges = []
    for token in _tokens(said):
        if token.lastgroup not in ("range", "all_day"):
            raise InvalidValueError(f"cannot read {shown(token[0])}: write hours, or closed")
        is_range = token.lastgroup == "range"
        ranges.append(_read_range(token, is_24_hour=is_24_hour) if is_range else _ALL_DAY)
    if not ranges:
        raise InvalidValueError("has no hours: write hours after it, or closed, or as usual")
    return Holiday(**fields, ranges=ranges)


def _plainly(error: ValueError) -> str:
    """An error's message without the name of the value that could not be made."""
    if isinstance(error, InvalidValueError):
        return "; ".join(str(problem) for problem in error.problems)
    return 'its name is not written as "name"'


_SIDES: Final = ("start", "end")
_DASHES: Final = re.compile(r"\s*[-\u2010-\u2015\u2212~]+\s*|\s+(?:to|thru|through|until|till?)\s+")
_TIME: Final = (
    r"(?:(?P<{0}_word>noon|midnight)\b"
    r"|(?:(?P<{0}_hhmm>\d{{4}})|(?P<{0}_hour>\d{{1,2}})(?:[:.](?P<{0}_minute>\d\d)(?::00)?)?)"
    r"(?!\d)(?:\s?(?P<{0}_half>[ap])\.?\s?m\b\.?)?)"
)
_RANGE: Final = re.compile(
    _TIME.format("start") + "-" + _TIME.format("end") + r"(?![\w:])", re.ASCII
)
_DAY: Final = (
    r"(?:m|mon?|mondays?|tu|tues?|tuesdays?|w|we|weds?|wednesdays?|th|thu|thurs?|thursdays?"
    r"|f|fri?|fridays?|sat?|saturdays?|sun?|sundays?)\b"
)
_TOKEN: Final = re.compile(
    r"(?P<blank>[\s,/&+:|]+|(?:and|on|from|open)\b)"
    r"|(?P<stop>;)"
    r"|(?P<all_day>24\s?[/x]\s?7\b|24\s?(?:hours|hrs|h) a day(?:, ?| )7 days a week\b"
    r"|24[\s-]?(?:h|hrs?|hours?)\b|all day\b|always\b)"
    r"|(?P<closed>(?:closed|off)\b)"
    r"|(?P<daily>(?:daily|every ?day|7 days a week)\b)"
    r"|(?P<weekdays>weekdays?\b)"
    r"|(?P<weekend>weekends?\b)"
    rf"|(?P<day>(?P<first>{_DAY})\.?(?:-(?P<last>{_DAY})\.?)?)"
    rf"|(?P<range>{_RANGE.pattern})",
    re.ASCII,
)
_WEEK: Final = tuple(range(7))
_GROUPS: Final = {"daily": _WEEK, "weekdays": _WEEK[:5], "weekend": _WEEK[5:]}
_ALL_DAY: Final = TimeRange(0, _DAY_MINUTES)


def parse_weekly(text: str) -> Weekly:
    """Read the ordinary week as people write it; a day that is not named is closed.

    Reads, whatever the case and the kind of dash: ``Mon-Fri 09:00-17:00; Sat 10:00-14:00``,
    ``Mon-Fri 9am-5pm, Sat 10am-2pm``, ``Mon, Wed 08:00-12:00 13:00-17:00``,
    ``daily 18:00-02:00, Sun closed``, ``weekdays 9 to 5pm``, ``Mon-Fri 24 hours``, ``24/7``,
    ``closed``. ``closed`` takes a day out of what was said before it. Nothing is guessed:
    ``9-5`` and ``1:00-5:00`` are refused, because they do not say morning or afternoon.

    Returns:
        Seven days, Monday first, each its ranges in order.

    Raises:
        InvalidValueError: a piece cannot be read, a day has no hours, hours have no day, or two
            ranges of a day overlap; the message shows the piece.
    """
    if len(text) > _MAX_TEXT_LENGTH:
        raise InvalidValueError(
            f"business hours {shown(text)}: longer than {_MAX_TEXT_LENGTH} characters"
        )
    try:
        return _read_weekly(_plain(text))
    except InvalidValueError as error:
        raise InvalidValueError(f"business hours {shown(text)}: {error}") from error


def format_weekly(weekly: Weekly) -> str:
    """Write a week so that `parse_weekly` reads the same week back.

    Returns:
        For example ``Mon-Wed, Fri 08:00-12:00 13:00-17:00; Sat 22:00-02:00``, ``24/7`` or
        ``closed``; days with the same hours stand together, and closed days are left out.

    Raises:
        InvalidValueError: not seven days, or two ranges of a day overlap.
    """
    days_by_ranges: dict[tuple[TimeRange, ...], list[int]] = {}
    for day, ranges in enumerate(_as_weekly(weekly)):
        if ranges:
            days_by_ranges.setdefault(ranges, []).append(day)
    if not days_by_ranges:
        return "closed"
    if days_by_ranges == {(_ALL_DAY,): list(_WEEK)}:
        return "24/7"
    return "; ".join(
        " ".join([_name_days(days), *map(str, ranges)]) for ranges, days in days_by_ranges.items()
    )


def _name_days(days: Sequence[int]) -> str:
    """``Mon-Wed, Fri`` for 0, 1, 2, 4."""
    if tuple(days) == _WEEK:
        return "daily"
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(
        _DAY_NAMES[run[0]] if len(run) == 1 else f"{_DAY_NAMES[run[0]]}-{_DAY_NAMES[run[-1]]}"
        for run in runs
    )


def _plain(text: str) -> str:
    """Full-width and no-break characters, case and dashes made ordinary."""
    return _DASHES.sub("-", unicodedata.normalize("NFKC", text).casefold())


def _read_weekly(plain: str) -> Weekly:
    week: list[list[TimeRange]] = [[] for _ in _WEEK]
    shut: set[int] = set()
    clauses = list(_clauses(_tokens(plain), is_24_hour=_shows_24_hour(plain)))
    for days, ranges in clauses:
        if not days and len(clauses) > 1:
            raise InvalidValueError("'closed' has no day: write it as in 'Sun closed'")
        for day in days:
            if ranges and day in shut:
                raise InvalidValueError(f"{_DAY_NAMES[day]} is closed, and then has hours")
            if not ranges:
                shut.add(day)
                week[day].clear()
            week[day].extend(ranges)
    if not clauses:
        raise InvalidValueError("nothing is said: write hours, or closed")
    return _as_weekly(week)


def _tokens(plain: str) -> list[re.Match[str]]:
    """What the text says, in order, without the blanks."""
    tokens = []
    position = 0
    while position < len(plain):
        token = _TOKEN.match(plain, position)
        if token is None:
            piece = re.split(r"[,;\n]", plain[position:], maxsplit=1)[0].strip()
            raise InvalidValueError(
                f"cannot read {shown(piece)}: write it as in 'Mon-Fri 09:00-17:00, Sat 10am-2pm'"
            )
        if token.lastgroup != "blank":
            tokens.append(token)
        position = token.end()
    return tokens


def _clauses(
    tokens: Sequence[re.Match[str]], *, is_24_hour: bool
) -> Iterator[tuple[list[int], list[TimeRange]]]:
    """Days and their ranges, clause by clause; no ranges is closed.

    ``closed`` with no day, which is the whole text or wrong, comes as no days and no ranges.
    """
    kinds = [*(token.lastgroup for token in tokens), "end"]
    at = 0
    while at < len(tokens):
        if kinds[at] == "stop":
            at += 1
            continue
        begin = at
        is_closed = kinds[at] == "closed"
        at += is_closed
        days: list[int] = []
        while kinds[at] in ("day", *_GROUPS):
            days.extend(_read_days(tokens[at]))
            at += 1
        if not is_closed and days and kinds[at] == "closed":
            is_closed = True
            at += 1
        if is_closed:
            yield days, []
            continue
        named = " ".join(token[0] for token in tokens[begin:at])
        ranges: list[TimeRange] = []
        while kinds[at] in ("range", "all_day"):
            is_all_day = kinds[at] == "all_day"
            ranges.append(
                _ALL_DAY if is_all_day else _read_range(tokens[at], is_24_hour=is_24_hour)
            )
            at += 1
        if not ranges:
            raise InvalidValueError(f"{named!r} has no hours: write hours after it, or closed")
        if not days and kinds[begin] != "all_day":
            raise InvalidValueError(
                f"{shown(tokens[begin][0])} has no day: write it as in 'daily 9am-5pm'"
            )
        yield days or list(_WEEK), ranges


def _read_days(token: re.Match[str]) -> Sequence[int]:
    group = _GROUPS.get(token.lastgroup or "")
    if group is not None:
        return group
    first = _day_number(token["first"])
    last = first if token["last"] is None else _day_number(token["last"])
    return [(first + step) % 7 for step in range((last - first) % 7 + 1)]


def _day_number(name: str) -> int:
    return next(
        day for day, known in enumerate(_DAY_NAMES) if known.casefold().startswith(name[:2])
    )


def _shows_24_hour(plain: str) -> bool:
    """Whether some time in the text is past 12:59, so that the text is in the 24-hour clock."""
    times = (_read_time(match, side) for match in _RANGE.finditer(plain) for side in _SIDES)
    return any(time.half is None and time.minute >= 13 * 60 for time in times)


class _Time(NamedTuple):
    """A time as written: `minute` reads it literally, by `half` or else the 24-hour clock."""

    minute: int
    half: str | None
    is_sure: bool  # it can be read in one way only
    is_zero_led: bool


def _read_time(match: re.Match[str], side: str) -> _Time:
    word, half = match[f"{side}_word"], match[f"{side}_half"]
    if word is not None:
        return _Time(720, "p", True, False) if word == "noon" else _Time(0, "a", True, False)
    hhmm = match[f"{side}_hhmm"]
    hour = match[f"{side}_hour"] if hhmm is None else hhmm[:2]
    minute = match[f"{side}_minute"] if hhmm is None else hhmm[2:]
    n_hours, n_minutes = int(hour), int(minute or 0)
    is_time = n_minutes < 60 and (n_hours < 24 or (n_hours, n_minutes) == (24, 0))
    if not is_time or (half is not None and not 1 <= n_hours <= 12):
        raise InvalidValueError(f"{shown(match[0])} holds a time that does not exist")
    if half is not None:
        return _Time(n_hours % 12 * 60 + n_minutes + 720 * (half == "p"), half, True, False)
    is_zero_led = hour.startswith("0")
    is_sure = is_zero_led or n_hours > 12 or (len(hour) == 2 and minute is not None)
    return _Time(n_hours * 60 + n_minutes, None, is_sure, is_zero_led)


def _read_range(match: re.Match[str], *, is_24_hour: bool) -> TimeRange:
    """One range; `is_24_hour` says that the text around it is in the 24-hour clock."""
    start, end = (_read_time(match, side) for side in _SIDES)
    readings = list(_readings(start, end, is_24_hour=is_24_hour))
    if len(readings) != 1:
        raise InvalidValueError(
            f"{shown(match[0])} does not say morning or afternoon: write 9am-5pm or 09:00-17:00"
        )
    start_minute, end_minute = readings[0]
    if start_minute == end_minute:
        raise InvalidValueError(
            f"{shown(match[0])} begins and ends at one time: write 00:00-24:00 for the whole day"
        )
    if start_minute == _DAY_MINUTES:
        raise InvalidValueError(f"{shown(match[0])} begins at 24:00: write 00:00, of the next day")
    return TimeRange(start_minute, end_minute + _DAY_MINUTES * (end_minute < start_minute))


def _readings(start: _Time, end: _Time, *, is_24_hour: bool) -> Iterator[tuple[int, int]]:
    """What the range can mean, in minutes; an end before its start is on the next day."""
    if start.half is None and end.half is None:
        is_in_order = start.minute < end.minute
        is_shown = is_24_hour or start.is_zero_led or end.is_zero_led
        if (
            (start.is_sure and end.is_sure)
            or start.minute >= 13 * 60
            or (is_in_order and (is_shown or end.minute >= 13 * 60))
        ):
            yield start.minute, end.minute
        return
    # One side has am or pm. "9-5pm" can only be the morning; "8-11pm" can be either.
    starts, ends = _halves(start, end), _halves(end, start)
    is_sure = len(starts) == len(ends) == 1
    for start_minute in starts:
        for minute in ends:
            end_minute = minute or _DAY_MINUTES
            if start_minute < end_minute:
                yield start_minute, end_minute
            elif is_sure:
                yield start_minute, minute


def _halves(time: _Time, other: _Time) -> list[int]:
    """A time's minute; both, where am or pm is said only of the other side of the range."""
    is_plain = time.half is not None or time.is_zero_led or time.minute >= 13 * 60
    if is_plain or other.half is None:
        return [time.minute]
    return [time.minute % 720, time.minute % 720 + 720]
