"""Read rule texts from the rows of a sheet, or from its columns in the wide layout."""

from __future__ import annotations

import numpy as np

from routing_engine.catalog.columns import Interner
from routing_engine.errors import InvalidValueError
from routing_engine.model.rules import RuleText
from routing_engine.reports import shown
from routing_engine.sheets.cells import Value, text_of
from routing_engine.sheets.drafts import Draft, Int32, Mask, RowsOf
from routing_engine.sheets.headers import TEXT_FIELDS, header_key
from routing_engine.sheets.texts import Finding, plain_message, read_text

__all__ = ["BLANK", "WRONG_TEXT", "read_specs"]

BLANK, WRONG_TEXT = -1, -2


def read_specs(
    draft: Draft, specs: Int32, rows: Int32, has_more: Mask, left_out: frozenset[int]
) -> Int32:
    """Read the text of each rule; ``BLANK`` where a row has none, ``WRONG_TEXT`` if wrong."""
    texts: Interner[RuleText] = Interner()
    found: list[tuple[int, Finding]] = []
    if draft.header.layout == "wide":
        numbers = _wide_texts(draft, texts, left_out)
    else:
        values = draft.gathered.specs.values
        numbers = np.empty(len(values), np.int32)
        for i, cells in enumerate(values):
            named: dict[str, Value] = dict(zip(TEXT_FIELDS, cells, strict=True))  # type: ignore[call-overload]
            if not any(text_of(value) for value in named.values()):
                numbers[i] = BLANK
                continue
            text, findings = read_text(named, draft.template)
            found.extend((i, finding) for finding in findings)
            numbers[i] = WRONG_TEXT if text is None else texts.add(text)
    draft.texts = list(texts.values)
    rows_of = RowsOf(specs, rows) if found else None
    for i, finding in found:
        assert rows_of is not None
        severity = "repair" if finding.repaired else "error"
        code = finding.field if finding.repaired else f"bad_{finding.field}"
        column = draft.header.name(finding.field)
        draft.add_rows(severity, code, rows_of.of(i), column, finding)
    chosen = numbers[specs] if len(numbers) else np.empty(0, np.int32)
    lonely = (chosen == BLANK) & has_more
    draft.log.add_rows(
        "error", "no_label", rows[lonely].astype(np.int64), draft.header.name("label"),
        lambda _: (None, "is empty; a rule needs label, when and destination"),
    )  # fmt: skip
    return np.where(lonely, np.int32(WRONG_TEXT), chosen)


def _wide_texts(draft: Draft, texts: Interner[RuleText], left_out: frozenset[int]) -> Int32:
    """Read a text for each rule column of the wide layout."""
    numbers = np.empty(len(draft.header.rules), np.int32)
    used: set[str] = set()
    for i, position in enumerate(draft.header.rules):
        name = draft.header.names[position]
        text = draft.template.get(header_key(name))
        used.add(header_key(name))
        if i in left_out:
            numbers[i] = WRONG_TEXT
            continue
        if text is None:
            try:
                text = RuleText(label=name, when=name)
            except InvalidValueError as error:
                draft.log.add(
                    "error", "bad_label", plain_message(error.problems[0].message),
                    row=draft.header.row, column=name, file=draft.file,
                )  # fmt: skip
                numbers[i] = WRONG_TEXT
                continue
            why = "is not in the template" if draft.template else "there is no template"
            draft.log.add(
                "warning", "no_template",
                f"{why}; its header is both label and when. Say when it applies in a template",
                row=draft.header.row, column=name, file=draft.file,
            )  # fmt: skip
        numbers[i] = texts.add(text)
        draft.column_of_text[int(numbers[i])] = name
    for key, text in draft.template.items():
        if key not in used:
            draft.log.add(
                "warning", "unused_template",
                f"the template's rule {shown(text.label)} has no column",
                row=draft.header.row, file=draft.file,
            )  # fmt: skip
    return numbers
