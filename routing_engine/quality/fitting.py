"""Adjust the scoring to labelled calls, if cross-validation shows a gain.

Three settings are tried, each with more freedom than the one before:

- the threshold: the one of the best ``balanced``;
- the calibration: the logit of :mod:`routing_engine.matching.scoring`, scaled and shifted for all rules
  alike, so that the confidences of rules that compete stay consistent;
- the weights of the logit, where there are enough calls.

The logit is linear in its weights, so what each weight is multiplied by is read off the scoring
itself, by changing one weight at a time. The most likely change of the weights is that of a
conditional logit in which "none" is one more choice (McFadden, 1974), held to the present weights
by a normal prior and found by Newton's method.

A setting is taken only if, on calls that it was not fitted on, it makes nothing worse and beats the
settings before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from routing_engine.catalog.columns import LocationColumns
from routing_engine.catalog.lookup import Catalog, Table
from routing_engine.deciding.gates import decide
from routing_engine.encoders import Encoder, RememberingEncoder
from routing_engine.encoders.background import Background
from routing_engine.matching import scoring
from routing_engine.matching.parameters import Parameters
from routing_engine.matching.profiles import EmbeddedRules, Profiles
from routing_engine.model.rules import Location, RoutingPolicy
from routing_engine.quality.cases import Case
from routing_engine.quality.evaluation import METRICS, Answer, Evaluation, is_pick, percent, table
from routing_engine.quality.metrics import expected_calibration_error

__all__ = ["LEAST_CASES", "LEAST_EACH", "SETTINGS", "Calls", "Fitting", "fit"]

LEAST_CASES = 30
LEAST_EACH = 10
"""Fewest calls needed with a right rule, and without one."""

SETTINGS = {"threshold": LEAST_CASES, "calibration": LEAST_CASES, "weights": 200}
"""Settings that are tried, in this order -> fewest calls for each."""

N_FOLDS = 5

BEYOND_CHANCE = 1.645
"""Standard errors that count as a gain: chance exceeds them once in twenty times."""

SCALE_PRIOR = 0.5
SHIFT_PRIOR = 1.0
WEIGHT_PRIOR = 0.5
"""Standard deviations of the prior: of the scale less one, of the shift, and of each weight as a
share of itself. So a weight that the calls say nothing of stays as it is."""

SMOOTHED_OVER = 0.12
"""Part of the spread of the log odds over which the threshold is smoothed, so that single calls do
not decide it, and a scaled confidence is cut where it was."""

DIGITS = 6
N_BOOTSTRAPS = 200
MOST_STEPS = 50

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

EngineT = TypeVar("EngineT")
"""Type of the engine that is fitted."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitting(Generic[EngineT]):
    """The result of fitting. Prints as a report.

    Attributes:
        engine: the one to answer with: a new one where a setting was accepted, otherwise the one
            that was to be fitted.
        accepted: a setting did better than the present one.
        setting: ``"threshold"``, ``"calibration"`` or ``"weights"``; ``"present"`` where none
            was accepted. Each includes the ones before it.
        reason: why it was accepted, or what is missing.
        before: the present setting.
        after: the accepted one, each call answered by a fit that has not seen it; ``before``
            where none was accepted.
        changed: parameter -> its value before and after.
    """

    engine: EngineT
    accepted: bool
    setting: str
    reason: str
    before: Evaluation
    after: Evaluation
    changed: dict[str, tuple[float, float]]

    def to_dict(self) -> dict[str, Any]:
        """Return the result, without the engine, as JSON-able values."""
        return {
            "accepted": self.accepted,
            "setting": self.setting,
            "reason": self.reason,
            "changed": {name: list(pair) for name, pair in self.changed.items()},
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
        }

    def __str__(self) -> str:
        verdict = f"accepted: {self.setting}" if self.accepted else "refused"
        if not self.accepted:
            return f"{verdict}; {self.reason}\n\nas it is:\n\n{self.before}"
        overall = table(
            ("", "before", "after"),
            [
                (name, percent(getattr(self.before, name)), percent(getattr(self.after, name)))
                for name in METRICS
            ],
        )
        rules = table(
            ("rule", "calls", "precision", "", "recall", "", "held", ""),
            [
                (
                    new.label,
                    f"{new.n:,}",
                    *(
                        percent(getattr(rule, name))
                        for name in ("precision", "recall", "held")
                        for rule in (old, new)
                    ),
                )
                for old, new in zip(self.before.rules, self.after.rules, strict=True)
            ],
        )
        changes = table(
            ("changed", "from", "to"),
            [(name, f"{old:.4g}", f"{new:.4g}") for name, (old, new) in self.changed.items()],
        )
        return (
            f"{verdict}; {self.reason}\n\n{overall}\n\nof each rule, before and after:\n\n{rules}"
            f"\n\n{changes}\n\nafter:\n\n{self.after}"
        )


