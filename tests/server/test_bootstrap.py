"""The first start on an empty database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from routing_engine.errors import InvalidValueError
from routing_engine.server.security import SCOPES
from routing_engine.server.serving import bootstrap
from routing_engine.server.settings import Settings
from routing_engine.store import Store

KEY = "rk_" + "a" * 40


class TestBootstrap:
    def test_the_first_start_makes_one_organisation_and_the_given_key(self, store):
        for _ in range(2):
            bootstrap(store, Settings(bootstrap_key=KEY))
        ((organisation_id, name),) = store.organisations()
        assert name == "default"
        principal = store.authenticate(KEY)
        assert principal.organisation_id == organisation_id
        assert principal.scopes == frozenset(SCOPES)

    def test_a_key_that_is_made_is_printed_once_and_works(self, store, capsys):
        for _ in range(2):
            bootstrap(store, Settings())
        (token,) = capsys.readouterr().out.split()
        assert store.authenticate(token).scopes == frozenset(SCOPES)

    def test_a_first_start_that_fails_leaves_nothing_so_that_the_next_one_works(self, store):
        with pytest.raises(InvalidValueError, match="at least 32"):
            bootstrap(store, Settings(bootstrap_key="short"))
        assert store.is_empty()
        bootstrap(store, Settings(bootstrap_key=KEY))
        assert store.authenticate(KEY) is not None

    def test_of_several_first_starts_at_once_one_makes_the_organisation(self, store_url):
        with Store.open(store_url) as first, Store.open(store_url) as second:
            with ThreadPoolExecutor(1) as pool:
                with first.founding_first("default") as work:
                    work.keys.create("bootstrap", SCOPES, token=KEY)
                    # It sees no organisation yet, and has to wait to make one.
                    other = pool.submit(bootstrap, second, Settings(bootstrap_key=KEY))
                    with pytest.raises(TimeoutError):
                        other.result(timeout=0.3)
                other.result(timeout=10)
            ((organisation_id, _),) = second.organisations()
            with second.read(organisation_id) as work:
                assert [key.name for key in work.keys.page().items] == ["bootstrap"]

    def test_of_four_servers_that_start_at_once_on_an_empty_database_one_makes_it(self, store_url):
        all_are_there = Barrier(4)

        def start(_: int) -> None:
            with Store.open(store_url) as store:
                all_are_there.wait(timeout=30)
                bootstrap(store, Settings(bootstrap_key=KEY))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(start, range(4)))
        with Store.open(store_url) as store:
            assert len(store.organisations()) == 1
            assert store.authenticate(KEY).scopes == frozenset(SCOPES)

    def test_a_key_that_could_not_be_shown_is_not_kept(self, store, monkeypatch):
        def fails(*_: object, **__: object) -> None:
            raise BrokenPipeError

        monkeypatch.setattr("builtins.print", fails)
        with pytest.raises(BrokenPipeError):
            bootstrap(store, Settings())
        assert store.is_empty()
