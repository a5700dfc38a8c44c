"""The Resolution agent: suggests the next step, with a preview, and who may do it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from executor.actions.base import StepContext
from executor.actions.registry import action_of
from executor.domain.approvals import reasons_for_approval
from executor.domain.documents import playbook_members
from executor.domain.model import Actor, NewEvent
from executor.domain.snapshot import Snapshot

AGENT = Actor("agent", "resolution-agent", None)


def suggest(snapshot: Snapshot, now: datetime, needs_person: Collection[int] = ()) -> NewEvent | None:
    """The event that suggests the current step; None if there is none, or the exception is resolved.

    ``needs_person`` has the steps that needed a person before the call that leads to the step.
    """
    playbook, record = snapshot.playbook, snapshot.record
    step = snapshot.step(record.current_step or 0)
    if playbook is None or step is None or record.status == "resolved":
        return None
    action = action_of(step.action_type)
    requires_human = step.step_order in {*needs_person, *reasons_for_approval(snapshot, now)}
    who = "a person" if requires_human else "a person or an agent"
    return NewEvent(
        "ResolutionSuggested",
        {
            **playbook_members(playbook, record.playbook_run),
            "step_id": step.step_id,
            "step_order": step.step_order,
            "step_name": step.name,
            "action_type": step.action_type,
            "requires_human": requires_human,
            "preview": action.preview(StepContext(snapshot, step, AGENT, now)),
            "summary": f"Next: step {step.step_order} of {len(playbook.steps)}, {step.name}, by {who}.",
        },
        run=record.playbook_run,
    )
