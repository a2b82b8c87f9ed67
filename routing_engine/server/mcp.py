"""``/mcp``: the tool of a language model over streamable HTTP, in the one call that a token names.

A request stands by itself: no session is kept, so that any worker answers the next one. Only POST is
answered, with JSON. https://modelcontextprotocol.io/specification/2025-11-25/basic/transports
"""

from __future__ import annotations

import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from mcp import types
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from routing_engine import __version__
from routing_engine.calls.call import Call
from routing_engine.calls.tool_schema import error
from routing_engine.errors import NotFoundError, RoutingError
from routing_engine.gateways.mcp import Context, server_of
from routing_engine.model.decisions import Decision
from routing_engine.server.asking import skill_of
from routing_engine.server.plane import ControlPlane
from routing_engine.server.problems import ProblemError
from routing_engine.server.requests import LARGE_BODY, failed, log_bug, rate_limited
from routing_engine.server.security import bearer, unauthenticated
from routing_engine.server.tokens import TOKEN_KEY, Grant, read_token
from routing_engine.server.turns import Taken, recording, take, until_unchanged
from routing_engine.store import CallRow, UnitOfWork

__all__ = ["McpEndpoint"]

PATH = "/mcp"
ACTOR = "tool"

LOOK_S = 3.0
"""For the database to say whether the call goes on."""

ASK_S = 5.0
"""For a turn, from the caller's words to the stored decision."""

_CANNOT = "the tool cannot answer now; call it again, or go on yourself"


class McpEndpoint:
    """The ASGI application of ``/mcp``.

    Args:
        plane: what answers.
    """

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._sessions = StreamableHTTPSessionManager(
            server_of(self, version=__version__),
            json_response=True,
            stateless=True,
            max_request_body_size=min(plane.settings.max_body_bytes, LARGE_BODY),
        )

    def run(self) -> AbstractAsyncContextManager[None]:
        """Return what is open for as long as requests are answered."""
        return self._sessions.run()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started_s = time.perf_counter()
        request = Request(scope, receive)
        statuses: list[int] = []

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            await send(message)

        try:
            response = await self._refused(request)
            if response is None:
                await self._sessions.handle_request(scope, receive, watched)
        except Exception as problem:  # noqa: BLE001  as of every endpoint
            response = None if statuses else await failed(request, problem)
        if response is not None:
            await response(scope, receive, watched)
        self._plane.metrics.observe(
            request.method if request.method == "POST" else "other",
            PATH,
            statuses[0] if statuses else 500,
            time.perf_counter() - started_s,
        )

    async def _refused(self, request: Request) -> Response | None:
        """Return the answer to who may not ask; None where the request names its call by now."""
        if request.method != "POST":
            return ProblemError(
                405, "/mcp answers POST alone; it keeps no session", headers={"Allow": "POST"}
            ).response()
        if "origin" in request.headers:
            # A browser must not reach a server of its own network for some page (DNS rebinding).
            return ProblemError(403, "requests of web pages are not answered").response()
        plane = self._plane
        token = bearer(request.headers.get("authorization"))
        grant = read_token(token, plane.keys_for(TOKEN_KEY), datetime.now(UTC))
        if grant is None:
            raise unauthenticated("unknown or expired token; get one for a call that goes on")
        await rate_limited(plane, f"call {grant.call_id}")
        row = await plane.routing.answer(partial(self._row, grant), LOOK_S)
        if row is None or row.ended_at is not None:
            raise unauthenticated("the call of this token is over")
        request.state.grant, request.state.agent_id = grant, row.agent_id
        return None

    def _row(self, grant: Grant) -> CallRow | None:
        plane = self._plane
        try:
            with plane.store.read(grant.organisation_id) as work:
                row = work.calls.get(grant.call_id, sealed=False)
        except NotFoundError:
            return None
        if row.ended_at is None and not plane.answers(row.agent_id, grant.organisation_id):
            plane.catch_up(row.agent_id, grant.organisation_id, row.version or 0)
        return row

    async def tool(self, context: Context) -> dict[str, Any]:
        """Return the tool of the location that was called."""
        try:
            return skill_of(self._plane, _state(context).agent_id).mcp()
        except ProblemError as problem:
            raise MCPError(types.INTERNAL_ERROR, problem.detail) from None

    async def call(self, context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
        """Take a turn of the call, by what a model wrote."""
        grant: Grant = _state(context).grant
        try:
            return await self._plane.routing.answer(partial(self._turn, grant, arguments), ASK_S)
        except ProblemError as problem:
            return error(problem.detail)
        except RoutingError:
            return error(_CANNOT)
        except Exception as bug:  # noqa: BLE001  a model is told what it may do all the same
            log_bug(bug)
            return error(_CANNOT)

    def _turn(self, grant: Grant, arguments: dict[str, Any]) -> dict[str, Any]:
        plane = self._plane
        told: dict[str, Any] = {}

        def decide(row: CallRow) -> Taken:
            told.clear()
            told.update(error("the call is over"))

            def act(call: Call) -> Decision | None:
                before = call.decision
                told.clear()
                told.update(skill_of(plane, row.agent_id, call)(arguments))
                return None if call.decision is before else call.decision

            return take(plane, row, act)

        def store(put: Any) -> Taken:
            work: UnitOfWork
            with plane.store.work(grant.organisation_id, actor=ACTOR) as work:
                taken: Taken = put(work)
            return taken

        taken = until_unchanged(plane, grant.organisation_id, grant.call_id, decide, store)
        record = recording(plane, grant.organisation_id, taken)
        if record is not None:
            record()
        return told


def _state(context: Context) -> Any:
    """Return what the HTTP request of an MCP request was found to be about."""
    assert context.request is not None
    return context.request.state
