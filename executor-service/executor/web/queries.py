"""Query parameters, as marshmallow schemas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from executor.store import deliveries
from sentinai.exception_fields import SEVERITIES, STATUSES

_SAFE_TEXT = validate.Regexp(r"[^\x00\ud800-\udfff]*\Z", error="NUL and lone surrogates are not allowed.")


def text(description: str, most: int = 256) -> fields.String:
    """A text parameter."""
    return fields.String(validate=[validate.Length(max=most), _SAFE_TEXT], metadata={"description": description})


def several(choices: tuple[str, ...], description: str) -> fields.List[Any]:
    """A repeatable parameter with a fixed set of values."""
    return fields.List(fields.String(validate=validate.OneOf(choices)), metadata={"description": description})


class Query(Schema):
    """The base of all query schemas: unknown parameters are errors."""

    class Meta:
        """Options for marshmallow."""

        unknown = RAISE


class Page(Query):
    """Which page of a list to return."""

    limit = fields.Integer(
        load_default=50,
        validate=validate.Range(1, 200),
        metadata={"description": "Maximum number of items"},
    )
    cursor = text("The next_cursor of the previous page", most=1024)


class ExceptionsQuery(Page):
    """Filters and sort order of the list of exceptions."""

    status = several(STATUSES, "Exceptions with one of these statuses (repeatable)")
    severity = several(SEVERITIES, "Exceptions with one of these severities (repeatable)")
    domain = text("Exceptions of this domain")
    exception_type = text("Exceptions of this type")
    owner = text("Exceptions owned by this queue or user")
    playbook_id = fields.Integer(
        validate=validate.Range(1, 2**63 - 1), metadata={"description": "Exceptions on this playbook version"}
    )
    sla = fields.String(
        validate=validate.OneOf(("breached", "at_risk")),
        metadata={
            "description": "Unresolved exceptions past their deadline (breached) or within an hour of it (at_risk)"
        },
    )
    sort = fields.String(
        load_default="created_at",
        validate=validate.OneOf(("created_at", "sla")),
        metadata={"description": "Newest first (created_at) or most urgent first (sla)"},
    )


class LogQuery(Query):
    """Which events to return."""

    after_seq = fields.Integer(
        load_default=0,
        validate=validate.Range(0, 2**31 - 1),
        metadata={"description": "Events after this sequence number"},
    )
    event_type = fields.List(
        text("An event type", most=64), metadata={"description": "Events of these types (repeatable)"}
    )
    limit = fields.Integer(
        load_default=50, validate=validate.Range(1, 200), metadata={"description": "Maximum number of events"}
    )
    cursor = text("The next_cursor of the previous page", most=1024)


class EventsQuery(LogQuery):
    """Which events to return, and how long to wait for one."""

    wait = fields.Float(
        load_default=0.0,
        validate=validate.Range(0, 20),
        metadata={"description": "Seconds to wait for an event if there is none yet"},
    )


class PlaybooksQuery(Page):
    """Filters of the list of playbooks."""

    status = fields.String(
        validate=validate.OneOf(("active", "retired")), metadata={"description": "Versions with this status"}
    )
    name = text("Versions of this name")


class DeliveriesQuery(Page):
    """Filters of the list of deliveries."""

    kind = fields.String(
        validate=validate.OneOf(tuple(deliveries.KINDS)), metadata={"description": "Deliveries of this kind"}
    )
    status = fields.String(
        validate=validate.OneOf(deliveries.STATUSES), metadata={"description": "Deliveries with this status"}
    )
    exception_id = text("Deliveries of this exception", most=128)
    webhook_id = text("Deliveries to this webhook; there are none yet", most=64)


class PublishQuery(Query):
    """Options of publishing a playbook."""

    dry_run = fields.Boolean(load_default=False, metadata={"description": "Validate only; store nothing"})


def left_out(keys: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """The member of a page that names what was left out because it cannot be read; empty if there is nothing."""
    return {"unreadable": keys} if keys else {}


def paging(query: dict[str, Any] | Any) -> dict[str, Any]:
    """The paging parameters, as keyword arguments for the store."""
    return {"limit": query["limit"], "cursor": query.get("cursor")}
