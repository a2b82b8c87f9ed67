"""Recognise how people write phone numbers, and what only looks like one.

A cell of a sheet may hold a date, an amount, a coordinate or two numbers; libphonenumber drops
whatever stands between digits and so makes a phone number of many of them. A wrong number is worse
than a refusal, so a text is first compared with the forms of these, and refused where it has one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

__all__ = [
    "Written",
    "fold",
    "keys_of",
    "look_alike",
    "read_written",
    "several_runs",
    "two_numbers",
]

_DASHES: Final = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")

# Written after a number, in the languages of the sheets: extension, interno, Durchwahl, poste, …
_EXTENSION_WORDS: Final = (
    r"x|ext(?:ension|n|ensi[oó]n)?|#|int(?:erno)?|anexo|ramal|poste|доб|durchwahl|dw|klappe|kl"
    r"|nebenstelle|toestel|wew|linka|mell[eé]k|vnitřní|anknytning|lokal|dahili|内線|內線|分機|分机"
)
_EXTENSION: Final = re.compile(
    rf"(?:\s*[,;([]?\s*(?:{_EXTENSION_WORDS})\s*[.:]?\s*|\s*;\s*ext=\s*"
    r"|\s*[,;([]?\s*(?:press|then|option|opt\.?|dial)\s+)(?P<extension>[0-9]+)#?\s*[)\]]?\s*",
    re.IGNORECASE,
)
_STEP: Final = r"\s*(?:,(?:\s*,)*|[pw]+)\s*[0-9*#]+(?:\s[*#])?"
_DIAL_STRING: Final = re.compile(rf"(?<=[0-9)])(?:{_STEP})+\s*$", re.ASCII | re.IGNORECASE)
_POST_DIAL: Final = re.compile(r"\s*;\s*postd=(?P<keys>[p0-9*#]+)\s*$", re.ASCII)
_LABEL: Final = re.compile(
    r"(?:tel:|(?:tel(?:efon|ephone|[eé]fono|[eé]phone|efone)?|phone|ph|fon|call|desk|office)"
    r"(?:\s*[.:]\s*|\s+)|[tp]\s*:\s*|[☎📞☏✆]\ufe0f?\s*)(?=[+(0-9])",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"\+?[0-9().\-/\s]*[0-9)]", re.ASCII)
_OTHER_FIRST: Final = re.compile(r"(?:fax|f|telefax|faks)\s*[.:]", re.IGNORECASE)


class Written(NamedTuple):
    """A phone number as written.

    Attributes:
        main: digits and the usual separators between them, with a leading ``+`` or not.
        extension: digits, or keys with ``p`` for each second to wait, or None.
    """

    main: str
    extension: str | None


def fold(text: str) -> str:
    """Write digits of other scripts, full-width characters and dashes as ASCII."""
    folded = unicodedata.normalize("NFKC", text).translate(_DASHES)
    if folded.isascii():
        return folded
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in folded)


def read_written(folded: str) -> Written | None:
    """Split a folded text into number and extension; None if it has other characters."""
    label = _LABEL.match(folded)
    rest = folded if label is None else folded[label.end() :]
    extension = None
    keys = _POST_DIAL.search(rest)
    dialled = None if keys is not None else _DIAL_STRING.search(rest)
    if keys is not None:
        rest, extension = rest[: keys.start()], keys["keys"]
    elif dialled is not None and re.search(r",\s*,|[pw*#]", dialled[0], re.IGNORECASE):
        # One comma and digits may as well be two numbers.
        rest, extension = rest[: dialled.start()], _in_seconds(dialled[0])
    for match in () if extension is not None else _EXTENSION.finditer(rest):
        if match.end() == len(rest) and any(map(str.isdigit, rest[: match.start()])):
            rest, extension = rest[: match.start()], match["extension"]
            break
    if rest.startswith("(+"):
        # "(+49) 30 123456": the bracket closes behind the country code.
        rest = re.sub(r"^\(\+\s*([0-9]{1,3})\s*\)", r"+\1 ", rest)
    return Written(rest, extension) if _NUMBER.fullmatch(rest) else None


def keys_of(text: str) -> str:
    """The keys of an extension that stands alone, in the form that is kept.

    ``pppp12#`` stays as it is, ``p`` being a second; ``,,12#`` becomes it.
    """
    return text if re.fullmatch(r"[p0-9*#]*", text, re.ASCII) else _in_seconds(text)


def _in_seconds(dialled: str) -> str:
    """The keys of a dial string, with ``p`` for each second.

    A telephone waits about two seconds at a comma, and at a ``p`` or ``w`` among the digits.
    """
    return re.sub(r"[,pw]", "pp", re.sub(r"\s+", "", dialled), flags=re.IGNORECASE)


# What is no phone number.

_SEPARATED_DATE: Final = re.compile(
    r"(\d{1,4})([-./ ])(\d{1,2})\2(\d{1,4})\.?(?:[T ]\s*\d{1,2}[:.h].*)?", re.ASCII
)
_YEARS: Final = re.compile(r"(?:19|20)\d\d\s*[-/]\s*(?:(?:19|20)?\d\d)", re.ASCII)
_QUARTER_HOURS: Final = re.compile(
    r"(?:[01]\d|2[0-4])[:.]?(?:00|15|30|45)\s*-\s*(?:[01]\d|2[0-4])[:.]?(?:00|15|30|45)", re.ASCII
)
_CLOCK: Final = re.compile(
    r"\d{1,2}:\d\d|\d\s*[ap]\.?m\b|\d{1,2}\.\d\d\s*-\s*\d{1,2}\.\d\d$|\d\s?h\d\d\b|\d\s*uhr\b",
    re.ASCII | re.IGNORECASE,
)
_DECIMAL: Final = re.compile(r"([+-]?)(\d*)[.,](\d+)|[+-]?\d+[.,]", re.ASCII)
_COORDINATE: Final = r"[+-]?\s*\d{1,3}[.,]\d+\s*°?\s*[NSEWO]?"
_COORDINATES: Final = re.compile(
    rf"[\[(]?\s*{_COORDINATE}\s*(?:[\s;/|]|,)\s*{_COORDINATE}\s*[\])]?", re.IGNORECASE
)
_AMOUNTS: Final = (
    re.compile(r"[+-]?\d{1,3}(?:,\d{2,3})+(?:\.\d*)?", re.ASCII),
    re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+,\d*", re.ASCII),
    re.compile(r"[+-]?\d{1,3}(?:[' ’]\d{3})+[.,]\d{1,2}", re.ASCII),
    re.compile(r"[+-]?\d{1,3}(?:['’]\d{3})+", re.ASCII),
    re.compile(r"\(\s*[\d.,' ]*\d[.,]\d\d\s*\)", re.ASCII),
)
_CURRENCY: Final = re.compile(
    r"\b(?:usd|eur|euros?|gbp|chf|sek|nok|dkk|pln|czk|huf|inr|npr|aud|cad|nzd|brl|mxn|jpy|cny|rub"
    r"|dollars?|pounds?|rs\.?|kr\.?|zł|kč|ft|лв|руб)(?=\W|\d|$)|\d(?:usd|eur|gbp|chf|kr|zł|kč|ft)\b"
    r"|\bR\$|,-$",
    re.IGNORECASE,
)
_WEB: Final = re.compile(
    r"[a-z][a-z0-9+.-]*://|\bwww\.|\b[a-z0-9-]*[a-z][a-z0-9-]*\.(?:[a-z]{2,3}|info|shop|example|test)"
    r"(?:[/?#:]|$)",
    re.IGNORECASE,
)
_MONTHS: Final = re.compile(
    r"\b(?:jan|feb|mar|apr|mai|may|maj|jun|jul|aug|sep|oct|okt|nov|dec|dez|ene|abr|ago|dic|janv|févr"
    r"|avr|juin|juil|août|déc|gen|mag|giu|lug|set|ott)[a-zéû]*\b|年|月",
    re.IGNORECASE,
)
# By form, for a mistyped identifier is no phone number either. Of 210 valid and 210 mistyped ones
# of the first four kinds, ISBNs, cards and IBANs, the forms name 210 and 203, and none of 1,000
# phone numbers; the check digits of python-stdnum 210 and 0, and 121 of the phone numbers.
_IDENTIFIERS: Final = (
    (re.compile(r"\d{3}\.\d{3}\.\d{3}-\d\d", re.ASCII), "a Brazilian tax number (CPF)"),
    (re.compile(r"\d\d\.\d{3}\.\d{3}/\d{4}-\d\d", re.ASCII), "a Brazilian company number (CNPJ)"),
    (re.compile(r"\d{1,2}\.\d{3}\.\d{3}-[\dkK]", re.ASCII), "a Chilean tax number (RUT)"),
    (re.compile(r"\d\d-\d{8}-\d", re.ASCII), "an Argentine tax number (CUIT)"),
    (re.compile(r"\d{3}-\d\d-\d{4}", re.ASCII), "a social security number"),
    (re.compile(r"97[89][- ]?(?:\d[- ]?){9}[\dX]", re.ASCII), "an ISBN"),
    (re.compile(r"(?:\d{4}[- ]){3}\d{2,4}", re.ASCII), "the number of a card"),
    (re.compile(r"[1-9]\d{4}-\d{3,4}", re.ASCII), "a postal code"),
    (
        re.compile(r"(?:19|20)\d\d[-/](?:\d{3}|\d{5,7})|[1-9]\d{2,6}/(?:19|20)\d\d", re.ASCII),
        "the number of a document, with its year",
    ),
    (re.compile(r"[A-Z]{2}\d\d(?:[ ]?[A-Z0-9]{4}){3,7}[ ]?[A-Z0-9]{0,4}", re.ASCII), "an IBAN"),
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I), "a UUID"),
    (re.compile(r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}", re.I), "a network address"),
    (
        re.compile(r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d", re.I),
        "a postal code",
    ),
    (re.compile(r"\d{4} ?[A-Z]{2}", re.ASCII), "a postal code"),
)
_IP_ADDRESS: Final = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:[:/]\d+)?", re.ASCII)


_ORDINARY: Final = re.compile(r"\(0?[1-9]\d{1,3}\) ?\d{3,4}[- ]\d{3,4}|\+[1-9]\d{6,14}", re.ASCII)


def look_alike(text: str, region: str | None = None) -> str | None:
    """Name what a text looks like that is no phone number, such as ``"a date"``; else None.

    Args:
        text: without extension, spaces at the ends removed.
        region: whose national formats decide where a form is of both kinds.
    """
    if _ORDINARY.fullmatch(text):
        return None  # most cells of a sheet are an area code in brackets and a number
    for match, what in _look_alikes(text, region):
        if match:
            return what
    return None


def _look_alikes(text: str, region: str | None) -> Iterator[tuple[bool, str]]:
    yield (
        bool(re.fullmatch(r"#(?:N/A|REF!|VALUE!|NAME\?|NULL!|NUM!|DIV/0!)", text, re.I)),
        ("the error of a spreadsheet"),
    )
    yield bool(_OTHER_FIRST.match(text)), "a fax number"
    yield bool(re.search(r"\w@\w", text)), "an e-mail address"
    yield bool(_WEB.search(text)), "a web address"
    digits = "".join(filter(str.isdigit, text))
    if not digits:
        yield any(map(str.isalpha, text)), "text"
        return
    has_sign = any(unicodedata.category(c) == "Sc" for c in text)
    yield has_sign or bool(_CURRENCY.search(text)), "an amount of money"
    yield "%" in text or "‰" in text, "a percentage"
    yield _is_date(text) and not (" " in text and _is_grouped(text, region)), "a date"
    yield bool(_MONTHS.search(text)), "a date"
    for form, what in _IDENTIFIERS:
        yield bool(form.fullmatch(text)), what
    yield any(form.fullmatch(text) for form in _AMOUNTS), "an amount"
    yield bool(_COORDINATES.fullmatch(text)), "coordinates"
    yield bool(re.search(r"\d\s*[°º]|\d\s*['′]\s*\d+.*[\"″]", text)), "coordinates"
    yield bool(_CLOCK.search(text) or _QUARTER_HOURS.fullmatch(text)), "a time, or opening hours"
    yield bool(_YEARS.fullmatch(text)), "a range of years"
    yield _is_decimal(text, region), "a decimal number"
    yield bool(re.match(r"-\s*[\d(.]", text)), "a negative number"
    yield _is_address(text), "an IP address"
    yield _is_article(text, region), "the number of an article"
    is_siren = region == "FR" and re.fullmatch(r"[1-9]\d\d( )\d{3}\1\d{3}", text) is not None
    yield is_siren, "a company number (SIREN)"
    is_short = not text.startswith("+") and _is_too_short(text, len(digits), region)
    # "13 12 34" is a number of Australia, in the groups that it is written in there.
    is_short = is_short and not (" " in text and _is_grouped(text, region))
    yield is_short, "an id or a code: it has few digits, and no area or country code"


def _is_article(text: str, region: str | None) -> bool:
    """Whether a text is thirteen digits, as an EAN is, without the code of the country."""
    import phonenumbers

    if re.fullmatch(r"[1-9]\d{12}", text, re.ASCII) is None or region is None:
        return False
    return not text.startswith(str(phonenumbers.country_code_for_region(region)))


def _is_date(text: str) -> bool:
    if re.fullmatch(r"(?:19[5-9]|20[0-4])\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", text):
        return True
    match = _SEPARATED_DATE.fullmatch(text)
    if match is None:
        return False
    first, last = match[1], match[4]
    middle = int(match[3])
    if len(first) == 4:
        year, day = first, last
    elif len(first) <= 2 and len(last) in (2, 4):
        year, day = last, first
    else:
        return False
    if len(day) > 2 or (len(year) == 4 and year[:2] not in ("18", "19", "20")):
        return False
    # Either of the two may be the month.
    return 1 <= min(middle, int(day)) <= 12 and 1 <= max(middle, int(day)) <= 31


def _is_decimal(text: str, region: str | None) -> bool:
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return False
    sign, whole, fraction = match[1] or "", match[2] or "", match[3] or ""
    if not sign and re.match(r"0\d", whole):
        return False  # "030.1234567": no decimal begins with two digits of which one is 0
    if not sign and "," not in text and len(whole) == len(fraction) == 4:
        return not _groups_in_fours(region)
    return not (sign == "+" and len(fraction) > 8 and _is_official(text))


def _is_address(text: str) -> bool:
    match = _IP_ADDRESS.fullmatch(text)
    if match is None or any(int(part) > 255 for part in match.groups()):
        return False
    # Four pairs are how Danes and others write a phone number.
    return not all(len(part) == 2 for part in match.groups()) or not text[-1].isdigit()


def _is_too_short(text: str, n_digits: int, region: str | None) -> bool:
    """Whether a number without country code and leading 0 is so short that it may be an id."""
    if region is None or n_digits <= 3:
        return False  # three digits may be an emergency number, which is said elsewhere
    if text[0] in "0(":
        return n_digits < min(7 if text.isdigit() else 6, _longest(region))
    uses_zero = _uses_zero(region)
    least = min(7 if text.isdigit() or uses_zero else 6, _longest(region))
    if n_digits < least:
        return True
    return uses_zero and n_digits < 9 and (not text.isdigit() or _varies(region))


@cache
def _metadata(region: str | None) -> object:
    import phonenumbers

    return None if region is None else phonenumbers.PhoneMetadata.metadata_for_region(region)


def _lengths(region: str) -> tuple[int, ...]:
    fixed_line = getattr(_metadata(region), "fixed_line", None)
    return (15,) if fixed_line is None else tuple(fixed_line.possible_length)


@cache
def _longest(region: str) -> int:
    """Return the number of digits of a region's longest fixed-line number."""
    return max(_lengths(region))


