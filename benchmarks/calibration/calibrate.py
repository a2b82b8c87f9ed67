"""Fit the packaged scoring: the background of an encoder, and the weights of the logit.

Of rules and what callers said to them, six kinds of table are made, the *cells* of a file: rules
by their ``when`` alone; with all their examples; with a few of them; a few rules of a location;
rules of many locations in one table; and rules with other callers' words as further examples.
They differ in what is known of a rule and in how many compete, which is what one set of weights
has to do justice to.

The logit of :mod:`routing_engine.matching.scoring` is linear in its weights. So the most likely weights
are those of a conditional logit in which "none" is one more alternative, of logit zero
(McFadden, 1974); the likelihood is concave and has one maximum.
"""

from __future__ import annotations

import io
import json
import sys
from argparse import ArgumentParser, Namespace
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.accuracy import Answers
from benchmarks.cases import CaseFile, Query, read_cases
from benchmarks.encoders import make_encoder
from benchmarks.report import ROOT, Table, number
from routing_engine import Encoder, InvalidValueError, RuleText
from routing_engine.encoders import encode_distinct
from routing_engine.encoders.background import (
    Background,
    background_texts,
    described_rules,
    fit_background,
)
from routing_engine.matching.parameters import Parameters
from routing_engine.matching.scoring import (
    ALONE,
    HINGE,
    KINDS,
    description_texts,
    rule_texts,
    score_rule,
    utterance_terms,
)
from routing_engine.model.rules import MAX_COMPARED

__all__ = [
    "CELL_WEIGHTS",
    "SUMMARY",
    "Choices",
    "Episode",
    "Space",
    "add_options",
    "answers",
    "choices_of",
    "embed",
    "episodes",
    "fit",
    "probabilities",
    "run",
]

SUMMARY = "fit the background and the weights that the scoring ships with"

CELL_WEIGHTS = {
    "when": 1.0,
    "examples": 1.0,
    "mixed": 0.5,
    "small": 0.4,
    "big": 0.3,
    "many": 0.3,
}
"""Cell -> its total weight in the likelihood, independent of its number of queries."""

JUDGED = ("when", "examples")
"""Cells on which threshold and rates are chosen: tables as written in the files."""

WEIGHTS = (
    *("description_alone", "description", "best_example", "near_example", "mean_example"),
    *("prototype", "few", "alike", "alone", "closeness", "genericness", "lead", "bias"),
)
"""Parameters in which the logit is linear, in the order of a feature's columns."""

L2 = 1e-4
MOST_MIXED = 5
SMALL_TABLES = 3
MOST_SMALL = 4
FEWEST_UNSUITED = 3
BIG_TABLES = 4
MOST_BIG = 60
SHARE_BIG = 0.6
UNSUITED_BIG = 0.8
THRESHOLDS = np.linspace(0.2, 0.8, 61)
SMOOTHED_OVER = 5
RATES = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5)
DIGITS = 4

Floats = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]
Integers = npt.NDArray[np.intp]
Variant = Callable[[RuleText, np.random.Generator], RuleText]


@dataclass(frozen=True, slots=True)
class Episode:
    """One table of rules, and the queries of its callers.

    Attributes:
        file: name of the case file.
        cell: kind of table, of :data:`CELL_WEIGHTS`.
        rules: no two with the same label.
        queries: their labels are of ``rules``, or None where none of these is right.
    """

    file: str
    cell: str
    rules: tuple[RuleText, ...]
    queries: tuple[Query, ...]


def episodes(cases: CaseFile, *, seed: int = 0) -> list[Episode]:
    """Build the tables of a case file; equal for equal seeds."""
    made: list[Episode] = []
    for i, (cell, tables) in enumerate(_CELLS.items()):
        rng = np.random.default_rng([seed, i])
        made += [
            Episode(cases.name, cell, tuple(rules), tuple(queries))
            for rules, queries in tables(cases, rng)
            if queries
        ]
    return made


Tables = Iterator[tuple[Sequence[RuleText], Sequence[Query]]]


def _bare(rule: RuleText, _: np.random.Generator) -> RuleText:
    return _with(rule, ())


def _whole(rule: RuleText, _: np.random.Generator) -> RuleText:
    return rule


def _some(rule: RuleText, rng: np.random.Generator) -> RuleText:
    """Keep none to ``MOST_MIXED`` of a rule's examples."""
    chosen = rng.permutation(len(rule.examples))[: rng.integers(0, MOST_MIXED + 1)]
    return _with(rule, [rule.examples[i] for i in chosen])


