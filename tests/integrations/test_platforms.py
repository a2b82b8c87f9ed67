from __future__ import annotations

import importlib
import inspect
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from benchmarks.stress.sip_grammar import READERS, read_value
from routing_engine import Destination, InvalidValueError
from routing_engine.integrations import (
    Caller,
    Context,
    asterisk,
    kamailio,
    livekit,
    openai_realtime,
    retell,
    sip,
    twilio,
    vapi,
)
from routing_engine.integrations.headers import Dialog, read_user_to_user, user_to_user
from routing_engine.integrations.ways import WAYS, markdown
from tests.integrations.test_sip import callers, contexts, hostile_text
from tests.support.examples import examples
from tests.support.strategies import destinations

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "transfer.md"

JANE = Caller("+12025550188", "Jane Doe", verified=True)
HIDDEN = Caller("+12025550188", "Jane Doe", anonymous=True, verified=True)
BILLING = Destination("+14155550111")
FRONT = Destination("+14155550111", "12")
DESK = Destination(sip_uri="sip:desk@pbx.example;transport=tls")
LINE = Destination("+14155550100")
CONTEXT = Context("Billing: a <charge> & {{more}}", "store-0042", "d1")
UUI = user_to_user(CONTEXT)


class TestTwilio:
    def test_a_phone_sees_the_caller(self):
        assert twilio.dial(JANE, BILLING, line=LINE) == (
            '<Response><Dial callerId="+12025550188"><Number>+14155550111</Number></Dial></Response>'
        )

    @pytest.mark.parametrize("caller", [HIDDEN, Caller(anonymous=True), Caller()])
    def test_the_line_is_shown_of_a_caller_without_a_number(self, caller):
        assert twilio.dial(caller, BILLING, line=LINE) == (
            '<Response><Dial callerId="+14155550100"><Number>+14155550111</Number></Dial></Response>'
        )

    def test_an_extension_is_dialled_after_two_seconds(self):
        made = twilio.dial(
            JANE, FRONT, line=LINE, whisper_url="/why?a=1&b=2", action_url="https://a.example/"
        )
        assert made == (
            '<Response><Dial callerId="+12025550188" action="https://a.example/">'
            '<Number sendDigits="wwww12" url="/why?a=1&amp;b=2">+14155550111</Number>'
            "</Dial></Response>"
        )

    def test_it_rings_as_long_as_the_decision_says(self):
        assert twilio.dial(JANE, BILLING, line=LINE, ring_timeout_s=20) == (
            '<Response><Dial callerId="+12025550188" timeout="20">'
            "<Number>+14155550111</Number></Dial></Response>"
        )

    def test_a_sip_endpoint_gets_the_context(self):
        noun = ET.fromstring(twilio.dial(JANE, DESK, line=LINE, context=CONTEXT)).find("Dial/Sip")
        uri = read_value("Refer-To", f"<{noun.text}>").uri
        assert (uri.user, uri.host, uri.parameters) == (
            *("desk", "pbx.example", {"transport": "tls"}),
        )
        assert uri.headers == {"User-to-User": UUI}
        # https://www.twilio.com/docs/api/errors/21227
        assert len(noun.text.partition("?")[2]) < 1024

    def test_refer(self):
        made = twilio.refer(JANE, FRONT, domain="PBX.example", action_url="/done")
        assert made == (
            '<Response><Refer action="/done">'
            "<Sip>sip:+14155550111;ext=12@pbx.example;user=phone</Sip></Refer></Response>"
        )

    def test_whisper_says_the_reason(self):
        assert twilio.whisper(JANE, CONTEXT) == (
            "<Response><Say>Billing: a &lt;charge&gt; &amp; more</Say></Response>"
        )

    def test_a_call_that_is_created_shows_the_caller_with_their_calls_token_alone(self):
        def shown(caller, token):
            made = twilio.create_call(
                caller, BILLING, line=LINE, url="https://a.example/", call_token=token
            )
            return made["From"], made.get("CallToken")

        assert shown(JANE, "token") == ("+12025550188", "token")
        assert shown(JANE, None) == ("+14155550100", None)
        assert shown(HIDDEN, "token") == ("+14155550100", None)
        with pytest.raises(InvalidValueError, match="line is the phone number"):
            twilio.create_call(JANE, BILLING, line=DESK, url="https://a.example/")

    def test_an_answer_is_words_or_keys(self):
        assert twilio.ask("Which?", action_url="/a", keys=True, language="de-DE") == (
            '<Response><Gather input="dtmf speech" action="/a" actionOnEmptyResult="true" '
            'timeout="8" speechTimeout="auto" language="de-DE">'
            '<Say language="de-DE">Which?</Say></Gather></Response>'
        )
        with pytest.raises(InvalidValueError, match="speech, keys or both"):
            twilio.ask("Which?", action_url="/a", speech=False)

    @given(hostile_text)
    def test_whatever_is_whispered_is_one_element(self, reason):
        context = Context(reason)
        (said,) = ET.fromstring(twilio.whisper(JANE, context))
        assert said.tag == "Say"
        assert len(said) == 0
        assert (said.text or "") == context.spoken

    def test_a_line_is_a_number(self):
        with pytest.raises(InvalidValueError, match="line is the phone number"):
            twilio.dial(JANE, BILLING, line=DESK)

    @pytest.mark.parametrize("url", ["", "a b", "https://é.example", "/\n", 5])
    def test_a_url_is_plain(self, url):
        with pytest.raises(InvalidValueError, match="a URL is printable ASCII"):
            twilio.dial(JANE, BILLING, line=LINE, whisper_url=url)


