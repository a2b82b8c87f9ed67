from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routing_engine.catalog.columns import LocationColumns
from routing_engine.errors import InvalidValueError
from routing_engine.model.destinations import Destination
from routing_engine.model.rules import ContextRule, Location, RuleText
from routing_engine.sheets import read_sheet, write_sheet, writing
from routing_engine.sheets.cells import guard, guard_kept, join_list, split_list, unguard
from tests.support import strategies
from tests.support.examples import examples

from .making import A, B, C, D

DANGEROUS = ["=1+1", "+1", "-x", "@SUM(A1)", "'=x", "''+y", "'plain", "＝x", "'＋", "'", "|", "\\|"]

characters = st.characters(exclude_categories=("Cc", "Cs", "Co", "Cn", "Zl", "Zp"))
plain = st.one_of(
    st.text(characters, min_size=1, max_size=12),
    st.sampled_from([*DANGEROUS, "a | b", "a\\", "\\\\|x", "_x0041_", "sep=;", '"q"', "a,b;c",
                     "1.0", "1E+5", "TRUE", "nan", "#N/A", "80%", "0042"]),
)  # fmt: skip
texts = plain.filter(lambda text: bool(text.split()) and not _has_control(text))
numbers = st.sampled_from([A, B, C, D, "+442079460958", "+18005550199", "+14155550100;ext=007"])
destinations = st.one_of(numbers, st.sampled_from(["sip:a@b.example", "sips:front+1@h.example;lr"]))
thresholds = st.one_of(st.none(), st.floats(0, 1), st.just(0.0))


def _has_control(text: str) -> bool:
    return any(0x7F <= ord(c) <= 0x9F for c in text)


rules = strategies.rules(
    strategies.rule_texts(texts, thresholds),
    destinations,
    languages=st.sampled_from([(), ("es",), ("es", "vi")]),
)
locations = strategies.locations(texts, rules, texts, destinations, thresholds)
location_lists = strategies.with_lines(
    st.lists(locations, min_size=1, max_size=4, unique_by=lambda location: location.location_id)
)


def test_every_field_of_a_rule_is_tried():
    assert set(strategies.rule_texts(texts)) == set(RuleText.model_fields)


def _round_trip(made: list[Location], name: str, **options) -> list[Location]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write_sheet(LocationColumns.from_locations(made), path, **options)
        return list(read_sheet(path).columns.locations())


@given(location_lists)
@example(
    [
        Location(
            location_id="'=x",
            default_destination=A,
            name="@x",
            rules=[
                ContextRule(label="+1", when="'", destination=B, examples=DANGEROUS, fallback=[C])
            ],
        )
    ]
)
def test_csv_reads_back_equal(made):
    assert _round_trip(made, "f.csv") == made
    assert _round_trip(made, "f.tsv") == made


@examples(50)
@given(location_lists)
def test_workbook_reads_back_equal(made):
    assert _round_trip(made, "f.xlsx") == made


@given(st.text("'=+-@\t\r＝＋－＠ab", max_size=6))
def test_guard_is_undone_exactly(text):
    assert unguard(guard(text)) == text
    assert unguard(guard_kept(text)) == text
    assert guard(text)[:1] not in set("=+-@\t\r＝＋－＠")


@given(st.lists(st.text("|\\ab ", min_size=1, max_size=6).map(str.strip).filter(bool), max_size=4))
def test_lists_are_joined_and_split_exactly(items):
    assert split_list(join_list(items)) == tuple(items)


def test_empty_items_of_a_list_are_dropped():
    assert split_list(" a || b | ") == ("a", "b")
    assert split_list("") == ()


