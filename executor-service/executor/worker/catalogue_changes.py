"""Following the catalogue: exceptions whose recommendation is from an earlier one are matched again."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from executor.bootstrap import Services
from executor.domain.model import ExceptionRecord
from executor.service_layer import follow_catalogue
from executor.store import backlog, exceptions, tenants
from executor.worker import recalculations
from executor.worker.items import ACTOR, NOT_STOPPING, guarded
from sentinai.database.corruption import readable
from sentinai.problems import MatcherUnavailable
from sentinai.telemetry import logger

JOB = "catalogue_changes"
_BATCH = 200
_SIDE_BY_SIDE = 2
"""While one batch waits for the matcher or the database, another is worked on."""
_CANDIDATES = 1000
"""Batches are drawn from so many, so that several workers seldom match the same exceptions."""
_log = logger("worker")


def follow_all(services: Services, stopping: threading.Event = NOT_STOPPING) -> bool:
    """Match a batch of each tenant that has exceptions behind its catalogue. Returns True if there may be more."""
    more = False
    for tenant_id in backlog.tenants_behind(services.database):
        if stopping.is_set():
            return False
        try:
            more |= follow(services, tenant_id, stopping)
        except MatcherUnavailable as problem:
            _log.warning("matcher_unavailable", tenant_id=tenant_id, detail=problem.detail)
            return False
    return more


def follow(services: Services, tenant_id: str, stopping: threading.Event = NOT_STOPPING) -> bool:
    """Match some batches of a tenant's exceptions that are behind its catalogue, side by side.

    Returns True if there may be more.

    Raises:
        MatcherUnavailable: it serves nobody now; they stay behind.
    """
    with services.database.read(tenant_id) as session:
        ids = exceptions.behind_ids(session, tenants.revision(session) or 0, _CANDIDATES)
    chosen = random.sample(ids, min(len(ids), _SIDE_BY_SIDE * _BATCH))
    batches = [chosen[start : start + _BATCH] for start in range(0, len(chosen), _BATCH)]
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as threads:
        list(threads.map(lambda batch: _follow_batch(services, tenant_id, sorted(batch), stopping), batches))
    return len(ids) > len(chosen)


def _follow_batch(
    services: Services, tenant_id: str, exception_ids: Sequence[str], stopping: threading.Event
) -> None:
    with services.database.read(tenant_id) as session:
        records, unreadable = readable(exception_ids, lambda each: exceptions.get(session, each))
    if records:
        guarded(
            JOB,
            lambda: _together(services, tenant_id, records, stopping),
            lambda _: _one_by_one(services, tenant_id, [each.exception_id for each in records], stopping),
            tenant_id=tenant_id,
        )
    _one_by_one(services, tenant_id, unreadable, stopping)


def _together(
    services: Services, tenant_id: str, records: Sequence[ExceptionRecord], stopping: threading.Event
) -> None:
    try:
        followed = follow_catalogue.follow(
            services.store, services.matcher, tenant_id, records, ACTOR, services.clock()
        )
    except MatcherUnavailable:
        # It may be the size of the batch, or one exception in it.
        if services.matcher.is_ready() != "ok":
            raise
        _one_by_one(services, tenant_id, [record.exception_id for record in records], stopping)
        return
    _log.info("catalogue_followed", tenant_id=tenant_id, exceptions=followed.handled, changed=followed.changed)
    _one_by_one(services, tenant_id, followed.refused, stopping)


def _one_by_one(
    services: Services, tenant_id: str, exception_ids: Sequence[str], stopping: threading.Event
) -> None:
    """Those with which something is wrong are put off by themselves, with the reason in their log."""
    recalculations.recalculate_each(services, tenant_id, exception_ids, stopping)
