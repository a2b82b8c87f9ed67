"""Opening hours in the styles of real lists of some thirty countries."""

from __future__ import annotations

import pytest

from routing_engine.errors import InvalidValueError
from routing_engine.hours import BusinessHours

from .cells import CELLS

EACH = [
    pytest.param(country, text, expected, id=f"{country}-{i}")
    for country, cells in CELLS.items()
    for i, (text, expected) in enumerate(cells)
]


def read(text, country):
    return str(BusinessHours.parse(text, timezone="UTC", country=country))


@pytest.mark.parametrize(("country", "text", "expected"), EACH)
def test_a_cell_gives_its_week_or_is_refused(country, text, expected):
    if expected is None:
        with pytest.raises(InvalidValueError):
            read(text, country)
        return
    assert read(text, country) == expected
    assert read(expected, country) == expected


def test_there_are_many_of_many_countries():
    assert len(EACH) >= 350
    assert len(CELLS) >= 12
    assert all(len(set(cells)) == len(cells) for cells in CELLS.values())