@pytest.mark.parametrize("name", ["f.csv", "f.xlsx"])
def test_no_cell_of_an_export_is_a_formula(tmp_path, name):
    made = Location(
        location_id="=cmd", default_destination=A, name="-1",
        rules=[ContextRule(label="@x", when="+w", destination=B, examples=["=HYPERLINK()"])],
    )  # fmt: skip
    path = tmp_path / name
    write_sheet(LocationColumns.from_locations([made]), path)
    if name == "f.csv":
        import csv

        text = path.read_bytes().decode("utf-8-sig")
        cells = [cell for row in csv.reader(text.splitlines()) for cell in row]
        assert not [cell for cell in cells if cell[:1] and cell[0] in "=+-@"]
        assert f"'{A}" in cells
        assert "'=cmd" in cells
    else:
        from openpyxl import load_workbook

        cells = [cell for row in load_workbook(path).active for cell in row if cell.value]
        assert {cell.data_type for cell in cells} == {"s"}
        assert {cell.number_format for cell in cells} == {"@"}
        values = [cell.value for cell in cells]
        assert A in values
        assert "'=cmd" in values


def test_export_has_only_the_columns_that_are_used(tmp_path):
    path = tmp_path / "f.csv"
    write_sheet(
        LocationColumns.from_locations([Location(location_id="s", default_destination=A)]), path
    )
    assert path.read_bytes().decode("utf-8-sig").splitlines() == [
        "location_id,location_name,timezone,default_destination,label,when,examples,destination",
        f"s,,,'{A},,,,",
    ]


def test_languages_are_written_as_codes_only_where_a_rule_has_some(tmp_path):
    rule = ContextRule(label="S", when="w", languages=["Vietnamese", "es"], destination=B)
    path = tmp_path / "f.csv"
    made = Location(location_id="s", default_destination=A, rules=[rule])
    write_sheet(LocationColumns.from_locations([made]), path)
    header, row = path.read_bytes().decode("utf-8-sig").splitlines()
    assert header.endswith(",languages")
    assert row.endswith(",es | vi")


def test_what_a_handoff_needs_is_written_only_where_a_rule_has_it(tmp_path):
    rule = ContextRule(
        label="S", when="w", destination=B, required_details=["name", "account | number"],
        verification_methods=["PIN"], ring_timeouts_s=[20, 45],
    )  # fmt: skip
    path = tmp_path / "f.csv"
    made = Location(location_id="s", default_destination=A, rules=[rule])
    write_sheet(LocationColumns.from_locations([made]), path)
    header, row = path.read_bytes().decode("utf-8-sig").splitlines()
    assert header.endswith("destination,required_details,verification_methods,ring_timeouts_s")
    assert row.endswith(r",name | account \| number,PIN,20 | 45")


WIDE = [
    Location(
        location_id="s1", default_destination=A, threshold=0.5, name="One", after_hours=D,
        timezone="America/Chicago", business_hours="Mon-Fri 08:00-17:00; holidays US",
        rules=[
            ContextRule(label="Billing", when="a bill", examples=["x | y"], destination=B),
            ContextRule(
                label="Parts", when="needs parts", destination=f"{C};ext=9",
                required_details=["part number"], verification_methods=["PIN", "code"],
                ring_timeouts_s=[20, 300],
            ),
            ContextRule(label="Other", when="not English", languages=["vi", "es"], destination=D),
        ],
    ),
    Location(
        location_id="s2", default_destination=A,
        rules=[
            ContextRule(
                label="Parts", when="needs parts", destination="sip:p@x.example",
                required_details=["part number"], verification_methods=["PIN", "code"],
                ring_timeouts_s=[20, 300],
            )
        ],
    ),
]  # fmt: skip


def test_wide_workbook_reads_back_equal():
    assert _round_trip(WIDE, "f.xlsx", layout="wide") == WIDE


def test_wide_csv_reads_back_equal_where_headers_say_all():
    made = [
        Location(
            location_id=location.location_id,
            default_destination=A,
            rules=[
                ContextRule(label=r.label, when=r.label, destination=r.destination)
                for r in location.rules
            ],
        )
        for location in WIDE
    ]
    assert _round_trip(made, "f.csv", layout="wide") == made


