"""What the headers of a sheet are taken for, before it is imported."""

from __future__ import annotations

import pytest

from routing_engine.errors import InvalidValueError, SheetError
from routing_engine.sheets.previewing import preview_sheet

LIST = """A list of stores
Shop No.,Shop,Main line,Billing,Regional lead,Fax number,Mon,Tue,Wed,Thu,Fri
101,Elm Street,(415) 555-0100,(415) 555-0111,Ann,1,9-17,9-17,9-17,9-17,9-17
102,Oak,(415) 555-0120,(415) 555-0121,Ann,2,9-17,9-17,9-17,9-17,9-17
"""


def meanings(preview):
    return {column.header: column.means for column in preview.columns}


def test_each_header_has_its_meaning_and_first_values(tmp_path):
    path = tmp_path / "stores.csv"
    path.write_text(LIST)
    found = preview_sheet(path)
    assert found.problems == ()
    assert meanings(found) == {
        "Shop No.": "location_id", "Shop": "location_name", "Main line": "default_destination",
        "Billing": "rule", "Regional lead": "ignore", "Fax number": "ignore",
        **dict.fromkeys(("Mon", "Tue", "Wed", "Thu", "Fri"), "business_hours"),
    }  # fmt: skip
    assert found.columns[0].samples == ("101", "102")
    assert found.columns[4].samples == ("Ann",)


def test_a_mapping_counts_where_the_sheet_has_its_header(tmp_path):
    path = tmp_path / "stores.csv"
    path.write_text("Wo,Haupt,Rechnung\n1,+14155550100,+14155550111\n")
    found = preview_sheet(path)
    assert "no location column" in found.problems[0]
    assert meanings(found) == dict.fromkeys(("Wo", "Haupt", "Rechnung"), "ignore")
    mapping = {"wo": "location_id", "Haupt": "default_destination", "elsewhere": "ignore"}
    found = preview_sheet(path, columns=mapping)
    assert found.problems == ()
    assert meanings(found) == {
        "Wo": "location_id", "Haupt": "default_destination", "Rechnung": "rule",
    }  # fmt: skip
    assert [column.mapped for column in found.columns] == [
        "location_id", "default_destination", None,
    ]  # fmt: skip


def test_what_is_no_sheet_or_no_column_is_refused(tmp_path):
    path = tmp_path / "stores.csv"
    path.write_text("")
    with pytest.raises(SheetError, match="is empty"):
        preview_sheet(path)
    with pytest.raises(InvalidValueError, match="which is no column"):
        preview_sheet(path, columns={"Wo": "nowhere"})
