"""``/calls``: live calls turn by turn, and what came of them.

A call is a value: between two turns it lies sealed in the store, so that any worker may take the
next one. Two turns that come at once are taken one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import Response

from routing_engine.calls.call import Call
from routing_engine.calls.endings import read_report
from routing_engine.errors import WrongSecretError
from routing_engine.model.caller import Caller
from routing_engine.model.decisions import Decision
from routing_engine.model.destinations import Destination
from routing_engine.model.outcomes import Outcome
from routing_engine.model.parties import Parties
from routing_engine.server.deciding import shown
from routing_engine.server.problems import ProblemError
from routing_engine.server.publishing import until_loaded
from routing_engine.server.requests import answer, plane_of, principal_of, router, secured
from routing_engine.server.tokens import TOKEN_KEY, Grant, sign_token
from routing_engine.server.transferring import Asked, platform_body
from routing_engine.server.turns import (
    UNENDED,
    Taken,
    keeps_words,
    kept,
    recording,
    take,
    until_unchanged,
)
from routing_engine.server.wire.asking import ToolToken
from routing_engine.server.wire.calls import (
    CallDetail,
    CallEnd,
    CallOpen,
    CallPage,
    Opened,
    Transfer,
    Turn,
    Turned,
    Via,
)
from routing_engine.server.wire.common import Envelope, Moment
from routing_engine.server.writes import (
    AgentId,
    CallId,
    Cursor,
    IdempotencyKey,
    Limit,
    WriteResult,
    idempotent,
    reading,
)
from routing_engine.store import CallRow, Totals, UnitOfWork, new_id

__all__ = ["calls", "counted"]

calls = router()


def summary(row: CallRow) -> dict[str, Any]:
    """Return a call as the API lists it, without encrypted parts."""
    return {
        "id": row.id,
        "agentId": row.agent_id,
        "version": row.version,
        "openedAt": row.opened_at.isoformat(),
        "endedAt": None if row.ended_at is None else row.ended_at.isoformat(),
        "outcome": row.outcome,
        "reason": row.reason,
        "rule": row.rule,
        "transferred": row.transferred,
        "failedTransfers": row.failed_transfers,
    }


@calls.post(
    "/agents/{agentId}/calls",
    status_code=201,
    response_model=Envelope[Opened],
    openapi_extra=secured("calls:write"),
    tags=["calls"],
)
def open_call(
    request: Request, agent_id: AgentId, body: CallOpen | None = None, _: IdempotencyKey = None
) -> Response:
    """Open a call on the published version of an agent."""
    plane = plane_of(request)
    until_loaded(request, agent_id)

    def do(work: UnitOfWork) -> WriteResult:
        given = CallOpen() if body is None else body
        caller = replace(
            Caller.reported(given.caller_id or "", region=Parties.of(called=given.called).region),
            name=given.caller_name or "",
            verified=given.caller_verified,
        )
        version = plane.version_of(agent_id, plane.engine.catalog_version)
        policy = plane.call_policy(work, agent_id, version)
        call = plane.engine.open_call(
            agent_id, caller_id=caller, called=given.called, policy=policy
        )
        now = datetime.now(UTC)
        row = CallRow(
            id=call.call_id,
            agent_id=agent_id,
            version=version,
            opened_at=now,
            record=call.to_json(),
        )
        work.calls.put(kept(plane, work, row))
        data = {
            "callId": row.id,
            "agentId": agent_id,
            "version": version,
            "openedAt": now.isoformat(),
        }
        return WriteResult(data, "call opened", 201, {"Location": f"/api/v1/calls/{row.id}"})

    return idempotent(request, do)


def _note(call: Call, turn: Turn) -> None:
    assert turn.note is not None
    given: dict[str, Any] = {**turn.note.details}
    for name in ("name", "reason"):
        if (text := getattr(turn.note, name)) is not None:
            given[name] = text
    call.note(**given)


_EVENTS: dict[str | None, Callable[[Call, Turn], Decision | None]] = {
    None: lambda call, turn: call.hear(turn.text or "", final=turn.final),
    "agentSaid": lambda call, turn: call.agent_said(turn.text or ""),
    "noted": _note,
    "noResponse": lambda call, _: call.no_response(),
    "agentFailed": lambda call, _: call.agent_failed(),
    "verified": lambda call, turn: call.verified(method=turn.method or ""),
    "notVerified": lambda call, turn: call.not_verified(method=turn.method or ""),
    "confirmed": lambda call, _: call.confirmed(),
    "declined": lambda call, _: call.declined(),
    "transferFailed": lambda call, turn: call.transfer_failed(
        str(turn.outcome), attempt=turn.attempt
    ),
    "transferred": lambda call, turn: call.transferred(attempt=turn.attempt),
}


@calls.post(
    "/calls/{callId}/turns",
    response_model=Envelope[Turned],
    openapi_extra=secured("calls:write"),
    tags=["calls"],
)
def take_turn(request: Request, call_id: CallId, body: Turn, _: IdempotencyKey = None) -> Response:
    """Report what was said or happened; returns the decision, and the handoff if it transfers."""
    plane = plane_of(request)

    def decide(row: CallRow) -> Taken:
        return take(
            plane,
            row,
            lambda call: _EVENTS[body.event](call, body),
            event=body.event,
            final=body.final,
        )

    def store(put: Callable[[UnitOfWork], Taken]) -> Response:
        return idempotent(
            request,
            lambda work: _turned(request, put(work)),
            again=partial(_turned_again, body),
        )

    organisation_id = principal_of(request).organisation_id
    return until_unchanged(plane, organisation_id, call_id, decide, store, final=body.final)


def _turned_again(turn: Turn, work: UnitOfWork, data: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a repeated turn: with its handoff, for as long as that is kept."""
    decision = data["decision"]
    if decision is None:
        return data
    if decision["reported"] is not None:
        decision["reported"] = read_report(turn.outcome).said
    if data["handoff"] is not None:
        row = work.calls.get(data["callId"])
        handoff = None if row.handoff is None else json.loads(row.handoff)
        is_its = handoff is not None and handoff["decision_id"] == decision["decisionId"]
        data["handoff"] = handoff if is_its else None
    return data


