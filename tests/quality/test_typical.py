from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from routing_engine import HashingEncoder
from routing_engine.encoders import default_encoder
from routing_engine.matching.profiles import background_for
from routing_engine.quality.typical import (
    CALLS_FILE,
    VECTORS_FILE,
    TypicalSituation,
    _shipped,
    describe,
    description_vectors,
    typical_situations,
    write_typical,
)
from routing_engine.training.corpus import read_corpus

CORPUS = Path(__file__).parents[2] / "data" / "callers"
SMALL = (
    TypicalSituation("Tire shop", "Flat", ("stranded with a flat", "puncture"), ("it went bang",)),
    TypicalSituation("Florist", "Billing", ("charged twice",), ("the total is wrong",)),
)


def test_the_typical_calls_are_those_of_the_training_businesses_in_order():
    assert typical_situations() == tuple(
        TypicalSituation(business.trade, item.label, item.whens, item.utterances)
        for business in read_corpus(CORPUS, "train")
        for item in business.situations
    )


@pytest.mark.parametrize("split", ["dev", "test", "draft"])
def test_nothing_of_the_other_splits_ships(split):
    trades = {item.trade for item in typical_situations()}
    said = {text.casefold() for item in typical_situations() for text in item.utterances}
    for business in read_corpus(CORPUS, split):
        assert business.trade not in trades
        own = [text for item in business.situations for text in item.utterances]
        # Two people may say one short thing: "lost my card".
        same = [text for text in own if text.casefold() in said and len(text.split()) > 6]
        assert same == []


def test_the_files_are_below_three_megabytes():
    folder = resources.files("routing_engine").joinpath("resources")
    assert sum(len(folder.joinpath(n).read_bytes()) for n in (CALLS_FILE, VECTORS_FILE)) < 3e6


def test_the_same_situations_give_the_same_bytes(tmp_path):
    encoder = HashingEncoder(16)
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        n_bytes = write_typical(SMALL, tmp_path / name, encoder, background_for(encoder))
        files = sorted((tmp_path / name).iterdir())
        assert n_bytes == sum(file.stat().st_size for file in files)
        contents.append([file.read_bytes() for file in files])
    assert contents[0] == contents[1]


def test_another_encoder_embeds_the_descriptions_once_a_process():
    encoder = HashingEncoder(24)
    first = description_vectors(encoder, background_for(encoder))
    assert description_vectors(encoder, background_for(encoder)) is first
    item = typical_situations()[5]
    own = describe(
        [(item.label, when) for when in item.whens], encoder, background_for(encoder)
    ).mean(axis=0)
    assert first[5] == pytest.approx(own / np.linalg.norm(own), abs=1e-6)


@pytest.mark.model
def test_the_vectors_that_ship_are_the_default_encoders():
    encoder = default_encoder()
    shipped = _shipped(encoder.fingerprint)
    assert shipped is not None, "run python -m routing_engine.training typical data/callers"
    for i in (0, 300, len(shipped) - 1):
        item = typical_situations()[i]
        own = describe(
            [(item.label, when) for when in item.whens], encoder, background_for(encoder)
        ).mean(axis=0)
        assert shipped[i] @ own / np.linalg.norm(own) > 0.999
