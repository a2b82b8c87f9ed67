"""Route whole files of calls into a folder of Parquet files."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from routing_engine.distributed import cluster, processes
from routing_engine.distributed.blocks import Job, check_free
from routing_engine.distributed.files import Folder, need_arrow, place_of, source_files
from routing_engine.distributed.output import BatchSummary, OutputFolder
from routing_engine.distributed.progress import Progress
from routing_engine.distributed.reading import divide
from routing_engine.encoders.micro_batching import usable_cores
from routing_engine.errors import BatchError, InvalidValueError

__all__ = ["BLOCK_ROWS", "route_files"]

BLOCK_ROWS = 16_384
"""Rows routed and written together."""


def route_files(
    calls: str | os.PathLike[str],
    brand: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    location: str = "location_id",
    utterance: str = "utterance",
    now: datetime | None = None,
    workers: int | None = None,
    ray: str | None = None,
    encoder: str = "default",
    block_rows: int = BLOCK_ROWS,
    progress: Callable[[Progress], object] | None = None,
) -> BatchSummary:
    """Route files of calls into a folder of Parquet files, by several processes or a Ray cluster.

    Run again after it was stopped, or killed, it goes on: blocks that are written are kept. A
    process or node that dies is replaced, and its block is routed again.

    Args:
        calls: a CSV, JSON lines or Parquet file, or a folder of files of one of these; a path, or
            a URI of any filesystem of pyarrow.
        brand: directory of a snapshot.
        out: folder to write, likewise a path or URI. It gets ``part-….parquet``, with the columns
            of the input, then ``outcome``, ``reason``, ``rule``, ``destination``, ``confidence``,
            ``catalog_version`` and ``candidates``; and ``_bad_rows.jsonl``, with the rows that
            cannot be routed, each with the reason. Every row of the input is in one of both, once.
        location: the column of location ids.
        utterance: the column of what callers said; a missing value is an empty utterance.
        now: the moment for which business hours count; None for the present, or that of the batch
            that is gone on with.
        workers: processes at a time; None for one a core.
        ray: address of a Ray cluster, ``"auto"`` for the one of this machine; None for processes
            of this machine. ``brand`` is sent to its nodes; they must share ``calls`` and ``out``.
        encoder: by its name.
        block_rows: rows that are routed and written together; their distinct sentences are embedded
            once.
        progress: told how far it is, at the start and after each block.

    Raises:
        InvalidValueError: the calls cannot be read, or lack a column; or the folder holds another
            batch, or something else.
        SnapshotError: the snapshot is missing, damaged, or of another encoder.
        EncoderError: the encoder cannot be loaded.
        BatchError: processes died again and again at one block.
        MissingExtraError: without the extra ``parquet``; or ``ray``, where an address is given.
    """
    need_arrow()
    if now is not None and now.utcoffset() is None:
        raise InvalidValueError(f"now is an aware datetime or None, not {now!r}")
    for name, number in (("workers", workers), ("block_rows", block_rows)):
        if number is not None and (type(number) is not int or number < 1):
            raise InvalidValueError(f"{name} must be an int of at least 1, not {number!r}")
    if ray is not None:
        cluster.need_ray()
    files = source_files(calls)
    output = OutputFolder(Folder(place_of(out)))
    moment = output.known("now") if now is None else now.isoformat()
    if moment is None:
        moment = datetime.now(UTC).isoformat(timespec="seconds")
    division = divide(files, location, utterance, block_rows=block_rows)
    check_free([column.name for column in division.columns], files[0].name)
    job = Job(
        str(Path(brand).absolute()), encoder, tuple(files), division, output.folder.place.given,
        location, utterance, moment,
    )  # fmt: skip
    output.begin(
        {
            "calls": [asdict(file) for file in files],
            "snapshot": _manifest_hash(brand),
            "encoder": encoder,
            "columns": [location, utterance],
            "now": moment,
            "block_rows": block_rows,
        }
    )
    done = output.done()
    left = [block.number for block in division.blocks if block.number not in done]
    n_workers = workers or usable_cores()
    _follow(_routed(job, left, n_workers, workers, ray), job, set(left), progress)
    missing = {block.number for block in division.blocks} - output.done()
    if missing:
        raise BatchError(
            f"{len(missing)} blocks were routed and are not in {output.folder.place.given}; is it "
            "a folder that all nodes share?"
        )
    return output.finish(block.number for block in division.blocks)


def _routed(
    job: Job, left: list[int], n_workers: int, workers: int | None, ray: str | None
) -> Iterator[int]:
    if not left:
        return iter(())
    if ray is not None:
        return cluster.route_blocks(job, left, address=ray, workers=workers)
    return processes.route_blocks(job, left, workers=min(n_workers, len(left)))


def _follow(
    routed: Iterator[int],
    job: Job,
    left: set[int],
    progress: Callable[[Progress], object] | None,
) -> None:
    """Run until all blocks are done, telling how far it is."""
    blocks = job.division.blocks
    n_rows = sum(block.n_rows for block in blocks)
    n_before = sum(block.n_rows for block in blocks if block.number not in left)
    n_done, started_s = n_before, time.monotonic()
    if progress is not None:
        progress(Progress(n_rows, n_done, 0.0))
    for n in routed:
        n_done += n
        if progress is not None:
            rate = (n_done - n_before) / (time.monotonic() - started_s)
            progress(Progress(n_rows, n_done, rate))


def _manifest_hash(brand: str | os.PathLike[str]) -> str:
    from routing_engine.catalog.snapshot import MANIFEST, load_snapshot

    load_snapshot(brand)  # says what is wrong with it, before anything is started
    return hashlib.sha256(Path(brand, MANIFEST).read_bytes()).hexdigest()
