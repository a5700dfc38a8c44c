"""The database is locked, stopped, or crashes: callers get 503, nothing is lost, and service resumes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from sqlalchemy import create_engine, make_url, text
from tests.conftest import database_of
from tests.support.casework import PERSON, new_casework, note, step_path, tell
from tests.support.concurrent_clients import (
    ConcurrentClients,
    compare_with_log,
    prepare_for_clients,
    prove,
    random_seed,
)
from tests.support.databases import Postgres, PostgresMissing, as_role, hang_up
from tests.support.pair import Client, Pair, running_pair
from tests.support.processes import Worker, until
from tests.support.threaded import threaded_pair

from sentinai.clock import utc_now
from sentinai.problems import DatabaseUnavailable


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let another connection hold the file's one write lock."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


def test_a_locked_file_is_reported_and_readable_and_has_no_partial_writes(tmp_path: Path):
    with threaded_pair(database_of("sqlite", tmp_path), tmp_path, database_timeout_seconds=0.2) as pair:
        work = new_casework(pair, pair.clock())
        work.publish("Two", [tell(), note()])
        exception_id = work.create_exception()
        work.complete(exception_id, 1)
        before = work.events(exception_id)
        writes = {
            step_path(exception_id, 2): PERSON,
            step_path(exception_id, 2, "skip"): {**PERSON, "reason": "Late."},
            f"/api/exceptions/{exception_id}/comments": {"text": "Hello?"},
            "/api/exceptions": work.document(exception_id="NEW"),
            "/api/playbooks": work.playbook("Other", [note()]),
        }
        with locked(tmp_path / "sentinai.db"):
            for path, body in writes.items():
                answer = work.admin("POST", path, body)
                assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
                assert int(answer.headers["Retry-After"]) > 0
            with pytest.raises(DatabaseUnavailable):
                pair.work()
            assert work.events(exception_id) == before
            assert work.state(exception_id)["current_step"] == 2
        for path, body in writes.items():
            assert work.admin("POST", path, body).ok
        assert work.complete(exception_id, 2)["outcome"] == "already_completed"
        pair.work()
        assert len(work.events(exception_id, "NotificationSent", "CommentAdded")) == 3
        assert pair.verify().valid


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    try:
        server = Postgres()
    except PostgresMissing as missing:
        pytest.skip(f"PostgreSQL: {missing}")
    with server:
        yield server


@pytest.mark.postgres
def test_with_only_a_standby_reads_work_and_writes_get_503(tmp_path: Path):
    url = database_of("postgres", tmp_path)
    with threaded_pair(url, tmp_path) as pair:
        work = new_casework(pair, pair.clock())
        work.publish("Two", [note(), note("Again")])
        exception_id = work.create_exception()
        with _only_a_standby(url):
            answer = work.admin("POST", step_path(exception_id, 1), PERSON)
            assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
            assert int(answer.headers["Retry-After"]) > 0
            assert work.state(exception_id)["current_step"] == 1
        assert work.complete(exception_id, 1)["outcome"] == "completed"
        assert pair.verify().valid


@contextmanager
def _only_a_standby(url: str) -> Iterator[None]:
    """Let the database take no writes, as one does that is not yet, or no more, the first of its kind."""
    _set_read_only(url, "on")
    yield
    _set_read_only(url, "off")


def _set_read_only(url: str, value: str) -> None:
    engine = create_engine(as_role(url, "postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("SET default_transaction_read_only TO off"))
        name = make_url(url).database
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only TO {value}"))
    engine.dispose()
    hang_up(url)


@pytest.mark.postgres
@pytest.mark.parametrize("leave", [Postgres.stop, Postgres.crash], ids=["stopped", "crashed"])
def test_without_postgresql_callers_get_503_and_service_resumes_when_it_is_back(
    postgres: Postgres, tmp_path: Path, leave: Callable[[Postgres], None]
):
    options = {"gunicorn_workers": 2, "database_timeout_seconds": 1, "worker_period_seconds": 0.2}
    with running_pair(postgres.new_database(), tmp_path, **options) as pair:
        work = new_casework(pair, utc_now())
        prepare_for_clients(work)
        # What was taken in while only the matcher missed the database gets its playbook from the worker.
        clients = ConcurrentClients(work, [pair.executor.url], random_seed(), clients=8, awaited={"no_playbook"})
        with Worker(pair.settings, tmp_path / "worker.log") as worker:
            worker.wait()
            with clients:
                clients.wait_for(60)
                leave(postgres)
                until(lambda: clients.memory.failures["database_unavailable"] > 20)
                _both_say_so(pair, work.tenant_id)
                postgres.start()
                clients.wait_for(120)
            assert worker.stop() == 0
        until(lambda: _readiness(pair) == [200, 200])
        compare_with_log(clients.memory, work, pair.settings)
    prove(pair.settings)


def _both_say_so(pair: Pair, tenant_id: str) -> None:
    """Not ready for work, because of the database; alive all the same."""
    assert _readiness(pair) == [503, 503]
    for service in (pair.matcher, pair.executor):
        assert requests.get(f"{service.url}/readyz", timeout=30).json()["checks"]["database"] != "ok"
        assert requests.get(f"{service.url}/healthz", timeout=30).ok
    matcher = Client(pair.matcher.url, pair.token(tenant_id))
    found = matcher("POST", "/api/match", {"exception": {"exception_id": "E"}})
    assert (found.status_code, found.json()["code"]) == (503, "database_unavailable")
    assert int(found.headers["Retry-After"]) > 0


def _readiness(pair: Pair) -> list[int]:
    services = (pair.matcher, pair.executor)
    return [requests.get(f"{service.url}/readyz", timeout=30).status_code for service in services]
