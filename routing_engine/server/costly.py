"""Transfers to costly places, which toll fraud is after, and how many of them there may be."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from routing_engine.model.destinations import DEFAULT_DIAL_POLICY, Destination, DialPolicy

__all__ = ["CostlyLimit", "CostlyTransfers", "OrganisationPolicy"]

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class CostlyLimit:
    """How many transfers to costly places a location may make in an hour.

    Costly are the numbers of all other countries, and wherever they are those of the types that the
    default policy refuses; of a SIP URI, the number that it has a gateway dial.

    Attributes:
        per_hour: transfers of one location within any hour.
        except_countries: ISO 3166-1 alpha-2 regions that are not costly.
    """

    per_hour: int
    except_countries: frozenset[str] = frozenset()

    def is_costly(self, destination: Destination) -> bool:
        """Whether a destination is one that is limited."""
        cheap = DialPolicy(countries=self.except_countries)
        if destination.sip_uri is None:
            return cheap.refusal(destination) is not None
        user, at, place = destination.sip_uri.rpartition("@")
        # Parameters are for the policy itself to allow.
        plain = f"{user}@{place.partition(';')[0]}"
        return bool(at) and cheap.refusal(Destination.parse(plain)) is not None


@dataclass(frozen=True)
class OrganisationPolicy:
    """Where the agents of an organisation may send calls, and how often to costly places.

    Attributes:
        dial: where to.
        limit: None for as often as they like.
    """

    dial: DialPolicy = field(default=DEFAULT_DIAL_POLICY)
    limit: CostlyLimit | None = None

    @classmethod
    def of(cls, document: dict[str, Any] | None) -> OrganisationPolicy:
        """The policy of a document that is stored; the default for None."""
        if document is None:
            return cls()
        fields = dict(document)
        costly = fields.pop("costly", None)
        limit = costly and CostlyLimit(costly["per_hour"], frozenset(costly["except_countries"]))
        return cls(DialPolicy(**fields), limit)

    def to_dict(self) -> dict[str, Any]:
        """Return the document that :meth:`of` reads."""
        document = self.dial.to_dict()
        if self.limit is not None:
            document["costly"] = {
                "per_hour": self.limit.per_hour,
                "except_countries": sorted(self.limit.except_countries),
            }
        return document

    @cached_property
    def without_costly(self) -> DialPolicy:
        """The policy once the limit is reached: nothing costly may be dialled."""
        limit, dial = self.limit, self.dial
        if limit is None:
            return dial
        countries = limit.except_countries
        allow = None
        if dial.allow is not None:
            allow = frozenset(
                item for item in dial.allow if not limit.is_costly(Destination.parse(item))
            )
        return replace(
            dial,
            countries=countries if dial.countries is None else countries & dial.countries,
            refused_types=dial.refused_types | DEFAULT_DIAL_POLICY.refused_types,
            allow=allow,
        )


class CostlyTransfers:
    """Counts each location's transfers to costly places in the last hour. Thread-safe.

    Args:
        n_workers: processes that share a limit; each has its part of it, at least one.
        clock: seconds, as ``time.monotonic``.
    """

    def __init__(self, n_workers: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._n_workers = n_workers
        self._clock = clock
        self._times: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def is_reached(self, location_id: str, limit: CostlyLimit) -> bool:
        """Whether a location may make no more of them now."""
        with self._lock:
            return self._has_reached(location_id, limit)

    def _has_reached(self, location_id: str, limit: CostlyLimit) -> bool:
        times = self._times.get(location_id)
        while times and times[0] <= self._clock() - HOUR_S:
            times.popleft()
        if times is not None and not times:
            del self._times[location_id]
        allowed = min(limit.per_hour, max(1, limit.per_hour // self._n_workers))
        return len(times or ()) >= allowed

    def add(self, location_id: str, limit: CostlyLimit) -> bool:
        """Count one; return whether it was the last that the limit allows."""
        with self._lock:
            was_reached = self._has_reached(location_id, limit)
            self._times.setdefault(location_id, deque()).append(self._clock())
            return not was_reached and self._has_reached(location_id, limit)

    @property
    def locations(self) -> list[str]:
        """Locations that made any lately."""
        with self._lock:
            return list(self._times)
