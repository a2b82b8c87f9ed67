"""Requests that never end, and what is logged about them."""

from __future__ import annotations

import asyncio
import io
import logging
import socket
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress

import httpx
import pytest
import uvicorn

from routing_engine.server.connections import bounded_protocol, max_connections
from routing_engine.server.logs import LimitedHandler


async def app(scope, receive, send):
    assert scope["type"] == "http"
    more = True
    n = 0
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        n += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(n).encode()})


@contextmanager
def listening(limit=100, **deadlines):
    """The address of a server on the bounded protocol."""
    config = uvicorn.Config(
        app, http=bounded_protocol(limit, **deadlines), log_config=None, lifespan="off"
    )
    server = uvicorn.Server(config)
    made = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([made])), daemon=True)
    thread.start()
    try:
        yield made.getsockname()
    finally:
        server.should_exit = True
        thread.join(10)


def half(address, content):
    made = socket.create_connection(address, timeout=5)
    made.sendall(content)
    return made


def read_to_the_end(connection):
    with suppress(ConnectionResetError):
        while connection.recv(100):
            pass


HALF_HEADERS = b"POST / HTTP/1.1\r\nHost: a\r\n"
HALF_BODY = HALF_HEADERS + b"Content-Length: 100\r\n\r\nabc"


@pytest.mark.parametrize("content", [b"", HALF_HEADERS, HALF_BODY])
def test_a_request_that_does_not_end_is_ended(content):
    with listening(headers_s=0.3, body_s=0.3) as address, closing(half(address, content)) as made:
        began_s = time.monotonic()
        read_to_the_end(made)
        assert 0.2 < time.monotonic() - began_s < 3


def test_half_a_request_after_a_whole_one_is_ended_too():
    whole = HALF_HEADERS + b"Content-Length: 0\r\n\r\n"
    with listening(headers_s=0.3, body_s=0.3) as address, closing(half(address, whole)) as made:
        assert made.recv(1000).startswith(b"HTTP/1.1 200")
        made.sendall(HALF_HEADERS)
        read_to_the_end(made)


def test_a_body_that_goes_on_coming_has_longer():
    with listening(headers_s=0.3, body_s=0.3) as address:
        n, size = 12, 32 << 10
        head = HALF_HEADERS + f"Content-Length: {n * size}\r\n\r\n".encode()
        with closing(half(address, head)) as made:
            for _ in range(n):
                made.sendall(b"x" * size)
                time.sleep(0.1)
            assert str(n * size).encode() in made.recv(1000)


def test_where_connections_run_out_half_a_request_makes_room():
    with listening(limit=20) as address, ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(closing(half(address, HALF_HEADERS)))
        for _ in range(20):
            assert httpx.post("http://{}:{}/".format(*address), content=b"abc").text == "3"


def test_there_are_fewer_connections_than_descriptors():
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert 16 <= max_connections() < max(soft, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def test_a_log_that_would_fill_the_disk_says_how_much_it_left_out():
    written, now = io.StringIO(), 0.0
    handler = LimitedHandler(written, bytes_per_s=1000, burst=5000, clock=lambda: now)
    record = logging.LogRecord("a", logging.ERROR, "", 0, "x" * 99, (), None)
    for _ in range(10_000):
        handler.emit(record)
    assert len(written.getvalue()) <= 5_100
    now = 60.0
    handler.emit(record)
    assert "9950 lines of the log were left out" in written.getvalue()
    handler.emit(logging.LogRecord("a", logging.ERROR, "", 0, "y" * 10_000, (), None))
    assert max(map(len, written.getvalue().splitlines())) <= 2_001
