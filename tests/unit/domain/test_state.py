"""From events to state: every field that the log determines, and the status of every step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.values import NOON, playbook, record, step, written

from executor.agents import intake
from executor.domain import fold
from executor.domain.model import Event, NewEvent
from sentinai.clock import format_time
from sentinai.problems import Problem, ToolNotAllowed

OTHER = {
    "domain": "Rail",
    "exception_type": "Lost Wagon",
    "severity": None,
    "status": "resolved",
    "source_system": None,
    "entity": "X",
    "amount": 12,
    "owner_kind": "queue",
    "owner_id": "q",
    "sla_deadline": None,
    "normalized_context": {},
    "current_playbook_id": 6,
    "current_step": 2,
    "playbook_run": 4,
    "created_at": NOON,
    "resolved_at": NOON,
}
CACHED = ("tenant_id", "exception_id", "recommendation", "valid_until", "row_version", "updated_at")


def fresh(**fields: Any) -> Any:
    """An exception as it comes in."""
    defaults = {"status": "open", "current_playbook_id": None, "current_step": None, "playbook_run": 0}
    return record(**{**defaults, **fields})


def birth(of: Any) -> NewEvent:
    return intake.created(of)


def after(*events: NewEvent) -> dict[str, Any]:
    """The fields after an exception's creation and these events, at noon."""
    return fold.fold(written([birth(fresh()), *events]))


def test_the_first_event_says_all_there_is() -> None:
    of = fresh(owner_kind="user", owner_id="pim")
    assert fold.difference(of, written([birth(of)])) == {}


def test_every_logged_field_that_differs_is_named_and_no_other() -> None:
    of = fresh()
    events = written([birth(of)])
    for name, value in OTHER.items():
        assert fold.difference(replace(of, **{name: value}), events) == {name: (value, getattr(of, name))}
    assert set(OTHER) == set(fold.LOGGED_FIELDS)
    assert not set(CACHED) & set(fold.LOGGED_FIELDS)


def test_an_exception_without_events_agrees_in_nothing_it_has() -> None:
    assert "domain" in fold.difference(fresh(), [])


def test_an_update_changes_what_it_names() -> None:
    later = NOON.replace(hour=20)
    changes = {"severity": "low", "sla_deadline": format_time(later), "normalized_context": {"bay": 2}}
    fields = after(NewEvent("ExceptionUpdated", {"changes": changes, "previous": {}}))
    assert (fields["severity"], fields["sla_deadline"], fields["normalized_context"]) == ("low", later, {"bay": 2})
    assert fields["entity"] == "MSKU 604-2"
    lifted = after(NewEvent("ExceptionUpdated", {"changes": {"sla_deadline": None}, "previous": {}}))
    assert lifted["sla_deadline"] is None


def test_triage_changes_what_it_applied_and_not_what_it_proposed() -> None:
    proposal = {"severity": "critical", "exception_type": "Fire", "summary": "", "applied": {}}
    assert after(NewEvent("TriageCompleted", proposal))["severity"] == "medium"
    applied = {**proposal, "applied": {"severity": "critical"}}
    assert after(NewEvent("TriageCompleted", applied))["severity"] == "critical"


def test_a_recommendation_begins_a_run_at_its_first_step_and_a_withdrawal_ends_it() -> None:
    given = NewEvent("PlaybookRecalculated", {"playbook_id": 9, "run": 2})
    fields = after(given)
    assert [fields[n] for n in ("current_playbook_id", "current_step", "playbook_run")] == [9, 1, 2]
    fields = after(given, NewEvent("PlaybookRecalculated", {"playbook_id": None, "run": 2}))
    assert [fields[n] for n in ("current_playbook_id", "current_step", "playbook_run")] == [None, None, 2]


@pytest.mark.parametrize("event_type", ["PlaybookStepCompleted", "PlaybookStepSkipped"])
@pytest.mark.parametrize("following", [2, 7, None])
def test_a_finished_step_hands_over_to_the_next(event_type: str, following: int | None) -> None:
    begun = NewEvent("PlaybookRecalculated", {"playbook_id": 9, "run": 1})
    fields = after(begun, NewEvent(event_type, {"next_step": following}))
    assert (fields["current_step"], fields["current_playbook_id"]) == (following, 9)


