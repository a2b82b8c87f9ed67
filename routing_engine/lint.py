"""What is wrong with the wording of rules, measured before anything is published.

Every sentence that a rule brings along is asked as if a caller said it: each example, left out of
its own rule first, and its ``when`` as a spoken sentence, with the rule itself left out (for
nothing can be nearer to a description than its own wording). Confidences and verdicts are the
engine's own. Found are:

    overlap      two rules that lead elsewhere and share their callers: their sentences could be
                 either's
    vague        a ``when`` that says nothing of what its callers want
    example      an example that another rule takes
    unreachable  a rule that not even its own sentences, examples included, can reach

Rules that ring the same phone may be as alike as they please. The cost is that of the distinct
rule tables, however many locations share them; each finding is told once, with how many locations
have it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from routing_engine import scoring
from routing_engine.background import Background
from routing_engine.columns import LocationColumns
from routing_engine.decision import Verdict, decide
from routing_engine.encoders import Encoder, encode_distinct
from routing_engine.models import Outcome, Reason, RoutingPolicy, RuleText
from routing_engine.profiles import RuleTexts

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["KINDS", "Finding", "Kind", "LintReport", "lint_columns"]

Kind = Literal["overlap", "vague", "example", "unreachable"]
KINDS: tuple[Kind, ...] = ("unreachable", "overlap", "example", "vague")
"""In the order in which a report tells them."""

CLOSE = 0.1
"""A rule whose confidence in its own sentence is not this much above another's shares it."""
CLAIMED = 0.5
"""Least confidence of two rules together that a sentence is one's or the other's."""
TAKEN = 0.95
"""Least confidence with which a rule takes the ``when`` of one that is left out, to share it."""
OVERLAP_SHARE = 0.3
"""Least share of a rule's sentences that another rule shares; of both rules' at least two."""
EXAMPLE_LEAD = 0.7
"""Least lead of another rule over an example's own."""
VAGUE = 0.7
"""Least confidence that a ``when`` says nothing."""

AT_ONCE = 1024
"""Sentences whose similarities are computed together."""
MAX_PATTERNS = 8
"""Ways in which the rules of one table share phones that are measured; the commonest ones."""
MAX_NAMED = 3
"""Locations that a finding names."""
MAX_SHOWN = 10
"""Findings of one kind that a summary prints."""

SAYS_NOTHING = (
    *("i need help", "i need some assistance", "can somebody help me", "i have a question"),
    *("just a general question", "i have some questions", "general inquiry", "i have a request"),
    *("i want some information", "i have a problem", "i have an issue", "something else"),
    *("anything else", "everything else", "all other calls", "any call that comes in", "other"),
    *("other reasons", "miscellaneous", "any topic", "various matters", "customer service"),
    *("support", "none of the above", "not sure who to ask", "what fits nowhere else"),
    *("about something", "the default"),
)
"""Examples of a rule of no meaning: a ``when`` that it takes for one of its own is vague."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with the wording of a rule.

    Attributes:
        kind: ``"overlap"``, ``"vague"``, ``"example"`` or ``"unreachable"``.
        rule: label of the rule.
        other: label of the rule that it is at odds with, or None.
        sentence: the sentence that shows it, or None where none is needed.
        measured: overlap: the share of the rule's sentences; vague: the confidence that the
            ``when`` says nothing; example: the other rule's confidence; unreachable: the most
            that the rule's own sentences reach. In [0, 1].
        message: what was found, with the numbers.
        suggestion: what to do about it.
        n_locations: locations that have it.
        locations: ids of the first of them.
    """

    kind: Kind
    rule: str
    other: str | None
    sentence: str | None
    measured: float
    message: str
    suggestion: str
    n_locations: int
    locations: tuple[str, ...]

    @property
    def place(self) -> str:
        """The locations in a few words."""
        if self.n_locations == 1:
            return self.locations[0]
        return f"{self.n_locations:,} locations, such as {self.locations[0]}"

    def __str__(self) -> str:
        return f"{self.message} ({self.place}); {self.suggestion}"


