"""Requests that schemathesis makes of the OpenAPI document, on a real server and each database."""

from __future__ import annotations

import pytest

from benchmarks.served import why_no_postgres
from benchmarks.stress import fuzz_api


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_every_answer_is_as_documented_and_every_operation_succeeds(database):
    if database == "postgresql" and (why := why_no_postgres()):
        pytest.skip(why)
    run = fuzz_api.measure(database, n=220, n_each=2, seed=0)
    assert run["broken"] == {}, run["examples"]
    assert run["internal_errors"] == 0
    assert run["never_2xx"] == []
    assert run["cases"] >= 220
    assert len(run["statuses"]) >= 31
    assert {status[0] for counted in run["statuses"].values() for status in counted} == {"2", "4"}
