"""How often the right destination is chosen, and how often none if none is right."""

from __future__ import annotations

import os
import random
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.cases import OUT_OF_SCOPE, CaseFile, read_cases
from benchmarks.encoders import RememberingEncoder, make_encoder
from benchmarks.report import ROOT, Document, Table, machine, number, setting
from benchmarks.timing import interleaved_ns, percentiles_us
from routing_engine import Encoder, Outcome, RoutingEngine, RoutingPolicy
from routing_engine.matching.scoring import threshold_for
from routing_engine.quality.evaluation import picked
from routing_engine.quality.metrics import auroc, fraction, protocol, right_at_leak

__all__ = [
    "BENCHMARK",
    "DEFAULT_FILE",
    "FOLDER_VARIABLE",
    "Answers",
    "arguments_for_all",
    "ask",
    "folder_files",
    "measure",
]

FOLDER_VARIABLE = "ROUTING_ENGINE_EVAL"
"""Environment variable that names a folder of further case files for ``all``."""

DEFAULT_FILE = ROOT / "data" / "eval.jsonl"


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of an engine, one entry per query.

    Attributes:
        kind: of the query.
        is_best: the most confident rule is the right one, thresholds aside.
        is_picked: a rule was picked.
        is_right: the right rule was picked.
        confidence: of the most confident rule.
    """

    kind: npt.NDArray[np.str_]
    is_best: npt.NDArray[np.bool_]
    is_picked: npt.NDArray[np.bool_]
    is_right: npt.NDArray[np.bool_]
    confidence: npt.NDArray[np.float64]

    def transferred_at(self, threshold: float) -> float:
        """Return the share of unmatched queries whose best rule reaches a threshold."""
        return fraction(self.confidence[self.kind != "in"] >= threshold)

    def metrics(self) -> dict[str, Any]:
        """Compute every metric, over all queries and by kind."""
        in_scope = self.kind == "in"
        confidence = self.confidence[in_scope]
        is_best = self.is_best[in_scope]
        kinds: dict[str, Any] = {}
        for kind in OUT_OF_SCOPE:
            of_kind = self.kind == kind
            if not of_kind.any():
                continue
            kinds[kind] = {
                "n": int(of_kind.sum()),
                "held": fraction(~self.is_picked[of_kind]),
                "auroc": auroc(confidence, self.confidence[of_kind]),
                "right5": right_at_leak(confidence, is_best, self.confidence[of_kind]),
            }
        return {
            **protocol(
                in_scope=in_scope,
                is_best=self.is_best,
                is_picked=self.is_picked,
                is_right=self.is_right,
                confidence=self.confidence,
            ),
            "kinds": kinds,
        }


def ask(engine: RoutingEngine, cases: CaseFile) -> Answers:
    """Route every query."""
    decisions = engine.route_many([(query.location_id, query.text) for query in cases.queries])
    best = [decision.candidates[:1] for decision in decisions]
    labels = [query.label for query in cases.queries]
    rules = [picked(decision) for decision in decisions]
    return Answers(
        kind=np.array([query.kind for query in cases.queries], np.str_),
        is_best=np.array(
            [bool(top) and top[0].label == label for top, label in zip(best, labels, strict=True)],
            np.bool_,
        ),
        is_picked=np.array([rule is not None for rule in rules], np.bool_),
        is_right=np.array(
            [
                label is not None and rule == label
                for rule, label in zip(rules, labels, strict=True)
            ],
            np.bool_,
        ),
        confidence=np.array([top[0].confidence if top else 0.0 for top in best], np.float64),
    )


RATES = (0.01, 0.02, 0.05)
"""False transfer rates that policies are measured at."""


def questions(cases: CaseFile, encoder: Encoder, *, with_examples: bool) -> dict[str, int]:
    """Measure the default margin: how often callers are asked which of two rules they mean.

    Returns:
        Counts of queries: ``picked`` a rule without questions, and ``wrong`` of these; of the
        questions, those ``instead_of_wrong``, ``instead_of_right`` and ``instead_of_default``,
        and of the last those ``helpful``, one of the two rules being the right one.
    """
    locations = cases.locations(with_examples=with_examples)
    asked = [(query.location_id, query.text) for query in cases.queries]
    silent = RoutingEngine(locations, encoder=encoder, policy=RoutingPolicy(margin=0.0))
    asking = RoutingEngine(locations, encoder=encoder)
    found = dict.fromkeys(
        (
            *("picked", "wrong", "instead_of_wrong", "instead_of_right", "instead_of_default"),
            "helpful",
        ),
        0,
    )
    for query, before, after in zip(
        cases.queries, silent.route_many(asked), asking.route_many(asked), strict=True
    ):
        rule = picked(before)
        is_right = rule is not None and rule == query.label
        found["picked"] += rule is not None
        found["wrong"] += rule is not None and not is_right
        if after.outcome is Outcome.CLARIFY:
            kind = "default" if rule is None else "right" if is_right else "wrong"
            found[f"instead_of_{kind}"] += 1
            two = [candidate.label for candidate in after.candidates[:2]]
            found["helpful"] += rule is None and query.label in two
    return found


def measure(
    files: Sequence[CaseFile], encoder: Encoder, *, n_timed: int, seed: int
) -> list[dict[str, Any]]:
    """Measure each file, with each rule's ``when`` alone and with its examples.

    Args:
        files: the cases.
        encoder: what embeds.
        n_timed: single decisions timed for each, encoding included.
        seed: of which ones.
    """
    memory = RememberingEncoder(encoder)
    return [_measure_file(cases, memory, n_timed, seed) for cases in files]


def _measure_file(
    cases: CaseFile, memory: RememberingEncoder, n_timed: int, seed: int
) -> dict[str, Any]:
    fewest, most = cases.n_examples
    conditions = {"when": False}
    if most:
        conditions[f"when+{fewest}" if fewest == most else f"when+{fewest}-{most}"] = True
    memory.remembers = True

    def engines() -> dict[str, RoutingEngine]:
        return {
            name: RoutingEngine(cases.locations(with_examples=with_examples), encoder=memory)
            for name, with_examples in conditions.items()
        }

    answers = {name: ask(engine, cases) for name, engine in engines().items()}
    metrics = {
        name: {
            **of.metrics(),
            "questions": questions(cases, memory, with_examples=conditions[name]),
            "rates": {str(rate): of.transferred_at(threshold_for(rate)) for rate in RATES},
        }
        for name, of in answers.items()
    }
    fresh = engines()  # these have not heard the queries that they are timed with
    memory.remembers = False
    chance = random.Random(f"accuracy {seed}")
    n_calls = min(n_timed + 10, len(cases.queries))
    timed = [(query.location_id, query.text) for query in chance.sample(cases.queries, n_calls)]
    latencies = interleaved_ns(
        {name: (engine.route, timed) for name, engine in fresh.items()},
        block=10,
        warmup=min(10, n_calls // 2),
    )
    kinds = [query.kind for query in cases.queries]
    return {
        "file": cases.name,
        "sha256": cases.sha256,
        "n_locations": len(cases.rules),
        "n_rules": sum(map(len, cases.rules.values())),
        "n_queries": {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
        "conditions": {
            name: {**metrics[name], "p50_us": percentiles_us(latencies[name])["p50_us"]}
            for name in conditions
        },
    }


def folder_files() -> list[Path]:
    """Return the case files of the folder that the environment names."""
    folder = os.environ.get(FOLDER_VARIABLE, "")
    return sorted(Path(folder).glob("*.jsonl")) if folder else []


def arguments_for_all() -> list[str]:
    """Return the project's own case files, and those of the folder that the environment names."""
    return [str(path) for path in (DEFAULT_FILE, *folder_files())]


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files", type=Path, nargs="*", metavar="FILE", help="case files (data/eval.jsonl)"
    )


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    n_timed = 20 if quick else 200
    files = [read_cases(path) for path in options.files or [DEFAULT_FILE]]
    encoder = make_encoder(options.encoder)
    results = measure(files, encoder, n_timed=n_timed, seed=options.seed)
    parameters = {"quick": quick, "timed": n_timed, "calibration_bins": 15}
    meta = machine(seed=options.seed, encoder=encoder.fingerprint)
    return Document("accuracy", meta, parameters, {"files": results})


