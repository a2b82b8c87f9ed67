"""The chain and the id of a decision: whom to try in which order, and what it is called."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing_engine import (
    DialPolicy,
    HashingEncoder,
    Outcome,
    Reason,
    RoutingEngine,
    RoutingPolicy,
)
from routing_engine.calls.call import CallPolicy
from tests.support.processes import run
from tests.support.strategies import a_location, a_rule, number

MONDAY, SUNDAY = datetime(2026, 3, 2, 12, tzinfo=UTC), datetime(2026, 3, 1, 12, tzinfo=UTC)
DEFAULT, NIGHT, BILLING, SECOND, THIRD, PREMIUM = (
    "+14155550100", "+14155550109", "+14155550111", "+14155550112", "+14155550113", "+19002345678",
)  # fmt: skip
INVOICE = "there is a strange charge on my invoice"


def an_engine(*fallback, policy=None, **fields):
    rule = {
        "destination": BILLING, "when": "asks about an invoice", "examples": (INVOICE,),
        "fallback": fallback, "hours": "always", **fields.pop("rule", {}),
    }  # fmt: skip
    location = a_location("store-1", a_rule("Billing", **rule), **fields)
    options = {} if policy is None else {"dial_policy": policy}
    return RoutingEngine([location], encoder=HashingEncoder(), **options)


def chain(decision):
    return [(str(destination), timeout_s) for destination, timeout_s in decision.destinations]


def numbers(decision):
    return [str(destination) for destination, _ in decision.destinations]


class TestDestinations:
    def test_the_rules_come_first_and_the_default_last_each_with_its_time(self):
        engine = an_engine(SECOND, THIRD, rule={"ring_timeouts_s": (20, 30)})
        decision = engine.route("store-1", INVOICE)
        assert chain(decision) == [
            (BILLING, 20), (SECOND, 30), (THIRD, 30), (DEFAULT, None),
        ]  # fmt: skip
        assert decision.to_dict()["destinations"] == [
            {"destination": number, "ring_timeout_s": timeout_s}
            for number, timeout_s in chain(decision)
        ]

    def test_in_a_call_every_one_has_a_time(self):
        engine = an_engine(SECOND)
        call = engine.open_call("store-1", policy=CallPolicy(ring_timeout_s=40), now=MONDAY)
        assert chain(call.hear(INVOICE, now=MONDAY)) == [
            (BILLING, 40), (SECOND, 40), (DEFAULT, 40),
        ]  # fmt: skip

    def test_last_is_where_an_unmatched_caller_goes_at_that_hour(self):
        hours = {"timezone": "UTC", "business_hours": "Mon-Fri 09:00-17:00"}
        for after_hours, last in ((NIGHT, [NIGHT]), (None, [])):
            engine = an_engine(SECOND, after_hours=after_hours, **hours)
            night = engine.route("store-1", INVOICE, now=SUNDAY)
            assert numbers(night) == [BILLING, SECOND, *last]
            day = engine.route("store-1", INVOICE, now=MONDAY)
            assert numbers(day) == [BILLING, SECOND, DEFAULT]

    def test_no_number_comes_twice(self):
        engine = an_engine(SECOND, BILLING, DEFAULT, SECOND)
        assert numbers(engine.route("store-1", INVOICE)) == [BILLING, SECOND, DEFAULT]

    def test_what_the_dial_policy_refuses_is_left_out(self):
        policy = DialPolicy(countries=("US",))
        engine = an_engine(PREMIUM, SECOND, "+442071838750", policy=policy)
        decision = engine.route("store-1", INVOICE)
        assert numbers(decision) == [BILLING, SECOND, DEFAULT]
        refused = an_engine(default_destination=PREMIUM).route("store-1", INVOICE)
        assert numbers(refused) == [BILLING]

    def test_a_refused_destination_leaves_the_default_alone(self):
        decision = an_engine(SECOND, rule={"destination": PREMIUM}).route("store-1", INVOICE)
        assert decision.reason is Reason.DESTINATION_REFUSED
        assert chain(decision) == [(DEFAULT, None)]

    @pytest.mark.parametrize("gate", ["requires_verification", "requires_confirmation"])
    def test_where_nothing_is_to_be_dialled_there_is_none(self, gate):
        decision = an_engine(SECOND, rule={gate: True}).route("store-1", INVOICE)
        assert (decision.destination, decision.destinations) == (None, ())

    @pytest.mark.parametrize("said", ["nice weather today", "", "…"])
    def test_the_default_is_alone(self, said):
        decision = an_engine(SECOND).route("store-1", said)
        assert decision.outcome is Outcome.DEFAULT
        assert chain(decision) == [(DEFAULT, None)]
        call = an_engine(SECOND).open_call("store-1", now=MONDAY)
        assert call.hear(said, now=MONDAY).destinations == ()

    def test_an_unknown_location_has_the_engines(self):
        engine = RoutingEngine(encoder=HashingEncoder(), default_destination=NIGHT)
        assert chain(engine.route("store-9", INVOICE)) == [(NIGHT, None)]

    @given(st.lists(st.integers(0, 5), max_size=5), st.lists(st.integers(5, 300), max_size=3))
    @settings(deadline=None)
    def test_a_call_tries_them_in_this_order(self, places, times):
        fallback = [number(place) for place in places]
        rule = {"destination": number(0), "ring_timeouts_s": tuple(times)}
        engine = an_engine(*fallback, rule=rule, default_destination=number(5))
        call = engine.open_call("store-1", now=MONDAY)
        decision = call.hear(INVOICE, now=MONDAY)
        left = chain(decision)
        assert left[0] == (str(decision.destination), decision.ring_timeout_s)
        while decision.destination is not None:
            assert chain(decision) == left
            assert (str(decision.destination), decision.ring_timeout_s) == left.pop(0)
            decision = call.transfer_failed("busy", now=MONDAY)
        assert left == []
        assert decision.reason is Reason.NOBODY_ANSWERED

    def test_in_a_call_what_was_dialled_in_vain_is_left_out(self):
        call = an_engine(SECOND).open_call("store-1", now=MONDAY)
        assert numbers(call.hear("representative", now=MONDAY)) == [DEFAULT]
        call.transfer_failed("busy", now=MONDAY)
        assert numbers(call.hear(INVOICE, now=MONDAY)) == [BILLING, SECOND]


class TestDecisionId:
    def test_every_decision_has_one_of_its_own(self):
        engine = an_engine(default_destination=DEFAULT)
        said = [INVOICE, INVOICE, "nice weather", ""]
        decisions = [engine.route("store-1", text) for text in said]
        decisions += engine.route_many([("store-1", text) for text in said])
        ids = [decision.decision_id for decision in decisions]
        assert len({*ids}) == len(said) * 2
        assert all(0 < len(name) <= 64 for name in ids)
        assert [decision.decision_id for decision in decisions] == ids
        assert [decision.to_dict()["decision_id"] for decision in decisions] == ids

    def test_a_default_in_place_of_an_answer_has_one_too(self):
        class Broken(HashingEncoder):
            def encode(self, texts):
                if INVOICE in texts and len(texts) == 1:
                    raise RuntimeError
                return super().encode(texts)

        engine = RoutingEngine([a_location("store-1", a_rule())], encoder=Broken())
        decisions = [engine.route("store-1", INVOICE) for _ in range(2)]
        assert [d.reason for d in decisions] == [Reason.ENGINE_DEGRADED] * 2
        assert decisions[0].decision_id != decisions[1].decision_id != ""
        assert decisions[0] == decisions[1]

    @pytest.mark.process
    def test_two_processes_draw_none_alike(self):
        code = (
            "from routing_engine import HashingEncoder, RoutingEngine;"
            "e = RoutingEngine(encoder=HashingEncoder(8), default_destination='+14155550100');"
            "print(e.route('a', 'hello').decision_id)"
        )
        drawn = {run(code).strip() for _ in range(2)}
        assert len(drawn) == 2
        assert "" not in drawn

    @pytest.mark.process
    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
    def test_nor_do_two_that_were_one(self):
        code = (
            "import os\n"
            "from routing_engine import HashingEncoder, RoutingEngine\n"
            "e = RoutingEngine(encoder=HashingEncoder(8), default_destination='+14155550100')\n"
            "child = os.fork()\n"
            "os.write(1, f\"{e.route('a', '').decision_id}\\n\".encode())\n"
            "if child: os.waitpid(child, 0)\n"
        )
        shown = run(code).split()
        assert len(shown) == len({*shown}) == 2

    def test_only_a_provisional_decision_has_none(self):
        call = an_engine().open_call("store-1", now=MONDAY)
        assert call.hear(INVOICE, final=False, now=MONDAY).decision_id == ""
        assert call.hear(INVOICE, now=MONDAY).decision_id == f"{call.call_id}-1"


def test_the_same_scores_may_be_gated_any_number_of_times():
    engine = an_engine(
        rule={"requires_verification": True, "requires_confirmation": True, "hours": "open"},
        timezone="UTC", business_hours="Mon-Fri 09:00-17:00", after_hours=NIGHT,
    )  # fmt: skip
    before = engine.encoder.n_encoded
    expected = {
        (False, False, MONDAY): (Outcome.VERIFY, None),
        (True, False, MONDAY): (Outcome.CONFIRM, None),
        (True, True, MONDAY): (Outcome.TRANSFER, BILLING),
        (True, True, SUNDAY): (Outcome.DEFAULT, NIGHT),
        (False, True, MONDAY): (Outcome.VERIFY, None),
    }
    for (verified, confirmed, now), (outcome, dialled) in expected.items():
        decision = engine.route("store-1", INVOICE, verified=verified, confirmed=confirmed, now=now)
        found = None if decision.destination is None else str(decision.destination)
        assert (decision.outcome, found) == (outcome, dialled)
    assert engine.encoder.n_encoded == before + 1


def test_a_policy_that_asks_dials_the_default_meanwhile():
    rules = [
        a_rule("Blue Forms", "+14155550106", when="blue form"),
        a_rule("Form Copies", "+14155550107", when="form blue"),
    ]
    engine = RoutingEngine(
        [a_location("store-1", *rules)], encoder=HashingEncoder(), policy=RoutingPolicy(margin=1.0)
    )
    decision = engine.route("store-1", "the blue form")
    assert decision.outcome is Outcome.CLARIFY
    assert chain(decision) == [(DEFAULT, None)]
