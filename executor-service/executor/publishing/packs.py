"""Storing Domain Packs and Policy Packs: checked as a whole, then the next version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from executor.store import packs as pack_store
from executor.store import tenants
from sentinai import packs
from sentinai.database.engine import Database
from sentinai.database.tables import DomainPackRow, PolicyPackRow
from sentinai.database.tenant_session import TenantSession
from sentinai.documents.schemas import require
from sentinai.documents.strict_json import same
from sentinai.problems import Finding, InvalidDocument, TenantMismatch

Check = Callable[[Mapping[str, Any]], tuple[Sequence[Finding], Sequence[Finding]]]


def put_domain_pack(
    database: Database, tenant_id: str, domain: str, pack: Mapping[str, Any], now: datetime
) -> tuple[DomainPackRow, Sequence[Finding]]:
    """Store the next version of a Domain Pack; an unchanged one makes none. Answers it and its warnings.

    Raises:
        InvalidDocument: with every finding, each at its pointer.
    """
    warnings = check_domain_pack(domain, pack)

    def work(session: TenantSession) -> DomainPackRow:
        standing = pack_store.newest_domain_pack(session, domain)
        if standing and same(standing.pack, pack):
            return standing
        return pack_store.add_domain_pack(session, domain, pack, now)

    return database.write(tenant_id, work), warnings


def put_policy_pack(
    database: Database, tenant_id: str, pack: Mapping[str, Any], now: datetime
) -> tuple[PolicyPackRow, Sequence[Finding]]:
    """Store the next version of a tenant's Policy Pack; an unchanged one makes none.

    Raises:
        InvalidDocument: with every finding. TenantMismatch: it names another tenant.
    """
    warnings = check_policy_pack(tenant_id, pack)

    def work(session: TenantSession) -> PolicyPackRow:
        tenants.ensure_tenant(session, tenant_id)
        standing = pack_store.newest_policy_pack(session)
        if standing and same(standing.pack, pack):
            return standing
        return pack_store.add_policy_pack(session, pack, now)

    return database.write(tenant_id, work), warnings


def check_domain_pack(domain: str, pack: Mapping[str, Any]) -> Sequence[Finding]:
    """The warnings about a Domain Pack.

    Raises:
        InvalidDocument: it may not be stored; with every finding, each at its pointer.
    """
    warnings = _checked("domain-pack", pack, packs.check_domain_pack)
    if pack.get("domain_name", domain) != domain:
        wrong = Finding(
            "/domain_name",
            "mismatch",
            f"The path says {domain!r}.",
            "Make the two the same, or leave it out.",
        )
        raise InvalidDocument("The pack names another domain than the path.", findings=[wrong])
    return warnings


def check_policy_pack(tenant_id: str, pack: Mapping[str, Any]) -> Sequence[Finding]:
    """The warnings about a tenant's Policy Pack.

    Raises:
        InvalidDocument: with every finding. TenantMismatch: it names another tenant.
    """
    if pack.get("tenant_id", tenant_id) != tenant_id:
        raise TenantMismatch("Leave tenant_id out of the pack, or give the token's own.")
    return _checked("policy-pack", pack, packs.check_policy_pack)


def _checked(schema: str, pack: Mapping[str, Any], check: Check) -> Sequence[Finding]:
    require(schema, pack)
    errors, warnings = check(pack)
    if errors:
        raise InvalidDocument.about("The pack is not valid", errors)
    return warnings
