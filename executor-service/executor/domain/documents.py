"""Exceptions, playbooks and events as the documents that callers, the matcher and the log see."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from executor.domain.model import Event, ExceptionRecord, Playbook, Step
from sentinai.clock import format_optional_time, format_time
from sentinai.exception_fields import EXCEPTION_FIELDS, ExceptionField

_PLAYBOOK, _STEP, _EVENT = (tuple(field.name for field in fields(kind)) for kind in (Playbook, Step, Event))


def members(value: object, *names: str) -> dict[str, Any]:
    """Some attributes of a value, by name."""
    return {name: getattr(value, name) for name in names}


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
        **members(playbook, *_PLAYBOOK),
        "created_at": format_time(playbook.created_at),
        "step_count": len(playbook.steps),
        "steps": [members(step, *_STEP) for step in playbook.steps],
    }


def event_document(event: Event, tenant_id: str, exception_id: str | None) -> dict[str, Any]:
    """A log entry by the schema ``event``: everything that its hash covers, and the hash.

    ``exception_id`` is None for an event of the tenant's catalogue.
    """
    document = {**members(event, *_EVENT), "created_at": format_time(event.created_at)}
    return {"tenant_id": tenant_id, "exception_id": exception_id, **document}


def playbook_members(playbook: Playbook, run: int) -> dict[str, Any]:
    """The members with which an event names a playbook and the run."""
    return {
        "playbook_id": playbook.playbook_id,
        "playbook_name": playbook.name,
        "playbook_version": playbook.version,
        "run": run,
    }
