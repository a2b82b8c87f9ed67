from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from routing_engine.errors import SheetError
from routing_engine.sheets import issues, read_sheet, sequences
from routing_engine.sheets.issues import IssueLog
from routing_engine.sheets.sequences import distinct_sequences
from routing_engine.sheets.similar import similar_pairs

from .making import LONG, A, B, C, D, locations, refused, rows_with, texts, write_csv


def _left(path):
    return {x.location_id: [r.label for r in x.rules] for x in locations(
        read_sheet(path, on_error="skip"))}  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("label", "", "must not be empty"),
        ("label", "x" * 201, "should have at most 200 characters"),
        ("label", "a\x07b", "must not hold control characters"),
        ("when", "", "must not be empty"),
        ("when", "y" * 2001, "should have at most 2000 characters"),
        ("examples", "ok | " + "z" * 2001, "should have at most 2000 characters"),
        ("threshold", "1.5", "should be less than or equal to 1, not 1.5"),
        ("threshold", "-0.1", "must be a number from 0 to 1, not '-0.1'"),
        ("threshold", "high", "must be a number from 0 to 1, not 'high'"),
        ("threshold", "80", "should be less than or equal to 1, not 80.0"),
        ("threshold", "nan", "must be a number from 0 to 1"),
        ("hours", "9-5", "should be 'always', 'open' or 'closed', not '9-5'"),
        ("action", "drop", "should be 'transfer' or 'contain', not 'drop'"),
        ("enabled", "maybe", "must be yes, no or empty, not 'maybe'"),
        ("requires_verification", "2", "must be yes, no or empty, not '2'"),
        ("requires_confirmation", "?", "must be yes, no or empty, not '?'"),
        ("urgent", "very", "must be yes, no or empty, not 'very'"),
        ("languages", "es, xx", "English name of a language that can be identified"),
        ("languages", "xx", ", not 'xx'"),
        ("languages", "English", "is matched by its words"),
        ("required_details", "x" * 201, "should have at most 200 characters"),
        ("required_details", "|".join(f"d{i}" for i in range(17)), "should have at most 16 items"),
        ("verification_methods", "PIN | a\x07b", "must not hold control characters"),
        ("ring_timeouts_s", "20 | 4", "should be greater than or equal to 5, not 4"),
        ("ring_timeouts_s", "301", "should be less than or equal to 300, not 301"),
        ("ring_timeouts_s", "soon", "must be whole seconds, separated by |, not 'soon'"),
        ("ring_timeouts_s", "20.5", "must be whole seconds, separated by |, not '20.5'"),
        ("ring_timeouts_s", "20, 45", "must be whole seconds, separated by |, not '20, 45'"),
        ("ring_timeouts_s", "²0", "must be whole seconds, separated by |, not '²0'"),
        ("destination", "", "is empty; a rule that transfers needs a destination"),
    ],
)
def test_wrong_cell_of_a_rule_is_an_error_and_leaves_out_the_rule(tmp_path, field, value, message):
    rows = rows_with(field, value)
    header = rows[0]
    good = [dict(zip(LONG, ("s1", A, "Good", "something else", C), strict=True)).get(h, "")
            for h in header]  # fmt: skip
    path = write_csv(tmp_path / "f.csv", [header, good, rows[1]])
    report = refused(path)
    assert [(e.row, e.column) for e in report.errors] == [(3, field)]
    assert message in report.errors[0].message
    assert len(str(report.errors[0])) < 250
    assert report.skipped == ()
    assert report.n_skipped == 0
    sheet = read_sheet(path, on_error="skip")
    assert {x.location_id: [r.label for r in x.rules] for x in locations(sheet)} == {"s1": ["Good"]}
    assert texts(sheet.report.skipped) == ["f.csv:3: rule left out: it has an error"]
    assert sheet.report.n_errors == 1


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("location_id", "i" * 257, "should have at most 256 characters"),
        ("location_id", "a\x07b", "must not hold control characters"),
        ("location_name", "n" * 201, "should have at most 200 characters"),
        ("timezone", "Mars/Base", "must be an IANA time zone such as 'America/New_York'"),
        ("timezone", "../etc/passwd", "must be an IANA time zone"),
        ("location_threshold", "2", "should be less than or equal to 1, not 2.0"),
        ("location_threshold", "much", "must be a number from 0 to 1"),
        ("default_destination", "12", "is too short to be a phone number"),
        ("default_destination", "", "is empty for location 's1', which needs one"),
    ],
)
def test_wrong_value_of_a_location_is_an_error_and_leaves_out_the_location(
    tmp_path, field, value, message
):
    header, row = rows_with(field, value)
    other = [{**dict(zip(LONG, ("s2", A, "L", "w", B), strict=True))}.get(h, "") for h in header]
    path = write_csv(tmp_path / "f.csv", [header, row, other])
    report = refused(path)
    assert [(e.row, e.column) for e in report.errors] == [(2, field)]
    assert message in report.errors[0].message
    sheet = read_sheet(path, on_error="skip")
    assert [x.location_id for x in locations(sheet)] == ["s2"]
    assert texts(sheet.report.skipped) == ["f.csv:2: row left out: its location has an error"]


