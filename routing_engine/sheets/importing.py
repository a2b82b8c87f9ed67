"""Read a routing sheet into locations, with a report of everything found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import phonenumbers

from routing_engine.catalog.columns import LocationColumns
from routing_engine.errors import InvalidValueError, SheetError
from routing_engine.hours import meant_zone
from routing_engine.model.destinations import DEFAULT_DIAL_POLICY, DialPolicy, parse_destination
from routing_engine.model.rules import RuleText
from routing_engine.reports import ImportReport
from routing_engine.sheets.assembly import assemble
from routing_engine.sheets.frames import FILE, is_frame, table_of
from routing_engine.sheets.gathering import gather
from routing_engine.sheets.headers import check_mapping, read_header
from routing_engine.sheets.issues import IssueLog
from routing_engine.sheets.reading import choose_tables, open_tables
from routing_engine.sheets.tables import RawTable
from routing_engine.sheets.texts import Template, read_template, template_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Sheet", "read_sheet"]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The locations of a sheet, and the report on it.

    Attributes:
        columns: its locations.
        report: what was found, repaired and left out.
    """

    columns: LocationColumns
    report: ImportReport


def read_sheet(
    path: str | PathLike[str] | pd.DataFrame,
    *,
    region: str | None = "US",
    dial_policy: DialPolicy = DEFAULT_DIAL_POLICY,
    template: str | PathLike[str] | Iterable[RuleText] | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    columns: Mapping[str, str] | None = None,
    pbx: str | None = None,
    timezone: str | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Sheet:
    """Read a routing sheet: one row per rule (long), or per location with rules as columns (wide).

    Rows of one location may stand anywhere; locations are in order of first appearance and
    their rules in row order. Numbers that a spreadsheet damaged are repaired only where nothing
    was lost.

    Args:
        path: a .csv, .tsv, .txt, .xlsx or .xlsm file; or a DataFrame with the columns of one, in
            which a missing value is an empty cell and the row that issues name is the position + 2,
            as in the file that it would be written to.
        region: ISO 3166-1 alpha-2 code whose national number format is read; None for E.164 only.
        dial_policy: which destinations may be dialled; any other is an error.
        template: a sheet with the columns label, when and optionally examples and so on, or rule
            texts. In the wide layout it says what each column means; in the long layout it fills
            what a row leaves empty. Takes precedence over a template sheet in the workbook.
        on_error: ``"raise"``, or ``"skip"`` to leave out what is wrong and report each row left
            out: a wrong rule alone (its callers reach the default), rules that contradict each
            other together, and a location that is wrong in itself (id, name, default, time zone,
            threshold, more than 256 rules) as a whole. A file that cannot be read to its end is
            refused either way.
        columns: header as written in the sheet -> the column that it means, such as
            ``{"Filiale": "location_id"}``; or ``"ignore"``, or ``"rule"`` for a rule of the wide
            layout.
        pbx: host of a PBX, such as ``"sip.example.com"``: a cell of 3 to 5 digits is one of its
            extensions, ``sip:2204@sip.example.com``.
        timezone: IANA name for locations that name none.
        progress: called now and then with the rows read and, where known, their total.

    Raises:
        SheetError: the sheet cannot be read or has errors; its report lists them all.
        InvalidValueError: an argument is wrong.
    """
    if region is not None and region not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidValueError(
            f"region {region!r} is not a two-letter country code such as 'US' or 'GB'"
        )
    if on_error not in ("raise", "skip"):
        raise InvalidValueError(f"on_error is 'raise' or 'skip', not {on_error!r}")
    if not isinstance(dial_policy, DialPolicy):
        raise InvalidValueError(f"dial_policy is a DialPolicy, not {dial_policy!r}")
    mapping = check_mapping(columns or {})
    if pbx is not None:
        parse_destination(f"sip:100@{pbx}")
    if timezone is not None and (advice := meant_zone(timezone)) is not None:
        raise InvalidValueError(f"timezone {timezone!r}: {advice}")
    if is_frame(path):
        log = IssueLog(FILE)
        tables = [table_of(path, log)]
    else:
        source = Path(cast("str | PathLike[str]", path))
        log = IssueLog(source.name)
        tables = open_tables(source, log, mapping, region)
    main, own_template = choose_tables(tables, log, mapping)
    texts = _template(template, own_template, log)
    header = read_header(
        main.header, main.header_row, main.name, log, template=frozenset(texts), mapping=mapping
    )
    log.table = main.name
    gathered = gather(main, header, log, progress)
    if not gathered.n_rows:
        raise log.fatal("no_rows", "has a header and no rows", file=main.name)
    found = assemble(
        gathered,
        log,
        template=texts,
        file=main.name,
        region=region,
        policy=dial_policy,
        pbx=pbx,
        timezone=timezone,
    )
    report = log.report(
        n_rows=gathered.n_rows,
        n_locations=len(found),
        n_rules=found.n_rules,
        n_profiles=_n_profiles(found),
        n_destinations=_n_destinations(found),
        n_folded=sum(rule.n_folded for rule in {r for rules in found.tables for r in rules}),
    )
    if on_error == "raise":
        kept = {kind: n for kind, n in report.totals.items() if not kind.startswith("skipped:")}
        report = replace(report, skipped=(), totals=kept)
        if report.errors:
            raise SheetError(report)
    return Sheet(found, report)


def _n_profiles(columns: LocationColumns) -> int:
    """Count distinct rule texts; tables that differ only in conditions share one."""
    return len(
        {
            tuple((rule.label, rule.when, rule.examples) for rule in rules)
            for rules in columns.tables
            if rules
        }
    )


def _n_destinations(columns: LocationColumns) -> int:
    codes = np.concatenate([columns.defaults, columns.destinations, columns.fallback_codes])
    distinct = np.unique(codes)
    return int((distinct != 0).sum())


def _template(
    given: str | PathLike[str] | Iterable[RuleText] | None, own: RawTable | None, log: IssueLog
) -> Template:
    if given is None:
        return {} if own is None else read_template(own, log)
    if not isinstance(given, (str, PathLike)):
        if not isinstance(given, Iterable):
            raise InvalidValueError(
                f"a template is a path or a sequence of RuleText, not {type(given).__name__}"
            )
        return template_of(given)
    path = Path(given)
    template_log = IssueLog(path.name)
    try:
        tables = [table for table in open_tables(path, template_log) if table.header]
        if not tables:
            raise template_log.fatal("empty", "is empty; the first row must name the columns")
        chosen = next((t for t in tables if t.title.strip().casefold() == "template"), tables[0])
        texts = read_template(chosen, template_log)
    except SheetError as error:
        log.absorb(error.report)
        raise SheetError(log.report()) from error
    log.absorb(template_log.report())
    if not texts and not template_log.has_errors:
        log.add("warning", "empty_template", "has no rules", file=path.name)
    return texts
