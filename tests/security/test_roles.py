"""PostgreSQL's own fences: what each role of ``deploy/postgres`` may do, and that rows keep to their tenant."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from tests.conftest import database_of
from tests.support.casework import Casework, new_casework, note, tell
from tests.support.databases import as_role
from tests.support.threaded import threaded_pair

from executor.store.grants import PRIVILEGES
from executor.store.migrations import runner
from sentinai.database.engine import Database
from sentinai.database.tables import Base, TenantOwned
from sentinai.settings import Settings

pytestmark = pytest.mark.postgres

DENIED = "42501"
RAISED = "P0001"
MATCHER, EXECUTOR, OWNER, BACKUP = (f"sentinai_{name}" for name in ("matcher", "executor", "owner", "backup"))
TABLES = sorted(Base.metadata.tables)
OF_TENANTS = sorted(
    mapper.class_.__tablename__ for mapper in Base.registry.mappers if issubclass(mapper.class_, TenantOwned)
)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Casework, Casework]]:
    """A database with two tenants at work, made by the services in their roles."""
    folder: Path = tmp_path_factory.mktemp("roles")
    url = database_of("postgres", folder)
    with threaded_pair(url, folder) as pair:
        works = [new_casework(pair, pair.clock()) for _ in range(2)]
        for work in works:
            work.publish("Two", [tell(), note()])
            work.complete(work.create_exception(), 1)
        pair.work()
        assert pair.verify().valid
        yield url, works[0], works[1]


@contextmanager
def connected(url: str, role: str, tenant_id: str | None = None) -> Iterator[Connection]:
    """A bare connection in a role, with a tenant set or none; nothing it does is kept."""
    engine = create_engine(as_role(url, role))
    with engine.connect() as connection:
        if tenant_id is not None:
            connection.execute(text("SELECT set_config('sentinai.tenant_id', :it, true)"), {"it": tenant_id})
        yield connection
        connection.rollback()
    engine.dispose()


def refusal(url: str, role: str, statement: str, tenant_id: str | None = None) -> str:
    """The SQLSTATE with which a statement is refused; fails when it is not."""
    with connected(url, role, tenant_id) as connection, pytest.raises(DBAPIError) as refused:
        connection.execute(text(statement))
    return refused.value.orig.sqlstate


def held(url: str, role: str) -> dict[str, set[str]]:
    """By table, the rights that a role has over the whole of it."""
    query = text("SELECT has_table_privilege(:role, :table, :right)")
    rights = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
    with connected(url, OWNER) as connection:
        return {
            table: {
                right
                for right in rights
                if connection.scalar(query, {"role": role, "table": table, "right": right})
            }
            for table in TABLES
        }


def test_the_matcher_reads_the_catalogue_and_nothing_else(stored: tuple[str, Casework, Casework]):
    rights = {table: found for table, found in held(stored[0], MATCHER).items() if found}
    catalogue = ("domain_pack", "playbook", "playbook_step", "policy_pack", "tenant")
    assert rights == {table: {"SELECT"} for table in catalogue}
    assert refusal(stored[0], MATCHER, "SELECT 1 FROM exception") == DENIED


def test_the_executor_adds_to_the_log_and_never_changes_it(stored: tuple[str, Casework, Casework]):
    rights = held(stored[0], EXECUTOR)
    assert rights["exception_event"] == {"SELECT", "INSERT"}
    assert [table for table, found in rights.items() if "DELETE" in found] == ["outbox", "used_token"]
    assert [table for table, found in rights.items() if "UPDATE" in found] == ["exception", "outbox", "tenant"]
    assert not set.union(*rights.values()) - {"SELECT", "INSERT", "UPDATE", "DELETE"}
    for statement in ("UPDATE exception_event SET actor_id = 'x'", "DELETE FROM exception_event"):
        assert refusal(stored[0], EXECUTOR, statement, stored[1].tenant_id) == DENIED


def test_a_playbook_can_be_retired_and_not_rewritten(stored: tuple[str, Casework, Casework]):
    url, work, _ = stored
    with connected(url, EXECUTOR, work.tenant_id) as connection:
        assert connection.execute(text("UPDATE playbook SET status = 'retired'")).rowcount == 1
    assert refusal(url, EXECUTOR, "UPDATE playbook SET conditions = '{}'", work.tenant_id) == DENIED
    assert refusal(url, EXECUTOR, "UPDATE playbook_step SET params = '{}'", work.tenant_id) == DENIED


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE exception_event DISABLE TRIGGER ALL",
        "DROP TRIGGER exception_event_refuse_change ON exception_event",
        "ALTER TABLE exception_event DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE exception NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY one_tenant ON exception",
        "CREATE POLICY mine ON exception USING (true)",
        "SET session_replication_role = replica",
        "CREATE TABLE elsewhere (a int)",
        "SET ROLE sentinai_owner",
        "ALTER ROLE CURRENT_USER BYPASSRLS",
    ],
)
@pytest.mark.parametrize("role", [EXECUTOR, MATCHER])
def test_no_service_can_take_a_fence_down(stored: tuple[str, Casework, Casework], role: str, statement: str):
    assert refusal(stored[0], role, statement) == DENIED


def test_not_even_the_owner_changes_an_event_without_taking_the_triggers_away(
    stored: tuple[str, Casework, Casework],
):
    url, work, _ = stored
    for statement in ("UPDATE exception_event SET actor_id = 'x'", "DELETE FROM exception_event"):
        assert refusal(url, OWNER, statement, work.tenant_id) == RAISED
    assert refusal(url, OWNER, "TRUNCATE exception_event CASCADE") == RAISED


@pytest.mark.parametrize("table", OF_TENANTS)
def test_rows_are_isolated_by_tenant_for_every_role(stored: tuple[str, Casework, Casework], table: str):
    url, work, other = stored
    everything = text(f"SELECT DISTINCT tenant_id FROM {table}")
    for role in (OWNER, EXECUTOR, MATCHER):
        if role in PRIVILEGES and table not in PRIVILEGES[role]:
            continue
        for one in (work, other):
            with connected(url, role, one.tenant_id) as connection:
                assert set(connection.scalars(everything)) <= {one.tenant_id}
        if table != "tenant":  # its list is needed before one is chosen
            for none in (None, ""):
                with connected(url, role, none) as connection:
                    assert not connection.scalars(everything).all()
    with connected(url, BACKUP) as connection:
        both = set(connection.scalars(everything))
    assert both >= {work.tenant_id, other.tenant_id} or table == "used_token"


def test_no_row_goes_to_another_tenant(stored: tuple[str, Casework, Casework]):
    url, work, other = stored
    given = f"INSERT INTO used_token VALUES ('{other.tenant_id}', 'T', now())"
    assert refusal(url, EXECUTOR, given, work.tenant_id) == DENIED
    assert refusal(url, EXECUTOR, given) == DENIED
    moved = f"UPDATE outbox SET tenant_id = '{other.tenant_id}'"
    assert refusal(url, EXECUTOR, moved, work.tenant_id) == DENIED
    raised = f"UPDATE tenant SET name = 'x' WHERE tenant_id = '{other.tenant_id}'"
    with connected(url, EXECUTOR, work.tenant_id) as connection:
        assert connection.execute(text(raised)).rowcount == 0


def test_dumps_read_everything_and_change_nothing(stored: tuple[str, Casework, Casework]):
    for table in TABLES:
        assert refusal(stored[0], BACKUP, f"DELETE FROM {table}") == DENIED


def test_no_service_runs_as_who_goes_past_row_level_security(stored: tuple[str, Casework, Casework]):
    query = text("SELECT rolname FROM pg_roles WHERE (rolsuper OR rolbypassrls) AND rolname LIKE 'sentinai%'")
    with connected(stored[0], OWNER) as connection:
        assert connection.scalars(query).all() == [BACKUP]


def test_migrating_again_gives_the_same_rights_and_takes_back_what_was_given_by_hand(tmp_path: Path):
    url = database_of("postgres", tmp_path)
    with connected(url, OWNER) as connection:
        connection.execute(text("GRANT SELECT ON exception TO sentinai_matcher"))
        connection.execute(text("GRANT DELETE ON exception_event TO sentinai_executor"))
        connection.commit()
    database = Database(Settings(database_url=as_role(url, OWNER)))
    runner.upgrade(database)
    database.engine.dispose()
    assert refusal(url, MATCHER, "SELECT 1 FROM exception") == DENIED
    assert refusal(url, EXECUTOR, "DELETE FROM exception_event") == DENIED


@pytest.mark.parametrize(("role", "warned"), [(EXECUTOR, False), ("postgres", True), (BACKUP, True)])
def test_a_role_that_row_level_security_does_not_hold_is_warned_of(
    stored: tuple[str, Casework, Casework], role: str, warned: bool
):
    environment = {**os.environ, "SENTINAI_DATABASE_URL": as_role(stored[0], role)}
    command = [Path(sys.executable).with_name("executor"), "verify"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ("row_level_security_bypassed" in done.stderr) is warned
