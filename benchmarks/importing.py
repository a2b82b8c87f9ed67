"""Build an engine from a sheet in a fresh process: time by phase, and memory."""

from __future__ import annotations

import os
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.generate import write_franchise_csv
from benchmarks.processes import run_fresh
from benchmarks.report import Document, Table, machine, number, setting

__all__ = ["BENCHMARK", "measure"]

SIZES = (1_000, 10_000, 100_000)
QUICK = (100,)


def measure(
    sizes: Sequence[int], *, encoder: str, seed: int, n_rules: int = 10, n_profiles: int = 20
) -> list[dict[str, Any]]:
    """Import sheets of several sizes, each in a fresh process.

    Args:
        sizes: locations a sheet.
        encoder: as :func:`benchmarks.encoders.make_encoder` takes it.
        seed: of the sheets.
        n_rules: rules a location.
        n_profiles: distinct rule tables a sheet.
    """
    # Not measured: an encoder may compile its model on first use, and files get into the cache.
    _import(n_profiles, encoder, seed, n_rules, n_profiles)
    return [_import(size, encoder, seed, n_rules, n_profiles) for size in sizes]


def _import(
    n_locations: int, encoder: str, seed: int, n_rules: int, n_profiles: int
) -> dict[str, Any]:
    franchise = {
        "n_locations": n_locations,
        "n_rules": n_rules,
        "n_profiles": n_profiles,
        "seed": seed,
    }
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        sheet, snapshot = Path(folder, "franchise.csv"), Path(folder, "snapshot")
        write_franchise_csv(sheet, n_locations, n_rules=n_rules, n_profiles=n_profiles, seed=seed)
        request = {
            "step": "build",
            "sheet": os.fspath(sheet),
            "snapshot": os.fspath(snapshot),
            "encoder": encoder,
            "franchise": franchise,
        }
        built = run_fresh("benchmarks.import_child", request)
        loaded = run_fresh("benchmarks.import_child", {**request, "step": "load"})
        sheet_bytes = sheet.stat().st_size
        snapshot_bytes = sum(f.stat().st_size for f in snapshot.iterdir() if f.is_file())
    return {
        "n_locations": n_locations,
        "n_rules": n_locations * n_rules,
        "sheet_mb": sheet_bytes / 1e6,
        **built,
        "rows_per_s": built["n_rows"] / built["read_s"],
        "texts_per_s": built["n_texts"] / built["embed_s"],
        "rules_per_s": n_locations * n_rules / built["index_s"],
        "snapshot_mb": snapshot_bytes / 1e6,
        "load_s": loaded["load_s"],
        "load_peak_mb": loaded["peak_mb"],
        "n_wrong": built["n_wrong"] + loaded["n_wrong"],
    }


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--sizes", type=int, nargs="+", metavar="N", help="locations (1000 10000 100000)"
    )


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    sizes = options.sizes or (QUICK if quick else SIZES)
    runs = measure(sizes, encoder=options.encoder, seed=options.seed)
    fingerprint = runs[0].get("encoder")
    parameters = {"quick": quick, "rules": 10, "examples": 5, "profiles": 20}
    meta = machine(seed=options.seed, encoder=fingerprint)
    return Document("import", meta, parameters, {"runs": runs})


def _table(document: Document) -> Table:
    runs = document.results["runs"]
    rows = [
        [
            f"{run['n_locations']:,}",
            f"{run['n_rows']:,}",
            number(run["read_s"], 2),
            f"{run['rows_per_s']:,.0f}",
            number(run["embed_s"], 2),
            number(run["index_s"], 2),
            number(run["ready_s"], 1),
            number(run["peak_mb"], 0),
            number(run["peak_tree_mb"], 0),
            number(run["save_s"], 2),
            number(run["load_s"], 2),
            number(run["snapshot_mb"]),
        ]
        for run in runs
    ]
    columns = (
        "locations",
        "rows",
        "read, s",
        "rows/s",
        "embed, s",
        "index, s",
        "ready, s",
        "peak, MB",
        "with helpers, MB",
        "save, s",
        "load, s",
        "snapshot, MB",
    )
    n_wrong = sum(run["n_wrong"] for run in runs)
    note = (
        "Each in a fresh process. Ready: from the start of the process, with imports and the "
        "encoder. Peak: most resident memory of that process until ready; with helpers: of it "
        "and the processes it starts to parse numbers, together. Load: in another process, from "
        f"the file cache. Locations that came out wrong: {n_wrong}. {setting(document.meta)}."
    )
    return Table("From a sheet to a ready engine", columns, rows, note)


def _plot(document: Document, path: Path) -> None:
    runs = document.results["runs"]
    sizes = [run["n_locations"] for run in runs]
    figure, (seconds, memory) = new_plot(2)
    for key, label in (
        ("ready_s", "ready"),
        ("read_s", "read"),
        ("embed_s", "embed"),
        ("index_s", "index"),
        ("save_s", "save"),
        ("load_s", "load"),
    ):
        seconds.plot(sizes, [run[key] for run in runs], "o-", label=label)
    seconds.set(title="Time", xlabel="locations", ylabel="s", xscale="log", yscale="log")
    for key, label in (
        ("peak_tree_mb", "import, all processes"),
        ("peak_mb", "import"),
        ("load_peak_mb", "load"),
        ("snapshot_mb", "snapshot on disk"),
    ):
        if all(run[key] is not None for run in runs):
            memory.plot(sizes, [run[key] for run in runs], "o-", label=label)
    memory.set(title="Size", xlabel="locations", ylabel="MB", xscale="log", yscale="log")
    for ax in (seconds, memory):
        ax.grid(alpha=0.3)
        ax.legend()
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="import",
    summary="a sheet to a ready engine, in a fresh process: time by phase, and memory",
    add_options=_add_options,
    run=_run,
    tables={"import": _table},
    plot=_plot,
)
