"""A walk through every operation of both services as another tenant, by the services' own OpenAPI documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from tests.support.casework import PERSON, Casework, call, note, tell
from tests.support.threaded import Threaded

SECRET = "qzx-secret"
SHARED = "/api/domain-packs/{domain}"
"""Domain Packs belong to every tenant."""

OWN = {"actor_type": "human", "actor_id": "intruder"}
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/api/exceptions"): {"domain": "Nothing", "exception_type": "Prying"},
    ("PATCH", "/api/exceptions/{exception_id}"): {"entity": "mine now"},
    ("POST", "/api/exceptions/{exception_id}/comments"): {"text": "I was here."},
    ("POST", "/api/exceptions/{exception_id}/playbook/recalculate"): {"switch": True},
    ("POST", "/api/exceptions/{exception_id}/playbook/start"): OWN,
    ("POST", "/api/exceptions/{exception_id}/playbook/steps/{step_order}/complete"): OWN,
    ("POST", "/api/exceptions/{exception_id}/playbook/steps/{step_order}/skip"): {**OWN, "reason": "x"},
    ("POST", "/api/playbooks"): {"name": "Prying", "conditions": {"match": {}}, "steps": [note()]},
    ("PUT", "/api/policy-pack"): {},
    ("PUT", SHARED): {},
    ("POST", "/api/dummy-tools/{tool_id}"): {"payload": {}},
    ("POST", "/api/playbooks/{playbook_id}/retire"): OWN,
    ("POST", "/api/deliveries/{delivery_id}/redeliver"): OWN,
    ("POST", "/api/deliveries/redeliver"): {"since": "2026-01-01T00:00:00Z"},
    ("POST", "/api/match"): {"exception": {"exception_id": "X"}, "near_misses": 20, "limit": 50},
    ("POST", "/api/match/batch"): {"exceptions": [{"exception_id": "X"}], "near_misses": 20, "limit": 50},
    ("POST", "/api/conditions/validate"): {"conditions": {"match": {}}},
    ("POST", "/api/conditions/evaluate"): {"conditions": {"match": {}}, "exception": {"exception_id": "X"}},
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, as it would be called with somebody else's ids."""

    service: str
    method: str
    template: str
    path: str
    body: Any

    @property
    def names_something(self) -> bool:
        """Whether its path identifies a resource of a tenant."""
        return any(f"{{{name}}}" in self.template for name in ("exception_id", "playbook_id", "delivery_id"))


@dataclass(frozen=True, slots=True)
class Victim:
    """A tenant whose every text is a secret, and the ids of what it has."""

    work: Casework
    ids: dict[str, str]

    def snapshot(self) -> list[Any]:
        """Everything of the tenant's that a call could have changed."""
        admin = self.work.admin
        exception = f"/api/exceptions/{self.ids['exception_id']}"
        paths = (
            "/api/exceptions",
            "/api/playbooks",
            "/api/policy-pack",
            exception,
            f"{exception}/events",
            "/api/catalogue/events",
            "/api/deliveries",
        )
        return [admin.ok("GET", path) for path in paths]


@pytest.fixture
def victim(work: Casework) -> Victim:
    work.policy(tags=[f"{SECRET}-tag"])
    playbook_id = work.publish(f"{SECRET} plan", [tell(message=SECRET), call()])
    exception_id = work.create_exception(entity=SECRET, normalized_context={"meter": SECRET})
    work.complete(exception_id, 1, notes=SECRET)
    ids = {"exception_id": exception_id, "playbook_id": str(playbook_id), "step_order": "2"}
    [delivery] = work.admin.ok("GET", "/api/deliveries")["items"]
    ids["delivery_id"] = delivery["delivery_id"]
    return Victim(work, {**ids, "domain": work.domain, "tool_id": "reread_meter"})


def operations(pair: Threaded, ids: dict[str, str]) -> Iterator[Operation]:
    for service, url in pair.urls.items():
        document = requests.get(f"{url}/openapi.json", timeout=20).json()
        for template, methods in document["paths"].items():
            for method in methods:
                path = re.sub(r"\{(\w+)\}", lambda name: ids[name[1]], template)
                body = BODIES.get((method.upper(), template))
                assert body is not None or "requestBody" not in methods[method], (method, template)
                yield Operation(service, method.upper(), template, path, body)


