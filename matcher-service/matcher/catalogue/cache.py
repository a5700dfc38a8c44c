"""Compiled catalogues, cached per tenant by catalogue revision.

The revision is read on every request, so the very next match sees a newly published playbook. The rest is read
only when the revision has changed, and then only what is new.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from cachetools import LRUCache

from matcher.catalogue.reader import StoredCatalogue, VersionedPack, read
from matcher.catalogue.revision import Revisions
from matcher.matching import AppliedPolicy, Catalogue, compile_catalogue
from sentinai.conditions.evaluation.context import TagRule, tag_rules_of
from sentinai.database.engine import Database
from sentinai.policy import Policy
from sentinai.problems import DatabaseUnavailable
from sentinai.telemetry import CATALOGUE_LOADS, logger

_log = logger("catalogue")
_STRIPES = 64


@dataclass(frozen=True, slots=True)
class TenantCatalogue:
    """Everything that a tenant's exceptions are matched against, at one revision."""

    stored: StoredCatalogue
    compiled: Catalogue
    tag_rules: tuple[TagRule, ...]
    _policies: dict[str, AppliedPolicy] = field(default_factory=dict)

    def policy(self, domain: str | None) -> AppliedPolicy:
        """The policy for exceptions of a domain, applied to the playbooks when it is first asked for."""
        domain_pack = self.stored.domain_packs.get(domain or "")
        key = domain if domain and domain_pack else ""
        if key not in self._policies:
            policy_pack = self.stored.policy_pack
            policy = Policy(domain_pack.pack if domain_pack else {}, policy_pack.pack if policy_pack else {})
            self._policies[key] = AppliedPolicy(policy, self.compiled)
        return self._policies[key]


class CatalogueCache:
    """The compiled catalogues of the most recently used tenants; safe to share between threads."""

    def __init__(self, database: Database, capacity: int) -> None:
        self._database = database
        self._revisions = Revisions(database)
        self._cache: LRUCache[str, TenantCatalogue] = LRUCache(capacity)
        self._cache_lock = threading.Lock()
        # Locks by a hash of the tenant: one build per tenant at a time, without a lock for each tenant.
        self._build_locks = tuple(threading.Lock() for _ in range(_STRIPES))
        self._domain_packs: Mapping[str, VersionedPack] = {}
        self._empty = _compile(StoredCatalogue())

    def current(self, tenant_id: str) -> TenantCatalogue:
        """The tenant's current catalogue; empty, at revision 0, for a tenant without stored data.

        Raises:
            DatabaseUnavailable: the revision, or what changed with it, cannot be read.
        """
        revision = self._revisions.of(tenant_id)
        if revision is None:
            return self._empty
        cached = self._cached(tenant_id, revision)
        if cached is None:
            with self._build_locks[hash(tenant_id) % _STRIPES]:
                # Another thread may have built it while this one waited.
                cached = self._cached(tenant_id, self._revisions.of(tenant_id))
                if cached is None:
                    CATALOGUE_LOADS.labels("miss").inc()
                    return self._build(tenant_id)
        CATALOGUE_LOADS.labels("hit").inc()
        return cached

    def check(self) -> str:
        """``"ok"`` if the catalogue's tables can be read, else what is wrong."""
        try:
            self._revisions.of("")
        except DatabaseUnavailable as problem:
            return problem.detail
        return "ok"

    def _cached(self, tenant_id: str, revision: int | None) -> TenantCatalogue | None:
        with self._cache_lock:
            found = self._cache.get(tenant_id)
        return found if found is not None and found.stored.revision == revision else None

    def _build(self, tenant_id: str) -> TenantCatalogue:
        with self._cache_lock:
            previous = self._cache.get(tenant_id, self._empty).stored
        with _without_collection():
            with self._database.read(tenant_id) as session:
                stored = read(session, previous.playbooks, self._domain_packs)
            # Domain Packs are shared: the next tenant's build finds them here, at whatever version they are.
            self._domain_packs = stored.domain_packs
            for each in stored.excluded:
                _log.warning("playbook_excluded", playbook_id=each.playbook_id, reason=each.message)
            built = _compile(stored)
        with self._cache_lock:
            self._cache[tenant_id] = built
        return built


@contextmanager
def _without_collection() -> Iterator[None]:
    """Keep the garbage collector from traversing a catalogue over and over while it grows, and once it is built.

    A catalogue has no cycles, so reference counting frees it, frozen or not.
    """
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _compile(stored: StoredCatalogue) -> TenantCatalogue:
    policy_pack = stored.policy_pack.pack if stored.policy_pack else {}
    return TenantCatalogue(stored, compile_catalogue(stored.playbooks.values()), tag_rules_of(policy_pack))
