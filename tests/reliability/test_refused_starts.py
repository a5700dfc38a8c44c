"""Invalid settings are reported in one line by every process, and nothing starts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.support.processes import ROOT, free_port

BIN = Path(sys.executable).parent
GUNICORN = [str(BIN / "gunicorn"), "--config", "deploy/gunicorn.conf.py", "--bind", "127.0.0.1:0"]
PROCESSES = {
    "matcher": [*GUNICORN, "matcher.app:create_app()"],
    "executor": [*GUNICORN, "executor.app:create_app()"],
    "worker": [str(BIN / "executor"), "worker"],
    "verify": [str(BIN / "executor"), "verify"],
    "migrate": [str(BIN / "executor"), "migrate"],
    "run": [sys.executable, "deploy/run.py"],
}
SERVING = ("matcher", "executor", "worker", "run")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """One that everything starts with."""
    key = tmp_path / "key"
    key.write_text("k" * 48)
    outside = {name: value for name, value in os.environ.items() if not name.startswith("SENTINAI_")}
    return {
        **outside,
        "SENTINAI_DATABASE_URL": f"sqlite:///{tmp_path}/sentinai.db",
        "SENTINAI_JWT_KEY_FILE": str(key),
        "SENTINAI_MATCHER_PORT": str(free_port()),
        "SENTINAI_EXECUTOR_PORT": str(free_port()),
    }


def refusal(command: Sequence[str], environment: dict[str, str], **changes: str) -> str:
    """The one line that a process ends with."""
    done = subprocess.run(
        command, cwd=ROOT, env={**environment, **changes}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode not in (0, -9), done.stderr
    (line,) = (done.stdout + done.stderr).strip().splitlines()
    return line


@pytest.mark.parametrize("name", PROCESSES)
def test_a_wrong_setting_is_named(name: str, environment: dict[str, str]):
    line = refusal(PROCESSES[name], environment, SENTINAI_LOG_LEVEL="loud")
    assert line.startswith("Invalid settings: SENTINAI_LOG_LEVEL='loud': must be one of")


@pytest.mark.parametrize("name", SERVING)
def test_a_key_that_is_not_there_is_missed(name: str, environment: dict[str, str], tmp_path: Path):
    line = refusal(PROCESSES[name], environment, SENTINAI_JWT_KEY_FILE=str(tmp_path / "none"))
    assert line.endswith(f"SENTINAI_JWT_KEY_FILE: {tmp_path / 'none'} cannot be read (No such file or directory)")


@pytest.mark.parametrize("name", ["verify", "migrate"])
@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql+psycopg://me:sesame@127.0.0.1:1/x", "Database unavailable: "),
        ("postgresql+psycopg://me:sesame@here:port/x", "Invalid settings: SENTINAI_DATABASE_URL"),
        ("sqlite:////dev/null/x.db", "Invalid settings: SENTINAI_DATABASE_URL: cannot create the folder"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_line(name: str, url: str, why: str, environment: dict[str, str]):
    line = refusal(PROCESSES[name], environment, SENTINAI_DATABASE_URL=url)
    assert line.startswith(why)
    assert "sesame" not in line


def test_a_database_without_tables_says_how_to_make_them(environment: dict[str, str]):
    assert refusal(PROCESSES["verify"], environment).endswith("run: executor migrate.")


def test_pending_migrations_are_reported_without_running_them(environment: dict[str, str]):
    check = [*PROCESSES["migrate"], "--check"]
    for _ in range(2):
        line = refusal(check, environment)
        assert line.startswith("database: the database is at revision None, not ")
    subprocess.run(PROCESSES["migrate"], cwd=ROOT, env=environment, check=True)
    done = subprocess.run(check, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    assert done.stderr == "database: ok\n"


def test_an_unknown_revision_is_reported_in_one_line(environment: dict[str, str]):
    line = refusal([*PROCESSES["migrate"], "--to", "nowhere"], environment)
    assert line == "Migration failed: Can't locate revision identified by 'nowhere'"


def test_a_port_in_use_is_named(environment: dict[str, str]):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"Port {port} on 127.0.0.1 cannot be used" in refusal(
            PROCESSES["run"], environment, SENTINAI_EXECUTOR_PORT=port
        )
        assert f"SENTINAI_WORKER_METRICS_PORT={port}: cannot be used" in refusal(
            PROCESSES["worker"], environment, SENTINAI_WORKER_METRICS_PORT=port
        )


def test_one_port_is_not_enough_for_two_services(environment: dict[str, str]):
    port = environment["SENTINAI_MATCHER_PORT"]
    assert "must be different" in refusal(PROCESSES["run"], environment, SENTINAI_EXECUTOR_PORT=port)
