"""Similarities to calibrated confidences: pure functions of arrays.

A rule is its ``when``, its label and its examples. Its rows in the index are the unit vectors of
``when`` and of each example, and their prototype: the mean of those vectors plus
``LABEL_WEIGHT`` times the label's, at unit length (nearest-prototype classification, Snell et
al., NeurIPS 2017). A rule's score is the mean of its best row and its prototype:

    s = (max_row q.row + q.prototype) / 2

and its confidence a logistic function of the score and of its lead over the best other rule:

    p = 1 / (1 + exp(-(BIAS + SCORE * s + LEAD * (s - s_other))))

The three constants are a logistic regression of "the best rule is right" on the development
cases of CLINC150 and BANKING77 recast as routing, rules with and without examples together. The
lead makes one threshold serve businesses whose rules are far apart and close together alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from routing_engine.models import RuleText

__all__ = ["DEFAULT_THRESHOLD", "SCORING", "Layout", "block", "confidences", "rule_texts"]

SCORING = "prototype-1"
"""Names what the rows of an index mean; rows of another scoring cannot be read by this one."""

DEFAULT_THRESHOLD = 0.5
LABEL_WEIGHT = 0.3
BIAS = -4.917
SCORE = 7.419
LEAD = 11.43
ALONE = 0.15
"""The lead given to a rule that has no other rule beside it."""

Floats = npt.NDArray[np.float32]


def rule_texts(rule: RuleText) -> tuple[str, ...]:
    """The texts of a rule that are embedded: label, ``when``, then the examples."""
    return (rule.label, rule.when, *rule.examples)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the rows of each rule stand in a block.

    A block holds the text rows of all rules, rule after rule, then one prototype a rule.

    Attributes:
        starts: intp ``(n_rules,)``: first text row of each rule.
        n_text_rows: text rows of all rules together.
    """

    starts: npt.NDArray[np.intp]
    n_text_rows: int

    @classmethod
    def of(cls, n_texts: Sequence[int]) -> Layout:
        """The layout of rules that have these many texts, as :func:`rule_texts` gives them."""
        stops = np.cumsum([n - 1 for n in n_texts], dtype=np.intp)
        starts = np.concatenate([np.zeros(1, np.intp), stops[:-1]])
        return cls(starts, int(stops[-1]) if len(stops) else 0)

    @property
    def n_rows(self) -> int:
        """Rows of a block of this layout."""
        return self.n_text_rows + len(self.starts)


def block(rules: Sequence[Floats]) -> Floats:
    """The rows of one profile.

    Args:
        rules: for each rule, the unit vectors of its texts, float32 ``(n_texts, d)``.

    Returns:
        float32 ``(n_rows, d)``, laid out as :class:`Layout` says.
    """
    prototypes = []
    for vectors in rules:
        mean = vectors[1:].mean(axis=0) + LABEL_WEIGHT * vectors[0]
        prototypes.append(mean / max(float(np.linalg.norm(mean)), 1e-12))
    return np.concatenate([*(vectors[1:] for vectors in rules), np.stack(prototypes)]).astype(
        np.float32
    )


def rule_similarities(similarities: Floats, layout: Layout) -> Floats:
    """Cosine of the query with the nearest text of each rule, float32 ``(n_rules,)``."""
    nearest: Floats = np.maximum.reduceat(similarities[: layout.n_text_rows], layout.starts)
    return nearest


def confidences(similarities: Floats, layout: Layout) -> npt.NDArray[np.float64]:
    """Probability of each rule that it is the right one.

    Args:
        similarities: inner products with the rows of one block, float32 ``(n_rows,)``.
        layout: of that block; at least one rule.

    Returns:
        float64 ``(n_rules,)``, each in [0, 1], in rule order. At most one exceeds the logistic
        of a lead of zero by having a lead; they need not sum to 1, for no rule may be right.
    """
    scores = rule_similarities(similarities, layout).astype(np.float64)
    scores += similarities[layout.n_text_rows :]
    scores *= 0.5
    if len(scores) == 1:
        lead = np.full(1, ALONE)
    else:
        best = int(scores.argmax())
        first = scores[best]
        lead = scores - first
        scores_but_best = scores.copy()
        scores_but_best[best] = -np.inf
        lead[best] = first - scores_but_best.max()
    probabilities: npt.NDArray[np.float64] = 1.0 / (
        1.0 + np.exp(-(BIAS + SCORE * scores + LEAD * lead))
    )
    return probabilities
