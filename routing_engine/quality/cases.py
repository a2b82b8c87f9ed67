"""Labelled calls for evaluation, and reading them from files.

A sheet, CSV or XLSX, or a Parquet file: a row a call, with the columns ``location_id``, ``utterance`` and ``label``,
by these or other usual names; further columns are not read. Or JSON lines, one object a line::

    {"location_id": "…", "queries": [{"text": "…", "label": "…" | null}, …]}

Other keys are not read: the rules that count are the engine's. An empty label, or null, means
that no rule of the location is right.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routing_engine.errors import InvalidValueError, MissingExtraError, Problem, SheetError

if TYPE_CHECKING:
    import pandas as pd

    from routing_engine.sheets.reading import RawTable

__all__ = [
    "JSON_SUFFIXES",
    "MAX_SHOWN",
    "PARQUET_SUFFIXES",
    "Case",
    "CaseSource",
    "checked_cases",
    "column_positions",
    "first_table",
    "json_lines",
    "label_problem",
    "parquet_table",
    "read_cases",
    "refuse",
    "rows_of_calls",
    "sheet_problems",
]

MAX_SHOWN = 100
"""Most problems that one error lists."""

UTTERANCE = (
    "utterance", "text", "transcript", "caller said", "what the caller said", "said", "query",
    "sentence", "caller",
)  # fmt: skip
"""Accepted headers of the column with what the caller said."""

_COLUMNS = ("location_id", "utterance", "label")
JSON_SUFFIXES = frozenset({".jsonl", ".ndjson", ".json"})
PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})


@dataclass(frozen=True, slots=True)
class Case:
    """A labelled call: what the caller said, and the rule that should match.

    Attributes:
        location_id: which location was called.
        text: what the caller said.
        label: of the right rule; None where no rule of the location is right.
        origin: where it stands, ``"calls.csv:12"``; empty for a case that was not read.

    Raises:
        InvalidValueError: lists every wrong field; does not show the text.
    """

    location_id: str
    text: str
    label: str | None = None
    origin: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        problems = [
            Problem(name, f"must be a str that is not empty, not {_named(value)}")
            for name, value in (("location_id", self.location_id), ("text", self.text))
            if not isinstance(value, str) or not value.strip()
        ]
        if self.label is not None and (not isinstance(self.label, str) or not self.label.strip()):
            problems.append(
                Problem("label", f"must be a rule's label or None, not {_named(self.label)}")
            )
        if problems:
            raise InvalidValueError(what="Case", problems=problems)


CaseSource = Iterable[Case] | str | os.PathLike[str]
"""Labelled calls, or the path of a file with some."""


def _named(value: object) -> str:
    """Describe a wrong value without quoting a caller."""
    return "an empty one" if isinstance(value, str) else type(value).__name__


def read_cases(path: str | os.PathLike[str]) -> list[Case]:
    """Read the labelled calls of a file.

    Args:
        path: ``.csv``, ``.tsv``, ``.txt``, ``.xlsx``, ``.jsonl`` or ``.parquet``.

    Raises:
        InvalidValueError: lists everything that is wrong: file, row, column, value.
        MissingExtraError: Parquet needs an extra that is not installed.
    """
    return checked_cases(path)


def checked_cases(
    source: CaseSource, labels_of: Callable[[str], Collection[str] | None] | None = None
) -> list[Case]:
    """Return the cases, after checking that their locations and labels exist.

    Args:
        source: the cases, or a file of them.
        labels_of: location id -> labels of its rules, None where there is no such location;
            without it locations and labels are not checked.

    Raises:
        InvalidValueError: lists everything that is wrong; never what a caller said.
    """
    problems: list[Problem] = []
    if isinstance(source, (str, os.PathLike)):
        name = Path(source).name
        cases = list(_read(Path(source), problems))
    else:
        name = "cases"
        if not isinstance(source, Iterable):
            raise InvalidValueError(
                f"cases must be an iterable of Case or the path of a file, not "
                f"{type(source).__name__}"
            )
        cases = list(source)
        for i, case in enumerate(cases):
            if not isinstance(case, Case):
                raise InvalidValueError(f"cases.{i} is a {type(case).__name__}, not a Case")
    if labels_of is not None:
        known: dict[str, Collection[str] | None] = {}
        for i, case in enumerate(cases):
            if case.location_id not in known:
                known[case.location_id] = labels_of(case.location_id)
            place = case.origin or f"cases.{i}"
            problems += _misplaced(case, known[case.location_id], place)
    if not cases and not problems:
        problems.append(Problem(name, "holds no case"))
    refuse("cases", problems)
    return cases


def refuse(what: str, problems: Sequence[Problem]) -> None:
    """Raise an error with the first ``MAX_SHOWN`` problems, if there are any.

    Raises:
        InvalidValueError: something was.
    """
    if problems:
        more = len(problems) - MAX_SHOWN
        kept = list(problems[:MAX_SHOWN])
        if more > 0:
            kept.append(Problem("", f"… and {more:,} more"))
        raise InvalidValueError(what=what, problems=kept)


def _misplaced(case: Case, labels: Collection[str] | None, place: str) -> Iterator[Problem]:
    from routing_engine.reports import shown

    if labels is None:
        yield Problem(f"{place} location_id", f"there is no location {shown(case.location_id)}")
    elif case.label is not None and case.label not in labels:
        yield label_problem(case.location_id, case.label, labels, place)


def label_problem(location_id: str, label: str, labels: Collection[str], place: str) -> Problem:
    """Return the problem of a label that no rule of its location has."""
    from routing_engine.reports import shown
    from routing_engine.sheets.issues import listed

    offered = f"it has {listed(sorted(labels))}" if labels else "it has no rules"
    return Problem(
        f"{place} label",
        f"{shown(label)} is no rule of {shown(location_id)}; {offered}. "
        "Leave it empty where no rule is right",
    )


def _read(path: Path, problems: list[Problem]) -> Iterator[Case]:
    if path.suffix.lower() in JSON_SUFFIXES:
        yield from _json_cases(path, problems)
        return
    if path.suffix.lower() in PARQUET_SUFFIXES:
        table = parquet_table(path)
        position = column_positions(table.header, table.name, problems)
        if not problems:
            rows = table.rows_of_calls(position)
            yield from _cases_of(rows, position, table.header, problems)
        return
    with sheet_problems(problems):
        yield from _sheet_cases(first_table(path), problems)


@contextmanager
def sheet_problems(problems: list[Problem]) -> Iterator[None]:
    """Within this context, add the errors of a sheet to a list of problems."""
    try:
        yield
    except SheetError as error:
        problems += [
            Problem(str(issue).removesuffix(f": {issue.message}"), issue.message)
            for issue in error.report.errors
        ]


def first_table(path: Path) -> RawTable:
    """Return the first table of a sheet that has a header.

    Raises:
        SheetError: it cannot be read, or has none.
    """
    from routing_engine.sheets.issues import IssueLog
    from routing_engine.sheets.reading import open_tables

    log = IssueLog(path.name)
    for table in open_tables(path, log):
        if table.header:
            return table
    raise log.fatal("empty", "is empty; the first row must name the columns")


def column_positions(
    header: Sequence[str], where: str, problems: list[Problem], *, optional: Collection[str] = ()
) -> dict[str, int]:
    """Find the columns of location id, utterance and label.

    Args:
        header: of the sheet.
        where: it stands, for problems.
        problems: columns that are missing, or there twice, are added here.
        optional: columns that may be missing.
    """
    from routing_engine.sheets.headers import field_of, header_key
    from routing_engine.sheets.issues import listed

    utterance = set(map(header_key, UTTERANCE))
    places: dict[str, list[int]] = {name: [] for name in _COLUMNS}
    for at, title in enumerate(header):
        name = "utterance" if header_key(title) in utterance else field_of(title)
        if name is not None and name in places:
            places[name].append(at)
    for name, positions in places.items():
        if not positions and name not in optional:
            problems.append(
                Problem(where, f"no column {name} among {listed([h for h in header if h])}")
            )
        elif len(positions) > 1:
            headers = listed([header[at] for at in positions])
            problems.append(Problem(where, f"{headers} all mean {name}; keep one"))
    return {name: positions[0] for name, positions in places.items() if positions}


def rows_of_calls(
    table: RawTable, position: Mapping[str, int]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the place of each row that has a call, and its cells by column."""
    from routing_engine.sheets.cells import text_of

    for first_row, rows in table.rows():
        for row, cells in enumerate(rows, start=first_row):
            values = {
                name: text_of(cells[at]) if at < len(cells) else "" for name, at in position.items()
            }
            # Other columns do not make a call.
            if any(values.values()):
                yield f"{table.name}:{row}", values


