"""The values of the executor's domain: plain, frozen, and without behaviour of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from executor.domain.recommendation import Recommendation
from sentinai.policy import Policy, PolicyStep

FINISHING_EVENTS = ("PlaybookStepCompleted", "PlaybookStepSkipped")
RUN_EVENTS = ("PlaybookStarted", *FINISHING_EVENTS, "PlaybookCompleted", "ApprovalRulesKept")
"""The events that determine how far a run is, and which of its steps need a person."""


@dataclass(frozen=True, slots=True)
class ExceptionRecord:
    """An exception in its current state.

    ``current_step`` is 1-based, None when the playbook is finished or none is assigned. ``playbook_run`` counts
    assignments. ``recommendation``, ``valid_until`` and ``catalogue_revision`` keep the matcher's last answer;
    with ``row_version`` and ``updated_at`` they are no part of the log. ``event_seq`` and ``event_hash`` are the
    end of the log.
    """

    tenant_id: str
    exception_id: str
    domain: str
    exception_type: str
    severity: str | None
    status: str
    source_system: str | None
    entity: str | None
    amount: int | float | None
    owner_kind: str | None
    owner_id: str | None
    sla_deadline: datetime | None
    normalized_context: Mapping[str, Any]
    current_playbook_id: int | None
    current_step: int | None
    playbook_run: int
    recommendation: Recommendation
    valid_until: datetime | None
    catalogue_revision: int | None
    row_version: int
    created_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    event_seq: int
    event_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a playbook version."""

    step_id: int
    step_order: int
    name: str
    action_type: str
    params: Mapping[str, Any]
    requires_approval: bool

    @property
    def for_policy(self) -> PolicyStep:
        """What policy looks at."""
        return PolicyStep(
            self.step_order, self.name, self.action_type, self.params.get("tool_id"), self.requires_approval
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    """A published version of a playbook, with its steps in order.

    ``superseded_by`` is the newest active version of the same name, if that is a later one.
    """

    playbook_id: int
    name: str
    version: int
    description: str | None
    conditions: Mapping[str, Any]
    on_completion: Mapping[str, Any] | None
    status: str
    created_at: datetime
    steps: tuple[Step, ...]
    superseded_by: int | None = None

    @property
    def is_offered(self) -> bool:
        """Whether the matcher may choose it: neither retired nor superseded."""
        return self.status == "active" and self.superseded_by is None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts (``human``, ``agent`` or ``system``, with an id), and the service that called for them, if any."""

    actor_type: str
    actor_id: str
    called_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Packs:
    """The packs that apply to an exception; empty, with version None, where there are none.

    ``since`` is when the later of the two was published.
    """

    domain: Mapping[str, Any]
    policy: Mapping[str, Any]
    domain_version: int | None = None
    policy_version: int | None = None
    since: datetime | None = None

    @cached_property
    def rules(self) -> Policy:
        """What they allow, and what they ask a person for."""
        return Policy(self.domain, self.policy)

    def blocks(self, steps: Iterable[Step]) -> bool:
        """Whether policy forbids to assign a playbook with these steps."""
        return any(True for step in steps for _ in self.rules.reasons_to_block(step.for_policy))


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be appended to the log; ``run`` and ``step_order`` say what it belongs to."""

    event_type: str
    payload: Mapping[str, Any]
    run: int | None = None
    step_order: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of an exception's log; ``hash`` covers ``prev_hash`` and every other member."""

    event_id: str
    seq: int
    event_type: str
    actor_type: str
    actor_id: str
    payload: Mapping[str, Any]
    created_at: datetime
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Saved:
    """The result of a call: the exception after it, and the events that it appended."""

    record: ExceptionRecord
    events: Sequence[Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """A message to be delivered at least once: a ``notification`` or a ``tool_call``."""

    outbox_id: str
    kind: str
    payload: Mapping[str, Any]
    idempotency_key: str
