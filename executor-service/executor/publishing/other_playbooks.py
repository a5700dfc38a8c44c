"""The tenant's other playbooks, which a playbook is checked against before it is published."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence

from cachetools import LRUCache

from executor.store import playbooks as playbook_store
from executor.store import tenants
from executor.store.playbooks import StoredRule, Version
from sentinai.conditions import parse
from sentinai.conditions.lint.other_playbooks import PublishedRule, by_rank
from sentinai.database.tenant_session import TenantSession
from sentinai.problems import InvalidDocument
from sentinai.versions import newest

_TENANTS = 4
"""For how many tenants playbooks are cached: few authors write at the same time."""


class OtherPlaybooksCache:
    """The playbooks of the tenants whose authors published last. Safe to share between threads.

    A list is never changed once it is cached, so a reader may go on with the one that it has.
    """

    def __init__(self) -> None:
        self._cache: LRUCache[str, tuple[int | None, Sequence[PublishedRule]]] = LRUCache(_TENANTS)
        self._lock = threading.Lock()

    def read(self, session: TenantSession) -> Sequence[PublishedRule]:
        """The playbooks that a committed snapshot has, best ranked first; only those not known yet are read."""
        revision = tenants.revision(session)
        with self._lock:
            known_revision, known = self._cache.get(session.tenant_id, (None, ()))
        if revision is None or revision == known_revision:
            return known
        found = by_rank(_rules(session, {each.playbook_id: each for each in known}))
        with self._lock:
            self._cache[session.tenant_id] = (revision, found)
        return found


def _rules(session: TenantSession, known: Mapping[int, PublishedRule]) -> Iterator[PublishedRule]:
    versions = newest(playbook_store.active_versions(session)).values()
    missing = [each.playbook_id for each in versions if each.playbook_id not in known]
    rules = playbook_store.rules_of(session, missing)
    for each in versions:
        rule = known.get(each.playbook_id) or _published_rule(each, rules.get(each.playbook_id))
        if rule is not None:
            yield rule


def _published_rule(version: Version, stored: StoredRule | None) -> PublishedRule | None:
    if stored is None:
        return None
    try:
        read = parse(stored.conditions)
    except InvalidDocument:
        return None
    return PublishedRule(version.playbook_id, version.name, version.version, stored.origin, read)
