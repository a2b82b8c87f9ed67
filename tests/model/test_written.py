"""What looks like a phone number and is none, two numbers in one cell, and forms of one number."""

from __future__ import annotations

import time

import pytest

from routing_engine.errors import InvalidValueError
from routing_engine.model.destinations import MAX_WRITTEN_LENGTH, Destination
from routing_engine.model.written import fold, read_written
from routing_engine.sheets.phones import read_number


@pytest.mark.parametrize(
    ("text", "region", "what"),
    [
        ("48.8566140", "FR", "a decimal number"),
        ("-81.96799312", "US", "a decimal number"),
        ("+52.520008123", "US", "a decimal number"),
        ("+48.856614012", "PL", "a decimal number"),
        ("4155550111.25", "US", "a decimal number"),
        ("13,4049540", "DE", "a decimal number"),
        ("12.345678", "DK", "a decimal number"),
        ("103.8198765", "SG", "a decimal number"),
        ("-4155550111", "US", "a negative number"),
        ("-33 868 820", "AU", "a negative number"),
        ("48.8566, 2.3522", "FR", "coordinates"),
        ("52.5200 13.4050", "DE", "coordinates"),
        ("(40.7128, -74.0060)", "US", "coordinates"),
        ("-33.8688;151.2093", "AU", "coordinates"),
        ("27.7172° N, 85.3240° E", "NP", "coordinates"),
        ("59°19'45\"N 18°4'7\"E", "SE", "coordinates"),
        ("2024-01-15", "US", "a date"),
        ("15.01.2024", "DE", "a date"),
        ("01/15/2024", "US", "a date"),
        ("15/1/24", "GB", "a date"),
        ("15-01-2024", "NL", "a date"),
        ("2024.01.15", "HU", "a date"),
        ("2024/1/5", "JP", "a date"),
        ("20240115", "DK", "a date"),
        ("20 01 2024", "NO", "a date"),
        ("15 January 2024", "GB", "a date"),
        ("Mär 2023", "DE", None),
        ("2024-01-15T08:30:00", "US", "a date"),
        ("15.01.2024 08:30", "DE", "a date"),
        ("2019-2024", "GT", "a range of years"),
        ("1998/99", "GB", "a range of years"),
        ("2019 – 2024", "CR", "a range of years"),
        ("$1,234,567.00", "US", "an amount of money"),
        ("1.234.567,00 €", "DE", "an amount of money"),
        ("CHF 1234567.50", "CH", "an amount of money"),
        ("Rs. 9841234567", "NP", "an amount of money"),
        ("4,155,550,111", "US", "an amount"),
        ("1.234.567,89", "ES", "an amount"),
        ("1'234'567.00", "CH", "an amount"),
        ("1 234 567,89", "FR", "an amount"),
        ("12,34,567.00", "IN", "an amount"),
        ("45%", "US", "a percentage"),
        ("123.456.789-09", "US", "a Brazilian tax number (CPF)"),
        ("12.345.678/0001-90", "BR", "a Brazilian company number (CNPJ)"),
        ("12.345.678-9", "CL", "a Chilean tax number (RUT)"),
        ("123-45-6789", "PL", "a social security number"),
        ("978-3-16-148410-0", "DE", "an ISBN"),
        ("4111 1111 1111 1111", "US", "the number of a card"),
        ("DE89 3704 0044 0532 0130 00", "DE", "an IBAN"),
        ("552 100 554", "FR", "a company number (SIREN)"),
        ("90210-1234", "PL", "a postal code"),
        ("12345-678", "NO", "a postal code"),
        ("SW1A 1AA", "GB", "a postal code"),
        ("75008", "FR", "an id or a code"),
        ("10115", "DE", "an id or a code"),
        ("560001", "IN", "an id or a code"),
        ("30123456", "DE", "an id or a code"),
        ("02-828", "NO", "an id or a code"),
        ("09:00-17:00", "DE", "a time, or opening hours"),
        ("0900-1700", "NZ", "a time, or opening hours"),
        ("9am-5pm", "US", "a time, or opening hours"),
        ("08.00-18.00", "SE", "a time, or opening hours"),
        ("https://shop.example/4155550111", "US", "a web address"),
        ("www.store4155550111.com", "US", "a web address"),
        ("store.de/030123456", "DE", "a web address"),
        ("store4155550111@shop.example", "US", "an e-mail address"),
        ("192.168.100.101", "DE", "an IP address"),
        ("Fax: 030 123456", "DE", "a fax number"),
        ("#REF!", "US", "the error of a spreadsheet"),
        ("Ann", "US", "text"),
        ("550e8400-e29b-41d4-a716-446655440000", "US", "a UUID"),
    ],
)  # fmt: skip
def test_what_is_no_phone_number_is_refused_by_its_name(text, region, what):
    with pytest.raises(InvalidValueError) as caught:
        Destination.parse(text, region=region)
    assert "is not a phone number" in str(caught.value)
    if what is not None:
        assert f": it looks like {what}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "region", "one", "two"),
    [
        ("030 12345-12/13", "DE", "030 12345-12", "13"),
        ("01204 60001/2", "DE", "01204 60001", "2"),
        ("(0201) 123-4 bis -9", "DE", "(0201) 123-4", "-9"),
        ("030 123456 oder 030 123457", "DE", "030 123456", "030 123457"),
        ("030 123456; 030 123457", "DE", "030 123456", "030 123457"),
        ("030 123456 | 030 123457", "DE", "030 123456", "030 123457"),
        ("030 1234567 030 1234568", "DE", "030 1234567", "030 1234568"),
        ("03012345670301234568", "DE", "0301234567", "0301234568"),
        ("030 123456/030 123457", "DE", "030 123456", "030 123457"),
        ("030 123456 - 030 123459", "DE", "030 123456", "030 123459"),
        ("030 123456-123460", "DE", "030 123456", "123460"),
        ("+49 30 123456 +49 30 123457", "DE", "+49 30 123456", "+49 30 123457"),
        ("020 7946 0958 / 9", "GB", "020 7946 0958", "9"),
        ("020 7946 0958 or 020 7946 0959", "GB", "020 7946 0958", "020 7946 0959"),
        ("415-555-0100/0101", "US", "415-555-0100", "0101"),
        ("(415) 555-0100, (415) 555-0101", "US", "(415) 555-0100", "(415) 555-0101"),
        ("01 42 68 53 00 ou 01 42 68 53 01", "FR", "01 42 68 53 00", "01 42 68 53 01"),
        ("0142685300/0142685301", "FR", "0142685300", "0142685301"),
        ("044 668 18 00 & 044 668 18 01", "CH", "044 668 18 00", "044 668 18 01"),
        ("912 345 678 y 912 345 679", "ES", "912 345 678", "912 345 679"),
        ("02 9876 5432\n02 9876 5433", "AU", "02 9876 5432", "02 9876 5433"),
        ("22 12 34 56 og 22 12 34 57", "NO", "22 12 34 56", "22 12 34 57"),
        ("20 12 34 56 20 12 34 57", "DK", "20 12 34 56", "20 12 34 57"),
        ("01-4112233, 01-4112234", "NP", "01-4112233", "01-4112234"),
        ("501 234 567 lub 501 234 568", "PL", "501 234 567", "501 234 568"),
        ("2 2123 4567 / 2 2123 4568", "CL", "2 2123 4567", "2 2123 4568"),
        ("011 23456789/90", "IN", "011 23456789", "90"),
        ("Tel 4155550100 Tel 4155550101", "US", "Tel 4155550100", "Tel 4155550101"),
    ],
)  # fmt: skip
def test_two_numbers_are_refused_and_both_are_shown(text, region, one, two):
    with pytest.raises(InvalidValueError) as caught:
        Destination.parse(text, region=region)
    assert f"holds two numbers, {one!r} and {two!r}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "region", "dialled"),
    [
        ("0234/123456-106", "DE", "+49234123456106"),
        ("0201-123456", "DE", "+49201123456"),
        ("030/1234567", "DE", "+49301234567"),
        ("030.1234567", "DE", "+49301234567"),
        ("030 - 12345-0", "DE", "+4930123450"),
        ("0049 30 1234567", "DE", "+49301234567"),
        ("0044 20 7946 0958", "US", "+442079460958"),
        ("(+49) 30 1234567", "US", "+49301234567"),
        ("+49 (0)30 1234567", "US", "+49301234567"),
        ("+39 06 698 12345", "US", "+390669812345"),
        ("01/42/68/53/00", "FR", "+33142685300"),
        ("01.42.68.53.00", "FR", "+33142685300"),
        ("02/512.34.56", "BE", "+3225123456"),
        ("20.12.34.56", "DK", "+4520123456"),
        ("6123.4567", "SG", "+6561234567"),
        ("2123-4567", "CR", None),
        ("Tel. 030 1234567", "DE", "+49301234567"),
        ("Phone: (415) 555-0100", "US", "+14155550100"),
        ("\u0664\u0661\u0665 555 \u0660\u0661\u0660\u0660", "US", "+14155550100"),
        ("\u06f0\u06f2\u06f0 7946 0958", "GB", "+442079460958"),
        ("415-555-0100, ext 123", "US", "+14155550100;ext=123"),
        ("415-555-0100; ext. 123", "US", "+14155550100;ext=123"),
        ("01 5123456 DW 12", "AT", "+4315123456;ext=12"),
        ("912 345 678 ext 12", "ES", "+34912345678;ext=12"),
        ("+33 1 42 68 53 00 poste 12", "FR", "+33142685300;ext=12"),
        ("+56 2 2123 4567 anexo 12", "CL", "+56221234567;ext=12"),
        ("+7 495 123-45-67 доб. 12", "RU", "+74951234567;ext=12"),
        ("+55 11 3123-4567 ramal 12", "BR", "+551131234567;ext=12"),
        ("+1 415\u2014555\u20120100", None, "+14155550100"),
    ],
)  # fmt: skip
def test_one_number_in_the_forms_of_its_country_is_read(text, region, dialled):
    if dialled is None:
        dialled = "+506" + text.replace("-", "")
    assert str(Destination.parse(text, region=region)) == dialled


