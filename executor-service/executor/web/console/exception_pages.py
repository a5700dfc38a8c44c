"""The pages about exceptions: the queue, and one exception."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flask import g, render_template, request, url_for
from marshmallow import EXCLUDE, ValidationError

from executor.domain.documents import event_document, exception_document
from executor.service_layer import views
from executor.service_layer.snapshots import load_snapshot
from executor.store import events, exception_list
from executor.store import packs as pack_store
from executor.store import playbooks as playbook_store
from executor.web.actors import caller
from executor.web.console.access import services
from executor.web.console.paging import page_links
from executor.web.console.timeline import EVENT_KINDS, event_entry
from executor.web.exceptions import exception_items
from executor.web.queries import ExceptionsQuery
from sentinai import packs
from sentinai.database.tenant_session import TenantSession
from sentinai.exception_fields import SEVERITIES, STATUSES
from sentinai.identity import Identity
from sentinai.problems import CorruptData

_EVENTS_SHOWN = 200
_NOT_FILTERS = ("sort", "limit", "cursor")


def queue() -> str:
    """The exceptions, most urgent first; as a fragment, only what the script refreshes."""
    query = _query()
    filters = {name: value for name, value in query.items() if name not in _NOT_FILTERS}
    with services().database.read(g.person.tenant_id) as db:
        items, page = exception_items(db, query, services().clock())
        queue_counts = exception_list.count_queue(db, services().clock())
        types = _types(db)
        playbook = _playbook_name(db, query.get("playbook_id"))
    template = "console/queue_regions.html" if request.headers.get("X-Fragment") else "console/queue.html"
    return render_template(
        template,
        section="exceptions",
        items=items,
        unreadable=page.unreadable,
        chosen=_single(query),
        narrowed=bool(filters),
        counts=_counts(queue_counts, _single(filters)),
        types=types,
        playbook=playbook,
        statuses=STATUSES,
        severities=SEVERITIES,
        **page_links(page.next_cursor),
    )


def exception(exception_id: str) -> str:
    """One exception with its playbook and timeline; as a fragment, only what the script refreshes."""
    template = "console/exception_regions.html" if request.headers.get("X-Fragment") else "console/exception.html"
    person: Identity = g.person
    with services().store.read(person.tenant_id) as tx:
        snapshot = load_snapshot(tx, exception_id)
        record = snapshot.record
        earlier = max(0, record.event_seq - _EVENTS_SHOWN)
        log = events.page(tx.session, exception_id, earlier, limit=_EVENTS_SHOWN)
    viewed = (caller(person), services().clock(), services().settings.tool_mode)
    return render_template(
        template,
        section="exceptions",
        record=exception_document(record),
        state=views.playbook_state(snapshot, *viewed),
        obstacle=views.obstacle(snapshot, *viewed),
        deferred=record.recommendation.deferred,
        events=[event_entry(event_document(event, person.tenant_id, exception_id)) for event in log.events],
        event_kinds=EVENT_KINDS,
        unreadable=[f"#{seq}" for seq in log.unreadable],
        earlier=earlier,
        last_seq=record.event_seq,
    )


def _types(db: TenantSession) -> list[str]:
    """The exception types to choose from; none where a pack cannot be read."""
    with suppress(CorruptData):
        policy = pack_store.newest_policy_pack(db)
        domain = policy.pack.get("domain_name") if policy else None
        pack = pack_store.newest_domain_pack(db, domain) if domain else None
        return packs.exception_types(pack.pack) if pack else []
    return []


def _query() -> dict[str, Any]:
    """The query of the list. Unknown parameters are ignored; with an invalid one, all are."""
    query = ExceptionsQuery(unknown=EXCLUDE)
    given: dict[str, Any] = {name: value for name, value in request.args.items() if value}
    for name in ("status", "severity"):
        if name in given:
            given[name] = [given[name]]
    given.setdefault("sort", "sla")
    try:
        return dict(query.load(given))
    except ValidationError:
        return dict(query.load({"sort": "sla"}))


def _single(query: Mapping[str, Any]) -> dict[str, Any]:
    """The query as the form shows it: one status, one severity."""
    return {name: value[0] if isinstance(value, list) else value for name, value in query.items()}


def _playbook_name(db: TenantSession, playbook_id: int | None) -> str:
    found = playbook_store.get_playbooks(db, [playbook_id] if playbook_id else []).get(playbook_id or 0)
    return f"{found.name} v{found.version}" if found else f"{playbook_id}"


def _counts(queue_counts: exception_list.QueueCounts, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The counts above the queue, each with a link to the exceptions that it counts."""
    tiles: tuple[tuple[str, int, str, dict[str, Any]], ...] = (
        ("unresolved", queue_counts.unresolved, "", {}),
        ("critical", queue_counts.critical, "critical", {"severity": "critical"}),
        ("breached", queue_counts.breached, "breached", {"sla": "breached"}),
        ("due within an hour", queue_counts.at_risk, "at-risk", {"sla": "at_risk"}),
    )
    return [
        {
            "label": label,
            "count": count,
            "kind": kind,
            "href": url_for("console.queue", **query),
            "is_chosen": bool(query) and query == filters,
        }
        for label, count, kind, query in tiles
    ]