def _points(value: float | None) -> str:
    return number(None if value is None else 100 * value)


def _table(document: Document) -> Table:
    keys = ("top1", "right", "held", "balanced", "auroc", "right5", "ece")
    rows = [
        [
            file["file"],
            condition,
            *(_points(metrics[key]) for key in keys),
            number(metrics["p50_us"] / 1000, 2),
        ]
        for file in document.results["files"]
        for condition, metrics in file["conditions"].items()
    ]
    note = (
        "In percent, but for the last column. top1: the best rule is the right one; right: it is "
        "also confident enough at the shipped default; held: no rule is picked where none is "
        "right; balanced: mean of right and held; right5: right at the threshold that lets 5 % "
        "of the others through; ece: calibration error of the confidence. p50: a whole "
        f"decision, one at a time. {setting(document.meta)}."
    )
    return Table("Accuracy", ("file", "rules", *keys, "p50, ms"), rows, note)


def _kinds_table(document: Document) -> Table:
    rows = [
        [
            file["file"],
            condition,
            kind,
            str(of_kind["n"]),
            *(_points(of_kind[key]) for key in ("held", "auroc", "right5")),
        ]
        for file in document.results["files"]
        for condition, metrics in file["conditions"].items()
        for kind, of_kind in metrics["kinds"].items()
    ]
    note = (
        "Queries for which no rule of the location is right. near: the same business; far: "
        "another domain; oos: something nobody offers."
    )
    columns = ("file", "rules", "kind", "queries", "held", "auroc", "right5")
    return Table("Accuracy by kind", columns, rows, note)


