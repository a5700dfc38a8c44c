"""The executor's answers about exceptions, their playbooks and their logs."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from sentinai.client.answers.common import Json, Reason


class Progress(TypedDict):
    """How many steps are completed or skipped, of how many."""

    done: int
    total: int


class AssignedPlaybook(TypedDict):
    """The playbook that an exception is on."""

    playbook_id: int
    name: str
    version: int
    progress: Progress


class ExceptionDocument(TypedDict):
    """An operational exception as the executor keeps it. ``row_version`` is its ETag."""

    tenant_id: str
    exception_id: str
    domain: str
    exception_type: str
    severity: Literal["low", "medium", "high", "critical"] | None
    status: Literal["open", "analyzing", "pending_review", "escalated", "resolved"]
    source_system: NotRequired[str | None]
    entity: NotRequired[str | None]
    amount: NotRequired[float | None]
    owner: NotRequired[str | None]
    owner_kind: NotRequired[Literal["queue", "user"] | None]
    owner_id: NotRequired[str | None]
    sla_deadline: NotRequired[str | None]
    normalized_context: NotRequired[Json]
    current_playbook_id: int | None
    current_step: int | None
    playbook_run: int
    playbook: NotRequired[AssignedPlaybook | None]
    row_version: NotRequired[int]
    created_at: str
    updated_at: str
    resolved_at: NotRequired[str | None]


class ExceptionPage(TypedDict):
    """One page of exceptions."""

    items: list[ExceptionDocument]
    next_cursor: str | None


class BetterMatch(TypedDict):
    """A playbook that would fit better than the one in progress."""

    playbook_id: int
    name: str
    version: int
    priority: NotRequired[int]
    reasoning: NotRequired[str]


class Recalculation(TypedDict):
    """What asking the matcher anew has come to."""

    exception_id: str
    changed: bool
    current_playbook_id: int | None
    current_step: int | None
    playbook_name: str | None
    playbook_version: int | None
    reasoning: str | None
    better_match: BetterMatch | None
    valid_until: str | None


class StatePlaybook(TypedDict):
    """The playbook of a state."""

    playbook_id: int
    name: str
    version: int
    description: NotRequired[str | None]
    status: NotRequired[str]


class StateStep(TypedDict):
    """Where a step stands; ``preview`` is its params with the placeholders filled in as of now."""

    step_id: int
    step_order: int
    name: str
    action_type: str
    effect: Literal["read_only", "changes_exception", "external"]
    requires_human: bool
    mandatory: NotRequired[bool]
    status: Literal["pending", "running", "blocked", "completed", "skipped"]
    blocked_reason: str | None
    completed_at: str | None
    actor_type: Literal["human", "agent", "system"] | None
    actor_id: str | None
    mode: NotRequired[str | None]
    notes: str | None
    result: Json | None
    preview: Json | None


class PlaybookState(TypedDict):
    """An exception's playbook and where each step stands; ``outcome`` where a step was just finished."""

    exception_id: str
    playbook: StatePlaybook | None
    run: int
    started: bool
    current_step: int | None
    steps: list[StateStep]
    progress: Progress
    reasoning: str | None
    reasons: NotRequired[list[Reason]]
    alternatives: list[Json]
    near_misses: NotRequired[list[Json]]
    better_match: BetterMatch | None
    valid_until: str | None
    outcome: NotRequired[Literal["completed", "skipped", "already_completed"]]


class Event(TypedDict):
    """One entry of an exception's log."""

    event_id: str
    tenant_id: NotRequired[str]
    exception_id: NotRequired[str]
    seq: int
    event_type: str
    actor_type: Literal["human", "agent", "system"]
    actor_id: str
    payload: Json
    created_at: str
    prev_hash: str
    hash: str


class EventPage(TypedDict):
    """One page of a log."""

    items: list[Event]
    next_cursor: str | None


class ChainCheck(TypedDict):
    """Whether a log is whole."""

    valid: bool
    events: int
    first_broken_seq: int | None


class DummyToolAnswer(TypedDict):
    """What the stub of a tool answers."""

    stub: Literal[True]
    tool_id: str
    idempotency_key: str | None
    detail: str