class TestLiveKit:
    def transfer(self, caller, destination, **options):
        return livekit.transfer_sip_participant(
            caller, destination, room_name="room", participant_identity="caller", **options
        )

    def test_a_phone(self):
        assert self.transfer(JANE, FRONT, context=CONTEXT) == {
            "room_name": "room",
            "participant_identity": "caller",
            "transfer_to": "tel:+14155550111;ext=12",
            "play_dialtone": False,
            "headers": {"User-to-User": UUI},
        }

    def test_a_sip_endpoint(self):
        made = self.transfer(JANE, DESK, play_dialtone=True, ring_timeout_s=20)
        assert made["ringing_timeout"] == {"seconds": 20}
        assert made["transfer_to"] == "sip:desk@pbx.example;transport=tls"
        assert made["play_dialtone"] is True
        assert "headers" not in made


class TestOpenAI:
    def test_a_phone(self):
        assert openai_realtime.refer(FRONT) == {"target_uri": "tel:+14155550111;ext=12"}

    def test_a_sip_endpoint(self):
        assert openai_realtime.refer(DESK) == {"target_uri": "sip:desk@pbx.example;transport=tls"}


class TestVapi:
    def test_a_phone(self):
        assert vapi.transfer_destination(JANE, FRONT, context=CONTEXT) == {
            "type": "number",
            "number": "+14155550111",
            "callerId": "{{customer.number}}",
            "extension": "12",
            "transferPlan": {
                "mode": "warm-transfer-say-message",
                "message": "Billing: a <charge> & more",
            },
        }

    def test_a_sip_endpoint(self):
        assert vapi.transfer_destination(JANE, DESK, context=CONTEXT) == {
            "type": "sip",
            "sipUri": "sip:desk@pbx.example;transport=tls",
            "callerId": "{{customer.number}}",
            "transferPlan": {
                "mode": "warm-transfer-say-message",
                "message": "Billing: a <charge> & more",
                "sipVerb": "dial",
            },
            "sipHeaders": {"User-to-User": UUI},
        }

    @pytest.mark.parametrize("destination", [BILLING, DESK])
    @pytest.mark.parametrize("caller", [HIDDEN, Caller()])
    def test_the_assistant_is_shown_of_a_caller_without_a_number(self, caller, destination):
        made = vapi.transfer_destination(caller, destination)
        assert made["callerId"] == "{{phoneNumber.number}}"
        assert made["transferPlan"]["mode"] == "blind-transfer"

    def test_only_a_sip_endpoint_is_told_how_long_to_ring(self):
        made = vapi.transfer_destination(JANE, DESK, ring_timeout_s=20)
        assert made["transferPlan"] == {
            "mode": "blind-transfer",
            "sipVerb": "dial",
            "dialTimeout": 20,
        }
        made = vapi.transfer_destination(JANE, BILLING, ring_timeout_s=20)
        assert made["transferPlan"] == {"mode": "blind-transfer"}

    def test_an_extension_that_vapi_does_not_dial_is_refused(self):
        with pytest.raises(InvalidValueError, match="11 digits; Vapi dials 10 at most"):
            vapi.transfer_destination(JANE, Destination("+14155550111", "1" * 11))


