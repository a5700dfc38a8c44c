"""Recommending a playbook: asks the matcher, and stores its answer.

The matcher is asked outside the transaction. Its answer is used only if the exception has not changed in the
meantime; otherwise the matcher is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from executor.agents import policy, resolution
from executor.domain import approvals
from executor.domain.assignment import Move, decide
from executor.domain.changeset import ChangeSet
from executor.domain.documents import exception_document, playbook_members
from executor.domain.model import Actor, ExceptionRecord, NewEvent, Playbook
from executor.domain.recommendation import Entry, Recommendation
from executor.domain.snapshot import Snapshot
from executor.service_layer.ports import Matcher, Store, Transaction
from executor.service_layer.snapshots import snapshot_of
from sentinai import deadline
from sentinai.clock import format_time, parse_time
from sentinai.problems import CorruptData, MatcherUnavailable, NotFound, VersionConflict

RETRY_AFTER = timedelta(seconds=15)
"""How long a deferred recommendation waits before the worker asks the matcher again."""

ASK_AGAIN_AFTER = timedelta(minutes=1)
"""How long an answer is used of which the matcher cannot say how long it is valid."""

RANKED = 10
"""How many ranked playbooks the matcher is asked for."""

_ATTEMPTS = 8
T = TypeVar("T")
Answer = Mapping[str, Any] | MatcherUnavailable
"""What the matcher answered, or why it did not."""


def recalculate(
    store: Store,
    matcher: Matcher,
    tenant_id: str,
    exception_id: str,
    *,
    actor: Actor,
    now: datetime,
    trigger: str,
    switch: bool = False,
) -> tuple[Snapshot, bool]:
    """Ask the matcher and store its answer; returns the snapshot and whether the assigned playbook changed.

    Raises:
        MatcherUnavailable: nothing was changed. NotFound: this tenant has no such exception.
    """

    def attempt() -> tuple[Snapshot, bool] | None:
        with store.read(tenant_id) as tx:
            record = tx.exception(exception_id)

        def work(tx: Transaction, answer: Mapping[str, Any]) -> tuple[Snapshot, bool] | None:
            current = tx.exception(exception_id, lock=True)
            if current.row_version != record.row_version:
                return None
            changeset = ChangeSet(current, actor, now)
            changed = apply_answer(tx, changeset, answer, trigger=trigger, switch=switch)
            return snapshot_of(tx, tx.save(changeset).record), changed

        persist = partial(store.write, tenant_id)
        return request_match(matcher, record, now, lambda answer: persist(lambda tx: work(tx, answer)))

    return until_unchanged(attempt)


def until_unchanged(attempt: Callable[[], T | None]) -> T:
    """The result of an attempt, repeated while it returns None because the exception changed under it.

    Raises:
        VersionConflict: it changed under every attempt. DeadlineExceeded: the caller no longer waits.
    """
    for _ in range(_ATTEMPTS):
        deadline.check()
        result = attempt()
        if result is not None:
            return result
    raise VersionConflict("The exception keeps changing; try again in a moment.", retry_after=1)


def request_match_or_defer(
    matcher: Matcher, record: ExceptionRecord, now: datetime, persist: Callable[[Answer], T]
) -> T:
    """Ask the matcher about an exception and ``persist`` its answer, or that there is none for now."""
    try:
        return request_match(matcher, record, now, persist)
    except MatcherUnavailable as unavailable:
        return persist(unavailable)


def request_match(
    matcher: Matcher, record: ExceptionRecord, now: datetime, persist: Callable[[Mapping[str, Any]], T]
) -> T:
    """Ask the matcher about an exception and ``persist`` its answer.

    Raises:
        MatcherUnavailable: there is no answer, or none that could be kept.
    """
    return persist(matcher.match(record.tenant_id, exception_document(record), now, RANKED))


def apply_or_defer(tx: Transaction, changeset: ChangeSet, answer: Answer, trigger: str) -> None:
    """Apply the matcher's answer, or leave the recommendation to the worker if there is none.

    Raises:
        MatcherUnavailable: the answer makes no sense.
    """
    if isinstance(answer, MatcherUnavailable):
        defer(changeset, answer.detail, trigger)
    else:
        apply_answer(tx, changeset, answer, trigger=trigger, switch=False)


def hint(answer: Answer) -> str | None:
    """The name of the playbook that the matcher selects; None if it selects none, or did not answer."""
    selected = None if isinstance(answer, MatcherUnavailable) else answer["selected"]
    return selected["name"] if selected else None


def apply_answer(
    tx: Transaction, changeset: ChangeSet, answer: Mapping[str, Any], *, trigger: str, switch: bool
) -> bool:
    """Apply the matcher's answer to a change set; returns whether the assigned playbook changes.

    Raises:
        MatcherUnavailable: it makes no sense.
    """
    snapshot = snapshot_of(tx, changeset.record)
    selected = _stored(tx, answer["selected"])
    move = decide(snapshot, selected.playbook_id if selected else None, switch=switch)
    if move is not Move.KEEP:
        _change_playbook(changeset, snapshot, selected, answer, trigger)
    else:
        _add_new_verdict(changeset, snapshot, answer)
    _cache(changeset, answer)
    if move is Move.ASSIGN:
        _add_suggestion(tx, changeset)
    return move is not Move.KEEP


def defer(changeset: ChangeSet, reason: str, trigger: str, retry_after: timedelta = RETRY_AFTER) -> None:
    """Leave the recommendation to the worker, because the matcher gave none."""
    retry_at = changeset.now + retry_after
    payload = {"reason": reason, "retry_at": format_time(retry_at), "trigger": trigger}
    changeset.add_event(NewEvent("RecommendationDeferred", payload))
    changeset.cache_recommendation(replace(changeset.record.recommendation, deferred=True), retry_at)


def _stored(tx: Transaction, selected: Mapping[str, Any] | None) -> Playbook | None:
    if selected is None:
        return None
    try:
        return tx.playbook(selected["playbook_id"])
    except (NotFound, CorruptData) as problem:
        raise MatcherUnavailable(
            f"The matcher recommends playbook {selected['playbook_id']}, which cannot be used. {problem.detail}",
            retry_after=5,
        ) from problem


def _entry(answer: Mapping[str, Any]) -> Entry | None:
    """The ranked entry of the selected playbook; ``ranked`` always has it."""
    return _ranked(answer, answer["selected"]["playbook_id"]) if answer["selected"] else None


def _ranked(answer: Mapping[str, Any], playbook_id: int | None) -> Entry | None:
    ranked: Sequence[Entry] = answer["ranked"]
    return next((each for each in ranked if each["playbook_id"] == playbook_id), None)


def _change_playbook(
    changeset: ChangeSet, snapshot: Snapshot, selected: Playbook | None, answer: Mapping[str, Any], trigger: str
) -> None:
    run = changeset.record.playbook_run + (1 if selected else 0)
    new = playbook_members(selected, run) if selected else None
    before = snapshot.playbook
    _add_policy_event(changeset, selected, answer)
    changeset.add_event(
        NewEvent(
            "PlaybookRecalculated",
            {
                "playbook_id": new["playbook_id"] if new else None,
                "playbook_name": new["playbook_name"] if new else None,
                "playbook_version": new["playbook_version"] if new else None,
                "run": run,
                "previous": playbook_members(before, changeset.record.playbook_run) if before else None,
                "new": new,
                "reasoning": answer["reasoning"],
                "trigger": trigger,
                "as_of": answer["as_of"],
                "catalogue_revision": answer["catalogue_revision"],
            },
            run=run or None,
        )
    )


def _add_policy_event(changeset: ChangeSet, selected: Playbook | None, answer: Mapping[str, Any]) -> None:
    entry = _entry(answer)
    if entry or answer["passed_over"]:
        verdict = entry["policy"] if entry else None
        changeset.add_event(policy.evaluated(selected, verdict, answer["passed_over"]), approvals.AGENT)


def _add_new_verdict(changeset: ChangeSet, snapshot: Snapshot, answer: Mapping[str, Any]) -> None:
    """Log what policy says of the playbook that stays, or of having none, where that is new."""
    before, playbook, passed_over = changeset.record.recommendation, snapshot.playbook, answer["passed_over"]
    if playbook is None:
        if passed_over and passed_over != before.passed_over:
            changeset.add_event(policy.evaluated(None, None, passed_over), approvals.AGENT)
        return
    entry = _ranked(answer, playbook.playbook_id)
    known = before.current.get("policy") if before.current else None
    if entry and known and entry["policy"] != known:
        changeset.add_event(policy.evaluated(playbook, entry["policy"], ()), approvals.AGENT)


def _add_suggestion(tx: Transaction, changeset: ChangeSet) -> None:
    suggestion = resolution.suggest(snapshot_of(tx, changeset.record), changeset.now)
    if suggestion:
        changeset.add_event(suggestion, resolution.AGENT)


def _cache(changeset: ChangeSet, answer: Mapping[str, Any]) -> None:
    choice = _entry(answer)
    recommendation = Recommendation(
        current=_current(changeset.record, choice, answer),
        choice={**choice, "reasoning": answer["reasoning"]} if choice else None,
        ranked=answer["ranked"],
        passed_over=answer["passed_over"],
        near_misses=answer["near_misses"],
        candidates=answer["candidates"],
        matched=answer["matched"],
        reasoning=answer["reasoning"],
        policy_tags=answer["policy_tags"],
        as_of=answer["as_of"],
        catalogue_revision=answer["catalogue_revision"],
        domain_pack_version=answer.get("domain_pack_version"),
        policy_pack_version=answer.get("policy_pack_version"),
    )
    changeset.cache_recommendation(recommendation, valid_until(changeset.record, answer, changeset.now))


def _current(record: ExceptionRecord, choice: Entry | None, answer: Mapping[str, Any]) -> Entry | None:
    """Why the assigned playbook was chosen: by this answer, or still by the one it was assigned with."""
    if choice and choice["playbook_id"] == record.current_playbook_id:
        return {**choice, "reasoning": answer["reasoning"], "as_of": answer["as_of"]}
    before = record.recommendation.current
    if not before or before["playbook_id"] != record.current_playbook_id:
        return None
    entry = _ranked(answer, record.current_playbook_id)
    return {**before, "policy": entry["policy"]} if entry else before


def valid_until(record: ExceptionRecord, answer: Mapping[str, Any], as_of: datetime) -> datetime | None:
    """When to ask again; after a while where the answer holds for its own instant only."""
    if record.status == "resolved" or answer["valid_until"] is None:
        return None
    until = parse_time(answer["valid_until"])
    return until if until > as_of else as_of + ASK_AGAIN_AFTER
