"""The server as its user runs it: a process, its signals, its first key, and curl."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.planes import BILLING, CONFIG

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorials" / "control-plane.md"
KEY = "rk_" + "k" * 40


class Server:
    """A server process in a folder of its own."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.folder = folder
        self._out, self._err = folder / "out.txt", folder / "err.txt"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "routing_engine.cli", "serve", "--port", "0", *options],
                cwd=folder,
                stdout=out,
                stderr=err,
                env={
                    **os.environ, "PYTHONPATH": str(ROOT), "ROUTING_ENGINE_ENCODER": "hashing",
                    "ROUTING_ENGINE_METRICS_PORT": "0", **environment,
                },
            )  # fmt: skip
        self.url = self._until(r"serves on (http://\S+)", self._err)

    def _until(self, pattern: str, file: Path) -> str:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            found = re.search(pattern, file.read_text(encoding="utf-8"))
            if found:
                return found[1]
            assert self.process.poll() is None, file.read_text(encoding="utf-8")
            time.sleep(0.05)
        raise AssertionError(f"the server does not say {pattern}")

    @property
    def key(self) -> str:
        return self._until(r"(?m)^(rk_\S+)$", self._out)

    @property
    def output(self) -> str:
        return self._out.read_text(encoding="utf-8")

    @property
    def log(self) -> str:
        return self._err.read_text(encoding="utf-8")

    def client(self, key: str) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=60
        )

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def server(folder: Path, *options: str, **environment: str) -> Iterator[Server]:
    started = Server(folder, *options, **environment)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
            started.process.wait()


def published(client: httpx.Client) -> str:
    agent_id = client.post("/agents", json={"name": "A", **CONFIG}).json()["data"]["id"]
    assert client.post(f"/agents/{agent_id}/publish").status_code == 201
    return agent_id


def test_the_first_key_is_printed_once_and_everything_outlives_the_process(tmp_path):
    with server(tmp_path) as first:
        key = first.key
        with first.client(key) as client:
            agent_id = published(client)
            body = {"utterance": "I was charged twice"}
            assert client.post(f"/agents/{agent_id}/route", json=body).status_code == 200
        # Stopped at once: the decision waits to be stored.
        assert first.stop() == 0
        assert first.output == f"{key}\n"
        assert key not in first.log
        for line in first.log.splitlines():
            if line.startswith("{"):
                assert "charged" not in json.dumps(json.loads(line))
    with server(tmp_path) as second, second.client(key) as client:
        assert client.get(f"/agents/{agent_id}/calls").json()["data"]["totals"]["calls"] == 1
        routed = client.post(f"/agents/{agent_id}/route", json=body).json()["data"]
        assert (routed["destination"], routed["version"]) == (BILLING, 1)
        assert second.stop() == 0
        assert second.output == ""


def test_the_first_key_may_be_given(tmp_path):
    with server(tmp_path, ROUTING_ENGINE_BOOTSTRAP_KEY=KEY) as started:
        with started.client(KEY) as client:
            listed = client.get("/keys").json()["data"]["items"]
        assert [(item["name"], len(item["scopes"])) for item in listed] == [("bootstrap", 9)]
        assert started.stop() == 0
        assert (started.output, KEY in started.log) == ("", False)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_answer_waits_for_no_acknowledgement(tmp_path, workers):
    given = {"ROUTING_ENGINE_BOOTSTRAP_KEY": KEY, "ROUTING_ENGINE_WORKERS": workers}
    with server(tmp_path, **given) as started, started.client(KEY) as client:
        took_s = []
        for _ in range(40):
            began_s = time.perf_counter()
            assert client.get("/agents", params={"limit": 1}).status_code == 200
            took_s.append(time.perf_counter() - began_s)
        # With Nagle's algorithm each waits for a delayed acknowledgement: 40 ms, after the first.
        assert min(took_s[20:]) < 0.02
        assert started.stop() == 0


