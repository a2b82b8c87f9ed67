"""What callers say to a question of yes or no."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine.text.answers import read_answer

YES = (
    *("yes", "Yes.", "yes please", "yeah, sure", "yep", "uh-huh", "okay", "sure, go ahead"),
    *("please do", "please", "yes, that's right", "that would be great, yes", "absolutely"),
    *("no problem, go ahead", "of course", "why not", "yes, put me through", "ok do that please"),
    *("yes, transfer me please", "I don't mind, go ahead", "Yes, thank you very much", "do it"),
    *("sure thing yes".replace(" thing", ""), "yes connect me", "correct", "go ahead"),
)
NO = (
    *("no", "No.", "no thanks", "no, don't", "no thank you", "nope", "nah", "please don't"),
    *("don't", "do not", "no, not now", "not now", "I'd rather not", "never mind", "not yet"),
    *("no, don't transfer me", "absolutely not", "no need, thanks", "uh, no", "definitely not"),
    *("I'm good, thanks", "no please don't", "stop", "no, forget it", "that won't be necessary"),
)
NEITHER = (
    *("", "hello?", "yes but how long does it take", "what do you mean", "my invoice is wrong"),
    *("yes, and I was charged twice", "no, I mean the other invoice", "yes no", "no, yes", "maybe"),
    *("who is that", "I don't know", "not sure", "billing", "can I talk to a manager", "well"),
    *("yes " * 60, "nein", "is it", "yes I would not", "thanks"),
)


@pytest.mark.parametrize("text", YES)
def test_yes(text):
    assert read_answer(text) is True


@pytest.mark.parametrize("text", NO)
def test_no(text):
    assert read_answer(text) is False


@pytest.mark.parametrize("text", NEITHER)
def test_neither(text):
    assert read_answer(text) is None


@given(st.text(max_size=60))
def test_any_text_is_read(text):
    assert read_answer(text) in (True, False, None)


@given(st.sampled_from(YES + NO), st.sampled_from(("the invoice", "1234", "tomorrow", "why")))
def test_whatever_says_more_is_no_answer(answer, more):
    assert read_answer(f"{answer} {more}") is None
