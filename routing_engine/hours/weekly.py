"""Read and write the ordinary week as people write it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Annotated, Final, TypeAlias

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from routing_engine.errors import InvalidValueError
from routing_engine.hours.languages import LANGUAGES, Language, with_public_holidays
from routing_engine.hours.ranges import (
    ALL_DAY,
    DAY_MINUTES,
    MAX_TEXT_LENGTH,
    RANGE,
    TimeRange,
    as_ranges,
    plain_text,
    read_range,
    shows_24_hour,
)
from routing_engine.validation import shown

__all__ = [
    "Weekly",
    "WeeklyText",
    "as_weekly",
    "days_named",
    "format_weekly",
    "parse_weekly",
    "tokens_of",
]

_ENDS: Final = ("first", "last")
_DAY_NAMES: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_PUBLIC: Final = 7
"""Stands among the days for public holidays."""
_NAMES: Final = (*_DAY_NAMES, "PH")

Weekly: TypeAlias = tuple[tuple[TimeRange, ...], ...]
"""Ranges of seven days, Monday first, so that `date.weekday()` is the index."""


def as_weekly(value: object) -> Weekly:
    """Convert a text, or seven lists of ranges, Monday first, to a week."""
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
            days.append(as_ranges(ranges))
        except InvalidValueError as error:
            raise InvalidValueError(f"{name}: {error}") from error
    return tuple(days)


_UNREAD: Final = (
    (re.compile(r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b"), "months"),
    (re.compile(r"\bsh\b"), "school holidays (SH)"),
    (re.compile(r"\bweek\b"), "weeks of the year"),
    (re.compile(r"\beaster\b"), "Easter"),
    (re.compile(r"\b(?:sunrise|sunset|dawn|dusk)\b"), "sunrise and sunset"),
    (re.compile(r"[a-z]\s*\[-?\d"), "days of the month, such as the first Monday,"),
    (re.compile(r"\|\|"), "fallbacks (||)"),
    (re.compile(r"\d\+"), "open ends (+)"),
    (re.compile(r"\bappointment\b|\bby arrangement\b|\btermin|\brendez-vous\b"), "appointments"),
)
# Group names of a token, and what each is in a language.
_KINDS: Final = ("all_day", "closed", "daily", "weekdays", "weekend")


@cache
def _tokens(language: Language) -> re.Pattern[str]:
    """Compile what a text in a language is made of."""
    end = r"(?!\w)" if language.has_spaces else ""
    days = sorted(map(re.escape, language.day_of), key=len, reverse=True)
    day = rf"(?:{'|'.join(days)}){end}"
    named = [
        rf"(?P<{kind}>(?:{words}){end})"
        for kind in _KINDS
        if (words := "|".join(filter(None, (getattr(language, kind), _EVERYWHERE.get(kind)))))
    ]
    # A dash between a name and its hours, or closed, says nothing.
    lone_dash = rf"(?<=[^\W\d])\.?-(?=\d|(?:{language.closed}){end})"
    other = rf"|(?:{language.other}){end}\.?" if language.other else ""
    return re.compile(
        "|".join(
            (
                rf"(?P<blank>[\s,/&+:|\u2022\u00b7]+|{lone_dash}{'' if language.has_spaces else other})",
                r"(?P<stop>;)",
                r"(?P<public>ph\b)",
                *named,
                rf"(?P<day>(?P<first>{day})\.?(?:-(?P<last>{day})\.?)?)",
                rf"(?P<range>(?a:{RANGE.pattern}))",
                *(
                    [rf"(?P<word>(?:{language.other}){end}\.?)"]
                    if language.has_spaces and other
                    else []
                ),
            )
        )
    )


_LONG_MINUTES: Final = 16 * 60
_MORNING_MINUTE: Final = 6 * 60
_WEEK: Final = tuple(range(7))
_SHORT: Final = 3
"""Characters of a name of a day that other languages may have too."""
_DAY: Final = TimeRange(9 * 60, 17 * 60)
_EVERYWHERE: Final = {"all_day": r"24\s?[/x]\s?7", "closed": "closed|off"}
_BLANK: Final = frozenset(("blank", "word"))
_OF_ONE_LANGUAGE: Final = re.compile(r"uhr|uur|hod|godz|ч")
"""Words after a time that say which language it is."""
_GROUPS: Final = {"public": (_PUBLIC,), "daily": _WEEK, "weekdays": _WEEK[:5], "weekend": _WEEK[5:]}


def parse_weekly(text: str) -> Weekly:
    """Read the ordinary week as people write it; a day that is not named is closed.

    Reads, in some thirty languages, whatever the case and the kind of dash:
    ``Mon-Fri 09:00-17:00; Sat 10:00-14:00``,
    ``Mon-Fri 9am-5pm, Sat 10am-2pm``, ``Mon, Wed 08:00-12:00 13:00-17:00``,
    ``daily 18:00-02:00, Sun closed``, ``weekdays 9 to 5pm``, ``Mon-Fri 24 hours``, ``24/7``,
    ``closed``. ``closed`` takes a day out of what was said before it. Nothing is guessed:
    ``9-5`` and ``1:00-5:00`` are refused, because they do not say morning or afternoon, and
    ``Sa-Do``, because ``Do`` is Thursday in German and Sunday in Italian.

    Returns:
        Seven days, Monday first, each its ranges in order.

    Raises:
        InvalidValueError: a piece cannot be read, a day has no hours, hours have no day, or two
            ranges of a day overlap; the message shows the piece.
    """
    week, public = read_week(text)
    if public is not None and not is_as_every_day(week, public):
        raise InvalidValueError(
            f"business hours {shown(text)}: public holidays (PH) are no part of the ordinary week"
        )
    return week


def days_named(text: str) -> list[str]:
    """Read days alone, such as ``土日祝`` or ``Sonn- und Feiertage``: ``Sat``, ``Sun``, ``PH``.

    Raises:
        InvalidValueError: the text says anything else.
    """
    week, public = read_week(f"{text} 09:00-17:00")
    if any(ranges not in ((), (_DAY,)) for ranges in week):
        raise InvalidValueError(f"{shown(text)} holds more than days")
    named = [name for name, ranges in zip(_DAY_NAMES, week, strict=True) if ranges]
    return named if public is None else [*named, _NAMES[_PUBLIC]]


def is_as_every_day(week: Weekly, public: tuple[TimeRange, ...]) -> bool:
    """Whether public holidays are like every other day: ``Mo-Su,PH 10:00-20:00``."""
    return all(day == public for day in week)


def read_week(text: str) -> tuple[Weekly, tuple[TimeRange, ...] | None]:
    """Read the ordinary week, and the hours of public holidays; None where nothing is said of them.

    Raises:
        InvalidValueError: as :func:`parse_weekly`.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise InvalidValueError(
            f"business hours {shown(text)}: longer than {MAX_TEXT_LENGTH} characters"
        )
    try:
        return _read_in_any_language(with_public_holidays(" ".join(text.split())))
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
    for day, ranges in enumerate(as_weekly(weekly)):
        if ranges:
            days_by_ranges.setdefault(ranges, []).append(day)
    if not days_by_ranges:
        return "closed"
    if days_by_ranges == {(ALL_DAY,): list(_WEEK)}:
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


