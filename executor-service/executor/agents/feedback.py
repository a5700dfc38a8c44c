"""The Feedback agent: summarises a run when its playbook completes or the exception is resolved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from executor.domain.changeset import ChangeSet
from executor.domain.model import FINISHING_EVENTS, Actor, NewEvent
from executor.domain.snapshot import Snapshot
from sentinai.clock import format_optional_time, format_time
from sentinai.counting import counted

AGENT = Actor("agent", "feedback-agent", None)


def capture(changeset: ChangeSet, snapshot: Snapshot, trigger: str) -> NewEvent:
    """The event with what was done, by whom, how long it took, and whether the SLA was kept.

    ``trigger`` is ``playbook_completed`` or ``resolved``. A step's seconds count from the step before it,
    the first one's from the start, so that they add up to the run's.
    """
    playbook, deadline = snapshot.playbook, changeset.record.sla_deadline
    done = _timed_events(snapshot, changeset)
    started_at = done[0][1] if done else None
    steps = _steps(done)
    return NewEvent(
        "FeedbackCaptured",
        {
            "trigger": trigger,
            "playbook_id": playbook.playbook_id if playbook else None,
            "playbook_name": playbook.name if playbook else None,
            "playbook_version": playbook.version if playbook else None,
            "run": changeset.record.playbook_run,
            "steps_total": len(playbook.steps) if playbook else 0,
            "steps_completed": sum(step["outcome"] == "completed" for step in steps),
            "steps_skipped": sum(step["outcome"] == "skipped" for step in steps),
            "steps": steps,
            "started_at": format_optional_time(started_at),
            "finished_at": format_time(changeset.now),
            "duration_seconds": (changeset.now - started_at).total_seconds() if started_at else None,
            "actors": _actors(steps),
            "sla_deadline": format_optional_time(deadline),
            "sla_kept": None if deadline is None else changeset.now <= deadline,
            "summary": summarise(steps, len(playbook.steps) if playbook else 0, deadline, changeset.now),
        },
        run=changeset.record.playbook_run or None,
    )


def summarise(steps: Sequence[dict[str, Any]], total: int, deadline: datetime | None, now: datetime) -> str:
    """The run in one sentence."""
    skipped = sum(step["outcome"] == "skipped" for step in steps)
    sla = "" if deadline is None else " within the SLA" if now <= deadline else " after the SLA deadline"
    return f"{len(steps) - skipped:,} of {counted(total, 'step')} completed, {skipped:,} skipped{sla}."


_TimedEvent = tuple[str, datetime, Mapping[str, Any]]


def _timed_events(snapshot: Snapshot, changeset: ChangeSet) -> list[_TimedEvent]:
    """The start and the finished steps of the run: those of the log, then those of this call."""
    earlier = [(event.event_type, event.created_at, event.payload) for event in snapshot.run_events]
    now = [(each.event.event_type, changeset.now, each.event.payload) for each in changeset.added_events]
    return [each for each in (*earlier, *now) if each[0] in ("PlaybookStarted", *FINISHING_EVENTS)]


def _steps(done: Sequence[_TimedEvent]) -> list[dict[str, Any]]:
    steps = []
    for (_, before, _), (event_type, at, payload) in pairwise(done):
        steps.append(
            {
                "step_order": payload["step_order"],
                "step_name": payload["step_name"],
                "outcome": "skipped" if event_type == "PlaybookStepSkipped" else "completed",
                "mode": payload["mode"],
                "actor_type": payload["actor_type"],
                "actor_id": payload["actor_id"],
                "finished_at": format_time(at),
                "seconds": (at - before).total_seconds(),
            }
        )
    return steps


def _actors(steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    counts: dict[tuple[str, str], int] = {}
    for step in steps:
        who = (step["actor_type"], step["actor_id"])
        counts[who] = counts.get(who, 0) + 1
    return [
        {"actor_type": actor_type, "actor_id": actor_id, "steps": count}
        for (actor_type, actor_id), count in counts.items()
    ]
