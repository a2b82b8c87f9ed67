"""Build the states of an engine: the first, a replacement, or one with some changes."""

from __future__ import annotations

from collections.abc import Iterable

from routing_engine.catalog.columns import LocationColumns
from routing_engine.catalog.lookup import Catalog, line_problem
from routing_engine.deciding.cache import ScoreCache
from routing_engine.deciding.options import EngineOptions
from routing_engine.deciding.state import GateSettings, Part, State
from routing_engine.encoders.background import Background
from routing_engine.errors import InvalidValueError, UnknownLocationError
from routing_engine.matching.parameters import Parameters
from routing_engine.matching.profiles import EmbeddedRules, Profiles, background_for
from routing_engine.matching.scoring import least_confidence

__all__ = ["MAX_CHANGED", "StateBuilder", "removed_ids"]

MAX_CHANGED = 1000
"""Most locations changed by ``RoutingEngine.apply`` before they are merged."""


def removed_ids(remove: Iterable[str], changes: LocationColumns) -> set[str]:
    """Check the ids of locations to remove, and return them.

    Args:
        remove: the ids.
        changes: locations that are changed at the same time.

    Raises:
        InvalidValueError: no ids, or one that is changed as well.
    """
    if isinstance(remove, (str, bytes)) or not isinstance(remove, Iterable):
        raise InvalidValueError(
            f"remove must be an iterable of location ids, not a {type(remove).__name__}"
        )
    removed = set(remove)
    if not all(isinstance(location_id, str) for location_id in removed):
        raise InvalidValueError("remove must hold location ids, each a str")
    both = sorted(removed & set(changes.ids))
    if both:
        raise InvalidValueError(f"both changed and removed: {both[:5]}; name each location once")
    return removed


class StateBuilder:
    """Build the states of one engine. Not thread-safe: one writer at a time.

    Args:
        options: of the engine.
        parameters: weights of the logit.

    Attributes:
        parameters: weights of the logit.
        threshold: least confidence where neither the location nor the rule sets its own.
    """

    def __init__(self, options: EngineOptions, parameters: Parameters) -> None:
        self._options = options
        self.parameters = parameters
        self.threshold = least_confidence(options.policy, parameters)
        self._embedded: tuple[Part | None, EmbeddedRules] = (None, EmbeddedRules())

    def build(
        self,
        columns: LocationColumns,
        version: int,
        *,
        embedded: EmbeddedRules | None = None,
        background: Background | None = None,
        progress: bool = False,
    ) -> State:
        """Build the first state, from locations.

        Args:
            columns: the locations.
            version: catalog version.
            embedded: rules that need not be embedded again; None for none.
            background: of the encoder; None for that of ``embedded``, or the encoder's own.
            progress: show a progress bar on stderr where embedding takes longer than a second.
        """
        known = EmbeddedRules() if embedded is None else embedded
        part = self._part(columns, version, known, background, progress=progress)
        return self._whole(part, version)

    def replaced(self, state: State, columns: LocationColumns, *, progress: bool) -> State:
        """Build the next version from other locations, reusing embedded rules."""
        embedded = self._embedded_rules(state)
        return self.build(columns, state.version + 1, embedded=embedded, progress=progress)

    def opened(self, catalog: Catalog, profiles: Profiles) -> State:
        """Build a state from a catalog that was built with the same encoder and parameters."""
        return self._whole(
            Part(catalog, profiles, self._settings(catalog.columns)), catalog.version
        )

    def merged(self, state: State) -> State:
        """Merge the changes of a state into its base: same locations, same version."""
        return self.build(state.columns(), state.version, embedded=self._embedded_rules(state))

    def applied(self, state: State, columns: LocationColumns, removed: set[str]) -> State:
        """Build the next version with some locations changed, added or removed.

        Args:
            state: the present version.
            columns: locations that are added, or replace those of the same id.
            removed: ids of locations that are taken out.

        Raises:
            UnknownLocationError: a location to remove is not there.
            InvalidValueError: two locations would have one line.
        """
        new = set(columns.ids)
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
        version, embedded = state.version + 1, self._embedded_rules(state)
        if max(len(columns), len(gone)) > MAX_CHANGED:
            kept = state.base.catalog.columns.without(frozenset(gone))
            return self.build(kept.joined(columns).pruned(), version, embedded=embedded)
        _refuse_shared_lines(state.base.catalog, columns, gone)
        changed = self._part(columns, version, embedded, None, progress=False)
        return State(
            version,
            state.base,
            changed if len(columns) else None,
            frozenset(gone),
            ScoreCache(self._options.cache_size),
        )

    def _whole(self, part: Part, version: int) -> State:
        return State(version, part, None, frozenset(), ScoreCache(self._options.cache_size))

    def _embedded_rules(self, state: State) -> EmbeddedRules:
        """Return embedded rules to reuse; those of the base are looked up once."""
        if self._embedded[0] is not state.base:
            self._embedded = state.base, state.base.embedded_rules()
        embedded = self._embedded[1]
        return embedded if state.changed is None else embedded | state.changed.embedded_rules()

    def _part(
        self,
        columns: LocationColumns,
        version: int,
        embedded: EmbeddedRules,
        background: Background | None,
        *,
        progress: bool,
    ) -> Part:
        catalog = Catalog(columns, version)
        encoder = self._options.encoder
        if background is None:
            background = embedded.background
        if background is None:
            background = background_for(encoder)
        profiles = Profiles.build(
            catalog.profiles,
            encoder,
            background,
            known=embedded,
            parameters=self.parameters,
            progress=progress,
        )
        return Part(catalog, profiles, self._settings(columns))

    def _settings(self, columns: LocationColumns) -> GateSettings:
        options = self._options
        is_checked = columns.dial_policy == options.dial_policy
        return GateSettings(
            options.policy,
            self.threshold,
            None if is_checked else options.dial_policy,
            options.default_destination,
        )


def _refuse_shared_lines(base: Catalog, columns: LocationColumns, gone: set[int]) -> None:
    """Refuse changed locations that have a line of one that stays as it is."""
    problems = []
    for line, number in zip(columns.lines, columns.line_of.tolist(), strict=True):
        other = base.find_line(line)
        if other >= 0 and other not in gone:
            problems.append(line_problem(line, base.columns.ids[other], columns.ids[number]))
    if problems:
        raise InvalidValueError(what="list of locations", problems=problems)
