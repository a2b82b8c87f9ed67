"""Who may do what, of every endpoint that the OpenAPI document names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from routing_engine.server.security import SCOPES
from tests.support.planes import MAIN, Served, served

SHEET = f"location_id,default_destination\nstore-7,{MAIN}\n".encode()


@pytest.fixture
def api(tmp_path, store_url):
    with served(tmp_path, database=store_url) as made:
        yield made


def operations(api: Served) -> list[tuple[str, str, dict]]:
    """Method, path and what the document says; what deletes comes last, parts before the whole."""
    found = [
        (method, path, operation)
        for path, item in api.client.app.openapi()["paths"].items()
        for method, operation in item.items()
    ]
    assert len(found) >= 31
    return sorted(found, key=lambda item: (item[0] == "delete", -item[1].count("{")))


def scope_of(operation: dict) -> str:
    return operation["security"][0]["bearer"][0]


def body_of(api: Served, operation: dict) -> dict:
    """The first example of a request's body, as an option of the client."""
    body = operation.get("requestBody")
    if body is None:
        return {}
    if "multipart/form-data" in body["content"]:
        return {"files": {"file": ("stores.csv", SHEET)}}
    schema = body["content"]["application/json"]["schema"]
    schema = next(iter(schema.get("anyOf", ())), schema)
    name = schema["$ref"].rpartition("/")[2]
    return {"json": api.client.app.openapi()["components"]["schemas"][name]["examples"][0]}


def existing(api: Served) -> dict[str, object]:
    """Something of every kind that a path can name."""
    agent_id = api.agent(location_id="store-1")
    skill = {"name": "Hours", "description": "caller asks about hours", "skillType": "answer"}
    skill_id = api.data("POST", f"/agents/{agent_id}/skills", json=skill)["id"]
    api.data("POST", f"/agents/{agent_id}/publish")
    return {
        "agentId": agent_id,
        "version": 1,
        "skillId": skill_id,
        "callId": api.data("POST", f"/agents/{agent_id}/calls")["callId"],
        "importId": api.imported(SHEET)["id"],
        "keyId": api.data("POST", "/keys", json={"name": "k", "scopes": ["calls:read"]})["id"],
    }


def ask(api: Served, method: str, path: str, ids: dict, **options):
    return api(method.upper(), path.removeprefix("/api/v1").format(**ids), **options)


def unlike(value: object) -> object:
    """As an id that never was; a version stays what it is."""
    return value if isinstance(value, int) else f"{value[:4]}{'x' * len(value[4:])}"


def test_another_organisation_sees_nothing_and_cannot_tell_it_from_nothing(api: Served):
    ids = existing(api)
    nothing = {name: unlike(value) for name, value in ids.items()}
    for method, path, operation in operations(api):
        if "{" not in path:
            continue
        options = body_of(api, operation)
        there = ask(api, method, path, ids, token=api.other_token, **options)
        nowhere = ask(api, method, path, nothing, token=api.other_token, **options)
        assert (there.status_code, there.content) == (404, nowhere.content), (method, path)
        assert nowhere.status_code == 404
        assert there.headers.items() == nowhere.headers.items()
        ours = ask(api, method, path, ids, **options)
        # An id of the tool that was never given is one that nobody may dial.
        expected = ours.status_code == 409 if path.endswith("/resolve") else ours.status_code < 300
        assert expected, (method, path, ours.text)


def test_what_has_no_id_in_its_path_shows_only_ones_own(api: Served):
    ids = existing(api)
    ours = {str(value) for name, value in ids.items() if name != "version"}
    for method, path, operation in operations(api):
        if "{" not in path:
            found = ask(api, method, path, ids, token=api.other_token, **body_of(api, operation))
            is_line = path.endswith("/rtjson")  # of the example, which nobody has
            assert found.status_code == 404 if is_line else found.status_code < 300, (method, path)
            assert not any(name in found.text for name in (*ours, "store-1"))
    assert api.data("GET", "/agents?locationId=store-1", token=api.other_token)["items"] == []


