"""What earlier turns add: conversations of the sample brand, read in several ways."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.encoders import make_encoder
from benchmarks.report import ROOT, Document, Table, machine, number, setting
from routing_engine import Decision, InvalidValueError, Outcome, Reason, RoutingEngine
from routing_engine.quality.metrics import fraction

__all__ = ["BENCHMARK", "Conversation", "measure", "read_conversations"]

SHEET = ROOT / "data" / "franchise.csv"
CASES = ROOT / "data" / "eval.jsonl"

Turns = Sequence[tuple[str, str]]
Reading = Callable[[RoutingEngine, str, Turns], Decision]

_LEAVES = frozenset({Outcome.TRANSFER, Outcome.VERIFY, Outcome.CONFIRM})


@dataclass(frozen=True, slots=True)
class Conversation:
    """A call up to some turn of the caller.

    Attributes:
        location_id: who was called.
        turns: pairs of speaker and words; the last is the caller's.
        label: of the right rule; None where no rule is right.
        expect: ``"rule"``, ``"person"`` or ``"contain"``.
    """

    location_id: str
    turns: tuple[tuple[str, str], ...]
    label: str | None
    expect: str


def read_conversations(path: Path) -> list[Conversation]:
    """Read the conversations of a case file, each up to the caller's last turn.

    Raises:
        InvalidValueError: it cannot be read, or holds none.
    """
    found = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            case = json.loads(line)
            for item in case.get("conversations", ()):
                turns = [(turn["speaker"], turn["text"]) for turn in item["turns"]]
                last = max(i for i, (speaker, _) in enumerate(turns) if speaker == "caller")
                found.append(
                    Conversation(
                        case["location_id"], tuple(turns[: last + 1]), item["label"], item["expect"]
                    )
                )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidValueError(f"{path} holds no conversations: {error!r}") from error
    if not found:
        raise InvalidValueError(f"{path} holds no conversations")
    return found


def _last(engine: RoutingEngine, location_id: str, turns: Turns) -> Decision:
    return engine.route(location_id, turns[-1][1])


def _joined(engine: RoutingEngine, location_id: str, turns: Turns) -> Decision:
    return engine.route(location_id, " ".join(text for who, text in turns if who == "caller"))


def _with_history(engine: RoutingEngine, location_id: str, turns: Turns) -> Decision:
    return engine.route(location_id, turns[-1][1], history=turns[:-1])


READINGS: Mapping[str, Reading] = {
    "the last words": _last,
    "all the caller's words": _joined,
    "`history`": _with_history,
}


def measure(engine: RoutingEngine, conversations: Sequence[Conversation]) -> dict[str, Any]:
    """Measure each way of reading, by name.

    A conversation is in scope where a rule is right that sends the caller on; held is one out of
    scope that is not sent on by any rule.
    """
    routine = {
        (location_id, rule.label)
        for location_id in {item.location_id for item in conversations}
        for rule in engine.location(location_id).rules
        if rule.action == "contain"
    }
    measured = {}
    for name, read in READINGS.items():
        right: list[bool] = []
        held: list[bool] = []
        routine_right: list[bool] = []
        for item in conversations:
            decision = read(engine, item.location_id, item.turns)
            rule = decision.rule
            label = None if rule is None else rule.label
            leaves = decision.outcome in _LEAVES
            if item.label is None:
                held.append(not leaves)
            elif (item.location_id, item.label) in routine:
                held.append(not leaves)
                is_routine = decision.reason is Reason.ROUTINE
                routine_right.append(is_routine and label == item.label)
            else:
                right.append(leaves and label == item.label)
        shares = [fraction(np.array(flags, np.bool_)) for flags in (right, held, routine_right)]
        measured[name] = {
            "n_in": len(right),
            "n_out": len(held),
            "right": shares[0],
            "held": shares[1],
            "balanced": (shares[0] + shares[1]) / 2,
            "n_routine": len(routine_right),
            "routine": shares[2],
        }
    return measured


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--sheet", type=Path, default=SHEET, help="the rules (data/franchise.csv)")
    parser.add_argument("--cases", type=Path, default=CASES, help="case file (data/eval.jsonl)")


def _run(options: Namespace) -> Document:
    encoder = make_encoder(options.encoder)
    engine = RoutingEngine.from_csv(options.sheet, encoder=encoder)
    conversations = read_conversations(options.cases)
    meta = machine(seed=options.seed, encoder=encoder.fingerprint)
    results = {"readings": measure(engine, conversations)}
    parameters = {"quick": options.quick, "cases": options.cases.name}
    return Document("conversations", meta, parameters, results)


def _table(document: Document) -> Table:
    rows = [
        [name, *(number(100 * found[key]) for key in ("right", "held", "balanced", "routine"))]
        for name, found in document.results["readings"].items()
    ]
    counts = next(iter(document.results["readings"].values()))
    note = (
        f"In percent, of {counts['n_in']} conversations in which a rule is right that sends the "
        f"caller on, and {counts['n_out']} in which none is, {counts['n_routine']} of them routine "
        "business that a rule keeps with the agent. right: sent on by the right rule; held: not "
        f"sent on by any; routine: kept by the right rule. {setting(document.meta)}."
    )
    columns = ("what is read", "right", "held", "balanced", "routine")
    return Table("Conversations", columns, rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    readings = document.results["readings"]
    places = np.arange(len(readings))
    for i, key in enumerate(("right", "held", "balanced")):
        heights = [100 * found[key] for found in readings.values()]
        ax.bar(places + (i - 1) * 0.27, heights, 0.27, label=key)
    ax.set_xticks(places, [name.strip("`") for name in readings])
    ax.set(title="Conversations", ylabel="%", ylim=(0, 100))
    ax.grid(alpha=0.3, axis="y")
    figure.legend(loc="outside upper right", ncols=3)
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="conversations",
    summary="what the turns before the last one add",
    add_options=_add_options,
    run=_run,
    tables={"conversations": _table},
    plot=_plot,
)
