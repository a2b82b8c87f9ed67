"""The engine as its user sees it."""

from __future__ import annotations

import asyncio
import logging
import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import (
    Candidate,
    Destination,
    Encoder,
    EncoderError,
    HashingEncoder,
    InvalidValueError,
    Location,
    Outcome,
    Reason,
    RoutingEngine,
    RoutingError,
    RoutingPolicy,
    UnknownLocationError,
)
from routing_engine.deciding.scored import MAX_UTTERANCE_LENGTH
from routing_engine.matching.scoring import rule_texts
from tests.support.decisions import without_id
from tests.support.examples import examples
from tests.support.strategies import (
    FakeEncoder,
    SwitchableEncoder,
    a_location,
    a_rule,
    compiled,
    location_lists,
    number,
    sentences,
    texts,
)

DEFAULT = Destination("+14155550100")
BILLING = a_rule("Billing", "+14155550111", examples=("I was charged twice",))
LEAK = a_rule("Urgent leak", "+14155550112;ext=5", when="water is coming through the ceiling")
SAID = "I was charged twice"


def engine_of(*locations, **options):
    options.setdefault("encoder", HashingEncoder(64))
    return RoutingEngine(locations, **options)


def n_texts(*rules):
    return len({text for rule in rules for text in rule_texts(rule)})


@pytest.fixture
def engine():
    return engine_of(a_location("store-1", BILLING, LEAK), a_location("store-2"))


