"""Rules with more examples than an utterance is compared with one by one."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import HashingEncoder, InvalidValueError, RoutingEngine, SnapshotError
from routing_engine.catalog.columns import LocationColumns
from routing_engine.encoders.background import neutral_background
from routing_engine.matching import scoring
from routing_engine.matching.profiles import background_for
from routing_engine.matching.scoring import KINDS, representatives, score_rule
from routing_engine.model.rules import MAX_COMPARED
from routing_engine.sheets import read_sheet, write_sheet
from tests.support.examples import examples
from tests.support.strategies import FakeEncoder, a_location, a_rule, number

DIMENSION = 32
THINGS = (
    "invoice", "refund", "charge", "receipt", "statement", "fee", "deposit", "balance", "payment",
    "discount", "coupon", "tax", "bill", "credit", "debit", "transfer",
)  # fmt: skip
MANY = tuple(
    f"{start} the {thing} {end}"
    for start in ("where is", "i have a question about", "what happened to", "please explain")
    for thing in THINGS
    for end in ("of march", "on my account", "from last week", "again")
)
FEW = ("water comes through the ceiling", "the basement is flooded")
ENCODER = HashingEncoder(64)


def unit_rows(n, seed, dimension=DIMENSION):
    rows = np.random.default_rng(seed).standard_normal((n, dimension))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def a_table(n=256):
    return a_location(
        "store-1",
        a_rule("Billing", number(1), when="asks about money", examples=MANY[:n]),
        a_rule("Emergency", number(2), when="has a flood", examples=FEW),
        a_rule("Other", number(3), when="wants something else"),
    )


@pytest.fixture(scope="module")
def engine():
    return RoutingEngine([a_table()], encoder=ENCODER)


def layout_of(engine):
    return engine._state.base.profiles.layouts[0]


class TestRepresentatives:
    @given(st.integers(MAX_COMPARED + 1, 300), st.integers(0, 99))
    @examples(30)
    def test_none_is_far_from_one_that_stands_for_it(self, n, seed):
        examples = unit_rows(n, seed)
        chosen = representatives(examples)
        assert chosen.tolist() == sorted(set(chosen.tolist()))
        assert len(chosen) == MAX_COMPARED
        distances = np.sqrt(np.maximum(2 - 2 * examples @ examples[chosen].T, 0))
        radius = distances.min(axis=1).max()
        # Whoever is chosen is farther from the others than what is left is from them (Gonzalez).
        between = distances[chosen]
        between[np.arange(MAX_COMPARED), np.arange(MAX_COMPARED)] = np.inf
        assert between.min() >= radius - 1e-9

    def test_the_order_of_examples_does_not_matter(self):
        examples = unit_rows(200, 5)
        order = np.random.default_rng(7).permutation(200)
        assert set(order[representatives(examples[order])]) == set(representatives(examples))

    def test_every_kind_has_one(self):
        kinds = unit_rows(MAX_COMPARED, 3)
        noise = np.repeat(kinds, 20, axis=0) + 0.01 * unit_rows(20 * MAX_COMPARED, 4)
        examples = noise / np.linalg.norm(noise, axis=1, keepdims=True)
        assert set(representatives(examples) // 20) == set(range(MAX_COMPARED))


class TestScoring:
    @pytest.mark.parametrize("n", [1, MAX_COMPARED, MAX_COMPARED + 1, 95, 1000])
    def test_rows_are_bounded_and_all_examples_count(self, n):
        background = neutral_background(DIMENSION, len(KINDS))
        vectors = unit_rows(len(KINDS) + n, n).astype(np.float32)
        scored = score_rule(vectors, background)
        kept = np.arange(n) if scored.examples is None else scored.examples
        assert len(kept) == min(n, MAX_COMPARED)
        assert (scored.examples is None) is (n <= MAX_COMPARED)
        examples = scoring.unit(vectors[len(KINDS) :].astype(np.float64))
        np.testing.assert_allclose(scored.rows[2:], examples[kept], atol=1e-6)
        described = scoring.unit(vectors[: len(KINDS)].astype(np.float64)).mean(axis=0)
        prototype = scoring.unit(described + examples.sum(axis=0))
        np.testing.assert_allclose(scored.rows[1], prototype, atol=1e-6)

    def test_the_index_holds_no_more_rows(self, engine):
        assert len(engine.location("store-1").rules[0].examples) == len(MANY) == 256
        assert layout_of(engine).n_rows == 2 * 3 + MAX_COMPARED + len(FEW) + 1

    def test_a_small_rule_is_laid_out_as_ever(self):
        small = RoutingEngine([a_table(MAX_COMPARED)], encoder=ENCODER)
        assert layout_of(small).examples is None


class TestDecisions:
    def test_callers_find_the_rule_whichever_example_they_repeat(self, engine):
        for said in MANY[::5]:
            assert engine.route("store-1", said).rule.label == "Billing"
        assert engine.route("store-1", FEW[0]).rule.label == "Emergency"

    def test_the_nearest_example_is_named_and_how_many_are_folded(self, engine):
        kept = set(layout_of(engine).examples[:MAX_COMPARED].tolist())
        assert len(kept) == MAX_COMPARED
        for i in sorted(kept)[::7]:
            text = engine.route("store-1", MANY[i]).explain()
            assert f'nearest is its example "{MANY[i]}" (similarity 1.00; 192 more examples' in text
        flood = engine.route("store-1", FEW[1]).explain()
        assert f'nearest is its example "{FEW[1]}" (similarity 1.00).' in flood

    def test_what_is_embedded_once_is_not_embedded_again(self):
        encoder = FakeEncoder(ENCODER.encode, dimension=ENCODER.dimension)
        encoder.background = background_for(ENCODER)
        engine = RoutingEngine([a_table()], encoder=encoder)
        before = engine.route("store-1", MANY[3]).explain()
        encoder.calls.clear()
        moved = a_table().rules[0].model_copy(update={"destination": a_rule().destination})
        engine.replace([a_location("store-1", moved, *a_table().rules[1:])])
        engine.apply([a_location("store-2", *a_table().rules)])
        assert encoder.calls == []
        for location in ("store-1", "store-2"):
            said = engine.route(location, MANY[3]).explain()
            assert said.partition("Sent to")[0] == before.partition("Sent to")[0]


class TestKept:
    def test_a_snapshot_is_the_same_engine(self, engine, tmp_path):
        engine.save(tmp_path / "s")
        loaded = RoutingEngine.load(tmp_path / "s", encoder=ENCODER)
        assert loaded.location("store-1") == engine.location("store-1")
        for said in (*MANY[::9], *FEW, "something else"):
            one, other = engine.route("store-1", said), loaded.route("store-1", said)
            assert (one, one.explain()) == (other, other.explain())
        loaded.save(tmp_path / "t")
        names = [sorted(path.name for path in (tmp_path / one).glob("*-*")) for one in "st"]
        assert names[0] == names[1]
        assert any(name.startswith("examples-") for name in names[0])

    def test_without_folded_rules_a_snapshot_has_no_more_files(self, tmp_path):
        RoutingEngine([a_table(3)], encoder=ENCODER).save(tmp_path / "s")
        assert not list((tmp_path / "s").glob("examples-*"))

    def test_the_size_of_vectors_does_not_grow_with_examples(self, tmp_path):
        sizes = []
        for n in (MAX_COMPARED + 1, len(MANY)):
            RoutingEngine([a_table(n)], encoder=ENCODER).save(tmp_path / str(n))
            (vectors,) = (tmp_path / str(n)).glob("vectors-*.faiss")
            sizes.append(vectors.stat().st_size)
        assert sizes[0] == sizes[1]

    def test_numbers_of_examples_that_do_not_fit_are_refused(self, tmp_path):
        RoutingEngine([a_table()], encoder=ENCODER).save(tmp_path / "large")
        RoutingEngine([a_table(MAX_COMPARED + 1)], encoder=ENCODER).save(tmp_path / "small")
        manifest = json.loads((tmp_path / "small" / "manifest.json").read_text())
        body = manifest["manifest"]
        entry = json.loads((tmp_path / "large" / "manifest.json").read_text())["manifest"]["files"][
            "examples"
        ]
        shutil.copy(tmp_path / "large" / entry["name"], tmp_path / "small")
        body["files"]["examples"] = entry
        from routing_engine.catalog.snapshot import _digest

        text = json.dumps({"manifest": body, "sha256": _digest(body)})
        (tmp_path / "small" / "manifest.json").write_text(text)
        with pytest.raises(SnapshotError, match="do not fit its rules"):
            RoutingEngine.load(tmp_path / "small", encoder=ENCODER)

    @pytest.mark.parametrize("name", ["sheet.csv", "sheet.xlsx"])
    def test_a_sheet_keeps_every_text(self, tmp_path, name):
        made = [a_table()]
        write_sheet(LocationColumns.from_locations(made), tmp_path / name)
        sheet = read_sheet(tmp_path / name)
        assert list(sheet.columns.locations()) == made
        assert sheet.report.n_folded == 192
        assert "192 examples folded into others" in str(sheet.report)


def test_lint_asks_those_that_stand_for_all(engine):
    report = engine.lint()
    assert report.n_folded == 192
    assert report.n_sentences == MAX_COMPARED + len(FEW) + 3
    assert "192 examples folded into others, and not asked" in report.summary()


def test_a_sheet_that_could_not_be_read_back_is_not_written(tmp_path):
    long = tuple(f"{i:05d} " + "x" * 1990 for i in range(600))
    made = a_location("s", a_rule(examples=long))
    with pytest.raises(InvalidValueError, match="could not be read back"):
        write_sheet(LocationColumns.from_locations([made]), tmp_path / "s.csv")
