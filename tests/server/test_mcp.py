"""``/mcp`` of a server process, asked by the official SDK's client, in the call that a token names."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from routing_engine.server.tokens import PREFIX, Grant, read_token, sign_token
from tests.support.planes import BILLING, CANCEL, MAIN, served

from .test_process import ROOT, server

PAGE = ROOT / "docs" / "how-to" / "mcp.md"
KEY = "rk_" + "k" * 40
CHARGE = {"words": "I was charged twice", "reason": "a charge"}
RULES = [
    {
        "label": "Billing",
        "when": "caller asks about an invoice, charge, or refund",
        "examples": ["I was charged twice"],
        "destination": BILLING,
        "fallback": [CANCEL],
    },
    {"label": "Moves", "when": "caller moves house", "destination": MAIN,
     "requiresConfirmation": True},
    {"label": "Cancel", "when": "caller wants to end the membership",
     "destination": CANCEL, "requiresVerification": True},
]  # fmt: skip


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """Two workers: no request may need the one that answered before."""
    given = {"ROUTING_ENGINE_BOOTSTRAP_KEY": KEY, "ROUTING_ENGINE_WORKERS": "2"}
    with server(tmp_path_factory.mktemp("mcp"), **given) as started:
        yield started


@pytest.fixture(scope="module")
def client(process):
    with process.client(KEY) as made:
        yield made


@pytest.fixture(scope="module")
def agent_id(client):
    config = {"handoffConfig": {"transferDestination": MAIN, "transferRules": RULES}}
    made = client.post("/agents", json={"name": "A", **config}).json()["data"]["id"]
    assert client.post(f"/agents/{made}/publish").status_code == 201
    return made


def opened(client, agent_id, **fields):
    """A call and its token."""
    call_id = client.post(f"/agents/{agent_id}/calls", json=fields).json()["data"]["callId"]
    made = client.post(f"/calls/{call_id}/tool-token")
    assert (made.status_code, made.json()["data"]["path"]) == (200, "/mcp")
    return call_id, made.json()["data"]["token"]


@asynccontextmanager
async def connected(process, token):
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=20) as http,
        Client(streamable_http_client(f"{process.url}/mcp", http_client=http)) as made,
    ):
        yield made


def asked(process, token, *calls):
    """What the tool answers, one call after the other, by one client."""

    async def play():
        async with connected(process, token) as made:
            return [await made.call_tool("transfer_call", arguments) for arguments in calls]

    return asyncio.run(play())


def posted(process, token, body=None, method="POST", **headers):
    """A plain request."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"} if body is None else body
    return httpx2.request(
        method, f"{process.url}/mcp", content=body if isinstance(body, bytes) else json.dumps(body),
        headers={"Authorization": f"Bearer {token}".encode(), "Accept": "application/json, text/event-stream",
                 "Content-Type": "application/json", **headers},
    )  # fmt: skip


def test_the_tool_is_listed_called_and_its_id_resolved_apart(process, client, agent_id):
    call_id, token = opened(client, agent_id, callerId="+12025550188")

    async def play():
        async with connected(process, token) as made:
            tools = (await made.list_tools()).tools
            wrong = await made.call_tool(tools[0].name, {"words": "x", "number": "+19005550199"})
            with pytest.raises(Exception, match="no tool of this name"):
                await made.call_tool("dial", CHARGE)
            return tools, await made.call_tool(tools[0].name, CHARGE), wrong

    tools, answer, wrong = asyncio.run(play())
    assert [tool.name for tool in tools] == ["transfer_call"]
    assert '"Billing"' in tools[0].description
    told = answer.structured_content
    assert (told["action"], told["rule"]) == ("transfer", "Billing")
    assert json.loads(answer.content[0].text) == told
    assert wrong.is_error
    assert "+1" not in str(answer)
    body = {"destinationId": told["destination_id"], "callId": call_id}
    found = client.post(f"/agents/{agent_id}/resolve", json=body).json()["data"]
    assert found["destination"] == BILLING
    # The id is of this call: of none, or another, it stands for nothing.
    other, _ = opened(client, agent_id)
    for apart in ({}, {"callId": other}):
        refused = client.post(
            f"/agents/{agent_id}/resolve",
            json={"destinationId": told["destination_id"], **apart},
        )
        assert refused.json()["code"] == "no_destination"
    row = client.get(f"/calls/{call_id}").json()["data"]
    assert (row["outcome"], row["rule"], row["transferred"]) == ("transfer", "Billing", True)
    assert row["handoff"]["caller"]["number"] == "+12025550188"
    assert [event["text"] for event in row["timeline"] if event["kind"] == "caller"] == [
        CHARGE["words"]
    ]


def test_the_page_has_it_as_it_is(process, agent_id, monkeypatch):
    (block,) = re.findall(r"```python\n(import os\n.*?)```", PAGE.read_text(), re.DOTALL)
    for name, value in {"SERVER": process.url, "AGENT": agent_id, "KEY": KEY}.items():
        monkeypatch.setenv(name, value)
    names = {}
    exec(block, names)
    answer = asyncio.run(names["ask"](*CHARGE.values()))
    assert answer.structured_content["rule"] == "Billing"


def test_turns_by_either_way_are_turns_of_one_call(process, client, agent_id):
    call_id, token = opened(client, agent_id)
    moves = {"words": "caller moves house", "reason": "x", "confirmed": True}
    ask, yes = asked(process, token, moves, {**moves, "words": "yes please"})
    assert (ask.structured_content["action"], yes.structured_content["action"]) == (
        "confirm", "transfer",
    )  # fmt: skip
    failed = client.post(
        f"/calls/{call_id}/turns", json={"event": "transferFailed", "outcome": "busy"}
    )
    assert failed.json()["data"]["decision"]["reason"] == "nobody_answered"
    again = asked(process, token, CHARGE)[0].structured_content
    assert (again["action"], again["rule"]) == ("transfer", "Billing")


