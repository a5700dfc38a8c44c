"""Precompiled statements always use the session's tenant, whatever values they are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, insert, literal, select, text, update
from sqlalchemy.exc import IntegrityError
from tests.support.databases import AUTHOR, as_role

from executor.publishing import playbooks
from sentinai.database.engine import Database
from sentinai.database.tables import DomainPackRow, PlaybookRow, PlaybookStepRow, PolicyPackRow
from sentinai.database.tenant_session import TenantFilterError
from sentinai.database.tenant_statement import TenantStatement
from sentinai.settings import Settings

NOW = datetime(2026, 5, 4, 7, tzinfo=UTC)
MINE, THEIRS = "oak", "ash"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Two tenants with a playbook each, for a role that may do everything but leave its tenant."""
    found = Database(Settings(database_url=as_role(database_url, "sentinai_owner")))
    for tenant_id in (MINE, THEIRS):
        step = {"name": "Note", "action_type": "add_comment", "params": {"text": "x"}}
        document = {"name": f"Plan of {tenant_id}", "conditions": {"match": {}}, "steps": [step]}
        playbooks.publish(found, tenant_id, document, AUTHOR, NOW, dry_run=False)
    yield found
    found.engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        select(PlaybookRow.name),
        select(PlaybookRow.name).where(PlaybookRow.tenant_id == THEIRS),
        select(PlaybookRow.name).where((PlaybookRow.version > 0) | (PlaybookRow.version <= 0)),
    ],
)
def test_a_select_sees_its_own_tenant_only(database: Database, statement: Any) -> None:
    with database.read(MINE) as session:
        names = [name for (name,) in TenantStatement(statement).rows(session)]
    assert set(names) <= {f"Plan of {MINE}"}


def test_values_cannot_name_another_tenant(database: Database) -> None:
    statement = TenantStatement(select(PlaybookRow.name).where(PlaybookRow.version == bindparam("version")))
    given = {"version": 1, "session_tenant_id": THEIRS, "tenant_id": THEIRS}
    with database.read(MINE) as session:
        assert statement.rows(session, given) == [[f"Plan of {MINE}"]]


@pytest.mark.parametrize(
    "statement", [update(PlaybookRow).values(status="retired"), delete(PlaybookStepRow)], ids=["update", "delete"]
)
def test_a_change_reaches_its_own_tenant_only(database: Database, statement: Any) -> None:
    assert database.write(MINE, lambda session: TenantStatement(statement).change(session)) == 1


def test_an_inserted_row_is_the_tenants_own(database: Database) -> None:
    row = {"tenant_id": THEIRS, "version": 1, "pack": {}, "created_at": NOW}
    database.write(MINE, lambda session: TenantStatement(insert(PolicyPackRow)).change_many(session, [row]))
    with database.read(MINE) as session:
        assert session.scalar(select(PolicyPackRow.tenant_id)) == MINE
    with database.read(THEIRS) as session:
        assert session.scalar(select(PolicyPackRow.tenant_id)) is None


def test_an_error_is_raised_as_by_sqlalchemy_without_the_values(database: Database) -> None:
    row = {"version": 1, "pack": {"tags": ["told to nobody"]}, "created_at": NOW}
    with pytest.raises(IntegrityError) as caught:
        database.write(
            MINE, lambda session: TenantStatement(insert(PolicyPackRow)).change_many(session, [row, row])
        )
    assert "told to nobody" not in str(caught.value)
    with database.read(MINE) as session:
        assert session.scalar(select(PolicyPackRow.version)) is None


def test_values_that_a_statement_brings_along_are_its_own(database: Database) -> None:
    names = PlaybookRow.name.in_([literal(f"Plan of {MINE}"), literal(f"Plan of {THEIRS}")])
    with database.read(MINE) as session:
        assert TenantStatement(select(PlaybookRow.name).where(names)).rows(session) == [[f"Plan of {MINE}"]]


REFUSED: dict[str, Callable[[], Any]] = {
    "no tenants": lambda: select(DomainPackRow.pack),
    "no table": lambda: select(text("1")),
    "two tables": lambda: select(PlaybookRow.name, PlaybookStepRow.name),
    "a join": lambda: select(PlaybookRow.name).join(PlaybookStepRow, PlaybookStepRow.step_id > 0),
    "a statement in the condition": lambda: select(PlaybookRow.name).where(
        PlaybookRow.version.in_(select(PlaybookStepRow.step_id))
    ),
    "a statement for a value": lambda: update(PlaybookRow).values(
        description=select(PlaybookStepRow.name).limit(1).scalar_subquery()
    ),
    "rows of a statement": lambda: insert(PlaybookStepRow).from_select(
        ["name"], select(PlaybookRow.name).where(PlaybookRow.version == 1)
    ),
}


@pytest.mark.parametrize("made", REFUSED)
def test_what_cannot_be_filtered_is_refused_when_it_is_made(made: str) -> None:
    with pytest.raises(TenantFilterError):
        TenantStatement(REFUSED[made]())
