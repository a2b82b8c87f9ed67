"""The tool that a language-model agent calls when a caller may need a person.

The model says what the caller said, and why it asks; it is told what to do and what to say, and
where somebody is to be dialled, an opaque id. What the id stands for is resolved outside the
model's sight, and only to what that location's own table holds::

    skill = engine.skill("store-0042", call=call)
    tools = [skill.openai()]                        # or anthropic(), mcp()
    answer = skill(tool_call.arguments)             # back to the model, as JSON
    if answer.get("destination_id"):
        destination = skill.resolve(answer["destination_id"])  # to the telephony alone

A number in the caller's words, the model's reason or a rule's label is text and nothing else.

An id is letters: when it expires, and an HMAC-SHA256 (RFC 2104, its first 16 bytes) of that, the
location, the call, the destination and how the table leads there. Nothing about a number can be
read out of it, or tried out, without the secret; and it stands for nothing any more once the call
has gone on, the location has opened or closed, or the table has changed in what concerns that
destination. A call decides on a number once, so that its id and the number name the decision.
"""

from __future__ import annotations

import hmac
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from routing_engine.calls import tool_schema
from routing_engine.calls.call import Call
from routing_engine.calls.handoff import Event
from routing_engine.calls.phrases import say
from routing_engine.calls.tool_schema import (
    ACTION_OF,
    ACTIONS,
    MAX_NAME_LENGTH,
    TOOL_NAME,
    Asked,
    describe,
    error,
    names,
    plain_name,
    read_arguments,
)
from routing_engine.errors import InvalidValueError, UnknownLocationError
from routing_engine.hours import is_open, moment_of
from routing_engine.model.decisions import Decision, detail_key
from routing_engine.model.destinations import Destination, DialPolicies, policy_for
from routing_engine.model.outcomes import Outcome, Reason
from routing_engine.model.rules import Location
from routing_engine.text.answers import read_answer

__all__ = ["ACTIONS", "Skill"]

MIN_SECRET_BYTES = 16
MAX_LIFETIME_S = 3600.0

_NO_TRANSFERS = "nobody can be reached on this line now; go on yourself"

_PURPOSE = "routing-engine destination id, 1"
_ID_BYTES = 6 + 16
_ID = re.compile(rf"[a-p]{{{2 * _ID_BYTES}}}", re.ASCII)
_TO_LETTERS = str.maketrans("0123456789", "ghijklmnop")
_FROM_LETTERS = str.maketrans("ghijklmnop", "0123456789")

_STEPS = (
    "caller", "decided", "failed", "transferred", "verified", "not_verified", "confirmed",
    "declined",
)  # fmt: skip
"""Events that replace the decision before them."""


class Decider(Protocol):
    """What a skill needs of an engine."""

    @property
    def dial_policy(self) -> DialPolicies:
        """The policy on which destinations may be dialled."""
        ...

    def location(self, location_id: str) -> Location:
        """As :meth:`routing_engine.RoutingEngine.location`."""
        ...

    def route(
        self,
        location_id: str,
        utterance: str,
        *,
        confirmed: bool = False,
        now: datetime | None = None,
    ) -> Decision:
        """As :meth:`routing_engine.RoutingEngine.route`."""
        ...

    async def aroute(
        self,
        location_id: str,
        utterance: str,
        *,
        confirmed: bool = False,
        now: datetime | None = None,
    ) -> Decision:
        """As :meth:`routing_engine.RoutingEngine.aroute`."""
        ...


