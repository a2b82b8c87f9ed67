"""How long a decision takes at several sizes: encoding, and everything else."""

from __future__ import annotations

import random
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.encoders import RememberingEncoder, make_encoder
from benchmarks.generate import franchise_columns, utterances
from benchmarks.report import Document, Table, machine, number, setting
from benchmarks.timing import interleaved_ns, percentiles_us
from routing_engine import Encoder, RoutingEngine
from routing_engine.model.destinations import DEFAULT_DIAL_POLICY

__all__ = ["BENCHMARK", "Case", "measure"]

N_UTTERANCES = 1_000


@dataclass(frozen=True, slots=True)
class Case:
    """One engine to measure.

    Attributes:
        n_locations: how many.
        n_rules: rules a location.
        examples: examples a rule.
    """

    n_locations: int
    n_rules: int = 10
    examples: int = 5

    @property
    def name(self) -> str:
        return f"{self.n_locations} x {self.n_rules} rules, {self.n_texts} texts"

    @property
    def n_texts(self) -> int:
        """Number of texts at a location: ``when`` and examples."""
        return self.n_rules * (1 + self.examples)


SIZES = (Case(100), Case(10_000), Case(100_000))
SHAPES = (Case(10_000, 12, 0), Case(10_000, 12, 5))
QUICK = (Case(20), Case(200), Case(50, 12, 0), Case(50, 12, 5))


