"""``/agents/{agentId}/route`` and ``/simulate``: one decision."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import Request
from starlette.responses import Response

from routing_engine.model.decisions import Decision
from routing_engine.server.deciding import shown
from routing_engine.server.drafts import compile_draft
from routing_engine.server.examining import trial
from routing_engine.server.policies import policy_of
from routing_engine.server.publishing import until_loaded
from routing_engine.server.requests import answer, plane_of, principal_of, router, secured
from routing_engine.server.wire.calls import Decision as WireDecision
from routing_engine.server.wire.calls import RouteRequest
from routing_engine.server.wire.common import Envelope
from routing_engine.server.writes import AgentId, IdempotencyKey, WriteResult, idempotent, reading
from routing_engine.store import new_id

__all__ = ["routing"]

routing = router()

LOADED_S = 3.0
"""For an agent that this process does not answer for yet."""

IDEMPOTENT_S = 0.8
"""For the database to say what a repeated request was answered."""


def _options(body: RouteRequest) -> dict[str, Any]:
    return {
        "verified": body.verified,
        "confirmed": body.confirmed,
        "history": [(turn.speaker, turn.text) for turn in body.history],
        "now": body.now,
        "caller_id": body.caller_id,
        "called": body.called,
    }


@routing.post(
    "/agents/{agentId}/route",
    response_model=Envelope[WireDecision],
    openapi_extra=secured("calls:write"),
    tags=["calls"],
)
async def route(
    request: Request, agent_id: AgentId, body: RouteRequest, _: IdempotencyKey = None
) -> Response:
    """Decide by the published version where a caller who needs a person goes."""
    plane = plane_of(request)
    organisation_id = principal_of(request).organisation_id
    if not plane.answers(agent_id, organisation_id):
        # Not in the engine: not published, not there, another's, or published this moment.
        await plane.routing.answer(partial(until_loaded, request, agent_id), LOADED_S)
    decision = await plane.engine.aroute(agent_id, body.utterance, **_options(body))
    made = _answered(request, agent_id, organisation_id, decision)
    if request.headers.get("idempotency-key") is not None:
        # What was answered before, only the database knows.
        return await plane.routing.answer(
            partial(idempotent, request, lambda _: made), IDEMPOTENT_S
        )
    assert made.then is not None
    made.then()
    return answer(made.data, made.message)


def _answered(
    request: Request, agent_id: str, organisation_id: str, decision: Decision
) -> WriteResult:
    """Return the response for a decision, and queue the decision to be stored."""
    plane = plane_of(request)
    decision_id = new_id("dec")
    version = plane.version_of(agent_id, decision.catalog_version)
    data = shown(
        decision,
        decision_id=decision_id,
        agent_id=agent_id,
        location_id=plane.location_id_of(agent_id),
        version=version,
        because=plane.why_limited(agent_id, decision),
    )

    def record() -> None:
        plane.decided(organisation_id, agent_id, decision, in_call=False)
        plane.recorder.add(
            organisation_id,
            decision,
            decision_id=decision_id,
            agent_id=agent_id,
            version=version,
        )

    return WriteResult(data, decision.outcome.value, then=record)


@routing.post(
    "/agents/{agentId}/simulate",
    response_model=Envelope[WireDecision],
    openapi_extra=secured("calls:write"),
    tags=["calls"],
)
def simulate(
    request: Request, agent_id: AgentId, body: RouteRequest, _: IdempotencyKey = None
) -> Response:
    """Decide by the draft where a caller would go. Nothing is changed or stored."""
    with reading(request) as work:
        draft, policy = work.drafts.get(agent_id), policy_of(work)
    location = compile_draft(draft).location
    engine = trial(location, plane_of(request).encoder, policy)
    decision = engine.route(location.location_id, body.utterance, **_options(body))
    data = shown(
        decision,
        decision_id=new_id("sim"),
        agent_id=agent_id,
        location_id=location.location_id,
        version=None,
    )
    made = WriteResult(data, f"{decision.outcome.value}, by the draft")
    if request.headers.get("idempotency-key") is None:
        return answer(made.data, made.message)
    return idempotent(request, lambda _: made)
