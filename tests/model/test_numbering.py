"""The short way to region and type of a number is what libphonenumber says."""

from __future__ import annotations

import random

import phonenumbers
import pytest
from phonenumbers import PhoneNumber, PhoneNumberType

from routing_engine.model.destinations import DialPolicy
from routing_engine.model.numbering import assigned, longest_short, split
from routing_engine.sheets.phones import OK, REFUSED, REPAIRED, WRONG, NumberReader, read_number


def examples():
    """Calling code and national number of every region and type that there is."""
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in PhoneNumberType.values():
            example = phonenumbers.example_number_for_type(region, kind)
            if example is not None:
                national = phonenumbers.national_significant_number(example)
                yield example.country_code, national
    for code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS:
        example = phonenumbers.example_number_for_non_geo_entity(code)
        yield code, phonenumbers.national_significant_number(example)


def mistyped(cases, n, rng):
    """Numbers with up to three digits changed, and some without their last."""
    for _ in range(n):
        code, national = rng.choice(cases)
        digits = list(national)
        for _ in range(rng.randint(1, 3)):
            digits[rng.randrange(len(digits))] = str(rng.randrange(10))
        yield code, "".join(digits[: len(digits) - (rng.random() < 0.1)]) or "1"


def slowly(code, national):
    zeros = min(len(national) - len(national.lstrip("0")), len(national) - 1)
    number = PhoneNumber(
        country_code=code,
        national_number=int(national),
        italian_leading_zero=zeros > 0 or None,
        number_of_leading_zeros=zeros if zeros > 1 else None,
    )
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.region_code_for_number(number), phonenumbers.number_type(number)


def test_region_and_type_are_those_of_libphonenumber():
    cases = list(examples())
    cases += mistyped(cases, 3000, random.Random(3))
    wrong = [case for case in cases if assigned(*case) != slowly(*case)]
    assert wrong == []


def test_what_is_split_is_what_parsing_splits():
    rng = random.Random(4)
    cases = list(examples())
    for code, national in (*cases, *mistyped(cases, 1000, rng)):
        parts = split(f"{code}{national}")
        if parts is None:
            continue
        parsed = phonenumbers.parse(f"+{code}{national}", None)
        assert parts == (
            parsed.country_code,
            phonenumbers.national_significant_number(parsed),
        )


@pytest.mark.parametrize("region", ["US", "GB", "DE", "CN", "FR"])
def test_no_short_number_is_longer_than_said(region):
    longest = longest_short(region)
    assert 3 <= longest <= 12
    for digits in ("112", "911", "999", "110", "17", "116117"):
        if phonenumbers.is_emergency_number(digits, region):
            assert len(digits) <= longest


@pytest.mark.parametrize("region", ["US", "CA", "JM", "GB", None])
@pytest.mark.parametrize("policy", [DialPolicy(), DialPolicy(countries={"US"})], ids=["any", "US"])
def test_a_number_in_the_usual_groups_is_read_as_by_the_long_way(region, policy):
    def long_way(text):
        try:
            found, repair = read_number(text, region)
        except ValueError:
            return 0, WRONG
        if policy.refusal(found) is not None:
            return 0, REFUSED
        return int(str(found.number)[1:]), OK if repair is None else REPAIRED

    rng = random.Random(5)
    reader = NumberReader(region, policy)
    forms = ("({}) {}-{}", "({}){}-{}", "{}-{}-{}", "{}.{}.{}", "{} {} {}", "{}{}{}")
    for _ in range(300):
        parts = rng.randrange(200, 1000), rng.randrange(200, 1000), f"{rng.randrange(10000):04}"
        for form in forms:
            text = form.format(*parts)
            assert reader.read(text) == long_way(text), text
