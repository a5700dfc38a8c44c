"""The tenant filter: a query that forgets the tenant sees nothing of another; a write cannot leave its tenant."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, exists, func, insert, select, text, union_all, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from tests.support.databases import AUTHOR, as_role
from tests.support.processes import ROOT

from executor.publishing import playbooks
from executor.store import tenants
from sentinai.database.engine import Database
from sentinai.database.tables import PlaybookRow, PlaybookStepRow, TenantRow
from sentinai.database.tenant_session import TenantFilterError, TenantSession
from sentinai.settings import Settings

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINE, THEIRS = "fern", "moss"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Two tenants with a playbook each, for a role that may do everything but leave its tenant."""
    found = Database(Settings(database_url=as_role(database_url, "sentinai_owner")))
    for tenant_id in (MINE, THEIRS):
        step = {"name": f"Step of {tenant_id}", "action_type": "add_comment", "params": {"text": "x"}}
        document = {"name": f"Plan of {tenant_id}", "conditions": {"match": {}}, "steps": [step]}
        playbooks.publish(found, tenant_id, document, AUTHOR, NOW, dry_run=False)
    yield found
    found.engine.dispose()


READS: dict[str, Callable[[], Any]] = {
    "everything": lambda: select(PlaybookRow.name),
    "by another's tenant id": lambda: select(PlaybookRow.name).where(PlaybookRow.tenant_id == THEIRS),
    "either tenant": lambda: select(PlaybookRow.name).where(PlaybookRow.tenant_id.in_([MINE, THEIRS])),
    "or true": lambda: select(PlaybookRow.name).where(
        (PlaybookRow.playbook_id > 0) | (PlaybookRow.playbook_id < 0)
    ),
    "by alias": lambda: select(aliased(PlaybookRow).name),
    "joined on a step": lambda: select(PlaybookRow.name).join(
        PlaybookStepRow, PlaybookStepRow.playbook_id != PlaybookRow.playbook_id
    ),
    "a step joined on anything": lambda: select(PlaybookStepRow.name).join(PlaybookRow, PlaybookRow.version > 0),
    "in a subquery": lambda: select(select(PlaybookRow.name).subquery().c.name),
    "united": lambda: select(union_all(select(PlaybookRow.name), select(PlaybookStepRow.name)).subquery().c.name),
    "in a common table": lambda: select(select(PlaybookRow.name).cte().c.name),
    "as a scalar": lambda: select(select(func.max(PlaybookRow.name)).scalar_subquery()),
    "where another exists": lambda: select(PlaybookRow.name).where(
        exists(select(PlaybookStepRow.step_id).where(PlaybookStepRow.tenant_id == THEIRS))
    ),
    "tenants": lambda: select(TenantRow.name),
}


@pytest.mark.parametrize("forgotten", READS)
def test_a_query_that_forgets_the_tenant_sees_nothing_of_another(database: Database, forgotten: str):
    with database.read(MINE) as session:
        found = session.scalars(READS[forgotten]()).all()
    assert all(name is None or THEIRS not in name for name in found)


def test_a_tenant_sees_all_of_its_own(database: Database):
    for tenant_id in (MINE, THEIRS):
        with database.read(tenant_id) as session:
            assert session.scalars(select(PlaybookRow.name)).all() == [f"Plan of {tenant_id}"]
            assert session.scalar(select(func.count(PlaybookStepRow.step_id))) == 1
    with database.read("nobody") as session:
        assert session.scalars(select(PlaybookRow.name)).all() == []


def test_an_object_of_another_tenant_is_not_found_by_its_key(database: Database):
    with database.read(THEIRS) as session:
        theirs = session.scalars(select(PlaybookRow.playbook_id)).one()
    with database.read(MINE) as session:
        assert session.get(PlaybookRow, theirs) is None


WRITES: dict[str, Callable[[], Any]] = {
    "update all": lambda: update(PlaybookRow).values(status="retired"),
    "update theirs": lambda: update(PlaybookRow).where(PlaybookRow.tenant_id == THEIRS).values(status="retired"),
    "delete all": lambda: delete(PlaybookStepRow),
    "delete theirs": lambda: delete(PlaybookStepRow).where(PlaybookStepRow.tenant_id == THEIRS),
}


