"""Accuracy on the corpus of callers: sentences and conversations of held-out businesses.

``python -m benchmarks callers`` measures the shipped encoder and the frozen one side by side.
``python -m benchmarks.callers data/callers --split dev --out dev.jsonl`` writes a split as labelled
cases, for every benchmark that reads such files.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import accuracy
from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.cases import CaseFile, read_cases
from benchmarks.encoders import RememberingEncoder, make_encoder
from benchmarks.report import ROOT, Document, Table, machine, number, setting
from routing_engine import (
    CallPolicy,
    Decision,
    Encoder,
    Location,
    Outcome,
    RoutingEngine,
)
from routing_engine.training.corpus import Business, Conversation, read_corpus

__all__ = [
    "BENCHMARK",
    "STYLES",
    "case_of",
    "engines_of",
    "is_same",
    "locations_of",
    "main",
    "measure_calls",
    "measure_partial",
    "partial_decisions",
]

CORPUS = ROOT / "data" / "callers"
FROZEN = "all-MiniLM-L6-v2"
STYLES = ("terse", "full", "keywords", "clumsy")
"""Wordings of a description, in the order of the corpus."""
N_EXAMPLES = 5
OPEN = datetime(2026, 3, 4, 19, tzinfo=UTC)

_MOVES = frozenset({Outcome.TRANSFER, Outcome.VERIFY, Outcome.CONFIRM, Outcome.DEFAULT})


def case_of(business: Business, style: int, *, seed: int = 0) -> dict[str, Any]:
    """Convert one business to a labelled case.

    Five utterances of each situation, drawn by the seed, are the rule's examples; the others are
    queries. What no rule covers is ``near``, routine is ``oos``.

    Args:
        business: of the corpus.
        style: which wording of the descriptions, an index of :data:`STYLES`.
        seed: of the draw.
    """
    rng = random.Random(f"{seed}:{business.name}")
    rules: list[dict[str, Any]] = []
    queries: list[dict[str, Any]] = []
    for situation in business.situations:
        drawn = rng.sample(situation.utterances, len(situation.utterances))
        rules.append(
            {
                "label": situation.label,
                "when": situation.whens[min(style, len(situation.whens) - 1)],
                "examples": drawn[:N_EXAMPLES],
            }
        )
        queries += [
            {"text": text, "label": situation.label, "kind": "in"} for text in drawn[N_EXAMPLES:]
        ]
    queries += [{"text": text, "label": None, "kind": "near"} for text in business.uncovered]
    queries += [{"text": text, "label": None, "kind": "oos"} for text in business.routine]
    return {"location_id": f"{business.name}/{STYLES[style]}", "rules": rules, "queries": queries}


def cases_of(businesses: Sequence[Business], split: str) -> CaseFile:
    """Convert businesses, in every wording, to one case file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"callers-{split}.jsonl"
        _write(path, businesses, range(len(STYLES)))
        return read_cases(path)


def _write(path: Path, businesses: Sequence[Business], styles: Sequence[int]) -> None:
    lines = (
        json.dumps(case_of(business, style), ensure_ascii=False)
        for business in businesses
        for style in styles
    )
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def locations_of(businesses: Sequence[Business], *, with_examples: bool) -> list[Location]:
    """Build one location per business; each rule and each default has its own URI.

    Rules of situations in which waiting does harm are urgent.
    """

    def location(business: Business) -> Location:
        urgent = _urgent(business)
        host = f"{business.name.replace('_', '-')}.example"  # a host name has no underscores
        case = case_of(business, STYLES.index("full"))
        return Location.model_validate(
            {
                "location_id": business.name,
                "default_destination": f"sip:default@{host}",
                "rules": [
                    {
                        **rule,
                        "examples": rule["examples"] if with_examples else (),
                        "urgent": rule["label"] in urgent,
                        "destination": f"sip:{i}@{host}",
                    }
                    for i, rule in enumerate(case["rules"])
                ],
            }
        )

    return [location(business) for business in businesses]


