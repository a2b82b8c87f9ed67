"""Files of the package, and arrays that were computed for one encoder."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["arrays_for", "resource"]


def resource(name: str) -> Path:
    """Return the path of a file in ``routing_engine/resources``."""
    return Path(str(resources.files("routing_engine").joinpath("resources", name)))


def arrays_for(fingerprint: str, name: str) -> dict[str, npt.NDArray[Any]] | None:
    """Read packaged arrays, or None if they were computed for another encoder.

    Args:
        fingerprint: of the encoder that they are wanted for.
        name: of an ``.npz`` file that holds its encoder's ``fingerprint`` beside them. One that is
            missing is taken for another encoder's: it is being built.
    """
    path = resource(name)
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        if str(arrays["fingerprint"]) != fingerprint:
            return None
        return dict(arrays)
