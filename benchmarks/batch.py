"""A file of a million sentences, routed by one process and by two, undisturbed and with kills.

Every run has to write the same bytes; otherwise there is no result.
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.benchmark import Benchmark, ClaimError, new_plot, save_plot
from benchmarks.encoders import make_encoder
from benchmarks.generate import franchise_columns, utterances
from benchmarks.processes import TreeSampler
from benchmarks.report import Document, Table, machine, number, setting
from routing_engine import RoutingEngine
from routing_engine.distributed import Progress, route_files

__all__ = ["BENCHMARK", "measure"]

N_KILLS = 3
LEAST_GAIN = 1.7
NOW = "2026-03-03T12:00:00+00:00"
RUNS = {
    "one": ("one process", 1, 0),
    "two": ("two processes", 2, 0),
    "killed": (f"two processes, {N_KILLS} killed", 2, N_KILLS),
}


def measure(
    *, encoder: str, n_sentences: int, n_distinct: int, n_locations: int, block_rows: int, seed: int
) -> dict[str, Any]:
    """Route the same file three times, and compare what is written.

    Args:
        encoder: as the command line takes it.
        n_sentences: rows of the file.
        n_distinct: different sentences among them.
        n_locations: of ten rules.
        block_rows: rows that are routed and written together.
        seed: of locations and callers.

    Raises:
        ClaimError: two runs wrote different bytes, or not every row once.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        columns = franchise_columns(n_locations, seed=seed)
        engine = RoutingEngine(columns, encoder=make_encoder(encoder))
        engine.save(folder / "brand")
        fingerprint = engine.encoder.fingerprint
        calls = folder / "calls.parquet"
        _write_calls(calls, engine.location_ids(), n_sentences, n_distinct, seed)
        del engine
        runs, expected = {}, None
        for key, (_, workers, n_kills) in RUNS.items():
            out = folder / key
            runs[key] = _routed(calls, folder / "brand", out, encoder, workers, n_kills, block_rows)
            written = {path.name: path.read_bytes() for path in out.glob("part-*")}
            written["bad"] = (out / "_bad_rows.jsonl").read_bytes()
            if expected is not None and written != expected:
                raise ClaimError(f"{RUNS[key][0]}: other bytes than by one process")
            expected = written
        output_mb = sum(map(len, (expected or {}).values())) / 1e6
        input_mb = calls.stat().st_size / 1e6
    return {
        "runs": runs,
        "gain": runs["one"]["wall_s"] / runs["two"]["wall_s"],
        "input_mb": input_mb,
        "output_mb": output_mb,
        "encoder": fingerprint,
    }


def _write_calls(
    path: Path, ids: tuple[str, ...], n_sentences: int, n_distinct: int, seed: int
) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    said = utterances(min(n_distinct, 10_000), seed=seed)
    distinct = [
        said[i % len(said)] + (f", it's about order {i}" if i >= len(said) else "")
        for i in range(n_distinct)
    ]
    chance = random.Random(f"batch {seed}")
    texts = [*distinct, *chance.choices(distinct, k=n_sentences - n_distinct)]
    chance.shuffle(texts)
    locations = chance.choices(ids, k=n_sentences)
    parquet.write_table(
        pa.table({"call": np.arange(n_sentences), "location_id": locations, "utterance": texts}),
        path,
    )


def _routed(
    calls: Path, brand: Path, out: Path, encoder: str, workers: int, n_kills: int, block_rows: int
) -> dict[str, Any]:
    """Route a file; kill a worker after evenly spaced blocks."""
    from datetime import datetime

    n_killed = 0

    def look(progress: Progress) -> None:
        nonlocal n_killed
        share = (n_killed + 1) / (n_kills + 1)
        if n_killed < n_kills and progress.n_done >= progress.n_rows * share:
            victims = _workers()
            if victims:
                os.kill(victims[0], signal.SIGKILL)
                n_killed += 1

    sampler = TreeSampler(os.getpid())
    before = time.perf_counter()
    summary = route_files(
        calls, brand, out, now=datetime.fromisoformat(NOW), workers=workers, encoder=encoder,
        block_rows=block_rows, progress=look,
    )  # fmt: skip
    wall_s = time.perf_counter() - before
    peak_mb = sampler.stop()
    if summary.n_routed != summary.n_rows or n_killed < n_kills:
        raise ClaimError(f"{summary.n_bad} rows were not routed, {n_killed} processes were killed")
    return {
        "wall_s": wall_s,
        "rows_per_s": summary.n_rows / wall_s,
        "n_killed": n_killed,
        "peak_tree_mb": peak_mb,
    }


def _workers() -> list[int]:
    """Return the ids of this process's workers, the youngest first."""
    children = {
        int(child)
        for task in Path("/proc/self/task").iterdir()
        for child in (task / "children").read_text().split()
    }
    return sorted(
        (
            child
            for child in children
            if b"routing_engine.distributed.worker" in Path(f"/proc/{child}/cmdline").read_bytes()
        ),
        reverse=True,
    )


def _unavailable(_: Namespace) -> str | None:
    if not Path("/proc/self/task").is_dir():
        return "it finds the processes to kill in /proc"
    return None


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--sentences", type=int, help="rows of the file (1,000,000)")
    parser.add_argument("--distinct", type=int, help="different sentences (a fifth)")


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    n_sentences = options.sentences or (400 if quick else 1_000_000)
    n_distinct = options.distinct or n_sentences // 5
    parameters = {
        "quick": quick,
        "sentences": n_sentences,
        "distinct": n_distinct,
        "locations": 20 if quick else 10_000,
        "block_rows": 50 if quick else 16_384,
    }
    results = measure(
        encoder=options.encoder,
        n_sentences=n_sentences,
        n_distinct=n_distinct,
        n_locations=parameters["locations"],
        block_rows=parameters["block_rows"],
        seed=options.seed,
    )
    meta = machine(seed=options.seed, encoder=results.pop("encoder"))
    if not quick and meta["cores"] >= 2 and results["gain"] < LEAST_GAIN:
        raise ClaimError(
            f"two processes are {results['gain']:.2f} times as fast as one, not {LEAST_GAIN}"
        )
    return Document("batch", meta, parameters, results)


def _table(document: Document) -> Table:
    asked, results = document.parameters, document.results
    rows = [
        [
            RUNS[key][0],
            number(run["wall_s"], 1),
            number(run["rows_per_s"], 0),
            number(results["runs"]["one"]["wall_s"] / run["wall_s"], 2),
            number(run["peak_tree_mb"], 0),
        ]
        for key, run in results["runs"].items()
    ]
    note = (
        f"{asked['sentences']:,} calls, {asked['distinct']:,} different sentences, at "
        f"{asked['locations']:,} locations of ten rules: {number(results['input_mb'], 0)} MB of "
        f"Parquet to {number(results['output_mb'], 0)} MB. All runs wrote the same bytes. "
        f"{setting(document.meta)}."
    )
    columns = ("`route_files` by", "s", "rows/s", "to one", "memory of all, MB")
    return Table("A file of calls", columns, rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    runs = document.results["runs"]
    ax.bar([RUNS[key][0] for key in runs], [run["rows_per_s"] for run in runs.values()])
    ax.set(title="A file of calls", ylabel="rows/s")
    ax.grid(axis="y", alpha=0.3)
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="batch",
    summary="a million sentences routed by one and two processes, some of them killed",
    add_options=_add_options,
    run=_run,
    tables={"batch": _table},
    plot=_plot,
    unavailable=_unavailable,
)
