"""Compile checked records into the columns of a catalog."""

from __future__ import annotations

import numpy as np

from routing_engine.catalog.columns import LocationColumns, SharedSettings, StringColumn
from routing_engine.sheets.drafts import Draft, Int32, Int64, Rules, Sites, first_values
from routing_engine.sheets.sequences import distinct_sequences

__all__ = ["compile_columns"]


def compile_columns(
    draft: Draft, sites: Sites, rules: Rules, names: Int64, defaults: Int64
) -> LocationColumns:
    """Compile the locations that are not left out, with their rules."""
    kept = np.flatnonzero(~draft.bad_location)
    n = len(kept)
    renumbered = np.full(len(draft.ids), -1, np.int64)
    renumbered[kept] = np.arange(n)
    rules = rules.take(np.flatnonzero(~draft.bad_location[rules.location]))
    counts = np.bincount(renumbered[rules.location], minlength=n)
    first_slot = np.zeros(n + 1, np.int64)
    np.cumsum(counts, out=first_slot[1:])
    table, firsts = distinct_sequences(rules.text, counts)
    tables = tuple(
        tuple(draft.texts[i] for i in rules.text[first_slot[f] : first_slot[f + 1]].tolist())
        for f in firsts.tolist()
    )

    def first_code(values: Int32) -> Int32:
        first = first_values(sites, values, len(draft.ids))[kept]
        return np.where(first < 0, np.int32(0), values[first]) if len(values) else values

    zone = first_code(sites.timezone).astype(np.int64)
    zoned = zone * len(draft.hours) + first_code(sites.hours)
    triple = zoned * len(draft.thresholds) + first_code(sites.threshold)
    _, first, group = np.unique(triple, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int32)
    rank[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    site_values = tuple(_site(draft, code) for code in triple[np.sort(first)].tolist())

    slots = np.flatnonzero(rules.chain)
    lengths = np.array([len(chain) for chain in draft.chains], np.int64)
    flat = np.array([code for chain in draft.chains for code in chain], np.uint64)
    chain_starts = np.cumsum(lengths) - lengths
    n_codes = lengths[rules.chain[slots]]
    offsets = np.zeros(len(slots) + 1, np.int64)
    np.cumsum(n_codes, out=offsets[1:])
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], n_codes)
    codes = flat[np.repeat(chain_starts[rules.chain[slots]], n_codes) + within]

    name_codes = [0 if i < 0 else int(sites.name[i]) for i in names[kept].tolist()]
    after_hours = first_values(sites, sites.after_hours, len(draft.ids))[kept]
    after_codes = np.zeros(n, np.uint64)
    after_codes[after_hours >= 0] = sites.after_hours[after_hours[after_hours >= 0]]
    lines = [draft.lines[i] or () for i in first_code(sites.lines).tolist()]
    return LocationColumns(
        ids=StringColumn.from_strings([draft.ids[i] for i in kept.tolist()]),
        names=StringColumn.from_strings([draft.names[code] or "" for code in name_codes]),
        site=rank[group],
        table=table,
        first_slot=first_slot,
        destinations=rules.destination,
        defaults=sites.default[defaults[kept]],
        after_hours=after_codes,
        fallback_slots=slots.astype(np.int64),
        fallback_offsets=offsets,
        fallback_codes=codes,
        sites=site_values,
        tables=tables,
        specials=tuple(draft.numbers.interned.specials),
        dial_policy=draft.policy,
        lines=StringColumn.from_strings([line for own in lines for line in own]),
        line_of=np.repeat(np.arange(n, dtype=np.int32), [len(own) for own in lines]),
    )


def _site(draft: Draft, code: int) -> SharedSettings:
    """Decode the time zone, hours and threshold that a location shares with others."""
    rest, threshold = divmod(code, len(draft.thresholds))
    zone, number = divmod(rest, len(draft.hours))
    timezone, hours = draft.timezones[zone] or None, draft.hours[number]
    if hours is not None:
        hours = hours.model_copy(update={"timezone": timezone})
    return SharedSettings(timezone, draft.thresholds[threshold], hours)