def _questions_table(document: Document) -> Table:
    keys = (
        *("picked", "wrong", "instead_of_wrong", "instead_of_right", "instead_of_default"),
        "helpful",
    )
    rows = [
        [file["file"], condition, *(str(metrics["questions"][key]) for key in keys)]
        for file in document.results["files"]
        for condition, metrics in file["conditions"].items()
    ]
    note = (
        "Queries. Without questions (margin 0) a rule is picked, and is the wrong one or suits "
        "where none does. With the default margin the caller is asked which of two rules is meant: "
        "instead of a wrong transfer, of a right one, or of the default destination; and of the "
        "last, one of the two is the right one."
    )
    columns = (
        *("file", "rules", "picked", "wrong", "question for wrong", "for right", "for default"),
        "of these, one right",
    )
    return Table("Questions", columns, rows, note)


def _rates_table(document: Document) -> Table:
    rows = [
        [
            file["file"],
            condition,
            *(_points(metrics["rates"][str(rate)]) for rate in RATES),
        ]
        for file in document.results["files"]
        for condition, metrics in file["conditions"].items()
    ]
    note = (
        "In percent: of the queries that no rule suits, those whose best rule reaches the "
        "threshold that `RoutingPolicy(false_transfer_rate=...)` takes."
    )
    columns = ("file", "rules", *(f"asked {rate:.0%}" for rate in RATES))
    return Table("False transfers", columns, rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    bars = [
        (f"{file['file']}\n{condition}", metrics)
        for file in document.results["files"]
        for condition, metrics in file["conditions"].items()
    ]
    places = np.arange(len(bars))
    for i, key in enumerate(("right", "held", "balanced")):
        heights = [100 * (metrics[key] or 0.0) for _, metrics in bars]
        ax.bar(places + (i - 1) * 0.27, heights, 0.27, label=key)
    ax.set_xticks(places, [name for name, _ in bars], fontsize=7, rotation=30, ha="right")
    ax.set(title="Accuracy at the shipped default", ylabel="%", ylim=(0, 100))
    ax.grid(alpha=0.3, axis="y")
    figure.legend(loc="outside upper right", ncols=3)
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="accuracy",
    summary="how often the right rule is picked, and none where none is right",
    add_options=_add_options,
    run=_run,
    tables={
        "accuracy": _table,
        "accuracy-kinds": _kinds_table,
        "accuracy-questions": _questions_table,
        "accuracy-rates": _rates_table,
    },
    plot=_plot,
    arguments_for_all=arguments_for_all,
)
