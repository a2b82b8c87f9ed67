"""What callers notice of a hostile file, a slow database and a client that does not end.

A real server on each database, fifty callers who are routed all the time, and beside them one
thing after the other that goes wrong.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import zipfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from benchmarks.benchmark import Benchmark, ClaimError, new_plot, save_plot
from benchmarks.processes import BenchmarkProcessError, TreeSampler, run_fresh
from benchmarks.report import Document, Table, machine, number, setting
from benchmarks.served import (
    DATABASES,
    Client,
    LostError,
    Server,
    databases,
    free_port,
    scratch_database,
    sheet_form,
    version_of,
    why_no_postgres,
)
from benchmarks.stress.proxy import Proxy
from routing_engine import HashingEncoder

__all__ = ["BENCHMARK", "EXPERIMENTS", "broken", "measure"]

N_AGENTS: Final = 20
N_TALKS: Final = 5
"""Live calls beside those who are routed; each of their turns is written."""

N_RULES: Final = 10
"""Of each agent that is imported."""

PAUSE_S: Final = 0.2
IN_TIME_S: Final = 1.0
SHUTDOWN_S: Final = 8
LEAST_IN_TIME: Final = 0.999
MOST_MB: Final = 1_500
MOST_LOG_MB_A_MINUTE: Final = 1.0
STORED_S: Final = 30.0
READY_S: Final = 2.0
MAIN: Final = "+14155550100"


@dataclass(frozen=True, slots=True)
class Under:
    """A server that something happens to.

    Attributes:
        url: of its database.
        agents: id of each, and where a billing caller goes.
        n: how much of it: 1 in full, less for a quick look.
        health_port: where ``/readyz`` is.
    """

    server: Server
    url: str
    agents: list[dict[str, str]]
    n: float
    health_port: int

    @property
    def is_postgres(self) -> bool:
        """Whether it is PostgreSQL."""
        return self.url.startswith("postgresql")

    def client(self) -> Client:
        """A client of its own."""
        return Client(self.server.port, self.server.token)


Harm = Callable[[Under, threading.Event], None]
"""Does it until the event is set, and undoes it."""


def _shared_text_workbook() -> bytes:
    """22 KB: one text of 200,000 characters that 8,000 cells share."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rows = "".join(f'<row r="{i}"><c r="A{i}" t="s"><v>0</v></c></row>' for i in range(1, 8001))
    return _workbook(rows, f'<sst xmlns="{main}"><si><t>{"x" * 200_000}</t></si></sst>')


def _far_cell_workbook() -> bytes:
    """2 KB: a cell in the first row, and one far below and to the right."""
    return _workbook(
        '<row r="1"><c r="A1"><v>1</v></c></row><row r="12000"><c r="NTP12000"><v>1</v></c></row>',
        None,
    )


def _workbook(rows: str, shared: str | None) -> bytes:
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    parts = {
        "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData>'
        "</worksheet>",
    }
    if shared is not None:
        parts["xl/sharedStrings.xml"] = shared
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return made.getvalue()


def _send_file(client: Client, name: str, content: bytes) -> None:
    kind, body = sheet_form(content, publish=False)
    client.send("POST", "/imports", body.replace(b"sheet.csv", name.encode()), kind=kind)


def amplify(under: Under, over: threading.Event) -> None:
    """Send small files and bodies that come to gigabytes."""
    wide = ",".join(["location_id", "default_destination", *(f"c{i}" for i in range(100_000))])
    sent: list[Callable[[Client], object]] = [
        lambda client: _send_file(client, "a.xlsx", _shared_text_workbook()),
        lambda client: _send_file(client, "b.xlsx", _far_cell_workbook()),
        lambda client: _send_file(client, "c.csv", (wide + "\n" + "s1\n" * 20_000).encode()),
        lambda client: client.send(
            "POST",
            "/agents",
            b'{"' + b"k" * 400_000 + b'": [' + b",".join([b'"a"'] * 100_000) + b"]}",
        ),
    ]
    _send_again_and_again(under, over, sent, pause_s=0.5)


