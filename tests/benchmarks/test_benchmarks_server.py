"""The proofs about the server can fail: what breaks a claim is seen."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from starlette.testclient import TestClient

from benchmarks.benchmark import ClaimError
from benchmarks.generate import franchise_columns, write_franchise_csv
from benchmarks.processes import BenchmarkProcessError
from benchmarks.publishing import broken as broken_publishing
from benchmarks.publishing import renumbered
from benchmarks.publishing_child import (
    generation,
    generation_of,
    known_numbers,
    longest_silence_s,
    waited_for,
)
from benchmarks.report import Document, machine
from benchmarks.served import Client, LostError, agents_in_order, import_sheet
from benchmarks.serving import broken
from benchmarks.serving_child import Answered, Load, numbers_of, outdated, wrong
from benchmarks.stress import siege
from benchmarks.stress.crash import check_file
from benchmarks.stress.crash_writers import (
    Calls,
    Drafts,
    Imports,
    Publisher,
    Skills,
    draft,
    number,
    whole,
)
from routing_engine import HashingEncoder
from routing_engine.server.app import create_app
from routing_engine.server.plane import ControlPlane
from routing_engine.server.security import SCOPES
from routing_engine.server.settings import Settings
from routing_engine.store import Store


class InProcess(Client):
    """The client, of an application in this process; it can lose an answer.

    Attributes:
        loses: the next POST is not answered; ``"before"`` or ``"after"`` it was done.
    """

    def __init__(self, client: TestClient, token: str) -> None:
        self._client = client
        self._token = token
        self.loses = ""

    def send(self, method, path, body=None, *, kind="application/json", key=None):
        loses, self.loses = (self.loses, "") if method == "POST" else ("", self.loses)
        if loses == "before":
            raise LostError
        headers = {"Authorization": f"Bearer {self._token}"}
        if body is not None:
            headers["Content-Type"] = kind
        if key is not None:
            headers["Idempotency-Key"] = key
        response = self._client.request(method, f"/api/v1{path}", content=body, headers=headers)
        if loses:
            raise LostError
        return response.status_code, response.content


class Crashed:
    """A server that lives, to be written to and looked at as if it had been killed."""

    def __init__(self, plane: ControlPlane, client: InProcess, organisation_id: str) -> None:
        self.plane = plane
        self.store = plane.store
        self.client = client
        self.organisation_id = organisation_id

    def written(self, writer, n_steps: int):
        writer.prepare(self.client)
        for _ in range(n_steps):
            writer.step(self.client)
        return writer

    def breaches(self, writer) -> list[str]:
        writer.check(self.client)
        writer.check_store(self.store, self.organisation_id)
        return writer.breaches

    def ids(self, what: str) -> list[str]:
        return [item["id"] for item in self.client.ask("GET", f"{what}?limit=100")["items"]]


@pytest.fixture
def crashed(tmp_path):
    url = f"sqlite:///{tmp_path / 'routing.db'}"
    settings = Settings(database=url, store_transcripts=True, rate_per_s=1e6, rate_burst=1_000_000)
    store = Store.open(url)
    organisation_id = store.create_organisation("Acme")
    with store.work(organisation_id) as work:
        _, token = work.keys.create("all", SCOPES)
    plane = ControlPlane(settings, store, encoder=HashingEncoder())
    with TestClient(create_app(plane)) as client:
        yield Crashed(plane, InProcess(client, token), organisation_id)


WRITERS = {
    "drafts": lambda: Drafts("drafts", 0),
    "skills": lambda: Skills("skills", 0),
    "publisher": lambda: Publisher("publisher", 0),
    "calls": lambda: Calls("calls", 0),
    "imports": lambda: Imports("sheet", 0, n_locations=3),
}


class TestWriters:
    @pytest.mark.parametrize("name", WRITERS)
    def test_nothing_is_found_where_nothing_is_lost(self, crashed, name):
        writer = crashed.written(WRITERS[name](), 8)
        assert crashed.breaches(writer) == []
        writer.step(crashed.client)
        assert crashed.breaches(writer) == []
        assert sum(writer.acknowledged.values()) >= 9

    @pytest.mark.parametrize("loses", ["before", "after"])
    @pytest.mark.parametrize(
        ("name", "what"),
        [
            ("skills", "POST of a skill"),
            ("publisher", "POST publish"),
            ("calls", "POST of a call"),
            ("imports", "import"),
        ],
    )
    def test_a_lost_answer_is_asked_for_again(self, crashed, name, what, loses):
        writer = crashed.written(WRITERS[name](), 0)
        crashed.client.loses = loses
        with suppress(LostError):
            while True:
                writer.step(crashed.client)
        # This server was not killed: an import that it took is finished.
        finished = threading.Event()
        crashed.plane.importing.put("nobody", lambda job: job.set(), finished)
        assert finished.wait(60)
        assert crashed.breaches(writer) == []
        assert sum(writer.interrupted.values()) == 1
        assert {key for key, _ in writer.interrupted} == {what}

    def test_a_lost_draft_is_seen(self, crashed):
        writer = crashed.written(WRITERS["drafts"](), 3)
        crashed.client.ask("PATCH", f"/agents/{crashed.ids('/agents')[0]}", draft(3))
        assert crashed.breaches(writer) == ["drafts: draft 3, not 4"]

    def test_half_a_draft_is_seen(self, crashed):
        writer = crashed.written(WRITERS["drafts"](), 3)
        half = {"handoffConfig": {"transferDestination": number(3)}}
        crashed.client.ask("PATCH", f"/agents/{crashed.ids('/agents')[0]}", half)
        assert crashed.breaches(writer) == ["drafts: draft None, not 4"]

    def test_a_lost_skill_is_seen(self, crashed):
        writer = crashed.written(WRITERS["skills"](), 8)
        path = f"/agents/{crashed.ids('/agents')[0]}/skills"
        crashed.client.ask("DELETE", f"{path}/{crashed.ids(path)[0]}")
        assert "skills: skills {" in crashed.breaches(writer)[0]

    def test_a_version_too_many_is_seen(self, crashed):
        writer = crashed.written(WRITERS["publisher"](), 3)
        path = f"/agents/{crashed.ids('/agents')[0]}"
        crashed.client.ask("POST", f"{path}/publish", {"note": "n4"})
        found = crashed.breaches(writer)
        assert found[0] == "publisher: version 4, not 3"
        assert found[-1] == "publisher: callers get version 4, not 3"

    def test_a_call_too_many_and_a_lost_turn_are_seen(self, crashed):
        writer = crashed.written(WRITERS["calls"](), 3)
        path = f"/agents/{crashed.ids('/agents')[0]}/calls"
        call_id = crashed.ids(path)[0]
        crashed.client.ask("POST", f"/calls/{call_id}/turns", {"text": "n9"})
        crashed.client.ask("POST", path, {})
        assert crashed.breaches(writer) == [
            "calls: 2 calls, not 1",
            "calls: turns ['n1', 'n2', 'n9'], not ['n1', 'n2']",
        ]

    def test_half_an_import_is_seen(self, crashed):
        writer = crashed.written(WRITERS["imports"](), 2)
        crashed.client.ask("PATCH", f"/agents/{crashed.ids('/agents')[0]}", draft(1))
        (found,) = crashed.breaches(writer)
        assert found.startswith("sheet: writes and versions {")

    def test_an_answer_that_is_another_the_second_time_is_seen(self, crashed):
        writer = crashed.written(WRITERS["publisher"](), 1)
        sent, _ = writer._answered
        writer._answered = sent, b"{}"
        assert crashed.breaches(writer) == [f"publisher: another answer to {sent.path}"]

    def test_a_file_that_is_no_database_is_seen(self, tmp_path):
        path = tmp_path / "routing.db"
        with Store.open(f"sqlite:///{path}"):
            pass
        check_file(f"sqlite:///{path}")
        content = bytearray(path.read_bytes())
        content[4096:12288] = b"\xff" * 8192
        path.write_bytes(content)
        with pytest.raises(ClaimError, match="integrity_check"):
            check_file(f"sqlite:///{path}")

    def test_a_draft_is_whole_or_of_no_write(self):
        assert whole(draft(7)) == 7
        assert whole({**draft(7), "name": "n8"}) is None
        assert whole({"name": "n7"}) is None


class TestServing:
    NUMBERS = ({1: {None: "+1", "Billing": "+2"}, 2: {None: "+3", "Billing": "+4"}},)

    @pytest.mark.parametrize(
        ("version", "outcome", "rule", "destination", "is_wrong"),
        [
            (1, "transfer", "Billing", "+2", False),
            (2, "transfer", "Billing", "+4", False),
            (2, "default", None, "+3", False),
            (2, "clarify", "Billing", "+3", False),
            (2, "transfer", "Billing", "+2", True),
            (1, "transfer", "Billing", "+1", True),
            (1, "transfer", "Booking", "+2", True),
            (3, "default", None, "+3", True),
            (1, "default", None, None, True),
        ],
    )
    def test_an_answer_holds_the_number_of_its_rule_in_its_version(
        self, version, outcome, rule, destination, is_wrong
    ):
        decision = {
            "version": version, "outcome": outcome, "rule": rule, "destination": destination,
        }  # fmt: skip
        assert wrong(decision, self.NUMBERS[0]) is is_wrong

    @pytest.mark.parametrize(
        ("version", "sent_s", "is_outdated"),
        [(1, 11.9, False), (1, 12.1, True), (2, 12.1, False)],
    )
    def test_an_answer_is_outdated_two_seconds_after_the_next_version(
        self, version, sent_s, is_outdated
    ):
        assert outdated(version, sent_s, [(10.0, 2)]) is is_outdated

    def test_no_two_locations_share_a_number(self):
        columns = franchise_columns(30, seed=1)
        numbers = [number for i in range(30) for number in numbers_of(columns, i).values()]
        assert len(numbers) == len(set(numbers)) == 30 * 11

    def test_what_is_broken_is_said(self):
        served = {"errors": 0, "first_errors": [], "wrong": 0, "outdated": 0, "visible_s": [0.1]}
        right = {"served": served, "times": 4.9}
        assert broken(right, with_speed=True) == []
        worse = {"served": {**served, "outdated": 1, "visible_s": [0.1, 2.5]}, "times": 5.1}
        assert broken(worse, with_speed=False) == []
        assert len(broken(worse, with_speed=True)) == 3
        worst = {
            "served": {**served, "errors": 2, "first_errors": ["500"], "wrong": 1},
            "times": 1.0,
        }
        assert broken(worst, with_speed=False) == [
            "2 errors, the first ['500']",
            "1 answers with a number that is not the agent's there",
        ]


FRANCHISE = franchise_columns(12, seed=1)
"""Six agents, and the six locations behind them."""


def answer(agent: int, version: int, *, sent_s=0.0, taken_s=0.1, status=200, **changed) -> Answered:
    """A right answer of an agent's default, but for what is changed."""
    decision = {
        "agentId": f"agt_{agent}",
        "locationId": FRANCHISE.ids[agent],
        "version": version,
        "outcome": "default",
        "reason": "below_threshold",
        "rule": None,
        "destination": known_numbers(FRANCHISE, agent, 3)[version][None],
    }
    body = json.dumps({"data": decision | changed}).encode()
    return Answered(agent, sent_s, int(taken_s * 1e9), status, body)


