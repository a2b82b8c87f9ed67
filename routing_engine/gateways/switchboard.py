"""Calls of a phone system without an agent: a first decision, then whom to try next."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from routing_engine.errors import InvalidValueError
from routing_engine.model.caller import Caller
from routing_engine.model.decisions import Decision

if TYPE_CHECKING:
    from routing_engine.calls.call import Call
    from routing_engine.engine import RoutingEngine

__all__ = ["Switchboard"]

MAX_CALLS = 100_000
KEPT_S = 2 * 3600.0
"""Time for which a call is kept, so that a failed transfer can go to the next in line."""


class _Kept(NamedTuple):
    call: Call
    until: float


class Switchboard:
    """Opens calls without an agent, and keeps them until their transfer is over.

    One event loop asks it. What is kept of a call goes after two hours, and the oldest go where
    there are more than 100,000.

    Args:
        engine: what decides.
        region: whose national numbers are read, of callers and lines; None for E.164 alone.
        deadline_s: seconds after which the default is the better answer; None to wait.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        engine: RoutingEngine,
        *,
        region: str | None = "US",
        deadline_s: float | None = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine = engine
        self.region = region
        self.deadline_s = deadline_s
        self._clock = clock
        self._calls: OrderedDict[str, _Kept] = OrderedDict()

    def location_id(self, named: str) -> str | None:
        """Find the location with an id or a line; None if there is none."""
        if named in self.engine:
            return named
        location = self.engine.location_for(named, region=self.region)
        return None if location is None else location.location_id

    async def ask(
        self, location_id: str, words: str, *, caller: Caller | None = None, called: str = ""
    ) -> Decision:
        """Decide where a new call goes, and keep it.

        Args:
            location_id: as :meth:`location_id` gives it.
            words: what the caller said.
            caller: who is on the line.
            called: the line that was called; empty where that is not known.
        """
        call = self.engine.open_call(
            location_id, caller_id=caller, called=called or None, agent=False
        )
        decision = await call.ahear(words, deadline_s=self.deadline_s)
        self._keep(call)
        return decision

    def location_of(self, decision_id: str) -> str | None:
        """Return the location of a decision's call; None where the call is not kept."""
        call = self._call_of(decision_id)
        return None if call is None else call.location_id

    def ended(self, decision_id: str, said: str) -> Decision | None:
        """Decide what next, now that a transfer has ended; None where the call is not kept.

        Args:
            decision_id: of the decision that dialled.
            said: how it ended, as the phone system says it.
        """
        call = self._call_of(decision_id)
        if call is None:
            return None
        try:
            decision = call.transfer_failed(said, attempt=decision_id)
        except InvalidValueError:  # words that nobody knows, or nobody was dialled
            decision = call.transfer_failed("unreachable", attempt=decision_id)
        if call.is_over:
            self.forget(decision_id)
        return decision

    def forget(self, decision_id: str) -> None:
        """Drop the call of a decision, as its transfer is over."""
        self._calls.pop(_call_id(decision_id), None)

    def _keep(self, call: Call) -> None:
        now = self._clock()
        while self._calls and (
            len(self._calls) >= MAX_CALLS or next(iter(self._calls.values())).until < now
        ):
            self._calls.popitem(last=False)
        self._calls[call.call_id] = _Kept(call, now + KEPT_S)

    def _call_of(self, decision_id: str) -> Call | None:
        kept = self._calls.get(_call_id(decision_id))
        return None if kept is None or kept.until < self._clock() else kept.call


def _call_id(decision_id: str) -> str:
    return decision_id.rpartition("-")[0]