class Skill:
    """One location's tool for a language model. Made by ``engine.skill``.

    Without a call it is as thread-safe as the engine; with one, as the call.

    Args:
        engine: what decides.
        location_id: who was called.
        call: the conversation, whose gates and history count; None to route on words alone.
        secret: what ids are signed with; processes that share it resolve each other's.
        lifetime_s: seconds for which an id holds, above 0 and at most 3,600.

    Raises:
        UnknownLocationError: no such location.
        InvalidValueError: another location's call, a short secret, or no such lifetime.
    """

    name = TOOL_NAME

    def __init__(
        self,
        engine: Decider,
        location_id: str,
        *,
        call: Call | None = None,
        secret: bytes,
        lifetime_s: float = 120.0,
    ) -> None:
        location = engine.location(location_id)
        if call is not None and call.location_id != location_id:
            raise InvalidValueError(
                f"the call is one of {call.location_id!r}, not {location_id!r}; make the skill for "
                "the location of the call"
            )
        if not isinstance(secret, bytes) or len(secret) < MIN_SECRET_BYTES:
            raise InvalidValueError(
                f"a secret must have at least {MIN_SECRET_BYTES} bytes, such as os.urandom(32)"
            )
        if not isinstance(lifetime_s, (int, float)) or not 0.0 < lifetime_s <= MAX_LIFETIME_S:
            raise InvalidValueError(
                f"lifetime_s must be above 0 and at most {MAX_LIFETIME_S:,.0f}, not {lifetime_s!r}"
            )
        self.location_id = location_id
        self.description = describe(location)
        self._engine = engine
        self._call = call
        self._secret = secret
        self._lifetime_s = lifetime_s
        self._last: tuple[Event | None, str, Decision] | None = None

    @property
    def call(self) -> Call | None:
        """The conversation that the skill is for; None without one."""
        return self._call

    # ---------------------------------------------------------------- what the model is given

    @property
    def parameters(self) -> dict[str, Any]:
        """The JSON schema of the arguments, the same for every location."""
        return tool_schema.parameters()

    def openai(self) -> dict[str, Any]:
        """Return the tool as OpenAI's Responses and Realtime APIs take it, strict."""
        return tool_schema.openai_tool(self.description)

    def anthropic(self) -> dict[str, Any]:
        """Return the tool as Anthropic's Messages API takes it, strict."""
        return tool_schema.anthropic_tool(self.description)

    def mcp(self) -> dict[str, Any]:
        """Return the tool as an MCP server lists it (``tools/list``)."""
        return tool_schema.mcp_tool(self.description)

    # ---------------------------------------------------------------- what the model asks

    def __call__(
        self, arguments: object, *, final: bool = True, now: datetime | None = None
    ) -> dict[str, Any]:
        """Decide what to do with a caller, from the arguments that the model wrote.

        Args:
            arguments: what the model wrote, a dict or its JSON text: ``words`` and ``reason``, and
                where they were asked for, ``confirmed`` and ``details``. The words decide. A model
                that must give a reason asks less lightly; the reason decides nothing.
                ``confirmed`` counts only where the caller was asked, and words that say yes or no
                count before it; of ``details`` those that a rule asks for are kept.
            final: False for words that may still go on: the answer is provisional, as of
                ``call.hear(…, final=False)``, and nothing is kept.
            now: when; None for the present moment.

        Returns:
            JSON-able: ``action`` (one of :data:`ACTIONS`), ``say``, ``destination_id`` or None,
            ``rule`` or None, ``missing``; or ``error`` alone, which says what to do about it. Words
            that the call has just been answered for are not heard twice. A provisional answer has
            no ``destination_id``, and says whether it is ``stable``.

        Raises:
            InvalidValueError: ``now`` has no time zone, or there is no call that words could go on
                in. Never for what the model wrote.
        """
        moment = moment_of(now)
        asked = read_arguments(arguments)
        if isinstance(asked, dict):
            return asked
        if not final:
            call = self._call_to_go_on_in()
            return self._provisional(call.hear(asked.words, final=False, now=moment), moment)
        if self._call is not None:
            known = self._known(self._call, asked, moment)
            return (
                self.answer(self._hear(self._call, asked, moment), now=moment)
                if known is None
                else known
            )
        try:
            decision = self._engine.route(
                self.location_id, asked.words, confirmed=asked.confirmed is True, now=moment
            )
        except UnknownLocationError:
            return error(_NO_TRANSFERS)
        return self._without_call(decision, asked, moment)

    async def ahandle(
        self,
        arguments: object,
        *,
        words: str | None = None,
        final: bool = True,
        now: datetime | None = None,
    ) -> dict[str, Any]:
        """As calling the skill, without blocking the event loop.

        Args:
            arguments: what the model wrote.
            words: what the caller said since the last answer, where a transcript says so: it counts
                instead of the model's ``words``. Empty where nothing new was said: the last answer
                stands, with the ``details`` that the model adds.
            final: as for calling the skill.
            now: when; None for the present moment.
        """
        moment = moment_of(now)
        asked = read_arguments(arguments)
        if isinstance(asked, dict):
            return asked
        if words:
            asked = asked._replace(words=words)
        elif words is not None and self._call is not None and self._call.decision is not None:
            known = self._known(self._call, asked, moment)
            return self.answer(self._call.decision, now=moment) if known is None else known
        if not final:
            call = self._call_to_go_on_in()
            heard = await call.ahear(asked.words, final=False, now=moment)
            return self._provisional(heard, moment)
        if self._call is not None:
            known = self._known(self._call, asked, moment)
            if known is not None:
                return known
            return self.answer(await self._ahear(self._call, asked, moment), now=moment)
        try:
            decision = await self._engine.aroute(
                self.location_id, asked.words, confirmed=asked.confirmed is True, now=moment
            )
        except UnknownLocationError:
            return error(_NO_TRANSFERS)
        return self._without_call(decision, asked, moment)

    def _without_call(self, decision: Decision, asked: Asked, now: datetime) -> dict[str, Any]:
        """Answer by words alone, which hold the whole story."""
        if decision.outcome is Outcome.CONFIRM and asked.confirmed is False:
            decision = replace(
                decision, outcome=Outcome.CONTAIN, reason=Reason.DECLINED, question=None
            )
        answer = self.answer(decision, now=now)
        told = set(map(detail_key, asked.details))
        if told and "missing" in answer:
            left = [name for name in decision.missing if detail_key(name) not in told]
            answer["missing"] = names(left)
        return answer

    def answer(self, decision: Decision, *, now: datetime | None = None) -> dict[str, Any]:
        """Return what to tell the model about a decision that was made without it.

        After ``call.verified(...)``, ``call.confirmed()`` or ``call.transfer_failed(...)`` the
        agent goes on with what this gives.

        Args:
            decision: the last one of the call; without a call, one of ``engine.route``.
            now: when; None for the present moment.

        Returns:
            As calling the skill.

        Raises:
            InvalidValueError: a decision about another location, or not the call's last one.
        """
        moment = moment_of(now)
        if decision.location_id != self.location_id:
            raise InvalidValueError(
                f"the decision is about location {decision.location_id!r}, and this skill is for "
                f"{self.location_id!r}"
            )
        action = ACTION_OF[decision.outcome]
        destination_id = None
        if action == "transfer":
            destination = decision.destination
            if self._call is not None and _dialled(self._step()) != str(destination):
                raise InvalidValueError("not the last decision of the call; give that one")
            terms = None if destination is None else self._offered(moment).get(destination)
            if destination is None or terms is None:
                return error(_NO_TRANSFERS)
            expires_ms = _milliseconds(moment) + math.ceil(self._lifetime_s * 1000)
            raw = expires_ms.to_bytes(6) + self._tag(destination, terms, expires_ms)
            destination_id = raw.hex().translate(_TO_LETTERS)
        step = self._step()
        if self._call is not None and (self._last is None or step is not self._last[0]):
            self._last = step, self._said(), decision
        return self._told(decision, moment, destination_id)

    def _call_to_go_on_in(self) -> Call:
        if self._call is None:
            raise InvalidValueError("words that may still go on need a call; give the skill one")
        return self._call

    def _provisional(self, decision: Decision, now: datetime) -> dict[str, Any]:
        """Answer by a decision on words that may still go on: nobody is dialled yet."""
        if decision.reason is Reason.CALL_OVER:
            return error("the call is over")
        return {**self._told(decision, now, None), "stable": decision.stable}

    def _told(
        self, decision: Decision, now: datetime, destination_id: str | None
    ) -> dict[str, Any]:
        label = None if decision.rule is None else decision.rule.label
        rule = None if label is None else plain_name(label, MAX_NAME_LENGTH) or None
        return {
            "action": ACTION_OF[decision.outcome],
            "say": say(decision, rule, now),
            "destination_id": destination_id,
            "rule": rule,
            "missing": names(self._missing(decision)),
        }

    def _missing(self, decision: Decision) -> list[str]:
        """Return what is still to be asked for, as the call knows it by now."""
        left = decision.missing if self._call is None else self._call.missing
        return [name for name in decision.missing if name in left]

    # ---------------------------------------------------------------- what the telephony asks

    @property
    def decision(self) -> Decision | None:
        """The call's last answered decision, with its rule and ring time.

        A silence that is waited out leaves it as it is. None without a call, and before its first
        decision.
        """
        latest = self._latest()
        return None if latest is None else latest[2]

    def resolve(self, destination_id: object, *, now: datetime | None = None) -> Destination:
        """Return the destination of an id that this skill, or one with the same secret, gave.

        Not for a model's eyes. It may be asked again until the id expires.

        Args:
            destination_id: as the model handed it over.
            now: when; None for the present moment.

        Raises:
            InvalidValueError: forged, altered or expired; another location's or another call's;
                not what the call last decided; or the location has opened or closed since, or its
                table does not lead there any more, or not in the same way, or it may not be dialled.
        """
        moment = moment_of(now)
        refused = InvalidValueError("no destination id that may be dialled for this caller now")
        if not isinstance(destination_id, str) or not _ID.fullmatch(destination_id):
            raise refused
        raw = bytes.fromhex(destination_id.translate(_FROM_LETTERS))
        expires_ms, tag = int.from_bytes(raw[:6]), raw[6:]
        meant = None
        for destination, terms in self._offered(moment).items():
            is_it = hmac.compare_digest(tag, self._tag(destination, terms, expires_ms))
            if is_it:
                meant = destination
        if meant is None:
            raise refused
        if self._call is not None and _dialled(self._step()) != str(meant):
            raise refused
        if _milliseconds(moment) >= expires_ms:
            raise InvalidValueError("the destination id has expired; ask the skill again")
        return meant

    # ---------------------------------------------------------------- the call

    def _known(self, call: Call, asked: Asked, now: datetime) -> dict[str, Any] | None:
        """Answer what need not be decided; None where the call is to hear it."""
        if call.is_over:
            return error("the call is over")
        is_about_missing = self._note(call, asked.details)
        latest = self._latest()
        if latest is None:
            return None
        step, said, decision = latest
        is_last = _dialled(step) is not None and step is self._step()
        # Models repeat a call of a tool. Heard anew, the number that is being dialled would
        # count as tried, and the next in line would be dialled beside it.
        if is_last and (said == asked.words or is_about_missing):
            return self.answer(decision, now=now)
        return None

    def _latest(self) -> tuple[Event | None, str, Decision] | None:
        """Return what the call goes by: also what another process decided, before a resume."""
        call = self._call
        if self._last is not None or call is None or call.decision is None:
            return self._last
        return self._step(), self._said(), call.decision

    def _note(self, call: Call, details: Mapping[str, str]) -> bool:
        """Keep details that a rule of the location asks for; whether one was missing."""
        if not details:
            return False
        try:
            rules = self._engine.location(self.location_id).rules
        except UnknownLocationError:
            return False
        asked_for = {detail_key(name) for rule in rules for name in rule.required_details}
        missing = set(map(detail_key, call.missing))
        told = {name: text for name, text in details.items() if detail_key(name) in asked_for}
        if told:
            special = {name: told.pop(name) for name in list(told) if name in ("name", "reason")}
            call.note(name=special.get("name"), reason=special.get("reason"), **told)
        return bool(missing & set(map(detail_key, details)))

    def _hear(self, call: Call, asked: Asked, now: datetime) -> Decision:
        if _is_answer(call, asked):
            return (call.confirmed if asked.confirmed else call.declined)(
                words=asked.words, now=now
            )
        return call.hear(asked.words, now=now)

    async def _ahear(self, call: Call, asked: Asked, now: datetime) -> Decision:
        if _is_answer(call, asked):
            answered = call.aconfirmed if asked.confirmed else call.adeclined
            return await answered(words=asked.words, now=now)
        return await call.ahear(asked.words, now=now)

    def _said(self) -> str:
        """Return the caller's last words."""
        turns = () if self._call is None else self._call.turns
        return next((text for speaker, text in reversed(turns) if speaker == "caller"), "")

    def _step(self) -> Event | None:
        """Return the call's last event that affects what is dialled; None without a call."""
        if self._call is None:
            return None
        timeline = self._call.timeline
        return next((event for event in reversed(timeline) if event.kind in _STEPS), None)

    # ---------------------------------------------------------------- ids

    def _offered(self, now: datetime) -> dict[Destination, list[str]]:
        """Return the location's destinations that may be dialled now, with what leads there."""
        try:
            location = self._engine.location(self.location_id)
        except UnknownLocationError:
            return {}
        hours = location.business_hours
        opened = "open" if hours is None or is_open(hours, now) else "closed"
        policy = policy_for(self._engine.dial_policy, self.location_id)
        offered: dict[Destination, list[str]] = {}
        for destination, terms in _ways(location):
            if policy.refusal(destination) is None:
                offered.setdefault(destination, [opened]).append(terms)
        return offered

    def _tag(self, destination: Destination, terms: list[str], expires_ms: int) -> bytes:
        call_id = None if self._call is None else self._call.call_id
        signed = [_PURPOSE, self.location_id, call_id, str(destination), terms, expires_ms]
        return hmac.digest(self._secret, json.dumps(signed).encode(), "sha256")[:16]

    def __repr__(self) -> str:
        return f"<Skill {self.name} of {self.location_id}>"


def _is_answer(call: Call, asked: Asked) -> bool:
    """Whether the model says what the caller answered, in words that the call does not understand.

    Words that say yes or no count themselves, whatever the model makes of them; and without a
    question, the model's yes is none.
    """
    has_asked = call.is_confirming and asked.confirmed is not None
    return has_asked and read_answer(asked.words) is None


def _dialled(step: Event | None) -> str | None:
    """Return what has been dialled since an event of a call."""
    return None if step is None or step.kind != "decided" else step.number


def _ways(location: Location) -> Iterator[tuple[Destination, str]]:
    """Yield every destination of a location, with a text saying what leads there."""
    yield location.default_destination, "default"
    if location.after_hours is not None:
        yield location.after_hours, "after hours"
    for rule in location.rules:
        if rule.enabled and rule.action == "transfer":
            terms = [
                *(rule.label, rule.hours, rule.requires_verification, rule.verification_methods),
                rule.requires_confirmation,
            ]
            for destination in rule.chain:
                yield destination, json.dumps(terms)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
