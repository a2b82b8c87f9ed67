"""Background model of what callers in general say, against which rules are scored.

Fitted from embeddings of ``resources/background.txt`` (utterances of callers of any business) and
``resources/descriptions.txt`` (labels and situations as managers write them), both written for
this project. One that fits the default encoder ships with the package; for any other encoder it
is fitted from the same text.

Its parts: the mean utterance ``mu``; the principal axes ``U`` of utterances about it; the mean
description of each kind; and a *genericness*: how near, on average, the ten nearest background
utterances are to a text, as a quadratic form on those axes (ridge regression, leave one out):

    G(x) = c + u.x + sum_k v_k (U_k.x)^2,    x = (q - mu) / |q - mu|

A sentence that anybody might say in any business is close to many others, and its closeness to a
rule says less (hubness, Radovanovic et al., JMLR 2010).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from routing_engine.encoders.packaged import arrays_for, resource
from routing_engine.errors import InvalidValueError

__all__ = [
    "Background",
    "background_texts",
    "described_rules",
    "fit_background",
    "neutral_background",
    "shipped_background",
]

NEIGHBOURS = 10
MAX_AXES = 64
RIDGE = 0.1
TYPICAL_GENERICNESS = 0.40
TYPICAL_CLOSENESS = 0.30
"""Closeness of a typical utterance to the background, for encoders without one."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """A model of generic caller text in one vector space.

    Attributes:
        rows: float32 ``(1 + n_axes, d)``: the mean utterance, then the principal axes.
        axis_means: float32 ``(n_axes,)``: inner products of the axes with the mean.
        linear, quadratic: float32 ``(n_axes,)``: ``u`` and ``v`` of the genericness.
        constant: ``c`` of the genericness.
        description_means: float32 ``(n_kinds, d)``: the mean description of each kind.
        mean_square, mean_norm_inverse: ``|mu|^2`` and ``1 / |mu|`` (0 for a zero mean).
        probe: float32 ``(3 + n_axes, d)``: what an utterance is multiplied with to hear how
            generic it is, see :func:`routing_engine.matching.scoring.utterance_terms`.
        curvature: float32 ``(3 + n_axes,)``: ``v``, and 0 for what is not an axis.
        level, bend: what the linear and the quadratic part of the genericness are at ``mu``.
    """

    rows: Floats
    axis_means: Floats
    linear: Floats
    quadratic: Floats
    constant: float
    description_means: Floats
    mean_square: float = field(init=False)
    mean_norm_inverse: float = field(init=False)
    probe: Floats = field(init=False)
    curvature: Floats = field(init=False)
    level: float = field(init=False)
    bend: float = field(init=False)

    def __post_init__(self) -> None:
        rows, means = self.rows.astype(np.float64), self.axis_means.astype(np.float64)
        linear, quadratic = self.linear.astype(np.float64), self.quadratic.astype(np.float64)
        mean, axes = rows[0], rows[1:]
        square = float(mean @ mean)
        parts = {
            "mean_square": square,
            "mean_norm_inverse": square**-0.5 if square > 0.0 else 0.0,
            "probe": np.concatenate(
                [[mean, linear @ axes, (quadratic * means) @ axes], axes]
            ).astype(np.float32),
            "curvature": np.concatenate([np.zeros(3), quadratic]).astype(np.float32),
            "level": float(linear @ means),
            "bend": float(quadratic @ means**2),
        }
        for name, part in parts.items():
            object.__setattr__(self, name, part)

    @property
    def mean(self) -> Floats:
        """The mean utterance, float32 ``(d,)``."""
        mean: Floats = self.rows[0]
        return mean

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name, for a snapshot."""
        return {
            "rows": self.rows,
            "axis_means": self.axis_means,
            "linear": self.linear,
            "quadratic": self.quadratic,
            "constant": np.array([self.constant], np.float32),
            "description_means": self.description_means,
        }

    @classmethod
    def of(cls, arrays: dict[str, npt.NDArray[Any]]) -> Background:
        """Build from the arrays that :meth:`arrays` returned."""
        parts = {name: np.asarray(arrays[name], np.float32) for name in PARTS}
        n_axes = len(parts["rows"]) - 1
        per_axis = ("axis_means", "linear", "quadratic")
        if any(parts[name].shape != (n_axes,) for name in per_axis) or len(parts["constant"]) != 1:
            raise InvalidValueError("the parts of the background model do not fit one another")
        constant = float(parts.pop("constant")[0])
        return cls(constant=constant, **parts)


PARTS = ("rows", "axis_means", "linear", "quadratic", "constant", "description_means")


def unit(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Scale rows (or one vector) to unit length, float64; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: npt.NDArray[np.float64] = vectors / np.maximum(lengths, 1e-9)
    return scaled


def fit_background(
    utterances: npt.NDArray[np.floating], descriptions: npt.NDArray[np.floating]
) -> Background:
    """Fit a background to an encoder.

    Args:
        utterances: unit vectors of generic utterances, ``(n, d)``, n at least 2.
        descriptions: unit vectors of generic descriptions, ``(n_rules, n_kinds, d)``.
    """
    given = np.asarray(utterances, np.float64)
    mean = given.mean(axis=0)
    axes = np.linalg.svd(given - mean, full_matrices=False)[2][:MAX_AXES]
    centred = unit(given - mean)
    similarities = centred @ centred.T
    np.fill_diagonal(similarities, -np.inf)
    n_neighbours = min(NEIGHBOURS, len(given) - 1)
    nearest = np.partition(similarities, -n_neighbours, axis=1)[:, -n_neighbours:].mean(axis=1)
    along = centred @ axes.T
    design = np.concatenate([along, along * along, np.ones((len(given), 1))], axis=1)
    solved = np.linalg.solve(
        design.T @ design + RIDGE * np.eye(design.shape[1]), design.T @ nearest
    )
    n = len(axes)
    return Background(
        rows=np.concatenate([mean[None], axes]).astype(np.float32),
        axis_means=(axes @ mean).astype(np.float32),
        linear=solved[:n].astype(np.float32),
        quadratic=solved[n : 2 * n].astype(np.float32),
        constant=float(np.float32(solved[-1])),
        description_means=np.asarray(descriptions, np.float64).mean(axis=0).astype(np.float32),
    )


def neutral_background(dimension: int, n_kinds: int) -> Background:
    """Return a background that treats every text as equally generic."""
    return Background(
        rows=np.zeros((1, dimension), np.float32),
        axis_means=np.zeros(0, np.float32),
        linear=np.zeros(0, np.float32),
        quadratic=np.zeros(0, np.float32),
        constant=float(np.float32(TYPICAL_GENERICNESS)),
        description_means=np.zeros((n_kinds, dimension), np.float32),
    )


def background_texts() -> list[str]:
    """Return 3,400 utterances of callers of any business, written for this project."""
    return resource("background.txt").read_text(encoding="utf-8").splitlines()


def described_rules() -> list[tuple[str, str]]:
    """Return label and ``when`` of 240 rules of any business, written for this project."""
    lines = resource("descriptions.txt").read_text(encoding="utf-8").splitlines()
    return [(label.strip(), when.strip()) for label, _, when in (x.partition("|") for x in lines)]


def shipped_background(fingerprint: str) -> Background | None:
    """Return the packaged background, or None for another encoder."""
    arrays = arrays_for(fingerprint, "background.npz")
    return None if arrays is None else Background.of({name: arrays[name] for name in PARTS})
