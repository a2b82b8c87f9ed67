"""On Ray's own cluster of this machine."""

from __future__ import annotations

import pytest

from routing_engine.distributed import route, route_files
from routing_engine.errors import InvalidValueError
from tests.distributed.test_batch import NOW, bad_rows, calls_of, parts_of, write_csv

ray = pytest.importorskip("ray", reason="needs the extra ray")
pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module", autouse=True)
def cluster():
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    yield
    ray.shutdown()


def test_a_cluster_writes_the_bytes_that_processes_write(brand, tmp_path):
    calls = write_csv(tmp_path / "calls.csv", [*calls_of(500), {"call": "x", "location_id": "?"}])
    common = {"now": NOW, "encoder": "hashing", "block_rows": 100, "workers": 1}
    told = []
    summary = route_files(
        calls, brand, tmp_path / "ray", ray="auto", progress=told.append, **common
    )
    route_files(calls, brand, tmp_path / "processes", **common)
    assert (summary.n_rows, summary.n_bad, told[-1].n_done) == (501, 1, 501)
    assert parts_of(tmp_path / "ray") == parts_of(tmp_path / "processes")
    assert bad_rows(tmp_path / "ray") == bad_rows(tmp_path / "processes")


def test_each_row_of_a_data_set_gets_its_decision_or_its_problem(brand, engine):
    rows = [*calls_of(30), {"call": "30", "location_id": "?", "utterance": "hello"}]
    routed = route(ray.data.from_items(rows), brand, now=NOW, workers=1, encoder="hashing")
    found = sorted(routed.take_all(), key=lambda row: int(row["call"]))
    for row, decided in zip(calls_of(30), found, strict=False):
        decision = engine.route(row["location_id"], row["utterance"], now=NOW)
        assert (decided["utterance"], decided["problem"]) == (row["utterance"], None)
        assert decided["outcome"] == decision.outcome.value
        assert decided["confidence"] == decision.confidence
        assert decided["destination"] == str(decision.destination)
    assert found[30]["problem"] == "there is no location '?'"
    assert (found[30]["outcome"], found[30]["candidates"]) == (None, None)


def test_what_is_no_data_set_or_lacks_a_column_is_refused(brand):
    with pytest.raises(InvalidValueError, match=r"must be a ray\.data\.Dataset, not list"):
        route([], brand)
    with pytest.raises(InvalidValueError, match="there is no column 'location_id'"):
        route(ray.data.from_items([{"utterance": "hello"}]), brand)
