"""The wire format by itself: merging, compiling, comparing, reading."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from routing_engine import ContextRule, Location
from routing_engine.errors import InvalidValueError
from routing_engine.schedule import BusinessHours
from routing_engine.server.compiling import NEVER, compile_draft
from routing_engine.server.differences import differences
from routing_engine.server.imports import config_of
from routing_engine.server.merging import merge
from routing_engine.server.problems import ProblemError
from routing_engine.server.strict_json import read_json
from routing_engine.server.wire.agents import EXAMPLE, AgentPatch, TransferRule
from routing_engine.server.wire.common import numbers_of
from tests.planes import BILLING, CANCEL, CONFIG, MAIN

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False,
        allow_infinity=False) | st.text(st.characters(exclude_characters="\0",
        exclude_categories=("Cs",)), max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def draft(config=None, **more):
    return {
        "name": "Oakland", "locationId": "store-1", "config": CONFIG if config is None else config,
        "skills": [], "guardrails": {}, "callerVerification": {}, **more,
    }  # fmt: skip


# Merging


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    # Appendix A of RFC 7396.
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_patch_merges_as_the_rfc_says(target, patch, result):
    assert merge(target, patch) == result


@given(target=JSON, patch=JSON)
def test_merging_twice_changes_nothing_more_and_changes_nobody(target, patch):
    before = json.dumps([target, patch])
    once = merge(target, patch)
    assert merge(once, patch) == once
    assert json.dumps([target, patch]) == before


# Comparing


@given(before=JSON, after=JSON)
def test_what_differs_is_told_and_nothing_else(before, after):
    found = list(differences(before, after))
    same = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert (found == []) == same
    assert list(differences(before, before)) == []


def test_rules_are_compared_by_label():
    before = {"rules": [{"label": "A", "x": 1}, {"label": "B"}]}
    after = {"rules": [{"label": "B"}, {"label": "A", "x": 2}, {"label": "C"}]}
    assert list(differences(before, after)) == [
        ("rules[A].x", 1, 2),
        ("rules[C]", None, {"label": "C"}),
        ("rules[order]", ["A", "B"], ["B", "A"]),
    ]


# Reading


@given(JSON)
def test_what_json_says_is_read(value):
    assert read_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=30))
def test_bytes_are_read_or_refused_and_never_worse(body):
    with suppress(ProblemError):
        json.dumps(read_json(body)).encode()


@pytest.mark.parametrize("body", [b'{"a": Infinity}', b'{"a": 1, "a": 2}', b"1e400", b"\xff"])
def test_what_can_be_read_in_two_ways_is_refused(body):
    with pytest.raises(ProblemError) as refused:
        read_json(body)
    assert refused.value.status_code == 400


@pytest.mark.parametrize(
    ("region", "written", "kept"),
    [
        ("US", "4155550111", "+14155550111"),
        ("US", "(415) 555-0111 x12", "+14155550111;ext=12"),
        ("GB", "020 7946 0958", "+442079460958"),
        (None, "+14155550111", "+14155550111"),
        ("US", "sip:Desk@Store.example", "sip:Desk@store.example"),
    ],
)
def test_numbers_are_kept_as_e164(region, written, kept):
    with numbers_of(region):
        made = AgentPatch.model_validate({"handoffConfig": {"transferDestination": written}})
    assert made.handoff_config.transfer_destination == kept


def test_a_national_number_needs_a_region():
    with numbers_of(None), pytest.raises(ValidationError):
        AgentPatch.model_validate({"handoffConfig": {"transferDestination": "4155550111"}})


# Compiling


def test_every_field_of_a_rule_can_be_said_on_the_wire():
    assert set(TransferRule.model_fields) == set(ContextRule.model_fields)
    rule = {
        "label": "All", "when": "caller says everything", "destination": BILLING,
        "examples": ["everything"], "threshold": 0.0, "hours": "always",
        "requiresVerification": True, "requiresConfirmation": True, "fallback": [CANCEL],
        "enabled": False, "languages": ["es"], "action": "transfer",
        "requiredDetails": ["name"], "verificationMethods": ["pin"], "ringTimeoutsS": [20],
    }  # fmt: skip
    config = {"handoffConfig": {"transferDestination": MAIN, "transferRules": [rule]}}
    compiled = compile_draft(draft(config)).location.rules[0]
    assert compiled == ContextRule(
        label="All", when="caller says everything", destination=BILLING,
        examples=("everything",), threshold=0.0, hours="always", requires_verification=True,
        requires_confirmation=True, fallback=(CANCEL,), enabled=False, languages=("es",),
        required_details=("name",), verification_methods=("pin",), ring_timeouts_s=(20,),
    )  # fmt: skip
    # And what a sheet makes of it says the same.
    again = config_of(compile_draft(draft(config)).location)["handoffConfig"]["transferRules"][0]
    assert TransferRule.model_validate(again) == TransferRule.model_validate(rule)


def test_the_example_compiles():
    patch = AgentPatch.model_validate(EXAMPLE)
    config = patch.model_dump(mode="json", by_alias=True, exclude_unset=True)
    name = config.pop("name")
    location = compile_draft(draft(config, name=name)).location
    assert (location.name, str(location.default_destination), location.threshold) == (
        name, MAIN, 0.4,
    )  # fmt: skip
    assert [rule.label for rule in location.rules] == ["Billing", "After-Hours Emergency"]
    assert location.after_hours is None


@pytest.mark.parametrize(
    ("after", "number", "rules"),
    [
        ({}, None, 2),
        ({"number": BILLING}, BILLING, 2),
        ({"number": BILLING, "allowHumanTransfer": True}, BILLING, 2),
        ({"number": BILLING, "allowHumanTransfer": False}, None, 2),
        ({"allowHumanTransfer": True}, MAIN, 2),
        ({"emergencyNumber": CANCEL, "allowHumanTransfer": False}, None, 3),
    ],
)
def test_after_hours_as_documented(after, number, rules):
    config = {
        **CONFIG,
        "businessHours": {
            "timezone": "UTC",
            "weekly": {"monday": ["09:00-17:00"]},
            "afterHours": after,
        },
    }
    location = compile_draft(draft(config)).location
    assert (None if location.after_hours is None else str(location.after_hours)) == number
    assert len(location.rules) == rules
    if rules == 3:
        assert (location.rules[2].hours, str(location.rules[2].destination)) == ("closed", CANCEL)


def test_holidays_and_exceptions_reach_the_schedule():
    config = {
        **CONFIG,
        "businessHours": {
            "timezone": "UTC",
            "weekly": {"monday": ["09:00-17:00"]},
            "holidays": [
                {"date": "2026-12-24", "endDate": "2026-12-26", "name": "Feast"},
                {"date": "2026-12-31", "ranges": ["09:00-12:00"]},
                {"date": "2027-01-01", "closed": False},
            ],
            "exceptions": [{"date": "2026-03-02", "closed": True}],
            "country": "US",
            "subdivision": "CA",
        },
    }
    hours = compile_draft(draft(config)).location.business_hours
    assert hours == BusinessHours.parse(
        'Mon 09:00-17:00; holidays US-CA; 2026-12-24 to 2026-12-26 closed "Feast"; '
        "2026-12-31 09:00-12:00; 2027-01-01 as usual; except 2026-03-02 closed",
        timezone="UTC",
    )


def test_calls_are_held_as_the_draft_says():
    usual = compile_draft(draft()).calls
    assert (usual.max_silences, usual.max_verifications, usual.verified_for_s) == (2, 3, 900.0)
    config = {**CONFIG, "callControl": {"onNoResponseAction": "hangup"}}
    own = compile_draft(
        draft(config, callerVerification={"ttlSeconds": 60, "maxAttempts": 1})
    ).calls
    assert (own.max_silences, own.max_verifications, own.verified_for_s) == (NEVER, 1, 60.0)


def test_methods_of_the_agent_count_where_a_rule_names_none():
    config = json.loads(json.dumps(CONFIG))
    config["handoffConfig"]["transferRules"][0]["requiresVerification"] = True
    config["handoffConfig"]["transferRules"][0]["verificationMethods"] = ["voice"]
    location = compile_draft(draft(config, callerVerification={"methods": ["pin"]})).location
    assert [rule.verification_methods for rule in location.rules] == [("voice",), ("pin",)]


def test_problems_have_the_paths_of_the_wire():
    same = CONFIG["handoffConfig"]["transferRules"][0] | {"label": "Other", "destination": CANCEL}
    config = {
        "handoffConfig": {
            "transferDestination": MAIN,
            "transferRules": [CONFIG["handoffConfig"]["transferRules"][0], same],
        },
    }
    with pytest.raises(InvalidValueError) as refused:
        compile_draft(draft(config))
    assert [item.path for item in refused.value.problems] == ["handoffConfig.transferRules.1"]
    skill = {
        "id": "skl_1", "name": "S", "description": same["when"], "skillType": "transfer",
        "executionConfig": {"destination": CANCEL},
    }  # fmt: skip
    with pytest.raises(InvalidValueError) as refused:
        compile_draft(draft(skills=[skill]))
    assert [item.path for item in refused.value.problems] == ["skills.skl_1"]


@given(
    threshold=st.none() | st.floats(0, 1),
    hours=st.sampled_from([None, "Mon-Fri 09:00-17:00", "24/7", "closed"]),
    after=st.sampled_from([None, BILLING]),
)
def test_what_a_sheet_says_comes_back_as_it_was(threshold, hours, after):
    location = Location(
        location_id="store-1",
        name="Oakland",
        default_destination=MAIN,
        timezone="UTC",
        threshold=threshold,
        business_hours=hours,
        after_hours=after if hours else None,
        rules=[ContextRule(label="A", when="caller says a", destination=BILLING, threshold=0.0)],
    )
    assert compile_draft(draft(config_of(location))).location == location
