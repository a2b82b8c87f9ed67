"""Read rule texts from the cells of a row, or from a template."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from routing_engine.errors import InvalidValueError
from routing_engine.model.rules import RuleText
from routing_engine.reports import shown
from routing_engine.sheets.cells import (
    Value,
    read_flag,
    read_fraction,
    split_codes,
    split_list,
    split_seconds,
    text_of,
)
from routing_engine.sheets.headers import TEXT_FIELDS, field_of, header_key
from routing_engine.sheets.issues import IssueLog, listed
from routing_engine.sheets.tables import RawTable

__all__ = ["Finding", "Template", "plain_message", "read_template", "read_text", "template_of"]

Template = Mapping[str, RuleText]
"""Header key of a label -> its rule text."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An issue with a cell of a rule text, before it is known which rows have it."""

    field: str
    value: str
    message: str
    repaired: bool = False


_READER_OF: dict[type, Callable[[str], Any]] = {tuple: split_list, bool: read_flag}
_READERS: dict[str, Callable[[str], Any]] = {
    # By the type of the default, but for those that are written in a way of their own.
    **{
        name: _READER_OF.get(type(field.default), str)
        for name, field in RuleText.model_fields.items()
    },
    "hours": str.casefold,
    "action": str.casefold,
    "languages": split_codes,
    "ring_timeouts_s": split_seconds,
}


def read_text(
    cells: Mapping[str, Value], template: Template
) -> tuple[RuleText | None, list[Finding]]:
    """Read the rule text in a row's cells, or None; also return the issues found.

    A label of the template takes all that its row leaves empty from there.
    """
    fields: dict[str, Any] = {}
    findings: list[Finding] = []
    texts = {name: text_of(value) for name, value in cells.items()}
    base = template.get(header_key(texts.get("label", "")))
    if base is not None:
        fields.update(base.model_dump())
    for name, text in texts.items():
        if not text:
            continue
        try:
            if name == "threshold":
                fields[name], repaired = read_fraction(text)
                if repaired is not None:
                    message = f"{shown(text)} is {repaired}; read as {fields[name]:g}"
                    findings.append(Finding(name, text, message, repaired=True))
            else:
                fields[name] = _READERS[name](text)
        except InvalidValueError as error:
            findings.append(Finding(name, text, f"{error}, not {shown(text)}"))
    for name in ("label", "when"):
        fields.setdefault(name, "")
    try:
        made = RuleText(**fields)
    except InvalidValueError as error:
        for problem in error.problems:
            name = problem.path.partition(".")[0]
            findings.append(Finding(name, texts.get(name, ""), plain_message(problem.message)))
        return None, findings
    return (None if any(not finding.repaired for finding in findings) else made), findings


def plain_message(message: str) -> str:
    """Shorten a validation message for a sheet report."""
    return (
        message.removesuffix(", not ''")
        .replace("String should", "should")
        .replace("Input should", "should")
    )


def template_of(texts: Iterable[RuleText]) -> Template:
    """Build a template from rule texts.

    Raises:
        InvalidValueError: not rule texts, or two of one label.
    """
    template: dict[str, RuleText] = {}
    for text in texts:
        if not isinstance(text, RuleText):
            raise InvalidValueError(
                f"a template is a path or a sequence of RuleText, not of {type(text).__name__}"
            )
        key = header_key(text.label)
        if key in template:
            raise InvalidValueError(f"two rules of the template are called {text.label!r}")
        # A rule given with its numbers counts without them.
        plain = {name: getattr(text, name) for name in RuleText.model_fields}
        template[key] = RuleText.model_construct(**plain)
    return template


def read_template(table: RawTable, log: IssueLog) -> dict[str, RuleText]:
    """Read the rule texts of a template sheet; issues go to the log.

    Raises:
        SheetError: it has no column ``label`` or no column ``when``.
    """
    fields: dict[str, int] = {}
    for position, header in enumerate(table.header):
        field = field_of(header)
        if field in TEXT_FIELDS and field not in fields:
            fields[field] = position
        elif header:
            log.add(
                "warning", "unknown_column", "not a column of a template, not read",
                row=table.header_row, column=header, file=table.name,
            )  # fmt: skip
    missing = [name for name in ("label", "when") if name not in fields]
    if missing:
        raise log.fatal(
            "missing_column",
            f"no column {' nor '.join(missing)} among {listed(table.header)}; a template has "
            "label, when and optionally examples",
            row=table.header_row or None,
            file=table.name,
        )
    template: dict[str, RuleText] = {}
    for first_row, rows in table.rows():
        for row, cells in enumerate(rows, start=first_row):
            _add_template_row(template, row, cells, fields, table, log)
    return template


def _add_template_row(
    template: dict[str, RuleText],
    row: int,
    cells: Sequence[Value],
    fields: Mapping[str, int],
    table: RawTable,
    log: IssueLog,
) -> None:
    values = {name: cells[at] for name, at in fields.items() if at < len(cells)}
    if not any(text_of(value) for value in values.values()):
        return
    text, findings = read_text(values, {})
    for finding in findings:
        log.add(
            "repair" if finding.repaired else "error",
            f"template_{finding.field}",
            finding.message,
            row=row,
            column=table.header[fields[finding.field]] if finding.field in fields else None,
            value=finding.value,
            file=table.name,
        )
    if text is None:
        return
    key = header_key(text.label)
    if key in template:
        log.add(
            "error", "template_label", f"{shown(text.label)} is in the template twice",
            row=row, column=table.header[fields["label"]], value=text.label, file=table.name,
        )  # fmt: skip
    template.setdefault(key, text)
