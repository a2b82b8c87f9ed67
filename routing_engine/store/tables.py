"""The tables, as mapped classes.

All but two are :class:`Owned`: their primary key begins with the organisation, so that the
database itself keeps one organisation's rows apart from another's.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "AgentRow",
    "AnswerRow",
    "AuditRow",
    "Base",
    "CallRecord",
    "DecisionRecord",
    "DialPolicyRow",
    "FeedCounter",
    "ImportRow",
    "ImportStepRow",
    "KeyRow",
    "LabelRow",
    "LineRow",
    "Moment",
    "OrganisationRow",
    "Owned",
    "PreferenceRow",
    "PublishedRow",
    "SessionRow",
    "SkillRow",
    "StagedRow",
    "TotalRow",
    "VersionRow",
    "new_id",
    "present",
]

Document = dict[str, Any]


def new_id(prefix: str) -> str:
    """Return a new unguessable id: ``agt_`` and 96 random bits, safe in a URL."""
    return f"{prefix}_{secrets.token_urlsafe(12)}"


def present() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


class Moment(TypeDecorator[datetime]):
    """A time with zone. SQLite stores none, so there it is written and read as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True
    python_type = datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError("expected a datetime with a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, _: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all rows."""

    # JSON, not JSONB: a document comes back with its keys in the order it was given in.
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: Moment,
        Document: JSON,
        list[str]: JSON,
        int: BigInteger,
        str: Text,
        float: Double,
    }


Id = String(64)


class OrganisationRow(Base):
    """An organisation, which owns all other rows."""

    __tablename__ = "organisations"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime]


class FeedCounter(Base):
    """A single row that counts publications.

    A counter and not a sequence. A sequence gives out numbers before transactions commit, and in
    another order than they do: a reader that has seen 8 would never look for the 7 that commits
    later. Whoever raises this row holds it until its transaction ends, so the next number is given
    only after the last one is there to be read.
    """

    __tablename__ = "feed_counter"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int]


class Owned:
    """Base of rows that belong to an organisation."""

    organisation_id: Mapped[str] = mapped_column(
        Id, ForeignKey("organisations.id"), primary_key=True, sort_order=-1
    )


