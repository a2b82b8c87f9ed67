"""``/agents/{agentId}/publish``, versions, differences, prepublish report, rollback."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import Path, Query, Request
from starlette.responses import Response

from routing_engine.errors import InvalidValueError, RoutingError
from routing_engine.model.destinations import DialPolicy
from routing_engine.server.differences import differences
from routing_engine.server.examining import Examined, examine, proposals
from routing_engine.server.policies import policy_of
from routing_engine.server.problems import ProblemError, unpublished
from routing_engine.server.requests import (
    answer,
    check_scope,
    listed,
    plane_of,
    principal_of,
    router,
    secured,
)
from routing_engine.server.wire.common import Envelope, Page
from routing_engine.server.wire.publishing import (
    Change,
    Diff,
    PrepublishReport,
    Publish,
    Rollback,
    Suggestions,
    Version,
    VersionSummary,
)
from routing_engine.server.writes import (
    AgentId,
    Cursor,
    IdempotencyKey,
    IfMatch,
    Limit,
    WriteResult,
    etag_of,
    idempotent,
    reading,
)
from routing_engine.store import UnitOfWork
from routing_engine.store import Version as VersionRecord

__all__ = ["publishing", "until_loaded"]

publishing = router()

GUARDED = {"skills": "skills", "guardrails": "guardrails", "callerVerification": "guardrails"}
"""Parts of a draft that have scopes of their own -> what those begin with."""

MAX_ATTEMPTS = 3
"""Times that a draft is examined, where somebody else changes it meanwhile."""

VersionNumber = Annotated[int, Path(alias="version", ge=1, le=2**31 - 1, examples=[2])]


def summary(version: VersionRecord) -> dict[str, Any]:
    """Return a version as the API lists it, without its snapshot."""
    return {
        "agentId": version.agent_id,
        "version": version.number,
        "note": version.note,
        "forced": version.forced,
        "createdAt": version.created_at.isoformat(),
        "createdBy": version.created_by,
    }


def refuse_blocked(examined: Examined, *, force: bool) -> None:
    """Refuse a publish that the prepublish report blocks.

    Raises:
        ProblemError: 422 where parts do not fit together, 409 where the report blocks.
    """
    if examined.compiled is None:
        raise ProblemError(
            422,
            "the draft is invalid and cannot be published; fix the fields in errors",
            code="invalid_draft",
            errors=examined.problems,
        )
    if examined.blocks and not force:
        raise ProblemError(
            409,
            "blocked by the prepublish report; fix the draft, or publish with force and a reason",
            code="blocked",
            report=examined.report,
        )


@dataclass(frozen=True, slots=True)
class _Seen:
    """A draft that was examined while others could write.

    Attributes:
        draft: as it is to be published.
        policy: dial policy that it was examined by.
    """

    draft: dict[str, Any]
    policy: DialPolicy
    examined: Examined


class _ChangedError(RoutingError):
    """The draft or the dial policy was changed after it was examined."""


def frozen(
    work: UnitOfWork,
    agent_id: str,
    body: Publish | Rollback,
    seen: _Seen,
    if_match: str | None = None,
) -> WriteResult:
    """Publish the draft as it stands in this transaction, which is as it was examined.

    Raises:
        _ChangedError: it stands otherwise.
    """
    draft = work.drafts.get(agent_id)
    if (draft, policy_of(work)) != (seen.draft, seen.policy):
        raise _ChangedError
    refuse_blocked(seen.examined, force=body.force)
    assert seen.examined.compiled is not None
    version = work.versions.publish(
        agent_id,
        snapshot=draft,
        location=seen.examined.compiled.location.model_dump_json(),
        note=body.note,
        forced=body.reason,
        if_match=if_match,
    )
    return WriteResult(summary(version), f"version {version.number} published", 201)


def _examined_first(
    request: Request,
    draft_of: Callable[[UnitOfWork], dict[str, Any]],
    do: Callable[[UnitOfWork, _Seen], WriteResult],
) -> Response:
    """Examine a draft before others have to wait, and write if it is still the same then.

    Args:
        request: as it came.
        draft_of: reads what is to be published.
        do: publishes it.

    Raises:
        ProblemError: 409 where it was changed each time.
    """
    for _ in range(MAX_ATTEMPTS):
        with reading(request) as work:
            draft, policy = draft_of(work), policy_of(work)
        seen = _Seen(draft, policy, examine(draft, plane_of(request).encoder, policy))
        with suppress(_ChangedError):
            return idempotent(request, partial(_write, do, seen))
    raise ProblemError(
        409, "the draft is being changed by somebody else; retry", headers={"Retry-After": "1"}
    )


def _write(
    do: Callable[[UnitOfWork, _Seen], WriteResult], seen: _Seen, work: UnitOfWork
) -> WriteResult:
    return do(work, seen)


def _followed(request: Request, response: Response, agent_id: str) -> Response:
    """Respond once this process answers by the new version, or after a timeout."""
    # It is published, whatever becomes of the agent or the database while this waits.
    with suppress(RoutingError):
        _catch_up(request, agent_id)
    return response


@publishing.post(
    "/agents/{agentId}/publish",
    status_code=201,
    response_model=Envelope[VersionSummary],
    openapi_extra=secured("agents:write"),
    tags=["publishing"],
)
def publish(
    request: Request,
    agent_id: AgentId,
    body: Publish | None = None,
    if_match: IfMatch = None,
    _: IdempotencyKey = None,
) -> Response:
    """Freeze the draft as the next version, which takes calls within two seconds."""
    given = Publish() if body is None else body
    response = _examined_first(
        request,
        lambda work: work.drafts.get(agent_id),
        lambda work, seen: frozen(work, agent_id, given, seen, etag_of(if_match)),
    )
    return _followed(request, response, agent_id)


@publishing.post(
    "/agents/{agentId}/rollback",
    status_code=201,
    response_model=Envelope[VersionSummary],
    openapi_extra=secured("agents:write"),
    tags=["publishing"],
)
def rollback(
    request: Request,
    agent_id: AgentId,
    body: Rollback,
    if_match: IfMatch = None,
    _: IdempotencyKey = None,
) -> Response:
    """Copy an earlier version into the draft and publish it as a new version.

    Where that changes skills or guardrails, the key needs ``skills:write`` or ``guardrails:write``.
    """

    def restored(work: UnitOfWork) -> dict[str, Any]:
        return work.versions.restored(agent_id, body.version)

    def do(work: UnitOfWork, seen: _Seen) -> WriteResult:
        draft = work.drafts.get(agent_id)
        for part, kind in GUARDED.items():
            if (draft.get(part) or None) != (seen.draft.get(part) or None):
                check_scope(principal_of(request), f"{kind}:write")
        work.versions.restore(agent_id, body.version, if_match=etag_of(if_match))
        return frozen(work, agent_id, body, seen)

    return _followed(request, _examined_first(request, restored, do), agent_id)


@publishing.get(
    "/agents/{agentId}/prepublish-report",
    response_model=Envelope[PrepublishReport],
    openapi_extra=secured("agents:read"),
    tags=["publishing"],
)
def prepublish_report(request: Request, agent_id: AgentId) -> Response:
    """Report what would block a publish: invalid fields, wording, routing tests."""
    with reading(request) as work:
        draft, policy = work.drafts.get(agent_id), policy_of(work)
    report = examine(draft, plane_of(request).encoder, policy).report
    return answer(report, "publishable" if report["publishable"] else "publish would be refused")


@publishing.get(
    "/agents/{agentId}/suggestions",
    response_model=Envelope[Suggestions],
    openapi_extra=secured("agents:read"),
    tags=["publishing"],
)
def suggestions(request: Request, agent_id: AgentId) -> Response:
    """Propose examples for the draft's rules, from typical calls. Changes nothing."""
    with reading(request) as work:
        draft = work.drafts.get(agent_id)
    try:
        found = proposals(draft, plane_of(request).encoder)
    except InvalidValueError as error:
        raise ProblemError(
            422,
            "nothing can be proposed for the draft: its parts do not fit together",
            code="invalid_draft",
            errors=error.problems,
        ) from error
    n = sum(len(rule["suggestions"]) for rule in found["rules"])
    return answer(found, f"{n} examples proposed")


