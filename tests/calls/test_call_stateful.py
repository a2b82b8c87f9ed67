"""Calls against a plain model: heard, verified, confirmed, failed, resumed, replaced underneath.

The encoder knows topics by the last word that names one, so that the model can tell which rule an
utterance is for by reading it; what becomes of that is the model's own reckoning.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from routing_engine import ContextRule, Location, RoutingEngine, RoutingPolicy
from routing_engine.calls.call import CallPolicy, TransferOutcome
from routing_engine.encoders.background import neutral_background
from routing_engine.encoders.hashing import N_DESCRIPTION_KINDS
from routing_engine.text.history import summarise_history
from routing_engine.text.signals import asks_nothing, frustration, wants_person
from tests.support.strategies import FakeEncoder, number

TOPICS = ("invoice", "account", "cancel", "sunday", "flood", "night")
DIMENSION = 32
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
SAID = (
    "there is a charge on my invoice", "look at that invoice again", "change my account",
    "please cancel it", "open on sunday", "flood in the kitchen", "the night crew please",
    "the weather is nice today", "hmm", "", "!!", "hello there",
    "can i talk to a person", "agent", "give me a human about my invoice", "this is ridiculous",
)  # fmt: skip
METHODS = ("pin", "callback", "voice")
POLICY = CallPolicy(max_silences=2, max_agent_failures=2, max_frustration=2, max_verifications=2)


def topic(text):
    """The last topic that a text names, or None."""
    found = [(text.rfind(word), word) for word in TOPICS if word in text]
    return max(found)[1] if found else None


def vectors(texts):
    rows = np.zeros((len(texts), DIMENSION), np.float32)
    for row, text in zip(rows, texts, strict=True):
        named = topic(text)
        row[-1 if named is None else TOPICS.index(named)] = 1.0
    return rows


def an_encoder():
    encoder = FakeEncoder(vectors, dimension=DIMENSION)
    encoder.background = neutral_background(DIMENSION, N_DESCRIPTION_KINDS)
    return encoder


@dataclass(frozen=True)
class Numbers:
    """All numbers of one version of a location, each another in every version."""

    version: int
    has_night_number: bool

    def at(self, place):
        return number(1000 * self.version + place)

    default = property(lambda self: self.at(0))
    after_hours = property(lambda self: self.at(1) if self.has_night_number else None)

    def chain(self, label):
        """The destination of a rule, then its fallbacks."""
        first = 10 * (1 + TOPICS.index(label))
        return [self.at(first + i) for i in range({"invoice": 3, "flood": 2}.get(label, 1))]

    def table(self):
        chains = [n for label in TOPICS if label != "sunday" for n in self.chain(label)]
        return {*chains, self.default} | ({self.after_hours} - {None})


def location(numbers):
    flags = {
        "account": {"requires_verification": True, "verification_methods": ("PIN", "voice")},
        "cancel": {"requires_confirmation": True},
        "sunday": {"action": "contain"},
        "flood": {"hours": "always", "requires_confirmation": True, "requires_verification": True},
        "night": {"hours": "closed"},
    }
    return Location(
        location_id="store-1",
        default_destination=numbers.default,
        after_hours=numbers.after_hours,
        timezone="UTC",
        business_hours="Mon-Fri 08:00-18:00",
        rules=[
            ContextRule(
                label=label,
                when=f"about {label}",
                destination=None if label == "sunday" else numbers.chain(label)[0],
                fallback=() if label == "sunday" else numbers.chain(label)[1:],
                **flags.get(label, {}),
            )
            for label in TOPICS
        ],
    )


@dataclass
class Model:
    """What a call should do, written down plainly."""

    numbers: Numbers
    turns: list = field(default_factory=list)
    verified: list = field(default_factory=list)
    attempts: int = 0
    answers: dict = field(default_factory=dict)
    tried: list = field(default_factory=list)
    label: str | None = None
    ringing: str | None = None
    dialling: str | None = None
    silences: int = 0
    failures: int = 0
    impatience: int = 0
    is_over: bool = False

    def is_open(self, now):
        return now.weekday() < 5 and 8 <= now.hour < 18

    def is_verified(self, label, now):
        methods = {"pin", "voice"} if label == "account" else set(METHODS)
        return self.attempts < POLICY.max_verifications and any(
            method in methods and now - timedelta(seconds=POLICY.verified_for_s) <= at <= now
            for method, at in self.verified
        )

    def otherwise(self, now):
        """Where a caller goes whom no rule takes."""
        return self.numbers.default if self.is_open(now) else self.numbers.after_hours

    def nobody(self, now):
        """What becomes of such a caller, if a person is needed."""
        return "closed" if self.otherwise(now) is None else "default"

    def meant(self, words, history):
        if not any(map(str.isalnum, words)):
            return None
        return topic(summarise_history(history, words))

    def decide(self, words, history, now, *, again=False):
        """Outcome, reason, number and label of a decision about these words."""
        is_open, label = self.is_open(now), self.meant(words, history)
        if asks_nothing(words) and not wants_person(words) and not again:
            return "contain", "nothing_asked", None, None
        if label is not None and label != "sunday":
            if not {"flood": True, "night": not is_open}.get(label, is_open):
                return self.nobody(now), "outside_hours", self.otherwise(now), label
            if label in ("account", "flood") and not self.is_verified(label, now):
                if self.attempts >= POLICY.max_verifications:
                    return (*self.give_up("verification_failed", now), None)
                return "verify", "verification_required", None, label
            if label in ("cancel", "flood") and self.answers.get(label) is not True:
                if label in self.answers:
                    wish = None if again else self.wish(words, again)
                    if wish is not None:
                        return (*self.give_up(wish, now), None)
                    return "contain", "declined", None, label
                return "confirm", "confirmation_required", None, label
            return "transfer", "rule_matched", self.numbers.chain(label)[0], label
        wish = self.wish(words, again)
        if wish is not None:
            return (*self.give_up(wish, now), label)
        return "contain", None, None, label

    def wish(self, words, again):
        if wants_person(words):
            return "person_requested"
        impatience = self.impatience + (0 if again else frustration(words))
        return "frustrated" if impatience >= POLICY.max_frustration else None

    def give_up(self, reason, now):
        return self.nobody(now), reason, self.otherwise(now)

    def chain(self, now):
        first = [] if self.ringing is None else self.numbers.chain(self.ringing)
        return [n for n in (*first, self.otherwise(now)) if n is not None and n not in self.tried]

    def settle(self, decided, now):
        outcome, reason, dialled, label = decided
        self.label = self.label if label is None else label
        if dialled is not None:
            self.ringing = self.label if outcome == "transfer" else None
        if dialled is not None and dialled in self.tried and dialled != self.dialling:
            left = self.chain(now)
            if not left:
                return "contain", "nobody_answered", None
            outcome, reason, dialled = "transfer", "fallback", left[0]
        if dialled is not None and dialled != self.dialling:
            self.dialling = dialled
            self.tried.append(dialled)
        return outcome, reason, dialled

    def hear(self, words, now):
        decided = self.decide(words, self.turns, now)
        self.turns.append(("caller", words))
        self.impatience += frustration(words)
        self.silences = 0
        return self.settle(decided, now)

    def again(self, now):
        said = [i for i, (who, _) in enumerate(self.turns) if who == "caller"]
        if not said:
            return "contain", "empty_utterance", None
        last = said[-1]
        words = self.turns[last][1]
        decided = self.decide(words, self.turns[:last], now, again=True)
        return self.settle(decided, now)

    def fail(self, outcome, now):
        if self.dialling is None and outcome is not TransferOutcome.CALLER_HUNG_UP:
            return "contain", "report_ignored", None
        self.dialling = None
        if outcome is TransferOutcome.CALLER_HUNG_UP:
            self.is_over = True
            return "contain", "caller_left", None
        left = self.chain(now)
        if not left:
            return "contain", "nobody_answered", None
        self.dialling = left[0]
        self.tried.append(left[0])
        return "transfer", "fallback", left[0]


class Calls(RuleBasedStateMachine):
    """One call at a time, at a location whose numbers change now and then."""

    @initialize(has_night_number=st.booleans(), catalog=st.sampled_from(("kept", "newest")))
    def open(self, has_night_number, catalog):
        self.now = MONDAY
        self.latest = Numbers(1, has_night_number)
        self.engine = RoutingEngine(
            [location(self.latest)],
            encoder=an_encoder(),
            policy=RoutingPolicy(margin=0.0),
        )
        self.policy = POLICY.model_copy(update={"catalog": catalog})
        self.dials = []
        self.ring()

    def ring(self):
        self.call = self.engine.open_call("store-1", policy=self.policy, now=self.now)
        self.model = Model(self.latest)
        self.dials.clear()
        self.ringing = None

    def check(self, decision, expected):
        outcome, reason, dialled = expected
        destination = None if decision.destination is None else str(decision.destination)
        assert (decision.outcome.value, destination) == (outcome, dialled)
        assert reason is None or decision.reason.value == reason
        if destination is not None:
            assert destination in self.model.numbers.table()
            if destination != self.ringing:
                assert destination not in self.dials
                self.dials.append(destination)
            self.ringing = destination
            assert self.call.timeline[-1].number == destination

    def ongoing(self):
        return not self.model.is_over

    @rule(hours=st.integers(0, 30), minutes=st.integers(0, 59))
    def time_passes(self, hours, minutes):
        self.now += timedelta(hours=hours, minutes=minutes)

    @precondition(ongoing)
    @rule(words=st.sampled_from(SAID))
    def hear(self, words):
        self.check(self.call.hear(words, now=self.now), self.model.hear(words, self.now))

    @precondition(ongoing)
    @rule(words=st.sampled_from(SAID))
    def hear_a_part(self, words):
        before = self.call.to_json()
        decision = self.call.hear(words, final=False, now=self.now)
        outcome, _, dialled, _ = self.model.decide(words, self.model.turns, self.now)
        destination = None if decision.destination is None else str(decision.destination)
        assert (decision.outcome.value, destination) == (outcome, dialled)
        assert self.call.to_json() == before

    @precondition(ongoing)
    @rule(words=st.sampled_from(("anything else", "is this about your invoice", "ok")))
    def agent_says(self, words):
        self.call.agent_said(words, now=self.now)
        self.model.turns.append(("agent", words))

    @precondition(ongoing)
    @rule()
    def silence(self):
        self.model.silences += 1
        decision = self.call.no_response(now=self.now)
        if self.model.silences < POLICY.max_silences:
            return self.check(decision, ("contain", "no_response", None))
        return self.check(decision, self.model.settle(
            (*self.model.give_up("no_response", self.now), None), self.now))  # fmt: skip

    @precondition(ongoing)
    @rule()
    def agent_fails(self):
        self.model.failures += 1
        decision = self.call.agent_failed(now=self.now)
        if self.model.failures < POLICY.max_agent_failures:
            return self.check(decision, ("contain", "agent_failed", None))
        return self.check(decision, self.model.settle(
            (*self.model.give_up("agent_failed", self.now), None), self.now))  # fmt: skip

    @precondition(ongoing)
    @rule(method=st.sampled_from(METHODS))
    def verify(self, method):
        self.model.verified.append((method, self.now))
        decision = self.call.verified(method=method, now=self.now)
        self.check(decision, self.model.again(self.now))

    @precondition(ongoing)
    @rule(method=st.sampled_from(METHODS))
    def fail_to_verify(self, method):
        self.model.attempts += 1
        decision = self.call.not_verified(method=method, now=self.now)
        self.check(decision, self.model.again(self.now))

    @precondition(lambda self: self.ongoing() and self.model.label is not None)
    @rule(yes=st.booleans())
    def answer(self, yes):
        if self.model.answers.get(self.model.label) is not False or not yes:
            self.model.answers[self.model.label] = yes
        answered = self.call.confirmed if yes else self.call.declined
        self.check(answered(now=self.now), self.model.again(self.now))

    @precondition(lambda self: self.ongoing() and self.model.tried)
    @rule(outcome=st.sampled_from(TransferOutcome))
    def transfer_fails(self, outcome):
        self.ringing = None
        decision = self.call.transfer_failed(outcome, now=self.now)
        self.check(decision, self.model.fail(outcome, self.now))

    @rule()
    def replace_the_catalog(self):
        self.latest = replace(self.latest, version=self.latest.version + 1)
        self.engine.replace([location(self.latest)])
        if self.policy.catalog == "newest":
            self.model.numbers = self.latest

    @rule()
    def resume(self):
        record = self.call.to_json()
        self.call = self.engine.resume_call(record)
        self.model.numbers = self.latest
        again = self.engine.resume_call(self.call.to_json())
        assert again.to_json() == self.call.to_json()

    @precondition(lambda self: self.model.is_over)
    @rule()
    def another_caller(self):
        self.ring()

    @invariant()
    def knows_what_was_said(self):
        assert list(self.call.turns) == self.model.turns
        assert self.call.is_over == self.model.is_over


Calls.TestCase.settings = settings(max_examples=500, stateful_step_count=50, deadline=None)
TestCalls = Calls.TestCase
