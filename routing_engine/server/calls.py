"""``/calls``: live calls turn by turn, and what came of them.

A call is a value: between two turns it lies sealed in the store, so that any worker may take the
next one. Two turns that come at once are taken one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any

from fastapi import Path, Query, Request
from starlette.responses import Response

from routing_engine.calls.call import Call
from routing_engine.calls.endings import read_report
from routing_engine.errors import InvalidValueError, RoutingError, WrongSecretError
from routing_engine.model.caller import Caller
from routing_engine.model.decisions import Decision
from routing_engine.model.destinations import Destination
from routing_engine.model.outcomes import Outcome, Reason
from routing_engine.model.parties import Parties
from routing_engine.server.deciding import shown
from routing_engine.server.problems import ProblemError
from routing_engine.server.publishing import until_loaded
from routing_engine.server.requests import answer, plane_of, principal_of, router, secured
from routing_engine.server.transferring import Asked, platform_body
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
    Cursor,
    IdempotencyKey,
    Limit,
    WriteResult,
    idempotent,
    reading,
)
from routing_engine.store import CallRow, UnitOfWork, new_id

__all__ = ["calls"]

calls = router()

MAX_ATTEMPTS = 4
"""Attempts at storing a turn before concurrent turns of the call queue at its row."""

UNENDED = timedelta(hours=24)
"""Age at which a call that nobody ended is deleted, where transcripts are not kept."""

CallId = Annotated[
    str, Path(alias="callId", max_length=64, examples=["0123456789abcdef0123456789abcdef"])
]


class _ChangedError(RoutingError):
    """Another turn of the same call was stored first."""


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


def _kept(request: Request, row: CallRow) -> CallRow:
    """Set when the transcript expires, or drop it, depending on the settings."""
    settings = plane_of(request).settings
    now = datetime.now(UTC)
    if settings.store_transcripts:
        return replace(row, expires_at=now + timedelta(days=settings.retention_days))
    if row.ended_at is None:
        return replace(row, expires_at=now + UNENDED)
    return replace(row, record=None, handoff=None, expires_at=None)


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
        work.calls.put(_kept(request, row))
        data = {
            "callId": row.id,
            "agentId": agent_id,
            "version": version,
            "openedAt": now.isoformat(),
        }
        return WriteResult(data, "call opened", 201, {"Location": f"/api/v1/calls/{row.id}"})

    return idempotent(request, do)


@dataclass(frozen=True, slots=True)
class _Taken:
    """The outcome of one turn."""

    row: CallRow
    decision: Decision | None
    handoff: str | None
    is_over: bool


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


def _take(request: Request, row: CallRow, turn: Turn) -> _Taken:
    """Decide on a turn; return the decision and the row to store.

    Raises:
        ProblemError: 409 where the turn does not fit where the call stands.
    """
    if row.ended_at is not None:
        # What comes after the end is no mistake of whoever sends it: it is answered, and dropped.
        version = plane_of(request).engine.catalog_version
        late = Decision(Outcome.CONTAIN, Reason.CALL_OVER, None, row.agent_id, version)
        return _Taken(row, late, None, is_over=True)
    if row.record is None:
        raise ProblemError(
            409,
            "the call has expired and its state was deleted; open a new call",
            code="call_expired",
        )
    plane = plane_of(request)
    call = plane.resumed(row)
    try:
        decision = _EVENTS[turn.event](call, turn)
    except InvalidValueError as error:
        raise ProblemError(409, str(error), code="out_of_turn") from error
    plane.keep_growing(row.id, None if turn.final else call.growing)
    handoff = None
    if decision is not None and decision.decision_id and decision.outcome.dials:
        location_id = plane.location_id_of(row.agent_id)
        handoff = call.handoff(decision).model_copy(update={"location_id": location_id}).to_json()
    changed = row
    if decision is not None and decision.is_ignored:
        return _Taken(row, decision, None, call.is_over)
    if turn.final:
        changed = replace(row, record=call.to_json())
        if turn.event == "transferFailed" and not call.is_transferred:
            changed = replace(changed, failed_transfers=row.failed_transfers + 1)
        if decision is not None and decision.reason is Reason.TRANSFERRED:
            changed = replace(changed, transferred=True)
        elif decision is not None:
            rule = decision.rule
            changed = replace(
                changed,
                outcome=decision.outcome.value,
                reason=decision.reason.value,
                rule=row.rule if rule is None and turn.event == "transferFailed"
                else None if rule is None else rule.label,
                transferred=decision.outcome.dials,
                handoff=row.handoff if handoff is None else handoff,
            )  # fmt: skip
        if call.is_over:
            changed = replace(changed, ended_at=datetime.now(UTC))
    return _Taken(_kept(request, changed), decision, handoff, call.is_over)


@calls.post(
    "/calls/{callId}/turns",
    response_model=Envelope[Turned],
    openapi_extra=secured("calls:write"),
    tags=["calls"],
)
def take_turn(request: Request, call_id: CallId, body: Turn, _: IdempotencyKey = None) -> Response:
    """Report what was said or happened; returns the decision, and the handoff if it transfers."""
    for attempt in range(MAX_ATTEMPTS):
        # Decided before the transaction, in which others would wait for the encoder.
        with reading(request) as work:
            seen = work.calls.get(call_id)
        taken: _Taken | ProblemError
        try:
            taken = _take(request, seen, body)
        except ProblemError as error:
            # Told only after it is known that this turn was not taken before.
            taken = error

        def do(
            work: UnitOfWork,
            seen: CallRow = seen,
            taken: _Taken | ProblemError = taken,
            is_last: bool = attempt == MAX_ATTEMPTS - 1,
        ) -> WriteResult:
            row = work.calls.get(call_id)
            if row != seen:
                if not is_last:
                    raise _ChangedError
                taken = _take(request, row, body)
            if isinstance(taken, ProblemError):
                raise taken
            if body.final:
                work.calls.put(taken.row)
            return _turned(request, taken)

        with suppress(_ChangedError):
            return idempotent(request, do, again=partial(_turned_again, body))
    raise AssertionError("the last attempt ends it")


def _turned_again(turn: Turn, work: UnitOfWork, data: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a repeated turn: with its handoff, for as long as that is kept."""
    decision = data["decision"]
    if decision is None:
        return data
    if decision["reported"] is not None:
        decision["reported"] = read_report(turn.outcome).said
    if data["handoff"] is not None:
        row = work.calls.get(data["callId"])
        kept = None if row.handoff is None else json.loads(row.handoff)
        is_its = kept is not None and kept["decision_id"] == decision["decisionId"]
        data["handoff"] = kept if is_its else None
    return data


