"""What platforms write as the caller."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routing_engine import Destination
from routing_engine.integrations import sip
from routing_engine.model.caller import Caller
from routing_engine.model.reported import is_withheld_name
from routing_engine.text.lines import ascii_line

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
        # Punctuation, and characters that only a screen shows.
        ("+1.202.555.0188", None, US, ""),
        ("\u202a+1 (202) 555\u20110188\u202c", None, US, ""),
        ("\uff0b\uff11\uff12\uff10\uff12\uff15\uff15\uff15\uff10\uff11\uff18\uff18", None, US, ""),
        ("+44 (0)20 7946 0958", None, "+442079460958", ""),
        ("030/23125123", "DE", "+493023125123", ""),
        ("+1 202 555 0188 x12", None, US, ""),
        ("+12025550188,,12", None, None, ""),
        # URIs with what may stand in them.
        ("sip:%2B12025550188@sip.example.com", None, US, ""),
        ("sip:2025550188:secret@10.0.0.1", "US", US, ""),
        ("sips:+12025550188;isub=1@[2001:db8::1]:5061;transport=tls", None, US, ""),
        ("sip:+12025550188@sip.example.com?Subject=x", None, US, ""),
        ("SIP:+12025550188;cpc=payphone@SIP.example.com", None, US, ""),
        ("tel:2025550188;phone-context=+1", None, US, ""),
        ("tel:7946-0958;phone-context=+44-20", None, "+442079460958", ""),
        ("sip_+12025550188", None, US, ""),
        # Whole headers.
        ('From: "Ann Lee" <sip:+12025550188@a.example>;tag=1', None, US, "Ann Lee"),
        ('"Ann Lee" <sip:ann@a.example>, <tel:+12025550188>', None, US, "Ann Lee"),
        ("P-Asserted-Identity: <sip:+12025550188@a.example>,<tel:+12025550100>", None, US, ""),
        ('"Lee; Ann, Dr." <sip:+12025550188@a.example>;tag=1', None, US, "Lee; Ann, Dr."),
        ('"Ann Lee" <2025550188>', "US", US, "Ann Lee"),
        ('"" <sip:+12025550188@a.example>', None, US, ""),
        # Digits without a plus: E.164 where national numbers begin with a trunk prefix.
        ("2025550188", "us", US, ""),
        ("011442079460958", "US", "+442079460958", ""),
        ("6598765432", "US", "+16598765432", ""),
        ("4930123456", "DE", "+4930123456", ""),
        ("2079460958", "GB", "+442079460958", ""),
        ("34912345678", "ES", "+34912345678", ""),
        ("912345678", "ES", "+34912345678", ""),
        ("390612345678", "IT", "+390612345678", ""),
        ("0612345678", "IT", "+390612345678", ""),
        ("0312345678", "JP", "+81312345678", ""),
        ("81312345678", "JP", "+81312345678", ""),
        ("8 495 123-45-67", "RU", "+74951234567", ""),
        ("74951234567", "RU", "+74951234567", ""),
        ("0011 44 20 7946 0958", "AU", "+442079460958", ""),
        ("022 123 45 67", "CH", "+41221234567", ""),
        ("011 2345 6789", "AR", "+541123456789", ""),
        ("(11) 91234-5678", "BR", "+5511912345678", ""),
        ("22 12 34 56", "NO", "+4722123456", ""),
        ("2025550188", "XX", None, ""),
        ("911", "US", None, ""),
        ("", "US", None, ""),
        ("unavailable", "US", None, ""),
        ("Unknown Caller", "US", None, ""),
        ("sip:unavailable@unknown.invalid", "US", None, ""),
        ('"Jane" <sip:unavailable@unknown.invalid>', "US", None, "Jane"),
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
        '"Anonymous" <sip:+12025550188@sip.example.com>', "anonymous@anonymous.invalid",
        "Private Number", "PRIVATE CALLER", "Number Withheld", "Withheld number", "No Caller ID",
        "Caller ID blocked", "Restricted Number", "hidden", "anonym", "Anonyme", "anónimo",
        "Número oculto", "Rufnummer unterdrückt", "Numéro masqué", "anoniem",
        "sip:c8oqz84zk7z@anonymous.invalid;tag=1", "From: Anonymous <sip:c8oqz@anonymous.invalid>",
        "+7378742833", "tel:anonymous", "<sip:anonymous@10.0.0.1:5060>;tag=x", '"Private" <sip:0@x>',
    ],
)  # fmt: skip
def test_a_caller_who_withholds_the_number_is_anonymous(text):
    found = Caller.reported(text, region="US")
    assert (found.number, found.anonymous) == (None, True)


@pytest.mark.parametrize(
    "text",
    [
        "Remote-Party-ID: <sip:+12025550188@a.example>;party=calling;privacy=full;screen=yes",
        '"Ann" <sip:+12025550188@a.example>;privacy="uri"',
    ],
)
def test_a_number_that_comes_with_a_wish_for_privacy_is_kept_from_others(text):
    found = Caller.reported(text)
    assert (found.number, found.anonymous, found.shown) == (US, True, None)


NUMBERS = st.from_regex(r"\+[1-9][0-9]{6,13}", fullmatch=True)
NAMES = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        ["", "Ann Lee", 'Lee, "Ann"', "O'Neil; jr", "Ann <x>", "a\\", "Zoë", "Private"]
    ),
)
PEERS = st.builds(
    sip.Peer,
    st.sampled_from(["gw.example", "10.0.0.1:5060", "[2001:db8::1]", "[2001:db8::1]:5061"]),
    trusted=st.just(True),
    honours_privacy=st.booleans(),
)


@given(NUMBERS | st.none(), NAMES, st.booleans(), st.booleans(), PEERS)
def test_whatever_an_invite_says_of_the_caller_is_read_back(
    number, name, anonymous, verified, peer
):
    caller = Caller(number, name, anonymous, verified)
    headers = dict(sip.invite(caller, Destination("+14155550111"), peer=peer))
    for tag in ("", ";tag=a1"):
        for header in ("", "From: "):
            read = Caller.reported(f"{header}{headers['From']}{tag}")
            if anonymous:
                assert read == Caller(anonymous=True)
                continue
            assert (read.number, read.anonymous) == (number, False)
            assert read.name == ("" if is_withheld_name(name) else ascii_line(name, 64))
    asserted = headers.get("P-Asserted-Identity")
    if asserted is not None:
        read = Caller.reported(asserted, privacy=headers.get("Privacy", ""), verified=True)
        assert (read.number, read.anonymous, read.verified) == (number, anonymous, True)


@given(st.text(max_size=600))
@example("<" * 600)
@example('"' * 600)
@example('"\\' * 300)
@example("sip:" * 200)
@example("a <" * 200)
def test_anything_is_read(text):
    assert isinstance(Caller.reported(text, region="US"), Caller)
