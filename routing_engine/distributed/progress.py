"""How far a batch is, and how fast."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Progress"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is.

    Attributes:
        n_rows: rows of the input.
        n_done: rows that are routed and written, those of earlier attempts counted.
        rows_per_s: rate of this attempt; 0.0 before its first block is done.
    """

    n_rows: int
    n_done: int
    rows_per_s: float

    @property
    def left_s(self) -> float | None:
        """Seconds until it is done, at this rate; None before there is one."""
        return (self.n_rows - self.n_done) / self.rows_per_s if self.rows_per_s else None

    def __str__(self) -> str:
        done = f"{self.n_done:,} of {self.n_rows:,} rows"
        if self.left_s is None:
            return done
        minutes, seconds = divmod(round(self.left_s), 60)
        return f"{done}, {self.rows_per_s:,.0f} rows/s, {minutes}:{seconds:02} left"
