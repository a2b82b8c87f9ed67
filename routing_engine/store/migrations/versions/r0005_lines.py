"""The lines of published locations: of one organisation, each belongs to one agent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of lines."""
    op.create_table(
        "lines",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"]),
        sa.PrimaryKeyConstraint("organisation_id", "line"),
    )
    op.create_index("lines_of_an_agent", "lines", ["organisation_id", "agent_id"])
