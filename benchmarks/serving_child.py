"""The process of ``serving``'s clients, or of the engine alone.

The clients are lean, for they share the machine with the server: one loop, one kept connection a
client, requests as bytes. What was answered is looked at when all is over.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.encoders import make_encoder
from benchmarks.generate import franchise_columns, utterances
from benchmarks.timing import no_garbage_collection, percentiles_us
from routing_engine import Outcome, Reason, RoutingEngine
from routing_engine.catalog.columns import LocationColumns

__all__ = [
    "N_WARMUP",
    "VISIBLE_S",
    "Answered",
    "Connection",
    "Load",
    "Numbers",
    "numbers_by_version",
    "numbers_of",
    "outdated",
    "wrong",
]

VISIBLE_S = 2.0
"""Deadline for a published version to be live."""

ANSWER_TIMEOUT_S = 60.0
N_WARMUP = 3

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

Numbers = Mapping[str | None, str]
"""Label of each rule -> its number; None -> the default."""


def numbers_of(columns: LocationColumns, i: int) -> dict[str | None, str]:
    """Return the numbers of location i."""
    labels = [text.label for text in columns.tables[columns.table[i]]]
    first, stop = int(columns.first_slot[i]), int(columns.first_slot[i + 1])
    codes = columns.destinations[first:stop]
    found: dict[str | None, str] = {
        label: str(columns.decode(int(code))) for label, code in zip(labels, codes, strict=True)
    }
    return found | {None: str(columns.decode(int(columns.defaults[i])))}


def numbers_by_version(columns: LocationColumns, i: int, other: int) -> dict[int, Numbers]:
    """Return the numbers of location i by version: 1 its own, 2 another location's."""
    own = numbers_of(columns, i)
    return {1: own, 2: dict(zip(own, numbers_of(columns, other).values(), strict=True))}


def wrong(decision: Mapping[str, Any], numbers: Mapping[int, Numbers]) -> bool:
    """Whether a decision has another number than its rule in that version.

    Args:
        decision: as it was answered.
        numbers: of the agent that was asked for, by version. No other agent has any of them.
    """
    rule = decision["rule"] if decision["outcome"] == Outcome.TRANSFER else None
    known = numbers.get(decision["version"], {})
    return rule not in known or decision["destination"] != known[rule]


def outdated(version: int, sent_s: float, published: Sequence[tuple[float, int]]) -> bool:
    """Whether an answer is by a version that was replaced too long before the request.

    Args:
        version: that answered.
        sent_s: when it was asked for.
        published: of each later version of the agent, when its publish was answered.
    """
    return any(version < newer and at_s + VISIBLE_S < sent_s for at_s, newer in published)


