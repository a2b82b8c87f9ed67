"""State of one catalog version, behind one reference."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from routing_engine.catalog.columns import LocationColumns
from routing_engine.catalog.lookup import Catalog
from routing_engine.deciding.cache import ScoreCache
from routing_engine.errors import InvalidValueError, UnknownLocationError
from routing_engine.hours import is_open, next_opening
from routing_engine.matching.profiles import EmbeddedRules, Profiles
from routing_engine.model.destinations import Destination, DialPolicies, policy_for
from routing_engine.model.rules import Location, RoutingPolicy

__all__ = ["OPEN", "CatalogEntry", "GateSettings", "Opening", "Part", "State"]


class Opening(NamedTuple):
    """Whether a location is open, and if not, when it opens."""

    is_now: bool
    next: datetime | None


OPEN = Opening(True, None)


class GateSettings(NamedTuple):
    """Options of the engine that the gates use.

    Attributes:
        policy: margin, and what to do about ambiguity.
        threshold: least confidence where neither the location nor the rule sets its own.
        dial_policy: which destinations may be dialled; None where all have passed it already.
        default_destination: where calls of unknown locations go.
    """

    policy: RoutingPolicy
    threshold: float
    dial_policy: DialPolicies | None
    default_destination: Destination | None


class CatalogEntry(NamedTuple):
    """One location in one catalog version.

    Attributes:
        catalog: that holds it.
        number: of the location there; -1 where it is unknown.
        location_id: as it was asked for.
        version: catalog version.
        settings: of the engine.
    """

    catalog: Catalog
    number: int
    location_id: str
    version: int
    settings: GateSettings

    @property
    def is_known(self) -> bool:
        """Whether the catalog has this location."""
        return self.number >= 0

    @property
    def has_hours(self) -> bool:
        """Whether the answer depends on the hour."""
        return self.number >= 0 and self.catalog.hours(self.number) is not None

    def opening(self, now: datetime | None) -> Opening:
        """Return whether the location is open; at None it counts as open."""
        if now is None or self.number < 0:
            return OPEN
        hours = self.catalog.hours(self.number)
        if hours is None or is_open(hours, now):
            return OPEN
        return Opening(False, next_opening(hours, now))

    def unmatched(self, *, is_open_now: bool) -> Destination | None:
        """Return where an unmatched caller goes; None for nowhere."""
        if self.number < 0:
            return self.settings.default_destination
        catalog = self.catalog
        code = catalog.default(self.number) if is_open_now else catalog.after_hours(self.number)
        return catalog.columns.decode(code)

    def may_dial(self, destination: Destination) -> bool:
        """Return whether the dial policy allows a destination."""
        policy = self.settings.dial_policy
        if policy is None:
            return True
        try:
            return policy_for(policy, self.location_id).refusal(destination) is None
        except InvalidValueError:  # no such number: one that was never checked
            return False


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Locations of one build: all, or those changed since.

    Attributes:
        catalog: the locations.
        profiles: their rules, embedded and indexed.
        settings: what the gates read; without a dial policy where every destination has passed it.
    """

    catalog: Catalog
    profiles: Profiles
    settings: GateSettings

    def embedded_rules(self) -> EmbeddedRules:
        """Return the embedded rules, for reuse."""
        return EmbeddedRules((self.catalog.profiles, self.profiles))


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Everything one catalog version needs, behind one reference.

    Attributes:
        version: catalog version.
        base: the locations of the last full build.
        changed: those that were added or changed since, or None; they stand before the base's.
        gone: numbers of the base's locations that count no more: removed, or in ``changed``.
        scores: cached :class:`~routing_engine.deciding.scored.Scored` of this version.
    """

    version: int
    base: Part
    changed: Part | None
    gone: frozenset[int]
    scores: ScoreCache[Any]

    def __len__(self) -> int:
        """Number of locations."""
        n_changed = 0 if self.changed is None else len(self.changed.catalog)
        return len(self.base.catalog) - len(self.gone) + n_changed

    def find(self, location_id: str) -> tuple[Part, int]:
        """Return the part that holds a location, and its number there; -1 if there is none."""
        if self.changed is not None:
            i = self.changed.catalog.find(location_id)
            if i >= 0:
                return self.changed, i
        i = self.base.catalog.find(location_id)
        if i in self.gone:
            i = -1
        return self.base, i

    def find_line(self, line: str) -> tuple[Part, int]:
        """Return the part with the location that has a line, and its number; -1 for none."""
        if self.changed is not None:
            i = self.changed.catalog.find_line(line)
            if i >= 0:
                return self.changed, i
        i = self.base.catalog.find_line(line)
        return self.base, -1 if i in self.gone else i

    def location_of_line(self, line: str | None) -> Location | None:
        """Return the location that has a line; None where none has."""
        if line is None:
            return None
        part, i = self.find_line(line)
        return None if i < 0 else part.catalog.columns.location(i)

    def entry(self, location_id: str) -> tuple[CatalogEntry, Part]:
        """Return a location and the part that it is in.

        Raises:
            UnknownLocationError: no such location, and the engine has no default destination.
        """
        part, i = self.find(location_id)
        if i < 0 and part.settings.default_destination is None:
            raise UnknownLocationError(location_id, self.version)
        return CatalogEntry(part.catalog, i, location_id, self.version, part.settings), part

    def location(self, location_id: str) -> Location:
        """Return one location as a model.

        Raises:
            UnknownLocationError: no such location.
        """
        part, i = self.find(location_id)
        if i < 0:
            raise UnknownLocationError(location_id, self.version)
        return part.catalog.columns.location(i)

    def labels(self, location_id: str) -> frozenset[str] | None:
        """Return the labels of a location's rules; None if there is no such location."""
        part, i = self.find(location_id)
        if i < 0:
            return None
        rules = part.catalog.tables[part.catalog.columns.table[i]].rules
        return frozenset(rule.label for rule in rules)

    def columns(self) -> LocationColumns:
        """Return all locations as arrays, changes merged."""
        base = self.base.catalog.columns
        if self.changed is None and not self.gone:
            return base
        merged = base.without(self.gone)
        if self.changed is not None:
            merged = merged.joined(self.changed.catalog.columns)
        return merged.pruned()
