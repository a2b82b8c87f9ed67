from __future__ import annotations

import pytest

from routing_engine.errors import InvalidValueError
from routing_engine.hours import BusinessHours
from routing_engine.model.destinations import Destination
from routing_engine.model.rules import ContextRule, Location, RuleText
from routing_engine.sheets import read_sheet
from routing_engine.sheets.headers import ALIASES, LOCATION_FIELDS, RULE_FIELDS, header_key

from .making import LONG, A, B, C, D, locations, refused, rows_with, texts, write_csv, write_xlsx


def test_long_layout_reads_every_column(tmp_path):
    header = (
        "location_id", "location_name", "timezone", "default_destination", "location_threshold",
        "label", "when", "examples", "destination", "extension", "threshold", "hours",
        "requires_verification", "requires_confirmation", "action", "fallback", "enabled",
        "languages", "Required Details", "verification_methods", "ring_timeouts", "Is Urgent?",
    )  # fmt: skip
    rows = [
        header,
        ("s1", "Main  St", "America/New_York", A, "0", "Billing", "a bill", r"x | y\|z || ", B,
         "12", "0", "Open", "Yes", "x", "TRANSFER", f"{C} | sip:a@b.example", "no",
         "Vietnamese; ES | es-MX, fr", "name | Account  number | NAME", "PIN | code by text",
         "20|45", "yes"),
        ("s1", "", "", "", "", "Hours", "asks when open", "", "", "", "", "", "", "0", "contain",
         "", "true", "", "", "", "", "no"),
        ("s2", "", "", "sips:desk@pbx.example", "", "", "", "", "", "", "", "", "", "", "", "", "",
         "", "", "", "", ""),
    ]  # fmt: skip
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows))
    assert locations(sheet) == [
        Location(
            location_id="s1", name="Main St", timezone="America/New_York", threshold=0.0,
            default_destination=A,
            rules=[
                ContextRule(
                    label="Billing", when="a bill", examples=("x", "y|z"),
                    destination=f"{B};ext=12", threshold=0.0, hours="open",
                    requires_verification=True, requires_confirmation=True,
                    fallback=(C, "sip:a@b.example"), enabled=False, languages=("es", "fr", "vi"),
                    required_details=("name", "Account number"),
                    verification_methods=("PIN", "code by text"), ring_timeouts_s=(20, 45),
                    urgent=True,
                ),
                ContextRule(label="Hours", when="asks when open", action="contain"),
            ],
        ),
        Location(location_id="s2", default_destination="sips:desk@pbx.example"),
    ]  # fmt: skip
    report = sheet.report
    assert (report.n_rows, report.n_locations, report.n_rules) == (3, 2, 2)
    assert (report.n_profiles, report.n_destinations) == (1, 5)
    assert report.errors == report.warnings == report.repairs == report.skipped == ()
    assert report.ok


def test_scattered_rows_keep_first_appearance_and_row_order(tmp_path):
    rows = [
        LONG,
        ("b", A, "1", "one", B),
        ("a", A, "2", "two", B),
        ("b", "", "3", "three", C),
        [],
        ("a", A, "4", "four", D),
        ("b", A, "5", "five", D),
    ]
    got = locations(read_sheet(write_csv(tmp_path / "f.csv", rows)))
    assert [(x.location_id, [r.label for r in x.rules]) for x in got] == [
        ("b", ["1", "3", "5"]),
        ("a", ["2", "4"]),
    ]


