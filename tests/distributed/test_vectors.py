from __future__ import annotations

import numpy as np

from routing_engine import HashingEncoder
from routing_engine.distributed import vectors
from routing_engine.distributed.vectors import SharedVectors, shared


class Counting:
    """Counts the texts that it embeds."""

    def __init__(self):
        self.inner = HashingEncoder()
        self.fingerprint, self.dimension = self.inner.fingerprint, self.inner.dimension
        self.texts = []

    def encode(self, texts):
        self.texts += texts
        return self.inner.encode(texts)


def test_what_one_worker_has_embedded_another_looks_up(tmp_path):
    first, second = Counting(), Counting()
    one, other = (SharedVectors(encoder, tmp_path / "v") for encoder in (first, second))
    one.encode(["gas", "leak"])
    one.encode(["leak", "flood"])
    one.send()
    other.receive()
    found = other.encode(["flood", "invoice", "gas"])
    np.testing.assert_array_equal(found, HashingEncoder().encode(["flood", "invoice", "gas"]))
    assert (first.texts, second.texts) == (["gas", "leak", "flood"], ["invoice"])
    other.send()
    one.receive()
    np.testing.assert_array_equal(one.encode(["invoice"]), HashingEncoder().encode(["invoice"]))
    assert len(first.texts) == 3


def test_no_more_sentences_are_kept_than_said(tmp_path, monkeypatch):
    monkeypatch.setattr(vectors, "MAX_TEXTS", 2)
    encoder = Counting()
    one = SharedVectors(encoder, tmp_path)
    texts = ["gas", "leak", "flood"]
    for _ in range(2):
        np.testing.assert_array_equal(one.encode(texts), HashingEncoder().encode(texts))
        one.send()
    assert encoder.texts == [*texts, "flood"]


def test_an_encoder_that_promises_nothing_of_batches_shares_nothing(tmp_path):
    encoder = Counting()
    assert shared(encoder, str(tmp_path)) is encoder
    assert isinstance(shared(HashingEncoder(), str(tmp_path)), SharedVectors)