class TestRetell:
    def test_a_phone(self):
        assert retell.transfer_call(JANE, FRONT, context=CONTEXT) == {
            "transfer_destination": {
                "type": "predefined",
                "number": "+14155550111",
                "extension": "12",
            },
            "transfer_option": {
                "type": "warm_transfer",
                "private_handoff_option": {
                    "type": "static_message",
                    "message": "Billing: a <charge> & more",
                },
                "show_transferee_as_caller": True,
            },
            "custom_sip_headers": {"X-User-to-User": UUI},
        }

    @pytest.mark.parametrize("caller", [HIDDEN, Caller()])
    def test_the_agent_is_shown_of_a_caller_without_a_number(self, caller):
        assert retell.transfer_call(caller, DESK) == {
            "transfer_destination": {
                "type": "predefined",
                "number": "sip:desk@pbx.example;transport=tls",
            },
            "transfer_option": {"type": "cold_transfer", "show_transferee_as_caller": False},
        }

    @pytest.mark.parametrize(("asked", "sent"), [(5, 5_000), (90, 90_000), (91, 90_000)])
    def test_it_rings_as_long_as_the_decision_says_and_retell_can(self, asked, sent):
        option = retell.transfer_call(JANE, BILLING, ring_timeout_s=asked)["transfer_option"]
        assert option["transfer_ring_duration_ms"] == sent


class TestKamailio:
    def test_the_chain_is_tried_one_after_the_other(self):
        made = kamailio.rtjson(
            JANE, [(FRONT, 20), (DESK, None)], domain="gw.example:5062", context=CONTEXT
        )
        extra = {"extra": f"User-to-User: {UUI}\r\n"}
        assert made == {
            "success": True,
            "version": "1.0",
            "routing": "serial",
            "routes": [
                {
                    "uri": "sip:+14155550111@gw.example:5062;user=phone",
                    "fr_inv_timer": 20_000,
                    "headers": extra,
                    "extension": "12",
                },
                {"uri": "sip:desk@pbx.example;transport=tls", "headers": extra},
            ],
        }

    def test_nobody_is_no_success(self):
        made = kamailio.rtjson(JANE, [], domain="gw.example")
        assert (made["success"], made["routes"]) == (False, [])

    @pytest.mark.parametrize("domain", ["", "a b", "x;y", "a@b"])
    def test_a_domain_is_a_host(self, domain):
        with pytest.raises(InvalidValueError):
            kamailio.rtjson(JANE, [(BILLING, 20)], domain=domain)


class TestAsterisk:
    def test_a_phone_sees_the_caller_and_the_extension_comes_after_the_answer(self):
        made = asterisk.dial(JANE, FRONT, trunk="out", context=CONTEXT, ring_timeout_s=20)
        assert made == {
            "endpoint": "PJSIP/+14155550111@out",
            "timeout": 20,
            "digits": "ww12",
            "variables": {
                "CALLERID(num)": "+12025550188",
                "CALLERID(name)": "Jane Doe",
                "CALLERID(pres)": "allowed_passed_screen",
                "PJSIP_HEADER(add,User-to-User)": UUI,
            },
        }

    def test_a_number_that_nobody_vouches_for_is_not_screened(self):
        made = asterisk.dial(Caller("+12025550188"), DESK, trunk="out")
        assert made["endpoint"] == "PJSIP/out/sip:desk@pbx.example;transport=tls"
        assert made["variables"]["CALLERID(pres)"] == "allowed_not_screened"

    @pytest.mark.parametrize("caller", [HIDDEN, Caller(anonymous=True)])
    def test_of_a_caller_without_a_number_the_line_is_shown(self, caller):
        assert asterisk.dial(caller, BILLING, trunk="out", line=LINE)["variables"] == {
            "CALLERID(num)": "+14155550100", "CALLERID(name)": "", "CALLERID(pres)": "prohib"
        }  # fmt: skip

    @given(hostile_text)
    def test_a_name_holds_nothing_that_the_dialplan_evaluates(self, name):
        made = asterisk.dial(Caller("+12025550188", name), BILLING, trunk="out")
        assert not set(made["variables"]["CALLERID(name)"]) & set('"\\${}<>,;\r\n')

    @pytest.mark.parametrize(
        "uri", ["sip:a&b@pbx.example", "sip:$x@pbx.example", "sip:a'@x.example"]
    )
    def test_a_uri_that_dial_would_split_is_refused(self, uri):
        with pytest.raises(InvalidValueError, match="cannot stand in Dial"):
            asterisk.dial(JANE, Destination(sip_uri=uri), trunk="out")

    @pytest.mark.parametrize("trunk", ["", "a b", "x,y", "trunk&other", None])
    def test_a_trunk_is_the_name_of_an_endpoint(self, trunk):
        with pytest.raises(InvalidValueError, match="name of a PJSIP endpoint"):
            asterisk.dial(JANE, BILLING, trunk=trunk)

    @pytest.mark.parametrize(
        ("number", "name", "presentation", "caller"),
        [
            ("+12025550188", "Jane", "0", Caller("+12025550188", "Jane")),
            ("2025550188", "unknown", "allowed_not_screened", Caller("+12025550188")),
            ("+12025550188", "Jane", "32", Caller("+12025550188", "Jane", anonymous=True)),
            ("+12025550188", "", "prohib_passed_screen", Caller("+12025550188", anonymous=True)),
            ("unknown", "unknown", "67", Caller()),
        ],
    )
    def test_who_is_on_a_channel(self, number, name, presentation, caller):
        assert asterisk.caller_of(number, name, presentation, region="US") == caller

    @pytest.mark.parametrize(
        ("status", "cause", "said"),
        [
            ("BUSY", "17", "Q.850;cause=17"), ("BUSY", "21", "Q.850;cause=21"), ("BUSY", "", "BUSY"),
            ("CONGESTION", "34", "Q.850;cause=34"), ("CHANUNAVAIL", "0", "CHANUNAVAIL"),
            ("NOANSWER", "17", "NOANSWER"), ("CANCEL", "16", "CANCEL"), ("BUSY", "x", "BUSY"),
        ],
    )  # fmt: skip
    def test_the_cause_says_more_where_the_status_is_vague(self, status, cause, said):
        assert asterisk.ending(status, cause) == said


