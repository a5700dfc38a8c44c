"""The packs that apply to the exceptions of a request: those in its body, else the stored ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from matcher.bootstrap import Services
from matcher.catalogue.cache import TenantCatalogue
from sentinai import packs
from sentinai.conditions.evaluation import context
from sentinai.conditions.evaluation.context import TagRule
from sentinai.identity import Identity
from sentinai.problems import Finding, InvalidDocument, TenantMismatch

Pack = Mapping[str, Any]
_NO_PACK: Pack = {}


@dataclass(frozen=True, slots=True)
class Packs:
    """The two packs of one exception, and their stored versions; None for a pack that is not stored."""

    domain: Pack
    policy: Pack
    domain_version: int | None
    policy_version: int | None
    tag_rules: tuple[TagRule, ...]

    def context(self, exception: Pack, tenant_id: str, as_of: datetime) -> dict[str, Any]:
        """The evaluation context of an exception of the tenant."""
        return context.build(
            {**exception, "tenant_id": tenant_id},
            domain_pack=self.domain,
            policy_pack=self.policy,
            as_of=as_of,
            tag_rules=self.tag_rules,
        )


@dataclass(frozen=True, slots=True)
class PackSource:
    """The given and the stored packs of a request."""

    given_domain_pack: Pack | None
    given_policy_pack: Pack | None
    stored: TenantCatalogue | None
    tag_rules: tuple[TagRule, ...]

    def of(self, domain: str | None) -> Packs:
        """The packs for an exception of a domain; an empty one where there is none."""
        domain_pack, domain_version = self._domain(domain or "")
        policy_pack, policy_version = self._policy()
        return Packs(domain_pack, policy_pack, domain_version, policy_version, self.tag_rules)

    def _domain(self, domain: str) -> tuple[Pack, int | None]:
        if self.given_domain_pack is not None:
            return self.given_domain_pack, None
        found = self.stored.stored.domain_packs.get(domain) if self.stored else None
        return (found.pack, found.version) if found else (_NO_PACK, None)

    def _policy(self) -> tuple[Pack, int | None]:
        if self.given_policy_pack is not None:
            return self.given_policy_pack, None
        found = self.stored.stored.policy_pack if self.stored else None
        return (found.pack, found.version) if found else (_NO_PACK, None)


def pack_source(services: Services, identity: Identity, body: Pack, *, needs_catalogue: bool) -> PackSource:
    """The packs of a request; with both in its body, and no need of the catalogue, the database is not read.

    Raises:
        TenantMismatch: the given Policy Pack belongs to another tenant.
        InvalidDocument: a given pack has a rule that the guard refuses.
        DatabaseUnavailable: stored data is needed, and cannot be read.
    """
    domain_pack, policy_pack = body.get("domain_pack"), body.get("policy_pack")
    check_tenant(identity, policy_pack or _NO_PACK, "/policy_pack")
    _check_rules(body)
    is_complete = domain_pack is not None and policy_pack is not None
    stored = None if is_complete and not needs_catalogue else services.catalogues.current(identity.tenant_id)
    rules = stored.tag_rules if stored and policy_pack is None else context.tag_rules_of(policy_pack or _NO_PACK)
    return PackSource(domain_pack, policy_pack, stored, rules)


def _check_rules(body: Pack) -> None:
    """Insist that the rules of the given packs are valid: an invalid one must not be skipped silently."""
    found = [
        finding.under(f"/{name}")
        for name in ("domain_pack", "policy_pack")
        for finding in packs.check_rules(body.get(name, _NO_PACK))
    ]
    if found:
        raise InvalidDocument.about("Packs", found)


def check_tenant(identity: Identity, document: Pack, pointer: str) -> None:
    """Insist that a document does not name another tenant than the token's.

    Raises:
        TenantMismatch: it does.
    """
    if document.get("tenant_id", identity.tenant_id) != identity.tenant_id:
        found = Finding(f"{pointer}/tenant_id", "tenant_mismatch", "This is not the tenant of the token.")
        raise TenantMismatch("Omit tenant_id, or use the tenant of the token.", findings=[found])
