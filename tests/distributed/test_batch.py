from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from routing_engine.cli import ExitCode, app
from routing_engine.distributed import Progress, route_files
from routing_engine.distributed.files import source_files
from routing_engine.distributed.reading import divide, read_block
from routing_engine.errors import BatchError, InvalidValueError, SnapshotError

pa = pytest.importorskip("pyarrow", reason="batches need the extra parquet")
from pyarrow import dataset, parquet  # noqa: E402

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
WORDS = ("invoice", "refund", "charge", "flood", "gas", "leak", "hello", "cancel", "question")


def calls_of(n):
    return [
        {
            "call": str(i),
            "location_id": ("store-1", "store-2", "0042")[i % 3],
            "utterance": f"{WORDS[i % 9]} {WORDS[i * 7 % 9]} {i % 50}",
        }
        for i in range(n)
    ]


def write_csv(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_json(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_parquet(path, rows):
    parquet.write_table(pa.Table.from_pylist(rows), path, row_group_size=70)
    return path


WRITERS = {"csv": write_csv, "jsonl": write_json, "parquet": write_parquet}


def route_calls(calls, brand, out, **options):
    given = {"now": NOW, "workers": 1, "encoder": "hashing", **options}
    return route_files(calls, brand, out, **given)


def parts_of(out):
    return {path.name: path.read_bytes() for path in sorted(out.glob("part-*.parquet"))}


def bad_rows(out):
    lines = (out / "_bad_rows.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.process
@pytest.mark.parametrize("kind", WRITERS)
def test_each_row_gets_what_route_decides_beside_its_own_columns(kind, brand, engine, tmp_path):
    rows = calls_of(250)
    out = tmp_path / "out"
    calls = WRITERS[kind](tmp_path / f"calls.{kind}", rows)
    summary = route_calls(calls, brand, out, block_rows=100)
    assert (summary.n_rows, summary.n_routed, summary.n_bad) == (250, 250, 0)
    assert sorted(parts_of(out)) == [f"part-00000{i}.parquet" for i in range(3)]
    found = dataset.dataset(out).to_table().to_pylist()
    for row, decided in zip(rows, found, strict=True):
        decision = engine.route(row["location_id"], row["utterance"], now=NOW)
        assert decided == {
            **row,
            "outcome": decision.outcome.value,
            "reason": decision.reason.value,
            "rule": decision.rule and decision.rule.label,
            "destination": str(decision.destination),
            "confidence": decision.confidence,
            "catalog_version": 1,
            "candidates": [
                {"label": one.label, "confidence": one.confidence, "similarity": one.similarity}
                for one in decision.candidates
            ],
        }
    assert sum(summary.outcomes.values()) == 250
    assert summary.outcomes["transfer"] > 50


@pytest.fixture(scope="module")
def undisturbed(brand, tmp_path_factory):
    """Calls, and the output of a batch of them that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    calls = write_csv(folder / "calls.csv", [*calls_of(1200), {"call": "x", "location_id": "?"}])
    summary = route_calls(calls, brand, folder / "out", block_rows=100)
    assert (summary.n_rows, summary.n_bad) == (1201, 1)
    return calls, folder / "out"


def workers_of_this_process():
    """Ids of the worker processes that this one started."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            command = Path("/proc", child, "cmdline").read_bytes()
            if b"routing_engine.distributed.worker" in command:
                found.append(int(child))
    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")


@pytest.mark.process
@needs_proc
def test_workers_that_are_killed_change_no_byte_of_the_output(brand, undisturbed, tmp_path):
    calls, expected = undisturbed
    killed = []

    def kill(progress: Progress):
        if progress.n_done and len(killed) < 3:
            pid = workers_of_this_process()[0]
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)

    summary = route_calls(
        calls, brand, tmp_path / "killed", block_rows=100, workers=2, progress=kill
    )
    assert len(set(killed)) == 3
    assert parts_of(tmp_path / "killed") == parts_of(expected)
    assert bad_rows(tmp_path / "killed") == bad_rows(expected)
    assert (summary.n_rows, summary.n_bad) == (1201, 1)


@pytest.mark.process
@needs_proc
def test_a_block_at_which_processes_die_again_and_again_is_given_up(brand, tmp_path, monkeypatch):
    monkeypatch.setattr("routing_engine.distributed.processes.MAX_DEATHS", 2)
    killer = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    (tmp_path / "sitecustomize.py").write_text(killer)
    monkeypatch.syspath_prepend(tmp_path)
    calls = write_csv(tmp_path / "calls.csv", calls_of(3))
    with pytest.raises(BatchError, match=r"2 processes died while they routed block 0.*code -9"):
        route_calls(calls, brand, tmp_path / "out")


@pytest.mark.process
def test_a_batch_that_was_killed_goes_on_and_keeps_what_is_written(brand, undisturbed, tmp_path):
    calls, expected = undisturbed
    out = tmp_path / "out"
    command = (
        "import sys; from routing_engine.distributed import route_files; from datetime import *\n"
        "route_files(*sys.argv[1:], now=datetime.fromisoformat('2026-03-03T12:00+00:00'),"
        " workers=1, encoder='hashing', block_rows=100)"
    )
    process = subprocess.Popen([sys.executable, "-c", command, calls, brand, out])
    while len(list(out.glob("part-*"))) < 3:
        assert process.poll() is None
        time.sleep(0.002)
    process.kill()
    process.wait()
    assert not (out / "_summary.json").exists()
    kept = {path: path.stat().st_mtime_ns for path in out.glob("part-*")}
    told = []
    summary = route_calls(calls, brand, out, block_rows=100, now=None, progress=told.append)
    assert parts_of(out) == parts_of(expected)
    assert (summary.n_routed, told[-1].n_done) == (1200, 1201)
    assert told[0].n_done >= 300
    # What the worker wrote last, after the kill, may have been written twice.
    assert sum(path.stat().st_mtime_ns == at for path, at in kept.items()) >= len(kept) - 1
    again = route_calls(calls, brand, out, block_rows=100, workers=9, now=None)
    assert again == summary


@pytest.mark.process
def test_rows_that_cannot_be_routed_are_written_aside_with_the_reason(brand, tmp_path):
    out = tmp_path / "out"
    (tmp_path / "calls.csv").write_bytes(
        b"\xef\xbb\xbfstore;said;note\r\n0042;invoice;a\r\n\r\nnowhere;hi;b\r\n;hi;c\r\n"
        b'store-1;hi\r\nstore-1;"so\n""much""; gas";d\r\nstore-1;caf\xe9;e\r\nstore-2;;f\r\n'
    )
    summary = route_calls(
        tmp_path / "calls.csv", brand, out, location="store", utterance="said", block_rows=2
    )
    assert (summary.n_rows, summary.n_routed, summary.n_bad) == (7, 3, 4)
    assert [(row["row"], row["reason"]) for row in bad_rows(out)] == [
        (4, "there is no location 'nowhere'"),
        (5, "store is empty"),
        (6, "has 2 cells, and the header has 3"),
        (8, "is not valid UTF-8"),
    ]
    assert bad_rows(out)[0]["content"] == {"store": "nowhere", "said": "hi", "note": "b"}
    found = dataset.dataset(out).to_table().to_pylist()
    assert [(row["store"], row["said"], row["note"], row["reason"]) for row in found] == [
        ("0042", "invoice", "a", found[0]["reason"]),
        ("store-1", 'so\n"much"; gas', "d", found[1]["reason"]),
        ("store-2", "", "f", "empty_utterance"),
    ]


@pytest.mark.process
def test_json_lines_keep_their_kinds_and_mixed_values_become_text(brand, tmp_path):
    (tmp_path / "calls.jsonl").write_text(
        '{"location_id": "store-1", "utterance": "gas", "n": 1, "x": [1], "ok": true}\n'
        '{"location_id": 42, "utterance": "gas", "n": 2.5, "x": "a"}\n'
        '{"location_id": "store-1"}\n'
        '[1]\n{"location_id": ["store-1"], "utterance": "gas"}\n{"location_id": "\n'
        '{"location_id": "store-1", "utterance": "\\ud800"}\n',
        encoding="utf-8",
    )
    out = tmp_path / "out"
    summary = route_calls(tmp_path / "calls.jsonl", brand, out, block_rows=3)
    assert (summary.n_routed, summary.n_bad) == (2, 5)
    assert [(row["row"], row["reason"]) for row in bad_rows(out)] == [
        (2, "there is no location '42'"),
        (4, "is no JSON object"),
        (5, """there is no location '["store-1"]'"""),
        (6, "is not JSON"),
        (7, "is not valid UTF-8"),
    ]
    found = dataset.dataset(out).to_table()
    assert found.schema.field("n").type == pa.float64()
    assert found.select(["n", "x", "ok"]).to_pylist() == [
        {"n": 1.0, "x": "[1]", "ok": True},
        {"n": None, "x": None, "ok": None},
    ]


cells = st.text('ab\n\r",;é ', max_size=6)


@settings(max_examples=60)
@given(
    rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=12),
    end=st.sampled_from(["\n", "\r\n"]),
    block_rows=st.integers(1, 5),
)
def test_blocks_of_csv_are_the_rows_of_the_file(rows, end, block_rows, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "divided.csv"
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(
        [("location_id", "utterance"), *rows]
    )
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    files = source_files(path)
    division = divide(files, "location_id", "utterance", block_rows=block_rows)
    found = []
    for block in division.blocks:
        read = read_block(files, division, block)
        assert len(read.numbers) == block.n_rows <= block_rows
        found += zip(read.numbers, *(column.to_pylist() for column in read.table), strict=True)
    assert found == [(i, *row) for i, row in enumerate(rows, start=2)]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("calls.csv", b"store,utterance\nstore-1,hi\n", "no column 'location_id'.*--location"),
        ("calls.csv", b"location_id,utterance,utterance\na,b,c\n", "two columns are called"),
        ("calls.csv", b"location_id,utterance,rule\na,b,c\n", "columns of its own called rule"),
        ("calls.csv", b"location_id,utterance\n", "there is no row"),
        ("calls.csv", "location_id,utterance\na,b\n".encode("utf-16"), "is UTF-16"),
        ("calls.csv", b'location_id,utterance\na,"' + b"b" * (1 << 23), "calls.csv:2.*a quote"),
        ("calls.jsonl", b'{"location_id": "store-1"}\n', "no column 'utterance'"),
        ("calls.parquet", b"PAR1", "is not a Parquet file"),
        ("calls.doc", b"", "not of a known format"),
    ],
)
def test_calls_that_cannot_be_read_are_refused_before_anything_is_written(
    name, content, problem, brand, tmp_path
):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidValueError, match=f"(?s){problem}"):
        route_calls(tmp_path / name, brand, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_snapshot_is_refused_before_anything_is_started(tmp_path):
    calls = write_csv(tmp_path / "calls.csv", calls_of(3))
    with pytest.raises(SnapshotError):
        route_calls(calls, tmp_path / "no-brand", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.process
def test_a_folder_of_files_is_one_batch_and_another_batch_is_refused(brand, tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    for name in ("b", "a"):
        write_parquet(folder / f"{name}.parquet", [{"file": name, **row} for row in calls_of(150)])
    out = tmp_path / "out"
    assert route_calls(f"file://{folder}", brand, out, block_rows=100).n_routed == 300
    found = dataset.dataset(out).to_table().select(["file", "call"]).to_pylist()
    assert found == [{"file": name, "call": str(i)} for name in "ab" for i in range(150)]
    with pytest.raises(InvalidValueError, match="holds another batch: block_rows differ"):
        route_calls(f"file://{folder}", brand, out, block_rows=50)
    with pytest.raises(InvalidValueError, match="holds no batch"):
        route_calls(folder, brand, folder)
    write_csv(folder / "c.csv", calls_of(1))
    with pytest.raises(InvalidValueError, match="several formats"):
        route_calls(folder, brand, tmp_path / "other")


@pytest.mark.process
def test_the_command_routes_and_says_what_became_of_the_rows(brand, tmp_path):
    calls = write_csv(
        tmp_path / "calls.csv",
        [{"shop": "store-1", "said": "gas leak flood"}, {"shop": "?", "said": "hello"}],
    )
    out = tmp_path / "out"
    arguments = ["batch", calls, "--brand", brand, "--out", out, "--encoder", "hashing"]
    named = ["--location", "shop", "--utterance", "said", "--workers", 1]
    wrong = CliRunner().invoke(app, list(map(str, arguments)))
    assert (wrong.exit_code, "--location" in wrong.stderr) == (ExitCode.USAGE, True)
    done = CliRunner().invoke(app, list(map(str, [*arguments, *named])))
    assert done.exit_code == 0, done.stderr
    assert done.stdout == f"{out}: 1 rows routed (transfer 1)\n"
    assert "1 rows cannot be routed; _bad_rows.jsonl says why" in done.stderr
    again = CliRunner().invoke(app, list(map(str, [*arguments, *named, "--json"])))
    assert json.loads(again.stdout) == {
        "n_rows": 2, "n_routed": 1, "n_bad": 1, "n_degraded": 0, "outcomes": {"transfer": 1},
    }  # fmt: skip
