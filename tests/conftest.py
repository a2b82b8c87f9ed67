"""Fixtures and Hypothesis profiles that every test may use."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything imports a model library

# "ci" draws the same examples in every run; "dev" looks further each time; "quick" only glances.
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
settings.register_profile(
    "quick", parent=settings.get_profile("ci"), max_examples=5, stateful_step_count=10
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

_ROOT = Path(__file__).resolve().parents[1]


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


@pytest.fixture(scope="session")
def postgres_url():
    """A PostgreSQL database that is ours alone, dropped at the end."""
    import psycopg
    from sqlalchemy import make_url

    named = os.environ.get("ROUTING_ENGINE_TEST_POSTGRES")
    if not named:
        pytest.skip("no PostgreSQL; name one by ROUTING_ENGINE_TEST_POSTGRES=postgresql://…")
    url = make_url(named).set(drivername="postgresql")
    name = f"store_test_{secrets.token_hex(6)}"
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield url.set(database=name).render_as_string(hide_password=False)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_postgres_url(postgres_url):
    """The same database, without anything in it."""
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        if connection.execute("SELECT to_regclass('organisations')").fetchone() != (None,):
            connection.execute("TRUNCATE organisations CASCADE")
            connection.execute("UPDATE feed_counter SET position = 0")
    return postgres_url


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path):
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'routing.db'}"
    return request.getfixturevalue("empty_postgres_url")


@pytest.fixture
def store(store_url):
    """An empty store in a database of each kind."""
    from routing_engine.store import Store

    with Store.open(store_url, secret=bytes(range(32))) as opened:
        yield opened
