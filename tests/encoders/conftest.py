"""Compiled models that the tests of encoders share."""

from __future__ import annotations

import pytest

from routing_engine import CompiledEncoder
from routing_engine.encoders.source import BASE_MODEL
from tests.support.compiling import MAKE_MODELS
from tests.support.processes import run


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Two models of random weights: ``tiny``, of two small layers, and ``static``, of none."""
    folder = tmp_path_factory.mktemp("models")
    run(MAKE_MODELS, folder)
    return folder


@pytest.fixture(scope="session")
def tiny_cache(models, tmp_path_factory):
    cache = tmp_path_factory.mktemp("tiny-cache")
    CompiledEncoder(models / "tiny", cache=cache)
    return cache


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(scope="session")
def encoder(cache):
    """The frozen base model, compiled for these tests alone."""
    return CompiledEncoder(BASE_MODEL, cache=cache)