def test_digits_of_every_script_are_digits():
    assert fold("\u0669\u09e7\uff15\u0967") == "9151"


def test_a_text_with_letters_is_no_written_number():
    assert read_written("1-800-FLOWERS") is None
    assert read_written("+1 415 555 0100 x12") == ("+1 415 555 0100", "12")


PUMPED = ["9", "1 ", "1-", "1/", "+1", "(", "12345 ", "1.", "; 12345", " - 12345", "x1", " ", "1e9"]


@pytest.mark.parametrize("unit", PUMPED)
@pytest.mark.parametrize("region", ["US", "DE", None])
def test_a_text_of_a_million_signs_is_refused_at_once(unit, region):
    pumped = unit * (1_000_000 // len(unit))
    started_s = time.process_time()
    with pytest.raises(InvalidValueError, match=r"has \d+ characters"):
        Destination.parse(pumped, region=region)
    with pytest.raises(InvalidValueError):
        read_number(pumped, region)
    assert time.process_time() - started_s < 1


@pytest.mark.parametrize("unit", PUMPED)
def test_the_longest_text_that_is_read_is_refused_soon(unit):
    pumped = (unit * MAX_WRITTEN_LENGTH)[:MAX_WRITTEN_LENGTH]
    started_s = time.process_time()
    with pytest.raises(InvalidValueError):
        Destination.parse(pumped, region="US")
    assert time.process_time() - started_s < 1
