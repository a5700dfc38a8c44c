"""Housekeeping: removes messages that were delivered long ago, and measures what waits."""

from __future__ import annotations

import threading
from datetime import timedelta

from executor.bootstrap import Services
from executor.store import backlog, outbox
from executor.worker.items import NOT_STOPPING
from sentinai.telemetry import DUE_RECALCULATIONS, OUTBOX_DEPTH, OUTBOX_FAILED, logger

JOB = "housekeeping"
_BATCH = 1000
_log = logger("worker")


def clean_and_measure(services: Services, stopping: threading.Event = NOT_STOPPING) -> bool:
    """Remove a batch of old messages of each tenant that has any, and set the gauges.

    Returns True if there may be more to remove.
    """
    now, database = services.clock(), services.database
    before = now - timedelta(days=services.settings.outbox_retention_days)
    more = False
    for tenant_id in backlog.tenants_with_old_deliveries(database, before):
        if stopping.is_set():
            return False
        removed = database.write(tenant_id, lambda session: outbox.remove_delivered(session, before, _BATCH))
        _log.info("deliveries_removed", tenant_id=tenant_id, messages=removed)
        more |= removed == _BATCH
    DUE_RECALCULATIONS.set(backlog.count_due_recalculations(database, now))
    OUTBOX_DEPTH.set(backlog.count_pending_deliveries(database, now))
    OUTBOX_FAILED.set(backlog.count_failed_deliveries(database, now))
    return more
