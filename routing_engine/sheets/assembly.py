"""Turn the gathered cells of a sheet into checked locations.

What is wrong with a rule leaves out that rule, so that its callers reach the default; what is
wrong with a location itself (id, name, default, time zone, business hours, threshold, lines, too
many rules) leaves out the location. Everything is found before anything is decided, so one report names it all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from routing_engine.catalog.columns import LocationColumns
from routing_engine.model.destinations import DialPolicy
from routing_engine.sheets.compiled import compile_columns
from routing_engine.sheets.drafts import Draft, Int32, Rules, Sites, UInt64, first_values
from routing_engine.sheets.gathering import Gathered
from routing_engine.sheets.headers import LOCATION_FIELDS
from routing_engine.sheets.issues import IssueLog
from routing_engine.sheets.location_cells import (
    hours_reader,
    lines_reader,
    read_ids,
    read_name,
    read_threshold,
    read_timezone,
    read_values,
)
from routing_engine.sheets.location_checks import check_sites, warn_of_odd_hours
from routing_engine.sheets.number_cells import (
    columns_of_words,
    columns_without_numbers,
    read_chains,
    read_destinations,
    report_numbers,
)
from routing_engine.sheets.phones import REFUSED, WRONG
from routing_engine.sheets.rule_cells import BLANK, WRONG_TEXT, read_specs
from routing_engine.sheets.rule_checks import check_rules
from routing_engine.sheets.texts import Template

__all__ = ["assemble"]


@dataclass(frozen=True, slots=True)
class _RuleCells:
    """The cells of each rule, as codes; see :class:`Gathered`."""

    row: Int32
    id: Int32
    spec: Int32
    destination: UInt64
    extension: Int32
    fallback: Int32


def assemble(
    gathered: Gathered, log: IssueLog, *, template: Template, file: str, region: str | None,
    policy: DialPolicy, pbx: str | None = None, timezone: str | None = None,
) -> LocationColumns:  # fmt: skip
    """Check everything gathered and compile what is valid; the rest goes to the log."""
    rule: Any = gathered.rules.join
    cells = _RuleCells(**{name: rule(name) for name in _RuleCells.__dataclass_fields__})
    site: Any = gathered.sites.join
    site_cells: dict[str, UInt64] = {"default_destination": site("default")}
    after_hours: UInt64 = site("after_hours")
    if "after_hours" in gathered.header.fields:
        site_cells["after_hours"] = after_hours
    # Names and addresses are no numbers; parsing them all would take as long as the rest.
    wordy = (
        frozenset()
        if pbx is not None
        else columns_of_words(gathered, cells.spec, cells.destination, template)
    )
    to_parse = cells.destination
    if wordy:
        to_parse = to_parse[~np.isin(cells.spec, list(wordy))]
    draft = Draft.of(
        gathered,
        log,
        template,
        file,
        region,
        policy,
        [to_parse, *site_cells.values()],
        pbx,
    )
    sites, location_of_id = _read_sites(draft, site_cells, after_hours, timezone)
    rules = _read_rules(draft, cells, location_of_id, wordy)
    n = len(draft.ids)
    names = first_values(sites, sites.name, n)
    defaults = check_sites(draft, sites, n)
    order = np.argsort(rules.location, kind="stable")
    rules = rules.take(order[rules.location[order] >= 0])
    rules = check_rules(draft, rules, n)
    out = sites.location < 0
    out[~out] = draft.bad_location[sites.location[~out]]
    log.add_rows(
        "skipped", "location", np.unique(sites.row[out]).astype(np.int64), None,
        lambda _: (None, "row left out: its location has an error"),
    )  # fmt: skip
    return compile_columns(draft, sites, rules, names, defaults)


def _read_sites(
    draft: Draft, number_cells: dict[str, UInt64], after_hours: UInt64, timezone: str | None
) -> tuple[Sites, Int32]:
    """Read the location cells of every row.

    Returns:
        A record for each row, and the location number of each id code.
    """
    gathered = draft.gathered
    site: Any = gathered.sites.join
    rows: Int32 = site("row")
    id_codes: Int32 = site("id")
    location = read_ids(draft, id_codes, rows)
    location_of_id = np.full(len(gathered.ids.values), -1, np.int32)
    location_of_id[id_codes] = location
    draft.bad_location = np.zeros(len(draft.ids), bool)
    draft.names, names = read_values(
        draft, "location_name", gathered.names.values, site("name"), rows, read_name
    )
    draft.timezones, timezones = read_values(
        draft, "timezone", gathered.timezones.values, site("timezone"), rows, read_timezone
    )
    if timezone is not None:
        draft.timezones = (
            [*draft.timezones, timezone] if timezone not in draft.timezones else draft.timezones
        )
        timezones = np.where(timezones == 0, np.int32(draft.timezones.index(timezone)), timezones)
    draft.hours, hours = read_values(
        draft, "business_hours", gathered.hours.values, site("hours"), rows,
        hours_reader(draft.region),
    )  # fmt: skip
    warn_of_odd_hours(draft, hours, rows)
    draft.thresholds, thresholds = read_values(
        draft, "location_threshold", gathered.thresholds.values, site("threshold"), rows,
        read_threshold,
    )  # fmt: skip
    draft.lines, lines = read_values(
        draft, "lines", gathered.lines.values, site("lines"), rows, lines_reader(draft.region)
    )
    wrong = np.zeros(len(rows), bool)
    found = {"after_hours": after_hours}
    for field, at in number_cells.items():
        found[field], statuses = draft.numbers.find(at)
        column = draft.header.name(field)
        report_numbers(draft, at, statuses, rows, lambda _, column=column: column)  # type: ignore[misc]
        wrong |= (statuses == WRONG) | (statuses == REFUSED)
    for numbers in (names, timezones, hours, thresholds, lines):
        wrong |= numbers < 0
    draft.mark_bad(location[wrong])
    lost = [row for row, field in gathered.lost if field in LOCATION_FIELDS]
    draft.mark_bad(location[np.isin(rows, lost)])
    sites = Sites(
        rows, location, names, timezones, hours, thresholds, found["default_destination"],
        found["after_hours"], lines,
    )  # fmt: skip
    return sites, location_of_id


def _read_rules(
    draft: Draft, cells: _RuleCells, location_of_id: Int32, wordy: frozenset[int]
) -> Rules:
    """Read the rules; leave out those with an invalid cell."""
    rows = cells.row
    has_more = (cells.destination != 0) | (cells.extension != 0) | (cells.fallback != 0)
    left_out = columns_without_numbers(draft, cells.spec, cells.destination, wordy)
    text = read_specs(draft, cells.spec, rows, has_more, left_out)
    ignored = np.isin(cells.spec, list(left_out)) if left_out else np.zeros(len(rows), bool)
    destination, bad = read_destinations(
        draft, cells.spec, cells.destination, cells.extension, rows, ignored
    )
    chain, bad_chain = read_chains(draft, cells.fallback, rows)
    needed = np.array([t.action == "transfer" for t in draft.texts], bool)
    none = (text >= 0) & (cells.destination == 0)
    none[none] = needed[text[none]]
    draft.log.add_rows(
        "error", "no_destination", rows[none].astype(np.int64), draft.header.name("destination"),
        lambda _: (None, "is empty; a rule that transfers needs a destination"),
    )  # fmt: skip
    lost = [row for row, field in draft.gathered.lost if field and field not in LOCATION_FIELDS]
    wrong = (text == WRONG_TEXT) | bad | bad_chain | none | np.isin(rows, lost)
    location = location_of_id[cells.id]
    known = (text != BLANK) & (location >= 0)
    reported = wrong & known & ~ignored
    draft.skip_rules(rows[reported], location[reported])
    rules = Rules(rows, location, text, destination, chain)
    return rules.take(np.flatnonzero(known & ~wrong))
