"""Decisions a second and latency under concurrent callers, by event loop and by threads.

Closed loop: a caller asks again as soon as it has its answer.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.encoders import make_encoder
from benchmarks.generate import franchise_columns, utterances
from benchmarks.report import Document, Table, machine, number, setting
from benchmarks.timing import Latencies, no_garbage_collection, percentiles_us
from routing_engine import Encoder, Outcome, Reason, RoutingEngine

__all__ = ["BENCHMARK", "measure"]

CALLERS = (1, 8, 64)
WAYS = {"async": "`aroute`, tasks", "threads": "`route`, threads"}
N_ROUNDS = 5

Query = tuple[str, str]


def measure(
    encoder: Encoder,
    *,
    callers: Sequence[int],
    n_locations: int,
    n_decisions: int,
    seed: int,
    n_rounds: int = N_ROUNDS,
) -> list[dict[str, Any]]:
    """Measure throughput and latency by number of callers, in turns.

    Args:
        encoder: of the engine, whose cache of decisions is off.
        callers: numbers of concurrent callers; the first is what gains are relative to.
        n_locations: of ten rules.
        n_decisions: for each number and way, over all rounds.
        seed: of locations and utterances.
        n_rounds: turns; whatever else the machine does falls on all alike.
    """
    engine = RoutingEngine(franchise_columns(n_locations, seed=seed), encoder=encoder, cache_size=0)
    said = utterances(min(n_decisions, 10_000), seed=seed)
    chance = random.Random(f"throughput {seed}")
    ids = engine.location_ids()
    per_round = n_decisions // n_rounds
    asking = {"async": _by_tasks, "threads": _by_threads}
    taken: dict[tuple[str, int], list[Latencies]] = {}
    elapsed_s: dict[tuple[str, int], float] = {}
    n_failed: dict[tuple[str, int], int] = {}
    for k in range(-1, n_rounds):  # one round to warm up
        start = max(k, 0) * per_round
        texts = [said[i % len(said)] for i in range(start, start + per_round)]
        for way, ask in asking.items():
            for n in callers:
                queries = [(chance.choice(ids), text) for text in texts]
                with no_garbage_collection():
                    before_s = time.perf_counter()
                    samples, failed = ask(engine, queries, n)
                    spent_s = time.perf_counter() - before_s
                if k < 0:
                    continue
                taken.setdefault((way, n), []).append(np.array(samples, np.int64))
                elapsed_s[way, n] = elapsed_s.get((way, n), 0.0) + spent_s
                n_failed[way, n] = n_failed.get((way, n), 0) + failed
    measured = []
    for way in asking:
        single = _rate(taken[way, callers[0]], elapsed_s[way, callers[0]])
        p50_us = percentiles_us(np.concatenate(taken[way, callers[0]]))["p50_us"]
        for n in callers:
            rate = _rate(taken[way, n], elapsed_s[way, n])
            latency = percentiles_us(np.concatenate(taken[way, n]))
            gain = rate / single
            measured.append(
                {
                    "way": way,
                    "callers": n,
                    "decisions_per_s": rate,
                    "gain": gain,
                    "p99_to_fair": latency["p99_us"] / (p50_us * n / gain),
                    "n_failed": n_failed[way, n],
                    **latency,
                }
            )
    return measured


def _rate(samples: Sequence[Latencies], elapsed_s: float) -> float:
    return sum(map(len, samples)) / elapsed_s


_FAILED = frozenset({Reason.ENGINE_DEGRADED, Reason.OVERLOADED, Reason.DEADLINE_EXCEEDED})


def _by_tasks(
    engine: RoutingEngine, queries: Sequence[Query], n_callers: int
) -> tuple[list[int], int]:
    """Time each decision by tasks, in nanoseconds; count failures."""
    clock = time.perf_counter_ns

    async def caller(mine: Iterator[Query]) -> tuple[list[int], int]:
        taken, failed = [], 0
        for location_id, text in mine:
            before = clock()
            decision = await engine.aroute(location_id, text)
            taken.append(clock() - before)
            failed += decision.outcome is Outcome.DEFAULT and decision.reason in _FAILED
        return taken, failed

    async def all_of_them() -> list[tuple[list[int], int]]:
        shared = iter(queries)
        return list(await asyncio.gather(*(caller(shared) for _ in range(n_callers))))

    return _together(asyncio.run(all_of_them()))


def _by_threads(
    engine: RoutingEngine, queries: Sequence[Query], n_callers: int
) -> tuple[list[int], int]:
    """Time decisions as :func:`_by_tasks`, with a thread per caller."""
    clock = time.perf_counter_ns
    answers: list[tuple[list[int], int]] = []
    start = threading.Barrier(n_callers)

    def caller(mine: Sequence[Query]) -> None:
        taken, failed = [], 0
        start.wait()
        for location_id, text in mine:
            before = clock()
            decision = engine.route(location_id, text)
            taken.append(clock() - before)
            failed += decision.outcome is Outcome.DEFAULT and decision.reason in _FAILED
        answers.append((taken, failed))

    threads = [
        threading.Thread(target=caller, args=(queries[i::n_callers],)) for i in range(n_callers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return _together(answers)


def _together(answers: Sequence[tuple[list[int], int]]) -> tuple[list[int], int]:
    return [ns for taken, _ in answers for ns in taken], sum(failed for _, failed in answers)


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--callers", type=int, nargs="+", metavar="N", help="concurrent callers (1 8 64)"
    )
    parser.add_argument("--decisions", type=int, help="decisions a row of the table (10,000)")


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    n_decisions = options.decisions or (200 if quick else 10_000)
    n_locations = 50 if quick else 10_000
    encoder = make_encoder(options.encoder)
    runs = measure(
        encoder,
        callers=options.callers or CALLERS,
        n_locations=n_locations,
        n_decisions=n_decisions,
        n_rounds=1 if quick else N_ROUNDS,
        seed=options.seed,
    )
    parameters = {
        "quick": quick,
        "decisions": n_decisions,
        "locations": n_locations,
        "rules": 10,
        "cache": False,
    }
    meta = machine(seed=options.seed, encoder=encoder.fingerprint)
    return Document("throughput", meta, parameters, {"runs": runs})


def _table(document: Document) -> Table:
    runs = document.results["runs"]
    rows = [
        [
            WAYS[run["way"]],
            str(run["callers"]),
            number(run["decisions_per_s"], 0),
            number(run["gain"], 2),
            number(run["p50_us"] / 1000, 2),
            number(run["p99_us"] / 1000, 2),
            number(run["p99_to_fair"], 2),
        ]
        for run in runs
    ]
    columns = ("callers", "number", "decisions/s", "gain", "p50, ms", "p99, ms", "p99 to fair")
    note = (
        "Each caller asks again as soon as it has its answer; no decision is answered from the "
        "cache. Gain: throughput over that of one caller of the same kind. Fair: the p50 of one "
        "caller times callers, divided by the gain. Calls that were not answered by the rules: "
        f"{sum(run['n_failed'] for run in runs)}. {setting(document.meta)}."
    )
    return Table("Concurrent callers", columns, rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (rate, latency) = new_plot(2)
    for way, label in WAYS.items():
        runs = [run for run in document.results["runs"] if run["way"] == way]
        callers = [run["callers"] for run in runs]
        name = label.replace("`", "")
        rate.plot(callers, [run["decisions_per_s"] for run in runs], "o-", label=name)
        for key, style in (("p50_us", "o-"), ("p99_us", "o--")):
            milliseconds = [run[key] / 1000 for run in runs]
            latency.plot(callers, milliseconds, style, label=f"{name}, {key[:3]}")
    rate.set(
        title="Throughput", xlabel="callers", ylabel="decisions/s", xscale="log", ylim=(0, None)
    )
    latency.set(title="Latency", xlabel="callers", ylabel="ms", xscale="log", yscale="log")
    for ax in (rate, latency):
        ax.grid(alpha=0.3)
        ax.legend()
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="throughput",
    summary="decisions a second and latency with 1, 8 and 64 concurrent callers",
    add_options=_add_options,
    run=_run,
    tables={"throughput": _table},
    plot=_plot,
)
