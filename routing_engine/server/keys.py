"""``/keys``: API keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path, Request
from starlette.responses import Response

from routing_engine.server.problems import ProblemError, wrong_field
from routing_engine.server.requests import answer, listed, plane_of, principal_of, router, secured
from routing_engine.server.wire.common import Envelope, Page
from routing_engine.server.wire.keys import Key, KeyCreate, NewKey
from routing_engine.server.writes import (
    Cursor,
    IdempotencyKey,
    Limit,
    WriteResult,
    idempotent,
    reading,
    writing,
)
from routing_engine.store import Key as KeyRecord

__all__ = ["keys"]

keys = router()

KeyId = Annotated[str, Path(alias="keyId", max_length=64, examples=["key_Zm9vYmFyYmF6cXV4"])]


def shown(key: KeyRecord) -> Key:
    """Return an API key as the API shows it, without its secret."""
    return Key(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        scopes=sorted(key.scopes),
        createdAt=key.created_at.isoformat(),
        expiresAt=None if key.expires_at is None else key.expires_at.isoformat(),
        lastUsedAt=None if key.last_used_at is None else key.last_used_at.isoformat(),
    )


@keys.post(
    "/keys",
    status_code=201,
    response_model=Envelope[NewKey],
    openapi_extra=secured("keys:write"),
    tags=["keys"],
)
def create_key(request: Request, body: KeyCreate, _: IdempotencyKey = None) -> Response:
    """Create an API key. Its secret is in this response and nowhere else."""
    missing = sorted(set(body.scopes) - principal_of(request).scopes)
    if missing:
        raise ProblemError(
            403,
            f"a key cannot grant a scope that it lacks: {missing[0]}",
            code="missing_scope",
            scope=missing[0],
        )
    if body.expires_at is not None and body.expires_at <= datetime.now(UTC):
        raise wrong_field("expiresAt", "must be in the future")

    def do(work: Any) -> WriteResult:
        key, token = work.keys.create(body.name, body.scopes, expires_at=body.expires_at)
        data = shown(key).model_dump(mode="json", by_alias=True)
        return WriteResult(data | {"key": token}, "keep the key: it is not shown again", 201)

    return idempotent(request, do)


@keys.get(
    "/keys",
    response_model=Envelope[Page[Key]],
    openapi_extra=secured("keys:write"),
    tags=["keys"],
)
def list_keys(request: Request, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """List API keys, oldest first."""
    with reading(request) as work:
        page = work.keys.page(limit, cursor)
    return listed(page, shown, "keys")


@keys.delete(
    "/keys/{keyId}",
    response_model=Envelope[None],
    openapi_extra=secured("keys:write"),
    tags=["keys"],
)
def delete_key(request: Request, key_id: KeyId) -> Response:
    """Delete another API key. Other workers may accept it for some seconds more."""
    if key_id == principal_of(request).key_id:
        raise ProblemError(409, "a key cannot delete itself; use another", code="own_key")
    with writing(request) as work:
        work.keys.delete(key_id)
    plane_of(request).keys.forget(key_id)
    return answer(None, "key deleted")
