"""The folder that a batch is written to.

    _batch.json            what is routed, by what, and how it is divided: written first
    part-000000.parquet    the rows of a block, with their decisions
    _bad-000000.jsonl      its rows that cannot be routed; only where there are some
    _vectors/              sentences that are embedded, for all workers; until the end
    _bad_rows.jsonl        all of these, at the end
    _summary.json          counts, at the end

A part is written whole and then renamed, so a part that is there is done. Readers of Parquet
folders skip names that begin with ``_``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from routing_engine.distributed.files import Folder
from routing_engine.distributed.reading import BadRow
from routing_engine.distributed.vectors import FOLDER
from routing_engine.errors import InvalidValueError

__all__ = ["BAD_ROWS", "BatchSummary", "OutputFolder"]

BATCH, SUMMARY, BAD_ROWS = "_batch.json", "_summary.json", "_bad_rows.jsonl"
COUNTS = b"routing_engine.counts"


def _part(number: int) -> str:
    return f"part-{number:06}.parquet"


def _bad(number: int) -> str:
    return f"_bad-{number:06}.jsonl"


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """What became of a batch.

    Attributes:
        n_rows: rows of the input.
        n_routed: rows of the output.
        n_bad: rows that could not be routed; ``n_rows`` is the sum of both.
        n_degraded: routed rows that got the default because the encoder failed on them.
        outcomes: outcome -> how many rows.
    """

    n_rows: int
    n_routed: int
    n_bad: int
    n_degraded: int
    outcomes: Mapping[str, int]


class OutputFolder:
    """The folder that a batch is written to.

    Args:
        folder: it need not be there.
    """

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    def begin(self, batch: Mapping[str, Any]) -> None:
        """Begin a batch in an empty folder, or go on with the same one.

        Raises:
            InvalidValueError: the folder holds another batch, or something else.
        """
        names = [name for name in self.folder.names() if not name.startswith(".")]
        given = self.folder.place.given
        if BATCH in names:
            found = json.loads(self.folder.read(BATCH))
            differing = [key for key, value in batch.items() if found.get(key) != value]
            if differing and self.done():
                raise InvalidValueError(
                    f"{given} holds another batch: {', '.join(differing)} differ; choose another "
                    "folder, or empty this one"
                )
            if not differing:
                return
        elif names:
            raise InvalidValueError(
                f"{given} is not empty and holds no batch ({names[0]}); choose another folder"
            )
        self.folder.create()
        self.folder.write_json(BATCH, batch)

    def known(self, key: str) -> Any:
        """Return a value of the batch that was begun here; None where there is none."""
        return (
            json.loads(self.folder.read(BATCH)).get(key) if BATCH in self.folder.names() else None
        )

    def done(self) -> set[int]:
        """Return the numbers of the blocks that are written."""
        return {
            int(name[5:-8])
            for name in self.folder.names()
            if name.startswith("part-") and name.endswith(".parquet")
        }

    def write(
        self, number: int, table: Any, bad: Sequence[tuple[str, BadRow]], counts: Mapping[str, Any]
    ) -> None:
        """Write the rows of a block; its part last.

        Args:
            number: of the block.
            table: input columns and decisions.
            bad: rows that cannot be routed, each with the name of its file.
            counts: kept with the part.
        """
        from pyarrow import parquet

        if bad:
            lines = [
                json.dumps(
                    {"file": name, "row": row.row, "reason": row.reason, "content": row.content},
                    default=str,
                )
                for name, row in bad
            ]
            self.folder.write(_bad(number), "".join(f"{line}\n" for line in lines).encode())
        kept = table.replace_schema_metadata({COUNTS: json.dumps(counts, sort_keys=True).encode()})
        with self.folder.writing(_part(number)) as stream:
            parquet.write_table(kept, stream, compression="zstd")

    def finish(self, numbers: Iterable[int]) -> BatchSummary:
        """Gather the bad rows of all blocks and count; may be done again."""
        names = set(self.folder.names())
        if SUMMARY in names:
            summary = BatchSummary(**json.loads(self.folder.read(SUMMARY)))
        else:
            summary = self._counted(numbers)
            with self.folder.writing(BAD_ROWS) as stream:
                for name in sorted(name for name in names if name.startswith("_bad-")):
                    stream.write(self.folder.read(name))
            self.folder.write_json(SUMMARY, asdict(summary))
        self.folder.delete([name for name in names if name.startswith("_bad-")])
        if FOLDER in names and self.folder.place.is_local:
            shutil.rmtree(Path(self.folder.place.path, FOLDER), ignore_errors=True)
        return summary

    def _counted(self, numbers: Iterable[int]) -> BatchSummary:
        from pyarrow import parquet

        n_routed = n_bad = n_degraded = 0
        outcomes: dict[str, int] = {}
        for number in numbers:
            with self.folder.open(_part(number)) as stream:
                found = parquet.read_metadata(stream)
            counts = json.loads(found.metadata[COUNTS])
            n_routed += found.num_rows
            n_bad += counts["n_bad"]
            n_degraded += counts["n_degraded"]
            for outcome, n in counts["outcomes"].items():
                outcomes[outcome] = outcomes.get(outcome, 0) + n
        ordered = dict(sorted(outcomes.items()))
        return BatchSummary(n_routed + n_bad, n_routed, n_bad, n_degraded, ordered)
