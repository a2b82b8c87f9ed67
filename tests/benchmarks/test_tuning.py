"""Ways to tune, compared: what the table shows."""

from __future__ import annotations

import pytest

from benchmarks import registry
from benchmarks.__main__ import main
from benchmarks.report import Document, machine
from benchmarks.tuning import CANDIDATES
from routing_engine.training.tuning import Settings

KEYS = ("top1", "balanced", "auroc", "right5")


def test_a_deterministic_encoder_cannot_be_tuned(capsys):
    assert main(["tuning", "--encoder", "hashing"]) == 2
    assert "hashing is none" in capsys.readouterr().err


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda candidate: candidate.name)
def test_candidates_have_settings_that_there_are(candidate):
    assert Settings(**candidate.settings)


def row(name, balanced, *, learnt_intents):
    cells = {"callers-dev when": balanced, "callers-dev when+5": balanced}
    if not learnt_intents:
        cells |= {"some.dev when": 0.8, "some.dev when+5": 0.9}
    return {
        "name": name,
        "seeds": 1,
        "learnt_intents": learnt_intents,
        "metrics": {cell: dict.fromkeys(KEYS, value) for cell, value in cells.items()},
    }


@pytest.fixture
def document():
    rows = [row("base", 0.5, learnt_intents=False), row("tuned", 0.7, learnt_intents=True)]
    parameters = {"quick": False, "steps": 2, "seeds": 1, "files": {}}
    return Document("tuning", machine(seed=0), parameters, {"candidates": rows})


def test_intents_that_were_learnt_are_not_shown_as_unseen(document):
    table = registry.BLOCKS["tuning"][1](document)
    assert [(cells[0], cells[1], cells[-1]) for cells in table.rows] == [
        ("base", "50.0", "85.0"),
        ("tuned", "70.0", "learnt"),
    ]


def test_plot(document, tmp_path):
    registry.BENCHMARKS["tuning"].plot(document, tmp_path / "tuning.png")
    assert (tmp_path / "tuning.png").read_bytes().startswith(b"\x89PNG")
