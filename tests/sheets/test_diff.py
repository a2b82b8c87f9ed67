from __future__ import annotations

import json
import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from routing_engine.catalog.columns import LocationColumns, StringColumn
from routing_engine.model.rules import ContextRule, Location
from routing_engine.sheets import diff

from .making import A, B, C, D

FLOOD = ContextRule(label="Flood", when="a flood", destination=B)
BILL = ContextRule(label="Billing", when="a bill", destination=B, fallback=[C])
SIP = ContextRule(label="Sip", when="by sip", destination="sip:a@b.example")


def _columns(*made: Location) -> LocationColumns:
    return LocationColumns.from_locations(made)


def _location(location_id: str = "s1", *rules: ContextRule, **fields) -> Location:
    return Location(
        **{"location_id": location_id, "default_destination": A, "rules": rules} | fields
    )


def test_equal_locations_differ_in_nothing_whatever_their_order():
    one, two = _location("s1", FLOOD, BILL, SIP), _location("s2", BILL, name="Two")
    for new in ((one, two), (two, one)):
        made = diff(_columns(one, two), _columns(*new))
        assert made.is_empty
        assert not made
        assert (made.added, made.removed, list(made.changed), made.n_unchanged) == ((), (), [], 2)
        assert str(made) == "0 added, 0 changed, 0 removed, 2 unchanged"


def test_changed_languages_are_told():
    old = ContextRule(label="Spanish", when="prefers it", languages=["es"], destination=B)
    new = ContextRule(label="Spanish", when="prefers it", languages=["pt", "es"], destination=B)
    made = diff(_columns(_location("s1", old)), _columns(_location("s1", new)))
    assert str(made).splitlines()[1:] == ["~ s1", "    ~ Spanish: languages es -> es, pt"]


def test_changed_details_methods_and_ring_times_are_told():
    old = ContextRule(label="L", when="w", destination=B, required_details=["name"])
    new = ContextRule(
        label="L", when="w", destination=B, required_details=["name", "city"],
        verification_methods=["PIN"], ring_timeouts_s=[20, 45],
    )  # fmt: skip
    made = diff(_columns(_location("s1", old)), _columns(_location("s1", new)))
    (change,) = str(made).splitlines()[2:]
    assert change == (
        "    ~ L: required_details name -> name, city; verification_methods none -> PIN; "
        "ring_timeouts_s none -> 20, 45"
    )
    assert made.to_dict()["changed"][0]["rules_changed"][0]["fields"][-1] == {
        "field": "ring_timeouts_s", "old": [], "new": [20, 45],
    }  # fmt: skip


def test_rules_that_differ_only_in_languages_are_kept_apart():
    one = ContextRule(label="L", when="w", destination=B)
    two = ContextRule(label="L", when="w", languages=["es"], destination=C)
    assert diff(_columns(_location("s1", one, two)), _columns(_location("s1", one, two))).is_empty
    other = ContextRule(label="L", when="w", languages=["es"], destination=D)
    made = diff(_columns(_location("s1", one, two)), _columns(_location("s1", one, other)))
    assert len(list(made.changed)) == 1


def test_added_and_removed_locations_are_named():
    made = diff(_columns(_location("a"), _location("b")), _columns(_location("b"), _location("c")))
    assert made
    assert (made.added, made.removed, made.n_unchanged) == (("c",), ("a",), 1)
    assert str(made) == "1 added, 0 changed, 1 removed, 1 unchanged\n+ c\n- a"


def test_every_kind_of_change_of_a_location_is_told():
    old = _location("s1", FLOOD, BILL, SIP, timezone="UTC", name="Old")
    new = _location(
        "s1",
        ContextRule(label="Parts", when="parts", action="contain"),
        ContextRule(label="Billing", when="a bill", destination=D, threshold=0.5, examples=["x"]),
        FLOOD,
        default_destination=C,
        threshold=0.0,
    )
    made = diff(_columns(old), _columns(new))
    assert str(made).splitlines() == [
        "0 added, 1 changed, 0 removed, 0 unchanged",
        "~ s1",
        "    name Old -> none",
        "    timezone UTC -> none",
        "    threshold none -> 0.0",
        "    default_destination +14155550100 -> +14155550122",
        "    + Parts -> none",
        "    - Sip",
        (
            "    ~ Billing: examples none -> x; threshold none -> 0.5; "
            "destination +14155550111 -> +14155550133; fallback +14155550122 -> none"
        ),
        "    rules in another order",
    ]
    (change,) = made.changed
    assert change.rules_removed == (SIP,)
    assert [rule.label for rule in change.rules_added] == ["Parts"]
    assert json.loads(json.dumps(made.to_dict())) == {
        "added": [],
        "removed": [],
        "changed": [
            {
                "location_id": "s1",
                "fields": [
                    {"field": "name", "old": "Old", "new": None},
                    {"field": "timezone", "old": "UTC", "new": None},
                    {"field": "threshold", "old": None, "new": 0.0},
                    {"field": "default_destination", "old": "+14155550100", "new": "+14155550122"},
                ],
                "rules_added": [{"label": "Parts", "when": "parts", "destination": None}],
                "rules_removed": [
                    {"label": "Sip", "when": "by sip", "destination": "sip:a@b.example"}
                ],
                "rules_changed": [
                    {
                        "label": "Billing",
                        "when": "a bill",
                        "fields": [
                            {"field": "examples", "old": [], "new": ["x"]},
                            {"field": "threshold", "old": None, "new": 0.5},
                            {"field": "destination", "old": "+14155550111", "new": "+14155550133"},
                            {"field": "fallback", "old": ["+14155550122"], "new": []},
                        ],
                    }
                ],
                "reordered": True,
            }
        ],
        "n_unchanged": 0,
    }


