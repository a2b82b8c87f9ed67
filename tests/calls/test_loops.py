"""A call is never transferred to the caller's own number, nor to the line that was called."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing_engine import Caller, HashingEncoder, Outcome, Reason, RoutingEngine
from tests.support.strategies import a_location, a_rule, number

MONDAY, SUNDAY = datetime(2026, 3, 2, 12, tzinfo=UTC), datetime(2026, 3, 1, 12, tzinfo=UTC)
DEFAULT, NIGHT, BILLING, SECOND, THIRD = (
    "+14155550100", "+14155550109", "+14155550111", "+14155550112", "+14155550113",
)  # fmt: skip
INVOICE = "there is a strange charge on my invoice"
PERSON = "representative"


def an_engine(*fallback, **fields):
    rule = {
        "destination": BILLING, "when": "asks about an invoice", "examples": (INVOICE,),
        "fallback": fallback, "hours": "always", **fields.pop("rule", {}),
    }  # fmt: skip
    fields = {"default_destination": DEFAULT, **fields}
    return RoutingEngine(
        [a_location("store-1", a_rule("Billing", **rule), **fields)], encoder=HashingEncoder()
    )


def said(decision):
    number = None if decision.destination is None else str(decision.destination)
    return decision.outcome.value, decision.reason.value, number


def numbers(decision):
    return [str(destination) for destination, _ in decision.destinations]


@pytest.mark.parametrize("party", ["caller_id", "called"])
class TestRoute:
    def test_the_chain_goes_on(self, party):
        engine = an_engine(SECOND, THIRD, rule={"ring_timeouts_s": (10, 20, 30)})
        decision = engine.route("store-1", INVOICE, **{party: BILLING})
        assert said(decision) == ("transfer", "loop_avoided", SECOND)
        assert decision.rule is not None
        assert decision.rule.label == "Billing"
        assert [(str(to), s) for to, s in decision.destinations] == [
            (SECOND, 20), (THIRD, 30), (DEFAULT, None),
        ]  # fmt: skip
        assert decision.ring_timeout_s == 20

    def test_then_comes_the_default(self, party):
        decision = an_engine(BILLING).route("store-1", INVOICE, **{party: BILLING})
        assert said(decision) == ("default", "loop_avoided", DEFAULT)
        assert numbers(decision) == [DEFAULT]

    def test_then_nobody(self, party):
        engine = an_engine(default_destination=BILLING)
        decision = engine.route("store-1", INVOICE, **{party: BILLING})
        assert said(decision) == ("default", "loop_avoided", None)
        assert decision.destinations == ()
        assert "Nothing is dialled: nobody else is left." in decision.explain()

    @pytest.mark.parametrize("words", ["nice weather", "", PERSON])
    def test_the_default_is_passed_over_too(self, party, words):
        decision = an_engine().route("store-1", words, **{party: DEFAULT})
        assert said(decision) == ("default", "loop_avoided", None)

    def test_after_hours_too(self, party):
        engine = an_engine(after_hours=NIGHT, timezone="UTC", business_hours="Mon-Fri 09:00-17:00")
        decision = engine.route("store-1", "nice weather", now=SUNDAY, **{party: NIGHT})
        assert said(decision) == ("default", "loop_avoided", None)

    def test_a_later_step_is_left_out_in_silence(self, party):
        decision = an_engine(SECOND, THIRD).route("store-1", INVOICE, **{party: SECOND})
        assert said(decision) == ("transfer", "rule_matched", BILLING)
        assert numbers(decision) == [BILLING, THIRD, DEFAULT]

    def test_an_unknown_location_has_nobody_then(self, party):
        engine = RoutingEngine(encoder=HashingEncoder(), default_destination=NIGHT)
        decision = engine.route("store-9", INVOICE, **{party: NIGHT})
        assert said(decision) == ("default", "loop_avoided", None)

    def test_so_it_is_without_blocking(self, party):
        decision = asyncio.run(an_engine(SECOND).aroute("store-1", INVOICE, **{party: BILLING}))
        assert said(decision) == ("transfer", "loop_avoided", SECOND)

    def test_what_asks_first_dials_nobody_meanwhile(self, party):
        rules = [
            a_rule("Billing", BILLING, when="asks about an invoice", examples=(INVOICE,)),
            a_rule("Accounts", SECOND, when="about an invoice", examples=(INVOICE,)),
        ]
        engine = RoutingEngine([a_location("s", *rules, default_destination=DEFAULT)],
                               encoder=HashingEncoder())  # fmt: skip
        decision = engine.route("s", INVOICE, **{party: DEFAULT})
        assert said(decision) == ("clarify", "ambiguous", None)


@pytest.mark.parametrize("party", ["caller_id", "called"])
class TestCall:
    def opened(self, engine, party, number):
        return engine.open_call("store-1", now=MONDAY, **{party: number})

    def test_the_chain_goes_on(self, party):
        call = self.opened(an_engine(SECOND), party, BILLING)
        decision = call.hear(INVOICE, now=MONDAY)
        assert said(decision) == ("transfer", "loop_avoided", SECOND)
        assert call.handoff(decision).outcome_reason == "loop_avoided"
        assert said(call.hear("yes, that invoice", now=MONDAY))[2] == SECOND
        assert said(call.transfer_failed("busy", now=MONDAY)) == ("transfer", "fallback", DEFAULT)
        assert said(call.transfer_failed("busy", now=MONDAY)) == (
            "contain", "nobody_answered", None,
        )  # fmt: skip

    def test_a_step_of_the_chain_is_passed_over_where_it_would_be_next(self, party):
        call = self.opened(an_engine(SECOND, THIRD), party, SECOND)
        assert said(call.hear(INVOICE, now=MONDAY)) == ("transfer", "rule_matched", BILLING)
        assert said(call.transfer_failed("busy", now=MONDAY)) == (
            "transfer", "loop_avoided", THIRD,
        )  # fmt: skip
        assert said(call.transfer_failed("busy", now=MONDAY)) == ("transfer", "fallback", DEFAULT)

    def test_with_nobody_else_the_agent_keeps_the_call(self, party):
        call = self.opened(an_engine(default_destination=BILLING), party, BILLING)
        assert said(call.hear(INVOICE, now=MONDAY)) == ("contain", "loop_avoided", None)
        assert said(call.hear(PERSON, now=MONDAY)) == ("contain", "loop_avoided", None)
        call.agent_failed(now=MONDAY)
        assert said(call.agent_failed(now=MONDAY)) == ("contain", "loop_avoided", None)
        assert call.hear("nice weather", now=MONDAY).outcome is Outcome.CONTAIN

    def test_so_it_is_in_another_process(self, party):
        engine = an_engine(SECOND)
        call = engine.resume_call(self.opened(engine, party, BILLING).to_json())
        assert said(call.hear(INVOICE, now=MONDAY)) == ("transfer", "loop_avoided", SECOND)


def test_who_withholds_the_number_is_not_called_back_either():
    caller = Caller(BILLING, anonymous=True)
    decision = an_engine(SECOND).route("store-1", INVOICE, caller_id=caller)
    assert said(decision) == ("transfer", "loop_avoided", SECOND)


def test_a_call_says_which_line_was_called():
    call = an_engine().open_call("store-1", called="sip:+14155550199@x.example", now=MONDAY)
    assert call.called == "+14155550199"
    assert an_engine().open_call("store-1", now=MONDAY).called is None


def test_a_record_from_before_lines_were_kept_is_read():
    engine = an_engine()
    record = engine.open_call("store-1", now=MONDAY).to_json()
    old = record.replace(',"called":null', "")
    assert old != record
    assert engine.resume_call(old).called is None


PLACES = st.integers(0, 4)


@given(
    chain=st.lists(PLACES, min_size=1, max_size=5),
    default=PLACES,
    caller=PLACES,
    called=PLACES,
    fails=st.integers(0, 6),
)
@settings(deadline=None)
def test_whatever_the_table_neither_end_is_dialled(chain, default, caller, called, fails):
    first, *rest = map(number, chain)
    engine = an_engine(*rest, rule={"destination": first}, default_destination=number(default))
    ends = {number(caller), number(called)}
    given_ends = {"caller_id": number(caller), "called": number(called)}
    left = [n for n in dict.fromkeys((first, *rest, number(default))) if n not in ends]
    assert numbers(engine.route("store-1", INVOICE, **given_ends)) == left
    call = engine.open_call("store-1", now=MONDAY, **given_ends)
    decision = call.hear(INVOICE, now=MONDAY)
    for _ in range(fails):
        assert numbers(decision) == left
        if not left:
            expected = (Reason.LOOP_AVOIDED, Reason.NOBODY_ANSWERED)
            assert decision.reason in expected
            assert decision.outcome is Outcome.CONTAIN
            return
        assert str(decision.destination) == left.pop(0)
        decision = call.transfer_failed("no_answer", now=MONDAY)
