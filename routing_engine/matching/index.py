"""A FAISS flat index of profile blocks; one block is searched at a time, exactly.

The rows of a profile are contiguous in one ``IndexFlatIP``. A search computes the inner product
of the query with every row of one block by ``fvec_inner_products_ny``, the kernel under
``IndexFlatIP.search``, straight on the index's storage: every rule is ranked anyway, so the
heap, the selector and the labels that ``search`` adds (10 times the cost at 12 rows) would be
thrown away. Unlike a BLAS product, the kernel gives a row the same bits wherever it stands in a
block, so the order of rules cannot change a decision.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from routing_engine.errors import InvalidValueError, SnapshotError

__all__ = ["ProfileIndex"]

Similarities = npt.NDArray[np.float32]
Offsets = npt.NDArray[np.int64]


_FLOAT32 = np.dtype(np.float32)  # compares faster than the type does


class ProfileIndex:
    """Blocks of rows, one for each profile. Immutable; searching is thread-safe.

    Args:
        index: a ``faiss.IndexFlatIP`` with the rows of all blocks, in order.
        offsets: int64 ``(n_profiles + 1,)``: rows of block ``p`` are
            ``offsets[p]:offsets[p + 1]``.

    Raises:
        InvalidValueError: the offsets do not cover exactly the rows of the index.
    """

    def __init__(self, index: Any, offsets: Offsets) -> None:
        import faiss

        self._offsets = [int(offset) for offset in offsets]
        if (
            not self._offsets
            or self._offsets[0] != 0
            or self._offsets[-1] != index.ntotal
            or any(b < a for a, b in pairwise(self._offsets))
        ):
            raise InvalidValueError(
                f"block offsets do not cover the {index.ntotal} rows of the index"
            )
        self._index = index
        self.dimension = int(index.d)
        self._rows = _storage(index)
        self._kernel = faiss.fvec_inner_products_ny  # type: ignore[attr-defined]
        self._pointer = faiss.swig_ptr
        self._blocks = [
            (faiss.swig_ptr(self._rows[start:stop]), stop - start)
            for start, stop in pairwise(self._offsets)
        ]

    @classmethod
    def build(cls, blocks: Sequence[npt.NDArray[np.float32]], dimension: int) -> ProfileIndex:
        """Index blocks of rows, each float32 ``(n_rows, dimension)``."""
        import faiss

        index = faiss.IndexFlatIP(dimension)
        for block in blocks:
            if len(block):
                index.add(np.ascontiguousarray(block, np.float32))
        offsets = np.zeros(len(blocks) + 1, np.int64)
        np.cumsum([len(block) for block in blocks], out=offsets[1:])
        return cls(index, offsets)

    def __len__(self) -> int:
        """Number of blocks."""
        return len(self._offsets) - 1

    @property
    def n_rows(self) -> int:
        return self._offsets[-1]

    @property
    def offsets(self) -> Offsets:
        """int64 ``(n_profiles + 1,)``."""
        return np.array(self._offsets, np.int64)

    def rows(self, profile: int) -> npt.NDArray[np.float32]:
        """Return the rows of one block, float32 ``(n_rows, dimension)``, read-only."""
        start, stop = self._bounds(profile)
        view = self._rows[start:stop]
        view.flags.writeable = False
        return view

    def _bounds(self, profile: int) -> tuple[int, int]:
        if not 0 <= profile < len(self._offsets) - 1:
            raise IndexError(f"profile {profile} of {len(self)}")
        return self._offsets[profile], self._offsets[profile + 1]

    def similarities(self, profile: int, query: npt.NDArray[np.float32]) -> Similarities:
        """Compute inner products of a query with every row of one block.

        Args:
            profile: which block.
            query: float32 ``(dimension,)``, contiguous.

        Returns:
            float32 ``(n_rows,)``, in row order.

        Raises:
            IndexError: no such block.
            ValueError: the query has another shape, type or memory layout.
        """
        if not 0 <= profile < len(self._blocks):
            raise IndexError(f"profile {profile} of {len(self)}")
        # The kernel reads raw memory: nothing else stands between a wrong shape and a crash.
        if (
            query.shape != (self.dimension,)
            or query.dtype != _FLOAT32
            or not query.flags.c_contiguous
        ):
            raise ValueError(
                f"a query is contiguous float32 ({self.dimension},), "
                f"not {query.dtype} {query.shape}"
            )
        rows, n_rows = self._blocks[profile]
        out = np.empty(n_rows, np.float32)
        if n_rows:
            self._kernel(self._pointer(out), self._pointer(query), rows, self.dimension, n_rows)
        return out

    def save(self, path: Path) -> None:
        """Write the rows as a faiss index file."""
        import faiss

        faiss.write_index(self._index, os.fspath(path))

    @classmethod
    def load(cls, path: Path, offsets: Offsets, dimension: int) -> ProfileIndex:
        """Map an index file into memory. Its checksum must have been verified before.

        Raises:
            SnapshotError: the file is not a flat inner-product index of this dimension and size.
            FileNotFoundError: there is no such file.
        """
        import faiss

        # A mapped file that ends before its header says it does crashes the process.
        _check_header(path, int(offsets[-1]) if len(offsets) else 0, dimension)
        try:
            index = faiss.read_index(os.fspath(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            if not path.exists():
                raise FileNotFoundError(
                    errno.ENOENT, os.strerror(errno.ENOENT), str(path)
                ) from error
            raise SnapshotError(f"{path.name} is not a faiss index: {error}") from error
        if not isinstance(index, faiss.IndexFlatIP) or index.d != dimension:
            raise SnapshotError(
                f"{path.name} is a {type(index).__name__} of dimension {index.d}, "
                f"not an IndexFlatIP of dimension {dimension}"
            )
        try:
            return cls(index, offsets)
        except InvalidValueError as error:
            raise SnapshotError(f"{path.name}: {error}") from error


class _Storage:
    """Keep an index alive as long as any array that views its memory."""

    def __init__(self, index: Any, view: npt.NDArray[np.float32]) -> None:
        self._index = index
        self.__array_interface__ = view.__array_interface__


def _storage(index: Any) -> npt.NDArray[np.float32]:
    """View all rows of an index, float32 ``(n_rows, d)``, without a copy."""
    import faiss

    if not index.ntotal:
        return np.empty((0, int(index.d)), np.float32)
    view = faiss.rev_swig_ptr(index.get_xb(), index.ntotal * index.d)
    return np.asarray(_Storage(index, view)).reshape(-1, int(index.d))


_HEADER = struct.Struct("<4siqqq?iQ")
"""Header of a flat index: kind, dimension, rows, two unused, trained, metric, floats."""


def _check_header(path: Path, n_rows: int, dimension: int) -> None:
    n_floats = n_rows * dimension
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER.size)
        size = path.stat().st_size
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SnapshotError(f"{path.name} cannot be read: {error}") from error
    if len(header) < _HEADER.size:
        raise SnapshotError(f"{path.name} is not a faiss index: it is truncated")
    kind, d, rows, *_, floats = _HEADER.unpack(header)
    if kind != b"IxFI":
        raise SnapshotError(f"{path.name} is not a faiss index of inner products")
    if (d, rows, floats) != (dimension, n_rows, n_floats):
        raise SnapshotError(
            f"{path.name} holds {rows} rows of dimension {d}, not {n_rows} of {dimension}"
        )
    if size != _HEADER.size + 4 * n_floats:
        raise SnapshotError(f"{path.name} has {size} bytes: it is truncated or has been added to")
