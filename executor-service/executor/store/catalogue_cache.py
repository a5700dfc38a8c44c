"""Playbook versions and packs of each tenant, cached for one catalogue revision.

Every transaction reads the revision, and every change to a playbook or a pack increments it in the same
transaction. A cached value is therefore the one that a transaction at that revision would read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from cachetools import LRUCache
from sqlalchemy import select

from executor.domain.model import Packs, Playbook
from executor.store import packs as pack_store
from executor.store import playbooks as playbook_store
from sentinai.database.tables import TenantRow
from sentinai.database.tenant_session import TenantSession
from sentinai.database.tenant_statement import TenantStatement

K = TypeVar("K")
V = TypeVar("V")

_MAX_TENANTS = 256
_MAX_ENTRIES = 1000
"""Of each kind and tenant. Callers may name any domain, so the packs need a bound too."""
_REVISION = TenantStatement(select(TenantRow.catalogue_revision))


class CatalogueSnapshot:
    """What has been read of one tenant's catalogue at one revision; safe to share between threads."""

    def __init__(self, revision: int | None) -> None:
        self.revision = revision
        self._playbooks: LRUCache[int, Playbook] = LRUCache(_MAX_ENTRIES)
        self._packs: LRUCache[str, Packs] = LRUCache(_MAX_ENTRIES)
        self._lock = threading.Lock()

    def playbook(self, session: TenantSession, playbook_id: int) -> Playbook:
        """A playbook version of the tenant.

        Raises:
            NotFound: the tenant has no playbook version with this id.
        """
        return self._cached(
            self._playbooks, playbook_id, lambda: playbook_store.get_playbook(session, playbook_id)
        )

    def packs(self, session: TenantSession, domain: str) -> Packs:
        """The packs that apply to an exception of ``domain``; empty where there are none."""
        return self._cached(self._packs, domain, lambda: pack_store.packs(session, domain))

    def _cached(self, cache: LRUCache[K, V], key: K, read: Callable[[], V]) -> V:
        with self._lock:
            found = cache.get(key)
        if found is None:
            found = read()
            with self._lock:
                cache[key] = found
        return found


class CatalogueCache:
    """The snapshots of the most recently used tenants; safe to share between threads."""

    def __init__(self) -> None:
        self._snapshots: LRUCache[str, CatalogueSnapshot] = LRUCache(_MAX_TENANTS)
        self._lock = threading.Lock()

    def at(self, session: TenantSession, tenant_id: str) -> CatalogueSnapshot:
        """The snapshot for the catalogue revision that the session's transaction sees."""
        found = _REVISION.rows(session)
        if not found:
            return CatalogueSnapshot(None)
        revision = found[0][0]
        with self._lock:
            snapshot = self._snapshots.get(tenant_id)
            if snapshot is None or snapshot.revision != revision:
                snapshot = self._snapshots[tenant_id] = CatalogueSnapshot(revision)
            return snapshot
