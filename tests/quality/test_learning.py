"""Rules learn examples from labelled calls of all locations that share them."""

from __future__ import annotations

import pytest

from routing_engine import (
    Case,
    ContextRule,
    HashingEncoder,
    InvalidValueError,
    Location,
    RoutingEngine,
)
from routing_engine.quality.learning import with_examples

ODD = "statement looks funny"


def brand(n=4):
    billing = ContextRule(
        label="Billing", when="caller asks about an invoice", destination="+14155550111"
    )
    cancel = ContextRule(
        label="Cancel", when="caller wants to end the membership", destination="+14155550113"
    )
    return [
        Location(location_id=f"s-{i}", default_destination="+14155550100", rules=(billing, cancel))
        for i in range(n)
    ]


@pytest.fixture(scope="module")
def engine():
    return RoutingEngine(brand(), encoder=HashingEncoder())


def test_what_callers_of_one_location_said_is_learned_for_all(engine):
    cases = [Case(f"s-{i}", ODD, "Billing") for i in range(4)]
    cases += [Case("s-0", "an invoice please", "Billing"), Case("s-1", "do you sell bread")]
    learning = engine.learn(cases)
    assert [(rule.label, rule.examples, rule.gained) for rule in learning.rules] == [
        ("Billing", (ODD,), 4)
    ]
    assert (learning.by, learning.n_folds, learning.n) == ("location", 4, 6)
    assert (learning.gained, learning.lost, learning.is_gain) == (4, 0, True)
    assert learning.right_after == learning.right_before + 4
    assert f"Billing: 4 gained, 0 lost\n  “{ODD}”" in str(learning)
    assert learning.to_dict()["is_gain"] is True
    # The engine stays as it is; with what was learned it goes to where it should.
    assert engine.route("s-3", ODD).rule is None
    taught = {(rule.label, rule.when): rule.examples for rule in learning.rules}
    other = RoutingEngine(
        [with_examples(location, taught) for location in brand()], encoder=engine.encoder
    )
    assert other.route("s-3", ODD).rule.label == "Billing"
    assert other.learn(cases).rules == ()


def test_a_rule_that_would_take_more_away_is_left_as_it_is(engine):
    # Half of the callers who say it mean nothing that there is a rule for.
    cases = [Case("s-0", ODD, "Billing"), Case("s-1", ODD, "Billing")]
    cases += [Case(f"s-{i}", ODD) for i in range(4)]
    learning = engine.learn(cases)
    assert (learning.rules, learning.refused, learning.is_gain) == ((), ("Billing",), False)
    assert learning.right_after == learning.right_before == 4
    assert "nothing to learn" in str(learning)


def test_what_only_one_location_says_gains_nothing_elsewhere(engine):
    cases = [
        Case("s-0", "purple monkeys", "Cancel"), Case("s-1", "green kettles", "Cancel"),
    ]  # fmt: skip
    learning = engine.learn(cases)
    assert (learning.gained, learning.is_gain) == (0, False)
    assert [rule.label for rule in learning.rules] == ["Cancel"]


def test_calls_of_one_location_are_divided_by_what_was_said(engine):
    cases = [Case("s-0", ODD, "Billing"), Case("s-0", f"{ODD} again", "Billing")]
    learning = engine.learn(cases, per_rule=1)
    assert (learning.by, learning.n_folds, learning.gained) == ("sentence", 2, 2)
    assert len(learning.rules[0].examples) == 1
    assert engine.learn(cases[:1]).n_folds == 0


def test_wrong_arguments_are_named(engine):
    with pytest.raises(InvalidValueError, match="per_rule is a whole number"):
        engine.learn([Case("s-0", ODD, "Billing")], per_rule=0)
    with pytest.raises(InvalidValueError, match="s-9"):
        engine.learn([Case("s-9", ODD, "Billing")])
