"""The attributes of an exception, defined once: what rules can read, what the log records, what responses contain.

To add one: an entry here, the executor's model and table, a migration, and the schemas.
"""

from __future__ import annotations

from dataclasses import dataclass

SEVERITIES = ("low", "medium", "high", "critical")
"""From least to most severe."""
STATUSES = ("open", "analyzing", "pending_review", "escalated", "resolved")


@dataclass(frozen=True, slots=True)
class ExceptionField:
    """An attribute in an exception's document (schema ``exception``).

    ``rule_type`` describes what a rule reads at ``exception.<name>``; it is None for a field that rules do not see
    and match requests do not carry. ``predicate`` is the kind of values that ``match`` compares the field with.
    ``created`` fields are in the ``ExceptionCreated`` event; ``logged`` ones are determined by the event log.
    """

    name: str
    rule_type: str | None = None
    predicate: str | None = None
    is_time: bool = False
    created: bool = False
    logged: bool = False


EXCEPTION_FIELDS = (
    ExceptionField("tenant_id", "text"),
    ExceptionField("exception_id", "text"),
    ExceptionField("domain", "text", "text", created=True, logged=True),
    ExceptionField("exception_type", "text", "type", created=True, logged=True),
    ExceptionField("severity", f"text: {', '.join(SEVERITIES)}", "severity", created=True, logged=True),
    ExceptionField("status", "text", "text", created=True, logged=True),
    ExceptionField("source_system", "text", "text", created=True, logged=True),
    ExceptionField("entity", "text", "text", created=True, logged=True),
    ExceptionField("amount", "number", "number", created=True, logged=True),
    ExceptionField("owner", "text", "text"),
    ExceptionField("owner_kind", created=True, logged=True),
    ExceptionField("owner_id", created=True, logged=True),
    ExceptionField("sla_deadline", "text: RFC 3339, UTC", "instant", is_time=True, created=True, logged=True),
    ExceptionField(
        "normalized_context", "object: further attributes from the source system", created=True, logged=True
    ),
    ExceptionField("current_playbook_id", logged=True),
    ExceptionField("current_step", logged=True),
    ExceptionField("playbook_run", logged=True),
    ExceptionField("row_version"),
    ExceptionField("created_at", "text: RFC 3339, UTC", "instant", is_time=True, created=True, logged=True),
    ExceptionField("updated_at", is_time=True),
    ExceptionField("resolved_at", is_time=True, logged=True),
)


def severity_rank(severity: str | None) -> int:
    """1 for the least severe to 4 for the most; 0 without a known severity."""
    return SEVERITIES.index(severity) + 1 if severity in SEVERITIES else 0


RULE_FIELDS = tuple(field.name for field in EXCEPTION_FIELDS if field.rule_type)
"""The names that rules see under ``exception``, which are also those that a match request takes."""
CREATED_FIELDS = tuple(field.name for field in EXCEPTION_FIELDS if field.created)
LOGGED_FIELDS = tuple(field.name for field in EXCEPTION_FIELDS if field.logged)
