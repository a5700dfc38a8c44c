"""Alembic's entry point: runs the migrations on the connection of ``executor.store.migrations.runner``."""

from alembic import context
from sqlalchemy import text

import executor.store.tables  # noqa: F401 - adds its tables to the metadata
from sentinai.database.postgresql import lift_time_limits
from sentinai.database.tables import Base

# Any number that no other program uses for an advisory lock on this database.
_MIGRATION_LOCK = 7_341_906_211

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=False)
with context.begin_transaction():
    if connection.dialect.name == "postgresql":
        lift_time_limits(connection)
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    context.run_migrations()
    if after_migrations := context.config.attributes.get("after_migrations"):
        after_migrations(connection)
