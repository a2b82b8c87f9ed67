"""What the person who picks up gets, and what nobody gets."""

from __future__ import annotations

import contextlib
import json
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import jsonschema_rs
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from routing_engine import Destination, HashingEncoder, InvalidValueError, Reason, RoutingEngine
from routing_engine.calls.call import CallPolicy
from routing_engine.calls.handoff import MAX_JSON, MAX_WHISPER, Handoff, HandoffPolicy, schema
from routing_engine.integrations import (
    livekit,
    openai_realtime,
    retell,
    sip,
    twilio,
    vapi,
)
from routing_engine.integrations.headers import read_user_to_user
from routing_engine.model.caller import Caller
from tests.support.examples import examples
from tests.support.strategies import a_location, a_rule

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NUMBER = "+12025550188"
HIDDEN = Caller(NUMBER, "Jane Doe", anonymous=True)
BILLING, SECOND = "+14155550111", "+14155550112"
CARD = "4111 1111 1111 1111"

INVOICE = "there is a strange charge on my invoice"
FLOODED = "get me a manager, my basement is under water since last night and nobody came"
RULES = (
    a_rule("Billing", when="asks about an invoice", examples=(INVOICE,), destination=BILLING,
           fallback=(SECOND,), required_details=("name", "Order number"), ring_timeouts_s=(20, 30)),
    a_rule("Account", when="wants to change the account", destination="+14155550104",
           examples=("change the name on my account",), requires_verification=True),
)  # fmt: skip
# Nothing here is of one line, of one script or of any length.
hostile = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from('0123456789٠١٢٣٤٥٦٧٨٩０１２３ -./()"\\\n\u202e\u200b\U0001f600{}'),
    ),
    max_size=400,
)


@pytest.fixture(scope="module")
def engine():
    location = a_location("store-1", *RULES, name="Fernwick San Francisco")
    return RoutingEngine([location], encoder=HashingEncoder())


def a_call(engine, *, caller_id=NUMBER, **policy):
    handoff = HandoffPolicy(**policy)
    return engine.open_call(
        "store-1", caller_id=caller_id, policy=CallPolicy(handoff=handoff), now=NOON
    )


def handed_over(call, words=INVOICE):
    return call.handoff(call.hear(words, now=NOON))


