"""Entry point of alembic: run all revisions in the given transaction."""

from __future__ import annotations

from alembic import context

from routing_engine.store.tables import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, transactional_ddl=True)
context.run_migrations()
