"""What goes on without the database, and what says so."""

from __future__ import annotations

import asyncio
import errno
import secrets
import sqlite3
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url, select
from starlette.testclient import TestClient

from routing_engine.errors import InvalidValueError, StoreUnavailableError
from routing_engine.server import imports
from routing_engine.server.health import health_app
from routing_engine.server.problems import ProblemError
from routing_engine.server.security import KeyRing
from routing_engine.store import Principal, Store, feed
from routing_engine.store.patience import Patience
from routing_engine.store.scoped_session import ALL
from routing_engine.store.tables import OrganisationRow
from tests.support.planes import BILLING, CONFIG, served
from tests.support.poolers import pooled
from tests.support.proxies import Proxy

PRINCIPAL = Principal("org_1", "key_1", frozenset({"calls:write"}))


def test_a_lost_database_keeps_the_last_versions_answering(tmp_path, empty_postgres_url):
    """The connections are cut, and no new ones let in, as when a database is restarted."""
    admin = psycopg.connect(empty_postgres_url.rpartition("/")[0] + "/postgres", autocommit=True)
    name = empty_postgres_url.rpartition("/")[2]

    def let_in(allowed: bool) -> None:
        admin.execute(
            sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(
                sql.Identifier(name), sql.Literal(allowed)
            )
        )
        if not allowed:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )

    with admin, served(tmp_path, database=empty_postgres_url, key_cache_s=0.0) as api:
        agent_id = api.published()
        health = TestClient(health_app(api.plane))
        assert health.get("/readyz").status_code == 200
        body = {"utterance": "I was charged twice"}
        let_in(False)
        try:
            for _ in range(3):
                routed = api.data("POST", f"/agents/{agent_id}/route", json=body)
                assert (routed["destination"], routed["version"]) == (BILLING, 1)
            ready = health.get("/readyz")
            assert ready.status_code == 503
            assert "the database is unavailable" in ready.json()["problems"][0]
            refused = api("PATCH", f"/agents/{agent_id}", json={"name": "B"})
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
            assert api("GET", "/agents", token="rk_" + "x" * 44).status_code == 503
            assert api.plane.recorder.flush() is False
        finally:
            let_in(True)
        until = time.monotonic() + 20
        while health.get("/readyz").status_code != 200:
            assert time.monotonic() < until
            time.sleep(0.05)
        api.data("PATCH", f"/agents/{agent_id}", json={"name": "B"})
        assert api.plane.recorder.flush() is True
        assert api.data("GET", f"/agents/{agent_id}/calls")["totals"]["calls"] == 3


def test_a_key_is_asked_for_once_and_believed_for_a_while():
    asked = []

    def authenticate(token):
        asked.append(token)
        return PRINCIPAL if token == "good" else None

    ring = KeyRing(authenticate, 60.0)
    assert ring.recent("good") is None
    assert [asyncio.run(ring.principal("good")) for _ in range(3)] == [PRINCIPAL] * 3
    assert ring.recent("good") == PRINCIPAL
    for _ in range(2):
        with pytest.raises(ProblemError):
            asyncio.run(ring.principal("bad"))
    assert asked == ["good", "bad", "bad"]
    ring.forget("key_1")
    assert ring.recent("good") is None


def test_a_key_that_the_database_never_knew_does_not_work_without_it():
    def authenticate(token):
        raise StoreUnavailableError("gone")

    with pytest.raises(StoreUnavailableError):
        asyncio.run(KeyRing(authenticate, 5.0).principal("any"))


