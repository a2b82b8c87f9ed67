"""No two keys with one token.

Servers that started at once on an empty database could make an organisation each, with the same
first key. Which of them a request reached was chance; the one that was used last stays.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEYS = sa.table(
    "keys",
    sa.column("organisation_id", sa.String),
    sa.column("id", sa.String),
    sa.column("sha256", sa.LargeBinary),
    sa.column("created_at", sa.DateTime),
    sa.column("last_used_at", sa.DateTime),
)


def upgrade() -> None:
    """Delete doubles, and make hashes unique."""
    connection = op.get_bind()
    doubled = sa.select(KEYS.c.sha256).group_by(KEYS.c.sha256).having(sa.func.count() > 1)
    used_last = sa.select(KEYS).order_by(
        sa.nulls_last(KEYS.c.last_used_at.desc()), KEYS.c.created_at, KEYS.c.id
    )
    for sha256 in connection.scalars(doubled).all():
        for row in connection.execute(used_last.where(KEYS.c.sha256 == sha256)).all()[1:]:
            its = (KEYS.c.organisation_id == row.organisation_id) & (KEYS.c.id == row.id)
            connection.execute(KEYS.delete().where(its))
    op.create_index("one_key_a_hash", "keys", ["sha256"], unique=True)
    op.drop_index("ix_keys_prefix", "keys")
