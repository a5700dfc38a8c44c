"""Analytics per playbook version, aggregated from the event log."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

from executor.domain.documents import members
from executor.store import events
from sentinai.database.tenant_session import TenantSession

_EVENT_TYPES = (
    "PlaybookRecalculated",
    "PlaybookStarted",
    "PlaybookStepCompleted",
    "PlaybookStepSkipped",
    "PlaybookCompleted",
    "FeedbackCaptured",
)


@dataclass(slots=True)
class PlaybookAnalytics:
    """How one playbook version has been used. Durations are in seconds."""

    recommended: int = 0
    started: int = 0
    completed: int = 0
    durations: list[float] = field(default_factory=list)
    sla_kept: int = 0
    sla_missed: int = 0
    steps_completed: Counter[int] = field(default_factory=Counter)
    steps_skipped: Counter[int] = field(default_factory=Counter)

    @property
    def median_seconds(self) -> float | None:
        """The median duration of completed runs."""
        return round(median(self.durations), 3) if self.durations else None

    @property
    def p90_seconds(self) -> float | None:
        """The 90th percentile of the durations of completed runs."""
        if len(self.durations) < 2:
            return self.median_seconds
        return round(quantiles(self.durations, n=10, method="inclusive")[8], 3)

    def to_json(self) -> dict[str, Any]:
        """The figures of all runs together, by the schema ``playbook-analytics``."""
        figures = (
            "recommended",
            "started",
            "completed",
            "median_seconds",
            "p90_seconds",
            "sla_kept",
            "sla_missed",
        )
        return {**members(self, *figures), "skipped_steps": self.steps_skipped.total()}


def by_playbook(
    session: TenantSession, playbook_ids: Collection[int] | None = None
) -> tuple[dict[int, PlaybookAnalytics], int]:
    """Analytics by playbook id, of every version that was ever recommended, or only of ``playbook_ids``.

    Also returns the number of events that cannot be read and are not counted.
    """
    found: dict[int, PlaybookAnalytics] = defaultdict(PlaybookAnalytics)
    unreadable = 0
    for event_type, payload in events.payloads(session, _EVENT_TYPES, playbook_ids=playbook_ids):
        if payload is None:
            unreadable += 1
            continue
        playbook_id = payload.get("playbook_id")
        if playbook_id is not None and (playbook_ids is None or playbook_id in playbook_ids):
            _add(found[playbook_id], event_type, payload)
    return dict(found), unreadable


def _add(analytics: PlaybookAnalytics, event_type: str, payload: Mapping[str, Any]) -> None:
    match event_type:
        case "PlaybookRecalculated":
            analytics.recommended += 1
        case "PlaybookStarted":
            analytics.started += 1
        case "PlaybookCompleted":
            analytics.completed += 1
        case "PlaybookStepCompleted":
            analytics.steps_completed[payload["step_order"]] += 1
        case "PlaybookStepSkipped":
            analytics.steps_skipped[payload["step_order"]] += 1
        case "FeedbackCaptured" if payload["trigger"] == "playbook_completed":
            if payload.get("duration_seconds") is not None:
                analytics.durations.append(payload["duration_seconds"])
            analytics.sla_kept += payload["sla_kept"] is True
            analytics.sla_missed += payload["sla_kept"] is False
