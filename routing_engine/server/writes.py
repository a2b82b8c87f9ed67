"""Transactions of requests, and idempotent POST requests.

An answer is kept for 24 hours in the transaction of the write that it speaks of, so that neither
is ever there without the other. A request that failed changed nothing and is not kept: sent again,
it is tried again. Secrets, and what callers said or who they are, are not kept with it: a repeated
answer takes them from where they are stored, for as long as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Header, Path, Query, Request
from starlette.responses import Response

from routing_engine.errors import WrongSecretError
from routing_engine.server.requests import envelope, fingerprint, plane_of, principal_of
from routing_engine.store import UnitOfWork

__all__ = [
    "AgentId",
    "CallId",
    "Cursor",
    "IdempotencyKey",
    "IfMatch",
    "Limit",
    "WriteResult",
    "etag_of",
    "idempotent",
    "reading",
    "writing",
]

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        description="The same key and body get the same answer, for 24 hours.",
    ),
]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=200,
        description="The ETag that the draft must still have, or 412.",
    ),
]
Limit = Annotated[int, Query(ge=1, le=1000, description="Items of a page.")]
Cursor = Annotated[
    str | None, Query(max_length=500, description="`nextCursor` of the page before.")
]
AgentId = Annotated[str, Path(alias="agentId", max_length=64, examples=["agt_Zm9vYmFyYmF6cXV4"])]
CallId = Annotated[
    str, Path(alias="callId", max_length=64, examples=["0123456789abcdef0123456789abcdef"])
]


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The response of a write.

    Attributes:
        then: what is to be done once it is committed; nothing, where it was answered before.
        kept: of the data, what may be kept for a repeated request; None for all of it.
    """

    data: Any
    message: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    then: Callable[[], None] | None = None
    kept: Any = None


def reading(request: Request) -> AbstractContextManager[UnitOfWork]:
    """Open a read transaction for the organisation of the request."""
    return plane_of(request).store.read(principal_of(request).organisation_id)


def writing(request: Request) -> AbstractContextManager[UnitOfWork]:
    """Open a write transaction for the organisation of the request."""
    principal = principal_of(request)
    return plane_of(request).store.work(principal.organisation_id, actor=principal.key_id)


def etag_of(if_match: str | None) -> str | None:
    """Return the etag of an ``If-Match`` header; None if any will do."""
    if if_match is None or if_match.strip() == "*":
        return None
    return if_match.strip().removeprefix("W/").strip('"')


def idempotent(
    request: Request,
    do: Callable[[UnitOfWork], WriteResult],
    *,
    body: bytes | None = None,
    again: Callable[[UnitOfWork, Any], Any] | None = None,
    is_repeatable: bool = False,
) -> Response:
    """Run a write in one transaction, or repeat its response for a known idempotency key.

    Args:
        request: its ``Idempotency-Key`` says whether this was asked before.
        do: makes the answer.
        body: what tells this request from another with the same key; None for its whole body.
        again: makes the data of a repeated answer from what was kept of it; None for as it is.
        is_repeatable: whether to do it twice is to do it once: it is done again where the answer
            was sealed with a secret that is gone.
    """
    key = request.headers.get("idempotency-key")
    mark = ""
    if key is not None:
        mark = fingerprint(request, getattr(request.state, "body", b"") if body is None else body)
    with writing(request) as work:
        if key is not None:
            try:
                known = work.answers.recall(key, mark)
            except WrongSecretError:
                if not is_repeatable:
                    raise
                work.answers.forget(key)
                known = None
            if known is not None:
                text = known.body
                if again is not None:
                    told = json.loads(text)
                    text = envelope(again(work, told["data"]), told["message"])
                return Response(text, known.status, known.headers, media_type="application/json")
        made = do(work)
        text = envelope(made.data, made.message)
        if key is not None:
            kept = text if made.kept is None else envelope(made.kept, made.message)
            work.answers.remember(key, mark, made.status, kept, made.headers)
    if made.then is not None:
        made.then()
    return Response(text, made.status, made.headers, media_type="application/json")