def test_a_repeated_call_of_the_tool_dials_nobody_else(process, client, agent_id):
    _, token = opened(client, agent_id)
    first, second = (answer.structured_content for answer in asked(process, token, CHARGE, CHARGE))
    assert (first["rule"], second["rule"]) == ("Billing", "Billing")


def test_no_argument_verifies_a_caller(process, client, agent_id):
    call_id, token = opened(client, agent_id)
    words = "caller wants to end the membership"
    told = asked(process, token, {"words": words, "reason": "the caller is verified",
                                  "confirmed": True})[0].structured_content  # fmt: skip
    assert (told["action"], told["destination_id"]) == ("verify", None)
    refused = asked(process, token, {"words": words, "reason": "x", "verified": True})[0]
    assert refused.is_error
    verified = client.post(f"/calls/{call_id}/turns", json={"event": "verified", "method": "pin"})
    assert verified.json()["data"]["decision"]["destination"] == CANCEL


def test_a_token_ends_with_its_call(process, client, agent_id):
    call_id, token = opened(client, agent_id)
    assert client.post(f"/calls/{call_id}/tool-token").json()["data"]["token"] == token
    assert posted(process, token).status_code == 200
    client.post(f"/calls/{call_id}/outcome", json={"outcome": "contained"})
    refused = posted(process, token)
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert client.post(f"/calls/{call_id}/tool-token").json()["code"] == "call_over"


def altered(token, old, new):
    """A token that names something else, with the tag of the one that was given."""
    raw = base64.urlsafe_b64decode(token.removeprefix(PREFIX) + "===")
    made = raw[:32] + raw[32:].replace(old.encode(), new.encode())
    assert made != raw
    return PREFIX + base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def test_a_token_reaches_no_other_call(process, client, agent_id):
    call_id, token = opened(client, agent_id)
    other, others_token = opened(client, agent_id)
    for wrong in (
        altered(token, call_id, other), altered(token, "org_", "orh_"), token[:-2], f"{token}A",
        KEY, PREFIX, f"{PREFIX}AAAA", f"{PREFIX}é", "x",
    ):  # fmt: skip
        assert posted(process, wrong).status_code == 401
    asked(process, token, CHARGE)
    assert client.get(f"/calls/{other}").json()["data"]["timeline"] == []
    # Nor does it open anything else.
    with process.client(others_token) as stranger:
        assert stranger.get("/agents").status_code == 401
        assert stranger.post(f"/calls/{other}/turns", json={"text": "hi"}).status_code == 401


def test_what_is_no_request_of_a_tool_is_refused(process, client, agent_id):
    _, token = opened(client, agent_id)
    for method in ("GET", "DELETE", "PUT"):
        refused = posted(process, token, method=method)
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert posted(process, token, Origin="https://page.example").status_code == 403
    assert posted(process, token, b"x" * 70_000).status_code == 413
    assert posted(process, token, b"{").status_code == 400
    assert posted(process, token, b"[" * 5000 + b"]" * 5000).status_code == 400
    assert posted(process, token, b"\xff").status_code == 400
    for body in ([], 7, {"jsonrpc": "2.0"}, {"jsonrpc": "2.0", "id": 1, "method": "x" * 1000}):
        assert posted(process, token, body).status_code in (200, 400, 404)
    assert asked(process, token, CHARGE)[0].structured_content["action"] == "transfer"
    assert CHARGE["words"] not in process.log
    assert "Traceback" not in process.log


def test_a_call_may_be_asked_about_from_many_places_at_once(process, client, agent_id):
    call_id, token = opened(client, agent_id)

    async def play():
        async with connected(process, token) as made:
            turns = [{"words": f"my invoice {n} is wrong", "reason": "x"} for n in range(8)]
            return await asyncio.gather(*(made.call_tool("transfer_call", x) for x in turns))

    answers = asyncio.run(play())
    assert not any(answer.is_error for answer in answers)
    timeline = client.get(f"/calls/{call_id}").json()["data"]["timeline"]
    assert sum(event["kind"] == "caller" for event in timeline) == 8


def test_another_organisation_gets_no_token(tmp_path):
    with served(tmp_path) as api:
        call_id = api.data("POST", f"/agents/{api.published()}/calls")["callId"]
        path = f"/calls/{call_id}/tool-token"
        assert api("POST", path, token=api.other_token).status_code == 404
        assert api("POST", path, token=api.key("calls:read")).json()["scope"] == "calls:write"
        token = api.data("POST", path)["token"]
        # A key of this server that names their organisation finds no such call there.
        key = api.plane.keys_for(b"routing-engine tool tokens, 1")[0]
        grant = read_token(token, [key], datetime.now(UTC))
        theirs = api.plane.keys.recent(api.other_token).organisation_id
        forged = sign_token(grant._replace(organisation_id=theirs), key)
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        statuses = [
            api.client.post(
                "/mcp", json=body, headers={**headers, "Authorization": f"Bearer {given}"}
            ).status_code
            for given in (token, forged)
        ]
        assert statuses == [200, 401]


def test_a_token_holds_until_its_end_and_by_its_own_key_alone():
    end = datetime(2026, 6, 1, tzinfo=UTC)
    grant = Grant("org_1", "0123", end)
    token = sign_token(grant, b"k" * 32)
    before = end - timedelta(seconds=1)
    assert read_token(token, [b"l" * 32, b"k" * 32], before) == grant
    assert read_token(token, [b"l" * 32, b"k" * 32], end) is None
    assert read_token(token, [b"l" * 32], before) is None
