from __future__ import annotations

import psycopg
import pytest

from tests.support.planes import BILLING, CANCEL, CONFIG, MAIN, Served, served


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def api(request, tmp_path_factory):
    options = {}
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        options["database"] = url
    with served(tmp_path_factory.mktemp("plane"), **options) as made:
        yield made


# Drafts


def test_the_published_wire_example_works_as_it_stands(api: Served):
    agent_id = api.data("POST", "/agents", json={"name": "Oakland"})["id"]
    patched = api.data(
        "PATCH",
        f"/agents/{agent_id}",
        json={
            "handoffConfig": {
                "warm": True,
                "transferDestination": "4155550100",
                "escalationThreshold": 0.3,
                "contextSummaryUrl": "https://crm.example/calls",
                "transferRules": [
                    {
                        "label": "Billing",
                        "when": "caller asks about an invoice, charge, or refund",
                        "destination": "(415) 555-0111",
                        "examples": ["I was charged twice"],
                    }
                ],
            }
        },
    )
    assert patched["handoffConfig"] == {
        "warm": True,
        "transferDestination": MAIN,
        "escalationThreshold": 0.3,
        "contextSummaryUrl": "https://crm.example/calls",
        "transferRules": [
            {
                "label": "Billing",
                "when": "caller asks about an invoice, charge, or refund",
                "destination": BILLING,
                "examples": ["I was charged twice"],
            }
        ],
    }
    assert patched["version"] is None
    published = api.data("POST", f"/agents/{agent_id}/publish", json={"note": "first"})
    assert (published["version"], published["note"]) == (1, "first")
    decision = api.data(
        "POST", f"/agents/{agent_id}/route", json={"utterance": "I was charged twice"}
    )
    assert (decision["outcome"], decision["destination"], decision["rule"]) == (
        "transfer", BILLING, "Billing",
    )  # fmt: skip
    assert (decision["version"], decision["locationId"]) == (1, agent_id)
    assert api.plane.recorder.flush()
    listed = api.data("GET", f"/agents/{agent_id}/calls")
    assert listed["totals"] == {
        "calls": 1,
        "contained": 0,
        "transferred": 1,
        "transferRate": 1.0,
        "defaultRate": 0.0,
        "failedTransfers": 0,
        "byRule": {"Billing": 1},
        "byDay": [
            {
                "day": listed["items"][0]["openedAt"][:10],
                "calls": 1,
                "contained": 0,
                "transferred": 1,
            }
        ],
    }


def test_a_patch_merges_null_removes_and_lists_replace(api: Served):
    agent_id = api.agent()
    api.data("PATCH", f"/agents/{agent_id}", json={"handoffConfig": {"escalationThreshold": 0.4}})
    kept = api.data("GET", f"/agents/{agent_id}")["handoffConfig"]
    assert (kept["escalationThreshold"], len(kept["transferRules"])) == (0.4, 2)
    api.data(
        "PATCH",
        f"/agents/{agent_id}",
        json={"handoffConfig": {"escalationThreshold": None, "transferRules": []}},
    )
    assert api.data("GET", f"/agents/{agent_id}")["handoffConfig"] == {
        "transferDestination": MAIN,
        "transferRules": [],
    }


def test_a_week_is_merged_day_by_day_and_read_from_text(api: Served):
    agent_id = api.agent(
        businessHours={"timezone": "America/Los_Angeles", "weekly": "Mon-Tue 9am-5pm"}
    )
    api.data(
        "PATCH",
        f"/agents/{agent_id}",
        json={
            "businessHours": {
                "weekly": {"monday": None, "friday": [{"start": "09:00", "end": "12:00"}]}
            }
        },
    )
    weekly = api.data("GET", f"/agents/{agent_id}")["businessHours"]["weekly"]
    assert {day: ranges for day, ranges in weekly.items() if ranges} == {
        "tuesday": ["09:00-17:00"],
        "friday": ["09:00-12:00"],
    }


