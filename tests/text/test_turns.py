"""What a conversation comes down to, and that the engine listens to it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import HashingEncoder, InvalidValueError, Outcome, Reason, RoutingEngine
from routing_engine.text.denials import drop_denials
from routing_engine.text.history import MAX_LENGTH, MAX_PIECES, summarise_history
from tests.support.strategies import a_location, a_rule

ASKED = ("agent", "is water coming in right now")


def caller(text):
    return ("caller", text)


@pytest.mark.parametrize(
    ("history", "utterance", "expected"),
    [
        pytest.param([], "i was charged twice", "i was charged twice", id="nothing before"),
        pytest.param([], "uh hi yeah", "uh hi yeah", id="nothing but fillers"),
        pytest.param(
            [caller("my kitchen floor is wet"), ("agent", "oh no")],
            "since this morning and it is getting worse",
            "my kitchen floor is wet since this morning and it is getting worse "
            "since this morning and it is getting worse",
            id="what was said before stays, and the last counts twice",
        ),
        pytest.param(
            [caller("um hi"), ("agent", "hello there")],
            "there is a charge i do not know",
            "there is a charge i do not know",
            id="small talk goes",
        ),
        pytest.param(
            [ASKED], "yes", "is water coming in right now", id="a yes says what was asked"
        ),
        pytest.param(
            [ASKED],
            "yeah since monday",
            "is water coming in right now yeah since monday",
            id="a short answer is put after its question",
        ),
        pytest.param([caller("the sink drips"), ASKED], "no", "the sink drips", id="a no does not"),
        pytest.param(
            [("agent", "Sure. Is it a new leak, or one that we mended?")],
            "the second",
            "one that we mended the second",
            id="the half that is chosen by its place stands for the question",
        ),
        pytest.param(
            [("agent", "Is it a new leak, or one that we mended?")],
            "mended",
            "Is it a new leak, or one that we mended? mended",
            id="an answer in words of its own keeps the question",
        ),
        pytest.param(
            [("agent", "Is it a new leak, or one that we mended?")],
            "representative",
            "representative",
            id="who asks for a person is about nothing that was asked",
        ),
        pytest.param(
            [caller("the sink drips"), ("agent", "okay")],
            "a little",
            "the sink drips a little a little",
            id="an agent who says nothing is left out",
        ),
        pytest.param(
            [("agent", "shall i book it"), ASKED],
            "yes",
            "is water coming in right now",
            id="the question is the last one",
        ),
        pytest.param(
            [ASKED, caller("yes")], "yes", "is water coming in right now", id="asked once"
        ),
    ],
)
def test_summarise_history(history, utterance, expected):
    assert summarise_history(history, utterance) == expected


@pytest.mark.parametrize(
    "turn",
    ["caller", ("caller",), ("operator", "hi"), ("caller", None), ("caller", "a", "b"), None, 3],
)
def test_a_turn_is_a_pair(turn):
    with pytest.raises(InvalidValueError, match="a turn of the history is a pair"):
        summarise_history([turn], "hello")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("i don't want to cancel, i want to move my visit", "i want to move my visit"),
        ("i'm not calling to cancel i want to move my visit", "i want to move my visit"),
        (
            "it's not about my bill, it's about the mess in my hall",
            "it's about the mess in my hall",
        ),
        ("it’s not about my bill it’s about the mess", "it's about the mess"),
        ("not billing but the other one, for repairs", "the other one, for repairs"),
        ("rather than a refund, i want it done again", "i want it done again"),
        ("no i don't need a repair, i need a quote", "i need a quote"),
        (
            "it's not that i want to quit, i want to know what it covers",
            "i want to know what it covers",
        ),
        ("i don't have a complaint, i want to work for you", "i want to work for you"),
        # What is wrong is what it is about.
        ("it's not working, i need someone", None),
        ("my heat is not working and it is ten degrees outside", None),
        ("nobody came and they did not call", None),
        ("i don't recognise this charge, i want to know what it is", None),
        ("not only is it late but it is the wrong part", None),
        ("i'm not sure, i think it is the compressor", None),
        # Nothing else is said.
        ("i don't want to be in the plan any more", None),
        ("i don't want that, no", None),
        ("not today", None),
        ("a knotty problem", None),
    ],
)
def test_drop_denials(text, expected):
    assert drop_denials(text) == (text if expected is None else expected)


@given(st.text(max_size=80))
def test_what_is_affirmed_was_said(text):
    found = drop_denials(text)
    said = text.replace("’", "'").replace(",", " ").split()
    assert set(found.replace(",", " ").split()) <= set(said) | set(text.replace(",", " ").split())
    assert drop_denials(found) == found or len(drop_denials(found)) < len(found)


turns = st.lists(st.tuples(st.sampled_from(("agent", "caller")), st.text(max_size=60)), max_size=9)


@given(turns, st.text(min_size=1, max_size=60))
def test_a_gist_is_made_of_what_was_said_and_is_short(history, utterance):
    found = summarise_history(history, utterance)
    assert found
    said = {word for _, text in history for word in text.split()} | set(utterance.split())
    assert set(found.split()) <= said
    assert found == utterance or len(found) <= MAX_LENGTH + MAX_PIECES


@given(turns, st.sampled_from(["there is a leak behind the washing machine", "billing question"]))
def test_the_last_words_are_always_in_it(history, utterance):
    assert summarise_history(history, utterance).endswith(utterance)


def test_only_the_last_pieces_count():
    history = [caller(f"sentence number {i} about something") for i in range(20)]
    found = summarise_history(history, "and that is all there was")
    assert found.count("sentence number") == MAX_PIECES - 1
    assert "number 19" in found


def test_a_long_turn_does_not_push_out_the_last_one():
    found = summarise_history([caller("long story " * 500)], "the invoice is wrong")
    assert found == "the invoice is wrong"


def engine():
    rules = [
        a_rule(label="Billing", when="asks about an invoice", examples=("my invoice is wrong",)),
        a_rule(
            label="Leak",
            when="reports a leak",
            examples=("the kitchen floor is wet since monday",),
            destination="+14155550112",
        ),
    ]
    return RoutingEngine([a_location("store-1", *rules)], encoder=HashingEncoder())


def test_the_engine_listens_to_the_history():
    made = engine()
    (location_id,) = made.location_ids()
    history = [caller("the kitchen floor is wet"), ("agent", "oh no")]
    alone = made.route(location_id, "monday")
    told = made.route(location_id, "monday", history=history)
    assert alone.rule is None
    assert told.rule.label == "Leak"
    again = made.route(location_id, "the kitchen floor is wet monday monday")
    assert told.confidence == again.confidence
    # A history is part of the question: neither answer stands in for the other.
    assert made.route(location_id, "monday") == alone
    assert made.route(location_id, "monday", history=iter(history)) == told


def test_and_so_do_concurrent_callers():
    made = engine()
    (location_id,) = made.location_ids()
    history = [caller("the kitchen floor is wet")]
    told = asyncio.run(made.aroute(location_id, "since monday", history=history))
    assert told == made.route(location_id, "since monday", history=history)


def test_silence_after_a_conversation_is_silence():
    made = engine()
    (location_id,) = made.location_ids()
    found = made.route(location_id, " … ", history=[caller("the kitchen floor is wet")])
    assert (found.outcome, found.reason) == (Outcome.DEFAULT, Reason.EMPTY_UTTERANCE)


def test_a_wrong_history_is_said_at_once():
    made = engine()
    (location_id,) = made.location_ids()
    with pytest.raises(InvalidValueError, match="pair"):
        made.route(location_id, "hello there", history=["the kitchen floor is wet"])


def test_broken_characters_in_the_history_do_no_harm():
    made = engine()
    (location_id,) = made.location_ids()
    history = [caller("the kitchen \ud800 floor is wet")]
    assert made.route(location_id, "since monday", history=history).reason is not (
        Reason.ENGINE_DEGRADED
    )
