from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.stress.fuzz_headers import (
    PEERS,
    PIECES,
    Transfer,
    built,
    control,
    draw,
    faults,
    measure,
)
from benchmarks.stress.sip_grammar import SUBSCRIBER, GrammarError, read_request, read_value
from routing_engine import Destination, InvalidValueError
from routing_engine.integrations import Caller, Context
from routing_engine.integrations.headers import (
    Dialog,
    address,
    diversion,
    history,
    quoted,
    read_user_to_user,
    target,
    user_to_user,
    with_headers,
)
from routing_engine.integrations.sip import Peer, invite, refer
from tests.support.examples import examples
from tests.support.strategies import destinations

JANE = Caller("+12025550188", "Jane Doe", verified=True)
HIDDEN = Caller("+12025550188", "Jane Doe", anonymous=True, verified=True)
BILLING = Destination("+14155550111")
DESK = Destination(sip_uri="sip:desk@pbx.example")
LINE = Destination("+14155550100")
CARRIER = Peer("gw.example.com", trusted=True)
STRANGER = Peer("gw.example.com")
CONTEXT = Context("Billing: a charge", "store-0042", "d1", {"order": "A-17"})

hostile_text = st.one_of(
    st.text(st.characters(), max_size=60),
    st.lists(st.sampled_from(PIECES), max_size=6).map("".join),
    st.sampled_from(PIECES).map(lambda piece: piece * 2000),
)
numbers = st.from_regex(r"\+[1-9][0-9]{9,14}", fullmatch=True)
callers = st.builds(Caller, st.none() | numbers, hostile_text, st.booleans(), st.booleans())
contexts = st.builds(
    Context,
    hostile_text,
    hostile_text,
    hostile_text,
    st.dictionaries(hostile_text.map("d".__add__), hostile_text, max_size=2),
)
dialogs = st.builds(
    Dialog,
    st.from_regex(r"[A-Za-z0-9<>\"\\?]{1,20}(@[a-z.]{1,9})?", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9%`'~]{1,12}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9.!*_+]{1,12}", fullmatch=True),
)
transfers = st.builds(
    Transfer,
    st.sampled_from(("INVITE", "REFER")),
    callers,
    destinations,
    st.sampled_from(PEERS),
    st.none() | destinations,
    st.none() | contexts,
    st.none() | dialogs,
)


class TestInvite:
    def test_to_a_trusted_peer(self):
        assert invite(JANE, BILLING, peer=CARRIER, line=LINE) == [
            ("To", "<sip:+14155550111@gw.example.com;user=phone>"),
            ("From", '"Jane Doe" <sip:+12025550188@gw.example.com;user=phone>'),
            ("P-Asserted-Identity", '"Jane Doe" <sip:+12025550188@gw.example.com;user=phone>'),
            (
                "Diversion",
                "<sip:+14155550100@gw.example.com;user=phone>;reason=deflection;counter=1",
            ),
            (
                "History-Info",
                (
                    "<sip:+14155550100@gw.example.com;user=phone>;index=1, "
                    "<sip:+14155550111@gw.example.com;user=phone>;index=1.1;mp=1"
                ),
            ),
        ]

    def test_identity_is_asserted_to_nobody_else(self):
        assert invite(JANE, DESK, peer=STRANGER) == [
            ("To", "<sip:desk@pbx.example>"),
            ("From", '"Jane Doe" <sip:+12025550188@gw.example.com;user=phone>'),
        ]

    def test_a_number_that_nobody_vouches_for_is_not_asserted(self):
        names = [name for name, _ in invite(Caller("+12025550188"), DESK, peer=CARRIER)]
        assert names == ["To", "From"]

    @pytest.mark.parametrize("peer", [STRANGER, CARRIER])
    def test_an_anonymous_caller_stays_anonymous(self, peer):
        # As in the examples of RFC 3323 and RFC 3325.
        assert invite(HIDDEN, DESK, peer=peer) == [
            ("To", "<sip:desk@pbx.example>"),
            ("From", '"Anonymous" <sip:anonymous@anonymous.invalid>'),
            ("Privacy", "id"),
        ]

    def test_only_a_peer_that_honours_privacy_learns_an_anonymous_number(self):
        peer = Peer("gw.example.com", trusted=True, honours_privacy=True)
        assert invite(HIDDEN, DESK, peer=peer)[2:] == [
            ("P-Asserted-Identity", "<sip:+12025550188@gw.example.com;user=phone>"),
            ("Privacy", "id"),
        ]

    def test_an_unknown_number_is_said_to_be_unavailable(self):
        caller = Caller(name="Front door", verified=True)
        assert invite(caller, DESK, peer=CARRIER)[1:] == [
            ("From", '"Front door" <sip:unavailable@unknown.invalid>')
        ]

    def test_replaces_takes_over_a_dialog(self):
        # An example of RFC 3891.
        dialog = Dialog("425928@bobster.example.org", "7743", "6472")
        assert invite(JANE, DESK, peer=STRANGER, replaces=dialog)[-1] == (
            "Replaces",
            "425928@bobster.example.org;to-tag=7743;from-tag=6472",
        )


class TestRefer:
    def test_blind(self):
        assert refer(JANE, DESK, peer=STRANGER, line=LINE) == [
            ("Refer-To", "<sip:desk@pbx.example>"),
            ("Referred-By", "<sip:+14155550100@gw.example.com;user=phone>"),
        ]

    def test_attended(self):
        # The dialog of an example of RFC 3515, section 2.1.
        dialog = Dialog("12345@192.168.118.3", "12345", "5FFE-3994")
        assert refer(JANE, DESK, peer=STRANGER, replaces=dialog) == [
            (
                "Refer-To",
                (
                    "<sip:desk@pbx.example?"
                    "Replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994>"
                ),
            )
        ]

    def test_the_context_and_privacy_are_asked_for_in_the_uri(self):
        ((_, value),) = refer(HIDDEN, BILLING, peer=CARRIER, context=CONTEXT)
        uri = read_value("Refer-To", value).uri
        assert (uri.user, uri.host) == ("+14155550111", "gw.example.com")
        assert uri.headers.keys() == {"Privacy", "User-to-User"}
        assert uri.headers["Privacy"] == "id"
        assert read_user_to_user(uri.headers["User-to-User"])["why"] == "Billing: a charge"

    def test_an_extension_is_part_of_the_number(self):
        ((_, value),) = refer(JANE, Destination("+442079460958", "12"), peer=STRANGER)
        assert value == "<sip:+442079460958;ext=12@gw.example.com;user=phone>"


class TestUserToUser:
    def test_the_context_in_hex(self):
        value = user_to_user(CONTEXT)
        text = b"\0id=d1;loc=store-0042;why=Billing: a charge;order=A-17"
        assert value == f"{text.hex()};encoding=hex;purpose=isdn-uui;content=isdn-uui"
        assert read_user_to_user(value) == {
            "id": "d1",
            "loc": "store-0042",
            "why": "Billing: a charge",
            "order": "A-17",
        }

    def test_nothing_to_say_is_no_value(self):
        assert user_to_user(Context()) == ""
        assert "User-to-User" not in dict(invite(JANE, DESK, peer=CARRIER, context=Context()))

    def test_a_long_reason_is_cut_between_characters(self):
        value = user_to_user(Context("é" * 300, "store-1"))
        assert len(value.partition(";")[0]) // 2 <= 128
        # 128 octets less the zero, "loc=store-1" and ";why=" leave 111: 55 letters of two.
        assert read_user_to_user(value) == {"loc": "store-1", "why": "é" * 55}

    def test_an_id_that_does_not_fit_is_left_out_whole(self):
        assert read_user_to_user(user_to_user(Context("why", "x" * 150, "d1"))) == {
            "id": "d1",
            "why": "why",
        }

    def test_an_escape_is_never_cut(self):
        for n in range(100, 128):
            read = read_user_to_user(user_to_user(Context("a" * n + ";=%" * 20)))
            assert ("a" * n + ";=%" * 20).startswith(read["why"])

    @given(contexts)
    def test_whatever_fits_is_read_back(self, context):
        value = user_to_user(context)
        read = read_user_to_user(value) if value else {}
        whole = {"id": context.decision_id, "loc": context.location_id, "why": context.reason}
        whole |= context.details
        assert all(whole[key].startswith(text) and text for key, text in read.items())
        assert all(read.get(key, whole[key]) == whole[key] for key in ("id", "loc"))
        if value:
            assert len(read_value("User-to-User", value)) <= 128

    @pytest.mark.parametrize("value", ["", "zz", "04", "00", "00ff;encoding=hex", "0041"])
    def test_what_is_not_ours_is_refused(self, value):
        with pytest.raises(InvalidValueError, match="not a User-to-User value"):
            read_user_to_user(value)


class TestEncoders:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("Jane Doe", '"Jane Doe"'),
            ('John "Jack" O\\Neill', r'"John \"Jack\" O\\Neill"'),
            ("José Núñez Straße", '"Jose Nunez Strasse"'),
            ("a\r\nVia: x", '"a Via: x"'),
            ("＂＞；\u202e\x00\ud800", r'"\">;"'),
            ("  tab\tand   space ", '"tab and space"'),
            ("x" * 100, f'"{"x" * 64}"'),
            ("山田", '""'),
        ],
    )
    def test_a_display_name_is_ascii_on_one_line(self, name, value):
        assert quoted(name) == value

    def test_a_name_without_ascii_is_left_out(self):
        assert address("sip:a@b.example", "山田") == "<sip:a@b.example>"

    @given(hostile_text)
    def test_an_address_reads_as_the_name_that_was_quoted(self, name):
        read = read_value("To", address("sip:a@b.example", name))
        assert (read.uri.user, read.uri.host, read.parameters) == ("a", "b.example", {})
        if name.isascii() and name.isprintable() and len(name) <= 64:
            assert read.name == " ".join(name.split())

    @given(hostile_text | hostile_text.map("sip:a@b.example".__add__))
    def test_what_is_no_uri_never_stands_in_brackets(self, uri):
        for encoder in (address, diversion, lambda uri: history([uri])):
            try:
                value = encoder(uri)
            except InvalidValueError:
                continue
            read_value("Diversion" if encoder is diversion else "Refer-To", value)

    @pytest.mark.parametrize(
        "uri",
        [
            *("", "sip:", "sip:a@", "sip:a@b@c.example", "sip:a@b.example ", "sip:a@b.example?X=y"),
            *("sip:a b@c.example", "sip:a@c.example>;x=<", "sip:a@c.example;x=1;x=2", "tel:+1415"),
            *("sip:a@10.0.0.256", "sip:a@[::::]", "sip:a@c.example:70000", "SIP:a@c.example\r\n"),
        ],
    )
    def test_such_as_these(self, uri):
        with pytest.raises(InvalidValueError, match="is no SIP URI"):
            address(uri)

    @pytest.mark.parametrize("headers", [{"X Y": "a"}, {"X\r\n": "a"}, {"": "a"}, {"X": "\ud800"}])
    def test_a_header_that_cannot_stand_in_a_uri_is_refused(self, headers):
        with pytest.raises(InvalidValueError):
            with_headers("sip:a@b.example", headers.items())

    @pytest.mark.parametrize("domain", ["", "a b", "evil>", "é", "a\r\nVia: b"])
    def test_a_number_needs_a_domain(self, domain):
        with pytest.raises(InvalidValueError, match=r"\+\*+11 cannot stand in a SIP header"):
            target(BILLING, domain)

    @given(st.dictionaries(st.sampled_from(("X-A", "X-B")), st.text(st.characters(codec="utf-8"))))
    def test_headers_in_a_uri_are_escaped(self, headers):
        uri = with_headers("sip:a@b.example", headers.items())
        assert re.fullmatch(r"sip:a@b\.example(\?[A-Za-z0-9\-_.~%=&]*)?", uri)

    @given(destinations)
    def test_every_destination_has_a_uri(self, destination):
        uri = read_value("To", f"<{target(destination, 'gw.example.com')}>").uri
        if destination.number is not None:
            assert f"{uri.user}" == str(destination)
            assert (uri.host, uri.parameters) == ("gw.example.com", {"user": "phone"})

    def test_history_counts_on(self):
        value = history(["sip:a@x.example", "sip:b@x.example", "sip:c@x.example"])
        assert [entry.parameters for entry in read_value("History-Info", value)] == [
            {"index": "1"},
            {"index": "1.1", "mp": "1"},
            {"index": "1.1.1", "mp": "1.1"},
        ]

    def test_a_uri_of_before_the_check_is_refused_and_not_shown(self):
        old = Destination._trusted(None, None, "sip:desk@pbx.example;a%")
        with pytest.raises(InvalidValueError, match=r"sip:\*\*\* cannot stand in a SIP header"):
            invite(JANE, old, peer=STRANGER)

    @pytest.mark.parametrize(
        "parts",
        [
            *[("", "a", "b"), ("a b", "a", "b"), ("a\r\n", "a", "b"), ("a;b", "a", "b")],
            *[("a@b@c", "a", "b"), ("é", "a", "b"), (None, "a", "b"), ("a", "", "b")],
            *[("a", "a;x", "b"), ("a", "a", "b\n"), ("a", "a", '"b"'), ("a", 1, "b")],
        ],
    )
    def test_what_is_no_dialog_is_refused(self, parts):
        with pytest.raises(InvalidValueError, match="RFC 3261"):
            Dialog(*parts)


class TestPeer:
    @pytest.mark.parametrize(
        ("written", "domain"),
        [
            ("GW.Example.com", "gw.example.com"),
            ("192.0.2.1:5070", "192.0.2.1:5070"),
            ("[2001:DB8::1]", "[2001:db8::1]"),
        ],
    )
    def test_a_domain_is_canonical(self, written, domain):
        assert Peer(written).domain == domain

    @pytest.mark.parametrize(
        "domain", ["", "a b", "a@b.example", "a;lr", "a?x=y", "gw\r\n", "gé", "a/b", "1.2", None]
    )
    def test_what_is_no_domain_is_refused(self, domain):
        with pytest.raises(InvalidValueError):
            Peer(domain)

    def test_only_a_trusted_peer_honours_privacy(self):
        with pytest.raises(InvalidValueError, match="give trusted=True too"):
            Peer("gw.example.com", honours_privacy=True)


class TestNothingBreaksARequest:
    @examples(400)
    @given(transfers)
    def test_whatever_is_said(self, transfer):
        assert faults(transfer, built(transfer)) == []

    def test_in_two_thousand_drawn_requests(self):
        results = measure(2_000, seed=1)
        assert results["broken"] == {"grammar": 0, "meaning": 0, "sipmessage": 0, "number": 0}
        assert results["messages"] == 2_000
        assert results["refused"] > 50
        assert results["control_broken"]["grammar"] > 0.25 * results["control"]
        assert results["control_broken"]["sipmessage"] > 0.1 * results["control"]

    def test_the_same_seed_draws_the_same_inputs(self):
        one, same = (measure(200, seed=seed) for seed in (3, 3))
        assert one == same

    def test_f_strings_are_caught(self):
        chance = random.Random(0)
        transfer = draw(chance)
        evil = Caller("+12025550188", '"\r\nVia: SIP/2.0/UDP evil.example')
        naive = control(Transfer("INVITE", evil, DESK, STRANGER, None, None, None))
        assert "grammar" in faults(transfer, naive)
        assert "sipmessage" in faults(transfer, naive)


class TestTheJudge:
    """What is wrong on purpose is found."""

    TRANSFER = Transfer("INVITE", HIDDEN, DESK, STRANGER, LINE, CONTEXT, None)

    def judged(self, change):
        return faults(self.TRANSFER, [change(name, value) for name, value in built(self.TRANSFER)])

    def test_nothing_is_wrong_with_what_was_built(self):
        assert self.judged(lambda name, value: (name, value)) == []

    @pytest.mark.parametrize(
        ("header", "change", "found"),
        [
            ("From", lambda value: value + "\r\nVia: x", ["grammar", "sipmessage"]),
            ("From", lambda value: value.replace('"', "", 1), ["grammar", "sipmessage"]),
            ("From", lambda value: value.replace("anonymous@", "jane@"), ["meaning"]),
            ("From", lambda value: value + ";tag=1", ["meaning"]),
            ("To", lambda value: value.replace("desk", "evil"), ["meaning"]),
            ("To", lambda value: value.replace("desk", "dé"), ["grammar", "sipmessage"]),
            ("Privacy", lambda _: "no-such", ["grammar"]),
            ("Diversion", lambda value: value.replace("deflection", "x"), ["grammar"]),
            ("History-Info", lambda value: value.replace("mp=1", "mp=2"), ["grammar"]),
            ("User-to-User", lambda value: "0" + value, ["grammar"]),
            ("User-to-User", lambda value: "00" * 129 + value, ["grammar"]),
            (
                "User-to-User",
                lambda value: b"\0+12025550188".hex() + value[value.index(";") :],
                ["number"],
            ),
            ("Diversion", lambda value: value.replace("14155550100", "12025550188"), ["number"]),
        ],
    )
    def test_a_fault_is_found(self, header, change, found):
        assert (
            self.judged(lambda name, value: (name, change(value) if name == header else value))
            == found
        )

    def test_a_missing_header_is_found(self):
        without = [item for item in built(self.TRANSFER) if item[0] != "Privacy"]
        assert faults(self.TRANSFER, without) == ["meaning"]

    @pytest.mark.parametrize(
        ("user", "is_number"),
        [
            *[
                ("+14155550111", True),
                ("+1-415-555-0111;ext=12", True),
                ("+1;phone-context=x", True),
            ],
            *[("+", False), ("+1415x", False), ("4155550111", False), ("+1415;ext=a", False)],
        ],
    )
    def test_a_phone_number_is_told_from_another_user(self, user, is_number):
        assert (SUBSCRIBER.fullmatch(user) is not None) is is_number

    @pytest.mark.parametrize(
        "data",
        [
            b"INVITE sip:a@b SIP/2.0\r\n",
            b"INVITE sip:a@b SIP/2.0\r\nX: a\nb\r\n\r\n",
            b"INVITE sip:a@b SIP/2.0\r\nX: a\rb\r\n\r\n",
            b"INVITE sip:a@b SIP/2.0\r\nX: \0\r\n\r\n",
            b"INVITE sip:a@b SIP/2.0\r\nX: a\r\n folded\r\n\r\n",
            b"INVITE sip:a@b SIP/2.0\r\nX: \xff\r\n\r\n",
            b"INVITE sip:a@b SIP/2.0\r\n\r\nX: a\r\n\r\n",
            b"INVITE  sip:a@b SIP/2.0\r\n\r\n",
        ],
    )
    def test_a_broken_request_is_not_read(self, data):
        with pytest.raises(GrammarError):
            read_request(data)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("To", '"Bob" <sip:bob@biloxi.example>'),
            ("To", "Bob Smith <sip:bob@biloxi.example:5060;lr>;tag=a"),
            ("From", r'"a \"b\" \\" <sips:[2001:db8::10]>'),
            ("From", '"Bob ünd" <sip:bob%20b@192.0.2.4>'),
            ("Refer-To", "<sip:bob@b.example?Replaces=1%40h%3Bto-tag%3Da%3Bfrom-tag%3Db>"),
            ("Privacy", "user;id"),
            ("P-Asserted-Identity", '"Cullen Jennings" <sip:fluffy@cisco.example>'),
            (
                "History-Info",
                "<sip:bob@example.com?Privacy=history>;index=1,<sip:o@192.0.2.4>;index=1.1;rc=1",
            ),
            ("User-to-User", "56a390f3d2b7310023a2;encoding=hex"),
        ],
    )
    def test_examples_of_the_rfcs_are_read(self, name, value):
        read_value(name, value)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("To", "sip:bob@biloxi.example"),
            ("To", '"Bob <sip:bob@biloxi.example>'),
            ("To", '"Bob" <sip:bob@biloxi.example> x'),
            ("To", '"B\r\nob" <sip:bob@biloxi.example>'),
            ("To", "<sip:b ob@biloxi.example>"),
            ("To", "<sip:bob@bil_oxi.example>"),
            ("To", "<sip:bob@10.0.0.256>"),
            ("To", "<sip:bob@[:::1]>"),
            ("To", "<sip:bob@b.example;a=1;a=2>"),
            ("To", "<sip:bob@b.example:70000>"),
            ("To", "<sip:bob@b.example?X=y>"),
            ("To", "<sip:bob@b.example>;tag=1;tag=2"),
            ("To", "<sip:bob@b.example>, <sip:bob@b.example>"),
            ("Refer-To", "<sip:bob@b.example?Replaces=1%40h>"),
            ("Refer-To", "<sip:bob@b.example?Privacy=id&Privacy=id>"),
            ("Refer-To", "<sip:bob@b.example?Privacy=%ff>"),
            ("P-Asserted-Identity", "<sip:a@b.example>;x=y"),
            ("Privacy", "id, user"),
            ("Privacy", "id;id"),
            ("Diversion", "<sip:a@b.example>;reason=unknown;counter=100"),
            ("History-Info", "<sip:a@b.example>;index=01"),
            ("History-Info", "<sip:a@b.example>;index=1,<sip:a@b.example>;index=1"),
            ("Replaces", "a b;to-tag=a;from-tag=b"),
            ("User-to-User", "a b"),
            ("User-to-User", "00"),
            ("X-Other", "a"),
        ],
    )
    def test_what_the_rfcs_do_not_allow_is_not_read(self, name, value):
        with pytest.raises(GrammarError):
            read_value(name, value)
