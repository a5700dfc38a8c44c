"""What stays as it is while a tenant's catalogue revision stands: playbook versions and packs, kept once read.

The revision is read in every transaction, and every change to a playbook or a pack raises it in the
transaction that makes it; so what is kept is what a transaction at that revision would read.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from executor.domain.model import Packs, Playbook
from executor.store import packs as pack_store
from executor.store import playbooks as playbook_store
from sentinai.database.tables import TenantRow
from sentinai.database.tenant_session import TenantSession
from sentinai.database.tenant_statement import TenantStatement

_MOST_TENANTS = 256
_MOST_KEPT = 1000
_REVISION = TenantStatement(select(TenantRow.catalogue_revision))


@dataclass(slots=True)
class CatalogueSnapshot:
    """What was read of one tenant's catalogue at one revision."""

    revision: int | None
    playbooks: dict[int, Playbook] = field(default_factory=dict)
    packs: dict[str, Packs] = field(default_factory=dict)

    def playbook(self, session: TenantSession, playbook_id: int) -> Playbook:
        """A playbook version of the tenant.

        Raises:
            NotFound: it has none of that id.
        """
        found = self.playbooks.get(playbook_id)
        if found is None:
            _make_room(self.playbooks)
            found = self.playbooks[playbook_id] = playbook_store.get_playbook(session, playbook_id)
        return found

    def packs_of(self, session: TenantSession, domain: str) -> Packs:
        """The packs that count for an exception of a domain; empty where there are none."""
        found = self.packs.get(domain)
        if found is None:
            _make_room(self.packs)
            found = self.packs[domain] = pack_store.packs(session, domain)
        return found


def _make_room(kept: dict[Any, Any]) -> None:
    """Domains are as many as callers care to name, so there is a bound."""
    if len(kept) >= _MOST_KEPT:
        kept.clear()


class CatalogueCache:
    """The catalogues of the tenants that were worked for last; safe to share between threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, CatalogueSnapshot] = OrderedDict()
        self._guard = threading.Lock()

    def at(self, session: TenantSession, tenant_id: str) -> CatalogueSnapshot:
        """What is known of the tenant's catalogue as the session's transaction sees it."""
        found = _REVISION.rows(session)
        if not found:
            return CatalogueSnapshot(None)
        revision = found[0][0]
        with self._guard:
            kept = self._kept.get(tenant_id)
            if kept is None or kept.revision != revision:
                kept = self._kept[tenant_id] = CatalogueSnapshot(revision)
            self._kept.move_to_end(tenant_id)
            while len(self._kept) > _MOST_TENANTS:
                self._kept.popitem(last=False)
            return kept
