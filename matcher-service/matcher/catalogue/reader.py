"""Reads a tenant's catalogue from the database, in one transaction, and only what is not known yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, Select, Text, and_, cast, func, select, tuple_

from matcher.matching import MatchError, Playbook
from sentinai.conditions import parse
from sentinai.database.corruption import DECODE_ERRORS, reading, require_valid
from sentinai.database.playbook_origins import ORIGIN_COLUMNS, origin_of
from sentinai.database.tables import DomainPackRow, PlaybookRow, PlaybookStepRow, PolicyPackRow, TenantRow
from sentinai.database.tenant_session import TenantSession
from sentinai.documents import json_pointer, strict_json
from sentinai.policy import PolicyStep
from sentinai.problems import CorruptData, InvalidDocument

_READ_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class VersionedPack:
    """A pack, and its stored version; None for one that is not stored. A corrupt one is empty, with a problem."""

    version: int | None
    pack: Mapping[str, Any]
    problem: CorruptData | None = None

    def require_readable(self) -> VersionedPack:
        """The pack itself.

        Raises:
            CorruptData: its stored row cannot be read, so nobody knows what it says.
        """
        if self.problem:
            raise CorruptData(self.problem.detail)
        return self


@dataclass(frozen=True, slots=True)
class StoredCatalogue:
    """A tenant's catalogue at one revision: the newest active version of each playbook, and the packs.

    ``excluded`` says which playbooks are not matched, because their conditions are not valid in this version, or
    their rows cannot be read.
    """

    revision: int = 0
    playbooks: Mapping[int, Playbook] = field(default_factory=dict)
    excluded: tuple[MatchError, ...] = ()
    domain_packs: Mapping[str, VersionedPack] = field(default_factory=dict)
    policy_pack: VersionedPack | None = None


def read(
    session: TenantSession, known_playbooks: Mapping[int, Playbook], known_packs: Mapping[str, VersionedPack]
) -> StoredCatalogue:
    """The catalogue of the session's tenant.

    What is known already is reused instead of read: a published version never changes.
    """
    revision = session.scalar(select(TenantRow.catalogue_revision))
    playbooks, excluded = _playbooks(session, known_playbooks)
    domain_packs = _domain_packs(session, known_packs)
    return StoredCatalogue(revision or 0, playbooks, excluded, domain_packs, _policy_pack(session))


def _playbooks(
    session: TenantSession, known: Mapping[int, Playbook]
) -> tuple[Mapping[int, Playbook], tuple[MatchError, ...]]:
    wanted = session.scalars(_newest_active()).all()
    playbooks = {playbook_id: known[playbook_id] for playbook_id in wanted if playbook_id in known}
    missing = [playbook_id for playbook_id in wanted if playbook_id not in known]
    excluded: list[MatchError] = []
    for start in range(0, len(missing), _READ_AT_ONCE):
        for playbook in _read_playbooks(session, missing[start : start + _READ_AT_ONCE]):
            if isinstance(playbook, MatchError):
                excluded.append(playbook)
            else:
                playbooks[playbook.playbook_id] = playbook
    return playbooks, tuple(excluded)


def _read_playbooks(session: TenantSession, playbook_ids: Sequence[int]) -> list[Playbook | MatchError]:
    query = select(*_COLUMNS).where(PlaybookRow.playbook_id.in_(playbook_ids))
    try:
        steps = _steps(session, playbook_ids)
        return [_parsed(row, tuple(steps.get(row.playbook_id, ()))) for row in session.execute(query)]
    except DECODE_ERRORS:
        if len(playbook_ids) > 1:
            return [each for playbook_id in playbook_ids for each in _read_playbooks(session, [playbook_id])]
        return [
            MatchError(playbook_ids[0], None, "Excluded from matching: its stored row is corrupt.", "excluded")
        ]


_COLUMNS = (*ORIGIN_COLUMNS, PlaybookRow.name, PlaybookRow.version, PlaybookRow.conditions)


_STEP_COLUMNS = (
    PlaybookStepRow.playbook_id,
    PlaybookStepRow.step_order,
    PlaybookStepRow.name,
    PlaybookStepRow.action_type,
    cast(PlaybookStepRow.params, Text),
    PlaybookStepRow.requires_approval,
)


def _newest_active() -> Select[int]:
    newest = (
        select(PlaybookRow.name, func.max(PlaybookRow.version).label("version"))
        .where(PlaybookRow.status == "active")
        .group_by(PlaybookRow.name)
        .subquery()
    )
    is_newest = and_(PlaybookRow.name == newest.c.name, PlaybookRow.version == newest.c.version)
    return select(PlaybookRow.playbook_id).join(newest, is_newest)


def _steps(session: TenantSession, playbook_ids: Sequence[int]) -> dict[int, list[PolicyStep]]:
    """What policy looks at of the steps of some playbooks, in order."""
    order = (PlaybookStepRow.playbook_id, PlaybookStepRow.step_order)
    query = select(*_STEP_COLUMNS).where(PlaybookStepRow.playbook_id.in_(playbook_ids)).order_by(*order)
    found: dict[int, list[PolicyStep]] = {}
    for playbook_id, step_order, name, action_type, params, requires_approval in session.execute(query):
        step = PolicyStep(step_order, name, action_type, _tool_id(params), requires_approval)
        found.setdefault(playbook_id, []).append(step)
    return found


def _tool_id(params: str) -> str | None:
    """The tool that a step's params name. Most name none, and need no decoding."""
    decoded = strict_json.loads_stored(params) if '"tool_id"' in params else {}
    if not isinstance(decoded, dict):
        raise ValueError("params are an object")
    tool_id = decoded.get("tool_id")
    return tool_id if isinstance(tool_id, str) else None


