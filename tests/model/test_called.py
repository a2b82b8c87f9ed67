"""Lines as businesses write them and as call servers name them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import InvalidValueError, Location
from routing_engine.model.called import called_line, is_line, parse_line

LINE = "+14155550199"

WRITTEN = {
    LINE: LINE,
    "+1 (415) 555-0199": LINE,
    "14155550199": LINE,
    "0014155550199": LINE,
    f"sip:{LINE}@pbx.example.com;user=phone": LINE,
    f"SIPS:{LINE};npdi@pbx.example.com:5061": LINE,
    f'"Front desk" <sip:{LINE}@pbx.example.com>;tag=1': LINE,
    "sip:%2B14155550199@pbx.example.com": LINE,
    "tel:+1-415-555-0199": LINE,
    "2204": "2204",
    "sip:2204@pbx.example.com": "2204",
    " oakland-desk ": "oakland-desk",
    "Oakland_Desk": "Oakland_Desk",
    "*86": "*86",
    "'oakland'": "oakland",
    "sip:'o'neill@pbx.example.com": "o'neill",
}
NATIONAL = ("(415) 555-0199", "4155550199", "1-415-555-0199", "sip:4155550199@pbx.example.com")
NO_LINES = (
    *("", "   ", "sip:pbx.example.com", "front desk", "a|b", "a,b", "a;b", "+abc", "+1415555019"),
    *(
        "4155550199",
        "(415) 555-0199",
        "1000123",
        f"{LINE};ext=3",
        "x" * 129,
        "1" * 600,
        "déjà",
        "''",
    ),
)


@pytest.mark.parametrize("written", WRITTEN)
def test_a_line_has_one_form_however_it_is_written_and_called(written):
    assert parse_line(written) == WRITTEN[written]
    assert called_line(written) == WRITTEN[written]
    assert is_line(WRITTEN[written])


@pytest.mark.parametrize("written", NATIONAL)
def test_national_numbers_are_those_of_the_region(written):
    assert parse_line(written, region="US") == LINE
    assert called_line(written, region="US") == LINE
    with pytest.raises(InvalidValueError, match=r"no whole number; write the line as E\.164"):
        parse_line(written)


@pytest.mark.parametrize("written", NO_LINES)
def test_what_is_no_line_is_refused(written):
    with pytest.raises(InvalidValueError):
        parse_line(written)


def test_a_mistyped_national_number_is_not_taken_for_one_abroad():
    assert parse_line("442079460958") == "+442079460958"
    with pytest.raises(InvalidValueError, match="no whole number of region US"):
        parse_line("442079460958", region="US")


def test_a_national_number_that_was_called_is_never_one_abroad():
    # +41 55 ... is Switzerland, where "4155550199" would be short of its plus.
    assert called_line("(415) 555-0199", region="US") == LINE
    assert called_line("(415) 555-0199") is None


@given(st.text(max_size=40), st.sampled_from([None, "US", "GB"]))
def test_whatever_was_called_is_a_line_in_its_one_form_or_none(text, region):
    line = called_line(text, region=region)
    assert line is None or is_line(line)
    try:
        parsed = parse_line(text, region=region)
    except InvalidValueError:
        return
    assert called_line(text, region=region) == parsed
    assert parse_line(parsed, region=region) == parsed


def test_a_location_keeps_each_line_once():
    location = Location(
        location_id="a", default_destination="+14155550100", lines=(LINE, f"tel:{LINE}", "2204")
    )
    assert location.lines == (LINE, "2204")
    with pytest.raises(InvalidValueError, match=r"lines\.1: 'front desk' is not a line"):
        Location(location_id="a", default_destination=LINE, lines=("2204", "front desk"))
    with pytest.raises(InvalidValueError, match="at most 1000 items"):
        Location(location_id="a", default_destination=LINE, lines=[f"user{i}" for i in range(1001)])
