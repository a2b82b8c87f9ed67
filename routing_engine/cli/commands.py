"""The commands. Whatever is heavy is imported by the command that needs it."""

from __future__ import annotations

import contextlib
import importlib
import json
import shlex
import sys
import time
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from routing_engine.cli.answering import CallSession, Session, show_decision, typed_lines
from routing_engine.cli.opening import (
    built,
    check_target,
    compiled_encoder,
    open_columns,
    open_engine,
    open_sheet,
    open_source,
    timed_encoder,
    wording,
)
from routing_engine.cli.terminal import (
    ExitCode,
    complain,
    debugging,
    emit_json,
    fail,
    guarded,
    note,
    plain,
    show,
    stderr,
    stdout,
    working,
)
from routing_engine.errors import (
    EncoderError,
    InvalidValueError,
    MissingExtraError,
    RoutingError,
    SheetError,
)

if TYPE_CHECKING:
    from routing_engine.engine import RoutingEngine
    from routing_engine.quality.evaluation import Evaluation
    from routing_engine.quality.fitting import Fitting

__all__ = ["app", "main"]

EPILOG = """\b
Exit codes:
    0  done; diff: no difference
    1  the sheet has errors; check --strict: findings; diff: differences; fit: nothing gained
    2  wrong usage, or cases with errors; diff: also a sheet with errors
    3  unknown location
    4  the snapshot is missing, altered, or of another encoder
    5  the encoder or its model cannot be loaded, or failed
   70  internal error: a bug
  130  interrupted
  141  whoever read the output went away"""


def _examples(*lines: str) -> str:
    return "\n".join(["\b", "Examples:", *(f"  routing-engine {line}" for line in lines)])


app = typer.Typer(
    name="routing-engine",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Layout(StrEnum):
    """How a sheet is laid out."""

    LONG = "long"
    WIDE = "wide"


SheetArgument = Annotated[
    Path,
    typer.Argument(
        metavar="SHEET", exists=True, dir_okay=False, help="Routing sheet, .csv, .tsv or .xlsx."
    ),
]
SnapshotArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="Snapshot, as `import` wrote it.")
]
SourceArgument = Annotated[
    Path,
    typer.Argument(metavar="SOURCE", exists=True, help="Snapshot, or routing sheet."),
]
CasesArgument = Annotated[
    Path,
    typer.Argument(
        metavar="CASES",
        exists=True,
        dir_okay=False,
        help="Labelled calls: .csv or .xlsx with the columns location_id, utterance and label "
        "(empty where no rule is right), or .jsonl.",
    ),
]
PlotOption = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="PNG",
        dir_okay=False,
        help="Draw confusion, calibration and thresholds.",
    ),
]
LocationArgument = Annotated[str, typer.Argument(metavar="LOCATION", help="Location id.")]
RegionOption = Annotated[
    str,
    typer.Option(
        metavar="CODE|none",
        help="Country whose national phone number format is read beside E.164, or none.",
    ),
]
TemplateOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="Sheet that says what each rule means: label, when, examples. For the wide layout.",
    ),
]
SkipOption = Annotated[
    bool, typer.Option("--skip-errors", help="Leave out what is wrong, and report it.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]
EncoderOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="default, a sentence-transformers model name, or its folder (which needs the extra "
        "sentence-transformers). hashing is a fake for tests: fast, without a model, and without "
        "understanding.",
    ),
]
ReembedOption = Annotated[
    bool,
    typer.Option(
        "--reembed",
        help="Where another encoder made the snapshot: embed its rules again, and save it. "
        "What was fitted with that encoder is lost.",
    ),
]
VerifiedOption = Annotated[
    bool, typer.Option("--verified", help="The caller's identity has been verified.")
]
ConfirmedOption = Annotated[
    bool, typer.Option("--confirmed", help="The caller has confirmed the transfer.")
]
AtOption = Annotated[
    datetime | None,
    typer.Option(
        "--at",
        formats=["%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S%z"],
        metavar="TIME",
        help="The time for which business hours count, such as 2026-03-08T22:00-05:00; the "
        "present without it.",
    ),
]
ExplainOption = Annotated[
    bool, typer.Option("--explain", help="Say why, and show how every rule of the location scored.")
]


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr, sys.stdin):
        # A terminal that cannot show a letter, or a file in another encoding, is no reason to fail.
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        app(prog_name="routing-engine")
    except KeyboardInterrupt:  # before a command began, or while it ended
        sys.exit(ExitCode.INTERRUPTED)