@pytest.mark.parametrize(
    ("field", "alias"), [(field, alias) for field, names in ALIASES.items() for alias in names]
)
def test_every_alias_is_understood(tmp_path, field, alias):
    values = {
        "location_id": "s1", "location_name": "n", "timezone": "UTC", "default_destination": A,
        "location_threshold": "0.5", "business_hours": "Mon-Fri 9am-5pm", "after_hours": D,
        "lines": "+14155550199 | 2204", "label": "L", "when": "w", "examples": "e",
        "destination": B, "extension": "7", "threshold": "0.25", "hours": "closed",
        "requires_verification": "yes", "requires_confirmation": "yes", "action": "transfer",
        "fallback": C, "enabled": "no", "languages": "es", "required_details": "name",
        "verification_methods": "PIN", "ring_timeouts_s": "20", "urgent": "yes",
    }  # fmt: skip
    assert set(values) == set(ALIASES), "give the column a value here, and below what it is read as"
    names = [f" {alias.upper()} #" if name == field else name for name in values]
    sheet = read_sheet(write_csv(tmp_path / "f.csv", [names, list(values.values())]))
    assert locations(sheet) == [
        Location(
            location_id="s1", name="n", timezone="UTC", default_destination=A, threshold=0.5,
            business_hours="Mon-Fri 09:00-17:00", after_hours=D, lines=("+14155550199", "2204"),
            rules=[
                ContextRule(
                    label="L", when="w", examples=("e",), destination=f"{B};ext=7", threshold=0.25,
                    hours="closed", requires_verification=True, requires_confirmation=True,
                    fallback=(C,), enabled=False, languages=("es",), required_details=("name",),
                    verification_methods=("PIN",), ring_timeouts_s=(20,), urgent=True,
                )
            ],
        )
    ]  # fmt: skip
    assert sheet.report.warnings == ()


def test_every_column_has_its_own_name():
    assert set(ALIASES) == {*LOCATION_FIELDS, *RULE_FIELDS}
    assert [
        field for field, names in ALIASES.items() if header_key(field) not in map(header_key, names)
    ] == []


def test_no_two_aliases_are_the_same_header():
    keys = [header_key(alias) for names in ALIASES.values() for alias in names]
    assert len(keys) == len(set(keys))


def test_documented_examples_of_aliases_hold():
    for alias, field in {
        "Store #": "location_id", "Site": "location_id", "Situation": "when", "context": "when",
        "Forward To": "destination", "transfer-to": "destination", "PHONE": "destination",
        "Time Zone": "timezone", "default_number": "default_destination",
    }.items():  # fmt: skip
        assert header_key(alias) in {header_key(name) for name in ALIASES[field]}


def test_unknown_column_of_a_long_sheet_is_named_in_a_warning(tmp_path):
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows_with("Region Manager", "Ann")))
    assert texts(sheet.report.warnings) == ["f.csv:1 Region Manager: unknown column, not read"]


def test_unnamed_column_with_cells_is_warned_of_in_a_long_sheet(tmp_path):
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows_with("", "something")))
    assert texts(sheet.report.warnings) == ["f.csv:1: column 6 has cells and no header; not read"]
    assert not read_sheet(write_csv(tmp_path / "g.csv", rows_with("", " "))).report.warnings


def test_unnamed_column_with_cells_is_an_error_in_a_wide_sheet(tmp_path):
    rows = [("store", "default", ""), ("s1", A, B)]
    assert texts(refused(write_csv(tmp_path / "f.csv", rows)).errors) == [
        "f.csv:1: column 3 has cells and no header; not read"
    ]


def test_wide_layout_without_template_takes_headers_as_rules_and_warns(tmp_path):
    rows = [
        ("Store", "Store Name", "Main Number", "TZ", "Billing", "Emergency"),
        ("s1", "One", "(415) 555-0100", "UTC", "415-555-0111", ""),
        ("s2", "", A, "", "", "sip:er@pbx.example"),
    ]
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows))
    assert locations(sheet) == [
        Location(
            location_id="s1", name="One", default_destination=A, timezone="UTC",
            rules=[ContextRule(label="Billing", when="Billing", destination=B)],
        ),
        Location(
            location_id="s2", default_destination=A,
            rules=[
                ContextRule(label="Emergency", when="Emergency", destination="sip:er@pbx.example")
            ],
        ),
    ]  # fmt: skip
    assert [issue.column for issue in sheet.report.warnings] == ["Billing", "Emergency"]
    assert str(sheet.report.warnings[0]) == (
        "f.csv:1 Billing: there is no template; its header is both label and when. "
        "Say when it applies in a template"
    )


TEMPLATE = [
    ("Intent", "When", "Sample phrases", "threshold"),
    ("Billing", "asks about a bill", "charged twice | refund", "0.5"),
    (),
    ("Emergency", "a flood or fire", "", ""),
]
WIDE = [("store", "default", "EMERGENCY", "billing "), ("s1", A, B, C)]


