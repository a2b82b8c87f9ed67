"""The domain's values: what they refuse, all of it at once, and what they keep."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given

from routing_engine import (
    Candidate,
    ContextRule,
    Decision,
    Destination,
    HashingEncoder,
    InvalidValueError,
    Location,
    Outcome,
    Reason,
    RoutingEngine,
    RoutingPolicy,
    RuleText,
)
from routing_engine.model.decisions import CallFacts
from routing_engine.model.destinations import as_kept
from routing_engine.model.explanation import Grounds, Match
from routing_engine.model.rules import contradicting_rules
from tests.support.strategies import a_location, a_rule, locations, rules


def problems_of(make, *arguments, **fields):
    with pytest.raises(InvalidValueError) as caught:
        make(*arguments, **fields)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_one_error_lists_every_wrong_field_of_a_location():
    found = problems_of(
        Location,
        location_id="  ",
        default_destination="911",
        rules=[
            {"label": "", "when": "w\0w", "destination": "+1415555", "threshold": 1.5},
            a_rule(),
            {"label": "Sales", "when": "sales", "examples": ["ok", " "]},
        ],
        name="n" * 201,
        timezone="Mars/Olympus",
        threshold=-0.1,
        colour="red",
    )
    assert found == {
        "location_id": "must not be empty, not '  '",
        "default_destination": "'911' has no country code; "
        "write it as E.164 (+…) or say which region it is of",
        "rules.0.label": "must not be empty, not ''",
        "rules.0.when": "must not hold control characters, not 'w\\x00w'",
        "rules.0.threshold": "Input should be less than or equal to 1, not 1.5",
        "rules.0.destination": "'+1415555' is too short to be a phone number (E.164)",
        "rules.2.examples.1": "must not be empty, not ' '",
        "rules.2.destination": "a rule that transfers needs a destination",
        "name": found["name"],
        "timezone": "must be an IANA time zone such as 'America/New_York', not 'Mars/Olympus'",
        "threshold": "Input should be greater than or equal to 0, not -0.1",
        "colour": "Extra inputs are not permitted",
    }
    assert found["name"].startswith("String should have at most 200 characters, not 'nnn")
    assert len(found["name"]) < 120


def test_the_message_names_what_was_made_and_each_path():
    with pytest.raises(InvalidValueError) as caught:
        ContextRule(label="", when="", destination=None)
    assert str(caught.value) == (
        "invalid ContextRule, 3 problems:\n"
        "  label: must not be empty, not ''\n"
        "  when: must not be empty, not ''\n"
        "  destination: a rule that transfers needs a destination"
    )
    assert caught.value.what == "ContextRule"


def test_missing_fields_are_named():
    assert problems_of(Location) == {
        "location_id": "Field required",
        "default_destination": "Field required",
    }


@pytest.mark.parametrize("value", [5, 4.5, None, ["+14155550100"]])
def test_a_destination_is_text_or_a_destination(value):
    found = problems_of(Location, location_id="a", default_destination=value)
    assert found == {
        "default_destination": f"a destination is a str or a Destination, "
        f"not {type(value).__name__}"
    }


def test_text_is_folded_to_single_spaces():
    rule = a_rule(" Billing\t desk ", when="asks\n about\u00a0money ", examples=(" a  b ", "a b"))
    assert (rule.label, rule.when, rule.examples) == ("Billing desk", "asks about money", ("a b",))


@pytest.mark.parametrize("bad", ["a\0b", "a\x7fb", "a\x9bb", "a\u200e\x01"])
def test_control_characters_are_refused(bad):
    assert problems_of(a_rule, bad, when="x")["label"].startswith("must not hold control")
    assert problems_of(a_location, bad)["location_id"].startswith("must not hold control")


def test_lone_surrogates_are_refused():
    assert set(problems_of(a_rule, "a\ud800", when="x", examples=("\udfff",))) == {
        "label",
        "examples.0",
    }
    assert set(problems_of(a_location, "a\ud800", name="b\ud800")) == {"location_id", "name"}


def test_a_location_id_is_stripped_and_otherwise_kept():
    assert a_location("  Store 7  b ").location_id == "Store 7  b"


@pytest.mark.parametrize("name", ["America/New_York", "UTC", "Europe/London"])
def test_a_time_zone_is_an_iana_name(name):
    assert a_location(timezone=name).timezone == name


@pytest.mark.parametrize("name", ["", "EST5EDT4", "../UTC", "America", "/etc/localtime", "a\0"])
def test_another_time_zone_is_refused(name):
    assert "must be an IANA time zone" in problems_of(a_location, timezone=name)["timezone"]


@pytest.mark.parametrize(
    ("make", "fits", "too_much"),
    [
        (lambda n: a_rule("l" * n, when="w"), 200, 201),
        (lambda n: a_rule(when="w" * n), 2000, 2001),
        (lambda n: a_rule(examples=("e" * n,)), 2000, 2001),
        (lambda n: a_location("i" * n), 256, 257),
        (lambda n: a_location(name="n" * n), 200, 201),
        (lambda n: a_location("i", *(a_rule(f"r{i}") for i in range(n))), 256, 257),
    ],
)
def test_limits(make, fits, too_much):
    make(fits)
    with pytest.raises(InvalidValueError, match="at most"):
        make(too_much)


@pytest.mark.parametrize("threshold", [float("nan"), float("inf"), -1e-9, 1.0000001, "high"])
def test_a_threshold_is_a_probability(threshold):
    assert "threshold" in problems_of(a_rule, threshold=threshold)
    assert "threshold" in problems_of(a_location, threshold=threshold)
    assert "threshold" in problems_of(RoutingPolicy, threshold=threshold)
    assert "margin" in problems_of(RoutingPolicy, margin=threshold)


def test_zero_is_a_threshold():
    assert a_rule(threshold=0.0).threshold == 0.0
    assert a_location(threshold=0).threshold == 0.0
    assert RoutingPolicy(threshold=0.0).threshold == 0.0


def test_a_false_transfer_rate_is_a_share_and_stands_in_place_of_a_threshold():
    assert RoutingPolicy(false_transfer_rate=0.02).false_transfer_rate == 0.02
    for rate in (0.0, 1.0, -0.1, 2, float("nan"), "few"):
        assert "false_transfer_rate" in problems_of(RoutingPolicy, false_transfer_rate=rate)
    assert problems_of(RoutingPolicy, threshold=0.5, false_transfer_rate=0.02) == {
        "false_transfer_rate": "cannot be given beside a threshold"
    }


def test_choices_are_checked():
    found = problems_of(a_rule, hours="weekends", action="hang up", enabled="perhaps")
    assert set(found) == {"hours", "action", "enabled"}
    assert "'always', 'open' or 'closed'" in found["hours"]
    assert set(problems_of(RoutingPolicy, on_ambiguous="guess")) == {"on_ambiguous"}


def test_only_a_rule_that_contains_may_lack_a_destination():
    assert a_rule(destination=None, action="contain").destination is None
    assert problems_of(a_rule, destination=None) == {
        "destination": "a rule that transfers needs a destination"
    }
    assert a_rule(action="contain").destination == Destination("+14155550111")


def test_a_wrong_action_is_not_also_reported_as_a_missing_destination():
    assert "action" in problems_of(ContextRule, label="a", when="b", action="x", destination=None)


def test_two_rules_with_the_same_when_and_different_destinations_are_refused():
    found = problems_of(
        a_location,
        "store-1",
        a_rule("Billing", when="Asks about MONEY"),
        a_rule("Sales", "+14155550112", when="wants to buy"),
        a_rule("Refunds", "+14155550113", when="asks about  money"),
        a_rule("Contain", "+14155550112", when="wants to buy", action="contain"),
    )
    assert found == {
        "rules.2": "same 'when' as rule 0 ('Billing') but another destination; "
        "no caller can satisfy only one of them",
        "rules.3": "same 'when' as rule 1 ('Sales') but another destination; "
        "no caller can satisfy only one of them",
    }


def test_the_same_when_with_the_same_destination_is_allowed():
    assert len(a_location("a", a_rule("One", when="w"), a_rule("Two", when="w")).rules) == 2


def test_the_extension_makes_another_destination():
    assert set(
        problems_of(
            a_location,
            "a",
            a_rule("One", "+14155550111;ext=1", when="w"),
            a_rule("Two", "+14155550111;ext=2", when="w"),
        )
    ) == {"rules.1"}


def test_contradicting_rules_are_found_against_the_first_of_their_kind():
    here, there = Destination("+14155550101"), Destination("+14155550102")
    assert contradicting_rules(
        [
            ("a", (), here, "transfer"),
            ("A", (), here, "transfer"),
            ("a", (), there, "transfer"),
            ("b", (), there, "transfer"),
            ("ß", (), here, "transfer"),
            ("SS", (), here, "contain"),
            ("a", (), None, "contain"),
            ("a", ("es",), there, "transfer"),
            ("a", ("es",), here, "transfer"),
        ]
    ) == [(0, 2), (4, 5), (0, 6), (7, 8)]


@given(locations())
def test_a_location_is_a_frozen_hashable_value(location):
    twin = Location(**{name: getattr(location, name) for name in Location.model_fields})
    assert twin == location
    assert hash(twin) == hash(location)
    assert copy.deepcopy(location) == location
    assert pickle.loads(pickle.dumps(location)) == location
    for name in Location.model_fields:
        with pytest.raises(ValueError, match="frozen"):
            setattr(location, name, None)


@given(locations())
def test_a_location_survives_json(location):
    assert Location.model_validate_json(location.model_dump_json()) == location
    assert Location.model_validate(location.model_dump(mode="json")) == location
    assert Location.model_validate(location.model_dump()) == location


def test_wrong_json_is_an_invalid_value_too():
    with pytest.raises(InvalidValueError) as caught:
        Location.model_validate({"location_id": 5})
    assert {problem.path for problem in caught.value.problems} == {
        "location_id",
        "default_destination",
    }
    with pytest.raises(InvalidValueError):
        Location.model_validate([])
    with pytest.raises(InvalidValueError):
        Location.model_validate_json('{"location_id": 5}')


@given(rules())
def test_the_text_of_a_rule_is_the_rule_without_its_numbers(rule):
    text = rule.text
    assert type(text) is RuleText
    assert text.model_dump() == {
        name: value
        for name, value in rule.model_dump().items()
        if name not in ("destination", "fallback")
    }
    assert text == RuleText(**text.model_dump())
    assert hash(text) == hash(RuleText(**text.model_dump()))


def test_the_words_of_a_rule_alone_make_equal_texts():
    assert a_rule(destination="+14155550101").text == a_rule(destination="+14155550102").text
    assert a_rule().text != a_rule(threshold=0.0).text


def test_outcomes_and_reasons_are_their_own_text():
    assert f"{Outcome.TRANSFER} {Reason.RULE_MATCHED}" == "transfer rule_matched"
    assert {outcome.value for outcome in Outcome} == {
        "transfer",
        "default",
        "contain",
        "clarify",
        "verify",
        "confirm",
        "closed",
    }


class Evidence:
    def __init__(self, label="Billing"):
        self.label = label

    def rule(self, number):
        return a_rule(f"{self.label}")

    def candidates(self):
        return (Candidate("Billing", 0.9, 0.8),)

    def unmatched(self, *, is_open_now):
        return Destination("+14155550100")

    def may_dial(self, destination):
        return True

    def grounds(self, number):
        match = Match(self.label, 0.9, 0.8, "I was charged twice", True, same_place=True)
        return Grounds((match,), "location")


def a_decision(**fields):
    return Decision(
        **{
            "outcome": Outcome.TRANSFER,
            "reason": Reason.RULE_MATCHED,
            "destination": Destination("+14155550111"),
            "location_id": "store-1",
            "catalog_version": 3,
            "confidence": 0.9,
            "threshold": 0.5,
            "_rule": 0,
            "_evidence": Evidence(),
            **fields,
        }
    )


class RulesOwn(Evidence):
    """Evidence of a rule that is given."""

    def __init__(self, rule):
        super().__init__()
        self.given = rule

    def rule(self, number):
        return self.given


def test_names_are_folded_and_there_once_in_any_case():
    rule = a_rule(
        required_details=["Name ", "account \t number", "name"],
        verification_methods=("PIN", "pin", "Code by text"),
    )
    assert rule.required_details == ("Name", "account number")
    assert rule.verification_methods == ("PIN", "Code by text")
    assert rule.text.required_details == rule.required_details


def test_what_a_rule_refuses_of_its_details_methods_and_ring_times():
    found = problems_of(
        a_rule,
        required_details=["ok", " "],
        verification_methods=["m"] * 17,
        ring_timeouts_s=[4, 20, 301, "soon", 20.5],
    )
    assert found == {
        "required_details.1": "must not be empty, not ' '",
        "verification_methods": "Tuple should have at most 16 items after validation, not 17",
        "ring_timeouts_s.0": "Input should be greater than or equal to 5, not 4",
        "ring_timeouts_s.2": "Input should be less than or equal to 300, not 301",
        "ring_timeouts_s.3": "Input should be a valid integer, unable to parse string as an "
        "integer, not 'soon'",
        "ring_timeouts_s.4": "Input should be a valid integer, got a number with a fractional "
        "part, not 20.5",
    }


def test_a_rule_that_contains_cannot_be_urgent():
    assert a_rule(urgent=True).urgent is True
    assert a_rule().urgent is False
    with pytest.raises(InvalidValueError) as caught:
        a_rule(urgent=True, action="contain")
    assert [(problem.path, problem.message) for problem in caught.value.problems] == [
        ("urgent", "a rule that stays with the agent cannot be urgent, not True")
    ]


def test_the_last_ring_time_stands_for_the_rest():
    rule = a_rule(ring_timeouts_s=(20, 30))
    assert [rule.ring_timeout_s(i) for i in range(4)] == [20, 30, 30, 30]
    assert a_rule().ring_timeout_s(0) is None


@pytest.mark.parametrize(
    ("method", "passes"),
    [("pin", True), (" CODE  by Text", True), ("code", False), ("", False), ("passkey", False)],
)
def test_a_method_is_compared_in_any_case_and_spacing(method, passes):
    rule = a_rule(verification_methods=("PIN", "code by text"))
    assert rule.is_verified_by(method) is passes
    assert a_rule().is_verified_by(method) is True


def test_a_decision_takes_from_its_rule_what_to_ask_and_how_long_to_ring():
    rule = a_rule(
        required_details=("name",), verification_methods=("PIN",), ring_timeouts_s=(20, 30)
    )
    decision = a_decision(_evidence=RulesOwn(rule))
    assert decision.missing == ("name",)
    assert decision.ring_timeout_s == 20
    assert decision.verification_methods == ()
    assert decision.to_dict()["missing"] == ["name"]
    verify = a_decision(_evidence=RulesOwn(rule), outcome=Outcome.VERIFY, destination=None)
    assert verify.verification_methods == ("PIN",)
    assert verify.ring_timeout_s is None
    assert verify.to_dict()["verification_methods"] == ["PIN"]


def test_a_call_may_know_better_what_is_missing_and_how_long_to_ring():
    rule = a_rule(required_details=("name", "city"))
    facts = CallFacts(frozenset(("name", "city")), 45)
    decision = a_decision(_evidence=RulesOwn(rule), _call=facts)
    assert decision.missing == ()
    assert decision.ring_timeout_s == 45
    assert a_decision(_evidence=RulesOwn(rule), _call=CallFacts((), 45)).missing == ("name", "city")
    assert a_decision(_evidence=RulesOwn(rule), outcome=Outcome.DEFAULT).ring_timeout_s is None
    own = a_rule(ring_timeouts_s=(20,))
    assert a_decision(_evidence=RulesOwn(own), _call=facts).ring_timeout_s == 20


def test_a_decision_materialises_its_rule_and_candidates():
    decision = a_decision()
    assert decision.rule == a_rule()
    assert decision.candidates == (Candidate("Billing", 0.9, 0.8),)
    assert decision.to_dict() == {
        "outcome": "transfer",
        "reason": "rule_matched",
        "destination": "+14155550111",
        "destinations": [
            {"destination": "+14155550111", "ring_timeout_s": None},
            {"destination": "+14155550100", "ring_timeout_s": None},
        ],
        "rule": "Billing",
        "confidence": 0.9,
        "threshold": 0.5,
        "question": None,
        "stable": True,
        "missing": [],
        "verification_methods": [],
        "ring_timeout_s": None,
        "reported": None,
        "next_opening": None,
        "location_id": "store-1",
        "catalog_version": 3,
        "decision_id": "",
        "candidates": [{"label": "Billing", "confidence": 0.9, "similarity": 0.8}],
    }


def test_a_decision_explains_itself():
    assert a_decision().explain() == (
        "Billing, 0.90 where the location asks for 0.50: nearest is its example "
        '"I was charged twice" (similarity 0.80). There is no other rule. Sent to +*********11.'
    )


def test_a_decision_without_evidence_has_no_rule_and_no_candidates():
    decision = Decision(Outcome.DEFAULT, Reason.NO_RULES, None, "store-1", 1)
    assert decision.rule is None
    assert decision.candidates == ()
    assert decision.to_dict()["destination"] is None
    assert a_decision(_rule=None).rule is None


def test_decisions_are_equal_by_what_they_say():
    assert a_decision() == a_decision()
    assert hash(a_decision()) == hash(a_decision())
    assert a_decision() != a_decision(confidence=0.8)
    assert a_decision() != a_decision(_evidence=Evidence("Sales"))
    assert a_decision() != "transfer"
    assert "_evidence" not in repr(a_decision())


def test_what_is_kept_is_not_looked_up_again_and_still_has_its_form():
    location = a_location("store-1", a_rule(), business_hours="Mon-Fri 08:00-17:00", timezone="UTC")
    text = location.model_dump_json()
    with as_kept():
        assert Location.model_validate_json(text) == location
    for wrong in ('"+1415555010"', '"dial +14155550100"', '"+14155550100\\u0000"', "17"):
        broken = text.replace('"+14155550100"', wrong)
        assert broken != text
        if wrong == '"+1415555010"':  # one that nobody has; the dial policy refuses it
            with as_kept():
                made = Location.model_validate_json(broken)
            engine = RoutingEngine([made], encoder=HashingEncoder())
            assert engine.route("store-1", "hello").destination is None
        else:
            with as_kept(), pytest.raises(InvalidValueError, match="default_destination"):
                Location.model_validate_json(broken)
