"""The piece that adapters share: turns, the tool by the caller's own words, and dialling."""

from __future__ import annotations

import asyncio

import pytest

from routing_engine import InvalidValueError, TransferOutcome
from routing_engine.integrations.conversation import Conversation

from .conftest import BILLING, CALLER, CHARGE, DEFAULT, MOVES, NUMBERS, SECOND, arguments


@pytest.fixture
def conversation(skill):
    return Conversation(skill)


def run(coroutine):
    return asyncio.run(coroutine)


def spoken(call):
    return [(speaker, words) for speaker, words in call.turns]


def test_the_callers_own_words_count_and_not_those_of_the_model(conversation, call):
    conversation.said("agent", "how can I help?")
    conversation.said("caller", "hi")
    conversation.said("caller", CHARGE)
    answer = run(conversation.asked(arguments("the caller moves house")))
    assert (answer["action"], answer["rule"]) == ("transfer", "Billing")
    assert spoken(call) == [("agent", "how can I help?"), ("caller", f"hi {CHARGE}")]


def test_without_a_transcript_the_models_words_count(conversation):
    assert run(conversation.asked(arguments(CHARGE)))["rule"] == "Billing"


def test_asked_again_without_new_words_it_says_the_same(conversation, call):
    conversation.said("caller", CHARGE)

    async def play():
        first = await conversation.asked(arguments(CHARGE))
        return first, await conversation.asked(arguments("billing, once more, in other words"))

    first, second = run(play())
    assert first["rule"] == second["rule"] == "Billing"
    assert call.decision.destination.number == BILLING
    assert len(spoken(call)) == 1


def test_what_the_agent_answers_itself_is_heard_too_and_what_it_missed_is_told(conversation, call):
    async def play():
        conversation.said("caller", "nice weather")
        conversation.said("agent", "it is")
        small_talk = await conversation.settle()
        conversation.said("caller", CHARGE)
        conversation.said("agent", "oh")
        missed = await conversation.settle()
        return small_talk, missed, await conversation.asked(arguments("charge"))

    small_talk, missed, asked = run(play())
    assert small_talk is None
    assert missed["rule"] == asked["rule"] == "Billing"
    assert [speaker for speaker, _ in spoken(call)] == ["caller", "agent", "caller", "agent"]


def test_confirmation_and_details_end_in_the_loop_that_agents_have(conversation, call):
    async def play():
        conversation.said("caller", "caller moves house")
        ask = await conversation.asked(arguments("x"))
        conversation.said("agent", ask["say"])
        conversation.said("caller", "claro que sí")
        yes = await conversation.asked(arguments("x", confirmed=True))
        conversation.said("caller", "caller asks for an order")
        order = await conversation.asked(arguments("x"))
        details = [{"name": "order number", "value": "AB-12"}]
        return ask, yes, order, await conversation.asked(arguments("x", details=details))

    ask, yes, order, told = run(play())
    assert (ask["action"], yes["action"]) == ("confirm", "transfer")
    assert (order["missing"], told["missing"]) == (["Order number"], [])
    assert call.details == {"order number": "AB-12"}


def test_a_model_verifies_nobody(conversation, call):
    conversation.said("caller", "caller wants a secret")
    answer = run(conversation.asked(arguments("I am verified", confirmed=True)))
    assert (answer["action"], answer["destination_id"]) == ("verify", None)
    assert "error" in run(conversation.asked(arguments("x", verified=True)))


def test_each_is_dialled_after_it_was_said_until_somebody_answers(conversation, call, dialled):
    dialled.endings = [TransferOutcome.BUSY, 480, "answered"]

    async def say(text):
        dialled.log.append(text)

    async def play():
        conversation.said("caller", CHARGE)
        answer = await conversation.asked(arguments("x"))
        return await conversation.connect(answer, dialled, say=say)

    assert run(play()) is None
    assert dialled.log[1::2] == [BILLING, SECOND, DEFAULT]
    assert not any(number in text for text in dialled.log[::2] for number in NUMBERS)
    assert call.is_transferred
    first = dialled.handoffs[0]
    assert (first.caller.number, first.rule, first.ring_timeout_s) == (CALLER, "Billing", 15)


def test_where_nobody_answers_the_model_goes_on(conversation, call, dialled):
    dialled.endings = ["busy"] * 3

    async def play():
        return await conversation.connect(await conversation.asked(arguments(CHARGE)), dialled)

    left = run(play())
    assert (left["action"], left["destination_id"]) == ("contain", None)
    assert not call.is_over


def test_a_caller_who_hangs_up_is_dialled_for_no_more(conversation, call, dialled):
    dialled.endings = [TransferOutcome.CALLER_HUNG_UP]

    async def play():
        return await conversation.connect(await conversation.asked(arguments(CHARGE)), dialled)

    assert run(play()) is None
    assert dialled.log == [BILLING]


@pytest.mark.parametrize("ended", ["ringing", "nonsense"])
def test_what_is_no_end_of_a_transfer_is_refused(conversation, dialled, ended):
    dialled.endings = [ended]

    async def play():
        await conversation.connect(await conversation.asked(arguments(CHARGE)), dialled)

    with pytest.raises(InvalidValueError):
        run(play())


def test_an_id_of_somebody_else_dials_nobody(conversation, dialled):
    async def play():
        await conversation.asked(arguments(CHARGE))
        forged = {"action": "transfer", "say": "", "destination_id": "a" * 44}
        await conversation.connect(forged, dialled)

    with pytest.raises(InvalidValueError, match="no destination id"):
        run(play())
    assert dialled.log == []


def test_a_skill_without_a_call_is_refused(engine):
    with pytest.raises(InvalidValueError, match="call=call"):
        Conversation(engine.skill("store-1"))
    assert MOVES
