"""What is a destination, what is not and why, and what may be dialled."""

from __future__ import annotations

import dataclasses
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import Destination, DialPolicy, InvalidValueError
from routing_engine.model.destinations import (
    DEFAULT_DIAL_POLICY,
    NUMBER_TYPES,
    as_kept,
    kept_destination,
    parse_destination,
)
from routing_engine.sheets.phones import REFUSED, NumberReader
from tests.support.strategies import any_destinations, extensions, keys, sip_uris


@pytest.mark.parametrize(
    ("text", "region", "dialled"),
    [
        ("+14155550100", None, "+14155550100"),
        ("+1 (415) 555-0100", None, "+14155550100"),
        ("+1.415.555.0100", None, "+14155550100"),
        ("tel:+1-415-555-0100", None, "+14155550100"),
        ("TEL:+14155550100;ext=7", None, "+14155550100;ext=7"),
        ("  +14155550100\u00a0", None, "+14155550100"),
        ("＋１４１５５５５０１００", None, "+14155550100"),
        ("+1\u2010415\u2011555\u20120100", None, "+14155550100"),
        ("+1 415\u2013555\u20130100", None, "+14155550100"),
        ("(415) 555-0100", "US", "+14155550100"),
        ("1 415 555 0100", "US", "+14155550100"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("+44 20 7946 0958", "US", "+442079460958"),
        ("+39 06 1234 5678", None, "+390612345678"),
        ("+14155550100;ext=12", None, "+14155550100;ext=12"),
        ("+14155550100x12", None, "+14155550100;ext=12"),
        ("(415) 555-0100 ext. 12", "US", "+14155550100;ext=12"),
        ("(415) 555-0100 Extension: 12", "US", "+14155550100;ext=12"),
        ("(415) 555-0100 extn 012", "US", "+14155550100;ext=012"),
        ("(415) 555-0100 #12#", "US", "+14155550100;ext=12"),
        ("+800 1234 5678", None, "+80012345678"),
    ],
)
def test_phone_numbers_are_read_as_people_write_them(text, region, dialled):
    assert str(Destination.parse(text, region=region)) == dialled


@pytest.mark.parametrize(
    ("text", "region", "reason"),
    [
        ("", None, "empty; a phone number or SIP URI is needed"),
        (" \t\u00a0", None, "empty; a phone number or SIP URI is needed"),
        ("1-800-FLOWERS", "US", "is not a phone number (E.164 or national format for region US)"),
        ("555 01A2", "US", "'555 01A2' is not a phone number"),
        ("+1O4155550100", None, "is not a phone number (E.164)"),
        ("+", None, "is not a phone number"),
        ("-", "US", "is not a phone number"),
        ("4155550100", None, "'********00' has no country code"),
        ("555-0100", "US", "too short to be a phone number"),
        ("+1415555", None, "too short to be a phone number"),
        ("+141555501001", None, "too long to be a phone number"),
        ("+1415555010012345678901", None, "is not a phone number"),
        ("+999123456789", None, "is not a phone number (E.164)"),
        ("+2101234567", None, "is not a phone number (E.164)"),
        ("+1 000 555 0100", None, "is not an assigned phone number"),
        ("911", "US", "'911' is an emergency number; a call is never sent there"),
        ("9-1-1", "US", "is an emergency number"),
        ("999", "GB", "is an emergency number"),
        ("112", "DE", "is an emergency number"),
        ("411", "US", "'411' is a short code, not a phone number"),
        ("7", "US", "'7' is not a phone number"),
        ("+14155550100x123456789012", None, "is not 1 to 11 digits"),
        ("+14155550100 x", None, "is not a phone number"),
        ("+14155550100,12", None, "is not a phone number"),
        ("+14155550100\nx", None, "is not a phone number"),
        ("9" * 80, None, "has no country code"),
    ],
)
def test_what_is_no_phone_number_is_refused_with_the_reason(text, region, reason):
    with pytest.raises(InvalidValueError) as caught:
        Destination.parse(text, region=region)
    assert reason in str(caught.value)


def test_a_long_refused_text_is_shown_shortened():
    with pytest.raises(InvalidValueError) as caught:
        Destination.parse("call " * 40)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("value", [None, 14155550100, 4.1e9, b"+14155550100"])
def test_only_text_is_parsed(value):
    with pytest.raises(InvalidValueError, match=r"a destination is a str, not "):
        parse_destination(value)


@pytest.mark.parametrize("region", ["us", "USA", "", "XX"])
def test_an_unknown_region_is_refused(region):
    with pytest.raises(InvalidValueError, match="is not a two-letter country code"):
        Destination.parse("(415) 555-0100", region=region)


def test_an_extension_may_be_given_beside_the_number():
    assert Destination.parse("+14155550100", extension=" 12 ").extension == "12"
    assert Destination.parse("+14155550100", extension=" ").extension is None
    assert Destination.parse("+14155550100 x12", extension="12").extension == "12"


@pytest.mark.parametrize(
    ("text", "extension", "reason"),
    [
        ("+14155550100", "12a", "extension '12a' is not 1 to 11 digits"),
        ("+14155550100", "1" * 12, "is not 1 to 11 digits"),
        ("+14155550100x12", "13", "two different extensions: '12' in the number and '13'"),
        ("sip:desk@example.com", "12", "a SIP destination has no extension"),
    ],
)
def test_a_wrong_extension_is_refused(text, extension, reason):
    with pytest.raises(InvalidValueError) as caught:
        Destination.parse(text, extension=extension)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("sip:desk@example.com", "sip:desk@example.com"),
        ("SIPS:Desk@Example.COM", "sips:Desk@example.com"),
        ("sip:example.com", "sip:example.com"),
        ("sip:desk@example.com.", "sip:desk@example.com."),
        ("sip:desk@example.com:05060", "sip:desk@example.com:5060"),
        ("sip:desk@192.0.2.7", "sip:desk@192.0.2.7"),
        ("sip:desk@[2001:DB8::7]:5061", "sip:desk@[2001:db8::7]:5061"),
        ("sip:+14155550100@example.com;user=phone", "sip:+14155550100@example.com;user=phone"),
        ("sip:desk@example.com;transport=tls;lr", "sip:desk@example.com;transport=tls;lr"),
        (" sip:desk@example.com ", "sip:desk@example.com"),
    ],
)
def test_sip_uris_are_read_into_canonical_form(text, canonical):
    destination = Destination.parse(text)
    assert destination == Destination(sip_uri=canonical)
    assert str(destination) == canonical
    assert (destination.number, destination.extension) == (None, None)
    assert (destination.country, destination.number_type) == (None, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sip:", "is not a SIP URI (sip:user@host[:port][;parameter])"),
        ("sip:@example.com", "is not a SIP URI"),
        ("sip:desk:secret@example.com", "is not a SIP URI"),
        ("sip:desk@example.com?Replaces=x", "headers ('?…') are not allowed"),
        ("sip:desk@example.com\r\nTo: x", "is not a SIP URI"),
        ("sip:desk@example.com\n", "is not a SIP URI"),
        ("sip:%64esk@example.com", "is not a SIP URI"),
        ("sip:desk@example.com;a=", "is not a SIP URI"),
        ("sip:desk@exa_mple.com", "is not a SIP URI"),
        ("sip:desk@-example.com", "-example.com is not a host name"),
        ("sip:desk@example..com", "example..com is not a host name"),
        ("sip:desk@.", ". is not an IPv4 address"),
        ("sip:desk@a..", "a.. is not a host name"),
        ("sip:desk@" + "a" * 64 + ".com", "is not a host name"),
        ("sip:desk@192.0.2.700", "192.0.2.700 is not an IPv4 address"),
        ("sip:desk@1.2.3", "1.2.3 is not an IPv4 address"),
        ("sip:desk@[2001:db8::zz]", "is not a SIP URI"),
        ("sip:desk@[2001:db8:::7]", "[2001:db8:::7] is not an IPv6 address"),
        ("sip:desk@example.com:0", "port 0 is not 1 to 65535"),
        ("sip:desk@example.com:65536", "port 65536 is not 1 to 65535"),
        ("sip:desk@example.com:123456", "is not a SIP URI"),
        ("sip:desk@" + "example." * 32, "a SIP URI of 265 characters; at most 255"),
        ("http://example.com", "is not a phone number"),
    ],
)
def test_what_is_no_sip_uri_is_refused_with_the_reason(text, reason):
    with pytest.raises(InvalidValueError) as caught:
        Destination.parse(text)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "either a number or a sip_uri"),
        ({"number": "+14155550100", "sip_uri": "sip:example.com"}, "either a number or a sip_uri"),
        ({"number": "4155550100"}, "'4155550100' is not an E.164 number"),
        ({"number": "+14155550100 "}, "is not an E.164 number"),
        ({"number": "+14155550100\n"}, "is not an E.164 number"),
        ({"number": 14155550100}, "is not an E.164 number"),
        ({"number": "+10005550100"}, "is not an assigned phone number"),
        ({"number": "+2101234567"}, "is not a phone number (E.164)"),
        ({"number": "+14155550100", "extension": ""}, "extension '' is not 1 to 11 digits"),
        ({"number": "+14155550100", "extension": "1\n"}, "is not 1 to 11 digits"),
        ({"number": "+14155550100", "extension": "\u0661"}, "is not 1 to 11 digits"),
        ({"number": "+14155550100", "extension": 12}, "is not 1 to 11 digits"),
        ({"sip_uri": "sip:example.com", "extension": "1"}, "a SIP destination has no extension"),
        ({"sip_uri": "SIP:example.com"}, "is not in canonical form"),
        ({"sip_uri": "sip:exam ple.com"}, "is not a SIP URI"),
        ({"sip_uri": 5}, "is not a SIP URI"),
    ],
)
def test_the_constructor_takes_canonical_values_only(fields, reason):
    with pytest.raises(InvalidValueError) as caught:
        Destination(**fields)
    assert reason in str(caught.value)


