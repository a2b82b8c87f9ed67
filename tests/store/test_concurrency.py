"""Many at a time, on both databases: nothing is lost, nothing has gaps, nobody waits for ever."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from routing_engine.errors import ConflictError, PreconditionFailedError
from routing_engine.store import CallRow, DecisionRow, ImportedDraft, Store

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
N_THREADS = 6


def at_once(act, n=N_THREADS):
    """Run ``act(0)`` to ``act(n - 1)`` in threads that begin together; what they return."""
    barrier = threading.Barrier(n)

    def begin(i):
        barrier.wait()
        return act(i)

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(begin, range(n), timeout=120))


def made(store, n=1):
    organisation_id = store.create_organisation("Acme")
    with store.work(organisation_id) as work:
        ids = [work.agents.create(f"Agent {i}", f"store-{i}", {}).id for i in range(n)]
    return organisation_id, ids


def test_what_is_read_and_written_back_in_one_work_loses_no_update(store):
    organisation_id, [agent_id] = made(store)

    def merge(i):
        for j in range(5):
            with store.work(organisation_id) as work:
                config = work.agents.get(agent_id).config
                work.agents.update(agent_id, config={**config, f"{i}.{j}": True})

    at_once(merge)
    with store.read(organisation_id) as work:
        agent = work.agents.get(agent_id)
    assert sorted(agent.config) == sorted(f"{i}.{j}" for i in range(N_THREADS) for j in range(5))
    assert agent.etag == f"r{1 + 5 * N_THREADS}"


def test_of_those_who_name_the_same_etag_one_wins(store):
    organisation_id, [agent_id] = made(store)

    def change(i):
        with store.read(organisation_id) as work:
            etag = work.agents.get(agent_id).etag
        seen.wait()
        try:
            with store.work(organisation_id) as work:
                work.agents.update(agent_id, config={"by": i}, if_match=etag)
        except PreconditionFailedError as error:
            return None, error.current
        return i, None

    seen = threading.Barrier(N_THREADS)
    answers = at_once(change)
    [winner] = [i for i, _ in answers if i is not None]
    assert {current for i, current in answers if i is None} == {"r2"}
    with store.read(organisation_id) as work:
        assert work.agents.get(agent_id).config == {"by": winner}


def test_versions_have_no_gaps_and_the_feed_gives_each_position_once(store):
    organisation_id, ids = made(store, 3)
    n_each = 5

    def publish(i):
        chance = random.Random(i)
        for _ in range(n_each):
            agent_id = chance.choice(ids)
            with store.work(organisation_id) as work:
                work.versions.publish(agent_id, snapshot=work.drafts.get(agent_id), location="{}")

    at_once(publish)
    with store.read(organisation_id) as work:
        numbers = [[v.number for v in work.versions.page(agent_id).items] for agent_id in ids]
    assert all(found == list(range(len(found), 0, -1)) for found in numbers)
    assert sum(map(len, numbers)) == N_THREADS * n_each
    assert store.feed().position() == N_THREADS * n_each


def test_a_reader_of_the_feed_never_misses_what_commits_late(store):
    """Whoever asks on from the position last seen has seen every agent's last version."""
    organisation_id, ids = made(store, 4)
    done = threading.Event()
    known = {}

    def read():
        feed, position = store.feed(), 0
        while True:
            is_last = done.is_set()
            changes = feed.changes(position)
            assert changes.position >= position
            for location in changes.locations:
                known[location.location_id] = location.name
            position = changes.position
            if is_last:
                return

    def publish(i):
        for n in range(8):
            for agent_id in ids if i % 2 else reversed(ids):
                with store.work(organisation_id) as work:
                    number = work.versions.publish(
                        agent_id,
                        snapshot={},
                        location=f'{{"location_id": "x", "default_destination": "+14155550100", '
                        f'"name": "{i}.{n}.{agent_id}"}}',
                    ).number
                    assert number > 0

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        at_once(publish, 3)
        done.set()
        reading.result(timeout=60)
    newest = {location.location_id: location.name for location in store.feed().changes().locations}
    assert known == newest
    assert set(newest) == set(ids)


