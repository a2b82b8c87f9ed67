"""The store: documents, versions, keys, calls, totals and what is kept of them."""

from __future__ import annotations

import importlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from routing_engine import ContextRule, InvalidValueError, Location, MissingExtraError
from routing_engine.errors import (
    ConflictError,
    IdempotencyConflictError,
    NotFoundError,
    PreconditionFailedError,
    StoreUnavailableError,
    WrongSecretError,
)
from routing_engine.store import CallRow, Day, DecisionRow, ImportedDraft, Store, Totals
from routing_engine.store.database import Database
from routing_engine.store.sealing import Sealer
from routing_engine.store.tables import KeyRow, OrganisationRow

SECRET = bytes(range(32))
TOKEN = "rk_" + "t" * 40
BEFORE_UNIQUE_KEYS = (
    "DROP INDEX one_key_a_hash",
    "CREATE INDEX ix_keys_prefix ON keys (prefix)",
)
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


def compiled(location_id, number="+14155550111"):
    rule = ContextRule(label="Billing", when="caller asks about an invoice", destination=number)
    location = Location(location_id=location_id, default_destination="+14155550100", rules=(rule,))
    return location.model_dump_json()


def publish(store, organisation_id, agent_id, **options):
    with store.work(organisation_id) as work:
        draft = work.drafts.get(agent_id)
        location = compiled(draft["locationId"])
        return work.versions.publish(agent_id, snapshot=draft, location=location, **options)


@pytest.fixture
def organisation_id(store):
    return store.create_organisation("Acme")


@pytest.fixture
def agent_id(store, organisation_id):
    with store.work(organisation_id) as work:
        return work.agents.create("Downtown", "store-0042", {"a": 1}).id


class TestOpening:
    def test_a_new_store_is_empty_until_it_has_an_organisation(self, store):
        assert store.is_empty()
        organisation_id = store.create_organisation("Acme")
        assert not store.is_empty()
        assert store.organisations() == [(organisation_id, "Acme")]
        assert organisation_id.startswith("org_")

    def test_what_was_stored_is_there_when_it_is_opened_again(self, store, store_url, agent_id):
        [(organisation_id, _)] = store.organisations()
        with Store.open(store_url, secret=SECRET) as again, again.read(organisation_id) as work:
            assert work.agents.get(agent_id).config == {"a": 1}

    def test_many_may_make_the_tables_at_a_time(self, store_url):
        def opened(_):
            with Store.open(store_url) as store:
                return store.feed().position()

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(opened, range(4))) == [0, 0, 0, 0]

    def test_migrations_make_the_tables_that_the_code_has(self, store):
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext

        from routing_engine.store.tables import Base

        with store._database._engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, Base.metadata) == []

    def test_of_keys_that_earlier_versions_doubled_the_one_used_last_stays(self, store_url):
        from alembic.migration import MigrationContext
        from alembic.operations import Operations

        from routing_engine.store.migrations.versions import r0007_unique_keys

        database = Database(store_url)
        database.migrate()
        with database.engine(writing=True).begin() as connection:
            for statement in BEFORE_UNIQUE_KEYS:
                connection.exec_driver_sql(statement)
            for n, used in enumerate([None, NOON, NOON - timedelta(days=1)]):
                connection.execute(
                    insert(OrganisationRow).values(id=f"org_{n}", name="default", created_at=NOON)
                )
                row = {"organisation_id": f"org_{n}", "id": f"key_{n}", "name": "", "scopes": []}
                hashed = {"prefix": TOKEN[:12], "sha256": sha256(TOKEN.encode()).digest()}
                times = {"created_at": NOON, "last_used_at": used}
                connection.execute(insert(KeyRow).values(row | hashed | times))
            with Operations.context(MigrationContext.configure(connection)):
                r0007_unique_keys.upgrade()
        database.close()
        with Store.open(store_url) as store:
            assert store.authenticate(TOKEN).organisation_id == "org_1"
            for n, n_keys in enumerate([0, 1, 0]):
                with store.read(f"org_{n}") as work:
                    assert len(work.keys.page().items) == n_keys

    @pytest.mark.parametrize(
        "url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/x", "what", ""]
    )
    def test_an_address_that_keeps_nothing_is_refused(self, url):
        with pytest.raises(InvalidValueError):
            Store.open(url)

    def test_a_database_that_does_not_answer_is_unavailable(self, tmp_path):
        with pytest.raises(StoreUnavailableError):
            Store.open(f"sqlite:///{tmp_path / 'nowhere' / 'routing.db'}")
        with pytest.raises(StoreUnavailableError):
            Store.open("postgresql://root@127.0.0.1:1/none")

    def test_without_its_extra_the_message_names_the_command(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "sqlalchemy", None)
        monkeypatch.delitem(sys.modules, "routing_engine.store")
        with pytest.raises(MissingExtraError, match=r'pip install "routing-engine\[server\]"'):
            importlib.import_module("routing_engine.store")

    def test_without_a_driver_the_message_names_the_command(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "psycopg", None)
        with pytest.raises(MissingExtraError, match=r'pip install "routing-engine\[postgres\]"'):
            Store.open("postgresql://127.0.0.1/none")

    def test_what_the_database_cannot_hold_is_an_invalid_value(self, store, organisation_id):
        with pytest.raises(InvalidValueError), store.work(organisation_id) as work:
            work.agents.create("\ud800", None, {})

    def test_nothing_of_a_work_that_failed_is_kept(self, store, organisation_id):
        def fail(work):
            work.agents.create("Downtown", None, {})
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError), store.work(organisation_id) as work:
            fail(work)
        with store.read(organisation_id) as work:
            assert work.agents.page().items == ()
            assert work.audits.page().items == ()


