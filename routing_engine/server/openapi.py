"""The OpenAPI document: every status that can occur, and an example of every problem."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from routing_engine.server.problems import CODES, MEDIA_TYPE, TITLES, ProblemDocument

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["document"]

DESCRIPTION = """\
Edit, check, publish, route and measure. Every success is
`{"success": true, "data": …, "message": …}`, every error a problem (RFC 9457) with the paths of the
fields that are wrong. Unknown fields are refused. Drafts have an `ETag`; send it as `If-Match` and
a change that another made meanwhile is not undone (412). A POST with an `Idempotency-Key` may be
sent again: it is answered as before, for 24 hours.
"""

_PARAMETER = re.compile(r"{(\w+)}")
_BODY = (400, 413, 415)
_MADE = {
    "create_agent": {"agentId": "$response.body#/data/id"},
    "create_skill": {"agentId": "$request.path.agentId", "skillId": "$response.body#/data/id"},
    "publish": {
        "agentId": "$response.body#/data/agentId",
        "version": "$response.body#/data/version",
    },
    "open_call": {"callId": "$response.body#/data/callId"},
    "create_import": {"importId": "$response.body#/data/id"},
    "create_key": {"keyId": "$response.body#/data/id"},
}
"""Operations that make something -> where their answer says what later ones are asked about."""


def document(app: FastAPI) -> dict[str, Any]:
    """The document of an application."""
    made = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        summary="Decides, mid-call, where a caller should go.",
        description=DESCRIPTION,
        routes=app.routes,
        servers=[{"url": "/"}],
    )
    schemas = made["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas["ProblemDocument"] = problem
    components = made["components"]
    components["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "`Authorization: Bearer <key>`. Scopes stand at each operation.",
        }
    }
    components["responses"] = {f"Problem{status}": _response(status) for status in TITLES}
    operations = {}
    for path, item in made["paths"].items():
        for method, operation in item.items():
            _complete(path, method, operation)
            operations[operation["operationId"]] = path, operation
    _link(operations)
    return made


def _link(operations: dict[str, tuple[str, dict[str, Any]]]) -> None:
    """Say with what of an answer which operations can be called next."""
    for source, known in _MADE.items():
        responses = operations[source][1]["responses"]
        success = next(status for status in responses if status.startswith("2"))
        links = responses[success].setdefault("links", {})
        for name, (path, _) in operations.items():
            needed = _PARAMETER.findall(path)
            if needed and set(needed) <= set(known):
                links[name] = {
                    "operationId": name,
                    "parameters": {item: known[item] for item in needed},
                }


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    """Say every status that an operation can answer."""
    statuses = {401, 403, 422, 429, 500, 503}
    if "{" in path:
        statuses.add(404)
    if "requestBody" in operation:
        statuses.update(_BODY)
    if method == "post" or path.endswith(("/skills/{skillId}",)):
        statuses.add(409)
    if path == "/api/v1/calls/{callId}":
        statuses.add(409)  # sealed with another secret
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    if "If-Match" in names:
        statuses.add(412)
    responses = operation["responses"]
    for status in sorted(statuses):
        responses[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    scope = operation["security"][0]["bearer"][0]
    operation["description"] = f"{operation.get('description', '')}\n\nScope: `{scope}`."


def _response(status: int) -> dict[str, Any]:
    code = CODES[status]
    made: dict[str, Any] = {
        "description": TITLES[status],
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/ProblemDocument"},
                "example": {
                    "type": f"urn:routing-engine:problem:{code}",
                    "title": TITLES[status],
                    "status": status,
                    "code": code,
                    "detail": "what was wrong, and what to do",
                    "errors": [],
                },
            }
        },
    }
    if status in (429, 503):
        made["headers"] = {
            "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}
        }
    return made
