"""Options that say how a sheet is read, what is reported of it, and what an import may remove."""

from __future__ import annotations

import csv
import json

import pytest
from typer.testing import CliRunner

from routing_engine.cli import ExitCode, app

HEADERS = ("Filiale", "Vorzimmer", "Notiz")


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def write(path, *rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def stores(n, first=0):
    return [(f"s{i}", f"+1415555{100 + i:04}") for i in range(first, first + n)]


def test_headers_are_mapped_and_a_profile_remembers_it(tmp_path):
    sheet = write(tmp_path / "f.csv", HEADERS, ("f1", "(415) 555-0100", "x"))
    profile = tmp_path / "p.json"
    check = ("check", sheet, "--no-lint", "--profile", profile)
    assert run(*check).exit_code == ExitCode.DIFFERS
    mapped = ("--map", "Vorzimmer=default_destination", "--map", "Notiz=ignore")
    assert run(*check, *mapped).exit_code == 0
    assert run(*check).exit_code == 0
    assert json.loads(profile.read_text(encoding="utf-8")) == {
        "map": {"Notiz": "ignore", "Vorzimmer": "default_destination"}
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"), ("[]", "is no profile"), ('{"maps": {}}', "is no profile"),
        ('{"map": []}', "map is an object"), ('{"allow": "shared_cost"}', "are lists"),
    ],
)  # fmt: skip
def test_a_profile_that_is_none_is_said_to_be(tmp_path, text, message):
    profile = tmp_path / "p.json"
    profile.write_text(text)
    sheet = write(tmp_path / "f.csv", ("store", "default"), *stores(1))
    result = run("check", sheet, "--no-lint", "--profile", profile)
    assert result.exit_code == ExitCode.USAGE
    assert message in result.stderr


@pytest.mark.parametrize(
    "options",
    [("--map", "Filiale"), ("--map", "Filiale=nothing"), ("--allow", "cheap"), ("--pbx", "a b"),
     ("--timezone", "EST"), ("--countries", "XX"), ("--refuse", "cheap"), ("--sip-host", "a b"),
     ("--allow", "mobile", "--refuse", "mobile")],
)  # fmt: skip
def test_a_wrong_option_is_wrong_usage(tmp_path, options):
    sheet = write(tmp_path / "f.csv", ("store", "default"), *stores(1))
    assert run("check", sheet, "--no-lint", *options).exit_code == ExitCode.USAGE


def test_numbers_of_a_type_can_be_allowed(tmp_path):
    sheet = write(tmp_path / "f.csv", ("store", "default"), ("s1", "0845 612 3456"))
    check = ("check", sheet, "--no-lint", "--region", "GB")
    refused = run(*check)
    assert "refused_types has premium_rate; --allow premium_rate" in refused.stdout
    assert "next: allow the numbers that are meant" in refused.stdout
    assert run(*check, "--allow", "premium_rate").exit_code == 0
    assert run(*check, "--allow", "+448456123456").exit_code == 0


def test_what_may_be_dialled_is_remembered_and_holds_where_the_snapshot_answers(tmp_path):
    sheet = write(tmp_path / "f.csv", ("store", "default"), ("s1", "1300 975 707"))
    profile, out = tmp_path / "p.json", tmp_path / "b"
    load = ("import", sheet, "--out", out, "--encoder", "hashing", "--region", "AU",
            "--profile", profile)  # fmt: skip
    assert "may not be dialled" in run(*load).stderr
    assert run(*load, "--allow", "shared_cost").exit_code == 0
    kept = {"allow": ["shared_cost"], "region": "AU"}
    assert json.loads(profile.read_text(encoding="utf-8")) == kept
    again = (*load[:6], "--profile", profile)  # without --region
    assert run(*again).exit_code == 0
    answered = run("route", out, "s1", "hello", "--encoder", "hashing", "--json")
    assert json.loads(answered.stdout)["destination"] == "+611300975707"


@pytest.mark.parametrize(
    ("cell", "options", "refusal"),
    [
        ("+447400123456", ("--refuse", "mobile"), "refused_types has mobile; --allow mobile"),
        ("sip:1@pbx.example.com", ("--refuse", "sip"), "dial policy: allow_sip"),
        ("sip:1@pbx.example.com", ("--sip-host", "sip.example.com"),
         "sip_hosts lacks pbx.example.com; --sip-host pbx.example.com"),
        ("+442079460958", ("--countries", "US,CA"), "countries lacks GB"),
    ],
)  # fmt: skip
def test_what_may_not_be_dialled_is_refused_by_the_rule_that_says_so(
    tmp_path, cell, options, refusal
):
    sheet = write(tmp_path / "f.csv", ("store", "default"), ("s1", cell))
    assert run("check", sheet, "--no-lint").exit_code == 0
    result = run("check", sheet, "--no-lint", *options)
    assert result.exit_code == ExitCode.DIFFERS
    assert refusal in result.stdout


