"""The types of the services' answers. Generated from ``schemas/`` by ``make types``; do not edit.

Times are RFC 3339 in UTC, as text.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

ActorType = Literal["human", "agent", "system"]
Severity = Literal["low", "medium", "high", "critical"]
Status = Literal["open", "analyzing", "pending_review", "escalated", "resolved"]


class AssignedPlaybook(TypedDict):
    """The playbook assigned to an exception."""

    playbook_id: int
    name: str
    version: int
    progress: Progress


class BetterMatch(TypedDict):
    """A playbook that fits better than the one in progress."""

    playbook_id: int
    name: str
    version: int
    priority: NotRequired[int]
    reasoning: NotRequired[str]


class ChainCheck(TypedDict):
    """Whether a log is intact: an exception's, or that of a catalogue."""

    valid: bool
    events: int
    first_broken_seq: int | None


class Clause(TypedDict):
    """A clause of the conditions, in words and in JSON-Logic."""

    text: str
    logic: Any
    indexed: bool


class ContextPath(TypedDict):
    """A value that a rule can read."""

    path: str
    type: str


class CurrentPlaybook(TypedDict):
    """The playbook assigned to the exception."""

    playbook_id: int
    name: str
    version: int
    description: NotRequired[str | None]
    status: NotRequired[str]
    superseded_by: NotRequired[int | None]


class Delivery(TypedDict):
    """A notification or a tool call in the outbox."""

    delivery_id: str
    kind: Literal["notify", "call_tool"]
    webhook_id: str | None
    exception_id: str
    event_id: str | None
    channel: str | None
    tool_id: str | None
    status: Literal["pending", "delivered", "failed"]
    attempts: int
    last_attempt_at: str | None
    next_attempt_at: str | None
    last_status: int | None
    last_error: str | None
    created_at: str
    delivered_at: str | None


class DeliveryPage(TypedDict):
    """One page of deliveries."""

    items: list[Delivery]
    next_cursor: str | None
    unreadable: NotRequired[list[str]]


class DomainPack(TypedDict, total=False):
    """A domain's entities, exception types, severity rules, tools and templates."""

    domain_name: str
    entities: dict[str, dict[str, Any]]
    exception_types: dict[str, dict[str, Any]] | list[str]
    severity_rules: list[dict[str, Any]]
    tools: dict[str, dict[str, Any]]
    guardrails: dict[str, Any]
    notification_templates: dict[str, dict[str, Any]]


class DummyToolAnswer(TypedDict):
    """The response of the dummy tool."""

    stub: Literal[True]
    tool_id: str
    idempotency_key: str | None
    detail: str


class EvaluationError(TypedDict):
    """Why a rule could not be evaluated."""

    message: str


class EvaluationFailure(TypedDict):
    """A clause that could not be evaluated."""

    playbook_id: NotRequired[int | None]
    clause: NotRequired[Any]
    message: str
    code: NotRequired[Literal["budget", "failed", "excluded"]]


class Event(TypedDict):
    """One entry of an append-only log: of an exception, or of a tenant's catalogue."""

    event_id: str
    tenant_id: NotRequired[str]
    exception_id: NotRequired[str | None]
    seq: int
    event_type: str
    actor_type: ActorType
    actor_id: str
    payload: dict[str, Any]
    created_at: str
    prev_hash: str
    hash: str


class EventPage(TypedDict):
    """One page of an exception's log."""

    items: list[Event]
    next_cursor: str | None
    unreadable: NotRequired[list[int]]


class ExceptionDocument(TypedDict):
    """An operational exception."""

    tenant_id: str
    exception_id: str
    domain: str
    exception_type: str
    severity: Severity | None
    status: Status
    owner: NotRequired[str | None]
    owner_kind: NotRequired[Literal["queue", "user"] | None]
    owner_id: NotRequired[str | None]
    normalized_context: NotRequired[dict[str, Any]]
    current_playbook_id: int | None
    current_step: int | None
    playbook_run: int
    playbook: NotRequired[AssignedPlaybook | None]
    row_version: NotRequired[int]
    created_at: str
    updated_at: str
    resolved_at: NotRequired[str | None]
    source_system: NotRequired[str | None]
    entity: NotRequired[str | None]
    amount: NotRequired[float | None]
    sla_deadline: NotRequired[str | None]


class ExceptionPage(TypedDict):
    """One page of exceptions."""

    items: list[ExceptionDocument]
    next_cursor: str | None
    unreadable: NotRequired[list[str]]


