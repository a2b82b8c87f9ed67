"""The rules of all profiles, embedded, scored and indexed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from routing_engine.encoders.background import (
    Background,
    background_texts,
    described_rules,
    fit_background,
    shipped_background,
)
from routing_engine.encoders.batching import encode_distinct
from routing_engine.encoders.protocol import Encoder
from routing_engine.errors import InvalidValueError
from routing_engine.matching.index import ProfileIndex
from routing_engine.matching.parameters import PARAMETERS, Parameters
from routing_engine.matching.scoring import (
    EmbeddedRule,
    Layout,
    block,
    description_texts,
    score_rule,
)

__all__ = [
    "ARRAYS",
    "FOLDED",
    "EmbeddedRules",
    "Profile",
    "Profiles",
    "RuleTexts",
    "background_for",
]

RuleTexts = tuple[str, ...]
"""All embedded texts of one rule, see :func:`routing_engine.matching.scoring.rule_texts`."""

Profile = tuple[RuleTexts, ...]
"""The texts of each rule of a table."""

ARRAYS: dict[str, type[np.generic]] = {
    "blocks": np.int64,
    "rules_of": np.int64,
    "candidates": np.int64,
    "offsets": np.float32,
    "constants": np.float32,
}
"""Names of the arrays in which the layouts of all profiles are stored."""

FOLDED = "examples"
"""Name of a further array, int64, if a rule has more examples than candidates."""

_fitted: dict[str, Background] = {}


def background_for(encoder: Encoder) -> Background:
    """Return the background model of an encoder.

    An encoder may bring its own as an attribute ``background``; one ships for the default model;
    for any other it is fitted, once a process, from the text that ships.
    """
    own = getattr(encoder, "background", None)
    if isinstance(own, Background):
        return own
    known = _fitted.get(encoder.fingerprint) or shipped_background(encoder.fingerprint)
    if known is None:
        described = [description_texts(label, when) for label, when in described_rules()]
        said = background_texts()
        texts = list(dict.fromkeys([*said, *(text for rule in described for text in rule)]))
        vectors = dict(zip(texts, encode_distinct(encoder, texts, progress=True), strict=True))
        known = fit_background(
            np.stack([vectors[text] for text in said]),
            np.stack([[vectors[text] for text in rule] for rule in described]),
        )
    _fitted[encoder.fingerprint] = known
    return known


@dataclass(frozen=True, slots=True, eq=False)
class Profiles:
    """All profiles of one catalog, ready to be searched and scored.

    Attributes:
        index: a block of rows a profile.
        layouts: one a profile.
        background, parameters: what the rows were made with.
    """

    index: ProfileIndex
    layouts: tuple[Layout, ...]
    background: Background
    parameters: Parameters = PARAMETERS

    @classmethod
    def build(
        cls,
        profiles: Sequence[Profile],
        encoder: Encoder,
        background: Background,
        *,
        known: EmbeddedRules,
        parameters: Parameters = PARAMETERS,
        progress: bool = False,
    ) -> Profiles:
        """Embed each distinct text once and index all profiles.

        Args:
            profiles: the texts of each rule of each profile.
            encoder: what embeds.
            background: of the same encoder.
            known: rules that need not be embedded again, of the same parameters.
            parameters: weights of the logit.
            progress: show a progress bar on stderr where embedding takes longer than a second.
        """
        rules = dict.fromkeys(rule for profile in profiles for rule in profile)
        scored = {rule: known.get(rule) for rule in rules}
        new = [rule for rule, found in scored.items() if found is None]
        texts = list(dict.fromkeys(text for rule in new for text in rule))
        vectors = encode_distinct(encoder, texts, progress=progress)
        number = {text: i for i, text in enumerate(texts)}
        for rule in new:
            own_vectors = vectors[[number[text] for text in rule]]
            scored[rule] = score_rule(own_vectors, background, parameters)
        blocks: list[npt.NDArray[np.float32]] = []
        layouts: list[Layout] = []
        for profile in profiles:
            own = [found for rule in profile if (found := scored[rule]) is not None]
            rows, layout = block(own)
            blocks.append(rows)
            layouts.append(layout)
        index = ProfileIndex.build(blocks, encoder.dimension)
        return cls(index, tuple(layouts), background, parameters)

    def scored(self, profile: int, rule: int) -> EmbeddedRule:
        """Return one rule of a profile, as it was embedded."""
        layout = self.layouts[profile]
        n = layout.n_rules
        start = int(layout.starts[rule])
        end = int(layout.starts[rule + 1]) if rule + 1 < n else layout.n_rows
        places = [rule, n + rule, *(range(start, end) if end > start else (n + rule,))]
        constants = (layout.constant[rule], layout.best_weight[rule], layout.near_weight[rule])
        kept = None
        if layout.examples is not None:
            kept = layout.examples[start - 2 * n : end - 2 * n]
            kept = None if np.array_equal(kept, np.arange(len(kept))) else kept
        return EmbeddedRule(
            self.index.rows(profile)[places],
            layout.offsets[places],
            np.array(constants, np.float32),
            kept,
        )

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the layouts as the arrays that :data:`ARRAYS` names, and :data:`FOLDED`."""
        layouts = self.layouts
        folded = {}
        if any(layout.examples is not None for layout in layouts):
            numbers = [
                _identity(layout) if layout.examples is None else layout.examples
                for layout in layouts
            ]
            folded = {FOLDED: _joined(numbers, np.int64)}
        return {
            **folded,
            "blocks": self.index.offsets,
            "rules_of": np.array([layout.n_rules for layout in layouts], np.int64),
            "candidates": _joined([layout.n_candidates for layout in layouts], np.int64),
            "offsets": _joined([layout.offsets for layout in layouts], np.float32),
            "constants": _joined([layout.constants.reshape(-1) for layout in layouts], np.float32),
        }

    @classmethod
    def of(
        cls,
        index: ProfileIndex,
        arrays: Mapping[str, npt.NDArray[Any]],
        background: Background,
        parameters: Parameters = PARAMETERS,
    ) -> Profiles:
        """Build from the arrays that :meth:`arrays` returned; :data:`FOLDED` may be missing.

        Raises:
            InvalidValueError: the arrays do not fit one another or the index.
        """
        ends = np.cumsum(arrays["rules_of"])
        n_rules = int(ends[-1]) if len(ends) else 0
        candidates, offsets = arrays["candidates"], arrays["offsets"]
        constants = arrays["constants"]
        blocks = index.offsets
        if (
            len(ends) != len(index)
            or len(candidates) != n_rules
            or len(constants) != 3 * n_rules
            or len(offsets) != index.n_rows
            or background.rows.shape[1] != index.dimension
        ):
            raise InvalidValueError("layouts do not fit the index")
        constants = constants.reshape(-1, 3)
        folded = arrays.get(FOLDED)
        n_candidates = int(candidates.sum())
        if folded is not None and (
            len(folded) != n_candidates or (n_candidates and int(folded.min()) < 0)
        ):
            raise InvalidValueError("numbers of examples do not fit the index")
        first = 0
        layouts: list[Layout] = []
        for p, end in enumerate(ends.tolist()):
            start = end - int(arrays["rules_of"][p])
            own = candidates[start:end]
            if 2 * len(own) + int(own.sum()) != blocks[p + 1] - blocks[p] or (
                (own < 1).any() and own.any()
            ):
                raise InvalidValueError(f"the layout of profile {p} does not fit its rows")
            examples = None
            if folded is not None:
                examples = folded[first : first + int(own.sum())].astype(np.intp)
                first += len(examples)
            layouts.append(
                Layout.of(
                    own.tolist(), offsets[blocks[p] : blocks[p + 1]], constants[start:end], examples
                )
            )
        return cls(index, tuple(layouts), background, parameters)


