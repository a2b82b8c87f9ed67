"""Fitting: what is gained on calls not seen, when it is refused, and that nothing else changes."""

from __future__ import annotations

import dataclasses
import json
import math
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.accuracy import DEFAULT_FILE
from benchmarks.cases import read_cases as read_case_file
from routing_engine import (
    Case,
    InvalidValueError,
    RoutingEngine,
    RoutingPolicy,
    SnapshotError,
    read_cases,
)
from routing_engine.matching.parameters import PARAMETERS, Parameters
from routing_engine.quality import fitting
from routing_engine.quality.evaluation import METRICS
from tests.catalog.test_snapshot import rewrite_manifest
from tests.support.decisions import without_id
from tests.support.labelled import (
    ENCODER,
    STRANGE,
    WORDS,
    labelled_cases,
    live_engine,
    locations,
    noise_cases,
)
from tests.support.strategies import a_location, a_rule, number

SAID = [("store-1", "invoice please"), ("store-2", "leak"), ("store-1", "pizza"), ("store-1", "")]


def answers(engine, said=SAID):
    return [without_id(engine.route(*query)) for query in said]


def of_version(found, version):
    return [answer | {"catalog_version": version} for answer in found]


def calls_of(engine, cases, *, places=None):
    return fitting.Calls(
        cases,
        [case.text for case in cases],
        [engine.location(name) for name in dict.fromkeys(case.location_id for case in cases)],
        encoder=engine.encoder,
        background=engine._state.base.profiles.background,
    )


@pytest.fixture(scope="module")
def fitted():
    return live_engine().fit(labelled_cases(300))


class TestWhatIsGained:
    def test_an_engine_that_is_too_timid_learns_to_route(self, fitted):
        assert fitted.accepted
        assert fitted.after.balanced > fitted.before.balanced + 0.05
        assert fitted.after.ece <= fitted.before.ece

    def test_it_holds_on_calls_that_were_not_there(self, fitted):
        others = labelled_cases(300, seed=1)
        before, after = live_engine().evaluate(others), fitted.engine.evaluate(others)
        assert after.balanced > before.balanced + 0.05
        assert after.ece <= before.ece
        assert after.balanced == pytest.approx(fitted.after.balanced, abs=0.06)

    def test_before_is_what_the_engine_answers(self, fitted):
        found = live_engine().evaluate(labelled_cases(300))
        assert found == fitted.before

    def test_the_new_engine_has_what_is_said_to_have_changed(self, fitted):
        parameters = fitted.engine._builder.parameters
        assert fitted.changed["threshold"] == (PARAMETERS.threshold, parameters.threshold)
        for field in dataclasses.fields(Parameters):
            if field.name != "rates":
                old, new = getattr(PARAMETERS, field.name), getattr(parameters, field.name)
                assert fitted.changed.get(field.name, (old, old)) == (old, new)
        decision = fitted.engine.route("store-1", "invoice")
        assert decision.threshold == parameters.threshold == fitted.after.threshold
        assert decision.catalog_version == 2

    @pytest.mark.parametrize("n", [40, 120, 300])
    def test_the_weights_want_more_calls_than_the_rest(self, n):
        found = live_engine().fit(labelled_cases(n))
        assert found.setting in ("present", "threshold", "calibration", "weights")
        assert n >= 200 or found.setting != "weights"

    def test_fitting_twice_gains_no_more(self, fitted):
        again = fitted.engine.fit(labelled_cases(300, seed=5))
        assert not again.accepted or again.after.balanced < again.before.balanced + 0.05

    def test_confidences_of_competing_rules_sum_to_at_most_one(self, fitted):
        for case in labelled_cases(50, seed=2):
            decision = fitted.engine.route(case.location_id, case.text)
            confidences = [candidate.confidence for candidate in decision.candidates]
            assert sum(confidences) <= 1.0 + 1e-6
            assert all(0.0 <= confidence <= 1.0 for confidence in confidences)

    def test_a_threshold_of_a_location_or_the_policy(self):
        cases = labelled_cases(200)
        engine = RoutingEngine(
            locations(threshold=0.9), encoder=ENCODER, policy=RoutingPolicy(threshold=0.95)
        )
        found = engine.fit(cases)
        assert found.accepted
        assert found.changed["threshold"][0] == 0.95
        assert found.engine.policy.threshold is None
        assert found.engine.route("store-1", "invoice").threshold == 0.9
        assert found.engine.route("store-2", "invoice").threshold < 0.95
        assert engine.route("store-2", "invoice").threshold == 0.95

    def test_every_threshold_set_leaves_none_to_fit(self):
        engine = RoutingEngine(
            [
                location.model_copy(update={"threshold": 0.4})
                for location in locations()
            ],
            encoder=ENCODER,
        )  # fmt: skip
        found = engine.fit(labelled_cases(100))
        assert found.setting in ("present", "calibration")

    def test_rules_that_ring_the_same_phone_do_not_compete(self):
        engine = live_engine(shared=True)
        found = engine.fit(labelled_cases(250))
        assert found.before == engine.evaluate(labelled_cases(250))
        assert found.accepted