class TestDrafts:
    def test_an_agent_comes_back_as_it_was_given(self, store, organisation_id):
        config = {"z": [1, {"y": None}], "a": "ü\n'\"", "n": 1.5}
        with store.work(organisation_id) as work:
            made = work.agents.create("Downtown", "store-0042", config)
        with store.read(organisation_id) as work:
            found = work.agents.get(made.id)
        assert found == made
        assert list(found.config) == ["z", "a", "n"]
        assert found.config == config
        assert (found.version, found.location_id) == (None, "store-0042")

    def test_an_agent_without_a_location_id_answers_under_its_own(self, store, organisation_id):
        with store.work(organisation_id) as work:
            agent = work.agents.create("Downtown", None, {})
        assert agent.location_id == agent.id

    def test_two_agents_of_an_organisation_cannot_answer_one_location(
        self, store, organisation_id, agent_id
    ):
        with pytest.raises(ConflictError, match="store-0042"), store.work(organisation_id) as work:
            work.agents.create("Other", "store-0042", {})
        other = store.create_organisation("Other")
        with store.work(other) as work:
            assert work.agents.create("Theirs", "store-0042", {}).location_id == "store-0042"

    def test_every_change_of_a_draft_changes_its_etag(self, store, organisation_id, agent_id):
        etags = []
        for change in (
            lambda work: work.agents.update(agent_id, config={"b": 2}),
            lambda work: work.agents.update(agent_id, name="Uptown"),
            lambda work: work.agents.put_document(agent_id, "guardrails", {"g": 1}),
            lambda work: work.agents.put_document(agent_id, "callerVerification", {"c": 1}),
            lambda work: work.agents.put_document(agent_id, "tests", {"t": 1}),
            lambda work: work.skills.create(agent_id, {"s": 1}),
            lambda work: work.skills.update(
                agent_id, work.skills.page(agent_id).items[0].id, {"s": 2}
            ),
            lambda work: work.skills.delete(agent_id, work.skills.page(agent_id).items[0].id),
        ):
            with store.work(organisation_id) as work:
                change(work)
                etags.append(work.agents.get(agent_id).etag)
        assert len(set(etags)) == len(etags)

    def test_a_change_of_what_was_changed_meanwhile_is_refused(
        self, store, organisation_id, agent_id
    ):
        with store.read(organisation_id) as work:
            seen = work.agents.get(agent_id).etag
        with store.work(organisation_id) as work:
            now = work.agents.update(agent_id, config={"b": 2}, if_match=seen).etag
            skill = work.skills.create(agent_id, {})
            now = skill.etag
        for change in (
            lambda work: work.agents.update(agent_id, config={}, if_match=seen),
            lambda work: work.agents.put_document(agent_id, "tests", {}, if_match=seen),
            lambda work: work.skills.create(agent_id, {}, if_match=seen),
            lambda work: work.skills.update(agent_id, skill.id, {}, if_match=seen),
            lambda work: work.skills.delete(agent_id, skill.id, if_match=seen),
            lambda work: work.versions.publish(agent_id, snapshot={}, location="{}", if_match=seen),
            lambda work: work.agents.delete(agent_id, if_match=seen),
        ):
            with (
                pytest.raises(PreconditionFailedError) as caught,
                store.work(organisation_id) as work,
            ):
                change(work)
            assert caught.value.current == now
        with store.read(organisation_id) as work:
            assert work.agents.get(agent_id).config == {"b": 2}

    def test_the_draft_is_one_document(self, store, organisation_id, agent_id):
        with store.work(organisation_id) as work:
            first = work.skills.create(agent_id, {"name": "first"})
            second = work.skills.create(agent_id, {"name": "second"})
            work.agents.put_document(agent_id, "tests", {"cases": []})
            draft = work.drafts.get(agent_id)
        assert draft == {
            "name": "Downtown",
            "locationId": "store-0042",
            "config": {"a": 1},
            "skills": [{"name": "first", "id": first.id}, {"name": "second", "id": second.id}],
            "guardrails": {},
            "callerVerification": {},
            "tests": {"cases": []},
        }
        with store.read(organisation_id) as work:
            assert work.drafts.at_locations(["store-0042", "nowhere"]) == {
                "store-0042": (work.agents.get(agent_id), draft)
            }

    def test_a_kind_of_document_that_there_is_not_is_refused(
        self, store, organisation_id, agent_id
    ):
        with pytest.raises(InvalidValueError), store.work(organisation_id) as work:
            work.agents.put_document(agent_id, "revision", {})

    def test_a_deleted_agent_is_gone_with_its_skills(self, store, organisation_id, agent_id):
        with store.work(organisation_id) as work:
            skill = work.skills.create(agent_id, {})
            work.agents.delete(agent_id)
        with store.read(organisation_id) as work:
            for ask in (
                lambda: work.agents.get(agent_id),
                lambda: work.skills.get(agent_id, skill.id),
                lambda: work.agents.document(agent_id, "tests"),
            ):
                with pytest.raises(NotFoundError):
                    ask()

    def test_a_work_that_reads_changes_nothing(self, store, organisation_id, agent_id):
        from routing_engine.store.scoped_session import UnownedError

        for change in (
            lambda work: work.agents.update(agent_id, name="Uptown"),
            lambda work: work.agents.delete(agent_id),
            lambda work: work.audits.record("a", "b"),
        ):
            with pytest.raises(UnownedError), store.read(organisation_id) as work:
                change(work)