@dataclass(frozen=True, slots=True)
class _Question:
    """One call, ready to be scored; without a vector if there is nothing to score."""

    case: Case
    table: Table
    codes: list[int]
    own_threshold: float | None
    vector: npt.NDArray[np.float32] | None


class Calls:
    """Labelled calls, embedded once, to be scored under different parameters.

    Args:
        cases: the calls; their locations and labels are right.
        heard: what an engine reads of each, None where there is no word in it.
        locations: every location that is called.
        encoder: what embeds.
        background: of the same encoder.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        heard: Sequence[str | None],
        locations: Sequence[Location],
        *,
        encoder: Encoder,
        background: Background,
    ) -> None:
        columns = LocationColumns.from_locations(locations)
        self._catalog = catalog = Catalog(columns, 1)
        self._background = background
        texts = list(dict.fromkeys((*catalog.texts(), *(text for text in heard if text))))
        self._memory = RememberingEncoder(encoder)
        vectors = dict(zip(texts, self._memory.encode(texts), strict=True))
        self._questions: list[_Question] = []
        for case, text in zip(cases, heard, strict=True):
            i = catalog.find(case.location_id)
            found = catalog.tables[columns.table[i]]
            first = int(columns.first_slot[i])
            codes = columns.destinations[first : first + len(found.rules)].tolist()
            own = columns.sites[columns.site[i]].threshold
            vector = None if text is None or not found.rules else vectors[text]
            self._questions.append(_Question(case, found, codes, own, vector))

    def __len__(self) -> int:
        return len(self._questions)

    @property
    def cases(self) -> list[Case]:
        """The calls, in order."""
        return [question.case for question in self._questions]

    def said(self) -> Iterator[tuple[str, str | None]]:
        """Folded utterance and label of each scored call."""
        for question in self._questions:
            if question.vector is not None:
                yield _folded(question.case.text), question.case.label

    def confidences(self, parameters: Parameters) -> list[list[float]]:
        """Compute each call's confidence in each rule; empty if nothing is scored."""
        profiles = Profiles.build(
            self._catalog.profiles,
            self._memory,
            self._background,
            known=EmbeddedRules(),
            parameters=parameters,
        )
        return [self._scored(question, profiles, parameters) for question in self._questions]

    @staticmethod
    def _scored(question: _Question, profiles: Profiles, parameters: Parameters) -> list[float]:
        if question.vector is None:
            return []
        profile = question.table.profile
        return scoring.confidences(
            profiles.index.similarities(profile, question.vector),
            profiles.layouts[profile],
            scoring.utterance_terms(question.vector, profiles.background, parameters),
            question.codes,
            parameters,
        )

    def answer(
        self, number: int, confidences: list[float], policy: RoutingPolicy, threshold: float
    ) -> Answer:
        """Return the answer to one call."""
        question = self._questions[number]
        rules = question.table.rules
        if not confidences:
            return Answer(question.case, frozenset(), None, None, 0.0)
        own = question.own_threshold
        verdict = decide(
            confidences,
            rules,
            question.codes,
            policy=policy,
            threshold=threshold if own is None else own,
        )
        went = verdict.rule if is_pick(verdict.outcome, verdict.reason) else None
        top = max(confidences)
        best = min(rule.label for rule, one in zip(rules, confidences, strict=True) if one == top)
        return Answer(
            question.case,
            frozenset(rule.label for rule in rules),
            best,
            None if went is None else rules[went].label,
            top,
        )

    def asked(self, number: int, confidences: list[float]) -> float:
        """Return the threshold set by the best rule or the location; NaN if neither sets one."""
        question = self._questions[number]
        if not confidences:
            return 1.0
        own = question.table.rules[confidences.index(max(confidences))].threshold
        own = question.own_threshold if own is None else own
        return math.nan if own is None else own

    def logits(self, number: int, confidences: list[float]) -> Floats:
        """Return the logits behind the confidences of one call, ``(n_rules,)``."""
        return _logits(confidences, self._questions[number].codes)

    def offer(self, number: int, confidences: list[float]) -> tuple[Floats, Integers, int] | None:
        """Return candidate rules: their logits, their numbers, and the index of the right one.

        A rule that leads where the right one does is no rival of it and is left out. -1 stands
        for none; None for a call that nothing can be learned from.
        """
        question = self._questions[number]
        if not confidences:
            return None
        logits = self.logits(number, confidences)
        label = question.case.label
        if label is None:
            return logits, np.arange(len(logits)), -1
        right = max(
            (i for i, rule in enumerate(question.table.rules) if rule.label == label),
            key=lambda i: confidences[i],
        )
        here = question.codes[right]
        kept = [i for i, code in enumerate(question.codes) if i == right or code != here]
        return logits[kept], np.array(kept), kept.index(right)

    def loss(self, number: int, confidences: list[float]) -> float:
        """Return the log loss of one call: minus the log of the right choice's probability."""
        offer = self.offer(number, confidences)
        if offer is None:
            return 0.0
        logits, _, right = offer
        whole = float(np.logaddexp.reduce(np.append(logits, 0.0)))
        return whole - (float(logits[right]) if right >= 0 else 0.0)


