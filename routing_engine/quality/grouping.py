"""Group sentences that say much the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from routing_engine.encoders.background import Background, unit
from routing_engine.encoders.protocol import Vectors

__all__ = ["ALIKE", "alike"]

ALIKE = 0.7
"""Cosine, less what all sentences share, from which on two sentences are of one group."""


def alike(vectors: Vectors, background: Background, *, least: float = ALIKE) -> list[int]:
    """Return the group of each sentence; the first sentence of a group stands for it.

    Args:
        vectors: of the sentences, float32 ``(n, d)``, the ones to begin groups with first.
        background: of the same encoder.
        least: cosine from which on a sentence belongs to a group, [-1, 1].
    """
    centred = [unit(vector.astype(np.float64) - background.mean) for vector in vectors]
    leaders: list[npt.NDArray[np.float64]] = []
    groups = []
    for vector in centred:
        cosines = [round(float(vector @ leader), 5) for leader in leaders]
        best = max(range(len(cosines)), key=cosines.__getitem__, default=-1)
        if best < 0 or cosines[best] < least:
            best = len(leaders)
            leaders.append(vector)
        groups.append(best)
    return groups
