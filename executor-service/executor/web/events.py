"""The event logs of exceptions, with long polling, and of the catalogue; and the checks of their hash chains."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from executor.bootstrap import Services
from executor.domain.documents import event_document
from executor.store import events, exceptions, integrity
from executor.store.cursor import decode_seq, encode
from executor.store.events import EventPage
from executor.web.queries import EventsQuery, LogQuery, left_out
from sentinai import deadline
from sentinai.web import Answer, Api, Call

api: Api[Services] = Api("Events", "The append-only logs of exceptions and of the catalogue.")
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
    page = _read(call, exception_id, seq, query)
    # A waiting call occupies a thread. When too many are waiting, respond at once and let the caller poll again.
    if not (page.events or page.unreadable) and query["wait"] and call.services.waiting.acquire(blocking=False):
        try:
            page = _wait(call, exception_id, seq, query)
        finally:
            call.services.waiting.release()
    return _page(call, exception_id, page)


@api.operation("GET", "/api/exceptions/{exception_id}/events/verify", answers={200: "chain-check"}, role="viewer")
def verify_events(call: _Call, exception_id: str) -> Answer:
    """Verify an exception's hash chain, from its first event to its last."""
    with call.services.database.read(call.identity.tenant_id) as session:
        found, _ = integrity.verify_log(session, exceptions.get(session, exception_id))
    return Answer(asdict(found))


@api.operation("GET", "/api/catalogue/events", answers={200: "event-page"}, role="viewer", query=LogQuery)
def list_catalogue_events(call: _Call) -> Answer:
    """List who published and retired packs and playbooks, in order; ``exception_id`` is null."""
    query = call.query
    seq = decode_seq(query["cursor"]) if query.get("cursor") else query["after_seq"]
    with call.services.database.read(call.identity.tenant_id) as session:
        types = query.get("event_type", ())
        return _page(call, None, events.page(session, None, seq, event_types=types, limit=query["limit"]))


@api.operation("GET", "/api/catalogue/events/verify", answers={200: "chain-check"}, role="viewer")
def verify_catalogue_events(call: _Call) -> Answer:
    """Verify the hash chain of the catalogue's log, from its first event to its last."""
    with call.services.database.read(call.identity.tenant_id) as session:
        found, _ = integrity.verify_catalogue_log(session)
    return Answer(asdict(found))


def _page(call: _Call, exception_id: str | None, page: EventPage) -> Answer:
    tenant_id = call.identity.tenant_id
    return Answer(
        {
            "items": [event_document(event, tenant_id, exception_id) for event in page.events],
            "next_cursor": encode("seq", page.last_seq) if page.last_seq else None,
            **left_out(page.unreadable),
        }
    )


def _read(call: _Call, exception_id: str, seq: int, query: Mapping[str, Any]) -> EventPage:
    with call.services.database.read(call.identity.tenant_id) as session:
        exceptions.last_seq(session, exception_id)
        return events.page(
            session, exception_id, seq, event_types=query.get("event_type", ()), limit=query["limit"]
        )


def _wait(call: _Call, exception_id: str, seq: int, query: Mapping[str, Any]) -> EventPage:
    until = time.monotonic() + min(query["wait"], deadline.seconds_left() * _SHARE)
    end = seq
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(_POLL_SECONDS, left))
        with call.services.database.read(call.identity.tenant_id) as session:
            newest = exceptions.last_seq(session, exception_id)
        if newest > end:
            found = _read(call, exception_id, seq, query)
            if found.events or found.unreadable:
                return found
            end = newest
    return EventPage((), (), None)
