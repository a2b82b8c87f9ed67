"""Run everything at once for minutes: is memory flat, and every answer right?"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.processes import rss_mb, run_fresh
from benchmarks.report import Document, Table, machine, number, setting

__all__ = ["BENCHMARK", "flatness", "measure"]

Sample = tuple[float, float]


def measure(
    *, encoder: str, n_locations: int, seconds: float, warmup_s: float, seed: int, quick: bool
) -> dict[str, Any]:
    """Run callers, a writer and a saver in a fresh process, and sample its memory.

    Args:
        encoder: as :func:`benchmarks.encoders.make_encoder` takes it.
        n_locations: of ten rules.
        seconds: how long.
        warmup_s: what is left out of the slope at the beginning.
        seed: of locations and callers.
        quick: replace, save and look more often.
    """
    request = {
        "encoder": encoder,
        "n_locations": n_locations,
        "seconds": seconds,
        "seed": seed,
        "sample_every_s": 0.1 if quick else 1.0,
        "replace_every_s": 0.2 if quick else 2.0,
        "save_every_s": 0.3 if quick else 5.0,
    }
    answer = run_fresh("benchmarks.stress.soak_child", request, watch_memory=False)
    return {
        "encoder": answer["encoder"],
        "warmup_s": warmup_s,
        "counts": answer["counts"],
        **flatness(answer["samples"], warmup_s),
        "samples": answer["samples"],
    }


def flatness(samples: Sequence[Sample], warmup_s: float) -> dict[str, float]:
    """Fit the slope of memory after the warm-up.

    Args:
        samples: pairs of seconds and resident MB.
        warmup_s: samples before are left out.

    Returns:
        ``slope_mb_per_min``, and the memory of the ``first``, the ``last`` and the ``most``.
    """
    kept = np.array([sample for sample in samples if sample[0] >= warmup_s], np.float64)
    if len(kept) < 2:
        return dict.fromkeys(("slope_mb_per_min", "first_mb", "last_mb", "most_mb"), float("nan"))
    slope, _ = np.polyfit(kept[:, 0] / 60.0, kept[:, 1], 1)
    memory = kept[:, 1]
    return {
        "slope_mb_per_min": float(slope),
        "first_mb": float(memory[0]),
        "last_mb": float(memory[-1]),
        "most_mb": float(memory.max()),
    }


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, help="how long (10)")
    parser.add_argument("--locations", type=int, help="how many (5,000)")


def _unavailable(_: Namespace) -> str | None:
    return None if rss_mb() is not None else "soak reads its memory from /proc, which is not here"


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    minutes = options.minutes or (0.04 if quick else 10.0)
    n_locations = options.locations or (50 if quick else 5_000)
    warmup_s = min(60.0, minutes * 60 / 5)
    results = measure(
        encoder=options.encoder,
        n_locations=n_locations,
        seconds=minutes * 60,
        warmup_s=warmup_s,
        seed=options.seed,
        quick=quick,
    )
    meta = machine(seed=options.seed, encoder=results.pop("encoder"))
    parameters = {"quick": quick, "minutes": minutes, "locations": n_locations, "rules": 10}
    return Document("soak", meta, parameters, results)


def _table(document: Document) -> Table:
    results, parameters = document.results, document.parameters
    counts = results["counts"]

    def count(key: str) -> str:
        return f"{counts.get(key, 0):,}"

    rows = [
        ["decisions by `route`", count("route")],
        ["decisions by `aroute`", count("aroute")],
        ["catalogs replaced", count("replace")],
        ["snapshots saved and loaded", count("save_and_load")],
        ["wrong answers", count("wrong")],
        ["answers not by the rules (degraded, overloaded)", count("not_routed")],
        ["resident after warm-up, MB", number(results["first_mb"], 0)],
        ["resident at the end, MB", number(results["last_mb"], 0)],
        ["resident at most, MB", number(results["most_mb"], 0)],
        ["slope, MB/min", number(results["slope_mb_per_min"], 2)],
    ]
    note = (
        f"{parameters['minutes']:g} minutes, {parameters['locations']:,} locations x "
        f"{parameters['rules']} rules, all in one process at the same time. A right answer holds "
        "the number that its rule has at that location in that version. Slope: least squares "
        f"after {results['warmup_s']:.0f} s. {setting(document.meta)}."
    )
    return Table("Minutes of everything at once", ("what", "figure"), rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    seconds, memory = zip(*document.results["samples"], strict=True)
    ax.plot([s / 60 for s in seconds], memory)
    ax.axvline(document.results["warmup_s"] / 60, color="k", ls=":", label="end of warm-up")
    ax.set(title="Resident memory", xlabel="minutes", ylabel="MB", ylim=(0, None))
    ax.grid(alpha=0.3)
    ax.legend()
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="soak",
    summary="minutes of callers, replacements and snapshots: memory flat, no answer wrong",
    add_options=_add_options,
    run=_run,
    tables={"soak": _table},
    plot=_plot,
    unavailable=_unavailable,
)
