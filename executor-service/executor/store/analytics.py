"""Figures per playbook, summed from the event log."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

from executor.store import events
from sentinai.database.tenant_session import TenantSession

_COUNTED = (
    "PlaybookRecalculated",
    "PlaybookStarted",
    "PlaybookStepCompleted",
    "PlaybookStepSkipped",
    "PlaybookCompleted",
    "FeedbackCaptured",
)


@dataclass(slots=True)
class Figures:
    """What happened with one playbook version. Durations are in seconds."""

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
        """Half of the completed runs took no longer."""
        return round(median(self.durations), 3) if self.durations else None

    @property
    def p90_seconds(self) -> float | None:
        """Nine in ten of the completed runs took no longer."""
        if len(self.durations) < 2:
            return self.median_seconds
        return round(quantiles(self.durations, n=10, method="inclusive")[8], 3)


def by_playbook(session: TenantSession, only: Collection[int] | None = None) -> dict[int, Figures]:
    """The figures of every playbook version of the tenant that was ever recommended, or of those named only."""
    found: dict[int, Figures] = defaultdict(Figures)
    for event_type, payload in events.payloads(session, _COUNTED, playbook_ids=only):
        playbook_id = payload.get("playbook_id")
        if playbook_id is not None:
            _count(found[playbook_id], event_type, payload)
    return dict(found)


def _count(figures: Figures, event_type: str, payload: Mapping[str, Any]) -> None:
    match event_type:
        case "PlaybookRecalculated":
            figures.recommended += 1
        case "PlaybookStarted":
            figures.started += 1
        case "PlaybookCompleted":
            figures.completed += 1
        case "PlaybookStepCompleted":
            figures.steps_completed[payload["step_order"]] += 1
        case "PlaybookStepSkipped":
            figures.steps_skipped[payload["step_order"]] += 1
        case "FeedbackCaptured" if payload["trigger"] == "playbook_completed":
            if payload["duration_seconds"] is not None:
                figures.durations.append(payload["duration_seconds"])
            figures.sla_kept += payload["sla_kept"] is True
            figures.sla_missed += payload["sla_kept"] is False
