"""A live call: when it stays with the agent, whom it goes to, and what when nobody picks up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import (
    DialPolicy,
    HashingEncoder,
    InvalidValueError,
    Outcome,
    Reason,
    RoutingEngine,
    RoutingPolicy,
    UnknownLocationError,
)
from routing_engine.calls.call import Call, CallPolicy, TransferOutcome
from tests.support.examples import examples
from tests.support.strategies import a_location, a_rule

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DEFAULT, BILLING, SECOND, THIRD = (f"+1415555010{i}" for i in range(4))

INVOICE = "there is a strange charge on my invoice"
RULES = (
    a_rule("Billing", when="asks about an invoice", examples=(INVOICE,), destination=BILLING,
           fallback=(SECOND, THIRD)),
    a_rule("Account", when="wants to change the account", destination="+14155550104",
           examples=("change the name on my account",), requires_verification=True),
    a_rule("Cancel", when="wants to cancel", destination="+14155550105",
           examples=("please cancel my membership",), requires_confirmation=True),
    a_rule("Hours", when="asks for the opening hours", destination=None, action="contain",
           examples=("when do you open on sunday",)),
)  # fmt: skip


@pytest.fixture(scope="module")
def engine():
    location = a_location("store-1", *RULES, default_destination=DEFAULT)
    return RoutingEngine([location], encoder=HashingEncoder())


@pytest.fixture
def call(engine):
    return engine.open_call("store-1", caller_id="+12025550188", now=NOON)


def said(decision):
    dialled = None if decision.destination is None else str(decision.destination)
    return decision.outcome.value, decision.reason.value, dialled


def test_small_talk_stays_with_the_agent(call):
    assert said(call.hear("how are you doing today", now=NOON)) == (
        "contain", "below_threshold", None,
    )  # fmt: skip


def test_a_confident_rule_takes_the_call(call):
    assert said(call.hear(INVOICE, now=NOON)) == ("transfer", "rule_matched", BILLING)


def test_routine_business_stays_with_the_agent_by_name(call):
    decision = call.hear("when do you open on sunday", now=NOON)
    assert said(decision) == ("contain", "routine", None)
    assert decision.rule.label == "Hours"


@pytest.mark.parametrize("words", ["representative", "can i talk to somebody please"])
def test_who_asks_for_a_person_gets_one(call, words):
    assert said(call.hear(words, now=NOON)) == ("default", "person_requested", DEFAULT)


def test_a_rule_that_fits_comes_before_the_default(call):
    call.hear("hello there", now=NOON)
    decision = call.hear(f"get me a human, {INVOICE}", now=NOON)
    assert decision.destination is not None
    assert decision.outcome in (Outcome.TRANSFER, Outcome.DEFAULT)


def test_silence_counts_in_a_row(call):
    assert said(call.no_response(now=NOON)) == ("contain", "no_response", None)
    call.hear("hello there", now=NOON)
    assert said(call.no_response(now=NOON)) == ("contain", "no_response", None)
    assert said(call.no_response(now=NOON)) == ("default", "no_response", DEFAULT)


def test_an_agent_that_fails_twice_gives_up(call):
    assert said(call.agent_failed(now=NOON)) == ("contain", "agent_failed", None)
    assert said(call.agent_failed(now=NOON)) == ("default", "agent_failed", DEFAULT)


def test_impatience_adds_up(engine):
    call = engine.open_call("store-1", policy=CallPolicy(max_frustration=2), now=NOON)
    assert call.hear("this is ridiculous", now=NOON).outcome is Outcome.CONTAIN
    assert said(call.hear("i already told you that", now=NOON)) == (
        "default", "frustrated", DEFAULT,
    )  # fmt: skip


def test_a_verification_is_asked_for_and_expires(call):
    words = "change the name on my account"
    assert said(call.hear(words, now=NOON)) == ("verify", "verification_required", None)
    decision = call.verified(method="pin", now=NOON)
    assert said(decision) == ("transfer", "rule_matched", "+14155550104")
    later = NOON + timedelta(seconds=901)
    assert call.hear(words, now=later).outcome is Outcome.VERIFY


@pytest.mark.parametrize("is_first", [False, True])
def test_after_too_many_attempts_no_verification_counts(engine, call, is_first):
    if is_first:
        call.verified(method="pin", now=NOON)
    for _ in range(3):
        call.not_verified(method="pin", now=NOON)
    call.verified(method="pin", now=NOON)
    twin = engine.resume_call(call.to_json())
    for one in (call, twin):
        decision = one.hear("change the name on my account", now=NOON)
        assert (decision.outcome.value, decision.reason.value) == (
            "default", "verification_failed",
        )  # fmt: skip
        assert one.handoff(decision).verified_by == ()


@pytest.mark.parametrize("words", [None, 5, b"hi", ["hi"]])
def test_words_of_another_type_are_refused(call, words):
    call.hear("please cancel my membership", now=NOON)
    for report in (
        lambda: call.hear(words),
        lambda: call.agent_said(words),
        lambda: call.confirmed(words=words),
        lambda: call.declined(words=words),
    ):
        with pytest.raises(InvalidValueError, match="is a str, not"):
            report()


def test_attempts_at_verification_run_out(call):
    call.hear("change the name on my account", now=NOON)
    for _ in range(2):
        assert call.not_verified(method="pin", now=NOON).outcome is Outcome.VERIFY
    assert said(call.not_verified(method="pin", now=NOON)) == (
        "default", "verification_failed", DEFAULT,
    )  # fmt: skip


class TestMethods:
    """A rule that takes a PIN or a code, and one that takes anything."""

    WORDS = "change the name on my account"
    ANYTHING = "tell me my balance"

    @pytest.fixture
    def strict(self):
        account = RULES[1].model_copy(
            update={"verification_methods": ("PIN", "Code by text"), "requires_confirmation": True}
        )
        balance = a_rule("Balance", when="wants the balance", examples=(self.ANYTHING,),
                         destination=THIRD, requires_verification=True)  # fmt: skip
        location = a_location("store-1", account, balance, default_destination=DEFAULT)
        return RoutingEngine([location], encoder=HashingEncoder())

    @pytest.fixture
    def call(self, strict):
        return strict.open_call("store-1", now=NOON)

    def test_another_method_leaves_it_to_be_verified(self, call):
        for decision in (call.hear(self.WORDS, now=NOON), call.verified(method="dob", now=NOON)):
            assert said(decision) == ("verify", "verification_required", None)
            assert decision.verification_methods == ("PIN", "Code by text")
            assert decision.question is None

    def test_the_gate_comes_before_the_dial_policy(self):
        account = RULES[1].model_copy(update={"verification_methods": ("PIN",)})
        location = a_location("store-1", account, default_destination=DEFAULT)
        policy = DialPolicy(countries=frozenset(), allow=frozenset({DEFAULT}))
        engine = RoutingEngine([location], encoder=HashingEncoder(), dial_policy=policy)
        call = engine.open_call("store-1", now=NOON)
        call.hear(self.WORDS, now=NOON)
        assert call.verified(method="dob", now=NOON).outcome is Outcome.VERIFY
        assert said(call.verified(method="pin", now=NOON)) == (
            "default", "destination_refused", DEFAULT,
        )  # fmt: skip

    @pytest.mark.parametrize("method", ["pin", "CODE  by text"])
    def test_one_of_its_own_passes_the_gate_to_the_next(self, call, method):
        call.hear(self.WORDS, now=NOON)
        call.verified(method="dob", now=NOON)
        assert call.verified(method=method, now=NOON).outcome is Outcome.CONFIRM
        decision = call.confirmed(now=NOON)
        assert said(decision) == ("transfer", "rule_matched", "+14155550104")
        assert decision.verification_methods == ()

    def test_a_rule_that_names_none_takes_any(self, call):
        assert call.hear(self.ANYTHING, now=NOON).verification_methods == ()
        assert said(call.verified(method="dob", now=NOON)) == ("transfer", "rule_matched", THIRD)

    def test_each_method_expires_by_itself(self, call):
        call.hear(self.WORDS, now=NOON)
        call.verified(method="pin", now=NOON)
        later = NOON + timedelta(seconds=899)
        assert call.verified(method="dob", now=later).outcome is Outcome.CONFIRM
        at_last = NOON + timedelta(seconds=901)
        assert call.hear(self.WORDS, now=at_last).outcome is Outcome.VERIFY

    @pytest.mark.parametrize(
        ("ago", "outcome"), [(0, "transfer"), (900, "transfer"), (901, "verify"), (-5, "transfer")]
    )
    def test_it_holds_from_the_instant_that_is_given(self, call, ago, outcome):
        call.hear(self.ANYTHING, now=NOON)
        at = NOON - timedelta(seconds=ago)
        assert call.verified(method="pin", at=at, now=NOON).outcome.value == outcome

    @pytest.mark.parametrize("method", ["", " ", 7, None])
    def test_a_method_has_a_name(self, call, method):
        before = call.to_json()
        for tell in (call.verified, call.not_verified):
            with pytest.raises(InvalidValueError, match="a method of verification is a word"):
                tell(method=method)
        with pytest.raises(InvalidValueError, match="time zone"):
            call.verified(method="pin", at=datetime(2026, 1, 1))  # noqa: DTZ001
        assert call.to_json() == before

    def test_attempts_stay_counted_however_long_the_call(self, call):
        for _ in range(3):
            call.not_verified(method="pin", now=NOON)
        for _ in range(210):
            call.agent_said("mhm", now=NOON)
        assert said(call.hear(self.ANYTHING, now=NOON)) == (
            "default", "verification_failed", DEFAULT,
        )  # fmt: skip

    def test_who_fails_does_not_get_there_by_a_default_that_is_busy(self, call):
        call.hear(self.ANYTHING, now=NOON)
        for _ in range(2):
            call.not_verified(method="pin", now=NOON)
        assert said(call.not_verified(method="pin", now=NOON))[2] == DEFAULT
        assert said(call.transfer_failed("busy", now=NOON)) == (
            "contain", "nobody_answered", None,
        )  # fmt: skip


class TestRinging:
    """How long each phone of a chain rings."""

    def opened(self, times, **policy):
        rule = RULES[0].model_copy(update={"ring_timeouts_s": times})
        location = a_location("store-1", rule, default_destination=DEFAULT)
        engine = RoutingEngine([location], encoder=HashingEncoder())
        return engine, engine.open_call("store-1", policy=CallPolicy(**policy), now=NOON)

    @pytest.mark.parametrize(
        ("times", "rings"),
        [
            ((), [25, 25, 25, 25]),
            ((40,), [40, 40, 40, 25]),
            ((40, 15), [40, 15, 15, 25]),
            ((40, 15, 5, 99), [40, 15, 5, 25]),
        ],
    )
    def test_as_the_rule_says_and_the_default_as_the_policy_does(self, times, rings):
        engine, call = self.opened(times)
        decisions = [call.hear(INVOICE, now=NOON)]
        decisions += [call.transfer_failed("busy", now=NOON) for _ in range(3)]
        assert [str(decision.destination) for decision in decisions] == [
            *(BILLING, SECOND, THIRD, DEFAULT),
        ]
        assert [decision.ring_timeout_s for decision in decisions] == rings
        assert call.transfer_failed("busy", now=NOON).ring_timeout_s is None
        asked = engine.route("store-1", INVOICE, now=NOON)
        assert asked.ring_timeout_s == (times[0] if times else None)

    def test_a_chain_goes_on_in_another_process(self):
        engine, call = self.opened((40, 15))
        call.hear(INVOICE, now=NOON)
        twin = engine.resume_call(call.to_json())
        assert twin.transfer_failed("busy", now=NOON).ring_timeout_s == 15

    def test_every_decision_that_dials_says_so(self):
        _, call = self.opened((40,), ring_timeout_s=33)
        assert call.hear(INVOICE, final=False, now=NOON).ring_timeout_s == 40
        assert call.hear("representative", now=NOON).ring_timeout_s == 33
        call.agent_failed(now=NOON)
        assert call.hear("how are you", now=NOON).ring_timeout_s is None

    @pytest.mark.parametrize("seconds", [4, 301, 20.5])
    def test_a_phone_rings_for_5_to_300_seconds(self, seconds):
        with pytest.raises(InvalidValueError, match="ring_timeout_s"):
            CallPolicy(ring_timeout_s=seconds)


def test_impatience_stays_counted_however_long_the_call(engine):
    call = engine.open_call("store-1", policy=CallPolicy(max_frustration=2), now=NOON)
    call.hear("this is ridiculous", now=NOON)
    for _ in range(210):
        call.agent_said("mhm", now=NOON)
    twin = engine.resume_call(call.to_json())
    assert twin.hear("you're not listening", now=NOON).reason is Reason.FRUSTRATED


def test_impatience_is_counted_once_where_a_turn_is_decided_again(engine):
    call = engine.open_call("store-1", policy=CallPolicy(max_frustration=2), now=NOON)
    call.hear("this is ridiculous", now=NOON)
    assert call.verified(method="pin", now=NOON).outcome is Outcome.CONTAIN


class TestDeclined:
    CANCEL = "please cancel my membership"

    @pytest.fixture
    def call(self, engine):
        call = engine.open_call("store-1", now=NOON)
        call.hear(self.CANCEL, now=NOON)
        assert call.declined(now=NOON).reason is Reason.DECLINED
        return call

    def test_it_stays_declined(self, engine, call):
        assert said(call.hear(self.CANCEL, now=NOON)) == ("contain", "declined", None)
        assert said(call.verified(method="pin", now=NOON)) == ("contain", "declined", None)
        twin = engine.resume_call(call.to_json())
        assert said(twin.hear(self.CANCEL, now=NOON)) == ("contain", "declined", None)

    def test_a_person_is_still_to_be_had(self, call):
        decision = call.hear(f"let me talk to somebody, {self.CANCEL}", now=NOON)
        assert said(decision) == ("default", "person_requested", DEFAULT)

    def test_a_default_that_is_busy_does_not_lead_there(self, call):
        for _ in range(2):
            decision = call.agent_failed(now=NOON)
        assert said(decision) == ("default", "agent_failed", DEFAULT)
        assert said(call.transfer_failed("busy", now=NOON)) == (
            "contain", "nobody_answered", None,
        )  # fmt: skip

    def test_a_stray_yes_does_not_undo_it(self, engine, call):
        assert said(call.confirmed(now=NOON)) == ("contain", "declined", None)
        twin = engine.resume_call(call.to_json())
        assert said(twin.confirmed(words="yes", now=NOON)) == ("contain", "declined", None)

    def test_a_yes_is_undone_by_it(self, engine):
        call = engine.open_call("store-1", now=NOON)
        call.hear(self.CANCEL, now=NOON)
        assert said(call.confirmed(now=NOON)) == ("transfer", "rule_matched", "+14155550105")
        call.transfer_failed("busy", now=NOON)
        assert said(call.declined(now=NOON)) == ("contain", "declined", None)


def test_a_transfer_is_confirmed_or_declined(engine):
    yes, no = (engine.open_call("store-1", now=NOON) for _ in range(2))
    for call in (yes, no):
        asked = call.hear("please cancel my membership", now=NOON)
        assert asked.outcome is Outcome.CONFIRM
        assert "Cancel" in asked.question
    assert said(yes.confirmed(now=NOON)) == ("transfer", "rule_matched", "+14155550105")
    assert said(no.declined(now=NOON)) == ("contain", "declined", None)
    with pytest.raises(InvalidValueError, match="nothing was asked"):
        engine.open_call("store-1").confirmed()


def test_nobody_is_dialled_twice(call):
    dialled = [str(call.hear(INVOICE, now=NOON).destination)]
    dialled += [
        str(call.transfer_failed(outcome, now=NOON).destination)
        for outcome in ("busy", "no_answer", "voicemail")
    ]
    assert dialled == [BILLING, SECOND, THIRD, DEFAULT]
    assert said(call.transfer_failed("declined", now=NOON)) == ("contain", "nobody_answered", None)
    assert said(call.hear(INVOICE, now=NOON)) == ("contain", "nobody_answered", None)
    failed = [event.number for event in call.timeline if event.kind == "failed"]
    assert failed == dialled


def test_a_caller_who_hangs_up_ends_the_call(call):
    call.hear(INVOICE, now=NOON)
    assert said(call.transfer_failed(TransferOutcome.CALLER_HUNG_UP)) == (
        "contain", "caller_left", None,
    )  # fmt: skip
    assert call.is_over
    assert said(call.hear("hello")) == ("contain", "call_over", None)


def test_a_transfer_that_was_not_begun_cannot_fail(call):
    with pytest.raises(InvalidValueError, match="nothing was being dialled"):
        call.transfer_failed("busy")
    call.hear(INVOICE, now=NOON)
    with pytest.raises(InvalidValueError, match="'engaged' is not how a transfer ends"):
        call.transfer_failed("engaged")


def test_a_partial_transcript_leaves_no_trace(call):
    before = call.to_json()
    provisional = call.hear(INVOICE, final=False, now=NOON)
    assert provisional.outcome is Outcome.TRANSFER
    assert call.to_json() == before


def growing(call, words):
    """Whether the decision is stable at each word of a turn that goes on."""
    said = words.split()
    return [
        call.hear(" ".join(said[:n]), final=False, now=NOON).stable for n in range(1, len(said) + 1)
    ]


def test_a_partial_transcript_says_whether_it_will_stand(engine):
    # The rule is sure from "charge" on; two more words have to leave it so.
    policy = CallPolicy(stable_at=0.5, stable_words=2)
    call = engine.open_call("store-1", policy=policy)
    said = [call.hear(" ".join(INVOICE.split()[:n]), final=False, now=NOON)
            for n in range(1, 9)]  # fmt: skip
    sure = next(i for i, one in enumerate(said) if one.outcome is Outcome.TRANSFER)
    flags = [one.stable for one in said]
    call = engine.open_call("store-1", policy=policy)
    assert growing(call, INVOICE) == flags
    assert not any(flags[: sure + 2])
    assert flags[-1] is True  # "invoice"
    assert flags[INVOICE.split().index("my")] is False  # a sentence does not end with it
    assert call.hear(INVOICE, now=NOON).stable is True
    assert engine.route("store-1", "there is").stable is True


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (CallPolicy(stable_at=1.0, stable_words=0), False),
        (CallPolicy(stable_at=0.5, stable_words=8), False),
        (CallPolicy(stable_at=0.5, stable_words=0), True),
    ],
)
def test_how_sure_and_for_how_long_is_the_policys(engine, policy, expected):
    call = engine.open_call("store-1", policy=policy)
    assert growing(call, INVOICE)[-1] is expected


def test_words_that_were_heard_otherwise_begin_anew(engine):
    policy = CallPolicy(stable_at=0.5, stable_words=2)
    told = f"{INVOICE} from last week"
    for before, expected in ((INVOICE, True), (INVOICE.upper() + ".", True), ("my bill", False)):
        call = engine.open_call("store-1", policy=policy)
        call.hear(before, final=False, now=NOON)
        assert call.hear(told, final=False, now=NOON).stable is expected, before
    call = engine.open_call("store-1", policy=policy)
    call.hear(INVOICE, final=False, now=NOON)
    call.agent_said("one moment", now=NOON)
    assert call.hear(told, final=False, now=NOON).stable is False


def test_what_no_rule_takes_is_not_stable(engine):
    call = engine.open_call("store-1", policy=CallPolicy(stable_at=0.0, stable_words=0))
    for words in ("there is something odd", "great, thanks", "can I talk to a person please"):
        assert call.hear(words, final=False, now=NOON).stable is False


def test_a_partial_transcript_that_may_mean_two_rules_is_not_stable(engine):
    location = engine.location("store-1")
    twins = [
        a_rule("Refunds", "+14155550171", when="asks for money", examples=("give it back",)),
        a_rule("Returns", "+14155550172", when="asks to return", examples=("give it back",)),
    ]
    other = RoutingEngine(
        [a_location("store-1", *twins, default_destination=str(location.default_destination))],
        encoder=HashingEncoder(),
        policy=RoutingPolicy(threshold=0.0),
    )
    call = other.open_call("store-1", policy=CallPolicy(stable_at=0.0, stable_words=0))
    heard = call.hear("give it back", final=False, now=NOON)
    assert (heard.outcome, heard.stable) == (Outcome.CLARIFY, False)


def test_what_was_said_before_counts(engine):
    told = engine.open_call("store-1", now=NOON)
    told.hear("there is a strange charge", now=NOON)
    told.agent_said("oh no", now=NOON)
    assert told.hear("on my invoice", now=NOON).rule.label == "Billing"


def test_a_call_goes_on_in_another_process(engine, call):
    call.hear("change the name on my account", now=NOON)
    twin = engine.resume_call(call.to_json())
    assert twin.to_json() == call.to_json()
    assert said(twin.verified(method="pin", now=NOON)) == said(
        call.verified(method="pin", now=NOON)
    )
    assert (twin.call_id, twin.caller_id) == (call.call_id, "+12025550188")
    with pytest.raises(InvalidValueError):
        engine.resume_call('{"call_id": 3}')
    with pytest.raises(InvalidValueError) as refused:
        engine.resume_call('{"reason": ["my secret"], "rule": 7, "tried": "my secret"}')
    assert "secret" not in str(refused.value)


def test_a_resumed_call_knows_whether_somebody_was_dialled_before(engine):
    call = engine.open_call("store-1", now=NOON)
    call.hear(INVOICE, now=NOON)
    twin = engine.resume_call(call.to_json())
    assert not twin.decision.is_next_in_line
    assert twin.decision.destinations == call.decision.destinations
    assert twin.transfer_failed("busy", now=NOON).is_next_in_line
    assert engine.resume_call(twin.to_json()).decision.is_next_in_line


@pytest.mark.parametrize(("catalog", "moved"), [("kept", False), ("newest", True)])
def test_a_call_keeps_its_catalog_or_moves_to_the_newest(catalog, moved):
    def location(number):
        return a_location("store-1", RULES[0].model_copy(update={"destination": number}))

    old, new = (a_rule(destination=n).destination for n in (BILLING, SECOND))
    made = RoutingEngine([location(old)], encoder=HashingEncoder())
    call = made.open_call("store-1", policy=CallPolicy(catalog=catalog), now=NOON)
    made.replace([location(new)])
    decision = call.hear(INVOICE, now=NOON)
    assert (decision.destination, decision.catalog_version) == ((new, 2) if moved else (old, 1))
    assert call.catalog_version == decision.catalog_version
    assert made.resume_call(call.to_json()).catalog_version == 2


def test_odd_arguments(engine):
    with pytest.raises(UnknownLocationError):
        engine.open_call("store-2")
    with pytest.raises(InvalidValueError):
        engine.open_call("store-1", caller_id=12025550188)
    with pytest.raises(InvalidValueError, match="time zone"):
        engine.open_call("store-1", now=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(InvalidValueError):
        CallPolicy(max_silences=0)


def test_the_words_are_not_shown_by_repr(call):
    call.hear(INVOICE, now=NOON)
    assert "charge" not in repr(call)
    assert call.turns == (("caller", INVOICE),)
    assert call.hear("…", now=NOON).reason in (Reason.EMPTY_UTTERANCE, Reason.FALLBACK)


class CountingEncoder:
    """Counts the texts that it is given."""

    def __init__(self):
        self._encoder = HashingEncoder()
        self.fingerprint = self._encoder.fingerprint
        self.dimension = self._encoder.dimension
        self.n_texts = 0
        self.n_calls = 0

    def encode(self, texts):
        self.n_texts += len(texts)
        self.n_calls += 1
        return self._encoder.encode(texts)


class TestAsking:
    """Of two rules that are alike, the call asks which; once."""

    WORDS = "the blue form"
    BOTH = (
        a_rule("Blue Forms", when="blue form", examples=(), destination=BILLING),
        a_rule("Form Copies", when="form blue", examples=(), destination=SECOND),
    )

    @pytest.fixture
    def encoder(self):
        return CountingEncoder()

    @pytest.fixture
    def asked(self, encoder):
        policy = RoutingPolicy(margin=1.0)
        location = a_location("store-1", *self.BOTH, *RULES[1:], default_destination=DEFAULT)
        engine = RoutingEngine([location], encoder=encoder, policy=policy)
        call = engine.open_call("store-1", now=NOON)
        decision = call.hear(self.WORDS, now=NOON)
        assert decision.outcome is Outcome.CLARIFY
        assert {rule.label for rule in decision.choices} == {"Blue Forms", "Form Copies"}
        call.agent_said(decision.question, now=NOON)
        return call, [rule.label for rule in decision.choices], encoder

    @pytest.mark.parametrize(
        ("answer", "place"), [("the first one", 0), ("uh the second", 1), ("no, the other one", 1)]
    )
    def test_the_answer_decides(self, asked, answer, place):
        call, labels, encoder = asked
        before = encoder.n_texts
        decision = call.hear(answer, now=NOON)
        assert said(decision)[:2] == ("transfer", "rule_matched")
        assert decision.rule.label == labels[place]
        assert encoder.n_texts - before <= 1

    def test_a_label_decides_in_another_process(self, asked):
        call, _, _ = asked
        for label, number in (("Blue Forms", BILLING), ("Form Copies", SECOND)):
            twin = Call.from_json(lambda _, call=call: call._router, call.to_json())
            assert said(twin.hear(label.lower(), now=NOON))[2] == number

    def test_a_partial_answer_leaves_the_question(self, asked):
        call, labels, _ = asked
        before = call.to_json()
        assert call.hear("the first", final=False, now=NOON).rule.label == labels[0]
        assert call.to_json() == before

    def test_neither_stays_with_the_agent(self, asked):
        call, _, _ = asked
        assert said(call.hear("neither of those", now=NOON)) == ("contain", "declined", None)

    def test_it_is_asked_once(self, asked):
        call, _, _ = asked
        again = [call.hear(text, now=NOON) for text in ("yes", self.WORDS, self.WORDS)]
        assert Outcome.CLARIFY not in [decision.outcome for decision in again]

    def test_a_fresh_sentence_is_decided_as_ever(self, asked):
        call, _, _ = asked
        decision = call.hear("representative", now=NOON)
        assert decision.reason is Reason.PERSON_REQUESTED


def test_thanks_ask_nothing_and_cost_nothing():
    encoder = CountingEncoder()
    location = a_location("store-1", *RULES, default_destination=DEFAULT)
    call = RoutingEngine([location], encoder=encoder).open_call("store-1", now=NOON)
    before = encoder.n_calls
    assert said(call.hear("great, thanks a lot", now=NOON)) == ("contain", "nothing_asked", None)
    assert encoder.n_calls == before
    call.hear("how are you doing today", now=NOON)
    assert encoder.n_calls == before + 1
    call.hear("there is a strange charge", final=False, now=NOON)
    assert encoder.n_calls == before + 2


@given(
    st.lists(
        st.sampled_from(
            [INVOICE, "yes", "okay thanks", "neither", "the first one", "never mind", "uh hi",
             "please cancel my membership", "representative", "the form", "when do you open"]
        ),
        max_size=8,
    )
)  # fmt: skip
@examples(60)
def test_a_call_asks_once_and_resumes_as_it_was(texts):
    location = a_location("store-1", *RULES, *TestAsking.BOTH, default_destination=DEFAULT)
    engine = RoutingEngine([location], encoder=HashingEncoder(), policy=RoutingPolicy(margin=1.0))
    call = engine.open_call("store-1", now=NOON)
    asked = 0
    for text in texts:
        twin = engine.resume_call(call.to_json())
        decision = call.hear(text, now=NOON)
        assert said(twin.hear(text, now=NOON)) == said(decision)
        asked += decision.outcome is Outcome.CLARIFY
    assert asked <= 1


class TestClosed:
    """A location that is closed from noon on."""

    AFTER = "+14155550199"
    MORNING = NOON - timedelta(hours=1)
    OPENS = NOON + timedelta(hours=21)

    @pytest.fixture(params=[None, AFTER], ids=["nobody", "a number"])
    def night(self, request):
        emergency = a_rule("Emergency", when="smells gas", destination=SECOND, hours="always")
        location = a_location(
            "store-1", *RULES, emergency, default_destination=DEFAULT, timezone="UTC",
            business_hours="daily 09:00-12:00", after_hours=request.param,
        )  # fmt: skip
        engine = RoutingEngine([location], encoder=HashingEncoder())
        return engine.open_call("store-1", now=self.MORNING), request.param

    def nobody(self, reason, number):
        return ("closed" if number is None else "default", reason, number)

    def test_until_then_it_is_as_ever(self, night):
        call, _ = night
        assert said(call.hear(INVOICE, now=self.MORNING)) == ("transfer", "rule_matched", BILLING)

    def test_small_talk_and_routine_stay_with_the_agent(self, night):
        call, _ = night
        assert call.hear("how are you doing today", now=NOON).outcome is Outcome.CONTAIN
        routine = call.hear("when do you open on sunday", now=NOON)
        assert said(routine) == ("contain", "routine", None)

    def test_whom_the_caller_wants_is_not_there(self, night):
        call, number = night
        decision = call.hear(INVOICE, now=NOON)
        assert said(decision) == self.nobody("outside_hours", number)
        assert decision.rule.label == "Billing"
        assert decision.next_opening == self.OPENS

    def test_an_emergency_rings(self, night):
        call, _ = night
        assert said(call.hear("smells gas", now=NOON)) == ("transfer", "rule_matched", SECOND)

    def test_who_asks_for_a_person_does_not_get_the_default(self, night):
        call, number = night
        decision = call.hear("representative", now=NOON)
        assert said(decision) == self.nobody("person_requested", number)
        assert decision.next_opening == self.OPENS
        assert "The location is closed until Tuesday 2026-03-03 09:00 (UTC)." in decision.explain()

    def test_nor_does_an_agent_that_gives_up(self, night):
        call, number = night
        decisions = [call.agent_failed(now=NOON) for _ in range(CallPolicy().max_agent_failures)]
        assert said(decisions[-1]) == self.nobody("agent_failed", number)
        assert decisions[-1].next_opening == self.OPENS

    def test_a_transfer_that_fails_after_closing_ends_at_the_number(self, night):
        call, number = night
        call.hear(INVOICE, now=self.MORNING)
        tried = [call.transfer_failed("busy", now=NOON) for _ in range(3 if number is None else 4)]
        expected = [SECOND, THIRD, *([] if number is None else [number]), None]
        assert [said(decision)[2] for decision in tried] == expected
        assert tried[-1].reason is Reason.NOBODY_ANSWERED


def test_what_the_agent_said_since_does_not_change_what_the_caller_meant(call):
    call.hear("hmm", now=NOON)
    call.agent_said(INVOICE, now=NOON)
    call.agent_said("one moment", now=NOON)
    assert said(call.verified(method="pin", now=NOON)) == ("contain", "below_threshold", None)


def test_who_goes_on_talking_while_it_rings_is_still_on_the_way_there(call):
    assert said(call.hear(INVOICE, now=NOON)) == ("transfer", "rule_matched", BILLING)
    assert said(call.hear(INVOICE, now=NOON)) == ("transfer", "rule_matched", BILLING)
    assert said(call.transfer_failed("busy", now=NOON)) == ("transfer", "fallback", SECOND)
    assert said(call.hear(INVOICE, now=NOON)) == ("transfer", "fallback", THIRD)