def _urgent(business: Business) -> frozenset[str]:
    """Labels of situations in which waiting does harm."""
    return frozenset(situation.label for situation in business.situations if situation.urgent)


def _moves(
    engine: RoutingEngine,
    business: Business,
    conversation: Conversation,
    policy: CallPolicy | None = None,
) -> Iterator[tuple[int, str | None]]:
    """Return the turn, from 1, at which a call is transferred, and the rule's label or None."""
    call = engine.open_call(business.name, policy=policy, now=OPEN)
    turn = 0
    for speaker, text in conversation.turns:
        if speaker == "agent":
            call.agent_said(text, now=OPEN)
            continue
        turn += 1
        decision = call.hear(text, now=OPEN)
        if decision.outcome in _MOVES:
            yield turn, None if decision.rule is None else decision.rule.label
            return


def measure_calls(
    engine: RoutingEngine, businesses: Sequence[Business], policy: CallPolicy | None = None
) -> dict[str, int]:
    """Count how conversations end.

    Args:
        engine: of the businesses.
        businesses: of the corpus.
        policy: of the calls; None for the shipped one.

    Returns:
        ``rule``: those that must reach a rule; of these ``in_time`` reach it by the turn at which
        a careful human knows, or the next; ``rule_at_all``; ``elsewhere``. ``person``: those who
        ask for one, of these ``person_in_time``. ``contained``: routine, of these ``stayed``.
        ``early``: moved anywhere before a human would know. ``urgent``: urgent situations stated
        in the first turn, of these ``urgent_first`` are moved to their rule on it. ``other``:
        calls about nothing urgent, of these ``taken_for_urgent`` are moved to an urgent rule.
    """
    names = (
        *("rule", "in_time", "rule_at_all", "elsewhere", "person", "person_in_time"),
        *("contained", "stayed", "early", "urgent", "urgent_first"),
        *("other", "taken_for_urgent"),
    )
    found = dict.fromkeys(names, 0)
    for business in businesses:
        urgent = _urgent(business)
        for conversation in business.conversations:
            turn, label = next(_moves(engine, business, conversation, policy), (0, None))
            known = conversation.known_at
            if conversation.rule not in urgent:
                found["other"] += 1
                found["taken_for_urgent"] += label in urgent
            if known is None:
                found["contained"] += 1
                found["stayed"] += not turn
                continue
            found["early"] += 0 < turn < known
            in_time = known <= turn <= known + 1
            if conversation.rule is None:
                found["person"] += 1
                found["person_in_time"] += in_time
                continue
            is_right = label == conversation.rule
            found["rule"] += 1
            found["in_time"] += in_time and is_right
            found["rule_at_all"] += is_right
            found["elsewhere"] += bool(turn) and not is_right
            if known == 1 and conversation.rule in urgent:
                found["urgent"] += 1
                found["urgent_first"] += turn == 1 and is_right
    return found


def partial_decisions(
    engine: RoutingEngine, businesses: Sequence[Business], policy: CallPolicy | None = None
) -> Iterator[tuple[list[Decision], Decision]]:
    """Hear conversations word by word, until they are moved.

    Yields:
        For each turn of a caller the decisions on its first words, from one word to all but the
        last, and the decision on the whole turn.
    """
    for business in businesses:
        for conversation in business.conversations:
            call = engine.open_call(business.name, policy=policy, now=OPEN)
            for speaker, text in conversation.turns:
                if speaker == "agent":
                    call.agent_said(text, now=OPEN)
                    continue
                words = text.split()
                growing = [
                    call.hear(" ".join(words[:n]), final=False, now=OPEN)
                    for n in range(1, len(words))
                ]
                decision = call.hear(text, now=OPEN)
                yield growing, decision
                if decision.outcome in _MOVES:
                    break


