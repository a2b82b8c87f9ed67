"""Commands that measure and fit an engine on labelled calls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routing_engine.cli.opening import (
    check_target,
    open_source,
    timed_encoder,
)
from routing_engine.cli.options import (
    CasesArgument,
    EncoderOption,
    HtmlOption,
    JsonOption,
    PlotOption,
    ReembedOption,
    SourceArgument,
    app,
    examples,
)
from routing_engine.cli.profile import SheetSettings
from routing_engine.cli.reading import reads_sheets
from routing_engine.cli.terminal import (
    ExitCode,
    emit_json,
    guarded,
    show,
    stderr,
    working,
)

if TYPE_CHECKING:
    from routing_engine.engine import RoutingEngine
    from routing_engine.quality.comparing import Comparison
    from routing_engine.quality.evaluation import Evaluation
    from routing_engine.quality.fitting import Fitting
    from routing_engine.quality.learning import Learning

__all__ = ["backtest", "evaluate", "fit"]


@app.command(
    epilog=examples(
        "evaluate brand calls.csv",
        "evaluate data/franchise.csv data/eval.jsonl --plot report.png",
    )
)
@guarded
@reads_sheets
def evaluate(
    *,
    source: SourceArgument,
    cases: CasesArgument,
    plot: PlotOption = None,
    html: HtmlOption = None,
    reading: SheetSettings,
    json_output: JsonOption = False,
    encoder: EncoderOption = "default",
    reembed: ReembedOption = False,
) -> None:
    """Measure how good the decisions are on labelled calls.

    Prints the metrics, each rule, and what went wrong most, with what the
    callers said.
    """
    _check_plot(plot)
    engine = open_source(source, encoder, reading, reembed=reembed)
    with working("answering"):
        found = engine.evaluate(cases)
    if plot is not None:
        from routing_engine.quality.plots import plot as draw

        draw(found, plot)
    if html is not None:
        from routing_engine.quality.html_reports import evaluation_page, write_page

        write_page(evaluation_page(found), html)
    _report(found, json_output)


@app.command(
    epilog=examples(
        "fit brand calls.csv --out fitted",
        "fit data/franchise.csv data/eval.jsonl --out fitted --plot report.png",
    )
)
@guarded
@reads_sheets
def fit(
    *,
    source: SourceArgument,
    cases: CasesArgument,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR", file_okay=False, help="Snapshot to write; replaced if it is there."
        ),
    ],
    plot: PlotOption = None,
    html: HtmlOption = None,
    learn_examples: Annotated[
        bool,
        typer.Option(
            "--examples",
            help="Learn examples of rules instead, over all locations that share a rule.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the cross-validation's folds.")] = 0,
    reading: SheetSettings,
    json_output: JsonOption = False,
    encoder: EncoderOption = "default",
    reembed: ReembedOption = False,
) -> None:
    """Adjust threshold, calibration and weights to labelled calls.

    What is found is taken only if it does better in cross-validation. Otherwise
    nothing is written, and the exit code is 1. With --examples rules learn what
    callers said whom they did not take, measured on locations held out.
    """
    check_target(out)
    _check_plot(plot)
    engine = open_source(source, encoder, reading, reembed=reembed)
    if learn_examples:
        _learn(engine, cases, out, json_output=json_output, plot=plot, html=html)
        return
    with working("fitting"):
        fitting = engine.fit(cases, seed=seed)
    if fitting.accepted:
        with working(f"saving {out}"):
            fitting.engine.save(out)
    if plot is not None:
        from routing_engine.quality.plots import plot as draw

        draw(fitting.after, plot, before=fitting.before if fitting.accepted else None)
    if html is not None:
        from routing_engine.quality.html_reports import fitting_page, write_page

        write_page(fitting_page(fitting), html)
    _report(fitting, json_output)
    if not fitting.accepted:
        raise typer.Exit(ExitCode.DIFFERS)


def _learn(
    engine: RoutingEngine,
    cases: Path,
    out: Path,
    *,
    json_output: bool,
    plot: Path | None,
    html: Path | None,
) -> None:
    """Learn examples of rules, and write a snapshot with them where that is a gain."""
    if plot is not None or html is not None:
        raise typer.BadParameter("there is no picture of examples: leave --plot and --html out")
    from routing_engine.quality.learning import with_examples

    with working("learning"):
        learning = engine.learn(cases)
    if learning.is_gain:
        taught = {(rule.label, rule.when): rule.examples for rule in learning.rules}
        every = [with_examples(engine.location(name), taught) for name in engine.location_ids()]
        with working(f"saving {out}"):
            engine.replace(every)
            engine.save(out)
    _report(learning, json_output)
    if not learning.is_gain:
        raise typer.Exit(ExitCode.DIFFERS)


@app.command(
    epilog=examples(
        "backtest brand new-stores.csv calls.csv",
        "backtest brand brand-next last-week.parquet --json",
    )
)
@guarded
@reads_sheets
def backtest(
    *,
    old: Annotated[
        Path,
        typer.Argument(metavar="OLD", exists=True, help="What answers now: snapshot or sheet."),
    ],
    new: Annotated[
        Path,
        typer.Argument(metavar="NEW", exists=True, help="What may take its place: likewise."),
    ],
    calls: Annotated[
        Path,
        typer.Argument(
            metavar="CALLS",
            exists=True,
            dir_okay=False,
            help="Calls: .csv, .xlsx or .parquet with the columns location_id and utterance, and "
            "label where it is known which rule is right; or .jsonl.",
        ),
    ],
    html: HtmlOption = None,
    reading: SheetSettings,
    json_output: JsonOption = False,
    encoder: EncoderOption = "default",
    reembed: ReembedOption = False,
) -> None:
    """Say which calls would go elsewhere if NEW took the place of OLD.

    From where to where, with what callers said; of calls with a label, how many
    are gained and lost. Every location counts as open. Writes nothing. The exit
    code is 1 where a call would go elsewhere.
    """
    model, _ = timed_encoder(encoder)
    first, other = (open_source(source, model, reading, reembed=reembed) for source in (old, new))
    found = first.compare(other, calls, progress=stderr().is_terminal)
    if html is not None:
        from routing_engine.quality.html_reports import comparison_page, write_page

        write_page(comparison_page(found), html)
    _report(found, json_output)
    if found.n_moved:
        raise typer.Exit(ExitCode.DIFFERS)


def _check_plot(plot: Path | None) -> None:
    """Fail before the work, not after it, if matplotlib is missing."""
    if plot is not None:
        from routing_engine.quality.plots import new_figure

        new_figure(1.0, 1.0)


def _report(
    found: Comparison | Evaluation | Fitting[RoutingEngine] | Learning, json_output: bool
) -> None:
    from rich.text import Text

    if json_output:
        emit_json(found.to_dict())
    else:
        show(Text(str(found)))
