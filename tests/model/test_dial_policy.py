"""The last gate: what the dial policy refuses is never dialled, whoever checked it before."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import (
    DialPolicy,
    HashingEncoder,
    InvalidValueError,
    Outcome,
    Reason,
    RoutingEngine,
    RoutingPolicy,
)
from routing_engine.catalog.columns import LocationColumns
from tests.support.examples import examples
from tests.support.processes import run
from tests.support.strategies import a_location, a_rule

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
US, GB, SIP = "+14155550100", "+442071838750", "sip:duty@store.example"
PREMIUM, SHARED = "+19002345678", "+448431234567"
NUMBERS = (US, "+14155550111", GB, SIP, PREMIUM, SHARED)
INVOICE = "there is a strange charge on my invoice"


def a_billing(destination=PREMIUM, **fields):
    return a_rule(
        "Billing", when="asks about an invoice", examples=(INVOICE,), destination=destination,
        **fields,
    )  # fmt: skip


def engine_of(*rules, policy=None, **fields):
    location = a_location("store-1", *rules, **fields)
    given = {} if policy is None else {"dial_policy": policy}
    return RoutingEngine([location], encoder=HashingEncoder(), **given)


def said(decision):
    dialled = None if decision.destination is None else str(decision.destination)
    return decision.outcome.value, decision.reason.value, dialled


def test_a_refused_destination_gives_way_to_the_default():
    decision = engine_of(a_billing()).route("store-1", INVOICE)
    assert said(decision) == ("default", "destination_refused", US)
    assert decision.rule.label == "Billing"
    assert "The dial policy refuses its destination. Sent to the default" in decision.explain()


def test_a_refused_default_gives_way_to_nobody():
    engine = engine_of(a_billing(), default_destination=SHARED)
    decision = engine.route("store-1", INVOICE)
    assert said(decision) == ("default", "destination_refused", None)
    assert decision.explain().endswith(
        "Nothing is dialled: the dial policy refuses the default, too."
    )
    assert said(engine.route("store-1", "")) == ("default", "destination_refused", None)


def test_a_question_is_still_asked_where_the_default_is_refused():
    rules = [
        a_rule(label, when=f"{INVOICE} {label}", destination=to)
        for label, to in (("A", US), ("B", GB))
    ]
    location = a_location("store-1", *rules, default_destination=PREMIUM)
    ask = RoutingPolicy(margin=1.0)
    engine = RoutingEngine([location], encoder=HashingEncoder(), policy=ask)
    decision = engine.route("store-1", INVOICE)
    assert said(decision) == ("clarify", "ambiguous", None)
    assert decision.question is not None


def test_nothing_is_dialled_where_no_country_is_allowed():
    policy = DialPolicy(countries=frozenset(), allow_sip=False)
    engine = engine_of(a_billing(US), a_rule("Duty", when="flood", examples=("flood",),
                       destination=SIP), policy=policy)  # fmt: skip
    assert said(engine.route("store-1", INVOICE)) == ("default", "destination_refused", None)
    assert said(engine.route("store-1", "flood")) == ("default", "destination_refused", None)


def test_an_explicit_list_allows_what_the_rest_refuses():
    policy = DialPolicy(countries=frozenset(), allow_sip=False, allow=frozenset({PREMIUM}))
    decision = engine_of(a_billing(), policy=policy).route("store-1", INVOICE)
    assert said(decision) == ("transfer", "rule_matched", PREMIUM)


def test_a_closed_location_stays_closed_where_the_rule_is_refused():
    hours = {"business_hours": "Sun 09:00-10:00", "timezone": "UTC"}
    rule = a_billing(hours="always")
    decision = engine_of(rule, **hours).route("store-1", INVOICE, now=NOON)
    assert said(decision) == ("closed", "destination_refused", None)
    assert decision.next_opening is not None
    decision = engine_of(rule, **hours, after_hours=GB).route("store-1", INVOICE, now=NOON)
    assert said(decision) == ("default", "destination_refused", GB)


def test_an_engine_refuses_a_default_of_its_own_that_it_may_not_dial():
    with pytest.raises(InvalidValueError, match="default_destination: premium rate"):
        RoutingEngine([], encoder=HashingEncoder(), default_destination=PREMIUM)
    with pytest.raises(InvalidValueError, match="dial_policy"):
        RoutingEngine([], encoder=HashingEncoder(), dial_policy={"countries": ["US"]})


def test_a_call_neither_dials_nor_falls_back_to_what_is_refused():
    engine = engine_of(a_billing(US, fallback=(PREMIUM, GB, SHARED)), default_destination=PREMIUM)
    call = engine.open_call("store-1", now=NOON)
    assert said(call.hear(INVOICE, now=NOON)) == ("transfer", "rule_matched", US)
    assert said(call.transfer_failed("busy", now=NOON)) == ("transfer", "fallback", GB)
    assert said(call.transfer_failed("busy", now=NOON)) == ("contain", "nobody_answered", None)


def test_a_call_keeps_the_caller_where_nobody_may_be_dialled():
    engine = engine_of(
        a_billing(), a_rule("Hours", when="opening hours", examples=("when do you open",),
                            destination=None, action="contain"),
        default_destination=PREMIUM,
    )  # fmt: skip
    call = engine.open_call("store-1", now=NOON)
    assert said(call.hear("when do you open", now=NOON)) == ("contain", "routine", None)
    assert said(call.hear("nice weather today", now=NOON)) == ("contain", "below_threshold", None)
    refused = ("contain", "destination_refused", None)
    assert said(call.hear("give me a person", now=NOON)) == refused
    call = engine.open_call("store-1", now=NOON)
    assert said(call.hear(INVOICE, now=NOON)) == refused
    call.no_response(now=NOON)
    assert said(call.no_response(now=NOON)) == refused


def test_a_snapshot_says_what_its_destinations_were_checked_by(tmp_path):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(
        "location_id,default_destination,label,when,destination\n"
        f"store-1,{US},Billing,{INVOICE},{GB}\n"
    )
    abroad = DialPolicy(countries=frozenset({"US", "GB"}))
    engine = RoutingEngine.from_csv(sheet, dial_policy=abroad, encoder=HashingEncoder())
    engine.save(tmp_path / "snapshot")
    for policy, outcome in ((abroad, "transfer"), (DialPolicy(countries={"US"}), "default")):
        loaded = RoutingEngine.load(
            tmp_path / "snapshot", dial_policy=policy, encoder=HashingEncoder()
        )
        assert loaded.columns.dial_policy == abroad
        assert said(loaded.route("store-1", INVOICE))[0] == outcome


@pytest.mark.process
def test_what_was_checked_by_the_same_policy_is_not_checked_again(tmp_path):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(
        f"location_id,default_destination,label,when,destination\nstore-1,{US},Billing,{INVOICE},{US}\n"
    )
    RoutingEngine.from_csv(sheet, encoder=HashingEncoder()).save(tmp_path / "snapshot")
    code = (
        "import sys; from routing_engine import HashingEncoder, RoutingEngine;"
        f"engine = RoutingEngine.load({str(tmp_path / 'snapshot')!r}, encoder=HashingEncoder());"
        f"print(engine.route('store-1', {INVOICE!r}).outcome, 'phonenumbers' in sys.modules)"
    )
    shown = run(code)
    assert shown.split() == ["transfer", "False"]


def test_what_is_joined_was_checked_only_where_both_were():
    def columns(location_id, policy):
        made = LocationColumns.from_locations([a_location(location_id)])
        return LocationColumns(
            **{name: getattr(made, name) for name in made.__dataclass_fields__}
            | {"dial_policy": policy}
        )

    one, other = DialPolicy(), DialPolicy(allow_sip=False)
    assert columns("a", one).joined(columns("b", one)).dial_policy == one
    assert columns("a", one).joined(columns("b", other)).dial_policy is None
    assert columns("a", one).without(frozenset({0})).dial_policy == one


policies = st.builds(
    DialPolicy,
    countries=st.none() | st.frozensets(st.sampled_from(("US", "GB", "DE"))),
    refused_types=st.frozensets(st.sampled_from(("premium_rate", "shared_cost", "fixed_line"))),
    allow_sip=st.booleans(),
    allow=st.none() | st.frozensets(st.sampled_from(NUMBERS)),
)


@given(
    policy=policies,
    default=st.sampled_from(NUMBERS),
    rule=st.sampled_from(NUMBERS),
    fallback=st.lists(st.sampled_from(NUMBERS), max_size=4),
    after_hours=st.none() | st.sampled_from(NUMBERS),
    is_open=st.booleans(),
)
@examples(200)
def test_whatever_is_dialled_is_allowed(policy, default, rule, fallback, after_hours, is_open):
    hours = {} if is_open else {"business_hours": "Sun 09:00-10:00", "timezone": "UTC"}
    engine = engine_of(
        a_billing(rule, fallback=tuple(fallback), hours="always"),
        default_destination=default, after_hours=after_hours, policy=policy, **hours,
    )  # fmt: skip
    call = engine.open_call("store-1", now=NOON)
    decisions = [engine.route("store-1", words, now=NOON) for words in (INVOICE, "", "hello")]
    decisions.append(call.hear(INVOICE, now=NOON))
    while decisions[-1].outcome in (Outcome.TRANSFER, Outcome.DEFAULT):
        if decisions[-1].destination is None:
            break
        decisions.append(call.transfer_failed("busy", now=NOON))
    dialled = [d.destination for d in decisions if d.destination is not None]
    assert [d for d in dialled if policy.refusal(d) is not None] == []
    first = decisions[0]
    may = engine.location("store-1").rules[0].destination
    assert (first.reason is Reason.RULE_MATCHED) is (policy.refusal(may) is None)
    refused_default = policy.refusal(engine.location("store-1").default_destination) is not None
    if is_open:
        assert (decisions[1].destination is None) is refused_default
