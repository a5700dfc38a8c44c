"""The executor's answers about playbooks, packs and figures."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from sentinai.client.answers.common import Finding, Json


class PlaybookStep(TypedDict):
    """A step as it was published."""

    step_id: int
    step_order: int
    name: str
    action_type: str
    params: Json
    requires_approval: bool


class Playbook(TypedDict):
    """A published version of a playbook; ``warnings`` where it was just published."""

    playbook_id: int
    tenant_id: NotRequired[str]
    name: str
    version: int
    description: NotRequired[str | None]
    conditions: NotRequired[Json]
    in_words: NotRequired[list[str]]
    on_completion: NotRequired[Json | None]
    status: Literal["active", "retired"]
    created_at: str
    steps: NotRequired[list[PlaybookStep]]
    step_count: NotRequired[int]
    warnings: NotRequired[list[Finding]]


class PlaybookPage(TypedDict):
    """One page of playbook versions."""

    items: list[Playbook]
    next_cursor: str | None


class PublishCheck(TypedDict):
    """What publishing would come to."""

    valid: Literal[True]
    name: str
    version: int
    unchanged: bool
    warnings: list[Finding]


class StoredPolicyPack(TypedDict):
    """A Policy Pack and its version."""

    tenant_id: str
    version: int
    pack: Json
    created_at: NotRequired[str | None]
    warnings: NotRequired[list[Finding]]


class StoredDomainPack(TypedDict):
    """A Domain Pack and its version."""

    domain: str
    version: int
    pack: Json
    created_at: NotRequired[str]
    warnings: NotRequired[list[Finding]]


class StepFigures(TypedDict, total=False):
    """How often a step was completed and skipped."""

    step_order: int
    name: str
    completed: int
    skipped: int


class PlaybookFigures(TypedDict):
    """How a playbook fares; durations in seconds."""

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


class PlaybookAnalytics(TypedDict):
    """How each playbook fares."""

    items: list[PlaybookFigures]
    next_cursor: NotRequired[str | None]