class TestRoute:
    def test_a_rule_that_matches_gives_its_destination(self, engine):
        decision = engine.route("store-1", SAID)
        assert decision.outcome is Outcome.TRANSFER
        assert decision.reason is Reason.RULE_MATCHED
        assert decision.destination == Destination("+14155550111")
        assert str(decision.destination) == "+14155550111"
        assert decision.rule == BILLING
        assert 0.5 < decision.confidence <= 1.0
        assert decision.threshold is not None
        assert decision.location_id == "store-1"
        assert decision.catalog_version == 1
        assert decision.question is None

    def test_the_extension_is_dialled_too(self, engine):
        decision = engine.route("store-1", LEAK.when)
        assert str(decision.destination) == "+14155550112;ext=5"

    def test_candidates_are_all_rules_most_confident_first(self, engine):
        decision = engine.route("store-1", SAID)
        assert [candidate.label for candidate in decision.candidates] == ["Billing", "Urgent leak"]
        best, other = decision.candidates
        assert isinstance(best, Candidate)
        assert best.confidence == decision.confidence > other.confidence
        assert best.similarity == pytest.approx(1.0, abs=1e-5)
        assert -1.0 <= other.similarity < best.similarity

    def test_no_confident_rule_gives_the_default(self):
        engine = engine_of(a_location("a", BILLING), policy=RoutingPolicy(threshold=1.0))
        decision = engine.route("a", "something else entirely")
        assert (decision.outcome, decision.reason) == (Outcome.DEFAULT, Reason.BELOW_THRESHOLD)
        assert decision.destination == DEFAULT
        assert decision.rule is None
        assert decision.threshold == 1.0
        assert [candidate.label for candidate in decision.candidates] == ["Billing"]

    def test_a_location_without_rules_gives_its_default(self, engine):
        decision = engine.route("store-2", SAID)
        assert (decision.outcome, decision.reason) == (Outcome.DEFAULT, Reason.NO_RULES)
        assert decision.destination == DEFAULT
        assert (decision.confidence, decision.threshold) == (0.0, None)
        assert decision.candidates == ()

    @pytest.mark.parametrize(
        "utterance",
        [
            "",
            " ",
            "\n\t\u00a0\u3000",
            "🔥",
            "👩‍🚒🔥!!",
            "...",
            "\0",
            "\u200b",
            "\ud800",
            " " * 5000,
        ],
    )
    def test_an_utterance_without_a_letter_or_digit_gives_the_default(self, engine, utterance):
        for location_id in ("store-1", "store-2"):
            decision = engine.route(location_id, utterance)
            assert decision.outcome is Outcome.DEFAULT
            assert decision.reason is Reason.EMPTY_UTTERANCE
            assert decision.destination == DEFAULT
            assert decision.confidence == 0.0

    @pytest.mark.parametrize("utterance", ["7", "水", "é", "🔥 fire", "\ud800 fire", "a\0b"])
    def test_a_letter_or_digit_is_enough_to_be_heard(self, engine, utterance):
        assert engine.route("store-1", utterance).reason in (
            Reason.BELOW_THRESHOLD,
            Reason.RULE_MATCHED,
        )

    def test_of_a_long_utterance_the_beginning_is_read(self):
        encoder = FakeEncoder(HashingEncoder(64).encode, dimension=64)
        engine = engine_of(a_location("a", BILLING), encoder=encoder)
        long = f"{SAID} " + "blah " * 20_000
        decision = engine.route("a", long)
        assert [len(text) for text in encoder.calls[-1]] == [MAX_UTTERANCE_LENGTH - 1]
        assert decision == engine.route("a", long[:MAX_UTTERANCE_LENGTH])

    def test_lone_surrogates_reach_no_encoder(self):
        encoder = FakeEncoder(HashingEncoder(64).encode, dimension=64)
        engine = engine_of(a_location("a", BILLING), encoder=encoder)
        assert engine.route("a", f"{SAID} \ud83d").reason is not Reason.ENGINE_DEGRADED
        assert encoder.calls[-1][0].encode() == b"I was charged twice ?"

    @pytest.mark.parametrize("utterance", [None, 5, 1.5, b"charged", ["charged"], object()])
    def test_an_utterance_that_is_not_text_is_refused(self, engine, utterance):
        with pytest.raises(InvalidValueError, match="an utterance is a str, not"):
            engine.route("store-1", utterance)

    @pytest.mark.parametrize("history", [5, None, "hello", b"hello"])
    def test_a_history_of_another_type_is_refused(self, engine, history):
        with pytest.raises(InvalidValueError, match="a history is pairs of"):
            engine.route("store-1", SAID, history=history)

    @pytest.mark.parametrize("deadline_s", [math.inf, -math.inf, math.nan, "1", True])
    def test_a_deadline_that_is_none_is_refused(self, engine, deadline_s):
        with pytest.raises(InvalidValueError, match="deadline_s is a finite number"):
            engine.route("store-1", SAID, deadline_s=deadline_s)
        with pytest.raises(InvalidValueError, match="deadline_s is a finite number"):
            asyncio.run(engine.aroute("store-1", SAID, deadline_s=deadline_s))
        call = engine.open_call("store-1")
        with pytest.raises(InvalidValueError, match="deadline_s is a finite number"):
            asyncio.run(call.ahear(SAID, deadline_s=deadline_s))

    @pytest.mark.parametrize("location_id", [None, 5, b"store-1", ("store-1",)])
    def test_a_location_id_that_is_not_text_is_refused(self, engine, location_id):
        with pytest.raises(InvalidValueError, match="a location id is a str, not"):
            engine.route(location_id, SAID)

    def test_the_encoder_is_called_once_for_each_call_that_needs_it(self):
        encoder = FakeEncoder(HashingEncoder(64).encode, dimension=64)
        engine = engine_of(
            a_location("a", BILLING, LEAK),
            a_location("b"),
            encoder=encoder,
            default_destination="+14155550199",
        )
        encoder.calls.clear()
        engine.route("a", f"  {SAID}\n")
        assert encoder.calls == [[SAID]]
        engine.route("a", " ")
        engine.route("b", SAID)
        engine.route("nowhere", SAID)
        assert encoder.calls == [[SAID]]


