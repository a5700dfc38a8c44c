"""``/api/exceptions``: create, read, list, update, comment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from uuid6 import uuid7

from executor.bootstrap import Services
from executor.domain.documents import event_document, exception_document
from executor.domain.model import ExceptionRecord, Playbook
from executor.service_layer import create, update
from executor.store import exception_list, exceptions
from executor.store import playbooks as playbook_store
from executor.web.actors import ACTOR_HEADERS, acting
from executor.web.queries import ExceptionsQuery, left_out, paging
from sentinai.database.tenant_session import TenantSession
from sentinai.problems import TenantMismatch, VersionConflict
from sentinai.web import Answer, Api, Call
from sentinai.web.inputs import require_context

api: Api[Services] = Api("Exceptions", "Operational exceptions: create, find, change and comment on them.")
_Call = Call[Services]
_ENTITY_TAG = re.compile(r'(W/)?(?P<quote>"?)(?P<version>[0-9]{1,18})(?P=quote)\Z')


@api.operation(
    "POST",
    "/api/exceptions",
    answers={201: "exception", 200: "exception"},
    role="operator",
    body="exception-create",
    request_headers=ACTOR_HEADERS,
)
def create_exception(call: _Call) -> Answer:
    """Create an exception: triage it, recommend a playbook, suggest the next step."""
    services, body = call.services, call.body
    if body.get("tenant_id", call.identity.tenant_id) != call.identity.tenant_id:
        raise TenantMismatch("Omit tenant_id, or send the tenant of the token.")
    require_context(body, services.settings.context_limit_bytes)
    created = create.create_exception(
        services.store,
        services.matcher,
        body,
        tenant_id=call.identity.tenant_id,
        exception_id=body.get("exception_id") or f"EX-{uuid7()}",
        actor=acting(call.identity, call.headers, body),
        now=services.clock(),
    )
    answer = _answer(services, created.snapshot.record)
    location = {"Location": f"/api/exceptions/{created.snapshot.record.exception_id}"}
    status, headers = (201, {**answer.headers, **location}) if created.is_new else (200, answer.headers)
    return Answer(answer.body, status, headers)


@api.operation(
    "GET",
    "/api/exceptions",
    answers={200: "exception-page"},
    role="viewer",
    query=ExceptionsQuery,
)
def list_exceptions(call: _Call) -> Answer:
    """List exceptions, newest first or most urgent first."""
    with call.services.database.read(call.identity.tenant_id) as session:
        items, page = exception_items(session, call.query, call.services.clock())
    return Answer({"items": items, "next_cursor": page.next_cursor, **left_out(page.unreadable)})


def exception_items(
    session: TenantSession, query: Mapping[str, Any], now: datetime
) -> tuple[list[dict[str, Any]], exception_list.ExceptionPage]:
    """One page of exceptions: as response items, each with its playbook and progress, and as it was read."""
    filters = exception_list.Filters(
        **{name: query[name] for name in exception_list.FILTER_NAMES if query.get(name) is not None}
    )
    page = exception_list.page(session, filters, now=now, **paging(query))
    return _documents(session, page.records), page


@api.operation("GET", "/api/exceptions/{exception_id}", answers={200: "exception"}, role="viewer")
def get_exception(call: _Call, exception_id: str) -> Answer:
    """Get one exception. The ETag is its version."""
    with call.services.database.read(call.identity.tenant_id) as session:
        record = exceptions.get(session, exception_id)
    return _answer(call.services, record)


@api.operation(
    "PATCH",
    "/api/exceptions/{exception_id}",
    answers={200: "exception"},
    role="operator",
    body="exception-patch",
    request_headers={"If-Match": "The ETag that the exception must still have.", **ACTOR_HEADERS},
)
def change_exception(call: _Call, exception_id: str) -> Answer:
    """Update attributes of an exception, and its recommendation where they matter to it."""
    require_context(call.body, call.services.settings.context_limit_bytes)
    snapshot = update.update_exception(
        call.services.store,
        call.services.matcher,
        call.identity.tenant_id,
        exception_id,
        call.body,
        expected_versions=_expected_versions(call.headers.get("If-Match")),
        actor=acting(call.identity, call.headers),
        now=call.services.clock(),
    )
    return _answer(call.services, snapshot.record)


@api.operation(
    "POST",
    "/api/exceptions/{exception_id}/comments",
    answers={201: "event"},
    role="operator",
    body="comment-request",
    request_headers=ACTOR_HEADERS,
)
def add_comment(call: _Call, exception_id: str) -> Answer:
    """Add a comment to an exception."""
    event = update.comment(
        call.services.store,
        call.identity.tenant_id,
        exception_id,
        call.body["text"],
        acting(call.identity, call.headers, call.body),
        call.services.clock(),
    )
    return Answer(event_document(event, call.identity.tenant_id, exception_id), 201)


def _answer(services: Services, record: ExceptionRecord) -> Answer:
    with services.database.read(record.tenant_id) as session:
        [document] = _documents(session, [record])
    return Answer(document, headers={"ETag": f'"{record.row_version}"'})


def _documents(session: TenantSession, records: Sequence[ExceptionRecord]) -> list[dict[str, Any]]:
    """Exceptions by the schema ``exception``. One whose playbook cannot be read has none."""
    playbooks = playbook_store.get_playbooks(
        session, (record.current_playbook_id for record in records if record.current_playbook_id)
    )
    done = exception_list.count_finished_steps(session, records)
    return [
        _document(record, playbooks.get(record.current_playbook_id or 0), done.get(record.exception_id, 0))
        for record in records
    ]


def _document(record: ExceptionRecord, playbook: Playbook | None, done: int) -> dict[str, Any]:
    return {
        **exception_document(record),
        "playbook": playbook
        and {
            "playbook_id": playbook.playbook_id,
            "name": playbook.name,
            "version": playbook.version,
            "progress": {"done": done, "total": len(playbook.steps)},
        },
    }


def _expected_versions(header: str | None) -> frozenset[int] | None:
    """The versions that an If-Match header accepts, or None where it accepts any (``*``, or no header).

    A weak tag is accepted too: a proxy that compresses responses makes one out of a strong tag.
    """
    if header is None or header.strip() == "*":
        return None
    tags = (_ENTITY_TAG.match(each.strip()) for each in header.split(","))
    versions = frozenset(int(tag["version"]) for tag in tags if tag)
    if not versions:
        raise VersionConflict(
            f"If-Match {header[:80]!r} is not a version of the exception; send an ETag unchanged."
        )
    return versions
