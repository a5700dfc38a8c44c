"""What follows the last step of a playbook: the completion, the status it asks for, and the feedback."""

from __future__ import annotations

from executor.agents import feedback
from executor.domain import transitions
from executor.domain.changeset import Draft
from executor.domain.documents import named
from executor.domain.model import NewEvent
from executor.domain.snapshot import FINISHING, Situation
from sentinai.problems import IllegalTransition


def close(draft: Draft, situation: Situation) -> None:
    """Complete the playbook of a draft whose last step was just finished."""
    assert situation.playbook is not None
    run = draft.record.playbook_run
    types = [*_earlier(situation), *(each.event.event_type for each in draft.emitted)]
    wanted = _status_on_completion(situation)
    refused = _why_not(draft, situation, wanted) if wanted else None
    payload = {
        **named(situation.playbook, run),
        "actor_type": draft.actor.actor_type,
        "actor_id": draft.actor.actor_id,
        **draft.actor.called_by_member(),
        "steps_completed": types.count("PlaybookStepCompleted"),
        "steps_skipped": types.count("PlaybookStepSkipped"),
    }
    if wanted:
        payload["on_completion"] = {"set_status": wanted, "applied": refused is None, "reason": refused}
    draft.emit(NewEvent("PlaybookCompleted", payload, run=run))
    if wanted and refused is None:
        draft.emit(
            NewEvent(
                "StatusChanged",
                {"from": draft.record.status, "to": wanted, "cause": "on_completion", "run": run},
                run=run,
            )
        )
    capture_feedback(draft, situation, "playbook_completed")


def capture_feedback(draft: Draft, situation: Situation, trigger: str) -> None:
    """Sum up the run so far."""
    draft.emit(feedback.capture(draft, situation, trigger), feedback.AGENT)


def _earlier(situation: Situation) -> list[str]:
    return [event.event_type for event in situation.run_events if event.event_type in FINISHING]


def _status_on_completion(situation: Situation) -> str | None:
    asked = ((situation.playbook and situation.playbook.on_completion) or {}).get("set_status")
    if asked:
        return str(asked)
    return "resolved" if situation.packs.policy.get("resolve_on_completion") else None


def _why_not(draft: Draft, situation: Situation, wanted: str) -> str | None:
    """Why the status may not become the wanted one; a refusal does not undo the step."""
    if draft.record.status == wanted:
        return f"The status is {wanted} already."
    completed_now = any(each.event.event_type == "PlaybookStepCompleted" for each in draft.emitted)
    try:
        transitions.check(
            draft.record.status,
            wanted,
            actor_type=draft.actor.actor_type,
            has_completed_step=situation.has_completed_step or completed_now,
            policy_pack=situation.packs.policy,
        )
    except IllegalTransition as problem:
        return problem.detail
    return None
