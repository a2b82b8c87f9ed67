"""The facade: build, load, save, route, replace."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from routing_engine import scoring
from routing_engine.catalog import Catalog, Table
from routing_engine.columns import LocationColumns
from routing_engine.decision import Verdict, decide
from routing_engine.destinations import DEFAULT_DIAL_POLICY, Destination, DialPolicy
from routing_engine.encoders import Encoder, default_encoder, encode_distinct
from routing_engine.encoders.micro_batching import (
    DeadlineExceededError,
    MicroBatcher,
    OverloadedError,
)
from routing_engine.errors import InvalidValueError, SnapshotError, UnknownLocationError
from routing_engine.models import (
    Candidate,
    ContextRule,
    Decision,
    Location,
    Outcome,
    Reason,
    RoutingPolicy,
    RuleText,
)
from routing_engine.profiles import Profiles, background_for
from routing_engine.recent import RecentDecisions
from routing_engine.snapshot import Snapshot, load_snapshot, save_snapshot

if TYPE_CHECKING:
    from routing_engine.sheets.report import ImportReport

__all__ = ["MAX_UTTERANCE_LENGTH", "RoutingEngine"]

MAX_UTTERANCE_LENGTH = 2000
"""Characters of an utterance that are read; the default encoder sees about the first 1,000."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _State:
    """All that one catalog version needs, behind one reference."""

    catalog: Catalog
    profiles: Profiles
    recent: RecentDecisions


class _Query(NamedTuple):
    """A question that has to be encoded before it can be answered."""

    state: _State
    location: int
    table: Table
    location_id: str
    heard: str
    verified: bool
    confirmed: bool
    key: bytes


class _Evidence:
    """Keeps what a decision was made from and materialises it when asked."""

    __slots__ = (
        "_columns", "_confidences", "_heard", "_layout", "_location", "_similarities", "_table",
    )  # fmt: skip

    def __init__(
        self,
        columns: LocationColumns,
        location: int,
        table: Table,
        layout: scoring.Layout,
        heard: scoring.Heard,
        confidences: Sequence[float],
        similarities: npt.NDArray[np.float32],
    ) -> None:
        self._columns = columns
        self._location = location
        self._table = table
        self._layout = layout
        self._heard = heard
        self._confidences = confidences
        self._similarities = similarities

    def rule(self, number: int) -> ContextRule:
        return self._columns.rule(self._location, number)

    def candidates(self) -> tuple[Candidate, ...]:
        nearest = scoring.rule_similarities(self._similarities, self._layout, self._heard).tolist()
        made = [
            Candidate(rule.label, confidence, similarity)
            for rule, confidence, similarity in zip(
                self._table.rules, self._confidences, nearest, strict=True
            )
        ]
        return tuple(sorted(made, key=lambda c: (-c.confidence, c.label, -c.similarity)))


