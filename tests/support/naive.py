"""A slow oracle of the engine's answers.

Open or closed is asked of the oracle of :mod:`tests.support.hours`. Lookup is a walk over the list, similarities are inner products in float64, one rule table at a
time, and the gates are written out. Only the formula of confidences is the library's own.
"""

from __future__ import annotations

import numpy as np

from routing_engine.matching import scoring
from routing_engine.matching.profiles import background_for
from tests.support.hours import oracle_is_open


class NaiveEngine:
    """Answers (outcome, reason, destination, confidence) for a location and an utterance."""

    def __init__(self, locations, encoder, *, policy, default_destination=None):
        self.locations = list(locations)
        self.encoder = encoder
        self.policy = policy
        self.default_destination = default_destination
        self._embedded = {}
        self._rows = {}

    def _embed(self, text):
        if text not in self._embedded:
            self._embedded[text] = self.encoder.encode([text])[0]
        return self._embedded[text]

    def _confidences(self, location, utterance):
        rows, layout = self._rows_of(location)
        query = self._embed(utterance)
        products = (rows.astype(np.float64) * query).sum(axis=1).astype(np.float32)
        heard = scoring.utterance_terms(query, background_for(self.encoder))
        places = [rule.destination for rule in location.rules]
        return scoring.confidences(products, layout, heard, places)

    def _rows_of(self, location):
        if location.location_id not in self._rows:
            scored = [
                scoring.score_rule(
                    np.stack([self._embed(text) for text in scoring.rule_texts(rule.text)]),
                    background_for(self.encoder),
                )
                for rule in location.rules
            ]
            rows, layout = scoring.block(scored)
            self._rows[location.location_id] = rows, layout
        return self._rows[location.location_id]

    def route(self, location_id, utterance, *, verified=False, confirmed=False, now=None):
        found = [item for item in self.locations if item.location_id == location_id]
        if not found:
            return "default", "unknown_location", self.default_destination, 0.0
        (location,) = found
        is_open = location.business_hours is None or oracle_is_open(location.business_hours, now)
        heard = utterance[:2000].strip()
        if not any(character.isalnum() for character in heard):
            return *self._to_nobody(location, is_open, "default", "empty_utterance"), 0.0
        if not location.rules:
            return *self._to_nobody(location, is_open, "default", "no_rules"), 0.0
        confidences = self._confidences(location, heard)
        ranked = sorted(
            zip(confidences, location.rules, strict=True),
            key=lambda pair: (-pair[0], pair[1].label, pair[1].when, str(pair[1].destination)),
        )
        ranked = self._urgent_first(location, ranked, is_open)
        top, best = ranked[0]
        outcome, reason, destination = self._gates(location, ranked, verified, confirmed, is_open)
        if destination == "default":
            return *self._to_nobody(location, is_open, outcome, reason), top
        return outcome, reason, best.destination if destination == "rule" else None, top

    def _to_nobody(self, location, is_open, outcome, reason):
        """Return the answer to an unmatched caller."""
        if is_open:
            return outcome, reason, location.default_destination
        if outcome == "default":
            reason = "routine" if reason == "routine" else "outside_hours"
            outcome = "closed" if location.after_hours is None else "default"
        return outcome, reason, location.after_hours

    def _least(self, location, rule):
        if rule.threshold is not None:
            return rule.threshold
        known = (location.threshold, self.policy.threshold, scoring.DEFAULT_THRESHOLD)
        usual = next(threshold for threshold in known if threshold is not None)
        return min(usual, self.policy.urgent_threshold) if rule.urgent else usual

    def _in_hours(self, rule, is_open):
        window = rule.hours or ("always" if rule.action == "contain" else "open")
        return window in ("always", "open" if is_open else "closed")

    def _urgent_first(self, location, ranked, is_open):
        """An urgent rule that is sure enough goes before those that it is nearly tied with."""
        top = ranked[0][0]
        for place, (confidence, rule) in enumerate(ranked):
            close = confidence == top or top - confidence < self.policy.margin
            sure = close and confidence >= self._least(location, rule)
            if rule.urgent and rule.enabled and sure and self._in_hours(rule, is_open):
                return [ranked[place], *ranked[:place], *ranked[place + 1 :]]
        return ranked

    def _gates(self, location, ranked, verified, confirmed, is_open):
        top, best = ranked[0]
        least = self._least(location, best)
        in_hours = self._in_hours(best, is_open)
        asks = self.policy.on_ambiguous == "clarify" and not best.urgent
        if best.enabled and in_hours and asks:
            for confidence, rule in ranked[1:]:
                close = top - confidence < self.policy.margin and not rule.urgent
                close = close and top + confidence >= max(least, 0.5)
                if close and rule.enabled and rule.destination != best.destination:
                    return "clarify", "ambiguous", "default"
        if top < least:
            return "default", "below_threshold", "default"
        if not best.enabled:
            return "default", "rule_disabled", "default"
        if not in_hours:
            return "default", "outside_hours", "default"
        if best.action == "contain":
            return "default", "routine", "default"
        if best.requires_verification and not verified:
            return "verify", "verification_required", None
        if best.requires_confirmation and not confirmed:
            return "confirm", "confirmation_required", None
        return "transfer", "rule_matched", "rule"