class TestUnknownLocation:
    @pytest.mark.parametrize("location_id", ["store-3", "", "STORE-1", "store-1 ", "\ud800"])
    def test_it_is_an_error_where_the_engine_has_no_default(self, engine, location_id):
        with pytest.raises(UnknownLocationError) as caught:
            engine.route(location_id, SAID)
        assert caught.value.location_id == location_id
        assert caught.value.catalog_version == 1
        with pytest.raises(UnknownLocationError):
            engine.route_many([("store-1", SAID), (location_id, SAID)])
        with pytest.raises(UnknownLocationError):
            engine.location(location_id)

    @pytest.mark.parametrize("default", ["+14155550199", Destination("+14155550199")])
    def test_it_goes_to_the_default_of_the_engine(self, default):
        engine = engine_of(a_location("store-1", BILLING), default_destination=default)
        for utterance in (SAID, "", "🔥"):
            decision = engine.route("store-3", utterance)
            assert decision.outcome is Outcome.DEFAULT
            assert decision.reason is Reason.UNKNOWN_LOCATION
            assert decision.destination == Destination("+14155550199")
            assert decision.location_id == "store-3"
            assert engine.route_many([("store-3", utterance)]) == [decision]
        with pytest.raises(UnknownLocationError):
            engine.location("store-3")

    def test_a_known_location_keeps_its_own_default(self):
        engine = engine_of(a_location("store-1"), default_destination="+14155550199")
        assert engine.route("store-1", SAID).destination == DEFAULT


class TestPolicy:
    def test_zero_is_a_threshold_at_every_level(self):
        nothing = "zebra quartz"
        for options, location, rule in (
            ({"policy": RoutingPolicy(threshold=0.0)}, {}, {}),
            ({"policy": RoutingPolicy(threshold=1.0)}, {"threshold": 0.0}, {}),
            ({"policy": RoutingPolicy(threshold=1.0)}, {"threshold": 1.0}, {"threshold": 0.0}),
        ):
            engine = engine_of(a_location("a", a_rule(**rule), **location), **options)
            decision = engine.route("a", nothing)
            assert decision.outcome is Outcome.TRANSFER
            assert decision.threshold == 0.0

    def test_a_rule_overrides_its_location_and_that_the_policy(self):
        engine = engine_of(
            a_location("a", a_rule(threshold=1.0), threshold=0.0),
            a_location("b", a_rule(), threshold=0.25),
            policy=RoutingPolicy(threshold=0.75),
        )
        assert engine.route("a", SAID).threshold == 1.0
        assert engine.route("b", SAID).threshold == 0.25

    def test_two_rules_too_close_are_asked_about(self):
        engine = engine_of(
            a_location(
                "a",
                a_rule("Sales", "+14155550101", when="wants an estimate"),
                a_rule("Estimates", "+14155550102", when="Wants an ESTIMATE now"),
            ),
            policy=RoutingPolicy(threshold=0.0, margin=1.0),
        )
        decision = engine.route("a", "wants an estimate")
        assert (decision.outcome, decision.reason) == (Outcome.CLARIFY, Reason.AMBIGUOUS)
        assert decision.destination == DEFAULT
        assert decision.rule.label == "Sales"
        assert decision.question == (
            "Is this about Sales, such as an estimate, or about Estimates, such as an ESTIMATE now?"
        )

    def test_verification_then_confirmation_then_transfer(self):
        rule = a_rule(requires_verification=True, requires_confirmation=True, threshold=0.0)
        engine = engine_of(a_location("a", rule))
        asked = engine.route("a", SAID)
        assert (asked.outcome, asked.reason) == (Outcome.VERIFY, Reason.VERIFICATION_REQUIRED)
        assert (asked.destination, asked.question, asked.rule) == (None, None, rule)
        asked = engine.route("a", SAID, verified=True)
        assert (asked.outcome, asked.reason) == (Outcome.CONFIRM, Reason.CONFIRMATION_REQUIRED)
        assert asked.destination is None
        assert asked.question == "Shall I connect you with Billing?"
        done = engine.route("a", SAID, verified=True, confirmed=True)
        assert done.outcome is Outcome.TRANSFER
        assert done.destination == Destination("+14155550111")
        assert asyncio.run(engine.aroute("a", SAID, verified=True, confirmed=True)) == done

    def test_routine_business_and_disabled_rules_go_to_the_default(self):
        engine = engine_of(
            a_location("a", a_rule(threshold=0.0, action="contain", destination=None)),
            a_location("b", a_rule(threshold=0.0, enabled=False)),
        )
        for name, reason in (("a", Reason.ROUTINE), ("b", Reason.RULE_DISABLED)):
            decision = engine.route(name, SAID)
            assert (decision.outcome, decision.reason) == (Outcome.DEFAULT, reason)
            assert decision.destination == DEFAULT
            assert decision.rule.label == "Billing"

    @examples(40)
    @given(
        location_lists,
        sentences | texts,
        st.sampled_from((0.0, 0.2, 0.5)),
        st.sampled_from((0.5, 0.9, 1.0)),
        st.sampled_from(
            (datetime(2026, 3, 1, 3, tzinfo=UTC), datetime(2026, 3, 2, 18, tzinfo=UTC))
        ),
    )
    def test_a_higher_threshold_only_adds_defaults(self, locations, said, low, high, now):
        columns = compiled(*locations)
        loose, strict = (
            RoutingEngine(
                columns, encoder=HashingEncoder(8), policy=RoutingPolicy(threshold=threshold)
            )
            for threshold in (low, high)
        )
        for location in locations:
            before = loose.route(location.location_id, said, now=now)
            after = strict.route(location.location_id, said, now=now)
            # What no rule takes at a closed location is outside hours as well.
            is_below = after.reason in (Reason.BELOW_THRESHOLD, Reason.OUTSIDE_HOURS)
            if after.rule is not None or not is_below:
                assert (after.outcome, after.destination, after.rule) == (
                    before.outcome,
                    before.destination,
                    before.rule,
                )