def pump(under: Under, over: threading.Event) -> None:
    """Send large bodies, and words that a quadratic pattern takes minutes for."""
    rules = [
        {"label": f"Rule {i}", "when": f"caller asks {i} " + "x" * 1900, "destination": MAIN}
        for i in range(200)
    ]
    large = {"name": "A", "handoffConfig": {"transferDestination": MAIN, "transferRules": rules}}
    words = ("have a good day (" * 2000)[:20_000]
    history = [{"speaker": "caller", "text": words} for _ in range(40)]
    agent = under.agents[-1]["id"]
    bodies = [json.dumps(large).encode()] + [
        json.dumps({"utterance": said, "history": history}).encode()
        for said in (words, "+1 (" * 5_000, "at " * 6_666, "1-" * 10_000, "no, not " * 2_500)
    ]
    sent: list[Callable[[Client], object]] = [lambda c: c.send("POST", "/agents", bodies[0])]
    sent += [
        lambda c, body=body: c.send("POST", f"/agents/{agent}/simulate", body)  # type: ignore[misc]
        for body in bodies[1:]
    ]
    _send_again_and_again(under, over, sent, pause_s=0.2)


def _send_again_and_again(
    under: Under,
    over: threading.Event,
    sent: list[Callable[[Client], object]],
    *,
    pause_s: float,
) -> None:
    with under.client() as client:
        while not over.is_set():
            for send in sent:
                with suppress(LostError):
                    send(client)
                if over.wait(pause_s):
                    break


def lock(under: Under, over: threading.Event) -> None:
    """Hold all tables, or the file, as a backup or a migration gone wrong does."""
    with ExitStack() as stack:
        if under.is_postgres:
            import psycopg

            other = stack.enter_context(psycopg.connect(under.url))
            tables = other.execute(
                "SELECT string_agg(quote_ident(tablename), ',') FROM pg_tables "
                "WHERE schemaname = 'public'"
            ).fetchone()
            assert tables is not None
            other.execute(f"LOCK TABLE {tables[0]} IN ACCESS EXCLUSIVE MODE")
        else:
            import sqlite3

            file = sqlite3.connect(
                under.url.removeprefix("sqlite:///"),
                isolation_level=None,
                timeout=30,
                check_same_thread=False,
            )
            stack.callback(file.close)
            file.execute("BEGIN EXCLUSIVE")
            stack.callback(file.rollback)
        _ask_all_around(under, over)


def _ask_all_around(under: Under, over: threading.Event) -> None:
    """Fifty other requests wait for the database, so that no thread is free."""

    def ask() -> None:
        while not over.is_set():
            with under.client() as client, suppress(LostError):
                client.send("GET", "/agents?limit=1")
                client.send("POST", f"/agents/{under.agents[0]['id']}/calls", b"{}")
            over.wait(0.1)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(50)]
    for thread in threads:
        thread.start()
    over.wait()
    for thread in threads:
        thread.join(15)


def read_only(under: Under, over: threading.Event) -> None:
    """Let the database only read, as a standby does; or move its file away."""
    if not under.is_postgres:
        path = Path(under.url.removeprefix("sqlite:///"))
        away = path.with_suffix(".away")
        path.rename(away)
        over.wait()
        path.unlink(missing_ok=True)
        away.rename(path)
        return
    import psycopg
    from psycopg import sql

    def turn(value: str) -> None:
        with psycopg.connect(under.url, autocommit=True) as other:
            other.execute("SET default_transaction_read_only = off")
            name = sql.Identifier(other.info.dbname)
            other.execute(
                sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}").format(
                    name,
                    sql.SQL(value),
                )
            )
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    turn("on")
    over.wait()
    turn("off")


def half(under: Under, over: threading.Event) -> None:
    """Keep 1,100 requests open that do not end."""
    content = b"POST /api/v1/agents HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n"
    made: list[socket.socket] = []
    try:
        while not over.is_set():
            while len(made) < int(1_100 * under.n):
                try:
                    one = socket.create_connection(("127.0.0.1", under.server.port), timeout=2)
                    one.sendall(content if len(made) % 2 else content + b"\r\nabc")
                except OSError:
                    break
                made.append(one)
            over.wait(0.2)
            for one in made[:100]:
                one.close()
            del made[:100]
    finally:
        for one in made:
            one.close()


