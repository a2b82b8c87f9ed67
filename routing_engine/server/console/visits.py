"""One request to the console: who is signed in, what they may do, and how it is answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from routing_engine.errors import InvalidValueError, Problem, RoutingError
from routing_engine.server.console import tokens
from routing_engine.server.console.rendering import render
from routing_engine.server.problems import ProblemError
from routing_engine.server.requests import check_scope, limited, log_bug, problem_of
from routing_engine.server.strict_json import is_text
from routing_engine.server.wire.common import numbers_of
from routing_engine.validation import problems_of

if TYPE_CHECKING:
    from routing_engine.server.plane import ControlPlane
    from routing_engine.store import ConsoleSession

__all__ = ["COOKIE", "SIGN_IN", "Pages", "Visit", "ask", "is_secure", "same_site", "validated"]

T = TypeVar("T", bound=BaseModel)
Handler = Callable[["Visit"], Response]

COOKIE = "routing_console"
SIGN_IN = "/console/sign-in"
MAX_FIELDS = 2000


@dataclass(slots=True)
class Visit:
    """A request of somebody who is signed in.

    Attributes:
        request: with the principal in its state, as an endpoint of the API expects it.
        session: of the console.
        token: of the session.
        form: what was sent; empty for GET.
    """

    request: Request
    session: ConsoleSession
    token: str
    form: FormData = field(default_factory=FormData)

    @property
    def plane(self) -> ControlPlane:
        """The control plane of the application."""
        plane: ControlPlane = self.request.app.state.plane
        return plane

    @property
    def is_htmx(self) -> bool:
        """Whether a part of a page is asked for, not a page."""
        return self.request.headers.get("hx-request") == "true"

    def may(self, scope: str) -> bool:
        """Whether the key has a scope."""
        return scope in self.session.principal.scopes

    def path(self, name: str) -> str:
        """A parameter of the path."""
        value: str = self.request.path_params[name]
        return value

    def asked(self, name: str, otherwise: str = "") -> str:
        """A parameter of the query."""
        return self.request.query_params.get(name, otherwise)

    def given(self, name: str) -> str:
        """A field of the form; empty where it is not there, or is a file."""
        value = self.form.get(name)
        return value if isinstance(value, str) else ""

    def render(self, template: str, code: int = 200, /, **context: Any) -> HTMLResponse:
        """A page, or a part of one, with the status code of its response."""
        return HTMLResponse(
            render(template, visit=self, csrf=tokens.masked(self.token), **context), code
        )

    def go(self, path: str) -> Response:
        """Lead to another page of the console."""
        if self.is_htmx:
            return Response(status_code=204, headers={"HX-Redirect": path})
        return RedirectResponse(path, 303)


def ask(endpoint: Callable[..., Response], visit: Visit, *arguments: Any, **options: Any) -> Any:
    """Ask an endpoint of the API, as the key that is signed in.

    Args:
        endpoint: not async.
        visit: of whoever asks.
        arguments, options: of the endpoint, after the request.

    Returns:
        The ``data`` of its answer.

    Raises:
        RoutingError: as the endpoint.
    """
    response = endpoint(visit.request, *arguments, **options)
    return json.loads(bytes(response.body))["data"]


def validated(model: type[T], given: Mapping[str, Any]) -> T:
    """A document of the API, checked as the API checks it.

    Raises:
        InvalidValueError: with the path of each field that is wrong.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise InvalidValueError(what=model.__name__, problems=problems_of(details)) from None


def is_secure(request: Request) -> bool:
    """Whether the browser speaks TLS, to us or to a proxy before us."""
    forwarded = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip()
    return request.url.scheme == "https" or forwarded == "https"


class Pages:
    """The pages of the console, each with the scope that it needs."""

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self.scopes: dict[tuple[str, str], str | None] = {}

    def get(self, path: str, scope: str | None) -> Callable[[Handler], Handler]:
        """Answer GET at a path under ``/console``."""
        return self._method("GET", path, scope)

    def post(self, path: str, scope: str | None) -> Callable[[Handler], Handler]:
        """Answer POST at a path under ``/console``; only with the token of the page."""
        return self._method("POST", path, scope)

    def _method(self, method: str, path: str, scope: str | None) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            self.scopes[method, path] = scope
            self.routes.append(Route(path, _endpoint(handler, method, scope), methods=[method]))
            return handler

        return add


