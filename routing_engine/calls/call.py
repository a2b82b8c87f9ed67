"""A live call, turn by turn: when a person is needed, whom to dial, whom to try next.

The engine answers "a person is needed: who?". A call asks first whether one is: it keeps what was
said, and every turn of the caller is decided on all of it. Routine business and small talk stay
with the agent (``CONTAIN``). A call goes on to a person where

- a rule is confident over the conversation so far;
- the caller asks for a person, in whatever words: to the rule that fits, or else the default;
- the agent gives up: too many silences, failures, or signs of impatience (:class:`CallPolicy`).

Where the location is closed then and has no after-hours number, the answer is ``CLOSED``; so it is
where a rule is confident that is not for this hour.

A turn is scored once, with at most one encoding. What happens to it later (verified, confirmed,
declined) only gates these scores again.

A call is a value: ``call.to_json()`` in one process, ``engine.resume_call(...)`` in another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import uuid4

from routing_engine.calls.endings import read_report
from routing_engine.calls.growing import Growing, Place
from routing_engine.calls.handoff import MAX_NAME, Event, Handoff
from routing_engine.calls.kept import KeptDecision
from routing_engine.calls.policy import CallPolicy, TransferOutcome
from routing_engine.calls.record import MAX_TURN_LENGTH, CallRecord
from routing_engine.calls.turn import Turn, read_again, read_turn, terms_of, with_meaning
from routing_engine.deciding.gates import FAILURES, CallTerms
from routing_engine.deciding.router import CallRouter
from routing_engine.deciding.scored import Scored
from routing_engine.errors import InvalidValueError, UnknownLocationError
from routing_engine.hours import moment_of
from routing_engine.model.caller import Caller
from routing_engine.model.decisions import CallFacts, Decision, missing_details
from routing_engine.model.destinations import Destination
from routing_engine.model.outcomes import Outcome, Reason
from routing_engine.model.parties import Parties
from routing_engine.model.rules import ContextRule
from routing_engine.text.answers import read_answer
from routing_engine.text.history import SPEAKERS, in_their_words
from routing_engine.text.lines import cut, one_line

__all__ = ["Call", "CallPolicy", "TransferOutcome"]


class _Hearing(NamedTuple):
    """A turn of the caller, read and not yet scored.

    Attributes:
        answer: yes or no, where the caller was asked whether to be transferred and says so.
        place: where in the call the turn began.
    """

    utterance: str
    moment: datetime
    turn: Turn
    answer: bool | None
    place: Place


class Call:
    """A live call, made by ``engine.open_call``. Not thread-safe.

    Args:
        router: scores and gates.
        record: all that is known so far.
    """

    def __init__(self, router: CallRouter, record: CallRecord) -> None:
        self._router = router
        self._record = record
        self._turns = record.turns()
        self._scored: Scored | None = None
        """Scores of the caller's last turn, or of the one before if the last only answers a question."""
        self.growing: Growing | None = None
        """Words still being spoken; whoever resumes the call for each of them keeps these."""
        self._known = record.known_details()
        self._decision: Decision | None = None
        self._hearing = asyncio.Lock()

    @classmethod
    def open(
        cls,
        router: CallRouter,
        location_id: str,
        *,
        caller_id: str | Caller | None = None,
        called: str | Destination | None = None,
        policy: CallPolicy | None = None,
        agent: bool = True,
        now: datetime | None = None,
    ) -> Call:
        """Open a new call; as ``engine.open_call``."""
        router.location(location_id)
        parties = Parties.of(caller_id, called)
        if caller_id is None or isinstance(caller_id, str):
            caller_id = Caller.reported(caller_id or "", region=parties.region)
        return cls(
            router,
            CallRecord(
                call_id=uuid4().hex,
                location_id=location_id,
                caller=replace(caller_id, name=one_line(caller_id.name, MAX_NAME)),
                opened_at=moment_of(now),
                catalog_version=router.catalog_version,
                policy=CallPolicy() if policy is None else policy,
                agent=bool(agent),
                called=parties.called,
            ),
        )

    @classmethod
    def from_json(cls, router_for: Callable[[CallPolicy], CallRouter], text: str | bytes) -> Call:
        """Resume a call of another process; as ``engine.resume_call``."""
        record = CallRecord.from_json(text)
        router = router_for(record.policy)
        router.location(record.location_id)
        record.catalog_version = router.catalog_version
        call = cls(router, record)
        call._decision = call._last_kept()
        return call

    def to_json(self) -> str:
        """Return the whole call; it holds what was said."""
        last = self._decision
        self._record.last = None if last is None else KeptDecision.of(last)
        return self._record.to_json()

    @property
    def decision(self) -> Decision | None:
        """The last decision, also after a resume; None before the first.

        A silence that is waited out leaves it as it is.
        """
        return self._decision

    @property
    def n_decisions(self) -> int:
        """Decisions so far, of silences too: the last part of the latest ``decision_id``."""
        return self._record.n_decisions

    @property
    def has_agent(self) -> bool:
        """Whether somebody talks with the caller who can ask."""
        return self._record.agent

    @property
    def is_confirming(self) -> bool:
        """Whether the caller has just been asked whether to be transferred."""
        return self._record.confirming is not None

    @property
    def call_id(self) -> str:
        """The call's id."""
        return self._record.call_id

    @property
    def location_id(self) -> str:
        """The location that was called."""
        return self._record.location_id

    @property
    def caller(self) -> Caller:
        """Who is calling, as reported or noted; includes the number even if it is withheld."""
        return self._record.caller

    @property
    def caller_id(self) -> str | None:
        """The caller's own number, E.164, or None where it is withheld or not known."""
        return self._record.caller.shown

    @property
    def called(self) -> str | None:
        """The line that was called, where it was given: E.164, or a SIP user."""
        return self._record.called

    @property
    def catalog_version(self) -> int:
        """Version of the catalog that decides the call."""
        return self._router.catalog_version

    @property
    def timeline(self) -> tuple[Event, ...]:
        """Everything that happened, in order."""
        return tuple(self._record.events)

    @property
    def details(self) -> dict[str, str]:
        """Details that the agent collected, by name."""
        return dict(self._record.details)

    @property
    def missing(self) -> tuple[str, ...]:
        """Details that the last decided rule requires and the agent has not collected."""
        return missing_details(self._labelled(self._record.rule), self._known)

    @property
    def is_over(self) -> bool:
        """Whether the caller has hung up, or has been transferred."""
        return self._record.is_over

    @property
    def is_transferred(self) -> bool:
        """Whether the call ended with somebody who picked up."""
        events = self._record.events
        return self.is_over and bool(events) and events[-1].kind == "transferred"

    @property
    def turns(self) -> tuple[tuple[str, str], ...]:
        """What was said so far, as (speaker, words)."""
        return tuple(self._turns)

    def hear(self, utterance: str, *, final: bool = True, now: datetime | None = None) -> Decision:
        """Report what the caller said, and decide what to do next.

        Args:
            utterance: the caller's words.
            final: False for a transcript that may still grow: the decision is provisional, and no
                turn of the call. ``decision.stable`` says whether it will stand. The same words
                are not encoded again where they turn out to be final.
            now: when; None for the present moment.

        Returns:
            ``CONTAIN`` where the agent goes on; otherwise as ``engine.route``. One with a
            destination says how long it may ring. After the end of the call, ``CONTAIN`` with
            ``Reason.CALL_OVER``: so it is of everything that happens then, and nothing is kept.

        After ``CONFIRM``, "yes please" and "no, don't" answer the question, as :meth:`confirmed`
        and :meth:`declined` do.

        Raises:
            InvalidValueError: the utterance is not a str.
        """
        hearing = self._begin(utterance, now)
        if self.is_over:
            return self._ignored(Reason.CALL_OVER)
        if hearing.answer is not None:
            return self._hear_answer(hearing, final=final)
        return self._end(hearing, self._scores_for(hearing), final=final)

    async def ahear(
        self,
        utterance: str,
        *,
        final: bool = True,
        deadline_s: float | None = None,
        now: datetime | None = None,
    ) -> Decision:
        """As :meth:`hear`, without blocking the event loop.

        Transcripts that may still change can be asked about while others are. Turns that are final
        are heard one after the other, in the order in which they were asked about.

        Args:
            utterance: the caller's words.
            final: as for :meth:`hear`.
            deadline_s: seconds after which the default is the better answer; None to wait.
            now: when; None for the present moment.
        """
        if not final:
            return await self._ahear(utterance, now, deadline_s, final=False)
        async with self._hearing:
            return await self._ahear(utterance, now, deadline_s, final=True)

    async def _ahear(
        self, utterance: str, now: datetime | None, deadline_s: float | None, *, final: bool
    ) -> Decision:
        hearing = self._begin(utterance, now)
        turn = hearing.turn
        scored: Scored | None = None
        if self.is_over:
            return self._ignored(Reason.CALL_OVER)
        if hearing.answer is None and turn.settled is None and turn.choice is None:
            scored = self._known_scores(hearing)
            if scored is None:
                scored = await self._router.ascore(
                    self.location_id,
                    turn.rest or utterance,
                    list(self._turns),
                    deadline_s=deadline_s,
                )
        elif turn.settled is None:
            await self._aready()
        if self.is_over:  # since then
            return self._ignored(Reason.CALL_OVER)
        if hearing.answer is not None:
            return self._hear_answer(hearing, final=final)
        return self._end(
            hearing, self._scores_for(hearing) if scored is None else scored, final=final
        )

    def _begin(self, utterance: str, now: datetime | None) -> _Hearing:
        """Read a turn of the caller, before it is scored."""
        moment = moment_of(now)
        _check_words("an utterance", utterance)
        record = self._record
        turn = read_turn(record, self._turns, utterance, self._whens())
        answer = None if record.confirming is None else read_answer(utterance)
        events = record.events
        place = len(events), events[-1].at if events else None
        return _Hearing(utterance, moment, turn, answer, place)

    def _scores_for(self, hearing: _Hearing) -> Scored | None:
        """Return the scores that a turn is decided by; None where none are needed."""
        turn = hearing.turn
        if turn.settled is not None:
            return None
        if turn.choice is not None:
            return self._scored_turn(n_answers=self._record.n_answers)
        known = self._known_scores(hearing)
        if known is not None:
            return known
        return self._router.score(self.location_id, turn.rest or hearing.utterance, self._turns)

    def _known_scores(self, hearing: _Hearing) -> Scored | None:
        """Return the scores of words that were heard before, while they could still go on."""
        growing = self.growing
        if growing is None or (growing.place, growing.words) != (hearing.place, hearing.utterance):
            return None
        scored = growing.scored
        if scored is None or scored.reason is not None or not self._router.is_current(scored):
            return None
        return scored

    def _end(self, hearing: _Hearing, scored: Scored | None, *, final: bool) -> Decision:
        """Decide on a turn of the caller, and keep it."""
        record, (utterance, moment, turn, _, place) = self._record, hearing
        of_words: Scored | None = None
        if scored is None:
            assert turn.settled is not None
            terms = terms_of(record, turn, self._facts(is_final=final), self._next_id(final))
            decision = self._router.contain(record.location_id, turn.settled, terms=terms)
        else:
            if turn.choice is None:
                of_words = scored
                turn = with_meaning(record, turn, scored, utterance)
                if turn.is_news:
                    # Our own question names both rules, and so does what led to it.
                    scored = (scored.alone or scored).without(turn.excluded)
            decision = self._gated(scored, turn, moment, is_final=final)
            if turn.is_unclear and decision.reason is Reason.BELOW_THRESHOLD:
                terms = terms_of(record, turn, self._facts(is_final=final), self._next_id(final))
                decision = self._router.contain(record.location_id, Reason.AMBIGUOUS, terms=terms)
        if not final:
            before = self.growing
            if before is not None and before.place != place:
                before = None
            self.growing = Growing.of(before, place, utterance, of_words, decision)
            return replace(decision, stable=self.growing.is_stable(decision, record.policy))
        self.growing = None
        self._keep(scored if turn.settled is None else None)
        # Setting what does not change takes as long as what does.
        if turn.choice != record.chosen:
            record.chosen = turn.choice
        if turn.told != record.told:
            record.told = turn.told
        if turn.impatience != record.impatience:
            record.impatience = turn.impatience
        if record.n_answers:
            record.n_answers = 0
        self._note("caller", moment, utterance)
        return self._settled(decision, moment)

    def _hear_answer(self, hearing: _Hearing, *, final: bool) -> Decision:
        """Decide once more on what was asked about, now that the caller said yes or no."""
        if final:
            kind: Literal["confirmed", "declined"] = "confirmed" if hearing.answer else "declined"
            return self._answered(kind, hearing.moment, hearing.utterance)
        record = self._record
        words, before = self._last_told(record.n_answers)
        turn = read_again(record, before, words)
        scored = self._scored_turn(n_answers=record.n_answers + (turn.choice is not None))
        answers = {**record.answers, str(record.confirming): bool(hearing.answer)}
        decision = self._gated(scored, turn, hearing.moment, is_final=False, answers=answers)
        return replace(decision, stable=False)  # "yes" may go on as "yes, but"

    def agent_said(self, text: str, *, now: datetime | None = None) -> None:
        """Record what the agent said: an answer may make no sense without it.

        Raises:
            InvalidValueError: the text is not a str.
        """
        moment = moment_of(now)
        _check_words("what an agent said", text)
        if not self._record.is_over:
            self._note("agent", moment, text)

    def note(
        self,
        /,
        *,
        name: str | None = None,
        reason: str | None = None,
        **details: str | float | None,
    ) -> None:
        """Record what the agent found out, for the person who picks up.

        Names are the same in any case, spaces and punctuation: ``order_number`` is what a rule
        asks for as "Order number". What is noted later replaces what was noted under that name;
        None is passed over, an empty text removes it. Texts are cut at 200 characters; of more than 16 details the
        oldest go.

        Args:
            name: the caller's.
            reason: why they call.
            details: whatever else, texts or numbers.

        Raises:
            InvalidValueError: neither text nor number, or a name without a letter or digit.
        """
        self._record.note(name, reason, dict(details))
        self._known = self._record.known_details()

    def handoff(self, decision: Decision) -> Handoff:
        """Build the packet for the person who picks up, as the call stands now.

        Args:
            decision: a decision of this call.

        Raises:
            InvalidValueError: it is not one, or only a provisional one.
        """
        record = self._record
        if not decision.decision_id.startswith(f"{record.call_id}-"):
            raise InvalidValueError(
                "not a decision of this call, or only a provisional one; give one that this call "
                "returned for a final turn"
            )
        try:
            location_name = self._router.location_name(record.location_id)
        except UnknownLocationError:  # gone from the newest catalog, in the middle of the call
            location_name = ""
        rule = decision.concerned
        return Handoff.of(
            decision,
            missing=missing_details(rule, self._known),
            call_id=record.call_id,
            caller=record.caller,
            location_name=location_name,
            rule="" if rule is None else rule.label,
            said=in_their_words(self._turns),
            noted=record.reason,
            details=record.details_for(rule),
            verified_by=record.verifications(record.events[-1].at),
            timeline=record.events,
            policy=record.policy.handoff,
        )

    def no_response(self, *, now: datetime | None = None) -> Decision:
        """Report that the caller was silent, and decide what to do next."""
        return self._signal("silence", Reason.NO_RESPONSE, now)

    def agent_failed(self, *, now: datetime | None = None) -> Decision:
        """Report that the agent could not help or did not understand, and decide what to do next."""
        return self._signal("agent_failed", Reason.AGENT_FAILED, now)

    def verified(
        self, *, method: str, at: datetime | None = None, now: datetime | None = None
    ) -> Decision:
        """Report that the caller was verified, and decide what to do next.

        Still ``VERIFY`` where the rule does not take this method:
        ``decision.verification_methods`` are those that it does.

        Args:
            method: how, as rules name it; case and spacing do not matter.
            at: when, from which on it holds; None for now.
            now: the present moment; None for what the clock says.

        Raises:
            InvalidValueError: the method is not a word or two, or a moment has no time zone.
        """
        return self._again("verified", _method(method), now, at)

    def not_verified(self, *, method: str, now: datetime | None = None) -> Decision:
        """Report a failed verification of the caller, and decide what to do next."""
        return self._again("not_verified", _method(method), now)

    def confirmed(self, *, words: str = "", now: datetime | None = None) -> Decision:
        """Report that the caller agreed to the transfer, and decide what to do next.

        Nothing is asked anew after :meth:`declined`, so a report that comes then is late or
        repeated: it stays declined.

        Args:
            words: what the caller said, where the call has not heard it.
            now: the present moment; None for what the clock says.
        """
        return self._answered("confirmed", now, words)

    def declined(self, *, words: str = "", now: datetime | None = None) -> Decision:
        """Report that the caller refused the transfer: the agent goes on.

        Args:
            words, now: as for :meth:`confirmed`.
        """
        return self._answered("declined", now, words)

    async def averified(
        self, *, method: str, at: datetime | None = None, now: datetime | None = None
    ) -> Decision:
        """As :meth:`verified`, without blocking the event loop."""
        await self._aready()
        return self.verified(method=method, at=at, now=now)

    async def anot_verified(self, *, method: str, now: datetime | None = None) -> Decision:
        """As :meth:`not_verified`, without blocking the event loop."""
        await self._aready()
        return self.not_verified(method=method, now=now)

    async def aconfirmed(self, *, words: str = "", now: datetime | None = None) -> Decision:
        """As :meth:`confirmed`, without blocking the event loop."""
        await self._aready()
        return self.confirmed(words=words, now=now)

    async def adeclined(self, *, words: str = "", now: datetime | None = None) -> Decision:
        """As :meth:`declined`, without blocking the event loop."""
        await self._aready()
        return self.declined(words=words, now=now)

    def transfer_failed(
        self,
        outcome: TransferOutcome | str | int,
        *,
        attempt: Decision | Destination | str | None = None,
        now: datetime | None = None,
    ) -> Decision:
        """Report that the last transfer failed, and decide whom to try next.

        The rule's destination comes first, then its fallbacks, then the location's default; none
        is tried twice. After the last, the call is the agent's again.

        A report that is repeated or late changes nothing: ``Reason.REPORT_IGNORED``. It is told
        by its attempt; without one, where nobody is being dialled. So is one that says that the
        phone still rings. Words of success end the call as :meth:`transferred` does.

        Args:
            outcome: how it ended: a ``TransferOutcome``, or what the platform says (Twilio,
                Asterisk, Q.850, SIP, LiveKit, Vapi, Retell; case, hyphens and spaces do not
                matter). What it said is kept as ``decision.reported`` and in the timeline.
            attempt: which attempt the report is about: the decision that dialled, its id, or what
                was dialled; None for the one that is going on.
            now: when; None for the present moment.

        Raises:
            InvalidValueError: nobody says so, or nobody was dialled in this call.
        """
        moment = moment_of(now)
        report = read_report(outcome)
        record = self._record
        if record.is_over:
            return self._ignored(Reason.CALL_OVER, report.said)
        if not record.tried:
            raise InvalidValueError(
                "nothing was being dialled; report a failed transfer after a decision with a "
                "destination"
            )
        if report.ending == "answered":
            return self._answered_by(attempt, report.said, moment)
        is_current = record.dialling is not None and (
            attempt is None or self._dialled_in(attempt) == record.dialling
        )
        has_left = report.ending is TransferOutcome.CALLER_HUNG_UP
        if not isinstance(report.ending, TransferOutcome) or not (is_current or has_left):
            return self._ignored(Reason.REPORT_IGNORED, report.said)
        self._note("failed", moment, report.ending.value, record.tried[-1], report.said)
        record.dialling = None
        terms = self._plain_terms(report.said)
        if has_left:
            record.is_over = True
            decision = self._router.contain(record.location_id, Reason.CALLER_LEFT, terms=terms)
        else:
            decision = self._router.next_in_line(
                record.location_id, self._labelled(record.ringing), moment, terms=terms
            )
        return self._dialled(decision, moment)

    def transferred(
        self,
        *,
        attempt: Decision | Destination | str | None = None,
        now: datetime | None = None,
    ) -> Decision:
        """Report that the person picked up, and end the call as transferred.

        Args:
            attempt: which attempt was answered, as for :meth:`transfer_failed`; None for the
                last one.
            now: when; None for the present moment.

        Returns:
            ``CONTAIN`` with ``Reason.TRANSFERRED``: nothing is to be dialled any more.

        Raises:
            InvalidValueError: nobody was dialled in this call.
        """
        moment = moment_of(now)
        if self._record.is_over:
            return self._ignored(Reason.CALL_OVER)
        if not self._record.tried:
            raise InvalidValueError(
                "nothing was being dialled; report a transfer after a decision with a destination"
            )
        return self._answered_by(attempt, "", moment)

    # ---------------------------------------------------------------- deciding

    def _answered_by(
        self, attempt: Decision | Destination | str | None, said: str, now: datetime
    ) -> Decision:
        """End the call with whoever was dialled in an attempt; one of another call is ignored."""
        record = self._record
        number = record.tried[-1] if attempt is None else self._dialled_in(attempt)
        if number is None:
            return self._ignored(Reason.REPORT_IGNORED, said)
        terms = self._plain_terms(said)
        record.is_over, record.dialling = True, None
        record.n_decisions += 1
        self._note("transferred", now, "", number, said)
        return self._router.contain(record.location_id, Reason.TRANSFERRED, terms=terms)

    def _dialled_in(self, attempt: Decision | Destination | str) -> str | None:
        """Return what was dialled in an attempt, or None where it is not of this call."""
        if isinstance(attempt, Decision):
            attempt = attempt.decision_id
        return self._record.attempt(str(attempt))

    def _ignored(self, reason: Reason, said: str = "") -> Decision:
        """Answer what changes nothing; like a provisional decision, without an id."""
        terms = self._plain_terms(said)._replace(decision_id="")
        return self._router.contain(self._record.location_id, reason, terms=terms)

    def _gated(
        self,
        scored: Scored,
        turn: Turn,
        now: datetime,
        *,
        is_final: bool = True,
        answers: Mapping[str, bool] | None = None,
    ) -> Decision:
        record = self._record
        return self._router.gate(
            scored,
            verified=[event.text for event in record.verifications(now)],
            confirmed=record.answers if answers is None else answers,
            terms=terms_of(record, turn, self._facts(is_final=is_final), self._next_id(is_final)),
            now=now,
        )

    async def _aready(self) -> None:
        """Score the caller's last turn, where that is not cached, without blocking."""
        record = self._record
        if self._scored is not None and self._router.is_current(self._scored):
            return
        words, before = self._last_told(record.n_answers + (record.chosen is not None))
        if words:
            self._keep(await self._router.ascore(record.location_id, words, before))

    def _scored_turn(self, *, n_answers: int) -> Scored:
        """Return the scores of the caller's last turn that was not an answer, cached or new.

        Args:
            n_answers: how many of the caller's last turns were answers to the agent's questions.
        """
        scored = self._scored
        if scored is not None and self._router.is_current(scored):
            return scored
        words, before = self._last_told(n_answers)
        scored = self._router.score(self._record.location_id, words, before)
        self._keep(scored)
        return scored

    def _last_told(self, n_answers: int) -> tuple[str, list[tuple[str, str]]]:
        """Return the caller's last turn but so many answers, and what was said before it."""
        turns = self._turns
        callers = [i for i, (speaker, _) in enumerate(turns) if speaker == "caller"]
        if not callers:
            return "", []
        # Without a turn the question is one that this record no longer holds.
        last = callers[max(0, len(callers) - 1 - n_answers)]
        return turns[last][1], turns[:last]

    def _keep(self, scored: Scored | None) -> None:
        """Cache scores for later decisions; failures are not cached, so they are retried."""
        if scored is not None and scored.reason in FAILURES:
            scored = None
        self._scored = scored

    def _again(
        self, kind: str, text: str, now: datetime | None, at: datetime | None = None
    ) -> Decision:
        """Record an event, and decide again on the caller's last words."""
        moment = moment_of(now)
        if self._record.is_over:
            return self._ignored(Reason.CALL_OVER)
        # Another machine's clock may be ahead of ours.
        self._note(kind, moment if at is None else min(moment_of(at), moment), text)
        record = self._record
        if kind == "not_verified":
            record.failed_verifications += 1
        words, before = self._last_told(record.n_answers)
        if not any(speaker == "caller" for speaker, _ in self._turns):
            decision = self._router.contain(
                record.location_id, Reason.EMPTY_UTTERANCE, terms=self._plain_terms()
            )
        else:
            turn = read_again(record, before, words)
            scored = self._scored_turn(n_answers=record.n_answers + (turn.choice is not None))
            if turn.choice is None:
                turn = with_meaning(record, turn, scored, words)
            decision = self._gated(scored, turn, moment)
        return self._settled(decision, moment)

    def _answered(
        self, kind: Literal["confirmed", "declined"], now: datetime | None, words: str
    ) -> Decision:
        _check_words("what a caller said", words)
        if self._record.is_over:
            return self._ignored(Reason.CALL_OVER)
        label = self._record.rule
        if label is None:
            raise InvalidValueError(
                "nothing was asked; report an answer after a decision about a rule, such as CONFIRM"
            )
        # Whoever declined is not asked again: a "confirmed" that comes then answers nothing.
        if kind == "declined" or self._record.answers.get(label) is not False:
            self._record.answers[label] = kind == "confirmed"
        if words:
            self._note("caller", moment_of(now), words)
            self._record.n_answers += 1
        return self._again(kind, label, now)

    def _signal(self, kind: str, reason: Reason, now: datetime | None) -> Decision:
        moment = moment_of(now)
        if self._record.is_over:
            return self._ignored(Reason.CALL_OVER)
        self._note(kind, moment)
        record, policy = self._record, self._record.policy
        if kind == "silence":
            count, most = record.n_silences(), policy.max_silences if record.agent else 1
        else:
            count = sum(event.kind == kind for event in record.events)
            most = policy.max_agent_failures
        terms = self._plain_terms()
        if count < most:
            # No step of the call: whoever is being dialled still is.
            record.n_decisions += 1
            return self._router.contain(record.location_id, reason, terms=terms)
        decision = self._router.default(record.location_id, reason, moment, terms=terms)
        return self._settled(decision, moment)

    def _settled(self, decision: Decision, now: datetime) -> Decision:
        """Record the decided rule, the question asked and the destination dialled."""
        record = self._record
        is_in_vain = decision.reason is Reason.NOBODY_ANSWERED
        is_redirected = is_in_vain or decision.is_next_in_line
        rule = decision.concerned if is_redirected else decision.rule
        if rule is not None:
            record.rule = rule.label
        if is_in_vain or (decision.outcome.dials and decision.destination is not None):
            # Whoever is sent to the default does not end up at a rule whose gate is shut.
            is_rules = decision.outcome is Outcome.TRANSFER or decision.is_end_of_chain
            record.ringing = rule.label if is_rules and rule is not None else None
        if is_in_vain:
            record.asked = record.confirming = None
            record.n_decisions += 1
            self._decision = decision
            return decision
        return self._dialled(decision, now)

    def _dialled(self, decision: Decision, now: datetime) -> Decision:
        """Record what is asked and what is dialled."""
        record = self._record
        record.n_decisions += 1
        if record.asked is not None:
            # Who does not understand may be told once more, by the agent; then the call goes on.
            record.is_asked_again = decision.reason is Reason.AMBIGUOUS
            if not record.is_asked_again:
                record.asked = None
        asked = decision.rule if decision.outcome is Outcome.CONFIRM else None
        confirming = None if asked is None else asked.label
        if record.confirming != confirming:
            record.confirming = confirming
        if decision.outcome is Outcome.CLARIFY and (choices := decision.choices):
            record.asked = (choices[0].label, choices[1].label)
            record.has_asked = True
        number = None
        if decision.outcome.dials and decision.destination is not None:
            number = str(decision.destination)
            if number != record.dialling:
                record.dialling = number
                record.tried.append(number)
                record.since.append(record.n_decisions)
        self._note("decided", now, decision.reason.value, number)
        self._decision = decision
        return decision

    # ---------------------------------------------------------------- what is known

    def _facts(self, *, is_final: bool = True) -> CallFacts:
        record = self._record
        # A provisional decision dials nobody, and so nobody in vain.
        tried = tuple(record.tried) if is_final else ()
        parties = Parties(record.caller.number, record.called)
        return CallFacts(self._known, record.policy.ring_timeout_s, tried, parties)

    def _next_id(self, is_final: bool = True) -> str:
        return f"{self._record.call_id}-{self._record.n_decisions + 1}" if is_final else ""

    def _plain_terms(self, said: str = "") -> CallTerms:
        """Return the terms of a decision that no turn of the caller asked for.

        Args:
            said: what the platform said, where it is about that.
        """
        facts = self._facts()._replace(reported=said or None)
        record = self._record
        return CallTerms(facts, self._next_id(), dialling=record.dialling, has_agent=record.agent)

    def _last_kept(self) -> Decision | None:
        """Return the last decision that the record of another process holds."""
        last = self._record.last
        if last is None:
            return None
        rule, rival, concerned = map(self._labelled, (last.rule, last.rival, last.concerned))
        return last.decision(self.location_id, self._facts(), rule, rival, concerned)

    def _labelled(self, label: str | None) -> ContextRule | None:
        """Return the rule with a label in the current catalog, or None."""
        return None if label is None else self._router.rule(self._record.location_id, label)

    def _whens(self) -> tuple[str, str]:
        """Descriptions of the rules between which the caller has just been asked to choose."""
        asked = self._record.asked
        if asked is None:
            return "", ""
        first, second = (self._labelled(label) for label in asked)
        return "" if first is None else first.when, "" if second is None else second.when

    def _note(
        self,
        kind: str,
        at: datetime,
        text: str = "",
        number: str | None = None,
        reported: str = "",
    ) -> None:
        if kind in SPEAKERS:
            text = cut(text, MAX_TURN_LENGTH)
            self._turns.append((kind, text))
        gone = self._record.add(Event(at, kind, text, number, reported))
        if gone is not None and gone.kind in SPEAKERS:
            del self._turns[0]

    def __repr__(self) -> str:
        return f"<Call {self.call_id} of {self.location_id}: {len(self._turns)} turns>"


def _method(method: str) -> str:
    if not isinstance(method, str) or not method.strip():
        raise InvalidValueError("a method of verification is a word or two, such as 'pin'")
    return cut(method, MAX_TURN_LENGTH)


def _check_words(what: str, words: object) -> None:
    """Refuse words of another type.

    Raises:
        InvalidValueError: they are not a str.
    """
    if not isinstance(words, str):
        raise InvalidValueError(f"{what} is a str, not {type(words).__name__}")
