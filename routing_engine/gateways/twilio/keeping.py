"""Where calls are kept between two webhooks."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from routing_engine.calls.call import Call
    from routing_engine.calls.policy import CallPolicy
    from routing_engine.engine import RoutingEngine
    from routing_engine.model.caller import Caller

__all__ = ["Calls", "MemoryCalls", "Play"]

MAX_CALLS = 100_000
KEPT_S = 4 * 3600.0
"""As long as Twilio lets a call last."""

Play = Callable[["Call"], Awaitable[str]]
"""What a webhook does with its call; gives TwiML."""


class Calls(Protocol):
    """What a router needs of whatever keeps the calls, by the ``CallSid`` of the caller's call.

    One webhook of a call is played at a time. Where a call that was changed cannot be kept, as
    another process changed it, it is played once more on what is kept now.
    """

    async def begin(self, call_sid: str, called: str, caller: Caller, play: Play) -> str | None:
        """Open a call, unless it is there, and play; None where no location has the line."""
        ...

    async def go_on(self, call_sid: str, play: Play) -> str | None:
        """Play with a call that is there; None where there is none."""
        ...

    async def end(self, call_sid: str) -> None:
        """Drop what was said, as the caller has gone; what comes later finds a call that is over."""
        ...


@dataclass(slots=True)
class _Kept:
    """A call, or None once the caller has gone."""

    call: Call | None
    until: float
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class MemoryCalls:
    """Calls in the memory of one process: the oldest go where there are more than 100,000.

    One event loop asks it.

    Args:
        engine: what decides.
        policy: when a call that no rule takes goes to a person.
        over: what is answered about a call that is over.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        engine: RoutingEngine,
        *,
        policy: CallPolicy | None = None,
        over: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._policy = policy
        self._over = over
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def begin(self, call_sid: str, called: str, caller: Caller, play: Play) -> str | None:
        """As :meth:`Calls.begin`."""
        if self._found(call_sid) is None:
            location = self._engine.location_for(called, region=None)
            if location is None:
                return None
            call = self._engine.open_call(
                location.location_id, caller_id=caller, called=called, policy=self._policy
            )
            self._keep(call_sid, call)
        return await self.go_on(call_sid, play)

    async def go_on(self, call_sid: str, play: Play) -> str | None:
        """As :meth:`Calls.go_on`."""
        kept = self._found(call_sid)
        if kept is None:
            return None
        async with kept.lock:
            return self._over if kept.call is None else await play(kept.call)

    async def end(self, call_sid: str) -> None:
        """As :meth:`Calls.end`."""
        kept = self._found(call_sid)
        if kept is not None:
            kept.call = None

    def _found(self, call_sid: str) -> _Kept | None:
        kept = self._kept.get(call_sid)
        return None if kept is None or kept.until < self._clock() else kept

    def _keep(self, call_sid: str, call: Call) -> None:
        now = self._clock()
        while self._kept and (
            len(self._kept) >= MAX_CALLS or next(iter(self._kept.values())).until < now
        ):
            self._kept.popitem(last=False)
        self._kept[call_sid] = _Kept(call, now + KEPT_S)

    def __len__(self) -> int:
        return len(self._kept)
