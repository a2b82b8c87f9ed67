"""How much longer a decision takes by each way to ask than ``engine.route`` in one's own process.

Each way is its command, as a process of its own, asked by its own protocol over 127.0.0.1 or a pipe,
one caller at a time: FastAGI from connection to the last variable, Kamailio's ``/rtjson`` over a kept
connection, MCP by the official client, and the webhook of Twilio that brings the caller's words.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import http.client
import importlib.util
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import numpy as np

from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.encoders import make_encoder
from benchmarks.generate import utterances, write_franchise_csv
from benchmarks.processes import BenchmarkProcessError
from benchmarks.report import ROOT, Document, Table, machine, number, setting
from benchmarks.served import Client, LostError, Server, import_sheet, scratch_database
from benchmarks.timing import Latencies, percentiles_us
from routing_engine import RoutingEngine

__all__ = ["BENCHMARK", "measure"]

N_ASKED = 2_000
N_LOCATIONS = 50
N_WARMUP = 50
BLOCK = 20

TOKEN = "0123456789abcdef0123456789abcdef"
PUBLIC = "https://voice.example.com"

_LISTENS = re.compile(r"listening on \S*:(\d+)\n")


class Way(Protocol):
    """One way to ask, and how long it takes."""

    def ask(self, i: int, line: str, words: str) -> int:
        """Ask about a caller; return nanoseconds.

        Args:
            i: number of the location.
            line: that was called.
            words: what the caller says.
        """
        ...


class Own:
    """``engine.route`` in this process.

    Args:
        engine: what decides.
    """

    def __init__(self, engine: RoutingEngine) -> None:
        self._engine = engine
        self._ids = sorted(engine.location_ids())

    def ask(self, i: int, line: str, words: str) -> int:  # noqa: ARG002  as every way has it
        """As :meth:`Way.ask`."""
        before = time.perf_counter_ns()
        self._engine.route(self._ids[i], words)
        return time.perf_counter_ns() - before


class Agi:
    """FastAGI, from the connection to the last variable.

    Args:
        port: of the server.
    """

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, i: int, line: str, words: str) -> int:  # noqa: ARG002  as every way has it
        """As :meth:`Way.ask`."""
        lines = ("agi_request: agi://x/", "agi_callerid: +12025550188", f"agi_extension: {line}")
        request = ("\n".join(lines) + "\n\n").encode()
        before = time.perf_counter_ns()
        with socket.create_connection(("127.0.0.1", self._port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(request)
            found = b""
            with connection.makefile("rb") as reading:
                while command := reading.readline():
                    if command == b"GET VARIABLE ROUTING_WORDS\n":
                        answer = f"200 result=1 ({words})\n".encode()
                    elif command.startswith(b"GET"):
                        answer = b"200 result=0\n"
                    else:
                        found = command
                        answer = b"200 result=1\n"
                    connection.sendall(answer)
        taken = time.perf_counter_ns() - before
        if not found.startswith(b"SET VARIABLE ROUTING_DECISION"):
            raise BenchmarkProcessError("FastAGI gave no decision")
        return taken


class Rtjson:
    """``POST /rtjson``, over one kept connection.

    Args:
        client: of the control plane.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def ask(self, i: int, line: str, words: str) -> int:  # noqa: ARG002  as every way has it
        """As :meth:`Way.ask`."""
        body = json.dumps({"called": line, "words": words, "domain": "gw.example"}).encode()
        with contextlib.suppress(LostError):  # a server closes a connection that waits for long
            self._client.send("GET", "/rtjson")
        before = time.perf_counter_ns()
        status, answer = self._client.send("POST", "/rtjson", body)
        taken = time.perf_counter_ns() - before
        if status != 200:
            raise BenchmarkProcessError(f"/rtjson: {status} {answer[:300]!r}")
        return taken


