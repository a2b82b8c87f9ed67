"""Where an organisation lets calls be sent: set, kept, audited, and asked at every decision."""

from __future__ import annotations

import time

import pytest

from routing_engine.model.destinations import NUMBER_TYPES
from routing_engine.server.costly import CostlyLimit, CostlyTransfers
from routing_engine.server.plane import ControlPlane
from routing_engine.server.wire.policies import DialPolicy as WirePolicy
from tests.support.planes import BILLING, MAIN, Served, served

DEFAULT = {
    "countries": None,
    "refusedTypes": ["pager", "personal_number", "premium_rate", "satellite", "shared_cost"],
    "allowSip": True,
    "allow": None,
    "sipHosts": None,
    "costly": None,
}
ABROAD = "+442071838750"
SHARED = "+61 1300 975 707"
SAID = {"utterance": "I was charged twice"}


@pytest.fixture
def api(tmp_path, store_url):
    with served(tmp_path, database=store_url) as made:
        yield made


def put(api: Served, **fields):
    return api.data("PUT", "/dial-policy", json=fields)


def handoff(destination=MAIN, billing=BILLING):
    rule = {"label": "Billing", "when": "asks about a charge", "destination": billing,
            "examples": ["I was charged twice"]}  # fmt: skip
    return {"handoffConfig": {"transferDestination": destination, "transferRules": [rule]}}


def routed(api: Served, agent_id: str):
    decision = api.data("POST", f"/agents/{agent_id}/route", json=SAID)
    return decision["destination"], decision["reason"]


def until(api: Served, agent_id: str, expected):
    """Ask until the policy that was set has come along the feed."""
    end = time.monotonic() + 10
    while (found := routed(api, agent_id)) != expected and time.monotonic() < end:
        time.sleep(0.02)
    assert found == expected


def test_it_is_the_default_until_it_is_set_and_each_change_is_audited(api: Served):
    assert api.data("GET", "/dial-policy") == DEFAULT
    fields = {
        "countries": ["US", "AU"],
        "refusedTypes": ["premium_rate"],
        "allow": ["(415) 555-0111", "sip:Desk@PBX.example.com"],
        "sipHosts": ["SIP.example.com", "*.branch.example.com", "[2001:db8::1]"],
        "costly": {"perHour": 3, "exceptCountries": ["US", "AU"]},
    }
    expected = {
        "countries": ["AU", "US"],
        "refusedTypes": ["premium_rate"],
        "allowSip": True,
        "allow": ["+14155550111", "sip:Desk@pbx.example.com"],
        "sipHosts": ["*.branch.example.com", "2001:db8::1", "sip.example.com"],
        "costly": {"perHour": 3, "exceptCountries": ["AU", "US"]},
    }
    assert put(api, **fields) == expected == api.data("GET", "/dial-policy")
    assert put(api) == DEFAULT
    assert api("GET", "/dial-policy", token=api.other_token).json()["data"] == DEFAULT
    with api.plane.store.read(api.organisation_id) as work:
        last, first = (
            item for item in work.audits.page().items if item.action == "dialPolicy.update"
        )
    assert (first.detail["before"], first.detail["after"]["countries"]) == (None, ["AU", "US"])
    assert last.detail["before"]["refused_types"] == ["premium_rate"]
    assert last.actor.startswith("key_")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"countries": ["XX"]}, "countries.0"),
        ({"countries": "US"}, "countries"),
        ({"refusedTypes": ["cheap"]}, "refusedTypes.0"),
        ({"allow": ["911"]}, "allow.0"),
        ({"allow": ["+14155550111;ext=4"]}, "allow.0"),
        ({"sipHosts": ["a b"]}, "sipHosts.0"),
        ({"sipHosts": ["sip:x@y"]}, "sipHosts.0"),
        ({"allowSip": 1}, "allowSip"),
        ({"country": ["US"]}, "country"),
        ({"costly": {"perHour": -1}}, "costly.perHour"),
        ({"costly": {"perHour": 1.5}}, "costly.perHour"),
        ({"costly": {"exceptCountries": ["US"]}}, "costly.perHour"),
        ({"costly": {"perHour": 1, "exceptCountries": ["XX"]}}, "costly.exceptCountries.0"),
    ],
)
def test_what_is_no_policy_is_refused_by_its_field(api: Served, fields, path):
    response = api("PUT", "/dial-policy", json=fields)
    assert response.status_code == 422
    assert [item["path"] for item in response.json()["errors"]] == [path]
    assert api.data("GET", "/dial-policy") == DEFAULT


def test_the_wire_names_every_type_of_number():
    listed = WirePolicy.model_json_schema()["properties"]["refusedTypes"]["items"]["enum"]
    assert set(listed) == NUMBER_TYPES


