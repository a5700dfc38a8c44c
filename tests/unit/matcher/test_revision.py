"""The revision of a catalogue is read every time, even after its connection was lost."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from executor.store import tenants
from matcher.catalogue.revision import Revisions
from sentinai.database.engine import Database
from sentinai.problems import DatabaseUnavailable
from sentinai.settings import Settings

TENANT = "quarry"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    found = Database(Settings(database_url=database_url))
    found.write(TENANT, lambda session: tenants.add_tenant(session, TENANT, "Quarry"))
    yield found
    found.engine.dispose()


def test_a_change_is_visible_to_the_next_query(database: Database) -> None:
    revisions = Revisions(database)
    before = revisions.of(TENANT)
    assert before is not None
    for step in range(1, 4):
        database.write(TENANT, tenants.increment_revision)
        assert revisions.of(TENANT) == before + step


def test_an_unknown_tenant_has_no_revision(database: Database) -> None:
    assert Revisions(database).of("nobody") is None


def test_a_broken_connection_is_replaced(database: Database) -> None:
    revisions = Revisions(database)
    before = revisions.of(TENANT)
    for connection in revisions.idle:
        connection.close()
    assert revisions.of(TENANT) == before


def test_concurrent_queries_keep_no_more_connections_than_there_were(database: Database) -> None:
    revisions = Revisions(database)
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: revisions.of(TENANT), range(200)))
    assert found == {revisions.of(TENANT)}
    assert 1 <= len(revisions.idle) <= 4


def test_a_database_without_tables_is_unavailable(tmp_path: Path) -> None:
    empty = Database(Settings(database_url=f"sqlite:///{tmp_path / 'empty.db'}"))
    with pytest.raises(DatabaseUnavailable, match="no such table"):
        Revisions(empty).of(TENANT)