@publishing.get(
    "/agents/{agentId}/versions",
    response_model=Envelope[Page[VersionSummary]],
    openapi_extra=secured("agents:read"),
    tags=["publishing"],
)
def list_versions(
    request: Request, agent_id: AgentId, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """List published versions, newest first."""
    with reading(request) as work:
        work.agents.get(agent_id)
        page = work.versions.page(agent_id, limit, cursor)
    return listed(page, summary, "versions")


@publishing.get(
    "/agents/{agentId}/versions/{version}",
    response_model=Envelope[Version],
    openapi_extra=secured("agents:read"),
    tags=["publishing"],
)
def get_version(request: Request, agent_id: AgentId, version: VersionNumber) -> Response:
    """Return a version with the draft that it froze: of it, what the key may read."""
    with reading(request) as work:
        work.agents.get(agent_id)
        found = work.versions.get(agent_id, version)
    return answer(
        {**summary(found), "snapshot": _readable(request, found.snapshot)}, f"version {version}"
    )


@publishing.get(
    "/agents/{agentId}/versions/{version}/diff",
    response_model=Envelope[Diff],
    openapi_extra=secured("agents:read"),
    tags=["publishing"],
)
def diff_version(
    request: Request,
    agent_id: AgentId,
    version: VersionNumber,
    against: Annotated[
        int | None,
        Query(ge=0, le=2**31 - 1, description="Another version; by default the one before."),
    ] = None,
) -> Response:
    """Compare a version with another, field by field: of both, what the key may read."""
    base = version - 1 if against is None else against
    with reading(request) as work:
        work.agents.get(agent_id)
        after = work.versions.get(agent_id, version).snapshot
        before = work.versions.get(agent_id, base).snapshot if base else {}
    changes = [
        Change(path=path, before=old, after=new)
        for path, old, new in differences(_readable(request, before), _readable(request, after))
    ]
    data = Diff(fromVersion=base, toVersion=version, changes=changes)
    return answer(data, f"{len(changes)} fields differ")


def _readable(request: Request, snapshot: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a version that the key of a request may read."""
    scopes = principal_of(request).scopes
    return {
        part: value
        for part, value in snapshot.items()
        if part not in GUARDED or f"{GUARDED[part]}:read" in scopes
    }


def _catch_up(request: Request, agent_id: str) -> bool:
    """Wait until this process answers by the published version, at most two seconds.

    Returns:
        Whether it answers for the agent, by that version or one before.

    Raises:
        ProblemError: 409 where none is published.
        NotFoundError: the organisation has no such agent.
    """
    plane, organisation_id = plane_of(request), principal_of(request).organisation_id
    with reading(request) as work:
        number = work.agents.get(agent_id).version
    if number is None:
        raise unpublished()
    plane.catch_up(agent_id, organisation_id, number)
    return plane.answers(agent_id, organisation_id)


def until_loaded(request: Request, agent_id: str) -> None:
    """Wait until this process answers for an agent.

    Raises:
        ProblemError: 409 where no version is published, 503 where it is not loaded after two
            seconds, as in the middle of a large import.
        NotFoundError: the organisation has no such agent.
    """
    if not _catch_up(request, agent_id):
        raise ProblemError(
            503,
            "the published version is still loading; retry",
            code="loading",
            headers={"Retry-After": "1"},
        )
