"""The console as an application of its own, below ``/console``."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from routing_engine.server.console import (
    importing,
    keeping,
    location,
    locations,
    reviewing,
    talking,
    trying,
)
from routing_engine.server.console.rendering import STATIC, address, render
from routing_engine.server.console.signing import sign_in, signing
from routing_engine.server.console.visits import Pages

if TYPE_CHECKING:
    from routing_engine.server.plane import ControlPlane

__all__ = ["PARTS", "console_app"]

PARTS: tuple[Pages, ...] = (
    signing, locations.pages, location.pages, trying.pages, importing.pages, talking.pages, reviewing.pages,
    keeping.pages,
)  # fmt: skip

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def console_app(plane: ControlPlane) -> Starlette:
    """Build the console of a plane."""
    app = Starlette(
        routes=[
            Route("/", _home),
            Route("/static/{mark}/{name}", _static),
            Route("/sign-in", sign_in, methods=["GET", "POST"]),
            *(route for part in PARTS for route in part.routes),
        ],
        middleware=[Middleware(GZipMiddleware, minimum_size=500), Middleware(_Headers)],
        exception_handlers={HTTPException: _on_http_error},
    )
    app.state.plane = plane
    return app


async def _home(_: Request) -> Response:
    return RedirectResponse("/console/locations", 303)


async def _static(request: Request) -> Response:
    """A file of the console; its address changes with it."""
    name = request.path_params["name"]
    known = {path.name for path in STATIC.iterdir()}
    if name not in known or request.url.path != address(name):
        raise HTTPException(404)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response((STATIC / name).read_bytes(), media_type=kind, headers=headers)


async def _on_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = "that cannot be done here" if error.status_code == 405 else "there is no such page"
    page = render(
        "problem.html", visit=None, csrf="", status=error.status_code, detail=detail, errors=[]
    )
    return HTMLResponse(page, error.status_code)


class _Headers:
    """Sends what keeps a browser from loading, framing or keeping more than it should."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                named = {name.lower() for name, _ in headers}
                headers += [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
                if b"cache-control" not in named:
                    headers.append((b"cache-control", b"no-store"))
            await send(message)

        await self._app(scope, receive, sent)
