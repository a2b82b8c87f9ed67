"""Learn examples of rules from labelled calls, over all locations that share a rule.

What a caller of one location said is as good an example at every other location whose rule says the
same. Of the calls that their rule did not take, the most frequent become examples of it. Whether
that helps is measured by locations: the calls of each are asked with what the calls of the others
taught, so that a rule that is worded for one store alone gains nothing. Where all calls are of one
location, they are divided by what was said. A rule whose examples take more calls away than they
bring is left as it is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from routing_engine.model.rules import Location, RuleText
from routing_engine.quality.cases import Case
from routing_engine.quality.evaluation import Answer

__all__ = ["PER_RULE", "LearnedRule", "Learning", "learn", "with_examples"]

PER_RULE = 8
"""Most examples that a rule learns at a time."""

N_FOLDS = 5
MOST_ROUNDS = 3
"""Times that rules which lose are left out and the others are measured again."""

Key = tuple[str, str]
"""Label and ``when``: what rules that are shared have in common."""

Evaluate = Callable[[Sequence[Location], Sequence[Case]], Sequence[Answer]]
"""Answers the cases by an engine of some locations, as if they were open."""


@dataclass(frozen=True, slots=True)
class LearnedRule:
    """What one rule would learn.

    Attributes:
        label, when: of the rule.
        examples: what callers said, to be added to those it has; most frequent first.
        gained: labelled calls that go right with examples of other locations' calls, and did not.
        lost: calls that went right, and that the rule takes away with them.
    """

    label: str
    when: str
    examples: tuple[str, ...]
    gained: int
    lost: int


@dataclass(frozen=True, slots=True)
class Learning:
    """What rules would learn from labelled calls. Nothing is changed by it. Prints as a report.

    Attributes:
        rules: those that would learn something, most gained first.
        refused: labels of rules whose examples would lose more than they gain.
        by: what the cross-validation held out: whole locations, or sentences.
        n_folds: parts of the cross-validation; 0 where there was too little to divide.
        n: labelled calls.
        right_before: calls that go right now.
        right_after: calls that would go right, each asked of what it did not teach.
        gained, lost: how many became right, and wrong.
    """

    rules: tuple[LearnedRule, ...]
    refused: tuple[str, ...]
    by: Literal["location", "sentence"]
    n_folds: int
    n: int
    right_before: int
    right_after: int
    gained: int
    lost: int

    @property
    def is_gain(self) -> bool:
        """Whether more calls are gained than lost."""
        return bool(self.rules) and self.gained > self.lost

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self) | {"is_gain": self.is_gain}

    def __str__(self) -> str:
        if not self.rules:
            return f"{self.n:,} labelled calls, {self.right_before:,} right: nothing to learn"
        summary = (
            f"{self.n:,} labelled calls: {self.right_before:,} right now, {self.right_after:,} with "
            f"what other calls taught; {self.gained:,} gained, {self.lost:,} lost "
            f"({self.n_folds} parts, by {self.by})"
        )
        lines = [summary]
        for rule in self.rules:
            lines.append(f"\n{rule.label}: {rule.gained:,} gained, {rule.lost:,} lost")
            lines += [f"  “{text}”" for text in rule.examples]
        if self.refused:
            lines.append(f"\nleft as they are, for they would lose more: {', '.join(self.refused)}")
        return "\n".join(lines)


def learn(
    cases: Sequence[Case],
    locations: Sequence[Location],
    *,
    evaluate: Evaluate,
    per_rule: int = PER_RULE,
    seed: int = 0,
) -> Learning:
    """Choose examples for the rules of locations, and measure what they are worth.

    Args:
        cases: labelled calls of these locations; their labels are of rules of theirs.
        locations: that are called.
        evaluate: answers cases by an engine of some locations.
        per_rule: at most so many for each rule.
        seed: of the division into parts.
    """
    places = {location.location_id: location for location in locations}
    before = list(evaluate(locations, cases))
    keys = [_key(places[case.location_id], case.label) for case in cases]
    by, folds = _folds(cases, seed)
    refused: set[Key] = set()
    after = before
    for _ in range(MOST_ROUNDS):
        after = list(before)
        for fold in folds:
            held = set(fold)
            taught = _chosen(
                [i for i in range(len(cases)) if i not in held],
                cases, keys, before, per_rule, refused,
            )  # fmt: skip
            called = dict.fromkeys(cases[i].location_id for i in fold)
            changed = [with_examples(places[name], taught) for name in called]
            for i, answer in zip(fold, evaluate(changed, [cases[i] for i in fold]), strict=True):
                after[i] = answer
        gained, lost = _told(cases, places, keys, before, after)
        worse = {key for key in gained.keys() | lost.keys() if lost[key] > gained[key]}
        if not worse - refused:
            break
        refused |= worse
    every = range(len(cases))
    taught = _chosen(every, cases, keys, before, per_rule, refused) if folds else {}
    rules = sorted(
        (
            LearnedRule(label, when, texts, gained[label, when], lost[label, when])
            for (label, when), texts in taught.items()
        ),
        key=lambda rule: (rule.lost - rule.gained, rule.label),
    )
    pairs = list(zip(before, after, strict=True))
    return Learning(
        tuple(rules),
        tuple(sorted(label for label, _ in refused)),
        by,
        len(folds),
        len(cases),
        sum(old.is_right for old, _ in pairs),
        sum(new.is_right for _, new in pairs),
        sum(new.is_right and not old.is_right for old, new in pairs),
        sum(old.is_right and not new.is_right for old, new in pairs),
    )


def with_examples(location: Location, taught: Mapping[Key, Sequence[str]]) -> Location:
    """A location whose rules have further examples, those that are taught any."""
    rules = tuple(
        rule.model_copy(update={"examples": (*rule.examples, *_new(rule, more))})
        if (more := taught.get((rule.label, rule.when)))
        else rule
        for rule in location.rules
    )
    return location.model_copy(update={"rules": rules})


def _new(rule: RuleText, texts: Sequence[str]) -> list[str]:
    known = {_folded(text) for text in (rule.when, *rule.examples)}
    return [text for text in texts if _folded(text) not in known]


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _key(location: Location, label: str | None) -> Key | None:
    """The rule of a location with a label, as other locations may share it."""
    rule = next((rule for rule in location.rules if rule.label == label), None)
    return None if rule is None else (rule.label, rule.when)


def _folds(
    cases: Sequence[Case], seed: int
) -> tuple[Literal["location", "sentence"], list[list[int]]]:
    """Parts of the calls: whole locations where there are two, otherwise sentences."""
    of_location: dict[str, list[int]] = defaultdict(list)
    of_sentence: dict[str, list[int]] = defaultdict(list)
    for i, case in enumerate(cases):
        of_location[case.location_id].append(i)
        of_sentence[_folded(case.text)].append(i)
    by: Literal["location", "sentence"] = "location" if len(of_location) > 1 else "sentence"
    groups = list((of_location if by == "location" else of_sentence).values())
    if len(groups) < 2:
        return by, []
    np.random.default_rng(seed).shuffle(groups)
    n = min(N_FOLDS, len(groups))
    return by, [sorted(i for group in groups[fold::n] for i in group) for fold in range(n)]


def _chosen(
    numbers: Sequence[int],
    cases: Sequence[Case],
    keys: Sequence[Key | None],
    before: Sequence[Answer],
    per_rule: int,
    refused: set[Key],
) -> dict[Key, tuple[str, ...]]:
    """The most frequent of what callers said whom the rule that is right did not take."""
    said: dict[Key, Counter[str]] = defaultdict(Counter)
    written: dict[str, str] = {}
    for i in numbers:
        key = keys[i]
        if key is None or key in refused or before[i].is_right:
            continue
        folded = _folded(cases[i].text)
        said[key][folded] += 1
        written.setdefault(folded, " ".join(cases[i].text.split()))
    # What is right for two rules teaches neither.
    n_rules = Counter(text for texts in said.values() for text in texts)
    found: dict[Key, tuple[str, ...]] = {}
    for key, texts in said.items():
        ranked = sorted(
            (text for text in texts if n_rules[text] == 1), key=lambda t: (-texts[t], t)
        )
        if ranked:
            found[key] = tuple(written[text] for text in ranked[:per_rule])
    return found


def _told(
    cases: Sequence[Case],
    places: Mapping[str, Location],
    keys: Sequence[Key | None],
    before: Sequence[Answer],
    after: Sequence[Answer],
) -> tuple[Counter[Key], Counter[Key]]:
    """Which rule gained a call, and which one took away a call that was right."""
    gained: Counter[Key] = Counter()
    lost: Counter[Key] = Counter()
    for case, key, old, new in zip(cases, keys, before, after, strict=True):
        if new.is_right and not old.is_right and key is not None:
            gained[key] += 1
        elif old.is_right and not new.is_right:
            taker = _key(places[case.location_id], new.picked) or key
            if taker is not None:
                lost[taker] += 1
    return gained, lost
