"""Alembic's entry: runs the migrations on the connection that ``executor.store.migrations.runner`` hands over."""

from alembic import context
from sqlalchemy import text

import executor.store.tables  # noqa: F401 - its tables belong to the metadata
from sentinai.database.tables import Base

# Any number, so long as no other program on this database takes the same advisory lock.
_MIGRATION_LOCK = 7_341_906_211

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=False)
with context.begin_transaction():
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    context.run_migrations()
    if afterwards := context.config.attributes.get("afterwards"):
        afterwards(connection)
