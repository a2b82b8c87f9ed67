"""Pipecat: its own test utilities with a scripted model; the tool is really called."""

from __future__ import annotations

import asyncio
import json

import pytest

from .conftest import BILLING, CALLER, CHARGE, NUMBERS, SECOND, arguments, framework, page

pytestmark = framework("pipecat.frames.frames")

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSSpeakFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.llm_service import FunctionCallFromLLM, LLMService
from pipecat.services.settings import LLMSettings
from pipecat.tests.utils import SleepFrame, run_test
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies

from routing_engine.integrations import pipecat as adapter


@pytest.fixture(autouse=True)
def _short_silence(monkeypatch):
    monkeypatch.setattr(adapter, "QUIET_S", 0.1)


class Scripted(LLMService):
    """A model that says its lines: a text, or the arguments of a call of the tool."""

    def __init__(self, *lines):
        super().__init__(settings=LLMSettings(model="scripted"))
        self.lines = list(lines)
        self.told = []

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        self.told.append([dict(message) for message in frame.context.messages])
        self.tools = frame.context.tools.standard_tools
        line = self.lines.pop(0)
        await self.push_frame(LLMFullResponseStartFrame())
        if line.startswith("{"):
            asked = FunctionCallFromLLM(
                context=frame.context, function_name="transfer_call",
                tool_call_id=f"c{len(self.told)}", arguments=json.loads(line),
            )  # fmt: skip
            await self.run_function_calls([asked])
        else:
            await self.push_frame(LLMTextFrame(line))
        await self.push_frame(LLMFullResponseEndFrame())


class Voice(FrameProcessor):
    """Says what it is given, as an output does that speaks for a moment."""

    def __init__(self, log):
        super().__init__()
        self._log = log

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSSpeakFrame):
            await self.broadcast_frame(BotStartedSpeakingFrame)
            await asyncio.sleep(0.05)
            self._log.append(frame.text)
            await self.broadcast_frame(BotStoppedSpeakingFrame)
        else:
            await self.push_frame(frame, direction)


def said(words):
    return [
        UserStartedSpeakingFrame(),
        TranscriptionFrame(text=words, user_id="caller", timestamp="0"),
        UserStoppedSpeakingFrame(),
        SleepFrame(2.0),
    ]


def played(engine, call, dialled, model, *frames):
    """Let frames go through a pipeline whose model has the tool of the page."""
    context = page("pipecat.md")["context_for"](engine, call, model, dialled)
    params = LLMUserAggregatorParams(user_turn_strategies=ExternalUserTurnStrategies())
    pair = LLMContextAggregatorPair(context, user_params=params)

    async def play():
        pipeline = Pipeline([pair.user(), model, Voice(dialled.log), pair.assistant()])
        await run_test(pipeline, frames_to_send=frames)

    asyncio.run(play())
    return context


def test_a_transfer_is_said_and_then_dialled_and_the_model_not_run_again(engine, call, dialled):
    model = Scripted(arguments("the caller moves house"))
    played(engine, call, dialled, model, *said(CHARGE))
    assert dialled.log == ["I am connecting you with Billing.", BILLING]
    assert call.is_transferred
    handoff = dialled.handoffs[0]
    assert (handoff.caller.number, handoff.rule) == (CALLER, "Billing")
    (tool,) = model.tools
    assert tool.name == "transfer_call"
    assert not any(number in str(tool.to_default_dict()) for number in NUMBERS)


def test_the_next_in_line_is_said_and_dialled_and_the_model_told_in_the_end(engine, call, dialled):
    dialled.endings = ["busy", 480, "no_answer"]
    model = Scripted(arguments(CHARGE), "I am sorry, nobody is there.")
    played(engine, call, dialled, model, *said(CHARGE), SleepFrame(2))
    assert [entry for entry in dialled.log if entry.startswith("+")][:2] == [BILLING, SECOND]
    assert model.lines == []
    told = str(model.told[-1])
    assert "contain" in told
    assert not any(number in told for number in NUMBERS)


def test_a_question_goes_through_the_agents_own_loop(engine, call, dialled):
    model = Scripted(arguments("moving"), "Shall I connect you?", arguments("yes", confirmed=True))
    played(engine, call, dialled, model, *said("caller moves house"), *said("yes please"))
    assert "confirm" in str(model.told[1])
    assert call.is_transferred
    assert [who for who, _ in call.turns][:3] == ["caller", "agent", "caller"]


def test_a_transfer_that_the_agent_misses_is_made_all_the_same(engine, call, dialled):
    model = Scripted("Oh, really?", arguments("a charge"))
    played(engine, call, dialled, model, *said(CHARGE))
    assert dialled.log[-1] == BILLING
    assert "Call transfer_call now" in str(model.told[1])


def test_a_caller_who_interrupts_does_not_stop_the_dialling(engine, call, dialled):
    turn = said(CHARGE)
    turn[-1:] = [SleepFrame(0.1), InterruptionFrame(), SleepFrame(1.5)]
    played(engine, call, dialled, Scripted(arguments(CHARGE)), *turn)
    assert dialled.log[-1] == BILLING
    assert call.is_transferred


def test_what_the_model_gets_wrong_is_told_it(engine, call, dialled):
    wrong = json.dumps({"words": CHARGE, "number": "+19005550199"})
    model = Scripted(wrong, "Let me try again.")
    played(engine, call, dialled, model, *said("hello"))
    assert "a number is not an argument" in str(model.told[1])
    assert dialled.handoffs == []
