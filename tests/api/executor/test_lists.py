"""Lists of exceptions: filters, order, pages; and the version that guards a change."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from typing import Any

import pytest
from tests.support.casework import Casework, note, own, to_status


def ids(work: Casework, **query: Any) -> list[str]:
    return [item["exception_id"] for item in work.admin.ok("GET", "/api/exceptions", params=query)["items"]]


def test_filters_narrow_and_go_together(work: Casework):
    playbook_id = work.publish(
        "Move", [to_status("analyzing"), own(queue="field")], severity_in=["high", "critical"]
    )
    high = work.create_exception(severity="high")
    critical = work.create_exception(severity="critical", exception_type="Bill Mismatch")
    low = work.create_exception(severity="low")
    work.complete(high, 1)
    work.complete(high, 2)
    assert set(ids(work)) == {high, critical, low}
    assert set(ids(work, severity=["high", "low"])) == {high, low}
    assert ids(work, status="analyzing") == [high]
    assert set(ids(work, status=["open", "analyzing"])) == {high, critical, low}
    assert ids(work, owner="field") == [high]
    assert ids(work, exception_type="Bill Mismatch") == [critical]
    assert set(ids(work, playbook_id=playbook_id)) == {high, critical}
    assert ids(work, playbook_id=playbook_id, status="open") == [critical]
    assert set(ids(work, domain=work.domain)) == {high, critical, low}
    assert ids(work, domain="Nothing") == []


def test_what_is_breached_and_what_is_at_risk_goes_by_the_deadline_and_not_when_resolved(work: Casework):
    work.publish("Finish", [note(), to_status("resolved")], exception_type="Bill Mismatch")
    late = work.create_exception(sla_deadline=work.due(seconds=-1))
    soon = work.create_exception(sla_deadline=work.due(minutes=59))
    later = work.create_exception(sla_deadline=work.due(minutes=61))
    never = work.create_exception()
    done = work.create_exception(exception_type="Bill Mismatch", sla_deadline=work.due(minutes=-9))
    work.complete(done, 1)
    work.complete(done, 2)
    assert ids(work, sla="breached") == [late]
    assert ids(work, sla="at_risk") == [soon]
    assert ids(work, sort="sla") == [late, soon, later, never, done]


@pytest.mark.parametrize("sort", ["created_at", "sla"])
def test_pages_give_each_exception_once_in_the_order_of_the_whole(work: Casework, sort: str):
    deadlines = [None, work.due(hours=2), work.due(hours=2), work.due(hours=-1), None, work.due(hours=9)]
    for number, deadline in enumerate(deadlines):
        created = work.due(minutes=-number // 2)
        work.create_exception(exception_id=f"P-{number}", sla_deadline=deadline, created_at=created)
    whole = ids(work, sort=sort)
    assert len(whole) == len(deadlines)
    paged: list[str] = []
    query: dict[str, Any] = {"sort": sort, "limit": 2}
    while True:
        page = work.admin.ok("GET", "/api/exceptions", params=query)
        paged += [item["exception_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert paged == whole


def test_the_newest_come_first(work: Casework):
    for minutes in (5, 1, 9):
        work.create_exception(created_at=work.due(minutes=-minutes))
    items = work.admin.ok("GET", "/api/exceptions")["items"]
    assert all(left["created_at"] > right["created_at"] for left, right in pairwise(items))


def test_an_exception_created_between_two_pages_does_not_shift_them(work: Casework):
    for number in range(4):
        work.create_exception(exception_id=f"S-{number}", created_at=work.due(minutes=number))
    first = work.admin.ok("GET", "/api/exceptions", params={"limit": 2})
    work.create_exception(exception_id="S-9", created_at=work.due(minutes=9))
    second = work.admin.ok("GET", "/api/exceptions", params={"limit": 2, "cursor": first["next_cursor"]})
    assert [item["exception_id"] for item in first["items"] + second["items"]] == ["S-3", "S-2", "S-1", "S-0"]


@pytest.mark.parametrize("cursor", ["nonsense", "e30", "=", "\u2603", "x" * 1000])
def test_an_invalid_cursor_is_refused(work: Casework, cursor: str):
    for path in ("/api/exceptions", "/api/playbooks"):
        work.admin.problem(400, "invalid_cursor", "GET", path, params={"cursor": cursor})


@pytest.mark.parametrize("last", ["7", "", -5, 3.5, True, 2**63, 10**300, None, [7]])
def test_a_cursor_of_playbooks_that_was_tampered_with_is_refused(work: Casework, last: Any):
    place = json.dumps(["playbooks", "2026-04-14T07:15:00Z", last]).encode()
    cursor = base64.urlsafe_b64encode(place).decode().rstrip("=")
    work.admin.problem(400, "invalid_cursor", "GET", "/api/playbooks", params={"cursor": cursor})


def test_a_cursor_of_another_order_is_refused(work: Casework):
    for _ in range(2):
        work.create_exception()
    cursor = work.admin.ok("GET", "/api/exceptions", params={"limit": 1})["next_cursor"]
    work.admin.problem(400, "invalid_cursor", "GET", "/api/exceptions", params={"cursor": cursor, "sort": "sla"})
    found = work.admin.ok("GET", f"/api/exceptions/{ids(work)[0]}/events", params={"limit": 1})
    assert found["next_cursor"]
    work.admin.problem(400, "invalid_cursor", "GET", "/api/exceptions", params={"cursor": found["next_cursor"]})


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 201},
        {"limit": "many"},
        {"status": "closed"},
        {"severity": "HIGHEST"},
        {"sla": "kept"},
        {"sort": "amount"},
        {"playbook_id": -1},
        {"colour": "red"},
        {"owner": "a\x00b"},
    ],
)
def test_invalid_parameters_are_reported(work: Casework, query: dict[str, Any]):
    problem = work.admin.problem(422, "invalid_query", "GET", "/api/exceptions", params=query)
    assert problem["errors"][0]["pointer"] == f"/query/{next(iter(query))}"


def test_the_list_shows_what_the_exception_itself_shows(work: Casework):
    work.publish("Two", [note(), note("Again")])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    alone = work.admin.ok("GET", f"/api/exceptions/{exception_id}")
    assert work.admin.ok("GET", "/api/exceptions")["items"] == [alone]
    assert alone["playbook"]["progress"] == {"done": 1, "total": 2}


def test_a_change_is_made_only_to_the_version_that_was_read(work: Casework):
    path = f"/api/exceptions/{work.create_exception()}"
    tag = work.admin("GET", path).headers["ETag"]
    changed = work.admin("PATCH", path, {"entity": "Pier 10"}, headers={"If-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag
    work.admin.problem(409, "version_conflict", "PATCH", path, {"entity": "Pier 11"}, headers={"If-Match": tag})
    work.admin.problem(409, "version_conflict", "PATCH", path, {"entity": "P"}, headers={"If-Match": '"x"'})
    assert work.admin.ok("GET", path)["entity"] == "Pier 10"
    now = changed.headers["ETag"]
    for header in (f"{tag}, {now}", f"{now},{tag}", f'"x" , W/{now}'):
        work.admin.ok("PATCH", path, {"entity": "Pier 10"}, headers={"If-Match": header})
    for header in (f'{tag}, "98"', '"x", "y"', ",", f'"{now}"', f"{now} {tag}"):
        refused = {"entity": "Pier 12"}
        work.admin.problem(409, "version_conflict", "PATCH", path, refused, headers={"If-Match": header})
    for header in ("*", now):
        work.admin.ok("PATCH", path, {"entity": "Pier 10"}, headers={"If-Match": header})


def test_every_change_of_its_fields_makes_another_version_of_an_exception(work: Casework):
    work.publish("Two", [note(), note("Again")])
    exception_id = work.create_exception()
    path = f"/api/exceptions/{exception_id}"
    seen = [work.admin("GET", path).headers["ETag"]]
    work.complete(exception_id, 1)
    seen.append(work.admin("GET", path).headers["ETag"])
    seen.append(work.admin("PATCH", path, {"amount": 3}).headers["ETag"])
    assert len(set(seen)) == 3


def test_what_changes_no_field_leaves_the_version_and_a_colleagues_change_goes_through(work: Casework):
    work.publish("One", [note()])
    exception_id = work.create_exception()
    path = f"/api/exceptions/{exception_id}"
    before = work.admin("GET", path)
    log = len(work.events(exception_id))
    for _ in range(5):
        assert work.admin.ok("POST", f"{path}/playbook/recalculate")["changed"] is False
    assert len(work.events(exception_id)) == log
    work.admin.ok("POST", f"{path}/comments", {"text": "Hm."})
    after = work.admin("GET", path)
    assert (after.headers["ETag"], after.json()) == (before.headers["ETag"], before.json())
    own = {"If-Match": before.headers["ETag"]}
    assert work.admin("PATCH", path, {"amount": 3}, headers=own).status_code == 200


def test_a_change_is_logged_with_the_old_value_and_an_equal_value_is_not_logged(work: Casework):
    exception_id = work.create_exception(sla_deadline=work.due(hours=3))
    path = f"/api/exceptions/{exception_id}"
    deadline = work.admin.ok("GET", path)["sla_deadline"]
    work.admin.ok("PATCH", path, {"amount": 7, "severity": "Medium", "sla_deadline": deadline})
    updated = work.events(exception_id, "ExceptionUpdated")
    assert [event["payload"]["changes"] for event in updated] == [{"amount": 7}]
    assert updated[0]["payload"]["previous"] == {"amount": 1240.5}
    tag = work.admin("GET", path).headers["ETag"]
    assert work.admin("PATCH", path, {"amount": 7}).headers["ETag"] == tag
    assert len(work.events(exception_id, "ExceptionUpdated")) == 1


@pytest.mark.parametrize("body", [{}, {"status": "resolved"}, {"severity": 3}, {"exception_type": ""}])
def test_an_empty_or_forbidden_change_is_refused(work: Casework, body: dict[str, Any]):
    path = f"/api/exceptions/{work.create_exception()}"
    work.admin.problem(422, "invalid_document", "PATCH", path, body)


def test_what_does_not_exist_is_not_found(work: Casework):
    for method, path, body in (
        ("GET", "/api/exceptions/NONE", None),
        ("PATCH", "/api/exceptions/NONE", {"amount": 1}),
        ("POST", "/api/exceptions/NONE/comments", {"text": "x"}),
        ("GET", "/api/exceptions/NONE/events", None),
        ("GET", "/api/exceptions/NONE/events/verify", None),
        ("GET", "/api/exceptions/NONE/playbook", None),
        ("POST", "/api/exceptions/NONE/playbook/recalculate", None),
        ("GET", "/api/playbooks/999999999", None),
        ("POST", "/api/playbooks/999999999/retire", None),
        ("GET", "/api/domain-packs/Nowhere", None),
        ("GET", "/api/nowhere", None),
    ):
        work.admin.problem(404, "not_found", method, path, body)