def _silencing(proxy: Proxy) -> Harm:
    def silence(under: Under, over: threading.Event) -> None:
        """Forward nothing to the database, while fifty others ask."""
        proxy.silence()
        try:
            _ask_all_around(under, over)
        finally:
            proxy.resume()

    return silence


def import_many(under: Under, over: threading.Event) -> None:
    """Import ten thousand agents and publish them, and roll an agent back beside it."""
    n = int(10_000 * under.n)
    sheet = "location_id,default_destination,label,when,destination\n" + "".join(
        f"big-{i},{MAIN},Rule {j},caller asks about a bill of kind {j},"
        f"+1415555{1000 + (i + j) % 9000}\n"
        for i in range(n)
        for j in range(N_RULES)
    )
    with under.client() as client:
        kind, body = sheet_form(sheet.encode(), publish=True)
        with suppress(LostError):
            client.send("POST", "/imports", body, kind=kind)
        agent = under.agents[-2]["id"]
        while not over.wait(0.5):
            with suppress(LostError):
                client.send("POST", f"/agents/{agent}/rollback", b'{"version": 1}')


def queue(under: Under, over: threading.Event) -> None:
    """Send imports faster than they are done."""
    header = "location_id,default_destination,label,when,destination\n"
    with under.client() as client:
        i = 0
        while not over.wait(0.1):
            i += 1
            sheet = header + f"q-{i},{MAIN},Billing,caller asks about a bill,+14155551234\n"
            kind, body = sheet_form(sheet.encode(), publish=False)
            with suppress(LostError):
                client.send("POST", "/imports", body, kind=kind)


def nothing(_: Under, over: threading.Event) -> None:
    """What callers notice of a quiet day, for comparison."""
    over.wait()


EXPERIMENTS: Final[Mapping[str, tuple[str, Harm]]] = {
    "quiet": ("nothing", nothing),
    "amplify": ("small files and bodies that come to gigabytes", amplify),
    "hang": ("the database is locked, and fifty others wait for it", lock),
    "read-only": ("the database only reads; the file of SQLite is moved away", read_only),
    "half": ("1,100 requests that do not end", half),
    "import": ("an import of 10,000 agents of ten rules, and rollbacks", import_many),
    "queue": ("imports that queue", queue),
    "pump": ("large bodies, and words for slow patterns", pump),
}
THROUGH: Final[Mapping[str, str]] = {
    "silent": "a proxy before the database stops forwarding",
    "pooler": "PgBouncer in transaction mode",
}
"""What only a database on the network has."""

UNREADY: Final = ("hang", "read-only", "silent")
"""Experiments in which ``/readyz`` has to say that something is wrong."""


def measure(kind: str, *, seconds: float, callers: int, n: float) -> dict[str, Any]:
    """One server on one kind of database, and all that happens to it in turn.

    Args:
        kind: of database.
        seconds: of each experiment.
        callers: who are routed meanwhile.
        n: how much of each harm, 1 in full.
    """
    with ExitStack() as stack:
        url = stack.enter_context(scratch_database(kind))
        spool = stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-"))
        port = free_port()
        settings = {"encoder": "hashing", "shutdown_s": SHUTDOWN_S, "spool": spool}
        server = stack.enter_context(Server(url, settings | {"metrics_port": port}))
        server.start()
        under = Under(server, url, _agents(server), n, port)
        found = {
            name: _beside(under, harm, seconds=seconds, callers=callers)
            for name, (_, harm) in EXPERIMENTS.items()
        }
        found["exit"] = _ended_while_it_hangs(under, callers)
        for name, through, harm in _ways(stack, url) if kind == "postgresql" else ():
            port = free_port()
            other = Server(through, settings | {"metrics_port": port})
            with other:
                other.token = server.token
                other.start()
                at = Under(other, url, under.agents, n, port)
                found[name] = _beside(at, harm, seconds=seconds, callers=callers)
        return {"database": version_of(url), "experiments": found}


