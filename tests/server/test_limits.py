"""What holds over several nodes: rate limits by a real Redis, and keys that were deleted."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time

import pytest

from routing_engine.errors import InvalidValueError
from routing_engine.server.limiting import RateLimits
from routing_engine.server.security import KeyRing
from routing_engine.store import Principal

REDIS = "redis://127.0.0.1:6379/9"


@pytest.fixture
def redis_url():
    pytest.importorskip("limits", reason="needs the extra redis")
    with socket.socket() as tried:
        tried.settimeout(1)
        if tried.connect_ex(("127.0.0.1", 6379)):
            pytest.skip("no Redis on 127.0.0.1:6379")
    return REDIS


def test_a_key_may_ask_no_more_of_all_nodes_than_of_one(redis_url, monkeypatch):
    monkeypatch.setattr("routing_engine.server.limiting.SHARED_S", 5.0)  # on a busy machine too
    key, other = secrets.token_hex(8), secrets.token_hex(8)

    async def ask():
        nodes = [RateLimits(1.0, 30, redis_url) for _ in range(3)]
        found = [await nodes[i % 3].wait_s(key) for i in range(40)]
        assert all(node.is_shared for node in nodes)
        waits_of_other = await nodes[0].wait_s(other)
        for node in nodes:
            await node.close()
        return found, waits_of_other

    waits, waits_of_other = asyncio.run(ask())
    assert waits[:30] == [0] * 30
    assert all(0 < wait_s <= 60 for wait_s in waits[30:38])
    assert waits_of_other == 0


def test_without_an_answer_of_redis_each_process_counts_alone():
    pytest.importorskip("limits", reason="needs the extra redis")
    silent = socket.create_server(("127.0.0.1", 0))

    async def ask():
        limits = RateLimits(1.0, 2, f"redis://127.0.0.1:{silent.getsockname()[1]}")
        started_s = time.monotonic()
        found = [await limits.wait_s("k") for _ in range(3)]
        taken_s = time.monotonic() - started_s
        await limits.close()
        return found, taken_s, limits

    with silent:
        waits, taken_s, limits = asyncio.run(ask())
    assert waits == [0, 0, 1]
    assert taken_s < 2.0
    assert not limits.is_shared


def test_a_url_of_something_else_is_refused():
    with pytest.raises(InvalidValueError, match="must begin with redis:// or rediss://"):
        RateLimits(1.0, 2, "http://127.0.0.1")


def test_a_key_in_use_is_asked_about_before_its_answer_expires():
    principal = Principal("org", "key", frozenset(), None)
    known = {"token": principal}
    n_asked = 0

    def authenticate(token):
        nonlocal n_asked
        n_asked += 1
        time.sleep(0.02)
        return known.get(token)

    async def use():
        ring = KeyRing(authenticate, 1.0)
        await ring.principal("token")
        slowest_s, started_s = 0.0, time.monotonic()
        while time.monotonic() < started_s + 1.6:
            before_s = time.monotonic()
            assert ring.recent("token") is principal  # no request has to wait
            assert await ring.principal("token") is principal
            slowest_s = max(slowest_s, time.monotonic() - before_s)
            await asyncio.sleep(0.005)
        ring.close()

    asyncio.run(use())
    assert 3 <= n_asked <= 5
