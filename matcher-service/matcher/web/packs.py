"""The packs that apply to the exceptions of a request: those in its body, else the stored ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from matcher.bootstrap import Services
from matcher.catalogue.cache import TenantCatalogue
from matcher.catalogue.reader import VersionedPack
from sentinai import packs
from sentinai.conditions.evaluation import context
from sentinai.conditions.evaluation.context import TagRule
from sentinai.identity import Identity
from sentinai.problems import MAX_FINDINGS, Finding, InvalidDocument, TenantMismatch

Pack = Mapping[str, Any]
_NO_PACK = VersionedPack(None, {})


@dataclass(frozen=True, slots=True)
class Packs:
    """The two packs of one exception."""

    domain: VersionedPack
    policy: VersionedPack
    tag_rules: tuple[TagRule, ...]

    def context(self, exception: Pack, tenant_id: str, as_of: datetime) -> dict[str, Any]:
        """The evaluation context of an exception of the tenant."""
        return context.build(
            {**exception, "tenant_id": tenant_id},
            domain_pack=self.domain.pack,
            policy_pack=self.policy.pack,
            as_of=as_of,
            tag_rules=self.tag_rules,
        )


@dataclass(frozen=True, slots=True)
class PackSource:
    """The packs of a request, given or stored. ``stored`` is None if the database was not read.

    ``are_stored`` says that none of them was given.
    """

    given_domain_pack: VersionedPack | None
    policy_pack: VersionedPack
    tag_rules: tuple[TagRule, ...]
    stored: TenantCatalogue | None
    are_stored: bool = False

    def of(self, domain: str | None) -> Packs:
        """The packs for an exception of a domain; an empty one where there is none.

        Raises:
            CorruptData: one that applies cannot be read. Without it, another playbook might be selected.
        """
        stored = self.stored.stored.domain_packs.get(domain or "") if self.stored else None
        domain_pack = self.given_domain_pack or stored or _NO_PACK
        return Packs(domain_pack.require_readable(), self.policy_pack.require_readable(), self.tag_rules)


def pack_source(services: Services, identity: Identity, body: Pack, *, needs_catalogue: bool) -> PackSource:
    """The packs of a request; with both in its body, and no need of the catalogue, the database is not read.

    Raises:
        TenantMismatch: the given Policy Pack belongs to another tenant.
        InvalidDocument: a given pack has a rule that the guard refuses.
        EvaluationBudgetExceeded: the given packs have more rules than the current budget allows for.
        DatabaseUnavailable: stored data is needed, and cannot be read.
    """
    domain_pack, policy_pack = _given(body, "domain_pack"), _given(body, "policy_pack")
    if policy_pack:
        check_tenant(identity, policy_pack.pack, "/policy_pack")
    _check_rules(body)
    stored = None
    if needs_catalogue or not (domain_pack and policy_pack):
        stored = services.catalogues.current(identity.tenant_id)
    if stored and not policy_pack:
        own = stored.stored.policy_pack or _NO_PACK
        return PackSource(domain_pack, own, stored.tag_rules, stored, are_stored=domain_pack is None)
    policy_pack = policy_pack or _NO_PACK
    return PackSource(domain_pack, policy_pack, context.tag_rules_of(policy_pack.pack), stored)


def _given(body: Pack, name: str) -> VersionedPack | None:
    return None if body.get(name) is None else VersionedPack(None, body[name])


def _check_rules(body: Pack) -> None:
    """Insist that the rules of the given packs are valid: an invalid one must not be skipped silently."""
    found = [
        finding.under(f"/{name}")
        for name in ("domain_pack", "policy_pack")
        for finding in packs.check_rules(body.get(name, {}))
    ]
    if found:
        raise InvalidDocument.about("Packs", found[:MAX_FINDINGS])


def check_tenant(identity: Identity, document: Pack, pointer: str) -> None:
    """Insist that a document does not name another tenant than the token's.

    Raises:
        TenantMismatch: it does.
    """
    if document.get("tenant_id", identity.tenant_id) != identity.tenant_id:
        found = Finding(f"{pointer}/tenant_id", "tenant_mismatch", "This is not the tenant of the token.")
        raise TenantMismatch("Omit tenant_id, or use the tenant of the token.", findings=[found])