def _endpoint(handler: Handler, method: str, scope: str | None) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        plane: ControlPlane = request.app.state.plane
        token = request.cookies.get(COOKIE, "")
        try:
            session = (
                await run_in_threadpool(plane.store.session, token, plane.settings.console_idle)
                if token
                else None
            )
        except RoutingError as error:
            return _told(None, error)
        if session is None:
            return _signed_out(request)
        request.state.principal = session.principal
        visit = Visit(request, session, token)
        try:
            await _check_rate(plane, session)
            if not all(map(is_text, [request.scope["path"], *_texts(request)])):
                raise ProblemError(404, "not found")
            if method == "POST":
                if not same_site(request):
                    raise ProblemError(403, "another site sent this")
                visit.form = await _limited(plane, request).form(max_fields=MAX_FIELDS)
                given = request.headers.get("x-csrf-token") or visit.given("csrf")
                if not tokens.is_of(given, token):
                    raise ProblemError(
                        403, "the page is too old, or another site sent this; load it again"
                    )
            if scope is not None:
                check_scope(session.principal, scope)
            policy = plane.dial_policy(session.principal.organisation_id)
            with numbers_of(plane.settings.region, policy):
                return await run_in_threadpool(handler, visit)
        except (RoutingError, HTTPException) as error:
            return _told(visit, error)
        except Exception as error:  # noqa: BLE001  who asks is told no more than that
            log_bug(error)
            return _told(visit, ProblemError(500, "internal server error"))
        finally:
            await visit.form.close()

    return endpoint


def _limited(plane: ControlPlane, request: Request) -> Request:
    """The request, with the limits that the API has."""
    is_upload = request.headers.get("content-type", "").startswith("multipart/")
    settings = plane.settings
    return limited(request, settings.max_upload_bytes if is_upload else settings.max_body_bytes)


def _texts(request: Request) -> list[str]:
    return [text for pair in request.query_params.multi_items() for text in pair]


async def _check_rate(plane: ControlPlane, session: ConsoleSession) -> None:
    wait_s = await plane.limits.wait_s(session.principal.key_id)
    if wait_s:
        raise ProblemError(429, f"too many requests; try again in {wait_s} s")


def same_site(request: Request) -> bool:
    """Whether a page of our own had the browser send this, as far as the browser says."""
    origin = request.headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc == request.headers.get("host")
    return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


def _signed_out(request: Request) -> Response:
    """Lead to the sign-in, and from there back."""
    path = request.scope["path"]
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"HX-Redirect": SIGN_IN})
    back = f"?next={quote(path)}" if request.method == "GET" and path != "/console/" else ""
    return RedirectResponse(SIGN_IN + back, 303)


def _told(visit: Visit | None, error: Exception) -> Response:
    """An error as a page, or where a part of one was asked for as a message."""
    problem = _document(error)
    errors = [Problem(item["path"], item["message"]) for item in problem.get("errors", ())]
    context = {"status": problem["status"], "detail": problem["detail"], "errors": errors}
    if visit is None:
        return HTMLResponse(
            render("problem.html", visit=None, csrf="", **context), problem["status"]
        )
    if not visit.is_htmx:
        return visit.render("problem.html", problem["status"], **context)
    response = visit.render("_problem.html", problem["status"], **context)
    response.headers["HX-Retarget"] = "#messages"
    response.headers["HX-Reswap"] = "innerHTML"
    return response


def _document(error: Exception) -> dict[str, Any]:
    if isinstance(error, HTTPException) and not isinstance(error, ProblemError):
        details = {404: "there is no such page", 405: "that cannot be done here"}
        detail = details.get(error.status_code, "the request cannot be read")
        return {"status": error.status_code, "detail": detail}
    response = error.response() if isinstance(error, ProblemError) else problem_of(error)  # type: ignore[arg-type]
    document: dict[str, Any] = json.loads(bytes(response.body))
    return document
