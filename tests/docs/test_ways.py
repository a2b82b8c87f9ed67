"""The table of ways to ask has every cell, and each names a test that is there."""

from __future__ import annotations

import pytest

from tests.docs.pages import ROOT
from tests.docs.ways import COLUMNS, named_in, ways


@pytest.mark.parametrize("way", ways(), ids=lambda way: way["name"])
def test_every_cell_names_a_test_that_exists(way):
    assert set(way) == {"name", *COLUMNS}
    for column in COLUMNS:
        what, test = way[column]
        path, _, name = test.partition("::")
        assert what
        assert (ROOT / path).exists(), test
        assert name in named_in(path), test
