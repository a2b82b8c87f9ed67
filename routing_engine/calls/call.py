"""A live call, turn by turn: is a person needed now, who, and what when nobody picks up.

The engine answers "a person is needed: who?". A call asks first whether one is: it keeps what was
said, and every turn of the caller is decided on all of it. Routine business and small talk stay
with the agent (``CONTAIN``). A call goes on to a person where

- a rule is confident over the conversation so far;
- the caller asks for a person, in whatever words: to the rule that fits, or else the default;
- the agent gives up: too many silences, failures, or signs of impatience (:class:`CallPolicy`).

Where the location is closed then and has no after-hours number, the answer is ``CLOSED``; so it is
where a rule is confident that is not for this hour.

A call is a value: ``call.to_json()`` in one process, ``engine.resume_call(...)`` in another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, ClassVar, Literal, Protocol
from uuid import uuid4

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from routing_engine.calls.handoff import MAX_DETAILS, MAX_NAME, Event, Handoff, HandoffPolicy
from routing_engine.deciding.gates import USUAL, Terms
from routing_engine.errors import InvalidValueError, UnknownLocationError
from routing_engine.hours.schedule import moment_of
from routing_engine.model.caller import MAX_DETAIL_NAME, MAX_TEXT, Caller
from routing_engine.model.decisions import Decision
from routing_engine.model.destinations import Destination, DialPolicy
from routing_engine.model.outcomes import Outcome, Reason
from routing_engine.model.rules import ContextRule, Location, RingSeconds
from routing_engine.text.history import SPEAKERS, in_their_words, tells
from routing_engine.text.lines import cut, one_line, same_name
from routing_engine.text.signals import NEITHER, Signals, chosen, signals
from routing_engine.validation import Value, invalid

__all__ = ["Call", "CallPolicy", "Router", "TransferOutcome"]

MAX_TURNS = 200
"""Turns that a call keeps; the oldest go first."""

MAX_TURN_LENGTH = 2000

_OFFER = re.compile(
    r"\b(?:connect|transfer|put you|pass you|hand you|get you|speak|talk)", re.IGNORECASE
)

_LEAVES_IT_OPEN = (Outcome.DEFAULT, Outcome.CLOSED)


class TransferOutcome(StrEnum):
    """What became of a transfer that did not succeed."""

    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    UNREACHABLE = "unreachable"
    VOICEMAIL = "voicemail"
    CALLER_HUNG_UP = "caller_hung_up"


Odds = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class CallPolicy(Value):
    """When a call that no rule takes goes to a person, and for how long a verification holds.

    Attributes:
        max_silences: silences of the caller in a row, after which a person is to take over.
        max_agent_failures: failures of the agent, after which a person is to take over.
        max_frustration: signs of impatience over the call, after which a person is to take over.
        max_verifications: attempts at a verification; one more is not asked for.
        verified_for_s: seconds for which a verification holds.
        patience: by how much the odds of a rule must be better than at the engine's threshold for
            it to take the call: when the caller has said one thing, two, and more, each > 0. The
            first words are often only the beginning, and of a longer story one is less sure than
            one may be. A location's or a rule's own threshold stays as it is.
        ring_timeout_s: how long a destination rings before the next is tried, 5 to 300, where
            its rule does not say.
        catalog: ``"kept"``, the version that the call began with, while the process lives; or
            ``"newest"``.
        handoff: what of the call the person who picks up does not get.
    """

    max_silences: Annotated[int, Field(ge=1)] = 2
    max_agent_failures: Annotated[int, Field(ge=1)] = 2
    max_frustration: Annotated[int, Field(ge=1)] = 4
    max_verifications: Annotated[int, Field(ge=1)] = 3
    verified_for_s: Annotated[float, Field(gt=0.0)] = 900.0
    patience: tuple[Odds, Odds, Odds] = (6.0, 0.67, 0.28)
    ring_timeout_s: RingSeconds = 25
    catalog: Literal["kept", "newest"] = "kept"
    handoff: HandoffPolicy = HandoffPolicy()


@dataclass(slots=True)
class _Record:
    """All that a call knows; changed in place, a turn of a call being no time to copy it."""

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
    chosen: str | None = None
    ringing: str | None = None
    dialling: str | None = None
    impatience: int = 0
    failed_verifications: int = 0
    is_over: bool = False


_RECORD = TypeAdapter(_Record)


class Router(Protocol):
    """What a call asks: an engine, or one version of its catalog."""

    @property
    def catalog_version(self) -> int:
        """Version of the catalog that answers."""
        ...

    @property
    def dial_policy(self) -> DialPolicy:
        """Which destinations may be dialled."""
        ...

    def route(
        self,
        location_id: str,
        utterance: str,
        *,
        verified: bool = False,
        confirmed: bool = False,
        history: Iterable[tuple[str, str]] = (),
        now: datetime | None = None,
        terms: Terms = USUAL,
    ) -> Decision:
        """As :meth:`routing_engine.RoutingEngine.route`, on a call's terms."""
        ...

    def location(self, location_id: str) -> Location:
        """As :meth:`routing_engine.RoutingEngine.location`."""
        ...