def test_every_command_that_reads_a_sheet_reads_it_by_the_same_options(tmp_path):
    rows = [("Haus", "Zentrale", "label", "when", "destination"),
            ("h1", "(415) 555-0100", "Billing", "asks about a bill", "2204")]  # fmt: skip
    sheet, profile = write(tmp_path / "f.csv", *rows), tmp_path / "p.json"
    cases = write(tmp_path / "c.csv", ("location_id", "utterance", "label"), *[
        ("h1", f"asks about a bill {i}", "Billing") for i in range(12)
    ])  # fmt: skip
    read = (
        "--map",
        "Haus=location_id",
        "--map",
        "Zentrale=default_destination",
        "--pbx",
        "pbx.test",
    )
    hashing = ("--encoder", "hashing", "--json")
    assert run("evaluate", sheet, cases, *hashing).exit_code != 0
    first = run("evaluate", sheet, cases, *hashing, *read, "--profile", profile)
    assert first.exit_code == 0, first.output
    # From here on the profile remembers.
    remembered = (*hashing, "--profile", profile)
    assert run("evaluate", sheet, cases, *remembered).stdout == first.stdout
    assert run("suggest", sheet, *remembered).exit_code == 0
    assert run("backtest", sheet, sheet, cases, *remembered).exit_code == 0
    assert run("check", sheet, *remembered).exit_code == 0
    assert run("import", sheet, "--out", tmp_path / "b", *remembered).exit_code == 0
    assert run("diff", sheet, tmp_path / "b", "--profile", profile).exit_code == 0
    fitted = run("fit", sheet, cases, "--out", tmp_path / "fitted", *remembered)
    assert fitted.exit_code in (0, ExitCode.DIFFERS)


def test_extensions_of_a_pbx_are_read_with_its_host(tmp_path):
    sheet = write(tmp_path / "f.csv", ("store", "default"), ("s1", "2204"))
    assert "--pbx HOST" in run("check", sheet, "--no-lint").stdout
    assert run("check", sheet, "--no-lint", "--pbx", "pbx.example.com").exit_code == 0


def test_every_error_is_shown_where_asked(tmp_path):
    rows = [(f"s{i}", f"12.{i:02}") for i in range(9)]
    sheet = write(tmp_path / "f.csv", ("store", "default"), *rows)
    few, every = (run("check", sheet, "--no-lint", *more).stdout for more in ((), ("--all",)))
    assert few.count("looks like a decimal number") == 5
    assert "... and 4 more (bad destination)" in few
    assert every.count("looks like a decimal number") == 9
    assert every.rstrip().endswith(
        "next: correct the numbers that are named; or name their country with --region, or the PBX "
        "of extensions with --pbx"
    )


def test_the_sheet_is_written_with_a_column_of_its_errors(tmp_path):
    rows = [("Name", "Phone"), ("One", "(415) 555-0100"), ("Two", "15.01.2024")]
    sheet, out = write(tmp_path / "f.csv", *rows), tmp_path / "errors.csv"
    assert run("check", sheet, "--no-lint", "--out", out).exit_code == ExitCode.DIFFERS
    with out.open(encoding="utf-8-sig", newline="") as file:
        header, one, two = csv.reader(file)
    assert header == ["Name", "Phone", "error"]
    assert one == ["One", "(415) 555-0100", ""]
    assert two[:2] == ["Two", "15.01.2024"]
    assert "looks like a date" in two[2]


def test_an_import_that_shrinks_a_snapshot_needs_to_be_asked_for(tmp_path):
    whole = write(tmp_path / "whole.csv", ("store", "default"), *stores(40))
    part = write(tmp_path / "part.csv", ("store", "default"), *stores(30))
    most = write(tmp_path / "most.csv", ("store", "default"), *stores(39), *stores(1, first=50))
    load = ("--out", tmp_path / "b", "--encoder", "hashing", "--json")
    assert run("import", whole, *load).exit_code == 0
    refused = run("import", part, *load)
    assert refused.exit_code == ExitCode.DIFFERS
    assert "10 of 40 locations are not in the sheet" in refused.stderr
    assert json.loads(run("import", most, *load).stdout)["snapshot"]["n_locations"] == 40
    assert run("import", part, *load, "--max-removed", "0.1").exit_code == ExitCode.DIFFERS
    assert (
        json.loads(run("import", part, *load, "--remove").stdout)["snapshot"]["n_locations"] == 30
    )
