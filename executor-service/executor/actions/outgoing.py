"""Messages that leave through the outbox, named so that a repetition is known as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from executor.actions.registry import StepContext
from executor.domain.model import OutboxMessage

_NAMESPACE = UUID("8f0a7d0e-2f4b-5c55-9a3e-6b1d4f7c2e90")


def idempotency_key(context: StepContext) -> str:
    """What names this one doing of this one step, whoever repeats it."""
    record = context.record
    place = f"{record.tenant_id}/{record.exception_id}/{record.playbook_run}/{context.step.step_order}"
    return str(uuid5(_NAMESPACE, place))


def message(context: StepContext, kind: str, payload: Mapping[str, Any]) -> OutboxMessage:
    """The outbox message of a step."""
    key = idempotency_key(context)
    return OutboxMessage(outbox_id=key, kind=kind, payload=payload, idempotency_key=key)
