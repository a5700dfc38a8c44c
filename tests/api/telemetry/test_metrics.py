"""What /metrics shows is what was done, whichever of several worker processes did it and whichever answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from tests.support.casework import PERSON, Casework, new_casework, note, step_path, tell
from tests.support.databases import new_database
from tests.support.pair import Pair, running_pair
from tests.support.processes import Worker, free_port, until

from sentinai.clock import utc_now

_WORKERS = 3
Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass(frozen=True, slots=True)
class Site:
    """The pair at work, each service with several worker processes."""

    pair: Pair
    work: Casework
    folder: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("metrics")
    settings = {
        "gunicorn_workers": _WORKERS,
        "worker_metrics_port": free_port(),
        "worker_period_seconds": 0.1,
        "outbox_hours": 0,
        "webhook_url": f"http://127.0.0.1:{free_port()}/nobody-listens",
    }
    with running_pair(new_database("sqlite", folder), folder, **settings) as pair:
        yield Site(pair, new_casework(pair, utc_now()), folder)


def scrape(url: str) -> Samples:
    """The samples shown, by name and labels."""
    answer = requests.get(f"{url}/metrics", timeout=10)
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(answer.text)
    return {(each.name, frozenset(each.labels.items())): each.value for one in families for each in one.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum of a metric's samples that have these labels."""
    asked = frozenset(labels.items())
    return sum(found for (each, given), found in samples.items() if each == name and asked <= given)


def _requests(samples: Samples, operation: str, status: int) -> float:
    return value(samples, "sentinai_request_seconds_count", operation=operation, status=str(status))


def test_counts_are_those_of_all_workers_whichever_answers(site: Site) -> None:
    work, executor = site.work, site.pair.executor.url
    work.publish("Look at it", [note(), note(), note()])
    before, matched_before = scrape(executor), scrape(site.pair.matcher.url)
    exception_ids = _each(9, lambda _: work.create_exception())
    _each(4, lambda _: work.admin.problem(422, "invalid_document", "POST", "/api/exceptions", {}))
    _each(3, lambda number: _too_early(work, exception_ids[number]))
    _each(6, lambda number: work.complete(exception_ids[number], 1))
    _each(2, lambda number: work.complete(exception_ids[number], 1))
    _each(5, lambda number: _skip(work, exception_ids[number]))
    for _ in range(3 * _WORKERS):
        after = scrape(executor)
        for operation, status, times in (
            ("create_exception", 201, 9),
            ("create_exception", 422, 4),
            ("complete_step", 409, 3),
            ("complete_step", 200, 8),
            ("skip_step", 200, 5),
        ):
            grown = _requests(after, operation, status) - _requests(before, operation, status)
            assert (operation, status, grown) == (operation, status, times)
        for mode, times in (("execute", 8), ("skip", 5)):
            name = "sentinai_step_outcomes_total"
            assert value(after, name, mode=mode) - value(before, name, mode=mode) == times
        answered = "sentinai_matcher_calls_total"
        assert value(after, answered, outcome="answered") - value(before, answered, outcome="answered") == 9
        matched = scrape(site.pair.matcher.url)
        for name in ("sentinai_matches_total", "sentinai_match_candidates_count"):
            assert value(matched, name) - value(matched_before, name) == 9


def test_what_a_killed_worker_counted_stays_counted(site: Site) -> None:
    executor = site.pair.executor
    exception_ids = _each(6, lambda _: site.work.create_exception())
    before, workers = scrape(executor.url), executor.workers()
    killed = executor.kill_worker()
    until(lambda: killed not in executor.workers() and len(executor.workers()) == len(workers))
    executor.wait()
    site.work.state(exception_ids[0])
    for _ in range(2 * _WORKERS):
        after = scrape(executor.url)
        fallen = [key for key, found in before.items() if after.get(key, 0.0) < found]
        assert fallen == []


def test_labels_are_bounded_for_any_request(site: Site) -> None:
    exception_id = site.work.create_exception()
    for number in range(5):
        site.work.admin("GET", f"/nowhere/{number}-{exception_id}")
        site.work.admin("GET", f"/api/exceptions/absent-{number}")
    samples = scrape(site.pair.executor.url)
    shown = {label for _, labels in samples for _, label in labels}
    assert not [each for each in shown if exception_id in each or "absent" in each or "nowhere" in each]
    assert site.work.tenant_id not in shown
    assert _requests(samples, "none", 404) >= 5


def test_a_worker_shows_what_waits_and_what_was_given_up(site: Site) -> None:
    site.work.publish("Tell", [tell(channel="webhook")], priority=50)
    exception_id = site.work.create_exception()
    site.work.complete(exception_id, 1)
    url = f"http://127.0.0.1:{site.pair.settings.worker_metrics_port}"
    with Worker(site.pair.settings, site.folder / "worker.log") as worker:
        worker.wait()
        until(lambda: value(scrape(url), "sentinai_outbox_failed") == 1)
        samples = scrape(url)
    assert value(samples, "sentinai_outbox_pending") == 0
    assert value(samples, "sentinai_due_recalculations") == 0


def _each(times: int, work: Callable[[int], Any]) -> list[Any]:
    """Run it a number of times, concurrently, so that several worker processes take part."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(work, range(times)))


def _skip(work: Casework, exception_id: str) -> None:
    reason = {**PERSON, "reason": "No meter."}
    work.admin.ok("POST", step_path(exception_id, 2, "skip"), reason)


def _too_early(work: Casework, exception_id: str) -> None:
    work.admin.problem(409, "step_not_current", "POST", step_path(exception_id, 3), PERSON)
