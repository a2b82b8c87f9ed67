"""Curves that say how long a call is to wait: ``python -m benchmarks.calibration.waiting``.

Over whole conversations of the corpus's train and dev businesses, whose turns no encoder has learnt:

- what an urgent rule is asked for on the first turn (``RoutingPolicy.urgent_threshold``, times the
  first of ``CallPolicy.patience_urgent``): how many urgent situations that are stated in the first
  turn are sent on it, and how many other calls are taken for urgent;
- from which confidence on a decision on words that still go on stands
  (``CallPolicy.stable_at``): how many such decisions are the same when the caller has ended.

A third, of what ``route`` asks of an urgent rule, is over single sentences of the dev businesses.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.callers import (
    CORPUS,
    WORDS_PER_S,
    engines_of,
    is_same,
    measure_calls,
    partial_decisions,
)
from benchmarks.encoders import RememberingEncoder, make_encoder
from benchmarks.report import Table, number
from routing_engine import CallPolicy, Encoder, Outcome, RoutingEngine, RoutingPolicy
from routing_engine.training.corpus import Business, read_corpus

__all__ = ["main", "partial_curve", "sentence_curve", "urgent_curve"]

BARS = (0.8, 0.7, 0.6, 0.55, 0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1)
"""Confidences that are tried."""
STABLE = (0.8, 0.85, 0.9, 0.93, 0.95, 0.96, 0.97, 0.98, 0.99)

_TAKEN = frozenset({Outcome.TRANSFER, Outcome.VERIFY, Outcome.CONFIRM})


def urgent_curve(businesses: Sequence[Business], encoder: Encoder) -> Table:
    """What comes of each confidence that an urgent rule may be asked for on the first turn."""
    rows = []
    usual = RoutingPolicy()
    for condition, engine in engines_of(encoder, businesses):
        for bar in BARS:
            factor = _odds(bar) / _odds(usual.urgent_threshold)
            policy = CallPolicy(patience_urgent=(factor, *CallPolicy().patience_urgent[1:]))
            found = measure_calls(engine, businesses, policy)
            rows.append(
                [
                    condition,
                    f"{bar:.2f}",
                    _percent(found["urgent_first"], found["urgent"]),
                    _percent(found["taken_for_urgent"], found["other"]),
                    _percent(found["in_time"], found["rule"]),
                    _percent(found["stayed"], found["contained"]),
                ]
            )
    columns = ("rules", "bar", "urgent at once", "others taken", "right rule in time", "contained")
    return Table("Urgent rules in calls", columns, rows, f"{len(businesses)} businesses.")


def sentence_curve(businesses: Sequence[Business], encoder: Encoder) -> Table:
    """What comes of each confidence that ``route`` may ask of an urgent rule."""
    rows = []
    for condition, engine in engines_of(encoder, businesses):
        columns = engine.columns
        for bar in BARS:
            asked = RoutingEngine(
                columns, encoder=encoder, policy=RoutingPolicy(urgent_threshold=bar)
            )
            urgent = hit = other = taken = 0
            said = list(_sentences(businesses))
            decisions = asked.route_many([(name, text) for name, text, _, _ in said])
            for (_, _, label, is_urgent), decision in zip(said, decisions, strict=True):
                rule = decision.rule if decision.outcome in _TAKEN else None
                if is_urgent:
                    urgent += 1
                    hit += rule is not None and rule.label == label
                else:
                    other += 1
                    taken += rule is not None and rule.urgent
            rows.append([condition, f"{bar:.2f}", _percent(hit, urgent), _percent(taken, other)])
    return Table(
        "Urgent rules, sentence by sentence", ("rules", "bar", "urgent", "others taken"), rows,
        f"{len(businesses)} businesses.",
    )  # fmt: skip


def partial_curve(businesses: Sequence[Business], encoder: Encoder) -> Table:
    """What comes of each confidence from which on a decision on growing words counts as stable."""
    rows = []
    for condition, engine in engines_of(encoder, businesses):
        heard = [
            (
                [(one.confidence, is_same(one, decision)) for one in growing if one.stable],
                [one.stable for one in growing],
            )
            for growing, decision in partial_decisions(
                engine, businesses, CallPolicy(stable_at=0.0)
            )
        ]
        for bar in STABLE:
            n = stood = left = 0
            for stable, flags in heard:
                places = [place for place, flag in enumerate(flags) if flag]
                first = next(
                    (i for i, (confidence, _) in enumerate(stable) if confidence >= bar), None
                )
                if first is not None:
                    n += 1
                    stood += stable[first][1]
                    left += len(flags) - places[first]
            words = left / max(1, n)
            rows.append(
                [
                    condition, f"{bar:.2f}", str(n), _percent(stood, n),
                    number(words), number(words / WORDS_PER_S),
                ]
            )  # fmt: skip
    columns = ("rules", "stable_at", "stable", "stood", "words earlier", "seconds earlier")
    return Table("Words that still go on", columns, rows, f"{len(businesses)} businesses.")


def _sentences(businesses: Sequence[Business]) -> Iterator[tuple[str, str, str | None, bool]]:
    """Business, what a caller says, the right rule, and whether that is urgent."""
    for business in businesses:
        for situation in business.situations:
            for text in situation.utterances:
                yield business.name, text, situation.label, situation.urgent
        for text in (*business.uncovered, *business.routine):
            yield business.name, text, None, False


def _odds(probability: float) -> float:
    return probability / (1.0 - probability)


def _percent(part: int, whole: int) -> str:
    return f"{number(100 * part / max(1, whole))} ({part}/{whole})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the curves."""
    parser = ArgumentParser(prog="python -m benchmarks.calibration.waiting")
    parser.add_argument("curves", nargs="*", choices=("urgent", "sentences", "partial"))
    parser.add_argument("--splits", nargs="+", default=["train", "dev"])
    parser.add_argument("--businesses", type=int, help="of each split, the first so many (all)")
    options = parser.parse_args(arguments)
    encoder = RememberingEncoder(make_encoder("default"))
    made = {"urgent": urgent_curve, "sentences": sentence_curve, "partial": partial_curve}
    for name, curve in made.items():
        if options.curves and name not in options.curves:
            continue
        splits: list[Any] = ["dev"] if name == "sentences" else options.splits
        businesses = [
            business
            for split in splits
            for business in read_corpus(CORPUS, split)[: options.businesses]
        ]
        curve(businesses, encoder).show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