def measure_partial(
    engine: RoutingEngine, businesses: Sequence[Business], policy: CallPolicy | None = None
) -> dict[str, int]:
    """Count what the first stable decision on a growing turn is worth.

    Returns:
        ``turns``: turns of callers; of these ``moved`` are sent to a rule. ``stable``: turns of
        which a decision is called stable before the last word; of these ``stood`` decide the same
        in the end, ``words_left`` words later all together.
    """
    found = dict.fromkeys(("turns", "moved", "stable", "stood", "words_left"), 0)
    for growing, decision in partial_decisions(engine, businesses, policy):
        found["turns"] += 1
        found["moved"] += decision.outcome in _MOVES and decision.rule is not None
        first = next((n for n, one in enumerate(growing) if one.stable), None)
        if first is not None:
            found["stable"] += 1
            found["stood"] += is_same(growing[first], decision)
            found["words_left"] += len(growing) - first
    return found


def is_same(one: Decision, other: Decision) -> bool:
    """Whether two decisions do the same with a caller."""
    return (one.outcome, one.destination, one.rule) == (
        other.outcome,
        other.destination,
        other.rule,
    )


def engines_of(
    encoder: Encoder, businesses: Sequence[Business]
) -> Iterator[tuple[str, RoutingEngine]]:
    """An engine of the businesses by ``when`` only, and one with examples; each with its name."""
    for name, with_examples in (("when", False), ("when+5", True)):
        locations = locations_of(businesses, with_examples=with_examples)
        yield name, RoutingEngine(locations, encoder=encoder)


def _measure(encoder: Encoder, businesses: Sequence[Business], split: str) -> dict[str, Any]:
    memory = RememberingEncoder(encoder)
    (sentences,) = accuracy.measure([cases_of(businesses, split)], memory, n_timed=0, seed=0)
    return {
        "sentences": {
            name: {key: metrics[key] for key in (*_KEYS, "rates")}
            for name, metrics in sentences["conditions"].items()
        },
        "calls": {
            name: measure_calls(engine, businesses)
            for name, engine in engines_of(memory, businesses)
        },
    }


_KEYS = ("top1", "right", "held", "balanced", "auroc", "right5", "ece")


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="folder (data/callers)")
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--frozen", default=FROZEN, metavar="MODEL", help="shown beside it")


def _run(options: Namespace) -> Document:
    businesses = read_corpus(options.corpus, options.split)
    if options.quick:
        businesses = businesses[:2]
    from routing_engine import CompiledEncoder

    encoder = make_encoder(options.encoder)
    encoders: dict[str, Encoder] = {"shipped": encoder}
    if options.frozen and options.encoder == "default":
        encoders["frozen"] = CompiledEncoder(options.frozen)
    results = {
        "split": options.split,
        "businesses": [business.name for business in businesses],
        "encoders": {
            name: _measure(one, businesses, options.split) for name, one in encoders.items()
        },
    }
    results["partial"] = {
        name: measure_partial(engine, businesses)
        for name, engine in engines_of(RememberingEncoder(encoder), businesses)
    }
    meta = machine(seed=options.seed, encoder=encoder.fingerprint)
    return Document("callers", meta, {"quick": options.quick, "split": options.split}, results)


def _sentences(document: Document) -> Table:
    rows = [
        [
            name,
            condition,
            *(number(100 * metrics[key]) for key in _KEYS),
            number(100 * metrics["rates"]["0.02"]),
        ]
        for name, found in document.results["encoders"].items()
        for condition, metrics in found["sentences"].items()
    ]
    note = (
        f"In percent: {len(document.results['businesses'])} businesses of the corpus's "
        f"{document.results['split']} split, each described in four wordings; columns as in the "
        "table of accuracy. at 2 %: share of what no rule covers that is transferred where "
        f"`false_transfer_rate=0.02` is asked for. {setting(document.meta)}."
    )
    return Table("Callers", ("encoder", "rules", *_KEYS, "at 2 %"), rows, note)


