"""The control plane as a process on its own database, and a client of it."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from benchmarks.processes import BenchmarkProcessError
from benchmarks.report import ROOT

__all__ = [
    "DATABASES",
    "Client",
    "Imported",
    "LostError",
    "Server",
    "agents_in_order",
    "databases",
    "free_port",
    "import_sheet",
    "scratch_database",
    "sheet_form",
    "version_of",
    "why_no_postgres",
]

DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
START_TIMEOUT_S = 120.0
ANSWER_TIMEOUT_S = 60.0
LOOK_EVERY_S = 0.02

_POSTGRES = "ROUTING_ENGINE_TEST_POSTGRES"
_SERVES = re.compile(r"serves on http://[^\s]*:(\d+)")


class LostError(Exception):
    """The connection was lost before the whole answer: the outcome is unknown."""


def databases() -> list[str]:
    """Return the kinds of database available to measure on."""
    return [kind for kind in DATABASES if kind == "sqlite" or why_no_postgres() is None]


def why_no_postgres() -> str | None:
    """Return why PostgreSQL is not available, or None."""
    if not os.environ.get(_POSTGRES):
        return f"no PostgreSQL; name one by {_POSTGRES}=postgresql://…"
    return None


@contextmanager
def scratch_database(kind: str) -> Iterator[str]:
    """Create an empty database within the block; yields its URL.

    Args:
        kind: ``sqlite`` or ``postgresql``.
    """
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            yield f"sqlite:///{folder}/routing.db"
        return
    import psycopg
    from sqlalchemy import make_url

    url = make_url(os.environ[_POSTGRES]).set(drivername="postgresql")
    name = f"proof_{secrets.token_hex(6)}"
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            yield url.set(database=name).render_as_string(hide_password=False)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def version_of(url: str) -> str:
    """Return name and version of a database."""
    if url.startswith("sqlite"):
        import sqlite3

        return f"SQLite {sqlite3.sqlite_version}"
    import psycopg

    with psycopg.connect(url) as connection:
        number = connection.info.server_version
    return f"PostgreSQL {number // 10_000}.{number % 10_000}"


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


class Client:
    """A client of one server over one kept connection.

    Args:
        port: on 127.0.0.1.
        token: key of the requests.
    """

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT_S)
        self._token = token

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        kind: str = "application/json",
        key: str | None = None,
    ) -> tuple[int, bytes]:
        """Send a request; return status and body of the answer.

        Args:
            path: below ``/api/v1``.
            kind: media type of the body.
            key: ``Idempotency-Key``.

        Raises:
            LostError: there was no whole answer.
        """
        headers = {"Authorization": f"Bearer {self._token}"}
        if body is not None:
            headers["Content-Type"] = kind
        if key is not None:
            headers["Idempotency-Key"] = key
        try:
            self._connection.request(method, f"/api/v1{path}", body, headers)
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise LostError(type(error).__name__) from error

    def ask(self, method: str, path: str, value: object = None, *, key: str | None = None) -> Any:
        """Send a request that must succeed; return the ``data`` of the answer.

        Raises:
            LostError: there was no whole answer.
            BenchmarkProcessError: it was another answer.
        """
        body = None if value is None else json.dumps(value).encode()
        status, text = self.send(method, path, body, key=key)
        if not 200 <= status < 300:
            raise BenchmarkProcessError(f"{method} {path}: {status} {text[:500]!r}")
        return json.loads(text)["data"]

    def items(self, path: str) -> list[Any]:
        """Yield all items of a list, page by page.

        Raises:
            LostError: there was no whole answer.
            BenchmarkProcessError: it was another answer than a page.
        """
        found: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            page = self.ask("GET", f"{path}?limit=1000{cursor}")
            found += page["items"]
            cursor = page["nextCursor"] and f"&cursor={page['nextCursor']}"
        return found

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Imported:
    """Times of an import's phases, by ``time.perf_counter``.

    Attributes:
        started_s: before its sheet was sent.
        uncommitted_s: when it was last asked for and not done: its commit came later.
        done_s: when it was known to be done: its commit came before.
    """

    started_s: float
    uncommitted_s: float
    done_s: float


def sheet_form(sheet: bytes, *, publish: bool) -> tuple[str, bytes]:
    """Return media type and body of a POST that imports a CSV."""
    mark = secrets.token_hex(8)
    fields = (
        f'name="publish"\r\n\r\n{str(publish).lower()}'.encode(),
        b'name="file"; filename="sheet.csv"\r\nContent-Type: text/csv\r\n\r\n' + sheet,
    )
    parts = b"".join(
        f"--{mark}\r\nContent-Disposition: form-data; ".encode() + field + b"\r\n"
        for field in fields
    )
    return f"multipart/form-data; boundary={mark}", parts + f"--{mark}--\r\n".encode()


def import_sheet(client: Client, sheet: bytes) -> Imported:
    """Import a CSV, publish all of it, and wait for that.

    Raises:
        LostError: an answer was not whole.
        BenchmarkProcessError: the import failed.
    """
    kind, body = sheet_form(sheet, publish=True)
    started_s = uncommitted_s = time.perf_counter()
    code, taken = client.send("POST", "/imports", body, kind=kind)
    if code != HTTPStatus.ACCEPTED:
        raise BenchmarkProcessError(f"POST /imports: {code} {taken[:500]!r}")
    path = f"/imports/{json.loads(taken)['data']['id']}"
    while True:
        asked_s = time.perf_counter()
        item = client.ask("GET", path)
        if item["status"] != "running":
            break
        uncommitted_s = asked_s
        time.sleep(LOOK_EVERY_S)
    if item["status"] != "done":
        raise BenchmarkProcessError(f"the import {item['status']}: {item['report']}")
    return Imported(started_s, uncommitted_s, time.perf_counter())


def agents_in_order(client: Client) -> list[str]:
    """Return the id of every agent, in order of location ids."""
    agents = {item["locationId"]: item["id"] for item in client.items("/agents")}
    return [agents[name] for name in sorted(agents)]


class Server:
    """``routing-engine serve`` on 127.0.0.1, restartable on one database.

    Args:
        database: its URL.
        settings: of the environment, without the prefix, in small letters.

    Attributes:
        token: the key that the database begins with, with all scopes.
        port: where it listens since it was started last.
    """

    def __init__(self, database: str, settings: Mapping[str, object]) -> None:
        self.token = f"rk_{secrets.token_urlsafe(33)}"
        self.port = 0
        self._folder = tempfile.TemporaryDirectory(prefix="benchmark-")
        self._said = Path(self._folder.name, "stderr")
        self._process: subprocess.Popen[bytes] | None = None
        given = {
            "database": database,
            "bootstrap_key": self.token,
            "secret": base64.b64encode(secrets.token_bytes(32)).decode(),
            "host": "127.0.0.1",
            "port": 0,
            "metrics_port": 0,
            "rate_per_s": 1e6,
            "rate_burst": 1_000_000,
            "log_level": "warning",
            **settings,
        }
        self._environment = os.environ | {
            f"ROUTING_ENGINE_{name.upper()}": str(value) for name, value in given.items()
        }

    def setting(self, name: str) -> str:
        """Return a setting that it is started with."""
        return self._environment[f"ROUTING_ENGINE_{name.upper()}"]

    @property
    def pid(self) -> int:
        """Process id of the last started server."""
        assert self._process is not None
        return self._process.pid

    def launch(self) -> None:
        """Start the process without waiting."""
        command = [sys.executable, "-m", "routing_engine.cli", "serve"]
        with self._said.open("wb") as stderr:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environment, stdout=stderr, stderr=stderr
            )

    def start(self) -> float:
        """Start the server; return the seconds until it answers.

        Raises:
            BenchmarkProcessError: it does not.
        """
        started_s = time.perf_counter()
        self.launch()
        while time.perf_counter() - started_s < START_TIMEOUT_S:
            if not self.is_running:
                break
            if self._answers():
                return time.perf_counter() - started_s
            time.sleep(LOOK_EVERY_S)
        code = self.kill()
        raise BenchmarkProcessError(f"the server did not start ({code}):\n{self.said()}")

    def _answers(self) -> bool:
        found = _SERVES.search(self.said())
        if found is None:
            return False
        self.port = int(found[1])
        with Client(self.port, self.token) as client:
            try:
                client.ask("GET", "/agents?limit=1")
            except LostError:
                return False
        return True

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def said(self) -> str:
        """Return the end of its output."""
        return self.everything_said()[-4000:]

    def everything_said(self) -> str:
        """Return all output since the last start."""
        return self._said.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> int | None:
        """Kill it by SIGKILL."""
        return self._end(signal.SIGKILL)

    def stop(self) -> int | None:
        """Stop it by SIGTERM; return its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, sent: signal.Signals) -> int | None:
        process = self._process
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(sent)
        try:
            return process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._folder.cleanup()
