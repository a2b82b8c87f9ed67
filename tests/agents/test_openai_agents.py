"""The OpenAI Agents SDK with a scripted model; the tool is really called."""

from __future__ import annotations

import asyncio
import json

from .conftest import BILLING, CHARGE, NUMBERS, arguments, framework, python_of

pytestmark = framework("agents")

from agents import RunConfig, Runner
from agents.items import ModelResponse
from agents.models.interface import Model
from agents.usage import Usage
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)


class Scripted(Model):
    """A model that says its lines: a text, or the arguments of a call of the tool."""

    def __init__(self, *lines):
        self.lines = list(lines)
        self.told = []

    async def get_response(self, system_instructions, input, model_settings, tools, *_, **__):  # noqa: A002
        self.told.append(json.dumps(input, default=str))
        self.tools = tools
        line = self.lines.pop(0)
        if line.startswith("{"):
            item = ResponseFunctionToolCall(
                type="function_call", name="transfer_call", arguments=line, call_id="c1"
            )
        else:
            text = ResponseOutputText(type="output_text", text=line, annotations=[])
            item = ResponseOutputMessage(
                id="m", type="message", role="assistant", status="completed", content=[text]
            )
        return ModelResponse(output=[item], usage=Usage(), response_id=None)

    def stream_response(self, *_, **__):
        raise NotImplementedError


def ran(skill, *lines):
    model = Scripted(*lines)
    agent = python_of("agent-frameworks.md", "openai_agent")(skill, model)
    config = RunConfig(tracing_disabled=True)
    result = asyncio.run(Runner.run(agent, CHARGE, run_config=config))
    return model, result.final_output


def test_the_tool_is_called_and_its_answer_comes_back(skill):
    model, said = ran(skill, arguments(CHARGE), "One moment.")
    assert said == "One moment."
    assert skill.decision.destination.number == BILLING
    assert "transfer" in model.told[1]
    assert not any(number in model.told[1] for number in NUMBERS)
    assert model.tools[0].params_json_schema["required"] == [
        "words", "reason", "confirmed", "details"
    ]  # fmt: skip


def test_what_the_model_gets_wrong_is_told_it(skill):
    wrong = json.dumps({"words": CHARGE, "number": "+19005550199"})
    model, _ = ran(skill, wrong, "Sorry.")
    assert "a number is not an argument" in model.told[1]
    assert skill.decision is None
