"""Read the number cells of rules: destinations, extensions and fallback chains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from routing_engine.catalog.columns import Interner
from routing_engine.errors import InvalidValueError
from routing_engine.model.destinations import MAX_WRITTEN_LENGTH, Destination
from routing_engine.model.written import fold, keys_of, look_alike
from routing_engine.reports import shown
from routing_engine.sheets.cells import text_of
from routing_engine.sheets.drafts import Draft, Int32, Mask, RowsOf, UInt64
from routing_engine.sheets.gathering import Gathered
from routing_engine.sheets.headers import header_key
from routing_engine.sheets.issues import listed
from routing_engine.sheets.phones import OK, REFUSED, REPAIRED, WRONG, looks_like_destination
from routing_engine.sheets.texts import Finding, Template

__all__ = [
    "columns_of_words",
    "columns_without_numbers",
    "read_chains",
    "read_destinations",
    "report_numbers",
]


def report_numbers(
    draft: Draft, cells: UInt64, statuses: npt.NDArray[np.uint8], rows: Int32,
    column: Callable[[int], str],
) -> None:  # fmt: skip
    """Report issues of number cells; ``column`` names the column of a record."""
    kinds: tuple[tuple[int, Any, str], ...] = (
        (WRONG, "error", "bad_destination"),
        (REFUSED, "error", "refused_destination"),
        (REPAIRED, "repair", "destination"),
    )
    for status, severity, code in kinds:
        at = np.flatnonzero(statuses == status)
        draft.log.add_rows(
            severity, code, rows[at].astype(np.int64),
            lambda i, at=at: column(int(at[i])),  # type: ignore[misc]
            lambda i, at=at: draft.numbers.why(int(cells[at[i]])),  # type: ignore[misc]
        )  # fmt: skip


def columns_of_words(
    gathered: Gathered, specs: Int32, cells: UInt64, template: Template
) -> frozenset[int]:
    """Find the wide columns in which no cell looks like a phone number.

    Columns that the template or a mapping names are none of them.
    """
    header = gathered.header
    found = []
    for i, position in enumerate(header.rules):
        if header_key(header.names[position]) in template or position in header.asked_for:
            continue
        codes = cells[specs == i]
        if len(codes) and not any(
            looks_like_destination(gathered.numbers.text(code)) for code in codes.tolist()
        ):
            found.append(i)
    return frozenset(found)


def columns_without_numbers(
    draft: Draft, specs: Int32, cells: UInt64, wordy: frozenset[int]
) -> frozenset[int]:
    """Find the wide columns that are not rules, because no cell holds a phone number.

    They are named in one warning, together with those whose header says as much.
    """
    ignored: set[int] = set()
    header = draft.header
    if header.layout == "long":
        return frozenset()
    _, statuses = draft.numbers.find(cells)
    fine = np.bincount(specs[statuses != WRONG], minlength=len(header.rules))
    left_out = [header.names[position] for position in header.left_out]
    n_rules = 0
    for i, position in enumerate(header.rules):
        found = cells[specs == i]
        name = header.names[position]
        is_asked_for = header_key(name) in draft.template or position in header.asked_for
        is_rule = fine[i] or is_asked_for or not _holds_other_things(draft, found)
        if i not in wordy and is_rule:
            n_rules += 1
            continue
        left_out.append(name)
        ignored.add(i)
    if left_out:
        draft.log.add(
            "warning", "left_out",
            f"not routing columns, left out: {listed(left_out, 40)}. To make one a rule, name it "
            "in a template (label, when) or map it to rule",
            row=header.row, file=draft.file,
        )  # fmt: skip
    if left_out and not n_rules:
        draft.log.add(
            "warning", "no_rules",
            "no column is a rule: every call goes to the default of its location",
            row=header.row, file=draft.file,
        )  # fmt: skip
    return frozenset(ignored)


def _holds_other_things(draft: Draft, cells: UInt64) -> bool:
    """Whether no distinct cell could be a mistyped phone number."""
    texts = [draft.gathered.numbers.text(code) for code in np.unique(cells).tolist()]
    return bool(texts) and not any(
        looks_like_destination(text)
        and look_alike(fold(text[:MAX_WRITTEN_LENGTH]).strip(), draft.region) is None
        for text in texts
    )


def read_destinations(
    draft: Draft, specs: Int32, cells: UInt64, extensions: Int32, rows: Int32, ignored: Mask
) -> tuple[UInt64, Mask]:
    """Read the destination code of each rule, and whether it is wrong."""
    codes, statuses = draft.numbers.find(cells)
    names = [draft.header.names[position] for position in draft.header.rules]
    long_name = draft.header.name("destination")

    def column(i: int) -> str:
        return names[specs[i]] if names else long_name

    report_numbers(draft, cells, np.where(ignored, np.uint8(OK), statuses), rows, column)
    bad = (statuses == WRONG) | (statuses == REFUSED)
    texts = [text_of(value) for value in draft.gathered.extensions.values]  # type: ignore[arg-type]
    made: dict[tuple[int, int], int | str] = {}
    failed: list[tuple[int, str, str]] = []
    for i in np.flatnonzero((extensions != 0) & ~bad).tolist():
        extension = texts[extensions[i]]
        if not extension:
            continue
        pair = int(codes[i]), int(extensions[i])
        if pair not in made:
            made[pair] = _extended(draft, pair[0], extension)
        result = made[pair]
        if isinstance(result, str):
            failed.append((i, extension, result))
        else:
            codes[i] = result
    at = np.array([i for i, _, _ in failed], np.int64)
    bad[at] = True
    draft.log.add_rows(
        "error", "bad_extension", rows[at].astype(np.int64), draft.header.name("extension"),
        lambda i: failed[i][1:],
    )  # fmt: skip
    return codes, bad


def _extended(draft: Draft, code: int, extension: str) -> int | str:
    """Return the code with an extension added, or why that is impossible."""
    if not code:
        return "an extension without a destination"
    base = draft.numbers.decode(code)
    if base.sip_uri is not None:
        return "a SIP destination has no extension"
    keys = keys_of(extension)
    if base.extension is not None and base.extension != keys:
        return f"{shown(extension)} is not the extension written with the number"
    try:
        return draft.numbers.interned.encode(Destination(base.number, keys))
    except InvalidValueError as error:
        return str(error)


def read_chains(draft: Draft, fallbacks: Int32, rows: Int32) -> tuple[Int32, Mask]:
    """Read the fallback chain of each rule (0 for none), and whether it is wrong."""
    chains: Interner[tuple[int, ...]] = Interner()
    chains.add(())
    numbers = np.zeros(len(draft.chain_cells), np.int32)
    column = draft.header.name("fallback")
    rows_of: RowsOf | None = None
    for i, cells in enumerate(draft.chain_cells):
        codes, statuses = draft.numbers.find(cells)
        for cell, status in zip(cells.tolist(), statuses.tolist(), strict=True):
            if status == OK:
                continue
            rows_of = rows_of or RowsOf(fallbacks, rows)
            value, message = draft.numbers.why(cell)
            if status == REPAIRED:
                severity, code = "repair", "fallback"
            else:
                severity, code = "error", "bad_fallback"
                numbers[i] = -1
            draft.add_rows(
                severity, code, rows_of.of(i), column, Finding("fallback", value, message)
            )
        if numbers[i] == 0:
            numbers[i] = chains.add(tuple(codes.tolist()))
    draft.chains = list(chains.values)
    chosen = numbers[fallbacks]
    return chosen, chosen < 0
