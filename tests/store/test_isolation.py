"""No statement reaches another organisation's rows, however it is written."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from routing_engine.errors import NotFoundError
from routing_engine.store import CallRow, DecisionRow, ImportedDraft
from routing_engine.store.scoped_session import ALL, ScopedSession, UnownedError
from routing_engine.store.tables import (
    AgentRow,
    Base,
    KeyRow,
    LineRow,
    OrganisationRow,
    Owned,
    PublishedRow,
    SkillRow,
    StagedRow,
    VersionRow,
    present,
)

NAMES = ("mine", "theirs")


@pytest.fixture
def organisations(store):
    """Two organisations that have the same of everything."""
    made = []
    for name in NAMES:
        organisation_id = store.create_organisation(name)
        with store.work(organisation_id) as work:
            agent = work.agents.create(name, "store-0042", {})
            work.skills.create(agent.id, {"of": name})
            key, _ = work.keys.create(name, [])
            work.sessions.create(key.id, timedelta(hours=1))
            work.versions.publish(agent.id, snapshot={"of": name}, location='{"lines": ["2204"]}')
            work.calls.put(
                CallRow(id=f"cal_{name}", agent_id=agent.id, version=1, opened_at=present())
            )
            work.answers.recall(name, "f")
            work.answers.remember(name, "f", 200, {}, {})
            item = work.imports.create(status=name)
            etag = work.agents.get(agent.id).etag
            draft = ImportedDraft(location_id="store-0042", name=name, config={}, etag=etag)
            work.imports.apply([draft], import_id=item.id)
            work.staged.add(item.id, [ImportedDraft(location_id="new", name=name, config={})])
            work.labels.put(agent.id, "words", name)
            work.dial_policy.put({"of": name})
            work.preferences.put("headers", {"of": name})
        store.add_decisions(
            [
                DecisionRow(
                    organisation_id=organisation_id,
                    id=f"dec_{name}",
                    call_id=f"cal_{name}",
                    agent_id=agent.id,
                    version=1,
                    decided_at=present(),
                    outcome="contain",
                    reason="routine",
                )
            ]
        )
        made.append((organisation_id, agent.id))
    return made


@pytest.fixture
def rows(store, organisations):
    """What one of the organisations may do."""
    with store._database.transaction(organisations[0][0], writing=True) as made:
        yield made
        made.rollback()


OWNED = sorted(
    (mapper.class_ for mapper in Base.registry.mappers if issubclass(mapper.class_, Owned)),
    key=lambda row: row.__name__,
)


def test_every_table_but_two_is_owned_and_keyed_by_its_owner():
    others = {mapper.class_.__name__ for mapper in Base.registry.mappers} - {
        row.__name__ for row in OWNED
    }
    assert others == {"OrganisationRow", "FeedCounter"}
    for row in OWNED:
        assert row.__table__.primary_key.columns.keys()[0] == "organisation_id"


def test_each_table_shows_changes_and_deletes_only_ones_own(store, organisations):
    mine = organisations[0][0]
    for row in OWNED:
        count = sa.select(sa.func.count()).select_from(row)
        with store._database.transaction(ALL, writing=False) as everything:
            n = everything.scalar(count)
            n_mine = everything.scalar(count.where(row.organisation_id == mine))
        assert 0 < n_mine < n, row
        with store._database.transaction(mine, writing=True) as rows:
            assert {found.organisation_id for found in rows.scalars(sa.select(row))} == {mine}
            assert rows.scalar(count) == n_mine
            assert rows.scalars(sa.select(row.organisation_id).distinct()).all() == [mine]
            assert rows.scalar(sa.select(sa.func.count(row.organisation_id))) == n_mine
            if row is not VersionRow:
                change = sa.update(row).values(organisation_id=mine)
                assert rows.execute(change).rowcount == n_mine
                assert rows.execute(sa.delete(row)).rowcount == n_mine
            rows.rollback()


READS = {
    "plain": lambda: sa.select(AgentRow.name),
    "where true": lambda: sa.select(AgentRow.name).where(sa.or_(sa.true(), AgentRow.id == "")),
    "alias": lambda: sa.select(aliased(AgentRow).name),
    "join": lambda: sa.select(AgentRow.name).join(SkillRow, SkillRow.agent_id == AgentRow.id),
    "cross join": lambda: sa.select(aliased(AgentRow).name).join(AgentRow, sa.true()),
    "comma join": lambda: sa.select(AgentRow.name).where(SkillRow.agent_id == AgentRow.id),
    "outer join": lambda: (
        sa.select(AgentRow.name).select_from(KeyRow).outerjoin(AgentRow, sa.true())
    ),
    "subquery": lambda: sa.select(sa.select(AgentRow.name).subquery().c.name),
    "cte": lambda: sa.select(sa.select(AgentRow.name).cte().c.name),
    "scalar subquery": lambda: sa.select(
        sa.select(sa.func.max(AgentRow.name)).scalar_subquery()
    ).select_from(KeyRow),
    "scalar subquery, the other end": lambda: sa.select(
        sa.select(sa.func.min(AgentRow.name)).scalar_subquery()
    ).select_from(KeyRow),
    "in subquery": lambda: sa.select(AgentRow.name).where(
        AgentRow.id.in_(sa.select(SkillRow.agent_id))
    ),
    "union": lambda: sa.union_all(sa.select(AgentRow.name), sa.select(KeyRow.name)),
    "union as entity": lambda: sa.select(
        aliased(AgentRow, sa.union_all(sa.select(AgentRow), sa.select(AgentRow)).subquery()).name
    ),
    "from statement": lambda: sa.select(AgentRow).from_statement(sa.select(AgentRow)),
    "lateral": lambda: sa.select(sa.select(AgentRow.name).lateral().c.name),
    "exists": lambda: sa.select(KeyRow.name).where(
        sa.exists(sa.select(AgentRow.id).where(AgentRow.name == "theirs")),
    ),
    "for update": lambda: sa.select(AgentRow.name).with_for_update(),
    "function": lambda: sa.select(sa.func.lower(AgentRow.name)),
    "window": lambda: sa.select(sa.func.max(AgentRow.name).over()),
    "group": lambda: sa.select(AgentRow.name).group_by(AgentRow.name),
    "literal union": lambda: sa.select(sa.literal("mine")).union(sa.select(AgentRow.name)),
}


def test_no_way_of_reading_shows_what_is_theirs(store, rows):
    for name, read in READS.items():
        if name == "lateral" and store._database.is_sqlite:
            continue  # which SQLite does not know
        try:
            found = rows.execute(read()).all()
        except UnownedError:
            continue
        shown = {row[0].name if isinstance(row[0], AgentRow) else row[0] for row in found}
        assert shown <= {"mine"}, name


def test_what_cannot_be_kept_within_an_organisation_is_refused(rows):
    for i, statement in enumerate(
        (
            sa.text("SELECT name FROM agents"),
            sa.select(sa.text("name")).select_from(AgentRow),
            sa.select(AgentRow).where(sa.text("1 = 1 OR 1 = 1")),
            sa.select(AgentRow).from_statement(sa.text("SELECT * FROM agents")),
            sa.select(AgentRow.__table__),
            sa.select(AgentRow.__table__.c.name),
            sa.select(KeyRow.name, AgentRow.__table__.c.name),
            sa.select(KeyRow.name).join(AgentRow.__table__, sa.true()),
            sa.select(KeyRow.name).select_from(sa.join(KeyRow, AgentRow.__table__, sa.true())),
            sa.select(KeyRow.name).where(sa.exists(sa.select(AgentRow.__table__.c.id))),
            sa.select(sa.func.count()).select_from(AgentRow.__table__),
            sa.select(KeyRow.name, sa.column("name")).select_from(KeyRow, sa.table("agents")),
            sa.select(sa.literal_column("(SELECT name FROM agents)")).select_from(KeyRow),
            sa.update(AgentRow.__table__).values(name="x"),
            sa.delete(AgentRow.__table__),
            sa.select(sa.delete(AgentRow).returning(AgentRow.name).cte().c.name),
            sa.insert(AgentRow).values(organisation_id="org_theirs"),
            sa.insert(KeyRow).from_select(["name"], sa.select(AgentRow.name)),
        )
    ):
        with pytest.raises(UnownedError):
            pytest.fail(f"statement {i} gave {rows.execute(statement)}")


def test_a_statement_that_names_the_other_organisation_finds_nothing(rows, organisations):
    theirs, agent_id = organisations[1]
    for where in (AgentRow.organisation_id == theirs, AgentRow.id == agent_id):
        assert rows.scalars(sa.select(AgentRow).where(where)).all() == []
        change = sa.update(AgentRow).where(where).values(name="x")
        assert rows.execute(change).rowcount == 0
        assert rows.execute(sa.delete(AgentRow).where(where)).rowcount == 0


def test_a_change_by_way_of_another_table_changes_only_ones_own(store, organisations):
    (mine, _), (theirs, _) = organisations
    with store._database.transaction(mine, writing=True) as rows:
        changed = rows.execute(
            sa.update(AgentRow)
            .where(AgentRow.id.in_(sa.select(SkillRow.agent_id)))
            .values(name="changed")
            .execution_options(synchronize_session=False)
        )
        assert changed.rowcount == 1
        seen = sa.select(sa.func.max(KeyRow.name)).scalar_subquery()
        change = sa.update(AgentRow).values(name=seen)
        rows.execute(change.execution_options(synchronize_session=False))
        assert rows.scalars(sa.select(AgentRow.name)).all() == ["mine"]
        by_update = sa.update(SkillRow).values(id="skl_x")
        # Their agent has one version, and my skill the place before that.
        theirs_only = AgentRow.name == "theirs"
        by_update = by_update.where(SkillRow.place == AgentRow.n_versions - 1, theirs_only)
        by_update = by_update.execution_options(synchronize_session=False)
        with pytest.raises(UnownedError):
            rows.execute(by_update)
    with store.read(theirs) as work:
        assert [agent.name for agent in work.agents.page().items] == ["theirs"]


def test_rows_by_primary_key_in_bulk_are_refused_for_others(rows, organisations):
    theirs, agent_id = organisations[1]
    row = {"organisation_id": theirs, "id": agent_id, "name": "x"}
    with pytest.raises(UnownedError):
        rows.execute(sa.update(AgentRow), [row])


@pytest.mark.parametrize("given", ["one", "many", "nobody's"])
def test_an_insert_for_another_organisation_is_refused(rows, organisations, given):
    theirs, agent_id = organisations[1]
    skill = {
        "organisation_id": theirs,
        "id": "skl_1",
        "agent_id": agent_id,
        "place": 0,
        "document": {},
        "created_at": present(),
        "updated_at": present(),
    }
    mine = {**skill, "organisation_id": organisations[0][0], "agent_id": organisations[0][1]}
    if given == "nobody's":
        del skill["organisation_id"]
    with pytest.raises(UnownedError):
        rows.execute(sa.insert(SkillRow), skill if given == "one" else [mine, skill])


def test_objects_of_another_organisation_are_not_written(store, rows, organisations):
    (mine, _), (theirs, agent_id) = organisations
    with store._database.transaction(theirs, writing=False) as their_rows:
        agent = their_rows.scalar(sa.select(AgentRow).where(AgentRow.id == agent_id))
        their_rows.expunge(agent)
    rows.add(agent)
    for change in ({"name": "x"}, {"organisation_id": mine}):
        for name, value in change.items():
            setattr(agent, name, value)
        with pytest.raises(UnownedError):
            rows.flush()
    rows.delete(agent)
    with pytest.raises(UnownedError):
        rows.flush()
    rows.expunge_all()


@pytest.mark.parametrize(
    ("values", "sources", "where"),
    [
        ({"agent_id": AgentRow.id}, (), ()),
        ({"agent_id": AgentRow.id}, (StagedRow,), (StagedRow.agent_id == AgentRow.id,)),
        ({"agent_id": sa.select(AgentRow.id).scalar_subquery()}, (StagedRow,), ()),
        ({"agent_id": StagedRow.agent_id}, (StagedRow,), (sa.text("1 = 1"),)),
    ],
)
def test_rows_are_copied_only_from_ones_own(rows, values, sources, where):
    with pytest.raises(UnownedError):
        rows.copy(sa.insert(PublishedRow), values, sources, *where)


def test_a_copy_finds_nothing_of_others(store, organisations):
    mine = organisations[0][0]
    with store._database.transaction(mine, writing=True) as rows:
        before = rows.scalar(sa.select(sa.func.count()).select_from(LineRow))
        rows.copy(sa.insert(LineRow), {"line": AgentRow.id, "agent_id": AgentRow.id}, (AgentRow,))
        n_mine = rows.scalar(sa.select(sa.func.count()).select_from(AgentRow))
        assert rows.scalar(sa.select(sa.func.count()).select_from(LineRow)) == before + n_mine
        rows.rollback()


def test_a_row_cannot_refer_to_another_organisations(store, organisations):
    (mine, _), (_, their_agent) = organisations
    with (
        pytest.raises(sa.exc.IntegrityError),
        store._database.transaction(mine, writing=True) as rows,
    ):
        rows.execute(
            sa.insert(SkillRow),
            [
                {
                    "organisation_id": mine,
                    "id": "skl_1",
                    "agent_id": their_agent,
                    "place": 0,
                    "document": {},
                    "created_at": present(),
                    "updated_at": present(),
                }
            ],
        )


@pytest.mark.parametrize(
    "way",
    [
        lambda rows: rows.connection(),
        lambda rows: rows.get(AgentRow, ("org", "agt")),
        lambda rows: rows.bulk_save_objects([]),
        lambda rows: rows.bulk_insert_mappings(AgentRow, []),
        lambda rows: rows.bulk_update_mappings(AgentRow, []),
    ],
)
def test_the_ways_round_are_closed(rows, way):
    with pytest.raises(UnownedError):
        way(rows)


def test_there_are_no_relations_to_follow():
    assert [mapper for mapper in Base.registry.mappers if mapper.relationships] == []


def test_a_session_needs_an_organisation(store):
    for nobody in ("", None):
        with pytest.raises(UnownedError):
            ScopedSession(store._database.engine(writing=True), nobody, writing=True)


def test_only_the_store_itself_sees_all():
    import re
    from pathlib import Path

    import routing_engine.store

    folder = Path(routing_engine.store.__file__).parent
    users = {path.name for path in folder.glob("*.py") if "ALL" in path.read_text().split()}
    named = {path.name for path in folder.glob("*.py") if "ALL," in path.read_text()}
    assert users | named <= {"scoped_session.py", "store.py", "feed.py"}
    sessions = {
        path.name for path in folder.glob("*.py") if re.search(r"\bSession\(", path.read_text())
    }
    assert sessions <= {"scoped_session.py"}
    assert issubclass(ScopedSession, Session)


def test_the_public_works_find_nothing_of_others(store, organisations):
    (mine, _), (_, their_agent) = organisations
    with store.work(mine) as work:
        for ask in (
            lambda: work.agents.get(their_agent),
            lambda: work.drafts.get(their_agent),
            lambda: work.skills.page(their_agent),
            lambda: work.versions.get(their_agent, 1),
            lambda: work.versions.publish(their_agent, snapshot={}, location="{}"),
            lambda: work.agents.delete(their_agent),
            lambda: work.calls.get("cal_theirs"),
        ):
            with pytest.raises(NotFoundError):
                ask()
        assert work.versions.page(their_agent).items == ()
        assert work.calls.page(their_agent).items == ()
        assert work.calls.decisions("cal_theirs").items == ()
        assert work.calls.totals(their_agent).calls == 0
        assert work.answers.recall("theirs", "other") is None
    assert OrganisationRow.__tablename__ == "organisations"
