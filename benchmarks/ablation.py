"""What each part of the scoring adds: it is removed, the rest refitted and measured.

Every variant is fitted on the development files alone, weights and threshold, and reported on the
test files: tables as they are written, rules with their ``when`` alone and with all their examples.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy import FOLDER_VARIABLE, folder_files
from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.calibration.calibrate import (
    JUDGED,
    WEIGHTS,
    Choices,
    Episode,
    Space,
    Vectors,
    answers,
    choices_of,
    embed,
    episodes,
    fit,
)
from benchmarks.cases import read_cases
from benchmarks.encoders import make_encoder
from benchmarks.report import Document, Table, machine, number, setting
from routing_engine import Encoder
from routing_engine.encoders.background import neutral_background
from routing_engine.matching.scoring import KINDS

__all__ = ["BENCHMARK", "VARIANTS", "measure"]

VARIANTS: Mapping[str, tuple[str, ...]] = {
    "all of it": (),
    "lead over the runner-up": ("lead", "alone"),
    "genericness, closeness": ("genericness", "closeness"),
    "best example": ("best_example", "near_example"),
    "mean example": ("mean_example",),
    "prototype": ("prototype",),
    "how many, how alike": ("few", "alike"),
    "all but the best cosine": tuple(
        name for name in WEIGHTS if name not in ("description_alone", "best_example", "bias")
    ),
}
"""Removed part -> the weights that are 0."""


@dataclass(frozen=True, slots=True, eq=False)
class _AsWritten(Space):
    """Descriptions in one wording only, as written."""

    def of(self, texts: Sequence[str]) -> Vectors:
        vectors = super(_AsWritten, self).of(texts)
        vectors[: len(KINDS)] = vectors[0]
        return vectors


def _as_written(space: Space) -> Space:
    means = space.background.description_means
    background = replace(space.background, description_means=np.repeat(means[:1], len(means), 0))
    return _AsWritten(space.fingerprint, background, space.vectors)


def _uncentred(space: Space) -> Space:
    n_kinds, dimension = space.background.description_means.shape
    return replace(space, background=neutral_background(dimension, n_kinds))


def _without(choices: Choices, names: Sequence[str]) -> Choices:
    features = choices.features.copy()
    features[:, [WEIGHTS.index(name) for name in names]] = 0.0
    return replace(choices, features=features)


def measure(
    fitted: Sequence[Path],
    reported: Sequence[Path],
    encoder: Encoder,
    *,
    most_tables: int | None = None,
) -> list[dict[str, Any]]:
    """Measure each variant on each reported file.

    Args:
        fitted: case files that weights and threshold are fitted on.
        reported: case files that are reported.
        encoder: what embeds.
        most_tables: of each kind of table of a file, for a trial.
    """
    dev = [table for path in fitted for table in _tables(path, most_tables)]
    test = [
        table for path in reported for table in _tables(path, most_tables) if table.cell in JUDGED
    ]
    space = embed(encoder, [*dev, *test])
    spaces = {"": space, "wordings of a description": _as_written(space)}
    spaces["background"] = _uncentred(space)
    rows = []
    for taken, where in spaces.items():
        seen, unseen = choices_of(dev, where), choices_of(test, where)
        for name, weights in VARIANTS.items() if not taken else ((taken, ()),):
            parameters = fit(_without(seen, weights))
            found = _without(unseen, weights)
            files = {
                f"{path.name.removesuffix('.jsonl')} {cell}": answers(
                    found, parameters, file=path.name.removesuffix(".jsonl"), cell=cell
                ).metrics()
                for path in reported
                for cell in JUDGED
            }
            rows.append(
                {
                    "without": name,
                    "threshold": parameters.threshold,
                    "files": {
                        file: {key: metrics[key] for key in ("balanced", "right5", "ece")}
                        for file, metrics in files.items()
                    },
                }
            )
    return rows


def _tables(path: Path, most: int | None) -> list[Episode]:
    cells: dict[str, list[Episode]] = defaultdict(list)
    for table in episodes(read_cases(path)):
        cells[table.cell].append(table)
    return [table for tables in cells.values() for table in tables[:most]]


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--fit", type=Path, nargs="+", default=None, metavar="FILE")
    parser.add_argument("--report", type=Path, nargs="+", default=None, metavar="FILE")


def _split(given: Sequence[Path] | None, ending: str) -> list[Path]:
    return list(given) if given else [path for path in folder_files() if ending in path.name]


def _unavailable(options: Namespace) -> str | None:
    named = [getattr(options, name, None) for name in ("fit", "report")]
    if _split(named[0], ".dev.") and _split(named[1], ".test."):
        return None
    return f"name the files with --fit and --report, or their folder in {FOLDER_VARIABLE}"


def _run(options: Namespace) -> Document:
    fitted, reported = _split(options.fit, ".dev."), _split(options.report, ".test.")
    encoder = make_encoder(options.encoder)
    rows = measure(fitted, reported, encoder, most_tables=4 if options.quick else None)
    meta = machine(seed=options.seed, encoder=encoder.fingerprint)
    parameters = {
        "quick": options.quick,
        "fit": [path.name for path in fitted],
        "report": [path.name for path in reported],
    }
    return Document("ablation", meta, parameters, {"variants": rows})


def _table(document: Document) -> Table:
    variants = document.results["variants"]
    files = list(variants[0]["files"])
    rows = [
        [
            variant["without"],
            *(
                f"{number(100 * found['balanced'])} / {number(100 * found['right5'])}"
                for found in variant["files"].values()
            ),
        ]
        for variant in variants
    ]
    rows[0][0] = "nothing"
    note = (
        "balanced / right5, in percent. Of each row the weights and the threshold are fitted anew "
        f"on {' and '.join(document.parameters['fit'])}. {setting(document.meta)}."
    )
    return Table("What each part is worth", ("taken out", *files), rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    variants = document.results["variants"]
    names = ["nothing", *(variant["without"] for variant in variants[1:])]
    means = [
        100 * np.mean([found["balanced"] for found in variant["files"].values()])
        for variant in variants
    ]
    places = np.arange(len(names))[::-1]
    ax.barh(places, means)
    ax.set_yticks(places, names)
    ax.set(title="Without", xlabel="balanced, % (mean of files)", xlim=(min(means) - 2, 100))
    ax.grid(alpha=0.3, axis="x")
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="ablation",
    summary="what each part of the scoring is worth",
    add_options=_add_options,
    run=_run,
    tables={"ablation": _table},
    plot=_plot,
    unavailable=_unavailable,
)
