"""What unreviewed proposed examples add to rules that have only a ``when``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.accuracy import DEFAULT_FILE, ask
from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.callers import CORPUS, cases_of
from benchmarks.cases import CaseFile, read_cases
from benchmarks.encoders import RememberingEncoder, make_encoder
from benchmarks.report import Document, Table, machine, number, setting
from routing_engine import Encoder, Location, RoutingEngine, Suggestions
from routing_engine.matching.profiles import background_for
from routing_engine.quality.suggesting import LEAST_CLOSENESS, typical_calls
from routing_engine.training.corpus import read_corpus

__all__ = ["BENCHMARK", "measure"]

NUMBERS = (2, 4, 8)
BARS = (LEAST_CLOSENESS, 0.0)
"""Values of the least closeness of a situation whose utterances are proposed."""
KEYS = ("top1", "right", "held", "balanced", "auroc", "right5")


def measure(cases: CaseFile, encoder: Encoder) -> list[dict[str, Any]]:
    """Measure rules by their ``when`` alone, then with the first proposals as their examples.

    Returns:
        A row a condition: ``bar``, ``per_rule``, the share of rules ``filled``, and metrics.
    """
    locations = cases.locations(with_examples=False)
    plain = RoutingEngine(locations, encoder=encoder)

    def row(engine: RoutingEngine, bar: float | None, n: int, filled: float) -> dict[str, Any]:
        metrics = ask(engine, cases).metrics()
        return {"bar": bar, "per_rule": n, "filled": filled, **{k: metrics[k] for k in KEYS}}

    rows = [row(plain, None, 0, 0.0)]
    for bar in BARS:
        source = typical_calls(encoder, background_for(encoder), least_closeness=bar)
        proposed = [plain.suggest(item.location_id, source=source) for item in locations]
        counts = [len(own) for found in proposed for _, own in found.rules]
        filled = sum(map(bool, counts)) / len(counts)
        for n in NUMBERS:
            added = [_with(*pair, n) for pair in zip(locations, proposed, strict=True)]
            rows.append(row(RoutingEngine(added, encoder=encoder), bar, n, filled))
    return rows


def _with(location: Location, proposed: Suggestions, n: int) -> Location:
    rules = [
        rule.model_copy(update={"examples": tuple(item.text for item in own[:n])})
        for rule, (_, own) in zip(location.rules, proposed.rules, strict=True)
    ]
    return location.model_copy(update={"rules": tuple(rules)})


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="folder (data/callers)")


def _run(options: Namespace) -> Document:
    businesses = read_corpus(options.corpus, "dev")[: 1 if options.quick else None]
    encoder = make_encoder(options.encoder)
    memory = RememberingEncoder(encoder)
    files: Sequence[tuple[str, CaseFile]] = [
        ("callers, dev", cases_of(businesses, "dev")),
        (DEFAULT_FILE.name, read_cases(DEFAULT_FILE)),
    ]
    results = {"files": {name: measure(cases, memory) for name, cases in files}}
    meta = machine(seed=options.seed, encoder=encoder.fingerprint)
    return Document("suggest", meta, {"quick": options.quick}, results)


def _table(document: Document) -> Table:
    rows = [
        [
            name,
            "when" if row["bar"] is None else f"when + {row['per_rule']}",
            "" if row["bar"] is None else f"{row['bar']:g}",
            number(100 * row["filled"]),
            *(number(100 * row[key]) for key in KEYS),
        ]
        for name, found in document.results["files"].items()
        for row in found
    ]
    note = (
        "In percent; columns as in the table of accuracy. Proposals are added unread, the first "
        "2, 4 or 8 of each rule; closeness: least cosine of a situation to the rule, 0.6 as "
        f"shipped; filled: rules that get any. {setting(document.meta)}."
    )
    return Table("Proposals", ("cases", "rules", "closeness", "filled", *KEYS), rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    for name, found in document.results["files"].items():
        shown = [row for row in found if row["bar"] in (None, BARS[0])]
        ax.plot(
            [row["per_rule"] for row in shown],
            [100 * row["balanced"] for row in shown],
            marker="o",
            label=name,
        )
    ax.set(title="Proposals added unread", xlabel="examples a rule", ylabel="balanced, %")
    ax.grid(alpha=0.3)
    figure.legend(loc="outside upper right", ncols=2)
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="suggest",
    summary="what proposed examples are worth, added unread",
    add_options=_add_options,
    run=_run,
    tables={"suggest": _table},
    plot=_plot,
)
