"""The worker's queries, and those of the list of deliveries, use an index, however much there is."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event, func, insert, literal, select, text
from tests.conftest import database_of
from tests.support.databases import KINDS, as_role

from executor.store import backlog, deliveries, exceptions, outbox
from executor.store.tables import ExceptionRow, OutboxRow
from sentinai.database.engine import Database
from sentinai.database.tables import TenantRow
from sentinai.database.tenant_session import TenantSession
from sentinai.settings import Settings

NOW = datetime(2026, 5, 4, 7, tzinfo=UTC)
TENANTS, MESSAGES = 1_000, 10_000
TENANT = "tenant-7"
_KINDS = [pytest.param(kind, marks=[pytest.mark.postgres] * (kind == "postgres")) for kind in KINDS]
_SCAN = re.compile(r"Seq Scan on (outbox|exception)\b|SCAN (outbox|exception)\b(?!.* USING)")


@pytest.fixture(scope="module", params=_KINDS)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with many tenants, of which few have something due."""
    found = database_of(request.param, tmp_path_factory.mktemp("plans"))
    engine = create_engine(as_role(found, "postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for table, rows in ((TenantRow, _tenants()), (ExceptionRow, _exceptions()), (OutboxRow, _messages())):
            connection.execute(insert(table.__table__), rows)
        connection.execute(text("ANALYZE" if request.param == "sqlite" else "VACUUM ANALYZE"))
    engine.dispose()
    return found


@pytest.fixture(scope="module")
def database(url: str) -> Iterator[Database]:
    found = Database(Settings(database_url=url))
    yield found
    found.engine.dispose()


def _tenants() -> list[dict[str, Any]]:
    return [
        {"tenant_id": f"tenant-{n}", "name": f"Tenant {n}", "status": "active", "catalogue_revision": 1}
        for n in range(TENANTS)
    ]


def _exceptions() -> list[dict[str, Any]]:
    """Ten of each tenant; one in two hundred is due, and those of one tenant are behind its catalogue."""
    common = {
        "domain": "Finance",
        "exception_type": "Break",
        "status": "open",
        "normalized_context": {},
        "playbook_run": 0,
        "recalculation_failures": 0,
        "catalogue_revision": 1,
        "row_version": 1,
        "created_at": NOW,
        "updated_at": NOW,
        "event_seq": 1,
        "event_hash": "0" * 64,
    }
    return [
        {
            **common,
            "tenant_id": f"tenant-{n % TENANTS}",
            "exception_id": f"EX-{n}",
            "valid_until": NOW + timedelta(hours=-1 if n % 200 == 7 else 1),
            "catalogue_revision": 0 if n % TENANTS == 7 else 1,
        }
        for n in range(10 * TENANTS)
    ]


def _messages() -> list[dict[str, Any]]:
    """Nearly all are delivered; a few are due, put off, given up, or old enough to be removed."""
    chance = random.Random(7)
    rows = []
    for n in range(MESSAGES):
        status = {7: "pending", 8: "failed"}.get(n % 100, "delivered")
        created = NOW - timedelta(minutes=chance.randrange(30 * 24 * 60))
        rows.append(
            {
                "tenant_id": f"tenant-{n % TENANTS}",
                "outbox_id": f"message-{n}",
                "exception_id": f"EX-{n}",
                "kind": "notification",
                "payload": {"channel": "email"},
                "idempotency_key": f"message-{n}",
                "status": status,
                "attempts": 1,
                "next_attempt_at": NOW + timedelta(minutes=chance.randrange(-10, 60)),
                "created_at": created,
                "delivered_at": created if status == "delivered" else None,
            }
        )
    return rows


def _page(session: TenantSession, **filters: Any) -> Any:
    no_filters = dict.fromkeys(("kind", "status", "exception_id", "webhook_id", "cursor"))
    return deliveries.page(session, **{**no_filters, "limit": 2, **filters})


IN_A_TENANT: dict[str, Callable[[TenantSession], Any]] = {
    "due recalculations": lambda session: exceptions.due_ids(session, NOW, 50),
    "failures of one": lambda session: exceptions.recalculation_failures(session, "EX-7"),
    "behind": lambda session: exceptions.behind_ids(session, 1, 1000),
    "put off": lambda session: exceptions.put_off(session, "EX-7", NOW),
    "claim": lambda session: outbox.claim(session, NOW, lease=timedelta(minutes=1), limit=20),
    "get": lambda session: outbox.get(session, "message-7"),
    "close": lambda session: outbox.close(session, "message-7", status="delivered", now=NOW),
    "release": lambda session: outbox.release(session, "message-7", NOW),
    "remove delivered": lambda session: outbox.remove_delivered(session, NOW - timedelta(days=29), 1000),
    "list": _page,
    "list, next page": lambda session: _page(session, cursor=_page(session)[1]),
    "list of failed": lambda session: _page(session, status="failed"),
    "list of an exception": lambda session: _page(session, exception_id="EX-7"),
    "redeliver": lambda session: deliveries.redeliver(session, "message-7", NOW),
    "redeliver failed": lambda session: deliveries.redeliver_failed(session, NOW),
    "redeliver failed since": lambda session: deliveries.redeliver_failed(session, NOW, NOW - timedelta(days=1)),
}


@pytest.mark.parametrize("name", IN_A_TENANT)
def test_a_query_in_a_tenant_uses_an_index(database: Database, name: str):
    with database._session(TENANT, writes=True) as session:
        plan = _plans(session.own_connection, lambda: IN_A_TENANT[name](session))
    assert not _SCAN.search(plan), plan


def _asked(name: str) -> Any:
    query, column = backlog.FUNCTIONS[name]
    instant = NOW - timedelta(days=29) if name == "tenants_with_old_deliveries" else NOW
    return query.where(column <= literal(instant, column.type))


@pytest.mark.parametrize("query", [*map(_asked, backlog.FUNCTIONS), backlog.BEHIND])
def test_a_question_across_tenants_uses_an_index(url: str, query: Any):
    """On PostgreSQL as the owner, as whom the functions run."""
    engine = create_engine(as_role(url, "sentinai_owner"))
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.set_config("sentinai.backlog", "on", True)))
        plan = _plans(connection, lambda: connection.execute(query).all())
    engine.dispose()
    assert not _SCAN.search(plan), plan


def _plans(connection: Connection, work: Callable[[], Any]) -> str:
    """The statements that some work executes, each with its plan."""
    executed: list[tuple[str, Any]] = []

    def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        executed.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", keep)
    work()
    event.remove(connection, "before_cursor_execute", keep)
    assert executed
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    plans = (
        (statement, connection.exec_driver_sql(f"{explain} {statement}", parameters))
        for statement, parameters in executed
    )
    return "\n".join(f"{statement}\n{row[-1]}" for statement, rows in plans for row in rows)