def _logits(confidences: list[float], codes: Sequence[int]) -> Floats:
    """Convert confidences back to logits, inverting ``scoring``."""
    # Just below 1, where a float has no room left for the others.
    p = np.array(confidences) * (1.0 - 1e-13)
    code = np.array(codes, object)
    elsewhere = code[:, None] != code
    odds = np.linalg.solve(np.diag(1.0 - p) - p[:, None] * elsewhere, p)
    logits: Floats = np.log(np.maximum(odds, 1e-300))
    return logits


@dataclass(frozen=True, slots=True, eq=False)
class _Choices:
    """Candidate pairs of call and rule, in order of calls.

    Attributes:
        logits: under the present weights, ``(n_pairs,)``.
        features: what each weight is multiplied by, ``(n_pairs, n_weights)``.
        starts: first pair of each call, ``(n,)``.
        right: pair of the right rule, -1 where none is right, ``(n,)``.
        numbers: of the calls, ``(n,)``.
    """

    logits: Floats
    features: Floats
    starts: Integers
    right: Integers
    numbers: Integers

    def of(self, numbers: Integers) -> _Choices:
        """Select the pairs of some calls."""
        chosen = np.isin(self.numbers, numbers)
        sizes = np.diff(self.starts, append=len(self.logits))
        pairs = np.repeat(chosen, sizes)
        place = np.cumsum(pairs) - 1
        right = self.right[chosen]
        return _Choices(
            self.logits[pairs],
            self.features[pairs],
            place[self.starts[chosen]],
            np.where(right >= 0, place[right], -1),
            self.numbers[chosen],
        )


def _weights() -> tuple[str, ...]:
    """Return the parameters in which the logit is linear."""
    return tuple(f.name for f in fields(Parameters) if f.name not in ("threshold", "rates"))


def _choices(calls: Calls, present: Parameters) -> _Choices:
    """Compute the logits of all calls, and their derivatives by each weight."""
    base = calls.confidences(present)
    offers = {
        number: offer
        for number, confidences in enumerate(base)
        if (offer := calls.offer(number, confidences)) is not None
    }
    logits = np.concatenate([offer[0] for offer in offers.values()])
    columns = []
    for name in _weights():
        moved = calls.confidences(replace(present, **{name: getattr(present, name) + 1.0}))
        columns.append(
            np.concatenate(
                [
                    calls.logits(number, moved[number])[kept]
                    for number, (_, kept, _) in offers.items()
                ]
            )
            - logits
        )
    sizes = [len(offer[0]) for offer in offers.values()]
    starts = np.cumsum([0, *sizes[:-1]])
    places = np.array([place for _, _, place in offers.values()])
    return _Choices(
        logits,
        np.stack(columns, axis=1),
        starts,
        np.where(places >= 0, starts + places, -1),
        np.array(list(offers)),
    )


def _shares(logits: Floats, starts: Integers, call: Integers) -> tuple[Floats, Floats]:
    """Compute the probability of each pair, and the log of each call's normaliser."""
    top = np.maximum(np.maximum.reduceat(logits, starts), 0.0)
    parts = np.exp(logits - top[call])
    whole = np.exp(-top) + np.add.reduceat(parts, starts)
    return parts / whole[call], np.log(whole) + top


