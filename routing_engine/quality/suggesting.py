"""Propose examples for a rule: what callers of other businesses said in its situation.

For each rule the nearest typical situations are found by its label and ``when``, embedded as the
scoring embeds them. What their callers said is asked at the rule's own table, every other rule
counting as one that leads elsewhere. Kept is what the rule takes with a margin and no other rule
would take; of that, the most confident and the least alike. Nothing leaves the machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from routing_engine.encoders import Encoder, encode_distinct
from routing_engine.encoders.background import Background, unit
from routing_engine.errors import InvalidValueError
from routing_engine.matching import scoring
from routing_engine.matching.parameters import Parameters
from routing_engine.model.rules import RuleText
from routing_engine.quality.typical import (
    describe,
    description_vectors,
    typical_situations,
    utterance_vectors,
)

__all__ = [
    "PER_RULE",
    "Proposal",
    "Source",
    "Suggestion",
    "Suggestions",
    "suggest",
    "typical_calls",
]

PER_RULE = 8
"""Default number of examples proposed for a rule."""
MAX_PER_RULE = 64
"""Largest number that may be asked for."""
N_NEAREST = 4
"""Nearest situations whose utterances are considered for each rule."""
LEAST_CLOSENESS = 0.6
"""Cosine of descriptions from which on a situation is near: of what is proposed from nearer ones,
two thirds are said by callers of the rule, measured on businesses of the corpus's dev split."""
MARGIN = 0.2
"""Least lead of the rule's confidence over every other's."""
DIVERSITY = 0.4
"""Weight of diversity in the rank (maximal marginal relevance, Carbonell & Goldstein, 1998)."""
TOO_ALIKE = 0.9
"""Cosine from which two sentences count as the same."""
MAX_LENGTH = 160
"""Most characters of an example; a whole story is a poor one."""

_DIGIT = re.compile(r"\d")
# A capital inside a sentence, but for "I" and acronyms of up to four letters, is a name.
_NAME = re.compile(r"(?<![.?!…\"] )(?<=\s)(?!I\b)(?![A-Z]{2,4}\b)[A-Z]\w+")
_NO_NAMES = frozenset({
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december", "christmas", "english", "spanish"),
})  # fmt: skip

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One proposed example.

    Attributes:
        text: what a caller would say.
        confidence: of the rule, asked at its table without the proposal, [0, 1].
        source: where it comes from: ``"Tire shop: Roadside breakdown"``, or the model's address.
    """

    text: str
    confidence: float
    source: str


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Proposed examples of the rules of one location. Nothing is changed by them.

    Attributes:
        rules: label of each rule, in the location's order, with what is proposed for it, best
            first; empty where nothing is near enough.
    """

    rules: tuple[tuple[str, tuple[Suggestion, ...]], ...]

    def __getitem__(self, label: str) -> tuple[Suggestion, ...]:
        """Return the proposals for a rule; for all rules that share its label.

        Raises:
            KeyError: no such rule.
        """
        found = [proposed for name, proposed in self.rules if name == label]
        if not found:
            raise KeyError(label)
        return tuple(item for proposed in found for item in proposed)

    def __len__(self) -> int:
        """Number of examples proposed for all rules."""
        return sum(len(proposed) for _, proposed in self.rules)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "rules": [
                {"label": label, "suggestions": [asdict(item) for item in proposed]}
                for label, proposed in self.rules
            ]
        }


@dataclass(frozen=True, slots=True)
class Proposal:
    """A sentence that may become an example.

    Attributes:
        text: the sentence.
        source: for people, where it comes from.
        closeness: of its situation to the rule, cosine in [-1, 1]; weighs in the rank.
        vector: of the text, float32 ``(d,)``; None where it is still to be embedded.
    """

    text: str
    source: str
    closeness: float = 1.0
    vector: Floats | None = field(default=None, compare=False, repr=False)


Source = Callable[[Sequence[RuleText]], Sequence[Sequence[Proposal]]]
"""Returns candidate sentences for each rule of a table, before they are checked."""


