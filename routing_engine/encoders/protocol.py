"""The protocol of encoders, and checks of what one returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from routing_engine.errors import EncoderError

__all__ = ["Encoder", "Vectors", "check_vector", "check_vectors"]

Vectors = npt.NDArray[np.float32]


@runtime_checkable
class Encoder(Protocol):
    """Anything that turns texts into unit vectors. No inheritance is needed."""

    @property
    def fingerprint(self) -> str:
        """Id of the vector space: equal for encoders whose vectors may be compared."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors of texts, float32 ``(len(texts), dimension)``. Thread-safe."""
        ...


_FLOAT32 = np.dtype(np.float32)  # compares faster than the type does


def check_vectors(vectors: Vectors, n_texts: int, dimension: int) -> Vectors:
    """Check the vectors of an encoder and return them as contiguous float32.

    Raises:
        EncoderError: wrong shape, not finite, or rows that are not of unit length.
    """
    try:
        checked = np.ascontiguousarray(vectors, np.float32)
    except (TypeError, ValueError) as error:
        raise EncoderError(f"the encoder returned {type(vectors).__name__}, not vectors") from error
    if checked.shape != (n_texts, dimension):
        raise EncoderError(
            f"the encoder returned shape {checked.shape} for {n_texts} texts; "
            f"({n_texts}, {dimension}) is right"
        )
    lengths = np.einsum("ij,ij->i", checked, checked)
    if not bool(np.all(np.abs(lengths - 1.0) < 1e-3)):  # False for NaN too
        raise EncoderError("the encoder returned rows that are not finite unit vectors")
    return checked


def check_vector(vectors: Vectors, dimension: int) -> Vectors:
    """Check the vector of one text, float32 ``(dimension,)``; a faster :func:`check_vectors`."""
    if (
        type(vectors) is np.ndarray
        and vectors.dtype == _FLOAT32
        and vectors.shape == (1, dimension)
        and vectors.flags.c_contiguous
    ):
        vector: Vectors = vectors[0]
        if abs(float(vector.dot(vector)) - 1.0) < 1e-3:
            return vector
    checked: Vectors = check_vectors(vectors, 1, dimension)[0]
    return checked