class KeyRow(Owned, Base):
    """An API key, with the hash of its secret, which no other key of any organisation has."""

    __tablename__ = "keys"
    __table_args__ = (Index("one_key_a_hash", "sha256", unique=True),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str]
    prefix: Mapped[str] = mapped_column(String(16))
    sha256: Mapped[bytes]
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class SessionRow(Owned, Base):
    """Somebody who signed in to the console with a key; of the token only the hash.

    Attributes:
        id: SHA-256 of the token, hex.
        seen_at: when it was used last, to the minute.
        ends_at: when it ends, however much it is used.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organisation_id", "key_id"],
            ["keys.organisation_id", "keys.id"],
            name="sessions_of_a_key",
            ondelete="CASCADE",
        ),
        Index("sessions_by_id", "id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    key_id: Mapped[str] = mapped_column(Id)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ends_at: Mapped[datetime]


class AgentRow(Owned, Base):
    """An agent and its draft, skills aside.

    Attributes:
        revision: of the whole draft, skills included; what the etag shows.
        published_revision: of the draft when a version was last published from it; None for
            never, or where nobody noted it.
        version: the version that is published, or None.
        n_versions: how many there are; the last one's number.
    """

    __tablename__ = "agents"
    __table_args__ = (
        UniqueConstraint("organisation_id", "location_id", name="one_agent_a_location"),
        Index("agents_by_age", "organisation_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    location_id: Mapped[str]
    name: Mapped[str]
    config: Mapped[Document]
    guardrails: Mapped[Document]
    caller_verification: Mapped[Document]
    tests: Mapped[Document]
    revision: Mapped[int]
    published_revision: Mapped[int | None]
    version: Mapped[int | None]
    n_versions: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class SkillRow(Owned, Base):
    """One skill of an agent's draft."""

    __tablename__ = "skills"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organisation_id", "agent_id"],
            ["agents.organisation_id", "agents.id"],
            name="skills_of_an_agent",
            ondelete="CASCADE",
        ),
        Index("skills_in_order", "organisation_id", "agent_id", "place"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    agent_id: Mapped[str] = mapped_column(Id)
    place: Mapped[int]
    document: Mapped[Document]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class VersionRow(Owned, Base):
    """A published version. The database refuses to change or delete it."""

    __tablename__ = "versions"

    agent_id: Mapped[str] = mapped_column(Id, primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    snapshot: Mapped[Document]
    location: Mapped[str]
    note: Mapped[str]
    forced: Mapped[str | None]
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class PublishedRow(Owned, Base):
    """The published version of an agent; no version once it is unpublished."""

    __tablename__ = "published"
    __table_args__ = (Index("published_in_order", "position"),)

    agent_id: Mapped[str] = mapped_column(Id, primary_key=True)
    location_id: Mapped[str]
    version: Mapped[int | None]
    position: Mapped[int]


class LineRow(Owned, Base):
    """A line that callers dial, and the agent that is published with it."""

    __tablename__ = "lines"
    __table_args__ = (Index("lines_of_an_agent", "organisation_id", "agent_id"),)

    line: Mapped[str] = mapped_column(Text, primary_key=True)
    agent_id: Mapped[str] = mapped_column(Id)


class DialPolicyRow(Owned, Base):
    """Where the agents of an organisation may send calls; the default policy without a row."""

    __tablename__ = "dial_policies"

    document: Mapped[Document]
    position: Mapped[int]
    updated_at: Mapped[datetime]


class AnswerRow(Owned, Base):
    """The encrypted answer to a request with an idempotency key."""

    __tablename__ = "answers"
    __table_args__ = (Index("answers_by_age", "created_at"),)

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    fingerprint: Mapped[str]
    sealed: Mapped[bytes]
    created_at: Mapped[datetime]


class CallRecord(Owned, Base):
    """A call; what the caller said, and who they are, is encrypted."""

    __tablename__ = "calls"
    __table_args__ = (
        Index("calls_by_time", "organisation_id", "agent_id", "opened_at", "id"),
        Index("calls_by_outcome", "organisation_id", "agent_id", "outcome", "opened_at", "id"),
        Index("calls_by_rule", "organisation_id", "agent_id", "rule", "opened_at", "id"),
        Index("calls_to_expire", "expires_at"),
        Index(
            "calls_kept",
            "organisation_id",
            "opened_at",
            "id",
            sqlite_where=text("record IS NOT NULL"),
            postgresql_where=text("record IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    agent_id: Mapped[str] = mapped_column(Id)
    version: Mapped[int | None]
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(String(64))
    rule: Mapped[str | None]
    transferred: Mapped[bool]
    failed_transfers: Mapped[int]
    record: Mapped[bytes | None]
    handoff: Mapped[bytes | None]
    expires_at: Mapped[datetime | None]


class LabelRow(Owned, Base):
    """What a caller said, encrypted, and the rule that somebody says is right for it.

    Attributes:
        id: a fingerprint of agent and words, so that what is said again is labelled once.
        label: of the rule; None where none is right.
    """

    __tablename__ = "labels"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organisation_id", "agent_id"],
            ["agents.organisation_id", "agents.id"],
            name="labels_of_an_agent",
            ondelete="CASCADE",
        ),
        Index("labels_of_agents", "organisation_id", "agent_id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    agent_id: Mapped[str] = mapped_column(Id)
    said: Mapped[bytes]
    label: Mapped[str | None]
    created_at: Mapped[datetime]


class DecisionRecord(Owned, Base):
    """One decision of a call."""

    __tablename__ = "decisions"
    __table_args__ = (Index("decisions_of_a_call", "organisation_id", "call_id", "decided_at"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    call_id: Mapped[str] = mapped_column(Id)
    agent_id: Mapped[str] = mapped_column(Id)
    version: Mapped[int | None]
    decided_at: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(64))
    rule: Mapped[str | None]
    confidence: Mapped[float]


class TotalRow(Owned, Base):
    """The number of an agent's calls with equal outcome on one UTC day."""

    __tablename__ = "totals"
    __table_args__ = (Index("totals_by_day", "organisation_id", "day"),)

    agent_id: Mapped[str] = mapped_column(Id, primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(64), primary_key=True)
    rule: Mapped[str] = mapped_column(Text, primary_key=True)
    calls: Mapped[int]
    transferred: Mapped[int]
    failed_transfers: Mapped[int]


class ImportRow(Owned, Base):
    """An import of a sheet: progress and report.

    Attributes:
        n_steps: agents that it changed; None where it changed none, or nobody noted what was
            before.
    """

    __tablename__ = "imports"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    status: Mapped[str] = mapped_column(String(32))
    n_done: Mapped[int]
    n_total: Mapped[int]
    report: Mapped[Document]
    n_steps: Mapped[int | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ImportStepRow(Owned, Base):
    """What the last import that changed an agent made of it, and what was there before.

    Attributes:
        revision, version: of the agent after the import; no revision where it was deleted.
        former: what takes its place again where the import is undone; empty where it was made.
        former_version: that was published before, or None.
    """

    __tablename__ = "import_steps"
    __table_args__ = (Index("steps_of_an_import", "organisation_id", "import_id"),)

    agent_id: Mapped[str] = mapped_column(Id, primary_key=True)
    import_id: Mapped[str] = mapped_column(Id)
    location_id: Mapped[str]
    revision: Mapped[int | None]
    version: Mapped[int | None]
    former: Mapped[Document]
    former_version: Mapped[int | None]


class PreferenceRow(Owned, Base):
    """Something that an organisation has chosen, by name; see ``store.preferences``."""

    __tablename__ = "preferences"

    name: Mapped[str] = mapped_column(Id, primary_key=True)
    document: Mapped[Document]
    updated_at: Mapped[datetime]


class StagedRow(Owned, Base):
    """What an import makes of one agent, until it is published with all the others at once.

    Attributes:
        change: ``make``, ``change`` or ``remove``.
        revision, n_versions, former_version: that the agent must still have; None where it is made.
        version: number of the version that it becomes; None to leave it a draft.
        audit_id, action, detail: of the entry in the audit log.
        lines: of the location.
        former: what takes its place again where the import is undone; empty where it is made.
        location: that is published.
    """

    __tablename__ = "staged"

    import_id: Mapped[str] = mapped_column(Id, primary_key=True)
    agent_id: Mapped[str] = mapped_column(Id, primary_key=True)
    location_id: Mapped[str]
    change: Mapped[str] = mapped_column(String(8))
    revision: Mapped[int | None]
    n_versions: Mapped[int | None]
    former_version: Mapped[int | None]
    version: Mapped[int | None]
    audit_id: Mapped[str] = mapped_column(Id)
    action: Mapped[str] = mapped_column(String(64))
    detail: Mapped[Document]
    name: Mapped[str]
    n_lines: Mapped[int]
    # The large ones stand last: SQLite reads a row from its beginning.
    lines: Mapped[list[str]]
    config: Mapped[Document]
    snapshot: Mapped[Document]
    former: Mapped[Document]
    location: Mapped[str | None]


class AuditRow(Owned, Base):
    """An entry of the audit log."""

    __tablename__ = "audits"
    __table_args__ = (Index("audits_by_age", "organisation_id", "at", "id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str] = mapped_column(String(64))
    object_id: Mapped[str]
    detail: Mapped[Document]