def test_destinations_are_told_apart_by_all_their_digits():
    old, new = _location("s1"), _location("s1", default_destination="+12125550100")
    assert "default_destination +14155550100 -> +12125550100" in str(
        diff(_columns(old), _columns(new))
    )


def test_long_diff_is_printed_in_part():
    rules = [ContextRule(label=f"L{i}", when=f"w{i}", destination=B) for i in range(12)]
    old = [_location(f"r{i}") for i in range(12)] + [_location(f"c{i}") for i in range(12)]
    new = [_location(f"a{i}") for i in range(12)] + [_location(f"c{i}", *rules) for i in range(12)]
    made = diff(_columns(*old), _columns(*new))
    lines = str(made).splitlines()
    assert lines[0] == "12 added, 12 changed, 12 removed, 0 unchanged"
    for line in ("+ ... and 2 more", "- ... and 2 more", "    ... and 2 more", "~ ... and 2 more"):
        assert line in lines
    assert len(lines) == 1 + 11 + 11 + 10 * 12 + 1
    assert [change.location_id for change in made.changed[1:3]] == ["c1", "c2"]
    console = Console(record=True, width=200, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(made)
    assert console.export_text().rstrip() == str(made)
    console.file.close()


def test_rules_of_the_same_label_and_when_are_paired_in_order():
    one = ContextRule(label="L", when="w", destination=B, examples=["a"])
    two = ContextRule(label="L", when="w", destination=B, examples=["b"])
    changed = diff(_columns(_location("s", one, two)), _columns(_location("s", one))).changed
    assert changed[0].rules_removed == (two,)
    assert changed[0].rules_changed == ()


rule_pool = [FLOOD, BILL, SIP, BILL.model_copy(update={"fallback": ()}),
             FLOOD.model_copy(update={"destination": SIP.destination})]  # fmt: skip
some_rules = st.lists(st.sampled_from(rule_pool), max_size=3, unique_by=lambda rule: rule.when)
some_locations = st.builds(
    lambda i, rules, default, name, zone: _location(
        i, *rules, default_destination=default, name=name, timezone=zone
    ),
    st.sampled_from("abcdef"), some_rules, st.sampled_from([A, "sip:x@y.example", f"{A};ext=1"]),
    st.sampled_from([None, "n"]), st.sampled_from([None, "UTC"]),
)  # fmt: skip
catalogs = st.lists(some_locations, max_size=6, unique_by=lambda location: location.location_id)


@given(catalogs, catalogs)
def test_diff_equals_comparing_models(old, new):
    made = diff(_columns(*old), _columns(*new))
    before = {location.location_id: location for location in old}
    after = {location.location_id: location for location in new}
    assert made.added == tuple(i for i in after if i not in before)
    assert made.removed == tuple(i for i in before if i not in after)
    both = [i for i in after if i in before]
    assert [c.location_id for c in made.changed] == [i for i in both if before[i] != after[i]]
    assert made.n_unchanged == sum(before[i] == after[i] for i in both)
    for change in made.changed:
        assert list(change.lines())


def test_changed_hours_are_told():
    before = {"timezone": "UTC", "business_hours": "Mon-Fri 09:00-17:00"}
    old = _location("s1", FLOOD, **before)
    new = _location("s1", FLOOD, timezone="UTC", business_hours="24/7", after_hours=D)
    made = diff(_columns(old), _columns(new))
    assert str(made).splitlines()[1:] == [
        "~ s1",
        "    business_hours Mon-Fri 09:00-17:00 -> 24/7",
        "    after_hours none -> +14155550133",
    ]
    json.dumps(made.to_dict())
    assert diff(_columns(old), _columns(_location("s1", FLOOD, **before))).is_empty
    number = diff(
        _columns(_location("s1", after_hours=C)), _columns(_location("s1", after_hours=D))
    )
    assert str(number).splitlines()[2:] == ["    after_hours +14155550122 -> +14155550133"]


def test_a_date_added_at_the_end_of_long_hours_is_told():
    dates = "; ".join(f"2026-12-{day} closed" for day in range(20, 26))
    old, new = (
        _location("s1", timezone="UTC", business_hours=f"Mon-Fri 09:00-17:00; {text}")
        for text in (dates, f"{dates}; 2026-12-31 closed")
    )
    (line,) = str(diff(_columns(old), _columns(new))).splitlines()[2:]
    assert line == "    business_hours in part: none -> 2026-12-31 closed"


def test_a_hundred_thousand_equal_locations_take_no_time():
    n = 100_000
    base = _columns(_location("s1", FLOOD, BILL.model_copy(update={"fallback": ()})))
    ids = StringColumn.from_strings([f"store-{i}" for i in range(n)])
    many = LocationColumns(
        ids=ids, names=StringColumn.from_strings([""] * n), site=np.zeros(n, np.int32),
        table=np.zeros(n, np.int32), first_slot=np.arange(n + 1, dtype=np.int64) * 2,
        destinations=np.tile(base.destinations, n), defaults=np.tile(base.defaults, n),
        after_hours=np.zeros(n, np.uint64),
        fallback_slots=base.fallback_slots, fallback_offsets=base.fallback_offsets,
        fallback_codes=base.fallback_codes, sites=base.sites, tables=base.tables,
        specials=base.specials,
    )  # fmt: skip
    start = time.process_time()
    assert diff(many, many).is_empty
    assert time.process_time() - start < 2
