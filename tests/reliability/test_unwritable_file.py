"""SQLite's file cannot be written for a while: reads go on, writes get 503, and come back by themselves."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.conftest import database_of
from tests.support.casework import new_casework
from tests.support.concurrent_clients import (
    ConcurrentClients,
    compare_with_log,
    prepare_for_clients,
    prove,
    random_seed,
)
from tests.support.pair import Pair, running_pair
from tests.support.processes import Worker, bound_by_permissions, until

from sentinai.clock import utc_now

_HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA busy_timeout = 20000")
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def _locked(file: Path, pair: Pair, worker: Worker) -> Iterator[None]:
    """Let another process hold the file's exclusive lock."""
    command = [sys.executable, "-c", _HOLDER, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        yield
        holder.communicate()


@contextmanager
def _read_only(file: Path, pair: Pair, worker: Worker) -> Iterator[None]:
    """Take the permission to write away, and let other processes take the place of those that have it open."""
    file.chmod(0o444)
    for pid in pair.executor.workers():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    yield
    file.chmod(0o644)


@contextmanager
def _disk_full(file: Path, pair: Pair, worker: Worker) -> Iterator[None]:
    """Let no process write into any file, its log included."""
    pids = [pair.executor.process.pid, *pair.executor.workers(), worker.process.pid]
    before = [resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids]
    for pid, (_, hard) in zip(pids, before, strict=True):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    yield
    for pid, limits in zip(pids, before, strict=True):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of other processes are Linux's")
@pytest.mark.parametrize("trouble", [_locked, _read_only, _disk_full])
def test_reads_go_on_and_writes_come_back_by_themselves(
    tmp_path: Path, trouble: Callable[[Path, Pair, Worker], AbstractContextManager[None]]
):
    prefix = bound_by_permissions()
    options = {"database_timeout_seconds": 0.5, "gunicorn_workers": 2, "log_level": "INFO"}
    with running_pair(database_of("sqlite", tmp_path), tmp_path, prefix, **options) as pair:
        work = new_casework(pair, utc_now())
        prepare_for_clients(work)
        clients = ConcurrentClients(work, [pair.executor.url], random_seed(), clients=8)
        with Worker(pair.settings, tmp_path / "worker.log", prefix) as worker:
            worker.wait()
            with clients:
                clients.wait_for(30)
                exception_id = clients.memory.created[0]
                with trouble(tmp_path / "sentinai.db", pair, worker):
                    until(lambda: clients.memory.failures["database_unavailable"] > 8)
                    document = work.document(exception_id="NEW")
                    refused = work.admin.problem(503, "database_unavailable", "POST", "/api/exceptions", document)
                    assert refused["detail"]
                    assert work.state(exception_id)
                    if trouble is not _disk_full:  # That is seen only when something is written.
                        assert _checks(pair.executor.url)["database"] != "ok"
                    assert _checks(pair.matcher.url)["database"] == "ok"
                    assert requests.get(f"{pair.executor.url}/healthz", timeout=20).ok
                until(lambda: _checks(pair.executor.url)["database"] == "ok")
                clients.wait_for(60)
            assert worker.stop() == 0
        compare_with_log(clients.memory, work, pair.settings)
    prove(pair.settings)


def _checks(url: str) -> Any:
    return requests.get(f"{url}/readyz", timeout=20).json()["checks"]