class TestRefusal:
    @pytest.mark.parametrize("n", [60, 200, 400])
    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_labels_drawn_by_lot_teach_nothing(self, n, seed):
        engine = live_engine()
        found = engine.fit(noise_cases(n, seed=seed))
        assert not found.accepted
        assert found.engine is engine
        assert found.after is found.before
        assert found.changed == {}
        assert "no setting did better" in found.reason

    def test_a_right_engine_is_left_alone(self, fitted):
        easy = [Case("store-1", f"{word} {i}", label) for label, words in WORDS.items()
                for word in words[:4] for i in range(2)]  # fmt: skip
        easy += [Case("store-1", f"{word} {i}") for word in STRANGE for i in range(3)]
        found = fitted.engine.fit(easy)
        if found.accepted:
            assert found.after.balanced >= found.before.balanced

    @pytest.mark.parametrize(
        ("cases", "reason"),
        [
            (labelled_cases(12), "different calls of at least 30"),
            (labelled_cases(100, out_of_scope=0.0), "0 different calls that no rule is right for"),
            (labelled_cases(100, out_of_scope=1.0), "0 different calls that a rule is right for"),
            ([Case("store-1", "pizza"), Case("store-1", "invoice", "Billing")] * 50, "2 different"),
            ([Case("store-1", "…")] * 50, "0 different calls of at least 30"),
            ([Case("empty", f"hello {i}") for i in range(50)], "0 different calls of at least 30"),
        ],
    )
    def test_too_little_is_refused_and_what_is_missing_is_said(self, cases, reason):
        engine = RoutingEngine([*locations(), a_location("empty")], encoder=ENCODER)
        found = engine.fit(cases)
        assert not found.accepted
        assert found.engine is engine
        assert found.reason.startswith("too little to learn from: ")
        assert reason in found.reason
        assert str(found).startswith("refused; too little")
        json.dumps(found.to_dict(), allow_nan=False)

    def test_labels_of_another_catalog_are_an_error(self):
        cases = [*labelled_cases(50), Case("store-2", "fuse", "Parts")]
        with pytest.raises(InvalidValueError, match=r"cases\.50 label: 'Parts' is no rule"):
            live_engine().fit(cases)

    @pytest.mark.parametrize("seed", [-1, 0.5, None, "0", True])
    def test_a_seed_is_a_natural_number(self, seed):
        with pytest.raises(InvalidValueError, match="seed"):
            live_engine().fit(labelled_cases(50), seed=seed)


class TestTheLiveEngine:
    def test_it_stays_as_it_is(self):
        engine = live_engine()
        before, state, parameters = answers(engine), engine._state, engine._builder.parameters
        found = engine.fit(labelled_cases(300))
        assert found.accepted
        assert found.engine is not engine
        assert engine._state is state
        assert engine._builder.parameters is parameters is PARAMETERS
        assert answers(engine) == before
        assert answers(RoutingEngine(locations(), encoder=ENCODER)) == before
        assert answers(found.engine) != of_version(before, 2)

    def test_it_answers_all_the_while(self):
        engine = live_engine()
        expected = answers(engine)
        done = threading.Event()
        wrong = []

        def ask():
            while not done.is_set():
                wrong.extend(x for x in [answers(engine)] if x != expected)

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            engine.fit(labelled_cases(200))
        finally:
            done.set()
            thread.join()
        assert wrong == []

    def test_changes_that_are_not_merged_yet_are_fitted_too(self):
        engine = live_engine()
        engine.apply([locations()[0].model_copy(update={"location_id": "store-3"})])
        cases = [dataclasses.replace(case, location_id="store-3") if case.location_id == "store-1"
                 else case for case in labelled_cases(250)]  # fmt: skip
        found = engine.fit(cases)
        assert found.accepted
        assert set(found.engine.location_ids()) == {"store-1", "store-2", "store-3"}
        assert found.engine.catalog_version == 3


