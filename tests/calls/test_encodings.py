"""How often a call encodes: at most two texts at once a heard turn, and for nothing that only opens a gate."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from routing_engine import HashingEncoder, Outcome, Reason, RoutingEngine, RoutingPolicy
from routing_engine.calls.call import CallPolicy
from tests.support.strategies import a_location, a_rule

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
INVOICE = "there is a strange charge on my invoice"
ACCOUNT = "change the name on my account"
CANCEL = "please cancel my membership"
BOTH = "the blue form"
RULES = (
    a_rule("Billing", when="asks about an invoice", examples=(INVOICE,),
           fallback=("+14155550112",)),
    a_rule("Account", "+14155550104", when="wants to change the account", examples=(ACCOUNT,),
           requires_verification=True, verification_methods=("pin",)),
    a_rule("Cancel", "+14155550105", when="wants to cancel", examples=(CANCEL,),
           requires_confirmation=True),
    a_rule("Blue Forms", "+14155550106", when="blue form"),
    a_rule("Form Copies", "+14155550107", when="form blue"),
)  # fmt: skip


class CountingEncoder(HashingEncoder):
    """Keeps how many texts it was given at each call."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def encode(self, texts):
        self.batches.append(len(texts))
        return super().encode(texts)


class Counted:
    """A call, and how many times its encoder was called since it was last asked."""

    def __init__(self, *, catalog="kept", cache_size=0, margin=0.2):
        # Without a cache, so that nothing is answered from it.
        self.encoder = CountingEncoder()
        self.engine = RoutingEngine(
            [a_location("store-1", *RULES)],
            encoder=self.encoder,
            cache_size=cache_size,
            policy=RoutingPolicy(margin=margin),
        )
        self.call = self.engine.open_call("store-1", policy=CallPolicy(catalog=catalog), now=NOON)
        self._seen = len(self.encoder.batches)

    def n_new(self):
        before, self._seen = self._seen, len(self.encoder.batches)
        return self._seen - before

    def hear(self, words, **options):
        return self.call.hear(words, now=NOON, **options)


@pytest.fixture
def counted():
    return Counted()


@pytest.mark.parametrize("words", [INVOICE, ACCOUNT, CANCEL, "nice weather", "representative"])
def test_a_heard_turn_encodes_once(counted, words):
    counted.hear(words)
    assert counted.n_new() == 1
    counted.call.agent_said("I see", now=NOON)
    counted.hear(f"as I said, {words}")
    assert counted.n_new() == 1
    assert counted.encoder.batches[-1] <= 2  # the conversation, and the turn alone


def test_words_that_still_go_on_are_encoded_once_each(counted):
    counted.hear("hello, one moment please")
    counted.call.agent_said("I see", now=NOON)
    counted.n_new()
    partial = "there is a strange"
    counted.hear(partial, final=False)
    counted.hear(partial, final=False)
    assert counted.n_new() == 1
    provisional = counted.hear(INVOICE, final=False)
    assert counted.n_new() == 1
    assert counted.hear(INVOICE) == provisional  # without being encoded again
    assert counted.n_new() == 0
    counted.call.agent_said("what about it", now=NOON)
    counted.hear(INVOICE, final=False)
    assert counted.n_new() == 1  # after other words it is another conversation
    assert max(counted.encoder.batches[-4:]) <= 2


def test_words_that_still_go_on_are_encoded_once_without_blocking_too(counted):
    async def heard():
        provisional = await counted.call.ahear(INVOICE, final=False, now=NOON)
        assert counted.n_new() == 1
        assert await counted.call.ahear(INVOICE, now=NOON) == provisional
        assert counted.n_new() == 0

    asyncio.run(heard())


@pytest.mark.parametrize("words", ["", "…", "great, thanks a lot"])
def test_words_that_ask_nothing_encode_nothing(counted, words):
    counted.hear(words)
    assert counted.n_new() == 0


def test_a_turn_whose_rule_was_confirmed_before_encodes_once(counted):
    counted.hear(CANCEL)
    counted.call.confirmed(now=NOON)
    counted.n_new()
    assert counted.hear(CANCEL).outcome is Outcome.TRANSFER
    assert counted.n_new() == 1


def test_a_turn_whose_rule_refuses_the_verification_encodes_once(counted):
    counted.call.verified(method="callback", now=NOON)
    assert counted.hear(ACCOUNT).outcome is Outcome.VERIFY
    assert counted.n_new() == 1


def test_a_verification_encodes_nothing(counted):
    assert counted.hear(ACCOUNT).outcome is Outcome.VERIFY
    counted.n_new()
    assert counted.call.not_verified(method="pin", now=NOON).outcome is Outcome.VERIFY
    assert counted.call.verified(method="callback", now=NOON).outcome is Outcome.VERIFY
    assert counted.call.verified(method="pin", now=NOON).outcome is Outcome.TRANSFER
    assert counted.n_new() == 0


