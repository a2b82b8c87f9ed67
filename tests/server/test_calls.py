from __future__ import annotations

import base64
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from routing_engine.store.sealing import Sealer
from tests.support.planes import BILLING, CANCEL, CONFIG, MAIN, Served, served

CALLER = "+12025550188"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with served(tmp_path_factory.mktemp("plane")) as made:
        yield made


@pytest.fixture(scope="module")
def agent_id(api):
    rules = [
        CONFIG["handoffConfig"]["transferRules"][0] | {"fallback": ["+14155550112"]},
        CONFIG["handoffConfig"]["transferRules"][1],
    ]
    config = {"transferDestination": MAIN, "transferRules": rules}
    return api.published(handoffConfig=config)


def opened(api: Served, agent_id: str, **body: object) -> str:
    return api.data("POST", f"/agents/{agent_id}/calls", json=body)["callId"]


def turn(api: Served, call_id: str, **body: object):
    return api.data("POST", f"/calls/{call_id}/turns", json=body)


def test_a_call_goes_from_small_talk_to_a_transfer_with_its_handoff(api: Served, agent_id):
    call_id = opened(api, agent_id, callerId=CALLER)
    first = turn(api, call_id, text="hello")
    assert (first["decision"]["outcome"], first["handoff"]) == ("contain", None)
    assert turn(api, call_id, event="agentSaid", text="hi")["decision"] is None
    turn(api, call_id, event="noted", note={"name": "Ada", "details": {"account": "AB-12"}})
    verify = turn(api, call_id, text="cancel my membership")
    assert (verify["decision"]["outcome"], verify["handoff"]) == ("verify", None)
    done = turn(api, call_id, event="verified", method="pin")
    assert (done["decision"]["outcome"], done["decision"]["destination"]) == ("transfer", CANCEL)
    packet = done["handoff"]
    assert (packet["caller"]["number"], packet["caller"]["name"]) == (CALLER, "Ada")
    assert (packet["rule"], packet["destination"]) == ("Cancel", CANCEL)
    assert packet["details"] == {"account": "AB-12"}
    assert (packet["call_id"], packet["decision_id"]) == (call_id, done["decision"]["decisionId"])
    kept = api.data("GET", f"/calls/{call_id}")
    assert (kept["outcome"], kept["rule"], kept["transferred"]) == ("transfer", "Cancel", True)
    assert kept["handoff"] == packet
    assert "cancel my membership" in [event["text"] for event in kept["timeline"]]


def test_a_failed_transfer_goes_on_along_the_chain(api: Served, agent_id):
    call_id = opened(api, agent_id)
    assert turn(api, call_id, text="I was charged twice")["decision"]["destination"] == BILLING
    for expected in ("+14155550112", MAIN, None):
        done = turn(api, call_id, event="transferFailed", outcome="no_answer")
        assert done["decision"]["destination"] == expected
    kept = api.data("GET", f"/calls/{call_id}")
    assert (kept["failedTransfers"], kept["transferred"], kept["rule"]) == (3, False, "Billing")
    assert (kept["outcome"], kept["reason"]) == ("contain", "nobody_answered")


