"""Working through a playbook: starting it, and completing or skipping its steps. One transaction per call.

The row lock lets one caller decide at a time, and the unique index over the finishing events guarantees the
outcome: a step is finished once in a run, however many callers try.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from executor.actions.base import StepContext
from executor.actions.registry import plan_step
from executor.agents import resolution
from executor.domain.approvals import Reasons, reasons_for_approval
from executor.domain.changeset import ChangeSet
from executor.domain.documents import playbook_members
from executor.domain.model import Actor, NewEvent, Playbook, Step
from executor.domain.snapshot import Snapshot, with_saved
from executor.service_layer import completion
from executor.service_layer.ports import Store, Transaction
from executor.service_layer.snapshots import load_snapshot, require_offered, withdrawn
from sentinai.policy import PolicyReason
from sentinai.problems import (
    HumanRequired,
    NoPlaybook,
    NotFound,
    PlaybookChanged,
    StepMandatory,
    StepNotCurrent,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCall:
    """A request to finish a step; ``mode`` is ``execute``, ``attest`` or ``skip``.

    ``notes`` is the caller's remark, or the reason for skipping. ``playbook_id``, if given, is the playbook that
    the caller expects to be assigned.
    """

    exception_id: str
    step_order: int
    actor: Actor
    mode: str = "execute"
    notes: str | None = None
    playbook_id: int | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The exception after a call, and what the call did.

    ``outcome`` is ``completed``, ``skipped`` or ``already_completed``.
    """

    snapshot: Snapshot
    outcome: str


def start(store: Store, tenant_id: str, exception_id: str, actor: Actor, now: datetime) -> Snapshot:
    """Start the recommended playbook; one that has been started is left as it is.

    Raises:
        NotFound: no such exception. NoPlaybook: none is assigned. CatalogueChanged: it is no longer offered.
    """

    def work(tx: Transaction) -> Snapshot:
        snapshot = load_snapshot(tx, exception_id, lock=True)
        playbook = _require_playbook(snapshot)
        if snapshot.started:
            return snapshot
        require_offered(playbook)
        if snapshot.packs.blocks(playbook.steps):
            raise withdrawn(playbook, "has been blocked by policy")
        changeset = ChangeSet(snapshot.record, actor, now)
        changeset.add_event(_started(snapshot, playbook, actor))
        return with_saved(snapshot, tx.save(changeset))

    return store.write(tenant_id, work)


def finish(store: Store, tenant_id: str, call: StepCall, now: datetime, tool_mode: str) -> Finished:
    """Complete or skip a step, exactly once; a finished step is left as it is.

    Raises:
        NotFound, NoPlaybook, PlaybookChanged, StepNotCurrent, HumanRequired, StepMandatory, CatalogueChanged: as
            named.
        Problem: the action itself refuses (tool, owner, transition, unresolved template).
    """

    def work(tx: Transaction) -> Finished:
        snapshot = load_snapshot(tx, call.exception_id, lock=True)
        step = _require_step(snapshot, call)
        if call.step_order in snapshot.finished_steps:
            return Finished(snapshot, "already_completed")
        _require_current(snapshot, call)
        needed = reasons_for_approval(snapshot, now)
        _require_permission(step, call, needed.get(step.step_order, ()))
        changeset = _changes_of(snapshot, step, call, now, tool_mode, needed)
        outcome = "skipped" if call.mode == "skip" else "completed"
        return Finished(with_saved(snapshot, tx.save(changeset)), outcome)

    return store.write(tenant_id, work)


def _require_playbook(snapshot: Snapshot) -> Playbook:
    if snapshot.playbook is None:
        raise NoPlaybook(
            "No playbook is assigned to the exception; recalculate, or publish one whose conditions match it."
        )
    return snapshot.playbook


def _require_step(snapshot: Snapshot, call: StepCall) -> Step:
    playbook = _require_playbook(snapshot)
    if call.playbook_id is not None and call.playbook_id != playbook.playbook_id:
        raise PlaybookChanged(
            f"The exception now has playbook {playbook.playbook_id} ({playbook.name} v{playbook.version}), "
            f"not {call.playbook_id}; read its state again before acting.",
            current_playbook_id=playbook.playbook_id,
        )
    step = snapshot.step(call.step_order)
    if step is None:
        raise NotFound(f"{playbook.name} v{playbook.version} has no step {call.step_order}.")
    return step


