"""What an answer to "this or that?" means, by its words alone."""

from __future__ import annotations

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from routing_engine.text.choices import Answer, Choice, either_or, is_unclear, parse_choice

FIRST, SECOND, BOTH, NEITHER = Choice.FIRST, Choice.SECOND, Choice.BOTH, Choice.NEITHER
LABELS = ("Billing", "Emergency Service")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("billing", FIRST), ("uh the bill", FIRST), ("the first one", FIRST), ("one", FIRST),
        ("option a", FIRST), ("it's about billing i guess", FIRST), ("number one please", FIRST),
        ("the former", FIRST), ("billing not emergency", FIRST), ("emergency, sorry, the first", FIRST),
        ("not the emergency, the other one", FIRST), ("emergency, no the other one", FIRST),
        ("uh emergency", SECOND), ("the second", SECOND), ("no, the other one", SECOND),
        ("the latter please", SECOND), ("first no wait the second one", SECOND),
        ("billing, no the other one", SECOND), ("not billing, the other one", SECOND), ("b", SECOND),
        ("both", BOTH), ("well it's both really", BOTH), ("a bit of each", BOTH),
        ("the two of them", BOTH), ("either one", BOTH),
        ("neither", NEITHER), ("no", NEITHER), ("none of those", NEITHER),
        ("something else", NEITHER), ("no thanks", NEITHER),
        ("yes", Choice.UNCLEAR), ("yeah sure", Choice.UNCLEAR), ("uh what?", Choice.UNCLEAR),
        ("sorry, say that again", Choice.UNCLEAR), ("i don't know what that means", Choice.UNCLEAR),
        ("which is the first one", Choice.UNCLEAR), ("uh", Choice.UNCLEAR), ("pardon", Choice.UNCLEAR),
        ("what do you mean", Choice.UNCLEAR), ("no, uh", Choice.UNCLEAR),
        ("", None), ("not billing", None), ("the money one", None),
        ("there's water coming through my ceiling right now", None),
        ("both of my sinks are leaking", None), ("what you charged me", None),
        ("the second visit was as bad as the one before and i want my money", None),
    ],
)  # fmt: skip
def test_an_answer_to_this_or_that(text, expected):
    assert parse_choice(text, LABELS).choice is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("neither, i just want hours", Answer(NEITHER, "i just want hours")),
        ("no no, nothing like that, what's your address", Answer(NEITHER, "what's your address")),
        ("something else, do you have a showroom", Answer(NEITHER, "do you have a showroom")),
        ("no, it's the bill", Answer(FIRST)),
        (
            "no, i just want to know when you close",
            Answer(None, "i just want to know when you close"),
        ),
    ],
)
def test_what_follows_a_neither_is_read_anew(text, expected):
    assert parse_choice(text, LABELS) == expected


def test_words_of_a_description_and_of_the_question_tell():
    labels = ("Late results", "Wrong report")
    whens = ("a sheet is overdue", "a result carries the wrong name")
    asked = "Has it not come yet, or does something on it look odd?"
    assert parse_choice("the sheet, it's overdue", labels, whens).choice is FIRST
    assert parse_choice("the wrong name is on it", labels, whens).choice is SECOND
    assert parse_choice("overdue", labels, whens).choice is None  # one word may be chance
    assert parse_choice("looks odd", labels, whens, asked).choice is SECOND
    assert parse_choice("looks odd", labels, whens).choice is None
    assert parse_choice("the name it carries", labels, whens, by_label_alone=True).choice is None


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Is it one we worked on, or new damage you want priced?",
         ("Is it one we worked on", "new damage you want priced")),
        ("Sure. Do you want a copy, or is a charge on it wrong?",
         ("Do you want a copy", "a charge on it wrong")),
        ("Would you like to make, change or cancel one?",
         ("Would you like to make, change", "cancel one")),
        ("What happened?", None),
        ("Wait or leave. When did it break?", None),
    ],
)  # fmt: skip
def test_a_question_between_two_has_two_halves(question, expected):
    assert either_or(question) == expected


NAMES = st.sampled_from(
    ["Billing", "Emergency Service", "Warranty Claims", "Careers", "New Installation"]
)
AROUND = st.sampled_from(["", "uh ", "um the ", "it's about ", "i think ", "well, "])


@given(NAMES, NAMES, AROUND, st.sampled_from(["", " please", " i guess"]))
def test_a_label_names_its_rule_wherever_it_stands(first, second, before, after):
    assume(first != second)
    for text in (first, first.upper(), before + first.lower() + after):
        assert parse_choice(text, (first, second)).choice is FIRST
        assert parse_choice(text, (second, first)).choice is SECOND


@given(st.text(max_size=80), st.text(max_size=30), st.text(max_size=30), st.text(max_size=60))
def test_any_answer_is_read(text, first, second, question):
    choice, rest = parse_choice(text, (first, second), ("", ""), question)
    assert choice is None or choice in Choice
    assert not rest or rest in text.replace("’", "'")


@given(st.sampled_from(["yes", "yeah", "ok", "uh yes please", "sure", "right"]), NAMES, NAMES)
def test_a_yes_answers_nothing(text, first, second):
    assert is_unclear(text)
    assert parse_choice(text, (first, second)).choice is Choice.UNCLEAR


@pytest.mark.parametrize(
    "word",
    ["thank you ", "no, ", "uh no ", "not ", "what ", "the first ", "or ", "is this, ", "sorry. ",
     "i want ", "! ", "but ", "it's fine, ", "the work ", "nobody "],
)  # fmt: skip
def test_a_long_answer_takes_no_longer_than_its_length(word):
    long = word * (2000 // len(word))
    started = time.process_time()
    for text in (long, long + "xyz", "no, " + long + "xyz", "is this it? " + long):
        parse_choice(text, LABELS, ("a bill", "a flood"), "Is it a bill, or a flood?")
        either_or(text)
    assert time.process_time() - started < 2.0
