"""Processes that run beside the imports of ``publishing``.

Clients of the server, or an engine that follows the same store. Both say when they are ready, work
until they are told that it is over, and then judge by what they are told. Times are those of
``time.perf_counter``, which all processes share.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.encoders import make_encoder
from benchmarks.generate import franchise_columns
from benchmarks.serving_child import N_WARMUP, Answered, Load, Numbers, numbers_by_version
from benchmarks.timing import no_garbage_collection, percentiles_us
from routing_engine import RoutingEngine
from routing_engine.catalog.columns import LocationColumns
from routing_engine.store import Store

__all__ = ["generation", "generation_of", "known_numbers", "longest_silence_s", "waited_for"]

LOOK_EVERY_S = 0.005
ARRIVE_TIMEOUT_S = 60.0
BIN_S = 0.5


def generation_of(version: int) -> int:
    """Return which numbers a version has: 1 the agent's own, 2 another location's."""
    return 2 - version % 2


def known_numbers(franchise: LocationColumns, agent: int, n_versions: int) -> dict[int, Numbers]:
    """Return the numbers of an agent, by version.

    Args:
        franchise: the agents' locations, then as many more: those behind them.
    """
    numbers = numbers_by_version(franchise, agent, len(franchise) // 2 + agent)
    return {version: numbers[generation_of(version)] for version in range(1, n_versions + 1)}


def generation(found: LocationColumns, franchise: LocationColumns) -> int | None:
    """Return whose numbers all locations have: 1 their own, 2 other locations'.

    Args:
        found: what an engine answers from.
        franchise: the agents' locations, then as many more.

    Returns:
        None where one is missing, or a number is of neither, or some are of the one and some of
        the other.
    """
    n = len(franchise) // 2
    ids = list(found.ids)
    order = sorted(range(len(ids)), key=ids.__getitem__)
    if [ids[i] for i in order] != list(franchise.ids)[:n]:
        return None
    numbers, known = _numbers(found), _numbers(franchise)
    for which, those in ((1, known[:n]), (2, known[n:])):
        if np.array_equal(numbers[order], those):
            return which
    return None


def _numbers(columns: LocationColumns) -> npt.NDArray[np.uint64]:
    """Destination codes, uint64 ``(n, 1 + n_rules)``; without columns where not all have as many."""
    sizes = np.diff(columns.first_slot)
    if not len(sizes) or (sizes != sizes[0]).any():
        return np.empty((len(columns), 0), np.uint64)
    return np.column_stack([columns.defaults, columns.destinations.reshape(len(columns), -1)])


def waited_for(answered: Iterable[Answered], since_s: float, until_s: float) -> list[Answered]:
    """Select answers that overlap a period."""
    return [item for item in answered if item.sent_s < until_s and item.came_s > since_s]


def longest_silence_s(answered: Iterable[Answered], since_s: float, until_s: float) -> float:
    """Return the longest time without an answer in a period."""
    came = [item.came_s for item in answered if since_s < item.came_s < until_s]
    return float(np.diff([since_s, *sorted(came), until_s]).max())


def _waits(answered: Sequence[Answered], times: Iterable[tuple[float, float]]) -> dict[str, Any]:
    """Return how long answers took in given periods."""
    spans = list(times)
    waited = [item for since_s, until_s in spans for item in waited_for(answered, since_s, until_s)]
    taken = np.array([item.taken_ns for item in waited], np.int64)
    found = percentiles_us(taken) if len(taken) else {"n": 0, "p50_us": None, "p99_us": None}
    return {
        **{name: found[name] for name in ("n", "p50_us", "p99_us")},
        "most_us": int(taken.max(initial=0)) / 1000,
        "silence_s": max(longest_silence_s(answered, *span) for span in spans),
    }


def _course(answered: Iterable[Answered], since_s: float) -> list[tuple[float, float, float]]:
    """Return median and longest wait in ms for each second."""
    bins: dict[int, list[float]] = {}
    for item in answered:
        bins.setdefault(int((item.sent_s - since_s) // BIN_S), []).append(item.taken_ns / 1e6)
    return [(k * BIN_S, float(np.median(ms)), max(ms)) for k, ms in sorted(bins.items())]


def _clients(request: Mapping[str, Any]) -> dict[str, Any]:
    franchise = franchise_columns(2 * len(request["agents"]), seed=request["seed"])
    load = Load(
        request["port"], request["token"], request["agents"], franchise, seed=request["seed"]
    )
    say_ready, over = Path(request["ready"]).touch, Path(request["over"])

    async def run() -> None:
        clients = [await load.connected() for _ in range(request["clients"])]
        say_ready()
        await asyncio.gather(*(load.ask(client, over.exists) for client in clients))

    with no_garbage_collection():
        asyncio.run(run())
    imports = json.loads(over.read_text(encoding="utf-8"))
    settled = load.answered[N_WARMUP * request["clients"] :]
    for agent in {item.agent for item in load.answered}:
        load.numbers[agent] = known_numbers(franchise, agent, len(imports) + 1)
        load.published[agent] = [
            (item["uncommitted_s"], version) for version, item in enumerate(imports, 2)
        ]
    quiet = settled[0].sent_s, imports[0]["started_s"]
    return {
        **load.judged(),
        "answers": len(load.answered),
        "waits": {
            "quiet": _waits(settled, [quiet]),
            "importing": _waits(
                settled, [(item["started_s"], item["uncommitted_s"]) for item in imports]
            ),
            "loading": _waits(
                settled, [(item["uncommitted_s"], item["visible_s"]) for item in imports]
            ),
        },
        "course": _course(settled, quiet[1]),
    }


def _engine(request: Mapping[str, Any]) -> dict[str, Any]:
    """Follow the store; record when each catalog arrived, and whose numbers it had."""
    franchise = franchise_columns(2 * request["n_agents"], seed=request["seed"])
    encoder = make_encoder(request["encoder"])
    engine = RoutingEngine(encoder=encoder)
    over = Path(request["over"])
    catalogs: list[tuple[float, int | None]] = []
    with Store.open(request["url"], migrate=False) as store:
        ((organisation_id, _),) = store.organisations()
        with engine.follow(store.feed(organisation_id)):
            version = engine.catalog_version
            Path(request["ready"]).touch()
            until_s = float("inf")
            while time.perf_counter() < until_s:
                if engine.catalog_version != version:
                    at_s, version = time.perf_counter(), engine.catalog_version
                    catalogs.append((at_s, generation(engine.columns, franchise)))
                elif until_s == float("inf") and over.exists():
                    n_catalogs = json.loads(over.read_text(encoding="utf-8"))
                    until_s = time.perf_counter() + ARRIVE_TIMEOUT_S
                if until_s < float("inf") and len(catalogs) >= n_catalogs:
                    break
                time.sleep(LOOK_EVERY_S)
    return {"encoder": encoder.fingerprint, "catalogs": catalogs}


def _main(asked: str, answered: str) -> None:
    request = json.loads(Path(asked).read_text(encoding="utf-8"))
    answer = {"clients": _clients, "engine": _engine}[request["who"]](request)
    Path(answered).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
