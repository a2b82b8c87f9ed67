"""What ``calibrate`` fits is what the engine computes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import ablation
from benchmarks.__main__ import main
from benchmarks.calibration.calibrate import (
    CELL_WEIGHTS,
    JUDGED,
    Episode,
    answers,
    choices_of,
    embed,
    episodes,
    fit,
    probabilities,
)
from benchmarks.cases import read_cases
from routing_engine import CompiledEncoder, HashingEncoder, InvalidValueError
from routing_engine.encoders.background import shipped_background
from routing_engine.matching.parameters import PARAMETERS, Parameters
from routing_engine.matching.scoring import (
    block,
    confidences,
    rule_texts,
    score_rule,
    utterance_terms,
)
from tests.support.strategies import WORDS

FILE = "made-up"


def a_case(rng, number):
    """Rules of two words each; callers say one of them among other words, or neither."""
    pairs = rng.permutation(WORDS)[:10].reshape(5, 2).tolist()

    def saying(word):
        return " ".join(rng.permutation(["hello", word, *rng.choice(WORDS, 2)]).tolist())

    rules = [
        {
            "label": f"{first.title()} {second.title()}",
            "when": f"caller asks about {first} or {second}",
            "examples": [saying(word) for word in (first, second, first)],
        }
        for first, second in pairs
    ]
    queries = [
        {"text": saying(word), "label": rule["label"], "kind": "in"}
        for rule, pair in zip(rules, pairs, strict=True)
        for word in pair
    ]
    queries += [
        {"text": f"{saying('weather')} {i}", "label": None, "kind": kind}
        for i, kind in enumerate(("near", "far", "oos", "oos", "oos"))
    ]
    return {"location_id": f"store-{number}", "rules": rules, "queries": queries}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    rng = np.random.default_rng(7)
    path = tmp_path_factory.mktemp("cases") / f"{FILE}.jsonl"
    lines = [json.dumps(a_case(rng, number)) for number in range(8)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_an_ablation_takes_out_one_part_after_another(path):
    rows = ablation.measure([path], [path], HashingEncoder(), most_tables=3)
    taken = [row["without"] for row in rows]
    assert taken == [*ablation.VARIANTS, "wordings of a description", "background"]
    assert all(set(row["files"]) == {f"{FILE} when", f"{FILE} examples"} for row in rows)
    whole, *parts = rows
    assert all(0.0 <= f["balanced"] <= 1.0 for row in rows for f in row["files"].values())
    assert any(part["files"] != whole["files"] for part in parts)


@pytest.fixture(scope="module")
def tables(path):
    return episodes(read_cases(path))


@pytest.fixture(scope="module")
def space(tables):
    return embed(HashingEncoder(), tables)


@pytest.fixture(scope="module")
def choices(tables, space):
    return choices_of(tables, space)


@pytest.fixture(scope="module")
def fitted(choices):
    return fit(choices)


@pytest.mark.parametrize("of", ["fitted", "shipped"])
def test_the_fitted_model_is_what_the_engine_computes(of, tables, space, choices, fitted):
    parameters = fitted if of == "fitted" else PARAMETERS
    found = []
    for table in tables:
        scored = [
            score_rule(space.of(rule_texts(rule)), space.background, parameters)
            for rule in table.rules
        ]
        rows, layout = block(scored)
        for query in table.queries:
            vector = space.vectors[query.text]
            heard = utterance_terms(vector, space.background, parameters)
            places = range(len(table.rules))
            found.append(confidences(rows @ vector, layout, heard, places, parameters))
    expected = probabilities(choices, parameters)
    np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-5)


def test_every_cell_is_made_and_the_same_for_the_same_seed(path, tables):
    assert {table.cell for table in tables} == set(CELL_WEIGHTS)
    assert {table.file for table in tables} == {FILE}
    assert episodes(read_cases(path)) == tables
    assert episodes(read_cases(path), seed=1) != tables


def test_a_query_is_of_a_rule_in_its_table_or_of_none(tables):
    for table in tables:
        labels = [rule.label for rule in table.rules]
        assert len(set(labels)) == len(labels)
        for query in table.queries:
            assert query.label is None or query.label in labels
            assert (query.label is None) == (query.kind != "in")


def test_a_query_is_no_example_of_its_own_rule(tables):
    for table in tables:
        if table.cell == "many":
            examples = {rule.label: rule.examples for rule in table.rules}
            for query in table.queries:
                assert query.label is None or query.text not in examples[query.label]


def test_tables_of_many_locations_hold_only_queries_whose_answer_is_known(path, tables):
    cases = read_cases(path)
    unknown = {query.text for query in cases.queries if query.kind in ("near", "far")}
    big = [table for table in tables if table.cell == "big"]
    assert big
    for table in big:
        assert not unknown & {query.text for query in table.queries}


def test_rules_have_the_examples_of_their_cell(path, tables):
    written = {
        (label, rule["when"]): tuple(rule["examples"])
        for rules in read_cases(path).rules.values()
        for label, rule in rules.items()
    }
    for table in tables:
        for rule in table.rules:
            if table.cell == "when":
                assert rule.examples == ()
            elif table.cell == "examples":
                assert rule.examples == written[rule.label, rule.when]
            elif table.cell == "mixed":
                assert set(rule.examples) <= set(written[rule.label, rule.when])


def test_at_the_maximum_as_many_rules_are_right_as_is_expected(choices, fitted):
    # The slope of the likelihood along the bias, which no penalty holds back, is zero.
    expected = np.add.reduceat(probabilities(choices, fitted), choices.starts)
    suited = choices.answers >= 0
    total = 0.0
    for cell, weight in CELL_WEIGHTS.items():
        here = choices.cells == cell
        total += weight * float((expected[here] - suited[here]).mean())
    assert total == pytest.approx(0.0, abs=1e-3)


def test_the_fit_is_better_than_weights_nearby(choices, fitted):
    def log_likelihood(parameters):
        shares = np.zeros(len(choices.starts))
        for cell, weight in CELL_WEIGHTS.items():
            here = choices.cells == cell
            shares[here] = weight / here.sum()
        probability = probabilities(choices, parameters)
        none = 1.0 - np.add.reduceat(probability, choices.starts)
        suited = choices.answers >= 0
        wanted = np.where(suited, probability[choices.answers], none)
        return float(shares @ np.log(wanted))

    best = log_likelihood(fitted)
    for name in ("prototype", "lead", "bias"):
        for factor in (0.5, 1.5):
            assert log_likelihood(replace(fitted, **{name: factor * getattr(fitted, name)})) < best


def test_rates_let_through_what_they_say(choices, fitted):
    rates, thresholds = zip(*fitted.rates, strict=True)
    assert list(rates) == sorted(rates)
    assert list(thresholds) == sorted(thresholds, reverse=True)
    for rate, threshold in fitted.rates:
        if rate < 0.1:
            continue
        through = [
            np.mean(found.confidence[found.kind != "in"] >= threshold)
            for cell in JUDGED
            for found in [answers(choices, fitted, file=FILE, cell=cell)]
        ]
        assert np.mean(through) == pytest.approx(rate, abs=0.15)


def test_one_file_of_several(tables, space, choices):
    other = [replace(table, file="other") for table in tables[:20]]
    both = choices_of([*other, *tables], space)
    alone = both.of_file(FILE)
    assert np.array_equal(alone.features, choices.features)
    assert np.array_equal(alone.starts, choices.starts)
    assert np.array_equal(alone.answers, choices.answers)
    assert np.array_equal(alone.cells, choices.cells)


def test_a_weight_of_a_file_counts_as_that_many_copies(tables, space, choices, fitted):
    copy = [Episode("copy", table.cell, table.rules, table.queries) for table in tables]
    weighed = fit(choices_of([*tables, *copy], space), file_weights={"copy": 0.5})
    for name in ("prototype", "lead", "bias"):
        assert getattr(weighed, name) == pytest.approx(getattr(fitted, name), abs=2e-3)


def test_the_command_writes_what_ships_and_the_same_each_time(path, tmp_path, fitted, capsys):
    command = ["calibrate", str(path), "--encoder", "hashing", "--out"]
    assert main([*command, str(tmp_path / "a")]) == 0
    assert f"{FILE} examples" in capsys.readouterr().out
    assert main([*command, str(tmp_path / "b")]) == 0
    for name in ("background.npz", "scoring.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    written = (tmp_path / "a" / "scoring.json").read_text(encoding="utf-8")
    assert Parameters.from_json(written) == fitted
    with np.load(tmp_path / "a" / "background.npz") as arrays:
        assert str(arrays["fingerprint"]) == HashingEncoder().fingerprint


def test_the_background_alone_needs_no_cases_and_leaves_the_scoring(path, tmp_path, capsys):
    command = ["calibrate", "--encoder", "hashing", "--out", str(tmp_path)]
    assert main(command) == 1
    assert "name at least one" in capsys.readouterr().err
    assert main([*command, "--background-only"]) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["background.npz"]
    alone = (tmp_path / "background.npz").read_bytes()
    assert main([*command, str(path)]) == 0
    assert (tmp_path / "background.npz").read_bytes() == alone


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--cross"], "name at least two"), (["--held-out", "{path}"], "the same name")],
)
def test_arguments_that_cannot_be_are_refused(arguments, message, path, capsys):
    given = [argument.format(path=path) for argument in arguments]
    assert main(["calibrate", str(path), *given]) == 1
    assert message in capsys.readouterr().err


def test_a_file_in_which_no_caller_suits_no_rule_is_refused(tables, space):
    suited = [
        replace(table, queries=tuple(q for q in table.queries if q.label is not None))
        for table in tables
    ]
    with pytest.raises(InvalidValueError, match="both are needed"):
        fit(choices_of(suited, space))


@pytest.mark.model
def test_the_shipped_background_is_of_the_default_encoder():
    background = shipped_background(CompiledEncoder().fingerprint)
    assert background is not None
    assert background.rows.shape == (65, 384)
    assert shipped_background("another-1") is None
