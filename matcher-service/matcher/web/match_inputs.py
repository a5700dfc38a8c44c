"""What the exceptions of a request are matched against: stored data, and data in the request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from matcher.bootstrap import Services
from matcher.matching import AppliedPolicy, Catalogue, MatchError, Playbook, compile_catalogue
from matcher.web.packs import PackSource, pack_source
from sentinai.clock import parse_time
from sentinai.conditions import parse
from sentinai.conditions.evaluation.budget import charge_reading, charge_request
from sentinai.conditions.lint.other_playbooks import Origin
from sentinai.identity import Identity
from sentinai.policy import Policy, PolicyStep
from sentinai.problems import MAX_FINDINGS, Finding, InvalidDocument

_STEP = 20
"""What it costs to read a step, in units of the budget."""
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class MatchInputs:
    """A catalogue, packs and an instant. ``revision`` is None if no stored data is used."""

    tenant_id: str
    as_of: datetime
    catalogue: Catalogue
    revision: int | None
    excluded: tuple[MatchError, ...]
    packs: PackSource
    _policies: dict[str | None, AppliedPolicy] = field(default_factory=dict)

    def policy(self, domain: str | None) -> AppliedPolicy:
        """The policy for exceptions of a domain, applied to the catalogue."""
        stored = self.packs.stored
        if stored and stored.compiled is self.catalogue and self.packs.are_stored:
            return stored.policy(domain)
        if domain not in self._policies:
            packs = self.packs.of(domain)
            self._policies[domain] = AppliedPolicy(Policy(packs.domain.pack, packs.policy.pack), self.catalogue)
        return self._policies[domain]


def resolve_match_inputs(services: Services, identity: Identity, body: Mapping[str, Any]) -> MatchInputs:
    """Resolve the inputs of a request; with packs and playbooks in its body, the database is not read.

    Raises:
        TenantMismatch: the given Policy Pack belongs to another tenant.
        InvalidDocument: the conditions of given playbooks are not valid; with the findings, each at its pointer.
        EvaluationBudgetExceeded: there are more rules in the request than the current budget allows for.
        DatabaseUnavailable: stored data is needed, and cannot be read.
    """
    as_of = instant(services, body)
    given = body.get("playbooks")
    packs = pack_source(services, identity, body, needs_catalogue=given is None)
    stored = packs.stored
    revision = stored.stored.revision if stored else None
    if stored is not None and given is None:
        return MatchInputs(identity.tenant_id, as_of, stored.compiled, revision, stored.stored.excluded, packs)
    catalogue = compile_catalogue(_playbooks(given or ()))
    return MatchInputs(identity.tenant_id, as_of, catalogue, revision, (), packs)


def instant(services: Services, body: Mapping[str, Any]) -> datetime:
    """The ``as_of`` of a request, or now."""
    given = body.get("as_of")
    return services.clock() if given is None else parse_time(given)


def _playbooks(given: Sequence[Mapping[str, Any]]) -> list[Playbook]:
    """The playbooks in a request. One without a date ranks as older than any with one."""
    findings: list[Finding] = []
    playbooks: list[Playbook] = []
    ids: set[int] = set()
    for index, document in enumerate(given):
        if len(findings) >= MAX_FINDINGS:
            break
        at = f"/playbooks/{index}"
        if document["playbook_id"] in ids:
            findings.append(Finding(f"{at}/playbook_id", "duplicate_id", "Duplicate playbook_id; keep only one."))
        ids.add(document["playbook_id"])
        charge_reading(document["conditions"])
        try:
            playbooks.append(_playbook(document))
        except InvalidDocument as problem:
            findings += [finding.under(f"{at}/conditions") for finding in problem.findings]
    if findings:
        raise InvalidDocument.about("Playbooks", findings[:MAX_FINDINGS])
    return playbooks


def _playbook(document: Mapping[str, Any]) -> Playbook:
    created = document.get("created_at")
    playbook_id = int(document["playbook_id"])  # 2.0 is an integer in JSON Schema
    return Playbook(
        playbook_id,
        document["name"],
        int(document["version"]),
        Origin(_EPOCH if created is None else parse_time(created), playbook_id),
        parse(document["conditions"]),
        _steps(document.get("steps")),
    )


def _steps(given: Sequence[Mapping[str, Any]] | None) -> tuple[PolicyStep, ...] | None:
    if given is None:
        return None
    charge_request(len(given) * _STEP)
    return tuple(PolicyStep.of(order, step) for order, step in enumerate(given, 1))
