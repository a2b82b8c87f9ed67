"""Match the headers of a sheet to columns, and detect its layout."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from routing_engine.errors import InvalidValueError
from routing_engine.model.rules import RuleText
from routing_engine.reports import shown
from routing_engine.sheets.aliases import (
    ALIASES,
    ALSO_RULES,
    BARE_NOUNS,
    NOUNS,
    SECOND_ALIASES,
    UNDECIDED,
    alias_key,
    days_by_language,
    days_of,
    header_key,
    is_area_code,
    is_day_off,
    is_no_routing_column,
    meant_by_words,
    names_a_person,
)
from routing_engine.sheets.issues import IssueLog, listed
from routing_engine.workbooks.extents import MAX_COLUMNS

__all__ = ["ALIASES", "IGNORE", "RULE", "Header", "check_mapping", "header_key", "read_header"]

IGNORE, RULE = "ignore", "rule"
"""Other targets of a header mapping: ignore the column; take it as a rule (wide layout)."""

LOCATION_FIELDS = (
    "location_id", "location_name", "timezone", "default_destination", "business_hours",
    "after_hours", "location_threshold", "lines",
)  # fmt: skip
TEXT_FIELDS = tuple(RuleText.model_fields)
"""Every field of a rule's text is a column of the same name."""
NUMBER_FIELDS = ("destination", "extension", "fallback")
RULE_FIELDS = (*TEXT_FIELDS, *NUMBER_FIELDS)
_FIELD_OF = {alias_key(alias): field for field, aliases in ALIASES.items() for alias in aliases}
_SECOND = {
    (field, alias_key(alias)): rank
    for field, aliases in SECOND_ALIASES.items()
    for rank, alias in enumerate(aliases)
}
_NOUNS = frozenset(map(alias_key, NOUNS))
_RUNNING_NUMBERS = frozenset(
    alias_key(word)
    for word in ("number", "no", "nr", "num", "#", "nº", "n°", "numer", "číslo", "номер", "№", "nro", "nummer",
                 "número", "numéro", "numero", "番号", "번호", "编号", "編號")
)  # fmt: skip
_LEAST_DAYS = 5
_BETWEEN_LANGUAGES = re.compile(r"[/|\n]|[()\[\]]")
_MOST_LANGUAGES = 4
MAX_HEADER = 200
_LONG_NOUN = 5


def field_of(header: str) -> str | None:
    """Return the column that a header means, or None."""
    return _FIELD_OF.get(alias_key(header))


def _meaning(header: str) -> str | None:
    """Return the column that a header means by itself, or "" if it is no destination."""
    key = alias_key(header)
    if key in _FIELD_OF and ("default_destination", key) not in _SECOND:
        return _FIELD_OF[key]
    second = [field for field in SECOND_ALIASES if (field, key) in _SECOND]
    meant = meant_by_words(header)
    if second or meant is not None:
        return second[0] if meant is None else meant[0]
    return "" if is_no_routing_column(header) else None


def in_one_language(header: str) -> str:
    """Return the first of the languages of a header that says one thing in several.

    ``Numéro / Nummer`` is ``Numéro``; ``Phone / Fax`` says two things and stays.
    """
    parts = [part.strip() for part in _BETWEEN_LANGUAGES.split(header[:MAX_HEADER]) if part.strip()]
    key = alias_key(header)
    is_alias = key in _FIELD_OF or any((field, key) in _SECOND for field in SECOND_ALIASES)
    if is_alias or not 2 <= len(parts) <= _MOST_LANGUAGES:
        return header
    meanings = {_meaning(part) for part in parts}
    return parts[0] if len(meanings) == 1 and None not in meanings else header