def _turned(request: Request, taken: Taken) -> WriteResult:
    plane, row, decision = plane_of(request), taken.row, taken.decision
    made = None
    if decision is not None:
        decision_id = decision.decision_id or new_id("dec")
        made = shown(
            decision,
            decision_id=decision_id,
            agent_id=row.agent_id,
            location_id=plane.location_id_of(row.agent_id),
            version=plane.version_of(row.agent_id, decision.catalog_version),
            because=plane.why_limited(row.agent_id, decision),
        )
    data = {
        "callId": row.id,
        "decision": made,
        "handoff": None if taken.handoff is None else json.loads(taken.handoff),
        "isOver": taken.is_over,
    }
    repeated = None
    if made is not None:
        # Who called, and what they and a platform said, is kept with the call alone.
        reported = None if made["reported"] is None else ""
        handoff: dict[str, Any] | None = None if taken.handoff is None else {}
        repeated = data | {"decision": made | {"reported": reported}, "handoff": handoff}
    message = "noted" if decision is None else decision.outcome.value
    then = recording(plane, principal_of(request).organisation_id, taken)
    return WriteResult(data, message, then=then, kept=repeated)


@calls.post(
    "/calls/{callId}/tool-token",
    response_model=Envelope[ToolToken],
    openapi_extra=secured("calls:write"),
    tags=["calls"],
)
def create_tool_token(request: Request, call_id: CallId) -> Response:
    """Return a token by which an agent uses the tool in this call, over MCP, and nothing else."""
    if find_spec("mcp") is None:
        raise ProblemError(
            409,
            'this server has no MCP; install it: pip install "routing-engine[server,mcp]"',
            code="missing_extra",
        )
    with reading(request) as work:
        row = work.calls.get(call_id, sealed=False)
    if row.ended_at is not None:
        raise ProblemError(409, "the call is over; open a new one", code="call_over")
    expires_at = row.opened_at.replace(microsecond=0) + UNENDED
    grant = Grant(principal_of(request).organisation_id, row.id, expires_at)
    token = sign_token(grant, plane_of(request).keys_for(TOKEN_KEY)[0])
    data = {"token": token, "path": "/mcp", "expiresAt": expires_at.isoformat()}
    return answer(data, "a token for the tool of this call")


