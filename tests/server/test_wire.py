"""The wire format as clients write it already: bodies as text, a test for each kind of call."""

from __future__ import annotations

import json

import pytest

from tests.support.planes import Served, served

HANDOFF = """{"handoffConfig": {
  "warm": true,
  "transferDestination": "4155550100",
  "escalationThreshold": 0.35,
  "contextSummaryUrl": "https://crm.example/context",
  "transferRules": [
    {"label": "Billing", "when": "caller asks about an invoice, charge, or refund",
     "destination": "(415) 555-0111", "examples": ["I was charged twice", "refund my invoice"]},
    {"label": "Front Desk", "when": "caller wants directions or parking",
     "destination": "+14155550122"}
  ]
}}"""
HOURS = """{"businessHours": {
  "timezone": "America/Los_Angeles",
  "weekly": {
    "monday": [{"start": "09:00", "end": "17:00"}], "tuesday": ["09:00-12:00", "13:00-17:00"],
    "wednesday": ["09:00-17:00"], "thursday": ["09:00-17:00"], "friday": ["09:00-17:00"],
    "saturday": [], "sunday": []
  },
  "holidays": [
    {"date": "2026-12-24", "endDate": "2026-12-26", "name": "Christmas", "closed": true},
    {"date": "2026-12-31", "name": "New Year's Eve", "closed": false, "ranges": ["09:00-12:00"]}
  ],
  "afterHours": {
    "mode": "message", "message": "We open at nine.", "allowHumanTransfer": false,
    "number": "415-555-0144", "emergencyNumber": "415.555.0190"
  }
}}"""
SKILL = """{
  "name": "Cancel Membership", "description": "caller wants to end the membership",
  "skillType": "transfer",
  "parametersSchema": {"type": "object", "properties": {"memberId": {"type": "string"}}},
  "executionConfig": {"destination": "4155550113"},
  "requiresConfirmation": false, "requiresVerifiedIdentity": true, "isEnabled": true
}"""
OPEN, SHUT = "2026-11-23T18:00:00Z", "2026-11-23T08:00:00Z"
CHARGED = {"utterance": "I was charged twice", "now": OPEN}


@pytest.fixture
def api(tmp_path, store_url):
    with served(tmp_path, database=store_url) as made:
        yield made


def send(api: Served, method: str, path: str, text: str):
    return api.data(
        method, path, content=text.encode(), headers={"Content-Type": "application/json"}
    )


@pytest.fixture
def agent_id(api: Served) -> str:
    made = send(api, "POST", "/agents", '{"name": "Fernwick Oakland", "locationId": "store-0042"}')
    send(api, "PATCH", f"/agents/{made['id']}", HANDOFF)
    return made["id"]


def test_agents_are_made_listed_read_patched_and_deleted(api: Served):
    made = send(api, "POST", "/agents", '{"name": "Fernwick Oakland"}')
    path = f"/agents/{made['id']}"
    assert (made["name"], made["version"], made["locationId"]) == (
        "Fernwick Oakland", None, made["id"],
    )  # fmt: skip
    assert api.data("GET", "/agents") == {"items": [made], "nextCursor": None}
    patched = send(api, "PATCH", path, HANDOFF)["handoffConfig"]
    given = json.loads(HANDOFF)["handoffConfig"]
    assert patched["transferDestination"] == "+14155550100"
    assert [rule["destination"] for rule in patched["transferRules"]] == [
        "+14155550111", "+14155550122",
    ]  # fmt: skip
    for name in ("warm", "escalationThreshold", "contextSummaryUrl"):
        assert patched[name] == given[name]
    hours = send(api, "PATCH", path, HOURS)["businessHours"]
    assert hours["timezone"] == "America/Los_Angeles"
    assert hours["weekly"]["tuesday"] == ["09:00-12:00", "13:00-17:00"]
    assert hours["weekly"]["monday"] == ["09:00-17:00"]
    assert hours["afterHours"] == {
        "mode": "message", "message": "We open at nine.", "allowHumanTransfer": False,
        "number": "+14155550144", "emergencyNumber": "+14155550190",
    }  # fmt: skip
    assert [(item["date"], item["name"]) for item in hours["holidays"]] == [
        ("2026-12-24", "Christmas"), ("2026-12-31", "New Year's Eve"),
    ]  # fmt: skip
    control = '{"callControl": {"onNoResponseAction": "transfer"}, "name": "Oakland"}'
    whole = send(api, "PATCH", path, control)
    assert whole["callControl"] == {"onNoResponseAction": "transfer"}
    assert (whole["name"], whole["handoffConfig"], whole["businessHours"]) == (
        "Oakland", patched, hours,
    )  # fmt: skip
    assert api.data("GET", path) == whole
    api.data("DELETE", path)
    assert api("GET", path).status_code == 404