@pytest.mark.parametrize(
    ("patch", "path"),
    [
        ({"handoffConfig": {"transferDestination": "555 01A2"}},
         "handoffConfig.transferDestination"),
        ({"handoffConfig": {"transferDestination": "911"}}, "handoffConfig.transferDestination"),
        ({"handoffConfig": {"transferDestination": "+19005550100"}},
         "handoffConfig.transferDestination"),
        ({"handoffConfig": {"escalationThreshold": 1.5}}, "handoffConfig.escalationThreshold"),
        ({"handoffConfig": {"escalationThreshold": "0.5"}}, "handoffConfig.escalationThreshold"),
        ({"handoffConfig": {"warm": "yes"}}, "handoffConfig.warm"),
        ({"handoffConfig": {"transferRules": [{"label": "A", "when": "a"}]}},
         "handoffConfig.transferRules.0"),
        ({"handoffConfig": {"unknown": None}}, "handoffConfig.unknown"),
        ({"businessHours": {"timezone": "Mars/Olympus"}}, "businessHours.timezone"),
        ({"businessHours": {"holidays": [{"date": "2026-13-01"}]}},
         "businessHours.holidays.0.date"),
        ({"businessHours": {"weekly": {"monday": ["9-5"]}}}, "businessHours.weekly.monday.0"),
        ({"name": ""}, "name"),
        ({"locationId": "x"}, "locationId"),
    ],
)  # fmt: skip
def test_a_field_that_is_wrong_by_itself_is_refused_with_its_path(api: Served, patch, path):
    agent_id = api.agent()
    before = api.data("GET", f"/agents/{agent_id}")
    response = api("PATCH", f"/agents/{agent_id}", json=patch)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert [item["path"] for item in response.json()["errors"]] == [path]
    assert api.data("GET", f"/agents/{agent_id}") == before


def test_an_error_holds_no_number(api: Served):
    agent_id = api.agent()
    response = api(
        "PATCH",
        f"/agents/{agent_id}",
        json={"handoffConfig": {"transferDestination": "+14155550111222333"}},
    )
    assert response.status_code == 422
    assert "555" not in response.text


def test_a_lost_update_is_412(api: Served):
    agent_id = api.agent()
    etag = api("GET", f"/agents/{agent_id}").headers["etag"]
    fresh = api("PATCH", f"/agents/{agent_id}", json={"name": "One"}, headers={"If-Match": etag})
    assert fresh.status_code == 200
    stale = api("PATCH", f"/agents/{agent_id}", json={"name": "Two"}, headers={"If-Match": etag})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert api.data("GET", f"/agents/{agent_id}")["name"] == "One"
    again = api(
        "PATCH",
        f"/agents/{agent_id}",
        json={"name": "Two"},
        headers={"If-Match": fresh.headers["etag"]},
    )
    assert again.json()["data"]["name"] == "Two"


def test_a_change_of_skills_or_guardrails_changes_the_etag(api: Served):
    agent_id = api.agent()
    seen = {api.data("GET", f"/agents/{agent_id}")["etag"]}
    api.data("PUT", f"/agents/{agent_id}/guardrails", json={"requiresConfirmation": ["Billing"]})
    seen.add(api.data("GET", f"/agents/{agent_id}")["etag"])
    api.data(
        "POST",
        f"/agents/{agent_id}/skills",
        json={"name": "Hours", "description": "caller asks when we open", "skillType": "info"},
    )
    seen.add(api.data("GET", f"/agents/{agent_id}")["etag"])
    assert len(seen) == 3


