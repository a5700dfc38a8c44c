"""What callers see of an exception's playbook: its steps, what blocks them, and the alternatives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from executor.actions.base import StepContext
from executor.actions.registry import action_of, plan_step
from executor.domain.approvals import Reasons, reasons_for_approval
from executor.domain.documents import members
from executor.domain.fold import StepState, step_states
from executor.domain.model import Actor, Playbook, Step
from executor.domain.recommendation import Entry, Recommendation
from executor.domain.snapshot import Snapshot
from executor.service_layer.snapshots import require_offered
from sentinai.clock import format_optional_time
from sentinai.policy import ALIGNED, NEEDS_APPROVAL, PolicyReason, effect_of, located
from sentinai.problems import Problem

_PLAYBOOK_MEMBERS = ("playbook_id", "name", "version", "description", "status", "superseded_by")


def playbook_state(snapshot: Snapshot, viewer: Actor, now: datetime, tool_mode: str) -> dict[str, Any]:
    """The state of an exception's playbook, by the schema ``playbook-state``."""
    record, playbook = snapshot.record, snapshot.playbook
    recommendation = record.recommendation
    current = recommendation.current or {}
    reasons = reasons_for_approval(snapshot, now)
    steps = _steps(snapshot, playbook, reasons, viewer, now, tool_mode) if playbook else []
    return {
        "exception_id": record.exception_id,
        "playbook": members(playbook, *_PLAYBOOK_MEMBERS) if playbook else None,
        "run": record.playbook_run,
        "started": snapshot.started,
        "current_step": record.current_step,
        "steps": steps,
        "progress": {
            "done": sum(step["status"] in ("completed", "skipped") for step in steps),
            "total": len(steps),
        },
        "reasoning": current.get("reasoning") or recommendation.reasoning,
        "reasons": current.get("reasons", []),
        "policy": _policy(snapshot, current.get("policy"), reasons),
        "alternatives": _alternatives(recommendation, record.current_playbook_id),
        "near_misses": list(recommendation.near_misses),
        "better_match": better_match(snapshot),
        "valid_until": format_optional_time(record.valid_until),
    }


def obstacle(snapshot: Snapshot, viewer: Actor, now: datetime, tool_mode: str) -> Problem | None:
    """What blocks the current step; None if nothing does, or if there is no current step."""
    step = snapshot.step(snapshot.record.current_step or 0)
    if step is None:
        return None
    try:
        plan_step(StepContext(snapshot, step, viewer, now, tool_mode))
        if snapshot.playbook and not snapshot.started:
            require_offered(snapshot.playbook)
    except Problem as problem:
        return problem
    return None


def recalculation(snapshot: Snapshot, changed: bool) -> dict[str, Any]:
    """The result of a recalculation, by the schema of the same name."""
    record, playbook = snapshot.record, snapshot.playbook
    return {
        "exception_id": record.exception_id,
        "changed": changed,
        "current_playbook_id": record.current_playbook_id,
        "current_step": record.current_step,
        "playbook_name": playbook.name if playbook else None,
        "playbook_version": playbook.version if playbook else None,
        "reasoning": record.recommendation.reasoning,
        "better_match": better_match(snapshot),
        "valid_until": format_optional_time(record.valid_until),
    }


def better_match(snapshot: Snapshot) -> dict[str, Any] | None:
    """The playbook that would be chosen now, while another one is in progress."""
    choice = snapshot.record.recommendation.choice
    in_progress = snapshot.started and snapshot.record.current_step is not None
    if not choice or not in_progress or choice["playbook_id"] == snapshot.record.current_playbook_id:
        return None
    return {key: choice[key] for key in ("playbook_id", "name", "version", "priority", "reasoning")}


def _policy(snapshot: Snapshot, verdict: Entry | None, reasons: Reasons) -> Entry | None:
    """The matcher's verdict, with the approval rules that held earlier in the run."""
    earlier = [
        located(step.for_policy, reason).to_json()
        for step in (snapshot.playbook.steps if snapshot.playbook else ())
        for reason in reasons.get(step.step_order, ())
        if reason.held_at and step.step_order >= (snapshot.record.current_step or 0)
    ]
    if verdict is None or not earlier:
        return verdict
    needs_approval = verdict["verdict"] == ALIGNED
    return {
        "verdict": NEEDS_APPROVAL if needs_approval else verdict["verdict"],
        "reasons": [*verdict["reasons"], *earlier],
    }


def _alternatives(recommendation: Recommendation, current: int | None) -> list[Entry]:
    return [entry for entry in recommendation.ranked if entry["playbook_id"] != current]


def _steps(
    snapshot: Snapshot, playbook: Playbook, reasons: Reasons, viewer: Actor, now: datetime, tool_mode: str
) -> list[dict[str, Any]]:
    refusal = obstacle(snapshot, viewer, now, tool_mode)
    states = step_states(playbook, snapshot.record, snapshot.run_events, blocked=refusal)
    return [
        _step(snapshot, step, state, reasons.get(step.step_order, ()), viewer, now, tool_mode)
        for step, state in zip(playbook.steps, states, strict=True)
    ]


def _step(
    snapshot: Snapshot,
    step: Step,
    state: StepState,
    reasons: Sequence[PolicyReason],
    viewer: Actor,
    now: datetime,
    tool_mode: str,
) -> dict[str, Any]:
    action = action_of(step.action_type)
    approvals = state.requires_human_reasons
    if approvals is None:
        approvals = [reason.to_json() for reason in reasons]
    open_still = state.status not in ("completed", "skipped")
    return {
        **members(step, "step_id", "step_order", "name", "action_type"),
        "effect": effect_of(step.action_type),
        "requires_human": bool(approvals),
        "requires_human_reasons": list(approvals),
        "mandatory": bool(step.params.get("mandatory")),
        "blocked_code": state.blocked.code if state.blocked else None,
        "blocked_reason": state.blocked.detail if state.blocked else None,
        **members(state, "status", "actor_type", "actor_id", "mode", "notes", "result"),
        "completed_at": format_optional_time(state.completed_at),
        "preview": action.preview(StepContext(snapshot, step, viewer, now, tool_mode)) if open_still else None,
    }
