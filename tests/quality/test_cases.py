"""Labelled calls and their files: what is read, and what is said of what cannot be."""

from __future__ import annotations

import csv
import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import Case, InvalidValueError, read_cases
from routing_engine.quality.cases import MAX_SHOWN, checked_cases

SECRET = "my card number is four four"


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def problems_of(path, labels_of=None):
    with pytest.raises(InvalidValueError) as caught:
        checked_cases(path, labels_of)
    return [str(problem) for problem in caught.value.problems]


def jsonl(*objects):
    return "".join(json.dumps(item) + "\n" for item in objects)


def labels_of(location_id):
    return {"store-1": {"Billing", "Leak"}, "store-2": set()}.get(location_id)


class TestSheets:
    def test_a_row_is_a_call(self, tmp_path):
        path = write(
            tmp_path / "calls.csv",
            "location_id,utterance,label\nstore-1,I was charged twice,Billing\nstore-1,hello,\n",
        )
        cases = read_cases(path)
        assert cases == [
            Case("store-1", "I was charged twice", "Billing"),
            Case("store-1", "hello", None),
        ]
        assert [case.origin for case in cases] == ["calls.csv:2", "calls.csv:3"]

    @pytest.mark.parametrize(
        "header",
        [
            "Store #,What the caller said,Department",
            "LOCATION ID,Transcript,Rule",
            " location_id , UTTERANCE , label ",
        ],
    )
    def test_usual_names_of_columns_are_understood(self, tmp_path, header):
        path = write(tmp_path / "calls.csv", f"{header}\nstore-1,hello,Billing\n")
        assert read_cases(path) == [Case("store-1", "hello", "Billing")]

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_what_spreadsheets_write_is_read(self, tmp_path, encoding, delimiter):
        rows = [["location_id", "utterance", "label"], ["café", "où est ma facture", "Billing"]]
        text = "".join(delimiter.join(row) + "\r\n" for row in rows)
        path = write(tmp_path / "calls.csv", text.encode(encoding))
        assert read_cases(path) == [Case("café", "où est ma facture", "Billing")]

    def test_other_columns_and_blank_rows_are_not_read(self, tmp_path):
        path = write(
            tmp_path / "calls.csv",
            "date,label,location_id,seconds,utterance\n\n1 May,Leak,s,33,water\n2 May,,,,\n",
        )
        assert read_cases(path) == [Case("s", "water", "Leak")]

    def test_a_short_row_has_no_label(self, tmp_path):
        path = write(tmp_path / "calls.csv", "location_id,utterance,label\ns,water\n")
        assert read_cases(path) == [Case("s", "water", None)]

    def test_a_very_long_utterance_is_read(self, tmp_path):
        text = "water " * 30_000
        path = write(tmp_path / "calls.csv", f"location_id,utterance,label\ns,{text},\n")
        assert read_cases(path) == [Case("s", text.strip(), None)]

    def test_a_workbook_is_a_sheet_too(self, tmp_path):
        import openpyxl

        book = openpyxl.Workbook()
        for row in [("location_id", "utterance", "label"), (42, "hello", None), (42, "leak", "L")]:
            book.active.append(row)
        book.save(tmp_path / "calls.xlsx")
        cases = read_cases(tmp_path / "calls.xlsx")
        assert cases == [Case("42", "hello", None), Case("42", "leak", "L")]

    @pytest.mark.parametrize(
        ("header", "reason"),
        [
            ("location_id,utterance", "no column label among 'location_id', 'utterance'"),
            ("label,utterance", "no column location_id"),
            ("location_id,label,when", "no column utterance"),
            ("location_id,store,utterance,label", "'location_id', 'store' all mean location_id"),
            ("location_id,label,text,utterance", "'text', 'utterance' all mean utterance"),
            ("location_id,label,label,utterance", "'label', 'label' all mean label"),
        ],
    )
    def test_a_header_that_is_not_clear_is_an_error(self, tmp_path, header, reason):
        path = write(tmp_path / "calls.csv", f"{header}\n{',x' * header.count(',')}\n")
        (problem,) = problems_of(path)
        assert problem.startswith("calls.csv:1: ")
        assert reason in problem

    def test_everything_wrong_is_said_at_once(self, tmp_path):
        path = write(
            tmp_path / "calls.csv",
            "location_id,utterance,label\n"
            f"store-1,{SECRET},Biling\n"
            ",hello,Billing\n"
            "store-1, ,Billing\n"
            f"nowhere,{SECRET},Billing\n"
            f"store-2,{SECRET},Leak\n"
            "store-1,this one is right,Leak\n",
        )
        assert problems_of(path, labels_of) == [
            "calls.csv:3 location_id: is empty",
            "calls.csv:4 utterance: is empty",
            (
                "calls.csv:2 label: 'Biling' is no rule of 'store-1'; it has 'Billing', 'Leak'. "
                "Leave it empty where no rule is right"
            ),
            "calls.csv:5 location_id: there is no location 'nowhere'",
            (
                "calls.csv:6 label: 'Leak' is no rule of 'store-2'; it has no rules. "
                "Leave it empty where no rule is right"
            ),
        ]

    @pytest.mark.parametrize(
        ("name", "content", "reason"),
        [
            ("calls.csv", "", "is empty"),
            ("calls.csv", "\n\n", "is empty"),
            ("calls.csv", "location_id,utterance,label\n", "holds no case"),
            ("calls.csv", 'location_id,utterance,label\ns,"open,\n', "never closed"),
            ("calls.csv", b"location_id,utterance,label\ns,\0,\n", "NUL"),
            ("calls.xlsx", b"PK\x03\x04nonsense", "not a readable workbook"),
            ("calls.pdf", "", "is not a sheet"),
            ("calls.jsonl", "", "holds no case"),
            ("calls.jsonl", b"\xff\xfe", "is not valid UTF-8"),
        ],
    )
    def test_a_file_without_cases_is_an_error(self, tmp_path, name, content, reason):
        (problem,) = problems_of(write(tmp_path / name, content))
        assert name in problem
        assert reason in problem

    @pytest.mark.parametrize("name", ["calls.csv", "calls.jsonl"])
    def test_a_file_that_is_not_there_is_an_error(self, tmp_path, name):
        (problem,) = problems_of(tmp_path / name)
        assert problem == f"{name}: cannot be read: No such file or directory"

    def test_an_error_lists_so_many_problems_and_counts_the_rest(self, tmp_path):
        rows = "nowhere,hello,\n" * (MAX_SHOWN + 23)
        path = write(tmp_path / "calls.csv", f"location_id,utterance,label\n{rows}")
        found = problems_of(path, labels_of)
        assert len(found) == MAX_SHOWN + 1
        assert found[-1] == "… and 23 more"


