"""``/api/analytics``: how playbooks do."""

from __future__ import annotations

from typing import Any

from executor.execution.model import Playbook
from executor.services import Services
from executor.store import catalogue
from executor.store.analytics import Figures, by_playbook
from sentinai.web import Answer, Api, Call

api: Api[Services] = Api("Analytics")


@api.operation("GET", "/api/analytics/playbooks", answers={200: "playbook-analytics"}, role="viewer")
def get_playbook_analytics(call: Call[Services]) -> Answer:
    """Per playbook: how often started and completed, where steps are skipped, durations, SLA kept."""
    with call.services.database.read(call.identity.tenant_id) as session:
        figures = by_playbook(session)
        playbooks = {each.playbook_id: each for each in catalogue.active_playbooks(session)}
        playbooks |= catalogue.get_playbooks(session, figures.keys() - playbooks.keys())
    items = [_item(each, figures.get(each.playbook_id, Figures())) for each in playbooks.values()]
    items.sort(key=lambda item: (-item["started"], item["name"], -item["version"]))
    return Answer({"items": items, "next_cursor": None})


def _item(playbook: Playbook, figures: Figures) -> dict[str, Any]:
    return {
        "playbook_id": playbook.playbook_id,
        "name": playbook.name,
        "version": playbook.version,
        "status": playbook.status,
        "recommended": figures.recommended,
        "started": figures.started,
        "completed": figures.completed,
        "skipped_steps": figures.steps_skipped.total(),
        "steps": [
            {
                "step_order": step.step_order,
                "name": step.name,
                "completed": figures.steps_completed[step.step_order],
                "skipped": figures.steps_skipped[step.step_order],
            }
            for step in playbook.steps
        ],
        "median_seconds": figures.median_seconds,
        "p90_seconds": figures.p90_seconds,
        "sla_kept": figures.sla_kept,
        "sla_missed": figures.sla_missed,
    }
