"""Embed many distinct texts in batches."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from routing_engine.encoders.protocol import Encoder, Vectors, check_vectors

__all__ = ["LateBar", "encode_distinct"]

BATCH_SIZE = 64
PROGRESS_AFTER_S = 1.0


def encode_distinct(
    encoder: Encoder, texts: Sequence[str], *, progress: bool = False, threads: int = 1
) -> Vectors:
    """Embed texts that are all different, in batches of similar length.

    A batch is padded to its longest text, so sorting by length saves most of the padding.

    Args:
        encoder: what embeds.
        texts: distinct texts.
        progress: show a progress bar on stderr once it has taken longer than a second.
        threads: that embed at a time.

    Returns:
        Unit vectors, float32 ``(len(texts), dimension)``, in the order of ``texts``.

    Raises:
        EncoderError: the encoder returned something that is not unit vectors.
    """
    vectors = np.empty((len(texts), encoder.dimension), np.float32)
    order = sorted(range(len(texts)), key=lambda i: (-len(texts[i]), texts[i]))
    bar = LateBar(len(texts), "embedding texts") if progress else None
    batches = [order[start : start + BATCH_SIZE] for start in range(0, len(order), BATCH_SIZE)]

    def encode(batch: list[int]) -> int:
        vectors[batch] = check_vectors(
            encoder.encode([texts[i] for i in batch]), len(batch), encoder.dimension
        )
        return len(batch)

    try:
        with _workers(min(threads, len(batches))) as pool:
            for n in (map if pool is None else pool.map)(encode, batches):
                if bar is not None:
                    bar.advance(n)
    finally:
        if bar is not None:
            bar.close()
    return vectors


@contextmanager
def _workers(n: int) -> Iterator[ThreadPoolExecutor | None]:
    """Some threads, which drop what they have not begun where anything is raised; None for one."""
    if n <= 1:
        yield None
        return
    pool = ThreadPoolExecutor(n, "embed")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


class LateBar:
    """A progress bar on stderr that appears only once the work takes long.

    Args:
        total: steps in all.
        what: what is done, as the bar says it.
    """

    def __init__(self, total: int, what: str) -> None:
        self._total = total
        self._what = what
        self._done = 0
        self._started_s = time.monotonic()
        self._progress: object | None = None

    def advance(self, n: int) -> None:
        """Count ``n`` steps as done."""
        from rich.console import Console
        from rich.progress import Progress

        self._done += n
        if self._progress is None and time.monotonic() - self._started_s > PROGRESS_AFTER_S:
            self._progress = Progress(console=Console(stderr=True), transient=True)
            self._task = self._progress.add_task(self._what, total=self._total)
            self._progress.start()
        if isinstance(self._progress, Progress):
            self._progress.update(self._task, completed=self._done)

    def close(self) -> None:
        """Remove the bar from the screen."""
        from rich.progress import Progress

        if isinstance(self._progress, Progress):
            self._progress.stop()
