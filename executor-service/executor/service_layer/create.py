"""Creating an exception: intake, triage, policy and resolution, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from executor.agents import intake, triage
from executor.domain.changeset import ChangeSet
from executor.domain.model import Actor, Event, ExceptionRecord
from executor.domain.snapshot import Snapshot
from executor.service_layer import recommend
from executor.service_layer.ports import Matcher, Store, Transaction
from executor.service_layer.snapshots import load_snapshot, snapshot_of
from sentinai.problems import VersionConflict

TRIGGER = "created"


@dataclass(frozen=True, slots=True)
class Created:
    """The exception after its creation; ``is_new`` is False if the same one was created before."""

    snapshot: Snapshot
    is_new: bool


def create_exception(
    store: Store,
    matcher: Matcher,
    document: Mapping[str, Any],
    *,
    tenant_id: str,
    exception_id: str,
    actor: Actor,
    now: datetime,
) -> Created:
    """Store an exception and recommend a playbook for it. Repeating the call is safe.

    If the matcher is unavailable, the exception is stored and its recommendation deferred.

    Raises:
        VersionConflict: an exception of this id exists with other content.
    """
    record = intake.normalise(document, tenant_id=tenant_id, exception_id=exception_id, now=now)
    with store.read(tenant_id) as tx:
        before = tx.created_event(exception_id)
        if before:
            return _repeated(tx, before, record, document)
        proposal = triage.propose(record, tx.packs(record.domain), now)
    changes = triage.applied(record, proposal, severity_is_given=record.severity is not None)
    persist = partial(_store, store, record, document, proposal, actor, now)
    return recommend.request_match_or_defer(matcher, replace(record, **changes), now, persist)


def _repeated(tx: Transaction, before: Event, record: ExceptionRecord, document: Mapping[str, Any]) -> Created:
    sent = intake.created(record).payload["exception"]
    if not intake.is_same(before.payload["exception"], sent, document):
        raise VersionConflict(
            f"The exception {record.exception_id!r} exists with other content; change it with PATCH, "
            "or send this one under another exception_id."
        )
    return Created(load_snapshot(tx, record.exception_id), is_new=False)


def _store(
    store: Store,
    record: ExceptionRecord,
    document: Mapping[str, Any],
    proposal: triage.Proposal,
    actor: Actor,
    now: datetime,
    answer: recommend.Answer,
) -> Created:
    def work(tx: Transaction) -> Created:
        before = tx.created_event(record.exception_id)
        if before:
            return _repeated(tx, before, record, document)
        changeset = ChangeSet(record, actor, now)
        changeset.add_event(intake.created(record))
        given = record.severity is not None
        triaged = triage.completed(record, proposal, recommend.hint(answer), severity_is_given=given)
        changeset.add_event(triaged, triage.AGENT)
        recommend.apply_or_defer(tx, changeset, answer, TRIGGER)
        return Created(snapshot_of(tx, tx.insert(changeset).record), is_new=True)

    return store.write(record.tenant_id, work)