def typical_calls(
    encoder: Encoder, background: Background, *, least_closeness: float = LEAST_CLOSENESS
) -> Source:
    """Return a source of utterances from the nearest typical situations.

    Args:
        encoder: what embeds descriptions.
        background: of the same encoder.
        least_closeness: cosine from which on a situation is near, [-1, 1].
    """

    def propose(rules: Sequence[RuleText]) -> list[list[Proposal]]:
        own = describe([(rule.label, rule.when) for rule in rules], encoder, background)
        closeness = np.round(own @ description_vectors(encoder, background).T, 5)
        situations = typical_situations()
        proposals = []
        for near in closeness:
            chosen = [
                int(i)
                for i in np.argsort(-near, kind="stable")[:N_NEAREST]
                if near[i] >= least_closeness
            ]
            proposals.append(
                [
                    Proposal(
                        text,
                        f"{situations[i].trade}: {situations[i].label}",
                        float(near[i]),
                        vector,
                    )
                    for i in chosen
                    for text, vector in utterance_vectors(encoder, i).items()
                    if _fits_elsewhere(text)
                ]
            )
        return proposals

    return propose


def _fits_elsewhere(text: str) -> bool:
    """Whether a sentence fits any business: short, without numbers and names."""
    if len(text) > MAX_LENGTH or _DIGIT.search(text):
        return False
    return all(found.group().lower() in _NO_NAMES for found in _NAME.finditer(text))


def suggest(
    rules: Sequence[RuleText],
    encoder: Encoder,
    background: Background,
    parameters: Parameters,
    *,
    threshold: float,
    per_rule: int = PER_RULE,
    source: Source | None = None,
) -> Suggestions:
    """Propose examples for every rule of a table.

    The same rules get the same proposals, in whatever order the table has them.

    Args:
        rules: of one location.
        encoder: what embeds; each distinct text once.
        background: of the same encoder.
        parameters: weights of the logit.
        threshold: least confidence of a rule that has none of its own, [0, 1].
        per_rule: at most so many a rule, 1 to 64.
        source: where proposals come from; None for the typical calls.

    Raises:
        InvalidValueError: ``per_rule`` is out of range.
        EncoderError: the encoder failed.
    """
    if type(per_rule) is not int or not 1 <= per_rule <= MAX_PER_RULE:
        raise InvalidValueError(
            f"per_rule is a whole number, 1 to {MAX_PER_RULE}, not {per_rule!r}"
        )
    if not rules:
        return Suggestions(())
    proposals = (typical_calls(encoder, background) if source is None else source)(rules)
    taken = {_key(text) for rule in rules for text in (rule.when, *rule.examples)}
    proposals = [[item for item in own if _key(item.text) not in taken] for own in proposals]
    table = _Table(rules, encoder, background, parameters, threshold)
    table.learn([item for own in proposals for item in own])
    chosen = [table.chosen(i, own, per_rule) for i, own in enumerate(proposals)]
    chosen = table.settled(_each_once(chosen))
    return Suggestions(
        tuple((rule.label, tuple(own)) for rule, own in zip(rules, chosen, strict=True))
    )


def _key(text: str) -> str:
    return " ".join(text.split()).casefold()


def _each_once(chosen: Sequence[Sequence[Suggestion]]) -> list[list[Suggestion]]:
    """Assign a repeated sentence to the rule with the highest confidence."""
    best: dict[str, float] = {}
    for item in (item for own in chosen for item in own):
        best[item.text] = max(best.get(item.text, 0.0), item.confidence)
    return [[item for item in own if item.confidence >= best[item.text]] for own in chosen]


