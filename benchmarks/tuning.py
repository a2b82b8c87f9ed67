"""What ways to tune the encoder are worth: short runs of equal length, judged on businesses not seen.

Every candidate is judged as a shipped encoder would be: a background and a scoring are fitted to it
on the development splits, and these measure it. A table says which way to tune is worth a long run;
it does not say what a long run reaches.
"""

from __future__ import annotations

import json
import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.calibration.calibrate import answers, choices_of, embed, episodes, fit
from benchmarks.callers import CORPUS, cases_of
from benchmarks.cases import CaseFile, read_cases
from benchmarks.report import ROOT, Document, Table, machine, number, setting
from routing_engine.encoders.source import BASE_MODEL, find_model
from routing_engine.training.corpus import Business, read_corpus
from routing_engine.training.intents import read_intents

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["BENCHMARK", "CANDIDATES", "Candidate"]

SHIPPED_DELTA = ROOT / "data" / "encoder" / "callers-minilm-1.safetensors"
KEYS = ("top1", "balanced", "auroc", "right5")
CELLS = {"when": "when", "examples": "when+5"}
Weights = dict[str, "Tensor"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to tune.

    Attributes:
        name: for people.
        settings: of the run, apart from steps and seed.
        callers, intents: what it learns from.
        near_misses: whether businesses tell what no rule of theirs covers.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    callers: bool = True
    intents: bool = False
    near_misses: bool = True

    def businesses(self, corpus: Path, intents: Sequence[Path]) -> list[Business]:
        """Return what a run learns from."""
        made = read_corpus(corpus, "train", "draft") if self.callers else []
        if self.intents:
            made += read_intents(intents)
        if not self.near_misses:
            made = [replace(business, uncovered=(), routine=()) for business in made]
        return made


CANDIDATES: tuple[Candidate, ...] = (
    Candidate("tables, four layers"),
    Candidate("tables, all six layers", {"frozen_layers": 0}),
    Candidate("contrast in the batch", {"tables": 0.0, "across": 2.0}),
    Candidate("without near misses", near_misses=False),
    Candidate("public intents alone", callers=False, intents=True),
    Candidate("callers and public intents", intents=True),
)
"""The ways to tune; the first is as the shipped encoder was."""


def _weights(folder: Path) -> Weights:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def _mixed(folders: Mapping[Path, float], out: Path) -> Path:
    """Write the weighted sum of models' weights; returns the folder."""
    import torch
    from safetensors.torch import save_file

    if not out.exists():
        shutil.copytree(next(iter(folders)), out)
        parts = [(share, _weights(folder)) for folder, share in folders.items()]
        mixed: Weights = dict(parts[0][1])
        for name, tensor in mixed.items():
            if tensor.is_floating_point():
                mixed[name] = torch.stack([share * of[name].float() for share, of in parts]).sum(0)
        save_file(mixed, out / "model.safetensors", metadata={"format": "pt"})
    return out


class _Encoder:
    """A model as training runs it, in bfloat16 where the processor multiplies it."""

    MAX_BATCH = 512

    def __init__(self, model: Path) -> None:
        from routing_engine.training.tuning import Settings, Trained

        self._model = Trained(str(model), Settings(frozen_layers=0, max_tokens=128))
        self._model.body.eval()
        self.dimension = int(self._model.whole.get_embedding_dimension() or 0)
        self.fingerprint = f"tuned {model}"

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        import torch

        # Of similar length, for all of a batch are padded to the longest.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        vectors = np.empty((len(texts), self.dimension), np.float32)
        with torch.inference_mode():
            for start in range(0, len(order), self.MAX_BATCH):
                batch = order[start : start + self.MAX_BATCH]
                vectors[batch] = self._model.vectors([texts[i] for i in batch]).numpy()
        return vectors


def _judge(
    model: Path, groups: Sequence[Sequence[CaseFile]], seed: int
) -> dict[str, dict[str, float]]:
    """Fit a background, and a scoring for each group of files, to a model; measure its answers.

    Returns:
        Metrics, by file and rules.
    """
    tables = [made for files in groups for cases in files for made in episodes(cases, seed=seed)]
    space = embed(_Encoder(model), tables)
    found: dict[str, dict[str, float]] = {}
    for files in groups:
        names = {cases.name for cases in files}
        choices = choices_of([made for made in tables if made.file in names], space)
        parameters = fit(choices)
        for name in sorted(names):
            for cell, rules in CELLS.items():
                metrics = answers(choices, parameters, file=name, cell=cell).metrics()
                found[f"{name} {rules}"] = {key: float(metrics[key]) for key in KEYS}
    return found


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files", type=Path, nargs="*", metavar="FILE", help="dev cases beside callers'"
    )
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="folder (data/callers)")
    parser.add_argument(
        "--intents", type=Path, nargs="+", default=[], metavar="FILE", help="public training splits"
    )
    parser.add_argument("--steps", type=int, default=25, help="of each run (25)")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each candidate (1)")
    parser.add_argument(
        "--work",
        type=Path,
        default=ROOT / "build" / "tuning",
        metavar="DIR",
        help="of runs; goes on there",
    )


