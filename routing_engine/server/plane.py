"""State shared by all endpoints: the store, the engine that follows it, and background tasks."""

from __future__ import annotations

import hmac
import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from cachetools import LRUCache, TTLCache

from routing_engine.calls.call import Call, CallPolicy
from routing_engine.calls.growing import Growing
from routing_engine.encoders import Encoder, RememberingEncoder, encoder_named
from routing_engine.engine import RoutingEngine
from routing_engine.errors import RoutingError, StoreUnavailableError, UnknownLocationError
from routing_engine.model.called import called_line
from routing_engine.model.decisions import Decision
from routing_engine.model.destinations import Destination, DialPolicy
from routing_engine.model.outcomes import Reason
from routing_engine.server.costly import CostlyTransfers, OrganisationPolicy
from routing_engine.server.deciding import Recorder
from routing_engine.server.drafts import call_policy
from routing_engine.server.jobs import (
    ImportJob,
    beat,
    interrupt,
    interrupt_stale,
    sweep,
)
from routing_engine.server.limiting import RateLimits
from routing_engine.server.metrics import Metrics
from routing_engine.server.problems import unpublished
from routing_engine.server.queueing import ImportQueue
from routing_engine.server.security import KeyRing
from routing_engine.server.settings import Settings
from routing_engine.server.waiting import Threads, is_done
from routing_engine.store import CallRow, Changes, Feed, Store, UnitOfWork
from routing_engine.store.reading import scoped_line

__all__ = ["ControlPlane"]

_logger = logging.getLogger(__name__)

CATCH_UP_S = 2.0
"""Longest time that a publish waits for this process to answer by the new version."""

CLOSE_S = 2.0
"""For a thread that waits for the database to notice that the plane is closed."""

EXPIRE_EVERY_S = 60.0
MAX_POLICIES = 10_000
MAX_GROWING, GROWING_S = 10_000, 30.0
"""Most turns that still go on which are kept, in memory alone, and for how long after their last
word."""
MAX_TEXTS = 20_000
"""Most texts of drafts whose vectors are cached: another try embeds only new texts."""

LOOK_S = 1.0
"""Timeout of a look at the database, after which it counts as not answering."""

POLL_S = 0.2

_MEANWHILE = "answering from the last catalog that was loaded"

_DEFAULT = OrganisationPolicy()
_CATALOG = "catalog"
_ANSWERING = "answering.json"


@dataclass(frozen=True, slots=True)
class _Answering:
    """The published version that answers for an agent, and the one before it.

    Attributes:
        since: first catalog version that has it.
        before: what answered the catalog version before that; None where nothing did.
    """

    organisation_id: str
    location_id: str
    version: int
    since: int
    before: _Answering | None


class _Watched:
    """A feed that tracks, for each agent, its organisation and the version that answers.

    The engine applies what was asked for under its next catalog version, so that a decision tells
    by its catalog version which published version it was made by.

    Args:
        feed: of all that is published.
        is_local: it is polled, and what this process publishes need not wait for that.
    """

    def __init__(self, feed: Feed, *, is_local: bool) -> None:
        self._feed = feed
        self._is_local = is_local
        self._woken = threading.Event()
        self.catalog_version: Callable[[], int] = lambda: 0
        self.answering: dict[str, _Answering] = {}
        self.policies: dict[str, OrganisationPolicy] = {}
        """What organisations have set; the default policy of any other."""

    def wake(self) -> None:
        """Poll the store at once: this process has published something."""
        self._woken.set()

    def wait(self, since: int, timeout_s: float) -> bool:
        if not self._is_local:
            return self._feed.wait(since, timeout_s)
        until = time.monotonic() + timeout_s
        while not self._feed.wait(since, 0.0):
            left = until - time.monotonic()
            if left <= 0:
                return False
            if self._woken.wait(min(POLL_S, left)):
                self._woken.clear()
        return True

    def close(self) -> None:
        self._feed.close()

    def changes(self, since: int = 0) -> Changes:
        changes = self._feed.changes(since)
        # What is applied next may be allowed by these alone.
        before = self.policies if since else {}
        self.policies = before | {
            name: OrganisationPolicy.of(document)
            for name, document in changes.dial_policies.items()
        }
        coming = self.catalog_version() + 1
        for name in changes.removed:
            self.answering.pop(name, None)
        for name, item in changes.published.items():
            was = self.answering.get(name)
            if was is not None and was.since >= coming:
                was = was.before  # asked for again: it could not be applied
            if was is not None:
                was = replace(was, before=None)
            self.answering[name] = _Answering(
                item.organisation_id, item.location_id, item.version, coming, was
            )
        return changes

    def dumped(self) -> str:
        """Return the tracked agents and policies as JSON, for :meth:`load` in another process."""
        answering = {
            name: [item.organisation_id, item.location_id, item.version]
            for name, item in self.answering.items()
        }
        policies = {name: policy.to_dict() for name, policy in self.policies.items()}
        return json.dumps({"answering": answering, "policies": policies})

    def load(self, text: str) -> None:
        """Take over what :meth:`dumped` wrote beside a snapshot."""
        dumped = json.loads(text)
        self.answering = {
            name: _Answering(organisation_id, location_id, version, 0, None)
            for name, (organisation_id, location_id, version) in dumped["answering"].items()
        }
        self.policies = {
            name: OrganisationPolicy.of(document) for name, document in dumped["policies"].items()
        }


