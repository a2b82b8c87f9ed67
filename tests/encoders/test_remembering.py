"""The cache of vectors, and encoders by name."""

from __future__ import annotations

import numpy as np
import pytest

from routing_engine.encoders import HashingEncoder, RememberingEncoder, encoder_named


@pytest.fixture
def inner():
    return HashingEncoder()


def test_vectors_are_those_of_the_encoder_in_the_order_asked(inner):
    encoder = RememberingEncoder(inner)
    assert np.array_equal(encoder.encode(["b", "a", "b"]), inner.encode(["b", "a", "b"]))
    assert encoder.encode([]).shape == (0, inner.dimension)


def test_the_texts_used_last_are_kept(inner):
    encoder = RememberingEncoder(inner, max_texts=2)
    encoder.encode(["a", "b"])
    encoder.encode(["a"])
    encoder.encode(["c"])  # drops b, which was used least recently
    inner.n_encoded = 0
    encoder.encode(["a", "c"])
    assert inner.n_encoded == 0
    encoder.encode(["b"])
    assert inner.n_encoded == 1


def test_more_texts_than_are_kept_are_embedded_all_the_same(inner):
    encoder = RememberingEncoder(inner, max_texts=2)
    texts = ["a", "b", "c", "d", "a"]
    assert np.array_equal(encoder.encode(texts), inner.encode(texts))


def test_the_name_hashing_is_the_encoder_without_a_model():
    assert encoder_named("hashing").fingerprint == HashingEncoder().fingerprint