def test_only_who_gives_out_keys_may_change_it(api: Served):
    token = api.key("agents:read", "agents:write", "calls:write")
    assert api("GET", "/dial-policy", token=token).status_code == 200
    assert api("PUT", "/dial-policy", token=token, json={}).status_code == 403


def test_what_it_refuses_is_neither_saved_nor_published(api: Served):
    refused = api("POST", "/agents", json={"name": "A", **handoff(billing=SHARED)})
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert error["message"] == "shared cost numbers are refused by the organisation's dial policy"
    put(api, refusedTypes=["premium_rate"])
    agent_id = api.agent(**handoff(billing=SHARED))
    put(api)
    published = api("POST", f"/agents/{agent_id}/publish", json={"force": True, "reason": "r"})
    assert (published.status_code, published.json()["code"]) == (422, "invalid_draft")
    (error,) = published.json()["errors"]
    assert error["path"] == "handoffConfig.transferRules.0.destination"
    # What is kept can still be edited around it.
    api.data("PATCH", f"/agents/{agent_id}", json={"name": "B"})
    tried = api.data("POST", f"/agents/{agent_id}/simulate", json=SAID)
    assert (tried["destination"], tried["reason"]) == (MAIN, "destination_refused")


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({"countries": ["CA"]},
         ["handoffConfig.transferDestination", "handoffConfig.transferRules.0.destination",
          "handoffConfig.transferRules.0.fallback.0", "skills.*.executionConfig.destination",
          "businessHours.afterHours.emergencyNumber", "businessHours.afterHours.number"]),
        ({"sipHosts": ["sip.example.com"]}, ["handoffConfig.transferRules.0.fallback.1"]),
    ],
)  # fmt: skip
def test_every_destination_of_a_draft_is_asked_for(api: Served, fields, paths):
    config = handoff()
    fallback = ["+14155550122", "sip:desk@pbx.example.com"]
    config["handoffConfig"]["transferRules"][0]["fallback"] = fallback
    config["businessHours"] = {
        "timezone": "UTC",
        "weekly": "Mon-Fri 09:00-17:00",
        "afterHours": {"number": "+14155550133", "emergencyNumber": "+14155550144"},
    }
    agent_id = api.agent(**config)
    skill = {"name": "Cancel", "description": "wants to end it", "skillType": "transfer",
             "executionConfig": {"destination": MAIN}}  # fmt: skip
    skill_id = api.data("POST", f"/agents/{agent_id}/skills", json=skill)["id"]
    put(api, **fields)
    report = api.data("GET", f"/agents/{agent_id}/prepublish-report")
    found = [item["path"].replace(skill_id, "*") for item in report["findings"] if item["blocks"]]
    assert found == paths


def test_what_is_published_and_refused_now_gives_way_at_once_and_comes_back(api: Served):
    agent_id = api.published(**handoff())
    theirs = api("POST", "/agents", token=api.other_token, json={"name": "T", **handoff()})
    theirs_id = theirs.json()["data"]["id"]
    api("POST", f"/agents/{theirs_id}/publish", token=api.other_token)
    assert routed(api, agent_id) == (BILLING, "rule_matched")
    put(api, countries=["CA"], allow=[MAIN])
    until(api, agent_id, (MAIN, "destination_refused"))
    other = api("POST", f"/agents/{theirs_id}/route", token=api.other_token, json=SAID)
    assert other.json()["data"]["destination"] == BILLING
    put(api, countries=["CA"])
    until(api, agent_id, (None, "destination_refused"))
    put(api)
    until(api, agent_id, (BILLING, "rule_matched"))


def test_another_process_answers_by_it(api: Served, tmp_path):
    put(api, refusedTypes=["premium_rate"])
    agent_id = api.published(**handoff(billing=SHARED))
    number = SHARED.replace(" ", "")
    assert routed(api, agent_id) == (number, "rule_matched")
    # One that begins with the database, and one that is handed a snapshot.
    for snapshot in (None, tmp_path / "handed"):
        settings = api.plane.settings
        if snapshot is not None:
            snapshot.mkdir()
            position = api.plane.save(snapshot)
            settings = settings.model_copy(
                update={"snapshot": snapshot, "snapshot_position": position}
            )
        store = type(api.plane.store).open(settings.database, migrate=False)
        plane = ControlPlane(settings, store, encoder=api.plane.engine.encoder)
        try:
            decision = plane.engine.route(agent_id, SAID["utterance"])
            assert str(decision.destination) == number
        finally:
            plane.close()


def test_a_sheet_is_read_by_it(api: Served):
    sheet = f"location_id,default_destination\ns-1,{SHARED}\n".encode()
    found = api.imported(sheet)
    assert (found["status"], found["report"]["nErrors"]) == ("failed", 1)
    assert "may not be dialled" in found["report"]["errors"][0]["message"]
    put(api, refusedTypes=["premium_rate"])
    assert api.imported(sheet)["status"] == "done"


