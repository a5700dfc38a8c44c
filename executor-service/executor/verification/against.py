"""Compares a database with a file of heads: what is in the file still stands, and all else is newer than it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby, islice
from typing import Any

from executor.store import integrity, packs
from executor.store.tenants import tenant_ids
from executor.verification import catalogue
from executor.verification.catalogue import Catalogue
from executor.verification.faults import RecordFault
from executor.verification.heads import Heads, Line
from sentinai.database.engine import Database
from sentinai.database.tenant_session import TenantSession

_BATCH = 500
_UNDER_WAY = timedelta(minutes=5)
"""How much older than the file something may be that is not in it: clocks differ, and transactions last."""


def compare(database: Database, heads: Heads, tenants: Sequence[str] | None) -> Iterator[RecordFault]:
    """Compare the tenants in the file, or those of them that are named.

    Raises:
        InvalidHeads: the file was changed meanwhile.
    """
    existing = set(tenant_ids(database))
    cutoff = heads.created_at - _UNDER_WAY
    for tenant_id, lines in groupby(heads.lines(), key=lambda line: line.get("tenant_id")):
        if tenant_id is None:
            yield from _domain_packs(database, lines)
        elif tenants is not None and tenant_id not in tenants:
            continue
        elif tenant_id not in existing:
            yield RecordFault(tenant_id, "tenant", tenant_id, "head_missing")
        else:
            yield from _tenant(database, tenant_id, lines, cutoff)


def _domain_packs(database: Database, lines: Iterable[Line]) -> Iterator[RecordFault]:
    stored = packs.domain_pack_digests(database)
    for line in lines:
        code = _difference(stored, (line["domain"], line["version"]), line["sha256"])
        if code:
            yield RecordFault(None, "domain_pack", f"{line['domain']} {line['version']}", code)


def _tenant(database: Database, tenant_id: str, lines: Iterator[Line], cutoff: datetime) -> Iterator[RecordFault]:
    known: set[str] = set()
    with database.read(tenant_id) as session:
        stored = catalogue.read(session)
    while batch := list(islice(lines, _BATCH)):
        heads = {line["exception_id"]: line for line in batch if line["kind"] == "exception"}
        known |= heads.keys()
        with database.read(tenant_id) as session:
            found = list(_exceptions(session, heads, cutoff))
        found += _catalogue(stored, batch, cutoff)
        yield from (RecordFault(tenant_id, *each) for each in found)
    for exception_id in _exceptions_before(database, tenant_id, cutoff):
        if exception_id not in known:
            yield RecordFault(tenant_id, "exception", exception_id, "backdated")


_Found = Iterator[tuple[str, str, str]]
"""Kind, key and code."""


def _exceptions(session: TenantSession, heads: Mapping[str, Line], cutoff: datetime) -> _Found:
    hashes = integrity.hashes_at(session, {exception_id: line["seq"] for exception_id, line in heads.items()})
    older = integrity.last_seqs_before(session, list(heads), cutoff)
    for exception_id, line in heads.items():
        code = _log_difference(hashes, exception_id, line["hash"])
        if code is None and older.get(exception_id, 0) > line["seq"]:
            code = "backdated_events"
        if code:
            yield "exception", exception_id, code


def _catalogue(stored: Catalogue, lines: Iterable[Line], cutoff: datetime) -> _Found:
    for line in lines:
        kind, key, code = line["kind"], "", None
        if kind == "tenant":
            kind, code = "catalogue_log", _catalogue_log(stored, line, cutoff)
        elif kind == "policy_pack":
            key, code = line["version"], _difference(stored.policy_packs, line["version"], line["sha256"])
        elif kind == "playbook":
            key = line["playbook_id"]
            code = _difference(stored.playbooks, key, line["sha256"])
            if code is None and line["status"] == "retired" and stored.statuses[key] == "active":
                code = "head_status"
        if code:
            yield kind, str(key), code


def _catalogue_log(stored: Catalogue, line: Line, cutoff: datetime) -> str | None:
    hashes = {event.seq: event.hash for event in stored.log}
    if line["seq"] and (code := _log_difference(hashes, line["seq"], line["hash"])):
        return code
    newer = (event for event in stored.log if event.seq > line["seq"])
    return "backdated_events" if any(event.created_at < cutoff for event in newer) else None


def _log_difference(hashes: Mapping[Any, str | None], key: Any, expected: str) -> str | None:
    """How the event differs at which a head was taken; a log may be gone, or only have lost its end."""
    return _difference(hashes, key, expected) if key in hashes else "log_cut"


def _difference(stored: Mapping[Any, str | None], key: Any, expected: str | None) -> str | None:
    if key not in stored:
        return "head_missing"
    return None if stored[key] == expected else "head_changed"


def _exceptions_before(database: Database, tenant_id: str, cutoff: datetime) -> Iterator[str]:
    last = ""
    while True:
        with database.read(tenant_id) as session:
            batch = integrity.exceptions_before(session, cutoff, last, _BATCH)
        if not batch:
            return
        yield from batch
        last = batch[-1]
