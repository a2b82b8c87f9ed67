"""Benchmarks that need something which is not always there, and what they are made of."""

from __future__ import annotations

import math
from argparse import Namespace
from dataclasses import replace
from importlib import metadata, util

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import candidates, peer, registry
from benchmarks.__main__ import main
from benchmarks.accuracy import Answers
from benchmarks.generate import franchise_columns, utterances
from benchmarks.peer_child import _best_threshold
from benchmarks.processes import BenchmarkProcessError, rss_mb, run_fresh
from benchmarks.report import Document, machine
from benchmarks.scale import n_profiles_of
from benchmarks.stress import soak
from benchmarks.stress.soak_child import Judge
from benchmarks.workers import Worker
from routing_engine import CompiledEncoder, HashingEncoder, RoutingEngine
from routing_engine.encoders.source import find_model


class TestWorkers:
    def test_a_worker_answers_in_turns(self):
        with Worker("benchmarks.peer_child") as worker:
            started = worker.ask("start", contender="engine", encoder="hashing")
            assert started["fingerprint"] == HashingEncoder().fingerprint
            franchise = {"n_locations": 6, "n_rules": 4, "n_profiles": 2, "examples": 0, "seed": 0}
            assert (
                worker.ask("build", franchise=franchise, said=["hello", "my bill"])["build_s"] > 0
            )
            for n in (3, 5):
                taken = worker.ask("turn", first=n, n=n)["ns"]
                assert len(taken) == n
                assert min(taken) > 0
            assert worker.ask("together", n_callers=2, n=6)["spent_s"] > 0

    def test_a_worker_that_dies_says_why(self):
        with (
            Worker("benchmarks.peer_child") as worker,
            pytest.raises(BenchmarkProcessError, match=r"exited with 1[\s\S]*KeyError: 'nope'"),
        ):
            worker.ask("nope")

    def test_a_process_that_is_not_watched_has_no_peak(self, tmp_path):
        request = {"step": "load", "snapshot": str(tmp_path), "encoder": "hashing"}
        with pytest.raises(BenchmarkProcessError, match="holds no snapshot"):
            run_fresh("benchmarks.import_child", request, watch_memory=False)

    def test_resident_memory_is_that_of_this_process(self):
        found = rss_mb()
        assert found is None or 20 < found < 100_000


class TestScale:
    @pytest.mark.parametrize(
        ("n_locations", "n_profiles"),
        [(5, 5), (1_000, 20), (10_000, 20), (100_000, 200), (1_000_000, 2_000)],
    )
    def test_profiles_grow_with_locations(self, n_locations, n_profiles):
        assert n_profiles_of(n_locations) == n_profiles


class TestSoak:
    @pytest.fixture(scope="class")
    @staticmethod
    def engines():
        """Engines of version 1 and 2, of catalogs with different numbers."""
        numbers = franchise_columns(20, seed=1)
        first = franchise_columns(10, seed=1)
        n = len(first.destinations)
        catalogs = tuple(
            replace(
                first,
                destinations=numbers.destinations[part].copy(),
                defaults=numbers.defaults[place].copy(),
            )
            for part, place in ((slice(0, n), slice(0, 10)), (slice(n, None), slice(10, None)))
        )
        old = RoutingEngine(catalogs[0], encoder=HashingEncoder())
        new = RoutingEngine(catalogs[0], encoder=HashingEncoder())
        assert new.replace(catalogs[1]) == 2
        return Judge(catalogs), old, new

    def test_right_answers_are_right_in_either_version(self, engines):
        judge, *both = engines
        said = [*utterances(30, seed=1), ""]
        for engine in both:
            for i in range(10):
                rules = [rule.when for rule in engine.columns.location(i).rules]
                for text in (*said, *rules):
                    decision = engine.route(engine.columns.ids[i], text)
                    assert not judge.is_wrong(i, decision)

    def test_an_answer_of_another_location_is_wrong(self, engines):
        judge, old, _ = engines
        for text in ("", old.columns.location(3).rules[0].when):
            decision = old.route(old.columns.ids[3], text)
            assert judge.is_wrong(4, decision)

    def test_an_answer_of_another_version_is_wrong(self, engines):
        judge, old, new = engines
        for text in ("", old.columns.location(3).rules[0].when):
            decision = old.route(old.columns.ids[3], text)
            mixed = replace(decision, catalog_version=new.catalog_version)
            assert judge.is_wrong(3, mixed)

    def test_slope_by_hand(self):
        # Three MB a minute after a warm-up that jumps.
        samples = [(0.0, 10.0), (5.0, 90.0), *((60.0 + 20 * k, 100.0 + k) for k in range(4))]
        found = soak.flatness(samples, 60.0)
        assert found["slope_mb_per_min"] == pytest.approx(3.0)
        assert (found["first_mb"], found["last_mb"], found["most_mb"]) == (100.0, 103.0, 103.0)

    def test_without_samples_there_is_no_slope(self):
        assert math.isnan(soak.flatness([(1.0, 5.0)], 0.0)["slope_mb_per_min"])

    def test_without_proc_it_cannot_run(self, monkeypatch, capsys):
        monkeypatch.setattr(soak, "rss_mb", lambda: None)
        assert main(["soak", "--quick"]) == 2
        assert "/proc" in capsys.readouterr().err


