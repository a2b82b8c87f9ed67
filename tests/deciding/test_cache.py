"""The score cache: what is kept, by what, for how long, and what is not."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import (
    Decision,
    HashingEncoder,
    InvalidValueError,
    Outcome,
    Reason,
    RoutingEngine,
    RoutingError,
    RoutingPolicy,
)
from routing_engine.deciding.cache import ScoreCache
from tests.support.processes import run
from tests.support.strategies import FakeEncoder, SwitchableEncoder, a_location, a_rule, number

SAID = "I was charged twice"
BILLING = a_rule("Billing", examples=(SAID,))
LEAK = a_rule("Leak", "+14155550112", when="water is coming through the ceiling")


def a_decision(i=0):
    return Decision(Outcome.DEFAULT, Reason.NO_RULES, None, f"store-{i}", 1)


def key(i):
    return i.to_bytes(16, "big")


class TestKept:
    def test_what_was_put_comes_back_as_it_is(self):
        recent = ScoreCache(3)
        decision = a_decision()
        recent.put(key(1), decision)
        assert recent.get(key(1)) is decision
        assert recent.get(key(2)) is None
        assert len(recent) == 1

    def test_the_one_not_asked_for_longest_goes_first(self):
        recent = ScoreCache(3)
        decisions = [a_decision(i) for i in range(5)]
        for i in range(3):
            recent.put(key(i), decisions[i])
        recent.get(key(0))
        recent.put(key(3), decisions[3])
        assert [recent.get(key(i)) for i in range(4)] == [
            decisions[0],
            None,
            decisions[2],
            decisions[3],
        ]
        recent.put(key(4), decisions[4])
        assert recent.get(key(0)) is None
        assert len(recent) == 3

    @given(st.integers(1, 4), st.lists(st.integers(0, 5), max_size=40))
    def test_it_holds_those_asked_for_last_and_no_more(self, size, asked):
        recent = ScoreCache(size)
        model = OrderedDict()
        for i in asked:
            found = recent.get(key(i))
            assert (None if found is None else found.location_id) == model.get(i)
            if i not in model:
                recent.put(key(i), a_decision(i))
                model[i] = f"store-{i}"
            model.move_to_end(i)
            while len(model) > size:
                model.popitem(last=False)
            assert len(recent) == len(model)

    def test_none_is_kept_where_none_may_be(self):
        recent = ScoreCache(0)
        recent.put(key(1), a_decision())
        assert recent.get(key(1)) is None
        assert len(recent) == 0

    def test_a_size_below_nought_is_refused(self):
        with pytest.raises(InvalidValueError, match=r"cache_size must be .*at least 0, not -1"):
            ScoreCache(-1)
        with pytest.raises(InvalidValueError, match="cache_size"):
            RoutingEngine(encoder=HashingEncoder(), cache_size=-1)

    @pytest.mark.parametrize("size", ["4096", None, 1.5, [1], {}])
    def test_a_size_that_is_no_number_is_refused(self, size):
        with pytest.raises(RoutingError):
            RoutingEngine(encoder=HashingEncoder(), cache_size=size)

    def test_threads_may_put_and_get_at_once(self):
        recent = ScoreCache(16)
        decisions = [a_decision(i) for i in range(64)]
        wrong = []

        def work(first):
            for k in range(3000):
                i = (first * 7 + k * 13) % 64
                found = recent.get(key(i))
                if found is None:
                    recent.put(key(i), decisions[i])
                elif found is not decisions[i]:
                    wrong.append(i)
                if len(recent) > 16 + 8:
                    wrong.append("too many")

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert len(recent) == 16


heard = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",))), st.text(st.sampled_from("a\0 12,"))
)
keyed = st.fixed_dictionaries(
    {
        "location": st.integers(0, 10**7),
        "is_changed": st.booleans(),
        "embedded": heard,
        "said": heard,
    }
)


class TestKey:
    @given(keyed, keyed)
    def test_two_questions_have_one_key_only_if_they_are_the_same(self, one, other):
        assert (ScoreCache.key(**one) == ScoreCache.key(**other)) == (one == other)

    @given(heard, heard, heard)
    def test_no_way_of_cutting_a_text_in_two_gives_the_key_of_another(self, one, other, third):
        def key(embedded, said):
            return ScoreCache.key(1, is_changed=False, embedded=embedded, said=said)

        pairs = {(one + other, third), (one, other + third), (one + other + third, "")}
        assert len({key(*pair) for pair in pairs}) == len(pairs)

    def test_location_part_and_texts_all_count(self):
        asked = [
            {"location": i, "is_changed": changed, "embedded": text, "said": said}
            for i in (0, 1, 11)
            for text in ("a", "A", "a ")
            for said in ("a", "b")
            for changed in (False, True)
        ]
        assert len({ScoreCache.key(**question) for question in asked}) == len(asked)

    def test_no_word_is_in_it(self):
        for text in ("secret", SAID, "x" * 5000):
            made = ScoreCache.key(7, is_changed=True, embedded=text, said=text)
            assert len(made) == 16
            assert text.encode()[:6] not in made

    @pytest.mark.process
    def test_another_process_has_other_keys(self):
        code = (
            "from routing_engine.deciding.cache import ScoreCache as C;"
            "print(C.key(1, is_changed=False, embedded='a', said='a').hex())"
        )
        shown = run(code).strip()
        assert len(shown) == 32
        assert shown != ScoreCache.key(1, is_changed=False, embedded="a", said="a").hex()


def an_engine(**options):
    options.setdefault("encoder", HashingEncoder(64))
    return RoutingEngine(
        [a_location("a", BILLING, LEAK), a_location("b", BILLING, LEAK), a_location("none")],
        **options,
    )


class TestEngine:
    def test_an_exact_repeat_is_answered_without_the_encoder(self):
        engine = an_engine()
        first = engine.route("a", SAID)
        before = engine.encoder.n_encoded
        for said in (SAID, f"  {SAID}\n"):
            assert engine.route("a", said) == first
            assert asyncio.run(engine.aroute("a", said)) == first
        assert engine.route_many([("a", SAID), ("a", SAID)]) == [first, first]
        assert engine.encoder.n_encoded == before
        assert first == an_engine(cache_size=0).route("a", SAID)

    def test_aroute_and_route_many_keep_theirs_too(self):
        engine = an_engine()
        asyncio.run(engine.aroute("a", SAID))
        engine.route_many([("b", SAID)])
        before = engine.encoder.n_encoded
        for location_id in "ab":
            assert engine.route(location_id, SAID).location_id == location_id
        assert engine.encoder.n_encoded == before

    @pytest.mark.parametrize(
        "other",
        [
            ("b", SAID, {}),
            ("a", "I was charged", {}),
            ("a", SAID.lower(), {}),
            ("a", SAID, {"history": [("caller", "the ceiling is wet")]}),
        ],
        ids=str,
    )
    def test_another_question_is_no_repeat(self, other):
        engine = an_engine()
        engine.route("a", SAID)
        before = engine.encoder.n_encoded
        location_id, said, flags = other
        assert engine.route(location_id, said, **flags) == an_engine(cache_size=0).route(
            location_id, said, **flags
        )
        assert engine.encoder.n_encoded == before + 1

    def test_what_was_verified_and_confirmed_is_asked_for_without_the_encoder(self):
        engine = an_engine()
        engine.route("a", SAID)
        before = engine.encoder.n_encoded
        for flags in ({"verified": True}, {"confirmed": True}):
            assert engine.route("a", SAID, **flags) == an_engine(cache_size=0).route(
                "a", SAID, **flags
            )
        assert engine.encoder.n_encoded == before

    def test_a_cached_answer_has_an_id_of_its_own(self):
        engine = an_engine()
        decisions = [engine.route("a", SAID) for _ in range(5)]
        assert len({decision.decision_id for decision in decisions}) == 5
        assert decisions[0].decision_id == decisions[0].decision_id != ""

    def test_no_words_are_answered_by_the_terms_of_a_call(self):
        """A key that was glued together with NULs could be written by a caller."""
        engine, fresh = an_engine(), an_engine(cache_size=0)
        engine.open_call("a").hear(SAID)
        for forged in (f"6.0\0True\0None\0{SAID}", f"6.0\0True\0None\0{SAID}\0{SAID}"):
            assert engine.route("a", forged) == fresh.route("a", forged)
        assert engine.route("a", SAID) == fresh.route("a", SAID)

    def test_the_gates_are_asked_again_when_the_caller_has_passed_one(self):
        gated = a_rule(requires_verification=True, requires_confirmation=True, threshold=0.0)
        engine = RoutingEngine([a_location("a", gated)], encoder=HashingEncoder())
        for _ in range(2):
            assert engine.route("a", SAID).outcome is Outcome.VERIFY
            assert engine.route("a", SAID, confirmed=True).outcome is Outcome.VERIFY
            assert engine.route("a", SAID, verified=True).outcome is Outcome.CONFIRM
            passed = engine.route("a", SAID, verified=True, confirmed=True)
            assert passed.outcome is Outcome.TRANSFER

    @pytest.mark.parametrize("change", ["replace", "apply", "apply another"])
    def test_nothing_outlives_a_change_of_the_catalog(self, change):
        engine = an_engine()
        assert engine.route("a", SAID).catalog_version == 1
        moved = a_rule("Billing", "+14155550177", examples=(SAID,))
        if change == "replace":
            engine.replace([a_location("a", moved, LEAK)])
        elif change == "apply":
            engine.apply([a_location("a", moved, LEAK)])
        else:
            engine.apply([a_location("b")])
        decision = engine.route("a", SAID)
        assert decision.catalog_version == 2
        assert str(decision.destination) == (
            "+14155550111" if change == "apply another" else "+14155550177"
        )

    def test_locations_of_the_same_number_before_and_after_a_change_are_not_mistaken(self):
        """The first location of the catalog and the first changed one both have number 0."""
        engine = an_engine()
        moved = a_rule("Billing", "+14155550177", examples=(SAID,))
        engine.apply([a_location("b", moved)])
        for _ in range(2):
            assert str(engine.route("a", SAID).destination) == "+14155550111"
            assert str(engine.route("b", SAID).destination) == "+14155550177"

    def test_nothing_is_kept_of_a_location_that_is_gone(self):
        engine = an_engine(default_destination="+14155550199")
        engine.route("a", SAID)
        engine.apply([], remove=["a"])
        assert engine.route("a", SAID).reason is Reason.UNKNOWN_LOCATION
        engine.apply([a_location("a", LEAK)])
        assert engine.route("a", SAID).rule != BILLING

    def test_a_decision_that_was_made_without_the_encoder_is_not_kept(self):
        encoder = SwitchableEncoder(64)
        engine = an_engine(encoder=encoder)

        def fail(texts):
            raise RuntimeError

        encoder.failure = fail
        for _ in range(2):
            assert engine.route("a", SAID).reason is Reason.ENGINE_DEGRADED
        assert asyncio.run(engine.aroute("a", SAID)).reason is Reason.ENGINE_DEGRADED
        encoder.failure = None
        assert engine.route("a", SAID).reason is Reason.RULE_MATCHED

    def test_nor_is_one_that_missed_its_deadline(self):
        gate = threading.Event()
        hashing = HashingEncoder(64)
        encoder = FakeEncoder(hashing.encode, dimension=64)
        encoder.background = hashing.background
        engine = an_engine(encoder=encoder)

        def late(texts):
            assert gate.wait(30.0)
            return hashing.encode(texts)

        encoder.answer = late
        late_decision = engine.route("a", SAID, deadline_s=0.01)
        assert late_decision.reason is Reason.DEADLINE_EXCEEDED
        gate.set()
        assert engine.route("a", SAID).reason is Reason.RULE_MATCHED

    def test_without_a_cache_every_call_is_encoded(self):
        engine = an_engine(cache_size=0)
        before = engine.encoder.n_encoded
        decisions = [engine.route("a", SAID) for _ in range(3)]
        assert engine.encoder.n_encoded == before + 3
        assert decisions[0] == decisions[1] == decisions[2]

    def test_no_more_are_kept_than_was_said(self):
        engine = an_engine(cache_size=2)
        for said in ("one", "two", "three"):
            engine.route("a", said)
        before = engine.encoder.n_encoded
        engine.route("a", "three")
        engine.route("a", "two")
        assert engine.encoder.n_encoded == before
        engine.route("a", "one")
        assert engine.encoder.n_encoded == before + 1

    def test_it_belongs_to_one_engine(self):
        encoder = HashingEncoder(64)
        strict = an_engine(encoder=encoder, policy=RoutingPolicy(threshold=1.0))
        loose = an_engine(encoder=encoder, policy=RoutingPolicy(threshold=0.0))
        for _ in range(2):
            assert strict.route("a", SAID).reason is Reason.BELOW_THRESHOLD
            assert loose.route("a", SAID).reason is Reason.RULE_MATCHED

    def test_threads_get_their_own_locations_answers(self):
        locations = [a_location(f"store-{i}", a_rule(destination=number(i))) for i in range(16)]
        engine = RoutingEngine(locations, encoder=HashingEncoder(), cache_size=8)
        wrong = []

        def work(first):
            for k in range(400):
                i = (first + k * 5) % 16
                said = ("caller asks about billing", "billing")[k % 2]
                decision = engine.route(f"store-{i}", said)
                if (decision.location_id, str(decision.rule and decision.rule.destination)) != (
                    f"store-{i}",
                    number(i),
                ):
                    wrong.append(decision)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