class TestPublishing:
    def judged(self, *answered):
        load = Load(0, "", [f"agt_{i}" for i in range(6)], FRANCHISE, seed=0)
        load.answered += answered
        for agent in range(6):
            load.numbers[agent] = known_numbers(FRANCHISE, agent, 3)
            load.published[agent] = [(10.0, 2), (20.0, 3)]
        found = load.judged()
        return tuple(found[name] for name in ("errors", "wrong", "outdated", "not_routed"))

    def test_right_answers_are_right(self):
        right = [answer(0, 1), answer(5, 1, sent_s=11.9), answer(5, 2, sent_s=21.9), answer(3, 3)]
        assert self.judged(*right) == (0, 0, 0, 0)

    @pytest.mark.parametrize(
        ("bad", "found"),
        [
            (answer(0, 1, status=503), (1, 0, 0, 0)),
            (answer(0, 1, destination=numbers_of(FRANCHISE, 1)[None]), (0, 1, 0, 0)),
            (answer(0, 1, destination=numbers_of(FRANCHISE, 6)[None]), (0, 1, 0, 0)),
            (answer(0, 2, destination=numbers_of(FRANCHISE, 0)[None]), (0, 1, 0, 0)),
            (answer(0, 1, locationId=FRANCHISE.ids[1]), (0, 1, 0, 0)),
            (answer(0, 1, agentId="agt_1"), (0, 1, 0, 0)),
            (answer(0, 1, sent_s=12.1), (0, 0, 1, 0)),
            (answer(0, 2, sent_s=22.1), (0, 0, 1, 0)),
            (answer(0, 1, reason="overloaded"), (0, 0, 0, 1)),
        ],
    )
    def test_a_bad_answer_is_seen(self, bad, found):
        assert self.judged(answer(1, 1), bad) == found

    def test_numbers_take_turns(self):
        assert [generation_of(version) for version in (1, 2, 3, 4)] == [1, 2, 1, 2]
        numbers = known_numbers(FRANCHISE, 4, 3)
        assert numbers[1] == numbers[3] == numbers_of(FRANCHISE, 4)
        assert list(numbers[2].values()) == list(numbers_of(FRANCHISE, 10).values())
        assert set(numbers[2]) == set(numbers[1])

    def test_whose_numbers_a_catalog_has(self):
        behind = frozenset(range(6, 12))
        own = FRANCHISE.without(behind)
        others = replace(
            own, destinations=FRANCHISE.destinations[60:], defaults=FRANCHISE.defaults[6:]
        )
        assert generation(own, FRANCHISE) == 1
        assert generation(others, FRANCHISE) == 2
        turned = own.without(frozenset({0})).joined(own.without(frozenset(range(1, 6))))
        assert generation(turned, FRANCHISE) == 1
        torn = own.without(frozenset({0})).joined(others.without(frozenset(range(1, 6))))
        assert generation(torn, FRANCHISE) is None
        assert generation(own.without(frozenset({3})), FRANCHISE) is None
        assert generation(FRANCHISE, FRANCHISE) is None
        assert generation(own.without(frozenset(range(6))), FRANCHISE) is None
        one_off = own.destinations.copy()
        one_off[17] += np.uint64(1)
        assert generation(replace(own, destinations=one_off), FRANCHISE) is None

    def test_a_sheet_with_other_numbers(self, tmp_path):
        path = tmp_path / "sheet.csv"
        write_franchise_csv(path, 2, n_rules=1)
        _, first, second = path.read_bytes().splitlines(keepends=True)
        (made,) = renumbered([first], [second])
        before, other, after = (line.decode().split(",") for line in (first, second, made))
        assert after == [*before[:3], other[3], *before[4:-1], other[-1]]

    def test_who_waited_when(self):
        before, over, after = (answer(0, 1, sent_s=s, taken_s=1.0) for s in (0.0, 1.5, 4.0))
        assert waited_for([before, over, after], 2.0, 3.0) == [over]
        assert waited_for([before, over, after], 0.5, 4.5) == [before, over, after]
        assert longest_silence_s([before, over, after], 0.0, 6.0) == 2.5
        assert longest_silence_s([], 1.0, 3.0) == 2.0

    def test_an_import_is_published_when_it_is_said_to_be(self, crashed, tmp_path):
        path = tmp_path / "sheet.csv"
        write_franchise_csv(path, 3, n_rules=1)
        made = import_sheet(crashed.client, path.read_bytes())
        assert made.started_s <= made.uncommitted_s < made.done_s
        ids = agents_in_order(crashed.client)
        agents = [crashed.client.ask("GET", f"/agents/{agent_id}") for agent_id in ids]
        assert [agent["locationId"] for agent in agents] == [f"store-000000{i}" for i in range(3)]
        assert [agent["version"] for agent in agents] == [1, 1, 1]
        with pytest.raises(BenchmarkProcessError, match="the import failed"):
            import_sheet(crashed.client, b"no sheet")

    def test_what_is_broken_is_said(self):
        waits = {name: {"most_us": 900_000.0} for name in ("quiet", "importing", "loading")}
        served = {
            "errors": 0, "first_errors": [], "wrong": 0, "outdated": 0, "not_routed": 0,
            "waits": waits,
        }  # fmt: skip
        right = {
            "served": served,
            "unanswered": 0,
            "catalogs": [1, 2],
            "imports": [{"http_s": 3.9, "engine_s": 0.5}, {"http_s": 0.5, "engine_s": 3.9}],
        }
        assert broken_publishing(right, with_speed=True) == []
        slow = {
            **right,
            "served": {
                **served, "not_routed": 1,
                "waits": {**waits, "loading": {"most_us": 1_100_000.0}},
            },
            "imports": [{"http_s": 4.1, "engine_s": 0.5}, {"http_s": 0.5, "engine_s": 4.1}],
        }  # fmt: skip
        assert broken_publishing(slow, with_speed=False) == []
        assert len(broken_publishing(slow, with_speed=True)) == 4
        never = {**right, "catalogs": [1], "imports": [{"http_s": 1.0, "engine_s": None}] * 2}
        assert broken_publishing(never, with_speed=True) == [
            "another engine had catalogs of [1], not of [1, 2]",
            "an import was answered by another engine only after inf s",
        ]
        worst = {
            **right,
            "served": {**served, "errors": 2, "first_errors": ["500"], "wrong": 1},
            "unanswered": 3,
            "catalogs": [1, None, 2],
        }
        assert broken_publishing(worst, with_speed=False) == [
            "2 errors, the first ['500']",
            "1 answers with a number that is not the agent's there",
            "3 agents do not answer by the last import",
            "another engine had catalogs of [1, None, 2], not of [1, 2]",
        ]


