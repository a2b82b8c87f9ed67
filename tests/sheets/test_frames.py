"""Pandas frames as routing sheets, and locations as frames."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from routing_engine.catalog.columns import LocationColumns
from routing_engine.errors import SheetError
from routing_engine.model.rules import RuleText
from routing_engine.sheets import frames, read_sheet
from routing_engine.sheets.frames import cell_of, cell_text, frame_of

from .making import A, B, C, locations, rows_with, write_csv, write_xlsx
from .test_round_trip import location_lists


def frame_with(field, value, **others):
    header, row = rows_with(field, value, **others)
    return pd.DataFrame([row], columns=header)


def refused(frame, **options):
    with pytest.raises(SheetError) as caught:
        read_sheet(frame, **options)
    return caught.value.report


class TestReading:
    def test_a_frame_reads_as_the_file_that_it_would_be(self, tmp_path):
        frame = pd.DataFrame(
            {
                "Store #": [42, 42, 7],
                "default destination": [4155550100.0, None, A],
                "label": ["Billing", "Leak", np.nan],
                "situation": ["caller asks about a bill", "water comes in", pd.NA],
                "forward to": ["(415) 555-0111", 4155550122, None],
                "threshold": [0.25, np.nan, np.nan],
                "requires confirmation": [True, False, None],
            }
        )
        path = write_xlsx(
            tmp_path / "book.xlsx",
            Sheet=[
                frame.columns,
                *([None if pd.isna(x) else x for x in row] for row in frame.to_numpy()),
            ],
        )
        one, other = read_sheet(frame), read_sheet(path)
        assert locations(one) == locations(other)
        assert [place.location_id for place in locations(one)] == ["42", "7"]
        assert [rule.threshold for rule in locations(one)[0].rules] == [0.25, None]
        assert [rule.requires_confirmation for rule in locations(one)[0].rules] == [True, False]
        assert [issue.message for issue in one.report.repairs] == [
            issue.message for issue in other.report.repairs
        ]

    def test_what_pandas_read_from_a_csv_file_reads_as_that_file(self, tmp_path):
        rows = rows_with("examples", "I was billed twice | wrong amount", default_destination=A)
        path = write_csv(tmp_path / "sheet.csv", rows)
        assert locations(read_sheet(pd.read_csv(path))) == locations(read_sheet(path))

    def test_a_wide_frame_takes_a_template(self):
        frame = pd.DataFrame({"store": ["s1", "s2"], "default": [A, A], "Billing": [B, None]})
        billing = RuleText(label="Billing", when="caller asks about a bill")
        sheet = read_sheet(frame, template=[billing])
        assert [[rule.when for rule in place.rules] for place in locations(sheet)] == [
            ["caller asks about a bill"],
            [],
        ]

    def test_an_issue_names_the_position_plus_two_whatever_the_index(self):
        frame = pd.concat([frame_with("label", "Billing"), frame_with("destination", "555 01A2")])
        frame.index = ["x", "y"]
        report = refused(frame)
        (issue,) = report.errors
        assert (issue.file, issue.row, issue.column) == ("DataFrame", 3, "destination")
        assert str(issue).startswith("DataFrame:3 destination: '555 01A2' is not a phone number")

    def test_rows_keep_their_number_across_chunks(self, monkeypatch):
        monkeypatch.setattr(frames, "ROWS_PER_CHUNK", 2)
        frame = pd.concat([frame_with("when", f"caller asks for part {i}") for i in range(5)])
        frame.iloc[4, frame.columns.get_loc("destination")] = "nobody"
        assert [issue.row for issue in refused(frame).errors] == [6]

    def test_a_frame_may_hold_lists_of_examples(self):
        frame = frame_with("examples", ["one | two", "three"])
        assert locations(read_sheet(frame))[0].rules[0].examples == ("one | two", "three")

    def test_a_missing_column_and_an_index_in_its_place_are_both_told(self):
        report = refused(frame_with("label", "Billing").set_index("location_id"))
        assert [issue.code for issue in report.warnings] == ["unread_index"]
        assert "reset_index()" in report.warnings[0].message
        assert report.n_errors >= 1

    @pytest.mark.parametrize(
        ("frame", "code"),
        [
            (pd.DataFrame(), "empty"),
            (frame_with("label", "x").iloc[:0], "no_rows"),
            (pd.concat({"a": frame_with("label", "x")}, axis=1), "column_levels"),
        ],
    )
    def test_a_frame_without_a_table_is_refused(self, frame, code):
        assert [issue.code for issue in refused(frame).errors] == [code]

    @pytest.mark.parametrize(
        ("value", "cell"),
        [
            *[(missing, "") for missing in (None, np.nan, pd.NA, pd.NaT, "  ", "")],
            (True, "TRUE"), (np.bool_(False), "FALSE"),
            (42, 42.0), (np.int64(42), 42.0), (1.5, 1.5), (np.float32(0.5), 0.5),
            (2**53 + 1, "9007199254740993"), (Decimal("0.10"), "0.10"),
            (dt.date(2026, 1, 2), dt.date(2026, 1, 2)), (dt.time(9), dt.time(9)),
            (("a", None, "b|c"), "a | b\\|c"), (" as it is ", " as it is "),
        ],
    )  # fmt: skip
    def test_a_value_is_the_cell_of_a_workbook(self, value, cell):
        assert cell_of(value) == cell
        assert type(cell_of(value)) is not int

    def test_a_value_as_text_is_a_str_as_it_is_and_a_number_without_its_fraction(self):
        assert [cell_text(value) for value in (" a ", 42, 42.0, np.nan)] == [" a ", "42", "42", ""]


class TestWriting:
    @given(location_lists)
    def test_locations_come_back_from_their_frame(self, made):
        frame = frame_of(LocationColumns.from_locations(made))
        assert list(read_sheet(frame).columns.locations()) == made

    def test_a_row_is_a_rule_and_every_column_holds_strings(self):
        sheet = read_sheet(frame_with("destination", B, examples="hm | ha", default_destination=C))
        frame = frame_of(sheet.columns)
        assert frame.astype(object).where(frame.notna(), None).to_dict("records") == [
            {
                "location_id": "s1", "location_name": None, "timezone": None,
                "default_destination": C, "label": "Billing", "when": "caller asks about a bill",
                "examples": "hm | ha", "destination": B,
            }
        ]  # fmt: skip
        assert {str(dtype) for dtype in frame.dtypes} == {"string"}


def test_a_report_is_a_frame_of_its_issues():
    report = refused(frame_with("destination", "nobody"))
    frame = report.to_frame()
    assert frame.columns.tolist() == [
        *("file", "row", "column", "value", "message", "severity", "code")
    ]
    assert frame["row"].tolist() == [2]
    assert frame["severity"].tolist() == ["error"]
    assert str(frame["row"].dtype) == "Int64"
    clean = read_sheet(frame_with("destination", B)).report.to_frame()
    assert len(clean) == 0
    assert clean.dtypes.equals(frame.dtypes)
