"""Route the sentences of rules at their own tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from routing_engine.encoders import Encoder, encode_distinct
from routing_engine.encoders.background import Background
from routing_engine.matching import scoring
from routing_engine.matching.parameters import Parameters
from routing_engine.matching.profiles import RuleTexts

__all__ = ["SAYS_NOTHING", "SPOKEN", "Asked", "MeasuredRule", "ask", "measure"]

AT_ONCE = 1024
"""Most sentences whose similarities are computed together."""

SAYS_NOTHING = (
    *("i need help", "i need some assistance", "can somebody help me", "i have a question"),
    *("just a general question", "i have some questions", "general inquiry", "i have a request"),
    *("i want some information", "i have a problem", "i have an issue", "something else"),
    *("anything else", "everything else", "all other calls", "any call that comes in", "other"),
    *("other reasons", "miscellaneous", "any topic", "various matters", "customer service"),
    *("support", "none of the above", "not sure who to ask", "what fits nowhere else"),
    *("about something", "the default"),
)
"""Examples of a meaningless rule: a ``when`` that it attracts is vague."""

SPOKEN = scoring.KINDS.index("spoken")
"""Index of the rule text that is the ``when`` as a spoken sentence."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class MeasuredRule:
    """One distinct rule text, with everything independent of the other rules.

    Attributes:
        texts: as :func:`routing_engine.matching.scoring.rule_texts` gives them.
        vectors: float32 ``(n_texts, d)``.
        scored: all of the rule.
        without: of each example, the rule without it as that example meets it.
        emptiness: confidence that the ``when`` says nothing.
    """

    texts: RuleTexts
    vectors: Floats
    scored: scoring.EmbeddedRule
    without: tuple[_Met, ...]
    emptiness: float

    @cached_property
    def examples(self) -> RuleTexts:
        """The examples that are asked: all, or those that stand for all."""
        return tuple(self.texts[place] for place in self._places)

    @property
    def n_folded(self) -> int:
        """Number of examples that others stand for."""
        return len(self.texts) - len(scoring.KINDS) - len(self._places)

    @cached_property
    def _places(self) -> list[int]:
        """Which texts the asked examples are."""
        return _places(self.texts, self.scored)

    @cached_property
    def sentences(self) -> RuleTexts:
        """The ``when`` as a sentence, then the examples."""
        return (self.texts[SPOKEN], *self.examples)

    @property
    def queries(self) -> Floats:
        """Vectors of the sentences."""
        return self.vectors[[SPOKEN, *self._places]]


def _places(texts: RuleTexts, scored: scoring.EmbeddedRule) -> list[int]:
    """Which of a rule's texts are examples that an utterance is compared with."""
    n_kinds = len(scoring.KINDS)
    if scored.examples is None:
        return list(range(n_kinds, len(texts)))
    return [n_kinds + number for number in scored.examples.tolist()]


class _Met(NamedTuple):
    """One rule's similarities, offsets and constants for one query."""

    similarities: Floats
    offsets: Floats
    constants: Floats

    @classmethod
    def of(cls, scored: scoring.EmbeddedRule, query: Floats) -> _Met:
        return cls(scored.rows @ query, scored.offsets, scored.constants)


def measure(
    distinct: Sequence[RuleTexts],
    encoder: Encoder,
    background: Background,
    parameters: Parameters,
    *,
    progress: bool,
) -> dict[RuleTexts, MeasuredRule]:
    """Embed each distinct text once; score each rule whole and without each example."""
    if not distinct:
        return {}
    nothing = (*scoring.description_texts("Other", "anything else"), *SAYS_NOTHING)
    texts = list(dict.fromkeys([*nothing, *(text for rule in distinct for text in rule)]))
    number = {text: i for i, text in enumerate(texts)}
    vectors = encode_distinct(encoder, texts, progress=progress)

    def scored(rule: Sequence[str]) -> scoring.EmbeddedRule:
        return scoring.score_rule(vectors[[number[text] for text in rule]], background, parameters)

    empty = scored(nothing)
    measured: dict[RuleTexts, MeasuredRule] = {}
    for rule in distinct:
        own = vectors[[number[text] for text in rule]]
        spoken = own[SPOKEN]
        whole = scored(rule)
        measured[rule] = MeasuredRule(
            texts=rule,
            vectors=own,
            scored=whole,
            without=tuple(
                _Met.of(scored((*rule[:i], *rule[i + 1 :])), own[i]) for i in _places(rule, whole)
            ),
            emptiness=_confidences(
                [_Met.of(empty, spoken)],
                scoring.utterance_terms(spoken, background, parameters),
                (0,),
                parameters,
            )[0],
        )
    return measured


def _confidences(
    met: Sequence[_Met],
    heard: scoring.UtteranceTerms,
    places: Sequence[int],
    parameters: Parameters,
) -> list[float]:
    """Compute the engine's confidence in each rule of a table."""
    layout = scoring.Layout.of(
        [len(rule.similarities) - 2 for rule in met],
        _in_block_order([rule.offsets for rule in met]),
        np.stack([rule.constants for rule in met]),
    )
    similarities = _in_block_order([rule.similarities for rule in met])
    found = scoring.confidences(similarities, layout, heard, places, parameters)
    # A product of matrices has other last bits in another order of rules; a report has not.
    return [round(confidence, 6) for confidence in found]


def _in_block_order(parts: Sequence[Floats]) -> Floats:
    return np.concatenate(
        [
            *[part[:1] for part in parts],
            *[part[1:2] for part in parts],
            *[part[2:] for part in parts],
        ]
    )


class Asked(NamedTuple):
    """One sentence of a rule with the confidences of a table.

    Attributes:
        rule: number of the rule that it belongs to.
        text: the sentence.
        is_example: or the ``when``, spoken.
        whole: confidences with the sentence in its rule.
        apart: with an example left out of its rule; with its rule left out, 0 for it, where it
            is the ``when``.
    """

    rule: int
    text: str
    is_example: bool
    whole: list[float]
    apart: list[float]


def ask(
    rules: Sequence[MeasuredRule],
    places: Sequence[int],
    background: Background,
    parameters: Parameters,
) -> Iterator[Asked]:
    """Score every sentence of every rule of a table."""
    rows = np.concatenate([rule.scored.rows for rule in rules])
    stops = np.cumsum([len(rule.scored.rows) for rule in rules])[:-1].tolist()
    parts = list(zip([0, *stops], [*stops, len(rows)], rules, strict=True))
    queries = np.concatenate([rule.queries for rule in rules])
    sentences = [(r, s) for r, rule in enumerate(rules) for s in range(len(rule.sentences))]
    for start in range(0, len(sentences), AT_ONCE):
        # One product for many: a busy machine makes the threads of each wait for one another.
        similarities = queries[start : start + AT_ONCE] @ rows.T
        for (r, s), query, products in zip(
            sentences[start : start + AT_ONCE],
            queries[start : start + AT_ONCE],
            similarities,
            strict=True,
        ):
            heard = scoring.utterance_terms(query, background, parameters)
            met = [
                _Met(products[a:b], rule.scored.offsets, rule.scored.constants)
                for a, b, rule in parts
            ]
            whole = _confidences(met, heard, places, parameters)
            if s:
                met[r] = rules[r].without[s - 1]
                apart = _confidences(met, heard, places, parameters)
            else:
                del met[r]
                others = [*places[:r], *places[r + 1 :]]
                apart = _confidences(met, heard, others, parameters) if met else []
                apart.insert(r, 0.0)
            yield Asked(r, rules[r].sentences[s], s > 0, whole, apart)
