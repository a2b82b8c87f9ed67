"""Every endpoint, asked with every scope by every kind of key, against a table written by hand."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from routing_engine.server.security import SCOPES
from tests.server.test_security import BODIES, OPERATIONS
from tests.support.planes import Served, served

TABLE = """
post   /agents                                     agents:write      201  201
get    /agents                                     agents:read       200  200
get    /agents/{agentId}                           agents:read       200  404
patch  /agents/{agentId}                           agents:write      200  404
delete /agents/{agentId}                           agents:write      200  404
post   /agents/{agentId}/skills                    skills:write      201  404
get    /agents/{agentId}/skills                    skills:read       200  404
patch  /agents/{agentId}/skills/{skillId}          skills:write      200  404
delete /agents/{agentId}/skills/{skillId}          skills:write      200  404
get    /agents/{agentId}/guardrails                guardrails:read   200  404
put    /agents/{agentId}/guardrails                guardrails:write  200  404
get    /agents/{agentId}/caller-verification       guardrails:read   200  404
put    /agents/{agentId}/caller-verification       guardrails:write  200  404
post   /agents/{agentId}/publish                   agents:write      201  404
post   /agents/{agentId}/rollback                  agents:write      201  404
post   /agents/{agentId}/backtest                  agents:read       200  404
get    /agents/{agentId}/prepublish-report         agents:read       200  404
get    /agents/{agentId}/suggestions               agents:read       200  404
get    /agents/{agentId}/versions                  agents:read       200  404
get    /agents/{agentId}/versions/{version}        agents:read       200  404
get    /agents/{agentId}/versions/{version}/diff   agents:read       200  404
post   /agents/{agentId}/route                     calls:write       200  404
post   /agents/{agentId}/simulate                  calls:write       200  404
get    /agents/{agentId}/skill                     agents:read       200  404
post   /agents/{agentId}/skill                     calls:write       200  404
post   /agents/{agentId}/resolve                   calls:write       200  404
post   /rtjson                                     calls:write       200  404
post   /agents/{agentId}/calls                     calls:write       201  404
get    /agents/{agentId}/calls                     calls:read        200  404
get    /calls/{callId}                             calls:read        200  404
get    /calls/{callId}/transfer                    calls:write       200  404
post   /calls/{callId}/turns                       calls:write       200  404
post   /calls/{callId}/tool-token                 calls:write       200  404
post   /calls/{callId}/outcome                     calls:write       200  404
post   /imports                                    agents:write      202  202
get    /imports/{importId}                         agents:write      200  404
post   /imports/{importId}/undo                    agents:write      200  404
get    /dial-policy                                agents:read       200  200
put    /dial-policy                                keys:write        200  200
post   /keys                                       keys:write        201  201
get    /keys                                       keys:write        200  200
delete /keys/{keyId}                               keys:write        200  404
"""
"""Operation, the scope that it needs, and the answer to such a key of its own organisation and of
another. Without the scope the answer is 403, whoever asks; to a key that has expired or was deleted
401, whatever it asks."""

ROWS = [line.split() for line in TABLE.split("\n") if line]
ALONE = {"json": {"name": "k", "scopes": ["keys:write"]}}
"""What a key that may do nothing else may make."""

EXCEPTIONS = {("expiring", "post", "/keys"): (403, "outlives_key")}
LINE = "+14155550196"
SHEET = b"location_id,default_destination\nof-%s,+14155550100\n"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with served(tmp_path_factory.mktemp("plane"), store_transcripts=True) as made:
        yield made


@pytest.fixture(scope="module")
def keys(api: Served) -> dict[tuple[str, str], str]:
    """A key of each kind for each scope."""
    now = datetime.now(UTC)
    until = {"expiring": now + timedelta(hours=1), "expired": now - timedelta(seconds=1)}
    other = api.plane.store.authenticate(api.other_token).organisation_id
    made = {}
    for scope in SCOPES:
        for kind in ("own", "expiring", "expired", "deleted", "another's"):
            owner = other if kind == "another's" else api.organisation_id
            with api.plane.store.work(owner) as work:
                key, token = work.keys.create(kind, [scope], until.get(kind))
            made[kind, scope] = token
            if kind == "deleted":
                assert api("GET", "/agents", token=token).status_code in (200, 403)  # is cached
                api.data("DELETE", f"/keys/{key.id}")
    return made


def things(api: Served) -> dict[str, object]:
    """One of everything that a path names."""
    agent_id = api.agent(lines=[LINE])
    skill = BODIES["post", "/agents/{agentId}/skills"]
    asked = BODIES["post", "/agents/{agentId}/skill"]
    skill_id = api.data("POST", f"/agents/{agent_id}/skills", **skill)["id"]
    api.data("POST", f"/agents/{agent_id}/publish")
    told = api.data("POST", f"/agents/{agent_id}/skill", **asked)["answer"]
    return {
        "agentId": agent_id,
        "version": 1,
        "skillId": skill_id,
        "callId": api.data("POST", f"/agents/{agent_id}/calls")["callId"],
        "importId": api.imported(SHEET % agent_id.encode())["id"],
        "keyId": api.data("POST", "/keys", **ALONE)["id"],
        "destinationId": told["destination_id"],
    }


def options_of(method: str, path: str, ids: dict[str, object]) -> dict:
    if path == "/keys" and method == "post":
        return ALONE
    if path == "/rtjson":
        return {"json": {"called": LINE, "domain": "gw.example"}}
    if path.endswith("/resolve"):
        return {"json": {"destinationId": ids["destinationId"]}}
    return BODIES.get((method, path), {})


def request(keys, cell, ids: dict[str, object]) -> tuple[str, str, dict]:
    kind, has, method, path, _ = cell
    headers = {"Authorization": f"Bearer {keys[kind, has]}"}
    options = options_of(method, path, ids)
    return method.upper(), f"/api/v1{path.format(**ids)}", {"headers": headers, **options}


async def asked(client: httpx.AsyncClient, to: tuple[str, str, dict]) -> httpx.Response:
    method, url, options = to
    return await client.request(method, url, **options)


def told(response: httpx.Response) -> tuple[int, str | None]:
    return response.status_code, None if response.is_success else response.json()["code"]


def everything(api: Served, ids: dict[str, object]) -> list[object]:
    """All that the organisation can see of itself."""
    agent = f"/agents/{ids['agentId']}"
    seen = [
        api.data("GET", path)
        for path in (
            "/agents?limit=1000", agent, f"{agent}/skills", f"{agent}/guardrails",
            f"{agent}/caller-verification", f"{agent}/versions", f"{agent}/calls",
            f"/calls/{ids['callId']}", "/dial-policy",
        )
    ]  # fmt: skip
    keys = api.data("GET", "/keys?limit=1000")["items"]
    return [*seen, [(key["id"], key["scopes"]) for key in keys]]


def test_the_table_has_every_operation_of_the_document():
    assert sorted(tuple(row[:3]) for row in ROWS) == sorted(OPERATIONS)
    assert {row[2] for row in ROWS} == set(SCOPES)


def test_each_key_may_do_what_the_table_says_and_nothing_else(api: Served, keys):
    ids = things(api)
    before = everything(api, ids)
    refused, allowed = [], []
    for kind, has in keys:
        for method, path, needs, own, others in ROWS:
            expected: tuple[int, str | None]
            if kind in ("expired", "deleted"):
                expected = 401, "unauthenticated"
            elif has != needs:
                expected = 403, "missing_scope"
            elif kind == "another's":
                expected = int(others), "not_found" if others == "404" else None
            else:
                expected = EXCEPTIONS.get((kind, method, path), (int(own), None))
            cells = allowed if expected[1] is None else refused
            cells.append((kind, has, method, path, expected))
    assert len(refused) + len(allowed) == len(ROWS) * len(SCOPES) * 5

    async def ask_all() -> list[object]:
        transport = httpx.ASGITransport(api.client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return [
                (*cell, found)
                for cell in refused
                if (found := told(await asked(client, request(keys, cell, ids)))) != cell[-1]
            ]

    assert api.client.portal.call(ask_all) == []
    assert everything(api, ids) == before
    # Some of what is allowed needs things that nobody has changed or deleted.
    wrong = []
    for cell in allowed:
        if cell[2] == "delete" or cell[3].endswith(
            ("/rollback", "/undo", "/resolve", "/tool-token")
        ):
            api("DELETE", f"/agents/{ids['agentId']}")  # its line is for the next
            ids = things(api)
        method, url, options = request(keys, cell, ids)
        found = told(api.client.request(method, url, **options))
        if found != cell[-1]:
            wrong.append((*cell, found))
        if cell[2] == "delete" or cell[3].endswith("/undo"):
            api("DELETE", f"/agents/{ids['agentId']}")
            ids = things(api)
    assert wrong == []


def test_a_key_that_expires_while_it_is_in_use_stops(api: Served):
    with api.plane.store.work(api.organisation_id) as work:
        soon = datetime.now(UTC) + timedelta(seconds=0.5)
        _, token = work.keys.create("soon", ["agents:read"], soon)
    assert api("GET", "/agents", token=token).status_code == 200
    time.sleep(max((soon - datetime.now(UTC)).total_seconds(), 0.0) + 0.01)
    assert api("GET", "/agents", token=token).status_code == 401
