"""Tuning on a tiny model: it learns, goes on where it was stopped, and keeps its word on seeds."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.support.compiling import MAKE_MODELS
from tests.support.processes import run

CORPUS = Path(__file__).parents[2] / "data" / "callers"

pytestmark = pytest.mark.model

# Two layers stay as they are: a third one learns.
MAKE_MODEL = MAKE_MODELS.replace("num_hidden_layers=2", "num_hidden_layers=3")

TUNE = """
import sys
from pathlib import Path
from routing_engine.training.corpus import read_corpus
from routing_engine.training.tuning import Settings, tune

corpus, model, out, until = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
businesses = read_corpus(corpus, "dev")
settings = Settings(steps=6, rate=1e-3, average=0.9, heard=True)
tune(businesses, out, settings=settings, model=model, until=until or None)
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    run(MAKE_MODEL, folder)
    return folder / "tiny"


def curve(folder):
    lines = (folder / "curve.jsonl").read_text(encoding="utf-8").splitlines()
    return [{**json.loads(line), "seconds": None} for line in lines]


def test_a_run_that_was_stopped_ends_as_one_that_was_not(tiny, tmp_path):
    run(TUNE, CORPUS, tiny, tmp_path / "whole", 0)
    run(TUNE, CORPUS, tiny, tmp_path / "parts", 4)
    assert not (tmp_path / "parts" / "model").exists()
    run(TUNE, CORPUS, tiny, tmp_path / "parts", 0)
    whole, parts = curve(tmp_path / "whole"), curve(tmp_path / "parts")
    assert [line["step"] for line in parts] == [1, 2, 3, 4, 5, 6]
    for one, other in zip(whole, parts, strict=True):
        assert one["when"] == pytest.approx(other["when"], abs=2e-3)
        assert one["texts"] == other["texts"]
    one, other = (load_file(tmp_path / n / "model/model.safetensors") for n in ("whole", "parts"))
    assert all(np.allclose(one[name], other[name], atol=2e-3) for name in one)
    assert any(
        not np.array_equal(one[name], before)
        for name, before in load_file(tiny / "model.safetensors").items()
    )


def test_a_checkpoint_of_other_settings_is_refused(tiny, tmp_path):
    run(TUNE, CORPUS, tiny, tmp_path / "run", 2)
    other = TUNE.replace("rate=1e-3", "rate=1e-4")
    with pytest.raises(subprocess.CalledProcessError) as raised:
        run(other, CORPUS, tiny, tmp_path / "run", 0)
    assert "is of other settings" in raised.value.stderr
