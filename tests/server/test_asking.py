"""Lines over HTTP, and what phone systems and agents ask: /rtjson, the skill, /resolve."""

from __future__ import annotations

import json

import pytest

from tests.support.planes import BILLING, CONFIG, MAIN, served

LINE, OTHER = "+14155550199", "+14155550198"
CHARGE = "I was charged twice"
CALLER = "+12025550188"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with served(tmp_path_factory.mktemp("plane")) as made:
        yield made


@pytest.fixture(scope="module")
def agent_id(api):
    rules = [CONFIG["handoffConfig"]["transferRules"][0] | {
        "fallback": ["+14155550112;ext=12"], "ringTimeoutsS": [15, 20],
    }]  # fmt: skip
    return api.published(
        lines=["(415) 555-0199", "sip:desk@pbx.example"],
        handoffConfig={"transferDestination": MAIN, "transferRules": rules},
    )


def asked(api, **body):
    return api("POST", "/rtjson", json={"domain": "gw.example", "words": CHARGE} | body)


class TestLines:
    def test_they_are_kept_in_their_one_form(self, api, agent_id):
        assert api.data("GET", f"/agents/{agent_id}")["lines"] == [LINE, "desk"]

    def test_a_wrong_line_is_refused_with_its_path(self, api):
        answer = api("POST", "/agents", json={"name": "x", "lines": ["+14155550197", "front desk"]})
        assert answer.status_code == 422
        assert [error["path"] for error in answer.json()["errors"]] == ["lines.1"]

    def test_another_agent_cannot_be_published_with_one_until_it_is_free(self, api, agent_id):
        config = {"lines": [OTHER, "desk"], **CONFIG}
        other = api.data("POST", "/agents", json={"name": "Other", "locationId": "o", **config})[
            "id"
        ]
        refused = api("POST", f"/agents/{other}/publish")
        assert refused.status_code == 409
        assert "belongs to location" in refused.json()["detail"]
        assert asked(api, called=OTHER).status_code == 404
        api.data("PATCH", f"/agents/{other}", json={"lines": [OTHER]})
        api.data("POST", f"/agents/{other}/publish")
        assert asked(api, called=OTHER).json()["agentId"] == other
        api("DELETE", f"/agents/{other}")
        third = api.published(lines=[OTHER], **CONFIG)
        assert asked(api, called=OTHER).json()["agentId"] == third

    def test_another_organisation_may_have_the_same_line_and_reaches_its_own(self, api, agent_id):
        made = {"name": "Theirs", "lines": [LINE], **CONFIG}
        theirs = api.data("POST", "/agents", json=made, token=api.other_token)["id"]
        api.data("POST", f"/agents/{theirs}/publish", token=api.other_token)
        body = {"domain": "gw.example", "called": LINE}
        assert api("POST", "/rtjson", json=body, token=api.other_token).json()["agentId"] == theirs
        assert api("POST", "/rtjson", json=body).json()["agentId"] == agent_id


class TestRtjson:
    @pytest.mark.parametrize(
        "called", [LINE, "14155550199", "(415) 555-0199", f"sip:{LINE}@pbx.example", "desk"]
    )
    def test_a_line_is_answered_with_the_chain_and_how_long_each_rings(self, api, agent_id, called):
        answer = asked(api, called=called, callerId=CALLER).json()
        uri = "sip:{}@gw.example;user=phone"
        routes = answer["routes"]
        extra = routes[0]["headers"]["extra"]
        assert extra.startswith("User-to-User: ")
        assert extra.endswith("\r\n")
        assert [{k: v for k, v in route.items() if k != "headers"} for route in routes] == [
            {"uri": uri.format(BILLING), "fr_inv_timer": 15_000},
            {"uri": uri.format("+14155550112"), "fr_inv_timer": 20_000, "extension": "12"},
            {"uri": uri.format(MAIN), "fr_inv_timer": 25_000},
        ]
        assert (answer["success"], answer["version"], answer["routing"]) == (True, "1.0", "serial")
        assert (answer["outcome"], answer["rule"]) == ("transfer", "Billing")
        location = api.data("GET", f"/agents/{agent_id}")["locationId"]
        assert (answer["agentId"], answer["locationId"]) == (agent_id, location)

    def test_the_location_may_be_named(self, api, agent_id):
        location = api.data("GET", f"/agents/{agent_id}")["locationId"]
        assert asked(api, locationId=location).json()["agentId"] == agent_id

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            ("cancel my membership", "verification_required"),
            ("I move to another house", "confirmation_required"),
        ],
    )
    def test_what_only_an_agent_can_ask_goes_to_the_default(self, api, words, reason):
        cancel = CONFIG["handoffConfig"]["transferRules"][1]
        move = {
            "label": "Move", "when": "caller moves to another house", "destination": BILLING,
            "examples": ["I move to another house"], "requiresConfirmation": True,
        }  # fmt: skip
        config = {"transferDestination": MAIN, "transferRules": [cancel, move]}
        agent_id = api.published(locationId=f"gated-{reason}", handoffConfig=config)
        answer = asked(api, locationId=f"gated-{reason}", words=words).json()
        assert (answer["agentId"], answer["outcome"], answer["reason"]) == (
            agent_id, "default", reason,
        )  # fmt: skip
        assert [route["uri"] for route in answer["routes"]] == [f"sip:{MAIN}@gw.example;user=phone"]

    def test_what_is_withheld_is_in_nothing_that_is_answered(self, api, agent_id):
        answer = asked(api, called=LINE, callerId=f"sip:{CALLER}@x.example", privacy="id")
        assert CALLER[2:] not in answer.text

    def test_what_cannot_be_answered_is_said(self, api, agent_id):
        assert asked(api, called="+14155550190").status_code == 404
        assert asked(api, locationId="nowhere").status_code == 404
        assert asked(api).status_code == 422
        assert asked(api, called=LINE, domain="a b").status_code == 422


class TestSkill:
    def test_the_tool_answers_and_its_id_is_resolved_apart(self, api, agent_id):
        tool = api.data("GET", f"/agents/{agent_id}/skill")["openai"]
        assert tool["name"] == "transfer_call"
        for arguments in (
            {"words": CHARGE, "reason": "x"},
            json.dumps({"words": CHARGE, "reason": "x"}),
        ):
            told = api.data("POST", f"/agents/{agent_id}/skill", json={"arguments": arguments})
            answer = told["answer"]
            assert (answer["action"], answer["rule"]) == ("transfer", "Billing")
            body = {"destinationId": answer["destination_id"]}
            found = api.data("POST", f"/agents/{agent_id}/resolve", json=body)
            assert found == {
                "destination": BILLING, "number": BILLING, "extension": None, "sipUri": None
            }  # fmt: skip

    def test_wrong_arguments_and_forged_ids_are_refused(self, api, agent_id):
        told = api.data("POST", f"/agents/{agent_id}/skill", json={"arguments": "{}"})
        assert list(told["answer"]) == ["error"]
        forged = api("POST", f"/agents/{agent_id}/resolve", json={"destinationId": "a" * 44})
        assert forged.status_code == 409


def test_the_handoff_of_a_call_names_the_location_and_not_the_agent(api, agent_id):
    call_id = api.data("POST", f"/agents/{agent_id}/calls", json={"called": LINE})["callId"]
    turned = api.data("POST", f"/calls/{call_id}/turns", json={"text": CHARGE})
    location = api.data("GET", f"/agents/{agent_id}")["locationId"]
    assert turned["handoff"]["location_id"] == turned["decision"]["locationId"] == location
