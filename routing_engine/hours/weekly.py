"""Read and write the ordinary week as people write it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Final, TypeAlias

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from routing_engine.errors import InvalidValueError
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

__all__ = ["Weekly", "WeeklyText", "as_weekly", "format_weekly", "parse_weekly", "tokens_of"]

_DAY_NAMES: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

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


_DAY_WORDS: Final = (
    "m mo mon monday mondays montag montags lundi lun lunes lunedi lunedì segunda maandag måndag mandag",
    "tu tue tues tuesday tuesdays di dienstag dienstags mardi martes martedi martedì terça dinsdag",
    "w we wed weds wednesday wednesdays mi mittwoch mittwochs mercredi miércoles mié mercoledì quarta",
    "th thu thur thurs thursday thursdays do donnerstag donnerstags jeudi jueves giovedì quinta",
    "f fr fri friday fridays freitag freitags vendredi viernes venerdì sexta vrijdag",
    "sa sat saturday saturdays samstag samstags sonnabend samedi sábado sab sáb sabato zaterdag",
    "su sun sunday sundays so sonntag sonntags dimanche domingo dom domenica zondag",
)
_DAY_OF: Final = {word: day for day, words in enumerate(_DAY_WORDS) for word in words.split()}
# "Di" and "Do" are Tuesday and Thursday beside other German words; French and Spanish have others.
_UNSURE: Final = frozenset(("di", "do"))
_GERMAN: Final = re.compile(r"\b(?:mo|mi|so|uhr|geschlossen|ruhetag|bis)\b")
_NOT_GERMAN: Final = re.compile(r"\b(?:lu|ma|me|je|ve|ju|vi)\b")
_DAY: Final = rf"(?:{'|'.join(sorted(_DAY_OF, key=len, reverse=True))})\b"
_UNREAD: Final = (
    (re.compile(r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b"), "months"),
    (re.compile(r"\bweek\b"), "weeks of the year"),
    (re.compile(r"\beaster\b"), "Easter"),
    (re.compile(r"\b(?:sunrise|sunset|dawn|dusk)\b"), "sunrise and sunset"),
    (re.compile(r"[a-z]\s*\[-?\d"), "days of the month, such as the first Monday,"),
    (re.compile(r"\|\|"), "fallbacks (||)"),
    (re.compile(r"\d\+"), "open ends (+)"),
    (re.compile(r"\bappointment\b|\bby arrangement\b|\btermin|\brendez-vous\b"), "appointments"),
)
_TOKEN: Final = re.compile(
    r"(?P<blank>[\s,/&+:|]+|(?:and|on|from|open|und|et|y|e|uhr|hours?|von|de|du|le)\b)"
    r"|(?P<stop>;)"
    r"|(?P<all_day>24\s?[/x]\s?7\b|24\s?(?:hours|hrs|h) a day(?:, ?| )7 days a week\b"
    r"|24[\s-]?(?:h|hrs?|hours?|stunden)\b|rund um die uhr\b|all day\b|always\b)"
    r"|(?P<closed>(?:closed|off|geschlossen|ruhetag|fermé|cerrado|chiuso|gesloten|fechado)\b)"
    r"|(?P<daily>(?:daily|every ?day|7 days a week|täglich|tous les jours|todos los días)\b)"
    r"|(?P<weekdays>weekdays?\b)"
    r"|(?P<weekend>weekends?\b)"
    rf"|(?P<day>(?P<first>{_DAY})\.?(?:-(?P<last>{_DAY})\.?)?)"
    rf"|(?P<range>(?a:{RANGE.pattern}))",
)
_LONG_MINUTES: Final = 16 * 60
_MORNING_MINUTE: Final = 6 * 60
_WEEK: Final = tuple(range(7))
_GROUPS: Final = {"daily": _WEEK, "weekdays": _WEEK[:5], "weekend": _WEEK[5:]}


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
    if len(text) > MAX_TEXT_LENGTH:
        raise InvalidValueError(
            f"business hours {shown(text)}: longer than {MAX_TEXT_LENGTH} characters"
        )
    try:
        return _read_weekly(plain_text(text))
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


def _read_weekly(plain: str) -> Weekly:
    week: list[list[TimeRange]] = [[] for _ in _WEEK]
    shut: set[int] = set()
    said_with: dict[int, frozenset[int]] = {}
    clauses = list(_clauses(tokens_of(plain), is_24_hour=shows_24_hour(plain)))
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
                raise InvalidValueError(f"{_DAY_NAMES[day]} is closed, and then has hours")
            said_with[day] = together
            if not ranges:
                shut.add(day)
                week[day].clear()
            week[day].extend(ranges)
    if not clauses:
        raise InvalidValueError("nothing is said: write hours, or closed")
    return as_weekly(week)


def tokens_of(plain: str) -> list[re.Match[str]]:
    """Split a text into days, times and words; blanks are left out."""
    if any(word in _UNSURE for word in re.findall(r"\b\w\w\b", plain)) and (
        not _GERMAN.search(plain) or _NOT_GERMAN.search(plain)
    ):
        raise InvalidValueError(
            "'di' and 'do' are other days in other languages: write Tue and Thu, or Sun"
        )
    tokens = []
    position = 0
    while position < len(plain):
        token = _TOKEN.match(plain, position)
        if token is None:
            piece = re.split(r"[,;\n]", plain[position:], maxsplit=1)[0].strip()
            rule = plain[plain.rfind(";", 0, position) + 1 :].split(";", maxsplit=1)[0]
            for form, what in _UNREAD:
                if form.search(rule):
                    raise InvalidValueError(
                        f"cannot read {shown(piece)}: {what} cannot be read; give the ordinary week, "
                        "and dates that differ"
                    )
            raise InvalidValueError(
                f"cannot read {shown(piece)}: write it as in 'Mon-Fri 09:00-17:00, Sat 10am-2pm'"
            )
        if token.lastgroup != "blank":
            tokens.append(token)
        position = token.end()
    return tokens


def _clauses(
    tokens: Sequence[re.Match[str]], *, is_24_hour: bool
) -> Iterator[tuple[list[int], list[TimeRange], bool]]:
    """Yield for each clause its days, their ranges (none: closed), and whether it starts a rule.

    ``closed`` with no day, which is the whole text or wrong, comes as no days and no ranges.
    """
    kinds = [*(token.lastgroup for token in tokens), "end"]
    at = 0
    is_rule = False
    while at < len(tokens):
        if kinds[at] == "stop":
            at += 1
            is_rule = True
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
            yield days, [], is_rule
            is_rule = False
            continue
        named = " ".join(token[0] for token in tokens[begin:at])
        ranges: list[TimeRange] = []
        while kinds[at] in ("range", "all_day"):
            is_all_day = kinds[at] == "all_day"
            ranges.append(ALL_DAY if is_all_day else read_range(tokens[at], is_24_hour=is_24_hour))
            at += 1
        if not ranges:
            raise InvalidValueError(f"{named!r} has no hours: write hours after it, or closed")
        if not days and kinds[begin] != "all_day":
            raise InvalidValueError(
                f"{shown(tokens[begin][0])} has no day: write it as in 'daily 9am-5pm'"
            )
        yield days or list(_WEEK), ranges, is_rule
        is_rule = False


def _read_days(token: re.Match[str]) -> Sequence[int]:
    group = _GROUPS.get(token.lastgroup or "")
    if group is not None:
        return group
    first = _day_number(token["first"])
    last = first if token["last"] is None else _day_number(token["last"])
    return [(first + step) % 7 for step in range((last - first) % 7 + 1)]


def _day_number(name: str) -> int:
    return _DAY_OF[name]


def _weekly_text(weekly: Weekly) -> str:
    return format_weekly(weekly)


WeeklyText: TypeAlias = Annotated[
    Weekly,
    PlainValidator(as_weekly),
    PlainSerializer(_weekly_text, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["Mon-Fri 09:00-17:00; Sat 10:00-14:00"]}),
]
