from __future__ import annotations

import io
import random
import re
import zipfile

import pytest

from routing_engine.model.rules import ContextRule, Location
from routing_engine.sheets import read_sheet
from routing_engine.workbooks import parsing

from .making import LONG, A, B, C, locations, refused, rows_with, texts, write_csv, write_xlsx

ROWS = [
    (*LONG, "location_name"),
    ("s1", A, "Billing", "caller asks; about, a bill", B, "Café – Größe"),
    ("s2", A, "Billing", "caller asks; about, a bill", C, "naïve"),
]
EXPECTED = [
    Location(
        location_id=i, default_destination=A, name=name,
        rules=[ContextRule(label="Billing", when="caller asks; about, a bill", destination=d)],
    )
    for i, d, name in (("s1", B, "Café – Größe"), ("s2", C, "naïve"))
]  # fmt: skip


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_delimiters_and_encodings_are_detected(tmp_path, delimiter, encoding):
    path = write_csv(tmp_path / "f.csv", ROWS, delimiter, encoding=encoding)
    sheet = read_sheet(path)
    assert locations(sheet) == EXPECTED
    warned = ["f.csv: is not UTF-8; read as Windows-1252. Check accented letters"]
    assert texts(sheet.report.warnings) == (warned if encoding == "cp1252" else [])


@pytest.mark.parametrize("suffix", [".tsv", ".txt", ".CSV"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_suffixes_and_line_endings(tmp_path, suffix, ending):
    path = write_csv(tmp_path / f"f{suffix}", ROWS, "\t", lineterminator=ending)
    assert locations(read_sheet(path)) == EXPECTED


@pytest.mark.parametrize("line", ["sep=;\r\n", '"sep=;"\n', "SEP=;\n"])
def test_separator_line_of_a_spreadsheet_is_honoured(tmp_path, line):
    path = write_csv(tmp_path / "f.csv", [*ROWS, ("s3", "555", "", "", "", "")], ";")
    path.write_text(line + path.read_bytes().decode(), newline="")
    # The line is not shown in a spreadsheet, so it is no row.
    assert [e.row for e in refused(path).errors] == [4]


def test_separator_line_with_a_quote_is_refused(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text('sep="\na,b\n')
    assert refused(path).errors[0].code == "bad_delimiter"


def test_header_below_blank_rows_and_quoted_line_breaks_count_as_a_spreadsheet_counts(tmp_path):
    rows = [
        [], [" ", ""], LONG, [], ("s1", A, "L", "two\nlines", B), ["", " "], ("s2", A, "L", "w", "5")
    ]  # fmt: skip
    report = refused(write_csv(tmp_path / "f.csv", rows))
    assert [(e.row, e.column) for e in report.errors] == [(7, "destination")]
    assert report.n_rows == 2
    assert (
        next(
            w for x in read_sheet(tmp_path / "f.csv", on_error="skip").columns.tables for w in x
        ).when
        == "two lines"
    )


def test_row_with_more_cells_than_the_header_is_an_error_and_left_out(tmp_path):
    rows = [LONG, ("s1", A, "L", "a", "b", B), ("s1", A, "M", "w", B, "", " "), ("s2", A)]
    path = write_csv(tmp_path / "f.csv", rows)
    assert texts(refused(path).errors) == [
        "f.csv:2: 6 cells where the header has 5; is a delimiter not quoted?"
    ]
    sheet = read_sheet(path, on_error="skip")
    assert [(x.location_id, len(x.rules)) for x in locations(sheet)] == [("s1", 1), ("s2", 0)]
    assert texts(sheet.report.skipped) == ["f.csv:2: row left out"]


@pytest.mark.parametrize(
    ("text", "row", "message"),
    [
        ('store,default\ns1,x\ns2,"never closed\nmore\n', 3, "never closed"),
        ('store,default\ns1,"closed"early\n', 2, "text after a closing quote"),
        ('"store,default\n', 1, "never closed"),
        ('store,default\ns1,"' + "x" * (1 << 20) + "y\n", 2, 'is a quote (") not closed?'),
        ("store,default\ns1,a\0b\n", 2, "NUL"),
    ],
)
def test_broken_text_is_refused_with_its_row(tmp_path, text, row, message):
    path = tmp_path / "f.csv"
    path.write_text(text)
    for on_error in ("raise", "skip"):
        (error,) = refused(path, on_error=on_error).errors
        assert error.row == row
        assert message in error.message


def test_quote_left_open_far_below_names_its_row(tmp_path):
    lines = ["store,default"] + [f"s{i},{A}" for i in range(40_000)]
    lines[30_001] = f's30000,"{A}'
    path = tmp_path / "f.csv"
    path.write_text("\n".join(lines))
    assert refused(path).errors[0].row == 30_002


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"store,default\ns1,\x81\x8d\n", "bad_encoding"),
        (b"\xff\xfes\0t\0x", "bad_encoding"),
        (b"\xef\xbb\xbfstore,\xff", "bad_encoding"),
        (b"PK\x03\x04rest", "unknown_format"),
    ],
)
def test_text_that_cannot_be_decoded_is_refused(tmp_path, content, code):
    path = tmp_path / "f.csv"
    path.write_bytes(content)
    assert [e.code for e in refused(path).errors] == [code]


