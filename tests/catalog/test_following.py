"""An engine that follows a store answers from what is published, and keeps up with it."""

from __future__ import annotations

import threading
import time

import pytest

from routing_engine import (
    ContextRule,
    HashingEncoder,
    InvalidValueError,
    Location,
    RoutingEngine,
    UnknownLocationError,
)
from routing_engine.errors import StoreUnavailableError
from routing_engine.store import ImportedDraft, Store

BEFORE, AFTER = "+14155550111", "+14155550122"
DEADLINE_S = 2.0


def location(location_id, number=BEFORE):
    rule = ContextRule(label="Billing", when="caller asks about an invoice", destination=number)
    return Location(location_id=location_id, default_destination="+14155550100", rules=(rule,))


def publish(store, organisation_id, agent_id, compiled):
    with store.work(organisation_id) as work:
        work.versions.publish(
            agent_id, snapshot=work.drafts.get(agent_id), location=compiled.model_dump_json()
        )


def dialled(engine, location_id):
    return str(engine.location(location_id).rules[0].destination)


def eventually(true, timeout_s=DEADLINE_S):
    """Wait until something is so; fails after a time in which it had to be."""
    until = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.005)


@pytest.fixture
def organisation_id(store):
    return store.create_organisation("Acme")


@pytest.fixture
def agent_id(store, organisation_id):
    with store.work(organisation_id) as work:
        agent_id = work.agents.create("Downtown", "store-0042", {}).id
    publish(store, organisation_id, agent_id, location("store-0042"))
    return agent_id


def engine_of(locations=()):
    return RoutingEngine(locations, encoder=HashingEncoder(), cache_size=0)


class Changed:
    """What a feed says was published."""

    def __init__(self, position, *locations, removed=(), unreadable=()):
        self.position = position
        self.locations = list(locations)
        self.removed = removed
        self.unreadable = unreadable


class Scripted:
    """A feed that says one thing after the other."""

    def __init__(self, *changes):
        self._changes = list(changes)

    def changes(self, since=0):
        return self._changes.pop(0)

    def wait(self, since, timeout_s):
        time.sleep(min(timeout_s, 0.01))
        return bool(self._changes)

    def close(self):
        pass


def test_a_line_that_another_still_holds_is_waited_for_and_holds_up_nobody():
    def lined(name, *lines):
        return location(name).model_copy(update={"lines": lines})

    feed = Scripted(
        Changed(1, lined("a", "2204"), lined("b")),
        # What is stored of "a" cannot be read, so that it stays as it was.
        Changed(2, lined("b", "2204"), lined("c", "2205"), unreadable=("a",)),
        Changed(3, lined("a"), lined("b", "2204")),
    )
    engine = engine_of()
    seen = []
    with engine.follow(feed) as following:
        until = time.monotonic() + 5
        while following.position < 3 and time.monotonic() < until:
            seen.append((following.position, following.skipped))
            time.sleep(0.001)
        assert following.error is None
    assert following.skipped == frozenset()
    held = [engine.location_for(line).location_id for line in ("2204", "2205")]
    assert held == ["b", "c"]