def _require_current(snapshot: Snapshot, call: StepCall) -> None:
    expected = snapshot.record.current_step
    if expected is not None and call.step_order != expected:
        raise StepNotCurrent(call.step_order, expected)


def _require_permission(step: Step, call: StepCall, approvals: Sequence[PolicyReason]) -> None:
    """Only people attest and skip; what the step's risk requires decides who executes."""
    is_person = call.actor.actor_type == "human"
    if call.mode != "execute" and not is_person:
        raise HumanRequired(f"Only a person can {call.mode} a step.")
    if call.mode == "skip" and step.params.get("mandatory"):
        raise StepMandatory(f"Step {step.step_order}, {step.name!r}, is mandatory and cannot be skipped.")
    if is_person:
        return
    if approvals:
        why = "; ".join(reason.text for reason in approvals)
        raise HumanRequired(f"Step {step.step_order}, {step.name!r}, needs a person: {why}.")


def _changes_of(
    snapshot: Snapshot, step: Step, call: StepCall, now: datetime, tool_mode: str, needed: Reasons
) -> ChangeSet:
    playbook = _require_playbook(snapshot)
    changeset = ChangeSet(snapshot.record, call.actor, now)
    plan = plan_step(StepContext(snapshot, step, call.actor, now, tool_mode)) if call.mode == "execute" else None
    if not snapshot.started:
        require_offered(playbook)
        changeset.add_event(_started(snapshot, playbook, call.actor))
    result = None
    if plan:
        for event in plan.events:
            changeset.add_event(event)
        changeset.enqueue(*plan.outbox)
        result = dict(plan.result)
    approvals = needed.get(step.step_order, ())
    changeset.add_event(_finished(snapshot, playbook, step, call, result, approvals))
    after = replace(changeset.record, updated_at=now)
    suggestion = resolution.suggest(replace(snapshot, record=after, earlier_packs=()), now, needed)
    if suggestion:
        changeset.add_event(suggestion, resolution.AGENT)
    if changeset.record.current_step is None:
        completion.complete_playbook(changeset, snapshot)
    elif changeset.record.status == "resolved" != snapshot.record.status:
        completion.capture_feedback(changeset, snapshot, "resolved")
    if snapshot.record.status == "resolved" != changeset.record.status:
        # While it was resolved, its recommendation did not expire; now it is due.
        changeset.cache_recommendation(changeset.record.recommendation, changeset.now)
    return changeset


def _started(snapshot: Snapshot, playbook: Playbook, actor: Actor) -> NewEvent:
    run = snapshot.record.playbook_run
    return NewEvent("PlaybookStarted", {**playbook_members(playbook, run), **_actor_members(actor)}, run=run)


def _finished(
    snapshot: Snapshot,
    playbook: Playbook,
    step: Step,
    call: StepCall,
    result: Mapping[str, Any] | None,
    approvals: Sequence[PolicyReason],
) -> NewEvent:
    skipped = call.mode == "skip"
    run = snapshot.record.playbook_run
    payload: dict[str, Any] = {
        **playbook_members(playbook, run),
        "step_id": step.step_id,
        "step_order": step.step_order,
        "step_name": step.name,
        "action_type": step.action_type,
        **_actor_members(call.actor),
        "mode": call.mode,
        "notes": None if skipped else call.notes,
        "result": result,
        "requires_human_reasons": [reason.to_json() for reason in approvals],
        "next_step": step.step_order + 1 if step.step_order < len(playbook.steps) else None,
    }
    if skipped:
        payload["reason"] = call.notes
    event_type = "PlaybookStepSkipped" if skipped else "PlaybookStepCompleted"
    return NewEvent(event_type, payload, run=run, step_order=step.step_order)


def _actor_members(actor: Actor) -> dict[str, str]:
    return {"actor_type": actor.actor_type, "actor_id": actor.actor_id}