def test_missing_file_folder_and_unknown_suffix_are_sheet_errors(tmp_path):
    assert refused(tmp_path / "no.csv").errors[0].message.startswith("cannot be read: No such file")
    assert refused(tmp_path / "no.xlsx").errors[0].code == "unreadable"
    (tmp_path / "d.csv").mkdir()
    assert refused(tmp_path / "d.csv").errors[0].code == "unreadable"
    (tmp_path / "f.pdf").write_text("x")
    assert refused(tmp_path / "f.pdf").errors[0].code == "unknown_format"


def test_workbook_reads_as_csv_does(tmp_path):
    assert locations(read_sheet(write_xlsx(tmp_path / "f.xlsx", S=ROWS))) == EXPECTED
    (tmp_path / "f.xlsx").rename(tmp_path / "f.xlsm")
    assert locations(read_sheet(tmp_path / "f.xlsm")) == EXPECTED


def test_workbook_values_that_are_not_text(tmp_path):
    header = (*LONG, "threshold", "requires_verification", "enabled", "location_threshold")
    rows = [[], header, (7, 4155550100, "L", 12, 4155550111, 0.5, True, 0, 1)]
    sheet = read_sheet(write_xlsx(tmp_path / "f.xlsx", S=rows))
    (location,) = locations(sheet)
    assert location == Location(
        location_id="7", default_destination=A, threshold=1.0,
        rules=[
            ContextRule(
                label="L", when="12", destination=B, threshold=0.5, requires_verification=True,
                enabled=False,
            )
        ],
    )  # fmt: skip
    assert texts(sheet.report.repairs) == [
        "f.xlsx:3 location_id: the number '7' is read as text; leading zeros would be lost"
    ]


def test_workbook_header_may_stand_away_from_the_corner(tmp_path):
    rows = [[], [None, None, *LONG], [None, None, "s1", A, "L", "w", "5"]]
    report = refused(write_xlsx(tmp_path / "f.xlsx", S=rows))
    assert [(e.row, e.column) for e in report.errors] == [(3, "destination")]


def test_all_sheets_with_locations_are_read_as_one(tmp_path):
    other = [[*ROWS[0]], ["s9", *ROWS[1][1:]]]
    path = write_xlsx(tmp_path / "f.xlsx", Notes=[["read me"]], One=ROWS, Two=other)
    sheet = read_sheet(path)
    assert [x.location_id for x in locations(sheet)] == [*(x.location_id for x in EXPECTED), "s9"]
    assert sheet.report.warnings == ()


def test_issues_of_a_workbook_name_the_sheet(tmp_path):
    path = write_xlsx(tmp_path / "f.xlsx", Notes=[["x"]], Sites=rows_with("destination", "5"))
    assert str(refused(path).errors[0]).startswith("f.xlsx[Sites]:2 destination: ")


def test_workbooks_without_routing_sheet(tmp_path):
    assert refused(write_xlsx(tmp_path / "e.xlsx", S=[])).errors[0].code == "empty"
    path = write_xlsx(tmp_path / "f.xlsx", S=[["a", "b"]])
    assert refused(path).errors[0].code == "no_location_column"


