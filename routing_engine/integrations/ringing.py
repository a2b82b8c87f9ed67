"""Check how long a transfer may ring."""

from __future__ import annotations

from routing_engine.errors import InvalidValueError
from routing_engine.model.rules import LONGEST_RING_S, SHORTEST_RING_S

__all__ = ["checked_ring_s"]


def checked_ring_s(seconds: int) -> int:
    """Check that seconds are in the range of a decision, and return them.

    Raises:
        InvalidValueError: not a whole number from 5 to 300.
    """
    if type(seconds) is not int or not SHORTEST_RING_S <= seconds <= LONGEST_RING_S:
        raise InvalidValueError(
            f"ring_timeout_s must be whole seconds from {SHORTEST_RING_S} to {LONGEST_RING_S}, "
            f"not {seconds!r}"
        )
    return seconds
