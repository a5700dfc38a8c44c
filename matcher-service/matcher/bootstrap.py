"""The matcher's dependencies, created once at start and passed inwards."""

from __future__ import annotations

from dataclasses import dataclass

from matcher.catalogue.cache import CatalogueCache
from sentinai.clock import Clock, utc_now
from sentinai.database.engine import Database
from sentinai.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The dependencies of the operations."""

    settings: Settings
    database: Database
    catalogues: CatalogueCache
    clock: Clock = utc_now


def assemble(settings: Settings, clock: Clock = utc_now) -> Services:
    """Create the matcher's dependencies from its settings."""
    database = Database(settings)
    return Services(
        settings=settings,
        database=database,
        catalogues=CatalogueCache(database, settings.catalogue_cache_tenants),
        clock=clock,
    )