class TestJsonLines:
    def test_queries_stand_under_their_location(self, tmp_path):
        content = jsonl(
            {
                "location_id": "a",
                "rules": [{"label": "not read"}],
                "queries": [
                    {"text": "hello\u2028there", "label": None, "kind": "oos"},
                    {"text": "charged twice", "label": "Billing"},
                ],
            },
            {"location_id": "b", "queries": []},
            {"location_id": "a", "queries": [{"text": "leak", "label": "Leak"}]},
        )
        path = write(tmp_path / "calls.jsonl", b"\xef\xbb\xbf" + content.encode())
        cases = read_cases(path)
        assert cases == [
            Case("a", "hello\u2028there", None),
            Case("a", "charged twice", "Billing"),
            Case("a", "leak", "Leak"),
        ]
        assert cases[2].origin == "calls.jsonl:3"

    def test_a_line_separator_in_a_string_separates_no_lines(self, tmp_path):
        body = {"location_id": "a", "queries": [{"text": "hello\u2028there", "label": None}]}
        path = write(tmp_path / "calls.jsonl", json.dumps(body, ensure_ascii=False))
        assert read_cases(path) == [Case("a", "hello\u2028there", None)]

    def test_everything_wrong_is_said_at_once(self, tmp_path):
        right = {"text": SECRET, "label": None}
        path = write(
            tmp_path / "calls.jsonl",
            "{\n"
            + "[" * 100_000
            + "\n"
            + jsonl(
                [],
                {"location_id": "a", "queries": {}},
                {"queries": [right]},
                {"location_id": "a", "queries": [right, 7, {"text": SECRET}]},
                {"location_id": "a", "queries": [{"text": "", "label": float("nan")}]},
                {"location_id": 7, "queries": [{"text": [SECRET], "label": ["Billing"]}]},
            ),
        )
        found = problems_of(path)
        assert found == [
            "calls.jsonl:1: is not JSON",
            "calls.jsonl:2: is not JSON",
            "calls.jsonl:3: is no object with a list 'queries'",
            "calls.jsonl:4: is no object with a list 'queries'",
            "calls.jsonl:5 queries.0.location_id: must be a str that is not empty, not NoneType",
            "calls.jsonl:6 queries.1: must be an object with 'text' and 'label'",
            "calls.jsonl:6 queries.2: must be an object with 'text' and 'label'",
            "calls.jsonl:7 queries.0.text: must be a str that is not empty, not an empty one",
            "calls.jsonl:7 queries.0.label: must be a rule's label or None, not float",
            "calls.jsonl:8 queries.0.location_id: must be a str that is not empty, not int",
            "calls.jsonl:8 queries.0.text: must be a str that is not empty, not list",
            "calls.jsonl:8 queries.0.label: must be a rule's label or None, not list",
        ]


