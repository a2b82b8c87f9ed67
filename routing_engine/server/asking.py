"""``/rtjson``, ``/agents/{agentId}/skill`` and ``/resolve``: asked by phone systems and agents."""

from __future__ import annotations

import json

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from routing_engine.calls.call import Call
from routing_engine.calls.skill import Skill
from routing_engine.errors import InvalidValueError, NotFoundError, UnknownLocationError
from routing_engine.integrations.kamailio import rtjson as build_rtjson
from routing_engine.model.caller import Caller, Context
from routing_engine.model.destinations import Destination
from routing_engine.server.plane import ControlPlane
from routing_engine.server.problems import ProblemError, unpublished
from routing_engine.server.publishing import until_loaded
from routing_engine.server.requests import answer, plane_of, principal_of, router, secured
from routing_engine.server.turns import resumed
from routing_engine.server.wire.asking import (
    Resolve,
    Resolved,
    Rtjson,
    RtjsonRequest,
    SkillAnswer,
    SkillAsked,
    Tools,
)
from routing_engine.server.wire.common import Envelope
from routing_engine.server.writes import AgentId, reading

__all__ = ["asking", "skill_of"]

asking = router()

_SKILL_KEY = b"routing-engine skill ids, 1"


@asking.post(
    "/rtjson", response_model=Rtjson, openapi_extra=secured("calls:write", 404), tags=["calls"]
)
async def rtjson(request: Request, body: RtjsonRequest) -> Response:
    """Decide where a call goes that no agent talks with, as Kamailio's module rtjson reads it.

    The answer is the document itself, without an envelope: who is to be tried, one after the other,
    and for how long; and beside it outcome, reason, rule and ids, which the module passes over.
    """
    plane = plane_of(request)
    organisation_id = principal_of(request).organisation_id
    agent_id = await run_in_threadpool(_agent_of, request, body) if body.location_id else None
    if agent_id is None and body.called is not None and body.location_id is None:
        agent_id = plane.agent_called(organisation_id, body.called)
    if agent_id is None:
        raise ProblemError(404, "no published agent has this location or line", code="not_found")
    caller = Caller.reported(
        body.caller_id or "", name=body.caller_name or "", privacy=body.privacy,
        region=plane.settings.region,
    )  # fmt: skip
    call = plane.engine.open_call(agent_id, caller_id=caller, called=body.called, agent=False)
    decision = await call.ahear(body.words)
    location_id = plane.location_id_of(agent_id)
    version = plane.version_of(agent_id, decision.catalog_version)
    rule = decision.concerned
    context = Context(
        reason="" if rule is None else rule.label,
        location_id=location_id,
        decision_id=decision.decision_id,
    )
    made = build_rtjson(caller, decision.destinations, domain=body.domain, context=context)
    plane.decided(organisation_id, agent_id, decision, in_call=False)
    plane.recorder.add(
        organisation_id,
        decision,
        decision_id=decision.decision_id,
        agent_id=agent_id,
        version=version,
    )
    made |= {
        "outcome": decision.outcome.value,
        "reason": decision.reason.value,
        "rule": None if decision.rule is None else decision.rule.label,
        "decisionId": decision.decision_id,
        "agentId": agent_id,
        "locationId": location_id,
        "publishedVersion": version,
    }
    return Response(json.dumps(made, ensure_ascii=False), media_type="application/json")


def _agent_of(request: Request, body: RtjsonRequest) -> str | None:
    """Return the published agent that answers a location of the organisation."""
    with reading(request) as work:
        found = work.agents.page(1, location_id=body.location_id).items
    if not found:
        return None
    until_loaded(request, found[0].id)
    agent_id: str = found[0].id
    return agent_id


def skill_of(plane: ControlPlane, agent_id: str, call: Call | None = None) -> Skill:
    """Return the skill of an agent, in a call or without one; its ids hold in every worker.

    Raises:
        ProblemError: 409 where no version is published.
    """
    return _skill_by(plane, agent_id, call, plane.keys_for(_SKILL_KEY)[0])


def _skill_by(plane: ControlPlane, agent_id: str, call: Call | None, secret: bytes) -> Skill:
    try:
        return plane.engine.skill(agent_id, call=call, secret=secret)
    except UnknownLocationError as error:
        raise unpublished() from error


def _resolved(
    plane: ControlPlane, agent_id: str, call: Call | None, destination_id: str
) -> Destination:
    """Return what an id stands for that this secret signed, or a previous one.

    Raises:
        ProblemError: 409.
    """
    refusals: list[InvalidValueError] = []
    for secret in plane.keys_for(_SKILL_KEY):
        try:
            return _skill_by(plane, agent_id, call, secret).resolve(destination_id)
        except InvalidValueError as error:
            refusals.append(error)
    raise ProblemError(409, str(refusals[0]), code="no_destination") from refusals[0]


@asking.get(
    "/agents/{agentId}/skill",
    response_model=Envelope[Tools],
    openapi_extra=secured("agents:read", 409),
    tags=["calls"],
)
async def get_skill(request: Request, agent_id: AgentId) -> Response:
    """Return the tool of a language model, in the forms that platforms take."""
    await run_in_threadpool(until_loaded, request, agent_id)
    skill = skill_of(plane_of(request), agent_id)
    data = {"openai": skill.openai(), "anthropic": skill.anthropic(), "mcp": skill.mcp()}
    return answer(data, "the tool")


@asking.post(
    "/agents/{agentId}/skill",
    response_model=Envelope[SkillAnswer],
    openapi_extra=secured("calls:write"),
    tags=["calls"],
)
async def ask_skill(request: Request, agent_id: AgentId, body: SkillAsked) -> Response:
    """Answer a language model by its words alone, without a call."""
    plane = plane_of(request)
    if not plane.answers(agent_id, principal_of(request).organisation_id):
        await run_in_threadpool(until_loaded, request, agent_id)
    told = await skill_of(plane, agent_id).ahandle(body.arguments)
    return answer({"answer": told}, str(told.get("action", "error")))


@asking.post(
    "/agents/{agentId}/resolve",
    response_model=Envelope[Resolved],
    openapi_extra=secured("calls:write"),
    tags=["calls"],
)
async def resolve(request: Request, agent_id: AgentId, body: Resolve) -> Response:
    """Return what an id of the tool stands for; not for a model's eyes."""
    plane, organisation_id = plane_of(request), principal_of(request).organisation_id
    if not plane.answers(agent_id, organisation_id):
        await run_in_threadpool(until_loaded, request, agent_id)
    call = None
    if body.call_id is not None:
        call = await run_in_threadpool(_call_of, request, agent_id, body.call_id)
    found = _resolved(plane, agent_id, call, body.destination_id)
    if call is None:  # else it was counted with its decision
        plane.count_transfer(organisation_id, agent_id, (found,))
    data = {
        "destination": str(found),
        "number": found.number,
        "extension": found.extension,
        "sipUri": found.sip_uri,
    }
    return answer(data, "whom to dial")


def _call_of(request: Request, agent_id: str, call_id: str) -> Call:
    """Return a stored call of an agent.

    Raises:
        NotFoundError: the agent has no such call.
        ProblemError: 409 where its state was deleted.
    """
    with reading(request) as work:
        row = work.calls.get(call_id)
    if row.agent_id != agent_id:
        raise NotFoundError("call", call_id)
    return resumed(plane_of(request), row)
