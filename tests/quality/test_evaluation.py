"""Evaluations: against a naive oracle, by hand, and as people and programs read them."""

from __future__ import annotations

import json
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.accuracy import DEFAULT_FILE, ask
from benchmarks.cases import read_cases as read_case_file
from routing_engine import (
    Case,
    EncoderError,
    Evaluation,
    InvalidValueError,
    Reason,
    RoutingEngine,
    RoutingPolicy,
    read_cases,
)
from routing_engine.quality.evaluation import METRICS, THRESHOLDS, Answer, table
from routing_engine.quality.plots import plot
from tests.support.labelled import ENCODER, labelled_cases, live_engine, locations
from tests.support.strategies import SwitchableEncoder, a_location, a_rule, number

LABELS = frozenset({"A", "B", "C"})


@st.composite
def answer_lists(draw):
    """Answers as an engine could give them."""
    made = []
    for i in range(draw(st.integers(1, 25))):
        label = draw(st.sampled_from([None, "A", "B", "C"]))
        best = draw(st.sampled_from(["A", "B", "C"]))
        confidence = draw(st.sampled_from([0.0, 0.1, 0.4, 0.5, 0.9, 1.0]))
        picked = best if confidence >= 0.5 else None
        made.append(Answer(Case("s", f"text {i}", label), LABELS, best, picked, confidence))
    return made


@settings(max_examples=60)
@given(answer_lists())
def test_an_evaluation_counts_as_a_person_would(answers):
    found = Evaluation.of(answers, threshold=0.5)
    suited = [a for a in answers if a.case.label is not None]
    others = [a for a in answers if a.case.label is None]
    assert (found.n, found.n_in_scope) == (len(answers), len(suited))
    if suited:
        assert found.right == pytest.approx(
            sum(a.picked == a.case.label for a in suited) / len(suited)
        )
        assert found.top1 == pytest.approx(
            sum(a.best == a.case.label for a in suited) / len(suited)
        )
    if others:
        assert found.held == pytest.approx(sum(a.picked is None for a in others) / len(others))
    for rule in found.rules:
        assert rule.n == sum(a.case.label == rule.label for a in answers)
        assert rule.n_picked == sum(a.picked == rule.label for a in answers)
        both = sum(a.picked == rule.label == a.case.label for a in answers)
        assert rule.n_right == both
        if rule.n:
            assert rule.recall == both / rule.n
        if others:
            stays = [a.picked != rule.label for a in others]
            assert rule.held == sum(stays) / len(others)
    wrong = Counter((a.case.label, a.picked) for a in answers if a.case.label != a.picked)
    assert {(c.label, c.picked): len(c.cases) for c in found.confused} == wrong
    counts = [len(c.cases) for c in found.confused]
    assert counts == sorted(counts, reverse=True)
    assert sum(bin_.n for bin_ in found.calibration) == len(answers)
    for point in found.sweep:
        if suited:
            goes = [a.confidence >= point.threshold and a.is_best for a in suited]
            assert point.right == pytest.approx(sum(goes) / len(suited))
        if others:
            stays = [a.confidence < point.threshold for a in others]
            assert point.held == pytest.approx(sum(stays) / len(others))
    at = found.sweep[int(np.flatnonzero(THRESHOLDS == 0.5)[0])]
    assert (at.right, at.held) == pytest.approx((found.right, found.held), nan_ok=True)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["n"] == len(answers)
    assert str(found)


def test_what_went_wrong_is_shown_with_the_surest_sentences():
    answers = [Answer(Case("s", f"said {i}", None), LABELS, "A", "A", i / 10) for i in (6, 9, 7, 8)]
    answers.append(Answer(Case("s", "long " * 100, "B"), LABELS, "A", None, 0.1))
    found = Evaluation.of(answers, threshold=0.5)
    assert [case.text for case in found.confused[0].cases] == [
        "said 9", "said 8", "said 7", "said 6",
    ]  # fmt: skip
    text = str(found)
    assert "    4  no rule -> A\n         “said 9”\n         “said 8”\n         “said 7”\n" in text
    assert "said 6" not in text
    assert "    1  B -> no rule\n         “long long" in text
    assert all(len(line) < 125 for line in text.splitlines())


def test_nothing_wrong_is_said_so():
    found = Evaluation.of([Answer(Case("s", "x", "A"), LABELS, "A", "A", 0.9)], threshold=0.5)
    assert found.right == 1.0
    assert math.isnan(found.held)
    assert found.to_dict()["held"] is None
    assert str(found).endswith("nothing went wrong")
    assert "held           -  of the others" in str(found)


def test_columns_of_a_table_line_up():
    assert table(("a", "bb"), [("long", "1"), ("x", "")]) == "a     bb\nlong   1\nx"


