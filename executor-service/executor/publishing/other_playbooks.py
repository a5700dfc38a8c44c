"""The tenant's other playbooks, which a playbook is checked against before it is published."""

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
def other_playbooks(
    session: TenantSession, tenant_id: str, cache: OtherPlaybooksCache
) -> Iterator[OtherPlaybooks]:
    """The playbooks of a tenant that the session's transaction sees. Only changes since the last call are read."""
    with cache.at(tenant_id, tenants.revision(session), partial(_since, session)) as found:
        yield found


def _since(session: TenantSession, cached: OtherPlaybooks) -> Change:
    gone, come = difference(cached, playbook_store.active_versions(session))
    conditions = playbook_store.conditions_of(session, [each.playbook_id for each in come])
    found = (_published_rule(each, conditions[each.playbook_id]) for each in come)
    return gone, [other for other in found if other is not None]


def _published_rule(version: Version, conditions: object) -> PublishedRule | None:
    try:
        read = parse(conditions)
    except InvalidDocument:
        return None
    return PublishedRule(version.playbook_id, version.name, version.version, version.created_at, read)