def _ways(stack: ExitStack, url: str) -> Iterator[tuple[str, str, Harm]]:
    """What may stand before PostgreSQL: its name, the URL through it, and what happens."""
    from sqlalchemy import make_url

    to = make_url(url)
    proxy = stack.enter_context(Proxy(to.host or "127.0.0.1", to.port or 5432))
    through = to.set(host="127.0.0.1", port=proxy.port)
    yield "silent", through.render_as_string(hide_password=False), _silencing(proxy)
    pooled = stack.enter_context(_pooler(url))
    if pooled is not None:
        yield "pooler", pooled, _write_all_the_time


def _agents(server: Server) -> list[dict[str, str]]:
    """Publish some agents, each with a number that no other has."""
    made = []
    with Client(server.port, server.token) as client:
        for i in range(N_AGENTS):
            billing = f"+1415555{2000 + i}"
            rule = {
                "label": "Billing",
                "when": "caller asks about an invoice, charge, or refund",
                "examples": ["I was charged twice"],
                "destination": billing,
            }
            handoff = {"transferDestination": MAIN, "transferRules": [rule]}
            agent = client.ask("POST", "/agents", {"name": f"A{i}", "handoffConfig": handoff})
            client.ask("POST", f"/agents/{agent['id']}/publish", {})
            made.append({"id": agent["id"], "destination": billing})
    return made


def _stored(under: Under) -> int | None:
    """How many calls are stored; None while the database does not say."""
    total = 0
    try:
        with under.client() as client:
            for agent in under.agents:
                code, body = client.send("GET", f"/agents/{agent['id']}/calls?limit=1")
                if code != HTTPStatus.OK:
                    return None
                total += json.loads(body)["data"]["totals"]["calls"]
    except LostError:
        return None
    return total


def _settled(under: Under, least: int) -> int:
    """How many calls are stored, once they are as many as were answered, or time is up."""
    until_s = time.perf_counter() + STORED_S
    while True:
        found = _stored(under)
        if time.perf_counter() > until_s or (found is not None and found >= least):
            return found or 0
        time.sleep(0.5)


def _beside(under: Under, harm: Harm, *, seconds: float, callers: int) -> dict[str, Any]:
    """Callers are routed while it happens: how, and what was lost."""
    before = _settled(under, 0)
    said = len(under.server.everything_said())
    sampler = TreeSampler(under.server.pid)
    over = threading.Event()
    failures: list[BaseException] = []

    ready: list[tuple[float, int]] = []

    def act() -> None:
        try:
            harm(under, over)
        except BaseException as error:  # noqa: BLE001  it fails the benchmark
            failures.append(error)

    with _calling(under, callers) as stop:
        time.sleep(1.0)
        acting = threading.Thread(target=act)
        looking = threading.Thread(target=_look, args=(under, over, ready))
        acting.start()
        looking.start()
        time.sleep(seconds)
        over.set()
        acting.join(60)
        looking.join()
        answer = stop()
    if failures:
        raise BenchmarkProcessError(f"{harm.__name__}: {failures[0]!r}")
    peak_mb = sampler.stop()
    # Calls that were opened by the harm itself are stored too: at least as many as were routed.
    stored = _settled(under, before + answer["answered"])
    written = len(under.server.everything_said()) - said
    return {
        **answer,
        "lost": max(0, before + answer["answered"] - stored),
        "peak_mb": peak_mb,
        "log_mb_a_minute": written / 1e6 / max(seconds / 60, 1.0),
        "ready_s": max((took_s for took_s, _ in ready), default=0.0),
        "ready_statuses": sorted({status for _, status in ready}),
    }


def _look(under: Under, over: threading.Event, found: list[tuple[float, int]]) -> None:
    """Ask ``/readyz`` again and again, as what sends callers to this server does."""
    while not over.wait(0.5):
        began_s = time.perf_counter()
        status = 0
        asked = http.client.HTTPConnection("127.0.0.1", under.health_port, timeout=30)
        with suppress(OSError, http.client.HTTPException):
            asked.request("GET", "/readyz")
            status = asked.getresponse().status
        asked.close()
        found.append((time.perf_counter() - began_s, status))


