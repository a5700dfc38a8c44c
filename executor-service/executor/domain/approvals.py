"""Why steps need a person. An approval rule that held at any moment of a run holds to the run's end.

What holds now is computed from the exception and the packs, and so is what held since the exception last
changed: by time, or by packs that have been replaced. What a change of the exception lets lapse is recorded with
the change, by the event ``ApprovalRulesKept``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from executor.domain.documents import exception_document, playbook_members
from executor.domain.model import Actor, ExceptionRecord, NewEvent, Packs, Step
from executor.domain.snapshot import Snapshot
from sentinai.clock import format_time
from sentinai.policy import PolicyReason, bounded

AGENT = Actor("agent", "policy-agent", None)
"""The Policy agent, which logs what policy says."""
KEPT = "ApprovalRulesKept"
Reasons = Mapping[int, tuple[PolicyReason, ...]]
"""Why each step needs a person, by step order; steps that need none are missing."""


def reasons_for_approval(snapshot: Snapshot, now: datetime) -> Reasons:
    """Why the steps of the playbook need a person, with the rules that held earlier in the run."""
    steps = snapshot.playbook.steps if snapshot.playbook else ()
    if not steps:
        return {}
    with bounded():
        rules = snapshot.packs.rules.rules_held(exception_document(snapshot.record), now, now)
        found = {_key(each): each for each in _earlier(snapshot, steps, now)}
    for step in steps:
        found |= {_key(each): each for each in snapshot.packs.rules.reasons_for_approval(step.for_policy, rules)}
    by_step: dict[int, tuple[PolicyReason, ...]] = {}
    for each in sorted(found.values(), key=lambda each: each.held_at is not None):
        by_step[each.step_order] = (*by_step.get(each.step_order, ()), each)
    return by_step


def kept(before: Snapshot, after: ExceptionRecord, now: datetime) -> NewEvent | None:
    """The event that keeps in force what held until a change of the exception and does not hold after it.

    None if nothing lapses, or if the run ends with the change.
    """
    playbook, run = before.playbook, before.record.playbook_run
    if playbook is None or after.playbook_run != run or after.current_step is None:
        return None
    steps = [step for step in playbook.steps if step.step_order >= after.current_step]
    with bounded():
        held = [*_earlier(before, steps, now), *_by_rule(before.packs, before.record, steps, now, now)]
        still = {_key(each) for each in _by_rule(before.packs, after, steps, now, now)} if held else set()
    lapsed = {_key(each): each for each in held if _key(each) not in still}
    if not lapsed:
        return None
    orders = sorted({each.step_order for each in lapsed.values()})
    payload = {
        **playbook_members(playbook, run),
        "reasons": [each.to_json() for each in lapsed.values()],
        "summary": f"Still by a person: step {', '.join(map(str, orders))}. A rule that held stays in force "
        "to the end of the run.",
    }
    return NewEvent(KEPT, payload, run=run)


def _key(reason: PolicyReason) -> tuple[int, str, int | None]:
    """What makes two reasons the same, whenever they held."""
    return reason.step_order, reason.code, reason.rule_index


def _earlier(snapshot: Snapshot, steps: Sequence[Step], now: datetime) -> Iterator[PolicyReason]:
    """The reasons by approval rules that held at an earlier moment of the run."""
    for event in snapshot.run_events:
        if event.event_type == KEPT:
            yield from (PolicyReason(**reason) for reason in event.payload["reasons"])
    since = min(snapshot.record.updated_at, now)
    intervals = list(snapshot.earlier_packs)
    if snapshot.packs.rules.approval_conditions:  # Only conditions change while the exception does not.
        intervals.append((snapshot.packs, now))
    for packs, replaced_at in intervals:
        until = max(since, replaced_at)
        yield from _by_rule(packs, snapshot.record, steps, since, until)
        since = until


def _by_rule(
    packs: Packs, record: ExceptionRecord, steps: Sequence[Step], first: datetime, last: datetime
) -> Iterator[PolicyReason]:
    """The reasons by the rules that held at any moment, each with one at which it did."""
    for rule, at in packs.rules.rules_held(exception_document(record), first, last).items():
        for step in steps:
            for reason in packs.rules.reasons_by_rule(step.for_policy, [rule]):
                text = f"{reason.text}, as it did earlier in this run"
                yield replace(reason, text=text, held_at=format_time(at))
