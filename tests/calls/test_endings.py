"""How a transfer ended, in the words of platforms; and reports that come twice, late or never."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing_engine import HashingEncoder, InvalidValueError, Outcome, RoutingEngine
from routing_engine.calls.endings import ENDINGS, read_report
from routing_engine.calls.policy import TransferOutcome
from tests.support.strategies import a_location, a_rule

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DEFAULT, BILLING, SECOND = "+14155550100", "+14155550111", "+14155550112"
INVOICE = "there is a strange charge on my invoice"


@pytest.fixture
def engine():
    rule = a_rule("Billing", BILLING, when="asks about an invoice", examples=(INVOICE,),
                  fallback=(SECOND,))  # fmt: skip
    location = a_location("store-1", rule, default_destination=DEFAULT)
    return RoutingEngine([location], encoder=HashingEncoder())


@pytest.fixture
def call(engine):
    return engine.open_call("store-1", now=NOON)


def said(decision):
    number = None if decision.destination is None else str(decision.destination)
    return decision.outcome.value, decision.reason.value, number


@pytest.mark.parametrize(
    ("words", "ending"),
    [
        # Twilio
        ("busy", "busy"), ("no-answer", "no_answer"), ("failed", "unreachable"),
        ("canceled", "no_answer"), ("completed", "answered"), ("answered", "answered"),
        ("machine_end_beep", "voicemail"), ("in-progress", "not over"),
        # Asterisk
        ("NOANSWER", "no_answer"), ("CHANUNAVAIL", "unreachable"), ("CONGESTION", "unreachable"),
        ("DONTCALL", "declined"), ("CANCEL", "caller_hung_up"), ("ANSWER", "answered"),
        # Q.850
        (17, "busy"), ("19", "no_answer"), ("cause 21", "declined"), (1, "unreachable"),
        ("Q.850;cause=17;text=\"User busy\"", "busy"), ("AST_CAUSE_USER_BUSY", "busy"),
        ("USER_BUSY", "busy"), ("NO_USER_RESPONSE", "no_answer"), (127, "unreachable"),
        ("NORMAL_TEMPORARY_FAILURE", "unreachable"), ("hangup cause: 18", "no_answer"),
        ("ORIGINATOR_CANCEL", "caller_hung_up"),
        # SIP
        (486, "busy"), ("486 Busy Here", "busy"), ("SIP/2.0 486 Busy Here", "busy"),
        ("sip 600", "busy"), (480, "no_answer"), (408, "no_answer"), (487, "no_answer"),
        (603, "declined"), ("603 Decline", "declined"), ("Decline", "declined"),
        (404, "unreachable"), (503, "unreachable"), (302, "unreachable"), (200, "answered"),
        ("SIP;cause=486;text=\"Busy Here\"", "busy"), ("SIP 100 Trying", "not over"),
        ("180 Ringing", "not over"), ("100 Trying", "not over"), ("SIP/2.0 100 Trying", "not over"), ("Temporarily Unavailable", "no_answer"),
        # LiveKit
        ("USER_UNAVAILABLE", "no_answer"), ("USER_REJECTED", "declined"),
        ("SIP_TRUNK_FAILURE", "unreachable"), ("SIP_STATUS_BUSY_HERE", "busy"),
        ("DisconnectReason.USER_REJECTED", "declined"), ("STS_TRANSFER_FAILED", "unreachable"),
        # Vapi
        ("customer-busy", "busy"), ("customer-did-not-answer", "no_answer"),
        ("voicemail", "voicemail"), ("call.forwarding.operator-busy", "busy"),
        ("call.in-progress.error-transfer-failed", "unreachable"),
        ("call.in-progress.error-warm-transfer-assistant-cancelled", "declined"),
        ("call.in-progress.error-providerfault-outbound-sip-480-temporarily-unavailable",
         "no_answer"),
        ("call.in-progress.error-vapifault-something-new", "unreachable"),
        ("customer-ended-call-during-transfer", "caller_hung_up"),
        ("assistant-forwarded-call", "answered"),
        # Others
        ("noAnswer", "no_answer"), ("unanswered", "no_answer"), ("timeout", "no_answer"),
        ("rejected", "declined"), ("decline", "declined"), ("error", "unreachable"),
        ("not_found", "unreachable"), ("machine", "voicemail"), ("cancel", "caller_hung_up"),
        ("originator_cancel", "caller_hung_up"), ("started", "not over"),
        # Retell
        ("dial_busy", "busy"), ("dial_no_answer", "no_answer"), ("dial_failed", "unreachable"),
        ("user_declined", "declined"), ("voicemail_reached", "voicemail"),
        ("machine_detected", "voicemail"), ("invalid_destination", "unreachable"),
        ("call_transfer", "answered"), ("user_hangup", "caller_hung_up"),
    ],
)  # fmt: skip
def test_what_platforms_say_is_understood(words, ending):
    report = read_report(words)
    assert str(report.ending) == ending
    assert report.said == ("" if words in {item.value for item in TransferOutcome} else str(words))


@given(st.sampled_from([word for row in ENDINGS for word in row.words]), st.data())
def test_case_hyphens_and_spaces_do_not_matter(word, data):
    ending = read_report(word.removesuffix("*")).ending
    joint = data.draw(st.sampled_from(("-", "_", " ", "", ".")))
    spelt = word.removesuffix("*").replace("-", "_").replace("_", joint)
    spelt = data.draw(st.sampled_from((str.upper, str.lower, str.title, str)))(f" {spelt} ")
    assert read_report(spelt).ending == ending


@pytest.mark.parametrize(
    "words",
    ["", "  ", "engaged", "ok", "7 7", "1000", 1000, -1, 0.5, None, True, "cause 486", "sip", "…", b"busy"],
)  # fmt: skip
def test_what_nobody_says_is_refused(call, words):
    call.hear(INVOICE, now=NOON)
    before = call.to_json()
    with pytest.raises(InvalidValueError, match="is not how a transfer ends"):
        call.transfer_failed(words)
    assert call.to_json() == before


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        assert len(read_report(text).said) <= 100
    except InvalidValueError as error:
        assert "is not how a transfer ends" in str(error)  # noqa: PT017


class TestTheChain:
    def test_the_next_is_tried_and_the_raw_word_is_kept(self, engine, call):
        call.hear(INVOICE, now=NOON)
        decision = call.transfer_failed("486 Busy Here", now=NOON)
        assert said(decision) == ("transfer", "fallback", SECOND)
        assert decision.reported == "486 Busy Here"
        assert decision.to_dict()["reported"] == "486 Busy Here"
        (failed,) = [event for event in call.timeline if event.kind == "failed"]
        assert (failed.text, failed.number, failed.reported) == ("busy", BILLING, "486 Busy Here")
        assert failed in call.handoff(decision).timeline
        assert engine.resume_call(call.to_json()).timeline == call.timeline
        assert call.transfer_failed("no_answer", now=NOON).reported is None

    def test_numbers_in_a_platforms_words_are_hidden_as_the_callers_are(self, engine):
        caller = "+12025550188"
        call = engine.open_call("store-1", caller_id=caller, now=NOON)
        call.hear(INVOICE, now=NOON)
        decision = call.transfer_failed("486 Busy Here 4111 1111 1111 1111", now=NOON)
        shown = [event.reported for event in call.handoff(decision).timeline]
        assert not any("4111" in text for text in shown)

    def test_the_same_report_twice_passes_nobody_over(self, call):
        first = call.hear(INVOICE, now=NOON)
        for attempt in (first, first.decision_id, first.destination, BILLING, "14155550111"):
            decision = call.transfer_failed("no-answer", attempt=attempt, now=NOON)
            expected = ("transfer", "fallback", SECOND)
            if attempt is not first:
                expected = ("contain", "report_ignored", None)
            assert said(decision) == expected
        before = call.to_json()
        again = call.transfer_failed("busy", attempt=first, now=NOON)
        assert (again.is_ignored, again.decision_id) == (True, "")
        assert call.to_json() == before
        assert said(call.transfer_failed("busy", attempt=SECOND, now=NOON))[2] == DEFAULT

    def test_a_decision_that_goes_on_while_it_rings_is_of_the_same_attempt(self, call):
        call.hear(INVOICE, now=NOON)
        later = call.hear("it is about that invoice", now=NOON)
        assert str(later.destination) == BILLING
        decision = call.transfer_failed("busy", attempt=later.decision_id, now=NOON)
        assert said(decision) == ("transfer", "fallback", SECOND)
        late = call.transfer_failed("busy", attempt=later.decision_id, now=NOON)
        assert late.reason.value == "report_ignored"

    def test_a_number_without_its_extension_is_the_last_that_was_dialled(self):
        rule = a_rule("Billing", f"{BILLING};ext=12", when="asks about an invoice",
                      examples=(INVOICE,), fallback=(f"{BILLING};ext=13",))  # fmt: skip
        location = a_location("store-1", rule, default_destination=DEFAULT)
        engine = RoutingEngine([location], encoder=HashingEncoder())
        call = engine.open_call("store-1", now=NOON)
        call.hear(INVOICE, now=NOON)
        for dialled in (f"{BILLING};ext=13", DEFAULT):
            decision = call.transfer_failed("busy", attempt=BILLING, now=NOON)
            assert str(decision.destination) == dialled

    @pytest.mark.parametrize("attempt", ["+14155550199", "nonsense", "", "0-1"])
    def test_a_report_about_another_call_changes_nothing(self, call, attempt):
        call.hear(INVOICE, now=NOON)
        before = call.to_json()
        ignored = call.transfer_failed("busy", attempt=attempt, now=NOON)
        assert said(ignored) == ("contain", "report_ignored", None)
        assert call.to_json() == before

    @pytest.mark.parametrize("words", ["ringing", "in-progress", "180 Ringing", "queued"])
    def test_a_phone_that_still_rings_has_not_failed(self, call, words):
        call.hear(INVOICE, now=NOON)
        assert said(call.transfer_failed(words, now=NOON)) == ("contain", "report_ignored", None)
        assert said(call.transfer_failed("busy", now=NOON))[2] == SECOND

    def test_after_the_last_a_report_rings_nobody(self, call):
        call.hear(INVOICE, now=NOON)
        for _ in range(3):
            last = call.transfer_failed("busy", now=NOON)
        assert said(last) == ("contain", "nobody_answered", None)
        assert said(call.transfer_failed("busy", now=NOON)) == ("contain", "report_ignored", None)

    def test_who_left_has_left_whatever_was_rung(self, call):
        first = call.hear(INVOICE, now=NOON)
        call.transfer_failed("busy", now=NOON)
        left = call.transfer_failed("customer-ended-call", attempt=first, now=NOON)
        assert said(left) == ("contain", "caller_left", None)
        assert (call.is_over, call.is_transferred) == (True, False)


class TestTheEnd:
    @pytest.mark.parametrize("words", [None, "completed", "ANSWER", 200, "call_transfer"])
    def test_who_is_answered_is_transferred_and_the_call_is_over(self, engine, call, words):
        call.hear(INVOICE, now=NOON)
        if words is None:
            ended = call.transferred(now=NOON)
        else:
            ended = call.transfer_failed(words, now=NOON)
        assert said(ended) == ("contain", "transferred", None)
        assert ended.reported == (None if words is None else str(words))
        last = call.timeline[-1]
        assert (last.kind, last.number) == ("transferred", BILLING)
        assert (call.is_over, call.is_transferred) == (True, True)
        assert engine.resume_call(call.to_json()).is_transferred
        assert "the call is over" in ended.explain()

    def test_an_answer_to_an_earlier_attempt_is_an_answer(self, call):
        first = call.hear(INVOICE, now=NOON)
        call.transfer_failed("busy", now=NOON)
        call.transferred(attempt=first, now=NOON)
        assert call.timeline[-1].number == BILLING

    def test_an_answer_in_another_call_is_none(self, call):
        call.hear(INVOICE, now=NOON)
        ignored = call.transferred(attempt="+14155550199", now=NOON)
        assert said(ignored) == ("contain", "report_ignored", None)
        assert not call.is_over

    def test_nobody_is_transferred_whom_nobody_dialled_for(self, call):
        with pytest.raises(InvalidValueError, match="nothing was being dialled"):
            call.transferred(now=NOON)

    @pytest.mark.parametrize("end", ["transferred", "left"])
    def test_what_comes_after_the_end_is_ignored_with_a_reason(self, call, end):
        call.hear(INVOICE, now=NOON)
        if end == "transferred":
            call.transferred(now=NOON)
        else:
            call.transfer_failed("caller_hung_up", now=NOON)
        before = call.to_json()
        late = [
            call.hear("hello?", now=NOON),
            call.hear("hello", final=False, now=NOON),
            call.no_response(now=NOON),
            call.agent_failed(now=NOON),
            call.verified(method="pin", now=NOON),
            call.not_verified(method="pin", now=NOON),
            call.confirmed(now=NOON),
            call.declined(now=NOON),
            call.transfer_failed("busy", now=NOON),
            call.transferred(now=NOON),
        ]
        call.agent_said("goodbye", now=NOON)
        assert {said(decision) for decision in late} == {("contain", "call_over", None)}
        assert {decision.decision_id for decision in late} == {""}
        assert call.to_json() == before


@given(
    st.lists(st.tuples(st.sampled_from(("busy", "no-answer", 480, "ringing")), st.integers(0, 3)))
)
@settings(deadline=None, max_examples=40)
def test_whatever_order_reports_come_in_each_phone_rings_before_the_next(reports):
    rule = a_rule("Billing", BILLING, when="asks about an invoice", examples=(INVOICE,),
                  fallback=(SECOND,))  # fmt: skip
    engine = RoutingEngine(
        [a_location("store-1", rule, default_destination=DEFAULT)], encoder=HashingEncoder()
    )
    call = engine.open_call("store-1", now=NOON)
    rung = [call.hear(INVOICE, now=NOON)]
    is_going_on = True
    for words, back in reports:
        if back >= len(rung):
            continue
        decision = call.transfer_failed(words, attempt=rung[-1 - back], now=NOON)
        counts = is_going_on and back == 0 and words != "ringing"
        assert decision.is_ignored is not counts
        if decision.outcome is Outcome.TRANSFER:
            rung.append(decision)
        elif counts:
            is_going_on = False
    assert [str(decision.destination) for decision in rung] == [BILLING, SECOND, DEFAULT][
        : len(rung)
    ]
