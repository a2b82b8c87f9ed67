"""Read times of a day as people write them: one range, in the 12- or 24-hour clock."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Annotated, Final, NamedTuple, TypeAlias

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from routing_engine.errors import InvalidValueError
from routing_engine.validation import shown

__all__ = [
    "ALL_DAY",
    "DAY_MINUTES",
    "MAX_TEXT_LENGTH",
    "RANGE",
    "Ranges",
    "TimeRange",
    "as_ranges",
    "plain_text",
    "read_range",
    "shows_24_hour",
]

DAY_MINUTES: Final = 24 * 60
MAX_TEXT_LENGTH: Final = 1000


@dataclass(frozen=True, slots=True, order=True)
class TimeRange:
    """Opening hours within one day, in minutes of local time; the end is exclusive.

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
        if not 0 <= start < DAY_MINUTES:
            raise InvalidValueError(f"start_minute is {start}: give 0 to {DAY_MINUTES - 1}")
        if not start < end or (end - start >= DAY_MINUTES and (start, end) != (0, DAY_MINUTES)):
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
        if len(text) > MAX_TEXT_LENGTH:
            raise InvalidValueError(f"{shown(text)} is too long to be a time range")
        plain = plain_text(text).strip()
        match = RANGE.fullmatch(plain)
        if match is None:
            raise InvalidValueError(
                f"{shown(text)} is not a time range: write 09:00-17:00 or 9am-5pm"
            )
        return read_range(match, is_24_hour=shows_24_hour(plain))

    def __str__(self) -> str:
        is_next_day = self.end_minute > DAY_MINUTES
        return f"{_clock(self.start_minute)}-{_clock(self.end_minute - DAY_MINUTES * is_next_day)}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


ALL_DAY: Final = TimeRange(0, DAY_MINUTES)


def _as_range(value: object) -> TimeRange:
    if isinstance(value, TimeRange):
        return value
    if isinstance(value, str):
        return TimeRange.parse(value)
    raise InvalidValueError(f"{shown(value)} is not a time range: write '09:00-17:00'")


