"""Lists of stores as people have them: their headers, and the columns that are no destination."""

from __future__ import annotations

import pytest

from routing_engine import HashingEncoder, RoutingEngine
from routing_engine.errors import InvalidValueError
from routing_engine.sheets import read_sheet
from routing_engine.sheets.aliases import days_of, is_no_routing_column

from .making import A, B, C, locations, refused, texts, write_csv

HEADERS = [
    # header line, id, name and number expected of the cells "c0", "c1", …, a number at its place
    ("id,name,phone", 0, 1, 2),
    ("Code;Name;Telephone", 0, 1, 2),
    ("Store Number,Store Name,Street Address,City,State,Zip,Phone Number,Latitude,Longitude", 0, 1, 6),
    ("OBJECTID,NAME,ADDRESS,CITY,STATE,ZIP,TELEPHONE,WEBSITE", 0, 1, 6),
    ("Practice,Address 1,Postcode,Tel", 0, None, 3),
    ("ODS Code,Organisation Name,Postcode,Contact Telephone,Contact number", 0, 1, 4),
    ("Branch,Branch Name,Tel No,Fax,Email", 0, 1, 2),
    ("Filiale,Straße,PLZ,Ort,Telefon,Telefax,Öffnungszeiten", 0, None, 4),
    ("Filialnummer,Bezeichnung,Telefonnummer,E-Mail", 0, 1, 2),
    ("Standort,Adresse,Rufnummer", 0, None, 2),
    ("Sucursal,Dirección,Comuna,Teléfono,Horario", 0, None, 3),
    ("Código,Nombre,Teléfono,Latitud,Longitud", 0, 1, 2),
    ("Identifiant,Enseigne,Rue,CP,Ville,Téléphone", 0, 1, 5),
    ("Magasin,Adresse,Code postal,Ville,Tél,Horaires", 0, None, 4),
    ("Codice,Denominazione,Indirizzo,CAP,Comune,Telefono,Fax", 0, 1, 5),
    ("Loja,Endereço,Cidade,CEP,Telefone", 0, None, 4),
    ("Vestiging,Straat,Postcode,Plaats,Telefoon", 0, None, 4),
    ("Butik,Gata,Postnr,Ort,Telefon", 0, None, 4),
    ("Kod,Nazwa,Ulica,Miasto,Numer telefonu", 0, 1, 4),
    ("Číslo,Název,Ulice,Telefon", 0, 1, 3),
    ("Location,Phone", 0, None, 1),
    ("ID,Location,Phone", 0, 1, 2),
    ("Store Number,Store,Phone", 0, 1, 2),
    ("Name,Phone,Manager Mobile,Opened", 0, None, 1),
    ("Site Name,Office Phone,Cell", 0, None, 1),
    ("Name,Category,Description,Phone", 0, None, 3),
    ("@id,name,contact:phone,opening_hours,addr:street,addr:housenumber", 0, 1, 2),
    ("Dealer Code,Dealer Name,Business Phone,Url", 0, 1, 2),
    ("Clinic ID,Clinic Name,Main Telephone,NPI,Status,Type", 0, 1, 2),
    ("店舗コード,店舗名,電話番号,郵便番号", 0, 1, 2),
]  # fmt: skip


@pytest.mark.parametrize(("line", "id_at", "name_at", "number_at"), HEADERS)
def test_lists_of_stores_load_with_a_default_and_no_rules(
    tmp_path, line, id_at, name_at, number_at
):
    headers = line.replace(";", ",").split(",")
    cells = [f"c{i}" for i in range(len(headers))]
    cells[number_at] = "(415) 555-0100"
    for i, header in enumerate(headers):
        if header.casefold() in ("öffnungszeiten", "horario", "horaires", "opening_hours"):
            cells[i] = ""
    sheet = read_sheet(write_csv(tmp_path / "f.csv", [headers, cells]))
    (location,) = locations(sheet)
    assert location.location_id == f"c{id_at}"
    assert location.name == (None if name_at is None else f"c{name_at}")
    assert location.default_destination.number == A
    assert location.rules == ()


def test_what_is_left_out_is_said_in_one_line_and_what_is_taken_is_named(tmp_path):
    rows = [
        ("Name", "Phone", "Fax", "E-mail", "Lat", "Long", "Opened", "Turnover"),
        ("One", "4155550100", "4155550111", "a@b.example", "48.8566140", "-81.967993", "2019-04-01", "n/a"),
    ]  # fmt: skip
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows))
    assert texts(sheet.report.warnings) == [
        "f.csv:1 Phone: taken for default_destination; map another column to it if it is not",
        "f.csv:1 Name: taken for location_id; map another column to it if it is not",
        (
            "f.csv:1: not routing columns, left out: 'Fax', 'E-mail', 'Lat', 'Long', 'Opened', "
            "'Turnover'. To make one a rule, name it in a template (label, when) or map it to rule"
        ),
        "f.csv:1: no column is a rule: every call goes to the default of its location",
    ]


