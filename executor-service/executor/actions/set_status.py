"""``set_status``: changes the exception's status along the allowed transitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from executor.actions.base import Plan, StepContext, step_members
from executor.domain import transitions
from executor.domain.model import NewEvent, Packs
from sentinai.problems import Finding


class SetStatus:
    """Emits ``StatusChanged``; nothing if the exception has the status already."""

    action_type = "set_status"
    verb = "change the status"
    icon = "swap"

    def check(self, params: Mapping[str, Any], packs: Packs) -> tuple[Sequence[Finding], Sequence[Finding]]:
        """Errors and warnings about the params."""
        if params["status"] != "open":
            return [], []
        found = Finding("/status", "unreachable_status", "No status can change to open.", "Choose another status.")
        return [found], []

    def plan(self, context: StepContext) -> Plan:
        """The events, messages and result of doing the step now."""
        current, target = context.record.status, context.step.params["status"]
        if current == target:
            return Plan(events=(), result={"status": target, "changed": False})
        transitions.check(
            current,
            target,
            actor_type=context.actor.actor_type,
            has_completed_step=context.snapshot.has_completed_step,
            policy_pack=context.packs.policy,
        )
        payload = {"from": current, "to": target, "cause": "step", **step_members(context)}
        return Plan(events=(NewEvent("StatusChanged", payload),), result={"status": target, "changed": True})

    def preview(self, context: StepContext) -> dict[str, Any]:
        """The status before and after."""
        return {"from": context.record.status, "to": context.step.params["status"]}

    def summary(self, params: Mapping[str, Any]) -> str:
        """The step in one line, from its params alone."""
        return f"To {params['status'].replace('_', ' ')}"


ACTION = SetStatus()