def test_the_status_carries_when_it_was_resolved() -> None:
    resolved = NewEvent("StatusChanged", {"from": "open", "to": "resolved"})
    assert after(resolved)["resolved_at"] == NOON
    reopened = after(resolved, NewEvent("StatusChanged", {"from": "resolved", "to": "analyzing"}))
    assert (reopened["status"], reopened["resolved_at"]) == ("analyzing", None)


def test_an_owner_is_a_kind_and_a_name() -> None:
    fields = after(NewEvent("OwnerAssigned", {"owner_kind": "queue", "owner_id": "berth", "previous": None}))
    assert (fields["owner_kind"], fields["owner_id"]) == ("queue", "berth")


@pytest.mark.parametrize(
    "event_type",
    [
        "PolicyEvaluated",
        "ResolutionSuggested",
        "FeedbackCaptured",
        "RecommendationDeferred",
        "PlaybookStarted",
        "PlaybookCompleted",
        "CommentAdded",
        "NotificationRequested",
        "NotificationSent",
        "ToolCallRequested",
        "ToolCallRecorded",
    ],
)
def test_what_only_tells_changes_nothing(event_type: str) -> None:
    payload = {"playbook_id": 1, "run": 8, "status": "resolved", "to": "resolved", "changes": {"entity": "?"}}
    assert after(NewEvent(event_type, payload)) == after()


BOOK = playbook(*(step("add_comment", order, text="x") for order in (1, 2, 3)))


def finished(order: int, *, skipped: bool = False, **members: Any) -> NewEvent:
    payload = {
        "step_order": order,
        "actor_type": "human",
        "actor_id": "odile",
        "mode": "skip" if skipped else "execute",
        "notes": None if skipped else "done so",
        "result": None if skipped else {"text": "x"},
        **({"reason": "no need"} if skipped else {}),
        **members,
    }
    return NewEvent("PlaybookStepSkipped" if skipped else "PlaybookStepCompleted", payload)


def statuses(current: int | None, events: list[Event], blocked: Problem | None = None) -> list[str]:
    of = record(current_step=current)
    return [each.status for each in fold.step_states(BOOK, of, events, blocked=blocked)]


STARTED = NewEvent("PlaybookStarted", {})


def test_a_recommended_playbook_waits_and_a_started_one_runs() -> None:
    assert statuses(1, []) == ["pending", "pending", "pending"]
    assert statuses(1, written([STARTED])) == ["running", "pending", "pending"]


def test_a_step_that_would_be_refused_is_blocked_whether_started_or_not() -> None:
    refusal = ToolNotAllowed("no crane")
    for events in ([], written([STARTED])):
        first, *others = fold.step_states(BOOK, record(current_step=1), events, blocked=refusal)
        assert (first.status, first.blocked) == ("blocked", refusal)
        assert {(each.status, each.blocked) for each in others} == {("pending", None)}


def test_what_is_done_stays_done_and_the_next_one_runs() -> None:
    events = written([STARTED, finished(1, skipped=True), finished(2)])
    assert statuses(3, events) == ["skipped", "completed", "running"]
    assert statuses(3, events, ToolNotAllowed("no crane")) == ["skipped", "completed", "blocked"]
    assert statuses(None, [*events, *written([finished(3)])]) == ["skipped", "completed", "completed"]


def test_a_finished_step_tells_who_did_it_when_and_how() -> None:
    events = written([finished(1), finished(2, skipped=True, actor_id="pim")])
    done, skipped, _ = fold.step_states(BOOK, record(current_step=3), events, blocked=None)
    assert done == fold.StepState(
        status="completed",
        completed_at=NOON,
        actor_type="human",
        actor_id="odile",
        mode="execute",
        notes="done so",
        result={"text": "x"},
    )
    assert (skipped.actor_id, skipped.mode, skipped.notes, skipped.result) == ("pim", "skip", "no need", None)
