"""Through the proxy that is shipped: what it hides, what it bounds, what it hands on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from tests.support import nginx
from tests.support.casework import Casework, new_casework
from tests.support.databases import new_database
from tests.support.pair import Client, running_pair
from tests.support.processes import free_port, until

from sentinai.clock import utc_now
from sentinai.documents.schemas import check

pytestmark = pytest.mark.skipif(nginx.executable() is None, reason="there is no nginx here")


@dataclass(frozen=True, slots=True)
class Edge:
    """The pair behind nginx; ``caller`` goes through it, ``log`` is what the executor logs."""

    work: Casework
    proxy: nginx.Nginx
    caller: Client
    log: Path


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    folder = tmp_path_factory.mktemp("edge")
    with ExitStack() as stack:
        url = new_database("sqlite", folder)
        pair = stack.enter_context(running_pair(url, folder, log_level="INFO"))
        proxy = stack.enter_context(nginx.Nginx(folder, [pair.matcher.url], [pair.executor.url]))
        until(lambda: _answers(proxy.executor_url) and _answers(proxy.matcher_url))
        work = new_casework(pair, utc_now())
        caller = Client(proxy.executor_url, pair.token(work.tenant_id, subject="noor"))
        yield Edge(work, proxy, caller, pair.executor.log)


def _answers(url: str) -> bool:
    return _status(url) == 200


def _status(url: str) -> int | None:
    try:
        return requests.get(f"{url}/healthz", timeout=5).status_code
    except requests.RequestException:
        return None


def test_metrics_are_not_for_outside(edge: Edge) -> None:
    for url in (edge.proxy.executor_url, edge.proxy.matcher_url):
        for path in ("/metrics", "/metrics?name=x", "//metrics", "/docs/../metrics"):
            answer = requests.get(url + path, timeout=10)
            assert (answer.status_code, "sentinai_" in answer.text) == (404, False)


def test_a_requests_id_survives_and_one_is_made_where_there_is_none(edge: Edge) -> None:
    given = edge.caller("GET", "/api/exceptions", headers={"X-Request-ID": "gate-41"})
    made = edge.caller("GET", "/api/exceptions")
    assert given.headers["X-Request-ID"] == "gate-41"
    for request_id in ("gate-41", made.headers["X-Request-ID"]):
        until(lambda wanted=request_id: f'"{wanted}"' in edge.log.read_text())


def test_a_body_beyond_the_bound_is_refused_as_a_problem(edge: Edge) -> None:
    document = edge.work.document(normalized_context={"much": "x" * 1_100_000})
    answer = edge.caller("POST", "/api/exceptions", document, headers={"X-Request-ID": "gate-43"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert check("problem", answer.json()) == []
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-ID"] == "gate-43"


def test_without_upstreams_callers_are_asked_to_retry(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with nginx.Nginx(tmp_path, [nobody], [nobody]) as proxy:
        until(lambda: _status(proxy.matcher_url) is not None)
        for url in (proxy.executor_url, proxy.matcher_url):
            answer = requests.get(f"{url}/api/operators", timeout=10)
            assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
            assert check("problem", answer.json()) == []
            assert int(answer.headers["Retry-After"]) > 0


def test_who_waits_for_an_event_gets_it_when_it_comes(edge: Edge) -> None:
    exception_id = edge.work.create_exception()
    path = f"/api/exceptions/{exception_id}"
    later = threading.Timer(0.5, edge.caller.ok, ("POST", f"{path}/comments", {"text": "Now."}))
    later.start()
    query = {"event_type": "CommentAdded", "wait": 20}
    found = edge.caller.ok("GET", f"{path}/events", params=query)
    later.join()
    assert [event["payload"]["text"] for event in found["items"]] == ["Now."]


def test_a_forged_address_reaches_no_log(edge: Edge) -> None:
    headers = {"X-Forwarded-For": "203.0.113.77", "X-Real-IP": "203.0.113.78", "X-Request-ID": "gate-42"}
    edge.caller.ok("GET", "/api/exceptions", headers=headers)
    until(lambda: "gate-42" in edge.log.read_text())
    assert "203.0.113" not in edge.log.read_text()
