"""The facade: build, load, save, route, replace."""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from routing_engine.catalog.columns import LocationColumns
from routing_engine.catalog.lookup import Catalog, Table
from routing_engine.catalog.snapshot import Snapshot, load_snapshot, save_snapshot
from routing_engine.deciding.cache import RecentDecisions
from routing_engine.deciding.gates import USUAL, Terms, Verdict, decide
from routing_engine.encoders import Encoder, default_encoder, encode_distinct
from routing_engine.encoders.micro_batching import (
    DeadlineExceededError,
    MicroBatcher,
    OverloadedError,
)
from routing_engine.errors import (
    EncoderError,
    InvalidValueError,
    SnapshotError,
    UnknownLocationError,
)
from routing_engine.hours.schedule import BusinessHours, is_open, next_opening
from routing_engine.matching import scoring
from routing_engine.matching.identification import Spoken, by_language
from routing_engine.matching.parameters import PARAMETERS, Parameters
from routing_engine.matching.profiles import Known, Profiles, background_for
from routing_engine.model.decisions import Candidate, Decision
from routing_engine.model.destinations import DEFAULT_DIAL_POLICY, Destination, DialPolicy
from routing_engine.model.explanation import Grounds, Match
from routing_engine.model.outcomes import Outcome, Reason
from routing_engine.model.rules import ContextRule, Location, RoutingPolicy, RuleText
from routing_engine.text.history import affirmed, gist

if TYPE_CHECKING:
    from routing_engine.calls.call import Call, CallPolicy, Router
    from routing_engine.calls.skill import Skill
    from routing_engine.catalog.following import Feed, Following, Publisher
    from routing_engine.model.caller import Caller
    from routing_engine.quality.cases import CaseSource
    from routing_engine.quality.evaluation import Evaluation
    from routing_engine.quality.fitting import Fitting
    from routing_engine.quality.lint import LintReport
    from routing_engine.reports import ImportReport

__all__ = ["MAX_CHANGED", "MAX_UTTERANCE_LENGTH", "RoutingEngine"]

MAX_UTTERANCE_LENGTH = 2000
"""Characters of an utterance that are read; the default encoder sees about the first 1,000."""

MAX_CHANGED = 1000
"""Locations changed by :meth:`RoutingEngine.apply` that are held beside the catalog."""

_NOTHING_TO_DIAL = (Outcome.VERIFY, Outcome.CONFIRM)
_ASKS = (Outcome.CLARIFY, Outcome.CONFIRM)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Locations of one build: all of them, or those that were changed since.

    Attributes:
        is_checked: every destination has passed the engine's dial policy.
    """

    catalog: Catalog
    profiles: Profiles
    is_checked: bool

    def known(self) -> Known:
        """Its rules, to be used again."""
        return Known((self.catalog.profiles, self.profiles))


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """All that one catalog version needs, behind one reference.

    Attributes:
        version: catalog version.
        base: the locations of the last full build.
        changed: those that were added or changed since, or None; they stand before the base's.
        gone: numbers of the base's locations that count no more: removed, or in ``changed``.
        recent: decisions of this version.
    """

    version: int
    base: _Part
    changed: _Part | None
    gone: frozenset[int]
    recent: RecentDecisions

    def find(self, location_id: str) -> tuple[_Part, int]:
        """The part that a location is in and its number there; -1 where there is none."""
        if self.changed is not None:
            i = self.changed.catalog.find(location_id)
            if i >= 0:
                return self.changed, i
        i = self.base.catalog.find(location_id)
        if i in self.gone:
            i = -1
        return self.base, i

    def location(self, location_id: str) -> Location:
        """One location, as it was given."""
        part, i = self.find(location_id)
        if i < 0:
            raise UnknownLocationError(location_id, self.version)
        return part.catalog.columns.location(i)

    def labels(self, location_id: str) -> frozenset[str] | None:
        """Labels of a location's rules; None where there is no such location."""
        part, i = self.find(location_id)
        if i < 0:
            return None
        rules = part.catalog.tables[part.catalog.columns.table[i]].rules
        return frozenset(rule.label for rule in rules)

    def columns(self) -> LocationColumns:
        """All locations as arrays; merged where there are changes."""
        base = self.base.catalog.columns
        if self.changed is None and not self.gone:
            return base
        merged = base.without(self.gone)
        if self.changed is not None:
            merged = merged.joined(self.changed.catalog.columns)
        return merged.pruned()


class _Opening(NamedTuple):
    """Whether a location is open, and where it is not, when it opens."""

    is_now: bool
    next: datetime | None


_OPEN = _Opening(True, None)