class TestTransfer:
    """What moves the call, for each platform."""

    @pytest.fixture
    def call_id(self, api, agent_id):
        call_id = opened(api, agent_id, callerId=CALLER, called=MAIN)
        before = api.data("GET", f"/calls/{call_id}/transfer", params={"via": "twilio"})
        assert (before["destination"], before["body"]) == (None, None)
        turn(api, call_id, text="I was charged twice")
        return call_id

    def of(self, api, call_id, **params):
        made = api.data("GET", f"/calls/{call_id}/transfer", params=params)
        assert (made["destination"], made["callerId"]) == (BILLING, CALLER)
        return made

    def test_without_a_platform_it_is_the_values(self, api, call_id):
        made = self.of(api, call_id)
        assert (made["body"], made["via"], made["ringTimeoutS"]) == (None, None, 25)
        assert made["decisionId"] == f"{call_id}-1"

    def test_twilio(self, api, call_id):
        urls = {"actionUrl": "https://a.example/?x=1", "whisperUrl": "https://a.example/why"}
        assert self.of(api, call_id, via="twilio", **urls)["body"] == (
            f'<Response><Dial callerId="{CALLER}" action="https://a.example/?x=1" timeout="25">'
            f'<Number url="https://a.example/why">{BILLING}</Number></Dial></Response>'
        )

    def test_livekit(self, api, call_id):
        place = {"roomName": "r", "participantIdentity": "p"}
        body = self.of(api, call_id, via="livekit", **place)["body"]
        assert (body["transfer_to"], body["room_name"]) == (f"tel:{BILLING}", "r")
        refused = api("GET", f"/calls/{call_id}/transfer", params={"via": "livekit"})
        assert refused.status_code == 422
        paths = [error["path"] for error in refused.json()["errors"]]
        assert paths == ["roomName", "participantIdentity"]

    def test_vapi_and_retell(self, api, call_id):
        assert self.of(api, call_id, via="vapi")["body"]["number"] == BILLING
        body = self.of(api, call_id, via="retell")["body"]
        assert body["transfer_destination"]["number"] == BILLING

    def test_sip(self, api, call_id):
        headers = dict(self.of(api, call_id, via="sip", domain="gw.example")["body"])
        assert headers["To"] == f"<sip:{BILLING}@gw.example;user=phone>"
        assert CALLER in headers["From"]
        refused = api("GET", f"/calls/{call_id}/transfer", params={"via": "sip"})
        assert refused.status_code == 422

    @pytest.mark.parametrize("via", ["pigeon", ""])
    def test_another_platform_is_refused(self, api, call_id, via):
        answer = api("GET", f"/calls/{call_id}/transfer", params={"via": via})
        assert answer.status_code == 422

    def test_who_withholds_the_number_is_not_shown_and_a_line_is_needed(self, api, agent_id):
        call_id = opened(api, agent_id, callerId="anonymous")
        turn(api, call_id, text="I was charged twice")
        assert api.data("GET", f"/calls/{call_id}/transfer")["callerId"] is None
        refused = api("GET", f"/calls/{call_id}/transfer", params={"via": "twilio"})
        assert (refused.status_code, refused.json()["code"]) == (409, "not_by_this_way")

    def test_a_policy_that_refuses_since_is_asked_again(self, api, agent_id):
        call_id = opened(api, agent_id)
        turn(api, call_id, text="I was charged twice")
        assert api.data("GET", f"/calls/{call_id}/transfer")["destination"] == BILLING
        before = api.data("GET", "/dial-policy")
        try:
            api.data("PUT", "/dial-policy", json={"countries": ["GB"]})
            assert api.data("GET", f"/calls/{call_id}/transfer")["destination"] is None
        finally:
            api.data("PUT", "/dial-policy", json=before)

    def test_after_a_failure_it_is_the_next_and_after_the_end_nobody(self, api, agent_id):
        call_id = opened(api, agent_id, called=MAIN)
        turn(api, call_id, text="I was charged twice")
        turn(api, call_id, event="transferFailed", outcome="busy")
        found = api.data("GET", f"/calls/{call_id}/transfer", params={"via": "twilio"})
        assert found["destination"] == "+14155550112"
        turn(api, call_id, event="transferred")
        found = api.data("GET", f"/calls/{call_id}/transfer", params={"via": "twilio"})
        assert found["destination"] is None


def test_what_a_platform_says_is_read_kept_and_not_taken_twice(api: Served, agent_id):
    call_id = opened(api, agent_id)
    first = turn(api, call_id, text="I was charged twice")["decision"]
    failed = {"event": "transferFailed", "outcome": "486 Busy Here"}
    done = turn(api, call_id, **failed, attempt=first["decisionId"])
    assert done["decision"]["destination"] == "+14155550112"
    assert done["decision"]["reported"] == "486 Busy Here"
    assert done["handoff"]["timeline"][-2]["reported"] == "486 Busy Here"
    before = api.data("GET", f"/calls/{call_id}")
    for attempt in (first["decisionId"], BILLING, "+14155550199"):
        again = turn(api, call_id, **failed, attempt=attempt)
        assert (again["decision"]["reason"], again["isOver"]) == ("report_ignored", False)
    assert api.data("GET", f"/calls/{call_id}") == before
    assert before["failedTransfers"] == 1
    ended = turn(api, call_id, event="transferred")
    assert (ended["decision"]["reason"], ended["isOver"]) == ("transferred", True)
    kept = api.data("GET", f"/calls/{call_id}")
    assert (kept["outcome"], kept["rule"], kept["transferred"]) == ("transfer", "Billing", True)
    assert (kept["failedTransfers"], kept["timeline"]) == (1, None)
    assert kept["endedAt"] is not None


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"event": "transferFailed", "outcome": "engaged"}, "is not how a transfer ends"),
        ({"text": "hello", "attempt": BILLING}, "a turn of the caller has no attempt"),
        ({"event": "transferred", "outcome": "busy"}, "transferred has no outcome"),
    ],
)
def test_a_report_that_nobody_writes_is_refused(api: Served, agent_id, body, wrong):
    call_id = opened(api, agent_id)
    turn(api, call_id, text="I was charged twice")
    response = api("POST", f"/calls/{call_id}/turns", json=body)
    assert response.status_code == 422
    assert wrong in response.text


