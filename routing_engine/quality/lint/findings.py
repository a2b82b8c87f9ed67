"""Find what is wrong with the wording of the rules of one table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from routing_engine.deciding.gates import Bar, Verdict, decide
from routing_engine.model.outcomes import Outcome, Reason
from routing_engine.model.rules import RoutingPolicy, RuleText
from routing_engine.quality.lint.asking import SPOKEN, Asked, MeasuredRule
from routing_engine.quality.lint.report import Finding, Kind
from routing_engine.quality.lint.urgency import words_of_urgency

__all__ = ["findings_at"]

CLOSE = 0.1
"""Least lead in confidence over another rule for a sentence not to count as shared."""
CLAIMED = 0.5
"""Least total confidence of two rules for a sentence to belong to either."""
TAKEN = 0.95
"""Least confidence of a rule in the ``when`` of a left-out rule, to share it."""
OVERLAP_SHARE = 0.3
"""Least share of a rule's sentences, and at least two, that another must share."""
EXAMPLE_LEAD = 0.7
"""Least lead in confidence of another rule over an example's own."""
VAGUE = 0.9
"""Least confidence that a ``when`` is vague."""
MAX_QUOTED = 100

Found = tuple[tuple[object, ...], Finding]


def findings_at(
    rules: Sequence[RuleText],
    measured: Sequence[MeasuredRule],
    asked: Sequence[Asked],
    places: Sequence[int],
    policy: RoutingPolicy,
    threshold: float,
    *,
    has_hours: bool,
) -> Iterator[Found]:
    """Yield findings, each with a key that is equal at other tables.

    Args:
        rules: of the table.
        measured: the same, embedded.
        asked: their sentences, asked at this table.
        places: a number a rule, equal where rules ring the same phone.
        policy: as the engine's that is to answer.
        threshold: least confidence where the rule does not set its own.
        has_hours: whether the locations are closed at times. A rule for closed hours is asked then;
            any other while they are open.
    """

    def made(kind: Kind, r: int, other: int | None = None, **fields: Any) -> Finding:
        named = None if other is None else rules[other].label
        return Finding(
            kind=kind, rule=rules[r].label, other=named, n_locations=0, locations=(), **fields
        )

    def identity(*numbers: int) -> tuple[object, ...]:
        return tuple(sorted(measured[r].texts for r in numbers))

    bar = Bar(policy, threshold)
    settled: set[frozenset[int]] = set()
    lost: set[int] = set()
    by_rule = [[item for item in asked if item.rule == r] for r in range(len(rules))]
    for r, own in enumerate(by_rule):
        verdicts = [
            decide(
                item.whole, rules, places,
                policy=policy, threshold=threshold, verified=True, confirmed=True,
                open_now=not (has_hours and rules[r].hours == "closed"),
            )
            for item in own
        ]  # fmt: skip
        if any(_reached(verdict, r, places) for verdict in verdicts):
            continue
        why, other, fields = _unreachable(rules, own, r, verdicts, places, bar)
        if other is not None:
            settled.add(frozenset((r, other)))
        lost.add(r)
        by = None if other is None else rules[other]
        yield ("unreachable", why, rules[r], by), made("unreachable", r, other, **fields)
    for r in range(len(rules)):
        for other in range(r):
            pair = frozenset((r, other))
            if places[r] == places[other] or pair in settled:
                continue
            shared = _overlap(rules, measured, by_rule, r, other)
            if shared is not None:
                settled.add(pair)
                yield ("overlap", *identity(r, other)), made("overlap", **shared)
    for item, other in _astray(
        [item for item in asked if item.rule not in lost], rules, places, settled, bar
    ):
        r = item.rule
        yield (
            (
                ("example", item.text.casefold(), *identity(r, other))
                if _stands_in(item.text, measured[other])
                else ("example", item.text, *identity(r))
            ),
            made("example", r, other, **_misplaced(item, rules, measured, other)),
        )
    for r, rule in enumerate(measured):
        if rule.emptiness >= VAGUE:
            yield (
                ("vague", rules[r].label, rules[r].when),
                made("vague", r, **_vague(rules[r], rule)),
            )
    for r, text in enumerate(rules):
        words = words_of_urgency(text)
        if words is not None and not text.urgent and text.enabled and text.action == "transfer":
            yield (
                ("urgent", text.label, text.when),
                made("urgent", r, **_perhaps_urgent(text, words)),
            )