class TestPages:
    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
    def test_pages_together_are_the_whole_list_once(self, store, organisation_id, limit):
        with store.work(organisation_id) as work:
            made = [work.agents.create(f"Agent {i}", None, {}).id for i in range(7)]
        found, cursor = [], None
        with store.read(organisation_id) as work:
            while True:
                page = work.agents.page(limit, cursor)
                assert len(page.items) <= limit
                found += [agent.id for agent in page.items]
                cursor = page.cursor
                if cursor is None:
                    break
        assert found == made

    @pytest.mark.parametrize("limit", [0, -1, 1001])
    def test_a_limit_out_of_range_is_refused(self, store, organisation_id, limit):
        with pytest.raises(InvalidValueError), store.read(organisation_id) as work:
            work.agents.page(limit)

    @pytest.mark.parametrize(
        "cursor", ["", "x", "é", "W10", "WzEsIDJd", "WyJhIiwgImIiXQ", "bnVsbA", "\0"]
    )
    def test_a_cursor_that_no_list_gave_is_refused(self, store, organisation_id, cursor):
        with pytest.raises(InvalidValueError), store.read(organisation_id) as work:
            work.agents.page(10, cursor)


class TestVersions:
    def test_versions_are_numbered_from_one(self, store, organisation_id, agent_id):
        assert [publish(store, organisation_id, agent_id).number for _ in range(3)] == [1, 2, 3]
        with store.read(organisation_id) as work:
            assert [version.number for version in work.versions.page(agent_id).items] == [3, 2, 1]
            assert work.agents.get(agent_id).version == 3

    def test_a_version_holds_what_was_published(self, store, organisation_id, agent_id):
        made = publish(
            store, organisation_id, agent_id, note="spring", forced="it must", actor="key_1"
        )
        with store.work(organisation_id) as work:
            work.agents.update(agent_id, config={"later": True})
        with store.read(organisation_id) as work:
            version = work.versions.get(agent_id, 1)
        assert version == made
        assert version.snapshot["config"] == {"a": 1}
        assert version.location == compiled("store-0042")
        assert (version.note, version.forced, version.created_by) == ("spring", "it must", "key_1")

    def test_publishing_leaves_the_draft_and_its_etag_as_they_are(
        self, store, organisation_id, agent_id
    ):
        with store.read(organisation_id) as work:
            before = work.agents.get(agent_id)
        publish(store, organisation_id, agent_id)
        with store.read(organisation_id) as work:
            after = work.agents.get(agent_id)
        assert (after.etag, after.config) == (before.etag, before.config)

    @pytest.mark.parametrize(
        "statement", ["UPDATE versions SET note = 'x'", "DELETE FROM versions"]
    )
    def test_the_database_refuses_to_change_a_version(
        self, store, organisation_id, agent_id, statement
    ):
        import sqlalchemy
        from sqlalchemy.exc import DBAPIError

        publish(store, organisation_id, agent_id)
        with (
            pytest.raises(DBAPIError, match="versions never change"),
            store._database.engine(writing=True).begin() as connection,
        ):
            connection.execute(sqlalchemy.text(statement))

    def test_going_back_restores_the_whole_draft(self, store, organisation_id, agent_id):
        with store.work(organisation_id) as work:
            work.skills.create(agent_id, {"name": "first"})
            work.skills.create(agent_id, {"name": "second"})
            for kind in ("guardrails", "callerVerification", "tests"):
                work.agents.put_document(agent_id, kind, {"of": kind})
            before = work.drafts.get(agent_id)
        publish(store, organisation_id, agent_id)
        with store.work(organisation_id) as work:
            for skill in work.skills.page(agent_id).items:
                work.skills.delete(agent_id, skill.id)
            work.skills.create(agent_id, {"name": "third"})
            work.agents.update(agent_id, config={}, name="Uptown")
            for kind in ("guardrails", "callerVerification", "tests"):
                work.agents.put_document(agent_id, kind, {})
            etag = work.agents.get(agent_id).etag
            assert work.versions.restore(agent_id, 1).etag != etag
        with store.read(organisation_id) as work:
            assert work.drafts.get(agent_id) == before
            with pytest.raises(NotFoundError):
                work.versions.get(agent_id, 2)

    def test_versions_of_a_deleted_agent_stay(self, store, organisation_id, agent_id):
        publish(store, organisation_id, agent_id)
        with store.work(organisation_id) as work:
            work.agents.delete(agent_id)
        with store.read(organisation_id) as work:
            assert work.versions.get(agent_id, 1).snapshot["name"] == "Downtown"


