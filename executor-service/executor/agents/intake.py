"""The Intake agent: normalises what a caller sends into the form that is stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from executor.domain.documents import exception_document
from executor.domain.hash_chain import GENESIS
from executor.domain.model import ExceptionRecord, NewEvent
from executor.domain.recommendation import Recommendation
from sentinai.clock import parse_time
from sentinai.documents.strict_json import same
from sentinai.exception_fields import CREATED_FIELDS


def normalise(document: Mapping[str, Any], *, tenant_id: str, exception_id: str, now: datetime) -> ExceptionRecord:
    """The exception that an ``exception-create`` document describes; without a severity, it is left to triage."""
    owner, severity = document.get("owner") or None, document.get("severity")
    deadline, created = document.get("sla_deadline"), document.get("created_at")
    attributes = {name: document.get(name) for name in CREATED_FIELDS} | {
        "severity": severity.lower() if severity else None,
        "status": "open",
        "owner_kind": "user" if owner else None,
        "owner_id": owner,
        "sla_deadline": parse_time(deadline) if deadline else None,
        "normalized_context": document.get("normalized_context") or {},
        "created_at": parse_time(created) if created else now,
    }
    return ExceptionRecord(
        tenant_id=tenant_id,
        exception_id=exception_id,
        **attributes,
        current_playbook_id=None,
        current_step=None,
        playbook_run=0,
        recommendation=Recommendation(),
        valid_until=None,
        catalogue_revision=None,
        row_version=1,
        updated_at=now,
        resolved_at=None,
        event_seq=0,
        event_hash=GENESIS,
    )


def created(record: ExceptionRecord) -> NewEvent:
    """The first event of an exception."""
    document = exception_document(record)
    content = {name: document[name] for name in CREATED_FIELDS}
    return NewEvent("ExceptionCreated", {"exception": content})


def is_same(stored: Mapping[str, Any], sent: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether a repeated creation has the content of the stored one.

    ``stored`` and ``sent`` are the ``exception`` members of two ``ExceptionCreated`` payloads. The time of
    creation is compared only if the caller gave one; otherwise it differs with every call.
    """
    ignored = set() if document.get("created_at") else {"created_at"}
    return all(same(stored.get(name), sent[name]) for name in CREATED_FIELDS if name not in ignored)
