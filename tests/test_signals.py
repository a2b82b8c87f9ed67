"""What callers say who want a person, and what those say who do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine.signals import frustration, wants_person

ASKING = (
    "can i talk to somebody", "representative", "agent", "operator operator", "a real human",
    "let me speak to the manager", "get me a human being please", "i want a live person",
    "put me through to the front desk", "just transfer me", "press zero", "so a human being please",
    "no i need to talk to somebody in the office now", "customer service", "pass me to a person",
    "could i speak with one of the girls in the office", "are you hiring, can i talk to a manager",
    "i don't want to talk to a robot, give me a person", "i’d rather speak to a person",
    "stop asking me questions and get me somebody", "can i have an actual employee",
    "no offense but i want a human to look at it",
)  # fmt: skip

NOT_ASKING = (
    "", "…", "can somebody come and look at my furnace", "i need someone to fix the sink",
    "i was charged twice", "send someone out today", "my agent told me the policy lapsed",
    "is there an operator manual for the thermostat", "the person who came was late",
    "i don't need to talk to anyone, just tell me your hours", "i want to make an appointment",
    "connect me money", "the manager of the store is my cousin", "what time do you open",
    "transfer my membership to my wife", "the rep who came quoted me two hundred",
)  # fmt: skip


@pytest.mark.parametrize("text", ASKING)
def test_a_caller_asks_for_a_person(text):
    assert wants_person(text)
    assert wants_person(text.upper())


@pytest.mark.parametrize("text", NOT_ASKING)
def test_a_caller_does_not(text):
    assert not wants_person(text)


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("what are your hours", 0),
        ("this is ridiculous", 1),
        ("are you a robot", 1),
        ("i already told you that", 1),
        ("this is ridiculous, i hate these machines", 2),
        ("you're not listening, this is useless, i don't want a robot", 3),
    ],
)
def test_signs_of_impatience(text, signs):
    assert frustration(text) == signs


@given(st.text(max_size=300))
def test_any_text_is_answered(text):
    assert wants_person(text) in (True, False)
    assert 0 <= frustration(text) <= 3
