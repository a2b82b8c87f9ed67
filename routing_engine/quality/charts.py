"""Charts as SVG text: the same in the console and in reports, without a script.

Colours are left to a style sheet: marks have the classes ``c1`` to ``c4``, texts ``axis``. Each
chart has a title that screen readers read; the figures themselves belong in a table beside it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from html import escape

__all__ = ["columns", "line", "rows"]

WIDTH, HEIGHT = 640, 200
LEFT, BOTTOM, TOP = 44, 24, 12
ROW = 26
LABEL = 200
N_TICKS = 4
MAX_LABEL = 28


def _ticks(most: float) -> list[float]:
    """Round values from 0 to at least ``most``, a few of them."""
    step = 1.0
    for larger in itertools.cycle((2.0, 2.5, 2.0)):  # 1, 2, 5, 10, 20, …
        if step * N_TICKS >= most:
            break
        step *= larger
    return [i * step for i in range(max(1, math.ceil(most / step)) + 1)]


def columns(names: Sequence[str], series: Mapping[str, Sequence[int]], *, title: str) -> str:
    """Stacked columns, one a name, with a legend.

    Args:
        names: below the columns, in order.
        series: what is stacked, from the bottom up: its name, and a value a column.
        title: what the chart shows.
    """
    n = max(len(names), 1)
    totals = [sum(values[i] for values in series.values()) for i in range(len(names))]
    ticks = _ticks(max(totals, default=0))
    scale = (HEIGHT - BOTTOM - TOP) / ticks[-1]
    slot = (WIDTH - LEFT) / n
    width = min(slot * 0.8, 40.0)
    parts = [
        _axis(y, f"{tick:,.0f}") for tick, y in ((t, HEIGHT - BOTTOM - t * scale) for t in ticks)
    ]
    for i, name in enumerate(names):
        x, y = LEFT + slot * (i + 0.5) - width / 2, float(HEIGHT - BOTTOM)
        for number, (what, values) in enumerate(series.items(), start=1):
            height = values[i] * scale
            y -= height
            if values[i]:
                parts.append(
                    f'<rect class="c{number}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                    f'height="{height:.1f}"><title>{escape(name)}: {values[i]:,} {escape(what)}'
                    "</title></rect>"
                )
        if i % max(1, n // 6) == 0:
            middle = LEFT + slot * (i + 0.5)
            parts.append(
                f'<text class="axis" x="{middle:.1f}" y="{HEIGHT - 6}" text-anchor="middle">'
                f"{escape(name)}</text>"
            )
    return _svg(HEIGHT, title, parts) + _legend(series)


def rows(values: Mapping[str, float], *, title: str, percent: bool = False) -> str:
    """Horizontal bars, one a name, with their values."""
    most = max(values.values(), default=0.0) or 1.0
    room = WIDTH - LABEL - 70
    parts = []
    for i, (name, value) in enumerate(values.items()):
        y = i * ROW
        shown = f"{100 * value:.0f} %" if percent else f"{value:,.0f}"
        width = room * value / (1.0 if percent else most)
        parts.append(
            f'<text class="axis" x="{LABEL - 8}" y="{y + 17}" text-anchor="end">'
            f"{escape(_cut(name))}<title>{escape(name)}</title></text>"
            f'<rect class="c1" x="{LABEL}" y="{y + 4}" width="{max(width, 1):.1f}" height="{ROW - 8}"/>'
            f'<text class="axis" x="{LABEL + max(width, 1) + 6:.1f}" y="{y + 17}">{shown}</text>'
        )
    return _svg(max(len(values), 1) * ROW, title, parts)


def line(points: Mapping[str, Sequence[tuple[float, float]]], *, title: str) -> str:
    """Lines of shares against shares, both in [0, 1], with a legend."""
    high, wide = HEIGHT - BOTTOM - TOP, WIDTH - LEFT - 8
    parts = [
        _axis(HEIGHT - BOTTOM - tick * high, f"{100 * tick:.0f} %")
        for tick in (0, 0.25, 0.5, 0.75, 1)
    ]
    parts += [
        f'<text class="axis" x="{LEFT + tick * wide:.1f}" y="{HEIGHT - 6}" text-anchor="middle">'
        f"{tick:.2f}</text>"
        for tick in (0, 0.25, 0.5, 0.75, 1)
    ]
    for number, some in enumerate(points.values(), start=1):
        path = " ".join(f"{LEFT + x * wide:.1f},{HEIGHT - BOTTOM - y * high:.1f}" for x, y in some)
        parts.append(f'<polyline class="l{number}" points="{path}"/>')
    return _svg(HEIGHT, title, parts) + _legend(points)


def _svg(height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )


def _axis(y: float, text: str) -> str:
    return (
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="axis" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    )


def _legend(series: Mapping[str, object]) -> str:
    items = "".join(
        f'<li><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="c{i}" width="10" height="10"/>'
        f"</svg>{escape(name)}</li>"
        for i, name in enumerate(series, start=1)
    )
    return f'<ul class="legend">{items}</ul>'


def _cut(name: str) -> str:
    return name if len(name) <= MAX_LABEL else name[: MAX_LABEL - 1] + "…"
