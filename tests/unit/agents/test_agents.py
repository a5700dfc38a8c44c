"""Policy, resolution and feedback: what each says, and that it is valid by its event's schema."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.support.values import NO_PACKS, NOON, PERSON, playbook, record, step, written

from executor.agents import feedback, intake, policy, resolution
from executor.domain.changeset import ChangeSet
from executor.domain.documents import playbook_members
from executor.domain.model import Actor, Event, NewEvent, Packs
from executor.domain.snapshot import Snapshot
from sentinai.documents.schemas import check

BOOK = playbook(
    step("add_comment", 1, text="Looked at {exception.entity}"),
    step("call_tool", 2, tool_id="lift", payload={"row": "{exception.normalized_context.row}"}),
    step("set_status", 3, status="resolved"),
)


def snapshot(*, current: int | None = 1, events: tuple[Event, ...] = (), packs: Packs = NO_PACKS) -> Snapshot:
    return Snapshot(record(current_step=current), BOOK, packs, events)


REASON = {"code": "tool_not_approved", "text": "step 2 (Lift): no", "step_order": 2, "tool_id": "lift"}


def test_the_verdict_names_what_was_selected_and_what_was_passed_over() -> None:
    worse = {"playbook_id": 9, "name": "Worse", "version": 4, "priority": 80, "reasons": [REASON]}
    event = policy.evaluated(BOOK, {"verdict": "needs_approval", "reasons": []}, [worse])
    assert check("events/PolicyEvaluated", event.payload) == []
    assert event.payload["playbook_id"] == BOOK.playbook_id
    assert [(each["playbook_name"], each["reasons"]) for each in event.payload["rejected"]] == [
        ("Worse", [REASON])
    ]


@pytest.mark.parametrize("names", [["A"], ["A", "B"]])
def test_a_policy_that_blocks_everything_says_so(names: list[str]) -> None:
    every = [{"playbook_id": 1, "name": name, "version": 1, "priority": 1, "reasons": [REASON]} for name in names]
    event = policy.evaluated(None, None, every)
    assert (event.payload["verdict"], event.payload["playbook_id"]) == ("blocked", None)
    assert check("events/PolicyEvaluated", event.payload) == []


@pytest.mark.parametrize(("current", "needs_person"), [(1, False), (2, True), (3, False)])
def test_the_next_step_is_suggested_with_who_may_do_it(current: int, needs_person: bool) -> None:
    event = resolution.suggest(snapshot(current=current), NOON)
    assert event is not None
    assert check("events/ResolutionSuggested", event.payload) == []
    assert (event.payload["step_order"], event.payload["requires_human"]) == (current, needs_person)
    assert event.run == 3


def test_the_suggestion_shows_the_step_as_it_would_be_done() -> None:
    event = resolution.suggest(snapshot(current=2), NOON)
    assert event is not None
    assert event.payload["preview"]["payload"] == {"row": 9}


def test_where_there_is_nothing_to_do_nothing_is_suggested() -> None:
    assert resolution.suggest(snapshot(current=None), NOON) is None
    assert resolution.suggest(Snapshot(record(current_playbook_id=None), None, NO_PACKS, ()), NOON) is None


def finishing(order: int, who: str, *, skipped: bool = False) -> NewEvent:
    payload: dict[str, Any] = {
        **playbook_members(BOOK, 3),
        "step_order": order,
        "step_name": f"Step {order}",
        "mode": "skip" if skipped else "attest",
        "actor_type": "human",
        "actor_id": who,
    }
    if not skipped:
        payload["next_step"] = order + 1 if order < 3 else None
    else:
        payload |= {"reason": "no need", "next_step": order + 1}
    return NewEvent("PlaybookStepSkipped" if skipped else "PlaybookStepCompleted", payload, run=3)


def run_so_far() -> tuple[Event, ...]:
    """Started at 10:00; step 1 after 20 minutes, step 2 skipped after 25 more."""
    begun = NOON - timedelta(hours=2)
    parts = (
        (NewEvent("PlaybookStarted", {}), 0),
        (finishing(1, "odile"), 20),
        (finishing(2, "pim", skipped=True), 45),
    )
    return tuple(
        written([event], first=seq, at=begun + timedelta(minutes=minutes))[0]
        for seq, (event, minutes) in enumerate(parts, 1)
    )


def test_a_finished_run_is_summed_up() -> None:
    at = snapshot(current=3, events=run_so_far())
    changeset = ChangeSet(at.record, PERSON, NOON)
    changeset.add_event(finishing(3, "odile"))
    event = feedback.capture(changeset, at, "playbook_completed")
    payload = event.payload
    assert check("events/FeedbackCaptured", payload) == []
    assert (payload["steps_total"], payload["steps_completed"], payload["steps_skipped"]) == (3, 2, 1)
    assert [each["seconds"] for each in payload["steps"]] == [20 * 60, 25 * 60, 75 * 60]
    assert sum(each["seconds"] for each in payload["steps"]) == payload["duration_seconds"] == 7200
    assert {(who["actor_id"], who["steps"]) for who in payload["actors"]} == {("odile", 2), ("pim", 1)}


@pytest.mark.parametrize(
    ("deadline", "kept"),
    [(None, None), (NOON, True), (NOON + timedelta(hours=1), True), (NOON - timedelta(microseconds=1), False)],
)
def test_the_sla_is_kept_up_to_its_deadline(deadline: Any, kept: bool | None) -> None:
    at = snapshot(current=3, events=run_so_far())
    event = feedback.capture(ChangeSet(record(sla_deadline=deadline), PERSON, NOON), at, "resolved")
    assert event.payload["sla_kept"] is kept


def test_an_exception_resolved_without_a_playbook_is_summed_up_too() -> None:
    bare = record(current_playbook_id=None, current_step=None, playbook_run=0)
    event = feedback.capture(
        ChangeSet(bare, Actor("system", "s"), NOON), Snapshot(bare, None, NO_PACKS, ()), "resolved"
    )
    assert check("events/FeedbackCaptured", event.payload) == []
    assert (event.run, event.payload["steps"], event.payload["duration_seconds"]) == (None, [], None)


def test_an_exception_created_before_an_attribute_existed_is_the_same_without_it() -> None:
    sent = intake.created(record(entity=None)).payload["exception"]
    older = {name: value for name, value in sent.items() if name != "entity"}
    assert intake.is_same(older, sent, {})
    assert not intake.is_same(older, {**sent, "entity": "Pier 9"}, {})
