"""Recommending a playbook: asks the matcher, applies the policy to its answer, and stores the outcome.

The matcher is asked outside the transaction. Its answer is used only if the exception has not changed in the
meantime; otherwise the matcher is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from executor.agents import policy, resolution
from executor.agents.policy import PolicyVerdict
from executor.domain.assignment import Move, decide
from executor.domain.changeset import ChangeSet
from executor.domain.documents import exception_document, playbook_members
from executor.domain.model import Actor, ExceptionRecord, NewEvent, Playbook
from executor.domain.recommendation import Recommendation
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
MOST_RANKED = 100
"""How many ranked playbooks the matcher is asked for, and how many when policy blocks all of those."""

_ATTEMPTS = 8
T = TypeVar("T")
Answer = Mapping[str, Any] | MatcherUnavailable
"""What the matcher answered, or why it did not."""


class EveryRankedBlocked(Exception):
    """Policy blocks everything that the matcher ranked, and there is more to ask for."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The best ranked playbook that policy does not block, and the better ranked ones that it does."""

    playbook: Playbook | None
    entry: Mapping[str, Any] | None
    verdict: PolicyVerdict | None
    rejected: tuple[tuple[Playbook, PolicyVerdict], ...]


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
    """Ask the matcher about an exception and ``persist`` its answer; a longer one where policy blocks all of it.

    Raises:
        MatcherUnavailable: there is no answer, or none that could be kept.
    """
    document = exception_document(record)
    try:
        return persist(matcher.match(record.tenant_id, document, now, RANKED))
    except EveryRankedBlocked:
        return persist(matcher.match(record.tenant_id, document, now, MOST_RANKED))


def apply_or_defer(tx: Transaction, changeset: ChangeSet, answer: Answer, trigger: str) -> None:
    """Apply the matcher's answer, or leave the recommendation to the worker if there is none.

    Raises:
        EveryRankedBlocked: as ``apply_answer`` does. MatcherUnavailable: the answer makes no sense.
    """
    if isinstance(answer, MatcherUnavailable):
        defer(changeset, answer.detail, trigger)
    else:
        apply_answer(tx, changeset, answer, trigger=trigger, switch=False)


def apply_answer(
    tx: Transaction, changeset: ChangeSet, answer: Mapping[str, Any], *, trigger: str, switch: bool
) -> bool:
    """Apply the matcher's answer to a change set; returns whether the assigned playbook changes.

    Raises:
        EveryRankedBlocked: a longer answer may have one that is not. MatcherUnavailable: it makes no sense.
    """
    snapshot = snapshot_of(tx, changeset.record)
    choice = _choose(tx, snapshot, answer)
    move = decide(snapshot, choice.playbook.playbook_id if choice.playbook else None, switch=switch)
    if move is not Move.KEEP:
        _change_playbook(changeset, snapshot, choice, answer, trigger)
    elif snapshot.playbook is None and _blocked(choice) != changeset.record.recommendation.blocked:
        _add_policy_event(changeset, choice)
    _cache(changeset, choice, answer)
    if move is Move.ASSIGN:
        _add_suggestion(tx, changeset)
    return move is not Move.KEEP


def defer(changeset: ChangeSet, reason: str, trigger: str, retry_after: timedelta = RETRY_AFTER) -> None:
    """Leave the recommendation to the worker, because the matcher gave none."""
    retry_at = changeset.now + retry_after
    payload = {"reason": reason, "retry_at": format_time(retry_at), "trigger": trigger}
    changeset.add_event(NewEvent("RecommendationDeferred", payload))
    changeset.cache_recommendation(replace(changeset.record.recommendation, deferred=True), retry_at)