def strings(value):
    """Every string in a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    for item in value.items() if isinstance(value, dict) else ():
        yield from strings(list(item))
    for item in value if isinstance(value, list) else ():
        yield from strings(item)


def said_strings(handoff):
    """Those in a packet, but for the ids, which are drawn at random."""
    packet = json.loads(handoff.to_json())
    del packet["call_id"], packet["decision_id"]
    return strings(packet)


def digits(text):
    return "".join(str(unicodedata.decimal(c)) for c in text if c.isdecimal())


def note(call, key, text):
    """Note a detail, unless its name is none."""
    with contextlib.suppress(InvalidValueError):
        call.note(**{key: text})


class TestPacket:
    def test_says_who_why_and_what(self, engine):
        call = a_call(engine, caller_id=Caller(NUMBER, verified=True))
        call.verified(method="pin", now=NOON)
        decision = call.hear(INVOICE, now=NOON)
        call.note(name="Jane Doe", color="red", order_number=7)
        handoff = call.handoff(decision)
        assert handoff.model_dump(mode="json", exclude={"timeline", "verified_by"}) == {
            "schema_version": "1.1",
            "call_id": call.call_id,
            "decision_id": decision.decision_id,
            "location_id": "store-1",
            "location_name": "Fernwick San Francisco",
            "caller": {"number": NUMBER, "name": "Jane Doe", "anonymous": False, "verified": True},
            "reason": INVOICE,
            "rule": "Billing",
            "details": {"Order number": "7", "color": "red"},
            "missing": [],
            "whisper": "Transferred call from Jane Doe for Fernwick San Francisco, about Billing. "
            f"They said: {INVOICE}. Their identity is verified.",
            "destination": BILLING,
            "ring_timeout_s": 20,
            "outcome": "transfer",
            "outcome_reason": "rule_matched",
            "catalog_version": 1,
        }
        assert [(item.method, item.at) for item in handoff.verified_by] == [("pin", NOON)]
        assert handoff.timeline == call.timeline
        assert [event.kind for event in handoff.timeline][-2:] == ["caller", "decided"]

    def test_every_decision_has_an_id_of_its_own(self, engine):
        call = a_call(engine)
        decisions = [
            call.hear("hello there", now=NOON),
            call.no_response(now=NOON),
            call.agent_failed(now=NOON),
            call.verified(method="pin", now=NOON),
            call.hear(INVOICE, now=NOON),
            call.transfer_failed("busy", now=NOON),
            call.transfer_failed("caller_hung_up", now=NOON),
        ]
        ids = [decision.decision_id for decision in decisions]
        assert ids == [f"{call.call_id}-{i}" for i in range(1, len(ids) + 1)]
        assert [d.to_dict()["decision_id"] for d in decisions] == ids

    def test_is_of_the_call_and_not_of_another(self, engine):
        call = a_call(engine)
        provisional = call.hear(INVOICE, final=False, now=NOON)
        assert provisional.decision_id == ""
        others = a_call(engine).hear(INVOICE, now=NOON)
        for decision in (provisional, others, engine.route("store-1", INVOICE)):
            with pytest.raises(InvalidValueError, match="not a decision of this call"):
                call.handoff(decision)

    def test_a_fallback_is_still_about_the_rule(self, engine):
        call = a_call(engine)
        call.hear(INVOICE, now=NOON)
        decision = call.transfer_failed("busy", now=NOON)
        handoff = call.handoff(decision)
        assert (handoff.rule, str(handoff.destination)) == ("Billing", SECOND)
        assert decision.missing == ("name", "Order number")
        assert handoff.outcome_reason == "fallback"

    def test_a_decision_that_dials_nobody_has_one_too(self, engine):
        handoff = handed_over(a_call(engine), "change the name on my account")
        assert (handoff.outcome, handoff.destination, handoff.rule) == ("verify", None, "Account")

    def test_a_verification_that_has_expired_does_not_count(self, engine):
        call = a_call(engine)
        call.verified(method="pin", now=NOON)
        later = NOON + timedelta(seconds=901)
        handoff = call.handoff(call.hear(INVOICE, now=later))
        assert handoff.verified_by == ()
        assert "verified" not in handoff.whisper

    def test_goes_on_from_another_process(self, engine):
        call = a_call(engine, caller_id=HIDDEN, left_out_details=("pin",))
        call.note(name="Jane", order_number="A7", pin="9876")
        decision = call.hear(INVOICE, now=NOON)
        twin = engine.resume_call(call.to_json())
        assert twin.handoff(decision) == call.handoff(decision)
        assert (twin.details, twin.caller) == (call.details, call.caller)

    def test_a_location_that_is_gone_does_not_drop_the_call(self):
        made = RoutingEngine(
            [a_location("store-1", *RULES), a_location("store-2")], encoder=HashingEncoder()
        )
        call = made.open_call("store-1", policy=CallPolicy(catalog="newest"), now=NOON)
        decision = call.hear(INVOICE, now=NOON)
        made.apply([], remove=["store-1"])
        handoff = call.handoff(decision)
        assert (handoff.location_id, handoff.location_name) == ("store-1", "")
        assert call.missing == ()


class TestCallerId:
    @pytest.mark.parametrize(
        ("caller_id", "expected"),
        [
            (NUMBER, Caller(NUMBER)),
            ("+1 (202) 555-0188", Caller(NUMBER)),
            ("tel:+1-202-555-0188", Caller(NUMBER)),
            ("anonymous", Caller(anonymous=True)),
            (None, Caller()),
            *(("12", Caller()), ("", Caller()), ("\ud800", Caller())),
            (HIDDEN, HIDDEN),
            (Caller(NUMBER, "Jane\r\nDoe\ud800"), Caller(NUMBER, "Jane Doe")),
        ],
    )
    def test_is_what_platforms_report(self, engine, caller_id, expected):
        call = engine.open_call("store-1", caller_id=caller_id)
        assert call.caller == expected
        assert call.caller_id == expected.shown
        assert engine.resume_call(call.to_json()).caller == expected

    @pytest.mark.parametrize("wrong", [12025550188, b"+12025550188", Destination(NUMBER)])
    def test_is_of_the_right_type(self, engine, wrong):
        with pytest.raises(InvalidValueError, match="caller_id is a str, a Caller or None"):
            engine.open_call("store-1", caller_id=wrong)


class TestNotes:
    def test_what_a_rule_asks_for_is_missing_until_it_is_noted(self, engine):
        call = a_call(engine)
        assert call.missing == ()
        assert call.hear(INVOICE, final=False, now=NOON).missing == ("name", "Order number")
        decision = call.hear(INVOICE, now=NOON)
        assert decision.missing == call.missing == ("name", "Order number")
        call.note(**{"ORDER_number ": "7"})
        assert call.missing == ("name",)
        call.note(name="Jane")
        assert call.missing == ()
        assert call.hear("hello again", now=NOON).to_dict()["missing"] == []

    def test_a_caller_whom_the_network_names_need_not_be_asked(self, engine):
        assert handed_over(a_call(engine, caller_id=Caller(NUMBER, "Jane"))).missing == (
            "Order number",
        )

    def test_later_ones_replace_earlier_ones(self, engine):
        call = a_call(engine)
        call.note(name="Jan", reason="a bill", order_number=7, color="red", size=None)
        call.note(name="Jane", reason="a charge", **{"Order Number": "8"}, color="")
        assert (call.details, call.caller.name) == ({"Order Number": "8"}, "Jane")
        assert handed_over(call).reason == "a charge"

    @pytest.mark.parametrize(
        "wrong", [{"name": 3.5j}, {"order": None, "x": []}, {"reason": b"a"}, {"!?": "a"}]
    )
    def test_are_texts_or_numbers_under_a_name(self, engine, wrong):
        call = a_call(engine)
        with pytest.raises(InvalidValueError):
            call.note(**wrong)
        assert call.details == {}

    @given(st.lists(st.tuples(hostile, hostile), max_size=40), hostile, hostile)
    @example([(f"detail {i}", "x" * 5000) for i in range(40)], "", "")
    def test_are_bounded_and_survive_a_record(self, engine, details, name, reason):
        call = a_call(engine)
        for key, text in details:
            note(call, key, text)
        call.note(name=name, reason=reason)
        assert len(call.details) <= 16
        assert all(len(key) <= 64 and 0 < len(text) <= 200 for key, text in call.details.items())
        assert engine.resume_call(call.to_json()).details == call.details


class TestReason:
    @pytest.mark.parametrize(
        ("turns", "reason"),
        [
            ([INVOICE], INVOICE),
            ([INVOICE, "representative"], INVOICE),
            ([INVOICE, "can i talk to somebody please"], INVOICE),
            ([INVOICE, "the second one", "uh yeah"], INVOICE),
            (["hello", "representative"], "representative"),
            (["it leaks", "are you a robot, you're not listening, come on"], "it leaks"),
            (["it leaks", FLOODED], FLOODED),
            ([INVOICE, "well the water heater burst this morning"],
             "well the water heater burst this morning"),
            (["um"], "um"),
            ([], ""),
        ],
    )  # fmt: skip
    def test_is_the_turn_that_tells_why(self, engine, turns, reason):
        call = a_call(engine)
        for turn in turns:
            call.agent_said("what is it about", now=NOON)
            call.hear(turn, now=NOON)
        call.agent_failed(now=NOON)
        assert call.handoff(call.agent_failed(now=NOON)).reason == reason


class TestWhisper:
    def whispered(self, name="", place="Fernwick SF", rule="Billing", said="", noted=""):
        location = a_location(
            "s", a_rule(rule, when="asks about an invoice", examples=(INVOICE,)), name=place
        )
        engine = RoutingEngine([location], encoder=HashingEncoder())
        call = engine.open_call("s", caller_id=Caller(name=name), now=NOON)
        call.note(reason=noted)
        return handed_over(call, said or INVOICE).whisper

    def test_reads_well_whatever_is_known(self):
        assert self.whispered("Jane Doe") == (
            "Transferred call from Jane Doe for Fernwick SF, about Billing. "
            "They said: there is a strange charge on my invoice."
        )
        assert self.whispered(place=None, noted="wants a refund!") == (
            "Transferred call, about Billing. Reason: wants a refund!"
        )
        assert self.whispered(said="um", place=None) == "Transferred call. They said: um."
        assert self.whispered(said="...", place=None).startswith("Transferred call.")

    def test_nothing_known_is_still_a_sentence(self, engine):
        call = a_call(engine)
        call.agent_failed(now=NOON)
        handoff = call.handoff(call.agent_failed(now=NOON))
        assert handoff.whisper == "Transferred call for Fernwick San Francisco."

    def test_long_words_are_cut_between_two(self):
        whisper = self.whispered(
            "Jane " * 40, place="Fernwick " * 15, rule="Billing " * 20, noted="charge " * 100
        )
        assert whisper == (
            "Transferred call from Jane Jane Jane Jane Jane Jane Jane… for Fernwick Fernwick "
            "Fernwick Fernwick…, about Billing Billing Billing Billing… Reason: charge charge "
            "charge charge charge charge charge…"
        )
        assert MAX_WHISPER - 10 < len(whisper) <= MAX_WHISPER


class TestBounds:
    @examples(60)
    @given(st.data())
    def test_a_packet_is_never_too_long_and_comes_back_the_same(self, engine, data):
        caller = Caller(data.draw(st.none() | st.just(NUMBER)), data.draw(hostile),
                        data.draw(st.booleans()))  # fmt: skip
        call = a_call(engine, caller_id=caller, transcript=data.draw(st.booleans()))
        for _ in range(data.draw(st.integers(0, 12))):
            note(call, data.draw(hostile), data.draw(hostile))
            call.agent_said(data.draw(hostile) * data.draw(st.sampled_from((1, 5))), now=NOON)
            call.hear(data.draw(hostile), now=NOON)
        call.note(reason=data.draw(hostile))
        handoff = handed_over(call)
        text = handoff.to_json()
        assert len(text.encode()) <= MAX_JSON
        assert Handoff.from_json(text) == handoff
        assert Handoff.from_json(text.encode()).to_json() == text
        assert handoff.context.details.keys() >= {
            key for key in handoff.details if key not in ("id", "loc", "why")
        }
        for item in strings(json.loads(text)):
            assert "\n" not in item

    def test_the_longest_one_drops_the_oldest_of_its_timeline(self):
        wide = "\U00020000"  # four octets, and of a script that one_line keeps
        rule = a_rule(wide * 200, when="asks about an invoice", examples=(INVOICE,),
                      required_details=tuple(f"{i:02}{wide * 198}" for i in range(16)))  # fmt: skip
        location = a_location(wide * 256, rule, name=wide * 200)
        engine = RoutingEngine([location], encoder=HashingEncoder())
        call = engine.open_call(wide * 256, caller_id=Caller(NUMBER, wide * 200), now=NOON)
        for i in range(20):
            call.note(**{f"{i:03}{wide * 100}": wide * 300})
            call.verified(method=f"{i}{wide * 100}", now=NOON)
        for i in range(100):
            call.agent_said(f"{i} {wide * 500}", now=NOON)
        call.note(reason=wide * 3000)
        handoff = handed_over(call)
        assert len(handoff.details) == 16
        assert len(handoff.missing) == 16
        size = len(handoff.to_json().encode())
        assert MAX_JSON - 1000 < size <= MAX_JSON
        assert 3 <= len(handoff.timeline) < len(call.timeline)
        assert [event.kind for event in handoff.timeline[-2:]] == ["caller", "decided"]


class TestRedaction:
    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            (f"my card is {CARD} ok", "my card is [card number] ok"),
            ("it's 4111-1111-1111-1111 exp 12 27", "it's [card number] exp 12 27"),
            ("4111 1111 1111 1111 12 27 123", "[card number]"),
            ("amex 378282246310005", "amex [card number]"),
            ("٤١١١ ١١١١ ١١١١ ١١١١", "[card number]"),
            ("order 4111 1111 1111 1112", "order 4111 1111 1111 1112"),
            ("call 202 555 0188", "call 202 555 0188"),
            ("it is 123-45-6789", "it is [social security number]"),
            ("social is 123456789 ok", "social is [social security number] ok"),
            ("order 123456789", "order 123456789"),
        ],
    )
    def test_numbers_that_nobody_should_read_are_masked(self, engine, said, shown):
        call = a_call(engine)
        call.note(memo=said, reason=said)
        handoff = handed_over(call, said)
        assert (handoff.reason, handoff.details["memo"]) == (shown, shown)
        assert handoff.timeline[0].text == shown
        open_one = a_call(engine, mask_numbers=False)
        assert handed_over(open_one, said).reason == said

    @given(st.text(st.characters(categories=("L", "Z", "P")), max_size=250),
           st.sampled_from(("", " ", "-", ". ")), hostile)  # fmt: skip
    def test_a_card_is_masked_wherever_a_text_is_cut(self, engine, before, between, after):
        assume(not re.search(r"\d", unicodedata.normalize("NFKC", before)))
        card = between.join(CARD.split())
        call = a_call(engine)
        call.note(memo=f"{before}{card} {after}", reason=f"{before}{card}", name=card)
        handoff = handed_over(call, f"{before} {card}")
        for item in said_strings(handoff):
            assert "41111" not in digits(item) or "41111" in digits(after)

    def test_details_are_masked_or_left_out_by_name(self, engine):
        call = a_call(
            engine, masked_details=("Account_Number", "pin"), left_out_details=("BIRTH DATE",)
        )
        call.note(account_number="77-1234", pin="9876", birth_date="may 3", color="red")
        handoff = handed_over(call, "my pin is 9876 and i was born on May 3, account 77-1234")
        assert handoff.details == {"account_number": "***34", "pin": "***", "color": "red"}
        assert handoff.reason == "my pin is *** and i was born on ***, account ***"
        assert handoff.timeline[0].text == handoff.reason
        assert "9876" not in handoff.to_json()
        assert "9876" in call.to_json()

    def test_the_transcript_stays_if_it_is_to(self, engine):
        call = a_call(engine, transcript=False)
        call.agent_said("how can i help", now=NOON)
        handoff = handed_over(call)
        assert [event.kind for event in handoff.timeline] == ["decided"]
        assert (handoff.reason, "charge" in handoff.to_json()) == ("", False)
        call.note(reason="a bill")
        assert handed_over(call).reason == "a bill"

    @examples(200)
    @given(st.lists(hostile, max_size=3), hostile, hostile, st.sampled_from(("", " ", "-", ") ")),
           st.sampled_from((NUMBER, NUMBER[1:], NUMBER[2:])))  # fmt: skip
    def test_an_anonymous_callers_number_is_nowhere(self, engine, texts, text, key, between, own):
        spelt = between.join(own)
        call = a_call(engine, caller_id=Caller(NUMBER, f"Jane {spelt}", anonymous=True))
        for turn in texts:
            call.agent_said(turn + spelt, now=NOON)
        note(call, key + spelt, text + spelt)
        call.note(reason=spelt + text, back=spelt)
        call.verified(method=spelt, now=NOON)
        handoff = handed_over(call, f"{text} {spelt} {INVOICE}")
        assert handoff.caller.number is None
        assert handoff.caller.anonymous
        for item in said_strings(handoff):
            assert NUMBER[2:] not in digits(item)
            assert HIDDEN.redacted(item) == item

    def test_an_anonymous_caller_keeps_the_number_for_whoever_may_know_it(self, engine):
        call = a_call(engine, caller_id=HIDDEN)
        assert handed_over(call).caller == Caller(None, "Jane Doe", anonymous=True)
        assert (call.caller, call.caller_id) == (HIDDEN, None)


class TestSchema:
    def test_the_published_one_is_what_the_model_gives(self):
        """To regenerate it, write what ``routing_engine.calls.handoff.schema()`` returns."""
        published = files("routing_engine") / "resources" / "handoff-v1.schema.json"
        assert published.read_text(encoding="utf-8") == schema()

    def test_it_describes_a_packet(self, engine):
        validator = jsonschema_rs.validator_for(json.loads(schema()))
        packet = json.loads(handed_over(a_call(engine)).to_json())
        validator.validate(packet)
        validator.validate(packet | {"schema_version": "1.7", "mood": "calm"})
        assert not validator.is_valid(packet | {"schema_version": "2.0"})
        assert not validator.is_valid({key: packet[key] for key in packet if key != "caller"})

    def test_a_newer_minor_version_is_read_without_what_it_added(self, engine):
        handoff = handed_over(a_call(engine))
        newer = json.loads(handoff.to_json())
        newer |= {"schema_version": "1.7", "mood": "calm", "outcome_reason": "new_one"}
        newer["caller"]["pronouns"] = newer["timeline"][0]["mood"] = "x"
        read = Handoff.from_json(json.dumps(newer))
        assert read == handoff.model_copy(
            update={"schema_version": "1.7", "outcome_reason": "new_one"}
        )

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"schema_version": "2.0"}, "major version"),
            ({"schema_version": "1"}, "schema_version"),
            ({"destination": "12"}, "destination"),
            ({"whisper": "x" * 201}, "whisper"),
            ({"caller": {"number": "12"}}, "caller"),
            ({"caller": {"name": "x" * 65}}, "caller"),
            ({"timeline": [{"kind": "caller"}]}, "timeline.0.at"),
        ],
    )
    def test_another_one_is_refused(self, engine, change, message):
        packet = json.loads(handed_over(a_call(engine)).to_json())
        with pytest.raises(InvalidValueError, match=message) as refused:
            Handoff.from_json(json.dumps(packet | change))
        assert "xxx" not in str(refused.value)
        with pytest.raises(InvalidValueError):
            Handoff.from_json("[]")


class TestTransfers:
    @pytest.fixture
    def handoff(self, engine):
        call = a_call(engine, caller_id=Caller(NUMBER, "Jane Doe", verified=True))
        call.note(id="7", order_number="A1")
        return handed_over(call)

    def test_the_context_is_that_of_the_packet(self, handoff):
        context = handoff.context
        assert context.reason == f"Billing: {INVOICE}"
        assert (context.location_id, context.decision_id) == ("store-1", handoff.decision_id)
        assert context.details == {"Order number": "A1", "detail id": "7"}
        assert context.spoken == handoff.whisper

    def test_every_builder_takes_it(self, handoff):
        caller, destination, context = handoff.caller, handoff.destination, handoff.context
        peer = sip.Peer("gw.example", trusted=True)
        invite = dict(sip.invite(caller, destination, peer=peer, context=context))
        assert invite["P-Asserted-Identity"] == (f'"Jane Doe" <sip:{NUMBER}@gw.example;user=phone>')
        told = read_user_to_user(invite["User-to-User"])
        assert (told["id"], told["loc"]) == (handoff.decision_id, "store-1")
        assert told["why"].startswith("Billing: there is a")
        asked = dict(sip.refer(caller, destination, peer=peer, context=context))["Refer-To"]
        assert invite["User-to-User"].partition(";")[0] in asked
        line = Destination("+14155550100")
        dial = twilio.dial(caller, destination, line=line, context=context)
        assert f'callerId="{NUMBER}"><Number>{BILLING}</Number>' in dial
        assert "User-to-User" in twilio.refer(
            caller, destination, domain="gw.example", context=context
        )
        assert twilio.whisper(caller, context) == (
            f"<Response><Say>{handoff.whisper}</Say></Response>"
        )
        request = livekit.transfer_sip_participant(
            caller, destination, room_name="r", participant_identity="p", context=context
        )
        assert request["headers"]["User-to-User"] == invite["User-to-User"]
        assert openai_realtime.refer(destination) == {"target_uri": f"tel:{BILLING}"}
        plan = vapi.transfer_destination(caller, destination, context=context)["transferPlan"]
        assert plan["message"] == handoff.whisper
        option = retell.transfer_call(caller, destination, context=context)["transfer_option"]
        assert option["private_handoff_option"]["message"] == handoff.whisper

    def test_an_anonymous_caller_stays_so(self, engine):
        call = a_call(engine, caller_id=HIDDEN)
        call.note(reason=f"call {NUMBER[2:]}", back=NUMBER)
        handoff = handed_over(call)
        peer = sip.Peer("gw.example", trusted=True, honours_privacy=True)
        headers = sip.invite(
            handoff.caller, handoff.destination, peer=peer, context=handoff.context
        )
        assert ("Privacy", "id") in headers
        assert not any("2025550188" in value for _, value in headers)


def test_the_packet_for_people_leaves_out_what_is_empty(engine):
    call = a_call(engine, caller_id="anonymous")
    call.agent_failed(now=NOON)
    decision = call.agent_failed(now=NOON)
    assert decision.reason is Reason.AGENT_FAILED
    shown = str(call.handoff(decision))
    assert shown.splitlines()[0] == "caller    withheld"
    assert "dial      +14155550100" in shown
    assert not re.search(r"^(reason|rule|missing)", shown, re.MULTILINE)
