"""The model of generic caller text, against the same definition written out in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import HashingEncoder, InvalidValueError
from routing_engine.encoders import default_encoder, encode_distinct
from routing_engine.encoders.background import (
    MAX_AXES,
    NEIGHBOURS,
    PARTS,
    RIDGE,
    TYPICAL_GENERICNESS,
    Background,
    background_texts,
    described_rules,
    fit_background,
    neutral_background,
    shipped_background,
)
from routing_engine.encoders.model_files import packaged_model
from routing_engine.matching.profiles import background_for
from routing_engine.matching.scoring import KINDS, description_texts
from tests.support.examples import examples
from tests.support.strategies import FakeEncoder


def unit_rows(seed, n, dimension):
    rows = np.random.default_rng(seed).standard_normal((n, dimension))
    rows += np.linspace(0.0, 1.0, dimension)  # sentences are not centred on the origin
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def genericness(background, query):
    """``c + u.x + sum v_k (U_k.x)^2`` of a vector, in float64."""
    x = query.astype(np.float64) - background.mean
    x /= np.linalg.norm(x)
    along = background.rows[1:].astype(np.float64) @ x
    return float(
        background.constant + background.linear @ along + background.quadratic @ (along * along)
    )


def fitted_by_hand(utterances):
    """Mean, covariance and genericness at each utterance, by loops and least squares."""
    rows = [row.astype(np.float64) for row in utterances]
    mean = sum(rows) / len(rows)
    centred = [(row - mean) / np.linalg.norm(row - mean) for row in rows]
    targets = []
    for i, x in enumerate(centred):
        near = sorted((float(x @ y) for j, y in enumerate(centred) if j != i), reverse=True)
        near = near[:NEIGHBOURS]
        targets.append(sum(near) / len(near))
    covariance = sum(np.outer(row - mean, row - mean) for row in rows)
    values, vectors = np.linalg.eigh(covariance)
    axes = vectors.T[np.argsort(-values)][: min(MAX_AXES, len(rows))]
    design = np.array([[*(axes @ x), *((axes @ x) ** 2), 1.0] for x in centred])
    # Ridge regression is least squares with one more row a coefficient.
    n_parts = design.shape[1]
    solved = np.linalg.lstsq(
        np.concatenate([design, np.sqrt(RIDGE) * np.eye(n_parts)]),
        np.concatenate([targets, np.zeros(n_parts)]),
        rcond=None,
    )[0]
    return mean, axes, design @ solved, solved[-1]


class TestFit:
    @pytest.mark.parametrize("seed", range(4))
    @pytest.mark.parametrize(("n", "dimension"), [(200, 8), (40, 16), (9, 8), (300, 80)])
    def test_it_is_what_the_definition_says(self, seed, n, dimension):
        utterances = unit_rows(seed, n, dimension)
        described = unit_rows(seed + 100, 5 * 12, dimension).reshape(12, 5, dimension)
        background = fit_background(utterances, described)
        mean, axes, expected, constant = fitted_by_hand(utterances)
        np.testing.assert_allclose(background.mean, mean, atol=1e-6)
        np.testing.assert_allclose(
            background.description_means,
            [sum(rule[kind] for rule in described) / 12 for kind in range(5)],
            atol=1e-6,
        )
        assert background.constant == pytest.approx(constant, abs=1e-4)
        found = [genericness(background, row) for row in utterances]
        np.testing.assert_allclose(found, expected, atol=1e-4)
        if n > dimension:  # an axis has a direction, not a sign
            alike = np.abs((background.rows[1:] * axes).sum(axis=1))
            np.testing.assert_allclose(alike, 1.0, atol=1e-4)

    def test_its_parts_have_the_documented_shapes(self):
        background = fit_background(unit_rows(0, 300, 80), unit_rows(1, 20, 80).reshape(4, 5, 80))
        assert {name: array.shape for name, array in background.arrays().items()} == {
            "rows": (1 + MAX_AXES, 80),
            "axis_means": (MAX_AXES,),
            "linear": (MAX_AXES,),
            "quadratic": (MAX_AXES,),
            "constant": (1,),
            "description_means": (5, 80),
        }
        assert {array.dtype for array in background.arrays().values()} == {np.dtype(np.float32)}
        np.testing.assert_allclose(
            background.rows[1:] @ background.rows[1:].T, np.eye(MAX_AXES), atol=1e-5
        )
        np.testing.assert_allclose(
            background.axis_means, background.rows[1:] @ background.mean, atol=1e-6
        )
        assert background.mean_square == pytest.approx(float(background.mean @ background.mean))
        assert background.mean_norm_inverse == pytest.approx(1 / np.linalg.norm(background.mean))

    @pytest.mark.parametrize("n", [2, 3, NEIGHBOURS, NEIGHBOURS + 1])
    def test_few_utterances_are_enough(self, n):
        background = fit_background(unit_rows(0, n, 16), unit_rows(1, 5, 16)[None])
        assert len(background.rows) == 1 + n
        assert all(np.isfinite(array).all() for array in background.arrays().values())

    def test_the_order_of_utterances_does_not_matter(self):
        utterances, described = unit_rows(3, 100, 8), unit_rows(4, 5, 8)[None]
        one = fit_background(utterances, described)
        other = fit_background(utterances[::-1], described)
        np.testing.assert_allclose(other.mean, one.mean, atol=1e-6)
        for query in unit_rows(5, 20, 8):
            assert genericness(other, query) == pytest.approx(genericness(one, query), abs=1e-4)

    def test_what_is_said_by_many_is_more_generic(self):
        common = unit_rows(0, 1, 32) + 0.05 * unit_rows(1, 60, 32)
        rare = unit_rows(2, 60, 32)
        utterances = np.concatenate([common, rare])
        utterances /= np.linalg.norm(utterances, axis=1, keepdims=True)
        background = fit_background(utterances, rare[:5][None])
        said = [genericness(background, row) for row in utterances]
        assert np.mean(said[:60]) > np.mean(said[60:]) + 0.3

    def test_the_same_text_gives_the_same_bits(self):
        made = [
            fit_background(unit_rows(7, 50, 8), unit_rows(8, 5, 8)[None]).arrays() for _ in range(2)
        ]
        for name in PARTS:
            assert np.array_equal(made[0][name], made[1][name])


class TestArrays:
    @examples(25)
    @given(st.integers(0, 2**32 - 1), st.integers(2, 90), st.sampled_from((8, 33, 70)))
    def test_a_background_comes_back_from_its_arrays(self, seed, n, dimension):
        background = fit_background(
            unit_rows(seed, n, dimension), unit_rows(seed, 10, dimension).reshape(2, 5, dimension)
        )
        again = Background.of(background.arrays())
        for name, array in background.arrays().items():
            assert np.array_equal(again.arrays()[name], array)
        assert again.constant == background.constant
        assert again.mean_square == background.mean_square
        assert again.mean_norm_inverse == background.mean_norm_inverse

    @pytest.mark.parametrize("name", ["axis_means", "linear", "quadratic", "constant"])
    def test_parts_that_do_not_fit_are_refused(self, name):
        arrays = fit_background(unit_rows(0, 9, 8), unit_rows(1, 5, 8)[None]).arrays()
        arrays[name] = np.append(arrays[name], np.float32(0))
        with pytest.raises(InvalidValueError, match="do not fit one another"):
            Background.of(arrays)


class TestNeutral:
    def test_every_text_is_equally_generic(self):
        background = neutral_background(16, 5)
        for query in unit_rows(0, 10, 16):
            assert genericness(background, query) == pytest.approx(TYPICAL_GENERICNESS)
        assert not background.mean.any()
        assert not background.description_means.any()
        assert background.description_means.shape == (5, 16)
        assert (background.mean_square, background.mean_norm_inverse) == (0.0, 0.0)

    def test_it_comes_back_from_its_arrays(self):
        background = neutral_background(16, 5)
        again = Background.of(background.arrays())
        for name, array in background.arrays().items():
            assert np.array_equal(again.arrays()[name], array)

    def test_the_shipped_fake_brings_one_of_as_many_kinds_as_rules_have(self):
        encoder = HashingEncoder(32)
        assert background_for(encoder) is encoder.background
        assert encoder.background.description_means.shape == (len(KINDS), 32)


class TestText:
    def test_it_is_what_is_documented(self):
        said, described = background_texts(), described_rules()
        assert (round(len(said), -2), len(described)) == (3400, 240)
        assert all(text == text.strip() and any(map(str.isalnum, text)) for text in said)
        assert len(set(said)) == len(said)
        assert all(label and when for label, when in described)
        assert len(set(described)) == len(described)


class TestShipped:
    def test_it_belongs_to_the_encoder_that_ships(self):
        compiled = shipped_background(packaged_model().fingerprint)
        assert compiled.rows.shape == (1 + MAX_AXES, 384)
        assert compiled.description_means.shape == (len(KINDS), 384)

    @pytest.mark.parametrize("fingerprint", ["hashing-1-64", "", "onnx-1:0000000000000000", ":"])
    def test_it_belongs_to_no_other(self, fingerprint):
        assert shipped_background(fingerprint) is None

    def test_an_encoder_without_one_has_one_fitted_once(self):
        hashing = HashingEncoder(8)
        encoder = FakeEncoder(hashing.encode)
        encoder.fingerprint = "fitted-once-8"
        background = background_for(encoder)
        n_texts = sum(map(len, encoder.calls))
        said = background_texts()
        assert n_texts == len(
            {*said, *(t for r in described_rules() for t in description_texts(*r))}
        )
        assert background_for(encoder) is background
        assert sum(map(len, encoder.calls)) == n_texts
        np.testing.assert_allclose(
            background.mean, hashing.encode(said).mean(axis=0, dtype=np.float64), atol=1e-6
        )


@pytest.mark.model
def test_the_shipped_background_is_what_fitting_gives():
    encoder = default_encoder()
    said = background_texts()
    kinds = [description_texts(label, when) for label, when in described_rules()]
    every = list(dict.fromkeys([*said, *(text for texts in kinds for text in texts)]))
    vectors = dict(zip(every, encode_distinct(encoder, every), strict=True))
    utterances = np.stack([vectors[text] for text in said])
    fitted = fit_background(utterances, np.array([[vectors[t] for t in rule] for rule in kinds]))
    shipped = shipped_background(encoder.fingerprint)
    np.testing.assert_allclose(shipped.mean, fitted.mean, atol=0.001)
    np.testing.assert_allclose(shipped.description_means, fitted.description_means, atol=0.002)
    shared = np.linalg.norm(shipped.rows[1:] @ fitted.rows[1:].T, axis=1)
    assert shared[:32].min() > 0.999  # the leading axes span the same space
    one = np.array([genericness(shipped, row) for row in utterances[::10]])
    other = np.array([genericness(fitted, row) for row in utterances[::10]])
    np.testing.assert_allclose(one, other, atol=0.01)