def _parsed(row: Row[Any], steps: tuple[PolicyStep, ...]) -> Playbook | MatchError:
    try:
        conditions = parse(row.conditions)
    except InvalidDocument as problem:
        clause = json_pointer.value_at(row.conditions, problem.findings[0].pointer)
        return MatchError(row.playbook_id, clause, f"Excluded from matching: {problem.detail}", "excluded")
    return Playbook(row.playbook_id, row.name, row.version, origin_of(row), conditions, steps)


def _domain_packs(session: TenantSession, known: Mapping[str, VersionedPack]) -> Mapping[str, VersionedPack]:
    versions = select(DomainPackRow.domain, func.max(DomainPackRow.version)).group_by(DomainPackRow.domain)
    newest: dict[str, int] = dict(session.execute(versions).all())
    packs = {domain: pack for domain, pack in known.items() if newest.get(domain) == pack.version}
    missing = [domain for domain in newest if domain not in packs]
    if missing:
        chosen = tuple_(DomainPackRow.domain, DomainPackRow.version).in_([(key, newest[key]) for key in missing])
        query = select(DomainPackRow.domain, DomainPackRow.version, cast(DomainPackRow.pack, Text).label("pack"))
        for row in session.execute(query.where(chosen)):
            packs[row.domain] = _pack(row.version, row.pack, "domain-pack", f"The Domain Pack {row.domain!r}")
    return packs


def _policy_pack(session: TenantSession) -> VersionedPack | None:
    query = select(PolicyPackRow.version, cast(PolicyPackRow.pack, Text).label("pack"))
    row = session.execute(query.order_by(PolicyPackRow.version.desc()).limit(1)).one_or_none()
    return None if row is None else _pack(row.version, row.pack, "policy-pack", "The Policy Pack")


def _pack(version: int, stored: str, schema: str, what: str) -> VersionedPack:
    """A stored pack, decoded here so that a corrupt one keeps no other."""
    try:
        with reading(what):
            pack = strict_json.loads_stored(stored)
            require_valid(schema, pack)
    except CorruptData as problem:
        return VersionedPack(version, {}, problem)
    return VersionedPack(version, pack)
