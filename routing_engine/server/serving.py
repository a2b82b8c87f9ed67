"""Run the server: one process, or a parent of workers that share a mapped snapshot.

The supervisor of uvicorn 0.54 is not used: tried with two workers on one socket, one that could
not start ended the other, too, with exit code 0, and workers went on answering after their parent
had been killed.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import logging
import multiprocessing
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI

from routing_engine.errors import InvalidValueError
from routing_engine.server.app import create_app
from routing_engine.server.children import end_with_parent
from routing_engine.server.connections import bounded_protocol, max_connections
from routing_engine.server.health import health_app
from routing_engine.server.logs import start_logging
from routing_engine.server.plane import ControlPlane
from routing_engine.server.security import SCOPES
from routing_engine.server.settings import Settings, closing_s, read_settings
from routing_engine.store import Store

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["bootstrap", "serve"]

_logger = logging.getLogger(__name__)

BACKLOG = 2048
HEALTH_CONNECTIONS = 32
LAST_S = 0.5
"""Last part of the shutdown time, in which a process that hangs ends itself."""


def serve(settings: Settings) -> None:
    """Serve until told to stop; requests under way are finished, decisions stored.

    Raises:
        InvalidValueError: a setting is wrong.
        StoreUnavailableError: the database does not answer.
    """
    start_logging(settings.log_level)
    store = _opened(settings, migrate=True)
    try:
        bootstrap(store, settings)
    finally:
        store.close()
    listening = _bound(settings)
    host, port = listening.getsockname()[:2]
    print(f"routing-engine serves on http://{host}:{port}", file=sys.stderr, flush=True)  # noqa: T201
    if settings.workers == 1:
        _run(open_plane(settings), settings, listening)
    else:
        _serve_with_workers(settings, listening)


def bootstrap(store: Store, settings: Settings) -> None:
    """Create an organisation and its first key, with all scopes, in an empty store."""
    if not store.is_empty():
        return
    given = settings.bootstrap_key
    # In one transaction: an organisation without a key would be closed to everybody for good.
    with store.founding_first("default", actor="bootstrap") as work:
        if work is None:  # another process did, meanwhile
            return
        _, token = work.keys.create(
            "bootstrap", SCOPES, token=None if given is None else given.get_secret_value()
        )
        if given is None:
            # On stdout, apart from the logs, and this once; before it is kept, for one that was
            # kept and not shown would be lost.
            print(token, flush=True)  # noqa: T201
    if given is None:
        print("above is the first key, with all scopes; it is not shown again", file=sys.stderr)  # noqa: T201


def open_plane(settings: Settings) -> ControlPlane:
    """Open the control plane of one process."""
    return ControlPlane(settings, _opened(settings, migrate=False))


def _opened(settings: Settings, *, migrate: bool) -> Store:
    return Store.open(
        settings.database,
        secret=settings.secret_bytes,
        previous=settings.previous_secrets,
        migrate=migrate,
        listen_url=settings.listen_url,
    )


def _bound(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Of a socket that does not name TCP, asyncio leaves Nagle's algorithm on: 40 ms an answer.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((settings.host, settings.port))
    except OSError as error:
        made.close()
        raise InvalidValueError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}"
        ) from error
    # From here on who connects waits, and is not refused.
    made.listen(BACKLOG)
    return made


def with_health(plane: ControlPlane, settings: Settings) -> FastAPI:
    """Build the API, and serve health checks and metrics on another port beside it."""
    app = create_app(plane)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def life(owner: FastAPI) -> AsyncGenerator[None, None]:
        async with inner(owner):
            server = _Beside(health_app(plane), settings)
            running = asyncio.create_task(server.serve_beside())
            try:
                yield
            finally:
                server.should_exit = True
                with suppress(asyncio.CancelledError):
                    await running

    app.router.lifespan_context = life
    return app


class _Beside(uvicorn.Server):
    """A second server in the same process, which leaves signals to the first."""

    def __init__(self, app: Starlette, settings: Settings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=bounded_protocol(HEALTH_CONNECTIONS),
                log_config=None,
                access_log=False,
                server_header=False,
            )
        )
        self._settings = settings

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def serve_beside(self) -> None:
        """Serve on the first free port of the range that the workers share."""
        if self._settings.metrics_port == 0:
            return
        first = self._settings.metrics_port
        for port in range(first, first + self._settings.workers):
            made = socket.socket(proto=socket.IPPROTO_TCP)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                made.bind((self._settings.metrics_host, port))
            except OSError:
                made.close()
                continue
            await self.serve([made])
            return
        _logger.warning("no port for metrics from %d on", first)


def _serve_with_workers(settings: Settings, listening: socket.socket) -> None:
    """Build the engine once, save it, and start workers that map the same files."""
    folder = Path(tempfile.mkdtemp(prefix="routing-engine-"))
    try:
        # Nothing is sealed by this process: its secret does not matter.
        plane = open_plane(settings)
        position = plane.save(folder)
        plane.close()
        os.environ.update(_environment(settings))
        os.environ["ROUTING_ENGINE_SNAPSHOT"] = str(folder)
        os.environ["ROUTING_ENGINE_SNAPSHOT_POSITION"] = str(position)
        if settings.secret is None:
            # Workers must open what another sealed.
            made = base64.b64encode(secrets.token_bytes(32)).decode()
            os.environ["ROUTING_ENGINE_SECRET"] = made
        _Workers(settings.workers, listening, settings.shutdown_s).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environment(settings: Settings) -> dict[str, str]:
    """Return settings as environment variables for a worker."""
    return {
        f"ROUTING_ENGINE_{name.upper()}": str(value)
        for name, value in settings.model_dump(
            exclude={"secret", "secret_previous", "bootstrap_key", "snapshot", "snapshot_position"}
        ).items()
        if value is not None
    } | ({"ROUTING_ENGINE_REGION": "none"} if settings.region is None else {})


class _Workers:
    """Worker processes that share one socket; one that dies is replaced.

    Spawned, never forked: a fork would copy threads' locks without the threads.
    """

    def __init__(self, n_workers: int, listening: socket.socket, shutdown_s: float) -> None:
        self._listening = listening
        self._shutdown_s = shutdown_s
        self._told_to_stop = threading.Event()
        self._spawn = multiprocessing.get_context("spawn")
        self._workers = [self._started() for _ in range(n_workers)]

    def _started(self) -> BaseProcess:
        worker = self._spawn.Process(target=_work, args=(self._listening,))
        worker.start()
        return worker

    def run(self) -> None:
        """Replace workers that die, until told to stop; then let them finish."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._told_to_stop.set())
        while not self._told_to_stop.wait(0.2):
            for i, worker in enumerate(self._workers):
                if not worker.is_alive():
                    _logger.error("a worker ended with %s; another is started", worker.exitcode)
                    # One that cannot start must not be started as fast as it fails.
                    if self._told_to_stop.wait(1.0):
                        break
                    self._workers[i] = self._started()
        for worker in self._workers:
            worker.terminate()
        until = time.monotonic() + self._shutdown_s
        for worker in self._workers:
            worker.join(max(until - time.monotonic(), 0.1))
            if worker.is_alive():
                _logger.error("a worker does not end; it is killed")
                worker.kill()
                worker.join()


