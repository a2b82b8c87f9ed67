"""Route blocks of rows: what every worker does, whoever started it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from routing_engine.distributed.files import Folder, SourceFile, place_of
from routing_engine.distributed.output import OutputFolder
from routing_engine.distributed.reading import (
    BadRow,
    Block,
    Column,
    Division,
    read_block,
)
from routing_engine.distributed.vectors import SharedVectors, shared
from routing_engine.encoders import encoder_named
from routing_engine.encoders.protocol import Encoder
from routing_engine.errors import InvalidValueError
from routing_engine.model.outcomes import Reason

if TYPE_CHECKING:
    import pyarrow as pa

    from routing_engine.engine import RoutingEngine
    from routing_engine.model.decisions import Decision

__all__ = ["ANSWER_COLUMNS", "BlockRouter", "Job", "TableRouter", "check_free", "open_brand"]

ANSWER_COLUMNS = (
    "outcome", "reason", "rule", "destination", "confidence", "catalog_version", "candidates",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker has to know to route any block of a batch.

    Attributes:
        brand: directory of the snapshot.
        encoder: by its name.
        files: of the calls.
        division: of the files.
        out: folder to write to.
        location, utterance: names of the columns.
        now: the moment for which business hours count, ISO 8601.
    """

    brand: str
    encoder: str
    files: tuple[SourceFile, ...]
    division: Division
    out: str
    location: str
    utterance: str
    now: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as values of JSON."""
        return asdict(self)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Job:
        """Read what :meth:`to_dict` gave."""
        division = values["division"]
        return cls(
            **{
                **values,
                "files": tuple(SourceFile(**one) for one in values["files"]),
                "division": Division(
                    tuple(Column(*one) for one in division["columns"]),
                    tuple(division["delimiters"]),
                    tuple(Block(*one) for one in division["blocks"]),
                ),
            }
        )


def check_free(names: Sequence[str], where: str) -> None:
    """Check that no column of the input is called as one of the answer.

    Raises:
        InvalidValueError: one is.
    """
    taken = [name for name in names if name in ANSWER_COLUMNS]
    if taken:
        raise InvalidValueError(
            f"{where}: the output has columns of its own called {', '.join(taken)}; rename those "
            "of the input"
        )


def open_brand(brand: str | os.PathLike[str], encoder: str | Encoder) -> RoutingEngine:
    """Load the engine of a snapshot, mapped, without a cache of decisions.

    Raises:
        SnapshotError: it is missing, damaged, or of another encoder.
        EncoderError: the encoder cannot be loaded.
    """
    from routing_engine.catalog.snapshot import load_snapshot
    from routing_engine.engine import RoutingEngine
    from routing_engine.model.destinations import DEFAULT_DIAL_POLICY

    # What was allowed when the sheet was imported is allowed when it answers.
    policy = load_snapshot(brand).catalog.columns.dial_policy
    return RoutingEngine.load(
        brand,
        encoder=encoder_named(encoder) if isinstance(encoder, str) else encoder,
        dial_policy=DEFAULT_DIAL_POLICY if policy is None else policy,
        cache_size=0,
    )


class TableRouter:
    """Route the rows of Arrow tables, each distinct sentence of a table embedded once.

    Args:
        engine: that decides.
        location, utterance: names of the columns.
        now: the moment for which business hours count.
    """

    def __init__(
        self, engine: RoutingEngine, *, location: str, utterance: str, now: datetime
    ) -> None:
        self._engine = engine
        self._location = location
        self._utterance = utterance
        self._now = now

    def queries(self, table: pa.Table) -> tuple[list[tuple[str, str]], list[str]]:
        """Return location id and utterance of each row, and what is wrong with it, if anything."""
        queries, problems = [], []
        for location_id, said in zip(
            table.column(self._location).to_pylist(),
            table.column(self._utterance).to_pylist(),
            strict=True,
        ):
            query = _cell(location_id), _cell(said)
            problems.append(self._problem(*query))
            queries.append((query[0] or "", query[1] or ""))
        return queries, problems

    def _problem(self, location_id: str | None, said: str | None) -> str:
        if location_id is None:
            return f"{self._location} is neither text nor a number"
        if said is None:
            return f"{self._utterance} is neither text nor a number"
        if not location_id:
            return f"{self._location} is empty"
        if location_id not in self._engine:
            return f"there is no location {location_id!r}"
        return ""

    def decide(self, queries: Sequence[tuple[str, str]]) -> list[Decision]:
        """Decide on queries whose locations are known."""
        return self._engine.route_many(queries, now=self._now)


def _cell(value: Any) -> str | None:
    """Return a value as text, as a sheet's cell is read; None where it is neither text nor number."""
    from routing_engine.sheets.frames import cell_text

    if value is None:
        return ""
    return None if isinstance(value, (bool, bytes, list, dict)) else cell_text(value)