def as_ranges(value: object) -> tuple[TimeRange, ...]:
    """Convert the ranges of one day, in order of start; refuse an overlap."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidValueError(
            f"{shown(value)} is not a list of time ranges: write ['09:00-17:00']"
        )
    ranges = tuple(sorted(_as_range(item) for item in value))
    for earlier, later in pairwise(ranges):
        if later.start_minute < earlier.end_minute:
            raise InvalidValueError(f"{earlier} and {later} overlap")
    return ranges


def range_texts(ranges: tuple[TimeRange, ...]) -> list[str]:
    """Return each range as text."""
    return [str(item) for item in ranges]


Ranges: TypeAlias = Annotated[
    tuple[TimeRange, ...],
    PlainValidator(as_ranges),
    PlainSerializer(range_texts, return_type=list[str]),
    WithJsonSchema(
        {"type": "array", "items": {"type": "string"}, "examples": [["08:00-12:00", "22:00-02:00"]]}
    ),
]


_SIDES: Final = ("start", "end")
_DASH: Final = r"[-\u2010-\u2015\u2212~\u301c\u2192]"
_ENGLISH_TO: Final = "to|thru|through|until|till?"
_TIME: Final = (
    r"(?:(?P<{0}_word>noon|midnight|midday)(?![a-z])"
    r"|(?:(?P<{0}_hhmm>\d{{4}})|(?P<{0}_hour>\d{{1,2}})"
    # "12h 14h" are two times, and "12h 14" is one.
    r"(?:(?:[:.]|\s?(?P<{0}_hour_word>[h時点])\s?(?=\d\d(?!\s?[h:])))(?P<{0}_minute>\d\d)(?!\d)(?::00)?分?"
    r"|\s?[h時点])?)"
    r"(?!\d)(?:\s?(?P<{0}_half>[ap])\.?\s?m(?![a-z])\.?)?"
    r"(?:\s?(?P<{0}_clock>uhr|uur|hrs?|hs|h|hod|godz|ч|u)(?!\w)\.?)?)"
)
RANGE: Final = re.compile(
    _TIME.format("start") + "-" + _TIME.format("end") + r"(?![A-Za-z0-9_:])", re.ASCII
)


def plain_text(text: str, to: str = _ENGLISH_TO, *, has_spaces: bool = True) -> str:
    """Normalise full-width and no-break characters, case and dashes.

    Args:
        text: any.
        to: words that stand for a dash between the ends of a range, separated by ``|``.
        has_spaces: whether words are written apart.
    """
    # No run of blanks is left, which patterns would try again and again from each of its places.
    single = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if not single.isascii():
        single = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in single)
    return _dashes(to, has_spaces).sub("-", single)


@cache
def _dashes(to: str, has_spaces: bool) -> re.Pattern[str]:
    if not to:
        return re.compile(rf"\s*{_DASH}+\s*")
    # "9 a m" is a time of the morning, whatever "a" means elsewhere.
    words = rf"\s+(?:{to})(?!\s?m\b)\s+" if has_spaces else rf"\s*(?:{to})\s*"
    return re.compile(rf"\s*{_DASH}+\s*|{words}")


def shows_24_hour(plain: str) -> bool:
    """Whether a time in the text is past 12:59, which means the 24-hour clock."""
    times = (_read_time(match, side) for match in RANGE.finditer(plain) for side in _SIDES)
    return any(
        time.half is None and (time.minute >= 13 * 60 or time.says_24_hour) for time in times
    )


class _Time(NamedTuple):
    """A time as written; `minute` reads it by its am or pm, or else in the 24-hour clock."""

    minute: int
    half: str | None
    is_sure: bool  # it can be read in one way only
    is_zero_led: bool
    has_minute: bool = False
    says_24_hour: bool = False


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
        return _Time(
            n_hours % 12 * 60 + n_minutes + 720 * (half == "p"),
            half,
            True,
            False,
            minute is not None,
        )
    is_zero_led = hour.startswith("0")
    is_sure = is_zero_led or n_hours > 12 or (len(hour) == 2 and minute is not None)
    # "9h" and "9 Uhr" are of the 24-hour clock.
    clock = match[f"{side}_hour_word"] or match[f"{side}_clock"]
    return _Time(
        n_hours * 60 + n_minutes, None, is_sure, is_zero_led, minute is not None, clock is not None
    )


def read_range(match: re.Match[str], *, is_24_hour: bool) -> TimeRange:
    """Read one range; `is_24_hour` says that the text around it uses the 24-hour clock."""
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
    if start_minute == DAY_MINUTES:
        raise InvalidValueError(f"{shown(match[0])} begins at 24:00: write 00:00, of the next day")
    return TimeRange(start_minute, end_minute + DAY_MINUTES * (end_minute < start_minute))


def _readings(start: _Time, end: _Time, *, is_24_hour: bool) -> Iterator[tuple[int, int]]:
    """Return what a range can mean, in minutes; an end before its start is on the next day."""
    if start.half is None and end.half is None:
        is_in_order = start.minute < end.minute
        # "9-13, 2-6" is no night: before six, an hour alone may be one of the afternoon.
        is_early = 60 <= start.minute < 6 * 60
        is_shown = start.is_zero_led or (not is_early and (is_24_hour or end.is_zero_led))
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
    if not is_sure and start.has_minute and end.has_minute:
        # "1:00 - 5:00 PM": with minutes, one am or pm is for both, if that is in order.
        half = 720 * ((start.half or end.half) == "p")
        both = start.minute % 720 + half, end.minute % 720 + half
        if both[0] < both[1]:
            yield both
            return
    for start_minute in starts:
        for minute in ends:
            end_minute = minute or DAY_MINUTES
            if start_minute < end_minute:
                yield start_minute, end_minute
            elif is_sure:
                yield start_minute, minute


def _halves(time: _Time, other: _Time) -> list[int]:
    """Return the minutes a time can mean: two if only the other end says am or pm."""
    is_plain = time.half is not None or time.is_zero_led or time.minute >= 13 * 60
    if is_plain or other.half is None:
        return [time.minute]
    return [time.minute % 720, time.minute % 720 + 720]