@cache
def _varies(region: str) -> bool:
    """Whether fixed-line numbers of a region vary in length."""
    return len(_lengths(region)) >= 5


@cache
def _uses_zero(region: str) -> bool:
    """Whether fixed-line numbers of a region are written with a leading 0."""
    import phonenumbers

    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.FIXED_LINE)
    if example is None:
        return False
    written = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
    return written.startswith(("0", "(0"))


@cache
def _groups_in_fours(region: str | None) -> bool:
    import phonenumbers

    example = None if region is None else phonenumbers.example_number(region)
    if example is None:
        return False
    national = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
    return re.fullmatch(r"\d{4}[ -]\d{4}", national) is not None


def _is_official(text: str) -> bool:
    """Whether a number is grouped as usual in its country, with points for spaces."""
    import phonenumbers

    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return False
    official = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    is_same = re.sub("[ -]", ".", official) == text
    # More than 180 is no degree.
    return is_same and (number.country_code or 0) > 180 and phonenumbers.is_valid_number(number)


# Two numbers in one cell.

_AND: Final = re.compile(
    r"\s*(?:[;|&\n]|,|\s/\s|//|\b(?:or|oder|ou|und|and|et|bis|to|lub|eller|och|of|og|ili|или|және|és"
    r"|vagy|nebo|alebo|și|sau|veya)\b|(?<=\d)\s+(?:o|y|e|ó|u|i|a)\s+(?=[\d(+]))\s*",
    re.IGNORECASE,
)
_RUN: Final = re.compile(r"\+?\(?\d[\d\s().-]{4,}\d", re.ASCII)


