"""What can go wrong, as types of the domain, each with its place in the HTTP contract.

Everything a caller may be told is a :class:`Problem`. It is raised where the fault is found, however
deep, and turned into an ``application/problem+json`` answer (RFC 9457) in one place: ``sentinai.web.app``.
This module knows neither Flask nor the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

MAX_FINDINGS = 100
"""How many are looked for in one document: nobody mends more at a time, and looking for each takes its time."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong (or doubtful) in a document, and where.

    ``pointer`` is an RFC 6901 JSON pointer into the document, ``""`` for the whole of it. ``code`` is
    stable and for programs, ``message`` for people; ``hint`` says what to do, where that is known.
    """

    pointer: str
    code: str
    message: str
    hint: str | None = None

    def to_json(self) -> dict[str, str]:
        """The finding as it stands in ``errors`` and ``warnings``; no ``hint`` key without a hint."""
        found = {"pointer": self.pointer, "code": self.code, "message": self.message}
        if self.hint is not None:
            found["hint"] = self.hint
        return found

    def under(self, prefix: str) -> Finding:
        """The same finding, seen from a document in which this one stands at ``prefix``."""
        return Finding(prefix + self.pointer, self.code, self.message, self.hint)


class Problem(Exception):
    """Base of everything a caller is told. ``extra`` are further members of the problem document."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong on our side"

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
    """A list cursor that this API did not make."""

    status, code, title = 400, "invalid_cursor", "The cursor is not one of ours"


class MissingToken(Problem):
    """No bearer token came with the request."""

    status, code, title = 401, "missing_token", "A bearer token is needed"


class InvalidToken(Problem):
    """The token is forged, malformed, for another audience, or lacks a claim."""

    status, code, title = 401, "invalid_token", "The token is not valid"


class ExpiredToken(Problem):
    """The token was good once."""

    status, code, title = 401, "expired_token", "The token has expired"


class Forbidden(Problem):
    """The caller's roles do not allow the operation."""

    status, code, title = 403, "forbidden", "Your role does not allow this"


class TenantMismatch(Problem):
    """A body names another tenant than the token."""

    status, code, title = 403, "tenant_mismatch", "The body names another tenant than the token"


class ActorMismatch(Problem):
    """A body names an actor that the token may not act as."""

    status, code, title = 403, "actor_mismatch", "The token may not act as this actor"


class HumanRequired(Problem):
    """The step needs a person, and the actor is none."""

    status, code, title = 403, "human_required", "This needs a person"


class NotFound(Problem):
    """No such object, or one of another tenant."""

    status, code, title = 404, "not_found", "There is no such thing here"


class MethodNotAllowed(Problem):
    """The path exists, the method on it does not."""

    status, code, title = 405, "method_not_allowed", "This method does not exist here"


class StepNotCurrent(Problem):
    """The step is not the one whose turn it is."""

    status, code, title = 409, "step_not_current", "Another step comes first"

    def __init__(self, step_order: int, expected_step: int) -> None:
        super().__init__(
            f"Step {step_order} is not the current one; step {expected_step} comes next.",
            expected_step=expected_step,
        )


class NoPlaybook(Problem):
    """The exception has no playbook to work through."""

    status, code, title = 409, "no_playbook", "No playbook is assigned"


class PlaybookChanged(Problem):
    """The playbook was switched since the caller looked."""

    status, code, title = 409, "playbook_changed", "The playbook was switched meanwhile"


class IllegalTransition(Problem):
    """The status may not change that way."""

    status, code, title = 409, "illegal_transition", "The status may not change that way"


class VersionConflict(Problem):
    """The object changed since the caller read it, or exists with other content."""

    status, code, title = 409, "version_conflict", "The object is not as you think"


class PlaybookInProgress(Problem):
    """A playbook in progress is not pulled away."""

    status, code, title = 409, "playbook_in_progress", "A playbook is in progress"


class TooLarge(Problem):
    """The body exceeds its limit."""

    status, code, title = 413, "too_large", "The body is too large"


class UnsupportedMediaType(Problem):
    """The body is not declared as JSON."""

    status, code, title = 415, "unsupported_media_type", "Send application/json"


class InvalidDocument(Problem):
    """A document breaks its schema or the rules of its kind; the findings say where."""

    status, code, title = 422, "invalid_document", "The document is not valid"


class TemplateUnresolved(Problem):
    """A placeholder has no value, where a value is needed."""

    status, code, title = 422, "template_unresolved", "A placeholder has no value"


class ToolNotAllowed(Problem):
    """The tool is not defined, not approved, or blocked."""

    status, code, title = 422, "tool_not_allowed", "The tool may not be used"


class OwnerNotAllowed(Problem):
    """The owner is not among those that the Policy Pack lists."""

    status, code, title = 422, "owner_not_allowed", "The owner is not assignable"


class StepMandatory(Problem):
    """A mandatory step is not skipped."""

    status, code, title = 422, "step_mandatory", "The step is mandatory"


class RateLimited(Problem):
    """Too many requests."""

    status, code, title = 429, "rate_limited", "Too many requests"


class MatcherUnavailable(Problem):
    """The matcher did not answer, or answered rubbish."""

    status, code, title = 503, "matcher_unavailable", "The matcher cannot be reached"


class DatabaseUnavailable(Problem):
    """The database is away or stays locked."""

    status, code, title = 503, "database_unavailable", "The database cannot be reached"
