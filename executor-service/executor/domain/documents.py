"""Exceptions, playbooks and events as the documents that callers, the matcher and the log see."""

from __future__ import annotations

from typing import Any

from executor.domain.model import Event, ExceptionRecord, Playbook
from sentinai.clock import format_optional_time, format_time
from sentinai.exception_fields import EXCEPTION_FIELDS, ExceptionField


def exception_document(record: ExceptionRecord) -> dict[str, Any]:
    """An exception by the schema ``exception``, without its playbook's name and progress."""
    return {field.name: _value(record, field) for field in EXCEPTION_FIELDS}


def _value(record: ExceptionRecord, field: ExceptionField) -> Any:
    if field.name == "owner":
        return record.owner_id
    value = getattr(record, field.name)
    return format_optional_time(value) if field.is_time else value


def playbook_document(playbook: Playbook) -> dict[str, Any]:
    """A playbook version with its steps, by the schema ``playbook``."""
    return {
        "playbook_id": playbook.playbook_id,
        "name": playbook.name,
        "version": playbook.version,
        "description": playbook.description,
        "conditions": playbook.conditions,
        "on_completion": playbook.on_completion,
        "status": playbook.status,
        "created_at": format_time(playbook.created_at),
        "step_count": len(playbook.steps),
        "steps": [
            {
                "step_id": step.step_id,
                "step_order": step.step_order,
                "name": step.name,
                "action_type": step.action_type,
                "params": step.params,
                "requires_approval": step.requires_approval,
            }
            for step in playbook.steps
        ],
    }


def event_document(event: Event, tenant_id: str, exception_id: str) -> dict[str, Any]:
    """A log entry by the schema ``event``: everything that its hash covers, and the hash."""
    return {
        "event_id": event.event_id,
        "tenant_id": tenant_id,
        "exception_id": exception_id,
        "seq": event.seq,
        "event_type": event.event_type,
        "actor_type": event.actor_type,
        "actor_id": event.actor_id,
        "payload": event.payload,
        "created_at": format_time(event.created_at),
        "prev_hash": event.prev_hash,
        "hash": event.hash,
    }


def playbook_members(playbook: Playbook, run: int) -> dict[str, Any]:
    """The members with which an event names a playbook and the run."""
    return {
        "playbook_id": playbook.playbook_id,
        "playbook_name": playbook.name,
        "playbook_version": playbook.version,
        "run": run,
    }
