"""Locations as arrays and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import ContextRule, Destination, InvalidValueError, Location
from routing_engine.catalog.columns import (
    NO_DESTINATION,
    SPECIAL,
    DestinationCodes,
    Interner,
    LocationColumns,
    SharedSettings,
    StringColumn,
)
from tests.support.examples import examples
from tests.support.strategies import (
    a_location,
    a_rule,
    any_destinations,
    compiled,
    location_lists,
    with_lines,
)


@given(with_lines(location_lists))
def test_locations_come_back_as_they_were_given(made):
    columns = LocationColumns.from_locations(made)
    assert list(columns.locations()) == made
    assert [columns.location(i) for i in range(len(columns))] == made
    assert len(columns) == len(made)
    assert columns.n_rules == sum(len(location.rules) for location in made)


@examples(40)
@given(with_lines(location_lists))
def test_locations_that_come_back_are_as_good_as_new(made):
    for location in LocationColumns.from_locations(made).locations():
        assert Location.model_validate_json(location.model_dump_json()) == location
        for rule in location.rules:
            assert type(rule) is ContextRule
            assert hash(rule) == hash(ContextRule(**dict(rule)))


def test_a_location_without_a_name_comes_back_without_one():
    location = a_location(name=None)
    assert next(compiled(location).locations()) == location
    with pytest.raises(InvalidValueError, match="name: must not be empty"):
        a_location(name="")


def test_two_locations_with_the_same_id_are_refused_with_all_such_pairs():
    with pytest.raises(InvalidValueError) as caught:
        compiled(*(a_location(name) for name in ("a", "b", "a", "c", "b", "a")))
    assert [(problem.path, problem.message) for problem in caught.value.problems] == [
        ("locations.2", "same location_id as locations.0: 'a'"),
        ("locations.4", "same location_id as locations.1: 'b'"),
        ("locations.5", "same location_id as locations.0: 'a'"),
    ]


@pytest.mark.parametrize("other", ["store-1", {"location_id": "a"}, None])
def test_what_is_no_location_is_refused(other):
    with pytest.raises(InvalidValueError, match=r"locations\[1\] is a \w+, not a Location"):
        LocationColumns.from_locations([a_location(), other])


def test_rule_tables_and_sites_are_shared_by_locations_that_differ_in_numbers_only():
    columns = compiled(
        a_location("a", a_rule(destination="+14155550101"), timezone="UTC"),
        a_location("b", a_rule(destination="+14155550102"), timezone="UTC"),
        a_location("c", a_rule(threshold=0.0), timezone="UTC", threshold=0.5),
    )
    assert columns.table.tolist() == [0, 0, 1]
    assert columns.site.tolist() == [0, 0, 1]
    assert columns.sites == (SharedSettings("UTC", None), SharedSettings("UTC", 0.5))
    assert columns.tables == ((a_rule().text,), (a_rule(threshold=0.0).text,))
    assert columns.destinations.tolist() == [14155550101, 14155550102, 14155550111]
    assert columns.defaults.tolist() == [14155550100] * 3


def test_each_slot_has_its_own_fallback_chain():
    first, second = Destination("+14155550121"), Destination(sip_uri="sip:desk@example.com")
    columns = compiled(
        a_location("a", a_rule("A"), a_rule("B", fallback=(first, second)), a_rule("C")),
        a_location("b"),
        a_location("c", a_rule("A", fallback=(second,)), a_rule("B")),
    )
    assert [columns.fallback(slot) for slot in range(5)] == [
        (),
        (first, second),
        (),
        (second,),
        (),
    ]
    assert columns.rule(0, 1).fallback == (first, second)
    assert columns.first_slot.tolist() == [0, 3, 3, 5]


def test_no_slot_has_a_fallback_chain_where_there_is_none():
    assert compiled(a_location("a", a_rule())).fallback(0) == ()


@given(st.lists(st.none() | any_destinations, max_size=20))
def test_codes_decode_to_the_destination_they_were_made_from(made):
    codes = DestinationCodes()
    encoded = [codes.encode(destination) for destination in made]
    empty = compiled()
    columns = LocationColumns(
        **{name: getattr(empty, name) for name in LocationColumns.__slots__ if name != "specials"},
        specials=tuple(codes.specials),
    )
    assert [columns.decode(code) for code in encoded] == made
    assert len(set(codes.specials)) == len(codes.specials)
    assert all(0 <= code < 1 << 64 for code in encoded)


def test_codes_are_none_the_number_or_an_index():
    codes = DestinationCodes()
    extended, uri = Destination("+14155550100", "5"), Destination(sip_uri="sip:example.com")
    assert codes.encode(None) == NO_DESTINATION == 0
    assert codes.encode(Destination("+14155550100")) == 14155550100
    assert [codes.encode(item) for item in (extended, uri, extended, uri)] == [
        SPECIAL,
        SPECIAL + 1,
        SPECIAL,
        SPECIAL + 1,
    ]
    assert codes.specials == [extended, uri]


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",)))))
def test_a_string_column_holds_strings(strings):
    column = StringColumn.from_strings(strings)
    assert list(column) == strings
    assert [column[i] for i in range(len(column))] == strings
    assert [column.raw(i) for i in range(len(column))] == [item.encode() for item in strings]
    assert column.offsets[-1] == len(column.blob)


def test_an_interner_numbers_values_in_order_of_first_appearance():
    interner = Interner[str]()
    assert [interner.add(value) for value in "abacb"] == [0, 1, 0, 2, 1]
    assert interner.values == ("a", "b", "c")


def test_arrays_have_the_types_that_are_stored():
    columns = compiled(a_location("a", a_rule(fallback=("+14155550121",))))
    assert {
        name: getattr(columns, name).dtype
        for name in LocationColumns.__slots__
        if isinstance(getattr(columns, name), np.ndarray)
    } == {
        "site": np.int32,
        "table": np.int32,
        "first_slot": np.int64,
        "destinations": np.uint64,
        "defaults": np.uint64,
        "after_hours": np.uint64,
        "fallback_slots": np.int64,
        "fallback_offsets": np.int64,
        "fallback_codes": np.uint64,
        "line_of": np.int32,
    }


def test_lines_stay_with_their_locations_as_locations_go_and_come():
    columns = compiled(
        a_location("a", lines=("+14155550199", "desk")),
        a_location("b"),
        a_location("c", lines=("2204",)),
    )
    assert [columns.lines_of(i) for i in range(3)] == [("+14155550199", "desk"), (), ("2204",)]
    fewer = columns.without(frozenset({0}))
    assert [fewer.lines_of(i) for i in range(2)] == [(), ("2204",)]
    more = fewer.joined(compiled(a_location("d"), a_location("e", lines=("e1", "e2"))))
    assert [more.lines_of(i) for i in range(4)] == [(), ("2204",), (), ("e1", "e2")]
    assert [item.lines for item in more] == [(), ("2204",), (), ("e1", "e2")]
    more.check()


@pytest.mark.parametrize("line_of", [[0, 3], [1, 0], [0], [-1, 0]])
def test_lines_that_do_not_fit_are_refused(line_of):
    columns = compiled(a_location("a", lines=("one", "two")), a_location("b"), a_location("c"))
    with pytest.raises(InvalidValueError, match="line_of"):
        replace(columns, line_of=np.array(line_of, np.int32)).check()
