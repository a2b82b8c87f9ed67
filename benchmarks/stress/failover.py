"""Whether a failover of PostgreSQL loses acknowledged writes, or leaves any half done or twice.

A primary and a synchronous standby of our own, and the server before them through a proxy, as
behind an address that moves. The primary is killed, or cut off, while six clients write; the standby
is promoted and the address moves to it; everything is looked at, and a new standby is made.
"""

from __future__ import annotations

import os
import pwd
import shutil
import statistics
import subprocess
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Self

from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.processes import BenchmarkProcessError
from benchmarks.report import Document, Table, machine, number, setting
from benchmarks.served import Client, LostError, Server, free_port, version_of
from benchmarks.stress.crash import Run, interruptions
from benchmarks.stress.proxy import Proxy
from routing_engine import HashingEncoder

__all__ = ["BENCHMARK", "Cluster", "measure"]

ENDS: Final = {"killed": 0.7, "cut off": 0.3}
"""Share of failovers: the primary is gone, or still there and not to be reached."""

USER: Final = "routing"
DATABASE: Final = "routing"
RUNS_AS: Final = "postgres"
WELL_S: Final = 90.0
N_WELL: Final = 40
"""Requests one after the other that have to succeed: as many as there are connections kept."""

IMPORT_S: Final = 15.0


class Wary(Client):
    """A client to whom 503 is no answer: what was asked may be done all the same."""

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        kind: str = "application/json",
        key: str | None = None,
    ) -> tuple[int, bytes]:
        status, answer = super().send(method, path, body, kind=kind, key=key)
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            raise LostError("503")
        return status, answer


class Cluster:
    """A primary of PostgreSQL with a synchronous standby, in folders and on ports of their own.

    Args:
        program: folder of the programs of PostgreSQL.
    """

    def __init__(self, program: Path) -> None:
        self._program = program
        self._folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
        # PostgreSQL does not run as root.
        self._user = RUNS_AS if os.getuid() == 0 else None
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        self._n = 0
        self._primary = self._standby = (self._folder, 0)

    def __enter__(self) -> Self:
        folder, port = self._primary = self._place()
        self._do("initdb", "-D", folder, "-U", USER, "--auth=trust", "-E", "UTF8", "--locale=C")
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._folder,
            "max_connections": 100,
            "synchronous_standby_names": "",
        }
        lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
        with (folder / "postgresql.auto.conf").open("a", encoding="utf-8") as conf:
            conf.write(lines)
        self._start(folder, port)
        self._do("createdb", "-h", "127.0.0.1", "-p", port, "-U", USER, DATABASE)
        self.add_standby()
        return self

    def __exit__(self, *_: object) -> None:
        for folder, _port in (self._primary, self._standby):
            with suppress(BenchmarkProcessError):
                self._do("pg_ctl", "-D", folder, "-m", "immediate", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def port(self) -> int:
        """Port of the primary."""
        return self._primary[1]

    def add_standby(self) -> None:
        """Make a standby of the primary; from then on commits wait for it."""
        folder, port = self._standby = self._place()
        source = ("-h", "127.0.0.1", "-p", self.port, "-U", USER)
        self._do("pg_basebackup", "-D", folder, *source, "-R", "-X", "stream", "-c", "fast")
        self._start(folder, port)
        self._sync("*")
        self._until("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'", 1)

    def promote(self) -> None:
        """Make the standby the primary."""
        self._do("pg_ctl", "-D", self._standby[0], "-w", "promote")
        gone, self._primary = self._primary, self._standby
        self._sync("")
        self._gone = gone

    def kill(self) -> None:
        """End the primary at once."""
        self._do("pg_ctl", "-D", self._primary[0], "-m", "immediate", "stop")

    def clear(self) -> None:
        """Remove what is left of the primary before."""
        folder, _ = self._gone
        with suppress(BenchmarkProcessError):  # killed already
            self._do("pg_ctl", "-D", folder, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)

    def _place(self) -> tuple[Path, int]:
        self._n += 1
        return self._folder / f"{self._n}", free_port()

    def _start(self, folder: Path, port: int) -> None:
        options = ("-o", f"-p {port}", "-l", folder.with_suffix(".log"))
        self._do("pg_ctl", "-D", folder, *options, "-w", "start")

    def _sync(self, names: str) -> None:
        self._ask(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self._ask("SELECT pg_reload_conf()")

    def _until(self, asked: str, value: int) -> None:
        until_s = time.perf_counter() + WELL_S
        while self._ask(asked) != value:
            if time.perf_counter() > until_s:
                raise BenchmarkProcessError(f"the database does not come to it: {asked}")
            time.sleep(0.05)

    def _ask(self, asked: str) -> Any:
        import psycopg

        to = f"host=127.0.0.1 port={self.port} user={USER} dbname=postgres"
        with psycopg.connect(to, autocommit=True) as connection:
            # Nothing that is asked here is waited for by a standby.
            connection.execute("SET synchronous_commit = local")
            found = connection.execute(asked)
            row = None if found.description is None else found.fetchone()
        return None if row is None else row[0]

    def _do(self, program: str, *arguments: object) -> None:
        command = [str(self._program / program), *map(str, arguments)]
        # Not by a pipe: the server that pg_ctl starts would keep it open.
        with tempfile.TemporaryFile() as said:
            code = subprocess.run(
                command, cwd=self._folder, user=self._user, stdout=said, stderr=said, check=False
            ).returncode
            said.seek(0)
            if code != 0:
                tail = said.read()[-1000:].decode(errors="replace")
                raise BenchmarkProcessError(f"{program} ended with {code}:\n{tail}")


class _Failover(Run):
    """The server on a cluster whose primary is lost again and again."""

    client = Wary

    def __init__(self, cluster: Cluster, proxy: Proxy, *rest: Any) -> None:
        self._cluster = cluster
        self._proxy = proxy
        self.ends: Counter[str] = Counter()
        self.outages_s: list[float] = []
        super().__init__("postgresql", *rest)

    def interrupt(self) -> None:
        (end,) = self._chance.choices(list(ENDS), list(ENDS.values()))
        self.ends[end] += 1
        began_s = time.perf_counter()
        if end == "killed":
            self._cluster.kill()
        else:
            self._proxy.silence()
        self._cluster.promote()
        self._proxy.switch(self._cluster.port)
        self._until_well()
        self.outages_s.append(time.perf_counter() - began_s)

    def recover(self) -> None:
        self._until_well()
        self._cluster.clear()
        self._cluster.add_standby()
        until_s = time.perf_counter() + IMPORT_S
        with Client(self._server.port, self._server.token) as client:
            while self._imports.is_running(client) and time.perf_counter() < until_s:
                time.sleep(0.2)

    def _until_well(self) -> None:
        """Wait until the server answers as before, by each of its connections."""
        until_s = time.perf_counter() + WELL_S
        n_well = 0
        while n_well < N_WELL:
            if time.perf_counter() > until_s:
                raise BenchmarkProcessError(
                    f"the server does not come back:\n{self._server.said()}"
                )
            with Wary(self._server.port, self._server.token) as client:
                try:
                    client.ask("GET", "/agents?limit=1")
                    n_well += 1
                except LostError:
                    n_well = 0


def measure(*, n_failovers: int, n_locations: int, seed: int) -> dict[str, Any]:
    """Fail over under load, and check everything that was written.

    Raises:
        ClaimError: something acknowledged was not there, or something was half there.
    """
    program = _programs()
    assert program is not None
    with Cluster(program) as cluster, Proxy("127.0.0.1", cluster.port) as proxy:
        url = f"postgresql://{USER}@127.0.0.1:{proxy.port}/{DATABASE}"
        with Server(url, {"encoder": "hashing", "store_transcripts": "true"}) as server:
            run = _Failover(cluster, proxy, url, server, n_locations, seed)
            for _ in range(n_failovers):
                run.kill_and_check()
            run.check(everything=True)
            results = run.results()
            code = server.stop()
            if code != 0:
                raise BenchmarkProcessError(f"the server ended with {code}:\n{server.said()}")
            version = version_of(url)
    del results["start_s"]
    outage_s = {"median": statistics.median(run.outages_s), "most": max(run.outages_s)}
    return {"database": version, **results, "ends": dict(run.ends), "outage_s": outage_s}


def _programs() -> Path | None:
    """Folder of the programs of PostgreSQL, or None."""
    if (found := shutil.which("pg_basebackup")) is not None:
        folder = Path(found).resolve().parent
        if (folder / "initdb").exists():
            return folder
    every = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name)
    )
    return every[-1] if every and (every[-1] / "initdb").exists() else None