def _print_version(wanted: bool) -> None:
    if wanted:
        from routing_engine import __version__

        typer.echo(f"routing-engine {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", envvar="ROUTING_ENGINE_DEBUG", help="Show the traceback of an error."
        ),
    ] = False,
    version: Annotated[  # noqa: ARG001  its callback does the work
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Decide where a caller goes: a location's rules, matched by meaning."""
    debugging.set(debug)


@app.command(
    "import",
    epilog=_examples(
        "import data/franchise.csv --out brand",
        "import stores.xlsx --out brand --template rules.csv",
        "import uk.csv --out uk --region GB --skip-errors",
    ),
)
@guarded
def import_(
    sheet: SheetArgument,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR", file_okay=False, help="Snapshot to write; replaced if it is there."
        ),
    ],
    region: RegionOption = "US",
    template: TemplateOption = None,
    skip_errors: SkipOption = False,
    json_output: JsonOption = False,
    encoder: EncoderOption = "default",
) -> None:
    """Read a sheet, embed and index its rules, and save a snapshot.

    Nothing is written unless the whole sheet is right, or --skip-errors says
    otherwise. Over a snapshot that is there already, only rules with new texts
    are embedded and the catalog version goes up by one; a sheet that changes
    nothing leaves it as it is.
    """
    check_target(out)
    try:
        read = open_sheet(sheet, region, template, skip_errors)
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
    engine, changed = built(read.columns, out, model)
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
    epilog=_examples(
        "check data/franchise.csv",
        "check stores.xlsx --template rules.csv --json",
        "check stores.csv --strict && routing-engine import stores.csv --out brand",
    )
)
@guarded
def check(
    sheet: SheetArgument,
    region: RegionOption = "US",
    template: TemplateOption = None,
    lint: Annotated[
        bool,
        typer.Option(
            "--lint/--no-lint", help="Whether to measure the wording; that needs the encoder."
        ),
    ] = True,
    strict: Annotated[
        bool, typer.Option("--strict", help="Take findings in the wording for errors.")
    ] = False,
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
    columns = None
    try:
        read = open_sheet(sheet, region, template, skip_errors=False)
        report, columns = read.report, read.columns
    except SheetError as error:
        report = error.report
    if not json_output:
        show(report)
    found = None
    failed: RoutingError | None = None
    if lint and columns is not None:
        try:
            found = wording(columns, encoder)
        except (EncoderError, MissingExtraError) as error:
            failed = error
            note(f"the wording was not measured: {plain(str(error))}", style="yellow")
    if json_output:
        emit_json(report.to_dict() | {"lint": None if found is None else found.to_dict()})
    elif found is not None:
        show(found)
    if report.errors or (strict and found is not None and not found.ok):
        raise typer.Exit(ExitCode.DIFFERS)
    if strict and failed is not None:
        raise typer.Exit(ExitCode.ENCODER)


@app.command(
    epilog=_examples(
        "diff data/franchise.csv brand", "diff stores.csv brand --json || echo 'import it'"
    )
)
@guarded
def diff(
    sheet: SheetArgument,
    directory: SnapshotArgument,
    region: RegionOption = "US",
    template: TemplateOption = None,
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
        new = open_sheet(sheet, region, template, skip_errors).columns
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
    epilog=_examples("export brand brand.csv", "export brand stores.xlsx --layout wide --force")
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


@app.command(
    epilog=_examples(
        'route brand store-0042 "I was charged twice"',
        'route brand store-0042 "I was charged twice" --explain',
        'route brand store-0042 "are you hiring" --json',
        'route brand store-0042 "the boiler leaks" --at 2026-03-08T22:00-05:00 --explain',
    )
)
@guarded
def route(
    directory: SnapshotArgument,
    location: LocationArgument,
    words: Annotated[list[str], typer.Argument(metavar="WORDS", help="What the caller said.")],
    verified: VerifiedOption = False,
    confirmed: ConfirmedOption = False,
    at: AtOption = None,
    explain: ExplainOption = False,
    json_output: JsonOption = False,
    encoder: EncoderOption = "default",
    reembed: ReembedOption = False,
) -> None:
    """Say where a caller goes who needs a person.

    Prints outcome, destination, rule, confidence and reason, two spaces apart;
    - stands for none. --json has every candidate too, and with --explain the
    explanation. Exit code 5 if the encoder failed and the call went to the
    default for that reason.
    """
    engine = open_engine(directory, encoder, location, reembed=reembed)
    decision = engine.route(
        location, " ".join(words), verified=verified, confirmed=confirmed, now=at
    )
    if json_output:
        explanation = {"explanation": decision.explain()} if explain else {}
        emit_json(decision.to_dict() | explanation)
    else:
        show_decision(engine, decision, explain=explain)
    if decision.reason == "engine_degraded":
        raise typer.Exit(ExitCode.ENCODER)


@app.command(
    epilog=_examples("repl brand store-0042", "repl brand store-0042 --explain < sentences.txt")
)
@guarded
def repl(
    directory: SnapshotArgument,
    location: LocationArgument,
    verified: VerifiedOption = False,
    confirmed: ConfirmedOption = False,
    explain: ExplainOption = False,
    encoder: EncoderOption = "default",
    reembed: ReembedOption = False,
) -> None:
    """Route one sentence a line, at a prompt or from a pipe.

    :location ID goes to another location; :explain, :verified and :confirmed
    switch those options on and off; :help lists these; :quit, or the end of the
    input, leaves.
    """
    session = Session(
        open_engine(directory, encoder, location, reembed=reembed),
        location,
        explain,
        verified,
        confirmed,
    )
    for line in typed_lines(lambda: session.location):
        if not line.startswith(":"):
            session.route(line)
        elif not session.obey(*line[1:].split(maxsplit=1)):
            return


@app.command(
    epilog=_examples(
        "call brand store-0042",
        "call brand store-0042 --caller-id +12025550188 --script call.txt --json",
    )
)
@guarded
def call(
    directory: SnapshotArgument,
    location: LocationArgument,
    caller_id: Annotated[
        str | None,
        typer.Option(metavar="NUMBER", help="The caller's own number, or anonymous."),
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", exists=True, dir_okay=False, readable=True, help="Lines to play."
        ),
    ] = None,
    explain: ExplainOption = False,
    json_output: JsonOption = False,
    encoder: EncoderOption = "default",
    reembed: ReembedOption = False,
) -> None:
    """Play a call, one turn of the caller a line.

    :agent WORDS is what the agent says; :partial WORDS a transcript that may
    still change; :silence, :stuck (the agent failed), :verified METHOD,
    :unverified METHOD, :yes, :no and :failed OUTCOME (busy, no_answer, declined,
    unreachable, voicemail, caller_hung_up) are what else happens in a call;
    :name WORDS and :note KEY=VALUE what the agent finds out; :at TIME, such as
    2026-03-08T22:00-05:00, is the time from there on. A line that begins with #
    is a comment; :quit, or the end of the input, leaves.

    At the end comes the handoff: what the person who was dialled last gets.
    --json prints the decisions, the handoff and the whole call.
    """
    engine = open_engine(directory, encoder, location, reembed=reembed)
    played = CallSession(
        engine, engine.open_call(location, caller_id=caller_id), explain, silent=json_output
    )
    lines = typed_lines(lambda: location)
    if script is not None:
        text = script.read_text(encoding="utf-8-sig", errors="replace")
        lines = map(str.strip, text.splitlines())
    for number, line in enumerate(lines, start=1):
        try:
            goes_on = not line or played.play(line)
        except InvalidValueError as error:
            if script is not None:
                raise InvalidValueError(f"{script.name}, line {number}: {error}") from error
            complain(str(error))
            continue
        if not goes_on:
            break
    if not json_output:
        played.show_handoff()
        return
    handoff = played.handoff
    emit_json(
        {
            "decisions": [decision.to_dict() for decision in played.decisions],
            "handoff": None if handoff is None else json.loads(handoff.to_json()),
            "call": json.loads(played.call.to_json()),
        }
    )


@app.command(
    epilog=_examples(
        "evaluate brand calls.csv",
        "evaluate data/franchise.csv data/eval.jsonl --plot report.png",
    )
)
@guarded
def evaluate(
    source: SourceArgument,
    cases: CasesArgument,
    plot: PlotOption = None,
    region: RegionOption = "US",
    template: TemplateOption = None,
    json_output: JsonOption = False,
    encoder: EncoderOption = "default",
    reembed: ReembedOption = False,
) -> None:
    """Measure how good the decisions are on labelled calls.

    Prints the metrics, each rule, and what went wrong most, with what the
    callers said.
    """
    _check_plot(plot)
    engine = open_source(source, region, template, encoder, reembed=reembed)
    with working("answering"):
        found = engine.evaluate(cases)
    if plot is not None:
        from routing_engine.quality.plots import plot as draw

        draw(found, plot)
    _report(found, json_output)


@app.command(
    epilog=_examples(
        "fit brand calls.csv --out fitted",
        "fit data/franchise.csv data/eval.jsonl --out fitted --plot report.png",
    )
)
@guarded
def fit(
    source: SourceArgument,
    cases: CasesArgument,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR", file_okay=False, help="Snapshot to write; replaced if it is there."
        ),
    ],
    plot: PlotOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the cross-validation's folds.")] = 0,
    region: RegionOption = "US",
    template: TemplateOption = None,
    json_output: JsonOption = False,
    encoder: EncoderOption = "default",
    reembed: ReembedOption = False,
) -> None:
    """Adjust threshold, calibration and weights to labelled calls.

    What is found is taken only if it does better in cross-validation. Otherwise
    nothing is written, and the exit code is 1.
    """
    check_target(out)
    _check_plot(plot)
    engine = open_source(source, region, template, encoder, reembed=reembed)
    with working("fitting"):
        fitting = engine.fit(cases, seed=seed)
    if fitting.accepted:
        with working(f"saving {out}"):
            fitting.engine.save(out)
    if plot is not None:
        from routing_engine.quality.plots import plot as draw

        draw(fitting.after, plot, before=fitting.before if fitting.accepted else None)
    _report(fitting, json_output)
    if not fitting.accepted:
        raise typer.Exit(ExitCode.DIFFERS)


