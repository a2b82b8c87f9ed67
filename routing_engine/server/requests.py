"""Checks before an endpoint runs, and the responses of endpoints.

In this order: the key (401), its scope (403), how often it asks (429), the kind of body (415), its
size (413), the body itself (400, 422). Nothing is read for who may not send it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
import traceback
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from routing_engine.errors import InvalidValueError, Problem, RoutingError
from routing_engine.server.problems import (
    STATUSES,
    ProblemError,
    counted,
    invalid,
    invalid_request,
    on_http_error,
    on_validation_error,
    problem_response,
    unpublished,
)
from routing_engine.server.security import bearer
from routing_engine.server.strict_json import is_text, read_json
from routing_engine.server.wire.common import numbers_of

if TYPE_CHECKING:
    from fastapi._compat import ModelField

    from routing_engine.server.plane import ControlPlane
    from routing_engine.store import Page, Principal

__all__ = [
    "Endpoint",
    "answer",
    "check_scope",
    "failed",
    "limited",
    "listed",
    "log_bug",
    "plane_of",
    "principal_of",
    "problem_of",
    "rate_limited",
    "router",
    "scope_of",
]

T = TypeVar("T")

_logger = logging.getLogger(__name__)

MAX_KEY_LENGTH = 200
LARGE_BODY = 64 << 10
BODIES_S = 30.0


class _StrictRequest(Request):
    """A request whose body has a size limit and is parsed strictly."""

    limit = 0
    plane: ControlPlane
    field: ModelField | None = None
    """The JSON body as one field, to validate it by itself."""

    async def stream(self) -> AsyncGenerator[bytes, None]:
        n_bytes = 0
        async for chunk in super().stream():
            n_bytes += len(chunk)
            if n_bytes > self.limit:
                raise _too_large(self.limit)
            yield chunk

    async def body(self) -> bytes:
        body = await super().body()
        self.state.body = body  # endpoints are not async, and cannot ask for it
        return body

    async def json(self) -> Any:
        body = await self.body()
        if len(body) <= LARGE_BODY:
            return read_json(body)
        # A megabyte takes a second to check: nobody else on the event loop has to wait for it.
        return await self.plane.bodies.answer(partial(_checked, body, self.field), BODIES_S)


def _checked(body: bytes, field: ModelField | None) -> Any:
    """A large body, as what it is to be where that is known: it is not checked again then.

    Raises:
        ProblemError: as for a small one.
    """
    value = read_json(body)
    if field is None:
        return value
    made, errors = field.validate(value, {}, loc=("body",))
    if errors:
        raise invalid_request(errors)
    return made


def limited(request: Request, limit: int) -> Request:
    """The same request, whose body may have at most so many bytes."""
    made = _StrictRequest(request.scope, request.receive)
    made.limit = limit
    return made


class Endpoint(APIRoute):
    """A route that knows its scope: ``openapi_extra={"security": [{"bearer": [scope]}]}``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        scope = scope_of(self)
        media_type = None
        if self.body_field is not None:
            media_type = getattr(self.body_field.field_info, "media_type", "application/json")
        field = self.body_field if media_type == "application/json" else None
        asked = {field.alias for field in self.dependant.query_params}

        async def endpoint(request: Request) -> Response:
            started_s = time.perf_counter()
            plane = plane_of(request)
            try:
                await _check_key(plane, await _principal(plane, request), scope)
                _check_texts(request, asked)
                response = await _handled(plane, request, media_type, field, handle)
            except Exception as error:  # noqa: BLE001  whatever it is becomes a problem
                response = await failed(request, error)
            plane.metrics.observe(
                request.method, self.path, response.status_code, time.perf_counter() - started_s
            )
            return response

        return endpoint


