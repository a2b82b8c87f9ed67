from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import (
    Decision,
    Destination,
    HashingEncoder,
    Outcome,
    Reason,
    RoutingEngine,
    RoutingPolicy,
)
from routing_engine.matching.scoring import DEFAULT_THRESHOLD
from routing_engine.model.explanation import Grounds, Match, explain
from tests.support.strategies import (
    SwitchableEncoder,
    a_location,
    a_rule,
    location_lists,
    number,
    sentences,
)

THRESHOLD = f"{DEFAULT_THRESHOLD:.2f}"

BILLING = a_rule("Billing", examples=("I was charged twice", "my invoice is wrong"))
SALES = a_rule("Sales", number(7), when="caller wants a quote for a job")


def engine_of(*rules, policy=None, encoder=None, **fields):
    return RoutingEngine(
        [a_location("store-1", *rules, **fields)],
        encoder=HashingEncoder() if encoder is None else encoder,
        policy=policy,
    )


def explained(engine, said, **options):
    return engine.route("store-1", said, **options).explain()


def test_it_says_which_text_matched_how_near_the_next_was_and_what_was_asked():
    decision = engine_of(BILLING, SALES).route("store-1", "my invoice is wrong")
    billing, sales = decision.candidates
    assert decision.explain() == (
        f"Billing, {billing.confidence:.2f} where the engine asks for {THRESHOLD}: nearest is its example "
        '"my invoice is wrong" (similarity 1.00). '
        f"Next is Sales, {sales.confidence:.2f}: nearest is its description "
        f'"caller wants a quote for a job" (similarity {sales.similarity:.2f}). '
        "Sent to +*********11."
    )


@pytest.mark.parametrize(
    ("rule", "location", "policy", "whose"),
    [
        (None, None, None, f"the engine asks for {THRESHOLD}"),
        (None, None, 0.2, "the engine asks for 0.20"),
        (None, 0.3, 0.2, "the location asks for 0.30"),
        (0.0, 0.3, 0.2, "the rule asks for 0.00"),
    ],
)
def test_it_says_whose_threshold_decided(rule, location, policy, whose):
    own = BILLING if rule is None else a_rule("Billing", examples=BILLING.examples, threshold=rule)
    engine = engine_of(own, SALES, threshold=location, policy=RoutingPolicy(threshold=policy))
    assert f" where {whose}: " in explained(engine, "I was charged twice")


def test_confidence_and_threshold_are_told_apart():
    engine = engine_of(BILLING, SALES)
    confidence = engine.route("store-1", "I was charged twice").confidence
    close = RoutingPolicy(threshold=min(confidence + 1e-4, 1.0))
    said = explained(engine_of(BILLING, SALES, policy=close), "I was charged twice")
    assert said.startswith("No rule is sure enough: the best is Billing, ")
    numbers = said.split("Billing, ")[1].split(":")[0].split(" where the engine asks for ")
    assert float(numbers[0]) < float(numbers[1])


def test_a_rule_that_is_alone_has_no_runner_up():
    assert "There is no other rule." in explained(engine_of(BILLING), "I was charged twice")


def test_a_runner_up_that_rings_the_same_phone_is_called_so():
    same = a_rule("Refunds", examples=("give me my money back",))
    said = explained(engine_of(BILLING, same), "I was charged twice")
    assert "Next is Refunds, " in said
    assert ", which leads to the same place: " in said


@pytest.mark.parametrize(
    ("fields", "ending"),
    [
        ({"enabled": False}, "That rule is disabled. Sent to the default, +*********00."),
        (
            {"hours": "closed"},
            "That rule does not apply at this hour. Sent to the default, +*********00.",
        ),
        (
            {"action": "contain", "destination": None},
            (
                "This is routine business, which stays with the agent. "
                "Sent to the default, +*********00."
            ),
        ),
        (
            {"requires_verification": True},
            "The rule wants the caller verified first. Nothing is dialled yet.",
        ),
        (
            {"requires_confirmation": True},
            "The rule wants the caller to confirm first. Nothing is dialled yet.",
        ),
    ],
)
def test_it_says_what_stood_in_the_way(fields, ending):
    rule = a_rule("Billing", **{"examples": BILLING.examples, **fields})
    said = explained(engine_of(rule, SALES), "I was charged twice")
    assert said.startswith("Billing, ")
    assert said.endswith(f" {ending}")


