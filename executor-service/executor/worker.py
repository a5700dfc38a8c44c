"""The worker: recalculates expired recommendations and delivers the outbox. Any number of workers may run.

The two jobs run in threads of their own, so that a slow receiver does not delay recommendations.
"""

from __future__ import annotations

import logging.config
import random
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from executor import delivery
from executor.bootstrap import Services
from executor.domain.model import Actor
from executor.service_layer import recommend
from executor.store import exceptions, outbox
from executor.store.outbox import ClaimedMessage
from executor.store.tenants import tenant_ids
from sentinai.gunicorn_logging import library_logging
from sentinai.problems import DatabaseUnavailable, MatcherUnavailable, VersionConflict
from sentinai.telemetry import DUE_RECALCULATIONS, OUTBOX_DEPTH, OUTBOX_FAILED, logger, serve_metrics

ACTOR = Actor("system", "worker", None)
_DUE_BATCH = 50
_CLAIM_BATCH = 20
_MAX_FAILURES = 2
_NOT_STOPPING = threading.Event()
Job = Callable[[Services, threading.Event], bool]
_log = logger("worker")


def run(services: Services) -> None:
    """Work until SIGTERM or SIGINT, then finish the current messages and release those that were only claimed.

    An unexpected error is logged and ends the process with exit code 1.
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    logging.config.dictConfig(library_logging())
    serve_metrics(services.settings)
    _log.info("worker_started", period_seconds=services.settings.worker_period_seconds)
    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(_repeat, job, services, stopping) for job in (recalculate_all, deliver_all)]
    errors = [error for future in futures if (error := future.exception()) is not None]
    for error in errors:
        _log.error("unexpected_error", exc_info=error)
    if errors:
        sys.exit(1)
    _log.info("worker_stopped")


def _repeat(job: Job, services: Services, stopping: threading.Event) -> None:
    """Run a job until the worker stops. An unexpected error stops the whole worker."""
    try:
        while not stopping.is_set():
            try:
                more = job(services, stopping)
            except DatabaseUnavailable as problem:
                _log.warning("database_unavailable", detail=problem.detail)
                more = False
            stopping.wait(0 if more else services.settings.worker_period_seconds)
    finally:
        stopping.set()


def work_once(services: Services) -> bool:
    """Run both jobs once. Returns True if more work may be due."""
    more = [job(services, _NOT_STOPPING) for job in (recalculate_all, deliver_all)]
    return any(more)


def recalculate_all(services: Services, stopping: threading.Event) -> bool:
    """Recalculate a batch of due recommendations of each tenant. Returns True if more may be due."""
    more, due = False, 0
    for tenant_id in tenant_ids(services.database):
        if stopping.is_set():
            return False
        more |= recalculate_due(services, tenant_id, stopping)
        with services.database.read(tenant_id) as session:
            due += exceptions.count_due(session, services.clock())
    DUE_RECALCULATIONS.set(due)
    return more


def deliver_all(services: Services, stopping: threading.Event) -> bool:
    """Deliver a batch of due messages of each tenant. Returns True if more may be due."""
    more, counts = False, Counter[str]()
    for tenant_id in tenant_ids(services.database):
        if stopping.is_set():
            return False
        more |= deliver_due(services, tenant_id, stopping)
        with services.database.read(tenant_id) as session:
            counts.update(outbox.count_by_status(session))
    OUTBOX_DEPTH.set(counts["pending"])
    OUTBOX_FAILED.set(counts["failed"])
    return more


def recalculate_due(services: Services, tenant_id: str, stopping: threading.Event = _NOT_STOPPING) -> bool:
    """Recalculate a batch of due recommendations of a tenant. Returns True if the batch was full.

    The order is random, so that an exception that always fails does not block the others.
    """
    with services.database.read(tenant_id) as session:
        due = exceptions.due_ids(session, services.clock(), _DUE_BATCH)
    failures = 0
    for exception_id in random.sample(due, len(due)):
        if stopping.is_set() or failures == _MAX_FAILURES:
            return False
        try:
            _recalculate(services, tenant_id, exception_id)
        except MatcherUnavailable as problem:
            _log.warning(
                "matcher_unavailable", tenant_id=tenant_id, exception_id=exception_id, detail=problem.detail
            )
            failures += 1
        except VersionConflict:
            _log.info("recalculation_postponed", tenant_id=tenant_id, exception_id=exception_id)
    return len(due) == _DUE_BATCH


def _recalculate(services: Services, tenant_id: str, exception_id: str) -> None:
    now = services.clock()
    with services.database.read(tenant_id) as session:
        record = exceptions.get(session, exception_id)
    if record.valid_until is None or record.valid_until > now:
        return  # Another worker has recalculated it.
    _, changed = recommend.recalculate(
        services.store,
        services.matcher,
        tenant_id,
        exception_id,
        actor=ACTOR,
        now=now,
        trigger="deferred" if record.recommendation.deferred else "expired",
    )
    _log.info("recalculated", tenant_id=tenant_id, exception_id=exception_id, changed=changed)


def deliver_due(services: Services, tenant_id: str, stopping: threading.Event = _NOT_STOPPING) -> bool:
    """Deliver a batch of due messages of a tenant. Returns True if the batch was full."""
    now = services.clock()
    lease = timedelta(seconds=services.settings.outbox_timeout_seconds * _CLAIM_BATCH + 10)
    messages = services.database.write(
        tenant_id, lambda session: outbox.claim(session, now, lease=lease, limit=_CLAIM_BATCH)
    )
    for position, message in enumerate(messages):
        if stopping.is_set():
            _release(services, tenant_id, messages[position:])
            return False
        _deliver(services, tenant_id, message)
    return len(messages) == _CLAIM_BATCH


def _release(services: Services, tenant_id: str, messages: Sequence[ClaimedMessage]) -> None:
    now = services.clock()
    ids = [message.outbox_id for message in messages]
    services.database.write(tenant_id, lambda session: outbox.release(session, ids, now))
    _log.info("claims_released", tenant_id=tenant_id, messages=len(ids))


def _deliver(services: Services, tenant_id: str, message: ClaimedMessage) -> None:
    try:
        receipt = delivery.deliver(services.settings, tenant_id, message)
    except delivery.DeliveryFailed as failure:
        _retry_or_give_up(services, tenant_id, message, str(failure))
        return
    delivery.record(services.store, tenant_id, message, receipt, ACTOR, services.clock())


def _retry_or_give_up(services: Services, tenant_id: str, message: ClaimedMessage, error: str) -> None:
    now = services.clock()
    if message.attempts >= services.settings.outbox_attempts:
        delivery.record(services.store, tenant_id, message, delivery.Receipt("failed", error), ACTOR, now)
        _log.error("delivery_given_up", tenant_id=tenant_id, outbox_id=message.outbox_id, reason=error)
        return
    until = now + _backoff(message.attempts)
    services.database.write(
        tenant_id, lambda session: outbox.reschedule(session, message.outbox_id, until=until, error=error)
    )
    _log.warning("delivery_postponed", tenant_id=tenant_id, outbox_id=message.outbox_id, reason=error)


def _backoff(attempts: int) -> timedelta:
    """One second, doubled with each attempt, up to five minutes."""
    return timedelta(seconds=min(300, 2 ** (attempts - 1)))
