"""Lines: the numbers, DIDs and SIP users that callers dial.

A line is kept in one form: E.164 (``+14155550199``), or the user part of a SIP URI as it is written
(``2204``, ``oakland-desk``). Seven digits or more are always a phone number: as a SIP user they
could be read as another number elsewhere.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote

from routing_engine.errors import InvalidValueError, mask
from routing_engine.model.destinations import (
    MAX_WRITTEN_LENGTH,
    are_kept,
    check_length,
    parse_destination,
)
from routing_engine.text.lines import cut

__all__ = ["called_line", "is_line", "parse_line"]

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
# As RFC 3261 has it, but for commas and semicolons, which separate the lines of a cell, and quotes
# at an end, which people put around a text.
_USER = re.compile(r"(?!')[A-Za-z0-9\-_.!~*'()&=+$/]{1,128}(?<!')", re.ASCII)
_SHORTEST_NUMBER = 7
_NAME_ADDRESS = re.compile(r"(?:\"(?:[^\"\\]|\\.)*\"|[^<>\"]*?)\s*<([^<>]+)>.*", re.DOTALL)
_URI = re.compile(r"(sips?|tel):([^@;?]*)([@;?].*)?", re.DOTALL | re.IGNORECASE)
_WRITTEN_NUMBER = re.compile(r"[+(]?[0-9][0-9 ().\-/]*", re.ASCII)
_SEPARATORS = re.compile(r"[ ().\-/]", re.ASCII)


def parse_line(text: str, *, region: str | None = None) -> str:
    """Read a line as a business writes it.

    Args:
        text: E.164, in any punctuation; a national number of ``region``; a SIP or tel URI, of
            which the user part counts; or a SIP user.
        region: ISO 3166-1 alpha-2 code whose national format is read; None for none.

    Returns:
        E.164, or the SIP user. Without a region, digits that lack only their ``+`` get it.

    Raises:
        InvalidValueError: none of these.
    """
    if not isinstance(text, str):
        raise InvalidValueError(f"a line is a str, not {type(text).__name__}")
    if are_kept() and is_line(text):
        return text
    check_length(text)
    user = _user_of(text)
    if not user:
        raise InvalidValueError("empty; a line is a number in E.164 or a SIP user")
    if user.startswith("+"):
        found = parse_destination(user)
        if found.extension is not None:
            raise InvalidValueError(
                f"{mask(str(found.number))};ext=… is a number with an extension; a line is what "
                "callers dial, so give the number alone"
            )
        return str(found.number)
    if _is_written_number(user):
        # Digits without a "+" are a number of the region, or else whole: one that is neither may
        # be a number of the region that somebody mistyped.
        is_whole = user.startswith("00") or (region is None and user.isdigit())
        number = _national(user, region) or (_without_plus(user) if is_whole else None)
        if number is None:
            where = "" if region is None else f" of region {region}"
            raise InvalidValueError(
                f"{mask(user)!r} is no whole number{where}; write the line as E.164 (+…)"
            )
        return number
    if not _USER.fullmatch(user):
        raise InvalidValueError(
            f"{cut(user, 60)!r} is not a line: a number in E.164, or a SIP user of letters, digits "
            "and -_.!~*'()&=+$/"
        )
    return user


def is_line(text: object) -> bool:
    """Whether a text is a line in canonical form."""
    if not isinstance(text, str):
        return False
    if text.startswith("+"):
        return _E164.fullmatch(text) is not None
    return _USER.fullmatch(text) is not None and not _is_written_number(text)


def called_line(called: str, *, region: str | None = None) -> str | None:
    """Read the line that a call server reports as called; None if it is none.

    Args:
        called: as for :func:`parse_line`.
        region: whose national numbers are read beside E.164.
    """
    if _E164.fullmatch(called):
        return called
    if len(called) > MAX_WRITTEN_LENGTH:
        return None
    user = _user_of(called)
    if not _is_written_number(user):
        return user if is_line(user) else None
    found = _national(user, region)
    if found is None and (user.isdigit() or user.startswith(("+", "00"))):
        found = _international(user)
    return found if found is not None and _E164.fullmatch(found) else None


def _user_of(text: str) -> str:
    """Return the user part of a URI, with or without a display name; else the text itself, stripped."""
    text = text.strip(" \t\u00a0")
    header = _NAME_ADDRESS.fullmatch(text)
    if header is not None:
        text = header[1].strip()
    uri = _URI.fullmatch(text)
    if uri is None:
        return text.strip("'")
    if uri[1].casefold() != "tel" and "@" not in (uri[3] or ""):
        return ""  # a host without a user
    return unquote(uri[2]).strip("'")


def _is_written_number(text: str) -> bool:
    """Whether a text is long enough for a phone number, and nothing but digits and separators."""
    n_digits = sum(map(str.isdigit, text))
    return n_digits >= _SHORTEST_NUMBER and _WRITTEN_NUMBER.fullmatch(text) is not None


def _international(text: str) -> str:
    """Return a number with ``+``, which it may lack or write as ``00``."""
    return f"+{_SEPARATORS.sub('', text).removeprefix('+').removeprefix('00')}"


@lru_cache(maxsize=4096)
def _national(text: str, region: str | None) -> str | None:
    """Convert a national number of a region to E.164; None if it is not one."""
    if region is None or text.startswith("+"):
        return None
    import phonenumbers

    try:
        parsed = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _without_plus(text: str) -> str | None:
    """Convert a number that lacks its ``+`` to E.164; None if it is not valid."""
    number = _international(text)
    if not _E164.fullmatch(number):
        return None
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(parsed) else None