def metric(api: Served, name: str) -> float | None:
    return api.plane.metrics.registry.get_sample_value(f"routing_engine_costly_{name}")


class TestCostlyTransfers:
    """A limit on transfers to costly places, which each location has for itself."""

    HOME = {"exceptCountries": ["US"]}  # noqa: RUF012

    def audited(self, api: Served):
        with api.plane.store.read(api.organisation_id) as work:
            return [
                (item.actor, item.object_id, item.detail)
                for item in work.audits.page().items
                if item.action == "dialPolicy.limitReached"
            ]

    def test_beyond_it_callers_go_to_the_default_and_it_is_told(self, api: Served):
        put(api, costly={"perHour": 2, **self.HOME})
        first, other = (api.published(**handoff(billing=ABROAD)) for _ in range(2))
        for _ in range(2):
            assert routed(api, first) == (ABROAD, "rule_matched")
        decision = api.data("POST", f"/agents/{first}/route", json=SAID)
        assert (decision["destination"], decision["reason"]) == (MAIN, "destination_refused")
        assert (
            "The limit of 2 transfers an hour to costly places is reached."
            in (decision["explanation"])
        )
        assert routed(api, other) == (ABROAD, "rule_matched")
        assert metric(api, "transfers_total") == 3
        assert metric(api, "transfers_refused_total") == 1
        assert metric(api, "limit_reached") == 1
        end = time.monotonic() + 10
        while not self.audited(api) and time.monotonic() < end:
            time.sleep(0.02)
        assert self.audited(api) == [("server", first, {"perHour": 2})]
        put(api, costly={"perHour": 3, **self.HOME})
        assert routed(api, first) == (ABROAD, "rule_matched")
        put(api)
        for _ in range(3):
            assert routed(api, first) == (ABROAD, "rule_matched")

    def test_transfers_of_live_calls_count_and_the_next_attempt_is_none_that_is_costly(self, api):
        config = handoff(billing=ABROAD)
        config["handoffConfig"]["transferRules"][0]["fallback"] = ["+442071838751", BILLING]
        put(api, costly={"perHour": 1, **self.HOME})
        agent_id = api.published(**config)
        call_id = api.data("POST", f"/agents/{agent_id}/calls")["callId"]
        turns = f"/calls/{call_id}/turns"
        said = {"text": SAID["utterance"]}
        assert api.data("POST", turns, json=said)["decision"]["destination"] == ABROAD
        failed = {"event": "transferFailed", "outcome": "busy"}
        assert api.data("POST", turns, json=failed)["decision"]["destination"] == BILLING
        assert routed(api, agent_id) == (MAIN, "destination_refused")

    def test_repeated_requests_count_once(self, api):
        put(api, costly={"perHour": 2, **self.HOME})
        agent_id = api.published(**handoff(billing=ABROAD))
        for _ in range(3):
            again = api.data("POST", f"/agents/{agent_id}/route", json=SAID,
                             headers={"Idempotency-Key": "same"})  # fmt: skip
            assert again["destination"] == ABROAD
        assert routed(api, agent_id) == (ABROAD, "rule_matched")
        assert routed(api, agent_id) == (MAIN, "destination_refused")

    @pytest.mark.parametrize(
        ("allowed", "destination", "is_costly"),
        [
            ({}, "sip:+442071838750@gw.example.com", True),
            ({}, "sip:desk@gw.example.com", False),
            ({"allow": ["sip:desk@gw.example.com;x=1"]}, "sip:desk@gw.example.com;x=1", False),
            ({"allow": ["+19005551234"]}, "+19005551234", True),
            ({"refusedTypes": []}, "+15005550006", True),
        ],
    )
    def test_what_is_costly(self, api, allowed, destination, is_costly):
        put(api, costly={"perHour": 0, **self.HOME}, **allowed)
        agent_id = api.published(**handoff(billing=destination))
        expected = (MAIN, "destination_refused") if is_costly else (destination, "rule_matched")
        assert routed(api, agent_id) == expected

    def test_an_hour_later_there_are_more_and_workers_share_them(self):
        now = [0.0]
        counted = CostlyTransfers(3, clock=lambda: now[0])
        limit = CostlyLimit(7)
        assert [counted.add("a", limit) for _ in range(3)] == [False, True, False]
        assert counted.is_reached("a", limit)
        assert not counted.is_reached("b", limit)
        now[0] = 3599.0
        assert counted.is_reached("a", limit)
        now[0] = 3600.0
        assert not counted.is_reached("a", limit)
        assert counted.locations == []
        assert not counted.is_reached("a", CostlyLimit(1))
        assert counted.is_reached("a", CostlyLimit(0))
