"""The query parameters of lists."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from sentinai.exception_fields import SEVERITIES, STATUSES

_SAFE_TEXT = validate.Regexp(r"[^\x00\ud800-\udfff]*\Z", error="NUL and lone surrogates are not accepted.")


def text(description: str, most: int = 256) -> fields.String:
    """A parameter that is text."""
    return fields.String(validate=[validate.Length(max=most), _SAFE_TEXT], metadata={"description": description})


def several(choices: tuple[str, ...], description: str) -> fields.List[Any]:
    """A parameter that may stand several times, each one of some words."""
    return fields.List(fields.String(validate=validate.OneOf(choices)), metadata={"description": description})


class Query(Schema):
    """Base of all: an unknown parameter is an error."""

    class Meta:
        """Marshmallow's options."""

        unknown = RAISE


class Page(Query):
    """How much of a list, and from where."""

    limit = fields.Integer(
        load_default=50,
        validate=validate.Range(1, 200),
        metadata={"description": "How many items at most"},
    )
    cursor = text("The next_cursor of the page before", most=1024)


class ExceptionsQuery(Page):
    """Narrows and orders the list of exceptions."""

    status = several(STATUSES, "Only these statuses (repeatable)")
    severity = several(SEVERITIES, "Only these severities (repeatable)")
    domain = text("Only this domain")
    exception_type = text("Only this exception type")
    owner = text("Only exceptions of this queue or user")
    playbook_id = fields.Integer(
        validate=validate.Range(1, 2**63 - 1), metadata={"description": "Only exceptions on this playbook"}
    )
    sla = fields.String(
        validate=validate.OneOf(("breached", "at_risk")),
        metadata={"description": "Unresolved ones past their deadline, or within an hour of it"},
    )
    sort = fields.String(
        load_default="created_at",
        validate=validate.OneOf(("created_at", "sla")),
        metadata={"description": "Newest first, or most urgent first"},
    )


class EventsQuery(Query):
    """Where in the log to read from, and whether to wait."""

    after_seq = fields.Integer(
        load_default=0,
        validate=validate.Range(0, 2**31 - 1),
        metadata={"description": "Only events after this seq"},
    )
    event_type = fields.List(
        text("An event type", most=64), metadata={"description": "Only these types (repeatable)"}
    )
    limit = fields.Integer(
        load_default=50, validate=validate.Range(1, 200), metadata={"description": "How many at most"}
    )
    cursor = text("The next_cursor of the page before", most=1024)
    wait = fields.Float(
        load_default=0.0,
        validate=validate.Range(0, 20),
        metadata={"description": "Seconds to wait for something newer"},
    )


class PlaybooksQuery(Page):
    """Narrows the list of playbooks."""

    status = fields.String(validate=validate.OneOf(("active", "retired")), metadata={"description": "Only these"})
    name = text("Only versions of this name")


class PublishQuery(Query):
    """How to publish."""

    dry_run = fields.Boolean(load_default=False, metadata={"description": "Only validate; nothing is stored"})


def paging(query: dict[str, Any] | Any) -> dict[str, Any]:
    """The two paging parameters, as the store takes them."""
    return {"limit": query["limit"], "cursor": query.get("cursor")}
