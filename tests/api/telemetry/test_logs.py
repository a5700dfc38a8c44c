"""What the processes log: JSON lines that go together by request and trace, and nothing that was said."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from tests.support.casework import Casework, new_casework, note, step_path, tell
from tests.support.databases import new_database
from tests.support.pair import Pair, running_pair
from tests.support.processes import Worker, until

from sentinai.clock import utc_now

_CANARY = "canary-7f3a"
_TRACE = "5be3a1d0c94f4f0e8d2b7c6a19e0f3d4"
_TRACEPARENT = f"00-{_TRACE}-9f1c2d3e4a5b6c7d-01"


@dataclass(frozen=True, slots=True)
class Site:
    """The pair at work, logging to files of ``folder``."""

    pair: Pair
    work: Casework
    folder: Path

    def text(self, name: str = "*") -> str:
        """All that a process logged, or all of them."""
        return "".join(log.read_text() for log in sorted(self.folder.glob(f"{name}.log")))

    def lines(self, name: str) -> list[Any]:
        """The lines of a process's log, each of which is an object."""
        return [json.loads(line) for line in self.text(name).splitlines()]

    def requests(self, name: str, request_id: str) -> list[Any]:
        """A request's lines in a service's log; waits for the first."""

        def found() -> list[Any]:
            return [each for each in self.lines(name) if each.get("request_id") == request_id]

        until(found)
        return found()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("logs")
    url = new_database("sqlite", folder)
    with running_pair(
        url, folder, log_level="INFO", worker_period_seconds=0.1, database_timeout_seconds=1
    ) as pair:
        work = new_casework(pair, utc_now())
        work.publish("Look at it", [note(), tell(message=f"{_CANARY}-message")])
        yield Site(pair, work, folder)


def _path(exception_id: str, rest: str) -> str:
    return f"/api/exceptions/{exception_id}/playbook/{rest}"


def test_one_id_and_one_trace_find_a_recalculation_in_both_services(site: Site) -> None:
    exception_id, request_id = site.work.create_exception(), f"desk:{uuid4().hex}"
    headers = {"X-Request-Id": request_id, "traceparent": _TRACEPARENT}
    answer = site.work.admin("POST", _path(exception_id, "recalculate"), headers=headers)
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (200, request_id)
    for name, operation, subject in (
        ("executor", "recalculate_playbook", "noor"),
        ("matcher", "match_exception", "executor"),
    ):
        (line,) = site.requests(name, request_id)
        expected = {
            "event": "request",
            "level": "info",
            "service": name,
            "trace_id": _TRACE,
            "tenant_id": site.work.tenant_id,
            "subject": subject,
            "status": 200,
            "method": "POST",
            "operation": operation,
        }
        assert {key: line.get(key) for key in expected} == expected
        assert line["milliseconds"] > 0
        assert line["timestamp"].endswith("Z")


def test_a_request_without_a_trace_does_not_inherit_one(site: Site) -> None:
    exception_id = site.work.create_exception()
    for number in range(6):
        headers = {"traceparent": _TRACEPARENT} if number % 2 else {}
        request_id = uuid4().hex
        path = _path(exception_id, "recalculate")
        site.work.admin.ok("POST", path, headers={"X-Request-ID": request_id, **headers})
        for name in ("executor", "matcher"):
            (line,) = site.requests(name, request_id)
            assert line.get("trace_id") == (_TRACE if number % 2 else None)


@pytest.mark.parametrize("given", ["two words", "x" * 129, "caf\u00e9", ""])
def test_an_invalid_id_is_replaced(site: Site, given: str) -> None:
    headers = {"X-Request-ID": given.encode()}
    answer = requests.get(f"{site.pair.executor.url}/healthz", headers=headers, timeout=10)
    made = answer.headers["X-Request-ID"]
    assert made != given
    assert len(made) == 32
    assert len(site.requests("executor", made)) == 1


@pytest.mark.parametrize(
    "given", ["no", f"00-{'0' * 32}-9f1c2d3e4a5b6c7d-01", f"00-{_TRACE.upper()}-9f1c2d3e4a5b6c7d-01"]
)
def test_an_invalid_trace_is_omitted(site: Site, given: str) -> None:
    request_id = uuid4().hex
    headers = {"X-Request-ID": request_id, "traceparent": given}
    requests.get(f"{site.pair.matcher.url}/healthz", headers=headers, timeout=10)
    (line,) = site.requests("matcher", request_id)
    assert "trace_id" not in line
    assert "tenant_id" not in line


def test_logs_contain_no_content_of_requests(site: Site) -> None:
    _say_it_everywhere(site)
    with Worker(site.pair.settings, site.folder / "worker.log") as worker:
        until(lambda: '"notification"' in worker.log.read_text())
        assert worker.stop() == 0
    logged = site.text()
    assert _CANARY not in logged
    assert "eyJ" not in logged, "the beginning of every token"
    assert "Bearer" not in logged
    assert {line["status"] for line in site.lines("executor") if "status" in line} >= {
        200,
        201,
        400,
        401,
        403,
        422,
    }