def _save(tmp_path, change):
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    for row in (
        (*LONG, "threshold", "location_name"),
        ("s1", A, "L", "w", B, 0.5, "n"),
        ("s2", A, "L", "w", C, 0.5, "m"),
    ):
        sheet.append(row)
    change(sheet)
    book.save(tmp_path / "f.xlsx")
    return tmp_path / "f.xlsx"


@pytest.mark.parametrize(
    ("cell", "value", "left"),
    [
        ("E2", "#N/A", {"s1": 0, "s2": 1}),
        ("F2", "#DIV/0!", {"s1": 0, "s2": 1}),
        ("G2", "#REF!", {"s2": 1}),
        ("B3", "#N/A", {"s1": 1}),
    ],
)
def test_cells_that_hold_an_error_are_not_read_as_empty(tmp_path, cell, value, left):
    def change(sheet):
        sheet[cell].value = value
        sheet[cell].data_type = "e"

    path = _save(tmp_path, change)
    issues = [e for e in refused(path).errors if e.code == "lost_value"]
    assert [(e.row, e.value) for e in issues] == [(int(cell[1]), value)]
    sheet = read_sheet(path, on_error="skip")
    assert {x.location_id: len(x.rules) for x in locations(sheet)} == left


def test_formula_that_was_never_calculated_is_not_read_as_empty(tmp_path):
    def change(sheet):
        sheet["G3"].value = "=VLOOKUP(A3, X:Y, 2)"

    report = refused(_save(tmp_path, change))
    assert texts(report.errors) == [
        (
            "f.xlsx:3 location_name: holds a formula without a value instead of a value; "
            "enter the value itself"
        )
    ]


def test_lost_values_outside_the_columns_do_not_matter(tmp_path):
    def change(sheet):
        sheet["H1"].value = "notes"
        sheet["H2"].value = "=1+1"

    sheet = read_sheet(_save(tmp_path, change))
    assert [w.code for w in sheet.report.warnings] == ["unknown_column"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "corrupt"),
        (b"PK\x03\x04 not really", "corrupt"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "encrypted"),
    ],
)
def test_broken_workbooks_are_refused(tmp_path, content, code):
    path = tmp_path / "f.xlsx"
    path.write_bytes(content)
    assert [e.code for e in refused(path).errors] == [code]


def _rezipped(source, target, change):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return target


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("xl/workbook.xml", None),
        ("xl/workbook.xml", b"<broken"),
        ("xl/workbook.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><workbook/>'),
        ("xl/worksheets/sheet1.xml", b"<broken"),
        ("xl/worksheets/sheet1.xml", None),
    ],
)
def test_workbooks_with_broken_parts_are_refused(tmp_path, name, data):
    source = write_xlsx(tmp_path / "f.xlsx", S=ROWS)
    path = _rezipped(source, tmp_path / "g.xlsx", lambda n, d: data if n == name else d)
    assert [e.code for e in refused(path).errors] in (["corrupt"], ["empty"])


def test_decompression_bomb_is_refused_unread(tmp_path):
    source = write_xlsx(tmp_path / "f.xlsx", S=ROWS)
    path = _rezipped(
        source, tmp_path / "g.xlsx",
        lambda n, d: b" " * (20 << 20) if n == "xl/worksheets/sheet1.xml" else d,
    )  # fmt: skip
    (error,) = refused(path).errors
    assert error.code == "too_large"
    assert error.message.startswith("unpacks to 20,9")


def test_cell_of_many_megabytes_is_refused(tmp_path):
    source = write_xlsx(tmp_path / "f.xlsx", S=ROWS)
    noise = random.Random(1).randbytes(2 << 20).hex().encode()
    cell = b'<c r="A1" t="str"><v>' + noise * 5 + b"</v></c>"
    path = _rezipped(
        source, tmp_path / "g.xlsx",
        lambda n, d: d.replace(b"<sheetData>", b"<sheetData>" + cell) if "sheet1" in n else d,
    )  # fmt: skip
    assert refused(path).errors[0].code == "corrupt"


