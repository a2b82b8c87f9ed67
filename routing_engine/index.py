"""Profile blocks in one FAISS flat index, searched exactly and one block at a time.

The rows of a profile are contiguous in one ``IndexFlatIP``. A search computes the inner product
of the query with every row of one block by ``fvec_inner_products_ny``, the kernel under
``IndexFlatIP.search``, straight on the index's storage: every rule is ranked anyway, so the
heap, the selector and the labels that ``search`` adds (10 times the cost at 12 rows) would be
thrown away. Unlike a BLAS product, the kernel gives a row the same bits wherever it stands in a
block, so the order of rules cannot change a decision.
"""

from __future__ import annotations

import os
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


class ProfileIndex:
    """Blocks of rows, one a profile. Immutable; searching is thread-safe.

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
        self._index = index  # owns the storage that _rows looks into
        self.dimension = int(index.d)
        n_floats = index.ntotal * self.dimension
        self._rows: npt.NDArray[np.float32] = (
            faiss.rev_swig_ptr(index.get_xb(), n_floats).reshape(-1, self.dimension)
            if n_floats
            else np.empty((0, self.dimension), np.float32)
        )
        self._kernel = faiss.fvec_inner_products_ny  # type: ignore[attr-defined]
        self._pointer = faiss.swig_ptr

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
        """The rows of one block, float32 ``(n_rows, dimension)``, read-only."""
        start, stop = self._bounds(profile)
        view = self._rows[start:stop]
        view.flags.writeable = False
        return view

    def _bounds(self, profile: int) -> tuple[int, int]:
        if not 0 <= profile < len(self._offsets) - 1:
            raise IndexError(f"profile {profile} of {len(self)}")
        return self._offsets[profile], self._offsets[profile + 1]

    def similarities(self, profile: int, query: npt.NDArray[np.float32]) -> Similarities:
        """Inner products of a query with every row of one block.

        Args:
            profile: which block.
            query: float32 ``(dimension,)``, contiguous.

        Returns:
            float32 ``(n_rows,)``, in row order.

        Raises:
            IndexError: no such block.
            ValueError: the query has another shape, type or memory layout.
        """
        start, stop = self._bounds(profile)
        # The kernel reads raw memory: nothing else stands between a wrong shape and a crash.
        if (
            query.shape != (self.dimension,)
            or query.dtype != np.float32
            or not query.flags.c_contiguous
        ):
            raise ValueError(
                f"a query is contiguous float32 ({self.dimension},), "
                f"not {query.dtype} {query.shape}"
            )
        out = np.empty(stop - start, np.float32)
        if stop > start:
            self._kernel(
                self._pointer(out),
                self._pointer(query),
                self._pointer(self._rows[start:stop]),
                self.dimension,
                stop - start,
            )
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
        """
        import faiss

        try:
            index = faiss.read_index(os.fspath(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
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
