"""Exceptions and the work on them, over HTTP, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from rich.progress import Progress
from tests.api.scenarios.conftest import ME, Plant, path

from executor.verification.verify import verify
from sentinai.database.engine import Database
from sentinai.documents.schemas import check


def verified(plant: Plant) -> None:
    """Every chain is whole, and folding the events gives the fields."""
    database = Database(plant.pair.settings)
    report = verify(database, [plant.tenant_id], Progress(disable=True))
    database.engine.dispose()
    assert report.faults == []


def test_an_exception_is_triaged_recommended_and_worked_to_its_end(plant: Plant) -> None:
    found = plant.exception()
    stored = plant.api.ok("GET", f"/api/exceptions/{found}")
    assert (stored["severity"], stored["current_step"], stored["playbook"]["name"]) == (
        "high",
        1,
        "Repair the pump",
    )
    state = plant.api.ok("GET", f"/api/exceptions/{found}/playbook")
    assert check("playbook-state", state) == []
    assert state["steps"][0]["preview"]["message"] == "Go to Mill Road."
    assert [step["requires_human"] for step in state["steps"]] == [False, False, True, False, False]

    for order in range(1, 6):
        state = plant.step(found, order, notes=f"note {order}")
        assert state["outcome"] == "completed"
        assert state["progress"] == {"done": order, "total": 5}
    assert state["current_step"] is None

    stored = plant.api.ok("GET", f"/api/exceptions/{found}")
    assert (stored["status"], stored["owner"]) == ("resolved", "crews")
    types = [event["event_type"] for event in plant.events(found)]
    assert types[:2] == ["ExceptionCreated", "TriageCompleted"]
    assert types.count("PlaybookStepCompleted") == 5
    assert types[-3:] == ["PlaybookCompleted", "StatusChanged", "FeedbackCaptured"]
    (feedback,) = plant.events(found, "FeedbackCaptured")
    seconds = sum(step["seconds"] for step in feedback["payload"]["steps"])
    assert seconds == pytest.approx(feedback["payload"]["duration_seconds"])
    verified(plant)


def test_a_step_done_twice_adds_nothing_and_a_later_one_waits_its_turn(plant: Plant) -> None:
    found = plant.exception()
    problem = plant.api.problem(409, "step_not_current", "POST", path(found, 2), ME)
    assert problem["expected_step"] == 1
    plant.step(found, 1)
    before = plant.events(found)
    assert plant.step(found, 1)["outcome"] == "already_completed"
    skipped = plant.api.ok("POST", path(found, 1, "skip"), {**ME, "reason": "late"})
    assert skipped["outcome"] == "already_completed"
    assert plant.events(found) == before
    plant.api.problem(404, "not_found", "POST", path(found, 6), ME)


def test_twenty_callers_complete_a_step_once(plant: Plant) -> None:
    found = plant.exception()
    with ThreadPoolExecutor(20) as callers:
        outcomes = list(callers.map(lambda _: plant.step(found, 1)["outcome"], range(20)))
    assert sorted(outcomes) == ["already_completed"] * 19 + ["completed"]
    assert len(plant.events(found, "PlaybookStepCompleted", "NotificationRequested")) == 2
    verified(plant)


def test_an_agent_does_what_is_harmless_and_nothing_else(plant: Plant) -> None:
    found = plant.exception()
    bot = {"actor_type": "agent", "actor_id": "bot"}
    for order in (1, 2):
        assert plant.agent.ok("POST", path(found, order), bot)["outcome"] == "completed"
    before = plant.api.ok("GET", f"/api/exceptions/{found}")
    plant.agent.problem(403, "human_required", "POST", path(found, 3), bot)
    plant.agent.problem(403, "actor_mismatch", "POST", path(found, 3), ME)
    plant.agent.problem(403, "human_required", "POST", path(found, 3, "skip"), {**bot, "reason": "x"})
    plant.agent.problem(403, "human_required", "POST", path(found, 3), {**bot, "mode": "attest"})
    assert plant.api.ok("GET", f"/api/exceptions/{found}") == before


def test_a_backend_acts_for_people_and_is_named(plant: Plant) -> None:
    found = plant.exception()
    backend = plant.pair.client(
        plant.tenant_id, "operator", subject="ui", actor_type="system", may_act_for=["human"]
    )
    backend.ok("POST", path(found, 1), {"actor_type": "human", "actor_id": "robin"})
    (done,) = plant.events(found, "PlaybookStepCompleted")
    assert (done["actor_id"], done["payload"]["called_by"]) == ("robin", "ui")


def test_skipping_and_attesting_are_recorded_as_such(plant: Plant) -> None:
    found = plant.exception()
    plant.api.problem(422, "invalid_document", "POST", path(found, 1, "skip"), ME)
    state = plant.api.ok("POST", path(found, 1, "skip"), {**ME, "reason": "They are there already."})
    assert (state["outcome"], state["steps"][0]["status"]) == ("skipped", "skipped")
    state = plant.step(found, 2, mode="attest", notes="By phone.")
    assert state["steps"][1]["mode"] == "attest"
    assert plant.api.ok("GET", f"/api/exceptions/{found}")["owner"] is None
    plant.api.problem(422, "step_mandatory", "POST", path(found, 3, "skip"), {**ME, "reason": "no"})
    verified(plant)


def test_a_step_that_would_be_refused_is_blocked_and_says_why(plant: Plant) -> None:
    found = plant.exception(normalized_context={})
    for order in (1, 2):
        plant.step(found, order)
    blocked = plant.api.ok("GET", f"/api/exceptions/{found}/playbook")["steps"][2]
    assert (blocked["status"], "valve" in blocked["blocked_reason"]) == ("blocked", True)
    plant.api.problem(422, "template_unresolved", "POST", path(found, 3), ME)
    plant.api.ok("PATCH", f"/api/exceptions/{found}", {"normalized_context": {"valve": "V-9"}})
    assert plant.step(found, 3)["outcome"] == "completed"
    (called,) = plant.events(found, "ToolCallRequested")
    assert called["payload"]["payload"] == {"valve": "V-9"}


def test_a_playbook_that_the_policy_blocks_gives_way_to_the_next(plant: Plant) -> None:
    found = plant.exception()
    (evaluated,) = plant.events(found, "PolicyEvaluated")
    assert [each["playbook_name"] for each in evaluated["payload"]["rejected"]] == ["Drain it"]
    assert evaluated["payload"]["verdict"] == "needs_approval"


def recalculate(plant: Plant, found: str, **body: Any) -> Any:
    return plant.api.ok("POST", f"/api/exceptions/{found}/playbook/recalculate", body or None)


def test_a_recommendation_follows_the_exception_until_it_is_started(plant: Plant) -> None:
    found = plant.exception()
    before = plant.events(found)
    assert recalculate(plant, found)["changed"] is False
    assert plant.events(found) == before
    plant.api.ok("PATCH", f"/api/exceptions/{found}", {"normalized_context": {"shift": "night"}})
    assert plant.api.ok("GET", f"/api/exceptions/{found}")["playbook"]["name"] == "Night shift"
    plant.api.ok("PATCH", f"/api/exceptions/{found}", {"exception_type": "Leak", "normalized_context": {}})
    withdrawn = plant.api.ok("GET", f"/api/exceptions/{found}")
    assert (withdrawn["current_playbook_id"], withdrawn["current_step"]) == (None, None)
    plant.api.problem(409, "no_playbook", "POST", path(found, 1), ME)
    plant.api.ok("PATCH", f"/api/exceptions/{found}", {"exception_type": "Pump Failure"})
    assert plant.api.ok("GET", f"/api/exceptions/{found}")["playbook_run"] == 3
    verified(plant)


def test_a_playbook_in_progress_stays_until_a_person_switches(plant: Plant) -> None:
    found = plant.exception()
    started = plant.step(found, 1)["playbook"]["playbook_id"]
    plant.api.ok("PATCH", f"/api/exceptions/{found}", {"normalized_context": {"shift": "night", "valve": "V-1"}})
    stays = recalculate(plant, found)
    assert (stays["changed"], stays["current_playbook_id"]) == (False, started)
    assert stays["better_match"]["name"] == "Night shift"
    plant.agent.problem(
        403, "human_required", "POST", f"/api/exceptions/{found}/playbook/recalculate", {"switch": True}
    )
    switched = recalculate(plant, found, switch=True)
    assert (switched["playbook_name"], switched["current_step"], switched["better_match"]) == (
        "Night shift",
        1,
        None,
    )
    plant.api.problem(409, "playbook_changed", "POST", path(found, 1), {**ME, "playbook_id": started})
    verified(plant)


def test_creating_again_is_the_same_and_other_content_is_a_conflict(plant: Plant) -> None:
    document = {"exception_id": "W-again", "domain": "Water", "exception_type": "Leak", "severity": "LOW"}
    assert plant.api("POST", "/api/exceptions", document).status_code == 201
    again = plant.api("POST", "/api/exceptions", document)
    assert (again.status_code, again.json()["severity"]) == (200, "low")
    plant.api.problem(409, "version_conflict", "POST", "/api/exceptions", {**document, "severity": "high"})
    plant.api.problem(403, "tenant_mismatch", "POST", "/api/exceptions", {**document, "tenant_id": "other"})


def test_if_match_is_honoured(plant: Plant) -> None:
    found = plant.exception()
    tag = plant.api("GET", f"/api/exceptions/{found}").headers["ETag"]
    changed = plant.api("PATCH", f"/api/exceptions/{found}", {"entity": "Kiln Lane"}, headers={"If-Match": tag})
    assert (changed.status_code, changed.json()["entity"]) == (200, "Kiln Lane")
    plant.api.problem(
        409, "version_conflict", "PATCH", f"/api/exceptions/{found}", {"entity": "x"}, headers={"If-Match": tag}
    )


def test_lists_are_narrowed_ordered_and_paged(plant: Plant) -> None:
    ids = [plant.exception(severity=severity) for severity in ("low", "critical", "low", "low")]
    low = plant.api.ok("GET", "/api/exceptions", params={"severity": "low", "limit": 2})
    rest = plant.api.ok("GET", "/api/exceptions", params={"severity": "low", "cursor": low["next_cursor"]})
    assert [each["exception_id"] for each in low["items"] + rest["items"]] == [ids[3], ids[2], ids[0]]
    assert rest["next_cursor"] is None
    urgent = plant.api.ok("GET", "/api/exceptions", params={"sort": "sla"})
    assert [each["exception_id"] for each in urgent["items"]] == ids
    plant.api.problem(400, "invalid_cursor", "GET", "/api/exceptions", params={"cursor": "nonsense"})
    plant.api.problem(422, "invalid_query", "GET", "/api/exceptions", params={"limit": 0})
    plant.api.problem(422, "invalid_query", "GET", "/api/exceptions", params={"colour": "red"})


def test_the_log_is_read_from_anywhere_and_waited_for(plant: Plant) -> None:
    found = plant.exception()
    base = f"/api/exceptions/{found}/events"
    whole = plant.events(found)
    page = plant.api.ok("GET", base, params={"after_seq": 1, "limit": 2})
    assert [event["seq"] for event in page["items"]] == [2, 3]
    after = plant.api.ok("GET", base, params={"cursor": page["next_cursor"]})
    assert [event["seq"] for event in after["items"]] == list(range(4, len(whole) + 1))
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(plant.api.ok, "GET", base, params={"after_seq": len(whole), "wait": 15})
        said = plant.pair.client(plant.tenant_id, "operator").ok(
            "POST", f"/api/exceptions/{found}/comments", {"text": "Here."}
        )
        assert waiting.result()["items"] == [said]
    assert plant.api.ok("GET", f"{base}/verify") == {
        "valid": True,
        "events": len(whole) + 1,
        "first_broken_seq": None,
    }


def test_publishing_makes_versions_only_of_what_changed(plant: Plant) -> None:
    leak = {
        "name": "Leak",
        "conditions": {"match": {"exception_type": "Leak"}},
        "steps": [{"name": "Note", "action_type": "add_comment", "params": {"text": "Seen."}}],
    }
    dry = plant.api.ok("POST", "/api/playbooks?dry_run=true", leak)
    assert (dry["version"], dry["unchanged"]) == (1, False)
    first = plant.api("POST", "/api/playbooks", leak)
    again = plant.api("POST", "/api/playbooks", leak)
    second = plant.api("POST", "/api/playbooks", {**leak, "description": "Better."})
    assert [first.status_code, again.status_code, second.status_code] == [201, 200, 201]
    assert (again.json()["playbook_id"], second.json()["version"]) == (first.json()["playbook_id"], 2)
    found, waiting = (plant.exception(exception_type="Leak") for _ in range(2))
    assert plant.api.ok("GET", f"/api/exceptions/{found}")["playbook"]["version"] == 2
    plant.api.ok("POST", f"/api/exceptions/{found}/playbook/start", ME)
    plant.api.ok("POST", f"/api/playbooks/{second.json()['playbook_id']}/retire")
    assert plant.step(found, 1)["outcome"] == "completed"
    start = f"/api/exceptions/{waiting}/playbook/start"
    plant.api.problem(409, "catalogue_changed", "POST", start, ME)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"conditions": {"logic": {"method": ["a", "b"]}}}, "/conditions/logic/method"),
        ({"conditions": {"match": {"severty": "low"}}}, "/conditions/match/severty"),
        ({"steps": []}, "/steps"),
        ({"steps": [{"name": "S", "action_type": "fly"}]}, "/steps/0/action_type"),
        (
            {"steps": [{"name": "S", "action_type": "set_status", "params": {"status": "done"}}]},
            "/steps/0/params/status",
        ),
        (
            {"steps": [{"name": "S", "action_type": "add_comment", "params": {"text": "{nope.x}"}}]},
            "/steps/0/params/text",
        ),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_a_playbook_with_a_mistake_is_refused_at_its_place(plant: Plant, change: Any, pointer: str) -> None:
    problem = plant.api.problem(422, "invalid_document", "POST", "/api/playbooks", {**REPAIR_COPY, **change})
    assert pointer in [error["pointer"] for error in problem["errors"]]


REPAIR_COPY = {
    "name": "Another",
    "conditions": {"match": {}},
    "steps": [{"name": "S", "action_type": "add_comment", "params": {"text": "x"}}],
}


def test_another_tenant_finds_nothing_and_a_role_too_low_does_nothing(plant: Plant) -> None:
    found = plant.exception()
    playbook_id = plant.api.ok("GET", f"/api/exceptions/{found}")["current_playbook_id"]
    other = plant.pair.client("somebody-else", "admin")
    for method, where, body in (
        ("GET", f"/api/exceptions/{found}", None),
        ("GET", f"/api/exceptions/{found}/events", None),
        ("GET", f"/api/exceptions/{found}/playbook", None),
        ("PATCH", f"/api/exceptions/{found}", {"entity": "x"}),
        ("POST", path(found, 1), ME),
        ("GET", f"/api/playbooks/{playbook_id}", None),
        ("POST", f"/api/playbooks/{playbook_id}/retire", None),
    ):
        other.problem(404, "not_found", method, where, body)
    viewer = plant.pair.client(plant.tenant_id, "viewer")
    viewer.ok("GET", f"/api/exceptions/{found}")
    viewer.problem(403, "forbidden", "POST", path(found, 1), ME)
    plant.agent.problem(403, "forbidden", "PUT", "/api/policy-pack", {})
