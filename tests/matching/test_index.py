"""Search inside one block, against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import InvalidValueError, SnapshotError
from routing_engine.matching.index import ProfileIndex

SIZES = (3, 1, 0, 40, 7)


def unit_rows(n, dimension, seed=0):
    rows = np.random.default_rng(seed).standard_normal((n, dimension))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def blocks():
    return [unit_rows(n, 16, seed) for seed, n in enumerate(SIZES)]


@pytest.fixture
def index(blocks):
    return ProfileIndex.build(blocks, 16)


@given(
    st.lists(st.integers(0, 30), max_size=6),
    st.sampled_from((1, 3, 8, 17, 64, 384)),
    st.integers(0, 2**32),
)
def test_similarities_are_the_inner_products_with_the_rows_of_one_block(sizes, dimension, seed):
    blocks = [unit_rows(n, dimension, [seed, p]) for p, n in enumerate(sizes)]
    index = ProfileIndex.build(blocks, dimension)
    query = unit_rows(1, dimension, [seed, 99])[0]
    assert len(index) == len(sizes)
    assert index.n_rows == sum(sizes)
    for p, block in enumerate(blocks):
        found = index.similarities(p, query)
        exact = block.astype(np.float64) @ query.astype(np.float64)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, exact, atol=1e-5)


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=6),
    st.sampled_from((5, 8, 12, 384)),
    st.integers(0, 2**32),
)
def test_a_row_gives_the_same_bits_wherever_it_stands(before, dimension, seed):
    row, query = unit_rows(2, dimension, seed)
    bits = {
        ProfileIndex.build(
            [
                unit_rows(n // 2, dimension, [seed, 1]),
                np.vstack([unit_rows(n, dimension, [seed, 2]), row[None]]),
                unit_rows(n % 5, dimension, [seed, 3]),
            ],
            dimension,
        )
        .similarities(1, query)[-1]
        .tobytes()
        for n in before
    }
    alone = ProfileIndex.build([row[None]], dimension).similarities(0, query)[0].tobytes()
    assert bits == {alone}


def test_rows_and_offsets_are_those_that_were_indexed(index, blocks):
    assert index.offsets.tolist() == [0, 3, 4, 4, 44, 51]
    assert index.offsets.dtype == np.int64
    for p, block in enumerate(blocks):
        assert np.array_equal(index.rows(p), block)


def test_rows_are_read_only(index):
    with pytest.raises(ValueError, match="read-only"):
        index.rows(0)[0, 0] = 1.0


@pytest.mark.parametrize("profile", [-1, 5, 1 << 40, -(1 << 40)])
def test_a_profile_out_of_range_is_refused(index, profile):
    with pytest.raises(IndexError, match=f"profile {profile} of 5"):
        index.similarities(profile, unit_rows(1, 16)[0])
    with pytest.raises(IndexError):
        index.rows(profile)


@pytest.mark.parametrize(
    "query",
    [
        np.zeros(15, np.float32),
        np.zeros(17, np.float32),
        np.zeros(0, np.float32),
        np.zeros((1, 16), np.float32),
        np.zeros((16, 1), np.float32),
        np.float32(0.0),
        np.zeros(16, np.float64),
        np.zeros(16, np.float16),
        np.zeros(16, np.int32),
        np.zeros(16, ">f4"),
        np.zeros(32, np.float32)[::2],
        np.zeros((16, 16), np.float32)[:, 0],
        np.zeros(16, np.float32)[::-1],
    ],
    ids=lambda query: f"{query.dtype}{query.shape}{query.strides}",
)
def test_a_query_of_another_shape_type_or_layout_is_refused(index, query):
    with pytest.raises(ValueError, match=r"a query is contiguous float32 \(16,\), not "):
        index.similarities(0, query)


def test_a_read_only_query_is_fine(index, blocks):
    query = unit_rows(1, 16)[0]
    expected = index.similarities(3, query)
    query.flags.writeable = False
    assert np.array_equal(index.similarities(3, query), expected)


def test_a_query_that_is_not_a_number_gives_similarities_that_are_not_numbers(index):
    assert np.isnan(index.similarities(0, np.full(16, np.nan, np.float32))).all()


@pytest.mark.parametrize(
    "offsets", [[], [0], [0, 4], [1, 3], [0, 2, 4], [0, 2, 1, 3], [0, -1, 3], [-1, 3]]
)
def test_offsets_that_do_not_cover_the_rows_are_refused(offsets):
    import faiss

    flat = faiss.IndexFlatIP(4)
    flat.add(unit_rows(3, 4))
    with pytest.raises(InvalidValueError, match="do not cover the 3 rows"):
        ProfileIndex(flat, np.array(offsets, np.int64))


def test_an_index_without_blocks():
    index = ProfileIndex.build([], 8)
    assert (len(index), index.n_rows, index.dimension) == (0, 0, 8)
    with pytest.raises(IndexError):
        index.similarities(0, np.zeros(8, np.float32))


class TestFile:
    def test_a_saved_index_is_mapped_back(self, index, blocks, tmp_path):
        path = tmp_path / "vectors.faiss"
        index.save(path)
        loaded = ProfileIndex.load(path, index.offsets, 16)
        query = unit_rows(1, 16, 77)[0]
        for p, block in enumerate(blocks):
            assert np.array_equal(loaded.rows(p), block)
            assert np.array_equal(loaded.similarities(p, query), index.similarities(p, query))
        if (maps := path_maps()) is not None:
            assert str(path) in maps

    def test_an_empty_index_is_saved_and_loaded(self, tmp_path):
        ProfileIndex.build([], 8).save(tmp_path / "empty.faiss")
        assert len(ProfileIndex.load(tmp_path / "empty.faiss", np.zeros(1, np.int64), 8)) == 0

    @pytest.mark.parametrize(
        ("offsets", "dimension", "reason"),
        [
            ([0, 51], 8, "51 rows of dimension 16, not 51 of 8"),
            ([0, 50], 16, "51 rows of dimension 16, not 50 of 16"),
            ([0, 52], 16, "51 rows of dimension 16, not 52 of 16"),
        ],
    )
    def test_an_index_of_another_size_is_refused(self, index, tmp_path, offsets, dimension, reason):
        index.save(tmp_path / "vectors.faiss")
        with pytest.raises(SnapshotError, match=reason):
            ProfileIndex.load(tmp_path / "vectors.faiss", np.array(offsets), dimension)

    def test_an_index_of_another_kind_is_refused(self, tmp_path):
        import faiss

        flat = faiss.IndexFlatL2(8)
        flat.add(unit_rows(3, 8))
        faiss.write_index(flat, str(tmp_path / "vectors.faiss"))
        with pytest.raises(SnapshotError, match="is not a faiss index of inner products"):
            ProfileIndex.load(tmp_path / "vectors.faiss", np.array([0, 3]), 8)

    @pytest.mark.parametrize("content", [b"", b"IxF", b"not an index at all", b"\0" * 200])
    def test_what_is_no_index_is_refused(self, tmp_path, content):
        path = tmp_path / "vectors.faiss"
        path.write_bytes(content)
        with pytest.raises(SnapshotError, match=r"vectors\.faiss is not a faiss index"):
            ProfileIndex.load(path, np.array([0]), 8)

    def test_a_missing_file_is_refused(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            ProfileIndex.load(tmp_path / "missing.faiss", np.array([0]), 8)


def path_maps():
    """What is mapped into this process, where the system says so."""
    try:
        with open("/proc/self/maps", encoding="utf-8") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return None
