"""Compare decisions apart from their ids."""

from __future__ import annotations


def without_id(decision):
    """Return the decision as JSON-able values without its id, which is unique."""
    told = decision.to_dict()
    assert told.pop("decision_id")
    return told
