"""The Intake agent: brings what a caller sends into the one shape that is stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from executor.domain.hash_chain import GENESIS
from executor.domain.model import Actor, ExceptionRecord, NewEvent
from sentinai.clock import format_optional_time, format_time, parse_time
from sentinai.documents.strict_json import same

_TIMES = ("sla_deadline", "created_at")
_CREATED = (
    "domain",
    "exception_type",
    "severity",
    "status",
    "source_system",
    "entity",
    "amount",
    "owner_kind",
    "owner_id",
    "sla_deadline",
    "normalized_context",
    "created_at",
)


def normalise(document: Mapping[str, Any], *, tenant_id: str, exception_id: str, now: datetime) -> ExceptionRecord:
    """The exception that an ``exception-create`` document describes; a severity left out stays open."""
    owner = document.get("owner")
    severity = document.get("severity")
    deadline, created = (document.get(name) for name in _TIMES)
    return ExceptionRecord(
        tenant_id=tenant_id,
        exception_id=exception_id,
        domain=document["domain"],
        exception_type=document["exception_type"],
        severity=severity.lower() if severity else None,
        status="open",
        source_system=document.get("source_system"),
        entity=document.get("entity"),
        amount=document.get("amount"),
        owner_kind="user" if owner else None,
        owner_id=owner or None,
        sla_deadline=parse_time(deadline) if deadline else None,
        normalized_context=document.get("normalized_context") or {},
        current_playbook_id=None,
        current_step=None,
        playbook_run=0,
        recommendation=None,
        valid_until=None,
        row_version=1,
        created_at=parse_time(created) if created else now,
        updated_at=now,
        resolved_at=None,
        event_seq=0,
        event_hash=GENESIS,
    )


def created(record: ExceptionRecord, actor: Actor) -> NewEvent:
    """The event that an exception begins with."""
    content = {name: getattr(record, name) for name in _CREATED}
    content["sla_deadline"] = format_optional_time(record.sla_deadline)
    content["created_at"] = format_time(record.created_at)
    return NewEvent("ExceptionCreated", {"exception": content, **actor.called_by_member()})


def is_same(stored: Mapping[str, Any], sent: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether a creation that comes again has the content of the stored one.

    ``stored`` and ``sent`` are the ``exception`` members of two ``ExceptionCreated`` payloads. The time of
    creation counts only if the caller gave one: left out, it is another at every call.
    """
    ignored = set() if document.get("created_at") else {"created_at"}
    return all(same(stored[name], sent[name]) for name in _CREATED if name not in ignored)