def two_numbers(text: str, region: str | None) -> tuple[str, str] | None:
    """Return the two numbers that one cell holds, as written, or None if it is one."""
    pieces = [piece for piece in _AND.split(text) if any(map(str.isdigit, piece))]
    if len(pieces) > 1 and _n_digits(pieces[0]) >= 5:
        return pieces[0], pieces[1]
    plus = text.find("+", 1)
    if plus > 0 and _n_digits(text[:plus]) >= 5:
        return text[:plus].rstrip(" /-"), text[plus:]
    return (
        _at_slash(text, region)
        or _at_dash(text, region)
        or _at_space(text, region)
        or _glued(text, region)
    )


def several_runs(text: str) -> tuple[str, str] | None:
    """Find two runs of digits that could each be a number, in a text that is not one."""
    runs = _RUN.findall(text)
    return (runs[0].strip(), runs[1].strip()) if len(runs) > 1 else None


def _n_digits(text: str) -> int:
    return sum(map(str.isdigit, text))


def _is_number(text: str, region: str | None) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException:
        return False


def _at_slash(text: str, region: str | None) -> tuple[str, str] | None:
    """Split at a slash that does not separate area code and number: ``12345/13``."""
    left, slash, right = text.rpartition("/")
    if not slash or _n_digits(left) < 5 or not _n_digits(right):
        return None
    if text.count("/") > 1 and len({_n_digits(part) for part in text.split("/")}) == 1:
        return None  # "01/42/68/53/00"
    is_ending = text.count("/") == 1 and _n_digits(right) <= 2
    return (left, right) if is_ending or _is_number(left, region) else None