def _most_likely(choices: _Choices, directions: Floats, precision: Floats) -> Floats:
    """Find the most likely step from the present weights, by Newton's method.

    Args:
        choices: of the calls to fit.
        directions: ``(n_weights, k)``.
        precision: of the prior, ``(k,)``.

    Returns:
        ``(n_weights,)``: what to add to the weights.
    """
    starts, right = choices.starts, choices.right
    call = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(choices.logits)))
    features = choices.features @ directions
    right = right[right >= 0]
    toward = features[right].sum(axis=0)

    def loss(step: Floats) -> tuple[float, Floats]:
        logits = choices.logits + features @ step
        p, log_whole = _shares(logits, starts, call)
        return float(log_whole.sum() - logits[right].sum() + precision @ step**2 / 2), p

    step = np.zeros(directions.shape[1])
    value, p = loss(step)
    for _ in range(MOST_STEPS):
        weighted = features * p[:, None]
        mean = np.add.reduceat(weighted, starts, axis=0)
        slope = mean.sum(axis=0) - toward + precision * step
        curvature = features.T @ weighted - mean.T @ mean + np.diag(precision)
        move = np.linalg.solve(curvature, slope)
        rate = 1.0
        while rate > 1e-4:
            tried, tried_p = loss(step - rate * move)
            if tried <= value:
                break
            rate /= 2
        else:
            break
        step, p = step - rate * move, tried_p
        gained, value = value - tried, tried
        if gained < 1e-8 * (1.0 + abs(value)):
            break
    added: Floats = directions @ step
    return added


@dataclass(frozen=True, slots=True)
class _Trial:
    """Cross-validated results of one setting."""

    setting: str
    answers: list[Answer]
    losses: Floats


class _Fitter:
    """Fit each setting to some of the calls."""

    def __init__(self, calls: Calls, present: Parameters) -> None:
        self._calls = calls
        self._present = present
        self._choices = _choices(calls, present)

    def parameters(self, setting: str, numbers: Integers) -> Parameters:
        """Fit the parameters of one setting to some calls."""
        made = self._present
        if setting != "threshold":
            names = _weights()
            now = np.array([getattr(made, name) for name in names])
            added = self._added(setting, self._choices.of(numbers), now)
            values = np.round(now + added, DIGITS).tolist()
            made = replace(made, **dict(zip(names, values, strict=True)))
        confidences = self._calls.confidences(made)
        return replace(
            made,
            threshold=self._threshold(confidences, numbers),
            rates=self._rates(confidences, numbers),
        )

    @staticmethod
    def _added(setting: str, choices: _Choices, now: Floats) -> Floats:
        bias = np.array([float(name == "bias") for name in _weights()])
        directions = [now, bias]
        deviations = [SCALE_PRIOR, SHIFT_PRIOR]
        if setting == "weights":
            directions += list(np.diag(now))
            deviations += [WEIGHT_PRIOR] * len(now)
        return _most_likely(
            choices, np.stack(directions, axis=1), 1.0 / np.square(np.array(deviations))
        )

    def _threshold(self, confidences: list[list[float]], numbers: Integers) -> float:
        """Find the threshold with the best smoothed ``balanced``."""
        calls = self._calls
        top, suited = self._top(confidences, numbers)
        asked = np.array([calls.asked(i, confidences[i]) for i in numbers])
        policy = RoutingPolicy()
        best = np.array([calls.answer(i, confidences[i], policy, 0.0).is_best for i in numbers])
        free = np.isnan(asked)
        gain = np.where(suited, best / max(1, suited.sum()), -1.0 / max(1, (~suited).sum()))[free]
        odds = _log_odds(top)
        width = max(SMOOTHED_OVER * float(odds.std()), 1e-3)
        at = np.linspace(-5.0, 5.0, 201)
        passes = 1.0 / (1.0 + np.exp(np.clip((at - odds[free, None]) / width, -50.0, 50.0)))
        found = at[(gain @ passes).argmax()] if free.any() else 0.0
        return round(1.0 / (1.0 + math.exp(-found)), 4)

    def _rates(
        self, confidences: list[list[float]], numbers: Integers
    ) -> tuple[tuple[float, float], ...]:
        """Return the threshold of each of the present false transfer rates."""
        top, suited = self._top(confidences, numbers)
        if suited.all():
            return self._present.rates
        rates = [rate for rate, _ in self._present.rates]
        at = np.quantile(top[~suited], 1.0 - np.array(rates))
        return tuple(zip(rates, np.round(at, 4).tolist(), strict=True))

    def _top(self, confidences: list[list[float]], numbers: Integers) -> tuple[Floats, Flags]:
        """Return the best confidence of some calls, and whether any rule is right."""
        cases = self._calls.cases
        return (
            np.array([max(confidences[i], default=0.0) for i in numbers]),
            np.array([cases[i].label is not None for i in numbers]),
        )

    def trial(self, setting: str, folds: Sequence[Integers], policy: RoutingPolicy) -> _Trial:
        """Cross-validate a setting: fit on all folds but one, answer that one."""
        every = np.concatenate(folds)
        answers: dict[int, Answer] = {}
        losses = np.zeros(len(every))
        for fold in folds:
            made = self.parameters(setting, np.setdiff1d(every, fold))
            confidences = self._calls.confidences(made)
            for i in fold.tolist():
                answers[i] = self._calls.answer(i, confidences[i], policy, made.threshold)
                losses[i] = self._calls.loss(i, confidences[i])
        return _Trial(setting, [answers[i] for i in range(len(every))], losses)


