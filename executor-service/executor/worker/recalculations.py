"""Recalculating recommendations that have expired, were deferred or are behind. What fails waits by itself."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from executor.bootstrap import Services
from executor.domain.changeset import ChangeSet
from executor.domain.model import ExceptionRecord
from executor.service_layer import follow_catalogue, recommend
from executor.store import backlog, exceptions, tenants
from executor.store.unit_of_work import SqlTransaction
from executor.worker.backoff import backoff
from executor.worker.items import ACTOR, NOT_STOPPING, guarded
from sentinai.problems import MatcherUnavailable, MatchRejected, VersionConflict
from sentinai.telemetry import logger

JOB = "recalculations"
_BATCH = 50
_MAX_FAILURES = 2
"""Failures, each of which may take a timeout, after which the other tenants have their turn."""
_LONGEST_WAIT = timedelta(hours=1)
_log = logger("worker")


def recalculate_all(services: Services, stopping: threading.Event = NOT_STOPPING) -> bool:
    """Recalculate a batch of due recommendations of each tenant that has any. Returns True if more may be due."""
    more = False
    for tenant_id in backlog.tenants_with_due_recalculations(services.database, services.clock()):
        try:
            more |= recalculate_due(services, tenant_id, stopping)
        except MatcherUnavailable as problem:
            _log.warning("matcher_unavailable", tenant_id=tenant_id, detail=problem.detail)
            return False
    return more and not stopping.is_set()


def recalculate_due(services: Services, tenant_id: str, stopping: threading.Event = NOT_STOPPING) -> bool:
    """Recalculate a batch of due recommendations of a tenant. Returns True if more may be due.

    The order is random, so that several workers seldom take the same one.

    Raises:
        MatcherUnavailable: it serves nobody now, so no exception is to blame; they stay due.
    """
    with services.database.read(tenant_id) as session:
        due = exceptions.due_ids(session, services.clock(), _BATCH)
    failures = recalculate_each(services, tenant_id, random.sample(due, len(due)), stopping)
    return len(due) == _BATCH or failures == _MAX_FAILURES


def recalculate_each(
    services: Services, tenant_id: str, exception_ids: Sequence[str], stopping: threading.Event = NOT_STOPPING
) -> int:
    """Recalculate some recommendations one by one, unless too many fail. Returns how often the matcher failed.

    Raises:
        MatcherUnavailable: it serves nobody now, so no exception is to blame; they stay due.
    """
    failures = 0
    for exception_id in exception_ids:
        if stopping.is_set() or failures == _MAX_FAILURES:
            break
        failures += _try(services, tenant_id, exception_id)
    return failures


def _try(services: Services, tenant_id: str, exception_id: str) -> bool:
    """Recalculate one. Returns True if the matcher gave no answer for it."""
    failed = False

    def work() -> None:
        nonlocal failed
        try:
            _recalculate(services, tenant_id, exception_id)
        except VersionConflict:
            _log.info("recalculation_postponed", tenant_id=tenant_id, exception_id=exception_id)
        except MatchRejected as problem:
            _put_off(services, tenant_id, exception_id, problem.detail, _record_rejection)
        except MatcherUnavailable as problem:
            if services.matcher.is_ready() != "ok":
                raise
            failed = True
            _put_off(services, tenant_id, exception_id, problem.detail)

    guarded(
        JOB,
        work,
        lambda error: _put_off(services, tenant_id, exception_id, error),
        tenant_id=tenant_id,
        exception_id=exception_id,
    )
    return failed


def _recalculate(services: Services, tenant_id: str, exception_id: str) -> None:
    now = services.clock()
    with services.database.read(tenant_id) as session:
        record = exceptions.get(session, exception_id)
        trigger = _trigger(record, tenants.revision(session) or 0, now)
    if trigger is None:
        return  # Another worker has recalculated it.
    _, changed = recommend.recalculate(
        services.store,
        services.matcher,
        tenant_id,
        exception_id,
        actor=ACTOR,
        now=now,
        trigger=trigger,
    )
    _log.info("recalculated", tenant_id=tenant_id, exception_id=exception_id, changed=changed)


def _trigger(record: ExceptionRecord, revision: int, now: datetime) -> str | None:
    """Why a recommendation is to be recalculated; None if it is not."""
    if record.valid_until is not None and record.valid_until <= now:
        return "deferred" if record.recommendation.deferred else "expired"
    return follow_catalogue.TRIGGER if follow_catalogue.is_behind(record, revision) else None


def _record_rejection(tx: SqlTransaction, exception_id: str, reason: str, wait: timedelta, now: datetime) -> None:
    """Say in the exception's log that the matcher does not take it."""
    record = tx.exception(exception_id, lock=True)
    changeset = ChangeSet(record, ACTOR, now)
    trigger = "deferred" if record.recommendation.deferred else "expired"
    recommend.defer(changeset, reason, trigger, retry_after=wait)
    tx.save(changeset)


def _put_off(
    services: Services,
    tenant_id: str,
    exception_id: str,
    reason: str,
    record: Callable[[SqlTransaction, str, str, timedelta, datetime], None] = lambda *_: None,
) -> None:
    """Let one wait, longer with each failure; the first of a series may be recorded in its log."""
    now = services.clock()

    def work(tx: SqlTransaction) -> timedelta:
        failures = exceptions.recalculation_failures(tx.session, exception_id)
        wait = backoff(failures, first=recommend.RETRY_AFTER, longest=_LONGEST_WAIT)
        if failures == 0:
            record(tx, exception_id, reason, wait, now)
        exceptions.put_off(tx.session, exception_id, now + wait)
        return wait

    seconds = services.store.write(tenant_id, work).total_seconds()
    _log.warning(
        "recalculation_put_off", tenant_id=tenant_id, exception_id=exception_id, reason=reason, seconds=seconds
    )