@dataclass(frozen=True)
class Transfer:
    """All that a builder may be given."""

    caller: Caller
    destination: Destination
    line: Destination | None = None
    context: Context | None = None
    replaces: Dialog | None = None
    whisper_url: str | None = None
    ring_timeout_s: int | None = None

    def given(self, *names):
        """The options that a builder has, by name."""
        return {name: getattr(self, name) for name in names}


TRUSTED, STRANGER = (sip.Peer("gw.example", trusted=flag) for flag in (True, False))
INVITE = ("line", "context", "replaces")
DIAL = ("context", "whisper_url", "ring_timeout_s")
TOLD = ("context", "ring_timeout_s")


def flat(made):
    """What ``asterisk.dial`` makes, its variables beside the rest: functions as the table has them."""
    named = {
        re.sub(r"PJSIP_HEADER\(add,(.*)\)|(CALLERID)\((.*)\)", _as_in_the_table, name): value
        for name, value in made["variables"].items()
    }
    return {name: value for name, value in made.items() if name != "variables"} | named


def routed(made):
    """The one route that ``kamailio.rtjson`` makes of one destination, headers by their names."""
    (route,) = made["routes"]
    headers = route.pop("headers", {"extra": ""})["extra"].splitlines()
    return route | dict(line.split(": ", 1) for line in headers)


def _as_in_the_table(match):
    return match[1] or f"{match[2]} {match[3]}"


BUILT = {
    "SIP INVITE, trusted peer": lambda t: sip.invite(
        t.caller, t.destination, peer=TRUSTED, **t.given(*INVITE)
    ),
    "SIP INVITE, other peer": lambda t: sip.invite(
        t.caller, t.destination, peer=STRANGER, **t.given(*INVITE)
    ),
    "SIP REFER": lambda t: sip.refer(t.caller, t.destination, peer=TRUSTED, **t.given(*INVITE)),
    "Asterisk `Dial`": lambda t: flat(
        asterisk.dial(t.caller, t.destination, trunk="out", line=t.line, **t.given(*TOLD))
    ),
    "Kamailio `rtjson`": lambda t: routed(
        kamailio.rtjson(
            t.caller, [(t.destination, t.ring_timeout_s)], domain="gw.example", context=t.context
        )
    ),
    "Twilio `<Dial>`, phone": lambda t: twilio.dial(
        t.caller, t.destination, line=LINE, **t.given(*DIAL)
    ),
    "Twilio `<Dial>`, SIP": lambda t: twilio.dial(
        t.caller, t.destination, line=LINE, **t.given(*DIAL)
    ),
    "Twilio `<Refer>`": lambda t: twilio.refer(
        t.caller, t.destination, domain="gw.example", context=t.context
    ),
    "Twilio `POST /Calls`": lambda t: twilio.create_call(
        t.caller,
        t.destination,
        line=LINE,
        url="https://a.example/",
        call_token=t.context and "token",
        **t.given("ring_timeout_s"),
    ),
    "LiveKit `TransferSIPParticipant`": lambda t: livekit.transfer_sip_participant(
        t.caller, t.destination, room_name="r", participant_identity="p", **t.given(*TOLD)
    ),
    "LiveKit `WarmTransferTask`": lambda t: livekit.warm_transfer(
        t.caller, t.destination, **t.given(*TOLD)
    ),
    "OpenAI Realtime `refer`": lambda t: openai_realtime.refer(t.destination),
    "Vapi, phone": lambda t: vapi.transfer_destination(t.caller, t.destination, **t.given(*TOLD)),
    "Vapi, SIP": lambda t: vapi.transfer_destination(t.caller, t.destination, **t.given(*TOLD)),
    "Retell": lambda t: retell.transfer_call(t.caller, t.destination, **t.given(*TOLD)),
}
"""Name of a row of the table -> how it is built."""


