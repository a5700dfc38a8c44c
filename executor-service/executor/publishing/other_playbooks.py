"""The tenant's other playbooks, as a new one is held against them before it is published."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from executor.store import playbooks as playbook_store
from executor.store import tenants
from executor.store.playbooks import Version
from sentinai.conditions import parse
from sentinai.conditions.lint.other_playbooks import (
    Change,
    OtherPlaybooks,
    OtherPlaybooksCache,
    PublishedRule,
    difference,
)
from sentinai.database.tenant_session import TenantSession
from sentinai.problems import InvalidDocument


@contextmanager
def peers_of(session: TenantSession, tenant_id: str, kept: OtherPlaybooksCache) -> Iterator[OtherPlaybooks]:
    """The peers of a tenant as the session's transaction sees them; what was known before is not read again."""
    with kept.at(tenant_id, tenants.revision(session), partial(_since, session)) as other_playbooks:
        yield other_playbooks


def _since(session: TenantSession, other_playbooks: OtherPlaybooks) -> Change:
    gone, come = difference(other_playbooks, playbook_store.active_versions(session))
    conditions = playbook_store.conditions_of(session, [each.playbook_id for each in come])
    found = (_peer(each, conditions[each.playbook_id]) for each in come)
    return gone, [other for other in found if other is not None]


def _peer(version: Version, conditions: object) -> PublishedRule | None:
    try:
        read = parse(conditions)
    except InvalidDocument:
        return None
    return PublishedRule(version.playbook_id, version.name, version.version, read, version.created_at)
