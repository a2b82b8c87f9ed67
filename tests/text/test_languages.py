"""Names of languages, on rules and in what callers say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import InvalidValueError, RuleText
from routing_engine.text.languages import LANGUAGES, language_code, named_languages
from tests.support.strategies import a_location, a_rule

codes = st.sampled_from(sorted(LANGUAGES))


def a_text(*languages):
    return RuleText(label="Speakers", when="caller prefers it", languages=languages)


@given(codes)
def test_a_code_a_tag_and_a_name_mean_the_same_language(code):
    for given_as in (code, f" {code.upper()} ", f"{code}-XY", f"{code}_Latn_XY", LANGUAGES[code]):
        assert language_code(given_as) == code


@pytest.mark.parametrize(
    ("given_as", "code"),
    [("es-419", "es"), ("zh-Hans-CN", "zh"), ("Mandarin", "zh"), ("fil", "tl"), ("Farsi", "fa")],
)
def test_other_names_and_tags_are_understood(given_as, code):
    assert language_code(given_as) == code


@pytest.mark.parametrize("wrong", ["", "e", "xx", "es-", "Spanglish", "esp", "español", "-es"])
def test_what_is_no_language_is_refused(wrong):
    with pytest.raises(InvalidValueError, match="ISO 639-1 code or English name") as caught:
        a_text("fr", wrong)
    assert [problem.path for problem in caught.value.problems] == ["languages.1"]
    assert repr(wrong) in str(caught.value)


@pytest.mark.parametrize("english", ["en", "EN", "en-US", "English"])
def test_english_is_refused_and_the_message_says_why(english):
    with pytest.raises(InvalidValueError, match="English is matched by its words"):
        a_text(english)


def test_a_single_string_is_not_taken_for_languages():
    with pytest.raises(InvalidValueError, match="languages: Input should be a valid tuple"):
        RuleText(label="Spanish", when="caller prefers Spanish", languages="es")


@given(st.lists(codes, max_size=5))
def test_languages_of_a_rule_are_in_order_and_each_there_once(given_languages):
    assert a_text(*given_languages).languages == tuple(sorted(set(given_languages)))


def test_rules_that_differ_in_their_languages_are_different_and_may_ring_different_phones():
    rules = (
        a_rule("Billing", "+14155550111"),
        a_rule("Billing", "+14155550112", languages=("es",)),
        a_rule("Billing", "+14155550113", languages=("es", "pt")),
    )
    assert a_location("a", *rules).rules == rules
    assert len({rule.text for rule in rules}) == 3


def test_rules_for_the_same_speakers_may_not():
    with pytest.raises(InvalidValueError, match="same 'when' as rule 0"):
        a_location(
            "a",
            a_rule("Billing", "+14155550111", languages=("es",)),
            a_rule("Billing", "+14155550112", languages=("ES",)),
        )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("do you have anyone who speaks Spanish", {"es"}),
        ("Spanish or Portuguese, please", {"es", "pt"}),
        ("I'd rather talk in español", {"es"}),
        ("could I get an interpreter", None),
        ("my English isn't good", None),
        ("I speak no English, only French", {"fr"}),
        ("my name is Jose Garcia", set()),
        ("it is no use, so hi", set()),
        ("", set()),
    ],
)
def test_languages_that_an_english_sentence_names(text, named):
    assert named_languages(text) == named
