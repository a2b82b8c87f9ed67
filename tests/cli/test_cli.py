from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest
from typer.testing import CliRunner

from routing_engine import ContextRule, EncoderError, Location, RoutingEngine, __version__
from routing_engine.calls.handoff import Handoff
from routing_engine.cli import ExitCode, app
from routing_engine.cli import demo as sample
from routing_engine.cli.terminal import plain, printable
from routing_engine.encoders import HashingEncoder
from routing_engine.encoders.model_files import packaged_model
from routing_engine.matching.scoring import DEFAULT_THRESHOLD
from routing_engine.sheets import write_sheet
from routing_engine.store import Store
from tests.support.decisions import without_id
from tests.support.labelled import labelled_cases, live_engine, locations, noise_cases

COMMANDS = (
    "import", "check", "diff", "export", "route", "repl", "call", "evaluate", "fit", "compile", "demo",
    "bench", "serve", "keys", "suggest", "backtest", "batch", "agi", "sip-redirect", "twilio",
    "mcp",
)  # fmt: skip
ROOT = Path(__file__).parents[2]
HEADER = [
    "location_id", "location_name", "timezone", "default_destination", "label", "when",
    "examples", "destination", "requires_verification", "requires_confirmation",
    "urgent",
]  # fmt: skip
NEW_YORK = ["Fernwick New York, NY", "America/New_York", "+12125550100"]
ROWS = [
    ["store-1", *NEW_YORK, "Billing", "caller asks about an invoice or refund",
     "I was charged twice | my invoice is wrong", "+12125550111", "", "", ""],
    ["store-1", *NEW_YORK, "Emergency", "caller smells gas or has a flood",
     "there is water everywhere", "+12125550112", "", "", "yes"],
    ["store-1", *NEW_YORK, "Cancel", "caller wants to end the membership",
     "cancel my membership", "+12125550113", "", "yes", ""],
    ["store-2", "Boston", "America/New_York", "+16175550100", "Billing",
     "caller asks about an invoice or refund", "I was charged twice | my invoice is wrong",
     "+16175550111", "yes", "", ""],
    ["store-3", "Hartford", "America/New_York", "+18605550100", "", "", "", "", "", "", ""],
]  # fmt: skip


def run(*arguments: object, stdin: str | None = None):
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)


def spawn(*arguments: object, stdin: str = "", cwd: Path = ROOT, **environment: str):
    """Run a command in a process of its own, as its user does."""
    return subprocess.run(
        [sys.executable, "-m", "routing_engine.cli", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        timeout=120,
        check=False,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)} | environment,
    )


def write_csv(path: Path, rows: list[list[str]], header: list[str] = HEADER) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def with_cell(row: int, column: str, value: str) -> list[list[str]]:
    rows = [list(cells) for cells in ROWS]
    rows[row][HEADER.index(column)] = value
    return rows


@pytest.fixture
def sheet(tmp_path):
    return write_csv(tmp_path / "stores.csv", ROWS)


@pytest.fixture
def broken(tmp_path):
    return write_csv(tmp_path / "broken.csv", with_cell(1, "destination", "555 01A2"))


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    made = folder / "brand"
    sheet = write_csv(folder / "stores.csv", ROWS)
    result = run("import", sheet, "--out", made, "--encoder", "hashing")
    assert result.exit_code == 0, result.output
    return made


def route(*arguments: object):
    return run("route", *arguments, "--encoder", "hashing")


@pytest.fixture
def business(tmp_path):
    """A snapshot, its sheet, and calls of it that a fit gains from."""
    engine = live_engine()
    engine.save(tmp_path / "brand")
    write_sheet(engine.columns, tmp_path / "brand.csv")
    calls = [[c.location_id, c.text, c.label or ""] for c in labelled_cases(250)]
    write_csv(tmp_path / "calls.csv", calls, ["location_id", "utterance", "label"])
    return tmp_path


def with_hashing(command: str, *arguments: object):
    return run(command, *arguments, "--encoder", "hashing")


# Help and usage


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help_with_examples(command, flag):
    result = run(command, flag)
    assert result.exit_code == 0
    assert f"routing-engine {command}" in result.stdout
    assert "Examples:" in result.stdout


def test_the_help_lists_every_command_and_exit_code():
    text = run("--help").stdout
    for command in COMMANDS:
        assert f" {command} " in text
    for code in ExitCode:
        assert f" {code.value}  " in text


def test_the_commands_are_the_ones_that_are_tested():
    registered = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert registered == set(COMMANDS)


def test_every_exit_code_is_in_the_module_docstring():
    import routing_engine.cli

    lines = routing_engine.cli.__doc__.splitlines()
    documented = {int(line.split()[0]) for line in lines if line.strip()[:1].isdigit()}
    assert documented == {code.value for code in ExitCode}


def test_a_lost_key_is_replaced_by_who_runs_the_server(tmp_path):
    url = f"sqlite:///{tmp_path / 'routing.db'}"
    with Store.open(url) as store:
        organisation_id = store.create_organisation("default")
        with store.work(organisation_id) as work:
            lost, _ = work.keys.create("bootstrap", ["keys:write"])
    refused = run("keys", "--database", url, "--delete", lost.id)
    assert (refused.exit_code, "last key" in refused.stderr) == (2, True)
    made = run("keys", "--database", url, "--new", "operator", "--delete", lost.id)
    assert made.exit_code == 0
    with Store.open(url) as store:
        principal = store.authenticate(made.stdout.strip())
        with store.read(organisation_id) as work:
            audited = [(item.actor, item.action) for item in work.audits.page().items]
        store.create_organisation("another")
    assert "calls:write" in principal.scopes
    assert set(audited[:2]) == {("operator", "key.delete"), ("operator", "key.create")}
    assert run("keys", "--database", url).exit_code == 2
    listed = run("keys", "--database", url, "--organisation", organisation_id)
    assert (principal.key_id in listed.stdout, lost.id in listed.stdout) == (True, False)


def test_the_documentation_mentions_every_command():
    page = ROOT / "docs" / "reference" / "command-line.md"
    text = page.read_text(encoding="utf-8")
    missing = [name for name in COMMANDS if f"routing-engine {name}" not in text]
    assert missing == []


def test_without_arguments_the_help_is_printed():
    result = run()
    assert result.exit_code == ExitCode.USAGE
    assert "Usage: routing-engine" in result.output


def test_the_version_is_printed():
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"routing-engine {__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["check"],
        ["check", "no-such-sheet.csv"],
        ["check", "data/franchise.csv", "--nonsense"],
        ["route", "brand", "store-1"],
        ["export", "brand", "out.csv", "--layout", "round"],
        ["check", "data/franchise.csv", "--region", "Atlantis"],
    ],
)
def test_wrong_usage_is_2_and_explained_on_stderr(arguments, monkeypatch):
    monkeypatch.chdir(ROOT)
    result = run(*arguments)
    assert result.exit_code == ExitCode.USAGE
    assert result.stdout == ""
    assert "rror" in result.stderr
    assert "Traceback" not in result.stderr


