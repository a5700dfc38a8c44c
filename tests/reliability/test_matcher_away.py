"""The matcher is slow, down or sends invalid responses: the executor reports it, keeps working, loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.support.casework import PERSON, Casework, new_casework, note
from tests.support.faults import FaultyApp, dripping, hanging_up, refusing, saying, slow
from tests.support.processes import free_port
from tests.support.threaded import Threaded, Wsgi, serving, threaded_pair

from executor.app import create_app

Mood = Callable[[FaultyApp], Wsgi]
TROUBLES: dict[str, Mood] = {
    "hangs up": lambda _: hanging_up,
    "is slow": lambda _: slow(0.5),
    "comes in drops": lambda _: dripping,
    "fails": lambda _: saying("{}", 500),
    "is busy": lambda _: saying("{}", 503),
    "is no object": lambda _: saying("[]"),
    "is no JSON": lambda _: saying("<html>"),
    "is another document": lambda _: saying('{"selected": 3}'),
    "is doubled": lambda _: saying('{"a": 1, "a": 2}'),
    "sends elsewhere": lambda _: saying("{}", 302, Location="http://127.0.0.1:9/"),
    "knows no token": lambda _: saying("{}", 401),
    "is of another": lambda faulty_app: faulty_app.altered(lambda answer: {**answer, "exception_id": "OTHER"}),
    "names a stranger": lambda faulty_app: faulty_app.altered(_naming_a_stranger),
}


def _naming_a_stranger(answer: Any) -> Any:
    ranked = [{**entry, "playbook_id": entry["playbook_id"] + 10_000} for entry in answer["ranked"]]
    return {**answer, "ranked": ranked, "selected": ranked[0]}


@dataclass(frozen=True, slots=True)
class Desk:
    """A tenant at work, and the matcher's mood."""

    work: Casework
    pair: Threaded
    faulty_app: FaultyApp
    playbook_id: int


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    faulty_apps: list[FaultyApp] = []

    def before_matcher(app: Wsgi) -> Wsgi:
        faulty_apps.append(FaultyApp(app))
        return faulty_apps[0]

    options = {"matcher_timeout_seconds": 0.25, "matcher_attempts": 2}
    with threaded_pair(database_url, tmp_path, before_matcher, **options) as pair:
        work = new_casework(pair, pair.clock())
        yield Desk(work, pair, faulty_apps[0], work.publish("Look", [note(), note("Again")]))
        assert pair.verify().valid


