"""Compare this engine with ``semantic-router`` on the same locations and sentences."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy import DEFAULT_FILE, arguments_for_all
from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.cases import read_cases
from benchmarks.report import Document, Table, machine, number, setting
from benchmarks.timing import percentiles_us
from benchmarks.workers import Worker

__all__ = ["BENCHMARK", "Contender", "fit_file", "measure", "measure_quality"]

PEER = "semantic-router"
INSTALL = 'pip install "semantic-router[local]>=1,<2"'
N_RULES = 12
N_CALLERS = 8
BUSY = 0.7
"""Machine load at the start above which a run is unreliable."""
SKIPPED = 2
"""Calls at the start of each turn that are not counted, while caches warm up."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One contender to measure.

    Attributes:
        kind: as ``peer_child`` names it.
        n_locations: of :data:`N_RULES` rules; 0 where there are none.
    """

    kind: str
    n_locations: int

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.n_locations}"


def contenders(few: int, many: int) -> tuple[Contender, ...]:
    """Return the contenders. The peer builds routers for few locations, as latency is one router's."""
    return (
        Contender("engine", few),
        Contender("engine", many),
        Contender("router", few),
        Contender("index", few),
        Contender("index", many),
        Contender("encode", 0),
    )


def measure(
    taking_part: Sequence[Contender],
    said: Sequence[str],
    *,
    encoder: str,
    n_decisions: int,
    seed: int,
    turn: int = 25,
) -> list[dict[str, Any]]:
    """Measure latency, throughput, build time and memory, each contender in its own process.

    Processes take turns: while one answers, the others wait for their next request.

    Args:
        taking_part: what to measure.
        said: what callers say, in turn.
        encoder: of the engine.
        n_decisions: timed, of each.
        seed: of the locations.
        turn: decisions in a row.
    """
    with ExitStack() as stack:
        workers = {c: stack.enter_context(Worker("benchmarks.peer_child")) for c in taking_part}
        built: dict[Contender, dict[str, Any]] = {}
        for contender, worker in workers.items():
            started = worker.ask("start", contender=contender.kind, encoder=encoder)
            franchise = {
                "n_locations": max(contender.n_locations, 1),
                "n_rules": N_RULES,
                "n_profiles": min(20, max(contender.n_locations, 1)),
                "examples": 0,
                "seed": seed,
            }
            built[contender] = {
                **started,
                **worker.ask("build", franchise=franchise, said=list(said)),
            }
            worker.ask("turn", first=0, n=turn)  # to warm up
        taken: dict[Contender, list[int]] = {contender: [] for contender in workers}
        for first in range(0, n_decisions, turn):
            n = min(turn, n_decisions - first)
            for contender, worker in workers.items():
                answer = worker.ask("turn", first=first - SKIPPED + 1000, n=n + SKIPPED)
                taken[contender] += answer["ns"][SKIPPED:]
        n_together = max(n_decisions // 2, N_CALLERS)
        together = {
            contender: worker.ask("together", n_callers=N_CALLERS, n=n_together)
            for contender, worker in workers.items()
        }
    return [
        {
            **asdict(contender),
            **built[contender],
            **percentiles_us(np.array(taken[contender], np.int64)),
            "decisions_per_s": n_together / together[contender]["spent_s"],
            "resident_mb": together[contender]["resident_mb"],
        }
        for contender in taking_part
    ]


def fit_file(path: Path) -> Path:
    """Return the file to calibrate the peer on: a test file's development half, or the file."""
    half = path.with_name(path.name.replace(".test.", ".dev."))
    return half if half.exists() else path


def measure_quality(files: Sequence[Path], *, encoder: str) -> list[dict[str, Any]]:
    """Measure each file, with each rule's ``when`` alone and with its examples.

    Args:
        files: case files.
        encoder: of the engine.
    """
    measured = []
    with Worker("benchmarks.peer_child") as ours, Worker("benchmarks.peer_child") as peers:
        ours.ask("start", contender="engine", encoder=encoder)
        peers.ask("start", contender="router", encoder=encoder)
        for path in files:
            cases = read_cases(path)
            fitted_on = fit_file(path)
            for with_examples in (False, True):
                request = {
                    "path": str(path.resolve()),
                    "fit_path": str(fitted_on.resolve()),
                    "with_examples": with_examples,
                }
                measured.append(
                    {
                        "file": cases.name,
                        "sha256": cases.sha256,
                        "rules": "with examples" if with_examples else "when",
                        "fitted_on": fitted_on.name.removesuffix(".jsonl"),
                        "engine": ours.ask("quality", **request),
                        "peer": peers.ask("quality", **request),
                    }
                )
    return measured


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files", type=Path, nargs="*", metavar="FILE", help="case files (data/eval.jsonl)"
    )
    parser.add_argument("--decisions", type=int, help="timed, of each contender (1,000)")