def test_a_request_that_comes_twice_at_once_is_done_once(store):
    organisation_id, _ = made(store, 0)

    def create(_):
        with store.work(organisation_id) as work:
            answer = work.answers.recall("key", "fingerprint")
            if answer is not None:
                return answer.body
            agent = work.agents.create("Downtown", "store-0042", {})
            work.answers.remember("key", "fingerprint", 201, agent.id, {})
            return agent.id

    assert len(set(at_once(create))) == 1
    with store.read(organisation_id) as work:
        assert len(work.agents.page().items) == 1


def test_of_those_who_make_the_same_agent_one_wins(store):
    organisation_id, _ = made(store, 0)

    def create(_):
        try:
            with store.work(organisation_id) as work:
                return work.agents.create("Downtown", "store-0042", {}).id
        except ConflictError:
            return None

    assert len([agent_id for agent_id in at_once(create) if agent_id is not None]) == 1


def test_imports_in_any_order_do_not_wait_in_a_ring(store):
    organisation_id, ids = made(store, 12)

    def apply(i):
        chance = random.Random(i)
        n_applied = 0
        for _ in range(4):
            names = [f"store-{n}" for n in range(len(ids))]
            chance.shuffle(names)
            with store.read(organisation_id) as work:
                drafts = work.drafts.at_locations(names)
            try:
                with store.work(organisation_id) as work:
                    work.imports.apply(
                        [
                            ImportedDraft(
                                location_id=name,
                                name=f"{i}",
                                config={},
                                etag=drafts[name][0].etag,
                                snapshot={},
                                location="{}",
                            )
                            for name in names
                        ]
                    )
                n_applied += 1
            except PreconditionFailedError:
                pass
        return n_applied

    n_applied = sum(at_once(apply))
    assert n_applied >= 1
    with store.read(organisation_id) as work:
        agents = work.agents.page().items
        assert {agent.version for agent in agents} == {n_applied}
        assert len({agent.name for agent in agents}) == 1
    assert store.feed().position() == n_applied


def test_calls_counted_at_once_add_up(store):
    organisation_id, ids = made(store, 2)

    def count(i):
        chance = random.Random(i)
        for j in range(6):
            agents = ids if i % 2 else ids[::-1]
            with store.work(organisation_id) as work:
                for agent_id in agents:
                    outcome = chance.choice(["transfer", "contain"])
                    call_id = f"cal_{i}_{j}_{agent_id}"
                    work.calls.put(
                        CallRow(
                            id=call_id,
                            agent_id=agent_id,
                            version=1,
                            opened_at=NOON,
                            outcome=outcome,
                        )
                    )
            store.add_decisions(
                DecisionRow(
                    organisation_id=organisation_id,
                    id=f"dec_{i}_{j}_{agent_id}",
                    call_id=f"cal_d_{i}_{j}_{agent_id}",
                    agent_id=agent_id,
                    version=1,
                    decided_at=NOON,
                    outcome=chance.choice(["transfer", "default"]),
                    reason="rule_matched",
                    is_alone=True,
                )
                for agent_id in agents
            )

    at_once(count)
    with store.read(organisation_id) as work:
        assert [work.calls.totals(agent_id).calls for agent_id in ids] == [12 * N_THREADS] * 2


def test_two_stores_of_one_database_write_in_turn(store, store_url):
    organisation_id, [agent_id] = made(store)
    with Store.open(store_url, secret=bytes(range(32))) as other:

        def merge(i):
            for j in range(5):
                with (store, other)[i % 2].work(organisation_id) as work:
                    config = work.agents.get(agent_id).config
                    work.agents.update(agent_id, config={**config, f"{i}.{j}": True})

        at_once(merge, 4)
    with store.read(organisation_id) as work:
        assert len(work.agents.get(agent_id).config) == 20


def test_a_reader_sees_one_moment_and_waits_for_no_writer(store):
    organisation_id, [agent_id] = made(store)
    with store.read(organisation_id) as reading:
        assert reading.agents.get(agent_id).config == {}
        with store.work(organisation_id) as work:
            work.agents.update(agent_id, config={"new": True})
            with store.read(organisation_id) as beside:
                assert beside.agents.get(agent_id).config == {}
        assert reading.drafts.get(agent_id)["config"] == {}
    with store.read(organisation_id) as after:
        assert after.agents.get(agent_id).config == {"new": True}
