"""Fixtures that any test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.support.databases import KINDS, PostgresMissing, new_database

_SLOW_MACHINE = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("default", deadline=None, suppress_health_check=_SLOW_MACHINE)
settings.register_profile("long", deadline=None, suppress_health_check=_SLOW_MACHINE, max_examples=10_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def database_of(kind: str, folder: Path) -> str:
    """The URL of an empty, migrated database; skips the test, with the reason, where there can be none."""
    try:
        return new_database(kind, folder)
    except PostgresMissing as missing:
        pytest.skip(f"PostgreSQL: {missing}")


@pytest.fixture(params=[pytest.param(kind, marks=[pytest.mark.postgres] * (kind == "postgres")) for kind in KINDS])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty, migrated database, once on SQLite and once on PostgreSQL."""
    return database_of(request.param, tmp_path)
