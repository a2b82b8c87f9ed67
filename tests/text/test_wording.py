"""A manager's description, in other words."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from routing_engine.encoders.background import described_rules
from routing_engine.text.paraphrases import first_person, gist, spoken, stripped
from tests.support.strategies import sentences, texts

SUBJECTS = ("caller", "the caller", "customer", "a patient", "someone", "they", "Caller", "")
VERBS = ("wants", "asks about", "is asking for", "needs", "reports", "questions", "is", "who has")
THINGS = ("their bill", "a leak", "our hours", "to pay", "us", "the customer's card", "x", ".", "")

anything = st.one_of(st.text(), texts, sentences)
descriptions = st.tuples(*map(st.sampled_from, (SUBJECTS, VERBS, THINGS, THINGS))).map(" ".join)
whens = st.one_of(descriptions, anything)


def visible(text):
    return any(map(str.isalnum, text))


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("caller wants to pay a bill", "pay a bill"),
        ("caller wants to speak to billing about their invoice", "billing about their invoice"),
        ("The customer is asking about an invoice.", "an invoice"),
        ("Caller asks whether we are open", "we are open"),
        ("customer reports a gas leak", "a gas leak"),
        ("if the caller needs help with a password", "a password"),
        ("someone who is complaining about noise", "noise"),
        ("people who want a refund", "a refund"),
        ("questions about hours", "hours"),
        ("anything to do with parking", "parking"),
        ("calls regarding a delivery", "a delivery"),
        ("inquiries about permits", "permits"),
        ("caller is having chest pain", "having chest pain"),
        ("their water heater leaks", "their water heater leaks"),
        ("caller's card was declined", "caller's card was declined"),
        ("burst pipe", "burst pipe"),
        ("  burst pipe.  ", "burst pipe"),
        ("BILLING", "BILLING"),
        ("callerid spoofing", "callerid spoofing"),
        ("requestsome", "requestsome"),
        ("caller wants to", "caller wants to"),
        ("caller wants it", "caller wants it"),
        ("caller", "caller"),
        ("水漏れ", "水漏れ"),
    ],
)
def test_stripped_leaves_out_the_carrier_phrase(when, expected):
    assert stripped(when) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("their card", "my card"),
        ("the caller's own account", "my own account"),
        ("customer's order", "my order"),
        ("a card that is theirs", "a card that is mine"),
        ("their own fault", "my own fault"),
        ("hurt themself or themselves", "hurt myself or myself"),
        ("they are late and they're sorry", "i am late and i am sorry"),
        ("they've been charged", "i've been charged"),
        ("they owe, says a letter to them", "i owe, says a letter to me"),
        ("The caller owes the client", "i owes i"),
        ("whether our shop, or we, called", "whether your shop, or you, called"),
        ("wants us to call", "wants you to call"),
        ("THEIR Card", "my Card"),
        ("the other theme was busy", "the other theme was busy"),
        ("the user guide", "the user guide"),
        ("power, hours, buses", "power, hours, buses"),
        ("", ""),
    ],
)
def test_first_person_takes_the_callers_point_of_view(text, expected):
    assert first_person(text) == expected


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("caller wants a quote", "i want a quote"),
        ("The customer needs to move their appointment.", "i need to move my appointment"),
        ("caller is locked out", "i am locked out"),
        ("caller has a leak", "i have a leak"),
        ("patient noticed a rash", "i noticed a rash"),
        ("caller doesn't understand their bill", "i don't understand my bill"),
        ("caller disputes a charge", "i dispute a charge"),
        ("they would like us to call them", "i would like you to call me"),
        ("Wants a refund", "i want a refund"),
        ("questions about our hours", "i have a question about your hours"),
        ("caller questions regarding a fee", "i have a question regarding a fee"),
        ("caller questions a fee", "a fee"),
        ("caller asks about their invoice", "my invoice"),
        ("burst pipe", "burst pipe"),
        ("caller wants", "i wants"),
        ("caller", "i"),
    ],
)
def test_spoken_is_a_sentence_of_the_caller(when, expected):
    assert spoken(when) == expected


@given(whens)
def test_stripped_is_an_end_of_what_was_written(when):
    assert when.strip().rstrip(".").endswith(stripped(when))


@given(whens)
def test_what_holds_a_letter_or_digit_is_never_left_without_text(when):
    if visible(when):
        for worded in (stripped(when), first_person(when), spoken(when)):
            assert worded.strip()


@pytest.mark.parametrize("when", ["...", "…", "?", "!?", ". . ."])
def test_what_holds_only_marks_is_never_left_without_text_either(when):
    for worded in (stripped(when), first_person(when), spoken(when)):
        assert worded.strip()


@given(whens)
def test_first_person_said_again_is_the_same(when):
    once = first_person(when)
    assert first_person(once) == once


@given(whens)
def test_surrounding_space_and_a_full_stop_say_nothing(when):
    plain = re.sub(r"[\s.]+$", "", when).strip()
    assume(plain)
    for worded in (stripped, spoken):
        assert worded(f" {plain}. ") == worded(plain) or not plain


@given(whens)
def test_they_depend_on_the_text_alone(when):
    for worded in (stripped, first_person, spoken):
        assert worded(when) == worded(when)


def test_long_texts_take_no_longer_than_their_length():
    for when in ("caller " * 20_000, "the caller's " * 10_000, "to " * 40_000, " " * 100_000):
        for worded in (stripped, first_person, spoken):
            assert isinstance(worded(when), str)


def test_the_shipped_descriptions_all_keep_something_to_say():
    for label, when in described_rules():
        assert label
        assert visible(stripped(when))
        assert visible(spoken(when))
        assert not stripped(when).casefold().startswith(("caller ", "customer ", "the caller "))


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("caller asks about an invoice, charge, or refund", "an invoice or charge"),
        ("Caller has questions about their bill.", "your bill"),
        ("caller wants a quote for a new furnace or boiler", "a quote for a new furnace or boiler"),
        ("caller wants a job with us or is following up on an application", "a job with us"),
        ("asks about the caller's visit; only during the week", "your visit"),
        ("caller wants to cancel", ""),
        ("an emergency that cannot wait", ""),
        ("asks about how to pay", ""),
        ("asks about " + "x" * 60, ""),
        ("", ""),
    ],
)
def test_a_question_names_what_the_caller_would_recognise(when, expected):
    assert gist(when) == expected
