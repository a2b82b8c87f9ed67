"""What would crash the process in faiss, done in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]

_SETUP = """
import gc
import numpy as np
from routing_engine import RoutingEngine, SnapshotError
from routing_engine.matching.index import ProfileIndex
from tests.support.versions import ENCODER, version_of

BLOCKS = [ENCODER.encode([f"{p} {i}" for i in range(5)]) for p in range(3)]
INDEX = ProfileIndex.build(BLOCKS, 8)
QUERY = ENCODER.encode(["0 1"])[0]

def refused(error, work):
    try:
        work()
    except error as caught:
        return str(caught)
    raise AssertionError("not refused")
"""


def run(code, tmp_path):
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", _SETUP + code],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        check=False,
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr}"
    return done.stdout


def test_a_profile_out_of_range_is_an_error(tmp_path):
    run(
        """
for profile in (3, -1, 1 << 31, 1 << 62, -(1 << 62)):
    assert refused(IndexError, lambda: INDEX.similarities(profile, QUERY)).startswith("profile")
assert len(INDEX.similarities(2, QUERY)) == 5
""",
        tmp_path,
    )


def test_a_query_of_another_dimension_type_or_layout_is_an_error(tmp_path):
    run(
        """
wrong = [QUERY[:7], QUERY[:0], np.tile(QUERY, 2), np.tile(QUERY, 1 << 20), QUERY[None],
         QUERY.astype(np.float64), QUERY.astype(np.float16), np.tile(QUERY, 2)[::2]]
for query in wrong:
    assert "a query is contiguous float32 (8,)" in refused(
        ValueError, lambda: INDEX.similarities(0, query)
    )
""",
        tmp_path,
    )


def test_queries_that_are_no_numbers_harm_nobody(tmp_path):
    run(
        """
for value in (np.nan, np.inf, -np.inf, 3e38):
    INDEX.similarities(0, np.full(8, value, np.float32))
assert abs(INDEX.similarities(0, QUERY)[1] - 1) < 1e-5
""",
        tmp_path,
    )


def test_offsets_beyond_the_rows_are_an_error(tmp_path):
    run(
        """
import faiss
flat = faiss.IndexFlatIP(8)
flat.add(BLOCKS[0])
for offsets in ([0, 1 << 40], [0, 6], [-5, 5], [0, 9, 5]):
    assert "do not cover" in refused(ValueError, lambda: ProfileIndex(flat, offsets))
""",
        tmp_path,
    )


def test_an_index_file_cut_anywhere_is_an_error(tmp_path):
    run(
        """
import os
from pathlib import Path
path = Path("vectors.faiss")
INDEX.save(path)
whole = path.read_bytes()
for length in range(len(whole)):
    cut = Path(f"cut-{length}.faiss")
    cut.write_bytes(whole[:length])
    assert cut.name in refused(SnapshotError, lambda: ProfileIndex.load(cut, INDEX.offsets, 8))
    cut.unlink()
assert np.array_equal(ProfileIndex.load(path, INDEX.offsets, 8).rows(2), BLOCKS[2])
""",
        tmp_path,
    )


def test_a_snapshot_whose_vectors_are_cut_is_an_error(tmp_path):
    run(
        """
from pathlib import Path
RoutingEngine(version_of(2), encoder=ENCODER).save("snapshot")
(path,) = Path("snapshot").glob("vectors-*")
whole = path.read_bytes()
for length in (0, 1, 40, len(whole) // 2, len(whole) - 1):
    path.write_bytes(whole[:length])
    assert "truncated" in refused(
        SnapshotError, lambda: RoutingEngine.load("snapshot", encoder=ENCODER)
    )
""",
        tmp_path,
    )


def test_files_that_are_not_indexes_are_errors(tmp_path):
    run(
        """
from pathlib import Path
import faiss
junk = np.random.default_rng(0).integers(0, 256, 400, np.uint8).tobytes()
for content in (b"", b"IxFI", b"IxFI" + junk, junk, b"\\0" * 400, b"IxF2" + b"\\xff" * 400):
    Path("junk.faiss").write_bytes(content)
    refused(SnapshotError, lambda: ProfileIndex.load(Path("junk.faiss"), [0, 5], 8))
other = faiss.IndexIDMap(faiss.IndexFlatIP(8))
other.add_with_ids(BLOCKS[0], np.arange(5))
faiss.write_index(other, "other.faiss")
assert "is not a faiss index of inner products" in refused(
    SnapshotError, lambda: ProfileIndex.load(Path("other.faiss"), [0, 5], 8)
)
""",
        tmp_path,
    )


def test_rows_outlive_the_index_they_were_taken_from(tmp_path):
    run(
        """
block = np.tile(BLOCKS[0], (2000, 1))
rows = ProfileIndex.build([block], 8).rows(0)
gc.collect()
filling = [np.full(80_000, 7, np.float32) for _ in range(20)]
assert np.array_equal(rows, block), "the rows were freed with the index"
""",
        tmp_path,
    )


def test_decisions_outlive_the_catalog_they_were_made_from(tmp_path):
    run(
        """
engine = RoutingEngine(version_of(2), encoder=ENCODER)
decision = engine.route("store-0", "caller asks about rule 2")
before = decision.to_dict()
for version in range(3, 30):
    engine.replace(version_of(version))
del engine
gc.collect()
assert decision.to_dict() == before
assert decision.rule.label == "Rule 2"
""",
        tmp_path,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be removed there")
def test_a_loaded_engine_outlives_the_files_it_was_loaded_from(tmp_path):
    run(
        """
import shutil
RoutingEngine(version_of(2), encoder=ENCODER).save("snapshot")
engine = RoutingEngine.load("snapshot", encoder=ENCODER)
shutil.rmtree("snapshot")
gc.collect()
assert engine.location_ids() == ("store-0", "store-1", "store-2")
decision = engine.route("store-1", "caller asks about rule 2")
assert [candidate.label for candidate in decision.candidates] == ["Rule 2"]
""",
        tmp_path,
    )
