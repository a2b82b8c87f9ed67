"""Decisions, to be compared by what they say."""

from __future__ import annotations


def without_id(decision):
    """The decision as JSON-able values, but for its id, of which no two have the same."""
    told = decision.to_dict()
    assert told.pop("decision_id")
    return told
