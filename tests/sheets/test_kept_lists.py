"""Lists of places load as they are kept, with their region and one mapped header at most."""

from __future__ import annotations

import pytest

from routing_engine.sheets import read_sheet

from .far_lists import FAR_LISTS
from .kept_lists import LISTS, Place
from .making import B, C, locations, refused, write_csv

EVERY = LISTS | FAR_LISTS


@pytest.mark.parametrize("name", EVERY)
def test_a_list_loads_as_it_is_kept(tmp_path, name):
    kept = EVERY[name]
    path = tmp_path / f"{name}.csv"
    path.write_bytes(kept.text.encode(kept.encoding))
    assert len(kept.mapped) <= 1
    sheet = read_sheet(path, region=kept.region, timezone=kept.timezone, columns=kept.mapped)
    found = [
        Place(
            item.location_id,
            item.name,
            str(item.default_destination),
            None if item.business_hours is None else str(item.business_hours),
            tuple((rule.label, str(rule.destination)) for rule in item.rules),
        )
        for item in locations(sheet)
    ]
    assert found == list(kept.places)


@pytest.mark.parametrize(
    ("headers", "days"),
    [
        (("Lu", "Ma", "Me", "Je", "Ve", "Sa", "Di"), "Mon-Fri, Sun"),
        (("Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"), "Mon-Fri, Sun"),
        (("Lu", "Ma", "Me", "Gi", "Ve", "Sa", "Do"), "Mon-Fri, Sun"),
        (("Ma", "Di", "Wo", "Do", "Vr", "Za", "Zo"), "Mon-Fri, Sun"),
        (("Po", "Út", "St", "Čt", "Pá", "So", "Ne"), "Mon-Fri, Sun"),
    ],
)
def test_days_that_are_others_elsewhere_are_told_by_those_beside_them(tmp_path, headers, days):
    cells = ["9:00-17:00"] * 5 + ["closed", "9:00-17:00"]
    rows = [("store", "default", "timezone", *headers), ("s1", B, "UTC", *cells)]
    (location,) = locations(read_sheet(write_csv(tmp_path / "f.csv", rows)))
    assert str(location.business_hours) == f"{days} 09:00-17:00"


@pytest.mark.parametrize(
    ("code", "number", "read"),
    [
        ("41", "3222-4455", "+554132224455"),
        ("(41)", "3222 4455", "+554132224455"),
        ("41", "(41) 3222-4455", "+554132224455"),
        ("41", "+55 41 3222-4455", "+554132224455"),
        ("", "41 3222-4455", "+554132224455"),
        ("32", "3222-4455", "+553232224455"),
        ("32", "32 3222-4455", "+553232224455"),
    ],
)
def test_an_area_code_in_a_column_of_its_own_belongs_to_the_number(tmp_path, code, number, read):
    rows = [("Cód. Loja", "DDD", "Telefone"), ("7", code, number)]
    (location,) = locations(read_sheet(write_csv(tmp_path / "f.csv", rows), region="BR"))
    assert str(location.default_destination) == read


def test_the_number_of_a_named_person_is_neither_default_nor_rule(tmp_path):
    rows = [
        ("Dealer Code", "Landline No.", "Contact Person", "Contact No."),
        ("d1", B, "R. Sharma", C),
    ]
    (location,) = locations(read_sheet(write_csv(tmp_path / "f.csv", rows)))
    assert (str(location.default_destination), location.rules) == (B, ())
    # Without a person, it is the number of the place.
    rows = [("Dealer Code", "Contact No."), ("d1", C)]
    (location,) = locations(read_sheet(write_csv(tmp_path / "g.csv", rows)))
    assert str(location.default_destination) == C


def test_store_and_store_number_are_name_and_id(tmp_path):
    rows = [("Store #", "Store", "Phone"), ("7", "Elm", B)]
    (location,) = locations(read_sheet(write_csv(tmp_path / "f.csv", rows)))
    assert (location.location_id, location.name) == ("7", "Elm")


