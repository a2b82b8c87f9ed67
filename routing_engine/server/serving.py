"""The server as processes: one that serves, or a parent of several that share a mapped snapshot."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI

from routing_engine.errors import InvalidValueError
from routing_engine.server.app import create_app
from routing_engine.server.health import health_app
from routing_engine.server.logs import start_logging
from routing_engine.server.plane import ControlPlane
from routing_engine.server.security import SCOPES
from routing_engine.server.settings import Settings
from routing_engine.store import Store

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["serve", "worker_app"]

_logger = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Serve until told to stop; requests under way are finished, decisions stored.

    Raises:
        InvalidValueError: a setting is wrong.
        StoreUnavailableError: the database does not answer.
    """
    start_logging(settings.log_level)
    store = Store.open(settings.database, secret=settings.secret_bytes)
    try:
        bootstrap(store, settings)
    finally:
        store.close()
    listening = _bound(settings)
    host, port = listening.getsockname()[:2]
    print(f"routing-engine serves on http://{host}:{port}", file=sys.stderr, flush=True)  # noqa: T201
    if settings.workers == 1:
        plane = open_plane(settings)
        uvicorn.Server(_config(settings, with_health(plane, settings))).run(sockets=[listening])
        return
    _serve_with_workers(settings, listening)


def bootstrap(store: Store, settings: Settings) -> None:
    """On an empty store, make an organisation and its first key, with all scopes."""
    if not store.is_empty():
        return
    given = settings.bootstrap_key
    organisation_id = store.create_organisation("default")
    with store.work(organisation_id, actor="bootstrap") as work:
        _, token = work.create_key(
            "bootstrap", SCOPES, token=None if given is None else given.get_secret_value()
        )
    if given is None:
        # On stdout, apart from the logs, and this once.
        print(token, flush=True)  # noqa: T201
        print("above is the first key, with all scopes; it is not shown again", file=sys.stderr)  # noqa: T201


def open_plane(settings: Settings) -> ControlPlane:
    """The plane of one process."""
    return ControlPlane(settings, Store.open(settings.database, secret=settings.secret_bytes, migrate=False))


def _config(settings: Settings, app: FastAPI | str) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_s,
        limit_concurrency=None,
        lifespan="on",
    )


def _bound(settings: Settings) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((settings.host, settings.port))
    except OSError as error:
        made.close()
        raise InvalidValueError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}"
        ) from error
    made.set_inheritable(True)
    return made


def with_health(plane: ControlPlane, settings: Settings) -> FastAPI:
    """The API, and beside it on another port what orchestrators ask."""
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
    """A server within another's process, which leaves signals to the other."""

    def __init__(self, app: Starlette, settings: Settings) -> None:
        super().__init__(
            uvicorn.Config(app, log_config=None, access_log=False, server_header=False)
        )
        self._settings = settings

    @asynccontextmanager
    async def _nothing(self) -> AsyncGenerator[None, None]:
        yield

    async def serve_beside(self) -> None:
        """Serve on the first free port of those that the workers have."""
        if self._settings.metrics_port == 0:
            return
        first = self._settings.metrics_port
        for port in range(first, first + self._settings.workers):
            made = socket.socket()
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                made.bind((self._settings.metrics_host, port))
            except OSError:
                made.close()
                continue
            await self._serve([made])
            return
        _logger.warning("no port for metrics from %d on", first)


def _serve_with_workers(settings: Settings, listening: socket.socket) -> None:
    """Build the engine once, save it, and have each worker map the same files."""
    from uvicorn.supervisors import Multiprocess

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
        config = _config(settings, "routing_engine.server.serving:worker_app")
        Multiprocess(config, target=uvicorn.Server(config).run, sockets=[listening]).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environment(settings: Settings) -> dict[str, str]:
    """Settings as the environment of a worker, which reads them from there."""
    return {
        f"ROUTING_ENGINE_{name.upper()}": str(value)
        for name, value in settings.model_dump(exclude={"secret", "bootstrap_key", "snapshot", "snapshot_position"}).items()
        if value is not None
    } | ({"ROUTING_ENGINE_REGION": "none"} if settings.region is None else {})


def worker_app() -> FastAPI:
    """The application of one worker, by the environment."""
    settings = Settings()
    start_logging(settings.log_level)
    return with_health(open_plane(settings), settings)
