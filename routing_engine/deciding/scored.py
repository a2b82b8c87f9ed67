"""Score an utterance against the rules of a location, as input to the gates.

A :class:`Scored` depends on the location, the words and the conversation before them, and on
nothing else: not on the hour, nor on what the caller has verified or confirmed. So it is computed
once, with at most one encoding, and may be gated any number of times.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from routing_engine.catalog.lookup import Table
from routing_engine.deciding.state import CatalogEntry, Part
from routing_engine.encoders.person import PersonDirection
from routing_engine.matching import scoring
from routing_engine.matching.denied import without_denied
from routing_engine.matching.identification import Spoken, by_language
from routing_engine.model.decisions import Candidate
from routing_engine.model.destinations import Destination
from routing_engine.model.explanation import Grounds, Match
from routing_engine.model.outcomes import Reason
from routing_engine.model.rules import ContextRule, RuleText
from routing_engine.text.denials import Denials
from routing_engine.text.history import summarise_history

__all__ = [
    "MAX_UTTERANCE_LENGTH",
    "Heard",
    "Question",
    "Scored",
    "read",
    "score_vector",
    "text_to_embed",
]

MAX_UTTERANCE_LENGTH = 2000
"""Most characters of an utterance that are read; the default encoder sees about 1,000."""


class Heard(NamedTuple):
    """An utterance and the location it is about.

    Attributes:
        entry: the location.
        part: that the location is in.
        table: its rules, at least one.
        said: the utterance as it is read.
        denials: what of the utterance is meant, and what is not.
    """

    entry: CatalogEntry
    part: Part
    table: Table
    said: str
    denials: Denials


class Question(NamedTuple):
    """An utterance that has to be encoded before it can be scored.

    Attributes:
        heard: the utterance.
        embedded: the text that is embedded: what of the utterance is meant, or a summary of the
            conversation.
        key: of the score cache; empty where none is kept.
    """

    heard: Heard
    embedded: str
    key: bytes


class Scored:
    """The rules of a location, scored against an utterance. Immutable from outside.

    It is the evidence of every decision that is made from it, see
    :class:`~routing_engine.model.decisions.Evidence`.

    Args:
        entry: the location.
        reason: why nothing was scored; None where it was.
        rules: of the location, without their numbers.
        codes: of each rule's destination; equal codes ring the same phone.
        confidences: probability of each rule, ``(n_rules,)``.
        similarities: inner products with the rows of the profile, float32 ``(n_rows,)``.
        layout: of these rows.
        utterance: terms of the logit that are the same for every rule.
        spoken: the language of the utterance, where it was told apart from English.
        alone: in a call, the scores of the caller's last turn alone, where these are of the
            conversation and not the same; None otherwise.
        asks_for_person: whether the embedded words ask for a person, by their meaning.
    """

    __slots__ = (
        "_last_rule", "_layout", "_similarities", "_utterance", "alone", "asks_for_person", "codes", "confidences",
        "entry", "reason", "rules", "spoken",
    )  # fmt: skip

    def __init__(
        self,
        entry: CatalogEntry,
        reason: Reason | None = None,
        rules: Sequence[RuleText] = (),
        codes: Sequence[int] = (),
        confidences: Sequence[float] = (),
        similarities: npt.NDArray[np.float32] | None = None,
        layout: scoring.Layout | None = None,
        utterance: scoring.UtteranceTerms | None = None,
        spoken: Spoken | None = None,
        alone: Scored | None = None,
        *,
        asks_for_person: bool = False,
    ) -> None:
        self.entry = entry
        self.reason = reason
        self.rules = rules
        self.codes = codes
        self.confidences = confidences
        self.spoken = spoken
        self.alone = alone
        self.asks_for_person = asks_for_person
        self._similarities = similarities
        self._layout = layout
        self._utterance = utterance
        self._last_rule: tuple[int, ContextRule] | None = None

    def choosing(self, label: str) -> Scored:
        """Return these scores with certainty for the rule that the caller named."""
        confidences = [float(rule.label == label) for rule in self.rules]
        return Scored(
            self.entry,
            self.reason,
            self.rules,
            self.codes,
            confidences,
            self._similarities,
            self._layout,
            self._utterance,
        )

    def beside(self, alone: Scored) -> Scored:
        """Return these scores of a conversation, with those of its last turn alone attached."""
        return Scored(
            self.entry,
            self.reason,
            self.rules,
            self.codes,
            self.confidences,
            self._similarities,
            self._layout,
            self._utterance,
            self.spoken,
            alone,
            asks_for_person=self.asks_for_person,
        )

    def without(self, labels: Collection[str]) -> Scored:
        """Return the same scores once the caller has said that these rules are not meant."""
        gone = [i for i, rule in enumerate(self.rules) if rule.label in labels]
        return Scored(
            self.entry,
            self.reason,
            self.rules,
            self.codes,
            scoring.without(self.confidences, self.codes, gone),
            self._similarities,
            self._layout,
            self._utterance,
            self.spoken,
            None if self.alone is None else self.alone.without(labels),
            asks_for_person=self.asks_for_person,
        )

    @property
    def wants_person(self) -> bool:
        """Whether the caller's last turn asks for a person, by its meaning."""
        return (self.alone or self).asks_for_person

    def rule(self, number: int) -> ContextRule:
        """Return rule ``number`` of the location, with its destinations."""
        last = self._last_rule
        if last is None or last[0] != number:
            # Whoever reads a decision looks at its rule several times.
            entry = self.entry
            self._last_rule = last = (number, entry.catalog.columns.rule(entry.number, number))
        return last[1]

    def unmatched(self, *, is_open_now: bool) -> Destination | None:
        """Return where an unmatched caller goes; None for nowhere."""
        return self.entry.unmatched(is_open_now=is_open_now)

    def may_dial(self, destination: Destination) -> bool:
        """Return whether the dial policy allows a destination."""
        return self.entry.may_dial(destination)

    def candidates(self) -> tuple[Candidate, ...]:
        """Return every rule of the location, most confident first."""
        found = [
            Candidate(rule.label, confidence, similarity)
            for rule, confidence, similarity in zip(
                self.rules, self.confidences, self._nearest(), strict=True
            )
        ]
        return tuple(sorted(found, key=lambda c: (-c.confidence, c.label, -c.similarity)))

    def grounds(self, number: int | None) -> Grounds:
        """Return every rule with its nearest text, rule ``number`` (or None, the best) first."""
        layout, similarities = self._layout, self._similarities
        if layout is None or similarities is None:
            return Grounds((), "engine")
        columns, rules, nearest = self.entry.catalog.columns, self.rules, self._nearest()
        texts = [
            rule.examples[candidate] if rule.examples else rule.when
            for rule, candidate in zip(
                rules, scoring.nearest_candidates(similarities, layout), strict=True
            )
        ]
        order = sorted(
            range(len(rules)),
            key=lambda i: (
                i != number, -self.confidences[i], rules[i].model_dump_json(), -nearest[i],
            ),
        )  # fmt: skip
        best = order[0]
        own = columns.sites[columns.site[self.entry.number]].threshold
        return Grounds(
            tuple(
                Match(
                    label=rules[i].label,
                    confidence=self.confidences[i],
                    similarity=nearest[i],
                    text=texts[i],
                    is_example=bool(rules[i].examples),
                    same_place=self.codes[i] == self.codes[best],
                    n_folded=rules[i].n_folded,
                    is_urgent=rules[i].urgent,
                )
                for i in order
            ),
            "rule" if rules[best].threshold is not None
            else "engine" if own is None else "location",
            self.entry.settings.threshold if own is None else own,
            own is not None,
            self.entry.settings.policy.urgent_threshold,
        )  # fmt: skip

    def _nearest(self) -> list[float]:
        """Compute the cosine of each rule's nearest text, ``(n_rules,)``."""
        if self._similarities is None or self._layout is None or self._utterance is None:
            return []
        nearest: list[float] = scoring.rule_similarities(
            self._similarities, self._layout, self._utterance
        ).tolist()
        return nearest


