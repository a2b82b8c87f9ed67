"""Calls without an agent, without blocking, resumed elsewhere; and yes and no as words."""

from __future__ import annotations

import asyncio
import json

import pytest

from routing_engine import (
    Call,
    HashingEncoder,
    InvalidValueError,
    Outcome,
    Reason,
    RoutingEngine,
    UnknownLocationError,
)
from tests.support.strategies import a_location, a_rule

LINE = "+14155550199"
BILLING, SECOND, THIRD, DEFAULT = "+14155550111", "+14155550112", "+14155550113", "+14155550100"
CHARGE = "there is a charge on my invoice"
MOVE = "caller moves house"
SECRET = "caller wants a secret"


@pytest.fixture(scope="module")
def engine():
    return RoutingEngine(
        [
            a_location(
                "a",
                a_rule(
                    "Billing", BILLING, examples=(CHARGE,), fallback=(SECOND,),
                    ring_timeouts_s=(15, 20), required_details=("account number",),
                ),
                a_rule("Moves", THIRD, when=MOVE, requires_confirmation=True),
                a_rule("Secrets", THIRD, when=SECRET, requires_verification=True),
                default_destination=DEFAULT,
                lines=(LINE, "2204"),
            ),
            a_location("b"),
        ],
        encoder=HashingEncoder(),
    )  # fmt: skip


def told(decision):
    destination = decision.destination
    return decision.outcome, decision.reason, None if destination is None else str(destination)


class TestWhoWasCalled:
    @pytest.mark.parametrize("called", [LINE, "(415) 555-0199", f"sip:{LINE}@pbx.example", "2204"])
    def test_the_location_is_the_one_whose_line_was_called(self, engine, called):
        call = engine.open_call(called=called)
        assert call.location_id == "a"
        decision = call.hear(CHARGE)
        assert decision.location_id == "a"
        assert json.loads(call.handoff(decision).to_json())["location_id"] == "a"

    def test_a_location_that_is_named_goes_before_its_line(self, engine):
        assert engine.open_call("b", called=LINE).location_id == "b"

    def test_without_a_known_line_no_call_is_opened_and_no_number_told(self, engine):
        with pytest.raises(UnknownLocationError) as caught:
            engine.open_call(called="+14155550198")
        assert "+14155550198" not in str(caught.value)
        with pytest.raises(InvalidValueError, match="location_id, or the line"):
            engine.open_call()


class TestWithoutAnAgent:
    def test_a_rule_transfers_and_a_failure_moves_on_to_the_end(self, engine):
        call = engine.open_call("a", agent=False)
        decision = call.hear(CHARGE)
        assert told(decision) == (Outcome.TRANSFER, Reason.RULE_MATCHED, BILLING)
        assert [(str(to), seconds) for to, seconds in decision.destinations] == [
            (BILLING, 15), (SECOND, 20), (DEFAULT, 25)
        ]  # fmt: skip
        assert decision.decision_id == f"{call.call_id}-1"
        tried = [str(call.transfer_failed(how).destination) for how in ("busy", "no_answer")]
        assert tried == [SECOND, DEFAULT]
        assert told(call.transfer_failed("busy")) == (
            Outcome.DEFAULT, Reason.NOBODY_ANSWERED, None
        )  # fmt: skip

    @pytest.mark.parametrize("words", ["", "thanks, bye", "hello?", "zebras xylophones quartz"])
    def test_whatever_was_said_somebody_is_found(self, engine, words):
        decision = engine.open_call("a", agent=False).hear(words)
        assert (decision.outcome, str(decision.destination)) == (Outcome.DEFAULT, DEFAULT)
        assert told(decision)[:2] == told(engine.route("a", words))[:2]

    @pytest.mark.parametrize(
        ("words", "reason"),
        [(MOVE, Reason.CONFIRMATION_REQUIRED), (SECRET, Reason.VERIFICATION_REQUIRED)],
    )
    def test_what_only_an_agent_could_ask_goes_to_the_default(self, engine, words, reason):
        decision = engine.open_call("a", agent=False).hear(words)
        assert told(decision) == (Outcome.DEFAULT, reason, DEFAULT)

    def test_one_silence_is_enough_and_a_hang_up_ends_it(self, engine):
        call = engine.open_call("a", agent=False)
        assert told(call.no_response()) == (Outcome.DEFAULT, Reason.NO_RESPONSE, DEFAULT)
        assert told(call.transfer_failed("caller_hung_up")) == (
            Outcome.CONTAIN, Reason.CALLER_LEFT, None
        )  # fmt: skip
        assert call.is_over

    def test_it_goes_on_in_another_process(self, engine):
        call = engine.resume_call(engine.open_call("a", agent=False).to_json())
        assert not call.has_agent
        assert call.hear("zebras").outcome is Outcome.DEFAULT


