"""What platforms write as the caller."""

from __future__ import annotations

import pytest

from routing_engine.model.caller import Caller

US = "+12025550188"


@pytest.mark.parametrize(
    ("text", "region", "number", "name"),
    [
        (US, None, US, ""),
        ("12025550188", None, US, ""),
        ("2025550188", "US", US, ""),
        ("(202) 555-0188", "US", US, ""),
        ("202.555.0188", "US", US, ""),
        ("2025550188", None, None, ""),
        ("020 7946 0958", "GB", "+442079460958", ""),
        ("00442079460958", "US", "+442079460958", ""),
        ("442079460958", "GB", "+442079460958", ""),
        ("030 23125123", "DE", "+493023125123", ""),
        ("01 99 00 12 34", "FR", "+33199001234", ""),
        ("sip:+12025550188@sip.example.com", None, US, ""),
        ("sip:12025550188@sip.example.com;user=phone", None, US, ""),
        ("sip:2025550188@10.0.0.1:5060", "US", US, ""),
        ("tel:+1-202-555-0188", None, US, ""),
        ("tel:2025550188;phone-context=+1", "US", US, ""),
        ('"Ann Lee" <sip:+12025550188@sip.example.com>;tag=a1b2', None, US, "Ann Lee"),
        ("Ann Lee <sip:+12025550188@sip.example.com>", None, US, "Ann Lee"),
        ("<sip:+12025550188@sip.example.com>;tag=1", None, US, ""),
        ('"Lee, \\"Ann\\"" <tel:+12025550188>', None, US, 'Lee, "Ann"'),
        ("sip:alice@example.com", "US", None, ""),
        ("2204", "US", None, ""),
        ("unknown", "US", None, ""),
        ("+8656696", None, None, ""),
    ],
)
def test_a_number_is_read_as_platforms_write_it(text, region, number, name):
    found = Caller.reported(text, region=region)
    assert (found.number, found.name, found.anonymous) == (number, name, False)


@pytest.mark.parametrize(
    "text",
    [
        "anonymous", "Anonymous", "restricted", "private", "blocked", "withheld",
        "sip:anonymous@anonymous.invalid", '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1',
        "<sip:anonymous@anonymous.invalid>", "+266696687", "sip:Restricted@example.com",
        '"Anonymous" <sip:+12025550188@sip.example.com>',
    ],
)  # fmt: skip
def test_a_caller_who_withholds_the_number_is_anonymous(text):
    found = Caller.reported(text, region="US")
    assert (found.number, found.anonymous) == (None, True)
