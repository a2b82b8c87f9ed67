"""Whether a killed server loses acknowledged writes or leaves any half done."""

from __future__ import annotations

import random
import statistics
import threading
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.benchmark import Benchmark, ClaimError, new_plot, save_plot
from benchmarks.processes import BenchmarkProcessError
from benchmarks.report import Document, Table, machine, number, setting
from benchmarks.served import (
    DATABASES,
    Client,
    LostError,
    Server,
    databases,
    scratch_database,
    version_of,
    why_no_postgres,
)
from benchmarks.stress.crash_writers import Calls, Drafts, Imports, Publisher, Skills, Writer
from routing_engine import HashingEncoder
from routing_engine.store import Store

__all__ = ["BENCHMARK", "Run", "check_file", "interruptions", "measure"]

MOMENTS = {"cold": 0.1, "any": 0.4, "publish": 0.25, "import": 0.25}
"""Shares of kills: with the first requests after its start; at any moment
after each writer had an answer; or then, just after such a request was sent."""

COLD_S = (0.0, 0.5)
ANY_S = (0.0, 1.0)
PUBLISH_S = (0.0, 0.06)
WARM_TIMEOUT_S = 30.0
GONE_TIMEOUT_S = 30.0


def measure(kind: str, *, n_kills: int, n_locations: int, seed: int) -> dict[str, Any]:
    """Kill a server under load, restart it, and check everything that was written.

    Args:
        kind: of the database, ``sqlite`` or ``postgresql``.
        n_kills: under load; a tenth as many, at least one, at its first start, on databases of
            their own.
        n_locations: of the sheet that is imported.
        seed: of moments and writes.

    Raises:
        ClaimError: something acknowledged was not there, or something was half there.
    """
    with (
        scratch_database(kind) as url,
        Server(url, {"encoder": "hashing", "store_transcripts": "true"}) as server,
    ):
        run = Run(kind, url, server, n_locations, seed)
        for _ in range(n_kills):
            run.kill_and_check()
        run.check(everything=True)
        results = {"database": version_of(url), **run.results()}
        code = server.stop()
        if code != 0:
            raise BenchmarkProcessError(f"the server ended with {code}:\n{server.said()}")
        if kind == "sqlite":
            check_file(url)
    first = max(1, n_kills // 10)
    _kill_first_starts(kind, first, results["start_s"]["median"], seed)
    return {**results, "first_starts": first}


class Run:
    """One database, and the server that is repeatedly killed on it.

    Attributes:
        client: what writes while it is.
    """

    client: type[Client] = Client

    def __init__(self, kind: str, url: str, server: Server, n_locations: int, seed: int) -> None:
        self._url = url
        self._server = server
        self._is_postgres = kind == "postgresql"
        self._chance = random.Random(f"crash {kind} {seed}")
        self._publisher = Publisher("publisher", seed)
        self._imports = Imports("sheet", seed, n_locations=n_locations)
        self._writers: tuple[Writer, ...] = (
            Drafts("drafts", seed),
            Skills("skills", seed),
            self._publisher,
            Publisher("other publisher", seed),
            Calls("calls", seed),
            self._imports,
        )
        self._moments: Counter[str] = Counter()
        self._start_s = [server.start()]
        self._load_s = 0.0
        with Store.open(url, migrate=False) as store:
            ((self._organisation_id, _),) = store.organisations()
        with Client(server.port, server.token) as client:
            for writer in self._writers:
                writer.prepare(client)

    def kill_and_check(self) -> None:
        """Run one round: load, kill, restart, check."""
        killing = threading.Event()
        failures: list[str] = []

        def load(writer: Writer) -> None:
            with self.client(self._server.port, self._server.token) as client:
                try:
                    while True:
                        writer.step(client)
                        writer.is_warm.set()
                except LostError as error:
                    if not killing.is_set():
                        failures.append(f"{writer.name}: {error!r} before it was killed")
                except Exception as error:  # noqa: BLE001  it fails the benchmark
                    failures.append(f"{writer.name}: {error!r}")

        threads = [threading.Thread(target=load, args=(writer,)) for writer in self._writers]
        for writer in self._writers:
            writer.is_warm.clear()
        started_s = time.perf_counter()
        for thread in threads:
            thread.start()
        self._wait_for_the_moment()
        killing.set()
        self.interrupt()
        for thread in threads:
            thread.join()
        self._load_s += time.perf_counter() - started_s
        self._raise(failures)
        self.recover()
        self.check()

    def interrupt(self) -> None:
        """Do what loses answers."""
        self._server.kill()

    def recover(self) -> None:
        """Let the server answer again."""
        if self._is_postgres:
            self._wait_until_gone()
        self._start_s.append(self._server.start())

    def check(self, *, everything: bool = False) -> None:
        """Check what was written since the last check, or everything.

        Raises:
            ClaimError: something is not as it has to be.
        """
        with Store.open(self._url, migrate=False) as store:
            for writer in self._writers:
                if everything:
                    writer.look_again()
                # A connection of its own: the server closes one that waits while a store is read.
                with Client(self._server.port, self._server.token) as client:
                    writer.check(client)
                writer.check_store(store, self._organisation_id)
        self._raise([breach for writer in self._writers for breach in writer.breaches])

    def _wait_for_the_moment(self) -> None:
        (moment,) = self._chance.choices(list(MOMENTS), list(MOMENTS.values()))
        self._moments[moment] += 1
        if moment == "cold":
            time.sleep(self._chance.uniform(*COLD_S))
            return
        until_s = time.perf_counter() + WARM_TIMEOUT_S
        for writer in self._writers:
            writer.is_warm.wait(max(0.0, until_s - time.perf_counter()))
        if moment == "any":
            time.sleep(self._chance.uniform(*ANY_S))
            return
        writer = self._publisher if moment == "publish" else self._imports
        writer.under_way.clear()
        writer.under_way.wait(WARM_TIMEOUT_S)  # where it failed, whoever joins it is told
        time.sleep(
            self._chance.uniform(*PUBLISH_S)
            if moment == "publish"
            else self._chance.uniform(0.0, 1.2 * self._imports.last_s)
        )

    def _wait_until_gone(self) -> None:
        """Wait until the database has finished or rolled back open transactions."""
        import psycopg

        asked = (
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        until_s = time.perf_counter() + GONE_TIMEOUT_S
        with psycopg.connect(self._url, autocommit=True) as connection:
            while connection.execute(asked).fetchone() != (0,):
                if time.perf_counter() > until_s:
                    raise BenchmarkProcessError("the database keeps a connection of a dead server")
                time.sleep(0.005)

    def _raise(self, breaches: Sequence[str]) -> None:
        if breaches:
            n = sum(self._moments.values())
            raise ClaimError(f"after {n} kills: " + "\n".join(breaches[:10]))

    def results(self) -> dict[str, Any]:
        """Return counts of writes and interruptions."""
        acknowledged: Counter[str] = Counter()
        interrupted: dict[str, dict[str, int]] = {}
        for writer in self._writers:
            acknowledged += writer.acknowledged
            for (what, is_done), n in writer.interrupted.items():
                ended = interrupted.setdefault(what, {"done": 0, "not done": 0})
                ended["done" if is_done else "not done"] += n
        return {
            "moments": dict(self._moments),
            "acknowledged": dict(sorted(acknowledged.items())),
            "interrupted": dict(sorted(interrupted.items())),
            "breaches": 0,
            "load_s": self._load_s,
            "start_s": {"median": statistics.median(self._start_s), "most": max(self._start_s)},
        }


def check_file(url: str) -> None:
    """Run SQLite's own integrity check."""
    import sqlite3

    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    try:
        for asked, right in (("integrity_check", [("ok",)]), ("foreign_key_check", [])):
            try:
                found = connection.execute(f"PRAGMA {asked}").fetchall()
            except sqlite3.DatabaseError as error:
                raise ClaimError(f"{asked}: {error}") from error
            if found != right:
                raise ClaimError(f"{asked}: {found[:5]}")
    finally:
        connection.close()


def _kill_first_starts(kind: str, n_kills: int, start_s: float, seed: int) -> None:
    """Kill it while it creates the tables and the first key; then that key must work."""
    chance = random.Random(f"first start {kind} {seed}")
    for _ in range(n_kills):
        with scratch_database(kind) as url, Server(url, {"encoder": "hashing"}) as server:
            server.launch()
            time.sleep(start_s * chance.uniform(0.4, 1.05))
            server.kill()
            server.start()


def interruptions(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return each kind of write that was not answered, and how many were done and not done."""
    return [
        (what, f"{found['done']:,} / {found['not done']:,}")
        for what, found in sorted(run["interrupted"].items())
    ]


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--kills", type=int, help="on each database (200)")
    parser.add_argument("--locations", type=int, help="of the sheet that is imported (300)")


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    n_kills = options.kills or (2 if quick else 200)
    n_locations = options.locations or (40 if quick else 300)
    left_out = why_no_postgres()
    runs = {
        kind: measure(kind, n_kills=n_kills, n_locations=n_locations, seed=options.seed)
        for kind in databases()
    }
    parameters = {"quick": quick, "kills": n_kills, "locations": n_locations}
    meta = machine(seed=options.seed, encoder=HashingEncoder().fingerprint)
    return Document("crash", meta, parameters, {"runs": runs, "left_out": left_out})


def _table(document: Document) -> Table:
    runs, parameters = document.results["runs"], document.parameters

    def row(label: str, of: Any) -> list[str]:
        return [label, *(of(run) for run in runs.values())]

    kinds = sorted({what for run in runs.values() for what in run["interrupted"]})

    def ended(what: str) -> Any:
        return lambda run: dict(interruptions(run)).get(what, "0 / 0")

    rows = [
        row("kills under load", lambda run: f"{sum(run['moments'].values()):,}"),
        row("writes acknowledged", lambda run: f"{sum(run['acknowledged'].values()):,}"),
        row("of them publishes", lambda run: f"{run['acknowledged'].get('POST publish', 0):,}"),
        row("acknowledged and lost, half done, or done twice", lambda run: str(run["breaches"])),
        *(row(f"unanswered {what}: done / not done", ended(what)) for what in kinds),
        row("kills at the first start", lambda run: str(run["first_starts"])),
        row("start to first answer, s", lambda run: number(run["start_s"]["median"], 1)),
    ]
    moments = " and ".join(
        f"{next(iter(runs.values()))['moments'].get(name, 0)} {what}"
        for name, what in (("publish", "while a version was published"), ("import", "in an import"))
    )
    databases = " and ".join(run["database"] for run in runs.values())
    note = (
        f"`routing-engine serve` on {databases}, killed by SIGKILL at seeded moments ({moments}) "
        f"while six clients write drafts, skills, versions, calls and a sheet of "
        f"{parameters['locations']} locations; then started again, everything looked at, and every "
        "unanswered POST sent again with its key. The database itself is not killed. For a quick "
        f"start the encoder is the one without a model. {setting(document.meta)}."
    )
    if document.results["left_out"]:
        note += f" Left out: {document.results['left_out']}."
    return Table("Kill -9 of the server", ("what", *(DATABASES[kind] for kind in runs)), rows, note)


def _plot(document: Document, path: Path) -> None:
    runs = document.results["runs"]
    figure, axes = new_plot(len(runs))
    for ax, (kind, run) in zip(axes, runs.items(), strict=True):
        ended = run["interrupted"]
        left = [0] * len(ended)
        for name in ("done", "not done"):
            counts = [item[name] for item in ended.values()]
            ax.barh(list(ended), counts, left=left, label=name)
            left = [a + b for a, b in zip(left, counts, strict=True)]
        ax.set(title=f"Unanswered when killed, {DATABASES[kind]}", xlabel="requests")
        ax.legend()
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="crash",
    summary="kill -9 of the server under load: nothing acknowledged lost, nothing half done",
    add_options=_add_options,
    run=_run,
    tables={"crash": _table},
    plot=_plot,
)
