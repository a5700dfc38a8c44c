"""The pages about playbooks: the list of the active ones, and one version."""

from __future__ import annotations

from flask import g, render_template, request

from executor.domain.documents import exception_document, playbook_document
from executor.store import analytics, exception_list
from executor.store import playbooks as playbook_store
from executor.store.analytics import PlaybookAnalytics
from executor.store.cursor import paginate
from executor.store.playbooks import StoredRule
from executor.web.console.access import services
from executor.web.console.paging import page_links
from sentinai.conditions.explanation.explain import describe_document
from sentinai.conditions.lint.other_playbooks import Rank, rank_of

_PLAYBOOKS_SHOWN = 50


def playbooks() -> str:
    """The active playbooks in the order in which the matcher prefers them, with their effectiveness."""
    name = request.args.get("name", "").strip()
    with services().database.read(g.person.tenant_id) as db:
        active = [each for each in playbook_store.active_versions(db) if name.lower() in each.name.lower()]
        rules = playbook_store.rules_of(db, [each.playbook_id for each in active])
        active.sort(key=lambda each: (_rank(rules.get(each.playbook_id)), each.version), reverse=True)
        ranked = [each.playbook_id for each in active]
        shown, cursor = paginate(ranked, limit=_PLAYBOOKS_SHOWN, cursor=request.args.get("cursor"))
        found = playbook_store.get_playbooks(db, shown)
        metrics, unreadable_events = analytics.by_playbook(db, shown)
    rows = [
        {
            **playbook_document(found[each]),
            "priority": _priority_of(rules.get(each)),
            **metrics.get(each, PlaybookAnalytics()).to_json(),
        }
        for each in shown
        if each in found
    ]
    return render_template(
        "console/playbooks.html",
        section="playbooks",
        rows=rows,
        active_count=len(active),
        unreadable=[
            f"{each.name} v{each.version}" for each in active if each.playbook_id in {*shown} - found.keys()
        ],
        unreadable_events=unreadable_events,
        name=name,
        **page_links(cursor),
    )


def playbook(playbook_id: int) -> str:
    """One playbook version: its conditions, its steps, and its effectiveness."""
    with services().database.read(g.person.tenant_id) as db:
        found = playbook_store.get_playbook(db, playbook_id)
        versions, *_ = playbook_store.page(db, status=None, name=found.name, limit=50, cursor=None)
        assigned = exception_list.page(
            db, exception_list.Filters(playbook_id=playbook_id), limit=10, cursor=None, now=services().clock()
        ).records
        metrics, unreadable_events = analytics.by_playbook(db, [playbook_id])
    figures = metrics.get(playbook_id, PlaybookAnalytics())
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
        clauses=describe_document(found.conditions),
        versions=[playbook_document(each) for each in versions],
        assigned=[exception_document(each) for each in assigned],
        metrics={**figures.to_json(), "steps": steps},
        unreadable_events=unreadable_events,
    )


def _rank(rule: StoredRule | None) -> tuple[bool, Rank]:
    """Unreadable playbooks come last."""
    return (True, rank_of(_priority_of(rule), rule.origin)) if rule else (False, (0, 0, 0))


def _priority_of(rule: StoredRule | None) -> int | float:
    priority = rule.conditions.get("priority", 0) if rule else 0
    return priority if isinstance(priority, int | float) else 0
