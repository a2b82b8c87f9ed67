"""Gathered codes to checked locations.

What is wrong with a rule leaves out that rule, so that its callers reach the default; what is
wrong with a location itself (id, name, default, time zone, business hours, threshold, too many
rules) leaves out the location. Everything is found before anything is decided, so one report names it all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from routing_engine.catalog.columns import Interner, LocationColumns, SharedSettings, StringColumn
from routing_engine.errors import InvalidValueError
from routing_engine.hours import BusinessHours
from routing_engine.model.destinations import Destination, DialPolicy
from routing_engine.model.rules import MAX_LOCATION_ID_LENGTH, MAX_RULES, Location, RuleText
from routing_engine.reports import shown
from routing_engine.sheets.cells import Value, read_fraction, split_list, text_of
from routing_engine.sheets.gathering import Gathered
from routing_engine.sheets.headers import LOCATION_FIELDS, TEXT_FIELDS, Header, header_key
from routing_engine.sheets.issues import IssueLog
from routing_engine.sheets.phones import OK, REFUSED, REPAIRED, WRONG, ParsedNumbers
from routing_engine.sheets.sequences import distinct_sequences
from routing_engine.sheets.similar import similar_pairs
from routing_engine.sheets.texts import Finding, Template, plain_message, read_text

__all__ = ["assemble"]

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

_SAMPLE = Destination._trusted("+12015550123")
_BLANK, _WRONG = -1, -2


class _Rows:
    """The rows that hold each of many codes."""

    def __init__(self, codes: Int32, rows: Int32) -> None:
        order = np.argsort(codes, kind="stable")
        self._codes = codes[order]
        self._rows = rows[order]

    def of(self, code: int) -> Int64:
        start, stop = np.searchsorted(self._codes, [code, code + 1])
        return self._rows[start:stop].astype(np.int64)


@dataclass(slots=True)
class _Sites:
    """A record for each row; ``location`` is -1 where the id is wrong."""

    row: Int32
    location: Int32
    name: Int32
    timezone: Int32
    hours: Int32
    threshold: Int32
    default: UInt64
    after_hours: UInt64


@dataclass(slots=True)
class _Rules:
    """A record for each rule."""

    row: Int32
    location: Int32
    text: Int32
    destination: UInt64
    chain: Int32

    def take(self, which: npt.NDArray[Any]) -> _Rules:
        return _Rules(
            self.row[which], self.location[which], self.text[which], self.destination[which],
            self.chain[which],
        )  # fmt: skip


class _Assembly:
    """One sheet on its way from codes to columns."""

    def __init__(
        self, gathered: Gathered, log: IssueLog, template: Template, file: str,
        region: str | None, policy: DialPolicy,
    ) -> None:  # fmt: skip
        self.gathered = gathered
        self.header: Header = gathered.header
        self.log = log
        self.template = template
        self.file = file
        self.region = region
        self.policy = policy
        self.ids: list[str] = []
        self.names: list[str] = [""]
        self.timezones: list[str] = [""]
        self.hours: list[BusinessHours | None] = [None]
        self.thresholds: list[float | None] = [None]
        self.texts: list[RuleText] = []
        self.chains: list[tuple[int, ...]] = [()]
        self.bad_location: Mask = np.zeros(0, bool)

    # Cells that hold a value of a location.

    def _read_ids(self, codes: Int32, rows: Int32) -> Int32:
        """Location of each row, -1 where the id is wrong."""
        ids: Interner[str] = Interner()
        values = self.gathered.ids.values
        numbers = np.empty(len(values), np.int32)
        column = self.header.name("location_id")
        found: list[tuple[int, Finding]] = []
        for i, value in enumerate(values):
            text = text_of(value)  # type: ignore[arg-type]
            finding = _id_finding(value, text)
            if finding is not None:
                found.append((i, finding))
                if not finding.repaired and finding.field == "error":
                    numbers[i] = -1
                    continue
            numbers[i] = ids.add(text)
        self.ids = list(ids.values)
        rows_of = _Rows(codes, rows) if found else None
        for i, finding in found:
            assert rows_of is not None
            at = rows_of.of(i)
            if finding.field == "error":
                self._add_rows("error", "bad_location_id", at, column, finding)
            else:
                severity = "repair" if finding.repaired else "warning"
                self._add_rows(severity, "numeric_location_id", at[:1], column, finding)
        self._warn_of_similar_ids()
        return numbers[codes]

    def _warn_of_similar_ids(self) -> None:
        first: dict[str, str] = {}
        column = self.header.name("location_id")
        for text in self.ids:
            other = first.setdefault(text.casefold(), text)
            if other is not text:
                self.log.add(
                    "warning", "similar_location_id",
                    f"{shown(text)} and {shown(other)} differ only in case; they are two locations",
                    column=column, value=text, file=self.file,
                )  # fmt: skip

    def _read_values(
        self,
        field: str,
        values: Sequence[object],
        codes: Int32,
        rows: Int32,
        read: Callable[[str], tuple[Any, str | None]],
    ) -> tuple[list[Any], Int32]:
        """Distinct values of a column, and a value number for each row: 0 empty, -1 wrong."""
        known: Interner[Any] = Interner()
        known.add(None)
        numbers = np.empty(len(values), np.int32)
        rows_of: _Rows | None = None
        for i, value in enumerate(values):
            text = text_of(value)  # type: ignore[arg-type]
            if not text:
                numbers[i] = 0
                continue
            repair = None
            try:
                made, repair = read(text)
                numbers[i] = known.add(made)
            except InvalidValueError as error:
                message = "; ".join(plain_message(p.message) for p in error.problems)
                finding = Finding(field, text, message)
                numbers[i] = -1
            else:
                if repair is None:
                    continue
                finding = Finding(field, text, f"{shown(text)} is {repair}; read as {made:g}", True)
            rows_of = rows_of or _Rows(codes, rows)
            severity = "repair" if finding.repaired else "error"
            self._add_rows(
                severity, f"bad_{field}" if severity == "error" else field, rows_of.of(i),
                self.header.name(field), finding,
            )  # fmt: skip
        return list(known.values), numbers[codes]

    def _add_rows(
        self, severity: Any, code: str, rows: Int64, column: Any, finding: Finding
    ) -> None:
        self.log.add_rows(severity, code, rows, column, lambda _: (finding.value, finding.message))

    # Rule texts.

    def _read_specs(self, specs: Int32, rows: Int32, has_more: Mask) -> Int32:
        """Text of each rule; ``_BLANK`` where a row has none, ``_WRONG`` where it is wrong."""
        texts: Interner[RuleText] = Interner()
        found: list[tuple[int, Finding]] = []
        if self.header.layout == "wide":
            numbers = self._wide_texts(texts)
        else:
            values = self.gathered.specs.values
            numbers = np.empty(len(values), np.int32)
            for i, cells in enumerate(values):
                named: dict[str, Value] = dict(zip(TEXT_FIELDS, cells, strict=True))  # type: ignore[call-overload]
                if not any(text_of(value) for value in named.values()):
                    numbers[i] = _BLANK
                    continue
                text, findings = read_text(named, self.template)
                found.extend((i, finding) for finding in findings)
                numbers[i] = _WRONG if text is None else texts.add(text)
        self.texts = list(texts.values)
        rows_of = _Rows(specs, rows) if found else None
        for i, finding in found:
            assert rows_of is not None
            severity = "repair" if finding.repaired else "error"
            code = finding.field if finding.repaired else f"bad_{finding.field}"
            column = self.header.name(finding.field)
            self._add_rows(severity, code, rows_of.of(i), column, finding)
        chosen = numbers[specs] if len(numbers) else np.empty(0, np.int32)
        lonely = (chosen == _BLANK) & has_more
        self.log.add_rows(
            "error", "no_label", rows[lonely].astype(np.int64), self.header.name("label"),
            lambda _: (None, "is empty; a rule needs label, when and destination"),
        )  # fmt: skip
        return np.where(lonely, np.int32(_WRONG), chosen)

    def _wide_texts(self, texts: Interner[RuleText]) -> Int32:
        """A text for each rule column."""
        numbers = np.empty(len(self.header.rules), np.int32)
        used: set[str] = set()
        for i, position in enumerate(self.header.rules):
            name = self.header.names[position]
            text = self.template.get(header_key(name))
            used.add(header_key(name))
            if text is None:
                try:
                    text = RuleText(label=name, when=name)
                except InvalidValueError as error:
                    self.log.add(
                        "error", "bad_label", plain_message(error.problems[0].message),
                        row=self.header.row, column=name, file=self.file,
                    )  # fmt: skip
                    numbers[i] = _WRONG
                    continue
                why = "is not in the template" if self.template else "there is no template"
                self.log.add(
                    "warning", "no_template",
                    f"{why}; its header is both label and when. Say when it applies in a template",
                    row=self.header.row, column=name, file=self.file,
                )  # fmt: skip
            numbers[i] = texts.add(text)
        for key, text in self.template.items():
            if key not in used:
                self.log.add(
                    "warning", "unused_template",
                    f"the template's rule {shown(text.label)} has no column",
                    row=self.header.row, file=self.file,
                )  # fmt: skip
        return numbers

    # Everything in order.

    def run(self) -> LocationColumns:
        sites, rules = self._read()
        n = len(self.ids)
        names = self._first_values(sites, sites.name, n)
        defaults = self._check_sites(sites, n)
        order = np.argsort(rules.location, kind="stable")
        rules = rules.take(order[rules.location[order] >= 0])
        rules = self._check_rules(rules, n)
        counts = np.bincount(rules.location, minlength=n)
        for i in np.flatnonzero(counts > MAX_RULES).tolist():
            first = np.searchsorted(rules.location, i)
            self.log.add(
                "error", "too_many_rules",
                f"location {shown(self.ids[i])} has {counts[i]} rules; at most {MAX_RULES}",
                row=int(rules.row[first]), file=self.file,
            )  # fmt: skip
            self.bad_location[i] = True
        out = sites.location < 0
        out[~out] = self.bad_location[sites.location[~out]]
        self.log.add_rows(
            "skipped", "location", np.unique(sites.row[out]).astype(np.int64), None,
            lambda _: (None, "row left out: its location has an error"),
        )  # fmt: skip
        return self._columns(sites, rules, names, defaults)

    def _read(self) -> tuple[_Sites, _Rules]:
        gathered = self.gathered
        site: Any = gathered.sites.join
        rule: Any = gathered.rules.join
        rows: Int32 = site("row")
        id_codes: Int32 = site("id")
        location = self._read_ids(id_codes, rows)
        location_of_id = np.full(len(gathered.ids.values), -1, np.int32)
        location_of_id[id_codes] = location
        self.bad_location = np.zeros(len(self.ids), bool)
        names = self._read_values(
            "location_name", gathered.names.values, site("name"), rows, _read_name
        )
        timezones = self._read_values(
            "timezone", gathered.timezones.values, site("timezone"), rows, _read_timezone
        )
        hours = self._read_values(
            "business_hours", gathered.hours.values, site("hours"), rows, _read_hours
        )
        thresholds = self._read_values(
            "location_threshold", gathered.thresholds.values, site("threshold"), rows,
            _read_threshold,
        )  # fmt: skip
        self.names, self.timezones, self.hours = names[0], timezones[0], hours[0]
        self.thresholds = thresholds[0]

        rule_rows: Int32 = rule("row")
        specs: Int32 = rule("spec")
        cells: UInt64 = rule("destination")
        extensions: Int32 = rule("extension")
        fallbacks: Int32 = rule("fallback")
        site_cells: dict[str, UInt64] = {"default_destination": site("default")}
        after_hours: UInt64 = site("after_hours")
        if "after_hours" in self.header.fields:
            site_cells["after_hours"] = after_hours
        chain_cells = [
            gathered.numbers.encode(split_list(text_of(value)))  # type: ignore[arg-type]
            for value in gathered.fallbacks.values
        ]
        distinct = np.unique(np.concatenate([cells, *site_cells.values(), *chain_cells]))
        self.numbers = ParsedNumbers.parse(
            gathered.numbers, distinct[distinct > 0], region=self.region, policy=self.policy
        )
        wrong = np.zeros(len(rows), bool)
        found = {"after_hours": after_hours}
        for field, at in site_cells.items():
            found[field], statuses = self.numbers.find(at)
            column = self.header.name(field)
            self._report_numbers(at, statuses, rows, lambda _, column=column: column)  # type: ignore[misc]
            wrong |= (statuses == WRONG) | (statuses == REFUSED)
        for numbers in (names[1], timezones[1], hours[1], thresholds[1]):
            wrong |= numbers < 0
        sites = _Sites(
            rows, location, names[1], timezones[1], hours[1], thresholds[1],
            found["default_destination"], found["after_hours"],
        )  # fmt: skip
        self._mark_bad(location[wrong])
        lost_sites = [row for row, field in gathered.lost if field in LOCATION_FIELDS]
        self._mark_bad(location[np.isin(rows, lost_sites)])

        has_more = (cells != 0) | (extensions != 0) | (fallbacks != 0)
        text = self._read_specs(specs, rule_rows, has_more)
        ignored = self._columns_without_numbers(specs, cells)
        destination, bad = self._read_destinations(specs, cells, extensions, rule_rows, ignored)
        chain, bad_chain = self._read_chains(chain_cells, fallbacks, rule_rows)
        needed = np.array([t.action == "transfer" for t in self.texts], bool)
        none = (text >= 0) & (cells == 0)
        none[none] = needed[text[none]]
        self.log.add_rows(
            "error", "no_destination", rule_rows[none].astype(np.int64),
            self.header.name("destination"),
            lambda _: (None, "is empty; a rule that transfers needs a destination"),
        )  # fmt: skip
        lost = [row for row, field in gathered.lost if field not in LOCATION_FIELDS and field]
        wrong = (text == _WRONG) | bad | bad_chain | none | np.isin(rule_rows, lost)
        rule_location = location_of_id[rule("id")]
        known = (text != _BLANK) & (rule_location >= 0)
        self._skip_rules(
            rule_rows[wrong & known & ~ignored], rule_location[wrong & known & ~ignored]
        )
        rules = _Rules(rule_rows, rule_location, text, destination, chain)
        return sites, rules.take(np.flatnonzero(known & ~wrong))

    def _mark_bad(self, locations: Int32) -> None:
        self.bad_location[locations[locations >= 0]] = True

    def _skip_rules(self, rows: Int32, locations: Int32) -> None:
        """Report rules left out, but for those whose whole location is."""
        rows = rows[~self.bad_location[locations]]
        self.log.add_rows(
            "skipped", "rule", rows.astype(np.int64), None,
            lambda _: (None, "rule left out: it has an error"),
        )  # fmt: skip

    def _report_numbers(
        self, cells: UInt64, statuses: npt.NDArray[np.uint8], rows: Int32,
        column: Callable[[int], str],
    ) -> None:  # fmt: skip
        """Issues for number cells; ``column`` names the column of a record."""
        kinds: tuple[tuple[int, Any, str], ...] = (
            (WRONG, "error", "bad_destination"),
            (REFUSED, "error", "refused_destination"),
            (REPAIRED, "repair", "destination"),
        )
        for status, severity, code in kinds:
            at = np.flatnonzero(statuses == status)
            self.log.add_rows(
                severity, code, rows[at].astype(np.int64),
                lambda i, at=at: column(int(at[i])),  # type: ignore[misc]
                lambda i, at=at: self.numbers.why(int(cells[at[i]])),  # type: ignore[misc]
            )  # fmt: skip

    def _columns_without_numbers(self, specs: Int32, cells: UInt64) -> Mask:
        """Records of wide columns that hold nothing like a number: an error a column, not a cell."""
        ignored = np.zeros(len(specs), bool)
        if self.header.layout == "long":
            return ignored
        from routing_engine.sheets.phones import looks_like_destination

        _, statuses = self.numbers.find(cells)
        fine = np.bincount(specs[statuses != WRONG], minlength=len(self.header.rules))
        for i, position in enumerate(self.header.rules):
            if fine[i]:
                continue
            found = cells[specs == i]
            texts = [self.gathered.numbers.text(code) for code in np.unique(found).tolist()]
            if not texts or any(map(looks_like_destination, texts)):
                continue
            name = self.header.names[position]
            first = self.gathered.numbers.text(int(found[0]))
            self.log.add(
                "error", "not_a_rule_column",
                f"none of its {len(found):,} cells is a number or SIP URI (the first is "
                f"{shown(first)}); remove the column, or use a header of the documented ones",
                row=self.header.row, column=name, file=self.file,
            )  # fmt: skip
            self.log.add(
                "skipped", "column", "column left out", row=self.header.row, column=name,
                file=self.file,
            )  # fmt: skip
            ignored |= specs == i
        return ignored

    def _read_destinations(
        self, specs: Int32, cells: UInt64, extensions: Int32, rows: Int32, ignored: Mask
    ) -> tuple[UInt64, Mask]:
        """Destination code of each rule, and whether it is wrong."""
        codes, statuses = self.numbers.find(cells)
        names = [self.header.names[position] for position in self.header.rules]
        long_name = self.header.name("destination")

        def column(i: int) -> str:
            return names[specs[i]] if names else long_name

        self._report_numbers(cells, np.where(ignored, np.uint8(OK), statuses), rows, column)
        bad = (statuses == WRONG) | (statuses == REFUSED)
        texts = [text_of(value) for value in self.gathered.extensions.values]  # type: ignore[arg-type]
        made: dict[tuple[int, int], int | str] = {}
        failed: list[tuple[int, str, str]] = []
        for i in np.flatnonzero((extensions != 0) & ~bad).tolist():
            extension = texts[extensions[i]]
            if not extension:
                continue
            pair = int(codes[i]), int(extensions[i])
            if pair not in made:
                made[pair] = self._extended(pair[0], extension)
            result = made[pair]
            if isinstance(result, str):
                failed.append((i, extension, result))
            else:
                codes[i] = result
        at = np.array([i for i, _, _ in failed], np.int64)
        bad[at] = True
        self.log.add_rows(
            "error", "bad_extension", rows[at].astype(np.int64), self.header.name("extension"),
            lambda i: failed[i][1:],
        )  # fmt: skip
        return codes, bad

    def _extended(self, code: int, extension: str) -> int | str:
        """The code with an extension, or why there is none."""
        if not code:
            return "an extension without a destination"
        base = self.numbers.decode(code)
        if base.sip_uri is not None:
            return "a SIP destination has no extension"
        if base.extension is not None and base.extension != extension:
            return f"{shown(extension)} is not the extension written with the number"
        try:
            return self.numbers.interned.encode(Destination(base.number, extension))
        except InvalidValueError as error:
            return str(error)

    def _read_chains(
        self, chain_cells: Sequence[UInt64], fallbacks: Int32, rows: Int32
    ) -> tuple[Int32, Mask]:
        """Fallback chain of each rule (0 for none), and whether it is wrong."""
        chains: Interner[tuple[int, ...]] = Interner()
        chains.add(())
        numbers = np.zeros(len(chain_cells), np.int32)
        column = self.header.name("fallback")
        rows_of: _Rows | None = None
        for i, cells in enumerate(chain_cells):
            codes, statuses = self.numbers.find(cells)
            for cell, status in zip(cells.tolist(), statuses.tolist(), strict=True):
                if status == OK:
                    continue
                rows_of = rows_of or _Rows(fallbacks, rows)
                value, message = self.numbers.why(cell)
                if status == REPAIRED:
                    severity, code = "repair", "fallback"
                else:
                    severity, code = "error", "bad_fallback"
                    numbers[i] = -1
                self._add_rows(
                    severity, code, rows_of.of(i), column, Finding("fallback", value, message)
                )
            if numbers[i] == 0:
                numbers[i] = chains.add(tuple(codes.tolist()))
        self.chains = list(chains.values)
        chosen = numbers[fallbacks]
        return chosen, chosen < 0

    # Checks of locations.

    def _first_values(self, sites: _Sites, values: npt.NDArray[Any], n: int) -> Int64:
        """Position of the first row of each location with a value, -1 for none."""
        at = np.flatnonzero((values > 0) & (sites.location >= 0))
        first = np.full(n, -1, np.int64)
        # The last assignment wins, so the rows are taken backwards.
        first[sites.location[at[::-1]]] = at[::-1]
        return first

    def _conflicts(
        self, sites: _Sites, values: npt.NDArray[Any], first: Int64, field: str,
        show: Callable[[Any], str],
    ) -> None:  # fmt: skip
        """Report rows whose value is not the first of their location."""
        at = np.flatnonzero((values > 0) & (sites.location >= 0))
        at = at[values[at] != values[first[sites.location[at]]]]
        is_name = field == "location_name"
        end = "the first is taken" if is_name else f"a location has one {field}"

        def describe(i: int) -> tuple[str, str]:
            other = first[sites.location[at[i]]]
            here, there = show(values[at[i]]), show(values[other])
            return here, (
                f"{shown(here)} here and {shown(there)} in row {sites.row[other]} for location "
                f"{shown(self.ids[sites.location[at[i]]])}; {end}"
            )

        self.log.add_rows(
            "warning" if is_name else "error", f"conflicting_{field}",
            sites.row[at].astype(np.int64), self.header.name(field), describe,
        )  # fmt: skip
        if not is_name:
            self._mark_bad(sites.location[at])

    def _check_sites(self, sites: _Sites, n: int) -> Int64:
        """Report what rows of one location disagree on; the first row with each one's default."""
        first_name = self._first_values(sites, sites.name, n)
        self._conflicts(sites, sites.name, first_name, "location_name", lambda i: self.names[i])
        first_zone = self._first_values(sites, sites.timezone, n)
        self._conflicts(sites, sites.timezone, first_zone, "timezone", lambda i: self.timezones[i])
        first_hours = self._first_values(sites, sites.hours, n)
        self._conflicts(
            sites, sites.hours, first_hours, "business_hours", lambda i: str(self.hours[i])
        )
        after_hours = self._first_values(sites, sites.after_hours, n)
        self._check_hours(sites, first_hours, first_zone, after_hours)
        self._conflicts(
            sites, sites.after_hours, after_hours, "after_hours",
            lambda code: self.numbers.decode(int(code)).masked,
        )  # fmt: skip
        first_threshold = self._first_values(sites, sites.threshold, n)
        self._conflicts(
            sites, sites.threshold, first_threshold, "location_threshold",
            lambda i: f"{self.thresholds[i]:g}",
        )  # fmt: skip
        defaults = self._first_values(sites, sites.default, n)
        self._conflicts(
            sites, sites.default, defaults, "default_destination",
            lambda code: self.numbers.decode(int(code)).masked,
        )  # fmt: skip
        missing = (defaults < 0) & ~self.bad_location
        at = np.flatnonzero(missing)
        first_row = np.zeros(n, np.int64)
        known = np.flatnonzero(sites.location >= 0)[::-1]
        first_row[sites.location[known]] = sites.row[known]
        self.log.add_rows(
            "error", "no_default_destination", first_row[at],
            self.header.name("default_destination"),
            lambda i: (None, f"is empty for location {shown(self.ids[at[i]])}, which needs one"),
        )  # fmt: skip
        self.bad_location |= missing
        return defaults

    def _check_hours(self, sites: _Sites, hours: Int64, zones: Int64, numbers: Int64) -> None:
        """Hours are times of a zone, and a number for closed hours wants some."""
        at = np.flatnonzero((hours >= 0) & (zones < 0) & ~self.bad_location)
        self.log.add_rows(
            "error", "no_timezone", sites.row[hours[at]].astype(np.int64),
            self.header.name("timezone"),
            lambda i: (
                None,
                f"is empty for location {shown(self.ids[at[i]])}, which needs one for its hours",
            ),
        )  # fmt: skip
        self.bad_location[at] = True
        lonely = np.flatnonzero((numbers >= 0) & (hours < 0) & ~self.bad_location)
        self.log.add_rows(
            "warning", "no_business_hours", sites.row[numbers[lonely]].astype(np.int64),
            self.header.name("after_hours"),
            lambda i: (
                None,
                f"never rings: {shown(self.ids[lonely[i]])} has no business hours and is always open",
            ),
        )  # fmt: skip

    # Checks of the rules of a location.

    def _check_rules(self, rules: _Rules, n: int) -> _Rules:
        """Without repeated and contradictory rules, all of which are reported."""
        counts = np.bincount(rules.location, minlength=n)
        starts = np.cumsum(counts) - counts
        tables, firsts = distinct_sequences(rules.text, counts)
        whens: Interner[tuple[str, tuple[str, ...]]] = Interner()
        when_of = np.array(
            [whens.add((text.when.casefold(), text.languages)) for text in self.texts], np.int32
        )
        members: _Rows | None = None
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
            members = members or _Rows(tables, np.arange(n, dtype=np.int32))
            locations = members.of(table)
            for group in same.values():
                if len(group) > 1:
                    self._check_same_when(rules, starts[locations], group, keep, refused, similar)
        for slot, other, n_locations in similar:
            self._warn_pair(rules, slot, other, n_locations)
        bad = refused & ~self.bad_location[rules.location]
        self._skip_rules(rules.row[bad], rules.location[bad])
        rules = rules.take(np.flatnonzero(keep & ~refused))
        self._warn_of_similar(rules, n)
        return rules

    def _check_same_when(
        self, rules: _Rules, starts: Int64, group: list[int], keep: Mask, refused: Mask,
        similar: list[tuple[int, int, int]],
    ) -> None:  # fmt: skip
        """Rules at these positions have one ``when`` in every one of these locations."""
        actions = [self.texts[rules.text[starts[0] + position]].action for position in group]
        slots = np.stack([starts + position for position in group])
        destinations = rules.destination[slots]
        contradicts = destinations != destinations[0]
        contradicts |= np.array([action != actions[0] for action in actions])[:, None]
        for i in range(1, len(group)):
            at = slots[i][contradicts[i]]
            others = slots[0][contradicts[i]]
            column = self.header.name("when")

            def describe(j: int, at: Int64 = at, others: Int64 = others) -> tuple[str, str]:
                text = self.texts[rules.text[at[j]]]
                return text.when, (
                    f"same 'when' as row {rules.row[others[j]]} of location "
                    f"{shown(self.ids[rules.location[at[j]]])} and another destination: "
                    f"{shown(text.when)}"
                )

            self.log.add_rows(
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
            self.log.add_rows(
                "warning", "repeated_rule", rules.row[at].astype(np.int64), None,
                lambda k, at=at: (  # type: ignore[misc]
                    None,
                    (f"repeats a rule of location {shown(self.ids[rules.location[at[k]]])}: "
                    f"{shown(self.texts[rules.text[at[k]]].label)}; dropped"),
                ),
            )  # fmt: skip
            alike = np.flatnonzero(~repeats & ~contradicts[i])
            if len(alike):
                slot = int(slots[i][alike[0]])
                similar.append((slot, int(slots[0][alike[0]]), len(alike)))

    def _warn_of_similar(self, rules: _Rules, n: int) -> None:
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
            [text.when for text in self.texts], sequences
        )
        for table, first_rule, second_rule in found:
            start = int(starts[firsts[table]])
            self._warn_pair(rules, start + second_rule, start + first_rule, int(n_locations[table]))

    def _warn_pair(self, rules: _Rules, slot: int, other: int, n_locations: int) -> None:
        more = f" and {n_locations - 1:,} more like it" if n_locations > 1 else ""
        here, there = (self.texts[rules.text[at]].when for at in (slot, other))
        self.log.add(
            "warning", "similar_rules",
            f"{shown(here)} is nearly the same as {shown(there)} in row {rules.row[other]} "
            f"(location {shown(self.ids[rules.location[slot]])}{more})",
            row=int(rules.row[slot]), column=self.header.name("when"), value=here, file=self.file,
        )  # fmt: skip

    # Columns.

    def _columns(
        self, sites: _Sites, rules: _Rules, names: Int64, defaults: Int64
    ) -> LocationColumns:
        kept = np.flatnonzero(~self.bad_location)
        n = len(kept)
        renumbered = np.full(len(self.ids), -1, np.int64)
        renumbered[kept] = np.arange(n)
        rules = rules.take(np.flatnonzero(~self.bad_location[rules.location]))
        counts = np.bincount(renumbered[rules.location], minlength=n)
        first_slot = np.zeros(n + 1, np.int64)
        np.cumsum(counts, out=first_slot[1:])
        table, firsts = distinct_sequences(rules.text, counts)
        tables = tuple(
            tuple(self.texts[i] for i in rules.text[first_slot[f] : first_slot[f + 1]].tolist())
            for f in firsts.tolist()
        )

        def first_code(values: Int32) -> Int32:
            first = self._first_values(sites, values, len(self.ids))[kept]
            return np.where(first < 0, np.int32(0), values[first]) if len(values) else values

        zone = first_code(sites.timezone).astype(np.int64)
        zoned = zone * len(self.hours) + first_code(sites.hours)
        triple = zoned * len(self.thresholds) + first_code(sites.threshold)
        _, first, group = np.unique(triple, return_index=True, return_inverse=True)
        rank = np.empty(len(first), np.int32)
        rank[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
        site_values = tuple(self._site(code) for code in triple[np.sort(first)].tolist())

        slots = np.flatnonzero(rules.chain)
        lengths = np.array([len(chain) for chain in self.chains], np.int64)
        flat = np.array([code for chain in self.chains for code in chain], np.uint64)
        chain_starts = np.cumsum(lengths) - lengths
        n_codes = lengths[rules.chain[slots]]
        offsets = np.zeros(len(slots) + 1, np.int64)
        np.cumsum(n_codes, out=offsets[1:])
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], n_codes)
        codes = flat[np.repeat(chain_starts[rules.chain[slots]], n_codes) + within]

        name_codes = [0 if i < 0 else int(sites.name[i]) for i in names[kept].tolist()]
        after_hours = self._first_values(sites, sites.after_hours, len(self.ids))[kept]
        after_codes = np.zeros(n, np.uint64)
        after_codes[after_hours >= 0] = sites.after_hours[after_hours[after_hours >= 0]]
        return LocationColumns(
            ids=StringColumn.from_strings([self.ids[i] for i in kept.tolist()]),
            names=StringColumn.from_strings([self.names[code] or "" for code in name_codes]),
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
            specials=tuple(self.numbers.interned.specials),
            dial_policy=self.policy,
        )

    def _site(self, code: int) -> SharedSettings:
        """What the numbers of a time zone, of hours and of a threshold say together."""
        rest, threshold = divmod(code, len(self.thresholds))
        zone, number = divmod(rest, len(self.hours))
        timezone, hours = self.timezones[zone] or None, self.hours[number]
        if hours is not None:
            hours = hours.model_copy(update={"timezone": timezone})
        return SharedSettings(timezone, self.thresholds[threshold], hours)