def _say_it_everywhere(site: Site) -> None:
    work, url = site.work, site.pair.executor.url
    context = {"meter": f"{_CANARY}-meter", f"{_CANARY}-key": 1}
    exception_id = work.create_exception(entity=f"{_CANARY}-entity", normalized_context=context)
    work.complete(exception_id, 1, notes=f"{_CANARY}-notes")
    work.complete(exception_id, 2)
    refused = work.document(severity=f"{_CANARY}-severity", normalized_context=context)
    assert work.admin("POST", "/api/exceptions", refused).status_code == 422
    assert work.admin("GET", "/api/exceptions", params={"limit": f"{_CANARY}-limit"}).status_code == 422
    viewer = site.pair.client(work.tenant_id, "viewer")
    assert viewer("POST", step_path(exception_id, 1), {"notes": f"{_CANARY}-more"}).status_code == 403
    broken = {"data": f'{{"entity": "{_CANARY}-broken', "headers": {"Content-Type": "application/json"}}
    assert work.admin.session.post(f"{url}/api/exceptions", timeout=30, **broken).status_code == 400
    file = site.pair.settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        late = work.document(entity=f"{_CANARY}-late")
        assert work.admin("POST", "/api/exceptions", late).status_code == 503
        connection.execute("ROLLBACK")
    for credentials in (
        {"headers": {"Authorization": f"Bearer {_CANARY}.{_CANARY}.{_CANARY}"}},
        {"cookies": {"sentinai_session": f"{_CANARY}-cookie"}},
    ):
        assert requests.get(f"{url}/api/exceptions", timeout=30, **credentials).status_code == 401
    requests.post(f"{url}/console/session", json={"token": f"{_CANARY}-link"}, timeout=30)
    work.admin("POST", f"/api/exceptions/{exception_id}/comments", {"text": f"{_CANARY}-comment"})


def test_every_line_is_an_object_those_of_gunicorn_too(site: Site) -> None:
    killed = site.pair.matcher.kill_worker()
    until(lambda: "SIGKILL" in site.text("matcher"))
    until(lambda: site.pair.matcher.workers() not in ([], [killed]))
    site.pair.matcher.wait()
    (line,) = [each for each in site.lines("matcher") if "SIGKILL" in each["event"]]
    assert (line["level"], line["component"]) == ("error", "gunicorn.error")
    for name in ("matcher", "executor"):
        assert all({"event", "level", "timestamp", "component"} <= line.keys() for line in site.lines(name))


def test_an_unforeseen_error_is_one_line_without_what_was_to_be_written(site: Site) -> None:
    path = f"/api/exceptions/{site.work.create_exception()}/comments"
    with _a_fault_in_the_table(site):
        answer = site.work.admin("POST", path, {"text": f"{_CANARY}-comment"})
    assert answer.status_code == 500
    assert _CANARY not in answer.text
    refusal, request = site.requests("executor", answer.headers["X-Request-ID"])
    assert (refusal["event"], refusal["level"], request["status"]) == ("unexpected_error", "error", 500)
    assert "Traceback" in refusal["exception"]
    assert _CANARY not in site.text()


def test_a_worker_that_meets_one_says_so_in_a_line_and_goes_on(site: Site) -> None:
    exception_id = site.work.create_exception()
    for step in (1, 2):
        site.work.complete(exception_id, step)
    log = site.folder / "faulty.log"
    with _a_fault_in_the_table(site), Worker(site.pair.settings, log) as worker:
        until(lambda: any(line["event"] == "unexpected_error" for line in site.lines("faulty")))
        assert worker.process.poll() is None
    [error, *_] = [line for line in site.lines("faulty") if line["event"] == "unexpected_error"]
    assert (error["level"], error["service"], error["job"]) == ("error", "executor", "deliveries")
    assert "Traceback" in error["exception"]
    assert _CANARY not in log.read_text()


@contextmanager
def _a_fault_in_the_table(site: Site) -> Iterator[None]:
    """For a while the database takes no event, for a reason that the service cannot foresee."""
    database = site.pair.settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(
            "CREATE TRIGGER fault BEFORE INSERT ON exception_event BEGIN SELECT RAISE(ABORT, 'fault'); END"
        )
        yield
        connection.execute("DROP TRIGGER fault")


def test_a_variable_that_is_no_setting_is_warned_of(tmp_path: Path) -> None:
    misspelt = "SENTINAI_WORKER_PERIOD"
    given = {"SENTINAI_DATABASE_URL": f"sqlite:///{tmp_path / 'a.db'}", misspelt: "1"}
    command = [Path(sys.executable).with_name("executor"), "migrate"]
    done = subprocess.run(command, env={**os.environ, **given}, capture_output=True, text=True, check=True)
    warnings = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [(line["event"], line["variable"]) for line in warnings] == [("unknown_setting", misspelt)]
