"""Calls played turn by turn: where each is sent, and what a call costs beyond a decision.

Counted by turn: a conversation is decided by the first decision that moves the caller (transfer,
verify, confirm, default). It is right where that one is; *contained* is one that none moves. A
question (clarify) moves nobody; asked on the last turn, it is answered with the label of the right
rule where that is one of the two, and otherwise with "neither".
"""

from __future__ import annotations

import json
import random
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.conversations import CASES, SHEET, Conversation, read_conversations
from benchmarks.encoders import RememberingEncoder, make_encoder
from benchmarks.generate import franchise_columns, utterances
from benchmarks.report import ROOT, Document, Table, machine, number, setting
from benchmarks.timing import interleaved_ns, percentiles_us
from routing_engine import Decision, DialPolicy, Encoder, Location, Outcome, RoutingEngine

__all__ = ["BENCHMARK", "measure", "time_hear", "tuned_on"]

TUNED_ON = ROOT / "benchmarks" / "calls.jsonl"
"""Conversations of three other brands, with which the policy was chosen."""

EXPECTED = ("rule", "person", "contain")
OPEN = datetime(2026, 3, 4, 19, tzinfo=UTC)

_MOVES = frozenset({Outcome.TRANSFER, Outcome.VERIFY, Outcome.CONFIRM, Outcome.DEFAULT})


def tuned_on(encoder: Encoder) -> RoutingEngine:
    """Build an engine of the brands with which the policy was chosen."""
    locations = []
    for i, line in enumerate(TUNED_ON.read_text(encoding="utf-8").splitlines()):
        brand = json.loads(line)
        rules = [
            {**rule, "destination": f"+1{202 + i}55501{j:02}"}
            if rule["action"] == "transfer"
            else rule
            for j, rule in enumerate(brand["rules"], 1)
        ]
        locations.append(
            Location.model_validate(
                {
                    "location_id": brand["location_id"],
                    "default_destination": f"+1{202 + i}5550100",
                    "rules": rules,
                }
            )
        )
    return RoutingEngine(locations, encoder=encoder)


def _is_right(decision: Decision | None, item: Conversation) -> bool:
    is_moved = decision is not None and decision.outcome in _MOVES
    if item.expect == "contain" or decision is None or not is_moved:
        return (item.expect == "contain") is not is_moved
    rule = decision.rule
    if rule is None:
        return item.expect == "person"
    return rule.label == item.label


def measure(engine: RoutingEngine, conversations: Sequence[Conversation]) -> dict[str, Any]:
    """Count the conversations of each kind that end right.

    Who asks for a person is right at the rule that fits, or at the default.
    """
    found = {kind: dict.fromkeys(("n", "right", "asked", "answered"), 0) for kind in EXPECTED}
    for item in conversations:
        call = engine.open_call(item.location_id, now=OPEN)
        moved, last, asked = None, None, False
        for speaker, text in item.turns:
            if speaker == "agent":
                call.agent_said(text, now=OPEN)
                continue
            last = call.hear(text, now=OPEN)
            asked = asked or last.outcome is Outcome.CLARIFY
            if last.outcome in _MOVES:
                moved = last
                break
        counts = found[item.expect]
        counts["n"] += 1
        counts["asked"] += asked
        counts["right"] += _is_right(moved, item)
        if moved is None and last is not None and last.outcome is Outcome.CLARIFY:
            labels = [rule.label for rule in last.choices]
            call.agent_said(last.question or "", now=OPEN)
            is_there = item.label is not None and item.label in labels
            moved = call.hear(item.label if is_there and item.label else "neither", now=OPEN)
        counts["answered"] += _is_right(moved, item)
    return found


def time_hear(n: int, *, seed: int, warmup: int) -> dict[str, Any]:
    """Time gates, calls and handoffs beyond ``engine.route``, with a free encoder."""
    said = utterances(1_000, seed=seed)
    memory = RememberingEncoder(make_encoder("hashing"))
    memory.learn(said)
    columns = franchise_columns(100, n_rules=10, examples=5, seed=seed)
    # Nothing is asked of these: no hours, no verification; and the dial policy was asked before.
    engine = RoutingEngine(replace(columns, dial_policy=DialPolicy()), encoder=memory, cache_size=0)
    gated = RoutingEngine(
        [_gated(location) for location in columns.locations()], encoder=memory, cache_size=0
    )
    chance = random.Random(f"calls {seed}")
    ids = engine.location_ids()
    drawn = [(chance.choice(ids), chance.choice(said)) for _ in range(n + warmup)]
    calls = [(engine.open_call(location_id, now=OPEN), text) for location_id, text in drawn]
    heard = [(engine.open_call(location_id, now=OPEN), text) for location_id, text in drawn]
    decided = [(call, call.hear(text, now=OPEN)) for call, text in heard]
    taken = interleaved_ns(
        {
            "engine.route": (lambda where, text: engine.route(where, text, now=OPEN), drawn),
            "with every gate": (
                lambda where, text: gated.route(
                    where, text, verified=True, confirmed=True, now=OPEN
                ),
                drawn,
            ),
            "Call.hear": (lambda call, text: call.hear(text, now=OPEN), calls),
            "Call.handoff": (lambda call, decision: call.handoff(decision), decided),
        },
        block=50,
        warmup=warmup,
    )
    return {name: percentiles_us(samples) for name, samples in taken.items()}


