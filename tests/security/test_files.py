"""What the product creates is for its own user only."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sqlalchemy import text

from sentinai.database.engine import Database
from sentinai.settings import Settings


def test_a_new_database_is_readable_by_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    before = os.umask(0o022)
    try:
        database = Database(Settings(database_url=f"sqlite:///{folder}/sentinai.db"))
        with database.engine.begin() as connection:
            connection.execute(text("CREATE TABLE kept (value TEXT)"))
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    finally:
        os.umask(before)
    database.engine.dispose()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes["sentinai.db"] == 0o600
    assert len(modes) > 1
    assert set(modes.values()) == {0o600}


def test_the_mode_of_a_database_that_exists_is_left_to_whoever_chose_it(tmp_path: Path) -> None:
    path = tmp_path / "sentinai.db"
    path.touch(mode=0o640)
    path.chmod(0o640)
    Database(Settings(database_url=f"sqlite:///{path}")).engine.dispose()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