class _Query(NamedTuple):
    """A question that has to be encoded before it can be answered.

    Attributes:
        said: the utterance.
        heard: what is embedded: the utterance, or the gist of the conversation.
        opening: of the location, when it was asked.
        terms: of the call it is asked in.
        key: of the recent decisions; empty where none are kept.
    """

    state: _State
    part: _Part
    location: int
    table: Table
    location_id: str
    said: str
    heard: str
    verified: bool
    confirmed: bool
    opening: _Opening
    key: bytes
    terms: Terms


class _Evidence:
    """Keeps what a decision was made from and materialises it when asked."""

    __slots__ = (
        "_columns", "_confidences", "_heard", "_layout", "_location", "_made", "_similarities",
        "_table",
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
        self._made: tuple[int, ContextRule] | None = None

    def rule(self, number: int) -> ContextRule:
        made = self._made
        if made is None or made[0] != number:
            # A call looks at the rule of a decision several times.
            self._made = made = (number, self._columns.rule(self._location, number))
        return made[1]

    def candidates(self) -> tuple[Candidate, ...]:
        nearest = scoring.rule_similarities(self._similarities, self._layout, self._heard).tolist()
        made = [
            Candidate(rule.label, confidence, similarity)
            for rule, confidence, similarity in zip(
                self._table.rules, self._confidences, nearest, strict=True
            )
        ]
        return tuple(sorted(made, key=lambda c: (-c.confidence, c.label, -c.similarity)))

    def grounds(self, number: int | None) -> Grounds:
        columns, rules = self._columns, self._table.rules
        nearest = scoring.rule_similarities(self._similarities, self._layout, self._heard).tolist()
        candidates = scoring.nearest_candidates(self._similarities, self._layout)
        texts = [
            rule.examples[candidate] if rule.examples else rule.when
            for rule, candidate in zip(rules, candidates, strict=True)
        ]
        first = int(columns.first_slot[self._location])
        places = columns.destinations[first : first + len(rules)].tolist()
        order = sorted(
            range(len(rules)),
            key=lambda i: (
                i != number, -self._confidences[i], rules[i].model_dump_json(), -nearest[i],
            ),
        )  # fmt: skip
        best = order[0]
        own = columns.sites[columns.site[self._location]].threshold
        return Grounds(
            tuple(
                Match(
                    label=rules[i].label,
                    confidence=self._confidences[i],
                    similarity=nearest[i],
                    text=texts[i],
                    is_example=bool(rules[i].examples),
                    same_place=places[i] == places[best],
                )
                for i in order
            ),
            "rule" if rules[best].threshold is not None
            else "engine" if own is None else "location",
        )  # fmt: skip


class RoutingEngine:
    """Decides, for a location and what a caller said, which destination the call goes to.

    Thread-safe: any number of threads may route while one replaces the catalog.

    Args:
        locations: the locations to answer for.
        encoder: what embeds rules and utterances; None for the packaged default model, compiled
            on first use.
        policy: thresholds; None for the calibrated ones.
        default_destination: where calls of unknown locations go; None makes them an error.
        dial_policy: which destinations may be dialled; asked again of every one, whoever checked
            it before by another policy.
        cache_size: decisions kept for exact repeats within a location and version; 0 for none.
        max_waiting: utterances that may wait for the encoder; one more is sent to the default
            with ``Reason.OVERLOADED``.
        progress: show a progress bar on stderr where embedding takes longer than a second.

    Raises:
        InvalidValueError: two locations with the same id, or an argument of another type.
        EncoderError: the encoder cannot be loaded or does not return unit vectors.
        MissingExtraError: a rule asks for a language, and the extra ``languages`` is not installed.
    """

    def __init__(
        self,
        locations: Iterable[Location] | LocationColumns = (),
        *,
        encoder: Encoder | None = None,
        policy: RoutingPolicy | None = None,
        default_destination: str | Destination | None = None,
        dial_policy: DialPolicy = DEFAULT_DIAL_POLICY,
        cache_size: int = 4096,
        max_waiting: int = 1024,
        progress: bool = False,
    ) -> None:
        columns = _columns(locations)
        self._configure(encoder, policy, default_destination, dial_policy, cache_size, max_waiting)
        self._state = self._build(columns, version=1, progress=progress)

    def _configure(
        self,
        encoder: Encoder | None,
        policy: RoutingPolicy | None,
        default_destination: str | Destination | None,
        dial_policy: DialPolicy,
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
        self.dial_policy = dial_policy
        for name, value, kind in (
            ("encoder", self.encoder, Encoder),
            ("policy", self.policy, RoutingPolicy),
            ("default_destination", self.default_destination, Destination | None),
            ("dial_policy", self.dial_policy, DialPolicy),
        ):
            if not isinstance(value, kind):
                raise InvalidValueError(f"{name} cannot be a {type(value).__name__}")
        refusal = self.default_destination and dial_policy.refusal(self.default_destination)
        if refusal:
            raise InvalidValueError(f"default_destination: {refusal}")
        self.import_report: ImportReport | None = None
        self._adopt(PARAMETERS)
        self._cache_size = cache_size
        self._batcher = MicroBatcher(self.encoder, max_waiting=max_waiting)
        self._writing = threading.Lock()
        self._base_known: tuple[_Part | None, Known] = (None, Known())
        self._secret = secrets.token_bytes(32)

    def _adopt(self, parameters: Parameters) -> None:
        """Score by these parameters; before the first state is built."""
        self._parameters = parameters
        self._threshold = scoring.least_confidence(self.policy, parameters)

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
            dial_policy: destinations it refuses are errors; it is the engine's, too.
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
            dial_policy=dial_policy,
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
        dial_policy: DialPolicy = DEFAULT_DIAL_POLICY,
        cache_size: int = 4096,
        max_waiting: int = 1024,
        reembed: bool = False,
    ) -> RoutingEngine:
        """Open a snapshot.

        Args:
            directory: what :meth:`save` wrote.
            reembed: embed all rules again where the snapshot was built with another encoder.
                What was fitted with that one is not kept.
            encoder, policy, default_destination, dial_policy, cache_size, max_waiting: as for the
                constructor.

        Raises:
            SnapshotError: missing, altered, truncated, foreign, or built with another encoder.
        """
        snapshot = load_snapshot(directory)
        engine = cls.__new__(cls)
        engine._configure(
            encoder, policy, default_destination, dial_policy, cache_size, max_waiting
        )
        if snapshot.encoder_fingerprint == engine.encoder.fingerprint:
            engine._adopt(snapshot.profiles.parameters)
            part = _Part(
                snapshot.catalog,
                snapshot.profiles,
                snapshot.catalog.columns.dial_policy == dial_policy,
            )
            engine._state = engine._whole(part, snapshot.catalog.version)
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
        if state.base.catalog.version != state.version:
            with self._writing:
                state = self._state = self._merged(self._state)
        save_snapshot(
            Snapshot(
                state.base.catalog,
                state.base.profiles,
                self.encoder.fingerprint,
                self.encoder.dimension,
            ),
            directory,
        )

    def replace(
        self, locations: Iterable[Location] | LocationColumns, *, progress: bool = False
    ) -> int:
        """Build a new catalog aside, then swap it in. Readers never wait and see all or nothing.

        Rules that the current catalog has already are not embedded again.

        Returns:
            The new catalog version.

        Raises:
            InvalidValueError: as the constructor; the current catalog stays.
        """
        columns = _columns(locations)
        with self._writing:
            state = self._state
            self._state = self._build(
                columns, state.version + 1, known=self._known(state), progress=progress
            )
            return self._state.version

    def apply(
        self, changes: Iterable[Location] | LocationColumns, *, remove: Iterable[str] = ()
    ) -> int:
        """Add or change some locations and remove others; as atomic as :meth:`replace`.

        Costs as much as there are locations changed since the last full build, not as much as
        the catalog holds; only rules that are new are embedded, in one batch. Once more than
        ``MAX_CHANGED`` have changed, they are merged into the catalog on the way.

        Args:
            changes: locations that are added, or replace those of the same id.
            remove: ids of locations that are taken out.

        Returns:
            The new catalog version.

        Raises:
            UnknownLocationError: a location to remove is not there; nothing is changed then.
            InvalidValueError: as the constructor, or an id is both changed and removed.
        """
        columns = _columns(changes)  # refuses what the constructor refuses
        new = set(columns.ids)
        if isinstance(remove, (str, bytes)) or not isinstance(remove, Iterable):
            raise InvalidValueError(f"remove is ids of locations, not a {type(remove).__name__}")
        removed = set(remove)
        if not all(isinstance(location_id, str) for location_id in removed):
            raise InvalidValueError("a location id is a str")
        both = sorted(removed & new)
        if both:
            raise InvalidValueError(f"both changed and removed: {both[:5]}")
        with self._writing:
            state = self._state
            gone = set(state.gone)
            for location_id in removed:
                if state.find(location_id)[1] < 0:
                    raise UnknownLocationError(location_id, state.version)
            for location_id in new | removed:
                i = state.base.catalog.find(location_id)
                if i >= 0:
                    gone.add(i)
            if state.changed is not None:
                # As arrays: to make models of all that changed before would stop every thread
                # that routes for as long.
                before = state.changed.catalog
                replaced = {before.find(location_id) for location_id in new | removed} - {-1}
                columns = before.columns.without(frozenset(replaced)).joined(columns).pruned()
            version, known = state.version + 1, self._known(state)
            if max(len(columns), len(gone)) > MAX_CHANGED:
                kept = state.base.catalog.columns.without(frozenset(gone))
                self._state = self._build(kept.joined(columns).pruned(), version, known=known)
                return version
            changed = self._part(columns, version, known, progress=False)
            self._state = _State(
                version,
                state.base,
                changed if len(columns) else None,
                frozenset(gone),
                RecentDecisions(self._cache_size),
            )
        return version

    def follow(self, feed: Feed | Publisher, *, since: int | None = None) -> Following:
        """Answer from what a store publishes, and keep up with it.

        When this returns the engine has all that is published; what is published later it has
        within two seconds; ten thousand locations at once, beside callers who leave it no time, a
        little later. While the store does not answer, the catalog stays as it is.

        Args:
            feed: a store, or a feed of one of its organisations. From then on nothing else may
                change this engine's locations.
            since: the position that the present locations are of, where they are a snapshot of
                the same feed; None replaces them.

        Returns:
            What follows, to be asked how far it is, and to be closed.

        Raises:
            InvalidValueError: it is no feed.
            RoutingError: the store does not answer, and ``since`` is None.
        """
        from routing_engine.catalog import following

        if isinstance(feed, following.Publisher):
            feed = feed.feed()
        if not isinstance(feed, following.Feed):
            raise InvalidValueError(f"a {type(feed).__name__} is no feed")
        return following.Following(self, feed, since=since)

    def evaluate(self, cases: CaseSource) -> Evaluation:
        """How good the answers to labelled calls are, at locations that are open.

        Args:
            cases: the calls, or a file of them as :mod:`routing_engine.quality.cases` describes.

        Raises:
            InvalidValueError: there is none, or a location or label is not of this catalog; lists
                them all.
            EncoderError: the encoder failed.
        """
        from routing_engine.quality.cases import checked_cases
        from routing_engine.quality.evaluation import Answer, Evaluation

        given = checked_cases(cases, self._state.labels)
        decisions = self._route_many(
            [(case.location_id, case.text) for case in given], None, any_hour=True
        )
        n_failed = sum(decision.reason is Reason.ENGINE_DEGRADED for decision in decisions)
        if n_failed:
            raise EncoderError(f"{n_failed:,} of {len(given):,} calls could not be answered")
        answers = [Answer.of(*pair) for pair in zip(given, decisions, strict=True)]
        return Evaluation.of(answers, threshold=self._threshold)

    def fit(self, cases: CaseSource, *, seed: int = 0) -> Fitting[RoutingEngine]:
        """Adjust threshold, calibration and weights to labelled calls, on a copy.

        A change is taken only if it does better on calls that it was not fitted on. This engine
        stays as it is, and answers all the while.

        Args:
            cases: as for :meth:`evaluate`; at least 30, of both kinds.
            seed: of the folds of the cross-validation.

        Returns:
            The engine to go on with, and how good it was before and after. Where nothing was
            gained, or cases are too few, that is this engine, with the reason.

        Raises:
            InvalidValueError: as :meth:`evaluate`, or the seed is no natural number.
            EncoderError: the encoder failed.
        """
        from routing_engine.quality import fitting
        from routing_engine.quality.cases import checked_cases

        if type(seed) is not int or seed < 0:
            raise InvalidValueError(f"seed must be an int of at least 0, not {seed!r}")
        state = self._state
        given = checked_cases(cases, state.labels)
        calls = fitting.Calls(
            given,
            [_heard(case.text) for case in given],
            [state.location(name) for name in dict.fromkeys(case.location_id for case in given)],
            encoder=self.encoder,
            background=state.base.profiles.background,
        )

        def build(parameters: Parameters | None) -> RoutingEngine:
            return self if parameters is None else self._fitted(state, parameters)

        return fitting.fit(
            calls, present=self._parameters, policy=self.policy, build=build, seed=seed
        )

    def _fitted(self, state: _State, parameters: Parameters) -> RoutingEngine:
        """An engine of the same locations that scores by other parameters."""
        engine = type(self).__new__(type(self))
        engine._configure(
            self.encoder,
            self.policy.model_copy(update={"threshold": None, "false_transfer_rate": None}),
            self.default_destination,
            self.dial_policy,
            self._cache_size,
            self._batcher.max_waiting,
        )
        engine.import_report = self.import_report
        engine._adopt(parameters)
        known = Known()
        known.background = state.base.profiles.background
        engine._state = engine._build(state.columns(), state.version + 1, known=known)
        return engine

    def _build(
        self,
        columns: LocationColumns,
        version: int,
        *,
        known: Known | None = None,
        progress: bool = False,
    ) -> _State:
        return self._whole(
            self._part(columns, version, Known() if known is None else known, progress=progress),
            version,
        )

    def _whole(self, part: _Part, version: int) -> _State:
        return _State(version, part, None, frozenset(), RecentDecisions(self._cache_size))

    def _merged(self, state: _State) -> _State:
        """The same locations and version, with the changes built into the base."""
        return self._build(state.columns(), state.version, known=self._known(state))

    def _known(self, state: _State) -> Known:
        """Rules that need not be embedded again; those of the base are looked up once."""
        if self._base_known[0] is not state.base:
            self._base_known = state.base, state.base.known()
        known = self._base_known[1]
        return known if state.changed is None else known | state.changed.known()

    def _part(
        self,
        columns: LocationColumns,
        version: int,
        known: Known,
        *,
        progress: bool,
    ) -> _Part:
        catalog = Catalog(columns, version)
        profiles = Profiles.build(
            catalog.profiles,
            self.encoder,
            background_for(self.encoder) if known.background is None else known.background,
            known=known,
            parameters=self._parameters,
            progress=progress,
        )
        return _Part(catalog, profiles, columns.dial_policy == self.dial_policy)

    def lint(
        self,
        locations: Iterable[Location] | LocationColumns | None = None,
        *,
        progress: bool = False,
    ) -> LintReport:
        """Measure the wording of rules: which callers cannot tell apart, or cannot reach at all.

        Embeds each distinct text once and costs as much as there are distinct rule tables,
        however many locations share them. Publishes nothing.

        Args:
            locations: what might be published; None for the current catalog.
            progress: show a progress bar on stderr where embedding takes longer than a second.

        Raises:
            InvalidValueError: as the constructor.
            EncoderError: the encoder failed.
        """
        from routing_engine.quality.lint import lint_columns

        state = self._state
        return lint_columns(
            state.columns() if locations is None else _columns(locations),
            self.encoder,
            state.base.profiles.background,
            self._parameters,
            policy=self.policy,
            progress=progress,
        )

    def open_call(
        self,
        location_id: str,
        *,
        caller_id: str | Caller | None = None,
        policy: CallPolicy | None = None,
        now: datetime | None = None,
    ) -> Call:
        """A live conversation with a caller of a location.

        Args:
            location_id: who was called.
            caller_id: the caller's own number, as :meth:`Caller.reported
                <routing_engine.model.caller.Caller.reported>` reads it: what cannot be read is an
                unknown number. Or a ``Caller``, with what else the network says; None where it
                says nothing.
            policy: when a call that no rule takes goes to a person.
            now: when the call began; None for the present moment.

        Raises:
            UnknownLocationError: no such location.
            InvalidValueError: the caller id is neither str nor ``Caller``, or the moment has no
                time zone.
        """
        from routing_engine.calls.call import Call, CallPolicy

        policy = CallPolicy() if policy is None else policy
        router = self._router(policy)
        return Call.open(router, location_id, caller_id=caller_id, policy=policy, now=now)

    def resume_call(self, record: str | bytes) -> Call:
        """A call of another process, from what its ``to_json`` gave; by the present catalog.

        Raises:
            UnknownLocationError: no such location.
            InvalidValueError: it is not such a record.
        """
        from routing_engine.calls.call import Call

        return Call.from_json(self._router, record)

    def skill(
        self,
        location_id: str,
        *,
        call: Call | None = None,
        secret: bytes | None = None,
        lifetime_s: float = 120.0,
    ) -> Skill:
        """The tool that a language-model agent calls mid-conversation.

        It is told what the caller said and answers what to do, what to say and an opaque id of
        whom to dial, which ``skill.resolve`` turns into a destination outside the model's sight.

        Args:
            location_id: who was called.
            call: the live call, whose gates and history then count.
            secret: what ids are signed with, at least 16 bytes, for processes that resolve each
                other's; None for one of this engine's own, drawn at random.
            lifetime_s: seconds for which an id holds, at most 3,600.

        Raises:
            UnknownLocationError: no such location.
            InvalidValueError: another location's call, a short secret, or no such lifetime.
        """
        from routing_engine.calls.skill import Skill

        return Skill(
            self,
            location_id,
            call=call,
            secret=self._secret if secret is None else secret,
            lifetime_s=lifetime_s,
        )

    def _router(self, policy: CallPolicy) -> Router:
        return _ForCalls(self, None if policy.catalog == "newest" else self._state)

    @property
    def catalog_version(self) -> int:
        """Version of the catalog that answers now."""
        return self._state.version

    @property
    def columns(self) -> LocationColumns:
        """The current catalog's locations as arrays."""
        return self._state.columns()

    def __len__(self) -> int:
        """Number of locations."""
        state = self._state
        n_changed = 0 if state.changed is None else len(state.changed.catalog)
        return len(state.base.catalog) - len(state.gone) + n_changed

    def __contains__(self, location_id: object) -> bool:
        return isinstance(location_id, str) and self._state.find(location_id)[1] >= 0

    def location(self, location_id: str) -> Location:
        """One location, as it was given.

        Raises:
            UnknownLocationError: no such location in the current catalog.
        """
        return self._state.location(location_id)

    def location_ids(self) -> tuple[str, ...]:
        """Ids of all locations, in the order they were given; changed ones come last."""
        return tuple(self._state.columns().ids)

    def route(
        self,
        location_id: str,
        utterance: str,
        *,
        verified: bool = False,
        confirmed: bool = False,
        deadline_s: float | None = None,
        history: Iterable[tuple[str, str]] = (),
        now: datetime | None = None,
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
            history: what was said before, oldest first: pairs of ``"agent"`` or ``"caller"``
                and words. What counts of it, :mod:`routing_engine.text.history` says.
            now: the instant for which business hours count, with a time zone; None for the
                present. A clock is read only where the location has hours.

        Raises:
            UnknownLocationError: no such location, and the engine has no default destination.
            InvalidValueError: the location id or the utterance is not a str, the history not
                such pairs, or ``now`` without a time zone.
        """
        query = self._prepare(
            self._state, location_id, utterance, verified, confirmed, history, now
        )
        return query if isinstance(query, Decision) else self._routed(query, deadline_s)

    def _routed(self, query: _Query, deadline_s: float | None = None) -> Decision:
        try:
            vector = self._batcher.encode(query.heard, deadline_s=deadline_s)
        except Exception as error:  # noqa: BLE001  a call must not be dropped
            return self._unanswered(query, error)
        return self._decide(query, vector)

    async def aroute(
        self,
        location_id: str,
        utterance: str,
        *,
        verified: bool = False,
        confirmed: bool = False,
        deadline_s: float | None = None,
        history: Iterable[tuple[str, str]] = (),
        now: datetime | None = None,
    ) -> Decision:
        """As :meth:`route`, without blocking the event loop; concurrent callers share batches."""
        query = self._prepare(
            self._state, location_id, utterance, verified, confirmed, history, now
        )
        if isinstance(query, Decision):
            return query
        try:
            vector = await self._batcher.aencode(query.heard, deadline_s=deadline_s)
        except Exception as error:  # noqa: BLE001  a call must not be dropped
            return self._unanswered(query, error)
        return self._decide(query, vector)

    def _prepare(
        self,
        state: _State,
        location_id: str,
        utterance: str,
        verified: bool = False,
        confirmed: bool = False,
        history: Iterable[tuple[str, str]] = (),
        now: datetime | None = None,
        *,
        any_hour: bool = False,
        terms: Terms = USUAL,
    ) -> Decision | _Query:
        """All that comes before encoding; a decision where nothing need be encoded.

        With ``any_hour`` every location counts as open.
        """
        if now is not None and (not isinstance(now, datetime) or now.utcoffset() is None):
            raise InvalidValueError(f"now is an aware datetime or None, not {now!r}")
        if not isinstance(utterance, str):
            raise InvalidValueError(f"an utterance is a str, not {type(utterance).__name__}")
        part, i = state.find(location_id)
        if i < 0:
            if self.default_destination is None:
                raise UnknownLocationError(location_id, state.version)
            return self._unknown(state, location_id)
        opening = _OPEN
        hours = part.catalog.hours(i)
        if hours is not None and not any_hour:
            try:
                opening = _opening(hours, now)
            except Exception as error:  # noqa: BLE001  a call must not be dropped
                return self._failed(state, part, i, location_id, error)
        said = _heard(utterance)
        table = part.catalog.table(i)
        if said is None or table.profile < 0:
            reason = Reason.EMPTY_UTTERANCE if said is None else Reason.NO_RULES
            return self._default(state, part, i, location_id, reason, opening)
        heard, whole = affirmed(said), said
        if history:
            heard = _heard(gist(history, said)) or said
            whole = f"{heard}\0{said}"
        key = b""
        if self._cache_size:
            flags = bool(verified) + 2 * bool(confirmed) + 4 * (part is state.changed)
            if terms is not USUAL:
                whole = f"{terms.odds}\0{terms.asks}\0{terms.chosen}\0{whole}"
            until = 0 if opening is _OPEN else _until(opening)
            key = RecentDecisions.key(i, whole, flags, until)
            decision = state.recent.get(key)
            if decision is not None:
                return decision
        return _Query(
            state, part, i, table, location_id, said, heard, verified, confirmed, opening, key,
            terms,
        )  # fmt: skip

    def route_many(
        self, queries: Iterable[tuple[str, str]], *, now: datetime | None = None
    ) -> list[Decision]:
        """Route many utterances, embedded in batches; all by one catalog version.

        Args:
            queries: pairs of location id and utterance.
            now: as for :meth:`route`.

        Returns:
            A decision a query, in order, as :meth:`route` would give.

        Raises:
            UnknownLocationError, InvalidValueError: as :meth:`route`; nothing is routed then.
        """
        return self._route_many(queries, now)

    def _route_many(
        self, queries: Iterable[tuple[str, str]], now: datetime | None, *, any_hour: bool = False
    ) -> list[Decision]:
        state = self._state
        prepared = [
            self._prepare(state, location_id, utterance, now=now, any_hour=any_hour)
            for location_id, utterance in queries
        ]
        heard = dict.fromkeys(item.heard for item in prepared if isinstance(item, _Query))
        vectors = self._vectors(list(heard))
        return [
            item if isinstance(item, Decision) else self._answer(item, vectors[item.heard])
            for item in prepared
        ]

    def _answer(self, query: _Query, vector: npt.NDArray[np.float32] | Exception) -> Decision:
        if isinstance(vector, Exception):
            return self._unanswered(query, vector)
        return self._decide(query, vector)

    def _vectors(self, texts: Sequence[str]) -> dict[str, npt.NDArray[np.float32] | Exception]:
        """The vector of each text, or what went wrong with that one."""
        try:
            return dict(zip(texts, encode_distinct(self.encoder, texts), strict=True))
        except Exception as error:  # noqa: BLE001  a call must not be dropped
            if len(texts) == 1:
                return {texts[0]: error}
            return {text: vector for one in texts for text, vector in self._vectors([one]).items()}

    def _decide(self, query: _Query, vector: npt.NDArray[np.float32]) -> Decision:
        state, part, i, table = query.state, query.part, query.location, query.table
        catalog, profiles = part.catalog, part.profiles
        try:
            layout = profiles.layouts[table.profile]
            similarities = profiles.index.similarities(table.profile, vector)
            codes = catalog.destinations(i)
            parameters = profiles.parameters
            heard = scoring.hear(vector, profiles.background, parameters)
            confidences = scoring.confidences(similarities, layout, heard, codes, parameters)
            spoken = None
            if table.identifier is not None:
                spoken = table.identifier.spoken(query.said)
                confidences = by_language(confidences, table.rules, codes, query.heard, spoken)
            terms = query.terms
            if terms.chosen is not None:
                confidences = [float(rule.label == terms.chosen) for rule in table.rules]
            own = catalog.threshold(i)
            if own is not None and terms is not USUAL:
                terms = terms._replace(odds=1.0)
            verdict = decide(
                confidences,
                table.rules,
                codes,
                policy=self.policy,
                threshold=self._threshold if own is None else own,
                open_now=query.opening.is_now,
                verified=query.verified,
                confirmed=query.confirmed,
                terms=terms,
            )
            if spoken is not None:
                verdict = _as_spoken(verdict, table.rules, spoken)
            outcome, reason, rule, _, threshold = verdict
            if outcome is Outcome.TRANSFER and rule is not None:
                destination = catalog.columns.decode(codes[rule])
                if not self._may_dial(part, destination):
                    outcome, reason = Outcome.DEFAULT, Reason.DESTINATION_REFUSED
            if outcome in _NOTHING_TO_DIAL:
                destination = None
            elif outcome is not Outcome.TRANSFER:
                destination = _otherwise(catalog, i, query.opening)
                if not self._may_dial(part, destination):
                    destination = None
                    if outcome is not Outcome.CLARIFY:
                        outcome, reason = Outcome.DEFAULT, Reason.DESTINATION_REFUSED
                elif outcome is Outcome.CLOSED and destination is not None:
                    outcome = Outcome.DEFAULT
                elif destination is None and outcome is Outcome.DEFAULT:
                    outcome = Outcome.CLOSED
        except Exception as error:  # noqa: BLE001  a call must not be dropped
            return self._unanswered(query, error)
        decision = Decision(
            outcome,
            reason,
            destination,
            query.location_id,
            state.version,
            max(confidences),
            threshold,
            _question(verdict, table.rules) if outcome in _ASKS else None,
            query.opening.next,
            rule,
            _Evidence(catalog.columns, i, table, layout, heard, confidences, similarities),
            not query.opening.is_now,
            verdict.rival,
        )
        if query.key:
            state.recent.put(query.key, decision)
        return decision

    def _unanswered(self, query: _Query, error: Exception) -> Decision:
        return self._failed(query.state, query.part, query.location, query.location_id, error)

    def _failed(
        self, state: _State, part: _Part, i: int, location_id: str, error: Exception
    ) -> Decision:
        """The default, at any hour: what failed may have been the one that takes the call."""
        if isinstance(error, OverloadedError):
            reason = Reason.OVERLOADED
        elif isinstance(error, DeadlineExceededError):
            reason = Reason.DEADLINE_EXCEEDED
        else:
            reason = Reason.ENGINE_DEGRADED
        # The type alone: a message may hold what the caller said.
        _logger.error("caller sent to the default, %s: %s", reason.value, type(error).__name__)
        return self._default(state, part, i, location_id, reason, _OPEN)

    def _may_dial(self, part: _Part, destination: Destination | None) -> bool:
        """Whether the dial policy allows it; there is nothing to refuse in none."""
        if part.is_checked or destination is None:
            return True
        try:
            return self.dial_policy.refusal(destination) is None
        except InvalidValueError:  # no such number: one that was never checked
            return False

    def _default(
        self,
        state: _State,
        part: _Part,
        i: int,
        location_id: str,
        reason: Reason,
        opening: _Opening,
    ) -> Decision:
        destination = _otherwise(part.catalog, i, opening)
        outcome = Outcome.CLOSED if destination is None else Outcome.DEFAULT
        reason = reason if opening.is_now else Reason.OUTSIDE_HOURS
        if not self._may_dial(part, destination):
            destination, reason = None, Reason.DESTINATION_REFUSED
        return Decision(
            outcome=outcome,
            reason=reason,
            destination=destination,
            location_id=location_id,
            catalog_version=state.version,
            next_opening=opening.next,
            _closed=not opening.is_now,
        )

    def _unknown(self, state: _State, location_id: str) -> Decision:
        return Decision(
            outcome=Outcome.DEFAULT,
            reason=Reason.UNKNOWN_LOCATION,
            destination=self.default_destination,
            location_id=location_id,
            catalog_version=state.version,
        )

    def __repr__(self) -> str:
        return f"<RoutingEngine: {len(self)} locations, catalog version {self.catalog_version}>"


class _ForCalls:
    """An engine as calls ask it: by one version of its catalog, or by None the newest."""

    def __init__(self, engine: RoutingEngine, state: _State | None) -> None:
        self._engine = engine
        self._kept = state

    @property
    def _state(self) -> _State:
        return self._engine._state if self._kept is None else self._kept

    @property
    def catalog_version(self) -> int:
        return self._state.version

    @property
    def dial_policy(self) -> DialPolicy:
        return self._engine.dial_policy

    def location(self, location_id: str) -> Location:
        return self._state.location(location_id)

    def route(
        self,
        location_id: str,
        utterance: str,
        *,
        verified: bool = False,
        confirmed: bool = False,
        history: Iterable[tuple[str, str]] = (),
        now: datetime | None = None,
        terms: Terms = USUAL,
    ) -> Decision:
        query = self._engine._prepare(
            self._state, location_id, utterance, verified, confirmed, history, now, terms=terms
        )
        return query if isinstance(query, Decision) else self._engine._routed(query)


def _columns(locations: Iterable[Location] | LocationColumns) -> LocationColumns:
    if isinstance(locations, LocationColumns):
        return locations
    return LocationColumns.from_locations(_checked(locations))


def _checked(locations: Iterable[Location]) -> Iterable[Location]:
    if not isinstance(locations, Iterable):
        raise InvalidValueError(f"locations cannot be a {type(locations).__name__}")
    return locations


def _opening(hours: BusinessHours, now: datetime | None) -> _Opening:
    at = datetime.now(UTC) if now is None else now
    return _OPEN if is_open(hours, at) else _Opening(False, next_opening(hours, at))


def _until(opening: _Opening) -> int:
    """A number for each time that a location is closed, and none of them 0."""
    return 1 if opening.next is None else 2 + int(opening.next.timestamp())


def _otherwise(catalog: Catalog, i: int, opening: _Opening) -> Destination | None:
    """Where a call goes that no rule takes."""
    code = catalog.default(i) if opening.is_now else catalog.after_hours(i)
    return catalog.columns.decode(code)


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


def _as_spoken(verdict: Verdict, rules: Sequence[RuleText], spoken: Spoken) -> Verdict:
    """The verdict, with the reason that the caller's language matched the rule, where it did."""
    if verdict.reason is not Reason.RULE_MATCHED or verdict.rule is None:
        return verdict
    if spoken.language not in rules[verdict.rule].languages:
        return verdict
    return verdict._replace(reason=Reason.LANGUAGE_MATCHED)


def _question(verdict: Verdict, rules: Sequence[RuleText]) -> str | None:
    outcome, _, rule, rival, _ = verdict
    if outcome is Outcome.CLARIFY and rule is not None and rival is not None:
        return f"Is this about {rules[rule].label} or {rules[rival].label}?"
    if outcome is Outcome.CONFIRM and rule is not None:
        return f"Shall I connect you with {rules[rule].label}?"
    return None