class TestDeterminism:
    def test_the_same_calls_and_seed_give_the_same_engine(self, fitted):
        again = live_engine().fit(labelled_cases(300))
        assert again.to_dict() == fitted.to_dict()
        assert answers(again.engine) == answers(fitted.engine)

    @settings(max_examples=20)
    @given(st.integers(0, 10_000), st.integers(20, 90))
    def test_folds_part_the_calls_and_what_is_said_alike_stays_together(self, seed, n):
        cases = labelled_cases(n, seed=3)
        cases += [dataclasses.replace(case, text=case.text.upper() + " ") for case in cases[:10]]
        folds = fitting._folds(cases, seed)
        assert sorted(np.concatenate(folds).tolist()) == list(range(len(cases)))
        for fold in folds:
            said = {cases[i].text.casefold().strip() for i in fold}
            rest = {
                cases[i].text.casefold().strip()
                for other in folds if other is not fold for i in other
            }  # fmt: skip
            assert said & rest == set()
        sizes = [len({cases[i].text.casefold().strip() for i in fold}) for fold in folds]
        assert max(sizes) - min(sizes) <= 1


class TestMathematics:
    @settings(max_examples=50)
    @given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.integers(0, 10**6))
    def test_logits_come_back_from_confidences(self, codes, seed):
        logits = np.random.default_rng(seed).uniform(-12, 8, len(codes))
        odds = np.exp(logits)
        confidences = [
            odd / (1 + odd + sum(o for o, c in zip(odds, codes, strict=True) if c != code))
            for odd, code in zip(odds, codes, strict=True)
        ]
        assert fitting._logits(confidences, codes) == pytest.approx(logits, abs=1e-5)

    def test_features_say_what_other_weights_would_give(self):
        engine, cases = live_engine(shared=True), labelled_cases(60)
        calls = calls_of(engine, cases)
        choices = fitting._choices(calls, PARAMETERS)
        names = fitting._weights()
        rng = np.random.default_rng(0)
        now = np.array([getattr(PARAMETERS, name) for name in names])
        other = now * rng.uniform(0.7, 1.3, len(now))
        changed = dataclasses.replace(PARAMETERS, **dict(zip(names, other.tolist(), strict=True)))
        exact = fitting._choices(calls, changed).logits
        assert choices.logits + choices.features @ (other - now) == pytest.approx(exact, abs=1e-3)

    def test_newton_finds_what_no_step_betters(self):
        engine = live_engine()
        choices = fitting._choices(calls_of(engine, labelled_cases(80)), PARAMETERS)
        directions = np.eye(len(fitting._weights()))
        precision = np.full(directions.shape[1], 0.3)
        best = fitting._most_likely(choices, directions, precision)
        call = np.repeat(
            np.arange(len(choices.starts)), np.diff(choices.starts, append=len(choices.logits))
        )

        def loss(step):
            logits = choices.logits + choices.features @ step
            whole = fitting._shares(logits, choices.starts, call)[1].sum()
            right = choices.right[choices.right >= 0]
            return whole - logits[right].sum() + precision @ step**2 / 2

        rng = np.random.default_rng(0)
        for _ in range(100):
            assert loss(best) <= loss(best + rng.normal(0, 0.05, len(best))) + 1e-6

    def test_confidences_without_room_for_others_give_finite_logits(self):
        assert np.isfinite(fitting._logits([1.0, 0.0], [1, 2])).all()
        assert np.isfinite(fitting._logits([1.0], [1])).all()


