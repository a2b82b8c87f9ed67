"""Collect the rows of a sheet as arrays of codes, chunk by chunk.

A column whose values repeat becomes codes into its distinct values; number cells become the codes
of :class:`~routing_engine.sheets.phones.CellCodes`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import count, repeat

import numpy as np
import numpy.typing as npt

from routing_engine.sheets.cells import Value, text_of
from routing_engine.sheets.day_columns import hours_beside_day_off, hours_of_days
from routing_engine.sheets.headers import TEXT_FIELDS, Header, n_known
from routing_engine.sheets.issues import IssueLog
from routing_engine.sheets.phones import CellCodes
from routing_engine.sheets.tables import RawTable

__all__ = ["Gathered", "gather"]

Progress = Callable[[int, int | None], None]
Column = Sequence[Value]


class Tokens:
    """Distinct values of a column, numbered in order of first appearance."""

    def __init__(self) -> None:
        self._numbers: defaultdict[object, int] = defaultdict(count().__next__)

    def encode(self, cells: Iterable[object]) -> npt.NDArray[np.int32]:
        return np.fromiter(map(self._numbers.__getitem__, cells), np.int32)

    @property
    def values(self) -> list[object]:
        return list(self._numbers)


class Blocks:
    """Arrays of one kind, appended chunk by chunk and joined once."""

    def __init__(self, **dtypes: type[np.generic]) -> None:
        self._dtypes = dtypes
        self._parts: dict[str, list[npt.NDArray[np.generic]]] = {name: [] for name in dtypes}

    def append(self, **arrays: npt.NDArray[np.generic]) -> None:
        for name, dtype in self._dtypes.items():
            self._parts[name].append(arrays[name].astype(dtype, copy=False))

    def join(self, name: str) -> npt.NDArray[np.generic]:
        parts = self._parts.pop(name)
        return np.concatenate(parts) if parts else np.empty(0, self._dtypes[name])


class Gathered:
    """All rows of a routing sheet as codes.

    Attributes:
        header: of the sheet.
        ids, names, timezones, hours, thresholds, lines, fallbacks, extensions, specs: distinct cells.
            A spec is a tuple of the cells of ``TEXT_FIELDS``; in the wide layout it is the
            position of the rule's column.
        numbers: codes of number cells.
        sites: a record for each row: ``row, id, name, timezone, hours, threshold, default,
            after_hours, lines``.
        rules: a record for each rule: ``row, id, spec, destination, extension, fallback``.
        n_rows: rows that are not blank.
        lost: (row, column or None for a rule's own) of cells that hold an error instead of a value.
        headings: rows that hold an id and nothing else.
    """

    def __init__(self, header: Header) -> None:
        self.header = header
        self.ids, self.names, self.timezones, self.hours, self.thresholds, self.lines = (
            Tokens() for _ in range(6)
        )
        self.fallbacks, self.extensions, self.specs = (Tokens() for _ in range(3))
        self.numbers = CellCodes()
        self.n_rows = 0
        self.lost: list[tuple[int, str | None]] = []
        self.headings: list[int] = []
        self.sites = Blocks(
            row=np.int32, id=np.int32, name=np.int32, timezone=np.int32, hours=np.int32,
            threshold=np.int32, default=np.uint64, after_hours=np.uint64, lines=np.int32,
        )  # fmt: skip
        self.rules = Blocks(
            row=np.int32, id=np.int32, spec=np.int32, destination=np.uint64, extension=np.int32,
            fallback=np.int32,
        )  # fmt: skip
        # The empty cell is number 0 everywhere.
        for tokens in (self.names, self.timezones, self.hours, self.thresholds, self.lines,
                       self.fallbacks, self.extensions):  # fmt: skip
            tokens.encode([""])

    def add(self, rows: npt.NDArray[np.int32], columns: list[Column]) -> None:
        """Add the rows of one chunk, column by column."""
        n = len(rows)
        self.n_rows += n
        fields = self.header.fields

        def cells(field: str) -> Iterable[Value]:
            position = fields.get(field)
            return repeat("", n) if position is None else columns[position]

        none = np.zeros(n, np.int32)
        ids = self.ids.encode(cells("location_id"))
        self.sites.append(
            row=rows,
            id=ids,
            name=self.names.encode(cells("location_name")),
            timezone=self.timezones.encode(cells("timezone")),
            hours=self._encode_hours(columns, cells, n),
            threshold=self.thresholds.encode(cells("location_threshold")),
            default=self.numbers.encode(self._with_area_codes(columns, cells)),
            after_hours=self.numbers.encode(map(_or_none, cells("after_hours")))
            if "after_hours" in fields
            else none,
            lines=self.lines.encode(cells("lines")),
        )
        if self.header.layout == "long":
            self.rules.append(
                row=rows,
                id=ids,
                spec=self.specs.encode(zip(*map(cells, TEXT_FIELDS), strict=True)),
                destination=self.numbers.encode(cells("destination")),
                extension=self.extensions.encode(cells("extension")),
                fallback=self.fallbacks.encode(cells("fallback")),
            )
            return
        positions = self.header.rules
        if not positions:
            return
        codes = np.stack([self.numbers.encode(columns[p]) for p in positions], axis=1)
        at, which = np.nonzero(codes)
        zeros = np.zeros(len(at), np.int32)
        self.rules.append(
            row=rows[at], id=ids[at], spec=which, destination=codes[at, which],
            extension=zeros, fallback=zeros,
        )  # fmt: skip

    def _with_area_codes(
        self, columns: list[Column], cells: Callable[[str], Iterable[Value]]
    ) -> Iterable[Value]:
        """Put the area code before each default number, where it stands in a column of its own."""
        numbers = cells("default_destination")
        at = self.header.area_code
        if at is None:
            return numbers
        return map(_with_area_code, columns[at], numbers)

    def _encode_hours(
        self, columns: list[Column], cells: Callable[[str], Iterable[Value]], n: int
    ) -> npt.NDArray[np.int32]:
        if self.header.days:
            days = [columns[position] for _, position, _ in self.header.days]
            return self.hours.encode(
                hours_of_days(self.header.days, row) for row in zip(*days, strict=True)
            )
        if "business_hours" in self.header.fields:
            hours = cells("business_hours")
            if self.header.day_off is not None:
                beside = zip(hours, columns[self.header.day_off], strict=True)
                hours = (hours_beside_day_off(text_of(one), text_of(off)) for one, off in beside)
            return self.hours.encode(hours)
        return np.zeros(n, np.int32)


def gather(table: RawTable, header: Header, log: IssueLog, progress: Progress | None) -> Gathered:
    """Read all rows of a routing sheet.

    Raises:
        SheetError: the file cannot be read to its end.
    """
    gathered = Gathered(header)
    width = len(header.names)
    _report_lost(table, gathered, log)
    unnamed = dict.fromkeys(header.unnamed, False)
    n_done = 0
    is_first = True
    below: list[str] = []
    for first_row, chunk in table.rows():
        rows, numbers = _rectangular(chunk, first_row, width, table.name, log)
        if is_first and rows and _is_second_header(rows[0], header):
            log.add(
                "warning", "second_header", "a second row of headers, not read",
                row=int(numbers[0]), file=table.name,
            )  # fmt: skip
            rows, numbers = rows[1:], numbers[1:]
        id_at = header.fields["location_id"]
        id_name = header.names[id_at]
        blank = [
            i
            for i, row in enumerate(rows)
            if not row[id_at]
            or _is_blank(row[id_at])
            or row[id_at] == id_name
            or (_says_total(row[id_at]) and _is_total(row, header))
        ]
        if blank:
            for i in blank:
                if all(map(_is_blank, rows[i])):
                    continue
                other = _other_row(rows[i], header)
                if other is not None:
                    log.add("warning", other[0], other[1], row=int(numbers[i]), file=table.name)
                    continue
                gathered.n_rows += 1
                message = "is empty; every row names its location"
                row_number = int(numbers[i])
                column = header.name("location_id")
                log.add(
                    "error", "no_location_id", message, row=row_number, column=column,
                    file=table.name,
                )  # fmt: skip
                log.add("skipped", "row", "row left out", row=row_number, file=table.name)
            dropped = set(blank)
            rows = [row for i, row in enumerate(rows) if i not in dropped]
            numbers = np.delete(numbers, blank)
        if rows:
            if header.layout == "wide" and width >= _FEW_CELLS:
                gathered.headings += _headings(rows, numbers, header)
            columns: list[Column] = list(zip(*rows, strict=True))
            gathered.add(numbers, columns)
            for position, found in unnamed.items():
                unnamed[position] = found or not all(map(_is_blank, columns[position]))
        if is_first and rows:
            below = [text_of(cell) for cell in rows[0]]
        is_first = False
        n_done += len(chunk)
        if progress is not None:
            progress(n_done, table.n_rows)
    without = [position for position, found in unnamed.items() if found]
    # Rows of locations hold digits: a number, if nothing else.
    is_split = any(map(below.__getitem__, without)) if below else False
    is_split = is_split and not any(map(str.isdigit, "".join(below)))
    advice = "; if the row below holds headers too, make one row of the two" if is_split else ""
    for position in without:
        log.add(
            "warning" if header.layout == "long" else "error",
            "unnamed_column",
            f"column {position + 1} has cells and no header; not read{advice}",
            row=header.row,
            file=table.name,
        )
    return gathered


_TOTAL_WORDS = (
    "total", "totals", "grand total", "sum", "subtotal", "count", "summe", "gesamt", "gesamtsumme",
    "anzahl", "total général", "somme", "totale", "suma", "soma", "totaal", "totalt", "razem",
    "celkem", "spolu", "összesen", "toplam", "итого", "всего", "合計", "总计", "insgesamt", "zwischensumme",
    "yhteensä", "ukupno", "skupaj", "kokku", "iš viso", "σύνολο", "jumlah", "tổng cộng", "합계", "總計", "小計",
)  # fmt: skip
_TOTAL = re.compile(rf"(?:{'|'.join(_TOTAL_WORDS)})\b\s*:?\s*[\d.,]*", re.IGNORECASE)
_OF_TOTALS = re.compile(
    rf"(?:{'|'.join(_TOTAL_WORDS)})\b[^:]{{0,40}}:.{{0,40}}|.{{1,60}}\b(?:(?:sub|grand )?totals?|summe|gesamt)",
    re.IGNORECASE,
)
"""What a total may be called in a row that holds little else: ``Gesamt: 3 Filialen``, ``West Total``."""
_FEW_CELLS = 3
MAX_TOTAL_LENGTH = 100


def _says_total(cell: Value) -> bool:
    if not isinstance(cell, str):
        return False
    text = cell.strip()
    return _TOTAL.fullmatch(text) is not None or (
        len(text) <= MAX_TOTAL_LENGTH and _OF_TOTALS.fullmatch(text) is not None
    )


def _is_total(row: Sequence[Value], header: Header) -> bool:
    """Whether a row holds totals: it is labelled so, and has no phone number."""
    default = text_of(row[header.fields["default_destination"]])
    cells = [text_of(cell) for cell in row]
    is_said = any(_TOTAL.fullmatch(cell) for cell in cells[:4])
    if not is_said and sum(map(bool, cells)) <= _FEW_CELLS:
        is_said = any(map(_says_total, cells[:4]))
    return is_said and sum(map(str.isdigit, default)) < 7


def _headings(
    rows: Sequence[Sequence[Value]], numbers: Sequence[int] | npt.NDArray[np.int32], header: Header
) -> list[int]:
    """Return the numbers of rows that hold a location's id and nothing else."""
    at = header.fields["default_destination"]
    return [
        int(numbers[i])
        for i, row in enumerate(rows)
        if not text_of(row[at]) and sum(bool(text_of(cell)) for cell in row) == 1
    ]


def _is_second_header(row: Sequence[Value], header: Header) -> bool:
    """Whether the row below the header is a second header, such as in another language."""
    cells = [text_of(cell) for cell in row]
    if cells == list(header.names):
        return False  # said of every such row
    return n_known(cells, {}) >= 2 and not any(c.isdigit() for cell in cells for c in cell)


def _other_row(row: Sequence[Value], header: Header) -> tuple[str, str] | None:
    """Return code and message for a row of totals or a repeated header, else None."""
    if _is_total(row, header):
        return "totals_row", "a row of totals, not read"
    if all(text_of(cell) == name for cell, name in zip(row, header.names, strict=True)):
        return "repeated_header", "the header again, not read"
    return None


def _report_lost(table: RawTable, gathered: Gathered, log: IssueLog) -> None:
    header = gathered.header
    field_at = {position: field for field, position in header.fields.items()}
    for row, position, what in table.lost:
        known = position in field_at or position in header.rules
        if row <= header.row or not known:
            continue
        gathered.lost.append((row, field_at.get(position)))
        log.add(
            "error", "lost_value", f"holds {what} instead of a value; enter the value itself",
            row=row, column=header.names[position], value=what, file=table.name,
        )  # fmt: skip


_WITH_AREA_CODE = 9
"""Digits of a number that are more than any has behind its area code, when it begins like one."""


def _with_area_code(code: Value, number: Value) -> Value:
    """A number with its area code, unless it has a code of its own."""
    before, rest = text_of(code).strip("() "), text_of(number)
    # "5512 3456" beside 55 begins alike; ten digits hold the area code.
    is_long = sum(map(str.isdigit, rest)) >= _WITH_AREA_CODE
    is_led = before != "" and rest.startswith(before) and (before[0] == "0" or is_long)
    has_one = rest.startswith(("+", "00", "(")) or is_led
    return number if not before or not rest or has_one else f"{before} {rest}"


def _or_none(cell: Value) -> Value:
    """Return a cell, or empty text if it says "none"."""
    return "" if isinstance(cell, str) and cell.strip().casefold() == "none" else cell


def _is_blank(cell: Value) -> bool:
    return isinstance(cell, str) and not cell.strip()


def _rectangular(
    rows: list[Sequence[Value]], first_row: int, width: int, file: str, log: IssueLog
) -> tuple[list[Sequence[Value]], npt.NDArray[np.int32]]:
    """Pad rows to ``width`` cells, and number them; a row with more is an error."""
    numbers = np.arange(first_row, first_row + len(rows), dtype=np.int32)
    if set(map(len, rows)) <= {width}:
        return rows, numbers
    out: list[Sequence[Value]] = []
    too_long: list[int] = []
    for i, row in enumerate(rows):
        if len(row) > width and not all(map(_is_blank, row[width:])):
            too_long.append(i)
            continue
        out.append((*row[:width], *[""] * (width - len(row))))
    for i in too_long:
        log.add(
            "error", "too_many_cells",
            f"{len(rows[i])} cells where the header has {width}; is a delimiter not quoted?",
            row=first_row + i, file=file,
        )  # fmt: skip
        log.add("skipped", "row", "row left out", row=first_row + i, file=file)
    return out, np.delete(numbers, too_long)