class TestKeys:
    def test_a_token_names_its_organisation_and_scopes(self, store, organisation_id):
        with store.work(organisation_id) as work:
            key, token = work.keys.create("ci", ["agents:read", "agents:write"])
        principal = store.authenticate(token)
        assert (principal.organisation_id, principal.key_id) == (organisation_id, key.id)
        assert principal.scopes == {"agents:read", "agents:write"}
        assert token.startswith(key.prefix)
        assert len(token) - len(key.prefix) >= 32

    def test_what_is_stored_of_a_token_is_its_prefix_and_hash(
        self, store, organisation_id, tmp_path
    ):
        token = "bootstrap-" + "s3cret" * 6
        with store.work(organisation_id) as work:
            key, given = work.keys.create("first", [], token=token)
        assert given == token
        assert store.authenticate(token).key_id == key.id
        for path in tmp_path.iterdir():
            assert token.encode()[:24] not in path.read_bytes()

    def test_a_token_belongs_to_one_key_of_one_organisation(self, store, organisation_id):
        with store.work(organisation_id) as work:
            work.keys.create("ours", [], token=TOKEN)
        for owner in (organisation_id, store.create_organisation("Another")):
            with pytest.raises(ConflictError, match="token"), store.work(owner) as work:
                work.keys.create("theirs", [], token=TOKEN)
        assert store.authenticate(TOKEN).organisation_id == organisation_id

    def test_a_token_that_is_wrong_short_deleted_or_expired_is_nobodys(
        self, store, organisation_id
    ):
        with store.work(organisation_id) as work:
            key, token = work.keys.create("a", [])
            _, expired = work.keys.create("b", [], datetime.now(UTC) - timedelta(seconds=1))
            _, valid = work.keys.create("c", [], datetime.now(UTC) + timedelta(hours=1))
        assert store.authenticate(valid) is not None
        for wrong in (token[:-1], token + "x", token[:12], "", "\0" * 40, "\ud800" * 40, expired):
            assert store.authenticate(wrong) is None
        with store.work(organisation_id) as work:
            work.keys.delete(key.id)
        assert store.authenticate(token) is None
        with pytest.raises(NotFoundError), store.work(organisation_id) as work:
            work.keys.delete(key.id)

    def test_a_use_is_noted_at_most_once_a_minute(self, store, organisation_id):
        with store.work(organisation_id) as work:
            _, token = work.keys.create("a", [])

        def last_used():
            with store.read(organisation_id) as work:
                return work.keys.page().items[0].last_used_at

        assert last_used() is None
        store.authenticate(token)
        first = last_used()
        assert timedelta(0) <= datetime.now(UTC) - first < timedelta(seconds=30)
        store.authenticate(token)
        assert last_used() == first

    def test_a_key_is_known_while_another_writes(self, store, organisation_id):
        with store.work(organisation_id) as work:
            key, token = work.keys.create("a", [])
        with store.work(organisation_id) as work, ThreadPoolExecutor(1) as pool:
            work.agents.create("Downtown", None, {})
            assert pool.submit(store.authenticate, token).result(timeout=5).key_id == key.id

    def test_a_token_made_elsewhere_must_be_long(self, store, organisation_id):
        with pytest.raises(InvalidValueError), store.work(organisation_id) as work:
            work.keys.create("a", [], token="short")


class TestAnswers:
    def test_the_same_request_gets_the_same_answer(self, store, organisation_id):
        with store.work(organisation_id) as work:
            assert work.answers.recall("k", "f") is None
            work.answers.remember("k", "f", 201, {"id": [1, "ü"]}, {"ETag": '"r1"'})
        with store.work(organisation_id) as work:
            answer = work.answers.recall("k", "f")
        assert (answer.status, answer.body) == (201, {"id": [1, "ü"]})
        assert answer.headers == {"ETag": '"r1"'}

    def test_another_request_with_the_same_key_conflicts(self, store, organisation_id):
        with store.work(organisation_id) as work:
            work.answers.recall("k", "f")
            work.answers.remember("k", "f", 201, {}, {})
        with pytest.raises(IdempotencyConflictError), store.work(organisation_id) as work:
            work.answers.recall("k", "other")
        other = store.create_organisation("Other")
        with store.work(other) as work:
            assert work.answers.recall("k", "other") is None

    def test_an_answer_is_forgotten_with_the_write_it_tells_of(self, store, organisation_id):
        def fail(work):
            work.answers.recall("k", "f")
            work.answers.remember("k", "f", 201, {}, {})
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError), store.work(organisation_id) as work:
            fail(work)
        with store.work(organisation_id) as work:
            assert work.answers.recall("k", "f") is None

    def test_an_answer_is_forgotten_after_a_day(self, store, organisation_id):
        with store.work(organisation_id) as work:
            work.answers.recall("k", "f")
            work.answers.remember("k", "f", 201, {}, {})
        now = datetime.now(UTC)
        assert store.expire(now + timedelta(hours=23)) == 0
        assert store.expire(now + timedelta(hours=25)) == 1
        with store.work(organisation_id) as work:
            assert work.answers.recall("k", "other") is None


