"""Three nodes on one PostgreSQL behind HAProxy: killed, cut off, and restarted under load.

The proxy runs the file that ships, ``deploy/haproxy.cfg``, on other ports. Callers and a writer send
a request that failed once more, and count it as an error where it fails again.
"""

from __future__ import annotations

import json
import os
import random
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from benchmarks.benchmark import Benchmark, ClaimError, new_plot, save_plot
from benchmarks.processes import BenchmarkProcessError
from benchmarks.report import ROOT, Document, Table, machine, number, setting
from benchmarks.served import (
    Client,
    LostError,
    Server,
    scratch_database,
    version_of,
    why_no_postgres,
)
from routing_engine import HashingEncoder

__all__ = ["BENCHMARK", "measure"]

N_NODES = 3
N_AGENTS = 20
N_CALLERS = 6
VISIBLE_S = 2.0
REVOKED_S = 1.0
READY_TIMEOUT_S = 120.0
LOOK_EVERY_S = 0.02
PHASES = {
    "quiet": "nothing",
    "killed": "a node is killed, and started again",
    "cut": "a node is cut from the database",
    "restarted": "each node in turn is restarted",
}


def measure(*, phase_s: float, encoder: str, seed: int) -> dict[str, Any]:
    """Run three nodes under load through every phase.

    Args:
        phase_s: how long a node is left alone, dead or cut off.
        encoder: as the server's setting takes it.
        seed: of callers.
    """
    with scratch_database("postgresql") as url, _nodes(url, encoder) as nodes:
        nodes.start()
        writer = _Writer(nodes)
        load = _Load(nodes, writer, seed)
        threads = [threading.Thread(target=load.call, args=(i,)) for i in range(N_CALLERS)]
        threads.append(threading.Thread(target=writer.write))
        for thread in threads:
            thread.start()
        try:
            for phase in PHASES:
                load.phase = phase
                _PLAYED[phase](nodes, phase_s, load)
            load.phase = "quiet"
            visible_s = [writer.visible_after() for _ in range(3)]
            revoked_s = _revoked(nodes)
        finally:
            load.is_over.set()
            for thread in threads:
                thread.join()
        return {
            "database": version_of(url),
            "phases": {phase: load.counted(phase) for phase in PHASES},
            "first_errors": load.first_errors[:3],
            "stale_answers": load.n_stale,
            "writes": writer.n_acknowledged,
            "lost": writer.lost(),
            "visible_s": visible_s,
            "revoked_s": revoked_s,
        }


