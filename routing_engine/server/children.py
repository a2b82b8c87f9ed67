"""Processes that the server starts, and that must not outlive it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading

__all__ = ["end_with_parent"]


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