def test_an_extension_that_is_not_text_is_an_invalid_value():
    with pytest.raises(InvalidValueError):
        Destination.parse("+14155550100", extension=12)


@given(any_destinations)
def test_parsing_what_is_dialled_gives_the_destination_back(destination):
    assert Destination.parse(str(destination)) == destination


@given(any_destinations)
def test_destinations_are_values(destination):
    twin = Destination(destination.number, destination.extension, destination.sip_uri)
    assert twin == destination
    assert hash(twin) == hash(destination)
    assert pickle.loads(pickle.dumps(destination)) == destination
    with pytest.raises(dataclasses.FrozenInstanceError):
        destination.number = "+14155550199"


@given(st.none() | extensions | keys, st.none() | extensions | keys)
def test_equality_is_by_number_and_extension(first, second):
    number = "+14155550100"
    assert (Destination(number, first) == Destination(number, second)) == (first == second)
    assert Destination(number, first) != Destination("+14155550101", first)


@given(any_destinations)
def test_masked_hides_all_but_two_digits(destination):
    digits = "".join(filter(str.isdigit, destination.masked))
    if destination.sip_uri is not None:
        assert destination.masked in ("sip:***", "sips:***")
    elif destination.extension is None:
        assert digits == str(destination)[-2:]
    else:
        assert destination.masked.endswith((";ext=**", ";postd=**"))
        assert len(digits) <= 2