def _work(listening: socket.socket) -> None:
    """Entry point of a worker process."""
    end_with_parent(signal.SIGTERM)
    settings = read_settings()
    start_logging(settings.log_level)
    _run(open_plane(settings), settings, listening)


def _run(plane: ControlPlane, settings: Settings, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT."""
    # What is there now stays: to look through it again and again stops every caller.
    gc.collect()
    gc.freeze()
    config = uvicorn.Config(
        with_health(plane, settings),
        http=bounded_protocol(max_connections() - HEALTH_CONNECTIONS // 2),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, int(settings.shutdown_s - 2 * closing_s(settings))),
        lifespan="on",
    )
    # uvicorn ends in good order on a signal, and then raises it again for whoever was there before.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    _Server(config, partial(_leave, plane), settings.shutdown_s - LAST_S).run(sockets=[listening])
    _logger.info("served, and stored what was decided")


def _leave(plane: ControlPlane) -> None:
    """End this process although something hangs; what was decided is kept."""
    _logger.error("ended before all had finished: the time to shut down is over")
    plane.recorder.spool()
    logging.shutdown()
    os._exit(1)


class _Server(uvicorn.Server):
    """A server that has ended some seconds after it was told to, whatever hangs.

    Args:
        config: how it serves.
        leave: ends the process.
        within_s: after the first signal.
    """

    def __init__(self, config: uvicorn.Config, leave: Callable[[], None], within_s: float) -> None:
        super().__init__(config)
        self._timer = threading.Timer(max(within_s, 0.5), leave)
        self._timer.daemon = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            self._timer.start()
        super().handle_exit(sig, frame)
