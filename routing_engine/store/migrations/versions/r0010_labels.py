"""What people say is right for what callers said; indexes of calls that are kept, and by day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the indexes."""
    op.create_table(
        "labels",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("agent_id", sa.String(length=64), nullable=False),
        sa.Column("said", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"]),
        sa.ForeignKeyConstraint(
            ["organisation_id", "agent_id"],
            ["agents.organisation_id", "agents.id"],
            name="labels_of_an_agent",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id"),
    )
    op.create_index("labels_of_agents", "labels", ["organisation_id", "agent_id"])
    kept = sa.text("record IS NOT NULL")
    op.create_index(
        "calls_kept",
        "calls",
        ["organisation_id", "opened_at", "id"],
        sqlite_where=kept,
        postgresql_where=kept,
    )
    op.create_index("totals_by_day", "totals", ["organisation_id", "day"])
