from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from typer.testing import CliRunner

from routing_engine import RoutingEngine
from routing_engine.catalog.columns import LocationColumns
from routing_engine.cli import ExitCode, app
from routing_engine.encoders import default_encoder
from routing_engine.sheets import read_sheet, write_sheet
from tests.support.strategies import a_location, a_rule, number

BILLING = a_rule(
    "Billing", number(1), when="caller asks about an invoice, charge, or refund", examples=()
)
CANCEL = a_rule(
    "Cancel",
    number(2),
    when="caller wants to cancel their membership",
    examples=("I want out of the club",),
)

pytestmark = pytest.mark.model


def run(*arguments):
    return CliRunner().invoke(app, ["suggest", *map(str, arguments)])


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    path = tmp_path_factory.mktemp("sheets") / "stores.csv"
    locations = [
        a_location("store-1", BILLING, CANCEL),
        a_location("store-2", BILLING, CANCEL),
        a_location("store-3", BILLING.model_copy(update={"examples": ("charged twice",)})),
        a_location("store-4"),
    ]
    write_sheet(LocationColumns.from_locations(locations), path)
    return path


def test_proposals_are_shown_and_nothing_is_written(sheet):
    before = sheet.read_bytes()
    result = run(sheet)
    assert result.exit_code == ExitCode.OK
    lines = result.stdout.splitlines()
    assert lines[:2] == ["store-1 and 1 more", "  Billing"]
    assert "store-3" in lines
    assert "nothing was written" in result.stderr
    assert sheet.read_bytes() == before
    assert [path.name for path in sheet.parent.iterdir()] == ["stores.csv"]


def test_only_rules_without_examples_are_filled(sheet, tmp_path):
    out = tmp_path / "out.csv"
    result = run(sheet, "--out", out, "--json")
    assert result.exit_code == ExitCode.OK
    answer = json.loads(result.stdout)
    assert (answer["written"], answer["n_rules"], answer["n_examples"]) == (str(out), 1, 8)
    before, after = read_sheet(sheet).columns, read_sheet(out).columns
    proposed = answer["locations"][0]["rules"][0]["suggestions"]
    for i in range(4):
        was, now = before.location(i), after.location(i)
        for old, new in zip(was.rules, now.rules, strict=True):
            filled = tuple(item["text"] for item in proposed) if not old.examples else old.examples
            assert new == old.model_copy(update={"examples": filled})
        assert now.model_copy(update={"rules": was.rules}) == was


def test_what_was_added_is_said(sheet, tmp_path):
    result = run(sheet, "--location", "store-1", "--out", tmp_path / "out.xlsx")
    assert "8 examples added to 1 rules that had none" in result.stderr
    filled = read_sheet(tmp_path / "out.xlsx").columns
    assert [len(filled.location(i).rules[0].examples) for i in range(3)] == [8, 0, 1]


def test_a_snapshot_is_read_too(sheet, tmp_path):
    encoder = default_encoder()
    RoutingEngine.from_csv(sheet, encoder=encoder).save(tmp_path / "brand")
    result = run(tmp_path / "brand", "--location", "store-1", "--json", "--per-rule", "2")
    (found,) = json.loads(result.stdout)["locations"]
    assert [len(rule["suggestions"]) for rule in found["rules"]] == [2, 2]


def test_an_unknown_location_is_told_with_one_like_it(sheet):
    result = run(sheet, "--location", "store-11")
    assert result.exit_code == ExitCode.UNKNOWN_LOCATION
    assert "did you mean" in result.stderr


@pytest.fixture
def endpoint():
    """A real server that answers every rule with the same sentences, and keeps what it got."""
    heard = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            heard.append((self.path, self.headers.get("Authorization"), body))
            said = '```json\n["I was charged twice", "end my membership please"]\n```'
            answer = json.dumps({"choices": [{"message": {"content": said}}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1", heard
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_model_is_asked_instead(sheet, endpoint, monkeypatch):
    url, heard = endpoint
    monkeypatch.setenv("ROUTING_ENGINE_MODEL_KEY", "secret-key")
    result = run(sheet, "--location", "store-1", "--model", url, "--model-name", "tiny", "--json")
    assert result.exit_code == ExitCode.OK
    (found,) = json.loads(result.stdout)["locations"]
    texts = [[item["text"] for item in rule["suggestions"]] for rule in found["rules"]]
    assert texts == [["I was charged twice"], ["end my membership please"]]
    assert {item[0] for item in heard} == {"/v1/chat/completions"}
    assert {item[1] for item in heard} == {"Bearer secret-key"}
    assert heard[0][2]["model"] == "tiny"
    sent = json.dumps([item[2] for item in heard])
    assert "invoice, charge, or refund" in sent
    assert "store-1" not in sent
    assert "+1415" not in sent


def test_a_model_that_is_not_there_is_one_error(sheet):
    result = run(sheet, "--location", "store-1", "--model", "http://127.0.0.1:9/v1")
    assert result.exit_code == ExitCode.ENCODER
    assert "the model at http://127.0.0.1:9/v1/chat/completions cannot be reached" in result.stderr
    assert run(sheet, "--model", "file:///etc/passwd").exit_code == ExitCode.USAGE
