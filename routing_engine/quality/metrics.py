"""Metrics of routing: pure functions of an engine's answers.

In scope is a query for which a rule of the location is right; out of scope one for which none is.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = [
    "auroc",
    "calibration",
    "expected_calibration_error",
    "fraction",
    "protocol",
    "right_at_leak",
]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def fraction(flags: Flags) -> float:
    """Return the share of flags that are set, [0, 1]; NaN if there are none."""
    return float(flags.mean()) if len(flags) else math.nan


def auroc(in_scope: Floats, out_of_scope: Floats) -> float:
    """Compute the probability that a query in scope has the higher confidence; a tie counts half.

    The Mann-Whitney statistic over the number of pairs, from mid-ranks.

    Args:
        in_scope: confidences, ``(n,)``.
        out_of_scope: confidences, ``(m,)``.

    Returns:
        [0, 1]; NaN where either is empty.
    """
    n, m = len(in_scope), len(out_of_scope)
    if not n or not m:
        return math.nan
    ascending = np.sort(out_of_scope)
    below = np.searchsorted(ascending, in_scope, side="left")
    at_most = np.searchsorted(ascending, in_scope, side="right")
    return float((below + at_most).sum() / (2 * n * m))


def right_at_leak(
    confidence: Floats, is_right: Flags, out_of_scope: Floats, leak: float = 0.05
) -> float:
    """Compute recall at a limited false transfer rate.

    The threshold is the lowest that lets at most ``leak`` of the queries out of scope through.

    Args:
        confidence: of the best rule, queries in scope, ``(n,)``.
        is_right: whether that rule is the right one, ``(n,)``.
        out_of_scope: confidence of the best rule, queries out of scope, ``(m,)``.
        leak: fraction of the queries out of scope.

    Returns:
        [0, 1]; NaN where either is empty.
    """
    if not len(confidence) or not len(out_of_scope):
        return math.nan
    # Rounded first, so that 5 % of 20 are 1 and not 0.99…
    n_through = math.floor(round(leak * len(out_of_scope), 9))
    if n_through >= len(out_of_scope):
        return fraction(is_right)
    highest_refused = np.sort(out_of_scope)[::-1][n_through]
    return fraction(is_right & (confidence > highest_refused))


def calibration(confidence: Floats, is_right: Flags, n_bins: int) -> list[tuple[int, float, float]]:
    """Compare confidence with accuracy in bins of equal size, ascending.

    Queries of equal confidence count as right by their mean, so that the result does not depend
    on their order.

    Args:
        confidence: of the best rule, ``(n,)``.
        is_right: whether it is right, ``(n,)``.
        n_bins: bins; fewer where there are fewer queries.

    Returns:
        Of each bin the number of queries, their mean confidence, and how many are right, [0, 1].
    """
    _, group = np.unique(confidence, return_inverse=True)
    mean_right = (np.bincount(group, weights=is_right) / np.bincount(group))[group]
    order = np.argsort(confidence, kind="stable")
    return [
        (len(bin_), float(confidence[bin_].mean()), float(mean_right[bin_].mean()))
        for bin_ in np.array_split(order, min(n_bins, len(order)))
    ]


def expected_calibration_error(confidence: Floats, is_right: Flags, n_bins: int = 15) -> float:
    """Compute the mean gap between confidence and accuracy, in bins of equal size.

    After Naeini et al., AAAI 2015; equal mass: Nguyen and O'Connor, EMNLP 2015.

    Args:
        confidence: of the best rule, ``(n,)``.
        is_right: whether it is right, ``(n,)``.
        n_bins: bins; fewer where there are fewer queries.

    Returns:
        [0, 1]; NaN where there are no queries.
    """
    n = len(confidence)
    if not n:
        return math.nan
    return (
        sum(m * abs(sure - right) for m, sure, right in calibration(confidence, is_right, n_bins))
        / n
    )


def protocol(
    *, in_scope: Flags, is_best: Flags, is_picked: Flags, is_right: Flags, confidence: Floats
) -> dict[str, float]:
    """Compute every metric by name; NaN for one that no query contributes to.

    Args:
        in_scope: a rule is right, ``(n,)``.
        is_best: the most confident rule is the right one, thresholds aside, ``(n,)``.
        is_picked: a rule was picked, ``(n,)``.
        is_right: the right rule was picked; read in scope only, ``(n,)``.
        confidence: of the most confident rule, ``(n,)``.
    """
    right = fraction(is_right[in_scope])
    held = fraction(~is_picked[~in_scope])
    suited, others = confidence[in_scope], confidence[~in_scope]
    return {
        "top1": fraction(is_best[in_scope]),
        "right": right,
        "held": held,
        "balanced": (right + held) / 2,
        "auroc": auroc(suited, others),
        "right5": right_at_leak(suited, is_best[in_scope], others),
        "ece": expected_calibration_error(confidence, is_best),
    }
