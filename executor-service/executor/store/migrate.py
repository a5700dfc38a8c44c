"""Brings a database to the schema this code expects, up or down; Alembic does the work."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from executor.store import rights
from sentinai.database import Database
from sentinai.problems import DatabaseUnavailable


def upgrade(database: Database, revision: str = "head") -> None:
    """Migrate up to ``revision``, and give the roles their rights. Safe to repeat, and from several at once."""
    with database.engine.connect() as connection:
        config = _config(connection)
        config.attributes["afterwards"] = rights.grant if revision == "head" else None
        command.upgrade(config, revision)


def downgrade(database: Database, revision: str) -> None:
    """Migrate down to ``revision`` (``"base"`` removes everything)."""
    with database.engine.connect() as connection:
        command.downgrade(_config(connection), revision)


def state(database: Database) -> str:
    """``"ok"`` when the database is at the newest revision, or what it lacks."""
    wanted = ScriptDirectory(str(_folder())).get_current_head()
    try:
        with database.plain() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except DatabaseUnavailable as problem:
        return problem.detail
    if found == wanted:
        return "ok"
    return f"the database is at revision {found}, the code wants {wanted}; run: executor migrate"


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_folder()))
    config.attributes["connection"] = connection
    return config


def _folder() -> Path:
    return Path(__file__).with_name("migrations")