SEEN = {
    "asked": 1000, "answered": 1000, "in_time": 1000, "wrong": 0, "statuses": {"200": 1000},
    "longest_s": 0.4, "p99_s": 0.1, "lost": 0, "peak_mb": 300.0, "log_mb_a_minute": 0.1,
    "ready_s": 0.1, "ready_statuses": [200, 503], "turn_longest_s": 0.2, "turns_refused": 0,
}  # fmt: skip
ENDED = {"code": 0, "exit_s": 4.0, "answered": 100, "lost": 0, "wrong": 0}


class TestSiege:
    """What is claimed of a server to which things happen, and what is shown of it."""

    def document(self, **changed):
        seen = dict.fromkeys(siege.EXPERIMENTS, SEEN) | {"hang": {**SEEN, **changed}}
        runs = {"sqlite": {"database": "SQLite 3", "experiments": {**seen, "exit": ENDED}}}
        results = {"runs": runs, "left_out": None}
        return Document("siege", machine(seed=1), {"callers": 50, "seconds": 20.0}, results)

    @pytest.mark.parametrize(
        ("changed", "says"),
        [
            ({}, []),
            ({"lost": 1}, ["SQLite, hang: 1 lost, 0 wrong"]),
            ({"in_time": 998}, ["SQLite, hang: 99.80% within 1 s {'200': 1000}"]),
            ({"peak_mb": 1600.0}, ["SQLite, hang: 1600 MB"]),
            ({"log_mb_a_minute": 1.5}, ["SQLite, hang: 1.5 MB of log a minute"]),
            ({"ready_s": 2.5}, ["SQLite, hang: /readyz took 2.5 s"]),
            ({"ready_statuses": [200]}, ["SQLite, hang: /readyz said nothing"]),
        ],
    )
    def test_what_does_not_hold_is_named(self, changed, says):
        assert siege.broken(self.document(**changed).results) == says

    def test_a_row_shows_each_experiment(self, tmp_path):
        document = self.document(longest_s=0.94)
        rows = siege.BENCHMARK.tables["siege"](document).rows
        assert [row[1] for row in rows] == [what for what, _ in siege.EXPERIMENTS.values()]
        assert rows[2][2:5] == ["1,000", "100.00 %", "0.94"]
        siege.BENCHMARK.plot(document, tmp_path / "siege.png")
        assert (tmp_path / "siege.png").stat().st_size > 1000