def _choose(tx: Transaction, snapshot: Snapshot, answer: Mapping[str, Any]) -> Choice:
    rejected: list[tuple[Playbook, PolicyVerdict]] = []
    for entry in answer["ranked"]:
        playbook = _stored(tx, entry["playbook_id"])
        verdict = policy.evaluate(playbook, snapshot.packs, snapshot.record.severity)
        if verdict.verdict != "blocked":
            return Choice(playbook, entry, verdict, tuple(rejected))
        rejected.append((playbook, verdict))
    if rejected and len(rejected) < min(answer["matched"], MOST_RANKED):
        raise EveryRankedBlocked
    return Choice(None, None, None, tuple(rejected))


def _stored(tx: Transaction, playbook_id: int) -> Playbook:
    try:
        return tx.playbook(playbook_id)
    except (NotFound, CorruptData) as problem:
        raise MatcherUnavailable(
            f"The matcher recommends playbook {playbook_id}, which cannot be used. {problem.detail}", retry_after=5
        ) from problem


def _change_playbook(
    changeset: ChangeSet, snapshot: Snapshot, choice: Choice, answer: Mapping[str, Any], trigger: str
) -> None:
    run = changeset.record.playbook_run + (1 if choice.playbook else 0)
    new = playbook_members(choice.playbook, run) if choice.playbook else None
    before = snapshot.playbook
    _add_policy_event(changeset, choice)
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
                "reasoning": _reasoning(choice, answer),
                "trigger": trigger,
                "as_of": answer["as_of"],
                "catalogue_revision": answer["catalogue_revision"],
                **changeset.actor.called_by_member(),
            },
            run=run or None,
        )
    )


def _add_policy_event(changeset: ChangeSet, choice: Choice) -> None:
    if choice.playbook or choice.rejected:
        changeset.add_event(policy.evaluated(choice.playbook, choice.verdict, choice.rejected), policy.AGENT)


def _blocked(choice: Choice) -> dict[str, list[str]]:
    return {str(playbook.playbook_id): list(verdict.reasons) for playbook, verdict in choice.rejected}


def _reasoning(choice: Choice, answer: Mapping[str, Any]) -> str:
    passed_over = "".join(
        f" {playbook.name} v{playbook.version} is passed over by policy: {'; '.join(verdict.reasons)}."
        for playbook, verdict in choice.rejected
    )
    return str(answer["reasoning"]) + passed_over


def _add_suggestion(tx: Transaction, changeset: ChangeSet) -> None:
    suggestion = resolution.suggest(snapshot_of(tx, changeset.record), changeset.now)
    if suggestion:
        changeset.add_event(suggestion, resolution.AGENT)


def _cache(changeset: ChangeSet, choice: Choice, answer: Mapping[str, Any]) -> None:
    reasoning = _reasoning(choice, answer)
    recommendation = Recommendation(
        current=_current(changeset.record, choice, reasoning, answer["as_of"]),
        choice={**choice.entry, "reasoning": reasoning} if choice.entry else None,
        ranked=answer["ranked"][:RANKED],
        near_misses=answer["near_misses"],
        reasoning=reasoning,
        policy_tags=answer["policy_tags"],
        as_of=answer["as_of"],
        catalogue_revision=answer["catalogue_revision"],
        blocked=_blocked(choice),
    )
    changeset.cache_recommendation(recommendation, _valid_until(changeset, answer))


def _current(record: ExceptionRecord, choice: Choice, reasoning: str, as_of: str) -> Mapping[str, Any] | None:
    """Why the assigned playbook was chosen: by this answer, or still by the one it was assigned with."""
    if choice.entry and choice.entry["playbook_id"] == record.current_playbook_id:
        return {**choice.entry, "reasoning": reasoning, "as_of": as_of}
    before = record.recommendation.current
    return before if before and before["playbook_id"] == record.current_playbook_id else None


def _valid_until(changeset: ChangeSet, answer: Mapping[str, Any]) -> datetime | None:
    """When to ask again; after a while where the answer holds for its own instant only."""
    if changeset.record.status == "resolved" or answer["valid_until"] is None:
        return None
    until = parse_time(answer["valid_until"])
    return until if until > parse_time(answer["as_of"]) else changeset.now + ASK_AGAIN_AFTER