_HOSTILE = ("\r", "\n", "\r\n", "?", '"', "<", ">", " ", "\t", "\0", "\\", "\u2028", "\x85", "%0d")


@given(
    sip_uris(),
    st.sampled_from(_HOSTILE),
    st.integers(min_value=0),
    st.text(max_size=10),
)
def test_no_text_with_a_header_in_it_is_a_sip_destination(uri, hostile, at, rest):
    at = 4 + at % (len(uri) - 4)  # within the text: white space around it is stripped
    text = f"{uri[:at]}{hostile}{rest}{uri[at:]}"
    with pytest.raises(InvalidValueError):
        Destination.parse(text)
    with pytest.raises(InvalidValueError):
        Destination(sip_uri=text)


@given(sip_uris(), st.characters(min_codepoint=128), st.integers(min_value=0))
def test_no_text_outside_ascii_is_a_sip_destination(uri, character, at):
    at %= len(uri) - 1
    text = uri[: at + 1] + character + uri[at + 1 :]
    with pytest.raises(InvalidValueError):
        Destination.parse(text)


@given(st.one_of(st.text(), st.text().map("sip:".__add__), st.text().map("sip:a@b".__add__)))
def test_a_sip_destination_can_stand_in_a_header_as_it_is(text):
    try:
        uri = Destination.parse(text).sip_uri
    except InvalidValueError:
        return
    if uri is not None:
        assert all("!" <= character <= "~" for character in uri)
        assert not set(uri) & set('?"<>\\%')


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("sip:desk@pbx.example;a%", "not a SIP URI"),
        ("sip:desk@pbx.example;a`b", "not a SIP URI"),
        ("sip:desk@pbx.example;x=1;X=2", "parameter 'x' comes twice"),
        ("sip:desk@10.1", "10.1 is not an IPv4 address"),
        ("sip:desk@pbx.7a", "pbx.7a is not a host name"),
        ("sip:desk@7a", "7a is not a host name"),
    ],
)
def test_a_sip_uri_is_one_of_rfc_3261(uri, reason):
    with pytest.raises(InvalidValueError, match=reason):
        Destination.parse(uri)


