"""Backtests on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, Strict, model_validator

from routing_engine.model.outcomes import Outcome
from routing_engine.server.wire.calls import Words
from routing_engine.server.wire.common import WHOLE, Name, Wire

__all__ = ["Backtest", "BacktestReport"]

MAX_CALLS = 5000
"""Most calls of one backtest: about ten seconds of one core."""


class PastCall(Wire):
    """A past call: the words, and in ``expect`` the label of the right rule, null for none."""

    utterance: Words
    expect: Name | None = None

    @property
    def is_labelled(self) -> bool:
        """Whether the call says which rule was right."""
        return "expect" in self.model_fields_set


class Backtest(Wire):
    """The calls to compare: given ones, or the last stored ones.

    Attributes:
        last: so many of the agent's last calls whose words are kept; the key then needs the scope
            ``calls:read`` too.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "calls": [
                        {"utterance": "I was charged twice", "expect": "Billing"},
                        {"utterance": "do you do gift cards"},
                    ]
                },
            ]
        }
    )

    calls: Annotated[list[PastCall], Field(min_length=1, max_length=MAX_CALLS)] | None = None
    last: Annotated[int, Strict(), Field(ge=1, le=MAX_CALLS), WHOLE] | None = None

    @model_validator(mode="after")
    def _names_calls(self) -> Backtest:
        if (self.calls is None) == (self.last is None):
            raise ValueError("give calls, or last: how many of the kept ones")
        return self


class RoutedTo(Wire):
    """Where a call goes.

    Attributes:
        destination: what is dialled, or would be once the caller is verified or has confirmed.
    """

    outcome: Outcome | None
    rule: str | None
    destination: str | None


class MovedCall(Wire):
    """Calls with the same words that would go elsewhere."""

    utterance: str
    n: int
    before: RoutedTo
    after: RoutedTo
    expect: str | None
    change: Literal["gained", "lost"] | None


class Move(Wire):
    """Calls that change from one destination to another.

    Attributes:
        before, after: in words: the label of a rule, or what else happens.
        is_renumbered: the same rule leads to another number.
        calls: the most frequent ones, at most 50.
    """

    before: str
    after: str
    is_renumbered: bool
    n: int
    gained: int
    lost: int
    calls: list[MovedCall]


class BacktestReport(Wire):
    """The comparison of the draft with the published version on calls.

    Attributes:
        n_moved: calls that would go elsewhere.
        n_labelled: calls of which it is known which rule is right.
        moves: from where to where, the most frequent first.
    """

    n: int
    n_distinct: int
    n_moved: int
    n_labelled: int
    right_before: int
    right_after: int
    gained: int
    lost: int
    moves: list[Move]
