"""The table of the landing page, with figures of several benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.report import Document, Table, number

__all__ = ["NEEDED", "table"]

NEEDED = ("latency", "throughput", "accuracy", "peer", "cold-start", "scale")
"""Benchmarks whose results are summarised."""

_SHOWN = (
    ("clinc150.test", "CLINC150, test; its training split was learnt from"),
    ("banking77.test", "BANKING77, test; likewise"),
    ("eval", "telephone-style cases"),
)


def table(documents: Mapping[str, Document]) -> Table:
    """Return the most important figures, one per row.

    Args:
        documents: results by benchmark; all of :data:`NEEDED`.
    """
    results = {name: documents[name].results for name in NEEDED}
    most = max(results["latency"]["cases"], key=lambda case: case["n_locations"])
    crowd = max(
        (run for run in results["throughput"]["runs"] if run["way"] != "threads"),
        key=lambda run: run["callers"],
    )
    largest = max(results["scale"]["runs"], key=lambda run: run["n_locations"])
    files = {file["file"]: file["conditions"] for file in results["accuracy"]["files"]}
    total = results["cold-start"]["total"]
    rows = [
        (
            f"a decision, {most['n_locations']:,} locations: p50 / p99",
            f"{_ms(most['whole']['p50_us'])} / {_ms(most['whole']['p99_us'])} ms",
        ),
        ("of it, all but encoding: p50", f"{number(most['rest']['p50_us'], 0)} µs"),
        (f"{crowd['callers']} concurrent callers", f"{crowd['decisions_per_s']:,.0f} decisions/s"),
        (
            "times as fast as semantic-router, a router per location",
            number(results["peer"]["ratios"]["router a location to engine"], 1),
        ),
        *(_accuracy(title, files[name]) for name, title in _SHOWN if name in files),
        ("from process start to the first decision", f"{number(total['median_ms'], 0)} ms"),
        (
            f"memory of a process with {largest['n_locations']:,} locations",
            f"{number(largest['resident_mb'], 0)} MB",
        ),
    ]
    return Table("In short", ("what", "figure"), rows, note=_note(documents))


def _accuracy(title: str, conditions: Mapping[str, Any]) -> tuple[str, str]:
    """Return the accuracy with examples."""
    name = next(name for name in conditions if name != "when")
    with_examples = conditions[name]
    right, held = (number(100 * with_examples[key], 1) for key in ("right", "held"))
    return f"{title}: right rule picked / none where none is right", f"{right} / {held} %"


def _ms(us: float) -> str:
    return number(us / 1000, 1)


def _note(documents: Mapping[str, Document]) -> str:
    meta = documents["latency"].meta
    place = f"{meta['cpu']}, {meta['cores']} cores"
    return (
        f"{place}. Rules with examples, shipped defaults, one process; each row is of its own run."
    )