def _share(found: dict[str, int], part: str, whole: str) -> str:
    return f"{number(100 * found[part] / max(1, found[whole]))} ({found[part]}/{found[whole]})"


def _calls(document: Document) -> Table:
    # A result that was measured before rules could be urgent does not know who is taken for one.
    knows_taken = "partial" in document.results
    rows = []
    for name, by_condition in document.results["encoders"].items():
        for condition, found in by_condition["calls"].items():
            total = found["rule"] + found["person"]
            rows.append(
                [
                    name,
                    condition,
                    _share(found, "in_time", "rule"),
                    _share(found, "elsewhere", "rule"),
                    _share(found, "person_in_time", "person"),
                    _share(found, "stayed", "contained"),
                    _share({**found, "moved": total}, "early", "moved"),
                    _share(found, "urgent_first", "urgent"),
                    *([_share(found, "taken_for_urgent", "other")] if knows_taken else []),
                ]
            )
    note = (
        "Whole conversations through `Call.hear`, percent. in time: sent to the right rule by the "
        "caller's turn at which a careful human knows, or the next; elsewhere: first sent to "
        "another; early: sent anywhere before. urgent: stated in the first turn and sent on it. "
        f"{_TAKEN if knows_taken else ''}{setting(document.meta)}."
    )
    columns = (
        *("encoder", "rules", "right rule in time", "elsewhere", "person in time"),
        *("routine contained", "early", "urgent at once"),
        *(("taken for urgent",) if knows_taken else ()),
    )
    return Table("Callers' conversations", columns, rows, note)


_TAKEN = "taken for urgent: of the calls about nothing urgent, sent to an urgent rule. "

WORDS_PER_S = 2.5
"""Of a caller who speaks 150 words a minute."""


def _partial(document: Document) -> Table:
    rows = [
        [
            condition,
            _share(found, "stable", "moved"),
            _share(found, "stood", "stable"),
            number(found["words_left"] / max(1, found["stable"])),
            number(found["words_left"] / max(1, found["stable"]) / WORDS_PER_S),
        ]
        for condition, found in document.results.get("partial", {}).items()
    ]
    note = (
        "The same conversations word by word. stable: turns of which a decision is called stable "
        "before the last word, beside those that a rule takes in the end; stood: of these, decided "
        f"the same in the end. seconds: at 150 words a minute. {setting(document.meta)}."
    )
    columns = ("rules", "stable", "stood", "words earlier", "seconds earlier")
    return Table("Callers' growing words", columns, rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    encoders = document.results["encoders"]
    places = np.arange(2)
    for i, (name, found) in enumerate(encoders.items()):
        heights = [100 * metrics["balanced"] for metrics in found["sentences"].values()]
        ax.bar(places[: len(heights)] + (i - 0.5) * 0.4, heights, 0.4, label=name)
    ax.set_xticks(places, ["when", "when+5"])
    ax.set(title="Callers of businesses not tuned on", ylabel="balanced, %", ylim=(0, 100))
    ax.grid(alpha=0.3, axis="y")
    figure.legend(loc="outside upper right", ncols=2)
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="callers",
    summary="sentences and conversations of businesses that the encoder was not tuned on",
    add_options=_add_options,
    run=_run,
    tables={"callers": _sentences, "callers-calls": _calls, "callers-partial": _partial},
    plot=_plot,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a split as labelled cases."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.callers")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--split", choices=("train", "dev", "test"), required=True)
    parser.add_argument("--style", choices=STYLES, help="one wording of the descriptions (all)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    options = parser.parse_args(arguments)
    styles = range(len(STYLES)) if options.style is None else [STYLES.index(options.style)]
    _write(options.out, read_corpus(options.corpus, options.split), styles)
    return 0


if __name__ == "__main__":
    sys.exit(main())