@pytest.mark.parametrize(
    ("written", "value"), [("80%", 0.8), ("57%", 0.57), ("0,8", 0.8), ("12,5 %", 0.125)]
)
def test_percentages_and_decimal_commas_are_repaired(tmp_path, written, value):
    header, row = rows_with("threshold", written)
    path = write_csv(tmp_path / "f.csv", [[*header, "location_threshold"], [*row, written]])
    sheet = read_sheet(path)
    (location,) = locations(sheet)
    assert (location.threshold, location.rules[0].threshold) == (value, value)
    assert {(r.row, r.column) for r in sheet.report.repairs} == {
        (2, "threshold"), (2, "location_threshold")
    }  # fmt: skip


@pytest.mark.parametrize("written", ["0", "0.0", "1", ".5", "1.", "5e-1"])
def test_plain_thresholds_are_no_repair(tmp_path, written):
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows_with("threshold", written)))
    assert locations(sheet)[0].rules[0].threshold == float(written)
    assert sheet.report.repairs == ()


@pytest.mark.parametrize(
    ("written", "value"),
    [("yes", True), ("Y", True), ("TRUE", True), ("1", True), ("x", True), ("", False),
     ("no", False), ("False", False), ("0", False)],
)  # fmt: skip
def test_flags(tmp_path, written, value):
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows_with("verify", written)))
    assert locations(sheet)[0].rules[0].requires_verification is value


def test_wrong_text_is_reported_for_every_row_that_has_it(tmp_path):
    rows = [(*LONG, "hours"), *((f"s{i}", A, "L", "w", B, "9-5") for i in range(3))]
    assert [e.row for e in refused(write_csv(tmp_path / "f.csv", rows)).errors] == [2, 3, 4]


def test_rule_without_label_and_when_is_an_error(tmp_path):
    report = refused(write_csv(tmp_path / "f.csv", rows_with("label", "", when="")))
    assert texts(report.errors) == [
        "f.csv:2 label: is empty; a rule needs label, when and destination"
    ]


def test_row_without_location_is_an_error(tmp_path):
    path = write_csv(tmp_path / "f.csv", [LONG, ("", A, "L", "w", B), ("s1", A, "", "", "")])
    assert texts(refused(path).errors) == [
        "f.csv:2 location_id: is empty; every row names its location"
    ]
    assert _left(path) == {"s1": []}


