"""The matcher's answers."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from sentinai.client.answers.common import Finding, Json, Problem, Reason, Selected


class Ranked(Selected):
    """A playbook that fits, and why."""

    rank: int
    reasons: list[Reason]


class NearMiss(Selected):
    """A playbook that fails in one clause only."""

    failed: Reason


class EvaluationFailure(TypedDict):
    """A clause that could not be evaluated. ``playbook_id`` and ``clause`` where known."""

    message: str
    playbook_id: NotRequired[int | None]
    clause: NotRequired[Any]


class MatchResponse(TypedDict):
    """The ranked choice, with its reasons."""

    tenant_id: str
    exception_id: str
    as_of: str
    catalogue_revision: int | None
    domain_pack_version: NotRequired[int | None]
    policy_pack_version: NotRequired[int | None]
    selected: Selected | None
    ranked: list[Ranked]
    near_misses: list[NearMiss]
    reasoning: str
    valid_until: str | None
    policy_tags: list[str]
    candidates: int
    matched: int
    errors: list[EvaluationFailure]


class MatchBatchResponse(TypedDict):
    """One result per exception, in order."""

    results: list[MatchResponse | Problem]


class Clause(TypedDict):
    """A part of some conditions, in words and in JSON-Logic."""

    text: str
    logic: Any
    indexed: bool


class ValidateResponse(TypedDict):
    """What an author is told of conditions."""

    valid: bool
    errors: list[Finding]
    warnings: list[Finding]
    normalized: Any
    clauses: list[Clause]
    variables: list[str]


class EvaluationError(TypedDict):
    """Why a rule gave no result."""

    message: str


class Verdict(TypedDict):
    """Whether conditions hold for an exception, clause by clause; ``context`` is what they saw."""

    matches: bool
    reasons: list[Reason]
    error: EvaluationError | None
    context: Json


class RuleResult(TypedDict):
    """The result of a bare rule."""

    result: Any
    error: NotRequired[EvaluationError | None]


class Operator(TypedDict):
    """An operator of the condition language."""

    name: str
    description: str


class Predicate(TypedDict):
    """A key that ``match`` takes."""

    name: str
    field: str
    suffix: str | None
    path: str
    type: str


class ContextPath(TypedDict):
    """Something that a rule sees."""

    path: str
    type: str


class Operators(TypedDict):
    """The words of the condition language."""

    operators: list[Operator]
    predicates: list[Predicate]
    paths: list[ContextPath]