class Call:
    """One call. Not thread-safe: a call has one caller. Made by ``engine.open_call``.

    Args:
        router: what decides.
        record: all that is known so far.
    """

    def __init__(self, router: Router, record: _Record) -> None:
        self._router = router
        self._record = record
        self._turns = [
            (event.kind, event.text) for event in record.events if event.kind in SPEAKERS
        ]

    @classmethod
    def open(
        cls,
        router: Router,
        location_id: str,
        *,
        caller_id: str | Caller | None = None,
        policy: CallPolicy | None = None,
        now: datetime | None = None,
    ) -> Call:
        """A new call; as ``engine.open_call``."""
        router.location(location_id)
        if caller_id is None or isinstance(caller_id, str):
            caller_id = Caller.reported(caller_id or "")
        elif not isinstance(caller_id, Caller):
            raise InvalidValueError(
                f"caller_id is a str, a Caller or None, not {type(caller_id).__name__}"
            )
        return cls(
            router,
            _Record(
                call_id=uuid4().hex,
                location_id=location_id,
                caller=replace(caller_id, name=one_line(caller_id.name, MAX_NAME)),
                opened_at=moment_of(now),
                catalog_version=router.catalog_version,
                policy=CallPolicy() if policy is None else policy,
            ),
        )

    @classmethod
    def from_json(cls, router_for: Callable[[CallPolicy], Router], text: str | bytes) -> Call:
        """A call of another process; as ``engine.resume_call``."""
        try:
            record = _RECORD.validate_json(text)
        except ValidationError as error:
            raise invalid("record of a call", error, is_private=True) from None
        router = router_for(record.policy)
        router.location(record.location_id)
        record.catalog_version = router.catalog_version
        return cls(router, record)

    def to_json(self) -> str:
        """The whole call; it holds what was said."""
        return _RECORD.dump_json(self._record).decode()

    @property
    def call_id(self) -> str:
        """A name of its own."""
        return self._record.call_id

    @property
    def location_id(self) -> str:
        """Who was called."""
        return self._record.location_id

    @property
    def caller(self) -> Caller:
        """Who is on the line, as reported or noted; with the number, even if it is withheld."""
        return self._record.caller

    @property
    def caller_id(self) -> str | None:
        """The caller's own number, E.164, or None where it is withheld or not known."""
        return self._record.caller.shown

    @property
    def catalog_version(self) -> int:
        """Version of the catalog that the call is decided by."""
        return self._router.catalog_version

    @property
    def timeline(self) -> tuple[Event, ...]:
        """Everything that happened, in order."""
        return tuple(self._record.events)

    @property
    def details(self) -> dict[str, str]:
        """What the agent collected, by name."""
        return dict(self._record.details)

    @property
    def missing(self) -> tuple[str, ...]:
        """What the rule that was decided about last asks for, and the agent did not collect."""
        return self._missing_of(self._labelled(self._record.rule))

    @property
    def is_over(self) -> bool:
        """Whether the caller has hung up."""
        return self._record.is_over

    @property
    def turns(self) -> tuple[tuple[str, str], ...]:
        """What was said so far: pairs of speaker and words."""
        return tuple(self._turns)

    def hear(self, utterance: str, *, final: bool = True, now: datetime | None = None) -> Decision:
        """What to do, now that the caller has said this.

        Args:
            utterance: the caller's words.
            final: False for a transcript that may still change: the decision is provisional and
                nothing is kept of it.
            now: when; None for the present moment.

        Returns:
            ``CONTAIN`` where the agent goes on; otherwise as ``engine.route``. One with a
            destination says how long it may ring.

        Raises:
            InvalidValueError: the utterance is not a str, or the call is over.
        """
        self._check_open()
        moment = moment_of(now)
        if not isinstance(utterance, str):
            raise InvalidValueError(f"an utterance is a str, not {type(utterance).__name__}")
        record = self._record
        told = record.told + tells(self._turns, utterance)
        heard = signals(utterance)
        impatience = record.impatience + heard.frustration
        choice = None if record.asked is None else chosen(utterance, *record.asked)
        label = None
        if choice is not None and choice != NEITHER and record.asked is not None:
            label = record.asked[choice]
        if choice == NEITHER and not heard.wants_person:
            decision = self._plain(Outcome.CONTAIN, Reason.DECLINED)
        else:
            decision = self._decide(utterance, moment, self._turns, label, told, impatience, heard)
        if not final:
            return self._completed(decision)
        # Setting what does not change takes as long as what does.
        if label != record.chosen:
            record.chosen = label
        if told != record.told:
            record.told = told
        if heard.frustration:
            record.impatience = impatience
        self._note("caller", moment, text=utterance)
        return self._settle(decision, moment)

    def agent_said(self, text: str, *, now: datetime | None = None) -> None:
        """Keep what the agent said: an answer may make no sense without it."""
        self._check_open()
        self._note("agent", moment_of(now), text=text)

    def note(
        self,
        /,
        *,
        name: str | None = None,
        reason: str | None = None,
        **details: str | float | None,
    ) -> None:
        """Keep what the agent found out, for whoever picks up.

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
        for text in (name, reason, *details.values()):
            if text is not None and not isinstance(text, (str, int, float)):
                raise InvalidValueError(
                    f"what is noted is a text or a number, not {type(text).__name__}"
                )
        named = {one_line(key, MAX_DETAIL_NAME): text for key, text in details.items()}
        if not all(map(same_name, named)):
            raise InvalidValueError("the name of a detail has a letter or digit in it")
        record = self._record
        if name is not None:
            record.caller = replace(record.caller, name=one_line(str(name), MAX_NAME))
        if reason is not None:
            record.reason = cut(one_line(str(reason), MAX_TURN_LENGTH), MAX_TURN_LENGTH)
        for key, text in named.items():
            if text is None:
                continue
            for old in [old for old in record.details if same_name(old) == same_name(key)]:
                del record.details[old]
            if told := cut(one_line(str(text), MAX_TURN_LENGTH), MAX_TEXT):
                record.details[key] = told
        record.details = dict(list(record.details.items())[-MAX_DETAILS:])

    def handoff(self, decision: Decision) -> Handoff:
        """What the person who picks up gets, as the call stands now.

        Args:
            decision: a decision of this call.

        Raises:
            InvalidValueError: it is not one, or only a provisional one.
        """
        record = self._record
        if not decision.decision_id.startswith(f"{record.call_id}-"):
            raise InvalidValueError("not a decision of this call, or only a provisional one")
        try:
            location_name = self._location().name or ""
        except UnknownLocationError:  # gone from the newest catalog, in the middle of the call
            location_name = ""
        rule = self._concerned(decision)
        return Handoff.made(
            decision._but(_missing=self._missing_of(rule)),
            call_id=record.call_id,
            caller=record.caller,
            location_name=location_name,
            rule="" if rule is None else rule.label,
            said=in_their_words(self._turns),
            noted=record.reason,
            details=self._details_by(rule),
            verified_by=self._verifications(record.events[-1].at),
            timeline=record.events,
            policy=record.policy.handoff,
        )

    def no_response(self, *, now: datetime | None = None) -> Decision:
        """The caller was silent when it was their turn."""
        return self._signal("silence", Reason.NO_RESPONSE, now)

    def agent_failed(self, *, now: datetime | None = None) -> Decision:
        """The agent could not do what the caller asked, or did not understand it."""
        return self._signal("agent_failed", Reason.AGENT_FAILED, now)

    def verified(
        self, *, method: str, at: datetime | None = None, now: datetime | None = None
    ) -> Decision:
        """The caller's identity has been verified; what to do next.

        Still ``VERIFY`` where the rule does not take this method:
        ``decision.verification_methods`` are those that it does.

        Args:
            method: how, as rules name it; case and spacing do not matter.
            at: when, from which on it holds; None for now.
            now: the present moment; None for what the clock says.

        Raises:
            InvalidValueError: the method is not a word or two, a moment has no time zone, or the
                call is over.
        """
        return self._again("verified", _method(method), now, at)

    def not_verified(self, *, method: str, now: datetime | None = None) -> Decision:
        """An attempt at verifying the caller failed; what to do next."""
        return self._again("not_verified", _method(method), now)

    def confirmed(self, *, now: datetime | None = None) -> Decision:
        """The caller said yes to the transfer that was asked about."""
        return self._answered("confirmed", now)

    def declined(self, *, now: datetime | None = None) -> Decision:
        """The caller said no to it: the agent goes on."""
        return self._answered("declined", now)

    def transfer_failed(
        self, outcome: TransferOutcome | str, *, now: datetime | None = None
    ) -> Decision:
        """Whom to try next, the last transfer having failed.

        The rule's destination comes first, then its fallbacks, then the location's default; none
        is tried twice. After the last, the call is the agent's again.

        Raises:
            InvalidValueError: no such outcome, or nothing was being dialled.
        """
        self._check_open()
        try:
            known = TransferOutcome(outcome)
        except ValueError:
            raise InvalidValueError(
                f"{outcome!r} is not how a transfer ends; one of "
                f"{', '.join(item.value for item in TransferOutcome)} is"
            ) from None
        if not self._record.tried:
            raise InvalidValueError("nothing was being dialled")
        moment = moment_of(now)
        self._note("failed", moment, text=known.value, number=self._record.tried[-1])
        self._record.dialling = None
        if known is TransferOutcome.CALLER_HUNG_UP:
            self._record.is_over = True
            return self._settle(self._plain(Outcome.CONTAIN, Reason.CALLER_LEFT), moment)
        for destination in self._chain(moment):
            if str(destination) not in self._record.tried:
                return self._settle(
                    self._plain(Outcome.TRANSFER, Reason.FALLBACK, destination), moment
                )
        return self._settle(self._plain(Outcome.CONTAIN, Reason.NOBODY_ANSWERED), moment)

    # ---------------------------------------------------------------- deciding

    def _decide(
        self,
        utterance: str,
        now: datetime,
        history: Sequence[tuple[str, str]],
        label: str | None,
        told: int,
        impatience: int,
        heard: Signals,
        *,
        again: bool = False,
    ) -> Decision:
        """What to do about an utterance.

        Args:
            utterance: what the caller says.
            now: when.
            history: the turns before.
            label: of the rule that the caller chooses by it, or None.
            told: how many turns of the caller said something, this one included.
            impatience: signs of it, this turn included.
            heard: the utterance's own signals.
            again: it was decided before.
        """
        record = self._record
        is_wish = heard.wants_person
        is_nothing = heard.asks_nothing and not (again or is_wish or label is not None)
        if is_nothing and not _offered(history):
            return self._plain(Outcome.CONTAIN, Reason.NOTHING_ASKED)
        # Who wants a person gets one anyhow, and rather the default than the wrong one. One
        # question a call: what is unclear after that goes to the better of the two rules.
        odds = record.policy.patience[min(max(told - 1, 0), 2)]
        terms = Terms(max(odds, 1.0) if is_wish else odds, not (is_wish or record.has_asked), label)
        methods = self._verified_by(now)

        def ask(*, verified: bool, confirmed: bool = False) -> Decision:
            return self._router.route(
                record.location_id,
                utterance,
                verified=verified,
                confirmed=confirmed,
                history=history,
                now=now,
                terms=terms,
            )

        decision = ask(verified=bool(methods))
        rule = decision.rule
        if (
            methods
            and rule is not None
            and rule.requires_verification
            and not any(map(rule.is_verified_by, methods))
        ):
            decision = ask(verified=False)
        if decision.outcome is Outcome.CONFIRM and rule is not None:
            if record.answers.get(rule.label) is True:
                decision = ask(verified=bool(methods), confirmed=True)
            elif record.answers.get(rule.label) is False:
                # Who says no and asks for a person later is not sent back to the agent for ever.
                wish = None if again else self._wish(is_wish, impatience)
                if wish is not None:
                    return self._default(wish, now)
                return replace(
                    decision, outcome=Outcome.CONTAIN, reason=Reason.DECLINED, question=None
                )
        if decision.outcome is Outcome.VERIFY and self._is_out_of_attempts():
            return self._default(Reason.VERIFICATION_FAILED, now)
        if decision.outcome not in _LEAVES_IT_OPEN:
            return decision
        if decision.reason is Reason.OUTSIDE_HOURS and rule is not None and rule.enabled:
            return decision
        wish = self._wish(is_wish, impatience)
        if decision.reason is Reason.DESTINATION_REFUSED:
            if wish is not None or (rule is not None and rule.action == "transfer"):
                return _dialling(decision)
            why = Reason.BELOW_THRESHOLD if rule is None else Reason.ROUTINE
            return decision._but(outcome=Outcome.CONTAIN, reason=why)
        if wish is None:
            return decision._but(outcome=Outcome.CONTAIN, destination=None)
        # What the engine says of a caller whom no rule takes knows the hour already.
        return decision._but(reason=wish)

    def _wish(self, is_wish: bool, impatience: int) -> Reason | None:
        """Why a caller whom no rule takes is to have a person all the same, or None."""
        if is_wish:
            return Reason.PERSON_REQUESTED
        most = self._record.policy.max_frustration
        return Reason.FRUSTRATED if impatience >= most else None

    def _settle(self, decision: Decision, now: datetime) -> Decision:
        """Keep what was decided, and do not dial what was dialled in vain."""
        rule = decision.rule
        record = self._record
        if rule is not None:
            record.rule = rule.label
        if record.asked is not None:
            record.asked = None
        if decision.outcome is Outcome.CLARIFY and (choices := decision.choices):
            record.asked = (choices[0].label, choices[1].label)
            record.has_asked = True
        destination = decision.destination
        if decision.outcome in (Outcome.TRANSFER, Outcome.DEFAULT) and destination is not None:
            if decision.reason is not Reason.FALLBACK:
                # Whoever is sent to the default does not end up at a rule whose gate is shut.
                is_rules = rule is not None and decision.outcome is Outcome.TRANSFER
                self._record.ringing = self._record.rule if is_rules else None
            # Who goes on talking while it rings, or before, is still on the way to that number.
            if str(destination) in record.tried and str(destination) != record.dialling:
                left = [d for d in self._chain(now) if str(d) not in self._record.tried]
                if not left:
                    nobody = self._plain(Outcome.CONTAIN, Reason.NOBODY_ANSWERED)
                    return self._completed(nobody, decision_id=self._new_id())
                decision = self._plain(Outcome.TRANSFER, Reason.FALLBACK, left[0])
                destination = left[0]
            if str(destination) != record.dialling:
                record.dialling = str(destination)
                record.tried.append(record.dialling)
            self._note("decided", now, text=decision.reason.value, number=str(destination))
        else:
            self._note("decided", now, text=decision.reason.value)
        return self._completed(decision, decision_id=self._new_id())

    def _new_id(self) -> str:
        self._record.n_decisions += 1
        return f"{self._record.call_id}-{self._record.n_decisions}"

    def _completed(self, decision: Decision, *, decision_id: str = "") -> Decision:
        """The decision with all that a call knows: an id, how long to ring, what is missing."""
        rule = self._concerned(decision)
        timeout_s = None
        if decision.destination is not None:
            timeout_s = self._record.policy.ring_timeout_s
            chain = () if rule is None else rule.chain
            if decision.outcome is Outcome.TRANSFER and decision.destination in chain:
                assert rule is not None
                own = rule.ring_timeout_s(chain.index(decision.destination))
                timeout_s = timeout_s if own is None else own
        return decision._but(
            decision_id=decision_id,
            _missing=self._missing_of(rule),
            _ring_timeout_s=timeout_s,
        )

    def _again(
        self, kind: str, text: str, now: datetime | None, at: datetime | None = None
    ) -> Decision:
        """The last thing the caller said, decided once more, now that this happened."""
        self._check_open()
        moment = moment_of(now)
        # Another machine's clock may be ahead of ours.
        self._note(kind, moment if at is None else min(moment_of(at), moment), text=text)
        if kind == "not_verified":
            self._record.failed_verifications += 1
        record, turns = self._record, self._turns
        last = max((i for i, (who, _) in enumerate(turns) if who == "caller"), default=None)
        if last is None:
            return self._settle(self._plain(Outcome.CONTAIN, Reason.EMPTY_UTTERANCE), moment)
        decision = self._decide(
            turns[last][1],
            moment,
            turns[:last],
            record.chosen,
            record.told,
            record.impatience,
            signals(turns[last][1]),
            again=True,
        )
        return self._settle(decision, moment)

    def _answered(self, kind: Literal["confirmed", "declined"], now: datetime | None) -> Decision:
        label = self._record.rule
        if label is None:
            raise InvalidValueError("nothing was asked")
        self._check_open()
        self._record.answers[label] = kind == "confirmed"  # the last one counts
        return self._again(kind, label, now)

    def _signal(self, kind: str, reason: Reason, now: datetime | None) -> Decision:
        self._check_open()
        moment = moment_of(now)
        self._note(kind, moment)
        policy = self._record.policy
        if kind == "silence":
            count, most = self._silences(), policy.max_silences
        else:
            count = sum(event.kind == kind for event in self._record.events)
            most = policy.max_agent_failures
        if count < most:
            # No step of the call: whoever is being dialled still is.
            return self._completed(self._plain(Outcome.CONTAIN, reason), decision_id=self._new_id())
        return self._settle(self._default(reason, moment), moment)

    # ---------------------------------------------------------------- what is known

    def _location(self) -> Location:
        return self._router.location(self._record.location_id)

    def _rule(self) -> ContextRule | None:
        """The rule whose phones are being tried."""
        return self._labelled(self._record.ringing)

    def _labelled(self, label: str | None) -> ContextRule | None:
        if label is None:
            return None
        try:
            rules = self._location().rules
        except UnknownLocationError:  # gone from the newest catalog, in the middle of the call
            return None
        return next((rule for rule in rules if rule.label == label), None)

    def _concerned(self, decision: Decision) -> ContextRule | None:
        """The rule that a decision is about, also where it is no longer on its way there."""
        if decision.reason is Reason.FALLBACK:
            return self._rule()
        if decision.reason is Reason.VERIFICATION_FAILED:
            return self._labelled(self._record.rule)
        return decision.rule

    def _missing_of(self, rule: ContextRule | None) -> tuple[str, ...]:
        if rule is None or not rule.required_details:
            return ()
        known = set(map(_key, self._record.details))
        known |= {"name"} if self._record.caller.name else set()
        known |= {"reason"} if self._record.reason else set()
        return tuple(detail for detail in rule.required_details if _key(detail) not in known)

    def _details_by(self, rule: ContextRule | None) -> dict[str, str]:
        """What the agent collected: what the rule asks for comes first, as the rule calls it."""
        left = {_key(name): (name, text) for name, text in self._record.details.items()}
        asked = () if rule is None else rule.required_details
        first = {
            detail: left.pop(key)[1]
            for detail, key in ((detail, _key(detail)) for detail in asked)
            if key in left
        }
        return first | dict(left.values())

    def _chain(self, now: datetime) -> list[Destination]:
        """Whom to try, in order; last, where a caller goes whom no rule takes at this hour."""
        rule = self._rule()
        last = self._router.route(self._record.location_id, "", now=now).destination
        refusal = self._router.dial_policy.refusal
        chain = () if rule is None else rule.chain
        allowed = [destination for destination in chain if refusal(destination) is None]
        return [*allowed, *([] if last is None else [last])]

    def _verifications(self, now: datetime) -> list[Event]:
        """Those that hold at this moment."""
        since = now - timedelta(seconds=self._record.policy.verified_for_s)
        events = self._record.events
        return [e for e in events if e.kind == "verified" and since <= e.at <= now]

    def _verified_by(self, now: datetime) -> list[str]:
        """The methods by which the caller is verified at this moment."""
        return [event.text for event in self._verifications(now)]

    def _is_out_of_attempts(self) -> bool:
        return self._record.failed_verifications >= self._record.policy.max_verifications

    def _silences(self) -> int:
        """In a row, up to now."""
        count = 0
        for event in reversed(self._record.events):
            if event.kind == "caller":
                break
            count += event.kind == "silence"
        return count

    def _default(self, reason: Reason, now: datetime) -> Decision:
        """Where a caller goes whom no rule takes, at this hour."""
        decision = _dialling(self._router.route(self._record.location_id, "", now=now))
        return decision if decision.outcome is Outcome.CONTAIN else decision._but(reason=reason)

    def _plain(
        self, outcome: Outcome, reason: Reason, destination: Destination | None = None
    ) -> Decision:
        return Decision(
            outcome, reason, destination, self._record.location_id, self._router.catalog_version
        )

    def _check_open(self) -> None:
        if self._record.is_over:
            raise InvalidValueError("the call is over")

    def _note(self, kind: str, at: datetime, *, text: str = "", number: str | None = None) -> None:
        events, text = self._record.events, cut(text, MAX_TURN_LENGTH)
        events.append(Event(at, kind, text, number))
        if kind in SPEAKERS:
            self._turns.append((kind, text))
        if len(events) > MAX_TURNS and events.pop(0).kind in SPEAKERS:
            del self._turns[0]

    def __repr__(self) -> str:
        return f"<Call {self.call_id} of {self.location_id}: {len(self._turns)} turns>"


def _offered(history: Sequence[tuple[str, str]]) -> bool:
    """Whether a "great, thanks" says yes: the agent has just offered to pass the caller on."""
    if not history or history[-1][0] == "caller":
        return False
    return _OFFER.search(history[-1][1]) is not None


def _dialling(decision: Decision) -> Decision:
    """The decision; contained, where the dial policy leaves nothing to dial."""
    if decision.reason is Reason.DESTINATION_REFUSED and decision.destination is None:
        return decision._but(outcome=Outcome.CONTAIN)
    return decision


@lru_cache(maxsize=1024)
def _key(detail: str) -> str:
    """What the name of a detail is known by."""
    return same_name(one_line(detail, MAX_DETAIL_NAME))


def _method(method: str) -> str:
    if not isinstance(method, str) or not method.strip():
        raise InvalidValueError("a method of verification is a word or two, such as 'pin'")
    return method
