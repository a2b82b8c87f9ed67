"""Which location was called: by its lines, one location a line, through every kind of change."""

from __future__ import annotations

import time

import pytest
from hypothesis import given

from routing_engine import HashingEncoder, InvalidValueError, RoutingEngine
from routing_engine.catalog.columns import LocationColumns
from routing_engine.deciding import building
from tests.support.examples import examples
from tests.support.strategies import a_location, location_lists, number, with_lines

LINE, OTHER = "+14155550199", "+14155550198"


def engine_of(*locations):
    return RoutingEngine(locations, encoder=HashingEncoder(8))


def found(engine, called, **options):
    location = engine.location_for(called, **options)
    return None if location is None else location.location_id


def test_the_location_of_a_line_is_found_by_whatever_the_call_server_calls_it():
    engine = engine_of(
        a_location("a", lines=(LINE,)), a_location("b", lines=("2204", "desk")), a_location("c")
    )
    for called in (LINE, "14155550199", f"sip:{LINE}@pbx.example", "tel:+1-415-555-0199"):
        assert found(engine, called) == "a"
        assert found(engine, called, region=None) == "a"
    assert found(engine, "(415) 555-0199") == "a"
    assert found(engine, "(415) 555-0199", region=None) is None
    assert [found(engine, name) for name in ("2204", "sip:desk@pbx.example")] == ["b", "b"]
    assert [found(engine, name) for name in ("Desk", "c", OTHER, "", "anonymous")] == [None] * 5
    assert engine.location_for(LINE) == engine.location("a")
    with pytest.raises(InvalidValueError, match="what was called is a str, not int"):
        engine.location_for(14155550199)


@examples(50)
@given(with_lines(location_lists))
def test_every_line_finds_its_location_and_no_other(made):
    engine = engine_of(*made)
    for location in made:
        for line in location.lines:
            assert found(engine, line, region=None) == location.location_id


class TestOneLocationALine:
    SHARED = r"line '\+\*+99' belongs to both 'a' and 'b'"

    def test_two_locations_of_a_catalog_cannot_share_one(self):
        one, other = a_location("a", lines=(LINE,)), a_location("b", lines=("2204", LINE))
        with pytest.raises(InvalidValueError, match=self.SHARED):
            engine_of(one, other)
        engine = engine_of(one)
        with pytest.raises(InvalidValueError, match=self.SHARED):
            engine.replace([one, other])
        assert (found(engine, LINE), engine.catalog_version) == ("a", 1)

    def test_a_changed_location_cannot_take_one_from_another(self):
        engine = engine_of(a_location("a", lines=(LINE,)), a_location("c"))
        with pytest.raises(InvalidValueError, match=self.SHARED):
            engine.apply([a_location("b", lines=(LINE,))])
        engine.apply([a_location("c", lines=(OTHER,))])
        with pytest.raises(InvalidValueError, match=r"belongs to both 'c' and 'b'"):
            engine.apply([a_location("b", lines=(OTHER,))])
        assert (found(engine, LINE), found(engine, OTHER)) == ("a", "c")

    def test_a_line_moves_where_both_locations_change_at_once(self):
        engine = engine_of(a_location("a", lines=(LINE,)), a_location("b", lines=(OTHER,)))
        engine.apply([a_location("a", lines=(OTHER,)), a_location("b", lines=(LINE,))])
        assert (found(engine, LINE), found(engine, OTHER)) == ("b", "a")

    def test_a_line_is_free_once_its_location_is_gone_or_gave_it_up(self):
        engine = engine_of(a_location("a", lines=(LINE,)), a_location("b", lines=(OTHER,)))
        engine.apply([a_location("b")], remove=["a"])
        assert (found(engine, LINE), found(engine, OTHER)) == (None, None)
        engine.apply([a_location("c", lines=(LINE, OTHER))])
        assert (found(engine, LINE), found(engine, OTHER)) == ("c", "c")


def test_lines_are_found_after_changes_are_merged_saved_and_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "MAX_CHANGED", 2)
    engine = engine_of(*(a_location(f"s{i}", lines=(number(i),)) for i in range(5)))
    engine.apply([a_location("s0", lines=(number(9),))], remove=["s1"])
    engine.apply([a_location(f"t{i}", lines=(f"user-{i}",)) for i in range(3)])
    engine.save(tmp_path / "saved")
    loaded = RoutingEngine.load(tmp_path / "saved", encoder=HashingEncoder(8))
    for one in (engine, loaded):
        assert [found(one, number(i)) for i in range(5)] == [None, None, "s2", "s3", "s4"]
        assert [found(one, name) for name in (number(9), "user-2")] == ["s0", "t2"]
    assert list(loaded.columns) == list(engine.columns)


@pytest.mark.slow
@pytest.mark.no_cover
def test_a_line_is_found_in_microseconds_among_many():
    n = 20_000
    columns = LocationColumns.from_locations(
        a_location(f"s{i}", lines=(number(i),)) for i in range(n)
    )
    engine = RoutingEngine(columns, encoder=HashingEncoder(8))
    times_s = []
    for i in range(0, n, 10):
        before = time.process_time()
        location = engine.location_for(number(i))
        times_s.append(time.process_time() - before)
        assert location.location_id == f"s{i}"
    assert sorted(times_s)[len(times_s) // 2] < 100e-6