class TestStoreFeed:
    def test_the_first_load_is_there_at_once_and_replaces_what_was(
        self, store, organisation_id, agent_id
    ):
        engine = engine_of([location("before")])
        with engine.follow(store.feed(organisation_id)) as following:
            assert engine.location_ids() == ("store-0042",)
            assert following.position == 1
            assert following.is_current
            assert following.error is None
            assert following.lag_s < DEADLINE_S

    def test_the_feed_of_all_names_locations_by_agent(self, store, agent_id):
        engine = engine_of()
        with engine.follow(store):
            assert engine.location_ids() == (agent_id,)

    def test_a_publication_arrives_within_two_seconds(self, store, organisation_id, agent_id):
        engine = engine_of()
        with engine.follow(store.feed(organisation_id)) as following:
            publish(store, organisation_id, agent_id, location("store-0042", AFTER))
            eventually(lambda: dialled(engine, "store-0042") == AFTER)
            eventually(lambda: following.position == 2)

    def test_what_is_withdrawn_or_deleted_leaves_and_may_come_back(
        self, store, organisation_id, agent_id
    ):
        engine = engine_of()
        with engine.follow(store.feed(organisation_id)):
            with store.work(organisation_id) as work:
                work.versions.unpublish(agent_id)
            eventually(lambda: "store-0042" not in engine)
            publish(store, organisation_id, agent_id, location("store-0042"))
            eventually(lambda: "store-0042" in engine)
            with store.work(organisation_id) as work:
                work.agents.delete(agent_id)
                second = work.agents.create("Again", "store-0042", {}).id
            publish(store, organisation_id, second, location("store-0042", AFTER))
            eventually(lambda: "store-0042" in engine and dialled(engine, "store-0042") == AFTER)

    def test_what_another_organisation_publishes_does_not_arrive(
        self, store, organisation_id, agent_id
    ):
        engine = engine_of()
        other = store.create_organisation("Other")
        with engine.follow(store.feed(organisation_id)) as following:
            with store.work(other) as work:
                theirs = work.agents.create("Theirs", "store-0099", {}).id
            publish(store, other, theirs, location("store-0099"))
            eventually(lambda: following.position == 2)
            assert engine.location_ids() == ("store-0042",)

    def test_it_goes_on_from_a_snapshot(self, store, organisation_id, agent_id, tmp_path):
        engine = engine_of()
        with engine.follow(store.feed(organisation_id)) as following:
            position = following.position
            engine.save(tmp_path / "snapshot")
        with store.work(organisation_id) as work:
            second = work.agents.create("Uptown", "store-0043", {}).id
        publish(store, organisation_id, second, location("store-0043"))
        loaded = RoutingEngine.load(tmp_path / "snapshot", encoder=HashingEncoder())
        with loaded.follow(store.feed(organisation_id), since=position) as following:
            assert following.position == 2
            assert set(loaded.location_ids()) == {"store-0042", "store-0043"}

    def test_a_row_that_is_no_location_is_skipped_told_and_holds_up_no_other(
        self, store, organisation_id, agent_id, caplog
    ):
        with store.work(organisation_id) as work:
            bad = work.agents.create("Bad", "store-0043", {}).id
            work.versions.publish(bad, snapshot={}, location='{"caller": "Ada Lovelace"')
        engine = engine_of()
        with engine.follow(store.feed(organisation_id)) as following:
            assert engine.location_ids() == ("store-0042",)
            assert following.skipped == {"store-0043"}
            assert following.is_current
            assert bad in caplog.text
            assert "Ada" not in caplog.text
            publish(store, organisation_id, bad, location("store-0043"))
            eventually(lambda: "store-0043" in engine and following.skipped == frozenset())
            with store.work(organisation_id) as work:
                work.versions.publish(bad, snapshot={}, location="[]")
            eventually(lambda: following.skipped == {"store-0043"})
            assert dialled(engine, "store-0043") == BEFORE

    def test_a_whole_import_arrives_at_one_position(self, store, organisation_id):
        engine = engine_of()
        names = [f"store-{i}" for i in range(30)]
        with engine.follow(store.feed(organisation_id)) as following:
            with store.work(organisation_id) as work:
                work.imports.apply(
                    ImportedDraft(
                        location_id=name,
                        name=name,
                        config={},
                        snapshot={},
                        location=location(name).model_dump_json(),
                    )
                    for name in names
                )
            eventually(lambda: following.position == 1)
            assert set(engine.location_ids()) == set(names)
            assert engine.catalog_version == 3  # empty, followed, imported

    def test_connections_that_break_are_made_again(self, store, organisation_id, agent_id):
        if store._database.is_sqlite:
            pytest.skip("SQLite has no connection to break")
        import psycopg

        url = store._database.url.set(drivername="postgresql")
        engine = engine_of()
        with engine.follow(store.feed(organisation_id)) as following:
            with psycopg.connect(
                url.render_as_string(hide_password=False), autocommit=True
            ) as killer:
                killer.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            assert dialled(engine, "store-0042") == BEFORE
            publish(store, organisation_id, agent_id, location("store-0042", AFTER))
            eventually(lambda: dialled(engine, "store-0042") == AFTER, 5.0)
            eventually(lambda: following.is_current)

    def test_a_listener_is_told_at_once(self, store, organisation_id, agent_id):
        feed = store.feed(organisation_id)
        waited = {}

        def wait():
            began = time.monotonic()
            waited["is_other"] = feed.wait(1, 10.0)
            waited["s"] = time.monotonic() - began

        try:
            assert feed.wait(1, 0.0) is False
            assert feed.wait(0, 10.0) is True
            thread = threading.Thread(target=wait)
            thread.start()
            publish(store, organisation_id, agent_id, location("store-0042"))
            thread.join(timeout=20)
            assert waited["is_other"] is True
            assert waited["s"] < DEADLINE_S
        finally:
            feed.close()