_VARIANTS: tuple[Variant, ...] = (_bare, _whole, _some)


def _with(rule: RuleText, examples: Iterable[str]) -> RuleText:
    return RuleText(label=rule.label, when=rule.when, examples=tuple(examples))


def _as_written(cases: CaseFile) -> Iterator[tuple[list[RuleText], list[Query]]]:
    """Yield each location's rules with its queries."""
    said: dict[str, list[Query]] = defaultdict(list)
    for query in cases.queries:
        said[query.location_id].append(query)
    for location_id, rules in cases.rules.items():
        table = [
            RuleText(label=label, when=rule["when"], examples=tuple(rule.get("examples", ())))
            for label, rule in rules.items()
        ]
        yield table, said[location_id]


def _each(change: Variant) -> Callable[[CaseFile, np.random.Generator], Tables]:
    """Yield the tables as written, with a function applied to each rule."""

    def tables(cases: CaseFile, rng: np.random.Generator) -> Tables:
        for rules, queries in _as_written(cases):
            yield [change(rule, rng) for rule in rules], queries

    return tables


def _small(cases: CaseFile, rng: np.random.Generator) -> Tables:
    """Yield tables of one to ``MOST_SMALL`` rules; callers of other rules match none."""
    for rules, queries in _as_written(cases):
        for _ in range(SMALL_TABLES):
            n_rules = rng.integers(1, MOST_SMALL + 1)
            change = _VARIANTS[rng.integers(len(_VARIANTS))]
            table = [change(rules[i], rng) for i in rng.permutation(len(rules))[:n_rules]]
            yield table, _balanced(queries, table, rng, 1.0)


def _big(cases: CaseFile, rng: np.random.Generator) -> Tables:
    """Yield one table of the rules of all locations.

    A caller whom no rule of his location suits may be suited by another location's. So only
    those take part of whom it is known: who has a right rule somewhere, or asks for what nobody
    offers. Labels that mean another situation at another location are left out.
    """
    by_label: dict[str, RuleText] = {}
    several: set[str] = set()
    for rules, _ in _as_written(cases):
        for rule in rules:
            if by_label.setdefault(rule.label, rule).when != rule.when:
                several.add(rule.label)
    for label in several:
        del by_label[label]
    known = {q.text: q for q in cases.queries if q.kind == "oos"}
    known |= {q.text: q for q in cases.queries if q.label is not None}
    every = list(by_label.values())
    n_rules = min(MOST_BIG, round(SHARE_BIG * len(every)))
    for i in range(BIG_TABLES):
        change = _VARIANTS[i % len(_VARIANTS)]
        table = [change(every[j], rng) for j in rng.permutation(len(every))[:n_rules]]
        yield table, _balanced(list(known.values()), table, rng, UNSUITED_BIG)


