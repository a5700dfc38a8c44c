"""Creating exceptions: what is stored, what coming again means, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.casework import Casework, note

from sentinai.documents.schemas import check


def test_a_new_exception_is_answered_whole_with_its_place_and_version(work: Casework):
    playbook_id = work.publish("Look", [note()])
    document = work.document(source_system="head-end", owner="ines", sla_deadline=work.due(hours=5))
    answer = work.admin("POST", "/api/exceptions", document)
    created = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/exceptions/{document['exception_id']}"
    assert answer.headers["ETag"] == '"1"'
    assert check("exception", created) == []
    assert created["tenant_id"] == work.tenant_id
    assert {name: created[name] for name in ("entity", "amount", "normalized_context", "owner", "status")} == {
        "entity": "Pier 9",
        "amount": 1240.5,
        "normalized_context": {"meter": "EM-44", "visits": 2},
        "owner": "ines",
        "status": "open",
    }
    assert created["playbook"]["playbook_id"] == playbook_id
    assert created["playbook"]["progress"] == {"done": 0, "total": 1}
    assert work.admin.ok("GET", answer.headers["Location"]) == created


def test_what_comes_in_is_logged_by_the_agents_in_their_order(work: Casework):
    work.publish("Look", [note()])
    log = work.events(work.create_exception())
    assert [event["event_type"] for event in log] == [
        "ExceptionCreated",
        "TriageCompleted",
        "PolicyEvaluated",
        "PlaybookRecalculated",
        "ResolutionSuggested",
    ]
    assert [event["seq"] for event in log] == [1, 2, 3, 4, 5]
    assert all(check("event", event) == [] for event in log)
    assert {event["event_id"][14] for event in log} == {"7"}
    assert log[1]["payload"]["playbook_hint"] == "Look"
    assert log[2]["payload"]["verdict"] == "aligned"


def test_the_same_exception_again_is_the_stored_one(work: Casework):
    document = work.document()
    first = work.admin.ok("POST", "/api/exceptions", document)
    again = work.admin("POST", "/api/exceptions", {**document, "severity": "MEDIUM"})
    assert (again.status_code, again.json()) == (200, first)
    assert "Location" not in again.headers
    assert len(work.events(document["exception_id"], "ExceptionCreated")) == 1


def test_the_same_exception_again_is_known_after_it_has_changed(work: Casework):
    document = work.document()
    path = f"/api/exceptions/{document['exception_id']}"
    work.admin.ok("POST", "/api/exceptions", document)
    changed = work.admin.ok("PATCH", path, {"amount": 3})
    again = work.admin("POST", "/api/exceptions", document)
    assert (again.status_code, again.json()) == (200, changed)


@pytest.mark.parametrize(
    "other", [{"amount": 2}, {"entity": None}, {"normalized_context": {}}, {"severity": "low"}]
)
def test_the_same_id_with_other_content_is_a_conflict(work: Casework, other: dict):
    document = work.document()
    work.admin.ok("POST", "/api/exceptions", document)
    work.admin.problem(409, "version_conflict", "POST", "/api/exceptions", {**document, **other})
    assert work.admin.ok("GET", f"/api/exceptions/{document['exception_id']}")["amount"] == 1240.5


@pytest.mark.parametrize(("value", "other"), [(1, True), (0, False), ([1], [True]), ({"a": [0]}, {"a": [False]})])
def test_a_number_and_a_truth_value_are_not_the_same_content(work: Casework, value: Any, other: Any):
    document = work.document(normalized_context={"urgent": value})
    path = f"/api/exceptions/{document['exception_id']}"
    work.admin.ok("POST", "/api/exceptions", document)
    differing = {"normalized_context": {"urgent": other}}
    work.admin.problem(409, "version_conflict", "POST", "/api/exceptions", {**document, **differing})
    changed = work.admin("PATCH", path, differing)
    assert json.dumps({"urgent": other}, separators=(",", ":")) in changed.text
    assert len(work.events(document["exception_id"], "ExceptionUpdated")) == 1
    assert work.admin("POST", "/api/exceptions", {**document, "amount": 1240.50}).status_code == 200


def test_without_an_id_each_is_a_new_one(work: Casework):
    document = work.document()
    del document["exception_id"]
    found = {work.admin.ok("POST", "/api/exceptions", document)["exception_id"] for _ in range(3)}
    assert len(found) == 3


@pytest.mark.parametrize(("amount", "severity"), [(9000, "high"), (8999.99, "low"), (None, "low")])
def test_triage_gives_the_severity_that_was_left_open(work: Casework, amount: float | None, severity: str):
    exception_id = work.create_exception(severity=None, amount=amount)
    assert work.admin.ok("GET", f"/api/exceptions/{exception_id}")["severity"] == severity
    triaged = work.events(exception_id, "TriageCompleted")[0]
    assert triaged["payload"]["applied"] == {"severity": severity}
    assert triaged["actor_type"] == "agent"


def test_the_policy_packs_override_goes_before_the_domain_packs_rule(work: Casework):
    work.policy(severity_overrides=[{"exception_type": "bill mismatch", "severity": "Critical"}])
    billed = work.create_exception(severity=None, exception_type="Bill Mismatch", amount=10)
    silent = work.create_exception(severity=None, amount=10)
    severities = [work.admin.ok("GET", f"/api/exceptions/{each}")["severity"] for each in (billed, silent)]
    assert severities == ["critical", "low"]


def test_a_given_severity_takes_precedence_over_the_rules(work: Casework):
    exception_id = work.create_exception(severity="Low", amount=20_000)
    assert work.admin.ok("GET", f"/api/exceptions/{exception_id}")["severity"] == "low"
    payload = work.events(exception_id, "TriageCompleted")[0]["payload"]
    assert (payload["severity"], payload["applied"]) == ("high", {})


def test_another_tenant_in_the_body_is_refused_and_the_own_one_is_not(work: Casework):
    document = work.document()
    refused = {**document, "tenant_id": "elsewhere"}
    work.admin.problem(403, "tenant_mismatch", "POST", "/api/exceptions", refused)
    work.admin.problem(404, "not_found", "GET", f"/api/exceptions/{document['exception_id']}")
    work.admin.ok("POST", "/api/exceptions", {**document, "tenant_id": work.tenant_id})


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"severity": "urgent"}, "/severity"),
        ({"amount": "12"}, "/amount"),
        ({"sla_deadline": "tomorrow"}, "/sla_deadline"),
        ({"exception_id": "a b"}, "/exception_id"),
        ({"normalized_context": []}, "/normalized_context"),
        ({"surprise": 1}, "/surprise"),
        ({"domain": None}, "/domain"),
    ],
)
def test_each_error_has_its_pointer(work: Casework, change: dict, pointer: str):
    document = {**work.document(), **change}
    problem = work.admin.problem(422, "invalid_document", "POST", "/api/exceptions", document)
    assert pointer in [error["pointer"] for error in problem["errors"]]
    assert check("problem", problem) == []


@pytest.mark.parametrize("missing", ["domain", "exception_type"])
def test_domain_and_type_are_needed(work: Casework, missing: str):
    document = work.document()
    del document[missing]
    problem = work.admin.problem(422, "invalid_document", "POST", "/api/exceptions", document)
    assert missing in problem["detail"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed_json"),
        (b'{"domain": "A", "domain": "B"}', 400, "malformed_json"),
        (b'{"amount": NaN}', 400, "malformed_json"),
        (b'{"entity": "a\\u0000b"}', 400, "malformed_json"),
        (b'{"entity": "\\ud800"}', 400, "malformed_json"),
        (b"[" * 80 + b"]" * 80, 400, "malformed_json"),
        (b"", 400, "malformed_json"),
        (b'"' + b"x" * 1_048_576 + b'"', 413, "too_large"),
    ],
)
def test_bodies_that_are_no_document_are_refused(work: Casework, body: bytes, status: int, code: str):
    headers = {"Content-Type": "application/json"}
    work.admin.problem(status, code, "POST", "/api/exceptions", data=body, headers=headers)


def test_other_media_types_are_refused(work: Casework):
    headers = {"Content-Type": "text/plain"}
    work.admin.problem(415, "unsupported_media_type", "POST", "/api/exceptions", data=b"{}", headers=headers)


@pytest.mark.parametrize("amount", [0.1 + 0.2, 2**63 + 1, -0.005, 10**15 + 0.25])
def test_numbers_keep_their_value(work: Casework, amount: float):
    exception_id = work.create_exception(amount=amount, normalized_context={"n": [amount, {"deep": amount}]})
    found = work.admin.ok("GET", f"/api/exceptions/{exception_id}")
    assert found["amount"] == amount
    assert found["normalized_context"] == {"n": [amount, {"deep": amount}]}


def test_a_request_id_comes_back_and_one_is_made_where_there_is_none(work: Casework):
    named = work.admin("GET", "/api/exceptions", headers={"X-Request-ID": "abc-123"})
    assert named.headers["X-Request-ID"] == "abc-123"
    assert len(work.admin("GET", "/api/exceptions").headers["X-Request-ID"]) >= 16


def of_size(size: int) -> dict[str, str]:
    """A context of so many bytes as compact JSON."""
    return {"note": "é" * ((size - len('{"note":""}')) // 2)}


def test_a_context_that_is_accepted_fits_the_matcher(work: Casework):
    playbook_id = work.publish("Look", [note()])
    created = work.admin("POST", "/api/exceptions", work.document(normalized_context=of_size(65_536)))
    assert created.status_code == 201
    assert created.json()["playbook"]["playbook_id"] == playbook_id


def test_a_context_over_the_limit_is_refused(work: Casework):
    exception_id = work.create_exception()
    asked = [
        work.admin("POST", "/api/exceptions", work.document(normalized_context=of_size(65_540))),
        work.admin("PATCH", f"/api/exceptions/{exception_id}", {"normalized_context": of_size(65_540)}),
    ]
    for answer in asked:
        assert answer.status_code == 413
        problem = answer.json()
        assert check("problem", problem) == []
        assert (problem["code"], problem["errors"][0]["code"]) == ("too_large", "context_too_large")
        assert problem["errors"][0]["pointer"] == "/normalized_context"


def test_a_context_that_is_too_deep_is_refused(work: Casework):
    context: Any = 1
    for _ in range(65):
        context = {"in": context}
    exception_id = work.create_exception()
    for method, path, body in (
        ("POST", "/api/exceptions", work.document(normalized_context=context)),
        ("PATCH", f"/api/exceptions/{exception_id}", {"normalized_context": context}),
    ):
        (error,) = work.admin.problem(422, "invalid_document", method, path, body)["errors"]
        assert (error["pointer"], error["code"]) == ("/normalized_context", "context_too_deep")