class TestValues:
    def test_a_case_says_all_that_is_wrong_with_it_but_not_what_was_said(self):
        with pytest.raises(InvalidValueError) as caught:
            Case("", [SECRET], "")
        assert [problem.path for problem in caught.value.problems] == [
            "location_id", "text", "label",
        ]  # fmt: skip
        assert SECRET not in str(caught.value)

    @pytest.mark.parametrize("given", [7, None, [("store-1", "hello", None)], [None]])
    def test_what_are_no_cases_is_refused(self, given):
        with pytest.raises(InvalidValueError):
            checked_cases(given)

    def test_no_cases_are_an_error(self):
        with pytest.raises(InvalidValueError, match="holds no case"):
            checked_cases([])

    def test_cases_that_were_not_read_are_named_by_their_number(self):
        cases = [Case("store-1", "hello"), Case("store-1", SECRET, "Billling")]
        with pytest.raises(InvalidValueError, match=r"cases\.1 label: 'Billling' is no") as caught:
            checked_cases(iter(cases), labels_of)
        assert SECRET not in str(caught.value)

    def test_where_a_case_stands_makes_it_no_other(self):
        assert Case("a", "b", None, "x:1") == Case("a", "b", None)


_texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=30
).filter(lambda text: text.strip() and text[0] not in "'=+-@＝＋－＠\t\r\n")


@given(
    st.lists(
        st.tuples(_texts, _texts, st.none() | _texts).map(
            lambda row: (row[0].strip(), row[1].strip(), row[2] and " ".join(row[2].split()))
        ),
        min_size=1,
        max_size=8,
    )
)
def test_what_a_sheet_and_json_lines_say_is_the_same(rows):
    import tempfile
    from pathlib import Path

    rows = [row for row in rows if row[0][0] not in "'=+-@" and row[1][0] not in "'=+-@"]
    with tempfile.TemporaryDirectory() as name:
        sheet, lines = Path(name) / "calls.csv", Path(name) / "calls.jsonl"
        with sheet.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(
                [("location_id", "utterance", "label"), *((a, b, c or "") for a, b, c in rows)]
            )
        lines.write_text(
            jsonl(*({"location_id": a, "queries": [{"text": b, "label": c}]} for a, b, c in rows))
        )
        if rows:
            assert read_cases(sheet) == read_cases(lines) == [Case(*row) for row in rows]


def test_a_parquet_file_reads_as_the_same_sheet_does(tmp_path):
    pytest.importorskip("pyarrow", reason="needs the extra parquet")
    rows = pd.DataFrame(
        {
            "store": ["store-1", "store-2", "store-2"],
            "Utterance": ["I was charged twice", "hello", "cancel it"],
            "label": ["Billing", None, " Cancel "],
        }
    )
    rows.to_parquet(tmp_path / "calls.parquet")
    rows.to_csv(tmp_path / "calls.csv", index=False)
    found = read_cases(tmp_path / "calls.parquet")
    assert found == read_cases(tmp_path / "calls.csv")
    assert [case.label for case in found] == ["Billing", None, "Cancel"]
    assert found[1].origin == "calls.parquet, row 2"
    rows.assign(Utterance="").to_parquet(tmp_path / "calls.parquet")
    with pytest.raises(InvalidValueError, match=r"parquet, row 3 Utterance: is empty"):
        read_cases(tmp_path / "calls.parquet")