@contextmanager
def _calling(under: Under, callers: int) -> Iterator[Callable[[], dict[str, Any]]]:
    """Have callers routed by another process; the call stops them and says how it went."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        until = Path(folder, "over")
        answers: list[dict[str, Any]] = []
        request = {
            "port": under.server.port, "token": under.server.token, "agents": under.agents,
            "callers": callers, "talks": N_TALKS, "pause_s": PAUSE_S, "in_time_s": IN_TIME_S, "until": str(until),
        }  # fmt: skip
        thread = threading.Thread(
            target=lambda: answers.append(
                run_fresh("benchmarks.stress.siege_child", request, watch_memory=False)
            )
        )
        thread.start()

        def stop() -> dict[str, Any]:
            until.touch()
            thread.join()
            if not answers:
                raise BenchmarkProcessError("the callers failed")
            answers[0].pop("peak_tree_mb", None)
            return answers[0]

        try:
            yield stop
        finally:
            until.touch()
            thread.join()


def _ended_while_it_hangs(under: Under, callers: int) -> dict[str, Any]:
    """Stop the server while the database is locked and callers are routed, and start it again."""
    before = _settled(under, 0)
    over = threading.Event()
    acting = threading.Thread(target=lock, args=(under, over))
    with _calling(under, callers) as stop:
        acting.start()
        time.sleep(3.0)
        began_s = time.perf_counter()
        code = under.server.stop()
        took_s = time.perf_counter() - began_s
        over.set()
        answer = stop()
    acting.join(60)
    under.server.start()
    stored = _settled(under, before + answer["answered"])
    return {
        "code": code,
        "exit_s": took_s,
        "answered": answer["answered"],
        "lost": max(0, before + answer["answered"] - stored),
        "wrong": answer["wrong"],
    }


def _write_all_the_time(under: Under, over: threading.Event) -> None:
    """Write drafts and publish, and count what fails."""
    failed = 0
    with under.client() as client:
        for i in range(1_000_000):
            if over.is_set():
                break
            body = json.dumps({"name": f"B{i}"}).encode()
            code, _ = client.send("PATCH", f"/agents/{under.agents[0]['id']}", body)
            failed += code != HTTPStatus.OK
    if failed:
        raise ClaimError(f"{failed} requests failed through the pooler")


def _pgbouncer() -> str | None:
    return shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")


@contextmanager
def _pooler(url: str) -> Iterator[str | None]:
    """URL of the database through PgBouncer in transaction mode; None where there is none."""
    from sqlalchemy import make_url

    if (program := _pgbouncer()) is None:
        yield None
        return
    to, port = make_url(url), free_port()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        users = Path(folder, "users.txt")
        users.write_text(f'"{to.username}" "{to.password or ""}"\n', encoding="utf-8")
        Path(folder, "pgbouncer.ini").write_text(
            f"[databases]\n* = host={to.host} port={to.port or 5432}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = trust\n"
            f"auth_file = {users}\npool_mode = transaction\ndefault_pool_size = 5\n"
            f"max_client_conn = 500\nunix_socket_dir =\nlogfile = {folder}/log\n",
            encoding="utf-8",
        )
        command = [program, f"{folder}/pgbouncer.ini"]
        if os.getuid() == 0:
            Path(folder).chmod(0o755)
            command += ["-u", "nobody"]
            shutil.chown(folder, "nobody")
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(1.0)
            yield to.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        finally:
            process.terminate()
            process.wait(10)


def broken(results: dict[str, Any]) -> list[str]:
    """What of the claim does not hold."""
    found = []
    for kind, run in results["runs"].items():
        for name, seen in run["experiments"].items():
            where = f"{DATABASES[kind]}, {name}"
            if seen["lost"] or seen["wrong"]:
                found.append(f"{where}: {seen['lost']} lost, {seen['wrong']} wrong")
            if name == "exit":
                if seen["exit_s"] > SHUTDOWN_S:
                    found.append(f"{where}: it took {seen['exit_s']:.1f} s to end")
                continue
            if seen["in_time"] < LEAST_IN_TIME * seen["asked"]:
                share = seen["in_time"] / seen["asked"]
                found.append(f"{where}: {share:.2%} within {IN_TIME_S:g} s {seen['statuses']}")
            if seen["ready_s"] > READY_S or 0 in seen["ready_statuses"]:
                found.append(f"{where}: /readyz took {seen['ready_s']:.1f} s")
            if name in UNREADY and 503 not in seen["ready_statuses"]:
                found.append(f"{where}: /readyz said nothing")
            if (seen["peak_mb"] or 0) > MOST_MB:
                found.append(f"{where}: {seen['peak_mb']:.0f} MB")
            if seen["log_mb_a_minute"] > MOST_LOG_MB_A_MINUTE:
                found.append(f"{where}: {seen['log_mb_a_minute']:.1f} MB of log a minute")
    return found


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, help="of each experiment (20)")
    parser.add_argument("--callers", type=int, default=50, help="who are routed meanwhile (50)")


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    seconds = options.seconds or (0.5 if quick else 20.0)
    results: dict[str, Any] = {
        "runs": {
            kind: measure(kind, seconds=seconds, callers=options.callers, n=0.05 if quick else 1.0)
            for kind in (databases()[:1] if quick else databases())
        },
        "left_out": why_no_postgres() or (None if _pgbouncer() else "PgBouncer, which is not here"),
    }
    problems = broken(results)
    if problems and not quick:
        raise ClaimError("; ".join(problems))
    parameters = {"quick": quick, "seconds": seconds, "callers": options.callers}
    meta = machine(seed=options.seed, encoder=HashingEncoder().fingerprint)
    return Document("siege", meta, parameters, results)


def _table(document: Document) -> Table:
    rows = []
    for kind, run in document.results["runs"].items():
        for name, seen in run["experiments"].items():
            if name == "exit":
                continue
            what = THROUGH[name] if name in THROUGH else EXPERIMENTS[name][0]
            rows.append(
                [
                    DATABASES[kind],
                    what,
                    f"{seen['asked']:,}",
                    f"{100 * seen['in_time'] / seen['asked']:.2f} %",
                    number(seen["longest_s"], 2),
                    number(seen["turn_longest_s"], 2),
                    str(seen["turns_refused"]),
                    str(seen["lost"]),
                    number(seen["peak_mb"], 0),
                    number(seen["log_mb_a_minute"], 2),
                ]
            )
    left_out = document.results["left_out"]
    ends = "; ".join(
        f"{DATABASES[kind]} {number(run['experiments']['exit']['exit_s'], 1)} s, "
        f"{run['experiments']['exit']['lost']} decisions lost"
        for kind, run in document.results["runs"].items()
    )
    parameters = document.parameters
    used = " and ".join(run["database"] for run in document.results["runs"].values())
    note = (
        f"`routing-engine serve` on {used}, {parameters['callers']} callers who are routed again "
        f"{PAUSE_S:g} s after each answer and {N_TALKS} live calls, whose turns are written, "
        f"{parameters['seconds']:g} s of each experiment. Memory "
        "is that of the server with all its processes. No answer had another agent's number. "
        f"`/readyz` answered within {READY_S:g} s, and with 503 while the database was locked, "
        "read-only, silent or gone. "
        f"Stopped while the database was locked (`SHUTDOWN_S` = {SHUTDOWN_S}) it ended after: "
        f"{ends}. {setting(document.meta)}." + (f" Left out: {left_out}." if left_out else "")
    )
    columns = (
        "database", "beside it", "asked", f"within {IN_TIME_S:g} s", "longest, s",
        "longest turn of a call, s", "turns refused", "lost",
        "memory, MB", "log, MB/min",
    )  # fmt: skip
    return Table("Under siege", columns, rows, note)


def _plot(document: Document, path: Path) -> None:
    runs = document.results["runs"]
    figure, axes = new_plot(len(runs))
    for ax, (kind, run) in zip(axes, runs.items(), strict=True):
        names = [name for name in run["experiments"] if name != "exit"]
        ax.barh(names, [run["experiments"][name]["longest_s"] for name in names])
        ax.axvline(IN_TIME_S, linestyle="--")
        ax.set(title=f"Longest wait for /route, {DATABASES[kind]}", xlabel="s")
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="siege",
    summary="hostile files, a hanging database and half requests beside fifty callers",
    add_options=_add_options,
    run=_run,
    tables={"siege": _table},
    plot=_plot,
)