def call(agent_id, call_id="cal_1", **changes):
    return CallRow(
        **{"id": call_id, "agent_id": agent_id, "version": 1, "opened_at": NOON, **changes}
    )


class TestCalls:
    def test_a_call_comes_back_with_what_is_sealed(self, store, organisation_id, agent_id):
        given = call(
            agent_id,
            ended_at=NOON + timedelta(minutes=2),
            outcome="transfer",
            reason="rule_matched",
            rule="Billing",
            transferred=True,
            failed_transfers=2,
            record='{"said": "ü"}',
            handoff="{}",
            expires_at=NOON + timedelta(days=30),
        )
        with store.work(organisation_id) as work:
            work.calls.put(given)
        with store.read(organisation_id) as work:
            assert work.calls.get(given.id) == given
            [listed] = work.calls.page(agent_id).items
            assert (listed.record, listed.handoff, listed.rule) == (None, None, "Billing")

    def test_the_list_is_filtered_by_time_outcome_and_rule(self, store, organisation_id, agent_id):
        with store.work(organisation_id) as work:
            for i, (outcome, rule) in enumerate(
                [("transfer", "Billing"), ("contain", None), ("transfer", "Repairs")]
            ):
                at = NOON + timedelta(hours=i)
                work.calls.put(call(agent_id, f"cal_{i}", opened_at=at, outcome=outcome, rule=rule))
        with store.read(organisation_id) as work:

            def ids(**filters):
                return [row.id for row in work.calls.page(agent_id, **filters).items]

            assert ids() == ["cal_2", "cal_1", "cal_0"]
            assert ids(since=NOON + timedelta(hours=1)) == ["cal_2", "cal_1"]
            assert ids(until=NOON + timedelta(hours=1)) == ["cal_0"]
            assert ids(outcome="transfer") == ["cal_2", "cal_0"]
            assert ids(rule="Billing") == ["cal_0"]
            assert ids(outcome="contain", rule="Billing") == []

    def test_a_decision_by_itself_is_a_call(self, store, organisation_id, agent_id):
        store.add_decisions(
            [
                DecisionRow(
                    organisation_id=organisation_id,
                    id="dec_1",
                    call_id="cal_1",
                    agent_id=agent_id,
                    version=3,
                    decided_at=NOON,
                    outcome="transfer",
                    reason="rule_matched",
                    rule="Billing",
                    confidence=0.75,
                    transferred=True,
                    is_alone=True,
                )
            ]
        )
        with store.read(organisation_id) as work:
            assert work.calls.get("cal_1") == call(
                agent_id,
                version=3,
                ended_at=NOON,
                outcome="transfer",
                reason="rule_matched",
                rule="Billing",
                transferred=True,
            )
            [decision] = work.calls.decisions("cal_1").items
            assert (decision.id, decision.confidence) == ("dec_1", 0.75)
            assert work.calls.totals(agent_id).by_rule == {"Billing": 1}

    def test_a_turn_of_a_call_is_not_counted_twice(self, store, organisation_id, agent_id):
        with store.work(organisation_id) as work:
            work.calls.put(call(agent_id, outcome="contain"))
        row = DecisionRow(
            organisation_id=organisation_id,
            id="dec_1",
            call_id="cal_1",
            agent_id=agent_id,
            version=1,
            decided_at=NOON,
            outcome="contain",
            reason="routine",
        )
        store.add_decisions([row])
        with store.read(organisation_id) as work:
            assert work.calls.totals(agent_id).calls == 1
            assert work.calls.decisions("cal_1").items == (row,)