@dataclass(frozen=True, slots=True)
class LintReport:
    """What was found in the wording of all rules. Prints as a readable summary.

    Attributes:
        findings: unreachable rules, overlaps, examples, then vague descriptions; of one kind,
            those of the most locations first.
        n_locations: locations with rules.
        n_unmeasured: of these, ones whose rules share phones in so rare a way that they were
            left out.
        n_rules: distinct rule texts.
        n_sentences: distinct sentences that were asked.
    """

    findings: tuple[Finding, ...]
    n_locations: int
    n_unmeasured: int
    n_rules: int
    n_sentences: int

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def _heading(self) -> str:
        found = _count(len(self.findings), "finding") if self.findings else "nothing found"
        text = (
            f"wording: {found} ({_count(self.n_sentences, 'sentence')} of "
            f"{_count(self.n_rules, 'distinct rule')} asked, "
            f"{_count(self.n_locations, 'location')})"
        )
        if self.n_unmeasured:
            text += (
                f"; {_count(self.n_unmeasured, 'location')} left out, whose rules share phones "
                "in ways of their own"
            )
        return text

    def _sections(self) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        for kind in KINDS:
            found = [item for item in self.findings if item.kind == kind]
            if not found:
                continue
            lines = [(f"{item.message} ({item.place})", item.suggestion) for item in found]
            if len(found) > MAX_SHOWN:
                lines[MAX_SHOWN:] = [(f"... and {len(found) - MAX_SHOWN:,} more", "")]
            yield f"{len(found):,} {kind}", lines

    def summary(self) -> str:
        """Plain text: the counts, then the first findings of each kind and how many more."""
        out = [self._heading()]
        for heading, lines in self._sections():
            out.append(heading)
            for message, suggestion in lines:
                out.append(f"  {message}")
                if suggestion:
                    out.append(f"    -> {suggestion}")
        return "\n".join(out)

    def __str__(self) -> str:
        return self.summary()

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-able values."""
        return asdict(self)

    def __rich__(self) -> RenderableType:
        from rich.text import Text

        text = Text(self._heading(), style="bold")
        for heading, lines in self._sections():
            text.append(f"\n{heading}", style="yellow")
            for message, suggestion in lines:
                text.append(f"\n  {message}", style="not bold")
                if suggestion:
                    text.append(f"\n    -> {suggestion}", style="not bold dim")
        return text


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def lint_columns(
    columns: LocationColumns,
    encoder: Encoder,
    background: Background,
    *,
    policy: RoutingPolicy | None = None,
    progress: bool = False,
) -> LintReport:
    """Measure the wording of all rules.

    Args:
        columns: the locations.
        encoder: what embeds; each distinct text once.
        background: of the same encoder.
        policy: as the engine's that is to answer.
        progress: show a progress bar on stderr where embedding takes longer than a second.
    """
    policy = RoutingPolicy() if policy is None else policy
    tables = [tuple(scoring.rule_texts(rule) for rule in rules) for rules in columns.tables]
    distinct = dict.fromkeys(texts for table in tables for texts in table)
    measured = _measure(list(distinct), encoder, background, progress=progress)
    merged: dict[tuple[object, ...], _Merged] = {}
    n_unmeasured = 0
    asked: tuple[object, list[_Asked]] = (None, [])
    number = {table: i for i, table in enumerate(dict.fromkeys(tables))}
    for case in sorted(_cases(columns), key=lambda c: (number[tables[c.table]], c.places or ())):
        if case.places is None:
            n_unmeasured += case.n_locations
            continue
        rules, texts = columns.tables[case.table], tables[case.table]
        own = [measured[item] for item in texts]
        key = texts, case.places
        if asked[0] != key:
            asked = key, list(_ask(own, case.places, background))
        threshold = _first(case.threshold, policy.threshold, scoring.DEFAULT_THRESHOLD)
        here: dict[tuple[object, ...], Finding] = {}
        for found_key, found in _findings(rules, own, asked[1], case.places, policy, threshold):
            here[found_key] = min(found, here.get(found_key, found), key=_rank)
        for found_key, found in here.items():
            merged.setdefault(found_key, _Merged()).add(found, case)
    findings = [item.finding(columns) for item in merged.values()]
    return LintReport(
        findings=tuple(sorted(findings, key=_rank)),
        n_locations=int(np.count_nonzero(np.diff(columns.first_slot))),
        n_unmeasured=n_unmeasured,
        n_rules=len(distinct),
        n_sentences=len({text for rule in measured.values() for text in rule.sentences}),
    )


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def _rank(finding: Finding) -> tuple[object, ...]:
    return (
        KINDS.index(finding.kind),
        -finding.n_locations,
        -finding.measured,
        finding.rule,
        finding.other or "",
        finding.sentence or "",
    )


# The rules, embedded.


@dataclass(frozen=True, eq=False)
class _Rule:
    """One distinct rule text, with what does not depend on the rules beside it.

    Attributes:
        texts: as :func:`routing_engine.scoring.rule_texts` gives them.
        vectors: float32 ``(n_texts, d)``.
        scored: all of the rule.
        without: of each example, the rule without it as that example meets it.
        emptiness: confidence that the ``when`` says nothing.
    """

    texts: RuleTexts
    vectors: Floats
    scored: scoring.Scored
    without: tuple[_Met, ...]
    emptiness: float

    @property
    def examples(self) -> RuleTexts:
        return self.texts[len(scoring.KINDS) :]

    @cached_property
    def sentences(self) -> RuleTexts:
        """What callers of this rule say: the ``when`` as a sentence, then the examples."""
        return (self.texts[_SPOKEN], *self.examples)

    @property
    def queries(self) -> Floats:
        """Vectors of the sentences."""
        return self.vectors[[_SPOKEN, *range(len(scoring.KINDS), len(self.texts))]]


_SPOKEN = scoring.KINDS.index("spoken")


class _Met(NamedTuple):
    """One rule as one query meets it: similarities and offsets of its rows, its constants."""

    similarities: Floats
    offsets: Floats
    constants: Floats

    @classmethod
    def of(cls, scored: scoring.Scored, query: Floats) -> _Met:
        return cls(scored.rows @ query, scored.offsets, scored.constants)


def _measure(
    distinct: Sequence[RuleTexts], encoder: Encoder, background: Background, *, progress: bool
) -> dict[RuleTexts, _Rule]:
    """Embed each distinct text once and score each rule, whole and without each example."""
    if not distinct:
        return {}
    nothing = (*scoring.description_texts("Other", "anything else"), *SAYS_NOTHING)
    texts = list(dict.fromkeys([*nothing, *(text for rule in distinct for text in rule)]))
    number = {text: i for i, text in enumerate(texts)}
    vectors = encode_distinct(encoder, texts, progress=progress)

    def scored(rule: Sequence[str]) -> scoring.Scored:
        return scoring.score_rule(vectors[[number[text] for text in rule]], background)

    empty = scored(nothing)
    n_kinds = len(scoring.KINDS)
    measured: dict[RuleTexts, _Rule] = {}
    for rule in distinct:
        own = vectors[[number[text] for text in rule]]
        spoken = own[_SPOKEN]
        measured[rule] = _Rule(
            texts=rule,
            vectors=own,
            scored=scored(rule),
            without=tuple(
                _Met.of(scored((*rule[:i], *rule[i + 1 :])), own[i])
                for i in range(n_kinds, len(rule))
            ),
            emptiness=_confidences(
                [_Met.of(empty, spoken)], scoring.hear(spoken, background), (0,)
            )[0],
        )
    return measured


def _confidences(met: Sequence[_Met], heard: scoring.Heard, places: Sequence[int]) -> list[float]:
    """The engine's confidence in each rule of a table."""
    layout = scoring.Layout.of(
        [len(rule.similarities) - 2 for rule in met],
        _in_block_order([rule.offsets for rule in met]),
        np.stack([rule.constants for rule in met]),
    )
    similarities = _in_block_order([rule.similarities for rule in met])
    found = scoring.confidences(similarities, layout, heard, places)
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


