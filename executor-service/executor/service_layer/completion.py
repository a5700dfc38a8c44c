"""What follows the last step of a playbook: the completion, the status it asks for, and the feedback."""

from __future__ import annotations

from executor.agents import feedback
from executor.domain import transitions
from executor.domain.changeset import ChangeSet
from executor.domain.documents import named
from executor.domain.model import FINISHING_EVENTS, NewEvent
from executor.domain.snapshot import Snapshot
from sentinai.problems import IllegalTransition


def close(changeset: ChangeSet, snapshot: Snapshot) -> None:
    """Complete the playbook of a draft whose last step was just finished."""
    assert snapshot.playbook is not None
    run = changeset.record.playbook_run
    types = [*_earlier(snapshot), *(each.event.event_type for each in changeset.added_events)]
    wanted = _status_on_completion(snapshot)
    refused = _why_not(changeset, snapshot, wanted) if wanted else None
    payload = {
        **named(snapshot.playbook, run),
        "actor_type": changeset.actor.actor_type,
        "actor_id": changeset.actor.actor_id,
        **changeset.actor.called_by_member(),
        "steps_completed": types.count("PlaybookStepCompleted"),
        "steps_skipped": types.count("PlaybookStepSkipped"),
    }
    if wanted:
        payload["on_completion"] = {"set_status": wanted, "applied": refused is None, "reason": refused}
    changeset.add_event(NewEvent("PlaybookCompleted", payload, run=run))
    if wanted and refused is None:
        changeset.add_event(
            NewEvent(
                "StatusChanged",
                {"from": changeset.record.status, "to": wanted, "cause": "on_completion", "run": run},
                run=run,
            )
        )
    capture_feedback(changeset, snapshot, "playbook_completed")


def capture_feedback(changeset: ChangeSet, snapshot: Snapshot, trigger: str) -> None:
    """Sum up the run so far."""
    changeset.add_event(feedback.capture(changeset, snapshot, trigger), feedback.AGENT)


def _earlier(snapshot: Snapshot) -> list[str]:
    return [event.event_type for event in snapshot.run_events if event.event_type in FINISHING_EVENTS]


def _status_on_completion(snapshot: Snapshot) -> str | None:
    asked = ((snapshot.playbook and snapshot.playbook.on_completion) or {}).get("set_status")
    if asked:
        return str(asked)
    return "resolved" if snapshot.packs.policy.get("resolve_on_completion") else None


def _why_not(changeset: ChangeSet, snapshot: Snapshot, wanted: str) -> str | None:
    """Why the status may not become the wanted one; a refusal does not undo the step."""
    if changeset.record.status == wanted:
        return f"The status is {wanted} already."
    completed_now = any(each.event.event_type == "PlaybookStepCompleted" for each in changeset.added_events)
    try:
        transitions.check(
            changeset.record.status,
            wanted,
            actor_type=changeset.actor.actor_type,
            has_completed_step=snapshot.has_completed_step or completed_now,
            policy_pack=snapshot.packs.policy,
        )
    except IllegalTransition as problem:
        return problem.detail
    return None
