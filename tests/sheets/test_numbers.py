from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine.errors import InvalidValueError
from routing_engine.model.destinations import DEFAULT_DIAL_POLICY, Destination, DialPolicy
from routing_engine.sheets import phones, read_sheet
from routing_engine.sheets.phones import (
    OK,
    REFUSED,
    REPAIRED,
    WRONG,
    CellCodes,
    NumberReader,
    ParsedNumbers,
    answer_request,
    encode_request,
    looks_like_destination,
    read_number,
)

from .making import LONG, A, B, locations, refused, rows_with, texts, write_csv, write_xlsx


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (" +14155550111 ", "+14155550111"),
        ("'+14155550111", "+14155550111"),
        ("4155550111", "+14155550111"),
        ("(415) 555-0111", "+14155550111"),
        ("1-415-555-0111", "+14155550111"),
        ("415.555.0111 x12", "+14155550111;ext=12"),
        ("tel:+14155550111", "+14155550111"),
        ("011 44 20 7946 0958", "+442079460958"),
        ("SIP:desk@PBX.example", "sip:desk@pbx.example"),
    ],
)
def test_number_as_people_write_it_is_no_repair(tmp_path, cell, expected):
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows_with("destination", cell)))
    assert str(locations(sheet)[0].rules[0].destination) == expected
    assert sheet.report.repairs == ()


@pytest.mark.parametrize(
    ("cell", "expected", "what"),
    [
        ("4155550111.0", "+14155550111", "a decimal part of zeros"),
        ("14155550111.00", "+14155550111", "a lost +"),
        ("1.4155550111E+10", "+14155550111", "a lost +"),
        ("4,155550111e9", "+14155550111", "scientific notation"),
        ("14155550111", "+14155550111", "a lost +"),
        ("\uff0b\uff11\uff14\uff11\uff15\uff15\uff15\uff15\uff10\uff11\uff11\uff11",
         "+14155550111", "full-width characters"),
        ("415\xa0555\xa00111", "+14155550111", "no-break spaces"),
        ("\u202a+14155550111\u202c", "+14155550111", "invisible characters"),
        ("'4155550111", "+14155550111", "quotes"),
        ("\u201c+1 415 555 0111\u201d", "+14155550111", "quotes"),
    ],
)  # fmt: skip
def test_spreadsheet_damage_is_repaired_and_reported(tmp_path, cell, expected, what):
    sheet = read_sheet(write_csv(tmp_path / "f.csv", rows_with("destination", cell)))
    assert str(locations(sheet)[0].rules[0].destination) == expected
    (repair,) = sheet.report.repairs
    assert (repair.row, repair.column, repair.severity) == (2, "destination", "repair")
    assert repair.message.endswith(f"had {what}; read as {expected}")


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("1.20256E+10", "lost digits in a spreadsheet, which shows 6 of 11"),
        ("1.20256E+10 ", "lost digits in a spreadsheet"),
        ("4155550111.5", "is a number with a fraction, not a phone number"),
        ("555 01A2", "'555 01A2' is not a phone number (E.164 or national format for region US)"),
        ("5550111", "too short"),
        ("911", "emergency number"),
        ("1-800-FLOWERS", "is not a phone number"),
        ("+1415555011", "too short"),
        ("+ 5", "is not a phone number"),
        ("+2105550111", "is not a phone number"),
        ("41555501001", "too long"),  # one digit too many; a valid number of Switzerland
        ("sip:a@b?Route=x", "headers"),
        ("#N/A", "is not a phone number"),
        ("+14155550111 x" + "1" * 12, "is not 1 to 11 digits"),
    ],
)
def test_number_that_is_wrong_or_lost_digits_is_an_error(tmp_path, cell, message):
    report = refused(write_csv(tmp_path / "f.csv", rows_with("destination", cell)))
    (error,) = report.errors
    assert (error.row, error.column, error.code) == (2, "destination", "bad_destination")
    assert error.value == cell.strip()
    assert message in error.message


def test_message_shows_what_stood_there_and_what_was_read(tmp_path):
    report = refused(write_csv(tmp_path / "f.csv", rows_with("destination", "'555.0111\xa01")))
    assert "\"'555.0111\\xa01\", read as '555.0111 1': " in report.errors[0].message


def test_error_reads_like_the_documented_one(tmp_path):
    rows = [LONG, ("s1", A, "L", "w", B), ("s1", A, "M", "v", "555 01A2")]
    assert texts(refused(write_csv(tmp_path / "franchise.csv", rows)).errors) == [
        (
            "franchise.csv:3 destination: '555 01A2' is not a phone number "
            "(E.164 or national format for region US)"
        )
    ]


