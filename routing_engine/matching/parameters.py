"""The fitted parameters of the scoring. Written by ``python -m benchmarks calibrate``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from routing_engine.encoders.packaged import resource

__all__ = ["PARAMETERS", "Parameters"]


@dataclass(frozen=True, slots=True)
class Parameters:
    """Weights of the logit that :mod:`routing_engine.matching.scoring` describes.

    Attributes:
        description_alone: of ``d.x`` for a rule without examples.
        description: of ``d.x`` for a rule with examples.
        best_example, near_example, mean_example: of the best example's cosine, of its excess
            over the hinge, and of the mean example's.
        prototype: of ``p.x``.
        few: of ``1 / (1 + n_examples)``.
        alike: of the mean cosine between examples.
        alone: of a rule without competitors.
        closeness, genericness: of the utterance's closeness to the background mean and of its
            genericness.
        lead: of the lead over the best rule that leads elsewhere.
        bias: constant.
        threshold: the default least confidence.
        rates: pairs (share of unsuited callers transferred, threshold), ascending in the share.
    """

    description_alone: float
    description: float
    best_example: float
    near_example: float
    mean_example: float
    prototype: float
    few: float
    alike: float
    alone: float
    closeness: float
    genericness: float
    lead: float
    bias: float
    threshold: float
    rates: tuple[tuple[float, float], ...]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Parameters:
        """Build from what ``dataclasses.asdict`` returned, also after JSON.

        Raises:
            ValueError: a field is missing, unknown, or no finite number.
        """
        names = {field.name for field in fields(cls)}
        if set(values) != names:
            differing = ", ".join(sorted(map(str, set(values) ^ names)))
            raise ValueError(f"parameters of another version: {differing}")
        rates = tuple((_finite(rate), _finite(at)) for rate, at in values["rates"])
        numbers = {name: _finite(values[name]) for name in names - {"rates"}}
        if not all(0.0 <= p <= 1.0 for p in (numbers["threshold"], *sum(rates, ()))):
            raise ValueError("a threshold or rate of the parameters is not in [0, 1]")
        return cls(**numbers, rates=rates)

    @classmethod
    def from_json(cls, text: str) -> Parameters:
        """Read a file that ``calibrate`` wrote."""
        return cls.from_dict(json.loads(text))


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"a parameter is a finite number, not {value!r}")
    return float(value)


PARAMETERS = Parameters.from_json(resource("scoring.json").read_text(encoding="utf-8"))