def test_an_upload_that_finds_the_disk_full_is_sent_again_later(tmp_path, monkeypatch):
    def full(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with served(tmp_path) as api:
        sheet = b"location_id,default_destination\nz-1,+14155550100\n"
        with monkeypatch.context() as patch:
            patch.setattr(imports.tempfile, "mkdtemp", full)
            refused = api("POST", "/imports", files={"file": ("a.csv", sheet)})
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert api.imported(sheet)["status"] == "done"


def test_of_many_who_ask_with_one_key_one_asks_the_database():
    asked = []

    def authenticate(token):
        asked.append(token)
        time.sleep(0.05)
        return PRINCIPAL

    async def many():
        return await asyncio.gather(*[ring.principal("good") for _ in range(50)])

    ring = KeyRing(authenticate, 60.0)
    assert asyncio.run(many()) == [PRINCIPAL] * 50
    assert asked == ["good"]


def test_a_key_is_believed_once_the_database_does_not_answer_and_asked_for_again_later():
    hangs = threading.Event()
    answers = threading.Event()

    def authenticate(token):
        if hangs.is_set():
            answers.wait(10)
        return PRINCIPAL

    ring = KeyRing(authenticate, 0.0)
    assert asyncio.run(ring.principal("good")) == PRINCIPAL
    hangs.set()
    began_s = time.monotonic()
    assert asyncio.run(ring.principal("good")) == PRINCIPAL
    assert time.monotonic() - began_s < 1
    with pytest.raises(StoreUnavailableError):
        asyncio.run(ring.principal("unknown"))
    began_s = time.monotonic()
    assert asyncio.run(ring.principal("good")) == PRINCIPAL  # not asked for again so soon
    assert time.monotonic() - began_s < 0.1
    answers.set()


@contextmanager
def locked(url):
    """All tables of a database, locked by somebody else."""
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None) as other:
            other.execute("BEGIN EXCLUSIVE")
            yield
            other.rollback()
        other.close()
        return
    with psycopg.connect(url) as other:
        tables = other.execute(
            "SELECT string_agg(quote_ident(tablename), ',') FROM pg_tables "
            "WHERE schemaname = 'public'"
        ).fetchone()[0]
        other.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()


def test_a_database_that_is_locked_keeps_nobody_waiting_who_routes(tmp_path, store_url):
    with served(tmp_path, database=store_url, key_cache_s=0.0) as api:
        agent_id = api.published()
        health = TestClient(health_app(api.plane))
        body = {"utterance": "I was charged twice"}
        api.data("POST", f"/agents/{agent_id}/route", json=body)
        with locked(store_url):
            for _ in range(20):
                began_s = time.monotonic()
                routed = api.data("POST", f"/agents/{agent_id}/route", json=body)
                assert (routed["destination"], routed["version"]) == (BILLING, 1)
                assert time.monotonic() - began_s < 1
            began_s = time.monotonic()
            assert health.get("/healthz").status_code == 200
            while (ready := health.get("/readyz")).status_code == 200:
                assert time.monotonic() - began_s < 6
                time.sleep(0.1)
            assert ready.status_code == 503
            began_s = time.monotonic()
            repeated = api(
                "POST", f"/agents/{agent_id}/route", json=body, headers={"Idempotency-Key": "a"}
            )
            assert (repeated.status_code, repeated.headers["Retry-After"]) == (503, "1")
            refused = api("PATCH", f"/agents/{agent_id}", json={"name": "B"})
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
            assert time.monotonic() - began_s < 8
        until = time.monotonic() + 10
        while not api.plane.recorder.flush():
            assert time.monotonic() < until
        assert api.data("GET", f"/agents/{agent_id}/calls")["totals"]["calls"] >= 21


def test_a_network_that_swallows_what_is_sent_is_noticed_and_left_behind(empty_postgres_url):
    hasty = Patience(statement_s=1.0, lock_s=1.0, answer_s=0.5)
    with Proxy(empty_postgres_url) as proxy, Store.open(proxy.url) as store:
        store.ping()
        proxy.forwards = False
        for _ in range(2):
            began_s = time.monotonic()
            with (
                pytest.raises(StoreUnavailableError),
                store._database.transaction(ALL, writing=False, patience=hasty) as rows,
            ):
                rows.execute(select(OrganisationRow.id))
            assert time.monotonic() - began_s < 8
        proxy.forwards = True
        store.ping()


def test_a_database_that_only_reads_takes_what_was_decided_when_it_writes_again(
    tmp_path, empty_postgres_url
):
    """As a standby does, or a primary whose disk is full."""
    name = sql.Identifier(empty_postgres_url.rpartition("/")[2])

    def read_only(value: str) -> None:
        with psycopg.connect(empty_postgres_url, autocommit=True) as other:
            other.execute("SET default_transaction_read_only = off")
            other.execute(
                sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}").format(
                    name, sql.SQL(value)
                )
            )
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    with served(tmp_path, database=empty_postgres_url, key_cache_s=0.0) as api:
        agent_id = api.published()
        health = TestClient(health_app(api.plane))
        body = {"utterance": "I was charged twice"}
        read_only("on")
        try:
            for _ in range(50):
                assert api.data("POST", f"/agents/{agent_id}/route", json=body)["version"] == 1
            assert api.plane.recorder.flush() is False
            ready = health.get("/readyz")
            assert (ready.status_code, "read-only" in ready.text) == (503, True)
            assert "50 decisions wait" in ready.text
            refused = api("PATCH", f"/agents/{agent_id}", json={"name": "B"})
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        finally:
            read_only("off")
        assert api.plane.recorder.flush() is True
        assert api.data("GET", f"/agents/{agent_id}/calls")["totals"]["calls"] == 50


