"""Signing in with an API key, and out again."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from routing_engine.errors import RoutingError
from routing_engine.server.console.rendering import render
from routing_engine.server.console.visits import COOKIE, SIGN_IN, Pages, Visit, is_secure, same_site
from routing_engine.server.limiting import Limiter

if TYPE_CHECKING:
    from routing_engine.server.plane import ControlPlane

__all__ = ["sign_in", "signing"]

signing = Pages()

HOME = "/console/locations"
FAILURES_AT_ONCE = 5
FAILURES_PER_S = 0.1
"""Failed sign-ins per second of one address: after five, ten seconds for each further try."""

SLOWED_S = 0.5
MAX_KEY_LENGTH = 200

_limiters: WeakKeyDictionary[ControlPlane, Limiter] = WeakKeyDictionary()


async def sign_in(request: Request) -> Response:
    """The page that asks for a key, and what becomes of one that is given."""
    if request.method != "POST":
        return _page(request, 200)
    plane: ControlPlane = request.app.state.plane
    limiter = _limiters.setdefault(plane, Limiter(FAILURES_PER_S, FAILURES_AT_ONCE, time.monotonic))
    if not same_site(request):
        return _page(request, 403, "Another site sent this. Type the key here.")
    async with request.form(max_fields=10) as form:
        given = form.get("key")
        token = given.strip() if isinstance(given, str) else ""
    address = "" if request.client is None else request.client.host
    try:
        session = await run_in_threadpool(_begun, plane, token) if _may_be_key(token) else None
    except RoutingError:
        return _page(request, 503, "The database does not answer. Try again in a moment.")
    if session is None:
        wait_s = limiter.wait_s(address)
        await asyncio.sleep(SLOWED_S)
        if wait_s:
            detail = f"Too many wrong keys. Try again in {wait_s} seconds."
            return _page(request, 429, detail, {"Retry-After": str(wait_s)})
        return _page(request, 401, "No such key, or it has expired.")
    response = RedirectResponse(_next(request), 303)
    response.set_cookie(
        COOKIE,
        session,
        max_age=int(plane.settings.console_lifetime.total_seconds()),
        path="/console",
        httponly=True,
        samesite="strict",
        secure=is_secure(request),
    )
    return response


def _may_be_key(token: str) -> bool:
    return len(token) <= MAX_KEY_LENGTH and token.isascii() and token.isprintable()


def _begun(plane: ControlPlane, key: str) -> str | None:
    """The token of a new session; None where the key is none."""
    principal = plane.store.authenticate(key)
    if principal is None:
        return None
    with plane.store.work(principal.organisation_id, actor=principal.key_id) as work:
        return work.sessions.create(principal.key_id, plane.settings.console_lifetime)


def _next(request: Request) -> str:
    """Return where to go after signing in: only a page of the console."""
    path = request.query_params.get("next", "")
    is_ours = path.startswith("/console/") and "//" not in path and "\\" not in path
    return path if is_ours and path.isprintable() and path != SIGN_IN else HOME


def _page(
    request: Request, status: int, detail: str = "", headers: dict[str, str] | None = None
) -> Response:
    query = request.url.query
    page = render("sign_in.html", visit=None, csrf="", detail=detail, query=query)
    return HTMLResponse(page, status, headers)


@signing.post("/sign-out", None)
def sign_out(visit: Visit) -> Response:
    """End this session."""
    principal = visit.session.principal
    with visit.plane.store.work(principal.organisation_id, actor=principal.key_id) as work:
        work.sessions.end(visit.session.id)
    return _left(visit)


@signing.post("/sign-out-everywhere", None)
def sign_out_everywhere(visit: Visit) -> Response:
    """End every session of this key, in whatever browser."""
    principal = visit.session.principal
    with visit.plane.store.work(principal.organisation_id, actor=principal.key_id) as work:
        work.sessions.end_all(principal.key_id)
    return _left(visit)


def _left(visit: Visit) -> Response:
    response = visit.go(SIGN_IN)
    response.delete_cookie(COOKIE, path="/console")
    return response