class ControlPlane:
    """The store, the engine that follows it, and their background tasks.

    Args:
        settings: how the server runs.
        store: an open store, which is closed with the plane.
        encoder: None for that of the settings.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        encoder: Encoder | None = None,
    ) -> None:
        self.settings = settings
        self._secret = settings.secret_bytes or os.urandom(32)
        self.store = store
        self.metrics = Metrics()
        url = settings.rate_limit_url
        self.limits = RateLimits(
            settings.rate_per_s,
            settings.rate_burst,
            None if url is None else url.get_secret_value(),
        )
        self.costly = CostlyTransfers(settings.workers)
        self.keys = KeyRing(store.authenticate, settings.key_cache_s)
        self.routing = Threads(8, "routing")
        self.bodies = Threads(2, "bodies")
        self._looking = Threads(1, "readiness")
        self._look: Future[list[str]] | None = None
        base = encoder_named(settings.encoder) if encoder is None else encoder
        self.encoder = RememberingEncoder(base, max_texts=MAX_TEXTS)
        self._feed = _Watched(store.feed(), is_local=settings.database.startswith("sqlite"))
        self.engine = self._engine(base)
        self._feed.catalog_version = lambda: self.engine.catalog_version
        since = None if settings.snapshot is None else settings.snapshot_position
        self.following = self.engine.follow(self._feed, since=since)
        sweep()
        self.importing: ImportQueue[ImportJob] = ImportQueue(partial(beat, store))
        self.recorder = Recorder(store, settings.flush_s, self.metrics, settings.spool_folder)
        self._policies: LRUCache[tuple[str, int], CallPolicy] = LRUCache(MAX_POLICIES)
        self._policies_lock = threading.Lock()
        self._growing: TTLCache[str, Growing] = TTLCache(MAX_GROWING, GROWING_S)
        self._growing_lock = threading.Lock()
        self._is_over = threading.Event()
        self._expiring = threading.Thread(target=self._expire, name="expiry", daemon=True)
        self._expiring.start()
        gauge = self.metrics.gauge
        gauge(
            "routing_engine_rate_limits_shared",
            "1 where the rate limits of keys hold over all nodes.",
            lambda: float(self.limits.is_shared),
        )
        gauge("routing_engine_agents", "Agents that are answered for.", lambda: len(self.engine))
        gauge(
            "routing_engine_costly_limit_reached",
            "Agents that have reached their limit of transfers to costly places.",
            self._n_limited,
        )
        gauge(
            "routing_engine_feed_current",
            "1 where what was published last is what answers.",
            lambda: float(self.following.is_current),
        )

    def _engine(self, encoder: Encoder) -> RoutingEngine:
        """Return the engine to keep up to date: empty, or loaded from the parent's snapshot."""
        folder = self.settings.snapshot
        if folder is None:
            return RoutingEngine(encoder=encoder, dial_policy=self._policy_of_agent)
        self._feed.load((folder / _ANSWERING).read_text(encoding="utf-8"))
        return RoutingEngine.load(
            folder / _CATALOG, encoder=encoder, dial_policy=self._policy_of_agent
        )

    def keys_for(self, purpose: bytes) -> tuple[bytes, ...]:
        """Return keys that processes of one secret share, and of another for every purpose.

        The first signs; what the others signed, which are of previous secrets, holds still.
        """
        return tuple(
            hmac.digest(secret, purpose, "sha256")
            for secret in (self._secret, *self.settings.previous_secrets)
        )

    def dial_policy(self, organisation_id: str) -> DialPolicy:
        """Return where the agents of an organisation may send calls, as this process knows it."""
        return self._feed.policies.get(organisation_id, _DEFAULT).dial

    def _own_policy(self, agent_id: str) -> OrganisationPolicy:
        found = self._feed.answering.get(agent_id)
        if found is None:
            return _DEFAULT
        return self._feed.policies.get(found.organisation_id, _DEFAULT)

    def _policy_of_agent(self, agent_id: str) -> DialPolicy:
        own = self._own_policy(agent_id)
        if own.limit is not None and self.costly.is_reached(agent_id, own.limit):
            return own.without_costly
        return own.dial

    def count_transfer(
        self, organisation_id: str, agent_id: str, destinations: Iterable[Destination]
    ) -> None:
        """Count a transfer, where it may go to a costly place and these are limited.

        Args:
            organisation_id: whose agent it is.
            agent_id: whose caller is transferred.
            destinations: what may be dialled for them.
        """
        limit = self._own_policy(agent_id).limit
        if limit is None or not any(map(limit.is_costly, destinations)):
            return
        self.metrics.costly.inc()
        if self.costly.add(agent_id, limit):
            _logger.warning("an agent has reached its limit of transfers to costly places")
            with suppress(StoreUnavailableError):  # the metrics tell it all the same
                self.routing.start(
                    partial(self._audit_limit, organisation_id, agent_id, limit.per_hour)
                )

    def _audit_limit(self, organisation_id: str, agent_id: str, per_hour: int) -> None:
        try:
            with self.store.work(organisation_id, actor="server") as work:
                work.audits.record("dialPolicy.limitReached", agent_id, {"perHour": per_hour})
        except RoutingError as error:
            _logger.warning("a reached limit is not audited: %s", type(error).__name__)

    def decided(
        self, organisation_id: str, agent_id: str, decision: Decision, *, in_call: bool
    ) -> None:
        """Count a decision that is carried out.

        Args:
            organisation_id: whose agent it is.
            agent_id: that answered.
            decision: what was answered.
            in_call: whether each next attempt is asked for; else all may be dialled.
        """
        if self.why_limited(agent_id, decision) is not None:
            self.metrics.costly_refused.inc()
        if decision.outcome.dials and decision.destination is not None:
            tried = [to for to, _ in decision.destinations[: 1 if in_call else None]]
            self.count_transfer(organisation_id, agent_id, tried)

    def why_limited(self, agent_id: str, decision: Decision) -> str | None:
        """Say that a decision was turned elsewhere by the limit on costly transfers, or None."""
        own = self._own_policy(agent_id)
        if decision.reason is not Reason.DESTINATION_REFUSED or own.limit is None:
            return None
        if not self.costly.is_reached(agent_id, own.limit):
            return None
        meant = None if decision.rule is None else decision.rule.destination
        if meant is not None and own.dial.refusal(meant) is not None:
            return None
        return f"The limit of {own.limit.per_hour:,} transfers an hour to costly places is reached."

    def _n_limited(self) -> float:
        found = ((agent_id, self._own_policy(agent_id).limit) for agent_id in self.costly.locations)
        return float(
            sum(limit is not None and self.costly.is_reached(a, limit) for a, limit in found)
        )

    def take_policy(self, organisation_id: str, policy: OrganisationPolicy) -> None:
        """Ask a dial policy that was stored here from now on; other processes do in a moment."""
        self._feed.policies = {**self._feed.policies, organisation_id: policy}
        self._feed.wake()

    def save(self, folder: Path) -> int:
        """Save a snapshot that workers start from; return its position in the store's feed.

        Nothing must be published meanwhile by this process.
        """
        self.following.close()
        self.engine.save(folder / _CATALOG)
        (folder / _ANSWERING).write_text(self._feed.dumped(), encoding="utf-8")
        return self.following.position

    def answers(self, agent_id: str, organisation_id: str) -> bool:
        """Whether the engine has a published version of this agent of this organisation."""
        found = self._feed.answering.get(agent_id)
        return (
            found is not None
            and found.organisation_id == organisation_id
            and agent_id in self.engine
        )

    def agent_called(self, organisation_id: str, called: str) -> str | None:
        """Return the agent of an organisation that answers a line, or None."""
        line = called_line(called, region=self.settings.region)
        if line is None:
            return None
        location = self.engine.location_for(scoped_line(organisation_id, line), region=None)
        agent_id = None if location is None else location.location_id
        return agent_id if agent_id and self.answers(agent_id, organisation_id) else None

    def forget(self, agent_id: str) -> None:
        """Stop answering for an agent that was deleted."""
        self._feed.answering.pop(agent_id, None)
        self._feed.wake()

    def location_id_of(self, agent_id: str) -> str:
        """Return the id of the location that an agent answers."""
        found = self._feed.answering.get(agent_id)
        return agent_id if found is None else found.location_id

    def version_of(self, agent_id: str, catalog_version: int) -> int | None:
        """Return the number of an agent's published version that a catalog version holds."""
        found = self._feed.answering.get(agent_id)
        if found is not None and found.since > catalog_version:
            found = found.before
        return None if found is None else found.version

    def catch_up(self, agent_id: str, organisation_id: str, number: int) -> None:
        """Wait until this process answers by this version of an agent or a later one."""
        self._feed.wake()
        until = time.monotonic() + CATCH_UP_S
        while time.monotonic() < until:
            version = self.version_of(agent_id, self.engine.catalog_version)
            if (version or 0) >= number and self.answers(agent_id, organisation_id):
                return
            time.sleep(0.01)

    def call_policy(self, work: UnitOfWork, agent_id: str, version: int | None) -> CallPolicy:
        """Return the policy for live calls of a published version."""
        if version is None:
            raise unpublished()
        key = agent_id, version
        with self._policies_lock:
            policy = self._policies.get(key)
        if policy is None:
            policy = call_policy(work.versions.get(agent_id, version).snapshot)
            with self._policies_lock:
                self._policies[key] = policy
        return policy

    def resumed(self, row: CallRow) -> Call:
        """Resume a call after its last turn, on the version that is published now.

        With the words that still go on, where this process heard them.
        """
        assert row.record is not None
        try:
            call = self.engine.resume_call(row.record)
        except UnknownLocationError as error:
            raise unpublished() from error
        with self._growing_lock:
            call.growing = self._growing.get(row.id)
        return call

    def keep_growing(self, call_id: str, growing: Growing | None) -> None:
        """Keep the words of a call that still go on; None where its turn has ended."""
        with self._growing_lock:
            if growing is None:
                self._growing.pop(call_id, None)
            else:
                self._growing[call_id] = growing

    async def problems(self) -> list[str]:
        """List why this process is not ready, or answers from an older catalog."""
        # One looks at a time: who asks meanwhile gets the same answer.
        if self._look is None or self._look.done():
            self._look = self._looking.start(self._database_problems)
        if await is_done(self._look, LOOK_S):
            found = list(self._look.result())
        else:
            found = [f"the database is unavailable: no answer within {LOOK_S:g} s; {_MEANWHILE}"]
        if not self.following.is_current:
            found.append("the latest publication is not loaded yet")
        if self.recorder.trouble is not None:
            found.append(
                f"{self.recorder.n_waiting:,} decisions wait to be stored: {self.recorder.trouble}"
            )
        return found

    def _database_problems(self) -> list[str]:
        try:
            self.store.ping()
        except RoutingError as error:
            return [f"the database is unavailable: {error}; {_MEANWHILE}"]
        return []

    def _expire(self) -> None:
        is_first = True
        while not self._is_over.wait(0.0 if is_first else EXPIRE_EVERY_S):
            try:
                # At once, too: what an import that was killed has left.
                self.store.sweep_staged()
                if not is_first:
                    interrupt_stale(self.store)
                    self.store.expire(datetime.now(UTC))
            except Exception as error:  # noqa: BLE001  it is tried again in a minute
                _logger.warning("what is to be deleted waits: %s", type(error).__name__)
            is_first = False

    def close(self, within_s: float = 10.0) -> None:
        """Store queued decisions, stop following, close the store; leave behind what hangs.

        Args:
            within_s: for decisions to be stored; then they are kept in a file.
        """
        self._is_over.set()
        for threads in (self.keys, self.routing, self.bodies, self._looking):
            threads.close()
        left = self.importing.close(CLOSE_S)
        self.recorder.close(within_s)
        for job in left:
            interrupt(self.store, job.organisation_id, job.import_id)
            shutil.rmtree(job.path.parent, ignore_errors=True)
        self._expiring.join(CLOSE_S)
        self.following.close(CLOSE_S)
        self.store.close()
