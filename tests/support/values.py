"""Plain values of execution, filled in but for what a test is about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from executor.actions.base import StepContext
from executor.domain.hash_chain import GENESIS
from executor.domain.model import Actor, Event, ExceptionRecord, NewEvent, Packs, Playbook, Step
from executor.domain.recommendation import Recommendation
from executor.domain.snapshot import Snapshot

NOON = datetime(2027, 3, 4, 12, 0, tzinfo=UTC)
PERSON = Actor("human", "odile")
NO_PACKS = Packs(domain={}, policy={})


def record(**fields: Any) -> ExceptionRecord:
    """An exception of a port authority: a container in the wrong place."""
    defaults: dict[str, Any] = {
        "tenant_id": "harbour",
        "exception_id": "BOX-77",
        "domain": "Port",
        "exception_type": "Misplaced Container",
        "severity": "medium",
        "status": "analyzing",
        "source_system": "yard",
        "entity": "MSKU 604-2",
        "amount": 12.5,
        "owner_kind": None,
        "owner_id": None,
        "sla_deadline": NOON.replace(hour=14),
        "normalized_context": {"row": 9, "seals": ["a1", "b2"]},
        "current_playbook_id": 5,
        "current_step": 1,
        "playbook_run": 3,
        "recommendation": Recommendation(),
        "valid_until": None,
        "catalogue_revision": None,
        "row_version": 1,
        "created_at": NOON.replace(hour=8),
        "updated_at": NOON.replace(hour=9),
        "resolved_at": None,
        "event_seq": 0,
        "event_hash": GENESIS,
    }
    return ExceptionRecord(**{**defaults, **fields})


def step(action_type: str, order: int = 1, *, approval: bool = False, **params: Any) -> Step:
    """A step, its params by name."""
    return Step(
        step_id=40 + order,
        step_order=order,
        name=f"Step {order}",
        action_type=action_type,
        params=params,
        requires_approval=approval,
    )


def playbook(*steps: Step) -> Playbook:
    """A playbook of these steps."""
    return Playbook(
        playbook_id=5,
        name="Find the box",
        version=2,
        description=None,
        conditions={"match": {}},
        on_completion=None,
        status="active",
        created_at=NOON.replace(year=2026),
        steps=steps,
    )


def context(of: Step, *, completed: bool = False, **members: Any) -> StepContext:
    """What the action of a step is given, at noon; after a ``completed`` step, if asked."""
    given = {"record": record(), "packs": NO_PACKS, "actor": PERSON, "tool_mode": "log_only", **members}
    events = written([NewEvent("PlaybookStepCompleted", {"step_order": 0})]) if completed else []
    snapshot = Snapshot(given["record"], playbook(of), given["packs"], events)
    return StepContext(snapshot, of, given["actor"], NOON, given["tool_mode"])


def written(events: Iterable[NewEvent], *, first: int = 1, at: datetime = NOON) -> list[Event]:
    """New events as in a log, without the chain."""
    return [
        Event(
            event_id=f"00000000-0000-7000-8000-{seq:012d}",
            seq=seq,
            event_type=event.event_type,
            actor_type="human",
            actor_id="odile",
            payload=event.payload,
            created_at=at,
            prev_hash="",
            hash="",
        )
        for seq, event in enumerate(events, first)
    ]