def raises(error):
    def fail(texts):
        raise error(f"cannot encode {texts}")

    return fail


FAILURES = {
    "raises": raises(RuntimeError),
    "no memory": raises(MemoryError),
    "not a number": lambda texts: np.full((len(texts), 64), np.nan, np.float32),
    "infinite": lambda texts: np.full((len(texts), 64), np.inf, np.float32),
    "zero": lambda texts: np.zeros((len(texts), 64), np.float32),
    "other dimension": lambda texts: np.eye(len(texts), 32, dtype=np.float32),
    "too few": lambda texts: np.empty((0, 64), np.float32),
    "nothing": lambda texts: None,
    "text": lambda texts: texts,
}


class TestDegraded:
    @pytest.fixture(params=FAILURES)
    def degraded(self, request):
        encoder = SwitchableEncoder(64)
        engine = engine_of(
            a_location("store-1", BILLING, LEAK), a_location("store-2"), encoder=encoder
        )
        encoder.failure = FAILURES[request.param]
        return engine

    def test_the_caller_goes_to_the_default(self, degraded):
        decision = degraded.route("store-1", SAID)
        assert (decision.outcome, decision.reason) == (Outcome.DEFAULT, Reason.ENGINE_DEGRADED)
        assert decision.destination == DEFAULT
        assert decision.rule is None
        assert degraded.route_many([("store-1", SAID)]) == [decision]
        assert asyncio.run(degraded.aroute("store-1", SAID)) == decision

    def test_what_needs_no_encoder_is_answered_as_ever(self, degraded):
        assert degraded.route("store-1", "").reason is Reason.EMPTY_UTTERANCE
        assert degraded.route("store-2", SAID).reason is Reason.NO_RULES
        assert [
            decision.reason
            for decision in degraded.route_many(
                [("store-2", SAID), ("store-1", SAID), ("store-1", "")]
            )
        ] == [Reason.NO_RULES, Reason.ENGINE_DEGRADED, Reason.EMPTY_UTTERANCE]

    def test_it_is_logged_without_the_words_said(self, degraded, caplog):
        with caplog.at_level(logging.DEBUG):
            degraded.route("store-1", SAID)
            degraded.route_many([("store-1", SAID)])
        assert [(r.name, r.levelname) for r in caplog.records] == [
            ("routing_engine.deciding.router", "ERROR")
        ] * 2
        assert "engine_degraded" in caplog.text
        for private in ("charged", "twice", "5550100", "5550111"):
            assert private not in caplog.text

    def test_it_recovers_by_itself(self, degraded):
        degraded.route("store-1", SAID)
        degraded.encoder.failure = None
        assert degraded.route("store-1", SAID).outcome is Outcome.TRANSFER

    def test_a_replacement_fails_and_the_catalog_stays(self, degraded):
        with pytest.raises(Exception, match=r".*"):
            degraded.replace([a_location("store-9", a_rule("Quite another"))])
        degraded.encoder.failure = None
        assert degraded.catalog_version == 1
        assert degraded.location_ids() == ("store-1", "store-2")
        assert degraded.route("store-1", SAID).outcome is Outcome.TRANSFER

    def test_an_index_that_refuses_the_query_degrades_too(self, caplog):
        encoder = FakeEncoder(HashingEncoder(8).encode)
        engine = engine_of(a_location("a", BILLING), encoder=encoder)
        encoder.dimension, encoder.answer = 9, HashingEncoder(9).encode
        decision = engine.route("a", SAID)
        assert decision.reason is Reason.ENGINE_DEGRADED
        assert decision.destination == DEFAULT
        assert engine.route_many([("a", SAID)]) == [decision]
        assert "engine_degraded" in caplog.text

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
    def test_a_process_that_is_told_to_stop_stops(self, error):
        encoder = SwitchableEncoder(64)
        engine = engine_of(a_location("a", BILLING), encoder=encoder)
        encoder.failure = raises(error)
        with pytest.raises(error):
            engine.route("a", SAID)

    def test_one_utterance_that_fails_does_not_degrade_its_neighbours(self):
        hashing = HashingEncoder(64)

        def answer(texts):
            if "poison" in texts:
                raise RuntimeError
            return hashing.encode(texts)

        engine = engine_of(a_location("a", BILLING), encoder=FakeEncoder(answer, dimension=64))
        queries = [("a", SAID), ("a", "poison"), ("a", "something else")]
        one_by_one = [engine.route(*query) for query in queries]
        assert [decision.reason for decision in one_by_one].count(Reason.ENGINE_DEGRADED) == 1
        assert engine.route_many(queries) == one_by_one


