"""Every benchmark. A new one is a module with a ``BENCHMARK``, and a line here."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import (
    ablation,
    accuracy,
    batch,
    callers,
    calls,
    cold_start,
    compiling,
    console,
    conversations,
    held,
    importing,
    languages,
    latency,
    nodes,
    peer,
    publishing,
    scale,
    serving,
    store,
    store_list,
    suggesting,
    throughput,
    tuning,
    ways,
)
from benchmarks.benchmark import Benchmark
from benchmarks.report import Document, Table
from benchmarks.stress import (
    crash,
    endurance,
    failover,
    fuzz_api,
    fuzz_headers,
    fuzz_ways,
    siege,
    soak,
)

__all__ = ["BENCHMARKS", "BLOCKS"]

BENCHMARKS: dict[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (
        latency.BENCHMARK,
        importing.BENCHMARK,
        accuracy.BENCHMARK,
        ablation.BENCHMARK,
        conversations.BENCHMARK,
        console.BENCHMARK,
        calls.BENCHMARK,
        callers.BENCHMARK,
        held.BENCHMARK,
        suggesting.BENCHMARK,
        languages.BENCHMARK,
        cold_start.BENCHMARK,
        throughput.BENCHMARK,
        batch.BENCHMARK,
        scale.BENCHMARK,
        soak.BENCHMARK,
        endurance.BENCHMARK,
        store.BENCHMARK,
        store_list.BENCHMARK,
        peer.BENCHMARK,
        compiling.BENCHMARK,
        tuning.BENCHMARK,
        fuzz_headers.BENCHMARK,
        ways.BENCHMARK,
        fuzz_ways.BENCHMARK,
        serving.BENCHMARK,
        publishing.BENCHMARK,
        nodes.BENCHMARK,
        crash.BENCHMARK,
        failover.BENCHMARK,
        fuzz_api.BENCHMARK,
        siege.BENCHMARK,
    )
}

BLOCKS: dict[str, tuple[str, Callable[[Document], Table]]] = {
    block: (benchmark.name, table)
    for benchmark in BENCHMARKS.values()
    for block, table in benchmark.tables.items()
}
"""Name of a marked block -> the benchmark whose result it shows, and its table."""