def _identity(layout: Layout) -> npt.NDArray[np.intp]:
    """The number of each candidate in its rule."""
    counts = layout.n_candidates.tolist()
    return np.concatenate([np.empty(0, np.intp), *map(np.arange, counts)]).astype(np.intp)


def _joined(parts: Sequence[npt.NDArray[Any]], dtype: type[np.generic]) -> npt.NDArray[Any]:
    return np.concatenate([np.empty(0, dtype), *parts]).astype(dtype)


class EmbeddedRules:
    """Embedded rules of existing profiles, looked up by their texts.

    Args:
        parts: pairs of the profiles' texts and what was built from them, of one background.

    Attributes:
        background: what their rows were made with, and new rules beside them must be; None
            where there are no parts.
    """

    def __init__(self, *parts: tuple[Sequence[Profile], Profiles]) -> None:
        self.background: Background | None = parts[0][1].background if parts else None
        self._places: dict[RuleTexts, tuple[Profiles, int, int]] = {
            rule: (built, p, r)
            for texts, built in parts
            for p, profile in enumerate(texts)
            for r, rule in enumerate(profile)
        }

    def get(self, rule: RuleTexts) -> EmbeddedRule | None:
        """Return the rows of a rule, or None if no profile has it."""
        place = self._places.get(rule)
        return None if place is None else place[0].scored(place[1], place[2])

    def __or__(self, other: EmbeddedRules) -> EmbeddedRules:
        joined = EmbeddedRules()
        joined.background = self.background or other.background
        joined._places = self._places | other._places
        return joined
