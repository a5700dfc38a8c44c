"""PgBouncer in transaction mode: transactions share connections, and nothing is left behind on them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.conftest import database_of
from tests.support import pgbouncer
from tests.support.casework import new_casework, note
from tests.support.threaded import threaded_pair

from sentinai.database.engine import Database
from sentinai.database.postgresql import GuardedConnection
from sentinai.settings import Settings

pytestmark = pytest.mark.postgres
_SETTINGS = "SELECT name, setting FROM pg_settings WHERE name IN ('TimeZone', 'lock_timeout', 'statement_timeout')"


@pytest.mark.skipif(pgbouncer.executable() is None, reason="there is no PgBouncer here")
def test_work_is_done_through_pgbouncer(tmp_path: Path):
    with pgbouncer.PgBouncer(database_of("postgres", tmp_path), tmp_path) as bouncer:
        settings = {"database_prepared_statements": False}
        with threaded_pair(bouncer.url, tmp_path, **settings) as pair:
            work = new_casework(pair, pair.clock())
            work.publish("Two", [note(), note("Again")])

            def complete(_: int) -> list[str]:
                exception_id = work.create_exception()
                return [work.complete(exception_id, step)["outcome"] for step in (1, 2)]

            with ThreadPoolExecutor(6) as threads:
                assert list(threads.map(complete, range(24))) == [["completed", "completed"]] * 24
            pair.work()
            assert pair.verify().valid


def test_connections_have_no_startup_options_and_prepare_nothing(tmp_path: Path):
    settings = Settings(database_url=database_of("postgres", tmp_path), database_prepared_statements=False)
    database = Database(settings)
    for _ in range(20):
        with database.read("acme") as session:
            connection = session.connection()
            assert dict(connection.execute(text(_SETTINGS)).tuples().all()) == {
                "TimeZone": "UTC",
                "lock_timeout": "5000",
                "statement_timeout": "9000",
            }
            driver_connection = connection.connection.dbapi_connection
            assert isinstance(driver_connection, GuardedConnection)
            assert "options" not in driver_connection.info.get_parameters()
            assert connection.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar() == 0
    database.engine.dispose()
