"""The engine against the naive one, on many thousands of locations and utterances."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import (
    ContextRule,
    Destination,
    HashingEncoder,
    Location,
    RoutingEngine,
    RoutingPolicy,
)
from routing_engine.hours import next_opening
from tests.support.examples import examples
from tests.support.hours import ZONES, random_hours, random_instant
from tests.support.naive import NaiveEngine
from tests.support.strategies import WORDS, location_lists, number, sentences, texts

N_PAIRS = 24_000
N_LOCATIONS = 300
UNKNOWN = Destination("+14155559999")

POLICIES = (
    RoutingPolicy(),
    RoutingPolicy(threshold=0.0),
    RoutingPolicy(threshold=0.6, margin=0.5),
    RoutingPolicy(margin=0.5, on_ambiguous="best"),
)


def franchise(rng, first_number=0):
    """Locations that share a few rule tables and differ in their numbers, shuffled a little."""
    numbers = iter(range(first_number, 10_000_000))

    def phrase(least=2):
        return " ".join(rng.sample(WORDS, rng.randint(least, 7)))

    def table():
        return [
            {
                "label": f"{phrase()} {i}",
                "when": f"caller {phrase(3)} {i}",
                "examples": tuple(phrase() for _ in range(rng.randint(0, 4))),
                "threshold": rng.choice((None, None, None, 0.0, 0.3, 0.9)),
                "requires_verification": rng.random() < 0.1,
                "requires_confirmation": rng.random() < 0.1,
                "enabled": rng.random() < 0.9,
                "action": "contain" if rng.random() < 0.1 else "transfer",
            }
            for i in range(rng.randint(0, 10))
        ]

    tables = [table() for _ in range(25)]
    made = []
    for i in range(N_LOCATIONS):
        rules = list(rng.choice(tables))
        if rng.random() < 0.2:
            rng.shuffle(rules)
        made.append(
            Location(
                location_id=f"store-{i:04d}",
                default_destination=number(next(numbers)),
                rules=tuple(
                    ContextRule(
                        **rule,
                        urgent=rule["action"] == "transfer" and rule["label"].endswith(("1", "4")),
                        destination=f"{number(next(numbers))}{rng.choice(('', '', ';ext=7'))}",
                    )
                    for rule in rules
                ),
                threshold=rng.choice((None, None, 0.0, 0.6)),
            )
        )
    return made


def an_utterance(rng, locations):
    """Something a rule waits for, in part; something else; or nothing at all."""
    kind = rng.random()
    if kind < 0.05:
        return rng.choice(("", "  ", "🔥🔥", "...", "\n"))
    words = rng.sample(WORDS, rng.randint(1, 8))
    rules = rng.choice(locations).rules
    if kind < 0.7 and rules:
        rule = rng.choice(rules)
        said = rng.choice((rule.when, *rule.examples)).split()
        words = [*said[: rng.randint(1, len(said))], *words[: rng.randint(0, 2)]]
    return " ".join(words)


def answer(decision):
    return decision.outcome.value, decision.reason.value, decision.destination


@pytest.mark.parametrize("seed", range(len(POLICIES)))
def test_the_engine_answers_as_the_naive_one_does(seed):
    rng = random.Random(seed)
    locations = franchise(rng)
    policy = POLICIES[seed]
    engine = RoutingEngine(
        locations, encoder=HashingEncoder(64), policy=policy, default_destination=UNKNOWN
    )
    naive = NaiveEngine(locations, HashingEncoder(64), policy=policy, default_destination=UNKNOWN)
    own = {
        item.location_id: {item.default_destination, *(r.destination for r in item.rules), None}
        for item in locations
    }
    said = [an_utterance(rng, locations) for _ in range(600)]
    seen = Counter()
    for _ in range(N_PAIRS // len(POLICIES)):
        location_id = "store-9999" if rng.random() < 0.01 else rng.choice(locations).location_id
        utterance = rng.choice(said)
        gates = {"verified": rng.random() < 0.3, "confirmed": rng.random() < 0.3}
        decision = engine.route(location_id, utterance, **gates)
        *expected, confidence = naive.route(location_id, utterance, **gates)
        assert answer(decision) == tuple(expected), (location_id, utterance, gates)
        assert decision.confidence == pytest.approx(confidence, abs=1e-4)
        assert decision.location_id == location_id
        assert decision.destination in own.get(location_id, {UNKNOWN})
        seen[decision.outcome.value] += 1
        seen[decision.reason.value] += 1
    # A sample that never leaves the beaten track would prove little.
    wanted = {"transfer", "default", "verify", "confirm", "routine", "rule_disabled", "no_rules"}
    assert {name for name in wanted if seen[name] < 20} == set(), seen
    assert (seen["clarify"] > 20) == (policy.margin > 0 and policy.on_ambiguous == "clarify")


def with_hours(rng, locations):
    """The same locations, most with business hours, and rules for every hour."""
    made = []
    for location in locations:
        zone = rng.choice(ZONES)
        made.append(
            Location(
                location_id=location.location_id,
                default_destination=location.default_destination,
                threshold=location.threshold,
                rules=tuple(
                    rule.model_copy(
                        update={"hours": rng.choice((None, "always", "open", "closed"))}
                    )
                    for rule in location.rules
                ),
                timezone=zone,
                business_hours=random_hours(rng, zone, step=15) if rng.random() < 0.8 else None,
                after_hours=number(5_000_000 + len(made)) if rng.random() < 0.5 else None,
            )
        )
    return made


def test_in_and_out_of_hours_the_engine_answers_as_the_naive_one_does():
    rng = random.Random(77)
    locations = with_hours(rng, franchise(rng))
    policy = RoutingPolicy(margin=0.5)
    engine = RoutingEngine(locations, encoder=HashingEncoder(64), policy=policy)
    naive = NaiveEngine(locations, HashingEncoder(64), policy=policy)
    said = [an_utterance(rng, locations) for _ in range(200)]
    seen = Counter()
    for _ in range(4000):
        location = rng.choice(locations)
        asked = location.location_id, rng.choice(said)
        options = {"now": random_instant(rng, location.timezone), "verified": rng.random() < 0.3}
        decision = engine.route(*asked, **options)
        assert answer(decision) == naive.route(*asked, **options)[:3], (asked, options)
        if decision.outcome == "closed":
            assert decision.next_opening == next_opening(location.business_hours, options["now"])
        seen[decision.outcome.value, decision.reason.value, decision.destination is None] += 1
        seen[decision.outcome.value] += 1
    # A sample that never leaves the beaten track would prove little.
    assert all(seen[outcome] > 50 for outcome in ("transfer", "default", "closed")), seen
    assert seen["default", "outside_hours", False] > 50, seen
    assert seen["clarify", "ambiguous", True] > 3, seen


def test_many_at_once_are_answered_as_the_naive_engine_does():
    rng = random.Random(99)
    locations = franchise(rng)
    engine = RoutingEngine(locations, encoder=HashingEncoder(64), default_destination=UNKNOWN)
    naive = NaiveEngine(
        locations, HashingEncoder(64), policy=RoutingPolicy(), default_destination=UNKNOWN
    )
    queries = [
        (rng.choice(locations).location_id, an_utterance(rng, locations)) for _ in range(3000)
    ]
    for query, decision in zip(queries, engine.route_many(queries), strict=True):
        assert answer(decision) == naive.route(*query)[:3]


@examples(40)
@given(location_lists, st.lists(sentences | texts, min_size=1, max_size=3), st.data())
def test_a_destination_is_always_of_the_location_that_was_asked_for(locations, said, data):
    policy = RoutingPolicy(
        threshold=data.draw(st.sampled_from((None, 0.0, 1.0))),
        margin=data.draw(st.sampled_from((0.0, 0.2))),
    )
    engine = RoutingEngine(locations, encoder=HashingEncoder(8), policy=policy)
    for location in locations:
        own = {location.default_destination, None, *(rule.destination for rule in location.rules)}
        own.add(location.after_hours)
        for utterance in said:
            decision = engine.route(location.location_id, utterance)
            assert decision.destination in own
            assert decision.rule in (None, *location.rules)
            if decision.outcome == "transfer":
                assert decision.destination == decision.rule.destination


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=5, unique=True),
    sentences,
    st.randoms(use_true_random=False),
)
def test_the_order_of_rules_and_of_locations_does_not_matter(picked, utterance, rng):
    rules = [
        ContextRule(
            label=WORDS[i % len(WORDS)],
            when=f"caller asks about {WORDS[i % len(WORDS)]} {i}",
            destination=number(i),
        )
        for i in picked
    ]
    shuffled = rng.sample(rules, len(rules))

    def location(name, some):
        return Location(location_id=name, default_destination=number(99), rules=tuple(some))

    encoder = HashingEncoder(16)
    one = RoutingEngine([location("a", rules), location("b", shuffled[:1])], encoder=encoder)
    other = RoutingEngine([location("b", shuffled[:1]), location("a", shuffled)], encoder=encoder)
    first, second = one.route("a", utterance), other.route("a", utterance)
    assert first == second
    assert first.candidates == second.candidates