def test_an_ambiguous_one_says_what_to_ask():
    twin = a_rule("Refunds", number(3), when="caller is owed", examples=BILLING.examples)
    policy = RoutingPolicy(threshold=0.0, margin=0.5)
    said = explained(engine_of(BILLING, twin, policy=policy), "I was charged twice")
    assert said.endswith(
        "Two rules that lead elsewhere are too near to tell apart. To be asked: Is this about "
        "Billing or Refunds? Until answered, the default, +*********00."
    )


@pytest.mark.parametrize(
    ("said", "rules", "expected"),
    [
        ("🤷", (BILLING,), "Nothing was said that holds a letter or a digit."),
        ("hello", (), "The location has no rules."),
    ],
)
def test_where_no_rule_was_scored(said, rules, expected):
    assert explained(engine_of(*rules), said) == f"{expected} Sent to the default, +*********00."


def test_an_unknown_location():
    engine = RoutingEngine(encoder=HashingEncoder(), default_destination=number(5))
    assert engine.route("store-9", "hello").explain() == (
        "Catalog version 1 has no location 'store-9'. Sent to the default, +*********05."
    )


def test_an_engine_that_failed():
    encoder = SwitchableEncoder()
    engine = engine_of(BILLING, encoder=encoder)

    def fail(_):
        raise RuntimeError("secret words")

    encoder.failure = fail
    assert explained(engine, "secret words") == (
        "The encoder or the index failed, so that no rule could be scored. "
        "Sent to the default, +*********00."
    )


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("threshold", [None, 0.5])
@pytest.mark.parametrize("destination", [None, Destination("+14155550111")])
def test_every_outcome_and_reason_has_words_without_evidence(
    outcome, reason, threshold, destination
):
    decision = Decision(outcome, reason, destination, "store-1", 3, 0.25, threshold)
    said = decision.explain()
    assert said.endswith(".")
    assert "  " not in said
    assert "None" not in said
    assert "555" not in said
    assert said == explain(decision._explained(), None)
    if threshold is not None:
        assert "has 0.25 where it is asked for 0.50." in said


def test_a_decision_without_a_threshold_says_the_confidence_alone():
    decision = Decision(Outcome.TRANSFER, Reason.RULE_MATCHED, None, "store-1", 3, 0.25)
    match = Match("A", 0.25, 0.1, "x", is_example=False, same_place=True)
    assert explain(decision._explained(), Grounds((match,), "engine")).startswith(
        'A, 0.25: nearest is its description "x" (similarity 0.10).'
    )


def test_a_long_text_is_cut():
    decision = Decision(Outcome.DEFAULT, Reason.BELOW_THRESHOLD, None, "store-1", 3, 0.25, 0.5)
    match = Match("A", 0.25, 0.1, "x" * 500, is_example=True, same_place=True)
    said = explain(decision._explained(), Grounds((match,), "engine"))
    assert f'"{"x" * 99}…"' in said


@given(location_lists, st.lists(sentences, min_size=1, max_size=3), st.randoms())
def test_the_order_of_rules_and_batches_does_not_matter(locations, said, random):
    def shuffled(location):
        rules = list(location.rules)
        random.shuffle(rules)
        return location.model_copy(update={"rules": tuple(rules)})

    encoder = HashingEncoder()
    one = RoutingEngine(locations, encoder=encoder, cache_size=0)
    other = RoutingEngine(map(shuffled, reversed(locations)), encoder=encoder, cache_size=0)
    queries = [(location.location_id, text) for location in locations for text in said]
    alone = [one.route(*query).explain() for query in queries]
    assert [decision.explain() for decision in one.route_many(queries)] == alone
    assert [decision.explain() for decision in other.route_many(queries)] == alone


@given(location_lists, sentences)
def test_it_names_the_rule_of_the_decision_and_nothing_that_was_said(locations, words):
    engine = RoutingEngine(locations, encoder=HashingEncoder())
    for location in locations:
        decision = engine.route(location.location_id, f"zyzzyva {words} qwyjibo")
        said = decision.explain()
        assert "zyzzyva" not in said
        assert "qwyjibo" not in said
        if decision.rule is not None:
            assert said.startswith(f"{decision.rule.label}, ")
        elif decision.threshold is not None:
            assert said.startswith("No rule is sure enough: the best is ")


