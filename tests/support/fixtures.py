"""Fixtures that several test folders share; a folder's conftest.py imports those it wants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.conftest import database_of
from tests.support.casework import Casework, new_casework
from tests.support.databases import KINDS
from tests.support.threaded import Threaded, threaded_pair

_PARAMS = [pytest.param(kind, marks=[pytest.mark.postgres] * (kind == "postgres")) for kind in KINDS]


@pytest.fixture(scope="session", params=_PARAMS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Threaded]:
    """Both services in threads, on SQLite and on PostgreSQL."""
    folder = tmp_path_factory.mktemp("pair")
    with threaded_pair(database_of(request.param, folder), folder) as served:
        yield served


@pytest.fixture
def work(pair: Threaded) -> Iterator[Casework]:
    """A tenant at work. However the test went, its log must prove its state at the end."""
    pair.clock.advance(days=1)
    found = new_casework(pair, pair.clock())
    yield found
    assert pair.verify(found.tenant_id).to_json()["faults"] == []