def test_region_decides_the_national_format(tmp_path):
    path = write_csv(
        tmp_path / "f.csv",
        rows_with("destination", "020 7946 0958", default_destination="+442079460958"),
    )
    got = locations(read_sheet(path, region="GB"))[0].rules[0].destination
    assert got == Destination("+442079460958")
    refused(path, region="US")
    assert "no country code" in refused(path, region=None).errors[0].message


def test_lost_plus_is_not_guessed_without_a_region(tmp_path):
    path = write_csv(tmp_path / "f.csv", rows_with("destination", "442079460958"))
    assert refused(path, region=None).errors[0].code == "bad_destination"


def test_numeric_cells_of_a_workbook(tmp_path):
    rows = [
        (*LONG, "extension"),
        ("s1", 4155550100, "L", "w", 14155550111.0, 12),
        ("s2", A, "L", "w", 4155550111.5, None),
    ]
    report = refused(write_xlsx(tmp_path / "f.xlsx", S=rows))
    assert [(e.row, e.code) for e in report.errors] == [(3, "bad_destination")]
    assert [(r.row, r.column) for r in report.repairs] == [(2, "destination")]
    sheet = read_sheet(tmp_path / "f.xlsx", on_error="skip")
    assert [str(r.destination) for x in locations(sheet) for r in x.rules] == [f"{B};ext=12"]
    assert [x.default_destination.number for x in locations(sheet)] == [A, A]


def test_dial_policy_refusals_are_errors_with_whole_numbers(tmp_path):
    rows = [LONG, ("s1", A, "L", "w", "+19005550111"), ("s2", "+442079460958", "L", "w", B)]
    path = write_csv(tmp_path / "f.csv", rows)
    report = refused(path, dial_policy=DialPolicy(countries=frozenset({"US"})))
    assert texts(report.errors) == [
        (
            "f.csv:2 destination: +19005550111 may not be dialled: premium rate numbers are refused "
            "(dial policy: refused_types has premium_rate; --allow premium_rate)"
        ),
        (
            "f.csv:3 default_destination: +442079460958 may not be dialled: numbers of GB are not "
            "allowed (dial policy: countries lacks GB)"
        ),
    ]
    sheet = read_sheet(
        path, dial_policy=DialPolicy(countries=frozenset(), allow=frozenset({B, A, "+19005550111",
                                                                            "+442079460958"})),
    )  # fmt: skip
    assert len(sheet.columns) == 2


def test_sip_can_be_refused(tmp_path):
    path = write_csv(tmp_path / "f.csv", rows_with("destination", "sip:a@b.example"))
    report = refused(path, dial_policy=DialPolicy(allow_sip=False))
    assert [e.code for e in report.errors] == ["refused_destination"]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"extension": "x12"}, "is not 1 to 11 digits"),
        ({"extension": "12", "destination": f"{B} x13"}, "not the extension written with"),
        ({"extension": "12", "destination": "sip:a@b.example"}, "a SIP destination has no"),
        ({"extension": "12", "destination": ""}, "an extension without a destination"),
    ],
)
def test_wrong_extension_is_an_error(tmp_path, cells, message):
    others = {name: cell for name, cell in cells.items() if name != "extension"}
    rows = rows_with("extension", cells["extension"], **others)
    report = refused(write_csv(tmp_path / "f.csv", rows))
    assert message in " ".join(e.message for e in report.errors)


def test_extension_beside_and_in_the_number_may_agree(tmp_path):
    path = write_csv(tmp_path / "f.csv", rows_with("extension", "12", destination=f"{B} x12"))
    assert str(locations(read_sheet(path))[0].rules[0].destination) == f"{B};ext=12"


def test_fallback_chain_is_checked_number_by_number(tmp_path):
    rows = rows_with("fallback", f"{B} | 5550111 | 14155550111 | +19005550111")
    report = refused(write_csv(tmp_path / "f.csv", rows))
    assert [(e.code, e.column, e.row) for e in report.errors] == [
        ("bad_fallback", "fallback", 2)
    ] * 2
    assert [(r.code, r.column) for r in report.repairs] == [("fallback", "fallback")]


cell_texts = st.one_of(
    st.text(max_size=20),
    st.from_regex(r"\+?[0-9]{1,16}", fullmatch=True),
    st.from_regex(r"\+?1?[ (.-]{0,2}[2-9][0-9]{2}[ ).-]{0,2}555[ .-]?01[0-9]{2}( ?x[0-9]{1,4})?",
                  fullmatch=True),
    st.sampled_from(("sip:a@b.example", "+19005550111", "14155550111", "'+14155550111")),
)  # fmt: skip


