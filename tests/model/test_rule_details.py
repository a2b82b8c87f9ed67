"""What a rule says of details, verifications and ring times is for afterwards: it decides nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from routing_engine import HashingEncoder, RoutingEngine
from routing_engine.sheets import read_sheet, write_sheet
from tests.support.decisions import without_id
from tests.support.examples import examples
from tests.support.strategies import a_location, a_rule, location_lists, sentences, texts

BARE = {"required_details": (), "verification_methods": (), "ring_timeouts_s": ()}
FULL = {
    "required_details": ("name", "account number"),
    "verification_methods": ("PIN",),
    "ring_timeouts_s": (20, 45),
}


def with_all(location, fields):
    rules = tuple(rule.model_copy(update=fields) for rule in location.rules)
    return location.model_copy(update={"rules": rules})


def decided(decision):
    found = without_id(decision)
    for name in ("missing", "verification_methods", "ring_timeout_s"):
        del found[name]
    found["destinations"] = [item["destination"] for item in found["destinations"]]
    return found


@examples(50)
@given(location_lists, st.lists(sentences | texts, max_size=3), st.booleans(), st.booleans())
def test_decisions_are_the_same_without_them(locations, said, verified, confirmed):
    encoders = [HashingEncoder(16) for _ in range(3)]
    variants = (locations, *([with_all(item, fields) for item in locations]
                             for fields in (BARE, FULL)))  # fmt: skip
    engines = [
        RoutingEngine(variant, encoder=encoder)
        for variant, encoder in zip(variants, encoders, strict=True)
    ]
    assert len({encoder.n_encoded for encoder in encoders}) == 1
    for location in locations:
        for words in (*said, *(rule.when for rule in location.rules)):
            one, *others = (
                decided(engine.route(
                    location.location_id, words, verified=verified, confirmed=confirmed
                ))
                for engine in engines
            )  # fmt: skip
            assert others == [one, one]


def test_locations_that_differ_only_in_them_share_a_profile():
    encoder = HashingEncoder(16)
    alone = RoutingEngine([a_location("a", a_rule())], encoder=encoder)
    n_encoded = encoder.n_encoded
    engine = RoutingEngine(
        [a_location("a", a_rule()), a_location("b", a_rule(**FULL))], encoder=encoder
    )
    assert encoder.n_encoded == 2 * n_encoded, "as many as for one of them"
    assert len(engine.columns.tables) == 2
    assert len(engine._state.base.catalog.profiles) == len(alone._state.base.catalog.profiles) == 1
    decision = engine.route("b", "caller asks about billing")
    assert (decision.missing, decision.ring_timeout_s) == (("name", "account number"), 20)
    decision = engine.route("a", "caller asks about billing")
    assert (decision.missing, decision.ring_timeout_s) == ((), None)


def test_a_changed_detail_embeds_nothing():
    encoder = HashingEncoder(16)
    engine = RoutingEngine([a_location("a", a_rule())], encoder=encoder)
    before = encoder.n_encoded
    engine.apply([a_location("a", a_rule(**FULL))])
    assert engine.location("a").rules == (a_rule(**FULL),)
    engine.replace([a_location("a", a_rule(**FULL, requires_verification=True))])
    assert encoder.n_encoded == before
    decision = engine.route("a", "caller asks about billing")
    assert decision.verification_methods == ("PIN",)


def test_a_snapshot_without_them_does_not_speak_of_them(tmp_path):
    for name, fields in (("bare", {}), ("full", FULL)):
        engine = RoutingEngine([a_location("a", a_rule(**fields))], encoder=HashingEncoder(16))
        engine.save(tmp_path / name)
        (tables,) = (tmp_path / name).glob("tables-*.json")
        for field in FULL:
            assert (field in tables.read_text(encoding="utf-8")) is (field in fields)
        loaded = RoutingEngine.load(tmp_path / name, encoder=HashingEncoder(16))
        assert loaded.location("a") == engine.location("a")
        said = "caller asks about billing"
        assert loaded.route("a", said) == engine.route("a", said)


@examples(25)
@given(location_lists.filter(bool))
def test_a_sheet_of_what_a_snapshot_holds_reads_back_the_same(locations):
    engine = RoutingEngine(locations, encoder=HashingEncoder(16))
    with tempfile.TemporaryDirectory() as name:
        snapshot, sheet, second = (Path(name) / part for part in ("s", "one.csv", "two.csv"))
        engine.save(snapshot)
        write_sheet(RoutingEngine.load(snapshot, encoder=HashingEncoder(16)).columns, sheet)
        read = read_sheet(sheet).columns
        write_sheet(read, second)
        assert list(read.locations()) == locations
        assert second.read_bytes() == sheet.read_bytes()
