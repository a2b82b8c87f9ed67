"""What conversations of the corpus are counted by."""

from __future__ import annotations

import pytest

from benchmarks.callers import locations_of, measure_calls, measure_partial
from routing_engine import CallPolicy, HashingEncoder, RoutingEngine
from routing_engine.training.corpus import Business, Conversation, Situation

FLOOD = tuple(f"the basement is flooding number {i}" for i in range(6))
BILL = tuple(f"my invoice is wrong number {i}" for i in range(6))


def said(kind, rule, known_at, *turns):
    spoken = [(speaker, text) for text in turns for speaker in ("caller", "agent")]
    told = tuple((speaker, text if speaker == "caller" else "I see.") for speaker, text in spoken)
    return Conversation(kind, told, rule, kind == "person", known_at)


@pytest.fixture(scope="module")
def business():
    return Business(
        name="a_shop",
        trade="a shop",
        situations=(
            Situation("Flood", ("flood", "caller has a flood"), FLOOD, urgent=True),
            Situation("Billing", ("bill", "caller asks about an invoice"), BILL),
        ),
        routine=("when do you open",),
        uncovered=("do you sell hats",),
        conversations=(
            said("at once", "Flood", 1, FLOOD[0]),
            said("at once", "Flood", 1, "something odd over here"),
            said("at once", "Billing", 1, BILL[0]),
            said("at once", "Billing", 1, FLOOD[1]),
            said("person", None, 1, "can I talk to a person please"),
            said("contained", None, None, "when do you open"),
        ),
    )


@pytest.fixture(scope="module")
def engine(business):
    return RoutingEngine(locations_of([business], with_examples=True), encoder=HashingEncoder())


def test_situations_in_which_waiting_does_harm_are_urgent_rules(business, engine):
    rules = engine.location("a_shop").rules
    assert [(rule.label, rule.urgent) for rule in rules] == [("Flood", True), ("Billing", False)]


def test_urgent_calls_and_those_taken_for_one_are_counted(business, engine):
    found = measure_calls(engine, [business])
    assert (found["urgent"], found["urgent_first"]) == (2, 1)
    assert (found["other"], found["taken_for_urgent"]) == (4, 1)
    assert (found["rule"], found["in_time"], found["elsewhere"]) == (4, 2, 1)
    assert (found["person"], found["person_in_time"]) == (1, 1)
    assert (found["contained"], found["stayed"]) == (1, 1)


def test_growing_words_are_counted_where_their_first_stable_decision_stands(business, engine):
    never = measure_partial(engine, [business], CallPolicy(stable_at=1.0))
    assert (never["turns"], never["stable"], never["words_left"]) == (6, 0, 0)
    soon = measure_partial(engine, [business], CallPolicy(stable_at=0.5, stable_words=1))
    assert soon["moved"] == never["moved"] == 3
    assert soon["stable"] == soon["stood"] == 3
    assert soon["words_left"] >= soon["stable"]