def test_another_tenant_finds_nothing_and_changes_nothing_anywhere(victim: Victim, pair: Threaded):
    before = victim.snapshot()
    intruder = f"{victim.work.tenant_id}-intruder"
    walked = 0
    for operation in operations(pair, victim.ids):
        client = pair.client(intruder, "admin", service=operation.service, subject="intruder")
        answer = client(operation.method, operation.path, operation.body)
        if operation.names_something:
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), operation
        elif operation.template != SHARED:
            assert answer.ok, (operation, answer.text)
        assert SECRET not in answer.text, operation
        walked += 1
    assert walked >= 25
    assert victim.snapshot() == before


def test_lists_and_figures_of_another_tenant_are_empty(victim: Victim, pair: Threaded):
    client = pair.client(f"{victim.work.tenant_id}-empty", "viewer")
    for path in ("/api/exceptions", "/api/playbooks", "/api/analytics/playbooks", "/api/catalogue/events"):
        assert client.ok("GET", path)["items"] == []
    query = {"playbook_id": victim.ids["playbook_id"]}
    assert client.ok("GET", "/api/exceptions", params=query)["items"] == []


def test_a_cursor_of_another_tenant_gives_no_access(victim: Victim, pair: Threaded):
    victim.work.create_exception(entity=SECRET)
    cursor = victim.work.admin.ok("GET", "/api/exceptions", params={"limit": 1})["next_cursor"]
    client = pair.client(f"{victim.work.tenant_id}-empty", "viewer")
    assert client.ok("GET", "/api/exceptions", params={"cursor": cursor})["items"] == []


def test_the_same_ids_in_two_tenants_are_two_things(work: Casework, pair: Threaded):
    mine = work.create_exception(entity="mine")
    other = pair.client(f"{work.tenant_id}-other", "admin")
    other.ok("POST", "/api/exceptions", work.document(exception_id=mine, entity="theirs"))
    other.ok("PATCH", f"/api/exceptions/{mine}", {"amount": 1})
    assert work.admin.ok("GET", f"/api/exceptions/{mine}")["entity"] == "mine"
    assert work.admin.ok("GET", f"/api/exceptions/{mine}")["amount"] == 1240.5
    assert len(work.events(mine, "ExceptionUpdated")) == 0


def test_a_match_sees_only_the_callers_playbooks(victim: Victim, pair: Threaded):
    exception = victim.work.document()
    body = {"exception": exception, "near_misses": 20}
    own = pair.client(victim.work.tenant_id, "viewer", service="matcher").ok("POST", "/api/match", body)
    assert own["selected"]["playbook_id"] == int(victim.ids["playbook_id"])
    assert own["policy_tags"] == [f"{SECRET}-tag"]
    stranger = pair.client(f"{victim.work.tenant_id}-empty", "viewer", service="matcher")
    found = stranger.ok("POST", "/api/match", body)
    assert (found["selected"], found["near_misses"], found["policy_tags"]) == (None, [], [])
    forged = {**body, "exception": {**exception, "tenant_id": victim.work.tenant_id}}
    stranger.problem(403, "tenant_mismatch", "POST", "/api/match", forged)


def test_the_console_shows_nothing_of_another_tenant(victim: Victim, pair: Threaded):
    cookies = {"sentinai_session": pair.token(f"{victim.work.tenant_id}-intruder", "admin")}
    base = f"{pair.urls['executor']}/console/exceptions"
    for path in ("", f"/{victim.ids['exception_id']}", "?severity=medium"):
        page = requests.get(base + path, cookies=cookies, timeout=20)
        assert SECRET not in page.text
        assert page.status_code == (404 if victim.ids["exception_id"] in path else 200)


def test_without_a_token_or_a_role_every_operation_is_closed(victim: Victim, pair: Threaded):
    for operation in operations(pair, victim.ids):
        url = pair.urls[operation.service] + operation.path
        bare = requests.request(operation.method, url, json=operation.body, timeout=20)
        assert (bare.status_code, bare.json()["code"]) == (401, "missing_token"), operation
        assert bare.headers["WWW-Authenticate"] == "Bearer"
        if not operation.template.startswith("/api/match") and operation.template != "/api/operators":
            client = pair.client(victim.work.tenant_id, "stranger", service=operation.service)
            client.problem(403, "forbidden", operation.method, operation.path, operation.body)


def test_a_viewer_changes_nothing_by_any_operation(victim: Victim, pair: Threaded):
    before = victim.snapshot()
    for operation in operations(pair, victim.ids):
        if operation.service == "executor" and operation.method != "GET":
            client = pair.client(victim.work.tenant_id, "viewer", subject=PERSON["actor_id"])
            client.problem(403, "forbidden", operation.method, operation.path, operation.body)
    assert victim.snapshot() == before