def test_an_engine_is_evaluated_by_what_it_answers():
    engine = live_engine()
    cases = labelled_cases(80)
    found = engine.evaluate(cases)
    right = held = 0
    for case in cases:
        decision = engine.route(case.location_id, case.text)
        went = None if decision.rule is None else decision.rule.label
        right += case.label is not None and went == case.label
        held += case.label is None and went is None
    n_in_scope = sum(case.label is not None for case in cases)
    assert found.right == right / n_in_scope
    assert found.held == held / (80 - n_in_scope)
    assert found.balanced == (found.right + found.held) / 2
    assert engine.evaluate(iter(cases)) == found
    backwards = engine.evaluate(cases[::-1])
    assert (backwards.rules, backwards.sweep) == (found.rules, found.sweep)


def test_the_engines_own_threshold_is_the_one_that_is_named():
    engine = RoutingEngine(
        locations(), encoder=ENCODER, policy=RoutingPolicy(threshold=0.0, margin=0.0)
    )
    found = engine.evaluate(labelled_cases(40))
    assert found.threshold == 0.0
    assert found.held == 0.0
    assert found.right == found.top1


def test_rules_that_stay_with_the_agent_or_ask_first_are_picked():
    location = a_location(
        "s",
        a_rule("Hours", None, when="opening hours today", action="contain", threshold=0.0),
        a_rule("Books", number(1), requires_confirmation=True, threshold=0.0),
        a_rule("Papers", number(2), requires_verification=True, threshold=0.0),
        a_rule("Closed", number(3), when="closed shop", hours="closed", threshold=0.0),
    )
    engine = RoutingEngine([location], encoder=ENCODER)
    texts = {"opening hours today": "Hours", "books": "Books", "papers": "Papers"}
    found = engine.evaluate([Case("s", text, label) for text, label in texts.items()])
    assert found.right == 1.0
    (pair,) = engine.evaluate([Case("s", "closed shop", "Closed")]).confused
    assert (pair.label, pair.picked) == ("Closed", None)


def test_calls_without_words_or_rules_are_held():
    engine = RoutingEngine([*locations(), a_location("empty")], encoder=ENCODER)
    found = engine.evaluate([Case("store-1", "…"), Case("empty", "hello")])
    assert found.held == 1.0
    assert found.rules == ()


def test_cases_of_another_catalog_are_refused_all_at_once():
    with pytest.raises(InvalidValueError) as caught:
        live_engine().evaluate(
            [Case("store-9", "hello"), Case("store-2", "hello", "Parts"), Case("store-1", "hello")]
        )
    assert [problem.path for problem in caught.value.problems] == [
        "cases.0 location_id", "cases.1 label",
    ]  # fmt: skip


def test_an_encoder_that_fails_gives_no_evaluation():
    def broken(texts):
        raise RuntimeError("out of order")

    encoder = SwitchableEncoder(64)
    engine = RoutingEngine(locations(), encoder=encoder)
    encoder.failure = broken
    assert engine.route("store-1", "invoice").reason is Reason.ENGINE_DEGRADED
    with pytest.raises(EncoderError, match="20 of 20 calls"):
        engine.evaluate(labelled_cases(20))


@pytest.mark.model
def test_the_metrics_are_those_of_the_benchmark():
    cases = read_case_file(DEFAULT_FILE)
    engine = RoutingEngine(cases.locations(with_examples=True))
    theirs = ask(engine, cases).metrics()
    ours = engine.evaluate(DEFAULT_FILE)
    assert {name: getattr(ours, name) for name in METRICS} == {
        name: theirs[name] for name in METRICS
    }
    assert len(read_cases(DEFAULT_FILE)) == ours.n


class TestPlots:
    @pytest.fixture(autouse=True)
    def _matplotlib(self):
        pytest.importorskip("matplotlib")

    def drawn(self, tmp_path, answers, **options):
        path = tmp_path / "further" / "report.png"
        plot(Evaluation.of(answers, threshold=0.5), path, **options)
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG")
        return content

    def test_the_same_evaluation_gives_the_same_picture(self, tmp_path):
        engine, cases = live_engine(), labelled_cases(60)
        found = engine.evaluate(cases)
        for name in ("a.png", "b.png"):
            plot(found, tmp_path / name, before=found)
        assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()

    @pytest.mark.parametrize("label", [None, "A", "Ünïcödé $x$ 水道 🚿 " + "long " * 30])
    def test_one_call_is_drawn(self, tmp_path, label):
        labels = frozenset({label} - {None})
        self.drawn(tmp_path, [Answer(Case("s", "x", label), labels, label, None, 0.3)])

    def test_rules_beyond_the_busiest_are_drawn_together(self, tmp_path):
        labels = frozenset(f"Rule {i:03}" for i in range(100))
        answers = [
            Answer(Case("s", "x", label), labels, label, label if i % 3 else None, 0.6)
            for i, label in enumerate(sorted(labels))
        ]
        answers.append(Answer(Case("s", "x", None), labels, "Rule 000", "Rule 000", 0.6))
        self.drawn(tmp_path, answers)

    def test_a_picture_that_cannot_be_written_is_an_error(self, tmp_path):
        (tmp_path / "file").touch()
        found = live_engine().evaluate(labelled_cases(5))
        with pytest.raises(InvalidValueError, match="cannot write"):
            plot(found, tmp_path / "file" / "report.png")
