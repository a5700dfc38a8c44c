"""Updating the attributes of an exception, and commenting on it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from executor.agents import triage
from executor.domain.changeset import ChangeSet
from executor.domain.documents import exception_document
from executor.domain.model import Actor, Event, ExceptionRecord, NewEvent
from executor.domain.snapshot import Snapshot
from executor.service_layer import recommend
from executor.service_layer.ports import Matcher, Store, Transaction
from executor.service_layer.snapshots import load_snapshot, snapshot_of
from sentinai.clock import format_time, parse_time
from sentinai.documents.strict_json import same
from sentinai.exception_fields import severity_rank
from sentinai.problems import HumanRequired, VersionConflict

TRIGGER = "updated"
Triaged = Callable[[str | None], NewEvent]
"""The event of triage, given the hint at a playbook."""


def update_exception(
    store: Store,
    matcher: Matcher,
    tenant_id: str,
    exception_id: str,
    changes: Mapping[str, Any],
    *,
    expected_versions: Collection[int] | None,
    actor: Actor,
    now: datetime,
) -> Snapshot:
    """Update attributes (an ``exception-patch`` document), and recommend again if any of them changes.

    If the matcher is unavailable, the change is stored and the recommendation deferred.

    Raises:
        NotFound: no such exception. VersionConflict: it has none of the ``expected_versions``.
        HumanRequired: the change lowers the severity, and the actor is not a person.
    """
    wanted = _normalised(changes)

    def attempt() -> Snapshot | None:
        with store.read(tenant_id) as tx:
            snapshot = load_snapshot(tx, exception_id)
            given = "severity" in wanted or tx.severity_is_given(exception_id)
        _require_version(snapshot.record, expected_versions)
        event = _updated(snapshot.record, wanted, actor)
        if event is None:
            return snapshot
        changeset = ChangeSet(snapshot.record, actor, now)
        changeset.add_event(event)
        triaged = _triaged(snapshot, changeset.record, now, severity_is_given=given)
        if triaged:
            changeset.add_event(triaged(None), triage.AGENT)
        _require_severity_kept(snapshot.record, changeset.record, actor)
        persist = partial(_store, store, snapshot.record, event, triaged, actor, now)
        return recommend.request_match_or_defer(matcher, changeset.record, now, persist)

    return recommend.until_unchanged(attempt)


def comment(store: Store, tenant_id: str, exception_id: str, text: str, actor: Actor, now: datetime) -> Event:
    """Add a comment, and return its event.

    Raises:
        NotFound: no such exception.
    """

    def work(tx: Transaction) -> Event:
        changeset = ChangeSet(tx.exception(exception_id, lock=True), actor, now)
        changeset.add_event(NewEvent("CommentAdded", {"text": text, "cause": "comment"}))
        return tx.save(changeset).events[-1]

    return store.write(tenant_id, work)


def _triaged(
    before: Snapshot, record: ExceptionRecord, now: datetime, *, severity_is_given: bool
) -> Triaged | None:
    """What triage says after a change; None if that is what it says without the change."""
    proposal = triage.propose(record, before.packs, now)
    if proposal == triage.propose(before.record, before.packs, now):
        return None
    return partial(triage.completed, record, proposal, severity_is_given=severity_is_given)


def _normalised(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes as events record them: severity in lower case, times in UTC."""
    wanted = dict(changes)
    if wanted.get("severity"):
        wanted["severity"] = wanted["severity"].lower()
    if wanted.get("sla_deadline"):
        wanted["sla_deadline"] = format_time(parse_time(wanted["sla_deadline"]))
    return wanted


def _require_version(record: ExceptionRecord, expected: Collection[int] | None) -> None:
    if expected is not None and record.row_version not in expected:
        wanted = " or ".join(map(str, sorted(expected)))
        raise VersionConflict(
            f"The exception is at version {record.row_version}, not {wanted}; read it again before changing it."
        )


def _require_severity_kept(before: ExceptionRecord, after: ExceptionRecord, actor: Actor) -> None:
    """Only a person lowers the severity: approvals depend on it, and so do the promises to customers."""
    if actor.actor_type != "human" and severity_rank(after.severity) < severity_rank(before.severity):
        raise HumanRequired(
            f"Only a person can lower the severity, here from {before.severity} to {after.severity or 'none'}."
        )


def _updated(record: ExceptionRecord, wanted: Mapping[str, Any], actor: Actor) -> NewEvent | None:
    current = exception_document(record)
    changes = {name: value for name, value in wanted.items() if not same(current[name], value)}
    if not changes:
        return None
    previous = {name: current[name] for name in changes}
    return NewEvent("ExceptionUpdated", {"changes": changes, "previous": previous})


def _store(
    store: Store,
    record: ExceptionRecord,
    event: NewEvent,
    triaged: Triaged | None,
    actor: Actor,
    now: datetime,
    answer: recommend.Answer,
) -> Snapshot | None:
    """Commit the change; None if the exception has changed since it was read."""

    def work(tx: Transaction) -> Snapshot | None:
        current = tx.exception(record.exception_id, lock=True)
        if current.row_version != record.row_version:
            return None
        changeset = ChangeSet(current, actor, now)
        changeset.add_event(event)
        if triaged:
            changeset.add_event(triaged(recommend.hint(answer)), triage.AGENT)
        recommend.apply_or_defer(tx, changeset, answer, TRIGGER)
        return snapshot_of(tx, tx.save(changeset).record)

    return store.write(record.tenant_id, work)
