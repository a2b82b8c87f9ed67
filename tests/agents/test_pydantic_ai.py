"""pydantic-ai with its own function model; the tool is really called."""

from __future__ import annotations

import json

from .conftest import BILLING, CHARGE, NUMBERS, arguments, framework, python_of

pytestmark = framework("pydantic_ai")

from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel


def ran(skill, *lines):
    """What the model is told after each of its lines, and what the agent says in the end."""
    left, told = list(lines), []

    def play(messages, info):
        told.append(str(messages[-1].parts))
        line = left.pop(0)
        part = ToolCallPart("transfer_call", line) if line.startswith("{") else TextPart(line)
        return ModelResponse(parts=[part])

    agent = python_of("agent-frameworks.md", "pydantic_agent")(skill, FunctionModel(play))
    return told, agent.run_sync(CHARGE).output


def test_the_tool_is_called_and_its_answer_comes_back(skill):
    told, said = ran(skill, arguments(CHARGE), "One moment.")
    assert said == "One moment."
    assert skill.decision.destination.number == BILLING
    assert "I am connecting you with Billing" in told[1]
    assert not any(number in told[1] for number in NUMBERS)


def test_what_the_model_gets_wrong_it_is_told_and_tries_again(skill):
    wrong = json.dumps({"words": CHARGE, "number": "+19005550199"})
    told, said = ran(skill, wrong, arguments(CHARGE), "One moment.")
    assert "a number is not an argument" in told[1]
    assert "connecting" in told[2]
    assert said == "One moment."
