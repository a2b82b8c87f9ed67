"""Ten million decisions with everything that goes wrong: does one have a wrong number?"""

from __future__ import annotations

import os
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.benchmark import Benchmark, ClaimError, new_plot, save_plot
from benchmarks.processes import rss_mb, run_fresh
from benchmarks.report import Document, Table, machine, number, setting
from benchmarks.stress.soak import flatness
from routing_engine import HashingEncoder

__all__ = ["BENCHMARK", "measure"]


def measure(*, n_decisions: int, n_locations: int, seed: int, quick: bool) -> dict[str, Any]:
    """Run as many processes as there are cores, each with its share of the decisions.

    Args:
        n_decisions: of all together.
        n_locations: of each process, in families whose ids look alike.
        seed: of locations, callers and faults.
        quick: replace and save more often.

    Raises:
        ClaimError: a decision had another number than its rule, or a fault was not noticed.
    """
    n = 1 if quick else os.cpu_count() or 1
    requests = [
        {
            "encoder": "hashing",
            "n_locations": n_locations,
            "decisions": -(-n_decisions // n),
            "seed": seed + i,
            "sample_every_s": 0.05 if quick else 1.0,
            "replace_every_s": 0.1 if quick else 1.0,
            "save_every_s": 0.2 if quick else 5.0,
        }
        for i in range(n)
    ]
    began_s = time.perf_counter()
    with ThreadPoolExecutor(n) as pool:
        answers = list(
            pool.map(
                lambda asked: run_fresh(
                    "benchmarks.stress.endurance_child", asked, watch_memory=False
                ),
                requests,
            )
        )
    took_s = time.perf_counter() - began_s
    counts: Counter[str] = Counter()
    for answer in answers:
        counts.update(answer["counts"])
    if counts["wrong"]:
        raise ClaimError(f"{counts['wrong']:,} wrong of {dict(counts)}")
    samples = answers[0]["samples"]
    return {
        "processes": n,
        "counts": dict(sorted(counts.items())),
        "took_s": took_s,
        # Of one of them.
        **flatness(samples, 0.2 * samples[-1][0] if samples else 0.0),
        "samples": samples[:: max(1, len(samples) // 500)],
    }


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--decisions", type=float, help="how many (1e7)")
    parser.add_argument("--locations", type=int, help="of each process (2,000)")


def _unavailable(_: Namespace) -> str | None:
    return None if rss_mb() is not None else "endurance reads /proc, which is not here"


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    n_decisions = int(options.decisions or (500 if quick else 1e7))
    n_locations = options.locations or (80 if quick else 2_000)
    results = measure(
        n_decisions=n_decisions, n_locations=n_locations, seed=options.seed, quick=quick
    )
    meta = machine(seed=options.seed, encoder=HashingEncoder().fingerprint)
    parameters = {"quick": quick, "decisions": n_decisions, "locations": n_locations, "rules": 10}
    return Document("endurance", meta, parameters, results)


def _table(document: Document) -> Table:
    results, parameters = document.results, document.parameters
    counts = results["counts"]

    def count(*keys: str) -> str:
        return f"{sum(counts.get(key, 0) for key in keys):,}"

    rows = [
        ["decisions", count("route", "aroute")],
        ["asked by an id that only looks like one", count("strangers")],
        ["wrong numbers", count("wrong")],
        ["answers not by the rules (degraded, overloaded, too late)", count("not_routed")],
        ["catalogs replaced, changes applied", count("replace", "apply")],
        ["changes that were refused", count("refused")],
        ["faults of the encoder", count("faults")],
        ["snapshots saved and loaded", count("save_and_load")],
        ["of them damaged, and refused", count("damaged")],
        ["hours", number(results["took_s"] / 3600, 1)],
        ["slope of memory, MB/min", number(results["slope_mb_per_min"], 2)],
    ]
    note = (
        f"{results['processes']} processes with {parameters['locations']:,} locations of "
        f"{parameters['rules']} rules each. Ids come in families of eight that look alike: in "
        "another case, composed otherwise, with a zero-width space, a Cyrillic letter, another "
        "hyphen. A right answer holds the number that its rule has at that very location in that "
        "version, or the location's default; an id that is nobody's is an error. Faults, short "
        f"deadlines, refused changes and damaged snapshots come in between. {setting(document.meta)}."
    )
    return Table("Ten million decisions", ("what", "figure"), rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    seconds, memory = zip(*document.results["samples"], strict=True)
    ax.plot([s / 60 for s in seconds], memory)
    ax.set(title="Resident memory of one process", xlabel="minutes", ylabel="MB", ylim=(0, None))
    ax.grid(alpha=0.3)
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="endurance",
    summary="ten million decisions with churn, faults and look-alike ids: none wrong",
    add_options=_add_options,
    run=_run,
    tables={"endurance": _table},
    plot=_plot,
    unavailable=_unavailable,
)
