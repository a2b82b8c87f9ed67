"""Which column means what: header aliases and the two layouts."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from routing_engine.reports import shown
from routing_engine.sheets.issues import IssueLog, listed

__all__ = ["ALIASES", "Header", "header_key", "read_header"]

ALIASES: dict[str, tuple[str, ...]] = {
    "location_id": (
        "location id", "location", "location number", "location code", "store", "store id",
        "store number", "store code", "site", "site id", "site number", "branch", "branch id",
        "branch number", "agent", "agent id", "franchise", "franchise id", "unit", "unit number",
    ),
    "location_name": (
        "location name", "name", "store name", "site name", "branch name", "agent name",
        "franchise name", "display name",
    ),
    "timezone": ("timezone", "tz", "time zone name", "iana timezone", "local timezone"),
    "default_destination": (
        "default destination", "default", "default number", "default phone", "main number",
        "main phone", "main line", "front desk", "fallback number", "fallback destination",
        "store phone", "location phone", "site phone", "default transfer number",
    ),
    "business_hours": (
        "business hours", "location hours", "store hours", "hours of operation", "operating hours",
        "weekly hours",
    ),
    "after_hours": (
        "after hours", "after hours number", "after hours phone", "after hours destination",
        "night number",
    ),
    "location_threshold": ("location threshold", "store threshold", "site threshold"),
    "label": (
        "label", "intent", "department", "rule", "rule name", "rule label", "category", "topic",
        "route name",
    ),
    "when": (
        "when", "situation", "context", "condition", "trigger", "description", "scenario",
        "when caller", "context rule",
    ),
    "examples": (
        "examples", "example", "utterances", "sample phrases", "sample utterances", "phrases",
        "example phrases", "example utterances", "samples",
    ),
    "destination": (
        "destination", "forward to", "transfer to", "route to", "send to", "phone",
        "phone number", "number", "destination number", "transfer number", "forward number",
        "transfer destination", "sip uri", "telephone",
    ),
    "extension": ("extension", "ext", "extn", "phone extension"),
    "threshold": ("threshold", "rule threshold", "min confidence", "minimum confidence"),
    "hours": ("hours", "when open", "availability", "hours window", "active hours"),
    "requires_verification": (
        "requires verification", "verification", "verify", "verify caller",
        "verification required",
    ),
    "requires_confirmation": (
        "requires confirmation", "confirmation", "confirm", "confirm transfer",
        "confirmation required",
    ),
    "action": ("action", "rule action"),
    "fallback": (
        "fallback", "fallbacks", "fallback chain", "fallback destinations", "fallback numbers",
        "backup", "backup numbers",
    ),
    "enabled": ("enabled", "active", "is enabled", "rule enabled"),
    "languages": (
        "languages", "language", "spoken", "spoken language", "spoken languages", "speaks",
        "caller language", "caller speaks",
    ),
    "required_details": (
        "required details", "required fields", "details needed", "collect", "ask for",
    ),
    "verification_methods": (
        "verification methods", "verification method", "verify by", "verify with", "verified by",
    ),
    "ring_timeouts_s": (
        "ring timeouts s", "ring timeouts", "ring timeout", "ring seconds",
        "ring time", "seconds to ring",
    ),
}  # fmt: skip
"""Column -> headers that mean it. Case, spaces and punctuation do not matter: ``Store #`` is
``store`` and ``TIME_ZONE`` is ``timezone``."""

LOCATION_FIELDS = (
    "location_id", "location_name", "timezone", "default_destination", "business_hours",
    "after_hours", "location_threshold",
)  # fmt: skip
TEXT_FIELDS = (
    "label", "when", "examples", "threshold", "hours", "requires_verification",
    "requires_confirmation", "action", "enabled", "languages", "required_details",
    "verification_methods", "ring_timeouts_s",
)  # fmt: skip
RULE_FIELDS = (*TEXT_FIELDS, "destination", "extension", "fallback")


def header_key(header: str) -> str:
    """A header without what does not matter: case, white space, punctuation, width."""
    folded = unicodedata.normalize("NFKC", header).casefold()
    return "".join(character for character in folded if character.isalnum())


_FIELD_OF = {header_key(alias): field for field, aliases in ALIASES.items() for alias in aliases}


def field_of(header: str) -> str | None:
    """The column that a header means, or None."""
    return _FIELD_OF.get(header_key(header))


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a routing sheet, understood.

    Attributes:
        layout: ``"long"`` (a row a rule) or ``"wide"`` (a row a location, a column a rule).
        names: the headers as written.
        row: its row number.
        fields: column -> position.
        rules: wide layout: positions of the rule columns.
        unnamed: positions of columns without a header.
    """

    layout: Literal["long", "wide"]
    names: tuple[str, ...]
    row: int
    fields: dict[str, int]
    rules: tuple[int, ...]
    unnamed: tuple[int, ...]

    def name(self, field: str) -> str:
        """The header as written, or the column's own name where the sheet has no such column."""
        position = self.fields.get(field)
        return field if position is None else self.names[position]


