"""Tell whether a location is open at an instant, and when that changes.

Everything here is pure. No function reads a clock: the instant comes in as an aware
`datetime`, and equal arguments give equal answers.

The docstring of :mod:`routing_engine.hours.model` says which hours hold on a date.
"""

from __future__ import annotations

import datetime as dt
import weakref
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from routing_engine.errors import InvalidValueError
from routing_engine.hours.model import BusinessHours
from routing_engine.hours.ranges import TimeRange

__all__ = ["HORIZON_DAYS", "is_open", "moment_of", "next_closing", "next_opening"]

HORIZON_DAYS: Final = 400
"""How far ahead `next_opening` and `next_closing` look, in days of 24 hours."""

_DAY_S: Final = 24 * 60 * 60
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_ORDINAL: Final = _EPOCH.toordinal()
_NOW: Final = dt.datetime.min.replace(tzinfo=dt.UTC)
"""Marks "the instant that was asked about"."""


def is_open(hours: BusinessHours, at: dt.datetime) -> bool:
    """Whether a location is open at an instant.

    Args:
        hours: The location's hours.
        at: Any aware datetime, in any zone.

    Raises:
        InvalidValueError: `at` is naive, or outside the years 2 to 9997.
    """
    return _timetable(hours).is_open(_timestamp(at))


def next_opening(hours: BusinessHours, at: dt.datetime) -> dt.datetime | None:
    """Return the first instant, at or after `at`, at which a location is open.

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
    """Return the first instant, at or after `at`, at which a location is closed.

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
    """Return a given moment, checked, or the present one.

    Raises:
        InvalidValueError: it is not an aware datetime.
    """
    if now is None:
        return dt.datetime.now(dt.UTC)
    if not isinstance(now, dt.datetime) or now.utcoffset() is None:
        raise InvalidValueError("a moment is a datetime with a time zone")
    return now


def _timestamp(at: dt.datetime) -> float:
    """Return POSIX seconds; a double is exact to the microsecond until the year 2242."""
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
        self._public = hours.public_holidays
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
        """Return the next opening, `_NOW` if open now; cached until it comes."""
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
        """Yield openings in order, merged where they touch, for `HORIZON_DAYS` from `now_s`."""
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
        """Return alternating starts and ends, valid for any instant of one UTC day."""
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
                return self._public
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