def test_neither_the_line_that_was_called_nor_the_caller_is_dialled(api: Served, agent_id):
    call_id = opened(api, agent_id, callerId="(415) 555-0112", called=BILLING)
    decision = turn(api, call_id, text="I was charged twice")["decision"]
    assert (decision["outcome"], decision["reason"]) == ("default", "loop_avoided")
    assert decision["destination"] == MAIN
    asked = {"utterance": "I was charged twice", "callerId": CALLER, "called": f"sip:{BILLING}@x"}
    decision = api.data("POST", f"/agents/{agent_id}/route", json=asked)
    assert (decision["reason"], decision["destination"]) == ("loop_avoided", "+14155550112")
    nobody = {"utterance": "hmm", "called": MAIN}
    decision = api.data("POST", f"/agents/{agent_id}/route", json=nobody)
    assert (decision["reason"], decision["destination"]) == ("loop_avoided", None)


def test_a_provisional_turn_is_not_kept(api: Served, agent_id):
    call_id = opened(api, agent_id)
    heard = turn(api, call_id, text="I was charged twice", final=False)
    assert (heard["decision"]["outcome"], heard["handoff"]) == ("transfer", None)
    assert heard["decision"]["stable"] is False  # at once: no word has come that left it so
    longer = turn(api, call_id, text="I was charged twice for one visit today", final=False)
    assert longer["decision"]["outcome"] == "transfer"
    assert longer["decision"]["stable"] is (longer["decision"]["confidence"] >= 0.9)
    kept = api.data("GET", f"/calls/{call_id}")
    assert (kept["outcome"], kept["timeline"]) == (None, [])


def test_what_was_said_is_deleted_when_the_call_ends(api: Served, agent_id):
    call_id = opened(api, agent_id, callerId=CALLER)
    turn(api, call_id, text="I was charged twice")
    ended = api.data("POST", f"/calls/{call_id}/outcome", json={"outcome": "transferred"})
    assert (ended["handoff"], ended["timeline"], ended["transferred"]) == (None, None, True)
    assert api.data("GET", f"/calls/{call_id}") == ended
    late = turn(api, call_id, text="hello")
    assert (late["decision"]["reason"], late["isOver"]) == ("call_over", True)
    assert api.data("GET", f"/calls/{call_id}") == ended


def test_a_transfer_is_confirmed_in_words(api: Served):
    rule = CONFIG["handoffConfig"]["transferRules"][0] | {"requiresConfirmation": True}
    config = {"transferDestination": MAIN, "transferRules": [rule]}
    call_id = opened(api, api.published(handoffConfig=config))
    asked = turn(api, call_id, text="I was charged twice")["decision"]
    assert (asked["outcome"], asked["question"]) == ("confirm", "Shall I connect you with Billing?")
    assert turn(api, call_id, text="yes please")["decision"]["destination"] == BILLING


def test_who_hangs_up_ends_the_call(api: Served, agent_id):
    call_id = opened(api, agent_id)
    turn(api, call_id, text="I was charged twice")
    left = turn(api, call_id, event="transferFailed", outcome="caller_hung_up")
    assert (left["isOver"], left["decision"]["reason"]) == (True, "caller_left")
    assert api.data("GET", f"/calls/{call_id}")["timeline"] is None