@given(st.lists(cell_texts, max_size=30))
def test_cell_codes_keep_the_text(cells):
    codes = CellCodes()
    encoded = codes.encode(cells)
    for cell, code in zip(cells, encoded.tolist(), strict=True):
        text = cell.strip()
        if text.startswith("'+"):
            text = text[1:]
        elif text.startswith("'"):
            text = codes.text(code)
        assert codes.text(code) == text


@given(st.lists(cell_texts, max_size=30), st.sampled_from(["US", "GB", "DE", None]))
def test_parsed_numbers_equal_reading_one_by_one(cells, region):
    source = CellCodes()
    distinct = np.unique(source.encode(cells))
    distinct = distinct[distinct > 0]
    parsed = ParsedNumbers.parse(source, distinct, region=region, policy=DEFAULT_DIAL_POLICY)
    codes, statuses = parsed.find(distinct)
    for cell, code, status in zip(
        distinct.tolist(), codes.tolist(), statuses.tolist(), strict=True
    ):
        try:
            expected, repair = read_number(source.text(cell), region)
        except InvalidValueError:
            assert (code, status) == (0, WRONG)
            continue
        if DEFAULT_DIAL_POLICY.refusal(expected) is not None:
            assert (code, status) == (0, REFUSED)
        else:
            assert parsed.decode(code) == expected
            assert status == (OK if repair is None else REPAIRED)
    assert parsed.find(np.array([0], np.uint64))[1].tolist() == [OK]


@given(st.lists(cell_texts, max_size=30), st.sampled_from(["US", None]))
def test_worker_answers_as_the_reader_does(cells, region):
    policy = DialPolicy(countries=frozenset({"US", "CA"}), allow=frozenset({"+19005550111"}))
    source = CellCodes()
    distinct = np.unique(source.encode(cells))
    distinct = distinct[distinct > 0]
    reader = NumberReader(region, policy)
    request = encode_request(source.text, distinct, reader)
    answer = answer_request(iter(io.BytesIO(request)))
    expected = [reader.read(source.text(cell)) for cell in distinct.tolist()]
    n = len(distinct)
    assert np.frombuffer(answer[: 8 * n], np.uint64).tolist() == [code for code, _ in expected]
    assert list(answer[8 * n :]) == [status for _, status in expected]


@given(st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)), st.data())
def test_short_way_agrees_with_phonenumbers(country_code, data):
    region = data.draw(st.sampled_from(phonenumbers.COUNTRY_CODE_TO_REGION_CODE[country_code]))
    example = (
        phonenumbers.example_number_for_non_geo_entity(country_code)
        if region == "001"
        else phonenumbers.example_number_for_type(region, data.draw(st.sampled_from(range(4))))
    )
    if example is None:
        return
    digits = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)[1:]
    digits = digits[:-3] + data.draw(st.from_regex("[0-9]{2,4}", fullmatch=True))
    reader = NumberReader("US", DialPolicy(refused_types=frozenset()))
    code, status = reader.read(f"+{digits}")
    try:
        parsed = phonenumbers.parse(f"+{digits}", None)
        is_valid = phonenumbers.is_valid_number(parsed)
    except phonenumbers.NumberParseException:
        is_valid = False
    assert (status == OK) == is_valid
    if is_valid:
        e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
        assert f"+{code}" == e164


def _many(n: int) -> tuple[CellCodes, np.ndarray]:
    source = CellCodes()
    cells = [f"+1415{2_000_000 + i}" for i in range(n)] + ["sip:a@b.example", "nonsense", "a\nb"]
    return source, np.unique(source.encode(cells))


def test_other_processes_give_the_same_answer(monkeypatch):
    source, cells = _many(300)
    here = ParsedNumbers.parse(source, cells, region="US", policy=DEFAULT_DIAL_POLICY)
    monkeypatch.setattr(phones, "SMALLEST_FOR_PROCESSES", 100)
    monkeypatch.setattr(phones, "_n_processes", lambda: 2)
    there = ParsedNumbers.parse(source, cells, region="US", policy=DEFAULT_DIAL_POLICY)
    assert there.codes.tolist() == here.codes.tolist()
    assert there.statuses.tolist() == here.statuses.tolist()
    assert there.interned.specials == here.interned.specials


