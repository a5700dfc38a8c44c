"""Sixty things that can never be done are first in line before a worker: two hundred others are done promptly."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.casework import Casework, new_casework, note, tell
from tests.support.faults import FaultyApp, refusing, saying
from tests.support.outbox import counts
from tests.support.processes import Worker, until
from tests.support.threaded import Threaded, Wsgi, serving, threaded_pair
from werkzeug.wrappers import Request, Response

from sentinai.clock import utc_now

POISON, HEALTHY = 60, 200
_PROMPT_SECONDS = 45
_REFUSAL = {
    "type": "urn:sentinai:problem:too_large",
    "title": "Request body too large",
    "status": 413,
    "detail": "The body is too large.",
    "instance": "/api/match",
    "code": "too_large",
}


def test_recommendations(database_url: str, tmp_path: Path):
    apps: list[FaultyApp] = []

    def before_matcher(app: Wsgi) -> Wsgi:
        apps.append(FaultyApp(app))
        return apps[0]

    with threaded_pair(database_url, tmp_path, before_matcher, matcher_attempts=1) as pair:
        work = new_casework(pair, pair.clock())
        work.publish("Look", [note()])
        apps[0].fault = saying("{}", 503)
        poison = _each(lambda _: work.create_exception(entity="POISON"), range(POISON))
        pair.clock.advance(seconds=1)
        healthy = _each(lambda _: work.create_exception(), range(HEALTHY))
        apps[0].fault = refusing(apps[0], b"POISON", saying(json.dumps(_REFUSAL), 413))
        with _prompt_worker(pair, tmp_path):
            until(lambda: _with_playbook(work) == set(healthy))
        logs = _each(lambda each: work.events(each, "RecommendationDeferred"), poison)
        assert all("too_large" in log[-1]["payload"]["reason"] for log in logs)
        assert pair.verify().valid


def test_deliveries(database_url: str, tmp_path: Path):
    with threaded_pair(database_url, tmp_path) as pair, serving(_refuse_poison) as receiver:
        work = new_casework(pair, pair.clock())
        work.publish("Tell", [tell(channel="webhook", message="{exception.entity}")] * 5)
        _ask_for_messages(work, POISON, "POISON")
        pair.clock.advance(seconds=1)
        _ask_for_messages(work, HEALTHY, "Pier 9")
        with _prompt_worker(pair, tmp_path, webhook_url=receiver, outbox_hours=100_000):
            until(lambda: _counts(pair, work).get("delivered") == HEALTHY)
        assert _counts(pair, work) == {"delivered": HEALTHY, "pending": POISON}
        pair.clock.set(utc_now())
        while _counts(pair, work).get("pending"):
            pair.clock.advance(hours=1)
            pair.work(webhook_url=receiver)
        assert _counts(pair, work) == {"delivered": HEALTHY, "failed": POISON}
        failed = work.admin.ok("GET", "/api/deliveries", params={"status": "failed", "limit": 200})["items"]
        assert [each["last_status"] for each in failed] == [500] * POISON
        assert pair.verify().valid


@contextmanager
def _prompt_worker(pair: Threaded, folder: Path, **settings: Any) -> Iterator[None]:
    """Let a worker be at work, which must be done with what is awaited in good time."""
    given = replace(pair.settings, worker_period_seconds=0.1, **settings)
    with Worker(given, folder / "worker.log") as worker:
        worker.wait()
        start = time.monotonic()
        yield
        assert time.monotonic() - start < _PROMPT_SECONDS
        assert worker.stop() == 0


def _each(work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(work, items))


def _with_playbook(work: Casework) -> set[str]:
    found: set[str] = set()
    query: dict[str, Any] = {"limit": 200}
    while True:
        page = work.admin.ok("GET", "/api/exceptions", params=query)
        found |= {each["exception_id"] for each in page["items"] if each["playbook"]}
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


def _ask_for_messages(work: Casework, messages: int, entity: str) -> None:
    def ask(_: int) -> None:
        exception_id = work.create_exception(entity=entity)
        for step in range(1, 6):
            work.complete(exception_id, step)

    _each(ask, range(messages // 5))


def _refuse_poison(environ: Any, start_response: Any) -> Any:
    status = 500 if b"POISON" in Request(environ).get_data() else 200
    return Response("", status)(environ, start_response)


def _counts(pair: Threaded, work: Casework) -> dict[str, int]:
    return counts(pair.services.database, work.tenant_id)
