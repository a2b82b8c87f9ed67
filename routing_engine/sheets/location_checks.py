"""Check that the rows of a location agree, and that it has what it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from routing_engine.hours import odd_ranges
from routing_engine.reports import shown
from routing_engine.sheets.drafts import Draft, Int32, Int64, RowsOf, Sites, first_values

__all__ = ["check_sites", "warn_of_odd_hours"]


def _conflicts(
    draft: Draft, sites: Sites, values: npt.NDArray[Any], first: Int64, field: str,
    show: Callable[[Any], str],
) -> None:  # fmt: skip
    """Report rows whose value differs from the first row of their location."""
    at = np.flatnonzero((values > 0) & (sites.location >= 0))
    at = at[values[at] != values[first[sites.location[at]]]]
    is_name = field == "location_name"
    end = f"a location has one {'value of ' if field == 'lines' else ''}{field}"
    end = "the first is taken" if is_name else end

    def describe(i: int) -> tuple[str, str]:
        other = first[sites.location[at[i]]]
        here, there = show(values[at[i]]), show(values[other])
        return here, (
            f"{shown(here)} here and {shown(there)} in {draft.log.row_name(int(sites.row[other]))} for location "
            f"{shown(draft.ids[sites.location[at[i]]])}; {end}"
        )

    draft.log.add_rows(
        "warning" if is_name else "error", f"conflicting_{field}",
        sites.row[at].astype(np.int64), draft.header.name(field), describe,
    )  # fmt: skip
    if not is_name:
        draft.mark_bad(sites.location[at])


def check_sites(draft: Draft, sites: Sites, n: int) -> Int64:
    """Report rows of one location that disagree; return the row of its default destination."""
    first_name = first_values(sites, sites.name, n)
    _conflicts(draft, sites, sites.name, first_name, "location_name", lambda i: draft.names[i])
    first_zone = first_values(sites, sites.timezone, n)
    _conflicts(draft, sites, sites.timezone, first_zone, "timezone", lambda i: draft.timezones[i])
    first_hours = first_values(sites, sites.hours, n)
    _conflicts(
        draft, sites, sites.hours, first_hours, "business_hours", lambda i: str(draft.hours[i])
    )
    after_hours = first_values(sites, sites.after_hours, n)
    _check_hours(draft, sites, first_hours, first_zone, after_hours)
    _conflicts(draft,
        sites, sites.after_hours, after_hours, "after_hours",
        lambda code: str(draft.numbers.decode(int(code))),
    )  # fmt: skip
    first_threshold = first_values(sites, sites.threshold, n)
    _conflicts(draft,
        sites, sites.threshold, first_threshold, "location_threshold",
        lambda i: f"{draft.thresholds[i]:g}",
    )  # fmt: skip
    first_lines = first_values(sites, sites.lines, n)
    _conflicts(draft, sites, sites.lines, first_lines, "lines",
        lambda i: " | ".join(draft.lines[i] or ()),
    )  # fmt: skip
    _check_lines(draft, sites, first_lines)
    defaults = first_values(sites, sites.default, n)
    _conflicts(draft,
        sites, sites.default, defaults, "default_destination",
        lambda code: str(draft.numbers.decode(int(code))),
    )  # fmt: skip
    missing = (defaults < 0) & ~draft.bad_location
    at = np.flatnonzero(missing)
    first_row = np.zeros(n, np.int64)
    known = np.flatnonzero(sites.location >= 0)[::-1]
    first_row[sites.location[known]] = sites.row[known]
    headings = frozenset(draft.gathered.headings)

    def why(i: int) -> tuple[None, str]:
        message = f"is empty for location {shown(draft.ids[at[i]])}, which needs one"
        if int(first_row[at[i]]) in headings:
            message += "; if the row is a heading or a note, delete it"
        return None, message

    draft.log.add_rows(
        "error", "no_default_destination", first_row[at],
        draft.header.name("default_destination"), why,
    )  # fmt: skip
    draft.bad_location |= missing
    return defaults


def _check_lines(draft: Draft, sites: Sites, first: Int64) -> None:
    """Report lines of two locations: neither is loaded, since nobody knows whose they are."""
    owner: dict[str, int] = {}
    shared: list[tuple[int, str, int]] = []
    for location in np.flatnonzero(first >= 0).tolist():
        for line in draft.lines[sites.lines[first[location]]] or ():
            other = owner.setdefault(line, location)
            if other != location:
                shared.append((location, line, other))
    at = first[[location for location, _, _ in shared]]

    def describe(i: int) -> tuple[str, str]:
        location, line, other = shared[i]
        row = draft.log.row_name(int(sites.row[first[other]]))
        return line, (
            f"{shown(line)} belongs to location {shown(draft.ids[location])} here and to "
            f"{shown(draft.ids[other])} in {row}; a line belongs to one location"
        )

    draft.log.add_rows(
        "error", "shared_line", sites.row[at].astype(np.int64), draft.header.name("lines"), describe
    )
    for location, _, other in shared:
        draft.bad_location[[location, other]] = True


def _check_hours(draft: Draft, sites: Sites, hours: Int64, zones: Int64, numbers: Int64) -> None:
    """Report hours without a time zone, and after-hours numbers without hours."""
    at = np.flatnonzero((hours >= 0) & (zones < 0) & ~draft.bad_location)
    draft.log.add_rows(
        "error", "no_timezone", sites.row[hours[at]].astype(np.int64),
        draft.header.name("timezone"),
        lambda i: (
            None,
            f"is empty for location {shown(draft.ids[at[i]])}, which needs one for its hours",
        ),
    )  # fmt: skip
    draft.bad_location[at] = True
    lonely = np.flatnonzero((numbers >= 0) & (hours < 0) & ~draft.bad_location)
    draft.log.add_rows(
        "warning", "no_business_hours", sites.row[numbers[lonely]].astype(np.int64),
        draft.header.name("after_hours"),
        lambda i: (
            None,
            f"never rings: {shown(draft.ids[lonely[i]])} has no business hours and is always open",
        ),
    )  # fmt: skip


def warn_of_odd_hours(draft: Draft, hours: Int32, rows: Int32) -> None:
    """Warn of hours that may be mistyped; ``hours`` numbers those of each row."""
    rows_of: RowsOf | None = None
    for number, item in enumerate(draft.hours):
        odd = [] if item is None else odd_ranges(item.weekly)
        if not odd:
            continue
        rows_of = rows_of or RowsOf(hours, rows)
        message = f"open for more than 16 hours, or until the next day: {', '.join(odd[:3])}?"
        draft.log.add_rows(
            "warning", "odd_hours", rows_of.of(number), draft.header.name("business_hours"),
            lambda _, item=item, message=message: (str(item), message),  # type: ignore[misc]
        )  # fmt: skip
