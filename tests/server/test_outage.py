"""What goes on without the database, and what says so."""

from __future__ import annotations

import time

import psycopg
import pytest
from psycopg import sql
from starlette.testclient import TestClient

from routing_engine.errors import StoreUnavailableError
from routing_engine.server.health import health_app
from routing_engine.server.problems import ProblemError
from routing_engine.server.security import KeyRing
from routing_engine.store import Principal
from tests.support.planes import BILLING, served

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
    assert [ring.principal("good") for _ in range(3)] == [PRINCIPAL] * 3
    assert ring.recent("good") == PRINCIPAL
    for _ in range(2):
        with pytest.raises(ProblemError):
            ring.principal("bad")
    assert asked == ["good", "bad", "bad"]
    ring.forget("key_1")
    assert ring.recent("good") is None


def test_a_key_that_the_database_never_knew_does_not_work_without_it():
    def authenticate(token):
        raise StoreUnavailableError("gone")

    with pytest.raises(StoreUnavailableError):
        KeyRing(authenticate, 5.0).principal("any")
