"""How long a page of calls with totals takes, over many stored decisions."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.encoders import make_encoder
from benchmarks.report import Document, Table, machine, number, setting
from routing_engine.store import DecisionRow, Store

__all__ = ["BENCHMARK", "measure"]

DAYS = 90
RULES = 10
BATCH = 10_000
PAGE = 50
START = datetime(2026, 1, 1, tzinfo=UTC)

QUESTIONS: dict[str, dict[str, Any]] = {
    "all": {},
    "time": {
        "since": START + timedelta(days=20, hours=7),
        "until": START + timedelta(days=70, hours=13),
    },
    "outcome": {"outcome": "default"},
    "rule": {"rule": "Rule 3"},
    "time, outcome and rule": {
        "since": START + timedelta(days=20, hours=7),
        "until": START + timedelta(days=70, hours=13),
        "outcome": "transfer",
        "rule": "Rule 3",
    },
    "part of a day": {
        "since": START + timedelta(days=20, hours=7),
        "until": START + timedelta(days=20, hours=19),
    },
}
"""Question -> filters of the list and of its totals."""


def drawn_outcome(chance: random.Random) -> str:
    """Draw what became of a call."""
    return chance.choices(("transfer", "default", "contain"), (6, 2, 2))[0]


def decision(
    i: int, organisation_id: str, agent_id: str, decided_at: datetime, outcome: str, rule: str
) -> DecisionRow:
    """Return decision ``i``, the only one of its call; ``rule`` took it if it is a transfer."""
    is_transfer = outcome == "transfer"
    return DecisionRow(
        organisation_id=organisation_id,
        id=f"dec_{i:09}",
        call_id=f"cal_{i:09}",
        agent_id=agent_id,
        version=1,
        decided_at=decided_at,
        outcome=outcome,
        reason="rule_matched" if is_transfer else "below_threshold",
        rule=rule if is_transfer else None,
        confidence=0.5,
        transferred=outcome != "contain",
        is_alone=True,
    )


def decisions(n: int, organisation_id: str, agent_id: str, *, seed: int) -> Iterator[DecisionRow]:
    """Generate decisions of one agent, evenly over 90 days, in order."""
    chance = random.Random(f"store {seed}")
    for i in range(n):
        outcome = drawn_outcome(chance)
        rule = f"Rule {chance.randrange(RULES)}" if outcome == "transfer" else ""
        decided_at = START + timedelta(days=DAYS * i / n)
        yield decision(i, organisation_id, agent_id, decided_at, outcome, rule)


def in_batches(made: Iterator[DecisionRow]) -> Iterator[list[DecisionRow]]:
    """Yield decisions as they are stored, so many at once."""
    while some := list(islice(made, BATCH)):
        yield some


def measure(n_decisions: int, *, n_asked: int, seed: int, folder: Path | None) -> dict[str, Any]:
    """Store decisions in SQLite, then list calls with their totals.

    Args:
        n_decisions: all of one agent.
        n_asked: times that each question is asked.
        seed: of the decisions.
        folder: where the database goes meanwhile; None for the system's temporary folder.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=folder) as temporary:
        path = Path(temporary, "routing.db")
        with Store.open(f"sqlite:///{path}") as store:
            organisation_id = store.create_organisation("Acme")
            with store.work(organisation_id) as work:
                agent_id = work.agents.create("Downtown", None, {}).id
            made = decisions(n_decisions, organisation_id, agent_id, seed=seed)
            write_s = 0.0
            for some in in_batches(made):
                began = time.perf_counter()
                store.add_decisions(some)
                write_s += time.perf_counter() - began
            asked = []
            for question, filters in QUESTIONS.items():
                taken = []
                for _ in range(n_asked):
                    began = time.perf_counter()
                    with store.read(organisation_id) as work:
                        work.calls.page(agent_id, PAGE, **filters)
                        totals = work.calls.totals(agent_id, **filters)
                    taken.append((time.perf_counter() - began) * 1e3)
                asked.append(
                    {
                        "question": question,
                        "calls": totals.calls,
                        "p50_ms": statistics.median(taken),
                        "max_ms": max(taken),
                    }
                )
        return {
            "write_s": write_s,
            "database_mb": path.stat().st_size / 1e6,
            "asked": asked,
        }


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--decisions", type=int, help="decisions stored (1,000,000)")
    parser.add_argument("--asked", type=int, help="times that each question is asked (50)")
    add_scratch_option(parser)


def add_scratch_option(parser: ArgumentParser) -> None:
    """Let the database of a million decisions be put elsewhere."""
    parser.add_argument(
        "--scratch", type=Path, metavar="DIR", help="for the database; a million decisions need "
        "1 GB there for some minutes (the system's temporary folder)"
    )  # fmt: skip


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    n_decisions = options.decisions or (500 if quick else 1_000_000)
    n_asked = options.asked or (3 if quick else 50)
    results = measure(n_decisions, n_asked=n_asked, seed=options.seed, folder=options.scratch)
    parameters = {"quick": quick, "decisions": n_decisions, "asked": n_asked, "page": PAGE}
    # Nothing is embedded; the encoder is named as in every result.
    meta = machine(seed=options.seed, encoder=make_encoder(options.encoder).fingerprint)
    return Document("store", meta, parameters, results)


def _table(document: Document) -> Table:
    results, parameters = document.results, document.parameters
    rows = [
        [
            asked["question"],
            f"{asked['calls']:,}",
            number(asked["p50_ms"]),
            number(asked["max_ms"]),
        ]
        for asked in results["asked"]
    ]
    note = (
        f"A page of {parameters['page']} calls with the totals of all that the filter lets "
        f"through, {parameters['decisions']:,} decisions of one agent stored in SQLite, "
        f"{parameters['asked']} times each. Storing them in batches of {BATCH:,} took "
        f"{number(results['write_s'], 0)} s and {number(results['database_mb'], 0)} MB. "
        f"{setting(document.meta)}."
    )
    return Table("Store", ("filter", "calls", "p50, ms", "most, ms"), rows, note)


def _plot(document: Document, path: Path) -> None:
    asked = document.results["asked"]
    figure, (ax,) = new_plot()
    ax.barh([item["question"] for item in asked], [item["p50_ms"] for item in asked])
    ax.set(title="A page of calls with totals", xlabel="ms, median")
    ax.invert_yaxis()
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="store",
    summary="a page of calls with totals over a million stored decisions",
    add_options=_add_options,
    run=_run,
    tables={"store": _table},
    plot=_plot,
)