@pytest.mark.parametrize("kind", ["moved", "no table", "damaged"])
def test_whatever_is_wrong_with_a_file_decisions_wait_for_it(tmp_path, kind):
    path = tmp_path / "routing.db"
    with served(tmp_path, database=f"sqlite:///{path}", key_cache_s=0.0) as api:
        agent_id = api.published()
        health = TestClient(health_app(api.plane))
        body = {"utterance": "I was charged twice"}
        api.data("POST", f"/agents/{agent_id}/route", json=body)
        assert api.plane.recorder.flush() is True
        harm, heal, says = HARMS[kind]
        harm(path)
        for _ in range(50):
            assert api.data("POST", f"/agents/{agent_id}/route", json=body)["version"] == 1
        assert api.plane.recorder.flush() is False
        ready = health.get("/readyz")
        assert (ready.status_code, says in ready.text) == (503, True), ready.text
        assert api("GET", f"/agents/{agent_id}/calls").status_code == 503
        heal(path)
        assert api.plane.recorder.flush() is True
        assert api.data("GET", f"/agents/{agent_id}/calls")["totals"]["calls"] == 51


def _renamed(path, old, new):
    with sqlite3.connect(path) as other:
        other.execute(f"ALTER TABLE {old} RENAME TO {new}")
    other.close()


def _moved(path):
    path.rename(path.with_suffix(".away"))


def _back(path):
    path.unlink(missing_ok=True)
    path.with_suffix(".away").rename(path)


def _damaged(path):
    """Overwrite the first page of the calls, and keep what was there."""
    with closing(sqlite3.connect(path)) as other:
        # Until nobody reads the log of writes any more: what is in it hides the file.
        while other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            time.sleep(0.01)
        (page,) = other.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'calls'"
        ).fetchone()
        (size,) = other.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        path.with_suffix(".page").write_bytes(file.read(size))
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    _forget_pages(path)


def _mended(path):
    with closing(sqlite3.connect(path)) as other:
        (page,) = other.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'calls'"
        ).fetchone()
    kept = path.with_suffix(".page").read_bytes()
    with path.open("r+b") as file:
        file.seek((page - 1) * len(kept))
        file.write(kept)
    _forget_pages(path)


def _forget_pages(path):
    """Write something, so that every connection reads the file again."""
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE feed_counter SET position = position")


HARMS = {
    "damaged": (_damaged, _mended, "its file is damaged"),
    "moved": (_moved, _back, "moved"),
    "no table": (
        lambda path: _renamed(path, "calls", "away"),
        lambda path: _renamed(path, "away", "calls"),
        "table or column is missing",
    ),
}


def test_a_missing_right_is_named_and_decisions_wait_for_it(tmp_path, empty_postgres_url):
    role = f"role_{secrets.token_hex(6)}"
    url = make_url(empty_postgres_url).set(username=role).render_as_string(hide_password=False)
    with psycopg.connect(empty_postgres_url, autocommit=True) as admin:
        name = sql.Identifier(role)

        def do(text):
            admin.execute(sql.SQL(text).format(name))

        do("CREATE ROLE {} LOGIN")
        do("GRANT ALL ON SCHEMA public TO {}")
        do("GRANT ALL ON ALL TABLES IN SCHEMA public TO {}")  # that are there already
        try:
            with served(tmp_path, database=url, key_cache_s=0.0) as api:
                agent_id = api.published()
                health = TestClient(health_app(api.plane))
                body = {"utterance": "I was charged twice"}
                do("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}")
                for _ in range(5):
                    routed = api.data("POST", f"/agents/{agent_id}/route", json=body)
                    assert (routed["destination"], routed["version"]) == (BILLING, 1)
                assert api.plane.recorder.flush() is False
                ready = health.get("/readyz")
                assert (ready.status_code, "lacks a right" in ready.text) == (503, True)
                assert api("GET", "/agents").status_code == 503
                do("GRANT ALL ON ALL TABLES IN SCHEMA public TO {}")
                assert api.plane.recorder.flush() is True
                assert api.data("GET", f"/agents/{agent_id}/calls")["totals"]["calls"] == 5
            do("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}")
            with pytest.raises(StoreUnavailableError, match="lacks a right"):
                Store.open(url)
        finally:
            do("DROP OWNED BY {}")
            do("DROP ROLE {}")


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "none", folder], capture_output=True, check=False
    ).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_on_a_full_disk_calls_are_routed_and_decisions_wait(tmp_path, small_disk):
    given = {"database": f"sqlite:///{small_disk}/routing.db", "key_cache_s": 0.0}
    with served(tmp_path, **given) as api:
        agent_id = api.published()
        health = TestClient(health_app(api.plane))
        body = {"utterance": "I was charged twice"}
        rest = small_disk / "rest"
        with rest.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        for _ in range(300):
            assert api.data("POST", f"/agents/{agent_id}/route", json=body)["version"] == 1
        until = time.monotonic() + 20
        while api.plane.recorder.flush():  # there was room in files that it has
            assert time.monotonic() < until
            api.data("POST", f"/agents/{agent_id}/route", json=body)
        ready = health.get("/readyz")
        assert (ready.status_code, "its disk is full" in ready.text) == (503, True), ready.text
        n = api.plane.recorder.n_waiting
        assert n > 0
        refused = api("POST", "/agents", json={"name": "B" * 100, **CONFIG})
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        rest.unlink()
        assert api.plane.recorder.flush() is True
        assert api.data("GET", f"/agents/{agent_id}/calls")["totals"]["calls"] >= 300


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.write_bytes(b"no database at all" * 1000), "no database"),
        (lambda path: path.mkdir(), "cannot be opened"),
        (lambda path: None, "cannot be opened"),
    ],
    ids=["no database", "a folder", "no folder"],
)
def test_a_file_that_is_no_database_is_named_at_the_start(tmp_path, make, says):
    path = tmp_path / "here.db"
    if make(path) is None and not path.exists():
        path = tmp_path / "missing" / "here.db"
    with pytest.raises(StoreUnavailableError, match=says):
        Store.open(f"sqlite:///{path}")


