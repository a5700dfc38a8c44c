"""What the exceptions of one request are matched against: what is stored, and what the request brings along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from matcher.bootstrap import Services
from matcher.catalogue.reader import Unreadable
from matcher.matching import Catalogue, Playbook, compile_catalogue
from matcher.web.packs import PackSource, pack_source
from sentinai.clock import parse_time
from sentinai.conditions import parse
from sentinai.identity import Identity
from sentinai.problems import Finding, InvalidDocument

_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class MatchInputs:
    """A catalogue, packs and an instant. ``revision`` is None where nothing stored has a part in it."""

    tenant_id: str
    as_of: datetime
    catalogue: Catalogue
    revision: int | None
    unreadable: tuple[Unreadable, ...]
    packs: PackSource


def resolve_match_inputs(services: Services, identity: Identity, body: Mapping[str, Any]) -> MatchInputs:
    """The basis of a request: with both packs and playbooks given, no database is asked.

    Raises:
        TenantMismatch: the given Policy Pack is another tenant's.
        InvalidDocument: a given playbook's conditions are not valid; every such finding, at its pointer.
        DatabaseUnavailable: what is stored is needed, and cannot be read.
    """
    as_of = instant(services, body)
    given = body.get("playbooks")
    packs = pack_source(services, identity, body, needs_catalogue=given is None)
    stored = packs.stored
    revision = stored.revision if stored else None
    if stored is not None and given is None:
        return MatchInputs(identity.tenant_id, as_of, stored.compiled, revision, stored.unreadable, packs)
    catalogue = compile_catalogue(_playbooks(given or ()))
    return MatchInputs(identity.tenant_id, as_of, catalogue, revision, (), packs)


def instant(services: Services, body: Mapping[str, Any]) -> datetime:
    """The ``as_of`` of a request, or now."""
    given = body.get("as_of")
    return services.clock() if given is None else parse_time(given)


def _playbooks(given: Sequence[Mapping[str, Any]]) -> list[Playbook]:
    """The playbooks that a request brings along. One without a date counts as older than any with one."""
    findings: list[Finding] = []
    playbooks: list[Playbook] = []
    seen: set[int] = set()
    for index, document in enumerate(given):
        at = f"/playbooks/{index}"
        if document["playbook_id"] in seen:
            findings.append(Finding(f"{at}/playbook_id", "duplicate_id", "Another playbook here has this id."))
        seen.add(document["playbook_id"])
        try:
            playbooks.append(_playbook(document))
        except InvalidDocument as problem:
            findings += [finding.under(f"{at}/conditions") for finding in problem.findings]
    if findings:
        raise InvalidDocument.about("Playbooks", findings)
    return playbooks


def _playbook(document: Mapping[str, Any]) -> Playbook:
    created = document.get("created_at")
    return Playbook(
        int(document["playbook_id"]),  # to JSON Schema 2.0 is a whole number too
        document["name"],
        int(document["version"]),
        _EPOCH if created is None else parse_time(created),
        parse(document["conditions"]),
    )