def test_a_yes_to_a_transfer_encodes_nothing(counted):
    assert counted.hear(CANCEL).outcome is Outcome.CONFIRM
    counted.n_new()
    assert counted.call.confirmed(now=NOON).outcome is Outcome.TRANSFER
    assert counted.n_new() == 0


def test_a_no_to_a_transfer_encodes_nothing(counted):
    assert counted.hear(CANCEL).outcome is Outcome.CONFIRM
    counted.n_new()
    assert counted.call.declined(now=NOON).reason is Reason.DECLINED
    assert counted.call.confirmed(now=NOON).reason is Reason.DECLINED
    assert counted.n_new() == 0


def test_a_failed_transfer_encodes_nothing(counted):
    counted.hear(INVOICE)
    counted.n_new()
    for reason in (Reason.FALLBACK, Reason.FALLBACK, Reason.NOBODY_ANSWERED):
        assert counted.call.transfer_failed("busy", now=NOON).reason is reason
    assert counted.n_new() == 0


def test_giving_up_encodes_nothing(counted):
    for _ in range(2):
        counted.call.no_response(now=NOON)
        counted.call.agent_failed(now=NOON)
    assert counted.n_new() == 0


@pytest.mark.parametrize(
    ("answer", "label"), [("the first one", 0), ("blue forms", "Blue Forms"), ("neither", None)]
)
def test_an_answer_to_a_question_encodes_nothing(answer, label):
    counted = Counted(margin=1.0)
    asked = counted.hear(BOTH)
    assert asked.outcome is Outcome.CLARIFY
    counted.call.agent_said(asked.question, now=NOON)
    counted.n_new()
    decision = counted.hear(answer)
    assert counted.n_new() == 0
    expected = asked.choices[label].label if label == 0 else label
    assert (decision.rule and decision.rule.label) == expected
    if expected is not None:
        assert decision.confidence == 1.0
        similar = {c.label: c.similarity for c in decision.candidates}
        assert similar == {c.label: c.similarity for c in asked.candidates}
        assert counted.call.verified(method="pin", now=NOON).rule.label == expected
        assert counted.n_new() == 0


def test_a_call_that_goes_on_in_another_process_encodes_its_last_turn_once(counted):
    counted.hear(ACCOUNT)
    counted.call = counted.engine.resume_call(counted.call.to_json())
    counted.n_new()
    assert counted.call.verified(method="callback", now=NOON).outcome is Outcome.VERIFY
    assert counted.n_new() == 1
    assert counted.call.verified(method="pin", now=NOON).outcome is Outcome.TRANSFER
    assert counted.n_new() == 0


def test_an_answer_in_another_process_is_scored_by_the_turn_that_was_asked_about():
    counted = Counted(margin=1.0)
    asked = counted.hear(BOTH)
    twin = counted.engine.resume_call(counted.call.to_json())
    here, there = (call.hear("the first one", now=NOON) for call in (counted.call, twin))
    assert here == there
    assert [c.similarity for c in there.candidates] != []
    late = counted.engine.resume_call(twin.to_json())
    assert late.verified(method="pin", now=NOON) == twin.verified(method="pin", now=NOON)
    assert asked.rule.label == here.rule.label


def test_a_resumed_call_takes_scores_from_the_cache():
    counted = Counted(cache_size=16)
    counted.hear(ACCOUNT)
    counted.n_new()
    twin = counted.engine.resume_call(counted.call.to_json())
    assert twin.verified(method="pin", now=NOON).outcome is Outcome.TRANSFER
    assert counted.n_new() == 0


def test_scores_of_an_older_catalog_are_not_gated_by_a_newer():
    counted = Counted(catalog="newest")
    counted.hear(ACCOUNT)
    moved = a_rule("Account", "+14155550144", when="wants to change the account",
                   examples=(ACCOUNT,))  # fmt: skip
    counted.engine.replace([a_location("store-1", moved)])
    counted.n_new()
    decision = counted.call.verified(method="pin", now=NOON)
    assert (str(decision.destination), decision.catalog_version) == ("+14155550144", 2)
    assert counted.n_new() == 1


def test_what_failed_to_be_scored_is_tried_again():
    class Failing(HashingEncoder):
        fails = False

        def encode(self, texts):
            if self.fails:
                raise RuntimeError
            return super().encode(texts)

    encoder = Failing()
    call = RoutingEngine([a_location("store-1", *RULES)], encoder=encoder).open_call("store-1")
    encoder.fails = True
    assert call.hear(ACCOUNT).reason is Reason.ENGINE_DEGRADED
    encoder.fails = False
    assert call.verified(method="pin").outcome is Outcome.TRANSFER
