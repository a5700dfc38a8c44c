"""What happens to an exception when it comes in: intake, triage, policy, resolution; in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from executor.agents import intake, triage
from executor.domain.changeset import Draft
from executor.domain.model import Actor, Event, ExceptionRecord
from executor.domain.snapshot import Situation, around, look
from executor.service_layer import recommend
from executor.service_layer.ports import Matcher, Store, Transaction
from sentinai.problems import MatcherUnavailable, VersionConflict

TRIGGER = "created"


@dataclass(frozen=True, slots=True)
class Taken:
    """Where an exception stands after it came in. ``is_new`` is False when it had come before."""

    situation: Situation
    is_new: bool


def take_in(
    store: Store,
    matcher: Matcher,
    document: Mapping[str, Any],
    *,
    tenant_id: str,
    exception_id: str,
    actor: Actor,
    now: datetime,
) -> Taken:
    """Store an exception and recommend a playbook for it; safe to repeat.

    Without the matcher the exception is stored all the same, and its recommendation is deferred.

    Raises:
        VersionConflict: an exception of this id exists with other content.
    """
    record = intake.normalise(document, tenant_id=tenant_id, exception_id=exception_id, now=now)
    with store.read(tenant_id) as tx:
        before = tx.created_event(exception_id)
        if before:
            return _again(tx, before, record, document, actor)
        proposal = triage.propose(record, tx.packs(record.domain), now)
    keep = partial(_store, store, record, document, proposal, actor, now)
    try:
        return recommend.ask(matcher, triage.apply(record, proposal), now, keep)
    except MatcherUnavailable as away:
        return keep(away)


def _again(
    tx: Transaction, before: Event, record: ExceptionRecord, document: Mapping[str, Any], actor: Actor
) -> Taken:
    sent = intake.created(record, actor).payload["exception"]
    if not intake.is_same(before.payload["exception"], sent, document):
        raise VersionConflict(
            f"An exception {record.exception_id!r} exists with other content; change it with PATCH, "
            "or send this one under another exception_id."
        )
    return Taken(look(tx, record.exception_id), is_new=False)


def _store(
    store: Store,
    record: ExceptionRecord,
    document: Mapping[str, Any],
    proposal: triage.Proposal,
    actor: Actor,
    now: datetime,
    answer: Mapping[str, Any] | MatcherUnavailable,
) -> Taken:
    def work(tx: Transaction) -> Taken:
        before = tx.created_event(record.exception_id)
        if before:
            return _again(tx, before, record, document, actor)
        draft = Draft(record, actor, now)
        draft.emit(intake.created(record, actor))
        hint = None if isinstance(answer, MatcherUnavailable) else answer["selected"]
        draft.emit(triage.completed(record, proposal, hint["name"] if hint else None), triage.AGENT)
        if isinstance(answer, MatcherUnavailable):
            recommend.defer(draft, answer.detail, TRIGGER)
        else:
            recommend.take(tx, draft, answer, trigger=TRIGGER, switch=False)
        return Taken(around(tx, tx.insert(draft).record), is_new=True)

    return store.write(record.tenant_id, work)
