"""Fixtures and Hypothesis profiles that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything imports a model library

# "ci" draws the same examples in every run; "dev" looks further each time.
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "dev",
    deadline=None,
    max_examples=500,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

_ROOT = Path(__file__).resolve().parents[1]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests of the real model run in one worker, so that it is loaded once."""
    for item in items:
        if item.get_closest_marker("model") is not None:
            item.add_marker(pytest.mark.xdist_group("model"))


@pytest.fixture(scope="session")
def reference_encoder():
    """The packaged model. Tests that use it are marked ``model``."""
    from routing_engine import SentenceTransformerEncoder

    return SentenceTransformerEncoder()


@pytest.fixture(scope="session")
def eval_folder():
    """The folder of routing cases. Tests that use it are marked ``shared``."""
    named = os.environ.get("ROUTING_ENGINE_EVAL")
    folder = Path(named) if named else _ROOT.parent / "shared" / "eval"
    if not folder.is_dir():
        pytest.skip(f"no routing cases at {folder}; set ROUTING_ENGINE_EVAL to their folder")
    return folder