class TestKeys:
    """What is dialled after the number answers, with pauses and keys."""

    @pytest.mark.parametrize(
        ("text", "canonical"),
        [
            ("+14155550100;ext=12", "+14155550100;ext=12"),
            ("+14155550100 x12", "+14155550100;ext=12"),
            ("+14155550100, ext. 12", "+14155550100;ext=12"),
            ("+14155550100, press 1", "+14155550100;ext=1"),
            ("+14155550100 (ext 12)", "+14155550100;ext=12"),
            ("(415) 555-0100 [x12]", "+14155550100;ext=12"),
            ("415-555-0100 opt. 2", "+14155550100;ext=2"),
            ("+1 415 555 0100 , , 12 #", "+14155550100;postd=pppp12#"),
            ("+14155550100,,12#", "+14155550100;postd=pppp12#"),
            ("+14155550100 , , 12", "+14155550100;postd=pppp12"),
            ("+14155550100,12#", "+14155550100;postd=pp12#"),
            ("(415) 555-0100p12", "+14155550100;postd=pp12"),
            ("415.555.0100 w12", "+14155550100;postd=pp12"),
            ("+14155550100,,1,,2", "+14155550100;postd=pppp1pppp2"),
            ("+14155550100,,*12#", "+14155550100;postd=pppp*12#"),
            ("+14155550100;postd=pppp12#", "+14155550100;postd=pppp12#"),
            ("tel:+14155550100;postd=p1", "+14155550100;postd=p1"),
        ],
    )
    def test_one_form_is_kept_of_each_way_to_write_them(self, text, canonical):
        destination = Destination.parse(text, region="US")
        assert str(destination) == canonical
        assert Destination.parse(canonical) == destination
        with as_kept():
            assert kept_destination(canonical) == destination

    @pytest.mark.parametrize(
        "text",
        [
            "+14155550100,12", "+14155550100,,", "+14155550100;postd=", "+14155550100;postd=p",
            "+14155550100;postd=12w", f"+14155550100{',' * 11}1", "+14155550100,,12a",
            "+14155550100;ext=1;postd=p2", f"+14155550100,,{'1' * 40}",
        ],
    )  # fmt: skip
    def test_what_is_neither_a_number_nor_keys_is_refused(self, text):
        with pytest.raises(InvalidValueError):
            Destination.parse(text, region="US")

    def test_keys_may_be_given_beside_the_number(self):
        for written, kept in (
            (",,12#", "pppp12#"),
            ("pp12#", "pp12#"),
            ("12#", "12#"),
            ("12", "12"),
        ):
            assert Destination.parse("+14155550100", extension=written).extension == kept

    def test_keys_are_hidden_like_an_extension(self):
        assert Destination("+14155550100", "pp1234#").masked == "+*********00;postd=**"

    def test_a_sip_uri_may_name_a_number_with_its_extension(self):
        uri = "sip:+14155550100;ext=12@gw.example.com;user=phone"
        assert str(Destination.parse(uri)) == uri


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("sip:+19005551234@gw.example", "premium rate numbers are refused"),
        ("sip:+1-900-555-1234@gw.example", "premium rate numbers are refused"),
        ("sip:19005551234@gw.example", "premium rate numbers are refused"),
        ("sip:+19005551234;ext=12@gw.example;user=phone", "premium rate numbers are refused"),
        ("sip:+881612345678@gw.example", "satellite numbers are refused"),
        ("sip:+442079460100@gw.example", "numbers of GB are not allowed"),
        ("sip:+1999@gw.example", "SIP destinations with an invalid number are refused"),
        ("sip:911@gw.example", "emergency numbers are refused"),
        ("sip:112@gw.example;user=phone", "emergency numbers are refused"),
        (
            "sip:desk@gw.example;maddr=192.0.2.1",
            "SIP destinations with the parameter maddr are refused",
        ),
        (
            "sip:desk@gw.example;method=REFER",
            "SIP destinations with the parameter method are refused",
        ),
        ("sip:9005551234@gw.example", "premium rate numbers are refused"),
        ("sip:919005551234@gw.example", "numbers of IN are not allowed"),
        ("sip:01119005551234@gw.example", "premium rate numbers are refused"),
        ("sip:0019005551234@gw.example", "premium rate numbers are refused"),
        ("sip:001119005551234@gw.example", "premium rate numbers are refused"),
        ("sip:9,+19005551234@gw.example", "premium rate numbers are refused"),
        ("sip:*82+19005551234@gw.example", "premium rate numbers are refused"),
        ("sip:+19005551234,1@gw.example", "premium rate numbers are refused"),
        ("sip:+1/900/555/1234@gw.example", "premium rate numbers are refused"),
        ("sip:_1=900=555=1234@gw.example", "premium rate numbers are refused"),
        ("sip:+19005551234x@gw.example", "premium rate numbers are refused"),
        ("sip:tel+19005551234@gw.example", "premium rate numbers are refused"),
        ("sip:+447012345678@gw.example", "personal numbers are refused"),
        ("sip:9911@gw.example", "emergency numbers are refused"),
        ("sip:9,911@gw.example", "emergency numbers are refused"),
        ("sip:*67911@gw.example", "emergency numbers are refused"),
        ("sip:desk@gw.example;ttl=4", "SIP destinations with the parameter ttl are refused"),
        (
            "sip:desk@gw.example;RN=+19005551234",
            "SIP destinations with the parameter rn are refused",
        ),
        ("sip:desk@gw.example;edge=dublin;region=ie1;secure=true", None),
        ("sip:a19005551234@gw.example", None),
        ("sip:sales+eu@gw.example", None),
        ("sip:911desk@gw.example", None),
        ("sip:4155550111@gw.example", None),
        ("sip:+14155550111@gw.example;user=phone", None),
        ("sip:desk@gw.example;transport=tcp", None),
        ("sip:1234@gw.example", None),
        ("sip:99999999999@gw.example", None),
    ],
)
def test_a_sip_uri_is_judged_by_the_number_that_it_dials(uri, reason):
    destination = Destination.parse(uri)
    policy = DialPolicy(countries={"US"})
    assert policy.refusal(destination) == reason
    if reason is not None:
        assert policy.rule_of(destination).startswith("(dial policy: ")
        assert dataclasses.replace(policy, allow={str(destination)}).refusal(destination) is None