class Finding(TypedDict):
    """An error or warning about a document, and its location."""

    pointer: str
    code: str
    message: str
    hint: NotRequired[str]
    suggestion: NotRequired[str]
    playbook: NotRequired[str]
    expected: NotRequired[Any]
    actual: NotRequired[Any]
    witness: NotRequired[dict[str, Any]]
    line: NotRequired[int]
    column: NotRequired[int]


class Health(TypedDict):
    """Whether the service is ready."""

    status: Literal["ok", "unavailable"]
    checks: NotRequired[dict[str, str]]


class MatchBatchResponse(TypedDict):
    """One result per exception, in order."""

    results: list[MatchResponse | MatchChoice | Problem]


class MatchChoice(TypedDict):
    """The selected playbook only, without reasons."""

    exception_id: str
    catalogue_revision: int | None
    selected: SelectedPlaybook | None
    policy: PolicyVerdict | None
    valid_until: str | None
    candidates: int
    matched: int
    errors: list[EvaluationFailure]


class MatchResponse(TypedDict):
    """The selected and the ranked playbooks, with reasons."""

    tenant_id: str
    exception_id: str
    as_of: str
    catalogue_revision: int | None
    domain_pack_version: NotRequired[int | None]
    policy_pack_version: NotRequired[int | None]
    selected: SelectedPlaybook | None
    tie: TiedPlaybook | None
    passed_over: list[PassedOverPlaybook]
    ranked: list[RankedPlaybook]
    near_misses: list[NearMiss]
    reasoning: str
    valid_until: str | None
    policy_tags: list[str]
    candidates: int
    matched: int
    errors: list[EvaluationFailure]


class NearMiss(TypedDict):
    """A playbook that fails in one clause only."""

    playbook_id: int
    name: str
    version: int
    priority: int
    failed: Reason


class Operator(TypedDict):
    """An operator of the condition language."""

    name: str
    description: str


class Operators(TypedDict):
    """The operators, predicates and context paths of the condition language."""

    operators: list[Operator]
    predicates: list[Predicate]
    paths: list[ContextPath]


class PassedOverPlaybook(TypedDict):
    """A playbook that fits, but that policy blocks."""

    playbook_id: int
    name: str
    version: int
    priority: int
    reasons: list[PolicyReason]


class Playbook(TypedDict):
    """A published version of a playbook."""

    playbook_id: int
    tenant_id: NotRequired[str]
    name: str
    version: int
    description: NotRequired[str | None]
    conditions: NotRequired[dict[str, Any]]
    in_words: NotRequired[list[str]]
    on_completion: NotRequired[dict[str, Any] | None]
    status: Literal["active", "retired"]
    superseded_by: NotRequired[int | None]
    created_at: str
    steps: NotRequired[list[PlaybookStep]]
    step_count: NotRequired[int]
    warnings: NotRequired[list[Finding]]


class PlaybookAnalytics(TypedDict):
    """Figures for each playbook."""

    items: list[PlaybookFigures]
    next_cursor: NotRequired[str | None]
    unreadable: NotRequired[list[int]]
    unreadable_events: NotRequired[int]


class PlaybookFigures(TypedDict):
    """Figures for one playbook; durations in seconds."""

    playbook_id: int
    name: str
    version: int
    status: NotRequired[str]
    recommended: NotRequired[int]
    started: int
    completed: int
    skipped_steps: int
    steps: NotRequired[list[StepFigures]]
    median_seconds: float | None
    p90_seconds: float | None
    sla_kept: int
    sla_missed: NotRequired[int]


class PlaybookPage(TypedDict):
    """One page of playbook versions."""

    items: list[Playbook]
    next_cursor: str | None
    unreadable: NotRequired[list[int]]


class PlaybookState(TypedDict):
    """An exception's playbook and the state of its steps."""

    exception_id: str
    playbook: CurrentPlaybook | None
    run: int
    started: bool
    current_step: int | None
    steps: list[StepState]
    progress: Progress
    reasoning: str | None
    reasons: NotRequired[list[Reason]]
    policy: NotRequired[PolicyVerdict | None]
    alternatives: list[dict[str, Any]]
    near_misses: NotRequired[list[dict[str, Any]]]
    better_match: BetterMatch | None
    valid_until: str | None
    outcome: NotRequired[Literal["completed", "skipped", "already_completed"]]


class PlaybookStep(TypedDict):
    """A step of a published playbook."""

    step_id: int
    step_order: int
    name: str
    action_type: str
    params: dict[str, Any]
    requires_approval: bool