def _check_plot(plot: Path | None) -> None:
    """Fail before the work, not after it, where there is no matplotlib."""
    if plot is not None:
        from routing_engine.quality.plots import new_figure

        new_figure(1.0, 1.0)


def _report(found: Evaluation | Fitting[RoutingEngine], json_output: bool) -> None:
    from rich.text import Text

    if json_output:
        emit_json(found.to_dict())
    else:
        show(Text(str(found)))


@app.command(epilog=_examples("demo", "demo --sheet stores.csv"))
@guarded
def demo(
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", exists=True, dir_okay=False, help="Another sheet than the sample."
        ),
    ] = None,
    encoder: EncoderOption = "default",
) -> None:
    """Load the sample franchise sheet and route a dozen callers."""
    from statistics import median

    from rich.text import Text

    from routing_engine.cli import demo as sample
    from routing_engine.engine import RoutingEngine

    path = sample.find_sheet() if sheet is None else sheet
    if path is None:
        fail(
            f"the sample sheet {sample.SAMPLE.as_posix()} is part of the source repository, which "
            "is neither here nor around this package; give a sheet of your own with --sheet FILE",
            ExitCode.USAGE,
        )
    console = stdout()
    read = open_sheet(path, "US", None, skip_errors=False)
    console.print(Text("The sheet", style="bold underline"))
    show(read.report)
    model, load_s = timed_encoder(encoder)
    started_s = time.perf_counter()
    with working("embedding rules"):
        engine = RoutingEngine(read.columns, encoder=model)
    build_s = time.perf_counter() - started_s
    console.print()
    console.print(Text("The engine", style="bold underline"))
    console.print(
        f"encoder loaded in {load_s:.1f} s; rules embedded and indexed in {build_s:.1f} s"
    )
    with working("routing"):
        found = list(sample.answers(engine))
    console.print()
    console.print(Text("The calls", style="bold underline"))
    console.print(sample.table(found, width=console.width))
    if not found:
        return
    median_ms = median(answer.time_ms for answer in found)
    console.print()
    console.print(f"{len(found)} calls, median {median_ms:.1f} ms a decision.")
    if any(answer.decision.destination is None for answer in found):
        console.print(
            "verify caller, confirm first: the rule asks for that before it transfers.", style="dim"
        )
    console.print()
    console.print("Next:", style="dim")
    for line in (
        f"routing-engine import {shlex.quote(plain(str(path)))} --out brand",
        f'routing-engine route brand {found[0].location_id} "I was charged twice" --explain',
    ):
        console.print(f"  {line}", style="dim", soft_wrap=True)


