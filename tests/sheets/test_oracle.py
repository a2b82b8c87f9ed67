"""The vectorised reader against a naive one, and against nonsense."""

from __future__ import annotations

import csv
import random
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routing_engine.errors import InvalidValueError, SheetError
from routing_engine.model.destinations import parse_destination
from routing_engine.model.rules import ContextRule, Location
from routing_engine.sheets import phones, read_sheet
from tests.support.examples import examples

from .making import LONG, A, B, locations, write_csv, write_xlsx

FIELDS = (*LONG, "examples", "threshold", "hours", "action", "fallback", "timezone", "extension")


def read_naively(path: Path) -> list[Location]:
    """One row after another, through the constructors."""
    found: dict[str, dict] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for cells in csv.DictReader(file):
            row = {name: value.strip() for name, value in cells.items()}
            location = found.setdefault(
                row["location_id"], {"default": None, "timezone": None, "rules": []}
            )
            location["default"] = location["default"] or row["default_destination"]
            location["timezone"] = location["timezone"] or row["timezone"] or None
            if not any(row[name] for name in row if name not in (
                "location_id", "default_destination", "timezone")):  # fmt: skip
                continue
            fallback = [parse_destination(part, region="US") for part in row["fallback"].split("|")
                        if part.strip()]  # fmt: skip
            rule = ContextRule(
                label=row["label"], when=row["when"],
                examples=[part for part in row["examples"].split("|") if part.strip()],
                threshold=None if row["threshold"] == "" else float(row["threshold"]),
                hours=row["hours"] or None, action=row["action"] or "transfer",
                destination=(row["destination"] and parse_destination(
                    row["destination"], region="US", extension=row["extension"])) or None,
                fallback=fallback,
            )  # fmt: skip
            if rule not in location["rules"]:
                location["rules"].append(rule)
    return [
        Location(
            location_id=location_id,
            default_destination=parse_destination(fields["default"], region="US"),
            timezone=fields["timezone"], rules=fields["rules"],
        )
        for location_id, fields in found.items()
    ]  # fmt: skip


def _number(chance: random.Random) -> str:
    digits = f"{chance.choice(['415', '212', '303'])}555{chance.randrange(100, 200):04d}"
    shapes = (f"+1{digits}", digits, f"({digits[:3]}) {digits[3:6]}-{digits[6:]}", f" +1{digits} ",
              "sip:desk@pbx.example", f"+1{digits} x{chance.randrange(9)}")  # fmt: skip
    return chance.choice(shapes)


def _valid_rows(chance: random.Random) -> list[list[str]]:
    whens = [f"caller wants {word} {i}" for i, word in enumerate("abcdefgh")]
    rows: list[list[str]] = []
    for i in range(chance.randrange(1, 12)):
        default = _number(chance)
        zone = chance.choice(["", "UTC", "America/Chicago"])
        used = chance.sample(whens, chance.randrange(0, 6))
        made = []
        for when in used:
            contain = chance.random() < 0.2
            number = "" if contain else _number(chance)
            plain = bool(number) and "sip" not in number and "x" not in number
            made.append([
                f"s{i}", chance.choice([default, default, ""]), f"L{when[-1]}", when, number,
                chance.choice(["", "x | y", f"hello {i}"]), chance.choice(["", "0", "0.5"]),
                chance.choice(["", "open"]), "contain" if contain else "",
                chance.choice(["", _number(chance), f"{_number(chance)}|{_number(chance)}"]),
                chance.choice([zone, ""]), "7" if plain and chance.random() < 0.3 else "",
            ])  # fmt: skip
        made.append([f"s{i}", default, *[""] * 8, zone, ""])
        if len(made) > 1 and chance.random() < 0.3:
            made.append(list(made[0]))
        rows += made
    chance.shuffle(rows)
    return rows


@given(st.integers(0, 1 << 32))
def test_reader_equals_the_naive_reader(seed):
    chance = random.Random(seed)
    rows = _valid_rows(chance)
    with tempfile.TemporaryDirectory() as folder:
        path = write_csv(Path(folder) / "f.csv", [FIELDS, *rows])
        assert locations(read_sheet(path)) == read_naively(path)