def _location(*made: tuple[str, str], **fields) -> Location:
    fields = {"destination": B} | fields
    rules = [ContextRule(label=label, when=when, **fields) for label, when in made]
    return Location(location_id=made[0][1], default_destination=A, rules=rules)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ([_location(("L", "w"), ("l!", "x"))], "two rules are called 'l!'"),
        ([_location(("L", "w")), _location(("L", "x"))], "two rules are called 'L'"),
        ([_location(("L", "w"), ("M", "x")), _location(("M", "x"), ("L", "w"))], "orders"),
        ([_location(("!!", "w"))], "a column cannot be called '!!'"),
        ([_location(("Department", "w"))], "'Department' would be read as label"),
        ([_location(("L", "w"), fallback=[C])], "fallback"),
        ([_location(("L", "w"), action="contain", destination=None)], "without a destination"),
    ],
)
def test_wide_layout_refuses_what_it_cannot_hold(tmp_path, made, message):
    columns = LocationColumns.from_locations(made)
    with pytest.raises(InvalidValueError, match=message):
        write_sheet(columns, tmp_path / "f.xlsx", layout="wide")
    assert list(tmp_path.iterdir()) == []


def test_wide_csv_has_no_room_for_a_template(tmp_path):
    with pytest.raises(InvalidValueError, match="second sheet"):
        write_sheet(LocationColumns.from_locations(WIDE), tmp_path / "f.csv", layout="wide")


@pytest.mark.parametrize(("name", "layout"), [("f.ods", "long"), ("f.csv", "tall")])
def test_unknown_format_or_layout_is_refused(tmp_path, name, layout):
    with pytest.raises(InvalidValueError):
        write_sheet(LocationColumns.from_locations(WIDE), tmp_path / name, layout=layout)


def test_failed_export_leaves_the_old_file_and_nothing_beside(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("old")
    bad = Location(location_id="s", default_destination=A).model_copy(update={"name": "a\x07"})
    for name in ("f.csv", "g.xlsx"):
        with pytest.raises(InvalidValueError, match="control characters"):
            write_sheet(LocationColumns.from_locations([bad]), tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["f.csv"]
    assert path.read_text() == "old"


def test_export_replaces_the_old_file_with_usual_permissions(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("old")
    write_sheet(LocationColumns.from_locations(WIDE), path)
    assert list(read_sheet(path).columns.locations()) == WIDE
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_workbook_refuses_what_it_cannot_hold(tmp_path, monkeypatch):
    long = ContextRule(label="L", when="w", destination=B,
                       examples=[f"{i} " + "x" * 1990 for i in range(20)])  # fmt: skip
    made = [Location(location_id="s", default_destination=A, rules=[long])]
    with pytest.raises(InvalidValueError, match="too long for a workbook"):
        write_sheet(LocationColumns.from_locations(made), tmp_path / "f.xlsx")
    assert _round_trip(made, "f.csv") == made
    monkeypatch.setattr(writing, "MAX_WORKBOOK_ROWS", 2)
    with pytest.raises(InvalidValueError, match="too many rows"):
        write_sheet(LocationColumns.from_locations(WIDE), tmp_path / "f.xlsx")


def test_longest_texts_read_back(tmp_path):
    rule = ContextRule(label="L" * 200, when="w" * 2000, destination=B,
                       examples=["|" * 1997 + f"{i:03d}" for i in range(64)])  # fmt: skip
    made = [Location(location_id="i" * 256, default_destination=A, rules=[rule])]
    assert _round_trip(made, "f.csv") == made


@pytest.mark.parametrize("extension", ["0012", "pppp12#", "*4"])
def test_destination_with_extension_is_written_in_its_own_column(tmp_path, extension):
    made = [_location(("L", "w"), destination=Destination(B, extension))]
    write_sheet(LocationColumns.from_locations(made), tmp_path / "f.csv")
    assert f"'+14155550111,{extension}" in (tmp_path / "f.csv").read_text("utf-8-sig")
    assert list(read_sheet(tmp_path / "f.csv").columns.locations()) == made
    assert RuleText(label="L", when="w") == made[0].rules[0].text
