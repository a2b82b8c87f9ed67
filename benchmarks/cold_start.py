"""From the start of a process to its first decision, from a snapshot, part by part."""

from __future__ import annotations

import os
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.encoders import make_encoder
from benchmarks.generate import franchise_columns, utterances
from benchmarks.processes import run_fresh
from benchmarks.report import Document, Table, machine, number, setting
from routing_engine import Reason, RoutingEngine

__all__ = ["BENCHMARK", "HEAVY", "measure"]

HEAVY = ("torch", "transformers", "sentence_transformers", "pandas", "sklearn", "scipy")
"""Modules that loading a snapshot and routing must not import."""

PARTS = {
    "interpreter": "interpreter start",
    "package": "`import routing_engine`",
    "runtime": "import of the encoder's runtime",
    "encoder": "encoder: hashes, session, tokenizer",
    "snapshot": "snapshot: checksums, mapping",
    "route": "first `route`",
}


def measure(
    n_locations: int, *, encoder: str, n_runs: int, seed: int, n_warmup: int = 1
) -> dict[str, Any]:
    """Start processes one after another; each loads the same snapshot and routes once.

    Args:
        n_locations: locations in the snapshot.
        encoder: as :func:`benchmarks.encoders.make_encoder` takes it.
        n_runs: processes.
        seed: of the locations.
        n_warmup: processes beforehand, that files get into the cache.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        engine = RoutingEngine(
            franchise_columns(n_locations, seed=seed), encoder=make_encoder(encoder)
        )
        engine.save(folder)
        request = {
            "snapshot": os.fspath(Path(folder)),
            "encoder": encoder,
            "location_id": engine.columns.ids[n_locations // 2],
            "utterance": utterances(1, seed=seed)[0],
            "heavy": HEAVY,
        }
        fingerprint = engine.encoder.fingerprint
        answers = [
            run_fresh("benchmarks.cold_start_child", request, watch_memory=False)
            for _ in range(n_warmup + n_runs)
        ][n_warmup:]
    taken_s = np.diff(np.array([answer["at_s"] for answer in answers]), axis=1)
    parts = {name: _spread_ms(taken_s[:, i]) for i, name in enumerate(PARTS)}
    failed = (Reason.ENGINE_DEGRADED.value, Reason.UNKNOWN_LOCATION.value)
    return {
        "encoder": fingerprint,
        "parts": parts,
        "total": _spread_ms(taken_s.sum(axis=1)),
        "heavy": sorted({name for answer in answers for name in answer["heavy"]}),
        "n_failed": sum(answer["reason"] in failed for answer in answers),
    }


def _spread_ms(seconds: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, float]:
    median, p95 = np.percentile(seconds * 1000.0, (50, 95)).tolist()
    return {"median_ms": median, "p95_ms": p95}


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--runs", type=int, help="processes (15)")
    parser.add_argument("--locations", type=int, help="locations in the snapshot (10,000)")


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    n_runs = options.runs or (2 if quick else 15)
    n_locations = options.locations or (100 if quick else 10_000)
    results = measure(n_locations, encoder=options.encoder, n_runs=n_runs, seed=options.seed)
    fingerprint = results.pop("encoder")
    parameters = {"quick": quick, "runs": n_runs, "locations": n_locations, "rules": 10}
    meta = machine(seed=options.seed, encoder=fingerprint)
    return Document("cold-start", meta, parameters, results)


def _table(document: Document) -> Table:
    results, parameters = document.results, document.parameters
    rows = [
        [PARTS[name], number(part["median_ms"], 0), number(part["p95_ms"], 0)]
        for name, part in results["parts"].items()
    ]
    total = results["total"]
    rows.append(["all of it", number(total["median_ms"], 0), number(total["p95_ms"], 0)])
    heavy = ", ".join(results["heavy"]) or "none"
    note = (
        f"{parameters['runs']} fresh processes, a snapshot of {parameters['locations']:,} "
        f"locations x {parameters['rules']} rules, files in the file cache. Of "
        f"{', '.join(HEAVY)}, imported by then: {heavy}. {setting(document.meta)}."
    )
    return Table("Cold start: process start to first decision", ("ms", "p50", "p95"), rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    left = 0.0
    for name, part in document.results["parts"].items():
        ax.barh([0], [part["median_ms"]], left=left, label=PARTS[name].replace("`", ""))
        left += part["median_ms"]
    ax.set(title="Process start to first decision, medians", xlabel="ms", yticks=[])
    ax.grid(alpha=0.3, axis="x")
    figure.legend(loc="outside lower center", ncols=2)
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="cold-start",
    summary="process start to first decision from a snapshot, in fresh processes, part by part",
    add_options=_add_options,
    run=_run,
    tables={"cold-start": _table},
    plot=_plot,
)