def _wide_location():
    return Location(
        location_id="s1", default_destination=A,
        rules=[
            ContextRule(label="Emergency", when="a flood or fire", destination=B),
            ContextRule(
                label="Billing", when="asks about a bill", examples=("charged twice", "refund"),
                threshold=0.5, destination=C,
            ),
        ],
    )  # fmt: skip


@pytest.mark.parametrize("name", ["Urgent", "Urgency", "Can Not Wait"])
def test_a_wide_column_may_be_a_rule_called_urgent(tmp_path, name):
    rows = [("Store", "Default", "Billing", name), ("s1", A, B, C)]
    (location,) = locations(read_sheet(write_csv(tmp_path / "f.csv", rows)))
    assert [(rule.label, str(rule.destination), rule.urgent) for rule in location.rules] == [
        ("Billing", B, False), (name, C, False),
    ]  # fmt: skip


def test_a_rule_that_contains_cannot_be_urgent(tmp_path):
    rows = [
        (*LONG, "action", "urgent"),
        ("s1", A, "Hours", "asks when open", "", "contain", "yes"),
    ]
    (error,) = refused(write_csv(tmp_path / "f.csv", rows)).errors
    assert (error.column, error.value) == ("urgent", "yes")
    assert "a rule that stays with the agent cannot be urgent" in str(error)


def test_wide_layout_takes_a_template_file(tmp_path):
    template = write_csv(tmp_path / "t.csv", TEMPLATE, delimiter=";")
    sheet = read_sheet(write_csv(tmp_path / "f.csv", WIDE), template=template)
    assert locations(sheet) == [_wide_location()]
    assert sheet.report.warnings == ()


def test_wide_layout_takes_rule_texts(tmp_path):
    rules = _wide_location().rules
    sheet = read_sheet(write_csv(tmp_path / "f.csv", WIDE), template=rules)
    assert locations(sheet) == [_wide_location()]
    assert type(sheet.columns.tables[0][0]) is RuleText


@pytest.mark.parametrize("title", ["Template", "Rules"])
def test_wide_workbook_brings_its_own_template(tmp_path, title):
    path = write_xlsx(tmp_path / "f.xlsx", Notes=[["hello"]], Sites=WIDE, **{title: TEMPLATE})
    assert locations(read_sheet(path)) == [_wide_location()]


def test_template_sheet_is_found_in_a_workbook_given_as_template(tmp_path):
    path = write_xlsx(tmp_path / "t.xlsx", Notes=[["hello"]], Template=TEMPLATE)
    sheet = read_sheet(write_csv(tmp_path / "f.csv", WIDE), template=str(path))
    assert locations(sheet) == [_wide_location()]


def test_template_and_columns_that_do_not_match_are_warned_of(tmp_path):
    rows = [("store", "default", "Billing", "Parts"), ("s1", A, B, C)]
    template = [RuleText(label="Billing", when="w"), RuleText(label="Careers", when="c")]
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows), template=template)
    assert texts(sheet.report.warnings) == [
        (
            "f.csv:1 Parts: is not in the template; its header is both label and when. "
            "Say when it applies in a template"
        ),
        "f.csv:1: the template's rule 'Careers' has no column",
    ]


def test_template_fills_what_a_long_row_leaves_empty(tmp_path):
    rows = [
        ("store", "default", "label", "destination", "threshold"),
        ("s1", A, "billing", B, ""),
        ("s2", A, "billing", B, "0.9"),
    ]
    template = [RuleText(label="Billing", when="a bill", examples=("e",), threshold=0.1)]
    got = locations(read_sheet(write_csv(tmp_path / "f.csv", rows), template=template))
    assert [(r.when, r.examples, r.threshold) for x in got for r in x.rules] == [
        ("a bill", ("e",), 0.1),
        ("a bill", ("e",), 0.9),
    ]


