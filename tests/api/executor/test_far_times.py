"""Instants at the ends of time, on a PostgreSQL whose own time zone has no such date."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from tests.conftest import database_of
from tests.support.casework import new_casework, note
from tests.support.databases import as_role
from tests.support.threaded import threaded_pair

ENDS = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z")


def _live_in(zone: str, url: str) -> None:
    engine = create_engine(as_role(url, "postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {make_url(url).database} SET timezone TO '{zone}'"))
    engine.dispose()


@pytest.mark.postgres
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_deadlines_at_the_ends_of_time_can_be_read_again_wherever_the_database_lives(tmp_path: Path, zone: str):
    url = database_of("postgres", tmp_path)
    _live_in(zone, url)
    with threaded_pair(url, tmp_path) as pair:
        work = new_casework(pair, pair.clock())
        work.publish("Note it", [note()])
        for deadline in ENDS:
            exception_id = work.create_exception(sla_deadline=deadline)
            assert work.admin.ok("GET", f"/api/exceptions/{exception_id}")["sla_deadline"] == deadline
            assert work.complete(exception_id, 1)["outcome"] == "completed"
        for sort in ("sla", "created_at"):
            items = work.admin.ok("GET", "/api/exceptions", params={"sort": sort})["items"]
            assert {item["sla_deadline"] for item in items} == set(ENDS)
        pair.work()
        assert pair.verify().valid