def answers_schema() -> pa.Schema:
    """Return the columns that a decision adds to a row."""
    import pyarrow as pa

    candidate = pa.struct(
        [("label", pa.string()), ("confidence", pa.float64()), ("similarity", pa.float64())]
    )
    kinds = {
        "confidence": pa.float64(),
        "catalog_version": pa.int64(),
        "candidates": pa.list_(candidate),
    }
    return pa.schema([(name, kinds.get(name, pa.string())) for name in ANSWER_COLUMNS])


def answers(decisions: Sequence[Decision | None]) -> pa.Table:
    """Return decisions as columns; nulls where there is none."""
    import pyarrow as pa

    columns: dict[str, list[Any]] = {name: [] for name in ANSWER_COLUMNS}
    for decision in decisions:
        values = (None,) * len(ANSWER_COLUMNS) if decision is None else _answer(decision)
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)
    return pa.table(columns, schema=answers_schema())


def _answer(decision: Decision) -> tuple[Any, ...]:
    rule, destination = decision.rule, decision.destination
    return (
        decision.outcome.value,
        decision.reason.value,
        None if rule is None else rule.label,
        None if destination is None else str(destination),
        decision.confidence,
        decision.catalog_version,
        [
            {"label": one.label, "confidence": one.confidence, "similarity": one.similarity}
            for one in decision.candidates
        ],
    )


class BlockRouter:
    """Route blocks of a batch and write them.

    Args:
        job: the batch.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._output = OutputFolder(Folder(place_of(job.out)))
        place = self._output.folder.place
        encoder = encoder_named(job.encoder)
        self._encoder = shared(encoder, place.path) if place.is_local else encoder
        self._router = TableRouter(
            open_brand(job.brand, self._encoder),
            location=job.location,
            utterance=job.utterance,
            now=datetime.fromisoformat(job.now),
        )

    def route(self, number: int) -> int:
        """Route a block and write it; return how many rows it has, bad ones counted."""
        job = self._job
        block = job.division.blocks[number]
        if isinstance(self._encoder, SharedVectors):
            self._encoder.receive()
        rows = read_block(job.files, job.division, block)
        queries, problems = self._router.queries(rows.table)
        decisions = self._router.decide(
            [query for query, problem in zip(queries, problems, strict=True) if not problem]
        )
        bad = rows.bad
        table = rows.table
        if any(problems):
            table = table.filter([not problem for problem in problems])
            content = rows.table.filter([bool(problem) for problem in problems]).to_pylist()
            wrong = [
                (row, problem)
                for row, problem in zip(rows.numbers, problems, strict=True)
                if problem
            ]
            bad = sorted(
                [*bad, *(BadRow(*one, kept) for one, kept in zip(wrong, content, strict=True))],
                key=lambda row: row.row,
            )
        found = answers(decisions)
        for name in ANSWER_COLUMNS:
            table = table.append_column(found.schema.field(name), found.column(name))
        counts = {
            "n_bad": len(bad),
            "n_degraded": sum(one.reason is Reason.ENGINE_DEGRADED for one in decisions),
            "outcomes": Counter(one.outcome.value for one in decisions),
        }
        file = job.files[block.file].name
        self._output.write(number, table, [(file, row) for row in bad], counts)
        if isinstance(self._encoder, SharedVectors):
            self._encoder.send()
        return block.n_rows