def score_vector(
    question: Question,
    vector: npt.NDArray[np.float32],
    person: PersonDirection | None = None,
) -> Scored:
    """Score the rules of a location against an encoded utterance. Pure.

    Args:
        question: the utterance and the location.
        vector: unit vector of ``question.embedded``, float32 ``(d,)``.
        person: tells who asks for a person; None where nothing does for this encoder.
    """
    entry, part, table, said, denials = question.heard
    profiles, rules = part.profiles, table.rules
    layout = profiles.layouts[table.profile]
    similarities = profiles.index.similarities(table.profile, vector)
    codes = entry.catalog.destinations(entry.number)
    parameters = profiles.parameters
    utterance = scoring.utterance_terms(vector, profiles.background, parameters)
    confidences = scoring.confidences(similarities, layout, utterance, codes, parameters)
    if denials.denied:
        confidences = without_denied(confidences, rules, codes, denials.denied, denials.asked)
    spoken = None
    if table.identifier is not None:
        spoken = table.identifier.spoken(said)
        confidences = by_language(confidences, rules, codes, question.embedded, spoken)
    return Scored(
        entry,
        None,
        rules,
        codes,
        confidences,
        similarities,
        layout,
        utterance,
        spoken,
        asks_for_person=person is not None and person.is_asked_for(vector, question.embedded),
    )


def read(utterance: str) -> str | None:
    """Return the part of an utterance that is read, or None if it has no letter or digit."""
    said = utterance[:MAX_UTTERANCE_LENGTH].strip()
    if not any(map(str.isalnum, said)):
        return None
    try:
        said.encode()
    except UnicodeEncodeError:  # lone surrogates, from a broken decoder upstream
        said = said.encode("utf-8", "replace").decode()
    return said


def text_to_embed(said: str, denials: Denials, history: Iterable[tuple[str, str]]) -> str:
    """Return the text that stands for what a caller means by now.

    Args:
        said: the utterance as it is read.
        denials: what of it is meant.
        history: the turns before, oldest first.

    Raises:
        InvalidValueError: a turn is not a pair of ``"agent"`` or ``"caller"`` and words.
    """
    if not history:
        return denials.text
    return read(summarise_history(history, said)) or said
