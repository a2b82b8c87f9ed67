"""``/agents/{agentId}/skills``, guardrails and the verification of callers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Request
from pydantic import ValidationError
from starlette.responses import Response

from routing_engine.errors import InvalidValueError
from routing_engine.model.destinations import as_kept
from routing_engine.server.agents import tagged
from routing_engine.server.merging import merge
from routing_engine.server.problems import invalid
from routing_engine.server.requests import answer, listed, router, secured
from routing_engine.server.wire.common import Envelope, Page, Wire
from routing_engine.server.wire.skills import (
    CallerVerification,
    Guardrails,
    Skill,
    SkillCreate,
    SkillPatch,
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
    writing,
)
from routing_engine.store import Skill as SkillRecord
from routing_engine.validation import problems_of

__all__ = ["skills"]

skills = router()

SkillId = Annotated[str, Path(alias="skillId", max_length=64, examples=["skl_Zm9vYmFyYmF6cXV4"])]


def shown(skill: SkillRecord) -> dict[str, Any]:
    """Return a skill as the API shows it."""
    return {
        "id": skill.id,
        **skill.document,
        "etag": skill.etag,
        "createdAt": skill.created_at.isoformat(),
        "updatedAt": skill.updated_at.isoformat(),
    }


@skills.post(
    "/agents/{agentId}/skills",
    status_code=201,
    response_model=Envelope[Skill],
    openapi_extra=secured("skills:write"),
    tags=["skills"],
)
def create_skill(
    request: Request, agent_id: AgentId, body: SkillCreate, _: IdempotencyKey = None
) -> Response:
    """Add a skill to the draft."""
    document = body.model_dump(mode="json", by_alias=True, exclude_none=True)
    return idempotent(
        request,
        lambda work: WriteResult(
            shown(work.skills.create(agent_id, document)), "skill created", 201
        ),
    )


@skills.get(
    "/agents/{agentId}/skills",
    response_model=Envelope[Page[Skill]],
    openapi_extra=secured("skills:read"),
    tags=["skills"],
)
def list_skills(
    request: Request, agent_id: AgentId, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """List the skills of a draft, in order."""
    with reading(request) as work:
        page = work.skills.page(agent_id, limit, cursor)
    return listed(page, shown, "skills")


@skills.patch(
    "/agents/{agentId}/skills/{skillId}",
    response_model=Envelope[Skill],
    openapi_extra=secured("skills:write"),
    tags=["skills"],
)
def patch_skill(
    request: Request,
    agent_id: AgentId,
    skill_id: SkillId,
    body: SkillPatch,
    if_match: IfMatch = None,
) -> Response:
    """Update a skill by a JSON merge patch (RFC 7396)."""
    patch = body.model_dump(mode="json", by_alias=True, exclude_unset=True)
    with writing(request) as work:
        # The agent first: its row is what every change of the draft waits for.
        work.agents.get(agent_id)
        merged = merge(work.skills.get(agent_id, skill_id).document, patch)
        try:
            # What the patch says was checked; the rest is what was kept, and may be refused today.
            with as_kept():
                whole = SkillCreate.model_validate(merged)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            raise invalid(InvalidValueError(problems=problems_of(details))) from None
        skill = work.skills.update(
            agent_id,
            skill_id,
            whole.model_dump(mode="json", by_alias=True, exclude_none=True),
            if_match=etag_of(if_match),
        )
    return answer(shown(skill), "skill changed")


@skills.delete(
    "/agents/{agentId}/skills/{skillId}",
    response_model=Envelope[None],
    openapi_extra=secured("skills:write"),
    tags=["skills"],
)
def delete_skill(
    request: Request, agent_id: AgentId, skill_id: SkillId, if_match: IfMatch = None
) -> Response:
    """Remove a skill from the draft."""
    with writing(request) as work:
        work.skills.delete(agent_id, skill_id, if_match=etag_of(if_match))
    return answer(None, "skill deleted")


def _put(
    request: Request, agent_id: str, kind: Any, body: Wire, if_match: str | None, message: str
) -> Response:
    document = body.model_dump(mode="json", by_alias=True)
    with writing(request) as work:
        agent = work.agents.put_document(agent_id, kind, document, if_match=etag_of(if_match))
    return answer(document, message, headers=tagged(agent))


def _get(request: Request, agent_id: str, kind: Any, model: type[Wire], message: str) -> Response:
    with reading(request) as work:
        agent = work.agents.get(agent_id)
        document = work.agents.document(agent_id, kind)
    return answer(model.model_validate(document), message, headers=tagged(agent))


@skills.put(
    "/agents/{agentId}/guardrails",
    response_model=Envelope[Guardrails],
    openapi_extra=secured("guardrails:write"),
    tags=["guardrails"],
)
def put_guardrails(
    request: Request, agent_id: AgentId, body: Guardrails, if_match: IfMatch = None
) -> Response:
    """Replace which rules need a verified caller or a spoken confirmation."""
    return _put(request, agent_id, "guardrails", body, if_match, "guardrails changed")


@skills.get(
    "/agents/{agentId}/guardrails",
    response_model=Envelope[Guardrails],
    openapi_extra=secured("guardrails:read"),
    tags=["guardrails"],
)
def get_guardrails(request: Request, agent_id: AgentId) -> Response:
    """Return which rules need a verified caller or a spoken confirmation."""
    return _get(request, agent_id, "guardrails", Guardrails, "guardrails")


@skills.put(
    "/agents/{agentId}/caller-verification",
    response_model=Envelope[CallerVerification],
    openapi_extra=secured("guardrails:write"),
    tags=["guardrails"],
)
def put_caller_verification(
    request: Request, agent_id: AgentId, body: CallerVerification, if_match: IfMatch = None
) -> Response:
    """Replace how callers are verified, for how long, and how often they may try."""
    return _put(request, agent_id, "callerVerification", body, if_match, "verification changed")


@skills.get(
    "/agents/{agentId}/caller-verification",
    response_model=Envelope[CallerVerification],
    openapi_extra=secured("guardrails:read"),
    tags=["guardrails"],
)
def get_caller_verification(request: Request, agent_id: AgentId) -> Response:
    """Return how callers are verified."""
    return _get(request, agent_id, "callerVerification", CallerVerification, "verification")
