"""The formula of confidences, against its definition in plain numpy."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine.encoders.background import TYPICAL_CLOSENESS, Background, neutral_background
from routing_engine.matching.parameters import PARAMETERS
from routing_engine.matching.scoring import (
    ALONE,
    DEFAULT_THRESHOLD,
    HINGE,
    KINDS,
    Layout,
    block,
    confidences,
    nearest_candidates,
    rule_similarities,
    rule_texts,
    score_rule,
    threshold_for,
    utterance_terms,
)
from routing_engine.text.paraphrases import first_person, spoken, stripped
from tests.support.strategies import a_rule

DIMENSION = 24
N_KINDS = len(KINDS)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def unit_rows(n, seed):
    rows = np.random.default_rng(seed).standard_normal((n, DIMENSION))
    return unit(rows).astype(np.float32)


def a_background(seed):
    """A background of no particular text, with every part at work."""
    rng = np.random.default_rng(seed)
    mean = 0.3 * unit(rng.standard_normal(DIMENSION))
    axes = np.linalg.qr(rng.standard_normal((DIMENSION, 6)))[0].T
    return Background(
        rows=np.vstack([mean, axes]).astype(np.float32),
        axis_means=(axes @ mean).astype(np.float32),
        linear=rng.normal(0, 0.2, 6).astype(np.float32),
        quadratic=rng.normal(0, 0.2, 6).astype(np.float32),
        constant=0.4,
        description_means=(0.2 * unit_rows(N_KINDS, [seed, 1])).astype(np.float32),
    )


BACKGROUNDS = st.one_of(
    st.just(neutral_background(DIMENSION, N_KINDS)), st.integers(0, 1000).map(a_background)
)
N_EXAMPLES = st.lists(st.integers(0, 4), min_size=1, max_size=7)
SEEDS = st.integers(0, 2**32)


def naive_confidences(query, rules, places, background):
    """The module docstring, rule by rule in float64."""
    w = PARAMETERS
    mean = background.rows[0].astype(np.float64)
    axes = background.rows[1:].astype(np.float64)
    x = unit(query.astype(np.float64) - mean)
    generic = background.constant + background.linear @ (axes @ x)
    generic += background.quadratic @ (axes @ x) ** 2
    norm = np.linalg.norm(mean)
    closeness = query @ mean / norm if norm else TYPICAL_CLOSENESS
    shift = w.genericness * generic + w.closeness * closeness
    logits, leads = [], []
    for vectors in rules:
        kinds = vectors[:N_KINDS].astype(np.float64) - background.description_means
        mean_kind = unit(kinds).mean(axis=0)
        d = unit(mean_kind)
        e = unit(vectors[N_KINDS:].astype(np.float64) - mean)
        n = len(e)
        p = unit(mean_kind + e.sum(axis=0))
        best = (e @ x).max() if n else d @ x
        logit = w.bias + w.few / (1 + n) + w.prototype * (p @ x)
        if n:
            logit += w.description * (d @ x) + w.best_example * best
            logit += w.near_example * max(0.0, best - HINGE) + w.mean_example * (e @ x).mean()
        else:
            logit += w.description_alone * (d @ x)
        if n > 1:
            pairs = [e[i] @ e[j] for i in range(n) for j in range(n) if i != j]
            logit += w.alike * np.mean(pairs)
        logits.append(logit)
        leads.append((p @ x + best) / 2)
    found = []
    z = []
    for logit, b, place in zip(logits, leads, places, strict=True):
        rivals = [other for other, at in zip(leads, places, strict=True) if at != place]
        lead = w.lead * (b - max(rivals)) if rivals else w.lead * ALONE + w.alone
        z.append(logit + lead + shift)
    for logit, place in zip(z, places, strict=True):
        rivals = sum(np.exp(o) for o, at in zip(z, places, strict=True) if at != place)
        found.append(np.exp(logit) / (1 + np.exp(logit) + rivals))
    return found


def made(n_examples, seed, background):
    """Rules of random vectors: the vectors, the rows of their block, and its layout."""
    vectors = [unit_rows(N_KINDS + n, [seed, i]) for i, n in enumerate(n_examples)]
    scored = [score_rule(rule, background) for rule in vectors]
    return vectors, *block(scored)


@given(N_EXAMPLES, SEEDS, BACKGROUNDS, st.data())
def test_confidences_are_what_the_formula_says(n_examples, seed, background, data):
    vectors, rows, layout = made(n_examples, seed, background)
    near = data.draw(st.floats(0, 3))
    query = unit(unit_rows(1, [seed, 999])[0] + near * vectors[0][-1]).astype(np.float32)
    n = len(n_examples)
    places = data.draw(st.lists(st.integers(0, n), min_size=n, max_size=n) | st.just(range(n)))
    found = np.array(confidences(rows @ query, layout, utterance_terms(query, background), places))
    assert found.shape == (n,)
    assert ((found >= 0) & (found <= 1)).all()
    expected = naive_confidences(query, vectors, places, background)
    np.testing.assert_allclose(found, expected, atol=2e-4, rtol=1e-3)


@given(N_EXAMPLES, SEEDS, BACKGROUNDS)
def test_confidences_of_rules_that_lead_to_different_places_sum_to_at_most_one(
    n_examples, seed, background
):
    _, rows, layout = made(n_examples, seed, background)
    query = rows[-1] / np.linalg.norm(rows[-1])
    found = np.array(
        confidences(
            rows @ query, layout, utterance_terms(query, background), range(len(n_examples))
        )
    )
    assert found.sum() <= 1 + 1e-5


@given(N_EXAMPLES, SEEDS, BACKGROUNDS)
def test_rules_that_lead_to_the_same_place_do_not_compete(n_examples, seed, background):
    vectors, rows, layout = made(n_examples, seed, background)
    query = unit_rows(1, [seed, 999])[0]
    heard = utterance_terms(query, background)
    together = np.array(confidences(rows @ query, layout, heard, [7] * len(n_examples)))
    for i, rule in enumerate(vectors):
        own, alone = block([score_rule(rule, background)])
        np.testing.assert_allclose(
            confidences(own @ query, alone, heard, [7]), together[i : i + 1], atol=1e-5
        )


@given(N_EXAMPLES, SEEDS, BACKGROUNDS)
def test_the_similarity_of_a_rule_is_that_of_its_nearest_candidate(n_examples, seed, background):
    vectors, rows, layout = made(n_examples, seed, background)
    query = unit_rows(1, [seed, 999])[0]
    found = rule_similarities(rows @ query, layout, utterance_terms(query, background))
    mean = background.rows[0].astype(np.float64)
    x = unit(query - mean)
    for i, (rule, n) in enumerate(zip(vectors, n_examples, strict=True)):
        if n:
            cosines = unit(rule[N_KINDS:] - mean) @ x
            assert found[i] == pytest.approx(cosines.max(), abs=1e-5)
            assert cosines[nearest_candidates(rows @ query, layout)[i]] == cosines.max()
        assert -1.0 <= found[i] <= 1.0


@given(N_EXAMPLES, SEEDS)
def test_a_layout_survives_its_arrays(n_examples, seed):
    _, rows, layout = made(n_examples, seed, neutral_background(DIMENSION, N_KINDS))
    twin = Layout.of(layout.n_candidates.tolist(), layout.offsets, layout.constants)
    assert layout.n_rows == len(rows)
    bare = not any(n_examples)
    assert layout.n_candidates.tolist() == [0 if bare else max(n, 1) for n in n_examples]
    for field in fields(Layout):
        assert np.array_equal(getattr(twin, field.name), getattr(layout, field.name))


@given(st.lists(st.integers(0, 3), min_size=2, max_size=6), SEEDS, BACKGROUNDS)
def test_confidences_do_not_depend_on_the_order_of_rules(n_examples, seed, background):
    query = unit_rows(1, [seed, 999])[0].astype(np.float64)
    heard = utterance_terms(query.astype(np.float32), background)
    rules = [
        score_rule(unit_rows(N_KINDS + n, [seed, i]), background) for i, n in enumerate(n_examples)
    ]

    def scored(some):
        rows, layout = block(some)
        products = (rows * query).sum(axis=1).astype(np.float32)
        return confidences(products, layout, heard, range(len(some)))

    assert scored(rules) == scored(rules[::-1])[::-1]


def test_the_texts_of_a_rule_are_wordings_of_its_description_and_its_examples():
    rule = a_rule("Billing", when="caller asks about their bill", examples=("charged twice",))
    core = stripped(rule.when)
    assert rule_texts(rule.text) == (
        *(rule.when, core, first_person(core), "Billing", spoken(rule.when)),
        "charged twice",
    )
    assert len(rule_texts(a_rule().text)) == N_KINDS


def test_a_higher_rate_of_false_transfers_is_a_lower_threshold():
    rates = [rate for rate, _ in PARAMETERS.rates]
    found = [threshold_for(rate) for rate in rates]
    assert found == [at for _, at in PARAMETERS.rates]
    assert found == sorted(found, reverse=True)
    parameters = replace(PARAMETERS, rates=((0.1, 0.8), (0.3, 0.4)))
    assert threshold_for(0.2, parameters) == pytest.approx(0.6)


def test_the_threshold_is_a_probability():
    assert 0.0 < DEFAULT_THRESHOLD < 1.0
