"""Sessions of the console, and finding agents by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from routing_engine.store import DecisionRow, Store
from routing_engine.store.sessions import find_session

IDLE, LIFETIME = timedelta(minutes=30), timedelta(hours=12)


@pytest.fixture
def signed_in(store: Store):
    organisation_id = store.create_organisation("ours")
    with store.work(organisation_id) as work:
        key, _ = work.keys.create("desk", ["agents:read"])
        token = work.sessions.create(key.id, LIFETIME)
    return organisation_id, key.id, token


def at(store: Store, token: str, later: timedelta):
    """The session as it would be found later."""
    from routing_engine.store.scoped_session import ALL

    with store._database.transaction(ALL, writing=False) as rows:
        return find_session(rows, token, IDLE, datetime.now(UTC) + later)


def test_a_session_says_what_its_key_may_do_now(store: Store, signed_in):
    organisation_id, key_id, token = signed_in
    session = store.session(token, IDLE)
    assert session is not None
    assert session.key_name == "desk"
    assert session.principal.organisation_id == organisation_id
    assert session.principal.scopes == {"agents:read"}
    for wrong in ("", "x", token[:-1], token + "x", "é" * 20, "x" * 5000):
        assert store.session(wrong, IDLE) is None
    with store.work(organisation_id) as work:
        work.keys.delete(key_id)
    assert store.session(token, IDLE) is None


def test_it_ends_unused_or_at_its_time_however_much_it_is_used(store: Store, signed_in):
    organisation_id, _, token = signed_in
    minute = timedelta(minutes=1)
    assert at(store, token, IDLE - minute) is not None
    assert at(store, token, IDLE + minute) is None
    found = at(store, token, timedelta(seconds=10))
    assert found is not None
    assert found[1] is False  # seen within the minute: nothing to note
    assert at(store, token, 2 * minute)[1] is True
    with store.work(organisation_id) as work:
        short = work.sessions.create(signed_in[1], timedelta(minutes=5))
    assert at(store, short, timedelta(minutes=6)) is None
    store.expire(datetime.now(UTC) + timedelta(minutes=6))
    assert store.session(short, IDLE) is None
    assert store.session(token, IDLE) is not None


def test_one_session_is_ended_or_all_of_a_key(store: Store, signed_in):
    organisation_id, key_id, token = signed_in
    with store.work(organisation_id) as work:
        another = work.sessions.create(key_id, LIFETIME)
        third = work.sessions.create(work.keys.create("other", [])[0].id, LIFETIME)
    with store.work(organisation_id) as work:
        work.sessions.end(store.session(token, IDLE).id)
    assert store.session(token, IDLE) is None
    with store.work(organisation_id) as work:
        assert work.sessions.end_all(key_id) == 1
    assert store.session(another, IDLE) is None
    assert store.session(third, IDLE) is not None


def test_a_session_of_another_organisation_is_not_ended(store: Store, signed_in):
    theirs = store.create_organisation("theirs")
    with store.work(theirs) as work:
        work.sessions.end(store.session(signed_in[2], IDLE).id)
        assert work.sessions.end_all(signed_in[1]) == 0
    assert store.session(signed_in[2], IDLE) is not None


def test_agents_are_found_by_name_or_location_and_by_what_is_published(store: Store):
    organisation_id = store.create_organisation("ours")
    with store.work(organisation_id) as work:
        made = [
            work.agents.create(name, location_id, {})
            for name, location_id in (
                ("Oakland 100%", "s-1"),
                ("berkeley", "OAK-2"),
                ("Reno", "s_3"),
            )
        ]
        work.versions.publish(made[0].id, snapshot={}, location="{}")
        work.versions.publish(made[1].id, snapshot={}, location="{}")
        work.agents.update(made[1].id, name="Berkeley")
    with store.read(organisation_id) as work:

        def names(*arguments, **options):
            assert work.agents.count(*arguments, **options) == len(
                work.agents.search(*arguments, **options).items
            )
            return {agent.name for agent in work.agents.search(*arguments, **options).items}

        assert names() == {"Berkeley", "Oakland 100%", "Reno"}
        assert names(" OAK") == {"Berkeley", "Oakland 100%"}
        assert names("%") == {"Oakland 100%"}
        assert names("s_") == {"Reno"}
        assert names(is_published=False) == {"Reno"}
        assert names(is_changed=True) == {"Berkeley", "Reno"}
        assert names(is_changed=True, is_published=True) == {"Berkeley"}
        assert names(is_changed=False) == {"Oakland 100%"}
        assert [agent.is_changed for agent in work.agents.search().items] == [True, False, True]
        first = work.agents.search(limit=2)
        assert [a.name for a in first.items] == ["Berkeley", "Oakland 100%"]
        assert [a.name for a in work.agents.search("", 2, first.cursor).items] == ["Reno"]


def test_totals_of_several_agents_are_those_of_each(store: Store):
    organisation_id, now = store.create_organisation("ours"), datetime.now(UTC)
    with store.work(organisation_id) as work:
        agents = [work.agents.create(f"A{i}", None, {}).id for i in range(3)]
    rows = [
        DecisionRow(
            organisation_id=organisation_id, id=f"d{i}-{days}", call_id=f"c{i}-{days}",
            agent_id=agents[i % 2], version=1, decided_at=now - timedelta(days=days),
            outcome=outcome, reason="rule_matched", transferred=outcome != "contain", is_alone=True,
        )
        for i, outcome in enumerate(["transfer", "default", "contain", "transfer"])
        for days in (0, 3, 40)
    ]  # fmt: skip
    store.add_decisions(rows)
    with store.read(organisation_id) as work:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=30)
        each = work.calls.totals_each(agents, now - timedelta(days=30))
        for agent_id in agents:
            one = work.calls.totals(agent_id, since=midnight)
            assert each[agent_id].calls == one.calls
            assert each[agent_id].transfer_rate == one.transfer_rate
            assert each[agent_id].default_rate == one.default_rate
            assert each[agent_id].contained == one.contained
        assert [each[agent_id].calls for agent_id in agents] == [4, 4, 0]
        assert work.calls.totals_each([], now) == {}