class TestTotals:
    def test_totals_by_hand(self, store, organisation_id, agent_id):
        with store.work(organisation_id) as work:
            for i, changes in enumerate(
                [
                    {"outcome": "transfer", "rule": "Billing", "transferred": True},
                    {"outcome": "transfer", "rule": "Billing", "transferred": True},
                    {"outcome": "default", "transferred": True, "failed_transfers": 2},
                    {"outcome": "contain", "opened_at": NOON + timedelta(days=1)},
                    {},
                ]
            ):
                work.calls.put(call(agent_id, f"cal_{i}", **changes))
        with store.read(organisation_id) as work:
            totals = work.calls.totals(agent_id)
        assert totals == Totals(
            calls=5,
            contained=1,
            transferred=3,
            defaulted=1,
            failed_transfers=2,
            by_rule={"Billing": 2},
            by_day=(Day("2026-03-31", 4, 0, 3), Day("2026-04-01", 1, 1, 0)),
        )
        assert (totals.transfer_rate, totals.default_rate) == (3 / 5, 1 / 5)

    def test_totals_of_nothing_have_no_rate(self, store, organisation_id):
        with store.read(organisation_id) as work:
            totals = work.calls.totals("agt_none")
        assert (totals.calls, totals.transfer_rate, totals.default_rate) == (0, 0.0, 0.0)

    def test_a_call_that_goes_on_is_counted_as_it_came_out(self, store, organisation_id, agent_id):
        for outcome in ("contain", "transfer", "default"):
            with store.work(organisation_id) as work:
                work.calls.put(call(agent_id, outcome=outcome, transferred=outcome != "contain"))
                assert work.calls.totals(agent_id).calls == 1
        with store.read(organisation_id) as work:
            totals = work.calls.totals(agent_id)
        assert (totals.calls, totals.contained, totals.defaulted, totals.transferred) == (
            1,
            0,
            1,
            1,
        )


outcomes = st.sampled_from([None, "transfer", "contain", "default"])
rules = st.sampled_from([None, "Billing", "Repairs"])
moments = st.integers(-50, 120).map(lambda hours: NOON + timedelta(hours=hours, microseconds=hours))
bounds = st.none() | moments


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 5), moments, outcomes, rules, st.booleans(), st.integers(0, 2)),
        max_size=12,
    ),
    st.lists(st.tuples(bounds, bounds, outcomes, rules), min_size=1, max_size=6),
)
def test_totals_equal_counting_the_list(store, steps, questions):
    organisation_id = store.create_organisation("Acme")
    with store.work(organisation_id) as work:
        agent_id = work.agents.create("Downtown", None, {}).id
        for name, opened_at, outcome, rule, transferred, failed in steps:
            work.calls.put(
                call(
                    agent_id,
                    f"cal_{name}",
                    opened_at=opened_at,
                    outcome=outcome,
                    rule=rule,
                    transferred=transferred,
                    failed_transfers=failed,
                )
            )
    with store.read(organisation_id) as work:
        for since, until, outcome, rule in questions:
            filters = {"since": since, "until": until, "outcome": outcome, "rule": rule}
            listed = work.calls.page(agent_id, 1000, **filters).items
            totals = work.calls.totals(agent_id, **filters)
            assert totals.calls == len(listed)
            assert totals.contained == sum(row.outcome == "contain" for row in listed)
            assert totals.defaulted == sum(row.outcome == "default" for row in listed)
            assert totals.transferred == sum(row.transferred for row in listed)
            assert totals.failed_transfers == sum(row.failed_transfers for row in listed)
            for label in ("Billing", "Repairs"):
                counted = sum(row.rule == label for row in listed)
                assert totals.by_rule.get(label, 0) == counted
            assert sum(day.calls for day in totals.by_day) == len(listed)
            for day in totals.by_day:
                on_it = [row for row in listed if row.opened_at.date().isoformat() == day.day]
                assert (day.calls, day.contained, day.transferred) == (
                    len(on_it),
                    sum(row.outcome == "contain" for row in on_it),
                    sum(row.transferred for row in on_it),
                )


class TestSealing:
    def test_nothing_that_callers_said_is_in_the_file(
        self, store, organisation_id, agent_id, tmp_path
    ):
        marks = ("MARK-name-Ada", "MARK-number-+14155550188", "MARK-words-overcharged")
        with store.work(organisation_id) as work:
            work.answers.recall("k", "f")
            work.answers.remember("k", "f", 200, {"handoff": marks}, {"X": marks[0]})
            work.calls.put(call(agent_id, record=json.dumps(marks), handoff=json.dumps(marks)))
        with store.work(organisation_id) as work:
            work.calls.put(call(agent_id, outcome="default", record=json.dumps(marks)))
        raw = dump(store, tmp_path)
        assert b"Downtown" in raw
        assert b"MARK" not in raw

    def test_retention_deletes_what_callers_said_and_keeps_the_count(
        self, store, organisation_id, agent_id
    ):
        with store.work(organisation_id) as work:
            work.calls.put(call(agent_id, "cal_1", record="a", handoff="b", expires_at=NOON))
            later = NOON + timedelta(seconds=1)
            work.calls.put(call(agent_id, "cal_2", record="c", expires_at=later))
            work.calls.put(call(agent_id, "cal_3", record="d"))
        assert store.expire(NOON) == 1
        assert store.expire(NOON) == 0
        with store.read(organisation_id) as work:
            assert [work.calls.get(f"cal_{i}").record for i in (1, 2, 3)] == [None, "c", "d"]
            assert work.calls.get("cal_1").handoff is None
            assert work.calls.totals(agent_id).calls == 3

    def test_another_secret_is_told_so(self, store, store_url, organisation_id, agent_id):
        with store.work(organisation_id) as work:
            work.calls.put(call(agent_id, record="a"))
        with Store.open(store_url, secret=bytes(32)) as other, other.read(organisation_id) as work:
            with pytest.raises(WrongSecretError, match="another secret"):
                work.calls.get("cal_1")
            assert work.calls.page(agent_id).items[0].id == "cal_1"

    def test_what_is_sealed_for_one_row_does_not_open_in_another(self):
        sealer = Sealer(SECRET)
        sealed = sealer.seal("words", "calls", "org_1", "record", "cal_1")
        assert sealer.open(sealed, "calls", "org_1", "record", "cal_1") == "words"
        for place in (
            ("calls", "org_2", "record", "cal_1"),
            ("calls", "org_1", "handoff", "cal_1"),
            ("calls", "org_1", "record", "cal_2"),
        ):
            with pytest.raises(WrongSecretError, match="altered, or moved"):
                sealer.open(sealed, *place)

    @given(st.text(), st.integers(0, 200), st.integers(1, 255))
    def test_sealing_hides_and_any_change_is_noticed(self, text, at, flip):
        sealer = Sealer(SECRET)
        sealed = sealer.seal(text, "calls", "x")
        assert sealer.open(sealed, "calls", "x") == text
        assert sealer.seal(text, "calls", "x") != sealed
        altered = bytearray(sealed)
        altered[at % len(altered)] ^= flip
        with pytest.raises(WrongSecretError):
            sealer.open(bytes(altered), "calls", "x")
        with pytest.raises(WrongSecretError):
            sealer.open(sealed[: at % len(sealed)], "calls", "x")

    @pytest.mark.parametrize("secret", [b"", bytes(31), bytes(33), "x" * 32])
    def test_a_secret_is_32_bytes(self, secret):
        with pytest.raises(InvalidValueError):
            Sealer(secret)


