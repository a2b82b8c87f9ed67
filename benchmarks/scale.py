"""A thousand to a million locations: import, save, load, memory, and latency at each size."""

from __future__ import annotations

import os
import random
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.encoders import RememberingEncoder, make_encoder
from benchmarks.generate import utterances, write_franchise_csv
from benchmarks.processes import run_fresh
from benchmarks.report import Document, Table, machine, number, setting
from benchmarks.timing import interleaved_ns, percentiles_us
from routing_engine import Encoder, RoutingEngine

__all__ = ["BENCHMARK", "measure"]

SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUICK = (100, 400)
N_UTTERANCES = 1_000


def measure(
    sizes: Sequence[int],
    *,
    encoder: str,
    n_routes: int,
    n_decisions: int,
    seed: int,
    n_rules: int = 10,
    folder: Path | None = None,
) -> list[dict[str, Any]]:
    """Import a sheet of each size, load it, answer callers.

    A sheet is deleted as soon as it has been read, so of all sheets only one is on disk. The
    snapshots stay until latency at all sizes has been measured, in turns.

    Args:
        sizes: locations.
        encoder: as :func:`benchmarks.encoders.make_encoder` takes it.
        n_routes: decisions before resident memory is looked at.
        n_decisions: decisions a size without encoding.
        seed: of the sheets and callers.
        n_rules: rules a location; every destination is distinct.
        folder: where sheets and snapshots go meanwhile; None for the system's temporary folder.
    """
    ordered = sorted(sizes)
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=folder) as temporary:
        place = Path(temporary)
        # Not measured: an encoder may compile its model on first use.
        _import(place, 20, encoder, seed, n_rules, n_routes=1)
        runs = [_import(place, size, encoder, seed, n_rules, n_routes) for size in ordered]
        snapshots = {size: place / str(size) for size in ordered}
        latencies = _latencies(snapshots, make_encoder(encoder), n_decisions, seed)
    return [{**run, "rest": latencies[run["n_locations"]]} for run in runs]


