"""Locations are read from what is stored as they would be one by one, however much they share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import Destination, InvalidValueError, Location
from routing_engine.model.destinations import as_kept
from routing_engine.store.reading import read_locations
from tests.support.strategies import a_location, a_rule, location_lists, number, with_lines


def alone(location_id, text):
    """The naive oracle: one location, read whole; None where it is none."""
    try:
        with as_kept():
            location = Location.model_validate_json(text)
    except InvalidValueError:
        return None
    return location.model_copy(update={"location_id": location_id})


def renumbered(location, n):
    """The same location, where each plain number is another for each n."""

    def other(destination, k):
        if destination is None or destination.number is None or destination.extension:
            return destination
        return Destination(number=number(1000 * n + k))

    rules = tuple(
        rule.model_copy(update={"destination": other(rule.destination, k)})
        for k, rule in enumerate(location.rules, 1)
    )
    default = other(location.default_destination, 0)
    return location.model_copy(update={"rules": rules, "default_destination": default})


def agree(texts):
    """What was read together is what is read alone."""
    columns, unreadable = read_locations(texts)
    expected = {location_id: alone(location_id, text) for location_id, text in texts.items()}
    assert list(columns) == [item for item in expected.values() if item is not None]
    assert list(unreadable) == [name for name, item in expected.items() if item is None]


@st.composite
def stored(draw):
    """Locations that share rules, as JSON by id."""
    made = [
        renumbered(location, n) for location in draw(with_lines(location_lists)) for n in range(4)
    ]
    return {
        f"agt_{i}": item.model_dump_json() for i, item in enumerate(draw(st.permutations(made)))
    }


class TestReading:
    @given(stored())
    def test_together_as_alone(self, texts):
        agree(texts)

    @given(stored(), st.data())
    def test_what_is_damaged_takes_no_other_with_it(self, texts, data):
        if not texts:
            return
        names = data.draw(st.lists(st.sampled_from(list(texts)), min_size=1, max_size=2))
        for name in names:
            text = texts[name]
            at = data.draw(st.integers(0, len(text) - 1))
            put = data.draw(
                st.sampled_from(("", "0", "9", '"', "}", "],", "\\", "\n", "é", "null"))
            )
            texts[name] = text[:at] + put + text[at + data.draw(st.integers(0, 2)) :]
        agree(texts)

    def test_rules_are_kept_once_for_all_that_share_them(self):
        made = [a_location(f"s{n}", a_rule(destination=number(n))) for n in range(9)]
        columns, _ = read_locations({item.location_id: item.model_dump_json() for item in made})
        assert len(columns.tables) == 1
        assert list(columns) == made

    def test_a_text_that_quotes_a_number_is_left_as_it_is(self):
        quoted = '"destination":"+14155550111" "rules":[],"name":'
        made = [
            a_location(f"s{n}", a_rule(when=quoted, destination=number(n)), name=quoted)
            for n in range(4)
        ]
        columns, _ = read_locations({item.location_id: item.model_dump_json() for item in made})
        assert list(columns) == made

    def test_the_same_callers_cannot_be_sent_to_two_numbers(self):
        # These rules agree as long as their numbers do.
        def text(first, second):
            made = a_location(
                "s", a_rule("A", number(1), when="w"), a_rule("B", number(1), when="w")
            )
            parts = made.model_dump_json().split(f'"destination":"{number(1)}"')
            return f'{parts[0]}"destination":"{first}"{parts[1]}"destination":"{second}"{parts[2]}'

        texts = {f"s{n}": text(number(n), number(n)) for n in range(4)}
        texts["torn"] = text(number(5), number(6))
        columns, unreadable = read_locations(texts)
        assert list(columns.ids) == ["s0", "s1", "s2", "s3"]
        assert list(unreadable) == ["torn"]

    @pytest.mark.parametrize(
        ("put", "instead"),
        [
            ('"timezone":null', '"timezone":"Mars/Olympus"'),
            ('"location_id":"s9"', '"location_id":""'),
            ('"name":null', '"name":null,"rules":[{}]'),
            ('"rules":[', '"regulations":['),
            ('"destination":"+1', '"destination":"+0'),
            ('"default_destination":"+1', '"default_destination":"1'),
        ],
    )
    def test_what_is_wrong_beside_known_rules_is_seen(self, put, instead):
        made = [a_location(f"s{n}", a_rule(destination=number(n))) for n in range(10)]
        texts = {item.location_id: item.model_dump_json() for item in made}
        assert put in texts["s9"]
        texts["s9"] = texts["s9"].replace(put, instead)
        agree(texts)
        assert list(read_locations(texts)[1]) == ["s9"]

    def test_of_nothing_is_nothing(self):
        columns, unreadable = read_locations({})
        assert (len(columns), unreadable) == (0, {})
