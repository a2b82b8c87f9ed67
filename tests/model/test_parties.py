"""Which destinations come back to the call itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import Caller, Destination, InvalidValueError
from routing_engine.model.parties import NOBODY, Parties, line_of

US, GB, DE, FR, AU = (
    "+14155550100", "+442079460958", "+493023125123", "+33199001234", "+61291234567",
)  # fmt: skip


@pytest.mark.parametrize(
    ("called", "destination"),
    [
        (US, US),
        (US, f"{US};ext=12"),
        ("14155550100", US),
        ("4155550100", US),
        ("(415) 555-0100", US),
        ("415.555.0100", US),
        ("tel:+1-415-555-0100", US),
        ("sip:+14155550100@sip.example.com;user=phone", US),
        ('"Main Street" <sip:+14155550100@10.0.0.1:5060>;tag=7', US),
        ("sip:4155550100@10.0.0.1", "sip:4155550100@10.0.0.1"),
        (US, "sip:+14155550100@trunk.example.com"),
        (US, "sip:14155550100@trunk.example.com;user=phone"),
        (US, "sip:4155550100@trunk.example.com"),
        (GB, GB),
        ("020 7946 0958", GB),
        ("442079460958", GB),
        ("0044 20 7946 0958", GB),
        (DE, DE),
        ("030 23125123", DE),
        ("03023125123", "+493023125123;ext=4"),
        ("01 99 00 12 34", FR),
        ("0033199001234", FR),
        ("(02) 9123 4567", AU),
        ("sip:store42@agent.example.com", "sip:store42@agent.example.com"),
        ("sip:Store42@Agent.Example.com:5060;transport=tcp", "sip:store42@agent.example.com"),
        ("store42", "sip:store42@pbx.example.com"),
        ("2204", "sip:2204@pbx.example.com"),
        ("<sip:2204@pbx.example.com>", "sip:2204@pbx.example.com:5061"),
        ("sip:[2001:db8::1]", "sip:[2001:db8::1]:5062"),
    ],
)
def test_the_line_that_was_called_is_known_however_it_is_written(called, destination):
    assert Parties.of(called=called).has(Destination.parse(destination))
    assert Parties.of(called=Destination.parse(destination)).has(Destination.parse(destination))


@pytest.mark.parametrize(
    ("called", "destination"),
    [
        (US, "+14155550111"),
        ("4155550100", GB),
        ("030 23125123", "+493023125124"),
        ("sip:store42@agent.example.com", "sip:store42@pbx.example.com"),
        ("sip:+14155550100@sip.example.com", "sip:reception@sip.example.com"),
        ("2204", "sip:2205@pbx.example.com"),
        ("2204", f"{US};ext=2204"),
        ("5550100", US),
        ("", US),
        ("anonymous", US),
        ("…", "sip:2204@pbx.example.com"),
    ],
)
def test_another_line_is_another(called, destination):
    assert not Parties.of(called=called).has(Destination.parse(destination))


def test_a_callers_own_number_is_known_and_an_extension_behind_it_is_another_phone():
    caller = "+12025550188"
    for given_as in (
        caller,
        "12025550188",
        f"sip:{caller}@x.example",
        Caller(caller, anonymous=True),
    ):
        parties = Parties.of(given_as)
        assert parties.has(Destination(caller))
        assert parties.has(Destination.parse(f"sip:{caller}@trunk.example.com"))
        assert not parties.has(Destination(caller, extension="12"))
        assert not parties.has(Destination(US))


@pytest.mark.parametrize(
    ("called", "written", "number"),
    [
        (US, "2025550188", "+12025550188"),
        (GB, "020 7183 8750", "+442071838750"),
        (DE, "030 23125124", "+493023125124"),
        (FR, "0199001235", "+33199001235"),
        ("sip:+61291234567@x.example", "0291234568", "+61291234568"),
    ],
)
def test_a_callers_national_number_is_of_the_country_that_was_called(called, written, number):
    assert Parties.of(written, called).caller == number


def test_who_is_not_known_is_nobody():
    assert Parties.of() is NOBODY
    assert Parties.of("anonymous", "") is NOBODY
    assert not NOBODY.has(Destination(US))


@pytest.mark.parametrize("given", [{"called": 14155550100}, {"caller": 12025550188}])
def test_neither_is_of_another_type(given):
    with pytest.raises(
        InvalidValueError, match=r"is a str, a (Destination|Caller) or None, not int"
    ):
        Parties.of(**given)


@given(st.text(max_size=60))
def test_any_text_is_read(text):
    assert line_of(line_of(text)) == line_of(text)
    Parties.of(text, text).has(Destination(US))
