"""Format decisions for the API, and store them in batches after they were answered."""

from __future__ import annotations

import logging
import threading
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from routing_engine.errors import StoreUnavailableError
from routing_engine.model.decisions import Decision
from routing_engine.server.wire.calls import Decision as WireDecision
from routing_engine.store import DecisionRow, Store, new_id

if TYPE_CHECKING:
    from routing_engine.server.metrics import Metrics

__all__ = ["Recorder", "shown"]

_logger = logging.getLogger(__name__)

MAX_BATCH = 1000
MAX_KEPT = 100_000
"""Most decisions queued while the database does not answer; the oldest are dropped first."""


_OWN_FIELDS = ("decision_id", "agent_id", "location_id", "version", "explanation")
_SHARED_FIELDS = tuple(
    (name, str(field.alias))
    for name, field in WireDecision.model_fields.items()
    if name not in _OWN_FIELDS
)
"""Names in :meth:`Decision.to_dict` -> names on the wire."""


def shown(
    decision: Decision, *, decision_id: str, agent_id: str, location_id: str, version: int | None
) -> dict[str, Any]:
    """Return a decision as the API shows it."""
    plain = decision.to_dict()
    return {
        "decisionId": decision_id,
        "agentId": agent_id,
        "locationId": location_id,
        "version": version,
        "explanation": decision.explain(),
        **{alias: plain[name] for name, alias in _SHARED_FIELDS},
    }


class Recorder:
    """Stores decisions in batches, in a thread of its own.

    A decision is stored ``flush_s`` after it was answered, or when the server ends. What a crash
    takes with it are decisions of the last moment; everything else is written before it is
    acknowledged.

    Args:
        store: where to.
        flush_s: between two batches.
        metrics: counts what is lost.
    """

    def __init__(self, store: Store, flush_s: float, metrics: Metrics) -> None:
        self._store = store
        self._flush_s = flush_s
        self._metrics = metrics
        self._waiting: deque[DecisionRow] = deque()
        self._writing = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="decisions", daemon=True)
        self._thread.start()

    def add(
        self,
        organisation_id: str,
        decision: Decision,
        *,
        decision_id: str,
        agent_id: str,
        version: int | None,
        call_id: str | None = None,
    ) -> None:
        """Queue a decision to be stored; without ``call_id`` it counts as a call of its own."""
        if len(self._waiting) >= MAX_KEPT:
            self._waiting.popleft()
            self._metrics.lost.inc()
        rule = decision.rule
        self._metrics.decided(decision)
        self._waiting.append(
            DecisionRow(
                organisation_id=organisation_id,
                id=decision_id,
                call_id=new_id("cal") if call_id is None else call_id,
                agent_id=agent_id,
                version=version,
                decided_at=datetime.now(UTC),
                outcome=decision.outcome.value,
                reason=decision.reason.value,
                rule=None if rule is None else rule.label,
                confidence=decision.confidence,
                transferred=decision.outcome.dials,
                is_alone=call_id is None,
            )
        )

    def flush(self) -> bool:
        """Store all queued decisions now; return False if the database does not answer."""
        with self._writing:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))]
                try:
                    self._store_all(batch)
                except StoreUnavailableError:
                    _logger.warning("decisions wait for the database")
                    self._waiting.extendleft(reversed(batch))
                    return False
        return True

    def _store_all(self, batch: list[DecisionRow]) -> None:
        try:
            self._store.add_decisions(batch)
        except StoreUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001  one that cannot be stored takes no other with it
            if len(batch) == 1:
                _logger.warning("a decision cannot be stored: %s", type(error).__name__)
                self._metrics.lost.inc()
                return
            for row in batch:
                self._store_all([row])

    def _run(self) -> None:
        while not self._is_over.wait(self._flush_s):
            self.flush()

    def close(self) -> None:
        """Store the queued decisions and stop the thread."""
        self._is_over.set()
        self._thread.join()
        if not self.flush():
            _logger.error("%d decisions lost: the database does not answer", len(self._waiting))
            self._metrics.lost.inc(len(self._waiting))
