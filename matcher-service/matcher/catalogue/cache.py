"""A tenant's catalogue as the matcher sees it: compiled, and kept by its revision.

The revision is read on every request, so a published playbook counts from the very next match; only when it
changed is the rest read again, and of that only what is new.
"""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from matcher.catalogue.reader import Stored, StoredPack, Unreadable, read
from matcher.catalogue.revision import Revisions
from matcher.matching import Catalogue, compile_catalogue
from sentinai.conditions.evaluation.context import TagRule, tag_rules_of
from sentinai.database.engine import Database
from sentinai.problems import DatabaseUnavailable
from sentinai.telemetry import CATALOGUE_LOADS, logger

_log = logger("catalogue")
_STRIPES = 64


@dataclass(frozen=True, slots=True)
class TenantCatalogue:
    """Everything that a tenant's exceptions are matched against, at one revision."""

    stored: Stored
    compiled: Catalogue
    tag_rules: tuple[TagRule, ...]

    @property
    def revision(self) -> int:
        """What the catalogue's every change raises."""
        return self.stored.revision

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """Stored playbooks that are left out."""
        return self.stored.unreadable

    @property
    def domain_packs(self) -> Mapping[str, StoredPack]:
        """The newest Domain Pack of each domain."""
        return self.stored.domain_packs

    @property
    def policy_pack(self) -> StoredPack | None:
        """The tenant's newest Policy Pack."""
        return self.stored.policy_pack


class Catalogues:
    """The compiled catalogues of the tenants that were asked for last; safe to share between threads."""

    def __init__(self, database: Database, capacity: int) -> None:
        self._database = database
        self._revisions = Revisions(database)
        self._capacity = capacity
        self._kept: OrderedDict[str, TenantCatalogue] = OrderedDict()
        self._guard = threading.Lock()
        # Locks by a hash of the tenant: one build per tenant at a time, and no lock kept per tenant.
        self._builds = tuple(threading.Lock() for _ in range(_STRIPES))
        self._domain_packs: Mapping[str, StoredPack] = {}
        self._nothing = _compile(Stored())

    def current(self, tenant_id: str) -> TenantCatalogue:
        """The tenant's catalogue as it stands now; empty, at revision 0, for a tenant that has stored nothing.

        Raises:
            DatabaseUnavailable: the revision, or what changed with it, cannot be read.
        """
        revision = self._revisions.of(tenant_id)
        if revision is None:
            return self._nothing
        kept = self._look_up(tenant_id)
        if kept is not None and kept.revision == revision:
            CATALOGUE_LOADS.labels("hit").inc()
            return kept
        with self._builds[hash(tenant_id) % _STRIPES]:
            kept = self._look_up(tenant_id)
            if kept is not None and kept.revision == self._revisions.of(tenant_id):
                # Another thread built it while this one waited.
                CATALOGUE_LOADS.labels("hit").inc()
                return kept
            CATALOGUE_LOADS.labels("miss").inc()
            with _without_collection():
                return self._keep(tenant_id, self._build(tenant_id, kept))

    def check(self) -> str:
        """``"ok"`` when the catalogue's tables can be read, or what is wrong."""
        try:
            self._revisions.of("")
        except DatabaseUnavailable as problem:
            return problem.detail
        return "ok"

    def _look_up(self, tenant_id: str) -> TenantCatalogue | None:
        with self._guard:
            kept = self._kept.get(tenant_id)
            if kept is not None:
                self._kept.move_to_end(tenant_id)
            return kept

    def _keep(self, tenant_id: str, built: TenantCatalogue) -> TenantCatalogue:
        with self._guard:
            self._kept[tenant_id] = built
            self._kept.move_to_end(tenant_id)
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return built

    def _build(self, tenant_id: str, before: TenantCatalogue | None) -> TenantCatalogue:
        with self._database.read(tenant_id) as session:
            stored = read(session, before.stored.playbooks if before else {}, self._domain_packs)
        # Domain Packs are shared: the next tenant's build finds them here, at whatever version they are.
        self._domain_packs = stored.domain_packs
        for each in stored.unreadable:
            _log.warning("playbook_left_out", playbook_id=each.playbook_id, reason=each.message)
        return _compile(stored)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Keep the collector from going through a catalogue, time and again, while it grows and once it is there.

    A catalogue has no cycles: it goes by reference counting, frozen or not.
    """
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _compile(stored: Stored) -> TenantCatalogue:
    policy_pack = stored.policy_pack.pack if stored.policy_pack else {}
    return TenantCatalogue(stored, compile_catalogue(stored.playbooks.values()), tag_rules_of(policy_pack))
