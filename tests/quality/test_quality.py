"""What the shipped default is worth on routing cases made from public data."""

from __future__ import annotations

import json

import pytest

from routing_engine import ContextRule, Location, Outcome, RoutingEngine
from tests.support.strategies import number

pytestmark = [pytest.mark.model, pytest.mark.shared, pytest.mark.slow]

ELSEWHERE = number(9_999_999)


def read_cases(path):
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def location_of(case):
    """A case as a location; rule i rings number(i)."""
    return Location(
        location_id=case["location_id"],
        default_destination=ELSEWHERE,
        rules=[
            ContextRule(
                label=rule["label"],
                when=rule["when"],
                examples=rule["examples"],
                destination=number(i),
            )
            for i, rule in enumerate(case["rules"])
        ],
    )


@pytest.mark.parametrize(("name", "least"), [("clinc150", 0.886), ("banking77", 0.852)])
def test_the_shipped_default_is_as_good_as_it_was(name, least, eval_folder):
    cases = read_cases(eval_folder / f"{name}.dev.jsonl")
    engine = RoutingEngine(map(location_of, cases))
    queries = [
        (case["location_id"], query["text"], query["label"], [r["label"] for r in case["rules"]])
        for case in cases
        for query in case["queries"]
    ]
    decisions = engine.route_many((location_id, text) for location_id, text, _, _ in queries)
    right, held = [], []
    for (_, _, label, labels), decision in zip(queries, decisions, strict=True):
        dialled = str(decision.destination)
        if label is None:
            held.append(decision.outcome is Outcome.DEFAULT and dialled == ELSEWHERE)
        else:
            right.append(dialled == number(labels.index(label)))
    balanced = (sum(right) / len(right) + sum(held) / len(held)) / 2
    assert len(right) > 1000
    assert len(held) > 1000
    assert balanced >= least, f"balanced {balanced:.4f}"
