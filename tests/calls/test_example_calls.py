"""The example conversations in ``data/calls``, played by the command line with the real model."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from routing_engine import Outcome, Reason
from routing_engine.calls.handoff import Handoff
from routing_engine.cli import app

pytestmark = pytest.mark.model

CALLS = Path(__file__).resolve().parents[2] / "data" / "calls"
SCRIPTS = sorted(CALLS.glob("*.txt"))
SETTING = re.compile(r"# (location|caller|expect): (.*)")


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """What the command line prints for every script, by name."""
    office = str(tmp_path_factory.mktemp("calls") / "office")
    made = CliRunner().invoke(app, ["import", str(CALLS / "office.csv"), "--out", office])
    assert made.exit_code == 0, made.stderr
    shown = {}
    for script in SCRIPTS:
        said = settings(script)
        caller = ["--caller-id", *said["caller"]] if "caller" in said else []
        result = CliRunner().invoke(
            app, ["call", office, *said["location"], "--script", str(script), "--json", *caller]
        )
        assert result.exit_code == 0, f"{script.name}: {result.stderr}"
        shown[script.name] = json.loads(result.stdout)
    return shown


def settings(script):
    """What the comments of a script say: location, caller and what is expected, in order."""
    found = {}
    for line in script.read_text(encoding="utf-8").splitlines():
        if match := SETTING.fullmatch(line):
            found.setdefault(match[1], []).append(match[2])
    return found


def told(decision):
    fields = (decision[name] for name in ("outcome", "reason", "rule", "destination"))
    return "  ".join(field or "-" for field in fields)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_conversation_goes_as_its_script_says(played, script):
    decisions = played[script.name]["decisions"]
    assert [told(decision) for decision in decisions] == settings(script)["expect"]


SPARE = 0.03
"""Confidence that no example may hinge on: processors differ in the third decimal."""


def near_a_bar(decision, margin=0.2, likely=0.5):
    """What an example decision is within ``SPARE`` of, by name."""
    scores = sorted((c["confidence"] for c in decision["candidates"]), reverse=True)
    if decision["threshold"] is None or len(scores) < 2:
        return []
    top, second = scores[:2]
    asks = decision["outcome"] == "clarify"
    distances = {
        "threshold": 1.0 if asks else top - decision["threshold"],
        "margin": top - second - margin if top + second > likely - SPARE else 1.0,
        "likely": top + second - likely if top - second < margin + SPARE else 1.0,
    }
    return [name for name, distance in distances.items() if abs(distance) < SPARE]


def test_no_example_is_decided_close_to_a_bar_or_a_margin(played):
    close = {
        (name, number): near
        for name, call in played.items()
        for number, decision in enumerate(call["decisions"])
        if (near := near_a_bar(decision))
    }
    assert close == {}


def test_a_decision_close_to_a_bar_or_a_margin_is_found():
    def decided(outcome, *confidences, threshold=0.41):
        candidates = [{"confidence": confidence} for confidence in confidences]
        return {"outcome": outcome, "threshold": threshold, "candidates": candidates}

    assert near_a_bar(decided("transfer", 0.43, 0.01)) == ["threshold"]
    assert near_a_bar(decided("transfer", 0.60, 0.41)) == ["margin"]
    assert near_a_bar(decided("clarify", 0.28, 0.23)) == ["likely"]
    assert near_a_bar(decided("transfer", 0.90, 0.05)) == []


def test_together_they_show_every_outcome_and_every_way_a_call_ends(played):
    decisions = [decision for call in played.values() for decision in call["decisions"]]
    assert len(SCRIPTS) >= 12
    assert {decision["outcome"] for decision in decisions} == set(Outcome)
    assert {decision["reason"] for decision in decisions} >= {
        *(Reason.RULE_MATCHED, Reason.PERSON_REQUESTED, Reason.FRUSTRATED, Reason.NO_RESPONSE),
        *(Reason.AGENT_FAILED, Reason.VERIFICATION_FAILED, Reason.DECLINED, Reason.FALLBACK),
        *(Reason.NOBODY_ANSWERED, Reason.CALLER_LEFT, Reason.ROUTINE, Reason.OUTSIDE_HOURS),
        *(Reason.AMBIGUOUS, Reason.VERIFICATION_REQUIRED, Reason.CONFIRMATION_REQUIRED),
    }


def test_nobody_is_dialled_twice_and_whoever_is_gets_a_handoff(played):
    for name, call in played.items():
        dialled = [
            decision["destination"]
            for decision in call["decisions"]
            if decision["outcome"] in ("transfer", "default")
        ]
        assert len(set(dialled)) == len(dialled), name
        assert (call["handoff"] is not None) is bool(dialled), name
        if dialled:
            assert call["handoff"]["destination"] == dialled[-1], name


def test_the_details_of_a_script_are_in_its_handoff(played):
    handoff = Handoff.from_json(json.dumps(played["01-transfer.txt"]["handoff"]))
    assert str(handoff) == (
        "caller    Dana Whitfield (+12025550188)\n"
        "verified  no\n"
        "reason    do you have any one bedrooms free in april\n"
        "rule      New Leases\n"
        "- move-in date April 15\n"
        "location  harlow-east Harlow Apartments East\n"
        "dial      +13125550114, rings 20 s\n"
        f"decision  {handoff.decision_id} (transfer, rule_matched, catalog 1)\n"
        "whisper   Transferred call from Dana Whitfield for Harlow Apartments East, about New "
        "Leases. They said: do you have any one bedrooms free in april.\n"
        "timeline  6 entries"
    )
    hidden = Handoff.from_json(json.dumps(played["11-emergency.txt"]["handoff"]))
    assert (hidden.caller.number, hidden.caller.anonymous) == (None, True)
    assert hidden.details == {"unit": "12B"}
    missing = [decision["missing"] for decision in played["12-nobody-answers.txt"]["decisions"]]
    assert missing[0] == ["name", "move-in date"]
    times = [d["ring_timeout_s"] for d in played["12-nobody-answers.txt"]["decisions"]]
    assert times == [20, 15, 10, 25, None]


def test_a_closed_location_says_when_it_opens_across_the_change_of_clocks(played):
    closed = played["09-closed.txt"]["decisions"][-1]
    assert closed["next_opening"] == "2026-03-09T09:00:00-06:00"
