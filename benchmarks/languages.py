"""How often a caller's language is identified, and English mistaken for another."""

from __future__ import annotations

import json
import random
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.accuracy import arguments_for_all
from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.cases import read_cases
from benchmarks.processes import run_fresh
from benchmarks.report import ROOT, Document, Table, machine, number, setting
from benchmarks.timing import interleaved_ns, percentiles_us
from routing_engine import InvalidValueError, RuleText
from routing_engine.matching.identification import Identifier, identifier_for
from routing_engine.text.languages import LANGUAGES

__all__ = ["BENCHMARK", "SENTENCES", "Sentence", "listener", "measure", "read_sentences"]

SENTENCES = ROOT / "data" / "languages.jsonl"
KINDS = ("sentence", "short", "names")
ENGLISH = "en"
FEW = 10
"""Languages with fewer sentences share a row."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What one caller said.

    Attributes:
        text: the words.
        language: ISO 639-1 code.
        kind: ``"sentence"``; ``"short"``, one to three words; ``"names"``, English with names or
            words of other languages in it, or that says nothing.
    """

    text: str
    language: str
    kind: str


def read_sentences(path: Path) -> tuple[Sentence, ...]:
    """Read a file of sentences, a JSON object a line.

    Raises:
        InvalidValueError: it cannot be read, or a line is not a sentence.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InvalidValueError(f"{path} cannot be read: {error.strerror}") from error
    sentences: list[Sentence] = []
    for row, line in enumerate(lines, start=1):
        try:
            sentence = Sentence(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise InvalidValueError(f"{path.name}:{row} is not a sentence: {error}") from error
        if sentence.kind not in KINDS or sentence.language not in (ENGLISH, *LANGUAGES):
            raise InvalidValueError(f"{path.name}:{row} has an unknown kind or language")
        sentences.append(sentence)
    return tuple(sentences)


def listener(sentences: Iterable[Sentence]) -> Identifier:
    """Return an identifier for rules that name every language of some sentences but English."""
    codes = tuple(sorted({sentence.language for sentence in sentences} - {ENGLISH}))
    made = identifier_for([RuleText(label="Speakers", when="caller prefers it", languages=codes)])
    assert made is not None
    return made


def measure(
    sentences: Sequence[Sentence], files: Sequence[Path], *, n_timed: int, seed: int
) -> dict[str, Any]:
    """Measure how often each language and kind is identified, and how fast.

    Args:
        sentences: of every language.
        files: case files, all of whose queries are English.
        n_timed: single sentences timed.
        seed: of which ones.
    """
    identifier = listener(sentences)

    def heard(text: str) -> str:
        spoken = identifier.spoken(text)
        return ENGLISH if spoken is None else spoken.language

    groups: dict[tuple[str, str], list[bool]] = {}
    for sentence in sentences:
        is_right = heard(sentence.text) == sentence.language
        groups.setdefault((sentence.kind, sentence.language), []).append(is_right)
    english = []
    for path in files:
        cases = read_cases(path)
        texts = list(dict.fromkeys(query.text for query in cases.queries))
        n_taken = sum(heard(text) != ENGLISH for text in texts)
        english.append({"file": cases.name, "n": len(texts), "taken_for_another": n_taken})
    chance = random.Random(f"languages {seed}")
    timed = [(sentence.text,) for sentence in chance.choices(sentences, k=n_timed + 20)]
    latency = interleaved_ns({"spoken": (identifier.spoken, timed)}, block=10, warmup=20)
    return {
        "groups": [
            {"kind": kind, "language": language, "n": len(right), "right": sum(right)}
            for (kind, language), right in groups.items()
        ],
        "english": english,
        "latency": percentiles_us(latency["spoken"]),
        "load": run_fresh("benchmarks.languages_child", {}, watch_memory=False),
    }


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files", type=Path, nargs="*", metavar="FILE", help="case files, wholly in English"
    )


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    n_timed = 50 if quick else 2000
    sentences = read_sentences(SENTENCES)
    results = measure(sentences, options.files, n_timed=n_timed, seed=options.seed)
    parameters = {"quick": quick, "timed": n_timed}
    return Document("languages", machine(seed=options.seed), parameters, results)


def _english_files() -> list[str]:
    """Return the case files of the folder that the environment names, which are all English."""
    return arguments_for_all()[1:]


def _shown(kind: str, language: str) -> str:
    if kind == "names":
        return "English, with names or next to nothing in it"
    name = LANGUAGES[language]
    return f"{name}, a word or two" if kind == "short" else name


def _table(document: Document) -> Table:
    results = document.results
    groups = results["groups"]
    few = [group for group in groups if group["n"] < FEW]
    found = [
        (_shown(group["kind"], group["language"]), group["n"], group["right"])
        for group in groups
        if group not in few
    ]
    if few:
        names = ", ".join(LANGUAGES[group["language"]] for group in few)
        found.append((names, *(sum(group[key] for group in few) for key in ("n", "right"))))
    found += [
        (f"English, {file['file']}", file["n"], file["n"] - file["taken_for_another"])
        for file in results["english"]
    ]
    rows = [[name, f"{n:,}", f"{right:,}", number(100 * right / n, 2)] for name, n, right in found]
    latency, load = results["latency"], results["load"]
    note = (
        "English is right where no other language is found. A sentence takes "
        f"{number(latency['p50_us'], 0)} µs (p95 {number(latency['p95_us'], 0)} µs). Once a "
        f"process, where some rule names a language: {number(load['load_s'], 1)} s and "
        f"{number(load['load_mb'], 0)} MB. {setting(document.meta)}."
    )
    return Table("Languages", ("said in", "sentences", "right", "%"), rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    groups = document.results["groups"]
    names = [_shown(group["kind"], group["language"]) for group in groups]
    ax.barh(names, [100 * group["right"] / group["n"] for group in groups])
    ax.set(title="Sentences whose language is heard right", xlabel="%", xlim=(0, 100))
    ax.grid(alpha=0.3, axis="x")
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="languages",
    summary="whether it is heard what a caller speaks, and how often English is mistaken",
    add_options=_add_options,
    run=_run,
    tables={"languages": _table},
    plot=_plot,
    arguments_for_all=_english_files,
)
