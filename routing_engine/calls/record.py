"""The state of a call, as a record that can move to another process."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from routing_engine.calls.handoff import MAX_NAME, Event
from routing_engine.calls.kept import KeptDecision
from routing_engine.calls.policy import CallPolicy
from routing_engine.calls.redaction import MAX_DETAILS
from routing_engine.errors import InvalidValueError
from routing_engine.model.caller import MAX_DETAIL_NAME, MAX_TEXT, Caller
from routing_engine.model.decisions import detail_key
from routing_engine.model.parties import line_of
from routing_engine.model.rules import ContextRule
from routing_engine.text.history import SPEAKERS
from routing_engine.text.lines import cut, one_line, same_name
from routing_engine.validation import invalid

__all__ = ["MAX_TURNS", "MAX_TURN_LENGTH", "CallRecord"]

MAX_TURNS = 200
"""Most events that a call keeps; the oldest are dropped first."""

MAX_TURN_LENGTH = 2000
"""Most characters of a turn that are kept."""


@dataclass(slots=True)
class CallRecord:
    """The state of a call. Changed in place: copying it at every turn would cost too much.

    Attributes:
        call_id: a name of its own.
        location_id: who was called.
        caller: who is on the line.
        opened_at: when the call began.
        catalog_version: version of the catalog when the call began, or was resumed.
        policy: of the call.
        events: what happened, in order.
        answers: whether the caller said yes to a transfer, by the label of the rule.
        tried: every number that was dialled, in order.
        rule: label of the rule that was decided about last.
        reason: why the caller calls, as the agent noted it.
        details: what the agent collected, by name.
        n_decisions: decisions so far; numbers their ids.
        told: turns of the caller that said something.
        asked: the labels between which the caller has just been asked to choose.
        has_asked: whether the caller was ever asked to choose.
        is_asked_again: whether the answer to that was none, so that another is waited for.
        chosen: label of the rule that the caller named last.
        ringing: label of the rule whose phones are being tried; None where it is the default.
        dialling: what is being dialled.
        impatience: signs of impatience so far.
        failed_verifications: attempts that failed.
        is_over: whether the caller has hung up.
        called: the line that was called, as lines are compared; None where nobody said.
        since: for each of ``tried``, the number of the decision that dialled it.
        agent: whether somebody talks with the caller who can ask; without, the first words decide.
        confirming: label of the rule whose transfer the caller has just been asked about.
        n_answers: how many of the caller's last turns only answered a question of yes or no.
        last: the last decision; set where the record is written.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    call_id: str
    location_id: str
    caller: Caller
    opened_at: datetime
    catalog_version: int
    policy: CallPolicy
    events: list[Event] = field(default_factory=list)
    answers: dict[str, bool] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)
    rule: str | None = None
    reason: str = ""
    details: dict[str, str] = field(default_factory=dict)
    n_decisions: int = 0
    told: int = 0
    asked: tuple[str, str] | None = None
    has_asked: bool = False
    is_asked_again: bool = False
    chosen: str | None = None
    ringing: str | None = None
    dialling: str | None = None
    impatience: int = 0
    failed_verifications: int = 0
    is_over: bool = False
    called: str | None = None
    since: list[int] = field(default_factory=list)
    agent: bool = True
    confirming: str | None = None
    n_answers: int = 0
    last: KeptDecision | None = None

    @classmethod
    def from_json(cls, text: str | bytes) -> CallRecord:
        """Read the record of a call.

        Raises:
            InvalidValueError: it is none; the values are not shown.
        """
        try:
            return _RECORD.validate_json(text)
        except ValidationError as error:
            raise invalid("record of a call", error, is_private=True) from None

    def to_json(self) -> str:
        """Return the record; it holds what was said."""
        return _RECORD.dump_json(self).decode()

    def attempt(self, named: str) -> str | None:
        """Return what was dialled in the attempt that a report names; None for none of this call.

        Args:
            named: the id of a decision of this call, or a destination.
        """
        if named in self.tried:
            return named
        call_id, _, serial = named.rpartition("-")
        if call_id == self.call_id and serial.isdecimal() and len(self.since) == len(self.tried):
            # A decision that goes on while it rings dials nobody anew.
            earlier = [i for i, first in enumerate(self.since) if first <= int(serial)]
            known = earlier and int(serial) <= self.n_decisions
            return self.tried[earlier[-1]] if known else None
        line = line_of(named)
        # Platforms name a number without its extension; the last one dialled is meant.
        latest = (number for number in reversed(self.tried) if line and line_of(number) == line)
        return next(latest, None)

    def add(self, event: Event) -> Event | None:
        """Add an event; return the one dropped to make room, if any."""
        self.events.append(event)
        return self.events.pop(0) if len(self.events) > MAX_TURNS else None

    def note(self, name: str | None, reason: str | None, details: dict[str, object]) -> None:
        """Keep what the agent found out; see :meth:`routing_engine.calls.call.Call.note`.

        Raises:
            InvalidValueError: neither text nor number, or a name without a letter or digit.
        """
        for text in (name, reason, *details.values()):
            if text is not None and not isinstance(text, (str, int, float)):
                raise InvalidValueError(
                    f"what is noted is a text or a number, not {type(text).__name__}"
                )
        named = {one_line(key, MAX_DETAIL_NAME): text for key, text in details.items()}
        if not all(map(same_name, named)):
            raise InvalidValueError(
                "the name of a detail must have a letter or digit, such as 'order number'"
            )
        if name is not None:
            self.caller = replace(self.caller, name=one_line(str(name), MAX_NAME))
        if reason is not None:
            self.reason = cut(one_line(str(reason), MAX_TURN_LENGTH), MAX_TURN_LENGTH)
        for key, text in named.items():
            if text is None:
                continue
            for old in [old for old in self.details if same_name(old) == same_name(key)]:
                del self.details[old]
            if told := cut(one_line(str(text), MAX_TURN_LENGTH), MAX_TEXT):
                self.details[key] = told
        self.details = dict(list(self.details.items())[-MAX_DETAILS:])

    def known_details(self) -> frozenset[str]:
        """Return the folded names of the collected details, name and reason included."""
        known = set(map(detail_key, self.details))
        if self.caller.name:
            known.add("name")
        if self.reason:
            known.add("reason")
        return frozenset(known)

    def details_for(self, rule: ContextRule | None) -> dict[str, str]:
        """Return the collected details: those the rule requires first, under the rule's names."""
        left = {detail_key(name): (name, text) for name, text in self.details.items()}
        asked = () if rule is None else rule.required_details
        first = {
            detail: left.pop(key)[1]
            for detail, key in ((detail, detail_key(detail)) for detail in asked)
            if key in left
        }
        return first | dict(left.values())

    def turns(self) -> list[tuple[str, str]]:
        """Return what was said, as (speaker, words)."""
        return [(event.kind, event.text) for event in self.events if event.kind in SPEAKERS]

    def verifications(self, now: datetime) -> list[Event]:
        """Return the verifications that hold at a moment; none after too many failed attempts."""
        if self.failed_verifications >= self.policy.max_verifications:
            return []
        verified = [event for event in self.events if event.kind == "verified"]
        if not verified:
            return verified
        since = now - timedelta(seconds=self.policy.verified_for_s)
        return [event for event in verified if since <= event.at <= now]

    def n_silences(self) -> int:
        """Return the number of silences in a row, up to now."""
        count = 0
        for event in reversed(self.events):
            if event.kind == "caller":
                break
            count += event.kind == "silence"
        return count


_RECORD = TypeAdapter(CallRecord)
