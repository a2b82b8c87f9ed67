"""The definition of a benchmark. Each is a module, listed in ``registry``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import Document, Table
from routing_engine import RoutingError
from routing_engine.quality.plots import new_figure
from routing_engine.quality.plots import save_figure as save_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Benchmark", "ClaimError", "new_plot", "save_plot"]


class ClaimError(RoutingError):
    """A claim that a benchmark checks does not hold."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark.

    Attributes:
        name: command, and name of the result file.
        summary: one line for ``--help``.
        add_options: adds options of its own; ``seed``, ``quick`` and ``encoder`` are there.
        run: measures.
        tables: marked block -> the table in it. All are shown after a run.
        plot: draws the result into a PNG.
        arguments_for_all: what ``all`` adds to the defaults.
        unavailable: why it cannot be run here with these options, or None where it can.
    """

    name: str
    summary: str
    add_options: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], Document]
    tables: Mapping[str, Callable[[Document], Table]]
    plot: Callable[[Document, Path], None]
    arguments_for_all: Callable[[], list[str]] = list
    unavailable: Callable[[Namespace], str | None] = lambda _: None


def new_plot(n: int = 1) -> tuple[Figure, list[Axes]]:
    """Create a figure of empty plots side by side.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure = new_figure(6.4 * n, 4.4)
    return figure, [figure.add_subplot(1, n, i + 1) for i in range(n)]