def _is_grouped(text: str, region: str | None) -> bool:
    """Whether a text is one number in the groups usual in its country."""
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return False
    groups = re.findall(r"\d+", text)
    form = phonenumbers.PhoneNumberFormat
    return phonenumbers.is_valid_number(number) and any(
        re.findall(r"\d+", phonenumbers.format_number(number, kind)) == groups
        for kind in (form.NATIONAL, form.INTERNATIONAL)
    )


def _at_dash(text: str, region: str | None) -> tuple[str, str] | None:
    """Split a range of numbers: ``123456 - 123460``."""
    in_brackets = re.search(r"\(\s*[-/]\s*(\d{2,})\s*\)", text)
    if in_brackets is not None and _n_digits(text[: in_brackets.start()]) >= 5:
        return text[: in_brackets.start()].rstrip(), in_brackets[1]  # "123456 (-13)"
    left, dash, right = text.rpartition("-")
    n_right = _n_digits(right)
    if not dash or not n_right or _n_digits(left) < (9 if text[:1] == "+" else 6):
        return None
    last = re.split(r"\D+", left.strip(" -/.()"))[-1]
    plain = re.sub(r"\D", "", right)
    follows = len(plain) == len(last) and n_right > 2 and 0 < int(plain) - int(last or 0) < 100
    is_spaced = left.endswith(" ") and right.startswith(" ")
    if not follows and not (is_spaced and n_right >= 4):
        return None
    if not _is_number(left, region) or _is_grouped(text, region):
        return None
    return left.strip(), right.strip()


