"""Turns of a stored call: it is resumed, decided, and stored again, in whichever process.

A turn is decided before the transaction that stores it, in which others would wait for the encoder.
Where another turn of the call was stored meanwhile, it is decided anew.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from routing_engine.calls.call import Call
from routing_engine.errors import InvalidValueError, RoutingError
from routing_engine.model.decisions import Decision
from routing_engine.model.outcomes import Outcome, Reason
from routing_engine.server.plane import ControlPlane
from routing_engine.server.problems import ProblemError
from routing_engine.store import CallRow, UnitOfWork

__all__ = [
    "UNENDED",
    "Act",
    "Taken",
    "keeps_words",
    "kept",
    "recording",
    "resumed",
    "take",
    "until_unchanged",
]

T = TypeVar("T")

Act = Callable[[Call], Decision | None]
"""What happens to a call in a turn; None where nothing was decided."""

MAX_ATTEMPTS = 4
"""Attempts at storing a turn before concurrent turns of the call queue at its row."""

UNENDED = timedelta(hours=24)
"""Age at which a call that nobody ended is deleted, where transcripts are not kept."""


class _ChangedError(RoutingError):
    """Another turn of the same call was stored first."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The outcome of one turn.

    Attributes:
        row: to be stored.
        handoff: what the person who picks up gets, as JSON; None where nobody is dialled.
    """

    row: CallRow
    decision: Decision | None
    handoff: str | None
    is_over: bool


def keeps_words(plane: ControlPlane, work: UnitOfWork) -> bool:
    """Whether an organisation keeps what callers said: as it chose, or as the server is set."""
    chosen = work.preferences.get("callWords")
    return plane.settings.store_transcripts if chosen is None else bool(chosen["kept"])


def kept(plane: ControlPlane, work: UnitOfWork, row: CallRow) -> CallRow:
    """Set when the transcript expires, or drop it, where the organisation keeps none."""
    settings = plane.settings
    now = datetime.now(UTC)
    if keeps_words(plane, work):
        return replace(row, expires_at=now + timedelta(days=settings.retention_days))
    if row.ended_at is None:
        return replace(row, expires_at=now + UNENDED)
    return replace(row, record=None, handoff=None, expires_at=None)


def take(
    plane: ControlPlane, row: CallRow, act: Act, *, event: str | None = None, final: bool = True
) -> Taken:
    """Decide on a turn; return the decision and the row to store.

    Args:
        act: what happens to the call.
        event: that the turn reports, as it is named on the wire.
        final: False of words that may still go on.

    Raises:
        ProblemError: 409 where the turn does not fit where the call stands.
    """
    if row.ended_at is not None:
        # What comes after the end is no mistake of whoever sends it: it is answered, and dropped.
        version = plane.engine.catalog_version
        late = Decision(Outcome.CONTAIN, Reason.CALL_OVER, None, row.agent_id, version)
        return Taken(row, late, None, is_over=True)
    call = resumed(plane, row)
    try:
        decision = act(call)
    except InvalidValueError as error:
        raise ProblemError(409, str(error), code="out_of_turn") from error
    plane.keep_growing(row.id, None if final else call.growing)
    handoff = None
    if decision is not None and decision.decision_id and decision.outcome.dials:
        location_id = plane.location_id_of(row.agent_id)
        handoff = call.handoff(decision).model_copy(update={"location_id": location_id}).to_json()
    changed = row
    if decision is not None and decision.is_ignored:
        return Taken(row, decision, None, call.is_over)
    if final:
        changed = replace(row, record=call.to_json())
        if event == "transferFailed" and not call.is_transferred:
            changed = replace(changed, failed_transfers=row.failed_transfers + 1)
        if decision is not None and decision.reason is Reason.TRANSFERRED:
            changed = replace(changed, transferred=True)
        elif decision is not None:
            rule = decision.rule
            changed = replace(
                changed,
                outcome=decision.outcome.value,
                reason=decision.reason.value,
                rule=row.rule if rule is None and event == "transferFailed"
                else None if rule is None else rule.label,
                transferred=decision.outcome.dials,
                handoff=row.handoff if handoff is None else handoff,
            )  # fmt: skip
        if call.is_over:
            changed = replace(changed, ended_at=datetime.now(UTC))
    return Taken(changed, decision, handoff, call.is_over)


def resumed(plane: ControlPlane, row: CallRow) -> Call:
    """Resume a stored call.

    Raises:
        ProblemError: 409 where its state was deleted.
    """
    if row.record is None:
        raise ProblemError(
            409,
            "the call has expired and its state was deleted; open a new call",
            code="call_expired",
        )
    return plane.resumed(row)


def until_unchanged(
    plane: ControlPlane,
    organisation_id: str,
    call_id: str,
    decide: Callable[[CallRow], Taken],
    store: Callable[[Callable[[UnitOfWork], Taken]], T],
    *,
    final: bool = True,
) -> T:
    """Take a turn, and again where another turn of the call was stored meanwhile.

    Args:
        decide: on the turn, as the call stands.
        store: opens the transaction and puts the turn into it.
        final: False of a turn that is not stored.

    Raises:
        NotFoundError: the organisation has no such call.
        ProblemError: the turn does not fit; only where ``store`` takes it.
    """
    for attempt in range(MAX_ATTEMPTS):
        with plane.store.read(organisation_id) as work:
            seen = work.calls.get(call_id)
        taken: Taken | ProblemError
        try:
            taken = decide(seen)
        except ProblemError as error:
            # Told only after it is known that this turn was not taken before.
            taken = error

        def put(
            work: UnitOfWork,
            seen: CallRow = seen,
            taken: Taken | ProblemError = taken,
            is_last: bool = attempt == MAX_ATTEMPTS - 1,
        ) -> Taken:
            row = work.calls.get(call_id)
            if row != seen:
                if not is_last:
                    raise _ChangedError
                taken = decide(row)
            if isinstance(taken, ProblemError):
                raise taken
            if final:
                is_new = taken.row != row
                work.calls.put(kept(plane, work, taken.row) if is_new else taken.row)
            return taken

        with suppress(_ChangedError):
            return store(put)
    raise AssertionError("the last attempt ends it")


def recording(plane: ControlPlane, organisation_id: str, taken: Taken) -> Callable[[], None] | None:
    """Return what counts the decision of a turn and queues it to be stored; None without one."""
    row, decision = taken.row, taken.decision
    if decision is None or not decision.decision_id:
        return None
    version = plane.version_of(row.agent_id, decision.catalog_version)

    def record() -> None:
        plane.decided(organisation_id, row.agent_id, decision, in_call=True)
        plane.recorder.add(
            organisation_id,
            decision,
            decision_id=decision.decision_id,
            agent_id=row.agent_id,
            version=version,
            call_id=row.id,
        )

    return record
