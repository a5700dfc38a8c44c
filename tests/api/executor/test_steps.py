"""Working through a playbook: in order, exactly once, by those who may."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.support.casework import AGENT, PERSON, Casework, call, note, own, step_path, tell, to_status

SKIP = {**PERSON, "reason": "Not needed today."}


def statuses(state: Any) -> list[str]:
    return [step["status"] for step in state["steps"]]


def test_a_playbook_is_worked_from_start_to_end(work: Casework):
    work.publish("Three", [tell(), own(queue="field"), note(text="{step.name} by {actor.id}.")])
    exception_id = work.create_exception()
    started = work.admin.ok("POST", f"/api/exceptions/{exception_id}/playbook/start", PERSON)
    assert (started["started"], statuses(started)) == (True, ["running", "pending", "pending"])
    for step in (1, 2, 3):
        state = work.complete(exception_id, step, notes=f"went well {step}")
        assert state["outcome"] == "completed"
        assert state["current_step"] == (step + 1 if step < 3 else None)
        assert state["progress"] == {"done": step, "total": 3}
        assert statuses(state)[: step + 1] == ["completed"] * step + ["running"] * (step < 3)
    done = work.state(exception_id)["steps"]
    assert [step["notes"] for step in done] == ["went well 1", "went well 2", "went well 3"]
    assert {(step["actor_type"], step["actor_id"], step["mode"]) for step in done} == {
        ("human", "noor", "execute")
    }
    assert done[1]["result"] == {"owner_kind": "queue", "owner_id": "field", "changed": True}
    assert done[2]["result"] == {"text": "Note it by noor."}
    assert all(step["completed_at"] and step["preview"] is None for step in done)


def test_each_call_is_logged_by_its_effect(work: Casework):
    playbook_id = work.publish("Two", [own(user_id="ines"), tell(channel="log")])
    exception_id = work.create_exception()
    seen = len(work.events(exception_id))
    work.complete(exception_id, 1)
    work.complete(exception_id, 2, notes="rang twice")
    log = work.events(exception_id)[seen:]
    assert [event["event_type"] for event in log] == [
        "PlaybookStarted",
        "OwnerAssigned",
        "PlaybookStepCompleted",
        "ResolutionSuggested",
        "NotificationRequested",
        "PlaybookStepCompleted",
        "PlaybookCompleted",
        "FeedbackCaptured",
    ]
    finished = log[5]["payload"]
    assert {name: finished[name] for name in ("playbook_id", "playbook_name", "playbook_version", "run")} == {
        "playbook_id": playbook_id,
        "playbook_name": "Two",
        "playbook_version": 1,
        "run": 1,
    }
    assert (finished["step_order"], finished["step_name"], finished["action_type"]) == (2, "Tell them", "notify")
    assert (finished["actor_id"], finished["mode"], finished["notes"]) == ("noor", "execute", "rang twice")
    assert log[6]["payload"]["steps_completed"] == 2
    assert log[7]["payload"]["steps"][0]["outcome"] == "completed"


def test_starting_twice_is_starting_once(work: Casework):
    work.publish("One", [note()])
    exception_id = work.create_exception()
    for _ in range(2):
        work.admin.ok("POST", f"/api/exceptions/{exception_id}/playbook/start", PERSON)
    assert len(work.events(exception_id, "PlaybookStarted")) == 1


@pytest.mark.parametrize("verb", ["complete", "skip"])
def test_a_later_step_waits_for_its_turn_and_the_right_one_is_named(work: Casework, verb: str):
    work.publish("Three", [note(), note(), note()])
    exception_id = work.create_exception()
    body = SKIP if verb == "skip" else PERSON
    before = work.events(exception_id)
    for step in (2, 3):
        problem = work.admin.problem(409, "step_not_current", "POST", step_path(exception_id, step, verb), body)
        assert problem["expected_step"] == 1
    assert work.events(exception_id) == before
    work.complete(exception_id, 1)
    problem = work.admin.problem(409, "step_not_current", "POST", step_path(exception_id, 3, verb), body)
    assert problem["expected_step"] == 2


@pytest.mark.parametrize("step", [0, 4, 2**31])
def test_a_step_that_the_playbook_does_not_have_is_not_found(work: Casework, step: int):
    work.publish("Three", [note(), note(), note()])
    work.admin.problem(404, "not_found", "POST", step_path(work.create_exception(), step), PERSON)


def test_repeating_a_completed_step_adds_no_events(work: Casework):
    work.publish("Two", [own(queue="field"), note()])
    exception_id = work.create_exception()
    work.complete(exception_id, 1, notes="first")
    before = work.events(exception_id)
    for verb, body in (("complete", {**PERSON, "notes": "again"}), ("skip", SKIP)):
        again = work.admin.ok("POST", step_path(exception_id, 1, verb), body)
        assert (again["outcome"], again["current_step"]) == ("already_completed", 2)
        assert again["steps"][0]["notes"] == "first"
    work.complete(exception_id, 2)
    finished = work.events(exception_id)
    assert work.complete(exception_id, 2)["outcome"] == "already_completed"
    assert work.events(exception_id) == finished
    assert finished[: len(before)] == before


def test_many_at_once_complete_a_step_once(work: Casework):
    work.publish("Two", [tell(), note()])
    exception_id = work.create_exception()
    callers = [work.acting({"actor_type": "human", "actor_id": f"hand-{number}"}) for number in range(12)]

    def complete(number: int) -> str:
        body = {"actor_type": "human", "actor_id": f"hand-{number}"}
        return str(callers[number].ok("POST", step_path(exception_id, 1), body)["outcome"])

    with ThreadPoolExecutor(len(callers)) as pool:
        outcomes = list(pool.map(complete, range(len(callers))))
    assert sorted(outcomes) == ["already_completed"] * 11 + ["completed"]
    [finished] = work.events(exception_id, "PlaybookStepCompleted")
    assert finished["actor_id"] == f"hand-{outcomes.index('completed')}"
    assert len(work.events(exception_id, "NotificationRequested")) == 1


def test_skipping_needs_a_reason_and_is_logged(work: Casework):
    work.publish("Two", [note(), note("Last")])
    exception_id = work.create_exception()
    for reason in ("", "  ", None):
        body = {**PERSON, "reason": reason}
        work.admin.problem(422, "invalid_document", "POST", step_path(exception_id, 1, "skip"), body)
    work.admin.problem(422, "invalid_document", "POST", step_path(exception_id, 1, "skip"), PERSON)
    skipped = work.admin.ok("POST", step_path(exception_id, 1, "skip"), SKIP)
    assert (skipped["outcome"], statuses(skipped)) == ("skipped", ["skipped", "running"])
    assert skipped["steps"][0]["notes"] == SKIP["reason"]
    assert work.events(exception_id, "CommentAdded") == []
    assert work.events(exception_id, "PlaybookStepSkipped")[0]["payload"]["reason"] == SKIP["reason"]
    assert work.complete(exception_id, 1)["outcome"] == "already_completed"


def test_a_mandatory_step_is_never_skipped_but_may_be_attested(work: Casework):
    work.publish("One", [note(mandatory=True)])
    exception_id = work.create_exception()
    assert work.state(exception_id)["steps"][0]["mandatory"] is True
    work.admin.problem(422, "step_mandatory", "POST", step_path(exception_id, 1, "skip"), SKIP)
    assert work.complete(exception_id, 1, mode="attest", notes="by phone")["outcome"] == "completed"


def test_attesting_records_the_step_without_carrying_it_out(work: Casework):
    work.publish("Two", [own(queue="field"), tell()])
    exception_id = work.create_exception()
    state = work.complete(exception_id, 1, mode="attest", notes="Told them in person.")
    assert (state["steps"][0]["mode"], state["steps"][0]["result"]) == ("attest", None)
    assert state["steps"][0]["notes"] == "Told them in person."
    assert work.events(exception_id, "OwnerAssigned") == []
    assert work.admin.ok("GET", f"/api/exceptions/{exception_id}")["owner"] is None


def test_an_agent_does_what_is_harmless_and_neither_skips_nor_attests(work: Casework):
    work.publish("Two", [note(), note("Last")])
    exception_id = work.create_exception()
    agent = work.acting(AGENT)
    skip = {**AGENT, "reason": "Because."}
    agent.problem(403, "human_required", "POST", step_path(exception_id, 1, "skip"), skip)
    attest = {**AGENT, "mode": "attest", "notes": "Trust me."}
    agent.problem(403, "human_required", "POST", step_path(exception_id, 1), attest)
    state = agent.ok("POST", step_path(exception_id, 1), AGENT)
    assert (state["outcome"], state["steps"][0]["actor_type"]) == ("completed", "agent")


@pytest.mark.parametrize(
    ("step", "policy"),
    [
        (call(), {}),
        (note(requires_approval=True), {}),
        (note(), {"human_approval_rules": [{"severity": ["MEDIUM", "high"]}]}),
        (note(), {"human_approval_rules": [{"action_type": "add_comment", "severity": "medium"}]}),
        (call(), {"human_approval_rules": [{"tool_id": "reread_meter", "require_approval": False}]}),
    ],
)
def test_what_is_risky_needs_a_person_and_the_exception_stays_as_it_was(
    work: Casework, step: dict[str, Any], policy: dict[str, Any]
):
    work.policy(**policy)
    work.publish("Risky", [step])
    exception_id = work.create_exception()
    before = work.admin.ok("GET", f"/api/exceptions/{exception_id}"), work.events(exception_id)
    assert work.state(exception_id)["steps"][0]["requires_human"] is True
    work.acting(AGENT).problem(403, "human_required", "POST", step_path(exception_id, 1), AGENT)
    assert (work.admin.ok("GET", f"/api/exceptions/{exception_id}"), work.events(exception_id)) == before
    assert work.complete(exception_id, 1)["outcome"] == "completed"


@pytest.mark.parametrize(
    "rule",
    [
        {"severity": "critical"},
        {"action_type": "call_tool"},
        {"severity": "medium", "action_type": "notify"},
        {"severity": "medium", "require_approval": False},
    ],
)
def test_an_approval_rule_asks_only_where_all_that_it_names_is_so(work: Casework, rule: dict[str, Any]):
    work.policy(human_approval_rules=[rule])
    work.publish("Harmless", [note()])
    exception_id = work.create_exception()
    assert work.acting(AGENT).ok("POST", step_path(exception_id, 1), AGENT)["outcome"] == "completed"


@pytest.mark.parametrize("verb", ["start", "complete", "skip"])
@pytest.mark.parametrize("body", [{"actor_type": "human", "actor_id": "noor"}, {**AGENT, "actor_id": "other"}])
def test_no_caller_can_act_as_another(work: Casework, verb: str, body: dict[str, str]):
    work.publish("One", [note()])
    exception_id = work.create_exception()
    path = f"/api/exceptions/{exception_id}/playbook/start"
    path = path if verb == "start" else step_path(exception_id, 1, verb)
    given = {**body, "reason": "x"} if verb == "skip" else body
    work.acting(AGENT).problem(403, "actor_mismatch", "POST", path, given)
    assert work.state(exception_id)["started"] is False


def test_a_service_that_may_act_for_people_is_named_beside_them(work: Casework):
    work.publish("One", [call()])
    exception_id = work.create_exception()
    backend = {"actor_type": "system", "actor_id": "ui-backend"}
    client = work.acting(backend, may_act_for=["human"])
    client.problem(403, "actor_mismatch", "POST", step_path(exception_id, 1), AGENT)
    client.problem(403, "human_required", "POST", step_path(exception_id, 1), backend)
    client.ok("POST", step_path(exception_id, 1), {"actor_type": "human", "actor_id": "kai"})
    event = work.events(exception_id, "PlaybookStepCompleted")[0]
    assert (event["actor_type"], event["actor_id"]) == ("human", "kai")
    assert event["payload"]["called_by"] == "ui-backend"


def test_a_playbook_that_was_switched_meanwhile_is_noticed(work: Casework):
    old = work.publish("Old", [note(), note()])
    exception_id = work.create_exception()
    new = work.publish("New", [note(), note()], priority=3)
    work.admin.ok("POST", f"/api/exceptions/{exception_id}/playbook/recalculate")
    for path, body in (
        (step_path(exception_id, 1), PERSON),
        (step_path(exception_id, 1, "skip"), SKIP),
    ):
        guarded = {**body, "playbook_id": old}
        problem = work.admin.problem(409, "playbook_changed", "POST", path, guarded)
        assert problem["current_playbook_id"] == new
    assert work.complete(exception_id, 1, playbook_id=new)["outcome"] == "completed"


def test_without_a_playbook_there_is_nothing_to_do(work: Casework):
    exception_id = work.create_exception()
    work.admin.problem(409, "no_playbook", "POST", f"/api/exceptions/{exception_id}/playbook/start", PERSON)
    work.admin.problem(409, "no_playbook", "POST", step_path(exception_id, 1), PERSON)
    work.admin.problem(409, "no_playbook", "POST", step_path(exception_id, 1, "skip"), SKIP)


def _refused_tool(work: Casework) -> None:
    work.policy(approved_tools=[])


def _refused_owner(work: Casework) -> None:
    work.policy(assignable={"queues": ["office"], "users": []})


def _narrowed(work: Casework) -> None:
    work.policy(status_transitions={"open": ["pending_review"]})


@pytest.mark.parametrize(
    ("step", "meanwhile", "status", "code", "says"),
    [
        (call(), _refused_tool, 422, "tool_not_allowed", "reread_meter"),
        (own(queue="field"), _refused_owner, 422, "owner_not_allowed", "field"),
        (to_status("escalated"), _narrowed, 409, "illegal_transition", "pending_review"),
        (to_status("resolved"), None, 409, "illegal_transition", "after a step"),
        (call(meter="{exception.normalized_context.serial}"), None, 422, "template_unresolved", "serial"),
        (call(meter="{exception.normalized_context.visits}"), None, 422, "invalid_document", "reread_meter"),
    ],
)
def test_a_step_that_would_be_refused_is_blocked_says_why_and_leaves_no_trace(
    work: Casework, step: dict[str, Any], meanwhile: Any, status: int, code: str, says: str
):
    work.publish("One", [step, note()])
    exception_id = work.create_exception()
    if meanwhile:
        meanwhile(work)
    first = work.state(exception_id)["steps"][0]
    assert first["status"] == "blocked"
    assert says in first["blocked_reason"]
    before = work.events(exception_id)
    problem = work.admin.problem(status, code, "POST", step_path(exception_id, 1), PERSON)
    assert (problem["code"], problem["detail"]) == (first["blocked_code"], first["blocked_reason"])
    assert work.events(exception_id) == before
    assert work.complete(exception_id, 1, mode="attest", notes="Done outside.")["outcome"] == "completed"


def test_a_blocked_step_can_be_completed_once_unblocked(work: Casework):
    work.publish("One", [call(meter="{exception.normalized_context.serial}")])
    exception_id = work.create_exception()
    work.admin.problem(422, "template_unresolved", "POST", step_path(exception_id, 1), PERSON)
    work.admin.ok("PATCH", f"/api/exceptions/{exception_id}", {"normalized_context": {"serial": "EM-45"}})
    state = work.complete(exception_id, 1)
    assert state["steps"][0]["result"]["payload"] == {"meter": "EM-45"}


def test_a_preview_shows_what_would_be_done_and_what_is_missing(work: Casework):
    steps = [
        tell(template_id="visit", placeholders={"meter": "{exception.normalized_context.meter}"}),
        note(text="{{literal}} {exception.amount:,.2f} {exception.source_system} {sla.minutes_remaining:.0f}"),
        own(user_id="ines"),
        to_status("pending_review"),
    ]
    work.publish("Four", steps)
    previews = [
        step["preview"] for step in work.state(work.create_exception(sla_deadline=work.due(minutes=90)))["steps"]
    ]
    assert previews[0]["subject"] == "Visit Pier 9"
    assert previews[0]["message"] == "By noor, meter EM-44."
    assert previews[1]["text"].startswith("{literal} 1,240.50 ")
    assert previews[1]["text"].endswith(" 90")
    assert previews[2] == {"owner_kind": "user", "owner_id": "ines", "previous": None}
    assert previews[3] == {"from": "open", "to": "pending_review"}


def test_a_value_that_is_missing_in_a_text_shows_as_such(work: Casework):
    work.publish("One", [note(text="For {exception.normalized_context.tenant_name}.")])
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    [comment] = work.events(exception_id, "CommentAdded")
    assert comment["payload"]["text"] == "For [missing: exception.normalized_context.tenant_name]."


def test_a_placeholder_alone_keeps_its_values_type(work: Casework):
    pack = work.admin.ok("GET", f"/api/domain-packs/{work.domain}")["pack"]
    pack["tools"]["reread_meter"] = {"parameters": {"visits": {"type": "number"}, "all": {"type": "object"}}}
    work.admin.ok("PUT", f"/api/domain-packs/{work.domain}", pack)
    context = "{exception.normalized_context}"
    work.publish("One", [call(visits="{exception.normalized_context.visits}", all=context)])
    result = work.complete(work.create_exception(), 1)["steps"][0]["result"]
    assert result["payload"] == {"visits": 2, "all": {"meter": "EM-44", "visits": 2}}
    assert result["mode"] == "log_only"


def test_resolving_needs_a_completed_step_and_only_a_person_reopens(work: Casework):
    work.publish("Close", [note(), to_status("resolved", "Close it"), to_status("analyzing", "Open again")])
    exception_id = work.create_exception()
    work.admin.ok("POST", step_path(exception_id, 1, "skip"), SKIP)
    work.admin.problem(409, "illegal_transition", "POST", step_path(exception_id, 2), PERSON)
    other = work.create_exception()
    work.complete(other, 1)
    work.complete(other, 2)
    resolved = work.admin.ok("GET", f"/api/exceptions/{other}")
    assert (resolved["status"], bool(resolved["resolved_at"])) == ("resolved", True)
    agent = work.acting(AGENT)
    agent.problem(409, "illegal_transition", "POST", step_path(other, 3), AGENT)
    work.complete(other, 3)
    reopened = work.admin.ok("GET", f"/api/exceptions/{other}")
    assert (reopened["status"], reopened["resolved_at"]) == ("analyzing", None)


def test_what_was_resolved_is_summed_up(work: Casework):
    work.publish("Close", [note(), to_status("resolved"), note("After")])
    exception_id = work.create_exception(sla_deadline=work.due(minutes=5))
    work.complete(exception_id, 1)
    work.complete(exception_id, 2)
    [feedback] = work.events(exception_id, "FeedbackCaptured")
    assert (feedback["payload"]["trigger"], feedback["payload"]["sla_kept"]) == ("resolved", True)
    assert feedback["payload"]["steps_completed"] == 2


@pytest.mark.parametrize(
    ("policy", "on_completion", "status"),
    [
        ({}, None, "open"),
        ({"resolve_on_completion": True}, None, "resolved"),
        ({}, {"set_status": "pending_review"}, "pending_review"),
        ({"resolve_on_completion": True}, {"set_status": "escalated"}, "escalated"),
        ({"status_transitions": {"open": ["analyzing"]}}, {"set_status": "escalated"}, "open"),
    ],
)
def test_the_end_of_a_playbook_sets_the_status_where_that_is_asked_for(
    work: Casework, policy: dict[str, Any], on_completion: Any, status: str
):
    work.policy(**policy)
    work.publish("One", [note()], on_completion=on_completion)
    exception_id = work.create_exception()
    work.complete(exception_id, 1)
    found = work.admin.ok("GET", f"/api/exceptions/{exception_id}")
    assert (found["status"], found["current_step"]) == (status, None)
    changed = work.events(exception_id, "StatusChanged")
    assert [event["payload"]["to"] for event in changed] == ([status] if status != "open" else [])


def test_skipping_every_step_does_not_resolve_the_exception(work: Casework):
    work.policy(resolve_on_completion=True)
    work.publish("One", [note()])
    exception_id = work.create_exception()
    work.admin.ok("POST", step_path(exception_id, 1, "skip"), SKIP)
    assert work.admin.ok("GET", f"/api/exceptions/{exception_id}")["status"] == "open"
    payload = work.events(exception_id, "PlaybookCompleted")[0]["payload"]
    assert (payload["steps_skipped"], payload["on_completion"]["applied"]) == (1, False)
    assert payload["on_completion"]["reason"]


@pytest.mark.parametrize(
    "body",
    [
        {"actor_type": "human"},
        {"actor_id": "noor"},
        {"actor_type": "robot", "actor_id": "x"},
        {**PERSON, "mode": "pretend"},
        {**PERSON, "notes": 4},
        {**PERSON, "playbook_id": "3"},
        {**PERSON, "step": 1},
    ],
)
def test_an_invalid_completion_is_refused(work: Casework, body: dict[str, Any]):
    work.publish("One", [note()])
    work.admin.problem(422, "invalid_document", "POST", step_path(work.create_exception(), 1), body)


@pytest.mark.parametrize("verb", ["start", "complete", "skip", "recalculate", "comment", "patch", "create"])
@pytest.mark.parametrize("role", ["viewer", "author"])
def test_working_on_exceptions_is_for_operators(work: Casework, verb: str, role: str):
    work.publish("One", [note()])
    exception_id = work.create_exception()
    base = f"/api/exceptions/{exception_id}"
    method, path, body = {
        "start": ("POST", f"{base}/playbook/start", PERSON),
        "complete": ("POST", step_path(exception_id, 1), PERSON),
        "skip": ("POST", step_path(exception_id, 1, "skip"), SKIP),
        "recalculate": ("POST", f"{base}/playbook/recalculate", {}),
        "comment": ("POST", f"{base}/comments", {"text": "Hm."}),
        "patch": ("PATCH", base, {"amount": 1}),
        "create": ("POST", "/api/exceptions", work.document()),
    }[verb]
    reader = work.acting(PERSON, role)
    before = work.events(exception_id)
    reader.problem(403, "forbidden", method, path, body)
    assert reader.ok("GET", base)["exception_id"] == exception_id
    assert work.events(exception_id) == before