@pytest.mark.parametrize("trouble", TROUBLES)
def test_an_exception_is_accepted_despite_matcher_faults_and_the_worker_catches_up(desk: Desk, trouble: str):
    work = desk.work
    desk.faulty_app.fault = TROUBLES[trouble](desk.faulty_app)
    answer = work.admin("POST", "/api/exceptions", work.document(exception_id="LATE"))
    assert (answer.status_code, answer.json()["playbook"]) == (201, None)
    [deferred] = work.events("LATE", "RecommendationDeferred")
    assert deferred["payload"]["reason"]
    before = work.admin.ok("GET", "/api/exceptions/LATE"), work.events("LATE")
    path = "/api/exceptions/LATE/playbook/recalculate"
    refused = work.admin("POST", path)
    assert (refused.status_code, refused.json()["code"]) == (503, "matcher_unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    desk.pair.clock.advance(minutes=1)
    desk.pair.work()
    assert (work.admin.ok("GET", "/api/exceptions/LATE"), work.events("LATE")) == before
    desk.faulty_app.fault = None
    desk.pair.clock.advance(minutes=1)
    desk.pair.work()
    assert work.admin.ok("GET", "/api/exceptions/LATE")["current_playbook_id"] == desk.playbook_id
    [given] = work.events("LATE", "PlaybookRecalculated")
    assert (given["actor_id"], given["payload"]["trigger"]) == ("worker", "deferred")
    assert work.admin.ok("POST", path)["changed"] is False


def test_the_worker_waits_before_calling_a_matcher_that_failed(desk: Desk):
    desk.faulty_app.fault = hanging_up
    exception_id = desk.work.create_exception()
    desk.faulty_app.fault, calls = None, desk.faulty_app.calls
    desk.pair.work()
    assert desk.faulty_app.calls == calls
    desk.pair.clock.advance(seconds=16)
    desk.pair.work()
    assert desk.work.state(exception_id)["playbook"]["playbook_id"] == desk.playbook_id


def test_an_exception_that_always_fails_does_not_block_others(desk: Desk):
    desk.faulty_app.fault = saying("{}", 500)
    refused = [desk.work.create_exception(exception_id=f"REFUSED-{number}") for number in range(3)]
    desk.pair.clock.advance(seconds=1)
    others = [desk.work.create_exception() for _ in range(3)]
    desk.faulty_app.fault = refusing(desk.faulty_app, b"REFUSED")
    desk.pair.clock.advance(minutes=1)
    rounds = 0
    while not all(desk.work.state(each)["playbook"] for each in others):
        assert rounds < 100  # which comes first is left to chance
        desk.pair.work()
        rounds += 1
    assert not any(desk.work.state(each)["playbook"] for each in refused)


@pytest.mark.parametrize("trouble", ["fails", "names a stranger"])
def test_a_change_is_stored_and_the_recommendation_follows_later(desk: Desk, trouble: str):
    work = desk.work
    exception_id = work.create_exception()
    urgent = work.publish("Urgent", [note()], severity="critical", priority=9)
    desk.faulty_app.fault = TROUBLES[trouble](desk.faulty_app)
    changed = work.admin.ok("PATCH", f"/api/exceptions/{exception_id}", {"severity": "critical"})
    assert (changed["severity"], changed["current_playbook_id"]) == ("critical", desk.playbook_id)
    desk.faulty_app.fault = None
    desk.pair.clock.advance(minutes=1)
    desk.pair.work()
    assert work.admin.ok("GET", f"/api/exceptions/{exception_id}")["current_playbook_id"] == urgent


def test_steps_can_be_completed_without_the_matcher(desk: Desk):
    exception_id = desk.work.create_exception()
    desk.faulty_app.fault, calls = hanging_up, desk.faulty_app.calls
    desk.work.admin.ok("POST", f"/api/exceptions/{exception_id}/playbook/start", PERSON)
    for step in (1, 2):
        assert desk.work.complete(exception_id, step)["outcome"] == "completed"
    desk.work.admin.ok("POST", f"/api/exceptions/{exception_id}/comments", {"text": "Done all the same."})
    assert desk.faulty_app.calls == calls


def test_a_single_failure_is_overcome_by_a_retry(desk: Desk):
    answers = iter([saying("{}", 503)])
    desk.faulty_app.fault = lambda *call: next(answers, desk.faulty_app.app)(*call)
    exception_id = desk.work.create_exception()
    assert desk.work.state(exception_id)["playbook"]["playbook_id"] == desk.playbook_id
    assert desk.work.events(exception_id, "RecommendationDeferred") == []


def test_without_a_matcher_the_executor_is_not_ready_but_accepts_exceptions(desk: Desk):
    nowhere = replace(desk.pair.settings, matcher_url=f"http://127.0.0.1:{free_port()}")
    with serving(create_app(nowhere)) as url:
        ready = requests.get(f"{url}/readyz", timeout=20)
        assert ready.status_code == 503
        assert "matcher" in ready.json()["checks"]["matcher"]
        assert ready.json()["checks"]["database"] == "ok"
        assert requests.get(f"{url}/healthz", timeout=20).ok
        headers = {"Authorization": f"Bearer {desk.pair.token(desk.work.tenant_id)}"}
        answer = requests.post(f"{url}/api/exceptions", json=desk.work.document(), headers=headers, timeout=20)
        assert (answer.status_code, answer.json()["playbook"]) == (201, None)