class Changes:
    def __init__(self, position, locations=(), removed=(), unreadable=()):
        self.position = position
        self.locations = locations
        self.removed = removed
        self.unreadable = unreadable


class Script:
    """A feed that answers as it is told."""

    def __init__(self, changes):
        self.now = changes
        self.fails = None
        self.closed = False
        self.asked = threading.Event()

    def changes(self, since=0):
        if self.fails is not None:
            raise self.fails
        return self.now

    def wait(self, since, timeout_s):
        self.asked.set()
        if self.fails is not None:
            raise self.fails
        time.sleep(0.01)
        return self.now.position != since

    def close(self):
        self.closed = True


class TestAnyFeed:
    def test_a_lost_feed_keeps_the_catalog_and_says_so(self):
        feed, engine = Script(Changes(1, (location("a"),))), engine_of()
        with engine.follow(feed) as following:
            feed.fails = StoreUnavailableError("gone")
            eventually(lambda: following.error is feed.fails)
            assert not following.is_current
            assert dialled(engine, "a") == BEFORE
            feed.now = Changes(2, (location("a", AFTER),))
            feed.fails = None
            eventually(lambda: following.is_current and following.position == 2, 5.0)
            assert dialled(engine, "a") == AFTER
        assert feed.closed

    def test_a_feed_that_is_lost_from_the_start_is_an_error_unless_there_is_a_snapshot(self):
        feed = Script(Changes(1))
        feed.fails = StoreUnavailableError("gone")
        with pytest.raises(StoreUnavailableError):
            engine_of().follow(feed)
        assert feed.closed
        engine = engine_of([location("a")])
        with engine.follow(feed, since=1) as following:
            assert following.error is feed.fails
            assert dialled(engine, "a") == BEFORE

    def test_a_store_that_was_put_back_is_loaded_again(self):
        feed, engine = Script(Changes(9, (location("a"), location("b")))), engine_of()
        with engine.follow(feed) as following:
            feed.now = Changes(3, (location("a", AFTER),))
            eventually(lambda: following.position == 3)
            assert engine.location_ids() == ("a",)

    def test_a_location_whose_extra_is_missing_holds_up_no_other(self, monkeypatch):
        import sys

        from routing_engine.matching import identification

        monkeypatch.setitem(sys.modules, "lingua", None)
        identification._load.cache_clear()  # another test may have had it
        rule = ContextRule(
            label="Spanish", when="caller speaks Spanish", destination=AFTER, languages=("es",)
        )
        spoken = location("b").model_copy(update={"rules": (rule,)})
        feed, engine = Script(Changes(1, (location("a"), spoken))), engine_of()
        with engine.follow(feed) as following:
            assert engine.location_ids() == ("a",)
            assert following.skipped == {"b"}

    def test_closing_stops_following_and_keeps_the_catalog(self):
        feed, engine = Script(Changes(1, (location("a"),))), engine_of()
        following = engine.follow(feed)
        following.close()
        following.close()
        feed.now = Changes(2, (), ("a",))
        assert feed.closed
        assert dialled(engine, "a") == BEFORE
        with pytest.raises(UnknownLocationError):
            engine.location("b")

    @pytest.mark.parametrize("feed", [None, "sqlite:///routing.db", object()])
    def test_what_is_no_feed_is_refused(self, feed):
        with pytest.raises(InvalidValueError):
            engine_of().follow(feed)

    def test_a_store_is_a_publisher_of_feeds(self, tmp_path):
        from routing_engine.catalog.following import Feed, Publisher

        with Store.open(f"sqlite:///{tmp_path / 'routing.db'}") as store:
            assert isinstance(store, Publisher)
            assert isinstance(store.feed(), Feed)
