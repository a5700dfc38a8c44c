"""The worker: gives due exceptions a new recommendation, and delivers the outbox. Any number may run.

The two go on side by side: a receiver that does not answer never holds up a recommendation.
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
from executor.store.tenants import tenant_ids
from sentinai.gunicorn_logging import library_logging
from sentinai.problems import DatabaseUnavailable, MatcherUnavailable, VersionConflict
from sentinai.telemetry import DUE_RECALCULATIONS, OUTBOX_DEPTH, OUTBOX_FAILED, logger, serve_metrics

ACTOR = Actor("system", "worker", None)
_DUE_AT_ONCE = 50
_CLAIMED_AT_ONCE = 20
_FAILURES_AT_ONCE = 2
_NEVER = threading.Event()
_log = logger("worker")


def run(services: Services) -> None:
    """Work until SIGTERM or SIGINT; what is under way is finished first, what is only claimed is handed back.

    An error that is not foreseen ends the process, by exit code 1, and is a line of its log like any other.
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    logging.config.dictConfig(library_logging())
    serve_metrics(services.settings)
    _log.info("worker_started", period_seconds=services.settings.worker_period_seconds)
    rounds = (recalculate_all, deliver_all)
    with ThreadPoolExecutor(len(rounds)) as pool:
        running = [pool.submit(_repeat, each, services, stopping) for each in rounds]
    unforeseen = [error for each in running if (error := each.exception()) is not None]
    for error in unforeseen:
        _log.error("unexpected_error", exc_info=error)
    if unforeseen:
        sys.exit(1)
    _log.info("worker_stopped")


def _repeat(
    look_once: Callable[[Services, threading.Event], bool], services: Services, stopping: threading.Event
) -> None:
    """Look again and again until asked to stop. What fails in a way that is not foreseen ends the whole worker."""
    try:
        while not stopping.is_set():
            try:
                busy = look_once(services, stopping)
            except DatabaseUnavailable as problem:
                _log.warning("database_unavailable", detail=problem.detail)
                busy = False
            stopping.wait(0 if busy else services.settings.worker_period_seconds)
    finally:
        stopping.set()


def work_once(services: Services) -> bool:
    """Look once after every tenant; True when there may be more to do at once."""
    found = [recalculate_all(services, _NEVER), deliver_all(services, _NEVER)]
    return any(found)


def recalculate_all(services: Services, stopping: threading.Event) -> bool:
    """Look once for due recommendations of every tenant; True when there may be more to do at once."""
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
    """Look once for due messages of every tenant; True when there may be more to do at once."""
    more, counts = False, Counter[str]()
    for tenant_id in tenant_ids(services.database):
        if stopping.is_set():
            return False
        more |= deliver_due(services, tenant_id, stopping)
        with services.database.read(tenant_id) as session:
            counts.update(outbox.counts(session))
    OUTBOX_DEPTH.set(counts["pending"])
    OUTBOX_FAILED.set(counts["failed"])
    return more


def recalculate_due(services: Services, tenant_id: str, stopping: threading.Event = _NEVER) -> bool:
    """Ask the matcher anew for what is due; True when a whole batch was.

    Which is asked about first is left to chance: one that fails each time must not stand before the others.
    """
    with services.database.read(tenant_id) as session:
        due = exceptions.due(session, services.clock(), _DUE_AT_ONCE)
    failures = 0
    for exception_id in random.sample(due, len(due)):
        if stopping.is_set() or failures == _FAILURES_AT_ONCE:
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
    return len(due) == _DUE_AT_ONCE


def _recalculate(services: Services, tenant_id: str, exception_id: str) -> None:
    now = services.clock()
    with services.database.read(tenant_id) as session:
        record = exceptions.get(session, exception_id)
    if record.valid_until is None or record.valid_until > now:
        return  # another worker was here
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


def deliver_due(services: Services, tenant_id: str, stopping: threading.Event = _NEVER) -> bool:
    """Deliver what is due; True when a whole batch was."""
    now = services.clock()
    lease = timedelta(seconds=services.settings.outbox_timeout_seconds * _CLAIMED_AT_ONCE + 10)
    messages = services.database.write(
        tenant_id, lambda session: outbox.claim(session, now, lease=lease, limit=_CLAIMED_AT_ONCE)
    )
    for position, message in enumerate(messages):
        if stopping.is_set():
            _hand_back(services, tenant_id, messages[position:])
            return False
        _deliver(services, tenant_id, message)
    return len(messages) == _CLAIMED_AT_ONCE


def _hand_back(services: Services, tenant_id: str, messages: Sequence[outbox.Delivery]) -> None:
    now = services.clock()
    ids = [message.outbox_id for message in messages]
    services.database.write(tenant_id, lambda session: outbox.hand_back(session, ids, now))
    _log.info("deliveries_handed_back", tenant_id=tenant_id, messages=len(ids))


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