class TestRouteMany:
    @examples(40)
    @given(location_lists, st.lists(sentences | texts | st.just(""), max_size=5), st.data())
    def test_it_answers_as_route_does(self, locations, said, data):
        engine = RoutingEngine(
            locations, encoder=HashingEncoder(8), default_destination="+14155550199"
        )
        ids = st.sampled_from([location.location_id for location in locations] + ["nowhere"])
        queries = [(data.draw(ids), utterance) for utterance in said]
        assert engine.route_many(iter(queries)) == [engine.route(*query) for query in queries]

    def test_each_distinct_utterance_is_embedded_once(self, engine):
        before = engine.encoder.n_encoded
        decisions = engine.route_many(
            [("store-1", SAID)] * 50
            + [("store-1", f" {SAID}\n"), ("store-1", "a leak"), ("store-1", "")]
            + [("store-2", "no rules here")]
        )
        assert engine.encoder.n_encoded == before + 2
        assert len(decisions) == 54
        assert {decision.location_id for decision in decisions[:53]} == {"store-1"}

    def test_nothing_asked_is_nothing_answered(self, engine):
        before = engine.encoder.n_encoded
        assert engine.route_many([]) == []
        assert engine.encoder.n_encoded == before

    def test_one_wrong_query_refuses_all_before_anything_is_embedded(self, engine):
        before = engine.encoder.n_encoded
        with pytest.raises(InvalidValueError):
            engine.route_many([("store-1", SAID), ("store-1", None)])
        assert engine.encoder.n_encoded == before


class TestLookup:
    def test_locations_are_known_by_id(self, engine):
        assert engine.location("store-1") == a_location("store-1", BILLING, LEAK)
        assert engine.location_ids() == ("store-1", "store-2")
        assert len(engine) == 2
        assert "store-1" in engine
        assert "store-3" not in engine
        assert None not in engine
        assert 5 not in engine
        assert repr(engine) == "<RoutingEngine: 2 locations, catalog version 1>"
        assert engine.columns.n_rules == 2

    @pytest.mark.parametrize("location_id", [None, 5, b"store-1"])
    def test_looking_up_what_is_no_id_is_an_error_of_this_library(self, engine, location_id):
        with pytest.raises(RoutingError):
            engine.location(location_id)

    def test_an_engine_without_locations_knows_none(self):
        engine = engine_of()
        assert (len(engine), engine.location_ids()) == (0, ())
        with pytest.raises(UnknownLocationError):
            engine.route("a", SAID)