class TestKeeping:
    def test_a_snapshot_keeps_what_was_fitted(self, fitted, tmp_path):
        fitted.engine.save(tmp_path)
        loaded = RoutingEngine.load(tmp_path, encoder=ENCODER)
        assert loaded._builder.parameters == fitted.engine._builder.parameters
        assert answers(loaded) == answers(fitted.engine)
        cases = labelled_cases(100, seed=7)
        assert loaded.evaluate(cases) == fitted.engine.evaluate(cases)

    def test_a_snapshot_of_the_shipped_parameters_says_nothing_of_them(self, tmp_path):
        live_engine().save(tmp_path)
        manifest = json.loads((tmp_path / "manifest.json").read_bytes())["manifest"]
        assert "parameters" not in manifest
        assert RoutingEngine.load(tmp_path, encoder=ENCODER)._builder.parameters is PARAMETERS

    def test_a_policy_given_on_loading_comes_first(self, fitted, tmp_path):
        fitted.engine.save(tmp_path)
        policy = RoutingPolicy(threshold=0.123)
        loaded = RoutingEngine.load(tmp_path, encoder=ENCODER, policy=policy)
        assert loaded.route("store-1", "invoice").threshold == 0.123

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ([], "malformed"),
            ("text", "malformed"),
            ({}, "parameters of another version"),
            ({"bias": math.nan}, "finite number"),
            ({"bias": "1"}, "finite number"),
            ({"bias": True}, "finite number"),
            ({"lead": None}, "finite number"),
            ({"threshold": 1.5}, "not in"),
            ({"rates": [[0.1]]}, "malformed"),
            ({"rates": [[0.1, 7.0]]}, "not in"),
            ({"rates": 7}, "malformed"),
            ({"unheard of": 1.0}, "another version: unheard of"),
        ],
    )
    def test_parameters_that_are_none_are_a_snapshot_error(self, fitted, tmp_path, change, reason):
        fitted.engine.save(tmp_path)

        def write(manifest):
            if isinstance(change, dict) and change:
                manifest["parameters"].update(change)
            else:
                manifest["parameters"] = change

        rewrite_manifest(tmp_path, write)
        with pytest.raises(SnapshotError, match=reason):
            RoutingEngine.load(tmp_path, encoder=ENCODER)

    def test_replace_and_apply_keep_what_was_fitted(self, fitted, tmp_path):
        fitted.engine.save(tmp_path)
        engine = RoutingEngine.load(tmp_path, encoder=ENCODER)
        expected = answers(engine)
        new = a_location("store-9", a_rule("Billing", number(9), when="invoice"))
        engine.apply([new])
        assert answers(engine) == of_version(expected, 3)
        direct = engine.route("store-9", "invoice please")
        engine.replace([*locations(), new])
        assert answers(engine) == of_version(expected, 4)
        again = engine.route("store-9", "invoice please")
        assert (again.confidence, again.threshold) == (direct.confidence, direct.threshold)
        shipped = RoutingEngine([new], encoder=ENCODER).route("store-9", "invoice please")
        assert (shipped.confidence, shipped.threshold) != (direct.confidence, direct.threshold)

    def test_another_encoder_starts_from_the_shipped_parameters(self, fitted, tmp_path):
        fitted.engine.save(tmp_path)
        other = type(ENCODER)(32)
        loaded = RoutingEngine.load(tmp_path, encoder=other, reembed=True)
        assert loaded._builder.parameters is PARAMETERS
        assert answers(loaded) == of_version(answers(RoutingEngine(locations(), encoder=other)), 2)


class TestReport:
    def test_it_shows_each_rule_before_and_after_and_what_was_changed(self, fitted):
        text = str(fitted)
        assert text.startswith(f"accepted: {fitted.setting}; by 5-fold cross-validation balanced +")
        for name in (*METRICS, *WORDS, "of each rule, before and after", "threshold", "changed"):
            assert name in text

    def test_it_is_json_without_the_engine(self, fitted):
        found = json.loads(json.dumps(fitted.to_dict(), allow_nan=False))
        assert found["accepted"] is True
        assert found["changed"]["threshold"] == list(fitted.changed["threshold"])
        assert found["after"]["balanced"] == fitted.after.balanced
        assert "engine" not in found


@pytest.mark.model
class TestTheShippedCalls:
    """With the default encoder, on ``data/eval.jsonl``."""

    @pytest.mark.parametrize("with_examples", [False, True])
    def test_fitting_one_half_does_not_worsen_the_other(self, with_examples):
        cases = read_cases(DEFAULT_FILE)
        order = np.random.default_rng(0).permutation(len(cases)).tolist()
        halves = [cases[i] for i in order[::2]], [cases[i] for i in order[1::2]]
        engine = RoutingEngine(read_case_file(DEFAULT_FILE).locations(with_examples=with_examples))
        for learnt, others in (halves, halves[::-1]):
            found = engine.fit(learnt)
            before, after = engine.evaluate(others), found.engine.evaluate(others)
            # Of 257 calls, the standard error of what is balanced is about two points.
            assert after.balanced >= before.balanced - 0.03
            assert found.accepted or found.engine is engine
            assert after.ece <= before.ece + 0.02

    def test_it_takes_seconds(self):
        engine = RoutingEngine(read_case_file(DEFAULT_FILE).locations(with_examples=True))
        started_s = time.process_time()
        engine.fit(DEFAULT_FILE)
        assert time.process_time() - started_s < 30