def has_location(headers: Sequence[str]) -> bool:
    """Whether these are the headers of a routing sheet."""
    return any(field_of(header) == "location_id" for header in headers)


def is_template(headers: Sequence[str]) -> bool:
    """Whether these are the headers of a template: rule texts and no location."""
    fields = {field_of(header) for header in headers}
    return "label" in fields and "when" in fields and "location_id" not in fields


def _refuse_repeats(headers: Sequence[str], row: int, file: str, log: IssueLog) -> None:
    """Two columns of one name are fatal: one of them would be read and the other lost."""
    first: dict[str, str] = {}
    repeats: list[str] = []
    for header in headers:
        key = header_key(header) or header
        if not key:
            continue
        meaning = _FIELD_OF.get(key, key)
        if meaning in first:
            repeats.append(f"{shown(first[meaning])} and {shown(header)}")
        first.setdefault(meaning, header)
    if repeats:
        raise log.fatal(
            "duplicate_column",
            f"columns with the same meaning: {', '.join(repeats[:8])}; keep or rename one",
            row=row,
            file=file,
        )


def read_header(
    headers: Sequence[str], row: int, file: str, log: IssueLog, *, has_template: bool
) -> Header:
    """Understand the header of a routing sheet.

    Raises:
        SheetError: no location column, two columns with one meaning, or a missing column.
    """
    if not has_location(headers):
        raise log.fatal(
            "no_location_column",
            f"no location column among {listed(headers)}; one must be named location_id, or "
            "store, site, branch, …",
            row=row,
            file=file,
        )
    _refuse_repeats(headers, row, file, log)
    found: dict[str, int] = {}
    unknown: list[int] = []
    unnamed: list[int] = []
    for position, header in enumerate(headers):
        field = field_of(header)
        if field is not None:
            found[field] = position
        elif header:
            unknown.append(position)
        else:
            unnamed.append(position)
    layout: Literal["long", "wide"] = "long" if "label" in found or "when" in found else "wide"
    needed = ["default_destination"]
    if layout == "long":
        needed += ["label", "destination"] if has_template else ["label", "when", "destination"]
    missing = [field for field in needed if field not in found]
    if missing:
        hint = ""
        if missing == ["default_destination"] and layout == "wide" and "destination" in found:
            hint = f"; rename {shown(headers[found['destination']])} if it is that"
        raise log.fatal(
            "missing_column",
            f"no column {' nor '.join(missing)} among {listed(headers)}{hint}",
            row=row,
            file=file,
        )
    if layout == "long":
        for position in unknown:
            log.add(
                "warning",
                "unknown_column",
                "unknown column, not read",
                row=row,
                column=headers[position],
                file=file,
            )
        rules: tuple[int, ...] = ()
    else:
        rules = tuple(unknown)
        for field in RULE_FIELDS:
            if field in found:
                log.add(
                    "error",
                    "misplaced_column",
                    f"means {field}, which belongs to a row a rule and needs the columns label "
                    "and when; rename the column if it is a rule",
                    row=row,
                    column=headers[found.pop(field)],
                    file=file,
                )
    return Header(layout, tuple(headers), row, found, rules, tuple(unnamed))
