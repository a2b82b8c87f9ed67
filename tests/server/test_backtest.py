"""Backtests over HTTP: the draft against the published version, by calls given or kept."""

from __future__ import annotations

import pytest

from routing_engine.errors import WrongSecretError
from routing_engine.store import Store
from tests.support.planes import BILLING, CONFIG, MAIN, Served, served

OTHER = "+14155550177"
CHARGED = "I was charged twice"


def with_billing_at(number: str) -> dict:
    handoff = CONFIG["handoffConfig"]
    billing, cancel = handoff["transferRules"]
    rules = [{**billing, "destination": number}, cancel]
    return {"handoffConfig": {**handoff, "transferRules": rules}}


@pytest.fixture
def api(tmp_path):
    with served(tmp_path, store_transcripts=True) as made:
        yield made


def test_the_draft_is_compared_with_what_is_published(api: Served):
    agent_id = api.published()
    api.data("PATCH", f"/agents/{agent_id}", json=with_billing_at(OTHER))
    calls = [
        {"utterance": CHARGED, "expect": "Billing"},
        {"utterance": CHARGED},
        {"utterance": "bananas", "expect": None},
        {"utterance": ""},
    ]
    before = api.data("GET", f"/agents/{agent_id}/calls")["totals"]["calls"]
    found = api.data("POST", f"/agents/{agent_id}/backtest", json={"calls": calls})
    assert (found["n"], found["nDistinct"], found["nMoved"], found["nLabelled"]) == (4, 3, 2, 2)
    assert (found["rightBefore"], found["rightAfter"]) == (2, 2)
    (move,) = found["moves"]
    assert (move["before"], move["after"], move["isRenumbered"]) == ("Billing", "Billing", True)
    assert [call["utterance"] for call in move["calls"]] == [CHARGED, CHARGED]
    call = move["calls"][0]
    assert (call["before"]["destination"], call["after"]["destination"]) == (BILLING, OTHER)
    api.plane.recorder.flush()
    assert api.data("GET", f"/agents/{agent_id}/calls")["totals"]["calls"] == before


def test_the_last_calls_that_are_kept_are_compared(api: Served):
    agent_id = api.published()
    for said in (CHARGED, "bananas", "my invoice is wrong"):
        call_id = api.data("POST", f"/agents/{agent_id}/calls")["callId"]
        api.data("POST", f"/calls/{call_id}/turns", json={"text": said})
        api.data("POST", f"/calls/{call_id}/outcome", json={"outcome": "transferred"})
    api.data("POST", f"/agents/{agent_id}/calls")  # still on
    api.data("PATCH", f"/agents/{agent_id}", json=with_billing_at(OTHER))
    found = api.data("POST", f"/agents/{agent_id}/backtest", json={"last": 100})
    assert (found["n"], found["nMoved"], found["nLabelled"]) == (3, 2, 0)
    assert api.data("POST", f"/agents/{agent_id}/backtest", json={"last": 1})["n"] == 1
    refused = api(
        "POST", f"/agents/{agent_id}/backtest", token=api.key("agents:read"), json={"last": 9}
    )
    assert (refused.status_code, refused.json()["scope"]) == (403, "calls:read")


def test_where_nothing_is_kept_there_is_nothing_to_compare(tmp_path):
    with served(tmp_path) as api:
        agent_id = api.published()
        refused = api("POST", f"/agents/{agent_id}/backtest", json={"last": 10})
        assert (refused.status_code, refused.json()["code"]) == (409, "no_calls")


def test_calls_that_another_secret_sealed_are_left_out(api: Served):
    agent_id = api.published()
    call_id = api.data("POST", f"/agents/{agent_id}/calls")["callId"]
    api.data("POST", f"/calls/{call_id}/turns", json={"text": CHARGED})
    api.data("POST", f"/calls/{call_id}/outcome", json={"outcome": "transferred"})
    url = api.plane.settings.database
    with Store.open(url, secret=b"x" * 32) as other, other.read(api.organisation_id) as work:
        assert work.calls.kept(agent_id, 5) == []
        with pytest.raises(WrongSecretError):
            work.calls.get(call_id)
    with api.plane.store.read(api.organisation_id) as work:
        assert [call.id for call in work.calls.kept(agent_id, 5)] == [call_id]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"calls": []}, 422),
        ({"calls": [{"utterance": "x"}], "last": 3}, 422),
        ({"calls": [{"utterance": "x", "expect": "No such rule"}]}, 422),
        ({"last": 5001}, 422),
    ],
)
def test_what_names_no_calls_is_refused(api: Served, body, status):
    agent_id = api.published()
    assert api("POST", f"/agents/{agent_id}/backtest", json=body).status_code == status


def test_a_draft_that_was_never_published_or_does_not_fit_is_refused(api: Served):
    agent_id = api.agent()
    body = {"calls": [{"utterance": CHARGED}]}
    assert api("POST", f"/agents/{agent_id}/backtest", json=body).status_code == 409
    api.data("POST", f"/agents/{agent_id}/publish")
    api.data("PATCH", f"/agents/{agent_id}", json={"handoffConfig": {"transferDestination": None}})
    refused = api("POST", f"/agents/{agent_id}/backtest", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_draft")
    assert MAIN not in refused.text