def test_a_decision_may_be_copied_without_its_evidence():
    decision = engine_of(BILLING, SALES).route("store-1", "I was charged twice")
    bare = replace(decision, _evidence=None)
    assert bare.explain() == (
        f"The best rule has {decision.confidence:.2f} where it is asked for {THRESHOLD}. "
        "Sent to +*********11."
    )


# ---------------------------------------------------------------- of a live call

FLOOD = a_rule(
    "Flood", number(8), when="caller has a flood", examples=("the basement is flooding",),
    urgent=True,
)  # fmt: skip
HIGH, HIGHER = "0.74", "0.84"  # what 4 and 7.5 times the odds of the threshold come to


def heard(engine, *turns, answer=None):
    """What a call says of its last decision."""
    call = engine.open_call("store-1")
    for said in turns[:-1]:
        call.hear(said)
        call.agent_said("Let me see." if answer is None else answer)
    return call.hear(turns[-1]).explain()


def test_a_call_says_what_it_read_what_moved_the_bar_and_what_would_have_been_enough():
    said = heard(engine_of(BILLING, SALES), "hello there my friend")
    assert said.startswith("No rule is sure enough: the best is Billing, ")
    assert said.endswith(
        " The decision reads the last turn, to which nothing before it adds. The call raises the "
        f"engine's {THRESHOLD} to {HIGH}: the caller has told something in 1 turn. A rule from "
        f"{HIGH} on would have taken the call. Nothing is dialled."
    )


@pytest.mark.parametrize(
    ("turns", "answer", "reads"),
    [
        (
            ("I have a question", "my invoice is wrong"),
            None,
            "the last turn alone, which is surer than the whole conversation",
        ),
        (
            ("it is about an invoice", "there it goes wrong"),
            None,
            "the whole conversation, which is surer than the last turn alone",
        ),
        (
            ("it is about an invoice", "the wrong one"),
            "Which invoice is it?",
            "the whole conversation, for the last turn is a short answer, which says nothing alone",
        ),
    ],
)
def test_a_call_says_which_reading_decided(turns, answer, reads):
    said = heard(engine_of(BILLING, SALES), *turns, answer=answer)
    assert f" The decision reads {reads}. " in said
    assert f" {THRESHOLD} to {HIGHER}: the caller has told something in 2 turns." in said


def test_a_call_leaves_a_threshold_that_somebody_set():
    engine = engine_of(BILLING, SALES, threshold=0.9)
    said = heard(engine, "hello there my friend")
    assert "where the location asks for 0.90" in said
    assert "The call" not in said
    assert "A rule from 0.90 on would have taken the call." in said


def test_a_goodbye_leaves_the_bar():
    said = heard(engine_of(BILLING), "I have a question", "great, thanks, bye")
    assert said.startswith("The caller asked for nothing more, which leaves the bar where it was.")


def test_urgency_is_told():
    engine = engine_of(BILLING, SALES, FLOOD)
    least = "0.50"  # one and a half times the odds of what an urgent rule needs otherwise
    at_once = heard(engine, "the basement is flooding")
    assert at_once.startswith("Flood, ")
    assert f" where an urgent rule needs {least}: " in at_once
    assert f" It is urgent; a rule that is not needs {HIGH}." in at_once
    nothing = heard(engine, "hello there my friend")
    assert f"A rule from {HIGH} on, or an urgent one from {least} on, would have taken" in nothing


def test_a_near_tie_that_urgency_wins_is_told():
    twin = a_rule("Pipes", number(9), when="caller has a leak", examples=("water on the floor",))
    flood = FLOOD.model_copy(update={"examples": ("there is water all over",)})
    policy = RoutingPolicy(threshold=0.0, urgent_threshold=0.0, margin=1.0)
    engine = engine_of(twin, flood, policy=policy)
    decision = engine.route("store-1", "water on the floor")
    assert decision.rule.label == "Flood"
    assert decision.confidence < decision.candidates[0].confidence
    said = decision.explain()
    assert said.startswith("Flood, ")
    assert " where an urgent rule needs 0.0" in said
    assert " Pipes has " in said
    assert "; but an urgent rule goes before one that it is nearly tied with. Sent to " in said