class TestBuild:
    def test_locations_may_be_any_iterable_or_columns(self):
        made = [a_location("a", BILLING), a_location("b", LEAK)]
        for given_as in (made, tuple(made), iter(made), compiled(*made)):
            engine = RoutingEngine(given_as, encoder=HashingEncoder(8))
            assert [engine.location(name) for name in ("a", "b")] == made

    def test_each_distinct_text_is_embedded_once(self):
        encoder = HashingEncoder(64)
        engine_of(
            *(a_location(f"store-{i}", BILLING, LEAK) for i in range(20)),
            a_location("other", BILLING),
            encoder=encoder,
        )
        assert encoder.n_encoded == n_texts(BILLING, LEAK)

    def test_the_same_id_twice_is_refused(self):
        with pytest.raises(InvalidValueError, match="same location_id"):
            engine_of(a_location("a"), a_location("a"))

    @pytest.mark.parametrize("failure", FAILURES)
    def test_an_encoder_that_misbehaves_is_an_error(self, failure):
        encoder = SwitchableEncoder(64)
        encoder.failure = FAILURES[failure]
        expected = {"raises": RuntimeError, "no memory": MemoryError}.get(failure, EncoderError)
        with pytest.raises(expected):
            engine_of(a_location("a", BILLING), encoder=encoder)

    def test_an_invalid_default_destination_is_refused(self):
        with pytest.raises(InvalidValueError, match="no country code"):
            engine_of(default_destination="911")

    @pytest.mark.parametrize(
        "options",
        [
            {"default_destination": 14155550100},
            {"policy": 0.5},
            {"policy": {"threshold": 0.5}},
            {"encoder": "all-MiniLM-L6-v2"},
        ],
        ids=str,
    )
    def test_an_argument_of_another_type_is_refused(self, options):
        with pytest.raises(RoutingError):
            engine_of(a_location("a"), **options)

    @pytest.mark.parametrize("locations", [5, None, "store-1", [a_location("a"), "b"]])
    def test_what_are_no_locations_is_refused(self, locations):
        with pytest.raises(InvalidValueError):
            RoutingEngine(locations, encoder=HashingEncoder(8))

    def test_the_shipped_fake_is_an_encoder(self, engine):
        assert isinstance(engine.encoder, Encoder)

    def test_from_csv_reads_a_sheet(self, tmp_path):
        sheet = tmp_path / "sheet.csv"
        sheet.write_text(
            "location_id,default_destination,label,when,destination\n"
            "store-1,+14155550100,Billing,caller asks about billing,(415) 555-0111\n"
        )
        engine = RoutingEngine.from_csv(sheet, encoder=HashingEncoder(64))
        assert engine.location("store-1") == a_location("store-1", a_rule())
        assert engine.route("store-1", "caller asks about billing").rule == a_rule()
        assert engine.import_report is not None