# import, check


def test_import_prints_the_report_and_saves_a_snapshot(sheet, tmp_path):
    result = run("import", sheet, "--out", tmp_path / "brand", "--encoder", "hashing")
    assert result.exit_code == 0
    assert "5 rows, 3 locations, 4 rules" in result.stdout
    assert "catalog version 1" in result.stdout
    assert result.stderr == ""
    loaded = RoutingEngine.load(tmp_path / "brand", encoder=HashingEncoder())
    assert loaded.location_ids() == ("store-1", "store-2", "store-3")


def test_import_as_json_is_one_document(sheet, tmp_path):
    result = run("import", sheet, "--out", tmp_path / "brand", "--encoder", "hashing", "--json")
    found = json.loads(result.stdout)
    assert found["report"]["n_rules"] == 4
    snapshot = found["snapshot"]
    assert snapshot.pop("encoder_load_s") >= 0
    assert snapshot.pop("build_s") >= 0
    assert snapshot == {
        "directory": str(tmp_path / "brand"),
        "catalog_version": 1,
        "n_locations": 3,
        "n_rules": 4,
        "changed": True,
        "encoder": "hashing-1-64",
    }


def test_importing_the_same_sheet_again_changes_nothing(sheet, tmp_path):
    brand = tmp_path / "brand"
    run("import", sheet, "--out", brand, "--encoder", "hashing")
    before = {path.name: path.stat().st_mtime_ns for path in brand.iterdir()}
    result = run("import", sheet, "--out", brand, "--encoder", "hashing")
    assert "nothing changed, still catalog version 1" in result.stdout
    assert {path.name: path.stat().st_mtime_ns for path in brand.iterdir()} == before


def test_importing_a_changed_sheet_raises_the_catalog_version(sheet, tmp_path):
    brand = tmp_path / "brand"
    run("import", sheet, "--out", brand, "--encoder", "hashing")
    write_csv(sheet, with_cell(0, "destination", "+12125550119"))
    result = run("import", sheet, "--out", brand, "--encoder", "hashing")
    assert "catalog version 2" in result.stdout
    assert "+12125550119" in route(brand, "store-1", "my invoice is wrong").stdout


def test_import_starts_over_where_the_snapshot_is_damaged(sheet, tmp_path):
    brand = tmp_path / "brand"
    run("import", sheet, "--out", brand, "--encoder", "hashing")
    (brand / "manifest.json").write_text("{}")
    result = run("import", sheet, "--out", brand, "--encoder", "hashing")
    assert result.exit_code == 0
    assert "starting again at catalog version 1" in result.stderr
    assert route(brand, "store-1", "my invoice is wrong").exit_code == 0


def test_import_of_a_wrong_sheet_writes_nothing(broken, tmp_path):
    result = run("import", broken, "--out", tmp_path / "brand", "--encoder", "hashing")
    assert result.exit_code == ExitCode.DIFFERS
    assert result.stdout == ""
    assert "broken.csv:3 destination" in result.stderr
    assert "nothing was imported" in result.stderr
    assert not (tmp_path / "brand").exists()


def test_import_of_a_wrong_sheet_as_json_has_the_report(broken, tmp_path):
    result = run("import", broken, "--out", tmp_path / "brand", "--json")
    assert result.exit_code == ExitCode.DIFFERS
    found = json.loads(result.stdout)
    assert found["snapshot"] is None
    assert [(issue["row"], issue["column"]) for issue in found["report"]["errors"]] == [
        (3, "destination")
    ]


def test_import_may_leave_out_what_is_wrong(broken, tmp_path):
    brand = tmp_path / "brand"
    result = run("import", broken, "--out", brand, "--encoder", "hashing", "--skip-errors")
    assert result.exit_code == 0
    assert "left out" in result.stdout
    loaded = RoutingEngine.load(brand, encoder=HashingEncoder())
    assert [rule.label for rule in loaded.location("store-1").rules] == ["Billing", "Cancel"]


