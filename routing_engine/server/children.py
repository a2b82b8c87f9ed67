"""Processes that the server starts, and that must not outlive it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading

__all__ = ["end_with_parent", "give_way"]


def end_with_parent(by: signal.Signals) -> None:
    """Signal this child process once its parent has ended, even if the parent was killed.

    A worker would go on answering on a port that nobody can listen on again; an import might come
    after what was written since.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), by)

    threading.Thread(target=wait, name="end-with-parent", daemon=True).start()


def give_way(*, n_bytes: int, cpu_s: int, niceness: int) -> None:
    """Have this process, a child, take a share that callers do not miss; not on Windows.

    Args:
        niceness: 0 for one that holds what callers wait for, such as the one lock of SQLite: it
            must not be held up.
        n_bytes: of memory, after which it ends.
        cpu_s: seconds of processor time, after which it ends.
    """
    try:
        import resource
    except ImportError:
        return
    os.nice(niceness)
    for kind, limit in ((resource.RLIMIT_DATA, n_bytes), (resource.RLIMIT_CPU, cpu_s)):
        _, hard = resource.getrlimit(kind)
        soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (soft, hard))
