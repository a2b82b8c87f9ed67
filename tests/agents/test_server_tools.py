"""Server tools of Vapi and Retell, by the shapes of their requests as these platforms document them."""

from __future__ import annotations

import hmac
import json

import pytest

from routing_engine import InvalidValueError
from routing_engine.integrations import retell, vapi

from .conftest import BILLING, CHARGE, NUMBERS

ARGUMENTS = {"words": CHARGE, "reason": "a charge"}

# https://docs.vapi.ai/tools/custom-tools, shortened; "function" is how OpenAI's models name it.
VAPI = {
    "message": {
        "timestamp": 1678901234567,
        "type": "tool-calls",
        "toolCallList": [{"id": "toolu_01", "name": "transfer_call", "arguments": ARGUMENTS}],
        "toolWithToolCallList": [{"type": "function", "name": "transfer_call"}],
        "artifact": {"messages": []},
        "call": {"id": "call-1", "type": "inboundPhoneCall"},
    }
}
# https://docs.retellai.com/build/single-multi-prompt/custom-function
RETELL = {
    "name": "transfer_call",
    "call": {"call_id": "call-1", "call_type": "phone_call", "transcript": "…"},
    "args": ARGUMENTS,
}
KEY = "key_1"


@pytest.fixture
def skill_of(skill):
    return {"call-1": skill}.get


def vapi_asked(**changed):
    call = {"id": "t1", "name": "transfer_call", "arguments": ARGUMENTS} | changed
    return {"message": {**VAPI["message"], "toolCallList": [call]}}


def test_vapi_gets_a_line_for_each_call_of_the_tool(skill, skill_of):
    answer = vapi.tool_results(VAPI, skill_of)
    (result,) = answer["results"]
    told = json.loads(result["result"])
    assert (result["toolCallId"], told["action"], told["rule"]) == (
        "toolu_01", "transfer", "Billing"
    )  # fmt: skip
    assert "\n" not in result["result"]
    assert str(skill.resolve(told["destination_id"])) == BILLING
    assert not any(number in str(answer) for number in NUMBERS)


def test_vapi_may_name_the_function_inside(skill_of):
    function = {"name": "transfer_call", "arguments": json.dumps(ARGUMENTS)}
    asked = {"message": {**VAPI["message"], "toolCallList": [{"id": "t", "function": function}]}}
    assert "Billing" in vapi.tool_results(asked, skill_of)["results"][0]["result"]


def test_what_is_wrong_is_an_error_of_its_call(skill, skill_of):
    for asked in (
        vapi_asked(name="other"),
        vapi_asked(arguments={"words": CHARGE, "number": BILLING}),
    ):
        (result,) = vapi.tool_results(asked, skill_of)["results"]
        assert set(result) == {"toolCallId", "error"}
    (unknown,) = vapi.tool_results(VAPI, lambda _: None)["results"]
    assert "no such call" in unknown["error"]
    assert skill.decision is None
    assert "error" in retell.function_result({**RETELL, "args": {}}, skill_of)


def test_retell_gets_the_answer(skill, skill_of):
    answer = retell.function_result(RETELL, skill_of)
    assert (answer["action"], answer["rule"]) == ("transfer", "Billing")
    assert str(skill.resolve(answer["destination_id"])) == BILLING


@pytest.mark.parametrize("body", [{}, [], "x", None, 7, {"message": []}, {"message": {}},
                                  {"message": {"toolCallList": 7, "call": {"id": "1"}}},
                                  {"message": {"toolCallList": [7], "call": {"id": "1"}}},
                                  {"call": {}, "name": "x"}, {"words": CHARGE}])  # fmt: skip
def test_another_request_is_refused(skill_of, body):
    for read in (vapi.tool_results, retell.function_result):
        with pytest.raises(InvalidValueError, match="no request of"):
            read(body, skill_of)


def signed(body, at_ms, key=KEY):
    tag = hmac.digest(key.encode(), body + str(at_ms).encode(), "sha256").hex()
    return f"v={at_ms},d={tag}"


def test_retells_signature_is_checked():
    body, now_ms = json.dumps(RETELL).encode(), 1_700_000_000_000
    good = signed(body, now_ms)
    assert retell.is_signed(body, good, KEY, now_ms=now_ms + 1000)
    assert not retell.is_signed(body + b" ", good, KEY, now_ms=now_ms)
    assert not retell.is_signed(body, good, "key_2", now_ms=now_ms)
    assert not retell.is_signed(body, good, KEY, now_ms=now_ms + 301_000)
    for wrong in ("", "v=1", good.upper(), f"{good} ", "v=١,d=" + "0" * 64):
        assert not retell.is_signed(body, wrong, KEY, now_ms=now_ms)