def _free_ports(n: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class _Nodes:
    """Nodes behind a proxy, each on a database that the proxy can cut it from."""

    def __init__(self, folder: Path, url: str, encoder: str) -> None:
        ports = _free_ports(1 + 3 * N_NODES)
        self.port = ports[0]
        self.ports = ports[1 : 1 + N_NODES]
        self.metrics = ports[1 + N_NODES : 1 + 2 * N_NODES]
        databases = ports[1 + 2 * N_NODES :]
        self.token = f"rk_{secrets.token_urlsafe(33)}"
        place = urlsplit(url)
        secret = None
        self.servers = []
        for i in range(N_NODES):
            host = f"127.0.0.1:{databases[i]}"
            own = place._replace(netloc=f"{place.netloc.rpartition('@')[0]}@{host}").geturl()
            given = {
                "port": self.ports[i], "metrics_port": self.metrics[i], "encoder": encoder,
                "bootstrap_key": self.token, "spool": folder / f"spool{i}",
            }  # fmt: skip
            server = Server(own, given if secret is None else {**given, "secret": secret})
            secret = server.setting("secret")
            server.token = self.token
            self.servers.append(server)
        self._socket = folder / "haproxy.sock"
        self._config = folder / "haproxy.cfg"
        self._config.write_text(self._configured(databases, place.hostname, place.port or 5432))
        self._said = (folder / "haproxy.txt").open("wb")
        self._proxy: subprocess.Popen[bytes] | None = None

    def _configured(self, databases: Sequence[int], host: str | None, port: int) -> str:
        """Return the configuration that ships, with ports of this machine, and the databases."""
        text = (ROOT / "deploy" / "haproxy.cfg").read_text(encoding="utf-8")
        text = text.replace("bind :8000", f"bind 127.0.0.1:{self.port}")
        text = text.replace(" port 9464", "")
        for i, (own, health) in enumerate(zip(self.ports, self.metrics, strict=True), start=1):
            text = text.replace(
                f"server node{i} node{i}:8000", f"server node{i} 127.0.0.1:{own} port {health}"
            )
        text = text.replace("global\n", f"global\n    stats socket {self._socket} level admin\n", 1)
        for i, listening in enumerate(databases, start=1):
            text += (
                f"\nlisten database{i}\n    mode tcp\n    bind 127.0.0.1:{listening}\n"
                f"    server postgres {host}:{port}\n"
            )
        return text

    def start(self) -> None:
        self._proxy = subprocess.Popen(["haproxy", "-db", "-f", self._config], stderr=self._said)
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self._socket.exists():
            if self._proxy.poll() is not None or time.monotonic() > deadline:
                said = Path(self._said.name).read_text(encoding="utf-8")
                raise BenchmarkProcessError(f"haproxy does not start:\n{said}")
            time.sleep(LOOK_EVERY_S)
        self.servers[0].start()
        for server in self.servers[1:]:
            server.launch()
        for i in range(N_NODES):
            self.wait_ready(i)
        while time.monotonic() < deadline:
            if self.command("show servers state ready").count(" 2 0 ") >= N_NODES:
                return
            time.sleep(LOOK_EVERY_S)
        raise BenchmarkProcessError(self.command("show servers state ready"))

    def wait_ready(self, i: int) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while self.readiness(i) != HTTPStatus.OK:
            if time.monotonic() > deadline or not self.servers[i].is_running:
                raise BenchmarkProcessError(f"node {i} is not ready:\n{self.servers[i].said()}")
            time.sleep(LOOK_EVERY_S)

    def readiness(self, i: int) -> int:
        """Return the status of a node's /readyz; 0 where it does not answer."""
        try:
            with urlopen(f"http://127.0.0.1:{self.metrics[i]}/readyz", timeout=5) as answer:
                return int(answer.status)
        except (URLError, OSError) as error:
            return int(getattr(error, "code", 0))

    def command(self, line: str) -> str:
        """Send a command to the proxy's socket; return its answer."""
        with socket.socket(socket.AF_UNIX) as to:
            to.connect(os.fspath(self._socket))
            to.sendall(f"{line}\n".encode())
            return b"".join(iter(lambda: to.recv(65536), b"")).decode()

    @contextmanager
    def cut(self, i: int) -> Iterator[None]:
        """Cut a node from the database within the block."""
        name = f"database{i + 1}/postgres"
        self.command(f"set server {name} state maint")
        self.command(f"shutdown sessions server {name}")
        try:
            yield
        finally:
            self.command(f"set server {name} state ready")

    def close(self) -> None:
        for server in self.servers:
            server.__exit__(None, None, None)
        if self._proxy is not None:
            self._proxy.kill()
            self._proxy.wait()
        self._said.close()


@contextmanager
def _nodes(url: str, encoder: str) -> Iterator[_Nodes]:
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        nodes = _Nodes(Path(folder), url, encoder)
        try:
            yield nodes
        finally:
            nodes.close()


def _quiet(_: _Nodes, phase_s: float, load: _Load) -> None:
    load.is_over.wait(phase_s)


def _killed(nodes: _Nodes, phase_s: float, load: _Load) -> None:
    nodes.servers[0].kill()
    load.is_over.wait(phase_s)
    nodes.servers[0].launch()
    nodes.wait_ready(0)


def _cut(nodes: _Nodes, phase_s: float, load: _Load) -> None:
    with nodes.cut(1):
        until_s = time.monotonic() + max(phase_s, READY_TIMEOUT_S)
        while nodes.readiness(1) != HTTPStatus.SERVICE_UNAVAILABLE:
            if time.monotonic() > until_s:
                raise ClaimError("a node without its database says that it is ready")
            time.sleep(LOOK_EVERY_S)
        load.is_over.wait(phase_s)
        with Client(nodes.ports[1], nodes.token) as client:
            agent = load.writer.agents[0]
            decision = client.ask("POST", f"/agents/{agent}/route", {"utterance": "hello"})
            load.n_stale += decision["destination"].startswith(_number(0, 0)[:10])
    nodes.wait_ready(1)


def _restarted(nodes: _Nodes, phase_s: float, load: _Load) -> None:
    for i, server in enumerate(nodes.servers):
        code = server.stop()
        if code != 0:
            raise ClaimError(f"a node ended with {code}:\n{server.said()}")
        server.launch()
        nodes.wait_ready(i)
        load.is_over.wait(phase_s / N_NODES)


_PLAYED: dict[str, Callable[[_Nodes, float, _Load], None]] = {
    "quiet": _quiet,
    "killed": _killed,
    "cut": _cut,
    "restarted": _restarted,
}


def _number(agent: int, n: int) -> str:
    """Return the number of an agent in its n-th version; no other has it."""
    return f"+1415555{agent:02}{n % 100:02}"


def _draft(agent: int, n: int) -> dict[str, Any]:
    rule = {
        "label": "Billing", "when": "caller asks about an invoice", "destination": _number(agent, n),
    }  # fmt: skip
    handoff = {"transferDestination": _number(agent, n), "transferRules": [rule]}
    return {"name": f"agent {agent}", "handoffConfig": handoff}


def _send(
    client: Client, method: str, path: str, value: object, key: str | None = None
) -> dict[str, Any] | None:
    """Send a request; return its ``data``, or None where the server or the connection failed."""
    body = json.dumps(value).encode()
    try:
        status, text = client.send(method, path, body, key=key)
    except LostError:
        return None
    if status >= 500:
        return None
    if not 200 <= status < 300:
        raise BenchmarkProcessError(f"{method} {path}: {status} {text[:300]!r}")
    found: dict[str, Any] = json.loads(text)["data"]
    return found


class _Writer:
    """Publishes other numbers of agents, one after the other."""

    def __init__(self, nodes: _Nodes) -> None:
        self._nodes = nodes
        self._client = Client(nodes.port, nodes.token)
        self._writing = threading.Lock()
        self.is_over = threading.Event()
        self.n_acknowledged = 0
        self.agents = [
            self._client.ask("POST", "/agents", _draft(agent, 0))["id"] for agent in range(N_AGENTS)
        ]
        self.sent = [0] * N_AGENTS
        # When each version was acknowledged.
        self.acknowledged: list[list[tuple[float, int]]] = [[] for _ in range(N_AGENTS)]
        self._agent = 0
        for agent in range(N_AGENTS):
            self._publish(agent, 0)
        time.sleep(VISIBLE_S)

    def _publish(self, agent: int, n: int) -> float:
        path = f"/agents/{self.agents[agent]}"
        self.sent[agent] = n
        while _send(self._client, "PATCH", path, _draft(agent, n)) is None:
            time.sleep(LOOK_EVERY_S)
        key = secrets.token_hex(8)
        while _send(self._client, "POST", f"{path}/publish", {}, key) is None:
            time.sleep(LOOK_EVERY_S)
        done_s = time.monotonic()
        self.acknowledged[agent].append((done_s, n))
        self.n_acknowledged += 1
        return done_s

    def write(self) -> None:
        while not self.is_over.wait(0.2):
            with self._writing:
                self._agent = (self._agent + 1) % N_AGENTS
                self._publish(self._agent, self.sent[self._agent] + 1)

    def visible_after(self) -> float:
        """Publish once; return the seconds until every node answers by it."""
        with self._writing:
            n = self.sent[0] + 1
            done_s = self._publish(0, n)
            for port in self._nodes.ports:
                with Client(port, self._nodes.token) as client:
                    while True:
                        path = f"/agents/{self.agents[0]}/route"
                        found = client.ask("POST", path, {"utterance": "hello"})
                        if found["destination"] == _number(0, n):
                            break
                        time.sleep(LOOK_EVERY_S)
            return time.monotonic() - done_s

    def lost(self) -> int:
        """Count agents of which a node does not have the last acknowledged version."""
        n_lost = 0
        for port in self._nodes.ports:
            with Client(port, self._nodes.token) as client:
                for agent, agent_id in enumerate(self.agents):
                    path = f"/agents/{agent_id}"
                    kept = client.ask("GET", path)["handoffConfig"]["transferDestination"]
                    said = client.ask("POST", f"{path}/route", {"utterance": "hello"})
                    expected = _number(agent, self.acknowledged[agent][-1][1])
                    n_lost += kept != expected or said["destination"] != expected
        return n_lost


class _Load:
    """Callers who ask through the proxy, each again as soon as it has its answer."""

    def __init__(self, nodes: _Nodes, writer: _Writer, seed: int) -> None:
        self._nodes = nodes
        self.writer = writer
        self.is_over = writer.is_over
        self._seed = seed
        self._counting = threading.Lock()
        self._counts: dict[str, Counter[str]] = {phase: Counter() for phase in PHASES}
        self._slowest_s = dict.fromkeys(PHASES, 0.0)
        self.phase = "quiet"
        self.n_stale = 0
        self.first_errors: list[str] = []

    def call(self, caller: int) -> None:
        chance = random.Random(f"nodes {self._seed} {caller}")
        client = Client(self._nodes.port, self._nodes.token)
        while not self.is_over.is_set():
            phase, agent = self.phase, chance.randrange(N_AGENTS)
            path = f"/agents/{self.writer.agents[agent]}/route"
            before_s = time.monotonic()
            found = _send(client, "POST", path, {"utterance": "about my invoice"})
            retried = found is None
            if retried:
                found = _send(client, "POST", path, {"utterance": "about my invoice"})
            taken_s = time.monotonic() - before_s
            with self._counting:
                counts = self._counts[phase]
                counts["answers"] += found is not None
                counts["retried"] += retried
                counts["errors"] += found is None
                self._slowest_s[phase] = max(self._slowest_s[phase], taken_s)
                if found is not None:
                    self._judge(counts, agent, found["destination"], before_s)
            time.sleep(0.01)
        client.close()

    def _judge(self, counts: Counter[str], agent: int, destination: str, sent_s: float) -> None:
        writer = self.writer
        own = re.fullmatch(rf"\+1415555{agent:02}(\d\d)", destination)
        newest = writer.sent[agent]
        # Versions count modulo 100; none is as old as that.
        n = -1 if own is None else newest - (newest - int(own[1])) % 100
        counts["wrong"] += own is None or n < 0
        known = [v for at_s, v in writer.acknowledged[agent] if at_s + VISIBLE_S < sent_s]
        counts["outdated"] += n < max(known, default=0)

    def counted(self, phase: str) -> dict[str, Any]:
        names = ("answers", "retried", "errors", "wrong", "outdated")
        counts = {name: self._counts[phase][name] for name in names}
        return {**counts, "slowest_s": self._slowest_s[phase]}


def _revoked(nodes: _Nodes) -> float:
    """Delete a key that is in use at every node; return the seconds until none takes it."""
    with Client(nodes.ports[0], nodes.token) as first:
        made = first.ask(
            "POST", "/keys", {"name": "leaver", "scopes": ["agents:read"]},
            key=secrets.token_hex(8),
        )  # fmt: skip
        clients = [Client(port, made["key"]) for port in nodes.ports]
        until_s = time.monotonic() + 1.5  # in use, so that every node has it in its cache
        while time.monotonic() < until_s:
            for client in clients:
                client.ask("GET", "/agents?limit=1")
        first.send("DELETE", f"/keys/{made['id']}")
        deleted_s = last_s = time.monotonic()
        while time.monotonic() < deleted_s + 3 * REVOKED_S:
            for client in clients:
                sent_s = time.monotonic()
                if client.send("GET", "/agents?limit=1")[0] == HTTPStatus.OK:
                    last_s = sent_s
        for client in clients:
            client.close()
        return last_s - deleted_s


def broken(results: dict[str, Any], *, with_speed: bool) -> list[str]:
    """Return which claims do not hold.

    Args:
        with_speed: also what depends on the machine having nothing else to do.
    """
    found = []
    for phase, counts in results["phases"].items():
        if counts["wrong"]:
            found.append(f"{phase}: {counts['wrong']} wrong numbers")
        if counts["errors"]:
            found.append(f"{phase}: {counts['errors']} requests failed twice")
        if counts["retried"] and phase in ("quiet", "restarted"):
            found.append(f"{phase}: {counts['retried']} requests failed")
    if results["lost"]:
        found.append(f"{results['lost']} acknowledged writes are lost")
    if not results["stale_answers"]:
        found.append("a node without its database did not answer by what it has")
    if with_speed:
        if results["revoked_s"] > REVOKED_S:
            found.append(f"a deleted key was taken for {results['revoked_s']:.1f} s")
        if max(results["visible_s"]) > VISIBLE_S:
            found.append(f"a version was on every node after {max(results['visible_s']):.1f} s")
    return found


def _unavailable(options: Namespace) -> str | None:
    if options.encoder == "hashing" and getattr(options, "seconds", None) is None:
        return "it takes minutes even when small; give --seconds to try it without a model"
    if shutil.which("haproxy") is None:
        return "no haproxy; apt-get install haproxy"
    return why_no_postgres()


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, help="of each phase (20)")


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    phase_s = options.seconds or (1.0 if quick else 20.0)
    results = measure(phase_s=phase_s, encoder=options.encoder, seed=options.seed)
    problems = broken(results, with_speed=not quick)
    if problems:
        raise ClaimError("; ".join(problems))
    fingerprint = HashingEncoder().fingerprint if options.encoder == "hashing" else "default"
    if options.encoder == "default":
        from routing_engine import CompiledEncoder

        fingerprint = CompiledEncoder().fingerprint
    parameters = {
        "quick": quick, "phase_s": phase_s, "nodes": N_NODES, "callers": N_CALLERS,
        "agents": N_AGENTS,
    }  # fmt: skip
    return Document("nodes", machine(seed=options.seed, encoder=fingerprint), parameters, results)