def test_what_is_not_stored_at_the_end_is_kept_for_the_next_start(tmp_path):
    path = tmp_path / "routing.db"
    given = {"database": f"sqlite:///{path}", "secret": None}
    with served(tmp_path, **given) as api:
        token, agent_id = api.token, api.published()
        api.plane.recorder._is_over.set()
        _moved(path)
        for _ in range(50):
            api.data("POST", f"/agents/{agent_id}/route", json={"utterance": "I was charged twice"})
    (kept,) = path.with_name("routing.db-spool").iterdir()
    assert "charged" not in kept.read_text(encoding="utf-8")
    _back(path)
    with served(tmp_path, **given) as api:
        api.token = token
        assert api.plane.recorder.flush() is True
        assert api.data("GET", f"/agents/{agent_id}/calls")["totals"]["calls"] == 50
    assert list(path.with_name("routing.db-spool").iterdir()) == []


def test_a_pooler_that_shares_connections_between_transactions_is_supported(
    tmp_path, empty_postgres_url
):
    with (
        pooled(empty_postgres_url) as url,
        served(tmp_path, database=url, key_cache_s=0.0) as api,
        ThreadPoolExecutor(8) as clients,
    ):
        agent_ids = [api.published() for _ in range(4)]

        def use(i):
            agent_id = agent_ids[i % 4]
            return [
                api("PATCH", f"/agents/{agent_id}", json={"name": f"B{i}"}).status_code,
                api("GET", f"/agents/{agent_id}").status_code,
                api("POST", f"/agents/{agent_id}/publish").status_code,
                api("POST", f"/agents/{agent_id}/calls").status_code,
            ]

        for statuses in clients.map(use, range(60)):
            assert statuses == [200, 200, 201, 201]
        assert api.plane.recorder.flush() is True


def test_notifications_come_at_once_past_a_pooler(empty_postgres_url, monkeypatch):
    monkeypatch.setattr(feed, "POLL_BEHIND_S", 60.0)
    with (
        pooled(empty_postgres_url) as url,
        Store.open(url, listen_url=empty_postgres_url) as store,
        ThreadPoolExecutor(1) as waiting,
    ):
        organisation_id = store.create_organisation("Acme")
        reader = store.feed()
        seen = waiting.submit(reader.wait, 0, 50.0)
        while reader._listening is None:
            time.sleep(0.01)
        began_s = time.monotonic()
        with store.work(organisation_id) as work:
            agent = work.agents.create("A", "a", {})
            work.versions.publish(agent.id, snapshot={}, location="{}")
        assert seen.result(50) is True
        assert time.monotonic() - began_s < 20  # and not after the next poll
        reader.close()


def test_a_url_for_notifications_is_of_the_same_kind_of_database(tmp_path):
    with pytest.raises(InvalidValueError, match="another kind of database"):
        Store.open(f"sqlite:///{tmp_path}/a.db", listen_url="postgresql://127.0.0.1/b")
