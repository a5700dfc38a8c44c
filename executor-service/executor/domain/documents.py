"""The documents that callers, the matcher and the events see: exceptions, playbooks, and their names."""

from __future__ import annotations

from typing import Any

from executor.domain.model import Event, ExceptionRecord, Playbook
from sentinai.clock import format_optional_time, format_time


def exception_document(record: ExceptionRecord) -> dict[str, Any]:
    """An exception as it is answered, by the schema ``exception`` (without its playbook's name)."""
    return {
        "tenant_id": record.tenant_id,
        "exception_id": record.exception_id,
        "domain": record.domain,
        "exception_type": record.exception_type,
        "severity": record.severity,
        "status": record.status,
        "source_system": record.source_system,
        "entity": record.entity,
        "amount": record.amount,
        "owner": record.owner_id,
        "owner_kind": record.owner_kind,
        "owner_id": record.owner_id,
        "sla_deadline": format_optional_time(record.sla_deadline),
        "normalized_context": record.normalized_context,
        "current_playbook_id": record.current_playbook_id,
        "current_step": record.current_step,
        "playbook_run": record.playbook_run,
        "row_version": record.row_version,
        "created_at": format_time(record.created_at),
        "updated_at": format_time(record.updated_at),
        "resolved_at": format_optional_time(record.resolved_at),
    }


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
    """An entry of the log as it is answered, by the schema ``event``: all that its hash covers, and the hash."""
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


def named(playbook: Playbook, run: int) -> dict[str, Any]:
    """The members by which an event names a playbook and the run."""
    return {
        "playbook_id": playbook.playbook_id,
        "playbook_name": playbook.name,
        "playbook_version": playbook.version,
        "run": run,
    }