class TestReplace:
    def test_the_new_catalog_answers_and_the_version_rises(self, engine):
        assert engine.replace([a_location("store-3", LEAK)]) == 2
        assert engine.catalog_version == 2
        assert engine.location_ids() == ("store-3",)
        assert engine.route("store-3", LEAK.when).catalog_version == 2
        with pytest.raises(UnknownLocationError, match="catalog version 2"):
            engine.route("store-1", SAID)

    def test_new_numbers_alone_embed_nothing(self, engine):
        before = engine.encoder.n_encoded
        moved = a_rule("Billing", "+14155550177", examples=("I was charged twice",))
        engine.replace([a_location("store-1", moved, LEAK), a_location("new", BILLING, LEAK)])
        assert engine.encoder.n_encoded == before
        assert engine.route("store-1", SAID).destination == Destination("+14155550177")
        assert engine.route("new", SAID).destination == Destination("+14155550111")

    def test_new_gates_alone_embed_nothing(self, engine):
        before = engine.encoder.n_encoded
        gated = a_rule("Billing", examples=("I was charged twice",), requires_confirmation=True)
        engine.replace([a_location("store-1", gated, LEAK)])
        assert engine.encoder.n_encoded == before
        assert engine.route("store-1", SAID).outcome is Outcome.CONFIRM

    def test_only_rule_tables_that_are_new_are_embedded(self, engine):
        before = engine.encoder.n_encoded
        new = [a_rule("Sales"), a_rule("Parts", when="needs a spare part")]
        engine.replace(
            [
                a_location("store-1", BILLING, LEAK),
                *(a_location(f"new-{i}", *new) for i in range(10)),
            ]
        )
        assert engine.encoder.n_encoded == before + n_texts(*new)

    @examples(30)
    @given(location_lists, location_lists, sentences | texts)
    def test_a_replaced_catalog_answers_as_one_built_afresh(self, first, second, said):
        encoder = HashingEncoder(8)
        engine = RoutingEngine(first, encoder=encoder)
        engine.replace(second)
        fresh = RoutingEngine(second, encoder=encoder)
        for location in second:
            one = without_id(engine.route(location.location_id, said))
            other = without_id(fresh.route(location.location_id, said))
            assert {**one, "catalog_version": 1} == other

    def test_a_replacement_that_is_refused_changes_nothing(self, engine):
        with pytest.raises(InvalidValueError):
            engine.replace([a_location("a"), a_location("a")])
        with pytest.raises(InvalidValueError):
            engine.replace(["a"])
        assert engine.catalog_version == 1
        assert engine.route("store-1", SAID).outcome is Outcome.TRANSFER
        assert engine.replace([]) == 2


def test_aroute_answers_as_route_does(engine):
    assert asyncio.run(engine.aroute("store-1", SAID)) == engine.route("store-1", SAID)
    with pytest.raises(UnknownLocationError):
        asyncio.run(engine.aroute("nowhere", SAID))


def test_many_numbers_come_back_as_they_were_given():
    made = [
        a_location(f"store-{i}", a_rule(destination=number(2 * i)), default_destination=number(i))
        for i in range(500)
    ]
    engine = engine_of(*made)
    for i in range(0, 500, 7):
        decision = engine.route(f"store-{i}", "caller asks about billing")
        assert str(decision.destination) == number(2 * i)
        assert str(engine.route(f"store-{i}", "").destination) == number(i)


@pytest.mark.model
@pytest.mark.parametrize("shipped", [True, False], ids=["shipped", "reference"])
def test_callers_are_routed_by_meaning(shipped, reference_encoder):
    engine = RoutingEngine(
        [
            a_location(
                "store-0042",
                a_rule("Billing", "+14155550111", when="caller asks about an invoice or charge"),
                a_rule("Emergency", "+14155550112", when="flooding, a leak or burst pipe"),
            )
        ],
        encoder=None if shipped else reference_encoder,
    )
    decision = engine.route("store-0042", "hi, there's a charge here I don't recognise")
    assert decision.destination == Destination("+14155550111")
    decision = engine.route("store-0042", "please hurry, water is pouring out of the wall")
    assert decision.candidates[0].label == "Emergency"


@pytest.mark.parametrize("value", [None, "no", 1, [], b"x"])
@pytest.mark.parametrize("name", ["verified", "confirmed"])
def test_what_is_neither_true_nor_false_is_not_taken_for_either(name, value):
    engine = RoutingEngine(
        [Location(location_id="a", default_destination="+14155550100", rules=[])],
        encoder=HashingEncoder(),
    )
    with pytest.raises(InvalidValueError, match=f"{name} is True or False"):
        engine.route("a", "hello", **{name: value})
    with pytest.raises(InvalidValueError, match=name):
        asyncio.run(engine.aroute("a", "hello", **{name: value}))
    assert engine.route("a", "hello", **{name: np.bool_(True)}).destination is not None


@pytest.mark.parametrize("queries", [None, 5, [1], ["abc"], [("a",)], [("a", "b", "c")]])
def test_queries_that_are_no_pairs_are_refused(queries):
    engine = RoutingEngine(encoder=HashingEncoder())
    with pytest.raises(InvalidValueError, match="pairs of location id and utterance"):
        engine.route_many(queries)