def test_a_template_or_a_mapping_makes_any_column_a_rule(tmp_path):
    rows = [("store", "default", "Fax", "Mobile"), ("s1", A, B, C)]
    path = write_csv(tmp_path / "f.csv", rows)
    template = write_csv(tmp_path / "t.csv", [("label", "when"), ("Fax", "caller sends a fax")])
    (location,) = locations(read_sheet(path, template=template))
    assert [(rule.label, rule.when) for rule in location.rules] == [("Fax", "caller sends a fax")]
    (location,) = locations(read_sheet(path, columns={"mobile": "rule"}))
    assert [rule.label for rule in location.rules] == ["Mobile"]


def test_a_rule_whose_header_only_begins_like_another_column_stays_one(tmp_path):
    labels = ("Mobile Repairs", "Website Orders", "Fax Support", "City Hall", "Pharmacy", "Other")
    rows = [("store", "default", *labels), ("s1", A, *[B] * len(labels))]
    (location,) = locations(read_sheet(write_csv(tmp_path / "f.csv", rows)))
    assert tuple(rule.label for rule in location.rules) == labels


def test_category_and_description_alone_make_no_sheet_of_rules(tmp_path):
    rows = [
        ("store", "Category", "Description", "default", "Billing"),
        ("s1", "Bakery", "at the station", A, B),
    ]
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows))
    (location,) = locations(sheet)
    assert [rule.label for rule in location.rules] == ["Billing"]
    assert any("'Category', 'Description'" in text for text in texts(sheet.report.warnings))


def test_category_and_description_with_two_numbers_are_rules_and_said_to_be(tmp_path):
    rows = [
        ("store", "default", "Category", "Description", "phone"),
        ("s1", A, "Billing", "a question about a bill", B),
    ]
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows))
    assert [rule.when for x in locations(sheet) for rule in x.rules] == ["a question about a bill"]
    assert "so that each row is a rule" in texts(sheet.report.warnings)[0]


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("Anruf bei", "default_destination"), ("Zentrale", "default_destination"),
        ("Kostenstelle", "location_id"), ("Betrieb", "location_name"), ("Notizen", "ignore"),
    ],
)  # fmt: skip
def test_a_header_can_be_mapped_to_any_column(tmp_path, header, column):
    fixed = {"location_id": "s1", "default_destination": A, "location_name": "One", "ignore": "x"}
    rows = {"store": "s1", "default": A, "name": "One"}
    replaced = {"location_id": "store", "default_destination": "default", "location_name": "name"}
    rows.pop(replaced.get(column, ""), None)
    rows[header] = fixed[column]
    path = write_csv(tmp_path / "f.csv", [list(rows), list(rows.values())])
    (location,) = locations(read_sheet(path, columns={header: column}))
    assert (location.location_id, location.default_destination.number) == ("s1", A)


def test_a_mapping_to_no_column_or_of_no_header_is_refused(tmp_path):
    path = write_csv(tmp_path / "f.csv", [("store", "default"), ("s1", A)])
    with pytest.raises(InvalidValueError, match="did you mean location_id"):
        read_sheet(path, columns={"store": "locaton_id"})
    (error,) = refused(path, columns={"Filiale": "location_id"}).errors
    assert "no column 'filiale' among 'store', 'default'" in error.message


@pytest.mark.parametrize(
    ("headers", "hint"),
    [
        (("locaton_id", "default"), "'locaton_id' for location_id"),
        (("stroe number", "default"), "'stroe number' for location_id"),
        (("store", "defualt number"), "'defualt number' for default_destination"),
        (("store", "main fone"), "'main fone' for default_destination"),
    ],
)
def test_a_near_miss_says_what_was_meant(tmp_path, headers, hint):
    path = write_csv(tmp_path / "f.csv", [headers, ("s1", A)])
    assert f"did you mean {hint}" in refused(path).errors[0].message


