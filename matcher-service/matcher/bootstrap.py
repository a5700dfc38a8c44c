"""What the matcher works with, put together once at start and passed inwards."""

from __future__ import annotations

from dataclasses import dataclass, field

from matcher.catalogue.cache import Catalogues
from sentinai.clock import Clock, utc_now
from sentinai.conditions.lint.kept import OtherPlaybooksCache
from sentinai.database.engine import Database
from sentinai.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The parts that a call may need."""

    settings: Settings
    database: Database
    catalogues: Catalogues
    clock: Clock = utc_now
    other_playbooks: OtherPlaybooksCache = field(default_factory=OtherPlaybooksCache)


def assemble(settings: Settings, clock: Clock = utc_now) -> Services:
    """The matcher's parts, by its settings."""
    database = Database(settings)
    return Services(
        settings=settings,
        database=database,
        catalogues=Catalogues(database, settings.catalogue_cache_tenants),
        clock=clock,
    )
