"""Publishing of Domain Packs and Policy Packs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from executor.domain.model import Actor
from executor.publishing import approval_guard
from executor.store import packs as pack_store
from executor.store import tenants
from sentinai import packs
from sentinai.database.engine import Database
from sentinai.database.tables import DomainPackRow, PolicyPackRow
from sentinai.database.tenant_session import TenantSession
from sentinai.documents.schemas import require
from sentinai.documents.strict_json import same
from sentinai.problems import CorruptData, Finding, InvalidDocument, TenantMismatch


def put_domain_pack(
    database: Database, tenant_id: str, domain: str, pack: Mapping[str, Any], actor: Actor, now: datetime
) -> tuple[DomainPackRow, Sequence[Finding]]:
    """Store the next version of a Domain Pack, unless it is unchanged. Returns the newest version, and warnings.

    Raises:
        InvalidDocument: with every finding, each at its pointer. HumanRequired: only a person may change this.
    """
    warnings = check_domain_pack(domain, pack)

    def work(session: TenantSession) -> DomainPackRow:
        tenants.ensure_tenant(session, tenant_id)
        # A pack that cannot be read is replaced.
        with suppress(CorruptData):
            newest = pack_store.newest_domain_pack(session, domain)
            if newest and same(newest.pack, pack):
                return newest
            if newest:
                approval_guard.require_domain_pack(actor, newest.pack, pack)
        return pack_store.add_domain_pack(session, domain, pack, actor, now)

    return database.write(tenant_id, work), warnings


def put_policy_pack(
    database: Database, tenant_id: str, pack: Mapping[str, Any], actor: Actor, now: datetime
) -> tuple[PolicyPackRow, Sequence[Finding]]:
    """Store the next version of a Policy Pack, unless it is unchanged. Returns the newest version, and warnings.

    Raises:
        InvalidDocument: with every finding, each at its pointer. TenantMismatch: the pack names another tenant.
        HumanRequired: only a person may change this.
    """
    warnings = check_policy_pack(tenant_id, pack)

    def work(session: TenantSession) -> PolicyPackRow:
        tenants.ensure_tenant(session, tenant_id)
        with suppress(CorruptData):
            newest = pack_store.newest_policy_pack(session)
            if newest and same(newest.pack, pack):
                return newest
            if newest:
                approval_guard.require_policy_pack(actor, newest.pack, pack)
        return pack_store.add_policy_pack(session, pack, actor, now)

    return database.write(tenant_id, work), warnings


def check_domain_pack(domain: str, pack: Mapping[str, Any]) -> Sequence[Finding]:
    """The warnings about a Domain Pack.

    Raises:
        InvalidDocument: it cannot be stored; with every finding, each at its pointer.
    """
    require("domain-pack", pack)
    warnings = _warnings(packs.check_domain_pack(pack))
    if pack.get("domain_name", domain) != domain:
        finding = Finding(
            "/domain_name",
            "mismatch",
            f"domain_name must be {domain!r}, the domain that the pack is stored for.",
            "Change or remove domain_name.",
        )
        raise InvalidDocument.about("The pack is not valid", [finding])
    return warnings


def check_policy_pack(tenant_id: str, pack: Mapping[str, Any]) -> Sequence[Finding]:
    """The warnings about a Policy Pack.

    Raises:
        InvalidDocument: with every finding, each at its pointer. TenantMismatch: the pack names another tenant.
    """
    if pack.get("tenant_id", tenant_id) != tenant_id:
        raise TenantMismatch("tenant_id in the pack is not the tenant of the token. Remove or correct it.")
    require("policy-pack", pack)
    return _warnings(packs.check_policy_pack(pack))


def _warnings(checked: packs.Checked) -> Sequence[Finding]:
    errors, warnings = checked
    if errors:
        raise InvalidDocument.about("The pack is not valid", errors)
    return warnings