@pytest.mark.parametrize(
    ("headers", "number"),
    [
        (("Numéro / Nummer", "Nom / Naam", "Téléphone / Telefoon"), "Téléphone / Telefoon"),
        (("Code|Kod", "Name|Nazwa", "Phone|Telefon"), "Phone|Telefon"),
        (("店舗コード (Store code)", "店舗名 (Store name)", "電話 (Phone)"), "電話 (Phone)"),
        (("Filial-\nnummer", "Bezeich-\nnung", "Telefon\n(Zentrale)"), "Telefon\n(Zentrale)"),
    ],
)
def test_a_header_in_several_languages_says_one_thing(tmp_path, headers, number):
    rows = [headers, ("K1", "Elm", B)]
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows))
    (location,) = locations(sheet)
    assert (location.location_id, location.name) == ("K1", "Elm")
    assert str(location.default_destination) == B
    assert any(issue.column == number for issue in sheet.report.warnings)


def test_a_number_of_rows_is_no_id_beside_one(tmp_path):
    rows = [("Nr.", "Filialnummer", "Bezeichnung", "Telefon"), ("1", "F7", "Elm", B)]
    (location,) = locations(read_sheet(write_csv(tmp_path / "f.csv", rows)))
    assert location.location_id == "F7"


@pytest.mark.parametrize(
    "last",
    [
        ("Gesamt: 3 Filialen", "", ""), ("Total stores: 12", "", ""), ("", "West Total", "1"),
        ("Grand Total", "", "2"), ("合計", "", "3"), ("Yhteensä 12", "", ""), ("Celkem:", "", "7"),
    ],
)  # fmt: skip
def test_rows_of_totals_are_not_read(tmp_path, last):
    rows = [("Store Number", "Store Name", "Phone"), ("1", "Elm", B), last]
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows))
    assert [item.location_id for item in locations(sheet)] == ["1"]
    assert [issue.row for issue in sheet.report.warnings if issue.code == "totals_row"] == [3]


def test_a_row_with_a_heading_alone_is_said_to_be_one(tmp_path):
    rows = [("Store Number", "Store Name", "Phone"), ("CALIFORNIA", "", ""), ("1", "Elm", B)]
    (error,) = refused(write_csv(tmp_path / "f.csv", rows)).errors
    assert error.row == 2
    assert error.message.endswith("if the row is a heading or a note, delete it")


def test_two_rows_of_headers_are_named_where_neither_says_all(tmp_path):
    rows = [("Store", "", "Phones", ""), ("ID", "Name", "Main", "Billing"), ("1", "Elm", B, C)]
    errors = refused(write_csv(tmp_path / "f.csv", rows)).errors
    assert errors[0].message == (
        "column 2 has cells and no header; not read; if the row below holds headers too, make one "
        "row of the two"
    )


@pytest.mark.parametrize(
    ("hours", "day_off", "read"),
    [
        ("10:00～20:00", "水曜日", "Mon-Tue, Thu-Sun 10:00-20:00"),
        ("10:00～20:00", "年中無休", "daily 10:00-20:00"),
        ("11:00-19:00", "日曜・祝日", "Mon-Sat 11:00-19:00; holidays JP"),
        ("月〜金 9:00〜18:00", "土日祝", "Mon-Fri 09:00-18:00"),
        ("10:00～20:00", "", None),
        ("10:00～20:00", "第2水曜日", None),
    ],
)
def test_hours_without_days_are_those_of_all_but_the_day_off(tmp_path, hours, day_off, read):
    rows = [("店舗コード", "電話番号", "営業時間", "定休日"), ("1", "03-1234-5678", hours, day_off)]
    path = write_csv(tmp_path / "f.csv", rows)
    if read is None:
        (error,) = refused(path, region="JP", timezone="Asia/Tokyo").errors
        assert error.column == "営業時間"
        return
    (location,) = locations(read_sheet(path, region="JP", timezone="Asia/Tokyo"))
    assert str(location.business_hours) == read
