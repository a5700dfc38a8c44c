"""The recorded actor is the token's subject, or one that it may act for; a body cannot claim another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.casework import AGENT, PERSON, Casework, note, own, step_path, tell
from tests.support.pair import Client
from tests.support.threaded import Threaded

BACKEND = {"subject": "desk-backend", "actor_type": "system", "may_act_for": ["human"]}
VISITOR = {"actor_type": "human", "actor_id": "imani"}


@pytest.fixture
def exception_id(work: Casework) -> str:
    """One whose playbook wants a person at its second step."""
    work.publish("Three", [note(), {**own(queue="crew"), "requires_approval": True}, tell()])
    return work.create_exception()


def naming_an_actor(pair: Threaded) -> Iterator[tuple[str, str]]:
    """Every operation of the executor whose body names an actor, by its own document."""
    openapi = Client(pair.urls["executor"], "").ok("GET", "/openapi.json")
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            name = content.get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
            if "actor_type" in openapi["components"]["schemas"].get(name, {}).get("properties", {}):
                yield method.upper(), path


def bodies(pair: Threaded, exception_id: str, actor: dict[str, str]) -> list[tuple[str, str, dict[str, Any]]]:
    """A call of each of them, as an actor."""
    found = [
        (method, path.replace("{exception_id}", exception_id).replace("{step_order}", "1"), path)
        for method, path in naming_an_actor(pair)
    ]
    return [
        (method, url, {**actor, **({"reason": "None."} if path.endswith("skip") else {})})
        for method, url, path in found
    ]


@pytest.mark.parametrize("subject", ["auth0|5f7c8ec7", "CORP\\noor", "Noor van Dam", "~", "x" * 128])
def test_the_subject_of_a_token_can_do_what_it_allows(
    work: Casework, pair: Threaded, exception_id: str, subject: str
):
    person = {"actor_type": "human", "actor_id": subject}
    for method, url, body in bodies(pair, exception_id, person):
        work.acting(person).ok(method, url, body)
    assert work.state(exception_id)["steps"][0]["actor_id"] == subject


@pytest.mark.parametrize(
    "claims",
    [
        {"subject": "sweeper", "actor_type": "agent"},
        {"subject": "noor", "actor_type": "agent"},
        {"subject": "noor", "actor_type": "system"},
        {"subject": "noor", "actor_type": "agent", "may_act_for": ["agent", "system"]},
        {"subject": "noor", "actor_type": "agent", "may_act_for": ["Human", "person", ""]},
        {"subject": "other", "actor_type": "human"},
    ],
    ids=str,
)
def test_no_body_makes_another_of_the_caller(
    work: Casework, pair: Threaded, exception_id: str, claims: dict[str, Any]
):
    client = pair.client(work.tenant_id, "admin", **claims)
    before = work.events(exception_id)
    calls = bodies(pair, exception_id, PERSON)
    assert len(calls) == 3
    for method, url, body in calls:
        client.problem(403, "actor_mismatch", method, url, body)
    assert work.events(exception_id) == before


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/comments", {"text": "x"}),
        ("PATCH", "", {"severity": "low"}),
        ("POST", "/playbook/recalculate", {}),
    ],
)
def test_where_no_actor_is_asked_for_none_is_taken(
    work: Casework, exception_id: str, method: str, path: str, body: dict[str, Any]
):
    agent = work.acting(AGENT)
    url = f"/api/exceptions/{exception_id}{path}"
    agent.problem(422, "invalid_document", method, url, {**body, **PERSON})


def test_an_agent_is_kept_from_what_needs_a_person(work: Casework, exception_id: str):
    agent = work.acting(AGENT)
    agent.ok("POST", step_path(exception_id, 1), AGENT)
    for mode in ({}, {"mode": "execute"}, {"mode": "attest", "notes": "Done by hand."}):
        agent.problem(403, "human_required", "POST", step_path(exception_id, 2), {**AGENT, **mode})
    agent.problem(403, "human_required", "POST", step_path(exception_id, 2, "skip"), {**AGENT, "reason": "Late."})
    agent.problem(
        403, "human_required", "POST", f"/api/exceptions/{exception_id}/playbook/recalculate", {"switch": True}
    )
    assert work.state(exception_id)["current_step"] == 2
    work.complete(exception_id, 2)


def test_who_acts_for_a_person_is_recorded_beside_them(work: Casework, pair: Threaded, exception_id: str):
    backend = pair.client(work.tenant_id, "operator", **BACKEND)
    path = f"/api/exceptions/{exception_id}"
    backend.ok("POST", f"{path}/playbook/start", VISITOR)
    backend.ok("POST", step_path(exception_id, 1), VISITOR)
    backend.ok("POST", step_path(exception_id, 2), VISITOR)
    backend.ok("POST", step_path(exception_id, 3, "skip"), {**VISITOR, "reason": "They know."})
    events = work.events(exception_id, "PlaybookStarted", "PlaybookStepCompleted", "PlaybookStepSkipped")
    assert len(events) == 4
    for event in events:
        assert (event["actor_type"], event["actor_id"]) == ("human", "imani")
        assert event["payload"]["called_by"] == "desk-backend"


def test_who_acts_for_itself_has_no_other_beside_it(work: Casework, exception_id: str):
    work.complete(exception_id, 1)
    [event] = work.events(exception_id, "PlaybookStepCompleted")
    assert (event["actor_type"], event["actor_id"]) == ("human", "noor")
    assert event["payload"].get("called_by") is None


def test_where_no_actor_is_named_it_is_the_token_s_own(work: Casework, pair: Threaded, exception_id: str):
    backend = pair.client(work.tenant_id, "operator", **BACKEND)
    path = f"/api/exceptions/{exception_id}"
    backend.ok("POST", f"{path}/comments", {"text": "Seen."})
    backend.ok("PATCH", path, {"severity": "critical"})
    for event in work.events(exception_id, "CommentAdded", "ExceptionUpdated"):
        assert (event["actor_type"], event["actor_id"]) == ("system", "desk-backend")


@pytest.mark.parametrize(
    "actor",
    [
        {"actor_type": "human", "actor_id": ""},
        {"actor_type": "human", "actor_id": "x" * 129},
        {"actor_type": "human", "actor_id": ["noor"]},
        {"actor_type": "human", "actor_id": None},
        {"actor_type": "HUMAN", "actor_id": "noor"},
        {"actor_type": "person", "actor_id": "noor"},
        {"actor_type": ["human"], "actor_id": "noor"},
        {"actor_id": "noor"},
        {"actor_type": "human"},
        {},
    ],
    ids=str,
)
def test_an_invalid_actor_is_refused(work: Casework, pair: Threaded, exception_id: str, actor: dict[str, Any]):
    backend = pair.client(work.tenant_id, "operator", **BACKEND)
    for method, url, body in bodies(pair, exception_id, actor):
        backend.problem(422, "invalid_document", method, url, body)


Call = Callable[[Casework, str], tuple[str, str, Any]]
CALLS: dict[str, tuple[str, Call]] = {
    "read": ("viewer", lambda _, each: ("GET", f"/api/exceptions/{each}", None)),
    "comment": ("operator", lambda _, each: ("POST", f"/api/exceptions/{each}/comments", {"text": "x"})),
    "complete": ("operator", lambda _, each: ("POST", step_path(each, 1), VISITOR)),
    "publish": ("author", lambda work, _: ("POST", "/api/playbooks", work.playbook("P", [note()]))),
    "policy": ("author", lambda *_: ("PUT", "/api/policy-pack", {"tags": []})),
    "domain": ("admin", lambda work, _: ("PUT", f"/api/domain-packs/{work.domain}", {"domain_name": work.domain})),
}
INCLUDED = {"viewer": {"viewer"}, "operator": {"viewer", "operator"}, "author": {"viewer", "author"}}


@pytest.mark.parametrize("role", [*INCLUDED, "nobody", None])
@pytest.mark.parametrize("call", CALLS)
def test_a_role_may_what_it_is_for(work: Casework, pair: Threaded, exception_id: str, call: str, role: str | None):
    needed, make = CALLS[call]
    token = pair.token(work.tenant_id, role or "", subject="imani")
    answer = Client(pair.urls["executor"], token)(*make(work, exception_id))
    if needed in INCLUDED.get(role or "", ()):
        assert answer.status_code < 400, answer.text
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
