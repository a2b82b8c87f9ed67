"""What alembic runs: all revisions, in the one transaction that it is given."""

from __future__ import annotations

from alembic import context

from routing_engine.store.tables import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, transactional_ddl=True)
context.run_migrations()
