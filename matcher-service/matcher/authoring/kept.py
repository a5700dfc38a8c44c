"""The playbooks that conditions are held against, filed once for every revision of a catalogue."""

from __future__ import annotations

import threading
from collections import OrderedDict

from matcher.authoring.review import peers_of
from matcher.catalogue import TenantCatalogue
from sentinai.conditions.peers import Peers

_TENANTS = 4
"""For how many tenants they are kept: authors are few, and those who write at one time fewer."""


class KeptPeers:
    """The peers of the tenants whose authors asked last; safe to share between threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._kept: OrderedDict[str, tuple[int, Peers]] = OrderedDict()

    def of(self, tenant_id: str, catalogue: TenantCatalogue) -> Peers:
        """The peers in a tenant's catalogue. Authors wait for one another, so that nothing is filed twice."""
        with self._guard:
            kept = self._kept.pop(tenant_id, None)
            if kept is None or kept[0] != catalogue.revision:
                kept = (catalogue.revision, peers_of(catalogue.stored.playbooks.values()))
            self._kept[tenant_id] = kept
            while len(self._kept) > _TENANTS:
                self._kept.popitem(last=False)
            return kept[1]
