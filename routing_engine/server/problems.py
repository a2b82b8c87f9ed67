"""Every error as RFC 9457 ``application/problem+json``, never quoting the request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from routing_engine.errors import InvalidValueError, Problem, RoutingError, mask
from routing_engine.server.wire.common import Wire
from routing_engine.validation import dotted, problems_of

__all__ = [
    "CODES",
    "MEDIA_TYPE",
    "STATUSES",
    "TITLES",
    "FieldProblem",
    "ProblemDocument",
    "ProblemError",
    "counted",
    "invalid",
    "invalid_request",
    "on_http_error",
    "on_validation_error",
    "problem_response",
]

_NUMBER = re.compile(r"(?!\d{4}-\d\d-\d\d\b)\+?\(?\d[\d ().-]{5,}\d")

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 100

TITLES: Mapping[int, str] = {
    400: "Bad request",
    401: "No valid key",
    403: "Scope missing",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    412: "Changed meanwhile",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}


class FieldProblem(Wire):
    """One thing wrong with one field.

    Attributes:
        path: dotted, ``handoffConfig.transferRules.0.destination``; empty for the whole.
        pointer: the same as an RFC 6901 JSON pointer.
    """

    path: str
    pointer: str
    message: str


class ProblemDocument(Wire):
    """Body of every error response (RFC 9457).

    Attributes:
        type: a URN of the kind of problem; ends in ``code``.
        code: for programs: ``not_found``, ``no_published_version``, …
        errors: the fields that are wrong, where some are.
        report: of a publish that was blocked, why.
        scope: that the key lacks.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:routing-engine:problem:not_found",
                    "title": "Not found",
                    "status": 404,
                    "code": "not_found",
                    "detail": "agent not found",
                    "errors": [],
                }
            ]
        }
    )

    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    code: str
    detail: str
    errors: list[FieldProblem]
    report: dict[str, Any] | None = None
    scope: str | None = None


STATUSES = "x-statuses"
"""Where a route lists the errors that only it answers, until the document is made of it."""

CODES = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    412: "precondition_failed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "rate_limited",
    500: "internal",
    503: "unavailable",
}


class ProblemError(RoutingError, HTTPException):
    """An error that becomes a problem response.

    Attributes:
        code: for programs.
        errors: the fields that are wrong.
        extra: further members of the document.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str = "",
        errors: Iterable[Problem] = (),
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        HTTPException.__init__(self, status, detail, dict(headers or {}))
        self.code = code or CODES[status]
        self.errors = tuple(errors)
        self.extra = extra

    def response(self) -> Response:
        """Return the problem response."""
        return problem_response(
            self.status_code,
            self.detail,
            code=self.code,
            errors=self.errors,
            headers=self.headers,
            **self.extra,
        )


def problem_response(
    status: int,
    detail: str,
    *,
    code: str = "",
    errors: Iterable[Problem] = (),
    headers: Mapping[str, str] | None = None,
    **extra: Any,
) -> Response:
    """Build the response that carries a problem document."""
    code = code or CODES.get(status, "bad_request")
    shown = list(errors)
    body = {
        "type": f"urn:routing-engine:problem:{code}",
        "title": TITLES.get(status, "Refused"),
        "status": status,
        "code": code,
        "detail": detail,
        "errors": [
            {"path": item.path, "pointer": _pointer(item.path), "message": _masked(item.message)}
            for item in shown[:MAX_ERRORS]
        ],
        **extra,
    }
    return Response(
        json.dumps(body, ensure_ascii=True), status, dict(headers or {}), media_type=MEDIA_TYPE
    )


def _masked(message: str) -> str:
    """Mask phone numbers in a message; dates stay."""
    return _NUMBER.sub(lambda found: mask(found[0]), message)


def _pointer(path: str) -> str:
    parts = path.split(".") if path else []
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def invalid(error: InvalidValueError, *, under: str = "") -> ProblemError:
    """Convert an invalid value to a problem (422)."""
    problems = [
        Problem(".".join(filter(None, (under, item.path))), item.message) for item in error.problems
    ]
    return ProblemError(422, counted(len(problems)), errors=problems)


def wrong_field(path: str, message: str) -> ProblemError:
    """Return the problem of one invalid field (422)."""
    return ProblemError(422, counted(1), errors=[Problem(path, message)])


def unpublished() -> ProblemError:
    """Return the problem of an agent without a published version (409)."""
    return ProblemError(409, "no version of this agent is published", code="no_published_version")


def counted(n: int) -> str:
    """Return the number of invalid fields in words."""
    return "1 invalid field" if n == 1 else f"{n} invalid fields"


async def on_validation_error(_: Request, error: Exception) -> Response:
    """Answer a request that fails validation; its values stay out of the answer."""
    assert isinstance(error, RequestValidationError)
    return invalid_request(error.errors()).response()


def invalid_request(errors: Sequence[Any]) -> ProblemError:
    """The problem that a request is which fails validation, by the validator's own errors."""
    problems = list(problems_of(errors, path_of=_wire_path))
    return ProblemError(422, counted(len(problems)), errors=problems)


def _wire_path(parts: Sequence[int | str]) -> str:
    """Return the path of a body's field, or the place and name of another: ``query.limit``."""
    return dotted(parts[1:] if parts and parts[0] == "body" else parts)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer an HTTP error; the framework's own (404, 405) become problems too."""
    if isinstance(error, ProblemError):
        return error.response()
    assert isinstance(error, HTTPException)
    details = {404: "not found", 405: f"method not allowed: {request.method}"}
    detail = details.get(error.status_code, "the request cannot be parsed")
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed(request))
    return problem_response(error.status_code, detail, headers=headers)


def _allowed(request: Request) -> list[str]:
    """Return all methods of a path; the router names only those of its first route."""
    methods: set[str] = set()
    for template, item in request.app.openapi()["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, request.scope["path"]):
            methods |= {method.upper() for method in item}
    return sorted(methods) or ["GET"]
