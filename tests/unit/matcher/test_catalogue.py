from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, update

from matcher.catalogue.cache import CatalogueCache
from sentinai.database.engine import Database
from sentinai.database.tables import Base, PlaybookRow, TenantRow
from sentinai.settings import Settings

AT = datetime(2026, 8, 1, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path):
    found = Database(Settings(database_url=f"sqlite:///{tmp_path / 'c.db'}"))
    Base.metadata.create_all(found.engine)
    yield found
    found.engine.dispose()


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Every statement that goes through SQLAlchemy, from now on."""
    seen: list[str] = []

    def note(*call: Any) -> None:
        seen.append(call[2])

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


def publish(database: Database, tenant_id: str, *names: str, version: int = 1) -> None:
    rows = [
        {
            "tenant_id": tenant_id,
            "name": name,
            "version": version,
            "conditions": {"match": {"entity": name}},
            "status": "active",
            "created_at": AT,
        }
        for name in names
    ]

    def work(session):
        if session.get(TenantRow, tenant_id) is None:
            session.add(TenantRow(tenant_id=tenant_id, name=tenant_id, status="active", catalogue_revision=0))
            session.flush()
        session.execute(insert(PlaybookRow), rows)
        session.execute(update(TenantRow).values(catalogue_revision=TenantRow.catalogue_revision + 1))

    database.write(tenant_id, work)


def names(found):
    return sorted(playbook.name for playbook in found.compiled.playbooks)


def test_an_unchanged_revision_reads_nothing(database, statements):
    publish(database, "mill", "Flood", "Drought")
    catalogues = CatalogueCache(database, 4)
    first = catalogues.current("mill")
    statements.clear()
    assert catalogues.current("mill") is first
    assert statements == []
    assert names(first) == ["Drought", "Flood"]


def test_a_change_reads_only_what_is_new(database, statements):
    publish(database, "mill", *(f"Playbook {number}" for number in range(1200)))
    catalogues = CatalogueCache(database, 4)
    before = catalogues.current("mill")
    assert len(before.compiled.playbooks) == 1200
    publish(database, "mill", "Playbook 7", version=2)
    statements.clear()
    after = catalogues.current("mill")
    with_conditions = [statement for statement in statements if "playbook.conditions" in statement]
    assert len(with_conditions) == 1
    assert after.stored.playbooks[1] is before.stored.playbooks[1]
    assert {playbook.version for playbook in after.compiled.playbooks if playbook.name == "Playbook 7"} == {2}


def test_the_least_recently_used_tenants_are_evicted(database, statements):
    for tenant in ("one", "two", "three"):
        publish(database, tenant, "Flood")
    catalogues = CatalogueCache(database, 2)
    for tenant in ("one", "two", "one", "three"):
        catalogues.current(tenant)
    statements.clear()
    catalogues.current("one")
    catalogues.current("three")
    assert statements == []
    catalogues.current("two")
    assert statements != []


def test_concurrent_requests_for_a_catalogue_build_it_once(database, statements):
    publish(database, "mill", *(f"Playbook {number}" for number in range(300)))
    catalogues = CatalogueCache(database, 4)
    barrier = threading.Barrier(5)
    statements.clear()

    def ask(_number: int) -> object:
        barrier.wait()
        return catalogues.current("mill")

    with ThreadPoolExecutor(5) as pool:
        found = list(pool.map(ask, range(5)))
    assert all(each is found[0] for each in found)
    assert len([statement for statement in statements if "playbook.conditions" in statement]) == 1


def test_an_older_revision_from_a_restored_backup_is_read(database):
    publish(database, "mill", "Flood")
    publish(database, "mill", "Drought")
    catalogues = CatalogueCache(database, 4)
    assert catalogues.current("mill").stored.revision == 2

    def restore(session):
        session.execute(update(PlaybookRow).where(PlaybookRow.name == "Drought").values(status="retired"))
        session.execute(update(TenantRow).values(catalogue_revision=1))

    database.write("mill", restore)
    assert names(catalogues.current("mill")) == ["Flood"]


def test_a_tenant_without_a_row_has_an_empty_catalogue_at_revision_0(database):
    found = CatalogueCache(database, 4).current("nobody")
    assert (found.stored.revision, names(found), found.stored.policy_pack) == (0, [], None)
