"""Compare ways to run the encoder: latency, size, fidelity and decision quality."""

from __future__ import annotations

import os
import random
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy import DEFAULT_FILE, FOLDER_VARIABLE, ask
from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.candidates import CANDIDATES, Candidate, CandidateEncoder, Workshop
from benchmarks.cases import CaseFile, read_cases
from benchmarks.encoders import RememberingEncoder
from benchmarks.generate import utterances
from benchmarks.report import Document, Table, machine, number, setting
from benchmarks.timing import interleaved_ns, no_garbage_collection, percentiles_us
from routing_engine import RoutingEngine
from routing_engine.encoders.source import find_model

__all__ = ["BENCHMARK", "measure"]

N_BATCH = 16
WARMUP = 20


def measure(
    candidates: Sequence[Candidate],
    files: Sequence[CaseFile],
    *,
    model: str | None,
    n_timed: int,
    n_compared: int,
    own_background: bool,
    seed: int,
) -> list[dict[str, Any]]:
    """Build and measure each candidate; latencies in turns, on one thread.

    Args:
        candidates: the first is what all are compared with.
        files: cases for decision quality.
        model: as :func:`routing_engine.encoders.source.find_model` takes it.
        n_timed: sentences encoded one at a time.
        n_compared: sentences whose vectors are compared.
        own_background: fit a background model to each candidate, as a user of that encoder
            would have; otherwise all have the one that ships.
        seed: of the sentences.
    """
    import torch

    said = utterances(max(n_timed + WARMUP, n_compared), seed=seed)
    n_threads = torch.get_num_threads()
    made: dict[str, tuple[CandidateEncoder, int]] = {}
    rows: dict[str, dict[str, Any]] = {candidate.name: {} for candidate in candidates}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        shop = Workshop(find_model(model), Path(folder))
        for candidate in candidates:
            found = candidate.encoder(shop, own_background=own_background)
            if found is not None:
                encoder, path = found
                made[candidate.name] = encoder, path.stat().st_size
        torch.set_num_threads(1)
        try:
            latencies = interleaved_ns(
                {
                    name: (encoder.encode, [([text],) for text in said[: n_timed + WARMUP]])
                    for name, (encoder, _) in made.items()
                },
                block=10,
                warmup=WARMUP,
            )
            for name, (encoder, n_bytes) in made.items():
                cpu_ms = _cpu_ms(encoder, said[:n_timed])
                taken = percentiles_us(latencies[name])
                rows[name] = {"mb": n_bytes / 1e6, "cpu_ms": cpu_ms, **taken}
        finally:
            torch.set_num_threads(n_threads)
        expected = made[candidates[0].name][0].encode(said[:n_compared])
        for name, (encoder, _) in made.items():
            cosines = np.einsum("ij,ij->i", encoder.encode(said[:n_compared]), expected)
            rows[name] |= {
                "cosine_mean": float(cosines.mean()),
                "cosine_min": float(cosines.min()),
                "batch_difference": _batch_difference(encoder, said[:n_compared], seed),
                "quality": _quality(encoder, files),
            }
    return [{"name": name, **row} for name, row in rows.items()]


def _cpu_ms(encoder: CandidateEncoder, texts: Sequence[str]) -> float:
    """Measure the processor time of a sentence over all threads."""
    with no_garbage_collection():
        before = time.process_time_ns()
        for text in texts:
            encoder.encode([text])
        return (time.process_time_ns() - before) / 1e6 / len(texts)


def _batch_difference(encoder: CandidateEncoder, texts: Sequence[str], seed: int) -> float:
    """Measure how much a text's vector depends on the texts in its batch."""
    chance = random.Random(f"compile {seed}")
    shuffled = chance.sample(texts, len(texts))
    worst = 0.0
    for start in range(0, len(shuffled), N_BATCH):
        batch = shuffled[start : start + N_BATCH]
        alone = np.concatenate([encoder.encode([text]) for text in batch])
        worst = max(worst, float(np.abs(encoder.encode(batch) - alone).max()))
    return worst


def _quality(encoder: CandidateEncoder, files: Sequence[CaseFile]) -> list[dict[str, Any]]:
    memory = RememberingEncoder(encoder, background=encoder.background)
    measured = []
    for cases in files:
        for with_examples in (False, True):
            engine = RoutingEngine(cases.locations(with_examples=with_examples), encoder=memory)
            metrics = ask(engine, cases).metrics()
            measured.append(
                {
                    "file": cases.name,
                    "rules": "with examples" if with_examples else "when",
                    **{key: metrics[key] for key in ("top1", "right", "held", "balanced")},
                }
            )
    return measured


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files", type=Path, nargs="*", metavar="FILE", help="case files (data/eval.jsonl)"
    )
    parser.add_argument("--timed", type=int, help="sentences timed, of each candidate (1,000)")
    parser.add_argument(
        "--shipped-background",
        action="store_true",
        help="give all the background that ships, instead of one fitted to each",
    )