def test_import_refuses_a_folder_of_something_else_before_it_works(sheet, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    result = run("import", sheet, "--out", tmp_path / "photos", "--encoder", "no/such/model")
    assert result.exit_code == ExitCode.SNAPSHOT
    assert "cat.jpg" in result.stderr


def test_import_writes_into_an_empty_folder(sheet, tmp_path):
    (tmp_path / "brand").mkdir()
    result = run("import", sheet, "--out", tmp_path / "brand", "--encoder", "hashing")
    assert result.exit_code == 0


def check(*arguments: object):
    return run("check", *arguments, "--encoder", "hashing")


def test_check_of_a_right_sheet_is_0(sheet):
    result = check(sheet)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "3 locations" in result.stdout
    assert "\nwording: nothing found (7 sentences of 3 distinct rules asked, 2 locations)" in (
        result.stdout
    )


def test_check_of_a_wrong_sheet_is_1_and_names_the_cell(broken):
    result = run("check", broken, "--encoder", "no/such/model")  # none is loaded
    assert (result.exit_code, result.stderr) == (ExitCode.DIFFERS, "")
    assert "broken.csv:3 destination" in result.stdout
    assert "'555 01A2'" in result.stdout
    assert "wording" not in result.stdout


@pytest.fixture
def unclear(tmp_path):
    rows = with_cell(1, "when", "other")
    return write_csv(tmp_path / "unclear.csv", rows)


def test_check_warns_of_the_wording(unclear):
    result = check(unclear)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[1:] == [
        "wording: 1 finding (7 sentences of 3 distinct rules asked, 2 locations)",
        "1 vague",
        "  the when of 'Emergency' says nothing of what its callers want: \"other\" (1.00) (store-1)",
        "    -> say in a few words what its 1 example has in common",
    ]


def test_check_is_1_where_findings_are_to_be_errors(unclear, sheet):
    assert check(unclear, "--strict").exit_code == ExitCode.DIFFERS
    assert check(sheet, "--strict").exit_code == 0


def test_check_leaves_the_wording_alone_where_it_is_told_to(unclear):
    result = run("check", unclear, "--no-lint", "--strict", "--encoder", "no/such/model")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "wording" not in result.stdout


def test_check_as_json_has_the_findings(unclear, sheet):
    found = json.loads(check(unclear, "--json").stdout)
    assert found["n_rules"] == 4
    assert [(item["kind"], item["rule"]) for item in found["lint"]["findings"]] == [
        ("vague", "Emergency")
    ]
    assert json.loads(run("check", sheet, "--no-lint", "--json").stdout)["lint"] is None


@pytest.mark.model
def test_check_reports_the_sheet_where_the_encoder_cannot_be_loaded(sheet, tmp_path):
    arguments = ["check", sheet, "--encoder", tmp_path / "model"]
    result = spawn(*arguments)
    assert result.returncode == 0
    assert "3 locations" in result.stdout
    assert "the wording was not measured: cannot load model" in result.stderr
    assert spawn(*arguments, "--strict").returncode == ExitCode.ENCODER
    as_json = spawn(*arguments, "--json")
    assert as_json.returncode == 0
    assert json.loads(as_json.stdout)["lint"] is None


def test_check_reports_the_sheet_where_the_encoder_fails(sheet, monkeypatch):
    class Failing(HashingEncoder):
        def encode(self, texts):
            raise EncoderError("out of order")

    monkeypatch.setattr("routing_engine.encoders.named.HashingEncoder", Failing)
    result = check(sheet)
    assert result.exit_code == 0
    assert "3 locations" in result.stdout
    assert result.stderr == "the wording was not measured: out of order\n"


def test_check_as_json_is_the_report(broken):
    result = run("check", broken, "--json")
    assert result.exit_code == ExitCode.DIFFERS
    assert json.loads(result.stdout)["errors"][0]["row"] == 3


@pytest.mark.parametrize(
    ("region", "code"), [("US", 0), ("us", 0), ("GB", 1), ("none", 1), ("NONE", 1)]
)
def test_the_region_says_how_national_numbers_are_read(tmp_path, region, code):
    sheet = write_csv(tmp_path / "s.csv", with_cell(0, "destination", "(212) 555-0111"))
    assert run("check", sheet, "--region", region, "--no-lint").exit_code == code


def test_a_template_says_what_the_columns_of_a_wide_sheet_mean(tmp_path):
    header = ["location_id", "default_destination", "Billing"]
    wide = write_csv(tmp_path / "wide.csv", [["s-1", "+12125550100", "+12125550111"]], header)
    template = write_csv(
        tmp_path / "template.csv",
        [["Billing", "caller asks about money", "I was charged twice"]],
        ["label", "when", "examples"],
    )
    brand = tmp_path / "brand"
    result = run(
        "import", wide, "--out", brand, "--template", template, "--encoder", "hashing"
    )  # fmt: skip
    assert result.exit_code == 0
    engine = RoutingEngine.load(brand, encoder=HashingEncoder())
    assert engine.location("s-1").rules[0].when == "caller asks about money"


def test_route_at_an_hour(tmp_path):
    header = [*HEADER, "business_hours", "hours"]
    rows = [[*row, "Mon-Fri 09:00-17:00", "open"] for row in ROWS[:3]]
    sheet = write_csv(tmp_path / "stores.csv", rows, header)
    run("import", sheet, "--out", tmp_path / "brand", "--encoder", "hashing")
    asked = (tmp_path / "brand", "store-1", "I was charged twice")
    day, night = "2026-03-06T11:00-05:00", "2026-03-06T22:00:30-05:00"
    assert route(*asked, "--at", day).stdout.startswith("transfer  +12125550111  Billing  ")
    closed = route(*asked, "--at", night, "--explain").stdout
    assert closed.startswith("closed  -  Billing  ")
    assert "The location is closed until Monday 2026-03-09 09:00 (America/New_York)." in closed
    found = json.loads(route(*asked, "--at", night, "--json").stdout)
    assert (found["outcome"], found["next_opening"]) == ("closed", "2026-03-09T09:00:00-04:00")
    wrong = route(*asked, "--at", "2026-03-06T11:00")
    assert wrong.exit_code == ExitCode.USAGE


# diff, export


def test_diff_is_0_where_nothing_differs(sheet, snapshot):
    result = run("diff", sheet, snapshot)
    assert result.exit_code == 0
    assert "3 unchanged" in result.stdout


def test_diff_is_1_where_something_differs(tmp_path, snapshot):
    rows = [*with_cell(0, "destination", "+12125550119")[:4], ["store-9", *NEW_YORK, *[""] * 6]]
    result = run("diff", write_csv(tmp_path / "new.csv", rows), snapshot)
    assert result.exit_code == ExitCode.DIFFERS
    assert result.stdout.splitlines()[:4] == [
        "1 added, 1 changed, 1 removed, 1 unchanged",
        "+ store-9",
        "- store-3",
        "~ store-1",
    ]


def test_diff_as_json_names_what_differs(tmp_path, snapshot):
    result = run("diff", write_csv(tmp_path / "new.csv", ROWS[:4]), snapshot, "--json")
    assert result.exit_code == ExitCode.DIFFERS
    assert json.loads(result.stdout) == {
        "added": [], "removed": ["store-3"], "changed": [], "n_unchanged": 2
    }  # fmt: skip


def test_diff_of_a_wrong_sheet_is_2_as_of_diff_itself(broken, snapshot):
    result = run("diff", broken, snapshot)
    assert (result.exit_code, result.stdout) == (ExitCode.USAGE, "")
    assert "broken.csv:3 destination" in result.stderr


def test_diff_against_no_snapshot_is_4(sheet, tmp_path):
    result = run("diff", sheet, tmp_path / "nothing")
    assert (result.exit_code, result.stdout) == (ExitCode.SNAPSHOT, "")


@pytest.mark.parametrize("name", ["out.csv", "out.tsv", "out.xlsx"])
def test_an_export_imports_back_to_the_same_locations(snapshot, tmp_path, name):
    exported = run("export", snapshot, tmp_path / name)
    assert (exported.exit_code, exported.stderr) == (0, "")
    assert "3 locations, 4 rules" in exported.stdout
    assert run("diff", tmp_path / name, snapshot).exit_code == 0


def test_a_layout_that_the_locations_do_not_fit_into_is_2(snapshot, tmp_path):
    result = run("export", snapshot, tmp_path / "wide.csv", "--layout", "wide")
    assert result.exit_code == ExitCode.USAGE
    assert "long" in result.stderr
    assert not (tmp_path / "wide.csv").exists()


def test_export_does_not_overwrite_unless_forced(snapshot, sheet):
    before = sheet.read_bytes()
    refused = run("export", snapshot, sheet)
    assert refused.exit_code == ExitCode.USAGE
    assert "--force" in refused.stderr
    assert sheet.read_bytes() == before
    assert run("export", snapshot, sheet, "--force").exit_code == 0
    assert sheet.read_bytes() != before


@pytest.mark.parametrize("name", ["out.pdf", "no-such-folder/out.csv"])
def test_a_sheet_that_cannot_be_written_is_2(snapshot, tmp_path, name):
    result = run("export", snapshot, tmp_path / name)
    assert result.exit_code == ExitCode.USAGE
    assert result.stderr.startswith("error: ")


# route


def test_route_prints_one_line(snapshot):
    result = route(snapshot, "store-1", "my invoice is wrong")
    confidence = result.stdout.split("  ")[3]
    assert result.stdout == (
        f"transfer  +12125550111  Billing  {confidence}  rule_matched\n"
    )  # fmt: skip
    assert 0.5 <= float(confidence) <= 1.0
    assert result.stderr == ""


def test_words_need_no_quotes(snapshot):
    together = route(snapshot, "store-1", "my invoice is wrong").stdout
    assert route(snapshot, "store-1", "my", "invoice", "is", "wrong").stdout == together


@pytest.mark.parametrize(
    ("location", "words", "expected"),
    [
        ("store-1", "🤷", "default  +12125550100  -  0.00  empty_utterance\n"),
        ("store-1", "", "default  +12125550100  -  0.00  empty_utterance\n"),
        ("store-3", "my invoice", "default  +18605550100  -  0.00  no_rules\n"),
    ],
)
def test_route_to_the_default(snapshot, location, words, expected):
    assert route(snapshot, location, words).stdout == expected


def test_verification_and_confirmation_are_given_as_options(snapshot):
    asked = route(snapshot, "store-2", "I was charged twice").stdout
    assert asked.startswith("verify  -  Billing  ")
    given = route(snapshot, "store-2", "I was charged twice", "--verified").stdout
    assert given.startswith("transfer  +16175550111  Billing  ")
    asked = route(snapshot, "store-1", "cancel my membership").stdout
    assert asked.startswith("confirm  -  Cancel  ")
    given = route(snapshot, "store-1", "cancel my membership", "--confirmed").stdout
    assert given.startswith("transfer  +12125550113  Cancel  ")


def test_route_as_json_is_the_decision(snapshot):
    result = route(snapshot, "store-1", "my invoice is wrong", "--json")
    engine = RoutingEngine.load(snapshot, encoder=HashingEncoder())
    found = json.loads(result.stdout)
    assert found.pop("decision_id")
    assert found == without_id(engine.route("store-1", "my invoice is wrong"))
    assert result.stdout.count("\n") == 1


def test_explain_says_why_and_shows_every_candidate_best_first(snapshot):
    lines = route(snapshot, "store-1", "my invoice is wrong", "--explain").stdout.splitlines()
    assert lines[1].startswith("Billing, ")
    assert (
        f" where the engine asks for {DEFAULT_THRESHOLD:.2f}: nearest is its example " in lines[1]
    )
    labels = [line[1:].split()[0] for line in lines[4:7]]
    assert labels[0] == "Billing"
    assert sorted(labels) == ["Billing", "Cancel", "Emergency"]
    assert lines[4].startswith(">")
    assert "+12125550111" in lines[4]
    assert lines[-1] == "catalog version 1"


def test_explain_says_where_nothing_was_scored(snapshot):
    result = route(snapshot, "store-3", "my invoice", "--explain")
    assert result.stdout.splitlines()[1:] == [
        "The location has no rules. Sent to the default, +*********00."
    ]


def test_explain_as_json_has_the_explanation(snapshot):
    result = route(snapshot, "store-1", "my invoice is wrong", "--json", "--explain")
    found = json.loads(result.stdout)
    engine = RoutingEngine.load(snapshot, encoder=HashingEncoder())
    decision = engine.route("store-1", "my invoice is wrong")
    assert found.pop("explanation") == decision.explain()
    assert found.pop("decision_id")
    assert found == without_id(decision)


def test_an_unknown_location_is_3_and_the_nearest_is_named(snapshot):
    result = run("route", snapshot, "stor-1", "hello")  # fails before a model is loaded
    assert (result.exit_code, result.stdout) == (ExitCode.UNKNOWN_LOCATION, "")
    assert "no location 'stor-1'; did you mean 'store-1'" in result.stderr


def test_an_unknown_location_that_is_like_no_other(snapshot):
    result = run("route", snapshot, "zzz", "hello")
    assert result.exit_code == ExitCode.UNKNOWN_LOCATION
    assert "did you mean" not in result.stderr


def test_no_snapshot_is_4(tmp_path):
    result = run("route", tmp_path, "store-1", "hello")
    assert (result.exit_code, result.stdout) == (ExitCode.SNAPSHOT, "")
    assert result.stderr.startswith("error: ")


def test_an_altered_snapshot_is_4(sheet, tmp_path):
    brand = tmp_path / "brand"
    run("import", sheet, "--out", brand, "--encoder", "hashing")
    tables = next(brand.glob("tables-*.json"))
    tables.write_bytes(tables.read_bytes().replace(b"Billing", b"Killing"))
    result = route(brand, "store-1", "hello")
    assert result.exit_code == ExitCode.SNAPSHOT
    assert "altered" in result.stderr


def test_another_encoder_than_the_snapshots_is_4(tmp_path):
    rule = ContextRule(label="A", when="b", destination="+12125550111")
    location = Location(location_id="s", default_destination="+12125550100", rules=[rule])
    RoutingEngine([location], encoder=HashingEncoder(32)).save(tmp_path / "other")
    result = route(tmp_path / "other", "s", "hello")
    assert result.exit_code == ExitCode.SNAPSHOT
    assert "hashing-1-32" in result.stderr
    assert "--encoder" in result.stderr


@pytest.mark.model
def test_a_model_that_is_not_there_is_5(snapshot, tmp_path):
    result = spawn("route", snapshot, "store-1", "hello", "--encoder", tmp_path / "model")
    assert (result.returncode, result.stdout) == (ExitCode.ENCODER, "")
    assert "cannot load model" in result.stderr
    assert "Traceback" not in result.stderr


class _Failing(HashingEncoder):
    def encode(self, texts):
        raise RuntimeError("out of order")


def test_an_encoder_that_fails_is_5_and_the_default_is_still_printed(snapshot, monkeypatch):
    monkeypatch.setattr("routing_engine.encoders.named.HashingEncoder", _Failing)
    result = route(snapshot, "store-1", "my invoice is wrong")
    assert result.exit_code == ExitCode.ENCODER
    assert result.stdout == "default  +12125550100  -  0.00  engine_degraded\n"


# repl


def test_repl_answers_each_line_of_a_pipe(snapshot):
    lines = ["my invoice is wrong", "", "cancel my membership", ":location store-3", "hello"]
    result = run(
        "repl", snapshot, "store-1", "--encoder", "hashing", stdin="\n".join(lines)
    )  # fmt: skip
    answered = result.stdout.splitlines()
    assert result.exit_code == 0
    assert answered[0].startswith("transfer  +12125550111  Billing  ")
    assert answered[1].startswith("confirm  -  Cancel  ")
    assert answered[2:] == [
        "  ask: Shall I connect you with Cancel?",
        "location store-3",
        "default  +18605550100  -  0.00  no_rules",
    ]


def test_repl_options_are_switched(snapshot):
    lines = [":verified", "I was charged twice", ":verified", "I was charged twice", ":explain",
             "I was charged twice", ":confirmed", ":help"]  # fmt: skip
    result = run("repl", snapshot, "store-2", "--encoder", "hashing", stdin="\n".join(lines))
    answered = result.stdout.splitlines()
    assert answered[0] == "verified on"
    assert answered[1].startswith("transfer  +16175550111")
    assert answered[2] == "verified off"
    assert answered[3].startswith("verify  -  Billing")
    assert any(line.split()[:2] == [">", "Billing"] for line in answered)
    assert answered[-2:] == [
        "confirmed on",
        ":location ID  :explain  :verified  :confirmed  :help  :quit",
    ]


def test_repl_goes_on_after_what_it_does_not_understand(snapshot):
    lines = [":location nowhere", ":location", ":", ":sing", "my invoice is wrong", ":quit", "hi"]
    result = run("repl", snapshot, "store-1", "--encoder", "hashing", stdin="\n".join(lines))
    assert result.exit_code == 0
    assert len(result.stderr.splitlines()) == 4
    assert "no location 'nowhere'" in result.stderr
    assert result.stdout.startswith("transfer  +12125550111")
    assert result.stdout.count("\n") == 1


def test_repl_at_a_terminal_shows_where_it_is(snapshot, monkeypatch):
    typed = iter(["", ":location store-2", "I was charged twice"])
    prompts = []

    def fake_input(prompt):
        prompts.append(prompt)
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", fake_input)
    monkeypatch.setattr(sys, "stdin", _Terminal())
    lines = list(_collected(snapshot))
    assert prompts == ["store-1> ", "store-1> ", "store-2> ", "store-2> "]
    assert any(line.startswith("verify  -  Billing") for line in lines)


class _Terminal:
    def isatty(self):
        return True


def _collected(snapshot):
    import contextlib
    import io

    from routing_engine.cli.calls import repl

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        repl(snapshot, "store-1", encoder="hashing")
    return out.getvalue().splitlines()


def test_repl_at_an_unknown_location_is_3(snapshot):
    assert run("repl", snapshot, "nowhere", stdin="hi").exit_code == ExitCode.UNKNOWN_LOCATION


# call


def test_a_call_is_played_turn_by_turn(snapshot):
    lines = ["how are you", ":agent fine, what is it", "my invoice is wrong", ":failed busy",
             ":failed no_answer", ":failed soon", ":dance", ":help"]  # fmt: skip
    result = run("call", snapshot, "store-1", "--encoder", "hashing", stdin="\n".join(lines))
    answered = result.stdout.splitlines()
    assert result.exit_code == 0
    assert answered[0].startswith("contain  -  ")
    assert answered[1].startswith("transfer  +12125550111  Billing  ")
    assert answered[2].startswith("transfer  +")
    assert answered[2].split()[1] != "+12125550111"
    assert "':dance' is no command" in result.stderr
    assert "'soon' is not how a transfer ends" in result.stderr
    end = answered.index("")
    assert answered[end - 1].startswith(":agent WORDS")
    assert answered[end + 1] == "handoff"
    assert "  rule      Billing" in answered[end:]
    assert any("They said: my invoice is wrong." in line for line in answered[end:])


def test_a_script_gives_the_whole_call(snapshot, tmp_path):
    script = tmp_path / "call.txt"
    script.write_text(
        "# a comment\n:at 2026-03-02T10:00-05:00\nhello\n\n:agent hi\n:name Jane Doe\n"
        ":note Order Number = 7\n:partial my inv\nmy invoice is wrong\n",
        encoding="utf-8",
    )
    result = run(
        "call", snapshot, "store-1", "--encoder", "hashing", "--json",
        "--script", script, "--caller-id", "+12025550188",
    )  # fmt: skip
    played = json.loads(result.stdout)
    assert [decision["outcome"] for decision in played["decisions"]] == [
        "contain", "contain", "transfer",
    ]  # fmt: skip
    assert played["call"]["caller"]["number"] == "+12025550188"
    said = [event["text"] for event in played["call"]["events"] if event["kind"] == "caller"]
    assert said == ["hello", "my invoice is wrong"]
    assert {event["at"] for event in played["call"]["events"]} == {"2026-03-02T10:00:00-05:00"}
    handoff = Handoff.from_json(json.dumps(played["handoff"]))
    assert handoff.decision_id == played["decisions"][-1]["decision_id"] != ""
    assert (handoff.caller.name, handoff.details) == ("Jane Doe", {"Order Number": "7"})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (":jump", "line 2: ':jump' is no command"),
        (":failed busy", "nothing was being dialled"),
        (":at noon", "'noon' is no moment with a time zone"),
        (":at 2026-03-02T10:00", "is no moment with a time zone"),
        (":note 7", "a note is a name and a value"),
        (":note", "':note' is no command, or has too little"),
    ],
)
def test_a_wrong_line_of_a_script_is_named(snapshot, tmp_path, line, message):
    script = tmp_path / "call.txt"
    script.write_text(f"hello\n{line}\n", encoding="utf-8")
    result = run("call", snapshot, "store-1", "--encoder", "hashing", "--script", script)
    assert result.exit_code == ExitCode.USAGE
    assert message in result.stderr