class Twilio:
    """The webhook that brings the words; the one before it, which greets, is not counted.

    Args:
        port: of the server.
    """

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._n = 0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def ask(self, i: int, line: str, words: str) -> int:  # noqa: ARG002  as every way has it
        """As :meth:`Way.ask`."""
        self._n += 1
        form = {"CallSid": f"CA{self._n:032x}", "From": "+12025550188", "To": line}
        try:
            greeting, _ = self._send(f"{PUBLIC}/voice", form)
        except (OSError, http.client.HTTPException):
            self._connection.close()  # it waited for long, and the server closed it
            greeting, _ = self._send(f"{PUBLIC}/voice", form)
        gather = ET.fromstring(greeting).find("Gather")
        if gather is None:
            raise BenchmarkProcessError("Twilio's caller is not asked")
        return self._send(gather.get("action", ""), form | {"SpeechResult": words})[1]

    def _send(self, url: str, form: dict[str, str]) -> tuple[bytes, int]:
        from routing_engine.gateways.twilio.signing import signature

        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": signature(url, list(form.items()), TOKEN),
        }
        body = urlencode(form)
        before = time.perf_counter_ns()
        self._connection.request("POST", url.removeprefix(PUBLIC), body, headers)
        response = self._connection.getresponse()
        answer = response.read()
        taken = time.perf_counter_ns() - before
        if response.status != 200:
            raise BenchmarkProcessError(f"{url}: {response.status}")
        return answer, taken