def test_agents_are_listed_in_pages(api: Served):
    ids = [api.agent() for _ in range(5)]
    found, cursor = [], None
    while True:
        query = {"limit": 2} | ({} if cursor is None else {"cursor": cursor})
        page = api.data("GET", "/agents", params=query)
        assert len(page["items"]) <= 2
        found += [item["id"] for item in page["items"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert found[-5:] == ids
    assert len(set(found)) == len(found)


def test_one_agent_answers_one_location(api: Served):
    api.agent("only-one")
    response = api("POST", "/agents", json={"name": "B", "locationId": "only-one"})
    assert (response.status_code, response.json()["code"]) == (409, "conflict")
    found = api.data("GET", "/agents", params={"locationId": "only-one"})["items"]
    assert len(found) == 1


# Idempotency


def test_the_same_key_and_body_get_the_same_answer_once(api: Served):
    headers = {"Idempotency-Key": "create-1"}
    first = api("POST", "/agents", json={"name": "A"}, headers=headers)
    second = api("POST", "/agents", json={"name": "A"}, headers=headers)
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert first.headers["location"] == second.headers["location"]
    other = api("POST", "/agents", json={"name": "B"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


@pytest.mark.parametrize("path", ["route", "simulate", "publish", "calls", "skills", "rollback"])
def test_every_post_of_an_agent_is_idempotent(api: Served, path):
    agent_id = api.published()
    body = {
        "route": {"utterance": "I was charged twice"},
        "simulate": {"utterance": "I was charged twice"},
        "publish": {"note": "again"},
        "calls": {},
        "skills": {"name": "Hours", "description": "caller asks hours", "skillType": "info"},
        "rollback": {"version": 1},
    }[path]
    headers = {"Idempotency-Key": f"once-{path}"}
    answers = [
        api("POST", f"/agents/{agent_id}/{path}", json=body, headers=headers) for _ in range(2)
    ]
    assert answers[0].status_code < 300
    assert answers[0].content == answers[1].content


def test_a_failed_request_may_be_sent_again_with_its_key(api: Served):
    agent_id = api.data("POST", "/agents", json={"name": "Empty"})["id"]
    headers = {"Idempotency-Key": "publish-when-ready"}
    assert api("POST", f"/agents/{agent_id}/publish", headers=headers).status_code == 422
    api.data("PATCH", f"/agents/{agent_id}", json=CONFIG)
    assert api("POST", f"/agents/{agent_id}/publish", headers=headers).status_code == 201


# Publishing


def test_what_is_not_published_is_not_answered(api: Served):
    agent_id = api.agent()
    for path, body in (("route", {"utterance": "hi"}), ("calls", {})):
        response = api("POST", f"/agents/{agent_id}/{path}", json=body)
        assert (response.status_code, response.json()["code"]) == (409, "no_published_version")


def test_a_draft_whose_parts_do_not_fit_is_refused_at_publish_with_paths(api: Served):
    agent_id = api.data("POST", "/agents", json={"name": "Parts"})["id"]
    rule = {"label": "A", "when": "caller asks for a", "destination": BILLING}
    api.data(
        "PATCH",
        f"/agents/{agent_id}",
        json={
            "handoffConfig": {"transferRules": [rule, rule | {"destination": CANCEL}]},
            "businessHours": {"weekly": "Mon 9am-5pm"},
        },
    )
    api.data("PUT", f"/agents/{agent_id}/guardrails", json={"requiresVerification": ["None"]})
    response = api("POST", f"/agents/{agent_id}/publish")
    assert (response.status_code, response.json()["code"]) == (422, "invalid_draft")
    assert {item["path"] for item in response.json()["errors"]} == {
        "handoffConfig.transferDestination",
        "businessHours.timezone",
        "guardrails.requiresVerification.0",
    }
    api.data("PATCH", f"/agents/{agent_id}", json={
        "handoffConfig": {"transferDestination": MAIN}, "businessHours": None})  # fmt: skip
    api.data("PUT", f"/agents/{agent_id}/guardrails", json={})
    response = api("POST", f"/agents/{agent_id}/publish")
    assert [item["path"] for item in response.json()["errors"]] == ["handoffConfig.transferRules.1"]


def test_a_failing_test_blocks_unless_forced_with_a_reason(api: Served):
    agent_id = api.agent(routingTests=[{"utterance": "I was charged twice", "expect": "Cancel"}])
    report = api.data("GET", f"/agents/{agent_id}/prepublish-report")
    assert report["publishable"] is False
    assert report["tests"][0] | {"confidence": 0} == {
        "index": 0, "expect": "Cancel", "got": "Billing", "passed": False, "confidence": 0,
    }  # fmt: skip
    blocked = api("POST", f"/agents/{agent_id}/publish")
    assert (blocked.status_code, blocked.json()["code"]) == (409, "blocked")
    assert blocked.json()["report"] == report
    assert api("POST", f"/agents/{agent_id}/publish", json={"force": True}).status_code == 422
    forced = api.data(
        "POST", f"/agents/{agent_id}/publish", json={"force": True, "reason": "known"}
    )
    assert (forced["version"], forced["forced"]) == (1, "known")


def test_examples_are_proposed_for_a_draft_and_nothing_changes(api: Served):
    agent_id = api.agent()
    before = api.data("GET", f"/agents/{agent_id}")
    found = api.data("GET", f"/agents/{agent_id}/suggestions")
    labels = [rule["label"] for rule in before["handoffConfig"]["transferRules"]]
    assert [rule["label"] for rule in found["rules"]] == labels
    for rule in found["rules"]:
        assert len(rule["suggestions"]) <= 8
        for item in rule["suggestions"]:
            assert set(item) == {"text", "confidence", "source"}
    assert api.data("GET", f"/agents/{agent_id}") == before
    assert api("GET", "/agents/nobody/suggestions").status_code == 404


def test_nothing_is_proposed_for_a_draft_whose_parts_do_not_fit(api: Served):
    agent_id = api.agent()
    api.data("PUT", f"/agents/{agent_id}/guardrails", json={"requiresVerification": ["None"]})
    response = api("GET", f"/agents/{agent_id}/suggestions")
    assert (response.status_code, response.json()["code"]) == (422, "invalid_draft")
    assert response.json()["errors"][0]["path"] == "guardrails.requiresVerification.0"


def test_a_rule_that_nobody_can_reach_blocks(api: Served):
    rule = CONFIG["handoffConfig"]["transferRules"][0] | {"hours": "closed"}
    agent_id = api.agent(handoffConfig={"transferDestination": MAIN, "transferRules": [rule]})
    blocked = api("POST", f"/agents/{agent_id}/publish")
    assert blocked.status_code == 409
    finding = blocked.json()["report"]["findings"][0]
    assert (finding["kind"], finding["blocks"]) == ("unreachable", True)


def test_a_publish_is_of_what_was_reported_on_with_if_match(api: Served):
    agent_id = api.agent()
    etag = api.data("GET", f"/agents/{agent_id}")["etag"]
    api.data("PATCH", f"/agents/{agent_id}", json={"name": "Other"})
    response = api("POST", f"/agents/{agent_id}/publish", headers={"If-Match": etag})
    assert response.status_code == 412


def test_versions_differ_field_by_field_and_roll_back(api: Served):
    agent_id = api.published()
    rules = [dict(rule) for rule in CONFIG["handoffConfig"]["transferRules"]]
    rules[0]["destination"] = CANCEL
    api.data(
        "PATCH",
        f"/agents/{agent_id}",
        json={"name": "New name", "handoffConfig": {"transferRules": rules}},
    )
    api.data("POST", f"/agents/{agent_id}/publish")
    diff = api.data("GET", f"/agents/{agent_id}/versions/2/diff")
    assert diff == {
        "fromVersion": 1,
        "toVersion": 2,
        "changes": [
            {"path": "name", "before": "Oakland", "after": "New name"},
            {
                "path": "config.handoffConfig.transferRules[Billing].destination",
                "before": BILLING,
                "after": CANCEL,
            },
        ],
    }
    assert route(api, agent_id, "I was charged twice")["destination"] == CANCEL
    back = api.data("POST", f"/agents/{agent_id}/rollback", json={"version": 1})
    assert back["version"] == 3
    decision = route(api, agent_id, "I was charged twice")
    assert (decision["destination"], decision["version"]) == (BILLING, 3)
    assert api.data("GET", f"/agents/{agent_id}")["name"] == "Oakland"
    assert api.data("GET", f"/agents/{agent_id}/versions/3/diff?against=1")["changes"] == []
    first = api.data("GET", f"/agents/{agent_id}/versions/1")
    assert first["snapshot"]["config"] == CONFIG


def route(api: Served, agent_id: str, utterance: str, **more):
    return api.data("POST", f"/agents/{agent_id}/route", json={"utterance": utterance, **more})


def test_a_deleted_agent_is_answered_no_more(api: Served):
    agent_id = api.published()
    api.data("DELETE", f"/agents/{agent_id}")
    for method, path in (("GET", ""), ("POST", "/route")):
        body = {"json": {"utterance": "hi"}} if method == "POST" else {}
        assert api(method, f"/agents/{agent_id}{path}", **body).status_code == 404


# Decisions


def test_simulate_is_of_the_draft_and_changes_nothing(api: Served):
    agent_id = api.published()
    before = api.data("GET", f"/agents/{agent_id}")
    rules = [CONFIG["handoffConfig"]["transferRules"][0] | {"destination": CANCEL}]
    api.data("PATCH", f"/agents/{agent_id}", json={"handoffConfig": {"transferRules": rules}})
    simulated = api.data(
        "POST", f"/agents/{agent_id}/simulate", json={"utterance": "I was charged twice"}
    )
    assert (simulated["destination"], simulated["version"]) == (CANCEL, None)
    assert route(api, agent_id, "I was charged twice")["destination"] == BILLING
    assert api.data("GET", f"/agents/{agent_id}")["version"] == before["version"] == 1
    assert api.plane.recorder.flush()
    assert api.data("GET", f"/agents/{agent_id}/calls")["totals"]["calls"] == 1


def test_verification_history_and_hours_reach_the_decision(api: Served):
    agent_id = api.published(
        businessHours={
            "timezone": "UTC",
            "weekly": "Mon-Fri 09:00-17:00",
            "afterHours": {"number": "415 555 0119", "emergencyNumber": "415-555-0199"},
        }
    )
    monday, sunday = "2026-11-23T12:00:00Z", "2026-11-22T12:00:00Z"
    assert route(api, agent_id, "cancel my membership", now=monday)["outcome"] == "verify"
    verified = route(api, agent_id, "cancel my membership", now=monday, verified=True)
    assert (verified["outcome"], verified["destination"]) == ("transfer", CANCEL)
    heard = route(
        api, agent_id, "yes please", now=monday,
        history=[{"speaker": "agent", "text": "cancel my membership"}],
    )  # fmt: skip
    assert heard["outcome"] != "clarify"
    closed = route(api, agent_id, "I was charged twice", now=sunday)
    assert (closed["destination"], closed["nextOpening"]) == (
        "+14155550119", "2026-11-23T09:00:00+00:00",
    )  # fmt: skip
    emergency = route(api, agent_id, "this is an emergency", now=sunday)
    assert (emergency["rule"], emergency["destination"]) == (
        "After-Hours Emergency", "+14155550199",
    )  # fmt: skip


def test_a_transfer_skill_is_a_rule_and_another_contains(api: Served):
    agent_id = api.agent()
    api.data(
        "POST",
        f"/agents/{agent_id}/skills",
        json={
            "name": "New Customers",
            "description": "caller wants to become a customer",
            "skillType": "transfer",
            "executionConfig": {"destination": "(415) 555-0118"},
            "requiresConfirmation": True,
        },
    )
    hours = api.data(
        "POST",
        f"/agents/{agent_id}/skills",
        json={
            "name": "Hours",
            "description": "what are your opening hours",
            "skillType": "information",
            "executionConfig": {"url": "https://x.example"},
        },
    )
    api.data("POST", f"/agents/{agent_id}/publish")
    asked = route(api, agent_id, "caller wants to become a customer")
    assert (asked["outcome"], asked["rule"]) == ("confirm", "New Customers")
    asked = route(api, agent_id, "caller wants to become a customer", confirmed=True)
    assert asked["destination"] == "+14155550118"
    routine = route(api, agent_id, "what are your opening hours")
    assert (routine["reason"], routine["rule"], routine["destination"]) == (
        "routine", "Hours", MAIN,
    )  # fmt: skip
    api.data("PATCH", f"/agents/{agent_id}/skills/{hours['id']}", json={"isEnabled": False})
    listed = api.data("GET", f"/agents/{agent_id}/skills")["items"]
    assert [(item["name"], item["isEnabled"]) for item in listed] == [
        ("New Customers", True),
        ("Hours", False),
    ]
    api.data("DELETE", f"/agents/{agent_id}/skills/{hours['id']}")
    assert len(api.data("GET", f"/agents/{agent_id}/skills")["items"]) == 1


def test_guardrails_ask_for_more_than_rules_do(api: Served):
    agent_id = api.agent()
    api.data("PUT", f"/agents/{agent_id}/guardrails", json={"requiresVerification": ["billing"]})
    api.data("PUT", f"/agents/{agent_id}/caller-verification", json={"methods": ["pin"]})
    api.data("POST", f"/agents/{agent_id}/publish")
    assert route(api, agent_id, "I was charged twice")["outcome"] == "verify"
    assert api.data("GET", f"/agents/{agent_id}/guardrails") == {
        "requiresVerification": ["billing"],
        "requiresConfirmation": [],
    }
    assert api.data("GET", f"/agents/{agent_id}/caller-verification") == {
        "methods": ["pin"],
        "ttlSeconds": 900,
        "maxAttempts": 3,
    }


# Imports

SHEET = b"""location_id,default_destination,label,when,examples,destination,business_hours,timezone
s-1,4155550100,Billing,caller asks about an invoice,I was charged twice,4155550111,,
s-2,4155550102,Billing,caller asks about an invoice,I was charged twice,4155550112,Mon 9am-5pm,UTC
"""


def test_a_dry_run_reports_and_changes_nothing(api: Served):
    found = api.imported(SHEET, dryRun="true")
    assert (found["status"], found["dryRun"], found["diff"]["added"]) == (
        "checked", True, ["s-1", "s-2"],
    )  # fmt: skip
    assert found["report"]["nRows"] == 2
    assert api.data("GET", "/agents", params={"locationId": "s-1"})["items"] == []


def test_an_import_makes_drafts_and_publishes_all_of_them(tmp_path):
    with served(tmp_path) as api:
        found = api.imported(SHEET, publish="true")
        assert (found["status"], found["published"], found["nDone"]) == ("done", True, 2)
        for name, number in (("s-1", "+14155550111"), ("s-2", "+14155550112")):
            (agent,) = api.data("GET", "/agents", params={"locationId": name})["items"]
            assert agent["version"] == 1
            decision = route(api, agent["id"], "I was charged twice", now="2026-11-23T12:00:00Z")
            assert (decision["destination"], decision["locationId"]) == (number, name)
        (second,) = api.data("GET", "/agents", params={"locationId": "s-2"})["items"]
        assert second["businessHours"]["weekly"]["monday"] == ["09:00-17:00"]
        again = api.imported(SHEET, dryRun="true")
        assert (again["diff"]["nChanged"], again["diff"]["nUnchanged"]) == (0, 2)
        api.data(
            "PATCH",
            f"/agents/{agent['id']}",
            json={"handoffConfig": {"warm": True, "transferDestination": "+14155550177"}},
        )
        assert api.imported(SHEET)["diff"]["nChanged"] == 1
        kept = api.data("GET", f"/agents/{agent['id']}")["handoffConfig"]
        assert (kept["warm"], kept["transferDestination"]) == (True, "+14155550102")


def test_a_large_sheet_is_imported_in_a_process_of_its_own(api: Served):
    rows = [
        b"big-%d,+1415555%04d,Billing,caller asks about an invoice,I was charged twice,+1212555%04d,,"
        % (i, i, i)
        for i in range(1000)
    ]
    found = api.imported(SHEET.splitlines()[0] + b"\n" + b"\n".join(rows), publish="true")
    assert (found["status"], found["nDone"], found["diff"]["nAdded"]) == ("done", 1000, 1000)
    (agent,) = api.data("GET", "/agents", params={"locationId": "big-77"})["items"]
    assert route(api, agent["id"], "I was charged twice")["destination"] == "+12125550077"


def test_a_sheet_with_an_error_changes_nothing(api: Served):
    broken = SHEET.replace(b"4155550112", b"555 01A2").replace(b"s-", b"x-")
    found = api.imported(broken)
    assert (found["status"], found["report"]["nErrors"]) == ("failed", 1)
    assert found["report"]["errors"][0]["row"] == 3
    assert api.data("GET", "/agents", params={"locationId": "x-1"})["items"] == []


def test_a_sheet_whose_routing_tests_fail_is_not_published(api: Served):
    agent_id = api.agent(
        "t-1", routingTests=[{"utterance": "cancel my membership", "expect": "Cancel"}]
    )
    found = api.imported(
        b"location_id,default_destination,label,when,destination\n"
        b"t-1,4155550100,Cancel,caller asks about an invoice,4155550111\n",
        publish="true",
    )
    assert (found["status"], found["report"]["problems"]) == (
        "failed", ["t-1: routing tests fail"],
    )  # fmt: skip
    assert api.data("GET", f"/agents/{agent_id}")["version"] is None


def test_an_import_is_taken_once(api: Served):
    def sent():
        return api(
            "POST",
            "/imports",
            files={"file": ("a.csv", SHEET)},
            data={"dryRun": "true"},
            headers={"Idempotency-Key": "import-once"},
        )

    first, second = sent(), sent()
    assert (first.status_code, first.content) == (202, second.content)
    api.ended(first.json()["data"]["id"])


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("stores.pdf", SHEET, 422),
        ("stores.xlsx", b"not a workbook", 422),
        ("", SHEET, 422),
    ],
)
def test_a_file_that_is_no_sheet_is_refused_at_once(api: Served, name, content, status):
    assert api("POST", "/imports", files={"file": (name, content)}).status_code == status
