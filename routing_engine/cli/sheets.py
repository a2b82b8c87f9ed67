"""Commands for routing sheets: import, check, diff and export."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from routing_engine.cli.opening import (
    built,
    check_target,
    open_columns,
    open_sheet,
    timed_encoder,
    wording,
)
from routing_engine.cli.options import (
    EncoderOption,
    HtmlOption,
    JsonOption,
    Layout,
    SheetArgument,
    SkipOption,
    SnapshotArgument,
    app,
    examples,
)
from routing_engine.cli.profile import SheetSettings
from routing_engine.cli.reading import reads_sheets
from routing_engine.cli.terminal import (
    ExitCode,
    emit_json,
    fail,
    guarded,
    note,
    plain,
    show,
    stderr,
    working,
)
from routing_engine.errors import (
    EncoderError,
    MissingExtraError,
    RoutingError,
    SheetError,
)

__all__ = ["check", "diff", "export", "import_"]


@app.command(
    "import",
    epilog=examples(
        "import data/franchise.csv --out brand",
        "import stores.xlsx --out brand --template rules.csv",
        "import uk.csv --out uk --region GB --skip-errors",
    ),
)
@guarded
@reads_sheets
def import_(
    *,
    sheet: SheetArgument,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR", file_okay=False, help="Snapshot to write; replaced if it is there."
        ),
    ],
    reading: SheetSettings,
    skip_errors: SkipOption = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove locations that the sheet lacks, however many.")
    ] = False,
    max_removed: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Share of the locations that may go without --remove."),
    ] = 0.05,
    json_output: JsonOption = False,
    encoder: EncoderOption = "default",
) -> None:
    """Read a sheet, embed and index its rules, and save a snapshot.

    Nothing is written unless the whole sheet is right, or --skip-errors says
    otherwise. Over a snapshot that is there already, only rules with new texts
    are embedded and the catalog version goes up by one; a sheet that changes
    nothing leaves it as it is. One that lacks more than a twentieth of the
    locations is refused without --remove: it may be a part of the whole.
    """
    check_target(out)
    try:
        read = open_sheet(sheet, reading, skip_errors=skip_errors)
    except SheetError as error:
        if json_output:
            emit_json({"report": error.report.to_dict(), "snapshot": None})
        else:
            show(error.report, console=stderr())
        fail(f"{sheet}: nothing was imported", ExitCode.DIFFERS)
    if not json_output:
        show(read.report)
    model, load_s = timed_encoder(encoder)
    started_s = time.perf_counter()
    engine, changed = built(
        read.columns, out, model, reading.dial_policy, 1.0 if remove else max_removed
    )
    if changed:
        with working(f"saving {out}"):
            engine.save(out)
    build_s = time.perf_counter() - started_s
    if json_output:
        snapshot = {
            "directory": str(out),
            "catalog_version": engine.catalog_version,
            "n_locations": len(engine),
            "n_rules": engine.columns.n_rules,
            "changed": changed,
            "encoder": model.fingerprint,
            "encoder_load_s": round(load_s, 3),
            "build_s": round(build_s, 3),
        }
        emit_json({"report": read.report.to_dict(), "snapshot": snapshot})
    elif changed:
        typer.echo(
            f"{plain(str(out))}: catalog version {engine.catalog_version}, embedded, indexed and "
            f"saved in {build_s:.1f} s (encoder loaded in {load_s:.1f} s)"
        )
    else:
        typer.echo(
            f"{plain(str(out))}: nothing changed, still catalog version {engine.catalog_version}"
        )


@app.command(
    epilog=examples(
        "check data/franchise.csv",
        "check stores.xlsx --template rules.csv --json",
        "check stores.csv --strict && routing-engine import stores.csv --out brand",
    )
)
@guarded
@reads_sheets
def check(
    *,
    sheet: SheetArgument,
    reading: SheetSettings,
    lint: Annotated[
        bool,
        typer.Option(
            "--lint/--no-lint", help="Whether to measure the wording; that needs the encoder."
        ),
    ] = True,
    strict: Annotated[
        bool, typer.Option("--strict", help="Take findings in the wording for errors.")
    ] = False,
    show_all: Annotated[
        bool, typer.Option("--all", help="Show every error, not five of each kind.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV", dir_okay=False, help="Write the sheet with a column of its errors."
        ),
    ] = None,
    html: HtmlOption = None,
    json_output: JsonOption = False,
    encoder: EncoderOption = "default",
) -> None:
    """Report everything that is wrong with a sheet, and load nothing.

    Once the sheet has no errors, the wording of its rules is measured: rules that
    callers cannot tell apart, a when that says nothing, examples in the wrong
    place, rules that nothing reaches.

    Exit code 1 if the sheet has errors, or with --strict if the wording has
    findings; 0 if it has at most warnings, repairs and findings. Where the encoder
    cannot be loaded, the wording is not measured; with --strict that is 5.
    """
    from routing_engine.sheets.marking import write_marked

    columns = None
    try:
        read = open_sheet(sheet, reading)
        report, columns = read.report, read.columns
    except SheetError as error:
        report = error.report
    if not json_output:
        if show_all:
            typer.echo(plain(report.summary(n_each=None)))
        else:
            show(report)
        if report.next_step is not None:
            typer.echo(f"next: {plain(report.next_step)}")
    if out is not None:
        n_marked = write_marked(sheet, report, out)
        note(f"{plain(str(out))}: the sheet with its errors, {n_marked:,} rows of it wrong")
    found = None
    failed: RoutingError | None = None
    if lint and columns is not None:
        try:
            found = wording(columns, encoder)
        except (EncoderError, MissingExtraError) as error:
            failed = error
            note(f"the wording was not measured: {plain(str(error))}", style="yellow")
    if html is not None:
        from routing_engine.quality.html_reports import check_page, write_page

        write_page(check_page(report, found), html)
    if json_output:
        emit_json(report.to_dict() | {"lint": None if found is None else found.to_dict()})
    elif found is not None:
        show(found)
    if report.errors or (strict and found is not None and not found.ok):
        raise typer.Exit(ExitCode.DIFFERS)
    if strict and failed is not None:
        raise typer.Exit(ExitCode.ENCODER)


@app.command(
    epilog=examples(
        "diff data/franchise.csv brand", "diff stores.csv brand --json || echo 'import it'"
    )
)
@guarded
@reads_sheets
def diff(
    *,
    sheet: SheetArgument,
    directory: SnapshotArgument,
    reading: SheetSettings,
    skip_errors: SkipOption = False,
    json_output: JsonOption = False,
) -> None:
    """Show what importing a sheet would change in a snapshot.

    As diff(1): exit code 0 if nothing differs, 1 if something does, 2 if the
    sheet has errors.
    """
    from routing_engine.sheets import diff as compare

    old = open_columns(directory)
    try:
        new = open_sheet(sheet, reading, skip_errors=skip_errors).columns
    except SheetError as error:
        show(error.report, console=stderr())
        fail(f"{sheet}: cannot be compared", ExitCode.USAGE)
    found = compare(old, new)
    if json_output:
        emit_json(found.to_dict())
    else:
        show(found)
    if not found.is_empty:
        raise typer.Exit(ExitCode.DIFFERS)


@app.command(
    epilog=examples("export brand brand.csv", "export brand stores.xlsx --layout wide --force")
)
@guarded
def export(
    directory: SnapshotArgument,
    sheet: Annotated[
        Path,
        typer.Argument(
            metavar="SHEET", dir_okay=False, help="Sheet to write, .csv, .tsv or .xlsx."
        ),
    ],
    layout: Annotated[
        Layout, typer.Option(help="long: a row a rule. wide: a row a location.")
    ] = Layout.LONG,
    force: Annotated[bool, typer.Option("--force", help="Replace a sheet that is there.")] = False,
) -> None:
    """Write the locations of a snapshot as a sheet.

    The sheet imports back to the same locations and is safe to open in a
    spreadsheet.
    """
    from routing_engine.sheets import write_sheet

    if sheet.exists() and not force:
        fail(f"{sheet} is there already; --force replaces it", ExitCode.USAGE)
    columns = open_columns(directory)
    try:
        with working(f"writing {sheet}"):
            write_sheet(columns, sheet, layout=layout.value)
    except OSError as error:
        fail(f"cannot write {sheet}: {error.strerror or error}", ExitCode.USAGE)
    typer.echo(f"{plain(str(sheet))}: {len(columns):,} locations, {columns.n_rules:,} rules")