class Connection(asyncio.Protocol):
    """HTTP/1.1 over one connection, one request at a time."""

    def __init__(self, token: str) -> None:
        self._head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._wanted = 0
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answer is not None and not self._answer.done():
            error = ConnectionError("the server closed the connection")
            error.__cause__ = exc
            self._answer.set_exception(error)

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        if not self._wanted:
            end = received.find(b"\r\n\r\n")
            if end < 0:
                return
            length = _LENGTH.search(received, 0, end + 2)
            self._wanted = end + 4 + (0 if length is None else int(length[1]))
        if len(received) >= self._wanted and self._answer is not None:
            body = bytes(received[received.index(b"\r\n\r\n") + 4 :])
            self._answer.set_result((int(received[9:12]), body))

    async def send(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send a request; return status and body of the answer.

        Raises:
            ConnectionError: the server closed the connection.
        """
        if self._transport is None:
            raise ConnectionError("the server closed the connection")
        self._received.clear()
        self._wanted = 0
        self._answer = asyncio.get_running_loop().create_future()
        kind = "Content-Type: application/json\r\n" if body else ""
        head = f"{method} /api/v1{path} HTTP/1.1\r\n{self._head}{kind}"
        self._transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return await self._answer

    async def ask(self, method: str, path: str, value: object = None) -> Any:
        """Send a request that must succeed; return its ``data``.

        Raises:
            RuntimeError: it is none.
        """
        body = b"" if value is None else json.dumps(value).encode()
        status, text = await self.send(method, path, body)
        if not 200 <= status < 300:
            raise RuntimeError(f"{method} {path}: {status} {text[:300]!r}")
        return json.loads(text)["data"]


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as received.

    Attributes:
        agent: which was asked.
        sent_s: when.
    """

    agent: int
    sent_s: float
    taken_ns: int
    status: int
    body: bytes

    @property
    def came_s(self) -> float:
        """When the answer had arrived."""
        return self.sent_s + self.taken_ns / 1e9


class Load:
    """Clients that query random agents of one server, one request after another.

    Args:
        port: of the server, on 127.0.0.1.
        token: key of the requests.
        agents: id of each, in the order of the columns.
        columns: whose first locations the agents answer by their version 1.
        seed: of who is asked what.

    Attributes:
        answered: all answers, in the order they came.
        failures: why there was none, each of which ended a client.
        numbers: of the agents that have other versions than the first, by version.
        published: of an agent, when each later version was answered to be published.
    """

    def __init__(
        self, port: int, token: str, agents: Sequence[str], columns: LocationColumns, *, seed: int
    ) -> None:
        self.answered: list[Answered] = []
        self.failures: list[str] = []
        self.numbers: dict[int, dict[int, Numbers]] = {}
        self.published: dict[int, list[tuple[float, int]]] = {}
        self._port, self._token = port, token
        self._agents, self._columns = agents, columns
        self._chance = random.Random(f"load {seed}")
        self._said = [
            json.dumps({"utterance": text}).encode() for text in utterances(10_000, seed=seed)
        ]

    async def connected(self) -> Connection:
        """Open a separate connection to the server."""
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(
            lambda: Connection(self._token), "127.0.0.1", self._port
        )
        return made

    async def ask(self, client: Connection, is_over: Callable[[], bool]) -> None:
        """Run one client until the end."""
        clock, chance, agents = time.perf_counter_ns, self._chance, self._agents
        while not is_over():
            agent = chance.randrange(len(agents))
            said = chance.choice(self._said)
            before = clock()
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    status, body = await client.send("POST", f"/agents/{agents[agent]}/route", said)
            except (OSError, TimeoutError) as error:
                self.failures.append(repr(error))
                return
            taken = clock() - before
            self.answered.append(Answered(agent, before / 1e9, taken, status, body))

    def judged(self) -> dict[str, Any]:
        """Count the answers that are wrong."""
        n_wrong = n_outdated = n_not_routed = 0
        failures = list(self.failures)
        for item in self.answered:
            if item.status != 200:
                failures.append(f"{item.status} {item.body[:200]!r}")
                continue
            decision = json.loads(item.body)["data"]
            numbers = self.numbers.get(item.agent)
            if numbers is None:
                numbers = self.numbers[item.agent] = {1: numbers_of(self._columns, item.agent)}
            n_wrong += (
                wrong(decision, numbers)
                or decision["locationId"] != self._columns.ids[item.agent]
                or decision["agentId"] != self._agents[item.agent]
            )
            n_not_routed += decision["reason"] in _NOT_ROUTED
            published = self.published.get(item.agent, ())
            n_outdated += outdated(decision["version"], item.sent_s, published)
        return {
            "errors": len(failures),
            "first_errors": failures[:3],
            "wrong": n_wrong,
            "outdated": n_outdated,
            "not_routed": n_not_routed,
        }


_NOT_ROUTED = frozenset({Reason.ENGINE_DEGRADED, Reason.OVERLOADED, Reason.DEADLINE_EXCEEDED})


class _Serving:
    """Clients that route, and one that publishes meanwhile."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request
        self._agents: list[str] = request["agents"]
        seed = request["seed"]
        self._columns = franchise_columns(len(self._agents) + request["publishes"], seed=seed)
        self._load = Load(request["port"], request["token"], self._agents, self._columns, seed=seed)
        self._chance = random.Random(f"serving {seed}")
        self._publish_s: list[float] = []
        self._visible_s: list[float] = []

    async def run(self) -> dict[str, Any]:
        load, seconds = self._load, self._request["seconds"]
        clients = [await load.connected() for _ in range(self._request["clients"])]
        publisher = await load.connected()
        until_s = time.perf_counter() + seconds
        started_s = time.perf_counter()
        await asyncio.gather(
            *(load.ask(client, lambda: time.perf_counter() >= until_s) for client in clients),
            self._publish(publisher, seconds),
        )
        spent_s = time.perf_counter() - started_s
        n_warmup = N_WARMUP * len(clients)
        taken = np.array([item.taken_ns for item in load.answered[n_warmup:]], np.int64)
        return {
            **load.judged(),
            **percentiles_us(taken),
            "answers": len(load.answered),
            "answers_per_s": len(load.answered) / spent_s,
            "publishes": len(self._publish_s),
            "publish_s": self._publish_s,
            "visible_s": self._visible_s,
        }

    async def _publish(self, client: Connection, seconds: float) -> None:
        """Publish other numbers of agents, evenly over time."""
        n = self._request["publishes"]
        started_s = time.perf_counter()
        for k, agent in enumerate(self._chance.sample(range(len(self._agents)), n)):
            await asyncio.sleep(max(0.0, started_s + (k + 0.5) * seconds / n - time.perf_counter()))
            path = f"/agents/{self._agents[agent]}"
            try:
                await self._publish_one(client, path, agent, len(self._agents) + k)
            except (OSError, RuntimeError, TimeoutError) as error:
                self._load.failures.append(repr(error))
                return

    async def _publish_one(self, client: Connection, path: str, agent: int, other: int) -> None:
        handoff = (await client.ask("GET", path))["handoffConfig"]
        by_version = numbers_by_version(self._columns, agent, other)
        numbers = by_version[2]
        rules = [
            {**rule, "destination": numbers[rule["label"]]} for rule in handoff["transferRules"]
        ]
        changed = {"transferDestination": numbers[None], "transferRules": rules}
        self._load.numbers[agent] = by_version
        await client.ask("PATCH", path, {"handoffConfig": changed})
        started_s = time.perf_counter()
        version = (await client.ask("POST", f"{path}/publish", {}))["version"]
        done_s = time.perf_counter()
        self._publish_s.append(done_s - started_s)
        self._load.published[agent] = [(done_s, version)]
        while time.perf_counter() - done_s < ANSWER_TIMEOUT_S:
            decision = await client.ask("POST", f"{path}/route", {"utterance": "a question"})
            if decision["version"] == version:
                self._visible_s.append(time.perf_counter() - done_s)
                return
        raise TimeoutError(f"version {version} is not to be seen")


def _engine_alone(request: dict[str, Any]) -> dict[str, Any]:
    """Time decisions by ``aroute``, in nanoseconds, with as many tasks as clients."""
    seed = request["seed"]
    columns = franchise_columns(request["n_locations"], seed=seed)
    encoder = make_encoder(request["encoder"])
    engine = RoutingEngine(columns, encoder=encoder)
    ids, said = engine.location_ids(), utterances(10_000, seed=seed)
    chance = random.Random(f"engine alone {request['part']} {seed}")
    taken: list[int] = []

    async def caller(until_s: float) -> None:
        clock = time.perf_counter_ns
        while time.perf_counter() < until_s:
            location_id, text = chance.choice(ids), chance.choice(said)
            before = clock()
            await engine.aroute(location_id, text)
            taken.append(clock() - before)

    async def all_of_them() -> None:
        until_s = time.perf_counter() + request["seconds"]
        await asyncio.gather(*(caller(until_s) for _ in range(request["clients"])))

    with no_garbage_collection():
        asyncio.run(all_of_them())
    return {
        "encoder": encoder.fingerprint,
        "answers": len(taken),
        "taken_ns": taken[N_WARMUP * request["clients"] :],
    }


def _main(asked: str, answered: str) -> None:
    request = json.loads(Path(asked).read_text(encoding="utf-8"))
    if request["who"] == "engine":
        answer = _engine_alone(request)
    else:
        with no_garbage_collection():
            answer = asyncio.run(_Serving(request).run())
    Path(answered).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