def test_errors_of_a_template_name_the_template(tmp_path):
    rows = [
        ("label", "when", "threshold", "colour"),
        ("A", "", "", ""),
        ("B", "b", "7", ""),
        ("C", "c", "50%", ""),
        ("c!", "d", "", ""),
    ]
    template = write_csv(tmp_path / "t.csv", rows)
    report = refused(write_csv(tmp_path / "f.csv", WIDE), template=template)
    assert texts(report.errors) == [
        "t.csv:2 when: must not be empty",
        "t.csv:3 threshold: should be less than or equal to 1, not 7.0",
        "t.csv:5 label: 'c!' is in the template twice",
    ]
    assert "t.csv:1 colour: not a column of a template, not read" in texts(report.warnings)
    assert texts(report.repairs) == ["t.csv:4 threshold: '50%' is a percentage; read as 0.5"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("label", "examples")], "t.csv:1: no column when among 'label', 'examples'; a template"),
        ([], "t.csv: is empty"),
    ],
)
def test_unreadable_template_is_an_error_of_its_own(tmp_path, rows, message):
    template = write_csv(tmp_path / "t.csv", rows)
    report = refused(write_csv(tmp_path / "f.csv", WIDE), template=template)
    assert str(report.errors[0]).startswith(message)


def test_template_without_rules_is_warned_of(tmp_path):
    template = write_csv(tmp_path / "t.csv", [("label", "when")])
    sheet = read_sheet(write_csv(tmp_path / "f.csv", WIDE), template=template)
    assert "t.csv: has no rules" in texts(sheet.report.warnings)


def test_wide_columns_without_numbers_are_left_out_in_one_line(tmp_path):
    rows = [("store", "default", "Billing", "Where", "Fax")]
    rows += [(f"s{i}", A, B, f"{i} Main Street, Columbus 43215", C) for i in range(50)]
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows))
    assert texts(sheet.report.warnings)[:1] == [
        (
            "f.csv:1: not routing columns, left out: 'Fax', 'Where'. To make one a rule, name it in a "
            "template (label, when) or map it to rule"
        )
    ]
    assert {r.label for x in locations(sheet) for r in x.rules} == {"Billing"}
    assert len(sheet.columns) == 50


def test_wide_column_with_one_wrong_number_names_the_cell(tmp_path):
    rows = [("store", "default", "Billing"), ("s1", A, "555 01A2 99")]
    assert texts(refused(write_csv(tmp_path / "f.csv", rows)).errors) == [
        (
            "f.csv:2 Billing: '555 01A2 99' is not a phone number "
            "(E.164 or national format for region US)"
        )
    ]


def test_rule_field_in_a_wide_sheet_is_an_error(tmp_path):
    rows = [("store", "default", "Phone", "Billing"), ("s1", A, B, C)]
    report = refused(write_csv(tmp_path / "f.csv", rows))
    assert [(e.row, e.column, e.code) for e in report.errors] == [(1, "Phone", "misplaced_column")]


def test_wide_label_too_long_is_an_error_of_the_header(tmp_path):
    rows = [("store", "default", "x" * 201), ("s1", A, B)]
    report = refused(write_csv(tmp_path / "f.csv", rows))
    assert [(e.row, e.code) for e in report.errors] == [(1, "bad_label")]


def test_sheet_of_locations_alone_has_no_rules(tmp_path):
    sheet = read_sheet(write_csv(tmp_path / "f.csv", [("store", "default"), ("s1", A)]))
    assert locations(sheet) == [Location(location_id="s1", default_destination=A)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "f.csv: is empty; the first row must name the columns"),
        ([[" ", ""], []], "f.csv: is empty; the first row must name the columns"),
        ([LONG], "f.csv: has a header and no rows"),
        ([LONG, [], ["", " "]], "f.csv: has a header and no rows"),
        ([("a", "b"), (1, 2)], "f.csv:1: no location column among 'a', 'b'; one must be named"),
        ([[], ("store", "Site", "default")], "f.csv:2: columns with the same meaning: 'store' and"),
        ([("store", "default", "X", "x!")], "f.csv:1: columns with the same meaning: 'X' and 'x!'"),
        ([("store", "Billing")], "f.csv:1: no column default_destination among 'store', 'Billing'"),
        ([("store", "main numbr")], ("f.csv:1: no column default_destination among 'store', "
         "'main numbr'; did you mean 'main numbr' for default_destination?")),
        ([("store", "default", "label")], "f.csv:1: no column when nor destination among"),
        ([("store", "default", "when", "phone")], "f.csv:1: no column label among"),
    ],
)  # fmt: skip
def test_header_that_cannot_be_used_is_said_clearly(tmp_path, rows, message):
    for on_error in ("raise", "skip"):
        report = refused(write_csv(tmp_path / "f.csv", rows), on_error=on_error)
        assert len(report.errors) == 1
        assert str(report.errors[0]).startswith(message)