class _Workshop:
    """A folder of models and what was measured of each, so that a stopped run goes on there."""

    def __init__(self, options: Namespace, files: Sequence[CaseFile]) -> None:
        self._options = options
        self._callers = files[:1]
        self._intents = files[1:]
        # A trial keeps its own, for it measures on fewer businesses.
        self.folder: Path = options.work / "quick" if options.quick else options.work
        self.folder.mkdir(parents=True, exist_ok=True)
        self.base = find_model(BASE_MODEL).folder
        self.shipped = self.folder / "shipped"
        if not self.shipped.exists():
            from routing_engine.training.delta import restore

            restore(SHIPPED_DELTA, self.shipped)

    def row(self, name: str, models: Sequence[Path], *, learnt_intents: bool) -> dict[str, Any]:
        """Measure models of one candidate, the mean over them."""
        groups = [self._callers, *([] if learnt_intents or not self._intents else [self._intents])]
        measured = [self._measured(model, groups) for model in models]
        return {
            "name": name,
            "seeds": len(models),
            "learnt_intents": learnt_intents,
            "metrics": {
                cell: {key: float(np.mean([one[cell][key] for one in measured])) for key in KEYS}
                for cell in measured[0]
            },
        }

    def _measured(
        self, model: Path, groups: Sequence[Sequence[CaseFile]]
    ) -> dict[str, dict[str, float]]:
        kept = self.folder / f"{model.parent.name}-{model.name}.json"
        if not kept.exists():
            measured = _judge(model, groups, self._options.seed)
            kept.write_text(json.dumps(measured), encoding="utf-8")
        found: dict[str, dict[str, float]] = json.loads(kept.read_text(encoding="utf-8"))
        return found

    def tuned(self, candidate: Candidate, seed: int) -> Path:
        """Tune a candidate; returns the folder of the model."""
        from routing_engine.training.tuning import Settings, tune

        options = self._options
        name = candidate.name.replace(" ", "-").replace(",", "")
        out = self.folder / f"{name}-{options.steps}-{seed}"
        if not (out / "model").exists():
            given = {"rate": 8e-5, "steps": options.steps, "seed": seed, **candidate.settings}
            tune(
                candidate.businesses(options.corpus, options.intents),
                out,
                settings=Settings(**given),
            )
        return out / "model"


def _unavailable(options: Namespace) -> str | None:
    if options.encoder == "hashing":
        return "tuning compares ways to tune a sentence-transformers model; hashing is none"
    return None


def _run(options: Namespace) -> Document:
    businesses = read_corpus(options.corpus, "dev")
    chosen = CANDIDATES
    if options.quick:
        businesses, chosen, options.steps = businesses[:1], CANDIDATES[:1], 2
    files = [cases_of(businesses, "dev"), *map(read_cases, options.files)]
    if not options.intents:
        chosen = tuple(candidate for candidate in chosen if not candidate.intents)
    shop = _Workshop(options, files)
    rows = [
        shop.row("frozen base", [shop.base], learnt_intents=False),
        shop.row("shipped", [shop.shipped], learnt_intents=True),
    ]
    for percent in (75, 125):
        share = percent / 100
        mixed = _mixed(
            {shop.shipped: share, shop.base: 1.0 - share}, shop.folder / f"shipped-{percent}"
        )
        rows.append(shop.row(f"shipped, {percent} % of its change", [mixed], learnt_intents=True))
    for candidate in chosen:
        models = [shop.tuned(candidate, seed) for seed in range(options.seeds)]
        rows.append(shop.row(candidate.name, models, learnt_intents=candidate.intents))
    parameters = {
        "quick": options.quick,
        "steps": options.steps,
        "seeds": options.seeds,
        "files": {cases.name: cases.sha256 for cases in files[1:]},
    }
    return Document("tuning", machine(seed=options.seed), parameters, {"candidates": rows})


def _mean(row: Mapping[str, Any], is_callers: bool, key: str = "balanced") -> float | None:
    """Mean over rules with and without examples, of callers' cases or of the other files."""
    found = [
        metrics[key]
        for cell, metrics in row["metrics"].items()
        if cell.startswith("callers-dev") is is_callers
    ]
    return sum(found) / len(found) if found else None


def _table(document: Document) -> Table:
    rows = []
    for row in document.results["candidates"]:
        public = None if row["learnt_intents"] else _mean(row, is_callers=False)
        rows.append(
            [
                row["name"],
                *(
                    number(100 * row["metrics"][f"callers-dev {rules}"][key])
                    for rules in CELLS.values()
                    for key in KEYS
                ),
                "learnt" if row["learnt_intents"] else number(public and 100 * public),
            ]
        )
    steps, seeds = document.parameters["steps"], document.parameters["seeds"]
    columns = ("candidate", *(f"{rules} {key}" for rules in CELLS.values() for key in KEYS))
    note = (
        f"In percent, on the development businesses; columns as in the table of accuracy. Runs of "
        f"{steps} steps, {seeds} of each: they rank ways to tune; the shipped encoder took 1,090 "
        "steps. A background and a scoring are fitted to each on the same cases. "
        "public: balanced on the development splits of intents, the mean of both sets and of "
        f"rules with and without examples, where these were not learnt. {setting(document.meta)}."
    )
    return Table("Ways to tune the encoder", (*columns, "public"), rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    rows = document.results["candidates"]
    places = np.arange(len(rows))
    found = [100 * (_mean(row, is_callers=True) or 0.0) for row in rows]
    ax.barh(places, found)
    ax.set_yticks(places, [row["name"] for row in rows], fontsize=7)
    ax.invert_yaxis()
    ax.set(title="Ways to tune, on businesses not seen", xlabel="balanced, %", xlim=(40, 80))
    ax.grid(alpha=0.3, axis="x")
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="tuning",
    summary="what ways to tune the encoder are worth, in short runs",
    add_options=_add_options,
    run=_run,
    tables={"tuning": _table},
    plot=_plot,
    unavailable=_unavailable,
)