@pytest.mark.parametrize(
    "header",
    [
        "Fax", "FAX NUMBER", "fax_no", "Mobile", "Manager Mobile", "Owner Cell", "Handy", "E-Mail",
        "email address", "Website", "URL", "Latitude", "lng", "Geo Coordinates", "Street Address",
        "Address 1", "City", "Post Code", "PLZ", "Zip Code", "State", "Country", "Opening Date",
        "LastUpdated", "SIRET", "VAT Number", "NPI", "Phone 2", "Alternate Phone", "Google Maps URL",
    ],
)  # fmt: skip
def test_these_columns_are_no_destination(header):
    assert is_no_routing_column(header)


@pytest.mark.parametrize(
    "header",
    [
        "Billing",
        "Emergency",
        "Mobile Repairs",
        "Store Manager",
        "Pharmacy",
        "Address Change",
        "Sales 2",
    ],
)
def test_these_columns_may_be_rules(header):
    assert not is_no_routing_column(header)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Monday", ((0,), "both")), ("Mon Open", ((0,), "open")), ("mon_close", ((0,), "close")),
        ("Monday Hours", ((0,), "both")), ("Opening Time Tuesday", ((1,), "open")),
        ("Mo", ((0,), "both")), ("Samstag", ((5,), "both")), ("Dimanche", ((6,), "both")),
        ("sat_from", ((5,), "open")), ("Sat To", ((5,), "close")), ("Monday Special", None),
        ("Months", None), ("Mon-Fri", ((0, 1, 2, 3, 4), "both")), ("Pon-Pt", ((0, 1, 2, 3, 4), "both")),
        ("Sun & PH", ((6,), "both")), ("Sat & Sun", ((5, 6), "both")), ("Niedziela", ((6,), "both")),
        ("Öppettider vardagar", ((0, 1, 2, 3, 4), "both")), ("Öppettider lördag", ((5,), "both")),
        ("Openingstijden ma t/m vr", ((0, 1, 2, 3, 4), "both")), ("Weekday Hours", ((0, 1, 2, 3, 4), "both")),
        ("Hours Mon-Thu", ((0, 1, 2, 3), "both")), ("月-金", ((0, 1, 2, 3, 4), "both")),
        ("Billing", None), ("Opening Hours", None), ("Phone 2", None), ("Di", None), ("24/7", None),
        ("Sat to Do", None), ("Sales", None),
    ],
)  # fmt: skip
def test_columns_of_days_are_told_by_their_headers(header, expected):
    assert days_of(header) == expected


def test_hours_in_a_column_a_day_are_the_hours_of_the_location(tmp_path):
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    rows = [
        ("store", "default", "timezone", *days),
        ("s1", A, "UTC", *["9am-5pm"] * 5, "10:00-14:00", "Closed"),
        ("s2", A, "UTC", *[""] * 7),
        ("s3", A, "UTC", *["closed"] * 7),
    ]
    one, two, three = locations(read_sheet(write_csv(tmp_path / "f.csv", rows)))
    assert str(one.business_hours) == "Mon-Fri 09:00-17:00; Sat 10:00-14:00"
    assert two.business_hours is None
    assert str(three.business_hours) == "closed"


def test_hours_in_two_columns_a_day_are_put_together(tmp_path):
    days = [
        f"{day} {side}" for day in ("Mon", "Tue", "Wed", "Thu", "Fri") for side in ("Open", "Close")
    ]
    rows = [
        ("store", "default", "timezone", *days),
        ("s1", A, "UTC", *["08:30", "17:00"] * 4, "", ""),
    ]
    (location,) = locations(read_sheet(write_csv(tmp_path / "f.csv", rows)))
    assert str(location.business_hours) == "Mon-Thu 08:30-17:00"


def test_an_engine_reads_a_sheet_as_it_is_told_to(tmp_path):
    import pandas as pd

    rows = [("Haus", "Zimmer", "Durchwahl", "hours"), ("h1", A, "2204", "Mon 9am-5pm")]
    path = write_csv(tmp_path / "f.csv", rows)
    told = {
        "columns": {
            "Haus": "location_id", "Zimmer": "default_destination", "Durchwahl": "rule",
            "hours": "business_hours",
        },
        "pbx": "pbx.example.com",
        "timezone": "Europe/Berlin",
    }  # fmt: skip
    frame = pd.DataFrame([rows[1]], columns=list(rows[0]))
    for engine in (
        RoutingEngine.from_csv(path, encoder=HashingEncoder(), **told),
        RoutingEngine.from_frame(frame, encoder=HashingEncoder(), **told),
    ):
        location = engine.location("h1")
        assert (str(location.default_destination), location.timezone) == (A, "Europe/Berlin")
        assert [str(rule.destination) for rule in location.rules] == ["sip:2204@pbx.example.com"]
