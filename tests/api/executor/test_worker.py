"""The worker's faults stay where they are: what fails waits by itself, and nobody waits for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.conftest import database_of
from tests.support.casework import Casework, new_casework, note, tell
from tests.support.databases import KINDS
from tests.support.faults import FaultyApp, saying
from tests.support.outbox import counts
from tests.support.processes import until
from tests.support.threaded import Threaded, Wsgi, serving, threaded_pair
from werkzeug.wrappers import Response

from executor.store import backlog
from executor.worker import deliveries, recalculations
from executor.worker.items import NOT_STOPPING

_KINDS = [pytest.param(kind, marks=[pytest.mark.postgres] * (kind == "postgres")) for kind in KINDS]


class Site:
    """Two services whose matcher can be made to refuse some exceptions."""

    def __init__(self, pair: Threaded, matcher: FaultyApp) -> None:
        self.pair = pair
        self.matcher = matcher

    def refuse(self, marker: bytes, status: int) -> None:
        """Let the matcher answer with a status whatever has the marker in it."""

        def answer(environ: dict[str, Any], start_response: Any) -> Any:
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = BytesIO(body)
            app = saying(json.dumps(_PROBLEM), status) if marker in body else self.matcher.app
            return app(environ, start_response)

        self.matcher.fault = answer

    def corrupt(self, work: Casework, table: str, column: str, key: str, value: str) -> None:
        """Damage one stored document, as a fault below the application may."""
        name = f"{table}_id" if table == "outbox" else "exception_id"
        with self.pair.services.database.engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(
                    text("SELECT set_config('sentinai.tenant_id', :it, true)"), {"it": work.tenant_id}
                )
            connection.execute(
                text(f"UPDATE {table} SET {column} = :to WHERE {name} = :key"), {"to": value, "key": key}
            )

    @property
    def unreadable(self) -> str:
        """Contents of a JSON column that this product never writes."""
        return "5" if self.pair.services.database.dialect == "postgresql" else "{not json"


_PROBLEM = {
    "type": "urn:sentinai:problem:too_large",
    "title": "Request body too large",
    "status": 413,
    "detail": "The body is too large.",
    "instance": "/api/match",
    "code": "too_large",
}


@pytest.fixture(scope="module", params=_KINDS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("worker")
    apps: list[FaultyApp] = []

    def before_matcher(app: Wsgi) -> Wsgi:
        apps.append(FaultyApp(app))
        return apps[0]

    options = {"matcher_attempts": 1}
    with threaded_pair(database_of(request.param, folder), folder, before_matcher, **options) as pair:
        yield Site(pair, apps[0])


@pytest.fixture
def work(site: Site) -> Iterator[Casework]:
    site.pair.clock.advance(days=100)
    yield new_casework(site.pair, site.pair.clock())
    site.matcher.fault = None


def _due_ones(site: Site, work: Casework, refused: int, others: int) -> tuple[list[str], list[str]]:
    """Exceptions that wait for a recommendation, the refused ones longest."""
    work.publish("Look", [note()])
    site.matcher.fault = saying("{}", 503)
    names = [work.create_exception(entity=f"POISON {number}") for number in range(refused)]
    site.pair.clock.advance(seconds=1)
    rest = [work.create_exception() for _ in range(others)]
    site.pair.clock.advance(minutes=1)
    return names, rest


@pytest.mark.parametrize("status", [413, 500])
def test_many_that_fail_keep_no_other_from_its_recommendation(site: Site, work: Casework, status: int):
    poison, others = _due_ones(site, work, refused=60, others=30)
    site.refuse(b"POISON", status)
    while recalculations.recalculate_due(site.pair.services, work.tenant_id):
        pass  # The clock stands still: what was put off is not due again.
    recalculations.recalculate_due(site.pair.services, work.tenant_id)
    given = [work.state(each)["playbook"] is not None for each in others]
    assert given == [True] * 30
    assert not any(work.state(each)["playbook"] for each in poison[:3])


def test_what_the_matcher_refuses_is_told_once_in_its_log_and_asked_ever_more_seldom(site: Site, work: Casework):
    work.publish("Look", [note()])
    exception_id = work.create_exception(entity="POISON", sla_deadline=work.due(minutes=45))
    work.publish("Hurry", [note()], sla_minutes_remaining_lt=20, priority=9)
    work.admin.ok("POST", f"/api/exceptions/{exception_id}/playbook/recalculate")
    site.refuse(b"POISON", 413)
    site.pair.clock.advance(minutes=30)
    calls = []
    for _ in range(20):
        before = site.matcher.calls
        site.pair.work(work.tenant_id)
        calls.append(site.matcher.calls - before)
        site.pair.clock.advance(minutes=10)
    assert calls[0] == 1
    assert 3 <= sum(calls) <= 12
    [deferred] = work.events(exception_id, "RecommendationDeferred")
    assert "too_large" in deferred["payload"]["reason"]
    assert deferred["actor_id"] == "worker"
    site.matcher.fault = None
    site.pair.clock.advance(hours=1)
    site.pair.work(work.tenant_id)
    assert work.state(exception_id)["playbook"]["name"] == "Hurry"


def test_a_corrupt_exception_touches_no_other(site: Site, work: Casework):
    work.publish("Look", [note()])
    site.matcher.fault = saying("{}", 503)
    bad, good = work.create_exception(), work.create_exception()
    other = new_casework(site.pair, site.pair.clock())
    other.publish("Look", [note()])
    elsewhere = other.create_exception()
    site.matcher.fault = None
    site.corrupt(work, "exception", "recommendation", bad, site.unreadable)
    site.pair.clock.advance(minutes=1)
    site.pair.work()
    assert work.state(good)["playbook"]
    assert other.state(elsewhere)["playbook"]
    due = backlog.tenants_with_due_recalculations(site.pair.services.database, site.pair.clock())
    assert work.tenant_id not in due, "the corrupt one was put off"
    page = work.admin.ok("GET", "/api/exceptions")
    assert [item["exception_id"] for item in page["items"]] == [good]
    assert page["unreadable"] == [bad]
    assert "unreadable" not in other.admin.ok("GET", "/api/exceptions")


def test_a_message_that_cannot_be_read_fails_in_plain_sight_and_alone(site: Site, work: Casework):
    work.publish("Two", [tell(), tell()])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    work.complete(exception_id, 2)
    first, second = work.events(exception_id, "NotificationRequested")
    site.corrupt(work, "outbox", "payload", first["payload"]["outbox_id"], site.unreadable)
    site.pair.work()
    assert counts(site.pair.services.database, work.tenant_id) == {"delivered": 1, "failed": 1}
    [sent] = work.events(exception_id, "NotificationSent")
    assert sent["payload"]["outbox_id"] == second["payload"]["outbox_id"]


def test_a_message_whose_outcome_cannot_be_stored_is_given_up_like_others(site: Site, work: Casework):
    work.publish("One", [tell()])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    site.corrupt(work, "exception", "recommendation", exception_id, site.unreadable)
    for _ in range(30):
        site.pair.work(work.tenant_id)
        site.pair.clock.advance(hours=1)
    assert counts(site.pair.services.database, work.tenant_id) == {"failed": 1}


def test_a_silent_receiver_delays_only_itself(site: Site, work: Casework):
    work.publish("Two", [tell(channel="webhook") for _ in range(6)] + [tell(channel="email")])
    other = new_casework(site.pair, site.pair.clock())
    other.publish("One", [tell(channel="email")])
    silent, told = work.create_exception(), other.create_exception()
    for step in range(1, 8):
        work.complete(silent, step)
    other.complete(told, 1)
    answered = threading.Event()

    def wait(environ: Any, start_response: Any) -> Any:
        answered.wait(60)
        return Response("thanks")(environ, start_response)

    def delivered(of: Casework) -> int:
        return counts(site.pair.services.database, of.tenant_id).get("delivered", 0)

    with serving(wait) as url, deliveries.Lanes() as lanes:
        settings = replace(site.pair.settings, webhook_url=url, outbox_timeout_seconds=60)
        services = replace(site.pair.services, settings=settings)
        deliveries.deliver_all(services, NOT_STOPPING, lanes)
        try:
            until(lambda: delivered(work) == 1 and delivered(other) == 1)
        finally:
            answered.set()
    assert delivered(work) == 7


def test_only_tenants_with_something_due_are_asked_for(site: Site, work: Casework):
    database, now = site.pair.services.database, site.pair.clock()
    assert work.tenant_id not in backlog.tenants_with_due_deliveries(database, now)
    work.publish("One", [tell()])
    work.complete(work.create_exception(), 1)
    assert work.tenant_id in backlog.tenants_with_due_deliveries(database, now)
    assert backlog.count_pending_deliveries(database, now) >= 1
    site.pair.work()
    assert work.tenant_id not in backlog.tenants_with_due_deliveries(database, now)
    assert backlog.count_pending_deliveries(database, now) == 0


def test_delivered_messages_are_removed_after_their_retention(site: Site, work: Casework):
    work.publish("One", [tell()])
    work.complete(work.create_exception(), 1)
    site.pair.work()
    site.pair.clock.advance(days=29)
    site.pair.work()
    assert counts(site.pair.services.database, work.tenant_id) == {"delivered": 1}
    site.pair.clock.advance(days=2)
    site.pair.work()
    assert counts(site.pair.services.database, work.tenant_id) == {}
