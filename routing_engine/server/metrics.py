"""Prometheus metrics. No label holds a number, a name, an id or a word of a caller."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from routing_engine.model.decisions import Decision

__all__ = ["Metrics"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """Counters and gauges of one process, in their own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "routing_engine_requests_total",
            "Requests by method, path template and status.",
            ("method", "path", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "routing_engine_request_seconds",
            "How long a request took.",
            ("method", "path"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._decisions = Counter(
            "routing_engine_decisions_total",
            "Decisions by outcome and reason.",
            ("outcome", "reason"),
            registry=self.registry,
        )
        self.lost = Counter(
            "routing_engine_decisions_lost_total",
            "Decisions that were answered and could not be stored.",
            registry=self.registry,
        )

        self.costly = Counter(
            "routing_engine_costly_transfers_total",
            "Transfers to costly places, of locations that have a limit of them.",
            registry=self.registry,
        )
        self.costly_refused = Counter(
            "routing_engine_costly_transfers_refused_total",
            "Transfers to costly places that a limit turned elsewhere.",
            registry=self.registry,
        )

    def gauge(self, name: str, what: str, read: Callable[[], float]) -> None:
        """Add a gauge whose value is read at each scrape."""
        Gauge(name, what, registry=self.registry).set_function(read)

    def observe(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count a request that was answered; ``path`` is its template."""
        self._requests.labels(method, path, str(status)).inc()
        self._seconds.labels(method, path).observe(seconds)

    def decided(self, decision: Decision) -> None:
        """Count a decision."""
        self._decisions.labels(decision.outcome.value, decision.reason.value).inc()

    def text(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self.registry)
