"""The process that ``soak`` measures: callers, a writer and a saver.

Two catalogs of the same locations take turns. Odd versions are of the first, even ones of the
second; rules differ, and no number is in both. So an answer's version, location and rule say
which number it has to hold.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.encoders import make_encoder
from benchmarks.generate import franchise_columns, utterances
from benchmarks.processes import rss_mb
from routing_engine import Decision, Encoder, Outcome, Reason, RoutingEngine
from routing_engine.catalog.columns import LocationColumns

__all__ = ["Judge", "Soak"]

N_TASKS = 8
N_THREADS = 2
_NOT_ROUTED = frozenset({Reason.ENGINE_DEGRADED, Reason.OVERLOADED, Reason.DEADLINE_EXCEEDED})


class Judge:
    """Check answers against every location's numbers in both catalogs. Thread-safe.

    Args:
        catalogs: the first is of odd versions, the second of even ones.
    """

    def __init__(self, catalogs: tuple[LocationColumns, LocationColumns]) -> None:
        self._catalogs = catalogs

    def is_wrong(self, i: int, decision: Decision) -> bool:
        """Whether an answer for location i has another number than its rule."""
        columns = self._catalogs[(decision.catalog_version + 1) % 2]
        first, stop = int(columns.first_slot[i]), int(columns.first_slot[i + 1])
        if decision.outcome is Outcome.TRANSFER:
            rule = decision.rule
            labels = [text.label for text in columns.tables[columns.table[i]]]
            if rule is None or rule.label not in labels:
                return True
            code = int(columns.destinations[first:stop][labels.index(rule.label)])
        else:
            code = int(columns.defaults[i])
        return decision.destination != columns.decode(code)


class Soak:
    """Everything at once: callers by threads and by tasks, a writer and a saver.

    Args:
        request: what :func:`benchmarks.stress.soak.measure` asks.
    """

    def __init__(self, request: dict[str, Any]) -> None:
        self.seed = request["seed"]
        self.request = request
        self.catalogs = self.made(request["n_locations"])
        self.judge = Judge(self.catalogs)
        self.encoder = self.encoding()
        self.engine = RoutingEngine(self.catalogs[0], encoder=self.encoder)
        self.ids = list(self.catalogs[0].ids)
        self.said = utterances(10_000, seed=self.seed)
        self.counts: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.samples: list[tuple[float, float]] = []
        self.failures: list[str] = []

    def made(self, n: int) -> tuple[LocationColumns, LocationColumns]:
        """Return the catalog of odd versions and that of even ones."""
        numbers = franchise_columns(2 * n, seed=self.seed)
        first = franchise_columns(n, seed=self.seed)
        n_slots = len(first.destinations)
        return (
            replace(
                first,
                destinations=numbers.destinations[:n_slots].copy(),
                defaults=numbers.defaults[:n].copy(),
            ),
            replace(
                first,
                destinations=numbers.destinations[n_slots:].copy(),
                defaults=numbers.defaults[n:].copy(),
                tables=first.tables[::-1],
            ),
        )

    def encoding(self) -> Encoder:
        """Return the encoder."""
        return make_encoder(self.request["encoder"])

    def goes_on(self, elapsed_s: float) -> bool:
        """Whether it is not over yet."""
        return bool(elapsed_s < self.request["seconds"])

    def run(self) -> dict[str, Any]:
        """Run all of them; return what they counted."""
        workers = [threading.Thread(target=self._guard, args=(self.tasks,))]
        workers += [
            threading.Thread(target=self._guard, args=(self.caller, k)) for k in range(N_THREADS)
        ]
        workers += [
            threading.Thread(target=self._guard, args=(work,)) for work in (self.writer, self.saver)
        ]
        started_s = time.monotonic()
        for worker in workers:
            worker.start()
        while self.goes_on(time.monotonic() - started_s):
            if self.stopping.wait(self.request["sample_every_s"]):
                break
            self.samples.append((time.monotonic() - started_s, rss_mb() or 0.0))
        self.stopping.set()
        for worker in workers:
            worker.join()
        if self.failures:
            raise RuntimeError(self.failures[0])
        return {
            "encoder": self.encoder.fingerprint,
            "samples": self.samples,
            "counts": dict(self.counts),
            "n_threads": threading.active_count(),
        }

    def _guard(self, work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except Exception as error:  # noqa: BLE001  it fails the benchmark, not this thread alone
            self.failures.append(repr(error))
            self.stopping.set()

    def check(self, kind: str, i: int, decision: Decision) -> None:
        """Count an answer for location i, and whether it is wrong."""
        with self.lock:
            self.counts[kind] += 1
            self.counts["wrong"] += self.judge.is_wrong(i, decision)
            self.counts["not_routed"] += decision.reason in _NOT_ROUTED

    def caller(self, k: int) -> None:
        """Ask again and again in this thread."""
        chance = random.Random(f"soak {self.seed} {k}")
        while not self.stopping.is_set():
            i = chance.randrange(len(self.ids))
            self.check("route", i, self.engine.route(self.ids[i], chance.choice(self.said)))

    def tasks(self) -> None:
        """Ask in tasks that share batches."""

        async def caller(chance: random.Random) -> None:
            while not self.stopping.is_set():
                i = chance.randrange(len(self.ids))
                decision = await self.engine.aroute(self.ids[i], chance.choice(self.said))
                self.check("aroute", i, decision)

        async def all_of_them() -> None:
            await asyncio.gather(
                *(caller(random.Random(f"soak {self.seed} task {k}")) for k in range(N_TASKS))
            )

        asyncio.run(all_of_them())

    def writer(self) -> None:
        """Replace the catalog by the other one, again and again."""
        while not self.stopping.wait(self.request["replace_every_s"]):
            # The version after an odd one is of the second catalog.
            version = self.engine.replace(self.catalogs[self.engine.catalog_version % 2])
            with self.lock:
                self.counts["replace"] += 1
            if version != self.engine.catalog_version:
                raise RuntimeError("replace returned another version than the engine has")

    def saver(self) -> None:
        """Save a snapshot, load it and ask it."""
        chance = random.Random(f"soak {self.seed} saver")
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            while not self.stopping.wait(self.request["save_every_s"]):
                self.engine.save(folder)
                loaded = RoutingEngine.load(folder, encoder=self.encoder)
                with self.lock:
                    self.counts["save_and_load"] += 1
                for _ in range(20):
                    i = chance.randrange(len(self.ids))
                    said = chance.choice(self.said)
                    self.check("route", i, loaded.route(self.ids[i], said))


def _main(asked: str, answered: str) -> None:
    answer = Soak(json.loads(Path(asked).read_text(encoding="utf-8"))).run()
    Path(answered).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