def _sheet_cases(table: RawTable, problems: list[Problem]) -> Iterator[Case]:
    position = column_positions(table.header, f"{table.name}:{table.header_row}", problems)
    if problems:
        return
    rows = rows_of_calls(table, position)
    yield from _cases_of(rows, position, table.header, problems)


def _cases_of(
    rows: Iterable[tuple[str, dict[str, str]]],
    position: Mapping[str, int],
    header: Sequence[str],
    problems: list[Problem],
) -> Iterator[Case]:
    for place, values in rows:
        empty = [name for name in ("location_id", "utterance") if not values[name]]
        problems += [Problem(f"{place} {header[position[name]]}", "is empty") for name in empty]
        if not empty:
            label = " ".join(values["label"].split()) or None
            yield Case(values["location_id"], values["utterance"], label, place)


@dataclass(frozen=True, slots=True)
class ParquetTable:
    """The calls of a Parquet file.

    Attributes:
        name: of the file.
        header: names of its columns.
        frame: its rows.
    """

    name: str
    header: list[str]
    frame: pd.DataFrame

    def rows_of_calls(self, position: Mapping[str, int]) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield the place of each row, and its cells by column."""
        from routing_engine.sheets.frames import cell_text

        columns = [self.frame.iloc[:, at].tolist() for at in position.values()]
        for row, cells in enumerate(zip(*columns, strict=True), start=1):
            values = dict(zip(position, map(cell_text, cells), strict=True))
            yield f"{self.name}, row {row}", values


def parquet_table(path: Path) -> ParquetTable:
    """Read a Parquet file.

    Raises:
        InvalidValueError: it cannot be read.
        MissingExtraError: the extra ``parquet`` is not installed.
    """
    try:
        import pyarrow as pa  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Parquet", "parquet") from error
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # the errors of pyarrow are ValueErrors
        raise InvalidValueError(f"{path.name} is not a Parquet file that can be read") from error
    return ParquetTable(path.name, [str(title) for title in frame.columns], frame)


def json_lines(path: Path, problems: list[Problem]) -> Iterator[tuple[str, Any]]:
    """Yield the values of a file of JSON lines, each with its place."""
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        problems.append(Problem(path.name, f"cannot be read: {error.strerror or error}"))
        return
    except UnicodeDecodeError as error:
        problems.append(Problem(path.name, f"is not valid UTF-8: {error.reason}"))
        return
    # Not splitlines: a JSON string may hold what else separates lines.
    for row, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path.name}:{row}"
        try:
            body = json.loads(line)
        except (ValueError, RecursionError):
            problems.append(Problem(place, "is not JSON"))
            continue
        yield place, body


def _json_cases(path: Path, problems: list[Problem]) -> Iterator[Case]:
    for place, body in json_lines(path, problems):
        queries = body.get("queries") if isinstance(body, dict) else None
        if not isinstance(queries, list):
            problems.append(Problem(place, "is no object with a list 'queries'"))
            continue
        for number, query in enumerate(queries):
            try:
                if not isinstance(query, dict) or "label" not in query:
                    raise InvalidValueError("must be an object with 'text' and 'label'")
                label = query["label"]
                yield Case(body.get("location_id"), query.get("text"), label, place)  # type: ignore[arg-type]
            except InvalidValueError as error:
                problems += [
                    Problem(
                        ".".join(filter(None, (f"{place} queries.{number}", problem.path))),
                        problem.message,
                    )
                    for problem in error.problems
                ]
