from __future__ import annotations

import pytest

from routing_engine import (
    HashingEncoder,
    InvalidValueError,
    RoutingEngine,
    RoutingPolicy,
    Suggestion,
    Suggestions,
    UnknownLocationError,
)
from routing_engine.encoders import default_encoder
from routing_engine.quality.suggesting import Proposal, _fits_elsewhere
from tests.support.strategies import a_location, a_rule, number

BILLING = a_rule(
    "Billing", number(1), when="caller asks about an invoice, charge, or refund", examples=()
)
CANCEL = a_rule(
    "Cancel", number(2), when="caller wants to cancel their membership or account", examples=()
)
COMPLAINT = a_rule(
    "Complaint", number(3), when="caller complains about bad work by our crew", examples=()
)
ZEPPELINS = a_rule(
    "Zeppelins", number(4), when="caller asks for helium permits for zeppelins", examples=()
)


@pytest.fixture(scope="module")
def encoder():
    return default_encoder()


@pytest.fixture(scope="module")
def engine(encoder):
    location = a_location("store-1", BILLING, CANCEL, COMPLAINT, ZEPPELINS)
    return RoutingEngine([location], encoder=encoder)


@pytest.fixture(scope="module")
def proposed(engine):
    return engine.suggest(engine.location_ids()[0])


pytestmark = pytest.mark.model


def test_up_to_eight_are_proposed_for_each_rule_that_something_is_near_to(proposed):
    assert [(label, len(own)) for label, own in proposed.rules] == [
        ("Billing", 8), ("Cancel", 8), ("Complaint", 8), ("Zeppelins", 0),
    ]  # fmt: skip
    assert len(proposed) == 24


def test_no_other_rule_takes_what_is_proposed(engine, proposed):
    (name,) = engine.location_ids()
    for label, own in proposed.rules:
        for item in own:
            decision = engine.route(name, item.text)
            assert decision.rule is not None
            assert decision.rule.label == label
            # A quantised encoder gives a text another vector in a batch than alone.
            assert decision.confidence == pytest.approx(item.confidence, abs=0.05)


def test_it_still_goes_to_its_rule_once_all_are_examples(engine, proposed, encoder):
    location = engine.location(engine.location_ids()[0])
    rules = tuple(
        rule.model_copy(update={"examples": tuple(item.text for item in own)})
        for rule, (_, own) in zip(location.rules, proposed.rules, strict=True)
    )
    changed = RoutingEngine([location.model_copy(update={"rules": rules})], encoder=encoder)
    for label, own in proposed.rules:
        for item in own:
            assert changed.route(location.location_id, item.text).rule.label == label


def test_the_source_names_a_situation_of_another_business(proposed):
    assert any("illing" in item.source for item in proposed["Billing"])
    with pytest.raises(KeyError):
        proposed["Nothing"]


def test_the_same_is_proposed_in_any_order_of_rules(encoder, proposed):
    location = a_location("store-1", COMPLAINT, ZEPPELINS, CANCEL, BILLING)
    other = RoutingEngine([location], encoder=encoder).suggest(location.location_id)
    assert dict(other.rules) == dict(proposed.rules)


def test_an_example_that_is_there_is_not_proposed_again(encoder, proposed):
    first = proposed["Billing"][0].text
    rule = BILLING.model_copy(update={"examples": (first.upper(),)})
    location = a_location("store-1", rule, CANCEL)
    again = RoutingEngine([location], encoder=encoder).suggest(location.location_id)
    assert first not in [item.text for item in again["Billing"]]


def test_a_rule_above_its_threshold_gets_nothing(encoder):
    location = a_location("store-1", BILLING, CANCEL.model_copy(update={"threshold": 1.0}))
    found = RoutingEngine([location], encoder=encoder).suggest(location.location_id)
    assert found["Cancel"] == ()
    assert len(found["Billing"]) == 8


def test_fewer_may_be_asked_for(engine, proposed):
    found = engine.suggest(engine.location_ids()[0], per_rule=2)
    assert found["Billing"] == proposed["Billing"][:2]


@pytest.mark.parametrize("per_rule", [0, 65, True, 2.0])
def test_how_many_is_a_whole_number_from_one_to_64(engine, per_rule):
    with pytest.raises(InvalidValueError, match="per_rule is a whole number, 1 to 64"):
        engine.suggest(engine.location_ids()[0], per_rule=per_rule)


def test_a_location_without_rules_gets_an_empty_answer():
    location = a_location("store-1")
    assert RoutingEngine([location], encoder=HashingEncoder()).suggest(
        location.location_id
    ) == Suggestions(())


def test_an_unknown_location_is_an_error(engine):
    with pytest.raises(UnknownLocationError):
        engine.suggest("nowhere")


def test_proposals_of_a_source_pass_the_same_checks(engine, encoder):
    def source(rules):
        return [
            [Proposal("I was charged twice", "me"), Proposal("cancel my membership", "me")]
            for _ in rules
        ]

    found = engine.suggest(engine.location_ids()[0], source=source)
    assert {label: [item.text for item in own] for label, own in found.rules} == {
        "Billing": ["I was charged twice"],
        "Cancel": ["cancel my membership"],
        "Complaint": [],
        "Zeppelins": [],
    }


def test_a_policy_of_certainty_leaves_nothing(encoder):
    location = a_location("store-1", BILLING, CANCEL)
    strict = RoutingEngine([location], encoder=encoder, policy=RoutingPolicy(threshold=1.0))
    assert len(strict.suggest(location.location_id)) == 0


def test_suggestions_become_plain_values():
    made = Suggestions((("Billing", (Suggestion("charged twice", 0.9, "Florist: Billing"),)),))
    assert made.to_dict() == {
        "rules": [
            {
                "label": "Billing",
                "suggestions": [
                    {"text": "charged twice", "confidence": 0.9, "source": "Florist: Billing"}
                ],
            }
        ]
    }


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("I was charged twice, and I'm cross. Explain", True),
        ("can you push it to Friday", True),
        ("got a DUI last night", True),
        ("i sold it to Greg", False),
        ("near Oakley on the bypass", False),
        ("it says 450 dollars", False),
        ("word " * 40, False),
    ],
)
def test_names_numbers_and_stories_of_one_business_do_not_fit_another(text, fits):
    assert _fits_elsewhere(text) is fits
