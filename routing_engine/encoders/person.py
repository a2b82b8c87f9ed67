"""Detect callers who ask for a person by meaning, with a plane in the encoder's space.

People ask for a human being in more ways than patterns hold ("is there anybody there with a
pulse"). A logistic regression on the vector of a caller's words tells them from callers who only
mention people. It fits one encoder; with any other the patterns of
:mod:`routing_engine.text.signals` stand alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from routing_engine.encoders.packaged import arrays_for

__all__ = ["PersonDirection", "shipped_person"]


class PersonDirection(NamedTuple):
    """The plane that separates callers who ask for a person from the others.

    Attributes:
        weights: float32 ``(d,)``.
        bias: added to the inner product; above 0 a person is asked for.
    """

    weights: npt.NDArray[np.float32]
    bias: float

    def is_asked_for(self, vector: npt.NDArray[np.float32]) -> bool:
        """Whether the words of a vector, float32 ``(d,)``, ask for a person."""
        return float(self.weights @ vector) + self.bias > 0.0


def shipped_person(fingerprint: str) -> PersonDirection | None:
    """Return the packaged direction, or None for another encoder.

    Args:
        fingerprint: of the encoder.
    """
    arrays = arrays_for(fingerprint, "person.npz")
    return None if arrays is None else PersonDirection(arrays["weights"], float(arrays["bias"][0]))