def _unavailable(_: Namespace) -> str | None:
    if _programs() is None:
        return "failover starts PostgreSQL, and its programs (initdb, pg_basebackup) are not here"
    if os.getuid() == 0:
        try:
            pwd.getpwnam(RUNS_AS)
        except KeyError:
            return f"failover starts PostgreSQL, which does not run as root; make a user {RUNS_AS}"
    return None


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--failovers", type=int, help="how many (50)")
    parser.add_argument("--locations", type=int, help="of the sheet that is imported (300)")


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    n_failovers = options.failovers or (1 if quick else 50)
    n_locations = options.locations or (40 if quick else 300)
    results = measure(n_failovers=n_failovers, n_locations=n_locations, seed=options.seed)
    parameters = {"quick": quick, "failovers": n_failovers, "locations": n_locations}
    meta = machine(seed=options.seed, encoder=HashingEncoder().fingerprint)
    return Document("failover", meta, parameters, results)


def _table(document: Document) -> Table:
    found, parameters = document.results, document.parameters
    ends = ", ".join(f"{n} {end}" for end, n in sorted(found["ends"].items()))
    rows = [
        ["failovers under load", f"{parameters['failovers']:,}"],
        ["of them the primary was", ends],
        ["writes acknowledged", f"{sum(found['acknowledged'].values()):,}"],
        ["acknowledged and lost, half done, or done twice", str(found["breaches"])],
        *([f"unanswered {what}: done / not done", text] for what, text in interruptions(found)),
        ["until requests succeed again, s: median", number(found["outage_s"]["median"], 1)],
        ["until requests succeed again, s: most", number(found["outage_s"]["most"], 1)],
    ]
    note = (
        f"`routing-engine serve` on {found['database']} with a synchronous standby, behind an "
        "address that moves. The primary is killed, or cut off, at seeded moments while six "
        "clients write; the standby is promoted; everything is looked at, and every POST without an "
        f"answer, or answered with 503, is sent again with its key. {setting(document.meta)}."
    )
    return Table("Failover of PostgreSQL", ("what", "figure"), rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    ended = document.results["interrupted"]
    left = [0] * len(ended)
    for name in ("done", "not done"):
        counts = [item[name] for item in ended.values()]
        ax.barh(list(ended), counts, left=left, label=name)
        left = [a + b for a, b in zip(left, counts, strict=True)]
    ax.set(title="Unanswered at a failover", xlabel="requests")
    ax.legend()
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="failover",
    summary="failovers of PostgreSQL under load: nothing acknowledged lost, nothing half done",
    add_options=_add_options,
    run=_run,
    tables={"failover": _table},
    plot=_plot,
    unavailable=_unavailable,
)
