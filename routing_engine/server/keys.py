"""``/keys``: API keys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path, Request
from starlette.responses import Response

from routing_engine.errors import NotFoundError
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
from routing_engine.store import Principal, UnitOfWork

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
    """Create an API key, that may and lasts as much as the key it is created with at most.

    Its secret is in this response and nowhere else.

    Repeated with its ``Idempotency-Key``, the same key is told without it: ``key`` is null. Where
    the first response was lost, delete that key and create another.
    """
    maker = principal_of(request)
    _check_scopes(maker, body.scopes, "a key cannot grant a scope that it lacks")
    if maker.expires_at is not None and (
        body.expires_at is None or body.expires_at > maker.expires_at
    ):
        raise ProblemError(
            403,
            "a key cannot make one that outlives it; give expiresAt, at the latest "
            f"{maker.expires_at.isoformat()}",
            code="outlives_key",
        )
    if body.expires_at is not None and body.expires_at <= datetime.now(UTC):
        raise wrong_field("expiresAt", "must be in the future")

    def do(work: UnitOfWork) -> WriteResult:
        _check_is_there(work, maker)
        key, token = work.keys.create(body.name, body.scopes, expires_at=body.expires_at)
        data = shown(key).model_dump(mode="json", by_alias=True)
        message = "keep the key: it is not shown again"
        return WriteResult(data | {"key": token}, message, 201, kept=data | {"key": None})

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
    openapi_extra=secured("keys:write", 409),
    tags=["keys"],
)
def delete_key(request: Request, key_id: KeyId) -> Response:
    """Delete another API key, which may do no more than this one.

    Other workers and nodes may accept it for a second more.
    """
    principal = principal_of(request)
    if key_id == principal.key_id:
        raise ProblemError(409, "a key cannot delete itself; use another", code="own_key")
    with writing(request) as work:
        _check_is_there(work, principal)
        scopes = work.keys.get(key_id).scopes
        _check_scopes(principal, scopes, "a key cannot delete one with a scope that it lacks")
        work.keys.delete(key_id)
    plane_of(request).keys.forget(key_id)
    return answer(None, "key deleted")


def _check_scopes(principal: Principal, scopes: Iterable[str], why: str) -> None:
    """Refuse what a key does with scopes that it has not.

    Raises:
        ProblemError: 403.
    """
    missing = sorted(set(scopes) - principal.scopes)
    if missing:
        raise ProblemError(403, f"{why}: {missing[0]}", code="missing_scope", scope=missing[0])


def _check_is_there(work: UnitOfWork, principal: Principal) -> None:
    """Refuse a key that was deleted a moment ago: it works on, but nothing of it remains.

    Raises:
        ProblemError: 401.
    """
    work.keys.lock()
    try:
        work.keys.get(principal.key_id)
    except NotFoundError as error:
        raise ProblemError(
            401, "unknown or expired API key", headers={"WWW-Authenticate": "Bearer"}
        ) from error