def test_requests_under_way_are_finished(tmp_path):
    with server(tmp_path, ROUTING_ENGINE_BOOTSTRAP_KEY=KEY) as started:
        with started.client(KEY) as client:
            agent_id = published(client)

        def asked(number: int) -> int | None:
            try:
                with started.client(KEY) as client:
                    return client.post(
                        f"/agents/{agent_id}/route", json={"utterance": f"invoice {number}"}
                    ).status_code
            except httpx.TransportError:
                return None  # it came after the end, or nothing of it had been read by then

        with ThreadPoolExecutor(16) as pool:
            running = pool.map(asked, range(64))
            assert next(iter(running)) == 200
            assert started.stop() == 0
            statuses = [200, *running]
        assert set(statuses) <= {200, None}
        answered = statuses.count(200)
    with server(tmp_path) as again, again.client(KEY) as client:
        totals = client.get(f"/agents/{agent_id}/calls").json()["data"]["totals"]
        assert totals["calls"] == answered  # what was decided was answered
        again.stop()


@pytest.mark.slow
def test_workers_share_a_snapshot_and_follow_each_other(tmp_path):
    with server(tmp_path, ROUTING_ENGINE_BOOTSTRAP_KEY=KEY) as alone:
        with alone.client(KEY) as client:
            before = published(client)
        alone.stop()
    with server(tmp_path, "--workers", "2", ROUTING_ENGINE_METRICS_PORT="19464") as started:
        # A connection stays with one worker: many of them reach both.
        until = time.monotonic() + 60
        for port in (19464, 19465):
            while time.monotonic() < until:
                try:
                    if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.1)
        with started.client(KEY) as client:
            after = published(client)
            call = client.post(f"/agents/{after}/calls", json={}).json()["data"]["callId"]
        time.sleep(2.0)  # what is promised: every worker has it within two seconds
        for agent_id in (before, after):
            for _ in range(10):
                with started.client(KEY) as client:
                    body = {"utterance": "I was charged twice"}
                    routed = client.post(f"/agents/{agent_id}/route", json=body).json()["data"]
                    assert (routed["destination"], routed["version"]) == (BILLING, 1)
        for text in ("hello", "hello again", "hello once more"):
            with started.client(KEY) as client:
                assert client.post(f"/calls/{call}/turns", json={"text": text}).status_code == 200
        counted = 0
        for port in (19464, 19465):
            text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
            found = re.search(
                r'requests_total\{method="POST",path="/api/v1/agents/\{agentId\}/route"[^}]*\} (\d+)',
                text,
            )
            counted += int(found[1]) if found else 0
        assert counted == 20
        assert started.stop() == 0


@pytest.mark.slow
def test_workers_end_with_the_process_that_started_them(tmp_path):
    given = {"ROUTING_ENGINE_BOOTSTRAP_KEY": KEY}
    with server(tmp_path, "--workers", "2", **given) as killed:
        with killed.client(KEY) as client:
            agent_id = published(client)
        killed.process.kill()
        killed.process.wait()
        port = killed.url.rpartition(":")[2]
        until = time.monotonic() + 30
        while _answers(killed.url) and time.monotonic() < until:
            time.sleep(0.05)
    with server(tmp_path, "--port", port, **given) as again, again.client(KEY) as client:
        body = {"utterance": "I was charged twice"}
        routed = client.post(f"/agents/{agent_id}/route", json=body).json()["data"]
        assert (routed["destination"], routed["version"]) == (BILLING, 1)
        assert again.stop() == 0


CHILD = """
import multiprocessing, signal, time
from routing_engine.server.children import end_with_parent

def child():
    end_with_parent(signal.SIGKILL)
    print("writing", flush=True)
    time.sleep(600)

if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=child)
    process.start()
    process.join()
"""


