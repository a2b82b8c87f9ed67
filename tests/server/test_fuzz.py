"""Requests that schemathesis makes of the OpenAPI document, on a real server and each database."""

from __future__ import annotations

import pytest

from benchmarks.served import why_no_postgres
from benchmarks.stress import fuzz_api

NOT_GUESSED = {
    "POST /api/v1/agents/{agentId}/resolve": "an id that only an answer of the tool holds",
    "POST /api/v1/rtjson": "a line or location of a published agent",
}
"""Operations that succeed with something that generated requests do not hit upon."""


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_every_answer_is_as_documented_and_every_operation_succeeds(database):
    if database == "postgresql" and (why := why_no_postgres()):
        pytest.skip(why)
    run = fuzz_api.measure(database, n=220, n_each=2, seed=0)
    assert run["broken"] == {}, run["examples"]
    assert run["internal_errors"] == 0
    assert set(run["never_2xx"]) <= set(NOT_GUESSED)
    assert run["cases"] >= 220
    assert len(run["statuses"]) >= 31
    assert {status[0] for counted in run["statuses"].values() for status in counted} == {"2", "4"}