def odd_ranges(weekly: Weekly) -> list[str]:
    """Find ranges that may be mistyped: over 16 hours, or past 6:00 of the next day.

    The whole day is none of them.
    """
    odd = []
    for name, ranges in zip(_DAY_NAMES, weekly, strict=True):
        for item in ranges:
            length = item.end_minute - item.start_minute
            is_night = item.end_minute - DAY_MINUTES > _MORNING_MINUTE
            if item != ALL_DAY and (length > _LONG_MINUTES or is_night):
                odd.append(f"{name} {item}")
    return odd


_Week: TypeAlias = tuple[Weekly, tuple[TimeRange, ...] | None]


class _UnreadError(InvalidValueError):
    """A piece of a text that a language does not know; ``n_read`` characters were read before."""

    def __init__(self, message: str, n_read: int) -> None:
        super().__init__(message)
        self.n_read = n_read


def _read_in_any_language(text: str) -> _Week:
    """Read a text in the one language, or those that agree, that know all of it.

    Raises:
        InvalidValueError: no language knows all of it, or two read it differently.
    """
    found: dict[_Week, str] = {}
    errors: list[tuple[int, InvalidValueError]] = []
    for language in LANGUAGES:
        try:
            week, words = _read_weekly(text, language)
        except _UnreadError as error:
            errors.append((error.n_read, error))
            continue
        except InvalidValueError as error:
            errors.append((len(text) + 1, error))
            continue
        if language.is_terse and len(words) == 1 and len(next(iter(words))) <= _SHORT:
            errors.append((0, InvalidValueError(f"{shown(text)} does not say its language")))
            continue
        found.setdefault(week, language.name)
        if not words & _ambiguous():
            break  # no other language can read it otherwise
    if len(found) > 1:
        (one, first), (other, second) = list(found.items())[:2]
        raise InvalidValueError(
            f"is read as {format_weekly(one[0])!r} in {first} and as {format_weekly(other[0])!r} "
            f"in {second}: write Mon, Tue, Wed, …"
        )
    if found:
        return next(iter(found))
    # The language that got furthest is the one that was meant; the first of those that did.
    raise max(errors, key=lambda item: item[0])[1]


