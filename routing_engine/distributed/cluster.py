"""Route on a Ray cluster: blocks of files, or a Ray data set."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routing_engine.distributed.blocks import BlockRouter, Job, TableRouter, answers, open_brand
from routing_engine.distributed.reading import check_columns
from routing_engine.errors import InvalidValueError, MissingExtraError

if TYPE_CHECKING:
    import pyarrow as pa
    from ray.data import Dataset

__all__ = ["need_ray", "route", "route_blocks"]

PROBLEM = "problem"


def need_ray() -> None:
    """Check that Ray is installed.

    Raises:
        MissingExtraError: it is not.
    """
    try:
        import ray.data  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Ray", "ray") from error


def route(
    dataset: Dataset,
    brand: str | os.PathLike[str],
    *,
    location: str = "location_id",
    utterance: str = "utterance",
    now: datetime | None = None,
    workers: int | None = None,
    encoder: str = "default",
    batch_rows: int = 4096,
) -> Dataset:
    """Route each row of a Ray data set; each row gives one row.

    Each node gets the snapshot once, and its workers map it; the encoder is loaded once a worker.

    Args:
        dataset: of calls.
        brand: directory of a snapshot, on this machine.
        location, utterance, now, encoder: as for :func:`~routing_engine.distributed.route_files`.
        workers: at a time; None for as many as the cluster has cores.
        batch_rows: rows routed together; their distinct sentences are embedded once.

    Returns:
        A data set that is computed when it is read: the given columns, those of the decision, and
        ``problem``, which says why a row cannot be routed and is null where it was.

    Raises:
        InvalidValueError: it is no Ray data set, or lacks a column.
        SnapshotError: the snapshot is missing or damaged.
        MissingExtraError: without the extra ``ray``.
    """
    need_ray()
    import ray
    from ray.data import ActorPoolStrategy, Dataset

    if not isinstance(dataset, Dataset):
        raise InvalidValueError(f"dataset must be a ray.data.Dataset, not {type(dataset).__name__}")
    if now is not None and now.utcoffset() is None:
        raise InvalidValueError(f"now is an aware datetime or None, not {now!r}")
    schema = dataset.schema()
    check_columns([] if schema is None else list(schema.names), location, utterance, "the data set")
    moment = datetime.now(UTC) if now is None else now
    return dataset.map_batches(
        _DataSetRouter,
        batch_size=batch_rows,
        batch_format="pyarrow",
        fn_constructor_args=(ray.put(packed(brand)), encoder, location, utterance, moment),
        compute=ActorPoolStrategy(min_size=1, max_size=workers or _cores()),
        num_cpus=1,
    )


def route_blocks(
    job: Job, numbers: Sequence[int], *, address: str, workers: int | None
) -> Iterator[int]:
    """Route blocks of a batch on a Ray cluster.

    Args:
        job: the batch.
        numbers: of the blocks.
        address: of the cluster.
        workers: at a time; None for as many as the cluster has cores.

    Yields:
        How many rows each block had, as they are done.
    """
    import ray
    from ray.data import ActorPoolStrategy

    if not ray.is_initialized():
        ray.init(address, logging_level="warning", log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    blocks = ray.data.from_items([{"number": n} for n in numbers], override_num_blocks=len(numbers))
    routed = blocks.map_batches(
        _BlockTask,
        batch_size=1,
        fn_constructor_args=(ray.put(packed(job.brand)), job.to_dict()),
        compute=ActorPoolStrategy(min_size=1, max_size=workers or _cores()),
        num_cpus=1,
    )
    for row in routed.iter_rows():
        yield int(row["rows"])


def _cores() -> int:
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def packed(brand: str | os.PathLike[str]) -> dict[str, bytes]:
    """Return the files of a snapshot, to be sent to nodes."""
    from routing_engine.catalog.snapshot import load_snapshot

    load_snapshot(brand)  # says what is wrong with it, before it is sent
    return {
        path.name: path.read_bytes() for path in sorted(Path(brand).iterdir()) if path.is_file()
    }


def unpacked(files: dict[str, bytes]) -> Path:
    """Write a snapshot to this node, unless it is there; return its directory."""
    import hashlib

    from platformdirs import user_cache_dir

    from routing_engine.catalog.snapshot import MANIFEST

    name = hashlib.sha256(files[MANIFEST]).hexdigest()
    folder = Path(user_cache_dir("routing-engine"), "snapshots", name)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.with_name(f".{name}.{secrets.token_hex(4)}")
    aside.mkdir()
    try:
        for file, content in files.items():
            (aside / file).write_bytes(content)
        aside.rename(folder)
    except OSError:  # another worker of this node was first
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


class _BlockTask:
    """Routes blocks in a Ray actor."""

    def __init__(self, snapshot: Any, job: dict[str, Any]) -> None:
        import ray

        brand = unpacked(ray.get(snapshot))
        self._router = BlockRouter(replace(Job.of(job), brand=str(brand)))

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[int]]:
        return {"rows": [self._router.route(int(number)) for number in batch["number"]]}


class _DataSetRouter:
    """Routes batches of a data set in a Ray actor."""

    def __init__(
        self, snapshot: Any, encoder: str, location: str, utterance: str, now: datetime
    ) -> None:
        import ray

        engine = open_brand(unpacked(ray.get(snapshot)), encoder)
        self._router = TableRouter(engine, location=location, utterance=utterance, now=now)

    def __call__(self, table: pa.Table) -> pa.Table:
        import pyarrow as pa

        queries, problems = self._router.queries(table)
        decided = iter(
            self._router.decide(
                [query for query, problem in zip(queries, problems, strict=True) if not problem]
            )
        )
        found = answers([None if problem else next(decided) for problem in problems])
        for field in found.schema:
            table = table.append_column(field, found.column(field.name))
        return table.append_column(
            PROBLEM, pa.array([one or None for one in problems], pa.string())
        )
