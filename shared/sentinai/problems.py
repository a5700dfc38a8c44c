"""The errors of the domain, each with its status and code in the HTTP contract.

Every error that a caller can receive is a :class:`Problem`. It is raised where the fault is found, however deep,
and turned into an ``application/problem+json`` response (RFC 9457) in one place: ``sentinai.web.app``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Literal

MAX_FINDINGS = 100
"""The most findings reported for one document, which bounds the time that validation takes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or may not be intended, in a document, and where.

    ``pointer`` is an RFC 6901 JSON pointer into the document, ``""`` for the whole of it. ``code`` is
    stable and for programs, ``message`` for people; ``hint`` says what to do, where that is known.
    ``suggestion`` is the known name that was probably meant, ``playbook`` the other playbook that it is about,
    ``expected`` what the schema asks for (by its keyword, such as a type or a limit) and ``actual`` a short value.
    ``witness`` is an exception that shows it, with the instant, as match requests and test cases have them.
    """

    pointer: str
    code: str
    message: str
    hint: str | None = None
    suggestion: str | None = None
    playbook: str | None = None
    expected: Any = field(default=None, compare=False)
    actual: Any = field(default=None, compare=False)
    witness: Mapping[str, Any] | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        """The finding as an entry of ``errors`` or ``warnings``, without the keys that have no value."""
        return {key: value for key, value in asdict(self).items() if value is not None}

    def under(self, prefix: str) -> Finding:
        """The same finding, seen from a document that contains this one at ``prefix``."""
        return replace(self, pointer=prefix + self.pointer)


class Problem(Exception):
    """Base of all errors that a caller can receive. ``extra`` are further members of the problem document."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal server error"

    def __init_subclass__(cls, *, status: int, code: str, title: str) -> None:
        cls.status, cls.code, cls.title = status, code, title

    def __init__(
        self,
        detail: str,
        *,
        findings: Sequence[Finding] = (),
        retry_after: int | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.findings = tuple(findings)
        self.retry_after = retry_after
        self.extra = extra

    def to_json(self, instance: str) -> dict[str, Any]:
        """The problem document for the request path ``instance``."""
        document: dict[str, Any] = {
            "type": f"urn:sentinai:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "code": self.code,
            **self.extra,
        }
        if self.findings:
            document["errors"] = [finding.to_json() for finding in self.findings]
        return document


MalformedKind = Literal["syntax", "duplicate_key", "literal", "depth", "encoding", "string"]


class MalformedJson(Problem, status=400, code="malformed_json", title="Malformed JSON"):
    """The body is not JSON as RFC 8259 and this API require it.

    ``offset`` is the character at which parsing stopped, where it is known; ``token`` is the duplicate key, or
    the literal that is not allowed.
    """

    def __init__(
        self,
        detail: str,
        *,
        kind: MalformedKind = "syntax",
        offset: int | None = None,
        token: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.offset = offset
        self.token = token


class InvalidCursor(Problem, status=400, code="invalid_cursor", title="Invalid cursor"):
    """A list cursor that this API did not issue."""


class MissingToken(Problem, status=401, code="missing_token", title="Authentication required"):
    """The request has no bearer token."""


class InvalidToken(Problem, status=401, code="invalid_token", title="Invalid token"):
    """The token is forged, malformed, for another audience, or lacks a claim."""


class ExpiredToken(Problem, status=401, code="expired_token", title="Token expired"):
    """The token has expired."""


class Forbidden(Problem, status=403, code="forbidden", title="Forbidden"):
    """The caller's roles do not allow the operation."""


class TenantMismatch(Problem, status=403, code="tenant_mismatch", title="Tenant mismatch"):
    """The body names a tenant other than the token's."""


class ActorMismatch(Problem, status=403, code="actor_mismatch", title="Actor mismatch"):
    """The body names an actor that the token may not act as."""


class HumanRequired(Problem, status=403, code="human_required", title="Human actor required"):
    """The step requires a person, and the actor is not one."""


class NotFound(Problem, status=404, code="not_found", title="Not found"):
    """The resource does not exist, or belongs to another tenant."""


class MethodNotAllowed(Problem, status=405, code="method_not_allowed", title="Method not allowed"):
    """The path exists, but not with this method."""


class StepNotCurrent(Problem, status=409, code="step_not_current", title="Not the current step"):
    """The step is not the current one."""

    def __init__(self, step_order: int, expected_step: int) -> None:
        super().__init__(
            f"Step {step_order} is not the current step; the current one is step {expected_step}.",
            expected_step=expected_step,
        )


class NoPlaybook(Problem, status=409, code="no_playbook", title="No playbook assigned"):
    """The exception has no playbook assigned."""


class PlaybookChanged(Problem, status=409, code="playbook_changed", title="The playbook has changed"):
    """Another playbook was assigned since the caller read the exception."""


class CatalogueChanged(Problem, status=409, code="catalogue_changed", title="The catalogue has changed"):
    """What was recommended can no longer be started: it was retired, superseded or blocked by policy."""


class IllegalTransition(Problem, status=409, code="illegal_transition", title="Illegal status transition"):
    """The status may not change this way."""


class VersionConflict(Problem, status=409, code="version_conflict", title="The resource has changed"):
    """The resource changed since the caller read it, or exists with different content."""


class PlaybookInProgress(Problem, status=409, code="playbook_in_progress", title="Playbook in progress"):
    """A playbook in progress is not replaced."""


class CorruptData(Problem, status=409, code="corrupt_data", title="Stored data is corrupt"):
    """A stored row cannot be read, because it is not what this product wrote."""


class TooLarge(Problem, status=413, code="too_large", title="Request body too large"):
    """The body exceeds its limit."""


class UnsupportedMediaType(Problem, status=415, code="unsupported_media_type", title="Unsupported media type"):
    """The body is not declared as JSON."""


class InvalidDocument(Problem, status=422, code="invalid_document", title="Invalid document"):
    """A document breaks its schema or the rules of its kind; the findings say where."""

    @classmethod
    def about(cls, subject: str, findings: Sequence[Finding]) -> InvalidDocument:
        """The problem for some findings. Its detail is the first finding, and the number of others."""
        first, more = findings[0], len(findings) - 1
        where = f" (at {first.pointer})" if first.pointer else ""
        rest = f" And {more} more." if more else ""
        return cls(f"{subject}: {first.message}{where}{rest}", findings=findings)

    def under(self, prefix: str) -> InvalidDocument:
        """The same problem, seen from a document that contains this one at ``prefix``."""
        return InvalidDocument(self.detail, findings=[finding.under(prefix) for finding in self.findings])


class InvalidQuery(Problem, status=422, code="invalid_query", title="Invalid parameters"):
    """A parameter outside of the body is not valid, such as a header."""


class TemplateUnresolved(Problem, status=422, code="template_unresolved", title="Unresolved placeholder"):
    """A placeholder has no value where one is required."""


class ToolNotAllowed(Problem, status=422, code="tool_not_allowed", title="Tool not allowed"):
    """The tool is not defined, not approved, or blocked."""


class OwnerNotAllowed(Problem, status=422, code="owner_not_allowed", title="Owner not allowed"):
    """The Policy Pack does not list the owner as assignable."""


class StepMandatory(Problem, status=422, code="step_mandatory", title="Step is mandatory"):
    """A mandatory step cannot be skipped."""


class EvaluationBudgetExceeded(
    Problem, status=422, code="evaluation_budget_exceeded", title="Evaluation budget exceeded"
):
    """Evaluating the rules would take more work than a request may cause."""


class RateLimited(Problem, status=429, code="rate_limited", title="Too many requests"):
    """Too many requests."""


class MatcherUnavailable(Problem, status=503, code="matcher_unavailable", title="Matcher unavailable"):
    """The matcher did not respond, or its response was not valid."""


class MatchRejected(MatcherUnavailable, status=503, code="matcher_unavailable", title="Matcher unavailable"):
    """The matcher refuses this one exception as it is; others are not affected."""


class DatabaseUnavailable(Problem, status=503, code="database_unavailable", title="Database unavailable"):
    """The database cannot be reached, or stays locked."""


class DeadlineExceeded(Problem, status=504, code="deadline_exceeded", title="Deadline exceeded"):
    """The caller no longer waits for the answer."""


class MatchTooLate(MatcherUnavailable, status=504, code="deadline_exceeded", title="Deadline exceeded"):
    """The matcher did not answer in the time that the caller gave."""
