"""Which rules denied words name, and what is left without them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import ContextRule
from routing_engine.matching.denied import named_by, without_denied

RULES = tuple(
    ContextRule(label=label, when=when, destination=f"+1415555010{i}")
    for i, (label, when) in enumerate(
        (
            ("Billing", "caller asks about an invoice, charge, or refund"),
            ("Cancel Membership", "caller wants to leave the membership"),
            ("Maintenance Plan", "caller asks what the membership covers"),
        )
    )
)


@pytest.mark.parametrize(
    ("denied", "asked", "expected"),
    [
        ("not the bill", "", [0]),
        ("i'm not cancelling", "i'd like to join", [1]),
        ("not a refund", "i want to cancel", [0]),
        ("i don't want the membership", "", [1]),
        ("not the bill", "the bill from may", []),
        ("not that", "this", []),
        ("", "", []),
    ],
)
def test_denied_words_name_a_rule(denied, asked, expected):
    assert named_by(denied, asked, RULES) == expected


def test_others_get_what_the_denied_rule_had():
    found = without_denied([0.6, 0.2, 0.1], RULES, [0, 1, 2], "not billing", "")
    assert found == pytest.approx([0.0, 0.5, 0.25])


def test_a_rule_of_the_same_destination_gains_nothing():
    found = without_denied([0.6, 0.2, 0.1], RULES, [0, 0, 1], "not billing", "")
    assert found == pytest.approx([0.0, 0.2, 0.25])


@given(
    st.lists(st.floats(0.0, 0.3), min_size=3, max_size=3),
    st.sampled_from(["not billing", "i won't cancel", "nothing", "no membership, no bill"]),
)
def test_confidences_stay_shares_of_one_whole(confidences, denied):
    found = without_denied(confidences, RULES, [0, 1, 2], denied, "")
    assert all(0.0 <= confidence <= 1.0 for confidence in found)
    assert sum(found) <= 1.0 + 1e-9
    assert all(new >= old or new == 0.0 for new, old in zip(found, confidences, strict=True))
