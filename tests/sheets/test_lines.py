"""The lines of locations in sheets: read, checked, compared."""

from __future__ import annotations

import pytest

from routing_engine.catalog.columns import LocationColumns
from routing_engine.model.rules import Location
from routing_engine.sheets import diff, read_sheet

from .making import LONG, A, B, locations, refused, texts, write_csv

LINE, OTHER = "+14155550199", "+14155550198"


def lines_of(path, **options):
    sheet = read_sheet(path, **options)
    return {location.location_id: location.lines for location in locations(sheet)}


@pytest.mark.parametrize(
    ("cell", "lines"),
    [
        (LINE, (LINE,)),
        ("(415) 555-0199", (LINE,)),
        ("14155550199.0", (LINE,)),
        ("1.4155550199E+10", (LINE,)),
        (f"'{LINE} | 4155550198, 2204; sip:desk@pbx.example", (LINE, OTHER, "2204", "desk")),
        (f"{LINE}|(415) 555-0199", (LINE,)),
        ("", ()),
    ],
)
def test_a_cell_holds_lines_in_any_form(tmp_path, cell, lines):
    rows = [(*LONG, "lines"), ("s1", A, "L", "w", B, cell)]
    assert lines_of(write_csv(tmp_path / "f.csv", rows)) == {"s1": lines}


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("front desk", "'front desk' is not a line"),
        ("4155550199555", "'4155550199555' is no whole number of region US"),
        ("1.41555E+10", "lost digits in a spreadsheet"),
    ],
)
def test_a_wrong_line_is_an_error_of_its_location(tmp_path, cell, message):
    rows = [(*LONG, "lines"), ("s1", A, "L", "w", B, cell), ("s2", A, "L", "w", B, LINE)]
    path = write_csv(tmp_path / "f.csv", rows)
    (error,) = refused(path).errors
    assert (error.row, error.column) == (2, "lines")
    assert message in error.message
    assert lines_of(path, on_error="skip") == {"s2": (LINE,)}


def test_a_line_of_two_locations_is_an_error_that_names_both(tmp_path):
    rows = [
        (*LONG, "Phone Line"),
        ("s1", A, "L", "w", B, LINE),
        ("s2", A, "L", "w", B, OTHER),
        ("s1", A, "M", "x", B, ""),
        ("s3", A, "L", "w", B, f"2204 | {LINE}"),
    ]
    path = write_csv(tmp_path / "f.csv", rows)
    assert texts(refused(path).errors) == [
        (
            f"f.csv:5 Phone Line: '{LINE}' belongs to location 's3' here and to 's1' in row 2; "
            "a line belongs to one location"
        )
    ]
    assert lines_of(path, on_error="skip") == {"s2": (OTHER,)}


def test_rows_of_one_location_agree_on_its_lines(tmp_path):
    rows = [(*LONG, "lines"), ("s1", A, "L", "w", B, LINE), ("s1", A, "M", "x", B, OTHER)]
    assert texts(refused(write_csv(tmp_path / "f.csv", rows)).errors) == [
        (
            f"f.csv:3 lines: '{OTHER}' here and '{LINE}' in row 2 for location 's1'; "
            "a location has one value of lines"
        )
    ]


@pytest.mark.parametrize("header", ["DID", "Line", "Called Number", "dids", "Phone Line"])
def test_a_list_of_stores_has_lines_beside_a_default(tmp_path, header):
    path = write_csv(tmp_path / "f.csv", [("store", "phone", header), ("s1", A, LINE)])
    sheet = read_sheet(path)
    assert locations(sheet) == [Location(location_id="s1", default_destination=A, lines=(LINE,))]


@pytest.mark.parametrize("header", ["DID", "Line"])
def test_the_only_number_of_a_list_of_stores_is_its_default(tmp_path, header):
    path = write_csv(tmp_path / "f.csv", [("store", header), ("s1", A)])
    assert locations(read_sheet(path)) == [Location(location_id="s1", default_destination=A)]


def test_changed_lines_are_told():
    def columns(first, second):
        return LocationColumns.from_locations(
            Location(location_id=name, default_destination=A, lines=lines)
            for name, lines in (("s1", first), ("s2", second))
        )

    made = diff(columns((LINE,), ()), columns((LINE, "2204"), ()))
    assert str(made).splitlines()[1:] == ["~ s1", f"    lines {LINE} -> {LINE}, 2204"]
    assert diff(columns((LINE,), (OTHER,)), columns((LINE,), (OTHER,))).is_empty
    assert len(diff(columns((LINE,), (OTHER,)), columns((OTHER,), (LINE,))).changed) == 2