@examples(30)
@given(st.integers(0, 1 << 32))
def test_skipping_never_sends_anyone_elsewhere(seed):
    """Spoil cells at random: what is left is a part of what was right."""
    chance = random.Random(seed)
    rows = _valid_rows(chance)
    with tempfile.TemporaryDirectory() as folder:
        path = write_csv(Path(folder) / "f.csv", [FIELDS, *rows])
        right = {x.location_id: x for x in locations(read_sheet(path))}
        for _ in range(3):
            row = chance.choice(rows)
            row[chance.choice([4, 6, 7, 9])] = chance.choice(["555 01A2", "nonsense", "9-9"])
        write_csv(path, [FIELDS, *rows])
        for location in locations(read_sheet(path, on_error="skip")):
            whole = right[location.location_id]
            assert location.default_destination == whole.default_destination
            assert set(location.rules) <= set(whole.rules)


@given(st.binary(max_size=300), st.sampled_from(["f.csv", "f.xlsx", "f.tsv"]))
def test_random_bytes_raise_nothing_but_sheet_errors(content, name):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        with pytest.raises(SheetError):
            read_sheet(path)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 1 << 32), st.sampled_from(["raise", "skip"]))
def test_mutated_csv_raises_nothing_but_sheet_errors(seed, on_error):
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = write_csv(Path(folder) / "f.csv", [FIELDS, *_valid_rows(chance)])
        data = bytearray(path.read_bytes())
        for _ in range(chance.randrange(1, 8)):
            at = chance.randrange(len(data))
            kind = chance.randrange(3)
            if kind == 0:
                data[at] = chance.choice(b',"\n|=+\\\x00\xff;x9')
            elif kind == 1:
                del data[at : at + chance.randrange(40)]
            else:
                data[at:at] = data[at : at + chance.randrange(40)]
            if not data:
                break
        path.write_bytes(bytes(data))
        try:
            sheet = read_sheet(path, on_error=on_error)
        except SheetError as error:
            assert error.report.n_errors >= 1  # noqa: PT017  it need not be raised
            str(error)
        else:
            for location in locations(sheet):
                Location.model_validate(location.model_dump())


@examples(60)
@given(st.integers(0, 1 << 32))
def test_mutated_workbook_raises_nothing_but_sheet_errors(seed):
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = write_xlsx(Path(folder) / "f.xlsx", S=[LONG, ("s1", A, "L", "w", B)])
        data = bytearray(path.read_bytes())
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        path.write_bytes(bytes(data))
        try:
            read_sheet(path, on_error="skip")
        except SheetError as error:
            assert error.report.n_errors >= 1  # noqa: PT017  it need not be raised


@given(st.lists(st.text(max_size=8), min_size=5, max_size=5), st.sampled_from(["US", "GB", None]))
def test_any_text_in_any_cell_is_read_or_refused(cells, region):
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = write_csv(Path(folder) / "f.csv", [LONG, cells])
            read_sheet(path, region=region, on_error="skip")
        except (SheetError, InvalidValueError, UnicodeEncodeError, csv.Error):
            pass


def test_twenty_thousand_rows_take_seconds(tmp_path, monkeypatch):
    monkeypatch.setattr(phones, "SMALLEST_FOR_PROCESSES", 10_000)
    whens = [f"situation {word}" for word in "abcdefghij"]
    rows = [
        (f"s{i}", f"+1415{2_000_000 + 11 * i}", when, when, f"+1415{2_000_001 + 11 * i + j}")
        for i in range(2_000)
        for j, when in enumerate(whens)
    ]
    random.Random(1).shuffle(rows)
    path = write_csv(tmp_path / "f.csv", [LONG, *rows])
    start = time.process_time()
    sheet = read_sheet(path)
    assert time.process_time() - start < 20
    assert (sheet.report.n_rows, sheet.report.n_locations, sheet.report.n_rules) == (
        20_000, 2_000, 20_000
    )  # fmt: skip
    assert sheet.report.n_destinations == 22_000
    expected = {(location, when): number for location, _, when, _, number in rows}
    for location in locations(sheet):
        for rule in location.rules:
            assert rule.destination is not None
            assert rule.destination.number == expected[location.location_id, rule.when]


def test_script_without_a_main_guard_may_read_a_large_sheet(tmp_path):
    import subprocess
    import sys

    rows = [(f"s{i}", f"+1415{2_000_000 + i}") for i in range(300)]
    write_csv(tmp_path / "f.csv", [("store", "default"), *rows])
    script = tmp_path / "script.py"
    script.write_text(
        "from routing_engine.sheets import phones, read_sheet\n"
        "phones.SMALLEST_FOR_PROCESSES = 100\n"
        "phones._n_processes = lambda: 2\n"
        "print('started')\n"
        f"print(len(read_sheet({str(tmp_path / 'f.csv')!r}).columns))\n"
    )
    root = Path(phones.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(root), "PATH": ""},
    )  # fmt: skip
    assert done.stdout.split() == ["started", "300"]
