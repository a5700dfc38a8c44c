"""``/api/analytics``: completion figures of playbooks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from executor.bootstrap import Services
from executor.domain.model import Playbook
from executor.store import playbooks as playbook_store
from executor.store.analytics import PlaybookAnalytics, by_playbook
from executor.store.cursor import paginate
from executor.web.queries import Page, left_out, paging
from sentinai.web import Answer, Api, Call

api: Api[Services] = Api("Analytics", "How playbooks perform.")


@api.operation(
    "GET",
    "/api/analytics/playbooks",
    answers={200: "playbook-analytics"},
    role="viewer",
    query=Page,
)
def get_playbook_analytics(call: Call[Services]) -> Answer:
    """List figures of each playbook, most started first: runs, skipped steps, durations, SLA."""
    with call.services.database.read(call.identity.tenant_id) as session:
        figures, unreadable_events = by_playbook(session)
        included = (
            each
            for each in playbook_store.versions(session)
            if each.status == "active" or each.playbook_id in figures
        )
        ranked = [each.playbook_id for each in sorted(included, key=partial(_rank, figures))]
        shown, cursor = paginate(ranked, **paging(call.query))
        playbooks = playbook_store.get_playbooks(session, shown)
    items = [_item(playbooks[each], figures.get(each, PlaybookAnalytics())) for each in shown if each in playbooks]
    unreadable = left_out([each for each in shown if each not in playbooks])
    not_counted = {"unreadable_events": unreadable_events} if unreadable_events else {}
    return Answer({"items": items, "next_cursor": cursor, **unreadable, **not_counted})


def _rank(figures: Mapping[int, PlaybookAnalytics], version: playbook_store.Version) -> tuple[int, str, int]:
    started = figures[version.playbook_id].started if version.playbook_id in figures else 0
    return (-started, version.name, -version.version)


def _item(playbook: Playbook, figures: PlaybookAnalytics) -> dict[str, Any]:
    return {
        "playbook_id": playbook.playbook_id,
        "name": playbook.name,
        "version": playbook.version,
        "status": playbook.status,
        **figures.to_json(),
        "steps": [
            {
                "step_order": step.step_order,
                "name": step.name,
                "completed": figures.steps_completed[step.step_order],
                "skipped": figures.steps_skipped[step.step_order],
            }
            for step in playbook.steps
        ],
    }
