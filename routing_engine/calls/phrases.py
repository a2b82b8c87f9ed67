"""The sentences that an agent says to a caller about a decision."""

from __future__ import annotations

from datetime import datetime

from routing_engine.calls.tool_schema import plain_name
from routing_engine.model.decisions import Decision
from routing_engine.model.outcomes import Outcome, Reason

__all__ = ["say", "spoken_time"]

MAX_QUESTION_LENGTH = 220
"""Most characters of a question to the caller."""

_NOBODY = "I am sorry, nobody could take the call just now."
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)


def say(decision: Decision, rule: str | None, now: datetime) -> str:
    """Return the sentence for the caller.

    Args:
        decision: that was made about them.
        rule: label of its rule, as it may be said; None where there is none.
        now: the present moment, for the time at which the location opens.
    """
    outcome, opening = decision.outcome, decision.next_opening
    if outcome.dials and decision.destination is None:
        return _NOBODY
    who = "somebody who can help" if rule is None else rule
    if outcome is Outcome.TRANSFER:
        return f"I am connecting you with {who}."
    if outcome is Outcome.DEFAULT:
        if opening is not None:
            return "We are closed just now. I am connecting you with our after-hours line."
        return "I am connecting you with somebody who can help."
    if outcome is Outcome.CLARIFY:
        question = plain_name(decision.question or "", MAX_QUESTION_LENGTH, marks=",")
        return f"{question or 'What is this about'}?"
    if outcome is Outcome.VERIFY:
        return f"Before I connect you with {who}, I need to verify who you are."
    if outcome is Outcome.CONFIRM:
        return f"Shall I connect you with {who}?"
    if outcome is Outcome.CLOSED:
        again = "" if opening is None else f" We open again {spoken_time(opening, now)}."
        return f"We are closed just now.{again}"
    if decision.reason in (Reason.NOBODY_ANSWERED, Reason.DESTINATION_REFUSED):
        return _NOBODY
    if decision.reason is Reason.DECLINED:
        return "All right, I will not transfer you."
    if decision.reason is Reason.ROUTINE:
        return "I can help you with that myself."
    return "Could you tell me a little more about what you need?"


def spoken_time(opening: datetime, now: datetime) -> str:
    """Return a moment as it is said to somebody who hears it now, on the clock of the location."""
    days = (opening.date() - now.astimezone(opening.tzinfo).date()).days
    hour, minute = opening.hour, opening.minute
    if minute == 0 and hour % 12 == 0:
        clock = "noon" if hour else "midnight"
    else:
        minutes = f":{minute:02}" if minute else ""
        clock = f"{(hour - 1) % 12 + 1}{minutes} {'AM' if hour < 12 else 'PM'}"
    if days <= 1:
        return f"{'tomorrow' if days == 1 else 'today'} at {clock}"
    day = f"on {_DAYS[opening.weekday()]}"
    if days >= 7:
        day += f", {_MONTHS[opening.month - 1]} {opening.day},"
    return f"{day} at {clock}"