@calls.post(
    "/calls/{callId}/outcome",
    response_model=Envelope[CallDetail],
    openapi_extra=secured("calls:write"),
    tags=["calls"],
)
def end_call(
    request: Request, call_id: CallId, body: CallEnd, _: IdempotencyKey = None
) -> Response:
    """Report how a call ended. Unless transcripts are kept, what was said is deleted now.

    The first report stands, and so does an end that a turn told of: a later report changes nothing,
    and is answered with what stands.
    """

    def do(work: UnitOfWork) -> WriteResult:
        row, is_open = _ending(work, call_id)
        if row.ended_at is not None:
            return WriteResult(detail(row), f"call had ended already: {_stands(row)}", kept={})
        outcome = row.outcome
        if body.outcome == "contained":
            outcome = Outcome.CONTAIN.value
        elif body.outcome == "transferred" and not row.transferred:
            outcome = Outcome.TRANSFER.value
        plane = plane_of(request)
        row = kept(
            plane,
            work,
            replace(
                row,
                ended_at=row.ended_at or datetime.now(UTC),
                outcome=outcome,
                transferred=body.outcome == "transferred",
                failed_transfers=max(row.failed_transfers, int(body.outcome == "failed")),
            ),
        )
        # What another secret opens stays, where it is to be kept.
        work.calls.put(row, sealed=is_open or not keeps_words(plane, work))
        made = detail(row)
        repeated = made | {"handoff": None, "timeline": None}
        return WriteResult(made, f"call ended: {body.outcome}", kept=repeated)

    return idempotent(
        request,
        do,
        again=lambda work, _: detail(_ending(work, call_id)[0]),
        is_repeatable=True,
    )


def _stands(row: CallRow) -> str:
    """How a call ended, in the words of its reports."""
    if row.transferred:
        return "transferred"
    if row.failed_transfers:
        return "failed"
    return "contained" if row.outcome == Outcome.CONTAIN.value else "abandoned"


def _ending(work: UnitOfWork, call_id: str) -> tuple[CallRow, bool]:
    """Return a call that is to end, and whether it could be decrypted: its end needs no words."""
    try:
        return work.calls.get(call_id), True
    except WrongSecretError:
        return work.calls.get(call_id, sealed=False), False


def detail(row: CallRow) -> dict[str, Any]:
    """Return a call as the API shows it, with its transcript if that is kept."""
    return {
        **summary(row),
        "handoff": None if row.handoff is None else json.loads(row.handoff),
        "timeline": None if row.record is None else json.loads(row.record)["events"],
    }


@calls.get(
    "/calls/{callId}",
    response_model=Envelope[CallDetail],
    openapi_extra=secured("calls:read", 409),  # sealed with another secret
    tags=["calls"],
)
def get_call(request: Request, call_id: CallId) -> Response:
    """Return a call, with its transcript if that is kept."""
    with reading(request) as work:
        row = work.calls.get(call_id)
    return answer(detail(row), "call")


Host = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9.\-:\[\]]{1,253}$")]
Word = Annotated[str | None, Query(max_length=300)]
WebUrl = Annotated[str | None, Query(pattern=r"^https?://[!-~]{1,1000}$")]


