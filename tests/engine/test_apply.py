"""Adding, changing and removing some locations, against a plain dict and a fresh engine."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from routing_engine import (
    Destination,
    HashingEncoder,
    InvalidValueError,
    Reason,
    RoutingEngine,
    RoutingPolicy,
    UnknownLocationError,
)
from routing_engine.catalog.columns import LocationColumns
from routing_engine.deciding.building import MAX_CHANGED
from routing_engine.matching.scoring import rule_texts
from tests.engine.test_concurrency import (
    N_LOCATIONS,
    SAID,
    allowed,
    in_threads,
    version_number,
)
from tests.support.decisions import without_id
from tests.support.examples import examples
from tests.support.strategies import (
    SwitchableEncoder,
    a_location,
    a_rule,
    compiled,
    location_lists,
    locations,
    number,
    sentences,
    texts,
)

DIMENSION = 8
POLICY = RoutingPolicy(threshold=0.3, margin=0.05)
BILLING = a_rule("Billing", "+14155550111", examples=("I was charged twice",))
LEAK = a_rule("Urgent leak", "+14155550112;ext=5", when="water is coming through the ceiling")


class CountingEncoder(HashingEncoder):
    """A hashing encoder that keeps what it was asked, call by call."""

    def __init__(self, dimension=64):
        super().__init__(dimension)
        self.calls = []

    def encode(self, texts):
        self.calls.append(list(texts))
        return super().encode(texts)


def engine_of(*made, **options):
    options.setdefault("encoder", CountingEncoder())
    return RoutingEngine(made, **options)


def answers(engine, made, said):
    """What the engine says to each utterance at each location, but for the version."""
    found = []
    for location in made:
        for utterance in said:
            decision = engine.route(location.location_id, utterance)
            rule = decision.rule
            found.append((without_id(decision) | {"catalog_version": None}, rule))
    return found


def assert_holds(engine, model):
    """The engine knows what the dict knows, in whatever order."""
    assert len(engine) == len(model)
    assert set(engine.location_ids()) == set(model)
    assert len(engine.location_ids()) == len(model)
    for name, location in model.items():
        assert name in engine
        assert engine.location(name) == location
    columns = engine.columns
    columns.check()
    assert {item.location_id: item for item in columns.locations()} == model


class ApplyMachine(RuleBasedStateMachine):
    """Any sequence of changes, of replacing, saving and loading; ids are few, so that they meet."""

    few = st.sampled_from(("a", "b", "c", "d", "é", "store-1"))
    changes = st.lists(locations(few), max_size=3, unique_by=lambda item: item.location_id)

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.ever = set()

    def teardown(self):
        self.folder.cleanup()

    @initialize(made=st.lists(locations(few), max_size=4, unique_by=lambda item: item.location_id))
    def build(self, made):
        self.encoder = CountingEncoder(DIMENSION)
        self.engine = RoutingEngine(made, encoder=self.encoder, policy=POLICY)
        self.model = {item.location_id: item for item in made}
        self.version = 1

    @rule(made=changes, data=st.data())
    def change(self, made, data):
        removable = sorted(set(self.model) - {item.location_id for item in made})
        removed = (
            data.draw(st.lists(st.sampled_from(removable), unique=True, max_size=2))
            if removable
            else []
        )
        self.encoder.calls.clear()
        self.version += 1
        assert self.engine.apply(iter(made), remove=iter(removed)) == self.version
        assert len(self.encoder.calls) <= 1
        self.model |= {item.location_id: item for item in made}
        for name in removed:
            del self.model[name]

    @precondition(lambda self: self.model)
    @rule(data=st.data(), destination=st.integers(0, 99).map(number))
    def move(self, data, destination):
        """Another default alone: the commonest change, which embeds nothing."""
        name = data.draw(st.sampled_from(sorted(self.model)))
        location = self.model[name].model_copy(
            update={"default_destination": Destination(destination)}
        )
        self.encoder.calls.clear()
        self.version += 1
        assert self.engine.apply([location]) == self.version
        assert self.encoder.calls == []
        self.model[name] = location

    @rule(made=changes)
    def replace(self, made):
        self.version += 1
        assert self.engine.replace(made) == self.version
        self.model = {item.location_id: item for item in made}

    @rule(made=changes, name=st.sampled_from(("nowhere", "", "A")))
    def fail_to_remove(self, made, name):
        with pytest.raises(UnknownLocationError):
            self.engine.apply(made, remove=[name])

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def fail_to_do_both(self, data):
        name = data.draw(st.sampled_from(sorted(self.model)))
        with pytest.raises(InvalidValueError, match="both changed and removed"):
            self.engine.apply([a_location(name)], remove=[name])

    @rule(again=st.booleans())
    def save(self, again):
        self.engine.save(Path(self.folder.name) / "snapshot")
        loaded = RoutingEngine.load(
            Path(self.folder.name) / "snapshot", encoder=self.encoder, policy=POLICY
        )
        assert loaded.catalog_version == self.version
        assert_holds(loaded, self.model)
        assert loaded.location_ids() == self.engine.location_ids()
        if again:
            self.engine = loaded

    @rule(said=sentences | texts)
    def ask(self, said):
        fresh = RoutingEngine(self.model.values(), encoder=HashingEncoder(DIMENSION), policy=POLICY)
        made = list(self.model.values())
        assert answers(self.engine, made, [said]) == answers(fresh, made, [said])

    @invariant()
    def the_engine_knows_what_the_dict_knows(self):
        assert self.engine.catalog_version == self.version
        assert_holds(self.engine, self.model)
        for name in ("a", "b", "c", "d", "é", "store-1"):
            if name not in self.model:
                assert name not in self.engine
                with pytest.raises(UnknownLocationError):
                    self.engine.route(name, "hello")


TestApplyMachine = ApplyMachine.TestCase
TestApplyMachine.settings = settings(max_examples=25, stateful_step_count=12)


class TestApply:
    def test_one_location_is_added(self):
        engine = engine_of(a_location("a", BILLING))
        assert engine.apply([a_location("b", LEAK)]) == 2
        assert engine.catalog_version == 2
        assert engine.location_ids() == ("a", "b")
        assert str(engine.route("b", LEAK.when).destination) == "+14155550112;ext=5"
        assert engine.route("a", "I was charged twice").rule == BILLING
        assert repr(engine) == "<RoutingEngine: 2 locations, catalog version 2>"

    def test_one_location_is_changed_and_comes_last(self):
        engine = engine_of(a_location("a", BILLING), a_location("b", LEAK))
        changed = a_location("a", LEAK, default_destination="+14155550177", name="New")
        assert engine.apply([changed]) == 2
        assert engine.location("a") == changed
        assert engine.location_ids() == ("b", "a")
        assert str(engine.route("a", "").destination) == "+14155550177"

    def test_one_location_is_removed_and_may_come_back(self):
        engine = engine_of(a_location("a", BILLING), a_location("b", LEAK))
        assert engine.apply([], remove=["a"]) == 2
        assert (engine.location_ids(), len(engine), "a" in engine) == (("b",), 1, False)
        with pytest.raises(UnknownLocationError, match="catalog version 2"):
            engine.route("a", "hello")
        with pytest.raises(UnknownLocationError):
            engine.location("a")
        assert engine.apply([a_location("a", LEAK)]) == 3
        assert engine.location("a") == a_location("a", LEAK)
        assert engine.apply([], remove=("a", "b")) == 4
        assert (engine.location_ids(), len(engine)) == ((), 0)
        assert len(engine.columns) == 0

    def test_one_that_was_added_is_changed_and_removed(self):
        engine = engine_of(a_location("a"))
        engine.apply([a_location("b", BILLING)])
        engine.apply([a_location("b", LEAK)])
        assert engine.location("b") == a_location("b", LEAK)
        engine.apply([a_location("c")], remove=["b"])
        assert engine.location_ids() == ("a", "c")
        with pytest.raises(UnknownLocationError):
            engine.apply([], remove=["b"])

    def test_no_change_is_a_version_too(self):
        engine = engine_of(a_location("a"))
        assert engine.apply([]) == 2
        assert engine.location_ids() == ("a",)

    def test_an_empty_engine_may_be_filled(self):
        engine = engine_of()
        engine.apply([a_location("a", BILLING)])
        assert engine.route("a", "I was charged twice").rule == BILLING

    def test_columns_are_what_their_locations_are(self):
        made = [a_location("b", LEAK, name="New"), a_location("c", BILLING)]
        engine, other = (engine_of(a_location("a", BILLING), a_location("b")) for _ in range(2))
        engine.apply(made, remove=["a"])
        other.apply(compiled(*made), remove=["a"])
        assert list(other.columns) == list(engine.columns) == made

    def test_an_old_decision_stays_whole(self):
        engine = engine_of(a_location("a", BILLING, LEAK))
        engine.apply([a_location("b", BILLING)])
        decisions = [engine.route(name, "I was charged twice") for name in "ab"]
        before = [(decision.to_dict(), decision.rule) for decision in decisions]
        engine.apply([a_location("b", LEAK)], remove=["a"])
        engine.replace([])
        assert [(decision.to_dict(), decision.rule) for decision in decisions] == before

    def test_replacing_afterwards_forgets_the_changes(self):
        engine = engine_of(a_location("a", BILLING), a_location("b"))
        engine.apply([a_location("c", LEAK)], remove=["a"])
        assert engine.replace([a_location("a", LEAK), a_location("d")]) == 3
        assert engine.location_ids() == ("a", "d")
        assert engine.location("a") == a_location("a", LEAK)
        assert engine.apply([a_location("b")]) == 4
        assert engine.location_ids() == ("a", "d", "b")


class TestEncoding:
    def test_rule_tables_that_are_known_are_not_embedded_again(self):
        engine = engine_of(a_location("a", BILLING, LEAK))
        engine.encoder.calls.clear()
        moved = a_rule("Billing", "+14155550177", examples=("I was charged twice",))
        gated = a_rule("Billing", examples=("I was charged twice",), requires_confirmation=True)
        engine.apply([a_location("a", moved, LEAK), a_location("b", BILLING, LEAK)])
        engine.apply([a_location("c", gated, LEAK), a_location("d")], remove=["b"])
        engine.replace([a_location("e", moved, LEAK)])
        engine.apply([a_location("e", BILLING, LEAK)])
        assert engine.encoder.calls == []

    def test_what_a_change_brought_is_known_to_the_next(self):
        engine = engine_of(a_location("a", BILLING))
        engine.apply([a_location("b", LEAK)])
        engine.encoder.calls.clear()
        engine.apply([a_location("c", LEAK)])
        engine.apply([a_location("b", LEAK, name="New")])
        engine.replace([a_location("d", LEAK), a_location("e", BILLING)])
        assert engine.encoder.calls == []

    def test_each_new_text_is_embedded_once_and_all_in_one_call(self):
        engine = engine_of(a_location("a", BILLING))
        engine.encoder.calls.clear()
        sales = a_rule("Sales", "+14155550113")
        engine.apply([a_location(f"new-{i}", sales, LEAK) for i in range(20)])
        (call,) = engine.encoder.calls
        assert sorted(call) == sorted({*rule_texts(sales), *rule_texts(LEAK)})

    def test_saving_embeds_nothing(self, tmp_path):
        engine = engine_of(a_location("a", BILLING))
        engine.apply([a_location("b", LEAK)])
        engine.encoder.calls.clear()
        engine.save(tmp_path / "snapshot")
        assert engine.encoder.calls == []


class TestRefused:
    @pytest.fixture
    def engine(self):
        engine = engine_of(a_location("a", BILLING), a_location("b", LEAK))
        engine.apply([a_location("c", LEAK)])
        return engine

    @pytest.fixture(autouse=True)
    def unchanged(self, engine):
        model = {name: engine.location(name) for name in engine.location_ids()}
        yield
        assert engine.catalog_version == 2
        assert_holds(engine, model)

    @pytest.mark.parametrize("name", ["nowhere", "", "A", "a ", "\ud800"])
    def test_a_location_that_is_not_there_cannot_be_removed(self, engine, name):
        with pytest.raises(UnknownLocationError) as caught:
            engine.apply([a_location("d")], remove=["a", name])
        assert caught.value.location_id == name
        assert caught.value.catalog_version == 2

    def test_nor_one_that_is_only_added_by_the_same_change(self, engine):
        with pytest.raises(InvalidValueError, match=r"both changed and removed: \['d'\]"):
            engine.apply([a_location("d")], remove=["d"])
        with pytest.raises(InvalidValueError, match=r"both changed and removed: \['a', 'c'\]"):
            engine.apply([a_location("c"), a_location("a")], remove=["a", "c"])

    @pytest.mark.parametrize(
        "changes", [5, None, ["a"], [a_location("d"), None], [{}]], ids=[*"12345"]
    )
    def test_what_are_no_locations_is_an_error_of_this_library(self, engine, changes):
        with pytest.raises(InvalidValueError):
            engine.apply(changes)

    def test_the_same_id_twice_is_refused_as_by_the_constructor(self, engine):
        with pytest.raises(InvalidValueError, match="same location_id"):
            engine.apply([a_location("d", BILLING), a_location("d", LEAK)])

    @pytest.mark.parametrize("remove", ["ab", "a", b"ab", [5], [None], 5, None], ids=repr)
    def test_what_are_no_ids_is_an_error_of_this_library(self, engine, remove):
        """A str is an iterable of one-letter ids; it must not remove locations 'a' and 'b'."""
        with pytest.raises(InvalidValueError):
            engine.apply([], remove=remove)


def test_a_change_that_cannot_be_embedded_changes_nothing():
    encoder = SwitchableEncoder(64)
    engine = engine_of(a_location("a", BILLING), encoder=encoder)

    def fail(texts):
        raise RuntimeError("out of order")

    encoder.failure = fail
    with pytest.raises(RuntimeError, match="out of order"):
        engine.apply([a_location("b", LEAK)], remove=["a"])
    assert engine.apply([a_location("c", BILLING)]) == 2  # needs no encoder
    encoder.failure = None
    assert_holds(engine, {"a": a_location("a", BILLING), "c": a_location("c", BILLING)})
    assert engine.apply([a_location("b", LEAK)], remove=["a"]) == 3
    assert engine.location_ids() == ("c", "b")


def random_location(random, name):
    """A location with every kind of destination, drawn from few rule tables."""

    def place():
        kind = random.integers(4)
        plain = number(int(random.integers(10**6)))
        return (
            plain,
            f"{plain};ext={random.integers(1, 9)}",
            f"sip:desk-{random.integers(50)}@example.com",
            plain,
        )[kind]

    rules = [
        a_rule(
            label,
            place(),
            fallback=tuple(place() for _ in range(random.integers(3))),
            threshold=(None, 0.2, 0.6)[random.integers(3)],
        )
        for label in ("Billing", "Urgent leak", "Booking", "Parts")[: random.integers(5)]
    ]
    return a_location(
        name,
        *rules,
        default_destination=place(),
        name=(None, "Ünïted", f"Shop {name}")[random.integers(3)],
        timezone=(None, "UTC", "America/New_York")[random.integers(3)],
        threshold=(None, 0.3)[random.integers(2)],
    )


class TestMerging:
    @pytest.mark.parametrize("seed", [0, 1])
    def test_more_changes_than_are_held_beside_the_catalog_give_the_same_answers(
        self, seed, tmp_path
    ):
        random = np.random.default_rng(seed)
        model = {f"s{i}": random_location(random, f"s{i}") for i in range(400)}
        engine = RoutingEngine(model.values(), encoder=CountingEncoder(16), policy=POLICY)
        version = 1
        for n_changes in (600, 300, 50, 1, 300, 400, 700):
            names = random.permutation(2000)[:n_changes]
            changes = [random_location(random, f"s{i}") for i in names]
            changed = {item.location_id for item in changes}
            left = sorted(set(model) - changed)
            removed = [left[i] for i in random.permutation(len(left))[:40]]
            engine.encoder.calls.clear()
            version += 1
            assert engine.apply(changes, remove=removed) == version
            assert len(engine.encoder.calls) <= 1
            model |= {item.location_id: item for item in changes}
            for name in removed:
                del model[name]
            assert_holds(engine, model)
            fresh = RoutingEngine(model.values(), encoder=HashingEncoder(16), policy=POLICY)
            some = [model[name] for name in random.permutation(sorted(model))[:60].tolist()]
            said = ("billing", "an urgent leak in the booking")
            assert answers(engine, some, said) == answers(fresh, some, said)
        engine.save(tmp_path / "snapshot")
        loaded = RoutingEngine.load(
            tmp_path / "snapshot", encoder=HashingEncoder(16), policy=POLICY
        )
        assert loaded.catalog_version == version
        assert_holds(loaded, model)

    @pytest.mark.parametrize("n", [MAX_CHANGED, MAX_CHANGED + 1])
    def test_at_the_bound_and_past_it_nothing_is_seen_of_it(self, n):
        fallback = ("sip:desk@example.com", "+14155550121;ext=9")
        engine = engine_of(a_location("a", a_rule(destination="sip:a@example.com")))
        rule = a_rule(destination="sip:b@example.com", fallback=fallback)
        made = [a_location(f"s{i}", rule, default_destination=number(i)) for i in range(n)]
        assert engine.apply(made) == 2
        assert engine.location_ids() == ("a", *(f"s{i}" for i in range(n)))
        for i in (0, 500, n - 1):
            assert engine.location(f"s{i}") == made[i]
            decision = engine.route(f"s{i}", "caller asks about billing")
            assert decision.rule == rule
            assert str(decision.destination) == "sip:b@example.com"
            assert [str(item) for item in decision.rule.fallback] == list(fallback)
            assert str(engine.route(f"s{i}", "").destination) == number(i)
        decision = engine.route("a", "caller asks about billing")
        assert str(decision.destination) == "sip:a@example.com"
        assert decision.rule.fallback == ()

    def test_rule_tables_that_no_location_has_any_more_are_forgotten(self, tmp_path):
        """Otherwise a catalog that is only ever changed grows for ever, and so do its snapshots."""
        engine = engine_of(a_location("a", BILLING))
        for i in range(5):
            season = a_rule(f"Season {i}", "sip:season@example.com")
            engine.apply([a_location("a", season)])
            engine.save(tmp_path / "snapshot")  # merges
        assert engine.columns.tables == ((season.text,),)
        tables = next((tmp_path / "snapshot").glob("tables-*.json")).read_text()
        assert "Season 4" in tables
        assert "Season 0" not in tables
        assert BILLING.when not in tables

    @pytest.mark.parametrize("is_merged", [True, False])
    def test_nor_is_anything_else_kept_of_a_location_that_changes_for_ever(self, is_merged):
        engine = engine_of(a_location("a", BILLING))
        for i in range(5):
            season = a_rule(f"Season {i}", f"sip:season-{i}@example.com")
            engine.apply([a_location("a", season, threshold=0.1 + i / 10)])
        state = engine._state
        columns = state.columns() if is_merged else state.changed.catalog.columns
        assert columns.tables == ((season.text,),)
        assert [site.threshold for site in columns.sites] == [0.5]
        assert columns.specials == (season.destination,)
        assert next(columns.locations()) == a_location("a", season, threshold=0.5)

    def test_a_snapshot_after_changes_is_the_changed_catalog(self, tmp_path):
        engine = engine_of(a_location("a", BILLING), a_location("b", LEAK))
        engine.apply([a_location("c", BILLING, LEAK)], remove=["a"])
        before = answers(engine, [a_location("b"), a_location("c")], ["I was charged twice"])
        for _ in range(2):
            engine.save(tmp_path / "snapshot")
        assert engine.catalog_version == 2
        loaded = RoutingEngine.load(tmp_path / "snapshot", encoder=HashingEncoder(64))
        for one in (engine, loaded):
            assert one.catalog_version == 2
            assert one.location_ids() == ("b", "c")
            assert answers(one, [a_location("b"), a_location("c")], ["I was charged twice"]) == (
                before
            )
        assert loaded.apply([a_location("a", LEAK)]) == 3
        assert engine.apply([], remove=["b"]) == 3
        assert engine.location_ids() == ("c",)


@st.composite
def splits(draw):
    """Locations, and which of them are gone."""
    made = draw(st.lists(locations(), max_size=6, unique_by=lambda item: item.location_id))
    gone = draw(st.frozensets(st.integers(0, len(made) - 1))) if made else frozenset()
    return made, gone


class TestColumns:
    @examples(50)
    @given(splits())
    def test_without_leaves_the_others_as_they_were(self, split):
        made, gone = split
        left = compiled(*made).without(gone)
        left.check()
        assert list(left.locations()) == [item for i, item in enumerate(made) if i not in gone]
        assert left.n_rules == sum(len(item.rules) for item in left.locations())

    @examples(50)
    @given(location_lists, location_lists)
    def test_joined_is_one_list_then_the_other(self, first, second):
        second = [
            item.model_copy(update={"location_id": f"2-{item.location_id}"}) for item in second
        ]
        first = [item.model_copy(update={"location_id": f"1-{item.location_id}"}) for item in first]
        joined = compiled(*first).joined(compiled(*second))
        joined.check()
        assert list(joined.locations()) == first + second
        assert len(set(joined.tables)) == len(joined.tables)
        assert len(set(joined.sites)) == len(joined.sites)
        assert len(set(joined.specials)) == len(joined.specials)

    @examples(50)
    @given(splits(), splits(), st.data())
    def test_both_together_are_what_a_list_would_be(self, one, other, data):
        (first, gone), (second, gone_too) = one, other
        known = {item.location_id for item in first}
        kept = [item for i, item in enumerate(first) if i not in gone]
        second = [item for item in second if item.location_id not in known]
        gone_too = frozenset(i for i in gone_too if i < len(second))
        columns = compiled(*first).without(gone).joined(compiled(*second).without(gone_too))
        expected = kept + [item for i, item in enumerate(second) if i not in gone_too]
        columns.check()
        assert list(columns.locations()) == expected
        again = (
            data.draw(st.frozensets(st.integers(0, len(expected) - 1))) if expected else frozenset()
        )
        assert list(columns.without(again).locations()) == [
            item for i, item in enumerate(expected) if i not in again
        ]

    @examples(50)
    @given(splits())
    def test_pruned_is_what_the_rest_alone_would_be(self, split):
        made, gone = split
        pruned = compiled(*made).without(gone).pruned()
        alone = compiled(*(item for i, item in enumerate(made) if i not in gone))
        pruned.check()
        assert list(pruned.locations()) == list(alone.locations())
        for name in ("sites", "tables", "specials"):
            assert set(getattr(pruned, name)) == set(getattr(alone, name))
            assert len(getattr(pruned, name)) == len(getattr(alone, name))

    @given(location_lists)
    def test_arrays_keep_their_types(self, made):
        columns = compiled(*made)
        first = frozenset(range(min(1, len(made))))
        left = columns.without(first)
        for changed in (left, left.pruned(), columns.joined(compiled())):
            for name in LocationColumns.__slots__:
                part = getattr(changed, name)
                if isinstance(part, np.ndarray):
                    assert part.dtype == getattr(columns, name).dtype
            for name in ("ids", "names"):
                assert getattr(changed, name).blob.dtype == np.uint8
                assert getattr(changed, name).offsets.dtype == np.int64

    def test_nothing_gone_is_nothing_done(self):
        columns = compiled(a_location("a", BILLING))
        assert columns.without(frozenset()) is columns
        assert list(columns.without(frozenset({0})).locations()) == []


N_APPLIES = 200


def of_version(version, i):
    """Location i as of a version; its rules and numbers say which."""
    labels = ("Billing", "Urgent leak", "Booking", f"Season {version % 3}")
    return a_location(
        f"store-{i}",
        *(
            a_rule(label, version_number(version, i, 1 + slot))
            for slot, label in enumerate(labels[: 2 + (i + version) % 3])
        ),
        default_destination=version_number(version, i, 0),
    )


class TestConcurrency:
    @pytest.mark.no_cover
    def test_every_decision_belongs_to_one_version_while_all_locations_change(self):
        engine = RoutingEngine(
            [of_version(1, i) for i in range(N_LOCATIONS)],
            encoder=HashingEncoder(32),
            policy=RoutingPolicy(threshold=0.2),
        )
        done = threading.Event()
        versions_seen = [set() for _ in range(4)]

        def work(thread):
            if thread == 4:
                try:
                    for version in range(2, N_APPLIES + 2):
                        made = [of_version(version, i) for i in range(N_LOCATIONS)]
                        assert engine.apply(made) == version
                finally:
                    done.set()
                return
            last = k = 0
            while not done.is_set() or k < 200:
                decision = engine.route(f"store-{(k + thread) % N_LOCATIONS}", SAID[k % len(SAID)])
                assert decision.location_id == f"store-{(k + thread) % N_LOCATIONS}"
                assert allowed(decision), decision
                assert decision.catalog_version >= last, "a reader went back in time"
                last = decision.catalog_version
                versions_seen[thread].add(last)
                k += 1

        in_threads(work, 5)
        assert engine.catalog_version == N_APPLIES + 1
        assert len(set().union(*versions_seen)) > 20

    def test_a_location_answers_for_itself_alone_while_others_come_and_go(self):
        """A location changed in version v keeps the numbers of v until it is changed again."""
        engine = RoutingEngine(
            [of_version(1, i) for i in range(N_LOCATIONS)],
            encoder=HashingEncoder(32),
            policy=RoutingPolicy(threshold=0.2),
            default_destination="+14155550199",
        )
        history = {1: dict.fromkeys(range(N_LOCATIONS), 1)}  # version -> location -> since
        random = np.random.default_rng(0)
        done = threading.Event()
        seen = [[] for _ in range(4)]

        def write():
            since = history[1]
            for version in range(2, N_APPLIES + 2):
                names = random.permutation(N_LOCATIONS)[:3].tolist()
                changed = names[:2]
                removed = [i for i in names[2:] if i in since]
                since = {i: v for i, v in since.items() if i not in removed}
                since |= dict.fromkeys(changed, version)
                history[version] = since  # before any reader can see it
                engine.apply(
                    [of_version(version, i) for i in changed],
                    remove=[f"store-{i}" for i in removed],
                )

        def work(thread):
            if thread == 4:
                try:
                    write()
                finally:
                    done.set()
                return
            k = 0
            while not done.is_set() or k < 200:
                i = (k + thread) % N_LOCATIONS
                decision = engine.route(f"store-{i}", SAID[k % len(SAID)])
                since = history[decision.catalog_version].get(i)
                if since is None:
                    assert decision.reason is Reason.UNKNOWN_LOCATION
                    assert str(decision.destination) == "+14155550199"
                else:
                    numbers = {version_number(since, i, slot) for slot in range(5)}
                    assert str(decision.destination) in numbers
                seen[thread].append(decision.catalog_version)
                k += 1

        in_threads(work, 5)
        assert all(versions == sorted(versions) for versions in seen)
        assert len({version for versions in seen for version in versions}) > 20

    def test_writers_take_turns_and_saving_is_no_change(self, tmp_path):
        engine = RoutingEngine([a_location("base", BILLING)], encoder=HashingEncoder(32))
        versions = []

        def work(thread):
            for k in range(10):
                if thread == 3:
                    engine.save(tmp_path / "snapshot")
                else:
                    versions.append(engine.apply([a_location(f"{thread}-{k}", LEAK)]))

        in_threads(work, 4)
        assert sorted(versions) == list(range(2, 32))
        assert engine.catalog_version == 31
        assert set(engine.location_ids()) == {
            "base",
            *(f"{thread}-{k}" for thread in range(3) for k in range(10)),
        }
        loaded = RoutingEngine.load(tmp_path / "snapshot", encoder=HashingEncoder(32))
        assert len(loaded) == loaded.catalog_version
