"""The engine: build, load, save, route, replace."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from routing_engine.catalog.columns import LocationColumns
from routing_engine.catalog.snapshot import Snapshot, load_snapshot, save_snapshot
from routing_engine.deciding.building import StateBuilder, removed_ids
from routing_engine.deciding.options import EngineOptions
from routing_engine.deciding.router import CallRouter, Router
from routing_engine.deciding.scored import read
from routing_engine.encoders import Encoder
from routing_engine.errors import (
    EncoderError,
    InvalidValueError,
    SnapshotError,
    UnknownLocationError,
    mask,
)
from routing_engine.matching.parameters import PARAMETERS, Parameters
from routing_engine.matching.scoring import least_confidence
from routing_engine.model.called import called_line
from routing_engine.model.decisions import Decision
from routing_engine.model.destinations import (
    DEFAULT_DIAL_POLICY,
    Destination,
    DialPolicies,
    DialPolicy,
)
from routing_engine.model.outcomes import Reason
from routing_engine.model.parties import Parties
from routing_engine.model.rules import Location, RoutingPolicy, RuleText
from routing_engine.validation import flag

if TYPE_CHECKING:
    import pandas as pd

    from routing_engine.calls.call import Call, CallPolicy
    from routing_engine.calls.skill import Skill
    from routing_engine.catalog.following import Feed, Following, Publisher
    from routing_engine.deciding.state import State
    from routing_engine.model.caller import Caller
    from routing_engine.quality.cases import Case, CaseSource
    from routing_engine.quality.comparing import Comparison
    from routing_engine.quality.evaluation import Answer, Evaluation
    from routing_engine.quality.fitting import Fitting
    from routing_engine.quality.learning import Learning
    from routing_engine.quality.lint import LintReport
    from routing_engine.quality.recorded import CallSource
    from routing_engine.quality.suggesting import Source, Suggestions
    from routing_engine.reports import ImportReport
    from routing_engine.sheets import Sheet

__all__ = ["RoutingEngine"]


class RoutingEngine:
    """Decides to which destination a call goes, from its location and the caller's words.

    Thread-safe: any number of threads may route while one replaces the catalog.

    Args:
        locations: the locations to answer for.
        encoder: what embeds rules and utterances; None for the packaged default model, compiled
            on first use.
        policy: thresholds; None for the calibrated ones.
        default_destination: where calls of unknown locations go; None makes them an error.
        dial_policy: which destinations may be dialled; asked again of every one, whoever checked
            it before by another policy. A function of a location's id gives each location its own.
        cache_size: utterances whose scores are kept for exact repeats; 0 for none.
        max_waiting: utterances that may wait for the encoder; one more is sent to the default
            with ``Reason.OVERLOADED``.
        progress: show a progress bar on stderr where embedding takes longer than a second.

    Raises:
        InvalidValueError: two locations with the same id or line, or an argument of another type.
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
        dial_policy: DialPolicies = DEFAULT_DIAL_POLICY,
        cache_size: int = 4096,
        max_waiting: int = 1024,
        progress: bool = False,
    ) -> None:
        columns = _columns(locations)
        options = EngineOptions.of(
            encoder, policy, default_destination, dial_policy, cache_size, max_waiting
        )
        self._configure(options, PARAMETERS)
        self._state: State = self._builder.build(columns, 1, progress=progress)

    def _configure(self, options: EngineOptions, parameters: Parameters) -> None:
        """Set up everything but the state."""
        self.encoder = options.encoder
        self.policy = options.policy
        self.default_destination = options.default_destination
        self.dial_policy = options.dial_policy
        self.import_report: ImportReport | None = None
        self._options = options
        self._router = Router(options)
        self._builder = StateBuilder(options, parameters)
        self._writing = threading.Lock()
        self._secret = secrets.token_bytes(32)

    @classmethod
    def from_csv(
        cls,
        path: str | os.PathLike[str],
        *,
        region: str | None = "US",
        dial_policy: DialPolicy = DEFAULT_DIAL_POLICY,
        template: str | os.PathLike[str] | Sequence[RuleText] | None = None,
        on_error: Literal["raise", "skip"] = "raise",
        columns: Mapping[str, str] | None = None,
        pbx: str | None = None,
        timezone: str | None = None,
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
            columns: what headers of the sheet mean: ``{"Filiale": "location_id"}``; or ``"ignore"``,
                or ``"rule"`` for a rule of the wide layout.
            pbx: SIP host whose extensions cells of 3 to 5 digits are.
            timezone: IANA zone of locations that name none.
            encoder, policy, default_destination, cache_size, max_waiting, progress: as for the
                constructor.

        Returns:
            An engine; its ``import_report`` says what was read, repaired and left out.

        Raises:
            SheetError: with the full report, where anything is wrong and ``on_error="raise"``.
        """
        from routing_engine.sheets import read_sheet

        sheet = read_sheet(
            path, region=region, dial_policy=dial_policy, template=template, on_error=on_error,
            columns=columns, pbx=pbx, timezone=timezone,
        )  # fmt: skip
        options = EngineOptions.of(
            encoder, policy, default_destination, dial_policy, cache_size, max_waiting
        )
        return cls._from_sheet(sheet, options, progress=progress)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        region: str | None = "US",
        dial_policy: DialPolicy = DEFAULT_DIAL_POLICY,
        template: str | os.PathLike[str] | Sequence[RuleText] | None = None,
        on_error: Literal["raise", "skip"] = "raise",
        columns: Mapping[str, str] | None = None,
        pbx: str | None = None,
        timezone: str | None = None,
        encoder: Encoder | None = None,
        policy: RoutingPolicy | None = None,
        default_destination: str | Destination | None = None,
        cache_size: int = 4096,
        max_waiting: int = 1024,
        progress: bool = False,
    ) -> RoutingEngine:
        """Import a routing sheet that is a pandas DataFrame, embed its rules and index them.

        Columns, headers and checks are those of :meth:`from_csv`. A missing value is an empty
        cell; a number is read as a workbook's. The index is not read. The row that an issue
        names is the position in the frame + 2, as in the file that it would be written to.

        Args:
            frame: a routing sheet, long or wide.
            region, dial_policy, template, on_error, columns, pbx, timezone: as for
                :meth:`from_csv`.
            encoder, policy, default_destination, cache_size, max_waiting, progress: as for the
                constructor.

        Returns:
            An engine; its ``import_report`` says what was read, repaired and left out.

        Raises:
            SheetError: with the full report, where anything is wrong and ``on_error="raise"``.
            InvalidValueError: it is no DataFrame.
        """
        from routing_engine.sheets import read_sheet
        from routing_engine.sheets.frames import is_frame

        if not is_frame(frame):
            raise InvalidValueError(
                f"from_frame takes a pandas DataFrame, not a {type(frame).__name__}"
            )
        sheet = read_sheet(
            frame, region=region, dial_policy=dial_policy, template=template, on_error=on_error,
            columns=columns, pbx=pbx, timezone=timezone,
        )  # fmt: skip
        options = EngineOptions.of(
            encoder, policy, default_destination, dial_policy, cache_size, max_waiting
        )
        return cls._from_sheet(sheet, options, progress=progress)

    @classmethod
    def _from_sheet(cls, sheet: Sheet, options: EngineOptions, *, progress: bool) -> RoutingEngine:
        engine = cls.__new__(cls)
        engine._configure(options, PARAMETERS)
        engine._state = engine._builder.build(sheet.columns, 1, progress=progress)
        engine.import_report = sheet.report
        return engine

    def to_frame(self) -> pd.DataFrame:
        """Return all locations as a routing sheet in the long layout, one row per rule.

        A location without rules has one row. All columns are strings; what is empty is NA.
        :meth:`from_frame` gives back equal locations, but for rules that a location repeats
        exactly. To make a file for a spreadsheet, use
        :func:`routing_engine.sheets.write_sheet`, which guards against formulas.
        """
        from routing_engine.sheets.frames import frame_of

        return frame_of(self.columns)

    @classmethod
    def load(
        cls,
        directory: str | os.PathLike[str],
        *,
        encoder: Encoder | None = None,
        policy: RoutingPolicy | None = None,
        default_destination: str | Destination | None = None,
        dial_policy: DialPolicies = DEFAULT_DIAL_POLICY,
        cache_size: int = 4096,
        max_waiting: int = 1024,
        reembed: bool = False,
    ) -> RoutingEngine:
        """Load an engine from a snapshot.

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
        options = EngineOptions.of(
            encoder, policy, default_destination, dial_policy, cache_size, max_waiting
        )
        engine = cls.__new__(cls)
        if snapshot.encoder_fingerprint == options.encoder.fingerprint:
            engine._configure(options, snapshot.profiles.parameters)
            engine._state = engine._builder.opened(snapshot.catalog, snapshot.profiles)
        elif reembed:
            engine._configure(options, PARAMETERS)
            catalog = snapshot.catalog
            engine._state = engine._builder.build(catalog.columns, catalog.version)
        else:
            raise SnapshotError(
                f"{Path(directory)} was built with encoder {snapshot.encoder_fingerprint}, "
                f"this engine has {options.encoder.fingerprint}; load it with the same encoder, "
                "or with reembed=True"
            )
        return engine

    def save(self, directory: str | os.PathLike[str]) -> None:
        """Save the current catalog as a snapshot, atomically replacing one that exists.

        Raises:
            SnapshotError: the directory holds something else, or cannot be written.
        """
        state = self._state
        if state.base.catalog.version != state.version:
            with self._writing:
                state = self._state = self._builder.merged(self._state)
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
        """Replace all locations. Readers never wait, and see all of the change or none.

        Rules that the current catalog has already are not embedded again.

        Returns:
            The new catalog version.

        Raises:
            InvalidValueError: as the constructor; the current catalog stays.
        """
        columns = _columns(locations)
        with self._writing:
            self._state = self._builder.replaced(self._state, columns, progress=progress)
            return self._state.version

    def apply(
        self, changes: Iterable[Location] | LocationColumns, *, remove: Iterable[str] = ()
    ) -> int:
        """Add or change some locations and remove others, as atomically as :meth:`replace`.

        Costs as much as there are locations changed since the last full build, not as much as
        the catalog holds; only rules that are new are embedded, in one batch. Once more than
        1,000 have changed, they are merged into the catalog on the way.

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
        removed = removed_ids(remove, columns)
        with self._writing:
            self._state = self._builder.applied(self._state, columns, removed)
            return self._state.version

    def follow(self, feed: Feed | Publisher, *, since: int | None = None) -> Following:
        """Answer from what a store publishes, and stay up to date.

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
            raise InvalidValueError(
                f"expected a Feed or Publisher, such as a Store, got {type(feed).__name__}"
            )
        return following.Following(self, feed, since=since)

    def evaluate(self, cases: CaseSource) -> Evaluation:
        """Evaluate decisions on labelled calls, as if locations were open.

        Args:
            cases: the calls, or a file of them as :mod:`routing_engine.quality.cases` describes.

        Raises:
            InvalidValueError: there is none, or a location or label is not of this catalog; lists
                them all.
            EncoderError: the encoder failed.
        """
        from routing_engine.quality.cases import checked_cases
        from routing_engine.quality.evaluation import Evaluation

        answers = self._answers(checked_cases(cases, self._state.labels))
        return Evaluation.of(answers, threshold=self._builder.threshold)

    def _answers(self, cases: Sequence[Case]) -> list[Answer]:
        """Answer labelled calls as if locations were open.

        Raises:
            EncoderError: the encoder failed.
        """
        from routing_engine.quality.evaluation import Answer

        scored = self._router.score_many(
            self._state, [(case.location_id, case.text) for case in cases]
        )
        decisions = [self._router.gate(one, any_hour=True) for one in scored]
        n_failed = sum(decision.reason is Reason.ENGINE_DEGRADED for decision in decisions)
        if n_failed:
            raise EncoderError(f"{n_failed:,} of {len(cases):,} calls could not be answered")
        return [Answer.of(*pair) for pair in zip(cases, decisions, strict=True)]

    def learn(self, cases: CaseSource, *, per_rule: int = 8) -> Learning:
        """Choose examples for rules from labelled calls, and measure what they would gain.

        What callers of one location said counts for all locations whose rule has the same label
        and ``when``. Each call is asked with what the calls of other locations taught. Nothing is
        changed.

        Args:
            cases: as for :meth:`evaluate`.
            per_rule: at most so many examples for each rule, 1 to 64.

        Raises:
            InvalidValueError: as :meth:`evaluate`, or ``per_rule`` is out of range.
            EncoderError: the encoder failed.
        """
        from routing_engine.encoders import RememberingEncoder
        from routing_engine.quality.cases import checked_cases
        from routing_engine.quality.learning import learn
        from routing_engine.quality.suggesting import MAX_PER_RULE

        if type(per_rule) is not int or not 1 <= per_rule <= MAX_PER_RULE:
            raise InvalidValueError(
                f"per_rule is a whole number, 1 to {MAX_PER_RULE}, not {per_rule!r}"
            )
        state = self._state
        given = checked_cases(cases, state.labels)
        # Texts are embedded once, however often the locations are built anew.
        options = replace(self._options, encoder=RememberingEncoder(self.encoder), cache_size=0)

        def evaluate(locations: Sequence[Location], some: Sequence[Case]) -> list[Answer]:
            engine = type(self).__new__(type(self))
            engine._configure(options, self._builder.parameters)
            engine._state = engine._builder.build(
                _columns(locations), 1, background=state.base.profiles.background
            )
            return engine._answers(some)

        called = dict.fromkeys(case.location_id for case in given)
        return learn(
            given, [state.location(name) for name in called], evaluate=evaluate, per_rule=per_rule
        )

    def compare(
        self,
        other: RoutingEngine,
        calls: CallSource,
        *,
        threads: int | None = None,
        progress: bool = False,
    ) -> Comparison:
        """Say which calls would go elsewhere by another engine: a backtest of a change.

        Every location counts as open, and no caller as verified. Each distinct sentence is
        embedded once; nothing is kept of what was said.

        Args:
            other: the engine that may take this one's place.
            calls: pairs of location id and utterance, or :class:`~routing_engine.Case` where it
                is known which rule is right; or a file of them, CSV, XLSX, JSON lines or Parquet,
                as :mod:`routing_engine.quality.recorded` describes.
            threads: that embed at a time; None for one a core.
            progress: show a progress bar on stderr where it takes longer than a second.

        Raises:
            InvalidValueError: there is no call, or neither engine has a location or a label;
                lists all that is wrong.
            EncoderError: an encoder failed.
            MissingExtraError: Parquet, without the extra ``parquet``.
        """
        from routing_engine.quality import comparing
        from routing_engine.quality.recorded import recorded_calls

        if not isinstance(other, RoutingEngine):
            raise InvalidValueError(f"other must be a RoutingEngine, not a {type(other).__name__}")
        if threads is not None and (type(threads) is not int or threads < 1):
            raise InvalidValueError(f"threads must be an int of at least 1, not {threads!r}")
        # Of routers without a cache: what callers of now are answered from stays as it is.
        first, second = (
            comparing.Side(
                Router(replace(engine._options, cache_size=0)), engine._state, engine.encoder
            )
            for engine in (self, other)
        )
        given = recorded_calls(calls)
        return comparing.compare(given, first, second, threads=threads, progress=progress)

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
            [read(case.text) for case in given],
            [state.location(name) for name in dict.fromkeys(case.location_id for case in given)],
            encoder=self.encoder,
            background=state.base.profiles.background,
        )

        def build(parameters: Parameters | None) -> RoutingEngine:
            return self if parameters is None else self._fitted(state, parameters)

        return fitting.fit(
            calls, present=self._builder.parameters, policy=self.policy, build=build, seed=seed
        )

    def _fitted(self, state: State, parameters: Parameters) -> RoutingEngine:
        """Return an engine of the same locations with other scoring parameters."""
        policy = self.policy.model_copy(update={"threshold": None, "false_transfer_rate": None})
        engine = type(self).__new__(type(self))
        engine._configure(replace(self._options, policy=policy), parameters)
        engine.import_report = self.import_report
        engine._state = engine._builder.build(
            state.columns(), state.version + 1, background=state.base.profiles.background
        )
        return engine

    def lint(
        self,
        locations: Iterable[Location] | LocationColumns | None = None,
        *,
        progress: bool = False,
    ) -> LintReport:
        """Measure the wording of rules: which overlap, and which no caller can reach.

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
            self._builder.parameters,
            policy=self.policy,
            progress=progress,
        )

    def suggest(
        self, location_id: str, *, per_rule: int = 8, source: Source | None = None
    ) -> Suggestions:
        """Propose examples for the rules of a location. Nothing is changed or sent.

        They are what callers of other businesses said in the nearest situations. None is one
        that another rule of the location would take.

        Args:
            location_id: the location.
            per_rule: at most so many a rule, 1 to 64.
            source: where proposals come from; None for the typical calls that ship.

        Raises:
            UnknownLocationError: no such location in the current catalog.
            InvalidValueError: ``per_rule`` is out of range.
            EncoderError: the encoder failed.
        """
        from routing_engine.quality.suggesting import suggest

        state = self._state
        location = state.location(location_id)
        usual = least_confidence(self.policy, self._builder.parameters)
        return suggest(
            location.rules,
            self.encoder,
            state.base.profiles.background,
            self._builder.parameters,
            threshold=usual if location.threshold is None else location.threshold,
            per_rule=per_rule,
            source=source,
        )

    def open_call(
        self,
        location_id: str | None = None,
        *,
        caller_id: str | Caller | None = None,
        called: str | Destination | None = None,
        policy: CallPolicy | None = None,
        agent: bool = True,
        now: datetime | None = None,
    ) -> Call:
        """Open a live call at a location.

        Args:
            location_id: who was called; None for the location whose line ``called`` is, see
                :meth:`location_for`.
            caller_id: the caller's own number, as :meth:`Caller.reported
                <routing_engine.model.caller.Caller.reported>` reads it: what cannot be read is an
                unknown number. Or a ``Caller``, with what else the network says; None where it
                says nothing.
            called: the line that was called, as the platform reports it: a number, or a SIP URI or
                user. Neither it nor the caller's own number is dialled; its country is that of
                national numbers in ``caller_id``.
            policy: when a call that no rule takes goes to a person.
            agent: False where nobody talks with the caller who could ask: a PBX asks once. The
                words then decide as :meth:`route` does, what only an agent could ask (which of two
                rules, verification, confirmation) goes to the default, and ``transfer_failed``
                goes on along the chain.
            now: when the call began; None for the present moment.

        Raises:
            UnknownLocationError: no such location, or none has this line.
            InvalidValueError: the caller id is neither str nor ``Caller``, neither a location nor
                a line is given, or the moment has no time zone.
        """
        from routing_engine.calls.call import Call, CallPolicy

        policy = CallPolicy() if policy is None else policy
        if location_id is None:
            location_id = self._location_of(called)
        return Call.open(
            self._call_router(policy),
            location_id,
            caller_id=caller_id,
            called=called,
            policy=policy,
            agent=agent,
            now=now,
        )

    def _location_of(self, called: str | Destination | None) -> str:
        """Return the id of the location whose line was called."""
        if called is None:
            raise InvalidValueError(
                "an open call needs its location_id, or the line that was called"
            )
        line = str(called)
        location = self.location_for(line)
        if location is None:
            raise UnknownLocationError(f"with the line {mask(line)}", self.catalog_version)
        return location.location_id

    def resume_call(self, record: str | bytes) -> Call:
        """Resume a call of another process from its ``to_json``, on the current catalog.

        Raises:
            UnknownLocationError: no such location.
            InvalidValueError: it is not such a record.
        """
        from routing_engine.calls.call import Call

        return Call.from_json(self._call_router, record)

    def skill(
        self,
        location_id: str,
        *,
        call: Call | None = None,
        secret: bytes | None = None,
        lifetime_s: float = 120.0,
    ) -> Skill:
        """Return the tool that a language-model agent calls mid-conversation.

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

    def _call_router(self, policy: CallPolicy) -> CallRouter:
        state = self._state
        return CallRouter(
            self._router, (lambda: self._state) if policy.catalog == "newest" else lambda: state
        )

    @property
    def catalog_version(self) -> int:
        """Version of the catalog in use."""
        return self._state.version

    @property
    def columns(self) -> LocationColumns:
        """The current catalog's locations as arrays."""
        return self._state.columns()

    def __len__(self) -> int:
        """Number of locations."""
        return len(self._state)

    def __contains__(self, location_id: object) -> bool:
        return isinstance(location_id, str) and self._state.find(location_id)[1] >= 0

    def location(self, location_id: str) -> Location:
        """Return one location, as it was given.

        Raises:
            UnknownLocationError: no such location in the current catalog.
        """
        return self._state.location(location_id)

    def location_for(self, called: str, *, region: str | None = "US") -> Location | None:
        """Return the location whose line was called; None where no location has it.

        Takes microseconds, however many locations there are.

        Args:
            called: what the call server says was called: E.164 with or without its ``+``, a
                national number of ``region``, a SIP or tel URI (of which the user part counts),
                or a SIP user.
            region: ISO 3166-1 alpha-2 code whose national numbers are read; None for none.

        Raises:
            InvalidValueError: what was called is not a str.
        """
        return self._state.location_of_line(_line(called, region))

    def location_ids(self) -> tuple[str, ...]:
        """Return the ids of all locations in the order they were given; changed ones come last."""
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
        caller_id: str | Caller | None = None,
        called: str | Destination | None = None,
    ) -> Decision:
        """Decide where a caller who needs a person goes.

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
            caller_id, called: the caller's own number and the line that was called, as for
                :meth:`open_call`. Neither is dialled: the chain goes on, then the default, then
                nobody, with ``Reason.LOOP_AVOIDED``.

        Raises:
            UnknownLocationError: no such location, and the engine has no default destination.
            InvalidValueError: the location id or the utterance is not a str, the history not
                such pairs, ``now`` without a time zone, or ``verified``, ``confirmed``,
                ``caller_id`` or ``called`` of another type.
        """
        _check_moment(now)
        parties = Parties.of(caller_id, called)
        scored = self._router.score(
            self._state, location_id, utterance, history, deadline_s=deadline_s
        )
        return self._router.gate(
            scored,
            verified=flag("verified", verified),
            confirmed=flag("confirmed", confirmed),
            now=now,
            parties=parties,
        )

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
        caller_id: str | Caller | None = None,
        called: str | Destination | None = None,
    ) -> Decision:
        """As :meth:`route`, without blocking the event loop; concurrent callers share batches."""
        _check_moment(now)
        parties = Parties.of(caller_id, called)
        scored = await self._router.ascore(
            self._state, location_id, utterance, history, deadline_s=deadline_s
        )
        return self._router.gate(
            scored,
            verified=flag("verified", verified),
            confirmed=flag("confirmed", confirmed),
            now=now,
            parties=parties,
        )

    def route_many(
        self, queries: Iterable[tuple[str, str]], *, now: datetime | None = None
    ) -> list[Decision]:
        """Route many utterances, embedded in batches, on one catalog version.

        Args:
            queries: pairs of location id and utterance.
            now: as for :meth:`route`.

        Returns:
            A decision a query, in order, as :meth:`route` would give.

        Raises:
            UnknownLocationError, InvalidValueError: as :meth:`route`; nothing is routed then.
        """
        _check_moment(now)
        scored = self._router.score_many(self._state, queries)
        return [self._router.gate(one, now=now) for one in scored]

    def route_frame(
        self,
        frame: pd.DataFrame,
        *,
        location: str = "location_id",
        utterance: str = "utterance",
        now: datetime | None = None,
        progress: bool = False,
    ) -> pd.DataFrame:
        """Route each row of a pandas DataFrame, embedded in batches, on one catalog version.

        Args:
            frame: a row a call.
            location: the column of location ids. A str is compared exactly; a number is read as
                :meth:`from_frame` reads it.
            utterance: the column of what callers said; a missing value is an empty utterance.
            now: as for :meth:`route`; one moment for all rows.
            progress: show a progress bar on stderr where it takes longer than a second.

        Returns:
            A frame with the index of the given one and the columns ``outcome`` and ``reason``
            (categories), ``rule`` (its label) and ``destination`` (what to dial; both strings,
            NA where there is none), ``confidence`` (float64, [0, 1]) and ``catalog_version``
            (int64). Each row is what :meth:`route` would decide.

        Raises:
            UnknownLocationError: a location is unknown or missing, and the engine has no default
                destination; nothing is routed then.
            InvalidValueError: it is no DataFrame, a column is missing, or ``now`` is without a
                time zone.
        """
        from routing_engine.frames import route_frame

        _check_moment(now)
        state, router = self._state, self._router
        return route_frame(
            frame,
            location=location,
            utterance=utterance,
            check=state.entry,
            route=lambda queries: [
                router.gate(one, now=now) for one in router.score_many(state, queries)
            ],
            progress=progress,
        )

    def __repr__(self) -> str:
        return f"<RoutingEngine: {len(self)} locations, catalog version {self.catalog_version}>"


def _columns(locations: Iterable[Location] | LocationColumns) -> LocationColumns:
    if isinstance(locations, LocationColumns):
        return locations
    if not isinstance(locations, Iterable):
        raise InvalidValueError(
            f"locations must be an iterable of Location, or LocationColumns, not "
            f"{type(locations).__name__}"
        )
    return LocationColumns.from_locations(locations)


def _line(called: str, region: str | None) -> str | None:
    """Return the line that was called, as catalogs have it."""
    if not isinstance(called, str):
        raise InvalidValueError(f"what was called is a str, not {type(called).__name__}")
    return called_line(called, region=region)


def _check_moment(now: datetime | None) -> None:
    if now is not None and (not isinstance(now, datetime) or now.utcoffset() is None):
        raise InvalidValueError(f"now is an aware datetime or None, not {now!r}")
