"""LiveKit Agents: its own text-only harness with a scripted model; the tool is really called."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from .conftest import BILLING, CALLER, CHARGE, NUMBERS, SECOND, arguments, framework, page

pytestmark = framework("livekit.agents")

from aiohttp import web
from livekit.agents import AgentSession, llm
from livekit.agents.beta.workflows import WarmTransferTask
from livekit.api import LiveKitAPI
from livekit.protocol.sip import TransferSIPParticipantRequest, TransferSIPParticipantResponse

from routing_engine import Caller, Context, Destination
from routing_engine.integrations.livekit import warm_transfer
from routing_engine.integrations.livekit_agents import refer


class Scripted(llm.LLM):
    """A model that says its lines: a text, or the arguments of a call of the tool."""

    def __init__(self, *lines):
        super().__init__()
        self.lines = list(lines)
        self.choices = []

    def chat(self, *, chat_ctx, tools=None, conn_options, tool_choice=None, **_):
        self.choices.append(tool_choice)
        self.tools = tools
        return _Stream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _Stream(llm.LLMStream):
    async def _run(self):
        line = self._llm.lines.pop(0)
        delta = llm.ChoiceDelta(role="assistant", content=line)
        if line.startswith("{"):
            call = llm.FunctionToolCall(name="transfer_call", arguments=line, call_id="c1")
            delta = llm.ChoiceDelta(role="assistant", tool_calls=[call])
        self._event_ch.send_nowait(llm.ChatChunk(id="1", delta=delta))


def played(engine, call, dialled, model, *said):
    """Let a caller speak with the agent of the page; the results of each turn."""
    agent_for = page("livekit-agents.md")["agent_for"]

    async def play():
        async with AgentSession(llm=model) as session:
            await session.start(agent_for(engine, call, session, dialled))
            session.on("conversation_item_added", lambda event: dialled.log.append(
                getattr(event.item, "text_content", "") or ""
            ))  # fmt: skip
            return [await session.run(user_input=words) for words in said]

    return asyncio.run(play())


def outputs(result):
    return [e.item for e in result.events if e.type == "function_call_output"]


def test_a_transfer_is_said_and_then_dialled_and_the_agent_is_silent(engine, call, dialled):
    model = Scripted(arguments("the caller moves house"))
    played(engine, call, dialled, model, CHARGE)
    assert model.lines == []
    # By the transcript, not by the model's words; after it was said.
    assert dialled.log == [CHARGE, "I am connecting you with Billing.", BILLING]
    assert call.is_transferred
    handoff = dialled.handoffs[0]
    assert (handoff.caller.number, handoff.rule) == (CALLER, "Billing")
    (tool,) = model.tools
    assert tool.info.raw_schema["name"] == "transfer_call"
    assert not any(number in str(tool.info.raw_schema) for number in NUMBERS)


def test_the_next_in_line_is_said_and_dialled_and_the_model_told_in_the_end(engine, call, dialled):
    dialled.endings = ["busy", 480, "no_answer"]
    model = Scripted(arguments(CHARGE), "I am sorry, nobody is there.")
    (result,) = played(engine, call, dialled, model, CHARGE)
    assert [entry for entry in dialled.log if entry.startswith("+")][:2] == [BILLING, SECOND]
    told = str(outputs(result)[-1].output)
    assert "contain" in told
    assert not any(number in told for number in NUMBERS)
    assert not call.is_over


def test_a_question_goes_through_the_agents_own_loop(engine, call, dialled):
    model = Scripted(arguments("moving"), "Shall I connect you?", arguments("yes", confirmed=True))
    first, _ = played(engine, call, dialled, model, "caller moves house", "yes please")
    first.expect.contains_function_call(name="transfer_call")
    assert "confirm" in str(outputs(first)[0].output)
    assert call.is_transferred
    assert [who for who, _ in call.turns] == ["caller", "agent", "caller", "agent"]


def test_what_the_agent_answers_itself_is_a_turn_of_the_call(engine, call, dialled):
    model = Scripted("We open at nine.", arguments("a person"))
    played(engine, call, dialled, model, "when do you open", CHARGE)
    assert [who for who, _ in call.turns][:3] == ["caller", "agent", "caller"]
    assert dialled.handoffs[0].rule == "Billing"


def test_a_transfer_that_the_agent_misses_is_made_all_the_same(engine, call, dialled):
    agent_for = page("livekit-agents.md")["agent_for"]
    model = Scripted("Oh, really?", arguments("a charge"))

    async def play():
        async with AgentSession(llm=model) as session:
            await session.start(agent_for(engine, call, session, dialled))
            await session.run(user_input=CHARGE)
            await asyncio.wait_for(dialled.answered.wait(), 10)

    asyncio.run(play())
    assert dialled.log == [BILLING]
    assert model.choices[1] == {"type": "function", "function": {"name": "transfer_call"}}


def test_what_the_model_gets_wrong_is_told_as_a_typed_error(engine, call, dialled):
    wrong = json.dumps({"words": CHARGE, "number": "+19005550199"})
    model = Scripted(wrong, "Let me try again.")
    (result,) = played(engine, call, dialled, model, "hello")
    (output,) = outputs(result)
    assert output.is_error
    assert "a number is not an argument" in output.output
    assert dialled.log[-1] == "Let me try again."


@asynccontextmanager
async def livekit_server(answer):
    """A LiveKit server for transfers alone, over HTTP."""
    asked = []

    async def transfer(request):
        asked.append(TransferSIPParticipantRequest.FromString(await request.read()))
        if isinstance(answer, dict):
            body = {"code": "unavailable", "msg": "x", "meta": answer}
            return web.json_response(body, status=503)
        return web.Response(body=answer.SerializeToString(), content_type="application/protobuf")

    app = web.Application()
    app.router.add_post("/twirp/livekit.SIP/TransferSIPParticipant", transfer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    api = LiveKitAPI(f"http://127.0.0.1:{port}", "key", "s" * 32)
    try:
        yield api, asked
    finally:
        await api.aclose()
        await runner.cleanup()


@pytest.mark.parametrize(
    ("answer", "ends"),
    [
        (TransferSIPParticipantResponse(status="STS_TRANSFER_SUCCESSFUL"), "transferred"),
        ({"sip_status_code": "486", "sip_status": "Busy Here"}, "busy"),
        ({"sip_transfer_reason": "STR_RINGING_TIMEOUT"}, "no_answer"),
        ({}, "unreachable"),
    ],
)
def test_a_refer_says_what_became_of_it(call, answer, ends):
    decision = call.hear(CHARGE)

    async def play():
        async with livekit_server(answer) as (api, asked):
            dial = refer(api, room_name="room", participant_identity="caller")
            return asked, await dial(call.handoff(decision))

    asked, ended = asyncio.run(play())
    assert (asked[0].transfer_to, asked[0].room_name) == (f"tel:{BILLING}", "room")
    assert asked[0].ringing_timeout.seconds == 15
    call.transfer_failed(ended, attempt=decision)
    kinds = [(event.kind, event.text) for event in call.timeline]
    if ends == "transferred":
        assert call.is_transferred
    else:
        assert ("failed", ends) in kinds


def test_a_warm_transfer_is_made_as_livekit_takes_it():
    made = warm_transfer(
        Caller(CALLER, "Jane"), Destination(BILLING, "12"), context=Context("an invoice"),
        ring_timeout_s=20,
    )  # fmt: skip

    async def play():
        return WarmTransferTask(sip_trunk_id="ST_1", **made)

    task = asyncio.run(play())
    assert (task._sip_call_to, task._dtmf, task._ringing_timeout) == (BILLING, "wwww12", 20.0)
    assert page("livekit-agents.md")["warm_dial"](None, "ST_1")
