"""Location ids to locations, and rules to profiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine.catalog.lookup import Catalog, HashIndex
from routing_engine.matching.scoring import rule_texts
from tests.support.examples import examples
from tests.support.strategies import a_location, a_rule, compiled, location_lists

_ids = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)


@given(st.lists(_ids, unique=True, max_size=30), st.lists(st.text(max_size=12), max_size=30))
def test_every_id_is_found_and_no_other(ids, others):
    catalog = Catalog(compiled(*map(a_location, ids)), 1)
    assert [catalog.find(name) for name in ids] == list(range(len(ids)))
    for other in others:
        assert catalog.find(other) == (ids.index(other) if other in ids else -1)
    assert len(catalog) == len(ids)


@pytest.mark.parametrize("other", ["", "store-1 ", "STORE-1", "store-1\0", "store", "\ud800"])
def test_ids_are_compared_exactly(other):
    assert Catalog(compiled(a_location("store-1")), 1).find(other) == -1


@given(
    st.lists(_ids, unique=True, min_size=1, max_size=10).flatmap(
        lambda ids: st.tuples(st.just(ids), st.permutations(range(len(ids))))
    )
)
def test_ids_whose_hashes_collide_are_told_apart(ids_and_order):
    ids, order = ids_and_order
    columns = compiled(*map(a_location, ids))
    # All hashes are those of one id, which is then looked for among all of them.
    for i, name in enumerate(ids):
        same = HashIndex(compiled(a_location(name)).ids).hashes
        index = HashIndex(columns.ids, np.repeat(same, len(ids)), np.array(order, np.int64))
        catalog = Catalog(columns, 1, ids=index)
        assert catalog.find(name) == i


def test_an_unknown_id_whose_hash_collides_is_not_found():
    unknown = HashIndex(compiled(a_location("unknown")).ids).hashes
    columns = compiled(a_location("a"), a_location("b"))
    index = HashIndex(columns.ids, np.repeat(unknown, 2), np.array([0, 1]))
    catalog = Catalog(columns, 1, ids=index)
    assert catalog.find("unknown") == -1


def test_stored_hashes_are_used_as_they_are():
    columns = compiled(*(a_location(f"store-{i}") for i in range(50)))
    index = HashIndex(columns.ids)
    hashes, order = index.hashes, index.order
    assert hashes.dtype == np.uint64
    assert order.dtype == np.int64
    assert (np.diff(hashes.astype(object)) >= 0).all()
    stored = Catalog(columns, 7, ids=HashIndex(columns.ids, hashes, order))
    assert stored.ids.hashes is hashes
    assert stored.ids.order is order
    assert stored.version == 7
    assert [stored.find(name) for name in columns.ids] == list(range(50))
    fresh = Catalog(columns, 7)
    assert np.array_equal(fresh.ids.hashes, hashes)
    assert np.array_equal(fresh.ids.order, order)


def test_rule_tables_with_the_same_texts_share_a_profile():
    catalog = Catalog(
        compiled(
            a_location("a", a_rule("A"), a_rule("B")),
            a_location("b", a_rule("A", threshold=0.0), a_rule("B", requires_confirmation=True)),
            a_location("c", a_rule("B"), a_rule("A")),
            a_location("d"),
            a_location("e", a_rule("A", destination="+14155550155"), a_rule("B")),
        ),
        1,
    )
    assert [table.profile for table in catalog.tables] == [0, 0, 1, -1]
    assert catalog.columns.table.tolist() == [0, 1, 2, 3, 0]
    assert len(catalog.profiles) == 2
    assert catalog.tables[1].rules == (
        a_rule("A", threshold=0.0).text,
        a_rule("B", requires_confirmation=True).text,
    )


@examples(40)
@given(location_lists)
def test_texts_are_the_distinct_texts_of_all_rules(made):
    catalog = Catalog(compiled(*made), 1)
    expected = dict.fromkeys(
        text for location in made for rule in location.rules for text in rule_texts(rule)
    )
    assert catalog.texts() == tuple(expected)


@examples(40)
@given(location_lists)
def test_each_table_knows_its_own_rules_and_profile(made):
    catalog = Catalog(compiled(*made), 1)
    for i, location in enumerate(made):
        table = catalog.tables[catalog.columns.table[i]]
        assert table.rules == tuple(rule.text for rule in location.rules)
        if location.rules:
            assert catalog.profiles[table.profile] == tuple(map(rule_texts, location.rules))
        else:
            assert table.profile == -1