def test_hours_decide(api: Served, agent_id: str):
    send(api, "PATCH", f"/agents/{agent_id}", HOURS)
    api.data("POST", f"/agents/{agent_id}/publish")
    route = f"/agents/{agent_id}/route"
    for now, said, expected in (
        (OPEN, "I was charged twice", ("transfer", "+14155550111")),
        (SHUT, "I was charged twice", ("closed", None)),
        (SHUT, "this is an emergency, I smell gas", ("transfer", "+14155550190")),
        ("2026-12-25T18:00:00Z", "I was charged twice", ("closed", None)),
        ("2026-12-31T18:00:00Z", "I was charged twice", ("transfer", "+14155550111")),
        ("2026-12-31T21:00:00Z", "I was charged twice", ("closed", None)),
    ):
        found = api.data("POST", route, json={"utterance": said, "now": now})
        assert (found["outcome"], found["destination"]) == expected, (now, said)


def test_what_is_urgent_is_asked_for_less(api: Served, agent_id: str):
    path, said = f"/agents/{agent_id}", {"utterance": "the basement is flooding"}
    flood = {"label": "Flood", "when": "caller has a flood", "destination": "+14155550112",
             "examples": [said["utterance"]]}  # fmt: skip
    for rule, expected in (
        (flood, ("default", None, 1.0)),
        ({**flood, "urgent": True}, ("transfer", "Flood", 0.4)),
    ):
        handoff = {"escalationThreshold": 1.0, "transferRules": [rule]}
        kept = api.data("PATCH", path, json={"handoffConfig": handoff})
        assert kept["handoffConfig"]["transferRules"][0].get("urgent", False) is ("urgent" in rule)
        found = api.data("POST", f"{path}/simulate", json=said)
        assert (found["outcome"], found["rule"], found["threshold"]) == expected


def test_skills_are_rules(api: Served, agent_id: str):
    path = f"/agents/{agent_id}/skills"
    made = send(api, "POST", path, SKILL)
    assert made["executionConfig"] == {"destination": "+14155550113"}
    for name in ("name", "description", "skillType", "parametersSchema", "isEnabled"):
        assert made[name] == json.loads(SKILL)[name]
    assert (made["requiresConfirmation"], made["requiresVerifiedIdentity"]) == (False, True)
    assert api.data("GET", path)["items"] == [made]
    said = {"utterance": "caller wants to end the membership"}
    simulate = f"/agents/{agent_id}/simulate"
    assert api.data("POST", simulate, json=said)["outcome"] == "verify"
    known = api.data("POST", simulate, json={**said, "verified": True})
    assert (known["outcome"], known["destination"], known["rule"]) == (
        "transfer", "+14155550113", "Cancel Membership",
    )  # fmt: skip
    patch = '{"isEnabled": false, "isUrgent": true}'
    assert send(api, "PATCH", f"{path}/{made['id']}", patch)["isUrgent"] is True
    assert api.data("POST", simulate, json=said)["destination"] != "+14155550113"
    hours = '{"name": "Opening Hours", "description": "caller asks when you open", "skillType": "answer"}'
    urgent = json.loads(hours) | {"isUrgent": True}
    assert api("POST", path, json=urgent).status_code == 422
    other = send(api, "POST", path, hours)
    contained = api.data("POST", simulate, json={"utterance": "caller asks when you open"})
    assert contained["rule"] == "Opening Hours"
    assert contained["reason"] == "routine"
    for skill in (made, other):
        api.data("DELETE", f"{path}/{skill['id']}")
    assert api.data("GET", path)["items"] == []