@cache
def _ambiguous() -> frozenset[str]:
    """Return names of days that are different days in different languages."""
    days: dict[str, set[int]] = {}
    for language in LANGUAGES:
        for word, day in language.day_of.items():
            days.setdefault(word, set()).add(day)
    return frozenset(word for word, meant in days.items() if len(meant) > 1)


def _read_weekly(text: str, language: Language) -> tuple[_Week, frozenset[str]]:
    """Read a text in a language: week and public holidays, and names of days in it."""
    plain = plain_text(text, language.to, has_spaces=language.has_spaces)
    for pattern, replacement in language.rewrites:
        plain = re.sub(pattern, replacement, plain)
    tokens = tokens_of(plain, language)
    words = {token[side] for token in tokens if token.lastgroup == "day" for side in _ENDS}
    week: list[list[TimeRange]] = [[] for _ in _NAMES]
    shut: set[int] = set()
    said_with: dict[int, frozenset[int]] = {}
    is_24_hour = language.is_24_hour or shows_24_hour(plain)
    clauses = list(_clauses(tokens, language, is_24_hour=is_24_hour))
    for days, ranges, is_rule in clauses:
        if not days and len(clauses) > 1:
            raise InvalidValueError("'closed' has no day: write it as in 'Sun closed'")
        together = frozenset(days)
        for day in together:
            # A later rule for other days replaces what was said of its days before.
            if ranges and is_rule and said_with.get(day, together) != together:
                week[day].clear()
                shut.discard(day)
        for day in days:
            if ranges and day in shut:
                raise InvalidValueError(f"{_NAMES[day]} is closed, and then has hours")
            said_with[day] = together
            if not ranges:
                shut.add(day)
                week[day].clear()
            week[day].extend(ranges)
    if not clauses:
        raise InvalidValueError("nothing is said: write hours, or closed")
    public = as_ranges(week[_PUBLIC]) if _PUBLIC in said_with else None
    if set(said_with) == {_PUBLIC}:
        raise InvalidValueError("only public holidays (PH) are said: say the ordinary week too")
    return (as_weekly(week[:_PUBLIC]), public), frozenset(filter(None, words))