def _arguments_for_all() -> list[str]:
    """Return the project's own cases, and the development halves of those that the environment names."""
    folder = os.environ.get(FOLDER_VARIABLE, "")
    further = sorted(Path(folder).glob("*.dev.jsonl")) if folder else []
    return [str(path) for path in (DEFAULT_FILE, *further)]


def _unavailable(options: Namespace) -> str | None:
    if options.encoder == "hashing":
        return "compile compares ways to run a sentence-transformers model; hashing is none"
    return None


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    n_timed = options.timed or (40 if quick else 1_000)
    files = [read_cases(path) for path in options.files or [DEFAULT_FILE]]
    model = None if options.encoder in ("default", "frozen", "reference") else options.encoder
    own_background = not (quick or options.shipped_background)
    rows = measure(
        CANDIDATES,
        files,
        model=model,
        n_timed=n_timed,
        n_compared=64 if quick else 1_000,
        own_background=own_background,
        seed=options.seed,
    )
    parameters = {
        "quick": quick,
        "timed": n_timed,
        "threads": 1,
        "own_background": own_background,
        "files": {cases.name: cases.sha256 for cases in files},
        "garbage_collection": False,
    }
    meta = machine(seed=options.seed, encoder=find_model(model).fingerprint)
    return Document("compile", meta, parameters, {"candidates": rows})


def _balanced(row: dict[str, Any], rules: str) -> float | None:
    """Return the mean over files, in percent."""
    found = [of["balanced"] for of in row.get("quality", ()) if of["rules"] == rules]
    return 100 * sum(found) / len(found) if found else None


def _table(document: Document) -> Table:
    candidates = document.results["candidates"]
    reference = candidates[0]
    rows = []
    for row in candidates:
        if "mb" not in row:
            rows.append([f"{row['name']}: not installed", *[""] * 9])
            continue
        cells = []
        for rules in ("when", "with examples"):
            own, against = _balanced(row, rules), _balanced(reference, rules)
            if row is reference or own is None or against is None:
                cells.append(number(own))
            else:
                cells.append(f"{own - against:+.1f}")
        rows.append(
            [
                row["name"],
                number(row["p50_us"] / 1000, 2),
                number(row["p99_us"] / 1000, 2),
                number(row["cpu_ms"], 2),
                number(row["mb"], 0),
                number(row["cosine_mean"], 4),
                number(row["cosine_min"], 3),
                f"{row['batch_difference']:.0e}" if row["batch_difference"] else "0",
                *cells,
            ]
        )
    columns = (
        "encoder",
        "p50, ms",
        "p99, ms",
        "CPU, ms",
        "MB",
        "cosine, mean",
        "least",
        "batch − single",
        "balanced, when",
        "with examples",
    )
    parameters = document.parameters
    background = (
        "a background model fitted to each"
        if parameters["own_background"]
        else "the background model that ships"
    )
    note = (
        "One sentence at a time on one thread, tokenizer included, all in turns. Cosine: to the "
        "reference. Batch − single: the most a component of a vector changes with the company "
        f"that its text is encoded in. Balanced: in percent, over {', '.join(parameters['files'])}"
        f", and the difference to the reference in points, with {background}. "
        f"{setting(document.meta)}."
    )
    return Table("Ways to run the encoder", columns, rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    for row in document.results["candidates"]:
        if "mb" not in row:
            continue
        found = [of["balanced"] for of in row["quality"]]
        ax.plot([row["p50_us"] / 1000], [100 * sum(found) / len(found)], "o", label=row["name"])
    ax.set(
        title="Decision quality against latency",
        xlabel="p50 of one sentence, ms",
        ylabel="balanced, %",
        xscale="log",
    )
    ax.grid(alpha=0.3, which="both")
    figure.legend(loc="outside lower center", ncols=2, fontsize=7)
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="compile",
    summary="ways to run the encoder: latency, size, faithfulness and decision quality",
    add_options=_add_options,
    run=_run,
    tables={"compile": _table},
    plot=_plot,
    arguments_for_all=_arguments_for_all,
    unavailable=_unavailable,
)
