"""Check and import a list of stores by the command line: what a brand has before it has rules.

The list is as a store locator exports it: addresses, coordinates, opening hours and dates, a fax
beside each phone number. Nothing of it is named as the engine names it.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from benchmarks.benchmark import Benchmark, ClaimError, new_plot, save_plot
from benchmarks.encoders import make_encoder
from benchmarks.generate import franchise_columns
from benchmarks.processes import BenchmarkProcessError, TreeSampler
from benchmarks.report import ROOT, Document, Table, machine, number, setting
from routing_engine import RoutingEngine
from routing_engine.catalog.columns import LocationColumns

__all__ = ["BENCHMARK", "measure"]

MOST_S = {"check": 15.0, "import": 30.0}
MOST_MB = 300.0
"""What the commands may take with 200,000 stores on two cores."""

HEADER = (
    "Store Number", "Store Name", "Street Address", "City", "State", "Zip", "Phone Number", "Fax",
    "Website", "Latitude", "Longitude", "Hours", "Time Zone", "Opened",
)  # fmt: skip


def write_store_list(path: Path, stores: LocationColumns) -> None:
    """Write the stores as a list, a row each; the phone number is the default destination."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for i, (store, name) in enumerate(zip(stores.ids, stores.names, strict=True)):
            digits = str(stores.defaults[i])[1:]
            phone = f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"
            writer.writerow(
                (
                    store, name, f"{i} Elm Street", name.rpartition(" ")[0], "CA",
                    f"{10_000 + i % 89_999}", phone, phone, f"https://stores.example/{i}",
                    f"{25 + i % 24 + i / 1e6:.6f}", f"{-70 - i % 54 - i / 1e6:.6f}",
                    f"Mon-Fri {8 + i % 3}am-{4 + i % 6}pm; Sat 10am-{4 + i % 3}pm",
                    stores.sites[stores.site[i]].timezone,
                    f"20{i % 20:02}-{1 + i % 12:02}-{1 + i % 28:02}",
                )
            )  # fmt: skip


def _command(*arguments: str) -> dict[str, Any]:
    """Run the command line; return its wall and processor seconds, and the most memory."""
    before = os.times()
    started_s = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "routing_engine.cli", *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    sampler = TreeSampler(process.pid, counts_once=True)
    said, _ = process.communicate()
    wall_s = time.perf_counter() - started_s
    after = os.times()
    peak_mb = sampler.stop()
    if process.returncode:
        raise BenchmarkProcessError(f"{arguments[0]} exited with {process.returncode}:\n{said}")
    cpu_s = sum(after[2:4]) - sum(before[2:4])
    return {"wall_s": wall_s, "cpu_s": cpu_s, "peak_tree_mb": peak_mb}


def measure(n_stores: int, *, encoder: str, seed: int) -> dict[str, Any]:
    """Check a list of stores, and import it.

    Args:
        n_stores: rows of the list.
        encoder: as the command line takes it.
        seed: of the list.
    """
    stores = franchise_columns(n_stores, n_rules=1, n_profiles=1, examples=0, seed=seed)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        sheet, snapshot = Path(folder, "stores.csv"), Path(folder, "snapshot")
        write_store_list(sheet, stores)
        named = ("--encoder", encoder)
        runs = {
            "check": _command("check", os.fspath(sheet), *named),
            "import": _command("import", os.fspath(sheet), "--out", os.fspath(snapshot), *named),
        }
        engine = RoutingEngine.load(snapshot, encoder=make_encoder(encoder))
        found = engine.columns
        same = (
            len(found) == n_stores and found.n_rules == 0 and tuple(found.ids) == tuple(stores.ids)
        )
        n_wrong = int((found.defaults != stores.defaults).sum()) if same else n_stores
        n_hours = sum(
            engine.location(store).business_hours is not None
            for store in list(engine.location_ids())[:: max(1, n_stores // 1000)]
        )
        return {
            "sheet_mb": sheet.stat().st_size / 1e6,
            "runs": runs,
            "n_wrong": n_wrong,
            "with_hours": n_hours,
            "encoder": engine.encoder.fingerprint,
        }


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--stores", type=int, help="rows of the list (200,000)")


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    n_stores = options.stores or (200 if quick else 200_000)
    results = measure(n_stores, encoder=options.encoder, seed=options.seed)
    problems = [f"{results['n_wrong']} stores came out wrong"] if results["n_wrong"] else []
    if not quick:
        for name, run in results["runs"].items():
            if run["wall_s"] > MOST_S[name]:
                problems.append(f"{name} took {run['wall_s']:.1f} s, more than {MOST_S[name]:.0f}")
        checked_mb = results["runs"]["check"]["peak_tree_mb"]
        if checked_mb is not None and checked_mb > MOST_MB:
            problems.append(f"check took {checked_mb:.0f} MB, more than {MOST_MB:.0f}")
    if problems:
        raise ClaimError("; ".join(problems))
    meta = machine(seed=options.seed, encoder=results.pop("encoder"))
    return Document("store-list", meta, {"quick": quick, "stores": n_stores}, results)


def _table(document: Document) -> Table:
    results = document.results
    rows = [
        [f"`routing-engine {name}`", *(number(run[key], 1) for key in ("wall_s", "cpu_s")),
         number(run["peak_tree_mb"], 0)]
        for name, run in results["runs"].items()
    ]  # fmt: skip
    note = (
        f"{document.parameters['stores']:,} stores, {len(HEADER)} columns, "
        f"{number(results['sheet_mb'], 0)} MB of CSV, without a flag or a mapped header. Most "
        "memory: of the process and its helpers together, pages that they share counted once (PSS), "
        "sampled. Stores that came out wrong: "
        f"{results['n_wrong']}. {setting(document.meta)}."
    )
    return Table("A list of stores", ("command", "s", "processor s", "most memory, MB"), rows, note)


def _plot(document: Document, path: Path) -> None:
    runs = document.results["runs"]
    figure, (ax,) = new_plot()
    ax.bar(list(runs), [run["wall_s"] for run in runs.values()])
    ax.set_ylabel("s")
    ax.set_title(f"A list of {document.parameters['stores']:,} stores")
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="store-list",
    summary="a list of stores through check and import, as the command line runs them",
    add_options=_add_options,
    run=_run,
    tables={"store-list": _table},
    plot=_plot,
)
