"""Looking again at exceptions after their tenant's catalogue has changed, many at a time.

The matcher is first asked for its choices alone. Most of them are the stored ones, and what was said about them
still holds; only the others are matched in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from executor.domain.changeset import ChangeSet
from executor.domain.documents import exception_document
from executor.domain.model import Actor, ExceptionRecord
from executor.service_layer.ports import BatchMatcher, Store, Transaction
from executor.service_layer.recommend import RANKED, apply_answer, valid_until

TRIGGER = "catalogue_changed"
_AT_ONCE = 20
"""Exceptions that are changed in one transaction; on SQLite, everybody else who writes waits for it."""
Matched = tuple[ExceptionRecord, Mapping[str, Any]]
"""An exception as it was read, and what the matcher answered about it."""


@dataclass(frozen=True, slots=True)
class Followed:
    """How many recommendations were confirmed or renewed, and how many of these assign another playbook, or none.

    ``refused`` are the ids of the exceptions that the matcher does not take.
    """

    handled: int
    changed: int
    refused: Sequence[str]


def is_behind(record: ExceptionRecord, revision: int) -> bool:
    """Whether an exception's recommendation is from an earlier catalogue, and still needed."""
    known = record.catalogue_revision
    return record.status != "resolved" and known is not None and known < revision


def follow(
    store: Store,
    matcher: BatchMatcher,
    tenant_id: str,
    records: Sequence[ExceptionRecord],
    actor: Actor,
    now: datetime,
) -> Followed:
    """Bring the recommendations of exceptions up to the current catalogue.

    An exception that changes in the meantime is left as it is.

    Raises:
        MatcherUnavailable: it does not answer, or does not take the whole batch.
    """
    choices = _answered(records, matcher.choices(tenant_id, _documents(records), now))
    with store.read(tenant_id) as tx:
        confirmed = [pair for pair in choices if _still_holds(tx, *pair)]
    if confirmed:
        store.write(tenant_id, lambda tx: _confirm(tx, confirmed, now))
    holding = {record.exception_id for record, _ in confirmed}
    others = [record for record, _ in choices if record.exception_id not in holding]
    matches = matcher.matches(tenant_id, _documents(others), now, RANKED) if others else []
    renewed, changed = _answered(others, matches), 0
    for start in range(0, len(renewed), _AT_ONCE):
        group = renewed[start : start + _AT_ONCE]
        changed += store.write(tenant_id, partial(_renew, group=group, actor=actor, now=now))
    answered = holding | {record.exception_id for record, _ in renewed}
    refused = [record.exception_id for record in records if record.exception_id not in answered]
    return Followed(len(answered), changed, refused)


def _documents(records: Iterable[ExceptionRecord]) -> list[dict[str, Any]]:
    return [exception_document(record) for record in records]


def _answered(records: Sequence[ExceptionRecord], answers: Sequence[Mapping[str, Any] | None]) -> list[Matched]:
    return [(record, answer) for record, answer in zip(records, answers, strict=True) if answer is not None]


def _still_holds(tx: Transaction, record: ExceptionRecord, choice: Mapping[str, Any]) -> bool:
    """Whether the stored recommendation, with all that it says about other playbooks, is what would be said now.

    Without a choice, it says which playbooks came closest, so it is always renewed.
    """
    stored, selected, packs = record.recommendation, choice["selected"], tx.packs(record.domain)
    if not stored.choice or not selected:
        return False
    same = (
        (selected["playbook_id"], stored.choice["playbook_id"]),
        (choice["candidates"], stored.candidates),
        (choice["matched"], stored.matched),
        (packs.domain_version, stored.domain_pack_version),
        (packs.policy_version, stored.policy_pack_version),
    )
    named = (*stored.ranked, *stored.passed_over, *stored.near_misses)
    return all(now == then for now, then in same) and all(
        tx.playbook(each["playbook_id"]).is_offered for each in named
    )


def _confirm(tx: Transaction, confirmed: Iterable[Matched], now: datetime) -> None:
    tx.confirm(
        [
            (record, choice["catalogue_revision"] or 0, valid_until(record, choice, now))
            for record, choice in confirmed
        ]
    )


def _renew(tx: Transaction, group: Sequence[Matched], actor: Actor, now: datetime) -> int:
    """Apply the matcher's answers; returns how many assign another playbook, or none."""
    changed = 0
    for record, answer in group:
        current = tx.exception(record.exception_id, lock=True)
        revision = answer["catalogue_revision"] or 0
        if current.row_version != record.row_version or not is_behind(current, revision):
            continue
        changeset = ChangeSet(current, actor, now)
        changed += apply_answer(tx, changeset, answer, trigger=TRIGGER, switch=False)
        tx.save(changeset)
    return changed