def test_a_turn_that_does_not_fit_is_409_and_changes_nothing(api: Served, agent_id):
    call_id = opened(api, agent_id)
    before = api.data("GET", f"/calls/{call_id}")
    for body in ({"event": "confirmed"}, {"event": "transferFailed", "outcome": "busy"}):
        response = api("POST", f"/calls/{call_id}/turns", json=body)
        assert (response.status_code, response.json()["code"]) == (409, "out_of_turn")
    assert api.data("GET", f"/calls/{call_id}") == before


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "hi", "event": "noResponse"},
        {"event": "verified"},
        {"event": "agentSaid"},
        {"event": "transferFailed", "outcome": "tired"},
        {"event": "noResponse", "final": False},
        {"event": "dance"},
    ],
)
def test_a_turn_is_one_thing(api: Served, agent_id, body):
    call_id = opened(api, agent_id)
    assert api("POST", f"/calls/{call_id}/turns", json=body).status_code == 422


def test_turns_that_come_at_once_are_all_taken(api: Served, agent_id):
    call_id = opened(api, agent_id)
    texts = [f"hello number {i}" for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: turn(api, call_id, text=text), texts))
    kept = api.data("GET", f"/calls/{call_id}")["timeline"]
    assert sorted(event["text"] for event in kept if event["kind"] == "caller") == sorted(texts)


def test_a_repeated_turn_is_taken_once(api: Served, agent_id):
    call_id = opened(api, agent_id)
    headers = {"Idempotency-Key": f"turn-{call_id}"}
    answers = [
        api("POST", f"/calls/{call_id}/turns", json={"text": "I was charged twice"},
            headers=headers)
        for _ in range(2)
    ]  # fmt: skip
    assert answers[0].content == answers[1].content
    kept = api.data("GET", f"/calls/{call_id}")["timeline"]
    assert len([event for event in kept if event["kind"] == "caller"]) == 1


@pytest.mark.parametrize("is_kept", [False, True])
def test_what_is_deleted_with_a_call_is_not_repeated(tmp_path, is_kept):
    secret = bytes(range(32))
    sealed_by = base64.b64encode(secret).decode()
    with served(tmp_path, store_transcripts=is_kept, retention_days=0.01, secret=sealed_by) as api:
        call_id = opened(api, api.published(), callerId=CALLER, callerName="Ada Byron")
        turn(api, call_id, event="noted", note={"details": {"pin": "4711"}})
        path = f"/calls/{call_id}/turns"
        requests = {
            "heard": (path, {"text": "I was charged twice in Zanzibar"}),
            "failed": (path, {"event": "transferFailed", "outcome": "486 Busy Here"}),
            "ended": (f"/calls/{call_id}/outcome", {"outcome": "abandoned"}),
        }

        def sent(name: str):
            path, body = requests[name]
            return api.data("POST", path, json=body, headers={"Idempotency-Key": name})

        heard = sent("heard")
        assert heard["handoff"]["caller"]["number"] == CALLER
        assert heard["handoff"]["details"] == {"pin": "4711"}
        assert sent("heard") == heard
        failed = sent("failed")
        assert failed["decision"]["reported"] == "486 Busy Here"
        assert sent("failed") == failed
        # The call has another handoff by now: the first decision's is not made up from it.
        assert sent("heard") == heard | {"handoff": None}

        ended = sent("ended")
        assert sent("ended") == ended
        api.plane.store.expire(datetime.now(UTC) + timedelta(hours=1))
        assert sent("ended") == ended | {"handoff": None, "timeline": None}
        assert sent("failed") == failed | {"handoff": None}

        with sqlite3.connect(tmp_path / "routing.db") as database:
            rows = database.execute("SELECT organisation_id, key, sealed FROM answers").fetchall()
    stored = [Sealer(secret).open(sealed, "answers", owner, key) for owner, key, sealed in rows]
    assert sorted(key for _, key, _ in rows) == ["ended", "failed", "heard"]
    for private in (CALLER, "Ada Byron", "4711", "Zanzibar", "486 Busy"):
        assert not any(private in text for text in stored)


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_call_that_another_secret_sealed_can_be_ended(tmp_path, is_kept):
    with served(tmp_path, store_transcripts=is_kept) as api:
        call_id = opened(api, api.published(), callerId=CALLER)
        with sqlite3.connect(tmp_path / "routing.db") as database:
            database.execute("UPDATE calls SET record = zeroblob(64)")
        spoken = api("POST", f"/calls/{call_id}/turns", json={"text": "hello"})
        assert (spoken.status_code, spoken.json()["code"]) == (409, "sealed")
        ended = api.data("POST", f"/calls/{call_id}/outcome", json={"outcome": "abandoned"})
        assert (ended["endedAt"] is not None, ended["timeline"]) == (True, None)
        with sqlite3.connect(tmp_path / "routing.db") as database:
            ((record,),) = database.execute("SELECT record FROM calls").fetchall()
        assert (record is not None) == is_kept


