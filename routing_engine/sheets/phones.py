"""Parse the phone numbers of a sheet, each distinct cell once; repair what lost nothing.

A sheet of ten million rules has ten million distinct numbers, so a cell is one ``uint64`` while
the sheet is read: the digits of ``+14155550111`` themselves; or ``_DIGITS`` with the count and the
digits of ``4155550111``; or ``_TEXT`` plus an index for anything written otherwise. Each distinct
cell is then parsed once, in other processes where that pays.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import phonenumbers
from phonenumbers import PhoneNumberType

from routing_engine.catalog.columns import SPECIAL, DestinationCodes
from routing_engine.errors import InvalidValueError, mask
from routing_engine.model.called import parse_line
from routing_engine.model.destinations import (
    COSTLY_CODES,
    MAX_WRITTEN_LENGTH,
    Destination,
    DialPolicy,
    check_length,
    parse_destination,
)
from routing_engine.model.numbering import assigned, split
from routing_engine.model.written import fold
from routing_engine.reports import shown
from routing_engine.sheets.cells import Value, text_of

__all__ = [
    "OK", "REFUSED", "REPAIRED", "WRONG", "CellCodes", "ParsedNumbers", "read_line", "read_number",
]  # fmt: skip

OK, REPAIRED, REFUSED, WRONG, _ELSEWHERE = range(5)

Codes = npt.NDArray[np.uint64]
Statuses = npt.NDArray[np.uint8]

_TEXT = 1 << 62
_DIGITS = 1 << 61
_N_DIGITS_AT = 50  # fifteen digits are less than 2**50

# The two common shapes of a cell; "'+" is how this library exports a number.
_E164 = re.compile(r"[ \t]*'?\+([1-9][0-9]{6,14})[ \t]*", re.ASCII)
_PLAIN_DIGITS = re.compile(r"[ \t]*([0-9]{1,15})[ \t]*", re.ASCII)

# What ten digits in these groups are in no other way: see tests/sheets/test_phone_cells.py.
_NORTH_AMERICAN = re.compile(
    r"\([2-9][0-9]{2}\) ?[2-9][0-9]{2}-[0-9]{4}|[2-9][0-9]{2}([-. ])[2-9][0-9]{2}\1[0-9]{4}"
    r"|[2-9][0-9]{2}[2-9][0-9]{6}",
    re.ASCII,
)
_NO_DIGIT = re.compile(r"[^0-9]")

# "12345678.00" is an amount; so many zeros are what is left of a number of ten digits.
_FLOAT = re.compile(r"\+?(?:[0-9]{7,15}\.(0)|[0-9]{10,15}\.(0+))", re.ASCII)
_FORMULA = re.compile(r"=\s*(?:\"\"?([^\"]*)\"\"?|\+?([0-9]+))", re.ASCII)
_BROKEN_FLOAT = re.compile(r"\+?[0-9]{9,}\.[0-9]*[1-9][0-9]*", re.ASCII)
_SCIENTIFIC = re.compile(r"\+?([0-9])(?:[.,]([0-9]+))?[eE]\+?([0-9]{1,2})", re.ASCII)
_QUOTES = "\"'\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb`"

_PBX_EXTENSION = re.compile(r"(?:x|ext(?:ension)?\.?|#)?\s*([0-9]{3,5})", re.ASCII | re.IGNORECASE)

SMALLEST_FOR_PROCESSES = 50_000
MAX_PROCESSES = 8


class CellCodes:
    """Number cells, interned as ``uint64`` codes; 0 is an empty cell."""

    def __init__(self) -> None:
        self._texts: dict[str, int] = {}
        self._in_order: list[str] = []

    def encode(self, cells: Iterable[Value]) -> Codes:
        """Return a code for each cell, uint64 ``(n_cells,)``."""
        return np.fromiter(map(self._code, cells), np.uint64)

    def _code(self, cell: Value) -> int:
        if isinstance(cell, str):
            match = _E164.fullmatch(cell)
            if match is not None:
                return int(match[1])
            text = cell
        else:
            text = text_of(cell)
        match = _PLAIN_DIGITS.fullmatch(text)
        if match is not None:
            digits = match[1]
            return _DIGITS | len(digits) << _N_DIGITS_AT | int(digits)
        text = text_of(text)
        if not text:
            return 0
        index = self._texts.get(text)
        if index is None:
            index = self._texts[text] = len(self._in_order)
            self._in_order.append(text)
        return _TEXT + index

    def text(self, code: int) -> str:
        """Return the text of a cell code."""
        if code >= _TEXT:
            return self._in_order[code - _TEXT]
        if code >= _DIGITS:
            n_digits = (code & ~_DIGITS) >> _N_DIGITS_AT
            return str(code & ((1 << _N_DIGITS_AT) - 1)).zfill(n_digits)
        return f"+{code}" if code else ""


def looks_like_destination(text: str) -> bool:
    """Whether a cell has the shape of a phone number or SIP URI."""
    text = text[:MAX_WRITTEN_LENGTH]
    if re.match(r"(?i)\s*(?:sips?|tel):", text):
        return True
    n_digits = sum(character.isdigit() for character in text)
    return n_digits >= 7 and n_digits > 2 * sum(character.isalpha() for character in text)


def read_number(
    text: str, region: str | None, pbx: str | None = None
) -> tuple[Destination, str | None]:
    """Read the destination in a cell; also return what was repaired, or None.

    Args:
        text: the cell.
        region: whose national formats are read.
        pbx: SIP host whose extensions a short number is.

    Raises:
        InvalidValueError: no destination, or a spreadsheet lost some of it.
    """
    check_length(text)
    tidy, repair = _tidied(text)
    short = _PBX_EXTENSION.fullmatch(tidy)
    if short is not None and pbx is not None and not _is_emergency(short[1], region):
        return parse_destination(f"sip:{short[1]}@{pbx}"), repair
    try:
        tidy, repair = _restored(tidy, repair)
        try:
            found = parse_destination(tidy, region=region)
        except InvalidValueError as error:
            foreign = _with_lost_plus(tidy, region)
            if foreign is None:
                raise
            raise InvalidValueError(
                f"{error}; if it is {foreign.number} of {foreign.country}, write it with the +"
            ) from error
    except InvalidValueError as error:
        # The sheet's own report shows its numbers whole.
        message = str(error).replace(mask(tidy), tidy)
        if short is not None and pbx is None:
            message += "; if it is an extension of a PBX, name its SIP host: --pbx HOST"
        if tidy != text:
            message = f"{shown(text)}, read as {shown(tidy)}: {message}"
        raise InvalidValueError(message) from error
    if found.number == f"+{tidy}":
        repair = "a lost +"
    return found, repair


def _restored(tidy: str, repair: str | None) -> tuple[str, str | None]:
    """Return the digits that a spreadsheet made a number of, where all of them are there."""
    if _BROKEN_FLOAT.fullmatch(tidy):
        raise InvalidValueError(f"{shown(tidy)} is a number with a fraction, not a phone number")
    match = _SCIENTIFIC.fullmatch(tidy)
    if match is not None:
        tidy, repair = _unscaled(match), "scientific notation"
    match = _FLOAT.fullmatch(tidy)
    if match is not None:
        tidy, repair = tidy.partition(".")[0], "a decimal part of zeros"
    return tidy, repair


def read_line(text: str, region: str | None) -> str:
    """Read the line that a cell holds, or that stands in it beside others.

    Raises:
        InvalidValueError: no line, or a spreadsheet lost some of it.
    """
    check_length(text)
    tidy, _ = _restored(*_tidied(text))
    try:
        return parse_line(tidy, region=region)
    except InvalidValueError as error:
        # The sheet's own report shows its numbers whole.
        raise InvalidValueError(str(error).replace(mask(tidy), tidy)) from error


def _is_emergency(digits: str, region: str | None) -> bool:
    regions = phonenumbers.SUPPORTED_REGIONS if region is None else (region,)
    return any(phonenumbers.is_emergency_number(digits, each) for each in regions)


def _tidied(text: str) -> tuple[str, str | None]:
    """Remove leftovers of copying from a cell: odd widths and spaces, quotes, a formula."""
    tidy = unicodedata.normalize("NFKC", text)
    repair = None
    if tidy != text:
        repair = "no-break spaces" if tidy == text.replace("\xa0", " ") else "full-width characters"
    if any(c.isdecimal() and not c.isascii() for c in tidy):
        tidy, repair = fold(tidy), "digits of another script"
    # Directional marks and zero-width spaces come along from address books.
    visible = "".join(c for c in tidy if unicodedata.category(c) != "Cf").strip()
    if visible != tidy.strip():
        repair = "invisible characters"
    formula = _FORMULA.fullmatch(visible)
    if formula is not None:
        visible, repair = (formula[1] or formula[2] or "").strip(), "a formula around it"
    unquoted = visible.strip(_QUOTES).strip()
    if unquoted != visible:
        repair = "quotes"
    return " ".join(unquoted.split()), repair


def _unscaled(match: re.Match[str]) -> str:
    """Return all digits of a number in scientific notation."""
    digits = match[1] + (match[2] or "")
    n_digits = int(match[3]) + 1
    if len(digits) != n_digits:
        raise InvalidValueError(
            f"{shown(match[0])} lost digits in a spreadsheet, which shows {len(digits)} of "
            f"{n_digits}; format the column as text and enter the number again"
        )
    return digits


def _with_lost_plus(digits: str, region: str | None) -> Destination | None:
    """Return the foreign number that these digits may be if their ``+`` was lost, or None.

    It is only named, never taken: whoever mistypes a digit must not reach a stranger abroad.
    """
    if region is None or not re.fullmatch(r"[1-9][0-9]{8,14}", digits, re.ASCII):
        return None
    try:
        return parse_destination(f"+{digits}")
    except InvalidValueError:
        return None


@dataclass(slots=True)
class NumberReader:
    """Parse many cells of one sheet, with a fast path for plainly valid numbers."""

    region: str | None
    policy: DialPolicy
    pbx: str | None = None
    _refused: frozenset[int] = frozenset()
    _regions: frozenset[str] | None = None
    _is_north_american: bool = False

    def __post_init__(self) -> None:
        self._refused = frozenset(
            kind
            for kind in PhoneNumberType.values()
            if PhoneNumberType.to_string(kind).lower() in self.policy.refused_types
        )
        self._regions = self.policy.countries
        self._is_north_american = self.region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[1]

    def read(self, text: str) -> tuple[int, int]:
        """Read one cell: code and status; ``_ELSEWHERE`` where the code needs interning."""
        number = f"+{text[1:]}" if text[:1] == "+" else self._plainly_written(text)
        if number is not None and self._is_allowed(number):
            return int(number[1:]), OK
        try:
            found, repair = read_number(text, self.region, self.pbx)
        except InvalidValueError:
            return 0, WRONG
        number = found.number
        if number is None or found.extension is not None:
            return 0, _ELSEWHERE
        if not self._is_allowed(number) and self.policy.refusal(found) is not None:
            return 0, REFUSED
        return int(number[1:]), OK if repair is None else REPAIRED

    def _plainly_written(self, text: str) -> str | None:
        """Return the number of a cell as North America writes it, without looking further."""
        match = _NORTH_AMERICAN.fullmatch(text) if self._is_north_american else None
        return None if match is None else f"+1{_NO_DIGIT.sub('', text)}"

    def _is_allowed(self, number: str) -> bool:
        """Whether an E.164 number is certainly valid and allowed; False if in doubt."""
        parts = None if number.startswith(COSTLY_CODES) else split(number[1:])
        found = None if parts is None else assigned(*parts)
        if found is None:
            return False
        region, kind = found
        return kind not in self._refused and (self._regions is None or region in self._regions)


@dataclass(slots=True)
class ParsedNumbers:
    """The distinct number cells of a sheet, parsed.

    Attributes:
        cells: uint64 ``(n,)``, cell codes, ascending.
        codes: uint64 ``(n,)``, destination codes, 0 where wrong or refused.
        statuses: uint8 ``(n,)``: OK, REPAIRED, REFUSED or WRONG.
    """

    source: CellCodes
    region: str | None
    policy: DialPolicy
    cells: Codes
    codes: Codes
    statuses: Statuses
    pbx: str | None = None
    interned: DestinationCodes = field(default_factory=DestinationCodes)

    @classmethod
    def parse(
        cls,
        source: CellCodes,
        cells: Codes,
        *,
        region: str | None,
        policy: DialPolicy,
        pbx: str | None = None,
    ) -> ParsedNumbers:
        """Parse distinct cells, ascending."""
        codes = np.zeros(len(cells), np.uint64)
        statuses = np.full(len(cells), WRONG, np.uint8)
        reader = NumberReader(region, policy, pbx)
        in_processes = _parse_in_processes if len(cells) > SMALLEST_FOR_PROCESSES else None
        if in_processes is None or not in_processes(source, cells, reader, codes, statuses):
            for i, cell in enumerate(cells.tolist()):
                codes[i], statuses[i] = reader.read(source.text(cell))
        parsed = cls(source, region, policy, cells, codes, statuses, pbx)
        for i in np.flatnonzero(statuses == _ELSEWHERE).tolist():
            found, repair = read_number(source.text(int(cells[i])), region, pbx)
            if policy.refusal(found) is not None:
                statuses[i] = REFUSED
                continue
            codes[i] = parsed.interned.encode(found)
            statuses[i] = OK if repair is None else REPAIRED
        return parsed

    def find(self, cells: Codes) -> tuple[Codes, Statuses]:
        """Return destination codes and statuses of cells; an empty cell is 0 and OK."""
        if not len(self.cells):
            return np.zeros(len(cells), np.uint64), np.zeros(len(cells), np.uint8)
        at = np.searchsorted(self.cells, cells)
        at[at == len(self.cells)] = 0
        known = self.cells[at] == cells
        codes = np.where(known, self.codes[at], np.uint64(0))
        return codes, np.where(known, self.statuses[at], np.uint8(OK))

    def decode(self, code: int) -> Destination:
        """Return the destination of a code."""
        if code >= SPECIAL:
            return self.interned.specials[code - SPECIAL]
        return Destination._trusted(f"+{code}")

    def why(self, cell: int) -> tuple[str, str]:
        """Return value and message for a cell that is not OK."""
        return explain(self.source.text(cell), self.region, self.policy, self.pbx)


def explain(
    text: str, region: str | None, policy: DialPolicy, pbx: str | None = None
) -> tuple[str, str]:
    """Say what is wrong with a number cell, or what was repaired.

    The numbers of a business stand whole in its own report: masked, nobody could find them.
    """
    try:
        found, repair = read_number(text, region, pbx)
    except InvalidValueError as error:
        return text, str(error)
    refusal = policy.refusal(found)
    if refusal is not None:
        return text, f"{found} may not be dialled: {refusal} {policy.rule_of(found)}"
    return text, f"{shown(text)} had {repair}; read as {found}"


def _n_processes() -> int:
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), MAX_PROCESSES)
    return min(os.cpu_count() or 1, MAX_PROCESSES)


def _parse_in_processes(
    source: CellCodes, cells: Codes, reader: NumberReader, codes: Codes, statuses: Statuses
) -> bool:
    """Parse cells in other processes, filling in codes and statuses; False if that fails.

    The processes run a module of this package, never the caller's ``__main__``, and so need no
    guard in the caller's script.
    """
    n = _n_processes()
    python = sys.executable
    # An embedding program or a frozen one would start itself.
    if n < 2 or not python or not Path(python).name.lower().startswith(("python", "pypy")):
        return False
    if getattr(sys, "frozen", False):
        return False
    # Interleaved, so that numbers that take longer (they cluster when sorted) are shared out.
    with ThreadPoolExecutor(n) as pool:
        shares = [slice(i, None, n) for i in range(n)]
        results = pool.map(lambda share: _in_process(source, cells[share], reader), shares)
        for share, result in zip(shares, results, strict=True):
            if result is None:
                return False
            codes[share], statuses[share] = result
    return True


def _in_process(
    source: CellCodes, cells: Codes, reader: NumberReader
) -> tuple[Codes, Statuses] | None:
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    command = [sys.executable, "-P", "-m", "routing_engine.sheets.phone_worker"]
    try:
        done = subprocess.run(  # noqa: S603  our own interpreter and module
            command, input=encode_request(source.text, cells, reader), capture_output=True,
            check=True, env=environment,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    if len(done.stdout) != 9 * len(cells):
        return None
    split = 8 * len(cells)
    return (
        np.frombuffer(done.stdout[:split], np.uint64),
        np.frombuffer(done.stdout[split:], np.uint8),
    )


def encode_request(text: Callable[[int], str], cells: Codes, reader: NumberReader) -> bytes:
    """Encode region, policy and cells for a worker, as lines of bytes."""
    settings = {"region": reader.region, "policy": reader.policy.to_dict(), "pbx": reader.pbx}
    request = bytearray(json.dumps(settings).encode())
    for start in range(0, len(cells), 65536):
        # A line break in a cell reads as a space, here and there.
        lines = [text(cell).replace("\n", " ") for cell in cells[start : start + 65536].tolist()]
        request += b"\n" + "\n".join(lines).encode()
    return bytes(request)


def answer_request(lines: Iterator[bytes]) -> bytes:
    """Answer a request, in the worker: codes as uint64, then statuses as uint8."""
    settings = json.loads(next(lines))
    read = NumberReader(settings["region"], DialPolicy(**settings["policy"]), settings["pbx"]).read
    codes = bytearray()
    statuses = bytearray()
    for line in lines:
        code, status = read(line.decode().rstrip("\n"))
        codes += code.to_bytes(8, sys.byteorder)
        statuses.append(status)
    return bytes(codes + statuses)
