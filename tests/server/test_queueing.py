"""Imports that wait: whose turn it is, who is told no, and what becomes of them at the end."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from routing_engine.server import imports, queueing
from routing_engine.server.jobs import interrupt_stale, sweep
from routing_engine.server.queueing import ImportQueue
from routing_engine.store import ImportedDraft
from routing_engine.store.scoped_session import ALL
from routing_engine.store.tables import StagedRow
from tests.support.planes import served

SHEET = b"location_id,default_destination\nz-1,+14155550100\n"


def test_organisations_take_turns():
    done, begin = [], threading.Event()
    queue: ImportQueue[str] = ImportQueue(lambda _: None)
    queue.put("first", lambda _: begin.wait(10), "held")
    for organisation, job in (("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1")):
        queue.put(organisation, done.append, job)
    begin.set()
    until = time.monotonic() + 10
    while len(done) < 5:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert done == ["a1", "b1", "c1", "a2", "a3"]
    assert queue.close(5) == []


def test_one_that_raises_does_not_end_the_queue():
    done = threading.Event()
    queue: ImportQueue[str] = ImportQueue(lambda _: None)
    queue.put("a", lambda _: {}["missing"], "bad")
    queue.put("a", lambda _: done.set(), "good")
    assert done.wait(10)
    queue.close(5)


def test_what_waits_shows_that_it_lives_and_is_given_back_at_the_end(monkeypatch):
    monkeypatch.setattr(queueing, "BEAT_S", 0.02)
    beaten, hold = [], threading.Event()
    queue: ImportQueue[str] = ImportQueue(beaten.append)
    queue.put("a", lambda _: hold.wait(10), "running")
    queue.put("a", beaten.append, "waiting")
    until = time.monotonic() + 10
    while set(beaten) != {"running", "waiting"}:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert queue.close(0.1) == ["running", "waiting"]
    hold.set()


def test_an_organisation_that_sends_too_many_is_told_to_wait(tmp_path, monkeypatch):
    hold = threading.Event()
    monkeypatch.setattr(imports, "_run", lambda plane, job: hold.wait(20))
    with served(tmp_path) as api:
        sent = [
            api("POST", "/imports", files={"file": ("a.csv", SHEET)}).status_code
            for _ in range(queueing.MAX_QUEUED + 2)
        ]
        assert sent == [202] * queueing.MAX_QUEUED + [429] * 2
        other = api("POST", "/imports", files={"file": ("a.csv", SHEET)}, token=api.other_token)
        assert other.status_code == 202
        hold.set()


def test_an_import_that_waits_when_the_server_ends_is_failed_and_tried_again(tmp_path, monkeypatch):
    hold = threading.Event()
    given = {"headers": {"Idempotency-Key": "once"}, "files": {"file": ("a.csv", SHEET)}}
    with monkeypatch.context() as patch, served(tmp_path) as api:
        patch.setattr(imports, "_run", lambda plane, job: hold.wait(20))
        first = api.data("POST", "/imports", **given)["id"]
        assert api.data("POST", "/imports", **given)["id"] == first
        token = api.token
    hold.set()
    with served(tmp_path) as api:
        api.token = token
        ended = api.data("GET", f"/imports/{first}")
        assert ended["status"] == "failed"
        assert "send it again" in ended["report"]["problems"][0]
        again = api.data("POST", "/imports", **given)["id"]
        assert again != first
        assert api.ended(again)["status"] == "done"


def test_one_that_was_taken_for_dead_does_not_come_to_life(tmp_path, monkeypatch):
    begun, hold = threading.Event(), threading.Event()
    run = imports._run

    def held(plane, job):
        begun.set()
        hold.wait(20)
        run(plane, job)

    monkeypatch.setattr(imports, "_run", held)
    with served(tmp_path) as api:
        import_id = api.data("POST", "/imports", files={"file": ("a.csv", SHEET)})["id"]
        assert begun.wait(10)
        long_ago = datetime.now(UTC) - timedelta(hours=1)
        with api.plane.store.work(api.organisation_id) as work:
            work.imports._row(import_id).updated_at = long_ago
        interrupt_stale(api.plane.store)
        assert api.data("GET", f"/imports/{import_id}")["status"] == "failed"
        hold.set()
        time.sleep(1)
        assert api.data("GET", f"/imports/{import_id}")["status"] == "failed"
        assert api.data("GET", "/agents", params={"locationId": "z-1"})["items"] == []


def test_a_version_is_examined_before_others_have_to_wait(tmp_path, monkeypatch):
    from routing_engine.server import publishing

    held = []
    examine = publishing.examine
    with served(tmp_path) as api:
        agent_id = api.published()
        skill = {"name": "S", "description": "caller asks for s", "skillType": "info"}
        api.data("POST", f"/agents/{agent_id}/skills", json=skill)
        api.data("POST", f"/agents/{agent_id}/publish")
        writer = api.plane.store._database._writer

        def examined(*given):
            # Others write now and then, for a moment; who examines would hold it all the time.
            is_free = writer.acquire(timeout=5)
            held.append(not is_free)
            if is_free:
                writer.release()
            return examine(*given)

        monkeypatch.setattr(publishing, "examine", examined)
        location_id = api.data("GET", f"/agents/{agent_id}")["locationId"]
        sheet = f"location_id,default_destination\n{location_id},+14155550100\n".encode()
        assert api.imported(sheet, publish="true")["status"] == "done"
        until = time.monotonic() + 10
        while n_staged(api.plane.store):  # the import deletes what it staged
            assert time.monotonic() < until
            time.sleep(0.02)
        for version in (1, 2, 3):
            api.data("POST", f"/agents/{agent_id}/rollback", json={"version": version})
    assert held == [False, False, False]


def test_a_draft_that_is_changed_while_it_is_examined_is_examined_again(tmp_path, monkeypatch):
    from routing_engine.server import publishing

    examine, changes = publishing.examine, 1
    with served(tmp_path) as api:
        agent_id = api.published()

        def changed(*given):
            nonlocal changes
            if changes:
                changes -= 1
                api.data("PATCH", f"/agents/{agent_id}", json={"name": f"B{changes}"})
            return examine(*given)

        monkeypatch.setattr(publishing, "examine", changed)
        assert api.data("POST", f"/agents/{agent_id}/publish")["version"] == 2
        assert api.data("GET", f"/agents/{agent_id}/versions/2")["snapshot"]["name"] == "B0"
        changes = 9
        refused = api("POST", f"/agents/{agent_id}/publish")
        assert (refused.status_code, refused.headers["Retry-After"]) == (409, "1")


def test_an_import_waits_for_another_process_that_holds_the_file(tmp_path):
    """Longer than a request would wait: it is told nothing of its progress meanwhile."""
    path = tmp_path / "routing.db"
    with served(tmp_path, database=f"sqlite:///{path}") as api:
        rows = b"".join(b"z-%d,+14155550100\n" % i for i in range(2_000))
        import_id = api.data(
            "POST", "/imports", files={"file": ("a.csv", SHEET + rows)}, data={"dryRun": "false"}
        )["id"]
        with closing(sqlite3.connect(path, isolation_level=None, timeout=20)) as other:
            other.execute("BEGIN EXCLUSIVE")
            time.sleep(5)
            other.rollback()
        assert api.ended(import_id)["status"] == "done"


def test_what_servers_that_are_gone_left_behind_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    gone, mine = (tmp_path / f"routing-import-{pid}-x" for pid in (2**22 + 1, os.getpid()))
    other = tmp_path / "routing-import-other"
    for folder in (gone, mine, other):
        folder.mkdir()
        Path(folder, "sheet.csv").write_bytes(SHEET)
    sweep()
    assert [folder.exists() for folder in (gone, mine, other)] == [False, True, True]


def test_what_an_import_left_that_was_killed_is_swept_at_the_next_start(tmp_path):
    with served(tmp_path) as api, api.plane.store.work(api.organisation_id) as work:
        draft = ImportedDraft(location_id="z-1", name="Z", config={})
        work.staged.add(work.imports.create(status="failed").id, [draft])
    with served(tmp_path) as api:
        until = time.monotonic() + 10
        while n_staged(api.plane.store):
            assert time.monotonic() < until
            time.sleep(0.02)


def n_staged(store):
    with store._database.transaction(ALL, writing=False) as rows:
        return rows.scalar(select(func.count(StagedRow.agent_id)))