def _unavailable(_: Namespace) -> str | None:
    if util.find_spec("semantic_router") is None:
        return f"the peer is not installed; {INSTALL}"
    version = metadata.version(PEER)
    if not version.startswith("1."):
        return f"the peer is measured in version 1, this is {version}; {INSTALL}"
    return None


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    n_decisions = options.decisions or (30 if quick else 1_000)
    files = options.files or [DEFAULT_FILE]
    for path in files:
        read_cases(path)  # fails now, not after minutes
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > BUSY:
        print(
            f"the machine is busy (load {load:.1f}): torch computes on all cores and waits for "
            "the slowest, so the peer may look ten times slower than it is",
            file=sys.stderr,
        )
    few, many = (5, 20) if quick else (100, 5_000)
    taking_part = contenders(few, many)
    said = list(dict.fromkeys(query.text for query in read_cases(files[0]).queries))
    speed = measure(
        taking_part, said, encoder=options.encoder, n_decisions=n_decisions, seed=options.seed
    )
    quality = measure_quality(files, encoder=options.encoder)
    of = {(run["kind"], run["n_locations"]): run["p50_us"] for run in speed}
    results = {
        "peer_version": metadata.version(PEER),
        "speed": speed,
        "ratios": {
            "encode alone to engine": of["encode", 0] / of["engine", few],
            "router a location to engine": of["router", few] / of["engine", few],
            "filtered index to engine": of["index", many] / of["engine", many],
        },
        "quality": quality,
    }
    parameters = {
        "quick": quick,
        "load_before": load,
        "decisions": n_decisions,
        "rules": N_RULES,
        "examples": 0,
        "said": files[0].name,
        "mean_words": sum(len(text.split()) for text in said) / len(said),
        "callers": N_CALLERS,
        "top_k": 5,
        "garbage_collection": False,
    }
    (fingerprint,) = {run.pop("fingerprint") for run in speed} - {None}
    meta = machine(seed=options.seed, encoder=fingerprint)
    return Document("peer", meta, parameters, results)


_NAMES = {
    "engine": "`engine.route`",
    "router": "peer, a router per location",
    "index": "peer, one index, `route_filter`",
    "encode": "`SentenceTransformer.encode` alone",
}
_WAY_OF_TABLE = "fit, best threshold"


def _mean_balanced(document: Document, side: str, way: str | None, rules: str) -> float | None:
    """Mean over files, in percent."""
    found = [
        quality[side][way or next(iter(quality[side]))]["balanced"]
        for quality in document.results["quality"]
        if quality["rules"] == rules
    ]
    return 100 * sum(found) / len(found) if found else None