def test_the_caller_who_hangs_up_ends_the_call(snapshot):
    lines = ["my invoice is wrong", ":failed caller_hung_up", "hello"]
    result = run("call", snapshot, "store-1", "--encoder", "hashing", stdin="\n".join(lines))
    assert result.stdout.splitlines()[1:3] == ["contain  -  -  0.00  caller_left", ""]
    assert run("call", snapshot, "nowhere", stdin="hi").exit_code == ExitCode.UNKNOWN_LOCATION


def test_the_line_that_was_called_is_not_dialled(snapshot):
    said = {"stdin": "my invoice is wrong\n"}
    usual = run("call", snapshot, "store-1", "--encoder", "hashing", **said)
    dialled = usual.stdout.splitlines()[0].split("  ")[1]
    result = run(
        "call", snapshot, "store-1", "--encoder", "hashing", "--called", dialled, **said
    )  # fmt: skip
    outcome, destination, _, _, reason = result.stdout.splitlines()[0].split("  ")
    assert (outcome, reason) == ("default", "loop_avoided")
    assert destination != dialled


def test_who_is_answered_is_transferred(snapshot):
    lines = ["my invoice is wrong", ":answered", "hello"]
    result = run("call", snapshot, "store-1", "--encoder", "hashing", stdin="\n".join(lines))
    assert result.stdout.splitlines()[1:3] == ["contain  -  -  0.00  transferred", ""]


