"""Recorded calls, labelled or not, and reading them from files.

A sheet, CSV or XLSX, or a Parquet file: a row a call, with the columns ``location_id``,
``utterance`` and, where somebody said what was right, ``label``; by these or other usual names.
Further columns are not read. Or JSON lines, one object a line, of a call or of a location::

    {"location_id": "…", "utterance": "…", "label": "…" | null}
    {"location_id": "…", "queries": [{"text": "…", "label": "…" | null}, …]}

A call without the column, or key, of the label is not labelled. An empty label, or null, means
that no rule of the location is right.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from routing_engine.errors import InvalidValueError, Problem
from routing_engine.quality.cases import (
    JSON_SUFFIXES,
    PARQUET_SUFFIXES,
    Case,
    column_positions,
    first_table,
    json_lines,
    parquet_table,
    refuse,
    rows_of_calls,
    sheet_problems,
)

__all__ = ["CallSource", "RecordedCall", "recorded_calls"]

CallSource = Iterable[Case | tuple[str, str]] | str | os.PathLike[str]
"""Recorded calls, or the path of a file with some. A pair is a location id and what the caller said;
a :class:`Case` says which rule is right, too."""

_NAMES = ("location_id", "utterance", "label")


class RecordedCall(NamedTuple):
    """A recorded call.

    Attributes:
        location_id: which location was called.
        text: what the caller said; may be empty.
        label: of the right rule; None where no rule is right, or where nobody said.
        is_labelled: whether somebody said which rule is right.
        origin: where it stands, ``"calls.csv:12"``.
    """

    location_id: str
    text: str
    label: str | None
    is_labelled: bool
    origin: str


def recorded_calls(source: CallSource) -> list[RecordedCall]:
    """Read recorded calls from a file, or check given ones.

    Args:
        source: calls; or a file of them, ``.csv``, ``.tsv``, ``.txt``, ``.xlsx``, ``.jsonl`` or
            ``.parquet``.

    Raises:
        InvalidValueError: lists everything that is wrong; never what a caller said.
        MissingExtraError: Parquet needs an extra that is not installed.
    """
    problems: list[Problem] = []
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        calls = list(_read(path, problems))
        if not calls and not problems:
            problems.append(Problem(path.name, "holds no call"))
        refuse("calls", problems)
        return calls
    if not isinstance(source, Iterable):
        raise InvalidValueError(f"calls cannot be a {type(source).__name__}")
    calls = [_given(item, f"calls.{i}") for i, item in enumerate(source)]
    if not calls:
        raise InvalidValueError("there is no call to compare")
    return calls


def _given(item: object, place: str) -> RecordedCall:
    if isinstance(item, Case):
        return RecordedCall(item.location_id, item.text, item.label, True, item.origin or place)
    if isinstance(item, tuple) and [type(part) for part in item] == [str, str]:
        location_id, text = item
        return RecordedCall(location_id, text, None, False, place)
    raise InvalidValueError(
        f"{place} is a {type(item).__name__}, neither a Case nor a pair of location id and utterance"
    )


def _read(path: Path, problems: list[Problem]) -> Iterator[RecordedCall]:
    suffix = path.suffix.lower()
    if suffix in JSON_SUFFIXES:
        for place, body in json_lines(path, problems):
            yield from _of_json(body, place, problems)
    elif suffix in PARQUET_SUFFIXES:
        yield from _of_parquet(path, problems)
    else:
        with sheet_problems(problems):
            yield from _of_sheet(path, problems)


def _of_sheet(path: Path, problems: list[Problem]) -> Iterator[RecordedCall]:
    table = first_table(path)
    where = f"{table.name}:{table.header_row}"
    position = column_positions(table.header, where, problems, optional=("label",))
    if problems:
        return
    for place, values in rows_of_calls(table, position):
        yield from _of_row(values, place, table.header[position["location_id"]], problems)


def _of_parquet(path: Path, problems: list[Problem]) -> Iterator[RecordedCall]:
    table = parquet_table(path)
    position = column_positions(table.header, table.name, problems, optional=("label",))
    if problems:
        return
    for place, values in table.rows_of_calls(position):
        yield from _of_row(values, place, table.header[position["location_id"]], problems)


def _of_row(
    values: Mapping[str, str], place: str, header: str, problems: list[Problem]
) -> Iterator[RecordedCall]:
    """Yield the call of a row; a caller may have said nothing."""
    if not values["location_id"]:
        problems.append(Problem(f"{place} {header}", "is empty"))
        return
    label = " ".join(values.get("label", "").split()) or None
    yield RecordedCall(values["location_id"], values["utterance"], label, "label" in values, place)


def _of_json(body: Any, place: str, problems: list[Problem]) -> Iterator[RecordedCall]:
    """Yield the calls of an object: its own, or those under ``queries``."""
    if not isinstance(body, dict):
        problems.append(Problem(place, "is no object"))
        return
    if "queries" not in body:
        yield from _of_object(body, body, place, problems)
    elif not isinstance(body["queries"], list):
        problems.append(Problem(f"{place} queries", "must be a list"))
    else:
        for number, query in enumerate(body["queries"]):
            inner = f"{place} queries.{number}"
            if isinstance(query, dict):
                yield from _of_object(body, query, inner, problems)
            else:
                problems.append(Problem(inner, "is no object"))


def _of_object(
    body: Mapping[str, Any], query: Mapping[str, Any], place: str, problems: list[Problem]
) -> Iterator[RecordedCall]:
    location_id, label = body.get("location_id"), query.get("label")
    said = query["utterance"] if "utterance" in query else query.get("text")
    wrong = [
        Problem(f"{place} {name}", f"must be a str, not {type(value).__name__}")
        for name, value in zip(_NAMES, (location_id, said, label), strict=True)
        if not (isinstance(value, str) or (name == "label" and value is None))
    ]
    if wrong:
        problems += wrong
    elif not location_id:
        problems.append(Problem(f"{place} location_id", "is empty"))
    else:
        kept = None if label is None else " ".join(str(label).split()) or None
        yield RecordedCall(str(location_id), str(said), kept, "label" in query, place)