def dump(store, folder):
    """All bytes of a store: its files, or every row as PostgreSQL gives it."""
    if store._database.is_sqlite:
        return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
    from routing_engine.store.tables import Base

    with store._database._engine.connect() as connection:
        return b"".join(
            bytes(value) if isinstance(value, (bytes, memoryview)) else str(value).encode()
            for table in Base.metadata.sorted_tables
            for row in connection.execute(table.select())
            for value in row
        )


class TestAudit:
    def test_each_change_leaves_a_row(self, store, organisation_id):
        with store.work(organisation_id, actor="key_7") as work:
            key, _ = work.keys.create("a", [])
            agent = work.agents.create("Downtown", None, {})
            work.agents.update(agent.id, name="Uptown")
            skill = work.skills.create(agent.id, {})
            work.skills.update(agent.id, skill.id, {})
            work.skills.delete(agent.id, skill.id)
            work.agents.put_document(agent.id, "tests", {})
            work.versions.publish(
                agent.id, snapshot=work.drafts.get(agent.id), location="{}", forced="must"
            )
            work.versions.restore(agent.id, 1)
            work.versions.unpublish(agent.id)
            work.agents.delete(agent.id)
            work.keys.delete(key.id)
            work.imports.create(status="running")
            work.audits.record("server.what", "x", {"d": 1}, actor="server")
        with store.read(organisation_id) as work:
            rows = sorted(work.audits.page().items, key=lambda row: row.at)
        assert [row.action for row in rows] == [
            *("key.create", "agent.create", "agent.update"),
            *("skill.create", "skill.update", "skill.delete", "agent.tests"),
            *("agent.publish", "agent.restore", "agent.unpublish", "agent.delete"),
            *("key.delete", "import.create", "server.what"),
        ]
        assert {row.actor for row in rows[:-1]} == {"key_7"}
        assert (rows[-1].actor, rows[-1].detail) == ("server", {"d": 1})
        assert rows[7].detail == {"version": 1, "forced": "must"}