class PolicyPack(TypedDict, total=False):
    """What a tenant allows and requires."""

    tenant_id: str
    domain_name: str
    tags: list[str]
    tag_rules: list[dict[str, Any]]
    approved_tools: list[str]
    blocked_actions: list[str]
    human_approval_rules: list[dict[str, Any]]
    severity_overrides: list[dict[str, Any]]
    assignable: dict[str, Any]
    status_transitions: dict[str, list[Status]]
    resolve_on_completion: bool


class PolicyReason(TypedDict):
    """Why policy blocks a step, or asks for a person."""

    code: Literal[
        "external_effect",
        "step_requires_approval",
        "approval_rule",
        "tool_not_approved",
        "action_blocked",
        "tool_blocked",
        "tool_undefined",
    ]
    text: str
    step_order: int
    tool_id: NotRequired[str]
    rule_index: NotRequired[int]
    held_at: NotRequired[str]


class PolicyVerdict(TypedDict):
    """What the Policy Pack says about a playbook."""

    verdict: Literal["aligned", "needs_approval", "blocked"]
    reasons: list[PolicyReason]


class Predicate(TypedDict):
    """A key of match."""

    name: str
    field: str
    suffix: str | None
    path: str
    type: str


class Problem(TypedDict):
    """An error, as RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: NotRequired[list[Finding]]
    expected_step: NotRequired[int]


class Progress(TypedDict):
    """How many of a playbook's steps are finished."""

    done: int
    total: int


class PublishCheck(TypedDict):
    """What publishing this playbook would do."""

    valid: Literal[True]
    name: str
    version: int
    unchanged: bool
    warnings: list[Finding]


class RankedPlaybook(TypedDict):
    """A playbook that fits, and why."""

    playbook_id: int
    name: str
    version: int
    priority: int
    rank: int
    reasons: list[Reason]
    policy: PolicyVerdict | None


class Reason(TypedDict):
    """The result of one clause for one exception."""

    text: str
    condition: NotRequired[str]
    observed: NotRequired[str | None]
    error: NotRequired[str]
    path: str | None
    operator: str
    expected: Any
    actual: Any
    truncated: NotRequired[bool]
    satisfied: bool


class Recalculation(TypedDict):
    """The result of a recalculation."""

    exception_id: str
    changed: bool
    current_playbook_id: int | None
    current_step: int | None
    playbook_name: str | None
    playbook_version: int | None
    reasoning: str | None
    better_match: BetterMatch | None
    valid_until: str | None


class Redelivery(TypedDict):
    """The deliveries that are now due again."""

    queued: int


class RuleResult(TypedDict):
    """The result of a bare rule."""

    result: Any
    error: NotRequired[EvaluationError | None]


class SelectedPlaybook(TypedDict):
    """The playbook that is recommended."""

    playbook_id: int
    name: str
    version: int
    priority: int


class StepFigures(TypedDict, total=False):
    """How often a step was completed and skipped."""

    step_order: int
    name: str
    completed: int
    skipped: int


class StepState(TypedDict):
    """The state of one step."""

    step_id: int
    step_order: int
    name: str
    action_type: str
    effect: Literal["read_only", "changes_exception", "external"]
    requires_human: bool
    requires_human_reasons: NotRequired[list[PolicyReason]]
    mandatory: NotRequired[bool]
    status: Literal["pending", "running", "blocked", "completed", "skipped"]
    blocked_code: str | None
    blocked_reason: str | None
    completed_at: str | None
    actor_type: ActorType | None
    actor_id: str | None
    mode: NotRequired[str | None]
    notes: str | None
    result: dict[str, Any] | None
    preview: dict[str, Any] | None


class StoredDomainPack(TypedDict):
    """A Domain Pack and its version."""

    domain: str
    version: int
    pack: DomainPack
    created_at: NotRequired[str]
    warnings: NotRequired[list[Finding]]


class StoredPolicyPack(TypedDict):
    """A Policy Pack and its version."""

    tenant_id: str
    version: int
    pack: PolicyPack
    created_at: NotRequired[str | None]
    warnings: NotRequired[list[Finding]]


class TiedPlaybook(TypedDict):
    """A playbook that fits as well, with the priority of the selected one."""

    playbook_id: int
    name: str
    version: int
    priority: int
    decided_by: Literal["created_at", "playbook_id"]


class ValidateResponse(TypedDict):
    """The findings about a conditions document."""

    valid: bool
    errors: list[Finding]
    warnings: list[Finding]
    normalized: Any
    clauses: list[Clause]
    variables: list[str]


class Verdict(TypedDict):
    """Whether conditions match an exception, clause by clause."""

    matches: bool
    reasons: list[Reason]
    error: EvaluationError | None
    context: dict[str, Any]