# evaluate, fit


@pytest.mark.parametrize("source", ["brand", "brand.csv"])
def test_evaluate_reports_on_a_snapshot_or_a_sheet(business, source):
    result = with_hashing("evaluate", business / source, business / "calls.csv")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert result.stdout == f"{live_engine().evaluate(business / 'calls.csv')}\n"


def test_evaluate_as_json_is_the_evaluation(business):
    result = with_hashing("evaluate", business / "brand", business / "calls.csv", "--json")
    found = live_engine().evaluate(business / "calls.csv")
    assert json.loads(result.stdout) == json.loads(json.dumps(found.to_dict()))


def test_backtest_says_what_would_go_elsewhere(business):
    sheet, snapshot, calls = business / "brand.csv", business / "brand", business / "calls.csv"
    same = with_hashing("backtest", snapshot, sheet, calls)
    assert same.exit_code == ExitCode.OK
    assert "0 would go elsewhere (0.0%)" in same.stdout
    fewer = RoutingEngine(
        [one.model_copy(update={"rules": one.rules[1:]}) for one in locations()],
        encoder=HashingEncoder(),
    )
    write_sheet(fewer.columns, business / "fewer.csv")
    result = with_hashing("backtest", snapshot, business / "fewer.csv", calls, "--json")
    assert result.exit_code == ExitCode.DIFFERS
    told = json.loads(result.stdout)
    assert told["n_moved"] > 0
    assert "Billing" in {move["before"] for move in told["moves"]}
    assert "Billing" not in {move["after"] for move in told["moves"]}
    assert told["n_labelled"] == told["n"] == 250


