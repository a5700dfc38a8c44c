"""``assign_owner``: assigns the exception to a queue or a user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from executor.actions.base import Plan, StepContext, step_members
from executor.domain.model import NewEvent, Packs
from sentinai import packs as of_packs
from sentinai.problems import Finding, OwnerNotAllowed


class AssignOwner:
    """Emits ``OwnerAssigned``, for owners within the Policy Pack's ``assignable``, if it has that."""

    action_type = "assign_owner"
    verb = "assign the owner"
    icon = "assign"

    def check(self, params: Mapping[str, Any], packs: Packs) -> tuple[Sequence[Finding], Sequence[Finding]]:
        """Errors and warnings about the params."""
        kind, owner = _owner(params)
        allowed = of_packs.assignable(packs.policy, kind)
        if allowed is None or owner in allowed:
            return [], []
        return [], [Finding(f"/{_MEMBER[kind]}", "owner_not_allowed", _refusal(kind, owner, allowed))]

    def plan(self, context: StepContext) -> Plan:
        """The events, messages and result of doing the step now."""
        kind, owner = _owner(context.step.params)
        allowed = of_packs.assignable(context.packs.policy, kind)
        if allowed is not None and owner not in allowed:
            raise OwnerNotAllowed(_refusal(kind, owner, allowed))
        result = {"owner_kind": kind, "owner_id": owner}
        before = context.record
        if (before.owner_kind, before.owner_id) == (kind, owner):
            return Plan(events=(), result={**result, "changed": False})
        previous = before.owner_id and {"owner_kind": before.owner_kind, "owner_id": before.owner_id}
        payload = {**result, "previous": previous or None, **step_members(context)}
        return Plan(events=(NewEvent("OwnerAssigned", payload),), result={**result, "changed": True})

    def preview(self, context: StepContext) -> dict[str, Any]:
        """The owner before and after."""
        kind, owner = _owner(context.step.params)
        return {"owner_kind": kind, "owner_id": owner, "previous": context.record.owner_id}

    def summary(self, params: Mapping[str, Any]) -> str:
        """The step in one line, from its params alone."""
        kind, owner = _owner(params)
        return f"To the queue {owner}" if kind == "queue" else f"To {owner}"


_MEMBER = {"queue": "queue", "user": "user_id"}


def _owner(params: Mapping[str, Any]) -> tuple[str, str]:
    return ("queue", params["queue"]) if "queue" in params else ("user", params["user_id"])


def _refusal(kind: str, owner: str, allowed: Sequence[str]) -> str:
    listed = ", ".join(allowed) or "none"
    return f"The Policy Pack does not allow the {kind} {owner!r} as an owner. Allowed: {listed}."


ACTION = AssignOwner()
