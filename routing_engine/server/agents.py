"""``/agents``: drafts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import Response

from routing_engine.server.merging import merge
from routing_engine.server.requests import answer, listed, plane_of, router, secured
from routing_engine.server.wire.agents import Agent, AgentCreate, AgentPatch
from routing_engine.server.wire.common import Envelope, Page
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
from routing_engine.store import Agent as AgentRecord

__all__ = ["agents"]

agents = router()


def shown(agent: AgentRecord) -> dict[str, Any]:
    """Return an agent as the API shows it."""
    return {
        "id": agent.id,
        "name": agent.name,
        "locationId": agent.location_id,
        **agent.config,
        "version": agent.version,
        "etag": agent.etag,
        "createdAt": agent.created_at.isoformat(),
        "updatedAt": agent.updated_at.isoformat(),
    }


def tagged(agent: AgentRecord) -> dict[str, str]:
    """Return the ETag header of an agent."""
    return {"ETag": f'"{agent.etag}"'}


@agents.post(
    "/agents",
    status_code=201,
    response_model=Envelope[Agent],
    openapi_extra=secured("agents:write"),
    tags=["agents"],
)
def create_agent(request: Request, body: AgentCreate, _: IdempotencyKey = None) -> Response:
    """Create an agent, which answers calls of one location."""
    document = body.model_dump(mode="json", by_alias=True, exclude_unset=True)
    name, location_id = document.pop("name"), document.pop("locationId", None)

    def do(work: Any) -> WriteResult:
        agent = work.agents.create(name, location_id, merge({}, document))
        headers = tagged(agent) | {"Location": f"/api/v1/agents/{agent.id}"}
        return WriteResult(shown(agent), "agent created", 201, headers)

    return idempotent(request, do)


@agents.get(
    "/agents",
    response_model=Envelope[Page[Agent]],
    openapi_extra=secured("agents:read"),
    tags=["agents"],
)
def list_agents(
    request: Request,
    limit: Limit = 50,
    cursor: Cursor = None,
    location_id: Annotated[
        str | None, Query(alias="locationId", max_length=256, description="Only this location's.")
    ] = None,
) -> Response:
    """List agents, oldest first."""
    with reading(request) as work:
        page = work.agents.page(limit, cursor, location_id=location_id)
    return listed(page, shown, "agents")


@agents.get(
    "/agents/{agentId}",
    response_model=Envelope[Agent],
    openapi_extra=secured("agents:read"),
    tags=["agents"],
)
def get_agent(request: Request, agent_id: AgentId) -> Response:
    """Return an agent with its draft."""
    with reading(request) as work:
        agent = work.agents.get(agent_id)
    return answer(shown(agent), "agent", headers=tagged(agent))


@agents.patch(
    "/agents/{agentId}",
    response_model=Envelope[Agent],
    openapi_extra=secured("agents:write"),
    tags=["agents"],
)
def patch_agent(
    request: Request, agent_id: AgentId, body: AgentPatch, if_match: IfMatch = None
) -> Response:
    """Merge into the draft (RFC 7396): null removes, what is not there stays, lists replace."""
    patch = body.model_dump(mode="json", by_alias=True, exclude_unset=True)
    name = patch.pop("name", None)
    with writing(request) as work:
        # Read and written in one transaction, which holds the row: no other patch is undone.
        merged = merge(work.agents.get(agent_id).config, patch)
        agent = work.agents.update(agent_id, config=merged, name=name, if_match=etag_of(if_match))
    return answer(shown(agent), "draft changed", headers=tagged(agent))


@agents.delete(
    "/agents/{agentId}",
    response_model=Envelope[None],
    openapi_extra=secured("agents:write"),
    tags=["agents"],
)
def delete_agent(request: Request, agent_id: AgentId, if_match: IfMatch = None) -> Response:
    """Delete an agent. Engines that follow the store no longer answer for its location."""
    with writing(request) as work:
        work.agents.delete(agent_id, if_match=etag_of(if_match))
    plane_of(request).forget(agent_id)
    return answer(None, "agent deleted")
