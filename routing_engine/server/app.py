"""The application: all endpoints on one plane."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic.alias_generators import to_camel
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from routing_engine.server.agents import agents
from routing_engine.server.asking import asking
from routing_engine.server.backtesting import backtesting
from routing_engine.server.calls import calls
from routing_engine.server.imports import imports
from routing_engine.server.keys import keys
from routing_engine.server.openapi import document
from routing_engine.server.policies import policies
from routing_engine.server.problems import on_http_error, on_validation_error, problem_response
from routing_engine.server.publishing import publishing
from routing_engine.server.routing import routing
from routing_engine.server.settings import closing_s
from routing_engine.server.skills import skills

if TYPE_CHECKING:
    from routing_engine.server.mcp import McpEndpoint
    from routing_engine.server.plane import ControlPlane

__all__ = ["create_app"]


def create_app(plane: ControlPlane) -> FastAPI:
    """Build the API on a control plane, which is closed when the application ends."""
    mcp = _mcp(plane)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncGenerator[None, None]:
        try:
            async with nullcontext() if mcp is None else mcp.run():
                yield
        finally:
            await plane.limits.close()
            # Not in a thread of those that requests have: all of them may hang.
            await asyncio.to_thread(plane.close, closing_s(plane.settings))

    app = FastAPI(
        title="routing-engine",
        version="1",
        lifespan=life,
        docs_url="/docs",
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        generate_unique_id_function=lambda route: to_camel(route.name),
    )
    app.state.plane = plane
    # What is asked most stands first: routes are matched one after the other.
    for part in (
        routing,
        calls,
        asking,
        agents,
        skills,
        publishing,
        backtesting,
        imports,
        policies,
        keys,
    ):
        app.include_router(part)
    if mcp is not None:
        app.router.routes.append(Route("/mcp", mcp, include_in_schema=False))
    if plane is not None and plane.settings.console:
        from routing_engine.server.console.app import console_app

        app.mount("/console", console_app(plane))
        app.add_route("/console", _to_console, include_in_schema=False)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(Exception, _on_bug)
    made: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not made:
            made.update(document(app))
        return made

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def _mcp(plane: ControlPlane | None) -> McpEndpoint | None:
    """Return what answers ``/mcp``; None where its extra is not installed."""
    if plane is None or find_spec("mcp") is None:
        return None
    from routing_engine.server.mcp import McpEndpoint

    return McpEndpoint(plane)


async def _to_console(_: Request) -> Response:
    return RedirectResponse("/console/locations", 307)


async def _on_bug(_: Request, __: Exception) -> Response:
    return problem_response(500, "internal server error")
