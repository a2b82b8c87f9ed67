"""Numbers of a location that point at its own line: the agent would call itself."""

from __future__ import annotations

from collections.abc import Iterator

from routing_engine.catalog.columns import LocationColumns
from routing_engine.model.destinations import Destination
from routing_engine.model.parties import Parties
from routing_engine.quality.lint.cases import MAX_NAMED
from routing_engine.quality.lint.report import Finding

__all__ = ["loops"]


def loops(columns: LocationColumns) -> list[Finding]:
    """Find the locations whose numbers point at their own lines.

    A call is never transferred there, so that whoever is meant is never reached: the next of the
    chain is, or nobody.

    Args:
        columns: the locations; those without lines cost nothing.

    Returns:
        One finding for each number of the same name, with its locations.
    """
    found: dict[tuple[str, str], list[int]] = {}
    for i in dict.fromkeys(columns.line_of.tolist()):
        own = [Parties(called=line) for line in columns.lines_of(i)]
        named = {
            name for name, destination in _numbers(columns, i)
            if any(line.has(destination) for line in own)
        }  # fmt: skip
        for name in named:
            found.setdefault(name, []).append(i)
    return [
        Finding(
            kind="loop",
            rule=label,
            other=None,
            sentence=None,
            measured=1.0,
            message=f"{what} points at a line of its own location, and is never dialled",
            suggestion="give the number of a phone that people answer, or take the line away",
            n_locations=len(locations),
            locations=tuple(columns.ids[i] for i in locations[:MAX_NAMED]),
        )
        for (label, what), locations in sorted(found.items())
    ]


def _numbers(columns: LocationColumns, i: int) -> Iterator[tuple[tuple[str, str], Destination]]:
    """Every number of a location, with the label of its rule and what it is."""
    for what, code in (
        ("the default destination", columns.defaults[i]),
        ("the after-hours number", columns.after_hours[i]),
    ):
        destination = columns.decode(int(code))
        if destination is not None:
            yield ("", what), destination
    for r, text in enumerate(columns.tables[columns.table[i]]):
        slot = int(columns.first_slot[i]) + r
        destination = columns.decode(int(columns.destinations[slot]))
        if destination is not None:
            yield (text.label, f"the destination of {text.label!r}"), destination
        for step in columns.fallback(slot):
            yield (text.label, f"a fallback of {text.label!r}"), step