def _many(cases: CaseFile, rng: np.random.Generator) -> Tables:
    """Yield tables in which half of a rule's queries become further examples."""
    said: dict[str, set[str]] = defaultdict(set)
    for query in cases.queries:
        if query.label is not None:
            said[query.label].add(query.text)
    further: dict[str, list[str]] = {}
    for label, texts in sorted(said.items()):
        ordered = sorted(texts)
        chosen = rng.permutation(len(ordered))[: len(ordered) // 2]
        further[label] = [ordered[i] for i in chosen]
    for rules, queries in _as_written(cases):
        table = []
        for rule in rules:
            examples = [*rule.examples, *further.get(rule.label, ())][:MAX_COMPARED]
            if examples and rng.random() < 0.5:
                examples = examples[: rng.integers(1, len(examples) + 1)]
            table.append(_with(rule, examples))
        heard = [q for q in queries if q.label is None or q.text not in further[q.label]]
        yield table, _balanced(heard, table, rng, 1.0)


def _balanced(
    queries: Sequence[Query], rules: Sequence[RuleText], rng: np.random.Generator, ratio: float
) -> list[Query]:
    """Keep matched callers and ``ratio`` times as many unmatched ones."""
    labels = {rule.label for rule in rules}
    suited = [query for query in queries if query.label in labels]
    others = [query for query in queries if query.label not in labels]
    n_others = max(FEWEST_UNSUITED, round(ratio * len(suited)))
    if not suited:
        return []
    for i in rng.permutation(len(others))[:n_others]:
        unsuited = others[i]
        if unsuited.label is not None:
            unsuited = replace(unsuited, label=None, kind="near")
        suited.append(unsuited)
    return suited


_CELLS: Mapping[str, Callable[[CaseFile, np.random.Generator], Tables]] = {
    "when": _each(_bare),
    "examples": _each(_whole),
    "mixed": _each(_some),
    "small": _small,
    "big": _big,
    "many": _many,
}


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """The vectors of known texts, and the background.

    Attributes:
        fingerprint: of the encoder.
        background: of generic text.
        vectors: text -> unit vector, float32 ``(d,)``.
    """

    fingerprint: str
    background: Background
    vectors: Mapping[str, Vectors]

    def of(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors of known texts, float32 ``(len(texts), d)``."""
        return np.stack([self.vectors[text] for text in texts])

    def background_file(self) -> bytes:
        """Return the bytes of ``background.npz``, equal for equal backgrounds."""
        file = io.BytesIO()
        arrays: dict[str, Any] = {
            name: array.astype(np.float32) for name, array in self.background.arrays().items()
        }
        arrays["fingerprint"] = np.array(self.fingerprint)
        np.savez(file, **arrays)
        return file.getvalue()


def embed(encoder: Encoder, tables: Iterable[Episode]) -> Space:
    """Embed the generic texts and those of the tables, and fit the background."""
    generic = background_texts()
    descriptions = [description_texts(label, when) for label, when in described_rules()]
    texts = [*generic, *(text for wordings in descriptions for text in wordings)]
    for episode in tables:
        texts += [text for rule in episode.rules for text in rule_texts(rule)]
        texts += [query.text for query in episode.queries]
    distinct = list(dict.fromkeys(texts))
    embedded = encode_distinct(encoder, distinct, progress=True)
    vectors = dict(zip(distinct, embedded, strict=True))
    background = fit_background(
        np.stack([vectors[text] for text in generic]),
        np.stack([[vectors[text] for text in wordings] for wordings in descriptions]),
    )
    return Space(encoder.fingerprint, background, vectors)


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """Candidate pairs of query and rule, in order of queries.

    Attributes:
        features: ``(n_pairs, n_weights)``: what each of :data:`WEIGHTS` is multiplied by.
        starts: ``(n_queries,)``: first pair of each query.
        answers: ``(n_queries,)``: pair of the right rule; -1 where none is right.
        kinds, files, cells: ``(n_queries,)``: of the query, and where it comes from.
    """

    features: Floats
    starts: Integers
    answers: Integers
    kinds: npt.NDArray[np.str_]
    files: npt.NDArray[np.str_]
    cells: npt.NDArray[np.str_]

    @property
    def query_of_pair(self) -> Integers:
        """Query number of each pair, ``(n_pairs,)``."""
        n_pairs = np.diff(self.starts, append=len(self.features))
        return np.repeat(np.arange(len(self.starts)), n_pairs)

    def of_file(self, name: str) -> Choices:
        """Select the pairs of one file."""
        here = self.files == name
        pairs = here[self.query_of_pair]
        place = np.cumsum(pairs) - 1  # of a pair among those that stay
        answers = self.answers[here]
        return Choices(
            features=self.features[pairs],
            starts=place[self.starts[here]],
            answers=np.where(answers >= 0, place[answers], -1),
            kinds=self.kinds[here],
            files=self.files[here],
            cells=self.cells[here],
        )


def choices_of(tables: Sequence[Episode], space: Space) -> Choices:
    """Compute the features of every query and rule of some tables."""
    heard = _Hearing(space)
    known = _Knowing(space)
    features, n_rules, answer, queries = [], [], [], []
    for episode in tables:
        features.append(_features(episode, heard, known))
        places = {rule.label: i for i, rule in enumerate(episode.rules)}
        n_rules += [len(places)] * len(episode.queries)
        answer += [-1 if q.label is None else places[q.label] for q in episode.queries]
        queries += [(q.kind, episode.file, episode.cell) for q in episode.queries]
    starts = np.cumsum([0, *n_rules[:-1]])
    chosen = np.array(answer)
    kinds, files, cells = np.array(queries, np.str_).T
    return Choices(
        features=np.concatenate(features),
        starts=starts,
        answers=np.where(chosen >= 0, starts + chosen, -1),
        kinds=kinds,
        files=files,
        cells=cells,
    )


def _parameters(values: Mapping[str, float]) -> Parameters:
    """Build parameters from weights of the logit; missing ones are 0."""
    fields: dict[str, Any] = {name: values.get(name, 0.0) for name in WEIGHTS}
    return Parameters(**fields, threshold=0.0, rates=())


class _Hearing:
    """Distinct queries as the scoring sees them."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._genericness = _parameters({"genericness": 1.0})
        self._closeness = _parameters({"closeness": 1.0})
        self._heard: dict[str, tuple[Floats, float, float]] = {}

    def __call__(self, text: str) -> tuple[Floats, float, float]:
        """Return the centred unit vector ``(d,)``, the genericness and the closeness."""
        if text not in self._heard:
            vector, background = self._space.vectors[text], self._space.background
            generic = utterance_terms(vector, background, self._genericness)
            close = utterance_terms(vector, background, self._closeness)
            centred = (vector.astype(np.float64) - background.mean) * generic.scale
            self._heard[text] = centred, generic.shift, close.shift
        return self._heard[text]


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """The unweighted parts of a rule.

    Attributes:
        n_examples: how many.
        description, prototype: ``(d,)``.
        candidates: ``(n_candidates, d)``: the examples, or the description.
        alike: mean cosine between examples.
    """

    n_examples: int
    description: Vectors
    prototype: Vectors
    candidates: Vectors
    alike: float


class _Knowing:
    """Distinct rules by their parts.

    They are what :func:`score_rule` makes of a rule under weights that leave its parts bare.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._weights = _parameters({"description_alone": 1.0, "description": 1.0, "alike": 1.0})
        self._parts: dict[tuple[str, ...], _Parts] = {}

    def __call__(self, rule: RuleText) -> _Parts:
        texts = rule_texts(rule)
        if texts not in self._parts:
            scored = score_rule(self._space.of(texts), self._space.background, self._weights)
            self._parts[texts] = _Parts(
                n_examples=len(texts) - len(KINDS),
                description=scored.rows[0],
                prototype=scored.rows[1],
                candidates=scored.rows[2:],
                alike=float(scored.constants[0]),
            )
        return self._parts[texts]


def _features(episode: Episode, heard: _Hearing, known: _Knowing) -> Floats:
    """``(n_queries * n_rules, n_weights)``, all rules of the first query first."""
    rules = [known(rule) for rule in episode.rules]
    centred, genericness, closeness = zip(*(heard(q.text) for q in episode.queries), strict=True)
    x = np.stack(centred)
    n_examples = np.array([rule.n_examples for rule in rules])
    has = n_examples > 0
    n_candidates = np.array([len(rule.candidates) for rule in rules])
    first = np.cumsum([0, *n_candidates[:-1]])
    cosines = x @ np.concatenate([rule.candidates for rule in rules]).T
    best = np.maximum.reduceat(cosines, first, axis=1)
    mean = np.add.reduceat(cosines, first, axis=1) / n_candidates
    description = x @ np.stack([rule.description for rule in rules]).T
    prototype = x @ np.stack([rule.prototype for rule in rules]).T
    columns: dict[str, npt.ArrayLike] = {
        "description_alone": description * ~has,
        "description": description * has,
        "best_example": best * has,
        "near_example": np.maximum(best - HINGE, 0.0) * has,
        "mean_example": mean * has,
        "prototype": prototype,
        "few": 1.0 / (1.0 + n_examples),
        "alike": np.array([rule.alike for rule in rules]),
        "alone": float(len(rules) == 1),
        "closeness": np.array(closeness)[:, None],
        "genericness": np.array(genericness)[:, None],
        "lead": _lead((prototype + best) / 2),
        "bias": 1.0,
    }
    shape = (len(x), len(rules))
    stacked = np.stack([np.broadcast_to(columns[name], shape) for name in WEIGHTS], axis=-1)
    return stacked.reshape(-1, len(WEIGHTS)).astype(np.float64)


def _lead(closeness: Floats) -> Floats:
    """Compute each rule's lead in closeness over the best other, ``(n_queries, n_rules)``."""
    if closeness.shape[1] == 1:
        return np.full_like(closeness, ALONE)
    second, top = np.partition(closeness, -2, axis=1)[:, -2:].T
    rival = np.where(closeness == top[:, None], second[:, None], top[:, None])
    lead: Floats = closeness - rival
    return lead


def probabilities(choices: Choices, parameters: Parameters) -> Floats:
    """Compute the probability that each pair's rule is right, ``(n_pairs,)``."""
    weights = np.array([getattr(parameters, name) for name in WEIGHTS])
    return _shares(choices.features @ weights, choices)[0]


def _shares(logits: Floats, choices: Choices) -> tuple[Floats, Floats]:
    """Compute the probability of each pair, and the log of each query's normaliser."""
    query = choices.query_of_pair
    top = np.maximum(np.maximum.reduceat(logits, choices.starts), 0.0)
    parts = np.exp(logits - top[query])
    whole = np.exp(-top) + np.add.reduceat(parts, choices.starts)
    return parts / whole[query], np.log(whole) + top


def fit(choices: Choices, *, file_weights: Mapping[str, float] | None = None) -> Parameters:
    """Fit the parameters that make the right rules most likely.

    Args:
        choices: of one or more files.
        file_weights: name of a file -> its weight in the likelihood; 1 where none is given.
            The threshold and the rates are of the files whose weight is 1 or more.

    Raises:
        InvalidValueError: a file lacks queries that a rule suits, or ones that none suits.
    """
    given = file_weights or {}
    judged = [
        (file, cell)
        for file in dict.fromkeys(choices.files.tolist())
        for cell in JUDGED
        if given.get(file, 1.0) >= 1.0
    ]
    weights = _most_likely(choices, given)
    parameters = _parameters(dict(zip(WEIGHTS, np.round(weights, DIGITS).tolist(), strict=True)))
    found = [answers(choices, parameters, file=file, cell=cell) for file, cell in judged]
    for (file, cell), of_cell in zip(judged, found, strict=True):
        in_scope = of_cell.kind == "in"
        if not in_scope.any() or in_scope.all():
            raise InvalidValueError(
                f"{file}, cell {cell!r}: all queries suit a rule or none does; both are needed"
            )
    return replace(parameters, threshold=_best_threshold(found), rates=_rates(found))


def _most_likely(choices: Choices, file_weights: Mapping[str, float]) -> Floats:
    """Maximise the penalised likelihood by L-BFGS, ``(n_weights,)``."""
    from scipy.optimize import minimize

    shares = np.zeros(len(choices.starts))
    for file in np.unique(choices.files).tolist():
        for cell, weight in CELL_WEIGHTS.items():
            here = (choices.files == file) & (choices.cells == cell)
            shares[here] = weight * file_weights.get(file, 1.0) / max(1, int(here.sum()))
    shares /= shares.sum()
    # Features on one scale, so that the penalty is as strict with each; it spares the bias.
    spread = choices.features.std(axis=0)
    spread[spread < 1e-6] = 1.0
    features = choices.features / spread
    penalty = np.array([0.0 if name == "bias" else L2 for name in WEIGHTS])
    share_of_pair = shares[choices.query_of_pair]
    suited = choices.answers >= 0
    right = choices.answers[suited]
    toward = shares[suited] @ features[right]

    def loss(weights: Floats) -> tuple[float, Floats]:
        logits = features @ weights
        probability, log_whole = _shares(logits, choices)
        value = shares @ log_whole - shares[suited] @ logits[right] + penalty @ weights**2
        slope = (share_of_pair * probability) @ features - toward + 2 * penalty * weights
        return float(value), slope

    found = minimize(
        loss,
        np.zeros(len(WEIGHTS)),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 2000, "maxfun": 4000, "maxcor": 20, "ftol": 1e-14, "gtol": 1e-8},
    )
    weights: Floats = found.x / spread
    return weights


def answers(choices: Choices, parameters: Parameters, *, file: str, cell: str) -> Answers:
    """Score the queries of one cell, with all rules of a table as rivals."""
    here = (choices.files == file) & (choices.cells == cell)
    probability = probabilities(choices, parameters)
    confidence = np.maximum.reduceat(probability, choices.starts)[here]
    right = choices.answers[here]
    is_best = (right >= 0) & (probability[right] == confidence)
    is_picked = confidence >= parameters.threshold
    return Answers(
        kind=choices.kinds[here],
        is_best=is_best,
        is_picked=is_picked,
        is_right=is_best & is_picked,
        confidence=confidence,
    )


def _best_threshold(found: Sequence[Answers]) -> float:
    """Find the threshold with the best smoothed mean ``balanced``."""
    balanced = np.zeros(len(THRESHOLDS))
    for of_cell in found:
        suited = of_cell.kind == "in"
        picked = of_cell.confidence[:, None] >= THRESHOLDS
        right = (picked & of_cell.is_best[:, None])[suited].mean(axis=0)
        held = (~picked)[~suited].mean(axis=0)
        balanced += (right + held) / 2
    smooth = np.convolve(balanced, np.ones(SMOOTHED_OVER), "valid")
    return round(float(THRESHOLDS[smooth.argmax() + SMOOTHED_OVER // 2]), DIGITS)


def _rates(found: Sequence[Answers]) -> tuple[tuple[float, float], ...]:
    """Return the threshold of each of ``RATES``, averaged over cells as logits."""
    pairs = []
    for rate in RATES:
        at = np.array([np.quantile(f.confidence[f.kind != "in"], 1.0 - rate) for f in found])
        at = np.clip(at, 1e-6, 1.0 - 1e-6)
        logit = float(np.log(at / (1.0 - at)).mean())
        pairs.append((rate, round(1.0 / (1.0 + float(np.exp(-logit))), DIGITS)))
    return tuple(pairs)


COLUMNS = ("top1", "right", "held", "balanced", "auroc", "right5", "ece")


def _table(title: str, choices: Choices, parameters: Parameters, files: Iterable[str]) -> Table:
    rows = []
    for file in files:
        for cell in CELL_WEIGHTS:
            of_cell = answers(choices, parameters, file=file, cell=cell)
            if not len(of_cell.kind):
                continue
            metrics = of_cell.metrics()
            figures = [number(100 * metrics[column]) for column in COLUMNS]
            rows.append([f"{file} {cell}", str(len(of_cell.kind)), *figures])
    note = f"In percent, at the threshold {parameters.threshold}."
    return Table(title, ("file and cell", "queries", *COLUMNS), rows, note)


def add_options(parser: ArgumentParser) -> None:
    """Add the command line's options."""
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE", help="case files")
    parser.add_argument(
        "--held-out", type=Path, nargs="+", default=[], metavar="FILE", help="measured, not fitted"
    )
    parser.add_argument(
        "--encoder", default="default", help="default, frozen, reference, or hashing (no model)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "routing_engine" / "resources",
        metavar="DIR",
        help="folder of background.npz and scoring.json (routing_engine/resources)",
    )
    parser.add_argument(
        "--background-only",
        action="store_true",
        help="fit background.npz to the encoder and keep scoring.json; needs no case files",
    )
    parser.add_argument("--seed", type=int, default=0, help="of whatever is drawn (0)")
    parser.add_argument(
        "--cross", action="store_true", help="also fit each file alone, and measure the others"
    )


def run(options: Namespace) -> int:
    """Fit, print the quality, and write the packaged files.

    Returns:
        0.

    Raises:
        InvalidValueError: no case file is named, one cannot be read or is not enough to fit, or
            two have the same name.
    """
    if options.background_only:
        background = embed(make_encoder(options.encoder), []).background_file()
        _write(options.out / "background.npz", background)
        return 0
    if not options.files:
        raise InvalidValueError("no case files to fit the weights on: name at least one")
    fitted = [read_cases(path) for path in options.files]
    held_out = [read_cases(path) for path in options.held_out]
    names = [cases.name for cases in (*fitted, *held_out)]
    if len(set(names)) < len(names):
        raise InvalidValueError(f"two case files have the same name: {', '.join(names)}")
    if options.cross and len(fitted) < 2:
        raise InvalidValueError("--cross fits one file and measures another: name at least two")
    tables = [made for cases in fitted for made in episodes(cases, seed=options.seed)]
    others = [made for cases in held_out for made in episodes(cases, seed=options.seed)]
    encoder = make_encoder(options.encoder)
    space = embed(encoder, [*tables, *others])
    choices = choices_of(tables, space)
    parameters = fit(choices)
    fitted_names = [cases.name for cases in fitted]
    _table("Fitted on all", choices, parameters, fitted_names).show()
    if held_out:
        rest = choices_of(others, space)
        rest_names = [cases.name for cases in held_out]
        _table("Not fitted on", rest, parameters, rest_names).show()
    if options.cross:
        for name in fitted_names:
            alone = fit(choices.of_file(name))
            rest_names = [other for other in fitted_names if other != name]
            _table(f"Fitted on {name} alone", choices, alone, rest_names).show()
    _write(options.out / "background.npz", space.background_file())
    text = json.dumps(asdict(parameters), indent=1) + "\n"
    _write(options.out / "scoring.json", text.encode())
    return 0


def _write(path: Path, content: bytes) -> None:
    """Replace a file atomically, as an engine may be reading it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.new")
    aside.write_bytes(content)
    aside.replace(path)
    print(f"written to {path}", file=sys.stderr)