def test_anothers_things_are_not_found_beside_ones_own(api: Served):
    ids = existing(api)
    theirs = api.data("POST", "/agents", token=api.other_token, json={"name": "Theirs"})["id"]
    mixed = {**ids, "agentId": theirs}
    for method, path, operation in operations(api):
        if "skillId" in path or "version}" in path:
            found = ask(api, method, path, mixed, token=api.other_token, **body_of(api, operation))
            assert found.status_code == 404, (method, path)


def test_a_cursor_of_another_organisation_shows_nothing_of_it(api: Served):
    for i in range(3):
        api.agent(name=f"Ours {i}")
    cursor = api.data("GET", "/agents?limit=1")["nextCursor"]
    page = api.data("GET", f"/agents?cursor={cursor}", token=api.other_token)
    assert page == {"items": [], "nextCursor": None}


def test_every_endpoint_asks_for_the_scope_that_the_document_names(api: Served):
    ids = existing(api)
    keys = {scope: api.key(scope) for scope in SCOPES}
    for method, path, operation in operations(api):
        needed = scope_of(operation)
        assert needed in SCOPES
        assert f"`{needed}`" in operation["description"]
        for scope, token in keys.items():
            # Without a body, so that nothing is changed where the scope is right.
            found = ask(api, method, path, {**ids, **_GONE}, token=token)
            if scope == needed:
                assert found.status_code not in {401, 403}, (method, path, scope)
                continue
            assert found.status_code == 403, (method, path, scope)
            problem = found.json()
            assert (problem["code"], problem["scope"]) == ("missing_scope", needed)
            assert needed in problem["detail"]


_GONE = {"keyId": "key_gone", "agentId": "agt_gone", "skillId": "skl_gone", "callId": "cal_gone"}


def test_without_a_key_that_is_one_nothing_is_told(api: Served):
    ids = existing(api)
    with api.plane.store.work(api.organisation_id) as work:
        before = datetime.now(UTC) - timedelta(seconds=1)
        _, expired = work.keys.create("old", SCOPES, expires_at=before)
        gone, deleted = work.keys.create("gone", SCOPES)
        work.keys.delete(gone.id)
    headers = [
        *("", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", f"Token {api.token}", api.token),
        *("Bearer rk_short", f"Bearer {api.token[:-1]}", f"Bearer {api.token}x"),
        *(f"Bearer {api.token} {api.token}", f"Bearer {api.token[:12]}{'A' * 40}"),
        *("Bearer " + "A" * 5000, f"Bearer {expired}", f"Bearer {deleted}"),
    ]
    for method, path, operation in operations(api):
        told = set()
        for header in headers:
            found = api.client.request(
                method.upper(), path.format(**ids), headers={"Authorization": header},
                **body_of(api, operation),
            )  # fmt: skip
            assert found.status_code == 401, (method, path, header)
            assert found.headers["www-authenticate"] == "Bearer"
            assert found.headers["content-type"] == "application/problem+json"
            told.add(found.content)
        # That it is missing, or that it is none: not why.
        assert len(told) == 2
        found = api.client.request(method.upper(), path.format(**ids))
        assert found.status_code == 401


def test_a_deleted_key_works_no_more_from_the_next_request_on(api: Served):
    made = api.data("POST", "/keys", json={"name": "k", "scopes": ["agents:read"]})
    assert api("GET", "/agents", token=made["key"]).status_code == 200
    api.data("DELETE", f"/keys/{made['id']}")
    assert api("GET", "/agents", token=made["key"]).status_code == 401


def test_a_key_gives_no_scope_that_it_lacks(api: Served):
    token = api.key("keys:write", "agents:read")
    refused = api("POST", "/keys", token=token, json={"name": "k", "scopes": ["agents:write"]})
    assert refused.status_code == 403
    assert refused.json()["scope"] == "agents:write"
    given = {"name": "k", "scopes": ["agents:read"]}
    assert api("POST", "/keys", token=token, json=given).status_code == 201