def test_conflicting_values_of_a_location_name_both_rows(tmp_path):
    header = (*LONG, "timezone", "location_threshold", "location_name")
    rows = [
        header,
        ("s1", A, "L", "w", B, "UTC", "0.5", "One"),
        ("s2", "(415) 555-0100", "L", "w", B, "", "", ""),
        ("s1", C, "M", "x", B, "", "", ""),
        ("s2", A, "M", "x", B, "", "", ""),
        ("s1", A, "N", "y", B, "America/New_York", "0.6", "Uno"),
    ]
    path = write_csv(tmp_path / "f.csv", rows)
    report = refused(path)
    assert texts(report.errors) == [
        (
            "f.csv:4 default_destination: '+14155550122' here and '+14155550100' in row 2 for "
            "location 's1'; a location has one default_destination"
        ),
        (
            "f.csv:6 timezone: 'America/New_York' here and 'UTC' in row 2 for location 's1'; "
            "a location has one timezone"
        ),
        (
            "f.csv:6 location_threshold: '0.6' here and '0.5' in row 2 for location 's1'; "
            "a location has one location_threshold"
        ),
    ]
    assert texts(report.warnings) == [
        (
            "f.csv:6 location_name: 'Uno' here and 'One' in row 2 for location 's1'; "
            "the first is taken"
        ),
    ]
    assert _left(path) == {"s2": ["L", "M"]}
    sheet = read_sheet(path, on_error="skip")
    assert [issue.row for issue in sheet.report.skipped] == [2, 4, 6]


def test_same_when_with_other_destinations_is_an_error_and_both_are_left_out(tmp_path):
    rows = [
        LONG,
        ("s1", A, "Billing", "About A Bill", B),
        ("s1", A, "Parts", "needs parts", C),
        ("s1", A, "Invoices", "about a bill", C),
        ("s2", A, "Billing", "About A Bill", B),
        ("s2", A, "Parts", "needs parts", C),
        ("s2", A, "Invoices", "about a bill", B),
    ]
    path = write_csv(tmp_path / "f.csv", rows)
    report = refused(path)
    assert texts(report.errors) == [
        (
            "f.csv:4 when: same 'when' as row 2 of location 's1' and another destination: "
            "'about a bill'"
        )
    ]
    # s2 sends both to the same number, which contradicts nothing.
    assert texts(report.warnings) == [
        "f.csv:7 when: 'about a bill' is nearly the same as 'About A Bill' in row 5 (location 's2')"
    ]
    assert _left(path) == {"s1": ["Parts"], "s2": ["Billing", "Parts", "Invoices"]}


def test_same_when_with_another_action_is_a_contradiction(tmp_path):
    rows = [(*LONG, "action"), ("s1", A, "L", "w", B, ""), ("s1", A, "M", "W", B, "contain")]
    assert [e.code for e in refused(write_csv(tmp_path / "f.csv", rows)).errors] == [
        "contradicting_rules"
    ]


def test_same_when_for_speakers_of_another_language_is_no_contradiction(tmp_path):
    rows = [
        (*LONG, "languages"),
        ("s1", A, "L", "w", B, ""),
        ("s1", A, "L", "w", C, "es"),
        ("s1", A, "L", "w", D, "es, Vietnamese"),
    ]
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows))
    assert [rule.languages for rule in locations(sheet)[0].rules] == [(), ("es",), ("es", "vi")]
    assert sheet.report.warnings == ()
    rows.append(("s1", A, "M", "W", B, "ES-mx"))
    assert [e.row for e in refused(write_csv(tmp_path / "f.csv", rows)).errors] == [5]


def test_a_wrong_ring_time_is_named_with_file_row_column_and_value(tmp_path):
    path = write_csv(tmp_path / "f.csv", rows_with("Ring seconds", "20 | 3"))
    assert texts(refused(path).errors) == [
        "f.csv:2 Ring seconds: should be greater than or equal to 5, not 3"
    ]