@pytest.mark.parametrize(
    "options",
    [
        {"region": "XX"}, {"on_error": "ignore"}, {"dial_policy": None}, {"template": 7},
        {"template": ["Billing"]}, {"template": [RuleText(label="a", when="b")] * 2},
    ],
)  # fmt: skip
def test_wrong_argument_is_refused(tmp_path, options):
    with pytest.raises(InvalidValueError):
        read_sheet(write_csv(tmp_path / "f.csv", WIDE), **options)


def test_progress_is_told_the_rows_done(tmp_path):
    told: list[tuple[int, int | None]] = []
    rows = [LONG, *(("s1", A, f"L{i}", f"when {i} is {i * 7}", B) for i in range(30))]
    read_sheet(write_csv(tmp_path / "f.csv", rows), progress=lambda *a: told.append(a))
    assert told[-1] == (30, None)
    path = write_xlsx(tmp_path / "f.xlsx", S=rows)
    read_sheet(path, progress=lambda *a: told.append(a))
    assert told[-1] == (30, 30)


def test_reading_twice_gives_the_same_columns(tmp_path):
    path = write_csv(tmp_path / "f.csv", rows_with("fallback", f"{C} | sip:x@y.example"))
    one, two = read_sheet(path).columns, read_sheet(path).columns
    for name in ("site", "table", "first_slot", "destinations", "defaults", "fallback_slots",
                 "fallback_offsets", "fallback_codes"):  # fmt: skip
        assert getattr(one, name).tolist() == getattr(two, name).tolist()
        assert getattr(one, name).dtype == getattr(two, name).dtype
    assert (one.sites, one.tables, one.specials) == (two.sites, two.tables, two.specials)


HOURS = 'Mon-Fri 8am-5pm; holidays US; 2026-12-24 8am-noon "Eve"'


def test_business_hours_are_in_the_zone_of_their_location(tmp_path):
    rows = [
        (*LONG, "timezone", "business_hours", "after_hours"),
        ("s1", A, "L", "w", B, "America/Chicago", HOURS, "none"),
        ("s2", A, "L", "w", B, "UTC", HOURS, "(415) 555-0133"),
        ("s2", A, "M", "x", C, "", "", ""),
        ("s3", A, "L", "w", B, "UTC", "", " None "),
        ("s4", A, "L", "w", B, "UTC", "24/7", "sip:night@example.com"),
        ("s5", A, "L", "w", B, "", "", ""),
    ]
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows))
    assert sheet.report.warnings == ()
    found = {
        item.location_id: (item.timezone, item.business_hours, item.after_hours)
        for item in locations(sheet)
    }
    assert found == {
        "s1": ("America/Chicago", BusinessHours.parse(HOURS, timezone="America/Chicago"), None),
        "s2": ("UTC", BusinessHours.parse(HOURS, timezone="UTC"), Destination(D)),
        "s3": ("UTC", None, None),
        "s4": (
            "UTC",
            BusinessHours(timezone="UTC", weekly="24/7"),
            Destination(sip_uri="sip:night@example.com"),
        ),
        "s5": (None, None, None),
    }
    assert len(sheet.columns.sites) == 5


def test_one_schedule_written_in_two_ways_is_one(tmp_path):
    rows = [
        (*LONG, "timezone", "business_hours"),
        ("s1", A, "L", "w", B, "UTC", "Mon-Fri 9am-5pm"),
        ("s2", A, "L", "w", B, "UTC", "weekdays 09:00-17:00"),
    ]
    columns = read_sheet(write_csv(tmp_path / "f.csv", rows)).columns
    assert len(columns.sites) == 1


def test_a_wide_sheet_has_room_for_business_hours(tmp_path):
    rows = [
        ("store", "main number", "tz", "Store Hours", "After-Hours Number", "Billing"),
        ("s1", A, "UTC", "Mon-Fri 9am-5pm", D, B),
        ("s2", A, "", "", "", B),
    ]
    first, second = locations(read_sheet(write_csv(tmp_path / "f.csv", rows)))
    assert str(first.business_hours) == "Mon-Fri 09:00-17:00"
    assert first.after_hours == Destination(D)
    assert [rule.label for rule in first.rules] == ["Billing"]
    assert (second.business_hours, second.after_hours) == (None, None)