class _Table:
    """The rules of one location, to score sentences with."""

    def __init__(
        self,
        rules: Sequence[RuleText],
        encoder: Encoder,
        background: Background,
        parameters: Parameters,
        threshold: float,
    ) -> None:
        self._encoder = encoder
        self._background = background
        self._parameters = parameters
        self._texts = [scoring.rule_texts(rule) for rule in rules]
        self._thresholds = [
            threshold if rule.threshold is None else rule.threshold for rule in rules
        ]
        self._vectors: dict[str, Floats] = {}
        self.embed([text for texts in self._texts for text in texts])
        self._plain = self._scored([[] for _ in rules])

    def embed(self, texts: Sequence[str]) -> None:
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if new:
            self._vectors.update(zip(new, encode_distinct(self._encoder, new), strict=True))

    def learn(self, proposals: Sequence[Proposal]) -> None:
        """Cache the vectors of proposals, embedding those without one."""
        for item in sorted(proposals, key=lambda item: item.source):
            if item.vector is not None:
                self._vectors.setdefault(item.text, item.vector)
        self.embed([item.text for item in proposals])

    def _scored(self, added: Sequence[Sequence[str]]) -> tuple[Floats, scoring.Layout]:
        """Return the table with additional examples."""
        return scoring.block(
            [
                scoring.score_rule(
                    np.stack([self._vectors[text] for text in (*texts, *more)]),
                    self._background,
                    self._parameters,
                )
                for texts, more in zip(self._texts, added, strict=True)
            ]
        )

    def _confidences(self, table: tuple[Floats, scoring.Layout], text: str) -> list[float]:
        rows, layout = table
        query = self._vectors[text]
        found = scoring.confidences(
            # One row at a time: a product of matrices has other last bits in another order.
            np.array([float(row @ query) for row in rows], np.float32),
            layout,
            scoring.utterance_terms(query, self._background, self._parameters),
            range(layout.n_rules),
            self._parameters,
        )
        return [round(confidence, 5) for confidence in found]

    def _is_of(self, rule: int, confidences: Sequence[float]) -> bool:
        """Whether a sentence matches a rule by a margin, and no other rule would take it."""
        own = confidences[rule]
        others = [
            (confidence, threshold)
            for i, (confidence, threshold) in enumerate(
                zip(confidences, self._thresholds, strict=True)
            )
            if i != rule
        ]
        return own >= self._thresholds[rule] and all(
            confidence < threshold and own - confidence >= MARGIN
            for confidence, threshold in others
        )

    def chosen(self, rule: int, proposals: Sequence[Proposal], n: int) -> list[Suggestion]:
        """Choose at most ``n`` good and diverse sentences that match a rule."""
        kept: dict[str, tuple[Proposal, float]] = {}
        for item in proposals:
            confidences = self._confidences(self._plain, item.text)
            if item.text not in kept and self._is_of(rule, confidences):
                kept[item.text] = item, confidences[rule]
        # What says the same as an example that is there adds nothing.
        known = [self._centred(text) for text in self._texts[rule][len(scoring.KINDS) :]]
        picked: list[Suggestion] = []
        while kept and len(picked) < n:
            alike = {
                text: max(
                    (round(float(self._centred(text) @ other), 5) for other in known), default=0.0
                )
                for text in kept
            }
            for text in [text for text, cosine in alike.items() if cosine >= TOO_ALIKE]:
                del kept[text]
            if not kept:
                break

            def rank(text: str, alike: Mapping[str, float] = alike) -> tuple[float, str]:
                item, confidence = kept[text]
                worth = (1 - DIVERSITY) * confidence * item.closeness
                return -worth + DIVERSITY * max(alike[text], 0.0), text

            best = min(kept, key=rank)
            item, confidence = kept.pop(best)
            picked.append(Suggestion(best, confidence, item.source))
            known.append(self._centred(best))
        return picked

    def _centred(self, text: str) -> npt.NDArray[np.float64]:
        return unit(self._vectors[text].astype(np.float64) - self._background.mean)

    def settled(self, chosen: Sequence[Sequence[Suggestion]]) -> list[list[Suggestion]]:
        """Drop sentences that another rule takes once all are examples, until none is left."""
        left = [list(own) for own in chosen]
        while True:
            table = self._scored([[item.text for item in own] for own in left])
            refused = set(self._refused(table, left))
            if not refused:
                return left
            left = [
                [item for item in own if (i, item.text) not in refused]
                for i, own in enumerate(left)
            ]

    def _refused(
        self, table: tuple[Floats, scoring.Layout], chosen: Sequence[Sequence[Suggestion]]
    ) -> Iterator[tuple[int, str]]:
        for i, own in enumerate(chosen):
            for item in own:
                if not self._is_of(i, self._confidences(table, item.text)):
                    yield i, item.text