@pytest.mark.parametrize("kind", sorted(DEFAULT_DIAL_POLICY.refused_types - {"satellite"}))
def test_costly_numbers_of_every_country_are_refused_by_default(kind):
    import phonenumbers

    number_type = getattr(phonenumbers.PhoneNumberType, kind.upper())
    found = 0
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        example = phonenumbers.example_number_for_type(region, number_type)
        if example is None or phonenumbers.number_type(example) != number_type:
            continue
        written = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        for text in (written, f"sip:{written}@gw.example", f"sip:{written[1:]}@gw.example"):
            refusal = DEFAULT_DIAL_POLICY.refusal(Destination.parse(text))
            if len(written) > 11 or "+" in text:  # shorter ones may be extensions
                assert (
                    refusal
                    == f"{kind.removesuffix('_number').replace('_', ' ')} numbers are refused"
                )
            found += 1
    assert found > 3


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("+870773111632", "satellite"),
        ("+88216123456789", "satellite"),
        ("+883510001234567", "satellite"),
        ("+878101234567890", "personal"),
        ("+979123456789", "premium rate"),
        ("+80812345678", "shared cost"),
        ("+447012345678", "personal"),
        ("+447640123456", "pager"),
        ("+448449876543", "premium rate"),
        ("+448431234567", "premium rate"),
        ("+491805123456", "shared cost"),
    ],
)
def test_costly_ranges_are_refused_by_default(number, kind):
    destination = Destination.parse(number)
    assert DEFAULT_DIAL_POLICY.refusal(destination) == f"{kind} numbers are refused"
    lenient = DialPolicy(refused_types=frozenset())
    assert lenient.refusal(destination) is None
    assert NumberReader("US", DEFAULT_DIAL_POLICY).read(number) == (0, REFUSED)