class Mcp:
    """A call of the tool by the official client, over a pipe. Of the first location alone.

    Args:
        client: that is connected.
        loop: on which it runs, in another thread.
    """

    def __init__(self, client: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop

    def ask(self, i: int, line: str, words: str) -> int:  # noqa: ARG002  as every way has it
        """As :meth:`Way.ask`."""
        return asyncio.run_coroutine_threadsafe(self._ask(words), self._loop).result()

    async def _ask(self, words: str) -> int:
        arguments = {"words": words, "reason": "a caller"}
        before = time.perf_counter_ns()
        answer = await self._client.call_tool("transfer_call", arguments)
        taken = time.perf_counter_ns() - before
        if answer.is_error:
            raise BenchmarkProcessError("MCP gave an error")
        return taken


@contextmanager
def listening(snapshot: Path, encoder: str, *command: str) -> Iterator[int]:
    """Run a command that listens within the block; yields its port."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "routing_engine.cli", command[0], str(snapshot)),
            *("--port", "0", "--encoder", encoder, *command[1:]),
        ],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"TWILIO_AUTH_TOKEN": TOKEN},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        match = _LISTENS.fullmatch(process.stdout.readline())
        if match is None:
            raise BenchmarkProcessError(f"{command[0]} did not start")
        yield int(match[1])
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def by_mcp(snapshot: Path, encoder: str, location_id: str) -> Iterator[Mcp]:
    """Run the MCP server within the block, with a client of it in a thread."""
    from mcp import Client as McpClient
    from mcp import StdioServerParameters
    from mcp.client.stdio import stdio_client

    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "routing_engine.cli", "mcp", str(snapshot), "--location", location_id,
              "--encoder", encoder],
        env={**os.environ, "ROUTING_ENGINE_SECRET": TOKEN},
        cwd=ROOT,
    )  # fmt: skip
    loop = asyncio.new_event_loop()
    ready: asyncio.Future[Any] = loop.create_future()
    done = asyncio.Event()

    async def hold() -> None:
        try:
            async with McpClient(stdio_client(parameters)) as client:
                ready.set_result(client)
                await done.wait()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)

    async def wait() -> Any:
        return await ready

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    held = asyncio.run_coroutine_threadsafe(hold(), loop)
    try:
        yield Mcp(asyncio.run_coroutine_threadsafe(wait(), loop).result(120), loop)
    finally:
        loop.call_soon_threadsafe(done.set)
        with contextlib.suppress(TimeoutError):
            held.result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def with_lines(sheet: Path, lines: Sequence[str]) -> bytes:
    """Return a sheet with a line for each location, in order."""
    with sheet.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    order = {name: i for i, name in enumerate(sorted({row["location_id"] for row in rows}))}
    made = [row | {"lines": lines[order[row["location_id"]]]} for row in rows]
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, made[0].keys())
        writer.writeheader()
        writer.writerows(made)
    return sheet.read_bytes()


def measure(encoder: str, *, n: int, n_locations: int, warmup: int, seed: int) -> dict[str, Any]:
    """Time each way and ``engine.route`` in turns, on the same callers.

    Args:
        encoder: by name.
        n: callers of each way.
        n_locations: that they call.
        warmup: callers of each way beforehand.
        seed: of locations and callers.
    """
    chance = random.Random(f"ways {seed}")
    said = utterances(n + warmup, seed=seed)
    asked = [(chance.randrange(n_locations), words) for words in said]
    lines = [f"+1907555{1000 + i}" for i in range(n_locations)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        sheet = folder / "sheet.csv"
        write_franchise_csv(sheet, n_locations, seed=seed)
        content = with_lines(sheet, lines)
        engine = RoutingEngine.from_csv(sheet, encoder=make_encoder(encoder))
        engine.save(folder / "brand")
        first = min(engine.location_ids())
        port = stack.enter_context(listening(folder / "brand", encoder, "agi"))
        options = ("twilio", "--public-url", PUBLIC)
        twilio_port = stack.enter_context(listening(folder / "brand", encoder, *options))
        url = stack.enter_context(scratch_database("sqlite"))
        server = stack.enter_context(Server(url, {"encoder": encoder}))
        server.start()
        client = stack.enter_context(Client(server.port, server.token))
        import_sheet(client, content)
        ways: dict[str, Way] = {
            "route": Own(engine),
            "agi": Agi(port),
            "rtjson": Rtjson(client),
            "mcp": stack.enter_context(by_mcp(folder / "brand", encoder, first)),
            "twilio": stack.enter_context(contextlib.closing(Twilio(twilio_port))),
        }
        latencies = _in_turns(ways, asked, lines, warmup)
    own_us = percentiles_us(latencies["route"])["p50_us"]
    figures = {name: percentiles_us(taken) for name, taken in latencies.items()}
    return {
        "ways": figures,
        "added_p50_ms": {
            name: (found["p50_us"] - own_us) / 1000
            for name, found in figures.items()
            if name != "route"
        },
    }


def _in_turns(
    ways: dict[str, Way], asked: Sequence[tuple[int, str]], lines: Sequence[str], warmup: int
) -> dict[str, Latencies]:
    taken: dict[str, list[int]] = {name: [] for name in ways}
    for start in range(0, len(asked), BLOCK):
        for name, way in ways.items():
            for i, words in asked[start : start + BLOCK]:
                taken[name].append(way.ask(i, lines[i], words))
    return {name: np.array(found[warmup:], np.int64) for name, found in taken.items()}


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--asked", type=int, metavar="N", help=f"callers a way ({N_ASKED:,})")


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    n: int = options.asked or (12 if quick else N_ASKED)
    n_locations, warmup = (3, 2) if quick else (N_LOCATIONS, N_WARMUP)
    results = measure(
        options.encoder, n=n, n_locations=n_locations, warmup=warmup, seed=options.seed
    )
    parameters = {"quick": quick, "n": n, "locations": n_locations}
    meta = machine(seed=options.seed, encoder=make_encoder(options.encoder).fingerprint)
    return Document("ways", meta, parameters, results)


def _unavailable(_: Namespace) -> str | None:
    names = ("fastapi", "mcp", "sqlalchemy")
    missing = [name for name in names if not importlib.util.find_spec(name)]
    if missing:
        return f'{", ".join(missing)} is not installed: pip install "routing-engine[dev]"'
    return None


_NAMES = {
    "agi": "`routing-engine agi`",
    "rtjson": "`POST /rtjson`",
    "mcp": "`routing-engine mcp`",
    "twilio": "`routing-engine twilio`",
}


def _table(document: Document) -> Table:
    results = document.results

    def row(name: str, shown: str, added: str) -> list[str]:
        figures = results["ways"][name]
        times = (figures[key] / 1000 for key in ("p50_us", "p95_us", "p99_us"))
        return [shown, *(number(value, 2) for value in times), added]

    rows = [row("route", "`engine.route`, in process", "")]
    rows += [
        row(name, shown, number(results["added_p50_ms"][name], 2)) for name, shown in _NAMES.items()
    ]
    note = (
        f"{document.parameters['n']:,} callers a way, one at a time, in turns, at "
        f"{document.parameters['locations']} locations (MCP at one); each way is a process of its "
        "own on the same machine. Added: its p50 less that of `engine.route`. Twilio: the webhook "
        f"that brings the words. {setting(document.meta)}."
    )
    columns = ("ms", "p50", "p95", "p99", "added at p50")
    return Table("What a way to ask adds to a decision", columns, rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    for name, figures in document.results["ways"].items():
        curve = {float(p): us / 1000 for p, us in figures["curve_us"].items()}
        ax.plot(list(curve), list(curve.values()), label=name)
    ax.set(title="A decision by each way", xlabel="percentile", ylabel="ms", yscale="log")
    ax.grid(alpha=0.3, which="both")
    ax.legend()
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="ways",
    summary="what each way to ask adds to a decision",
    add_options=_add_options,
    run=_run,
    tables={"ways": _table},
    plot=_plot,
    unavailable=_unavailable,
)