class _Asked(NamedTuple):
    """One sentence, asked at a table.

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


def _ask(rules: Sequence[_Rule], places: Sequence[int], background: Background) -> Iterator[_Asked]:
    """Ask every sentence of every rule of a table."""
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
            heard = scoring.hear(query, background)
            met = [
                _Met(products[a:b], rule.scored.offsets, rule.scored.constants)
                for a, b, rule in parts
            ]
            whole = _confidences(met, heard, places)
            if s:
                met[r] = rules[r].without[s - 1]
                apart = _confidences(met, heard, places)
            else:
                del met[r]
                others = [*places[:r], *places[r + 1 :]]
                apart = _confidences(met, heard, others) if met else []
                apart.insert(r, 0.0)
            yield _Asked(r, rules[r].sentences[s], s > 0, whole, apart)


# The locations, by what makes a difference.


@dataclass(frozen=True, slots=True)
class _Case:
    """Locations that no measurement can tell apart.

    Attributes:
        table: their rule table.
        places: a number a rule, equal where rules ring the same phone; None where left out.
        threshold: their own, or None.
        n_locations: how many.
        first: numbers of the first of them.
    """

    table: int
    places: tuple[int, ...] | None
    threshold: float | None
    n_locations: int
    first: tuple[int, ...]


def _cases(columns: LocationColumns) -> Iterator[_Case]:
    """Every location with rules, in cases."""
    thresholds = list(dict.fromkeys(site.threshold for site in columns.sites))
    of_site = np.array([thresholds.index(site.threshold) for site in columns.sites], np.int32)
    order = np.argsort(columns.table, kind="stable")
    sizes = np.bincount(columns.table, minlength=len(columns.tables)).tolist()
    ends = np.cumsum(np.array(sizes, np.int64))
    for table, end in enumerate(ends.tolist()):
        members = order[end - sizes[table] : end]
        n_rules = len(columns.tables[table])
        if not n_rules or not len(members):
            continue
        slots = columns.first_slot[members][:, None] + np.arange(n_rules)
        keys = np.concatenate(
            [_places(columns.destinations[slots]), of_site[columns.site[members]][:, None]], axis=1
        ).astype(np.int32)
        found, which, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
        which = which.reshape(-1)
        for rank, c in enumerate(np.argsort(-counts, kind="stable").tolist()):
            first = members[np.flatnonzero(which == c)[:MAX_NAMED]] if rank < MAX_PATTERNS else ()
            yield _Case(
                table,
                tuple(found[c, :-1].tolist()) if rank < MAX_PATTERNS else None,
                thresholds[int(found[c, -1])],
                int(counts[c]),
                tuple(int(i) for i in first),
            )


def _places(codes: npt.NDArray[np.uint64]) -> npt.NDArray[np.intp]:
    """For each rule the number of the first that rings the same phone, ``(n, n_rules)``."""
    return np.stack(
        [(codes[:, : j + 1] == codes[:, j : j + 1]).argmax(axis=1) for j in range(codes.shape[1])],
        axis=1,
    )


class _Merged:
    """One finding in all the tables that have it; the strongest is kept."""

    def __init__(self) -> None:
        self.found: Finding | None = None
        self.n_locations = 0
        self.first: set[int] = set()

    def add(self, found: Finding, case: _Case) -> None:
        if self.found is None or _rank(found) < _rank(self.found):
            self.found = found
        self.n_locations += case.n_locations
        self.first |= set(case.first)

    def finding(self, columns: LocationColumns) -> Finding:
        assert self.found is not None
        named = tuple(columns.ids[i] for i in sorted(self.first)[:MAX_NAMED])
        return replace(self.found, n_locations=self.n_locations, locations=named)


# What is found at one table.

Found = tuple[tuple[object, ...], Finding]


def _findings(
    rules: Sequence[RuleText],
    measured: Sequence[_Rule],
    asked: Sequence[_Asked],
    places: Sequence[int],
    policy: RoutingPolicy,
    threshold: float,
) -> Iterator[Found]:
    """Findings, each with what makes it the same one at another table."""

    def made(kind: Kind, r: int, other: int | None = None, **fields: Any) -> Finding:
        named = None if other is None else rules[other].label
        return Finding(
            kind=kind, rule=rules[r].label, other=named, n_locations=0, locations=(), **fields
        )

    def identity(*numbers: int) -> tuple[object, ...]:
        return tuple(sorted(measured[r].texts for r in numbers))

    settled: set[frozenset[int]] = set()
    lost: set[int] = set()
    by_rule = [[item for item in asked if item.rule == r] for r in range(len(rules))]
    for r, own in enumerate(by_rule):
        verdicts = [
            decide(
                item.whole, rules, places,
                policy=policy, threshold=threshold, verified=True, confirmed=True,
            )
            for item in own
        ]  # fmt: skip
        if any(_reached(verdict, r, places) for verdict in verdicts):
            continue
        why, other, fields = _unreachable(rules, own, r, verdicts, places, threshold)
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
        [item for item in asked if item.rule not in lost], rules, places, settled, threshold
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


def _reached(verdict: Verdict, r: int, places: Sequence[int]) -> bool:
    """Whether the caller got where the rule leads."""
    if verdict.rule is None or places[verdict.rule] != places[r]:
        return verdict.rival == r
    return verdict.outcome in (Outcome.TRANSFER, Outcome.CLARIFY) or (
        verdict.reason is Reason.ROUTINE
    )


def _unreachable(
    rules: Sequence[RuleText],
    own: Sequence[_Asked],
    r: int,
    verdicts: Sequence[Verdict],
    places: Sequence[int],
    threshold: float,
) -> tuple[str, int | None, dict[str, Any]]:
    """Why a rule is not reached, the rule that stands in its way, and what to say of it."""
    rule = rules[r]
    best = max(own, key=lambda item: (item.whole[r], item.text))
    most = best.whole[r]
    fields: dict[str, Any] = {"sentence": None, "measured": most}
    if not rule.enabled:
        fields["message"] = f"{rule.label!r} is disabled, and its callers go to the default"
        fields["suggestion"] = "enable it, or delete it and let other rules have its callers"
        return "disabled", None, fields
    if any(verdict.reason is Reason.OUTSIDE_HOURS and verdict.rule == r for verdict in verdicts):
        fields["message"] = f"{rule.label!r} is for closed hours, and no location has any"
        fields["suggestion"] = "set its hours to open or always, or delete it"
        return "hours", None, fields
    fields["sentence"] = best.text
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
    least = _first(rule.threshold, threshold)
    whose = "its threshold" if rule.threshold is not None else "the threshold"
    fields["message"] = (
        f"{rule.label!r} is asked for {least:.2f}, and its own sentences reach {most:.2f} at most, "
        f"with {_quoted(best.text)}"
    )
    fields["suggestion"] = f"lower {whose} of {rule.label!r} below {most:.2f}"
    return "threshold", None, fields


def _best(confidences: Sequence[float], rules: Sequence[RuleText], among: Iterable[int]) -> int:
    """The most confident of some rules, whatever order they stand in."""
    return min(among, key=lambda j: (-confidences[j], rules[j].label, rules[j].when))


def _shared(own: Sequence[_Asked], r: int, other: int) -> list[_Asked]:
    """Sentences of a rule that could as well be the other's, the clearest case first."""
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
    measured: Sequence[_Rule],
    by_rule: Sequence[Sequence[_Asked]],
    first: int,
    second: int,
) -> dict[str, Any] | None:
    """What to say of two rules that share callers, or None where they do not."""
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
    asked: Sequence[_Asked],
    rules: Sequence[RuleText],
    places: Sequence[int],
    settled: Collection[frozenset[int]],
    threshold: float,
) -> Iterator[tuple[_Asked, int]]:
    """Examples that another rule takes, each with that rule.

    An example in the wrong rule draws those of the right one after it, so that of two rules that
    take from each other only the worse side is told.
    """
    found: list[tuple[float, _Asked, int]] = []
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
        if lead >= EXAMPLE_LEAD and item.apart[other] >= _first(rules[other].threshold, threshold):
            found.append((lead, item, other))
    found.sort(key=lambda one: (-one[0], one[1].text, rules[one[2]].label, rules[one[2]].when))
    worse: set[tuple[int, int]] = set()
    for _, item, other in found:
        if (other, item.rule) not in worse:
            worse.add((item.rule, other))
            yield item, other


def _misplaced(
    item: _Asked, rules: Sequence[RuleText], measured: Sequence[_Rule], other: int
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


def _vague(text: RuleText, rule: _Rule) -> dict[str, Any]:
    n = len(rule.examples)
    return {
        "sentence": rule.texts[_SPOKEN],
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


def _stands_in(sentence: str, rule: _Rule) -> bool:
    return sentence.casefold() in {example.casefold() for example in rule.examples}


def _quoted(sentence: str) -> str:
    return f'"{sentence if len(sentence) <= 100 else sentence[:99] + "…"}"'