def test_guardrails_and_caller_verification_hold_calls_back(api: Served, agent_id: str):
    path = f"/agents/{agent_id}/guardrails"
    given = '{"requiresVerification": ["Billing"], "requiresConfirmation": ["Front Desk"]}'
    assert send(api, "PUT", path, given) == json.loads(given)
    assert api.data("GET", path) == json.loads(given)
    path = f"/agents/{agent_id}/caller-verification"
    given = '{"methods": ["pin"], "ttlSeconds": 600, "maxAttempts": 2}'
    assert send(api, "PUT", path, given) == json.loads(given)
    assert api.data("GET", path) == json.loads(given)
    api.data("POST", f"/agents/{agent_id}/publish")
    call_id = api.data("POST", f"/agents/{agent_id}/calls")["callId"]
    turns = f"/calls/{call_id}/turns"
    heard = send(api, "POST", turns, '{"text": "I was charged twice"}')
    assert heard["decision"]["outcome"] == "verify"
    known = send(api, "POST", turns, '{"event": "verified", "method": "pin"}')
    assert (known["decision"]["outcome"], known["decision"]["destination"]) == (
        "transfer", "+14155550111",
    )  # fmt: skip


def test_drafts_are_checked_published_compared_and_rolled_back(api: Served, agent_id: str):
    path = f"/agents/{agent_id}"
    refused = api("POST", f"{path}/route", json=CHARGED)
    assert (refused.status_code, refused.json()["code"]) == (409, "no_published_version")
    report = api.data("GET", f"{path}/prepublish-report")
    assert (report["publishable"], report["tests"]) == (True, [])
    first = send(api, "POST", f"{path}/publish", '{"note": "first"}')
    assert (first["version"], first["note"]) == (1, "first")
    rules = json.loads(HANDOFF)["handoffConfig"]["transferRules"]
    rules[0]["destination"] = "+14155550199"
    failing = [{"utterance": "I was charged twice", "expect": "Front Desk"}]
    change = {"handoffConfig": {"transferRules": rules}, "routingTests": failing}
    api.data("PATCH", path, json=change)
    assert api.data("POST", f"{path}/route", json=CHARGED)["destination"] == "+14155550111"
    assert api.data("POST", f"{path}/simulate", json=CHARGED)["destination"] == "+14155550199"
    blocked = api("POST", f"{path}/publish")
    assert (blocked.status_code, blocked.json()["code"]) == (409, "blocked")
    assert blocked.json()["report"]["tests"][0]["got"] == "Billing"
    forced = '{"note": "second", "force": true, "reason": "the desk moved"}'
    assert send(api, "POST", f"{path}/publish", forced)["forced"] == "the desk moved"
    assert api.data("POST", f"{path}/route", json=CHARGED)["destination"] == "+14155550199"
    assert [item["version"] for item in api.data("GET", f"{path}/versions")["items"]] == [2, 1]
    diff = api.data("GET", f"{path}/versions/2/diff")
    assert (diff["fromVersion"], diff["toVersion"]) == (1, 2)
    changes = {item["path"]: (item["before"], item["after"]) for item in diff["changes"]}
    assert changes["config.handoffConfig.transferRules[Billing].destination"] == (
        "+14155550111", "+14155550199",
    )  # fmt: skip
    back = send(api, "POST", f"{path}/rollback", '{"version": 1, "note": "back"}')
    assert (back["version"], back["note"]) == (3, "back")
    routed = api.data("POST", f"{path}/route", json=CHARGED)
    assert (routed["version"], routed["destination"]) == (3, "+14155550111")