def test_a_wrong_language_is_named_with_file_row_column_and_value(tmp_path):
    path = write_csv(tmp_path / "f.csv", rows_with("spoken", "es; Klingon"))
    (error,) = texts(refused(path).errors)
    assert error == (
        "f.csv:2 spoken: must be the ISO 639-1 code or English name of a language that can be "
        "identified, such as 'es' or 'Spanish', not 'Klingon'"
    )


def test_exact_repeats_are_dropped_with_a_warning(tmp_path):
    rows = [
        (*LONG, "fallback"),
        ("s1", A, "L", "w", B, ""),
        ("s1", A, "L", "w", "(415) 555-0111", ""),
        ("s1", A, "L", " w ", B, C),
    ]
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows))
    assert [r.fallback for r in locations(sheet)[0].rules] == [
        (),
        (locations(sheet)[0].rules[1].fallback)[:1],
    ]
    assert texts(sheet.report.warnings) == [
        "f.csv:3: repeats a rule of location 's1': 'L'; dropped",
        "f.csv:4 when: 'w' is nearly the same as 'w' in row 2 (location 's1')",
    ]


def test_near_repeats_are_warned_of_once_for_each_table(tmp_path):
    one = "caller asks about an invoice charge or refund they got here"
    two = "caller asks about an invoice, charge, or refund they got"
    rows = [LONG]
    for i in range(40):
        rows += [(f"s{i}", A, "L", one, B), (f"s{i}", A, "M", two, C), (f"s{i}", A, "N", "no", D)]
    report = read_sheet(write_csv(tmp_path / "f.csv", rows)).report
    assert texts(report.warnings) == [
        (
            "f.csv:3 when: 'caller asks about an invoice, charge, or refund they got' is nearly the "
            "same as 'caller asks about an invoice charge or refund they got here' in row 2 "
            "(location 's0' and 39 more like it)"
        )
    ]


def test_ids_that_differ_in_case_are_two_locations_with_a_warning(tmp_path):
    rows = [LONG, ("Store-1", A, "", "", ""), ("store-1", B, "", "", "")]
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows))
    assert [x.location_id for x in locations(sheet)] == ["Store-1", "store-1"]
    assert texts(sheet.report.warnings) == [
        "f.csv location_id: 'store-1' and 'Store-1' differ only in case; they are two locations"
    ]


def test_ids_of_csv_are_kept_as_they_are(tmp_path):
    ids = ["0042", "42.0", "1.20256E+10", "7E+x", "ünï", "'x"]
    rows = [LONG, *((i, A, "", "", "") for i in ids)]
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows))
    assert [x.location_id for x in locations(sheet)] == ids
    assert texts(sheet.report.warnings) == [
        "f.csv:4 location_id: '1.20256E+10' looks like a number that a spreadsheet shortened"
    ]


def test_ids_a_workbook_spoiled_are_errors(tmp_path):
    import datetime as dt

    from .making import write_xlsx

    rows = [LONG, (dt.date(2025, 1, 2), A, "", "", ""), (1.5e17, A, "", "", ""),
            (1.5, A, "", "", "")]  # fmt: skip
    path = write_xlsx(tmp_path / "f.xlsx", S=rows)
    assert [(e.row, e.code) for e in refused(path).errors] == [
        (2, "bad_location_id"), (3, "bad_location_id")
    ]  # fmt: skip
    assert _left(path) == {"1.5": []}


def test_more_rules_than_a_location_may_have(tmp_path):
    rows = [LONG, *(("s1", A, f"L{i}", f"w{i}", B) for i in range(257)), ("s2", A, "", "", "")]
    path = write_csv(tmp_path / "f.csv", rows)
    assert texts(refused(path).errors) == ["f.csv:2: location 's1' has 257 rules; at most 256"]
    assert _left(path) == {"s2": []}


