"""``python -m benchmarks``: run benchmarks, and put their results into the documentation."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import docs
from benchmarks.benchmark import Benchmark, new_plot
from benchmarks.calibration import calibrate
from benchmarks.registry import BENCHMARKS
from benchmarks.report import ROOT
from routing_engine import RoutingError

__all__ = ["main"]

RESULTS = ROOT / "benchmarks" / "results"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0; 1 where something failed, or where ``docs --check`` found a difference; 2 for wrong
        usage, or a benchmark that cannot be run here.
    """
    options = _parser().parse_args(argv)
    try:
        if options.command == "calibrate":
            return calibrate.run(options)
        if options.command == "docs":
            return _docs(options.page or docs.PAGES, options.results, check=options.check)
        if options.command == "all":
            for benchmark in BENCHMARKS.values():
                arguments = [*_common_arguments(options), *benchmark.arguments_for_all()]
                asked = _parser().parse_args([benchmark.name, *arguments])
                why_not = benchmark.unavailable(asked)
                if why_not is None:
                    _run(benchmark, asked)
                else:
                    print(f"left out {benchmark.name}: {why_not}", file=sys.stderr)
            return 0
        benchmark = BENCHMARKS[options.command]
        why_not = benchmark.unavailable(options)
        if why_not is not None:
            print(f"benchmarks: {why_not}", file=sys.stderr)
            return 2
        _run(benchmark, options)
    except RoutingError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for benchmark in BENCHMARKS.values():
        command = commands.add_parser(
            benchmark.name, help=benchmark.summary, description=benchmark.summary
        )
        benchmark.add_options(command)
        _add_common(command)
        command.add_argument("--json", type=Path, metavar="PATH", help="the result file itself")
    everything = commands.add_parser("all", help="every benchmark with its default parameters")
    _add_common(everything)
    fitting = commands.add_parser(
        "calibrate", help=calibrate.SUMMARY, description=calibrate.SUMMARY
    )
    calibrate.add_options(fitting)
    tables = commands.add_parser("docs", help="put the results into the marked blocks of pages")
    tables.add_argument(
        "--check", action="store_true", help="change nothing; fail where they differ"
    )
    tables.add_argument(
        "--page",
        type=Path,
        action="append",
        metavar="PATH",
        help="a page with marked blocks; may be given several times (README.md, docs/benchmarks.md)",
    )
    tables.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder of the result (benchmarks/results; a --quick run is not kept unless given)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of whatever is drawn (0)")
    parser.add_argument("--plot", action="store_true", help="a PNG beside the result")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run at all?")
    parser.add_argument(
        "--encoder",
        default="default",
        help="default, hashing (no model), frozen, reference, or a sentence-transformers model",
    )


def _common_arguments(options: argparse.Namespace) -> list[str]:
    arguments = [f"--seed={options.seed}", f"--encoder={options.encoder}"]
    if options.out is not None:
        arguments.append(f"--out={options.out}")
    arguments += [f"--{flag}" for flag in ("plot", "quick") if getattr(options, flag)]
    return arguments


def _run(benchmark: Benchmark, options: argparse.Namespace) -> None:
    path = _result_path(benchmark.name, options)
    if options.plot:
        new_plot()  # fails now, not after half an hour, where there is no matplotlib
    document = benchmark.run(options)
    for table in benchmark.tables.values():
        table(document).show()
    if path is None:
        return
    document.write(path)
    print(f"written to {path}", file=sys.stderr)
    if options.plot:
        benchmark.plot(document, path.with_suffix(".png"))


def _result_path(name: str, options: argparse.Namespace) -> Path | None:
    """Return where the result is written; None for a trial run."""
    path: Path | None = options.json
    folder: Path | None = options.out
    if path is None and (folder is not None or not options.quick):
        path = (folder or RESULTS) / f"{name}.json"
    return path


def _docs(pages: Sequence[Path], results: Path, *, check: bool) -> int:
    rendered = docs.render(pages, results)
    for problem in rendered.problems:
        print(f"benchmarks: {problem}", file=sys.stderr)
    changed = [page for page in rendered.pages if page.found != page.wanted]
    for page in changed:
        if check:
            print(page.diff())
        else:
            page.path.write_text(page.wanted, encoding="utf-8")
    if check and changed:
        print("benchmarks: run python -m benchmarks docs", file=sys.stderr)
    return 1 if rendered.problems or (check and changed) else 0


if __name__ == "__main__":
    sys.exit(main())