def test_two_cells_at_the_corners_of_a_sheet_do_not_fill_memory(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    book.active["A1"] = "store"
    book.active["XFD1048576"] = "stray"
    book.save(tmp_path / "f.xlsx")
    (error,) = refused(tmp_path / "f.xlsx").errors
    assert error.code == "too_large"
    assert "17,179,869,184 cells" in error.message


_FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"/></row>'


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("", ""),
        (' r="', ' r = "'),
        ('"', "'"),
        ("XFD1048576", "xfd1048576"),
        ("XFD1048576", "XFD0001048576"),
        ("XFD1048576", "AAAAA1"),
        ('<c r="XFD', '<c\n\tr="XFD'),
        ('<c r="XFD', '<c ph=" r=&quot;A1&quot;" r="XFD'),
        ('<c r="XFD', '<c ph=" r=\'A1\'" r="XFD'),
        ('<c r="XFD', '<c ph=">" r="XFD'),
        ("<c ", '<a-b:c xmlns:a-b="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '),
        ('<c r="XFD1048576"/>', "<c/>" * 16_384),
    ],
)
def test_stray_cells_written_in_other_ways_do_not_fill_memory(tmp_path, was, now):
    source = write_xlsx(tmp_path / "f.xlsx", S=ROWS)
    cells = _FAR.replace(was, now).encode()
    path = _rezipped(
        source, tmp_path / "g.xlsx",
        lambda n, d: re.sub(b"<sheetData>.*</sheetData>", b"<sheetData>" + cells + b"</sheetData>", d)
        if n == "xl/worksheets/sheet1.xml" else d,
    )  # fmt: skip
    assert refused(path).errors[0].code in {"too_large", "corrupt"}


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("worksheets/a/s.xml", "xl/worksheets/a/s.xml"),
        ("/xl/elsewhere/s.dat", "xl/elsewhere/s.dat"),
        ("worksheets\\s.xml", "xl/worksheets\\s.xml"),
        ("../s.xml", "xl/../s.xml"),
        ("worksheets/sheet1.xml", "XL/Worksheets/Sheet1.xml"),
    ],
)
def test_stray_cells_in_another_part_do_not_fill_memory(tmp_path, target, name):
    source = write_xlsx(tmp_path / "f.xlsx", S=ROWS)
    path = tmp_path / "g.xlsx"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for item in old.infolist():
            data = old.read(item)
            if item.filename == "xl/_rels/workbook.xml.rels":
                data = data.replace(b"/xl/worksheets/sheet1.xml", target.encode())
            new.writestr(item.filename, data)
        main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        new.writestr(name, f'<worksheet xmlns="{main}"><sheetData>{_FAR}</sheetData></worksheet>')
    assert refused(path).errors[0].code in {"too_large", "corrupt"}


def test_cells_that_do_not_say_where_they_are_are_read_in_order(tmp_path):
    source = write_xlsx(tmp_path / "f.xlsx", S=ROWS)
    path = _rezipped(
        source, tmp_path / "g.xlsx",
        lambda n, d: re.sub(rb' r="[A-Z]+[0-9]+"', b"", d) if "sheet1" in n else d,
    )  # fmt: skip
    assert locations(read_sheet(path)) == locations(read_sheet(source))


def test_workbook_flagged_as_encrypted_is_refused(tmp_path):
    source = write_xlsx(tmp_path / "f.xlsx", S=ROWS)
    data = bytearray(source.read_bytes())
    at = data.find(b"PK\x01\x02")
    data[at + 8] |= 1
    source.write_bytes(bytes(data))
    assert refused(source).errors[0].code == "encrypted"


def test_panic_of_the_parser_is_a_sheet_error_and_an_interrupt_is_not(tmp_path, monkeypatch):
    import python_calamine

    path = write_xlsx(tmp_path / "f.xlsx", S=ROWS)

    class PanicException(BaseException):
        pass

    class Book:
        error: BaseException = PanicException()

        @classmethod
        def from_path(cls, _):
            raise cls.error

    monkeypatch.setattr(python_calamine, "CalamineWorkbook", Book)
    with pytest.raises(parsing.UnreadableError) as caught:
        parsing.open_book(path)
    assert caught.value.code == "corrupt"
    Book.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        parsing.open_book(path)


def test_cells_are_seen_whole_across_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(parsing, "BLOCK_BYTES", 64)

    def change(sheet):
        sheet["E3"].value = "#N/A"
        sheet["E3"].data_type = "e"

    (sheet,) = parsing.open_book(_save(tmp_path, change)).sheets
    assert (3, 4, "#N/A") in sheet.facts[4]


def test_values_of_other_types_become_text():
    assert parsing.plain_value(io) == str(io)
    assert parsing.plain_value(3) == 3.0
