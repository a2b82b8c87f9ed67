"""Group locations that every measurement treats alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from routing_engine.catalog.columns import Interner, LocationColumns

__all__ = ["MAX_NAMED", "MAX_PATTERNS", "Case", "cases", "places_of"]

MAX_PATTERNS = 8
"""Most patterns of shared phones of one table that are measured, most frequent first."""
MAX_NAMED = 3
"""Most locations that a finding names."""


@dataclass(frozen=True, slots=True)
class Case:
    """Locations that every measurement treats alike.

    Attributes:
        table: their rule table.
        places: a number a rule, equal where rules ring the same phone; None where left out.
        threshold: their own, or None.
        has_hours: whether they are closed at times.
        n_locations: how many.
        first: numbers of the first of them.
    """

    table: int
    places: tuple[int, ...] | None
    threshold: float | None
    has_hours: bool
    n_locations: int
    first: tuple[int, ...]


def cases(columns: LocationColumns) -> Iterator[Case]:
    """Group all locations that have rules."""
    kinds: Interner[tuple[float | None, bool]] = Interner()
    of_site = np.array(
        [kinds.add((site.threshold, site.hours is not None)) for site in columns.sites], np.int32
    )
    order = np.argsort(columns.table, kind="stable")
    sizes = np.bincount(columns.table, minlength=len(columns.tables)).tolist()
    ends = np.cumsum(np.array(sizes, np.int64))
    for table, end in enumerate(ends.tolist()):
        members = order[end - sizes[table] : end]
        n_rules = len(columns.tables[table])
        if not n_rules or not len(members):
            continue
        slots = columns.first_slot[members][:, None] + np.arange(n_rules)
        keys = np.concatenate(
            [places_of(columns.destinations[slots]), of_site[columns.site[members]][:, None]],
            axis=1,
        ).astype(np.int32)
        found, which, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
        which = which.reshape(-1)
        for rank, c in enumerate(np.argsort(-counts, kind="stable").tolist()):
            first = members[np.flatnonzero(which == c)[:MAX_NAMED]] if rank < MAX_PATTERNS else ()
            yield Case(
                table,
                tuple(found[c, :-1].tolist()) if rank < MAX_PATTERNS else None,
                *kinds.values[int(found[c, -1])],
                int(counts[c]),
                tuple(int(i) for i in first),
            )


def places_of(codes: npt.NDArray[np.uint64]) -> npt.NDArray[np.intp]:
    """Return for each rule the first that rings the same phone, ``(n, n_rules)``."""
    return np.stack(
        [(codes[:, : j + 1] == codes[:, j : j + 1]).argmax(axis=1) for j in range(codes.shape[1])],
        axis=1,
    )
