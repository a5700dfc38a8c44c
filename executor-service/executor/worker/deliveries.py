"""Delivering the outbox: side by side, a few at a time to each address, for a day. What fails waits by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from types import TracebackType

from executor import delivery
from executor.bootstrap import Services
from executor.delivery import Receipt
from executor.store import backlog, outbox
from executor.store.outbox import ClaimedMessage
from executor.worker.backoff import backoff
from executor.worker.items import ACTOR, NOT_STOPPING, guarded, report
from sentinai.telemetry import logger

JOB = "deliveries"
_SIDE_BY_SIDE = 4
_MAX_QUEUED = 20
"""Messages to one address that are delivered at once, and that wait for their turn in this process."""
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=1), timedelta(hours=1)
_BUSY_WAIT = timedelta(seconds=5)
"""How long a message is left when too many wait for its address already."""
_log = logger("worker")


class Lanes:
    """Threads by address: a silent receiver keeps its own lane busy, and no other.

    As a context manager, it waits at its end for what it has started.
    """

    def __init__(self) -> None:
        self._lanes: dict[str, tuple[ThreadPoolExecutor, threading.BoundedSemaphore]] = {}

    def __enter__(self) -> Lanes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for threads, _ in self._lanes.values():
            threads.shutdown()

    def start(self, address: str, work: Callable[[], None]) -> bool:
        """Do ``work`` as soon as the address has a thread for it. Returns False if too many wait already."""
        if address not in self._lanes:
            slots = threading.BoundedSemaphore(_SIDE_BY_SIDE + _MAX_QUEUED)
            self._lanes[address] = ThreadPoolExecutor(_SIDE_BY_SIDE), slots
        threads, slots = self._lanes[address]
        if not slots.acquire(blocking=False):
            return False
        threads.submit(work).add_done_callback(partial(_finish, slots))
        return True


def _finish(slots: threading.BoundedSemaphore, future: Future[None]) -> None:
    """Free the slot. A message whose outcome could not be stored is due again when its lease expires."""
    slots.release()
    if error := future.exception():
        report(JOB, error)


def deliver_all(services: Services, stopping: threading.Event, lanes: Lanes) -> bool:
    """Start to deliver a batch of due messages of each tenant that has any. Returns True if more may be due."""
    more = False
    for tenant_id in backlog.tenants_with_due_deliveries(services.database, services.clock()):
        if stopping.is_set():
            return False
        more |= deliver_due(services, tenant_id, stopping, lanes)
    return more


def deliver_due(services: Services, tenant_id: str, stopping: threading.Event, lanes: Lanes) -> bool:
    """Start to deliver a batch of due messages of a tenant. Returns True if the batch was full."""
    now = services.clock()
    turns = 1 + _MAX_QUEUED // _SIDE_BY_SIDE
    lease = timedelta(seconds=services.settings.outbox_timeout_seconds * turns + 10)
    claimed = services.database.write(
        tenant_id, lambda session: outbox.claim(session, now, lease=lease, limit=_MAX_QUEUED)
    )
    for outbox_id in claimed:
        guarded(
            JOB,
            partial(_start, services, tenant_id, outbox_id, stopping, lanes),
            partial(_close_as_failed, services, tenant_id, outbox_id),
            tenant_id=tenant_id,
            outbox_id=outbox_id,
        )
    return len(claimed) == _MAX_QUEUED


def deliver_once(services: Services, *tenants: str) -> bool:
    """Deliver a batch of due messages of some tenants, or of each; returns when that is done."""
    with Lanes() as lanes:
        if not tenants:
            return deliver_all(services, NOT_STOPPING, lanes)
        more = [deliver_due(services, tenant_id, NOT_STOPPING, lanes) for tenant_id in tenants]
        return any(more)


def _start(services: Services, tenant_id: str, outbox_id: str, stopping: threading.Event, lanes: Lanes) -> None:
    """Put a claimed message on its lane. One that cannot be read fails here, before anything is sent."""
    with services.database.read(tenant_id) as session:
        message = outbox.get(session, outbox_id)

    def work() -> None:
        if stopping.is_set():
            _release(services, tenant_id, outbox_id, timedelta())
            return
        guarded(
            JOB,
            lambda: _deliver(services, tenant_id, message),
            lambda error: _retry_or_give_up(services, tenant_id, message, delivery.DeliveryFailed(error)),
            tenant_id=tenant_id,
            outbox_id=outbox_id,
        )

    if not lanes.start(delivery.address(services.settings, message), work):
        _release(services, tenant_id, outbox_id, _BUSY_WAIT)


def _release(services: Services, tenant_id: str, outbox_id: str, wait: timedelta) -> None:
    until = services.clock() + wait
    services.database.write(tenant_id, lambda session: outbox.release(session, outbox_id, until))


def _deliver(services: Services, tenant_id: str, message: ClaimedMessage) -> None:
    try:
        receipt = delivery.deliver(services.settings, tenant_id, message)
    except delivery.DeliveryFailed as failure:
        _retry_or_give_up(services, tenant_id, message, failure)
        return
    delivery.record(services.store, tenant_id, message, receipt, ACTOR, services.clock())


def _retry_or_give_up(
    services: Services, tenant_id: str, message: ClaimedMessage, failure: delivery.DeliveryFailed
) -> None:
    now, error = services.clock(), str(failure)
    if now >= message.tried_since + timedelta(hours=services.settings.outbox_hours):
        _give_up(services, tenant_id, message, failure)
        return
    until = now + backoff(message.attempts - 1, first=_FIRST_WAIT, longest=_LONGEST_WAIT)
    services.database.write(
        tenant_id,
        lambda session: outbox.reschedule(
            session, message.outbox_id, until=until, now=now, error=error, status_code=failure.status
        ),
    )
    _log.warning("delivery_postponed", tenant_id=tenant_id, outbox_id=message.outbox_id, reason=error)


def _give_up(
    services: Services, tenant_id: str, message: ClaimedMessage, failure: delivery.DeliveryFailed
) -> None:
    """Mark a message as failed, with its event; without one where its exception cannot be read."""
    receipt = Receipt("failed", str(failure), status=failure.status)
    guarded(
        JOB,
        lambda: delivery.record(services.store, tenant_id, message, receipt, ACTOR, services.clock()),
        lambda _: _close_as_failed(services, tenant_id, message.outbox_id, receipt.detail),
        tenant_id=tenant_id,
        outbox_id=message.outbox_id,
    )
    _log.error("delivery_given_up", tenant_id=tenant_id, outbox_id=message.outbox_id, reason=receipt.detail)


def _close_as_failed(services: Services, tenant_id: str, outbox_id: str, error: str) -> None:
    now = services.clock()
    services.database.write(
        tenant_id, lambda session: outbox.close(session, outbox_id, status="failed", now=now, error=error)
    )