def speed(kind: str, n_locations: int, p50_us: float) -> dict:
    return {
        "kind": kind,
        "n_locations": n_locations,
        "p50_us": p50_us,
        "p99_us": 2 * p50_us,
        "decisions_per_s": 1e6 / p50_us,
        "build_s": 1.5,
        "resident_mb": 200.0,
    }


METRICS = {
    "top1": 0.9, "right": 0.7, "held": 0.9, "balanced": 0.8, "auroc": 0.95, "right5": 0.6,
    "ece": None,
}  # fmt: skip

PEER_RESULTS = {
    "peer_version": "1.1.1",
    "speed": [
        speed("engine", 100, 1_000.0),
        speed("engine", 5_000, 2_000.0),
        speed("router", 100, 14_000.0),
        speed("index", 5_000, 31_000.0),
        speed("encode", 0, 9_000.0),
    ],
    "quality": [
        {
            "file": "small",
            "fitted_on": fitted_on,
            "rules": rules,
            "engine": {"shipped default": METRICS},
            "peer": {
                "default, no threshold": {**METRICS, "balanced": 0.45},
                "fit, threshold 0.5": METRICS,
                "fit, best threshold": {**METRICS, "balanced": balanced},
            },
        }
        for fitted_on, rules, balanced in (("small", "when", 0.71), ("other", "with examples", 0.7))
    ],
}


class TestPeer:
    def document(self) -> Document:
        parameters = {
            "quick": False, "callers": 8, "rules": 12, "said": "eval.jsonl", "mean_words": 11.0,
        }  # fmt: skip
        return Document("peer", machine(seed=0, encoder="e"), parameters, PEER_RESULTS)

    def test_where_it_is_not_installed_it_says_how_to(self, monkeypatch, capsys):
        monkeypatch.setattr(util, "find_spec", lambda _: None)
        assert main(["peer"]) == 2
        assert 'pip install "semantic-router[local]>=1,<2"' in capsys.readouterr().err

    def test_another_version_is_refused(self, monkeypatch):
        monkeypatch.setattr(util, "find_spec", lambda _: object())
        monkeypatch.setattr(metadata, "version", lambda _: "0.1.16")
        assert "this is 0.1.16" in peer.BENCHMARK.unavailable(Namespace())

    def test_speed_is_relative_to_the_same_size(self):
        table = peer.BENCHMARK.tables["peer"](self.document())
        times = [row[4] for row in table.rows]
        assert times == ["1.0", "1.0", "14.0", "15.5", "9.0"]
        assert [row[-2:] for row in table.rows] == [
            ["80.0", "80.0"],
            ["80.0", "80.0"],
            ["71.0", "70.0"],
            ["71.0", "70.0"],
            ["", ""],
        ]

    def test_every_way_of_calling_has_its_quality(self):
        table = peer.BENCHMARK.tables["peer-quality"](self.document())
        assert len(table.rows) == 2 * 4
        assert table.rows[1][2:7] == ["peer, default, no threshold", "90.0", "70.0", "90.0", "45.0"]
        assert "which for small is the same file" in table.note

    def test_plot(self, tmp_path):
        peer.BENCHMARK.plot(self.document(), tmp_path / "peer.png")
        assert (tmp_path / "peer.png").read_bytes().startswith(b"\x89PNG")

    def test_a_test_file_is_fitted_on_its_development_half(self, tmp_path):
        for name in ("a.test.jsonl", "a.dev.jsonl", "b.test.jsonl"):
            (tmp_path / name).touch()
        assert peer.fit_file(tmp_path / "a.test.jsonl").name == "a.dev.jsonl"
        assert peer.fit_file(tmp_path / "a.dev.jsonl").name == "a.dev.jsonl"
        assert peer.fit_file(tmp_path / "b.test.jsonl").name == "b.test.jsonl"

    @given(
        st.lists(
            st.tuples(
                st.sampled_from([0.1, 0.2, 0.3, 0.4]),
                st.sampled_from([("in", True), ("in", False), ("near", False)]),
            ),
            min_size=1,
            max_size=20,
        )
    )
    def test_the_best_threshold_equals_trying_each(self, drawn):
        confidence = np.array([c for c, _ in drawn])
        kind = np.array([k for _, (k, _) in drawn])
        is_right = np.array([r for _, (_, r) in drawn])

        def balanced(threshold: float) -> float:
            picked = confidence >= threshold
            right = (is_right & picked).sum() / max((kind == "in").sum(), 1)
            return right + (~picked & (kind != "in")).sum() / max((kind != "in").sum(), 1)

        answers = Answers(kind, is_right, np.ones(len(drawn), np.bool_), is_right, confidence)
        found = _best_threshold(answers)
        assert balanced(found) == pytest.approx(max(map(balanced, confidence)))

    @pytest.mark.model
    @pytest.mark.slow
    def test_the_peer_itself(self, tmp_path):
        if peer.BENCHMARK.unavailable(Namespace()) is not None:
            pytest.skip("the peer is not installed")
        assert main(["peer", "--quick", "--out", str(tmp_path)]) == 0
        results = Document.read(tmp_path / "peer.json").results
        assert {run["kind"] for run in results["speed"]} == {"engine", "router", "index", "encode"}
        for quality in results["quality"]:
            assert quality["peer"]["default, no threshold"]["held"] == 0.0


