"""The console's pages: thin, over the same functions as the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from marshmallow import EXCLUDE, ValidationError
from werkzeug.wrappers import Response as AnyResponse

from executor.domain.documents import event_document, exception_document, playbook_document
from executor.service_layer import views
from executor.service_layer.snapshots import load_snapshot
from executor.store import analytics, events, exception_list
from executor.store import packs as pack_store
from executor.store import playbooks as playbook_store
from executor.store.analytics import PlaybookAnalytics
from executor.store.cursor import paginate
from executor.web.actors import caller
from executor.web.console import access, wording
from executor.web.console.access import services
from executor.web.exceptions import exception_items
from executor.web.queries import ExceptionsQuery
from sentinai import packs
from sentinai.conditions.explanation.explain import describe_document
from sentinai.database.tenant_session import TenantSession
from sentinai.exception_fields import SEVERITIES, STATUSES
from sentinai.identity import Identity
from sentinai.problems import NotFound, Problem
from sentinai.web.app import answer_problem

_EVENTS_SHOWN = 200
_PLAYBOOKS_SHOWN = 50

pages = Blueprint(
    "console",
    __name__,
    url_prefix="/console",
    template_folder="templates",
    static_folder="static",
    static_url_path="/assets",
)
access.guard(pages)
wording.register(pages)


@pages.errorhandler(Problem)
def show_problem(problem: Problem) -> Response:
    """A refusal: as a page to whoever looks at pages, as a problem document to their scripts."""
    if request.method != "GET":
        return answer_problem(problem)
    return Response(render_template("console/problem.html", problem=problem), problem.status)


@pages.get("/")
def home() -> AnyResponse:
    """The console begins with the queue."""
    return redirect(url_for("console.queue"))


@pages.get("/exceptions")
def queue() -> str:
    """The exceptions, most urgent first; as a fragment, only their rows."""
    chosen = _chosen()
    narrowing = {name: value for name, value in chosen.items() if name not in ("sort", "limit", "cursor")}
    with services().database.read(g.person.tenant_id) as db:
        items, cursor = exception_items(db, chosen, services().clock())
        tally = exception_list.count_queue(db, services().clock())
        types = _types(db)
        playbook = _playbook_name(db, chosen.get("playbook_id"))
    template = "console/standing.html" if request.headers.get("X-Fragment") else "console/queue.html"
    return render_template(
        template,
        section="exceptions",
        items=items,
        first_href=_page_href(None) if "cursor" in chosen else None,
        next_href=_page_href(cursor) if cursor else None,
        chosen=_single(chosen),
        narrowed=bool(narrowing),
        tally=_tally(tally, _single(narrowing)),
        types=types,
        playbook=playbook,
        statuses=STATUSES,
        severities=SEVERITIES,
    )


@pages.get("/exceptions/<exception_id>")
def exception(exception_id: str) -> str:
    """One exception with its playbook and timeline; as a fragment, only what changes with its events."""
    template = "console/regions.html" if request.headers.get("X-Fragment") else "console/exception.html"
    return render_template(template, section="exceptions", **_exception(exception_id))


@pages.get("/playbooks")
def playbooks() -> str:
    """The playbooks in use, highest priority first, and how they do."""
    name = request.args.get("name", "").strip()
    with services().database.read(g.person.tenant_id) as db:
        in_use = [each for each in playbook_store.active_versions(db) if name.lower() in each.name.lower()]
        conditions = playbook_store.conditions_of(db, [each.playbook_id for each in in_use])
        in_use.sort(key=lambda each: (-_priority_of(conditions[each.playbook_id]), each.name, -each.version))
        ranked = [each.playbook_id for each in in_use]
        shown, cursor = paginate(ranked, limit=_PLAYBOOKS_SHOWN, cursor=request.args.get("cursor"))
        found = playbook_store.get_playbooks(db, shown)
        figures = analytics.by_playbook(db, shown)
    rows = [
        {
            **playbook_document(found[each]),
            "priority": _priority_of(conditions[each]),
            **_figures(figures.get(each, PlaybookAnalytics())),
        }
        for each in shown
    ]
    return render_template(
        "console/playbooks.html",
        section="playbooks",
        rows=rows,
        in_use=len(in_use),
        name=name,
        first_href=_page_href(None) if "cursor" in request.args else None,
        next_href=_page_href(cursor) if cursor else None,
    )


@pages.get("/playbooks/<int:playbook_id>")
def playbook(playbook_id: int) -> str:
    """One playbook version: when it applies, its steps, and how it does."""
    with services().database.read(g.person.tenant_id) as db:
        found = playbook_store.get_playbook(db, playbook_id)
        versions, _ = playbook_store.page(db, status=None, name=found.name, limit=50, cursor=None)
        on_it, _ = exception_list.page(
            db, exception_list.Filters(playbook_id=playbook_id), limit=10, cursor=None, now=services().clock()
        )
        figures = analytics.by_playbook(db, [playbook_id]).get(playbook_id, PlaybookAnalytics())
    document = playbook_document(found)
    steps = [
        {
            **step,
            "completed": figures.steps_completed[step["step_order"]],
            "skipped": figures.steps_skipped[step["step_order"]],
        }
        for step in document["steps"]
    ]
    return render_template(
        "console/playbook.html",
        section="playbooks",
        playbook=document,
        words=describe_document(found.conditions),
        versions=[playbook_document(each) for each in versions],
        on_it=[exception_document(each) for each in on_it],
        figures={**_figures(figures), "steps": steps},
    )


@pages.get("/<path:elsewhere>")
def nowhere(elsewhere: str) -> str:
    """An address that no page has, told as a page."""
    raise NotFound(f"The console has no page {elsewhere}.")


def _exception(exception_id: str) -> dict[str, Any]:
    person: Identity = g.person
    with services().store.read(person.tenant_id) as tx:
        snapshot = load_snapshot(tx, exception_id)
        record = snapshot.record
        log = events.after(tx.session, exception_id, max(0, record.event_seq - _EVENTS_SHOWN))
    seen_by = (caller(person), services().clock(), services().settings.tool_mode)
    return {
        "record": exception_document(record),
        "state": views.playbook_state(snapshot, *seen_by),
        "obstacle": views.obstacle(snapshot, *seen_by),
        "deferred": record.recommendation.deferred,
        "events": [wording.told(event_document(event, person.tenant_id, exception_id)) for event in log],
        "earlier": record.event_seq - len(log),
        "last_seq": record.event_seq,
    }


def _types(db: TenantSession) -> list[str]:
    policy = pack_store.newest_policy_pack(db)
    domain = policy.pack.get("domain_name") if policy else None
    pack = pack_store.newest_domain_pack(db, domain) if domain else None
    return packs.exception_types(pack.pack) if pack else []


def _chosen() -> dict[str, Any]:
    """The filters of the queue; whatever is no filter in the address is left out."""
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


def _single(chosen: dict[str, Any]) -> dict[str, Any]:
    """The filters as the form shows them: one status, one severity."""
    return {name: value[0] if isinstance(value, list) else value for name, value in chosen.items()}


def _priority_of(conditions: Mapping[str, Any]) -> int | float:
    priority: int | float = conditions.get("priority", 0)
    return priority


def _playbook_name(db: TenantSession, playbook_id: int | None) -> str:
    found = playbook_store.get_playbooks(db, [playbook_id] if playbook_id else []).get(playbook_id or 0)
    return f"{found.name} v{found.version}" if found else f"{playbook_id}"


def _page_href(cursor: str | None) -> str:
    """The address of another page of the same list; without a cursor, of its first."""
    query = {**request.args.to_dict(), "cursor": cursor}
    return f"{request.path}?{urlencode({name: value for name, value in query.items() if value})}"


def _tally(counts: exception_list.QueueCounts, narrowing: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The figures above the queue, each with the filters that it leads to."""
    tiles: tuple[tuple[str, int, str, dict[str, Any]], ...] = (
        ("unresolved", counts.unresolved, "", {}),
        ("critical", counts.critical, "critical", {"severity": "critical"}),
        ("breached", counts.breached, "breached", {"sla": "breached"}),
        ("within an hour", counts.at_risk, "at-risk", {"sla": "at_risk"}),
    )
    return [
        {
            "label": label,
            "count": count,
            "kind": kind,
            "href": url_for("console.queue", **query),
            "is_chosen": bool(query) and query == narrowing,
        }
        for label, count, kind, query in tiles
    ]


def _figures(figures: PlaybookAnalytics) -> dict[str, Any]:
    return {
        "recommended": figures.recommended,
        "started": figures.started,
        "completed": figures.completed,
        "median_seconds": figures.median_seconds,
        "p90_seconds": figures.p90_seconds,
        "skipped_steps": figures.steps_skipped.total(),
        "sla_kept": figures.sla_kept,
        "sla_missed": figures.sla_missed,
    }