def _table(document: Document) -> Table:
    results = document.results
    names = ("answers", "retried", "errors", "wrong", "outdated")
    rows = [
        [PHASES[phase], *(f"{counts[name]:,}" for name in names), number(counts["slowest_s"], 2)]
        for phase, counts in results["phases"].items()
    ]
    note = (
        f"{N_NODES} nodes on one {results['database']} behind HAProxy; {N_CALLERS} callers, and one "
        f"who publishes: {results['writes']:,} acknowledged writes, {results['lost']} lost. Retried: "
        "failed once; errors: twice. Outdated: by a version replaced more than "
        f"{VISIBLE_S:g} s before. A published version was on every node after "
        f"{number(max(results['visible_s']), 2)} s at most, a deleted key was taken for "
        f"{number(results['revoked_s'], 2)} s. {setting(document.meta)}."
    )
    columns = ("meanwhile", *names, "slowest, s")
    return Table("Several nodes", columns, rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    phases = document.results["phases"]
    ax.bar(list(phases), [counts["slowest_s"] for counts in phases.values()])
    ax.set(title="Slowest answer, three nodes", ylabel="s")
    ax.grid(axis="y", alpha=0.3)
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="nodes",
    summary="three nodes behind HAProxy, killed, cut off and restarted under load",
    add_options=_add_options,
    run=_run,
    tables={"nodes": _table},
    plot=_plot,
    unavailable=_unavailable,
)
