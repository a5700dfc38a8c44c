"""``/api/exceptions/…/events``: the event log, with long polling, and the check of its hash chain."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from executor.bootstrap import Services
from executor.domain.documents import event_document
from executor.domain.model import Event
from executor.store import events, exceptions, integrity
from executor.store.cursor import decode_seq, encode
from executor.web.queries import EventsQuery
from sentinai import deadline
from sentinai.web import Answer, Api, Call

api: Api[Services] = Api("Events", "The append-only log of an exception.")
_Call = Call[Services]
_POLL_SECONDS = 0.2
_SHARE = 0.9
"""Of the time that the caller still waits, the share after which an empty response is on its way."""


@api.operation(
    "GET",
    "/api/exceptions/{exception_id}/events",
    answers={200: "event-page"},
    role="viewer",
    query=EventsQuery,
)
def list_events(call: _Call, exception_id: str) -> Answer:
    """List an exception's events in order. With ``wait``, an empty response is held until an event arrives."""
    query = call.query
    seq = decode_seq(query["cursor"]) if query.get("cursor") else query["after_seq"]
    found = _read(call, exception_id, seq, query)
    # A waiting call occupies a thread. When too many are waiting, respond at once and let the caller poll again.
    if not found and query["wait"] and call.services.waiting.acquire(blocking=False):
        try:
            found = _wait(call, exception_id, seq, query)
        finally:
            call.services.waiting.release()
    page = found[: query["limit"]]
    tenant_id = call.identity.tenant_id
    return Answer(
        {
            "items": [event_document(event, tenant_id, exception_id) for event in page],
            "next_cursor": encode("seq", page[-1].seq) if len(found) > len(page) else None,
        }
    )


@api.operation("GET", "/api/exceptions/{exception_id}/events/verify", answers={200: "chain-check"}, role="viewer")
def verify_events(call: _Call, exception_id: str) -> Answer:
    """Verify an exception's hash chain, from its first event to its last."""
    with call.services.database.read(call.identity.tenant_id) as session:
        found, _ = integrity.verify_log(session, exceptions.get(session, exception_id))
    return Answer({"valid": found.valid, "events": found.events, "first_broken_seq": found.first_broken_seq})


def _read(call: _Call, exception_id: str, seq: int, query: Mapping[str, Any]) -> list[Event]:
    with call.services.database.read(call.identity.tenant_id) as session:
        exceptions.last_seq(session, exception_id)
        return events.after(
            session, exception_id, seq, event_types=query.get("event_type", ()), limit=query["limit"] + 1
        )


def _wait(call: _Call, exception_id: str, seq: int, query: Mapping[str, Any]) -> list[Event]:
    until = time.monotonic() + min(query["wait"], deadline.seconds_left() * _SHARE)
    end = seq
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(_POLL_SECONDS, left))
        with call.services.database.read(call.identity.tenant_id) as session:
            newest = exceptions.last_seq(session, exception_id)
        if newest > end:
            found = _read(call, exception_id, seq, query)
            if found:
                return found
            end = newest
    return []