async def failed(request: Request, error: Exception) -> Response:
    """Return the response to a request that failed; who asks is told no more than need be."""
    if isinstance(error, (ProblemError, HTTPException)):
        return await on_http_error(request, error)
    if isinstance(error, RequestValidationError):
        return await on_validation_error(request, error)
    if isinstance(error, RoutingError):
        return problem_of(error)
    if isinstance(error, ClientDisconnect):  # nobody is there to be answered, and nothing was done
        return problem_response(400, "the request ended before its body did")
    log_bug(error)
    if isinstance(error, OSError):  # a disk that is full, or too few descriptors
        detail = "the server has no room for this at present; retry"
        return problem_response(503, detail, headers={"Retry-After": "10"})
    return problem_response(500, "internal server error")


async def _principal(plane: ControlPlane, request: Request) -> Principal:
    principal = await plane.keys.principal(bearer(request.headers.get("authorization")))
    request.state.principal = principal
    return principal


async def _check_key(plane: ControlPlane, principal: Principal, scope: str) -> None:
    await rate_limited(plane, principal.key_id)
    check_scope(principal, scope)


async def rate_limited(plane: ControlPlane, key_id: str) -> None:
    """Take one request of a key from what it may ask.

    Raises:
        ProblemError: 429.
    """
    wait_s = await plane.limits.wait_s(key_id)
    if wait_s:
        detail = f"rate limit of this key exceeded; retry after {wait_s} s"
        raise ProblemError(429, detail, headers={"Retry-After": str(wait_s)})


def check_scope(principal: Principal, scope: str) -> None:
    """Refuse a key without a scope.

    Raises:
        ProblemError: 403.
    """
    if scope not in principal.scopes:
        raise ProblemError(
            403, f"this key lacks the scope {scope}", code="missing_scope", scope=scope
        )


def _check_texts(request: Request, asked: set[str]) -> None:
    """Reject unknown, repeated or unstorable query parameters and headers."""
    if not is_text(request.scope["path"]):
        raise ProblemError(404, "not found")
    problems = [
        Problem(f"query.{name}", "unknown query parameter")
        for name in request.query_params
        if name not in asked
    ]
    problems += [
        Problem(f"query.{name}", "is given more than once")
        for name in request.query_params
        if len(request.query_params.getlist(name)) > 1
    ]
    problems += [
        Problem(f"query.{name}", "must be valid UTF-8 without NUL")
        for name, value in request.query_params.multi_items()
        if not is_text(value)
    ]
    problems += [
        Problem(f"header.{name}", f"must be plain ASCII of at most {MAX_KEY_LENGTH} characters")
        for name in ("idempotency-key", "if-match")
        for value in request.headers.getlist(name)
        if len(value) > MAX_KEY_LENGTH or not (value.isascii() and value.isprintable())
    ]
    if problems:
        raise ProblemError(422, counted(len(problems)), errors=problems)


async def _handled(
    plane: ControlPlane,
    request: Request,
    media_type: str | None,
    field: ModelField | None,
    handle: Callable[[Request], Coroutine[Any, Any, Response]],
) -> Response:
    strict = _StrictRequest(request.scope, request.receive)
    strict.plane, strict.field = plane, field
    is_upload = media_type is not None and media_type.startswith("multipart/")
    settings = plane.settings
    strict.limit = settings.max_upload_bytes if is_upload else settings.max_body_bytes
    _check_headers(strict, media_type)
    policy = plane.dial_policy(principal_of(request).organisation_id)
    with numbers_of(settings.region, policy):
        return await handle(strict)


def _check_headers(request: _StrictRequest, media_type: str | None) -> None:
    """Refuse a request by its headers alone, before its body is read."""
    length = request.headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and len(length) < 20 and int(length) > request.limit:
        raise _too_large(request.limit)
    if media_type is None:
        return
    if request.headers.get("content-encoding", "identity").casefold() != "identity":
        raise ProblemError(415, "Content-Encoding is not supported; send the body uncompressed")
    given = request.headers.get("content-type")
    if given is None and length == "0" and "transfer-encoding" not in request.headers:
        return
    kind = (given or "").partition(";")[0].strip().casefold()
    allowed = (media_type,) if media_type != "application/json" else (
        "application/json", "application/merge-patch+json",
    )  # fmt: skip
    if kind not in allowed:
        raise ProblemError(415, f"unsupported Content-Type; send the body as {media_type}")


