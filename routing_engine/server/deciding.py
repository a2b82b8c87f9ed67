"""Format decisions for the API, and store them in batches after they were answered."""

from __future__ import annotations

import json
import logging
import os
import threading
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routing_engine.errors import ConflictError, StoreUnavailableError
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

SPOOLED = ".decisions"

_OWN_FIELDS = ("decision_id", "agent_id", "location_id", "version", "explanation")
_SHARED_FIELDS = tuple(
    (name, str(field.alias))
    for name, field in WireDecision.model_fields.items()
    if name not in _OWN_FIELDS
)
"""Names in :meth:`Decision.to_dict` -> names on the wire."""


def shown(
    decision: Decision,
    *,
    decision_id: str,
    agent_id: str,
    location_id: str,
    version: int | None,
    because: str | None = None,
) -> dict[str, Any]:
    """Return a decision as the API shows it.

    Args:
        decision: what was decided.
        decision_id, agent_id, location_id, version: as the API names them.
        because: what its explanation says beside what the decision knows of itself.
    """
    plain = decision.to_dict()
    return {
        "decisionId": decision_id,
        "agentId": agent_id,
        "locationId": location_id,
        "version": version,
        "explanation": " ".join(filter(None, (decision.explain(), because))),
        **{alias: plain[name] for name, alias in _SHARED_FIELDS},
    }


class Recorder:
    """Stores decisions in batches, in a thread of its own.

    A decision is stored ``flush_s`` after it was answered, or when the server ends. While the
    database does not take them they wait, and at the end in a file, which the next start stores.
    What a crash takes with it are decisions of the last moment; everything else is written before
    it is acknowledged.

    Args:
        store: where to.
        flush_s: between two batches.
        metrics: counts what is lost.
        spool: folder for what waits when the server ends; None to have none.

    Attributes:
        trouble: why decisions wait at present, or None.
    """

    def __init__(
        self, store: Store, flush_s: float, metrics: Metrics, spool: Path | None = None
    ) -> None:
        self._store = store
        self._flush_s = flush_s
        self._metrics = metrics
        self._spool = spool
        self._waiting: deque[DecisionRow] = deque(() if spool is None else _unspooled(spool))
        self._writing = threading.Lock()
        self._is_over = threading.Event()
        self.trouble: str | None = None
        metrics.gauge(
            "routing_engine_decisions_waiting",
            "Decisions that were answered and are not stored yet.",
            lambda: float(self.n_waiting),
        )
        self._thread = threading.Thread(target=self._run, name="decisions", daemon=True)
        self._thread.start()

    @property
    def n_waiting(self) -> int:
        """Decisions that are not stored yet."""
        return len(self._waiting)

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
                transferred=decision.outcome.dials and decision.destination is not None,
                is_alone=call_id is None,
            )
        )

    def flush(self) -> bool:
        """Store all queued decisions now; return False if the database does not take them."""
        with self._writing:
            while self._waiting:
                # They leave when they are stored: what ends this process finds them here.
                batch = list(islice(self._waiting, MAX_BATCH))
                try:
                    self._store_all(batch)
                except StoreUnavailableError as error:
                    if self.trouble is None:
                        _logger.warning("decisions wait for the database")
                    self.trouble = str(error)
                    return False
                for row in batch:
                    # What was too much may have been dropped meanwhile, from the same end.
                    if self._waiting and self._waiting[0] is row:
                        self._waiting.popleft()
            self.trouble = None
        return True

    def _store_all(self, batch: list[DecisionRow]) -> None:
        try:
            self._store.add_decisions(batch)
        except StoreUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001  one that cannot be stored takes no other with it
            if len(batch) > 1:
                for row in batch:
                    self._store_all([row])
            elif not isinstance(error, ConflictError):  # else it was, and only the answer was lost
                _logger.warning("a decision cannot be stored: %s", type(error).__name__)
                self._metrics.lost.inc()

    def _run(self) -> None:
        while not self._is_over.wait(self._flush_s):
            self.flush()

    def close(self, within_s: float = 10.0) -> None:
        """Store the queued decisions, or keep them in a file, and stop the thread."""
        self._is_over.set()
        flushing = threading.Thread(target=self._flush_last, name="last decisions", daemon=True)
        flushing.start()
        flushing.join(within_s)
        self.spool()

    def _flush_last(self) -> None:
        self._thread.join()
        self.flush()

    def spool(self) -> None:
        """Keep what is not stored in a file, which the next start reads."""
        waiting = list(self._waiting)
        if not waiting:
            return
        try:
            if self._spool is None:
                raise OSError("there is no spool")
            _spool(waiting, self._spool)
        except OSError:
            _logger.error(  # noqa: TRY400  a traceback says no more
                "%d decisions lost: the database does not answer", len(waiting)
            )
            self._metrics.lost.inc(len(waiting))
        else:
            _logger.warning("%d decisions are kept in a file until the next start", len(waiting))


def _spool(rows: list[DecisionRow], folder: Path) -> None:
    """Write decisions to a file; there is nothing of a caller in them."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}{SPOOLED}"
    beside = path.with_suffix(".part")
    with beside.open("x", encoding="utf-8") as file:
        for row in rows:
            fields = asdict(row) | {"decided_at": row.decided_at.isoformat()}
            file.write(json.dumps(fields) + "\n")
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)


def _unspooled(folder: Path) -> Iterator[DecisionRow]:
    """Take over the decisions that earlier processes kept in files."""
    for path in sorted(folder.glob(f"*{SPOOLED}")):
        taken = path.with_suffix(".taken")
        try:
            path.rename(taken)  # of several workers one gets it
            lines = taken.read_text(encoding="utf-8").splitlines()
            rows = [_row(json.loads(line)) for line in lines]
        except (OSError, ValueError, TypeError) as error:
            _logger.warning("decisions of an earlier process: %s", type(error).__name__)
            continue
        yield from rows
        taken.unlink(missing_ok=True)


def _row(fields: dict[str, Any]) -> DecisionRow:
    return DecisionRow(**fields | {"decided_at": datetime.fromisoformat(fields["decided_at"])})
