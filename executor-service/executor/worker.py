"""The worker: gives due exceptions a new recommendation, and delivers the outbox. Any number may run."""

from __future__ import annotations

import signal
import threading
from datetime import timedelta

from executor import delivery
from executor.execution import recommendation
from executor.execution.model import Actor
from executor.services import Services
from executor.store import exceptions, outbox
from executor.store.tenants import tenant_ids
from sentinai.problems import DatabaseUnavailable, MatcherUnavailable, VersionConflict
from sentinai.telemetry import DUE_RECALCULATIONS, OUTBOX_DEPTH, logger

ACTOR = Actor("system", "worker", None)
_BATCH = 50
_log = logger("worker")


def run(services: Services) -> None:
    """Work until SIGTERM or SIGINT; what is under way is finished first."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    period = services.settings.worker_period_seconds
    _log.info("worker_started", period_seconds=period)
    while not stopping.is_set():
        try:
            busy = work_once(services, stopping)
        except DatabaseUnavailable as problem:
            _log.warning("database_unavailable", detail=problem.detail)
            busy = False
        stopping.wait(0 if busy else period)
    _log.info("worker_stopped")


def work_once(services: Services, stopping: threading.Event | None = None) -> bool:
    """Look once after every tenant; True when there may be more to do at once."""
    more = False
    due = pending = 0
    for tenant_id in tenant_ids(services.database):
        if stopping is not None and stopping.is_set():
            return False
        more |= recalculate_due(services, tenant_id)
        more |= deliver_due(services, tenant_id)
        with services.database.read(tenant_id) as session:
            due += exceptions.count_due(session, services.clock())
            pending += outbox.counts(session).get("pending", 0)
    DUE_RECALCULATIONS.set(due)
    OUTBOX_DEPTH.set(pending)
    return more


def recalculate_due(services: Services, tenant_id: str) -> bool:
    """Ask the matcher anew for what is due; True when a whole batch was."""
    with services.database.read(tenant_id) as session:
        due = exceptions.due(session, services.clock(), _BATCH)
    for exception_id in due:
        try:
            _recalculate(services, tenant_id, exception_id)
        except MatcherUnavailable as problem:
            _log.warning("matcher_unavailable", tenant_id=tenant_id, detail=problem.detail)
            return False
        except VersionConflict:
            _log.info("recalculation_postponed", tenant_id=tenant_id, exception_id=exception_id)
    return len(due) == _BATCH


def _recalculate(services: Services, tenant_id: str, exception_id: str) -> None:
    now = services.clock()
    with services.database.read(tenant_id) as session:
        record = exceptions.get(session, exception_id)
    if record.valid_until is None or record.valid_until > now:
        return  # another worker was here
    deferred = (record.recommendation or {}).get("deferred", False)
    _, changed = recommendation.recalculate(
        services.store,
        services.matcher,
        tenant_id,
        exception_id,
        actor=ACTOR,
        now=now,
        trigger="deferred" if deferred else "expired",
    )
    _log.info("recalculated", tenant_id=tenant_id, exception_id=exception_id, changed=changed)


def deliver_due(services: Services, tenant_id: str) -> bool:
    """Deliver what is due; True when a whole batch was."""
    now = services.clock()
    lease = timedelta(seconds=services.settings.outbox_timeout_seconds * _BATCH + 10)
    messages = services.database.write(
        tenant_id, lambda session: outbox.claim(session, now, lease=lease, limit=_BATCH)
    )
    for message in messages:
        _deliver(services, tenant_id, message)
    return len(messages) == _BATCH


def _deliver(services: Services, tenant_id: str, message: outbox.Delivery) -> None:
    try:
        receipt = delivery.deliver(services.settings, tenant_id, message)
    except delivery.DeliveryFailed as failure:
        _postpone_or_give_up(services, tenant_id, message, str(failure))
        return
    delivery.record(services.store, tenant_id, message, receipt, ACTOR, services.clock())


def _postpone_or_give_up(services: Services, tenant_id: str, message: outbox.Delivery, why: str) -> None:
    now = services.clock()
    if message.attempts >= services.settings.outbox_attempts:
        receipt = delivery.Receipt("failed", why)
        delivery.record(services.store, tenant_id, message, receipt, ACTOR, now)
        _log.error("delivery_given_up", tenant_id=tenant_id, outbox_id=message.outbox_id, reason=why)
        return
    until = now + _backoff(message.attempts)
    services.database.write(
        tenant_id, lambda session: outbox.postpone(session, message.outbox_id, until=until, error=why)
    )
    _log.warning("delivery_postponed", tenant_id=tenant_id, outbox_id=message.outbox_id, reason=why)


def _backoff(attempts: int) -> timedelta:
    """Doubling from one second, to five minutes."""
    return timedelta(seconds=min(300, 2 ** (attempts - 1)))