def _too_large(limit: int) -> ProblemError:
    return ProblemError(413, f"the body is larger than {limit:,} bytes; send a smaller one")


def problem_of(error: RoutingError) -> Response:
    """Map an error of the library to a problem response."""
    from routing_engine import errors

    if isinstance(error, InvalidValueError):
        return invalid(error).response()
    if isinstance(error, errors.UnknownLocationError):
        return unpublished().response()
    for kind, status, code in (
        (errors.NotFoundError, 404, ""),
        (errors.PreconditionFailedError, 412, ""),
        (errors.IdempotencyConflictError, 409, "idempotency_conflict"),
        (errors.ConflictError, 409, ""),
        (errors.WrongSecretError, 409, "sealed"),
        (errors.StoreUnavailableError, 503, ""),
    ):
        if isinstance(error, kind):
            detail = str(error)
            if status == 503:
                detail = "the database is unavailable; retry"
            elif isinstance(error, errors.NotFoundError):
                detail = f"{error.what} not found"
            headers = {"Retry-After": "1"} if status == 503 else None
            return problem_response(status, detail, code=code, headers=headers)
    log_bug(error)
    return problem_response(500, "internal server error")


def log_bug(error: BaseException) -> None:
    """Log where an error was raised, without its message: that may quote a caller."""
    frames = traceback.extract_tb(error.__traceback__)
    place = " < ".join(f"{f.filename.rpartition('/')[2]}:{f.lineno}" for f in frames[:-6:-1])
    _logger.error("internal error %s at %s", type(error).__name__, place)


def scope_of(route: APIRoute) -> str:
    """Return the scope that an endpoint requires."""
    scope: str = (route.openapi_extra or {})["security"][0]["bearer"][0]
    return scope


def plane_of(request: Request) -> ControlPlane:
    """Return the control plane of the application."""
    plane: ControlPlane = request.app.state.plane
    return plane


def principal_of(request: Request) -> Principal:
    """Return the principal of a request."""
    principal: Principal = request.state.principal
    return principal


def router() -> APIRouter:
    """Build a router of :class:`Endpoint` routes."""
    return APIRouter(prefix="/api/v1", route_class=Endpoint)


def secured(scope: str, *statuses: int) -> dict[str, Any]:
    """Return route options that require a scope.

    Args:
        scope: which one.
        statuses: of errors that the route answers beside those that its method and path imply.
    """
    return {"security": [{"bearer": [scope]}], STATUSES: statuses}


def answer(
    data: Any,
    message: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build a success response."""
    return Response(
        envelope(data, message), status, dict(headers or {}), media_type="application/json"
    )


def listed(page: Page[T], shown: Callable[[T], Any], what: str) -> Response:
    """Build the response with one page of a list.

    Args:
        page: of the store.
        shown: an item on the wire.
        what: the items are, in the plural.
    """
    items = [shown(item) for item in page.items]
    return answer({"items": items, "nextCursor": page.cursor}, f"{len(items)} {what}")


def envelope(data: Any, message: str) -> str:
    """Return the body of a success response."""
    return json.dumps({"success": True, "data": _plain(data), "message": message}, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    return value


def fingerprint(request: Request, body: bytes) -> str:
    """Hash a request, to compare it with an earlier one of the same idempotency key."""
    made = hashlib.sha256()
    for part in (request.method, request.scope["path"], str(request.query_params)):
        made.update(part.encode("utf-8", "surrogateescape") + b"\0")
    made.update(body)
    return made.hexdigest()