def _gated(location: Location) -> Location:
    """Return a location whose rules have every gate."""
    rules = [
        rule.model_copy(
            update={"hours": "open", "requires_verification": True, "requires_confirmation": True}
        )
        for rule in location.rules
    ]
    hours = {"timezone": "America/New_York", "business_hours": "Mon-Fri 08:00-18:00; holidays US"}
    return Location(**{**dict(location), "rules": rules, **hours})


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--sheet", type=Path, default=SHEET, help="the rules (data/franchise.csv)")
    parser.add_argument("--cases", type=Path, default=CASES, help="case file (data/eval.jsonl)")
    parser.add_argument("--hears", type=int, help="turns that are timed (20,000)")


def _run(options: Namespace) -> Document:
    encoder = make_encoder(options.encoder)
    engine = RoutingEngine.from_csv(options.sheet, encoder=encoder)
    n = options.hears or (200 if options.quick else 20_000)
    results = {
        "sets": {
            "sample brand": measure(engine, read_conversations(options.cases)),
            "chosen with": measure(tuned_on(encoder), read_conversations(TUNED_ON)),
        },
        "times": time_hear(n, seed=options.seed, warmup=10 if options.quick else 100),
    }
    meta = machine(seed=options.seed, encoder=encoder.fingerprint)
    parameters = {"quick": options.quick, "cases": options.cases.name, "hears": n}
    return Document("calls", meta, parameters, results)


_NAMES = {"rule": "a rule", "person": "a person", "contain": "contained"}


def _table(document: Document) -> Table:
    rows = [
        [
            where,
            _NAMES[kind],
            *(str(counts[key]) for key in ("n", "right", "asked", "answered")),
            number(100 * counts["right"] / max(counts["n"], 1)),
        ]
        for where, found in document.results["sets"].items()
        for kind, counts in found.items()
    ]
    note = (
        "Conversations through `Call.hear`, decided by the first decision that moves the caller. "
        "Right: to the right rule; for who asks for a person, to that or the default; contained: "
        "moved by none. asked: the engine asked which of two rules is meant; answered: right once "
        "such a question at the end has been answered. The policy was chosen with the "
        "conversations of three other brands, which are harder and have ten examples a rule. "
        f"{setting(document.meta)}."
    )
    columns = ("conversations", "should be", "n", "right", "asked", "answered", "right, %")
    return Table("Calls", columns, rows, note)


def _times(document: Document) -> Table:
    times = document.results["times"]
    rows = [
        [name, *(number(found[key]) for key in ("p50_us", "p95_us", "p99_us"))]
        for name, found in times.items()
    ]
    plain = times["engine.route"]["p50_us"]
    gates, call = (times[name]["p50_us"] - plain for name in ("with every gate", "Call.hear"))
    note = (
        "µs, all in turns, with an encoder that looks vectors up. Every gate: business hours with "
        "holidays, verification, confirmation and the dial policy, all passed; they add "
        f"{number(gates)} µs (p50). `Call.hear` adds {number(call)} µs to `engine.route`: what the "
        "caller's words say of wanting a person, what was told before, the record. The packet of "
        f"`Call.handoff` is made once, where somebody is dialled. {setting(document.meta)}."
    )
    return Table("What a call adds", ("µs", "p50", "p95", "p99"), rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    sets = document.results["sets"]
    places = np.arange(len(EXPECTED))
    for i, (where, found) in enumerate(sets.items()):
        heights = [100 * found[kind]["right"] / max(found[kind]["n"], 1) for kind in EXPECTED]
        ax.bar(places + (i - 0.5) * 0.4, heights, 0.4, label=where)
    ax.set_xticks(places, [_NAMES[kind] for kind in EXPECTED])
    ax.set(title="Calls decided right", ylabel="%", ylim=(0, 100))
    ax.grid(alpha=0.3, axis="y")
    figure.legend(loc="outside upper right", ncols=2)
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="calls",
    summary="conversations played turn by turn, and what a call adds to a decision",
    add_options=_add_options,
    run=_run,
    tables={"calls": _table, "calls-time": _times},
    plot=_plot,
)
