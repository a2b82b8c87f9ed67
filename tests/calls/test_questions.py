"""How a call goes on after its question which of two rules is meant, with the real model."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from benchmarks.held import HELD, OTHER_MEANINGS, measure_answers, measure_persons, read_lines
from routing_engine import CompiledEncoder, ContextRule, Location, Outcome, Reason, RoutingEngine

NOON = datetime(2026, 3, 4, 19, tzinfo=UTC)
ASKED = ("Billing", "Late Delivery")
QUESTION = "Is it about a bill, or has a delivery not come?"

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def encoder():
    return CompiledEncoder()


@pytest.fixture(scope="module")
def engine(encoder):
    whens = {
        "Billing": "caller asks about an invoice, charge, or refund",
        "Late Delivery": "a parcel has not arrived on the day that was promised",
        "Careers": "caller wants a job with us",
    }
    rules = [
        ContextRule(label=label, when=when, destination=f"+1415555010{i}")
        for i, (label, when) in enumerate(whens.items(), 1)
    ]
    location = Location(location_id="shop", default_destination="+14155550100", rules=rules)
    return RoutingEngine([location], encoder=encoder)


@pytest.fixture
def call(engine):
    """A call whose caller was asked which of two rules is meant."""
    begun = engine.open_call("shop", now=NOON)
    begun.hear("hi, it's about my order", now=NOON)
    begun.agent_said(QUESTION, now=NOON)
    record = json.loads(begun.to_json())
    return engine.resume_call(json.dumps({**record, "asked": ASKED, "has_asked": True}))


def sent(decision):
    return decision.rule.label if decision.outcome is Outcome.TRANSFER else None


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("the money one", "Billing"),
        ("what you charged me", "Billing"),
        ("it never showed up", "Late Delivery"),
        ("the latter", "Late Delivery"),
        ("not the bill, the other one", "Late Delivery"),
        ("both", "Billing"),
    ],
)
def test_an_answer_is_understood(call, answer, label):
    assert sent(call.hear(answer, now=NOON)) == label


def test_after_neither_the_rest_is_a_sentence_of_its_own(call):
    decision = call.hear("neither, i want to apply for a job with you", now=NOON)
    assert sent(decision) == "Careers"


def test_neither_rule_takes_what_follows_a_neither(call):
    decision = call.hear("neither, i just want to know when you close", now=NOON)
    assert decision.outcome is Outcome.CONTAIN
    confidences = {item.label: item.confidence for item in decision.candidates}
    assert (confidences["Billing"], confidences["Late Delivery"]) == (0.0, 0.0)


def test_who_does_not_understand_may_be_told_once_more(call):
    first = call.hear("uh, what?", now=NOON)
    assert (first.outcome, first.reason) == (Outcome.CONTAIN, Reason.AMBIGUOUS)
    call.agent_said("The bill, or the delivery?", now=NOON)
    assert sent(call.hear("the second", now=NOON)) == "Late Delivery"


def test_nobody_is_asked_a_third_time(call):
    call.hear("uh, what?", now=NOON)
    call.agent_said("The bill, or the delivery?", now=NOON)
    assert call.hear("sorry?", now=NOON).reason is not Reason.AMBIGUOUS
    assert json.loads(call.to_json())["asked"] is None


def test_who_asks_for_a_person_gets_one(call):
    decision = call.hear("can i not just talk to a human", now=NOON)
    assert (decision.outcome, decision.reason) == (Outcome.DEFAULT, Reason.PERSON_REQUESTED)


def test_an_answer_costs_one_encoding(engine, call, monkeypatch):
    texts = []
    encode = engine.encoder.encode
    monkeypatch.setattr(
        engine.encoder, "encode", lambda given: texts.append(given) or encode(given)
    )
    call.hear("the money one please", now=NOON)
    assert len(texts) == 1
    assert len(texts[0]) <= 2


def test_answers_that_it_was_chosen_with_are_understood(encoder):
    found = measure_answers(encoder, read_lines(HELD, "dev", "clarify_answers"))
    n_right = sum(found[f"right/{meaning}"] for meaning in ("option", *OTHER_MEANINGS))
    assert n_right >= 95
    assert found["misled"] <= 2


def test_who_asks_for_a_person_is_told_from_who_mentions_one(encoder):
    rule = ContextRule(
        label="Billing", when="about a bill", destination="+14155550101", threshold=1.0
    )
    location = Location(location_id="one", default_destination="+14155550100", rules=[rule])
    engine = RoutingEngine([location], encoder=encoder)
    found = measure_persons(engine, read_lines(HELD, "dev", "persons"))
    assert found["heard"] >= 0.97 * found["asking"]
    assert found["left"] >= 0.97 * found["mentioning"]
