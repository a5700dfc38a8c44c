"""An exception as one transaction sees it: its fields, its playbook, its packs, and its run so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from executor.domain.model import (
    FINISHING_EVENTS,
    RUN_EVENTS,
    Event,
    ExceptionRecord,
    Packs,
    Playbook,
    Saved,
    Step,
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An exception with everything that decides what can be done next; without a playbook if none is assigned.

    ``earlier_packs`` applied since the exception last changed, each until an instant, oldest first.
    """

    record: ExceptionRecord
    playbook: Playbook | None
    packs: Packs
    run_events: Sequence[Event]
    earlier_packs: Sequence[tuple[Packs, datetime]] = ()

    @property
    def started(self) -> bool:
        """Whether work on the current run has begun."""
        return self.playbook is not None and any(
            event.event_type in ("PlaybookStarted", *FINISHING_EVENTS) for event in self.run_events
        )

    @property
    def finished_steps(self) -> dict[int, Event]:
        """The finishing event of each completed or skipped step of this run, by step order."""
        return {
            event.payload["step_order"]: event for event in self.run_events if event.event_type in FINISHING_EVENTS
        }

    @property
    def has_completed_step(self) -> bool:
        """Whether a step of this run was completed, rather than skipped."""
        return any(event.event_type == "PlaybookStepCompleted" for event in self.run_events)

    def step(self, step_order: int) -> Step | None:
        """The step with that order, if the playbook has one."""
        steps = self.playbook.steps if self.playbook else ()
        return next((step for step in steps if step.step_order == step_order), None)


def with_saved(before: Snapshot, saved: Saved) -> Snapshot:
    """The snapshot after a call that did not change the assigned playbook."""
    added = [event for event in saved.events if event.event_type in RUN_EVENTS]
    return replace(before, record=saved.record, run_events=[*before.run_events, *added])
