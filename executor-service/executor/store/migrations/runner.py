"""Runs the Alembic migrations, up or down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from executor.store import grants
from sentinai.database.engine import Database
from sentinai.problems import DatabaseUnavailable


class MigrationFailed(Exception):
    """The migration failed and was rolled back. The message is the reason, in one line."""


def upgrade(database: Database, revision: str = "head") -> None:
    """Migrate up to ``revision`` and grant the roles their privileges. Idempotent, and safe to run concurrently.

    Raises:
        DatabaseUnavailable: it cannot be reached. MigrationFailed: no such revision, or not permitted.
    """
    with _connection(database) as connection:
        config = _config(connection)
        config.attributes["after_migrations"] = grants.grant if revision == "head" else None
        command.upgrade(config, revision)


def downgrade(database: Database, revision: str) -> None:
    """Migrate down to ``revision`` (``"base"`` removes everything).

    Raises:
        DatabaseUnavailable: it cannot be reached. MigrationFailed: as :func:`upgrade`.
    """
    with _connection(database) as connection:
        command.downgrade(_config(connection), revision)


def state(database: Database) -> str:
    """``"ok"`` if the database is at the newest revision, else what is wrong and how to fix it."""
    newest = ScriptDirectory(str(_folder())).get_current_head()
    try:
        with database.plain() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except DatabaseUnavailable as problem:
        return problem.detail
    if found == newest:
        return "ok"
    return f"the database is at revision {found}, not {newest}; run: executor migrate"


@contextmanager
def _connection(database: Database) -> Iterator[Connection]:
    try:
        with database.plain() as connection:
            yield connection
    except CommandError as error:
        raise MigrationFailed(str(error)) from error
    except DBAPIError as error:
        raise MigrationFailed(str(error.orig).strip().splitlines()[0]) from error


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_folder()))
    config.attributes["connection"] = connection
    return config


def _folder() -> Path:
    return Path(__file__).parent
