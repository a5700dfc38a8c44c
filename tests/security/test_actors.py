"""The recorded actor is the token's own, or one that it may act for, named by the body or by headers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from tests.support.casework import AGENT, PERSON, Casework, domain_pack, note, own, step_path, tell
from tests.support.pair import Client
from tests.support.threaded import Threaded

BACKEND = {"subject": "desk-backend", "actor_type": "system", "may_act_for": ["human"]}
VISITOR = {"actor_type": "human", "actor_id": "imani"}
_EXCEPTION = "/api/exceptions/{exception_id}"
_STEP = f"{_EXCEPTION}/playbook/steps/{{step_order}}"
BY_HEADERS_ONLY = {
    ("PATCH", _EXCEPTION),
    ("POST", "/api/playbooks"),
    ("PUT", "/api/policy-pack"),
    ("PUT", "/api/domain-packs/{domain}"),
}
"""The operations whose bodies are documents, not requests."""


def _switch(work: Casework) -> dict[str, Any]:
    work.publish("Better", [note()], priority=9)
    return {"switch": True}


WRITES: dict[tuple[str, str], tuple[Callable[[Casework], Any], bool]] = {
    ("POST", "/api/exceptions"): (lambda work: work.document(exception_id="M-new"), True),
    ("PATCH", _EXCEPTION): (lambda _: {"severity": "critical"}, True),
    ("POST", f"{_EXCEPTION}/comments"): (lambda _: {"text": "Seen."}, True),
    ("POST", f"{_EXCEPTION}/playbook/recalculate"): (_switch, True),
    ("POST", f"{_EXCEPTION}/playbook/start"): (lambda _: {}, True),
    ("POST", f"{_STEP}/complete"): (lambda _: {}, True),
    ("POST", f"{_STEP}/skip"): (lambda _: {"reason": "They know."}, True),
    ("POST", "/api/playbooks"): (lambda work: work.playbook("New", [note()]), True),
    ("POST", "/api/playbooks/{playbook_id}/retire"): (lambda _: {}, True),
    ("PUT", "/api/policy-pack"): (lambda _: {"approved_tools": ["reread_meter", "cut_supply"]}, True),
    ("PUT", "/api/domain-packs/{domain}"): (lambda work: {**domain_pack(work.domain), "severity_rules": []}, True),
    ("POST", "/api/deliveries/{delivery_id}/redeliver"): (lambda _: {}, False),
    ("POST", "/api/deliveries/redeliver"): (lambda _: {"since": "2026-01-01T00:00:00Z"}, False),
}
"""A body that succeeds, and whether an event is written."""


@dataclass(frozen=True, slots=True)
class Case:
    """A tenant with something to write to everywhere."""

    work: Casework
    ids: dict[str, str]

    @property
    def exception_id(self) -> str:
        """The exception that is written to."""
        return self.ids["exception_id"]

    def url(self, template: str) -> str:
        """The path of an operation."""
        return re.sub(r"\{(\w+)\}", lambda name: self.ids[name[1]], template)

    def events(self) -> list[Any]:
        """Those of this exception, of one that a call created, and of the catalogue."""
        made = self.work.admin("GET", "/api/exceptions/M-new/events").json().get("items", [])
        return [*self.work.events(self.exception_id), *made, *self.work.catalogue_events()]

    def snapshot(self) -> list[Any]:
        """Everything that a call could have changed."""
        paths = ("/api/exceptions", "/api/playbooks", "/api/policy-pack", "/api/deliveries")
        domain = f"/api/domain-packs/{self.work.domain}"
        return [self.work.admin.ok("GET", each) for each in (*paths, domain)] + self.events()


@pytest.fixture
def case(work: Casework) -> Case:
    """Its first playbook wants a person at its second step."""
    playbook_id = work.publish("Three", [note(), {**own(queue="crew"), "requires_approval": True}, tell()])
    work.publish("Tell", [tell()], exception_type="Bill Mismatch", priority=1)
    work.complete(work.create_exception(exception_type="Bill Mismatch"), 1)
    [delivery] = work.admin.ok("GET", "/api/deliveries")["items"]
    ids = {"exception_id": work.create_exception(), "playbook_id": str(playbook_id), "step_order": "1"}
    return Case(work, {**ids, "delivery_id": delivery["delivery_id"], "domain": work.domain})


def headers(actor: dict[str, Any]) -> dict[str, str]:
    """The headers that name an actor."""
    names = {"actor_type": "X-Actor-Type", "actor_id": "X-Actor-Id"}
    return {names[member]: value for member, value in actor.items()}


def test_every_operation_that_writes_takes_an_actor(pair: Threaded):
    openapi = requests.get(f"{pair.urls['executor']}/openapi.json", timeout=20).json()
    found = set()
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            named = {each["name"] for each in operation.get("parameters", []) if each["in"] == "header"}
            takes_headers = {"X-Actor-Type", "X-Actor-Id"} <= named
            content = operation.get("requestBody", {}).get("content", {})
            name = content.get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
            takes_members = "actor_type" in openapi["components"]["schemas"].get(name, {}).get("properties", {})
            if takes_headers:
                found.add((method.upper(), path))
                assert takes_members == ((method.upper(), path) not in BY_HEADERS_ONLY), (method, path)
            else:
                assert method == "get" or path == "/api/dummy-tools/{tool_id}", (method, path)
    assert found == set(WRITES)


@pytest.mark.parametrize(
    ("write", "in_body"),
    [(each, False) for each in WRITES] + [(each, True) for each in WRITES if each not in BY_HEADERS_ONLY],
    ids=str,
)
def test_who_is_acted_for_is_recorded_with_who_called(
    case: Case, pair: Threaded, write: tuple[str, str], in_body: bool
):
    make, writes_events = WRITES[write]
    body, before = make(case.work), case.events()
    by = (body | VISITOR, {}) if in_body else (body, headers(VISITOR))
    backend = pair.client(case.work.tenant_id, "admin", **BACKEND)
    backend.ok(write[0], case.url(write[1]), by[0], headers=by[1])
    events = [each for each in case.events() if each not in before]
    calls = [each for each in events if "called_by" in each["payload"]]
    assert bool(calls) == writes_events
    for each in calls:
        assert ((each["actor_type"], each["actor_id"]), each["payload"]["called_by"]) == (
            ("human", "imani"),
            "desk-backend",
        )
    assert {each["actor_type"] for each in events if each not in calls} <= {"agent"}


@pytest.mark.parametrize("write", WRITES, ids=" ".join)
def test_where_no_actor_is_named_it_is_the_token_s_own(case: Case, write: tuple[str, str]):
    make, writes_events = WRITES[write]
    body, before = make(case.work), case.events()
    client = case.work.acting(VISITOR, "admin")
    client.ok(write[0], case.url(write[1]), body)
    events = [each for each in case.events() if each not in before]
    assert all("called_by" not in each["payload"] for each in events)
    own = [each for each in events if (each["actor_type"], each["actor_id"]) == ("human", "imani")]
    assert bool(own) == writes_events
    assert {each["actor_type"] for each in events if each not in own} <= {"agent"}


@pytest.mark.parametrize("subject", ["auth0|5f7c8ec7", "CORP\\noor", "Noor van Dam", "~", "x" * 128])
def test_the_subject_of_a_token_can_do_what_it_allows(case: Case, subject: str):
    person = {"actor_type": "human", "actor_id": subject}
    client = case.work.acting(person)
    client.ok("POST", step_path(case.exception_id, 1), person)
    client.ok("POST", step_path(case.exception_id, 2), headers=headers(person))
    steps = case.work.state(case.exception_id)["steps"]
    assert [each["actor_id"] for each in steps[:2]] == [subject, subject]


CLAIMS = [
    {"subject": "sweeper", "actor_type": "agent"},
    {"subject": "noor", "actor_type": "agent"},
    {"subject": "noor", "actor_type": "system"},
    {"subject": "noor", "actor_type": "agent", "may_act_for": ["agent", "system"]},
    {"subject": "noor", "actor_type": "agent", "may_act_for": ["Human", "person", ""]},
    {"subject": "other", "actor_type": "human"},
]


@pytest.mark.parametrize("claims", CLAIMS, ids=str)
def test_no_request_makes_another_of_the_caller(case: Case, pair: Threaded, claims: dict[str, Any]):
    client = pair.client(case.work.tenant_id, "admin", **claims)
    bodies = {write: make(case.work) for write, (make, _) in WRITES.items()}
    before = case.snapshot()
    for write, body in bodies.items():
        url = case.url(write[1])
        client.problem(403, "actor_mismatch", write[0], url, body, headers=headers(PERSON))
        if write not in BY_HEADERS_ONLY:
            client.problem(403, "actor_mismatch", write[0], url, body | PERSON)
    assert case.snapshot() == before


def test_what_the_body_names_precedes_the_headers(case: Case, pair: Threaded):
    backend = pair.client(case.work.tenant_id, "operator", **BACKEND)
    other = headers({"actor_type": "human", "actor_id": "other"})
    backend.ok("POST", step_path(case.exception_id, 1), VISITOR, headers=other)
    assert case.work.state(case.exception_id)["steps"][0]["actor_id"] == "imani"


def test_an_agent_is_kept_from_what_needs_a_person(case: Case):
    agent, exception_id = case.work.acting(AGENT), case.exception_id
    agent.ok("POST", step_path(exception_id, 1), AGENT)
    for mode in ({}, {"mode": "execute"}, {"mode": "attest", "notes": "Done by hand."}):
        agent.problem(403, "human_required", "POST", step_path(exception_id, 2), {**AGENT, **mode})
    agent.problem(403, "human_required", "POST", step_path(exception_id, 2, "skip"), {**AGENT, "reason": "Late."})
    agent.problem(
        403, "human_required", "POST", f"/api/exceptions/{exception_id}/playbook/recalculate", {"switch": True}
    )
    assert case.work.state(exception_id)["current_step"] == 2
    case.work.complete(exception_id, 2)


INVALID = [
    {"actor_type": "human", "actor_id": ""},
    {"actor_type": "human", "actor_id": "x" * 129},
    {"actor_type": "HUMAN", "actor_id": "noor"},
    {"actor_type": "person", "actor_id": "noor"},
    {"actor_id": "noor"},
    {"actor_type": "human"},
]


@pytest.mark.parametrize(
    "actor",
    [
        *INVALID,
        {"actor_type": "human", "actor_id": ["noor"]},
        {"actor_type": "human", "actor_id": None},
        {"actor_type": ["human"], "actor_id": "noor"},
    ],
    ids=str,
)
def test_an_invalid_actor_of_a_body_is_refused(case: Case, pair: Threaded, actor: dict[str, Any]):
    backend = pair.client(case.work.tenant_id, "admin", **BACKEND)
    for write in WRITES.keys() - BY_HEADERS_ONLY:
        body = {"reason": "None."} if write[1].endswith("skip") else WRITES[write][0](case.work)
        problem = backend.problem(422, "invalid_document", write[0], case.url(write[1]), body | actor)
        assert {each["pointer"] for each in problem["errors"]} <= {"/actor_type", "/actor_id"}


@pytest.mark.parametrize("actor", INVALID, ids=str)
def test_an_invalid_actor_of_headers_is_refused(case: Case, pair: Threaded, actor: dict[str, Any]):
    backend = pair.client(case.work.tenant_id, "admin", **BACKEND)
    for write, (make, _) in WRITES.items():
        url, body = case.url(write[1]), make(case.work)
        problem = backend.problem(422, "invalid_query", write[0], url, body, headers=headers(actor))
        [pointer] = {each["pointer"] for each in problem["errors"]}
        is_id = "actor_id" not in actor or len(actor["actor_id"]) != len("noor")
        assert pointer == ("/header/X-Actor-Id" if is_id else "/header/X-Actor-Type")


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
def test_a_role_may_what_it_is_for(case: Case, pair: Threaded, call: str, role: str | None):
    needed, make = CALLS[call]
    token = pair.token(case.work.tenant_id, role or "", subject="imani")
    answer = Client(pair.urls["executor"], token)(*make(case.work, case.exception_id))
    if needed in INCLUDED.get(role or "", ()):
        assert answer.status_code < 400, answer.text
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