class TestWithoutBlocking:
    def test_the_same_decisions_as_one_by_one(self, engine):
        said = ("hello", "I would like some help", CHARGE, MOVE, "yes please", "thanks, bye")

        async def play():
            call = engine.open_call("a")
            return [await call.ahear(words) for words in said]

        call = engine.open_call("a")
        assert asyncio.run(play()) == [call.hear(words) for words in said]

    def test_partial_transcripts_are_heard_while_others_are_and_keep_nothing(self, engine):
        async def play():
            call = engine.open_call("a")
            partial = await asyncio.gather(
                *(call.ahear(CHARGE[:n], final=False) for n in range(5, len(CHARGE), 5))
            )
            assert call.turns == ()
            return partial, await asyncio.gather(call.ahear("one"), call.ahear("two")), call

        partial, _, call = asyncio.run(play())
        assert {decision.decision_id for decision in partial} == {""}
        assert [words for _, words in call.turns] == ["one", "two"]

    def test_friends(self, engine):
        async def play():
            call = engine.open_call("a")
            asked = [await call.ahear(MOVE), await call.aconfirmed()]
            other = engine.open_call("a")
            asked += [await other.ahear(MOVE), await other.adeclined()]
            third = engine.resume_call(await_json(engine, SECRET))
            asked += [await third.anot_verified(method="pin"), await third.averified(method="pin")]
            return [decision.outcome for decision in asked]

        assert asyncio.run(play()) == [
            Outcome.CONFIRM, Outcome.TRANSFER, Outcome.CONFIRM, Outcome.CONTAIN, Outcome.VERIFY,
            Outcome.TRANSFER,
        ]  # fmt: skip

    def test_a_deadline_that_passes_is_answered_with_a_reason(self, engine):
        async def play():
            return await engine.open_call("a", agent=False).ahear("a sentence", deadline_s=1e-9)

        assert told(asyncio.run(play())) == (Outcome.DEFAULT, Reason.DEADLINE_EXCEEDED, DEFAULT)


def await_json(engine, *said):
    call = engine.open_call("a")
    for words in said:
        call.hear(words)
    return call.to_json()


class TestResumed:
    @pytest.mark.parametrize("words", [CHARGE, MOVE, SECRET, "hello", "zebras, to a human please"])
    def test_the_last_decision_its_chain_and_its_handoff_are_there(self, engine, words):
        call = engine.open_call("a", caller_id="+12025550188")
        before = call.hear(words)
        after = engine.resume_call(call.to_json())
        assert after.decision == before
        assert after.decision.decision_id == before.decision_id
        assert after.decision.destinations == before.destinations
        assert after.decision.concerned == before.concerned
        assert after.handoff(after.decision) == call.handoff(before)
        assert engine.resume_call(after.to_json()).decision == before
        assert after.decision.explain()

    def test_so_is_one_of_a_chain_and_of_its_end(self, engine):
        call = engine.open_call("a")
        call.hear(CHARGE)
        for how in ("busy", "busy", "busy"):
            before = call.transfer_failed(how)
            call = engine.resume_call(call.to_json())
            assert (call.decision, call.decision.is_end_of_chain) == (
                before, before.is_end_of_chain
            )  # fmt: skip
            assert call.decision.missing == before.missing

    def test_a_call_without_a_decision_has_none(self, engine):
        call = engine.open_call("a")
        assert (call.decision, engine.resume_call(call.to_json()).decision) == (None, None)

    def test_a_rule_that_is_gone_leaves_the_rest(self, engine):
        call = engine.open_call("a")
        before = call.hear(CHARGE)
        other = RoutingEngine(
            [a_location("a", default_destination=DEFAULT)], encoder=engine.encoder
        )
        after = other.resume_call(call.to_json()).decision
        assert (after.rule, after.destinations) == (None, before.destinations)


class TestYesAndNo:
    @pytest.mark.parametrize("resumed", [False, True])
    def test_yes_please_transfers_and_no_stays(self, engine, resumed):
        for words, outcome, destination in (
            ("yes please", Outcome.TRANSFER, THIRD),
            ("no, don't", Outcome.CONTAIN, None),
        ):
            call = engine.open_call("a")
            call.hear("hello there")
            assert call.hear(MOVE).outcome is Outcome.CONFIRM
            assert call.is_confirming
            if resumed:
                call = engine.resume_call(call.to_json())
                assert call.is_confirming
            assert told(call.hear(words, final=False)) == (
                outcome, *told(call.hear(words, final=False))[1:]
            )  # fmt: skip
            decision = call.hear(words)
            assert (decision.outcome, told(decision)[2]) == (outcome, destination)
            assert call.turns[-1] == ("caller", words)
            assert not call.is_confirming

    def test_who_says_more_is_heard_anew(self, engine):
        call = engine.open_call("a")
        call.hear(MOVE)
        decision = call.hear(f"yes, but first, {CHARGE}")
        assert THIRD not in str(decision.destination)
        assert not call.is_confirming

    def test_without_a_question_yes_is_no_answer(self, engine):
        call = engine.open_call("a")
        assert call.hear("yes please").outcome is Outcome.CONTAIN

    def test_a_verification_after_a_yes_decides_on_what_was_told(self, engine):
        call = engine.open_call("a")
        call.hear(MOVE)
        call.hear("yes please")
        again = engine.resume_call(call.to_json()).verified(method="pin")
        assert (again.outcome, again.rule.label) == (Outcome.TRANSFER, "Moves")