@pytest.mark.parametrize("change", WRITES)
def test_a_change_that_forgets_the_tenant_leaves_another_as_it_was(database: Database, change: str):
    options = {"synchronize_session": False}
    database.write(MINE, lambda session: session.execute(WRITES[change](), execution_options=options))
    with database.read(THEIRS) as session:
        assert session.scalars(select(PlaybookRow.status)).all() == ["active"]
        assert session.scalar(select(func.count(PlaybookStepRow.step_id))) == 1


def _row(tenant_id: str) -> dict[str, Any]:
    values = {"name": "Smuggled", "version": 1, "conditions": {}, "status": "active", "created_at": NOW}
    return {"tenant_id": tenant_id, **values}


def _moved(session: TenantSession) -> None:
    session.scalars(select(PlaybookRow)).one().tenant_id = THEIRS
    session.flush()


REFUSED: dict[str, Callable[[TenantSession], Any]] = {
    "inserted": lambda session: session.execute(insert(PlaybookRow), [_row(THEIRS)]),
    "inserted among ones own": lambda session: session.execute(insert(PlaybookRow), [_row(MINE), _row(THEIRS)]),
    "inserted with no tenant": lambda session: session.execute(insert(PlaybookRow).values(name="x")),
    "added": lambda session: (session.add(PlaybookRow(**_row(THEIRS))), session.flush()),
    "moved": _moved,
    "by a table": lambda session: session.execute(PlaybookRow.__table__.select()),
    "by text": lambda session: session.execute(text("SELECT name FROM playbook")),
    "changed by a table": lambda session: session.execute(PlaybookRow.__table__.update().values(status="retired")),
}


@pytest.mark.parametrize("statement", REFUSED)
def test_what_cannot_be_filtered_is_refused(database: Database, statement: str):
    with pytest.raises(TenantFilterError):
        database.write(MINE, REFUSED[statement])
    with database.read(THEIRS) as session:
        assert session.scalars(select(PlaybookRow.name)).all() == [f"Plan of {THEIRS}"]


_ALONE = """
import sys
from sqlalchemy import select
from sentinai.database.engine import Database
from sentinai.settings import Settings

with Database(Settings(database_url=sys.argv[1])).read(sys.argv[2]) as session:
    from sentinai.database.tables import PlaybookRow
    print(*session.scalars(select(PlaybookRow.name)), sep="\\n")
"""


def test_the_filter_needs_no_import_beside_that_of_the_database(database: Database):
    url = database.engine.url.render_as_string(hide_password=False)
    done = subprocess.run([sys.executable, "-c", _ALONE, url, MINE], capture_output=True, text=True)
    assert (done.stdout.splitlines(), done.stderr) == ([f"Plan of {MINE}"], "")


def test_only_the_database_makes_sessions():
    makes = re.compile(r"(?<![\w.])(?:Session|TenantSession|sessionmaker|scoped_session)\(")
    sources = (
        path for part in ("shared", "matcher-service", "executor-service") for path in (ROOT / part).rglob("*.py")
    )
    found = {path.name for path in sources if makes.search(re.sub(r"class \w+\(\w+\)", "", path.read_text()))}
    assert found == {"engine.py"}


def test_a_row_cannot_point_across_tenants(database: Database):
    with database.read(THEIRS) as session:
        theirs = session.scalars(select(PlaybookRow.playbook_id)).one()
    step = {"step_order": 2, "name": "X", "action_type": "add_comment", "params": {}, "created_at": NOW}
    row = {"tenant_id": MINE, "playbook_id": theirs, "requires_approval": False, **step}
    with pytest.raises(IntegrityError):
        database.write(MINE, lambda session: session.execute(insert(PlaybookStepRow), [row]))


def test_sharing_is_said_out_loud_and_ends_with_the_transaction(database: Database):
    before = _revisions(database)
    database.write(MINE, tenants.increment_revision)
    after = _revisions(database)
    assert (after[MINE], after[THEIRS]) == (before[MINE] + 1, before[THEIRS])


def _revisions(database: Database) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for tenant_id in (MINE, THEIRS):
        with database.read(tenant_id) as session:
            found[tenant_id] = session.scalar(select(TenantRow.catalogue_revision))
    return found
