"""What callers say who want a person, and what those say who do not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine.text.persons import _asks, declines_person
from routing_engine.text.signals import (
    _CLOSING,
    _CONTENT,
    _FED_UP,
    _TAKEN_BACK,
    asks_nothing,
    frustration,
    signals,
    wants_person,
)

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


@pytest.mark.parametrize(
    "text",
    [
        "great, thanks", "okay perfect thank you so much", "got it", "that's all i needed", "bye bye",
        "my wife just told me it arrived so never mind thanks", "sorry, wrong number",
        "no that's fine", "we figured it out, thanks",
    ],
)  # fmt: skip
def test_who_is_content_asks_nothing(text):
    assert asks_nothing(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "okay", "yes", "yes please", "no", "never mind that, i smell gas",
        "thanks but my heat is out", "you sent it to the wrong number", "that's not all",
        "i'll call you back about the leak in the kitchen", "good morning my sink leaks",
    ],
)  # fmt: skip
def test_who_says_more_does(text):
    assert not asks_nothing(text)


WORDS = st.lists(
    st.sampled_from(
        [
            "uh",
            "get",
            "me",
            "a",
            "real",
            "person",
            "somebody's",
            "talk",
            "to",
            "the",
            "robot's",
            "operator",
            "put",
            "my",
            "wife",
            "on",
            "never",
            "mind",
            "i",
            "already",
            "told",
            "you",
            "frustrating",
            "thanks",
            "that's",
            "all",
            "you're",
            "not",
            "listening",
            "press",
            "zero",
            "ai",
        ]
    ),
    max_size=9,
).map(" ".join)


@given(WORDS)
def test_looking_for_a_word_first_changes_nothing(text):
    assert wants_person(text) >= (_asks(text) and not declines_person(text))
    assert frustration(text) == sum(bool(pattern.search(text)) for pattern in _FED_UP)
    assert asks_nothing(text) == bool(
        _CONTENT.search(text) if _CLOSING.fullmatch(text) else _TAKEN_BACK.search(text)
    )


@pytest.mark.parametrize(
    "word", ["thank you ", "good ", "uh no ", "put my ", "not ", "have a ", "! "]
)
def test_a_long_utterance_takes_no_longer_than_its_length(word):
    long = word * (2000 // len(word))
    started = time.process_time()
    for text in (long, long + "xyz", "never mind " + long + "xyz", "put " + long):
        signals(text)
    assert time.process_time() - started < 2.0