def _table(document: Document) -> Table:
    results = document.results
    speed = results["speed"]
    engine = {run["n_locations"]: run["p50_us"] for run in speed if run["kind"] == "engine"}
    rows = []
    for run in speed:
        kind, n_locations = run["kind"], run["n_locations"]
        # One filtered index scores a location's routes as that location's router does.
        balanced: list[float | None] = [None, None]
        if kind != "encode":
            side, way = ("engine", None) if kind == "engine" else ("peer", _WAY_OF_TABLE)
            balanced = [
                _mean_balanced(document, side, way, rules) for rules in ("when", "with examples")
            ]
        slower = run["p50_us"] / engine.get(n_locations, min(engine.values()))
        rows.append(
            [
                _NAMES[kind],
                f"{n_locations:,}" if n_locations else "",
                number(run["p50_us"] / 1000, 2),
                number(run["p99_us"] / 1000, 2),
                number(slower),
                number(run["decisions_per_s"], 0),
                number(run["build_s"]) if n_locations else "",
                number(run["resident_mb"], 0),
                *(number(value) if value is not None else "" for value in balanced),
            ]
        )
    columns = (
        "a decision",
        "locations",
        "p50, ms",
        "p99, ms",
        "times ours",
        f"{document.parameters['callers']} threads, /s",
        "build, s",
        "MB",
        "balanced, when",
        "with examples",
    )
    versions = document.meta["versions"]
    note = (
        f"{PEER} {results['peer_version']} with `LocalEncoder` (sentence-transformers "
        f"{versions.get('sentence-transformers')}, torch {versions.get('torch')}) and "
        "`LocalIndex`, the same packaged model and sentences (those of "
        f"{document.parameters['said']}, {document.parameters['mean_words']:.0f} words on "
        f"average), processes in turns, {document.parameters['rules']} rules a location with "
        "their `when` alone, nothing "
        "answered from a cache. Its router takes no filter, so one index is asked by "
        "`index.query(…, route_filter=…)`; there each distinct text was encoded once. Balanced: "
        "mean over the case files, in percent; ours at the shipped default, the peer calibrated "
        f"and at the threshold that is best on the cases it was fitted on. {setting(document.meta)}."
    )
    return Table("Beside semantic-router", columns, rows, note)


_METRICS = ("top1", "right", "held", "balanced", "auroc", "right5", "ece")


def _quality_table(document: Document) -> Table:
    def row(quality: Mapping[str, Any], name: str, metrics: Mapping[str, Any]) -> list[str]:
        figures = (number(None if metrics[key] is None else 100 * metrics[key]) for key in _METRICS)
        return [quality["file"], quality["rules"], name, *figures]

    rows: list[list[str]] = []
    for quality in document.results["quality"]:
        rows += [row(quality, "ours", metrics) for metrics in quality["engine"].values()]
        rows += [row(quality, f"peer, {way}", of) for way, of in quality["peer"].items()]
    own = sorted({q["file"] for q in document.results["quality"] if q["file"] == q["fitted_on"]})
    flattered = f", which for {', '.join(own)} is the same file" if own else ""
    note = (
        "In percent. As it comes the peer has no threshold and always picks a route. Fit: one of "
        "its calibrators, fitted on all locations of the development file" + flattered + "; best "
        "threshold: the one with the best balanced there."
    )
    return Table("Quality beside semantic-router", ("file", "rules", "who", *_METRICS), rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (latency, quality) = new_plot(2)
    speed = document.results["speed"]
    names = [
        _NAMES[run["kind"]].replace("`", "")
        + (f"\n{run['n_locations']:,} locations" if run["n_locations"] else "")
        for run in speed
    ]
    places = np.arange(len(speed))
    latency.barh(places, [run["p50_us"] / 1000 for run in speed], 0.4, label="p50")
    latency.barh(places + 0.4, [run["p99_us"] / 1000 for run in speed], 0.4, label="p99")
    latency.set_yticks(places + 0.2, names, fontsize=7)
    latency.invert_yaxis()
    latency.set(title="A decision", xlabel="ms", xscale="log")
    latency.legend()
    files = document.results["quality"]
    places = np.arange(len(files))
    bars = [("ours", "engine", None)]
    bars += [(f"peer, {way}", "peer", way) for way in files[0]["peer"]]
    for i, (label, side, way) in enumerate(bars):
        heights = [100 * q[side][way or next(iter(q[side]))]["balanced"] for q in files]
        quality.bar(places + (i - 1.5) * 0.2, heights, 0.2, label=label)
    ticks = [f"{q['file']}\n{q['rules']}" for q in files]
    quality.set_xticks(places, ticks, fontsize=7, rotation=30, ha="right")
    quality.set(title="Balanced", ylabel="%", ylim=(0, 100))
    quality.legend(fontsize=7)
    latency.grid(alpha=0.3, axis="x")
    quality.grid(alpha=0.3, axis="y")
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="peer",
    summary="semantic-router on the same locations and sentences, where it is installed",
    add_options=_add_options,
    run=_run,
    tables={"peer": _table, "peer-quality": _quality_table},
    plot=_plot,
    arguments_for_all=arguments_for_all,
    unavailable=_unavailable,
)