def _turned(request: Request, taken: _Taken) -> WriteResult:
    plane, row, decision = plane_of(request), taken.row, taken.decision
    made = stored = None
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
        if decision.decision_id:
            stored = partial(_store, request, row, decision, decision_id, made["version"])
    data = {
        "callId": row.id,
        "decision": made,
        "handoff": None if taken.handoff is None else json.loads(taken.handoff),
        "isOver": taken.is_over,
    }
    kept = None
    if made is not None:
        # Who called, and what they and a platform said, is kept with the call alone.
        reported = None if made["reported"] is None else ""
        handoff: dict[str, Any] | None = None if taken.handoff is None else {}
        kept = data | {"decision": made | {"reported": reported}, "handoff": handoff}
    message = "noted" if decision is None else decision.outcome.value
    return WriteResult(data, message, then=stored, kept=kept)


def _store(
    request: Request, row: CallRow, decision: Decision, decision_id: str, version: int | None
) -> None:
    plane, organisation_id = plane_of(request), principal_of(request).organisation_id
    plane.decided(organisation_id, row.agent_id, decision, in_call=True)
    plane.recorder.add(
        organisation_id,
        decision,
        decision_id=decision_id,
        agent_id=row.agent_id,
        version=version,
        call_id=row.id,
    )


@calls.post(
    "/calls/{callId}/outcome",
    response_model=Envelope[CallDetail],
    openapi_extra=secured("calls:write"),
    tags=["calls"],
)
def end_call(
    request: Request, call_id: CallId, body: CallEnd, _: IdempotencyKey = None
) -> Response:
    """Report how a call ended. Unless transcripts are kept, what was said is deleted now."""

    def do(work: UnitOfWork) -> WriteResult:
        row, is_open = _ending(work, call_id)
        outcome = row.outcome
        if body.outcome == "contained":
            outcome = Outcome.CONTAIN.value
        elif body.outcome == "transferred" and not row.transferred:
            outcome = Outcome.TRANSFER.value
        row = _kept(
            request,
            replace(
                row,
                ended_at=row.ended_at or datetime.now(UTC),
                outcome=outcome,
                transferred=body.outcome == "transferred",
                failed_transfers=max(row.failed_transfers, int(body.outcome == "failed")),
            ),
        )
        # What another secret opens stays, where it is to be kept.
        work.calls.put(row, sealed=is_open or not plane_of(request).settings.store_transcripts)
        made = detail(row)
        kept = made | {"handoff": None, "timeline": None}
        return WriteResult(made, f"call ended: {body.outcome}", kept=kept)

    return idempotent(
        request,
        do,
        again=lambda work, _: detail(_ending(work, call_id)[0]),
        is_repeatable=True,
    )


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
        "totals": {
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
        },
    }
    return answer(data, f"{totals.calls} calls")
