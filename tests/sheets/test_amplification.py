"""Small files that come to much: each is refused in a moment, and stops no process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile

import pytest

from routing_engine.sheets import read_sheet
from routing_engine.sheets.issues import IssueLog
from routing_engine.sheets.reading import open_tables
from routing_engine.workbooks import extents, worker
from tests.sheets.making import LONG, A, B, locations, refused, rows_with, write_csv, write_xlsx

ROWS = rows_with("label", "Billing")


RELATION = (
    b'<Relationship Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
    b'sharedStrings" Target="sharedStrings.xml" Id="rId99"/></Relationships>'
)


def rewritten(source, target, *, shared=None, **parts):
    """The workbook with some of its parts replaced, and texts that its cells share."""
    if shared is not None:
        parts["workbook.xml.rels"] = lambda data: data.replace(b"</Relationships>", RELATION)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for item in old.infolist():
            data = old.read(item)
            for name, content in parts.items():
                if name in item.filename:
                    data = content(data)
            new.writestr(item.filename, data)
        if shared is not None:
            new.writestr("xl/sharedStrings.xml", shared)
    return target


def with_rows(content):
    """Replace what stands between the rows of a sheet."""
    return lambda data: re.sub(
        b"<sheetData>.*</sheetData>", lambda _: b"<sheetData>" + content + b"</sheetData>", data
    )


def with_merged(ranges):
    merged = f'<mergeCells count="1">{ranges}</mergeCells>'.encode()
    return lambda data: data.replace(b"</sheetData>", b"</sheetData>" + merged)


def processor_s():
    """Processor seconds of this process and of the ended ones that it started."""
    return sum(os.times()[:4])


def shared_texts(*texts):
    main = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    return main + b"".join(b"<si><t>%s</t></si>" % text for text in texts) + b"</sst>"


def cells(n, text=0):
    return b"".join(
        b'<row r="%d"><c r="A%d" t="s"><v>%d</v></c></row>' % (i, i, text) for i in range(1, n + 1)
    )


@pytest.mark.parametrize("kind", ["one shared text", "hidden by a comment", "two sheets"])
def test_a_text_that_thousands_of_cells_share_is_counted_in_each(tmp_path, kind):
    n, text = 8_000, b"x" * 200_000
    source = write_xlsx(tmp_path / "f.xlsx", S=ROWS, T=ROWS)
    before = b"" if kind != "hidden by a comment" else b"<!-- " + b"<si/>" * 10 + b" -->"
    path = rewritten(
        source, tmp_path / "g.xlsx",
        shared=shared_texts(text).replace(b"<si>", before + b"<si>", 1),
        sheet1=with_rows(cells(n if kind != "two sheets" else 1_000)),
        sheet2=with_rows(cells(0 if kind != "two sheets" else 1_000)),
    )  # fmt: skip
    assert path.stat().st_size < 60_000
    began_s = processor_s()
    (error,) = refused(path).errors
    assert error.code == "too_large"
    assert "characters" in error.message
    assert processor_s() - began_s < 5


def test_a_text_longer_than_a_cell_is_refused(tmp_path):
    source = write_xlsx(tmp_path / "f.xlsx", S=ROWS)
    long = b"x" * (extents.MAX_CELL_LENGTH + 1)
    path = rewritten(
        source, tmp_path / "g.xlsx", shared=shared_texts(long), sheet1=with_rows(cells(1))
    )
    (error,) = refused(path).errors
    assert (error.code, "1,048,576 characters" in error.message) == ("too_large", True)


def test_few_cells_far_apart_are_refused(tmp_path):
    source = write_xlsx(tmp_path / "f.xlsx", S=ROWS)
    far = (
        b'<row r="1"><c r="A1"><v>1</v></c></row><row r="12000"><c r="NTP12000"><v>1</v></c></row>'
    )
    path = rewritten(source, tmp_path / "g.xlsx", sheet1=with_rows(far))
    (error,) = refused(path).errors
    assert error.code == "too_large"
    assert "most of them empty" in error.message


def test_more_columns_than_a_sheet_has_are_refused(tmp_path):
    source = write_xlsx(tmp_path / "f.xlsx", S=ROWS)
    path = rewritten(
        source, tmp_path / "g.xlsx", sheet1=with_rows(b'<row r="1"><c r="XFD1"><v>1</v></c></row>')
    )
    (error,) = refused(path).errors
    assert (error.code, "16,384 columns" in error.message) == ("too_large", True)


def test_merged_ranges_of_a_million_rows_are_read_as_far_as_there_are_rows(tmp_path):
    source = write_xlsx(tmp_path / "f.xlsx", S=[*ROWS, ["", "", "Cancel", "wants to cancel", B]])
    ranges = '<mergeCell ref="A2:A1048576"/><mergeCell ref="B2:B1048576"/>'
    path = rewritten(source, tmp_path / "g.xlsx", sheet1=with_merged(ranges))
    (found,) = locations(read_sheet(path))
    assert [rule.label for rule in found.rules] == ["Billing", "Cancel"]


def test_merged_ranges_one_over_the_other_are_refused(tmp_path):
    source = write_xlsx(tmp_path / "f.xlsx", S=[*ROWS, *ROWS[1:] * 50])
    path = rewritten(
        source, tmp_path / "g.xlsx", sheet1=with_merged('<mergeCell ref="A2:A1048576"/>' * 20_000)
    )
    assert [error.code for error in refused(path).errors] == ["corrupt"]


def test_a_sheet_that_lies_about_its_size_is_read_as_it_is(tmp_path):
    source = write_xlsx(tmp_path / "f.xlsx", S=ROWS)
    path = rewritten(
        source, tmp_path / "g.xlsx",
        sheet1=lambda data: re.sub(rb'ref="A1:[A-Z]+\d+"', b'ref="A1:XFD1048576"', data),
    )  # fmt: skip
    assert locations(read_sheet(path)) == locations(read_sheet(source))


def test_a_workbook_of_another_kind_that_repeats_its_rows_stops_its_own_process_alone(tmp_path):
    """What is not inspected meets the limits of the process that parses it."""
    table = (
        '<?xml version="1.0"?><office:document-content '
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body>'
        '<office:spreadsheet><table:table table:name="S">'
        '<table:table-row table:number-rows-repeated="1000000">'
        '<table:table-cell office:value-type="string" table:number-columns-repeated="16000">'
        f"<text:p>{'x' * 1000}</text:p></table:table-cell></table:table-row>"
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    path = tmp_path / "f.ods"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        made.writestr("content.xml", table)
    began_s = processor_s()
    (error,) = refused(path).errors
    assert error.code in ("too_large", "corrupt")
    assert processor_s() - began_s < 5


def test_the_process_that_parses_has_limits_on_memory_and_time():
    script = (
        "import resource as r; from routing_engine.workbooks.worker import limit_this_process as f;"
        "f(); print(r.getrlimit(r.RLIMIT_AS)[0], r.getrlimit(r.RLIMIT_CPU)[0])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.split() == [
        str(extents.PARSER_BYTES).encode(), str(extents.PARSER_CPU_S).encode()
    ]  # fmt: skip
    assert worker.LENGTH_BYTES == 8


def test_a_text_file_of_more_columns_than_a_sheet_has_is_refused(tmp_path):
    """Every row below would be padded to the width of the header."""
    path = tmp_path / "f.csv"
    header = ",".join((*LONG, *(f"c{i}" for i in range(100_000))))
    path.write_text(header + "\n" + "s1\n" * 20_000, encoding="utf-8")
    began_s = processor_s()
    (error,) = refused(path).errors
    assert (error.code, "100,005 columns" in error.message) == ("too_large", True)
    assert processor_s() - began_s < 5


@pytest.mark.parametrize("row", ["," * (12 << 20), '"\n",' * (3 << 20)])
def test_a_row_that_does_not_end_is_refused(tmp_path, row):
    path = tmp_path / "f.csv"
    path.write_text(",".join(LONG) + "\n" + row, encoding="utf-8")
    (error,) = refused(path).errors
    assert error.code == "too_large"


def test_short_rows_below_a_wide_header_are_read_in_small_portions(tmp_path):
    path = tmp_path / "f.csv"
    header = ",".join(("location_id", "default_destination", *(f"c{i}" for i in range(4000))))
    path.write_text(header + "\n" + f"s1,{A}\n" * 20_000, encoding="utf-8")
    (table,) = open_tables(path, IssueLog(path.name))
    portions = [len(rows) for _, rows in table.rows()]
    assert sum(portions) == 20_000
    assert max(portions) * len(table.header) <= 1 << 22


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("examples", "\\" * 200_000),
        ("threshold", "1" * 200_000 + "x"),
        ("business_hours", "1PH" * 10_000),
        ("business_hours", "PH" + " " * 30_000 + "x"),
        ("timezone", "(" * 200_000),
    ],
)
def test_a_long_cell_takes_no_longer_than_it_is(tmp_path, field, value):
    path = write_csv(tmp_path / "f.csv", rows_with(field, value))
    began_s = processor_s()
    assert refused(path).errors
    assert processor_s() - began_s < 3
