"""The command that routes whole files of calls."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routing_engine.cli.options import AtOption, EncoderOption, JsonOption, app, examples
from routing_engine.cli.terminal import emit_json, guarded, note, plain, working

if TYPE_CHECKING:
    from routing_engine.distributed import BatchSummary

__all__ = ["batch"]


@app.command(
    epilog=examples(
        "batch calls-2025.parquet --brand brand --out routed",
        "batch calls.csv --brand brand --out routed --location store --utterance transcript",
        "batch s3://bucket/calls --brand brand --out s3://bucket/routed --ray auto",
    )
)
@guarded
def batch(
    calls: Annotated[
        str,
        typer.Argument(
            metavar="CALLS",
            help="Calls: a .csv, .jsonl or .parquet file, or a folder of files of one of these; a "
            "path, or a URI of any filesystem of pyarrow.",
        ),
    ],
    brand: Annotated[Path, typer.Option(metavar="DIR", help="Snapshot, as `import` wrote it.")],
    out: Annotated[
        str,
        typer.Option(
            metavar="DIR",
            help="Folder to write, a path or URI; one that was begun is gone on with.",
        ),
    ],
    location: Annotated[
        str, typer.Option(metavar="COLUMN", help="The column of location ids.")
    ] = "location_id",
    utterance: Annotated[
        str, typer.Option(metavar="COLUMN", help="The column of what callers said.")
    ] = "utterance",
    at: AtOption = None,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processes at a time; one a core.")
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Address of a Ray cluster that does the work, such as auto for the one of this "
            "machine; without it, processes of this machine do.",
        ),
    ] = None,
    json_output: JsonOption = False,
    encoder: EncoderOption = "default",
) -> None:
    """Route a file of calls, of any size, to Parquet.

    Writes the columns of the input, then outcome, reason, rule, destination,
    confidence, catalog_version and candidates. Rows that cannot be routed go to
    _bad_rows.jsonl, with the reason. After a kill, the same command goes on
    where it was.
    """
    from routing_engine.distributed import route_files

    with working("reading the calls") as say:
        summary = route_files(
            calls,
            brand,
            out,
            location=location,
            utterance=utterance,
            now=at,
            workers=workers,
            ray=ray,
            encoder=encoder,
            progress=lambda progress: say(f"routing: {progress}"),
        )
    if json_output:
        emit_json(asdict(summary))
    else:
        _report(summary, out)


def _report(summary: BatchSummary, out: str) -> None:
    outcomes = ", ".join(f"{name} {n:,}" for name, n in summary.outcomes.items())
    typer.echo(f"{plain(out)}: {summary.n_routed:,} rows routed ({outcomes})")
    if summary.n_bad:
        note(f"{summary.n_bad:,} rows cannot be routed; _bad_rows.jsonl says why", style="yellow")
    if summary.n_degraded:
        note(
            f"{summary.n_degraded:,} rows got the default, for the encoder failed on them",
            style="yellow",
        )