def _log_odds(p: Floats) -> Floats:
    clipped = np.clip(p, 1e-9, 1.0 - 1e-9)
    odds: Floats = np.log(clipped / (1.0 - clipped))
    return odds


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _folds(cases: Sequence[Case], seed: int) -> list[Integers]:
    """Split calls into folds, stratified by label; equal utterances share a fold."""
    said: dict[str, list[int]] = {}
    for i, case in enumerate(cases):
        said.setdefault(_folded(case.text), []).append(i)
    groups = list(said.values())
    np.random.default_rng(seed).shuffle(groups)
    groups.sort(key=lambda group: (cases[group[0]].label is not None, cases[group[0]].label or ""))
    return [
        np.array([i for group in groups[fold::N_FOLDS] for i in group], np.intp)
        for fold in range(N_FOLDS)
    ]


@dataclass(frozen=True, slots=True)
class _Change:
    """A paired difference over the same calls, with its standard error."""

    value: float
    error: float

    @property
    def is_gain(self) -> bool:
        """Whether the difference exceeds what chance explains."""
        return self.value > BEYOND_CHANCE * self.error

    def __str__(self) -> str:
        return f"{100 * self.value:+.1f} ± {100 * self.error:.1f}"


@dataclass(frozen=True, slots=True)
class _Gain:
    """The gains of one trial over another.

    Attributes:
        balanced: of ``balanced``.
        over_none: of ``balanced``, over sending nobody anywhere.
        likelihood: of the mean log of the right choice's probability.
        ece: of the calibration error; less is better.
    """

    balanced: _Change
    over_none: _Change
    likelihood: _Change
    ece: _Change

    @classmethod
    def of(cls, old: _Trial, new: _Trial, seed: int) -> _Gain:
        """Build from paired differences."""
        before, after = _parts(old.answers), _parts(new.answers)
        suited = np.array([answer.case.label is not None for answer in new.answers])
        nobody = np.where(suited, 0.0, 1.0 / (2 * (~suited).sum()))
        all_alike = np.ones(len(suited), np.bool_)
        return cls(
            balanced=_sum(after - before, suited),
            over_none=_sum(after - nobody, suited),
            likelihood=_sum((old.losses - new.losses) / len(suited), all_alike),
            ece=_ece_change(old.answers, new.answers, seed),
        )

    @property
    def harm(self) -> str | None:
        """Describe what the new trial makes worse, or None."""
        if not self.over_none.is_gain:
            return "no better than sending nobody anywhere"
        if self.balanced.value < 0.0:
            return f"balanced {self.balanced}"
        if self.ece.value > self.ece.error:
            return f"ece {self.ece}"
        return None

    @property
    def is_step(self) -> bool:
        """Whether the gain of the new trial justifies its extra freedom.

        It has to be better beyond chance in one way, and within one standard error in the other.
        """
        if self.balanced.value < -self.balanced.error:
            return False
        return self.balanced.is_gain or self.likelihood.is_gain