def check_mapping(mapping: Mapping[str, str]) -> dict[str, str]:
    """Check which headers are mapped to which columns.

    Returns:
        Header key -> column, or ``IGNORE`` or ``RULE``.

    Raises:
        InvalidValueError: there is no such column.
    """
    known = (*ALIASES, IGNORE, RULE)
    found: dict[str, str] = {}
    for header, field in mapping.items():
        if field not in known:
            close = get_close_matches(field, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ";"
            raise InvalidValueError(
                f"{shown(header)} is mapped to {shown(field)}, which is no column{hint} columns "
                f"are {', '.join(known)}"
            )
        found[header_key(header) or header] = field
    return found


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a routing sheet, matched to columns.

    Attributes:
        layout: ``"long"`` (a row a rule) or ``"wide"`` (a row a location, a column a rule).
        names: the headers as written.
        row: its row number.
        fields: column -> position.
        rules: wide layout: positions of the rule columns.
        unnamed: positions of columns without a header.
        left_out: wide layout: positions of columns that are no destination by their header.
        asked_for: wide layout: positions of rule columns that a mapping names.
        days: day of the week, position of a column, and what it holds: open, close or both.
        area_code: position of the area codes that the default numbers stand without, or None.
        day_off: position of the days on which a location with business hours is closed, or None.
    """

    layout: Literal["long", "wide"]
    names: tuple[str, ...]
    row: int
    fields: dict[str, int]
    rules: tuple[int, ...]
    unnamed: tuple[int, ...]
    left_out: tuple[int, ...] = ()
    asked_for: frozenset[int] = frozenset()
    days: tuple[tuple[int, int, str], ...] = ()
    area_code: int | None = None
    day_off: int | None = None

    def name(self, field: str) -> str:
        """Return the header as written, or the column's own name if the sheet lacks it."""
        position = self.fields.get(field)
        return field if position is None else self.names[position]


def has_location(headers: Sequence[str], mapping: Mapping[str, str] | None = None) -> bool:
    """Whether these are the headers of a routing sheet."""
    return n_known(headers, mapping or {}) > 0


def n_known(headers: Sequence[str], mapping: Mapping[str, str]) -> int:
    """Count the columns of a routing sheet that these headers name; 0 where none is a location.

    Of a row of more columns than are read, the first count.
    """
    headers = headers[:MAX_COLUMNS]
    mapped = {
        mapping[key] for header in headers if (key := header_key(header) or header) in mapping
    }
    headers = [in_one_language(header) for header in headers]
    keys = [alias_key(header) for header in headers]
    strong = mapped | {_FIELD_OF[key] for key in keys if key in _FIELD_OF}
    if "location_id" in strong:
        return len(strong)
    second = {field for field in SECOND_ALIASES for key in keys if (field, key) in _SECOND}
    second |= {meant[0] for header in headers if (meant := meant_by_words(header)) is not None}
    is_location = "location_id" in second or "location_name" in strong | second
    has_number = {"default_destination", "destination"} & (strong | second)
    return len(strong | second) if is_location and has_number else 0


def is_template(headers: Sequence[str]) -> bool:
    """Whether these are the headers of a template: rule texts and no location."""
    fields = {field_of(header) for header in headers}
    return "label" in fields and "when" in fields and "location_id" not in fields


def _is_id(header: str) -> bool:
    meant = meant_by_words(header)
    return meant is not None and meant[0] == "location_id"


class _Columns:
    """The columns of a header while they are being matched."""

    def __init__(
        self, headers: Sequence[str], mapping: Mapping[str, str], template: frozenset[str]
    ) -> None:
        self.headers = headers
        self.template = template
        self.keys = [header_key(header) or header for header in headers]
        self.read = [in_one_language(header) for header in headers]
        self.aliases = [alias_key(header) for header in self.read]
        self.has_person = names_a_person(headers)
        self.mapping = mapping
        self.fields: dict[str, int] = {}
        self.ignored: set[int] = set()
        self.rules: set[int] = set()

    def take(self, positions: Sequence[int], field: str) -> bool:
        """Assign the first of these columns to a field that has none yet."""
        if field in self.fields or not positions:
            return False
        self.fields[field] = positions[0]
        return True

    def second(self, field: str) -> list[int]:
        """Return columns that match a field by secondary aliases, best first."""
        taken = set(self.fields.values()) | self.ignored | self.rules
        ranked = []
        for position, (header, key) in enumerate(zip(self.read, self.aliases, strict=True)):
            if position in taken or self.keys[position] in self.template:
                continue
            if self.is_of_a_person(position):
                continue
            meant = meant_by_words(header)
            if (field, key) in _SECOND:
                group = 0
                if field == "location_id":
                    # "Nr., Filialnummer": the first may as well number the rows.
                    group = 3 if key in _NOUNS else 2 if key in _RUNNING_NUMBERS else 0
                ranked.append((group, _SECOND[field, key], position))
            elif meant is not None and meant[0] == field:
                ranked.append((1, meant[1], position))
        return [position for *_, position in sorted(ranked)]

    def is_of_a_person(self, position: int) -> bool:
        """Whether a column holds the number of whom another column names."""
        key = self.aliases[position]
        return (
            self.has_person
            and key.startswith("contact")
            and ("default_destination", key) in _SECOND
        )

    def is_undecided(self, field: str) -> bool:
        """Whether a field is missing, or was matched only by an ambiguous header."""
        position = self.fields.get(field)
        return position is None or (
            self.aliases[position] in UNDECIDED and self.mapping.get(self.keys[position]) != field
        )


def _refuse_repeats(columns: _Columns, row: int, file: str, log: IssueLog) -> None:
    """Refuse two columns of one name: one of them would silently be lost."""
    first: dict[str, str] = {}
    repeats: list[str] = []
    keys = columns.keys
    bare = [position for position, key in enumerate(keys) if key in BARE_NOUNS]
    has_ids = any(
        key not in BARE_NOUNS
        and (_FIELD_OF.get(alias) == "location_id" or key in ("id", "code") or _is_id(header))
        for header, key, alias in zip(columns.read, keys, columns.aliases, strict=True)
    )
    mapped = set(columns.mapping.values()) - {IGNORE, RULE}
    for position, (header, key) in enumerate(zip(columns.headers, keys, strict=True)):
        if not key or columns.mapping.get(key) in (IGNORE, RULE):
            continue
        named = _FIELD_OF.get(columns.aliases[position])
        meaning = columns.mapping.get(key) or named or key
        if key not in columns.mapping and meaning in mapped:
            continue  # another column was named to be that
        if position in bare and len(bare) == 1 and has_ids:
            continue  # "Store Number, Store": the noun is a name
        is_read = named is not None or not is_no_routing_column(header)
        if meaning in first and is_read:
            repeats.append(f"{shown(first[meaning])} and {shown(header)}")
        first.setdefault(meaning, header)
    if repeats:
        raise log.fatal(
            "duplicate_column",
            f"columns with the same meaning: {', '.join(repeats[:8])}; keep or rename one",
            row=row,
            file=file,
        )


def _understand(columns: _Columns) -> None:
    """Assign columns to fields: by the mapping first, then by aliases."""
    for position, key in enumerate(columns.keys):
        field = columns.mapping.get(key)
        if field == IGNORE:
            columns.ignored.add(position)
        elif field == RULE:
            columns.rules.add(position)
        elif field is not None:
            columns.take([position], field)
    bare: list[int] = []
    for position, key in enumerate(columns.keys):
        named = _FIELD_OF.get(columns.aliases[position])
        if named is None or key in columns.mapping:
            continue
        if key in BARE_NOUNS:
            bare.append(position)
        else:
            columns.take([position], named)
    if "location_id" not in columns.fields:
        coded = [at for at in columns.second("location_id") if columns.keys[at] in ("id", "code")]
        columns.take(coded if coded and len(bare) == 1 else bare, "location_id")
    for position in bare:
        if position != columns.fields.get("location_id"):
            columns.take([position], "location_name")
    columns.take(columns.second("location_name"), "location_name")
    columns.take(columns.second("location_id"), "location_id")
    # "Vestigingsnr, Vestiging": the noun is a name beside an id.
    id_at = columns.fields.get("location_id")
    id_alias = "" if id_at is None else columns.aliases[id_at]
    nouns = [
        at
        for at in columns.second("location_id")
        if columns.aliases[at] in _NOUNS and _has_stem(id_alias, columns.aliases[at])
    ]
    columns.take(nouns, "location_name")
    columns.take(columns.second("timezone"), "timezone")


def _has_stem(header: str, noun: str) -> bool:
    """Whether a header holds a noun, in whatever case: ``filialnummer`` that of ``filiale``."""
    return noun in header or (len(noun) > _LONG_NOUN and header.startswith(noun[:-2]))


def _layout(columns: _Columns, *, has_template: bool) -> Literal["long", "wide"]:
    fields = columns.fields
    if not columns.is_undecided("label") or not columns.is_undecided("when"):
        return "long"
    has_words = "label" in fields and ("when" in fields or has_template)
    has_default = "default_destination" in fields or bool(columns.second("default_destination"))
    has_numbers = "destination" in fields and has_default
    return "long" if has_words and has_numbers else "wide"


def _suggested(headers: Sequence[str], fields: Sequence[str]) -> str:
    """Suggest headers that nearly match the missing columns."""
    aliases = {
        alias_key(alias): field
        for field in fields
        for alias in (*ALIASES[field], *SECOND_ALIASES.get(field, ()))
        if len(alias) > 3
    }
    hints = []
    for header in headers:
        close = get_close_matches(alias_key(header), aliases, n=1, cutoff=0.8)
        if close:
            hints.append(f"{shown(header)} for {aliases[close[0]]}")
    return f"; did you mean {', '.join(hints[:3])}?" if hints else ""


def read_header(
    headers: Sequence[str],
    row: int,
    file: str,
    log: IssueLog,
    *,
    template: frozenset[str] = frozenset(),
    mapping: Mapping[str, str] | None = None,
) -> Header:
    """Match the header of a routing sheet to columns.

    Args:
        headers: as written.
        row: its row number.
        file: as issues name it.
        log: for what is left out or odd.
        template: header keys of the labels that a template describes.
        mapping: header key -> column, see :func:`check_mapping`.

    Raises:
        SheetError: no location column, two columns with one meaning, or a missing column.
    """
    columns = _Columns(headers, mapping or {}, template)
    unknown_names = sorted(set(columns.mapping) - set(columns.keys))
    if unknown_names:
        raise log.fatal(
            "unknown_mapping",
            f"no column {listed(unknown_names)} among {listed(headers)}; a mapping names headers "
            "as they stand in the sheet",
            row=row, file=file,
        )  # fmt: skip
    _refuse_repeats(columns, row, file, log)
    _understand(columns)
    found = columns.fields
    layout = _layout(columns, has_template=bool(template))
    if layout == "wide":
        _take_for_location(columns, row, file, log)
    elif columns.take(columns.second("default_destination"), "default_destination"):
        _say_taken(columns, "default_destination", row, file, log)
    if "default_destination" in found:
        columns.take(columns.second("lines"), "lines")
    if "location_id" not in found:
        raise log.fatal(
            "no_location_column",
            f"no location column among {listed(headers)}; one must be named location_id, or "
            f"store, site, branch, …{_suggested(headers, ['location_id'])}",
            row=row, file=file,
        )  # fmt: skip
    needed = ["default_destination"]
    if layout == "long":
        needed += ["label", "destination"] if template else ["label", "when", "destination"]
    missing = [field for field in needed if field not in found]
    if missing:
        raise log.fatal(
            "missing_column",
            f"no column {' nor '.join(missing)} among {listed(headers)}"
            f"{_suggested(headers, missing)}",
            row=row, file=file,
        )  # fmt: skip
    unnamed = tuple(position for position, key in enumerate(columns.keys) if not key)
    days = _day_columns(columns)
    area_code = next((at for at, name in enumerate(headers) if is_area_code(name)), None)
    if area_code in {*found.values(), *columns.ignored, *columns.rules}:
        area_code = None
    known = {*found.values(), *unnamed, *columns.ignored, *(position for _, position, _ in days)}
    day_off = next((at for at, name in enumerate(headers) if is_day_off(name)), None)
    if "business_hours" not in found or day_off in {
        *found.values(),
        *columns.ignored,
        *columns.rules,
    }:
        day_off = None
    known |= {at for at in (area_code, day_off) if at is not None}
    unknown = [position for position in range(len(headers)) if position not in known]
    if layout == "long":
        _warn_of_long(columns, unknown, row, file, log)
        return Header(
            layout, tuple(headers), row, found, (), unnamed, days=days, area_code=area_code,
            day_off=day_off,
        )  # fmt: skip
    rules, left_out = _rule_columns(columns, unknown, template, row, file, log)
    return Header(
        layout, tuple(headers), row, found, rules, unnamed, left_out, frozenset(columns.rules), days,
        area_code, day_off,
    )  # fmt: skip


def _take_for_location(columns: _Columns, row: int, file: str, log: IssueLog) -> None:
    """Match columns of a plain list of locations by secondary aliases, and warn of it."""
    found = columns.fields
    numbers = [
        found[name]
        for name in ("destination",)
        if name in found and columns.aliases[found[name]] not in UNDECIDED
    ]
    if columns.take([*numbers, *columns.second("default_destination")], "default_destination"):
        if found.get("destination") == found["default_destination"]:
            del found["destination"]
        _say_taken(columns, "default_destination", row, file, log)
    hours = [found[name] for name in ("hours",) if name in found]
    if columns.take([*columns.second("business_hours"), *hours], "business_hours"):
        if found.get("hours") == found["business_hours"]:
            del found["hours"]
        _say_taken(columns, "business_hours", row, file, log)
    if "location_id" not in found and "location_name" in found:
        found["location_id"] = found.pop("location_name")
        _say_taken(columns, "location_id", row, file, log)


def _say_taken(columns: _Columns, field: str, row: int, file: str, log: IssueLog) -> None:
    position = columns.fields[field]
    if columns.mapping.get(columns.keys[position]) != field:
        log.add(
            "warning", "taken_column", f"taken for {field}; map another column to it if it is not",
            row=row, column=columns.headers[position], file=file,
        )  # fmt: skip


def _warn_of_long(
    columns: _Columns, unknown: Sequence[int], row: int, file: str, log: IssueLog
) -> None:
    found = columns.fields
    if columns.is_undecided("label") and columns.is_undecided("when"):
        fields = [field for field in ("label", "when") if field in found]
        names = " and ".join(shown(columns.headers[found[field]]) for field in fields)
        log.add(
            "warning", "layout",
            f"{names} taken for {' and '.join(fields)}, so that each row is a rule; map them to "
            "ignore if each row is a location",
            row=row, file=file,
        )  # fmt: skip
    for position in unknown:
        log.add(
            "warning", "unknown_column", "unknown column, not read", row=row,
            column=columns.headers[position], file=file,
        )  # fmt: skip


def _day_columns(columns: _Columns) -> tuple[tuple[int, int, str], ...]:
    """Find the columns of hours by weekday, if most of the week has one."""
    if "business_hours" in columns.fields:
        return ()
    alone = days_by_language(columns.headers)
    found = []
    taken = {*columns.fields.values(), *columns.rules, *columns.ignored}
    for position, header in enumerate(columns.headers):
        is_taken = position in taken or columns.keys[position] in columns.template
        named = None if is_taken else days_of(header)
        if not is_taken and position in alone:
            named = (alone[position],), "both"
        if named is not None:
            found += [(day, position, named[1]) for day in named[0]]
    return tuple(sorted(found)) if len({day for day, _, _ in found}) >= _LEAST_DAYS else ()


def _rule_columns(
    columns: _Columns, unknown: Sequence[int], template: frozenset[str], row: int, file: str,
    log: IssueLog,
) -> tuple[tuple[int, ...], tuple[int, ...]]:  # fmt: skip
    """Return the positions of rule columns in a wide sheet, and of ignored ones."""
    rules = set(columns.rules)
    left_out: list[int] = []
    for position in unknown:
        is_named = columns.keys[position] in template or position in rules
        is_other = is_no_routing_column(columns.read[position])
        if is_named or not (is_other or columns.is_of_a_person(position)):
            rules.add(position)
        else:
            left_out.append(position)
    for field in RULE_FIELDS:
        if field not in columns.fields:
            continue
        position = columns.fields.pop(field)
        if columns.keys[position] in template or columns.keys[position] in ALSO_RULES:
            rules.add(position)
        elif columns.aliases[position] in UNDECIDED:
            left_out.append(position)
        else:
            log.add(
                "error", "misplaced_column",
                f"means {field}, which belongs to a row a rule and needs the columns label "
                "and when; rename the column if it is a rule",
                row=row, column=columns.headers[position], file=file,
            )  # fmt: skip
    return tuple(sorted(rules)), tuple(sorted(left_out))