def tokens_of(plain: str, language: Language = LANGUAGES[0]) -> list[re.Match[str]]:
    """Split a text into days, times and words; blanks are left out."""
    pattern = _tokens(language)
    tokens = []
    position = 0
    while position < len(plain):
        token = pattern.match(plain, position)
        if token is None:
            piece = re.split(r"[,;\n]", plain[position:], maxsplit=1)[0].strip()
            rule = plain[plain.rfind(";", 0, position) + 1 :].split(";", maxsplit=1)[0]
            for form, what in _UNREAD:
                if form.search(rule):
                    raise _UnreadError(
                        f"cannot read {shown(piece)}: {what} cannot be read; give the ordinary week, "
                        "and dates that differ",
                        position,
                    )
            raise _UnreadError(
                f"cannot read {shown(piece)}: write it as in 'Mon-Fri 09:00-17:00, Sat 10am-2pm'",
                position,
            )
        clock = _OF_ONE_LANGUAGE.search(token[0]) if token.lastgroup == "range" else None
        if clock is not None and clock[0] not in language.other.split("|"):
            raise _UnreadError(f"cannot read {shown(token[0])}", position)
        if token.lastgroup not in _BLANK:
            tokens.append(token)
        position = token.end()
    return tokens


_Clause: TypeAlias = tuple[list[int], list[TimeRange], bool]


def _clauses(
    tokens: Sequence[re.Match[str]], language: Language, *, is_24_hour: bool
) -> Iterator[_Clause]:
    """Read days, their ranges, and whether a new rule begins, clause by clause.

    No ranges is closed.

    Hours stand behind their days, or before them where the text begins with hours. ``closed`` with
    no day, which is the whole text or wrong, comes as no days and no ranges.
    """
    kinds = [*(token.lastgroup for token in tokens), "end"]
    at = 0
    is_rule = False

    def read_days() -> list[int]:
        nonlocal at
        days: list[int] = []
        while kinds[at] in ("day", *_GROUPS):
            days.extend(_read_days(tokens[at], language))
            at += 1
        return days

    def read_ranges() -> list[TimeRange]:
        nonlocal at
        ranges: list[TimeRange] = []
        while kinds[at] in ("range", "all_day"):
            is_all_day = kinds[at] == "all_day"
            ranges.append(ALL_DAY if is_all_day else read_range(tokens[at], is_24_hour=is_24_hour))
            at += 1
        return ranges

    is_hours_first = kinds[0] in ("range", "all_day")
    while at < len(tokens):
        if kinds[at] == "stop":
            at += 1
            is_rule = True
            continue
        begin = at
        is_closed = kinds[at] == "closed"
        at += is_closed
        ranges = read_ranges() if is_hours_first and not is_closed else []
        days = read_days()
        if not is_closed and not ranges and days and kinds[at] == "closed":
            is_closed = True
            at += 1
        named = " ".join(token[0] for token in tokens[begin:at])
        if not is_closed:
            ranges = ranges or read_ranges()
            if not ranges:
                raise InvalidValueError(f"{named!r} has no hours: write hours after it, or closed")
            if not days and kinds[begin] != "all_day":
                raise InvalidValueError(
                    f"{shown(tokens[begin][0])} has no day: write it as in 'daily 9am-5pm'"
                )
            days = days or list(_WEEK)
        yield days, ranges, is_rule
        is_rule = False


def _read_days(token: re.Match[str], language: Language) -> Sequence[int]:
    group = _GROUPS.get(token.lastgroup or "")
    if group is not None:
        return group
    first = language.day_of[token["first"]]
    last = first if token["last"] is None else language.day_of[token["last"]]
    return [(first + step) % 7 for step in range((last - first) % 7 + 1)]


def _weekly_text(weekly: Weekly) -> str:
    return format_weekly(weekly)


WeeklyText: TypeAlias = Annotated[
    Weekly,
    PlainValidator(as_weekly),
    PlainSerializer(_weekly_text, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["Mon-Fri 09:00-17:00; Sat 10:00-14:00"]}),
]
