"""Open the sheets, snapshots, encoders and engines of commands, reporting progress."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from routing_engine.cli.terminal import ExitCode, fail, note, plain, stderr, working
from routing_engine.errors import SnapshotError
from routing_engine.model.destinations import DEFAULT_DIAL_POLICY

if TYPE_CHECKING:
    from routing_engine.catalog.columns import LocationColumns
    from routing_engine.catalog.snapshot import Snapshot
    from routing_engine.cli.profile import SheetSettings
    from routing_engine.encoders import CompiledEncoder, Encoder
    from routing_engine.engine import RoutingEngine
    from routing_engine.model.destinations import DialPolicy
    from routing_engine.quality.lint import LintReport
    from routing_engine.sheets import Sheet

__all__ = [
    "built",
    "check_target",
    "no_location",
    "open_columns",
    "open_engine",
    "open_sheet",
    "open_source",
    "timed_encoder",
    "wording",
]

MAX_SUGGESTED_FROM = 20_000
"""Most locations searched for ids like a mistyped one; more would take over a second."""


def open_sheet(
    sheet: Path, reading: SheetSettings | None = None, *, skip_errors: bool = False
) -> Sheet:
    """Read a sheet, showing progress.

    Raises:
        SheetError: it has errors, and they are not to be skipped.
    """
    from routing_engine.cli.profile import SheetSettings
    from routing_engine.sheets import read_sheet

    reading = reading or SheetSettings()
    with working(f"reading {sheet}") as say:

        def progress(n_rows: int, n_total: int | None) -> None:
            total = "" if n_total is None else f" of {n_total:,}"
            say(f"reading {sheet}: {n_rows:,}{total} rows")

        return read_sheet(
            sheet,
            region=None if reading.region.casefold() == "none" else reading.region.upper(),
            template=reading.template,
            on_error="skip" if skip_errors else "raise",
            columns=reading.columns,
            pbx=reading.pbx,
            timezone=reading.timezone,
            dial_policy=reading.dial_policy,
            progress=progress,
        )


def check_target(directory: Path) -> None:
    """Refuse a target before minutes of embedding, not after them."""
    from routing_engine.catalog.snapshot import MANIFEST

    if not directory.is_dir() or (directory / MANIFEST).exists():
        return
    other = next((path for path in directory.iterdir() if not path.name.startswith(".")), None)
    if other is not None:
        raise SnapshotError(
            f"{directory} is not empty and holds no snapshot ({other.name}); "
            "choose a new or empty directory"
        )


def timed_encoder(name: str) -> tuple[Encoder, float]:
    """Load an encoder by name; also return how many seconds that took."""
    from routing_engine.encoders import encoder_named

    started_s = time.perf_counter()
    with working("loading the encoder") as show:
        encoder = encoder_named(
            name, step=lambda step: show(f"compiling the encoder, once: {step}")
        )
    return encoder, time.perf_counter() - started_s


def wording(columns: LocationColumns, encoder: str) -> LintReport:
    """Measure the wording of rules.

    Raises:
        EncoderError, MissingExtraError: the encoder cannot be loaded, or failed.
    """
    from routing_engine.engine import RoutingEngine

    model, _ = timed_encoder(encoder)
    with working("measuring the wording"):
        return RoutingEngine(encoder=model).lint(columns)


def compiled_encoder(name: str) -> CompiledEncoder:
    """Open the compiled encoder of a model, compiling it if needed; without fallback."""
    from routing_engine.encoders import CompiledEncoder

    with working("loading the encoder") as show:
        return CompiledEncoder(None if name == "default" else name, step=show)


def built(
    columns: LocationColumns,
    directory: Path,
    encoder: Encoder,
    dial_policy: DialPolicy,
    max_removed: float = 1.0,
) -> tuple[RoutingEngine, bool]:
    """Build an engine, reusing a snapshot; also return whether anything changed.

    Ends the command where more than a share ``max_removed`` of the locations would go.
    """
    from routing_engine.catalog.snapshot import MANIFEST
    from routing_engine.engine import RoutingEngine
    from routing_engine.sheets import diff as compare

    progress = stderr().is_terminal
    if (directory / MANIFEST).exists():
        try:
            engine = RoutingEngine.load(directory, encoder=encoder, dial_policy=dial_policy)
        except SnapshotError as error:
            note(f"{plain(str(error))}: starting again at catalog version 1")
        else:
            _check_removed(directory, engine.columns, columns, max_removed)
            if compare(engine.columns, columns).is_empty:
                return engine, False
            engine.replace(columns, progress=progress)
            return engine, True
    engine = RoutingEngine(columns, encoder=encoder, dial_policy=dial_policy, progress=progress)
    return engine, True


def _check_removed(
    directory: Path, old: LocationColumns, new: LocationColumns, max_removed: float
) -> None:
    """Report how many locations would be removed, and stop if that is too many."""
    n_removed = len(set(old.ids) - set(new.ids))
    if n_removed > max_removed * len(old):
        fail(
            f"{directory}: {n_removed:,} of {len(old):,} locations are not in the sheet and would "
            f"be removed, more than {max_removed:.0%}; nothing was imported. Is it the whole "
            "sheet? --remove imports it all the same, --max-removed sets another share",
            ExitCode.DIFFERS,
        )
    if n_removed:
        note(f"{plain(str(directory))}: {n_removed:,} locations are removed", style="yellow")


def open_columns(directory: Path) -> LocationColumns:
    """Read the locations of a snapshot, without loading an encoder."""
    from routing_engine.catalog.snapshot import load_snapshot

    with working(f"opening {directory}"):
        return load_snapshot(directory).catalog.columns


def open_engine(
    directory: Path, encoder: str, location_id: str | None = None, *, reembed: bool = False
) -> RoutingEngine:
    """Load the engine of a snapshot; look the location up before loading the encoder.

    Args:
        directory: of the snapshot.
        encoder: by its name.
        location_id: must be in the snapshot; None for any.
        reembed: where another encoder made the snapshot, embed its rules again and save it.
    """
    from routing_engine.catalog.snapshot import load_snapshot

    snapshot = load_snapshot(directory)
    if location_id is not None and snapshot.catalog.find(location_id) < 0:
        fail(
            f"{directory}: {no_location(location_id, snapshot.catalog.columns)}",
            ExitCode.UNKNOWN_LOCATION,
        )
    return _opened(directory, snapshot, encoder, reembed)


def open_source(
    source: Path, encoder: str | Encoder, reading: SheetSettings, *, reembed: bool = False
) -> RoutingEngine:
    """Open the engine of a snapshot or a sheet.

    Args:
        source: a snapshot's directory, or a sheet.
        encoder: by its name, or loaded already.
        reading: how a sheet is read.
        reembed: where another encoder made the snapshot, embed its rules again and save it.

    Raises:
        SheetError: the sheet has errors.
        SnapshotError: the snapshot cannot be opened, or was imported with another encoder.
    """
    from routing_engine.catalog.snapshot import load_snapshot
    from routing_engine.engine import RoutingEngine

    if not source.is_dir():
        columns = open_sheet(source, reading).columns
        return RoutingEngine(
            columns,
            encoder=_model(encoder),
            dial_policy=reading.dial_policy,
            progress=stderr().is_terminal,
        )
    snapshot = load_snapshot(source)
    return _opened(source, snapshot, encoder, reembed)


def _model(encoder: str | Encoder) -> Encoder:
    return timed_encoder(encoder)[0] if isinstance(encoder, str) else encoder


def _opened(
    directory: Path, snapshot: Snapshot, encoder: str | Encoder, reembed: bool
) -> RoutingEngine:
    """Load the engine of a snapshot.

    Raises:
        SnapshotError: it was imported with another encoder, and is not to be embedded again.
    """
    from routing_engine.engine import RoutingEngine

    model = _model(encoder)
    # What was allowed when the sheet was imported is allowed when it answers.
    policy = snapshot.catalog.columns.dial_policy or DEFAULT_DIAL_POLICY
    if model.fingerprint == snapshot.encoder_fingerprint:
        return RoutingEngine.load(directory, encoder=model, dial_policy=policy)
    if not reembed:
        raise SnapshotError(
            f"{directory} was imported with another encoder ({snapshot.encoder_fingerprint}, this "
            f"is {model.fingerprint}); give the same --encoder, or --reembed to embed its rules "
            "again with this one and save it"
        )
    with working("embedding rules"):
        engine = RoutingEngine.load(directory, encoder=model, dial_policy=policy, reembed=True)
        engine.save(directory)
    note(f"{plain(str(directory))}: embedded again with {model.fingerprint}, and saved")
    return engine


def no_location(location_id: str, columns: LocationColumns) -> str:
    """Return the error for an unknown location, with similar ids."""
    from difflib import get_close_matches

    message = f"there is no location {location_id!r}"
    if len(columns) > MAX_SUGGESTED_FROM:
        return message
    close = get_close_matches(location_id, list(columns.ids), n=3, cutoff=0.7)
    return f"{message}; did you mean {' or '.join(map(repr, close))}?" if close else message
