"""Find the distinct ones of many short sequences, without a Python object for each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["distinct_sequences"]

Integers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


def _mixed(values: Hashes) -> Hashes:
    """Mix bits by SplitMix64's finalizer (Steele et al., 2014), a bijection."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _hashes(items: npt.NDArray[np.int32], starts: Integers, counts: Integers) -> Hashes:
    """Hash each sequence to 64 bits: items are mixed with their position, then added."""
    position = np.arange(len(items)) - np.repeat(starts, counts)
    keys = items.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = _mixed(keys + _mixed(position.astype(np.uint64) + np.uint64(1)))
    hashes = counts.astype(np.uint64)
    filled = counts > 0
    # Empty sequences have no start of their own in reduceat.
    if filled.any():
        hashes[filled] += np.add.reduceat(mixed, starts[filled])
    return hashes


def distinct_sequences(
    items: npt.NDArray[np.int32], counts: Integers
) -> tuple[npt.NDArray[np.int32], Integers]:
    """Number the distinct sequences in order of first appearance.

    Hashes only propose which are equal; all are compared item by item, so that sequences whose
    hashes collide stay apart.

    Args:
        items: all sequences one after another, int32 ``(n_items,)``.
        counts: length of each, int64 ``(n,)``.

    Returns:
        The number of each sequence, int32 ``(n,)``; and for each number the first sequence that
        has it, int64 ``(n_distinct,)``, ascending.
    """
    starts = np.cumsum(counts) - counts
    _, first, group = np.unique(
        _hashes(items, starts, counts), return_index=True, return_inverse=True
    )
    proposed = first[group]
    same_length = counts == counts[proposed]
    in_sequence = np.repeat(np.arange(len(counts)), counts)
    offset = np.arange(len(items)) - starts[in_sequence]
    comparable = same_length[in_sequence]
    at = np.flatnonzero(comparable)
    other = starts[proposed[in_sequence[at]]] + offset[at]
    differs = ~same_length
    differs[in_sequence[at[items[at] != items[other]]]] = True
    representative = proposed.astype(np.int64)
    apart: dict[bytes, int] = {}
    for i in np.flatnonzero(differs).tolist():
        key = items[starts[i] : starts[i] + counts[i]].tobytes()
        representative[i] = apart.setdefault(key, i)
    firsts, numbers = np.unique(representative, return_inverse=True)
    return numbers.astype(np.int32), firsts