def n_profiles_of(n_locations: int) -> int:
    """Return the number of distinct rule tables: 2,000 for a million locations, at least 20."""
    return min(n_locations, max(20, n_locations // 500))


def _import(
    place: Path, n_locations: int, encoder: str, seed: int, n_rules: int, n_routes: int
) -> dict[str, Any]:
    sheet, snapshot = place / "franchise.csv", place / str(n_locations)
    franchise = {
        "n_locations": n_locations,
        "n_rules": n_rules,
        "n_profiles": n_profiles_of(n_locations),
        "seed": seed,
    }
    write_franchise_csv(sheet, **franchise)
    request = {
        "step": "build",
        "sheet": os.fspath(sheet),
        "snapshot": os.fspath(snapshot),
        "encoder": encoder,
        "franchise": franchise,
        "n_routes": n_routes,
        "seed": seed,
    }
    sheet_bytes = sheet.stat().st_size
    try:
        built = run_fresh("benchmarks.import_child", request)
    finally:
        sheet.unlink()
    served = run_fresh("benchmarks.scale_child", request, watch_memory=False)
    return {
        "n_locations": n_locations,
        "n_rules": n_rules,
        "n_profiles": franchise["n_profiles"],
        "sheet_mb": sheet_bytes / 1e6,
        **{key: built[key] for key in ("encoder", "n_rows", "n_texts", "read_s", "n_wrong")},
        "index_s": built["embed_s"] + built["index_s"],
        "save_s": built["save_s"],
        "import_peak_mb": built["peak_tree_mb"] or built["peak_mb"],
        "load_s": served["load_s"],
        "resident_mb": served["resident_mb"],
        "snapshot_mb": sum(f.stat().st_size for f in snapshot.iterdir() if f.is_file()) / 1e6,
    }


def _latencies(
    snapshots: Mapping[int, Path], encoder: Encoder, n_decisions: int, seed: int
) -> dict[int, dict[str, Any]]:
    """Measure latency without encoding at every size, in turns."""
    memory = RememberingEncoder(encoder)
    said = utterances(N_UTTERANCES, seed=seed)
    memory.learn(said)
    warmup = min(100, n_decisions)
    chance = random.Random(f"scale {seed}")
    contenders = {}
    for size, folder in snapshots.items():
        engine = RoutingEngine.load(folder, encoder=memory, cache_size=0)
        ids = engine.columns.ids
        contenders[str(size)] = (
            engine.route,
            [
                (ids[chance.randrange(size)], chance.choice(said))
                for _ in range(n_decisions + warmup)
            ],
        )
    samples = interleaved_ns(contenders, block=50, warmup=warmup)
    return {size: percentiles_us(samples[str(size)]) for size in snapshots}


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--sizes", type=int, nargs="+", metavar="N", help="locations (1000 10000 100000 1000000)"
    )
    parser.add_argument("--routes", type=int, help="decisions before memory is looked at (10,000)")
    parser.add_argument("--decisions", type=int, help="decisions a size, timed (20,000)")
    parser.add_argument(
        "--scratch", type=Path, metavar="DIR", help="for sheets and snapshots; a million "
        "locations need 6 GB there for some minutes (the system's temporary folder)"
    )  # fmt: skip


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    n_routes = options.routes or (50 if quick else 10_000)
    n_decisions = options.decisions or (200 if quick else 20_000)
    runs = measure(
        options.sizes or (QUICK if quick else SIZES),
        encoder=options.encoder,
        n_routes=n_routes,
        n_decisions=n_decisions,
        seed=options.seed,
        folder=options.scratch,
    )
    parameters = {
        "quick": quick,
        "rules": 10,
        "examples": 5,
        "routes": n_routes,
        "decisions": n_decisions,
        "garbage_collection": False,
    }
    meta = machine(seed=options.seed, encoder=runs[0]["encoder"])
    return Document("scale", meta, parameters, {"runs": runs, "ratio": _ratio(runs)})


def _ratio(runs: Sequence[dict[str, Any]]) -> float:
    """Return p50 of everything but encoding at the largest size over that at the smallest."""
    ratio: float = runs[-1]["rest"]["p50_us"] / runs[0]["rest"]["p50_us"]
    return ratio


def _table(document: Document) -> Table:
    runs = document.results["runs"]
    rows = [
        [
            f"{run['n_locations']:,}",
            f"{run['n_profiles']:,}",
            number(run["read_s"]),
            number(run["index_s"]),
            number(run["save_s"], 2),
            number(run["load_s"], 2),
            number(run["import_peak_mb"], 0),
            number(run["resident_mb"], 0),
            number(run["rest"]["p50_us"]),
            number(run["rest"]["p99_us"]),
        ]
        for run in runs
    ]
    columns = (
        "locations",
        "profiles",
        "read, s",
        "index, s",
        "save, s",
        "load, s",
        "import, MB",
        "serving, MB",
        "p50, µs",
        "p99, µs",
    )
    parameters = document.parameters
    note = (
        f"{parameters['rules']} rules a location with {parameters['examples']} examples each, "
        "every destination distinct. Read: from CSV, numbers checked; index: with embedding. "
        "Import, MB: most memory of the importing process and its helpers; serving: resident "
        f"in a fresh process after load and {parameters['routes']:,} decisions. p50, p99: a "
        "decision but for encoding, all sizes in turns; its p50 at the largest is "
        f"{document.results['ratio']:.2f} times that at the smallest. Locations that came out "
        f"wrong: {sum(run['n_wrong'] for run in runs)}. {setting(document.meta)}."
    )
    return Table("Scale", columns, rows, note)


def _plot(document: Document, path: Path) -> None:
    runs = document.results["runs"]
    sizes = [run["n_locations"] for run in runs]
    figure, (seconds, memory, latency) = new_plot(3)
    for key, label in (
        ("read_s", "read"),
        ("index_s", "embed and index"),
        ("save_s", "save"),
        ("load_s", "load"),
    ):
        seconds.plot(sizes, [run[key] for run in runs], "o-", label=label)
    seconds.set(title="Time", ylabel="s")
    for key, label in (
        ("import_peak_mb", "import, at most"),
        ("resident_mb", "serving"),
        ("snapshot_mb", "snapshot on disk"),
    ):
        if all(run[key] is not None for run in runs):
            memory.plot(sizes, [run[key] for run in runs], "o-", label=label)
    memory.set(title="Memory", ylabel="MB")
    for key in ("p50_us", "p99_us"):
        latency.plot(sizes, [run["rest"][key] for run in runs], "o-", label=key[:3])
    latency.set(title="A decision but for encoding", ylabel="µs")
    for ax in (seconds, memory, latency):
        ax.set(xlabel="locations", xscale="log", yscale="log")
        ax.grid(alpha=0.3, which="both")
        ax.legend()
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="scale",
    summary="a thousand to a million locations: import, load, memory and latency",
    add_options=_add_options,
    run=_run,
    tables={"scale": _table},
    plot=_plot,
)
