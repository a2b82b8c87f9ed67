"""Turn similarities into calibrated confidences: pure functions of arrays.

**A rule's vectors.** Its ``when`` is embedded in five wordings (as written; without its carrier
phrase; the same in the first person; as a spoken sentence; and the label). Each wording is
centred on the mean of generic descriptions worded that way, and their unit mean is the rule's
description ``d``. Examples are centred on the mean generic utterance: ``e_i``. The prototype
``p = unit(d + sum e_i)`` counts the description as one more example (nearest prototypes, Snell
et al., NeurIPS 2017). An utterance is centred likewise: ``x = (q - mu) / |q - mu|``. Descriptions
and utterances so lose what all of their kind have in common.

**A rule's logit**, in terms of cosines only:

    z0 = w_d d.x + w_b max_i e_i.x + w_h max(0, max_i e_i.x - 0.6) + w_m mean_i e_i.x + w_p p.x + c
    b  = (p.x + max_i e_i.x) / 2                     (d.x in place of examples, where there are none)
    z  = z0 + w_1 (b - largest b of a rule that leads elsewhere) + w_g G(x) + w_q q.mu / |mu|

``c`` holds what is known of the rule beforehand: how many examples, how alike they are. The last
two terms are the same for all rules: how generic the utterance is, by the background model. Of the
rules in a table, "none" is one more choice, of logit zero (Luce, 1959; McFadden, 1974):

    confidence_r = exp(z_r) / (1 + exp(z_r) + sum over rules that lead elsewhere exp(z_j))

so confidences of rules that lead to different places sum to at most 1. A rule's vectors and
constants come from its own text and the background alone, never from other locations' rules.

The parameters are a conditional logit, fitted by ``benchmarks/calibrate.py`` on the development
split of CLINC150 and BANKING77 recast as routing: rules with and without examples, subsets of
examples, tables of 1 to 60 rules.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from routing_engine.encoders.background import TYPICAL_CLOSENESS, Background, unit
from routing_engine.matching.parameters import PARAMETERS, Parameters
from routing_engine.model.rules import MAX_COMPARED, RoutingPolicy, RuleText
from routing_engine.text.paraphrases import first_person, spoken, stripped

__all__ = [
    "DEFAULT_THRESHOLD",
    "KINDS",
    "SCORING",
    "EmbeddedRule",
    "Layout",
    "UtteranceTerms",
    "confidences",
    "least_confidence",
    "rule_texts",
    "score_rule",
    "threshold_for",
    "utterance_terms",
    "without",
]

SCORING = "centred-logit-2"
"""Version of what the rows of an index mean; those of another version cannot be used."""

DEFAULT_THRESHOLD = PARAMETERS.threshold
KINDS = ("when", "stripped", "first person", "label", "spoken")
"""Wordings of a description, in the order of :func:`rule_texts`."""

MAX_REMEMBERED = 20_000
"""Most descriptions whose wordings are cached."""

HINGE = 0.6
ALONE = 0.3
"""The lead of a rule that is alone in its table."""

Floats = npt.NDArray[np.float32]


@lru_cache(MAX_REMEMBERED)
def description_texts(label: str, when: str) -> tuple[str, ...]:
    """Return the wordings of one description, in the order of :data:`KINDS`.

    Remembered, for a catalog that changes asks again for most of what it had.
    """
    core = stripped(when)
    return (when, core, first_person(core), label, spoken(when))


def rule_texts(rule: RuleText) -> tuple[str, ...]:
    """Return the texts of a rule to embed: wordings of its description, then examples."""
    return (*description_texts(rule.label, rule.when), *rule.examples)


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedRule:
    """The rows and constants that one rule adds to the index.

    Attributes:
        rows: float32 ``(2 + n_candidates, d)``: the part of the logit that is linear in ``x``,
            the prototype, then the examples (or the description, where there are none).
        offsets: float32 ``(2 + n_candidates,)``: inner products of the rows with the background
            mean, which centring takes off.
        constants: float32 ``(3,)``: constant of the logit, weight of the best example, weight
            of the larger of that and ``HINGE``; the last two are 0 where there is no example.
        examples: intp ``(n_candidates,)``: which example each candidate is; None for all of them.
    """

    rows: Floats
    offsets: Floats
    constants: Floats
    examples: npt.NDArray[np.intp] | None = None


def score_rule(
    vectors: Floats, background: Background, parameters: Parameters = PARAMETERS
) -> EmbeddedRule:
    """Compute the rows and constants of one rule from its vectors.

    Every example counts in the prototype and the mean. Of more than ``MAX_COMPARED`` those that
    stand for all are candidates, so that a decision costs no more, however many there are.

    Args:
        vectors: unit vectors of :func:`rule_texts`, float32 ``(5 + n_examples, d)``.
        background: of the same encoder.
        parameters: weights of the logit.
    """
    n_kinds = len(KINDS)
    described = unit(vectors[:n_kinds].astype(np.float64) - background.description_means)
    mean_description = described.mean(axis=0)
    description = unit(mean_description)
    examples = unit(vectors[n_kinds:].astype(np.float64) - background.mean)
    n = len(examples)
    prototype = unit(mean_description + examples.sum(axis=0))
    w = parameters
    half = 0.5 * w.lead
    alike = (float(np.square(examples.sum(axis=0)).sum()) - n) / (n * (n - 1)) if n > 1 else 0.0
    linear = (w.description if n else w.description_alone) * description
    linear = linear + (w.prototype + half) * prototype
    # Without examples the description is the best of one: that is linear too.
    linear = linear + (w.mean_example * examples.mean(axis=0) if n else half * description)
    kept = representatives(examples) if n > MAX_COMPARED else None
    candidates = examples if kept is None else examples[kept]
    rows = np.concatenate(
        [linear[None], prototype[None], candidates if n else description[None]]
    ).astype(np.float32)
    constant = w.bias + w.few / (1 + n) + w.alike * alike
    return EmbeddedRule(
        rows=rows,
        offsets=(rows @ background.mean).astype(np.float32),
        constants=np.array(
            [constant - HINGE * w.near_example, half + w.best_example, w.near_example]
            if n
            else [constant, 0.0, 0.0],
            np.float32,
        ),
        examples=kept,
    )


def representatives(examples: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Choose the examples that stand for all: none is far from one of them.

    Greedy k-centre (Gonzalez, 1985): the one nearest the mean, then always the one that is
    farthest from those that are chosen; at most twice as far as the best choice leaves any. On
    BANKING77's development cases, with all of some 130 examples a rule, as good as k-means and
    better than chance; 64 are as good as all, and 16 nearly.

    Args:
        examples: unit vectors, ``(n, d)``, more than ``MAX_COMPARED``.

    Returns:
        Numbers of ``MAX_COMPARED`` examples, ascending.
    """
    chosen = [int((examples @ examples.mean(axis=0)).argmax())]
    nearest = examples @ examples[chosen[0]]
    while len(chosen) < MAX_COMPARED:
        nearest[chosen[-1]] = np.inf
        chosen.append(int(nearest.argmin()))
        np.maximum(nearest, examples @ examples[chosen[-1]], out=nearest)
    return np.sort(np.array(chosen, np.intp))


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Positions of each rule's rows in a block, and their constants.

    A block holds the linear rows of all rules, their prototypes, then the candidates of each; no
    candidates where no rule has an example, for then each rule's only one is its prototype.

    Attributes:
        n_rules: rules in the table.
        starts: intp ``(n_rules,)``: first candidate row of each rule.
        offsets: float32 ``(n_rows,)``.
        constant, best_weight, near_weight: float32 ``(n_rules,)``.
        has_examples: whether any rule has.
        examples: intp ``(n_rows - 2 n_rules,)``: which example of its rule each candidate is; None
            where no rule has more examples than candidates.
    """

    n_rules: int
    starts: npt.NDArray[np.intp]
    offsets: Floats
    constant: Floats
    best_weight: Floats
    near_weight: Floats
    has_examples: bool
    examples: npt.NDArray[np.intp] | None = None

    @classmethod
    def of(
        cls,
        n_candidates: Sequence[int],
        offsets: Floats,
        constants: npt.NDArray[np.float32],
        examples: npt.NDArray[np.intp] | None = None,
    ) -> Layout:
        """Build a layout from stored arrays.

        Args:
            n_candidates: candidate rows of each rule; 0 for all, or at least 1 for each.
            offsets: float32 ``(n_rows,)``, in block order.
            constants: float32 ``(n_rules, 3)``.
            examples: see the attribute.
        """
        n = len(n_candidates)
        starts = np.full(n, 2 * n, np.intp)
        np.cumsum(n_candidates[:-1], out=starts[1:])
        starts[1:] += 2 * n
        columns = np.ascontiguousarray(np.asarray(constants, np.float32).reshape(n, 3).T)
        constant, best_weight, near_weight = columns
        return cls(
            n_rules=n,
            starts=starts,
            offsets=np.asarray(offsets, np.float32),
            constant=constant,
            best_weight=best_weight,
            near_weight=near_weight,
            has_examples=bool(best_weight.any() or near_weight.any()),
            examples=examples,
        )

    @property
    def n_rows(self) -> int:
        """Number of rows of a block."""
        return len(self.offsets)

    @property
    def n_candidates(self) -> npt.NDArray[np.intp]:
        """Number of candidate rows of each rule, intp ``(n_rules,)``."""
        return np.diff(self.starts, append=self.n_rows)

    def fits(self, n_examples: Sequence[int]) -> bool:
        """Return whether rules that have so many examples may be laid out so."""
        if len(n_examples) != self.n_rules:
            return False
        if self.examples is None:
            return True
        return all(
            int(part.max(initial=0)) < max(1, n)
            for part, n in zip(
                np.split(self.examples, self.starts[1:] - 2 * self.n_rules), n_examples, strict=True
            )
        )

    @property
    def constants(self) -> Floats:
        """Return the constants, float32 ``(n_rules, 3)``, as :meth:`of` takes them."""
        return np.stack([self.constant, self.best_weight, self.near_weight], axis=1)


def block(rules: Sequence[EmbeddedRule]) -> tuple[Floats, Layout]:
    """Stack the rows of one profile, ``(n_rows, d)``; also return their layout."""
    constants = np.stack([rule.constants for rule in rules])
    parts = [slice(0, 1), slice(1, 2), slice(2, None)]
    if not constants[:, 1:].any():
        del parts[2]
    order = [(rule, part) for part in parts for rule in rules]
    n_candidates = [len(rule.rows) - 2 if len(parts) == 3 else 0 for rule in rules]
    offsets = np.concatenate([rule.offsets[part] for rule, part in order])
    examples = None
    if any(rule.examples is not None for rule in rules):
        examples = np.concatenate(
            [
                np.arange(n, dtype=np.intp) if rule.examples is None else rule.examples
                for rule, n in zip(rules, n_candidates, strict=True)
            ]
        )
    return (
        np.concatenate([rule.rows[part] for rule, part in order]),
        Layout.of(n_candidates, offsets, constants, examples),
    )


class UtteranceTerms(NamedTuple):
    """Rule-independent terms of the logit.

    Attributes:
        scale: ``1 / |q - mu|``.
        shift: added to the logit of every rule.
    """

    scale: float
    shift: float


def utterance_terms(
    query: Floats, background: Background, parameters: Parameters = PARAMETERS
) -> UtteranceTerms:
    """Compute the terms of an utterance that are the same for every rule.

    Args:
        query: unit vector, float32 ``(d,)``.
        background: of the same encoder.
        parameters: weights of the logit.
    """
    products = background.probe.dot(query)
    near, linear, cross = products[:3].tolist()
    products *= products
    curved = float(background.curvature.dot(products))
    square = 1.0 / max(1.0 - 2.0 * near + background.mean_square, 1e-6)
    scale = math.sqrt(square)
    genericness = (
        background.constant
        + scale * (linear - background.level)
        + square * (curved - 2.0 * cross + background.bend)
    )
    closeness = (
        near * background.mean_norm_inverse if background.mean_square > 0.0 else TYPICAL_CLOSENESS
    )
    return UtteranceTerms(
        scale, parameters.genericness * genericness + parameters.closeness * closeness
    )


def confidences(
    similarities: Floats,
    layout: Layout,
    heard: UtteranceTerms,
    destinations: Sequence[int],
    parameters: Parameters = PARAMETERS,
) -> list[float]:
    """Compute for each rule the probability that it is the right one.

    Args:
        similarities: inner products of the query with the rows of one block, float32
            ``(n_rows,)``.
        layout: of that block; at least one rule.
        heard: of the same query.
        destinations: one hashable a rule; rules with equal ones do not compete.
        parameters: weights of the logit.

    Returns:
        One a rule, each in [0, 1], in rule order.
    """
    n = layout.n_rules
    cosines = similarities - layout.offsets
    cosines *= heard.scale
    logits = cosines[:n] + layout.constant
    if layout.has_examples:
        best = np.maximum.reduceat(cosines, layout.starts)
        logits += layout.best_weight * best
        logits += layout.near_weight * np.maximum(best, HINGE)
    else:
        best = cosines[n : 2 * n]
    close = (cosines[n : 2 * n] + best).tolist()  # 2 b
    half = 0.5 * parameters.lead
    n_places = len(set(destinations))
    if n_places == 1:
        alone = heard.shift + parameters.alone + parameters.lead * ALONE
        odds = [
            math.exp(logit + alone - half * own)
            for logit, own in zip(logits.tolist(), close, strict=True)
        ]
        return [odd / (1.0 + odd) for odd in odds]
    if n_places == n:
        top = max(close)
        first = close.index(top)
        close[first] = -math.inf
        odds = np.exp(logits).tolist()
        odds[first] *= math.exp(half * (top - max(close)))
        # What all have in common goes to "none". An exact sum has the same bits in any order.
        whole = math.exp(half * top - heard.shift) + math.fsum(odds)
        return [odd / whole for odd in odds]
    logits += heard.shift
    odds = []
    rivals = [[j for j, there in enumerate(destinations) if there != here] for here in destinations]
    for logit, elsewhere in zip(logits.tolist(), rivals, strict=True):
        odds.append(math.exp(logit - half * max(close[j] for j in elsewhere)))
    return [
        odd / (1.0 + odd + math.fsum(odds[j] for j in elsewhere))
        for odd, elsewhere in zip(odds, rivals, strict=True)
    ]


def without(
    confidences: Sequence[float], destinations: Sequence[int], gone: Collection[int]
) -> list[float]:
    """Confidences once some rules are none to choose from: theirs are 0, the others grow.

    Args:
        confidences: one a rule, ``(n_rules,)``.
        destinations: one hashable a rule; rules with equal ones do not compete.
        gone: numbers of the rules that are out.
    """
    changed = list(confidences)
    withdrawn: dict[int, float] = {}
    for i in gone:
        place = destinations[i]
        withdrawn[place] = max(withdrawn.get(place, 0.0), confidences[i])
        changed[i] = 0.0
    for i, place in enumerate(destinations):
        # Confidences are shares of one whole (Luce's choice): without some, the rest grow alike.
        rest = 1.0 - math.fsum(lost for other, lost in withdrawn.items() if other != place)
        changed[i] = min(changed[i] / rest, 1.0) if rest > 0.0 else changed[i]
    return changed


def rule_similarities(similarities: Floats, layout: Layout, heard: UtteranceTerms) -> Floats:
    """Compute the cosine of each rule's nearest text, centred on the background, ``(n_rules,)``."""
    n = layout.n_rules
    cosines = (similarities - layout.offsets) * np.float32(heard.scale)
    nearest: Floats = (
        np.maximum.reduceat(cosines, layout.starts) if layout.n_rows > 2 * n else cosines[n : 2 * n]
    )
    return np.clip(nearest, -1.0, 1.0)


