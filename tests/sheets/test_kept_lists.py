"""Lists of places load as they are kept, with their region and one mapped header at most."""

from __future__ import annotations

import pytest

from routing_engine.sheets import read_sheet

from .kept_lists import LISTS, Place
from .making import B, C, locations, write_csv


@pytest.mark.parametrize("name", LISTS)
def test_a_list_loads_as_it_is_kept(tmp_path, name):
    kept = LISTS[name]
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
