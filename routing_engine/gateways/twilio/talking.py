"""A call on Twilio: what is done at each webhook, and the TwiML that answers it.

A webhook names the step of the call that it belongs to. At the present step it changes the call; one
that is repeated, or late, changes nothing. Either way the answer is made of what the call is then, so
that Twilio may ask twice, and ask another process.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from routing_engine.calls.phrases import say
from routing_engine.calls.tool_schema import MAX_NAME_LENGTH, plain_name
from routing_engine.errors import InvalidValueError, UnknownLocationError
from routing_engine.gateways.twilio.signing import Step, Urls
from routing_engine.integrations import twilio
from routing_engine.model.decisions import Decision
from routing_engine.model.destinations import Destination
from routing_engine.model.outcomes import Outcome, Reason

if TYPE_CHECKING:
    from routing_engine.calls.call import Call
    from routing_engine.model.rules import Location

__all__ = ["ENDED", "Reply", "Talk", "Texts", "Verify"]

ENDED = frozenset(("completed", "busy", "failed", "no-answer", "canceled"))
"""Values of ``CallStatus`` of a caller who has gone."""

CONNECT = "<Response />"
"""Ends what the person who picked up hears: Twilio connects both."""

ACCEPT, DECLINE = "1", "2"
YES, NO = "1", "2"

_logger = logging.getLogger(__name__)

_T = TypeVar("_T")

Reply = Callable[["Call", Decision], "str | Awaitable[str | None] | None"]
"""What to say about a decision: the agent's own answer where it stays with the agent. None or an
empty text for the sentence that the library has. It may be a coroutine function."""

Verify = Callable[["Call", str], "str | Awaitable[str | None] | None"]
"""Whether the digits that a caller keyed in verify them: the method, as rules name it, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Sentences that no decision has.

    Attributes:
        greeting: said first.
        detail: asks for a missing detail, which stands for ``{detail}``.
        code: asks for the digits that :data:`Verify` judges.
        accept: tells the person who picks up about the keys.
        goodbye: said before hanging up on a caller who says nothing any more.
        unknown_line: said on a line that is no location's.
    """

    greeting: str = "Hello. How can I help you?"
    detail: str = "May I have your {detail}?"
    code: str = "Please key in your code, and then the pound key."
    accept: str = "Press 1 to accept the call, or 2 to decline it."
    goodbye: str = "Goodbye."
    unknown_line: str = "This number is not in service."


class Talk:
    """What a router does with a call.

    Args:
        location: finds a location by its id.
        urls: makes URLs.
        texts: what is said beside decisions.
        language: of what is said and heard, BCP 47.
        reply, verify: as for the router; None for none.
        screen: whether the person who picks up has to press a key first.
        deadline_s: seconds after which the default is the better answer; None to wait.
    """

    def __init__(
        self,
        location: Callable[[str], Location],
        urls: Urls,
        *,
        texts: Texts,
        language: str,
        reply: Reply | None,
        verify: Verify | None,
        screen: bool,
        deadline_s: float | None,
    ) -> None:
        self._location = location
        self._urls = urls
        self._texts = texts
        self._language = language
        self._reply = reply
        self._verify = verify
        self._screen = screen
        self._deadline_s = deadline_s
        self.over = twilio.hang_up()
        self.unknown_line = twilio.hang_up(texts.unknown_line, language=language)

    # ---------------------------------------------------------------- the caller

    async def heard(self, call: Call, step: Step, form: Mapping[str, str]) -> str:
        """Answer what the caller said, or keyed in, after a question."""
        if call.is_over or step.n != call.n_decisions:
            return self.present(call, step.call_sid)
        words, digits = form.get("SpeechResult", "").strip(), form.get("Digits", "")
        if call.is_confirming and not words and digits in (YES, NO):
            answered = call.aconfirmed if digits == YES else call.adeclined
            return await self._settled(call, await answered(), step.call_sid)
        if words:
            decision = await call.ahear(words, deadline_s=self._deadline_s)
            return await self._settled(call, decision, step.call_sid)
        last = call.decision
        if last is not None and _is_in_vain(last):
            return twilio.hang_up(self._texts.goodbye, language=self._language)
        decision = call.no_response()
        if not decision.outcome.dials and decision.outcome is not Outcome.CLOSED:
            return self.present(call, step.call_sid)  # the question again
        return await self._settled(call, decision, step.call_sid)

    def told(self, call: Call, step: Step, form: Mapping[str, str]) -> str:
        """Keep a detail that was asked for, and ask for the next, or dial."""
        decision = call.decision
        if call.is_over or step.n != call.n_decisions or decision is None:
            return self.present(call, step.call_sid)
        asked = _asked(decision)
        if step.detail < len(asked):
            name = asked[step.detail]
            text = form.get("SpeechResult", "").strip() or form.get("Digits", "")
            if text and name in call.missing:
                _note(call, name, text)
        return self.present(call, step.call_sid, step.detail + 1)

    async def keyed(self, call: Call, step: Step, form: Mapping[str, str]) -> str:
        """Verify the caller by the digits that they keyed in."""
        is_late = call.is_over or step.n != call.n_decisions
        if is_late or self._verify is None or not _verifies(call):
            return self.present(call, step.call_sid)
        try:
            method = await _awaited(self._verify(call, form.get("Digits", "")))
        except Exception as error:  # noqa: BLE001  whatever it does, the caller is on the line
            _logger.warning("verify failed: %s", type(error).__name__)
            method = None
        if method:
            decision = await call.averified(method=method)
        else:
            decision = await call.anot_verified(method="code")
        return await self._settled(call, decision, step.call_sid)

    async def dialled(self, call: Call, step: Step, form: Mapping[str, str]) -> str:
        """Go on after a ``<Dial>``: to nobody after an answer, else to the next in line."""
        if call.is_over or step.n != call.n_decisions:
            return self.present(call, step.call_sid)
        attempt = f"{call.call_id}-{step.n}"
        status = form.get("DialCallStatus", "")
        is_bridged = form.get("DialBridged") == "true"
        if is_bridged or (status in ("completed", "answered") and not self._screen):
            call.transferred(attempt=attempt)
            return self.over
        if form.get("CallStatus", "") in ENDED:
            hung_up(call)
            return self.over
        if status in ("completed", "answered"):
            status = "no-answer"  # a machine, or somebody who pressed nothing
        try:
            decision = call.transfer_failed(status, attempt=attempt)
        except InvalidValueError:  # a word that Twilio did not have before
            decision = call.transfer_failed("unreachable", attempt=attempt)
        if decision.is_ignored:
            decision = call.transfer_failed("unreachable", attempt=attempt)
        return await self._settled(call, decision, step.call_sid)

    # ---------------------------------------------------------------- the person who picks up

    async def whisper(self, call: Call, step: Step) -> str:
        """Tell the person who picks up who calls and why."""
        decision = call.decision
        if call.is_over or step.n != call.n_decisions or decision is None:
            return self.over
        handoff = call.handoff(decision)
        accept_url = self._urls.made("pressed", step) if self._screen else None
        return twilio.whisper(
            handoff.caller, handoff.context, accept_url=accept_url, prompt=self._texts.accept,
            language=self._language,
        )  # fmt: skip

    async def pressed(self, call: Call, step: Step, form: Mapping[str, str]) -> str:
        """Connect the person who picked up, or pass the caller on to the next in line."""
        attempt, digits = f"{call.call_id}-{step.n}", form.get("Digits", "")
        if call.is_transferred and call.n_decisions == step.n + 1 and digits == ACCEPT:
            return CONNECT  # asked twice
        if call.is_over or step.n != call.n_decisions:
            return self.over
        if digits == ACCEPT:
            call.transferred(attempt=attempt)
            return CONNECT
        if digits == DECLINE:
            # Twilio then reports the end of the <Dial>, which is answered by the next in line.
            decision = call.transfer_failed("declined", attempt=attempt)
            await self._settled(call, decision, step.call_sid)
            return self.over
        return await self.whisper(call, step)

    # ---------------------------------------------------------------- answers

    async def _settled(self, call: Call, decision: Decision, call_sid: str) -> str:
        """Say what a decision needs said, and return what is to be done now."""
        if self._verify is None:
            while decision.outcome is Outcome.VERIFY:
                # Nobody can verify: as often as the policy allows, so that the default takes over.
                decision = await call.anot_verified(method="code")
        words = await self._words(call, decision)
        while True:
            latest = call.decision
            if words and not call.is_over:
                call.agent_said(words)
            try:
                return self.present(call, call_sid)
            except InvalidValueError:
                if latest is None or not latest.outcome.dials:
                    raise
            # What cannot be put into TwiML cannot be reached by it.
            words = await self._words(call, call.transfer_failed("unreachable"))

    async def _words(self, call: Call, decision: Decision) -> str:
        if self._reply is not None:
            try:
                own = await _awaited(self._reply(call, decision))
            except Exception as error:  # noqa: BLE001  whatever it does, the caller is on the line
                _logger.warning("reply failed: %s", type(error).__name__)
                own = None
                if decision.outcome is Outcome.CONTAIN:
                    decision = call.agent_failed()
            if own:
                return own
        label = None if decision.rule is None else decision.rule.label
        rule = None if label is None else plain_name(label, MAX_NAME_LENGTH) or None
        return say(decision, rule, datetime.now(UTC))

    def present(self, call: Call, call_sid: str, detail: int = 0) -> str:
        """Return what is to be done, as the call stands; it changes nothing.

        Args:
            call: the call.
            call_sid: by which it is kept.
            detail: the first of the rule's details that may be asked for.

        Raises:
            InvalidValueError: the destination cannot be put into TwiML.
        """
        decision = call.decision
        if call.is_over:
            return self.over
        n = call.n_decisions
        if decision is None:
            return self._ask(self._texts.greeting, "heard", Step(call_sid, n))
        said = _last_said(call)
        if not decision.outcome.dials or decision.destination is None:
            if decision.outcome is Outcome.VERIFY:
                text = f"{said} {self._texts.code}".strip()
                return self._ask(text, "keyed", Step(call_sid, n), speech=False, keys=True)
            return self._ask(said, "heard", Step(call_sid, n), keys=call.is_confirming)
        made = self._dial(call, decision, Step(call_sid, n), said)
        if not decision.is_next_in_line:  # they were asked for before
            asked = _asked(decision)
            for position in range(detail, len(asked)):
                if asked[position] in call.missing:
                    text = self._texts.detail.replace("{detail}", asked[position])
                    return self._ask(text, "told", Step(call_sid, n, position), keys=True)
        return made

    def _dial(self, call: Call, decision: Decision, step: Step, said: str) -> str:
        assert decision.destination is not None
        handoff = call.handoff(decision)
        return twilio.dial(
            handoff.caller,
            decision.destination,
            line=self._line(call),
            context=handoff.context,
            whisper_url=self._urls.made("whisper", step),
            action_url=self._urls.made("dialled", step),
            ring_timeout_s=decision.ring_timeout_s,
            say=said,
            language=self._language,
        )

    def _ask(
        self, text: str, name: str, step: Step, *, speech: bool = True, keys: bool = False
    ) -> str:
        url = self._urls.made(name, step)
        return twilio.ask(text, action_url=url, speech=speech, keys=keys, language=self._language)

    def _line(self, call: Call) -> Destination:
        """Return a number of the business to show: the line that was called, if it is a number.

        Raises:
            InvalidValueError: the location has none.
        """
        if call.called is not None and call.called.startswith("+"):
            return Destination._trusted(call.called)
        try:
            lines = self._location(call.location_id).lines
        except UnknownLocationError:
            lines = ()
        for line in lines:
            if line.startswith("+"):
                return Destination._trusted(line)
        raise InvalidValueError("the location has no line that is a phone number")


def hung_up(call: Call) -> None:
    """Report that the caller has gone."""
    if call.is_over or call.decision is None:
        return
    with contextlib.suppress(InvalidValueError):  # nobody was dialled: there is nothing to report
        call.transfer_failed("caller_hung_up")


async def _awaited(answer: _T | Awaitable[_T]) -> _T:
    return await answer if inspect.isawaitable(answer) else answer


def _asked(decision: Decision) -> tuple[str, ...]:
    """Return the details that a decision's rule requires."""
    rule = decision.concerned
    return () if rule is None else rule.required_details


def _is_in_vain(decision: Decision) -> bool:
    """Whether nobody can be reached now, so that a silence is a goodbye."""
    if decision.outcome.dials:
        return decision.destination is None
    return decision.outcome is Outcome.CLOSED or decision.reason is Reason.NOBODY_ANSWERED


def _verifies(call: Call) -> bool:
    return call.decision is not None and call.decision.outcome is Outcome.VERIFY


def _note(call: Call, name: str, text: str) -> None:
    folded = name.casefold()
    if folded == "name":
        call.note(name=text)
    elif folded == "reason":
        call.note(reason=text)
    else:
        call.note(**{name: text})


def _last_said(call: Call) -> str:
    """Return what the agent said last, if the caller has not spoken since."""
    turns = call.turns
    return turns[-1][1] if turns and turns[-1][0] == "agent" else ""