def test_all_errors_come_at_once(tmp_path):
    rows = [
        (*LONG, "timezone", "hours", "extension"),
        ("s1", "bad", "L", "w", "worse", "Nowhere", "9-5", ""),
        ("s2", A, "", "", B, "", "", "1"),
        ("s3", A, "L", "w", B, "", "", "abc"),
        ("", A, "L", "w", B, "", "", ""),
    ]
    assert {e.code for e in refused(write_csv(tmp_path / "f.csv", rows)).errors} == {
        "bad_destination", "bad_timezone", "bad_hours", "no_label", "bad_extension",
        "no_location_id",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("business_hours", "Mon-Fri 9-5", "'9-5' does not say morning or afternoon"),
        ("business_hours", "holidays US", "does not say the ordinary week"),
        ("business_hours", "24/7; holidays XX", "no public holiday calendar for 'XX'"),
        ("business_hours", "24/7; 2026-02-30 closed", "not '2026-02-30'"),
        ("after_hours", "555 01A2", "is not a phone number"),
        ("after_hours", "+19005550100", "may not be dialled"),
    ],
)
def test_wrong_hours_of_a_location_leave_it_out(tmp_path, field, value, message):
    rows = rows_with(field, value, timezone="UTC")
    other = ["s2" if name == "location_id" else cell for name, cell in zip(*rows, strict=True)]
    other[rows[0].index(field)] = ""
    path = write_csv(tmp_path / "f.csv", [*rows, other])
    (error,) = refused(path).errors
    assert (error.row, error.column) == (2, field)
    assert message in error.message
    assert _left(path) == {"s2": ["Billing"]}


def test_hours_need_a_time_zone(tmp_path):
    rows = [
        (*LONG, "business_hours"),
        ("s1", A, "L", "w", B, "24/7"),
        ("s1", A, "M", "x", C, ""),
        ("s2", A, "L", "w", B, ""),
    ]
    path = write_csv(tmp_path / "f.csv", rows)
    assert texts(refused(path).errors) == [
        "f.csv:2 timezone: is empty for location 's1', which needs one for its hours"
    ]
    assert _left(path) == {"s2": ["L"]}


def test_a_number_for_closed_hours_that_never_come_is_warned_of(tmp_path):
    rows = [
        (*LONG, "after hours #"),
        ("s1", A, "L", "w", B, D),
        ("s1", A, "M", "x", C, D),
        ("s2", A, "L", "w", B, "none"),
    ]
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows))
    assert texts(sheet.report.warnings) == [
        "f.csv:2 after hours #: never rings: 's1' has no business hours and is always open"
    ]


def test_rows_of_one_location_agree_on_its_hours(tmp_path):
    rows = [
        (*LONG, "timezone", "business_hours", "after_hours"),
        ("s1", A, "L", "w", B, "UTC", "Mon 9am-5pm", D),
        ("s1", A, "M", "x", C, "UTC", "Mon 09:00-17:00", D),
        ("s1", A, "N", "y", C, "UTC", "24/7", B),
    ]
    report = refused(write_csv(tmp_path / "f.csv", rows))
    assert [(e.row, e.column, e.message) for e in report.errors] == [
        (
            4,
            name,
            f"'{here}' here and '{there}' in row 2 for location 's1'; a location has one {name}",
        )
        for name, here, there in (
            ("business_hours", "24/7", "Mon 09:00-17:00"),
            ("after_hours", "+14155550111", "+14155550133"),
        )
    ]


def test_skipping_everything_leaves_no_locations(tmp_path):
    sheet = read_sheet(
        write_csv(tmp_path / "f.csv", rows_with("default_destination", "x")), on_error="skip"
    )
    assert len(sheet.columns) == 0
    assert sheet.columns.n_rules == 0
    assert sheet.report.n_destinations == 0


