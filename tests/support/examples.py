"""How many examples of a property are tried."""

from __future__ import annotations

from hypothesis import settings


def examples(n: int) -> settings:
    """Try n examples, or fewer in a profile that only glances.

    Hypothesis takes a number that a test sets whatever the profile says.
    """
    most = settings().max_examples
    return settings(max_examples=min(n, most) if most < 100 else n)