def test_what_writes_for_the_server_ends_with_it(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(CHILD)
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        assert parent.stdout.readline() == "writing\n"
        parent.kill()
        parent.communicate(timeout=30)  # until nobody holds the other end: the child is gone


def _answers(url: str) -> bool:
    try:
        httpx.get(url, timeout=5)
    except httpx.TransportError:
        return False
    return True


@pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("jq") and shutil.which("bash")),
    reason="needs curl, jq and bash",
)
def test_the_commands_of_the_tutorial_run_as_they_stand(tmp_path):
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) > 8
    with server(tmp_path, ROUTING_ENGINE_BOOTSTRAP_KEY=KEY) as started:
        script = "set -euo pipefail\n" + "echo\n".join(blocks)
        done = subprocess.run(
            ["bash", "-c", script],
            env=os.environ | {"URL": f"{started.url}/api/v1", "KEY": KEY},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        answers = [
            json.loads(part)
            for part in re.findall(r'\{"success".*?\}(?=\{"success|\s|$)', done.stdout)
        ]
        assert all(item["success"] for item in answers)
        outcomes = [
            item["data"]["decision"]["outcome"]
            for item in answers
            if isinstance(item["data"], dict) and item["data"].get("decision")
        ]
        assert outcomes == ["verify", "transfer"]
        started.stop()


@pytest.mark.parametrize(
    ("environment", "options", "message"),
    [
        ({"ROUTING_ENGINE_SECRET": "short"}, (), "ROUTING_ENGINE_SECRET: must be 32 bytes"),
        ({"ROUTING_ENGINE_PORT": "many"}, (), "ROUTING_ENGINE_PORT"),
        ({}, ("--database", "mysql://x"), "SQLite or PostgreSQL"),
        ({}, ("--host", "203.0.113.1"), "cannot listen on 203.0.113.1"),
    ],
)
def test_a_setting_that_is_wrong_ends_with_a_message(tmp_path, environment, options, message):
    done = subprocess.run(
        [sys.executable, "-m", "routing_engine.cli", "serve", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "ROUTING_ENGINE_ENCODER": "hashing",
             **environment},
    )  # fmt: skip
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_whose_database_hangs_ends_in_time_and_what_was_decided_is_stored_later(
    tmp_path, empty_postgres_url
):
    import psycopg

    given = {
        "ROUTING_ENGINE_BOOTSTRAP_KEY": KEY, "ROUTING_ENGINE_DATABASE": empty_postgres_url,
        "ROUTING_ENGINE_SHUTDOWN_S": "3", "ROUTING_ENGINE_SPOOL": str(tmp_path / "spool"),
    }  # fmt: skip
    body = {"utterance": "I was charged twice"}
    with server(tmp_path, **given) as started, started.client(KEY) as client:
        agent_id = published(client)
        with psycopg.connect(empty_postgres_url) as other:
            other.execute("LOCK TABLE calls, decisions, totals IN ACCESS EXCLUSIVE MODE")
            for _ in range(10):
                assert client.post(f"/agents/{agent_id}/route", json=body).status_code == 200
            with ThreadPoolExecutor(4) as waiting:
                hung = [waiting.submit(client.get, f"/agents/{agent_id}/calls") for _ in range(4)]
                began_s = time.monotonic()
                assert started.stop() in (0, 1)
                assert time.monotonic() - began_s < 4.5
                assert all(h.exception() is not None or h.result().status_code >= 500 for h in hung)
    with server(tmp_path, **given) as again, again.client(KEY) as client:
        until = time.monotonic() + 10
        while client.get(f"/agents/{agent_id}/calls").json()["data"]["totals"]["calls"] < 10:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert again.stop() == 0


def test_a_database_of_a_newer_version_is_named_at_the_start(tmp_path):
    import sqlite3

    from routing_engine.store import Store

    Store.open(f"sqlite:///{tmp_path / 'routing.db'}").close()
    with sqlite3.connect(tmp_path / "routing.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'ffff'")
    database.close()
    done = subprocess.run(
        [sys.executable, "-m", "routing_engine.cli", "serve", "--port", "0"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "ROUTING_ENGINE_ENCODER": "hashing"},
    )  # fmt: skip
    assert done.returncode == 2
    assert "newer version" in done.stderr
    assert "Traceback" not in done.stderr