@pytest.mark.parametrize("command", ["check", "evaluate", "backtest", "fit"])
def test_a_report_is_written_as_a_page_where_it_is_asked_for(business, command):
    sheet, calls, page = business / "brand.csv", business / "calls.csv", business / "report.html"
    arguments = {
        "check": [sheet],
        "evaluate": [sheet, calls],
        "backtest": [sheet, sheet, calls],
        "fit": [sheet, calls, "--out", business / "fitted"],
    }[command]
    assert with_hashing(command, *arguments, "--html", page).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert command.title()[:3] in text
    assert "<script" not in text


def test_evaluate_draws_where_it_is_asked_to(business):
    drawn = business / "new" / "report.png"
    result = with_hashing("evaluate", business / "brand", business / "calls.csv", "--plot", drawn)
    assert result.exit_code == 0, result.output
    assert drawn.read_bytes().startswith(b"\x89PNG")


def test_a_plot_without_matplotlib_fails_before_the_work(business, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = with_hashing(
        "evaluate", business / "brand", business / "calls.csv", "--plot", business / "a.png"
    )
    assert result.exit_code == ExitCode.ENCODER
    assert 'pip install "routing-engine[plots]"' in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("command", ["evaluate", "fit"])
def test_wrong_cases_are_2_and_all_are_named_without_what_was_said(business, command):
    rows = [["store-1", "secret words", "Biling"], ["store-7", "secret words", ""], ["", "x", ""]]
    calls = write_csv(business / "wrong.csv", rows, ["store", "utterance", "department"])
    out = ("--out", business / "fitted") if command == "fit" else ()
    result = with_hashing(command, business / "brand", calls, *out)
    assert result.exit_code == ExitCode.USAGE
    assert result.stdout == ""
    assert "wrong.csv:2 label: 'Biling' is no rule of 'store-1'" in result.stderr
    assert "wrong.csv:3 location_id: there is no location 'store-7'" in result.stderr
    assert "wrong.csv:4 store: is empty" in result.stderr
    assert "secret" not in result.stderr
    assert not (business / "fitted").exists()


def test_evaluate_of_a_wrong_sheet_is_1_and_of_no_snapshot_4(broken, business):
    calls = business / "calls.csv"
    assert with_hashing("evaluate", broken, calls).exit_code == ExitCode.DIFFERS
    (business / "empty").mkdir()
    assert with_hashing("evaluate", business / "empty", calls).exit_code == ExitCode.SNAPSHOT
    assert with_hashing("evaluate", business / "brand", business / "none").exit_code == (
        ExitCode.USAGE
    )


def test_evaluate_with_another_encoder_than_the_snapshots_is_4(business, monkeypatch):
    monkeypatch.setattr(HashingEncoder, "fingerprint", "another")
    result = with_hashing("evaluate", business / "brand", business / "calls.csv")
    assert result.exit_code == ExitCode.SNAPSHOT
    assert "another encoder" in result.stderr
    assert "--reembed to embed its rules again" in result.stderr


def test_reembed_mends_a_snapshot_of_another_encoder(business, tmp_path, monkeypatch):
    brand = tmp_path / "mended"
    shutil.copytree(business / "brand", brand)
    before = RoutingEngine.load(brand, encoder=HashingEncoder())
    monkeypatch.setattr(HashingEncoder, "fingerprint", "another")
    calls = business / "calls.csv"
    mended = with_hashing("evaluate", brand, calls, "--reembed")
    assert mended.exit_code == 0, mended.output
    assert "embedded again with another, and saved" in mended.stderr
    again = with_hashing("evaluate", brand, calls)
    assert (again.exit_code, again.stdout) == (0, mended.stdout)
    after = RoutingEngine.load(brand, encoder=HashingEncoder())
    assert after.catalog_version == before.catalog_version
    assert list(after.location_ids()) == list(before.location_ids())
    kept = with_hashing("evaluate", brand, calls, "--reembed")
    assert (kept.exit_code, "embedded again" in kept.stderr) == (0, False)


def test_fit_saves_an_engine_that_answers_better(business):
    result = with_hashing(
        "fit", business / "brand", business / "calls.csv", "--out", business / "fitted",
        "--plot", business / "fit.png",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("accepted: ")
    assert (business / "fit.png").read_bytes().startswith(b"\x89PNG")
    fitted = RoutingEngine.load(business / "fitted", encoder=HashingEncoder())
    others = labelled_cases(200, seed=9)
    assert fitted.evaluate(others).balanced > live_engine().evaluate(others).balanced


def test_importing_over_what_was_fitted_keeps_it(business):
    fitted = business / "fitted"
    with_hashing("fit", business / "brand.csv", business / "calls.csv", "--out", fitted)
    before = with_hashing("route", fitted, "store-1", "invoice", "--json").stdout
    columns = live_engine(threshold=0.8).columns
    write_sheet(columns, business / "changed.csv")
    assert with_hashing("import", business / "changed.csv", "--out", fitted).exit_code == 0
    after = with_hashing("route", fitted, "store-1", "invoice", "--json").stdout
    assert json.loads(after)["candidates"] == json.loads(before)["candidates"]
    assert json.loads(after)["threshold"] == 0.8


def test_fit_that_gains_nothing_is_1_and_writes_nothing(business):
    calls = [[c.location_id, c.text, c.label or ""] for c in noise_cases(100)]
    path = write_csv(business / "noise.csv", calls, ["location_id", "utterance", "label"])
    out = business / "fitted"
    result = with_hashing("fit", business / "brand", path, "--out", out)
    assert result.exit_code == ExitCode.DIFFERS
    assert result.stdout.startswith("refused; ")
    assert not out.exists()
    as_json = with_hashing("fit", business / "brand", path, "--out", out, "--json")
    assert as_json.exit_code == ExitCode.DIFFERS
    assert json.loads(as_json.stdout)["accepted"] is False


def test_fit_refuses_a_folder_of_something_else_before_it_works(business):
    result = with_hashing("fit", business / "brand", business / "calls.csv", "--out", business)
    assert result.exit_code == ExitCode.SNAPSHOT
    assert "choose a new or empty directory" in result.stderr


# demo, bench


def test_demo_routes_a_dozen_calls(monkeypatch):
    monkeypatch.chdir(ROOT)
    result = run("demo", "--encoder", "hashing")
    assert result.exit_code == 0
    assert "75 locations" in result.stdout
    assert "12 calls, median" in result.stdout
    for location_id, _ in sample.CALLS:
        assert location_id in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize("width", [80, 100, 120])
def test_demo_fits_the_terminal(monkeypatch, width):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", str(width))
    lines = run("demo", "--encoder", "hashing").stdout.splitlines()
    start = lines.index("The calls")
    assert max(map(len, lines[start:])) <= width
    assert ("Fernwick Anchorage, AK" in "\n".join(lines)) == (width >= 110)


def test_demo_of_another_sheet_uses_its_locations(sheet):
    result = run("demo", "--sheet", sheet, "--encoder", "hashing")
    assert result.exit_code == 0
    assert "store-2" in result.stdout
    assert "store-0195" not in result.stdout
    assert "no rules here" in result.stdout


def test_demo_without_the_sample_says_so(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sample, "source_folders", lambda: (tmp_path,))
    result = run("demo")
    assert (result.exit_code, result.stdout) == (ExitCode.USAGE, "")
    assert "--sheet FILE" in result.stderr


def test_demo_of_a_wrong_sheet_is_1(broken):
    result = run("demo", "--sheet", broken)
    assert (result.exit_code, result.stdout) == (ExitCode.DIFFERS, "")
    assert "broken.csv:3 destination" in result.stderr


def test_the_sample_is_found_from_anywhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert sample.find_sheet() == ROOT / "data" / "franchise.csv"


@pytest.mark.model
def test_demo_with_the_real_model_is_clean_and_right():
    result = spawn("demo", COLUMNS="120")
    assert (result.returncode, result.stderr) == (0, "")
    expected = {
        "store-0195": "+19075550113",  # Emergency Service
        "store-0132": "+15125550109",  # Billing
        "store-0168": "+15205550193",  # New Installation
        "store-0113": "+13145550112",  # Warranty Claims
        "store-0126": "+17135550196",  # Spanish-Speaking Staff
        "store-0066": "confirm first",
        "store-0107": "nothing said",
    }
    for location_id, answer in expected.items():
        assert any(
            line.startswith(location_id) and answer in line for line in result.stdout.splitlines()
        )
    assert "verify caller" in result.stdout
    assert "none fits" in result.stdout
    assert "Warning" not in result.stdout


def test_bench_hands_its_arguments_on(monkeypatch, tmp_path):
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__init__.py").touch()
    (tmp_path / "benchmarks" / "__main__.py").write_text(
        "def main(argv):\n    print(argv)\n    return 7\n"
    )
    result = spawn("bench", "latency", "--json", "-n", "3", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (7, "['latency', '--json', '-n', '3']\n")


def test_bench_runs_in_this_process(monkeypatch, tmp_path):
    handed = []
    fake = types.ModuleType("benchmarks.__main__")
    fake.main = lambda argv: handed.append(argv) or 0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "benchmarks", types.ModuleType("benchmarks"))
    monkeypatch.setitem(sys.modules, "benchmarks.__main__", fake)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__main__.py").touch()
    monkeypatch.setattr(sample, "source_folders", lambda: (tmp_path,))
    assert run("bench", "latency", "--json").exit_code == 0
    assert run("bench").exit_code == 0
    assert handed == [["latency", "--json"], []]


def test_bench_without_the_repository_says_where_it_is(monkeypatch, tmp_path):
    monkeypatch.setattr(sample, "source_folders", lambda: (tmp_path,))
    result = run("bench", "latency")
    assert result.exit_code == ExitCode.USAGE
    assert "source repository" in result.stderr


# What comes out of a sheet is text


def test_markup_and_control_characters_are_text():
    assert (
        plain("[bold]x[/] :smile: \x1b[31m\n\u202e\x9b")
        == "[bold]x[/] :smile: \ufffd[31m \ufffd\ufffd"
    )


def test_styles_stay_where_they_are_when_text_is_made_printable():
    from rich.text import Text

    text = Text.assemble(("a\x1bb", "red"), ("c\u2028d\ne", "blue"))
    safe = printable(text)
    assert safe.plain == "a\ufffdbc\ufffdd\ne"
    assert safe.spans == text.spans


def test_labels_with_markup_are_printed_as_they_are(tmp_path):
    label = "[link=http://evil]Pay[/link] :warning:"
    rows = with_cell(0, "label", label)
    rows = [row if row[0] != "store-1" else [*row] for row in rows]
    sheet = write_csv(tmp_path / "s.csv", rows)
    brand = tmp_path / "brand"
    assert run("import", sheet, "--out", brand, "--encoder", "hashing").exit_code == 0
    result = route(brand, "store-1", "my invoice is wrong", "--explain")
    assert result.stdout.splitlines()[0].split("  ")[2] == label
    assert "[link=http://evil]Pay" in result.stdout.splitlines()[1]
    assert "[link=http://evil]Pay" in result.stdout.split("similarity  ")[1]


def test_reading_direction_marks_in_labels_are_not_printed(tmp_path):
    sheet = write_csv(tmp_path / "s.csv", with_cell(0, "label", "Bill\u202eing"))
    brand = tmp_path / "brand"
    assert run("import", sheet, "--out", brand, "--encoder", "hashing").exit_code == 0
    assert "\u202e" not in route(brand, "store-1", "my invoice is wrong", "--explain").stdout


def test_reports_hold_no_control_characters(tmp_path):
    header = [*HEADER, "n[bold]o\x1b[31mte"]
    rows = [[*row, "x"] for row in with_cell(1, "label", "a\x1b[2Jb")]
    result = run("check", write_csv(tmp_path / "s.csv", rows, header))
    assert "[bold]" in result.stdout
    assert "\x1b" not in result.stdout


# Errors


def test_a_bug_is_70_without_a_traceback(snapshot, monkeypatch):
    def explode(*_):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("routing_engine.catalog.snapshot.load_snapshot", explode)
    result = route(snapshot, "store-1", "hello")
    assert result.exit_code == ExitCode.INTERNAL
    assert "internal error, a bug in routing-engine: ZeroDivisionError" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("option", ["--html", "--out"])
def test_a_path_that_cannot_be_written_is_no_bug(broken, tmp_path, option):
    result = run("check", broken, option, tmp_path / "nowhere" / "report")
    assert result.exit_code == ExitCode.USAGE
    assert "error: cannot read or write " in result.stderr
    assert "No such file or directory" in result.stderr


def test_debug_shows_the_traceback(tmp_path):
    result = run("--debug", "route", tmp_path, "store-1", "hello")
    assert result.exit_code == ExitCode.SNAPSHOT
    assert "Traceback" in result.stderr
    assert "error: " in result.stderr


def test_debug_is_an_environment_variable_too(tmp_path):
    result = spawn("route", tmp_path, "s", "hello", ROUTING_ENGINE_DEBUG="1")
    assert result.returncode == ExitCode.SNAPSHOT
    assert "Traceback" in result.stderr


def test_an_interruption_is_130(snapshot, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("routing_engine.catalog.snapshot.load_snapshot", interrupt)
    result = route(snapshot, "store-1", "hello")
    assert (result.exit_code, result.stderr) == (ExitCode.INTERRUPTED, "error: interrupted\n")


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_repl_ends_by_control_c_without_a_traceback(snapshot):
    with subprocess.Popen(
        [sys.executable, "-m", "routing_engine.cli", "repl", snapshot, "store-1",
         "--encoder", "hashing"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        # A shell starts what runs in its background deaf to control-C, and a child inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(":help\n")
        process.stdin.flush()
        assert process.stdout.readline().startswith(":location")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (ExitCode.INTERRUPTED, "error: interrupted\n")


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
def test_a_closed_pipe_is_quiet(snapshot):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        result = subprocess.run(
            [sys.executable, "-m", "routing_engine.cli", "route", snapshot, "store-1", "hello",
             "--encoder", "hashing"],
            stdout=writing, stderr=subprocess.PIPE, text=True, cwd=ROOT, timeout=120, check=False,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert (result.returncode, result.stderr) == (ExitCode.BROKEN_PIPE, "")


def test_main_ends_with_the_exit_code(monkeypatch, capsys):
    from routing_engine.cli import main

    monkeypatch.setattr(sys, "argv", ["routing-engine", "--version"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert capsys.readouterr().out == f"routing-engine {__version__}\n"


def test_an_interruption_outside_of_a_command_is_130(monkeypatch):
    from routing_engine.cli import commands

    def interrupt(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "app", interrupt)
    with pytest.raises(SystemExit) as ended:
        commands.main()
    assert ended.value.code == ExitCode.INTERRUPTED


def test_progress_is_shown_at_a_terminal_and_on_stderr_only(sheet, tmp_path, monkeypatch):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    result = run("import", sheet, "--out", tmp_path / "b", "--encoder", "hashing", "--json")
    assert "reading" in result.stderr
    assert json.loads(result.stdout)["snapshot"]["changed"] is True


# What a process loads


LOADS = """
import sys
from routing_engine.cli import main
sys.argv = ["routing-engine", *sys.argv[1:]]
try:
    main()
finally:
    heavy = {"torch", "transformers", "sentence_transformers", "pandas", "faiss"} & set(sys.modules)
    print("loaded:", *sorted(heavy), file=sys.stderr)
"""


def loaded_by(*arguments: object) -> set[str]:
    result = subprocess.run(
        [sys.executable, "-c", LOADS, *map(str, arguments)],
        capture_output=True, text=True, cwd=ROOT, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return set(result.stderr.splitlines()[-1].removeprefix("loaded:").split())


def test_help_loads_nothing_heavy():
    assert loaded_by("--help") == set()


def test_check_diff_and_export_load_no_model(sheet, snapshot, tmp_path):
    model = {"torch", "transformers", "sentence_transformers"}
    assert loaded_by("check", sheet, "--no-lint") & (model | {"faiss"}) == set()
    assert loaded_by("check", sheet, "--encoder", "hashing") & model == set()
    assert loaded_by("diff", sheet, snapshot) & model == set()
    assert loaded_by("export", snapshot, tmp_path / "out.csv") & model == set()


def test_help_is_quick():
    before = os.times()
    assert spawn("--help").returncode == 0
    after = os.times()
    took_s = after.children_user + after.children_system
    took_s -= before.children_user + before.children_system
    assert took_s < 3.0  # of computing, however busy the machine is; 0.6 s


def test_import_route_export_diff_in_processes_of_their_own(sheet, tmp_path):
    brand, out = tmp_path / "brand", tmp_path / "out.xlsx"
    imported = spawn("import", sheet, "--out", brand, "--encoder", "hashing")
    assert (imported.returncode, imported.stderr) == (0, "")
    routed = spawn("route", brand, "store-1", "my invoice is wrong", "--encoder", "hashing")
    assert routed.stdout.startswith("transfer  +12125550111  Billing  ")
    exported = spawn("export", brand, out)
    assert (exported.returncode, exported.stderr) == (0, "")
    compared = spawn("diff", out, brand)
    assert (compared.returncode, compared.stderr) == (0, "")


def test_a_terminal_that_cannot_show_a_letter_is_no_error(snapshot):
    result = spawn("route", snapshot, "store-1", "¿qué?", "--encoder", "hashing", "--explain",
                   PYTHONIOENCODING="ascii", PYTHONUTF8="0")  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.model
def test_compile_names_the_encoder_and_is_done_at_once_the_second_time():
    first, second = run("compile"), run("compile", "default")
    assert first.exit_code == second.exit_code == 0
    shipped = packaged_model()
    assert first.stdout.startswith(f"{shipped.name}: {shipped.fingerprint}, dimension 384")
    assert second.stdout.split("ready")[0] == first.stdout.split("ready")[0]


def test_compile_of_a_model_that_is_not_there_is_a_model_error(tmp_path):
    result = run("compile", tmp_path / "no-model")
    assert result.exit_code == 5
    assert "cannot load model" in result.stderr