class TestImports:
    def test_an_import_makes_changes_and_publishes_drafts(self, store, organisation_id, agent_id):
        with store.work(organisation_id) as work:
            work.skills.create(agent_id, {"kept": True})
            etag = work.agents.get(agent_id).etag
        with store.work(organisation_id) as work:
            changed, made, draft = work.imports.apply(
                [
                    ImportedDraft(
                        location_id="store-0042",
                        name="Downtown 2",
                        config={"b": 2},
                        etag=etag,
                        snapshot={"s": 1},
                        location=compiled("store-0042"),
                    ),
                    ImportedDraft(
                        location_id="store-0043",
                        name="Uptown",
                        config={"c": 3},
                        snapshot={"s": 2},
                        location=compiled("store-0043"),
                    ),
                    ImportedDraft(location_id="store-0044", name="Draft", config={}),
                ],
                note="sheet",
                actor="key_1",
            )
        assert (changed.id, changed.name, changed.config, changed.version) == (
            agent_id,
            "Downtown 2",
            {"b": 2},
            1,
        )
        assert changed.etag != etag
        assert (made.version, draft.version) == (1, None)
        with store.read(organisation_id) as work:
            assert work.agents.get(agent_id) == changed
            assert [skill.document for skill in work.skills.page(agent_id).items] == [
                {"kept": True}
            ]
            version = work.versions.get(made.id, 1)
            assert (version.snapshot, version.note, version.created_by) == (
                {"s": 2},
                "sheet",
                "key_1",
            )
        changes = store.feed(organisation_id).changes()
        assert changes.position == 1
        found = sorted(location.location_id for location in changes.locations)
        assert found == ["store-0042", "store-0043"]

    @pytest.mark.parametrize(
        ("etag", "location_id", "error"),
        [
            ("r0", "store-0042", PreconditionFailedError),
            (None, "store-0042", ConflictError),
            ("r1", "store-0099", ConflictError),
        ],
    )
    def test_an_import_of_which_a_draft_was_changed_changes_nothing(
        self, store, organisation_id, agent_id, etag, location_id, error
    ):
        with pytest.raises(error), store.work(organisation_id) as work:
            work.imports.apply(
                [
                    ImportedDraft(location_id="store-0043", name="New", config={}),
                    ImportedDraft(location_id=location_id, name="Old", config={}, etag=etag),
                ]
            )
        with store.read(organisation_id) as work:
            assert [agent.name for agent in work.agents.page().items] == ["Downtown"]

    def test_an_import_is_undone_in_one_step(self, store, organisation_id, agent_id):
        def drafts(name, *locations):
            with store.read(organisation_id) as work:
                known = work.agents.etags()
            return [
                ImportedDraft(
                    location_id=location,
                    name=name,
                    config={"of": name},
                    etag=known.get(location),
                    snapshot={"of": name},
                    location=compiled(location),
                )
                for location in locations
            ]

        def imported(name, *locations, remove=()):
            made = drafts(name, *locations)
            with store.work(organisation_id) as work:
                item = work.imports.create(status="done")
                gone = {one: work.agents.etags()[one] for one in remove}
                work.imports.apply(made, remove=gone, import_id=item.id)
            return item.id

        with store.work(organisation_id) as work:
            work.agents.update(agent_id, config={"was": "draft"})
        first = imported("first", "store-0043", "store-0044")
        with store.work(organisation_id) as work:
            gone = work.agents.page(location_id="store-0044").items[0].id
            work.skills.create(gone, {"kept": True})
            work.agents.put_document(gone, "tests", {"tests": []})
        second = imported("second", "store-0042", "store-0043", "store-0045", remove=["store-0044"])
        with (
            pytest.raises(ConflictError, match="a later import changed 2 of its"),
            store.work(organisation_id) as work,
        ):
            work.imports.undo(first)
        with store.work(organisation_id) as work:
            assert work.imports.undo(second).status == "undone"
        with store.read(organisation_id) as work:
            found = {agent.location_id: agent for agent in work.agents.page().items}
            assert sorted(found) == ["store-0042", "store-0043", "store-0044"]
            downtown, changed, restored = (found[name] for name in sorted(found))
            assert (downtown.id, downtown.config, downtown.version) == (
                agent_id, {"was": "draft"}, None,
            )  # fmt: skip
            assert (changed.config, changed.version, changed.is_changed) == (
                {"of": "first"}, 3, False,
            )  # fmt: skip
            assert work.versions.get(changed.id, 3).snapshot == {"of": "first"}
            assert (restored.id, restored.version, restored.is_changed) == (gone, 2, True)
            skills = work.skills.page(gone).items
            assert [skill.document for skill in skills] == [{"kept": True}]
            assert work.agents.document(gone, "tests") == {"tests": []}
            actions = [row.action for row in work.audits.page().items]
            assert actions.count("import.undo") == 1
        changes = store.feed(organisation_id).changes()
        names = sorted(location.location_id for location in changes.locations)
        assert names == ["store-0043", "store-0044"]
        with (
            pytest.raises(ConflictError, match="cannot be undone"),
            store.work(organisation_id) as work,
        ):
            work.imports.undo(second)

    def test_what_was_changed_since_an_import_is_not_undone(self, store, organisation_id):
        with store.work(organisation_id) as work:
            item = work.imports.create(status="done")
            made = work.imports.apply(
                [ImportedDraft(location_id=f"s-{i}", name="A", config={}) for i in range(7)],
                import_id=item.id,
            )
        with store.work(organisation_id) as work:
            for agent in made[:6]:
                work.agents.update(agent.id, name="B")
        with (
            pytest.raises(ConflictError, match=r"since: 's-0'.*'s-4' and 1 more; roll them"),
            store.work(organisation_id) as work,
        ):
            work.imports.undo(item.id)
        with store.read(organisation_id) as work:
            assert len(work.agents.page().items) == 7

    def test_an_import_tells_how_far_it_is(self, store, organisation_id):
        with store.work(organisation_id) as work:
            made = work.imports.create(status="running", n_total=3, report={"rows": 3})
        with store.work(organisation_id) as work:
            work.imports.update(made.id, n_done=2)
        with store.read(organisation_id) as work:
            found = work.imports.get(made.id)
            assert work.imports.page().items == (found,)
            with pytest.raises(NotFoundError):
                work.imports.get("imp_none")
        assert (found.status, found.n_done, found.n_total) == ("running", 2, 3)
        assert found.report == {"rows": 3}
