"""Files in the style of real ones: thirteen countries, nine ways to save a sheet."""

from __future__ import annotations

import pytest

from routing_engine.sheets import read_sheet

from .making import locations, refused, write_xlsx
from .real_files import COUNTRIES, KINDS, rows_of


@pytest.mark.parametrize("country", COUNTRIES, ids=lambda country: country.region)
@pytest.mark.parametrize("name", KINDS)
def test_a_list_of_stores_loads_with_no_more_than_its_region(tmp_path, name, country):
    path = tmp_path / name
    KINDS[name](path, country)
    found = locations(read_sheet(path, region=country.region))
    assert [(x.location_id, x.name, str(x.default_destination), x.rules) for x in found] == [
        (f"K{i}", country.names[i], country.dialled[i], ()) for i in (0, 1)
    ]


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("f.csv", b"%PDF-1.7 ...", "is a PDF document"),
        ("f.xlsx", b"%PDF-1.7 ...", "is a PDF document"),
        ("f.xls", b"<html><table><tr><td>id</td></tr></table></html>", "is a web page (HTML)"),
        ("f.csv", b"<!DOCTYPE html><html></html>", "is a web page (HTML)"),
        ("f.xls", b'<?xml version="1.0"?><Workbook/>', "is XML"),
        ("f.csv", b'[{"store": "s1"}]', "is JSON"),
        ("f.txt", b"{\\rtf1 x}", "is a text document (RTF)"),
        ("f.csv", b"\x1f\x8b\x08\x00", "is a gzip archive"),
        ("f.csv", b"SQLite format 3\x00", "is a database (SQLite)"),
        ("f.ods", b"PK\x03\x04nonsense", "is not a readable workbook"),
        ("f.xls", b"\xd0\xcf\x11\xe0" + bytes(600), "is not a readable workbook"),
        ("f.csv", b"PK\x03\x04nonsense", "is a workbook, not text"),
        ("f.numbers", b"PK\x03\x04", "'.numbers' is not a sheet"),
    ],
)
def test_a_file_of_another_kind_is_refused_by_its_name(tmp_path, name, content, what):
    path = tmp_path / name
    path.write_bytes(content)
    (error,) = refused(path).errors
    assert what in error.message


def _save(tmp_path, change):
    from openpyxl import load_workbook

    path = write_xlsx(tmp_path / "f.xlsx", North=rows_of(COUNTRIES[0]), South=rows_of(COUNTRIES[0]))
    book = load_workbook(path)
    change(book)
    book.save(path)
    return path


def test_a_hidden_sheet_with_locations_is_refused_by_its_name(tmp_path):
    def change(book):
        book["South"].sheet_state = "hidden"

    (error,) = refused(_save(tmp_path, change)).errors
    assert error.message == "hidden sheets hold locations: 'South'; unhide them, or delete them"


def test_sheets_with_different_columns_are_refused_by_their_names(tmp_path):
    def change(book):
        book["South"]["C1"] = "Region"

    (error,) = refused(_save(tmp_path, change)).errors
    assert "sheets 'North' and 'South' both hold locations, with different columns" in error.message


def test_columns_of_several_sheets_may_stand_in_any_order_and_errors_name_the_sheet(tmp_path):
    def change(book):
        sheet = book["South"]
        for row in sheet.iter_rows(max_row=3):
            row[0].value, row[3].value = row[3].value, row[0].value
        sheet["D2"], sheet["D3"] = "K8", "K9"
        sheet["A3"] = "15.01.2024"

    (error,) = refused(_save(tmp_path, change)).errors
    assert str(error).startswith("f.xlsx[South]:3 Phone Number: '15.01.2024' is not a phone number")


def test_hidden_rows_are_read_and_named(tmp_path):
    def change(book):
        del book["South"]
        book["North"].row_dimensions[3].hidden = True

    sheet = read_sheet(_save(tmp_path, change))
    assert len(sheet.columns) == 2
    assert "f.xlsx: rows that are hidden are read too: 3" in map(str, sheet.report.warnings)


def test_a_merged_id_is_that_of_every_row_of_its_range(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.worksheets[0]
    for row in (
        ("store", "default", "label", "when", "destination"),
        ("s1", "+14155550100", "Billing", "a bill", "+14155550111"),
        (None, None, "Parts", "a spare part", "+14155550122"),
    ):
        sheet.append(row)
    sheet.merge_cells("A2:A3")
    sheet.merge_cells("B2:B3")
    book.save(tmp_path / "f.xlsx")
    (location,) = locations(read_sheet(tmp_path / "f.xlsx"))
    assert [rule.label for rule in location.rules] == ["Billing", "Parts"]


def test_two_rows_of_headers_and_the_header_again_are_not_read(tmp_path):
    rows = rows_of(COUNTRIES[0])
    groups = ["Store", "", "", "Contact", ""]
    path = write_xlsx(tmp_path / "f.xlsx", S=[groups, rows[0], rows[1], rows[0], rows[2]])
    sheet = read_sheet(path)
    assert [x.location_id for x in locations(sheet)] == ["K0", "K1"]
    assert [w.code for w in sheet.report.warnings][:1] == ["title_rows"]
    assert "repeated_header" in [w.code for w in sheet.report.warnings]
