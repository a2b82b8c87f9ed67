"""LiveKit Agents: the tool, what is said in a session, and transfers by SIP.

Extra ``livekit``; https://docs.livekit.io/agents/ and
https://docs.livekit.io/telephony/features/transfers/.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

from routing_engine.calls.policy import TransferOutcome
from routing_engine.calls.tool_schema import TOOL_NAME
from routing_engine.integrations.conversation import Conversation, Dial
from routing_engine.integrations.livekit import transfer_sip_participant

if TYPE_CHECKING:
    from livekit.agents import AgentSession, ConversationItemAddedEvent, RunContext
    from livekit.api import LiveKitAPI

    from routing_engine.calls.handoff import Handoff

__all__ = ["listen", "refer", "transfer_tool"]

_SPEAKERS: dict[str, Literal["agent", "caller"]] = {"user": "caller", "assistant": "agent"}

FAILED = "STS_TRANSFER_FAILED"
_REASONS = {
    "STR_CALL_ENDED": TransferOutcome.CALLER_HUNG_UP,
    "STR_REJECTED": TransferOutcome.DECLINED,
    "STR_RINGING_TIMEOUT": TransferOutcome.NO_ANSWER,
}
"""Why a transfer failed, where there is no SIP status; any other reason is no more than that it did."""


def listen(conversation: Conversation, session: AgentSession[Any]) -> None:
    """Report every turn of a session, the caller's and the agent's.

    Where the agent answers a caller itself who is to be transferred, the model is made to call the
    tool.
    """
    looking: set[asyncio.Task[None]] = set()

    async def look() -> None:
        missed = await conversation.settle()
        if missed is not None and missed.get("action") == "transfer":
            session.generate_reply(
                instructions=f"The caller needs a person. Call {TOOL_NAME} now.",
                tool_choice={"type": "function", "function": {"name": TOOL_NAME}},
            )

    def added(event: ConversationItemAddedEvent) -> None:
        words = getattr(event.item, "text_content", None)
        speaker = _SPEAKERS.get(getattr(event.item, "role", ""))
        if words and speaker is not None:
            conversation.said(speaker, words)
        if speaker == "agent":
            task = asyncio.create_task(look())
            looking.add(task)
            task.add_done_callback(looking.discard)

    session.on("conversation_item_added", added)


def transfer_tool(conversation: Conversation, dial: Dial) -> Any:
    """Return the tool for ``Agent(tools=…)``.

    Where the answer names somebody, it is said to the caller, and they are dialled once the caller
    has heard it. Where somebody answers, the agent is silent from then on; where nobody does, the
    model is told what to do.

    Args:
        conversation: of the session.
        dial: such as :func:`refer`.
    """
    from livekit.agents import RunContext, StopResponse, ToolError, function_tool

    async def transfer_call(raw_arguments: dict[str, object], context: RunContext[Any]) -> Any:
        answer = await conversation.asked(raw_arguments)
        if "error" in answer:
            raise ToolError(answer["error"])
        if answer["destination_id"] is None:
            return answer
        context.disallow_interruptions()
        await context.wait_for_playout()

        async def say(text: str) -> None:
            await context.session.say(text, allow_interruptions=False)

        left = await conversation.connect(answer, dial, say=say)
        if left is None:
            raise StopResponse
        return left

    # LiveKit tells the context from the arguments by its type, which is not a name of this module.
    transfer_call.__annotations__["context"] = RunContext
    schema = conversation.skill.openai()
    del schema["type"], schema["strict"]
    return function_tool(transfer_call, raw_schema=schema)


def refer(api: LiveKitAPI, *, room_name: str, participant_identity: str) -> Dial:
    """Return what transfers a caller by SIP REFER (``TransferSIPParticipant``).

    Args:
        api: of the LiveKit server.
        room_name: of the call.
        participant_identity: of the caller in it.
    """
    from livekit.api import ServerError, SipCallError
    from livekit.protocol.sip import SIPTransferStatus, TransferSIPParticipantRequest

    async def dial(handoff: Handoff) -> TransferOutcome | str | int:
        assert handoff.destination is not None
        request = transfer_sip_participant(
            handoff.caller,
            handoff.destination,
            room_name=room_name,
            participant_identity=participant_identity,
            context=handoff.context,
            ring_timeout_s=handoff.ring_timeout_s,
        )
        try:
            made = await api.sip.transfer_sip_participant(TransferSIPParticipantRequest(**request))
        except SipCallError as error:
            told = error.sip_transfer_reason
            return error.sip_status_code or _REASONS.get(told or "") or FAILED
        except ServerError:
            return FAILED
        if made.sip_status.code:
            return int(made.sip_status.code)
        # Of a REFER that was sent and of which no more is known: the caller has left this side.
        return str(SIPTransferStatus.Name(made.status))

    return dial
