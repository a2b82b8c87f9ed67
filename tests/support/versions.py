"""Catalogs whose numbers and rules tell their version."""

from __future__ import annotations

from routing_engine import ContextRule, HashingEncoder, Location

ENCODER = HashingEncoder(8)


def version_number(version: int, i: int) -> str:
    """The only number of location i of a version."""
    return f"+14155{version * 10 + i:06d}"


def version_of(version: int) -> list[Location]:
    """One to three locations of one rule each."""
    return [
        Location(
            location_id=f"store-{i}",
            default_destination=version_number(version, i),
            rules=(
                ContextRule(
                    label=f"Rule {version}",
                    when=f"caller asks about rule {version}",
                    destination=version_number(version, i),
                ),
            ),
        )
        for i in range(1 + version % 3)
    ]
