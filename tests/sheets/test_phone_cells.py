"""Thousands of cells: what is no number never becomes a destination, and every number does."""

from __future__ import annotations

import random

import phonenumbers
import pytest

from routing_engine.errors import InvalidValueError
from routing_engine.sheets.phones import read_number

from .phone_cells import REGIONS, no_numbers, numbers, pairs, written_forms

FULL = pytest.param(20, marks=pytest.mark.slow, id="full")


def _read(cell, region):
    try:
        return read_number(cell, region)[0]
    except InvalidValueError:
        return None


@pytest.mark.parametrize("n_thousand", [3, pytest.param(100, marks=pytest.mark.slow, id="full")])
def test_no_cell_of_another_kind_becomes_a_destination(n_thousand):
    rng = random.Random(7)
    cells = [(cell, rng.choice(REGIONS)) for cell in no_numbers(n_thousand * 1000, seed=7)]
    assert [cell for cell in cells if _read(*cell) is not None] == []


@pytest.mark.parametrize("n_thousand", [1, FULL])
def test_no_cell_of_two_numbers_becomes_a_destination(n_thousand):
    found = [
        (cell, region)
        for region, cell in pairs(n_thousand * 1000, seed=8)
        if _read(cell, region) is not None
    ]
    assert found == []


@pytest.mark.parametrize("n_thousand", [0.5, FULL])
def test_a_number_is_read_in_each_of_its_eight_forms(n_thousand):
    wrong = []
    for region, number in numbers(int(n_thousand * 1000), seed=9):
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        for form in written_forms(number):
            found = _read(form, region)
            if found is None or found.number != e164:
                wrong.append((region, form, str(found)))
    assert wrong == []


@pytest.mark.parametrize(
    ("cell", "region", "which"),
    [
        ("442079460958", "US", "+442079460958 of GB"),
        ("4930123456", "US", None),
        ("12025550188", "IT", None),
        ("33142685300", "US", "+33142685300 of FR"),
        ("61298765432", "US", "+61298765432 of AU"),
        ("41446681800", "FR", None),
        ("390612345678", "GB", "+390612345678 of IT"),
        ("34912345678", "US", "+34912345678 of ES"),
    ],
)
def test_a_number_is_never_repaired_into_another_countrys(cell, region, which):
    with pytest.raises(InvalidValueError) as caught:
        read_number(cell, region)
    if which is not None:
        assert f"if it is {which}, write it with the +" in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "dialled", "repair"),
    [
        ('="2025550101"', "+12025550101", "a formula around it"),
        ("=2025550101", "+12025550101", "a formula around it"),
        ('=""+12025550101""', "+12025550101", "a formula around it"),
        ("\u0662\u0660\u0662 555 0101", "+12025550101", "digits of another script"),
        ("2025550101.0", "+12025550101", "a decimal part of zeros"),
        ("2025550101.00", "+12025550101", "a decimal part of zeros"),
    ],
)
def test_what_a_spreadsheet_put_around_a_number_is_removed(cell, dialled, repair):
    found, what = read_number(cell, "US")
    assert (str(found), what) == (dialled, repair)


@pytest.mark.parametrize(
    ("cell", "region", "dialled"),
    [
        ("4006381333931", "DE", None),  # an EAN
        ("1700000000000", "AT", None),  # milliseconds
        ("4930123456789", "DE", "+4930123456789"),
        ("5511987654321", "BR", "+5511987654321"),
        ("8613812345678", "CN", "+8613812345678"),
    ],
)
def test_thirteen_digits_are_a_number_by_the_code_of_the_country_alone(cell, region, dialled):
    found = _read(cell, region)
    assert (None if found is None else str(found)) == dialled


@pytest.mark.parametrize(
    ("cell", "region", "dialled"),
    [
        ("13 12 34", "AU", "+61131234"), ("131234", "AU", None), ("13 12 34", "DE", None),
        ("20 12 34", "FO", "+298201234"), ("32 10 24", "GL", "+299321024"),
        ("12 05 2024", "DE", None), ("30 12 24", "DE", None),
    ],
)  # fmt: skip
def test_short_numbers_are_told_from_dates_and_ids_by_the_groups_of_their_country(
    cell, region, dialled
):
    found = _read(cell, region)
    assert (None if found is None else str(found)) == dialled


def test_an_amount_of_eight_digits_is_no_number():
    assert _read("21234567.00", "DK") is None
    assert str(_read("21234567.0", "DK")) == "+4521234567"
