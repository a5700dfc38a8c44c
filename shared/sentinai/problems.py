"""The errors of the domain, each with its status and code in the HTTP contract.

Every error that a caller can receive is a :class:`Problem`. It is raised where the fault is found, however deep,
and turned into an ``application/problem+json`` response (RFC 9457) in one place: ``sentinai.web.app``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

MAX_FINDINGS = 100
"""The most findings reported for one document, which bounds the time that validation takes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or may not be intended, in a document, and where.

    ``pointer`` is an RFC 6901 JSON pointer into the document, ``""`` for the whole of it. ``code`` is
    stable and for programs, ``message`` for people; ``hint`` says what to do, where that is known.
    """

    pointer: str
    code: str
    message: str
    hint: str | None = None

    def to_json(self) -> dict[str, str]:
        """The finding as an entry of ``errors`` or ``warnings``; without a hint there is no ``hint`` key."""
        found = {"pointer": self.pointer, "code": self.code, "message": self.message}
        if self.hint is not None:
            found["hint"] = self.hint
        return found

    def under(self, prefix: str) -> Finding:
        """The same finding, seen from a document that contains this one at ``prefix``."""
        return Finding(prefix + self.pointer, self.code, self.message, self.hint)


class Problem(Exception):
    """Base of all errors that a caller can receive. ``extra`` are further members of the problem document."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal server error"

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


class MalformedJson(Problem):
    """The body is not JSON as RFC 8259 and this API require it.

    ``offset`` is the character at which parsing stopped, where it is known; ``token`` is the duplicate key, or
    the literal that is not allowed.
    """

    status, code, title = 400, "malformed_json", "Malformed JSON"

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


class InvalidCursor(Problem):
    """A list cursor that this API did not issue."""

    status, code, title = 400, "invalid_cursor", "Invalid cursor"


class MissingToken(Problem):
    """The request has no bearer token."""

    status, code, title = 401, "missing_token", "Authentication required"


class InvalidToken(Problem):
    """The token is forged, malformed, for another audience, or lacks a claim."""

    status, code, title = 401, "invalid_token", "Invalid token"


class ExpiredToken(Problem):
    """The token has expired."""

    status, code, title = 401, "expired_token", "Token expired"


class Forbidden(Problem):
    """The caller's roles do not allow the operation."""

    status, code, title = 403, "forbidden", "Forbidden"


class TenantMismatch(Problem):
    """The body names a tenant other than the token's."""

    status, code, title = 403, "tenant_mismatch", "Tenant mismatch"


class ActorMismatch(Problem):
    """The body names an actor that the token may not act as."""

    status, code, title = 403, "actor_mismatch", "Actor mismatch"


class HumanRequired(Problem):
    """The step requires a person, and the actor is not one."""

    status, code, title = 403, "human_required", "Human actor required"


class NotFound(Problem):
    """The resource does not exist, or belongs to another tenant."""

    status, code, title = 404, "not_found", "Not found"


class MethodNotAllowed(Problem):
    """The path exists, but not with this method."""

    status, code, title = 405, "method_not_allowed", "Method not allowed"


class StepNotCurrent(Problem):
    """The step is not the current one."""

    status, code, title = 409, "step_not_current", "Not the current step"

    def __init__(self, step_order: int, expected_step: int) -> None:
        super().__init__(
            f"Step {step_order} is not the current step; the current one is step {expected_step}.",
            expected_step=expected_step,
        )


class NoPlaybook(Problem):
    """The exception has no playbook assigned."""

    status, code, title = 409, "no_playbook", "No playbook assigned"


class PlaybookChanged(Problem):
    """Another playbook was assigned since the caller read the exception."""

    status, code, title = 409, "playbook_changed", "The playbook has changed"


class IllegalTransition(Problem):
    """The status may not change this way."""

    status, code, title = 409, "illegal_transition", "Illegal status transition"


class VersionConflict(Problem):
    """The resource changed since the caller read it, or exists with different content."""

    status, code, title = 409, "version_conflict", "The resource has changed"


class PlaybookInProgress(Problem):
    """A playbook in progress is not replaced."""

    status, code, title = 409, "playbook_in_progress", "Playbook in progress"


class TooLarge(Problem):
    """The body exceeds its limit."""

    status, code, title = 413, "too_large", "Request body too large"


class UnsupportedMediaType(Problem):
    """The body is not declared as JSON."""

    status, code, title = 415, "unsupported_media_type", "Unsupported media type"


class InvalidDocument(Problem):
    """A document breaks its schema or the rules of its kind; the findings say where."""

    status, code, title = 422, "invalid_document", "Invalid document"

    @classmethod
    def about(cls, subject: str, findings: Sequence[Finding]) -> InvalidDocument:
        """The problem of some findings; its detail is the first of them, and how many more there are."""
        first, more = findings[0], len(findings) - 1
        where = f" (at {first.pointer})" if first.pointer else ""
        rest = f" And {more} more." if more else ""
        return cls(f"{subject}: {first.message}{where}{rest}", findings=findings)

    def under(self, prefix: str) -> InvalidDocument:
        """The same problem, seen from a document that contains this one at ``prefix``."""
        return InvalidDocument(self.detail, findings=[finding.under(prefix) for finding in self.findings])


class TemplateUnresolved(Problem):
    """A placeholder has no value where one is required."""

    status, code, title = 422, "template_unresolved", "Unresolved placeholder"


class ToolNotAllowed(Problem):
    """The tool is not defined, not approved, or blocked."""

    status, code, title = 422, "tool_not_allowed", "Tool not allowed"


class OwnerNotAllowed(Problem):
    """The Policy Pack does not list the owner as assignable."""

    status, code, title = 422, "owner_not_allowed", "Owner not allowed"


class StepMandatory(Problem):
    """A mandatory step cannot be skipped."""

    status, code, title = 422, "step_mandatory", "Step is mandatory"


class RateLimited(Problem):
    """Too many requests."""

    status, code, title = 429, "rate_limited", "Too many requests"


class MatcherUnavailable(Problem):
    """The matcher did not respond, or its response was not valid."""

    status, code, title = 503, "matcher_unavailable", "Matcher unavailable"


class DatabaseUnavailable(Problem):
    """The database cannot be reached, or stays locked."""

    status, code, title = 503, "database_unavailable", "Database unavailable"