@app.command(
    epilog=_examples(
        "serve",
        "serve --host 0.0.0.0 --port 8000 --workers 4 --database postgresql://user@db/routing",
    ),
)
@guarded
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="0 takes a free one.", show_default="8000")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.",
            show_default="sqlite:///routing.db",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Processes that share the work.", show_default="1"),
    ] = None,
) -> None:
    """Run the control plane: drafts, publishing, routing and live calls over HTTP.

    On an empty database it makes an organisation, and prints its first key once.

    Every option is also an environment variable, as are the other settings: ROUTING_ENGINE_PORT,
    ROUTING_ENGINE_SECRET, and so on. They are listed in routing_engine/server/README.md.
    """
    try:
        from routing_engine.server.serving import serve as run
        from routing_engine.server.settings import read_settings
    except ImportError as error:
        raise MissingExtraError("serve", "server") from error
    run(read_settings(host=host, port=port, database=database, workers=workers))


@app.command(
    name="compile",
    epilog=_examples("compile", "compile sentence-transformers/paraphrase-MiniLM-L3-v2"),
)
@guarded
def compile_(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A model folder, a name on the Hugging Face hub, or default."
        ),
    ] = "default",
) -> None:
    """Compile a sentence-transformers model now, so that no first call has to wait for it.

    Kept under the user's cache folder, or under $ROUTING_ENGINE_CACHE. The default
    ships compiled: it is checked and loaded. Any other model needs the extra
    sentence-transformers.
    """
    started_s = time.perf_counter()
    encoder = compiled_encoder(model)
    taken_s = time.perf_counter() - started_s
    stdout().print(
        f"{encoder.name}: {encoder.fingerprint}, dimension {encoder.dimension}, "
        f"ready in {taken_s:.1f} s",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


@app.command(
    context_settings={"ignore_unknown_options": True},
    epilog=_examples("bench", "bench latency --json", "bench -- --help"),
)
@guarded
def bench(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Which one, and options of its own."),
    ] = None,
) -> None:
    """Run the benchmarks of the source repository.

    They are no part of the installed package. Arguments are those of
    python -m benchmarks.
    """
    from routing_engine.cli.demo import source_folders

    folder = next(
        (path for path in source_folders() if (path / "benchmarks" / "__main__.py").is_file()), None
    )
    if folder is None:
        fail(
            "the benchmarks are part of the source repository, which is neither here nor around "
            "this package; clone it and run this there",
            ExitCode.USAGE,
        )
    sys.path.insert(0, str(folder))
    code: Any = importlib.import_module("benchmarks.__main__").main(arguments or [])
    raise typer.Exit(int(code or 0))
