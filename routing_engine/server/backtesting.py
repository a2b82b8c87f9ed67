"""``/agents/{agentId}/backtest``: which calls would go elsewhere by the draft."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import Request
from starlette.responses import Response

from routing_engine.calls.record import CallRecord
from routing_engine.errors import InvalidValueError
from routing_engine.model.rules import Location
from routing_engine.quality.cases import Case
from routing_engine.quality.comparing import Comparison, MovedCall, RoutedTo
from routing_engine.server.drafts import compile_draft
from routing_engine.server.examining import trial
from routing_engine.server.problems import ProblemError, unpublished
from routing_engine.server.requests import (
    answer,
    check_scope,
    plane_of,
    principal_of,
    router,
    secured,
)
from routing_engine.server.wire.backtesting import Backtest, BacktestReport
from routing_engine.server.wire.common import Envelope
from routing_engine.server.writes import (
    AgentId,
    IdempotencyKey,
    WriteResult,
    idempotent,
    reading,
)
from routing_engine.store import CallRow, UnitOfWork
from routing_engine.text.history import summarise_history

__all__ = ["backtesting", "compared", "said_in"]

backtesting = router()

MAX_SENTENCES = 50
"""Most sentences of one move in the response."""

Said = tuple[str, str] | Case


@backtesting.post(
    "/agents/{agentId}/backtest",
    response_model=Envelope[BacktestReport],
    openapi_extra=secured("agents:read"),
    tags=["publishing"],
)
def backtest(
    request: Request, agent_id: AgentId, body: Backtest, _: IdempotencyKey = None
) -> Response:
    """Report which calls would go elsewhere if the draft were published. Stores nothing."""
    if body.last is not None:
        check_scope(principal_of(request), "calls:read")
    with reading(request) as work:
        draft = work.drafts.get(agent_id)
        published = published_location(work, agent_id)
        kept = [] if body.last is None else said_in(work.calls.kept(agent_id, body.last))
    given: list[Said] = [
        Case(published.location_id, call.utterance, call.expect)
        if call.is_labelled and call.utterance.strip()
        else (published.location_id, call.utterance)
        for call in body.calls or ()
    ]
    given += [(published.location_id, said) for said in kept]
    if not given:
        raise ProblemError(409, "no call is kept whose words could be compared", code="no_calls")
    try:
        proposed = compile_draft(draft).location
    except InvalidValueError as error:
        raise ProblemError(
            422,
            "nothing can be compared with the draft: its parts do not fit together",
            code="invalid_draft",
            errors=error.problems,
        ) from error
    found = compared(request, published, proposed, given)
    data = shown(found)
    # What callers said is in this response alone: repeated, it has the figures and no sentences.
    repeated = data | {"moves": [move | {"calls": []} for move in data["moves"]]}
    message = f"{found.n_moved} of {found.n} calls would go elsewhere"
    made = WriteResult(data, message, kept=repeated)
    if request.headers.get("idempotency-key") is None:
        return answer(made.data, made.message)
    return idempotent(request, lambda _: made)


def published_location(work: UnitOfWork, agent_id: str) -> Location:
    """Return the location of an agent's published version.

    Raises:
        ProblemError: 409 where none is published.
    """
    number = work.agents.get(agent_id).version
    if number is None:
        raise unpublished()
    return Location.model_validate_json(work.versions.get(agent_id, number).location)


def compared(
    request: Request, published: Location, proposed: Location, calls: Sequence[Said]
) -> Comparison:
    """Compare two states of a location by calls, in this thread alone."""
    # Not the encoder that remembers: what callers said is forgotten at once.
    plane = plane_of(request)
    policy = plane.dial_policy(principal_of(request).organisation_id)
    before, after = (
        trial(location, plane.engine.encoder, policy) for location in (published, proposed)
    )
    return before.compare(after, calls, threads=1)


def said_in(rows: Sequence[CallRow]) -> list[str]:
    """Return what callers said up to the last decision of each call, as one text."""
    found = []
    for row in rows:
        if row.record is None:
            continue
        turns = [
            (event.kind, event.text)
            for event in CallRecord.from_json(row.record).events
            if event.kind in ("agent", "caller")
        ]
        while turns and turns[-1][0] == "agent":
            turns.pop()
        if turns:
            found.append(summarise_history(turns[:-1], turns[-1][1]))
    return found


def shown(found: Comparison) -> dict[str, Any]:
    """Return a comparison as the API shows it."""
    return {
        "n": found.n,
        "nDistinct": found.n_distinct,
        "nMoved": found.n_moved,
        "nLabelled": found.n_labelled,
        "rightBefore": found.right_before,
        "rightAfter": found.right_after,
        "gained": found.gained,
        "lost": found.lost,
        "moves": [
            {
                "before": move.before,
                "after": move.after,
                "isRenumbered": move.is_renumbered,
                "n": move.n,
                "gained": move.gained,
                "lost": move.lost,
                "calls": [_call(call) for call in move.calls[:MAX_SENTENCES]],
            }
            for move in found.moves
        ],
    }


def _call(call: MovedCall) -> dict[str, Any]:
    return {
        "utterance": call.text,
        "n": call.n,
        "before": _place(call.before),
        "after": _place(call.after),
        "expect": call.label,
        "change": call.change,
    }


def _place(to: RoutedTo) -> dict[str, Any]:
    return {"outcome": to.outcome, "rule": to.rule, "destination": to.destination}