def test_calls_are_held_turn_by_turn_and_counted(api: Served, agent_id: str):
    api.data("POST", f"/agents/{agent_id}/publish")
    opened = send(api, "POST", f"/agents/{agent_id}/calls", '{"callerId": "+12025550188"}')
    turns = f"/calls/{opened['callId']}/turns"
    quiet = send(api, "POST", turns, '{"text": "what a lovely garden"}')
    assert quiet["decision"]["outcome"] == "contain"
    heard = send(api, "POST", turns, '{"text": "I was charged twice"}')
    assert heard["decision"]["destination"] == "+14155550111"
    assert heard["handoff"] is not None
    failed = send(api, "POST", turns, '{"event": "transferFailed", "outcome": "no_answer"}')
    assert failed["decision"]["destination"] == "+14155550100"
    send(api, "POST", f"/calls/{opened['callId']}/outcome", '{"outcome": "transferred"}')
    api.data("POST", f"/agents/{agent_id}/route", json=CHARGED)
    assert api.plane.recorder.flush()
    found = api.data("GET", f"/agents/{agent_id}/calls")
    totals = found["totals"]
    assert (totals["calls"], totals["transferred"], totals["contained"]) == (2, 2, 0)
    assert (totals["transferRate"], totals["failedTransfers"]) == (1.0, 1)
    assert len(totals["byDay"]) in {1, 2}  # midnight may pass
    assert sum(day["calls"] for day in totals["byDay"]) == 2
    assert len(found["items"]) == 2
    one = api.data("GET", f"/calls/{opened['callId']}")
    assert (one["transferred"], one["failedTransfers"], one["timeline"]) == (True, 1, None)
    for query, n in (
        ("?rule=Billing", totals["byRule"]["Billing"]),
        ("?outcome=transfer", 1 + (one["outcome"] == "transfer")),
        ("?since=2026-01-01T00:00:00Z&until=2999-01-01T00:00:00Z", 2),
        ("?until=2026-01-01T00:00:00Z", 0),
    ):
        filtered = api.data("GET", f"/agents/{agent_id}/calls{query}")
        assert filtered["totals"]["calls"] == len(filtered["items"]) == n, query


def test_a_sheet_becomes_agents(api: Served, agent_id: str):
    sheet = (
        b"location_id,location_name,default_destination,label,when,destination\n"
        b"store-0042,Oakland,4155550100,Billing,caller asks about a bill,4155550177\n"
        b"store-0043,Berkeley,4155550200,Billing,caller asks about a bill,4155550211\n"
    )
    checked = api.imported(sheet, dryRun="true")
    assert (checked["status"], checked["dryRun"], checked["published"]) == ("checked", True, False)
    assert checked["diff"]["added"] == ["store-0043"]
    assert [item["locationId"] for item in api.data("GET", "/agents")["items"]] == ["store-0042"]
    done = api.imported(sheet, publish="true")
    assert (done["status"], done["published"], done["nDone"], done["nTotal"]) == (
        "done", True, 2, 2,
    )  # fmt: skip
    assert done["report"]["nErrors"] == 0
    new = api.data("GET", "/agents?locationId=store-0043")["items"][0]
    assert new["version"] == 1
    for agent, number in ((agent_id, "+14155550177"), (new["id"], "+14155550211")):
        said = {"utterance": "caller asks about a bill"}
        assert api.data("POST", f"/agents/{agent}/route", json=said)["destination"] == number


def test_keys_are_made_listed_and_deleted(api: Served):
    given = (
        '{"name": "call server", "scopes": ["calls:write"], "expiresAt": "2999-01-01T00:00:00Z"}'
    )
    made = send(api, "POST", "/keys", given)
    assert made["key"].startswith(made["prefix"])
    assert made["scopes"] == ["calls:write"]
    assert made["expiresAt"].startswith("2999-01-01T00:00:00")
    listed = [item for item in api.data("GET", "/keys")["items"] if item["id"] == made["id"]]
    assert "key" not in listed[0]
    assert listed[0]["prefix"] == made["prefix"]
    assert api("GET", "/agents", token=made["key"]).status_code == 403
    api.data("DELETE", f"/keys/{made['id']}")
    assert api("GET", "/agents", token=made["key"]).status_code == 401