@calls.get(
    "/calls/{callId}/transfer",
    response_model=Envelope[Transfer],
    openapi_extra=secured("calls:write", 409),
    tags=["calls"],
)
def get_transfer(
    request: Request,
    call_id: CallId,
    via: Annotated[Via | None, Query(description="The platform that moves the call.")] = None,
    domain: Annotated[Host, Query(description="SIP: host of phone numbers.")] = None,
    room_name: Annotated[Word, Query(alias="roomName", description="LiveKit.")] = None,
    participant_identity: Annotated[
        Word, Query(alias="participantIdentity", description="LiveKit: the caller's.")
    ] = None,
    action_url: Annotated[WebUrl, Query(alias="actionUrl", description="Twilio.")] = None,
    whisper_url: Annotated[WebUrl, Query(alias="whisperUrl", description="Twilio.")] = None,
) -> Response:
    """Return what moves a call by its last decision, in the form of a platform."""
    plane = plane_of(request)
    with reading(request) as work:
        row = work.calls.get(call_id)
    data: dict[str, Any] = {
        "decisionId": None,
        "locationId": plane.location_id_of(row.agent_id),
        "destination": None,
        "ringTimeoutS": None,
        "callerId": None,
        "via": via,
        "body": None,
    }
    call = None if row.record is None or row.ended_at is not None else plane.resumed(row)
    decision = None if call is None or call.is_over else call.decision
    if call is None or decision is None or not decision.outcome.dials:
        return answer(data, "nobody is to be dialled now")
    policy = plane.dial_policy(principal_of(request).organisation_id)
    # The policy may have changed since it was decided.
    if decision.destination is None or policy.refusal(decision.destination) is not None:
        return answer(data, "nobody is to be dialled now")
    handoff = call.handoff(decision).model_copy(update={"location_id": data["locationId"]})
    data |= {
        "decisionId": decision.decision_id,
        "destination": str(decision.destination),
        "ringTimeoutS": decision.ring_timeout_s,
        "callerId": handoff.caller.shown,
    }
    if via is not None:
        line = call.called if call.called is not None and call.called.startswith("+") else None
        asked = Asked(
            None if line is None else Destination._trusted(line),
            domain, room_name, participant_identity, action_url, whisper_url,
        )  # fmt: skip
        data["body"] = platform_body(via, handoff, asked)
    return answer(data, decision.outcome.value)


@calls.get(
    "/agents/{agentId}/calls",
    response_model=Envelope[CallPage],
    openapi_extra=secured("calls:read"),
    tags=["calls"],
)
def list_calls(
    request: Request,
    agent_id: AgentId,
    limit: Limit = 50,
    cursor: Cursor = None,
    since: Annotated[Moment | None, Query(description="Opened then or later.")] = None,
    until: Annotated[Moment | None, Query(description="Opened before.")] = None,
    outcome: Annotated[Outcome | None, Query(description="Of the last decision.")] = None,
    rule: Annotated[str | None, Query(max_length=200, description="Label of the rule.")] = None,
) -> Response:
    """List calls, newest first, with totals of all calls that match the filters.

    A decision of ``/route`` is a call of its own. It is listed within half a second.
    """
    filters = {
        "since": since,
        "until": until,
        "outcome": None if outcome is None else outcome.value,
        "rule": rule,
    }
    with reading(request) as work:
        work.agents.get(agent_id)
        page = work.calls.page(agent_id, limit, cursor, **filters)  # type: ignore[arg-type]
        totals = work.calls.totals(agent_id, **filters)  # type: ignore[arg-type]
    data = {
        "items": [summary(row) for row in page.items],
        "nextCursor": page.cursor,
        "totals": counted(totals),
    }
    return answer(data, f"{totals.calls} calls")


def counted(totals: Totals) -> dict[str, Any]:
    """Return totals as the API shows them."""
    return {
        "calls": totals.calls,
        "contained": totals.contained,
        "transferred": totals.transferred,
        "transferRate": totals.transfer_rate,
        "defaultRate": totals.default_rate,
        "failedTransfers": totals.failed_transfers,
        "byRule": totals.by_rule,
        "byDay": [
            {
                "day": day.day,
                "calls": day.calls,
                "contained": day.contained,
                "transferred": day.transferred,
            }
            for day in totals.by_day
        ],
    }