def measure(
    cases: Sequence[Case],
    encoder: Encoder,
    *,
    n_decisions: int,
    n_whole: int,
    seed: int,
    block: int = 50,
    warmup: int = 100,
) -> dict[str, Any]:
    """Measure the latency of encoding alone, of everything else, and of the whole.

    "Everything else" is ``engine.route`` with an encoder that looks the vector up in a
    dictionary; what the look-up itself costs is in the result, and is not subtracted.

    Args:
        cases: the engines, measured in turns.
        encoder: the encoder whose cost is measured.
        n_decisions: decisions a case without encoding.
        n_whole: decisions a case with encoding, and utterances encoded alone.
        seed: of locations, utterances and their order.
        block: calls of one case before it is the next one's turn.
        warmup: calls of each case beforehand.
    """
    said = utterances(N_UTTERANCES, seed=seed)
    memory = RememberingEncoder(encoder)
    memory.learn(said)
    engines = {
        case.name: RoutingEngine(
            replace(
                franchise_columns(
                    case.n_locations, n_rules=case.n_rules, examples=case.examples, seed=seed
                ),
                dial_policy=DEFAULT_DIAL_POLICY,
            ),
            encoder=memory,
        )
        for case in cases
    }
    chance = random.Random(f"latency {seed}")

    def pairs(engine: RoutingEngine, n: int) -> list[tuple[str, str]]:
        """Return distinct pairs of location and utterance, so that no cache can answer."""
        ids = engine.location_ids()
        drawn = chance.sample(range(len(ids) * len(said)), n)
        return [(ids[k // len(said)], said[k % len(said)]) for k in drawn]

    n_pairs = n_decisions + n_whole + 2 * warmup
    drawn = {name: pairs(engine, n_pairs) for name, engine in engines.items()}
    split = n_decisions + warmup
    rest = interleaved_ns(
        {name: (engine.route, drawn[name][:split]) for name, engine in engines.items()},
        block=block,
        warmup=warmup,
    )
    texts = [([chance.choice(said)],) for _ in range(n_whole + warmup)]
    look_up = interleaved_ns({"": (memory.encode, texts)}, block=block, warmup=warmup)[""]
    memory.remembers = False
    whole = interleaved_ns(
        {
            "": (encoder.encode, texts),
            **{name: (engine.route, drawn[name][split:]) for name, engine in engines.items()},
        },
        block=block,
        warmup=warmup,
    )
    measured = [
        {
            **asdict(case),
            "n_texts": case.n_texts,
            "rest": percentiles_us(rest[case.name]),
            "whole": percentiles_us(whole[case.name]),
        }
        for case in cases
    ]
    return {
        "encode": percentiles_us(whole[""]),
        "look_up_p50_us": percentiles_us(look_up)["p50_us"],
        "cases": measured,
        "ratio": _ratio(measured),
        "mean_words": sum(len(text.split()) for text in said) / len(said),
    }


def _ratio(cases: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return p50 of everything but encoding at the largest size over that at the smallest."""
    shape = (cases[0]["n_rules"], cases[0]["examples"])
    alike = [case for case in cases if (case["n_rules"], case["examples"]) == shape]
    small = min(alike, key=lambda case: int(case["n_locations"]))
    large = max(alike, key=lambda case: int(case["n_locations"]))
    return {
        "n_locations": [small["n_locations"], large["n_locations"]],
        "p50": large["rest"]["p50_us"] / small["rest"]["p50_us"],
    }


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--decisions", type=int, help="decisions a case without encoding (20,000)")
    parser.add_argument("--whole", type=int, help="decisions a case with encoding (2,000)")


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    cases = QUICK if quick else (*SIZES, *SHAPES)
    n_decisions = options.decisions or (200 if quick else 20_000)
    n_whole = options.whole or (40 if quick else 2_000)
    encoder = make_encoder(options.encoder)
    results = measure(
        cases,
        encoder,
        n_decisions=n_decisions,
        n_whole=n_whole,
        seed=options.seed,
        warmup=10 if quick else 100,
    )
    parameters = {
        "quick": quick,
        "decisions": n_decisions,
        "whole": n_whole,
        "garbage_collection": False,
        "profiles": 20,
    }
    meta = machine(seed=options.seed, encoder=encoder.fingerprint)
    return Document("latency", meta, parameters, results)


def _table(document: Document) -> Table:
    results = document.results

    def row(part: str, case: dict[str, Any] | None, figures: dict[str, Any]) -> list[str]:
        locations = "" if case is None else f"{case['n_locations']:,}"
        shape = "" if case is None else f"{case['n_rules']} / {case['n_texts']}"
        return [
            part,
            locations,
            shape,
            *(number(figures[key]) for key in ("p50_us", "p95_us", "p99_us")),
        ]

    rows = [row("encoding alone", None, results["encode"])]
    rows += [row("everything else", case, case["rest"]) for case in results["cases"]]
    rows += [row("`engine.route`", case, case["whole"]) for case in results["cases"]]
    ratio = results["ratio"]
    small, large = ratio["n_locations"]
    note = (
        f"One caller at a time, {results['mean_words']:.0f} words on average, garbage collector "
        "off. Everything else: location, search, scores and decision, with an encoder that looks "
        f"vectors up ({number(results['look_up_p50_us'])} µs, included), at locations as a sheet "
        "yields them: their numbers are checked, and the dial policy is not asked again. Its p50 with "
        f"{large:,} locations is {ratio['p50']:.2f} times that with {small:,}, in the same run. "
        f"{setting(document.meta)}."
    )
    columns = ("µs", "locations", "rules / texts", "p50", "p95", "p99")
    return Table("Latency of a decision", columns, rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, axes = new_plot(2)
    for ax, part, title in zip(
        axes, ("rest", "whole"), ("Everything but encoding", "engine.route"), strict=True
    ):
        for case in document.results["cases"]:
            curve = {float(p): us for p, us in case[part]["curve_us"].items()}
            label = f"{case['n_locations']:,} locations, {case['n_texts']} texts each"
            ax.plot(list(curve), list(curve.values()), label=label)
        if part == "whole":
            curve = {float(p): us for p, us in document.results["encode"]["curve_us"].items()}
            ax.plot(list(curve), list(curve.values()), "k--", label="encoding alone")
        ax.set(title=title, xlabel="percentile", ylabel="µs", yscale="log")
        ax.grid(alpha=0.3, which="both")
        ax.legend()
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="latency",
    summary="encoding, everything else and the whole of a decision, at several sizes",
    add_options=_add_options,
    run=_run,
    tables={"latency": _table},
    plot=_plot,
)
