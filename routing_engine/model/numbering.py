"""Region and type of a number, as libphonenumber says them, without its detours.

``phonenumbers`` compiles each pattern anew from its cache and walks through helper functions: a
tenth of a millisecond a number, of which a large sheet has hundreds of thousands. Here the same
patterns are tried in the same order, compiled once a region.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NamedTuple

import phonenumbers
from phonenumbers import PhoneNumberType

__all__ = ["assigned", "longest_short", "split"]

MAX_DIGITS: Final = 15

# The order in which libphonenumber tries the types of a number.
_TYPES: Final = (
    ("premium_rate", PhoneNumberType.PREMIUM_RATE),
    ("toll_free", PhoneNumberType.TOLL_FREE),
    ("shared_cost", PhoneNumberType.SHARED_COST),
    ("voip", PhoneNumberType.VOIP),
    ("personal_number", PhoneNumberType.PERSONAL_NUMBER),
    ("pager", PhoneNumberType.PAGER),
    ("uan", PhoneNumberType.UAN),
    ("voicemail", PhoneNumberType.VOICEMAIL),
)


class _Form(NamedTuple):
    """Numbers of one kind.

    Attributes:
        lengths: how many digits they have; empty where that is not said.
        pattern: what they look like.
    """

    lengths: frozenset[int]
    pattern: re.Pattern[str]

    def has(self, national: str) -> bool:
        """Whether a number is of this kind."""
        if self.lengths and len(national) not in self.lengths:
            return False
        return self.pattern.fullmatch(national) is not None


_NONE: Final = _Form(frozenset(), re.compile(r"(?!)"))


class _Region(NamedTuple):
    """A region that shares a country calling code, or the whole of it.

    Attributes:
        name: ISO 3166-1 alpha-2, or ``001`` of a calling code without a country.
        leading: what its numbers begin with, where that tells it from the others.
        general: what all of its numbers look like.
        types: the others, in order.
        fixed_line, mobile: of these two a number may be both.
        are_same: whether fixed lines and mobiles cannot be told apart.
    """

    name: str
    leading: re.Pattern[str] | None
    general: _Form
    types: tuple[tuple[_Form, int], ...]
    fixed_line: _Form
    mobile: _Form
    are_same: bool

    def type_of(self, national: str) -> int:
        """Return the ``PhoneNumberType`` of a number in this region."""
        if not self.general.has(national):
            return PhoneNumberType.UNKNOWN
        for form, kind in self.types:
            if form.has(national):
                return kind
        if self.fixed_line.has(national):
            is_both = self.are_same or self.mobile.has(national)
            return PhoneNumberType.FIXED_LINE_OR_MOBILE if is_both else PhoneNumberType.FIXED_LINE
        if not self.are_same and self.mobile.has(national):
            return PhoneNumberType.MOBILE
        return PhoneNumberType.UNKNOWN


def assigned(calling_code: int, national: str) -> tuple[str, int] | None:
    """Return region and ``PhoneNumberType`` of a national number; None where it is not valid.

    Args:
        calling_code: of the country.
        national: its significant digits, leading zeros included.
    """
    regions = _regions(calling_code)
    if len(regions) == 1:
        found = regions[0]
    else:
        for found in regions:
            if found.leading is not None:
                if found.leading.match(national):
                    break
            elif found.type_of(national) != PhoneNumberType.UNKNOWN:
                break
        else:
            return None
    kind = found.type_of(national)
    return None if kind == PhoneNumberType.UNKNOWN else (found.name, kind)


def split(digits: str) -> tuple[int, str] | None:
    """Split ``+digits`` into calling code and national number, where that is plain to see.

    Half of the time to parse a number goes into separators, extensions, leading zeros and
    national prefixes; digits that begin with no zero and no such prefix have none of them.
    """
    if not (digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS):
        return None
    for n in (1, 2, 3):
        code = digits[:n]
        prefix = _national_prefix(code)
        if prefix is None:
            continue
        rest = digits[n:]
        if len(rest) < 5 or rest[0] == "0" or prefix.match(rest):
            return None
        return int(code), rest
    return None


@cache
def _national_prefix(country_code: str) -> re.Pattern[str] | None:
    """Return what parsing strips from a number of this country; None for no country."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(country_code), ("ZZ",))
    find = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code
    metadata = find(int(country_code), regions[0])
    if metadata is None:
        return None
    # The pattern of no text at all stands for nothing to strip.
    return re.compile(metadata.national_prefix_for_parsing or r"(?!)")


@cache
def longest_short(region: str) -> int:
    """Return how many digits the longest short code of a region has; 0 where there is none."""
    metadata = phonenumbers.PhoneMetadata.short_metadata_for_region(region)
    descs = () if metadata is None else (metadata.general_desc, metadata.emergency)
    lengths = (desc.possible_length for desc in descs if desc is not None)
    return max((max(each, default=0) for each in lengths), default=0)


@cache
def _regions(calling_code: int) -> tuple[_Region, ...]:
    names = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(calling_code, ())
    return tuple(made for name in names if (made := _region(calling_code, name)) is not None)


def _region(calling_code: int, name: str) -> _Region | None:
    find = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code
    metadata = find(calling_code, name)
    if metadata is None:
        return None

    def form(field: str) -> _Form:
        desc = getattr(metadata, field)
        pattern = None if desc is None else desc.national_number_pattern
        return _NONE if not pattern else _Form(frozenset(desc.possible_length), re.compile(pattern))

    return _Region(
        name,
        None if metadata.leading_digits is None else re.compile(metadata.leading_digits),
        form("general_desc"),
        tuple((form(field), kind) for field, kind in _TYPES),
        form("fixed_line"),
        form("mobile"),
        metadata.same_mobile_and_fixed_line_pattern,
    )
