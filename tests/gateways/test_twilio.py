"""Twilio's webhooks, signed by the official package, against the command as a process."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from twilio.request_validator import RequestValidator

from routing_engine import HashingEncoder, InvalidValueError, Outcome, RoutingEngine
from routing_engine.gateways.twilio import MemoryCalls, Texts, keeping, twilio_router
from routing_engine.gateways.twilio.signing import Step, Urls, is_signed
from tests.support.strategies import a_location, a_rule

from .conftest import BILLING, CHARGE, DEFAULT, DESK, LINE, SECOND, THIRD, locations
from .twilio_phone import PUBLIC, TOKEN, Phone

PARTS, BOILERS, ORDERS = "+14155550121", "+14155550122", "+14155550123"
THIRD_LINE, DESK_LINE = "+14155550198", "+14155550197"


def shops():
    """Those of the other gateways, with numbers to call, and one that asks back."""
    first, second, closed = locations()
    return [
        first,
        a_location(
            "store-2", *second.rules, default_destination=DEFAULT, lines=("front", DESK_LINE)
        ),
        a_location(
            "closed",
            *closed.rules,
            timezone="UTC",
            business_hours="closed",
            lines=("+14155550196",),
        ),
        a_location(
            "store-3",
            a_rule("Parts", PARTS, when="caller needs a part for a boiler"),
            a_rule("Boilers", BOILERS, when="caller needs a boiler for a house"),
            a_rule(
                "Orders", ORDERS, when="caller asks about an order",
                required_details=("order number", "name"),
            ),
            default_destination=DEFAULT,
            lines=(THIRD_LINE,),
        ),
        a_location("lineless", *second.rules, default_destination=DEFAULT, lines=("lobby",)),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def shop_engine():
    return RoutingEngine(shops(), encoder=HashingEncoder())


@pytest.fixture(scope="module")
def post(shop_engine, tmp_path_factory):
    """Send to the command, which runs behind another address than its own."""
    folder = tmp_path_factory.mktemp("twilio") / "brand"
    shop_engine.save(folder)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "routing_engine.cli", "twilio", str(folder)),
            *("--public-url", PUBLIC, "--port", "0", "--encoder", "hashing"),
        ],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"TWILIO_AUTH_TOKEN": TOKEN},
    )  # fmt: skip
    line = process.stdout.readline()
    port = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", line)[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:

        def send(path, content, headers):
            answer = client.post(path, content=content, headers=headers)
            return answer.status_code, answer.text

        yield send
    process.terminate()
    process.wait()
    process.stdout.close()


@pytest.fixture
def phone(post):
    return Phone(post)


class TestTheCaller:
    def test_a_match_is_dialled_with_the_callers_number_and_the_rules_time(self, phone):
        assert phone.dial() == "Hello. How can I help you?"
        assert phone.next.get("input") == "speech"
        assert phone.say(CHARGE) == "I am connecting you with Billing."
        assert phone.dialled == BILLING
        assert (phone.next.get("callerId"), phone.next.get("timeout")) == ("+12025550188", "15")

    def test_nobody_else_takes_a_caller_who_wants_a_person_the_default_does(self, phone):
        phone.dial()
        phone.say("I want to speak to a person please")
        assert phone.dialled == DEFAULT

    def test_what_needs_nobody_stays_with_the_agent(self, phone):
        phone.dial()
        assert phone.say("hello") == "Could you tell me a little more about what you need?"
        assert phone.say("caller only chats along") == "I can help you with that myself."
        phone.say(CHARGE)
        assert phone.dialled == BILLING

    def test_busy_then_no_answer_then_the_third(self, phone):
        phone.dial()
        phone.say(CHARGE)
        phone.end("busy")
        assert (phone.dialled, phone.next.get("timeout")) == (SECOND, "20")
        phone.end("no-answer")
        assert phone.dialled == THIRD
        assert phone.pick_up() == ["Gather", "Hangup"]
        assert phone.press("1") == []
        phone.end("completed", DialBridged="true", DialCallDuration="60")
        assert phone.is_over

    def test_after_the_last_nobody_is_dialled_and_a_silence_says_goodbye(self, phone):
        phone.dial()
        phone.say(CHARGE)
        for status in ("busy", "failed", "canceled"):
            phone.end(status)
        assert phone.dialled == DEFAULT
        assert phone.end("no-answer") == "I am sorry, nobody could take the call just now."
        assert phone.stay_silent() == "Goodbye."
        assert phone.is_over

    @pytest.mark.parametrize(("answer", "dialled"), [("yes please", SECOND), ("no, don't", None)])
    def test_a_transfer_is_confirmed_in_words(self, phone, answer, dialled):
        phone.dial()
        assert phone.say("caller moves house") == "Shall I connect you with Moves?"
        said = phone.say(answer)
        if dialled is None:
            assert (said, phone.next.tag) == ("All right, I will not transfer you.", "Gather")
        else:
            assert phone.dialled == dialled

    @pytest.mark.parametrize(("key", "verb"), [("1", "Dial"), ("2", "Gather"), ("5", "Gather")])
    def test_or_by_a_key(self, phone, key, verb):
        phone.dial()
        phone.say("caller moves house")
        assert phone.next.get("input") == "dtmf speech"
        phone.key(key)
        assert phone.next.tag == verb

    @pytest.mark.parametrize(("answer", "dialled"), [("the first one", 0), ("parts", PARTS)])
    def test_which_of_two_is_asked_and_answered(self, post, answer, dialled):
        phone = Phone(post, line=THIRD_LINE)
        phone.dial()
        question = phone.say("caller needs a part for a boiler for a house")
        assert question.startswith("Is this about ")
        first = PARTS if question.startswith("Is this about Parts") else BOILERS
        phone.say(answer)
        assert phone.dialled == (first if dialled == 0 else dialled)

    def test_missing_details_are_asked_for_and_handed_over(self, post):
        phone = Phone(post, line=THIRD_LINE)
        phone.dial()
        assert phone.say("caller asks about an order") == "May I have your order number?"
        assert phone.key("4711") == "May I have your name?"
        assert phone.say("Ada") == "I am connecting you with Orders."
        assert phone.dialled == ORDERS
        phone.pick_up()
        assert "Ada" in phone.told[0]

    def test_one_who_gives_no_detail_is_dialled_for_all_the_same(self, post):
        phone = Phone(post, line=THIRD_LINE)
        phone.dial()
        phone.say("caller asks about an order")
        phone.stay_silent()
        phone.stay_silent()
        assert phone.dialled == ORDERS

    def test_a_caller_who_is_silent_gets_a_person(self, phone):
        phone.dial()
        assert phone.stay_silent() == "Hello. How can I help you?"
        phone.stay_silent()
        assert phone.dialled == DEFAULT

    def test_a_closed_location_says_so_and_then_goodbye(self, post):
        phone = Phone(post, line="+14155550196")
        phone.dial()
        assert phone.say("caller asks about billing").startswith("We are closed just now.")
        assert phone.stay_silent() == "Goodbye."

    def test_who_has_to_be_verified_goes_to_the_default_where_nobody_can(self, phone):
        phone.dial()
        phone.say("caller wants a secret")
        assert phone.dialled == DEFAULT

    @pytest.mark.parametrize("caller", ["anonymous", "+266696687", "Restricted", ""])
    def test_the_line_is_shown_of_an_anonymous_caller(self, post, caller):
        phone = Phone(post, caller=caller)
        phone.dial()
        phone.say(CHARGE)
        assert (phone.dialled, phone.next.get("callerId")) == (BILLING, LINE)

    def test_neither_the_caller_nor_the_line_is_dialled(self, post):
        phone = Phone(post, caller=BILLING)
        phone.dial()
        phone.say(CHARGE)
        assert phone.dialled == SECOND

    def test_a_line_of_nobody_is_told_so(self, post):
        phone = Phone(post, line="+14155550000")
        assert phone.dial() == "This number is not in service."
        assert phone.is_over

    def test_two_locations_never_mix(self, post):
        phones = [Phone(post, line=line) for line in (LINE, DESK_LINE) for _ in range(3)]
        for phone in phones:
            phone.dial()
        for phone in phones:
            phone.say(CHARGE)
        for phone in phones:
            phone.say("caller wants the front desk") if phone.next.tag == "Gather" else None
        assert [phone.dialled for phone in phones] == [BILLING] * 3 + [DESK] * 3
        # A URL of one call is refused for another.
        phone, other = phones[0], phones[-1]
        status, _ = phone.raw(other.next.get("action"), **phone.fields, DialCallStatus="busy")
        assert status == 403
        assert other.end("busy") is not None
        assert other.dialled == DEFAULT

    def test_a_sip_line_shows_a_number_of_its_location(self, post):
        phone = Phone(post, caller="anonymous", line="sip:front@pbx.sip.twilio.com")
        phone.dial()
        phone.say("caller wants the back office")
        assert (phone.next.get("callerId"), phone.noun.get("sendDigits")) == (DESK_LINE, "wwww12")

    def test_without_any_number_to_show_nobody_is_dialled(self, post):
        phone = Phone(post, line="sip:lobby@pbx.sip.twilio.com")
        phone.dial()
        said = phone.say("caller wants the back office")
        assert said == "I am sorry, nobody could take the call just now."


class TestThePersonWhoPicksUp:
    def test_they_hear_who_calls_and_why_and_are_asked(self, phone):
        phone.fields["CallerName"] = "JANE DOE"
        phone.dial()
        phone.say(CHARGE)
        phone.pick_up()
        who, keys = phone.told
        assert who.startswith("Transferred call from JANE DOE")
        assert "about Billing" in who
        assert keys == "Press 1 to accept the call, or 2 to decline it."

    def test_a_decline_by_key_goes_to_the_next(self, phone):
        phone.dial()
        phone.say(CHARGE)
        phone.pick_up()
        assert phone.press("7") == ["Gather", "Hangup"]
        assert phone.press("2") == ["Hangup"]
        phone.end("completed", DialBridged="false")
        assert phone.dialled == SECOND

    def test_a_machine_that_presses_nothing_is_no_answer(self, phone):
        phone.dial()
        phone.say(CHARGE)
        phone.pick_up()
        phone.end("completed")
        assert phone.dialled == SECOND

    def test_who_accepts_late_is_not_connected(self, phone):
        phone.dial()
        phone.say(CHARGE)
        phone.pick_up()
        phone.end("no-answer")
        assert phone.press("1") == ["Hangup"]
        assert phone.dialled == SECOND


class TestHangUps:
    def test_a_hang_up_while_it_rings_ends_the_call(self, phone):
        phone.dial()
        phone.say(CHARGE)
        url = phone.noun.get("url")
        phone.hang_up()
        assert phone.hear(phone.request(url, leg="callee")) == ["Hangup"]
        assert phone.replay(-2)[1].count("Dial") == 0

    def test_a_hang_up_while_it_listens_ends_the_call(self, phone):
        phone.dial()
        phone.hang_up()
        phone.fields["CallStatus"] = "in-progress"
        assert phone.say(CHARGE) == ""
        assert phone.is_over


class TestSafety:
    @pytest.mark.parametrize("name", ["voice", "status", "heard", "dialled", "whisper", "pressed"])
    def test_a_forged_request_is_refused(self, phone, name):
        for forged in ("", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "é"):
            status, text = phone.raw(
                f"{PUBLIC}/{name}", signature=forged.encode("latin-1"), **phone.fields
            )
            assert (status, "Not signed by Twilio" in text) == (403, True)

    def test_a_field_that_was_changed_is_noticed(self, phone):
        phone.dial()
        path, content, headers = phone.sent[-1]
        status, _ = phone.post(path, content.replace("in-progress", "completed"), headers)
        assert status == 403
        status, _ = phone.post(f"{path}?x=1", content, headers)
        assert status == 403

    def test_a_signed_request_to_an_address_that_was_not_made_here_is_refused(self, phone):
        phone.dial()
        url = phone.next.get("action")
        for other in (url.replace("n=0", "n=1"), url.split("?")[0], url[:-1] + "x"):
            status, text = phone.raw(other, **phone.fields, SpeechResult=CHARGE)
            assert (status, "not made here" in text) == (403, True)

    def test_a_replay_changes_nothing(self, phone):
        phone.dial()
        phone.say(CHARGE)
        first = phone.sent[-1]
        dial = phone.post(*first)[1]
        assert f">{BILLING}<" in dial
        assert phone.post(*first)[1] == dial
        phone.end("busy")
        ended = phone.sent[-1]
        assert phone.dialled == SECOND
        for old in (first, ended, phone.sent[0]):
            assert f">{SECOND}<" in phone.post(*old)[1]
        phone.end("busy")
        assert phone.dialled == THIRD

    def test_an_acceptance_may_be_asked_about_twice(self, phone):
        phone.dial()
        phone.say(CHARGE)
        phone.pick_up()
        assert phone.press("1") == []
        assert phone.hear(phone.replay()[1]) == []
        phone.end("completed", DialBridged="true")
        assert phone.is_over

    @pytest.mark.parametrize(
        ("content", "kind", "status"),
        [
            ("{}", "application/json", 415),
            ("a=%FF", "application/x-www-form-urlencoded", 400),
            ("é", "application/x-www-form-urlencoded", 400),
            ("&".join(f"a{i}=1" for i in range(300)), "application/x-www-form-urlencoded", 400),
            ("a=" + "1" * 70_000, "application/x-www-form-urlencoded", 413),
            ("", "application/x-www-form-urlencoded", 403),
        ],
    )
    def test_what_is_no_form_is_refused(self, post, content, kind, status):
        assert post("/voice", content, {"Content-Type": kind})[0] == status

    def test_a_call_without_a_name_is_refused(self, phone):
        phone.fields["CallSid"] = ""
        assert phone.raw(f"{PUBLIC}/voice", **phone.fields)[0] == 400

    def test_it_is_not_read_by_get(self, post):
        assert post.__closure__  # the client
        client = next(c.cell_contents for c in post.__closure__)
        assert client.get("/voice").status_code == 405


urls = st.sampled_from(
    [
        "https://voice.example.com/twilio/voice",
        "https://voice.example.com:443/voice",
        "https://voice.example.com:8443/a/b?call=CA1&n=2",
        "http://127.0.0.1:8080/voice?x=%20y",
        "http://[::1]:8080/voice",
        "https://voice.example.com",
    ]
)
fields = st.lists(
    st.tuples(st.text(max_size=8), st.text(max_size=8)).filter(
        lambda pair: not any(0xD800 <= ord(c) < 0xE000 for text in pair for c in text)
    ),
    max_size=6,
)


class Fields(dict):
    """Fields of a form as the official package reads them, with several values for one name."""

    def getlist(self, name):
        return self[name]


@given(url=urls, pairs=fields, other=st.text(max_size=8))
def test_it_agrees_with_the_official_validator(url, pairs, other):
    named = Fields()
    for name, value in pairs:
        named.setdefault(name, []).append(value)
    official = RequestValidator(TOKEN)
    made = official.compute_signature(url, named)
    if "[" not in url:  # whose port the official package cannot take off
        assert official.validate(url, named, made)
        with_port = url if re.search(r":\d+(/|$)", url) else None
        for form in filter(None, (url, with_port)):
            signed = official.compute_signature(form, named)
            assert is_signed(url, pairs, TOKEN, signed) == official.validate(url, named, signed)
    assert is_signed(url, pairs, TOKEN, made)
    assert not is_signed(url, pairs, TOKEN + "x", made)
    assert not is_signed(url, [*pairs, ("Extra", other)], TOKEN, made)
    assert not is_signed(url, pairs, TOKEN, other)


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://v.example/voice", "https://v.example:443/voice"),
        ("https://v.example:8443/voice", "https://v.example/voice"),
        ("http://v.example/voice?a=b", "http://v.example:80/voice?a=b"),
    ],
)
def test_twilio_may_sign_with_the_port_or_without(url, signed):
    made = RequestValidator(TOKEN).compute_signature(signed, {"a": "1"})
    assert RequestValidator(TOKEN).validate(url, {"a": "1"}, made)
    assert is_signed(url, [("a", "1")], TOKEN, made)


@pytest.mark.parametrize(
    "url",
    [
        "", "voice.example.com", "ftp://x", "https://", "https://a b", "https://x?y=1", None,
        "https://x#y", "https://user:pw@x", "https://x:99999", "https://é.example",
    ],
)  # fmt: skip
def test_the_public_url_is_checked(shop_engine, url):
    with pytest.raises(InvalidValueError, match="is not the address at which Twilio reaches"):
        twilio_router(shop_engine, auth_token=TOKEN, public_url=url)


@pytest.mark.parametrize("token", ["", "short", None])
def test_there_is_no_router_without_a_token(shop_engine, token):
    with pytest.raises(InvalidValueError, match="auth_token"):
        twilio_router(shop_engine, auth_token=token, public_url=PUBLIC)


def test_urls_of_another_account_are_none():
    step = Step("CA1", 2, 3)
    made = Urls(PUBLIC, TOKEN).made("heard", step)
    query = made.partition("?")[2]
    assert Urls(PUBLIC, TOKEN).read("heard", query) == step
    assert Urls(PUBLIC, TOKEN).read("dialled", query) is None
    assert Urls(PUBLIC, TOKEN[::-1]).read("heard", query) is None


@pytest.fixture
def mounted(shop_engine):
    """Build an application with the router in it; gives what sends to it."""
    clients = []

    def build(**options):
        app = FastAPI()
        router = twilio_router(shop_engine, auth_token=TOKEN, public_url=PUBLIC, **options)
        app.include_router(router, prefix="/twilio")
        client = TestClient(app).__enter__()
        clients.append(client)

        def send(path, content, headers):
            answer = client.post(f"/twilio{path}", content=content, headers=headers)
            return answer.status_code, answer.text

        return send

    yield build
    for client in clients:
        client.__exit__(None, None, None)


class TestHooks:
    def test_the_agents_own_answers_are_said_and_kept(self, mounted):
        heard = []

        async def reply(call, decision):
            heard.append((call.turns[-1], decision.outcome))
            return "We open at nine." if decision.outcome is Outcome.CONTAIN else None

        phone = Phone(mounted(reply=reply))
        phone.dial()
        assert phone.say("hello") == "We open at nine."
        assert phone.say(CHARGE) == "I am connecting you with Billing."
        assert heard[0] == (("caller", "hello"), Outcome.CONTAIN)

    def test_an_agent_that_fails_twice_gives_the_caller_to_a_person(self, mounted):
        def reply(call, decision):
            raise RuntimeError("no model")

        phone = Phone(mounted(reply=reply))
        phone.dial()
        assert phone.say("hello") == "Could you tell me a little more about what you need?"
        phone.say("hello there")
        assert phone.dialled == DEFAULT

    @pytest.mark.parametrize(
        ("codes", "dialled"), [(["1234"], SECOND), (["9", "1234"], SECOND), (["9"] * 3, DEFAULT)]
    )
    def test_a_caller_is_verified_by_keys(self, mounted, codes, dialled):
        def verify(call, digits):
            return "pin" if digits == "1234" else None

        phone = Phone(mounted(verify=verify))
        phone.dial()
        said = phone.say("caller wants a secret")
        assert said == (
            "Before I connect you with Secrets, I need to verify who you are. "
            "Please key in your code, and then the pound key."
        )
        assert phone.next.get("input") == "dtmf"
        for code in codes:
            phone.key(code)
        assert phone.dialled == dialled

    def test_a_verification_that_fails_itself_verifies_nobody(self, mounted):
        def verify(call, digits):
            raise OSError("no database")

        phone = Phone(mounted(verify=verify))
        phone.dial()
        phone.say("caller wants a secret")
        for _ in range(3):
            phone.key("1234")
        assert phone.dialled == DEFAULT

    def test_without_screening_whoever_picks_up_is_connected(self, mounted):
        phone = Phone(mounted(screen=False))
        phone.dial()
        phone.say(CHARGE)
        assert phone.pick_up() == ["Say"]
        phone.hear(phone.request(phone.noun.get("url"), leg="callee"))
        phone.fields["CallStatus"] = "completed"
        phone.end("completed", DialBridged="true")
        assert phone.is_over

    def test_texts_and_language_are_yours(self, mounted):
        texts = Texts(greeting="Bonjour !", detail="Votre {detail} ?")
        phone = Phone(mounted(texts=texts, language="fr-FR"), line=THIRD_LINE)
        assert phone.dial() == "Bonjour !"
        assert phone.next.get("language") == "fr-FR"
        assert phone.next[0].get("language") == "fr-FR"
        assert phone.say("caller asks about an order") == "Votre order number ?"

    @pytest.mark.parametrize(
        ("said", "verified"),
        [
            ("TN-Validation-Passed-A", True),
            ("TN-Validation-Passed-B", False),
            ("TN-Validation-Failed-A", False),
            ("No-TN-Validation", False),
        ],
    )
    def test_the_attestation_of_the_number_is_evidence(self, mounted, said, verified):
        calls = []
        phone = Phone(mounted(reply=lambda call, _: calls.append(call)), StirVerstat=said)
        phone.dial()
        phone.say(CHARGE)
        packet = calls[0].handoff(calls[0].decision)
        assert packet.caller.verified is verified
        assert packet.details == {"attestation": said}


class RecordedCalls:
    """Calls as records in a dictionary that several routers share."""

    def __init__(self, engine, records):
        self.engine = engine
        self.records = records

    async def begin(self, call_sid, called, caller, play):
        location = self.engine.location_for(called, region=None)
        if location is None:
            return None
        call = self.engine.open_call(location.location_id, caller_id=caller, called=called)
        self.records.setdefault(call_sid, call.to_json())
        return await self.go_on(call_sid, play)

    async def go_on(self, call_sid, play):
        record = self.records.get(call_sid)
        if record is None:
            return None
        call = self.engine.resume_call(record)
        answer = await play(call)
        self.records[call_sid] = call.to_json()
        return answer

    async def end(self, call_sid):
        self.records.pop(call_sid, None)


class TestKeeping:
    @pytest.fixture
    def elsewhere(self, shop_engine, mounted):
        """Let each request of a phone be answered by another router than the one before."""
        records = {}
        routers = [
            mounted(
                calls=RecordedCalls(shop_engine, records),
                verify=lambda _, digits: "pin" if digits == "1234" else None,
            )
            for _ in range(2)
        ]

        def post(*request):
            routers.reverse()
            return routers[0](*request)

        return post

    def test_every_webhook_may_be_answered_by_another_process(self, elsewhere):
        phone = Phone(elsewhere)
        phone.dial()
        phone.say("caller moves house")
        phone.say("yes please")
        assert phone.dialled == SECOND
        phone.pick_up()
        phone.press("2")
        phone.end("completed")
        assert phone.dialled == DEFAULT
        phone.pick_up()
        assert phone.press("1") == []
        assert phone.hear(phone.replay()[1]) == []
        phone.end("completed", DialBridged="true")
        assert phone.is_over

    def test_so_may_details_and_a_verification(self, elsewhere):
        phone = Phone(elsewhere, line=THIRD_LINE)
        phone.dial()
        assert phone.say("caller asks about an order") == "May I have your order number?"
        assert phone.key("4711") == "May I have your name?"
        assert phone.say("Ada") == "I am connecting you with Orders."
        assert phone.end("busy") != "May I have your order number?"
        assert phone.dialled == DEFAULT
        phone = Phone(elsewhere)
        phone.dial()
        phone.say("caller wants a secret")
        phone.key("1234")
        assert phone.dialled == SECOND

    def test_a_call_that_another_process_began_is_greeted_anew(self, mounted):
        phone = Phone(mounted())
        phone.dial()
        phone.post = mounted()
        assert phone.say(CHARGE) == "Hello. How can I help you?"
        phone.say(CHARGE)
        phone.post = mounted()
        assert phone.end("busy") == "Hello. How can I help you?"
        phone.say(CHARGE)
        phone.post = mounted()
        phone.end("completed")
        assert phone.is_over

    def test_the_oldest_go_and_so_do_those_whose_time_is_over(self, shop_engine, monkeypatch):
        now = [0.0]
        kept = MemoryCalls(shop_engine, over="<Response/>", clock=lambda: now[0])
        monkeypatch.setattr(keeping, "MAX_CALLS", 3)

        async def play(call):
            return call.location_id

        import asyncio

        async def run():
            for i in range(5):
                assert await kept.begin(f"CA{i}", LINE, None, play) == "store-1"
            assert len(kept) == 3
            assert await kept.go_on("CA1", play) is None
            assert await kept.go_on("CA4", play) == "store-1"
            now[0] += keeping.KEPT_S + 1
            assert await kept.go_on("CA4", play) is None
            assert await kept.begin("CA9", LINE, None, play) == "store-1"
            assert len(kept) == 1

        asyncio.run(run())
