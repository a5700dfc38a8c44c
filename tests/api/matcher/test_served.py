"""The matcher on a real server, with concurrent callers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from werkzeug.serving import make_server

from matcher.app import create_app


@pytest.fixture
def url(app: Any) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_concurrent_callers_get_their_own_tenants_results_and_never_an_older_one(url, caller_of, author_of):
    tenants = ("harbour", "dockyard", "lighthouse")
    authors = {tenant: author_of(tenant) for tenant in tenants}
    tokens = {tenant: caller_of(tenant, "viewer").token for tenant in tenants}

    def ask(tenant: str) -> Any:
        body = {"exception": {"exception_id": "X", "entity": tenant}}
        headers = {"Authorization": f"Bearer {tokens[tenant]}"}
        answer = requests.post(f"{url}/api/match", json=body, headers=headers, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    with ThreadPoolExecutor(6) as pool:
        for round_number in range(1, 6):
            published = {
                tenant: author.publish(f"Round {round_number}", {"match": {"entity": tenant}})
                for tenant, author in authors.items()
            }
            asked = [tenant for tenant in tenants for _ in range(4)]
            for tenant, found in zip(asked, pool.map(ask, asked), strict=True):
                assert found["tenant_id"] == tenant
                assert found["selected"]["playbook_id"] == published[tenant]
                assert found["matched"] == round_number


def test_health_readiness_metrics_and_the_api_document_need_no_token(url, database, author, caller):
    author.publish("All", {"match": {}})
    caller.match()
    assert requests.get(f"{url}/healthz", timeout=20).json() == {"status": "ok"}
    ready = requests.get(f"{url}/readyz", timeout=20)
    assert (ready.status_code, ready.json()["checks"]) == (200, {"database": "ok", "catalogue": "ok"})
    metrics = requests.get(f"{url}/metrics", timeout=20).text
    for name in ("sentinai_matches_total", "sentinai_match_candidates", "sentinai_catalogue_requests_total"):
        assert name in metrics
    document = requests.get(f"{url}/openapi.json", timeout=20).json()
    assert set(document["paths"]) == {
        "/api/match",
        "/api/match/batch",
        "/api/conditions/validate",
        "/api/conditions/evaluate",
        "/api/operators",
    }


@pytest.mark.parametrize("header", [{}, {"Authorization": "Basic eDp5"}])
def test_without_a_token_every_operation_is_refused(url, database, header):
    answer = requests.post(f"{url}/api/match", json={}, headers=header, timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (401, "missing_token")


def test_a_matcher_before_the_first_migration_is_not_ready(settings):
    answer = create_app(settings).test_client().get("/readyz")
    assert answer.status_code == 503
    assert "tenant" in answer.get_json()["checks"]["catalogue"]
