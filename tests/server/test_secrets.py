"""The secret of the server: changed, lost, and made by ``compose.yaml``."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from routing_engine.errors import InvalidValueError, WrongSecretError
from routing_engine.server.settings import Settings
from routing_engine.store.sealing import Sealer
from tests.support.planes import BILLING, Served, served, served_again

OLD, NEW = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
SAID = {"text": "I was charged twice"}
COMPOSE = Path(__file__).parents[2] / "compose.yaml"


def opened(api: Served, agent_id: str) -> str:
    return api.data("POST", f"/agents/{agent_id}/calls", json={"callerName": "Ada"})["callId"]


def ended(api: Served, call_id: str, key: str):
    path, headers = f"/calls/{call_id}/outcome", {"Idempotency-Key": key}
    return api("POST", path, json={"outcome": "abandoned"}, headers=headers)


def test_what_the_previous_secret_sealed_and_signed_holds_and_the_new_one_seals(tmp_path):
    with served(tmp_path, secret=OLD, store_transcripts=True) as api:
        agent_id = api.published()
        old, done = opened(api, agent_id), opened(api, agent_id)
        asked = {"arguments": {"words": "I was charged twice", "reason": "a charge"}}
        told = api.data("POST", f"/agents/{agent_id}/skill", json=asked)["answer"]
        first = ended(api, done, "end")
    with served_again(api, secret=NEW, secret_previous=f"{OLD}, {OLD}") as api:
        assert api.data("POST", f"/calls/{old}/turns", json=SAID)["decision"]["destination"] == (
            BILLING
        )
        again = ended(api, done, "end")
        assert (again.status_code, again.json()) == (200, first.json())
        assert ended(api, old, "end").status_code == 409  # the key is another request's
        body = {"destinationId": told["destination_id"]}
        assert api.data("POST", f"/agents/{agent_id}/resolve", json=body)["number"] == BILLING
        new = opened(api, agent_id)
    with served_again(api, secret=NEW, secret_previous=None) as api:
        # Sealed anew where anything was written; what was only read needs the old secret still.
        for call_id in (old, new):
            assert api.data("GET", f"/calls/{call_id}")["timeline"] is not None
        assert api("GET", f"/calls/{done}").json()["code"] == "sealed"
        resolved = api("POST", f"/agents/{agent_id}/resolve", json=body)
        assert resolved.json()["code"] == "no_destination"


@pytest.mark.parametrize("is_kept", [False, True])
def test_open_calls_can_be_ended_and_ended_again_after_a_restart_without_a_secret(
    tmp_path, is_kept
):
    with served(tmp_path, store_transcripts=is_kept) as api:
        agent_id = api.published()
        open_call, told = opened(api, agent_id), opened(api, agent_id)
        api.data("POST", f"/calls/{open_call}/turns", json=SAID)
        first = ended(api, told, "told").json()["data"]
    with served_again(api) as api:
        for call_id, key in ((open_call, "end"), (open_call, "end"), (told, "told")):
            response = ended(api, call_id, key)
            assert response.status_code == 200, response.text
        assert response.json()["data"]["endedAt"] == first["endedAt"]
        late = api.data("POST", f"/calls/{told}/turns", json=SAID) if not is_kept else None
        assert late is None or late["decision"]["reason"] == "call_over"
        listed = api.data("GET", f"/agents/{agent_id}/calls")
        assert listed["totals"]["calls"] == 2
        assert all(item["endedAt"] for item in listed["items"])


def test_a_sealer_opens_what_earlier_secrets_sealed_and_no_others():
    old, older, other = (bytes([n]) * 32 for n in (1, 2, 3))
    sealer = Sealer(bytes(32), [old, older])
    for secret in (bytes(32), old, older):
        assert sealer.open(Sealer(secret).seal("words", "calls", "x"), "calls", "x") == "words"
        assert sealer.has_marked(Sealer(secret).mark("words", "calls"), "words", "calls")
    with pytest.raises(WrongSecretError):
        sealer.open(Sealer(other).seal("words", "calls", "x"), "calls", "x")
    assert not sealer.has_marked(Sealer(other).mark("words", "calls"), "words", "calls")
    assert Sealer(bytes(32)).open(sealer.seal("words", "calls", "x"), "calls", "x") == "words"


@pytest.mark.parametrize("wrong", ["short", f"{OLD},", f"{OLD};{NEW}"])
def test_a_previous_secret_that_is_none_is_named_and_not_shown(wrong):
    from routing_engine.server.settings import read_settings

    with pytest.raises(InvalidValueError, match="ROUTING_ENGINE_SECRET_PREVIOUS") as caught:
        read_settings(secret_previous=wrong)
    assert OLD not in str(caught.value)
    assert Settings(secret_previous=f"{OLD},{NEW}").previous_secrets == (
        bytes([1]) * 32, bytes([2]) * 32,
    )  # fmt: skip


def test_compose_makes_a_secret_at_the_first_start_and_keeps_it(tmp_path):
    server = yaml.safe_load(COMPOSE.read_text())["services"]["server"]
    assert server["entrypoint"] == ["sh", "-ec"]
    assert "keep:/keep" in server["volumes"]
    (script,) = server["command"]
    script = script.replace("$$", "$").replace("/keep", str(tmp_path))
    stub = tmp_path / "routing-engine"
    stub.write_text('#!/bin/sh\necho "$ROUTING_ENGINE_SECRET $*"\n')
    stub.chmod(0o755)

    def started(**given: str) -> str:
        env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "ROUTING_ENGINE_SECRET": "", **given}
        done = subprocess.run(
            [*server["entrypoint"], script], env=env, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    secret, _, rest = started().partition(" ")
    assert rest == "serve --host 0.0.0.0"
    assert Settings(secret=secret).secret_bytes is not None
    assert started() == f"{secret} {rest}"
    assert started(ROUTING_ENGINE_SECRET=NEW) == f"{NEW} {rest}"
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0
    assert "ROUTING_ENGINE_SECRET: ${ROUTING_ENGINE_SECRET:-}" in COMPOSE.read_text()
