"""The OpenAPI document: every status that can occur, and an example of every problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from routing_engine.server.problems import CODES, MEDIA_TYPE, STATUSES, TITLES, ProblemDocument

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

_BODY = (400, 413, 415)
_WRITES = ("post", "put", "patch", "delete")


def document(app: FastAPI) -> dict[str, Any]:
    """Build the OpenAPI document of an application."""
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
    for path, item in made["paths"].items():
        for method, operation in item.items():
            _complete(path, method, operation)
    _link(made["paths"])
    return made


_LINKS = {
    "createAgent": ("agentId", "id"),
    "createSkill": ("skillId", "id"),
    "openCall": ("callId", "callId"),
    "createImport": ("importId", "id"),
    "createKey": ("keyId", "id"),
    "publish": ("version", "version"),
}
"""Operation that creates an object -> parameter that takes its id, where the id stands."""


def _link(paths: dict[str, Any]) -> None:
    """Link a response to the operations that take the id in it."""
    operations = [operation for item in paths.values() for operation in item.values()]
    for made in operations:
        if made["operationId"] not in _LINKS:
            continue
        parameter, field = _LINKS[made["operationId"]]
        links = {}
        for to in operations:
            wanted = {p["name"] for p in to.get("parameters", ()) if p["in"] == "path"}
            known = {p["name"] for p in made.get("parameters", ()) if p["in"] == "path"}
            if parameter in wanted and wanted <= known | {parameter}:
                links[to["operationId"]] = {
                    "operationId": to["operationId"],
                    "parameters": {
                        name: f"$response.body#/data/{field}"
                        if name == parameter
                        else f"$request.path.{name}"
                        for name in sorted(wanted)
                    },
                }
        success = next(status for status in made["responses"] if status.startswith("2"))
        made["responses"][success]["links"] = links


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    """Add every status code that an operation can answer."""
    statuses = {401, 403, 422, 429, 500, 503, *operation.pop(STATUSES)}
    if "{" in path:
        statuses.add(404)
    if "requestBody" in operation:
        statuses.update(_BODY)
    if method == "post":
        statuses.add(409)
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