def test_report_prints_the_first_of_each_kind_and_counts_all(tmp_path, monkeypatch):
    monkeypatch.setattr(issues, "MAX_KEPT", 100)
    rows = [
        LONG,
        *((f"s{i}", A, "L", f"w{i}", f"bad{i}") for i in range(150)),
        ("t", "", "", "", ""),
    ]
    got = refused(write_csv(tmp_path / "f.csv", rows))
    assert got.totals == {"error:bad_destination": 150, "error:no_default_destination": 1}
    assert (len(got.errors), got.n_errors) == (101, 151)
    assert got.summary().splitlines() == [
        "f.csv: 151 rows, 150 locations, 0 rules in 0 profiles, 1 distinct destination",
        "151 errors",
        *(
            f"  f.csv:{i + 2} destination: 'bad{i}' is not a phone number "
            "(E.164 or national format for region US)"
            for i in range(5)
        ),
        "  ... and 145 more (bad destination)",
        "  f.csv:152 default_destination: is empty for location 't', which needs one",
    ]
    assert str(got) == got.summary()


def test_report_serialises_and_prints_in_colour_without_markup(tmp_path):
    path = write_csv(tmp_path / "f.csv", rows_with("destination", "[red]x[/red]"))
    got = refused(path)
    loaded = json.loads(json.dumps(got.to_dict()))
    assert loaded["errors"][0] == {
        "file": "f.csv", "row": 2, "column": "destination", "value": "[red]x[/red]",
        "message": got.errors[0].message, "severity": "error", "code": "bad_destination",
    }  # fmt: skip
    console = Console(record=True, width=200, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(got)
    assert console.export_text().rstrip().splitlines() == [
        line.rstrip() for line in got.summary().splitlines()
    ]
    console.file.close()


def test_values_in_messages_are_short(tmp_path):
    got = refused(write_csv(tmp_path / "f.csv", rows_with("destination", "z" * 5000)))
    assert len(got.errors[0].value) == 60
    assert len(str(got.errors[0])) < 200


def test_log_counts_what_it_does_not_keep(monkeypatch):
    monkeypatch.setattr(issues, "MAX_KEPT", 3)
    log = IssueLog("f.csv")
    rows = np.arange(10)
    log.add_rows("error", "x", rows, lambda i: f"c{i}", lambda i: (None, str(i)))
    log.add_rows("error", "x", rows, None, lambda i: (None, str(i)))
    log.add("error", "x", "again")
    made = log.report()
    assert made.n_errors == 21
    assert [e.column for e in made.errors] == ["c0", "c1", "c2"]
    assert isinstance(log.fatal("y", "over"), SheetError)


@given(st.lists(st.lists(st.integers(0, 3), max_size=4), max_size=40), st.booleans())
def test_distinct_sequences_equal_a_dict_even_if_all_hashes_collide(made, collide):
    items = np.array([item for one in made for item in one], np.int32)
    counts = np.array([len(one) for one in made], np.int64)
    original = sequences._hashes
    if collide:
        sequences._hashes = lambda items, starts, counts: np.zeros(len(counts), np.uint64)
    try:
        numbers, firsts = distinct_sequences(items, counts)
    finally:
        sequences._hashes = original
    known: dict[tuple[int, ...], int] = {}
    expected = [known.setdefault(tuple(one), len(known)) for one in made]
    assert numbers.tolist() == expected
    assert firsts.tolist() == [expected.index(i) for i in range(len(known))]


words = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "h"]), max_size=8).map(
    " ".join
)


@given(st.lists(words, min_size=1, max_size=12), st.data())
def test_similar_pairs_equal_comparing_all(sentences, data):
    table = data.draw(st.lists(st.integers(0, len(sentences) - 1), max_size=8))

    def alike(i: int, j: int) -> bool:
        one, other = (set(sentences[table[k]].split()) for k in (i, j))
        different = sentences[table[i]] != sentences[table[j]]
        return bool(one or other) and different and len(one & other) >= 0.8 * len(one | other)

    expected = [(0, i, j) for j in range(len(table)) for i in range(j) if alike(i, j)]
    assert list(similar_pairs(sentences, [table])) == expected
