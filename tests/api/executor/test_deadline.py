"""How long a caller waits, told by ``X-Request-Deadline``: by the executor's callers, and by it to the matcher."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import database_of
from tests.support.casework import Casework, new_casework, note
from tests.support.faults import FaultyApp, saying, slow
from tests.support.threaded import Threaded, threaded_pair

HEADER = "X-Request-Deadline"
PROBLEM = '{"type": "urn:x", "title": "Late", "status": 504, "detail": "Late.", "instance": "/", "code": "%s"}'


class Site:
    """Both services; ``told`` are the deadlines that the executor told the matcher, None where it told none."""

    def __init__(self) -> None:
        self.told: list[str | None] = []
        self.matcher: FaultyApp

    def before_matcher(self, app: Any) -> Any:
        self.matcher = FaultyApp(app)

        def listening(environ: dict[str, Any], start_response: Any) -> Any:
            if environ["PATH_INFO"].startswith("/api/"):
                self.told.append(environ.get("HTTP_X_REQUEST_DEADLINE"))
            return self.matcher(environ, start_response)

        return listening


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def pair(site: Site, tmp_path: Path) -> Iterator[Threaded]:
    database_url = database_of("sqlite", tmp_path)
    settings = {"matcher_timeout_seconds": 1.5, "matcher_attempts": 2}
    with threaded_pair(database_url, tmp_path, site.before_matcher, **settings) as served:
        yield served


@pytest.fixture
def work(pair: Threaded) -> Casework:
    return new_casework(pair, pair.clock())


def within(milliseconds: Any) -> dict[str, Any]:
    return {"headers": {HEADER: str(milliseconds)}}


@pytest.mark.parametrize("service", ["matcher", "executor"])
def test_every_operation_has_the_header(pair: Threaded, service: str):
    client = pair.client("anyone", "admin", service=service)
    document = client.ok("GET", "/openapi.json")
    operations = [(path, method) for path, methods in document["paths"].items() for method in methods]
    assert len(operations) >= 5
    for path, method in operations:
        declared = document["paths"][path][method]
        assert [each["schema"] for each in declared["parameters"] if each["name"] == HEADER] == [
            {"type": "integer", "minimum": 1, "maximum": 60_000}
        ]
        assert {"422", "504"} <= declared["responses"].keys()
        filled = re.sub(r"\{\w+\}", "1", path)
        for bad in ("0", "60001", "abc"):
            problem = client.problem(422, "invalid_query", method.upper(), filled, **within(bad))
            assert [error["pointer"] for error in problem["errors"]] == [f"/header/{HEADER}"]


def test_an_accepted_deadline_changes_no_answer(work: Casework):
    work.publish("One", [note()])
    exception_id = work.create_exception()
    for path in ("", "/playbook", "/events", "/events/verify"):
        path = f"/api/exceptions/{exception_id}{path}"
        assert work.admin.ok("GET", path, **within(60_000)) == work.admin.ok("GET", path)


def test_the_executor_tells_the_matcher_its_own_patience(site: Site, work: Casework):
    work.create_exception()
    assert site.told == ["1500"]


def test_the_caller_s_patience_bounds_the_matcher_s(site: Site, work: Casework):
    work.admin.ok("POST", "/api/exceptions", work.document(), **within(1_000))
    (told,) = site.told
    assert 1 <= int(told or 0) <= 750


def test_a_matcher_that_takes_the_caller_s_time_leaves_enough_to_store_the_exception(site: Site, work: Casework):
    work.publish("One", [note()])
    site.matcher.fault = slow(5)
    document = work.document()
    started = time.monotonic()
    work.admin.ok("POST", "/api/exceptions", document, **within(600))
    assert time.monotonic() - started < 1.4
    events = [event["event_type"] for event in work.events(document["exception_id"])]
    assert events[-1] == "RecommendationDeferred"


def test_a_recalculation_without_time_changes_nothing(site: Site, work: Casework):
    exception_id = work.create_exception()
    before = work.events(exception_id)
    site.matcher.fault = slow(5)
    path = f"/api/exceptions/{exception_id}/playbook/recalculate"
    work.admin.problem(504, "deadline_exceeded", "POST", path, **within(200))
    assert work.events(exception_id) == before


def test_a_matcher_without_time_is_asked_again_later(pair: Threaded, site: Site, work: Casework):
    playbook_id = work.publish("One", [note()])
    site.matcher.fault = saying(PROBLEM % "deadline_exceeded", 504)
    exception_id = work.create_exception()
    pair.clock.advance(minutes=5)
    pair.work(work.tenant_id)
    deferred = work.events(exception_id, "RecommendationDeferred")
    assert len(deferred) == 1, "the exception is not to blame, so its log has no further entry"
    site.matcher.fault = None
    pair.clock.advance(hours=2)
    pair.work(work.tenant_id)
    assert work.admin.ok("GET", f"/api/exceptions/{exception_id}")["current_playbook_id"] == playbook_id


def test_a_long_poll_ends_with_the_caller_s_patience(work: Casework):
    exception_id = work.create_exception()
    end = work.events(exception_id)[-1]["seq"]
    started = time.monotonic()
    path = f"/api/exceptions/{exception_id}/events"
    page = work.admin.ok("GET", path, params={"after_seq": end, "wait": 20}, **within(800))
    assert page == {"items": [], "next_cursor": None}
    assert time.monotonic() - started < 2


def test_what_is_asked_too_late_is_not_done(work: Casework, monkeypatch: pytest.MonkeyPatch):
    exception_id = work.create_exception()
    before = work.events(exception_id)

    def read_slowly(*_: Any) -> Any:
        time.sleep(0.02)
        return {"text": "Too late."}

    monkeypatch.setattr("sentinai.web.inputs.read_body", read_slowly)
    path = f"/api/exceptions/{exception_id}/comments"
    work.admin.problem(504, "deadline_exceeded", "POST", path, {"text": "Too late."}, **within(10))
    monkeypatch.undo()
    assert work.events(exception_id) == before