def usual(way):
    """A destination that the row is about: a phone, but for rows of SIP endpoints."""
    return DESK if way.name.endswith(("SIP", "`<Refer>`")) else FRONT


def module_of(way):
    return importlib.import_module(f"routing_engine.integrations.{way.builder.partition('.')[0]}")


def builder_of(way):
    return getattr(module_of(way), way.builder.partition(".")[2])


@pytest.mark.parametrize("seconds", [4, 301, 20.0, "20", True])
@pytest.mark.parametrize(
    "way",
    [way for way in WAYS if "ring_timeout_s" in inspect.signature(builder_of(way)).parameters],
    ids=lambda way: way.name,
)
def test_how_long_it_rings_is_whole_seconds(way, seconds):
    with pytest.raises(InvalidValueError, match="whole seconds from 5 to 300"):
        BUILT[way.name](Transfer(JANE, usual(way), ring_timeout_s=seconds))


def everything(caller, destination, line, context):
    """What every builder makes for a transfer, with peers that do not keep identities."""
    for way in WAYS:
        if way.builder.startswith("vapi.") and len(destination.extension or "") > 10:
            continue  # it dials no longer one
        if way.builder.startswith("asterisk.") and set(str(destination)) & set("&,()$'"):
            continue  # it refuses what Dial would split
        yield BUILT[way.name](Transfer(caller, destination, line, context))
    yield sip.refer(caller, destination, peer=STRANGER, line=line, context=context)
    yield twilio.whisper(caller, context)


def uncovered(made) -> str:
    """All that can be read in it, the contexts in hex too."""
    text = made if isinstance(made, str) else json.dumps(made)
    found = re.findall(r"([0-9a-f]+)(?:;|%3B)encoding(?:=|%3D)hex", text)
    told = [bytes.fromhex(data).decode() for data in found]
    return " ".join([text, *told])


class TestAnonymity:
    NUMBER = "+12025550188"

    @examples(200)
    @given(destinations, st.booleans(), hostile_text, hostile_text)
    def test_a_withheld_number_is_in_nothing_that_is_sent(self, destination, verified, one, two):
        caller = Caller(self.NUMBER, f"Mustermann {self.NUMBER}", anonymous=True, verified=verified)
        said = f"{one} (202) 555-0188 {two}"
        details = {"callback": self.NUMBER, f"of {self.NUMBER}": two}
        context = Context(said, f"store {self.NUMBER}", "202.555.0188", details)
        assume("2025550188" not in str(destination))
        for made in everything(caller, destination, LINE, context):
            text = uncovered(made)
            assert "2025550188" not in text
            assert "2025550188" not in re.sub(r"[\W_]", "", text)
            assert "Mustermann" not in text

    @given(callers, contexts)
    def test_a_number_that_is_not_withheld_is_shown_where_it_can_be(self, caller, context):
        assume(caller.shown is not None)
        peer = sip.Peer("gw.example")
        assert caller.number in dict(sip.invite(caller, DESK, peer=peer, context=context))["From"]
        assert f'callerId="{caller.number}"' in twilio.dial(caller, DESK, line=LINE)

    @given(destinations, callers, contexts)
    def test_every_context_is_read_back_or_not_there(self, destination, caller, context):
        for made in everything(caller, destination, LINE, context):
            if isinstance(made, list) and "User-to-User" in dict(made):
                told = read_user_to_user(dict(made)["User-to-User"])
                whole = context.for_others(caller)
                assert whole.reason.startswith(told.get("why", ""))