class RoutingEngine:
    """Decides, for a location and what a caller said, which destination the call goes to.

    Thread-safe: any number of threads may route while one replaces the catalog.

    Args:
        locations: the locations to answer for.
        encoder: what embeds rules and utterances; None for the packaged default model, compiled
            on first use.
        policy: thresholds; None for the calibrated ones.
        default_destination: where calls of unknown locations go; None makes them an error.
        cache_size: decisions kept for exact repeats within a location and version; 0 for none.
        max_waiting: utterances that may wait for the encoder; one more is sent to the default
            with ``Reason.OVERLOADED``.
        progress: show a progress bar on stderr where embedding takes longer than a second.

    Raises:
        InvalidValueError: two locations with the same id, or an argument of another type.
        EncoderError: the encoder cannot be loaded or does not return unit vectors.
    """

    def __init__(
        self,
        locations: Iterable[Location] | LocationColumns = (),
        *,
        encoder: Encoder | None = None,
        policy: RoutingPolicy | None = None,
        default_destination: str | Destination | None = None,
        cache_size: int = 4096,
        max_waiting: int = 1024,
        progress: bool = False,
    ) -> None:
        columns = _columns(locations)
        self._configure(encoder, policy, default_destination, cache_size, max_waiting)
        self._state = self._build(columns, version=1, progress=progress)

    def _configure(
        self,
        encoder: Encoder | None,
        policy: RoutingPolicy | None,
        default_destination: str | Destination | None,
        cache_size: int,
        max_waiting: int,
    ) -> None:
        self.encoder: Encoder = default_encoder() if encoder is None else encoder
        self.policy = RoutingPolicy() if policy is None else policy
        self.default_destination = (
            Destination.parse(default_destination)
            if isinstance(default_destination, str)
            else default_destination
        )
        for name, value, kind in (
            ("encoder", self.encoder, Encoder),
            ("policy", self.policy, RoutingPolicy),
            ("default_destination", self.default_destination, Destination | None),
        ):
            if not isinstance(value, kind):
                raise InvalidValueError(f"{name} cannot be a {type(value).__name__}")
        self.import_report: ImportReport | None = None
        self._threshold = (
            scoring.DEFAULT_THRESHOLD if self.policy.threshold is None else self.policy.threshold
        )
        self._cache_size = cache_size
        self._batcher = MicroBatcher(self.encoder, max_waiting=max_waiting)
        self._writing = threading.Lock()

    @classmethod
    def from_csv(
        cls,
        path: str | os.PathLike[str],
        *,
        region: str | None = "US",
        dial_policy: DialPolicy = DEFAULT_DIAL_POLICY,
        template: str | os.PathLike[str] | Sequence[RuleText] | None = None,
        on_error: Literal["raise", "skip"] = "raise",
        encoder: Encoder | None = None,
        policy: RoutingPolicy | None = None,
        default_destination: str | Destination | None = None,
        cache_size: int = 4096,
        max_waiting: int = 1024,
        progress: bool = False,
    ) -> RoutingEngine:
        """Import a routing sheet, embed its rules and index them.

        Args:
            path: a CSV or XLSX sheet, long or wide.
            region: whose national number format is accepted beside E.164; None for none.
            dial_policy: destinations it refuses are errors.
            template: for a wide sheet, the ``when`` and examples of each column.
            on_error: ``"raise"`` loads all or nothing; ``"skip"`` leaves out what is wrong.
            encoder, policy, default_destination, cache_size, max_waiting, progress: as for the
                constructor.

        Returns:
            An engine; its ``import_report`` says what was read, repaired and left out.

        Raises:
            SheetError: with the full report, where anything is wrong and ``on_error="raise"``.
        """
        from routing_engine.sheets import read_sheet

        sheet = read_sheet(
            path, region=region, dial_policy=dial_policy, template=template, on_error=on_error
        )
        engine = cls(
            sheet.columns,
            encoder=encoder,
            policy=policy,
            default_destination=default_destination,
            cache_size=cache_size,
            max_waiting=max_waiting,
            progress=progress,
        )
        engine.import_report = sheet.report
        return engine

    @classmethod
    def load(
        cls,
        directory: str | os.PathLike[str],
        *,
        encoder: Encoder | None = None,
        policy: RoutingPolicy | None = None,
        default_destination: str | Destination | None = None,
        cache_size: int = 4096,
        max_waiting: int = 1024,
        reembed: bool = False,
    ) -> RoutingEngine:
        """Open a snapshot.

        Args:
            directory: what :meth:`save` wrote.
            reembed: embed all rules again where the snapshot was built with another encoder.
            encoder, policy, default_destination, cache_size, max_waiting: as for the constructor.

        Raises:
            SnapshotError: missing, altered, truncated, foreign, or built with another encoder.
        """
        snapshot = load_snapshot(directory)
        engine = cls.__new__(cls)
        engine._configure(encoder, policy, default_destination, cache_size, max_waiting)
        if snapshot.encoder_fingerprint == engine.encoder.fingerprint:
            engine._state = _State(snapshot.catalog, snapshot.profiles, RecentDecisions(cache_size))
        elif reembed:
            columns = snapshot.catalog.columns
            engine._state = engine._build(columns, version=snapshot.catalog.version)
        else:
            raise SnapshotError(
                f"{Path(directory)} was built with encoder {snapshot.encoder_fingerprint}, "
                f"this engine has {engine.encoder.fingerprint}; load it with the same encoder, "
                "or with reembed=True"
            )
        return engine

    def save(self, directory: str | os.PathLike[str]) -> None:
        """Write the current catalog as a snapshot; atomic, also where one is there already.

        Raises:
            SnapshotError: the directory holds something else, or cannot be written.
        """
        state = self._state
        save_snapshot(
            Snapshot(
                state.catalog, state.profiles, self.encoder.fingerprint, self.encoder.dimension
            ),
            directory,
        )

    def replace(
        self, locations: Iterable[Location] | LocationColumns, *, progress: bool = False
    ) -> int:
        """Build a new catalog aside, then swap it in. Readers never wait and see all or nothing.

        Rule tables that the current catalog has already are not embedded again.

        Returns:
            The new catalog version.

        Raises:
            InvalidValueError: as the constructor; the current catalog stays.
        """
        columns = _columns(locations)
        with self._writing:
            version = self._state.catalog.version + 1
            self._state = self._build(columns, version, known=self._state, progress=progress)
        return version

    def _build(
        self,
        columns: LocationColumns,
        version: int,
        *,
        known: _State | None = None,
        progress: bool = False,
    ) -> _State:
        catalog = Catalog(columns, version)
        background = background_for(self.encoder) if known is None else known.profiles.background
        built = {}
        if known is not None:
            old = known.profiles
            built = {
                profile: (old.index.rows(p), old.layouts[p])
                for p, profile in enumerate(known.catalog.profiles)
            }
        profiles = Profiles.build(
            catalog.profiles, self.encoder, background, known=built, progress=progress
        )
        return _State(catalog, profiles, RecentDecisions(self._cache_size))

    @property
    def catalog_version(self) -> int:
        """Version of the catalog that answers now."""
        return self._state.catalog.version

    @property
    def columns(self) -> LocationColumns:
        """The current catalog's locations as arrays."""
        return self._state.catalog.columns

    def __len__(self) -> int:
        """Number of locations."""
        return len(self._state.catalog)

    def __contains__(self, location_id: object) -> bool:
        return isinstance(location_id, str) and self._state.catalog.find(location_id) >= 0

    def location(self, location_id: str) -> Location:
        """One location, as it was given.

        Raises:
            UnknownLocationError: no such location in the current catalog.
        """
        catalog = self._state.catalog
        i = catalog.find(location_id)
        if i < 0:
            raise UnknownLocationError(location_id, catalog.version)
        return catalog.columns.location(i)

    def location_ids(self) -> tuple[str, ...]:
        """Ids of all locations, in the order they were given."""
        return tuple(self._state.catalog.columns.ids)

    def route(
        self,
        location_id: str,
        utterance: str,
        *,
        verified: bool = False,
        confirmed: bool = False,
        deadline_s: float | None = None,
    ) -> Decision:
        """Decide where a caller goes who needs a person.

        An utterance without a letter or digit in it (empty, white space, emoji) goes to the
        default with ``Reason.EMPTY_UTTERANCE``. Of a long one the first 2,000 characters are
        read. Whatever fails inside, the answer is the location's default with
        ``Reason.ENGINE_DEGRADED``; where too many callers wait, or the deadline passes first,
        with ``Reason.OVERLOADED`` or ``Reason.DEADLINE_EXCEEDED``.

        Args:
            location_id: compared exactly.
            utterance: what the caller said.
            verified: the caller's identity has been verified.
            confirmed: the caller has confirmed the transfer.
            deadline_s: seconds after which the default is the better answer; None to wait.

        Raises:
            UnknownLocationError: no such location, and the engine has no default destination.
            InvalidValueError: the location id or the utterance is not a str.
        """
        query = self._prepare(location_id, utterance, verified, confirmed)
        if isinstance(query, Decision):
            return query
        try:
            vector = self._batcher.encode(query.heard, deadline_s=deadline_s)
        except Exception as error:  # noqa: BLE001  a call must not be dropped
            return self._failed(query.state, query.location, location_id, error)
        return self._decide(query, vector)

    async def aroute(
        self,
        location_id: str,
        utterance: str,
        *,
        verified: bool = False,
        confirmed: bool = False,
        deadline_s: float | None = None,
    ) -> Decision:
        """As :meth:`route`, without blocking the event loop; concurrent callers share batches."""
        query = self._prepare(location_id, utterance, verified, confirmed)
        if isinstance(query, Decision):
            return query
        try:
            vector = await self._batcher.aencode(query.heard, deadline_s=deadline_s)
        except Exception as error:  # noqa: BLE001  a call must not be dropped
            return self._failed(query.state, query.location, location_id, error)
        return self._decide(query, vector)

    def _prepare(
        self, location_id: str, utterance: str, verified: bool, confirmed: bool
    ) -> Decision | _Query:
        """All that comes before encoding; a decision where nothing need be encoded."""
        state = self._state
        i, heard = self._locate(state, location_id, utterance)
        if i < 0:
            return self._unknown(state, location_id)
        table = state.catalog.tables[state.catalog.columns.table[i]]
        if heard is None or table.profile < 0:
            return self._unscored(state, i, location_id, heard)
        key = b""
        if self._cache_size:
            key = RecentDecisions.key(i, heard, verified + 2 * confirmed)
            decision = state.recent.get(key)
            if decision is not None:
                return decision
        return _Query(state, i, table, location_id, heard, verified, confirmed, key)

    def route_many(self, queries: Iterable[tuple[str, str]]) -> list[Decision]:
        """Route many utterances, embedded in batches; all by one catalog version.

        Args:
            queries: pairs of location id and utterance.

        Returns:
            A decision a query, in order, as :meth:`route` would give.

        Raises:
            UnknownLocationError, InvalidValueError: as :meth:`route`; nothing is routed then.
        """
        state = self._state
        found = [
            (location_id, *self._locate(state, location_id, utterance))
            for location_id, utterance in queries
        ]
        tables = state.catalog.columns.table
        texts = list(
            dict.fromkeys(
                heard
                for _, i, heard in found
                if i >= 0 and heard is not None and state.catalog.tables[tables[i]].profile >= 0
            )
        )
        vectors = self._vectors(texts)
        decisions: list[Decision] = []
        for location_id, i, heard in found:
            if i < 0:
                decisions.append(self._unknown(state, location_id))
            elif heard is None or state.catalog.tables[tables[i]].profile < 0:
                decisions.append(self._unscored(state, i, location_id, heard))
            else:
                vector = vectors[heard]
                if isinstance(vector, Exception):
                    decisions.append(self._failed(state, i, location_id, vector))
                else:
                    table = state.catalog.tables[tables[i]]
                    query = _Query(state, i, table, location_id, heard, False, False, b"")
                    decisions.append(self._decide(query, vector))
        return decisions

    def _vectors(self, texts: Sequence[str]) -> dict[str, npt.NDArray[np.float32] | Exception]:
        """The vector of each text, or what went wrong with that one."""
        try:
            return dict(zip(texts, encode_distinct(self.encoder, texts), strict=True))
        except Exception as error:  # noqa: BLE001  a call must not be dropped
            if len(texts) == 1:
                return {texts[0]: error}
            return {text: vector for one in texts for text, vector in self._vectors([one]).items()}

    def _locate(self, state: _State, location_id: str, utterance: str) -> tuple[int, str | None]:
        """The location's number, and the utterance or None where there is nothing in it."""
        if not isinstance(utterance, str):
            raise InvalidValueError(f"an utterance is a str, not {type(utterance).__name__}")
        i = state.catalog.find(location_id)
        if i < 0 and self.default_destination is None:
            raise UnknownLocationError(location_id, state.catalog.version)
        return i, _heard(utterance)

    def _decide(self, query: _Query, vector: npt.NDArray[np.float32]) -> Decision:
        state, i, table = query.state, query.location, query.table
        columns = state.catalog.columns
        try:
            profiles = state.profiles
            layout = profiles.layouts[table.profile]
            similarities = profiles.index.similarities(table.profile, vector)
            first = int(columns.first_slot[i])
            codes = columns.destinations[first : first + len(table.rules)].tolist()
            heard = scoring.hear(vector, profiles.background)
            confidences: list[float] = scoring.confidences(
                similarities, layout, heard, codes
            ).tolist()
            own = columns.sites[columns.site[i]].threshold
            verdict = decide(
                confidences,
                table.rules,
                codes,
                policy=self.policy,
                threshold=self._threshold if own is None else own,
                verified=query.verified,
                confirmed=query.confirmed,
            )
            destination = self._destination(columns, i, verdict, codes)
        except Exception as error:  # noqa: BLE001  a call must not be dropped
            return self._failed(state, i, query.location_id, error)
        decision = Decision(
            outcome=verdict.outcome,
            reason=verdict.reason,
            destination=destination,
            location_id=query.location_id,
            catalog_version=state.catalog.version,
            confidence=max(confidences),
            threshold=verdict.threshold,
            question=_question(verdict, table.rules),
            _rule=verdict.rule,
            _evidence=_Evidence(columns, i, table, layout, heard, confidences, similarities),
        )
        if query.key:
            state.recent.put(query.key, decision)
        return decision

    @staticmethod
    def _destination(
        columns: LocationColumns, i: int, verdict: Verdict, codes: Sequence[int]
    ) -> Destination | None:
        if verdict.outcome is Outcome.TRANSFER and verdict.rule is not None:
            return columns.decode(codes[verdict.rule])
        if verdict.outcome in (Outcome.VERIFY, Outcome.CONFIRM):
            return None
        return columns.decode(int(columns.defaults[i]))

    def _unscored(self, state: _State, i: int, location_id: str, heard: str | None) -> Decision:
        return self._default(
            state, i, location_id, Reason.EMPTY_UTTERANCE if heard is None else Reason.NO_RULES
        )

    def _failed(self, state: _State, i: int, location_id: str, error: Exception) -> Decision:
        if isinstance(error, OverloadedError):
            reason = Reason.OVERLOADED
        elif isinstance(error, DeadlineExceededError):
            reason = Reason.DEADLINE_EXCEEDED
        else:
            reason = Reason.ENGINE_DEGRADED
        # The type alone: a message may hold what the caller said.
        _logger.error("caller sent to the default, %s: %s", reason.value, type(error).__name__)
        return self._default(state, i, location_id, reason)

    def _default(self, state: _State, i: int, location_id: str, reason: Reason) -> Decision:
        columns = state.catalog.columns
        return Decision(
            outcome=Outcome.DEFAULT,
            reason=reason,
            destination=columns.decode(int(columns.defaults[i])),
            location_id=location_id,
            catalog_version=state.catalog.version,
        )

    def _unknown(self, state: _State, location_id: str) -> Decision:
        return Decision(
            outcome=Outcome.DEFAULT,
            reason=Reason.UNKNOWN_LOCATION,
            destination=self.default_destination,
            location_id=location_id,
            catalog_version=state.catalog.version,
        )

    def __repr__(self) -> str:
        catalog: Any = self._state.catalog
        return f"<RoutingEngine: {len(catalog)} locations, catalog version {catalog.version}>"


def _columns(locations: Iterable[Location] | LocationColumns) -> LocationColumns:
    if isinstance(locations, LocationColumns):
        return locations
    if not isinstance(locations, Iterable):
        raise InvalidValueError(f"locations cannot be a {type(locations).__name__}")
    return LocationColumns.from_locations(locations)


def _heard(utterance: str) -> str | None:
    """The part of an utterance that is read, or None where it holds no letter or digit."""
    heard = utterance[:MAX_UTTERANCE_LENGTH].strip()
    if not any(map(str.isalnum, heard)):
        return None
    try:
        heard.encode()
    except UnicodeEncodeError:  # lone surrogates, from a broken decoder upstream
        heard = heard.encode("utf-8", "replace").decode()
    return heard


def _question(verdict: Verdict, rules: Sequence[RuleText]) -> str | None:
    if verdict.rule is None:
        return None
    label = rules[verdict.rule].label
    if verdict.outcome is Outcome.CLARIFY and verdict.rival is not None:
        return f"Is this about {label} or {rules[verdict.rival].label}?"
    if verdict.outcome is Outcome.CONFIRM:
        return f"Shall I connect you with {label}?"
    return None