def nearest_candidates(similarities: Floats, layout: Layout) -> list[int]:
    """Return the number of each rule's nearest example, in rule order."""
    adjusted = similarities - layout.offsets
    stops = [*layout.starts[1:].tolist(), layout.n_rows]
    nearest = [
        int(adjusted[start:stop].argmax()) if start < stop else 0
        for start, stop in zip(layout.starts.tolist(), stops, strict=True)
    ]
    if layout.examples is None:
        return nearest
    firsts = layout.starts - 2 * layout.n_rules
    chosen: list[int] = layout.examples[firsts + np.array(nearest)].tolist()
    return chosen


def least_confidence(policy: RoutingPolicy, parameters: Parameters = PARAMETERS) -> float:
    """Return the threshold for locations and rules without their own."""
    if policy.threshold is not None:
        return policy.threshold
    if policy.false_transfer_rate is not None:
        return threshold_for(policy.false_transfer_rate, parameters)
    return parameters.threshold


def threshold_for(false_transfer_rate: float, parameters: Parameters = PARAMETERS) -> float:
    """Return the threshold at which this share of unmatched callers would be transferred.

    Interpolated between thresholds measured on the development cases.

    Args:
        false_transfer_rate: in (0, 1).
        parameters: hold the measured pairs.
    """
    rates, thresholds = zip(*parameters.rates, strict=True)
    return float(np.interp(false_transfer_rate, rates, thresholds))
