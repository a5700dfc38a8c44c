"""Builds the executor's dependencies, once at start."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import BoundedSemaphore

from executor.actions.registry import actions
from executor.matcher_client import HttpMatcher
from executor.publishing.other_playbooks import OtherPlaybooksCache
from executor.store.unit_of_work import SqlStore
from sentinai.clock import Clock, utc_now
from sentinai.database.engine import Database
from sentinai.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The dependencies of a call. ``waiting`` limits how many calls may wait for events, each in a thread."""

    settings: Settings
    database: Database
    store: SqlStore
    matcher: HttpMatcher
    waiting: BoundedSemaphore
    clock: Clock = utc_now
    other_playbooks: OtherPlaybooksCache = field(default_factory=OtherPlaybooksCache)


def assemble(settings: Settings, clock: Clock = utc_now) -> Services:
    """Build the dependencies from the settings, and load the actions."""
    actions()
    database = Database(settings)
    return Services(
        settings=settings,
        database=database,
        store=SqlStore(database),
        matcher=HttpMatcher(settings),
        waiting=BoundedSemaphore(max(1, settings.gunicorn_threads // 2)),
        clock=clock,
    )
