"""From events to state: the fields of an exception, and the status of every step of its playbook.

One function says what an event does to the fields. It is used when an event is written and when the log
is read, so the two cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from executor.domain.model import FINISHING_EVENTS, Event, ExceptionRecord, NewEvent, Playbook, Step
from sentinai.clock import parse_time
from sentinai.documents.strict_json import same
from sentinai.exception_fields import LOGGED_FIELDS
from sentinai.problems import Problem

Fields = Mapping[str, Any]
_UNASSIGNED = {"current_playbook_id": None, "current_step": None, "playbook_run": 0, "resolved_at": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """The status of a step and, once it is finished, who finished it, when, how, and with what result.

    ``requires_human_reasons`` says why it needed a person then; None if it is open, or its event does not say.
    """

    status: str
    blocked: Problem | None = None
    completed_at: datetime | None = None
    actor_type: str | None = None
    actor_id: str | None = None
    mode: str | None = None
    notes: str | None = None
    result: Mapping[str, Any] | None = None
    requires_human_reasons: Sequence[Mapping[str, Any]] | None = None


def apply(record: ExceptionRecord, event: NewEvent, at: datetime) -> ExceptionRecord:
    """The exception after an event at an instant."""
    changes = _changes(event.event_type, event.payload, at)
    return replace(record, **changes) if changes else record


def fold(events: Iterable[Event]) -> dict[str, Any]:
    """The logged fields of an exception, computed from its events alone."""
    fields: dict[str, Any] = {}
    for event in events:
        fields.update(_changes(event.event_type, event.payload, event.created_at))
    return fields


def fields_of(record: ExceptionRecord) -> dict[str, Any]:
    """The logged fields of an exception as it is stored."""
    return {name: getattr(record, name) for name in LOGGED_FIELDS}


def difference(record: ExceptionRecord, events: Iterable[Event]) -> dict[str, tuple[Any, Any]]:
    """The fields that differ from what the events say: by name, as stored and as computed from the log."""
    folded = fold(events)
    both = ((name, value, folded.get(name)) for name, value in fields_of(record).items())
    return {name: (stored, by_log) for name, stored, by_log in both if not same(stored, by_log)}


def step_states(
    playbook: Playbook, record: ExceptionRecord, run_events: Sequence[Event], *, blocked: Problem | None
) -> tuple[StepState, ...]:
    """The state of every step, in order; ``blocked`` says why the current one cannot be done now."""
    finished = {event.payload["step_order"]: event for event in run_events if event.event_type in FINISHING_EVENTS}
    started = any(event.event_type == "PlaybookStarted" for event in run_events)
    return tuple(
        _finished(finished[step.step_order])
        if step.step_order in finished
        else _open(step, record, started, blocked)
        for step in playbook.steps
    )


def _finished(event: Event) -> StepState:
    payload = event.payload
    skipped = event.event_type == "PlaybookStepSkipped"
    return StepState(
        status="skipped" if skipped else "completed",
        completed_at=event.created_at,
        actor_type=payload["actor_type"],
        actor_id=payload["actor_id"],
        mode=payload["mode"],
        notes=payload["reason"] if skipped else payload["notes"],
        result=payload["result"],
        requires_human_reasons=payload.get("requires_human_reasons"),
    )


def _open(step: Step, record: ExceptionRecord, started: bool, blocked: Problem | None) -> StepState:
    if step.step_order != record.current_step:
        return StepState(status="pending")
    if blocked is not None:
        return StepState(status="blocked", blocked=blocked)
    return StepState(status="running" if started else "pending")


def _changes(event_type: str, payload: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """The fields that an event changes; none for events that are only information."""
    change = _CHANGES.get(event_type)
    return change(payload, at) if change else {}


def _on_created(payload: Mapping[str, Any], _at: datetime) -> dict[str, Any]:
    return {**_with_times(payload["exception"]), **_UNASSIGNED}


def _on_updated(payload: Mapping[str, Any], _at: datetime) -> dict[str, Any]:
    return _with_times(payload["changes"])


def _on_triaged(payload: Mapping[str, Any], _at: datetime) -> dict[str, Any]:
    return dict(payload["applied"])


def _on_recalculated(payload: Mapping[str, Any], _at: datetime) -> dict[str, Any]:
    playbook_id = payload["playbook_id"]
    return {
        "current_playbook_id": playbook_id,
        "current_step": None if playbook_id is None else 1,
        "playbook_run": payload["run"],
    }


def _on_step_finished(payload: Mapping[str, Any], _at: datetime) -> dict[str, Any]:
    return {"current_step": payload["next_step"]}


def _on_status(payload: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    status = payload["to"]
    return {"status": status, "resolved_at": at if status == "resolved" else None}


def _on_owner(payload: Mapping[str, Any], _at: datetime) -> dict[str, Any]:
    return {"owner_kind": payload["owner_kind"], "owner_id": payload["owner_id"]}


_CHANGES: Mapping[str, Callable[[Mapping[str, Any], datetime], dict[str, Any]]] = {
    "ExceptionCreated": _on_created,
    "ExceptionUpdated": _on_updated,
    "TriageCompleted": _on_triaged,
    "PlaybookRecalculated": _on_recalculated,
    "PlaybookStepCompleted": _on_step_finished,
    "PlaybookStepSkipped": _on_step_finished,
    "StatusChanged": _on_status,
    "OwnerAssigned": _on_owner,
}


def _with_times(values: Mapping[str, Any]) -> dict[str, Any]:
    times = {name: parse_time(values[name]) for name in ("sla_deadline", "created_at") if values.get(name)}
    return {**values, **times}
