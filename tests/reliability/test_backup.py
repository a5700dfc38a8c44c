"""A backup made under load, as the operations guide says, verifies and lacks nothing acknowledged before."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import make_url
from tests.conftest import database_of
from tests.support.casework import new_casework
from tests.support.concurrent_clients import (
    Acknowledged,
    ConcurrentClients,
    compare_with_log,
    prepare_for_clients,
    prove,
    random_seed,
)
from tests.support.databases import as_role, postgres_program
from tests.support.pair import running_pair

from executor.store import events
from executor.store.migrations import runner
from sentinai.clock import utc_now
from sentinai.database.engine import Database
from sentinai.settings import Settings


class SqliteBackup:
    """Made by the command-line program of SQLite."""

    def __init__(self, url: str, folder: Path) -> None:
        if not shutil.which("sqlite3"):
            pytest.skip("there is no sqlite3 program here")
        self._source, self._file = str(make_url(url).database), folder / "backup.db"

    def make(self) -> None:
        _run("sqlite3", self._source, f".backup '{self._file}'")

    def restore(self) -> str:
        """The URL of what it restores to."""
        return f"sqlite:///{self._file}"


class PostgresBackup:
    """Made by pg_dump in the role for backups, and restored by a superuser into another database."""

    def __init__(self, url: str, folder: Path) -> None:
        self._source, self._target = url, database_of("postgres", folder)
        self._file = folder / "backup.dump"

    def make(self) -> None:
        arguments = ("--format=custom", f"--file={self._file}", _address(self._source, "sentinai_backup"))
        _run(postgres_program("pg_dump"), *arguments)

    def restore(self) -> str:
        """The URL of what it restores to."""
        target = f"--dbname={_address(self._target, 'postgres')}"
        _run(postgres_program("pg_restore"), "--clean", "--if-exists", target, str(self._file))
        return self._target


_BACKUPS: dict[str, type[SqliteBackup | PostgresBackup]] = {"sqlite": SqliteBackup, "postgresql": PostgresBackup}


def test_a_backup_under_load_has_all_that_was_acknowledged_before(database_url: str, tmp_path: Path):
    backup = _BACKUPS[make_url(database_url).get_backend_name()](database_url, tmp_path)
    with running_pair(database_url, tmp_path, gunicorn_workers=2) as pair:
        work = new_casework(pair, utc_now())
        prepare_for_clients(work)
        with ConcurrentClients(work, [pair.executor.url], random_seed(), clients=8) as clients:
            clients.wait_for(150)
            before = list(clients.memory.acknowledged)
            backup.make()
            clients.wait_for(50)
        compare_with_log(clients.memory, work, pair.settings)
        restored = replace(pair.settings, database_url=backup.restore())
    _migrate(as_role(restored.database_url, "sentinai_owner"))
    prove(restored)
    assert _missing(restored, work.tenant_id, before) == set()


def _address(url: str, role: str) -> str:
    address = make_url(as_role(url, role)).set(drivername="postgresql")
    return address.render_as_string(hide_password=False)


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _migrate(url: str) -> None:
    database = Database(Settings(database_url=url))
    runner.upgrade(database)
    database.engine.dispose()


def _missing(settings: Settings, tenant_id: str, acknowledged: Sequence[Acknowledged]) -> set[tuple[str, int]]:
    """The steps that were acknowledged and are not in the log."""
    awaited = {(each.exception_id, each.step_order) for each in acknowledged}
    database = Database(settings)
    with database.read(tenant_id) as session:
        for exception_id in {each.exception_id for each in acknowledged}:
            log = events.after(session, exception_id, 0)
            awaited -= {
                (exception_id, event.payload.get("step_order")) for event in log if _finishes(event.event_type)
            }
    database.engine.dispose()
    return awaited


def _finishes(event_type: str) -> bool:
    return event_type in ("PlaybookStepCompleted", "PlaybookStepSkipped")
