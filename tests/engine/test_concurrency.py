"""Threads that route while another replaces the catalog, or saves it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from routing_engine import HashingEncoder, Location, RoutingEngine, RoutingPolicy
from tests.support.strategies import a_rule, number

N_THREADS = 8
N_REPLACES = 200
N_LOCATIONS = 12
SAID = ("billing", "urgent leak", "booking", "nothing of the kind", "")


def version_number(version, location, slot):
    """A number that says of which version, location and rule it is; slot 0 is the default."""
    return number(version * 1000 + location * 10 + slot)


def version_of(version):
    """All locations of one version; their order, and which exist, change with it."""
    order = [(i * 5 + version) % N_LOCATIONS for i in range(N_LOCATIONS)]
    labels = ("Billing", "Urgent leak", "Booking", f"Season {version % 3}")
    return [
        Location(
            location_id=f"store-{i}",
            default_destination=version_number(version, i, 0),
            rules=tuple(
                a_rule(label, version_number(version, i, 1 + slot))
                for slot, label in enumerate(labels[: 2 + (i + version) % 3])
            ),
        )
        for i in order
    ]


def allowed(decision):
    """Whether a decision's destination is one of its own location in its own version."""
    i = int(decision.location_id.removeprefix("store-"))
    dialled = str(decision.destination)
    if decision.rule is None:
        return dialled == version_number(decision.catalog_version, i, 0)
    slot = (
        1 + ("Billing", "Urgent leak", "Booking").index(decision.rule.label)
        if not decision.rule.label.startswith("Season")
        else 4
    )
    return (
        dialled
        == version_number(decision.catalog_version, i, slot)
        == str(decision.rule.destination)
    )


def in_threads(work, n=N_THREADS):
    """Run work(thread number) in n threads at once; raise the first failure of any."""
    failures = []

    def guarded(i):
        try:
            work(i)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def an_engine():
    return RoutingEngine(
        version_of(1), encoder=HashingEncoder(32), policy=RoutingPolicy(threshold=0.2)
    )


@pytest.mark.no_cover
def test_every_decision_belongs_to_one_version_while_the_catalog_is_replaced():
    engine = an_engine()
    done = threading.Event()
    n_routed = [0] * N_THREADS
    versions_seen = [set() for _ in range(N_THREADS)]

    def work(i):
        if i == N_THREADS:
            try:
                for version in range(2, N_REPLACES + 2):
                    assert engine.replace(version_of(version)) == version
            finally:
                done.set()
            return
        last = 0
        while not done.is_set() or n_routed[i] < 200:
            k = n_routed[i]
            decision = engine.route(f"store-{(k + i) % N_LOCATIONS}", SAID[k % len(SAID)])
            assert allowed(decision), decision
            assert decision.catalog_version >= last, "a reader went back in time"
            last = decision.catalog_version
            versions_seen[i].add(last)
            n_routed[i] += 1

    in_threads(work, N_THREADS + 1)
    assert engine.catalog_version == N_REPLACES + 1
    assert min(n_routed) >= 200
    assert len(set().union(*versions_seen)) > 20


def test_a_batch_is_answered_by_one_version():
    engine = an_engine()
    done = threading.Event()
    queries = [(f"store-{k % N_LOCATIONS}", SAID[k % len(SAID)]) for k in range(60)]

    def work(i):
        if i == 2:
            try:
                for version in range(2, 60):
                    engine.replace(version_of(version))
            finally:
                done.set()
            return
        while not done.is_set():
            decisions = engine.route_many(queries)
            assert len({decision.catalog_version for decision in decisions}) == 1
            assert all(map(allowed, decisions))
            assert [d.location_id for d in decisions] == [name for name, _ in queries]

    in_threads(work, 3)


def test_writers_take_turns():
    engine = an_engine()
    versions = []

    def work(i):
        versions.extend(engine.replace(version_of(7)) for _ in range(10))

    in_threads(work, 4)
    assert sorted(versions) == list(range(2, 42))
    assert engine.catalog_version == 41


def test_old_decisions_stay_whole_after_a_replacement():
    engine = an_engine()
    decisions = [engine.route("store-3", said) for said in SAID]
    before = [decision.to_dict() for decision in decisions]
    for version in range(2, 20):
        engine.replace(version_of(version))
    engine.replace([])
    assert [decision.to_dict() for decision in decisions] == before
    assert decisions[0].rule == a_rule("Billing", version_number(1, 3, 1))


def test_concurrent_callers_of_aroute_each_get_their_own_answer():
    engine = an_engine()

    async def ask():
        return await asyncio.gather(
            *(engine.aroute(f"store-{k % N_LOCATIONS}", SAID[k % len(SAID)]) for k in range(200))
        )

    for k, decision in enumerate(asyncio.run(ask())):
        assert decision == engine.route(f"store-{k % N_LOCATIONS}", SAID[k % len(SAID)])