def test_calls_are_counted_and_filtered(api: Served):
    agent_id = api.published()
    for text in ("hello", "I was charged twice", "I was charged twice"):
        turn(api, opened(api, agent_id), text=text)
    api.data("POST", f"/agents/{agent_id}/route", json={"utterance": "what about the weather"})
    assert api.plane.recorder.flush()
    found = api.data("GET", f"/agents/{agent_id}/calls")
    totals = found["totals"]
    assert (totals["calls"], totals["contained"], totals["transferred"]) == (4, 1, 3)
    assert (totals["byRule"], totals["defaultRate"]) == ({"Billing": 2}, 0.25)
    assert len(found["items"]) == 4
    by_rule = api.data("GET", f"/agents/{agent_id}/calls", params={"rule": "Billing"})
    assert [item["rule"] for item in by_rule["items"]] == ["Billing", "Billing"]
    assert by_rule["totals"]["calls"] == 2
    contained = api.data("GET", f"/agents/{agent_id}/calls", params={"outcome": "contain"})
    assert contained["totals"]["calls"] == 1
    later = {"since": "2100-01-01T00:00:00Z"}
    assert api.data("GET", f"/agents/{agent_id}/calls", params=later)["totals"]["calls"] == 0
    for wrong in ({"outcome": "x"}, {"since": "yesterday"}, {"cursor": "!"}, {"limit": 0}):
        assert api("GET", f"/agents/{agent_id}/calls", params=wrong).status_code == 422


def test_transcripts_are_kept_where_that_is_wanted_and_deleted_in_time(tmp_path):
    with served(tmp_path, store_transcripts=True, retention_days=2) as api:
        agent_id = api.published()
        call_id = opened(api, agent_id, callerId=CALLER)
        turn(api, call_id, text="my invoice from zanzibar is wrong")
        api.data("POST", f"/calls/{call_id}/outcome", json={"outcome": "transferred"})
        kept = api.data("GET", f"/calls/{call_id}")
        assert "my invoice from zanzibar is wrong" in [event["text"] for event in kept["timeline"]]
        database = (tmp_path / "routing.db").read_bytes()
        database += (tmp_path / "routing.db-wal").read_bytes()
        assert b"zanzibar" not in database
        assert CALLER.encode() not in database
        api.plane.store.expire(datetime.now(UTC) + timedelta(days=3))
        assert api.data("GET", f"/calls/{call_id}")["timeline"] is None


def test_silence_transfers_unless_the_agent_is_to_see_to_it(api: Served):
    for action, outcome in (("transfer", "default"), ("hangup", "contain")):
        agent_id = api.published(callControl={"onNoResponseAction": action})
        call_id = opened(api, agent_id)
        turn(api, call_id, event="noResponse")
        assert turn(api, call_id, event="noResponse")["decision"]["outcome"] == outcome


def test_the_first_report_of_an_end_stands(tmp_path):
    with served(tmp_path) as api:
        agent_id = api.published()
        for first, later in (
            ("transferred", "abandoned"),
            ("failed", "transferred"),
            ("contained", "failed"),
        ):
            call_id = api.data("POST", f"/agents/{agent_id}/calls")["callId"]
            path = f"/calls/{call_id}/outcome"
            stood = api.data("POST", path, json={"outcome": first})
            again = api("POST", path, json={"outcome": later}).json()
            assert again["message"] == f"call had ended already: {first}"
            assert again["data"] == stood
        call_id = api.data("POST", f"/agents/{agent_id}/calls")["callId"]
        path = f"/calls/{call_id}/turns"
        api.data("POST", path, json={"text": "I was charged twice"})
        assert api.data("POST", path, json={"event": "transferred"})["isOver"] is True
        late = api.data("POST", f"/calls/{call_id}/outcome", json={"outcome": "abandoned"})
        assert late["transferred"] is True
        totals = api.data("GET", f"/agents/{agent_id}/calls")["totals"]
        assert (totals["transferred"], totals["failedTransfers"]) == (2, 1)