def _reached(verdict: Verdict, r: int, places: Sequence[int]) -> bool:
    """Whether the caller reached the rule's destination."""
    if verdict.rule is None or places[verdict.rule] != places[r]:
        return verdict.rival == r
    return verdict.outcome in (Outcome.TRANSFER, Outcome.CLARIFY) or (
        verdict.reason is Reason.ROUTINE
    )


def _unreachable(
    rules: Sequence[RuleText],
    own: Sequence[Asked],
    r: int,
    verdicts: Sequence[Verdict],
    places: Sequence[int],
    bar: Bar,
) -> tuple[str, int | None, dict[str, Any]]:
    """Return why a rule is not reached, the rule in its way, and the message."""
    rule = rules[r]
    fields: dict[str, Any] = {"sentence": None, "measured": max(item.whole[r] for item in own)}
    if not rule.enabled:
        fields["message"] = f"{rule.label!r} is disabled, and its callers go to the default"
        fields["suggestion"] = "enable it, or delete it and let other rules have its callers"
        return "disabled", None, fields
    if any(verdict.reason is Reason.OUTSIDE_HOURS and verdict.rule == r for verdict in verdicts):
        fields["message"] = f"{rule.label!r} is for closed hours, and its location has none"
        fields["suggestion"] = "give the location business hours, or set the rule's to always"
        return "hours", None, fields
    taken_by = [_best(item.whole, rules, range(len(rules))) for item in own]
    winners = Counter(winner for winner in taken_by if places[winner] != places[r])
    if sum(winners.values()) == len(own):
        other = min(winners, key=lambda j: (-winners[j], rules[j].label, rules[j].when))
        taken = own[taken_by.index(other)]
        fields["sentence"] = taken.text
        fields["message"] = (
            f"every sentence of {rule.label!r} goes to another rule, most to "
            f"{rules[other].label!r}, such as {_quoted(taken.text)} "
            f"({taken.whole[r]:.2f} against {taken.whole[other]:.2f})"
        )
        fields["suggestion"] = (
            f"merge {rule.label!r} into {rules[other].label!r}, or give it examples of what only "
            "its own callers say"
        )
        return "taken", other, fields
    kept = [item for item, by in zip(own, taken_by, strict=True) if places[by] == places[r]]
    best = max(kept, key=lambda item: (item.whole[r], item.text))
    most = fields["measured"] = best.whole[r]
    fields["sentence"] = best.text
    least = bar.of(rule)
    whose = "its threshold" if rule.threshold is not None else "the threshold"
    fields["message"] = (
        f"{rule.label!r} is asked for {least:.2f}, and its own sentences reach {most:.2f} at most, "
        f"with {_quoted(best.text)}"
    )
    fields["suggestion"] = f"lower {whose} of {rule.label!r} below {most:.2f}"
    return "threshold", None, fields


def _best(confidences: Sequence[float], rules: Sequence[RuleText], among: Iterable[int]) -> int:
    """Return the most confident of some rules, independent of their order."""
    return min(among, key=lambda j: (-confidences[j], rules[j].label, rules[j].when))


def _shared(own: Sequence[Asked], r: int, other: int) -> list[Asked]:
    """Return sentences of a rule that could be another's, clearest first."""
    found = [
        item
        for item in own
        if (
            item.apart[r] - item.apart[other] < CLOSE
            and item.apart[r] + item.apart[other] >= CLAIMED
            if item.is_example
            else item.apart[other] >= TAKEN
        )
    ]
    return sorted(
        found, key=lambda item: (not item.is_example, item.apart[r] - item.apart[other], item.text)
    )


