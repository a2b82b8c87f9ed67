"""Find rules of a location that contradict, repeat or resemble each other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from routing_engine.catalog.columns import Interner
from routing_engine.model.rules import MAX_RULES
from routing_engine.reports import shown
from routing_engine.sheets.drafts import Draft, Int64, Mask, RowsOf, Rules
from routing_engine.sheets.sequences import distinct_sequences
from routing_engine.sheets.similar import similar_pairs

__all__ = ["check_rules"]


def check_rules(draft: Draft, rules: Rules, n: int) -> Rules:
    """Report repeated and contradictory rules, and return the others."""
    counts = np.bincount(rules.location, minlength=n)
    starts = np.cumsum(counts) - counts
    tables, firsts = distinct_sequences(rules.text, counts)
    whens: Interner[tuple[str, tuple[str, ...]]] = Interner()
    when_of = np.array(
        [whens.add((text.when.casefold(), text.languages)) for text in draft.texts], np.int32
    )
    members: RowsOf | None = None
    keep = np.ones(len(rules.row), bool)
    refused = np.zeros(len(rules.row), bool)
    similar: list[tuple[int, int, int]] = []
    for table, first in enumerate(firsts.tolist()):
        start = int(starts[first])
        texts = rules.text[start : start + int(counts[first])]
        same: dict[int, list[int]] = {}
        for position, when in enumerate(when_of[texts].tolist()):
            same.setdefault(when, []).append(position)
        if len(same) == len(texts):
            continue
        members = members or RowsOf(tables, np.arange(n, dtype=np.int32))
        locations = members.of(table)
        for group in same.values():
            if len(group) > 1:
                _check_same_when(draft, rules, starts[locations], group, keep, refused, similar)
    for slot, other, n_locations in similar:
        _warn_pair(draft, rules, slot, other, n_locations)
    bad = refused & ~draft.bad_location[rules.location]
    draft.skip_rules(rules.row[bad], rules.location[bad])
    rules = rules.take(np.flatnonzero(keep & ~refused))
    _warn_of_similar(draft, rules, n)
    _refuse_too_many(draft, rules, n)
    return rules


def _refuse_too_many(draft: Draft, rules: Rules, n: int) -> None:
    counts = np.bincount(rules.location, minlength=n)
    for i in np.flatnonzero(counts > MAX_RULES).tolist():
        first = np.searchsorted(rules.location, i)
        draft.log.add(
            "error", "too_many_rules",
            f"location {shown(draft.ids[i])} has {counts[i]} rules; at most {MAX_RULES}",
            row=int(rules.row[first]), file=draft.file,
        )  # fmt: skip
        draft.bad_location[i] = True


def _check_same_when(
    draft: Draft, rules: Rules, starts: Int64, group: list[int], keep: Mask, refused: Mask,
    similar: list[tuple[int, int, int]],
) -> None:  # fmt: skip
    """Check rules with the same ``when``, at the same positions in each of these locations."""
    actions = [draft.texts[rules.text[starts[0] + position]].action for position in group]
    slots = np.stack([starts + position for position in group])
    destinations = rules.destination[slots]
    contradicts = destinations != destinations[0]
    contradicts |= np.array([action != actions[0] for action in actions])[:, None]
    for i in range(1, len(group)):
        at = slots[i][contradicts[i]]
        others = slots[0][contradicts[i]]
        column = draft.when_column(int(rules.text[slots[i][0]]))

        def describe(j: int, at: Int64 = at, others: Int64 = others) -> tuple[str, str]:
            text = draft.texts[rules.text[at[j]]]
            return text.when, (
                f"same 'when' as {draft.place(rules, int(others[j]))} of location "
                f"{shown(draft.ids[rules.location[at[j]]])} and another destination: "
                f"{shown(text.when)}"
            )

        draft.log.add_rows(
            "error", "contradicting_rules", rules.row[at].astype(np.int64), column, describe
        )
    refused[slots[:, contradicts.any(axis=0)]] = True
    for i in range(1, len(group)):
        repeats = np.zeros(len(starts), bool)
        for j in range(i):
            repeats |= (
                (rules.text[slots[i]] == rules.text[slots[j]])
                & (destinations[i] == destinations[j])
                & (rules.chain[slots[i]] == rules.chain[slots[j]])
            )
        at = slots[i][repeats]
        keep[at] = False
        draft.log.add_rows(
            "warning", "repeated_rule", rules.row[at].astype(np.int64), None,
            lambda k, at=at: (  # type: ignore[misc]
                None,
                (f"repeats a rule of location {shown(draft.ids[rules.location[at[k]]])}: "
                f"{shown(draft.texts[rules.text[at[k]]].label)}; dropped"),
            ),
        )  # fmt: skip
        alike = np.flatnonzero(~repeats & ~contradicts[i])
        if len(alike):
            slot = int(slots[i][alike[0]])
            similar.append((slot, int(slots[0][alike[0]]), len(alike)))


def _warn_of_similar(draft: Draft, rules: Rules, n: int) -> None:
    """Warn of rules that say nearly the same, once for each distinct table."""
    counts = np.bincount(rules.location, minlength=n)
    starts = np.cumsum(counts) - counts
    tables, firsts = distinct_sequences(rules.text, counts)
    n_locations = np.bincount(tables, minlength=len(firsts))
    sequences = (
        rules.text[starts[first] : starts[first] + counts[first]].tolist()
        for first in firsts.tolist()
    )
    found: Iterator[tuple[int, int, int]] = similar_pairs(
        [text.when for text in draft.texts], sequences
    )
    for table, first_rule, second_rule in found:
        start = int(starts[firsts[table]])
        _warn_pair(draft, rules, start + second_rule, start + first_rule, int(n_locations[table]))


def _warn_pair(draft: Draft, rules: Rules, slot: int, other: int, n_locations: int) -> None:
    more = f" and {n_locations - 1:,} more like it" if n_locations > 1 else ""
    here, there = (draft.texts[rules.text[at]].when for at in (slot, other))
    draft.log.add(
        "warning", "similar_rules",
        f"{shown(here)} is nearly the same as {shown(there)} in {draft.place(rules, other)} "
        f"(location {shown(draft.ids[rules.location[slot]])}{more})",
        row=int(rules.row[slot]), column=draft.when_column(int(rules.text[slot])), value=here, file=draft.file,
    )  # fmt: skip