class TestCompile:
    def row(self, name: str, **more) -> dict:
        quality = [
            {"file": "small", "rules": rules, "balanced": 0.8 + more.pop(rules, 0.0)}
            for rules in ("when", "with examples")
        ]
        return {
            "name": name, "mb": 90.0, "cpu_ms": 8.0, "p50_us": 8_000.0, "p99_us": 9_000.0,
            "cosine_mean": 1.0, "cosine_min": 0.99, "batch_difference": 0.0, "quality": quality,
            **more,
        }  # fmt: skip

    def document(self) -> Document:
        rows = [
            self.row("reference"),
            self.row("small", when=-0.01, batch_difference=0.03),
            {"name": "OpenVINO"},
        ]
        parameters = {"quick": False, "own_background": True, "files": {"small": "00"}}
        return Document("compile", machine(seed=0), parameters, {"candidates": rows})

    def test_a_deterministic_encoder_has_no_candidates(self, capsys):
        assert main(["compile", "--encoder", "hashing"]) == 2
        assert "hashing is none" in capsys.readouterr().err

    def test_quality_is_shown_as_a_difference_to_the_reference(self):
        table = registry.BLOCKS["compile"][1](self.document())
        assert [row[-3:] for row in table.rows] == [
            ["0", "80.0", "80.0"],
            ["3e-02", "-1.0", "+0.0"],
            ["", "", ""],
        ]
        assert table.rows[2][0] == "OpenVINO: not installed"

    def test_plot(self, tmp_path):
        registry.BENCHMARKS["compile"].plot(self.document(), tmp_path / "compile.png")
        assert (tmp_path / "compile.png").read_bytes().startswith(b"\x89PNG")

    def test_openvino_is_left_out_where_it_is_not_installed(self, monkeypatch):
        monkeypatch.setattr(candidates.util, "find_spec", lambda _: None)
        (openvino,) = (c for c in candidates.CANDIDATES if c.name == "OpenVINO")
        assert openvino.encoder(None, own_background=True) is None

    @pytest.mark.model
    @pytest.mark.slow
    def test_candidates_are_what_they_say(self, tmp_path):
        said = utterances(40, seed=2)
        shop = candidates.Workshop(find_model(None), tmp_path)
        vectors, sizes = {}, {}
        for candidate in candidates.CANDIDATES:
            made = candidate.encoder(shop, own_background=False)
            if made is not None:
                encoder, path = made
                assert encoder.background is not None
                vectors[candidate.name] = encoder.encode(said)
                sizes[candidate.name] = path.stat().st_size
        shipped = candidates.SHIPPED
        compiled = CompiledEncoder("all-MiniLM-L6-v2", cache=tmp_path / "cache")
        assert np.array_equal(vectors[shipped], compiled.encode(said))
        assert sizes["ONNX fp16 weights, fused"] < 0.55 * sizes["ONNX fp32, fused"]
        pruned = next(name for name in sizes if name.startswith("shipped, vocabulary"))
        assert sizes[pruned] < 0.75 * sizes[shipped]
        expected = vectors[candidates.REFERENCE]
        for name, least in (
            ("ONNX fp32, fused", 0.99999),
            ("ONNX fp16 weights, fused", 0.9999),
            ("ONNX dynamic int8, per channel", 0.97),
            ("ONNX static int8, not smoothed", 0.95),
            (shipped, 0.98),
        ):
            assert np.einsum("ij,ij->i", vectors[name], expected).mean() > least
        assert not np.array_equal(vectors["ONNX static int8, not smoothed"], vectors[shipped])


def test_the_results_of_every_benchmark_have_a_table():
    assert {name for name, _ in registry.BLOCKS.values()} == set(registry.BENCHMARKS)
    assert {
        "compile", "cold-start", "peer", "peer-quality", "scale", "soak", "throughput",
    } <= set(registry.BLOCKS)  # fmt: skip
