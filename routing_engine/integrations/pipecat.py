"""Pipecat: the tool, and what is said in a pipeline.

Extra ``pipecat``; https://docs.pipecat.ai/guides/learn/function-calling.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from routing_engine.calls.tool_schema import TOOL_NAME
from routing_engine.integrations.conversation import Conversation, Dial

if TYPE_CHECKING:
    from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
    from pipecat.frames.frames import Frame
    from pipecat.services.llm_service import FunctionCallParams, LLMService

__all__ = ["listen", "transfer_tool"]

SAID_S = 20.0
"""Longest time to wait until the caller has heard what is said."""

QUIET_S = 0.6
"""Silence after which the agent has finished: what it said before may end first."""

LONGEST_CALL_S = 1800.0
"""Longest time that the tool may take: several phones may ring, one after the other."""


def listen(conversation: Conversation, llm: LLMService[Any]) -> None:
    """Report every turn that reaches a model, the caller's and the agent's.

    Where the agent answers a caller itself who is to be transferred, the model is told to call the
    tool.
    """
    from pipecat.frames.frames import (
        LLMContextAssistantTurnFrame,
        LLMContextUserTurnFrame,
        LLMMessagesAppendFrame,
    )
    from pipecat.processors.frame_processor import FrameDirection

    async def seen(_: object, frame: Frame) -> None:
        if isinstance(frame, LLMContextUserTurnFrame):
            conversation.said("caller", frame.text)
        elif isinstance(frame, LLMContextAssistantTurnFrame):
            conversation.said("agent", frame.text)
            missed = await conversation.settle()
            if missed is not None and missed.get("action") == "transfer":
                text = f"The caller needs a person. Call {TOOL_NAME} now."
                order = [{"role": "developer", "content": text}]
                await llm.push_frame(
                    LLMMessagesAppendFrame(messages=order, run_llm=True), FrameDirection.UPSTREAM
                )

    llm.add_event_handler("on_before_process_frame", seen)


def transfer_tool(conversation: Conversation, dial: Dial) -> FunctionSchema:
    """Return the tool for ``LLMContext(tools=[…])``.

    Where the answer names somebody, it is said to the caller, and they are dialled once the caller
    has heard it. Where somebody answers, the model is not run again; where nobody does, it is told
    what to do. A caller who speaks meanwhile stops none of it.

    Args:
        conversation: of the pipeline.
        dial: transfers the call by the pipeline's transport, and says how that ended.
    """
    from pipecat.adapters.llm.schemas.direct_function import tool_options
    from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
    from pipecat.frames.frames import FunctionCallResultProperties

    async def connect(answer: dict[str, Any], params: FunctionCallParams) -> None:
        async def say(text: str) -> None:
            await _heard(params.llm, text)

        left = await conversation.connect(answer, dial, say=say)
        await params.result_callback(
            {"action": "transferred"} if left is None else left,
            properties=FunctionCallResultProperties(run_llm=left is not None),
        )

    dialling: set[asyncio.Task[None]] = set()

    async def transfer_call(params: FunctionCallParams) -> None:
        answer = await conversation.asked(dict(params.arguments))
        if answer.get("destination_id") is None:
            await params.result_callback(answer)
            return
        task = asyncio.create_task(connect(answer, params))
        dialling.add(task)
        task.add_done_callback(dialling.discard)
        await asyncio.shield(task)

    schema = conversation.skill.mcp()["inputSchema"]
    return FunctionSchema(
        name=conversation.skill.name,
        description=conversation.skill.description,
        properties=schema["properties"],
        required=schema["required"],
        handler=tool_options(timeout_secs=LONGEST_CALL_S)(transfer_call),
    )


async def _heard(llm: LLMService[Any], text: str) -> None:
    """Say a text, and return once the caller has heard it."""
    from pipecat.frames.frames import (
        BotStartedSpeakingFrame,
        BotStoppedSpeakingFrame,
        TTSSpeakFrame,
    )

    started, stopped = asyncio.Event(), asyncio.Event()

    async def seen(_: object, frame: Frame) -> None:
        if isinstance(frame, BotStartedSpeakingFrame):
            started.set()
            stopped.clear()
        elif isinstance(frame, BotStoppedSpeakingFrame):
            started.clear()
            stopped.set()

    llm.add_event_handler("on_before_process_frame", seen)
    try:
        async with asyncio.timeout(SAID_S):
            await llm.push_frame(TTSSpeakFrame(text))
            await stopped.wait()
            # What was said before may have ended only now, and this be still to come.
            while await _is_set(started, QUIET_S):
                await stopped.wait()
    except TimeoutError:  # there is no voice, or none that tells when it ends
        pass
    finally:
        llm.remove_event_handler("on_before_process_frame", seen)


async def _is_set(event: asyncio.Event, within_s: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), within_s)
    return event.is_set()
