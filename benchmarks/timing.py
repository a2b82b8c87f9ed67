"""Measure latencies of single calls fairly."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Latencies", "interleaved_ns", "no_garbage_collection", "percentiles_us"]

Latencies = npt.NDArray[np.int64]

CURVE = (0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.5, 99.9)
"""Percentiles that a result keeps for its plot."""


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Collect once, then not again inside the block."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def interleaved_ns(
    contenders: Mapping[str, tuple[Callable[..., object], Sequence[tuple[Any, ...]]]],
    *,
    block: int,
    warmup: int,
) -> dict[str, Latencies]:
    """Time single calls of several functions in turns, so that their ratios are fair.

    Each function in turn makes ``block`` calls, until all have made theirs: whatever else the
    machine does falls on all of them alike. The garbage collector is off meanwhile.

    Args:
        contenders: name -> a function and the arguments of each of its calls, of which the
            first ``warmup`` are not measured.
        block: calls in a row.
        warmup: calls that are made beforehand.

    Returns:
        name -> nanoseconds of each call, int64 ``(n_calls - warmup,)``.
    """
    clock = time.perf_counter_ns
    taken: dict[str, list[int]] = {name: [] for name in contenders}
    with no_garbage_collection():
        for call, arguments in contenders.values():
            for argument in arguments[:warmup]:
                call(*argument)
        start = warmup
        while any(start < len(arguments) for _, arguments in contenders.values()):
            for name, (call, arguments) in contenders.items():
                append = taken[name].append
                for argument in arguments[start : start + block]:
                    before = clock()
                    call(*argument)
                    append(clock() - before)
            start += block
    return {name: np.array(samples, np.int64) for name, samples in taken.items()}


def percentiles_us(latencies: Latencies) -> dict[str, Any]:
    """Return p50, p95 and p99 in microseconds, the number of samples, and a curve."""
    microseconds = latencies / 1000.0
    p50, p95, p99 = np.percentile(microseconds, (50, 95, 99)).tolist()
    curve = np.percentile(microseconds, CURVE).tolist()
    return {
        "n": len(latencies),
        "p50_us": p50,
        "p95_us": p95,
        "p99_us": p99,
        "curve_us": dict(zip(map(str, CURVE), curve, strict=True)),
    }