def _id_finding(value: object, text: str) -> Finding | None:
    """What there is to say about a location id: an error, a repair, a warning, or nothing."""
    if isinstance(value, float):
        if abs(value) >= 1e15:
            message = f"{shown(text)} has more digits than a spreadsheet keeps; format it as text"
            return Finding("error", text, message)
        message = f"the number {shown(text)} is read as text; leading zeros would be lost"
        return Finding("number", text, message, repaired=True)
    if not isinstance(value, str):
        return Finding("error", text, f"a spreadsheet made a date of this id ({shown(text)})")
    if len(text) > MAX_LOCATION_ID_LENGTH or not text.isascii() or not text.isprintable():
        try:
            Location(location_id=text, default_destination=_SAMPLE)
        except InvalidValueError as error:
            return Finding("error", text, plain_message(error.problems[0].message))
    if text[:1].isdigit() and "E+" in text and _looks_shortened(text):
        message = f"{shown(text)} looks like a number that a spreadsheet shortened"
        return Finding("shortened", text, message)
    return None


def _looks_shortened(text: str) -> bool:
    try:
        return float(text) >= 1e5
    except ValueError:
        return False


def _read_name(text: str) -> tuple[str, None]:
    folded = " ".join(text.split())
    return Location(location_id="x", default_destination=_SAMPLE, name=folded).name or "", None


def _read_timezone(text: str) -> tuple[str, None]:
    made = Location(location_id="x", default_destination=_SAMPLE, timezone=text)
    return made.timezone or "", None


def _read_hours(text: str) -> tuple[BusinessHours, None]:
    # The zone stands in another cell.
    return BusinessHours.parse(text, timezone="UTC"), None


def _read_threshold(text: str) -> tuple[float, str | None]:
    number, repair = read_fraction(text)
    Location(location_id="x", default_destination=_SAMPLE, threshold=number)
    return number, repair


def assemble(
    gathered: Gathered, log: IssueLog, *, template: Template, file: str, region: str | None,
    policy: DialPolicy,
) -> LocationColumns:  # fmt: skip
    """Check all that was gathered and compile what is right; the rest goes to the log."""
    return _Assembly(gathered, log, template, file, region, policy).run()