def _at_space(text: str, region: str | None) -> tuple[str, str] | None:
    """Split at a space where a second number begins: ``030 123456 030 123457``."""
    n_digits = _n_digits(text)
    if n_digits < (14 if text.startswith("+") else 12):
        return None
    for space in re.finditer(r"\s+", text):
        left, right = text[: space.start()], text[space.end() :]
        if min(_n_digits(left), _n_digits(right)) < 6:
            continue
        starts = [re.sub(r"\D", "", part)[:3] for part in (left, right)]
        again = starts[0] == starts[1] or right.startswith("00") or n_digits > 15
        again = again or (right[:1] in "0(" and left[:1] in "0(" and n_digits >= 14)
        if again and _is_number(left, region) and _is_number(right, region):
            return left, right
    return None


def _glued(text: str, region: str | None) -> tuple[str, str] | None:
    """Split two numbers with nothing between them: ``03012345670301234568``."""
    digits = text.removeprefix("+")
    if not digits.isdigit() or len(digits) < (14 if text[:1] in "0+" else 16):
        return None
    lead = text[: len(text) - len(digits)]
    for at in range(6, len(digits) - 5):
        left, right = digits[:at], digits[at:]
        if (
            left[:3] == right[:3]
            and _is_number(lead + left, region)
            and _is_number(lead + right, region)
        ):
            return lead + left, lead + right
    return None