@pytest.mark.parametrize(
    "trouble",
    [
        {"executable": None},
        {"executable": "/usr/sbin/uwsgi"},
        {"executable": "/nowhere/python3"},
        {"frozen": True},
    ],
)
def test_numbers_are_parsed_here_where_no_process_can_be_started(monkeypatch, trouble):
    source, cells = _many(200)
    expected = ParsedNumbers.parse(source, cells, region="US", policy=DEFAULT_DIAL_POLICY)
    monkeypatch.setattr(phones, "SMALLEST_FOR_PROCESSES", 100)
    monkeypatch.setattr(phones, "_n_processes", lambda: 2)
    for name, value in trouble.items():
        monkeypatch.setattr(sys, name, value, raising=False)
    got = ParsedNumbers.parse(source, cells, region="US", policy=DEFAULT_DIAL_POLICY)
    assert got.codes.tolist() == expected.codes.tolist()


def test_short_answer_of_a_process_is_not_trusted(monkeypatch):
    source, cells = _many(200)
    monkeypatch.setattr(phones, "SMALLEST_FOR_PROCESSES", 100)
    monkeypatch.setattr(phones, "_n_processes", lambda: 2)
    done = subprocess.CompletedProcess([], 0, stdout=b"x", stderr=b"")
    monkeypatch.setattr(phones.subprocess, "run", lambda *a, **k: done)
    got = ParsedNumbers.parse(source, cells, region="US", policy=DEFAULT_DIAL_POLICY)
    assert (got.statuses == OK).sum() == 201


def test_number_of_processes_is_bounded():
    assert 1 <= phones._n_processes() <= phones.MAX_PROCESSES


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("555 01A2 99", True), ("sip:x", True), ("tel:1", True), ("+1 415 555 0100 ext. 12", True),
        ("1.20256E+10", True), ("43215", False), ("12 Main Street, Columbus 43215", False),
        ("Ann", False), ("", False),
    ],
)  # fmt: skip
def test_what_looks_like_a_destination(text, expected):
    assert looks_like_destination(text) is expected


@pytest.mark.parametrize(
    ("cell", "uri"),
    [
        ("2204", "sip:2204@pbx.example.com"), ("x2204", "sip:2204@pbx.example.com"),
        ("ext. 101", "sip:101@pbx.example.com"), ("Ext 55555", "sip:55555@pbx.example.com"),
        ("#300", "sip:300@pbx.example.com"),
    ],
)  # fmt: skip
def test_an_extension_of_a_named_pbx_becomes_a_sip_uri(tmp_path, cell, uri):
    path = write_csv(tmp_path / "f.csv", rows_with("destination", cell))
    sheet = read_sheet(path, pbx="pbx.example.com")
    assert str(locations(sheet)[0].rules[0].destination) == uri
    assert "name its SIP host: --pbx HOST" in refused(path).errors[0].message


def test_an_emergency_number_is_no_extension(tmp_path):
    path = write_csv(tmp_path / "f.csv", rows_with("destination", "911"))
    assert "emergency number" in refused(path, pbx="pbx.example.com").errors[0].message


def test_a_pbx_is_a_host(tmp_path):
    path = write_csv(tmp_path / "f.csv", rows_with("destination", "2204"))
    with pytest.raises(InvalidValueError, match="is not a SIP URI"):
        read_sheet(path, pbx="not a host")


@pytest.mark.parametrize("number", ["+870773111632", "+881612345678", "+88213300655"])
def test_satellite_numbers_are_refused_unless_named(number):
    from routing_engine.model.destinations import Destination as Made

    try:
        made = Made.parse(number)
    except InvalidValueError:
        pytest.skip("libphonenumber does not know this number")
    reader = NumberReader("US", DEFAULT_DIAL_POLICY)
    assert reader.read(number) == (0, REFUSED)
    assert "refused_types has satellite" in DEFAULT_DIAL_POLICY.rule_of(made)
    lenient = DialPolicy(refused_types=frozenset())
    assert NumberReader("US", lenient).read(number)[1] == OK


def test_a_zone_may_be_given_for_locations_that_name_none(tmp_path):
    rows = [
        ("store", "default", "timezone", "business hours"),
        ("s1", A, "", "Mon-Fri 09:00-17:00"),
        ("s2", A, "UTC", "Mon-Fri 09:00-17:00"),
    ]
    path = write_csv(tmp_path / "f.csv", rows)
    assert refused(path).errors[0].code == "no_timezone"
    found = locations(read_sheet(path, timezone="America/Chicago"))
    assert [x.timezone for x in found] == ["America/Chicago", "UTC"]
    assert found[0].business_hours.timezone == "America/Chicago"
    with pytest.raises(InvalidValueError, match="America/New_York"):
        read_sheet(path, timezone="EST")
