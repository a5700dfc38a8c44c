"""Completing a playbook after its last step: the event, the status that it sets, and the feedback."""

from __future__ import annotations

from executor.agents import feedback
from executor.domain import transitions
from executor.domain.changeset import ChangeSet
from executor.domain.documents import playbook_members
from executor.domain.model import FINISHING_EVENTS, NewEvent
from executor.domain.snapshot import Snapshot
from sentinai.problems import IllegalTransition


def complete_playbook(changeset: ChangeSet, snapshot: Snapshot) -> None:
    """Complete the playbook whose last step the change set finishes."""
    assert snapshot.playbook is not None
    run = changeset.record.playbook_run
    types = [*_earlier_events(snapshot), *(each.event.event_type for each in changeset.added_events)]
    target = _status_on_completion(snapshot)
    refused = _reason_to_refuse(changeset, snapshot, target) if target else None
    payload = {
        **playbook_members(snapshot.playbook, run),
        "actor_type": changeset.actor.actor_type,
        "actor_id": changeset.actor.actor_id,
        "steps_completed": types.count("PlaybookStepCompleted"),
        "steps_skipped": types.count("PlaybookStepSkipped"),
    }
    if target:
        payload["on_completion"] = {"set_status": target, "applied": refused is None, "reason": refused}
    changeset.add_event(NewEvent("PlaybookCompleted", payload, run=run))
    if target and refused is None:
        changeset.add_event(
            NewEvent(
                "StatusChanged",
                {"from": changeset.record.status, "to": target, "cause": "on_completion", "run": run},
                run=run,
            )
        )
    capture_feedback(changeset, snapshot, "playbook_completed")


def capture_feedback(changeset: ChangeSet, snapshot: Snapshot, trigger: str) -> None:
    """Add the feedback on the run so far."""
    changeset.add_event(feedback.capture(changeset, snapshot, trigger), feedback.AGENT)


def _earlier_events(snapshot: Snapshot) -> list[str]:
    return [event.event_type for event in snapshot.run_events if event.event_type in FINISHING_EVENTS]


def _status_on_completion(snapshot: Snapshot) -> str | None:
    asked = ((snapshot.playbook and snapshot.playbook.on_completion) or {}).get("set_status")
    if asked:
        return str(asked)
    return "resolved" if snapshot.packs.policy.get("resolve_on_completion") else None


def _reason_to_refuse(changeset: ChangeSet, snapshot: Snapshot, target: str) -> str | None:
    """Why the status cannot be set; a refusal does not undo the step."""
    if changeset.record.status == target:
        return f"The status is already {target}."
    completed_now = any(each.event.event_type == "PlaybookStepCompleted" for each in changeset.added_events)
    try:
        transitions.check(
            changeset.record.status,
            target,
            actor_type=changeset.actor.actor_type,
            has_completed_step=snapshot.has_completed_step or completed_now,
            policy_pack=snapshot.packs.policy,
        )
    except IllegalTransition as problem:
        return problem.detail
    return None
