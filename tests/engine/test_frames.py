"""The engine where its data are pandas frames."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from routing_engine import (
    Case,
    DialPolicy,
    HashingEncoder,
    InvalidValueError,
    Outcome,
    Reason,
    RoutingEngine,
    SheetError,
    UnknownLocationError,
    frames,
)
from tests.support.strategies import a_location, a_rule

BILLING = a_rule("Billing", "+14155550111", examples=("I was charged twice",))
LEAK = a_rule("Urgent leak", "+14155550112;ext=5", when="water is coming through the ceiling")
SHEET = Path(__file__).resolve().parents[2] / "data" / "franchise.csv"
COLUMNS = ["outcome", "reason", "rule", "destination", "confidence", "catalog_version"]


def engine_of(*locations, **options):
    return RoutingEngine(locations, encoder=HashingEncoder(64), **options)


@pytest.fixture
def engine():
    return engine_of(a_location("store-1", BILLING, LEAK), a_location("42"))


def calls():
    return pd.DataFrame(
        {
            "store": ["store-1", 42, "store-1", "store-1"],
            "said": ["I was charged twice", "anything", np.nan, "water through the ceiling"],
        },
        index=pd.Index(["a", "b", "c", "c"], name="call"),
    )


class TestRouteFrame:
    def test_a_row_is_decided_as_route_decides_it(self, engine, monkeypatch):
        monkeypatch.setattr(frames, "ROWS_PER_CHUNK", 3)
        answers = engine.route_frame(calls(), location="store", utterance="said")
        expected = [
            engine.route("store-1", "I was charged twice"),
            engine.route("42", "anything"),
            engine.route("store-1", ""),
            engine.route("store-1", "water through the ceiling"),
        ]
        assert answers.columns.tolist() == COLUMNS
        assert answers["outcome"].tolist() == [one.outcome for one in expected]
        assert answers["reason"].tolist() == [one.reason for one in expected]
        assert answers["reason"].iloc[2] == Reason.EMPTY_UTTERANCE
        assert answers["destination"].tolist() == [str(one.destination) for one in expected]
        assert answers["confidence"].tolist() == pytest.approx([one.confidence for one in expected])
        assert answers["rule"].iloc[0] == "Billing"
        assert answers["rule"].isna().tolist() == [one.rule is None for one in expected]

    def test_the_index_is_kept_and_the_columns_are_typed_also_where_there_is_no_row(self, engine):
        full = engine.route_frame(calls(), location="store", utterance="said")
        empty = engine.route_frame(calls().iloc[:0], location="store", utterance="said")
        assert full.index.equals(calls().index)
        assert full.index.name == "call"
        assert len(empty) == 0
        assert empty.dtypes.equals(full.dtypes)
        assert full["outcome"].cat.categories.tolist() == list(Outcome)
        assert full["reason"].cat.categories.tolist() == list(Reason)
        assert [str(dtype) for dtype in full.dtypes[2:]] == ["string", "string", "float64", "int64"]

    def test_the_usual_columns_need_not_be_named(self, engine):
        frame = pd.DataFrame({"location_id": ["42"], "utterance": ["hello"]})
        assert engine.route_frame(frame)["reason"].tolist() == ["no_rules"]

    def test_a_column_that_is_not_there_is_named_with_those_that_are(self, engine):
        with pytest.raises(InvalidValueError, match=r"no column 'utterance'.*utterance=.*'said'"):
            engine.route_frame(calls(), location="store")
        twice = pd.concat([calls(), calls()], axis=1)
        with pytest.raises(InvalidValueError, match="2 columns 'store'"):
            engine.route_frame(twice, location="store", utterance="said")

    def test_an_unknown_location_is_an_error_unless_there_is_a_default(self, engine):
        frame = pd.DataFrame({"location_id": ["42", "nowhere", None], "utterance": "hello"})
        with pytest.raises(UnknownLocationError, match="'nowhere'"):
            engine.route_frame(frame)
        helped = engine_of(a_location("42"), default_destination="+14155550177")
        answers = helped.route_frame(frame)
        assert answers["reason"].tolist() == ["no_rules", "unknown_location", "unknown_location"]
        assert answers["destination"].tolist()[1:] == ["+14155550177"] * 2

    def test_what_is_no_frame_and_a_moment_without_a_zone_are_refused(self, engine):
        with pytest.raises(InvalidValueError, match="DataFrame, not a list"):
            engine.route_frame([("42", "hello")])
        with pytest.raises(InvalidValueError, match="aware datetime"):
            engine.route_frame(calls(), now=datetime(2026, 1, 1))  # noqa: DTZ001

    def test_a_distinct_utterance_is_embedded_once(self):
        class Counting(HashingEncoder):
            n_texts = 0

            def encode(self, texts):
                self.n_texts += len(texts)
                return super().encode(texts)

        encoder = Counting(64)
        engine = RoutingEngine([a_location("s", BILLING)], encoder=encoder)
        before = encoder.n_texts
        frame = pd.DataFrame({"location_id": "s", "utterance": ["one thing", "another"] * 50})
        engine.route_frame(frame, progress=True)
        assert encoder.n_texts - before == 2


class TestFramesOfLocations:
    def test_an_engine_of_its_own_frame_has_the_same_locations(self, engine):
        again = RoutingEngine.from_frame(engine.to_frame(), encoder=HashingEncoder(64))
        assert [again.location(one) for one in again.location_ids()] == [
            engine.location(one) for one in engine.location_ids()
        ]
        assert again.import_report.n_locations == 2

    def test_options_of_the_import_count(self, engine):
        frame = engine.to_frame()
        frame.loc[0, "destination"] = "nobody"
        with pytest.raises(SheetError, match="DataFrame:2 destination"):
            RoutingEngine.from_frame(frame, encoder=HashingEncoder(64))
        skipping = RoutingEngine.from_frame(
            frame, encoder=HashingEncoder(64), on_error="skip", default_destination="+14155550177",
            dial_policy=DialPolicy(),
        )  # fmt: skip
        assert [rule.label for rule in skipping.location("store-1").rules] == ["Urgent leak"]
        assert str(skipping.default_destination) == "+14155550177"

    def test_what_is_no_frame_is_refused(self):
        with pytest.raises(InvalidValueError, match="DataFrame, not a str"):
            RoutingEngine.from_frame("franchise.csv")


class TestFramesOfReports:
    def test_the_tables_of_an_evaluation_are_frames(self, engine):
        found = engine.evaluate(
            [
                Case("store-1", "I was charged twice", "Billing"),
                Case("store-1", "I was charged twice", "Urgent leak"),
                Case("store-1", "what a nice day"),
            ]
        )
        rules = found.to_frame()
        assert rules["label"].tolist() == ["Billing", "Urgent leak"]
        assert rules["n"].tolist() == [1, 1]
        assert rules["recall"].tolist() == [rule.recall for rule in found.rules]
        (metrics,) = found.to_frame("metrics").to_dict("records")
        assert (metrics["n"], metrics["n_in_scope"], metrics["top1"]) == (3, 2, found.top1)
        confused = found.to_frame("confused")
        assert len(confused) == sum(len(pair.cases) for pair in found.confused)
        assert ("Urgent leak", "Billing") in set(
            zip(confused["label"], confused["picked"], strict=True)
        )
        sweep = found.to_frame("sweep")
        assert sweep["threshold"].tolist() == [point.threshold for point in found.sweep]
        assert sweep.columns.tolist() == ["threshold", "right", "held", "balanced"]
        bins = found.to_frame("calibration")
        assert bins["n"].sum() == 3
        with pytest.raises(InvalidValueError, match="not 'nothing'"):
            found.to_frame("nothing")

    def test_the_findings_about_wording_are_a_frame(self, engine):
        twins = engine_of(
            a_location(
                "s", BILLING, a_rule("Twin", "+14155550199", when="caller asks about the billing")
            )
        )
        frame, clean = twins.lint().to_frame(), engine_of(a_location("s")).lint().to_frame()
        assert frame["rule"].tolist() == [found.rule for found in twins.lint().findings]
        assert len(frame) > 0
        assert len(clean) == 0
        assert clean.columns.equals(frame.columns)


@pytest.mark.process
def test_pandas_is_imported_only_where_a_frame_is_asked_for():
    code = (
        "import sys; from routing_engine import HashingEncoder, RoutingEngine as E;"
        "e = E.from_csv(sys.argv[1], encoder=HashingEncoder(16));"
        "e.route(e.location_ids()[0], 'hello');"
        "assert 'pandas' not in sys.modules; e.to_frame(); assert 'pandas' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(SHEET)], check=True, timeout=60)