def _parts(answers: Sequence[Answer]) -> Floats:
    """Return each call's contribution to ``balanced``, ``(n,)``."""
    suited = np.array([answer.case.label is not None for answer in answers])
    right = np.array([answer.is_right for answer in answers])
    parts: Floats = right / (2 * np.where(suited, suited.sum(), (~suited).sum()))
    return parts


def _sum(values: Floats, suited: Flags) -> _Change:
    """Sum over calls, with the standard error of two samples: calls in and out of scope."""
    variance = sum(
        len(part) * float(part.var(ddof=1))
        for part in (values[suited], values[~suited])
        if len(part) > 1
    )
    return _Change(float(values.sum()), math.sqrt(variance))


def _ece_change(old: Sequence[Answer], new: Sequence[Answer], seed: int) -> _Change:
    """Return the change of calibration error, and its standard error by bootstrap."""
    rng = np.random.default_rng(seed)
    arrays = [
        (np.array([a.confidence for a in side]), np.array([a.is_best for a in side]))
        for side in (old, new)
    ]

    def change(chosen: Integers) -> float:
        before, after = (
            expected_calibration_error(confidence[chosen], is_best[chosen])
            for confidence, is_best in arrays
        )
        return after - before

    n = len(new)
    drawn = [change(rng.integers(0, n, n)) for _ in range(N_BOOTSTRAPS)]
    return _Change(change(np.arange(n)), float(np.std(drawn)))


def fit(
    calls: Calls,
    *,
    present: Parameters,
    policy: RoutingPolicy,
    build: Callable[[Parameters | None], EngineT],
    seed: int,
) -> Fitting[EngineT]:
    """Try each setting in order, and take the last whose gain justifies its extra freedom.

    Args:
        calls: labelled calls.
        present: parameters of the engine.
        policy: of the engine; a threshold of its own is what the present setting has.
        build: the engine of new parameters, or for None the present one.
        seed: of the folds.
    """
    threshold = present.threshold if policy.threshold is None else policy.threshold
    confidences = calls.confidences(present)
    first = _Trial(
        "present",
        [calls.answer(i, one, policy, threshold) for i, one in enumerate(confidences)],
        np.array([calls.loss(i, one) for i, one in enumerate(confidences)]),
    )
    before = Evaluation.of(first.answers, threshold=threshold)

    def refused(reason: str) -> Fitting[EngineT]:
        return Fitting(build(None), False, first.setting, reason, before, before, {})

    missing = _missing(calls)
    if missing is not None:
        return refused(missing)
    fitter = _Fitter(calls, present)
    folds = _folds(calls.cases, seed)
    free = policy.model_copy(update={"threshold": None})
    chosen = first
    objections = []
    for setting, least in SETTINGS.items():
        if len(calls) < least:
            continue
        trial = fitter.trial(setting, folds, free)
        gain = _Gain.of(first, trial, seed)
        if gain.harm is not None:
            objections.append(f"{setting}: {gain.harm}")
        elif _Gain.of(chosen, trial, seed).is_step:
            chosen = trial
        else:
            objections.append(f"{setting}: balanced {gain.balanced} may be chance")
    if chosen is first:
        return refused(f"no setting did better than the present one ({'; '.join(objections)})")
    gain = _Gain.of(first, chosen, seed)
    made = fitter.parameters(chosen.setting, np.arange(len(calls)))
    pairs = {name: (getattr(present, name), getattr(made, name)) for name in _weights()}
    pairs["threshold"] = threshold, made.threshold
    return Fitting(
        engine=build(made),
        accepted=True,
        setting=chosen.setting,
        reason=f"by {N_FOLDS}-fold cross-validation balanced {gain.balanced}, ece {gain.ece}",
        before=before,
        after=Evaluation.of(chosen.answers, threshold=made.threshold),
        changed={name: pair for name, pair in pairs.items() if pair[0] != pair[1]},
    )


def _missing(calls: Calls) -> str | None:
    """Return what is missing for a fit, or None; repeated utterances count once."""
    suited = {said for said, label in calls.said() if label is not None}
    unsuited = {said for said, label in calls.said() if label is None}
    missing = [
        f"{n} different {what} of at least {least}"
        for n, least, what in (
            (len(suited | unsuited), LEAST_CASES, "calls"),
            (len(suited), LEAST_EACH, "calls that a rule is right for"),
            (len(unsuited), LEAST_EACH, "calls that no rule is right for (no label)"),
        )
        if n < least
    ]
    return f"too little to learn from: {', '.join(missing)}" if missing else None
