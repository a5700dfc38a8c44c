"""What all actions share: the context of a step, the plan for doing it, and the ids of its messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID, uuid5

from executor.domain.model import Actor, ExceptionRecord, NewEvent, OutboxMessage, Packs, Step
from executor.domain.snapshot import Snapshot
from sentinai.problems import Finding

_NAMESPACE = UUID("8f0a7d0e-2f4b-5c55-9a3e-6b1d4f7c2e90")


@dataclass(frozen=True, slots=True)
class StepContext:
    """Everything an action needs to know. ``tool_mode`` is ``log_only`` or ``stub``."""

    snapshot: Snapshot
    step: Step
    actor: Actor
    as_of: datetime
    tool_mode: str = "log_only"

    @property
    def record(self) -> ExceptionRecord:
        """The exception."""
        return self.snapshot.record

    @property
    def packs(self) -> Packs:
        """The packs that apply to the exception."""
        return self.snapshot.packs


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The outcome of doing a step: events to append, messages to send, and the result kept with the step."""

    events: tuple[NewEvent, ...]
    outbox: tuple[OutboxMessage, ...] = ()
    result: Mapping[str, Any] = field(default_factory=dict)


class Action(Protocol):
    """One action type; its params have the schema ``actions/<action_type>``, which names its effect too.

    ``verb`` says what completing the step does, as in "Complete step: assign the owner"; ``icon`` is one of the
    symbols in ``icons.html``.
    """

    action_type: str
    verb: str
    icon: str

    def check(self, params: Mapping[str, Any], packs: Packs) -> tuple[Sequence[Finding], Sequence[Finding]]:
        """Errors and warnings about params that the schema accepts; pointers are into the params."""

    def plan(self, context: StepContext) -> Plan:
        """The events, messages and result of doing the step now.

        Raises:
            Problem: it would be refused; the message says why.
        """

    def preview(self, context: StepContext) -> dict[str, Any]:
        """The step as it would be done now; a missing value shows as such. Never raises."""

    def summary(self, params: Mapping[str, Any]) -> str:
        """The step in one line, from its params alone."""


def step_members(context: StepContext) -> dict[str, Any]:
    """The members with which an action's event names the step."""
    return {"run": context.record.playbook_run, "step_order": context.step.step_order}


def idempotency_key(context: StepContext) -> str:
    """The key of this step of this run: the same for every attempt, whoever makes it."""
    record = context.record
    place = f"{record.tenant_id}/{record.exception_id}/{record.playbook_run}/{context.step.step_order}"
    return str(uuid5(_NAMESPACE, place))


def message(context: StepContext, kind: str, payload: Mapping[str, Any]) -> OutboxMessage:
    """The outbox message of a step."""
    key = idempotency_key(context)
    return OutboxMessage(outbox_id=key, kind=kind, payload=payload, idempotency_key=key)