class TestTheSkill:
    def ask(self, skill, words, **more):
        return skill({"words": words, "reason": "because", **more})

    def test_confirmation_ends_in_the_loop_of_the_model(self, engine):
        for words, confirmed, action in (
            ("yes please", None, "transfer"),
            ("claro que sí", True, "transfer"),
            ("mejor no", False, "contain"),
            ("no, don't", True, "contain"),  # the caller's words count before the model's
        ):
            call = engine.open_call("a")
            skill = engine.skill("a", call=call)
            assert self.ask(skill, MOVE)["action"] == "confirm"
            answer = self.ask(skill, words, confirmed=confirmed)
            assert (answer["action"], call.turns[-1]) == (action, ("caller", words))

    def test_a_yes_that_nobody_asked_for_confirms_nothing(self, engine):
        skill = engine.skill("a", call=engine.open_call("a"))
        assert self.ask(skill, MOVE, confirmed=True)["action"] == "confirm"

    def test_details_end_in_the_loop_of_the_model(self, engine):
        call = engine.open_call("a")
        skill = engine.skill("a", call=call)
        first = self.ask(skill, CHARGE)
        assert (first["action"], first["missing"]) == ("transfer", ["account number"])
        answer = self.ask(
            skill, "it is A B twelve",
            details=[{"name": "Account Number", "value": "AB-12"}, {"name": "x", "value": "y"}],
        )  # fmt: skip
        assert (answer["action"], answer["missing"]) == ("transfer", [])
        assert call.details == {"Account Number": "AB-12"}
        assert str(skill.resolve(answer["destination_id"])) == BILLING
        assert call.timeline[-1].kind == "decided"

    def test_without_a_call_the_words_hold_the_whole_story(self, engine):
        skill = engine.skill("a")
        assert self.ask(skill, MOVE)["action"] == "confirm"
        assert self.ask(skill, MOVE, confirmed=True)["action"] == "transfer"
        assert self.ask(skill, MOVE, confirmed=False)["action"] == "contain"
        named = [{"name": "account number", "value": "AB-12"}]
        assert self.ask(skill, CHARGE, details=named)["missing"] == []

    def test_verification_stays_outside_the_models_reach(self, engine):
        skill = engine.skill("a", call=engine.open_call("a"))
        assert self.ask(skill, SECRET, confirmed=True)["action"] == "verify"
        assert "error" in self.ask(skill, SECRET, verified=True)

    @pytest.mark.parametrize(
        "more",
        [
            {"confirmed": "yes"}, {"confirmed": 1}, {"details": {"a": "b"}}, {"details": [["a", "b"]]},
            {"details": [{"name": "a"}]}, {"details": [{"name": "a", "value": 5}]},
            {"details": [{"name": "!", "value": "b"}]}, {"details": [{"name": "a", "value": "b"}] * 17},
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_said_and_not_quoted(self, engine, more):
        answer = self.ask(engine.skill("a"), CHARGE, **more)
        assert list(answer) == ["error"]

    def test_a_call_of_the_tool_that_is_repeated_elsewhere_dials_nobody_beside(self, engine):
        call = engine.open_call("a")
        secret = b"sixteen bytes or more"
        first = self.ask(engine.skill("a", call=call, secret=secret), CHARGE)
        resumed = engine.resume_call(call.to_json())
        skill = engine.skill("a", call=resumed, secret=secret)
        assert skill.decision == call.decision
        again = self.ask(skill, CHARGE)
        assert (again["action"], len(resumed.turns)) == ("transfer", 1)
        for answer in (first, again):
            assert str(skill.resolve(answer["destination_id"])) == BILLING

    def test_the_loop_does_not_block(self, engine):
        async def play():
            skill = engine.skill("a", call=engine.open_call("a"))
            first = await skill.ahandle({"words": MOVE, "reason": "x"})
            return first, await skill.ahandle({"words": "yes please", "reason": "x"})

        assert [answer["action"] for answer in asyncio.run(play())] == ["confirm", "transfer"]


def test_a_record_that_was_written_before_resumes(engine):
    record = json.loads(engine.open_call("a").to_json())
    for name in ("agent", "confirming", "n_answers", "last"):
        del record[name]
    call = engine.resume_call(json.dumps(record))
    assert isinstance(call, Call)
    assert (call.has_agent, call.decision) == (True, None)
