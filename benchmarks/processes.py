"""Run fresh processes: their results and memory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.report import ROOT
from routing_engine import RoutingError

__all__ = ["BenchmarkProcessError", "TreeSampler", "peak_rss_mb", "rss_mb", "run_fresh"]

SAMPLE_EVERY_S = 0.05


class BenchmarkProcessError(RoutingError):
    """A process that a benchmark started did not finish its work."""


def peak_rss_mb() -> float | None:
    """Return the peak resident memory of this process in MB; None if unknown.

    On Linux from ``VmHWM``: ``ru_maxrss`` of a process starts at what its parent had when it
    started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"))
        if found is not None:
            return int(found[1]) * 1024 / 1e6
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def rss_mb() -> float | None:
    """Return the resident memory of this process in MB; None if unknown."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def run_fresh(module: str, request: dict[str, Any], *, watch_memory: bool = True) -> dict[str, Any]:
    """Run a module in a new Python process.

    The module reads ``request`` as JSON from the file that is its first argument and writes its
    answer to the file that is its second. Into the request goes ``started_s``, the wall clock
    just before the process is started.

    Args:
        module: runs as ``__main__``.
        request: what it is asked.
        watch_memory: sample its memory, which costs it a little time.

    Returns:
        The answer, with ``peak_tree_mb``: the most memory that the process and all it started
        had resident together, sampled; None where it is not watched, or the system cannot say.

    Raises:
        BenchmarkProcessError: the process failed; the message holds the end of its stderr.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        asked, answered, errors = (Path(folder, name) for name in ("asked", "answered", "errors"))
        started = {**request, "started_s": time.time()}
        asked.write_text(json.dumps(started), encoding="utf-8")
        command = [sys.executable, "-m", module, os.fspath(asked), os.fspath(answered)]
        with errors.open("wb") as stderr:
            process = subprocess.Popen(command, cwd=ROOT, stdout=stderr, stderr=stderr)
            sampler = TreeSampler(process.pid) if watch_memory else None
            try:
                code = process.wait()
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
                peak_tree_mb = None if sampler is None else sampler.stop()
        if code != 0:
            tail = errors.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise BenchmarkProcessError(f"python -m {module} exited with {code}:\n{tail}")
        answer: dict[str, Any] = json.loads(answered.read_text(encoding="utf-8"))
    return {**answer, "peak_tree_mb": peak_tree_mb}


class TreeSampler:
    """Sample the memory of a process and its descendants in a thread.

    Args:
        pid: of the process.
        counts_once: count pages that several of them share once (Linux: proportional set size),
            and not in each of them.
    """

    def __init__(self, pid: int, *, counts_once: bool = False) -> None:
        self._pid = pid
        self._bytes_of = _proportional_bytes if counts_once else _resident_bytes
        self._peak_bytes = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._stopping.wait(SAMPLE_EVERY_S):
            found = sum(map(self._bytes_of, _tree(self._pid)))
            self._peak_bytes = max(self._peak_bytes, found)

    def stop(self) -> float | None:
        self._stopping.set()
        self._thread.join()
        return self._peak_bytes / 1e6 if self._peak_bytes else None


def _tree(pid: int) -> Iterator[int]:
    """Yield a process and its descendants."""
    yield pid
    with suppress(OSError):  # gone meanwhile, or not Linux
        # A process is listed under the thread that started it.
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))


def _resident_bytes(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _proportional_bytes(pid: int) -> int:
    with suppress(OSError):
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
        return 0 if found is None else int(found[1]) * 1024
    return 0