def _overlap(
    rules: Sequence[RuleText],
    measured: Sequence[MeasuredRule],
    by_rule: Sequence[Sequence[Asked]],
    first: int,
    second: int,
) -> dict[str, Any] | None:
    """Describe two rules that share callers, or return None."""
    sides = []
    for r, other in ((first, second), (second, first)):
        shared = _shared(by_rule[r], r, other)
        sides.append(
            (len(shared) / len(by_rule[r]), rules[r].label, rules[r].when, r, other, shared)
        )
    share, _, _, r, other, shared = max(sides, key=lambda side: (side[0], side[1], side[2]))
    back = min(sides, key=lambda side: (side[0], side[1], side[2]))[5]
    if share < OVERLAP_SHARE or len(shared) + len(back) < 2:
        return None
    shown = shared[0]
    here, there = rules[r].label, rules[other].label
    bare = [rules[i].label for i in (r, other) if not measured[i].examples]
    if _stands_in(shown.text, measured[other]):
        suggestion = f"this sentence is an example of both: keep it in {here!r} or in {there!r}"
    elif bare:
        suggestion = f"give {' and '.join(map(repr, bare))} examples of what only its callers say"
    else:
        suggestion = (
            f"say in the when of {here!r} what sets it apart from {there!r}, or merge the two"
        )
    return {
        "r": r,
        "other": other,
        "sentence": shown.text,
        "measured": share,
        "message": (
            f"{here!r} and {there!r} share callers: {len(shared)} of {len(by_rule[r])} sentences "
            f"of the one and {len(back)} of {len(by_rule[other])} of the other could be either's, "
            f"such as {_quoted(shown.text)} "
            + (
                f"({shown.apart[r]:.2f} against {shown.apart[other]:.2f})"
                if shown.is_example
                else f"({shown.apart[other]:.2f} were it not for {here!r})"
            )
        ),
        "suggestion": suggestion,
    }


def _astray(
    asked: Sequence[Asked],
    rules: Sequence[RuleText],
    places: Sequence[int],
    settled: Collection[frozenset[int]],
    bar: Bar,
) -> Iterator[tuple[Asked, int]]:
    """Yield examples that another rule takes, with that rule.

    An example in the wrong rule draws those of the right one after it, so that of two rules that
    take from each other only the worse side is told.
    """
    found: list[tuple[float, Asked, int]] = []
    for item in asked:
        r = item.rule
        others = [
            j
            for j in range(len(rules))
            if places[j] != places[r] and frozenset((r, j)) not in settled
        ]
        if not item.is_example or not others:
            continue
        other = _best(item.apart, rules, others)
        lead = item.apart[other] - item.apart[r]
        if lead >= EXAMPLE_LEAD and item.apart[other] >= bar.of(rules[other]):
            found.append((lead, item, other))
    found.sort(key=lambda one: (-one[0], one[1].text, rules[one[2]].label, rules[one[2]].when))
    worse: set[tuple[int, int]] = set()
    for _, item, other in found:
        if (other, item.rule) not in worse:
            worse.add((item.rule, other))
            yield item, other


def _misplaced(
    item: Asked, rules: Sequence[RuleText], measured: Sequence[MeasuredRule], other: int
) -> dict[str, Any]:
    here, there = rules[item.rule].label, rules[other].label
    if _stands_in(item.text, measured[other]):
        suggestion = f"it is an example of {there!r} too: delete it from one of the two"
    else:
        suggestion = (
            f"move it to {there!r} if it belongs there; if not, give {here!r} more examples like it"
        )
    return {
        "sentence": item.text,
        "measured": item.apart[other],
        "message": (
            f"an example of {here!r} is nearer to {there!r} than to the rest of its rule: "
            f"{_quoted(item.text)} ({item.apart[item.rule]:.2f} against {item.apart[other]:.2f})"
        ),
        "suggestion": suggestion,
    }


def _vague(text: RuleText, rule: MeasuredRule) -> dict[str, Any]:
    n = len(rule.examples)
    return {
        "sentence": rule.texts[SPOKEN],
        "measured": rule.emptiness,
        "message": (
            f"the when of {text.label!r} says nothing of what its callers want: "
            f"{_quoted(text.when)} ({rule.emptiness:.2f})"
        ),
        "suggestion": (
            f"say in a few words what its {n} example{'s have' if n > 1 else ' has'} in common"
            if n
            else f"name what callers of {text.label!r} ask for, and add a few examples"
        ),
    }


def _perhaps_urgent(text: RuleText, words: str) -> dict[str, Any]:
    return {
        "sentence": None,
        "measured": 1.0,
        "message": f"{text.label!r} says {_quoted(words)}, and is not urgent",
        "suggestion": (
            f"set urgent on {text.label!r} if missing such a caller costs more than a wrong "
            "transfer"
        ),
    }


def _stands_in(sentence: str, rule: MeasuredRule) -> bool:
    return sentence.casefold() in {example.casefold() for example in rule.examples}


def _quoted(sentence: str) -> str:
    shown = sentence if len(sentence) <= MAX_QUOTED else sentence[: MAX_QUOTED - 1] + "…"
    return f'"{shown}"'
