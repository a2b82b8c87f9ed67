"""Who may do what: every endpoint of the document, with each scope and with another's key."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from pathlib import Path

import pytest

from routing_engine.server import requests
from routing_engine.server.app import create_app
from routing_engine.server.limiting import Limiter
from routing_engine.server.security import SCOPES
from routing_engine.server.strict_json import read_json
from tests.support.planes import BILLING, MAIN, Served, served

BODIES = {
    ("post", "/agents"): {"json": {"name": "A"}},
    ("patch", "/agents/{agentId}"): {"json": {"name": "A"}},
    ("post", "/agents/{agentId}/skills"): {
        "json": {"name": "S", "description": "caller asks for s", "skillType": "info"}
    },
    ("patch", "/agents/{agentId}/skills/{skillId}"): {"json": {"isEnabled": True}},
    ("put", "/agents/{agentId}/guardrails"): {"json": {}},
    ("put", "/agents/{agentId}/caller-verification"): {"json": {}},
    ("put", "/dial-policy"): {"json": {}},
    ("post", "/agents/{agentId}/backtest"): {"json": {"calls": [{"utterance": "hi"}]}},
    ("post", "/agents/{agentId}/rollback"): {"json": {"version": 1}},
    ("post", "/agents/{agentId}/route"): {"json": {"utterance": "hi"}},
    ("post", "/agents/{agentId}/simulate"): {"json": {"utterance": "hi"}},
    ("post", "/agents/{agentId}/skill"): {"json": {"arguments": {"words": "hi", "reason": "x"}}},
    ("post", "/agents/{agentId}/resolve"): {"json": {"destinationId": "a" * 44}},
    ("post", "/rtjson"): {"json": {"called": "+14155550197", "domain": "gw.example"}},
    ("post", "/calls/{callId}/turns"): {"json": {"text": "hi"}},
    ("post", "/calls/{callId}/outcome"): {"json": {"outcome": "contained"}},
    ("post", "/imports"): {
        "files": {"file": ("a.csv", b"location_id,default_destination\nz-1,+14155550100\n")}
    },
    ("post", "/keys"): {"json": {"name": "k", "scopes": ["calls:read"]}},
}
"""What each operation needs to succeed; those that are not here need nothing."""


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with served(tmp_path_factory.mktemp("plane")) as made:
        yield made


@pytest.fixture(scope="module")
def known(api: Served):
    """An object of each kind, all of one organisation."""
    agent_id = api.published()
    skill = api.data(
        "POST",
        f"/agents/{agent_id}/skills",
        json={"name": "S", "description": "caller asks for s", "skillType": "info"},
    )
    return {
        "agentId": agent_id,
        "skillId": skill["id"],
        "version": 1,
        "callId": api.data("POST", f"/agents/{agent_id}/calls")["callId"],
        "importId": api.imported(BODIES["post", "/imports"]["files"]["file"][1])["id"],
        "keyId": api.data("GET", "/keys")["items"][0]["id"],
    }


def document():
    from fastapi import FastAPI

    app: FastAPI = create_app(None)  # type: ignore[arg-type]
    return app.openapi()


OPERATIONS = [
    (method, path.removeprefix("/api/v1"), operation["security"][0]["bearer"][0])
    for path, item in document()["paths"].items()
    for method, operation in item.items()
]


@pytest.mark.parametrize(("method", "path", "scope"), OPERATIONS)
def test_a_key_without_the_scope_is_told_which(api: Served, known, method, path, scope):
    token = api.key(*(item for item in SCOPES if item != scope))
    options = BODIES.get((method, path), {})
    response = api(method.upper(), path.format(**known), token=token, **options)
    assert response.status_code == 403
    assert (response.json()["code"], response.json()["scope"]) == ("missing_scope", scope)
    assert scope in response.json()["detail"]


@pytest.mark.parametrize(("method", "path", "scope"), OPERATIONS)
def test_another_organisation_finds_nothing(api: Served, known, method, path, scope):
    options = BODIES.get((method, path), {})
    response = api(method.upper(), path.format(**known), token=api.other_token, **options)
    if "{" in path or path == "/rtjson":
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    else:
        assert response.status_code < 300
        for value in known.values():
            assert str(value) == "1" or str(value) not in response.text


@pytest.mark.parametrize(("method", "path", "scope"), OPERATIONS)
def test_nobody_gets_in_without_a_key(api: Served, known, method, path, scope):
    options = BODIES.get((method, path), {})
    for header in ("", "Bearer", "Bearer wrong", "Basic eDp5", "Bearer " + "x" * 300):
        response = api(
            method.upper(), path.format(**known), headers={"Authorization": header}, **options
        )
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path", "scope"), OPERATIONS)
def test_an_operation_succeeds_with_its_scope_alone(api: Served, method, path, scope):
    agent_id = api.published(**({"lines": ["+14155550197"]} if path == "/rtjson" else {}))
    made = {"agentId": agent_id, "version": 1}
    if "{skillId}" in path:
        options = BODIES["post", "/agents/{agentId}/skills"]
        made["skillId"] = api.data("POST", f"/agents/{agent_id}/skills", **options)["id"]
    if "{callId}" in path:
        made["callId"] = api.data("POST", f"/agents/{agent_id}/calls")["callId"]
    if "{importId}" in path:
        made["importId"] = api.imported(b"location_id,default_destination\nz,+14155550100\n")["id"]
    token = api.key(scope, *(("calls:read",) if path == "/keys" else ()))
    if "{keyId}" in path:
        made["keyId"] = api.data("POST", "/keys", json={"name": "k", "scopes": [scope]})["id"]
    options = BODIES.get((method, path), {})
    if path.endswith("/resolve"):
        asked = BODIES["post", "/agents/{agentId}/skill"]
        told = api.data("POST", f"/agents/{agent_id}/skill", **asked)["answer"]
        options = {"json": {"destinationId": told["destination_id"]}}
    response = api(method.upper(), path.format(**made), token=token, **options)
    assert response.status_code < 300, response.text


# Keys


def test_a_key_is_shown_once_and_works_until_it_is_deleted(api: Served):
    made = api.data("POST", "/keys", json={"name": "once", "scopes": ["agents:read"]})
    token = made["key"]
    assert token.startswith(made["prefix"])
    assert api("GET", "/agents", token=token).status_code == 200
    listed = api("GET", "/keys", params={"limit": 1000})
    assert token not in listed.text
    kept = next(item for item in listed.json()["data"]["items"] if item["id"] == made["id"])
    assert (kept["name"], kept["scopes"]) == ("once", ["agents:read"])
    assert kept["lastUsedAt"] is not None
    api.data("DELETE", f"/keys/{made['id']}")
    assert api("GET", "/agents", token=token).status_code == 401


def test_a_repeated_request_for_a_key_does_not_show_it_again(api: Served):
    body = {"name": "once", "scopes": ["agents:read"]}
    headers = {"Idempotency-Key": "a-key"}
    first = api.data("POST", "/keys", json=body, headers=headers)
    second = api.data("POST", "/keys", json=body, headers=headers)
    assert second == first | {"key": None}
    assert api("GET", "/agents", token=first["key"]).status_code == 200


def test_a_key_cannot_delete_itself(api: Served):
    made = api.data("POST", "/keys", json={"name": "own", "scopes": ["keys:write"]})
    response = api("DELETE", f"/keys/{made['id']}", token=made["key"])
    assert (response.status_code, response.json()["code"]) == (409, "own_key")
    assert api("GET", "/keys", token=made["key"]).status_code == 200


def test_a_key_cannot_give_what_it_lacks(api: Served):
    token = api.key("keys:write", "agents:read")
    response = api("POST", "/keys", token=token, json={"name": "more", "scopes": ["agents:write"]})
    assert (response.status_code, response.json()["scope"]) == (403, "agents:write")


def test_a_key_makes_none_that_outlives_it(api: Served):
    def made(token: str, **body: object):
        body = {"name": "k", "scopes": ["keys:write"], **body}
        return api("POST", "/keys", token=token, json=body)

    soon, later = "2100-01-01T00:00:00Z", "2100-01-02T00:00:00Z"
    token = made(api.token, expiresAt=soon).json()["data"]["key"]
    for body in ({}, {"expiresAt": None}, {"expiresAt": later}):
        response = made(token, **body)
        assert (response.status_code, response.json()["code"]) == (403, "outlives_key")
    assert made(token, expiresAt=soon).status_code == 201


def test_a_key_deletes_none_that_may_do_more(api: Served):
    token = api.key("keys:write", "calls:read")
    more = api.data("POST", "/keys", json={"name": "more", "scopes": ["calls:read", "calls:write"]})
    response = api("DELETE", f"/keys/{more['id']}", token=token)
    assert (response.status_code, response.json()["scope"]) == (403, "calls:write")
    less = api.data("POST", "/keys", json={"name": "less", "scopes": ["calls:read"]})
    assert api("DELETE", f"/keys/{less['id']}", token=token).status_code == 200


def test_the_last_key_that_makes_keys_for_good_stays(tmp_path):
    with served(tmp_path) as api:
        (first,) = api.data("GET", "/keys")["items"]
        body = {"name": "k", "scopes": list(SCOPES)}
        temporary = api.data("POST", "/keys", json=body | {"expiresAt": "2100-01-01T00:00:00Z"})
        response = api("DELETE", f"/keys/{first['id']}", token=temporary["key"])
        assert response.status_code == 409
        lasting = api.data("POST", "/keys", json=body)
        assert api("DELETE", f"/keys/{first['id']}", token=lasting["key"]).status_code == 200


def test_a_key_that_was_deleted_elsewhere_leaves_no_other_behind(api: Served):
    body = {"name": "k", "scopes": ["keys:write"]}
    made, other = (api.data("POST", "/keys", json=body) for _ in range(2))
    assert api("GET", "/keys", token=made["key"]).status_code == 200
    with api.plane.store.work(api.organisation_id) as work:
        work.keys.delete(made["id"])  # another worker did: this one believes the key for seconds
    assert api("POST", "/keys", token=made["key"], json=body).status_code == 401
    assert api("DELETE", f"/keys/{other['id']}", token=made["key"]).status_code == 401


def test_a_rollback_needs_the_scopes_of_what_it_changes(api: Served):
    agent_id = api.published()
    token = api.key("agents:write")
    skill = {"name": "S", "description": "caller asks for s", "skillType": "info"}
    changes = [
        ("PUT", "guardrails", {"requiresVerification": ["Billing"]}, "guardrails:write"),
        ("POST", "skills", skill, "skills:write"),
    ]
    for number, (method, part, body, scope) in enumerate(changes, start=1):
        api.data(method, f"/agents/{agent_id}/{part}", json=body)
        refused = api("POST", f"/agents/{agent_id}/rollback", token=token, json={"version": 1})
        assert (refused.status_code, refused.json()["scope"]) == (403, scope)
        allowed = api.key("agents:write", scope)
        back = api("POST", f"/agents/{agent_id}/rollback", token=allowed, json={"version": 1})
        assert back.json()["data"]["version"] == number + 1
    assert api.data("GET", f"/agents/{agent_id}/guardrails") == api.data(
        "GET", f"/agents/{api.published()}/guardrails"
    )


def test_versions_show_what_the_key_may_read(api: Served):
    agent_id = api.published()
    skill = {"name": "S", "description": "caller asks for s", "skillType": "info"}
    api.data("POST", f"/agents/{agent_id}/skills", json=skill)
    api.data("PUT", f"/agents/{agent_id}/guardrails", json={"requiresVerification": ["Billing"]})
    api.data("POST", f"/agents/{agent_id}/publish")
    seen = {}
    for scopes in ((), ("skills:read",), ("guardrails:read",)):
        token = api.key("agents:read", *scopes)
        path = f"/agents/{agent_id}/versions/2"
        snapshot = api("GET", path, token=token).json()["data"]["snapshot"]
        changes = api("GET", f"{path}/diff", token=token).json()["data"]["changes"]
        parts = {"skills", "guardrails", "callerVerification"} & set(snapshot)
        seen[scopes] = parts, {change["path"].split(".")[0].split("[")[0] for change in changes}
    assert seen[()] == (set(), set())
    assert seen["skills:read",] == ({"skills"}, {"skills"})
    assert seen["guardrails:read",] == ({"guardrails", "callerVerification"}, {"guardrails"})


def test_a_key_that_has_expired_does_not_work(api: Served):
    past = {"name": "k", "scopes": ["agents:read"], "expiresAt": "2020-01-01T00:00:00Z"}
    response = api("POST", "/keys", json=past)
    assert [item["path"] for item in response.json()["errors"]] == ["expiresAt"]


def test_the_key_in_the_database_is_a_hash(api: Served, known):
    token = api.key("agents:read")
    path = api.plane.settings.database.removeprefix("sqlite:///")
    content = Path(path).read_bytes() + Path(path + "-wal").read_bytes()
    assert token.encode() not in content
    assert token[:12].encode() in content


# Bodies


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 422),
        (b"null", 422),
        (b"[]", 422),
        (b'{"name": NaN}', 400),
        (b'{"name": 1e999}', 400),
        (b'{"name": "a", "name": "b"}', 400),
        (b'{"name": "\xff"}', 400),
        (b'{"name": "a\\u0000b"}', 422),
        (b'{"name": "\\ud800"}', 422),
        (b'{"name": ' + b"9" * 5000 + b"}", 400),
        (b"[" * 100_000, 400),
        (b'{"name": "x", "\\u0000": 1}', 422),
        (b'{"name": "x", "other": 1}', 422),
        (b'{"name": "' + b"x" * (1 << 20) + b'"}', 413),
    ],
)
def test_a_body_is_read_strictly(api: Served, body, status):
    response = api("POST", "/agents", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in response.text


def test_a_long_name_of_many_items_is_not_put_before_each(api: Served):
    """Paths of half a megabyte for a hundred thousand items would be all the memory there is."""
    import tracemalloc

    body = b'{"' + b"k" * 400_000 + b'": [' + b",".join([b'"a"'] * 20_000) + b"]}"
    tracemalloc.start()
    try:
        response = api(
            "POST", "/agents", content=body, headers={"Content-Type": "application/json"}
        )
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert response.status_code == 422
    assert most < 100 << 20


@pytest.mark.parametrize(("n", "status"), [(1, 201), (2000, 201), (2000, 422)])
def test_a_large_body_is_read_beside_the_event_loop(api: Served, monkeypatch, n, status):
    read_by = []

    def read(body):
        read_by.append(threading.current_thread().name)
        return read_json(body)

    monkeypatch.setattr(requests, "read_json", read)
    rules = [
        {
            "label": f"Rule {i}",
            "when": f"caller asks about {i} " + "x" * 1900,
            "destination": BILLING,
        }
        for i in range(min(n, 200))
    ]
    if status == 422:
        rules[-1]["label"] = ""
    body = {"name": "A", "handoffConfig": {"transferDestination": MAIN, "transferRules": rules}}
    response = api("POST", "/agents", json=body)
    assert response.status_code == status, response.text
    assert [name.startswith("bodies") for name in read_by] == [n > 1]
    if status == 422:
        (error,) = response.json()["errors"]
        assert error["path"] == "handoffConfig.transferRules.199.label"
    else:
        assert response.json()["data"]["handoffConfig"]["transferRules"] == rules


def test_a_body_of_unknown_length_has_the_same_limit(api: Served):
    def chunks():
        for _ in range(40):
            yield b" " * 65_536

    response = api(
        "POST", "/agents", content=chunks(), headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 413


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_another_kind_of_body_is_415(api: Served, headers):
    assert api("POST", "/agents", content=b"{}", headers=headers).status_code == 415


def test_a_path_that_is_not_there_and_a_method_that_is_not_for_it_are_problems(api: Served):
    missing = api("GET", "/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    wrong = api("PUT", "/agents")
    assert wrong.headers["allow"] == "GET, POST"
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    for path in ("/agents/%00", "/agents/a%00b", "/agents/%ff", "/agents/" + "x" * 300):
        response = api("GET", path)
        assert response.status_code in (404, 422)
        assert response.headers["content-type"] == "application/problem+json"


def test_an_unknown_query_parameter_is_refused(api: Served):
    response = api("GET", "/agents", params={"limits": 5})
    assert [item["path"] for item in response.json()["errors"]] == ["query.limits"]


# Uploads


def workbook(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def test_a_decompression_bomb_is_refused(api: Served):
    bomb = workbook({"xl/sharedStrings.xml": b"\0" * (64 << 20)})
    assert len(bomb) < 100_000
    response = api("POST", "/imports", files={"file": ("bomb.xlsx", bomb)})
    assert response.status_code == 413


def test_a_bomb_that_lies_about_its_size_is_refused(api: Served):
    bomb = workbook({"xl/sharedStrings.xml": b"\0" * (64 << 20)})
    size = (64 << 20).to_bytes(4, "little")
    assert bomb.count(size) == 2
    lying = bomb.replace(size, (1000).to_bytes(4, "little"))
    response = api("POST", "/imports", files={"file": ("bomb.xlsx", lying)})
    assert response.status_code == 413


def test_an_upload_and_its_rows_have_limits(tmp_path):
    with served(tmp_path, max_upload_bytes=200_000, max_rows=100) as api:
        head = b"location_id,default_destination\n"
        large = head + b"s,+14155550100\n" * 20_000
        assert api("POST", "/imports", files={"file": ("a.csv", large)}).status_code == 413
        rows = b"".join(b"s-%d,+14155550100\n" % i for i in range(200))
        found = api.imported(head + rows)
        assert (found["status"], found["report"]["problems"]) == (
            "failed", ["the sheet has more than 100 rows"],
        )  # fmt: skip
        assert api.data("GET", "/agents")["items"] == []


# Limits


def test_a_key_that_asks_too_often_is_told_when_to_come_back(tmp_path):
    with served(tmp_path, rate_per_s=0.5, rate_burst=2) as api:
        assert [api("GET", "/agents").status_code for _ in range(3)] == [200, 200, 429]
        refused = api("GET", "/agents")
        assert (refused.headers["retry-after"], refused.json()["code"]) == ("2", "rate_limited")
        # Another key has a bucket of its own.
        assert api("GET", "/agents", token=api.other_token).status_code == 200


def test_a_bucket_fills_as_time_goes_by():
    now = [0.0]
    limiter = Limiter(2.0, 3, lambda: now[0])
    assert [limiter.wait_s("a") for _ in range(4)] == [0, 0, 0, 1]
    assert limiter.wait_s("b") == 0
    now[0] = 0.5
    assert [limiter.wait_s("a") for _ in range(2)] == [0, 1]
    now[0] = 100.0
    assert [limiter.wait_s("a") for _ in range(4)] == [0, 0, 0, 1]


# Privacy


def test_metrics_and_logs_hold_no_words_numbers_or_ids(tmp_path, caplog):
    from starlette.testclient import TestClient

    from routing_engine.server.health import health_app

    caplog.set_level(0)
    with served(tmp_path) as api:
        agent_id = api.published()
        api.data("POST", f"/agents/{agent_id}/route", json={"utterance": "zanzibar billing"})
        call_id = api.data("POST", f"/agents/{agent_id}/calls", json={"callerId": "+12025550188"})[
            "callId"
        ]
        api.data("POST", f"/calls/{call_id}/turns", json={"text": "zanzibar again"})
        health = TestClient(health_app(api.plane))
        text = health.get("/metrics").text
        assert (
            'routing_engine_requests_total{method="POST",path="/api/v1/agents/{agentId}/route'
            in text
        )
        assert "routing_engine_decisions_total" in text
        assert health.get("/healthz").json() == {"status": "ok"}
        assert health.get("/readyz").json() == {"status": "ready", "problems": []}
    logged = " ".join(record.getMessage() for record in caplog.records)
    for secret in ("zanzibar", "5550188", "5550111", "Billing", agent_id, call_id, api.token):
        assert secret not in text
        if secret not in (agent_id, call_id):
            assert secret not in logged


def test_every_change_is_in_the_audit(api: Served):
    agent_id = api.published()
    api.data("DELETE", f"/agents/{agent_id}")
    with api.plane.store.read(api.organisation_id) as work:
        found = [item.action for item in work.audits.page(500).items if item.object_id == agent_id]
    assert found == ["agent.delete", "agent.publish", "agent.create"]


# The document


def test_the_document_is_openapi_3_1_with_examples_and_no_loose_ends():
    made = document()
    assert made["openapi"] == "3.1.0"
    text = json.dumps(made)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#')[1:]}:
        node = made
        for name in reference.strip("/").split("/"):
            node = node[name.replace("~1", "/")]
    for name in ("AgentCreate", "AgentPatch", "SkillCreate", "RouteRequest", "Turn", "KeyCreate"):
        assert made["components"]["schemas"][name]["examples"]
    for path, item in made["paths"].items():
        for operation in item.values():
            assert {"401", "403", "429", "500"} <= set(operation["responses"])
            assert ("404" in operation["responses"]) == ("{" in path or path == "/api/v1/rtjson")
            assert operation["summary"]
