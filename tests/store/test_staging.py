"""Imports in two steps: rows that nobody sees, and one commit that publishes them."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import func, select

from routing_engine.errors import ConflictError, PreconditionFailedError
from routing_engine.store import ImportedDraft, Store
from routing_engine.store.slices import FEWEST, SLICE_S, Slices
from routing_engine.store.tables import StagedRow


@pytest.fixture
def store(store_url):
    with Store.open(store_url) as opened:
        yield opened


@pytest.fixture
def organisation_id(store):
    return store.create_organisation("Acme")


def draft(name, etag=None, *, publish=True):
    location = f'{{"location_id": "{name}", "name": null, "default_destination": "+14155550100", "rules": []}}'
    return ImportedDraft(
        location_id=name,
        name=f"new {name}",
        config={"of": name},
        etag=etag,
        snapshot={"config": {"of": name}},
        location=location if publish else None,
    )


def n_staged(store, organisation_id):
    with store._database.transaction(organisation_id, writing=False) as rows:
        return rows.scalar(select(func.count(StagedRow.agent_id)))


def test_what_is_staged_is_seen_by_nobody_and_then_all_at_once(store, organisation_id):
    with store.work(organisation_id, actor="key_1") as work:
        kept = work.agents.create("Old", "kept", {"old": 1})
        gone = work.agents.create("Gone", "gone", {})
        running = work.imports.create(status="running")
        work.versions.publish(gone.id, snapshot={}, location="{}")
    for part in ({"drafts": [draft("a"), draft("b", publish=False)]},
                 {"drafts": [draft("kept", kept.etag)], "remove": {"gone": gone.etag, "never": "r1"}}):  # fmt: skip
        with store.work(organisation_id) as work:
            work.staged.add(running.id, **part)
    with store.read(organisation_id) as work:
        assert [agent.name for agent in work.agents.page().items] == ["Old", "Gone"]
        assert work.agents.get(kept.id) == kept
    assert store.feed(organisation_id).position() == 1
    with store.work(organisation_id, actor="key_2") as work:
        work.staged.publish(running.id, note="sheet")
        work.imports.update(running.id, status="done")
    changes = store.feed(organisation_id).changes(1)
    assert (changes.position, sorted(changes.published), changes.removed) == (
        2, ["a", "kept"], ("gone",),
    )  # fmt: skip
    with store.read(organisation_id) as work:
        agents = {agent.location_id: agent for agent in work.agents.page().items}
        assert {name: (agent.name, agent.config, agent.version) for name, agent in agents.items()} == {
            "a": ("new a", {"of": "a"}, 1),
            "b": ("new b", {"of": "b"}, None),
            "kept": ("new kept", {"of": "kept"}, 1),
        }  # fmt: skip
        assert agents["kept"].id == kept.id
        assert not agents["a"].is_changed
        version = work.versions.get(kept.id, 1)
        assert (version.snapshot, version.note, version.created_by) == (
            {"config": {"of": "kept"}}, "sheet", "key_2",
        )  # fmt: skip
        assert work.drafts.get(agents["a"].id)["tests"] == {}
        told = {
            (row.action, row.actor, row.object_id, str(row.detail))
            for row in work.audits.page().items
        }
    assert {row for row in told if row[1] == "key_2"} == {
        ("agent.import", "key_2", agents["a"].id, "{'version': 1}"),
        ("agent.import", "key_2", agents["b"].id, "{}"),
        ("agent.import", "key_2", kept.id, "{'version': 1}"),
        ("agent.delete", "key_2", gone.id, "{'locationId': 'gone'}"),
    }  # fmt: skip
    assert store.sweep_staged() == 1
    assert n_staged(store, organisation_id) == 0


@pytest.mark.parametrize(
    ("meanwhile", "error"),
    [
        (lambda work, agent: work.agents.update(agent.id, name="B"), PreconditionFailedError),
        (lambda work, agent: work.versions.publish(agent.id, snapshot={}, location="{}"),
         PreconditionFailedError),
        (lambda work, agent: work.versions.unpublish(agent.id), PreconditionFailedError),
        (lambda work, agent: work.agents.delete(agent.id), ConflictError),
        (lambda work, _: work.agents.create("Mine", "new", {}), ConflictError),
    ],
    ids=["changed", "published", "unpublished", "deleted", "made"],
)  # fmt: skip
def test_what_changed_since_it_was_staged_lets_nothing_be_published(
    store, organisation_id, meanwhile, error
):
    with store.work(organisation_id) as work:
        agent = work.agents.create("Old", "old", {})
        work.versions.publish(agent.id, snapshot={}, location="{}")
        work.staged.add("imp_1", [draft("old", agent.etag), draft("new")])
    with store.work(organisation_id) as work:
        meanwhile(work, agent)
    position = store.feed(organisation_id).position()
    with pytest.raises(error), store.work(organisation_id) as work:
        work.staged.publish("imp_1")
    with store.read(organisation_id) as work:
        assert not [found for found in work.agents.page().items if found.name.startswith("new ")]
    assert store.feed(organisation_id).position() == position


def test_a_line_that_another_has_lets_nothing_be_published(store, organisation_id):
    lined = '{"lines": ["+14155550100"]}'
    with store.work(organisation_id) as work:
        mine = work.agents.create("Mine", "mine", {})
        work.versions.publish(mine.id, snapshot={}, location=lined)
    with store.work(organisation_id) as work:
        work.staged.add(
            "imp_1", [ImportedDraft(location_id="a", name="A", config={}, location=lined)]
        )
    with (
        pytest.raises(ConflictError, match="belongs to location 'mine'"),
        store.work(organisation_id) as work,
    ):
        work.staged.publish("imp_1")


def test_only_what_imports_left_behind_is_swept(store, organisation_id):
    other = store.create_organisation("Other")
    with store.work(organisation_id) as work:
        running, failed = (work.imports.create(status=name).id for name in ("running", "failed"))
        for import_id in (running, failed, "imp_never"):
            work.staged.add(import_id, [draft("a")])
    with store.work(other) as work:
        work.staged.add(running, [draft("theirs")])  # no import of theirs has this id
    assert store.sweep_staged() == 3
    assert (n_staged(store, organisation_id), n_staged(store, other)) == (1, 0)
    with store.work(organisation_id) as work:
        work.staged.publish(running)
        assert [agent.location_id for agent in work.agents.page().items] == ["a"]


def test_slices_are_as_large_as_they_are_quick(monkeypatch):
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    sizes = []
    slices = Slices(200)
    for some in slices.of(list(range(2_000))):
        sizes.append(len(some))
        now[0] += len(some) * 0.001
    assert sum(sizes) == 2_000
    assert sizes[:2] == [200, 100]
    assert all(n * 0.001 <= SLICE_S for n in sizes[1:])
    assert slept[:2] == pytest.approx([0.2, 0.1])
    slow = Slices(200)
    for _ in slow.of(list(range(1_000))):
        now[0] += 60.0
    assert slow.size == FEWEST
    assert max(slept) < 1