class TestKeys:
    """Pauses and keys after a number: sent by a way that can, refused by one that cannot."""

    WAITS, KEYS = Destination("+14155550111", "pppp12#"), Destination("+14155550111", "12#")

    @pytest.mark.parametrize(
        ("extension", "tones"),
        [("12", "wwww12"), ("12#", "wwww12#"), ("pp12", "wwww12"), ("pppp1ppp2#", "wwwwwwww1wwwwww2#")],
    )  # fmt: skip
    def test_twilio_sends_them_as_tones(self, extension, tones):
        made = twilio.dial(JANE, Destination("+14155550111", extension), line=LINE)
        assert f'<Number sendDigits="{tones}">' in made

    def test_retell_sends_keys_and_waits_as_it_likes(self):
        where = retell.transfer_call(JANE, self.KEYS)["transfer_destination"]
        assert where["extension"] == "12#"
        with pytest.raises(InvalidValueError, match="Retell cannot send a pause after the number"):
            retell.transfer_call(JANE, self.WAITS)

    def test_other_ways_refuse_them_and_show_no_number(self):
        peer = sip.Peer("gw.example", trusted=True)
        ways = (
            lambda to: sip.invite(JANE, to, peer=peer),
            lambda to: sip.refer(JANE, to, peer=peer),
            lambda to: twilio.refer(JANE, to, domain="gw.example"),
            lambda to: vapi.transfer_destination(JANE, to),
            openai_realtime.refer,
            lambda to: livekit.transfer_sip_participant(
                JANE, to, room_name="r", participant_identity="p"
            ),
        )
        for way in ways:
            assert way(FRONT)
            for destination, what in ((self.WAITS, "a pause"), (self.KEYS, r"the key \* or #")):
                with pytest.raises(InvalidValueError, match=f"cannot send {what}") as caught:
                    way(destination)
                assert "555" not in str(caught.value)


class TestTheTable:
    """The table in the documentation is what the builders do."""

    DIALOG = Dialog("a@b.example", "c", "d")

    def names(self, made):
        """Names of headers, elements, attributes and fields, and of headers asked for in URIs."""
        if isinstance(made, str):
            found = []
            for element in ET.fromstring(made).iter():
                nouns = element.tag in ("Number", "Sip")
                found += [element.tag] if nouns else []
                uri = element.text or ""
                found += [f"?{part.partition('=')[0]}" for part in uri.split("?")[1:]]
                found += list(element.attrib)
            return found
        pairs = made.items() if isinstance(made, dict) else made
        found = [name for name, _ in pairs]
        for name, value in pairs:
            if name == "Refer-To":
                found += [f"?{asked}" for asked in read_value(name, value).uri.headers]
        return found

    @pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
    def test_what_a_way_sends_is_what_its_builder_makes(self, way):
        build, where = BUILT[way.name], usual(way)
        plain = DESK if where == DESK else BILLING
        all_told = (LINE, CONTEXT, self.DIALOG, "/why", 20)
        most = [set(self.names(build(Transfer(who, where, *all_told)))) for who in (JANE, HIDDEN)]
        assert set.union(*most) == {item.strip("()") for item in way.sends}
        least = [set(self.names(build(Transfer(who, plain)))) for who in (JANE, HIDDEN, Caller())]
        always = {item for item in way.sends if not item.startswith("(")}
        assert set.intersection(*least) == always

    @pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
    def test_how_long_it_rings_is_set_where_it_says_so(self, way):
        one, other = (
            str(BUILT[way.name](Transfer(JANE, usual(way), ring_timeout_s=rings_s)))
            for rings_s in (20, 45)
        )
        field = re.match("`([a-zA-Z_]+)`", way.rings)
        assert (one != other) is (field is not None)
        if field is not None:
            assert field[1] in one

    def test_every_sip_header_of_it_is_judged_by_a_grammar(self):
        sent = {item.strip("()?") for way in WAYS for item in way.sends if "sip." in way.builder}
        assert sent == set(READERS)

    @pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
    def test_every_builder_is_public(self, way):
        assert builder_of(way).__name__ in module_of(way).__all__

    def test_the_documentation_has_it(self):
        found = re.search(
            r"<!-- transfers -->\n(.*?)\n<!-- /transfers -->",
            PAGE.read_text(encoding="utf-8"),
            re.DOTALL,
        )
        assert found is not None
        assert found[1] == markdown(), "run make docs-update"