class TestDialPolicy:
    US, TOLL_FREE = Destination("+14155550100"), Destination("+18005550199")
    PREMIUM, UK = Destination("+19005550100"), Destination("+442079460958", "12")
    GLOBAL = Destination("+80012345678")
    SIP = Destination(sip_uri="sip:desk@example.com")

    @pytest.mark.parametrize(
        ("policy", "destination", "refusal"),
        [
            (DEFAULT_DIAL_POLICY, US, None),
            (DEFAULT_DIAL_POLICY, TOLL_FREE, None),
            (DEFAULT_DIAL_POLICY, UK, None),
            (DEFAULT_DIAL_POLICY, SIP, None),
            (DEFAULT_DIAL_POLICY, PREMIUM, "premium rate numbers are refused"),
            (DialPolicy(refused_types=frozenset()), PREMIUM, None),
            (DialPolicy(refused_types={"toll_free"}), TOLL_FREE, "toll free numbers are refused"),
            (DialPolicy(countries={"US"}), US, None),
            (DialPolicy(countries={"us"}), US, None),
            (DialPolicy(countries={"US"}), UK, "numbers of GB are not allowed"),
            (DialPolicy(countries={"US"}), GLOBAL, "numbers of 001 are not allowed"),
            (DialPolicy(countries={"US"}), SIP, None),
            (DialPolicy(countries=frozenset()), US, "numbers of US are not allowed"),
            (DialPolicy(allow_sip=False), SIP, "SIP destinations are not allowed"),
            (DialPolicy(allow_sip=False, allow={"sip:desk@example.com"}), SIP, None),
            (DialPolicy(allow_sip=False, allow={"sip:x"}), SIP, "SIP destinations are not allowed"),
            (DialPolicy(allow={"+19005550100"}), PREMIUM, None),
            (DialPolicy(countries={"US"}, allow={"+442079460958"}), UK, None),
            (DialPolicy(countries={"US"}, allow=frozenset()), UK, "numbers of GB are not allowed"),
        ],
    )
    def test_refusal(self, policy, destination, refusal):
        assert policy.refusal(destination) == refusal

    @pytest.mark.parametrize(
        ("uri", "hosts", "refused_host"),
        [
            ("sip:desk@pbx.example.com", {"pbx.example.com"}, None),
            ("sip:desk@PBX.Example.com", {"pbx.EXAMPLE.com"}, None),
            ("sips:desk@pbx.example.com.", {"pbx.example.com"}, None),
            ("sip:desk@pbx.example.com:5070;transport=tls", {"pbx.example.com"}, None),
            ("sip:desk@pbx.example.com", {"*.example.com"}, None),
            ("sip:desk@a.b.example.com", {"*.example.com"}, None),
            ("sip:desk@192.0.2.7", {"192.0.2.7"}, None),
            ("sip:desk@[2001:db8:0:0::1]", {"2001:db8::1"}, None),
            ("sip:desk@[2001:db8::1]", {"[2001:DB8:0::1]"}, None),
            ("sip:desk@example.com", {"*.example.com"}, "example.com"),
            ("sip:desk@badexample.com", {"*.example.com", "example.com"}, "badexample.com"),
            ("sip:desk@pbx.example.com.evil.example", {"pbx.example.com"},
             "pbx.example.com.evil.example"),
            ("sip:pbx.example.com@evil.example", {"pbx.example.com"}, "evil.example"),
            ("sip:desk@pbx.example.com", frozenset(), "pbx.example.com"),
            # RFC 3261: the call goes to maddr, whatever the host is.
            ("sip:desk@pbx.example.com;maddr=evil.example", {"pbx.example.com"}, "evil.example"),
            ("sip:desk@pbx.example.com;MAddr=203.0.113.9", {"pbx.example.com"}, "203.0.113.9"),
            ("sip:desk@pbx.example.com;maddr=192.0.2.7", {"pbx.example.com", "192.0.2.7"}, None),
        ],
    )  # fmt: skip
    def test_sip_hosts_are_those_that_are_named(self, uri, hosts, refused_host):
        policy = DialPolicy(sip_hosts=hosts)
        destination = Destination.parse(uri)
        if refused_host is None:
            assert policy.refusal(destination) is None
            return
        assert policy.refusal(destination) == f"SIP destinations at {refused_host} are not allowed"
        assert policy.rule_of(destination) == (
            f"(dial policy: sip_hosts lacks {refused_host}; --sip-host {refused_host})"
        )
        allowed = DialPolicy(sip_hosts=hosts, allow={str(destination)})
        assert allowed.refusal(destination) is None

    def test_a_policy_of_sip_hosts_says_nothing_of_numbers(self):
        assert DialPolicy(sip_hosts=frozenset()).refusal(self.US) is None

    @pytest.mark.parametrize(
        "host", ["", "*", "*.", "a b", "sip:x", "x@y", "host:5060", "a..b", "**.x"]
    )
    def test_what_is_no_sip_host_is_refused(self, host):
        with pytest.raises(InvalidValueError, match="is not a SIP host"):
            DialPolicy(sip_hosts={host})

    def test_a_policy_comes_back_from_its_own_fields(self):
        policy = DialPolicy(countries={"US"}, sip_hosts={"*.Example.com", "[2001:db8::1]"})
        assert policy.to_dict()["sip_hosts"] == ["*.example.com", "2001:db8::1"]
        assert DialPolicy(**policy.to_dict()) == policy

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"sip_hosts": "pbx.example.com"}, "sip_hosts is a set of str"),
            ({"countries": {"US", "Atlantis"}}, r"unknown countries \['ATLANTIS'\]"),
            ({"countries": "US"}, "countries is a set of str"),
            ({"refused_types": {"premium"}}, r"unknown number types \['premium'\]; known are"),
        ],
    )
    def test_an_unknown_country_or_type_is_refused(self, fields, reason):
        with pytest.raises(InvalidValueError, match=reason):
            DialPolicy(**fields)

    @given(any_destinations)
    def test_a_policy_that_refuses_everything_refuses_everything(self, destination):
        closed = DialPolicy(countries=frozenset(), allow_sip=False)
        assert closed.refusal(destination) is not None
        own = destination.sip_uri or destination.number
        assert DialPolicy(frozenset(), NUMBER_TYPES, False, {own}).refusal(destination) is None

    @given(any_destinations)
    def test_number_types_are_known(self, destination):
        if destination.number is not None:
            assert destination.number_type in NUMBER_TYPES
            assert len(destination.country) in (2, 3)
