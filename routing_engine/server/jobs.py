"""Imports as jobs: their signs of life, and what is noted of one that ended before it was done."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from routing_engine.errors import RoutingError
from routing_engine.store import Store

__all__ = [
    "FOLDER",
    "INTERRUPTED",
    "STALE",
    "ImportJob",
    "beat",
    "interrupt",
    "interrupt_stale",
    "sweep",
]

_logger = logging.getLogger(__name__)

STALE = timedelta(minutes=3)
"""Time without a sign of life after which an import counts as interrupted by a crash."""

INTERRUPTED = "the import was interrupted, and nothing was changed; send it again"
FOLDER = "routing-import-"


@dataclass(frozen=True, slots=True)
class ImportJob:
    """An accepted import, waiting or running."""

    import_id: str
    organisation_id: str
    actor: str
    path: Path
    region: str | None
    dry_run: bool
    publish: bool
    columns: Mapping[str, str] = field(default_factory=dict)
    pbx: str | None = None
    timezone: str | None = None
    remove_missing: bool = False
    max_removed: float = 0.0


def beat(store: Store, job: ImportJob) -> None:
    """Say that an import is not dead."""
    with store.work(job.organisation_id, actor=job.actor) as work:
        work.imports.update(job.import_id)


def interrupt(store: Store, organisation_id: str, import_id: str, why: str = INTERRUPTED) -> None:
    """Note that an import ended before it was done; sent again with its key, it is tried again."""
    try:
        with store.work(organisation_id, actor="server") as work:
            item = work.imports.get(import_id)
            if item.status != "running":
                return
            report = {**item.report, "report": {"problems": [why]}}
            work.imports.update(import_id, status="failed", report=report)
            if (key := item.report.get("key")) is not None:
                work.answers.forget(key)
    except RoutingError as error:
        _logger.warning("the end of an import is not noted: %s", type(error).__name__)


def interrupt_stale(store: Store) -> None:
    """Note the end of imports whose server is gone."""
    for organisation_id, import_id in store.imports_without_life(datetime.now(UTC) - STALE):
        interrupt(store, organisation_id, import_id)


def sweep() -> None:
    """Delete what servers that are gone left of the sheets that were sent to them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*-*"):
        number = folder.name.removeprefix(FOLDER).partition("-")[0]
        if not number.isdigit():
            continue
        try:
            os.kill(int(number), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # another user's, who is there
            continue
