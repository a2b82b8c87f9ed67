"""Draw an evaluation: confusion matrix, calibration, and other thresholds."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from routing_engine.errors import InvalidValueError, MissingExtraError
from routing_engine.quality.evaluation import NO_RULE, Evaluation, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["new_figure", "plot", "save_figure"]

MOST_RULES = 18
"""Most rules in the confusion matrix; the others are counted together."""

MAX_LABEL_LENGTH = 22
OTHER = "other rules"


def new_figure(width: float, height: float) -> Figure:
    """Create an empty figure; sizes are in inches.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        # Not pyplot, which keeps every figure and looks for a display.
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("--plot", "plots") from error
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG, with equal bytes for equal figures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, metadata={"Software": None})


def plot(
    evaluation: Evaluation, path: str | os.PathLike[str], *, before: Evaluation | None = None
) -> None:
    """Draw an evaluation into a PNG.

    Args:
        evaluation: what is drawn.
        path: of the PNG.
        before: drawn beside it for comparison.

    Raises:
        MissingExtraError: matplotlib is not installed.
        InvalidValueError: the file cannot be written.
    """
    figure = new_figure(17.0, 7.6)
    grid = figure.add_gridspec(2, 2, width_ratios=(1.45, 1.0))
    _draw_confusion(figure, figure.add_subplot(grid[:, 0]), evaluation)
    _draw_calibration(figure.add_subplot(grid[0, 1]), evaluation, before)
    _draw_sweep(figure.add_subplot(grid[1, 1]), evaluation, before)
    try:
        with warnings.catch_warnings():
            # A label may be in a script that the font lacks; boxes in its place say so enough.
            warnings.filterwarnings("ignore", "Glyph")
            save_figure(figure, Path(path))
    except OSError as error:
        raise InvalidValueError(f"cannot write {path}: {error.strerror or error}") from error


def _shown(label: str) -> str:
    short = label if len(label) <= MAX_LABEL_LENGTH else label[: MAX_LABEL_LENGTH - 1] + "…"
    return short.replace("$", r"\$")  # matplotlib reads mathematics between two of them


def _draw_confusion(figure: Figure, ax: Axes, evaluation: Evaluation) -> None:
    busiest = sorted(evaluation.rules, key=lambda rule: (-rule.n - rule.n_picked, rule.label))
    kept = sorted(rule.label for rule in busiest[:MOST_RULES])
    rest = len(busiest) > MOST_RULES
    names = [*kept, *([OTHER] if rest else []), NO_RULE]
    place = {label: i for i, label in enumerate(kept)}

    def at(label: str | None) -> int:
        return len(names) - 1 if label is None else place.get(label, len(kept))

    counts: Counter[tuple[int, int]] = Counter()
    for rule in evaluation.rules:
        counts[at(rule.label), at(rule.label)] += rule.n_right
    wrong = 0
    for pair in evaluation.confused:
        counts[at(pair.label), at(pair.picked)] += len(pair.cases)
        wrong += len(pair.cases) if pair.label is None else 0
    counts[at(None), at(None)] = evaluation.n - evaluation.n_in_scope - wrong
    matrix = np.zeros((len(names), len(names)), int)
    for cell, n in counts.items():
        matrix[cell] = n
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image = ax.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    for (row, column), n in np.ndenumerate(matrix):
        if n:
            color = "white" if share[row, column] > 0.55 else "black"
            ax.text(column, row, str(n), ha="center", va="center", fontsize=8, color=color)
    shown = [_shown(name) for name in names]
    ax.set_xticks(range(len(names)), shown, rotation=40, ha="right", fontsize=8.5)
    ticks = [f"{name} ({n})" for name, n in zip(shown, matrix.sum(axis=1), strict=True)]
    ax.set_yticks(range(len(names)), ticks, fontsize=8.5)
    ax.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="#dddddd", linewidth=0.6)
    ax.tick_params(which="both", length=0)
    ax.axhline(len(names) - 1.5, color="black", linewidth=1.0)
    ax.axvline(len(names) - 1.5, color="black", linewidth=1.0)
    ax.set(title="Calls by where they went", xlabel="went to", ylabel="should have gone to")
    bar = figure.colorbar(image, ax=ax, fraction=0.03, pad=0.01)
    bar.set_label("share of the row")


def _draw_calibration(ax: Axes, evaluation: Evaluation, before: Evaluation | None) -> None:
    ax.plot([0, 1], [0, 1], color="#999999", linestyle=":", label="perfect")
    for found, name, style in _series(evaluation, before):
        bins = found.calibration
        ax.plot(
            [bin_.confidence for bin_ in bins],
            [bin_.right for bin_ in bins],
            marker="o",
            markersize=4,
            label=f"{name}ece {percent(found.ece)} %",
            **style,
        )
    ax.set(
        title="Confidence and truth",
        xlabel="mean confidence",
        ylabel="best rule is right",
        xlim=(0, 1),
        ylim=(0, 1.02),
    )
    ax.grid(alpha=0.3)
    ax.legend(loc="upper left", fontsize=8.5)


def _draw_sweep(ax: Axes, evaluation: Evaluation, before: Evaluation | None) -> None:
    colors = {"right": "#1f77b4", "held": "#d62728", "balanced": "#2b2b2b"}
    for found, name, style in _series(evaluation, before):
        at = [point.threshold for point in found.sweep]
        for metric, color in colors.items():
            ax.plot(
                at,
                [100 * getattr(point, metric) for point in found.sweep],
                label=f"{name}{metric}",
                **{**style, "color": color},
            )
        ax.axvline(
            found.threshold,
            **{**style, "color": "#2ca02c"},
            label=f"{name}threshold {found.threshold:.2f}",
        )
    ax.set(
        title="If every rule asked for this confidence",
        xlabel="threshold",
        ylabel="% of calls",
        xlim=(0, 1),
        ylim=(0, 102),
    )
    ax.grid(alpha=0.3)
    ax.legend(loc="lower center", ncols=1 if before is None else 2, fontsize=8)


def _series(
    evaluation: Evaluation, before: Evaluation | None
) -> Sequence[tuple[Evaluation, str, dict[str, Any]]]:
    if before is None:
        return [(evaluation, "", {"color": "#1f77b4"})]
    return [
        (before, "before: ", {"color": "#888888", "linestyle": "--", "alpha": 0.6}),
        (evaluation, "after: ", {"color": "#1f77b4"}),
    ]
